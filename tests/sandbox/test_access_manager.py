"""Account access manager: its one application, entitlements, and what IAM Identity Center shows."""

from __future__ import annotations

import http.client
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from identity_reconciler.sandbox import InstanceDetails, Sandbox
from identity_reconciler.sandbox.errors import ServiceError
from identity_reconciler.sandbox.messages import ACCOUNT_ACCESS, HttpRequest, refused
from identity_reconciler.sandbox.quotas import Quotas
from identity_reconciler.sandbox.server import LOOPBACK, SandboxServer
from identity_reconciler.sandbox.store import Store
from identity_reconciler.sandbox.trouble import Throttle, Trouble
from identity_reconciler.sandbox.world import World
from tests.sandbox.test_model import model

if TYPE_CHECKING:
    from mypy_boto3_account_access import AccountAccessClient
    from mypy_boto3_account_access.type_defs import (
        EntitlementTypeDef,
        IdentitySourceTypeDef,
    )

STORE = "d-1234567890"
INSTANCE = "arn:aws:sso:::instance/ssoins-1234567890abcdef"
MANAGEMENT, DELEGATED, MEMBER = "123456789012", "222233334444", "333344445555"
OWN_INSTANCE = "arn:aws:sso:::instance/ssoins-aaaaaaaaaaaaaaaa"
READER, WRITER = f"arn:aws:iam::{MEMBER}:role/Reader", f"arn:aws:iam::{MANAGEMENT}:role/a/Writer"
NOWHERE = "00000000-0000-4000-8000-000000000000"
NO_APPLICATION = f"arn:aws:account-access:us-east-1:{MANAGEMENT}:application/0000000000000000"


def source(instance: str = INSTANCE) -> IdentitySourceTypeDef:
    """Return an instance as the source of users and groups."""
    return {"identityCenter": {"instanceArn": instance}}


def entitlement(kind: str, principal: str, role: str) -> EntitlementTypeDef:
    """Return an entitlement of a "user" or a "group"."""
    named: Any = {f"{kind}Id": principal}
    return {"principalRole": {"principal": {"identityCenter": named}, "roleArn": role}}


def code_of(step: Callable[..., object], *values: object, **given: object) -> tuple[int, str]:
    """Return the status and the code of the error that *step* is answered with."""
    with pytest.raises(ClientError) as error:
        step(*values, **given)
    response = error.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]


@dataclass(frozen=True)
class Managed:
    """A sandbox with account access manager, a user and two groups."""

    sandbox: Sandbox
    client: AccountAccessClient
    application: str
    user: str
    groups: tuple[str, ...]

    def entitle(self, kind: str, principal: str, role: str) -> str:
        """Create an entitlement; return its id."""
        answer = self.client.create_entitlement(
            applicationArn=self.application, entitlement=entitlement(kind, principal, role)
        )
        return answer["entitlementId"]

    def listed(self, **wanted: Any) -> set[str]:  # noqa: ANN401 - any filter
        """Return the ids of the entitlements that meet a filter."""
        narrowed: Any = {"principalRole": wanted} if wanted else {}
        pages = self.client.get_paginator("list_entitlements").paginate(
            applicationArn=self.application, filter=narrowed, PaginationConfig={"PageSize": 2}
        )
        found = [one["entitlementId"] for page in pages for one in page["entitlements"]]
        assert len(found) == len(set(found))
        return set(found)

    def as_account(self, account: str, region: str = "us-east-1") -> AccountAccessClient:
        """Return a client of another account or Region."""
        return self.sandbox.session(account, region).client("account-access")


def opened(sandbox: Sandbox) -> Managed:
    """Return *sandbox* with account access manager and those who may get access."""
    sandbox.ensure_instance(InstanceDetails(regions=("eu-west-1",)))
    for account in (DELEGATED, MEMBER):
        sandbox.add_account(account, f"Account {account[:4]}")
    sandbox.delegate_administration(DELEGATED)
    session = sandbox.session()
    store, client = session.client("identitystore"), session.client("account-access")
    user = store.create_user(
        IdentityStoreId=STORE,
        UserName="alice",
        DisplayName="Alice",
        Name={"GivenName": "Alice", "FamilyName": "Doe"},
    )["UserId"]
    groups = tuple(
        store.create_group(IdentityStoreId=STORE, DisplayName=name)["GroupId"]
        for name in ("data", "web")
    )
    application = client.create_application(identitySource=source())["applicationArn"]
    return Managed(sandbox, client, application, user, groups)


