"""The sandbox could be released on its own: it runs with nothing else of the program beside it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from tests.command import ROOT, environment

PACKAGE = Path("identity_reconciler")
DOORS = {
    "facts.py": """
ENTERPRISE = "aws:identitystore:enterprise"
ENTERPRISE_TEXTS = frozenset({"department"})
RESERVED_NAMES = frozenset({"administrator"})
""",
    "seeding.py": None,
}
"""The modules that lead to the program, and what stands there without it."""
SCRIPT = """
import importlib, importlib.util, pkgutil, boto3
from identity_reconciler import sandbox

assert importlib.util.find_spec("identity_reconciler.core") is None

for module in pkgutil.iter_modules(sandbox.__path__):
    importlib.import_module(f"identity_reconciler.sandbox.{module.name}")
from identity_reconciler.sandbox import Sandbox
from identity_reconciler.sandbox.server import SandboxServer

with Sandbox() as opened:
    opened.furnish()
    with SandboxServer(opened) as server, server.running():
        client = boto3.client("identitystore", "us-east-1", endpoint_url=server.url,
                              aws_access_key_id="x", aws_secret_access_key="x")
        client.create_user(
            IdentityStoreId="d-1234567890", UserName="johndoe", DisplayName="John Doe",
            Name={"GivenName": "John", "FamilyName": "Doe"},
            Extensions={"aws:identitystore:enterprise": {"department": "data"}})
        try:
            client.create_group(IdentityStoreId="d-1234567890", DisplayName="Administrator")
        except client.exceptions.ValidationException:
            print(len(client.list_users(IdentityStoreId="d-1234567890")["Users"]))
"""


def test_it_runs(tmp_path: Path) -> None:
    package = tmp_path / PACKAGE
    shutil.copytree(
        ROOT / PACKAGE / "sandbox",
        package / "sandbox",
        ignore=shutil.ignore_patterns("__pycache__", *DOORS),
    )
    for name, text in DOORS.items():
        assert (ROOT / PACKAGE / "sandbox" / name).exists()
        if text is not None:
            (package / "sandbox" / name).write_text(text)
    (package / "__init__.py").write_text("")
    shutil.copy(ROOT / PACKAGE / "errors.py", package)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr, done.returncode) == ("1\n", "", 0)
