"""`fmt`: one layout, the same meaning, every comment kept."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from ruamel.yaml import YAML

from identity_reconciler.desired.writing.formatting import formatted
from identity_reconciler.desired.yaml.reader import read
from identity_reconciler.desired.yaml.syntax import Node, nodes, parse
from identity_reconciler.desired.yaml.tree import Fields, Items, Plain, Value
from tests.commented_yaml import Document, documents

EXAMPLE = Path(__file__).parents[3] / "desired-state"
CORPUS = Path(__file__).parents[2] / "invalid"
FILES = sorted(EXAMPLE.rglob("*.yaml"))


def meaning(value: Value) -> object:
    """Return *value* without places, lists of names in order."""
    match value:
        case Plain():
            return value
        case Fields():
            return {key: meaning(one) for key, one in value.items()}
        case Items():
            found = [meaning(one) for one in value]
            named = [one for one in value if isinstance(one, str | Plain) or _is_listed(one)]
            return sorted(found, key=repr) if len(named) == len(found) else found
        case _:
            return value


def _is_listed(value: Value) -> bool:
    return isinstance(value, Fields) and bool({"user", "group"} & value.keys())


def loaded(text: str) -> object:
    """Return what two YAML parsers, neither of them ours nor libyaml, make of *text* alike."""
    value: object = yaml.safe_load(text)
    assert YAML(typ="safe", pure=True).load(text) == value
    return value


def block_texts(text: str) -> list[tuple[str, str]]:
    """Return the sign, without a number, and the value of each block text of *text*."""
    sign = re.compile("([|>])[1-9]?([-+]?)[1-9]?")
    return [
        ("".join(sign.findall(text, one.start_mark.index)[0]), one.value)
        for one in yaml.scan(text, Loader=yaml.SafeLoader)
        if isinstance(one, yaml.ScalarToken) and one.style in {"|", ">"}
    ]


def comments(text: str) -> list[str]:
    """Return the comments of *text*: what begins with # outside of all scalars."""
    rest = list(text)
    for one in yaml.scan(text, Loader=yaml.SafeLoader):
        if isinstance(one, yaml.ScalarToken):
            start, end = one.start_mark.index, one.end_mark.index
            if one.style in {"|", ">"}:
                start = text.index("\n", start)
            rest[start:end] = re.sub(".", "x", text[start:end])
    return re.findall("#.*", "".join(rest))


class TestLayout:
    """There is one."""

    def test_everything_at_once(self) -> None:
        text = """\
# head

groups:   # all of them
# about a
- members: [c, # sea
     b,
     # before a
     a
     # end
     ]
  name: 'a'


  description: >-
     hello
     you

  # foot of a
# before b
-
  description: |   # text
     x
     y
  name: "b"
  members:
  # team
  - z
  - {user: y, expires: 2026-01-01, starts:  2025-01-01}   # why
  - "007"

  - d
  - c
    # - commented out
users: []  # none

# the end
"""
        assert (
            formatted(text.encode(), "f.yaml").decode()
            == """\
# head

groups: # all of them
  # about a
  - name: a

    description: >-
      hello
      you
    members:
      - b
      - c # sea
      # before a
      - a
      # end

    # foot of a
  # before b
  - name: b
    description: | # text
      x
      y
    members:
      # team
      - "007"
      - {user: y, starts: 2025-01-01, expires: 2026-01-01} # why
      - z

      - c
      - d
      # - commented out

users: [] # none

# the end
"""
        )

    @pytest.mark.parametrize("path", FILES, ids=lambda path: path.parent.name + "-" + path.name)
    def test_the_example_has_it(self, path: Path) -> None:
        data = path.read_bytes()
        assert formatted(data, path.relative_to(EXAMPLE).as_posix()) == data

    def test_windows_line_ends_and_a_byte_order_mark_go(self) -> None:
        data = b"\xef\xbb\xbfusers:\r\n  - user_name: ann # a\r\n\r\n    state: absent\r\n"
        assert formatted(data, "f") == b"users:\n  - user_name: ann # a\n\n    state: absent\n"

    def test_blank_lines_between_the_last_comments_stay(self) -> None:
        text = "users:\n  - user_name: x\n    state: absent\n\n# one\n\n# two\n"
        assert formatted(text.encode(), "f.yaml").decode() == text

    def test_a_comment_in_empty_brackets_goes_above_and_the_brackets_stay(self) -> None:
        text = "groups:\n  - name: x\n    members: [ # nobody\n      # yet\n    ]\n"
        once = formatted(text.encode(), "f.yaml")
        assert once == b"groups:\n  - name: x\n    # yet\n    members: [] # nobody\n"
        assert formatted(once, "f.yaml") == once

    def test_a_lone_dash_is_quoted_outside_of_brackets(self) -> None:
        assert formatted(b"users: [-]\n", "f.yaml") == b'users:\n  - "-"\n'

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("{s: a}#x\n", "s: a\n#x\n"),
            ("# b\n\n{s: a # c\n}\n# d\n", "# b\n\ns: a # c\n# d\n"),
            ("# b\n{ # c\n} # d\n", "{}\n# b\n# c\n# d\n"),
            ("g:\n-\n#\n\n\n#]\n - m\n", "g:\n  #\n\n  #]\n  - - m\n"),
        ],
    )
    def test_comments_keep_their_places_and_one_blank_line(self, text: str, expected: str) -> None:
        once = formatted(text.encode(), "f.yaml")
        assert once == expected.encode()
        assert formatted(once, "f.yaml") == once

    def test_brackets_that_do_not_fit_are_opened(self) -> None:
        names = [f"somebody{n:02}" for n in range(7)]
        text = f"groups:\n  - name: a\n    members: [{', '.join(names)}]\n"
        assert f"members: [{', '.join(names)}]" in formatted(text.encode(), "f").decode()
        longer = text.replace("]", ", somebody99]")
        assert "members:\n      - somebody00\n" in formatted(longer.encode(), "f").decode()


