"""Who may apply now, and what was applied last: one small record, and what becomes of it. Pure.

The record is kept where it can be compared and set in one step, see `gateway.writing.leases`. A
run that applies writes itself into it (it takes the lease), and takes itself out at its end.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from identity_reconciler.core.ownership import Claims, claims_data, claims_in
from identity_reconciler.core.state import GroupName, folded
from identity_reconciler.errors import GatewayError, LockHeldError, StalePlanError

LEASE_GROUP = GroupName("identity-reconciler-lease")
"""The group of the directory that keeps the record in its description. Nothing else sees it.

Where several repositories manage one instance, each has one of its own; its name follows that.
"""
LONGEST_RECORD = 1024
"""Characters. Source: CreateGroup, Description."""

DIRECTORY = "directory"
"""The value of `lock` by which `LEASE_GROUP` keeps the record."""
OFF = "off"
"""The value of `lock` by which nothing is kept, and every run may apply."""

PERIOD = timedelta(minutes=15)
"""How long a lease holds that is not renewed."""
MARGIN = timedelta(minutes=1)
"""By how much a holder stops early and others wait longer: clocks differ, and a request that was
sent in time may arrive a little later."""

WITHOUT_COMMIT = "none"
"""What names an apply of no commit, where a commit has to be named."""

_FORMAT = "identity-reconciler/lease 1"
_LONGEST_OWNER = 100
_TIME = "%Y-%m-%dT%H:%M:%SZ"
_DIRTY = "-dirty"


class LeaseUnreadableError(GatewayError):
    """What is kept in the place of the record is not one, so nobody may take it."""


@dataclass(frozen=True, slots=True)
class Generation:
    """What was applied last."""

    number: int = 0
    """How many applies there have been that may have written something, or were the first of their
    commit. Never goes back."""
    commit: str | None = None
    """Of the last of them; ends with `-dirty` if its YAML was not as committed. None: not known."""
    plan: str | None = None
    """The digest of the saved plan that it applied; None: none, it planned itself."""


@dataclass(frozen=True, slots=True)
class Holder:
    """The run that may apply, until it gives that back or its time is over."""

    nonce: str
    """Random: tells it from all other runs."""
    owner: str
    """For people: which run it is. Says nothing about persons."""
    since: datetime
    until: datetime
    commit: str | None = None
    """As of `Generation`, of which this run makes the next one."""
    plan: str | None = None

    def __str__(self) -> str:
        return f"{self.owner} since {self.since:{_TIME}}, until {self.until:{_TIME}}"


@dataclass(frozen=True, slots=True)
class Lease:
    """The record."""

    generation: Generation = Generation()
    holder: Holder | None = None
    claims: Claims | None = None
    """What the repository owns that applies by it; None: it has not said."""


def is_lease(group: str) -> bool:
    """Return whether *group* is the name of a group that is never managed."""
    name = folded(group)
    return name == LEASE_GROUP or name.startswith(f"{LEASE_GROUP}-")


def lock_of(setting: str, *, sandbox: bool) -> str:
    """Return where the lease is kept by the *setting*; that of a sandbox is kept inside."""
    return DIRECTORY if sandbox and setting.startswith("s3://") else setting


def lock_in(lock: str, repository: str) -> str:
    """Return where the lease of a *repository* is kept; the only one is without a name."""
    return f"{lock}/{repository}" if repository else lock


def lease_group(lock: str) -> GroupName:
    """Return the group that keeps the lease by *lock*: `directory`, or `directory/REPOSITORY`."""
    repository = lock.partition("/")[2]
    return GroupName(f"{LEASE_GROUP}-{repository}") if repository else LEASE_GROUP


def repository_of(group: str) -> str:
    """Return whose lease the *group* keeps; nothing for the only repository."""
    return folded(group).removeprefix(LEASE_GROUP).removeprefix("-")


def settled(lease: Lease, now: datetime) -> Lease:
    """Return *lease* as whoever looks at it at *now* has to take it.

    A holder whose time is over is gone, and may have written: that makes a generation.
    """
    holder = lease.holder
    if holder is None or now < holder.until + MARGIN:
        return lease
    return ended(lease, wrote=True, done=False)


def taken(lease: Lease, by: Holder, over_from: str | None = None) -> Lease:
    """Return *lease* taken *by* a new holder, as of its `since`.

    *over_from* is the nonce of a holder who is known to be gone, whatever the time.

    Raises:
        LockHeldError: Somebody else has it.
    """
    free = settled(lease, by.since)
    if free.holder is not None and free.holder.nonce == over_from:
        free = ended(free, wrote=True, done=False)
    if free.holder is not None:
        until = free.holder.until + MARGIN
        raise LockHeldError(
            f"the lock is held by {free.holder}; nothing was changed. Run again when that run has "
            f"ended; if it was killed, after {until:{_TIME}}, or now with --take-over "
            f"{free.holder.nonce}"
        )
    return replace(free, holder=by)


def claimed(lease: Lease, claims: Claims | None) -> Lease:
    """Return *lease* with what its repository owns by now; None: as it was."""
    return lease if claims is None else replace(lease, claims=claims)


def claims_of_others(records: Mapping[GroupName, str], lock: str) -> dict[str, Claims]:
    """Return what other repositories own, by their names, of the *records* of all leases.

    *lock* says which is ours. Who has not said what it owns, or not readably, is left out.
    """
    found: dict[str, Claims] = {}
    for group, text in records.items():
        if folded(group) != folded(lease_group(lock)):
            with suppress(LeaseUnreadableError):
                claims = lease_in(text).claims
                if claims is not None:
                    found[repository_of(group)] = claims
    return found


def renewed(lease: Lease, now: datetime) -> Lease:
    """Return *lease* for another period from *now*.

    Where its time was over, somebody may have seen it so: what was written since makes another
    generation.
    """
    holder = lease.holder
    if holder is None:
        return lease
    number = lease.generation.number + (now >= holder.until - MARGIN)
    # Later in any case, also when the date was set back: two renewals are never one text.
    until = max(now.replace(microsecond=0) + PERIOD, holder.until + timedelta(seconds=1))
    return replace(
        lease,
        generation=replace(lease.generation, number=number),
        holder=replace(holder, until=until),
    )


def ended(lease: Lease, *, wrote: bool, done: bool) -> Lease:
    """Return *lease* without its holder, who may have written something, and is *done* or not.

    What it was to apply is what was applied last if it wrote, or was done, which counts as a
    generation where it wrote or the commit is another one.
    """
    holder, generation = lease.holder, lease.generation
    if holder is None:
        return lease
    moved = wrote or (done and holder.commit != generation.commit)
    if moved:
        generation = Generation(generation.number + 1, holder.commit, holder.plan)
    return replace(lease, generation=generation, holder=None)


def lease_text(lease: Lease) -> str:
    """Return the record: JSON without spaces, in ASCII, of at most `LONGEST_RECORD` characters."""
    generation, holder = lease.generation, lease.holder
    data: dict[str, object] = {
        "format": _FORMAT,
        "generation": generation.number,
        "commit": generation.commit,
        "plan": generation.plan,
    }
    if holder is not None:
        data["holder"] = {
            "nonce": holder.nonce,
            "owner": _harmless(holder.owner),
            "since": f"{holder.since:{_TIME}}",
            "until": f"{holder.until:{_TIME}}",
            "commit": holder.commit,
            "plan": holder.plan,
        }
    if lease.claims is not None:
        data["claims"] = claims_data(lease.claims)
    return json.dumps(data, separators=(",", ":"))


def _harmless(owner: str) -> str:
    return "".join(one if one.isascii() and one.isprintable() else "?" for one in owner)[
        :_LONGEST_OWNER
    ]


def lease_in(text: str) -> Lease:
    """Return the record that *text* is.

    Raises:
        LeaseUnreadableError: It is none.
    """
    try:
        return _lease(json.loads(text))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise LeaseUnreadableError("it is not what this program keeps there") from error


def _lease(data: dict[str, Any]) -> Lease:
    if data["format"] != _FORMAT:
        raise ValueError(_FORMAT)
    holder, claims = data.get("holder"), data.get("claims")
    return Lease(
        Generation(_number(data["generation"]), *_what(data)),
        None if holder is None else _holder(holder),
        None if claims is None else claims_in(claims),
    )


def _holder(data: dict[str, Any]) -> Holder:
    since, until = (
        datetime.strptime(data[key], _TIME).replace(tzinfo=UTC) for key in ("since", "until")
    )
    return Holder(_text(data["nonce"]), _text(data["owner"]), since, until, *_what(data))


def _what(data: dict[str, Any]) -> tuple[str | None, str | None]:
    commit, plan = data["commit"], data["plan"]
    return None if commit is None else _text(commit), None if plan is None else _text(plan)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _number(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise TypeError(value)
    return value


def require_forward(
    last: str | None,
    ours: str | None,
    descends: Callable[[str, str], bool | None],
    named: str | None = None,
) -> None:
    """Return only if the commit *ours* may be applied after *last*, the one applied last.

    *descends* says whether its second commit is a descendant of the first; None: it cannot tell.
    *named* is the commit that may be applied whatever was applied last; `WITHOUT_COMMIT`: none.

    Raises:
        StalePlanError: It may not, or *named* is not *ours*.
    """
    before, now = _clean(last), _clean(ours)
    if named is not None:
        if named != (now or WITHOUT_COMMIT):
            raise StalePlanError(
                f"--allow-commit names {named}, and what is to be applied is of commit "
                f"{now or WITHOUT_COMMIT}"
            )
        return
    if before is None or before == now:
        return
    if now is None:
        raise StalePlanError(
            f"commit {before} was applied last, and this is of no commit, so whether it is older "
            "cannot be told; apply from a clone of the Git repository, or give "
            f"--allow-commit {WITHOUT_COMMIT}"
        )
    way_out = f"; to apply it all the same, give --allow-commit {now}"
    answer = descends(before, now)
    if answer is None:
        raise StalePlanError(
            f"commit {before} was applied last, and whether {now} descends from it cannot be told: "
            "the Git history here does not reach that far, or there is none. Fetch all of it "
            f"(actions/checkout: fetch-depth: 0; else: git fetch --unshallow){way_out}"
        )
    if not answer:
        raise StalePlanError(
            f"commit {now} does not descend from {before}, which was applied last, so it would "
            "undo what came with that; merge what was applied, or go back with git revert"
            f"{way_out}"
        )


def _clean(commit: str | None) -> str | None:
    return None if commit is None else commit.removesuffix(_DIRTY)


def require_unmoved(read_at: int, plan: str, now: Generation) -> None:
    """Return only if a saved plan with digest *plan*, read at generation *read_at*, still holds.

    It does when nothing was applied since, or nothing but that plan itself.

    Raises:
        StalePlanError: Something else was.
    """
    if now.number == read_at or now.plan == plan:
        return
    what = f"commit {now.commit}" if now.commit else "something else"
    raise StalePlanError(
        f"the plan was read at generation {read_at}, and {what} has been applied since (generation "
        f"{now.number}), perhaps while it was read; make a new plan"
    )
