"""The IAM policies and trusts of our roles, judged as IAM judges."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from identity_reconciler.core.accounts import AccountReading
from identity_reconciler.core.declared import Declared
from identity_reconciler.desired.reading.loader import load
from identity_reconciler.errors import UsageError
from identity_reconciler.gateway.wire.operations import (
    OPERATIONS,
    Purpose,
    ServiceOperation,
    operations_for,
)
from identity_reconciler.iam.policies import RUN_PURPOSES, PolicyFacts, RunPurpose, policy
from identity_reconciler.iam.roles import Workflows, trust
from tests.command import ROOT

STORE = "arn:aws:identitystore::111122223333:identitystore/d-1234567890"
GROUP = "arn:aws:identitystore:::group/11111111-2222-3333-4444-555555555555"
OTHER = "arn:aws:identitystore:::group/99999999-2222-3333-4444-555555555555"
APPLICATION = "arn:aws:sso::111122223333:application/ssoins-1234567890abcdef/apl-0123456789abcdef"

MANAGER = "arn:aws:account-access:eu-central-1:111122223333:application/aam-0123456789abcdef"

WRITES = {
    "identitystore:CreateGroup",
    "identitystore:CreateGroupMembership",
    "identitystore:CreateUser",
    "identitystore:DeleteGroup",
    "identitystore:DeleteGroupMembership",
    "identitystore:DeleteUser",
    "identitystore:UpdateGroup",
    "identitystore:UpdateUser",
    "sso:CreateApplicationAssignment",
    "sso:DeleteApplicationAssignment",
}
EXPIRIES = {"identitystore:DeleteGroupMembership", "sso:DeleteApplicationAssignment"}
TO_THE_LEASE = {"identitystore:CreateGroup", "identitystore:UpdateGroup"}


@pytest.fixture(scope="module")
def declared() -> Declared:
    return load(ROOT / "desired-state")


def statements(given: Mapping[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = given["Statement"]
    return found


def allows(given: Mapping[str, Any], action: str, resource: str) -> bool:
    """Return what IAM decides on a request without any condition key: a Deny wins."""
    effects = {
        one["Effect"]
        for one in statements(given)
        if "Condition" not in one
        and any(fnmatch.fnmatchcase(action, pattern) for pattern in one["Action"])
        and any(fnmatch.fnmatchcase(resource, pattern) for pattern in one["Resource"])
    }
    return effects == {"Allow"}


def is_read(action: str) -> bool:
    return action.partition(":")[2].startswith(("List", "Get", "Describe"))


class TestOperations:
    """The list says of each operation whether it writes, and audits write nothing."""

    @pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.action)
    def test_writes(self, operation: ServiceOperation) -> None:
        assert operation.writes == (operation.action in WRITES | {"s3:PutObject"})

    def test_what_the_console_calls_every_write_to_the_store(self) -> None:
        named = {one.action for one in OPERATIONS if one.twins}
        assert named == {one for one in WRITES if one.startswith("identitystore:")}

    def test_is_listed_once(self) -> None:
        assert len({one.action for one in OPERATIONS}) == len(OPERATIONS)

    @pytest.mark.parametrize("purpose", [Purpose.PLAN, Purpose.AUDIT, Purpose.AUDIT_MEMBER])
    def test_of_who_only_reads(self, purpose: Purpose) -> None:
        others = {one.action for one in operations_for(purpose) if not is_read(one.action)}
        assert others == ({"sts:AssumeRole"} if purpose is Purpose.AUDIT else set())


class TestLease:
    """A role may write what keeps the lease where that is kept, and nothing more for it."""

    OBJECT = "arn:aws:s3:::locks/identity/main.json"

    @staticmethod
    def given(declared: Declared, lock: str, purpose: RunPurpose, **facts: str) -> dict[str, Any]:
        settings = replace(declared.settings, lock=lock)
        return policy(replace(declared, settings=settings), purpose, PolicyFacts(**facts))  # type: ignore[arg-type]

    def test_an_expiry_writes_its_group_alone(self, declared: Declared) -> None:
        given = self.given(declared, "directory", Purpose.EXPIRE, lease=GROUP)
        for action in TO_THE_LEASE:
            assert allows(given, action, GROUP)
            assert not allows(given, action, OTHER)

    def test_an_expiry_writes_no_group_where_no_group_keeps_it(self, declared: Declared) -> None:
        for lock in ("off", "s3://locks/identity/main.json"):
            given = self.given(declared, lock, Purpose.EXPIRE)
            assert not any(allows(given, action, GROUP) for action in TO_THE_LEASE)

    def test_an_object_is_read_and_written_by_its_name(self, declared: Declared) -> None:
        lock = "s3://locks/identity/main.json"
        for purpose in RUN_PURPOSES:
            given = self.given(declared, lock, purpose)
            assert allows(given, "s3:GetObject", self.OBJECT)
            assert allows(given, "s3:PutObject", self.OBJECT) == (purpose is not Purpose.PLAN)
            assert not allows(given, "s3:GetObject", f"{self.OBJECT}2")
            # Else S3 says that it may not be read, and not that it is not there.
            assert allows(given, "s3:ListBucket", "arn:aws:s3:::locks")

    def test_nothing_is_asked_of_s3_otherwise(self, declared: Declared) -> None:
        for lock in ("off", "directory"):
            actions = str(self.given(declared, lock, Purpose.APPLY))
            assert "s3:" not in actions


class TestTeam:
    """A team's role assigns the applications of its accounts, and writes nothing else."""

    ACCOUNTS = ("111122223333", "444455556666")

    def given(self, declared: Declared, purpose: RunPurpose, **facts: str) -> dict[str, Any]:
        return policy(declared, purpose, PolicyFacts(accounts=self.ACCOUNTS, **facts))  # type: ignore[arg-type]

    def writes(self, given: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        return {
            action: one
            for one in statements(given)
            if one["Effect"] == "Allow"
            for action in one["Action"]
            if not is_read(action)
        }

    @pytest.mark.parametrize("purpose", [Purpose.APPLY, Purpose.EXPIRE])
    def test_writes(self, declared: Declared, purpose: RunPurpose) -> None:
        given = self.given(declared, purpose, lease=GROUP)
        found = self.writes(given)
        assigning = {one for one in WRITES if one.startswith("sso:")}
        if purpose is Purpose.EXPIRE:
            assigning &= EXPIRIES
        assert found.keys() == assigning | TO_THE_LEASE
        for action in TO_THE_LEASE:
            assert allows(given, action, GROUP)
            assert not allows(given, action, OTHER)
        for action in assigning:
            assert found[action]["Resource"] == [
                f"arn:aws:sso::{one}:application/ssoins-1234567890abcdef/*" for one in self.ACCOUNTS
            ]
            assert found[action]["Condition"] == {
                "StringEqualsIfExists": {"sso:ApplicationAccount": list(self.ACCOUNTS)}
            }

    def test_reads_as_any_other(self, declared: Declared) -> None:
        for purpose in RUN_PURPOSES:
            allowed = [
                {action for one in statements(each) for action in one["Action"] if is_read(action)}
                for each in (
                    self.given(declared, purpose),
                    policy(declared, purpose, PolicyFacts()),
                )
            ]
            assert allowed[0] == allowed[1]

    def test_a_plan_is_as_without(self, declared: Declared) -> None:
        assert self.given(declared, Purpose.PLAN) == policy(declared, Purpose.PLAN, PolicyFacts())


class TestAccountAccess:
    """A role may read of access to AWS accounts what the settings say is read, and no more."""

    @pytest.mark.parametrize("purpose", RUN_PURPOSES)
    @pytest.mark.parametrize("reading", AccountReading)
    def test_is_allowed_as_it_is_read(
        self, declared: Declared, purpose: RunPurpose, reading: AccountReading
    ) -> None:
        settings = replace(declared.settings, account_access=reading)
        given = policy(replace(declared, settings=settings), purpose, PolicyFacts())
        actions = {one for row in statements(given) for one in row["Action"]}
        by_principal, by_list, names, manager = (
            "sso:ListAccountAssignmentsForPrincipal" in actions,
            "sso:ListAccountAssignments" in actions,
            {"sso:DescribePermissionSet", "organizations:ListAccounts"} <= actions,
            allows(given, "account-access:ListEntitlements", MANAGER),
        )
        assert (by_principal, by_list, names, manager) == {
            AccountReading.PRINCIPAL: (True, True, True, True),
            AccountReading.LIST: (False, True, True, True),
            AccountReading.OFF: (False, False, False, False),
        }[reading]


class TestPlan:
    """A role that plans reads one instance and can write nothing."""

    def test_reads(self, declared: Declared) -> None:
        given = policy(declared, Purpose.PLAN, PolicyFacts())
        assert allows(given, "identitystore:ListUsers", STORE)
        assert allows(given, "identitystore:DescribeGroup", GROUP)
        assert allows(given, "sso:ListApplicationAssignments", APPLICATION)
        assert allows(given, "sso:ListInstances", "*")

    def test_not_of_another_instance(self, declared: Declared) -> None:
        given = policy(declared, Purpose.PLAN, PolicyFacts())
        assert not allows(given, "identitystore:ListUsers", STORE.replace("d-1", "d-2"))
        other = APPLICATION.replace("ssoins-1", "ssoins-2")
        assert not allows(given, "sso:ListApplicationAssignments", other)

    @pytest.mark.parametrize("resource", [STORE, GROUP, APPLICATION, "*"])
    def test_every_write_is_denied_by_name(self, declared: Declared, resource: str) -> None:
        given = policy(declared, Purpose.PLAN, PolicyFacts())
        (denial,) = [one for one in statements(given) if one["Effect"] == "Deny"]
        assert set(denial["Action"]) > WRITES
        assert denial["Resource"] == ["*"]
        for action in denial["Action"]:
            assert not allows(given, action, resource)
        twins = {one for one in denial["Action"] if one.startswith("sso-directory:")}
        assert twins >= {"sso-directory:AddMemberToGroup", "sso-directory:UpdateUserName"}


class TestApply:
    """A role that applies writes what the program writes, and keeps its hands off the rest."""

    @pytest.mark.parametrize("purpose", RUN_PURPOSES)
    def test_nothing_but_what_the_program_may_send(
        self, declared: Declared, purpose: RunPurpose
    ) -> None:
        given = policy(declared, purpose, PolicyFacts())
        allowed = {
            action
            for one in statements(given)
            if one["Effect"] == "Allow"
            for action in one["Action"]
        }
        writes = {
            Purpose.PLAN: set[str](),
            Purpose.APPLY: WRITES,
            Purpose.EXPIRE: EXPIRIES | TO_THE_LEASE,
        }
        assert {one for one in allowed if not is_read(one)} == writes[purpose]
        reading = declared.settings.account_access
        sent = {
            one.action
            for one in operations_for(purpose)
            if reading in one.when and one.service != "s3"
        }
        assert allowed == sent - {"sts:GetCallerIdentity"}
        assert not any("*" in action for one in statements(given) for action in one["Action"])

    @pytest.mark.parametrize("purpose", [Purpose.APPLY, Purpose.EXPIRE])
    def test_protected_groups_are_denied(self, declared: Declared, purpose: RunPurpose) -> None:
        given = policy(declared, purpose, PolicyFacts(protected=(GROUP,)))
        for action in ("CreateGroupMembership", "DeleteGroupMembership", "UpdateGroup"):
            assert not allows(given, f"identitystore:{action}", GROUP)
        assert allows(given, "identitystore:DeleteGroupMembership", OTHER)
        (denial,) = [one for one in statements(given) if one["Sid"] == "HandsOffProtectedGroups"]
        assert "sso-directory:RemoveMemberFromGroup" in denial["Action"]

    @pytest.mark.parametrize("purpose", [Purpose.APPLY, Purpose.EXPIRE])
    def test_protected_users_are_denied(self, declared: Declared, purpose: RunPurpose) -> None:
        """Their address would let its owner reset the password; deleted, they leave the group."""
        user = "arn:aws:identitystore:::user/11111111-2222-3333-4444-555555555555"
        given = policy(declared, purpose, PolicyFacts(protected_users=(user,)))
        for action in ("UpdateUser", "DeleteUser"):
            assert not allows(given, f"identitystore:{action}", user)
        others = policy(declared, Purpose.APPLY, PolicyFacts())
        assert allows(others, "identitystore:UpdateUser", user)
        (denial,) = [one for one in statements(given) if one["Sid"] == "HandsOffProtectedUsers"]
        assert "sso-directory:DeleteUser" in denial["Action"]

    def test_synced_people_and_groups_are_denied(self, declared: Declared) -> None:
        given = policy(declared, Purpose.APPLY, PolicyFacts())
        denials = [one for one in statements(given) if one["Effect"] == "Deny"]
        assert [one["Condition"] for one in denials] == [
            {"Null": {"identitystore:UserExternalIdIssuers": "false"}},
            {"Null": {"identitystore:GroupExternalIdIssuers": "false"}},
        ]

    def test_a_key_is_used_through_the_services_only(self, declared: Declared) -> None:
        key = "arn:aws:kms:eu-central-1:111122223333:key/k"
        given = policy(declared, Purpose.PLAN, PolicyFacts(kms_key=key))
        found = [one for one in statements(given) if one["Action"] == ["kms:Decrypt"]]
        assert [one["Resource"] for one in found] == [[key], [key]]
        assert [one["Condition"]["StringEquals"]["kms:ViaService"] for one in found] == [
            "identitystore.eu-central-1.amazonaws.com",
            "sso.eu-central-1.amazonaws.com",
        ]

    def test_applications_that_are_named_by_arn_are_the_only_ones(self, tmp_path: Path) -> None:
        settings = (ROOT / "desired-state/instance.yaml").read_text()
        (tmp_path / "instance.yaml").write_text(settings)
        text = f"applications:\n  - arn: {APPLICATION}\n    assignments: {{}}\n"
        (tmp_path / "applications.yaml").write_text(text)
        given = policy(load(tmp_path), Purpose.APPLY, PolicyFacts())
        assert allows(given, "sso:CreateApplicationAssignment", APPLICATION)
        other = APPLICATION.replace("apl-0", "apl-1")
        assert not allows(given, "sso:CreateApplicationAssignment", other)
        assert allows(given, "sso:ListApplicationAssignments", other)


R = "repo:corp/identity"
SUBJECTS = {
    Purpose.PLAN: {f"{R}:pull_request", f"{R}:ref:refs/heads/main"},
    Purpose.APPLY: {f"{R}:environment:identity"},
    Purpose.EXPIRE: {f"{R}:environment:identity-expire"},
}
STRANGERS = (
    f"{R}:environment:production",
    f"{R}:environment:Identity",
    f"{R}:environment:identity-",
    f"{R}:environment:identity:ref:refs/heads/main",
    f"{R}:environment:*",
    f"{R}:ref:refs/heads/other",
    f"{R}:ref:refs/heads/main2",
    f"{R}:ref:refs/heads/main/x",
    f"{R}:ref:refs/tags/main",
    f"{R}:ref:refs/tags/v1",
    f"{R}:ref:refs/pull/1/merge",
    f"{R}:pull_request_target",
    f"{R}:pull_request:x",
    f"{R}:*",
    R,
    f"{R}2:pull_request",
    "repo:corp/identity-fork:pull_request",
    "repo:stranger/identity:pull_request",
    "repo:corp/other:environment:identity",
    "repo:corp2/identity:environment:identity",
    "repo:corp/Identity:environment:identity",
    "repo:corp@1/identity@2:environment:identity",
    "repo:corp@1/identity@2:pull_request",
    "repo:*/identity:pull_request",
    "repo:corp/*:environment:identity",
    "xrepo:corp/identity:pull_request",
    "organization:corp",
    "",
)


class TestTrust:
    """A role is taken by the jobs that it is for, and nobody else."""

    @pytest.mark.parametrize("purpose", RUN_PURPOSES)
    def test_exactly_these_subjects(self, purpose: RunPurpose) -> None:
        given = trust("arn", Workflows("corp/identity", "7"), purpose)
        (statement,) = statements(given)
        wanted = statement["Condition"]["StringEquals"]
        assert statement["Condition"].keys() == {"StringEquals"}
        assert wanted["token.actions.githubusercontent.com:aud"] == "sts.amazonaws.com"
        everybody = {*STRANGERS, *(one for each in SUBJECTS.values() for one in each)}
        assert len(everybody) >= 30
        subjects = wanted["token.actions.githubusercontent.com:sub"]
        assert {one for one in everybody if one in subjects} == SUBJECTS[purpose]

    def test_subjects_with_numbers(self) -> None:
        found = Workflows("corp@1/identity@2", "2")
        assert found.subjects(Purpose.APPLY) == ["repo:corp@1/identity@2:environment:identity"]
        assert found.claims(Purpose.APPLY)["job_workflow_ref"] == [
            "corp/identity/.github/workflows/apply.yml@refs/heads/main"
        ]

    @pytest.mark.parametrize("number", ["", "0", "x", "1*", "*", "corp", "3"])
    def test_another_number_than_the_repository_has(self, number: str) -> None:
        with pytest.raises(UsageError, match="as --repository-id"):
            Workflows("corp@1/identity@2", number)

    @pytest.mark.parametrize(
        "repository",
        ["corp", "corp/*", "*/identity", "corp/a/b", "corp/a b", "corp/?", "a:b/c", "a@1/b", ".."],
    )
    def test_no_wildcards(self, repository: str) -> None:
        with pytest.raises(UsageError, match="is no repository"):
            Workflows(repository, "7")

    @pytest.mark.parametrize("name", ["*", "a*", "a b", "", "a:b", "?"])
    def test_no_wildcard_environments(self, name: str) -> None:
        with pytest.raises(UsageError, match="cannot stand in a trust policy"):
            Workflows("a/b", "7", environments=(name, name))


ISSUER = "token.actions.githubusercontent.com"
FILES = "corp/identity/.github/workflows"
MAIN, MERGE = "refs/heads/main", "refs/pull/1/merge"


def token(subject: str, file: str, ref: str, **other: str) -> dict[str, str]:
    """Return what GitHub says about a job of corp/identity, which has the number 7."""
    return {
        "aud": "sts.amazonaws.com",
        "sub": f"{R}:{subject}",
        "job_workflow_ref": f"{FILES}/{file}",
        "ref": ref,
        "repository_id": "7",
        **other,
    }


TOKENS = {
    "the plan of a pull request": (
        Purpose.PLAN,
        token("pull_request", f"plan-pull-request.yml@{MAIN}", MERGE),
    ),
    "the plan of main": (Purpose.PLAN, token(f"ref:{MAIN}", f"apply.yml@{MAIN}", MAIN)),
    "drift": (Purpose.PLAN, token(f"ref:{MAIN}", f"drift.yml@{MAIN}", MAIN)),
    "apply": (Purpose.APPLY, token("environment:identity", f"apply.yml@{MAIN}", MAIN)),
    "expire": (Purpose.EXPIRE, token("environment:identity-expire", f"expire.yml@{MAIN}", MAIN)),
}
THIEVES = {
    "a workflow that a pull request changed": token("pull_request", f"plan.yml@{MERGE}", MERGE),
    "the called workflow as a pull request has it": token(
        "pull_request", f"plan-pull-request.yml@{MERGE}", MERGE
    ),
    "the called workflow of a branch": token(
        "pull_request", "plan-pull-request.yml@refs/heads/work", MERGE
    ),
    "another workflow of main, in a pull request": token("pull_request", f"plan.yml@{MAIN}", MERGE),
    "another workflow of main": token(f"ref:{MAIN}", f"ci.yml@{MAIN}", MAIN),
    "a branch, where the environment is for all": token(
        "environment:identity", "apply.yml@refs/heads/work", "refs/heads/work"
    ),
    "a tag called main": token("environment:identity", f"apply.yml@{MAIN}", "refs/tags/main"),
    "a new workflow in the environment": token("environment:identity", f"mine.yml@{MAIN}", MAIN),
    "an expiry that would apply": token("environment:identity", f"expire.yml@{MAIN}", MAIN),
    "a new repository of the old name": token(
        "environment:identity", f"apply.yml@{MAIN}", MAIN, repository_id="8"
    ),
    "the same workflow of another repository": token(
        "environment:identity",
        "x",
        MAIN,
        job_workflow_ref=f"stranger/identity/.github/workflows/apply.yml@{MAIN}",
    ),
    "a token for somebody else": token(
        "environment:identity", f"apply.yml@{MAIN}", MAIN, aud="https://github.com/corp"
    ),
}


class TestTakingRoles:
    """Of all tokens, a role takes those of its jobs, as the files of main have them."""

    @staticmethod
    def taken(given: Mapping[str, str]) -> set[RunPurpose]:
        """Return the roles that a token leads to: every condition has to hold."""
        taken = set()
        for purpose in RUN_PURPOSES:
            (statement,) = statements(trust("arn", Workflows("corp/identity", "7"), purpose))
            conditions = statement["Condition"]["StringEquals"].items()
            if all(
                given[name.removeprefix(f"{ISSUER}:")]
                in ({wanted} if isinstance(wanted, str) else set(wanted))
                for name, wanted in conditions
            ):
                taken.add(purpose)
        return taken

    @pytest.mark.parametrize("name", TOKENS)
    def test_by_its_jobs(self, name: str) -> None:
        purpose, given = TOKENS[name]
        assert self.taken(given) == {purpose}

    @pytest.mark.parametrize("name", THIEVES)
    def test_by_nobody_else(self, name: str) -> None:
        assert self.taken(THIEVES[name]) == set()

    def test_every_workflow_that_takes_a_role_is_trusted(self) -> None:
        """And none beside them: the files say which job takes which role."""
        folder = ROOT / ".github/workflows"
        taking = {
            (purpose, path.name)
            for path in folder.glob("*.yml")
            for purpose in RUN_PURPOSES
            if f"role-to-assume: ${{{{ vars.IDENTITY_{purpose.upper()}_ROLE_ARN }}}}"
            in path.read_text(encoding="utf-8")
        }
        trusted = {
            (purpose, ref.removeprefix(f"{FILES}/").removesuffix(f"@{MAIN}"))
            for purpose in RUN_PURPOSES
            for ref in Workflows("corp/identity", "7").claims(purpose)["job_workflow_ref"]
        }
        assert trusted == taking
