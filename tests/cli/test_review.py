"""`review`: what is due, sheets to decide on, and what is decided in the YAML."""

from __future__ import annotations

import csv
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from identity_reconciler.errors import ExitCode
from tests.cli.test_readme import typed
from tests.command import Run, command, edit
from tests.documents import guide

TODAY = datetime.now(UTC).date()
LATE = TODAY - timedelta(days=200)
FINANCE = f"""\
    description: Finance department
    owners: [martha.rivera, {{group: auditors}}]
    review: {{every: 3 months}}
    reviewed: {{day: {LATE}, by: paulo.santos}}
"""
SHEET = f"desired-state/reviews/{TODAY}-finance.md"
LEDGER = f"desired-state/reviews/{TODAY}-Ledger.md"


@pytest.fixture
def reviewed(here: Path) -> Path:
    """Return the example with a group that is overdue, and an application never reviewed."""
    edit(here, "groups/company.yaml", "    description: Finance department\n", FINANCE)
    terms = "  - name: Ledger\n    review: {every: 1 year, by: [{group: finance}]}\n"
    edit(here, "applications.yaml", "  - name: Ledger\n", terms)
    return here


def git(here: Path, *arguments: str) -> None:
    names = ("-c", "user.name=Ann *Lee*", "-c", "user.email=ann@example.com")
    subprocess.run(["git", *names, *arguments], cwd=here, check=True, capture_output=True)


@pytest.fixture
def committed(reviewed: Path) -> Path:
    git(reviewed, "init", "--quiet", "--initial-branch=main")
    git(reviewed, "add", "--all")
    git(reviewed, "commit", "--quiet", "--message", "Begin")
    return reviewed


def decide(here: Path, sheet: str, **words: str) -> None:
    """Tick a box for each name, whose dots are underscores."""
    text = (here / sheet).read_text()
    for name, word in words.items():
        address = name.replace("__", "/").replace("_", ".")
        head, found, rest = text.partition(f"## `{address}`")
        assert found, address
        text = head + found + rest.replace(f"[ ] {word}", f"[x] {word}", 1)
    (here / sheet).write_text(text)


def finish(here: Path, *options: str, by: str = "martha.rivera", sheet: str = SHEET) -> Run:
    return command("review", "finish", sheet, "--by", by, *options, cwd=here)


class TestDue:
    """What is due is told with since when and by whom, and exits with 2 if that is asked for."""

    def test_as_text(self, reviewed: Path) -> None:
        run = command("review", "due", cwd=reviewed, COLUMNS="80")
        assert run.code == ExitCode.SUCCESS
        lines = run.out.splitlines()
        assert lines[0].startswith("! group/finance       overdue since ")
        assert lines[1].strip() == "asked: user/martha.rivera, group/auditors"
        assert lines[2].strip() == f"last: {LATE} by paulo.santos"
        assert lines[3] == "? application/Ledger  due: never reviewed yet"
        assert lines[-1] == "2 to review, 1 of them overdue"
        assert max(map(len, lines)) <= 80

    def test_for_programs(self, reviewed: Path) -> None:
        run = command("review", "due", "--json", "--detailed-exitcode", cwd=reviewed)
        assert run.code == ExitCode.CHANGES
        first, second = run.json()["reviews"]
        assert (first["object"], first["standing"]) == ("group/finance", "overdue")
        assert first["asked"] == ["user/martha.rivera", "group/auditors"]
        assert (second["due"], second["last_by"]) == (None, None)
        rows = list(
            csv.DictReader(
                command("review", "due", "--format", "csv", cwd=reviewed).out.splitlines()
            )
        )
        assert [row["object"] for row in rows] == ["group/finance", "application/Ledger"]
        assert rows[0]["last_reviewed"] == str(LATE)

    def test_a_review_in_the_future(self, reviewed: Path) -> None:
        edit(reviewed, "groups/company.yaml", str(LATE), "2999-01-01")
        run = command("review", "due", cwd=reviewed)
        assert "? group/finance       due: the last review is in the future" in run.out

    def test_nothing_is(self, here: Path) -> None:
        run = command("review", "due", "--detailed-exitcode", cwd=here)
        assert (run.code, run.out) == (ExitCode.SUCCESS, "nothing is to be reviewed now\n")

    def test_what_is_to_come(self, reviewed: Path) -> None:
        day = TODAY - timedelta(days=1)
        edit(reviewed, "groups/company.yaml", str(LATE), str(day))
        assert "! group" not in command("review", "due", cwd=reviewed).out
        run = command("review", "due", "--within", "100", cwd=reviewed)
        assert "  group/finance       due on " in run.out


