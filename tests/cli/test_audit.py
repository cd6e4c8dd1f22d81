"""`audit` as a user calls it."""

from __future__ import annotations

import contextlib
import csv
import io
import os
import pty
import stat
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from identity_reconciler.audit.aws_lambda import Order
from identity_reconciler.audit.aws_steps import StepSettings, collected, listing
from identity_reconciler.audit.keeping import FolderStore
from identity_reconciler.cli.app import run
from identity_reconciler.sandbox import Sandbox
from tests.command import Run, command, environment, launcher
from tests.sandbox.serving import serving

REPORTS = (
    ("members", "engineering"),
    ("memberships", "johndoe"),
    ("access",),
    ("applications",),
    ("assignments",),
    ("instances",),
    ("duplicates",),
    ("orphans",),
    ("expiring",),
)


def audit(here: Path, *arguments: str) -> Run:
    """Run `audit` in this process, which is ten times faster, as `main` would."""
    out, err = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline=""), io.StringIO()
    with contextlib.chdir(here), redirect_stdout(out), redirect_stderr(err):
        code = run(["audit", *arguments])
    out.flush()
    out.seek(0)
    return Run(code, out.read(), err.getvalue())


def rows(of: Run, *names: str) -> list[tuple[str, ...]]:
    """Return these columns of a report printed as CSV."""
    found = csv.DictReader(io.StringIO(of.out, newline=""), strict=True)
    return [tuple(row[name] for name in names) for row in found]


class TestSampleQuestions:
    """Each question of the samples this project grew from is one command."""

    def test_who_is_in_a_group(self, applied: Path) -> None:
        done = audit(applied, "members", "AWS_Data_Science", "--sandbox", "--format", "csv")
        found = rows(done, "user_name", "user_status")
        assert found == [("akua.mansa", "enabled"), ("janedoe", "enabled"), ("johndoe", "enabled")]

    def test_in_which_groups_is_somebody(self, applied: Path) -> None:
        done = audit(applied, "memberships", "johndoe", "--sandbox", "--format", "csv")
        assert rows(done, "group") == [("AWS_Applied_Scientists",), ("AWS_Data_Science",)]

    def test_which_instances_are_there(self, applied: Path) -> None:
        done = audit(
            applied,
            "instances",
            "--organization",
            "--role",
            "Audit",
            "--sandbox",
            "--format",
            "csv",
        )
        wanted = ("account_id", "instance", "scope", "identity_store_id")
        assert rows(done, *wanted) == [("111122223333", "main", "organization", "d-1234567890")]
        assert done.code == 0

    def test_who_is_there_twice(self, applied: Path) -> None:
        done = audit(
            applied,
            "duplicates",
            "--organization",
            "--role",
            "Audit",
            "--sandbox",
            "--format",
            "csv",
        )
        assert done.out == (
            "attribute,shared,variation,where,instance,user_name,email,display_name,user_status\r\n"
        )

    def test_who_is_assigned_to_what(self, applied: Path) -> None:
        done = audit(
            applied, "assignments", "--organization", "--role", "Audit", "--sandbox",
            "--format", "csv",
        )  # fmt: skip
        found = rows(done, "application", "principal_type", "principal")
        assert ("Grafana", "USER", "janedoe") in found
        assert ("Amazon Redshift", "GROUP", "engineering") in found
        assert len(found) == 7

    def test_who_can_open_an_application(self, applied: Path) -> None:
        done = audit(applied, "access", "--application", "grafana", "--sandbox", "--format", "csv")
        found = rows(done, "user_name", "path")
        assert ("janedoe", "directly") in found
        assert ("li.juan", "through engineering") in found
        assert len(found) == 5


class TestDesired:
    """`--desired` answers from the YAML alone."""

    def test_every_question_without_aws(self, here: Path) -> None:
        script = (
            "import sys\n"
            "from identity_reconciler.cli.app import run\n"
            f"for report in {REPORTS!r}:\n"
            "    assert not run(['audit', *report, '--desired'])\n"
            "print(sorted({'boto3', 'botocore', 'moto'} & set(sys.modules)))\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", script],
            cwd=here, env=environment(), capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.count("desired state of main, without AWS") == len(REPORTS)
        assert done.stdout.endswith("\n[]\n")
        assert not (here / ".identity-reconciler").exists()

    def test_it_agrees_with_what_is_live_after_the_apply(self, applied: Path) -> None:
        columns = ("user_name", "application", "path")
        desired = audit(applied, "access", "--desired", "--format", "csv")
        live = audit(applied, "access", "--sandbox", "--format", "csv")
        assert rows(desired, *columns) == rows(live, *columns)
        assert len(rows(live, *columns)) == 19


