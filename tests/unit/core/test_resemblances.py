"""What a plan concerns that can be mistaken for something else."""

from __future__ import annotations

import pytest

from identity_reconciler.core.access import Impact
from identity_reconciler.core.declared import (
    ApplicationSelector,
    Declared,
    DeclaredApplication,
    DeclaredGroup,
    DeclaredUser,
    Instance,
    Settings,
)
from identity_reconciler.core.plan import Change, Create, Delete, Plan, Rename, Update
from identity_reconciler.core.resemblances import Resemblance, resemblances
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
    group_key,
    user_key,
)
from identity_reconciler.errors import Position

HERE = Position("users.yaml", 1, 1)
SETTINGS = Settings(Instance("i", "eu-central-1", "111122223333", "arn", "d-1234567890"))
NOTHING = Declared(SETTINGS)
ARN, OTHER_ARN, UNKNOWN_ARN = map(ApplicationArn, ("arn:1", "arn:2", "arn:3"))
FORGED_USER, FORGED_GROUP, FORGED_APPLICATION = "\u0430lice", "\u0430dmins", "\u0412illing"
USERS = [User(UserName("alice")), User(UserName(FORGED_USER)), User(UserName("bob"))]
GROUPS = [Group(GroupName("admins")), Group(GroupName(FORGED_GROUP))]
LIVE = State(
    users={user_key(one.user_name): one for one in USERS},
    groups={group_key(one.name): one for one in GROUPS},
    applications={
        ARN: Application(ARN, "Billing"),
        OTHER_ARN: Application(OTHER_ARN, FORGED_APPLICATION),
    },
)


def member(group: str, user: str) -> Membership:
    return Membership(GroupName(group), UserName(user))


def assigned(arn: ApplicationArn, application: str, kind: PrincipalKind, name: str) -> Assignment:
    return Assignment(arn, Principal(kind, name), application, name)


def found(*changes: Change, declared: Declared = NOTHING, live: State = LIVE) -> list[str]:
    return [
        f"{one.kind}/{one.name}" for one in resemblances(Impact.of(Plan(changes), live), declared)
    ]


class TestConcerned:
    """Whatever a plan does with one of two names that look alike, the pair is told."""

    @pytest.mark.parametrize(
        ("change", "kinds"),
        [
            (Create(member("other", FORGED_USER)), ["user"]),
            (Create(member("other", "alice")), ["user"]),
            (Create(member(FORGED_GROUP, "bob")), ["group"]),
            (Delete(member("admins", "alice")), ["group", "user"]),
            (Delete(USERS[1]), ["user"]),
            (Update(GROUPS[1], GROUPS[1]), ["group"]),
            (Update(USERS[2], User(UserName("bob"), manager=UserName(FORGED_USER))), ["user"]),
            (Create(assigned(ARN, "Billing", PrincipalKind.USER, "bob")), ["application"]),
            (Delete(assigned(UNKNOWN_ARN, "", PrincipalKind.GROUP, FORGED_GROUP)), ["group"]),
        ],
    )
    def test_told(self, change: Change, kinds: list[str]) -> None:
        forged = {"user": FORGED_USER, "group": FORGED_GROUP, "application": FORGED_APPLICATION}
        assert found(change) == [f"{kind}/{forged[kind]}" for kind in kinds]

    def test_nothing_is_said_of_what_the_plan_leaves_alone(self) -> None:
        assert not found(Create(member("other", "bob")))
        assert not found()

    def test_an_orphan_has_no_name(self) -> None:
        orphan = Principal(PrincipalKind.USER, FORGED_USER, orphan=True)
        assert not found(Delete(Assignment(UNKNOWN_ARN, orphan)))

    def test_one_pair_whichever_is_concerned(self) -> None:
        expected = Resemblance("user", FORGED_USER, "alice")
        for user in USERS[:2]:
            (told,) = resemblances(Impact.of(Plan((Delete(user),)), LIVE), NOTHING)
            assert told == expected
        assert expected.characters == "U+0430 CYRILLIC SMALL LETTER A"


