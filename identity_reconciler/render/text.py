"""A plan as text for a terminal and for a `diff` fence: one symbol in column 1, names, no ids."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from identity_reconciler.plan import Change, Delete
from identity_reconciler.render.document import (
    AccessDocument,
    Action,
    ChangeDocument,
    Kind,
    LiveDocument,
    PlanDocument,
    action_of,
)
from identity_reconciler.render.escape import quoted, safe
from identity_reconciler.state import Group, User, address

SYMBOLS: dict[Action, str] = {"delete": "-", "rename": ">", "update": "!", "create": "+"}
"""In column 1 of each line that changes something; GitHub colours `-`, `!` and `+` in a diff."""
_SECTIONS: tuple[tuple[Action, str], ...] = (
    ("delete", "Removals"),
    ("rename", "Renames"),
    ("update", "Updates"),
    ("create", "Creations"),
)
_PLURALS: dict[Kind, str] = {
    "user": "users",
    "group": "groups",
    "membership": "memberships",
    "assignment": "assignments",
}
_MOST_PEOPLE = 10
"""People named per application; when there are more, they are counted."""
_WIDEST_SUBJECT, _WIDEST_DETAIL = 60, 60
"""Width of the columns of addresses and of details at most, in characters."""


def plan_text(plan: PlanDocument) -> str:
    """Return *plan* as text: what it is for, what changes (removals first), what is held back."""
    lines = [*_header(plan), "", *_access(plan), *_sections(plan), *_withheld(plan), *_footer(plan)]
    return "\n".join(lines) + "\n"


def result_line(change: Change, outcome: str, detail: str) -> str:
    """Return the line that says what became of *change*, for the log of an apply."""
    subject = change.before if isinstance(change, Delete) else change.after
    ending = f": {safe(detail)}" if detail else ""
    return f"{SYMBOLS[action_of(change)]} {outcome:<16}  {safe(address(subject))}{ending}"


def _header(plan: PlanDocument) -> Iterator[str]:
    instance, live = plan.instance, plan.live
    yield f"identity-reconciler {plan.tool_version}   plan for {safe(instance.name)}"
    store = instance.identity_store_id
    yield f"  store   {store}  {instance.region}  account {instance.account_id}"
    files = _number(plan.source.files, "file", "files")
    config = f"{plan.source.digest[:8]} ({files})"
    yield f"  config  {config:<40}as of {plan.as_of:%Y-%m-%dT%H:%M:%SZ}"
    read = ", ".join(_number(count, kind, _PLURALS[kind]) for kind, count in _live_counts(live))
    requests = _number(live.requests, "request", "requests")
    yield f"  live    {read}   ({requests}, {live.seconds:.1f} s)"


def _live_counts(live: LiveDocument) -> tuple[tuple[Kind, int], ...]:
    return (
        ("user", live.users),
        ("group", live.groups),
        ("membership", live.memberships),
        ("assignment", live.assignments),
    )


def _access(plan: PlanDocument) -> Iterator[str]:
    if not plan.access:
        return
    yield "Access" if plan.access_complete else "Access, as far as declared groups tell"
    width = max(len(one) for access in plan.access for one in _people(access))
    for access in plan.access:
        symbol = "-" if access.effect == "loses" else "+"
        if access.people > _MOST_PEOPLE:
            people = f"{access.people} people"
            yield f"{symbol} {people:<{width}}  {access.effect[:-1]} {safe(access.application)}"
            continue
        for person in access.listed:
            how = ", ".join(map(safe, person.paths))
            was = "was " if access.effect == "loses" else ""
            yield (
                f"{symbol} {safe(person.user):<{width}}  {access.effect} "
                f"{safe(access.application):<30}  {was}{how}"
            )
    yield ""


def _people(access: AccessDocument) -> list[str]:
    if access.people > _MOST_PEOPLE:
        return [f"{access.people} people"]
    return [safe(person.user) for person in access.listed]


def _sections(plan: PlanDocument) -> Iterator[str]:
    widths = _widths(plan.changes)
    for action, title in _SECTIONS:
        changes = [change for change in plan.changes if change.action == action]
        if changes:
            yield f"{title} ({len(changes)})"
            for change in sorted(changes, key=_reading_order):
                yield from _change(change, widths)
            yield ""


def _reading_order(change: ChangeDocument) -> tuple[int, str, str]:
    """People look things up by kind and name; the apply has an order of its own."""
    return list(_PLURALS).index(change.kind), change.address.casefold(), change.address


def _widths(changes: Iterable[ChangeDocument]) -> tuple[int, int]:
    """Return the widths of the column of addresses and of the column of details."""
    subjects = [len(_subject(change)) for change in changes]
    details = [len(first) for change in changes for first in [*_details(change)][:1]]
    subject = min(max(subjects, default=0), _WIDEST_SUBJECT)
    return subject, min(max(details, default=0), _WIDEST_DETAIL)


def _subject(change: ChangeDocument) -> str:
    if change.action == "rename" and isinstance(change.before, User | Group):
        old, new = _name(change.before), safe(change.address.partition("/")[2])
        return f"{change.kind}/{old} -> {new}"
    return safe(change.address)


def _name(resource: User | Group) -> str:
    return safe(resource.user_name if isinstance(resource, User) else resource.name)


def _change(change: ChangeDocument, widths: tuple[int, int]) -> Iterator[str]:
    subject, detail = widths
    first, *rest = [*_details(change)] or [""]
    where = f"{safe(change.source.file)}:{change.source.line}" if change.source else ""
    symbol = SYMBOLS[change.action]
    yield f"{symbol} {_subject(change):<{subject}}  {first:<{detail}}  {where}".rstrip()
    for more in rest:
        yield f"  {'':<{subject}}  {more}"


def _details(change: ChangeDocument) -> Iterator[str]:
    if change.reason:
        yield change.reason
    for one in change.differences:
        if change.action != "rename" or one.field not in {"name", "user_name"}:
            yield f"{one.field}: {_value(one.before)} -> {_value(one.after)}"
    if change.action == "create" and change.expires:
        yield f"until {change.expires:%Y-%m-%dT%H:%M:%SZ}"
    if change.note:
        yield f"reason: {safe(change.note)}"
    if change.cascaded:
        number = len(change.cascaded)
        yield "1 membership goes with it" if number == 1 else f"{number} memberships go with it"


def _value(value: str | None) -> str:
    return "(none)" if value is None else quoted(value)


def _withheld(plan: PlanDocument) -> Iterator[str]:
    counted = Counter((one.reason, one.kind) for one in plan.withheld)
    for reason in sorted({reason for reason, _ in counted}):
        kinds = [
            _number(counted[reason, kind], kind, plural)
            for kind, plural in _PLURALS.items()
            if counted[reason, kind]
        ]
        yield f"Withheld: {' and '.join(kinds)}: {reason}"
    if counted:
        yield ""


def _footer(plan: PlanDocument) -> Iterator[str]:
    if not plan.changes:
        yield "No changes. What is live is what is declared."
        return
    parts = (
        f"{_PLURALS[kind]} +{count.create} ~{count.update} >{count.rename} -{count.delete}"
        for kind, count in plan.counts.items()
    )
    yield f"Plan: {', '.join(parts)}"


def _number(count: int, singular: str, plural: str) -> str:
    return f"{count} {singular if count == 1 else plural}"