class TestBlockTexts:
    """The lines of a text stay as they are, two columns further in than its key or dash."""

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            pytest.param("a: |\n  x\n\n\n  y\n", "a: |\n  x\n\n\n  y\n", id="blank lines"),
            pytest.param(
                "a: >-   # why\n     x\n       - y\n     z  \n",
                "a: >- # why\n  x\n    - y\n  z  \n",
                id="lines further in, spaces at the end",
            ),
            pytest.param("a: |4-\n    x\n", "a: |-\n  x\n", id="a number without need"),
            pytest.param("a: |-4\n     x\n", "a: |2-\n   x\n", id="a number in need"),
            pytest.param("a: >1\n\n  x\n", "a: >2\n\n   x\n", id="below a blank line"),
            pytest.param("a: |\n x\n  \n\n", "a: |\n  x\n   \n", id="a line of spaces"),
            pytest.param("a: |-\n\nb: c\n", "a: |-\n\nb: c\n", id="no text"),
            pytest.param("a: |+\n  x\n \nb: c\n", "a: |+\n  x\n\nb: c\n", id="kept blank lines"),
            pytest.param("a: |+\n  x\nb: c\n", "a: |+\n  x\nb: c\n", id="none to keep"),
            pytest.param("a: >+\n\n\n", "a: >+\n\n\n", id="nothing but kept blank lines"),
            pytest.param("a: |\r\n   x\r\n   y\r\n", "a: |\n  x\n  y\n", id="Windows line ends"),
            pytest.param(
                "a:\n- |\n x\n- b: >-\n    y\n  user: z\n",
                "a:\n  - |\n    x\n  - b: >-\n      y\n    user: z\n",
                id="in a list",
            ),
            pytest.param("a:\n # why\n |-\n x\n", "a: |- # why\n  x\n", id="on the next line"),
        ],
    )
    def test_layout(self, text: str, expected: str) -> None:
        once = formatted(text.encode(), "f.yaml")
        assert once.decode() == expected
        assert formatted(once, "f.yaml") == once
        assert loaded(expected) == loaded(text)

    def test_a_list_with_kept_blank_lines_stays_in_order(self) -> None:
        # A blank line between the parts of a list would be part of the text above it.
        text = "a:\n  - user: c\n    reason: |+\n      x\n  - b\n\n  - a\n"
        assert formatted(text.encode(), "f.yaml").decode() == text


class TestLaws:
    """Formatting changes the layout, and nothing else."""

    @settings(max_examples=100)
    @given(documents())
    def test_value_comments_and_block_texts_stay_and_twice_is_once(
        self, document: Document
    ) -> None:
        assert loaded(document.text) == document.root.meaning(sort=False)
        assert not read(document.text.encode(), document.file).problems
        once = formatted(document.text.encode(), document.file)
        text = once.decode()
        assert loaded(text) == document.root.meaning(sort=True)
        assert comments(text) == list(filter(None, document.root.notes()))
        assert block_texts(text) == list(document.root.block_texts())
        assert formatted(once, document.file) == once

    @pytest.mark.parametrize(
        "path",
        sorted(path for path in (*CORPUS.rglob("*.yaml"), *FILES) if path.is_file()),
        ids=lambda path: f"{path.parent.name}-{path.name}",
    )
    def test_hold_for_every_file_that_can_be_read(self, path: Path) -> None:
        data = path.read_bytes()
        tree = read(data, path.name)
        if tree.problems or not tree.root:
            return
        once = formatted(data, path.name)
        again = read(once, path.name)
        assert again.root is not None
        assert meaning(again.root) == meaning(tree.root)
        assert formatted(once, path.name) == once


class TestSource:
    """Both parsers say alike where everything is."""

    @pytest.mark.parametrize("text", ["a: é\r\nb: [c, 'd'] # x\r\nc: |\r\n  t\r\n", "ü: {a: b}\n"])
    def test_places(self, text: str) -> None:
        fast, pure = (parse(text.encode(), "f", pure=pure) for pure in (False, True))
        assert _spans(fast.root) == _spans(pure.root)
        assert "é" not in text or fast.raw(fast.root.pairs[0][1]) == "é"

    @given(documents())
    def test_places_in_any_file(self, document: Document) -> None:
        data = document.text.encode()
        fast, pure = (parse(data, document.file, pure=pure) for pure in (False, True))
        assert _spans(fast.root) == _spans(pure.root)


def _spans(root: Node) -> list[tuple[int, int, int]]:
    return [(one.start, one.end, one.column) for one in nodes(root)]
