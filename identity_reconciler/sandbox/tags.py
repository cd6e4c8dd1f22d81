"""The operations on tags of instances, permission sets and applications."""

from __future__ import annotations

from identity_reconciler.sandbox.account_assignments import AccountAssignments
from identity_reconciler.sandbox.assignments import AssignmentOperations
from identity_reconciler.sandbox.errors import not_found
from identity_reconciler.sandbox.quotas import check_quota
from identity_reconciler.sandbox.world import Answer, Params


class Tags(AssignmentOperations, AccountAssignments):
    """TagResource, UntagResource, ListTagsForResource."""

    def tag_resource(self, params: Params) -> Answer:
        """TagResource: a key that is there gets the new value."""
        arn = self._taggable(params)
        for tag in params["Tags"]:
            self.store.execute(
                "INSERT OR REPLACE INTO tags VALUES (?, ?, ?)", (arn, tag["Key"], tag["Value"])
            )
        row = self.store.one("SELECT count(*) AS n FROM tags WHERE resource = ?", (arn,))
        check_quota(row["n"] if row else 0, self.world.quotas.tags, "tags of a resource")
        return {}

    def untag_resource(self, params: Params) -> Answer:
        """UntagResource: keys that are not there are no error."""
        arn = self._taggable(params)
        for key in params["TagKeys"]:
            self.store.execute("DELETE FROM tags WHERE resource = ? AND key = ?", (arn, key))
        return {}

    def list_tags_for_resource(self, params: Params) -> Answer:
        """ListTagsForResource, by key, on one page."""
        rows = self.store.execute(
            "SELECT key, value FROM tags WHERE resource = ? ORDER BY key", (self._taggable(params),)
        )
        return {"Tags": [{"Key": row["key"], "Value": row["value"]} for row in rows]}

    def _taggable(self, params: Params) -> str:
        """Return the ARN of the request's resource, which must exist."""
        arn = str(params["ResourceArn"])
        for table in ("instances", "applications", "permission_sets"):
            if self.store.one(f"SELECT 1 FROM {table} WHERE arn = ?", (arn,)):  # noqa: S608
                return arn
        raise not_found(f"Resource with ARN {arn} not found.")
