"""Each report on a small company with one of everything."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity_reconciler.audit.inspection import (
    Account,
    Inspection,
    InstanceScope,
    Visit,
    inspection_of,
)
from identity_reconciler.audit.mentions import normalized
from identity_reconciler.audit.reports.applications import ApplicationsQuestion, AssignmentsQuestion
from identity_reconciler.audit.reports.duplicates import DuplicatesQuestion
from identity_reconciler.audit.reports.expiring import ExpiringQuestion
from identity_reconciler.audit.reports.instances import InstancesQuestion
from identity_reconciler.audit.reports.orphans import OrphansQuestion
from identity_reconciler.audit.reports.people import MembershipsQuestion, MembersQuestion
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
from identity_reconciler.core.state import (
    Group,
    GroupName,
    State,
    User,
    UserName,
    user_key,
)
from identity_reconciler.errors import Position, UsageError
from tests.answering import answer
from tests.strategies import HERE, INSTANCE, NOW
from tests.unit.audit.worlds import (
    GONE,
    SITE,
    STATE,
    WIKI,
    cells,
    everything,
    person,
    second,
)


class TestPeople:
    """Who is in a group, and in which groups somebody is."""

    def test_members_are_all_there_and_disabled_ones_marked(self) -> None:
        report = MembersQuestion("FINANCE").answer(everything())
        assert cells(report, "user_name", "email", "user_status") == [
            ("Ana", "ana@example.com", "enabled"),
            ("bob", "bob@example.com", "disabled"),
        ]

    def test_members_reads_the_members_of_no_other_group(self) -> None:
        read = answer(STATE, MembersQuestion("FINANCE").wanted)
        assert [*read.members] == ["finance"]

    def test_an_empty_group_has_no_rows(self) -> None:
        assert MembersQuestion("empty").answer(everything()).rows == ()

    def test_an_unknown_group_is_an_error(self) -> None:
        with pytest.raises(UsageError, match='did you mean "builders"'):
            MembersQuestion("builder").answer(everything())

    def test_memberships_are_all_there(self) -> None:
        report = MembershipsQuestion("ana").answer(everything())
        assert cells(report, "group", "description", "user_name") == [
            ("builders", "All of builders", "Ana"),
            ("Finance", "All of Finance", "Ana"),
        ]

    def test_memberships_mark_the_disabled(self) -> None:
        report = MembershipsQuestion("bob").answer(everything())
        assert cells(report, "group", "user_status") == [("Finance", "disabled")]

    def test_an_unknown_user_is_an_error(self) -> None:
        with pytest.raises(UsageError, match='no user "zoe"'):
            MembershipsQuestion("zoe").answer(everything())

    @pytest.mark.parametrize("presence", [Presence.PRESENT, Presence.ABSENT])
    def test_what_is_to_be_deleted_is_not_yet_to_be_made(self, presence: Presence) -> None:
        known = Declared(
            Settings(INSTANCE),
            users=(DeclaredUser(person("zoe"), HERE, presence),),
            groups=(DeclaredGroup(Group(GroupName("zoos")), HERE, presence),),
        )
        site = inspection_of(replace(SITE, declared=known))
        for question in (MembershipsQuestion("zoe"), MembersQuestion("zoos")):
            with pytest.raises(UsageError) as caught:
                question.answer(site)
            assert ("has yet to make it" in str(caught.value)) is (presence is Presence.PRESENT)

    def test_a_user_of_one_of_two_instances_is_found(self) -> None:
        empty = second(State())
        report = MembershipsQuestion("bob").answer(inspection_of(empty, SITE))
        assert cells(report, "instance", "group") == [("main", "Finance")]


class TestApplications:
    """What is assigned to what."""

    def test_counts(self) -> None:
        report = ApplicationsQuestion().answer(everything())
        wanted = ("application", "users", "groups", "deleted", "people")
        assert cells(report, *wanted) == [
            ("Payroll", "1", "1", "1", "2"),
            ("Wiki", "0", "2", "0", "1"),
        ]

    def test_assignments_have_typed_principals(self) -> None:
        report = AssignmentsQuestion().answer(everything())
        wanted = ("application", "principal_type", "principal", "principal_status")
        assert cells(report, *wanted) == [
            ("Payroll", "GROUP", "Finance", "present"),
            ("Payroll", "USER", GONE.name, "deleted"),
            ("Payroll", "USER", "Ana", "enabled"),
            ("Wiki", "GROUP", "builders", "present"),
            ("Wiki", "GROUP", "empty", "present"),
        ]


class TestInstances:
    """Every account has a row, whatever became of the call."""

    def test_rows(self) -> None:
        site = replace(SITE, scope=InstanceScope.ORGANIZATION)
        inspection = Inspection(
            (
                Visit(Account("111122223333", "root", "ACTIVE"), (site,)),
                Visit(Account("222233334444", "empty", "ACTIVE")),
                Visit(Account("333344445555", "shut", "SUSPENDED"), trouble="is SUSPENDED"),
            )
        )
        report = InstancesQuestion().answer(inspection)
        assert cells(report, "account_id", "account_state", "instance", "scope", "remark") == [
            ("111122223333", "ACTIVE", "main", "organization", ""),
            ("222233334444", "ACTIVE", "", "", "has no instance of its own"),
            ("333344445555", "SUSPENDED", "", "", "is SUSPENDED"),
        ]
        assert report.notes == ("1 account could not be looked into.",)


def duplicates(*users: User, elsewhere: tuple[User, ...] = ()) -> list[tuple[str, ...]]:
    one = State(users={user_key(user.user_name): user for user in users})
    two = State(users={user_key(user.user_name): user for user in elsewhere})
    report = DuplicatesQuestion().answer(inspection_of(replace(SITE, state=one), second(two)))
    assert bool(report.alarms) is bool(report.rows)
    return cells(report, "attribute", "shared", "variation", "where", "instance", "user_name")


class TestDuplicates:
    """The same person twice, in whatever spelling and wherever."""

    def test_the_same_address(self) -> None:
        found = duplicates(person("ana", "a@example.com"), person("bob", "a@example.com"))
        about = ("email", "a@example.com", "same", "within", "main")
        assert found == [(*about, "ana"), (*about, "bob")]

    def test_an_address_in_another_case(self) -> None:
        found = duplicates(person("ana", "A@Example.com"), person("bob", "a@example.com"))
        assert {row[:4] for row in found} == {("email", "a@example.com", "case", "within")}

    @pytest.mark.parametrize(
        "other", ["\uff41na", "an\u00aa", "\U0001d41ana".replace("ana", "na"), "A\uff2e\uff21"]
    )
    def test_a_user_name_in_another_unicode_form(self, other: str) -> None:
        found = duplicates(person("ana", "1@example.com"), person(other, "2@example.com"))
        assert {row[:3] for row in found} == {("user_name", "ana", "Unicode form")}
        assert len(found) == 2

    def test_decomposed_and_composed_are_one(self) -> None:
        found = duplicates(
            person("one", "de\u0301de\u0301@example.com"),
            person("two", "d\u00e9d\u00e9@example.com"),
        )
        assert {row[2] for row in found} == {"Unicode form"}

    def test_across_instances(self) -> None:
        found = duplicates(person("ana", "1@example.com"), elsewhere=(person("ANA"),))
        assert [row[3:] for row in found] == [
            ("across", "main", "ana"),
            ("across", "second", "ANA"),
        ]

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("stra\u00dfe", "STRASSE"),
            ("\ufb01nn", "FINN"),
            ("\u212bke", "A\u030aKE"),
            ("\u1d43na", "ANA"),
            ("a\u0345\u0301", "A\u0301\u0345"),
            (" ana ", "ana"),
        ],
    )
    def test_spellings_of_one_name(self, one: str, other: str) -> None:
        assert normalized(one) == normalized(other)

    @given(text=st.text())
    def test_what_is_normalized_stays(self, text: str) -> None:
        assert normalized(normalized(text)) == normalized(text)

    def test_people_without_an_address_share_none(self) -> None:
        assert duplicates(User(UserName("ana")), User(UserName("bob"))) == []

    def test_strangers_are_none(self) -> None:
        assert duplicates(person("ana"), person("bob"), elsewhere=(person("carla"),)) == []


def declared(**parts: object) -> Declared:
    return replace(Declared(Settings(INSTANCE)), **parts)  # type: ignore[arg-type]


class TestOrphans:
    """What hangs loose, each with its own finding."""

    def test_findings(self) -> None:
        report = OrphansQuestion().answer(everything())
        assert cells(report, "finding", "kind", "name", "detail") == [
            (
                "assignment of a deleted principal",
                "assignment",
                GONE.name,
                "user assigned to Payroll",
            ),
            ("disabled user who still has access", "user", "bob", "Payroll"),
            ("group without members", "group", "empty", ""),
            ("user without access to any application", "user", "carla", ""),
            ("user without access to any application", "user", "dora", ""),
        ]
        assert report.alarms == 5

    def test_a_group_without_access(self) -> None:
        state = replace(STATE, assignments={**STATE.assignments, WIKI: frozenset()})
        found = cells(OrphansQuestion().answer(everything(state)), "finding", "name")
        assert ("group without access to any application", "builders") in found

    def test_what_the_yaml_does_not_know(self) -> None:
        known = declared(
            users=tuple(
                DeclaredUser(User(UserName(name)), HERE) for name in ("ANA", "bob", "dora")
            ),
            groups=tuple(
                DeclaredGroup(Group(GroupName(name)), HERE) for name in ("finance", "Empty")
            ),
            applications=(DeclaredApplication(ApplicationSelector(name="Payroll"), HERE),),
        )
        report = OrphansQuestion().answer(inspection_of(replace(SITE, declared=known)))
        found = [row[1:] for row in cells(report, "finding", "kind", "name") if "YAML" in row[0]]
        assert found == [("application", "Wiki"), ("group", "builders"), ("user", "carla")]

    def test_without_yaml_that_is_said(self) -> None:
        assert "not compared with YAML" in OrphansQuestion().answer(everything()).notes[1]


class TestExpiring:
    """Soonest first; what has expired and is still listed too."""

    def test_rows(self) -> None:
        def listed(name: str, days: int) -> Listed:
            return Listed(name, Position("groups.yaml", 7, 3), NOW + timedelta(days=days), "T-1")

        known = declared(
            groups=(
                DeclaredGroup(
                    Group(GroupName("Finance")),
                    HERE,
                    members=(listed("ana", 3), listed("bob", -1), listed("carla", 31)),
                ),
            ),
            applications=(
                DeclaredApplication(
                    ApplicationSelector(name="Payroll"),
                    HERE,
                    users=(Listed("ana", HERE), listed("dora", 30)),
                ),
            ),
        )
        report = ExpiringQuestion(NOW, 30).answer(inspection_of(replace(SITE, declared=known)))
        assert cells(report, "expires", "standing", "address", "reason", "source") == [
            ("2026-02-28T09:00:00Z", "expired", "membership/Finance/bob", "T-1", "groups.yaml:7"),
            (
                "2026-03-04T09:00:00Z",
                "3 days left",
                "membership/Finance/ana",
                "T-1",
                "groups.yaml:7",
            ),
            (
                "2026-03-31T09:00:00Z",
                "30 days left",
                "assignment/Payroll/user/dora",
                "T-1",
                "groups.yaml:7",
            ),
        ]
        assert report.alarms == 3

    def test_the_instant_of_expiry_is_expired(self) -> None:
        now = datetime(2026, 3, 1, tzinfo=UTC)
        member = Listed("ana", HERE, now)
        known = declared(groups=(DeclaredGroup(Group(GroupName("g")), HERE, members=(member,)),))
        report = ExpiringQuestion(now, 0).answer(inspection_of(replace(SITE, declared=known)))
        assert cells(report, "standing") == [("expired",)]
