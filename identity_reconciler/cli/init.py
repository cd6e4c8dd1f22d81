"""`init`: from a live instance to a repository whose first plan is empty."""

from __future__ import annotations

import re
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Annotated

import typer

from identity_reconciler import __version__
from identity_reconciler.cli.options import (
    DEFAULT_DIRECTORY,
    EndpointUrl,
    RateOption,
    UseSandbox,
)
from identity_reconciler.core.declared import Ignore
from identity_reconciler.desired.writing.placing import Layout
from identity_reconciler.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from identity_reconciler.core.declared import Instance
    from identity_reconciler.core.state import Group, State, User
    from identity_reconciler.gateway.reading.instances import ListedInstance


IGNORED = Ignore(
    groups=(
        "AWSAccountFactory*",
        "AWSAuditAccount*",
        "AWSControlTower*",
        "AWSLogArchive*",
        "AWSSecurity*",
        "AWSServiceCatalog*",
    )
)
"""What Control Tower makes and depends on."""


def settings_text(instance: Instance, live: State) -> str:
    """Return settings for *instance*, of which *live* is what there is."""
    from identity_reconciler.desired.yaml.emit import scalar

    delegated = instance.delegated_administrator
    lines = [
        "# Which instance of IAM Identity Center this is about, and how much of it is managed.",
        "instance:",
        f"  name: {scalar(instance.name)}",
        f"  region: {scalar(instance.region)}",
        f'  account_id: "{instance.account_id}"',
        *([f'  delegated_administrator: "{delegated}"'] if delegated else []),
        f"  instance_arn: {instance.instance_arn}",
        f"  identity_store_id: {instance.identity_store_id}",
        "",
        "manage:",
        f"  users: {_mode(live.users.values())}",
        "  groups: declared # deletion needs `state: absent`",
        "  memberships: authoritative # who is not listed in a group is removed from it",
        "  assignments: authoritative",
        "",
        "# Control Tower makes these groups and depends on them.",
        "ignore:",
        "  groups:",
        *(f"    - {pattern}" for pattern in IGNORED.groups),
    ]
    return "".join(f"{line}\n" for line in lines)


def _mode(objects: Collection[User] | Collection[Group]) -> str:
    if objects and all(one.foreign for one in objects):
        return "reference # an identity provider owns all of them"
    return "declared # deletion needs `state: absent`"


_TEMPLATES = resources.files("identity_reconciler") / "templates" / "github"
_APPROVED = "workflows/apply-approved.yml"
_REVIEWED = "workflows/apply.yml"
_PLAIN = re.compile(r"[\w.-]+(/[\w.-]+)*", re.ASCII)
"""A path that needs no quotes, in YAML or in a shell."""


def github_files(directory: Path, *, reviewers: bool) -> dict[Path, bytes]:
    """Return what belongs below `.github`, by its path, for the desired state in *directory*.

    With *reviewers* somebody approves the plan of the merged commit; without, the plan of the
    pull request is what may be applied.

    Raises:
        UsageError: *directory* is no plain path below the root of the repository.
    """
    path = directory.as_posix()
    if not _PLAIN.fullmatch(path) or ".." in directory.parts:
        raise UsageError(
            f"{path} cannot stand in a workflow; --github needs a path below the root of the "
            "repository, of letters, digits, `.`, `-` and `_`"
        )
    found = dict(_templates(_TEMPLATES, PurePosixPath()))
    approved = found.pop(_APPROVED)
    if not reviewers:
        found[_REVIEWED] = approved
    return {Path(".github", name): _fitted(text, path).encode() for name, text in found.items()}


def _templates(folder: Traversable, at: PurePosixPath) -> Iterator[tuple[str, str]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _templates(entry, at / entry.name)
        else:
            yield str(at / entry.name), entry.read_text(encoding="utf-8")


def _fitted(text: str, directory: str) -> str:
    """Return *text* for this version of the tool, and for *directory*."""
    text = re.sub(r"\bidentity-reconciler==[\w.]+", f"identity-reconciler=={__version__}", text)
    return re.sub(r"(?<= )desired-state(?= |$)", directory, text, flags=re.MULTILINE)


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
    from identity_reconciler.cli.edit import finish
    from identity_reconciler.cli.finding import as_instance, clients_for
    from identity_reconciler.cli.import_ import adopt_and_tell, read_everything
    from identity_reconciler.cli.options import parse_rates
    from identity_reconciler.cli.output import note
    from identity_reconciler.desired.reading.files import SETTINGS_FILE
    from identity_reconciler.desired.writing.importing import Choice
    from identity_reconciler.desired.writing.rewrite import Rewrite
    from identity_reconciler.gateway.reading.instances import caller, list_instances

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
        found = _chosen(list_instances(clients, everywhere=False), instance_arn)
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


def _chosen(found: Sequence[ListedInstance], arn: str | None) -> ListedInstance:
    if not found:
        raise UsageError(
            "these credentials lead to no instance of IAM Identity Center in this region; give "
            "--region, or use credentials of the account that owns it"
        )
    by_arn = {one.instance_arn: one for one in found}
    if arn is None and len(found) > 1:
        arn = _asked(f"Which instance: {', '.join(by_arn)}?", "") or None
    if arn is None and len(found) == 1:
        return found[0]
    if arn not in by_arn:
        raise UsageError(f"give --instance-arn, one of: {', '.join(by_arn)}")
    return by_arn[arn]


def _write_codeowners(directory: Path, owners: str, approvers: str) -> None:
    from identity_reconciler.cli.output import note
    from identity_reconciler.desired.writing.replacement import replace_file

    if not (owners and approvers):
        note("no CODEOWNERS was written; give --owners and --approvers to have one")
        return
    # The last line that matches counts, so the narrower one comes last.
    where = f"/{directory.as_posix().strip('/')}"
    lines = f"{where}/ {owners}\n{where}/approvals.yaml {approvers}\n"
    if _CODEOWNERS.exists():
        note(f"{_CODEOWNERS} is there already; add these lines to it:", *lines.splitlines())
        return
    replace_file(_CODEOWNERS, lines.encode(), parents=True)
    note(f"wrote {_CODEOWNERS}")


def _write_workflows(files: Mapping[Path, bytes]) -> None:
    """Write *files* that are not there yet; those that differ are the user's and stay."""
    from identity_reconciler.cli.output import note
    from identity_reconciler.desired.writing.replacement import replace_file

    for path, content in sorted(files.items()):
        if not path.exists():
            replace_file(path, content, parents=True)
            note(f"wrote {path}")
        elif path.read_bytes() != content:
            note(f"{path} is there already and differs; it stays as it is")
    if files:
        note(_NEXT)
