"""Wrong use, bad input and help: one clear answer, the right exit code, nothing touched."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from identity_reconciler.errors import EXIT_CODES, ExitCode
from tests.command import command, environment
from tests.sandbox.serving import serving

WRONG = {
    "unknown command": (("plam",), "No such command"),
    "unknown option": (("plan", "--sandbx"), "--sandbx"),
    "unknown format": (("plan", "--format", "yaml"), "yaml"),
    "too many arguments": (("plan", "one", "two"), "two"),
    "missing directory": (("validate", "nowhere"), "nowhere"),
    "missing plan": (("apply", "nope.json"), "there is no saved plan nope.json"),
    "missing plan to show": (("show", "nope.json"), "nope.json: No such file"),
    "missing approved plan": (
        ("apply", "--approved", "nope.json", "--auto-approve"),
        "there is no saved plan nope.json",
    ),
    "unknown command of a group": (("audit", "memers", "x"), "see: identity-reconciler audit "),
    "unknown option, with a proposal": (("plan", "--sandbx"), "did you mean --sandbox?"),
    "both sandbox and URL": (
        ("plan", "--sandbox", "--endpoint-url", "http://127.0.0.1:1"),
        "exclude each other",
    ),
}


class TestWrongUse:
    """Ends with 3, never with Typer's own 2, which would say that there are changes."""

    @pytest.mark.parametrize("name", WRONG)
    def test_is_told(self, here: Path, name: str) -> None:
        arguments, told = WRONG[name]
        run = command(*arguments, cwd=here)
        assert run.code == ExitCode.INVALID_INPUT
        assert told in run.err
        assert run.out == ""
        assert not (here / ".identity-reconciler").exists()


class TestWhere:
    """A command does the same from wherever in the repository it is run."""

    @pytest.mark.parametrize("place", ["desired-state", "desired-state/users", "elsewhere/deep"])
    @pytest.mark.parametrize("in_git", [True, False])
    def test_it_is_run(self, here: Path, place: str, *, in_git: bool) -> None:
        if in_git:
            (here / ".git").mkdir()
        (here / place).mkdir(parents=True, exist_ok=True)
        run = command("plan", "--sandbox", cwd=here / place)
        if not in_git and place.startswith("elsewhere"):
            assert '"desired-state" does not exist' in run.err
            assert "identity-reconciler init" in run.err
            return
        assert run.code == 0, run.err
        assert [path.parent for path in here.rglob(".identity-reconciler")] == [here]
        assert "12 users created" in run.out

    def test_a_directory_that_is_named_is_no_reason_for_another_sandbox(self, here: Path) -> None:
        assert command("apply", "--sandbox", "--auto-approve", cwd=here).code == 0
        run = command("plan", ".", "--sandbox", "--detailed-exitcode", cwd=here / "desired-state")
        assert (run.code, run.err.count("../.identity-reconciler/")) == (0, 1)
        gone = command("sandbox", "reset", cwd=here / "desired-state")
        assert "emptied" in gone.out
        assert command("plan", "--sandbox", "--detailed-exitcode", cwd=here).code == 2


class TestBadInput:
    """Is refused before any request: not even the sandbox is opened."""

    @pytest.mark.parametrize("name", ["validate", "plan", "apply"])
    def test_every_problem_is_told(self, here: Path, name: str) -> None:
        users = here / "desired-state/users/data.yaml"
        users.write_text(
            users.read_text().replace("title: Head of Data", "tilte: Head of Data")
            + "  - user_name: 007\n"
        )
        options = {"validate": (), "plan": ("--sandbox",), "apply": ("--sandbox", "--auto-approve")}
        run = command(name, *options[name], cwd=here)
        assert run.code == ExitCode.INVALID_INPUT
        assert 'users/data.yaml:8:5: unknown key "tilte"' in run.err
        assert "007" in run.err
        assert "nothing was changed" in run.err
        assert not (here / ".identity-reconciler").exists()

    def test_of_very_many_problems_the_kinds_are_counted(self, here: Path) -> None:
        for number in range(10):
            for name in ("users", "groups"):
                folder = here / "desired-state" / name
                shutil.copytree(folder, folder.with_name(f"{name}-{number}"))
        run = command("validate", cwd=here)
        lines = run.err.splitlines()
        assert run.code == ExitCode.INVALID_INPUT
        assert len(lines) < 60
        assert lines[50] == "and 120 more problems:"
        assert lines[51].split(maxsplit=1) == [
            "120",
            "user ... is already declared at ...; keep one of the two",
        ]
        assert lines[-1] == "170 problems; nothing was changed"
        listed = command("validate", "--format", "json", cwd=here).json()
        assert len(listed["problems"]) == 170

    def test_another_account_is_refused(self, here: Path) -> None:
        assert command("plan", "--sandbox", cwd=here).code == 0
        path = here / "desired-state/instance.yaml"
        path.write_text(path.read_text().replace("111122223333", "999922223333"))
        run = command("plan", "--sandbox", cwd=here)
        assert run.code != 0
        assert "999922223333" in run.err

    def test_without_credentials_it_says_what_to_do(self, here: Path) -> None:
        run = command("plan", cwd=here)
        assert run.code == ExitCode.UNEXPECTED
        assert "credentials" in run.err


