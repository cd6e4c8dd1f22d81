"""The order of everyday pull requests, of exchanges, and of what waits for itself."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from identity_reconciler.core.access import Effect, Impact
from identity_reconciler.core.accounts import AccountRole, AccountRoleKind
from identity_reconciler.core.guard_settings import SeparatedDuties
from identity_reconciler.core.order import Exposure, Ordering, in_waves
from identity_reconciler.core.plan import Change, Create, Delete, Plan, Reason, Rename
from identity_reconciler.core.state import (
    Application,
    ApplicationArn,
    Assignment,
    Group,
    GroupName,
    Membership,
    Principal,
    PrincipalKind,
    State,
    User,
    UserName,
    folded,
    group_key,
    user_key,
)

WIKI, SHOP = (Application(ApplicationArn(f"arn:{n}"), n.title()) for n in ("wiki", "shop"))
ADMIN = AccountRole(
    "111122223333", "prod", AccountRoleKind.PERMISSION_SET, "Admin", "arn:permission-set"
)


def live(
    members: dict[str, str], assigned: dict[Application, str], roles: dict[str, AccountRole] | None
) -> State:
    """Return a state with groups of these members, and whom the applications are assigned to.

    Who is assigned is a group when there is one of that name.
    """
    people = {name for names in members.values() for name in names.split()} | {"zoe"}
    for names in assigned.values():
        people |= set(names.split()) - members.keys()
    return State(
        users={user_key(name): User(UserName(name)) for name in people},
        groups={group_key(name): Group(GroupName(name)) for name in members},
        members={
            group_key(name): frozenset(map(user_key, names.split()))
            for name, names in members.items()
        },
        applications={one.arn: one for one in (WIKI, SHOP)},
        assignments={
            one.arn: frozenset(principal(name, members) for name in names.split())
            for one, names in assigned.items()
        },
        account_access={
            principal(name, members): frozenset({role}) for name, role in (roles or {}).items()
        },
    )


def principal(name: str, groups: dict[str, str]) -> Principal:
    kind = PrincipalKind.GROUP if name in groups else PrincipalKind.USER
    return Principal(kind, folded(name))


def joins(group: str, user: str) -> Create:
    return Create(Membership(GroupName(group), UserName(user)))


def leaves(group: str, user: str) -> Delete:
    return Delete(Membership(GroupName(group), UserName(user)), Reason.UNLISTED)


def of(application: Application, kind: str, name: str) -> Assignment:
    return Assignment(application.arn, Principal(PrincipalKind(kind), folded(name)))


def assigns(application: Application, kind: str, name: str) -> Create:
    return Create(of(application, kind, name))


def unassigns(application: Application, kind: str, name: str) -> Delete:
    return Delete(of(application, kind, name), Reason.UNLISTED)


def waves(
    changes: list[Change],
    members: dict[str, str],
    assigned: dict[Application, str],
    roles: dict[str, AccountRole] | None = None,
    apart: tuple[SeparatedDuties, ...] = (),
) -> tuple[list[set[str]], Ordering]:
    """Return what happens in each wave, and all of the ordering."""
    plan = Plan(tuple(changes))
    ordering = in_waves(Impact.of(plan, live(members, assigned, roles)), apart)
    found: dict[int, set[str]] = {}
    for change in ordering.plan.changes:
        sign = "-" if isinstance(change, Delete) else ">" if isinstance(change, Rename) else "+"
        wave = found.setdefault(ordering.plan.waves[change.key], set())
        wave.add(f"{sign}{'/'.join(change.key)}".replace("arn:", ""))
    return list(found.values()), ordering


class TestEveryday:
    """What pull requests do most: nobody is without access on the way, and nobody has too much."""

    def test_direct_assignments_become_a_group(self) -> None:
        found, ordering = waves(
            [
                Create(Group(GroupName("ops"))),
                joins("ops", "ana"),
                assigns(WIKI, "group", "ops"),
                unassigns(WIKI, "user", "ana"),
            ],
            {},
            {WIKI: "ana"},
        )
        assert found == [
            {"+group/ops", "+membership/ops/ana", "+assignment/wiki/group/ops"},
            {"-assignment/wiki/user/ana"},
        ]
        assert ordering.exposures == ()

    def test_a_group_is_split(self) -> None:
        found, ordering = waves(
            [
                Create(Group(GroupName("dev"))),
                joins("dev", "ana"),
                assigns(WIKI, "group", "dev"),
                leaves("all", "ana"),
            ],
            {"all": "ana bob"},
            {WIKI: "all"},
        )
        assert found[1:] == [{"-membership/all/ana"}]
        assert ordering.exposures == ()

    def test_people_move_between_groups(self) -> None:
        """What both groups give stays; what only the old one gives goes with the second wave."""
        found, ordering = waves(
            [joins("ops", "ana"), leaves("dev", "ana"), leaves("dev", "bob")],
            {"dev": "ana bob", "ops": ""},
            {WIKI: "dev ops", SHOP: "dev"},
        )
        assert found == [
            {"+membership/ops/ana", "-membership/dev/bob"},
            {"-membership/dev/ana"},
        ]
        assert ordering.exposures == ()

    def test_an_application_is_given_to_a_group_that_somebody_leaves(self) -> None:
        found, ordering = waves(
            [assigns(WIKI, "group", "dev"), leaves("dev", "ana")], {"dev": "ana bob"}, {}
        )
        assert found == [{"-membership/dev/ana"}, {"+assignment/wiki/group/dev"}]
        assert ordering.exposures == ()

    def test_one_group_takes_the_place_of_another(self) -> None:
        goes = Delete(
            Group(GroupName("old")), Reason.ABSENT, (Membership(GroupName("old"), UserName("ana")),)
        )
        found, ordering = waves(
            [
                Create(Group(GroupName("new"))),
                joins("new", "ana"),
                assigns(WIKI, "group", "new"),
                unassigns(WIKI, "group", "old"),
                goes,
            ],
            {"old": "ana"},
            {WIKI: "old"},
        )
        assert found[1:] == [{"-assignment/wiki/group/old", "-group/old"}]
        assert ordering.exposures == ()

    def test_an_application_moves_from_one_group_to_another(self) -> None:
        """No membership changes: those who keep it are in both groups, and others gain and lose."""
        many = " ".join(f"u{n}" for n in range(9))
        for both in ("ana", f"ana {many}"):
            found, ordering = waves(
                [unassigns(WIKI, "group", "dev"), assigns(WIKI, "group", "ops")],
                {"dev": f"{both} bob", "ops": f"{both} cleo"},
                {WIKI: "dev"},
            )
            assert found == [{"+assignment/wiki/group/ops"}, {"-assignment/wiki/group/dev"}]
            assert ordering.exposures == ()

    def test_an_assignment_moves_between_groups_that_get_new_names(self) -> None:
        """Dev becomes Devs; who is in both keeps the Wiki by the one and then by the other."""
        found, ordering = waves(
            [
                Rename(Group(GroupName("dev")), Group(GroupName("Devs"))),
                unassigns(WIKI, "group", "ops"),
                assigns(WIKI, "group", "devs"),
            ],
            {"dev": "ana", "ops": "ana"},
            {WIKI: "ops"},
        )
        assert found == [
            {">group/devs", "+assignment/wiki/group/devs"},
            {"-assignment/wiki/group/ops"},
        ]
        assert ordering.exposures == ()

    def test_from_a_user_to_a_group_of_many_however_spelled(self) -> None:
        many = " ".join(f"u{n}" for n in range(12))
        found, ordering = waves(
            [unassigns(WIKI, "user", "ana"), assigns(WIKI, "group", "dev"), leaves("DEV", "BOB")],
            {"dev": f"ana bob {many}"},
            {WIKI: f"ana {many}"},
        )
        assert found == [
            {"-membership/dev/bob"},
            {"+assignment/wiki/group/dev"},
            {"-assignment/wiki/user/ana"},
        ]
        assert ordering.exposures == ()

    def test_what_a_deleted_group_gave_is_kept_by_another(self) -> None:
        """Its members leave with it; the removal of what it was assigned to waits for the grant."""
        goes = Delete(
            Group(GroupName("Old")), Reason.ABSENT, (Membership(GroupName("Old"), UserName("Ana")),)
        )
        found, ordering = waves(
            [joins("NEW", "ANA"), goes],
            {"old": "ana", "new": "bob"},
            {},
            {"old": ADMIN, "new": ADMIN},
        )
        assert found == [{"+membership/new/ana"}, {"-group/old"}]
        assert ordering.exposures == ()

    def test_who_leaves_does_so_before_anything_waits(self) -> None:
        """What is given to a group is given when who is to leave is not in it any more."""
        found, _ = waves(
            [
                assigns(SHOP, "group", "dev"),
                leaves("dev", "ana"),
                unassigns(WIKI, "user", "ana"),
                Delete(User(UserName("ana")), Reason.ABSENT),
            ],
            {"dev": "ana bob"},
            {WIKI: "ana dev"},
        )
        assert found == [
            {"-membership/dev/ana", "-assignment/wiki/user/ana", "-user/ana"},
            {"+assignment/shop/group/dev"},
        ]

    def test_access_to_an_account_counts_like_an_application(self) -> None:
        found, ordering = waves(
            [joins("new", "ana"), leaves("old", "ana")],
            {"old": "ana", "new": ""},
            {},
            {"old": ADMIN, "new": ADMIN},
        )
        assert found == [{"+membership/new/ana"}, {"-membership/old/ana"}]
        assert ordering.exposures == ()

    def test_what_requires_no_assignment_everybody_has(self) -> None:
        plan = Plan((unassigns(WIKI, "user", "ana"), assigns(WIKI, "group", "dev")))
        state = live({"dev": "ana"}, {WIKI: "ana"}, None)
        for required, number in ((True, 2), (None, 2), (False, 1)):
            application = Application(WIKI.arn, WIKI.name, assignment_required=required)
            known = State(
                users=state.users,
                groups=state.groups,
                members=state.members,
                applications={WIKI.arn: application},
                assignments=state.assignments,
            )
            assert len(set(in_waves(Impact.of(plan, known)).plan.waves.values())) == number


EXCHANGE: list[Change] = [
    leaves("dev", "ana"),
    joins("ops", "ana"),
    leaves("ops", "bob"),
    joins("dev", "bob"),
    unassigns(WIKI, "group", "dev"),
    assigns(WIKI, "group", "ops"),
    unassigns(SHOP, "group", "ops"),
    assigns(SHOP, "group", "dev"),
]
"""Two groups exchange their members, and what they are assigned to."""


class TestExchange:
    """Where no order keeps everybody's access, the fewest go without it, and are told."""

    def test_one_person_is_without_access(self) -> None:
        found, ordering = waves(EXCHANGE, {"dev": "ana", "ops": "bob"}, {WIKI: "dev", SHOP: "ops"})
        assert ordering.exposures == (Exposure(Effect.LOST, UserName("bob"), SHOP.arn, 8),)
        assert found[0] == {"-assignment/shop/group/ops"}

    def test_the_fewest(self) -> None:
        """Of two groups, the one with fewer people."""
        many: list[Change] = [leaves("dev", "cleo"), joins("ops", "cleo")]
        _, ordering = waves(
            [*EXCHANGE, *many], {"dev": "ana cleo", "ops": "bob"}, {WIKI: "dev", SHOP: "ops"}
        )
        assert {one.user for one in ordering.exposures} == {"bob"}

    def test_of_an_account(self) -> None:
        """Ana keeps what is had in an account, by the other group; Bob keeps the Shop by his."""
        _, ordering = waves(
            [
                leaves("dev", "ana"),
                joins("ops", "ana"),
                leaves("ops", "bob"),
                joins("dev", "bob"),
                unassigns(SHOP, "group", "ops"),
                assigns(SHOP, "group", "dev"),
                leaves("ops", "cleo"),
                joins("dev", "cleo"),
            ],
            {"dev": "ana", "ops": "bob cleo"},
            {SHOP: "ops"},
            {"dev": ADMIN, "ops": ADMIN},
        )
        assert {(one.effect, one.user, one.target) for one in ordering.exposures} == {
            (Effect.LOST, "ana", ADMIN)
        }


