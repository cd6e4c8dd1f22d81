"""Which entries cannot be bound to what is live, what each message says, and what stays for it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from identity_reconciler.core.declared import (
    Declared,
    DeclaredGroup,
    DeclaredUser,
    Ignore,
    ManageObjects,
    Presence,
    Settings,
)
from identity_reconciler.core.oddities import Aside, set_aside
from identity_reconciler.core.state import (
    Group,
    GroupName,
    Principal,
    PrincipalKind,
    State,
    User,
    UserName,
    group_key,
    user_key,
)
from identity_reconciler.errors import Position
from tests.strategies import INSTANCE

USER, GROUP = PrincipalKind.USER, PrincipalKind.GROUP
PLAIN = Settings(INSTANCE, rename_users=True)
AT = Position("x.yaml", 7, 3)
KINDS = pytest.mark.parametrize("kind", [USER, GROUP])


def entry(
    kind: PrincipalKind, name: str, *previous: str, presence: Presence = Presence.PRESENT
) -> Declared:
    """Return a declaration of one user or group."""
    if kind is USER:
        user = DeclaredUser(User(UserName(name)), AT, presence, previous)
        return Declared(PLAIN, users=(user,))
    group = DeclaredGroup(Group(GroupName(name)), AT, presence, previous_names=previous)
    return Declared(PLAIN, groups=(group,))


def live(kind: PrincipalKind, *names: str, foreign: bool = False) -> State:
    if kind is USER:
        users = [User(UserName(name), foreign=foreign) for name in names]
        return State(users={user_key(one.user_name): one for one in users})
    groups = [Group(GroupName(name), foreign=foreign) for name in names]
    return State(groups={group_key(one.name): one for one in groups})


def doubled(kind: PrincipalKind, *names: str) -> State:
    """Return a state in which all of *names* are spellings of one name, and live."""
    return State(twins={Principal(kind, names[0].lower()): names})


def entries(aside: Aside) -> list[tuple[str, Presence]]:
    declared = aside.declared
    users = [(one.name, one.presence) for one in declared.users]
    return users + [(one.name, one.presence) for one in declared.groups]


def told(aside: Aside) -> list[str]:
    return [str(one) for one in aside.unresolved]


class TestWhatCanBeBound:
    """Nothing is told of it, and nothing is taken from it."""

    @KINDS
    @pytest.mark.parametrize("presence", Presence)
    def test_what_is_live_under_its_name(self, kind: PrincipalKind, presence: Presence) -> None:
        declared = entry(kind, "One", "former", presence=presence)
        aside = set_aside(declared, live(kind, "ONE", "other"))
        assert aside == Aside(declared, frozenset(), {}, ())

    @KINDS
    @pytest.mark.parametrize("presence", [Presence.PRESENT, Presence.ABSENT])
    def test_what_is_not_live(self, kind: PrincipalKind, presence: Presence) -> None:
        declared = entry(kind, "one", presence=presence)
        assert set_aside(declared, State()) == Aside(declared, frozenset(), {}, ())

    @KINDS
    def test_what_is_live_under_one_previous_name(self, kind: PrincipalKind) -> None:
        declared = entry(kind, "one", "older", "FORMER", "Former")
        aside = set_aside(declared, live(kind, "former"))
        assert aside == Aside(declared, frozenset(), {}, ())

    @KINDS
    def test_what_is_owned_elsewhere_and_declared_so(self, kind: PrincipalKind) -> None:
        declared = entry(kind, "one", presence=Presence.EXTERNAL)
        aside = set_aside(declared, live(kind, "one", foreign=True))
        assert aside == Aside(declared, frozenset(), {}, ())

    @KINDS
    def test_what_is_only_referred_to_may_be_renamed_by_its_owner(
        self, kind: PrincipalKind
    ) -> None:
        declared = entry(kind, "one", "former", presence=Presence.EXTERNAL)
        aside = set_aside(declared, live(kind, "former", foreign=True))
        assert aside == Aside(declared, frozenset(), {}, ())


class TestOwnedElsewhere:
    """What an external identity provider owns is referred to at most, whatever is declared."""

    @KINDS
    @pytest.mark.parametrize("presence", [Presence.PRESENT, Presence.ABSENT])
    def test_it_becomes_a_reference(self, kind: PrincipalKind, presence: Presence) -> None:
        aside = set_aside(entry(kind, "One", presence=presence), live(kind, "one", foreign=True))
        assert entries(aside) == [("One", Presence.EXTERNAL)]
        assert told(aside) == [
            (
                f'x.yaml:7:3: {kind} "One" is owned by an external identity provider (it has '
                "ExternalIds) and is never changed from here; declare it with `state: external` "
                "and no attributes"
            )
        ]
        assert aside.odd == frozenset()

    @KINDS
    def test_it_is_not_renamed(self, kind: PrincipalKind) -> None:
        aside = set_aside(entry(kind, "New", "OLD"), live(kind, "old", foreign=True))
        assert entries(aside) == []
        (message,) = told(aside)
        assert message.startswith(f'x.yaml:7:3: {kind} "New" is still called "old" and is owned')
        assert aside.odd == {Principal(kind, "new"), Principal(kind, "old")}

    @KINDS
    def test_where_nothing_is_managed_nothing_is_told(self, kind: PrincipalKind) -> None:
        users = replace(PLAIN, users=ManageObjects.REFERENCE)
        groups = replace(PLAIN, groups=ManageObjects.REFERENCE)
        settings, other = (users, groups) if kind is USER else (groups, users)
        state = live(kind, "one", foreign=True)
        declared = entry(kind, "one")
        assert told(set_aside(replace(declared, settings=settings), state)) == []
        assert len(told(set_aside(replace(declared, settings=other), state))) == 1


class TestNotLive:
    """What is only referred to has to be there."""

    @KINDS
    def test_it_is_missing(self, kind: PrincipalKind) -> None:
        declared = entry(kind, "Payrol", presence=Presence.EXTERNAL)
        aside = set_aside(declared, live(kind, "payroll"))
        assert entries(aside) == []
        assert aside.missing == {Principal(kind, "payrol"): AT}
        assert aside.odd == frozenset()
        assert told(aside) == [
            (
                f'x.yaml:7:3: {kind} "Payrol" is only referred to here, but is not live; create it '
                'where it is owned, or correct the name; did you mean "payroll"?'
            )
        ]


class TestPreviousNames:
    """A rename has one live former self, and a new name that is free."""

    @KINDS
    def test_of_which_two_are_live(self, kind: PrincipalKind) -> None:
        aside = set_aside(entry(kind, "New", "A", "b"), live(kind, "a", "b", "c"))
        assert entries(aside) == []
        assert told(aside) == [
            f'x.yaml:7:3: {kind} "New" has 2 previous names that are live; keep one of them'
        ]
        assert aside.odd == {Principal(kind, name) for name in ("new", "a", "b")}

    @KINDS
    def test_beside_the_name_itself(self, kind: PrincipalKind) -> None:
        """The entry goes on; those it may have been stay."""
        declared = entry(kind, "New", "C", "b", "a")
        aside = set_aside(declared, live(kind, "new", "b", "c"))
        assert aside.declared == declared
        assert told(aside) == [
            (
                f'x.yaml:7:3: {kind} "New" and its previous name "b" are both live, so this is not '
                "a rename; remove the previous name, and declare or delete the old one"
            )
        ]
        assert aside.odd == {Principal(kind, "b"), Principal(kind, "c")}

    def test_of_users_only_where_it_is_allowed(self) -> None:
        settings = replace(PLAIN, rename_users=False)
        aside = set_aside(replace(entry(USER, "new", "old"), settings=settings), live(USER, "old"))
        assert entries(aside) == []
        (message,) = told(aside)
        assert message.startswith('x.yaml:7:3: user "new" would be renamed from "old", which AWS')
        groups = replace(entry(GROUP, "new", "old"), settings=settings)
        assert told(set_aside(groups, live(GROUP, "old"))) == []


class TestTwins:
    """Of those whose names differ in case or Unicode form only, nobody can say which is meant."""

    @KINDS
    def test_an_entry_of_that_name(self, kind: PrincipalKind) -> None:
        aside = set_aside(entry(kind, "aNa"), doubled(kind, "ANA", "Ana"))
        assert entries(aside) == []
        assert told(aside) == [
            (
                f'x.yaml:7:3: {kind} "aNa" cannot be told apart: 2 live {kind}s have names that '
                'differ only in case or Unicode form, "ANA" and "Ana"; rename or delete all but '
                "one of them in AWS"
            )
        ]
        assert aside.odd == {Principal(kind, "ana")}

    @KINDS
    @pytest.mark.parametrize("also", [(), ("new",)])
    def test_an_entry_of_that_previous_name(
        self, kind: PrincipalKind, also: tuple[str, ...]
    ) -> None:
        state = replace(live(kind, *also), twins=doubled(kind, "ANA", "Ana").twins)
        aside = set_aside(entry(kind, "new", "Ana"), state)
        (message,) = told(aside)
        assert ("both live" if also else "cannot be told apart: 2 live") in message
        assert entries(aside) == [("new", Presence.PRESENT)] * len(also)
        assert Principal(kind, "ana") in aside.odd

    @KINDS
    def test_of_the_other_kind_are_no_hindrance(self, kind: PrincipalKind) -> None:
        other = GROUP if kind is USER else USER
        aside = set_aside(entry(kind, "ana"), doubled(other, "ANA", "Ana"))
        assert entries(aside) == [("ana", Presence.PRESENT)]
        (message,) = told(aside)
        assert message.startswith(f"2 live {other}s have names that differ only in case")

    @KINDS
    def test_that_nothing_names(self, kind: PrincipalKind) -> None:
        """They stay, and there is no line to lead to."""
        twins = {**doubled(kind, "BOB", "Bob").twins, **doubled(kind, "ANA", "Ana", "aNa").twins}
        aside = set_aside(entry(kind, "eve"), State(twins=twins))
        assert [one.position for one in aside.unresolved] == [None, None]
        assert {one.message.partition(" have ")[0] for one in aside.unresolved} == {
            f"2 live {kind}s",
            f"3 live {kind}s",
        }
        assert aside.odd == twins.keys()

    @KINDS
    def test_that_are_ignored(self, kind: PrincipalKind) -> None:
        """They are told only where something declared has their name."""
        state = doubled(kind, "ANA", "Ana")
        ignoring = replace(PLAIN, ignore=Ignore(**{f"{kind}s": ("A*",)}))
        aside = set_aside(Declared(ignoring), state)
        assert told(aside) == []
        assert aside.odd == state.twins.keys()
        other = replace(PLAIN, ignore=Ignore(**{"groups" if kind is USER else "users": ("A*",)}))
        assert len(told(set_aside(Declared(other), state))) == 1
