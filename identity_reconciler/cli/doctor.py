"""`doctor`: what stands between here and a plan, and how to fix it. Reads AWS."""

from __future__ import annotations

import shlex
from collections.abc import Generator, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from identity_reconciler.cli.options import (
    DEFAULT_DIRECTORY,
    AsJson,
    DirectoryArgument,
    EndpointUrl,
    ProfileName,
    RateOption,
    UseSandbox,
    parse_rates,
)
from identity_reconciler.errors import (
    AccessDeniedError,
    ExitCode,
    GatewayError,
    ReconcilerError,
    UsageError,
)

if TYPE_CHECKING:
    from identity_reconciler.cli.connection import Target
    from identity_reconciler.core.accounts import AccountReading
    from identity_reconciler.core.declared import Declared
    from identity_reconciler.core.state import GroupKey, State
    from identity_reconciler.gateway import Gateway, Wanted
    from identity_reconciler.gateway.aws import AwsGateway

# Defaults that AWS raises on request. Source: singlesignon userguide, quotas.
_USERS, _GROUPS, _APPLICATIONS = 200_000, 100_000, 7_000
_NEARLY = 0.8
"""The share of a quota from which on it is told."""
_SHOWN = 5
"""Files that are named; of more there is the number."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One thing that was looked at."""

    good: bool
    text: str

    def __str__(self) -> str:
        return f"{'ok' if self.good else 'PROBLEM':8}{self.text}"


