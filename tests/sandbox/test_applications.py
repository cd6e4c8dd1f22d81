"""Instances, applications and assignments of the sandbox, through boto3."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from identity_reconciler.sandbox import InstanceDetails, Sandbox
from identity_reconciler.sandbox.assumptions import Assumptions, ExistingAssignment
from identity_reconciler.sandbox.catalogue import CATALOGUE
from identity_reconciler.sandbox.trouble import Fault, Trouble

if TYPE_CHECKING:
    from mypy_boto3_identitystore import IdentityStoreClient
    from mypy_boto3_sso_admin import SSOAdminClient

STORE = "d-1234567890"
INSTANCE = "arn:aws:sso:::instance/ssoins-1234567890abcdef"
NOWHERE = "00000000-0000-4000-8000-000000000000"


def group(store: IdentityStoreClient, name: str) -> str:
    """Create a group and return its id."""
    return str(store.create_group(IdentityStoreId=STORE, DisplayName=name)["GroupId"])


def to_group(application: str, group_id: str) -> dict[str, Any]:
    """Return the arguments that name a group's assignment."""
    return {"ApplicationArn": application, "PrincipalId": group_id, "PrincipalType": "GROUP"}


class TestInstances:
    """ListInstances and DescribeInstance show the instance that was ensured."""

    def test_one_instance(self, admin: SSOAdminClient) -> None:
        (listed,) = admin.list_instances()["Instances"]
        described = admin.describe_instance(InstanceArn=INSTANCE)
        assert listed["InstanceArn"] == INSTANCE
        assert listed["IdentityStoreId"] == STORE
        assert listed["OwnerAccountId"] == "123456789012"
        assert described["Status"] == "ACTIVE"
        assert described["PermissionSetsEnabled"] is True

    def test_ensuring_again_changes_nothing(self, sandbox: Sandbox, admin: SSOAdminClient) -> None:
        sandbox.ensure_instance(InstanceDetails())
        assert len(admin.list_instances()["Instances"]) == 1

    def test_unknown_instance(self, admin: SSOAdminClient) -> None:
        with pytest.raises(admin.exceptions.AccessDeniedException):
            admin.describe_instance(InstanceArn="arn:aws:sso:::instance/ssoins-ffffffffffffffff")

    def test_region_scope(self, sandbox: Sandbox) -> None:
        elsewhere = sandbox.session(region="eu-west-1").client("sso-admin")
        assert elsewhere.list_instances()["Instances"] == []
        assert len(elsewhere.list_instances(RegionScope="ALL_REGIONS")["Instances"]) == 1

    def test_caller(self, sandbox: Sandbox) -> None:
        sts = sandbox.session(account_id="111122223333").client("sts")
        assert sts.get_caller_identity()["Account"] == "111122223333"


