"""The reader: bytes to trees, the same for every YAML parser."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st
from packaging.requirements import Requirement

from identity_reconciler.desired.yaml.encoding import MAX_BYTES
from identity_reconciler.desired.yaml.events import has_libyaml
from identity_reconciler.desired.yaml.reader import read
from identity_reconciler.desired.yaml.tree import Fields, Items, Mark, Plain, Tree, Value, locate
from identity_reconciler.errors import Position
from tests.commented_yaml import documents

EXAMPLE = Path(__file__).parents[3] / "desired-state"
FILES = sorted(path.relative_to(EXAMPLE).as_posix() for path in EXAMPLE.rglob("*.yaml"))

# Everything that YAML gives a meaning to, and a little text to put between.
PIECES = (
    *("a", "b: c", "key: value\n", "name", "null", "true", "no", "12", "1e3", "é", "\u00a0"),
    *(":", ": ", "- ", "-", "?", "? ", ",", "[", "]", "{", "}", "#", " #", "'", '"', "|", ">"),
    *("&a", "*a", "!x", "%", "@", "`", "~", "<<", "=", "\\", "---", "...", "''", '""', "\\n"),
    *("\n", "\r\n", " ", "  ", "    ", "\n  ", "\n- ", "\n  - ", "|\n  a\n", ">-\n  a\n  b\n"),
    *("[a, b]", "{a: b}", "a:b", "http://x", "'it''s'", '"\\u00e9"', "---\n", "...\n"),
)
TEXTS = st.lists(st.sampled_from(PIECES), max_size=14).map(lambda parts: "".join(parts) + "\n")


@st.composite
def broken_examples(draw: st.DrawFn) -> str:
    """Generate a file of the example with something cut out and something put in."""
    text = (EXAMPLE / draw(st.sampled_from(FILES))).read_text("utf-8")
    start = draw(st.integers(0, len(text)))
    end = draw(st.integers(start, min(start + 5, len(text))))
    return text[:start] + draw(st.sampled_from(PIECES)) + text[end:]


def as_text(value: Value) -> object:
    """Return *value* as PyYAML's BaseLoader has it: every scalar as it is written."""
    match value:
        case None:
            return "null"
        case Plain():
            return value.text
        case Fields():
            return {key: as_text(one) for key, one in value.items()}
        case Items():
            return [as_text(one) for one in value]
        case _:
            return value


def accepted(text: str, *, pure: bool = False) -> Fields | None:
    """Return the tree of *text* when there is nothing wrong with it."""
    tree = read(text.encode(), "f", pure=pure)
    return None if tree.problems else tree.root


def places(value: Value) -> list[tuple[int, int]]:
    """Return every place that is kept in *value*, in the order of the file."""

    def pairs(marks: list[Mark]) -> list[tuple[int, int]]:
        return [(mark.line, mark.column) for mark in marks]

    match value:
        case Fields():
            inner = [place for one in value.values() for place in places(one)]
            return pairs([value.mark, *value.key_marks, *value.value_marks]) + inner
        case Items():
            return pairs([value.mark, *value.marks]) + [x for one in value for x in places(one)]
        case _:
            return []


class TestOneMeaning:
    """What is accepted means the same to PyYAML and to both parsers of ruamel."""

    @given(text=TEXTS | broken_examples() | documents().map(lambda one: one.text))
    @example(text="a: {b: c:d}\n")
    @example(text="a: [b?c]\n")
    @example(text="a: b\r\nc: d\r\n")
    @example(text="a: |+\n  b\n\n")
    @example(text="? a\n: b\n")
    @example(text="a: |# b\n  c\n")
    @example(text="a: >- # b\n \n  c\n")
    def test_accepted_texts(self, text: str) -> None:
        tree = accepted(text)
        pure = accepted(text, pure=True)
        assert (tree is None) == (pure is None)
        if tree is not None and pure is not None:
            assert tree == pure
            assert places(tree) == places(pure)
            assert as_text(tree) == yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 (strings only)

    @pytest.mark.parametrize("file", FILES)
    def test_example(self, file: str) -> None:
        text = (EXAMPLE / file).read_text("utf-8")
        tree = accepted(text)
        assert tree is not None
        assert tree == accepted(text, pure=True)
        assert as_text(tree) == yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 (strings only)

    def test_both_parsers_are_here(self) -> None:
        assert has_libyaml()

    @pytest.mark.parametrize(
        ("implementation", "version", "machine", "required"),
        [
            ("CPython", "3.11", "x86_64", True),
            ("CPython", "3.13", "AMD64", True),
            ("CPython", "3.13", "aarch64", True),
            ("CPython", "3.14", "arm64", True),
            ("CPython", "3.14", "ARM64", False),
            ("CPython", "3.13", "riscv64", False),
            ("CPython", "3.15", "x86_64", False),
            ("PyPy", "3.11", "x86_64", False),
        ],
    )
    def test_the_fast_one_is_installed_where_it_has_a_wheel(
        self, implementation: str, version: str, machine: str, *, required: bool
    ) -> None:
        environment = {
            "extra": "",
            "platform_machine": machine,
            "platform_python_implementation": implementation,
            "python_version": version,
        }
        project = tomllib.loads((EXAMPLE.parent / "pyproject.toml").read_text("utf-8"))["project"]
        needed = {
            one.name
            for one in map(Requirement, project["dependencies"])
            if one.marker is None or one.marker.evaluate(environment)
        }
        assert "ruamel.yaml" in needed
        assert ("ruamel.yaml.clib" in needed) == required

    @given(data=st.binary(max_size=60))
    def test_any_bytes_give_a_tree_or_problems(self, data: bytes) -> None:
        tree = read(data, "f")
        assert tree.root is not None or tree.problems