class TestKeptApart:
    """Who changes from one duty to another leaves the one first, and is told if that cannot be."""

    GROUPS = (SeparatedDuties(("approve", "Submit")),)
    MEMBERS: Mapping[str, str] = {"approve": "ana bob", "submit": "cleo", "staff": "ana bob cleo"}
    MOVE: tuple[Change, ...] = (joins("submit", "ana"), leaves("approve", "ana"))

    def test_between_groups(self) -> None:
        together, _ = waves(list(self.MOVE), dict(self.MEMBERS), {})
        assert len(together) == 1
        found, ordering = waves(list(self.MOVE), dict(self.MEMBERS), {}, apart=self.GROUPS)
        assert found == [{"-membership/approve/ana"}, {"+membership/submit/ana"}]
        assert ordering.exposures == ()

    def test_others_wait_for_nobody(self) -> None:
        changes = [*self.MOVE, joins("submit", "dan"), leaves("approve", "bob")]
        found, _ = waves(changes, dict(self.MEMBERS), {}, apart=self.GROUPS)
        assert found[1:] == [{"+membership/submit/ana"}]

    @pytest.mark.parametrize("name", ["Shop", "arn:shop"])
    def test_from_an_application_to_a_group(self, name: str) -> None:
        """The assignment of a group goes before one of its members joins."""
        apart = (SeparatedDuties(("submit",), (name,)),)
        changes: list[Change] = [joins("submit", "ana"), unassigns(SHOP, "group", "staff")]
        found, ordering = waves(changes, dict(self.MEMBERS), {SHOP: "staff"}, apart=apart)
        assert found == [{"-assignment/shop/group/staff"}, {"+membership/submit/ana"}]
        assert ordering.exposures == ()

    def test_between_applications(self) -> None:
        apart = (SeparatedDuties((), ("Shop", "Wiki")),)
        changes: list[Change] = [
            assigns(WIKI, "group", "staff"),
            *(unassigns(SHOP, "group", "staff"), unassigns(SHOP, "user", "cleo")),
        ]
        found, ordering = waves(changes, dict(self.MEMBERS), {SHOP: "staff cleo"}, apart=apart)
        assert found[-1] == {"+assignment/wiki/group/staff"}
        assert ordering.exposures == ()

    def test_who_has_both_in_the_end_or_had_them_does_not_wait(self) -> None:
        """What is approved, or what a plan mends, is no reason to wait."""
        changes: list[Change] = [joins("submit", "ana"), leaves("staff", "bob")]
        found, ordering = waves(changes, dict(self.MEMBERS), {}, apart=self.GROUPS)
        assert (len(found), ordering.exposures) == (1, ())
        members = {**self.MEMBERS, "submit": "ana"}
        found, ordering = waves([leaves("approve", "ana")], members, {}, apart=self.GROUPS)
        assert (len(found), ordering.exposures) == (1, ())

    def test_rather_without_access_than_with_both(self) -> None:
        """Both open the Shop, which is kept: for a moment it is not had."""
        found, ordering = waves(
            list(self.MOVE), dict(self.MEMBERS), {SHOP: "approve submit"}, apart=self.GROUPS
        )
        assert found == [{"-membership/approve/ana"}, {"+membership/submit/ana"}]
        assert ordering.exposures == (Exposure(Effect.LOST, UserName("ana"), SHOP.arn, 2),)

    def test_where_the_one_goes_only_after_the_other(self) -> None:
        """A group is deleted once its members are in place, wherever that is."""
        gone = Delete(
            Group(GroupName("approve")),
            Reason.ABSENT,
            (Membership(GroupName("approve"), UserName("ana")),),
        )
        found, ordering = waves(
            [gone, joins("submit", "ana")],
            {"approve": "ana", "submit": "cleo"},
            {SHOP: "submit"},
            apart=self.GROUPS,
        )
        assert found == [{"+membership/submit/ana"}, {"-group/approve"}]
        (told,) = ordering.exposures
        assert (told.effect, told.user, told.requests) == (Effect.GAINED, "ana", 2)
        assert str(told.target) == "group approve and group Submit"


