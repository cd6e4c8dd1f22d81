"""Lists of people as tools export them: read as they are meant, or asked about."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from identity_reconciler.desired.writing.editing import Editor
from identity_reconciler.desired.writing.lists import (
    Retiring,
    add_people,
    leavers_of,
    sync_people,
)
from identity_reconciler.desired.writing.people import Handover, leave
from identity_reconciler.desired.writing.rewrite import Rewrite
from identity_reconciler.desired.writing.rosters import (
    FIELDS,
    Reading,
    Roster,
    field_of,
    parse_headings,
    read_roster,
)
from identity_reconciler.desired.writing.tables import Table, read_table
from identity_reconciler.errors import BlockedError, InvalidInputError, UsageError

PLAIN = "user_name,given_name,family_name,email\n"


def table(data: bytes | str, **how: Any) -> Table:  # noqa: ANN401 - as `read_table`
    """Return the table in *data*."""
    raw = data.encode() if isinstance(data, str) else data
    return read_table(raw, "l.csv", lambda heading: field_of(heading) is not None, **how)


def roster(data: bytes | str, reading: Reading | None = None) -> Roster:
    """Return what the list in *data* says."""
    return read_roster(table(data), reading or Reading())


class TestEncodings:
    """What a list is written in is known by a mark, seen, told, or asked for."""

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
    def test_marked_or_utf_8(self, encoding: str) -> None:
        mark = "\ufeff" if encoding.endswith("e") else ""
        found = table(f"{mark}user_name,title\nzoë,Größe 東京\n".encode(encoding))
        assert (found.rows[0][1], found.notes) == (("zoë", "Größe 東京"), ())

    @pytest.mark.parametrize("text", ["Jürgen Größ", "Zoë O\u2019Neill", "10 \u2013 €", "ÎLE"])
    def test_western_is_told(self, text: str) -> None:
        found = table(f"user_name,title\nx,{text}\n".encode("cp1252"))
        assert found.rows[0][1][1] == text
        assert "l.csv is not UTF-8, so it is read as Windows-1252" in found.notes[0]

    @pytest.mark.parametrize(
        ("text", "encoding"),
        [
            ("Łukasz Wiśniewski", "iso-8859-2"),
            ("Иванов", "cp1251"),
            ("Παπαδόπουλος", "cp1253"),
            ("René Zoé", "mac-roman"),
            ("Jérôme", "cp850"),
            ("山田太郎", "shift-jis"),
        ],
    )
    def test_what_may_be_another_is_asked_for(self, text: str, encoding: str) -> None:
        data = f"user_name,title\nx,{text}\n".encode(encoding)
        with pytest.raises(InvalidInputError, match=r"l\.csv:2: this is not UTF-8.*--encoding"):
            table(data)
        assert table(data, encoding=encoding).rows[0][1][1] == text

    @pytest.mark.parametrize(
        ("data", "how", "told"),
        [
            (b"PK\x03\x04rest", {}, "save the sheet as CSV"),
            ("user_name\nx\n".encode("utf-16-le"), {}, "--encoding utf-16-le"),
            (b"user_name\n\xff\n", {"encoding": "utf-8"}, "this is not utf-8"),
            (b"user_name\n", {"encoding": "utf-99"}, "there is no such encoding"),
            (b"user_name\n", {"encoding": "rot13"}, "there is no such encoding"),
            (b"\n \n;;\n", {}, "there is no header line"),
            (b"", {}, "there is no header line"),
            (b'user_name\n"x\n', {}, "l.csv:2: this is not CSV"),
            (b"user_name,title\nx,y,z\n", {}, "l.csv:2: more fields than the 2"),
            (b"a,b;c\n", {}, "l.csv:1: what parts the columns is not clear; say --delimiter"),
        ],
    )
    def test_what_is_no_list(self, data: bytes, how: dict[str, str], told: str) -> None:
        with pytest.raises(InvalidInputError) as caught:
            table(data, **how)
        assert told in str(caught.value)

    def test_decomposed_names_are_composed(self) -> None:
        assert table("user_name,title\nx,Zoe\u0308\n").rows[0][1][1] == "Zo\u00eb"


class TestTables:
    """Commas, semicolons and tabs; blank rows, and cells over several lines."""

    @pytest.mark.parametrize("sign", [",", ";", "\t"])
    def test_what_parts_columns(self, sign: str) -> None:
        text = f'\nuser_name {sign} Title{sign}{sign}\n\nx{sign}"a\n b{sign} c"{sign}\n{sign}\n'
        found = table(text + f"y{sign}z\n")
        assert found.header == ("user_name", "Title")
        assert found.rows == ((4, ("x", f"a b{sign} c")), (7, ("y", "z")))

    def test_what_a_spreadsheet_says_counts(self) -> None:
        assert table("sep=;\na,b;c,d\n1;2\n").header == ("a,b", "c,d")
        assert table("a,b;c\n1,2;3\n", delimiter="semicolon").header == ("a,b", "c")


class TestHeadings:
    """Of the tools that people are exported from."""

    @pytest.mark.parametrize(
        ("heading", "field"),
        [
            ("UserName", "user_name"),
            (" E-Mail ", "email"),
            ("Email Address [Required]", "email"),
            ("Status [READ ONLY]", "active"),
            ("Employee Title", "title"),
            ("User name [userPrincipalName] Required", "user_name"),
            ("Name [displayName] Required", "display_name"),
            ("Block sign in (Yes/No) [accountEnabled] Required", "blocked"),
            ("Last name [surname]", "family_name"),
            ("jobTitle", "title"),
            ("costCenter", "cost_center"),
            ("Password [Required]", None),
            ("Name", None),
            ("state", None),
        ],
    )
    def test_is_known(self, heading: str, field: str | None) -> None:
        assert field_of(heading) == field

    def test_every_field_is_known_by_its_own_name(self) -> None:
        assert [field_of(field) for field in FIELDS] == list(FIELDS)

    def test_others_are_given(self) -> None:
        reading = Reading(parse_headings(["Who=user_name", "Mail=", "a=b=title"]))
        found = roster("Who,Mail,a=b,E-Mail\nx,no,T,x@x.org\n", reading)
        assert found.people[0].user_name == "x"
        assert found.people[0].attributes == {"title": "T", "email": "x@x.org"}

    @pytest.mark.parametrize(
        ("given", "told"),
        [
            ("Whoo=title", 'no column "Whoo"; did you mean "Who"?'),
            ("Who=titel", '"titel" is nothing that a column can give; did you mean "title"?'),
            ("Who", "expected HEADING=FIELD"),
        ],
    )
    def test_wrongly_given(self, given: str, told: str) -> None:
        with pytest.raises(UsageError) as caught:
            roster("Who,user_name\n1,x\n", Reading(parse_headings([given])))
        assert told in str(caught.value)

    def test_two_for_one_are_asked_about(self) -> None:
        with pytest.raises(InvalidInputError, match='"mail" and "E-Mail" give email both'):
            roster("mail,E-Mail\nx@x.org,y@x.org\n")

    def test_what_is_not_taken_is_told(self) -> None:
        assert 'not taken from l.csv: "Password"' in roster("email,Password\nx@x.org,p\n").notes[0]


class TestPeople:
    """What a row says of somebody."""

    def test_one_name(self) -> None:
        text = "user_name,given_name,family_name\nx,,Suharto\n"
        with pytest.raises(InvalidInputError, match=r"l\.csv:2: x has no given name.*--one-name"):
            roster(text)
        said = roster(text, Reading(one_name=True)).people[0].attributes
        assert said == dict.fromkeys(("given_name", "family_name", "display_name"), "Suharto")

    def test_a_display_name_that_says_nothing_is_left_out(self) -> None:
        heads = "user_name,given_name,family_name,display_name\n"
        assert "display_name" not in roster(f"{heads}x,A,B,A B\n").people[0].attributes
        assert "display_name" in roster(f"{heads}x,A,B,B A\n").people[0].attributes

    @pytest.mark.parametrize(
        ("cell", "sign", "groups"),
        [
            ("a; b ;", ";", ("a", "b")),
            ('"""a; b"";c"', ";", ("a; b", "c")),
            ("a; b|c", "|", ("a; b", "c")),
            ("", ";", ()),
        ],
    )
    def test_groups(self, cell: str, sign: str, groups: tuple[str, ...]) -> None:
        people = roster(f"user_name,groups\nx,{cell}\n", Reading(group_separator=sign)).people
        assert people[0].groups == groups

    @pytest.mark.parametrize(
        ("heading", "cell", "active"),
        [
            ("Status", "ACTIVE", True),
            ("Status", "Suspended", False),
            ("accountEnabled", "False", False),
            ("status", "PASSWORD_EXPIRED", True),
            ("Block sign in (Yes/No) [accountEnabled] Required", "Yes", False),
            ("Block sign in (Yes/No) [accountEnabled] Required", "No", True),
            ("Status", "", True),
        ],
    )
    def test_who_is_still_there(self, heading: str, cell: str, active: bool) -> None:  # noqa: FBT001
        assert roster(f"user_name,{heading}\nx,{cell}\n").people[0].is_active is active

    def test_every_wrong_row_is_told(self) -> None:
        with pytest.raises(InvalidInputError) as caught:
            roster("user_name,status\n,active\nx,perhaps\nX,\ny,\nY,\n")
        places = [str(one.position) for one in caught.value.problems]
        assert places == ["l.csv:2", "l.csv:3", "l.csv:6"]

    def test_nobody(self) -> None:
        with pytest.raises(InvalidInputError, match="nobody is listed"):
            roster(PLAIN)

    def test_what_a_spreadsheet_may_not_compute(self) -> None:
        said = roster("user_name,Work Phone\nx,'+49 1\n").people[0].attributes
        assert said == {"phone_number": "+49 1"}


