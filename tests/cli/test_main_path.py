"""The main job, as separate processes: plan, apply, plan, apply."""

from __future__ import annotations

import json
import os
import pty
import shutil
import signal
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

from tests.command import Run, command, edit, environment, launcher, running


class TestMainPath:
    """Plan shows everything, apply does it, plan then shows nothing."""

    def test_plan_apply_plan(self, here: Path) -> None:
        plan = command("plan", "--sandbox", "--detailed-exitcode", cwd=here)
        assert plan.code == 2
        assert "+ user/johndoe" in plan.out
        assert "+ 2 assignments of group/engineering" in plan.out
        apply = command("apply", "--sandbox", "--auto-approve", cwd=here)
        assert apply.code == 0
        assert "Apply: 38 applied" in apply.out
        assert "Verified: nothing is left to do." in apply.out
        again = command("plan", "--sandbox", "--detailed-exitcode", cwd=here)
        assert again.code == 0
        assert "No changes." in again.out

    def test_a_second_apply_has_nothing_to_do(self, applied: Path) -> None:
        again = command("apply", "--sandbox", "--auto-approve", cwd=applied)
        assert again.code == 0
        assert "No changes." in again.out
        assert len(list((applied / ".identity-reconciler/journal").iterdir())) == 1

    def test_environment_variable_chooses_the_sandbox(self, here: Path) -> None:
        assert command("plan", cwd=here, IDENTITY_RECONCILER_SANDBOX="1").code == 0

    def test_lines_fit_the_terminal(self, here: Path) -> None:
        saved = command("plan", "--sandbox", "--out", "plan.json", cwd=here, COLUMNS="50")
        plan = saved.out.partition("Saved ")[0]
        assert 40 < max(map(len, plan.splitlines())) <= 50
        assert command("show", "plan.json", cwd=here, COLUMNS="50").out.startswith(plan)
        shown = command("show", "plan.json", "--all", cwd=here, COLUMNS="200")
        assert "members of" in plan
        assert "members of" not in shown.out
        assert "+ membership/engineering/" in shown.out

    def test_reset_starts_afresh(self, applied: Path) -> None:
        assert command("sandbox", "reset", cwd=applied).code == 0
        assert "Creations (38)" in command("plan", "--sandbox", cwd=applied).out


EDITS = {
    "attribute": (
        "users/data.yaml",
        "    title: Data Engineer\n",
        "    title: Senior Data Engineer\n",
        {("update", "user/johndoe")},
    ),
    "attribute removed on purpose": (
        "users/data.yaml",
        "    title: Data Engineer\n",
        "    title: null\n",
        {("update", "user/johndoe")},
    ),
    "attribute no longer declared": (
        "users/data.yaml",
        "    title: Data Engineer\n",
        "",
        set[tuple[str, str]](),
    ),
    "member added": (
        "groups/company.yaml",
        "      - li.juan\n",
        "      - li.juan\n      - johndoe\n",
        {("create", "membership/engineering/johndoe")},
    ),
    "member removed": (
        "groups/company.yaml",
        "      - li.juan\n",
        "",
        {("delete", "membership/engineering/li.juan")},
    ),
    "member expired": (
        "groups/company.yaml",
        "expires: 2030-03-31",
        "expires: 2020-03-31",
        {("delete", "membership/auditors/terry.whitlock")},
    ),
    "assignment added": (
        "applications.yaml",
        "      users: [janedoe]\n",
        "      users: [janedoe, johndoe]\n",
        {("create", "assignment/Grafana/user/johndoe")},
    ),
    "assignment removed": (
        "applications.yaml",
        "      users: [janedoe]\n",
        "",
        {("delete", "assignment/Grafana/user/janedoe")},
    ),
    "group renamed": (
        "groups/company.yaml",
        "  - name: auditors\n",
        "  - name: auditors\n    previous_names: [examiners]\n",
        set[tuple[str, str]](),
    ),
    "name in another case": (
        "groups/company.yaml",
        "  - name: auditors\n",
        "  - name: Auditors\n",
        set[tuple[str, str]](),
    ),
}


