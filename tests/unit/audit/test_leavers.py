"""The proof that nobody who left has anything: who is found, and what proves nothing."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from datetime import UTC, datetime
from io import StringIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from identity_reconciler.audit.formats.writing import written
from identity_reconciler.audit.inspection import (
    Account,
    Inspection,
    Visit,
    inspection_of,
)
from identity_reconciler.audit.report import Edition, Report, ReportFormat
from identity_reconciler.audit.reports.leavers import LeaversQuestion, read_leavers
from identity_reconciler.core.accounts import AccountGap, GapReason
from identity_reconciler.core.declared import Declared, DeclaredUser, Presence, Settings
from identity_reconciler.core.state import Email, State, User, UserName, user_key
from identity_reconciler.errors import InvalidInputError, Position
from tests.strategies import HERE, INSTANCE
from tests.unit.audit.worlds import PAYROLL, SITE, STATE, cells, person


def deleted(name: str, email: str | None = None) -> DeclaredUser:
    """Return the declaration of somebody who is not to be live."""
    return DeclaredUser(person(name, email), HERE, Presence.ABSENT)


def seen(*declared: DeclaredUser, live: State = STATE) -> Inspection:
    """Return a look at *live*, beside which zoe and yan have been deleted."""
    users = (deleted("zoe"), deleted("yan", "y.an@example.com"), *declared)
    known = Declared(Settings(INSTANCE), users=users)
    return inspection_of(replace(SITE, state=live, declared=known))


def report(text: str, inspection: Inspection | None = None) -> Report:
    return LeaversQuestion(read_leavers(text, "left.csv")).answer(inspection or seen())


def answer(text: str) -> tuple[list[tuple[str, ...]], int]:
    """Return the findings, each with the account, and the number of alarms."""
    found = report(text)
    return cells(found, "finding", "user_name"), found.alarms


def quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"'


class TestProof:
    """Nothing is left of those who are known and not live."""

    def test_nobody_has_anything(self) -> None:
        found = report("user_name,email\nzoe,\nyan,y.an@example.com\n")
        assert found.alarms == 0
        assert cells(found, "leaver", "finding", "user_name", "remark") == [
            ("yan, y.an@example.com", "no account", "", ""),
            ("zoe", "no account", "", ""),
        ]
        assert found.notes[0].startswith("None of 2 leavers has an account")

    def test_who_was_deleted_by_the_plan_is_known(self) -> None:
        after = replace(STATE, users={k: v for k, v in STATE.users.items() if k != "carla"})
        gone = inspection_of(replace(SITE, state=after, before=STATE))
        assert report("email\ncarla@example.com\n", gone).alarms == 0

    def test_not_where_an_account_was_shut(self) -> None:
        shut = Visit(Account("333344445555", "shut", "SUSPENDED"), trouble="is SUSPENDED")
        found = report("user_name\nzoe\n", Inspection((*seen().visits, shut)))
        assert found.notes[0].startswith("Not proven: none of 1 leaver")

    @pytest.mark.parametrize(
        ("reason", "alarms"), [(GapReason.DENIED, 1), (GapReason.NOT_APPLICABLE, 0)]
    )
    def test_not_where_access_to_aws_accounts_may_not_be_read(
        self, reason: GapReason, alarms: int
    ) -> None:
        gaps = frozenset({AccountGap(reason, "sso:ListPermissionSets is needed")})
        site = replace(seen().sites[0], accounts=True, state=replace(STATE, account_gaps=gaps))
        found = report("user_name\nzoe\n", inspection_of(site))
        assert found.alarms == alarms
        assert found.notes[0].startswith("Not proven") is bool(alarms)

    def test_a_gap_is_told_beside_an_instance_whose_accounts_are_not_read(self) -> None:
        gaps = frozenset({AccountGap(GapReason.DENIED, "sso:ListPermissionSets is needed")})
        site = replace(seen().sites[0], accounts=True, state=replace(STATE, account_gaps=gaps))
        other = replace(SITE, instance=replace(INSTANCE, name="other"))
        found = report("user_name\nzoe\n", inspection_of(site, other))
        assert found.alarms == 1
        assert [note[:12] for note in found.notes] == [
            "Not proven: ",
            "Only applica",
            "Access to AW",
        ]


class TestFound:
    """Whoever is still there is found, whatever the cell looks like."""

    def test_an_account_with_access(self) -> None:
        found = report("user_name\nBOB\n")
        assert found.alarms == 1
        wanted = ("leaver", "finding", "user_name", "application", "path")
        assert cells(found, *wanted) == [("BOB", "access", "bob", "Payroll", "through Finance")]

    def test_payroll_is_the_application_meant(self) -> None:
        assert (PAYROLL,) in cells(report("user\nana\n"), "application_arn")

    @pytest.mark.parametrize(
        "cell",
        [
            "CARLA@Example.com",
            "\uff43arla@example.com",
            " carla ",
            "carla\uff20example.com",
            "Roe, C <carla@example.com>",
            '"Roe, C" <carla@example.com>',
            "<carla@example.com>",
            "Roe C <mailto:carla@example.com>",
            "mailto:carla@example.com",
            "mailto:carla%40example.com?subject=x",
            "Mailto: carla@example.com",
            "[carla@example.com](mailto:carla@example.com)",
            "smtp:carla@example.com;SMTP:carla@example.com",
            "carla@example.com.",
            "'carla@example.com'",
            "\u201ccarla@example.com\u201d",
            "(carla@example.com)",
            "carla@exa\u00admple.com",
            "\u200bcarla@example.com\ufeff",
            "carla\u00a0",
            "\u202acarla\u202c",
            "zoe; carla@example.com",
            "zoe, carla",
            "zoe carla",
            "zoe\ncarla",
            "zoe\u2028carla",
            "Yan <zoe>\u061b carla",
        ],
    )
    @pytest.mark.parametrize("heading", ["user_name", "\u200bE-mail address"])
    def test_in_any_writing(self, cell: str, heading: str) -> None:
        assert answer(f"{heading},reason\n{quoted(cell)},left\n") == ([("account", "carla")], 1)

    def test_a_comma_that_nobody_quoted(self) -> None:
        assert answer("email\nRoe, C <carla@example.com>\n") == ([("account", "carla")], 1)

    def test_whoever_stands_before_a_comma_is_no_surname(self) -> None:
        assert answer("email,x\n" + quoted("carla, Zoe <zoe>") + ",\n")[0] == [("account", "carla")]

    def test_what_is_in_a_display_name_is_looked_up(self) -> None:
        cell = quoted("zoe carla@example.com <zoe>")
        assert answer(f"email\n{cell}\n")[0] == [("account", "carla")]

    def test_a_name_with_a_comma_and_brackets(self) -> None:
        live = State(users={user_key("a,(b)"): person("a,(b)", "x@example.com")})
        found = report('user,y\n"A,(B)",\n', seen(live=live))
        assert cells(found, "finding", "user_name") == [("account", "a,(b)")]

    def test_composed_and_decomposed(self) -> None:
        live = State(users={user_key("dédé"): person("dédé")})
        found = report("user\nde\u0301de\u0301\n", seen(live=live))
        assert cells(found, "finding", "user_name") == [("account", "dédé")]

    def test_invisible_characters_in_what_is_live(self) -> None:
        odd = User(UserName("odd"), email=Email("o\u200bdd@example.com"))
        found = report("email\nodd@example.com\n", seen(live=State(users={user_key("odd"): odd})))
        assert cells(found, "finding", "user_name") == [("account", "odd")]

    def test_by_the_address_that_the_yaml_has(self) -> None:
        """Also where another one is live: whoever is declared is one person."""
        declared = DeclaredUser(
            person("CARLA", "roe@example.com"), HERE, previous_names=("carla.old",)
        )
        for listed in ("roe@example.com", "carla.old"):
            found = report(f"email\n{listed}\n", seen(declared))
            assert cells(found, "finding", "user_name") == [("account", "carla")]

    def test_one_who_is_two_accounts_shows_both(self) -> None:
        rows, alarms = answer("user_name,upn\ncarla,dora@example.com\n")
        assert (rows, alarms) == ([("account", "carla"), ("account", "dora")], 1)

    def test_spreadsheets_write_a_mark_and_quotes(self) -> None:
        assert answer('\ufeff"user_name","note"\r\n"carla","a\r\nb"\r\n\r\n')[1] == 1


class TestNoProof:
    """What cannot be read, or names nobody who was ever seen, fails the proof."""

    @pytest.mark.parametrize(
        ("row", "finding", "remark"),
        [
            ("zo,", "unknown", 'line 2: nobody seen is called "zo"; did you mean "zoe"?'),
            ("carla+aws@example.com,", "unknown", 'line 2: nobody seen is called "carla+aws'),
            ("John Roe,", "unknown", 'line 2: nobody seen is called "john"'),
            (quoted("zo; Zoe <zoe>") + ",", "unknown", 'line 2: nobody seen is called "zo"'),
            ("n/a,", "unknown", 'line 2: nobody seen is called "n/a"'),
            ("\u200b,", "unreadable", "line 2: nothing in it is a user name"),
            ("-,", "unreadable", 'line 2: "-" is no user name'),
            ("...,", "unreadable", "line 2: nothing in it"),
            ("z\ufffde,", "unreadable", 'line 2: "z\ufffde" is no user name'),
            ("a@@b.example,", "unreadable", 'line 2: "a@@b.example" is no user name'),
            ("@example.com,", "unreadable", 'line 2: "@example.com" is no user name'),
            (",x", "unreadable", "line 2: neither a user name nor an e-mail address"),
            (",", "unreadable", "line 2: neither a user name nor an e-mail address"),
            ("zoe,x,y", "unreadable", "line 2: 3 cells below 2 headings; quote a cell"),
            ('"\n",', "unreadable", "line 3: neither a user name nor an e-mail address"),
        ],
    )
    def test_is_told(self, row: str, finding: str, remark: str) -> None:
        found = report(f"email,reason\n{row}\nyan,\n")
        about, *_ = [one for one in found.rows if one[0] != "yan"]
        assert about[1] == finding
        assert about[-1].startswith(remark)
        assert found.alarms == 1
        assert found.notes[0].startswith("Not proven: none of 2 leavers")
        assert found.notes[1].startswith(f"1 leaver {finding}")

    def test_each_cell_names_somebody(self) -> None:
        """A name that is known does not vouch for an address that is not."""
        assert answer("user_name,email\nzoe,zeo@example.com\n") == ([("unknown", "")], 1)

    def test_who_is_found_does_not_hide_what_is_unknown(self) -> None:
        rows, alarms = answer("user_name\ncarla; zo\n")
        assert (rows, alarms) == ([("account", "carla"), ("unknown", "")], 2)

    @pytest.mark.parametrize(
        ("text", "line", "message"),
        [
            ("", 1, "no column is called"),
            ("\u200b\n", 1, "no column is called"),
            ("person\nana\n", 1, "no column is called"),
            ("user_name\n\n", 1, "nobody is listed"),
            ('user_name\n"ana', 2, "not CSV"),
        ],
    )
    def test_a_list_of_nobody_is_refused(self, text: str, line: int, message: str) -> None:
        with pytest.raises(InvalidInputError, match=message) as caught:
            read_leavers(text, "left.csv")
        assert caught.value.problems[0].position == Position("left.csv", line, 1)

    @pytest.mark.parametrize("report_format", ReportFormat)
    def test_every_format_marks_it(self, report_format: ReportFormat) -> None:
        found = report("email\nzo\n\u200b\nzoe\n")
        edition = Edition(found, datetime(2026, 3, 1, tzinfo=UTC), "live state of main")
        text = written(edition, report_format)
        if report_format is ReportFormat.CSV:
            rows = list(csv.DictReader(StringIO(text)))
        elif report_format is ReportFormat.JSON:
            rows = json.loads(text)["rows"]
            assert json.loads(text)["alarms"] == 2
        else:
            assert all(word in text for word in ("unknown", "unreadable", "line 3", "Not proven"))
            return
        findings = {(row["finding"], row["remark"][:6]) for row in rows}
        assert findings == {("unreadable", "line 3"), ("unknown", "line 2"), ("no account", "")}


ADDRESS = "d\u00e9.o'neil+x@corp.example.com"
CARELESS = State(users={user_key("oneil"): person("oneil", ADDRESS)})
INVISIBLE = st.sampled_from(["", "\u200b", "\u00ad", "\ufeff", "\u202e", "\u2060", "\u200d"])


@st.composite
def decorated(draw: st.DrawFn) -> str:
    """Return a cell that names the address, as mail programs and spreadsheets may write it."""
    form = draw(st.sampled_from(["\u00e9", "e\u0301"]))
    plain = draw(st.sampled_from([ADDRESS, ADDRESS.upper(), ADDRESS.title()]))
    plain = plain.replace("\u00e9", form)
    text = "".join(one + draw(INVISIBLE) for one in plain)
    around = [
        "",
        "mailto:",
        "Doe, J <",
        "'",
        "\u201c",
        "[",
        "(",
        "zoe; ",
        "zoe,",
        "zoe \n",
        "\u00a0",
    ]
    behind = {"Doe, J <": ">", "'": "'", "\u201c": "\u201d", "[": "]", "(": ")"}
    for before in draw(st.lists(st.sampled_from(around), max_size=3)):
        text = before + text + behind.get(before, "")
    return text + draw(st.sampled_from(["", ".", " ", ";", ", zoe", "\u200b"]))


class TestAnyList:
    """However an address is written, it is found; garbage never passes for a proof."""

    @given(decorated())
    @settings(max_examples=60)
    def test_a_live_address_is_found(self, cell: str) -> None:
        found = report(f"upn,x\n{quoted(cell)},\n", seen(live=CARELESS))
        assert ("oneil",) in cells(found, "user_name")
        assert found.alarms

    @given(st.text(max_size=12).filter(lambda text: "z" not in text.lower() and "\0" not in text))
    @settings(max_examples=60)
    def test_garbage_proves_nothing(self, cell: str) -> None:
        """Whoever is known here has a z in the name, and in whatever else it is."""
        only = replace(SITE, state=State(), declared=Declared(Settings(INSTANCE), (deleted("zz"),)))
        found = report(f"email,x\n{quoted(cell)},\n", inspection_of(only))
        assert found.alarms
        assert not found.notes[0].startswith("None of")
