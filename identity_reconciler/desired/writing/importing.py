"""Let the YAML say what is live: entries are added, changed and removed, all else stays as it is.

The rule: what is imported has nothing to plan. So what is declared and not live goes, a pending
deletion is taken back, and a list has exactly those who are live. What has expired is the
exception: it stays as it is written, and where it is still live the next plan removes it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import TypeVar

from identity_reconciler.core.attributes import USER_ATTRIBUTES
from identity_reconciler.core.declared import (
    Declared,
    DeclaredApplication,
    DeclaredGroup,
    DeclaredUser,
    Listed,
    ManageLinks,
    ManageObjects,
    Presence,
)
from identity_reconciler.core.flattening import FlatList, LiveMembers, flat_lists
from identity_reconciler.core.planner import settled
from identity_reconciler.core.state import (
    Application,
    ApplicationArn,
    Group,
    GroupKey,
    Principal,
    PrincipalKind,
    State,
    User,
    UserKey,
    folded,
    group_key,
    principals_of,
    user_key,
)
from identity_reconciler.core.wording import did_you_mean, shown
from identity_reconciler.desired.writing.corrections import (
    Correction,
    add_list,
    add_previous_name,
    correct_group,
    correct_list,
    correct_user,
    drop_from,
    fill_map,
    ignore_names,
    leave_open,
    list_at,
    remove_at,
)
from identity_reconciler.desired.writing.exporter import Entry, Exporter
from identity_reconciler.desired.writing.layout import Layout, file_for
from identity_reconciler.desired.writing.naming import sayable, to_be_ignored
from identity_reconciler.desired.writing.placing import Catalog
from identity_reconciler.desired.writing.placing import Entry as Place
from identity_reconciler.desired.writing.rewrite import Rewrite
from identity_reconciler.errors import Position, UsageError


@dataclass(frozen=True, slots=True)
class Choice:
    """What to import, and where to."""

    as_of: datetime
    layout: Layout | None = None
    """None: a new entry joins the file with most of its kind."""
    only: frozenset[tuple[str, str]] | None = None
    """Kinds and folded names; None: everything."""
    services: bool = False
    """Whether to manage the assignments of applications that an AWS service owns, too."""

    def under_new_names(self, former: Mapping[GroupKey, str]) -> Choice:
        """Return the same choice where groups that were called *former* have other names."""
        if self.only is None:
            return self
        new = {("group", folded(name)): ("group", str(key)) for key, name in former.items()}
        return replace(self, only=frozenset(new.get(one, one) for one in self.only))

    def wants(self, kind: str, *names: str) -> bool:
        """Return whether the object that goes by one of *names* is to be imported."""
        return self.only is None or any((kind, folded(name)) in self.only for name in names)


@dataclass(frozen=True, slots=True)
class Adopted:
    """What there is to tell about an import."""

    remarks: tuple[str, ...]
    """What could not be said, and what the next plan has to do all the same."""
    unlisted: tuple[str, ...]
    """The memberships and assignments that lists which were there before did not have."""
    unreviewed: int
    """How many memberships and assignments the import has taken in, these among them."""


def adopt(rewrite: Rewrite, declared: Declared, live: State, choice: Choice) -> Adopted:
    """Change *rewrite*, which declares *declared*, to what is *live*.

    Raises:
        UsageError: A rename is pending, or a list is written so that it cannot be changed.
        InvalidInputError: The result would not be valid.
    """
    for kind, name in sorted(choice.only or ()):
        known = _known(kind, declared, live)
        if name not in known:
            hint = did_you_mean(name, known)
            raise UsageError(f"{kind} {shown(name)} is neither live nor declared{hint}")
    said = sayable(live, declared)
    choice = choice.under_new_names(said.former)
    work = _Import(
        Catalog(rewrite),
        declared,
        said.live,
        choice,
        Exporter(said.live, declared.settings, said.former),
        said.former,
    )
    work.ignore_the_unsayable()
    work.users()
    work.groups()
    work.applications()
    work.catalog.finish()
    if unmarked := work.exporter.unmarked:
        work.exporter.remark(
            "users",
            f"{unmarked:,} with an e-mail address that is not marked as primary in AWS; it is "
            "written so, {value: ...}: as text alone, the next plan marks it",
        )
    return Adopted(
        remarks=tuple(work.exporter.remarks),
        unlisted=tuple(work.unlisted),
        unreviewed=len(work.unlisted) + work.first_listed,
    )


def _known(kind: str, declared: Declared, live: State) -> set[str]:
    """Return the folded names of what is live or declared of a kind."""
    if kind == "user":
        return {*live.users, *(folded(one.name) for one in declared.users)}
    if kind == "group":
        return {*live.groups, *(folded(one.name) for one in declared.groups)}
    labels: list[tuple[str, str]] = [(one.name, one.arn) for one in live.applications.values()]
    labels += [(one.selector.name or "", one.selector.arn or "") for one in declared.applications]
    return {folded(label) for pair in labels for label in pair}


_Key = TypeVar("_Key", UserKey, GroupKey)
_Object = TypeVar("_Object", User, Group)
_Declared = TypeVar("_Declared", DeclaredUser, DeclaredGroup)


@dataclass
class _Import:
    catalog: Catalog
    declared: Declared
    live: State
    choice: Choice
    exporter: Exporter
    former: Mapping[GroupKey, str]
    """What groups that the next plan renames are called until then."""
    unlisted: list[str] = field(default_factory=list)
    first_listed: int = 0
    """How many links stand in lists that are new."""

    def ignore_the_unsayable(self) -> None:
        """Have those ignored whose names cannot be said, and whom a list would have to name."""
        refused = self.exporter.refused
        named = self._named() if refused else frozenset()
        more = to_be_ignored({one: refused[one] for one in refused.keys() & named}, self.live)
        if not more.remarks:
            return
        settings = self.declared.settings
        ignore = replace(
            settings.ignore,
            users=(*settings.ignore.users, *more.users),
            groups=(*settings.ignore.groups, *more.groups),
        )
        settings = replace(settings, ignore=ignore)
        self.declared = replace(self.declared, settings=settings)
        self.exporter = Exporter(self.live, settings, self.former)
        for address, message in more.remarks.items():
            self.exporter.remark(address, message)
        ignore_names(self.catalog.settings(), more.users, more.groups)

    def _named(self) -> frozenset[Principal]:
        """Return those whom a list that is to be complete would name, and who else has to stay."""
        settings = self.declared.settings
        found = set[Principal]()
        if settings.memberships is not ManageLinks.OFF:
            for key in self.exporter.groups:
                group = self.live.groups[key]
                if not group.foreign and self.choice.wants("group", group.name):
                    found |= principals_of(self.live.members.get(key, ()), ())
        for arn in self.exporter.applications():
            application = self.live.applications[arn]
            if (application.service is None or self.choice.services) and self.choice.wants(
                "application", application.name, arn
            ):
                found |= self.live.assignments.get(arn, frozenset())
        if self.choice.only is None:
            users = settings.users is ManageObjects.AUTHORITATIVE
            groups = settings.groups is ManageObjects.AUTHORITATIVE
            found |= principals_of(
                self.live.users if users else (), self.live.groups if groups else ()
            )
        return frozenset(found)

    def users(self) -> None:
        mode = self.declared.settings.users
        entries = [(user_key(one.name), one) for one in self.declared.users]
        for place, entry, found in self._ours(entries, self.live.users, mode):
            if entry.presence is Presence.ABSENT or found.foreign:
                self._replace(place, entry, self.exporter.user(found))
            elif settled(entry.user, found) != found:
                correct_user(place, entry.user, found, self.exporter.user(found))
        for key in self._undeclared("user", self.exporter.users, entries, mode):
            user = self.live.users[key]
            self._add("users", user.user_name, self.exporter.user(user))

    def groups(self) -> None:
        mode = self.declared.settings.groups
        entries = [(group_key(one.name), one) for one in self.declared.groups]
        for place, entry, found in self._ours(entries, self.live.groups, mode):
            members = self.live.members.get(group_key(found.name), frozenset())
            if entry.presence is Presence.ABSENT or found.foreign:
                wanted = self.exporter.group(found, members)
                self._replace(place, entry, wanted | _owners(entry))
            else:
                self._group(place, entry, found, members)
        self._tell_renames()
        for key in self._undeclared("group", self.exporter.groups, entries, mode):
            group = self.live.groups[key]
            members = self.live.members.get(key, frozenset())
            self._add("groups", group.name, self.exporter.group(group, members))

    @cached_property
    def _inherited(self) -> tuple[Declared, Mapping[GroupKey, FlatList]]:
        """What is declared after the import but for lists, and whom includes and rules give then.

        Every list that is imported has who is live.
        """
        after = replace(
            self.declared, users=tuple(self._users_after()), groups=tuple(self._groups_after())
        )
        imported = frozenset(
            group_key(one.name) for one in after.groups if self.choice.wants("group", one.name)
        )
        live = LiveMembers(self.live, as_live=imported)
        return after, flat_lists(after, live, self.choice.as_of)

    def _users_after(self) -> Iterator[DeclaredUser]:
        """Yield the users as they are declared after the import; see `users`."""
        is_ours = self.declared.settings.users is not ManageObjects.REFERENCE
        known: set[UserKey] = set()
        for entry in self.declared.users:
            key = user_key(entry.name)
            known.add(key)
            found = self.live.users.get(key)
            if not self.choice.wants("user", entry.name):
                yield entry
            elif found is not None and is_ours and entry.presence is not Presence.EXTERNAL:
                if entry.presence is Presence.ABSENT or found.foreign:
                    presence = Presence.EXTERNAL if found.foreign else Presence.PRESENT
                    yield replace(entry, user=found, presence=presence)
                else:
                    yield replace(entry, user=_said(entry.user, found))
            elif found is not None or entry.presence is Presence.ABSENT:
                yield entry
        for key in self.exporter.users if is_ours else ():
            if key not in known and self.choice.wants("user", key):
                found = self.live.users[key]
                presence = Presence.EXTERNAL if found.foreign else Presence.PRESENT
                yield DeclaredUser(found, Position("", 1, 1), presence)

    def _groups_after(self) -> Iterator[DeclaredGroup]:
        """Yield the groups as they are declared after the import, without what lists will say."""
        for entry in self.declared.groups:
            if not self.choice.wants("group", entry.name):
                yield entry
            elif group_key(entry.name) in self.live.groups or entry.presence is Presence.ABSENT:
                yield replace(entry, members=(), exclude=())

    def _tell_renames(self) -> None:
        for key, name in sorted(self.former.items()):
            if self.choice.wants("group", key):
                new = self.live.groups[key].name
                self.exporter.remark(
                    f"group/{new}",
                    f"is called {shown(name)} in AWS, which is no name here; it is declared with "
                    "that as a previous name, and the next plan renames it",
                )

    def _ours(
        self,
        entries: Iterable[tuple[_Key, _Declared]],
        live: Mapping[_Key, _Object],
        mode: ManageObjects,
    ) -> Iterator[tuple[Place, _Declared, _Object]]:
        """Yield the chosen entries that are not only referred to, with what of them is live.

        Those that are not live, and should be, are removed.
        """
        for key, entry in entries:
            if not self.choice.wants(entry.kind, entry.name):
                continue
            found = live.get(key)
            if found is None:
                _refuse_pending(entry, [one for one in entry.previous_names if folded(one) in live])
            place = self.catalog.entry(entry)
            if found is None:
                if entry.presence is not Presence.ABSENT:
                    self.catalog.remove(place)
            elif mode is not ManageObjects.REFERENCE and entry.presence is not Presence.EXTERNAL:
                yield place, entry, found

    def _undeclared(
        self,
        kind: str,
        live: Iterable[_Key],
        entries: Iterable[tuple[_Key, _Declared]],
        mode: ManageObjects,
    ) -> Iterator[_Key]:
        """Yield the chosen keys of *live* that have no entry yet, in their order."""
        if mode is not ManageObjects.REFERENCE:
            declared = {key for key, _ in entries}
            for key in sorted(live):
                if key not in declared and self.choice.wants(kind, key):
                    yield key

    def _group(
        self, place: Place, entry: DeclaredGroup, found: Group, members: frozenset[UserKey]
    ) -> None:
        key = group_key(found.name)
        if key in self.former and folded(self.former[key]) not in map(folded, entry.previous_names):
            add_previous_name(place, self.former[key])
        if settled(entry.group, found) != found:
            correct_group(place, self.exporter.group(found, members))
        names = self.exporter.members(f"group/{found.name}", members) if entry.is_managed else []
        if names is None:
            leave_open(place)
        elif entry.derives and self.declared.settings.memberships is not ManageLinks.OFF:
            self._derived(place, entry, names)
        elif entry.members is not None:
            keeps = self._keeps("user", self.declared.settings.memberships)
            self._correct(
                place,
                ("members",),
                (f"membership/{entry.name}", entry.members),
                Correction(names, keeps, self.choice.as_of),
            )

    def _derived(self, place: Place, entry: DeclaredGroup, names: Sequence[str]) -> None:
        """Let a group that includes others, or has a rule, come to the members called *names*.

        What it includes stays. Who is live beyond that is listed; who is not live is excluded.
        """
        after, lists = self._inherited
        stay = {one.name for one in after.groups}
        included = [one.name for one in entry.include if one.name in stay]
        drop_from(place, ("include",), [one.name not in stay for one in entry.include])
        found = lists[group_key(entry.name)].members
        over = [one for one in found if not one.holds(self.choice.as_of)]
        inherited = {folded(one.name): one.name for one in found if one not in over}
        past = {folded(one.name) for one in over}
        own = {folded(one.name) for one in entry.members or ()}
        live = {folded(name) for name in names}
        beyond = [
            name
            for name in names
            if folded(name) in own or folded(name) not in inherited.keys() | past
        ]
        address = f"membership/{entry.name}"
        if included or entry.rule is not None:
            missing = [name for key, name in sorted(inherited.items()) if key not in live]
            correct_list(
                place, ("exclude",), entry.exclude, Correction(missing, None, self.choice.as_of)
            )
        else:
            remove_at(place, ("exclude",))
            if entry.members is None and not beyond:
                add_list(place, ("members",), [])
        self._correct(
            place,
            ("members",),
            (address, entry.members or ()),
            Correction(beyond, None, self.choice.as_of),
        )

    def _correct(
        self,
        place: Place,
        path: tuple[str, ...],
        listed: tuple[str, Sequence[Listed]],
        correction: Correction,
    ) -> None:
        """Correct a list; *listed* is where the addresses of its links begin, and what it has."""
        address, items = listed
        corrected = correct_list(place, path, items, correction)
        self.unlisted += [f"{address}/{name}" for name in corrected.added]
        for one in corrected.dated:
            told = (
                f"has expired ({one.position}) and is still live; it stays expired, and the next "
                "plan removes it: give it a later date if it shall stay"
                if one.is_over(self.choice.as_of)
                else f"is yet to start ({one.position}) and is live; it stays so, and the next "
                "plan removes it until then: take `starts` out if it shall stay"
            )
            self.exporter.remark(f"{address}/{one.name}", told)

    def _keeps(self, kind: str, mode: ManageLinks) -> Callable[[str], bool] | None:
        """Return what says whether a name that is not in a live list may stay listed."""
        if mode is not ManageLinks.OFF:
            return None
        objects = self.live.users if kind == "user" else self.live.groups
        return lambda name: folded(name) in objects

    def applications(self) -> None:
        known: set[ApplicationArn] = set()
        for entry in self.declared.applications:
            found = [one for one in self.live.applications.values() if entry.selector.matches(one)]
            known.update(one.arn for one in found)
            names = (entry.selector.name or "", entry.selector.arn or "")
            if not self.choice.wants("application", *names):
                continue
            if not found:
                self.catalog.remove(self.catalog.entry(entry))
            elif len(found) == 1 and entry.managed:
                self._application(entry, found[0])
            elif len(found) == 1 and self.choice.services:
                self._manage(entry, found[0])
        for arn in self.exporter.applications():
            if arn not in known:
                self._new_application(self.live.applications[arn])

    def _new_application(self, application: Application) -> None:
        if self.choice.wants("application", application.name, application.arn):
            principals = self.live.assignments.get(application.arn, frozenset())
            services = self.choice.services
            made = self.exporter.application(application, principals, services=services)
            if made is not None:
                self._add("applications", application.name, made)

    def _application(self, entry: DeclaredApplication, found: Application) -> None:
        mode = self.declared.settings.assignments
        principals = self.live.assignments.get(found.arn, frozenset())
        lists = self.exporter.assignments(found, principals)
        place = self.catalog.entry(entry)
        sayable = lists is not None and mode is not ManageLinks.OFF
        if sayable and fill_map(place, "assignments", lists or {}):
            self._count({"assignments": lists or {}})
            return
        # A list that is new stands behind what is added to the one above it, so it comes later.
        kinds = (("user", entry.users), ("group", entry.groups))
        for kind, listed in sorted(
            kinds, key=lambda one: list_at(place, ("assignments", f"{one[0]}s")) is None
        ):
            names = None if lists is None else lists.get(f"{PrincipalKind(kind)}s", [])
            self._correct(
                place,
                ("assignments", f"{kind}s"),
                (f"assignment/{found.name}/{kind}", listed),
                Correction(names, self._keeps(kind, mode), self.choice.as_of),
            )

    def _manage(self, entry: DeclaredApplication, found: Application) -> None:
        """Give *entry* the assignments that it leaves to the AWS service that owns it."""
        off = self.declared.settings.assignments is ManageLinks.OFF
        if off or found.service is None or found.is_account_access:
            return
        principals = self.live.assignments.get(found.arn, frozenset())
        lists = self.exporter.assignments(found, principals)
        if lists is not None:
            self._count({"assignments": lists})
            place = self.catalog.entry(entry)
            place.section.operation.add_key(place.node, "account", "assignments", lists)

    def _replace(self, place: Place, entry: DeclaredUser | DeclaredGroup, wanted: Entry) -> None:
        """Let *wanted* be in the place of *entry*."""
        if entry.presence is Presence.ABSENT:
            self.exporter.remark(
                f"{entry.kind}/{entry.name}",
                f"state: absent ({entry.position}) is taken back, for it is still live",
            )
        self._count(wanted)
        place.section.operation.replace_entry(place.section.items, place.number, wanted)

    def _count(self, entry: Entry) -> None:
        """Count the memberships or assignments of an entry that is new."""
        lists = entry.get("assignments", {})
        found = [entry.get("members", ()), *(lists.values() if isinstance(lists, dict) else ())]
        self.first_listed += sum(len(one) for one in found if isinstance(one, list))

    def _add(self, section: str, name: str, entry: Entry) -> None:
        self._count(entry)
        layout = self.choice.layout
        file = file_for(layout, section, name) if layout else self.catalog.choose(section)
        self.catalog.add(file, section, entry)


def _said(declared: User, live: User) -> User:
    """Return *declared* with what is *live* for all that it says."""
    said = {
        one.field: getattr(live, one.field)
        for one in USER_ATTRIBUTES
        if getattr(declared, one.field) is not None or one.field in declared.cleared
    }
    return replace(declared, **said)


def _owners(entry: DeclaredGroup) -> Entry:
    """Return the owners of *entry* as they are written."""
    if not entry.owners:
        return {}
    is_user = PrincipalKind.USER
    return {
        "owners": [one.name if one.kind is is_user else {"group": one.name} for one in entry.owners]
    }


def _refuse_pending(entry: DeclaredUser | DeclaredGroup, old_names: list[str]) -> None:
    if old_names:
        raise UsageError(
            f"{entry.position}: {entry.kind}/{entry.name} is yet to be renamed from "
            f"{old_names[0]}; apply that first, or take the previous name out"
        )
