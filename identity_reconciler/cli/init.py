"""`init`: from a live instance to a repository whose first plan is empty."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from identity_reconciler.cli.interview import Interview
from identity_reconciler.cli.options import (
    DEFAULT_DIRECTORY,
    EndpointUrl,
    ProfileName,
    RateOption,
    ServiceApplications,
    UseSandbox,
)
from identity_reconciler.core.declared import Ignore
from identity_reconciler.desired.writing.layout import Layout
from identity_reconciler.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from identity_reconciler.cli.connection import Target
    from identity_reconciler.core.declared import Instance
    from identity_reconciler.core.state import Group, State, User
    from identity_reconciler.desired.writing.rewrite import Rewrite
    from identity_reconciler.gateway.reading.instances import ListedInstance
    from identity_reconciler.gateway.wire.clients import Clients
    from identity_reconciler.github.workflow_files import Destination


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
    from identity_reconciler.desired.model.schema import INSTANCE
    from identity_reconciler.desired.reading.files import SETTINGS_FILE
    from identity_reconciler.desired.writing.editors import editor_line
    from identity_reconciler.desired.yaml.emit import scalar

    delegated = instance.delegated_administrator
    lines = [
        editor_line(SETTINGS_FILE, INSTANCE),
        "#",
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


_GITIGNORE = Path(".gitignore")
_IGNORED_BY_GIT = (".identity-reconciler/", "plan*.json")
_NEXT = (
    "next: make the environments `identity` (with reviewers) and `identity-expire`, both for main "
    "only; deploy what `identity-reconciler iam-policy cloudformation --repository {repository} "
    "--repository-id ID` prints; set the variables IDENTITY_PLAN_ROLE_ARN, IDENTITY_APPLY_ROLE_ARN "
    "and IDENTITY_EXPIRE_ROLE_ARN of the repository to the roles. Until then the workflows use a "
    "sandbox, and until they are on main no pull request is planned"
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
        str | None, typer.Option(help="Who reviews settings, approvals and `.github`.")
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
    repository: Annotated[
        str | None,
        typer.Option(metavar="OWNER/NAME", help="For --github: the repository it will run in."),
    ] = None,
    tool: Annotated[
        str | None,
        typer.Option(
            metavar="OWNER/NAME@COMMIT",
            help="For --github: where jobs get this tool. Default: what it was installed from, if "
            "that was a commit on GitHub.",
        ),
    ] = None,
    codeowner: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=@HANDLE",
            help="For --github, where there is YAML: what GitHub calls an owner, a user name or "
            "group/NAME; may be repeated. Tells the lines of CODEOWNERS that `owners` give.",
        ),
    ] = None,
    service_applications: ServiceApplications = False,
    sandbox: UseSandbox = False,
    endpoint_url: EndpointUrl = None,
    profile: ProfileName = None,
    rate: RateOption = None,
) -> int:
    """Find the instance, write its settings and everything that is live, and what reviews it.

    Asks on a terminal for what the options leave open.
    """
    from identity_reconciler.cli.connection import Target
    from identity_reconciler.cli.options import parse_rates
    from identity_reconciler.cli.output import note
    from identity_reconciler.desired.reading.files import SETTINGS_FILE
    from identity_reconciler.desired.writing.rewrite import Rewrite

    interview = Interview()
    with interview.kept():
        handles = _handles(codeowner or ())
        place = _place(directory, repository, tool, interview) if github else None
        rewrite = Rewrite(directory)
        if github and SETTINGS_FILE in rewrite.contents:
            note(f"{directory / SETTINGS_FILE} is there already; nothing else is written")
            _write_workflows(place, reviewers=reviewers)
            _tell_owners(rewrite, handles)
            return ExitCode.SUCCESS
        if handles:
            raise UsageError(
                "--codeowner goes with --github, where YAML is there and says who the owners are"
            )
        if SETTINGS_FILE in rewrite.contents:
            raise UsageError(
                f"{directory / SETTINGS_FILE} is there already; `import` goes on from it"
            )
        if (owners is None) != (approvers is None):
            raise UsageError("give both --owners and --approvers, or neither")
        target = Target(sandbox, endpoint_url, parse_rates(rate), profile=profile)
        begin = _Beginning(rewrite, layout, service_applications)
        with begin.found(target, region, instance_arn, interview) as found:
            called = name or interview.ask("--name", _NAME, "main", _name_objection)
            if why := _name_objection(called):
                raise UsageError(f"--name: {why}")
            owners = owners or interview.ask("--owners", _OWNERS, "")
            approvers = approvers or interview.ask("--approvers", _APPROVERS, "")
            quiet = begin.adopt(found, called)
        _write_gitignore()
        _write_codeowners(directory, owners, approvers)
        _write_workflows(place, reviewers=reviewers)
        begin.write()
    words = ["--sandbox"] if sandbox else []
    words += [str(directory)] if directory != DEFAULT_DIRECTORY else []
    note(
        f"next: `{shlex.join(['identity-reconciler', 'doctor', *words])}` says what is missing",
        f"next: `{shlex.join(['identity-reconciler', 'plan', *words])}` finds "
        + ("nothing to change" if quiet else "no more to change than the notes above say"),
        "then commit all of it",
    )
    return ExitCode.SUCCESS


def _name_objection(name: str) -> str | None:
    """Return why an instance cannot be called *name*, before anything is read."""
    from pydantic import TypeAdapter

    from identity_reconciler.desired.model.text import InstanceName
    from identity_reconciler.desired.writing.exporter import objection

    return objection(TypeAdapter(InstanceName).validate_python, name)


_NAME = "What do you call this instance?"
_OWNERS = "Who reviews changes of the YAML (@org/team; empty: nobody yet)?"
_APPROVERS = "Who reviews settings, approvals and .github (@org/team; empty: nobody yet)?"


@dataclass
class _Beginning:
    """The files of a directory that begins with what is live."""

    rewrite: Rewrite
    layout: Layout
    services: bool

    @contextmanager
    def found(
        self, target: Target, region: str | None, arn: str | None, interview: Interview
    ) -> Iterator[_Found]:
        """Yield the instance that is meant, while it can be read."""
        from identity_reconciler.cli.finding import clients_for
        from identity_reconciler.gateway.reading.instances import list_instances

        with clients_for(target, region) as clients:
            listed = _chosen(list_instances(clients, everywhere=False), arn, interview)
            yield _Found(target, clients, listed)

    def adopt(self, found: _Found, name: str) -> bool:
        """Have the files say what is live; return what `adopt_and_tell` does."""
        from datetime import UTC, datetime

        from identity_reconciler.cli.finding import as_instance
        from identity_reconciler.cli.import_ import adopt_and_tell, read_everything
        from identity_reconciler.desired.reading.files import SETTINGS_FILE
        from identity_reconciler.desired.writing.importing import Choice
        from identity_reconciler.gateway.reading.instances import caller

        clients = found.clients
        instance = as_instance(found.listed, name, clients.region, caller(clients))
        live = read_everything(found.target.open(clients, instance), IGNORED)
        self.rewrite.for_editors = True
        self.rewrite.put(SETTINGS_FILE, settings_text(instance, live).encode())
        choice = Choice(datetime.now(UTC), self.layout, services=self.services)
        quiet = adopt_and_tell(self.rewrite, self.rewrite.declared(), live, choice)
        self.rewrite.declared()
        return quiet

    def write(self) -> None:
        """Write the files, and the schemas for editors, and count what is in them."""
        from identity_reconciler.cli.edit import finish
        from identity_reconciler.cli.output import note
        from identity_reconciler.desired.writing.editors import FOLDER, schema_files
        from identity_reconciler.desired.writing.replacement import replace_file

        for file, data in schema_files().items():
            replace_file(self.rewrite.directory / file, data, parents=True)
        note(f"wrote {self.rewrite.directory / FOLDER}, with which editors complete and check")
        finish(self.rewrite, write=True, counted=True)


@dataclass(frozen=True)
class _Found:
    """An instance, and who can read it."""

    target: Target
    clients: Clients
    listed: ListedInstance


def _place(
    directory: Path, repository: str | None, tool: str | None, interview: Interview
) -> Destination:
    from identity_reconciler.github.workflow_files import Destination, Tool

    pinned = Tool.parsed(tool) if tool else Tool.installed()
    if pinned is None:
        raise UsageError(
            "give --tool OWNER/NAME@COMMIT: jobs run this tool as it is at a commit on GitHub, and "
            "what it was installed from here does not say which"
        )
    called = repository or interview.ask("--repository", _REPOSITORY, "")
    if not called:
        raise UsageError(
            "give --repository OWNER/NAME: pull requests are planned by the workflow of its main"
        )
    return Destination(directory, called, pinned)


_REPOSITORY = "Which repository on GitHub will it run in (OWNER/NAME)?"


def _chosen(
    found: Sequence[ListedInstance], arn: str | None, interview: Interview
) -> ListedInstance:
    if not found:
        raise UsageError(
            "these credentials lead to no instance of IAM Identity Center in this region; give "
            "--region, or use credentials of the account that owns it"
        )
    by_arn = {one.instance_arn: one for one in found}
    if arn is None and len(found) > 1:
        question = f"Which instance: {', '.join(by_arn)}?"
        arn = interview.ask("--instance-arn", question, "") or None
    if arn is None and len(found) == 1:
        return found[0]
    if arn not in by_arn:
        raise UsageError(f"give --instance-arn, one of: {', '.join(by_arn)}")
    return by_arn[arn]


def _handles(given: Sequence[str]) -> dict[str, str]:
    """Return what GitHub calls owners, by folded `user/NAME` or `group/NAME`."""
    from identity_reconciler.core.state import folded
    from identity_reconciler.github.codeowners import is_handle

    found: dict[str, str] = {}
    for one in given:
        name, _, handle = one.rpartition("=")
        if not name or not is_handle(handle):
            raise UsageError(
                f"--codeowner {one}: expected NAME=@HANDLE, such as janedoe=@jane or "
                "group/platform-leads=@example/leads"
            )
        found[folded(name if name.startswith(("user/", "group/")) else f"user/{name}")] = handle
    return found


def _tell_owners(rewrite: Rewrite, handles: dict[str, str]) -> None:
    """Tell the lines of CODEOWNERS that the owners of groups and applications give."""
    from identity_reconciler.cli.output import note
    from identity_reconciler.github.codeowners import PLACES, owned_files, owned_line

    if not handles:
        return
    owned = list(owned_files(rewrite.declared(), handles))
    directory = rewrite.directory.as_posix().strip("/")
    lines = [owned_line(directory, one) for one in owned if one.handles]
    if lines:
        note(f"add these lines to {PLACES[0]}, below that of the whole directory:", *lines)
    for one in owned:
        if one.trouble:
            note(f"no line for {one.file}: {one.trouble}")
    if not owned:
        note("nothing in the YAML has `owners`, so there is no line for CODEOWNERS")


def _write_codeowners(directory: Path, owners: str, approvers: str) -> None:
    from identity_reconciler.cli.output import note
    from identity_reconciler.desired.writing.replacement import replace_file
    from identity_reconciler.github.codeowners import PLACES, owners_lines

    if not (owners and approvers):
        note("no CODEOWNERS was written; give --owners and --approvers to have one")
        return
    lines = owners_lines(directory.as_posix().strip("/"), owners, approvers)
    there = next((place for place in PLACES if Path(place).exists()), None)
    if there is not None and Path(there).read_bytes() == lines.encode():
        return
    if there is not None:
        note(f"{there} is there already; add these lines to it:", *lines.splitlines())
        return
    replace_file(Path(PLACES[0]), lines.encode(), parents=True)
    note(f"wrote {PLACES[0]}")


def _write_gitignore() -> None:
    """Have Git leave alone what holds names: saved plans, journals and the sandbox."""
    from identity_reconciler.cli.output import note
    from identity_reconciler.desired.writing.replacement import replace_file

    before = _GITIGNORE.read_bytes() if _GITIGNORE.exists() else b""
    missing = [entry for entry in _IGNORED_BY_GIT if entry.encode() not in before.split()]
    if missing:
        end = b"\r\n" if b"\r\n" in before else b"\n"
        gap = end if before and not before.endswith(b"\n") else b""
        added = b"".join(entry.encode() + end for entry in missing)
        replace_file(_GITIGNORE, before + gap + added)
        note(f"{_GITIGNORE} ignores {' and '.join(missing)}, which hold names and addresses")


def _write_workflows(place: Destination | None, *, reviewers: bool) -> None:
    """Write files that are not there yet; those that differ are the user's and stay."""
    from identity_reconciler.cli.output import note
    from identity_reconciler.desired.writing.replacement import replace_file
    from identity_reconciler.github.workflow_files import workflow_files

    if place is None:
        return
    for path, content in sorted(workflow_files(place, reviewers=reviewers).items()):
        if not path.exists():
            replace_file(path, content, parents=True)
            note(f"wrote {path}")
        elif path.read_bytes() != content:
            note(f"{path} is there already and differs; it stays as it is")
    note(_NEXT.format(repository=place.repository))
