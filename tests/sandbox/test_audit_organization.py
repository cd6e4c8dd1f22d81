"""The audit of a whole organisation, compared with what was put into it."""

from __future__ import annotations

import csv
import io
import stat
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from math import ceil
from pathlib import Path

import pytest

from identity_reconciler.audit.collection import Collection, collect
from identity_reconciler.audit.formats.data import csv_text
from identity_reconciler.audit.inspection import Inspection, InstanceScope
from identity_reconciler.audit.memory import About, AccountFile
from identity_reconciler.audit.report import EVERYTHING, Edition, Question
from identity_reconciler.audit.reports.access import AccessQuestion
from identity_reconciler.audit.reports.applications import ApplicationsQuestion, AssignmentsQuestion
from identity_reconciler.audit.reports.duplicates import DuplicatesQuestion
from identity_reconciler.audit.reports.instances import InstancesQuestion
from identity_reconciler.audit.reports.leavers import LeaversQuestion, read_leavers
from identity_reconciler.audit.reports.orphans import OrphansQuestion
from identity_reconciler.audit.reports.people import MembershipsQuestion, MembersQuestion
from identity_reconciler.errors import AccessDeniedError, UsageError
from identity_reconciler.gateway import Wanted
from identity_reconciler.gateway.organization import Organization, Reach
from identity_reconciler.gateway.wire.pacing import Rates
from identity_reconciler.sandbox import InstanceDetails, Sandbox
from identity_reconciler.sandbox.trouble import Fault, FaultKind, Trouble
from tests.sandbox.organization_world import (
    ACCOUNTS,
    MANAGEMENT,
    NO_ROLE,
    REGION,
    ROLE,
    SUSPENDED,
    WITH_INSTANCE,
    Company,
    fill,
    without_role,
)

UNPACED = Rates(100_000, 100_000)
ABOUT = About(ROLE)


@dataclass
class World:
    sandbox: Sandbox
    companies: dict[str, Company]
    inspection: Inspection
    """As seen with the account without the role."""
    requests: Counter[tuple[str, str]]
    """What that took."""

    def look(
        self, wanted: Wanted = EVERYTHING, path: Path | None = None, **reach: object
    ) -> Inspection:
        """Look again, with whatever trouble there is now, and count the requests anew."""
        self.sandbox.requests.clear()
        account = str(reach.pop("account", MANAGEMENT))
        session = self.sandbox.session(account, REGION)
        way = Reach(ROLE, REGION, rates=UNPACED, **reach)  # type: ignore[arg-type]
        collection = Collection(wanted, side_by_side=1)
        if path is not None:
            collection = Collection(wanted, AccountFile(path, ABOUT), side_by_side=1)
        return collect(Organization(session, way), collection)

    def rows(self, question: Question, *names: str) -> list[tuple[str, ...]]:
        """Return these columns of the CSV of a report, read back."""
        report = question.answer(self.inspection)
        text = csv_text(Edition(report, datetime(2026, 3, 1, tzinfo=UTC), "sandbox"))
        rows = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        return [tuple(row[name] for name in names) for row in rows]

    @property
    def arns(self) -> dict[str, str]:
        """Return the ARN of each instance by its name."""
        return {site.name: site.instance.instance_arn for site in self.inspection.sites}


@pytest.fixture(scope="module")
def organization() -> Iterator[World]:
    with Sandbox() as sandbox:
        companies = fill(sandbox)
        sandbox.make_trouble(without_role())
        world = World(sandbox, companies, Inspection(()), Counter())
        world.inspection = world.look()
        world.requests = sandbox.requests.counts
        yield world


@pytest.fixture
def world(organization: World) -> World:
    """Return the organisation with the one account without the role, whatever a test did to it."""
    organization.sandbox.make_trouble(without_role())
    return organization


