"""`--github`: outputs, a step summary, annotations, and a log that no value can steer.

Source: docs.github.com, "Workflow commands for GitHub Actions".
"""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from identity_reconciler.cli.options import PlanFormat
from identity_reconciler.errors import UsageError

if TYPE_CHECKING:
    from identity_reconciler.render.document import PlanDocument

_OUTPUT, _SUMMARY = "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"


@dataclass(frozen=True, slots=True)
class GithubStep:
    """The files through which one step of a GitHub job speaks to the job."""

    output: Path
    summary: Path
    told: list[PlanDocument] = field(default_factory=list)
    """The plans that the outputs are about so far."""

    def write(self, plans: Sequence[PlanDocument]) -> None:
        """Add *plans* to the summary, and write the outputs of all that have been told.

        Of outputs with the same name the job takes the last.

        Raises:
            UsageError: A file cannot be written.
        """
        self.told.extend(plans)
        try:
            _append(self.output, "".join(_output(*one) for one in outputs(self.told).items()))
            _append(self.summary, self._summary(plans))
        except OSError as error:
            raise UsageError(
                f"cannot write {error.filename}: {error.strerror}; --github needs the files that "
                f"{_OUTPUT} and {_SUMMARY} name"
            ) from error

    def _summary(self, plans: Sequence[PlanDocument]) -> str:
        """Return what fits after what the step has written before."""
        from identity_reconciler.render.fitting import Budget
        from identity_reconciler.render.markdown import SUMMARY, plan_markdown

        used = self.summary.stat().st_size if self.summary.exists() else 0
        share = Budget((SUMMARY.limit - used) // max(len(plans), 1), SUMMARY.size)
        texts = (plan_markdown(plan, share) for plan in plans)
        return "".join(text for text in texts if SUMMARY.size(text) <= share.limit)


def github_step(output_format: PlanFormat, *, wanted: bool) -> GithubStep | None:
    """Return the step that the environment describes; None when it is not *wanted*.

    Raises:
        UsageError: There is none, or what is printed has to stay JSON.
    """
    if not wanted:
        return None
    missing = [name for name in (_OUTPUT, _SUMMARY) if not os.environ.get(name)]
    if missing:
        raise UsageError(
            f"--github is for a step of a GitHub job, and {' and '.join(missing)} "
            f"{'is' if len(missing) == 1 else 'are'} not set; leave it out elsewhere"
        )
    if output_format is PlanFormat.JSON:
        raise UsageError(
            "--github puts workflow commands around what is printed, which would not be JSON any "
            "more; take --format text or markdown, and save the JSON with --out"
        )
    return GithubStep(Path(os.environ[_OUTPUT]), Path(os.environ[_SUMMARY]))


def report(step: GithubStep | None, plans: Sequence[PlanDocument], directory: Path | None) -> None:
    """Tell *step*, if any, of *plans*, and annotate the files they come from.

    The plans are those of the instances in *directory*, in their order; None: nobody knows where
    their files are, so none is annotated.

    Raises:
        UsageError: A file of the step cannot be written.
    """
    if step is None:
        return
    if directory is not None:
        sys.stdout.write(_annotations(plans, directory))
    step.write(plans)


def outputs(plans: Sequence[PlanDocument]) -> dict[str, str]:
    """Return the outputs of a step by their names; for several plans sums, and a digest a line."""
    from identity_reconciler.render.planfile import plan_digest

    counts = [count for plan in plans for count in plan.counts.values()]
    losses = any(access.effect == "loses" for plan in plans for access in plan.access)
    return {
        "digest": "\n".join(map(plan_digest, plans)),
        "changes": _truth(any(plan.changes for plan in plans)),
        "blocked": _truth(any(one.standing == "blocked" for plan in plans for one in plan.guards)),
        "removes_access": _truth(losses),
        "created": str(sum(count.create for count in counts)),
        "updated": str(sum(count.update for count in counts)),
        "renamed": str(sum(count.rename for count in counts)),
        "removed": str(sum(count.delete for count in counts)),
    }


def _truth(value: bool) -> str:
    return "true" if value else "false"


def _output(name: str, value: str) -> str:
    if "\n" not in value:
        return f"{name}={value}\n"
    # Nobody can write a value that ends where it must not, for the end is not known before.
    end = f"end-{secrets.token_hex(16)}"
    return f"{name}<<{end}\n{value}\n{end}\n"


def _append(path: Path, text: str) -> None:
    with path.open("a", encoding="utf-8", newline="\n") as file:
        file.write(text)


def _annotations(plans: Sequence[PlanDocument], directory: Path) -> str:
    from identity_reconciler.cli.git import repository_prefix
    from identity_reconciler.desired.loader import instance_directories
    from identity_reconciler.render.annotations import plan_annotations

    return "".join(
        plan_annotations(plan, repository_prefix(instance))
        for plan, instance in zip(plans, instance_directories(directory), strict=True)
    )


@contextmanager
def without_commands(step: GithubStep | None) -> Iterator[None]:
    """Keep the runner of *step*, if any, from obeying what is printed in the block."""
    if step is None:
        yield
        return
    # Nobody can print the line that ends it, for the token is not known before.
    token = secrets.token_hex(16)
    _say(f"::stop-commands::{token}")
    try:
        yield
    finally:
        _say(f"::{token}::")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
