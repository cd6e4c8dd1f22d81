"""Settings for every test: fixed examples for properties, and kept output to compare with."""

import gc
import os
import sys
from pathlib import Path

import pytest
from hypothesis import settings

# Else each worker, and each process that a test starts, would compile the program and the tests
# anew, which takes it seconds: what is compiled is kept in `__pycache__`, also where the
# environment, as that of many containers, asks for the opposite.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

settings.register_profile("fixed", derandomize=True, deadline=None, max_examples=40)
# Other worlds each time, and many of them: a programme of its own, see CONTRIBUTING.
settings.register_profile("thorough", deadline=None, max_examples=3_000, print_blob=True)
settings.load_profile("fixed")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that keeps new output."""
    parser.addoption(
        "--update-golden", action="store_true", help="Write the golden files anew; review the diff."
    )


def pytest_collection_finish() -> None:
    """Leave what is there for all tests out of every search for garbage, and search seldom."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


class Golden:
    """Compares output with a kept file."""

    def __init__(self, *, update: bool) -> None:
        self._update = update

    def check(self, path: Path, text: str) -> None:
        """Fail unless *path* holds exactly *text*; with --update-golden write it instead."""
        if self._update:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.read_text(encoding="utf-8") == text


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    """Return the comparison with kept output."""
    return Golden(update=request.config.getoption("--update-golden"))
