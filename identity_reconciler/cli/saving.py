"""Write and read saved plans."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from identity_reconciler.cli.private import write_private
from identity_reconciler.errors import StalePlanError, UsageError

if TYPE_CHECKING:
    from identity_reconciler.render.document import PlanDocument


def imprint(plan: PlanDocument, path: Path) -> str:
    """Return the line that identifies a saved plan: file, digest, and how long it is valid."""
    from identity_reconciler.render.planfile import plan_digest

    until = f"{plan.valid_until:%Y-%m-%dT%H:%M:%SZ}"
    return f"{path}   digest {plan_digest(plan)}   valid until {until}"


def save(plan: PlanDocument, path: Path) -> None:
    """Write *plan* to *path*, whole or not at all, readable by its owner only.

    Raises:
        UsageError: *path* cannot be written.
    """
    from identity_reconciler.render.planfile import plan_bytes

    write_private(plan_bytes(plan), path)


def open_saved(path: Path) -> PlanDocument:
    """Return the plan in *path*.

    Raises:
        StalePlanError: It is not a plan as it was saved.
        UsageError: *path* cannot be read.
    """
    from identity_reconciler.render.planfile import LARGEST, read_plan

    try:
        with path.open("rb") as file:
            # One byte more than allowed shows that there is too much, without reading it all.
            return read_plan(file.read(LARGEST + 1))
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    except StalePlanError as error:
        raise StalePlanError(f"{path}: {error}") from error
