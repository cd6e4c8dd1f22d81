"""A plan as text for a terminal and for a `diff` fence: one symbol in column 1, names, no ids."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from identity_reconciler.core.plan import Change, Delete
from identity_reconciler.core.state import address
from identity_reconciler.render.document import (
    AccessDocument,
    Action,
    ChangeDocument,
    DocumentKind,
    GuardDocument,
    LiveDocument,
    PlanDocument,
    action_of,
)
from identity_reconciler.render.escape import quoted, safe, safe_lines
from identity_reconciler.render.widths import padded, width
from identity_reconciler.render.words import (
    BESIDES,
    GUARDED,
    PLURALS,
    WAY_OUT,
    Marks,
    access_bounds,
    base_of,
    blocked,
    details,
    instant,
    loosened,
    loosened_count,
    nothing_to_do,
    number,
    place,
    reading_order,
    source,
    subject,
    unresolved,
    withheld,
)

SYMBOLS: dict[Action, str] = {"delete": "-", "rename": ">", "update": "!", "create": "+"}
"""In column 1 of each line that changes something; GitHub colours `-`, `!` and `+` in a diff."""
_SECTIONS: tuple[tuple[Action, str], ...] = (
    ("delete", "Removals"),
    ("rename", "Renames"),
    ("update", "Updates"),
    ("create", "Creations"),
)
_MARKS = Marks(name=safe, value=quoted)
_MOST_PEOPLE = 10
"""People named per application; when there are more, they are counted."""
_MOST_UNRESOLVED = 50
"""Unresolved references told; when there are more, they are counted."""
_WIDEST_SUBJECT, _WIDEST_DETAIL = 60, 60
"""Width of the columns of addresses and of details at most."""
_APPLICATION = 30
"""Width of the column of applications at least."""


def plan_text(plan: PlanDocument) -> str:
    """Return *plan* as text: what it is for, what matters most first, what is held back."""
    lines = [
        *_header(plan),
        "",
        *_control(plan),
        *_guards(plan),
        *_unresolved(plan),
        *_resemblances(plan),
        *_access(plan),
        *_changes(plan),
        *_withheld(plan),
        *_expiring(plan),
        *_footer(plan),
    ]
    return safe_lines("\n".join(lines)) + "\n"


def result_line(change: Change, outcome: str, detail: str) -> str:
    """Return the line that says what became of *change*, for the log of an apply."""
    touched = change.before if isinstance(change, Delete) else change.after
    ending = f": {safe(detail)}" if detail else ""
    return safe_lines(
        f"{SYMBOLS[action_of(change)]} {outcome:<16}  {safe(address(touched))}{ending}"
    )


def _header(plan: PlanDocument) -> Iterator[str]:
    instance, live = plan.instance, plan.live
    yield f"identity-reconciler {safe(plan.tool_version)}   plan for {safe(instance.name)}"
    store = f"{safe(instance.identity_store_id)}  {safe(instance.region)}"
    yield f"  store   {store}  account {safe(instance.account_id)}"
    files = number(plan.source.files, "file", "files")
    config = f"{safe(plan.source.digest[:8])} ({files})"
    yield f"  config  {config:<40}as of {instant(plan.as_of)}"
    read = ", ".join(number(count, kind, PLURALS[kind]) for kind, count in _live_counts(live))
    requests = number(live.requests, "request", "requests")
    yield f"  live    {read}   ({requests}, {live.seconds:.1f} s)"
    if live.sandbox:
        yield "  made    against the embedded sandbox, not AWS"
    if plan.source.changed_since is not None:
        since = safe(plan.source.changed_since)
        yield f"  only    what the change since {since} touches; drift elsewhere is not looked at"
        yield "  guards  have not judged it: they judge whole plans"


def _live_counts(live: LiveDocument) -> tuple[tuple[DocumentKind, int], ...]:
    return (
        ("user", live.users),
        ("group", live.groups),
        ("membership", live.memberships),
        ("assignment", live.assignments),
    )


def _control(plan: PlanDocument) -> Iterator[str]:
    control, base = plan.control, safe(base_of(plan))
    if control is None:
        return
    if control.loosened:
        yield f"Control: {loosened_count(plan)} looser than at {base}"
        for one in control.loosened:
            yield f"! {safe(one.text)}"
            yield f"    {safe(source(one.source))}{f' at {base}' if one.at_base else ''}"
            yield from (f"    covers {safe(address)}" for address in one.addresses)
        yield ""
    if control.unmatched:
        yield f"Control without effect ({len(control.unmatched)})"
        for without in control.unmatched:
            yield f"? {safe(without.text)}"
            yield f"    {safe(source(without.source))}"
        yield ""


def _guards(plan: PlanDocument) -> Iterator[str]:
    refusing = blocked(plan)
    if refusing:
        yield f"Blocked by {number(len(refusing), 'guard', 'guards')}"
        for guard in refusing:
            yield from _blocked(guard, safe(base_of(plan)))
        yield ""
    approved = [one for one in plan.guards if one.standing == "approved"]
    if approved:
        yield "Approved exceptions"
        for guard in approved:
            found, expected = safe(guard.found), safe(guard.expected)
            whose = f", as it is set at {safe(base_of(plan))}" if guard.by_base else ""
            yield f"  {safe(guard.guard)}{whose}: {found}; without approval: {expected}"
        yield ""


def _blocked(guard: GuardDocument, base: str) -> Iterator[str]:
    yield f"x {safe(guard.guard)}{f', as it is set at {base}' if guard.by_base else ''}"
    yield f"    found     {safe(guard.found)}"
    yield f"    expected  {safe(guard.expected)}"
    concerned = [safe(one) for one in guard.addresses]
    if guard.count > len(concerned):
        concerned.append(f"and {guard.count - len(concerned)} more")
    for label, one in zip(["concerns", *[""] * len(concerned)], concerned, strict=False):
        yield f"    {label:<8}  {one}"
    if guard.by_base:
        yield f"    this change loosens it: {WAY_OUT}"
    if guard.approval:
        yield "    if this is right, give the reason and add to approvals.yaml:"
        yield from (f"      {safe(line)}" for line in guard.approval)


def _unresolved(plan: PlanDocument) -> Iterator[str]:
    if not plan.unresolved:
        return
    yield f"Unresolved ({len(plan.unresolved)}): left as it is, with all that needs it"
    for one in plan.unresolved[:_MOST_UNRESOLVED]:
        yield f"? {safe(one.message)}"
        if one.source:
            yield f"    {safe(place(one))}"
    more = len(plan.unresolved) - _MOST_UNRESOLVED
    if more > 0:
        yield f"? and {more} more"
    yield ""


def _resemblances(plan: PlanDocument) -> Iterator[str]:
    if not plan.resemblances:
        return
    yield f"Look-alikes ({len(plan.resemblances)})"
    for one in plan.resemblances:
        yield f"  {safe(one.address)} looks like {safe(one.other)}, but has {safe(one.characters)}"
    yield ""


def _access(plan: PlanDocument) -> Iterator[str]:
    if not plan.access:
        return
    yield ", ".join(filter(None, ("Access", access_bounds(plan))))
    columns = max(width(one) for access in plan.access for one in _people(access))
    for access in plan.access:
        symbol = "-" if access.effect == "loses" else "+"
        if access.people > _MOST_PEOPLE:
            people = padded(f"{access.people} people", columns)
            yield f"{symbol} {people}  {access.effect[:-1]} {safe(access.application)}"
            continue
        for person in access.listed:
            how = ", ".join(map(safe, person.paths))
            was = "was " if access.effect == "loses" else ""
            yield (
                f"{symbol} {padded(safe(person.user), columns)}  {access.effect} "
                f"{padded(safe(access.application), _APPLICATION)}  {was}{how}"
            )
    yield ""


def _people(access: AccessDocument) -> list[str]:
    if access.people > _MOST_PEOPLE:
        return [f"{access.people} people"]
    return [safe(person.user) for person in access.listed]


def _changes(plan: PlanDocument) -> Iterator[str]:
    """Yield the changes; with a base, those of this pull request apart from those pending."""
    if all(change.pending is None for change in plan.changes):
        yield from _sections(plan.changes)
        return
    ours = [change for change in plan.changes if not change.pending]
    pending = [change for change in plan.changes if change.pending]
    yield f"This pull request: {number(len(ours), 'change', 'changes')}"
    yield ""
    yield from _sections(ours)
    if pending:
        yield f"Already pending without it: {number(len(pending), 'change', 'changes')}"
        yield ""
        yield from _sections(pending)


def _sections(changes: Iterable[ChangeDocument]) -> Iterator[str]:
    listed = sorted(changes, key=reading_order)
    widths = _widths(listed)
    named: list[tuple[str, list[ChangeDocument]]] = [
        (GUARDED, [change for change in listed if change.guarded])
    ]
    besides = BESIDES if named[0][1] else ""
    for action, title in _SECTIONS:
        found = [change for change in listed if change.action == action and not change.guarded]
        named.append((f"{title}{besides}", found))
    for title, found in named:
        if found:
            yield f"{title} ({len(found)})"
            for change in found:
                yield from _change(change, widths)
            yield ""


def _widths(changes: Iterable[ChangeDocument]) -> tuple[int, int]:
    """Return the widths of the column of addresses and of the column of details."""
    widest_subject = widest_detail = 0
    for change in changes:
        widest_subject = max(widest_subject, width(subject(change, _MARKS)))
        widest_detail = max(widest_detail, width(next(details(change, _MARKS), "")))
    return min(widest_subject, _WIDEST_SUBJECT), min(widest_detail, _WIDEST_DETAIL)


def _change(change: ChangeDocument, widths: tuple[int, int]) -> Iterator[str]:
    first, *rest = [*details(change, _MARKS)] or [""]
    shown = f"{SYMBOLS[change.action]} {padded(subject(change, _MARKS), widths[0])}"
    yield f"{shown}  {padded(first, widths[1])}  {safe(place(change))}".rstrip()
    for more in rest:
        yield f"  {'':<{widths[0]}}  {more}"


def _withheld(plan: PlanDocument) -> Iterator[str]:
    for counted, reason in withheld(plan):
        yield f"Withheld: {counted}: {safe(reason)}"
    if plan.withheld:
        yield ""


def _expiring(plan: PlanDocument) -> Iterator[str]:
    if not plan.expiring:
        return
    yield f"Expiring within 14 days ({len(plan.expiring)})"
    columns = min(max(width(safe(one.address)) for one in plan.expiring), _WIDEST_SUBJECT)
    for one in plan.expiring:
        where = safe(source(one.source))
        yield f"  {padded(safe(one.address), columns)}  until {instant(one.expires)}  {where}"
    yield ""


def _footer(plan: PlanDocument) -> Iterator[str]:
    if plan.changes:
        parts = (
            f"{PLURALS[kind]} +{count.create} ~{count.update} >{count.rename} -{count.delete}"
            for kind, count in plan.counts.items()
        )
        yield f"Plan: {', '.join(parts)}"
    else:
        yield nothing_to_do(plan)
    if loosened(plan):
        yield f"Control: {loosened_count(plan)} looser than at {safe(base_of(plan))}; see the top."
    if plan.unresolved:
        yield f"Unresolved: {unresolved(plan)}; apply does the rest and ends with 7."
    refusing = len(blocked(plan))
    if refusing:
        what = "1 guard refuses" if refusing == 1 else f"{refusing} guards refuse"
        yield f"Blocked: {what} this plan, and apply will not run it; see the top."