@pytest.fixture
def managed() -> Iterator[Managed]:
    with Sandbox() as sandbox:
        yield opened(sandbox)


class TestApplication:
    """The organisation's instance has one, which stands in IAM Identity Center too."""

    def test_is_shown(self, managed: Managed) -> None:
        described = managed.client.get_application(applicationArn=managed.application)
        (listed,) = managed.client.list_applications()["applications"]
        assert described["status"] == "ACTIVE"
        assert described["identitySource"]["identityCenter"]["instanceArn"] == INSTANCE
        assert described["tags"] == {}
        assert listed["applicationArn"] == managed.application
        for member in ("tenantId", "createdAt", "updatedAt"):
            assert listed[member] == described[member]
        waiter = managed.client.get_waiter("application_active")
        waiter.wait(applicationArn=managed.application)

    def test_stands_in_identity_center(self, managed: Managed) -> None:
        admin = managed.sandbox.session().client("sso-admin")
        (listed,) = admin.list_applications(InstanceArn=INSTANCE)["Applications"]
        described = managed.client.get_application(applicationArn=managed.application)
        there = described["identitySource"]["identityCenter"]["applicationArn"]
        assert listed["ApplicationArn"] == there
        assert listed["ApplicationProviderArn"].endswith(":applicationProvider/account-access")
        provider = listed["ApplicationProviderArn"]
        assert admin.describe_application_provider(ApplicationProviderArn=provider)
        configured = admin.get_application_assignment_configuration(ApplicationArn=there)
        assert not configured["AssignmentRequired"]
        managed.client.delete_application(applicationArn=managed.application)
        assert admin.list_applications(InstanceArn=INSTANCE)["Applications"] == []

    def test_is_one(self, managed: Managed) -> None:
        again = managed.client.create_application(identitySource=source(), tags={})
        assert again["applicationArn"] == managed.application
        others = {"team": "platform"}
        create = managed.client.create_application
        refusal = code_of(create, identitySource=source(), tags=others)
        assert refusal == (400, "AlreadyCreatedException")
        managed.client.tag_resource(resourceArn=managed.application, tags=others)
        assert create(identitySource=source(), tags=others)["applicationArn"] == managed.application

    def test_deletion_takes_all_of_it(self, managed: Managed) -> None:
        managed.client.tag_resource(resourceArn=managed.application, tags={"a": "b"})
        entitled = managed.entitle("user", managed.user, READER)
        for _ in range(2):
            managed.client.delete_application(applicationArn=managed.application)
        assert managed.client.list_applications()["applications"] == []
        get = managed.client.get_application
        assert code_of(get, applicationArn=managed.application) == (
            404,
            "ResourceNotFoundException",
        )
        with managed.sandbox.responder.world.store.transaction(write=False) as store:
            for table in ("entitlements", "tags", "applications", "access_managers"):
                assert store.one(f"SELECT 1 FROM {table}") is None  # noqa: S608 - our tables
        fresh = managed.client.create_application(identitySource=source())["applicationArn"]
        assert fresh != managed.application
        listed = managed.client.list_entitlements(applicationArn=fresh, filter={})
        assert listed["entitlements"] == []
        find = managed.client.get_entitlement
        for arn in (fresh, managed.application):
            found = code_of(find, applicationArn=arn, entitlementId=entitled)
            assert found == (404, "ResourceNotFoundException")

    def test_deletion_where_identity_center_has_none(self, managed: Managed) -> None:
        described = managed.client.get_application(applicationArn=managed.application)
        there = described["identitySource"]["identityCenter"]["applicationArn"]
        managed.sandbox.session().client("sso-admin").delete_application(ApplicationArn=there)
        managed.client.delete_application(applicationArn=managed.application)
        assert managed.client.list_applications()["applications"] == []


