"""What each account answered, kept in a file, so that an interrupted audit can be resumed.

One JSON object a line: first what the audit was about, then an account each. Only accounts that
could be looked into are kept; the others are asked again.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

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

FORMAT = "identity-reconciler/audit-accounts 1"


class Memory(Protocol):
    """Where the answers of accounts are kept. Thread-safe."""

    def visits(self) -> Mapping[str, Visit]:
        """Return the accounts that are known, by account id."""
        ...

    def keep(self, visit: Visit) -> None:
        """Keep what became of one call."""
        ...


class Forgetful:
    """See Memory. Keeps nothing."""

    def visits(self) -> Mapping[str, Visit]:
        """See Memory."""
        return {}

    def keep(self, visit: Visit) -> None:
        """See Memory."""


@dataclass(frozen=True, slots=True)
class About:
    """What a file of answers is about; answers to another question do not fit."""

    role: str
    regions: tuple[str, ...] = ()
    format: str = FORMAT


@dataclass(frozen=True, slots=True)
class _KeptSite:
    """A site in the order and with the types of JSON; lists sorted."""

    instance: Instance
    scope: InstanceScope
    status: str
    users: tuple[User, ...]
    groups: tuple[Group, ...]
    members: dict[str, tuple[str, ...]]
    applications: tuple[Application, ...]
    assignments: dict[str, tuple[Principal, ...]]


@dataclass(frozen=True, slots=True)
class _Kept:
    """One line."""

    account: Account
    sites: tuple[_KeptSite, ...]


_ABOUT = TypeAdapter(About)
_LINE = TypeAdapter(_Kept)


class AccountFile:
    """See Memory. A file, readable by its owner only, that grows by a line for each account.

    Raises:
        UsageError: The file is about another audit, is none at all, or cannot be used.
    """

    def __init__(self, path: Path, about: About) -> None:
        self._path = path
        self._lock = threading.Lock()
        try:
            self._found = self._read(about)
            self._write(_ABOUT.dump_json(about), *map(_line, self._found.values()), anew=True)
        except OSError as error:
            raise UsageError(f"cannot use {path}: {error.strerror}; name another file") from error

    def visits(self) -> Mapping[str, Visit]:
        """See Memory."""
        return self._found

    def keep(self, visit: Visit) -> None:
        """See Memory."""
        with self._lock:
            self._write(_line(visit))

    def _read(self, about: About) -> Mapping[str, Visit]:
        if not self._path.exists() or not self._path.stat().st_size:
            return {}
        first, *lines = self._path.read_bytes().split(b"\n")
        try:
            found = _ABOUT.validate_json(first)
        except ValidationError as error:
            raise UsageError(
                f"{self._path} does not hold the answers of accounts; name another file"
            ) from error
        if found != about:
            raise UsageError(
                f"{self._path} is about role {found.role} in {_places(found)}, not about role "
                f"{about.role} in {_places(about)}; name another file"
            )
        visits = (self._visit(line) for line in lines)
        return {visit.account.account_id: visit for visit in visits if visit is not None}

    def _visit(self, line: bytes) -> Visit | None:
        """Return what *line* holds; nothing when it was cut off by the end of a process."""
        try:
            return _visit_of(_LINE.validate_json(line))
        except ValidationError:
            return None

    def _write(self, *lines: bytes, anew: bool = False) -> None:
        flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if anew else os.O_APPEND)
        with os.fdopen(os.open(self._path, flags, 0o600), "wb") as file:
            if anew:
                self._path.chmod(0o600)
            file.write(b"".join(line + b"\n" for line in lines))


def _places(about: About) -> str:
    return ", ".join(about.regions) or "all Regions"


def _line(visit: Visit) -> bytes:
    sites = tuple(map(_kept_site, visit.sites))
    return _LINE.dump_json(_Kept(visit.account, sites), exclude_defaults=True)


def _kept_site(site: Site) -> _KeptSite:
    state = site.state
    return _KeptSite(
        site.instance,
        site.scope,
        site.status,
        users=tuple(state.users[key] for key in sorted(state.users)),
        groups=tuple(state.groups[key] for key in sorted(state.groups)),
        members={key: tuple(sorted(state.members[key])) for key in sorted(state.members)},
        applications=tuple(state.applications[arn] for arn in sorted(state.applications)),
        assignments={
            arn: tuple(sorted(state.assignments[arn])) for arn in sorted(state.assignments)
        },
    )


def _visit_of(kept: _Kept) -> Visit:
    return Visit(kept.account, tuple(map(_site_of, kept.sites)))


def _site_of(kept: _KeptSite) -> Site:
    state = State(
        users={user_key(one.user_name): one for one in kept.users},
        groups={group_key(one.name): one for one in kept.groups},
        members={
            GroupKey(key): frozenset(map(UserKey, found)) for key, found in kept.members.items()
        },
        applications={one.arn: one for one in kept.applications},
        assignments={
            ApplicationArn(arn): frozenset(found) for arn, found in kept.assignments.items()
        },
    )
    return Site(kept.instance, state, kept.scope, kept.status)
