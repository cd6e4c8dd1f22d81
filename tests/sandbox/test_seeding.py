"""Seeding makes the sandbox's live state what was declared, or as large as was asked."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from identity_reconciler.core.declared import (
    ApplicationSelector,
    Declared,
    DeclaredApplication,
    DeclaredGroup,
    DeclaredUser,
    Instance,
    Listed,
    Presence,
    Settings,
)
from identity_reconciler.core.state import (
    Email,
    Group,
    GroupName,
    Photo,
    PostalAddress,
    User,
    UserName,
)
from identity_reconciler.errors import Position
from identity_reconciler.sandbox import InstanceDetails, Sandbox
from identity_reconciler.sandbox.errors import SandboxError
from identity_reconciler.sandbox.seeding import Sizes, generate, seed

STORE = "d-1234567890"
INSTANCE = "arn:aws:sso:::instance/ssoins-1234567890abcdef"
HERE = Position("x.yaml", 1, 1)
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def listed(*names: str) -> tuple[Listed, ...]:
    """Return a list of members."""
    return tuple(Listed(name, HERE) for name in names)


def declared(**changes: Any) -> Declared:  # noqa: ANN401 - fields of Declared
    """Return a small desired state."""
    alice = User(
        UserName("alice"),
        display_name="Alice Doe",
        given_name="Alice",
        family_name="Doe",
        email=Email("alice@example.com"),
        address=PostalAddress(locality="Berlin"),
        photos=(Photo("https://example.com/a.png"),),
        department="Data",
        manager=UserName("Boss"),
    )
    base = Declared(
        Settings(Instance("main", "eu-central-1", "111122223333", INSTANCE, STORE)),
        users=(
            DeclaredUser(alice, HERE),
            DeclaredUser(User(UserName("boss")), HERE, Presence.EXTERNAL),
            DeclaredUser(User(UserName("gone")), HERE, Presence.ABSENT),
        ),
        groups=(
            DeclaredGroup(
                Group(GroupName("Data"), "People of data"),
                HERE,
                members=(
                    *listed("ALICE", "boss"),
                    Listed("gone", HERE, expires=datetime(2025, 1, 1, tzinfo=UTC)),
                    Listed("alice2", HERE, starts=datetime(9025, 1, 1, tzinfo=UTC)),
                ),
            ),
            DeclaredGroup(Group(GroupName("From outside")), HERE, Presence.EXTERNAL),
        ),
        applications=(
            DeclaredApplication(
                ApplicationSelector(name="Amazon Redshift"),
                HERE,
                users=listed("alice"),
                groups=listed("data"),
            ),
        ),
    )
    return replace(base, **changes)


class TestDesiredState:
    """What is declared is live, what is not is gone; external objects have external ids."""

    def test_users(self, sandbox: Sandbox) -> None:
        sandbox.reset()
        seed(sandbox, declared(), NOW)
        store = sandbox.session().client("identitystore")
        alice, boss = store.list_users(
            IdentityStoreId=STORE, Extensions=["aws:identitystore:enterprise"]
        )["Users"]
        assert alice.get("Emails") == [{"Value": "alice@example.com"}]
        assert alice.get("Addresses") == [{"Locality": "Berlin"}]
        assert alice.get("Extensions") == {
            "aws:identitystore:enterprise": {
                "department": "Data",
                "manager": {"value": boss["UserId"]},
            }
        }
        assert "ExternalIds" not in set(alice)
        assert boss.get("ExternalIds") == [{"Issuer": "https://idp.example.com", "Id": "boss"}]
        found = store.get_user_id(
            IdentityStoreId=STORE,
            AlternateIdentifier={"ExternalId": {"Issuer": "https://idp.example.com", "Id": "boss"}},
        )
        assert found["UserId"] == boss["UserId"]

    def test_links(self, sandbox: Sandbox) -> None:
        sandbox.reset()
        seed(sandbox, declared(), NOW)
        seed(sandbox, declared(), NOW)
        (instance,) = sandbox.summary().instances
        assert (instance.users, instance.groups, instance.memberships) == (2, 2, 2)
        assigned = {one.name: (one.users, one.groups) for one in instance.applications}
        assert assigned["Amazon Redshift"] == (1, 1)

    def test_replaces(self, sandbox: Sandbox) -> None:
        sandbox.reset()
        seed(sandbox, declared(), NOW)
        seed(sandbox, declared(users=(), groups=(), applications=()), NOW)
        (instance,) = sandbox.summary().instances
        assert (instance.users, instance.groups, instance.memberships) == (0, 0, 0)

    @pytest.mark.parametrize(
        ("user", "message"),
        [
            (User(UserName("two words"), display_name="x"), "user two words: .*userName"),
            (User(UserName("bob")), "user bob: displayname: The attribute displayname is required"),
            (User(UserName("ALICE"), "A", "A", "A"), "something twice"),
        ],
    )
    def test_what_aws_would_refuse_changes_nothing(
        self, sandbox: Sandbox, user: User, message: str
    ) -> None:
        sandbox.reset()
        seed(sandbox, declared(), NOW)
        with pytest.raises(SandboxError, match=message):
            seed(sandbox, declared(users=(*declared().users, DeclaredUser(user, HERE))), NOW)
        assert sandbox.summary().instances[0].users == 2

    def test_a_second_instance_is_that_of_an_account(self, sandbox: Sandbox) -> None:
        sandbox.reset()
        other = Instance(
            "member",
            "eu-central-1",
            "222233334444",
            "arn:aws:sso:::instance/ssoins-aaaaaaaaaaaaaaaa",
            "d-aaaaaaaaaa",
        )
        seed(sandbox, declared(), NOW)
        seed(sandbox, declared(settings=Settings(other)), NOW)

        def seen(account: str) -> list[str]:
            admin = sandbox.session(account).client("sso-admin")
            return [one.get("Name", "") for one in admin.list_instances()["Instances"]]

        assert seen("111122223333") == ["main"]
        assert seen("222233334444") == ["main", "member"]
        assert [one.users for one in sandbox.summary().instances] == [2, 2]

    def test_unknown_member(self, sandbox: Sandbox) -> None:
        sandbox.reset()
        group = DeclaredGroup(Group(GroupName("Data")), HERE, members=listed("nobody"))
        with pytest.raises(SandboxError, match="user nobody"):
            seed(sandbox, declared(groups=(group,), applications=()), NOW)


class TestMadeUp:
    """A made-up population has the sizes that were asked for, and behaves like any other."""

    def test_sizes(self, sandbox: Sandbox) -> None:
        generate(sandbox, Sizes(300, 30, 900, 5, 600))
        (instance,) = sandbox.summary().instances
        assert (instance.users, instance.groups, instance.memberships) == (300, 30, 900)
        assert sum(one.users + one.groups for one in instance.applications) == 600
        store = sandbox.session().client("identitystore")
        pages = store.get_paginator("list_users").paginate(IdentityStoreId=STORE)
        names = [one.get("UserName", "") for page in pages for one in page["Users"]]
        assert len(set(names)) == 300
        group_id = store.list_groups(IdentityStoreId=STORE)["Groups"][0]["GroupId"]
        members = store.list_group_memberships(IdentityStoreId=STORE, GroupId=group_id)
        assert len(members["GroupMemberships"]) == 30

    @pytest.mark.parametrize("sizes", [Sizes(2, 2, 5), Sizes(1, 0, 0, 1, 2)])
    def test_impossible_sizes(self, sandbox: Sandbox, sizes: Sizes) -> None:
        with pytest.raises(SandboxError):
            generate(sandbox, sizes)


class TestStatistics:
    """Counts are kept in the state file, whoever made the requests."""

    def test_counts_outlive_the_process(self, sandbox: Sandbox) -> None:
        sandbox.session().client("identitystore").list_users(IdentityStoreId=STORE)
        assert sandbox.statistics() == {("identitystore", "ListUsers", "ok"): 1}
        sandbox.session().client("identitystore").list_users(IdentityStoreId=STORE)
        assert sandbox.statistics() == {("identitystore", "ListUsers", "ok"): 2}
        sandbox.reset()
        sandbox.ensure_instance(InstanceDetails())
        assert sandbox.statistics() == {}