class TestQuiet:
    """With `--quiet` stderr is empty, unless something went wrong."""

    @pytest.mark.parametrize(
        "arguments",
        [
            ("plan", "--sandbox"),
            ("apply", "--sandbox", "--auto-approve"),
            ("audit", "members", "engineering", "--desired"),
            ("edit", "remove-member", "engineering", "li.juan", "--dry-run"),
            ("doctor", "--sandbox"),
        ],
    )
    def test_nothing_is_said(self, here: Path, arguments: tuple[str, ...]) -> None:
        loud = command(*arguments, cwd=here)
        quiet = command(*arguments, "--quiet", cwd=here)
        assert (quiet.code, quiet.err) == (loud.code, "")
        assert quiet.out

    def test_but_what_went_wrong(self, here: Path) -> None:
        assert "No such" not in command("plan", "--sandbox", "-q", cwd=here).err
        run = command("show", "nope.json", "-q", cwd=here)
        assert run.err == "error: cannot read nope.json: No such file or directory\n"


class TestJson:
    """What programs read of commands that people read otherwise."""

    def test_of_a_diagnosis(self, here: Path) -> None:
        run = command("doctor", "--sandbox", "--json", cwd=here)
        found = run.json()
        assert (found["format"], found["good"]) == ("identity-reconciler/diagnosis", run.code == 0)
        text = command("doctor", "--sandbox", cwd=here).out
        assert [one["text"] for one in found["findings"]] == [
            line[8:] for line in text.splitlines()
        ]

    def test_of_an_explanation(self, here: Path) -> None:
        found = command("explain", "group/engineering", "--json", cwd=here).json()
        assert found["subject"] == "group/engineering"
        text = command("explain", "group/engineering", cwd=here).out
        assert found["lines"] == text.splitlines()

    def test_of_an_apply(self, here: Path) -> None:
        arguments = ("apply", "--sandbox", "--auto-approve", "--json")
        found = command(*arguments, cwd=here).json()
        (instance,) = found["instances"]
        assert (found["exit_code"], found["error"], instance["remaining"]) == (0, "", [])
        assert {one["outcome"] for one in instance["results"]} == {"applied"}
        assert len(instance["results"]) == instance["changes"] == 38
        (again,) = command(*arguments, cwd=here).json()["instances"]
        assert (again["changes"], "results" in again) == (0, False)

    def test_of_an_apply_that_is_refused(self, here: Path) -> None:
        assert command("apply", "--sandbox", "--auto-approve", cwd=here).code == 0
        groups = here / "desired-state/groups/company.yaml"
        text = groups.read_text()
        start = text.index("    members:")
        groups.write_text(
            text[:start] + "    members: []\n" + text[text.index("  - name: finance") :]
        )
        run = command("apply", "--sandbox", "--auto-approve", "--json", cwd=here)
        assert run.code == run.json()["exit_code"] == ExitCode.GUARD
        assert "refused by" in run.json()["error"]
        assert "results" not in run.json()["instances"][0]

    def test_of_an_apply_that_would_ask(self, here: Path) -> None:
        run = command("apply", "--sandbox", "--json", cwd=here)
        assert (run.code, "--auto-approve" in run.err) == (ExitCode.INVALID_INPUT, True)

    def test_of_a_validation(self, here: Path) -> None:
        assert command("validate", "--json", cwd=here).json()["valid"] is True