SETTINGS = """\
instance:
  name: main
  region: eu-central-1
  account_id: "111122223333"
  instance_arn: arn:aws:sso:::instance/ssoins-1234567890abcdef
  identity_store_id: d-1234567890
"""
TEXT = """\
users:
  - user_name: boss
    name: {given_name: Ada, family_name: Boss}
    email: boss@example.com
  - user_name: bob
    name: {given_name: Bob, family_name: Ray}
    email: bob@example.com
    title: Clerk
    enterprise: {manager: boss}
  - {user_name: ext, state: external}
  - {user_name: gone, state: absent}
groups:
  - name: data
    members: [bob]
"""
EVERYBODY = """\
user_name,given_name,family_name,email,title,manager,groups
boss,Ada,Boss,boss@example.com,,,data
BOB,Bob,Ray,bob@example.com,Clerk,boss@example.com,data
"""
Work = Callable[[Callable[[Editor], None]], Any]


@pytest.fixture
def edited(tmp_path: Path) -> Work:
    """Return what makes an edit, writes it, and returns the users by name."""
    (tmp_path / "instance.yaml").write_text(SETTINGS)
    (tmp_path / "all.yaml").write_text(TEXT)

    def make(change: Callable[[Editor], None]) -> Any:  # noqa: ANN401 - YAML
        rewrite = Rewrite(tmp_path)
        editor = Editor(rewrite)
        change(editor)
        editor.finish()
        rewrite.write()
        made = yaml.safe_load(rewrite.contents["all.yaml"])
        return {one["user_name"]: one for one in made["users"]}

    return make


