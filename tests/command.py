"""Run the installed command as a user would: as a process, in a directory of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PROGRAM = (sys.executable, "-m", "identity_reconciler")


def environment(**variables: str) -> dict[str, str]:
    """Return the environment without anything that leads to AWS, and with *variables*."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    nowhere = {"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": os.devnull}
    credentials = {"AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    return {**kept, **nowhere, **credentials, **variables}


@dataclass(frozen=True)
class Run:
    """A finished command."""

    code: int
    out: str
    err: str

    def json(self) -> Any:  # noqa: ANN401 - whatever the command printed
        """Return stdout, parsed."""
        return json.loads(self.out)

    def changes(self) -> set[tuple[str, str]]:
        """Return action and address of every change of a plan printed as JSON."""
        return {(change["action"], change["address"]) for change in self.json()["changes"]}


def command(*arguments: str, cwd: Path, **variables: str) -> Run:
    """Run identity-reconciler with *arguments* in *cwd*."""
    done = subprocess.run(
        [*PROGRAM, *arguments],
        cwd=cwd,
        env=environment(**variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return Run(done.returncode, done.stdout, done.stderr)


def edit(here: Path, file: str, old: str, new: str) -> None:
    """Replace *old*, which stands once in a file of the desired state in *here*, by *new*."""
    path = here / "desired-state" / file
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))
