"""Groups of groups, and members by rule, to plain lists: what AWS can hold. Pure.

A member of an included group is a member from the last start along the way until the first end. Of
several ways one that holds counts before one that is over, and that before one that is yet to
start; of these the one that lasts longest, and of these the shortest. At no instant in particular
all count as if they had started. Who is in a group that nothing here
manages, and which people of an identity provider a rule matches, only AWS knows: without a live
state, lists that depend on it have what the YAML alone gives, and say that more is unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from identity_reconciler.core.declared import (
    MEMBERS_WHERE,
    Declared,
    DeclaredGroup,
    DeclaredUser,
    Listed,
    ManageObjects,
    MembersRule,
    Presence,
    UnknownMembers,
)
from identity_reconciler.core.scope import matches_any
from identity_reconciler.core.state import (
    GroupKey,
    State,
    User,
    UserKey,
    folded,
    group_key,
    user_key,
)
from identity_reconciler.core.wording import shown

_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class FlatList:
    """Who is in a group, whichever way they came."""

    members: tuple[Listed, ...] = ()
    """Those that its own list names first, in its order; then the others, by name."""
    unknown: tuple[UnknownMembers, ...] = ()
    idle: tuple[Listed, ...] = ()
    """Those of `exclude` who would not be in it anyhow."""
    matched: int | None = None
    """How many people the rule matches; None: there is none."""


@dataclass(frozen=True, slots=True)
class LiveMembers:
    """What is live, by the names of after the renames."""

    state: State
    unsure: frozenset[GroupKey] = frozenset()
    """Groups of which AWS has something else than is declared, or of which nothing is known."""
    as_live: frozenset[GroupKey] = frozenset()
    """Groups whose members are to be taken from here, whatever is declared."""


def flattened(declared: Declared, as_of: datetime | None = None) -> Declared:
    """Return *declared* with the members that the YAML alone gives in each list at *as_of*."""
    if not any(map(is_to_follow, declared.groups)):
        return declared
    return with_lists(declared, flat_lists(declared, None, as_of), flat=False)


def is_to_follow(entry: DeclaredGroup) -> bool:
    """Return whether *entry* has members that its list does not have yet."""
    return entry.derives and not entry.flat


def with_lists(
    declared: Declared, lists: Mapping[GroupKey, FlatList], *, flat: bool = True
) -> Declared:
    """Return *declared* with *lists* as the members of its groups; see `DeclaredGroup.flat`."""

    def with_list(entry: DeclaredGroup) -> DeclaredGroup:
        found = lists.get(group_key(entry.name))
        if found is None:
            return entry
        rule = entry.rule and replace(entry.rule, matched=found.matched)
        return replace(entry, members=found.members, unknown=found.unknown, rule=rule, flat=flat)

    return replace(declared, groups=tuple(map(with_list, declared.groups))) if lists else declared


def idle_exclude(entry: DeclaredGroup, item: Listed) -> str:
    """Return what is wrong with *item* of `exclude`, which takes nobody out of *entry*."""
    return (
        f"exclude: user {shown(item.name)} would not be in group {shown(entry.name)} by what it "
        "includes, nor by its rule; take the item out"
    )


def flat_lists(
    declared: Declared, live: LiveMembers | None, as_of: datetime | None = None
) -> Mapping[GroupKey, FlatList]:
    """Return who is in each group of *declared* that includes others or has a rule, at *as_of*.

    What would close a circle of includes adds nobody; nothing that was loaded has one.
    """
    work = _Flattening(declared, live, as_of)
    for key in work.in_order():
        work.lists[key] = work.flat(work.groups[key])
    return work.lists


def included_groups(declared: Declared) -> frozenset[GroupKey]:
    """Return the groups that others include and whose members only AWS knows."""
    entries = {group_key(one.name): one for one in declared.groups}
    found = {group_key(item.name) for one in declared.groups for item in one.include}
    return frozenset(key for key in found if _only_live(entries.get(key)))


def derived(declared: Declared, entry: DeclaredGroup, *, whole: bool = False) -> FlatList:
    """Return whom includes and the rule alone give *entry* of *declared*, by the YAML.

    With *whole* also those whom it excludes.
    """
    bare = replace(entry, members=None, exclude=() if whole else entry.exclude)
    # Of two with one name the last one counts.
    lists = flat_lists(replace(declared, groups=(*declared.groups, bare)), None)
    return lists.get(group_key(entry.name), FlatList())


def way(one: Listed) -> str:
    """Return in words how *one* comes into a list that does not name it."""
    return " > ".join(one.via)


def depends_on_live(declared: Declared) -> frozenset[GroupKey]:
    """Return the groups whose members do not follow from the YAML alone."""
    lists = flat_lists(declared, None) if any(map(is_to_follow, declared.groups)) else {}
    return frozenset(key for key, one in lists.items() if one.unknown)


def _only_live(entry: DeclaredGroup | None) -> bool:
    return entry is None or not entry.is_managed


@dataclass(slots=True)
class _Flattening:
    declared: Declared
    live: LiveMembers | None
    as_of: datetime | None = None
    groups: dict[GroupKey, DeclaredGroup] = field(default_factory=dict)
    users: dict[UserKey, DeclaredUser] = field(default_factory=dict)
    lists: dict[GroupKey, FlatList] = field(default_factory=dict)
    _alike: dict[str, tuple[tuple[UserKey, Listed], ...]] = field(default_factory=dict)
    """Who comes by an include that says nothing but the name of a group, by that."""

    def __post_init__(self) -> None:
        self.groups = {group_key(one.name): one for one in self.declared.groups}
        self.users = {user_key(one.name): one for one in self.declared.users}

    def in_order(self) -> Iterator[GroupKey]:
        """Yield the groups to flatten, those that are included before those that include them."""
        done: set[GroupKey] = set()
        for start, entry in self.groups.items():
            # By hand and not by recursion, however deep groups are in groups.
            trail = {start: None} if is_to_follow(entry) and start not in done else {}
            while trail:
                key = next(reversed(trail))
                inner = (group_key(one.name) for one in self.groups[key].include)
                ahead = next((one for one in inner if self._waits(one, trail, done)), None)
                if ahead is not None:
                    trail[ahead] = None
                    continue
                del trail[key]
                done.add(key)
                yield key

    def _waits(self, key: GroupKey, trail: Mapping[GroupKey, None], done: set[GroupKey]) -> bool:
        is_new = key not in done and key not in trail
        return is_new and key in self.groups and is_to_follow(self.groups[key])

    def flat(self, entry: DeclaredGroup) -> FlatList:
        found: dict[UserKey, Listed] = {}
        unknown: dict[UnknownMembers, None] = {}
        for item in entry.include:
            for user, mine in self._coming(item):
                other = found.get(user)
                if other is None or self._rank(mine) > self._rank(other):
                    found[user] = mine
            unknown.update(dict.fromkeys(self._unknown(entry, item)))
        matched = None
        if entry.rule is not None:
            by_rule = list(self._matching(entry.rule))
            matched = len(by_rule)
            for user, one in by_rule:
                found[user] = self._better(one, found.get(user))
            if self.live is None:
                said = "which people of an identity provider a rule matches, only AWS knows"
                unknown[UnknownMembers(entry.rule.position, said)] = None
        idle = tuple(one for one in entry.exclude if not found.pop(user_key(one.name), None))
        own = [one for one in entry.members or () if not one.via]
        listed = [self._better(one, found.pop(user_key(one.name), None)) for one in own]
        rest = (found[user] for user in sorted(found))
        return FlatList((*listed, *rest), tuple(unknown), idle, matched)

    def _coming(self, item: Listed) -> Iterable[tuple[UserKey, Listed]]:
        """Return who comes into a group because *item* includes another one."""
        key = group_key(item.name)
        entry = self.groups.get(key)
        if not self._is_known(key):
            return ()
        if entry is None or not entry.is_managed or (self.live and key in self.live.as_live):
            return [(user, _through(one, item)) for user, one in self._of_live(key, item)]
        if item != Listed(item.name, item.position):
            return [(user_key(one.name), _through(one, item)) for one in self._members(entry)]
        # By the name alone all come alike, into however many groups.
        if item.name not in self._alike:
            come = ((user_key(one.name), _through(one, item)) for one in self._members(entry))
            self._alike[item.name] = tuple(come)
        return self._alike[item.name]

    def _members(self, entry: DeclaredGroup) -> tuple[Listed, ...]:
        done = self.lists.get(group_key(entry.name))
        return (entry.members or ()) if done is None else done.members

    def _is_known(self, key: GroupKey) -> bool:
        return self.live is None or key not in self.live.unsure

    def _of_live(self, key: GroupKey, item: Listed) -> Iterator[tuple[UserKey, Listed]]:
        """Yield who is live in a group that nothing here manages."""
        for user in self.live.state.members.get(key, ()) if self.live else ():
            if self._may_be_member(user):
                yield user, Listed(self._spelled(user), item.position)

    def _may_be_member(self, user: UserKey) -> bool:
        """Return whether *user*, who is live, is somebody to be listed.

        Not who is to be deleted, and not who is ignored.
        """
        entry, settings = self.users.get(user), self.declared.settings
        if entry is not None:
            return entry.presence is not Presence.ABSENT
        live = self.live.state.users.get(user) if self.live else None
        if live is None or matches_any(settings.ignore.users, user):
            return False
        return live.foreign or settings.users is not ManageObjects.AUTHORITATIVE

    def _spelled(self, user: UserKey) -> str:
        if user in self.users:
            return self.users[user].name
        return self.live.state.user_name(user) if self.live else user

    def _unknown(self, entry: DeclaredGroup, item: Listed) -> Iterator[UnknownMembers]:
        """Yield why it is not known who is in a group that *item* of *entry* includes."""
        key = group_key(item.name)
        inner = self.groups.get(key)
        if not self._is_known(key):
            said = f"group {shown(item.name)} is unresolved, so who is in group "
            said += f"{shown(entry.name)} by it is left as it is"
            yield UnknownMembers(item.position, said)
        elif key in self.lists:
            yield from self.lists[key].unknown
        elif self.live is None and _only_live(inner):
            said = f"who is in group {shown(item.name)}, only AWS knows"
            yield UnknownMembers(item.position, said)

    def _better(self, one: Listed, other: Listed | None) -> Listed:
        return one if other is None or self._rank(one) >= self._rank(other) else other

    def _rank(self, one: Listed) -> tuple[int, datetime, int]:
        """Return what makes the better of two ways the greater."""
        standing = 0
        if self.as_of is not None and not one.is_waiting(self.as_of):
            standing = 1 + one.holds(self.as_of)
        return standing, one.expires or _NEVER, -len(one.via)

    def _matching(self, rule: MembersRule) -> Iterator[tuple[UserKey, Listed]]:
        """Yield whom *rule* matches."""
        wanted = [(name, frozenset(map(folded, values))) for name, values in rule.conditions]
        for user, found in self._described():
            if all(folded(getattr(found, name) or "") in values for name, values in wanted):
                spelled = self._spelled(user)
                yield user, _by_rule(spelled, rule)

    def _described(self) -> Iterator[tuple[UserKey, User]]:
        """Yield the people whom a rule is asked about, with what is said of them.

        Of who is declared that is what the YAML says; of who belongs to an identity provider, what
        is live.
        """
        live = self.live.state.users if self.live else {}
        only_referred = self.declared.settings.users is ManageObjects.REFERENCE
        for user, entry in self.users.items():
            if entry.presence is Presence.PRESENT and not only_referred:
                yield user, entry.user
            elif entry.presence is not Presence.ABSENT and user in live:
                yield user, live[user]
        for user, found in live.items():
            is_theirs = user not in self.users and (found.foreign or only_referred)
            if is_theirs and not matches_any(self.declared.settings.ignore.users, user):
                yield user, found


def _by_rule(name: str, rule: MembersRule) -> Listed:
    unlapsed = _by_rule(name, rule.unlapsed) if rule.unlapsed else None
    said = (rule.expires, rule.reason, (MEMBERS_WHERE,))
    return Listed(name, rule.position, *said, unlapsed=unlapsed)


def _through(one: Listed, item: Listed) -> Listed:
    """Return *one*, a member of the group that *item* includes, as a member by that."""
    # Nearly all have neither a date nor a review, and there are half a million of them.
    lapses = one.unlapsed is not None or item.unlapsed is not None
    return Listed(
        one.name,
        one.position,
        _sooner(one.expires, item.expires) if item.expires else one.expires,
        one.reason or item.reason,
        (item.name, *one.via),
        _later(one.starts, item.starts) if item.starts else one.starts,
        _through(one.unlapsed or one, item.unlapsed or item) if lapses else None,
    )


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    if one is None or other is None:
        return one or other
    return max(one, other)


def _sooner(one: datetime | None, other: datetime | None) -> datetime | None:
    if one is None or other is None:
        return one or other
    return min(one, other)


def circles(groups: Iterable[DeclaredGroup]) -> Iterator[tuple[Listed, ...]]:
    """Yield each circle of includes once: the items that lead around, in order."""
    entries = {group_key(one.name): one for one in groups}
    done: set[GroupKey] = set()
    for start, entry in entries.items():
        trail: dict[GroupKey, Iterator[Listed]] = {}
        items: list[Listed] = []
        if start not in done:
            trail[start] = iter(entry.include)
        while trail:
            key = next(reversed(trail))
            item = next(trail[key], None)
            if item is None:
                del trail[key]
                done.add(key)
                if items:
                    items.pop()
                continue
            inner = group_key(item.name)
            if inner in trail:
                begin = list(trail).index(inner)
                yield (*items[begin:], item)
            elif inner in entries and inner not in done:
                trail[inner] = iter(entries[inner].include)
                items.append(item)