class TestPlaces:
    """The management account makes it, in the primary Region, for the organisation's instance."""

    def test_of_an_account(self, managed: Managed) -> None:
        managed.sandbox.ensure_instance(
            InstanceDetails(
                MEMBER,
                instance_arn=OWN_INSTANCE,
                identity_store_id="d-aaaaaaaaaa",
                organization=False,
            )
        )
        member = managed.as_account(MEMBER)
        create = member.create_application
        refusal = code_of(create, identitySource=source(OWN_INSTANCE))
        assert refusal == (400, "ValidationException")
        assert member.list_applications()["applications"] == []

    @pytest.mark.parametrize("account", [DELEGATED, MEMBER])
    def test_of_others(self, managed: Managed, account: str) -> None:
        client, arn = managed.as_account(account), managed.application
        refusals = {
            code_of(client.create_application, identitySource=source()),
            code_of(client.delete_application, applicationArn=arn),
        }
        assert refusals == {(403, "AccessDeniedException")}

    def test_of_a_delegated_administrator(self, managed: Managed) -> None:
        client, arn = managed.as_account(DELEGATED), managed.application
        assert client.list_applications()["applications"][0]["applicationArn"] == arn
        made = client.create_entitlement(
            applicationArn=arn, entitlement=entitlement("user", managed.user, READER)
        )["entitlementId"]
        client.tag_resource(resourceArn=arn, tags={"a": "b"})
        assert client.list_tags_for_resource(resourceArn=arn)["tags"] == {"a": "b"}
        client.untag_resource(resourceArn=arn, tagKeys=["a"])
        client.delete_entitlement(applicationArn=arn, entitlementId=made)
        organization = managed.sandbox.session().client("organizations")
        delegated = organization.list_delegated_administrators(
            ServicePrincipal="account-access.amazonaws.com"
        )["DelegatedAdministrators"]
        assert [one.get("Id") for one in delegated] == [DELEGATED]

    def test_of_a_stranger(self, managed: Managed) -> None:
        client: Any = managed.as_account(MEMBER)
        of = {"applicationArn": managed.application}
        refusals = {
            code_of(step, **given)
            for step, given in (
                (client.get_application, of),
                (client.list_entitlements, {**of, "filter": {}}),
                (client.get_entitlement, {**of, "entitlementId": NOWHERE}),
                (client.delete_entitlement, {**of, "entitlementId": NOWHERE}),
            )
        }
        assert refusals == {(403, "AccessDeniedException")}
        refusals = {
            code_of(step, resourceArn=managed.application, **given)
            for step, given in (
                (client.tag_resource, {"tags": {"a": "b"}}),
                (client.untag_resource, {"tagKeys": ["a"]}),
                (client.list_tags_for_resource, {}),
            )
        }
        assert refusals == {(404, "ResourceNotFoundException")}
        assert client.list_applications()["applications"] == []

    def test_of_another_region(self, managed: Managed) -> None:
        there, arn = managed.as_account(MANAGEMENT, "eu-west-1"), managed.application
        assert there.list_applications()["applications"] == []
        get, create = there.get_application, there.create_application
        assert code_of(get, applicationArn=arn) == (404, "ResourceNotFoundException")
        there.delete_application(applicationArn=arn)
        assert managed.client.get_application(applicationArn=arn)["status"] == "ACTIVE"
        refusal = code_of(create, identitySource=source())
        assert refusal == (400, "ValidationException")

    def test_of_another_partition(self) -> None:
        instance = INSTANCE.replace("arn:aws:", "arn:aws-us-gov:")
        with Sandbox() as sandbox:
            sandbox.ensure_instance(InstanceDetails(region="us-gov-west-1", instance_arn=instance))
            client = sandbox.session().client("account-access")
            create = client.create_application
            refusal = code_of(create, identitySource=source(instance))
        assert refusal == (400, "ValidationException")


