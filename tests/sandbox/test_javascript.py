"""The paginators of the AWS SDK for JavaScript read from the sandbox what boto3 reads.

Part of the long programme, for it needs Node.js and two packages of npm:

    npm install --prefix DIR @aws-sdk/client-identitystore @aws-sdk/client-sso-admin
    IDENTITY_RECONCILER_TEST_JS=DIR pytest -m slow tests/sandbox/test_javascript.py
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from botocore import xform_name
from botocore.exceptions import ClientError

from identity_reconciler.sandbox import Sandbox
from identity_reconciler.sandbox.seeding import Sizes, generate
from tests.sandbox.serving import INSTANCE, STORE, serving

NODE = shutil.which("node")
PACKAGES = os.environ.get("IDENTITY_RECONCILER_TEST_JS")
MANAGEMENT = "123456789012"
PAGE = 7
"""What the script asks for."""

UNPAGED = {"ListTagsForResource"}
"""What has no MaxResults. Source: API_ListTagsForResource."""

Inputs = dict[str, dict[str, Any]]


def fill(sandbox: Sandbox) -> Inputs:
    """Fill *sandbox* with more than a page of everything, and return what to ask for."""
    sandbox.furnish()
    generate(sandbox, Sizes(90, 40, 900, 30, 600))
    for number in range(15):
        sandbox.add_account(f"{number + 1:012}", f"Account {number}")
    store: Any = sandbox.session().client("identitystore")
    admin: Any = sandbox.session().client("sso-admin")
    in_store = {"IdentityStoreId": STORE}
    in_instance = {"InstanceArn": INSTANCE}
    group = store.list_groups(**in_store)["Groups"][0]["GroupId"]
    user = store.list_group_memberships(**in_store, GroupId=group)["GroupMemberships"][0]
    listed = admin.get_paginator("list_applications").paginate(InstanceArn=INSTANCE)
    application = [one["ApplicationArn"] for page in listed for one in page["Applications"]][-1]
    sets = [
        admin.create_permission_set(**in_instance, Name=f"Set{number:02}")["PermissionSet"][
            "PermissionSetArn"
        ]
        for number in range(16)
    ]
    tags = [{"Key": f"key{number}", "Value": "x"} for number in range(20)]
    admin.tag_resource(**in_instance, ResourceArn=sets[0], Tags=tags)
    principal = {"PrincipalId": group, "PrincipalType": "GROUP"}
    for number in range(15):
        account = f"{number + 1:012}"
        one, first = (
            {**in_instance, "PermissionSetArn": arn, "TargetId": target}
            for arn, target in ((sets[0], account), (sets[number], f"{1:012}"))
        )
        for target in (one, first) if number else (one,):
            admin.create_account_assignment(**target, TargetType="AWS_ACCOUNT", **principal)
    everywhere = {**in_instance, "PermissionSetArn": sets[0]}
    for number in range(9):
        policy = {"Name": f"policy{number}", "Path": "/"}
        admin.attach_customer_managed_policy_reference_to_permission_set(
            **everywhere, CustomerManagedPolicyReference=policy
        )
    in_account = {**in_instance, "AccountId": f"{1:012}"}
    return {
        "ListUsers": in_store,
        "ListGroups": in_store,
        "ListGroupMemberships": {**in_store, "GroupId": group},
        "ListGroupMembershipsForMember": {
            **in_store,
            "MemberId": {"UserId": user["MemberId"]["UserId"]},
        },
        "ListInstances": {},
        "ListRegions": in_instance,
        "ListApplications": in_instance,
        "ListApplicationProviders": {},
        "ListApplicationAssignments": {"ApplicationArn": application},
        "ListApplicationAssignmentsForPrincipal": {**in_instance, **principal},
        "ListTagsForResource": {**in_instance, "ResourceArn": sets[0]},
        "ListPermissionSets": in_instance,
        "ListPermissionSetsProvisionedToAccount": in_account,
        "ListAccountsForProvisionedPermissionSet": everywhere,
        "ListAccountAssignments": {**everywhere, "AccountId": f"{1:012}"},
        "ListAccountAssignmentsForPrincipal": {**in_instance, **principal},
        "ListAccountAssignmentCreationStatus": in_instance,
        "ListAccountAssignmentDeletionStatus": in_instance,
        "ListPermissionSetProvisioningStatus": in_instance,
        "ListManagedPoliciesInPermissionSet": everywhere,
        "ListCustomerManagedPolicyReferencesInPermissionSet": everywhere,
        "ListApplicationAccessScopes": {"ApplicationArn": application},
        "ListApplicationAuthenticationMethods": {"ApplicationArn": application},
        "ListApplicationGrants": {"ApplicationArn": application},
        "ListTrustedTokenIssuers": in_instance,
    }


def expected(sandbox: Sandbox, inputs: Inputs) -> dict[str, list[Any] | str]:
    """Return what boto3 reads for each of *inputs*, or the code of the error that it gets."""
    clients = [sandbox.session().client(name) for name in ("identitystore", "sso-admin")]
    found: dict[str, list[Any] | str] = {}
    for name, given in inputs.items():
        (client,) = (one for one in clients if name in one.meta.service_model.operation_names)
        paginator: Any = getattr(client, "get_paginator")(xform_name(name))  # noqa: B009 - any name
        try:
            pages = paginator.paginate(**given)
            found[name] = [item for page in pages for item in _items(page)]
        except ClientError as error:
            found[name] = error.response["Error"]["Code"]
    return found


def _items(page: Mapping[str, Any]) -> list[Any]:
    return [item for value in page.values() if isinstance(value, list) for item in value]


def shown(items: list[Any], known: set[str]) -> list[str]:
    """Return *items* as texts in one order, each with its *known* members.

    Without the times, which SDKs show differently.
    """
    kept = (
        {name: one for name, one in item.items() if name in known}
        if isinstance(item, dict)
        else item
        for item in items
    )
    return sorted(json.dumps(_timeless(item), sort_keys=True) for item in kept)


def _timeless(value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, dict):
        kept = {name: one for name, one in value.items() if not name.endswith(("Date", "At"))}
        return {name: _timeless(one) for name, one in kept.items()}
    if isinstance(value, list):
        return [_timeless(one) for one in value]
    assert not isinstance(value, datetime)
    return value


@pytest.mark.slow
@pytest.mark.skipif(NODE is None, reason="Node.js is not installed")
@pytest.mark.skipif(PACKAGES is None, reason="IDENTITY_RECONCILER_TEST_JS is not set")
def test_paginators(tmp_path: Path) -> None:
    """Each reads page by page to the end, and nothing twice."""
    assert NODE is not None
    assert PACKAGES is not None
    state = tmp_path / "sandbox.sqlite3"
    with Sandbox(state) as sandbox:
        inputs = fill(sandbox)
        wanted = expected(sandbox, inputs)
    with serving(tmp_path, "--state", str(state)) as served:
        done = subprocess.run(
            [NODE, str(Path(__file__).with_name("paginators.js"))],
            input=json.dumps(inputs),
            env={**served.environment, "NODE_PATH": str(Path(PACKAGES, "node_modules"))},
            capture_output=True,
            text=True,
            check=True,
        )
    found = json.loads(done.stdout)
    assert found.keys() == inputs.keys()
    for name, items in wanted.items():
        if isinstance(items, str):
            assert found[name] == {"error": items}, name
            continue
        read = found[name]["items"]
        # The newest SDK for JavaScript, 3.1138, does not know UserArn and Revision.
        known = {member for item in read if isinstance(item, dict) for member in item}
        assert shown(read, known) == shown(items, known), name
        assert len(set(shown(read, known))) == len(read), name
        assert name in UNPAGED or found[name]["pages"] >= len(items) / PAGE, name
    answered = [items for items in wanted.values() if not isinstance(items, str)]
    assert len(answered) >= 18
    assert sum(len(items) > PAGE for items in answered) >= 12
