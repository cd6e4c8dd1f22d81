"""Every operation: once with success, and once with each error that its model lists."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import botocore.session
import pytest
from botocore.model import ListShape, Shape, StructureShape

from identity_reconciler.sandbox import InstanceDetails, Sandbox
from identity_reconciler.sandbox.quotas import Quotas
from identity_reconciler.sandbox.store import Store
from identity_reconciler.sandbox.trouble import Fault, Throttle, Trouble
from identity_reconciler.sandbox.validation import check
from identity_reconciler.sandbox.world import World
from tests.sandbox.wire import encoded

STORE = "d-1234567890"
INSTANCE = "arn:aws:sso:::instance/ssoins-1234567890abcdef"
OTHER_STORE = "d-aaaaaaaaaa"
OTHER_INSTANCE = "arn:aws:sso:::instance/ssoins-aaaaaaaaaaaaaaaa"
NOWHERE = "00000000-0000-4000-8000-000000000000"
NO_PROVIDER = "arn:aws:sso::aws:applicationProvider/unheard-of"
SERVICES = ("identitystore", "sso-admin", "organizations", "account-access")
"""The services that answer in JSON."""
MANAGEMENT = "123456789012"
ROLE = f"arn:aws:iam::{MANAGEMENT}:role/team/Reader"

MANAGED = "arn:aws:iam::aws:policy/job-function/ViewOnlyAccess"
CUSTOMER_MANAGED = {"Name": "Ours", "Path": "/team/"}
POLICY = '{"Version": "2012-10-17", "Statement": []}'

Params = dict[str, Any]

ASSIGNED_TO_ACCOUNT: Params = {
    "InstanceArn": INSTANCE,
    "TargetId": "123456789012",
    "TargetType": "AWS_ACCOUNT",
    "PermissionSetArn": "@permission_set",
    "PrincipalType": "GROUP",
    "PrincipalId": "@group",
}


@functools.cache
def model(service: str) -> Any:  # noqa: ANN401 - botocore's stubs know only some of it
    """Return botocore's model of a service."""
    return botocore.session.Session().get_service_model(service)


def call(
    sandbox: Sandbox,
    operation: str,
    params: Params,
    service: str = "",
    account: str = MANAGEMENT,
) -> tuple[int, Params]:
    """Send a request over the wire and return status and answer; an error has its `__type`."""
    request = encoded(described(operation, service), params, (account, "us-east-1"))
    assert request is not None
    response = sandbox.responder.respond(request)
    answer = json.loads(response.body or b"{}")
    if response.status >= 400:
        answer["__type"] = response.headers["x-amzn-ErrorType"]
    return response.status, answer


@dataclass(frozen=True)
class Town:
    """A sandbox with two of everything, and the names of what is in it."""

    sandbox: Sandbox
    user: str
    lone_user: str
    group: str
    empty_group: str
    membership: str
    application: str
    revision: str
    permission_set: str
    idle_permission_set: str
    creation: str
    deletion: str
    provisioning: str
    access_application: str
    entitlement: str

    def call(
        self, operation: str, params: Params, service: str = "", account: str = MANAGEMENT
    ) -> tuple[int, Params]:
        """Send a request over the wire and return status and answer."""
        return call(self.sandbox, operation, params, service, account)

    def of(self, name: str) -> str:
        """Return the identifier that a parameter stands for."""
        value = getattr(self, name)
        assert isinstance(value, str)
        return value