class TestEveryAccount:
    """One that fails is a row with its reason, never the end of the run."""

    def test_all_thirty_are_there(self, world: World) -> None:
        assert tuple(one.account.account_id for one in world.inspection.visits) == ACCOUNTS
        assert len(world.inspection.sites) == 25

    def test_reasons(self, world: World) -> None:
        troubles = {one.account.account_id: one.trouble for one in world.inspection.troubles}
        assert set(troubles) == {SUSPENDED, NO_ROLE}
        assert troubles[SUSPENDED] == "the account is SUSPENDED"
        assert "sts:AssumeRole" in troubles[NO_ROLE]

    def test_only_the_management_account_has_the_organisations_instance(self, world: World) -> None:
        scopes = Counter(site.scope for site in world.inspection.sites)
        assert scopes == {InstanceScope.ORGANIZATION: 1, InstanceScope.ACCOUNT: 24}
        assert world.inspection.sites[0].scope is InstanceScope.ORGANIZATION

    def test_an_instance_that_cannot_be_read_loses_its_account_only(self, world: World) -> None:
        denied = Fault("ListGroups", FaultKind.ERROR, call=4, code="AccessDeniedException")
        world.sandbox.make_trouble(Trouble(faults=(denied,)))
        # Two pages in the first account, one in each of the others.
        inspection = world.look(Wanted(groups=True))
        troubles = [one for one in inspection.troubles if one.account.account_id != SUSPENDED]
        assert [one.account.account_id for one in troubles] == [ACCOUNTS[2]]
        assert "identitystore:ListGroups" in troubles[0].trouble
        assert troubles[0].sites == ()
        assert len(inspection.sites) == 24

    def test_accounts_that_cannot_be_listed_are_an_error(self, world: World) -> None:
        with pytest.raises(AccessDeniedError, match="organizations:ListAccounts"):
            world.look(account=ACCOUNTS[3])

    def test_a_delegated_administrator_reads_the_organisations_instance(self, world: World) -> None:
        world.sandbox.delegate_administration(ACCOUNTS[3])
        denied = Fault("sts:AssumeRole", code="AccessDenied")
        world.sandbox.make_trouble(Trouble(faults=(denied,)))
        wanted = Wanted(groups=True)
        inspection = world.look(wanted, account=ACCOUNTS[3])
        assert {one.account.account_id for one in inspection.troubles} == {SUSPENDED}
        assert inspection.sites == world.look(wanted, account=MANAGEMENT).sites

    def test_what_an_administrator_may_not_read_stays_a_gap(self, world: World) -> None:
        world.sandbox.delegate_administration(ACCOUNTS[3])
        role = Fault("sts:AssumeRole", code="AccessDenied")
        # The management account is the first one that is called at.
        late = Fault("ListGroups", code="AccessDeniedException")
        world.sandbox.make_trouble(Trouble(faults=(role, late)))
        inspection = world.look(Wanted(groups=True), account=ACCOUNTS[3])
        (gap,) = [one for one in inspection.troubles if one.account.account_id == MANAGEMENT]
        assert "sts:AssumeRole" in gap.trouble
        assert f"from account {ACCOUNTS[3]}: identitystore:ListGroups" in gap.trouble

    def test_equal_names_are_told_apart(self) -> None:
        with Sandbox() as sandbox:
            for number, account in enumerate(ACCOUNTS[:3]):
                arn = f"arn:aws:sso:::instance/ssoins-{number:016x}"
                name = "Third" if number == 2 else "TWIN" if number else "Twin"
                details = InstanceDetails(account, REGION, arn, f"d-{number:010x}", name)
                sandbox.ensure_instance(replace(details, organization=not number))
            organization = Organization(sandbox.session(), Reach(ROLE, REGION, rates=UNPACED))
            inspection = collect(organization, Collection(Wanted()))
        names = [site.name for site in inspection.sites]
        assert names == [f"Twin ({ACCOUNTS[0]})", f"TWIN ({ACCOUNTS[1]})", "Third"]


