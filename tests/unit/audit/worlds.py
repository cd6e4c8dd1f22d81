"""A small company to audit, with one of everything that an audit looks for."""

from __future__ import annotations

from dataclasses import replace

from identity_reconciler.audit.inspection import Inspection, Site, inspection_of
from identity_reconciler.audit.report import Report
from identity_reconciler.core.state import (
    Application,
    ApplicationArn,
    Email,
    Group,
    GroupName,
    Principal,
    PrincipalKind,
    Provenance,
    State,
    User,
    UserName,
    group_key,
    user_key,
)
from tests.strategies import INSTANCE

PAYROLL = ApplicationArn("arn:aws:sso::111122223333:application/ssoins-1/apl-payroll")
WIKI = ApplicationArn("arn:aws:sso::111122223333:application/ssoins-1/apl-wiki")
LEDGER = ApplicationArn("arn:aws:sso::111122223333:application/ssoins-1/apl-ledger")


def person(name: str, email: str | None = None, *, enabled: bool | None = True) -> User:
    return User(
        UserName(name),
        display_name=name.title(),
        email=Email(email or f"{name.lower()}@example.com"),
        provenance=Provenance(enabled=enabled),
    )


def group(name: str) -> Group:
    return Group(GroupName(name), f"All of {name}")


def by_user(name: str) -> Principal:
    return Principal(PrincipalKind.USER, user_key(name))


def by_group(name: str) -> Principal:
    return Principal(PrincipalKind.GROUP, group_key(name))


GONE = Principal(PrincipalKind.USER, "11111111-2222-3333-4444-555555555555", orphan=True)

STATE = State(
    users={
        user_key(one.user_name): one
        for one in (
            person("Ana"),
            person("bob", enabled=False),
            person("carla"),
            person("dora", enabled=None),
        )
    },
    groups={group_key(name): group(name) for name in ("Finance", "builders", "empty")},
    members={
        group_key("Finance"): frozenset((user_key("ana"), user_key("bob"))),
        group_key("builders"): frozenset((user_key("ana"),)),
        group_key("empty"): frozenset(),
    },
    applications={
        PAYROLL: Application(PAYROLL, "Payroll", account="111122223333", assignment_required=True),
        WIKI: Application(WIKI, "Wiki", assignment_required=True),
    },
    assignments={
        PAYROLL: frozenset((by_group("finance"), by_user("ana"), GONE)),
        WIKI: frozenset((by_group("builders"), by_group("empty"))),
    },
)
SITE = Site(INSTANCE, STATE)


def second(state: State) -> Site:
    """Return another instance with *state*."""
    arn = "arn:aws:sso:::instance/ssoins-2222222222222222"
    return Site(
        replace(INSTANCE, name="second", account_id="222233334444", instance_arn=arn), state
    )


def everything(state: State = STATE) -> Inspection:
    return inspection_of(Site(INSTANCE, state))


def cells(report: Report, *names: str) -> list[tuple[str, ...]]:
    """Return these columns of every row."""
    numbers = [[column.name for column in report.columns].index(name) for name in names]
    return [tuple(row[number] for number in numbers) for row in report.rows]
