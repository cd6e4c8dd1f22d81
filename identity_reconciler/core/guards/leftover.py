"""The guard against access to AWS accounts that stays behind, for nobody. Pure."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator

from identity_reconciler.core.accounts import AccountRole, AccountRoleKind
from identity_reconciler.core.declared import Instance
from identity_reconciler.core.guard_settings import GuardSettings
from identity_reconciler.core.guards.evidence import Evidence
from identity_reconciler.core.guards.verdicts import Objection
from identity_reconciler.core.plan import Delete
from identity_reconciler.core.state import Group, Principal, PrincipalKind, User, address

_MOST_TOLD = 5
"""Things told in words; the commands are for all."""


def leftover_accounts(evidence: Evidence, settings: GuardSettings) -> Objection | None:
    """Refuse to delete a user or group that has access to an AWS account itself.

    AWS keeps it when its principal is gone, nothing shows then whose it was, and who is made anew
    under the same name does not get it back. Source: userguide, users-groups-provisioning.
    """
    del settings
    left = tuple(_left(evidence))
    if not left:
        return None
    told = [f"{address(one)} has {role}" for one, role in left[:_MOST_TOLD]]
    more = f" and {len(left) - _MOST_TOLD} more" if len(left) > _MOST_TOLD else ""
    return Objection(
        f"access to AWS accounts would be left behind for good: {', '.join(told)}{more}",
        "nothing to be deleted that still has access to an AWS account",
        tuple(sorted({address(one) for one, _ in left})),
        remedies=tuple(command(one, role, evidence.instance) for one, role in left),
    )


def _left(evidence: Evidence) -> Iterator[tuple[User | Group, AccountRole]]:
    """Yield what is deleted with what it has in AWS accounts, in the order of the addresses."""
    gone = [
        one.before
        for one in evidence.plan.changes
        if isinstance(one, Delete) and isinstance(one.before, User | Group)
    ]
    for resource in sorted(gone, key=lambda one: one.key):
        principal = Principal(PrincipalKind(resource.key[0]), resource.key[1])
        for role in sorted(evidence.live.account_access.get(principal, ())):
            yield resource, role


def command(resource: User | Group, role: AccountRole, instance: Instance) -> str:
    """Return the command for a shell that takes *role* from *resource*.

    It asks AWS for the identifiers by itself: a plan has none.
    """
    principal, region = _identifier(resource, instance), f"--region {shlex.quote(instance.region)}"
    if role.kind is AccountRoleKind.PERMISSION_SET:
        kind = "USER" if isinstance(resource, User) else "GROUP"
        return (
            f"aws sso-admin delete-account-assignment {region} "
            f"--instance-arn {shlex.quote(instance.instance_arn)} --target-type AWS_ACCOUNT "
            f"--target-id {shlex.quote(role.account)} "
            f"--permission-set-arn {shlex.quote(role.arn)} "
            f'--principal-type {kind} --principal-id "$({principal})"'
        )
    member = "userId" if isinstance(resource, User) else "groupId"
    # In double quotes, for the shell puts the identifier in.
    arn = "".join(one for one in role.arn if one.isalnum() or one in "+=,.@_/:-")
    chosen = json.dumps(
        {
            "principalRole": {
                "principal": {"identityCenter": {member: "$principal"}},
                "roleArn": arn,
            }
        }
    ).replace('"', '\\"')
    return (
        f'principal="$({principal})"; application="$(aws account-access list-applications {region} '
        "--query 'applications[0].applicationArn' --output text)\"; entitlement=\"$(aws "
        f'account-access list-entitlements {region} --application-arn "$application" '
        f'--filter "{chosen}" --query \'entitlements[0].entitlementId\' --output text)"; aws '
        f'account-access delete-entitlement {region} --application-arn "$application" '
        '--entitlement-id "$entitlement"'
    )


def _identifier(resource: User | Group, instance: Instance) -> str:
    """Return the command that prints the identifier of *resource*."""
    if isinstance(resource, User):
        operation, path, name, member = "get-user-id", "userName", str(resource.user_name), "UserId"
    else:
        operation, path, name, member = "get-group-id", "displayName", str(resource.name), "GroupId"
    attribute = {"UniqueAttribute": {"AttributePath": path, "AttributeValue": name}}
    return (
        f"aws identitystore {operation} --region {shlex.quote(instance.region)} "
        f"--identity-store-id {shlex.quote(instance.identity_store_id)} "
        f"--alternate-identifier {shlex.quote(json.dumps(attribute))} "
        f"--query {member} --output text"
    )
