"""IAM policies for a plan, an apply and an expiry: what `wiring` lets them send, and no more.

Source of actions, resources and condition keys: Service Authorization Reference, identitystore
and sso.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from identity_reconciler.gateway.wire.wiring import READS, WRITES

if TYPE_CHECKING:
    from identity_reconciler.core.declared import Declared

Statement = dict[str, object]
Policy = dict[str, object]

# These list what the credentials can see, so there is no resource to name.
_UNBOUND = frozenset({"ListApplications", "ListInstances"})
# Asks about a principal in the instance, not about an application.
_OF_INSTANCE = frozenset({"ListApplicationAssignmentsForPrincipal"})
_OF_STS = frozenset({"GetCallerIdentity"})
"""Needs no permission."""
_EXPIRIES = frozenset({"DeleteApplicationAssignment", "DeleteGroupMembership"})
_MOST_ARNS = 50
"""Applications named one by one; IAM takes 10,240 characters a role."""
_TWINS: Mapping[str, tuple[str, ...]] = {
    "CreateGroup": ("CreateGroup",),
    "CreateGroupMembership": ("AddMemberToGroup",),
    "CreateUser": ("CreateUser",),
    "DeleteGroup": ("DeleteGroup",),
    "DeleteGroupMembership": ("RemoveMemberFromGroup",),
    "DeleteUser": ("DeleteUser",),
    "UpdateGroup": ("UpdateGroup", "UpdateGroupDisplayName"),
    "UpdateUser": ("UpdateUser", "UpdateUserName"),
}
"""What the console calls the same writes: the actions of `sso-directory`, which only deny here."""
_GROUP_WRITES = ("CreateGroupMembership", "DeleteGroup", "DeleteGroupMembership", "UpdateGroup")


class Purpose(StrEnum):
    """What a role is for."""

    PLAN = "plan"
    APPLY = "apply"
    EXPIRE = "expire"


@dataclass(frozen=True, slots=True)
class PolicyFacts:
    """What AWS knows and the YAML does not."""

    protected: tuple[str, ...] = ()
    """ARNs of the groups that nobody but people may touch."""
    kms_key: str | None = None
    """ARN of the customer managed key of the instance, if it has one."""


def policy(declared: Declared, purpose: Purpose, facts: PolicyFacts) -> Policy:
    """Return the least that a role for *purpose* must be allowed, with what it is denied."""
    places = _Places.of(declared)
    writes = {Purpose.PLAN: frozenset[str](), Purpose.APPLY: WRITES, Purpose.EXPIRE: _EXPIRIES}
    statements = [
        *_allowed(READS - _OF_STS | writes[purpose], places),
        *_decrypting(facts.kms_key, declared, places),
    ]
    if purpose is Purpose.PLAN:
        denied = {*map(_action, WRITES), *_twins(WRITES)}
        statements.append(_statement("NeverWrite", "Deny", denied, ("*",)))
    else:
        statements += _hands_off(places.partition, facts.protected)
    return {"Version": "2012-10-17", "Statement": statements}


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

    @classmethod
    def of(cls, declared: Declared) -> _Places:
        instance = declared.settings.instance
        partition = instance.instance_arn.split(":")[1]
        arns = sorted({str(one.selector.arn or "") for one in declared.applications})
        name = instance.instance_arn.rpartition("/")[2]
        every = f"arn:{partition}:sso::*:application/{name}/*"
        if not arns or "" in arns or len(arns) > _MOST_ARNS:
            arns = [every]
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
        )


def _allowed(operations: Iterable[str], places: _Places) -> list[Statement]:
    known = set(operations)
    applications = {one for one in known if "Application" in one} - _UNBOUND - _OF_INSTANCE
    of_store = known - applications - _UNBOUND - _OF_INSTANCE
    parts = (
        ("Discover", known & _UNBOUND, ("*",)),
        ("Instance", known & _OF_INSTANCE, (places.instance,)),
        ("Applications", applications - WRITES, places.applications),
        ("Assignments", applications & WRITES, places.written),
        ("Store", of_store, places.store),
    )
    return [
        _statement(name, "Allow", map(_action, chosen), resources)
        for name, chosen, resources in parts
        if chosen
    ]


def _hands_off(partition: str, protected: Sequence[str]) -> list[Statement]:
    """Return what no role of ours may do, even if the program were wrong."""
    synced = [
        {
            **_statement(
                f"HandsOffSynced{kind}s",
                "Deny",
                (f"identitystore:Update{kind}", f"identitystore:Delete{kind}"),
                (f"arn:{partition}:identitystore:::{kind.lower()}/*",),
            ),
            "Condition": {"Null": {f"identitystore:{kind}ExternalIdIssuers": "false"}},
        }
        for kind in ("User", "Group")
    ]
    if not protected:
        return synced
    denied = {*map(_action, _GROUP_WRITES), *_twins(_GROUP_WRITES)}
    return [*synced, _statement("HandsOffProtectedGroups", "Deny", denied, protected)]


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
            **_statement(f"Decrypt{service.title()}", "Allow", ("kms:Decrypt",), (key,)),
            "Condition": {
                "StringEquals": {
                    "kms:ViaService": f"{service}.{region}.amazonaws.com",
                    f"kms:EncryptionContext:{context}": arn,
                }
            },
        }
        for service, context, arn in contexts
    ]


def _action(operation: str) -> str:
    of_sso = "Application" in operation or operation == "ListInstances"
    return f"{'sso' if of_sso else 'identitystore'}:{operation}"


def _twins(operations: Iterable[str]) -> list[str]:
    return [f"sso-directory:{twin}" for one in operations for twin in _TWINS.get(one, ())]


def _statement(
    name: str, effect: str, actions: Iterable[str], resources: Sequence[str]
) -> Statement:
    return {
        "Sid": name,
        "Effect": effect,
        "Action": sorted(actions),
        "Resource": list(resources),
    }
