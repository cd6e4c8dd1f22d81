"""The tool that breaks the program: what it breaks, and that its list of equivalents is true."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mutation.__main__ import known_equivalents
from tests.mutation.mutants import Mutant, mutants

_PACKAGE = Path("identity_reconciler")


def made(source: str) -> set[tuple[str, str]]:
    """Return what becomes of a piece of a function's *source*, each time in another way."""
    body = "\n".join(f"    {line}" for line in source.splitlines())
    return {(one.old, one.new) for one in mutants("m", f"def f(x, y):\n{body}\n")}


class TestMutants:
    """Each is one mistake that somebody could make."""

    @pytest.mark.parametrize(
        ("source", "expected"),
        [
            ("x == y", {("x == y", "x != y"), ("x == y", "pass")}),
            ("return x < y", {("x < y", "x <= y")}),
            ("return x and y", {("x and y", new) for new in ("x or y", "x", "y")}),
            ("return not x", {("not x", "x")}),
            ("return x | y", {("x | y", new) for new in ("x & y", "x", "y")}),
            ("return x % y", {("x % y", "x * y")}),
            ("return 7", {("7", "8")}),
            ("return True", {("True", "False")}),
            ("return 'word'", {("'word'", "'wordX'")}),
            (
                "return sorted(x, key=y)",
                {("sorted(x, key=y)", n) for n in ("list(x)", "sorted(x)")},
            ),
            ("return any(x)", {("any(x)", "all(x)")}),
            ("return fold(x)", {("fold(x)", "x")}),
            ("return x.lower()", {("x.lower()", "x")}),
            ("return (x, y)", {("(x, y)", "(x,)"), ("(x, y)", "(y,)")}),
            ("return x[1:]", {("1:", ":"), ("1", "2")}),
            ("x |= y", {("x |= y", "pass")}),
            ("raise x", {("raise x", "pass")}),
            ("for z in x:\n    continue", {("for z in x:", "for z in ():"), ("continue", "break")}),
            ("if x:\n    return", {("if x:", "if not x:")}),
            ("return x if y else 0", {("x if y else 0", "x if not y else 0"), ("0", "1")}),
            ("return {z for z in x if y}", {("for z in x if y", "for z in x")}),
            (
                "match x:\n    case []:\n        return y",
                {("case []:", "case [] if False:")},
            ),
        ],
    )
    def test_of(self, source: str, expected: set[tuple[str, str]]) -> None:
        assert made(source) == expected

    @pytest.mark.parametrize(
        "source",
        [
            "'''What it does.'''",
            "return 'Two words.'",
            "return f'{x}-word'",
            "z: Literal['a'] = x",
            "match x:\n    case _:\n        assert_never(x)",
            "match x:\n    case _:\n        pass",
            "return x.keys()",
        ],
    )
    def test_left_alone(self, source: str) -> None:
        assert made(source) == set()

    def test_on_import_runs_what_is_in_no_function(self) -> None:
        source = "A = 1\nclass B:\n    b: int = 2\n    def c(self, d=3):\n        return 4\n"
        assert {one.old: (one.function, one.runs_on_import) for one in mutants("m", source)} == {
            "1": ("", True),
            "2": ("B", True),
            "3": ("B.c", True),
            "4": ("B.c", False),
        }

    def test_on_import_runs_what_is_called_there(self) -> None:
        source = (
            "def table():\n    def inner():\n        return 1\n    return helper(2)\n"
            "def helper(x):\n    return 3\ndef other():\n    return 4\nTABLE = {5: table()}\n"
        )
        assert {one.old: one.runs_on_import for one in mutants("m", source)} == {
            "1": False,
            "helper(2)": True,
            "2": True,
            "3": True,
            "4": False,
            "5": True,
        }

    def test_lines_are_those_of_the_statement_without_its_body(self) -> None:
        source = (
            "def f(x):\n    if (\n        x == 1\n    ):\n        g(\n            2\n        )\n"
        )
        lines = {one.old: (one.first_line, one.last_line) for one in mutants("m", source)}
        assert lines["x == 1"] == (2, 4)
        assert lines["2"] == (5, 7)

    def test_known_by_what_they_are_and_not_by_their_lines(self) -> None:
        source = "def f(x):\n    return x == 1 or x == 1\n"
        moved = f"# A comment.\n\n{source}"
        keys = [one.key for one in mutants("m", source)]
        assert keys == [one.key for one in mutants("m", moved)]
        assert len(set(keys)) == len(keys)

    def test_source_is_the_module_with_that_change_alone(self) -> None:
        source = "def f(x):\n    return x == 1\n"
        swapped, other = mutants("m", source)
        assert swapped.source == "def f(x):\n    return x != 1"
        assert other.source == "def f(x):\n    return x == 2"
        assert swapped.diff(source).split("\n")[-2:] == [
            "    -    return x == 1",
            "    +    return x != 1",
        ]


class TestEquivalents:
    """Every entry of the list names a mutant that can be made, and says why it is none."""

    def test_of_the_list(self) -> None:
        known = known_equivalents()
        there: set[tuple[str, str, str, str, int]] = set()
        for module in {key[0] for key in known}:
            there |= {one.key for one in _mutants(module)}
        assert [key for key in known if key not in there] == []
        assert [key for key, reason in known.items() if len(reason) < 20] == []


def _mutants(module: str) -> list[Mutant]:
    return mutants(module, (_PACKAGE / module).read_text(encoding="utf-8"))
