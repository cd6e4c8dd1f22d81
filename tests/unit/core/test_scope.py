"""What of the live state is managed, in every mode, and what is held back and why."""

from __future__ import annotations

from dataclasses import replace

import pytest

from identity_reconciler.core.declared import Ignore, ManageLinks, ManageObjects, Settings
from identity_reconciler.core.plan import Withholding
from identity_reconciler.core.scope import (
    Scope,
    departing,
    matches_any,
    narrow,
    withheld,
)
from identity_reconciler.core.state import (
    Application,
    ApplicationArn,
    Group,
    GroupKey,
    GroupName,
    Principal,
    PrincipalKind,
    State,
    User,
    UserKey,
    UserName,
    address,
    group_key,
    user_key,
)
from tests.strategies import INSTANCE

WIKI, PAYROLL = (Application(ApplicationArn(f"arn:{n}"), n.title()) for n in ("wiki", "payroll"))
IGNORE = Ignore(users=("Robot-*",), groups=("AWS-*",))


def principal(name: str) -> Principal:
    kind, _, rest = name.partition(":")
    return Principal(PrincipalKind(kind), rest)


def state(
    users: str = "",
    groups: str = "",
    members: dict[str, str] | None = None,
    wiki: str | None = None,
    payroll: str | None = None,
) -> State:
    """Return a state of these names; whoever is called scim or synced is foreign."""
    lists = {WIKI.arn: wiki, PAYROLL.arn: payroll}
    return State(
        users={user_key(n): User(UserName(n), foreign=n == "scim") for n in users.split()},
        groups={group_key(n): Group(GroupName(n), foreign=n == "synced") for n in groups.split()},
        members={
            GroupKey(group): frozenset(map(UserKey, names.split()))
            for group, names in (members or {}).items()
        },
        applications={WIKI.arn: WIKI, PAYROLL.arn: PAYROLL},
        assignments={
            arn: frozenset(map(principal, names.split()))
            for arn, names in lists.items()
            if names is not None
        },
    )


LIVE = state(
    "Ana bob scim robot-1",
    "Ops data synced aws-x",
    {"ops": "ana bob robot-1", "data": "ana bob", "synced": "scim"},
    wiki="user:ana user:bob user:robot-1 group:ops group:aws-x",
    payroll="user:bob group:data",
)


def scope(desired: State, *, absent: str = "", **settings: object) -> Scope:
    """Return the scope of these settings; *absent* are keys of users and of groups."""
    given = replace(Settings(INSTANCE, ignore=IGNORE), **settings)  # type: ignore[arg-type]
    keys = absent.split()
    return Scope(given, desired, frozenset(map(UserKey, keys)), frozenset(map(GroupKey, keys)))


def names(found: State) -> tuple[set[str], set[str]]:
    return set(found.users), set(found.groups)


def held(desired: State, *, absent: str = "", **settings: object) -> list[tuple[str, Withholding]]:
    this = scope(desired, absent=absent, **settings)
    found = withheld(LIVE, narrowed(LIVE, this), this)
    return [(address(one.resource), one.reason) for one in found]


ALL = ManageObjects.AUTHORITATIVE
EVERYTHING = {"users": ALL, "groups": ALL}


def narrowed(live: State, this: Scope) -> State:
    return narrow(live, this, departing(live, this))


class TestMatchesAny:
    """A pattern matches whole names in any case."""

    @pytest.mark.parametrize(
        ("patterns", "name", "matches"),
        [
            ((), "ana", False),
            (("ana",), "ANA", True),
            (("ANA",), "ana", True),
            (("an",), "ana", False),
            (("na",), "ana", False),
            (("a?a",), "ana", True),
            (("bob", "an*"), "ana", True),
            (("*",), "", True),
        ],
    )
    def test_matches(self, patterns: tuple[str, ...], name: str, *, matches: bool) -> None:
        assert matches_any(patterns, name) is matches