class TestAfterPlan:
    """Who could open an application if this were merged?"""

    def test_a_membership_to_come_opens_what_its_group_opens(self, applied: Path) -> None:
        path = applied / "desired-state/groups/company.yaml"
        path.write_text(path.read_text().replace("      - li.juan\n", "      - johndoe\n", 1))
        assert command("plan", "--sandbox", "--out", "plan.json", cwd=applied).code == 0
        options = ("access", "--application", "Amazon Redshift", "--sandbox", "--format", "csv")
        before = rows(audit(applied, *options), "user_name")
        after = rows(audit(applied, *options, "--plan", "plan.json"), "user_name")
        assert set(before) - set(after) == {("li.juan",)}
        assert set(after) - set(before) == {("johndoe",)}

    def test_the_basis_names_the_plan(self, applied: Path) -> None:
        assert command("plan", "--sandbox", "--out", "plan.json", cwd=applied).code == 0
        done = audit(applied, "instances", "--plan", "plan.json", "--sandbox", "--format", "json")
        assert "as it will be after plan sha256:" in done.json()["basis"]

    def test_a_damaged_plan_is_refused(self, applied: Path) -> None:
        (applied / "plan.json").write_text("{}")
        assert audit(applied, "access", "--plan", "plan.json", "--sandbox").code == 5


class TestOrganization:
    """An account that cannot be looked into is told, and the command ends with 7."""

    def organization(self, here: Path) -> None:
        with Sandbox(here / ".identity-reconciler/sandbox.sqlite3") as sandbox:
            sandbox.add_account("222233334444", "shut", state="SUSPENDED")
            sandbox.add_account("333344445555", "plain")

    def test_it_ends_with_7(self, applied: Path) -> None:
        self.organization(applied)
        done = audit(applied, "instances", "--organization", "--role", "Audit", "--sandbox")
        assert done.code == 7
        assert "Not looked into: account 222233334444 shut: the account is SUSPENDED" in done.out
        assert "has no instance of its own" in done.out

    def test_an_account_without_an_instance_is_no_gap(self, applied: Path) -> None:
        with Sandbox(applied / ".identity-reconciler/sandbox.sqlite3") as sandbox:
            sandbox.add_account("333344445555", "plain")
        done = audit(applied, "instances", "--organization", "--role", "Audit", "--sandbox")
        assert done.code == 0

    def test_it_resumes(self, applied: Path) -> None:
        self.organization(applied)
        options = ("--organization", "--role", "Audit", "--sandbox", "--resume", "accounts.jsonl")
        assert audit(applied, "instances", *options).code == 7
        assert stat.S_IMODE((applied / "accounts.jsonl").stat().st_mode) == 0o600
        done = audit(applied, "access", *options, "--format", "json")
        assert done.json()["basis"].endswith("2 of them as kept in accounts.jsonl")
        assert len(done.json()["rows"]) == 19
        assert done.json()["complete"] is False

    def test_orphans_are_compared_with_the_yaml_where_there_is_some(self, applied: Path) -> None:
        done = audit(applied, "orphans", "--organization", "--role", "Audit", "--sandbox")
        assert "not in the YAML  application  Amazon Athena" in done.out


