"""Carry a plan out before people's eyes.

Shows the results as they happen, heeds signals, and looks again afterwards.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from identity_reconciler.cli.connection import workspace
from identity_reconciler.cli.fleet import Ending
from identity_reconciler.cli.history import ancestry
from identity_reconciler.cli.options import Color, PlanFormat
from identity_reconciler.cli.output import (
    abandon,
    note,
    print_changes,
    print_plans,
)
from identity_reconciler.cli.side_by_side import Halt
from identity_reconciler.cli.turns import Fence
from identity_reconciler.core.plan import Change, Plan, subject_of
from identity_reconciler.core.state import Key, address
from identity_reconciler.errors import (
    ExitCode,
    GatewayError,
    InvalidInputError,
    PartialApplyError,
    ReconcilerError,
    StalePlanError,
)
from identity_reconciler.gateway import Gateway
from identity_reconciler.github.step import GithubStep, report
from identity_reconciler.render.document import PlanDocument, action_of
from identity_reconciler.render.planfile import plan_digest
from identity_reconciler.render.text import result_line
from identity_reconciler.runs.applier import Manner, Outcome, Patience, Result, apply_plan
from identity_reconciler.runs.journal import JournalError, JournalFile
from identity_reconciler.runs.lanes import Lanes
from identity_reconciler.runs.leftovers import LeftoverCheck
from identity_reconciler.runs.verification import (
    look_again,
)


@dataclass(slots=True)
class Writes:
    """Whether a command may have written to AWS so far, over all the instances it applies."""

    may_be: bool = False

    @contextmanager
    def told_by_exit_code(self) -> Iterator[None]:
        """Let no error that ends the block say by its exit code that nothing was written.

        Raises:
            PartialApplyError: Instead of what is none of our errors, when something was.
        """
        try:
            yield
        except ReconcilerError as error:
            if self.may_be:
                note("AWS has been written to before this error; the results are above")
                error.exit_code = ExitCode.PARTIAL_APPLY
            raise
        except Exception as error:
            if not self.may_be or os.environ.get("IDENTITY_RECONCILER_DEBUG"):
                raise
            raise PartialApplyError(f"unexpected {type(error).__name__}: {error}") from error


@dataclass(frozen=True, slots=True)
class Course:
    """How an apply goes about it."""

    color: Color
    ask: bool
    only_expired: bool = False
    step: GithubStep | None = None
    """The step of a GitHub job that is to be told of the plans."""
    allow_commit: str | None = None
    """The commit that may be applied whatever was applied last."""
    wait: float = 0.0
    """Seconds for which to wait for the lock."""
    take_over: str | None = None
    """What tells the run that holds the lock, where it is known to be gone."""
    writes: Writes = field(default_factory=Writes)
    as_json: bool = False
    """Whether programs are told on stdout, once it has ended, instead of people."""
    told: list[dict[str, object]] = field(default_factory=list)
    """Takes in what programs are told of each instance."""
    plans: list[PlanDocument] = field(default_factory=list)
    """Takes in what is to be applied to each instance."""
    outcomes: list[dict[str, str]] = field(default_factory=list)
    """Takes in, for each of `plans`, what became of each address."""
    halt: Halt | None = None
    """What hears signals for all instances, where they are applied side by side."""
    pause: Callable[[threading.Event, float], object] = threading.Event.wait
    """Lets so many seconds pass, or fewer if the event is set meanwhile."""

    def of_one(self) -> Course:
        """Return the same for one of several instances, to be taken in when that has ended."""
        return replace(self, step=None, writes=Writes(), told=[], plans=[], outcomes=[])

    def take_in(self, other: Course, ending: Ending) -> None:
        """Take in what came of one of several instances, that of *other*, and how it ended."""
        told: dict[str, object] = {"directory": ending.place.as_posix()}
        told |= {"exit_code": int(ending.code), "error": ending.error}
        self.told.append({**(other.told[-1] if other.told else {}), **told})
        self.plans.extend(other.plans)
        self.outcomes.extend(other.outcomes)
        self.writes.may_be |= other.writes.may_be
        report(self.step, other.plans, None)

    def show_plan(self, document: PlanDocument) -> None:
        """Tell people what is to be applied, and begin what is told of it when it has ended."""
        self.plans.append(document)
        self.outcomes.append({})
        if not self.as_json:
            print_plans([document], PlanFormat.TEXT, self.color)
        else:
            name, digest = document.instance.name, plan_digest(document)
            self.told.append({"instance": name, "plan": digest, "changes": len(document.changes)})

    def tell(self, **members: object) -> None:
        """Tell programs more of the instance that is applied."""
        if self.told:
            self.told[-1].update(members)

    def note(self, results: list[Result]) -> None:
        """Note down what became of the instance that is applied."""
        if self.outcomes:
            self.outcomes[-1].update((_address(one.change), one.outcome) for one in results)

    def fence(self, directory: Path) -> Fence:
        """Return what may be applied after what, as Git around *directory* knows."""
        return Fence(ancestry(directory), self.allow_commit, self.wait, self.take_over)


def _header(document: PlanDocument) -> dict[str, str]:
    return {
        "instance": document.instance.instance_arn,
        "identity_store": document.instance.identity_store_id,
        "config": document.source.digest,
        "commit": document.source.commit or "",
        "plan": plan_digest(document),
    }


@dataclass(slots=True)
class Execution:
    """One apply of one plan."""

    gateway: Gateway
    course: Course
    document: PlanDocument
    """What is applied."""
    look: Callable[[], Plan]
    """Reads again and returns what is left to be done."""
    lanes: Lanes = field(default_factory=Lanes)
    signal: int | None = None
    """The signal that asked us to stop."""
    deaf: bool = False
    """True when stdout cannot be written any more; the writes go on without it."""
    stop: threading.Event = field(default_factory=threading.Event)
    """Is set by a signal, and ends whatever is waited for."""

    def run(self, plan: Plan) -> ExitCode:
        """Carry out *plan*, tell what became of it, and return the exit code."""
        header = {**_header(self.document), "changes": str(len(plan.changes))}
        patience = Patience(self._sleep, self.stop.is_set)
        results: list[Result] = []
        broken: JournalError | None = None
        journal = JournalFile(workspace() / "journal", lambda: datetime.now(UTC), header)
        try:
            with journal, self._catching_signals():
                manner = Manner(LeftoverCheck(self.gateway, self.document), self.lanes)
                # However it ends, nothing is under way any more when the journal is closed.
                with closing(apply_plan(plan, self.gateway, journal, patience, manner)) as applying:
                    for result in applying:
                        results.append(result)
                        self.course.writes.may_be |= result.may_have_written
                        self._show(result_line(result.change, result.outcome, result.detail))
                if self.signal is not None:
                    journal.close(f"stopped by signal {self.signal}")
        except JournalError as error:
            broken = error
        except Exception:
            # It ended in the middle of a change.
            self.course.writes.may_be = True
            raise
        places = {change.key: place for place, change in enumerate(plan.changes)}
        results.sort(key=lambda result: places[result.change.key])
        self.course.note(results)
        self._show(_summary(results, len(plan.changes)))
        note(f"journal: {journal.path}")
        self.course.tell(
            results=[_result(one) for one in results],
            not_begun=len(plan.changes) - len(results),
            journal=str(journal.path),
        )
        if broken is not None:
            note(f"error: {broken}")
            return self._failure()
        if self.signal is not None:
            note("stopped; run the same command again to do the rest")
            return ExitCode(128 + self.signal)
        remains = self._look_again(results)
        if not all(result.is_met for result in results):
            return self._failure()
        return ExitCode.PARTIAL_APPLY if remains else ExitCode.SUCCESS

    def _failure(self) -> ExitCode:
        """Return how an apply ends in which something went wrong."""
        return ExitCode.PARTIAL_APPLY if self.course.writes.may_be else ExitCode.UNEXPECTED

    def _show(self, line: str) -> None:
        """Print *line*; a reader who went away does not stop what is being written to AWS."""
        if self.deaf or self.course.as_json:
            return
        try:
            print_changes(line + "\n", self.course.color)
            sys.stdout.flush()
        except OSError:
            self.deaf = True
            abandon(sys.stdout)
        except ValueError:
            self.deaf = True

    def _sleep(self, seconds: float) -> None:
        self.course.pause(self.stop, seconds)

    @contextmanager
    def _catching_signals(self) -> Iterator[None]:
        """Let SIGINT and SIGTERM end the apply after the requests in flight."""
        if self.course.halt is not None:
            with self.course.halt.heard_by(self._on_signal):
                yield
            return
        previous = {
            number: signal.signal(number, self._on_signal)
            for number in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            yield
        finally:
            for number, action in previous.items():
                signal.signal(number, action)

    def _on_signal(self, number: int, _frame: FrameType | None = None) -> None:
        self.signal = number
        self.stop.set()

    def _look_again(self, results: list[Result]) -> bool:
        """Tell what is live after *results*, waiting a little for lists that lag.

        Returns:
            Whether anything is seen not to be as it should be.
        """
        applied = {one.change.key for one in results if one.outcome is Outcome.APPLIED}
        try:
            remaining = look_again(self.look, applied, self._sleep)
        except GatewayError as error:
            note(f"applied, but the live state could not be read again to verify it: {error}")
            return False
        except (InvalidInputError, StalePlanError) as error:
            note(f"applied, but what is live now is not as it should be: {error}")
            return True
        left = {change.key for change in remaining.changes}
        self.course.tell(remaining=[_address(change) for change in remaining.changes])
        self._tell_doubtful(results, left)
        if left:
            seen = f"seen: {len(applied - left)} of {len(applied)} changes applied; "
            count = f"{len(left)} {'change' if len(left) == 1 else 'changes'}"
            note(f"{seen if applied else ''}what remains ({count}):")
            for change in remaining.changes:
                self._show(result_line(change, "not in place", ""))
            note("run the same command again")
        else:
            but = " but what is unresolved" if remaining.unresolved else ""
            self._show(f"Verified: nothing is left to do{but}.")
        return bool(left)

    def _tell_doubtful(self, results: list[Result], left: set[Key]) -> None:
        """Say which changes turned out otherwise than their results say, given what is *left*."""
        for result in results:
            change = result.change
            subject = _address(change)
            if result.outcome is Outcome.APPLIED and change.key in left:
                note(f"{subject}: applied, and not to be seen yet")
            elif result.outcome is Outcome.UNKNOWN and change.key not in left:
                note(f"{subject}: unknown at first, and seen to be done")


def _address(change: Change) -> str:
    return address(subject_of(change))


def _result(result: Result) -> dict[str, object]:
    """Return what programs are told of *result*."""
    return {
        "address": _address(result.change),
        "action": action_of(result.change),
        "outcome": result.outcome,
        "detail": result.detail,
    }


def _summary(results: list[Result], planned: int) -> str:
    counted = Counter(result.outcome for result in results)
    parts = [f"{counted[outcome]} {outcome}" for outcome in Outcome if counted[outcome]]
    if planned > len(results):
        parts.append(f"{planned - len(results)} not begun")
    return f"Apply: {', '.join(parts) or 'nothing done'}"
