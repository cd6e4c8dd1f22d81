"""Notes on stderr: one line each, whatever a name holds."""

from __future__ import annotations

import pytest

from identity_reconciler.cli.app import _tell
from identity_reconciler.cli.output import note

FORGED = "ann\nerror: all is lost\r\x1b[2J\u202e\u2028::warning::x"


@pytest.mark.parametrize("tell", [note, _tell])
class TestNotes:
    """A value can neither begin a line nor steer a terminal or a runner."""

    def test_stay_on_their_line(self, tell: object, capsys: pytest.CaptureFixture[str]) -> None:
        assert callable(tell)
        tell(f"user {FORGED}", "::error::second")
        told = capsys.readouterr().err
        assert told.splitlines() == [
            "user ann\\u{a}error: all is lost\\u{d}\\u{1b}[2J\\u{202e}\\u{2028}::warning::x",
            "\\u{3a}:error::second",
        ]
