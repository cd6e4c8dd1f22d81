"""A directory to work in, with the example desired state."""

import shutil
from pathlib import Path

import pytest

from tests.command import ROOT


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """Return an empty directory but for a copy of the example."""
    shutil.copytree(ROOT / "desired-state", tmp_path / "desired-state")
    return tmp_path