class TestEdits:
    """One edit of each sort gives exactly its changes and, applied, an empty plan."""

    @pytest.mark.parametrize("name", EDITS)
    def test_of_one_line(self, applied: Path, name: str) -> None:
        file, old, new, expected = EDITS[name]
        edit(applied, file, old, new)
        plan = command("plan", "--sandbox", "--format", "json", cwd=applied)
        assert plan.changes() == expected
        assert command("apply", "--sandbox", "--auto-approve", cwd=applied).code == 0
        assert command("plan", "--sandbox", "--format", "json", cwd=applied).changes() == set()

    def test_group_absent(self, applied: Path) -> None:
        """Its assignments go first, its memberships with it."""
        edit(
            applied,
            "groups/company.yaml",
            "    description: Finance department\n"
            "    members:\n      - martha.rivera\n      - paulo.santos\n",
            "    state: absent\n",
        )
        edit(applied, "applications.yaml", "        - finance\n", "")
        plan = command("plan", "--sandbox", "--format", "json", cwd=applied)
        assert plan.changes() == {
            ("delete", "assignment/Ledger/group/finance"),
            ("delete", "group/finance"),
        }
        assert plan.json()["changes"][-1]["cascaded"] == [
            {"group": "finance", "user": "martha.rivera"},
            {"group": "finance", "user": "paulo.santos"},
        ]
        assert plan.json()["counts"]["membership"]["delete"] == 2
        assert command("apply", "--sandbox", "--auto-approve", cwd=applied).code == 0
        assert command("plan", "--sandbox", "--format", "json", cwd=applied).changes() == set()

    def test_user_absent(self, applied: Path) -> None:
        """Also when something that is not declared hangs on the user."""
        edit(applied, "groups/company.yaml", "      - li.juan\n", "")
        users = applied / "desired-state/users/engineering.yaml"
        text = users.read_text()
        start = text.index("  - user_name: li.juan\n")
        end = text.find("\n  - user_name:", start)
        entry = "  - user_name: li.juan\n    state: absent\n"
        users.write_text(text[:start] + entry + (text[end:] if end > 0 else ""))
        plan = command("plan", "--sandbox", "--format", "json", cwd=applied)
        assert plan.changes() == {
            ("delete", "membership/engineering/li.juan"),
            ("delete", "user/li.juan"),
        }
        assert [change["wave"] for change in plan.json()["changes"]] == [0, 0]
        assert command("apply", "--sandbox", "--auto-approve", cwd=applied).code == 0
        assert command("plan", "--sandbox", "--format", "json", cwd=applied).changes() == set()

    def test_group_renamed(self, applied: Path) -> None:
        """In place: nothing is deleted, members and assignments stay."""
        edit(
            applied,
            "groups/company.yaml",
            "  - name: finance\n",
            "  - name: treasury\n    previous_names: [finance]\n",
        )
        edit(applied, "applications.yaml", "        - finance\n", "        - treasury\n")
        plan = command("plan", "--sandbox", "--format", "json", cwd=applied)
        assert plan.changes() == {("rename", "group/treasury")}
        assert command("apply", "--sandbox", "--auto-approve", cwd=applied).code == 0
        again = command("plan", "--sandbox", "--format", "json", cwd=applied)
        assert again.changes() == set()
        assert again.json()["live"]["memberships"] == 14


def lines_of(process: subprocess.Popen[str]) -> Iterator[str]:
    assert process.stdout is not None
    return iter(process.stdout)


def started(here: Path, stdout: int | IO[str], stderr: int | IO[str]) -> subprocess.Popen[str]:
    """Start an apply whose process outlives what it prints to."""
    return subprocess.Popen(
        [*launcher(), "apply", "--sandbox", "--auto-approve"],
        cwd=here,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        text=True,
    )


def stopped(here: Path, results: int, number: signal.Signals, *options: str) -> tuple[int, Run]:
    """Return an apply that is sent a signal once that many changes were reported, and its pid."""
    words = ("apply", "--sandbox", "--auto-approve", *options)
    with running(*words, cwd=here) as process:
        seen = 0
        for line in process.out:
            seen += line.startswith("+ applied")
            if seen == results:
                process.send(number)
                break
        return process.pid, Run(process.end(), process.out.read(), process.err.read())


def journal_of(here: Path) -> list[dict[str, str]]:
    (path,) = (here / ".identity-reconciler/journal").iterdir()
    return [json.loads(line) for line in path.read_text().splitlines()]


class TestInterruption:
    """Stopped at any point and run again, an apply converges and doubles nothing."""

    @pytest.mark.parametrize("results", [1, 13, 20, 36])
    def test_by_kill(self, here: Path, results: int) -> None:
        pid, killed = stopped(here, results, signal.SIGKILL)
        assert killed.code == -signal.SIGKILL
        refused = command("apply", "--sandbox", "--auto-approve", cwd=here)
        assert (refused.code, refused.out) == (6, "")
        assert f"held by process {pid} on " in refused.err
        gone = refused.err.split()[-2:]
        assert gone[0] == "--take-over"
        assert command("apply", "--sandbox", "--auto-approve", *gone, cwd=here).code == 0
        plan = command("plan", "--sandbox", "--format", "json", cwd=here)
        assert plan.changes() == set()
        live = plan.json()["live"]
        assert [live[kind] for kind in ("users", "groups", "memberships", "assignments")] == [
            12,
            5,
            14,
            7,
        ]

    @pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
    def test_by_signal(self, here: Path, number: signal.Signals, code: int) -> None:
        """The requests in flight are finished, the journal closed, the way on is told."""
        _, run = stopped(here, 1, number, "--rate", "60")
        assert run.code == code
        assert "not begun" in run.out
        assert "run the same command again" in run.err
        events = [line["event"] for line in journal_of(here)]
        assert events[0] == "start"
        assert events[-1] == "stop"
        assert events.count("begin") == events.count("end")
        assert command("apply", "--sandbox", "--auto-approve", cwd=here).code == 0
        assert "No changes." in command("plan", "--sandbox", cwd=here).out