class TestRequests:
    """As few as the API allows."""

    def test_the_count_is_the_minimum(self, world: World) -> None:
        wanted: Counter[tuple[str, str]] = Counter()
        wanted["sts", "GetCallerIdentity"] = 1
        wanted["organizations", "ListAccounts"] = ceil(len(ACCOUNTS) / 20)
        # All but our own and the suspended one, and the one whose answer is no.
        wanted["sts", "AssumeRole"] = len(ACCOUNTS) - 2
        wanted["sso-admin", "ListInstances"] = len(ACCOUNTS) - 2
        for company in world.companies.values():
            wanted["identitystore", "ListUsers"] += ceil(len(company.users) / 100)
            wanted["identitystore", "ListGroups"] += ceil(len(company.members) / 100)
            for members in company.members.values():
                wanted["identitystore", "ListGroupMemberships"] += max(1, ceil(len(members) / 100))
            wanted["sso-admin", "ListApplications"] += ceil(len(company.applications) / 50)
            for arn in company.applications:
                of = [one for one in company.assigned | company.orphans if one[0] == arn]
                wanted["sso-admin", "ListApplicationAssignments"] += ceil(len(of) / 100)
                wanted["sso-admin", "GetApplicationAssignmentConfiguration"] += 1
        assert world.requests == wanted
        assert world.requests["identitystore", "ListUsers"] > len(WITH_INSTANCE)

    def test_duplicates_read_the_lists_of_users_alone(self, world: World) -> None:
        assert DuplicatesQuestion().answer(world.look(DuplicatesQuestion().wanted)).rows
        operations = {operation for service, operation in world.sandbox.requests.counts}
        assert operations == {
            "GetCallerIdentity", "ListAccounts", "AssumeRole", "ListInstances", "ListUsers"
        }  # fmt: skip

    def test_instances_read_nothing_inside_them(self, world: World) -> None:
        report = InstancesQuestion().answer(world.look(InstancesQuestion().wanted))
        assert len(report.rows) == 30
        assert not any(service == "identitystore" for service, _ in world.sandbox.requests.counts)

    def test_chosen_regions_are_asked_one_by_one(self, world: World) -> None:
        inspection = world.look(Wanted(), regions=("us-east-1", REGION))
        assert len(inspection.sites) == 25
        assert world.sandbox.requests.counts["sso-admin", "ListInstances"] == 2 * 28

    def test_an_instance_of_another_region_is_not_in_the_chosen_one(self, world: World) -> None:
        assert world.look(Wanted(), regions=("us-east-1",)).sites == ()

    def test_where_all_regions_cannot_be_asked_for_this_one_is(self, world: World) -> None:
        refused = Fault("ListInstances", code="ValidationException")
        world.sandbox.make_trouble(Trouble(faults=(refused,)))
        assert len(world.look(Wanted()).sites) == 25