class TestDeparting:
    """Who is absent departs, or who is not declared; never who is foreign, ignored or desired."""

    @pytest.mark.parametrize(
        ("desired", "absent", "settings", "leaving"),
        [
            (state(), "", {}, ""),
            (state(), "ana ops", {}, "user:ana group:ops"),
            (state(), "nobody", {}, ""),
            (state(), "scim synced robot-1 aws-x", {}, ""),
            (state("Ana", "Ops"), "ana ops", {}, ""),
            (state(), "ana ops", {"users": ManageObjects.REFERENCE}, "user:ana group:ops"),
            (state(), "", EVERYTHING, "user:ana user:bob group:ops group:data"),
            (state("Ana", "data"), "", EVERYTHING, "user:bob group:ops"),
            (state(), "ops", {"users": ALL}, "user:ana user:bob group:ops"),
            (state(), "ana", {"groups": ALL}, "user:ana group:ops group:data"),
            (
                state(),
                "",
                {**EVERYTHING, "ignore": Ignore()},
                "user:ana user:bob user:robot-1 group:ops group:data group:aws-x",
            ),
        ],
    )
    def test_principals(
        self, desired: State, absent: str, settings: dict[str, object], leaving: str
    ) -> None:
        found = departing(LIVE, scope(desired, absent=absent, **settings)).principals()
        assert found == frozenset(map(principal, leaving.split()))


class TestNarrow:
    """Only what is desired or departs is managed, and only the links of managed lists."""

    def test_objects(self) -> None:
        desired = state("Ana newcomer", "data newgroup")
        assert names(narrowed(LIVE, scope(desired))) == ({"ana"}, {"data"})
        found = narrowed(LIVE, scope(desired, absent="bob ops"))
        assert names(found) == ({"ana", "bob"}, {"data", "ops"})
        assert found.users[UserKey("ana")] is LIVE.users[UserKey("ana")]
        assert found.groups[GroupKey("ops")] is LIVE.groups[GroupKey("ops")]

    def test_applications_are_all_there(self) -> None:
        assert narrowed(LIVE, scope(state())).applications == LIVE.applications

    @pytest.mark.parametrize(
        ("mode", "managed"),
        [
            (ManageLinks.AUTHORITATIVE, "ana bob"),
            (ManageLinks.ADDITIVE, "ana"),
            (ManageLinks.OFF, ""),
        ],
    )
    def test_members(self, mode: ManageLinks, managed: str) -> None:
        desired = state("Ana", "ops data", {"ops": "ana"})
        found = narrowed(LIVE, scope(desired, memberships=mode)).members
        assert found == state(members={"ops": managed, "data": "", "synced": ""}).members

    @pytest.mark.parametrize("mode", ManageLinks)
    def test_members_who_depart_leave_every_list(self, mode: ManageLinks) -> None:
        desired = state("Ana", "ops", {"ops": ""})
        found = narrowed(LIVE, scope(desired, absent="bob", memberships=mode)).members
        whole = "ana bob" if mode is ManageLinks.AUTHORITATIVE else "bob"
        assert found == state(members={"ops": whole, "data": "bob", "synced": ""}).members

    def test_a_group_that_departs_takes_all_its_members_along(self) -> None:
        found = narrowed(LIVE, scope(state(), absent="ops", memberships=ManageLinks.OFF)).members
        assert found[GroupKey("ops")] == LIVE.members[GroupKey("ops")]
        assert found[GroupKey("data")] == frozenset()

    def test_an_ignored_member_who_is_listed_is_managed(self) -> None:
        desired = state("robot-1", "ops", {"ops": "robot-1"})
        found = narrowed(LIVE, scope(desired)).members[GroupKey("ops")]
        assert found == {"ana", "bob", "robot-1"}

    @pytest.mark.parametrize(
        ("mode", "managed"),
        [
            (ManageLinks.AUTHORITATIVE, "user:ana user:bob group:ops"),
            (ManageLinks.ADDITIVE, "user:ana"),
            (ManageLinks.OFF, ""),
        ],
    )
    def test_assignments(self, mode: ManageLinks, managed: str) -> None:
        desired = state("Ana", wiki="user:ana")
        found = narrowed(LIVE, scope(desired, assignments=mode)).assignments
        assert found == state(wiki=managed, payroll="").assignments

    @pytest.mark.parametrize("mode", ManageLinks)
    def test_assignments_of_who_departs_go_with_them(self, mode: ManageLinks) -> None:
        desired = state(wiki="")
        found = narrowed(LIVE, scope(desired, absent="bob data", assignments=mode)).assignments
        whole = "user:ana user:bob group:ops" if mode is ManageLinks.AUTHORITATIVE else "user:bob"
        assert found == state(wiki=whole, payroll="user:bob group:data").assignments

    def test_an_ignored_principal_who_is_listed_is_managed(self) -> None:
        desired = state(wiki="group:aws-x")
        found = narrowed(LIVE, scope(desired)).assignments[WIKI.arn]
        assert found == LIVE.assignments[WIKI.arn] - {principal("user:robot-1")}

    def test_links_of_who_is_not_ignored_are_managed_whatever_the_pattern(self) -> None:
        desired = state("Ana", "ops", {"ops": ""}, wiki="")
        found = narrowed(LIVE, scope(desired, ignore=Ignore()))
        assert found.members[GroupKey("ops")] == LIVE.members[GroupKey("ops")]
        assert found.assignments[WIKI.arn] == LIVE.assignments[WIKI.arn]


