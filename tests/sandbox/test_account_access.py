"""Access to accounts: permission sets, where they are provisioned, and who is assigned."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from identity_reconciler.sandbox import InstanceDetails, Sandbox
from identity_reconciler.sandbox.assumptions import Assumptions
from identity_reconciler.sandbox.quotas import Quotas
from identity_reconciler.sandbox.store import Store
from identity_reconciler.sandbox.trouble import Trouble
from identity_reconciler.sandbox.world import World
from tests.sandbox.test_model import call

if TYPE_CHECKING:
    from mypy_boto3_identitystore import IdentityStoreClient
    from mypy_boto3_sso_admin import SSOAdminClient

STORE = "d-1234567890"
INSTANCE = "arn:aws:sso:::instance/ssoins-1234567890abcdef"
MANAGEMENT, DELEGATED, MEMBER = "123456789012", "222233334444", "333344445555"
NOWHERE = "00000000-0000-4000-8000-000000000000"
READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"
ANY_ACCOUNT = {"TargetType": "ALL_PROVISIONED_ACCOUNTS"}

Key = dict[str, Any]


@pytest.fixture
def sandbox(sandbox: Sandbox) -> Sandbox:
    for account, name in ((DELEGATED, "Security"), (MEMBER, "Data")):
        sandbox.add_account(account, name)
    sandbox.delegate_administration(DELEGATED)
    return sandbox


@pytest.fixture
def group(store: IdentityStoreClient) -> str:
    return store.create_group(IdentityStoreId=STORE, DisplayName="data")["GroupId"]


def permission_set(admin: Any, name: str = "Reader", **attributes: object) -> Key:  # noqa: ANN401 - loose on purpose
    """Create a permission set and return what names it in requests."""
    made = admin.create_permission_set(InstanceArn=INSTANCE, Name=name, **attributes)
    return {"InstanceArn": INSTANCE, "PermissionSetArn": made["PermissionSet"]["PermissionSetArn"]}


def given(in_set: Key, group: str, account: str = MEMBER) -> Key:
    """Return the key of an account assignment."""
    return in_set | {
        "TargetId": account,
        "TargetType": "AWS_ACCOUNT",
        "PrincipalType": "GROUP",
        "PrincipalId": group,
    }


def refusal(asking: Callable[[], object]) -> str:
    """Return the code of the error that *asking* is refused with."""
    with pytest.raises(ClientError) as error:
        asking()
    return error.value.response["Error"]["Code"]


class TestPermissionSets:
    """A permission set is what it was made of and changed to, as text, without nulls."""

    def test_life(self, admin: SSOAdminClient) -> None:
        in_set = permission_set(admin)
        shown = admin.describe_permission_set(**in_set)["PermissionSet"]
        assert set(shown) == {"Name", "PermissionSetArn", "SessionDuration", "CreatedDate"}
        assert shown.get("SessionDuration") == "PT1H"
        assert shown["PermissionSetArn"].startswith(
            "arn:aws:sso:::permissionSet/ssoins-1234567890abcdef/ps-"
        )
        admin.update_permission_set(**in_set, Description="Reads", SessionDuration="PT2H30M")
        admin.update_permission_set(**in_set, RelayState="https://example.com")
        shown = admin.describe_permission_set(**in_set)["PermissionSet"]
        assert (shown["Description"], shown["SessionDuration"]) == ("Reads", "PT2H30M")
        assert shown["RelayState"] == "https://example.com"
        admin.delete_permission_set(**in_set)
        assert admin.list_permission_sets(InstanceArn=INSTANCE)["PermissionSets"] == []
        assert refusal(lambda: admin.describe_permission_set(**in_set)) == (
            "ResourceNotFoundException"
        )

    def test_pages(self, admin: SSOAdminClient) -> None:
        made = [permission_set(admin, f"Set{n}")["PermissionSetArn"] for n in range(5)]
        pages = admin.get_paginator("list_permission_sets").paginate(
            InstanceArn=INSTANCE, PaginationConfig={"PageSize": 2}
        )
        assert [page["PermissionSets"] for page in pages] == [made[:2], made[2:4], made[4:]]
        assert refusal(
            lambda: admin.list_permission_sets(InstanceArn=INSTANCE, NextToken="abc")
        ) == ("ValidationException")

    @pytest.mark.parametrize("duration", ["PT1H", "PT12H", "PT720M", "PT43200S", "P0DT1H"])
    def test_durations(self, admin: SSOAdminClient, duration: str) -> None:
        in_set = permission_set(admin, SessionDuration=duration)
        shown = admin.describe_permission_set(**in_set)["PermissionSet"]
        assert shown["SessionDuration"] == duration

    @pytest.mark.parametrize(
        "duration", ["PT59M59S", "PT12H1S", "P1D", "-PT2H", "P1W", "P1M", "PT0S"]
    )
    def test_durations_out_of_range(self, admin: SSOAdminClient, duration: str) -> None:
        in_set = permission_set(admin)
        for asking in (
            lambda: permission_set(admin, "Other", SessionDuration=duration),
            lambda: admin.update_permission_set(**in_set, SessionDuration=duration),
        ):
            assert refusal(asking) == "ValidationException"

    def test_tags_from_the_start(self, admin: SSOAdminClient) -> None:
        tags = [{"Key": key, "Value": f"of {key}"} for key in ("cost", "team")]
        in_set = permission_set(admin, Tags=tags)
        arn = in_set["PermissionSetArn"]
        assert admin.list_tags_for_resource(InstanceArn=INSTANCE, ResourceArn=arn)["Tags"] == tags

    def test_tags_over_the_quota(self) -> None:
        with Sandbox(world=World(Store(None), quotas=Quotas(tags=1))) as sandbox:
            sandbox.ensure_instance(InstanceDetails())
            admin = sandbox.session().client("sso-admin")
            tags = [{"Key": key, "Value": ""} for key in "ab"]
            assert refusal(lambda: permission_set(admin, Tags=tags)) == (
                "ServiceQuotaExceededException"
            )
            assert admin.list_permission_sets(InstanceArn=INSTANCE)["PermissionSets"] == []
            permission_set(admin, Tags=tags[:1])

    def test_account_instances_have_none(self, sandbox: Sandbox) -> None:
        arn = "arn:aws:sso:::instance/ssoins-aaaaaaaaaaaaaaaa"
        sandbox.ensure_instance(
            InstanceDetails(MEMBER, "us-east-1", arn, "d-aaaaaaaaaa", organization=False)
        )
        admin = sandbox.session(MEMBER).client("sso-admin")
        with pytest.raises(ClientError, match="account instances") as error:
            admin.list_permission_sets(InstanceArn=arn)
        assert error.value.response["Error"]["Code"] == "ValidationException"

    def test_instances_do_not_share_them(self, sandbox: Sandbox, admin: SSOAdminClient) -> None:
        other = "arn:aws:sso:::instance/ssoins-bbbbbbbbbbbbbbbb"
        sandbox.ensure_instance(
            InstanceDetails(instance_arn=other, identity_store_id="d-bbbbbbbbbb")
        )
        in_set = permission_set(admin)
        assert admin.list_permission_sets(InstanceArn=other)["PermissionSets"] == []
        assert refusal(
            lambda: admin.describe_permission_set(**(in_set | {"InstanceArn": other}))
        ) == ("ResourceNotFoundException")


class TestPolicies:
    """A permission set holds managed, customer managed and inline policies, and a boundary."""

    def test_managed(self, admin: SSOAdminClient) -> None:
        in_set = permission_set(admin)
        arns = [READ_ONLY, "arn:aws:iam::aws:policy/job-function/Billing"]
        for arn in arns:
            admin.attach_managed_policy_to_permission_set(**in_set, ManagedPolicyArn=arn)
        listed = admin.list_managed_policies_in_permission_set(**in_set)
        assert listed["AttachedManagedPolicies"] == [
            {"Name": "ReadOnlyAccess", "Arn": arns[0]},
            {"Name": "Billing", "Arn": arns[1]},
        ]
        again = refusal(
            lambda: admin.attach_managed_policy_to_permission_set(
                **in_set, ManagedPolicyArn=arns[0]
            )
        )
        assert again == "ConflictException"
        admin.detach_managed_policy_from_permission_set(**in_set, ManagedPolicyArn=arns[0])
        (left,) = admin.list_managed_policies_in_permission_set(**in_set)["AttachedManagedPolicies"]
        assert left.get("Name") == "Billing"

    def test_customer_managed_ones_differ_by_path(self, admin: SSOAdminClient) -> None:
        in_set = permission_set(admin)
        references: list[Any] = [{"Name": "Ours"}, {"Name": "Ours", "Path": "/team/"}]
        for one in references:
            admin.attach_customer_managed_policy_reference_to_permission_set(
                **in_set, CustomerManagedPolicyReference=one
            )
        admin.detach_customer_managed_policy_reference_from_permission_set(
            **in_set, CustomerManagedPolicyReference={"Name": "Ours", "Path": "/team/"}
        )
        listed = admin.list_customer_managed_policy_references_in_permission_set(**in_set)
        assert listed["CustomerManagedPolicyReferences"] == [{"Name": "Ours", "Path": "/"}]

    def test_both_kinds_count_towards_the_quota(self) -> None:
        world = World(Store(None), quotas=Quotas(policies_per_permission_set=2))
        with Sandbox(world=world) as sandbox:
            sandbox.ensure_instance(InstanceDetails())
            admin = sandbox.session().client("sso-admin")
            in_set = permission_set(admin)
            admin.attach_managed_policy_to_permission_set(**in_set, ManagedPolicyArn=READ_ONLY)
            reference: Any = {"CustomerManagedPolicyReference": {"Name": "Ours"}}
            attach = admin.attach_customer_managed_policy_reference_to_permission_set
            attach(**in_set, **reference)
            third: Any = {"CustomerManagedPolicyReference": {"Name": "Theirs"}}
            assert refusal(lambda: attach(**in_set, **third)) == "ServiceQuotaExceededException"

    @pytest.mark.parametrize(
        "arn",
        ["arn:aws-cn:iam::aws:policy/ReadOnlyAccess", f"arn:aws:iam::aws:policy/{'a' * 101}"],
    )
    def test_policies_that_aws_cannot_have(self, admin: SSOAdminClient, arn: str) -> None:
        in_set = permission_set(admin)
        assert refusal(
            lambda: admin.attach_managed_policy_to_permission_set(**in_set, ManagedPolicyArn=arn)
        ) == ("ResourceNotFoundException")

    def test_longest_name(self, admin: SSOAdminClient) -> None:
        in_set, name = permission_set(admin), "a" * 100
        admin.attach_managed_policy_to_permission_set(
            **in_set, ManagedPolicyArn=f"arn:aws:iam::aws:policy/{'path/' * 9}{name}"
        )
        (one,) = admin.list_managed_policies_in_permission_set(**in_set)["AttachedManagedPolicies"]
        assert one.get("Name") == name

    def test_inline(self, admin: SSOAdminClient) -> None:
        in_set = permission_set(admin)
        policy = '{"Version": "2012-10-17",\n "Statement": []}'
        admin.put_inline_policy_to_permission_set(**in_set, InlinePolicy=policy)
        assert admin.get_inline_policy_for_permission_set(**in_set)["InlinePolicy"] == policy
        admin.delete_inline_policy_from_permission_set(**in_set)
        assert admin.get_inline_policy_for_permission_set(**in_set)["InlinePolicy"] == ""

    @pytest.mark.parametrize("policy", ["x", "[]", "{}", '"Statement"', "[" * 30_000])
    def test_what_is_no_policy(self, admin: SSOAdminClient, policy: str) -> None:
        in_set = permission_set(admin)
        assert refusal(
            lambda: admin.put_inline_policy_to_permission_set(**in_set, InlinePolicy=policy)
        ) == ("ValidationException")

    @pytest.mark.parametrize(
        ("boundary", "shown"),
        [
            ({"ManagedPolicyArn": READ_ONLY}, {"ManagedPolicyArn": READ_ONLY}),
            (
                {"CustomerManagedPolicyReference": {"Name": "Ours"}},
                {"CustomerManagedPolicyReference": {"Name": "Ours", "Path": "/"}},
            ),
        ],
    )
    def test_boundary(self, admin: SSOAdminClient, boundary: Any, shown: object) -> None:  # noqa: ANN401
        in_set = permission_set(admin)
        admin.put_permissions_boundary_to_permission_set(**in_set, PermissionsBoundary=boundary)
        found = admin.get_permissions_boundary_for_permission_set(**in_set)
        assert found["PermissionsBoundary"] == shown
        admin.delete_permissions_boundary_from_permission_set(**in_set)
        assert refusal(lambda: admin.get_permissions_boundary_for_permission_set(**in_set)) == (
            "ResourceNotFoundException"
        )

    def test_boundary_of_another_partition(self, admin: SSOAdminClient) -> None:
        in_set = permission_set(admin)
        foreign: Any = {"ManagedPolicyArn": "arn:aws-cn:iam::aws:policy/ReadOnlyAccess"}
        put = partial(
            admin.put_permissions_boundary_to_permission_set, **in_set, PermissionsBoundary=foreign
        )
        assert refusal(put) == "ResourceNotFoundException"

    @pytest.mark.parametrize(
        "boundary",
        [{}, {"ManagedPolicyArn": READ_ONLY, "CustomerManagedPolicyReference": {"Name": "Ours"}}],
    )
    def test_boundary_is_one_policy(self, admin: SSOAdminClient, boundary: Any) -> None:  # noqa: ANN401
        in_set = permission_set(admin)
        assert refusal(
            lambda: admin.put_permissions_boundary_to_permission_set(
                **in_set, PermissionsBoundary=boundary
            )
        ) == ("ValidationException")

    def test_members_that_no_boundary_has(self, sandbox: Sandbox, admin: SSOAdminClient) -> None:
        in_set = permission_set(admin)
        for boundary, code in (
            ({"Policy": "x"}, 400),
            ({"ManagedPolicyArn": READ_ONLY, "X": 1}, 200),
        ):
            params = {**in_set, "PermissionsBoundary": boundary}
            status, _ = call(sandbox, "PutPermissionsBoundaryToPermissionSet", params)
            assert status == code
        found = admin.get_permissions_boundary_for_permission_set(**in_set)
        assert found["PermissionsBoundary"] == {"ManagedPolicyArn": READ_ONLY}


CHANGES: list[tuple[str, Key]] = [
    ("update_permission_set", {"Description": "New"}),
    ("attach_managed_policy_to_permission_set", {"ManagedPolicyArn": f"{READ_ONLY}2"}),
    ("detach_managed_policy_from_permission_set", {"ManagedPolicyArn": READ_ONLY}),
    (
        "attach_customer_managed_policy_reference_to_permission_set",
        {"CustomerManagedPolicyReference": {"Name": "Theirs"}},
    ),
    (
        "detach_customer_managed_policy_reference_from_permission_set",
        {"CustomerManagedPolicyReference": {"Name": "Ours"}},
    ),
    ("put_inline_policy_to_permission_set", {"InlinePolicy": '{"Statement": []}'}),
    ("delete_inline_policy_from_permission_set", {}),
    (
        "put_permissions_boundary_to_permission_set",
        {"PermissionsBoundary": {"ManagedPolicyArn": READ_ONLY}},
    ),
    ("delete_permissions_boundary_from_permission_set", {}),
]


def furnished(admin: Any, group: str, account: str) -> Key:  # noqa: ANN401 - loose on purpose
    """Return a permission set that has one of everything and is assigned in an account."""
    in_set = permission_set(admin)
    admin.attach_managed_policy_to_permission_set(**in_set, ManagedPolicyArn=READ_ONLY)
    admin.attach_customer_managed_policy_reference_to_permission_set(
        **in_set, CustomerManagedPolicyReference={"Name": "Ours"}
    )
    admin.put_inline_policy_to_permission_set(**in_set, InlinePolicy='{"Statement": [1]}')
    admin.put_permissions_boundary_to_permission_set(
        **in_set, PermissionsBoundary={"ManagedPolicyArn": f"{READ_ONLY}2"}
    )
    admin.create_account_assignment(**given(in_set, group, account))
    return in_set


ABSENT: list[tuple[str, Key]] = [CHANGES[index] for index in (2, 4, 6, 8)]
"""Taking away each kind of policy."""


class TestAbsentPolicies:
    """What a permission set does not have cannot be taken away, unless that is assumed."""

    @pytest.mark.parametrize(("operation", "params"), ABSENT)
    @pytest.mark.parametrize("error", [True, False])
    def test_twice(self, operation: str, params: Key, *, error: bool) -> None:
        with Sandbox.assuming(Assumptions(missing_policy_is_error=error)) as sandbox:
            sandbox.ensure_instance(InstanceDetails())
            client = sandbox.session().client("sso-admin")
            store = sandbox.session().client("identitystore")
            group = store.create_group(IdentityStoreId=STORE, DisplayName="data")["GroupId"]
            take_away = partial(getattr(client, operation), **params)
            in_set = furnished(client, group, MANAGEMENT)
            take_away(**in_set)
            if error:
                assert refusal(partial(take_away, **in_set)) == "ResourceNotFoundException"
            else:
                take_away(**in_set)

    def test_another_one(self, admin: SSOAdminClient) -> None:
        in_set = permission_set(admin)
        admin.attach_managed_policy_to_permission_set(**in_set, ManagedPolicyArn=READ_ONLY)
        detach = partial(
            admin.detach_managed_policy_from_permission_set,
            **in_set,
            ManagedPolicyArn=f"{READ_ONLY}2",
        )
        assert refusal(detach) == "ResourceNotFoundException"
        left = admin.list_managed_policies_in_permission_set(**in_set)["AttachedManagedPolicies"]
        assert [one.get("Arn") for one in left] == [READ_ONLY]

    def test_text_names_the_permission_set(self, admin: SSOAdminClient) -> None:
        in_set = permission_set(admin)
        attach = partial(
            admin.attach_managed_policy_to_permission_set, **in_set, ManagedPolicyArn=READ_ONLY
        )
        attach()
        number = in_set["PermissionSetArn"].rpartition("/")[2]
        with pytest.raises(ClientError, match=f"id {number} already has .* {READ_ONLY}$"):
            attach()
        admin.delete_permission_set(**in_set)
        with pytest.raises(ClientError, match=f"PermissionSet with id {number}$"):
            attach()


class TestProvisioning:
    """An account has a permission set in the version that it was last provisioned in."""

    def test_assignment_provisions(self, admin: SSOAdminClient, group: str) -> None:
        in_set = permission_set(admin)
        for account in (MEMBER, DELEGATED):
            admin.create_account_assignment(**given(in_set, group, account))
        accounts = admin.list_accounts_for_provisioned_permission_set(**in_set)["AccountIds"]
        assert accounts == [MEMBER, DELEGATED]
        for account, expected in ((MEMBER, [in_set["PermissionSetArn"]]), (MANAGEMENT, [])):
            sets = admin.list_permission_sets_provisioned_to_account(
                InstanceArn=INSTANCE, AccountId=account
            )
            assert sets["PermissionSets"] == expected

    @pytest.mark.parametrize(("operation", "params"), CHANGES)
    def test_changes_wait_for_provisioning(
        self, admin: SSOAdminClient, group: str, operation: str, params: Key
    ) -> None:
        in_set = furnished(admin, group, MEMBER)

        def accounts(status: Any) -> list[str]:  # noqa: ANN401 - an enum of the stubs
            answer = admin.list_accounts_for_provisioned_permission_set(
                **in_set, ProvisioningStatus=status
            )
            sets = admin.list_permission_sets_provisioned_to_account(
                InstanceArn=INSTANCE, AccountId=MEMBER, ProvisioningStatus=status
            )
            assert len(answer["AccountIds"]) == len(sets["PermissionSets"])
            return answer["AccountIds"]

        latest, outdated = (
            "LATEST_PERMISSION_SET_PROVISIONED",
            "LATEST_PERMISSION_SET_NOT_PROVISIONED",
        )
        assert (accounts(latest), accounts(outdated)) == ([MEMBER], [])
        getattr(admin, operation)(**in_set, **params)
        assert (accounts(latest), accounts(outdated)) == ([], [MEMBER])
        begun = admin.provision_permission_set(**in_set, TargetType="ALL_PROVISIONED_ACCOUNTS")
        assert begun["PermissionSetProvisioningStatus"].get("Status") == "IN_PROGRESS"
        assert (accounts(latest), accounts(outdated)) == ([MEMBER], [])
        getattr(admin, CHANGES[0][0])(**in_set, **CHANGES[0][1])
        admin.provision_permission_set(**in_set, TargetType="AWS_ACCOUNT", TargetId=MEMBER)
        assert (accounts(latest), accounts(outdated)) == ([MEMBER], [])

    def test_status(self, admin: SSOAdminClient, group: str) -> None:
        in_set = permission_set(admin)
        begun: list[Any] = [
            admin.provision_permission_set(**in_set, TargetType="AWS_ACCOUNT", TargetId=MEMBER),
            admin.provision_permission_set(**in_set, TargetType="ALL_PROVISIONED_ACCOUNTS"),
        ]
        ids = [one["PermissionSetProvisioningStatus"]["RequestId"] for one in begun]
        failed, succeeded = (
            admin.describe_permission_set_provisioning_status(
                InstanceArn=INSTANCE, ProvisionPermissionSetRequestId=one
            )["PermissionSetProvisioningStatus"]
            for one in ids
        )
        assert (failed.get("Status"), failed.get("AccountId")) == ("FAILED", MEMBER)
        assert "Assignment not found" in failed["FailureReason"]
        assert succeeded.get("Status") == "SUCCEEDED"
        assert "FailureReason" not in succeeded
        for status, expected in (("FAILED", ids[:1]), ("SUCCEEDED", ids[1:]), ("IN_PROGRESS", [])):
            wanted: Any = {"Status": status}
            listed = admin.list_permission_set_provisioning_status(
                InstanceArn=INSTANCE, Filter=wanted
            )["PermissionSetsProvisioningStatus"]
            assert [one.get("RequestId") for one in listed] == expected
        assert group

    def test_targets(self, admin: SSOAdminClient, group: str) -> None:
        in_set = furnished(admin, group, MEMBER)
        for params, code in (
            (
                {"TargetType": "AWS_ACCOUNT", "TargetId": "999999999999"},
                "ResourceNotFoundException",
            ),
            ({**ANY_ACCOUNT, "TargetId": MEMBER}, "ValidationException"),
            ({"TargetType": "AWS_ACCOUNT"}, "ValidationException"),
        ):
            target: Any = params
            assert refusal(partial(admin.provision_permission_set, **in_set, **target)) == code

    def test_own_account_when_assumed(self) -> None:
        with Sandbox.assuming(Assumptions(provisioning_names_its_account=False)) as sandbox:
            sandbox.ensure_instance(InstanceDetails())
            admin = sandbox.session().client("sso-admin")
            in_set = permission_set(admin)
            begun = admin.provision_permission_set(**in_set, TargetType="AWS_ACCOUNT")
            assert begun["PermissionSetProvisioningStatus"].get("AccountId") == MANAGEMENT

    def test_lists_of_an_account_that_is_not_there(self, admin: SSOAdminClient) -> None:
        in_set, nowhere = permission_set(admin), "999999999999"
        for asking in (
            partial(admin.list_account_assignments, **in_set, AccountId=nowhere),
            partial(
                admin.list_permission_sets_provisioned_to_account,
                InstanceArn=INSTANCE,
                AccountId=nowhere,
            ),
        ):
            assert refusal(asking) == "ResourceNotFoundException"


class TestAssignments:
    """An assignment is there once, until it is taken away; nothing else takes it away."""

    def test_life(self, tmp_path: Path) -> None:
        path = tmp_path / "sandbox.sqlite3"
        with Sandbox(path) as sandbox:
            sandbox.ensure_instance(InstanceDetails())
            admin = sandbox.session().client("sso-admin")
            store = sandbox.session().client("identitystore")
            group = store.create_group(IdentityStoreId=STORE, DisplayName="data")["GroupId"]
            key = given(permission_set(admin), group, MANAGEMENT)
            begun = admin.create_account_assignment(**key)["AccountAssignmentCreationStatus"]
            assert begun.get("Status") == "IN_PROGRESS"
            admin.create_account_assignment(**(key | {"PrincipalId": group.upper()}))
        with Sandbox(path) as again:
            admin = again.session().client("sso-admin")
            listed = admin.list_account_assignments(
                InstanceArn=INSTANCE,
                AccountId=MANAGEMENT,
                PermissionSetArn=key["PermissionSetArn"],
            )["AccountAssignments"]
            assert [one.get("PrincipalId") for one in listed] == [group]
            done: Any = admin.describe_account_assignment_creation_status(
                InstanceArn=INSTANCE,
                AccountAssignmentCreationRequestId=begun.get("RequestId", ""),
            )["AccountAssignmentCreationStatus"]
            assert done.pop("CreatedDate")
            assert done == {
                "Status": "SUCCEEDED",
                "RequestId": begun.get("RequestId"),
                **{name: value for name, value in key.items() if name != "InstanceArn"},
            }
            gone = admin.delete_account_assignment(**key)["AccountAssignmentDeletionStatus"]
            finished = admin.describe_account_assignment_deletion_status(
                InstanceArn=INSTANCE,
                AccountAssignmentDeletionRequestId=gone.get("RequestId", ""),
            )
            assert finished["AccountAssignmentDeletionStatus"].get("Status") == "SUCCEEDED"
            created = admin.list_account_assignment_creation_status(InstanceArn=INSTANCE)
            assert len(created["AccountAssignmentsCreationStatus"]) == 2
            deleted = admin.list_account_assignment_deletion_status(InstanceArn=INSTANCE)
            assert len(deleted["AccountAssignmentsDeletionStatus"]) == 1

    @pytest.mark.parametrize(
        "wrong",
        [
            {"PrincipalId": NOWHERE},
            {"PrincipalType": "USER"},
            {"TargetId": "999999999999"},
            {
                "PermissionSetArn": "arn:aws:sso:::permissionSet/ssoins-1234567890abcdef/"
                "ps-1234567890abcdef"
            },
        ],
    )
    def test_what_is_not_there(self, admin: SSOAdminClient, group: str, wrong: Key) -> None:
        key = given(permission_set(admin), group) | wrong
        for asking in (admin.create_account_assignment, admin.delete_account_assignment):
            assert refusal(partial(asking, **key)) == "ResourceNotFoundException"

    def test_principal_of_another_store(
        self, sandbox: Sandbox, admin: SSOAdminClient, store: IdentityStoreClient
    ) -> None:
        sandbox.ensure_instance(
            InstanceDetails(
                instance_arn="arn:aws:sso:::instance/ssoins-bbbbbbbbbbbbbbbb",
                identity_store_id="d-bbbbbbbbbb",
            )
        )
        stranger = store.create_group(IdentityStoreId="d-bbbbbbbbbb", DisplayName="x")["GroupId"]
        key = given(permission_set(admin), stranger)
        assert refusal(lambda: admin.create_account_assignment(**key)) == (
            "ResourceNotFoundException"
        )

    def test_they_outlive_their_principals(
        self, admin: SSOAdminClient, store: IdentityStoreClient, group: str
    ) -> None:
        key = given(permission_set(admin), group)
        admin.create_account_assignment(**key)
        store.delete_group(IdentityStoreId=STORE, GroupId=group)

        def left() -> list[str]:
            listed = admin.list_account_assignments_for_principal(
                InstanceArn=INSTANCE, PrincipalId=group, PrincipalType="GROUP"
            )
            return [one.get("PrincipalId", "") for one in listed["AccountAssignments"]]

        assert left() == [group]
        admin.delete_account_assignment(**key)
        assert left() == []

    def test_permission_set_with_assignments_stays(self, admin: SSOAdminClient, group: str) -> None:
        in_set = permission_set(admin)
        for account in (MEMBER, DELEGATED):
            admin.create_account_assignment(**given(in_set, group, account))
        for account in (MEMBER, DELEGATED):
            assert refusal(lambda: admin.delete_permission_set(**in_set)) == "ConflictException"
            admin.delete_account_assignment(**given(in_set, group, account))
        admin.delete_permission_set(**in_set)

    def test_of_a_user(self, admin: SSOAdminClient, store: IdentityStoreClient, group: str) -> None:
        user = store.create_user(
            IdentityStoreId=STORE,
            UserName="alice",
            DisplayName="Alice",
            Name={"GivenName": "Alice", "FamilyName": "Doe"},
        )["UserId"]
        store.create_group_membership(
            IdentityStoreId=STORE, GroupId=group, MemberId={"UserId": user}
        )
        in_set = permission_set(admin)
        admin.create_account_assignment(**given(in_set, group))
        direct = given(in_set, user, DELEGATED) | {"PrincipalType": "USER"}
        admin.create_account_assignment(**direct)

        def of(**narrowed: Any) -> list[tuple[str, str]]:  # noqa: ANN401 - any parameter
            listed = admin.list_account_assignments_for_principal(
                InstanceArn=INSTANCE, PrincipalId=user, PrincipalType="USER", **narrowed
            )
            found: list[Any] = listed["AccountAssignments"]
            return [(one["AccountId"], one["PrincipalId"]) for one in found]

        assert of() == [(MEMBER, group), (DELEGATED, user)]
        assert of(Filter={"AccountId": DELEGATED}) == [(DELEGATED, user)]


HUNDRED = range(100)
TROUBLES = (
    None,
    *(Trouble(seed=seed, shuffle=True) for seed in range(3)),
    Trouble(short_pages=True),
    Trouble(seed=4, empty_pages=True, shuffle=True),
)


class TestAccessOfAUser:
    """Every direct assignment of a user, and each of its groups', is on one page of the list."""

    @pytest.mark.parametrize("trouble", TROUBLES)
    @pytest.mark.parametrize("size", [1, 7, 100])
    def test_pages(
        self, sandbox: Sandbox, admin: SSOAdminClient, size: int, trouble: Trouble | None
    ) -> None:
        chance = random.Random(size)  # noqa: S311 - the same every time
        user, stranger, mine, theirs = self.people(sandbox)
        in_set = permission_set(admin)
        for number in HUNDRED:
            sandbox.add_account(f"{number:012}", f"Account {number}")
        made = []
        for number in HUNDRED:
            kind, principal = chance.choice(
                [("USER", user), ("USER", stranger), *(("GROUP", one) for one in mine + theirs)]
            )
            key = given(in_set, principal, f"{number:012}") | {"PrincipalType": kind}
            admin.create_account_assignment(**key)
            made.append((key["TargetId"], kind, principal))
        expected = [one for one in made if one[2] in {user, *mine}]
        assert len({one[2] for one in expected}) == 1 + len(mine)
        sandbox.make_trouble(trouble)
        listed = self.listed(admin, user, size)
        assert (listed if trouble is None else sorted(listed)) == expected

    def people(self, sandbox: Sandbox) -> tuple[str, str, list[str], list[str]]:
        """Return a user, another one, the groups of the first, and those of the second."""
        store: Any = sandbox.session().client("identitystore")
        users = [
            store.create_user(
                IdentityStoreId=STORE,
                UserName=name,
                DisplayName=name,
                Name={"GivenName": name, "FamilyName": "Doe"},
            )["UserId"]
            for name in ("alice", "bob")
        ]
        groups = [
            store.create_group(IdentityStoreId=STORE, DisplayName=f"group {number}")["GroupId"]
            for number in range(5)
        ]
        for number, one in enumerate(groups):
            member = {"UserId": users[number % 2]}
            store.create_group_membership(IdentityStoreId=STORE, GroupId=one, MemberId=member)
        return users[0], users[1], groups[::2], groups[1::2]

    def listed(self, admin: Any, user: str, size: int) -> list[tuple[str, str, str]]:  # noqa: ANN401 - loose on purpose
        """Return account, kind and id of every item of the list, page by page."""
        found: list[tuple[str, str, str]] = []
        token: dict[str, str] = {}
        while True:
            page = admin.list_account_assignments_for_principal(
                InstanceArn=INSTANCE,
                PrincipalId=user,
                PrincipalType="USER",
                MaxResults=size,
                **token,
            )
            items = page["AccountAssignments"]
            assert len(items) <= size
            found += [(one["AccountId"], one["PrincipalType"], one["PrincipalId"]) for one in items]
            if "NextToken" not in page:
                return found
            token = {"NextToken": page["NextToken"]}