class TestEntitlements:
    """Who may assume which role: made once, never changed, taken away."""

    def test_is_shown(self, managed: Managed) -> None:
        made = managed.entitle("group", managed.groups[0].upper(), READER)
        described = managed.client.get_entitlement(
            applicationArn=managed.application, entitlementId=made
        )
        shown = {
            "principal": {"identityCenter": {"groupId": managed.groups[0]}},
            "roleArn": READER,
            "account": MEMBER,
            "accountName": "Account 3333",
        }
        assert described["entitlement"] == {"principalRole": shown}
        listed = managed.client.list_entitlements(applicationArn=managed.application, filter={})
        assert [one["entitlement"] for one in listed["entitlements"]] == [{"principalRole": shown}]
        assert listed["entitlements"][0]["createdAt"] == described["createdAt"]

    def test_is_made_once(self, managed: Managed) -> None:
        made = managed.entitle("group", managed.groups[0], READER)
        assert managed.entitle("group", managed.groups[0], READER) == made
        others = {
            managed.entitle("group", managed.groups[1], READER),
            managed.entitle("group", managed.groups[0], WRITER),
            managed.entitle("user", managed.user, READER),
        }
        assert len(others | {made}) == 4
        assert managed.listed() == others | {made}

    def test_is_deleted(self, managed: Managed) -> None:
        made, other = (managed.entitle("user", managed.user, role) for role in (READER, WRITER))
        for _ in range(2):
            managed.client.delete_entitlement(
                applicationArn=managed.application, entitlementId=made
            )
        assert managed.listed() == {other}

    def test_outlives_its_principal(self, managed: Managed) -> None:
        made = managed.entitle("user", managed.user, READER)
        store = managed.sandbox.session().client("identitystore")
        store.delete_user(IdentityStoreId=STORE, UserId=managed.user)
        assert managed.listed(principal={"identityCenter": {"userId": managed.user}}) == {made}
        # It is there, so nothing is checked.
        assert managed.entitle("user", managed.user, READER) == made

    @pytest.mark.parametrize(
        ("kind", "principal", "role", "refusal"),
        [
            ("user", NOWHERE, READER, (404, "ResourceNotFoundException")),
            ("group", "@user", READER, (404, "ResourceNotFoundException")),
            ("user", "alice", READER, (400, "ValidationException")),
            ("user", "@user", "Reader", (400, "ValidationException")),
            ("user", "@user", READER.replace(":role/", ":user/"), (400, "ValidationException")),
            ("user", "@user", READER.replace("aws", "aws-cn"), (400, "ValidationException")),
            (
                "user",
                "@user",
                READER.replace(MEMBER, "999999999999"),
                (404, "ResourceNotFoundException"),
            ),
        ],
    )
    def test_refused(
        self, managed: Managed, kind: str, principal: str, role: str, refusal: tuple[int, str]
    ) -> None:
        wanted = managed.user if principal == "@user" else principal
        assert code_of(managed.entitle, kind, wanted, role) == refusal
        assert managed.listed() == set()

    def test_of_no_application(self, managed: Managed) -> None:
        client: Any = managed.client
        wanted = entitlement("user", managed.user, READER)
        refusals = {
            code_of(step, applicationArn=NO_APPLICATION, **given)
            for step, given in (
                (client.create_entitlement, {"entitlement": wanted}),
                (client.get_entitlement, {"entitlementId": "x"}),
                (client.delete_entitlement, {"entitlementId": "x"}),
                (client.list_entitlements, {"filter": {}}),
            )
        }
        assert refusals == {(404, "ResourceNotFoundException")}

    def test_groups_of_a_role(self) -> None:
        world = World(Store(None), quotas=Quotas(groups_per_role=1))
        with Sandbox(world=world) as sandbox:
            managed = opened(sandbox)
            managed.entitle("user", managed.user, READER)
            managed.entitle("group", managed.groups[0], READER)
            managed.entitle("group", managed.groups[1], WRITER)
            refusal = code_of(managed.entitle, "group", managed.groups[1], READER)
        assert refusal == (402, "ServiceQuotaExceededException")


