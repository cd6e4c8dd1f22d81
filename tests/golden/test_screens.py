"""Help as people read it, at 80 and 120 columns, kept and compared character by character."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from identity_reconciler.cli.app import command
from tests.conftest import Golden

KEPT = Path(__file__).parent / "screens"


def screens(columns: int) -> Iterator[tuple[str, str]]:
    """Yield the name of every command, and its help in a terminal of that many *columns*."""
    yield from _below(command(), None, "identity-reconciler", columns)


def _below(
    one: Any,  # noqa: ANN401 - Typer keeps what commands are made of to itself
    parent: Any,  # noqa: ANN401
    name: str,
    columns: int,
) -> Iterator[tuple[str, str]]:
    context = one.make_context(
        name if parent is None else name.rpartition(" ")[2],
        [],
        parent=parent,
        resilient_parsing=True,
        terminal_width=columns,
        max_content_width=columns,
    )
    yield name, one.get_help(context)
    for key, each in getattr(one, "commands", {}).items():
        yield from _below(each, context, f"{name} {key}", columns)


class TestHelp:
    """The help of every command fits the terminal and speaks no Python."""

    @pytest.mark.parametrize("columns", [80, 120])
    def test_is_as_it_was(self, columns: int, golden: Golden) -> None:
        rule = "-" * columns
        pages = (f"{rule}\n{text.rstrip()}\n" for _, text in screens(columns))
        golden.check(KEPT / f"help-{columns}.txt", "".join(pages))

    @pytest.mark.parametrize("columns", [60, 80, 120])
    def test_fits(self, columns: int) -> None:
        for name, text in screens(columns):
            # A value that is one long word stands alone on its line.
            long = [line for line in text.splitlines() if len(line) > columns]
            assert all(len(line.split()) <= 3 for line in long), (name, long)

    def test_names_no_type(self) -> None:
        for name, text in screens(120):
            assert not re.search(r"<\w+|\bstr\b|list\[|\bbool\b|\bTEXT\b|\bINTEGER\b", text), name

    def test_every_value_has_a_meaning(self) -> None:
        for name, text in screens(120):
            options = re.findall(r"^  (-\S.*)$", text, re.MULTILINE)
            bare = [line for line in options if not line.split("  ", 1)[1:]]
            assert not [line for line in bare if line.startswith("--") and " " not in line], name
