"""The two ways to apply: what a directory asks for now, and what a saved plan was approved for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import typer

from identity_reconciler.cli.connection import Target, connected
from identity_reconciler.cli.execution import Execution
from identity_reconciler.cli.git import commit_of, head_of
from identity_reconciler.cli.github_step import GithubStep, report
from identity_reconciler.cli.loading import load_all
from identity_reconciler.cli.options import Color, PlanFormat
from identity_reconciler.cli.output import print_plans
from identity_reconciler.cli.planning import Terms, connected_for, make_plan, require_unblocked
from identity_reconciler.cli.progress import progress
from identity_reconciler.cli.saving import imprint, open_saved
from identity_reconciler.cli.timings import Timings
from identity_reconciler.declared import Declared, Instance
from identity_reconciler.errors import ExitCode, StalePlanError
from identity_reconciler.gateway import Wanted
from identity_reconciler.gateway.aws import AwsGateway
from identity_reconciler.plan import Plan
from identity_reconciler.render.document import PlanDocument
from identity_reconciler.render.planfile import instance_of, plan_digest, plan_of
from identity_reconciler.render.text import plan_text
from identity_reconciler.review import require_reviewed, to_be_read, what_is_left


@dataclass(frozen=True, slots=True)
class Approval:
    """A saved plan, and what is expected of it."""

    path: Path | None = None
    digest: str | None = None
    commit: str | None = None
    head: bool = False
    """Whether the plan has to be from the commit that is checked out."""
    sandbox: bool = False
    """Whether the embedded sandbox is written to, and not AWS."""

    def document(self) -> PlanDocument | None:
        """Return the saved plan, checked; None when there is none.

        Raises:
            StalePlanError: It is damaged, expired, or not the one that is expected.
        """
        if self.path is None:
            return None
        document = open_saved(self.path)
        if document.source.changed_since is not None:
            raise StalePlanError(
                f"{self.path} covers only what changed since {document.source.changed_since}, so "
                "no guard has judged it; plan without --changed-since, and apply that"
            )
        digest = plan_digest(document)
        if self.digest is not None and self.digest != digest:
            raise StalePlanError(f"{self.path} has digest {digest}, expected was {self.digest}")
        if self.commit is not None and self.commit != document.source.commit:
            raise StalePlanError(
                f"{self.path} was made from commit {document.source.commit or '(none)'}, "
                f"expected was {self.commit}"
            )
        self._require_head(document)
        if bool(document.live.sandbox) != self.sandbox:
            made, here = ("the embedded sandbox", "AWS")[:: 1 if document.live.sandbox else -1]
            raise StalePlanError(
                f"{self.path} was made against {made}, and this would write to {here}; "
                "make a plan against what is to be written"
            )
        if document.valid_until <= datetime.now(UTC):
            raise StalePlanError(
                f"{self.path} was valid until {document.valid_until:%Y-%m-%dT%H:%M:%SZ}; "
                "make a new plan"
            )
        return document

    def _require_head(self, document: PlanDocument) -> None:
        if not self.head:
            return
        head, made = head_of(Path()), document.source.commit
        if made is not None and made.endswith("-dirty"):
            raise StalePlanError(
                f"{self.path} was made from YAML that was not committed; commit it, and plan again"
            )
        if head is None or head != made:
            raise StalePlanError(
                f"superseded: {self.path} was made from commit {made or '(none)'}, checked out is "
                f"{head or '(none)'}; the run of the newer commit applies what is left to do"
            )


@dataclass(frozen=True, slots=True)
class Course:
    """How an apply goes about it."""

    color: Color
    ask: bool
    only_expired: bool = False
    step: GithubStep | None = None
    """The step of a GitHub job that is to be told of the plans."""


def apply_directory(
    directory: Path, approval: Approval, target: Target, course: Course
) -> ExitCode:
    """Plan afresh for every instance in *directory* and apply; only what *approval* holds, if any.

    Raises:
        StalePlanError: Something is to be done that the approved plan does not hold.
    """
    approved = approval.document()
    terms = Terms(
        commit_of(directory),
        timings=target.timings or Timings(),
        only_expired=course.only_expired,
        sandbox=target.sandbox,
    )
    with terms.timings.phase("load"):
        loaded = load_all(directory)
    for declared in loaded:
        with connected_for(declared, target, write=True) as gateway:
            code = _apply_declared(_Fresh(declared, gateway, terms), approved, course)
        if code is not ExitCode.SUCCESS:
            return code
    return ExitCode.SUCCESS


@dataclass(frozen=True, slots=True)
class _Fresh:
    """Plans made now, again and again."""

    declared: Declared
    gateway: AwsGateway
    terms: Terms

    def look(self) -> tuple[Plan, str]:
        plan, document = make_plan(self.declared, self.gateway, self.terms)
        return plan, plan_text(document)


def _apply_declared(fresh: _Fresh, approved: PlanDocument | None, course: Course) -> ExitCode:
    plan, document = make_plan(fresh.declared, fresh.gateway, fresh.terms)
    print_plans([document], PlanFormat.TEXT, course.color)
    report(course.step, [document], None)
    require_unblocked(document)
    if approved is not None:
        if document.instance != approved.instance:
            raise StalePlanError(
                f"the approved plan is for {approved.instance.instance_arn}, "
                f"this is {document.instance.instance_arn}"
            )
        require_reviewed(plan, plan_of(approved))
    if not plan:
        return ExitCode.SUCCESS
    if course.ask and not _answered_yes():
        return ExitCode.SUCCESS
    return Execution(fresh.gateway, course.color, _header(document), fresh.look).run(plan)


def apply_saved(approval: Approval, target: Target, course: Course) -> ExitCode:
    """Apply what is left of a saved plan, reading only what it touches.

    Raises:
        StalePlanError: Something that it touches is neither as it was nor as it shall be.
    """
    document = approval.document()
    if document is None or approval.path is None:
        raise StalePlanError("there is no saved plan to apply")
    reviewed, instance = plan_of(document), instance_of(document)
    with connected(instance, target, write=True) as gateway:
        saved = _Saved(reviewed, gateway, instance)
        print_plans([document], PlanFormat.TEXT, course.color)
        report(course.step, [document], None)
        typer.echo(imprint(document, approval.path))
        require_unblocked(document)
        plan = saved.left()
        done = len(reviewed.changes) - len(plan.changes)
        if done:
            typer.echo(f"Already in place: {done} of {len(reviewed.changes)} changes")
        if not plan:
            return ExitCode.SUCCESS
        if course.ask and not _answered_yes():
            return ExitCode.SUCCESS
        return Execution(gateway, course.color, _header(document), saved.look).run(plan)


@dataclass(frozen=True, slots=True)
class _Saved:
    """What is left of a reviewed plan, read again and again."""

    reviewed: Plan
    gateway: AwsGateway
    instance: Instance

    def left(self) -> Plan:
        if not self.reviewed:
            return self.reviewed
        named, principals = to_be_read(self.reviewed)
        with progress("reading what the plan touches", lambda: self.gateway.requests.total):
            live = self.gateway.read_state(Wanted(named=named, principals=principals))
        return what_is_left(self.reviewed, live)

    def look(self) -> tuple[Plan, str]:
        plan = self.left()
        return plan, f"{len(plan.changes)} changes of the plan; run the same command again"


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
