"""What a declared rename makes of the live state, and which renames are impossible."""

from __future__ import annotations

from dataclasses import replace

import pytest

from identity_reconciler.core.comparison import compare
from identity_reconciler.core.declared import (
    ApplicationSelector,
    Declared,
    DeclaredApplication,
    DeclaredGroup,
    DeclaredUser,
    Listed,
    Presence,
    Settings,
)
from identity_reconciler.core.plan import Change, Rename, Update
from identity_reconciler.core.renames import Renames
from identity_reconciler.core.resolution import resolve
from identity_reconciler.core.state import (
    Application,
    ApplicationArn,
    Group,
    GroupName,
    Principal,
    PrincipalKind,
    State,
    User,
    UserKey,
    UserName,
    group_key,
    user_key,
)
from identity_reconciler.errors import Position
from tests.strategies import INSTANCE, NOW

WIKI = Application(ApplicationArn("arn:wiki"), "Wiki")
ANA, BOB = User(UserName("Ana")), User(UserName("Bob"), manager=UserName("ANA"))
EVE = User(UserName("Eve"), manager=UserName("bob"))
OPS, DATA = Group(GroupName("Ops")), Group(GroupName("Data"))
ORPHANS = (
    Principal(PrincipalKind.USER, "ana", orphan=True),
    Principal(PrincipalKind.GROUP, "ops", orphan=True),
)
LIVE = State(
    users={user_key(one.user_name): one for one in (ANA, BOB, EVE)},
    groups={group_key(one.name): one for one in (OPS, DATA)},
    members={
        group_key("ops"): frozenset({UserKey("ana"), UserKey("bob")}),
        group_key("data"): frozenset({UserKey("bob")}),
    },
    applications={WIKI.arn: WIKI},
    assignments={
        WIKI.arn: frozenset(
            {
                Principal(PrincipalKind.USER, "ana"),
                Principal(PrincipalKind.USER, "bob"),
                Principal(PrincipalKind.GROUP, "ops"),
                Principal(PrincipalKind.GROUP, "data"),
                *ORPHANS,
            }
        )
    },
)


def user(name: str, *previous: str) -> DeclaredUser:
    return DeclaredUser(User(UserName(name)), Position("a", 1, 1), previous_names=previous)


def group(name: str, *previous: str) -> DeclaredGroup:
    return DeclaredGroup(Group(GroupName(name)), Position("b", 2, 2), previous_names=previous)


def declared(*entries: DeclaredUser | DeclaredGroup, allowed: bool = True) -> Declared:
    return Declared(
        Settings(INSTANCE, rename_users=allowed),
        tuple(one for one in entries if isinstance(one, DeclaredUser)),
        tuple(one for one in entries if isinstance(one, DeclaredGroup)),
    )


def changes(said: Declared, live: State = LIVE) -> tuple[Change, ...]:
    return compare(said, live, NOW).changes


def problems(said: Declared, live: State = LIVE) -> list[str]:
    return [str(one) for one in resolve(said, live, NOW).unresolved]


ANNA = replace(ANA, user_name=UserName("Anna"))
DEVOPS = replace(OPS, name=GroupName("Devops"))


class TestPlanned:
    """A rename is one of a live previous name, in any spelling, to a name that is not live."""

    @pytest.mark.parametrize(
        ("entry", "planned"),
        [
            (user("Anna", "ANA"), (Rename(ANA, ANNA),)),
            (user("Anna", "older", "ana"), (Rename(ANA, ANNA),)),
            (user("ana", "older"), ()),
            (group("Devops", "OPS"), (Rename(OPS, DEVOPS),)),
            (group("Devops", "older", "ops"), (Rename(OPS, DEVOPS),)),
            (group("ops", "older"), ()),
        ],
    )
    def test_changes(
        self, entry: DeclaredUser | DeclaredGroup, planned: tuple[Change, ...]
    ) -> None:
        assert changes(declared(entry)) == planned

    def test_several(self) -> None:
        entries = (user("Anna", "ana"), user("Robert", "bob"), group("Devops", "ops"))
        bob = replace(BOB, manager=UserName("Anna"))
        assert changes(declared(*entries)) == (
            Rename(OPS, DEVOPS),
            Rename(ANA, ANNA),
            Rename(bob, replace(bob, user_name=UserName("Robert"))),
        )

    def test_links_stay(self) -> None:
        """Declared under the new names, nothing of them is to be done."""
        ops = replace(
            group("Devops", "ops"),
            members=(Listed("Anna", Position("g", 3, 1)), Listed("Bob", Position("g", 4, 1))),
        )
        here = Position("a", 1, 1)
        wiki = DeclaredApplication(
            ApplicationSelector(name="Wiki"),
            here,
            tuple(Listed(name, here) for name in ("anna", "bob")),
            tuple(Listed(name, here) for name in ("devops", "data")),
        )
        said = declared(user("Anna", "ana"), user("Bob"), ops)
        made = changes(replace(said, applications=(wiki,)))
        assert made[2:] == (Rename(OPS, DEVOPS), Rename(ANA, ANNA))
        assert {one.key for one in made[:2]} == {
            ("assignment", WIKI.arn, "orphaned-user", "ana"),
            ("assignment", WIKI.arn, "orphaned-group", "ops"),
        }

    def test_who_is_managed_by_who_is_renamed_keeps_the_manager(self) -> None:
        bob = replace(user("Bob"), user=replace(BOB, manager=UserName("Anna")))
        eve = replace(user("Eve"), user=replace(EVE, manager=UserName("Anna")))
        assert changes(declared(user("Anna", "ana"), bob, eve)) == (
            Rename(ANA, ANNA),
            Update(EVE, replace(EVE, manager=UserName("Anna"))),
        )


