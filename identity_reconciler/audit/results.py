"""What one account has answered, written down: one form, wherever it is kept.

The first part says whose answer it is, why it may be less than everything, and which instances
there are; then comes a part for what each of them holds. A part is a JSON value; `encoded` puts
them in lines and compresses them. The same answer is always the same bytes.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, BinaryIO

from pydantic import TypeAdapter, ValidationError

from identity_reconciler.audit.inspection import Account, InstanceScope, Site, Visit
from identity_reconciler.core.declared import Instance
from identity_reconciler.core.state import (
    Application,
    ApplicationArn,
    Group,
    GroupKey,
    Principal,
    State,
    User,
    UserKey,
    group_key,
    user_key,
)
from identity_reconciler.errors import UsageError

FORMAT = "identity-reconciler/audit-account 1"


@dataclass(frozen=True, slots=True)
class _Listed:
    instance: Instance
    scope: InstanceScope
    status: str


@dataclass(frozen=True, slots=True)
class _Head:
    """The first part."""

    format: str
    account: Account
    instances: tuple[_Listed, ...]
    trouble: str


@dataclass(frozen=True, slots=True)
class _Contents:
    """A state in the order and with the types of JSON; lists sorted."""

    users: tuple[User, ...]
    groups: tuple[Group, ...]
    members: dict[str, tuple[str, ...]]
    applications: tuple[Application, ...]
    assignments: dict[str, tuple[Principal, ...]]


_HEAD = TypeAdapter(_Head)
_CONTENTS = TypeAdapter(_Contents)
_BROKEN = (ValidationError, ValueError, OSError, EOFError, zlib.error)
"""What reading something else than `encoded` wrote ends in. Source: gzip, json and pydantic."""


def encoded(visit: Visit) -> bytes:
    """Return *visit* as compressed lines."""
    # Compressed at no time, so that the bytes tell nothing but the answer.
    return gzip.compress(("\n".join(map(_text, parts(visit))) + "\n").encode(), mtime=0)


def decoded(file: BinaryIO, name: str) -> Visit:
    """Return what `encoded` wrote into *file*, which is called *name*.

    Raises:
        UsageError: It was written by something else, or is damaged.
    """
    try:
        with gzip.open(file) as lines:
            return visit_of([json.loads(line) for line in lines])
    except _BROKEN as error:
        raise _unusable(name) from error


def head_of(file: BinaryIO, name: str) -> Visit:
    """Return the same visit with nothing in its instances; only the beginning of *file* is read.

    Raises:
        UsageError: It was written by something else, or is damaged.
    """
    try:
        with gzip.open(file) as lines:
            return _visit(_head(json.loads(lines.readline())), ())
    except _BROKEN as error:
        raise _unusable(name) from error


def parts(visit: Visit) -> list[Any]:
    """Return *visit* as values of JSON: the head, then what each instance holds."""
    listed = tuple(_Listed(site.instance, site.scope, site.status) for site in visit.sites)
    head = _Head(FORMAT, visit.account, listed, visit.trouble)
    return [
        _HEAD.dump_python(head, mode="json", exclude_defaults=True),
        *(
            _CONTENTS.dump_python(_contents(site.state), mode="json", exclude_defaults=True)
            for site in visit.sites
        ),
    ]


def visit_of(given: list[Any]) -> Visit:
    """Return the visit that *given* are the parts of.

    Raises:
        ValueError: They are of no visit, or of another version of this form.
    """
    head = _head(given[0] if given else None)
    states = [_state(_CONTENTS.validate_python(one)) for one in given[1:]]
    if len(states) != len(head.instances):
        raise ValueError(f"{len(head.instances)} instances are listed, {len(states)} are there")
    return _visit(head, states)


def _unusable(name: str) -> UsageError:
    return UsageError(
        f"{name} does not hold the answer of an account, or that of another version of this "
        "program; collect it again"
    )


def _text(part: object) -> str:
    # ASCII, because half a surrogate pair has no other form, and AWS may answer one.
    return json.dumps(part, ensure_ascii=True, separators=(",", ":"))


def _head(part: object) -> _Head:
    head = _HEAD.validate_python(part)
    if head.format != FORMAT:
        raise ValueError(f"the format is {head.format}, and not {FORMAT}")
    return head


def _visit(head: _Head, states: Iterable[State]) -> Visit:
    found = [*states] or [State()] * len(head.instances)
    return Visit(
        head.account,
        tuple(
            Site(listed.instance, state, listed.scope, listed.status)
            for listed, state in zip(head.instances, found, strict=True)
        ),
        head.trouble,
    )


def _contents(state: State) -> _Contents:
    return _Contents(
        users=tuple(state.users[key] for key in sorted(state.users)),
        groups=tuple(state.groups[key] for key in sorted(state.groups)),
        members={key: tuple(sorted(state.members[key])) for key in sorted(state.members)},
        applications=tuple(state.applications[arn] for arn in sorted(state.applications)),
        assignments={
            arn: tuple(sorted(state.assignments[arn])) for arn in sorted(state.assignments)
        },
    )


def _state(contents: _Contents) -> State:
    return State(
        users={user_key(one.user_name): one for one in contents.users},
        groups={group_key(one.name): one for one in contents.groups},
        members={
            GroupKey(key): frozenset(map(UserKey, found)) for key, found in contents.members.items()
        },
        applications={one.arn: one for one in contents.applications},
        assignments={
            ApplicationArn(arn): frozenset(found) for arn, found in contents.assignments.items()
        },
    )
