"""How the live state stands to a change: done, not done, or otherwise and how."""

from __future__ import annotations

from dataclasses import replace

import pytest

from identity_reconciler.core.plan import Change, Create, Delete, Rename, Update
from identity_reconciler.core.readback import WriteState, compare_with_live, concerned
from identity_reconciler.core.state import (
    ApplicationArn,
    Assignment,
    Group,
    GroupName,
    Membership,
    Principal,
    PrincipalKind,
    Provenance,
    State,
    User,
    UserName,
    group_key,
    user_key,
)

ANA = User(UserName("Ana"), given_name="Ana", title="Clerk")
OPS = Group(GroupName("Ops"), "old")
LINK = Membership(GroupName("OPS"), UserName("ANA"))
ASSIGNMENT = Assignment(ApplicationArn("arn:wiki"), Principal(PrincipalKind.GROUP, "ops"))
ANNA = replace(ANA, user_name=UserName("anna"))
DEVOPS = replace(OPS, name=GroupName("Devops"))
BOSS = replace(ANA, title="Boss")


def holding(*resources: User | Group) -> State:
    return State(
        users={user_key(one.user_name): one for one in resources if isinstance(one, User)},
        groups={group_key(one.name): one for one in resources if isinstance(one, Group)},
    )


LINKED = State(
    members={group_key("ops"): frozenset({user_key("ana")})},
    assignments={ASSIGNMENT.application: frozenset({ASSIGNMENT.principal})},
)


class TestConcerned:
    """What is read is what the change starts from, and for a new name both."""

    def test_of_each_change(self) -> None:
        assert concerned(Create(ANA)) == (ANA,)
        assert concerned(Delete(LINK)) == (LINK,)
        assert concerned(Update(ANA, BOSS)) == (ANA,)
        assert concerned(Rename(ANA, ANNA)) == (ANA, ANNA)


class TestStanding:
    """A change is done when its end is live, and not done while its beginning is."""

    @pytest.mark.parametrize(
        ("change", "live", "standing"),
        [
            (Create(ANA), State(), WriteState.NOT_DONE),
            (Create(ANA), holding(OPS), WriteState.NOT_DONE),
            (Create(ANA), holding(ANA), WriteState.DONE),
            (Create(replace(ANA, title=None)), holding(ANA), WriteState.DONE),
            (Create(OPS), holding(OPS), WriteState.DONE),
            (Create(LINK), State(), WriteState.NOT_DONE),
            (Create(LINK), LINKED, WriteState.DONE),
            (Create(replace(LINK, user=UserName("bob"))), LINKED, WriteState.NOT_DONE),
            (Create(ASSIGNMENT), State(), WriteState.NOT_DONE),
            (Create(ASSIGNMENT), LINKED, WriteState.DONE),
            (Delete(ANA), State(), WriteState.DONE),
            (Delete(ANA), holding(ANA), WriteState.NOT_DONE),
            (Delete(OPS), holding(OPS), WriteState.NOT_DONE),
            (Delete(LINK), State(), WriteState.DONE),
            (Delete(LINK), LINKED, WriteState.NOT_DONE),
            (Delete(ASSIGNMENT), State(), WriteState.DONE),
            (Delete(ASSIGNMENT), LINKED, WriteState.NOT_DONE),
            (Update(ANA, BOSS), holding(ANA), WriteState.NOT_DONE),
            (Update(ANA, BOSS), holding(BOSS), WriteState.DONE),
            (Update(ANA, BOSS), holding(replace(BOSS, locale="de")), WriteState.DONE),
            (Update(ANA, BOSS), holding(replace(ANA, locale="de")), WriteState.NOT_DONE),
            (Update(OPS, replace(OPS, description="new")), holding(OPS), WriteState.NOT_DONE),
            (Rename(ANA, ANNA), holding(ANA), WriteState.NOT_DONE),
            (Rename(ANA, ANNA), holding(ANNA), WriteState.DONE),
            (Rename(OPS, DEVOPS), holding(OPS), WriteState.NOT_DONE),
            (Rename(OPS, DEVOPS), holding(DEVOPS), WriteState.DONE),
        ],
    )
    def test_as_expected(self, change: Change, live: State, standing: WriteState) -> None:
        assert compare_with_live(change, live) == (standing, "")

    def test_what_aws_reports_besides_is_no_difference(self) -> None:
        reported = replace(BOSS, provenance=Provenance(updated_at="today"))
        before = replace(ANA, provenance=Provenance(updated_at="then"))
        assert compare_with_live(Update(before, reported), holding(BOSS))[0] is WriteState.DONE
        assert compare_with_live(Delete(before), holding(ANA))[0] is WriteState.NOT_DONE

    @pytest.mark.parametrize(
        ("change", "live", "words"),
        [
            (
                Create(ANA),
                holding(replace(ANA, foreign=True)),
                "it is live and owned by an external identity provider; declare it as external",
            ),
            (
                Create(BOSS),
                holding(replace(ANA, given_name=None)),
                (
                    "it is live already, but given_name is None and not 'Ana', "
                    "title is 'Clerk' and not 'Boss'"
                ),
            ),
            (
                Create(OPS),
                holding(replace(OPS, foreign=True)),
                "it is live and owned by an external identity provider; declare it as external",
            ),
            (
                Create(OPS),
                holding(replace(OPS, description="new")),
                "it is live already, but description is 'new' and not 'old'",
            ),
            (
                Update(ANA, replace(BOSS, locale="de")),
                holding(BOSS),
                "it has changed since it was read: title is 'Boss' and not 'Clerk'",
            ),
            (Update(ANA, BOSS), State(), "it is no longer live"),
            (Rename(OPS, DEVOPS), State(), "it is no longer live"),
            (
                Update(ANA, BOSS),
                holding(replace(ANA, title="Pope")),
                "it has changed since it was read: title is 'Pope' and not 'Clerk'",
            ),
            (
                Delete(OPS),
                holding(replace(OPS, description="new")),
                "it has changed since it was read: description is 'new' and not 'old'",
            ),
            (
                Delete(ANA),
                holding(BOSS),
                "it has changed since it was read: title is 'Boss' and not 'Clerk'",
            ),
        ],
    )
    def test_otherwise(self, change: Change, live: State, words: str) -> None:
        assert compare_with_live(change, live) == (WriteState.OTHERWISE, words)
