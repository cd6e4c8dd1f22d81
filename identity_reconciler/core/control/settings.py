"""When does a change of a setting or policy loosen control? Pure.

There is one rule for every key of `instance.yaml` and of `policies.yaml`.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import combinations

from identity_reconciler.core.accounts import AccountReading
from identity_reconciler.core.control.loosening import Aspect, Loosening
from identity_reconciler.core.declared import (
    Declared,
    DeclaredGroup,
    DeclaredUser,
    ManageLinks,
    ManageObjects,
    Settings,
    SettingsPath,
)
from identity_reconciler.core.guard_settings import DeleteBudget, GuardSettings, SeparatedDuties
from identity_reconciler.core.lease import OFF
from identity_reconciler.core.scope import covers
from identity_reconciler.core.state import folded, group_key, user_key
from identity_reconciler.errors import Position


@dataclass(frozen=True, slots=True)
class Looser:
    """What one key says more loosely than before."""

    text: str
    """Follows the key: "is ..." or "no longer has ..."."""
    below: SettingsPath = ()
    """Leads from the key to what it is about."""
    gone: bool = False
    """Whether *below* leads there in the base."""


Compare = Callable[[Settings, Settings], Iterable[Looser]]


@dataclass(frozen=True, slots=True)
class Rule:
    """When a change of one key loosens control, and of what."""

    aspect: Aspect
    compare: Compare
    """Takes the settings of the base, under new names, and those of now."""


def loosened_settings(
    base: Declared, now: Declared, aspects: Collection[Aspect]
) -> Iterator[Loosening]:
    """Yield what the settings of *now* say more loosely about *aspects*, in the order of `RULES`.

    A group or user that *now* renames is the same under both names.
    """
    old, new = base.settings, now.settings
    users, groups = _new_names(now.users), _new_names(now.groups)
    guards = under_new_names(
        old.guards,
        user=lambda name: users.get(folded(name), name),
        group=lambda name: groups.get(folded(name), name),
    )
    renamed = replace(old, guards=guards)
    for key, rule in RULES.items():
        for found in rule.compare(renamed, new) if rule.aspect in aspects else ():
            position, at_base = _place((*key.split("."), *found.below), found, old, new)
            yield Loosening(rule.aspect, f"{key} {found.text}", position, at_base)


def _new_names(entries: Iterable[DeclaredUser] | Iterable[DeclaredGroup]) -> Mapping[str, str]:
    return {folded(old): one.name for one in entries for old in one.previous_names}


def under_new_names(
    guards: GuardSettings, *, user: Callable[[str], str], group: Callable[[str], str]
) -> GuardSettings:
    """Return *guards* with the new names of groups whose members they count or keep apart.

    So it is with the members they name. *user* and *group* return the new name for an old one.
    Patterns stay as they are.
    """
    return replace(
        guards,
        min_members=tuple(replace(one, group=group(one.group)) for one in guards.min_members),
        pinned_members=tuple(
            replace(one, group=group(one.group), users=tuple(map(user, one.users)))
            for one in guards.pinned_members
        ),
        policies=replace(
            guards.policies,
            separation_of_duties=tuple(
                replace(one, groups=tuple(map(group, one.groups)))
                for one in guards.policies.separation_of_duties
            ),
        ),
    )


def _place(
    path: SettingsPath, found: Looser, old: Settings, new: Settings
) -> tuple[Position, bool]:
    """Return where *path* stands, and whether that is in the base: where it was, if it is gone."""
    if path in old.places and (found.gone or path not in new.places):
        return old.places[path], True
    return new.places.get(path, Position("instance.yaml", 1, 1)), False


def _free(_old: Settings, _new: Settings) -> tuple[Looser, ...]:
    """Compare a key that may be changed freely."""
    return ()


def _same(value: Callable[[Settings], str]) -> Compare:
    """Return the comparison of a key that says which instance it is."""

    def compare(old: Settings, new: Settings) -> Iterator[Looser]:
        if value(old) != value(new):
            yield Looser(
                f"is {value(new)}, was {value(old)}: "
                "it is another instance, and nothing here manages the former one"
            )

    return compare


def _delegate(old: Settings, new: Settings) -> Iterator[Looser]:
    account, before = new.instance.delegated_administrator, old.instance.delegated_administrator
    if account is not None and account != before:
        was = f", was {before}" if before else ""
        yield Looser(f"is {account}{was}: credentials of that account may act on the instance")


def _raised(value: Callable[[Settings], float], meaning: str) -> Compare:
    """Return the comparison of a number that loosens control when it is raised."""
    return _number(value, meaning, operator.gt)


def _lowered(value: Callable[[Settings], float], meaning: str) -> Compare:
    """Return the comparison of a number that loosens control when it is lowered."""
    return _number(value, meaning, operator.lt)


def _number(
    value: Callable[[Settings], float], meaning: str, is_looser: Callable[[float, float], bool]
) -> Compare:
    def compare(old: Settings, new: Settings) -> Iterator[Looser]:
        before, after = value(old), value(new)
        if is_looser(after, before):
            yield Looser(f"is {after}, was {before}: {meaning}")

    return compare


def _flag(value: Callable[[Settings], bool], meaning: str, *, tight: bool) -> Compare:
    """Return the comparison of a flag that loosens control unless it is *tight*."""

    def compare(old: Settings, new: Settings) -> Iterator[Looser]:
        if value(old) is tight and value(new) is not tight:
            said = ["false", "true"]
            yield Looser(f"is {said[not tight]}, was {said[tight]}: {meaning}")

    return compare


_OBJECTS = (ManageObjects.AUTHORITATIVE, ManageObjects.DECLARED, ManageObjects.REFERENCE)
_LINKS = (ManageLinks.AUTHORITATIVE, ManageLinks.ADDITIVE, ManageLinks.OFF)
"""From the tightest to the loosest."""


def _objects(value: Callable[[Settings], ManageObjects], kind: str) -> Compare:
    meanings = {
        ManageObjects.DECLARED: f"{kind} that are live and not declared stay",
        ManageObjects.REFERENCE: f"{kind} are only looked up, and none is managed",
    }

    def compare(old: Settings, new: Settings) -> Iterator[Looser]:
        before, after = value(old), value(new)
        if _OBJECTS.index(after) > _OBJECTS.index(before):
            yield Looser(f"is {after}, was {before}: {meanings[after]}")

    return compare


def _links(value: Callable[[Settings], ManageLinks], whose: str) -> Compare:
    meanings = {
        ManageLinks.ADDITIVE: f"nobody is removed from {whose} any more",
        ManageLinks.OFF: f"no list of {whose} is managed",
    }

    def compare(old: Settings, new: Settings) -> Iterator[Looser]:
        before, after = value(old), value(new)
        if _LINKS.index(after) > _LINKS.index(before):
            yield Looser(f"is {after}, was {before}: {meanings[after]}")

    return compare


def _account_access(old: Settings, new: Settings) -> Iterator[Looser]:
    before, after = old.account_access, new.account_access
    if AccountReading.OFF in {after} - {before}:
        meaning = "who gets into AWS accounts, or is left there, is not looked at"
        yield Looser(f"is {after}, was {before}: {meaning}")


def _lock(old: Settings, new: Settings) -> Iterator[Looser]:
    if old.lock in {OFF, new.lock}:
        return
    meaning = "where it was is not looked at any more, so let no apply be under way"
    if new.lock == OFF:
        meaning = "nothing keeps two applies apart, or an older commit from following a newer one"
    yield Looser(f"is {new.lock}, was {old.lock}: {meaning}")


def _repository(old: Settings, new: Settings) -> Iterator[Looser]:
    before, after = old.repository.name, new.repository.name
    if before != after:
        yield Looser(
            f"is {after or 'nothing'}, was {before or 'nothing'}: its lease is another one, which "
            "knows nothing of what was applied by the former"
        )


Patterns = Callable[[Settings], tuple[str, ...]]


def _dropped(value: Patterns, meaning: str) -> Compare:
    """Return the comparison of patterns each of which guards something."""

    def compare(old: Settings, new: Settings) -> Iterator[Looser]:
        for number, pattern in enumerate(value(old)):
            if not covers(value(new), pattern):
                yield Looser(f'no longer has "{pattern}": {meaning}', (number,), gone=True)

    return compare


def _added(value: Patterns, kind: str) -> Compare:
    """Return the comparison of patterns each of which leaves something alone."""

    def compare(old: Settings, new: Settings) -> Iterator[Looser]:
        for number, pattern in enumerate(value(new)):
            if not covers(value(old), pattern):
                said = f'has "{pattern}" now: {kind} that it matches are not managed'
                yield Looser(said, (number,))

    return compare


def _claimed(kind: str) -> Compare:
    """Return the comparison of what may be declared of a *kind*, whoever else does."""

    def compare(old: Settings, new: Settings) -> Iterator[Looser]:
        for number, pattern in enumerate(new.repository.owns.of(kind)):
            if not covers(old.repository.owns.of(kind), pattern):
                said = f'has "{pattern}" now: {kind}s that it matches may be declared here'
                yield Looser(said, (number,))

    return compare


def _grace(old: Settings, new: Settings) -> Iterator[Looser]:
    before, after = old.guards.review_grace, new.guards.review_grace
    if before is None:
        return
    if after is None:
        yield Looser(f"is not there any more, was {before}: nothing expires for want of a review")
    elif after.is_longer_than(before):
        yield Looser(f"is {after}, was {before}: what nobody reviews expires later")


def _min_members(old: Settings, new: Settings) -> Iterator[Looser]:
    for number, one in enumerate(old.guards.min_members):
        key = group_key(one.group)
        same = [
            (at, other.least)
            for at, other in enumerate(new.guards.min_members)
            if group_key(other.group) == key
        ]
        least = max((least for _, least in same), default=0)
        if least >= one.least:
            continue
        if same:
            said = f'says {least} for "{one.group}", was {one.least}: it may have fewer members'
            yield Looser(said, (same[0][0],))
        else:
            said = f'no longer has "{one.group}", which needed {one.least}'
            yield Looser(f"{said}: any number of its members may go", (number,), gone=True)


def _pinned_members(old: Settings, new: Settings) -> Iterator[Looser]:
    for number, one in enumerate(old.guards.pinned_members):
        same = [
            (at, frozenset(map(user_key, other.users)))
            for at, other in enumerate(new.guards.pinned_members)
            if group_key(other.group) == group_key(one.group)
        ]
        pinned = frozenset(map(user_key, one.users))
        if any(users == pinned for _, users in same):
            continue
        if same:
            at, users = same[0]
            parts = (("may have", users - pinned), ("need not have", pinned - users))
            named = ", and ".join(
                f"{words} {', '.join(sorted(some))}" for words, some in parts if some
            )
            yield Looser(f'says otherwise for "{one.group}": it {named}', (at,))
        else:
            said = f'no longer has "{one.group}": anybody may be in it'
            yield Looser(said, (number,), gone=True)


def _separation(old: Settings, new: Settings) -> Iterator[Looser]:
    kept = set[frozenset[tuple[str, str]]]()
    for entry in new.guards.policies.separation_of_duties:
        kept.update(pair for pair, _ in _kept_apart(entry))
    for number, entry in enumerate(old.guards.policies.separation_of_duties):
        for pair, named in _kept_apart(entry):
            if pair not in kept:
                said = f"no longer keeps {named} apart: one person may have both"
                yield Looser(said, (number,), gone=True)


def _kept_apart(entry: SeparatedDuties) -> Iterator[tuple[frozenset[tuple[str, str]], str]]:
    """Yield each pair that nobody may have together, and how messages name it."""
    duties = [("group", folded(name), name) for name in entry.groups]
    duties += [("application", name, name) for name in entry.applications]
    for (kind, key, name), (other_kind, other_key, other) in combinations(duties, 2):
        pair = frozenset(((kind, key), (other_kind, other_key)))
        yield pair, f'{kind} "{name}" and {other_kind} "{other}"'


def _max_members(old: Settings, new: Settings) -> Iterator[Looser]:
    for number, one in enumerate(old.guards.policies.max_members):
        limits = [
            (at, other.most)
            for at, other in enumerate(new.guards.policies.max_members)
            if covers((other.groups,), one.groups)
        ]
        most = min((most for _, most in limits), default=None)
        if most is None:
            said = f'no longer has "{one.groups}", at most {one.most}: what it matches may grow'
            yield Looser(said, (number,), gone=True)
        elif most > one.most:
            said = f'says {most} for "{one.groups}", was {one.most}: more may be in there'
            yield Looser(said, (limits[0][0],))


def _min_owners(old: Settings, new: Settings) -> Iterator[Looser]:
    for number, one in enumerate(old.guards.policies.min_owners):
        for key, patterns in (("groups", one.groups), ("applications", one.applications)):
            for pattern in patterns:
                least = max(
                    (
                        other.least
                        for other in new.guards.policies.min_owners
                        if covers(getattr(other, key), pattern)
                    ),
                    default=0,
                )
                if least < one.least:
                    said = f'says {least} for {key} "{pattern}", was {one.least}'
                    yield Looser(f"{said}: fewer may answer for them", (number,), gone=not least)


def _max_duration(old: Settings, new: Settings) -> Iterator[Looser]:
    before, after = old.guards.policies.max_duration, new.guards.policies.max_duration
    if before is None or (after is not None and after <= before):
        return
    now = "gone" if after is None else f"{after}"
    said = f"is {now}, was {before}: privileged access may last for longer"
    yield Looser(said, gone=after is None)


def _reason_pattern(old: Settings, new: Settings) -> Iterator[Looser]:
    before, after = (one.guards.policies.reason_pattern for one in (old, new))
    if before and before != after:
        now = f'"{after}"' if after else "gone"
        yield Looser(f'is {now}, was "{before}": other reasons pass', gone=not after)


def _email_domains(old: Settings, new: Settings) -> Iterator[Looser]:
    before, after = old.guards.policies.email_domains, new.guards.policies.email_domains
    if before and not after:
        yield Looser("is empty: addresses of any domain pass", gone=True)
    for number, domain in enumerate(after if before else ()):
        if not covers(before, domain):
            yield Looser(f'has "{domain}" now: addresses of it pass', (number,))


def _budget(
    kind: str, budget: Callable[[Settings], DeleteBudget], what: str, done: str = "removed"
) -> dict[str, Rule]:
    key, more = f"guards.budgets.{kind}", f"more {what} may be {done} at once"
    comparisons = {
        "floor": _raised(lambda it: budget(it).floor, more),
        "percent": _raised(lambda it: budget(it).percent, more),
        "ceiling": _raised(lambda it: budget(it).ceiling, more),
    }
    return {f"{key}.{name}": Rule(Aspect.GUARDED, one) for name, one in comparisons.items()}


def _guard(compare: Compare) -> Rule:
    return Rule(Aspect.GUARDED, compare)


_FEWER = "a directory with fewer is changed as well"
_GOES = "what it matches may be deleted and renamed"
_TAKEN = "assignments may be taken from what it matches"
_ENTERED = "anybody may get into what it matches"
_ENDLESS = "access to what it matches may be given without an end"

RULES: Mapping[str, Rule] = {
    "instance.identity_store_id": Rule(
        Aspect.MANAGED, _same(lambda it: it.instance.identity_store_id)
    ),
    "instance.instance_arn": Rule(Aspect.MANAGED, _same(lambda it: it.instance.instance_arn)),
    "instance.account_id": Rule(Aspect.MANAGED, _same(lambda it: it.instance.account_id)),
    "instance.region": Rule(Aspect.MANAGED, _same(lambda it: it.instance.region)),
    "instance.name": Rule(Aspect.MANAGED, _free),
    "instance.delegated_administrator": _guard(_delegate),
    "guards.protected.users": _guard(_dropped(lambda it: it.guards.protected.users, _GOES)),
    "guards.protected.groups": _guard(_dropped(lambda it: it.guards.protected.groups, _GOES)),
    "guards.protected.applications": _guard(
        _dropped(lambda it: it.guards.protected.applications, _TAKEN)
    ),
    "guards.privileged.groups": _guard(_dropped(lambda it: it.guards.privileged.groups, _ENTERED)),
    "guards.privileged.applications": _guard(
        _dropped(lambda it: it.guards.privileged.applications, _ENTERED)
    ),
    "guards.privileged.permission_sets": _guard(
        _dropped(lambda it: it.guards.privileged.permission_sets, _ENTERED)
    ),
    "guards.privileged.roles": _guard(_dropped(lambda it: it.guards.privileged.roles, _ENTERED)),
    "guards.privileged.accounts": _guard(
        _dropped(lambda it: it.guards.privileged.accounts, _ENTERED)
    ),
    "account_access": _guard(_account_access),
    "lock": _guard(_lock),
    "repository.name": _guard(_repository),
    "repository.owns.users": _guard(_claimed("user")),
    "repository.owns.groups": _guard(_claimed("group")),
    "repository.owns.applications": _guard(_claimed("application")),
    "guards.administrators": _guard(
        _dropped(
            lambda it: it.guards.administrators,
            "whom it matches may lose what gives them their access",
        )
    ),
    "guards.min_members": _guard(_min_members),
    "guards.pinned_members": _guard(_pinned_members),
    "guards.expect_live.users": _guard(_lowered(lambda it: it.guards.expect_live.users, _FEWER)),
    "guards.expect_live.groups": _guard(_lowered(lambda it: it.guards.expect_live.groups, _FEWER)),
    "guards.wipe_from": _guard(
        _raised(lambda it: it.guards.wipe_from, "more may be removed to the last one")
    ),
    **_budget("users", lambda it: it.guards.budgets.users, "users"),
    **_budget("groups", lambda it: it.guards.budgets.groups, "groups"),
    **_budget("memberships", lambda it: it.guards.budgets.memberships, "memberships"),
    **_budget("assignments", lambda it: it.guards.budgets.assignments, "assignments"),
    **_budget("expired", lambda it: it.guards.budgets.expired, "expired links"),
    **_budget("renames", lambda it: it.guards.budgets.renames, "users and groups", "renamed"),
    "guards.rename.likeness": _guard(
        _raised(lambda it: it.guards.rename.likeness, "fewer pairs look like one rename")
    ),
    "guards.rename.shared": _guard(
        _raised(lambda it: it.guards.rename.shared, "fewer pairs of groups look like one rename")
    ),
    "guards.review_grace": _guard(_grace),
    "separation_of_duties": _guard(_separation),
    "max_members": _guard(_max_members),
    "no_direct_assignments": _guard(
        _dropped(
            lambda it: it.guards.policies.no_direct_assignments,
            "users may be assigned to what it matches by themselves",
        )
    ),
    "email_domains": _guard(_email_domains),
    "min_owners": _guard(_min_owners),
    "max_duration": _guard(_max_duration),
    "must_expire.groups": _guard(
        _dropped(lambda it: it.guards.policies.must_expire.groups, _ENDLESS)
    ),
    "must_expire.applications": _guard(
        _dropped(lambda it: it.guards.policies.must_expire.applications, _ENDLESS)
    ),
    "must_expire.privileged": _guard(
        _flag(
            lambda it: it.guards.policies.must_expire.privileged,
            "privileged access may be given without an end",
            tight=True,
        )
    ),
    "reason_pattern": _guard(_reason_pattern),
    "ignore.users": Rule(Aspect.IGNORED, _added(lambda it: it.ignore.users, "users")),
    "ignore.groups": Rule(Aspect.IGNORED, _added(lambda it: it.ignore.groups, "groups")),
    "ignore.applications": Rule(
        Aspect.IGNORED, _added(lambda it: it.ignore.applications, "applications")
    ),
    "manage.users": Rule(Aspect.MANAGED, _objects(lambda it: it.users, "users")),
    "manage.groups": Rule(Aspect.MANAGED, _objects(lambda it: it.groups, "groups")),
    "manage.memberships": Rule(Aspect.MANAGED, _links(lambda it: it.memberships, "groups")),
    "manage.assignments": Rule(Aspect.MANAGED, _links(lambda it: it.assignments, "applications")),
    "manage.require_email": Rule(
        Aspect.MANAGED,
        _flag(lambda it: it.require_email, "users without an e-mail address pass", tight=True),
    ),
    "manage.rename_users": Rule(
        Aspect.MANAGED, _flag(lambda it: it.rename_users, "live users may be renamed", tight=False)
    ),
}
"""By the key that `instance.yaml`, or `policies.yaml`, has for it; what weighs most first."""
