"""Several processes on one state file: nothing is lost, nothing is doubled."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from identity_reconciler.sandbox import InstanceDetails, Sandbox

STORE = "d-1234567890"
WRITER = """
import sys
from pathlib import Path
from identity_reconciler.sandbox import Sandbox

with Sandbox(Path(sys.argv[1])) as sandbox:
    client = sandbox.session().client("identitystore")
    for number in range(60):
        try:
            client.create_group(IdentityStoreId="d-1234567890", DisplayName=f"group{number}")
        except client.exceptions.ConflictException:
            continue
        print(number)
"""


class TestProcesses:
    """Each group is created by exactly one of the processes that try."""

    def test_three_writers(self, tmp_path: Path) -> None:
        path = tmp_path / "sandbox.sqlite3"
        with Sandbox(path) as sandbox:
            sandbox.ensure_instance(InstanceDetails())
            writers = [
                subprocess.Popen(
                    [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True
                )
                for _ in range(3)
            ]
            created = [int(line) for one in writers for line in one.communicate()[0].split()]
            assert [one.returncode for one in writers] == [0, 0, 0]
            assert sorted(created) == list(range(60))
            client = sandbox.session().client("identitystore")
            listed = client.list_groups(IdentityStoreId=STORE)["Groups"]
            assert len({one["Revision"] for one in listed}) == 60