class TestOthers:
    """The other one may be live, declared, or of the same plan; what is renamed away is none."""

    @pytest.mark.parametrize(
        ("declared", "change"),
        [
            (
                Declared(SETTINGS, users=(DeclaredUser(USERS[0], HERE),)),
                Create(member("other", FORGED_USER)),
            ),
            (
                Declared(SETTINGS, groups=(DeclaredGroup(GROUPS[0], HERE),)),
                Create(member(FORGED_GROUP, "bob")),
            ),
            (
                Declared(
                    SETTINGS,
                    applications=(DeclaredApplication(ApplicationSelector("Billing"), HERE),),
                ),
                Create(assigned(OTHER_ARN, FORGED_APPLICATION, PrincipalKind.USER, "bob")),
            ),
        ],
    )
    def test_declared(self, declared: Declared, change: Change) -> None:
        live = State(applications={OTHER_ARN: LIVE.applications[OTHER_ARN]})
        assert len(found(change, declared=declared, live=live)) == 1

    def test_both_new(self) -> None:
        assert len(found(Create(USERS[0]), Create(USERS[1]), live=State())) == 1

    def test_a_rename_that_puts_it_right(self) -> None:
        live = State(users={user_key(FORGED_USER): USERS[1]})
        assert not found(Rename(USERS[1], USERS[0]), live=live)

    def test_a_rename_that_forges(self) -> None:
        assert found(Rename(USERS[2], USERS[1])) == [f"user/{FORGED_USER}"]

    def test_a_rename_of_a_group_that_puts_it_right(self) -> None:
        live = State(groups={group_key(FORGED_GROUP): GROUPS[1]})
        assert not found(Rename(GROUPS[1], GROUPS[0]), live=live)

    def test_an_application_that_is_declared_by_its_arn(self) -> None:
        selector = ApplicationSelector(arn=OTHER_ARN)
        declared = Declared(SETTINGS, applications=(DeclaredApplication(selector, HERE),))
        change = Create(assigned(OTHER_ARN, FORGED_APPLICATION, PrincipalKind.USER, "bob"))
        assert found(change, declared=declared) == [f"application/{FORGED_APPLICATION}"]


class TestSeveral:
    """Of more than two that look alike, each pair that the plan concerns is told, and no other."""

    FORGED = ("ann\u0430", "an\u0578a", "\u0410NNA", "\uff41nna")

    def pairs(self, concerned: str) -> list[tuple[str, str]]:
        names = ("anna", *self.FORGED)
        live = State(
            users={
                user_key(name): User(UserName(name))
                for name in names
                if user_key(name) != user_key(concerned)
            }
        )
        impact = Impact.of(Plan((Create(User(UserName(concerned))),)), live)
        return [(one.name, one.other) for one in resemblances(impact, NOTHING)]

    def test_the_genuine_one_is_concerned(self) -> None:
        assert self.pairs("ANNA") == [(name, "ANNA") for name in self.FORGED]

    def test_a_forged_one_is_concerned(self) -> None:
        assert self.pairs("\u0410NNA") == [("\u0410NNA", "anna")]


class TestPrincipals:
    """Who is assigned is called as it is spelled, or by its key where that is not known."""

    @pytest.mark.parametrize(
        ("spelled", "told"), [("\u0410dmins", "\u0410dmins"), ("", FORGED_GROUP)]
    )
    def test_of_an_assignment(self, spelled: str, told: str) -> None:
        principal = Principal(PrincipalKind.GROUP, FORGED_GROUP)
        live = State(groups={group_key("admins"): GROUPS[0]})
        change = Create(Assignment(UNKNOWN_ARN, principal, "", spelled))
        assert found(change, live=live) == [f"group/{told}"]