class TestFilter:
    """What is listed meets every criterion: held against what each of them says."""

    def test_every_combination(self, managed: Managed) -> None:
        principals = [("user", managed.user), *(("group", one) for one in managed.groups)]
        roles = (READER, WRITER, f"arn:aws:iam::{MEMBER}:role/Other")
        made = {
            managed.entitle(kind, principal, role): (kind, principal, role)
            for (kind, principal), role in itertools.product(principals, roles)
            if (principal, role) != (managed.user, WRITER)
        }
        assert len(made) == 8
        for wanted, role, account in itertools.product(
            (None, *principals), (None, *roles[:2]), (None, MEMBER, DELEGATED)
        ):
            given: dict[str, Any] = {}
            if wanted:
                given["principal"] = {"identityCenter": {f"{wanted[0]}Id": wanted[1]}}
            if role:
                given["roleArn"] = role
            if account:
                given["account"] = account
            expected = {
                one
                for one, (kind, principal, its_role) in made.items()
                if wanted in {None, (kind, principal)}
                and role in {None, its_role}
                and account in {None, its_role.split(":")[4]}
            }
            assert managed.listed(**given) == expected, given

    def test_lags(self, managed: Managed) -> None:
        now = [managed.sandbox.responder.world.clock()]
        managed.sandbox.responder.world.clock = lambda: now[0]
        managed.sandbox.make_trouble(Trouble(visibility_lag=3.0))
        made = managed.entitle("user", managed.user, READER)
        assert managed.listed() == set()
        now[0] += 4
        assert managed.listed() == {made}

    def test_tokens_are_of_one_list(self, managed: Managed) -> None:
        for role in (READER, WRITER):
            managed.entitle("user", managed.user, role)
        of: Any = {"applicationArn": managed.application, "maxResults": 1}
        client = managed.client
        token = client.list_entitlements(**of, filter={})["nextToken"]
        narrowed: Any = {"principalRole": {"roleArn": READER}}
        refusal = code_of(client.list_entitlements, **of, filter=narrowed, nextToken=token)
        assert refusal == (400, "ValidationException")
        last = client.list_entitlements(**of, filter={}, nextToken=token)
        assert len(last["entitlements"]) == 1
        assert "nextToken" not in last


class TestTags:
    """Tags of the application, with the limits that tags have everywhere."""

    def test_are_kept(self, managed: Managed) -> None:
        client, arn = managed.client, managed.application
        client.tag_resource(resourceArn=arn, tags={"a": "1", "b/ü &=?": "2"})
        client.tag_resource(resourceArn=arn, tags={"a": "3", "c": ""})
        client.untag_resource(resourceArn=arn, tagKeys=["b/ü &=?", "unheard"])
        assert client.list_tags_for_resource(resourceArn=arn)["tags"] == {"a": "3", "c": ""}
        assert client.get_application(applicationArn=arn)["tags"] == {"a": "3", "c": ""}

    @pytest.mark.parametrize(
        "tags",
        [
            {"": "x"},
            {"x" * 129: "x"},
            {"aws:x": "x"},
            {"x": "x" * 257},
            {f"key{number}": "x" for number in range(51)},
        ],
    )
    def test_refused(self, managed: Managed, tags: dict[str, str]) -> None:
        client, arn = managed.client, managed.application
        refusal = code_of(client.tag_resource, resourceArn=arn, tags=tags)
        assert refusal == (400, "ValidationException")
        assert client.list_tags_for_resource(resourceArn=arn)["tags"] == {}

    def test_of_nothing(self, managed: Managed) -> None:
        client: Any = managed.client
        refusals = {
            code_of(step, resourceArn=NO_APPLICATION, **given)
            for step, given in (
                (client.list_tags_for_resource, {}),
                (client.tag_resource, {"tags": {"a": "b"}}),
                (client.untag_resource, {"tagKeys": ["a"]}),
            )
        }
        assert refusals == {(404, "ResourceNotFoundException")}