class TestStart:
    """A sheet has everybody who is listed, and what is known about each."""

    def test_from_when_until_when(self, committed: Path) -> None:
        day = "{user: paulo.santos, starts: 2029-01-02}"
        edit(committed, "groups/company.yaml", "- paulo.santos", f"- {day}")
        time = '{group: auditors, starts: "2029-01-02T10:30:00Z", expires'
        edit(committed, "applications.yaml", "{group: auditors, expires", time)
        command("review", "start", "--due", cwd=committed)
        assert "from 2029-01-02 on\n" in (committed / SHEET).read_text()
        told = "from 2029-01-02T10:30:00Z on; until 2030-03-31; reason"
        assert told in (committed / LEDGER).read_text()

    def test_everything_that_is_due(self, committed: Path) -> None:
        run = command("review", "start", "--due", cwd=committed)
        assert run.out.splitlines() == [SHEET, LEDGER]
        text = (committed / LEDGER).read_text()
        assert text.startswith("# Review of `application/Ledger`\n")
        assert f"listed like this since {TODAY} (`Ann *Lee*`, commit " in text
        assert "; until 2030-03-31; reason `FIN-204`; gives it to everybody in it (2): " in text
        assert text.count("- [ ] keep\n- [ ] remove\n") == 2
        assert "`martha.rivera`, `paulo.santos`" in text

    @pytest.mark.parametrize(
        ("arguments", "made"),
        [
            (("finance",), [SHEET]),
            (("group/FINANCE", "Ledger"), [SHEET, LEDGER]),
            (("--owner", "terry.whitlock"), [SHEET]),
            (("--owner", "paulo.santos"), [LEDGER]),
            (("finance", "--owner", "martha.rivera"), [SHEET, LEDGER]),
        ],
    )
    def test_what_is_chosen(
        self, reviewed: Path, arguments: tuple[str, ...], made: list[str]
    ) -> None:
        run = command("review", "start", *arguments, cwd=reviewed)
        assert run.out.splitlines() == made, run.err
        assert "listed like this" not in (reviewed / made[0]).read_text()

    @pytest.mark.parametrize(
        ("arguments", "told"),
        [
            ((), "give names, --owner or --due"),
            (
                ("finanse",),
                'nothing that has `review` is called "finanse"; did you mean "finance"?',
            ),
            (("--owner", "janedoe"), 'user "janedoe" answers for nothing'),
        ],
    )
    def test_wrong_use(self, reviewed: Path, arguments: tuple[str, ...], told: str) -> None:
        run = command("review", "start", *arguments, cwd=reviewed)
        assert (run.code, run.out) == (ExitCode.INVALID_INPUT, "")
        assert told in run.err
        assert not (reviewed / "desired-state/reviews").exists()

    def test_none_is_overwritten(self, reviewed: Path) -> None:
        assert command("review", "start", "finance", cwd=reviewed).code == 0
        decide(reviewed, SHEET, user__martha_rivera="keep")
        before = (reviewed / SHEET).read_text()
        run = command("review", "start", "--due", cwd=reviewed)
        assert "is there already; finish that review, or remove the file" in run.err
        assert (reviewed / SHEET).read_text() == before
        assert not (reviewed / LEDGER).exists()

    def test_who_is_live_and_not_listed(self, applied: Path) -> None:
        edit(applied, "groups/company.yaml", "    description: Finance department\n", FINANCE)
        edit(applied, "groups/company.yaml", "      - paulo.santos\n", "")
        edit(applied, "applications.yaml", "        - finance\n", "")
        terms = "  - name: Ledger\n    review: {every: 1 year, by: [{group: finance}]}\n"
        edit(applied, "applications.yaml", "  - name: Ledger\n", terms)
        run = command("review", "start", "--due", "--live", "--sandbox", cwd=applied)
        assert run.code == 0, run.err
        told = "In AWS, and not listed, so the next apply takes it away: "
        sheet = (applied / SHEET).read_text()
        assert f"\n\n{told}`user/paulo.santos`.\n\n## `user/martha.rivera`\n" in sheet
        assert f"{told}`group/finance`." in (applied / LEDGER).read_text()
        (applied / SHEET).unlink()
        (applied / LEDGER).unlink()
        edit(applied, "instance.yaml", "  memberships: authoritative", "  memberships: additive")
        edit(applied, "instance.yaml", "ignore:\n", "ignore:\n  users: [paulo.s*]\n")
        assert command("review", "start", "finance", "--live", "--sandbox", cwd=applied).code == 3
        edit(applied, "instance.yaml", "paulo.s*", "nobody*")
        assert command("review", "start", "finance", "--live", "--sandbox", cwd=applied).code == 0
        assert "so nothing here takes it away: `user/pau" in (applied / SHEET).read_text()

    def test_what_is_not_committed_is_said_to_be(self, committed: Path) -> None:
        edit(committed, "groups/company.yaml", "  - name: finance\n", "\n  - name: finance\n")
        assert command("review", "start", "finance", cwd=committed).code == 0
        assert (committed / SHEET).read_text().count("not committed yet") == 2