class TestSync:
    """A list of everybody is followed; a second run changes nothing."""

    def test_a_second_run_changes_nothing(self, tmp_path: Path, edited: Work) -> None:
        people = EVERYBODY + (
            "gone,G,One,gone@example.com,Back,boss,\n"
            "new,N,Ew,new@example.com,,gone@example.com,data\n"
            "ext,E,Xt,ext@example.com,,,\n"
        )

        def change(editor: Editor) -> None:
            sync_people(editor, roster(people), None, Retiring())

        made = edited(change)
        assert made["new"]["enterprise"] == {"manager": "gone"}
        assert (made["gone"]["title"], made["gone"].get("state")) == ("Back", None)
        assert made["ext"] == {"user_name": "ext", "state": "external"}
        assert "title" not in made["boss"]
        first = (tmp_path / "all.yaml").read_bytes()
        edited(change)
        assert (tmp_path / "all.yaml").read_bytes() == first

    def test_changes_and_empty_cells(self, edited: Work) -> None:
        people = EVERYBODY.replace("Clerk,boss@example.com", ",").replace("Ada", "Adah")
        made = edited(lambda editor: sync_people(editor, roster(people), None, Retiring()))
        assert made["bob"]["title"] is None
        assert made["bob"]["enterprise"] == {"manager": None}
        assert made["boss"]["name"]["given_name"] == "Adah"

    def test_who_is_left_is_told_or_leaves(self, edited: Work) -> None:
        alone = "\n".join(EVERYBODY.splitlines()[:2])

        def told(editor: Editor) -> None:
            sync_people(editor, roster(alone), None, Retiring())
            assert "not in the list: bob; --leavers absent lets them go" in editor.remarks

        assert "state" not in edited(told)["bob"]

        def gone(editor: Editor) -> None:
            sync_people(editor, roster(alone), None, Retiring(retire=True))

        assert edited(gone)["bob"]["state"] == "absent"

    @pytest.mark.parametrize("how", [Retiring(retire=True, keep=("BO*",)), Retiring(retire=True)])
    def test_who_is_kept_or_inactive(self, edited: Work, how: Retiring) -> None:
        """Whoever is no longer active is as good as not in the list."""
        text = f"{EVERYBODY.splitlines()[0]},status\n" + "".join(
            f"{line},{state}\n"
            for line, state in zip(EVERYBODY.splitlines()[1:], ("active", "left"), strict=True)
        )
        made = edited(lambda editor: sync_people(editor, roster(text), None, how))
        assert made["bob"].get("state") == (None if how.keep else "absent")

    def test_a_share_is_refused(self, edited: Work) -> None:
        nobody = f"{PLAIN}new,N,Ew,new@example.com\n"

        def change(editor: Editor) -> None:
            sync_people(editor, roster(nobody), None, Retiring(retire=True))

        with pytest.raises(BlockedError, match=r"2 users are not in the list, and at most 1 may"):
            edited(change)
        most = Retiring(retire=True, most=2)
        made = edited(lambda editor: sync_people(editor, roster(nobody), None, most))
        assert [name for name, one in made.items() if one.get("state") == "absent"] == [
            "boss",
            "bob",
            "gone",
        ]


