"""What probes make in the identity store: users, groups and memberships."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from identity_reconciler.probing.asking import Asking, as_document
from identity_reconciler.probing.ledger import Made
from identity_reconciler.probing.observations import is_missing

if TYPE_CHECKING:
    from mypy_boto3_identitystore.type_defs import CreateUserRequestTypeDef, EmailTypeDef


class People(Asking):
    """Makes users, groups and memberships, and writes each of them down."""

    def user(
        self,
        name: str | None = None,
        *,
        emails: Sequence[EmailTypeDef] | None = None,
        title: str | None = None,
    ) -> str:
        """Create a user, with an e-mail address of its own unless *emails* say otherwise.

        Its DisplayName carries the prefix too. Returns its id.
        """
        name = name or self.name()
        request: CreateUserRequestTypeDef = {
            "IdentityStoreId": self.site.store_id,
            "UserName": name,
            "DisplayName": f"{self.prefix}user",
            "Name": {"GivenName": "Probe", "FamilyName": "Probe"},
        }
        if emails is None:
            emails = [{"Value": self.address(), "Primary": True}]
        if emails:
            request["Emails"] = emails
        if title:
            request["Title"] = title
        with self.making(self.as_user(name)) as made:
            made.identifier = self.store.create_user(**request)["UserId"]
        return made.identifier

    def group(self, name: str | None = None) -> str:
        """Create a group; its description carries the prefix too. Returns its id."""
        name = name or self.name()
        with self.making(self.as_group(name)) as made:
            answer = self.store.create_group(
                IdentityStoreId=self.site.store_id,
                DisplayName=name,
                Description=f"{self.prefix}group",
            )
            made.identifier = answer["GroupId"]
        return made.identifier

    def as_user(self, name: str) -> Made:
        """Return how a user is removed."""
        store_id = self.site.store_id
        return Made(
            "user",
            name,
            delete=lambda one: self.store.delete_user(IdentityStoreId=store_id, UserId=one),
            there=lambda one: bool(self.store.describe_user(IdentityStoreId=store_id, UserId=one)),
            find=lambda: self.user_id("userName", name),
        )

    def as_group(self, name: str) -> Made:
        """Return how a group is removed."""
        store_id = self.site.store_id
        return Made(
            "group",
            name,
            delete=lambda one: self.store.delete_group(IdentityStoreId=store_id, GroupId=one),
            there=lambda one: bool(
                self.store.describe_group(IdentityStoreId=store_id, GroupId=one)
            ),
            find=lambda: self.group_id(name),
        )

    def user_id(self, path: str, value: str) -> str | None:
        """Return the id of the user with a unique attribute, if there is one."""
        return _or_none(
            lambda: self.store.get_user_id(
                IdentityStoreId=self.site.store_id,
                AlternateIdentifier={
                    "UniqueAttribute": {"AttributePath": path, "AttributeValue": as_document(value)}
                },
            )["UserId"]
        )

    def group_id(self, name: str) -> str | None:
        """Return the id of the group with a name, if there is one."""
        return _or_none(
            lambda: self.store.get_group_id(
                IdentityStoreId=self.site.store_id,
                AlternateIdentifier={
                    "UniqueAttribute": {
                        "AttributePath": "displayName",
                        "AttributeValue": as_document(name),
                    }
                },
            )["GroupId"]
        )

    def join(self, group: str, user: str) -> str:
        """Make a user a member of a group. Returns the MembershipId."""
        store_id = self.site.store_id
        membership = Made(
            "membership",
            f"of {user} in {group}",
            delete=lambda one: self.store.delete_group_membership(
                IdentityStoreId=store_id, MembershipId=one
            ),
            there=lambda one: bool(
                self.store.describe_group_membership(IdentityStoreId=store_id, MembershipId=one)
            ),
            find=lambda: _or_none(
                lambda: self.store.get_group_membership_id(
                    IdentityStoreId=store_id, GroupId=group, MemberId={"UserId": user}
                )["MembershipId"]
            ),
        )
        with self.making(membership) as made:
            answer = self.store.create_group_membership(
                IdentityStoreId=store_id, GroupId=group, MemberId={"UserId": user}
            )
            made.identifier = answer["MembershipId"]
        return made.identifier


def _or_none(look_up: Callable[[], str]) -> str | None:
    try:
        return look_up()
    except ClientError as error:
        if is_missing(error):
            return None
        raise