class TestSeveralInstances:
    """They are applied one after the other, and the exit code is about all of them."""

    def test_the_second_is_refused(self, here: Path) -> None:
        first, second = here / "all/first", here / "all/second"
        (here / "desired-state").rename(here / "first")
        (here / "all").mkdir()
        (here / "first").rename(first)
        shutil.copytree(first / "users", second / "users")
        settings = (first / "instance.yaml").read_text()
        for old, new in (("111122223333", "444455556666"), ("cdef", "cdff"), ("7890\n", "7899\n")):
            settings = settings.replace(old, new)
        guards = "guards: {expect_live: {users: 5}}\n"
        (second / "instance.yaml").write_text(f"{settings}\n{guards}")
        run = command("apply", "all", "--sandbox", "--auto-approve", cwd=here)
        assert "Apply: 38 applied" in run.out
        assert "error: second: exit code 4: " in run.err
        assert "refused by empty.live" in run.err
        assert run.code == 7
        again = command("apply", "all", "--sandbox", "--auto-approve", cwd=here)
        assert (again.code, "before this error" in again.err) == (4, False)


class TestJournal:
    """Only its owner may read it, and every write stands in it twice."""

    def test_is_private_and_complete(self, applied: Path) -> None:
        (path,) = (applied / ".identity-reconciler/journal").iterdir()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        lines = journal_of(applied)
        begun = [line["key"] for line in lines if line["event"] == "begin"]
        ended = [line["key"] for line in lines if line["event"] == "end"]
        assert sorted(begun) == sorted(ended)
        assert len(set(begun)) == 38


class TestOutput:
    """What cannot be printed does not stop what is being written."""

    @pytest.mark.parametrize("err", [subprocess.STDOUT, subprocess.DEVNULL])
    def test_a_reader_that_goes_away_does_not_stop_the_apply(self, here: Path, err: int) -> None:
        """As in `apply 2>&1 | head`: all is done, and the exit code says so."""
        with started(here, stdout=subprocess.PIPE, stderr=err) as process:
            assert any(line.startswith("+ applied") for line in lines_of(process))
            assert process.stdout is not None
            process.stdout.close()
            assert process.wait() == 0
        assert "No changes." in command("plan", "--sandbox", cwd=here).out

    @pytest.mark.parametrize("stream", ["stdout", "stderr"])
    def test_a_full_disk_does_not_stop_the_apply(self, here: Path, stream: str) -> None:
        command("plan", "--sandbox", cwd=here)
        with Path("/dev/full").open("w") as full, Path(os.devnull).open("w") as other:
            files = {"stdout": other, "stderr": other, stream: full}
            with started(here, stdout=files["stdout"], stderr=files["stderr"]) as process:
                code = process.wait()
        changes = command("plan", "--sandbox", "--format", "json", cwd=here).changes()
        # A plan that cannot be shown is not applied.
        assert (code, len(changes)) == ((1, 38) if stream == "stdout" else (0, 0))

    def test_text_has_no_colour_in_a_pipe(self, here: Path) -> None:
        assert "\x1b" not in command("plan", "--sandbox", cwd=here).out

    def test_color_always_colours(self, here: Path) -> None:
        run = command("plan", "--sandbox", "--color", "always", cwd=here, TERM="xterm")
        assert "\x1b[32m+ user/johndoe" in run.out


class TestAsking:
    """Apply asks on a terminal, and never elsewhere."""

    def test_without_a_terminal_it_refuses(self, here: Path) -> None:
        run = command("apply", "--sandbox", cwd=here)
        assert run.code == 3
        assert "--auto-approve" in run.err
        assert not (here / ".identity-reconciler").exists()

    @pytest.mark.parametrize(("answer", "changed"), [("no", False), ("y", False), ("yes", True)])
    def test_only_yes_is_yes(self, here: Path, answer: str, *, changed: bool) -> None:
        ours, theirs = pty.openpty()
        with subprocess.Popen(
            [*launcher(), "apply", "--sandbox"],
            cwd=here,
            env=environment(),
            stdin=theirs,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            os.write(ours, f"{answer}\n".encode())
            out, err = process.communicate()
        os.close(ours)
        os.close(theirs)
        assert process.returncode == 0
        assert (b"38 applied" in out) is changed
        assert (b"nothing was changed" in err) is not changed
