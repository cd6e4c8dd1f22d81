"""The contracts about who may import whom: every room has one, and each of them can be broken."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from tests.command import ROOT

PACKAGE = "identity_reconciler"
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"][
    "contracts"
]
LAYERS = [one for one in CONTRACTS if one["type"] == "layers"]


@dataclass(frozen=True)
class Misplaced:
    """An import that points upwards."""

    lower: str
    upper: str

    def commit(self, checkout: Path) -> None:
        """Write it into the checkout."""
        base = checkout / self.lower.replace(".", "/")
        path = base / "__init__.py" if base.is_dir() else base.with_suffix(".py")
        path.write_text(f"{path.read_text()}\n\nimport {self.upper}  # misplaced\n")


def _misplaced(contract: dict[str, list[str]]) -> Misplaced:
    """Return an import from the lowest layer of *contract* to its highest."""
    (container,), layers = contract["containers"], contract["layers"]
    lower, upper = (layer.split(" | ")[0] for layer in (layers[-1], layers[0]))
    return Misplaced(f"{container}.{lower}", f"{container}.{upper}")


def _verdicts(checkout: Path) -> dict[str, str]:
    """Return KEPT or BROKEN by the name of the contract."""
    shutil.copy(ROOT / "pyproject.toml", checkout)
    program = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(program, cwd=checkout, capture_output=True, text=True, check=False)
    return dict(re.findall(r"^(.+) (KEPT|BROKEN)\b", done.stdout, flags=re.MULTILINE))


def test_every_room_has_a_contract() -> None:
    rooms = {
        ".".join(folder.relative_to(ROOT).parts)
        for folder in (ROOT / PACKAGE).rglob("*")
        if folder.is_dir() and len([*folder.glob("*.py"), *folder.glob("*/__init__.py")]) > 2
    }
    assert rooms | {PACKAGE} == {container for one in LAYERS for container in one["containers"]}
    assert all(one["exhaustive"] for one in LAYERS)


class TestMisplacedImports:
    """Break the contract of the room that they are in."""

    def test_each_contract(self, tmp_path: Path) -> None:
        shutil.copytree(
            ROOT / PACKAGE, tmp_path / PACKAGE, ignore=shutil.ignore_patterns("__pycache__")
        )
        for contract in LAYERS:
            _misplaced(contract).commit(tmp_path)
        Misplaced(f"{PACKAGE}.core.state", "boto3").commit(tmp_path)
        Misplaced(f"{PACKAGE}.core.planner", "deepdiff").commit(tmp_path)
        Misplaced(f"{PACKAGE}.sandbox.store", f"{PACKAGE}.core.state").commit(tmp_path)
        Misplaced(f"{PACKAGE}.sandbox.server", "pytest").commit(tmp_path)
        assert _verdicts(tmp_path) == {one["name"]: "BROKEN" for one in CONTRACTS}

    def test_a_module_without_a_place(self, tmp_path: Path) -> None:
        shutil.copytree(
            ROOT / PACKAGE, tmp_path / PACKAGE, ignore=shutil.ignore_patterns("__pycache__")
        )
        for contract in LAYERS:
            folder = tmp_path / contract["containers"][0].replace(".", "/")
            (folder / "newcomer.py").write_text('"""Not in any layer."""\n')
        broken = {name for name, verdict in _verdicts(tmp_path).items() if verdict == "BROKEN"}
        assert broken == {one["name"] for one in LAYERS}


def test_no_two_public_classes_share_a_name() -> None:
    """A word means one thing."""
    homes: dict[str, list[str]] = defaultdict(list)
    for path in sorted((ROOT / PACKAGE).rglob("*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes[node.name].append(str(path.relative_to(ROOT)))
    assert {name: files for name, files in homes.items() if len(files) > 1} == {}
