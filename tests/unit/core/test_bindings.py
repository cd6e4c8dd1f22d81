"""Which live objects a plan is for, and what becomes of it when they are others, or gone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from identity_reconciler.core.bindings import (
    bearers,
    judged_by,
    leavers,
    managers,
    named_objects,
    places,
    require_same_objects,
)
from identity_reconciler.core.plan import Change, Create, Delete, Plan, Rename, Update
from identity_reconciler.core.state import (
    ApplicationArn,
    Assignment,
    Group,
    GroupName,
    Membership,
    Principal,
    PrincipalKind,
    User,
    UserName,
)
from identity_reconciler.errors import StalePlanError


def user(name: str, manager: str | None = None) -> User:
    return User(UserName(name), manager=UserName(manager) if manager else None)


def group(name: str) -> Group:
    return Group(GroupName(name))


def link(group_name: str, user_name: str) -> Membership:
    return Membership(GroupName(group_name), UserName(user_name))


def principal(address: str, *, orphan: bool = False) -> Principal:
    kind, _, name = address.partition("/")
    return Principal(PrincipalKind(kind), name, orphan)


def assigned(address: str, *, orphan: bool = False) -> Assignment:
    return Assignment(ApplicationArn("arn:wiki"), principal(address, orphan=orphan))


PLAN = Plan(
    (
        Delete(assigned("user/loser")),
        Delete(assigned("group/1-2-3", orphan=True)),
        Delete(link("Left", "Leaver")),
        Rename(group("Old"), group("New")),
        Rename(user("first"), user("second")),
        Rename(user("second", "same"), user("third", "Same")),
        Update(user("Managed"), user("Managed", "Boss")),
        Create(user("made", "third")),
        Create(user("first")),
        Create(group("fresh")),
        Create(link("New", "made")),
        Create(link("fresh", "Joiner")),
        Create(link("Joined", "first")),
        Create(assigned("user/second")),
        Create(assigned("group/granted")),
        Delete(group("gone"), cascaded=(link("gone", "member"),)),
        Delete(user("departed"), cascaded=(link("kept", "departed"),)),
    )
)
TAKEN = {
    *("user/loser", "group/left", "user/leaver", "group/gone", "user/member"),
    *("user/departed", "group/kept"),
}
"""What only loses something, or goes."""
NEEDED = {
    *("group/old", "user/first", "user/second", "user/managed", "user/boss", "user/joiner"),
    *("group/joined", "group/granted", "user/same"),
}


def found(*addresses: str, prefix: str = "of") -> dict[Principal, str]:
    """Return a witness of each, which tells whose it is."""
    return {principal(one): f"{prefix} {one}" for one in addresses}


ALL = found(*TAKEN, *NEEDED)
BOUND = replace(PLAN, witnesses=ALL)


def refusal(live: Mapping[Principal, str], plan: Plan = BOUND) -> str:
    with pytest.raises(StalePlanError) as caught:
        require_same_objects(plan, live)
    return str(caught.value)


def without(*addresses: str) -> dict[Principal, str]:
    gone = {principal(one) for one in addresses}
    return {one: witness for one, witness in ALL.items() if one not in gone}


class TestNamedObjects:
    """All that is live and named by a change, as it is called before the plan."""

    def test_both_ends_managers_and_cascades(self) -> None:
        named = named_objects(PLAN)
        assert {f"{one.kind}/{one.name}" for one in named} == TAKEN | NEEDED
        assert list(named) == sorted(named)
        assert named[principal("user/boss")] == "Boss"
        assert named[principal("group/old")] == "Old"

    def test_may_have_the_names_of_after(self) -> None:
        others = set(places(PLAN)) - named_objects(PLAN).keys()
        assert others == {principal("group/new"), principal("user/third")}
        assert managers(PLAN) == ("boss", "same", "second", "third")

    def test_of_whom_the_plan_makes_nobody_has_to_be_found(self) -> None:
        plan = Plan((Create(user("boss")), Update(user("a"), user("a", "Boss"))))
        assert managers(plan) == ()

    def test_are_spelled_as_people_know_them(self) -> None:
        link = replace(assigned("group/granted"), principal_name="Granted")
        renamed = (Rename(user("First"), user("Second")), Create(assigned("user/second")))
        changes = (Create(link), Create(assigned("user/plain")), *renamed, Delete(user("Gone")))
        assert list(named_objects(Plan(changes)).values()) == ["Granted", "First", "Gone", "plain"]

    def test_places_are_sorted(self) -> None:
        names = [f"u{n:02}" for n in range(30)]
        plan = Plan(tuple(Delete(user(name)) for name in reversed(names)))
        assert [one.name for one in places(plan)] == names
        bosses = Plan(tuple(Update(user("a"), user("a", name)) for name in reversed(names)))
        assert list(managers(bosses)) == names


class TestBearers:
    """Whose a name may be while a plan is carried out."""

    def test_of_before_and_of_after(self) -> None:
        of = bearers(BOUND)
        assert of[principal("group/old")] == of[principal("group/new")] == {"of group/old"}
        assert of[principal("user/second")] == {"of user/first", "of user/second"}
        assert of[principal("user/third")] == {"of user/second"}
        assert of[principal("user/boss")] == {"of user/boss"}

    def test_not_of_what_the_plan_makes_nor_of_whom_it_does_not_know(self) -> None:
        made = {principal(one) for one in ("user/first", "user/made", "group/fresh")}
        assert not made & bearers(BOUND).keys()
        assert bearers(PLAN) == {}

    @pytest.mark.parametrize(
        ("change", "done", "addresses"),
        [
            (Create(user("new")), False, []),
            (Create(group("new")), True, []),
            (Create(link("Team", "Ann")), False, ["group/team", "user/ann"]),
            (Delete(link("Team", "Ann")), True, ["group/team", "user/ann"]),
            (Create(assigned("user/ann")), True, ["user/ann"]),
            (Delete(assigned("group/1-2", orphan=True)), False, []),
            (Rename(user("Old"), user("New")), False, ["user/old"]),
            (Rename(user("Old"), user("New")), True, ["user/new"]),
            (Rename(group("Old"), group("New")), True, ["group/new"]),
            (Update(user("Ann"), user("Ann", "boss")), True, ["user/ann"]),
            (Delete(user("Ann")), False, ["user/ann"]),
            (Delete(group("Team")), True, ["group/team"]),
        ],
    )
    def test_who_shows_what_became_of_a_change(
        self, change: Change, addresses: list[str], *, done: bool
    ) -> None:
        assert [f"{one.kind}/{one.name}" for one in judged_by(change, done=done)] == addresses


class TestRequireSameObjects:
    """Names stand for the objects that were reviewed, and for no others."""

    def test_as_reviewed(self) -> None:
        require_same_objects(BOUND, ALL)

    @pytest.mark.parametrize("address", sorted(TAKEN | NEEDED))
    def test_made_anew(self, address: str) -> None:
        told = refusal({**ALL, principal(address): "of another one"})
        # The plan makes a user of this name itself, so the other one is only missed.
        why = "is not live" if address == "user/first" else "was deleted and made anew"
        assert f"{address} {why}" in told.lower()

    @pytest.mark.parametrize("address", sorted(NEEDED))
    def test_gone_and_needed(self, address: str) -> None:
        told = refusal(without(address))
        assert f"{address} is not live any more" in told.lower()

    @pytest.mark.parametrize("address", sorted(TAKEN))
    def test_gone_and_not_needed(self, address: str) -> None:
        require_same_objects(BOUND, without(address))

    def test_carried_out_up_to_anywhere(self) -> None:
        """Renames come in the order in which names are freed; what is made has any witness."""
        live = without("group/old", *TAKEN) | {principal("group/new"): "of group/old"}
        require_same_objects(BOUND, live)
        live |= {principal("user/third"): "of user/second"}
        del live[principal("user/second")]
        require_same_objects(BOUND, live)
        live |= {principal("user/second"): "of user/first"}
        del live[principal("user/first")]
        require_same_objects(BOUND, live)
        require_same_objects(BOUND, live | found("user/first", "user/made", prefix="new"))

    def test_renamed_to_a_name_that_somebody_took(self) -> None:
        live = without("group/old") | {principal("group/new"): "of another one"}
        assert "group/new was deleted and made anew" in refusal(live)

    @pytest.mark.parametrize("address", ["user/boss", "group/gone"])
    def test_a_plan_that_does_not_say_which(self, address: str) -> None:
        told = refusal(ALL, replace(PLAN, witnesses=without(address)))
        assert f"does not say which {address} it is for" in told.lower()


class TestFirstOfSeveral:
    """One object is named, always the same."""

    def test_is_the_first_in_order(self) -> None:
        names = [f"u{n:02}" for n in range(30)]
        plan = Plan(tuple(Delete(user(name)) for name in reversed(names)))
        bound = replace(plan, witnesses=found(*(f"user/{name}" for name in names)))
        others = found(*(f"user/{name}" for name in names), prefix="another")
        assert "user/u00 was deleted and made anew" in refusal(others, bound)


class TestLeavers:
    """Who goes is known by a witness, and nobody else is told."""

    def test_are_the_users_that_are_deleted(self) -> None:
        changes = (Delete(user("Gone")), Delete(group("team")), Delete(link("a", "b")))
        witnesses = {principal("user/gone"): "1", principal("group/team"): "2"}
        assert leavers(Plan((*changes, Create(user("new"))), witnesses=witnesses)) == {"1": "Gone"}

    def test_without_a_witness_are_not_told(self) -> None:
        assert leavers(Plan((Delete(user("Gone")),))) == {}