class TestFinish:
    """All or nothing: who goes is taken out, and the YAML says when and by whom."""

    @pytest.fixture
    def begun(self, reviewed: Path) -> Path:
        assert command("review", "start", "--due", cwd=reviewed).code == 0
        return reviewed

    def test_a_group(self, begun: Path) -> None:
        decide(begun, SHEET, user__martha_rivera="keep", user__paulo_santos="remove")
        dry = finish(begun, "--dry-run")
        assert (begun / SHEET).exists()
        run = finish(begun)
        assert run.code == 0, run.err
        assert dry.out == run.out
        assert "-      - paulo.santos\n" in run.out
        assert f"+    reviewed: {{day: {TODAY}, by: martha.rivera}}" in run.out
        assert "group/finance: 1 kept, 1 removed" in run.err
        assert "note: user/martha.rivera has decided about user/martha.rivera, too" in run.err
        assert not (begun / SHEET).exists()
        assert "overdue since" not in command("review", "due", cwd=begun).out

    def test_an_application(self, begun: Path) -> None:
        decide(begun, LEDGER, group__auditors="remove", group__finance="keep")
        run = finish(begun, by="PAULO.santos", sheet=LEDGER)
        assert run.code == 0, run.err
        text = (begun / "desired-state/applications.yaml").read_text()
        assert "FIN-204" not in text
        assert f"    reviewed: {{day: {TODAY}, by: paulo.santos}}\n    assignments:" in text

    def test_nothing_while_anybody_is_undecided(self, begun: Path) -> None:
        decide(begun, SHEET, user__martha_rivera="keep")
        before = (begun / "desired-state/groups/company.yaml").read_text()
        run = finish(begun)
        assert run.code == ExitCode.INVALID_INPUT
        line = (begun / SHEET).read_text().splitlines().index("## `user/paulo.santos`") + 1
        assert run.err.splitlines()[0] == (
            f"{SHEET}:{line}:1: `user/paulo.santos`: undecided; "
            "put an x into one box, keep or remove"
        )
        decide(begun, SHEET, user__paulo_santos="keep")
        decide(begun, SHEET, user__paulo_santos="remove")
        assert "both boxes are ticked" in finish(begun).err
        assert (begun / "desired-state/groups/company.yaml").read_text() == before
        assert (begun / SHEET).exists()

    def test_who_came_and_who_went_since(self, begun: Path) -> None:
        decide(begun, SHEET, user__martha_rivera="keep", user__paulo_santos="keep")
        edit(begun, "groups/company.yaml", "      - paulo.santos\n", "      - janedoe\n")
        run = finish(begun)
        assert "`user/paulo.santos` is not listed in group/finance any more" in run.err
        assert "user/janedoe is listed at groups/company.yaml" in run.err
        assert "and not in this sheet; add the heading `## `user/janedoe``" in run.err

    @pytest.mark.parametrize(
        ("by", "told"),
        [
            ("janedoe", "user/janedoe is not asked to review this; user/martha.rivera, group/"),
            ("martha.rivero", 'is not declared; did you mean "martha.rivera"?'),
        ],
    )
    def test_only_by_who_is_asked(self, begun: Path, by: str, told: str) -> None:
        decide(begun, SHEET, user__martha_rivera="keep", user__paulo_santos="keep")
        run = finish(begun, by=by)
        assert run.code == ExitCode.INVALID_INPUT
        assert told in run.err
        assert finish(begun, by="terry.whitlock").code == 0

    @pytest.mark.parametrize("text", ["", "# Review of `group/none`\n", "# Review of nothing\n"])
    def test_what_is_no_sheet(self, begun: Path, text: str) -> None:
        (begun / "x.md").write_text(text)
        run = finish(begun, sheet="x.md")
        assert run.code == ExitCode.INVALID_INPUT
        assert "begin again with `review start`" in run.err

    def test_a_file_that_is_not_there(self, begun: Path) -> None:
        assert "cannot read none.md as UTF-8" in finish(begun, sheet="none.md").err


