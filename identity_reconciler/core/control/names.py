"""Names and patterns of the settings that nobody has, be it declared or live. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from fnmatch import translate

from identity_reconciler.core.accounts import AccountRole, AccountRoleKind
from identity_reconciler.core.declared import Declared, Settings, SettingsPath
from identity_reconciler.core.guard_settings import Policies
from identity_reconciler.core.scope import is_pattern
from identity_reconciler.core.state import State, folded
from identity_reconciler.core.wording import nearest
from identity_reconciler.errors import Position


@dataclass(frozen=True, slots=True)
class Unmatched:
    """A name or pattern of the settings that matches nothing."""

    text: str
    """In words, with what may be meant."""
    position: Position


def unmatched(
    declared: Declared, live: State | None, *, applications: bool
) -> tuple[Unmatched, ...]:
    """Return what the settings name and what is neither declared nor live, by position.

    *live* holds every user and group, and with *applications* every application; without, what
    names applications is passed over. Where *live* is not known, only what may be a slip for
    something declared is returned: the rest may be live. A pattern under `ignore` that matches
    nothing is told only where it may be a slip: many are there for what other services may make
    some day.
    """
    settings, found = declared.settings, list[Unmatched]()
    named = list(_named(settings))
    for kind in {kind for kind, _, _ in named}:
        if kind == "applications" and not applications:
            continue
        # Of what nothing is named, there may be half a million.
        known = {folded(name): name for name in _names(kind, declared, live or State())}
        for _, path, name in (one for one in named if one[0] == kind):
            if _matches(name, known):
                continue
            close = nearest(name.strip("*"), known)
            if close or not (live is None or path[0] == "ignore"):
                where = "declared" if live is None else "declared or live"
                advice = f'did you mean "{known[close]}"?' if close else "correct it, or remove it"
                found.append(
                    _told(settings, path, f'"{name}" matches nothing that is {where}; {advice}')
                )
    return tuple(sorted(found, key=lambda one: (one.position, one.text)))


def unmatched_in_accounts(settings: Settings, held: Iterable[AccountRole]) -> tuple[Unmatched, ...]:
    """Return what `guards.privileged` names of AWS accounts and nobody has, by position.

    *held* is all that anybody has in an account: what nobody has is in no state, so that a slip of
    the pen and a permission set without assignments look alike.
    """
    names: dict[str, set[str]] = {"permission_sets": set(), "roles": set(), "accounts": set()}
    for one in held:
        kind = "permission_sets" if one.kind is AccountRoleKind.PERMISSION_SET else "roles"
        names[kind].update(one.names)
        names["accounts"].update(one.account_names)
    found = list[Unmatched]()
    for kind, all_names in names.items():
        known = {folded(name): name for name in all_names}
        listed: tuple[str, ...] = getattr(settings.guards.privileged, kind)
        for number, name in enumerate(listed):
            if not _matches(name, known):
                close = nearest(name.strip("*/"), known)
                advice = f'did you mean "{known[close]}"?' if close else "correct it, or remove it"
                said = f'"{name}" matches nothing that anybody has in an AWS account; {advice}'
                found.append(_told(settings, ("guards", "privileged", kind, number), said))
    return tuple(sorted(found, key=lambda one: (one.position, one.text)))


def _names(kind: str, declared: Declared, live: State) -> Iterator[str]:
    """Yield every name that something of *kind* has, or may get or lose by a rename."""
    match kind:
        case "users":
            yield from (name for one in declared.users for name in one.names)
            yield from (one.user_name for one in live.users.values())
        case "groups":
            yield from (name for one in declared.groups for name in one.names)
            yield from (one.name for one in live.groups.values())
        case _:
            selected = (one.selector for one in declared.applications)
            yield from (name for one in selected for name in (one.name, one.arn) if name)
            yield from (name for one in live.applications.values() for name in (one.name, one.arn))


def _named(settings: Settings) -> Iterator[tuple[str, SettingsPath, str]]:
    """Yield every name or pattern in *settings* with the kind of what it names and its path."""
    guards, ignore, policies = settings.guards, settings.ignore, settings.guards.policies
    protected, privileged = guards.protected, guards.privileged
    lists: tuple[tuple[str, SettingsPath, tuple[str, ...]], ...] = (
        ("users", ("guards", "protected", "users"), protected.users),
        ("groups", ("guards", "protected", "groups"), protected.groups),
        ("applications", ("guards", "protected", "applications"), protected.applications),
        ("groups", ("guards", "privileged", "groups"), privileged.groups),
        ("applications", ("guards", "privileged", "applications"), privileged.applications),
        ("users", ("guards", "administrators"), guards.administrators),
        ("applications", ("no_direct_assignments",), policies.no_direct_assignments),
        ("groups", ("must_expire", "groups"), policies.must_expire.groups),
        ("applications", ("must_expire", "applications"), policies.must_expire.applications),
        ("users", ("ignore", "users"), ignore.users),
        ("groups", ("ignore", "groups"), ignore.groups),
        ("applications", ("ignore", "applications"), ignore.applications),
    )
    for kind, path, names in lists:
        for number, name in enumerate(names):
            yield kind, (*path, number), name
    yield from _named_by_policies(policies)
    for number, least in enumerate(guards.min_members):
        yield "groups", ("guards", "min_members", number, "group"), least.group
    for number, pinned in enumerate(guards.pinned_members):
        yield "groups", ("guards", "pinned_members", number, "group"), pinned.group
        for at, name in enumerate(pinned.users):
            yield "users", ("guards", "pinned_members", number, "users", at), name


def _named_by_policies(policies: Policies) -> Iterator[tuple[str, SettingsPath, str]]:
    """Yield every pattern in the entries of *policies*, as `_named` does."""
    for number, limit in enumerate(policies.max_members):
        yield "groups", ("max_members", number, "groups"), limit.groups
    for number, rule in enumerate(policies.min_owners):
        for at, name in enumerate(rule.groups):
            yield "groups", ("min_owners", number, "groups", at), name
        for at, name in enumerate(rule.applications):
            yield "applications", ("min_owners", number, "applications", at), name


def _matches(name: str, known: Collection[str]) -> bool:
    if not is_pattern(name):
        return folded(name) in known
    return any(map(re.compile(translate(folded(name))).match, known))


def _told(settings: Settings, path: SettingsPath, said: str) -> Unmatched:
    key = ".".join(part for part in path if isinstance(part, str))
    return Unmatched(f"{key}: {said}", settings.places.get(path, Position("instance.yaml", 1, 1)))
