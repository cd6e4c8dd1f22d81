"""Drift as the body of an issue: what is live and not declared, who did it, what to do about it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from identity_reconciler.core.plan import Reason
from identity_reconciler.core.state import Assignment, Membership
from identity_reconciler.render.document import Action, ChangeDocument, PlanDocument
from identity_reconciler.render.fitting import Section, SizeLimit, fit
from identity_reconciler.render.folding import FoldedChange, single, together
from identity_reconciler.render.markdown import COMMENT, unresolved_line
from identity_reconciler.render.spans import fence, name_span, value_span
from identity_reconciler.render.words import (
    Marks,
    blocked,
    instant,
    is_special,
    looked_at,
    named,
    number,
    subject,
)

_FOUND: dict[Action, str] = {
    "delete": "live and not declared",
    "update": "live with other attributes",
    "rename": "live under another name",
    "create": "declared and not live",
}
_MARKS = Marks(name=name_span, value=value_span, most=10)
_UNRESOLVED, _CHANGES, _COMMANDS = range(3)


def drifted(plan: PlanDocument) -> tuple[ChangeDocument, ...]:
    """Return the changes of *plan* that undo drift: all but those that only time asks for."""
    return tuple(one for one in plan.changes if one.reason != Reason.EXPIRED)


def deviates(plan: PlanDocument) -> bool:
    """Return whether there is anything to tell: drift, or what cannot be resolved."""
    return bool(drifted(plan) or plan.unresolved)


def drift_title(plan: PlanDocument) -> str:
    """Return the title of the issue."""
    changes = number(len(drifted(plan)), "change", "changes")
    told = f", {len(plan.unresolved)} unresolved" if plan.unresolved else ""
    return f"Drift in {plan.instance.name}: {changes}{told}"


def drift_markdown(plan: PlanDocument, budget: SizeLimit = COMMENT) -> str:
    """Return the drift that *plan* would undo, within *budget*; what is cut is counted."""
    changes = drifted(plan)
    special = [change for change in changes if is_special(change)]
    others = [change for change in changes if not is_special(change)]
    entries = [*single(special), *together(others)]
    expired = len(plan.changes) - len(changes)
    commands = sorted({_accepting(one) for one in changes})
    where = " in the embedded sandbox, not AWS" if plan.live.sandbox else ""
    due = sum(1 for one in changes if one.action == "create" and one.starts is not None)
    head = (
        f"## Drift in {name_span(plan.instance.name)}{where}\n\n"
        f"At {instant(plan.as_of)} the live state was not what the YAML says. Either somebody "
        "changed it by hand, or something that was merged has not been applied"
        + (", or what was to start has started." if due else ".")
    )
    only = looked_at(plan, since=name_span(plan.source.changed_since or ""))
    if only is not None:
        head += f"\n\nOnly {only} was looked at. Whether there is more, the next whole plan says."
    return fit(
        [
            head,
            *_refusals(plan),
            *_unresolved(plan),
            Section(
                _CHANGES,
                "### What differs",
                map(_line, entries),
                len(changes),
                weights=[entry.count for entry in entries],
            ),
            "### To undo it\n\nRun the workflow `apply`: it plans again and asks its reviewers.",
            Section(
                _COMMANDS,
                "### To keep it\n\nWrite what is live into the YAML, and make a pull request:",
                ("\n".join(fence([one], "sh")) for one in commands),
                len(commands),
            ),
            f"{number(expired, 'expiry is', 'expiries are')} due as well, and not counted as drift."
            if expired
            else "",
        ],
        budget,
    )


def _refusals(plan: PlanDocument) -> Iterator[str]:
    refusing = blocked(plan)
    if refusing:
        names = ", ".join(name_span(one.guard) for one in refusing)
        yield f"**Undoing all of it is refused by {names}:** look at it before anything else."


def _unresolved(plan: PlanDocument) -> Iterator[Section]:
    if plan.unresolved:
        head = (
            "### What cannot be resolved\n\nIt is left as it is until the YAML or AWS is corrected:"
        )
        entries = [unresolved_line(one, plan) for one in plan.unresolved]
        yield Section(_UNRESOLVED, head, entries, len(plan.unresolved))


def _line(entry: FoldedChange) -> str:
    change = entry.first
    verb = "are" if entry.names else "is"
    what = name_span(change.address) if entry.owner is None else subject(entry, _MARKS)
    names = f": {named(entry.names, _MARKS)}" if entry.names else ""
    parts = [f"- {what} {verb} {_FOUND[change.action]}{names}"]
    if change.action == "create" and change.starts is not None:
        parts.append(f"  - started {instant(change.starts)}: `apply` grants it")
    elif change.starts is not None:
        parts.append(f"  - starts {instant(change.starts)}, not before")
    for one in change.differences:
        live, declared = one.before or "", one.after or ""
        parts.append(
            f"  - {name_span(one.field)} is {value_span(live)}, declared {value_span(declared)}"
        )
    if entry.taken_along:
        parts.append(f"  - assigned to {named(entry.taken_along, _MARKS)}")
    if entry.trace is not None:
        parts.append(f"  - last changed by {name_span(entry.trace)}")
    return "\n".join(parts)


def _accepting(change: ChangeDocument) -> str:
    """Return the command that writes the live state of what *change* touches into the YAML."""
    touched = change.before if change.before is not None else change.after
    address = change.address
    if isinstance(touched, Membership):
        address = f"group/{touched.group}"
    elif isinstance(touched, Assignment):
        label, arn = touched.application_name, touched.application
        address = f"application/{arn if not label or arn in label else label}"
    elif change.action == "rename" and touched is not None:
        name = getattr(touched, "user_name", None) or getattr(touched, "name", "")
        address = f"{change.kind}/{name}"
    return f"identity-reconciler import --only {shlex.quote(address)}"
