"""`plan --matrix`: the instances that a change touches, for a matrix of jobs. No AWS."""

from __future__ import annotations

import json
import re
from pathlib import Path

from identity_reconciler.cli.history import touched
from identity_reconciler.cli.output import note
from identity_reconciler.core.wording import shown
from identity_reconciler.errors import UsageError

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_MOST_JOBS = 256
"""Of one matrix. Source: docs.github.com, "Running variations of jobs in a workflow"."""


def matrix(directory: Path, revision: str | None) -> str:
    """Return a JSON list, in one line, with an object for each instance to be planned, sorted.

    `instance` is the name of its directory, which no other has, and `directory` its path. Those
    that differ from *revision*; without one, all. Whether they are valid is for each to find out.

    Raises:
        UsageError: A name could not stand in a workflow, or Git does not know *revision*.
    """
    from identity_reconciler.desired.reading.loader import instance_directories

    found, gone = (
        (instance_directories(directory), list[str]())
        if revision is None
        else touched(directory, revision)
    )
    for name in gone:
        note(f"note: {shown(name)} was an instance at {revision} and is none now; nothing plans it")
    if len(found) > _MOST_JOBS:
        note(
            f"note: {len(found)} instances, and a matrix of GitHub takes {_MOST_JOBS}; plan them "
            "in one job, with --jobs"
        )
    rows = [{"instance": _name(one), "directory": one.as_posix()} for one in found]
    return json.dumps(rows, ensure_ascii=True)


def instances_in(text: str) -> list[str]:
    """Return the names of the instances in *text*, which `matrix` printed.

    Raises:
        UsageError: It is something else.
    """
    try:
        names = [one["instance"] for one in json.loads(text)]
    except (ValueError, TypeError, KeyError):
        names = [""]
    if not all(isinstance(name, str) and _PLAIN.fullmatch(name) for name in names):
        raise UsageError("--matrix: expected what plan --matrix printed")
    return names


def _name(directory: Path) -> str:
    name = directory.resolve().name
    if not _PLAIN.fullmatch(name):
        raise UsageError(
            f"{shown(name)} is to be the name of jobs and environments; rename the directory: "
            "letters, digits and _.- only"
        )
    return name
