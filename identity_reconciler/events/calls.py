"""What a call that CloudTrail tells of was about, and who made it. Pure.

Only identifiers are read: names are masked. A call is looked at only where it may have changed what
a plan compares. Sources: "Logging IAM Identity Center API calls with AWS CloudTrail" and "Logging
IAM Identity Center SCIM API calls with AWS CloudTrail" for the sources of events; the request and
response of each operation in the API references of Identity Store and IAM Identity Center for the
members. What the console and SCIM send has no reference. `AddMemberToGroup` and `CreateGroup` of
`sso-directory` are read as published records of CloudTrail show them, their siblings alike; what an
event of another shape is about is not known.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from fnmatch import fnmatchcase
from typing import Any

from identity_reconciler.core.object_ids import ObjectIds
from identity_reconciler.errors import ReconcilerError

Json = Mapping[str, Any]
_USERS = (
    "CreateUser",
    "UpdateUser",
    "DeleteUser",
    "UpdateUserName",
    "EnableUser",
    "DisableUser",
    "PatchUser",
    "PutUser",
)
_GROUPS = ("CreateGroup", "UpdateGroup", "DeleteGroup", "UpdateGroupDisplayName", "PatchGroup")
_MEMBERSHIPS = (
    "CreateGroupMembership",
    "DeleteGroupMembership",
    "AddMemberToGroup",
    "RemoveMemberFromGroup",
)
_APPLICATIONS = (
    "CreateApplication",
    "UpdateApplication",
    "DeleteApplication",
    "PutApplicationAssignmentConfiguration",
)
_ASSIGNMENTS = (
    "CreateApplicationAssignment",
    "DeleteApplicationAssignment",
    "AssociateProfile",
    "DisassociateProfile",
)
WATCHED: Mapping[str, tuple[str, ...]] = {
    "identitystore.amazonaws.com": (
        "CreateUser",
        "UpdateUser",
        "DeleteUser",
        "CreateGroup",
        "UpdateGroup",
        "DeleteGroup",
        "CreateGroupMembership",
        "DeleteGroupMembership",
    ),
    "identitystore-scim.amazonaws.com": (
        "CreateUser",
        "PatchUser",
        "PutUser",
        "DeleteUser",
        "CreateGroup",
        "PatchGroup",
        "DeleteGroup",
    ),
    "sso-directory.amazonaws.com": (
        "CreateUser",
        "UpdateUser",
        "UpdateUserName",
        "DeleteUser",
        "EnableUser",
        "DisableUser",
        "CreateGroup",
        "UpdateGroup",
        "UpdateGroupDisplayName",
        "DeleteGroup",
        "AddMemberToGroup",
        "RemoveMemberFromGroup",
    ),
    "sso.amazonaws.com": (*_APPLICATIONS, *_ASSIGNMENTS),
}
"""The calls that are looked at, by the source of their events. The rule of the template names the
same ones."""
_DETAIL_TYPE = "AWS API Call via CloudTrail"


class MalformedEventError(ReconcilerError):
    """What came is no event of CloudTrail; the message repeats nothing of it."""


class Relevance(Enum):
    """Whether a call matters, and why not."""

    OURS = auto()
    """One of our own roles made it."""
    FAILED = auto()
    """It was refused, and changed nothing."""
    UNWATCHED = auto()
    """It changes nothing that is compared."""
    WATCHED = auto()


@dataclass(frozen=True, slots=True)
class CallSeen:
    """One call, as far as it matters."""

    relevance: Relevance
    ids: ObjectIds | None = None
    """What it was about; None of a watched call: the event does not say."""


def seen(event: object, own_roles: Sequence[str]) -> CallSeen:
    """Return what *event*, as EventBridge sends it, tells of.

    *own_roles* are patterns of ARNs of roles, with `*` and `?`.

    Raises:
        MalformedEventError: It is no event about a call.
    """
    detail = _detail(event)
    name, source = detail.get("eventName"), detail.get("eventSource")
    if not isinstance(name, str) or not isinstance(source, str):
        raise MalformedEventError("the event names no call; expected eventName and eventSource")
    if name not in WATCHED.get(source, ()):
        return CallSeen(Relevance.UNWATCHED)
    if detail.get("errorCode"):
        return CallSeen(Relevance.FAILED)
    caller = _text(detail, "userIdentity", "sessionContext", "sessionIssuer", "arn")
    if caller and any(fnmatchcase(caller, pattern) for pattern in own_roles):
        return CallSeen(Relevance.OURS)
    return CallSeen(Relevance.WATCHED, _ids(name, detail))


def _detail(event: object) -> Json:
    if not isinstance(event, Mapping) or event.get("detail-type") != _DETAIL_TYPE:
        raise MalformedEventError(f"the event is of another kind; expected {_DETAIL_TYPE}")
    detail = event.get("detail")
    if not isinstance(detail, Mapping):
        raise MalformedEventError("the event has no detail; expected the record of a call")
    return detail


def _ids(name: str, detail: Json) -> ObjectIds | None:
    """Return what the call *name* was about, of what was sent and answered; None if not known."""
    given = dict(_members(detail))
    user = _first(given, "userId", "user.userId", "memberId.userId", "member.memberId")
    group = _first(given, "groupId", "group.groupId")
    arn = given.get("applicationArn", "")
    if name in _USERS:
        ids = ObjectIds(user=user or given.get("id", ""))
    elif name in _GROUPS:
        ids = ObjectIds(group=group or given.get("id", ""))
    elif name in _MEMBERSHIPS:
        both = ObjectIds(user=user, group=group)
        ids = both if both.is_whole else ObjectIds(membership=given.get("membershipId", ""))
    elif name in _APPLICATIONS:
        ids = ObjectIds(application=arn)
    else:
        principal = given.get("principalId", "")
        kind = given.get("principalType", "").lower()
        ids = ObjectIds(application=arn, **{kind: principal}) if kind in _KINDS else ObjectIds()
    return ids if ids.is_whole else None


_KINDS = ("user", "group")


def _first(given: Mapping[str, str], *names: str) -> str:
    """Return what is given under the first of *names* that is."""
    return next((given[one] for one in names if one in given), "")


def _members(detail: Json) -> Iterator[tuple[str, str]]:
    """Yield the texts that were sent and answered, what was sent last; inner ones with a dot."""
    for part in ("responseElements", "requestParameters"):
        outer = detail.get(part)
        if isinstance(outer, Mapping):
            for name, value in outer.items():
                if isinstance(value, str):
                    yield name, value
                elif isinstance(value, Mapping):
                    for inner, text in value.items():
                        if isinstance(text, str):
                            yield f"{name}.{inner}", text


def _text(value: object, *path: str) -> str:
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value if isinstance(value, str) else ""
