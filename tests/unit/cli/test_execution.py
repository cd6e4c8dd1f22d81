"""What an apply says at its end, and by its exit code, is what it did."""

from __future__ import annotations

import contextlib
import json
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from identity_reconciler.cli.execution import Course, Execution, Writes
from identity_reconciler.cli.options import Color
from identity_reconciler.core.plan import Create, Plan
from identity_reconciler.core.state import Group, GroupName, State
from identity_reconciler.errors import (
    EXIT_CODES,
    BlockedError,
    ExitCode,
    GatewayError,
    IncompleteReadError,
    InvalidInputError,
    PartialApplyError,
    ReconcilerError,
    StalePlanError,
)
from identity_reconciler.gateway import Wanted
from tests.command import ROOT, environment
from tests.golden.samples import PLANS
from tests.memory_gateway import Fault, MemoryGateway

PLAN = Plan(tuple(Create(Group(GroupName(name))) for name in ("dev", "ops")))
REST = Plan(PLAN.changes[1:])
NOTHING = Plan()


class Unreadable(MemoryGateway):
    """Can be written, and not be read back."""

    def read_state(self, wanted: Wanted) -> State:
        raise IncompleteReadError(f"no network for {len(wanted.named)}")


class Impatient(threading.Event):
    """Waits for nothing."""

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        return self.is_set()


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path) -> Iterator[Path]:
    with contextlib.chdir(tmp_path):
        yield tmp_path / ".identity-reconciler"


def execution(
    gateway: MemoryGateway, *faults: Fault, left: Plan | ReconcilerError = NOTHING
) -> Execution:
    """Return the apply whose first writes meet *faults*, and which sees *left* at its end."""
    gateway.faults = dict(enumerate(faults))

    def look() -> Plan:
        if isinstance(left, ReconcilerError):
            raise left
        return left

    course = Course(Color.NEVER, ask=False, pause=lambda stop, seconds: stop.wait(seconds))
    return Execution(gateway, course, PLANS["nothing"](), look, stop=Impatient())


def written(code: ExitCode) -> str:
    return next(row.written for row in EXIT_CODES if row.code is code)


class TestExitCodes:
    """They are those of the table: 1 only when nothing can have been written."""

    @pytest.mark.parametrize(
        ("faults", "code"),
        [
            ((), ExitCode.SUCCESS),
            ((Fault.REFUSED,), ExitCode.PARTIAL_APPLY),
            ((Fault.REFUSED, Fault.REFUSED), ExitCode.UNEXPECTED),
            ((Fault.LOST_BEFORE, Fault.REFUSED, Fault.REFUSED), ExitCode.PARTIAL_APPLY),
            ((Fault.LOST_AFTER, Fault.REFUSED), ExitCode.PARTIAL_APPLY),
        ],
    )
    def test_of_what_became_of_the_changes(self, faults: tuple[Fault, ...], code: ExitCode) -> None:
        gateway = MemoryGateway()
        assert execution(gateway, *faults).run(PLAN) is code
        assert not gateway.groups or written(code) != "no"

    @pytest.mark.parametrize("fault", [Fault.LOST_BEFORE, Fault.LOST_AFTER])
    def test_of_a_lost_answer_that_cannot_be_read_back(
        self, capsys: pytest.CaptureFixture[str], fault: Fault
    ) -> None:
        """It is told as unknown, and what is seen of it in the end as well."""
        code = execution(Unreadable(), fault, Fault.REFUSED).run(PLAN)
        out, err = capsys.readouterr()
        assert code is ExitCode.PARTIAL_APPLY
        assert "Apply: 1 unknown, 1 failed\n" in out
        assert "group/dev: unknown at first, and seen to be done" in err

    def test_of_what_remains(self, capsys: pytest.CaptureFixture[str]) -> None:
        code = execution(MemoryGateway(), left=REST).run(PLAN)
        out, err = capsys.readouterr()
        assert code is ExitCode.PARTIAL_APPLY
        assert "group/ops: applied, and not to be seen yet\n" in err
        assert "group/dev" not in err
        assert "seen: 1 of 2 changes applied; what remains (1 change):\n" in err
        assert "+ not in place      group/ops\n" in out

    @pytest.mark.parametrize(
        ("error", "code"),
        [
            (StalePlanError("changed"), ExitCode.PARTIAL_APPLY),
            (InvalidInputError(()), ExitCode.PARTIAL_APPLY),
            (IncompleteReadError("no network"), ExitCode.SUCCESS),
        ],
    )
    def test_of_a_second_look_that_fails(self, error: ReconcilerError, code: ExitCode) -> None:
        """What cannot be seen was answered for by AWS; what is seen to be otherwise was not."""
        assert execution(MemoryGateway(), left=error).run(PLAN) is code

    def test_of_an_instance_after_one_that_was_written(self) -> None:
        last = execution(MemoryGateway(), Fault.REFUSED, Fault.REFUSED)
        last.course.writes.may_be = True
        assert last.run(PLAN) is ExitCode.PARTIAL_APPLY


