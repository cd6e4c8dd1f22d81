"""Files are replaced whole; what is no ordinary file is written to as it is."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from identity_reconciler.desired.writing.replacement import replace_file
from identity_reconciler.errors import UsageError


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


class TestModes:
    """What is there keeps its mode; a new file is readable; a private one is its owner's alone."""

    def test_a_new_file(self, tmp_path: Path) -> None:
        replace_file(tmp_path / "deep" / "new", b"text", parents=True)
        assert (tmp_path / "deep" / "new").read_bytes() == b"text"
        assert _mode(tmp_path / "deep" / "new") == 0o644

    def test_one_that_is_there(self, tmp_path: Path) -> None:
        path = tmp_path / "script"
        path.write_bytes(b"old")
        path.chmod(0o750)
        replace_file(path, b"new")
        assert (path.read_bytes(), _mode(path)) == (b"new", 0o750)

    @pytest.mark.parametrize("there", [True, False])
    def test_a_private_one(self, tmp_path: Path, *, there: bool) -> None:
        path = tmp_path / "plan.json"
        if there:
            path.touch(0o644)
        replace_file(path, b"names", private=True)
        assert (path.read_bytes(), _mode(path)) == (b"names", 0o600)


class TestOtherThanFiles:
    """Links stay links, devices stay devices, and readers of a pipe get what is written."""

    def test_a_link_stays_and_its_file_is_replaced(self, tmp_path: Path) -> None:
        file, link = tmp_path / "file", tmp_path / "link"
        file.write_bytes(b"old")
        link.symlink_to("file")
        replace_file(link, b"new", private=True)
        assert link.readlink() == Path("file")
        assert (file.read_bytes(), _mode(file)) == (b"new", 0o600)

    def test_a_link_to_what_is_not_there_yet(self, tmp_path: Path) -> None:
        link = tmp_path / "link"
        link.symlink_to("file")
        replace_file(link, b"new")
        assert link.is_symlink()
        assert (tmp_path / "file").read_bytes() == b"new"

    def test_a_pipe(self, tmp_path: Path) -> None:
        pipe, read = tmp_path / "pipe", []
        os.mkfifo(pipe)
        reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
        reader.start()
        replace_file(pipe, b"plan", private=True)
        reader.join()
        assert read == [b"plan"]
        assert stat.S_ISFIFO(pipe.stat().st_mode)

    def test_a_device(self) -> None:
        replace_file(Path(os.devnull), b"plan", private=True)
        assert stat.S_ISCHR(Path(os.devnull).stat().st_mode)


class TestFailures:
    """One clear error, and nothing is lost or left behind."""

    def test_below_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(UsageError, match=r"cannot write .*: .*; name another file"):
            replace_file(tmp_path / "file" / "plan.json", b"text")

    def test_in_a_folder_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="No such file or directory"):
            replace_file(tmp_path / "no" / "plan.json", b"text")
        assert list(tmp_path.iterdir()) == []

    def test_a_directory(self, tmp_path: Path) -> None:
        (tmp_path / "there").mkdir()
        with pytest.raises(UsageError, match="Is a directory"):
            replace_file(tmp_path / "there", b"text")
        assert list(tmp_path.iterdir()) == [tmp_path / "there"]

    def test_a_name_that_is_too_long(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="File name too long"):
            replace_file(tmp_path / ("x" * 300), b"text")
        assert list(tmp_path.iterdir()) == []
