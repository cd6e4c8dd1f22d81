"""The operations on memberships: created and deleted, never changed, and without a Revision."""

# Our operations take a parsed request where moto's of the same name take keyword arguments.
# mypy: disable-error-code="override"

from __future__ import annotations

from identity_reconciler.sandbox.attributes import GROUP, USER, AttributeForm
from identity_reconciler.sandbox.directory import (
    DirectoryBackend,
    plain_id,
    resource_arn,
    with_token,
)
from identity_reconciler.sandbox.errors import ServiceError, duplicate, not_found
from identity_reconciler.sandbox.paging import Query
from identity_reconciler.sandbox.store import Row
from identity_reconciler.sandbox.world import Answer, Params


class MembershipOperations(DirectoryBackend):
    """Which user is in which group."""

    def create_group_membership(self, params: Params) -> Answer:
        """CreateGroupMembership."""
        instance = self.instance(params, "CreateGroupMembership", write=True)
        store_id = instance["store"]
        # The texts are moto's; the real ones are not known.
        user = self._end(USER, store_id, params["MemberId"]["UserId"], "Member does not exist")
        group = self._end(GROUP, store_id, params["GroupId"], "Group does not exist")
        if self._membership(store_id, group["id"], user["id"]):
            # The Reason is observed in published code; the text is assumed.
            raise duplicate("Duplicate GroupMembership")
        identifier = self.new_identifier(store_id)
        self.store.execute(
            "INSERT INTO memberships (store, id, group_id, user_id, created, created_by) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            (
                store_id,
                identifier,
                group["id"],
                user["id"],
                self.world.clock(),
                self.caller.arn,
            ),
        )
        self._bump(group, user)
        return _identified(self.partition, store_id, identifier)

    def delete_group_membership(self, params: Params) -> Answer:
        """DeleteGroupMembership."""
        instance = self.instance(params, "DeleteGroupMembership", write=True)
        row = self._require(instance, params["MembershipId"])
        self.store.execute("DELETE FROM memberships WHERE row = ?", (row["row"],))
        self._bump(
            self.find(GROUP, row["store"], row["group_id"]),
            self.find(USER, row["store"], row["user_id"]),
        )
        return {}

    def describe_group_membership(self, params: Params) -> Answer:
        """DescribeGroupMembership."""
        instance = self.instance(params, "DescribeGroupMembership")
        return _shown(self.partition, self._require(instance, params["MembershipId"]))

    def get_group_membership_id(self, params: Params) -> Answer:
        """GetGroupMembershipId."""
        instance = self.instance(params, "GetGroupMembershipId")
        row = self._membership(
            instance["store"],
            plain_id(params["GroupId"], "group"),
            plain_id(params["MemberId"]["UserId"], "user"),
        )
        if row is None:
            raise _no_membership()
        return _identified(self.partition, row["store"], row["id"])

    def is_member_in_groups(self, params: Params) -> Answer:
        """IsMemberInGroups. False for what does not exist: observed by a recorded probe."""
        instance = self.instance(params, "IsMemberInGroups")
        user_id = plain_id(params["MemberId"]["UserId"], "user")
        results = []
        for given in params["GroupIds"]:
            group_id = plain_id(given, "group")
            found = self._membership(instance["store"], group_id, user_id)
            results.append(
                {
                    "GroupId": group_id,
                    "MemberId": {"UserId": user_id},
                    "MembershipExists": found is not None,
                }
            )
        return {"Results": results}

    def list_group_memberships(self, params: Params) -> Answer:
        """ListGroupMemberships."""
        return self._list(GROUP, params, params["GroupId"], "ListGroupMemberships")

    def list_group_memberships_for_member(self, params: Params) -> Answer:
        """ListGroupMembershipsForMember."""
        subject = params["MemberId"]["UserId"]
        return self._list(USER, params, subject, "ListGroupMembershipsForMember")

    def _list(self, kind: AttributeForm, params: Params, subject: str, operation: str) -> Answer:
        store_id = self.instance(params, operation)["store"]
        if self.assumptions.unknown_list_subject:
            self.require(kind, store_id, subject)
        identifier = plain_id(subject, kind.arn_type)
        column = "user_id" if kind is USER else "group_id"
        query = Query(
            "memberships",
            f"store = ? AND {column} = ?",
            (store_id, identifier),
            operation + identifier,
        )
        page = self.page(query, params)
        return with_token(
            {"GroupMemberships": [_shown(self.partition, row) for row in page.rows]}, page
        )

    def _end(self, kind: AttributeForm, store_id: str, identifier: str, message: str) -> Row:
        row = self.find(kind, store_id, identifier)
        if row is None:
            raise not_found(message, kind.resource_type)
        return row

    def _membership(self, store_id: str, group_id: str, user_id: str) -> Row | None:
        return self.store.one(
            "SELECT * FROM memberships WHERE store = ? AND group_id = ? AND user_id = ?",
            (store_id, group_id, user_id),
        )

    def _require(self, instance: Row, identifier: str) -> Row:
        row = self.store.one(
            "SELECT * FROM memberships WHERE store = ? AND id = ?",
            (instance["store"], plain_id(identifier, "membership")),
        )
        if row is None:
            raise _no_membership()
        return row

    def _bump(self, group: Row | None, user: Row | None) -> None:
        if not self.assumptions.membership_bumps_revision:
            return
        for table, row in (("groups", group), ("users", user)):
            if row is not None:
                self.store.execute(
                    f"UPDATE {table} SET revision = ? WHERE row = ?",  # noqa: S608 - our tables
                    (self.next_revision(), row["row"]),
                )


def _no_membership() -> ServiceError:
    # The text is moto's.
    return not_found("GROUP_MEMBERSHIP not found.", "GROUP_MEMBERSHIP")


def _identified(partition: str, store_id: str, identifier: str) -> Answer:
    return {
        "IdentityStoreId": store_id,
        "MembershipId": identifier,
        "MembershipArn": resource_arn(partition, "membership", identifier),
    }


def _shown(partition: str, row: Row) -> Answer:
    """Return a membership as Describe and List show it; it is never updated."""
    return {
        **_identified(partition, row["store"], row["id"]),
        "GroupId": row["group_id"],
        "MemberId": {"UserId": row["user_id"]},
        "CreatedAt": row["created"],
        "CreatedBy": row["created_by"],
        "UpdatedAt": row["created"],
        "UpdatedBy": row["created_by"],
    }
