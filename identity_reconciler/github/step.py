"""`--github`: outputs, a step summary, annotations, and a log that no value can steer.

Source: docs.github.com, "Workflow commands for GitHub Actions".
"""

from __future__ import annotations

import secrets
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from identity_reconciler.errors import UsageError
from identity_reconciler.render.annotations import plan_annotations
from identity_reconciler.render.document import PlanDocument
from identity_reconciler.render.fitting import SizeLimit
from identity_reconciler.render.links import NOWHERE, Lines, lines_of
from identity_reconciler.render.markdown import SUMMARY, plan_markdown
from identity_reconciler.render.planfile import plan_digest
from identity_reconciler.render.words import blocked, loosened

_OUTPUT, _SUMMARY = "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"


@dataclass(frozen=True, slots=True)
class GithubStep:
    """The files through which one step of a GitHub job speaks to the job."""

    output: Path
    summary: Path
    told: list[PlanDocument] = field(default_factory=list)
    """The plans that the outputs are about so far."""
    lines: Lines = NOWHERE
    """Where the lines of the desired state can be looked at."""

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
        used = self.summary.stat().st_size if self.summary.exists() else 0
        share = SizeLimit((SUMMARY.limit - used) // max(len(plans), 1), SUMMARY.size)
        texts = (plan_markdown(plan, share, self.lines) for plan in plans)
        return "".join(text for text in texts if SUMMARY.size(text) <= share.limit)


def github_step(environment: Mapping[str, str], *, as_json: bool) -> GithubStep:
    """Return the step that *environment* describes; *as_json* says that plans are printed so.

    Raises:
        UsageError: There is none, or what is printed has to stay JSON.
    """
    missing = [name for name in (_OUTPUT, _SUMMARY) if not environment.get(name)]
    if missing:
        raise UsageError(
            f"--github is for a step of a GitHub job, and {' and '.join(missing)} "
            f"{'is' if len(missing) == 1 else 'are'} not set; leave it out elsewhere"
        )
    if as_json:
        raise UsageError(
            "--github puts workflow commands around what is printed, which would not be JSON any "
            "more; take --format text or markdown, and save the JSON with --out"
        )
    lines = lines_of(environment)
    return GithubStep(Path(environment[_OUTPUT]), Path(environment[_SUMMARY]), lines=lines)


def report(
    step: GithubStep | None, plans: Sequence[PlanDocument], prefixes: Sequence[str] | None
) -> None:
    """Tell *step*, if any, of *plans*, and annotate the files they come from.

    *prefixes* are the paths of their instances' directories in the repository, each with a slash
    at its end, in the order of the plans; None: nobody knows where their files are, so none is
    annotated.

    Raises:
        UsageError: A file of the step cannot be written.
    """
    if step is None:
        return
    if prefixes is not None:
        sys.stdout.write("".join(map(plan_annotations, plans, prefixes)))
    step.write(plans)


def outputs(plans: Sequence[PlanDocument]) -> dict[str, str]:
    """Return the outputs of a step by their names; for several plans sums, and a digest a line."""
    counts = [count for plan in plans for count in plan.counts.values()]
    losses = any(access.effect == "loses" for plan in plans for access in plan.access)
    return {
        "digest": "\n".join(map(plan_digest, plans)),
        "changes": _truth(value=any(plan.changes for plan in plans)),
        "blocked": _truth(value=any(map(blocked, plans))),
        "removes_access": _truth(value=losses),
        "loosens_control": _truth(value=any(map(loosened, plans))),
        "created": str(sum(count.create for count in counts)),
        "updated": str(sum(count.update for count in counts)),
        "renamed": str(sum(count.rename for count in counts)),
        "removed": str(sum(count.delete for count in counts)),
        "unresolved": str(sum(len(plan.unresolved) for plan in plans)),
    }


def _truth(*, value: bool) -> str:
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
