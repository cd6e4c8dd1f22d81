"""Guards for who is in a group: a least number of members, exactly these, or those of a rule. Pure.

The first two judge the group as it is after the plan, whoever made it so: a break-glass group that
is wrong is put right first. For `pinned_members` that means that removing a stranger can turn a
refusal into a pass; nothing else that is removed can.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from identity_reconciler.core.declared import MEMBERS_WHERE, DeclaredGroup
from identity_reconciler.core.guard_settings import GuardSettings
from identity_reconciler.core.guards.evidence import Evidence
from identity_reconciler.core.guards.verdicts import Objection
from identity_reconciler.core.plan import Create, Reason
from identity_reconciler.core.state import (
    Group,
    GroupKey,
    GroupName,
    Membership,
    Principal,
    PrincipalKind,
    UserKey,
    group_key,
    user_key,
)


def min_members(evidence: Evidence, settings: GuardSettings) -> Objection | None:
    """Refuse to leave a group with fewer members than it must have. Disabled users do not count."""
    found = [
        (_address(evidence, one.group), f"{trouble}, at least {one.least} expected")
        for one in settings.min_members
        if (trouble := _too_few(evidence, group_key(one.group), one.least))
    ]
    return _objection(found, "each group of `min_members` with that many members")


def _too_few(evidence: Evidence, group: GroupKey, least: int) -> str:
    unknown = _unknown(evidence, group)
    if unknown is not None:
        return unknown
    members = evidence.after.members.get(group, frozenset())
    able = [key for key in members if not _is_disabled(evidence, key)]
    return f"would have {len(able)} enabled members" if len(able) < least else ""


def _is_disabled(evidence: Evidence, user: UserKey) -> bool:
    found = evidence.after.users.get(user)
    return bool(found and found.provenance and found.provenance.enabled is False)


def pinned_members(evidence: Evidence, settings: GuardSettings) -> Objection | None:
    """Refuse to leave a group with any other members than the ones it must have."""
    found = [
        (_address(evidence, one.group), trouble)
        for one in settings.pinned_members
        if (trouble := _not_exactly(evidence, group_key(one.group), one.users))
    ]
    return _objection(found, "each group of `pinned_members` with exactly its members")


def _not_exactly(evidence: Evidence, group: GroupKey, users: Iterable[str]) -> str:
    unknown = _unknown(evidence, group)
    if unknown is not None:
        return unknown
    wanted = frozenset(map(user_key, users))
    members = evidence.after.members.get(group, frozenset())
    parts = (("would lack", wanted - members), ("would also have", members - wanted))
    return ", and ".join(
        f"{words} {', '.join(sorted(map(evidence.after.user_name, some)))}"
        for words, some in parts
        if some
    )


def members_where(evidence: Evidence, _settings: GuardSettings) -> Objection | None:
    """Refuse what a rule takes from most of its members, and a new group that it leaves empty.

    Then it is more likely that the attributes did not arrive, or that the rule is misspelt, than
    that so many have gone. Who leaves altogether, and whose time is over, does not count.
    """
    rules = {group_key(one.name): one for one in evidence.declaration.groups if one.rule}
    found: list[str] = []
    concerned: list[str] = []
    for key, lost in _lost(evidence, rules).items():
        stay = _staying(evidence, rules[key])
        if len(lost) > stay:
            told = f"group/{rules[key].name} would lose {len(lost)} of the {len(lost) + stay} whom"
            found.append(f"{told} its rule has, or had")
            concerned += lost
    for entry in _made(evidence, rules):
        found.append(f"the rule of group/{entry.name}, which is new, matches nobody")
        concerned.append(evidence.address(entry.group))
    if not found:
        return None
    return Objection(
        "; ".join(found),
        "a rule that keeps at least half of its members; see whether what it asks for is spelt "
        "as it is in the attributes of people, and whether these have arrived",
        tuple(sorted(concerned)),
    )


def _lost(
    evidence: Evidence, rules: Mapping[GroupKey, DeclaredGroup]
) -> Mapping[GroupKey, list[str]]:
    """Return the addresses of the memberships that are removed as not listed, by group."""
    found: dict[GroupKey, list[str]] = defaultdict(list)
    for one in evidence.removals if rules else ():
        if isinstance(one.resource, Membership) and one.reason is Reason.UNLISTED:
            key = evidence.renames.group(group_key(one.resource.group))
            if key in rules:
                found[key].append(evidence.address(one.resource))
    return found


def _staying(evidence: Evidence, entry: DeclaredGroup) -> int:
    """Return how many of those whom the rule of *entry* matches are in the group already."""
    former = evidence.renames.reversed().group(group_key(entry.name))
    now = evidence.renames.members(evidence.live.members.get(former, frozenset()))
    listed = entry.members or ()
    return sum(one.via == (MEMBERS_WHERE,) and user_key(one.name) in now for one in listed)


def _made(evidence: Evidence, rules: Mapping[GroupKey, DeclaredGroup]) -> Iterator[DeclaredGroup]:
    """Yield the groups that are to be created with a rule that matches nobody."""
    for change in evidence.plan.changes if rules else ():
        match change:
            case Create(after=Group() as group):
                entry = rules.get(group_key(group.name))
                if entry is not None and entry.rule is not None and not entry.rule.matched:
                    yield entry
            case _:
                pass


def _unknown(evidence: Evidence, group: GroupKey) -> str | None:
    """Return what is wrong with a group whose members cannot be counted; None if they can.

    Of a group that is not managed, or is a twin, only what leaves with deleted users is known.
    """
    is_unresolved = Principal(PrincipalKind.GROUP, group) in evidence.live.twins
    if group not in evidence.after.groups and not is_unresolved:
        return "would not exist"
    if group in evidence.complete:
        return None
    leaving = any(
        isinstance(one.resource, Membership)
        and evidence.renames.group(group_key(one.resource.group)) == group
        for one in evidence.removals
    )
    return (
        "would lose members, and is not managed here, so they cannot be counted" if leaving else ""
    )


def _address(evidence: Evidence, name: str) -> str:
    group = evidence.after.groups.get(group_key(name)) or evidence.live.groups.get(group_key(name))
    return evidence.address(group or Group(GroupName(name)))


def _objection(found: list[tuple[str, str]], expected: str) -> Objection | None:
    if not found:
        return None
    text = "; ".join(f"{address} {trouble}" for address, trouble in found)
    return Objection(text, expected, tuple(sorted({address for address, _ in found})))