class TestDelegatedAdministrators:
    """They administer everything but what is in the management account."""

    @pytest.fixture
    def delegated(self, sandbox: Sandbox) -> SSOAdminClient:
        return sandbox.session(DELEGATED).client("sso-admin")

    def test_other_accounts(self, delegated: SSOAdminClient, group: str) -> None:
        in_set = furnished(delegated, group, MEMBER)
        for operation, params in CHANGES:
            getattr(delegated, operation)(**in_set, **params)
        delegated.provision_permission_set(**in_set, TargetType="ALL_PROVISIONED_ACCOUNTS")
        delegated.delete_account_assignment(**given(in_set, group))
        delegated.delete_permission_set(**in_set)

    def test_not_the_management_account(self, delegated: SSOAdminClient, group: str) -> None:
        key = given(permission_set(delegated), group, MANAGEMENT)
        for asking in (delegated.create_account_assignment, delegated.delete_account_assignment):
            assert refusal(partial(asking, **key)) == "AccessDeniedException"
        provision = partial(
            delegated.provision_permission_set,
            InstanceArn=INSTANCE,
            PermissionSetArn=key["PermissionSetArn"],
            TargetType="AWS_ACCOUNT",
            TargetId=MANAGEMENT,
        )
        assert refusal(provision) == "AccessDeniedException"

    def test_not_what_is_provisioned_there(
        self, admin: SSOAdminClient, delegated: SSOAdminClient, group: str
    ) -> None:
        in_set = furnished(admin, group, MANAGEMENT)
        elsewhere = given(in_set, group, MEMBER)
        calls: list[Callable[[], object]] = [
            lambda: delegated.create_account_assignment(**elsewhere),
            lambda: delegated.delete_account_assignment(**elsewhere),
            lambda: delegated.delete_permission_set(**in_set),
            lambda: delegated.provision_permission_set(
                **in_set, TargetType="ALL_PROVISIONED_ACCOUNTS"
            ),
        ]
        for operation, params in CHANGES:
            calls.append(partial(getattr(delegated, operation), **in_set, **params))
        for asking in calls:
            assert refusal(asking) == "AccessDeniedException"
        # Reading is allowed.
        listed = delegated.list_account_assignments(**in_set, AccountId=MANAGEMENT)
        assert len(listed["AccountAssignments"]) == 1

    def test_access_of_a_principal_is_for_the_management_account(
        self, delegated: SSOAdminClient, group: str
    ) -> None:
        code = refusal(
            lambda: delegated.list_account_assignments_for_principal(
                InstanceArn=INSTANCE, PrincipalId=group, PrincipalType="GROUP"
            )
        )
        assert code == "AccessDeniedException"


class TestGroupQuota:
    """A hundred groups by default with one permission set in one account; users do not count."""

    def test_per_account_and_permission_set(self) -> None:
        world = World(
            Store(None),
            Assumptions(principal_must_exist=False),
            Quotas(groups_per_permission_set=1),
        )
        with Sandbox(world=world) as sandbox:
            sandbox.ensure_instance(InstanceDetails())
            sandbox.add_account(MEMBER, "Data")
            admin = sandbox.session().client("sso-admin")
            in_set, other = permission_set(admin), permission_set(admin, "Other")
            second = NOWHERE.replace("4000", "4001")
            for key in (
                given(in_set, NOWHERE),
                given(in_set, second, MANAGEMENT),
                given(other, second),
                given(in_set, second) | {"PrincipalType": "USER"},
            ):
                admin.create_account_assignment(**key)
            assert refusal(lambda: admin.create_account_assignment(**given(in_set, second))) == (
                "ServiceQuotaExceededException"
            )
