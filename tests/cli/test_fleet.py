"""Several instances in one command: a failure of one neither stops nor hides the others."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path

import pytest

from identity_reconciler.cli.applying import apply_directory
from identity_reconciler.cli.connection import Target, furnish
from identity_reconciler.cli.execution import Course
from identity_reconciler.cli.loading import load_all
from identity_reconciler.cli.options import Color
from identity_reconciler.core.lease import LEASE_GROUP, PERIOD, Holder, Lease, lease_text
from identity_reconciler.errors import ExitCode, ReconcilerError
from identity_reconciler.sandbox import Sandbox
from identity_reconciler.sandbox.trouble import Fault, Trouble
from tests.command import command
from tests.fleet import committed, fleet

JOBS = pytest.mark.parametrize("jobs", [1, 4])


class NoWait:
    """A clock whose sleep takes no time; see `Clock` in the gateway's pacing."""

    def now(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        del seconds


class Fleet:
    """Instances in one sandbox, some of which have trouble."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.sandbox = Sandbox()
        self.target = Target(
            sandbox=True, embedded=lambda: nullcontext(self.sandbox), clock=NoWait()
        )
        self.course = Course(Color.NEVER, ask=False, as_json=True, pause=lambda *_: None)
        self.out = ""

    def trouble(self, *faults: Fault) -> None:
        self.sandbox.make_trouble(Trouble(faults=faults))

    def lease(self, number: int) -> None:
        """Let somebody else apply to instance *number* now."""
        declared = load_all(self.root)[number]
        furnish(self.sandbox, declared.settings.instance, ())
        began = datetime.now(UTC).replace(microsecond=0)
        holder = Holder("0123456789abcdef", "GitHub run 7, attempt 1", began, began + PERIOD)
        instance = declared.settings.instance
        client = self.sandbox.session(instance.account_id).client("identitystore")
        client.create_group(
            IdentityStoreId=instance.identity_store_id,
            DisplayName=LEASE_GROUP,
            Description=lease_text(Lease(holder=holder)),
        )

    def apply(self, jobs: int) -> ExitCode:
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            code = apply_directory(self.root, None, self.target, self.course, jobs)
        self.out = said.getvalue()
        return code

    def codes(self) -> dict[object, object]:
        """Return the exit codes by the directories of the instances, in their order."""
        return {Path(str(one["directory"])).name: one["exit_code"] for one in self.course.told}


@pytest.fixture
def five(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fleet]:
    """Return five instances, all of which include the same people."""
    monkeypatch.chdir(tmp_path)
    made = Fleet(fleet(tmp_path, 5))
    with made.sandbox:
        yield made


def refusing(number: int) -> Fault:
    """Return what refuses to create anybody in instance *number*."""
    store = f"d-12345678{number:02}"
    code = "AccessDeniedException"
    return Fault("CreateUser", times=10_000, code=code, containing=store)


def throttling(number: int) -> Fault:
    """Return what throttles instance *number* for a while."""
    store = f"d-12345678{number:02}"
    return Fault("identitystore:*", times=12, code="ThrottlingException", containing=store)


class TestFifty:
    """Fifty instances side by side, three of which have trouble."""

    def test_the_rest_is_applied(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        made = Fleet(fleet(tmp_path, 40, 10))
        committed(tmp_path)
        made.trouble(refusing(7), throttling(8))
        made.lease(9)
        with made.sandbox:
            assert made.apply(jobs=8) is ExitCode.PARTIAL_APPLY
            well = {f"i{number:02}": 0 for number in range(50)}
            assert made.codes() == {**well, "i07": 7, "i09": 6}
            assert "error: 2 of 50 instances did not end well:\n" in made.out
            found = made.sandbox.summary().instances
            assert {one.name: one.users for one in found} == {
                name: 0 if name in {"i07", "i09"} else 2 for name in well
            }
        people = made.root / "shared/people.yaml"
        people.write_text(people.read_text().replace("Ann,", "Anne,"))
        run = command("plan", "--matrix", "--changed-since", "HEAD", cwd=tmp_path)
        touched = [one["instance"] for one in json.loads(run.out)]
        assert touched == list(well)[:40]


class TestApply:
    """Whatever becomes of one, the others are applied, and the end says which is which."""

    @JOBS
    def test_one_refused_one_throttled_one_leased_one_broken(self, five: Fleet, jobs: int) -> None:
        five.trouble(refusing(1), throttling(2))
        five.lease(3)
        (five.root / "i04/data.yaml").write_text("groups: nonsense\n")
        assert five.apply(jobs) is ExitCode.PARTIAL_APPLY
        assert five.codes() == {"i00": 0, "i01": 7, "i02": 0, "i03": 6, "i04": 3}
        assert "error: 3 of 5 instances did not end well:\nerror: i01: exit code 7: " in five.out
        assert "error: i03: the lock is held by GitHub run 7" in five.out
        assert "i04/data.yaml:1:9: expected a list" in five.out
        summary = {one.name: one for one in five.sandbox.summary().instances}
        assert [summary[f"i0{number}"].users for number in (0, 2, 3)] == [2, 2, 0]

    def test_all_of_them(self, five: Fleet) -> None:
        assert five.apply(jobs=2) is ExitCode.SUCCESS
        assert set(five.codes().values()) == {0}
        assert "did not end well" not in five.out
        assert list(five.codes()) == ["i00", "i01", "i02", "i03", "i04"]

    @JOBS
    def test_a_signal_stops_all(self, five: Fleet, jobs: int) -> None:
        """What is under way ends after its requests; what is not begun is not begun."""
        sent: list[int] = []

        class Stopping(NoWait):
            def now(self) -> float:
                if not sent and five.sandbox.requests.counts["identitystore", "CreateUser"]:
                    sent.append(signal.SIGTERM)
                    os.kill(os.getpid(), signal.SIGTERM)
                return super().now()

        five.target = Target(sandbox=True, embedded=five.target.embedded, clock=Stopping())
        assert five.apply(jobs) is ExitCode.TERMINATED
        # With four at a time the last one may be under way by then.
        assert ("error: i04: exit code 143: not begun" in five.out) or jobs > 1
        assert "error: i04: exit code 143: " in five.out
        assert "held by" not in five.out
        assert five.apply(jobs) is ExitCode.SUCCESS


class TestJson:
    """Programs learn how each of several instances ended."""

    def test_of_an_apply(self, tmp_path: Path) -> None:
        root = fleet(tmp_path, 2)
        (root / "i00/data.yaml").write_text("groups: nonsense\n")
        arguments = ("--sandbox", "--auto-approve", "--json", "--jobs", "2")
        run = command("apply", *arguments, cwd=tmp_path)
        assert run.code == ExitCode.PARTIAL_APPLY
        broken, fine = run.json()["instances"]
        assert (broken["directory"], broken["exit_code"]) == ("desired-state/i00", 3)
        assert "expected a list" in broken["error"]
        assert (fine["instance"], fine["exit_code"], fine["error"]) == ("i01", 0, "")

    def test_jobs_cannot_ask(self, tmp_path: Path) -> None:
        fleet(tmp_path, 2)
        run = command("apply", "--sandbox", "--jobs", "2", cwd=tmp_path)
        assert run.code == ExitCode.INVALID_INPUT


class TestPlan:
    """Plans of the others are shown, in order; the exit code is that of the gravest failure."""

    @JOBS
    def test_a_broken_one_hides_no_other(self, tmp_path: Path, jobs: int) -> None:
        root = fleet(tmp_path, 4)
        (root / "i01/data.yaml").write_text("groups: nonsense\n")
        run = command("plan", "--sandbox", "--jobs", str(jobs), cwd=tmp_path)
        assert run.code == ExitCode.INVALID_INPUT
        names = [line.split()[4].rstrip(",") for line in run.out.splitlines() if "plan for" in line]
        assert names == ["i00", "i02", "i03"]
        assert "desired-state/i01" not in run.out
        assert "i01/data.yaml:1:9: expected a list" in run.err
        assert run.err.count("error: i01: exit code 3: ") == 1

    def test_one_that_is_left_is_a_list_of_one(self, tmp_path: Path) -> None:
        root = fleet(tmp_path, 2)
        (root / "i01/data.yaml").write_text("groups: nonsense\n")
        run = command("plan", "--sandbox", "--format", "json", cwd=tmp_path)
        assert [one["instance"]["name"] for one in json.loads(run.out)] == ["i00"]

    def test_a_guard_counts_less_than_what_is_invalid(self, tmp_path: Path) -> None:
        root = fleet(tmp_path, 3)
        with (root / "i00/instance.yaml").open("a") as settings:
            settings.write("guards: {expect_live: {users: 5}}\n")
        run = command("plan", "--sandbox", cwd=tmp_path)
        assert run.code == ExitCode.GUARD
        (root / "i01/data.yaml").write_text("groups: nonsense\n")
        assert command("plan", "--sandbox", cwd=tmp_path).code == ExitCode.INVALID_INPUT

    def test_a_broken_one_is_not_gone(self, tmp_path: Path) -> None:
        root = fleet(tmp_path, 2)
        committed(tmp_path)
        (root / "i01/data.yaml").write_text("groups: nonsense\n")
        run = command("plan", "--sandbox", "--base", "HEAD", "--format", "json", cwd=tmp_path)
        assert "loosened" not in run.out or "i01" not in run.out


class TestProfile:
    """Each instance may have credentials of its own."""

    def test_is_named_after_it(self, tmp_path: Path) -> None:
        fleet(tmp_path, 2)
        run = command("plan", "--profile", "read-{instance}-{account}", cwd=tmp_path)
        assert run.code == ExitCode.UNEXPECTED
        assert "read-i00-111122223300" in run.err
        assert "read-i01-111122223301" in run.err


def test_errors_of_one_instance_alone_are_raised(tmp_path: Path) -> None:
    root = fleet(tmp_path, 1)
    (root / "i00/data.yaml").write_text("groups: nonsense\n")
    with pytest.raises(ReconcilerError):
        apply_directory(root, None, Target(sandbox=True), Course(Color.NEVER, ask=False))
