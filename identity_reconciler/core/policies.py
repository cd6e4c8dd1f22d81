"""Policies: rules that hold for what is declared, and for what a plan leaves. Pure.

What the YAML breaks by itself is told here; `guards.policies` judges what is live after a plan.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain, combinations, product
from typing import Protocol

from identity_reconciler.core.approvals import covering
from identity_reconciler.core.declared import (
    Declared,
    DeclaredApplication,
    DeclaredGroup,
    Listed,
    Presence,
)
from identity_reconciler.core.expiry import dated
from identity_reconciler.core.flattening import flattened
from identity_reconciler.core.guard_settings import (
    GuardId,
    GuardSettings,
    MinOwners,
    Policies,
    SeparatedDuties,
)
from identity_reconciler.core.scope import matches_any
from identity_reconciler.core.state import GroupKey, UserKey, group_key, user_key
from identity_reconciler.core.wording import shown
from identity_reconciler.errors import Position, Problem

Holders = Mapping[UserKey, Position | None]
"""Who has something, and where the YAML gives it to them; None: it does not."""


class AccessLookup(Protocol):
    """Who is in which group, and who can open which application."""

    def in_group(self, name: str) -> Holders:
        """Return the members of the group called *name*; nobody if it is not known."""

    def opening(self, name: str) -> Holders:
        """Return who can open the application whose name or ARN is *name*, by whatever way."""


@dataclass(frozen=True, slots=True, order=True)
class Clash:
    """One person who has two things that are kept apart."""

    user: UserKey
    first: str
    """`group <name>` or `application <name>`, as the policy spells it."""
    second: str
    places: tuple[Position | None, Position | None]
    """Where the YAML gives the first and the second; None: it does not."""

    def address(self, user: str) -> str:
        """Return the address of it, *user* being the name as spelled."""
        first, second = (one.partition(" ")[2] for one in (self.first, self.second))
        return f"access/{user}/{first}/{second}"

    def told(self, user: str, entry: SeparatedDuties) -> str:
        """Return in words who has what, and which policy keeps it apart."""
        first, second = (f"({place or 'live'})" for place in self.places)
        why = f": {entry.reason}" if entry.reason else ""
        return (
            f"{user} has both {self.first} {first} and {self.second} {second}, which "
            f"{entry.position} keeps apart{why}"
        )


def clashes(entry: SeparatedDuties, lookup: AccessLookup) -> Iterator[Clash]:
    """Yield who has two of what *entry* keeps apart, pair by pair as written, users sorted."""
    duties = [(f"group {name}", lookup.in_group(name)) for name in entry.groups]
    duties += [(f"application {name}", lookup.opening(name)) for name in entry.applications]
    for (first, some), (second, others) in combinations(duties, 2):
        for user in sorted(some.keys() & others.keys()):
            yield Clash(user, first, second, (some[user], others[user]))


@dataclass(slots=True)
class DeclaredAccess:
    """What *declared* says of who has what at *as_of*. See AccessLookup."""

    declared: Declared
    as_of: datetime
    _groups: dict[GroupKey, DeclaredGroup] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """File the groups by key."""
        for group in self.declared.groups:
            if group.presence is not Presence.ABSENT:
                self._groups.setdefault(group_key(group.name), group)

    def holding(self, links: Iterable[Listed]) -> Iterator[Listed]:
        """Yield those of *links* that hold."""
        return (one for one in links if one.holds(self.as_of))

    def in_group(self, name: str) -> Holders:
        """See AccessLookup."""
        group = self._groups.get(group_key(name))
        members = group.members or () if group is not None else ()
        return {user_key(one.name): one.position for one in self.holding(members)}

    def opening(self, name: str) -> Holders:
        """See AccessLookup. Of several ways, the place of the first one is given."""
        found: dict[UserKey, Position | None] = {}
        for entry in self.declared.applications:
            if name not in {entry.selector.name, entry.selector.arn}:
                continue
            for user, place in self._ways(entry):
                found.setdefault(user, place)
        return found

    def _ways(self, entry: DeclaredApplication) -> Iterator[tuple[UserKey, Position | None]]:
        """Yield who can open the application of *entry*, and where that is said."""
        for link in self.holding(entry.users):
            yield user_key(link.name), link.position
        for link in self.holding(entry.groups):
            yield from self.in_group(link.name).items()
        if entry.assignment_required is False:
            for user in self.declared.users:
                if user.presence is not Presence.ABSENT:
                    yield user_key(user.name), entry.position


@dataclass(frozen=True, slots=True)
class Breach:
    """What breaks a policy that only the YAML can keep."""

    address: str
    position: Position
    text: str
    """In words, with what it is about."""


def without_owners(declared: Declared, policies: Policies) -> Iterator[Breach]:
    """Yield the present groups, and the applications, that have fewer owners than they must."""
    for group in declared.groups:
        for rule in policies.min_owners if group.presence is Presence.PRESENT else ():
            if len(group.owners) < rule.least and matches_any(rule.groups, group.name):
                said = _owned(f"group {shown(group.name)}", len(group.owners), rule)
                yield Breach(f"group/{group.name}", group.position, said)
                break
    for entry in declared.applications:
        label = entry.selector.name or entry.selector.arn or ""
        for rule in policies.min_owners:
            lacking = len(entry.owners) < rule.least
            if lacking and _matching(rule.applications, entry) is not None:
                said = _owned(f"application {shown(label)}", len(entry.owners), rule)
                yield Breach(f"application/{label}", entry.position, said)
                break


def _owned(called: str, number: int, rule: MinOwners) -> str:
    return f"{called} has {number} of the {rule.least} owners that {rule.position} wants"


def lasting(declared: Declared, guards: GuardSettings, as_of: datetime) -> Iterator[Breach]:
    """Yield who is listed in privileged groups and applications for longer than they may be.

    What is yet to start lasts from then on.
    """
    days = guards.policies.max_duration
    if days is None:
        return
    for address, place, link in _listed(
        declared, guards.privileged.groups, guards.privileged.applications
    ):
        begin = link.starts if link.starts and link.is_waiting(as_of) else as_of
        if link.expires is not None and link.expires - begin <= timedelta(days=days):
            continue
        until = "for too long" if link.expires else "without an end"
        said = f"{shown(link.name)} is listed in privileged {place} {until}; at most {days} days"
        yield Breach(address, link.position, said)


def without_end(declared: Declared, guards: GuardSettings) -> Iterator[Breach]:
    """Yield who is listed without `expires` where `must_expire` wants one.

    That a review would end it is no end of its own: each review puts that off.
    """
    rule = guards.policies.must_expire
    groups, applications = rule.groups, rule.applications
    if rule.privileged:
        groups += guards.privileged.groups
        applications += guards.privileged.applications
    for address, place, link in _listed(declared, groups, applications):
        if (link.unlapsed or link).expires is None:
            said = f"{shown(link.name)} is listed in {place} without an end; say when it `expires`"
            yield Breach(address, link.position, said)


def without_reason(declared: Declared, pattern: str, as_of: datetime) -> Iterator[Breach]:
    """Yield who is listed, and has not expired, with another reason than *pattern*, or a date only.

    No *pattern*, nobody. Names that stand alone need no reason.
    """
    expression = re.compile(pattern)
    for address, place, link in _written(declared) if pattern else ():
        written = link.unlapsed or link
        reason = written.reason
        is_dated = written.starts is not None or written.expires is not None
        if link.is_over(as_of) or not (reason or is_dated):
            continue
        if reason is None or not expression.fullmatch(reason):
            found = "without a reason" if reason is None else f"for the reason {shown(reason)}"
            said = f"{shown(link.name)} is listed in {place} {found}; give one that matches"
            yield Breach(address, link.position, f"{said} {shown(pattern)}")


def _written(declared: Declared) -> Iterator[tuple[str, str, Listed]]:
    """Yield each item that gives access, as `_listed` does, and what groups include."""
    for address, place, link in _listed(declared, ("*",), ("*",)):
        if not link.via:
            yield address, place, link
    for group in declared.groups:
        for link in group.include:
            yield f"group/{group.name}", f"group {shown(group.name)}", link


def _listed(
    declared: Declared, groups: tuple[str, ...], applications: tuple[str, ...]
) -> Iterator[tuple[str, str, Listed]]:
    """Yield each item of what these patterns match, with its address and what it is listed in."""
    for group in declared.groups:
        if matches_any(groups, group.name):
            for link in group.members or ():
                address = f"membership/{group.name}/{link.name}"
                yield address, f"group {shown(group.name)}", link
    for entry in declared.applications:
        if _matching(applications, entry) is not None:
            label = entry.selector.name or entry.selector.arn or ""
            for kind, links in (("user", entry.users), ("group", entry.groups)):
                for link in links:
                    address = f"assignment/{label}/{kind}/{link.name}"
                    yield address, f"application {shown(label)}", link


@dataclass(frozen=True, slots=True)
class Violation:
    """What of the YAML breaks a policy by itself."""

    guard: GuardId
    address: str
    """What an approval covers."""
    problem: Problem
    """At what breaks it; the text names the policy and where it stands."""


def policy_problems(declared: Declared, as_of: datetime) -> tuple[Problem, ...]:
    """Return what of *declared* breaks its policies at *as_of*, and no approval covers, sorted.

    As for a guard: approvals cover everything that breaks one policy, or nothing of it.
    """
    found: dict[GuardId, list[Violation]] = {}
    for one in violations(declared, as_of):
        found.setdefault(one.guard, []).append(one)
    return tuple(
        sorted(
            one.problem
            for guard, some in found.items()
            if not covering(guard, [one.address for one in some], declared.approvals, as_of)
            for one in some
        )
    )


def violations(declared: Declared, as_of: datetime) -> Iterator[Violation]:
    """Yield all that *declared* says at *as_of*, or will when something starts, and they forbid."""
    policies = declared.settings.guards.policies
    if policies == Policies():
        return
    yield from _separated(declared, policies, as_of)
    yield from _crowded(declared, policies, as_of)
    yield from _direct(declared, as_of)
    yield from _addresses(declared)
    for breach in without_owners(declared, policies):
        problem = Problem(breach.position, f"min_owners: {breach.text}")
        yield Violation(GuardId.MIN_OWNERS, breach.address, problem)
    guards = declared.settings.guards
    for guard, breaches in (
        (GuardId.MAX_DURATION, lasting(declared, guards, as_of)),
        (GuardId.MUST_EXPIRE, without_end(declared, guards)),
        (GuardId.REASON_PATTERN, without_reason(declared, policies.reason_pattern, as_of)),
    ):
        place = declared.settings.places.get((str(guard),), "policies.yaml")
        for breach in breaches:
            problem = Problem(breach.position, f"{guard}: {breach.text} ({place})")
            yield Violation(guard, breach.address, problem)


def _moments(links: Iterable[Listed], as_of: datetime) -> tuple[datetime, ...]:
    """Return *as_of*, and then when *links* start: nobody gets anything at another time."""
    return (as_of, *sorted({one.starts for one in links if one.starts and one.is_waiting(as_of)}))


def _derived(declared: Declared) -> Iterator[Listed]:
    """Yield all from which members of groups that include others come."""
    for group in declared.groups if any(one.derives for one in declared.groups) else ():
        yield from group.include
        yield from group.members or ()


def _from(moment: datetime, as_of: datetime) -> str:
    return "" if moment == as_of else f"from {moment:%Y-%m-%dT%H:%M:%SZ} on "


def _separated(declared: Declared, policies: Policies, as_of: datetime) -> Iterator[Violation]:
    if not policies.separation_of_duties:
        return
    names = {user_key(one.name): one.name for one in declared.users}
    told: set[tuple[SeparatedDuties, str]] = set()
    links = chain((link for _, link in dated(declared)), _derived(declared))
    for moment in _moments(links, as_of):
        lookup = DeclaredAccess(flattened(declared, moment), moment)
        for entry in policies.separation_of_duties:
            for clash in clashes(entry, lookup):
                user = names.get(clash.user, clash.user)
                address = clash.address(user)
                if (entry, address) in told:
                    continue
                told.add((entry, address))
                where = max(place for place in clash.places if place is not None)
                said = f"{_from(moment, as_of)}{clash.told(user, entry)}; take one away"
                problem = Problem(where, f"separation_of_duties: {said}")
                yield Violation(GuardId.SEPARATION_OF_DUTIES, address, problem)


def _crowded(declared: Declared, policies: Policies, as_of: datetime) -> Iterator[Violation]:
    if not policies.max_members:
        return
    flat = {moment: flattened(declared, moment) for moment in _moments(_derived(declared), as_of)}
    for at, group in enumerate(declared.groups):
        limits = [one for one in policies.max_members if matches_any((one.groups,), group.name)]
        moments = tuple(flat) if group.derives else _moments(group.members or (), as_of)
        for limit, moment in product(limits, moments):
            entry = flat[moment].groups[at] if group.derives else group
            number = sum(1 for one in entry.members or () if one.holds(moment))
            if number > limit.most:
                said = (
                    f"max_members: {_from(moment, as_of)}group {shown(group.name)} has {number} "
                    f"members; {limit.position} allows {limit.most}"
                )
                address, problem = f"group/{group.name}", Problem(group.position, said)
                yield Violation(GuardId.MAX_MEMBERS, address, problem)
                break


def _direct(declared: Declared, as_of: datetime) -> Iterator[Violation]:
    settings = declared.settings
    for entry in declared.applications:
        label = entry.selector.name or entry.selector.arn or ""
        number = _matching(settings.guards.policies.no_direct_assignments, entry)
        for link in entry.users if number is not None else ():
            if link.is_over(as_of):
                continue
            place = settings.places.get(("no_direct_assignments", number or 0), "policies.yaml")
            said = (
                f"no_direct_assignments: user {shown(link.name)} is assigned to {shown(label)} "
                f"alone, and {place} wants groups only; assign a group"
            )
            yield Violation(
                GuardId.NO_DIRECT_ASSIGNMENTS,
                f"assignment/{label}/user/{link.name}",
                Problem(link.position, said),
            )


def _matching(patterns: tuple[str, ...], entry: DeclaredApplication) -> int | None:
    """Return which of *patterns* matches the name or ARN that *entry* gives, the first one."""
    names = [name for name in (entry.selector.name, entry.selector.arn) if name]
    for number, pattern in enumerate(patterns):
        if any(matches_any((pattern,), name) for name in names):
            return number
    return None


def is_domain_allowed(domains: tuple[str, ...], address: str) -> bool:
    """Return whether one of *domains*, patterns, matches what follows the last `@` of *address*."""
    return not domains or matches_any(domains, address.rpartition("@")[2])


def _addresses(declared: Declared) -> Iterator[Violation]:
    settings = declared.settings
    domains = settings.guards.policies.email_domains
    for entry in declared.users:
        email = entry.user.email
        is_ours = entry.presence is Presence.PRESENT
        if not is_ours or email is None or is_domain_allowed(domains, email.value):
            continue
        place = settings.places.get(("email_domains",), "policies.yaml")
        domain = shown(email.value.rpartition("@")[2])
        said = (
            f"email_domains: the address of user {shown(entry.name)} is of {domain}; "
            f"{place} allows {', '.join(domains)}"
        )
        problem = Problem(entry.position, said)
        yield Violation(GuardId.EMAIL_DOMAINS, f"user/{entry.name}", problem)