class TestExport:
    """Each review that was ever recorded, with its commit."""

    def rows(self, here: Path) -> list[dict[str, str]]:
        run = command("review", "export", cwd=here)
        assert run.code == 0, run.err
        return list(csv.DictReader(run.out.splitlines()))

    def test_from_the_history(self, committed: Path) -> None:
        assert command("review", "start", "finance", cwd=committed).code == 0
        decide(committed, SHEET, user__martha_rivera="keep", user__paulo_santos="remove")
        assert finish(committed).code == 0
        (row, first) = self.rows(committed)
        assert (row["commit"], row["reviewed_by"]) == ("", "martha.rivera")
        git(committed, "commit", "--quiet", "--all", "--message", "Review")
        (row, first) = self.rows(committed)
        assert (row["object"], row["reviewed_on"]) == ("group/finance", str(TODAY))
        assert (row["kept"], row["removed"]) == ("1", "user/paulo.santos")
        assert (row["commit_author"], len(row["commit"])) == ("Ann *Lee*", 40)
        assert (first["reviewed_on"], first["removed"]) == (str(LATE), "")
        assert first["commit"] != row["commit"]

    def test_without_git(self, reviewed: Path) -> None:
        (row,) = self.rows(reviewed)
        assert (row["object"], row["kept"], row["commit"]) == ("group/finance", "2", "")


class TestPlan:
    """What nobody reviews is told first, gets nobody new, and ends when the grace is over."""

    def test_is_told_and_refuses_newcomers(self, applied: Path) -> None:
        edit(applied, "groups/company.yaml", "    description: Finance department\n", FINANCE)
        run = command("plan", "--sandbox", cwd=applied)
        assert run.code == 0
        assert "Reviews overdue (1)\n? group/finance, since " in run.out
        added = command("edit", "add-member", "finance", "janedoe", cwd=applied)
        assert added.code == 0
        run = command("plan", "--sandbox", cwd=applied)
        assert run.code == 4
        assert "x review.overdue\n" in run.out

    def test_ends_after_the_grace(self, applied: Path) -> None:
        edit(applied, "groups/company.yaml", "    description: Finance department\n", FINANCE)
        with (applied / "desired-state/instance.yaml").open("a") as settings:
            settings.write("guards: {review_grace: 30 days}\n")
        run = command("apply", "--sandbox", "--only-expired", "--auto-approve", cwd=applied)
        assert run.code == 0, run.err
        assert run.out.count("membership/finance/") == 2
        assert "review was due on" in run.out


class TestGuide:
    """The story of the guide: from what is due to a plan that says who goes, and the evidence."""

    def test_as_written(self, applied: Path) -> None:
        git(applied, "init", "--quiet", "--initial-branch=main")
        git(applied, "add", "--all")
        git(applied, "commit", "--quiet", "--message", "Begin")
        script = "".join(guide("reviews").code("sh"))
        out = typed(script, applied, IDENTITY_RECONCILER_SANDBOX="1")
        assert "! group/finance  overdue since 2026-04-15" in out
        assert f"{SHEET}\n" in out
        assert "- membership/finance/paulo.santos" in out
        (row,) = csv.DictReader((applied / "reviews.csv").read_text().splitlines())
        assert (row["reviewed_by"], row["removed"]) == ("martha.rivera", "user/paulo.santos")