class TestAgreement:
    """Every report says what was put in."""

    def test_access(self, world: World) -> None:
        rows = world.rows(AccessQuestion(), "instance", "user_name", "application_arn", "path")
        found = {(world.arns[row[0]], *row[1:]) for row in rows}
        assert len(found) == len(rows)
        assert found == set().union(*(one.access() for one in world.companies.values()))

    def test_applications(self, world: World) -> None:
        rows = world.rows(
            ApplicationsQuestion(), "application_arn", "people", "users", "groups", "deleted"
        )
        wanted = set()
        for company in world.companies.values():
            people = defaultdict(set)
            for _, user, arn, _ in company.access():
                people[arn].add(user)
            for arn in company.applications:
                kinds = Counter(kind for of, kind, _ in company.assigned if of == arn)
                gone = sum(of == arn for of, _, _ in company.orphans)
                numbers = (len(people[arn]), kinds["USER"], kinds["GROUP"], gone)
                wanted.add((arn, *map(str, numbers)))
        assert len(rows) == 120
        assert set(rows) == wanted

    def test_assignments_with_typed_principals(self, world: World) -> None:
        wanted_columns = ("application_arn", "principal_type", "principal", "principal_status")
        found = Counter(world.rows(AssignmentsQuestion(), *wanted_columns))
        wanted: Counter[tuple[str, ...]] = Counter()
        for company in world.companies.values():
            for arn, kind, name in company.assigned:
                status = "disabled" if name in company.disabled else "enabled"
                wanted[arn, kind, name, status if kind == "USER" else "present"] += 1
            for orphan in company.orphans:
                wanted[*orphan, "deleted"] += 1
        assert found == wanted

    def test_duplicates(self, world: World) -> None:
        people = [
            (site.name, name, email)
            for site in world.inspection.sites
            for name, email in world.companies[site.instance.account_id].users.items()
        ]
        wanted = set()
        for attribute, part in (("user_name", 1), ("email", 2)):
            shared = Counter(one[part].lower() for one in people)
            wanted |= {
                (attribute, one[part].lower(), one[0], one[1])
                for one in people
                if shared[one[part].lower()] > 1
            }
        rows = world.rows(DuplicatesQuestion(), "attribute", "shared", "instance", "user_name")
        assert len(rows) == len(wanted) == 4 * 24
        assert set(rows) == wanted
        assert set(world.rows(DuplicatesQuestion(), "attribute", "variation", "where")) == {
            ("email", "case", "across"),
            ("user_name", "same", "across"),
        }

    def test_instances(self, world: World) -> None:
        rows = world.rows(InstancesQuestion(), "account_id", "instance_arn", "remark")
        with_instance = {(one.account, one.arn, "") for one in world.companies.values()}
        without = {(account, "", "has no instance of its own") for account in ACCOUNTS[25:]}
        assert with_instance < set(rows)
        assert len(rows) == 30
        assert {row[0] for row in without - set(rows)} == {SUSPENDED, NO_ROLE}

    def test_orphans(self, world: World) -> None:
        wanted = set()
        for company in world.companies.values():
            name = next(n for n, arn in world.arns.items() if arn == company.arn)
            reaching = {user for _, user, _, _ in company.access()}
            assigned = {group for _, kind, group in company.assigned if kind == "GROUP"}
            loose = [
                ("assignment of a deleted principal", {one[2] for one in company.orphans}),
                ("group without members", {g for g, m in company.members.items() if not m}),
                ("group without access to any application", company.members.keys() - assigned),
                ("user without access to any application", company.users.keys() - reaching),
                ("disabled user who still has access", company.disabled & reaching),
            ]
            wanted |= {(name, finding, one) for finding, found in loose for one in found}
        assert set(world.rows(OrphansQuestion(), "instance", "finding", "name")) == wanted

    def test_members_and_memberships(self, world: World) -> None:
        members = {
            (site.name, name)
            for site in world.inspection.sites
            for name in world.companies[site.instance.account_id].members["Group 000"]
        }
        assert set(world.rows(MembersQuestion("group 000"), "instance", "user_name")) == members
        mine = {
            (site.name, group)
            for site in world.inspection.sites
            for group, names in world.companies[site.instance.account_id].members.items()
            if "user0101" in names
        }
        assert len({instance for instance, _ in mine}) == 2
        assert set(world.rows(MembershipsQuestion("user0101"), "instance", "group")) == mine

    @pytest.mark.parametrize(
        "question",
        [
            AccessQuestion(user="user0101"),
            AccessQuestion(group="group 000"),
            MembersQuestion("group 000"),
            MembershipsQuestion("user0101"),
        ],
        ids=repr,
    )
    def test_questions_about_one_thing(self, world: World, question: Question) -> None:
        """The roles may send what these take, and they are answered alike."""
        little = world.look(question.wanted)
        assert little.gaps == world.inspection.gaps
        assert question.answer(little).rows == question.answer(world.inspection).rows != ()

    def test_leavers(self, world: World) -> None:
        """Without the YAML nobody knows who was deleted, and a name alone proves nothing."""
        gone = LeaversQuestion(read_leavers("email\nleft@example.com\n", "f"))
        assert world.rows(gone, "finding") == [("unknown",)]
        there = LeaversQuestion(read_leavers("email\nuser0001@EXAMPLE.com\n", "f"))
        assert {row[0] for row in world.rows(there, "instance")} == {"Company-00", "Company-01"}

    def test_short_pages_in_any_order_change_nothing(self, world: World) -> None:
        odd = Trouble(seed=3, shuffle=True, short_pages=True)
        world.sandbox.make_trouble(odd)
        seen = world.look()
        assert [one.trouble for one in seen.troubles] == ["the account is SUSPENDED"]
        assert seen.sites == world.inspection.sites


