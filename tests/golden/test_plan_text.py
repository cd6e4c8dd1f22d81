"""Plans as people read them, kept and compared character by character."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from identity_reconciler.access import access_changes
from identity_reconciler.comparison import compare
from identity_reconciler.declared import (
    ApplicationSelector,
    Declared,
    DeclaredApplication,
    DeclaredGroup,
    DeclaredUser,
    Ignore,
    Listed,
    ManageLinks,
    ManageObjects,
    Presence,
    Settings,
)
from identity_reconciler.errors import Position
from identity_reconciler.projection import after_plan
from identity_reconciler.render.describe import Findings, Occasion, document
from identity_reconciler.render.document import PlanDocument
from identity_reconciler.render.planfile import plan_bytes, plan_of, read_plan
from identity_reconciler.render.text import plan_text, result_line
from identity_reconciler.state import (
    Email,
    Group,
    GroupKey,
    GroupName,
    Principal,
    PrincipalKind,
    State,
    User,
    UserKey,
    UserName,
)
from tests.conftest import Golden
from tests.strategies import APPLICATIONS, INSTANCE, NOW

KEPT = Path(__file__).parent / "plans"
PAYROLL = APPLICATIONS[0]
GROUPS_FILE = "groups/all.yaml"


def person(name: str, **attributes: str) -> User:
    return User(
        UserName(name),
        display_name=name.title(),
        given_name=name.title(),
        family_name="Example",
        email=Email(f"{name}@example.com"),
        **attributes,  # type: ignore[arg-type]
    )


def listed(*names: str, line: int = 10) -> tuple[Listed, ...]:
    return tuple(
        Listed(name, Position(GROUPS_FILE, line + number, 9)) for number, name in enumerate(names)
    )


LIVE = State(
    users={UserKey(name): person(name, title="Engineer") for name in ("ana", "bob", "eve")},
    groups={
        GroupKey("admins"): Group(GroupName("admins"), "Old description"),
        GroupKey("contractors"): Group(GroupName("contractors")),
        GroupKey("stray"): Group(GroupName("stray")),
        GroupKey("scim"): Group(GroupName("scim"), foreign=True),
    },
    members={
        GroupKey("admins"): frozenset({UserKey("ana"), UserKey("eve")}),
        GroupKey("contractors"): frozenset({UserKey("ana"), UserKey("bob")}),
    },
    applications={one.arn: one for one in APPLICATIONS},
    assignments={
        PAYROLL.arn: frozenset(
            {
                Principal(PrincipalKind.GROUP, "contractors"),
                Principal(PrincipalKind.USER, "9067-gone", orphan=True),
            }
        )
    },
)
DECLARED = Declared(
    Settings(INSTANCE, ignore=Ignore(groups=("AWSControlTower*",))),
    users=tuple(
        DeclaredUser(person(name, title="Engineer"), Position("users.yaml", line, 5))
        for line, name in enumerate(("ana", "bob", "eve"), start=3)
    ),
    groups=(
        DeclaredGroup(
            Group(GroupName("admins"), "Old description"),
            Position(GROUPS_FILE, 2, 5),
            members=listed("ana", "eve", line=4),
        ),
        DeclaredGroup(
            Group(GroupName("contractors")),
            Position(GROUPS_FILE, 7, 5),
            members=listed("ana", "bob", line=8),
        ),
    ),
    files=("groups/all.yaml", "instance.yaml", "users.yaml"),
    digest="4f2c9e1a" * 8,
)


def mixed() -> Declared:
    """One change of every sort."""
    ana = person("ana", title='Staff "Engineer"', department="Data")
    return replace(
        DECLARED,
        users=(
            DeclaredUser(ana, Position("users.yaml", 3, 5)),
            DeclaredUser(User(UserName("bob")), Position("users.yaml", 9, 5), Presence.ABSENT),
            DeclaredUser(
                replace(person("eve"), cleared=frozenset({"title"})), Position("users.yaml", 12, 5)
            ),
            DeclaredUser(person("new"), Position("users.yaml", 15, 5)),
        ),
        groups=(
            DeclaredGroup(
                Group(GroupName("operators"), "New description"),
                Position(GROUPS_FILE, 2, 5),
                members=(
                    *listed("ana"),
                    Listed(
                        "new", Position(GROUPS_FILE, 12, 9), NOW + timedelta(days=30), "TICKET-9"
                    ),
                    Listed("eve", Position(GROUPS_FILE, 15, 9), NOW),
                ),
                previous_names=("admins",),
            ),
            DeclaredGroup(
                Group(GroupName("contractors")), Position(GROUPS_FILE, 31, 5), Presence.ABSENT
            ),
        ),
        applications=(
            DeclaredApplication(
                ApplicationSelector(name="Payroll"),
                Position("applications.yaml", 2, 5),
                groups=listed("operators"),
            ),
        ),
    )


def hostile() -> Declared:
    """Values that would steer a terminal or a log, were they shown as they are."""
    name = "a\u202eb\x1b[31m"
    eve = replace(person("eve"), title="::error::\r\nx\u200b\u2028\u00a0\ud800")
    user = DeclaredUser(replace(person("x"), user_name=UserName(name)), Position("\n.yaml", 1, 1))
    return replace(DECLARED, users=(user, DeclaredUser(eve, Position("u.yaml", 2, 5))), groups=())


def authoritative() -> Declared:
    """Everything that is not declared goes, but for what others own."""
    settings = replace(
        DECLARED.settings, users=ManageObjects.AUTHORITATIVE, groups=ManageObjects.AUTHORITATIVE
    )
    return replace(DECLARED, settings=settings, users=DECLARED.users[:2], groups=())


def additive() -> Declared:
    """Nothing is removed from lists."""
    settings = replace(DECLARED.settings, memberships=ManageLinks.ADDITIVE)
    group = replace(DECLARED.groups[0], members=listed("bob"))
    return replace(DECLARED, settings=settings, groups=(group,))


PLANS: dict[str, Callable[[], Declared]] = {
    "nothing": lambda: DECLARED,
    "mixed": mixed,
    "hostile": hostile,
    "authoritative": authoritative,
    "additive": additive,
}


def made(declared: Declared) -> PlanDocument:
    plan = compare(declared, LIVE, NOW)
    access = Findings(access_changes(plan, LIVE, after_plan(LIVE, plan)))
    return document(declared, plan, LIVE, Occasion(NOW, requests=11, seconds=1.25), access)


class TestPlans:
    """The text and the JSON of a plan change only on purpose."""

    @pytest.mark.parametrize("name", PLANS)
    def test_text(self, name: str, golden: Golden) -> None:
        golden.check(KEPT / f"{name}.txt", plan_text(made(PLANS[name]())))

    def test_json(self, golden: Golden) -> None:
        golden.check(KEPT / "mixed.json", plan_bytes(made(mixed())).decode())

    @pytest.mark.parametrize("name", PLANS)
    def test_json_is_read_back_equal(self, name: str) -> None:
        plan = made(PLANS[name]())
        again = read_plan(plan_bytes(plan))
        assert again == plan
        assert plan_of(again).changes == compare(PLANS[name](), LIVE, NOW).changes

    def test_every_line_is_printable(self) -> None:
        text = plan_text(made(hostile()))
        assert all(line.isprintable() for line in text.split("\n"))

    def test_results(self, golden: Golden) -> None:
        plan = compare(mixed(), LIVE, NOW)
        lines = [result_line(change, "failed", "why\nnot") for change in plan.changes]
        golden.check(KEPT / "results.txt", "\n".join(lines) + "\n")
