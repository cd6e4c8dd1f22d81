"""The operations on tags of instances, permission sets and applications."""

from __future__ import annotations

from identity_reconciler.sandbox.account_assignments import AccountAssignments
from identity_reconciler.sandbox.assignments import AssignmentOperations
from identity_reconciler.sandbox.errors import not_found, validation
from identity_reconciler.sandbox.instances import fixed_page
from identity_reconciler.sandbox.quotas import check_quota
from identity_reconciler.sandbox.world import Answer, Params


class Tags(AssignmentOperations, AccountAssignments):
    """TagResource, UntagResource, ListTagsForResource."""

    def tag_resource(self, params: Params) -> Answer:
        """TagResource: a key that is there gets the new value."""
        arn = self._taggable(params, "TagResource", write=True)
        for tag in params["Tags"]:
            self.store.execute(
                "INSERT OR REPLACE INTO tags VALUES (?, ?, ?)", (arn, tag["Key"], tag["Value"])
            )
        row = self.store.one("SELECT count(*) AS n FROM tags WHERE resource = ?", (arn,))
        check_quota(row["n"] if row else 0, self.world.quotas.tags, "tags of a resource")
        return {}

    def untag_resource(self, params: Params) -> Answer:
        """UntagResource: keys that are not there are no error."""
        arn = self._taggable(params, "UntagResource", write=True)
        for key in params["TagKeys"]:
            self.store.execute("DELETE FROM tags WHERE resource = ? AND key = ?", (arn, key))
        return {}

    def list_tags_for_resource(self, params: Params) -> Answer:
        """ListTagsForResource, by key."""
        arn = self._taggable(params, "ListTagsForResource")
        rows = self.store.execute(
            "SELECT key, value FROM tags WHERE resource = ? ORDER BY key", (arn,)
        )
        return fixed_page(
            "Tags", [{"Key": row["key"], "Value": row["value"]} for row in rows], params
        )

    def _taggable(self, params: Params, operation: str, *, write: bool = False) -> str:
        """Return the ARN of the request's resource, which must exist and be the caller's.

        That tags follow the rules of what they are on is assumed.
        """
        arn = str(params["ResourceArn"])
        self._check_instance(arn, params)
        if ":application/" in arn:
            self.application(arn, operation, write=write)
        elif ":permissionSet/" in arn:
            instance = arn.rpartition("/")[0].replace(":permissionSet/", ":instance/")
            named = {"InstanceArn": instance, "PermissionSetArn": arn}
            self.permission_set(named, operation, write=write)
        elif ":instance/" in arn:
            row = self.instance({"InstanceArn": arn}, operation)
            if write:
                self.require_home(row, operation)
                if not self.owns(row):
                    raise self.denied(operation, arn)
        else:
            raise not_found(f"Resource with ARN {arn} not found.")
        return arn

    def _check_instance(self, arn: str, params: Params) -> None:
        """Refuse an InstanceArn of another instance than the resource's; the error is assumed."""
        given = params.get("InstanceArn", "").rpartition("/")[2]
        if given and given not in arn.split("/"):
            raise validation(f"{arn} does not belong to {params['InstanceArn']}")
