"""What AWS calls an object or a link by itself: identifiers, as events carry them. Pure.

Names are masked in events, identifiers are not. Source: "Logging IAM Identity Center SCIM API
calls with AWS CloudTrail", the sample with `HIDDEN_DUE_TO_SECURITY_REASONS`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields

from identity_reconciler.errors import UsageError

_RESOURCE_ID = r"([0-9a-f]{10}-)?[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
"""Of users, groups and memberships. Source: the Identity Store API's ResourceId."""
_PATTERNS = {
    "user": re.compile(_RESOURCE_ID),
    "group": re.compile(_RESOURCE_ID),
    "membership": re.compile(_RESOURCE_ID),
    # Source: the sso-admin API's ApplicationArn.
    "application": re.compile(
        r"arn:aws(-[a-z]+)*:sso::\d{12}:application/(sso)?ins-[A-Za-z0-9.-]{16}/apl-[A-Za-z0-9]{16}"
    ),
}
_TOGETHER = frozenset(
    map(
        frozenset,
        (
            ["user"],
            ["group"],
            ["membership"],
            ["application"],
            ["group", "user"],
            ["application", "user"],
            ["application", "group"],
        ),
    )
)
"""What makes an object or a link."""


@dataclass(frozen=True, slots=True, order=True)
class ObjectIds:
    """The identifiers of one object, or of both ends of one link; what is not given is empty.

    A group with a user is a membership, an application with either an assignment.
    """

    user: str = ""
    group: str = ""
    membership: str = ""
    """A MembershipId, where the ends are not known."""
    application: str = ""
    """An ApplicationArn."""

    def __str__(self) -> str:
        return "+".join(
            f"{one.name}/{value}"
            for one, value in zip(fields(self), astuple(self), strict=True)
            if value
        )

    @property
    def is_whole(self) -> bool:
        """Whether these are the identifiers of something, and each is well-formed."""
        given = {one: value for one in _PATTERNS if (value := getattr(self, one))}
        return frozenset(given) in _TOGETHER and all(
            _PATTERNS[one].fullmatch(value) for one, value in given.items()
        )


def parse_ids(text: str) -> tuple[ObjectIds, ...]:
    """Return what *text* names, sorted, each once: what `str` makes, with white space or commas.

    Raises:
        UsageError: Something in it is none; or there is nothing.
    """
    found = {_parsed(one) for one in re.split(r"[\s,]+", text) if one}
    if not found:
        raise UsageError("no identifiers are given; give some, or leave the option out")
    return tuple(sorted(found))


def _parsed(text: str) -> ObjectIds:
    pairs = [part.partition("/")[::2] for part in text.split("+")]
    given = dict(pairs)
    if len(given) == len(pairs) and given.keys() <= _PATTERNS.keys():
        ids = ObjectIds(**given)
        if ids.is_whole:
            return ids
    raise UsageError(
        f"{text!r} is no identifier of an object; expected user/USERID, group/GROUPID, "
        "membership/MEMBERSHIPID, application/ARN, or two that are linked, as in "
        "group/GROUPID+user/USERID"
    )


def as_text(ids: Iterable[ObjectIds]) -> str:
    """Return what `parse_ids` reads, on one line."""
    return " ".join(map(str, sorted(set(ids))))