class TestWithheld:
    """Everything that stays although it is not desired is listed with the reason."""

    def test_objects(self) -> None:
        assert held(state("Ana", "Ops")) == [
            ("group/aws-x", Withholding.IGNORED),
            ("group/data", Withholding.UNDECLARED),
            ("group/synced", Withholding.FOREIGN),
            ("user/bob", Withholding.UNDECLARED),
            ("user/robot-1", Withholding.IGNORED),
            ("user/scim", Withholding.FOREIGN),
        ]

    def test_who_departs_is_not_withheld(self) -> None:
        found = held(state(), absent="ana ops", **EVERYTHING)
        assert [one for one, _ in found] == [
            "group/aws-x",
            "group/synced",
            "user/robot-1",
            "user/scim",
        ]

    def test_who_is_foreign_and_ignored_is_ignored(self) -> None:
        found = held(state(), ignore=Ignore(users=("scim",), groups=("synced",)), **EVERYTHING)
        assert found == [("group/synced", Withholding.IGNORED), ("user/scim", Withholding.IGNORED)]

    def test_objects_that_are_only_referred_to_are_not(self) -> None:
        reference = ManageObjects.REFERENCE
        assert {one for one, _ in held(state(), users=reference)} == {
            *("group/Ops", "group/aws-x", "group/data", "group/synced")
        }
        assert {one for one, _ in held(state(), groups=reference)} == {
            *("user/Ana", "user/bob", "user/robot-1", "user/scim")
        }

    @pytest.mark.parametrize(
        ("mode", "found"),
        [
            (ManageLinks.AUTHORITATIVE, [("membership/Ops/robot-1", Withholding.IGNORED)]),
            (
                ManageLinks.ADDITIVE,
                [
                    ("membership/Ops/bob", Withholding.ADDITIVE),
                    ("membership/Ops/robot-1", Withholding.ADDITIVE),
                ],
            ),
        ],
    )
    def test_memberships(self, mode: ManageLinks, found: list[tuple[str, Withholding]]) -> None:
        desired = state(
            "Ana bob scim robot-1", "Ops data synced aws-x new", {"ops": "ana", "new": "ana"}
        )
        assert held(desired, memberships=mode) == found

    @pytest.mark.parametrize(
        ("mode", "found"),
        [
            (
                ManageLinks.AUTHORITATIVE,
                [
                    ("assignment/Wiki/group/aws-x", Withholding.IGNORED),
                    ("assignment/Wiki/user/robot-1", Withholding.IGNORED),
                ],
            ),
            (
                ManageLinks.ADDITIVE,
                [
                    ("assignment/Wiki/group/aws-x", Withholding.ADDITIVE),
                    ("assignment/Wiki/group/Ops", Withholding.ADDITIVE),
                    ("assignment/Wiki/user/bob", Withholding.ADDITIVE),
                    ("assignment/Wiki/user/robot-1", Withholding.ADDITIVE),
                ],
            ),
        ],
    )
    def test_assignments(self, mode: ManageLinks, found: list[tuple[str, Withholding]]) -> None:
        desired = state("Ana bob scim robot-1", "Ops data synced aws-x", wiki="user:ana")
        assert held(desired, assignments=mode) == found

    def test_of_lists_that_are_not_live_nothing_is(self) -> None:
        this = scope(state("Ana", "Ops", {"ops": "ana"}, wiki="user:ana"))
        assert withheld(State(), narrowed(State(), this), this) == ()
