"""Connecting: only to the instance that the settings name, and a plan cannot write."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from identity_reconciler.core.declared import Instance
from identity_reconciler.core.state import Membership, PrincipalKind
from identity_reconciler.errors import CredentialsError, UsageError, WrongInstanceError
from identity_reconciler.gateway import Wanted
from identity_reconciler.gateway.aws import connect
from identity_reconciler.gateway.wire.clients import make_clients, make_session
from identity_reconciler.gateway.wire.errors import ForbiddenRequestError
from identity_reconciler.gateway.wire.operations import OPERATIONS, Purpose, operations_for
from identity_reconciler.gateway.wire.pacing import Rates
from identity_reconciler.sandbox import InstanceDetails, Sandbox
from identity_reconciler.sandbox.trouble import Fault, FaultKind, Trouble
from tests.sandbox.gateway_world import (
    EVERYTHING,
    INSTANCE,
    UNPACED,
    assigned,
    clients,
    gateway,
    group,
    member,
    user,
)

OTHER_ACCOUNT = "210987654321"

if TYPE_CHECKING:
    from botocore.client import BaseClient


class TestAssertion:
    """Nothing is asked of an instance that is not the declared one."""

    def test_the_right_instance_takes_two_requests(self, sandbox: Sandbox) -> None:
        connected = connect(clients(sandbox), INSTANCE)
        assert connected.requests.counts() == {
            ("sts", "GetCallerIdentity"): 1,
            ("sso-admin", "ListInstances"): 1,
        }

    @pytest.mark.parametrize(
        ("instance", "message"),
        [
            (replace(INSTANCE, account_id=OTHER_ACCOUNT), "for account 123456789012.*210987654321"),
            (replace(INSTANCE, instance_arn="arn:aws:sso:::instance/x"), "found: .*1234567890abc"),
            (replace(INSTANCE, identity_store_id="d-0000000000"), "expected d-0000000000"),
            (replace(INSTANCE, region="eu-west-1"), "region us-east-1.*eu-west-1"),
            (
                replace(
                    INSTANCE,
                    account_id=OTHER_ACCOUNT,
                    delegated_administrator=INSTANCE.account_id,
                ),
                "OwnerAccountId is 123456789012, expected 210987654321",
            ),
        ],
        ids=["account", "instance", "store", "region", "owner"],
    )
    def test_any_other_is_refused(self, sandbox: Sandbox, instance: Instance, message: str) -> None:
        with pytest.raises(WrongInstanceError, match=message):
            connect(clients(sandbox), instance)

    def test_the_delegated_administrator_may_act(self, sandbox: Sandbox) -> None:
        sandbox.add_account(OTHER_ACCOUNT, "Identity")
        sandbox.delegate_administration(OTHER_ACCOUNT)
        made = make_clients(
            sandbox.session(OTHER_ACCOUNT),
            region=INSTANCE.region,
            purpose=Purpose.APPLY,
            rates=UNPACED,
        )
        with pytest.raises(WrongInstanceError, match=OTHER_ACCOUNT):
            connect(made, INSTANCE)
        delegated = replace(INSTANCE, delegated_administrator=OTHER_ACCOUNT)
        connect(made, delegated).create(group("a"))

    def test_a_secondary_region_is_for_plans_only(self) -> None:
        with Sandbox() as sandbox:
            sandbox.ensure_instance(InstanceDetails(regions=("eu-west-1",)))
            there = replace(INSTANCE, region="eu-west-1")
            for purpose in (Purpose.PLAN, Purpose.APPLY):
                made = make_clients(
                    sandbox.session(), region="eu-west-1", purpose=purpose, rates=UNPACED
                )
                if purpose is Purpose.PLAN:
                    assert connect(made, there).read_state(Wanted(users=True)).users == {}
                    continue
                with pytest.raises(WrongInstanceError, match="PrimaryRegion is us-east-1"):
                    connect(made, there)

    def test_services_that_do_not_know_all_regions_are_asked_for_one(
        self, sandbox: Sandbox
    ) -> None:
        refusal = Fault("ListInstances", FaultKind.ERROR, code="ValidationException")
        sandbox.make_trouble(Trouble(faults=(refusal,)))
        assert gateway(sandbox).requests.counts()["sso-admin", "ListInstances"] == 2


class TestPlanClients:
    """Clients made for a plan refuse to write, whatever they are asked."""

    @pytest.mark.parametrize(
        "resource",
        [user("new"), group("new"), member("a", "ana"), assigned("arn", PrincipalKind.USER, "ana")],
    )
    def test_no_write_is_sent(self, sandbox: Sandbox, resource: Membership) -> None:
        writer = gateway(sandbox)
        for name in ("ana", "bob"):
            writer.create(user(name))
        for name in ("a", "b"):
            writer.create(group(name))
        writer.create(member("b", "ana"))
        reader = connect(clients(sandbox, write=False), INSTANCE)
        before = reader.read_state(EVERYTHING)
        sandbox.requests.clear()
        writes: tuple[Callable[[], None], ...] = (
            lambda: reader.create(resource),
            lambda: reader.update(user("bob"), user("bob", title="x")),
            lambda: reader.update(group("a"), group("a", "x")),
            lambda: reader.delete(member("b", "ana")),
            lambda: reader.delete(user("ana")),
            lambda: reader.delete(group("a")),
        )
        for write in writes:
            with pytest.raises(ForbiddenRequestError, match="nothing was sent"):
                write()
        assert sandbox.requests.total == 0
        assert reader.read_state(EVERYTHING) == before

    @pytest.mark.parametrize("purpose", Purpose)
    def test_every_operation_that_is_not_listed_is_refused(
        self, sandbox: Sandbox, purpose: Purpose
    ) -> None:
        made = make_clients(
            sandbox.session(), region=INSTANCE.region, purpose=purpose, rates=UNPACED
        )
        listed = {(one.service, one.name) for one in operations_for(purpose)}
        reads = {(one.service, one.name) for one in OPERATIONS if not one.writes}
        clients: dict[BaseClient, tuple[str, set[tuple[str, str]]]] = {
            made.sso_admin: ("sso-admin", listed & reads),
            made.identity_store: ("identitystore", listed & reads),
            made.late.sts: ("sts", listed & reads),
            made.sso_admin_writer: ("sso-admin", listed),
            made.identity_store_writer: ("identitystore", listed),
        }
        refused = 0
        for client, (service, allowed) in clients.items():
            for method, operation in client.meta.method_to_api_mapping.items():
                if (service, operation) not in allowed:
                    refused += 1
                    with pytest.raises(ForbiddenRequestError):
                        getattr(client, method)()
        assert refused > 50
        assert sandbox.requests.total == 0

    def test_reading_clients_of_an_apply_refuse_as_well(self, sandbox: Sandbox) -> None:
        made = clients(sandbox, write=True)
        with pytest.raises(ForbiddenRequestError):
            made.identity_store.delete_user(IdentityStoreId="d-1", UserId="1")


class TestSettings:
    """What the clients do is set here and nowhere else."""

    def test_reads_are_retried_and_writes_are_not(self, sandbox: Sandbox) -> None:
        made = clients(sandbox)
        for client, attempts in (
            (made.sso_admin, 8),
            (made.identity_store, 8),
            (made.late.sts, 8),
            (made.sso_admin_writer, 1),
            (made.identity_store_writer, 1),
        ):
            config: Any = client.meta.config
            assert config.retries == {"mode": "standard", "total_max_attempts": attempts}
            assert (config.connect_timeout, config.read_timeout) == (5, 20)
            assert "identity-reconciler/" in config.user_agent

    def test_endpoints_in_the_environment_are_ignored(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for service in ("", "_IDENTITYSTORE", "_SSO_ADMIN", "_STS"):
            monkeypatch.setenv(f"AWS_ENDPOINT_URL{service}", "http://evil.example")
        made = make_clients(make_session(), region="eu-west-1", purpose=Purpose.APPLY)
        urls = [
            client.meta.endpoint_url
            for client in (
                made.sso_admin,
                made.identity_store,
                made.late.sts,
                made.sso_admin_writer,
                made.identity_store_writer,
            )
        ]
        assert all(url.endswith(".eu-west-1.amazonaws.com") for url in urls), urls

    def test_a_given_endpoint_is_used_by_all(self) -> None:
        url = "http://127.0.0.1:5000"
        made = make_clients(
            make_session(), region="eu-west-1", endpoint_url=url, purpose=Purpose.APPLY
        )
        assert (
            made.late.sts.meta.endpoint_url == made.identity_store_writer.meta.endpoint_url == url
        )

    @pytest.mark.parametrize(("region", "url"), [("not a region", None), ("eu-west-1", "nonsense")])
    def test_what_cannot_be_an_endpoint_is_refused(self, region: str, url: str | None) -> None:
        with pytest.raises(UsageError):
            make_clients(make_session(), region=region, endpoint_url=url)

    def test_an_unknown_profile_is_reported_with_what_to_do(self) -> None:
        with pytest.raises(CredentialsError, match="aws sso login"):
            make_session("no-such-profile-anywhere")

    def test_threads_fit_the_rate(self, sandbox: Sandbox) -> None:
        made = clients(sandbox, rates=Rates())
        assert [made.threads(rate) for rate in (0.5, 20, 1000)] == [4, 20, 32]

    def test_every_request_is_told(self, sandbox: Sandbox) -> None:
        made = clients(sandbox)
        told: list[tuple[str, str]] = []
        made.requests.watch(lambda service, operation: told.append((service, operation)))
        connect(made, INSTANCE)
        assert told == [("sts", "GetCallerIdentity"), ("sso-admin", "ListInstances")]


class TestLog:
    """The log names operations and outcomes, and nobody."""

    def test_nothing_personal_is_logged(
        self, sandbox: Sandbox, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.DEBUG):
            door = gateway(sandbox)
            door.create(user("secret-name"))
            door.read_state(Wanted(users=True, named=(group("secret-group"),)))
        assert "identitystore CreateUser: 200" in caplog.text
        assert "identitystore GetGroupId: 400 ResourceNotFoundException" in caplog.text
        assert "secret" not in caplog.text
        assert {record.name.partition(".")[0] for record in caplog.records} == {
            "identity_reconciler"
        }
