"""Broken input: what each case in `tests/invalid` is told, word for word.

A case is a directory; one without an `instance.yaml` of its own gets the common one. After a
change of wording, `pytest --update-golden` writes the messages anew: read the diff as a user would.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from identity_reconciler.desired.reading.loader import load
from identity_reconciler.desired.yaml.reader import read
from identity_reconciler.errors import ExitCode, InvalidInputError
from tests.conftest import Golden

CORPUS = Path(__file__).parents[2] / "invalid"
CASES = sorted(path.name for path in CORPUS.iterdir() if path.is_dir())
FILES = sorted(path.relative_to(CORPUS).as_posix() for path in CORPUS.glob("*/**/*.yaml"))

# Both parsers refuse these; what they say differs by a column, or by how far they read.
PARSERS_DIFFER = {
    "yaml-bad-escape/data.yaml",
    "yaml-colon-between-brackets/data.yaml",
    "yaml-text-after-document-end/data.yaml",
}


@pytest.mark.parametrize("case", CASES)
def test_every_problem_is_told(case: str, tmp_path: Path, golden: Golden) -> None:
    shutil.copy(CORPUS / "instance.yaml", tmp_path)
    shutil.copytree(CORPUS / case, tmp_path, dirs_exist_ok=True)
    with pytest.raises(InvalidInputError) as caught:
        load(tmp_path)
    assert caught.value.exit_code is ExitCode.INVALID_INPUT
    golden.check(CORPUS / case / "expected.txt", f"{caught.value}\n")


@pytest.mark.parametrize("file", FILES)
def test_both_parsers_say_the_same(file: str) -> None:
    data = (CORPUS / file).read_bytes()
    fast, pure = read(data, file), read(data, file, pure=True)
    if file in PARSERS_DIFFER:
        assert fast.problems
        assert pure.problems
    else:
        assert fast == pure


def test_the_corpus_is_large() -> None:
    assert len(CASES) >= 250


# Runs in a process of its own: the limits are those of a whole process.
_LIMITED = """\
import sys, time
from pathlib import Path
from identity_reconciler.desired.reading.loader import load
from identity_reconciler.errors import InvalidInputError

for name in sys.argv[2:]:
    started = time.process_time()
    try:
        load(Path(sys.argv[1]) / name)
    except InvalidInputError:
        pass
    spent = time.process_time() - started
    assert spent < 2, (name, spent)
# Not ru_maxrss: that counts what the parent had before this program replaced it.
status = Path("/proc/self/status")
if status.exists():
    peak = int(status.read_text().partition("VmHWM:")[2].split()[0])
    assert peak < 200_000, peak
"""


def test_no_case_takes_long_or_much(tmp_path: Path) -> None:
    """Each takes less than 2 s of processor time, and all of them less than 200 MB."""
    for case in CASES:
        (tmp_path / case).mkdir()
        shutil.copy(CORPUS / "instance.yaml", tmp_path / case)
        shutil.copytree(CORPUS / case, tmp_path / case, dirs_exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-c", _LIMITED, tmp_path, *CASES],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


class TestMessages:
    """A message is one line that cannot be taken for anything else."""

    @pytest.mark.parametrize("case", CASES)
    def test_messages_are_printable_and_short(self, case: str) -> None:
        for line in (CORPUS / case / "expected.txt").read_text("utf-8").splitlines():
            assert line.isprintable()
            assert len(line) < 400
            assert not line.startswith("::")