class TestFiled:
    """Bound, the live state stands under the new keys; the objects keep their old names."""

    def test_everything_renamed(self) -> None:
        found = resolve(declared(user("Anna", "ana"), group("Devops", "ops")), LIVE, NOW).live
        assert found.users == {
            UserKey("anna"): ANA,
            UserKey("bob"): replace(BOB, manager=UserName("Anna")),
            UserKey("eve"): EVE,
        }
        assert found.groups == {group_key("devops"): OPS, group_key("data"): DATA}
        assert found.members == {
            group_key("devops"): {"anna", "bob"},
            group_key("data"): {"bob"},
        }
        assert found.applications == LIVE.applications
        assert found.assignments == {
            WIKI.arn: {
                Principal(PrincipalKind.USER, "anna"),
                Principal(PrincipalKind.USER, "bob"),
                Principal(PrincipalKind.GROUP, "devops"),
                Principal(PrincipalKind.GROUP, "data"),
                *ORPHANS,
            }
        }

    @pytest.mark.parametrize("entry", [user("Anna", "ana"), group("Devops", "ops")])
    def test_only_one_kind_renamed(self, entry: DeclaredUser | DeclaredGroup) -> None:
        found = resolve(declared(entry), LIVE, NOW).live
        assert (found.users == LIVE.users) is isinstance(entry, DeclaredGroup)
        assert (found.groups == LIVE.groups) is isinstance(entry, DeclaredUser)

    def test_nothing_renamed_it_is_the_very_same(self) -> None:
        said = declared(user("ana", "older"), group("ops", "older"))
        assert resolve(said, LIVE, NOW).live is LIVE


class TestImpossible:
    """A previous name that cannot become the name is unresolved, with its line and a way out."""

    def test_both_names_live(self) -> None:
        found = problems(declared(user("Bob", "Ana"), group("Data", "Ops")))
        told = (
            "are both live, so this is not a rename; "
            "remove the previous name, and declare or delete the old one"
        )
        assert found == [
            f'a:1:1: user "Bob" and its previous name "ana" {told}',
            f'b:2:2: group "Data" and its previous name "ops" {told}',
        ]

    def test_both_names_live_is_the_one_problem_of_a_user_who_may_not_be_renamed(self) -> None:
        (only,) = problems(declared(user("Bob", "Ana"), allowed=False))
        assert "are both live" in only

    def test_several_previous_names_live(self) -> None:
        said = declared(user("new", "BOB", "ana"), group("new", "OPS", "data", "older"))
        assert problems(said) == [
            'a:1:1: user "new" has 2 previous names that are live; keep one of them',
            'b:2:2: group "new" has 2 previous names that are live; keep one of them',
        ]

    def test_a_user_where_it_is_not_allowed(self) -> None:
        (only,) = problems(declared(user("Anna", "ANA"), allowed=False))
        assert only.startswith('a:1:1: user "Anna" would be renamed from "ana", which AWS does not')
        assert changes(declared(group("Devops", "ops"), allowed=False)) == (Rename(OPS, DEVOPS),)

    def test_the_first_of_the_live_names_is_told(self) -> None:
        (told,) = problems(declared(user("ana", "eve", "bob", "ana"), allowed=False))
        assert 'its previous name "ana" are both live' in told
        (both,) = problems(declared(group("data", "ops", "data")))
        assert 'its previous name "data" are both live' in both

    def test_an_absent_entry_too(self) -> None:
        entry = replace(user("Bob", "Ana"), presence=Presence.ABSENT)
        (only,) = problems(declared(entry))
        assert "are both live" in only


class TestRenamesThemselves:
    """Who gets another name, and what is called otherwise for it."""

    ANNA = Renames.of([(ANA, User(UserName("Anna")))])

    def test_what_is_live_under_its_own_name_in_any_spelling_is_not_renamed(self) -> None:
        assert not Renames.to_be(declared(user("BOB", "Ana"), group("DATA", "Ops")), LIVE)

    def test_a_user_becomes_no_group(self) -> None:
        with pytest.raises(TypeError, match="cannot become a group"):
            Renames.of([(ANA, OPS)])

    def test_members_of_whom_nobody_is_renamed_are_the_very_same(self) -> None:
        nobody = frozenset({UserKey("bob"), UserKey("eve")})
        assert self.ANNA.members(nobody) is nobody
        assert self.ANNA.members(nobody | {UserKey("ana")}) == nobody | {"anna"}

    def test_an_assignment_is_spelled_as_its_principal_then(self) -> None:
        link = self.ANNA.assignment(LIVE.assignment(WIKI.arn, Principal(PrincipalKind.USER, "ana")))
        assert (link.principal.name, link.principal_name) == ("anna", "Anna")

    def test_twins_are_live_under_their_names_still(self) -> None:
        twins = {Principal(PrincipalKind.GROUP, "sales"): ("SALES", "Sales")}
        assert self.ANNA.state(replace(LIVE, twins=twins)).twins == twins
