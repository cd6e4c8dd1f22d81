"""A notice: what came of a command, in counts and addresses of objects. Pure.

Without `names` nothing in it tells who somebody is: users are counted, and what is told of a
membership is its group, of an assignment of a user its application.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import repeat
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from identity_reconciler import __version__
from identity_reconciler.core.declared import Declared, DeclaredOwner
from identity_reconciler.core.reminders import Reminder, recipients
from identity_reconciler.core.state import Assignment, Membership, PrincipalKind
from identity_reconciler.errors import EXIT_CODES
from identity_reconciler.render.document import (
    Action,
    ChangeDocument,
    CountDocument,
    DocumentKind,
    PlanDocument,
)
from identity_reconciler.render.escape import safe
from identity_reconciler.render.plan_schema import schema_of, schema_text
from identity_reconciler.render.words import blocked, number
from identity_reconciler.runs.applier import Outcome

LISTED = 50
"""Objects, and reminders, that one notice names at most; the others are counted."""
_TROUBLE = {Outcome.UNKNOWN, Outcome.FAILED, Outcome.SKIPPED}
Event = Literal["plan", "apply", "drift", "expire", "reminder"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)


class ObjectDocument(_Part):
    """What is to happen, or happened, to objects of one address."""

    action: Action
    address: str
    """`kind/name`; without names `user`, `membership/GROUP` or `assignment/APPLICATION/user` where
    a name of a user would follow."""
    outcome: str | None = None
    """What became of it in an apply; missing: it was not begun, or nothing was to be done yet."""
    count: int = Field(ge=1)
    """How many changes that is."""


class InstanceNotice(_Part):
    """One plan, and what became of it."""

    name: str
    digest: str | None = None
    """SHA-256 over the files of the desired state, in hexadecimal digits; missing in reminders."""
    commit: str | None = None
    sandbox: bool | None = None
    """True: it was the embedded sandbox, and not AWS; missing otherwise."""
    counts: dict[DocumentKind, CountDocument] | None = None
    """By kind, what the plan changes; missing in reminders."""
    blocked: tuple[str, ...] = ()
    """The guards that refuse the plan."""
    unresolved: int = 0
    """References that could not be bound."""
    outcomes: dict[str, int] | None = None
    """Of an apply, how many changes were applied, failed, and so on; missing: none was begun."""
    objects: tuple[ObjectDocument, ...] = ()
    """What was not applied first, then by address and action, `LISTED` at most."""
    not_listed: int = 0
    """How many changes `objects` leaves out."""


class PersonNotice(_Part):
    """Somebody who is to hear of a reminder."""

    user_name: str
    email: str | None = None


class ReminderNotice(_Part):
    """Memberships of one group, or assignments of one application, that end on the same day."""

    id: str
    """The same whenever it is told: whoever has it already need not tell it again."""
    instance: str
    address: str
    """`group/NAME`, or `application/` and what selects it."""
    count: int = Field(ge=1)
    """How many end."""
    last_day: date
    """The last day, in UTC, on which they hold."""
    days: int
    """How many days before that the reminder is due: 14 or 3."""
    owners: tuple[str, ...] = ()
    """Who answers for it: `group/NAME`, and with names `user/NAME`."""
    owning_users: int = 0
    """How many of the owners are users."""
    principals: tuple[str, ...] = ()
    """With names, whose end that is: `user/NAME`, `group/NAME`; without, the groups alone."""
    recipients: tuple[PersonNotice, ...] = ()
    """With names, the users who are owners, or are listed in groups that are."""


class NoticeDocument(_Part):
    """What is sent, as JSON in UTF-8."""

    format: Literal["identity-reconciler/notice"] = "identity-reconciler/notice"
    format_version: str = "1.0"
    """A minor step adds what a reader may ignore."""
    tool_version: str = __version__
    id: str
    """Of this notice; another attempt to send it has the same."""
    event: Event
    sent_at: AwareDatetime
    exit_code: int = Field(ge=0)
    """What the command ends with."""
    meaning: str
    """What that exit code says."""
    text: str
    """All of it in a few lines."""
    run: str | None = None
    """The page of the job; missing outside of one."""
    instances: tuple[InstanceNotice, ...] = ()
    reminders: tuple[ReminderNotice, ...] = ()
    """`LISTED` at most, what ends soonest first."""
    reminders_not_listed: int = 0


NOTICE = "notice.schema.json"
"""The name of its file in `schemas/`."""


def notice_schema() -> str:
    """Return the text of the schema. It takes notices of newer minor versions as well."""
    return schema_text(schema_of(NoticeDocument, "A notice of identity-reconciler"))


@dataclass(slots=True)
class Told:
    """What a command has to tell so far."""

    event: Event
    exit_code: int = 1
    """What it ends with; until it is known, that something unexpected happened."""
    plans: list[PlanDocument] = field(default_factory=list)
    outcomes: Sequence[Mapping[str, str]] = ()
    """For each of `plans` what became of each address; nothing: none was applied."""
    reminders: list[tuple[Declared, tuple[Reminder, ...]]] = field(default_factory=list)

    @property
    def is_worth_it(self) -> bool:
        """Whether there is anything to tell: changes, what is unresolved, or what went wrong."""
        if self.event == "reminder":
            return any(some for _, some in self.reminders)
        plans = any(one.changes or one.unresolved or blocked(one) for one in self.plans)
        return plans or self.exit_code not in {0, 2}


@dataclass(frozen=True, slots=True)
class NoticeTerms:
    """When, where and to whom something is told."""

    id: str
    at: datetime
    run: str | None
    names: bool
    """Whether names and e-mail addresses of people may leave."""


def notice(told: Told, terms: NoticeTerms) -> NoticeDocument:
    """Return what is to be sent of *told*."""
    instances = tuple(
        _instance(plan, outcomes, names=terms.names)
        for plan, outcomes in zip(told.plans, told.outcomes or repeat({}), strict=False)
    )
    reminding = [
        one
        for declared, some in told.reminders
        for one in _reminding(declared, some, names=terms.names)
    ]
    reminding.sort(key=lambda one: (one.last_day, one.instance, one.address))
    (meaning,) = {row.meaning for row in EXIT_CODES if row.code == told.exit_code} or {"unknown"}
    return NoticeDocument(
        id=terms.id,
        event=told.event,
        sent_at=terms.at,
        exit_code=told.exit_code,
        meaning=meaning,
        text="\n".join(_text(told, meaning, instances, reminding)),
        run=terms.run,
        instances=instances,
        reminders=tuple(reminding[:LISTED]),
        reminders_not_listed=len(reminding[LISTED:]),
    )


def _instance(plan: PlanDocument, outcomes: Mapping[str, str], *, names: bool) -> InstanceNotice:
    counted = Counter(
        (one.address if names else _nameless(one), one.action, outcomes.get(one.address))
        for one in plan.changes
    )
    # What went wrong is not to be cut off.
    ordered = sorted(
        counted.items(),
        key=lambda item: (item[0][2] not in _TROUBLE, *item[0][:2], item[0][2] or ""),
    )
    objects = [
        ObjectDocument(action=action, address=address, outcome=outcome, count=count)
        for (address, action, outcome), count in ordered
    ]
    return InstanceNotice(
        name=plan.instance.name,
        digest=plan.source.digest,
        commit=plan.source.commit,
        sandbox=plan.live.sandbox,
        counts=plan.counts,
        blocked=tuple(one.guard for one in blocked(plan)),
        unresolved=len(plan.unresolved),
        outcomes=dict(sorted(Counter(outcomes.values()).items())) or None,
        objects=tuple(objects[:LISTED]),
        not_listed=sum(one.count for one in objects[LISTED:]),
    )


def _nameless(change: ChangeDocument) -> str:
    """Return the address of *change* as far as it names no user."""
    touched = change.after or change.before
    if isinstance(touched, Membership):
        return f"membership/{touched.group}"
    if isinstance(touched, Assignment) and touched.principal.kind is PrincipalKind.USER:
        return f"assignment/{touched.application_name or touched.application}/user"
    return "user" if change.kind == "user" else change.address


def _reminding(
    declared: Declared, found: Sequence[Reminder], *, names: bool
) -> list[ReminderNotice]:
    """Return *found*, those of one group or application and day as one."""
    together: dict[tuple[str, date, int], list[Reminder]] = {}
    for one in found:
        together.setdefault((one.subject, one.last_day, one.days), []).append(one)
    instance = declared.settings.instance
    made = []
    for (address, last_day, days), some in together.items():
        owners = some[0].owners
        people = recipients(declared, owners) if names else ()
        told = "\n".join((instance.instance_arn, address, str(last_day), str(days)))
        made.append(
            ReminderNotice(
                id=hashlib.sha256(told.encode()).hexdigest()[:32],
                instance=instance.name,
                address=address,
                count=len(some),
                last_day=last_day,
                days=days,
                owners=tuple(str(one) for one in owners if names or not _is_user(one)),
                owning_users=sum(map(_is_user, owners)),
                principals=tuple(
                    one.principal.address
                    for one in some
                    if names or one.principal.kind is not PrincipalKind.USER
                ),
                recipients=tuple(
                    PersonNotice(
                        user_name=one.name, email=one.user.email.value if one.user.email else None
                    )
                    for one in people
                ),
            )
        )
    return made


def _is_user(owner: DeclaredOwner) -> bool:
    return owner.kind is PrincipalKind.USER


_SHOWN = 10
"""Objects, and reminders, that the text names at most."""


def _text(
    told: Told,
    meaning: str,
    instances: Sequence[InstanceNotice],
    reminding: Sequence[ReminderNotice],
) -> list[str]:
    """Return the lines for people; no value in one of them can begin another."""
    lines = []
    if told.event == "reminder":
        lines.append(f"access ends soon: {number(len(reminding), 'reminder', 'reminders')}")
    elif not instances or told.exit_code not in {0, 2}:
        lines.append(f"{told.event} ended with {told.exit_code}: {meaning}")
    for one in instances:
        lines += _about(told.event, one)
    for each in reminding[:_SHOWN]:
        owners = [*each.owners, *_counted_owners(each)]
        lines.append(
            f"{safe(each.instance)}: {safe(each.address)}: {each.count} until {each.last_day}, "
            f"owned by {', '.join(map(safe, owners)) or 'nobody'}"
        )
    if len(reminding) > _SHOWN:
        lines.append(f"and {len(reminding) - _SHOWN} more")
    return lines


def _counted_owners(reminder: ReminderNotice) -> list[str]:
    named = sum(one.startswith(f"{PrincipalKind.USER}/") for one in reminder.owners)
    left = reminder.owning_users - named
    return [number(left, "user", "users")] if left else []


def _about(event: Event, one: InstanceNotice) -> list[str]:
    where = " (sandbox)" if one.sandbox else ""
    counts = _counted(one.counts or {}) or "no changes"
    lines = [f"{event} of {safe(one.name)}{where}: {counts}"]
    if one.outcomes:
        lines.append(", ".join(f"{count} {became}" for became, count in one.outcomes.items()))
    if one.blocked:
        lines.append(f"refused by {', '.join(one.blocked)}")
    if one.unresolved:
        lines.append(f"{one.unresolved} unresolved")
    lines += [_object(each) for each in one.objects[:_SHOWN]]
    left = one.not_listed + sum(each.count for each in one.objects[_SHOWN:])
    return [*lines, f"and {number(left, 'more change', 'more changes')}"] if left else lines


def _counted(counts: Mapping[DocumentKind, CountDocument]) -> str:
    totals = {
        "created": sum(one.create for one in counts.values()),
        "updated": sum(one.update for one in counts.values()),
        "renamed": sum(one.rename for one in counts.values()),
        "removed": sum(one.delete for one in counts.values()),
    }
    return ", ".join(f"{count} {word}" for word, count in totals.items() if count)


def _object(one: ObjectDocument) -> str:
    became = f": {one.outcome}" if one.outcome else ""
    count = f" ({one.count})" if one.count > 1 else ""
    return f"{one.action} {safe(one.address)}{count}{became}"