class TestResults:
    """What a state machine has kept answers as the organisation would."""

    @staticmethod
    def collect(here: Path) -> None:
        """Write down in `kept` what the state machine would of the organisation in the sandbox."""
        store, order = FolderStore(here / "kept"), Order("-", "Audit", prefix="")
        with Sandbox(here / ".identity-reconciler/sandbox.sqlite3") as sandbox:
            sandbox.add_account("222233334444", "shut", state="SUSPENDED")
            sandbox.add_account("333344445555", "plain")
            organization = order.organization(sandbox.session())
            start = {"run": "r", "as_of": "2026-03-01T05:00:00Z"}
            listing(start, order, StepSettings(), organization, store)
            for account in organization.accounts()[:2]:
                errand = {"run": "r", "own": organization.own_account(), "attempt": 0}
                collected({**errand, "account": account}, order, organization, store)

    def test_answers(self, applied: Path) -> None:
        self.collect(applied)
        options = ("--results", "kept/results/r", "--format", "json")
        everywhere = ("--organization", "--role", "Audit", "--sandbox", "--format", "json")
        done, whole = audit(applied, "orphans", *options), audit(applied, "orphans", *everywhere)
        assert done.code == 7
        assert done.json()["rows"] == whole.json()["rows"] != []
        assert len(audit(applied, "access", *options).json()["rows"]) == 19
        assert done.json()["basis"] == "live state of 3 accounts as kept in kept/results/r"
        assert [gap[:28] for gap in done.json()["gaps"]] == [
            "account 222233334444 shut: t", "account 333344445555 plain: "
        ]  # fmt: skip

    @pytest.mark.parametrize(
        ("content", "message"),
        [(None, "there is no accounts.json"), ("{}", "accounts.json is no list of accounts")],
    )
    def test_something_else(self, tmp_path: Path, content: str | None, message: str) -> None:
        if content:
            (tmp_path / "accounts.json").write_text(content)
        done = audit(tmp_path, "access", "--results", ".")
        assert (done.code, done.out) == (3, "")
        assert message in done.err


class TestLeavers:
    """Proven is 0; with --detailed-exitcode anything left is 2."""

    @pytest.mark.parametrize(
        ("name", "options", "code"),
        [
            ("zoe", ("--detailed-exitcode",), 0),
            ("johndoe", ("--detailed-exitcode",), 2),
            ("johndoe", (), 0),
            ('"Doe, J <JOHN.DOE@example.com>"', ("--detailed-exitcode",), 2),
            ("nobody", ("--detailed-exitcode",), 2),
            ("\u200b", ("--detailed-exitcode",), 2),
        ],
    )
    def test_exit_codes(
        self, applied: Path, name: str, options: tuple[str, ...], code: int
    ) -> None:
        gone = "users: [{user_name: zoe, state: absent}]\n"
        (applied / "desired-state/users/gone.yaml").write_text(gone)
        (applied / "left.csv").write_text(f"user_name\n{name}\n")
        done = audit(applied, "leavers", "left.csv", "--sandbox", *options)
        assert done.code == code
        assert ("None of 1 leaver has an account" in done.out) is (name == "zoe")

    def test_who_is_deleted_by_a_plan_needs_no_declaration(self, applied: Path) -> None:
        leaving = command("edit", "remove-user", "johndoe", cwd=applied)
        assert leaving.code == 0, leaving.err
        assert command("plan", "--sandbox", "--out", "plan.json", cwd=applied).code == 0
        (applied / "left.csv").write_text("user_name\njohndoe\n")
        done = audit(applied, "leavers", "left.csv", "--sandbox", "--plan", "plan.json")
        assert "None of 1 leaver has an account" in done.out

    def test_a_list_without_a_name_is_invalid(self, applied: Path) -> None:
        (applied / "left.csv").write_text("person\nana\n")
        done = audit(applied, "leavers", "left.csv", "--desired")
        assert done.code == 3
        assert done.err.startswith("left.csv:1:1: no column is called")

    def test_a_missing_list_is_an_error(self, applied: Path) -> None:
        assert audit(applied, "leavers", "left.csv", "--desired").code == 3


