"""The plans of several instances in one comment: a line for each, and what fits of each, folded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from identity_reconciler.render.document import PlanDocument
from identity_reconciler.render.fitting import SizeLimit
from identity_reconciler.render.links import NOWHERE, Lines
from identity_reconciler.render.markdown import COMMENT, plan_markdown
from identity_reconciler.render.people import lost_and_gained
from identity_reconciler.render.spans import name_span
from identity_reconciler.render.words import (
    blocked,
    in_words,
    loosened,
    loosened_count,
    nothing_to_do,
    number,
    unresolved,
)

_LEAST = 2_000
"""Characters below which a plan is not worth unfolding."""


def fleet_markdown(
    plans: Mapping[str, PlanDocument | None], budget: SizeLimit = COMMENT, lines: Lines = NOWHERE
) -> str:
    """Return the *plans* of instances, by the names of their directories, within *budget*.

    None: there is no plan. Every instance has its line, in the order of *plans*, those without a
    plan and those that a guard refuses first. Below, each plan with changes is folded, the
    refused ones first; those that do not fit are counted.
    """
    ranked = sorted(plans.items(), key=lambda one: _rank(one[1]))
    missing = sum(plan is None for plan in plans.values())
    title = f"## Plans for {number(len(plans), 'instance', 'instances')}"
    if missing:
        title += f", of which {missing} could not be planned"
    text = "\n".join([title, "", *(f"- {name_span(name)}: {_line(one)}" for name, one in ranked)])
    shown = [(name, one) for name, one in ranked if one is not None and _is_worth_showing(one)]
    left = budget.limit - budget.size(text) - _LEAST
    for at, (name, plan) in enumerate(shown):
        share = left // (len(shown) - at)
        part = _folded(name, plan, SizeLimit(max(share, _LEAST), budget.size), lines)
        if budget.size(part) > left:
            more = number(len(shown) - at, "plan", "plans")
            return f"{text}\n\n{more} more did not fit: they are in the artifacts.\n"
        text += part
        left -= budget.size(part)
    return f"{text}\n"


def _rank(plan: PlanDocument | None) -> int:
    if plan is None:
        return 0
    if blocked(plan):
        return 1
    return 2 if _is_worth_showing(plan) else 3


def _is_worth_showing(plan: PlanDocument) -> bool:
    return bool(plan.changes or plan.unresolved or blocked(plan) or loosened(plan))


def _line(plan: PlanDocument | None) -> str:
    if plan is None:
        return "**no plan**; the log of its job says why"
    return "; ".join(_told(plan))


def _told(plan: PlanDocument) -> Iterator[str]:
    refusing = len(blocked(plan))
    if refusing:
        yield f"**blocked by {number(refusing, 'guard', 'guards')}**"
    if loosened(plan):
        yield f"**control: {loosened_count(plan)} looser**"
    if plan.changes:
        yield f"{in_words(plan)}, access: **{lost_and_gained(plan)}**"
    else:
        yield nothing_to_do(plan).rstrip(".")
    if plan.unresolved:
        yield f"**{unresolved(plan)}**"


def _folded(name: str, plan: PlanDocument, share: SizeLimit, lines: Lines) -> str:
    before = f"\n\n<details><summary>{name}</summary>\n\n"
    after = "\n\n</details>"
    room = SizeLimit(share.limit - share.size(before + after), share.size)
    # Its first line is the marker of a comment, and this one has its own.
    body = plan_markdown(plan, room, lines).partition("\n")[2].strip()
    return f"{before}{body}{after}"
