"""Look where an audit is to look: into the YAML, one instance, after a plan, or everywhere."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ParamSpec

import typer

from identity_reconciler.audit.report import ReportFormat
from identity_reconciler.audit.reports.expiring import ExpiringQuestion
from identity_reconciler.cli.connection import Target, connected, connected_for, open_sandbox
from identity_reconciler.cli.help import taking
from identity_reconciler.cli.options import (
    DEFAULT_DIRECTORY,
    Color,
    ColorChoice,
    DirectoryArgument,
    EndpointUrl,
    ProfileName,
    RateOption,
    UseSandbox,
    parse_rates,
)
from identity_reconciler.errors import ExitCode, UsageError

if TYPE_CHECKING:
    import boto3

    from identity_reconciler.audit.inspection import Inspection, Site
    from identity_reconciler.audit.report import Edition, Question
    from identity_reconciler.core.declared import Declared
    from identity_reconciler.core.state import State
    from identity_reconciler.gateway import Wanted
    from identity_reconciler.gateway.aws import AwsGateway


def whole_organization(question: Question, options: AuditOptions) -> tuple[Inspection, str]:
    """Return what every account has to show for *question*, and what it was made from.

    With `--resume` everything is read, so that the file answers every other question too.

    Raises:
        GatewayError: The accounts could not be listed.
        UsageError: There is no Region to begin in, or the file of `--resume` does not fit.
    """
    from identity_reconciler.audit.collection import Collection, collect, with_declared
    from identity_reconciler.audit.memory import About, AccountFile
    from identity_reconciler.audit.report import EVERYTHING
    from identity_reconciler.cli.output import progress
    from identity_reconciler.gateway.organization import Organization, Reach

    role, regions = options.role or "", tuple(options.region or ())
    collection = Collection(question.wanted)
    if options.resume is not None:
        collection = Collection(EVERYTHING, AccountFile(options.resume, About(role, regions)))
    known = len(collection.memory.visits())
    declared = _declared_by_arn(options.directory)
    with _session(options) as session:
        begin = next(iter(regions), session.region_name)
        if begin is None:
            raise UsageError("there is no Region to begin in; set AWS_REGION or give --region")
        target = options.target
        rates = target.sandbox_rates() if options.sandbox else target.rates
        organization = Organization(
            session, Reach(role, begin, regions, options.endpoint_url, rates)
        )
        with progress("looking into the accounts", lambda: organization.requests):
            inspection = collect(organization, collection)
    basis = f"live state of {len(inspection.visits)} accounts"
    if known:
        basis += f", {known} of them as kept in {options.resume}"
    return with_declared(inspection, declared), basis


@contextmanager
def _session(options: AuditOptions) -> Iterator[boto3.Session]:
    """Yield the session that lists the accounts: the default one, or that of the sandbox."""
    if options.sandbox:
        with open_sandbox() as sandbox:
            yield sandbox.session()
    else:
        from identity_reconciler.gateway.wire.clients import make_session

        yield make_session(options.profile)


_Own = ParamSpec("_Own")


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditOptions:
    """Where to look and how to show what was found: the options of every `audit` command."""

    directory: DirectoryArgument = DEFAULT_DIRECTORY
    output_format: Annotated[
        ReportFormat,
        typer.Option("--format", help="How to write it; a table is plain text in a pipe."),
    ] = ReportFormat.TABLE
    out: Annotated[
        Path | None, typer.Option(help="Write it to this file, readable by you only; - is stdout.")
    ] = None
    desired: Annotated[
        bool, typer.Option("--desired", help="Answer from the YAML alone, without AWS.")
    ] = False
    plan: Annotated[
        Path | None,
        typer.Option(metavar="PLAN", help="Answer as if this saved plan were applied."),
    ] = None
    organization: Annotated[
        bool,
        typer.Option("--organization", help="Look into every account of the organisation."),
    ] = False
    role: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="With --organization: the role to assume in each."),
    ] = None
    region: Annotated[
        list[str] | None,
        typer.Option(
            metavar="REGION",
            help="With --organization: where to look for instances; several times for several "
            "Regions. Without it AWS is asked for those of all Regions.",
        ),
    ] = None
    resume: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="With --organization: keep what each account answers in this file, and ask only "
            "the accounts that are not in it yet.",
        ),
    ] = None
    results: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Answer from what the accounts of an organisation have answered: a copy of "
            "audit/results/NAME/, which the state machine keeps.",
        ),
    ] = None
    detailed_exitcode: Annotated[
        bool,
        typer.Option(
            "--detailed-exitcode",
            help="Exit with 2 when leavers, duplicates, orphans or expiring finds something.",
        ),
    ] = False
    sandbox: UseSandbox = False
    endpoint_url: EndpointUrl = None
    profile: ProfileName = None
    rate: RateOption = None
    color: ColorChoice = Color.AUTO

    @property
    def target(self) -> Target:
        """Where the requests go."""
        return Target(self.sandbox, self.endpoint_url, parse_rates(self.rate), profile=self.profile)

    def __post_init__(self) -> None:
        chosen = [
            name
            for name, given in (
                ("--desired", self.desired),
                ("--plan", self.plan),
                ("--organization", self.organization),
                ("--results", self.results),
            )
            if given
        ]
        if len(chosen) > 1:
            raise UsageError(f"{' and '.join(chosen)} exclude each other; give one")
        if self.organization and not self.role:
            raise UsageError("--organization needs --role: the name of the role in each account")
        only = {"--role": self.role, "--region": self.region, "--resume": self.resume}
        if not self.organization and any(only.values()):
            given = next(name for name, value in only.items() if value)
            raise UsageError(f"{given} goes with --organization")


def asked(question: Callable[_Own, Question]) -> Callable[..., int]:
    """Return the command that answers *question*: its arguments, then those of `AuditOptions`."""
    # What it returns is for the type checker; to import it would slow down every --help.
    signature = inspect.signature(question, eval_str=True, locals={"Question": object})
    own = signature.parameters
    shared = inspect.signature(AuditOptions, eval_str=True).parameters

    @functools.wraps(question)
    def command(**given: object) -> int:
        arguments = {name: given.pop(name) for name in own}
        options = AuditOptions(**given)  # type: ignore[arg-type]  # Typer has checked them.
        ask: Callable[..., Question] = question
        return _answer(ask(**arguments), options)

    return taking(command, (*own.values(), *shared.values()))


def _answer(question: Question, options: AuditOptions) -> int:
    from identity_reconciler.audit.report import Edition

    as_of = datetime.now(UTC).replace(microsecond=0)
    inspection, basis = inspected(question, options, as_of)
    report = question.answer(inspection)
    _show(Edition(report, as_of, basis, inspection.gaps), options)
    if inspection.gaps:
        return ExitCode.PARTIAL_APPLY
    if report.alarms and options.detailed_exitcode:
        return ExitCode.CHANGES
    return ExitCode.SUCCESS


def _show(edition: Edition, options: AuditOptions) -> None:
    import sys

    from identity_reconciler.audit.formats.writing import written
    from identity_reconciler.cli.output import console, note, write_out

    on_terminal = sys.stdout.isatty() or options.color is Color.ALWAYS
    if options.out is not None:
        if not write_out(options.out, written(edition, options.output_format).encode()):
            note(f"wrote {options.out}")
    elif options.output_format is ReportFormat.TABLE and on_terminal:
        from identity_reconciler.audit.formats.table import table

        console(options.color).print(table(edition))
    else:
        sys.stdout.buffer.write(written(edition, options.output_format).encode())


_CONNECTED = "ACTIVE"
"""The status of an instance that a gateway is open to: no other is let pass."""


def inspected(question: Question, options: AuditOptions, as_of: datetime) -> tuple[Inspection, str]:
    """Return what *question* needs to be answered, and what that was made from.

    Raises:
        InvalidInputError: The YAML is not valid.
        GatewayError: AWS could not be read; of an organisation, not even its accounts.
        StalePlanError: The saved plan is damaged.
    """
    elsewhere = options.organization or options.plan or options.results
    if isinstance(question, ExpiringQuestion) and elsewhere:
        raise UsageError("only the YAML knows when something expires; give its directory alone")
    if options.organization:
        return whole_organization(question, options)
    if options.results is not None:
        return _as_kept(options.results, options.directory)
    if options.plan is not None:
        return _after_plan(question, options.plan, options.target)
    return _of_directory(question, options, as_of)


def _as_kept(results: Path, directory: Path) -> tuple[Inspection, str]:
    from identity_reconciler.audit.aws_steps import kept_in
    from identity_reconciler.audit.collection import with_declared

    inspection = kept_in(results)
    basis = f"live state of {len(inspection.visits)} accounts as kept in {results}"
    return with_declared(inspection, _declared_by_arn(directory)), basis


def _declared_by_arn(directory: Path) -> dict[str, Declared]:
    from identity_reconciler.cli.loading import load_all

    declared = load_all(directory) if directory.is_dir() else []
    return {one.settings.instance.instance_arn: one for one in declared}


def _of_directory(
    question: Question, options: AuditOptions, as_of: datetime
) -> tuple[Inspection, str]:
    from identity_reconciler.audit.inspection import inspection_of
    from identity_reconciler.cli.loading import load_all

    loaded = load_all(options.directory)
    names = ", ".join(one.settings.instance.name for one in loaded)
    if options.desired or isinstance(question, ExpiringQuestion):
        sites = [_as_declared(declared, as_of) for declared in loaded]
        return inspection_of(*sites), f"desired state of {names}, without AWS"
    target = options.target
    sites = [_as_live(declared, question, target) for declared in loaded]
    return inspection_of(*sites), f"live state of {names}"


def _as_declared(declared: Declared, as_of: datetime) -> Site:
    from identity_reconciler.audit.desired_state import declared_state
    from identity_reconciler.audit.inspection import Site

    state = declared_state(declared, as_of)
    return Site(declared.settings.instance, state, declared=declared)


def _as_live(declared: Declared, question: Question, target: Target) -> Site:
    from identity_reconciler.audit.inspection import Site
    from identity_reconciler.core.accounts import AccountReading

    reading, wanted = declared.settings.account_access, question.wanted
    if reading is AccountReading.OFF:
        wanted = wanted.without_accounts()
    elif reading is AccountReading.LIST and wanted.accounts:
        wanted = replace(wanted.without_accounts(), account_lists=True)
    with connected_for(declared, target, write=False) as gateway:
        live = _read(gateway, wanted)
        return Site(
            declared.settings.instance,
            live,
            status=_CONNECTED,
            declared=declared,
            accounts=wanted.accounts,
        )


def _after_plan(question: Question, path: Path, target: Target) -> tuple[Inspection, str]:
    """Return the live state with every change of the saved plan applied to it.

    All of it is read, because the plan may touch what the question would not.
    """
    from identity_reconciler.audit.inspection import Site, inspection_of
    from identity_reconciler.audit.report import EVERYTHING, WITH_ACCOUNTS
    from identity_reconciler.core.projection import after_plan
    from identity_reconciler.core.renames import Renames
    from identity_reconciler.render.planfile import instance_of, plan_digest, plan_of
    from identity_reconciler.runs.saved import open_saved

    document = open_saved(path)
    instance = instance_of(document)
    accounts = question.wanted.accounts and document.account_access_read != "off"
    with connected(instance, target, write=False) as gateway:
        live = _read(gateway, WITH_ACCOUNTS if accounts else EVERYTHING)
    plan = plan_of(document)
    after = after_plan(live, plan, Renames.in_plan(plan))
    site = Site(instance, after, status=_CONNECTED, accounts=accounts, before=live)
    basis = f"live state of {instance.name} as it will be after plan {plan_digest(document)}"
    return inspection_of(site), basis


def _read(gateway: AwsGateway, wanted: Wanted) -> State:
    from identity_reconciler.cli.output import progress

    with progress("reading the live state", lambda: gateway.requests.total):
        return gateway.read_state(wanted)
