"""What is live under a name that the YAML refuses, and how the YAML can speak of it all the same.

AWS takes names that people cannot tell from others, or not even see: with a space at an end, a tab
or a line break in a group's, or another Unicode form. The form makes no difference to us, so such
a name is written in form C. A group with odd spaces gets a name without them, and the name it has
as a previous one: the next plan renames it. Whatever else is refused can only be ignored.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from identity_reconciler.core.declared import Declared, ManageObjects, Presence
from identity_reconciler.core.lookalikes import look_alikes
from identity_reconciler.core.renames import Renames
from identity_reconciler.core.scope import matches_any
from identity_reconciler.core.state import (
    Group,
    GroupKey,
    GroupName,
    Principal,
    PrincipalKind,
    State,
    UserName,
    group_key,
)
from identity_reconciler.desired.model.text import check_group_name, check_previous_group_name
from identity_reconciler.desired.reading.files import SETTINGS_FILE
from identity_reconciler.desired.writing.exporter import objection
from identity_reconciler.desired.yaml.encoding import FORBIDDEN

_ODD_SPACES = re.compile(r"[^\S ]+")
_SIGNS = re.compile(r"[*?[]")


@dataclass(frozen=True, slots=True)
class Sayable:
    """A live state under names that the YAML can say, as far as there are any."""

    live: State
    former: Mapping[GroupKey, str]
    """What the groups that the next plan renames are called now, by their keys in `live`."""


def sayable(live: State, declared: Declared) -> Sayable:
    """Return *live* under the names that *declared* has, or is to have, for it."""
    renamed = dict(_repaired(live, declared))
    pairs = [(live.groups[key], Group(name)) for key, name in renamed.items()]
    live = Renames.of(pairs).state(live)
    former = {group_key(name): live.groups[group_key(name)].name for name in renamed.values()}
    names = {group_key(name): name for name in renamed.values()}
    return Sayable(
        replace(
            live,
            users={
                key: one
                if one.user_name.isascii()
                else replace(one, user_name=UserName(_in_form_c(one.user_name)))
                for key, one in live.users.items()
            },
            groups={
                key: replace(one, name=names.get(key) or GroupName(_in_form_c(one.name)))
                for key, one in live.groups.items()
            },
        ),
        former,
    )


def _objection(name: str) -> str | None:
    return objection(check_group_name, name)


def _in_form_c(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _repaired(live: State, declared: Declared) -> Iterator[tuple[GroupKey, GroupName]]:
    """Yield the groups that can be renamed to something that can be said, and to what."""
    if declared.settings.groups is ManageObjects.REFERENCE:
        return
    entries = {group_key(one.name): one for one in declared.groups}
    odd = {
        key: _ODD_SPACES.sub(" ", _in_form_c(group.name)).strip(" ")
        for key, group in live.groups.items()
        if not group.foreign
        and _objection(_in_form_c(group.name))
        and not objection(check_previous_group_name, group.name)
        and not matches_any(declared.settings.ignore.groups, key)
    }
    taken = {*live.groups, *(one.name for one in live.twins)}
    others = [one.name for key, one in live.groups.items() if key not in odd]
    alike = look_alikes([*others, *odd.values()]) if odd else {}
    for key, name in sorted(odd.items()):
        entry = entries.get(group_key(name))
        is_free = entry is None or entry.presence is Presence.PRESENT
        is_plain = name.isascii() or name not in alike
        if is_free and is_plain and group_key(name) not in taken and not _objection(name):
            taken.add(group_key(name))
            yield key, GroupName(name)


@dataclass(frozen=True, slots=True)
class ToBeIgnored:
    """Patterns for names that the YAML can say in no other way."""

    users: tuple[str, ...]
    groups: tuple[str, ...]
    remarks: Mapping[str, str]
    """What there is to tell, by address."""


def to_be_ignored(refused: Mapping[Principal, str], live: State) -> ToBeIgnored:
    """Return patterns for those of *live* that are *refused* an entry, each with the reason.

    Whoever no pattern tells from others is not among them.
    """
    known: dict[PrincipalKind, Mapping[str, str]] = {
        PrincipalKind.USER: {key: one.user_name for key, one in live.users.items()},
        PrincipalKind.GROUP: {key: one.name for key, one in live.groups.items()},
    }
    patterns: dict[PrincipalKind, list[str]] = {kind: [] for kind in known}
    remarks = dict[str, str]()
    for one, why in sorted(refused.items()):
        names = known[one.kind]
        pattern = _pattern(names[one.name], (key for key in names if key != one.name))
        if pattern is not None:
            patterns[one.kind].append(pattern)
            remarks[f"{one.kind}/{names[one.name]}"] = (
                f"its name cannot be written: {why}; ignored from now on (ignore in "
                f"{SETTINGS_FILE}) with all it has, until it gets another one in AWS"
            )
    users, groups = patterns[PrincipalKind.USER], patterns[PrincipalKind.GROUP]
    return ToBeIgnored(tuple(users), tuple(groups), remarks)


def _pattern(name: str, others: Iterable[str]) -> str | None:
    """Return a pattern that matches *name* and none of *others*; None: the YAML can say none."""
    quoted = _SIGNS.sub(lambda sign: f"[{sign[0]}]", name)
    pattern = FORBIDDEN.sub("?", quoted)
    return None if any(matches_any((pattern,), other) for other in others) else pattern
