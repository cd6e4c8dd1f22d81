"""What must hold between entries, across all files."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pydantic_core import PydanticCustomError

from identity_reconciler.core.declared import (
    ApplicationSelector,
    Declared,
    DeclaredApplication,
    DeclaredGroup,
    DeclaredOwner,
    DeclaredUser,
    Listed,
    ManageObjects,
    Presence,
    Settings,
    SettingsPath,
)
from identity_reconciler.core.flattening import circles, flat_lists, idle_exclude
from identity_reconciler.core.lease import DIRECTORY
from identity_reconciler.core.ownership import LONGEST_CLAIMS, claims_text
from identity_reconciler.core.scope import matches_any
from identity_reconciler.core.state import PrincipalKind, folded, group_key
from identity_reconciler.core.wording import did_you_mean, nearest, shown
from identity_reconciler.desired.model.text import check_group_name, check_user_name
from identity_reconciler.desired.reading.entries import Gathered
from identity_reconciler.desired.reading.resemblances import alike, alike_applications
from identity_reconciler.desired.yaml.reader import Places
from identity_reconciler.errors import Position, Problem

MAX_GROUPS = 100
"""Groups assigned to one application. Source: singlesignon userguide, quotas; not raisable."""

Entry = DeclaredUser | DeclaredGroup


def cross_check(gathered: Gathered, places: Places) -> Iterator[Problem]:
    """Yield what is wrong between the entries of *gathered*."""
    users = _Register("user", gathered, places)
    groups = _Register("group", gathered, places)
    yield from users.fill(gathered.users)
    yield from groups.fill(gathered.groups)
    yield from _duplicate_emails(gathered.users, places)
    yield from _duplicate_selectors(gathered.applications)
    if gathered.settings is not None:
        yield from _ignored(gathered, gathered.settings)
        yield from _owned(gathered, gathered.settings)
        yield from _counted(gathered.settings, users, groups)
        yield from _kept_apart(gathered, gathered.settings, groups)
        yield from alike(gathered.users, gathered.settings.users)
        yield from alike(gathered.groups, gathered.settings.groups)
    yield from alike_applications(gathered.applications)
    for group in gathered.groups:
        yield from users.check(group.members or ())
        yield from groups.check(group.include)
        yield from users.check(group.exclude)
        yield from _listed_and_excluded(group)
        yield from _owners(group.owners, users, groups)
        yield from _owners(_reviewers(group), users, groups)
    for application in gathered.applications:
        yield from users.check(application.users)
        yield from groups.check(application.groups)
        yield from _owners(application.owners, users, groups)
        yield from _owners(_reviewers(application), users, groups)
        yield from _too_many_groups(application)
    yield from _includes(gathered, users)
    yield from _managers(gathered.users, users, places)
    yield from _manager_cycles(users.entries, places)


@dataclass(slots=True)
class _Register:
    """The users, or the groups, that may be referred to."""

    kind: str
    gathered: Gathered
    places: Places
    entries: dict[str, Entry] = field(default_factory=dict)
    """By folded name."""
    present: set[str] = field(default_factory=set)
    """The names, as spelled, of entries that are not to be deleted."""

    def fill(self, entries: Iterable[Entry]) -> Iterator[Problem]:
        """Take in *entries* and yield those that are there twice."""
        for entry in entries:
            first = self.entries.setdefault(folded(entry.name), entry)
            if first is not entry:
                yield Problem(entry.position, _twice(entry, first))
            elif entry.presence is not Presence.ABSENT:
                self.present.add(entry.name)
        yield from self._check_previous_names()

    def _check_previous_names(self) -> Iterator[Problem]:
        key = "previous_user_names" if self.kind == "user" else "previous_names"
        claimed: dict[str, Entry] = {}
        for entry in self.entries.values():
            for name in entry.previous_names:
                other = self.entries.get(folded(name)) or claimed.setdefault(folded(name), entry)
                said = f"{shown(name)}, a previous name of {self.kind} {shown(entry.name)},"
                if other is not entry and folded(other.name) == folded(name):
                    advice = (
                        f"is also the name of the one at {other.position}; rename first, and "
                        "declare who gets the old name once that is applied and no longer said here"
                    )
                elif other is not entry:
                    advice = f"is also used at {other.position}; remove one of the two"
                elif folded(name) == folded(entry.name):
                    advice = "is its present name; remove it"
                else:
                    continue
                yield Problem(self.places.of(entry.position, key), f"{said} {advice}")

    def check(self, listed: Sequence[Listed | DeclaredOwner]) -> Iterator[Problem]:
        """Yield what is wrong with the names in a list."""
        # Nearly every list is in order, and there are half a million names in them: when all are
        # spelled as declared and none is there twice, two set operations tell.
        names = {item.name for item in listed}
        if len(names) == len(listed) and names <= self.present:
            return
        first: dict[str, Listed | DeclaredOwner] = {}
        for item in listed:
            other = first.setdefault(folded(item.name), item)
            if other is not item:
                yield Problem(
                    item.position,
                    f"{self.kind} {shown(item.name)} is listed twice, first at"
                    f" {other.position}; remove one of the two",
                )
            elif message := self.objection(item.name):
                yield Problem(item.position, message)

    def objection(self, name: str) -> str | None:
        """Return why nothing may refer to *name*, if so."""
        entry = self.entries.get(folded(name))
        if entry is None:
            if self._may_be_declared(name):
                return None
            return self._impossible(name) if self._is_reference() else self._undeclared(name)
        return self._absent(name, entry)

    def _absent(self, name: str, entry: Entry) -> str | None:
        if entry.presence is not Presence.ABSENT:
            return None
        return (
            f"{self.kind} {shown(name)} has state: absent at {entry.position};"
            " remove it here, or the state there"
        )

    def contradiction(self, name: str) -> str | None:
        """Return why nothing can be called *name* when all that is declared is live.

        A name that is not declared may be live.
        """
        entry = self.entries.get(folded(name))
        if entry is not None:
            return self._absent(name, entry)
        for other in self.entries.values():
            if folded(name) in map(folded, other.previous_names):
                return (
                    f"{shown(name)} is a previous name of {self.kind} {shown(other.name)} at"
                    f" {other.position}; guards go by the names after a plan: write the new one"
                )
        return None

    def _may_be_declared(self, name: str) -> bool:
        """Return whether *name* may be declared where we could not read."""
        gathered = self.gathered
        if gathered.settings is None or not gathered.complete:
            return True
        return (self.kind, folded(name)) in gathered.broken_names

    def _is_reference(self) -> bool:
        """Return whether names need not be declared, because they are owned elsewhere."""
        settings = self.gathered.settings
        if settings is None:
            return False
        mode = settings.users if self.kind == "user" else settings.groups
        return mode is ManageObjects.REFERENCE

    def _impossible(self, name: str) -> str | None:
        """Return why no user, or group, can be called *name*."""
        check = check_user_name if self.kind == "user" else check_group_name
        try:
            check(name)
        except PydanticCustomError as error:
            return str(error)
        return None

    def _undeclared(self, name: str) -> str:
        close = nearest(folded(name), self.entries)
        if close and "#" not in name:
            advice = f"did you mean {shown(self.entries[close].name)}?"
        elif folded(name.partition("#")[0]) in self.entries:
            advice = 'a comment needs a space before its "#"'
        else:
            advice = f"declare it under {self.kind}s:, with state: external if owned elsewhere"
        return f"{self.kind} {shown(name)} is not declared; {advice}"


def _listed_and_excluded(group: DeclaredGroup) -> Iterator[Problem]:
    listed = {folded(one.name): one for one in group.members or ()} if group.exclude else {}
    for one in group.exclude:
        if folded(one.name) in listed:
            yield Problem(
                one.position,
                f"user {shown(one.name)} is excluded here and listed at "
                f"{listed[folded(one.name)].position}; remove one of the two",
            )


def _includes(gathered: Gathered, users: _Register) -> Iterator[Problem]:
    """Yield circles of includes, and what is excluded and would not be there anyhow."""
    round_about = list(circles(gathered.groups))
    for circle in round_about:
        names = [circle[-1].name, *(one.name for one in circle)]
        chain = " -> ".join(map(shown, names[:5])) + (" -> ..." if len(names) > 5 else "")  # noqa: PLR2004
        said = f"groups that include each other in a circle: {chain}; take one of them out"
        yield Problem(circle[-1].position, f"include: {said}")
    excluding = [one for one in gathered.groups if one.exclude and one.derives]
    if round_about or not excluding or gathered.settings is None or not gathered.complete:
        return
    declared = Declared(gathered.settings, tuple(gathered.users), tuple(gathered.groups))
    lists = flat_lists(declared, None)
    for group in excluding:
        found = lists[group_key(group.name)]
        listed = {folded(one.name) for one in group.members or ()}
        for one in () if found.unknown else found.idle:
            if folded(one.name) not in listed and not users.objection(one.name):
                yield Problem(one.position, idle_exclude(group, one))


def _owners(
    owners: Sequence[DeclaredOwner], users: _Register, groups: _Register
) -> Iterator[Problem]:
    for register, kind in ((users, PrincipalKind.USER), (groups, PrincipalKind.GROUP)):
        yield from register.check([one for one in owners if one.kind is kind])


def _reviewers(entry: DeclaredGroup | DeclaredApplication) -> tuple[DeclaredOwner, ...]:
    return entry.review.named if entry.review is not None else ()


def _twice(entry: Entry, first: Entry) -> str:
    where = f"at {first.position}"
    if entry.name == first.name:
        return f"{entry.kind} {shown(entry.name)} is already declared {where}; keep one of the two"
    return (
        f"{entry.kind} {shown(entry.name)} differs only in letter case from {shown(first.name)}"
        f" {where}; AWS may take them for one: keep one of the two"
    )


def _duplicate_emails(users: Iterable[DeclaredUser], places: Places) -> Iterator[Problem]:
    first: dict[str, DeclaredUser] = {}
    for declared in users:
        email = declared.user.email
        if email is None or declared.presence is Presence.ABSENT:
            continue
        other = first.setdefault(folded(email.value), declared)
        if other is not declared and folded(other.name) != folded(declared.name):
            yield Problem(
                places.of(declared.position, "email"),
                f"e-mail address {shown(email.value)} is also that of user {shown(other.name)} at"
                f" {other.position}; AWS takes each address once: change one of them",
            )


def _duplicate_selectors(applications: Iterable[DeclaredApplication]) -> Iterator[Problem]:
    first: dict[ApplicationSelector, DeclaredApplication] = {}
    for declared in applications:
        other = first.setdefault(declared.selector, declared)
        if other is not declared and str(declared.selector):
            yield Problem(
                declared.position,
                f"application {shown(str(declared.selector))} is already declared at"
                f" {other.position}; put the assignments together",
            )


def _too_many_groups(application: DeclaredApplication) -> Iterator[Problem]:
    if len(application.groups) > MAX_GROUPS:
        yield Problem(
            application.groups[MAX_GROUPS].position,
            f"application {shown(str(application.selector))} has {len(application.groups)} groups;"
            f" AWS allows {MAX_GROUPS}, a quota that cannot be raised; assign fewer, larger groups",
        )


def _ignored(gathered: Gathered, settings: Settings) -> Iterator[Problem]:
    ignore = settings.ignore
    named = (
        ("user", ignore.users, _present_and_previous_names(gathered.users)),
        ("group", ignore.groups, _present_and_previous_names(gathered.groups)),
        ("application", ignore.applications, _application_names(gathered)),
    )
    for kind, patterns, names in named:
        if patterns:
            yield from _matching(kind, patterns, names)


def _owned(gathered: Gathered, settings: Settings) -> Iterator[Problem]:
    """Yield what this repository declares and does not own, and what keeps others from knowing."""
    place = settings.places.get(("repository",))
    if place is None:
        return
    claims = settings.claims
    if claims is None:
        if ("repository", "name") not in settings.places:
            yield Problem(
                place,
                "repository has no name that can be used; give it one that no other repository has",
            )
        return
    if settings.lock != DIRECTORY:
        yield Problem(
            settings.places.get(("lock",), place),
            f"lock is {settings.lock}, and where several repositories manage an instance they tell "
            "each other what they own in the directory; set lock: directory, or remove repository",
        )
    length = len(claims_text(claims))
    if length > LONGEST_CLAIMS:
        yield Problem(
            place,
            f"the patterns of repository.owns and ignore take {length} characters for others to "
            f"be told, and {LONGEST_CLAIMS} can be kept; use fewer, wider patterns",
        )
    named = (
        *(("user", *one) for one in _managed_names(gathered.users, settings.users)),
        *(("group", *one) for one in _managed_names(gathered.groups, settings.groups)),
        *(("application", *one) for one in _application_names(gathered)),
    )
    for kind, name, position in named:
        if not matches_any(claims.owns.of(kind), name):
            external = "" if kind == "application" else "give it state: external, or "
            yield Problem(
                position,
                f"{kind} {shown(name)} is not among what repository.owns in instance.yaml has for "
                f"{settings.repository.name}; {external}declare it in the repository that owns it",
            )


def _managed_names(
    entries: Iterable[Entry], manage: ManageObjects
) -> Iterator[tuple[str, Position]]:
    ours = (one for one in entries if one.presence is not Presence.EXTERNAL)
    return _present_and_previous_names(() if manage is ManageObjects.REFERENCE else ours)


def _present_and_previous_names(entries: Iterable[Entry]) -> Iterator[tuple[str, Position]]:
    """Yield the names that the objects of *entries* have, or may have until they are renamed."""
    for entry in entries:
        yield entry.name, entry.position
        yield from ((name, entry.position) for name in entry.previous_names)


def _application_names(gathered: Gathered) -> Iterator[tuple[str, Position]]:
    for application in gathered.applications:
        if application.selector.name is not None:
            yield application.selector.name, application.position


def _matching(
    kind: str, patterns: Sequence[str], names: Iterable[tuple[str, Position]]
) -> Iterator[Problem]:
    compiled = [(re.compile(fnmatch.translate(folded(one))), one) for one in patterns]
    any_of_them = re.compile("|".join(expression.pattern for expression, _ in compiled))
    for name, position in names:
        key = folded(name)
        if any_of_them.match(key):
            pattern = next(one for expression, one in compiled if expression.match(key))
            yield Problem(
                position,
                f"{kind} {shown(name)} is ignored by {shown(pattern)} in instance.yaml, so it"
                " cannot be declared; remove one of the two",
            )


def _counted(settings: Settings, users: _Register, groups: _Register) -> Iterator[Problem]:
    """Yield the groups whose members are counted, and these members, that cannot be there."""
    guards = settings.guards
    named: list[tuple[_Register, SettingsPath, str]] = []
    for number, least in enumerate(guards.min_members):
        named.append((groups, ("guards", "min_members", number, "group"), least.group))
    for number, pinned in enumerate(guards.pinned_members):
        path = ("guards", "pinned_members", number)
        named.append((groups, (*path, "group"), pinned.group))
        named += [(users, (*path, "users", at), name) for at, name in enumerate(pinned.users)]
    for register, place, name in named:
        if message := register.contradiction(name):
            yield Problem(settings.places[place], f"{place[1]}: {message}")


def _kept_apart(gathered: Gathered, settings: Settings, groups: _Register) -> Iterator[Problem]:
    """Yield what `separation_of_duties` names and nothing declares, or names twice."""
    selectors = [one.selector for one in gathered.applications]
    labels = {label for one in selectors for label in (one.name, one.arn) if label}
    for number, entry in enumerate(settings.guards.policies.separation_of_duties):
        seen: set[tuple[str, str]] = set()
        for key, names in (("groups", entry.groups), ("applications", entry.applications)):
            for at, name in enumerate(names):
                same = (key, folded(name) if key == "groups" else name)
                message = None
                if same in seen:
                    message = f"{shown(name)} is listed twice; nobody could have it: remove one"
                elif key == "groups":
                    message = groups.objection(name)
                elif name not in labels and gathered.complete:
                    hint = did_you_mean(name, labels) or "; declare it under applications:"
                    message = f"application {shown(name)} is not declared{hint}"
                seen.add(same)
                if message:
                    place = settings.places["separation_of_duties", number, key, at]
                    yield Problem(place, f"separation_of_duties: {message}")


def _managers(
    users: Iterable[DeclaredUser], register: _Register, places: Places
) -> Iterator[Problem]:
    for declared in users:
        manager = declared.user.manager
        if manager is None or declared.presence is Presence.ABSENT or manager in register.present:
            continue
        if message := register.objection(manager):
            yield Problem(
                places.of(declared.position, "enterprise", "manager"), f"manager: {message}"
            )


def _manager_cycles(entries: Mapping[str, Entry], places: Places) -> Iterator[Problem]:
    above = {
        name: folded(entry.user.manager)
        for name, entry in entries.items()
        if isinstance(entry, DeclaredUser) and entry.user.manager is not None
    }
    done: set[str] = set()
    for start in above:
        trail: dict[str, None] = {}
        name = start
        while name in above and name not in done and name not in trail:
            trail[name] = None
            name = above[name]
        if name in trail:
            circle = list(trail)[list(trail).index(name) :]
            yield _circle([entries[one] for one in circle], places)
        done.update(trail)


def _circle(entries: list[Entry], places: Places) -> Problem:
    first = min(entries, key=lambda entry: entry.position)
    at = entries.index(first)
    names = [entry.name for entry in (*entries[at:], *entries[:at], first)]
    chain = " -> ".join(map(shown, names[:5])) + (" -> ..." if len(names) > 5 else "")  # noqa: PLR2004
    return Problem(
        places.of(first.position, "enterprise", "manager"),
        f"managers in a circle: {chain}; change one of them",
    )
