"""What `apply` applies: a plan made now, held against a review or not, or what is left of one."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import typer

from identity_reconciler.cli.connection import Target, connected, connected_for
from identity_reconciler.cli.execution import Course, Execution
from identity_reconciler.cli.fleet import Ending, conclude, ended
from identity_reconciler.cli.history import commit_of
from identity_reconciler.cli.loading import Loaded, load_each, pace_of
from identity_reconciler.cli.output import (
    Progress,
    note,
    progress,
)
from identity_reconciler.cli.side_by_side import Halt, Task, results
from identity_reconciler.cli.turns import Applied, Turn, turn
from identity_reconciler.core.bindings import leavers, places, require_same_objects
from identity_reconciler.core.declared import Declared
from identity_reconciler.core.expiry import only_expired
from identity_reconciler.core.lease import DIRECTORY, Generation, lock_of, require_unmoved
from identity_reconciler.core.ownership import Claims, claims_of
from identity_reconciler.core.plan import Plan
from identity_reconciler.core.review import (
    applications_to_assign,
    require_applications,
    require_reviewed,
)
from identity_reconciler.core.state import State, group_key
from identity_reconciler.errors import (
    ExitCode,
    StalePlanError,
)
from identity_reconciler.gateway import Wanted
from identity_reconciler.gateway.aws import AwsGateway
from identity_reconciler.github.step import report
from identity_reconciler.render.document import PlanDocument
from identity_reconciler.render.planfile import instance_of, plan_digest, plan_of
from identity_reconciler.runs.lanes import Lanes
from identity_reconciler.runs.planning import PlanTerms, make_plan, require_unblocked
from identity_reconciler.runs.saved import SavedPlan, imprint
from identity_reconciler.runs.verification import (
    Lengths,
    left_of_reviewed,
    still_left,
)


def apply_directory(
    directory: Path, approved: SavedPlan | None, target: Target, course: Course, jobs: int = 1
) -> ExitCode:
    """Plan afresh for every instance in *directory* and apply; only what is *approved*, if any.

    Of several, *jobs* are under way at once, and what goes wrong with one stops no other.

    Raises:
        StalePlanError: Something is to be done that the approved plan does not hold.
    """
    reviewed = approved.document(datetime.now(UTC)) if approved else None
    if reviewed is not None:
        # What guards refused when it was shown, those of its base perhaps, nobody could approve.
        require_unblocked(reviewed)
    with Progress(target.timings).phase("load"):
        loaded = load_each(directory)
    if len(loaded) == 1:
        return _apply_instance(loaded[0], reviewed, target, course)
    if jobs == 1:
        return _apply_each(loaded, reviewed, target, course)
    halt = Halt()
    with halt.catching_signals():
        return _apply_each(loaded, reviewed, target, replace(course, halt=halt), jobs)


def _apply_each(
    loaded: Sequence[Loaded],
    reviewed: PlanDocument | None,
    target: Target,
    course: Course,
    jobs: int = 1,
) -> ExitCode:
    """Apply each of several instances; *course* takes in what came of all, in their order."""
    courses = [course.of_one() for _ in loaded]
    halted: list[int] = []

    def work(one: Loaded, its: Course) -> Ending:
        number = course.halt.number if course.halt else next(iter(halted), None)
        if number is not None:
            return Ending(one.place, ExitCode(number + 128), "not begun")
        ending = ended(one.place, lambda: _apply_instance(one, reviewed, target, its))
        if ending.code in {ExitCode.INTERRUPTED, ExitCode.TERMINATED}:
            halted.append(ending.code - 128)
        return ending

    tasks = [
        Task(pace_of(one), partial(work, one, its))
        for one, its in zip(loaded, courses, strict=True)
    ]
    endings: list[Ending] = []
    with closing(results(tasks, jobs)) as found:
        for ending, its in zip(found, courses, strict=True):
            endings.append(ending)
            course.take_in(its, ending)
    return conclude(endings, written=course.writes.may_be)


def _apply_instance(
    one: Loaded, reviewed: PlanDocument | None, target: Target, course: Course
) -> ExitCode:
    declared = one.valid()
    terms = PlanTerms(
        commit_of(one.place),
        only_expired=course.only_expired,
        sandbox=target.sandbox,
        listener=Progress(target.timings),
    )
    applied = replace(_to_apply(terms, reviewed), claims=declared.settings.claims)
    lock = lock_of(declared.settings.lease, sandbox=target.sandbox)
    with (
        course.writes.told_by_exit_code(),
        connected_for(declared, target, write=True) as gateway,
        turn(gateway, lock, applied, course.fence(one.place)) as ours,
    ):
        bound = replace(terms, generation=ours.generation)
        fresh = _Fresh(declared, gateway, bound, ours)
        plan, code = _apply_declared(fresh, reviewed, course)
    return code or _done_but_for(len(plan.unresolved))


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
        if not course.as_json:
            typer.echo(imprint(document, plan.path))
        require_unblocked(document)
        generation = document.generation
        lock = generation.lock if generation else DIRECTORY
        claims = _claims(generation.claims if generation else None)
        applied = Applied(document.source.commit, digest, check=check, claims=claims)
        with turn(gateway, lock, applied, course.fence(Path())) as ours:
            code = _apply_left(saved, document, course, ours)
        return code or _done_but_for(len(reviewed.unresolved))


def _claims(text: str | None) -> Claims | None:
    """Return what the repository of a saved plan owns, if that says so.

    Raises:
        StalePlanError: It is unreadable.
    """
    try:
        return None if text is None else claims_of(text)
    except ValueError as error:
        raise StalePlanError(
            "the plan does not say readably what its repository owns (generation.claims); make a "
            "new plan"
        ) from error


def _apply_left(saved: _Saved, document: PlanDocument, course: Course, ours: Turn) -> ExitCode:
    """Apply what is left of a saved plan in our turn; return how that ended."""
    left = saved.left()
    done = len(saved.reviewed.changes) - len(left.changes)
    course.tell(already_in_place=done)
    if done and not course.as_json:
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


def _answered_yes() -> bool:
    answer: str = typer.prompt(
        'Apply these changes? Only "yes" is accepted', default="no", show_default=False, err=True
    )
    if answer.strip() == "yes":
        return True
    typer.echo("nothing was changed", err=True)
    return False
