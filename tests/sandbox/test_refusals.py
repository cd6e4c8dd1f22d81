"""Requests that look right and are not: another account's, another schema's, another list's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from identity_reconciler.sandbox import InstanceDetails, Sandbox
from identity_reconciler.sandbox.errors import SandboxError
from identity_reconciler.sandbox.quotas import Quotas
from identity_reconciler.sandbox.seeding import Sizes, generate
from identity_reconciler.sandbox.store import Store
from identity_reconciler.sandbox.world import World

if TYPE_CHECKING:
    from mypy_boto3_identitystore import IdentityStoreClient
    from mypy_boto3_sso_admin import SSOAdminClient

STORE = "d-1234567890"
INSTANCE = "arn:aws:sso:::instance/ssoins-1234567890abcdef"
MEMBER = "222233334444"
OTHER_INSTANCE = "arn:aws:sso:::instance/ssoins-aaaaaaaaaaaaaaaa"
NOWHERE = "00000000-0000-4000-8000-000000000000"


def user(**attributes: object) -> dict[str, Any]:
    """Return a request for a user."""
    return {
        "IdentityStoreId": STORE,
        "UserName": "alice",
        "DisplayName": "Alice",
        "Name": {"GivenName": "Alice", "FamilyName": "Doe"},
        **attributes,
    }


class TestAttributes:
    """A schema that the service does not have is refused, in creates, updates and reads."""

    @pytest.mark.parametrize(
        "attributes",
        [
            {"Extensions": {"aws:identitystore:other": {"x": "y"}}},
            {"Extensions": {"aws:identitystore:enterprise": "Data"}},
            {"Extensions": {"aws:identitystore:enterprise": {"manager": "someone"}}},
            {"Extensions": {"aws:identitystore:enterprise": {"department": ""}}},
            {"Photos": [{"Value": name, "Primary": True} for name in "ab"]},
            {"Photos": [{"Value": name} for name in "abcd"]},
        ],
    )
    def test_create(self, store: IdentityStoreClient, attributes: dict[str, Any]) -> None:
        with pytest.raises(store.exceptions.ValidationException):
            store.create_user(**user(**attributes))

    def test_photos(self, store: IdentityStoreClient) -> None:
        photos = [{"Value": "a", "Primary": True}, {"Value": "b"}, {"Value": "c"}]
        created = store.create_user(**user(Photos=photos))
        found = store.describe_user(IdentityStoreId=STORE, UserId=created["UserId"])
        assert found.get("Photos") == photos

    def test_extensions_in_any_case(self, store: IdentityStoreClient) -> None:
        created = store.create_user(**user())
        operation: Any = {
            "AttributePath": "AWS:IdentityStore:Enterprise.department",
            "AttributeValue": "Data",
        }
        store.update_user(IdentityStoreId=STORE, UserId=created["UserId"], Operations=[operation])
        name = "aws:identitystore:enterprise"
        found = store.describe_user(
            IdentityStoreId=STORE, UserId=created["UserId"], Extensions=[name]
        )
        assert found.get("Extensions") == {name: {"department": "Data"}}

    def test_path_below_a_text(self, store: IdentityStoreClient) -> None:
        name = "aws:identitystore:enterprise"
        created = store.create_user(**user(Extensions={name: {"department": "Data"}}))
        operation: Any = {"AttributePath": f"{name}.department.head", "AttributeValue": "x"}
        with pytest.raises(store.exceptions.ValidationException):
            store.update_user(
                IdentityStoreId=STORE, UserId=created["UserId"], Operations=[operation]
            )

    def test_reads(self, store: IdentityStoreClient) -> None:
        created = store.create_user(**user())
        with pytest.raises(store.exceptions.ValidationException):
            store.describe_user(
                IdentityStoreId=STORE,
                UserId=created["UserId"],
                Extensions=["aws:identitystore:other"],
            )
        identifier: Any = {"UniqueAttribute": {"AttributePath": "userName", "AttributeValue": 7}}
        with pytest.raises(store.exceptions.ValidationException):
            store.get_user_id(IdentityStoreId=STORE, AlternateIdentifier=identifier)
        identifier["UniqueAttribute"]["AttributeValue"] = "nobody"
        with pytest.raises(store.exceptions.ResourceNotFoundException):
            store.get_user_id(IdentityStoreId=STORE, AlternateIdentifier=identifier)


class TestPlaces:
    """A store, an instance or an application of somebody else, or somewhere else."""

    @pytest.fixture
    def member(self, sandbox: Sandbox) -> SSOAdminClient:
        return sandbox.session(MEMBER).client("sso-admin")

    def test_store_by_another_accounts_arn(self, store: IdentityStoreClient) -> None:
        arn = f"arn:aws:identitystore::{MEMBER}:identitystore/{STORE}"
        with pytest.raises(store.exceptions.ResourceNotFoundException):
            store.list_users(IdentityStoreId=arn)

    def test_store_in_another_region(self, sandbox: Sandbox) -> None:
        elsewhere = sandbox.session(region="eu-west-1").client("identitystore")
        with pytest.raises(elsewhere.exceptions.ResourceNotFoundException):
            elsewhere.list_users(IdentityStoreId=STORE)

    def test_members_do_not_change_the_organisations(
        self, sandbox: Sandbox, member: SSOAdminClient
    ) -> None:
        arn = sandbox.add_application("Portal")
        for refused in (
            lambda: member.update_application(ApplicationArn=arn, Name="Theirs"),
            lambda: member.update_instance(InstanceArn=INSTANCE, Name="Theirs"),
            lambda: member.list_permission_sets(InstanceArn=INSTANCE),
            lambda: member.list_application_assignments_for_principal(
                InstanceArn=INSTANCE, PrincipalId=NOWHERE, PrincipalType="USER"
            ),
        ):
            with pytest.raises(member.exceptions.AccessDeniedException):
                refused()
        member.list_application_assignments_for_principal(
            InstanceArn=INSTANCE,
            PrincipalId=NOWHERE,
            PrincipalType="USER",
            Filter={"ApplicationArn": arn},
        )

    def test_applications_of_account_instances_are_private(
        self, sandbox: Sandbox, admin: SSOAdminClient, member: SSOAdminClient
    ) -> None:
        sandbox.ensure_instance(
            InstanceDetails(MEMBER, "us-east-1", OTHER_INSTANCE, "d-aaaaaaaaaa", organization=False)
        )
        arn = sandbox.add_application("Portal", instance_arn=OTHER_INSTANCE)
        member.describe_application(ApplicationArn=arn)
        with pytest.raises(admin.exceptions.AccessDeniedException):
            admin.describe_application(ApplicationArn=arn)

    def test_permission_set_that_is_not_there(self, admin: SSOAdminClient) -> None:
        with pytest.raises(admin.exceptions.ResourceNotFoundException, match="ps-"):
            admin.describe_permission_set(
                InstanceArn=INSTANCE,
                PermissionSetArn="arn:aws:sso:::permissionSet/ssoins-1234567890abcdef/"
                "ps-1234567890abcdef",
            )

    def test_operations_that_nobody_has(self, admin: SSOAdminClient, sandbox: Sandbox) -> None:
        with pytest.raises(ClientError) as error:
            admin.list_trusted_token_issuers(InstanceArn=INSTANCE)
        assert error.value.response["Error"]["Code"] == "ValidationException"
        assert "the sandbox" in error.value.response["Error"]["Message"]
        with pytest.raises(ClientError) as error:
            sandbox.session().client("sts").decode_authorization_message(EncodedMessage="x")
        assert error.value.response["Error"]["Code"] == "ValidationError"

    @pytest.mark.parametrize("token", ["x", "15", "-1"])
    def test_tokens_of_providers(self, admin: SSOAdminClient, token: str) -> None:
        with pytest.raises(admin.exceptions.ValidationException):
            admin.list_application_providers(NextToken=token)

    def test_portal_options_are_merged(self, sandbox: Sandbox, admin: SSOAdminClient) -> None:
        arn = sandbox.add_application("Portal")
        options: Any = {"SignInOptions": {"Origin": "IDENTITY_CENTER"}}
        admin.update_application(ApplicationArn=arn, PortalOptions=options)
        found = admin.describe_application(ApplicationArn=arn)
        assert found["PortalOptions"] == {"Visibility": "ENABLED", **options}

    def test_tags_at_creation(self, admin: SSOAdminClient) -> None:
        created = admin.create_application(
            InstanceArn=INSTANCE,
            ApplicationProviderArn="arn:aws:sso::aws:applicationProvider/custom",
            Name="Portal",
            Tags=[{"Key": "team", "Value": "data"}],
        )
        listed = admin.list_tags_for_resource(ResourceArn=created["ApplicationArn"])
        assert listed["Tags"] == [{"Key": "team", "Value": "data"}]


class TestHooks:
    """What tests may do behind the API, and what they may not."""

    def test_disabled_users(self, sandbox: Sandbox, store: IdentityStoreClient) -> None:
        created = store.create_user(**user())
        sandbox.set_user_status(created["UserId"], enabled=False)
        found = store.describe_user(IdentityStoreId=STORE, UserId=created["UserId"])
        assert found.get("UserStatus") == "DISABLED"
        assert found["Revision"] != created["Revision"]

    def test_no_longer_foreign(self, sandbox: Sandbox, store: IdentityStoreClient) -> None:
        created = store.create_group(IdentityStoreId=STORE, DisplayName="data")
        sandbox.set_external_ids(created["GroupId"], [("https://idp.example.com", "1")])
        sandbox.set_external_ids(created["GroupId"], [])
        found = store.describe_group(IdentityStoreId=STORE, GroupId=created["GroupId"])
        assert "ExternalIds" not in set(found)

    def test_nobody(self, sandbox: Sandbox) -> None:
        with pytest.raises(SandboxError, match="no user or group"):
            sandbox.set_user_status(NOWHERE, enabled=True)

    def test_no_instance(self) -> None:
        with Sandbox() as empty, pytest.raises(SandboxError, match="no instance"):
            empty.add_application("Portal")

    def test_population_over_the_quota(self) -> None:
        with Sandbox(world=World(Store(None), quotas=Quotas(users=2))) as sandbox:
            sandbox.ensure_instance(InstanceDetails())
            with pytest.raises(SandboxError, match="3 users, the quota is 2"):
                generate(sandbox, Sizes(3))


class TestDefects:
    """A defect of the sandbox is an internal error of the service: rolled back, and logged."""

    def test_internal_error(self, caplog: pytest.LogCaptureFixture) -> None:
        def broken() -> str:
            raise ZeroDivisionError

        with Sandbox(world=World(Store(None), new_uuid=broken)) as sandbox:
            sandbox.ensure_instance(InstanceDetails())
            once = Config(retries={"total_max_attempts": 1})
            client = sandbox.session().client("identitystore", config=once)
            with pytest.raises(client.exceptions.InternalServerException):
                client.create_group(IdentityStoreId=STORE, DisplayName="data")
            assert client.list_groups(IdentityStoreId=STORE)["Groups"] == []
        assert "ZeroDivisionError" in caplog.text
