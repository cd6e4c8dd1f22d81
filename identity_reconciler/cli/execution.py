"""Carry a plan out before people's eyes: one made now, or a saved one.

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
from functools import partial
from pathlib import Path
from types import FrameType

import typer

from identity_reconciler.cli.connection import Target, connected, connected_for, workspace
from identity_reconciler.cli.history import ancestry, commit_of
from identity_reconciler.cli.loading import load_all
from identity_reconciler.cli.options import Color, PlanFormat
from identity_reconciler.cli.output import (
    Progress,
    abandon,
    note,
    print_changes,
    print_plans,
    progress,
)
from identity_reconciler.cli.turns import Applied, Fence, Turn, turn
from identity_reconciler.core.bindings import leavers, places, require_same_objects
from identity_reconciler.core.declared import Declared
from identity_reconciler.core.expiry import only_expired
from identity_reconciler.core.lease import DIRECTORY, Generation, lock_of, require_unmoved
from identity_reconciler.core.plan import Change, Plan, subject_of
from identity_reconciler.core.review import (
    applications_to_assign,
    require_applications,
    require_reviewed,
)
from identity_reconciler.core.state import Key, State, address, group_key
from identity_reconciler.errors import (
    ExitCode,
    GatewayError,
    InvalidInputError,
    PartialApplyError,
    ReconcilerError,
    StalePlanError,
)
from identity_reconciler.gateway import Gateway, Wanted
from identity_reconciler.gateway.aws import AwsGateway
from identity_reconciler.github.step import GithubStep, report
from identity_reconciler.render.document import PlanDocument, action_of
from identity_reconciler.render.planfile import instance_of, plan_digest, plan_of
from identity_reconciler.render.text import result_line
from identity_reconciler.runs.applier import Manner, Outcome, Patience, Result, apply_plan
from identity_reconciler.runs.journal import JournalError, JournalFile
from identity_reconciler.runs.lanes import Lanes
from identity_reconciler.runs.leftovers import LeftoverCheck
from identity_reconciler.runs.planning import PlanTerms, make_plan, require_unblocked
from identity_reconciler.runs.saved import SavedPlan, imprint
from identity_reconciler.runs.verification import (
    Lengths,
    left_of_reviewed,
    look_again,
    still_left,
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
    told: list[dict[str, object]] | None = None
    """Takes in what programs are told of each instance; None: people are told, on stdout."""
    pause: Callable[[threading.Event, float], object] = threading.Event.wait
    """Lets so many seconds pass, or fewer if the event is set meanwhile."""

    def show_plan(self, document: PlanDocument) -> None:
        """Tell people what is to be applied, or begin what programs are told of it."""
        if self.told is None:
            print_plans([document], PlanFormat.TEXT, self.color)
        else:
            name, digest = document.instance.name, plan_digest(document)
            self.told.append({"instance": name, "plan": digest, "changes": len(document.changes)})

    def tell(self, **members: object) -> None:
        """Tell programs more of the instance that is applied."""
        if self.told:
            self.told[-1].update(members)

    def fence(self, directory: Path) -> Fence:
        """Return what may be applied after what, as Git around *directory* knows."""
        return Fence(ancestry(directory), self.allow_commit, self.wait, self.take_over)


def apply_directory(
    directory: Path, approved: SavedPlan | None, target: Target, course: Course
) -> ExitCode:
    """Plan afresh for every instance in *directory* and apply; only what is *approved*, if any.

    Raises:
        StalePlanError: Something is to be done that the approved plan does not hold.
    """
    reviewed = approved.document(datetime.now(UTC)) if approved else None
    if reviewed is not None:
        # What guards refused when it was shown, those of its base perhaps, nobody could approve.
        require_unblocked(reviewed)
    terms = PlanTerms(
        commit_of(directory),
        only_expired=course.only_expired,
        sandbox=target.sandbox,
        listener=Progress(target.timings),
    )
    with terms.listener.phase("load"):
        loaded = load_all(directory)
    unresolved = 0
    applied = _to_apply(terms, reviewed)
    for declared in loaded:
        lock = lock_of(declared.settings.lock, sandbox=target.sandbox)
        with (
            course.writes.told_by_exit_code(),
            connected_for(declared, target, write=True) as gateway,
            turn(gateway, lock, applied, course.fence(directory)) as ours,
        ):
            bound = replace(terms, generation=ours.generation)
            fresh = _Fresh(declared, gateway, bound, ours)
            plan, code = _apply_declared(fresh, reviewed, course)
        if code is not ExitCode.SUCCESS:
            return code
        unresolved += len(plan.unresolved)
    return _done_but_for(unresolved)


def _to_apply(terms: PlanTerms, reviewed: PlanDocument | None) -> Applied:
    """Return what an apply of a directory applies, of a plan that was *reviewed* if need be.

    It plans in its turn, so what was applied since the review is no reason against it.
    """
    digest = plan_digest(reviewed) if reviewed is not None else None
    return Applied(terms.commit, digest, only_expired=terms.only_expired)


def _require_unmoved(reviewed: PlanDocument, digest: str, last: Generation) -> None:
    """Hold what was applied *last* against what had been when *reviewed* was begun.

    Raises:
        StalePlanError: Something was applied in between, or may have been.
    """
    if reviewed.generation is None:
        raise StalePlanError(
            "the plan does not say after what it was made: it is of an earlier version of this "
            "program, or was made with --changed-since; make a new plan"
        )
    require_unmoved(reviewed.generation.number, digest, last)


def _done_but_for(unresolved: int) -> ExitCode:
    """Return the exit code of an apply that did everything but what is *unresolved*."""
    if not unresolved:
        return ExitCode.SUCCESS
    what = "1 reference is" if unresolved == 1 else f"{unresolved} references are"
    note(f"{what} unresolved, and left alone with all that needs it; see the plan above")
    return ExitCode.PARTIAL_APPLY


@dataclass(frozen=True, slots=True)
class _Fresh:
    """A plan made now, and what is left of it once it was begun."""

    declared: Declared
    gateway: AwsGateway
    terms: PlanTerms
    turn: Turn

    def left(self, plan: Plan, document: PlanDocument) -> Plan:
        """Return what is left of *plan*, which was made just now; reads what it touches."""
        members = {group_key(one.name): len(one.members or ()) for one in self.declared.groups}
        lengths = Lengths(document.live.users, document.live.groups, members)
        with progress("reading what was touched", lambda: self.gateway.requests.total):
            return still_left(plan, self.gateway, lengths)


def _apply_declared(
    fresh: _Fresh, approved: PlanDocument | None, course: Course
) -> tuple[Plan, ExitCode]:
    """Return the plan made now, and how its apply ended, what is unresolved left aside."""
    if approved is not None:
        fresh.gateway.recall(leavers(plan_of(approved)))
    plan, document = make_plan(fresh.declared, fresh.gateway, fresh.terms)
    course.show_plan(document)
    report(course.step, [document], None)
    require_unblocked(document)
    if approved is not None:
        if document.instance != approved.instance:
            raise StalePlanError(
                f"the approved plan is for {approved.instance.instance_arn}, "
                f"this is {document.instance.instance_arn}"
            )
        _require_same_lock(approved, fresh.turn.lock)
        _require_approved(plan, plan_of(approved), fresh)
    if not plan:
        return plan, fresh.turn.ended(ExitCode.SUCCESS)
    if course.ask and not _answered_yes():
        return plan, ExitCode.SUCCESS
    look = partial(fresh.left, plan, document)
    lanes = _lanes(fresh.gateway)
    code = Execution(fresh.turn.gateway, course, document, look, lanes).run(plan)
    return plan, fresh.turn.ended(code)


def _require_same_lock(approved: PlanDocument, lock: str) -> None:
    """Refuse a plan that counted its generation where *lock* is not.

    Raises:
        StalePlanError: It did.
    """
    counted = approved.generation.lock if approved.generation else lock
    if counted != lock:
        raise StalePlanError(f"the approved plan is from when lock was {counted}, now it is {lock}")


def _require_approved(plan: Plan, approved: Plan, fresh: _Fresh) -> None:
    """Hold *plan*, made now, against what was approved of it.

    Raises:
        StalePlanError: It is more than that, or about other objects.
    """
    if fresh.terms.only_expired:
        approved = only_expired(approved)
    gateway = fresh.gateway
    # Without a request: to make a plan is to read all users and groups.
    found = gateway.witnesses(places(approved))
    require_same_objects(approved, found)
    # What is assigned already needs its application no less than what is yet to be.
    unseen = applications_to_assign(approved.changes) - plan.applications.keys()
    live = gateway.read_state(Wanted(arns=tuple(sorted(unseen)))) if unseen else State()
    require_applications(approved.changes, {**plan.applications, **live.applications})
    require_reviewed(plan, approved)


def apply_saved(plan: SavedPlan, target: Target, course: Course) -> ExitCode:
    """Apply what is left of a saved plan, reading only what it touches.

    Raises:
        StalePlanError: Something that it touches is neither as it was nor as it shall be.
    """
    document = plan.document(datetime.now(UTC))
    reviewed, instance = plan_of(document), instance_of(document)
    digest = plan_digest(document)
    check = partial(_require_unmoved, document, digest)
    with (
        course.writes.told_by_exit_code(),
        connected(instance, target, write=True) as gateway,
    ):
        lengths = Lengths(document.live.users, document.live.groups)
        saved = _Saved(reviewed, gateway, lengths)
        course.show_plan(document)
        report(course.step, [document], None)
        if course.told is None:
            typer.echo(imprint(document, plan.path))
        require_unblocked(document)
        applied = Applied(document.source.commit, digest, check=check)
        lock = document.generation.lock if document.generation else DIRECTORY
        with turn(gateway, lock, applied, course.fence(Path())) as ours:
            code = _apply_left(saved, document, course, ours)
        return code or _done_but_for(len(reviewed.unresolved))


def _apply_left(saved: _Saved, document: PlanDocument, course: Course, ours: Turn) -> ExitCode:
    """Apply what is left of a saved plan in our turn; return how that ended."""
    left = saved.left()
    done = len(saved.reviewed.changes) - len(left.changes)
    course.tell(already_in_place=done)
    if done and course.told is None:
        typer.echo(f"Already in place: {done} of {len(saved.reviewed.changes)} changes")
    if not left:
        return ours.ended(ExitCode.SUCCESS)
    if course.ask and not _answered_yes():
        return ExitCode.SUCCESS
    lanes = _lanes(saved.gateway)
    return ours.ended(Execution(ours.gateway, course, document, saved.left, lanes).run(left))


@dataclass(frozen=True, slots=True)
class _Saved:
    """What is left of a reviewed plan, read again and again."""

    reviewed: Plan
    gateway: AwsGateway
    lengths: Lengths

    def left(self) -> Plan:
        with progress("reading what the plan touches", lambda: self.gateway.requests.total):
            return left_of_reviewed(self.reviewed, self.gateway, self.lengths)


def _lanes(gateway: AwsGateway) -> Lanes:
    return Lanes(gateway.writes_at_once)


def _header(document: PlanDocument) -> dict[str, str]:
    return {
        "instance": document.instance.instance_arn,
        "identity_store": document.instance.identity_store_id,
        "config": document.source.digest,
        "commit": document.source.commit or "",
        "plan": plan_digest(document),
    }


def _answered_yes() -> bool:
    answer: str = typer.prompt(
        'Apply these changes? Only "yes" is accepted', default="no", show_default=False, err=True
    )
    if answer.strip() == "yes":
        return True
    typer.echo("nothing was changed", err=True)
    return False


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
        if self.deaf or self.course.told is not None:
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
