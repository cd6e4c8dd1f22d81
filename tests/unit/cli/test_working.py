"""What is shown while something takes long, and nobody is asked."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

from identity_reconciler.cli import output
from tests.command import ROOT

_SLOW = """
import time
from identity_reconciler.cli import output
output._PATIENCE, output._INTERVAL = {patience}, 0.05
with output.working("reading desired-state"):
    time.sleep(0.6)
"""


def shown(patience: float, *, terminal: bool) -> str:
    """Return what a process tells that takes half a second, of which it waits so long first."""
    command = [sys.executable, "-c", _SLOW.format(patience=patience)]
    if not terminal:
        return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stderr
    ours, theirs = pty.openpty()
    subprocess.run(command, cwd=ROOT, check=True, stdout=theirs, stderr=theirs)
    os.close(theirs)
    text = os.read(ours, 65_536).decode()
    os.close(ours)
    return text


class TestWorking:
    """Nothing for what is quick; else what is done, and for how long."""

    def test_what_takes_long_is_told(self) -> None:
        assert "reading desired-state (0 s)" in shown(0.05, terminal=True)
        assert "reading desired-state: 0 s so far" in shown(0.05, terminal=False)

    def test_what_does_not_is_not(self) -> None:
        assert shown(30.0, terminal=False) == ""

    def test_people_wait_two_seconds_in_silence(self) -> None:
        assert output._PATIENCE == 2.0  # noqa: SLF001 - what the guide promises
