"""`fmt`: one layout, the same meaning, every comment kept."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from identity_reconciler.desired.writing.formatting import formatted
from identity_reconciler.desired.yaml.reader import read
from identity_reconciler.desired.yaml.syntax import Node, Scalar, nodes, parse
from identity_reconciler.desired.yaml.tree import Fields, Items, Plain, Value

EXAMPLE = Path(__file__).parents[3] / "desired-state"
CORPUS = Path(__file__).parents[2] / "invalid"
FILES = sorted(EXAMPLE.rglob("*.yaml"))

# Lines, each at home at some depth; what does not fit together is discarded by the reader.
LINES = (
    *("users:", "groups:", "applications:", "users: []", "groups: [] # none"),
    *("  - user_name: ann", "  - user_name: 'bob' # him", "-  user_name: eve", "  -"),
    *("  - name: data", "    name: 'ops'", "    name: {given_name: A, family_name: B}"),
    *("    title: a # b", '    title: "a # b"', "    title: |  # why", "      text", "    email:"),
    *("      value: a@example.com", "    members: [b, 'a', {user: c, reason: x}]", "    members:"),
    *("    - zoe", "    - adam # first", "      - {user: carl, expires: 2026-01-01}", "    - '7'"),
    *("    members: [b, # b", "      a", "      # end", "    ]", "      ]", "    description: >-"),
    *("# c0", "  # c2", "    # c4", "      # c6", "", "  ", "    state: absent", "---", "..."),
)
TEXTS = st.lists(st.sampled_from(LINES), max_size=14).map(lambda lines: "\n".join(lines) + "\n")


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


def comments(text: str) -> Counter[str]:
    """Return the comments of *text*, found by removing everything else."""
    source = parse(text.encode(), "f")
    scalars = [one for one in nodes(source.root) if isinstance(one, Scalar)]
    rest = list(text)
    for one in scalars:
        head = re.match(r"[|>][0-9+-]*(?: *#[^\n]*)?", source.raw(one)) if one.style else None
        start = one.start + (head.end() if head else 0)
        rest[start : one.end] = re.sub("[^\n]", "x", text[start : one.end])
    return Counter(re.findall(r"#[^\n]*", "".join(rest)))


def accepted(text: str) -> Fields | None:
    """Return the tree of *text* when there is nothing wrong with it."""
    tree = read(text.encode(), "f")
    return None if tree.problems else tree.root


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
  - {user: y, expires: 2026-01-01}   # why
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

    description: hello you
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
      - {user: y, expires: 2026-01-01} # why
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

    def test_blank_lines_of_a_text_stay(self) -> None:
        once = formatted(b"a: |\n  x\n\n\n  y\n", "f.yaml")
        assert once == b'a: "x\\n\\n\\ny\\n"\n'

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


class TestLaws:
    """Formatting changes the layout, and nothing else."""

    @settings(max_examples=300, deadline=None)
    @given(TEXTS)
    @example("groups:\n- name: a\n  members: [b, # x\n  a]\n# e\n")
    @example("users:\n  -\n    # c\n    title: |  # why\n      text\n\n    user_name: ann\n")
    def test_meaning_and_comments_stay_and_twice_is_once(self, text: str) -> None:
        before = accepted(text)
        if before is None:
            return
        once = formatted(text.encode(), "f")
        after = accepted(once.decode())
        assert after is not None
        assert meaning(after) == meaning(before)
        assert comments(once.decode()) == comments(text)
        assert formatted(once, "f") == once

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


def _spans(root: Node) -> list[tuple[int, int, int]]:
    return [(one.start, one.end, one.column) for one in nodes(root)]