def doctor(
    directory: DirectoryArgument = DEFAULT_DIRECTORY,
    sandbox: UseSandbox = False,
    endpoint_url: EndpointUrl = None,
    profile: ProfileName = None,
    rate: RateOption = None,
    region: Annotated[
        str | None,
        typer.Option(metavar="REGION", help="Where there is no YAML yet: where to look."),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Check YAML, credentials, network, permissions, identity source, quotas, lock, reviews.

    Without any YAML: what the credentials lead to, and whether it can be read.
    """
    from identity_reconciler.cli.connection import Target
    from identity_reconciler.cli.output import print_json
    from identity_reconciler.render.escape import safe_lines

    target = Target(sandbox, endpoint_url, parse_rates(rate), profile=profile)
    findings: list[Diagnosis] = []
    for finding in _findings(directory, target, region):
        findings.append(finding)
        if not as_json:
            typer.echo(safe_lines(str(finding)))
    good = all(finding.good for finding in findings)
    if as_json:
        print_json("diagnosis", good=good, findings=[asdict(finding) for finding in findings])
    return ExitCode.SUCCESS if good else ExitCode.UNEXPECTED


def _findings(directory: Path, target: Target, region: str | None) -> Iterator[Diagnosis]:
    from identity_reconciler.cli.loading import load_all

    if directory == DEFAULT_DIRECTORY and not directory.exists():
        yield from _without_yaml(target, region)
        return
    if region is not None:
        raise UsageError("--region is for where there is no YAML; instance.yaml names the Region")
    for declared in load_all(directory):
        yield from _examined(declared, target)
    yield from _edited(directory)
    yield from _reviewed(directory)


def _without_yaml(target: Target, region: str | None) -> Iterator[Diagnosis]:
    """Yield what the credentials lead to, where no settings say where that should be."""
    from identity_reconciler.cli.finding import as_instance, clients_for
    from identity_reconciler.core.accounts import AccountReading
    from identity_reconciler.gateway.reading.instances import caller, list_instances

    yield Diagnosis(
        good=True,
        text="YAML: there is none here, so what is declared, guarded and reviewed cannot be "
        "checked; `identity-reconciler init` begins",
    )
    try:
        with clients_for(target, region) as clients:
            account = caller(clients)
            yield Diagnosis(good=True, text=f"credentials are for account {account}")
            found = list_instances(clients)
            if not found:
                yield Diagnosis(
                    good=False,
                    text=f"instance: none is visible from {clients.region} in account {account}; "
                    "give another --region, or credentials of the account that owns one",
                )
            for one in found:
                name = one.name or one.instance_arn
                yield Diagnosis(
                    good=True,
                    text=f"instance {name} in {one.region}, owned by {one.owner}: {one.status}",
                )
                if one.region == clients.region:
                    gateway = target.open(clients, as_instance(one, name, one.region, account))
                    yield from _network(gateway)
                    groups = yield from readable(gateway)
                    yield from _accounts(gateway, AccountReading.PRINCIPAL, groups)
    except ReconcilerError as error:
        yield _failed(error)


def _edited(directory: Path) -> Iterator[Diagnosis]:
    """Yield where the schemas for editors are not those of this program."""
    from identity_reconciler.desired.reading.loader import instance_directories
    from identity_reconciler.desired.writing.editors import FOLDER, stale_schemas

    for one in instance_directories(directory):
        if stale := stale_schemas(one):
            yield Diagnosis(
                good=True,
                text=f"schemas for editors: {', '.join(stale)} of {one} are of another version; "
                f"`identity-reconciler schema {shlex.quote(str(one / FOLDER))}` renews them",
            )


def _reviewed(directory: Path) -> Iterator[Diagnosis]:
    """Yield which files GitHub lets somebody change without the review of an owner.

    Nothing where *directory* is in no repository, or the repository has nothing for GitHub.
    """
    from identity_reconciler.cli.git import repository_around
    from identity_reconciler.github.codeowners import PLACES, deciding_rule, owners_rules

    repository = repository_around(directory)
    if repository is None or not (repository.top / ".github").is_dir():
        return
    place = next((place for place in PLACES if (repository.top / place).is_file()), None)
    if place is None:
        yield Diagnosis(
            good=False,
            text=f"reviews: there is no {PLACES[0]}, so nobody in particular has to review what "
            "decides about access; the guide to safety says what belongs into it",
        )
        return
    rules = owners_rules((repository.top / place).read_text(encoding="utf-8", errors="replace"))
    uncovered = []
    for path in sorted({place, *_decisive(directory, repository.top)}):
        rule = deciding_rule(rules, path)
        if rule is None or not rule.owners:
            uncovered.append(path if rule is None else f"{path} (because of line {rule.line})")
    if uncovered:
        more = f" and {len(uncovered) - _SHOWN} more" if len(uncovered) > _SHOWN else ""
        yield Diagnosis(
            good=False,
            text=f"reviews: {place} names no owner of {', '.join(uncovered[:_SHOWN])}{more}; "
            "whoever may push can have them merged without the review of an owner",
        )
    else:
        yield Diagnosis(good=True, text=f"reviews: {place} names owners of all that jobs read")


def _decisive(directory: Path, top: Path) -> Iterator[str]:
    """Yield what decides about access, relative to *top*: what is there, and what may be added."""
    from identity_reconciler.desired.reading.files import SPECIAL_FILES
    from identity_reconciler.desired.reading.loader import instance_directories

    # Git applies attributes when a job checks out.
    yield ".gitattributes"
    folders = [top / ".github/workflows", top / ".github/actions"]
    for one in map(Path.resolve, instance_directories(directory)):
        if one.is_relative_to(top):
            folders.append(one)
            yield from ((one / name).relative_to(top).as_posix() for name in SPECIAL_FILES)
    for folder in folders:
        there = (path for kind in ("*.yml", "*.yaml") for path in folder.rglob(kind))
        for path in (folder / "new.yaml", *there):
            yield path.relative_to(top).as_posix()


def _examined(declared: Declared, target: Target) -> Iterator[Diagnosis]:
    from identity_reconciler.cli.connection import connected_for
    from identity_reconciler.core.lease import lock_of

    instance = declared.settings.instance
    yield Diagnosis(good=True, text=f"YAML of {instance.name}: {len(declared.files)} files, valid")
    try:
        with connected_for(declared, target, write=False) as gateway:
            yield Diagnosis(
                good=True,
                text=f"credentials lead to {instance.instance_arn} in {instance.region}, owned by "
                f"{instance.account_id}",
            )
            yield from _network(gateway)
            groups = yield from readable(gateway, declared)
            yield from _accounts(gateway, declared.settings.account_access, groups, declared)
            yield from _repositories(gateway, declared)
            yield _lock(gateway, lock_of(declared.settings.lease, sandbox=target.sandbox))
    except ReconcilerError as error:
        yield _failed(error)


def _failed(error: ReconcilerError) -> Diagnosis:
    where = ""
    if isinstance(error, AccessDeniedError):
        where = (
            "; if they have it, network controls of the instance may shut this place out, which "
            "cannot be seen from here"
        )
    return Diagnosis(good=False, text=f"{error}{where}")


def _network(gateway: AwsGateway) -> Iterator[Diagnosis]:
    """Yield from where this can be done: a hosted runner may be shut out where one is not."""
    from identity_reconciler.cli.network import told

    for what, ask in gateway.network_controls():
        yield Diagnosis(good=True, text=told(what, ask))


def readable(
    gateway: Gateway, declared: Declared | None = None
) -> Generator[Diagnosis, None, frozenset[GroupKey]]:
    """Yield whether each kind of read works, and what the lists tell. Each list is read once.

    Of what is *declared*, the lists tell which names in the settings are nobody's.

    Returns:
        The groups that are live; none where they cannot be read.
    """
    from identity_reconciler.core.state import Principal, PrincipalKind
    from identity_reconciler.gateway import Wanted

    live: dict[str, State] = {}
    for what, wanted in (
        ("users", Wanted(users=True)),
        ("groups", Wanted(groups=True)),
        ("applications", Wanted(applications=True)),
    ):
        found = _answer(gateway, wanted)
        yield _whether(what, found)
        if not isinstance(found, Diagnosis):
            live[what] = found
            yield from _told(what, found)
    if declared is not None and {"users", "groups"} <= live.keys():
        yield from _without_effect(declared, live)
    # One of each shows as much as all.
    for key in sorted(live["groups"].groups)[:1] if "groups" in live else ():
        wanted = Wanted(memberships_of=(Principal(PrincipalKind.GROUP, key),))
        yield _whether("members of a group", _answer(gateway, wanted))
    for arn in sorted(live["applications"].applications)[:1] if "applications" in live else ():
        wanted = Wanted(arns=(arn,), assignments_of=lambda _: True)
        yield _whether("assignments of an application", _answer(gateway, wanted))
    return frozenset(live["groups"].groups) if "groups" in live else frozenset()


def _without_effect(declared: Declared, live: Mapping[str, State]) -> Iterator[Diagnosis]:
    from functools import reduce

    from identity_reconciler.core.control import unmatched
    from identity_reconciler.core.state import State

    everything = reduce(State.united, live.values(), State())
    for one in unmatched(declared, everything, applications="applications" in live):
        yield Diagnosis(good=False, text=f"settings: {one.position}: {one.text}")


def _accounts(
    gateway: Gateway,
    reading: AccountReading,
    groups: frozenset[GroupKey],
    declared: Declared | None = None,
) -> Iterator[Diagnosis]:
    """Yield whether access to AWS accounts may be asked for, as the settings say it is read.

    One of the live *groups* shows as much as all. Where all of it is listed, that tells which names
    in the settings of what is *declared* are those of nothing.
    """
    from identity_reconciler.core.accounts import AccountReading, GapReason
    from identity_reconciler.core.state import principals_of
    from identity_reconciler.gateway import Wanted

    what = "access to AWS accounts"
    if reading is AccountReading.OFF:
        yield Diagnosis(good=True, text=f"{what} is not read (account_access: off)")
        return
    first = principals_of((), sorted(groups)[:1])
    by_list = reading is AccountReading.LIST
    if not first and not by_list:
        return
    found = _answer(gateway, Wanted(account_access=tuple(first), account_lists=by_list))
    if isinstance(found, Diagnosis):
        yield Diagnosis(good=False, text=f"{what} cannot be read: {found.text}")
        return
    denied = [gap.note for gap in sorted(found.account_gaps) if gap.reason is GapReason.DENIED]
    for note in denied:
        yield Diagnosis(good=False, text=f"{what} cannot be read: {note}")
    if found.account_gaps and not denied:
        yield Diagnosis(good=True, text=f"{what}: this instance gives none")
    elif not denied:
        yield Diagnosis(good=True, text=f"{what} can be read (account_access: {reading})")
        yield from _without_effect_there(declared, found, by_list=by_list)


def _without_effect_there(
    declared: Declared | None, live: State, *, by_list: bool
) -> Iterator[Diagnosis]:
    from identity_reconciler.core.control import unmatched_in_accounts

    if declared is None:
        return
    names = declared.settings.guards.privileged
    if by_list:
        held = (one for roles in live.account_access.values() for one in roles)
        for one in unmatched_in_accounts(declared.settings, held):
            yield Diagnosis(good=False, text=f"settings: {one.position}: {one.text}")
    elif names.permission_sets or names.roles or names.accounts:
        yield Diagnosis(
            good=True,
            text="settings: whether what guards.privileged names of AWS accounts is there is known "
            "only where all of it is read (account_access: list)",
        )


def _repositories(gateway: AwsGateway, declared: Declared) -> Iterator[Diagnosis]:
    """Yield what this repository owns and which others there are, and what two of them declare.

    The groups have been listed.
    """
    from identity_reconciler.core.guards.repositories import declared_twice
    from identity_reconciler.core.lease import claims_of_others

    settings = declared.settings
    others = claims_of_others(gateway.lease_records(), settings.lease)
    if not (settings.repository.name or others):
        return
    who = settings.repository.name or "without a name"
    known = ", ".join(sorted(others)) or "no other that has applied"
    yield Diagnosis(good=True, text=f"repository: this is {who}; there is {known}")
    if not settings.repository.name:
        yield Diagnosis(
            good=False,
            text="repository: the others are not told what this one owns; set repository in "
            "instance.yaml",
        )
    for address, repository, position in declared_twice(declared, others):
        yield Diagnosis(
            good=False,
            text=f"repository: {position}: {address} is owned by {repository} as well; take it out "
            "of one of the two, and have the other's patterns in ignore",
        )


def _lock(gateway: AwsGateway, lock: str) -> Diagnosis:
    """Return who applies now, and what was applied last, as far as *lock* lets it be known."""
    from datetime import UTC, datetime

    from identity_reconciler.core.lease import OFF, settled
    from identity_reconciler.runs.lease import kept_lease

    store = gateway.lease_store(lock)
    if store is None:
        return Diagnosis(good=True, text=f"lock: {OFF}, so nothing keeps two applies apart")
    try:
        kept = kept_lease(store)
    except GatewayError as error:
        return Diagnosis(good=False, text=f"lock: {error}")
    lease = settled(kept, datetime.now(UTC))
    generation = lease.generation
    who = "nobody applies now"
    if lease.holder is not None:
        who = f"held by {lease.holder} (--take-over {lease.holder.nonce})"
    elif kept.holder is not None:
        who = f"left by {kept.holder}, and for the next apply to take over"
    last = f"commit {generation.commit}" if generation.commit else "no commit"
    if not generation.number:
        last = "nothing"
    return Diagnosis(
        good=True,
        text=f"lock: {who}; applied last: {last} (generation {generation.number}), as kept in "
        f"{store.place}",
    )


def _answer(gateway: Gateway, wanted: Wanted) -> State | Diagnosis:
    try:
        return gateway.read_state(wanted)
    except GatewayError as error:
        return Diagnosis(good=False, text=str(error))


def _whether(what: str, found: State | Diagnosis) -> Diagnosis:
    if isinstance(found, Diagnosis):
        return Diagnosis(good=False, text=f"{what} cannot be read: {found.text}")
    return Diagnosis(good=True, text=f"{what} can be read")


def _told(what: str, live: State) -> Iterator[Diagnosis]:
    match what:
        case "users":
            yield from _source(what, [one.foreign for one in live.users.values()])
            yield from _unmarked(live)
            yield from _quota("users", len(live.users), _USERS)
        case "groups":
            yield from _source(what, [one.foreign for one in live.groups.values()])
            yield from _quota("groups", len(live.groups), _GROUPS)
        case "applications":
            yield from _quota("applications", len(live.applications), _APPLICATIONS)
        case _:
            pass


def _source(what: str, foreign: list[bool]) -> Iterator[Diagnosis]:
    if not any(foreign):
        yield Diagnosis(
            good=True, text=f"identity source: none of {len(foreign)} {what} is foreign"
        )
        return
    advice = f"; if it owns them all, set manage: {{{what}: reference}} in instance.yaml"
    yield Diagnosis(
        good=True,
        text=f"identity source: {sum(foreign)} of {len(foreign)} {what} belong to an identity "
        f"provider and are never changed{advice}",
    )


def _unmarked(live: State) -> Iterator[Diagnosis]:
    """Yield who has an e-mail address that is not the primary one, though AWS has no other."""
    names = sorted(
        one.user_name
        for one in live.users.values()
        if one.email is not None and one.email.primary is not True and not one.foreign
    )
    if names:
        more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
        yield Diagnosis(
            good=True,
            text=f"e-mail addresses: {len(names):,} of {len(live.users):,} users have one that is "
            f"not marked as primary, which some tools need ({', '.join(names[:_SHOWN])}{more}); "
            "the next plan marks what is declared as text alone, `email: ann@example.com`",
        )


def _quota(what: str, number: int, most: int) -> Iterator[Diagnosis]:
    good = number < most * _NEARLY
    advice = "" if good else "; ask AWS for more before it is used up"
    yield Diagnosis(good=good, text=f"quota: {number:,} {what} of {most:,}{advice}")
