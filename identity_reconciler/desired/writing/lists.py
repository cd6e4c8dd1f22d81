"""People of a list become users of the YAML: added, kept up to date, let go."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from identity_reconciler.core.declared import DeclaredUser, Presence
from identity_reconciler.core.guard_settings import DeleteBudget
from identity_reconciler.core.scope import matches_any
from identity_reconciler.core.state import folded
from identity_reconciler.core.wording import did_you_mean, shown
from identity_reconciler.desired.writing.editing import Editor
from identity_reconciler.desired.writing.inputs import Input
from identity_reconciler.desired.writing.people import Handover, leave
from identity_reconciler.desired.writing.rosters import Person, Roster
from identity_reconciler.errors import BlockedError, UsageError

RETIRING = DeleteBudget(1, 5, 1_000_000)
"""How many of the users that stay one list may let go, unless a number is given."""
_KEPT = frozenset({"given_name", "family_name", "display_name", "email"})
"""What an empty cell does not take away: every user has it, or it is made of the names."""


def add_people(editor: Editor, roster: Roster, file: str | None) -> None:
    """Declare everybody in *roster* who is still there, in *file* or where most users are."""
    managers = _Managers(editor, roster)
    for person in _active(editor, roster):
        with editor.on_behalf_of(Input(person.place)):
            _add(editor, managers.resolved(person), file)


def _add(editor: Editor, person: Person, file: str | None) -> None:
    editor.add_user(person.user_name, person.attributes, file)
    for group in person.groups:
        editor.add_member(group, person.user_name, {})


def _active(editor: Editor, roster: Roster) -> list[Person]:
    found = [person for person in roster.people if person.is_active]
    left = [person.user_name for person in roster.people if not person.is_active]
    if left:
        editor.remarks.append(f"not taken, as they are no longer active: {_some(left)}")
    return found


@dataclass(frozen=True, slots=True)
class Retiring:
    """What becomes of users who are in the YAML and not in the list."""

    retire: bool = False
    """Whether they leave; otherwise they are told."""
    most: int | None = None
    """How many may leave; None: a share, see `RETIRING`."""
    keep: tuple[str, ...] = ()
    """Patterns of user names that no list lets go."""


def sync_people(editor: Editor, roster: Roster, file: str | None, retiring: Retiring) -> None:
    """Add who is in *roster* and not declared, change whose attributes differ, let go who is left.

    An empty cell takes away what the YAML says, except for names and the address. Groups are only
    added to. Entries that only ask for a deletion become users again.

    Raises:
        BlockedError: More would leave than may.
    """
    managers = _Managers(editor, roster)
    declared = {folded(one.name): one for one in editor.declared.users}
    active = _active(editor, roster)
    for person in active:
        with editor.on_behalf_of(Input(person.place)):
            entry = declared.get(folded(person.user_name))
            if entry is None:
                _add(editor, managers.resolved(person), file)
            elif entry.presence is Presence.EXTERNAL:
                editor.remarks.append(
                    f"user/{entry.name} is owned by an identity provider, so nothing is changed"
                )
            else:
                _update(editor, entry, managers.resolved(person), roster)
    listed = {folded(person.user_name) for person in active}
    stay = [one for one in declared.values() if one.presence is Presence.PRESENT]
    gone = [
        one
        for one in stay
        if folded(one.name) not in listed and not matches_any(retiring.keep, one.name)
    ]
    _let_go(editor, gone, len(stay), retiring, roster)


def _update(editor: Editor, entry: DeclaredUser, person: Person, roster: Roster) -> None:
    if entry.presence is Presence.ABSENT:
        editor.revive(entry, person.attributes)
    else:
        changes = dict(_changes(entry, person, roster))
        if changes:
            editor.set_user(entry.name, changes)
    for name in person.groups:
        if not editor.is_member(editor.group(name), entry.name):
            editor.add_member(name, entry.name, {})


def _changes(entry: DeclaredUser, person: Person, roster: Roster) -> Iterator[tuple[str, str]]:
    for field in sorted(roster.fields - {"user_name", "groups", "active"}):
        declared = getattr(entry.user, field)
        before = getattr(declared, "value", declared)
        after = person.attributes.get(field)
        if field == "manager" and before and after and folded(before) == folded(after):
            continue
        if after is not None and after != before:
            yield field, after
        elif after is None and before is not None and field not in _KEPT:
            yield field, ""


def _let_go(
    editor: Editor, gone: list[DeclaredUser], stay: int, retiring: Retiring, roster: Roster
) -> None:
    names = [one.name for one in gone]
    if not gone:
        return
    if not retiring.retire:
        editor.remarks.append(f"not in the list: {_some(names)}; --leavers absent lets them go")
        return
    most = RETIRING.allowed(stay) if retiring.most is None else retiring.most
    if len(gone) > most:
        share = f"{RETIRING.percent:g} % of {stay}, at least {RETIRING.floor}"
        said = f" ({share})" if retiring.most is None else ""
        raise BlockedError(
            f"{len(gone)} users are not in the list, and at most {most} may leave at once{said}: "
            f"{_some(names)}; see whether the list is whole, then give --most-leavers {len(gone)}, "
            "or --keep PATTERN for those whom it does not know"
        )
    place = replace(roster.people[0].place, line=0)
    leave(editor, [(name, Input(place)) for name in names], Handover())


def _some(names: list[str]) -> str:
    more = len(names) - 20
    return ", ".join(names[:20]) + (f" and {more} more" if more > 0 else "")


class _Managers:
    """Who is meant by what a list says of managers: a user name, or an e-mail address."""

    def __init__(self, editor: Editor, roster: Roster) -> None:
        self._names: dict[str, str] = {}
        self._by_email: dict[str, str] = {}
        for user in editor.declared.users:
            email = user.user.email
            self._note(user.name, email.value if email else "")
        for person in roster.people:
            self._note(person.user_name, person.attributes.get("email", ""))

    def _note(self, name: str, email: str) -> None:
        name = self._names.setdefault(folded(name), name)
        if email:
            self._by_email.setdefault(folded(email), name)

    def resolved(self, person: Person) -> Person:
        """Return *person* with the user name of the manager.

        Raises:
            UsageError: It is neither.
        """
        said = person.attributes.get("manager")
        if said is None:
            return person
        found = self._names.get(folded(said)) or self._by_email.get(folded(said))
        if found is None:
            hint = did_you_mean(said, set(self._names.values()))
            raise UsageError(
                f"the manager {shown(said)} is nobody's user name or e-mail address{hint}; leave "
                'the column out with --map "HEADING=" if it has something else'
            )
        attributes: Mapping[str, str] = {**person.attributes, "manager": found}
        return replace(person, attributes=attributes)


def leavers_of(editor: Editor, roster: Roster) -> Iterator[tuple[str, Input]]:
    """Yield the users who are in *roster*, a list of people who leave, with their rows.

    They are found by user name or e-mail address. Who has left already is passed over.
    """
    users = {folded(one.name): one for one in editor.declared.users}
    by_email = {folded(one.user.email.value): one for one in users.values() if one.user.email}
    for person in roster.people:
        said = (person.user_name, person.attributes.get("email", ""))
        found = [users.get(folded(one)) or by_email.get(folded(one)) for one in said]
        user = next((one for one in found if one is not None), None)
        with editor.on_behalf_of(Input(person.place)):
            if user is None:
                hint = did_you_mean(person.user_name, {one.name for one in users.values()})
                raise UsageError(f"user {shown(person.user_name)} is not declared{hint}")
            if user.presence is Presence.ABSENT:
                editor.remarks.append(f"user/{user.name} has state: absent already")
            else:
                yield user.name, Input(person.place)
