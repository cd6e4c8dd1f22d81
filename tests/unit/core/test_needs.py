"""What a change needs of others: enough that nobody is hurt, and nothing of strangers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from identity_reconciler.core.needs import Need, Why, needs
from identity_reconciler.core.plan import Change, Create, Delete, Rename, Update
from identity_reconciler.core.state import (
    ApplicationArn,
    Assignment,
    Email,
    Group,
    GroupName,
    Key,
    Membership,
    Principal,
    PrincipalKind,
    User,
    UserName,
)


def user(name: str, manager: str | None = None, email: str | None = None) -> User:
    return User(
        UserName(name),
        manager=None if manager is None else UserName(manager),
        email=None if email is None else Email(email),
    )


def group(name: str) -> Group:
    return Group(GroupName(name))


def member(of: str, name: str) -> Membership:
    return Membership(GroupName(of), UserName(name))


def assigned(target: str, kind: PrincipalKind, name: str, *, orphan: bool = False) -> Assignment:
    return Assignment(ApplicationArn(f"arn:{target}"), Principal(kind, name, orphan=orphan))


TO_GROUP, TO_USER = PrincipalKind.GROUP, PrincipalKind.USER
ANA_LEAVES, OPS_GOES = Delete(user("Ana")), Delete(group("ops"), cascaded=(member("ops", "Bob"),))
ANNA, OPERATORS = Rename(user("Ana"), user("Anna")), Rename(group("ops"), group("Operators"))


def of(change: Change, *others: Change) -> list[tuple[Why, Key]]:
    """Return what *change* needs of *others*, which need nothing of it."""
    found = needs((*others, change))
    for other in others:
        assert change.key not in {one.key for one in found.get(other.key, ())}
    return [(one.why, one.key) for one in found.get(change.key, ())]


class TestReady:
    """What is named must have been created, and for a link renamed."""

    @pytest.mark.parametrize(
        ("change", "other"),
        [
            (Create(member("ops", "Ana")), Create(user("ana"))),
            (Create(member("ops", "Ana")), Create(group("Ops"))),
            (Create(member("ops", "Anna")), ANNA),
            (Create(assigned("wiki", TO_USER, "anna")), ANNA),
            (Create(assigned("wiki", TO_GROUP, "operators")), OPERATORS),
            (Create(user("bob", "ANA")), Create(user("ana"))),
            (Update(user("bob"), user("bob", "ana")), Create(user("ana"))),
            (Rename(user("bob"), user("bobby", "ana")), Create(user("ana"))),
        ],
    )
    def test_what_is_made(self, change: Change, other: Change) -> None:
        assert of(change, other) == [(Why.READY, other.key)]

    @pytest.mark.parametrize(
        ("change", "other"),
        [
            (Create(member("ops", "ana")), Update(user("ana"), user("ana", "boss"))),
            (Create(member("ops", "ana")), Create(user("bob"))),
            (Update(user("bob"), user("bob", "anna")), ANNA),
            (Create(user("bob", "anna")), ANNA),
        ],
    )
    def test_not_what_is_live_anyhow(self, change: Change, other: Change) -> None:
        """Neither other attributes nor the new name of a manager matter."""
        assert of(change, other) == []


class TestFreed:
    """What is taken must have been given up."""

    def test_an_address_and_a_name(self) -> None:
        leaver = Delete(user("zoe", email="z@example.com"))
        assert of(Create(user("new", email="Z@example.com")), leaver) == [(Why.FREED, leaver.key)]
        assert of(Rename(user("bob"), user("Ana")), ANNA) == [(Why.FREED, ANNA.key)]
        assert of(Rename(group("dev"), group("Ops")), OPERATORS) == [(Why.FREED, OPERATORS.key)]


class TestLinks:
    """Who is deleted or renamed waits for the removals of links of its own."""

    @pytest.mark.parametrize("change", [ANA_LEAVES, ANNA])
    @pytest.mark.parametrize("link", [member("ops", "ana"), assigned("wiki", TO_USER, "ana")])
    def test_of_a_user(self, change: Change, link: Membership | Assignment) -> None:
        assert of(change, Delete(link)) == [(Why.LINKS, link.key)]

    @pytest.mark.parametrize("change", [OPS_GOES, OPERATORS])
    @pytest.mark.parametrize("link", [member("ops", "ana"), assigned("wiki", TO_GROUP, "ops")])
    def test_of_a_group(self, change: Change, link: Membership | Assignment) -> None:
        assert of(change, Delete(link)) == [(Why.LINKS, link.key)]

    @pytest.mark.parametrize("change", [ANA_LEAVES, ANNA, Update(user("ana"), user("ana", "x"))])
    @pytest.mark.parametrize(
        "other",
        [
            Delete(member("ana", "bob")),
            Delete(assigned("wiki", TO_GROUP, "ana")),
            Delete(assigned("wiki", TO_USER, "ana", orphan=True)),
            Create(member("ops", "bob")),
            Update(user("bob"), user("bob", "boss")),
            OPS_GOES,
        ],
    )
    def test_not_of_strangers(self, change: Change, other: Change) -> None:
        assert of(change, other) == []

    def test_an_update_waits_for_none(self) -> None:
        update = Update(user("ana"), user("ana", "x"))
        assert of(update, Delete(member("ops", "ana"))) == []


class TestReplaced:
    """A group stays until those in it who stay have what they get instead."""

    WIKI = Delete(assigned("wiki", TO_GROUP, "ops"))

    @pytest.mark.parametrize(
        "grant",
        [
            member("new", "BOB"),
            assigned("wiki", TO_GROUP, "new"),
            assigned("wiki", TO_USER, "bob"),
        ],
    )
    def test_by_what_its_members_get(self, grant: Membership | Assignment) -> None:
        assert of(OPS_GOES, self.WIKI, Create(grant)) == [
            (Why.LINKS, self.WIKI.key),
            (Why.REPLACED, grant.key),
        ]

    @pytest.mark.parametrize(
        "grant",
        [
            member("new", "carla"),
            assigned("payroll", TO_GROUP, "new"),
            assigned("wiki", TO_USER, "carla"),
            assigned("payroll", TO_USER, "bob"),
        ],
    )
    def test_not_by_what_leads_elsewhere(self, grant: Membership | Assignment) -> None:
        assert of(OPS_GOES, self.WIKI, Create(grant)) == [(Why.LINKS, self.WIKI.key)]

    def test_by_what_a_member_gets_who_changes_otherwise(self) -> None:
        title, grant = Update(user("bob"), user("bob", "boss")), member("new", "bob")
        assert of(OPS_GOES, title, Create(grant)) == [(Why.REPLACED, grant.key)]

    def test_in_the_order_of_the_names(self) -> None:
        """Two runs tell the same reason."""
        names = [f"user-{number}" for number in range(9)]
        links = [member("ops", name) for name in names]
        removals = [Delete(assigned(name, TO_GROUP, "ops")) for name in names]
        moves = [Create(member("new", name)) for name in names]
        grants = [Create(assigned(name, TO_GROUP, "new")) for name in names]
        goes = replace(OPS_GOES, cascaded=tuple(links))
        found = of(goes, *reversed(grants), *reversed(moves), *removals)
        assert found == [
            *((Why.LINKS, one.key) for one in removals),
            *((Why.REPLACED, one.key) for one in (*moves, *grants)),
        ]

    def test_not_when_nobody_in_it_stays(self) -> None:
        grant, bob_leaves = Create(assigned("wiki", TO_GROUP, "new")), Delete(user("bob"))
        assert of(OPS_GOES, self.WIKI, grant, bob_leaves) == [(Why.LINKS, self.WIKI.key)]
        empty = replace(OPS_GOES, cascaded=())
        assert of(empty, self.WIKI, grant) == [(Why.LINKS, self.WIKI.key)]

    def test_by_what_members_get_under_new_names(self) -> None:
        bobby, grant = Rename(user("bob"), user("bobby")), member("new", "bobby")
        assert of(OPS_GOES, bobby, Create(grant)) == [(Why.REPLACED, grant.key)]


class TestWords:
    """People read which other change is waited for."""

    @pytest.mark.parametrize("why", list(Why))
    def test_name_it(self, why: Why) -> None:
        assert "user/ana" in str(Need(("user", "ana"), why))