@pytest.fixture
def town() -> Iterator[Town]:
    quotas = Quotas(
        users=3,
        groups=3,
        applications=3,
        groups_per_application=1,
        groups_per_permission_set=1,
        groups_per_role=1,
        tags=1,
    )
    with Sandbox(world=World(Store(None), quotas=quotas)) as sandbox:
        sandbox.ensure_instance(InstanceDetails())
        sandbox.ensure_instance(
            InstanceDetails(
                "222233334444", "us-east-1", OTHER_INSTANCE, OTHER_STORE, organization=False
            )
        )

        def made(operation: str, /, **params: Any) -> Params:  # noqa: ANN401 - any parameter
            # Without botocore, whose clients take longer to make than the town.
            status, answer = call(sandbox, operation, params)
            assert status == 200, answer
            return answer

        users = [
            made(
                "CreateUser",
                IdentityStoreId=STORE,
                UserName=name,
                DisplayName=name,
                Name={"GivenName": name, "FamilyName": "Doe"},
                Emails=[{"Value": f"{name}@example.com", "Type": "work", "Primary": True}],
                Extensions={"aws:identitystore:enterprise": {"department": "Data"}},
            )["UserId"]
            for name in ("alice", "bob")
        ]
        groups = [
            made("CreateGroup", IdentityStoreId=STORE, DisplayName=name, Description="d")
            for name in ("data", "empty")
        ]
        sandbox.delegate_administration("333344445555")
        sandbox.set_external_ids(users[0], [("https://idp.example.com", "1")])
        membership = made(
            "CreateGroupMembership",
            IdentityStoreId=STORE,
            GroupId=groups[0]["GroupId"],
            MemberId={"UserId": users[0]},
        )
        application = sandbox.add_application("Portal")
        made(
            "CreateApplicationAssignment",
            ApplicationArn=application,
            PrincipalId=groups[0]["GroupId"],
            PrincipalType="GROUP",
        )
        kept, idle = (
            made("CreatePermissionSet", InstanceArn=INSTANCE, Name=name, Description="d")
            for name in ("Reader", "Idle")
        )
        granted = {
            **ASSIGNED_TO_ACCOUNT,
            "PermissionSetArn": kept["PermissionSet"]["PermissionSetArn"],
            "PrincipalId": groups[0]["GroupId"],
        }
        taken = granted | {"PrincipalType": "USER", "PrincipalId": users[0]}
        in_set = {"InstanceArn": INSTANCE, "PermissionSetArn": granted["PermissionSetArn"]}
        begun = [
            made("CreateAccountAssignment", **granted),
            made("CreateAccountAssignment", **taken),
            made("DeleteAccountAssignment", **taken),
            made("ProvisionPermissionSet", **in_set, TargetType="ALL_PROVISIONED_ACCOUNTS"),
        ]
        made("AttachManagedPolicyToPermissionSet", **in_set, ManagedPolicyArn=MANAGED)
        made(
            "AttachCustomerManagedPolicyReferenceToPermissionSet",
            **in_set,
            CustomerManagedPolicyReference=CUSTOMER_MANAGED,
        )
        made("PutInlinePolicyToPermissionSet", **in_set, InlinePolicy=POLICY)
        made(
            "PutPermissionsBoundaryToPermissionSet",
            **in_set,
            PermissionsBoundary={"ManagedPolicyArn": MANAGED},
        )
        access = made("account-access:CreateApplication", identitySource=SOURCE)["applicationArn"]
        entitled = made(
            "account-access:CreateEntitlement",
            applicationArn=access,
            entitlement=entitlement("groupId", groups[0]["GroupId"]),
        )
        creation, deletion, provisioning = (
            one["RequestId"] for answer in begun[1:] for one in answer.values()
        )
        yield Town(
            sandbox,
            users[0],
            users[1],
            groups[0]["GroupId"],
            groups[1]["GroupId"],
            membership["MembershipId"],
            application,
            groups[1]["Revision"],
            granted["PermissionSetArn"],
            idle["PermissionSet"]["PermissionSetArn"],
            creation,
            deletion,
            provisioning,
            access,
            entitled["entitlementId"],
        )


SOURCE = {"identityCenter": {"instanceArn": INSTANCE}}


def entitlement(member: str, principal: str) -> Params:
    """Return an entitlement to the role of these tests."""
    return {
        "principalRole": {
            "principal": {"identityCenter": {member: principal}},
            "roleArn": ROLE,
        }
    }


def in_store(**params: Any) -> Params:  # noqa: ANN401 - any parameter
    """Return parameters of an operation of identitystore."""
    return {"IdentityStoreId": STORE, **params}


def in_instance(**params: Any) -> Params:  # noqa: ANN401 - any parameter
    """Return parameters of an operation on permission sets."""
    return {"InstanceArn": INSTANCE, **params}


def in_set(**params: Any) -> Params:  # noqa: ANN401 - any parameter
    """Return parameters of an operation on one permission set."""
    return {"InstanceArn": INSTANCE, "PermissionSetArn": "@permission_set", **params}


