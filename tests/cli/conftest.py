"""A directory to work in, with the example desired state."""

import shutil
from pathlib import Path

import pytest

from tests.command import ROOT, command


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """Return an empty directory but for a copy of the example."""
    shutil.copytree(ROOT / "desired-state", tmp_path / "desired-state")
    return tmp_path


@pytest.fixture(scope="session")
def applied_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory whose example has been applied; tests work on copies of it."""
    here = tmp_path_factory.mktemp("applied")
    shutil.copytree(ROOT / "desired-state", here / "desired-state")
    assert command("apply", "--sandbox", "--auto-approve", cwd=here).code == 0
    return here


@pytest.fixture
def applied(tmp_path: Path, applied_once: Path) -> Path:
    """Return a directory whose example has been applied to its sandbox."""
    shutil.copytree(applied_once, tmp_path, dirs_exist_ok=True)
    return tmp_path
