"""`init`: from a live instance to a repository whose first plan is empty."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from identity_reconciler.cli.options import (
    DEFAULT_DIRECTORY,
    EndpointUrl,
    RateOption,
    UseSandbox,
)
from identity_reconciler.desired.placing import Layout
from identity_reconciler.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from identity_reconciler.cli.finding import Found

_CODEOWNERS = Path(".github/CODEOWNERS")
_NEXT = (
    "next: deploy what `identity-reconciler iam-policy cloudformation --repository OWNER/REPO` "
    "prints, set the variables IDENTITY_PLAN_ROLE_ARN, IDENTITY_APPLY_ROLE_ARN and "
    "IDENTITY_EXPIRE_ROLE_ARN of the repository to the roles, and make the environments `identity` "
    "(with reviewers) and `identity-expire`, both for main only; until then the workflows use a "
    "sandbox"
)


def init(
    directory: Annotated[
        Path, typer.Argument(help="Where to write the YAML; must not hold any settings yet.")
    ] = DEFAULT_DIRECTORY,
    region: Annotated[str | None, typer.Option(help="The region of the instance.")] = None,
    instance_arn: Annotated[
        str | None, typer.Option(help="Which instance, where there are several.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="What you call it. Default: main.")] = None,
    layout: Annotated[
        Layout, typer.Option(help="How to spread users and groups over files.")
    ] = Layout.BY_KIND,
    owners: Annotated[
        str | None, typer.Option(help="Who reviews changes, for CODEOWNERS: @org/team.")
    ] = None,
    approvers: Annotated[
        str | None, typer.Option(help="Who reviews approvals.yaml, for CODEOWNERS.")
    ] = None,
    github: Annotated[
        bool,
        typer.Option(
            "--github", help="Write workflows to .github as well; only these if there are settings."
        ),
    ] = False,
    reviewers: Annotated[
        bool,
        typer.Option(
            "--reviewers/--no-reviewers",
            help="Whether the environment `identity` has required reviewers. Without, what the "
            "plan of the pull request showed is applied.",
        ),
    ] = True,
    sandbox: UseSandbox = False,
    endpoint_url: EndpointUrl = None,
    rate: RateOption = None,
) -> int:
    """Find the instance, write its settings and everything that is live, and what reviews it.

    Asks on a terminal for what the options leave open.
    """
    from datetime import UTC, datetime

    from identity_reconciler.cli.connection import Target
    from identity_reconciler.cli.finding import as_instance, caller, clients_for, instances
    from identity_reconciler.cli.github_files import github_files
    from identity_reconciler.cli.import_ import adopt_and_tell, read_everything
    from identity_reconciler.cli.output import note
    from identity_reconciler.cli.rates import parse_rates
    from identity_reconciler.cli.rewriting import finish
    from identity_reconciler.cli.settings_text import IGNORED, settings_text
    from identity_reconciler.desired.files import SETTINGS_FILE
    from identity_reconciler.desired.importing import Choice
    from identity_reconciler.desired.rewriting import Rewrite

    workflows = github_files(directory, reviewers=reviewers) if github else {}
    rewrite = Rewrite(directory)
    if github and SETTINGS_FILE in rewrite.contents:
        note(f"{directory / SETTINGS_FILE} is there already; nothing else is written")
        _write_workflows(workflows)
        return ExitCode.SUCCESS
    if SETTINGS_FILE in rewrite.contents:
        raise UsageError(f"{directory / SETTINGS_FILE} is there already; `import` goes on from it")
    if (owners is None) != (approvers is None):
        raise UsageError("give both --owners and --approvers, or neither")
    target = Target(sandbox, endpoint_url, parse_rates(rate))
    with clients_for(target, region) as clients:
        found = _chosen(instances(clients), instance_arn)
        called = name or _asked("What do you call this instance?", "main")
        instance = as_instance(found, called, clients.region, caller(clients))
        live = read_everything(target.open(clients, instance), IGNORED)
    text = settings_text(instance, live)
    rewrite.put(SETTINGS_FILE, text.encode())
    adopt_and_tell(rewrite, rewrite.declared(), live, Choice(datetime.now(UTC), layout))
    code = finish(rewrite, write=True)
    _write_codeowners(
        directory,
        owners or _asked("Who reviews changes of the YAML (@org/team; empty: nobody yet)?", ""),
        approvers or _asked("Who reviews approvals (@org/team; empty: nobody yet)?", ""),
    )
    _write_workflows(workflows)
    return code


def _asked(question: str, default: str) -> str:
    """Return an answer from the terminal, or *default* where nobody can be asked."""
    if not sys.stdin.isatty():
        return default
    answer: str = typer.prompt(question, default=default, show_default=bool(default), err=True)
    return answer


def _chosen(found: list[Found], arn: str | None) -> Found:
    if not found:
        raise UsageError(
            "these credentials lead to no instance of IAM Identity Center in this region; give "
            "--region, or use credentials of the account that owns it"
        )
    by_arn = {one.arn: one for one in found}
    if arn is None and len(found) > 1:
        arn = _asked(f"Which instance: {', '.join(by_arn)}?", "") or None
    if arn is None and len(found) == 1:
        return found[0]
    if arn not in by_arn:
        raise UsageError(f"give --instance-arn, one of: {', '.join(by_arn)}")
    return by_arn[arn]


def _write_codeowners(directory: Path, owners: str, approvers: str) -> None:
    from identity_reconciler.cli.output import note
    from identity_reconciler.desired.rewriting import replace_file

    if not (owners and approvers):
        note("no CODEOWNERS was written; give --owners and --approvers to have one")
        return
    # The last line that matches counts, so the narrower one comes last.
    where = f"/{directory.as_posix().strip('/')}"
    lines = f"{where}/ {owners}\n{where}/approvals.yaml {approvers}\n"
    if _CODEOWNERS.exists():
        note(f"{_CODEOWNERS} is there already; add these lines to it:\n{lines}")
        return
    replace_file(_CODEOWNERS, lines.encode())
    note(f"wrote {_CODEOWNERS}")


def _write_workflows(files: Mapping[Path, bytes]) -> None:
    """Write *files* that are not there yet; those that differ are the user's and stay."""
    from identity_reconciler.cli.output import note
    from identity_reconciler.desired.rewriting import replace_file

    for path, content in sorted(files.items()):
        if not path.exists():
            replace_file(path, content)
            note(f"wrote {path}")
        elif path.read_bytes() != content:
            note(f"{path} is there already and differs; it stays as it is")
    if files:
        note(_NEXT)
