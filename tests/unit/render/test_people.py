"""Whose access changes: everybody once, and with those to whom the same happens."""

from __future__ import annotations

from hypothesis import given

from identity_reconciler.core.state import GroupName, Membership, User, UserName, folded
from identity_reconciler.render.document import (
    AccessDocument,
    ChangeDocument,
    PersonDocument,
    PlanDocument,
)
from identity_reconciler.render.people import Party, people_of
from tests.golden.review import pull_request
from tests.golden.samples import PLANS, made
from tests.strategies import World, worlds


def names(parties: tuple[Party, ...]) -> list[tuple[str, ...]]:
    return [party.people for party in parties]


def renamed(old: str, new: str) -> ChangeDocument:
    return ChangeDocument(
        action="rename",
        kind="user",
        address=f"user/{new}",
        before=User(UserName(old)),
        after=User(UserName(new)),
    )


def linked(action: str, group: str, user: str) -> ChangeDocument:
    link = Membership(GroupName(group), UserName(user))
    sides = {"before" if action == "delete" else "after": link}
    return ChangeDocument.model_validate(
        {"action": action, "kind": "membership", "address": f"membership/{group}/{user}", **sides}
    )


def access(effect: str, application: str, *people: str, more: int = 0) -> AccessDocument:
    return AccessDocument.model_validate(
        {
            "effect": effect,
            "application": application,
            "application_arn": f"arn:{application}",
            "people": len(people) + more,
            "listed": [PersonDocument(user=one, paths=("through g",)) for one in people],
        }
    )


def plan_with(changes: list[ChangeDocument], *told: AccessDocument) -> PlanDocument:
    return PLANS["nothing"]().model_copy(update={"changes": tuple(changes), "access": told})


class TestPeople:
    """Who is created joins, who is deleted leaves, and everybody else moves."""

    def test_the_review(self) -> None:
        people = people_of(pull_request())
        assert names(people.joins) == [("nora", "omar", "pia", "quinn")]
        assert names(people.moves) == [("amy",), ("cem",), ("dina",), ("kim", "kurt")]
        assert names(people.leaves) == [("lars", "lena")]
        last = people.moves[-1]
        assert (last.left, last.joined) == (("contractors",), ("platform",))
        assert [(one.effect, one.name, one.account) for one in last.targets] == [
            ("loses", "Amazon Redshift", ""),
            ("gains", "AdministratorAccess", "prod (111122223333)"),
            ("gains", "PowerUserAccess", "staging (222233334444)"),
        ]

    def test_whose_group_alone_changes_is_told_with_it(self) -> None:
        plan = plan_with([linked("create", "g", "eve")], access("gains", "Wiki", "ana", "eve"))
        people = people_of(plan)
        assert names(people.moves) == [("eve",)]
        assert [(one.people, one.count) for one in people.crowds] == [(("ana",), 1)]

    def test_too_many_to_be_named_are_counted_and_nobody_is_said_to_get_nothing(self) -> None:
        plan = plan_with([linked("create", "g", "eve")], access("gains", "Wiki", "eve", more=900))
        people = people_of(plan)
        assert (people.moves, people.named) == ((), False)
        assert [(one.people, one.count) for one in people.crowds] == [(("eve",), 901)]

    def test_who_is_renamed_keeps_what_happens_to_them(self) -> None:
        """A membership that goes is called by the old name, and access by the new one."""
        changes = [renamed("bob", "robert"), linked("delete", "g", "bob")]
        people = people_of(plan_with(changes, access("loses", "Wiki", "robert")))
        assert [(one.people, one.left) for one in people.moves] == [(("robert",), ("g",))]

    @given(world=worlds())
    def test_all_access_of_any_plan_is_told_once(self, world: World) -> None:
        live, declared = world
        plan = made(declared, live)
        people = people_of(plan)
        told = [
            (folded(name), target.effect, target.arn, target.paths)
            for party in (*people.joins, *people.moves, *people.leaves)
            for name in party.people
            for target in party.targets
        ]
        told += [
            (folded(name), crowd.target.effect, crowd.target.arn, crowd.target.paths)
            for crowd in people.crowds
            for name in crowd.people
        ]
        expected = [
            (folded(person.user), one.effect, one.application_arn, person.paths)
            for one in plan.access
            for person in one.listed
        ]
        assert sorted(told) == sorted(expected)
        everybody = [
            folded(name)
            for party in (*people.joins, *people.moves, *people.leaves)
            for name in party.people
        ]
        assert len(set(everybody)) == len(everybody)
