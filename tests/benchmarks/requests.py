"""Requests: of plans and of narrow questions, against the fewest possible or a bound."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from math import ceil

from identity_reconciler.audit.inspection import Inspection, Site, inspection_of
from identity_reconciler.audit.report import Question
from identity_reconciler.audit.reports.access import AccessQuestion
from identity_reconciler.audit.reports.people import MembershipsQuestion, MembersQuestion
from identity_reconciler.cli.doctor import readable
from identity_reconciler.core.declared import (
    Declared,
    DeclaredGroup,
    DeclaredUser,
    Instance,
    Presence,
)
from identity_reconciler.gateway.aws import AwsGateway, connect
from identity_reconciler.gateway.wire.clients import make_clients
from identity_reconciler.gateway.wire.pacing import Rates
from identity_reconciler.runs.survey import plan_against
from identity_reconciler.runs.targeted_survey import plan_touched
from identity_reconciler.sandbox import InstanceDetails, Sandbox
from tests.benchmarks.figure import Figure
from tests.benchmarks.worlds import Size, declared, fill

SIZES = (Size(1_000, 100, 5_000, 10, 100), Size(10_000, 1_000, 50_000, 100, 2_000))
CHANGED = 10
"""Users and memberships that the targeted plan is about, each."""
_UNPACED = Rates(100_000, 100_000)
_NOW = datetime.now(UTC)


def measure() -> tuple[list[Figure], list[str]]:
    """Return the figures, and lines that explain them."""
    figures = []
    for size in SIZES:
        with Sandbox() as sandbox:
            sandbox.ensure_instance(InstanceDetails())
            fill(sandbox, size)
            wanted = declared(size)
            figures.append(_full(sandbox, wanted, size))
            figures.append(_targeted(sandbox, wanted, size))
            figures.append(_with_leavers(sandbox, wanted, size))
            if size == SIZES[-1]:
                figures += _questions(sandbox, wanted, size)
    return figures, []


def _gateway(sandbox: Sandbox, instance: Instance) -> AwsGateway:
    session = sandbox.session(instance.account_id)
    clients = make_clients(session, region=instance.region, rates=_UNPACED)
    return connect(clients, instance)


def minimum(size: Size) -> int:
    """Return the fewest requests that tell everything: identity, instance, and every list.

    Besides its list each application has a question of its own, whether an assignment is
    required, which decides who can open it.
    """
    each, links = size.memberships // size.groups, size.assignments // size.applications
    return (
        2
        + ceil(size.users / 100)
        + ceil(size.groups / 100)
        + size.groups * max(1, ceil(each / 100))
        + ceil(size.applications / 50)
        + size.applications * max(1, ceil(links / 100))
        + size.applications
    )


def _full(sandbox: Sandbox, wanted: Declared, size: Size) -> Figure:
    gateway = _gateway(sandbox, wanted.settings.instance)
    plan, _ = plan_against(wanted, gateway, _NOW)
    if plan.changes:
        raise RuntimeError(f"{len(plan.changes)} changes where there should be none")
    sent, fewest = gateway.requests.total, minimum(size)
    return Figure(
        f"requests of a full plan, {size.users:,} users",
        f"{sent:,}",
        f"{fewest:,}, the fewest possible",
        sent / fewest,
        1.0,
    )


def _targeted(sandbox: Sandbox, wanted: Declared, size: Size) -> Figure:
    gateway = _gateway(sandbox, wanted.settings.instance)
    plan = plan_touched(wanted, _edited(wanted), gateway, _NOW).plan
    touched = 2 * CHANGED
    if len(plan.changes) != touched:
        raise RuntimeError(f"{len(plan.changes)} changes where there should be {touched}")
    sent, bound = gateway.requests.total, 4 * touched + 6
    return Figure(
        f"requests of a targeted plan, {touched} of {size.users:,} users' objects",
        f"{sent}",
        f"{bound}, which is 4k + 6",
        sent / bound,
        1.0,
    )


def _with_leavers(sandbox: Sandbox, wanted: Declared, size: Size) -> Figure:
    """Return the figure of a plan in which some leave all their groups, and the directory."""
    gateway = _gateway(sandbox, wanted.settings.instance)
    plan, _ = plan_against(_without_people(wanted), gateway, _NOW)
    if len(plan.changes) < CHANGED:
        raise RuntimeError(f"{len(plan.changes)} changes where {CHANGED} people leave")
    sent, fewest = gateway.requests.total, minimum(size)
    return Figure(
        f"requests of a full plan in which {CHANGED} of {size.users:,} users leave",
        f"{sent:,}",
        f"{fewest:,}, the fewest possible",
        sent / fewest,
        1.0,
    )


def _without_people(wanted: Declared) -> Declared:
    users = tuple(
        replace(entry, presence=Presence.ABSENT) if number < CHANGED else entry
        for number, entry in enumerate(wanted.users)
    )
    gone = {entry.name for entry in users[:CHANGED]}
    groups = tuple(
        replace(entry, members=tuple(one for one in entry.members or () if one.name not in gone))
        for entry in wanted.groups
    )
    return replace(wanted, users=users, groups=groups)


def _questions(sandbox: Sandbox, wanted: Declared, size: Size) -> list[Figure]:
    """Return the figures of questions about one thing, against a bound.

    For one user that is a few more than the applications, each of which has a question of its own;
    for one application the lists of users and groups; for a group its 50 members, one by one.
    """
    asked: dict[str, tuple[Question, int]] = {
        "access --user": (AccessQuestion(user=size.user(5)), 125),
        "access --application": (AccessQuestion(application="Application 0003"), 140),
        "access --group": (AccessQuestion(group=size.group(51)), 58),
        "members": (MembersQuestion(size.group(51)), 54),
        "memberships": (MembershipsQuestion(size.user(5)), 15),
    }
    figures = []
    for name, (question, bound) in asked.items():
        gateway = _gateway(sandbox, wanted.settings.instance)
        if not question.answer(_inspected(gateway, wanted.settings.instance, question)).rows:
            raise RuntimeError(f"{name} has no rows")
        figures.append(_question(f"audit {name}", gateway.requests.total, bound, size))
    gateway = _gateway(sandbox, wanted.settings.instance)
    if not all(finding.good for finding in readable(gateway)):
        raise RuntimeError("doctor finds something")
    return [*figures, _question("doctor", gateway.requests.total, 125, size)]


def _inspected(gateway: AwsGateway, instance: Instance, question: Question) -> Inspection:
    return inspection_of(Site(instance, gateway.read_state(question.wanted)))


def _question(name: str, sent: int, bound: int, size: Size) -> Figure:
    return Figure(
        f"requests of {name}, {size.users:,} users", f"{sent}", f"{bound}", sent / bound, 1.0
    )


def _edited(wanted: Declared) -> Declared:
    """Return *wanted* with some titles changed, and some members left out of their groups."""
    users = tuple(
        _promoted(entry) if number < CHANGED else entry for number, entry in enumerate(wanted.users)
    )
    groups = tuple(
        _without_last(entry) if number < CHANGED else entry
        for number, entry in enumerate(wanted.groups)
    )
    return replace(wanted, users=users, groups=groups)


def _promoted(entry: DeclaredUser) -> DeclaredUser:
    return replace(entry, user=replace(entry.user, title="Chief"))


def _without_last(entry: DeclaredGroup) -> DeclaredGroup:
    return replace(entry, members=(entry.members or ())[:-1])
