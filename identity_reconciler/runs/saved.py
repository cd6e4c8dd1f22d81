"""Saved plans: how they are written, read, and held to what is expected of them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from identity_reconciler.errors import StalePlanError, UsageError
from identity_reconciler.render.document import PlanDocument
from identity_reconciler.render.planfile import LARGEST, plan_digest, read_plan


def imprint(plan: PlanDocument, path: Path) -> str:
    """Return the line that identifies a saved plan: file, digest, and how long it is valid."""
    until = f"{plan.valid_until:%Y-%m-%dT%H:%M:%SZ}"
    return f"{path}   digest {plan_digest(plan)}   valid until {until}"


def open_saved(path: Path) -> PlanDocument:
    """Return the plan in *path*.

    Raises:
        StalePlanError: It is not a plan as it was saved.
        UsageError: *path* cannot be read.
    """
    try:
        # Opening a pipe that nobody writes to would wait for ever; read on, it is just empty.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(descriptor, "rb") as file:
            os.set_blocking(descriptor, True)
            # One byte more than allowed shows that there is too much, without reading it all.
            return read_plan(file.read(LARGEST + 1))
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    except StalePlanError as error:
        raise StalePlanError(f"{path}: {error}") from error


@dataclass(frozen=True, slots=True)
class SavedPlan:
    """A saved plan in a file, and what is expected of it."""

    path: Path
    digest: str | None = None
    commit: str | None = None
    from_head: bool = False
    """Whether the plan has to be from the commit that is checked out."""
    head: str | None = None
    """The commit that is checked out, where there is one."""
    sandbox: bool = False
    """Whether the embedded sandbox is written to, and not AWS."""

    def document(self, now: datetime) -> PlanDocument:
        """Return the plan, checked.

        Raises:
            StalePlanError: It is damaged, expired at *now*, or not the one that is expected.
            UsageError: It cannot be read.
        """
        document = open_saved(self.path)
        if document.source.changed_since is not None:
            raise StalePlanError(
                f"{self.path} covers only what changed since {document.source.changed_since}, so "
                "no guard has judged it; plan without --changed-since, and apply that"
            )
        if document.source.only_ids is not None:
            raise StalePlanError(
                f"{self.path} covers only what a few identifiers name, so no guard has judged it; "
                "plan without --only-ids, and apply that"
            )
        digest = plan_digest(document)
        if self.digest is not None and self.digest != digest:
            raise StalePlanError(f"{self.path} has digest {digest}, expected was {self.digest}")
        self._require_commit(document.source.commit)
        if bool(document.live.sandbox) != self.sandbox:
            made, here = ("the embedded sandbox", "AWS")[:: 1 if document.live.sandbox else -1]
            raise StalePlanError(
                f"{self.path} was made against {made}, and this would write to {here}; "
                "make a plan against what is to be written"
            )
        if document.valid_until <= now:
            raise StalePlanError(
                f"{self.path} was valid until {document.valid_until:%Y-%m-%dT%H:%M:%SZ}; "
                "make a new plan"
            )
        return document

    def _require_commit(self, made: str | None) -> None:
        if self.commit is not None and self.commit != made:
            raise StalePlanError(
                f"{self.path} was made from commit {made or '(none)'}, expected was {self.commit}"
            )
        if not self.from_head:
            return
        if made is not None and made.endswith("-dirty"):
            raise StalePlanError(
                f"{self.path} was made from YAML that was not committed; commit it, and plan again"
            )
        if self.head is None or self.head != made:
            raise StalePlanError(
                f"superseded: {self.path} was made from commit {made or '(none)'}, checked out is "
                f"{self.head or '(none)'}; the run of the newer commit applies what is left to do"
            )