NAME = {"GivenName": "C", "FamilyName": "Doe"}
ASSIGNED = {"ApplicationArn": "@application", "PrincipalId": "@group", "PrincipalType": "GROUP"}
OPERATION = [{"AttributePath": "displayName", "AttributeValue": "New"}]
# "@name" stands for what Town.name holds. Operations of account access have its name in front:
# sso-admin has some of the same names.
SUCCESSES: dict[str, Params] = {
    "CreateUser": in_store(UserName="carol", DisplayName="Carol", Name=NAME),
    "DescribeUser": in_store(UserId="@user", Extensions=["aws:identitystore:enterprise"]),
    "UpdateUser": in_store(UserId="@user", Operations=OPERATION),
    "DeleteUser": in_store(UserId="@user"),
    "ListUsers": in_store(MaxResults=1, Extensions=["aws:identitystore:enterprise"]),
    "GetUserId": in_store(
        AlternateIdentifier={
            "UniqueAttribute": {"AttributePath": "userName", "AttributeValue": "alice"}
        }
    ),
    "CreateGroup": in_store(DisplayName="new"),
    "DescribeGroup": in_store(GroupId="@group"),
    "UpdateGroup": in_store(GroupId="@group", Operations=OPERATION),
    "DeleteGroup": in_store(GroupId="@empty_group", Revision="@revision"),
    "ListGroups": in_store(MaxResults=1),
    "GetGroupId": in_store(
        AlternateIdentifier={
            "UniqueAttribute": {"AttributePath": "displayName", "AttributeValue": "data"}
        }
    ),
    "CreateGroupMembership": in_store(GroupId="@empty_group", MemberId={"UserId": "@user"}),
    "DescribeGroupMembership": in_store(MembershipId="@membership"),
    "DeleteGroupMembership": in_store(MembershipId="@membership"),
    "GetGroupMembershipId": in_store(GroupId="@group", MemberId={"UserId": "@user"}),
    "IsMemberInGroups": in_store(MemberId={"UserId": "@user"}, GroupIds=["@group"]),
    "ListGroupMemberships": in_store(GroupId="@group"),
    "ListGroupMembershipsForMember": in_store(MemberId={"UserId": "@user"}),
    "ListIdentityStores": {},
    "DescribeIdentityStore": in_store(),
    "UpdateIdentityStore": in_store(NetworkConfiguration={"VpceAccessRequired": False}),
    "ListInstances": {"RegionScope": "ALL_REGIONS", "MaxResults": 10},
    "DescribeInstance": {"InstanceArn": INSTANCE},
    "UpdateInstance": {"InstanceArn": INSTANCE, "Name": "main"},
    "ListRegions": {"InstanceArn": INSTANCE},
    "DescribeRegion": {"InstanceArn": INSTANCE, "RegionName": "us-east-1"},
    "ListApplications": {"InstanceArn": INSTANCE, "MaxResults": 100},
    "DescribeApplication": {"ApplicationArn": "@application"},
    "CreateApplication": {
        "InstanceArn": INSTANCE,
        "ApplicationProviderArn": "arn:aws:sso::aws:applicationProvider/custom",
        "Name": "New",
    },
    "UpdateApplication": {"ApplicationArn": "@application", "Description": "New"},
    "DeleteApplication": {"ApplicationArn": "@application"},
    "ListApplicationProviders": {"MaxResults": 5},
    "DescribeApplicationProvider": {
        "ApplicationProviderArn": "arn:aws:sso::aws:applicationProvider/custom"
    },
    "CreateApplicationAssignment": {
        "ApplicationArn": "@application",
        "PrincipalId": "@lone_user",
        "PrincipalType": "USER",
    },
    "DescribeApplicationAssignment": ASSIGNED,
    "DeleteApplicationAssignment": ASSIGNED,
    "ListApplicationAssignments": {"ApplicationArn": "@application"},
    "ListApplicationAssignmentsForPrincipal": {
        "InstanceArn": INSTANCE,
        "PrincipalId": "@group",
        "PrincipalType": "GROUP",
    },
    "GetApplicationAssignmentConfiguration": {"ApplicationArn": "@application"},
    "PutApplicationAssignmentConfiguration": {
        "ApplicationArn": "@application",
        "AssignmentRequired": False,
    },
    "TagResource": {"ResourceArn": INSTANCE, "Tags": [{"Key": "a", "Value": "b"}]},
    "UntagResource": {"ResourceArn": INSTANCE, "TagKeys": ["a"]},
    "ListTagsForResource": {"ResourceArn": INSTANCE},
    "CreatePermissionSet": in_instance(
        Name="New", SessionDuration="PT2H30M", Tags=[{"Key": "a", "Value": "b"}]
    ),
    "DescribePermissionSet": in_set(),
    "UpdatePermissionSet": in_set(Description="New", RelayState="https://example.com"),
    "DeletePermissionSet": in_set(PermissionSetArn="@idle_permission_set"),
    "ListPermissionSets": in_instance(MaxResults=1),
    "AttachManagedPolicyToPermissionSet": in_set(
        ManagedPolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess"
    ),
    "DetachManagedPolicyFromPermissionSet": in_set(ManagedPolicyArn=MANAGED),
    "ListManagedPoliciesInPermissionSet": in_set(),
    "AttachCustomerManagedPolicyReferenceToPermissionSet": in_set(
        CustomerManagedPolicyReference={"Name": "Ours"}
    ),
    "DetachCustomerManagedPolicyReferenceFromPermissionSet": in_set(
        CustomerManagedPolicyReference=CUSTOMER_MANAGED
    ),
    "ListCustomerManagedPolicyReferencesInPermissionSet": in_set(),
    "PutInlinePolicyToPermissionSet": in_set(InlinePolicy=POLICY),
    "GetInlinePolicyForPermissionSet": in_set(),
    "DeleteInlinePolicyFromPermissionSet": in_set(),
    "PutPermissionsBoundaryToPermissionSet": in_set(
        PermissionsBoundary={"CustomerManagedPolicyReference": {"Name": "Ours"}}
    ),
    "GetPermissionsBoundaryForPermissionSet": in_set(),
    "DeletePermissionsBoundaryFromPermissionSet": in_set(),
    "ProvisionPermissionSet": in_set(TargetType="AWS_ACCOUNT", TargetId="123456789012"),
    "DescribePermissionSetProvisioningStatus": in_instance(
        ProvisionPermissionSetRequestId="@provisioning"
    ),
    "ListPermissionSetProvisioningStatus": in_instance(Filter={"Status": "SUCCEEDED"}),
    "ListAccountsForProvisionedPermissionSet": in_set(
        ProvisioningStatus="LATEST_PERMISSION_SET_NOT_PROVISIONED"
    ),
    "ListPermissionSetsProvisionedToAccount": in_instance(AccountId="123456789012"),
    "CreateAccountAssignment": ASSIGNED_TO_ACCOUNT
    | {"PrincipalType": "USER", "PrincipalId": "@lone_user"},
    "DeleteAccountAssignment": ASSIGNED_TO_ACCOUNT,
    "DescribeAccountAssignmentCreationStatus": in_instance(
        AccountAssignmentCreationRequestId="@creation"
    ),
    "DescribeAccountAssignmentDeletionStatus": in_instance(
        AccountAssignmentDeletionRequestId="@deletion"
    ),
    "ListAccountAssignmentCreationStatus": in_instance(MaxResults=1),
    "ListAccountAssignmentDeletionStatus": in_instance(),
    "ListAccountAssignments": in_set(AccountId="123456789012"),
    "ListAccountAssignmentsForPrincipal": in_instance(
        PrincipalId="@user", PrincipalType="USER", Filter={"AccountId": "123456789012"}
    ),
    "ListAccounts": {},
    "DescribeAccount": {"AccountId": "123456789012"},
    "DescribeOrganization": {},
    "ListRoots": {"MaxResults": 1},
    "ListDelegatedAdministrators": {"ServicePrincipal": "sso.amazonaws.com"},
    "account-access:CreateApplication": {"identitySource": SOURCE, "tags": {}},
    "account-access:GetApplication": {"applicationArn": "@access_application"},
    "account-access:ListApplications": {"maxResults": 1},
    "account-access:DeleteApplication": {"applicationArn": "@access_application"},
    "account-access:CreateEntitlement": {
        "applicationArn": "@access_application",
        "entitlement": entitlement("userId", "@lone_user"),
    },
    "account-access:GetEntitlement": {
        "applicationArn": "@access_application",
        "entitlementId": "@entitlement",
    },
    "account-access:ListEntitlements": {
        "applicationArn": "@access_application",
        "filter": {
            "principalRole": {
                "principal": {"identityCenter": {"groupId": "@group"}},
                "account": MANAGEMENT,
            }
        },
    },
    "account-access:DeleteEntitlement": {
        "applicationArn": "@access_application",
        "entitlementId": "@entitlement",
    },
    "account-access:TagResource": {"resourceArn": "@access_application", "tags": {"a": "b"}},
    "account-access:UntagResource": {"resourceArn": "@access_application", "tagKeys": ["a", "b"]},
    "account-access:ListTagsForResource": {"resourceArn": "@access_application"},
}
NO_APPLICATION = (
    "arn:aws:sso::123456789012:application/ssoins-1234567890abcdef/apl-0000000000000000"
)
NO_ACCESS_APPLICATION = (
    f"arn:aws:account-access:us-east-1:{MANAGEMENT}:application/0000000000000000"
)
NO_PERMISSION_SET = "arn:aws:sso:::permissionSet/ssoins-1234567890abcdef/ps-0000000000000000"

