"""One command for several instances: a failure of one neither stops nor hides the others."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from identity_reconciler.cli.output import complain, note, words_of
from identity_reconciler.errors import ExitCode, InvalidInputError, ReconcilerError, gravest

_WELL = (ExitCode.SUCCESS, ExitCode.CHANGES)


@dataclass(frozen=True, slots=True)
class Ending:
    """How a command ended for one of several instances."""

    place: Path
    """The directory of the instance."""
    code: ExitCode
    error: str = ""
    """Why, in a line; empty: it is told by what was printed."""


def ended(place: Path, work: Callable[[], ExitCode]) -> Ending:
    """Return how *work* for the instance in *place* ends; its errors are told as they come."""
    try:
        return Ending(place, work())
    except ReconcilerError as error:
        many = isinstance(error, InvalidInputError)
        complain(*(words_of(error) if many else [f"error: {place.name}: {error}"]))
        what = str(error).partition("\n")[0]
        if isinstance(error, InvalidInputError) and len(error.problems) > 1:
            what += f" (and {len(error.problems) - 1} more)"
        return Ending(place, error.exit_code, what)
    except Exception as error:
        if os.environ.get("IDENTITY_RECONCILER_DEBUG"):
            raise
        what = f"unexpected {type(error).__name__}: {error}"
        bug = "this is a bug; set IDENTITY_RECONCILER_DEBUG=1 to see where, and please report it"
        complain(f"error: {place.name}: {what}", bug)
        return Ending(place, ExitCode.UNEXPECTED, what)


def conclude(endings: Sequence[Ending], *, written: bool = False) -> ExitCode:
    """Tell which of several instances did not end well, and return the exit code of them all.

    *written*: AWS may have been written to for one of them.
    """
    ill = [one for one in endings if one.code not in _WELL]
    if ill:
        note(f"error: {len(ill)} of {len(endings)} instances did not end well:")
        for one in ill:
            why = one.error or "see what is told of it above"
            note(f"error: {one.place.name}: exit code {int(one.code)}: {why}")
    return gravest((one.code for one in endings), written=written)