class TestWithoutYaml:
    """`doctor` says what it can where there is nothing yet, and what it cannot know."""

    def test_it_finds_the_instance(self, tmp_path: Path) -> None:
        run = command("doctor", "--sandbox", cwd=tmp_path)
        assert run.code == 0, run.err
        assert "what is declared, guarded and reviewed cannot be checked" in run.out
        assert "ok      users can be read" in run.out

    def test_without_a_region_it_asks_for_one(self, tmp_path: Path) -> None:
        run = command("doctor", cwd=tmp_path)
        assert run.code == 1
        assert "PROBLEM give --region" in run.out

    def test_a_region_is_that_of_the_yaml(self, here: Path) -> None:
        run = command("doctor", "--sandbox", "--region", "eu-west-1", cwd=here)
        assert run.code == ExitCode.INVALID_INPUT


class TestProfile:
    """Credentials come from the profile that is named."""

    def test_it_is_taken(self, tmp_path: Path) -> None:
        credentials = tmp_path / "credentials"
        variables = {"AWS_SHARED_CREDENTIALS_FILE": str(credentials)}
        with serving(tmp_path) as served:
            keys = ("aws_access_key_id", "aws_secret_access_key")
            given = (f"{key} = {served.exports[key.upper()]}" for key in keys)
            credentials.write_text("\n".join(["[deploy]", *given]))
            region = served.exports["AWS_REGION"]
            arguments = ("doctor", "--endpoint-url", served.url, "--region", region)
            without = command(*arguments, cwd=tmp_path, **variables)
            run = command(*arguments, "--profile", "deploy", cwd=tmp_path, **variables)
            other = command(*arguments, "--profile", "other", cwd=tmp_path, **variables)
        assert (without.code, "credentials" in without.out.splitlines()[1]) == (1, True)
        assert run.code == 0, run.out
        assert (other.code, "other" in other.out) == (1, True)

    def test_the_sandbox_has_none(self, here: Path) -> None:
        run = command("plan", "--sandbox", "--profile", "deploy", cwd=here)
        assert (run.code, "exclude each other" in run.err) == (3, True)


class TestHelp:
    """Is instant, complete, and agrees with the table of exit codes."""

    @pytest.mark.parametrize("group", [(), ("edit",), ("audit",), ("sandbox",), ("github",)])
    def test_is_what_a_bare_group_prints(self, here: Path, group: tuple[str, ...]) -> None:
        run = command(*group, cwd=here)
        assert (run.code, run.err) == (ExitCode.SUCCESS, "")
        assert run.out == command(*group, "--help", cwd=here).out

    def test_lists_every_exit_code(self, here: Path) -> None:
        # A line may end at a hyphen.
        out = "".join(command("--help", cwd=here).out.split())
        for row in EXIT_CODES:
            assert f"{row.code.value}{''.join(row.meaning.split())}" in out

    @pytest.mark.parametrize("arguments", [["--help"], ["validate"], ["plan", "--help"]])
    def test_needs_no_aws_libraries(self, here: Path, arguments: list[str]) -> None:
        script = (
            "import sys; from identity_reconciler.cli.app import run; "
            f"code = run({arguments!r}); "
            "print(sorted({'boto3', 'botocore', 'moto', 'deepdiff'} & set(sys.modules)), code)"
        )
        done = subprocess.run(
            [sys.executable, "-c", script],
            cwd=here,
            env=environment(),
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.endswith("[] 0\n")

    def test_needs_nothing_that_reads_yaml(self, here: Path) -> None:
        """Typing a command or its help waits for no schema to be built."""
        script = (
            "import sys, identity_reconciler.cli.app; "
            "print(sorted({'pydantic', 'ruamel', 'rich'} & set(sys.modules)))"
        )
        done = subprocess.run(
            [sys.executable, "-c", script],
            cwd=here,
            env=environment(),
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout == "[]\n"

    def test_version(self, here: Path) -> None:
        assert command("--version", cwd=here).out.startswith("identity-reconciler 0.")