# What provokes an error, as changes to the parameters of success. Errors that no input provokes
# (a conflict with a write that has not spread yet, a quota without a number) are asked for.
PROVOKED: dict[tuple[str, str], Params] = {
    ("CreateUser", "ConflictException"): {"UserName": "ALICE"},
    ("CreateGroup", "ConflictException"): {"DisplayName": "Data"},
    ("CreateGroupMembership", "ConflictException"): {"GroupId": "@group"},
    ("UpdateUser", "ConflictException"): {"Revision": "0"},
    ("UpdateGroup", "ConflictException"): {"Revision": "0"},
    ("DeleteUser", "ConflictException"): {"Revision": "0"},
    ("DeleteGroup", "ConflictException"): {"Revision": "0"},
    ("DescribeRegion", "ResourceNotFoundException"): {"RegionName": "eu-west-1"},
    ("CreateApplication", "ResourceNotFoundException"): {"ApplicationProviderArn": NO_PROVIDER},
    ("DescribeApplicationProvider", "ResourceNotFoundException"): {
        "ApplicationProviderArn": NO_PROVIDER
    },
    ("TagResource", "ResourceNotFoundException"): {"ResourceArn": NO_APPLICATION},
    ("UntagResource", "ResourceNotFoundException"): {"ResourceArn": NO_APPLICATION},
    ("ListTagsForResource", "ResourceNotFoundException"): {"ResourceArn": NO_APPLICATION},
    ("CreateApplicationAssignment", "ServiceQuotaExceededException"): {
        "PrincipalId": "@empty_group",
        "PrincipalType": "GROUP",
    },
    ("TagResource", "ServiceQuotaExceededException"): {
        "Tags": [{"Key": "a", "Value": "b"}, {"Key": "c", "Value": "d"}]
    },
    ("CreatePermissionSet", "ConflictException"): {"Name": "Reader"},
    ("DeletePermissionSet", "ConflictException"): {"PermissionSetArn": "@permission_set"},
    ("AttachManagedPolicyToPermissionSet", "ConflictException"): {"ManagedPolicyArn": MANAGED},
    ("AttachCustomerManagedPolicyReferenceToPermissionSet", "ConflictException"): {
        "CustomerManagedPolicyReference": CUSTOMER_MANAGED
    },
    ("CreatePermissionSet", "ServiceQuotaExceededException"): {
        "Tags": [{"Key": "a", "Value": "b"}, {"Key": "c", "Value": "d"}]
    },
    ("CreateAccountAssignment", "ServiceQuotaExceededException"): {
        "PrincipalType": "GROUP",
        "PrincipalId": "@empty_group",
    },
    ("ListPermissionSetsProvisionedToAccount", "ResourceNotFoundException"): {
        "AccountId": "999999999999"
    },
    ("DescribePermissionSetProvisioningStatus", "ResourceNotFoundException"): {
        "ProvisionPermissionSetRequestId": NOWHERE
    },
    ("DescribeAccountAssignmentCreationStatus", "ResourceNotFoundException"): {
        "AccountAssignmentCreationRequestId": "@deletion"
    },
    ("DescribeAccountAssignmentDeletionStatus", "ResourceNotFoundException"): {
        "AccountAssignmentDeletionRequestId": "@creation"
    },
    ("ListAccounts", "InvalidInputException"): {"MaxResults": 21},
    ("ListRoots", "InvalidInputException"): {"MaxResults": 21},
    ("ListDelegatedAdministrators", "InvalidInputException"): {"MaxResults": 21},
    ("DescribeAccount", "AccountNotFoundException"): {"AccountId": "999999999999"},
    ("account-access:CreateApplication", "AlreadyCreatedException"): {"tags": {"a": "b"}},
    ("account-access:CreateApplication", "ValidationException"): {"identitySource": {}},
    ("account-access:ListApplications", "ValidationException"): {"maxResults": 101},
    ("account-access:CreateEntitlement", "ServiceQuotaExceededException"): {
        "entitlement": entitlement("groupId", "@empty_group")
    },
}
USING_UP: dict[str, Params] = {
    "CreateUser": {"UserName": "dave"},
    "CreateGroup": {"DisplayName": "other"},
    "CreateApplication": {"Name": "Other"},
}
FROM_ANOTHER_ACCOUNT = "999999999999"


