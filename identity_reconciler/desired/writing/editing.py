"""The daily changes of the YAML: a person, a group, a membership, an assignment more or less.

Each method notes what to change; `finish` makes all of it at once, or tells every reason why not.
Comments, order and quotes of everything else stay as they are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from pathlib import PurePosixPath

from identity_reconciler.core.declared import (
    Declared,
    DeclaredApplication,
    DeclaredGroup,
    DeclaredOwner,
    DeclaredUser,
    Listed,
    ManageObjects,
    Presence,
)
from identity_reconciler.core.flattening import derived, way
from identity_reconciler.core.state import PrincipalKind, folded
from identity_reconciler.core.wording import did_you_mean, shown
from identity_reconciler.desired.reading.files import OUTSIDE, SPECIAL_FILES
from identity_reconciler.desired.reading.rules import SOURCES
from identity_reconciler.desired.writing.corrections import (
    add_list,
    fill_map,
    list_at,
    places_in,
    remove_at,
    set_attributes,
    set_reviewed,
)
from identity_reconciler.desired.writing.exporter import user_entry
from identity_reconciler.desired.writing.inputs import Input, Inputs
from identity_reconciler.desired.writing.lookups import (
    EXCLUDE,
    INCLUDE,
    OWNERS,
    REVIEWERS,
    Items,
    ListPlace,
    Lookups,
    Responsible,
    people_of,
)
from identity_reconciler.desired.writing.placing import Catalog, Entry
from identity_reconciler.desired.writing.rewrite import Rewrite
from identity_reconciler.desired.yaml.emit import Data
from identity_reconciler.errors import InvalidInputError, Position, Problem, UsageError

_ANSWERING = ("owners", "review", "reviewed")
"""What says nothing of what is to be deleted."""


class Editor:
    """Changes to what the files of a `Rewrite` declare."""

    def __init__(self, rewrite: Rewrite) -> None:
        self._rewrite = rewrite
        self.declared: Declared = rewrite.declared()
        """What the files declare as they are."""
        self.remarks: list[str] = []
        """What there is to tell about what is changed."""
        self._catalog = Catalog(rewrite)
        self._known = Lookups(self.declared)
        self._new: dict[str, set[str]] = {"user": set(), "group": set()}
        """Folded names of what is added, by kind."""
        self._ended: dict[str, Input | None] = {}
        """Folded names of the users that are to go, with for what."""
        self._said: dict[str, dict[str, str | None]] = {}
        """New attributes by field of `User`, by folded user name; None: none."""
        self._input: Input | None = None
        self._inputs = Inputs(self.declared)
        self._problems: list[Problem] = []
        self._added: dict[ListPlace, list[Data]] = defaultdict(list)
        self._gone: dict[ListPlace, set[int]] = defaultdict(set)
        self._listed: dict[ListPlace, Items] = {}
        self._names: dict[ListPlace, set[str]] = {}
        """The folded names in each list that has been asked about, with those that are added."""
        self._given: dict[str, tuple[Mapping[str, Listed], bool]] = {}
        """Whom includes and rules give the groups that were asked about, by folded name."""
        self._made: dict[str, dict[str, list[Data]]] = {}
        """The lists of the applications that are declared, by what they are called."""

    @contextmanager
    def on_behalf_of(self, source: Input) -> Iterator[None]:
        """Let what is changed in the block be for *source*, and what cannot be, a problem there."""
        self._input, before = source, self._input
        try:
            yield
        except UsageError as error:
            self._problems.append(Problem(source.place, str(error)))
        finally:
            self._input = before

    def finish(self) -> None:
        """Hand every change to the `Rewrite`.

        Raises:
            InvalidInputError: Something could not be changed, or the result would not be valid;
                each problem names the argument or the row that it comes from.
        """
        self._problems += self._orphaned()
        self._problems += self._unanswered()
        if self._problems:
            raise InvalidInputError(self._problems)
        for name, attributes in self._said.items():
            if name not in self._ended:
                entry = self._known.users[name]
                set_attributes(self._catalog.entry(entry), entry.user, attributes)
        for position, path in sorted({*self._added, *self._gone}):
            self._change((position, path))
        self._catalog.finish()
        try:
            self._rewrite.declared()
        except InvalidInputError as error:
            changed = {name: self._rewrite.contents[name] for name in self._rewrite.changed}
            raise InvalidInputError(self._inputs.of(error.problems, changed)) from error

    def _orphaned(self) -> Iterator[Problem]:
        """Yield a problem for each user who is to go and whom others still report to."""
        for name, given in self._ended.items():
            reports = sorted(one.name for one in self.reports_of(name))
            if reports:
                user = self.user(name).name
                place = given.place if given else Position(f"user/{user}")
                said = f"user/{user} is the manager of {', '.join(reports)}"
                yield Problem(place, f"{said}; `edit leave --reports-to` hands them over")

    def _unanswered(self) -> Iterator[Problem]:
        """Yield a problem for each user who is to go and is the last whom a review could ask."""
        for one in self.answering():
            going = [each for each in people_of(one.people) if folded(each.name) in self._ended]
            if one.is_needed and going and self.loses_all(one):
                last = going[-1].name
                given = self._ended[folded(last)]
                said = f"user/{last} is the last owner of {one.address}, which owners review"
                place = given.place if given else Position(f"user/{last}")
                yield Problem(place, f"{said}; `edit leave --successor` hands it over")

    def add_user(self, name: str, attributes: Mapping[str, Data], file: str | None) -> None:
        """Declare a user, with *attributes* by field of `User`, in *file* or where most are."""
        self._add("user", name, user_entry(name, attributes), file)

    def add_group(self, entry: Mapping[str, Data], file: str | None) -> None:
        """Declare a group in *file*, or where most groups are."""
        self._add("group", str(entry["name"]), entry, file)

    def _add(self, kind: str, name: str, entry: Mapping[str, Data], file: str | None) -> None:
        known = self._known.users if kind == "user" else self._known.groups
        found: DeclaredUser | DeclaredGroup | None = known.get(folded(name))
        if found is not None:
            raise UsageError(f"{kind}/{name} is already declared at {found.position}")
        if folded(name) in self._new[kind]:
            raise UsageError(f"{kind}/{name} is there twice")
        self._new[kind].add(folded(name))
        self._note(kind, name)
        target = self._catalog.choose(f"{kind}s") if file is None else self._checked(file)
        self._catalog.add(target, f"{kind}s", entry)

    def _checked(self, file: str) -> str:
        if file.startswith(OUTSIDE) and file in self._rewrite.contents:
            return file
        path = PurePosixPath(file)
        special = path.name in SPECIAL_FILES
        odd = path.is_absolute() or any(part.startswith(".") for part in path.parts)
        if odd or special or path.suffix != ".yaml" or "\\" in file:
            raise UsageError(
                f"--file {shown(file)}: expected a file for users and groups such as "
                "users/data.yaml, relative to the directory of instance.yaml"
            )
        return path.as_posix()

    def _note(self, *what: str) -> None:
        if self._input is not None:
            self._inputs.note(self._input, *what)

    def user(self, name: str) -> DeclaredUser:
        """Return the user called *name*.

        Raises:
            UsageError: There is none.
        """
        return self._known.user(name)

    def group(self, name: str) -> DeclaredGroup:
        """Return the group called *name*.

        Raises:
            UsageError: There is none.
        """
        return self._known.group(name)

    def is_ended(self, user: str) -> bool:
        """Return whether a user of that name is to go."""
        return folded(user) in self._ended

    def revive(self, entry: DeclaredUser, attributes: Mapping[str, Data]) -> None:
        """Let a user whose *entry* only asks for a deletion be one again, with *attributes*."""
        self._note("user", entry.name)
        place = self._catalog.entry(entry)
        made = user_entry(entry.name, attributes)
        place.section.operation.replace_entry(place.section.items, place.number, made)

    def reports_of(self, name: str) -> Iterator[DeclaredUser]:
        """Yield the users who stay and whose manager is called *name*."""
        changed = {
            key
            for key, said in self._said.items()
            if folded(said.get("manager") or "") == folded(name)
        }
        for key in sorted({*self._known.reports.get(folded(name), ()), *changed}):
            user = self._known.users[key]
            manager = self._said.get(key, {}).get("manager", user.user.manager)
            is_theirs = manager is not None and folded(manager) == folded(name)
            if is_theirs and user.presence is Presence.PRESENT and key not in self._ended:
                yield user

    def set_user(self, name: str, attributes: Mapping[str, str]) -> None:
        """Let a user have *attributes*, by field of `User`; an empty text is none at all."""
        entry = self.user(name)
        if entry.presence is Presence.EXTERNAL:
            raise UsageError(
                f"user/{entry.name} has state: external, so the identity provider has its "
                "attributes; change them there"
            )
        if entry.presence is Presence.ABSENT or folded(name) in self._ended:
            raise UsageError(f"user/{entry.name} has state: absent; a user who goes has none")
        self._note("user", entry.name)
        for field, text in attributes.items():
            self._said.setdefault(folded(name), {})[field] = text or None

    def remove_user(self, name: str, *, forget: bool) -> None:
        """Have a user deleted, or only *forget* that there is one; all lists lose the name."""
        entry = self.user(name)
        if folded(name) in self._ended:
            raise UsageError(f"user/{name} is there twice")
        for (position, path), listed, number in self._known.listings.get(folded(name), ()):
            self._listed[position, path] = listed
            self._gone[position, path].add(number)
        self._note("user", entry.name)
        self._ended[folded(name)] = self._input
        self._end(entry, self.declared.settings.users, forget=forget)

    def tombstones(self) -> tuple[DeclaredUser | DeclaredGroup, ...]:
        """Return the entries that only ask for a deletion, users first, in file order."""
        entries: list[DeclaredUser | DeclaredGroup] = [*self.declared.users, *self.declared.groups]
        return tuple(one for one in entries if one.presence is Presence.ABSENT)

    def forget(self, entry: DeclaredUser | DeclaredGroup) -> None:
        """Take *entry*, which nothing refers to, out of its file."""
        self._catalog.remove(self._catalog.entry(entry))

    def remove_group(self, name: str, *, forget: bool) -> None:
        """Have a group deleted, or only *forget* that there is one; all lists lose the name."""
        entry = self.group(name)
        self._note("group", entry.name)
        for application in self.declared.applications:
            self._drop(application.position, ("assignments", "groups"), application.groups, name)
        for group in self.declared.groups:
            self._drop(group.position, ("include",), group.include, name)
        for each in self._known.answering:
            for number, one in enumerate(each.people):
                if one.kind is PrincipalKind.GROUP and folded(one.name) == folded(name):
                    self._listed[each.place] = each.people
                    self._gone[each.place].add(number)
        self._end(entry, self.declared.settings.groups, forget=forget)

    def _end(
        self, entry: DeclaredUser | DeclaredGroup, mode: ManageObjects, *, forget: bool
    ) -> None:
        place = self._catalog.entry(entry)
        if entry.presence is Presence.ABSENT and not forget:
            raise UsageError(f"{entry.kind}/{entry.name} has state: absent already")
        if forget or entry.presence is Presence.EXTERNAL or mode is not ManageObjects.DECLARED:
            self._catalog.remove(place)
            return
        operation, node = place.section.operation, place.node
        name = node.pairs[node.index("user_name" if entry.kind == "user" else "name")][0].value
        for key in (*SOURCES, *_ANSWERING, "previous_names", "previous_user_names"):
            if node.index(key) >= 0:
                operation.remove_key(node, key)
        state = node.index("state")
        if state >= 0:
            operation.replace(*node.pairs[state], "absent")
        else:
            operation.add_key(node, name, "state", "absent")

    def emptied(self) -> Iterator[str]:
        """Yield the names of the groups that have nobody left."""
        for group in self.declared.groups:
            which = (group.position, ("members",))
            gone = self._gone.get(which, set())
            is_emptied = gone and len(gone) == len(group.members or ())
            if is_emptied and not group.derives and not self._added.get(which):
                yield group.name

    def answering(self) -> tuple[Responsible, ...]:
        """Return the lists of those who answer for something or review it, as they are."""
        return self._known.answering

    def record_review(self, entry: DeclaredGroup | DeclaredApplication, day: date, by: str) -> None:
        """Let *entry* say that it was reviewed on *day*, by the user *by*."""
        set_reviewed(self._catalog.entry(entry), {"day": day, "by": by})

    def loses_all(self, answering: Responsible) -> bool:
        """Return whether nobody of *answering* is left, and nobody is to take over."""
        gone = self._gone.get(answering.place, ())
        return len(gone) == len(answering.people) and not self._added.get(answering.place)

    def is_answering(self, answering: Responsible, user: str) -> bool:
        """Return whether *user* is in that list, or is to be."""
        return self._has(*answering.place, people_of(answering.people), user)

    def let_answer(self, answering: Responsible, user: str) -> None:
        """Put *user*, who is not in it, into that list."""
        place, people = answering.place, answering.people
        self._listed[place] = people
        self._added[place].append(user)
        self._names_at(place, people_of(people)).add(folded(user))

    def is_member(self, group: DeclaredGroup, user: str) -> bool:
        """Return whether *user* is listed in *group*, or is to be."""
        return self._has(group.position, ("members",), group.members or (), user)

    def is_assigned(self, application: DeclaredApplication, user: str) -> bool:
        """Return whether *user* is listed with *application*, or is to be."""
        at = application.position
        return self._has(at, ("assignments", "users"), application.users, user)

    def _has(
        self,
        position: Position,
        path: tuple[str, ...],
        listed: Iterable[Listed | DeclaredOwner],
        name: str,
    ) -> bool:
        return folded(name) in self._names_at((position, path), listed)

    def _names_at(self, which: ListPlace, listed: Iterable[Listed | DeclaredOwner]) -> set[str]:
        if which not in self._names:
            self._names[which] = {folded(one.name) for one in listed}
        return self._names[which]

    def add_member(self, group: str, user: str, terms: Mapping[str, Data]) -> None:
        """Put *user*, declared or added, into *group*, on *terms* such as `expires`."""
        if folded(group) in self._new["group"]:
            raise UsageError(f"group/{group} is new; give its members with it")
        entry = self.group(group)
        name = self._referable("user", user)
        if not entry.is_managed:
            raise UsageError(
                f"the memberships of group/{entry.name} are not managed: it has no `members`; "
                f"add them with `identity-reconciler import --only group/{entry.name}`, or "
                "`members: []` if it has none"
            )
        self._note("group", entry.name, name)
        if self._drop(entry.position, ("exclude",), entry.exclude, user):
            included = derived(self.declared, entry, whole=True).members
            comes = next((one for one in included if folded(one.name) == folded(user)), None)
            if comes:
                self.remarks.append(
                    f"user/{name} was excluded, and is in group/{entry.name} via {way(comes)} "
                    f"({comes.position}) from now on"
                )
                return
        comes, _ = self.inherited(entry, user)
        if comes:
            self.remarks.append(
                f"user/{name} is in group/{entry.name} already, via {way(comes)} "
                f"({comes.position}); listed, they stay when that ends"
            )
        listed = entry.members or ()
        self._put(entry.position, ("members",), listed, _item("user", name, terms))

    def remove_member(self, group: str, user: str, *, exclude: bool = False) -> None:
        """Take *user* out of *group*; *exclude* whoever would be in it all the same."""
        entry = self.group(group)
        is_dropped = self._drop(entry.position, ("members",), entry.members or (), user)
        comes, is_open = self.inherited(entry, user)
        if exclude and (comes or (is_open and not is_dropped)):
            name = self._referable("user", user)
            self._put(entry.position, ("exclude",), entry.exclude, name)
        elif exclude and not is_dropped:
            raise UsageError(f"user/{user} is not in group/{entry.name}, so nothing is to exclude")
        elif comes and is_dropped:
            self.remarks.append(
                f"user/{user} stays in group/{entry.name} via {way(comes)} ({comes.position}); "
                "`edit remove-member --exclude` leaves them out of this group alone"
            )
        elif comes:
            raise UsageError(
                f"user/{user} is not listed in group/{entry.name}, and is in it via {way(comes)} "
                f"({comes.position}): take them out there, or leave them out of this group alone "
                "with --exclude"
            )
        elif not is_dropped:
            hint = ", unless by what only AWS knows; then --exclude leaves them out"
            said = f"user/{user} is not listed in group/{entry.name}{hint if is_open else ''}"
            raise UsageError(said)

    def inherited(self, entry: DeclaredGroup, user: str) -> tuple[Listed | None, bool]:
        """Return how *user* is in a group without being listed, as the files are.

        And whether there are others in it of whom only AWS knows.
        """
        if not entry.derives:
            return None, False
        if entry.name not in self._given:
            found = derived(self.declared, entry)
            by_name = {folded(one.name): one for one in found.members}
            self._given[entry.name] = by_name, bool(found.unknown)
        members, is_open = self._given[entry.name]
        return members.get(folded(user)), is_open

    def assign(
        self, application: str, principal: tuple[str, str], terms: Mapping[str, Data], *, new: bool
    ) -> None:
        """Assign a principal, its kind and name, to *application*; *new* may declare that."""
        kind, said = principal
        name = self._referable(kind, said)
        item = _item(kind, name, terms)
        entry = self._known.application(application)
        self._note("application", application, name)
        if entry is None and new:
            if application not in self._made:
                lists: dict[str, list[Data]] = {}
                self._made[application] = lists
                key = "arn" if application.startswith("arn:") else "name"
                made: dict[str, Data] = {key: application, "assignments": lists}
                self._catalog.add(self._catalog.choose("applications"), "applications", made)
            self._made[application].setdefault(f"{kind}s", []).append(item)
            return
        if entry is None or not entry.managed:
            hint = did_you_mean(application, self._known.application_names())
            raise UsageError(
                f"the assignments of {shown(application)} are not managed{hint}; to keep those it "
                f"has, first run `identity-reconciler import --only application/{application}`, "
                "with `--service-applications` if an AWS service owns it"
                + ("" if entry else ", or give --declare if it has none")
            )
        listed = entry.users if kind == "user" else entry.groups
        self._put(entry.position, ("assignments", f"{kind}s"), listed, item)

    def unassign(self, application: str, principal: tuple[str, str]) -> None:
        """Take the assignment of a principal, its kind and name, from *application*."""
        kind, name = principal
        entry = self._known.application(application)
        if entry is None:
            hint = did_you_mean(application, self._known.application_names())
            raise UsageError(f"application {shown(application)} is not declared{hint}")
        listed = entry.users if kind == "user" else entry.groups
        if not self._drop(entry.position, ("assignments", f"{kind}s"), listed, name):
            raise UsageError(f"{kind}/{name} is not assigned to {shown(application)}")

    def _referable(self, kind: str, name: str) -> str:
        """Return the name, as declared, of what may be listed."""
        if folded(name) in self._new[kind]:
            return name
        return self.user(name).name if kind == "user" else self.group(name).name

    def _put(
        self, position: Position, path: tuple[str, ...], listed: tuple[Listed, ...], item: Data
    ) -> None:
        name = item_name(item)
        if self._has(position, path, listed, name):
            raise UsageError(f"{name} is listed there already ({position})")
        self._listed[position, path] = listed
        self._added[position, path].append(item)
        self._names_at((position, path), listed).add(folded(name))

    def _drop(
        self, position: Position, path: tuple[str, ...], listed: Iterable[Listed], name: str
    ) -> bool:
        items = tuple(listed)
        numbers = {n for n, one in enumerate(items) if folded(one.name) == folded(name)}
        if numbers:
            self._listed[position, path] = items
            self._gone[position, path] |= numbers
        return bool(numbers)

    def _change(self, which: ListPlace) -> None:
        position, path = which
        entry = self._catalog.entry_at(position)
        items = sorted(self._added[which], key=lambda item: folded(item_name(item)))
        found = list_at(entry, path)
        if found is None:
            self._start(entry, path, items)
            return
        # Nobody is no answer to who answers: the key goes where no one takes over.
        is_emptied = not items and len(self._gone[which]) == len(self._listed[which])
        if is_emptied and path in {OWNERS, REVIEWERS, INCLUDE, EXCLUDE}:
            remove_at(entry, path)
            if path == INCLUDE:
                self._stay_managed(entry)
            return
        place_of = places_in([folded(one.name) for one in self._listed[which]])
        new: dict[int, list[Data]] = {}
        for item in items:
            new.setdefault(place_of(item_name(item)), []).append(item)
        entry.section.operation.change_list(*found, self._gone[which], new)

    def _stay_managed(self, entry: Entry) -> None:
        """Let an *entry* that includes no group any more still say who is in it."""
        if entry.node.index("members_where") < 0:
            remove_at(entry, EXCLUDE)
            if entry.node.index("members") < 0:
                add_list(entry, ("members",), [])

    def _start(self, entry: Entry, path: tuple[str, ...], items: list[Data]) -> None:
        said: dict[str, Data] = {path[-1]: items}
        if not fill_map(entry, path[0], said):
            add_list(entry, path, items)


def _item(kind: str, name: str, terms: Mapping[str, Data]) -> Data:
    return {kind: name, **terms} if terms else name


def item_name(item: Data) -> str:
    """Return the name in an item of a list."""
    if isinstance(item, Mapping):
        return str(item.get("user") or item["group"])
    return str(item)
