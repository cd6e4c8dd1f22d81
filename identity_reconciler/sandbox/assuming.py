"""Assumptions as JSON: the file that sets the switches."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from enum import StrEnum
from pathlib import Path

from identity_reconciler.sandbox.assumptions import Assumptions
from identity_reconciler.sandbox.errors import SandboxError

_KEY = "assumptions"


def read_assumptions(path: Path) -> Assumptions:
    """Return the assumptions in a file: an object of switches, or one that has it.

    Raises:
        SandboxError: The file cannot be read, or says something else.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SandboxError(f"{path} cannot be read as JSON: {error}") from error
    given = document.get(_KEY, document) if isinstance(document, dict) else document
    if not isinstance(given, dict):
        raise SandboxError(f"{path}: expected an object with the name and position of switches")
    try:
        return assumptions_of(given)
    except SandboxError as error:
        raise SandboxError(f"{path}: {error}") from error


def assumptions_of(document: Mapping[str, object]) -> Assumptions:
    """Return the default assumptions with the switches that *document* names set.

    Raises:
        SandboxError: There is no such switch, or no such position of it.
    """
    defaults = Assumptions()
    unknown = sorted(set(document) - {field.name for field in fields(defaults)})
    if unknown:
        raise SandboxError(f"there is no switch {', '.join(unknown)}")
    positions: dict[str, bool | StrEnum] = {
        name: _position(name, getattr(defaults, name), value) for name, value in document.items()
    }
    return replace(defaults, **positions)  # type: ignore[arg-type]  # checked above, by name


def document_of(assumptions: Assumptions) -> dict[str, bool | str]:
    """Return all switches by name."""
    return asdict(assumptions)


def _position(name: str, default: bool | StrEnum, value: object) -> bool | StrEnum:  # noqa: FBT001
    kind = type(default)
    if isinstance(default, StrEnum):
        positions = [str(one) for one in type(default)]
        if isinstance(value, str) and value in positions:
            return type(default)(value)
        raise SandboxError(f"{name} is {value!r}, expected {' or '.join(positions)}")
    if not isinstance(value, kind):
        raise SandboxError(f"{name} is {value!r}, expected true or false")
    return value