def service_of(operation: str) -> str:
    """Return the service that has *operation*, which may have its name in front."""
    service = operation.rpartition(":")[0]
    return service or next(one for one in SERVICES if operation in model(one).operation_names)


def described(operation: str, service: str = "") -> Any:  # noqa: ANN401 - as `model`
    """Return the model of *operation*, of its service if none is named."""
    name = operation.rpartition(":")[2]
    return model(service or service_of(operation)).operation_model(name)


def errors_of(operation: str) -> list[str]:
    """Return the errors that the model lists for *operation*."""
    return [shape.name for shape in described(operation).error_shapes]


def filled(town: Town, value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Return parameters with what `@name` stands for."""
    if isinstance(value, dict):
        return {name: filled(town, one) for name, one in value.items()}
    if isinstance(value, list):
        return [filled(town, one) for one in value]
    if isinstance(value, str) and value.startswith("@"):
        return town.of(value[1:])
    return value


def unknown_members(shape: Shape | None, value: Any, path: str = "") -> list[str]:  # noqa: ANN401
    """Return the paths of members that the output shape does not have."""
    if isinstance(shape, ListShape):
        return [found for one in value for found in unknown_members(shape.member, one, path)]
    if not isinstance(shape, StructureShape) or getattr(shape, "is_document_type", False):
        return []
    found = [f"{path}.{name}" for name in value if name not in shape.members]
    for name, one in value.items():
        if name in shape.members:
            found += unknown_members(shape.members[name], one, f"{path}.{name}")
    return found


class TestEveryOperation:
    """A success answers as the output shape says, required members included."""

    def test_all_of_identitystore_are_here(self) -> None:
        assert set(model("identitystore").operation_names) <= set(SUCCESSES)

    def test_all_of_account_access_are_here(self) -> None:
        names = {f"account-access:{name}" for name in model("account-access").operation_names}
        assert names <= set(SUCCESSES)

    @pytest.mark.parametrize("operation", SUCCESSES)
    def test_success(self, town: Town, operation: str) -> None:
        status, answer = town.call(operation, filled(town, SUCCESSES[operation]))
        assert status == described(operation).http.get("responseCode", 200), answer
        shape = described(operation).output_shape
        check(shape, answer)
        assert unknown_members(shape, answer) == []

    @pytest.mark.parametrize(
        ("operation", "error"), [(one, error) for one in SUCCESSES for error in errors_of(one)]
    )
    def test_error(self, town: Town, operation: str, error: str) -> None:
        params = filled(town, SUCCESSES[operation])
        status, answer = provoke(town, operation, error, params)
        assert answer["__type"] == error
        shape = model(service_of(operation)).shape_for(error)
        usual = 500 if error == "InternalServerException" else 400
        assert status == shape.metadata.get("error", {}).get("httpStatusCode", usual)
        assert answer.get("Message") or answer["message"]
        members = {name: value for name, value in answer.items() if name != "__type"}
        check(shape, members)
        assert unknown_members(shape, members) == []


class TestRefusedWrites:
    """What is refused leaves nothing behind, not even where part of it was already written."""

    def test_tags_over_the_quota(self, town: Town) -> None:
        tags = [{"Key": key, "Value": "x"} for key in "abc"]
        status, _ = town.call("TagResource", {"ResourceArn": INSTANCE, "Tags": tags})
        assert status == 400
        assert town.call("ListTagsForResource", {"ResourceArn": INSTANCE})[1]["Tags"] == []

    @pytest.mark.parametrize("member", [{}, {"UserId": None}, {"GroupId": NOWHERE}])
    def test_unions_have_one_member(self, town: Town, member: Params) -> None:
        params = in_store(GroupId=town.empty_group, MemberId=member)
        status, answer = town.call("CreateGroupMembership", params)
        assert (status, answer["__type"]) == (400, "ValidationException")

    def test_users_over_the_quota(self, town: Town) -> None:
        carol = SUCCESSES["CreateUser"]
        assert town.call("CreateUser", carol)[0] == 200
        for _ in range(3):
            assert town.call("CreateUser", carol | {"UserName": "dave"})[0] == 400
        assert town.call("DeleteUser", in_store(UserId=town.lone_user))[0] == 200
        assert town.call("CreateUser", carol | {"UserName": "dave"})[0] == 200


def provoke(town: Town, operation: str, error: str, params: Params) -> tuple[int, Params]:
    """Make *operation* fail with *error*, by input where there is such an input."""
    change = filled(town, PROVOKED.get((operation, error)))
    if change is not None:
        return town.call(operation, params | change)
    if error == "ServiceQuotaExceededException" and operation in USING_UP:
        assert town.call(operation, params)[0] == 200
        return town.call(operation, params | USING_UP[operation])
    provoking = {
        "ThrottlingException": throttled,
        "ValidationException": invalid,
        "ResourceNotFoundException": missing,
        "AccessDeniedException": denied,
    }.get(error, asked_for)
    return provoking(town, operation, error, params)


def throttled(town: Town, operation: str, _: str, params: Params) -> tuple[int, Params]:
    """Exceed the quota of requests."""
    town.sandbox.make_trouble(Trouble(throttle=Throttle(rate=0.001, burst=1)))
    town.call(operation, params)
    return town.call(operation, params)


def invalid(town: Town, operation: str, _: str, params: Params) -> tuple[int, Params]:
    """Break the pattern of the first text, or the maximum of a page."""
    shape = described(operation).input_shape
    for name, member in shape.members.items():
        if member.type_name == "string" and name in params:
            return town.call(operation, params | {name: "\u0000"})
    return town.call(operation, params | {"MaxResults": 101})


def missing(town: Town, operation: str, _: str, params: Params) -> tuple[int, Params]:
    """Name something that does not exist."""
    if "IdentityStoreId" in params:
        return town.call(operation, params | {"IdentityStoreId": "d-ffffffffff"})
    for name, nothing in (
        ("ApplicationArn", NO_APPLICATION),
        ("PermissionSetArn", NO_PERMISSION_SET),
        ("applicationArn", NO_ACCESS_APPLICATION),
        ("resourceArn", NO_ACCESS_APPLICATION),
    ):
        # Deleting what is not there is no error of account access.
        if name in params and operation != "account-access:DeleteApplication":
            return town.call(operation, params | {name: nothing})
    return asked_for(town, operation, "ResourceNotFoundException", params)


def denied(town: Town, operation: str, error: str, params: Params) -> tuple[int, Params]:
    """Ask for what is another account's, where an account can be told from the request."""
    if "IdentityStoreId" in params:
        return town.call(operation, params | {"IdentityStoreId": OTHER_STORE})
    if "InstanceArn" in params:
        return town.call(operation, params | {"InstanceArn": OTHER_INSTANCE})
    if operation == "DescribeOrganization":
        return asked_for(town, operation, error, params)
    of_account = {"applicationArn", "identitySource"} & params.keys()
    if service_of(operation) == "organizations" or of_account:
        return town.call(operation, params, account=FROM_ANOTHER_ACCOUNT)
    return asked_for(town, operation, error, params)


def asked_for(town: Town, operation: str, error: str, params: Params) -> tuple[int, Params]:
    """Have the sandbox make trouble."""
    town.sandbox.make_trouble(Trouble(faults=(Fault(operation, code=error),)))
    return town.call(operation, params)