class TestRows:
    """What is wrong is told with the row that it comes from."""

    def test_managers(self, edited: Work) -> None:
        text = f"{PLAIN[:-1]},manager\nx,X,Y,x@x.org,bosss\ny,Y,Z,y@x.org,x@x.org\n"
        with pytest.raises(InvalidInputError) as caught:
            edited(lambda editor: add_people(editor, roster(text), None))
        assert str(caught.value).startswith('l.csv:2: the manager "bosss" is nobody\'s user name')
        assert 'did you mean "boss"?' in str(caught.value)

    def test_addresses_and_groups(self, edited: Work) -> None:
        text = (
            f"{PLAIN[:-1]},groups\nx,X,Y,bob@example.com,\ny,Y,Z,y@x.org,dataa\nz,Z,A,z@x.org,\n"
            "w,W,A,z@x.org,\n"
        )
        with pytest.raises(InvalidInputError) as caught:
            edited(lambda editor: add_people(editor, roster(text), None))
        assert str(caught.value).startswith("l.csv:3: group")
        with pytest.raises(InvalidInputError) as caught:
            edited(lambda editor: add_people(editor, roster(text.replace("dataa", "")), None))
        assert {str(one.position) for one in caught.value.problems} == {"l.csv:2", "l.csv:5"}
        assert "at all.yaml:5:5" in str(caught.value)

    def test_leavers(self, edited: Work) -> None:
        def change(text: str) -> Callable[[Editor], None]:
            def make(editor: Editor) -> None:
                leave(editor, list(leavers_of(editor, roster(text))), Handover())

            return make

        made = edited(change("E-Mail\nBOB@example.com\ngone\n"))
        assert made["bob"]["state"] == "absent"
        with pytest.raises(InvalidInputError, match=r'l\.csv:2: user "bos" is not declared'):
            edited(change("user_name\nbos\n"))