class TestResume:
    """What an account has answered is not asked again; what failed is."""

    def test_only_what_is_missing_is_asked(self, world: World, tmp_path: Path) -> None:
        path = tmp_path / "accounts.jsonl"
        first = world.look(path=path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        world.sandbox.make_trouble(None)
        second = world.look(path=path)
        assert {one.account.account_id for one in second.troubles} == {SUSPENDED}
        assert world.sandbox.requests.counts == {
            ("sts", "GetCallerIdentity"): 1,
            ("organizations", "ListAccounts"): 2,
            ("sts", "AssumeRole"): 1,
            ("sso-admin", "ListInstances"): 1,
        }
        assert second.sites == first.sites == world.inspection.sites
        assert AccessQuestion().answer(second) == AccessQuestion().answer(world.inspection)

    def test_a_run_that_was_cut_off_goes_on(self, world: World, tmp_path: Path) -> None:
        path = tmp_path / "accounts.jsonl"
        world.sandbox.make_trouble(None)
        whole = world.look(Wanted(users=True), path)
        content = path.read_bytes()
        cut = content.find(b"\n", len(content) // 2) + 100
        path.write_bytes(content[:cut])
        kept = content[:cut].count(b"\n") - 1
        assert world.look(Wanted(users=True), path) == whole
        assert 0 < kept < 29
        assert world.sandbox.requests.counts["sso-admin", "ListInstances"] == 29 - kept
        assert sorted(path.read_bytes().splitlines()) == sorted(content.splitlines())

    def test_a_file_about_another_role_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "accounts.jsonl"
        AccountFile(path, ABOUT)
        with pytest.raises(UsageError, match="about role AuditReader in all Regions, not about"):
            AccountFile(path, About("Other", ("eu-west-1",)))

    def test_another_file_is_left_alone(self, tmp_path: Path) -> None:
        path = tmp_path / "notes.txt"
        path.write_text("mine\n")
        with pytest.raises(UsageError, match="does not hold the answers"):
            AccountFile(path, ABOUT)
        assert path.read_text() == "mine\n"


class TestReach:
    """A role is a name, because its ARN is another one in each account."""

    def test_an_arn_is_refused(self) -> None:
        with pytest.raises(UsageError, match="not the ARN"):
            Reach("arn:aws:iam::111122223333:role/Audit", REGION)

    def test_a_path_is_kept(self, world: World) -> None:
        session = world.sandbox.session(MANAGEMENT, REGION)
        way = Reach("/audit/Reader", REGION, rates=UNPACED)
        account = Organization(session, way).accounts()[1]
        assert way.role_arn(account) == f"arn:aws:iam::{ACCOUNTS[1]}:role/audit/Reader"


class TestSideBySide:
    """Several accounts at a time give the same answer as one after the other."""

    def test_same_sites(self, world: World) -> None:
        world.sandbox.make_trouble(None)
        session = world.sandbox.session(MANAGEMENT, REGION)
        organization = Organization(session, Reach(ROLE, REGION, rates=UNPACED))
        inspection = collect(organization, Collection(EVERYTHING))
        assert inspection.sites == world.inspection.sites
        assert organization.requests == sum(world.requests.values()) + 1