class TestScalars:
    """A scalar is text, unless a parser could think otherwise."""

    def test_kinds(self) -> None:
        tree = accepted('a: text\nb: null\nc: "null"\nd: 12\ne: "12"\nf: [x, 2026-01-01]\n')
        assert tree is not None
        assert tree["a"] == "text"
        assert tree["b"] is None
        assert tree["c"] == "null"
        assert isinstance(tree["d"], Plain)
        assert tree["e"] == "12"
        assert isinstance(tree["f"], Items)
        assert tree["f"][0] == "x"
        assert isinstance(tree["f"][1], Plain)

    def test_block_text_keeps_its_lines(self) -> None:
        tree = accepted("a: |\n  one\n  two\n")
        assert tree == {"a": "one\ntwo\n"}

    def test_a_byte_order_mark_at_the_start_is_no_text(self) -> None:
        tree = read(b"\xef\xbb\xbfa: b\n", "f")
        assert tree.root == {"a": "b"}
        assert tree.root.key_mark("a").column == 0

    def test_windows_line_ends(self) -> None:
        assert accepted("a: b\r\nc:\r\n  - d\r\n") == {"a": "b", "c": ["d"]}

    def test_tabs_in_comments_and_escapes(self) -> None:
        assert accepted('# a\tcomment\na: "b\\tc"\n') == {"a": "b\tc"}


class TestPlaces:
    """Every value can be found again."""

    TEXT = 'a: b\n"key":\n  - x: y\n    z: [1a, {q: r}]\n'

    @pytest.mark.parametrize(
        ("path", "line", "column"),
        [
            ((), 0, 0),
            (("a",), 0, 3),
            (("key",), 2, 2),
            (("key", 0), 2, 4),
            (("key", 0, "z", 1, "q"), 3, 16),
            (("key", 0, "form", "x"), 2, 7),
            (("key", 5), 2, 2),
        ],
    )
    def test_values(self, path: tuple[str | int, ...], line: int, column: int) -> None:
        tree = accepted(self.TEXT)
        assert tree is not None
        mark = locate(tree, path)
        assert (mark.line, mark.column) == (line, column)

    def test_keys(self) -> None:
        tree = accepted(self.TEXT)
        assert tree is not None
        mark = locate(tree, ("key", 0, "z"), key=True)
        assert (mark.line, mark.column) == (3, 4)

    def test_without_places_the_values_are_the_same(self) -> None:
        fast = read(self.TEXT.encode(), "f", places=False)
        assert fast.root == accepted(self.TEXT)
        assert fast.root is not None
        assert fast.root.key_mark("key") is fast.root.mark

    def test_without_places_problems_have_theirs(self) -> None:
        text = b"a: b\nc:\n"
        assert read(text, "f", places=False) == read(text, "f")


class TestLimits:
    """Size is refused before it costs anything."""

    def problem(self, data: bytes) -> str:
        tree: Tree = read(data, "f")
        assert tree.root is None
        return tree.problems[0].message

    def test_bytes(self) -> None:
        assert "larger than 5,000,000 bytes" in self.problem(b"#" * (MAX_BYTES + 1))

    def test_depth(self) -> None:
        assert "levels deep" in self.problem(b"a: " + b"[" * 1_000_000 + b"\n")

    def test_position_of_a_bad_byte_behind_a_byte_order_mark(self) -> None:
        tree = read(b"\xef\xbb\xbfa: \xff\n", "f")
        assert tree.problems[0].position == Position("f", 1, 4)