class TestOutput:
    """A table for people, a file for nobody else."""

    def test_a_file_is_readable_by_its_owner_only(self, applied: Path) -> None:
        done = audit(applied, "access", "--desired", "--format", "csv", "--out", "access.csv")
        assert (done.code, done.out, done.err) == (0, "", "wrote access.csv\n")
        path = applied / "access.csv"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert path.read_bytes().startswith(b"instance,user_name,")

    def test_a_file_that_cannot_be_written_is_an_error(self, applied: Path) -> None:
        done = audit(applied, "access", "--desired", "--out", "no/such/access.csv")
        assert done.code == 3
        assert "cannot write no/such/access.csv" in done.err

    def test_a_pipe_gets_plain_text(self, applied: Path) -> None:
        done = audit(applied, "members", "engineering", "--desired")
        assert (
            done.out.splitlines()[3]
            == "user_name      display_name   email                      user_status  via"
        )
        assert "\x1b" not in done.out

    def test_a_terminal_gets_a_table(self, applied: Path) -> None:
        ours, theirs = pty.openpty()
        with subprocess.Popen(
            [*launcher(), "audit", "members", "engineering", "--desired"],
            cwd=applied,
            env=environment(TERM="xterm", COLUMNS="100"),
            stdin=subprocess.DEVNULL,
            stdout=theirs,
            stderr=subprocess.PIPE,
        ) as process:
            process.wait()
            shown = os.read(ours, 100_000).decode()
        os.close(ours)
        os.close(theirs)
        assert process.returncode == 0
        assert "\u2500\u2500\u2500" in shown
        assert "li.juan" in shown

    def test_html(self, applied: Path) -> None:
        done = audit(applied, "access", "--desired", "--format", "html", "--out", "access.html")
        assert done.code == 0
        text = (applied / "access.html").read_text(encoding="utf-8")
        assert text.startswith("<!doctype html>")
        assert '"li.juan"' in text

    def test_markdown(self, applied: Path) -> None:
        done = audit(applied, "members", "engineering", "--desired", "--format", "markdown")
        assert "| `li.juan` | `Juan Li` |" in done.out

    @pytest.mark.parametrize("report", REPORTS, ids=lambda report: report[0])
    def test_every_report_names_its_columns(self, applied: Path, report: tuple[str, ...]) -> None:
        data = audit(applied, *report, "--sandbox", "--format", "json").json()
        assert data["report"] == report[0]
        assert data["columns"]
        for row in data["rows"]:
            assert list(row) == [column["name"] for column in data["columns"]]


class TestUsage:
    """What cannot be meant is refused with 3, and says what to do."""

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (("access", "--desired", "--organization", "--role", "A"), "exclude each other"),
            (("access", "--desired", "--plan", "p.json"), "--desired and --plan exclude"),
            (("access", "--results", "r", "--desired"), "--desired and --results exclude"),
            (("access", "--organization"), "--organization needs --role"),
            (("access", "--role", "A"), "--role goes with --organization"),
            (("access", "--resume", "f"), "--resume goes with --organization"),
            (("expiring", "--organization", "--role", "A"), "only the YAML knows"),
            (("expiring", "--plan", "p.json"), "only the YAML knows"),
            (("expiring", "--results", "r"), "only the YAML knows"),
            (("access", "--organization", "--role", "arn:x", "--sandbox"), "no role name"),
            (("members", "engineerin", "--desired"), 'did you mean "engineering"'),
            (("access", "--user", "johndo", "--desired"), 'did you mean "johndoe"'),
            # Only what was asked about is read; the YAML has the names of the others.
            (("members", "engineerin", "--sandbox"), 'did you mean "engineering"'),
            (("memberships", "johndo", "--sandbox"), 'did you mean "johndoe"'),
            (("access", "--user", "johndo", "--sandbox"), 'did you mean "johndoe"'),
            (("access", "--group", "engineerin", "--sandbox"), 'did you mean "engineering"'),
        ],
    )
    def test_refused(self, applied: Path, arguments: tuple[str, ...], message: str) -> None:
        done = audit(applied, *arguments)
        assert (done.code, done.out) == (3, "")
        assert message in done.err


class TestTrouble:
    """What cannot be read makes no report."""

    def test_no_report_from_half_an_instance(self, applied: Path) -> None:
        (applied / "trouble.json").write_text(
            '{"faults": [{"operation": "ListGroups", "code": "AccessDeniedException"}]}'
        )
        state = str(applied / ".identity-reconciler/sandbox.sqlite3")
        with serving(applied, "--state", state, "--trouble", "trouble.json") as served:
            options = ("--endpoint-url", served.url, "--out", "access.csv")
            done = command("audit", "access", *options, cwd=applied, **served.exports)
            assert done.code == 1
            assert "identitystore:ListGroups" in done.err
            assert not (applied / "access.csv").exists()
            # The fault was for one call; the same command succeeds afterwards.
            assert command("audit", "access", *options, cwd=applied, **served.exports).code == 0
        assert (applied / "access.csv").exists()