class TestWrites:
    """An error says what it is, and by its exit code whether AWS may have been written to."""

    @pytest.mark.parametrize("error", [BlockedError("x"), GatewayError("x"), StalePlanError("x")])
    @pytest.mark.parametrize("may_be", [False, True])
    def test_one_of_ours(self, error: ReconcilerError, *, may_be: bool) -> None:
        usual = type(error).exit_code
        with pytest.raises(type(error)) as caught, Writes(may_be).told_by_exit_code():
            raise error
        assert caught.value.exit_code is (ExitCode.PARTIAL_APPLY if may_be else usual)

    def test_another(self) -> None:
        with pytest.raises(BrokenPipeError), Writes().told_by_exit_code():
            raise BrokenPipeError
        with pytest.raises(PartialApplyError, match="BrokenPipe"), Writes(True).told_by_exit_code():
            raise BrokenPipeError

    def test_one_in_the_middle_of_a_change(self) -> None:
        class Broken(MemoryGateway):
            def create(self, resource: object) -> None:
                raise KeyError(str(resource))

        broken = execution(Broken())
        with pytest.raises(PartialApplyError), broken.course.writes.told_by_exit_code():
            broken.run(PLAN)


def journal_of(workspace: Path) -> Path:
    (path,) = (workspace / "journal").iterdir()
    return path


class TestFullDisk:
    """What the journal could not hold is told by everything else."""

    @pytest.mark.parametrize(
        ("line", "summary", "code"),
        [
            (1, "Apply: 2 not begun", ExitCode.UNEXPECTED),
            (2, "Apply: 1 applied, 1 not begun", ExitCode.PARTIAL_APPLY),
            (4, "Apply: 2 applied", ExitCode.PARTIAL_APPLY),
            (5, "Apply: 2 applied", ExitCode.PARTIAL_APPLY),
        ],
    )
    def test_at_a_line(
        self,
        capsys: pytest.CaptureFixture[str],
        workspace: Path,
        line: int,
        summary: str,
        code: ExitCode,
    ) -> None:
        """The lines are: start, begin, end, begin, end, stop."""
        assert execution(MemoryGateway()).run(PLAN) is ExitCode.SUCCESS
        lines = journal_of(workspace).read_bytes().splitlines(keepends=True)
        journal_of(workspace).unlink()
        capsys.readouterr()
        _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (sum(map(len, lines[:line])) + 1, most))
        try:
            ended = execution(MemoryGateway()).run(PLAN)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
        out, err = capsys.readouterr()
        assert summary in out
        assert "cannot write the journal" in err
        assert ended is code


IN_ONE_WAVE = """
import sys
import time

from identity_reconciler.cli.execution import Course, Execution
from identity_reconciler.cli.options import Color
from identity_reconciler.core.plan import Create, Plan
from identity_reconciler.core.state import Group, GroupName
from identity_reconciler.runs.lanes import Lanes
from tests.golden.samples import PLANS
from tests.memory_gateway import MemoryGateway

changes = tuple(Create(Group(GroupName(f"group{number:03}"))) for number in range(400))
gateway = MemoryGateway(before_write=lambda number: time.sleep(0.01 * (number % 5)))
course = Course(Color.NEVER, ask=False)
execution = Execution(gateway, course, PLANS["nothing"](), Plan, Lanes(4))
code = execution.run(Plan(changes, waves={change.key: 0 for change in changes}))
print("live:", len(gateway.groups), flush=True)
sys.exit(code)
"""


class TestSignals:
    """In the middle of a wave, what is under way is finished and noted, and nothing more begun."""

    def test_in_a_process(self, workspace: Path) -> None:
        with subprocess.Popen(
            [sys.executable, "-c", IN_ONE_WAVE],
            env=environment(PYTHONPATH=str(ROOT)),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            shown = [process.stdout.readline() for _ in range(3)]
            for _ in range(2):
                process.send_signal(signal.SIGINT)
            out, err = process.communicate()
        assert process.returncode == 130, err
        lines = (shown + out.splitlines(keepends=True))[:-1]
        summary, live = lines.pop(), out.splitlines()[-1]
        assert summary == f"Apply: {len(lines)} applied, {400 - len(lines)} not begun\n"
        assert live == f"live: {len(lines)}"
        assert "stopped; run the same command again" in err
        noted = [json.loads(line) for line in journal_of(workspace).read_text().splitlines()]
        assert noted[-1]["ending"] == "stopped by signal 2"
        begun, ended = (
            sorted(line["key"] for line in noted if line["event"] == event)
            for event in ("begin", "end")
        )
        assert begun == ended
        assert len(begun) == len(lines)
