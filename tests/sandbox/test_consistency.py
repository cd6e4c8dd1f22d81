"""Whatever is done in whatever order, every way to read the sandbox tells the same story."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from identity_reconciler.sandbox import InstanceDetails, Sandbox
from identity_reconciler.sandbox.quotas import Quotas
from identity_reconciler.sandbox.store import Store
from identity_reconciler.sandbox.world import World

STORE = "d-1234567890"
MOST = 4
NAMES = st.sampled_from(["a", "A", "b", "c", "d", "e", "Ä", "ä"])


def refused(code: str) -> Any:  # noqa: ANN401 - pytest's context
    """Return the context in which a request is refused with *code*."""
    return pytest.raises(ClientError, match=code)


class Directory(RuleBasedStateMachine):
    """Groups, users and memberships, as the sandbox has them and as plain dictionaries."""

    def __init__(self) -> None:
        super().__init__()
        quotas = Quotas(users=MOST, groups=MOST)
        self.sandbox = Sandbox(world=World(Store(None), quotas=quotas))
        self.sandbox.ensure_instance(InstanceDetails())
        self.client: Any = self.sandbox.session().client("identitystore")
        self.ids: dict[str, dict[str, str]] = {"user": {}, "group": {}}
        self.members: set[tuple[str, str]] = set()

    def teardown(self) -> None:
        """Close the sandbox."""
        self.sandbox.close()

    def _send(self, kind: str, name: str) -> str:
        if kind == "group":
            answer = self.client.create_group(IdentityStoreId=STORE, DisplayName=name)
            return str(answer["GroupId"])
        answer = self.client.create_user(
            IdentityStoreId=STORE,
            UserName=name,
            DisplayName=name,
            Name={"GivenName": name, "FamilyName": name},
        )
        return str(answer["UserId"])

    @rule(kind=st.sampled_from(["user", "group"]), name=NAMES)
    def create(self, kind: str, name: str) -> None:
        """Create: refused when the name is taken, or the quota is used up."""
        known = self.ids[kind]
        if name.casefold() in known:
            with refused("ConflictException"):
                self._send(kind, name)
        elif len(known) == MOST:
            with refused("ServiceQuotaExceededException"):
                self._send(kind, name)
        else:
            known[name.casefold()] = self._send(kind, name)

    @rule(data=st.data(), kind=st.sampled_from(["user", "group"]))
    @precondition(lambda self: self.ids["user"] and self.ids["group"])
    def delete(self, data: st.DataObject, kind: str) -> None:
        """Delete, with all memberships; a second time it is not there."""
        name = data.draw(st.sampled_from(sorted(self.ids[kind])))
        identifier = self.ids[kind].pop(name)
        member = "UserId" if kind == "user" else "GroupId"
        arguments = {"IdentityStoreId": STORE, member: identifier}
        getattr(self.client, f"delete_{kind}")(**arguments)
        with refused("ResourceNotFoundException"):
            getattr(self.client, f"delete_{kind}")(**arguments)
        self.members = {pair for pair in self.members if identifier not in pair}

    @rule(data=st.data())
    @precondition(lambda self: self.ids["user"] and self.ids["group"])
    def join_or_leave(self, data: st.DataObject) -> None:
        """Add who is not a member; who is one is refused, then removed."""
        group = data.draw(st.sampled_from(sorted(self.ids["group"].values())))
        user = data.draw(st.sampled_from(sorted(self.ids["user"].values())))
        pair: dict[str, Any] = {
            "IdentityStoreId": STORE,
            "GroupId": group,
            "MemberId": {"UserId": user},
        }
        if (group, user) not in self.members:
            self.client.create_group_membership(**pair)
            self.members.add((group, user))
            return
        with refused("ConflictException"):
            self.client.create_group_membership(**pair)
        found = self.client.get_group_membership_id(**pair)["MembershipId"]
        self.client.delete_group_membership(IdentityStoreId=STORE, MembershipId=found)
        self.members.remove((group, user))

    @rule(data=st.data(), name=NAMES)
    @precondition(lambda self: self.ids["group"])
    def rename(self, data: st.DataObject, name: str) -> None:
        """Rename a group: refused when another has the name."""
        old = data.draw(st.sampled_from(sorted(self.ids["group"])))
        identifier = self.ids["group"][old]
        request: dict[str, Any] = {
            "IdentityStoreId": STORE,
            "GroupId": identifier,
            "Operations": [{"AttributePath": "displayName", "AttributeValue": name}],
        }
        if self.ids["group"].get(name.casefold(), identifier) != identifier:
            with refused("ConflictException"):
                self.client.update_group(**request)
            return
        self.client.update_group(**request)
        del self.ids["group"][old]
        self.ids["group"][name.casefold()] = identifier

    @invariant()
    def lists_agree(self) -> None:
        """Lists of both kinds, and of memberships from both ends, show what there is."""
        groups = self.client.list_groups(IdentityStoreId=STORE)["Groups"]
        users = self.client.list_users(IdentityStoreId=STORE)["Users"]
        names = {one["DisplayName"].casefold(): one["GroupId"] for one in groups}
        assert names == self.ids["group"]
        assert {one["UserName"].casefold(): one["UserId"] for one in users} == self.ids["user"]
        by_group = {
            (group["GroupId"], one["MemberId"]["UserId"])
            for group in groups
            for one in self.client.list_group_memberships(
                IdentityStoreId=STORE, GroupId=group["GroupId"]
            )["GroupMemberships"]
        }
        by_user = {
            (one["GroupId"], user["UserId"])
            for user in users
            for one in self.client.list_group_memberships_for_member(
                IdentityStoreId=STORE, MemberId={"UserId": user["UserId"]}
            )["GroupMemberships"]
        }
        assert by_group == by_user == self.members


TestConsistency = Directory.TestCase
TestConsistency.settings = settings(max_examples=20, stateful_step_count=25)
