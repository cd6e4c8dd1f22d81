"""What must hold within one entry, beyond the types of its keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from identity_reconciler.declared import ManageObjects, Settings
from identity_reconciler.desired.documents import GroupEntry
from identity_reconciler.desired.people import UserEntry
from identity_reconciler.desired.tree import Fields, Mark
from identity_reconciler.desired.wording import shown

Finding = tuple[Mark, str]

_WITHOUT_ATTRIBUTES = frozenset({"user_name", "name", "state"})
_PREVIOUS = "previous_user_names", "previous_names"


def user_findings(entry: UserEntry, fields: Fields, settings: Settings | None) -> Iterator[Finding]:
    """Yield what is wrong with a user; without *settings*, what is wrong whatever they are."""
    if settings is not None and settings.users is ManageObjects.REFERENCE:
        yield from _reference_findings("users", fields, {"user_name"})
        return
    match entry.state:
        case "present":
            yield from _present_user_findings(entry, fields, settings)
        case "external":
            yield from _external_findings(fields, {"user_name", "state"})
        case "absent":
            yield from _unless_absent(fields, ("previous_user_names",))


def _present_user_findings(
    entry: UserEntry, fields: Fields, settings: Settings | None
) -> Iterator[Finding]:
    name = fields.get("name")
    given = name if isinstance(name, Fields) else {}
    for part in ("given_name", "family_name"):
        if part not in given and ("name" not in fields or isinstance(name, Fields)):
            mark = fields.value_mark("name") if "name" in fields else fields.mark
            yield mark, f"user {shown(entry.user_name)} needs name: {{{part}: ...}}"
    if settings is None:
        return
    if settings.require_email and fields.get("email") is None:
        yield (
            fields.key_mark("email") if "email" in fields else fields.mark,
            f"user {shown(entry.user_name)} needs an e-mail address"
            " (or set manage: {require_email: false} in instance.yaml)",
        )
    if "previous_user_names" in fields and not settings.rename_users:
        yield (
            fields.key_mark("previous_user_names"),
            "renaming users is off, because AWS does not document that it works;"
            " to try it, set manage: {rename_users: true} in instance.yaml",
        )
    yield from _photo_findings(entry, fields)


def _photo_findings(entry: UserEntry, fields: Fields) -> Iterator[Finding]:
    if sum(photo.primary is True for photo in entry.photos or ()) > 1:
        yield fields.value_mark("photos"), "more than one photo is primary; keep one"


def group_findings(
    entry: GroupEntry, fields: Fields, settings: Settings | None
) -> Iterator[Finding]:
    """Yield what is wrong with a group; without *settings*, what is wrong whatever they are."""
    if settings is not None and settings.groups is ManageObjects.REFERENCE:
        yield from _reference_findings("groups", fields, {"name"})
    elif entry.state == "external":
        yield from _external_findings(fields, {"name", "state"})
    elif entry.state == "absent":
        yield from _unless_absent(fields, ("members", "previous_names"))


def _reference_findings(kind: str, fields: Fields, allowed: set[str]) -> Iterator[Finding]:
    for key, mark in zip(fields, fields.key_marks, strict=True):
        if key == "state" and fields[key] == "external":
            continue
        if key not in allowed:
            yield (
                mark,
                f"{shown(key)} cannot be set: manage.{kind} is reference, so {kind} are only"
                " referred to; remove the key",
            )


def _external_findings(fields: Fields, allowed: set[str]) -> Iterator[Finding]:
    for key, mark in zip(fields, fields.key_marks, strict=True):
        if key not in allowed:
            yield (
                mark,
                f"{shown(key)} cannot be set with state: external, which is owned elsewhere;"
                " remove the key or the state",
            )


def _unless_absent(fields: Fields, keys: tuple[str, ...]) -> Iterator[Finding]:
    for key in keys:
        if key in fields:
            yield (
                fields.key_mark(key),
                f"{shown(key)} has no meaning with state: absent; remove one of the two",
            )


def application_findings(fields: Fields) -> Iterator[Finding]:
    """Yield what is wrong with an application."""
    if "name" in fields and "arn" in fields:
        yield fields.key_mark("arn"), "an application has a name or an ARN, not both; keep one"
    if "name" not in fields and "arn" not in fields:
        yield fields.mark, 'an application needs the key "name" or "arn"'
    if "arn" in fields:
        for key in ("provider", "account"):
            if key in fields:
                yield (
                    fields.key_mark(key),
                    f"{shown(key)} narrows a name down and an ARN needs none; remove it",
                )
