"""Probes of UpdateUser and UpdateGroup: paths, spellings, removals, revisions, all or nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from identity_reconciler.probing.asking import as_document
from identity_reconciler.probing.bench import Bench
from identity_reconciler.probing.observations import ACCEPTED, Observation, chosen
from identity_reconciler.probing.probe import Probe, Switch, allowed_by

if TYPE_CHECKING:
    from mypy_boto3_identitystore.type_defs import AttributeOperationTypeDef

_CHANGES = {True: "changes", False: "stays"}


def _set(path: str, value: object) -> AttributeOperationTypeDef:
    return {"AttributePath": path, "AttributeValue": as_document(value)}


def _update(bench: Bench, user: str, *operations: AttributeOperationTypeDef) -> Observation:
    return bench.attempt(
        lambda: bench.store.update_user(
            IdentityStoreId=bench.site.store_id, UserId=user, Operations=operations
        )
    )


def _update_group(bench: Bench, group: str, *operations: AttributeOperationTypeDef) -> Observation:
    return bench.attempt(
        lambda: bench.store.update_group(
            IdentityStoreId=bench.site.store_id, GroupId=group, Operations=operations
        )
    )


def _of_a_user(*operations: AttributeOperationTypeDef) -> Callable[[Bench], Observation]:
    return lambda bench: _update(bench, bench.user(), *operations)


def _title(bench: Bench, user: str) -> str | None:
    shown = bench.store.describe_user(IdentityStoreId=bench.site.store_id, UserId=user)
    return shown.get("Title")


def _revision(bench: Bench, user: str) -> str:
    shown = bench.store.describe_user(IdentityStoreId=bench.site.store_id, UserId=user)
    return shown["Revision"]


def _group_revision(bench: Bench, group: str) -> str:
    shown = bench.store.describe_group(IdentityStoreId=bench.site.store_id, GroupId=group)
    return shown["Revision"]


def _rename_user(bench: Bench) -> Observation:
    return _update(bench, bench.user(), _set("userName", bench.name()))


def _rename_user_to_taken(bench: Bench) -> Observation:
    taken = bench.name()
    bench.user(taken)
    return _update(bench, bench.user(), _set("userName", taken))


def _rename_group(bench: Bench) -> Observation:
    return _update_group(bench, bench.group(), _set("displayName", bench.name()))


def _rename_group_to_taken(bench: Bench) -> Observation:
    taken = bench.name()
    bench.group(taken)
    return _update_group(bench, bench.group(), _set("displayName", taken))


def _path_of_the_model(bench: Bench) -> Observation:
    return _update_group(bench, bench.group(), _set("DisplayName", bench.name()))


def _spelled(key: str) -> Callable[[Bench], Observation]:
    """Return the question whether a list of addresses may be spelled with *key*."""

    def ask(bench: Bench) -> Observation:
        user, address = bench.user(), bench.address()
        seen = _update(bench, user, _set("emails", [{key: address}]))
        shown = bench.store.describe_user(IdentityStoreId=bench.site.store_id, UserId=user)
        kept = any(one.get("Value") == address for one in shown.get("Emails", []))
        return Observation("ignored") if seen.answer == ACCEPTED and not kept else seen

    return ask


def _remove(operation: AttributeOperationTypeDef) -> Callable[[Bench], Observation]:
    """Return the question whether *operation* removes a title."""

    def ask(bench: Bench) -> Observation:
        user = bench.user(title="Probe")
        seen = _update(bench, user, operation)
        if seen.answer != ACCEPTED:
            return seen
        return chosen({True: "gone", False: "stays"}, lambda: _title(bench, user) is None)

    return ask


def _all_or_nothing(bench: Bench) -> Observation:
    user = bench.user()
    seen = _update(bench, user, _set("title", "Probe"), _set("shoeSize", "46"))
    if seen.answer == ACCEPTED:
        return seen
    return chosen(
        {True: "none is done", False: "the first is done"}, lambda: _title(bench, user) is None
    )


def _same_path_twice(bench: Bench) -> Observation:
    user = bench.user()
    seen = _update(bench, user, _set("title", "First"), _set("title", "Last"))
    return Observation(f"the {_title(bench, user)} holds") if seen.answer == ACCEPTED else seen


def _other_revision(bench: Bench) -> Observation:
    user = bench.user()
    return bench.attempt(
        lambda: bench.store.update_user(
            IdentityStoreId=bench.site.store_id,
            UserId=user,
            Operations=[_set("title", "Probe")],
            Revision="1",
        )
    )


def _delete_other_revision(bench: Bench) -> Observation:
    group = bench.group()
    return bench.attempt(
        lambda: bench.store.delete_group(
            IdentityStoreId=bench.site.store_id, GroupId=group, Revision="1"
        )
    )


def _revision_of_no_change(bench: Bench) -> Observation:
    user = bench.user(title="Probe")
    before = _revision(bench, user)
    seen = _update(bench, user, _set("title", "Probe"))
    if seen.answer != ACCEPTED:
        return seen
    return chosen(_CHANGES, lambda: _revision(bench, user) != before)


def _revision_of_a_member(bench: Bench) -> Observation:
    user, group = bench.user(), bench.group()
    before = _revision(bench, user), _group_revision(bench, group)
    bench.prepare(lambda: bench.join(group, user))
    after = _revision(bench, user), _group_revision(bench, group)
    of_user, of_group = (one != other for one, other in zip(before, after, strict=True))
    return Observation(
        {
            (True, True): "both change",
            (True, False): "the user's changes",
            (False, True): "the group's changes",
            (False, False): "both stay",
        }[of_user, of_group]
    )


UPDATES = (
    Probe("user-renamed", "renaming a user", _rename_user, allowed_by("rename_users")),
    Probe("user-renamed-to-taken", "renaming a user to another's name", _rename_user_to_taken),
    Probe("group-renamed", "renaming a group", _rename_group),
    Probe("group-renamed-to-taken", "renaming a group to another's name", _rename_group_to_taken),
    Probe("path-case", "the path `DisplayName` of a group", _path_of_the_model),
    Probe("key-value", "an address with the key `value`", _spelled("value")),
    Probe("key-Value", "an address with the key `Value`", _spelled("Value")),
    Probe("null-removes", "a title set to null", _remove(_set("title", None))),
    Probe("omission-removes", "a title without a value", _remove({"AttributePath": "title"})),
    Probe("empty-text", "a title set to an empty text", _of_a_user(_set("title", ""))),
    Probe(
        "required-removed",
        "a displayName set to null",
        _of_a_user(_set("displayName", None)),
        allowed_by("clear_required"),
    ),
    Probe("path-into-list", "the path `emails.value`", _of_a_user(_set("emails.value", "x"))),
    Probe("path-unknown", "a path that does not exist", _of_a_user(_set("shoeSize", "46"))),
    Probe("user-status", "the path `userStatus`", _of_a_user(_set("userStatus", "DISABLED"))),
    Probe(
        "path-of-extension",
        "the path of a department",
        _of_a_user(_set("aws:identitystore:enterprise.department", "Probe")),
    ),
    Probe("all-or-nothing", "an update that fails at its second path", _all_or_nothing),
    Probe("path-twice", "the same path twice in an update", _same_path_twice),
    Probe("revision-other", "an update with another Revision", _other_revision),
    Probe("revision-other-delete", "a deletion with another Revision", _delete_other_revision),
    Probe(
        "revision-unchanged",
        "the Revision after an update that changes nothing",
        _revision_of_no_change,
        Switch("unchanged_update_bumps_revision", {"changes": True, "stays": False}),
    ),
    Probe(
        "revision-member",
        "the Revisions of user and group after they are joined",
        _revision_of_a_member,
        Switch("membership_bumps_revision", {"both change": True, "both stay": False}),
    ),
)
"""In the order of the table."""