class TestApplications:
    """The catalogue has stable ARNs; pages have at most 50 applications."""

    def test_catalogue(self, sandbox: Sandbox, admin: SSOAdminClient) -> None:
        sandbox.add_catalogue()
        sandbox.add_catalogue()
        listed = admin.list_applications(InstanceArn=INSTANCE)["Applications"]
        assert [one.get("Name") for one in listed] == [name for name, _ in CATALOGUE]

    def test_arns_are_the_same_everywhere(self, sandbox: Sandbox) -> None:
        with Sandbox() as other:
            other.ensure_instance(InstanceDetails())
            assert other.add_application("Portal") == sandbox.add_application("Portal")

    def test_pages_of_fifty(self, sandbox: Sandbox, admin: SSOAdminClient) -> None:
        for number in range(60):
            sandbox.add_application(f"app{number}")
        first = admin.list_applications(InstanceArn=INSTANCE, MaxResults=100)
        assert len(first["Applications"]) == 50
        rest = admin.list_applications(InstanceArn=INSTANCE, NextToken=first["NextToken"])
        assert len(rest["Applications"]) == 10

    def test_create_update_delete(self, admin: SSOAdminClient) -> None:
        request: dict[str, Any] = {
            "InstanceArn": INSTANCE,
            "ApplicationProviderArn": "arn:aws:sso::aws:applicationProvider/custom",
            "Name": "Portal",
            "ClientToken": "once",
        }
        arn = admin.create_application(**request)["ApplicationArn"]
        assert admin.create_application(**request)["ApplicationArn"] == arn
        admin.update_application(ApplicationArn=arn, Status="DISABLED", Description="Ours")
        found = admin.describe_application(ApplicationArn=arn)
        assert (found["Name"], found["Status"]) == ("Portal", "DISABLED")
        assert found["Description"] == "Ours"
        admin.delete_application(ApplicationArn=arn)
        with pytest.raises(admin.exceptions.ResourceNotFoundException):
            admin.describe_application(ApplicationArn=arn)

    def test_assignment_required(self, sandbox: Sandbox, admin: SSOAdminClient) -> None:
        arn = sandbox.add_application("Portal")
        get = admin.get_application_assignment_configuration
        assert get(ApplicationArn=arn)["AssignmentRequired"] is True
        admin.put_application_assignment_configuration(ApplicationArn=arn, AssignmentRequired=False)
        assert get(ApplicationArn=arn)["AssignmentRequired"] is False
        sandbox.set_assignment_required(arn, required=True)
        assert get(ApplicationArn=arn)["AssignmentRequired"] is True

    def test_some_aws_applications_have_no_assignment_configuration(
        self, sandbox: Sandbox, admin: SSOAdminClient
    ) -> None:
        arn = sandbox.add_application("AWS Client VPN")
        with pytest.raises(admin.exceptions.ValidationException) as error:
            admin.put_application_assignment_configuration(
                ApplicationArn=arn, AssignmentRequired=True
            )
        assert error.value.response["Error"]["Message"] == (
            f"The application with arn '{arn}' is not supported for this action."
        )


class TestAssignments:
    """An assignment is a fact about application and principal, and outlives the principal."""

    def test_create_describe_list_delete(
        self, sandbox: Sandbox, admin: SSOAdminClient, store: IdentityStoreClient
    ) -> None:
        application, group_id = sandbox.add_application("Portal"), group(store, "data")
        key = to_group(application, group_id)
        admin.create_application_assignment(**key)
        admin.create_application_assignment(**key)
        assert admin.list_application_assignments(ApplicationArn=application)[
            "ApplicationAssignments"
        ] == [key]
        assert admin.list_application_assignments_for_principal(
            InstanceArn=INSTANCE, PrincipalId=group_id, PrincipalType="GROUP"
        )["ApplicationAssignments"] == [key]
        admin.delete_application_assignment(**key)
        with pytest.raises(admin.exceptions.ResourceNotFoundException):
            admin.describe_application_assignment(**key)
        with pytest.raises(admin.exceptions.ResourceNotFoundException):
            admin.delete_application_assignment(**key)

    def test_orphans_stay_and_can_be_deleted(
        self, sandbox: Sandbox, admin: SSOAdminClient, store: IdentityStoreClient
    ) -> None:
        application, group_id = sandbox.add_application("Portal"), group(store, "data")
        key = to_group(application, group_id)
        admin.create_application_assignment(**key)
        store.delete_group(IdentityStoreId=STORE, GroupId=group_id)
        listed = admin.list_application_assignments(ApplicationArn=application)
        assert listed["ApplicationAssignments"] == [key]
        admin.delete_application_assignment(**key)

    def test_unknown_ends(
        self, sandbox: Sandbox, admin: SSOAdminClient, store: IdentityStoreClient
    ) -> None:
        application, group_id = sandbox.add_application("Portal"), group(store, "data")
        missing = f"{application[:-4]}0000"
        for key in (to_group(application, NOWHERE), to_group(missing, group_id)):
            with pytest.raises(admin.exceptions.ResourceNotFoundException):
                admin.create_application_assignment(**key)

    def test_a_hundred_groups(
        self, sandbox: Sandbox, admin: SSOAdminClient, store: IdentityStoreClient
    ) -> None:
        application = sandbox.add_application("Portal")
        for number in range(100):
            admin.create_application_assignment(
                **to_group(application, group(store, f"group{number}"))
            )
        with pytest.raises(admin.exceptions.ServiceQuotaExceededException):
            admin.create_application_assignment(**to_group(application, group(store, "one more")))

    def test_conflict_when_assumed(self) -> None:
        assumptions = Assumptions(existing_assignment=ExistingAssignment.CONFLICT)
        with Sandbox.assuming(assumptions) as sandbox:
            sandbox.ensure_instance(InstanceDetails())
            session = sandbox.session()
            admin, store = session.client("sso-admin"), session.client("identitystore")
            key = to_group(sandbox.add_application("Portal"), group(store, "data"))
            admin.create_application_assignment(**key)
            with pytest.raises(admin.exceptions.ConflictException):
                admin.create_application_assignment(**key)


