"""IAM policies for a plan, an apply and an expiry: what their clients may send, and no more.

Source of resources and condition keys: Service Authorization Reference, identitystore and sso.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from identity_reconciler.core.lease import DIRECTORY
from identity_reconciler.gateway.wire.operations import (
    OPERATIONS,
    BoundTo,
    Purpose,
    ServiceOperation,
    operations_for,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from identity_reconciler.core.declared import Declared

Statement = dict[str, object]
Policy = dict[str, object]

_MOST_ARNS = 50
"""Applications named one by one; IAM takes 10,240 characters a role."""
_GROUP_WRITES = frozenset(
    {"CreateGroupMembership", "DeleteGroup", "DeleteGroupMembership", "UpdateGroup"}
)
_USER_WRITES = frozenset({"DeleteUser", "UpdateUser"})

RunPurpose = Literal[Purpose.PLAN, Purpose.APPLY, Purpose.EXPIRE]
"""What the role of a workflow is for."""
RUN_PURPOSES: tuple[RunPurpose, ...] = (Purpose.PLAN, Purpose.APPLY, Purpose.EXPIRE)


@dataclass(frozen=True, slots=True)
class PolicyFacts:
    """What AWS knows and the YAML does not."""

    protected: tuple[str, ...] = ()
    """ARNs of the groups that nobody but people may touch."""
    protected_users: tuple[str, ...] = ()
    """ARNs of the users who may be neither changed nor deleted: their members, and others."""
    kms_key: str | None = None
    """ARN of the customer managed key of the instance, if it has one."""
    lease: str | None = None
    """ARN of the group that keeps the lease, if it is there."""
    accounts: tuple[str, ...] = ()
    """The role of a team may assign applications of these accounts, and write nothing else; none:
    it is no such role."""


def policy(declared: Declared, purpose: RunPurpose, facts: PolicyFacts) -> Policy:
    """Return the least that a role for *purpose* must be allowed, with what it is denied."""
    places = _Places.of(declared, facts.accounts)
    statements = [
        *_allowed(_needed(declared, purpose, facts.accounts), places, facts.accounts),
        *_turns(declared.settings.lock, purpose, places, facts),
        *_decrypting(facts.kms_key, declared, places),
    ]
    if purpose is Purpose.PLAN:
        denied = _with_twins(one for one in OPERATIONS if one.writes)
        statements.append(statement("NeverWrite", "Deny", denied, ("*",)))
    else:
        statements += _hands_off(places.partition, facts)
    return document(statements)


def _needed(
    declared: Declared, purpose: RunPurpose, accounts: tuple[str, ...]
) -> tuple[ServiceOperation, ...]:
    """Return what is sent for *purpose*, as the settings say how access to accounts is read.

    What only the lease takes is left out, and with *accounts* what writes to the identity store.
    """
    reading = declared.settings.account_access
    return tuple(
        one
        for one in operations_for(purpose)
        if reading in one.when
        and purpose not in one.lease_alone
        and not (accounts and one.writes and one.bound_to is BoundTo.STORE)
    )


def _turns(
    lock: str, purpose: RunPurpose, places: _Places, facts: PolicyFacts
) -> Iterator[Statement]:
    """Yield what only the lease takes, by *lock*."""
    sent = operations_for(purpose)
    if lock.startswith("s3://"):
        place = f"arn:{places.partition}:s3:::{lock.removeprefix('s3://')}"
        actions = [one.action for one in sent if one.bound_to is BoundTo.LOCK]
        yield statement("Lease", "Allow", actions, (place,))
        # Without it, S3 does not say of an object that it is not there. Source: GetObject.
        yield statement("LeaseBucket", "Allow", ("s3:ListBucket",), (place.partition("/")[0],))
    if lock == DIRECTORY:
        alone = [one for one in sent if one.lease_alone]
        actions = [one.action for one in alone if facts.accounts or purpose in one.lease_alone]
        store, _, groups, _ = places.store
        if actions:
            yield statement("Lease", "Allow", actions, (store, facts.lease or groups))


def document(statements: Sequence[Statement]) -> Policy:
    """Return *statements* as a policy."""
    return {"Version": "2012-10-17", "Statement": list(statements)}


def statement(
    name: str, effect: str, actions: Iterable[str], resources: Sequence[str]
) -> Statement:
    """Return one statement of a policy, its actions sorted."""
    return {
        "Sid": name,
        "Effect": effect,
        "Action": sorted(actions),
        "Resource": list(resources),
    }


@dataclass(frozen=True, slots=True)
class _Places:
    """The ARNs of one instance."""

    partition: str
    instance: str
    store: tuple[str, ...]
    applications: tuple[str, ...]
    """All of the instance: what a plan says about access is about undeclared ones too."""
    written: tuple[str, ...]
    """The declared ones, where all are declared by their ARNs."""
    permission_sets: tuple[str, ...]
    """With the instance and the accounts."""
    access_manager: str

    @classmethod
    def of(cls, declared: Declared, accounts: tuple[str, ...]) -> _Places:
        instance = declared.settings.instance
        partition = instance.instance_arn.split(":")[1]
        arns = sorted({str(one.selector.arn or "") for one in declared.applications})
        name = instance.instance_arn.rpartition("/")[2]
        every = f"arn:{partition}:sso::*:application/{name}/*"
        if not arns or "" in arns or len(arns) > _MOST_ARNS:
            # An application's ARN holds its account. Source: Service Authorization Reference, sso.
            arns = [every.replace("*", one, 1) for one in accounts] or [every]
        own = f"{instance.account_id}:identitystore/{instance.identity_store_id}"
        kinds = (f"arn:{partition}:identitystore:::{kind}/*" for kind in ("user", "group"))
        return cls(
            partition,
            instance.instance_arn,
            (
                f"arn:{partition}:identitystore::{own}",
                *kinds,
                f"arn:{partition}:identitystore:::membership/*",
            ),
            (every,),
            tuple(arns),
            (
                instance.instance_arn,
                f"arn:{partition}:sso:::permissionSet/{name}/*",
                f"arn:{partition}:sso:::account/*",
            ),
            f"arn:{partition}:account-access:{instance.region}:{instance.account_id}:application/*",
        )


def _allowed(
    operations: Sequence[ServiceOperation], places: _Places, accounts: tuple[str, ...]
) -> list[Statement]:
    reads = [one for one in operations if not one.writes]
    writes = [one for one in operations if one.writes]
    parts = (
        ("Discover", reads, BoundTo.NOTHING, ("*",)),
        ("Instance", reads, BoundTo.INSTANCE, (places.instance,)),
        ("PermissionSets", reads, BoundTo.PERMISSION_SET, places.permission_sets),
        ("AccountAccessManager", reads, BoundTo.ACCESS_MANAGER, (places.access_manager,)),
        ("Applications", reads, BoundTo.APPLICATION, places.applications),
        ("Assignments", writes, BoundTo.APPLICATION, places.written),
        ("Store", operations, BoundTo.STORE, places.store),
    )
    found = [
        (name, [one.action for one in chosen if one.bound_to is bound_to], resources)
        for name, chosen, bound_to, resources in parts
    ]
    made = [
        statement(name, "Allow", actions, resources)
        for name, actions, resources in found
        if actions
    ]
    # Of customer managed SAML applications AWS does not tell the account by this key, so what is
    # not told passes, and the ARN decides. Source: Service Authorization Reference, sso.
    bound = {"StringEqualsIfExists": {"sso:ApplicationAccount": list(accounts)}}
    return [
        {**one, "Condition": bound} if accounts and one["Sid"] == "Assignments" else one
        for one in made
    ]


def _hands_off(partition: str, facts: PolicyFacts) -> list[Statement]:
    """Return what no role of ours may do, even if the program were wrong."""
    synced = [
        {
            **statement(
                f"HandsOffSynced{kind}s",
                "Deny",
                (f"identitystore:Update{kind}", f"identitystore:Delete{kind}"),
                (f"arn:{partition}:identitystore:::{kind.lower()}/*",),
            ),
            "Condition": {"Null": {f"identitystore:{kind}ExternalIdIssuers": "false"}},
        }
        for kind in ("User", "Group")
    ]
    protected = (
        ("HandsOffProtectedGroups", _GROUP_WRITES, facts.protected),
        ("HandsOffProtectedUsers", _USER_WRITES, facts.protected_users),
    )
    return [
        *synced,
        *(
            statement(
                name, "Deny", _with_twins(one for one in OPERATIONS if one.name in writes), arns
            )
            for name, writes, arns in protected
            if arns
        ),
    ]


def _decrypting(key: str | None, declared: Declared, places: _Places) -> list[Statement]:
    """Return what reading encrypted data takes. Source: singlesignon userguide, advanced KMS."""
    if key is None:
        return []
    region = declared.settings.instance.region
    contexts = (
        ("identitystore", "aws:identitystore:identitystore-arn", places.store[0]),
        ("sso", "aws:sso:instance-arn", places.instance),
    )
    return [
        {
            **statement(f"Decrypt{service.title()}", "Allow", ("kms:Decrypt",), (key,)),
            "Condition": {
                "StringEquals": {
                    "kms:ViaService": f"{service}.{region}.amazonaws.com",
                    f"kms:EncryptionContext:{context}": arn,
                }
            },
        }
        for service, context, arn in contexts
    ]


def _with_twins(operations: Iterable[ServiceOperation]) -> list[str]:
    """Return the actions of *operations*, and those by which the console does the same."""
    return [
        action
        for one in operations
        for action in (one.action, *(f"sso-directory:{twin}" for twin in one.twins))
    ]
