"""What must hold within one entry, beyond the types of its keys."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from identity_reconciler.core.declared import OWNER, ManageObjects, Settings
from identity_reconciler.core.state import folded
from identity_reconciler.core.wording import shown
from identity_reconciler.desired.model.entries import (
    ApplicationEntry,
    GroupEntry,
    ListedGroup,
    ListedUser,
)
from identity_reconciler.desired.model.findings import ModelFinding
from identity_reconciler.desired.model.people import NameEntry, UserEntry
from identity_reconciler.desired.yaml.tree import Fields, Items, Value

_WITHOUT_ATTRIBUTES = frozenset({"user_name", "name", "state"})
_PREVIOUS = "previous_user_names", "previous_names"
SOURCES = "members", "include", "members_where", "exclude"
"""What says who is in a group."""


def user_findings(
    entry: UserEntry, fields: Fields, settings: Settings | None
) -> Iterable[ModelFinding]:
    """Return what is wrong with a user; without *settings*, what is wrong whatever they are."""
    if settings is not None and settings.users is ManageObjects.REFERENCE:
        return _reference_findings("users", fields, {"user_name"})
    match entry.state:
        case "present":
            return () if _is_complete(entry) else _present_user_findings(entry, fields, settings)
        case "external":
            return _external_findings(fields, {"user_name", "state"})
        case "absent":
            return _unless_absent(fields, ("previous_user_names",))


def _is_complete(entry: UserEntry) -> bool:
    """Return whether a present user has all it needs and nothing that needs a closer look."""
    name = entry.name
    return (
        entry.email is not None
        and name is not None
        and bool(name.given_name and name.family_name)
        and not (entry.previous_user_names or entry.photos)
    )


def _present_user_findings(
    entry: UserEntry, fields: Fields, settings: Settings | None
) -> Iterator[ModelFinding]:
    # A key that is missing beside an unknown one is most likely that one, misspelt.
    if fields.keys() <= UserEntry.model_fields.keys():
        yield from _name_findings(entry, fields)
        if settings is not None and settings.require_email and fields.get("email") is None:
            mark = fields.key_mark("email") if "email" in fields else fields.mark
            yield mark, _needs_email(entry.user_name)
    if settings is not None and "previous_user_names" in fields and not settings.rename_users:
        yield fields.key_mark("previous_user_names"), _RENAMING_IS_OFF
    if sum(photo.primary is True for photo in entry.photos or ()) > 1:
        yield fields.value_mark("photos"), "more than one photo is primary; keep one"


def _name_findings(entry: UserEntry, fields: Fields) -> Iterator[ModelFinding]:
    name = fields.get("name", Fields(fields.mark))
    if isinstance(name, Fields) and name.keys() <= NameEntry.model_fields.keys():
        missing = [part for part in ("given_name", "family_name") if part not in name]
        if missing:
            keys = ", ".join(f"{part}: ..." for part in missing)
            yield name.mark, f"user {shown(entry.user_name)} needs name: {{{keys}}}"


def _needs_email(name: str) -> str:
    return (
        f"user {shown(name)} needs an e-mail address"
        " (or set manage: {require_email: false} in instance.yaml)"
    )


_RENAMING_IS_OFF = (
    "renaming users is off, because AWS does not document that it works;"
    " to try it, set manage: {rename_users: true} in instance.yaml"
)


def group_findings(
    entry: GroupEntry, fields: Fields, settings: Settings | None
) -> Iterator[ModelFinding]:
    """Yield what is wrong with a group; without *settings*, what is wrong whatever they are."""
    if settings is not None and settings.groups is ManageObjects.REFERENCE:
        yield from _reference_findings("groups", fields, {"name", "owners"})
    elif entry.state == "external":
        yield from _external_findings(fields, {"name", "state", "owners"})
    elif entry.state == "absent":
        yield from _unless_absent(fields, (*SOURCES, "previous_names", "owners", "review"))
    else:
        yield from _review_findings(entry, fields, SOURCES)
        yield from _source_findings(entry, fields)
        yield from _period_findings(entry.members or (), fields.get("members"))
        yield from _period_findings(entry.include, fields.get("include"))


def _source_findings(entry: GroupEntry, fields: Fields) -> Iterator[ModelFinding]:
    """Yield what is wrong with where the members of a present group come from."""
    rule = fields.get("members_where")
    if isinstance(rule, Fields):
        if not rule:
            yield rule.mark, "a rule without a condition would take in everybody; add one"
        for key, values, mark, _ in rule.rows():
            if isinstance(values, Items) and not values:
                yield mark, f"{shown(key)} has no value to fit; add one, or leave the key out"
    if entry.exclude and not entry.include and entry.members_where is None:
        said = "there is nobody to leave out without `include` or `members_where`; remove `exclude`"
        yield fields.key_mark("exclude"), said


def _reference_findings(kind: str, fields: Fields, allowed: set[str]) -> Iterator[ModelFinding]:
    why = f"with manage.{kind}: reference, because {kind} are only referred to"
    for key, value, mark, _ in fields.rows():
        if key not in allowed and (key, value) != ("state", "external"):
            yield mark, f"{shown(key)} cannot be set {why}; remove the key"


def _external_findings(fields: Fields, allowed: set[str]) -> Iterator[ModelFinding]:
    why = "with state: external, which is owned elsewhere"
    for key, _, mark, _ in fields.rows():
        if key not in allowed:
            yield mark, f"{shown(key)} cannot be set {why}; remove one of the two"


def _unless_absent(fields: Fields, keys: tuple[str, ...]) -> Iterator[ModelFinding]:
    for key in keys:
        if key in fields:
            said = f"{shown(key)} has no meaning with state: absent; remove one of the two"
            yield fields.key_mark(key), said


def _period_findings(
    items: Iterable[str | ListedUser | ListedGroup], raw: Value
) -> Iterator[ModelFinding]:
    """Yield where an item of a list, read from *raw*, ends before it has begun."""
    for item, fields in zip(items, raw if isinstance(raw, Items) else (), strict=False):
        if (
            not isinstance(item, str)
            and isinstance(fields, Fields)
            and item.starts is not None
            and item.expires is not None
            and item.starts >= item.expires
        ):
            said = "this starts when it has expired; let it start earlier, or expire later"
            yield fields.value_mark("starts"), said


def _review_findings(
    entry: GroupEntry | ApplicationEntry, fields: Fields, keys: tuple[str, ...]
) -> Iterator[ModelFinding]:
    """Yield why nobody could review what an entry has by its *keys*."""
    if entry.review is None:
        return
    where = fields.value_mark("review")
    if not any(key in fields for key in keys):
        said = f"there is nobody to review without `{keys[0]}`, which make it managed; add them"
        yield where, said
    by = entry.review.by
    asked = not by or any(isinstance(one, str) and folded(one) == OWNER for one in by)
    if asked and not entry.owners:
        yield where, "the owners are to review this, and it has none; add `owners`, or say `by`"


def application_findings(entry: ApplicationEntry, fields: Fields) -> Iterator[ModelFinding]:
    """Yield what is wrong with an application."""
    yield from _review_findings(entry, fields, ("assignments",))
    lists = fields.get("assignments")
    if entry.assignments is not None and isinstance(lists, Fields):
        yield from _period_findings(entry.assignments.users, lists.get("users"))
        yield from _period_findings(entry.assignments.groups, lists.get("groups"))
    if "name" in fields and "arn" in fields:
        yield fields.key_mark("arn"), "an application has a name or an ARN, not both; keep one"
    if "name" not in fields and "arn" not in fields:
        yield fields.mark, 'an application needs the key "name" or "arn"'
    if "arn" in fields:
        for key in ("provider", "account"):
            if key in fields:
                said = f"{shown(key)} narrows down a name, and an ARN needs none; remove it"
                yield fields.key_mark(key), said