SIGNED = {
    "authorization": f"AWS4-HMAC-SHA256 Credential=AKIASBOX{MANAGEMENT}/20260101/us-east-1/"
    "account-access/aws4_request"
}


class TestProtocol:
    """REST with JSON: what boto3 does not send is answered in it too."""

    @pytest.mark.parametrize(
        ("request_line", "body", "refusal"),
        [
            ("GET /applications", b"", (404, "UnknownOperationException")),
            ("PUT /applications-list", b"{}", (404, "UnknownOperationException")),
            ("POST /", b"{}", (404, "UnknownOperationException")),
            ("POST /applications-list/", b"{}", (404, "UnknownOperationException")),
            ("POST /applications-list", b"[]", (400, "SerializationException")),
            ("POST /applications-list", b"{", (400, "SerializationException")),
            ("POST /applications-list", b'{"maxResults": "1"}', (400, "SerializationException")),
            ("POST /applications-list", b'{"maxResults": 101}', (400, "ValidationException")),
            ("GET /applications/x", b"", (400, "ValidationException")),
            ("GET /applications/%ff%00", b"", (400, "ValidationException")),
            ("GET /entitlements/x", b"", (400, "ValidationException")),
            ("GET /entitlements/x?applicationArn=", b"", (400, "ValidationException")),
            (f"DELETE /tags/{NO_APPLICATION[:-17]}%2F0", b"", (400, "ValidationException")),
            (
                f"DELETE /tags/{NO_APPLICATION[:-17]}%2F0000000000000000?tagKeys=",
                b"",
                (404, "ResourceNotFoundException"),
            ),
            (
                "POST /entitlements-list",
                b"x" * (1024 * 1024 + 1),
                (413, "RequestEntityTooLargeException"),
            ),
        ],
    )
    def test_refused(
        self, sandbox: Sandbox, request_line: str, body: bytes, refusal: tuple[int, str]
    ) -> None:
        method, path = request_line.split()
        url = f"https://account-access.us-east-1.api.aws{path}"
        response = sandbox.responder.respond(HttpRequest(method, url, SIGNED, body))
        assert (response.status, response.headers["x-amzn-ErrorType"]) == refusal
        assert sandbox.requests.entries[-1].outcome == refusal[1]
        assert b'"message"' in response.body

    def test_statuses_are_the_models(self) -> None:
        described = model(ACCOUNT_ACCESS)
        shapes = {one.name: one for one in described.error_shapes}
        assert len(shapes) == 8
        for name, shape in shapes.items():
            status = shape.metadata.get("error", {}).get("httpStatusCode", 400)
            assert refused(ServiceError(name, "x"), ACCOUNT_ACCESS).status == status

    def test_throttled(self, managed: Managed) -> None:
        managed.sandbox.make_trouble(Trouble(throttle=Throttle(rate=0.001, burst=1)))
        for expected in (200, 429):
            url = "https://aws/applications-list"
            response = managed.sandbox.responder.respond(HttpRequest("POST", url, SIGNED, b""))
            assert response.status == expected

    def test_served(self, managed: Managed) -> None:
        with SandboxServer(managed.sandbox) as server, server.running():
            client: AccountAccessClient = managed.sandbox.session().client(
                "account-access", endpoint_url=server.url
            )
            assert client.meta.endpoint_url == server.url
            connection = http.client.HTTPConnection(LOOPBACK, server.port, timeout=10)
            arn = managed.application.replace("/", "%2F")
            for method, path, status in (
                ("GET", f"/applications/{arn}", 200),
                ("DELETE", f"/entitlements/{NOWHERE}?applicationArn={arn}", 204),
                ("DELETE", f"/applications/{arn}", 204),
                ("GET", f"/applications/{arn}", 404),
                ("DELETE", "/", 501),
            ):
                connection.request(method, path, None, SIGNED)
                response = connection.getresponse()
                body = response.read()
                assert (response.status, bool(body)) == (status, status != 204)
                assert ("content-length" in response.headers) == (status != 204)
            connection.close()
