"""The operations on identity stores themselves."""

from __future__ import annotations

import json

from identity_reconciler.sandbox.directory import DirectoryBackend, store_arn, with_token
from identity_reconciler.sandbox.paging import Query
from identity_reconciler.sandbox.world import Answer, Params


class Stores(DirectoryBackend):
    """ListIdentityStores, DescribeIdentityStore, UpdateIdentityStore. Documented: model only."""

    def list_identity_stores(self, params: Params) -> Answer:
        """ListIdentityStores: those the caller's account can see (assumed, as ListInstances)."""
        query = Query(
            "instances",
            "(account = ? OR organization) AND ' ' || regions || ' ' LIKE ?",
            (self.caller.account, f"% {self.caller.region} %"),
            f"ListIdentityStores{self.caller.account}{self.caller.region}",
        )
        page = self.page(query, params)
        stores = [
            {"IdentityStoreId": row["store"], "IdentityStoreArn": store_arn(row)}
            for row in page.rows
        ]
        return with_token({"IdentityStores": stores}, page)

    def describe_identity_store(self, params: Params) -> Answer:
        """DescribeIdentityStore."""
        row = self.instance(params, "DescribeIdentityStore")
        answer = {"IdentityStoreId": row["store"], "IdentityStoreArn": store_arn(row)}
        network = {"NetworkConfiguration": json.loads(row["network"])} if row["network"] else {}
        return answer | network

    def update_identity_store(self, params: Params) -> Answer:
        """UpdateIdentityStore: kept, not enforced."""
        row = self.instance(params, "UpdateIdentityStore", write=True)
        if "NetworkConfiguration" in params:
            self.store.execute(
                "UPDATE instances SET network = ? WHERE row = ?",
                (json.dumps(params["NetworkConfiguration"]), row["row"]),
            )
        return {"IdentityStoreId": row["store"], "IdentityStoreArn": store_arn(row)}
