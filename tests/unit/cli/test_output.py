"""Notes on stderr: one line each, whatever a name holds."""

from __future__ import annotations

import os

import pytest

from identity_reconciler.cli.app import _tell
from identity_reconciler.cli.output import abandon, note

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


class TestAbandon:
    """What nobody reads any more can be written, flushed and closed."""

    def test_with_much_in_the_buffer(self) -> None:
        reading, writing = os.pipe()
        os.close(reading)
        with os.fdopen(writing, "w") as stream:
            with pytest.raises(BrokenPipeError):
                stream.write("x" * 100_000)
            abandon(stream)
            stream.write("x" * 100_000)
            stream.flush()
