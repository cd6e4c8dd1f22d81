"""What programs meet on the way to users and access: instances, Regions, partitions, accounts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from botocore import xform_name
from botocore.exceptions import ClientError

from identity_reconciler.sandbox import InstanceDetails, Sandbox
from identity_reconciler.sandbox.errors import SandboxError
from identity_reconciler.sandbox.omissions import LEAVES_OUT
from identity_reconciler.sandbox.services import Administrator
from tests.documents import guide
from tests.sandbox.fuzz import SERVICES, answered_operations
from tests.sandbox.test_model import call, errors_of, model

if TYPE_CHECKING:
    from mypy_boto3_sso_admin import SSOAdminClient

STORE = "d-1234567890"
INSTANCE = "arn:aws:sso:::instance/ssoins-1234567890abcdef"
MANAGEMENT, DELEGATED, MEMBER = "123456789012", "222233334444", "333344445555"
OWN_INSTANCE = "arn:aws:sso:::instance/ssoins-aaaaaaaaaaaaaaaa"
KEY = "arn:aws:kms:us-east-1:123456789012:key/00000000-0000-4000-8000-000000000000"
VPC = "arn:aws:ec2:us-east-1:123456789012:vpc/vpc-0123456789abcdef0"


def refusal(asking: Callable[[], object]) -> str:
    """Return the code of the error that *asking* is refused with."""
    with pytest.raises(ClientError) as error:
        asking()
    return error.value.response["Error"]["Code"]


class TestUpdateInstance:
    """What is set is kept and shown; what the API refuses is refused."""

    def test_network(self, admin: SSOAdminClient) -> None:
        assert "NetworkConfigurationDetails" not in admin.describe_instance(InstanceArn=INSTANCE)
        update: Any = partial(admin.update_instance, InstanceArn=INSTANCE)
        whole = {
            "VpceAccessRequired": True,
            "RestrictSourceVpcs": [VPC],
            "AllowSourceIps": ["192.0.2.0/24", "2001:db8::/32"],
            "ExcludeApplicationArns": ["arn:aws:sso::123456789012:application/*"],
        }
        for given, shown in (
            (whole, whole),
            ({**whole, "AllowSourceIps": []}, {k: v for k, v in whole.items() if k[0] != "A"}),
            ({"VpceAccessRequired": True}, {"VpceAccessRequired": True}),
            ({**whole, "VpceAccessRequired": False}, {"VpceAccessRequired": False}),
        ):
            update(NetworkConfiguration=given)
            update(Name="main")
            described: Any = admin.describe_instance(InstanceArn=INSTANCE)
            assert described["NetworkConfigurationDetails"] == shown
            assert described["Name"] == "main"

    def test_encryption(self, admin: SSOAdminClient) -> None:
        def shown() -> Any:  # noqa: ANN401 - a structure
            return admin.describe_instance(InstanceArn=INSTANCE)["EncryptionConfigurationDetails"]

        owned: Any = {"KeyType": "AWS_OWNED_KMS_KEY"}
        ours: Any = {"KeyType": "CUSTOMER_MANAGED_KEY", "KmsKeyArn": KEY}
        assert shown() == {**owned, "EncryptionStatus": "ENABLED"}
        for one in (ours, owned):
            admin.update_instance(InstanceArn=INSTANCE, EncryptionConfiguration=one)
            assert shown() == {**one, "EncryptionStatus": "ENABLED"}

    def test_permission_sets_are_enabled_once(self) -> None:
        with Sandbox() as sandbox:
            sandbox.ensure_instance(InstanceDetails(permission_sets=False))
            admin = sandbox.session().client("sso-admin")
            listing = partial(admin.list_permission_sets, InstanceArn=INSTANCE)
            assert admin.describe_instance(InstanceArn=INSTANCE)["PermissionSetsEnabled"] is False
            assert refusal(listing) == "ValidationException"
            admin.update_instance(InstanceArn=INSTANCE, PermissionSetsEnabled=True)
            assert admin.describe_instance(InstanceArn=INSTANCE)["PermissionSetsEnabled"] is True
            assert listing()["PermissionSets"] == []

    @pytest.mark.parametrize(
        "changes",
        [
            {"PermissionSetsEnabled": False},
            {
                "PermissionSetsEnabled": True,
                "NetworkConfiguration": {"VpceAccessRequired": False},
            },
            {"EncryptionConfiguration": {"KeyType": "CUSTOMER_MANAGED_KEY"}},
            {"EncryptionConfiguration": {"KeyType": "AWS_OWNED_KMS_KEY", "KmsKeyArn": KEY}},
            {
                "NetworkConfiguration": {
                    "VpceAccessRequired": True,
                    "AllowSourceIps": ["192.0.2.0/33"],
                }
            },
        ],
    )
    def test_refused(self, admin: SSOAdminClient, changes: Any) -> None:  # noqa: ANN401
        before = admin.describe_instance(InstanceArn=INSTANCE)
        update = partial(admin.update_instance, InstanceArn=INSTANCE, Name="new", **changes)
        assert refusal(update) == "ValidationException"
        after = admin.describe_instance(InstanceArn=INSTANCE)
        before.pop("ResponseMetadata"), after.pop("ResponseMetadata")  # type: ignore[misc]
        assert after == before

    def test_account_instances_get_no_permission_sets(self, sandbox: Sandbox) -> None:
        sandbox.ensure_instance(
            InstanceDetails(
                MEMBER,
                instance_arn=OWN_INSTANCE,
                identity_store_id="d-aaaaaaaaaa",
                organization=False,
            )
        )
        admin = sandbox.session(MEMBER).client("sso-admin")
        assert admin.describe_instance(InstanceArn=OWN_INSTANCE)["PermissionSetsEnabled"] is False
        enable = partial(
            admin.update_instance, InstanceArn=OWN_INSTANCE, PermissionSetsEnabled=True
        )
        assert refusal(enable) == "ValidationException"


class TestRegions:
    """An instance is there in its Regions; what is not about applications is done at home."""

    @pytest.fixture
    def spread(self) -> Iterator[Sandbox]:
        with Sandbox() as sandbox:
            sandbox.ensure_instance(InstanceDetails(regions=("eu-west-1", "eu-west-3")))
            yield sandbox

    def test_elsewhere_there_is_nothing(self, spread: Sandbox) -> None:
        application = spread.add_application("Portal")
        there = spread.session(region="ap-south-1").client("sso-admin")
        for asking, code in (
            (partial(there.describe_instance, InstanceArn=INSTANCE), "AccessDeniedException"),
            (partial(there.list_applications, InstanceArn=INSTANCE), "AccessDeniedException"),
            (partial(there.list_permission_sets, InstanceArn=INSTANCE), "AccessDeniedException"),
            (
                partial(there.describe_application, ApplicationArn=application),
                "ResourceNotFoundException",
            ),
            (
                partial(there.list_application_assignments, ApplicationArn=application),
                "ResourceNotFoundException",
            ),
        ):
            assert refusal(asking) == code
        assert there.list_instances()["Instances"] == []
        (found,) = there.list_instances(RegionScope="ALL_REGIONS")["Instances"]
        assert found["PrimaryRegion"] == "us-east-1"

    def test_additional_region(self, spread: Sandbox) -> None:
        application = spread.add_application("Portal")
        there = spread.session(region="eu-west-1").client("sso-admin")
        there.describe_instance(InstanceArn=INSTANCE)
        there.list_tags_for_resource(ResourceArn=INSTANCE)
        there.update_application(ApplicationArn=application, Description="New")
        there.tag_resource(ResourceArn=application, Tags=[{"Key": "a", "Value": "b"}])
        for asking in (
            partial(there.update_instance, InstanceArn=INSTANCE, Name="new"),
            partial(there.tag_resource, ResourceArn=INSTANCE, Tags=[{"Key": "a", "Value": "b"}]),
            partial(there.list_permission_sets, InstanceArn=INSTANCE),
            partial(there.create_permission_set, InstanceArn=INSTANCE, Name="Reader"),
            partial(there.list_account_assignment_creation_status, InstanceArn=INSTANCE),
        ):
            assert refusal(asking) == "ValidationException"

    def test_pages(self, spread: Sandbox) -> None:
        admin = spread.session().client("sso-admin")
        first = admin.list_regions(InstanceArn=INSTANCE, MaxResults=2)
        rest = admin.list_regions(InstanceArn=INSTANCE, NextToken=first["NextToken"])
        names = [one.get("RegionName") for one in (*first["Regions"], *rest["Regions"])]
        assert names == ["us-east-1", "eu-west-1", "eu-west-3"]
        assert "NextToken" not in rest


class TestPartitions:
    """Every ARN carries the partition of its Region."""

    @pytest.mark.parametrize(
        ("region", "partition"),
        [("us-gov-west-1", "aws-us-gov"), ("cn-north-1", "aws-cn"), ("eu-west-1", "aws")],
    )
    def test_of(self, region: str, partition: str) -> None:
        instance = f"arn:{partition}:sso:::instance/ssoins-1234567890abcdef"
        with Sandbox() as sandbox:
            sandbox.ensure_instance(InstanceDetails(region=region, instance_arn=instance))
            sandbox.add_application("Portal")
            session = sandbox.session()
            admin, store = session.client("sso-admin"), session.client("identitystore")
            user: Any = store.create_user(
                IdentityStoreId=STORE,
                UserName="alice",
                DisplayName="Alice",
                Name={"GivenName": "Alice", "FamilyName": "Doe"},
            )
            group: Any = store.create_group(IdentityStoreId=STORE, DisplayName="data")
            member: Any = store.create_group_membership(
                IdentityStoreId=STORE,
                GroupId=group["GroupId"],
                MemberId={"UserId": user["UserId"]},
            )
            made = admin.create_permission_set(InstanceArn=instance, Name="Reader")["PermissionSet"]
            policy = f"arn:{partition}:iam::aws:policy/ReadOnlyAccess"
            admin.attach_managed_policy_to_permission_set(
                InstanceArn=instance,
                PermissionSetArn=made["PermissionSetArn"],
                ManagedPolicyArn=policy,
            )
            provider = admin.list_application_providers()["ApplicationProviders"][0]
            created = admin.create_application(
                InstanceArn=instance,
                ApplicationProviderArn=provider["ApplicationProviderArn"],
                Name="New",
            )
            listed = admin.list_applications(InstanceArn=instance)["Applications"]
            organizations, sts = session.client("organizations"), session.client("sts")
            arns = [
                user["UserArn"],
                store.describe_user(IdentityStoreId=STORE, UserId=user["UserId"])["UserArn"],
                group["GroupArn"],
                member["MembershipArn"],
                store.describe_identity_store(IdentityStoreId=STORE)["IdentityStoreArn"],
                made["PermissionSetArn"],
                provider["ApplicationProviderArn"],
                created["ApplicationArn"],
                created["IdentityStoreArn"],
                *(one["ApplicationArn"] for one in listed),
                *(one["ApplicationProviderArn"] for one in listed),
                organizations.list_accounts()["Accounts"][0]["Arn"],
                organizations.describe_organization()["Organization"]["Arn"],
                sts.get_caller_identity()["Arn"],
            ]
            assert {arn.split(":")[1] for arn in arns} == {partition}

    def test_of_another_region(self) -> None:
        with Sandbox() as sandbox:
            for details in (
                InstanceDetails(region="cn-north-1"),
                InstanceDetails(regions=("us-gov-west-1",)),
            ):
                with pytest.raises(SandboxError, match="partition"):
                    sandbox.ensure_instance(details)

    def test_providers_of_another_one(self, admin: SSOAdminClient) -> None:
        arn = "arn:aws-cn:sso::aws:applicationProvider/custom"
        describe = partial(admin.describe_application_provider, ApplicationProviderArn=arn)
        assert refusal(describe) == "ResourceNotFoundException"


class TestOrganization:
    """Who its accounts are, for those who may know."""

    @pytest.fixture
    def organization(self, sandbox: Sandbox) -> Sandbox:
        sandbox.add_account(DELEGATED, "Security")
        sandbox.add_account(MEMBER, "Data")
        sandbox.delegate_administration(DELEGATED)
        return sandbox

    def test_any_account_may_describe_it(self, organization: Sandbox) -> None:
        for account in (MANAGEMENT, DELEGATED, MEMBER):
            client = organization.session(account).client("organizations")
            shown = client.describe_organization()["Organization"]
            assert (shown["MasterAccountId"], shown["FeatureSet"]) == (MANAGEMENT, "ALL")
        stranger = organization.session("999999999999").client("organizations")
        assert refusal(stranger.describe_organization) == "AWSOrganizationsNotInUseException"

    def test_administrators_may_list(self, organization: Sandbox) -> None:
        for account in (MANAGEMENT, DELEGATED):
            client = organization.session(account).client("organizations")
            (root,) = client.list_roots()["Roots"]
            assert root["Name"] == "Root"
            (administrator,) = client.list_delegated_administrators()["DelegatedAdministrators"]
            assert (administrator["Id"], administrator["Name"]) == (DELEGATED, "Security")
            none = client.list_delegated_administrators(ServicePrincipal="ram.amazonaws.com")
            assert none["DelegatedAdministrators"] == []
        member: Any = organization.session(MEMBER).client("organizations")
        for asking in (
            member.list_roots,
            member.list_accounts,
            member.list_delegated_administrators,
            partial(member.describe_account, AccountId=MEMBER),
        ):
            assert refusal(asking) == "AccessDeniedException"

    def test_nobody_is_delegated(self, sandbox: Sandbox) -> None:
        client = sandbox.session().client("organizations")
        assert client.list_delegated_administrators()["DelegatedAdministrators"] == []


class TestClientTokens:
    """A token makes one application; with other parameters it is refused."""

    def test_of_applications(self, admin: SSOAdminClient) -> None:
        create: Any = partial(
            admin.create_application,
            InstanceArn=INSTANCE,
            ApplicationProviderArn="arn:aws:sso::aws:applicationProvider/custom",
            ClientToken="once",
        )
        first = create(Name="New", Tags=[{"Key": "a", "Value": "b"}])
        again = create(Tags=[{"Key": "a", "Value": "b"}], Name="New")
        assert first["ApplicationArn"] == again["ApplicationArn"]
        assert refusal(partial(create, Name="Other")) == "ConflictException"
        assert len(admin.list_applications(InstanceArn=INSTANCE)["Applications"]) == 1


class TestTags:
    """They follow the rules of what they are on."""

    def test_instance_of_the_resource(self, sandbox: Sandbox, admin: SSOAdminClient) -> None:
        arn = sandbox.add_application("Portal")
        admin.tag_resource(ResourceArn=arn, InstanceArn=INSTANCE, Tags=[])
        tag = partial(admin.tag_resource, ResourceArn=arn, InstanceArn=OWN_INSTANCE, Tags=[])
        assert refusal(tag) == "ValidationException"

    def test_members_do_not_tag_the_organisations(self, sandbox: Sandbox) -> None:
        member = sandbox.session(MEMBER).client("sso-admin")
        for arn in (INSTANCE, sandbox.add_application("Portal")):
            assert refusal(partial(member.tag_resource, ResourceArn=arn, Tags=[])) == (
                "AccessDeniedException"
            )

    def test_pages(self, admin: SSOAdminClient) -> None:
        issuer = INSTANCE.replace(":instance/", ":trustedTokenIssuer/").replace(
            ":::", "::123456789012:"
        )
        issuer += "/tti-00000000-0000-4000-8000-000000000000"
        listing = partial(admin.list_tags_for_resource, ResourceArn=issuer)
        assert refusal(listing) == "ResourceNotFoundException"
        wrong = partial(admin.list_tags_for_resource, ResourceArn=INSTANCE, NextToken="1")
        assert refusal(wrong) == "ValidationException"


class TestLeftOut:
    """What the sandbox has not on purpose says so with an error of the service."""

    LEFT_OUT = sorted(
        name
        for name in model("sso-admin").operation_names
        if any(
            part in name
            for part in (
                "TrustedTokenIssuer",
                "AccessControlAttribute",
                "Grant",
                "AuthenticationMethod",
                "AccessScope",
                "SessionConfiguration",
                "CreateInstance",
                "DeleteInstance",
                "AddRegion",
                "RemoveRegion",
            )
        )
    )

    @pytest.mark.parametrize("service", SERVICES)
    def test_guide_counts_the_rest(self, service: str) -> None:
        names = model(service).operation_names
        number = len(answered_operations(service))
        row = re.search(
            rf"^\| `{service}` \| {number} \| (\d+) \|", guide("sandbox").text, re.MULTILINE
        )
        assert row
        # Botocore's models differ by an operation or two from one release to the next.
        assert abs(int(row[1]) - len(names)) <= 2

    def test_operations_of_sts(self, sandbox: Sandbox) -> None:
        client: Any = sandbox.session().client("sts")
        with pytest.raises(ClientError, match=f"ValidationError.*{LEAVES_OUT} GetSessionToken"):
            client.get_session_token()
        role = {"RoleArn": "arn:aws:iam::123456789012:role/Reader", "RoleSessionName": "test"}
        client.assume_role(**role, ExternalId="some-id")
        with pytest.raises(ClientError, match=f"{LEAVES_OUT} SourceIdentity of AssumeRole"):
            client.assume_role(**role, SourceIdentity="alice")

    def test_nothing_else_is(self) -> None:

        left = [
            name
            for name in model("sso-admin").operation_names
            if not hasattr(Administrator, xform_name(name))
        ]
        assert sorted(left) == self.LEFT_OUT

    @pytest.mark.parametrize(
        ("service", "operation", "params"),
        [
            ("sso-admin", "ListTrustedTokenIssuers", {"InstanceArn": INSTANCE}),
            (
                "sso-admin",
                "DescribeInstanceAccessControlAttributeConfiguration",
                {"InstanceArn": INSTANCE},
            ),
            ("organizations", "ListPolicies", {"Filter": "SERVICE_CONTROL_POLICY"}),
            ("organizations", "DescribeResourcePolicy", {}),
        ],
    )
    def test_says_so(
        self,
        sandbox: Sandbox,
        service: str,
        operation: str,
        params: dict[str, Any],
    ) -> None:
        status, answer = call(sandbox, operation, params, service)
        assert status == 400
        assert answer["__type"] in errors_of(operation)
        assert (
            f"the sandbox of identity-reconciler, which does not have {operation}"
            in (answer["Message"])
        )