class TestTags:
    """Instances, applications and permission sets carry tags."""

    def test_tags(self, sandbox: Sandbox, admin: SSOAdminClient) -> None:
        made = admin.create_permission_set(
            InstanceArn=INSTANCE, Name="Reader", Tags=[{"Key": "team", "Value": "data"}]
        )
        arns = [
            INSTANCE,
            sandbox.add_application("Portal"),
            made["PermissionSet"].get("PermissionSetArn", ""),
        ]
        for arn in arns:
            admin.tag_resource(
                ResourceArn=arn,
                Tags=[{"Key": "team", "Value": "ml"}, {"Key": "cost", "Value": "1"}],
            )
            admin.untag_resource(ResourceArn=arn, TagKeys=["cost", "unheard"])
            tags = admin.list_tags_for_resource(ResourceArn=arn)["Tags"]
            assert tags == [{"Key": "team", "Value": "ml"}]
        with pytest.raises(admin.exceptions.ResourceNotFoundException):
            admin.list_tags_for_resource(ResourceArn=f"{arns[1][:-4]}0000")


class TestAccounts:
    """Each account sees the organisation's instance and its own, and changes only its own."""

    MEMBER = "222233334444"
    OWN = "arn:aws:sso:::instance/ssoins-aaaaaaaaaaaaaaaa"

    @pytest.fixture
    def organisation(self, sandbox: Sandbox) -> Sandbox:
        sandbox.add_account(self.MEMBER, "Data")
        sandbox.add_account("333344445555", "Closed", state="SUSPENDED")
        sandbox.ensure_instance(
            InstanceDetails(self.MEMBER, "us-east-1", self.OWN, "d-aaaaaaaaaa", organization=False)
        )
        return sandbox

    def test_who_sees_what(self, organisation: Sandbox) -> None:
        def seen(account: str | None) -> list[str]:
            admin = organisation.session(account).client("sso-admin")
            return [one.get("InstanceArn", "") for one in admin.list_instances()["Instances"]]

        assert seen(None) == [INSTANCE]
        assert seen(self.MEMBER) == [INSTANCE, self.OWN]
        assert seen("333344445555") == [INSTANCE]

    def test_assumed_role_is_its_account(self, organisation: Sandbox) -> None:
        sts = organisation.session().client("sts")
        answer = sts.assume_role(
            RoleArn=f"arn:aws:iam::{self.MEMBER}:role/Audit", RoleSessionName="audit"
        )
        credentials = answer["Credentials"]
        keys: dict[str, Any] = {
            "aws_access_key_id": credentials["AccessKeyId"],
            "aws_secret_access_key": credentials["SecretAccessKey"],
            "aws_session_token": credentials["SessionToken"],
        }
        session = organisation.session()
        caller = session.client("sts", **keys).get_caller_identity()
        assert caller["Account"] == self.MEMBER
        assert caller["Arn"] == f"arn:aws:sts::{self.MEMBER}:assumed-role/Audit/audit"
        listed = session.client("sso-admin", **keys).list_instances()["Instances"]
        assert self.OWN in [one.get("InstanceArn") for one in listed]

    def test_list_accounts(self, organisation: Sandbox) -> None:
        for number in range(20):
            organisation.add_account(f"{100000000000 + number}", f"Member {number}")
        client = organisation.session().client("organizations")
        pages = list(client.get_paginator("list_accounts").paginate())
        assert [len(page["Accounts"]) for page in pages] == [20, 3]
        states = {one.get("Id"): one.get("State") for page in pages for one in page["Accounts"]}
        assert states["333344445555"] == "SUSPENDED"
        member = organisation.session(self.MEMBER).client("organizations")
        with pytest.raises(member.exceptions.AccessDeniedException):
            member.list_accounts()

    def test_members_read_the_organisations_store_and_do_not_write(
        self, organisation: Sandbox
    ) -> None:
        member = organisation.session(self.MEMBER).client("identitystore")
        member.list_groups(IdentityStoreId=STORE)
        with pytest.raises(member.exceptions.AccessDeniedException) as error:
            member.create_group(IdentityStoreId=STORE, DisplayName="data")
        assert error.value.response["Error"]["Message"].startswith(
            f"User: arn:aws:iam::{self.MEMBER}:user/sandbox is not authorized to perform: "
            f"identitystore:CreateGroup on resource: "
            f"arn:aws:identitystore::123456789012:identitystore/{STORE}"
        )
        organisation.delegate_administration(self.MEMBER)
        member.create_group(IdentityStoreId=STORE, DisplayName="data")

    def test_members_list_their_own_applications(self, organisation: Sandbox) -> None:
        organisation.add_application("Theirs", account=self.MEMBER)
        organisation.add_application("Ours")
        admin = organisation.session(self.MEMBER).client("sso-admin")
        with pytest.raises(admin.exceptions.AccessDeniedException):
            admin.list_applications(InstanceArn=INSTANCE)
        (found,) = admin.list_applications(
            InstanceArn=INSTANCE, Filter={"ApplicationAccount": self.MEMBER}
        )["Applications"]
        assert found.get("Name") == "Theirs"

    def test_additional_regions_read_and_do_not_write(self) -> None:
        with Sandbox() as sandbox:
            sandbox.ensure_instance(InstanceDetails(regions=("eu-west-1",)))
            replica = sandbox.session(region="eu-west-1").client("identitystore")
            replica.list_groups(IdentityStoreId=STORE)
            with pytest.raises(replica.exceptions.ValidationException):
                replica.create_group(IdentityStoreId=STORE, DisplayName="data")
            admin = sandbox.session(region="eu-west-1").client("sso-admin")
            regions = admin.list_regions(InstanceArn=INSTANCE)["Regions"]
            assert [one.get("IsPrimaryRegion") for one in regions] == [True, False]


class TestTokens:
    """STS checks what it is given as any service does, in its own wire format."""

    @pytest.mark.parametrize(
        "arguments",
        [
            {"RoleArn": "arn:aws:iam::222233334444:role/Audit", "RoleSessionName": "a b"},
            {"RoleArn": "arn:aws:iam::222233334444:role/Audit", "RoleSessionName": "x" * 65},
            {
                "RoleArn": "arn:aws:iam::222233334444:role/Audit",
                "RoleSessionName": "audit",
                "DurationSeconds": 43201,
            },
        ],
    )
    def test_refused(self, sandbox: Sandbox, arguments: dict[str, Any]) -> None:
        sts = sandbox.session().client("sts")
        with pytest.raises(ClientError) as error:
            sts.assume_role(**arguments)
        assert error.value.response["Error"]["Code"] == "ValidationError"

    def test_errors_on_demand(self, sandbox: Sandbox) -> None:
        sandbox.make_trouble(Trouble(faults=(Fault("AssumeRole", code="RegionDisabledException"),)))
        sts = sandbox.session().client("sts")
        with pytest.raises(sts.exceptions.RegionDisabledException):
            sts.assume_role(RoleArn="arn:aws:iam::222233334444:role/Audit", RoleSessionName="audit")
