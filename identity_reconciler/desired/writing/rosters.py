"""A table of people to what it says of each: by the headings of the tools that export such tables.

Pure. A heading is compared without regard to case, spaces and signs; what stands in brackets, as
in Entra's templates, is the name of the property.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from identity_reconciler.core.attributes import USER_ATTRIBUTES
from identity_reconciler.core.state import folded
from identity_reconciler.core.wording import did_you_mean, shown
from identity_reconciler.desired.writing.tables import Table
from identity_reconciler.errors import InvalidInputError, Position, Problem, UsageError

FIELDS = ("user_name", *(one.field for one in USER_ATTRIBUTES if one.fits_text), "groups", "active")
"""What a column can give: the user name, attributes as fields of `User`, and `groups`, separated;
`active` says who is still there."""
_BLOCKED = "blocked"
"""The opposite of `active`."""

_HEADINGS = {
    "user_name": "username userprincipalname login samaccountname benutzername",
    "given_name": "givenname firstname vorname",
    "family_name": "familyname lastname surname nachname",
    "display_name": "displayname fullname anzeigename",
    "formatted_name": "formattedname",
    "email": "email emailaddress primaryemail workemail mail",
    "phone_number": "phonenumber workphone primaryphone telephonenumber businessphone telefon",
    "user_type": "usertype employeetype",
    "title": "title jobtitle employeetitle position",
    "employee_number": "employeenumber employeeid personnelnumber personalnummer",
    "cost_center": "costcenter costcentre kostenstelle",
    "organization": "organization organisation company companyname",
    "department": "department abteilung",
    "manager": "manager manageremail managerid managerusername vorgesetzter",
    "groups": "groups group gruppen",
    "active": "active status accountenabled enabled",
    _BLOCKED: "blocksignin",
}
"""Headings by what they give, as AWS, Google Workspace, Entra ID, Okta and HR systems have them.
Sources: CreateUser; the downloads and templates of the Google Admin console and the Microsoft Entra
admin center; Okta's default user profile."""
_BY_HEADING = {
    **{field.replace("_", ""): field for field in FIELDS},
    **{one: field for field, some in _HEADINGS.items() for one in some.split()},
}
_MARKERS = re.compile(r"\((?:required|optional|yes/no)\)|\[(?:required|read only)\]|\*|\brequired$")
_PROPERTY = re.compile(r"\[(\w+)\]")
_THERE = "active,true,yes,1,enabled,ja,staged,provisioned,recovery,password expired,locked out"
_GONE = "false,no,0,inactive,disabled,suspended,archived,deprovisioned,terminated,left,nein,deleted"
_IS_THERE = {**dict.fromkeys(_THERE.split(","), True), **dict.fromkeys(_GONE.split(","), False)}
"""What a cell of `active` says, folded and with spaces for underscores."""


def field_of(heading: str) -> str | None:
    """Return what a column with this *heading* gives, if that is known."""
    plain = unicodedata.normalize("NFKC", heading).casefold().strip()
    bare = re.sub("[^a-z0-9]", "", _MARKERS.sub("", _PROPERTY.sub("", plain)))
    if bare in _HEADINGS[_BLOCKED].split():
        return _BLOCKED
    named = _PROPERTY.search(_MARKERS.sub("", plain))
    if named and named[1] in _BY_HEADING:
        return _BY_HEADING[named[1]]
    return _BY_HEADING.get(bare)


@dataclass(frozen=True, slots=True)
class Reading:
    """How a table is to be read."""

    headings: Mapping[str, str] = field(default_factory=dict)
    """What columns give, by heading, where it is not what the headings say; nothing: not taken."""
    group_separator: str = ";"
    one_name: bool = False
    """Who has only one name gets it as given and as family name."""


@dataclass(frozen=True, slots=True)
class Person:
    """What one row says."""

    place: Position
    user_name: str
    attributes: Mapping[str, str]
    """By field of `User`; what is empty is not there."""
    groups: tuple[str, ...]
    is_active: bool


@dataclass(frozen=True, slots=True)
class Roster:
    """What a table says."""

    people: tuple[Person, ...]
    fields: frozenset[str]
    """What its columns give."""
    notes: tuple[str, ...]


def read_roster(table: Table, reading: Reading) -> Roster:
    """Return what *table* says of people.

    Raises:
        InvalidInputError: Columns that are needed are not there or there twice, or rows are wrong;
            with every problem.
        UsageError: *reading* names a heading or a field that there is not.
    """
    columns = _columns(table, reading.headings)
    given = frozenset(columns.values())
    notes = [*table.notes, *_not_taken(table, columns)]
    if "user_name" not in given and "email" not in given:
        raise _invalid(table, "no column gives the user name or the e-mail address")
    if "user_name" not in given:
        notes.append("no column gives the user name, so it is the e-mail address")
    elif "email" not in given:
        notes.append("no column gives the e-mail address; a user name that is one is taken for it")
    people = _people(table, columns, reading)
    return Roster(tuple(people), given - {_BLOCKED}, tuple(notes))