class TestNames:
    """Renames wait for what is taken from them, but where that waits for the rename."""

    def test_a_rename_waits_for_what_is_taken(self) -> None:
        found, _ = waves(
            [
                leaves("dev", "ana"),
                Rename(Group(GroupName("dev")), Group(GroupName("devs"))),
                joins("devs", "zoe"),
            ],
            {"dev": "ana bob"},
            {WIKI: "dev"},
        )
        assert found == [{"-membership/dev/ana", ">group/devs", "+membership/devs/zoe"}]

    def test_a_rename_goes_first_when_what_replaces_a_link_needs_it(self) -> None:
        """Ana keeps the Wiki only by an assignment under the name that she gets."""
        found, ordering = waves(
            [
                leaves("dev", "ana"),
                Rename(User(UserName("ana")), User(UserName("anna"))),
                assigns(WIKI, "user", "anna"),
            ],
            {"dev": "ana bob"},
            {WIKI: "dev"},
        )
        assert found == [
            {">user/anna"},
            {"+assignment/wiki/user/anna"},
            {"-membership/dev/ana"},
        ]
        assert ordering.exposures == ()

    def test_who_gets_the_name_of_somebody_else_is_another(self) -> None:
        """Bob becomes Ana, who becomes Anna: the Wiki that Ana had is Anna's."""
        found, ordering = waves(
            [
                Rename(User(UserName("ana")), User(UserName("anna"))),
                Rename(User(UserName("bob")), User(UserName("ana"))),
                assigns(WIKI, "group", "dev"),
                unassigns(WIKI, "user", "ana"),
            ],
            {"dev": "ana"},
            {WIKI: "ana bob"},
        )
        assert ordering.exposures == ()
        assert "-assignment/wiki/user/ana" in found[1]
