"""Approvals: dated, narrow exceptions to a guard, reviewed like everything else. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from identity_reconciler.core.guard_settings import GuardId, ResourceKind
from identity_reconciler.core.state import folded
from identity_reconciler.errors import Position, Problem

LONGEST = timedelta(days=30)
"""From the date of an approval to its last day."""


@dataclass(frozen=True, slots=True)
class Approval:
    """One entry of `approvals.yaml`: what one guard may let pass, and until when.

    The subject is either a list of addresses or a kind with a count.
    """

    guard: str
    """A `GuardId`, as written; `check_approvals` reports others."""
    on: date
    """The day it was given, UTC."""
    expires: date
    """The last day on which it holds, UTC."""
    reason: str
    addresses: tuple[str, ...] = ()
    """What it covers, as the verdict spells it; case does not matter."""
    kind: str | None = None
    """A `Kind`, as written: it covers resources of this kind, whichever they are."""
    count: int | None = None
    """How many of `kind` at most, all that the guard objects to counted."""
    approved_by: str | None = None
    position: Position = field(default=Position("approvals.yaml", 1, 1), compare=False)

    def holds(self, as_of: datetime) -> bool:
        """Return whether it is in force at *as_of*."""
        # A day of grace at the start: where it was written, the day may have begun before UTC's.
        day = as_of.astimezone(UTC).date()
        within = self.on - timedelta(days=1) <= day <= self.expires
        return within and timedelta(0) <= self.expires - self.on <= LONGEST


def covering(
    guard: GuardId, concerned: Sequence[str], approvals: Iterable[Approval], as_of: datetime
) -> tuple[Approval, ...]:
    """Return the approvals that let *guard* pass; none when something stays uncovered.

    *concerned* are the addresses of all that the guard objects to. Addresses of several entries
    add up, counts do not: the highest one for a kind holds. An address that stands for two
    things covers neither.
    """
    valid = [one for one in approvals if one.guard == guard and one.holds(as_of)]
    named = {folded(each) for one in valid for each in one.addresses}
    times = Counter(map(folded, concerned))
    rest = Counter(
        kind_of(each) for each in concerned if times[folded(each)] > 1 or folded(each) not in named
    )
    counted = {
        kind: max((one.count or 0 for one in valid if one.kind == kind), default=0) for kind in rest
    }
    if any(number > counted[kind] for kind, number in rest.items()):
        return ()
    return tuple(one for one in valid if one.kind in rest or _names_any(one, times))


def _names_any(approval: Approval, times: Counter[str]) -> bool:
    return any(folded(each) in times for each in approval.addresses)


def kind_of(address: str) -> str:
    """Return the first part of *address*."""
    return address.partition("/")[0]


def check_approvals(approvals: Iterable[Approval], as_of: datetime) -> tuple[Problem, ...]:
    """Return everything wrong with *approvals* at *as_of*, sorted by position."""
    day = as_of.astimezone(UTC).date()
    return tuple(
        sorted(
            Problem(one.position, f"approval of {one.guard}: {message}")
            for one in approvals
            for message in (*_about_dates(one, day), *_about_subject(one), *_about_words(one))
        )
    )


def _about_dates(approval: Approval, day: date) -> Iterator[str]:
    if approval.expires < approval.on:
        yield f"it expires on {approval.expires}, before its date {approval.on}"
    elif approval.expires - approval.on > LONGEST:
        yield (
            f"it expires on {approval.expires}, more than {LONGEST.days} days after its date "
            f"{approval.on}; give a shorter one and renew it"
        )
    if approval.expires < day:
        yield f"it has expired on {approval.expires}; remove it, or have it approved again"
    elif approval.on > day + timedelta(days=1):
        yield f"its date {approval.on} is still to come; give the day on which it was approved"


def _about_subject(approval: Approval) -> Iterator[str]:
    by_kind = approval.kind is not None or approval.count is not None
    if not approval.addresses and not by_kind:
        yield "it says nothing about what it covers; give `addresses`, or `kind` and `count`"
    elif approval.addresses and by_kind:
        yield "it has both `addresses` and a kind with a count; make two entries of it"
    elif by_kind and (approval.kind is None or approval.count is None):
        yield "`kind` and `count` belong together; one of them is missing"
    if approval.kind is not None and approval.kind not in set(ResourceKind):
        yield f'kind "{approval.kind}" is none of {", ".join(ResourceKind)}'
    if approval.count is not None and approval.count < 1:
        yield f"its count is {approval.count}; give at least 1"


def _about_words(approval: Approval) -> Iterator[str]:
    if approval.guard not in set(GuardId):
        yield f"there is no such guard; the guards are {', '.join(GuardId)}"
    if not approval.reason.strip():
        yield "it has no reason; say why this is right, and who asked for it"


def approval_lines(approvals: Iterable[Approval]) -> tuple[str, ...]:
    """Return *approvals* as lines of YAML, to be pasted under `approvals:`."""
    lines: list[str] = []
    for one in approvals:
        lines.append(f"- guard: {one.guard}")
        if one.addresses:
            lines.append("  addresses:")
            lines.extend(f"    - {_quoted(each)}" for each in one.addresses)
        if one.kind is not None:
            lines.extend((f"  kind: {one.kind}", f"  count: {one.count}"))
        lines.extend((f"  approved_on: {one.on}", f"  expires: {one.expires}"))
        if one.approved_by is not None:
            lines.append(f"  approved_by: {_quoted(one.approved_by)}")
        lines.append(f"  reason: {_quoted(one.reason)}")
    return tuple(lines)


def _quoted(text: str) -> str:
    """Return *text* as a double-quoted YAML scalar of printable ASCII: names are untrusted."""
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    if character.isascii() and character.isprintable():
        return character
    point = ord(character)
    return f"\\u{point:04X}" if point < 0x10000 else f"\\U{point:08X}"  # noqa: PLR2004 - 16 bits