def _people(table: Table, columns: Mapping[int, str], reading: Reading) -> Iterable[Person]:
    problems: list[Problem] = []
    people: dict[str, Person] = {}
    for line, cells in table.rows:
        values = {columns[at]: _text(cell) for at, cell in enumerate(cells) if at in columns}
        place = Position(table.file, line)
        try:
            person = _person(values, place, reading)
        except UsageError as error:
            problems.append(Problem(place, str(error)))
            continue
        other = people.setdefault(folded(person.user_name), person)
        if other is not person:
            problems.append(Problem(place, f"{person.user_name} is there twice; see {other.place}"))
    if not people and not problems:
        problems.append(Problem(Position(table.file, table.line), "nobody is listed below"))
    if problems:
        raise InvalidInputError(problems)
    return people.values()


def _columns(table: Table, headings: Mapping[str, str]) -> dict[int, str]:
    """Return what each column that is taken gives."""
    plain = {_plain(heading): said for heading, said in headings.items()}
    unknown = plain.keys() - set(map(_plain, table.header))
    for heading in headings:
        if _plain(heading) in unknown:
            hint = did_you_mean(heading, set(table.header))
            raise UsageError(f"--map: {table.file} has no column {shown(heading)}{hint}")
        if (said := headings[heading]) and said not in FIELDS:
            hint = did_you_mean(said, FIELDS)
            raise UsageError(
                f"--map: {shown(said)} is nothing that a column can give{hint}; expected one of "
                f"{', '.join(FIELDS)}, or nothing"
            )
    found: dict[int, str] = {}
    for at, heading in enumerate(table.header):
        gives = plain[_plain(heading)] if _plain(heading) in plain else field_of(heading)
        if gives:
            found[at] = gives
    for gives in found.values():
        same = [table.header[at] for at, one in found.items() if one == gives]
        if len(same) > 1:
            # Which of them is meant only who made the table knows.
            raise _invalid(
                table,
                f"{' and '.join(map(shown, same))} give {gives} both; leave one out with "
                f'--map "{same[-1]}="',
            )
    return found


def _not_taken(table: Table, columns: Mapping[int, str]) -> Iterator[str]:
    left = [
        head or f"column {at}" for at, head in enumerate(table.header, 1) if at - 1 not in columns
    ]
    if left:
        names = ", ".join(map(shown, left))
        yield f"not taken from {table.file}: {names}; --map HEADING=FIELD takes one"


def _person(values: Mapping[str, str], place: Position, reading: Reading) -> Person:
    name = values.get("user_name", values.get("email", ""))
    if not name:
        raise UsageError("no user name")
    said = {
        field: text
        for field, text in values.items()
        if text and field not in {"user_name", "groups", "active", _BLOCKED}
    }
    if "email" not in values and "@" in name:
        said["email"] = name
    names = [said[one] for one in ("given_name", "family_name") if one in said]
    if len(names) == 1 and {"given_name", "family_name"} <= values.keys():
        if not reading.one_name:
            missing = "family name" if "given_name" in said else "given name"
            raise UsageError(
                f"{name} has no {missing}; AWS needs both: with --one-name the one that there is "
                "stands for both, and alone as the display name"
            )
        said = {"display_name": names[0], **said, "given_name": names[0], "family_name": names[0]}
    elif said.get("display_name") == " ".join(names):
        # So it is called where nothing is said.
        del said["display_name"]
    return Person(
        place, name, said, tuple(_groups(values.get("groups", ""), reading)), _is_active(values)
    )


def _groups(cell: str, reading: Reading) -> list[str]:
    """Return the groups in a cell; one with the separator in its name stands in quotes."""
    try:
        rows = csv.reader(
            [cell], delimiter=reading.group_separator, skipinitialspace=True, strict=True
        )
        return [one.strip() for row in rows for one in row if one.strip()]
    except csv.Error as error:
        raise UsageError(f"groups {shown(cell)}: {error}; put names in double quotes") from error


def _is_active(values: Mapping[str, str]) -> bool:
    for gives in ("active", _BLOCKED):
        text = " ".join(values.get(gives, "").casefold().replace("_", " ").split())
        if text and text not in _IS_THERE:
            raise UsageError(
                f"{shown(text)} does not say whether somebody is still there; expected active, "
                'suspended or the like, or leave the column out with --map "HEADING="'
            )
        if text and _IS_THERE[text] is (gives == _BLOCKED):
            return False
    return True


def _text(cell: str) -> str:
    """Return *cell* without the apostrophe that keeps a spreadsheet from computing it."""
    return cell[1:] if re.match(r"'[=+@-]", cell) else cell


def _plain(heading: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", heading).casefold().split())


def _invalid(table: Table, message: str) -> InvalidInputError:
    found = ", ".join(map(shown, table.header)) or "none"
    place = Position(table.file, table.line)
    return InvalidInputError([Problem(place, f"{message}; the columns are {found}")])


def parse_headings(given: Sequence[str]) -> dict[str, str]:
    """Return what `--map HEADING=FIELD` says, by heading.

    Raises:
        UsageError: There is no `=` in one of them.
    """
    found: dict[str, str] = {}
    for one in given:
        heading, sign, said = one.rpartition("=")
        if not sign or not heading:
            raise UsageError(f"--map {one}: expected HEADING=FIELD, or HEADING= to leave it out")
        found[heading.strip()] = said.strip()
    return found
