"""Carry a plan out before people's eyes: results as they happen, signals, the look afterwards."""

from __future__ import annotations

import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import FrameType

from identity_reconciler.applier import Outcome, Patience, Result, apply_plan
from identity_reconciler.cli.connection import WORKSPACE
from identity_reconciler.cli.options import Color
from identity_reconciler.cli.output import note, print_changes
from identity_reconciler.errors import ExitCode, GatewayError, InvalidInputError, StalePlanError
from identity_reconciler.gateway.aws import AwsGateway
from identity_reconciler.journal import JournalError, JournalFile
from identity_reconciler.plan import Plan
from identity_reconciler.render.text import result_line
from identity_reconciler.state import Key

_LOOKS = 3
"""How often to look for what was applied before saying that it does not show."""
_PAUSE = 5.0
"""Seconds between two looks: lists may lag behind writes. Source: awslabs/ssosync issue 42."""


@dataclass(slots=True)
class Execution:
    """One apply of one plan."""

    gateway: AwsGateway
    color: Color
    header: Mapping[str, str]
    """What the journal says first: what is applied, and where."""
    look: Callable[[], tuple[Plan, str]]
    """Reads again and returns what is left to be done, as a plan and in words."""
    signal: int | None = None
    """The signal that asked us to stop."""
    deaf: bool = False
    """True when stdout cannot be written any more; the writes go on without it."""
    _stop: threading.Event = field(default_factory=threading.Event)

    def run(self, plan: Plan) -> ExitCode:
        """Carry out *plan*, tell what became of it, and return the exit code."""
        header = {**self.header, "changes": str(len(plan.changes))}
        patience = Patience(self._sleep, self._stop.is_set)
        results: list[Result] = []
        broken: JournalError | None = None
        journal = JournalFile(WORKSPACE / "journal", lambda: datetime.now(UTC), header)
        try:
            with journal, self._catching_signals():
                for result in apply_plan(plan, self.gateway, journal, patience):
                    results.append(result)
                    self._show(result_line(result.change, result.outcome, result.detail))
                if self.signal is not None:
                    journal.close(f"stopped by signal {self.signal}")
        except JournalError as error:
            broken = error
        self._show(_summary(results, len(plan.changes)))
        note(f"journal: {journal.path}")
        if broken is not None:
            note(f"error: {broken}")
            return ExitCode.PARTIAL_APPLY
        if self.signal is not None:
            note("stopped; run the same command again to do the rest")
            return ExitCode(128 + self.signal)
        self._look_again({one.change.key for one in results if one.outcome is Outcome.APPLIED})
        return _exit_code(results)

    def _show(self, line: str) -> None:
        """Print *line*; a reader who went away does not stop what is being written to AWS."""
        if self.deaf:
            return
        try:
            print_changes(line + "\n", self.color)
            sys.stdout.flush()
        except (OSError, ValueError):
            self.deaf = True

    def _sleep(self, seconds: float) -> None:
        self._stop.wait(seconds)

    @contextmanager
    def _catching_signals(self) -> Iterator[None]:
        """Let SIGINT and SIGTERM end the apply after the request in flight."""
        previous = {
            number: signal.signal(number, self._on_signal)
            for number in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            yield
        finally:
            for number, action in previous.items():
                signal.signal(number, action)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        self.signal = number
        self._stop.set()

    def _look_again(self, applied: set[Key]) -> None:
        """Tell what remains, waiting a little for lists that lag."""
        try:
            remaining, words = self.look()
            for _ in range(_LOOKS - 1):
                if applied.isdisjoint(change.key for change in remaining.changes):
                    break
                self._stop.wait(_PAUSE)
                remaining, words = self.look()
        except (GatewayError, InvalidInputError, StalePlanError) as error:
            note(f"applied, but the live state could not be read again to verify it: {error}")
            return
        if remaining:
            note("what remains:")
            self._show(words.rstrip("\n"))
        else:
            self._show("Verified: nothing is left to do.")


def _summary(results: list[Result], planned: int) -> str:
    counted = Counter(result.outcome for result in results)
    parts = [f"{counted[outcome]} {outcome}" for outcome in Outcome if counted[outcome]]
    if planned > len(results):
        parts.append(f"{planned - len(results)} not begun")
    return f"Apply: {', '.join(parts) or 'nothing done'}"


def _exit_code(results: list[Result]) -> ExitCode:
    outcomes = {result.outcome for result in results}
    if outcomes.isdisjoint({Outcome.FAILED, Outcome.SKIPPED}):
        return ExitCode.SUCCESS
    return ExitCode.PARTIAL_APPLY if Outcome.APPLIED in outcomes else ExitCode.UNEXPECTED
