"""Changes to a part of a file: the rest means what it meant."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from operator import setitem

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from identity_reconciler.desired.yaml.edits import Operation
from identity_reconciler.desired.yaml.reader import read
from identity_reconciler.desired.yaml.syntax import Map, Node, Scalar, Sequence, Source, parse
from tests.commented_yaml import Document, documents

Change = tuple[Callable[[], object], Callable[[], object]]
"""A change of the text, and the same of the value that it means."""


def changes(edit: Operation, node: Node, value: object, depth: int = 0) -> Iterator[Change]:
    """Yield every change there can be in *node*, which means *value*."""
    if isinstance(node, Map) and isinstance(value, dict):
        if depth:
            yield from _of_map(edit, node, value)
        elif "new" not in value:
            entries = [{"a": "b"}]
            yield partial(edit.add_section, "new", entries), partial(setitem, value, "new", entries)
        for key, inner in node.pairs:
            if isinstance(inner, Sequence):
                yield from _of_list(edit, key, inner, value[key.value])
                yield from () if depth else _of_section(edit, key, inner, value[key.value])
            yield from changes(edit, inner, value[key.value], depth + 1)
    elif isinstance(node, Sequence) and isinstance(value, list):
        for item, meant in zip(node.items, value, strict=True):
            yield from changes(edit, item, meant, depth + 1)


def _of_map(edit: Operation, node: Map, value: dict[str, object]) -> Iterator[Change]:
    for key, inner in node.pairs:
        name = key.value
        yield partial(edit.replace, key, inner, "x: y"), partial(setitem, value, name, "x: y")
        if "new" not in value:
            new = ["a", "b"]
            yield partial(edit.add_key, node, name, "new", new), partial(setitem, value, "new", new)
        if len(node.pairs) > 1:
            yield partial(edit.remove_key, node, name), partial(value.pop, name)


def _of_list(edit: Operation, key: Scalar, node: Sequence, value: list[object]) -> Iterator[Change]:
    change = partial(edit.change_list, key, node)
    for number in range(len(node.items)):
        place = slice(number, number + 1)
        yield partial(change, {number}, {}), partial(value.pop, number)
        yield partial(change, {number}, {number: ["x", "y"]}), partial(setitem, value, place, "xy")
        others = set(range(len(node.items))) - {number}
        alone = [*value[number:][:1], "x"]
        at_the_end = {len(node.items): ["x"]}
        yield partial(change, others, at_the_end), partial(setitem, value, slice(None), alone)
    listed = {"user": "x", "expires": "y"}
    yield partial(change, (), {len(node.items): [listed]}), partial(value.append, listed)
    yield partial(change, set(range(len(node.items))), {}), value.clear


def _of_section(
    edit: Operation, key: Scalar, node: Sequence, value: list[object]
) -> Iterator[Change]:
    entry = {"a": "b", "c": "d"}
    for number in range(len(node.items)):
        remove = partial(edit.remove_entries, key, node, {number}, refilled=False)
        yield remove, partial(value.pop, number)
        yield (
            partial(edit.replace_entry, node, number, entry),
            partial(setitem, value, number, entry),
        )
    yield partial(edit.add_entries, key, node, [entry, entry]), partial(value.extend, [entry] * 2)


class TestAnyFile:
    """What is not changed keeps its value, block texts and what stands around them included."""

    @settings(max_examples=100)
    @given(documents(), st.data())
    def test_one_change_after_the_other(self, document: Document, data: st.DataObject) -> None:
        text = document.text.encode()
        for _ in range(3):
            value = yaml.safe_load(text)
            edit = Operation(parse(text, document.file), document.file)
            of_text, of_value = data.draw(
                st.sampled_from(list(changes(edit, edit.source.root, value)))
            )
            of_text()
            of_value()
            text = edit.result()
            assert yaml.safe_load(text) == value
            assert not read(text, document.file).problems


KEPT = """\
groups:
  - name: a
    description: |+
      one

      # not a comment
    members: [x]

  # about b
  - name: b
    description: >+ # why
      two

  # about c
  - name: c
    members:
      # team
      - user: y
        reason: |
          three
           \x20

        # about z
      - z
          # end
"""


def entries_of(source: Source) -> tuple[Scalar, Sequence]:
    """Return the key and the list of the first section."""
    key, entries = source.root.pairs[0]
    assert isinstance(entries, Sequence)
    return key, entries


def entry_of(source: Source, number: int) -> Map:
    """Return an entry of the first section."""
    entry = entries_of(source)[1].items[number]
    assert isinstance(entry, Map)
    return entry


class TestBlockTexts:
    """No line that a change leaves or makes below a block text becomes part of it."""

    def edited(self, change: Callable[[Operation], object], text: str = KEPT) -> str:
        edit = Operation(parse(text.encode(), "f"), "f")
        change(edit)
        return edit.result().decode()

    def test_a_blank_line_below_what_is_removed(self) -> None:
        made = self.edited(lambda edit: edit.remove_key(entry_of(edit.source, 0), "members"))
        assert made == KEPT.replace("    members: [x]\n\n", "")

    def test_a_comment_below_what_is_removed(self) -> None:
        text = KEPT.replace("    members:\n", "    description: |-\n      x\n    members:\n")
        made = self.edited(lambda edit: edit.remove_key(entry_of(edit.source, 2), "members"), text)
        assert made == text[: text.index("    members:\n      #")] + "    # end\n"

    def test_an_entry_below_a_text_that_keeps_blank_lines(self) -> None:
        made = self.edited(
            lambda edit: edit.remove_entries(*entries_of(edit.source), {2}, refilled=False)
        )
        assert made == KEPT[: KEPT.index("  # about c")] + "    # end\n"

    def test_what_is_added_below_it(self) -> None:
        text = KEPT[: KEPT.index("  # about c")]
        made = self.edited(lambda edit: edit.add_section("users", [{"user_name": "x"}]), text)
        assert made == text + "users:\n  - user_name: x\n"
        made = self.edited(
            lambda edit: edit.add_entries(*entries_of(edit.source), [{"name": "x"}]), text
        )
        assert made == text + "  - name: x\n"
        made = self.edited(
            lambda edit: edit.add_key(entry_of(edit.source, 1), "description", "state", "absent"),
            text,
        )
        assert made == text + "    state: absent\n"

    def test_a_line_of_spaces_is_part_of_it(self) -> None:
        made = self.edited(
            lambda edit: edit.change_list(
                entry_of(edit.source, 2).pairs[1][0],
                _list(entry_of(edit.source, 2).pairs[1][1]),
                (),
                {1: ["new"]},
            )
        )
        assert made == KEPT.replace("            \n", "            \n      - new\n")

    @pytest.mark.parametrize("end", ["\n", "\r\n"])
    def test_the_comment_behind_its_sign_stays(self, end: str) -> None:
        text = KEPT.replace("\n", end)

        def change(edit: Operation) -> None:
            edit.replace(*entry_of(edit.source, 1).pairs[1], "new")

        made = self.edited(change, text)
        expected = KEPT.replace(">+ # why\n      two\n\n", "new # why\n")
        assert made == expected.replace("\n", end)


def _list(node: Node) -> Sequence:
    assert isinstance(node, Sequence)
    return node
