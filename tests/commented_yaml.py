"""Files of the desired state with comments in every place, each with the value that it means.

Made by construction and not by trial: every document is YAML that the reader accepts; what it
means, which comments it has and the order in which the layout has them are known from drawing it,
and not from reading it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

from hypothesis import strategies as st

Kind = str | dict[str, "Kind"] | list["Kind"]
"""What a value may be: the name of a sort of scalar, a mapping by its keys in the order of the
layout, or a list of such."""

LISTED_USERS: Kind = [
    "name",
    {"user": "name", "starts": "date", "expires": "date", "reason": "text"},
]
LISTED_GROUPS: Kind = [
    "name",
    {"group": "name", "starts": "date", "expires": "date", "reason": "text"},
]
USER: Kind = {
    "user_name": "name",
    "state": "name",
    "previous_user_names": ["name"],
    "name": {"given_name": "text", "family_name": "text", "middle_name": "null"},
    "display_name": "text",
    "email": {"value": "text", "type": "text", "primary": "flag"},
    "title": "text",
    "photos": [{"value": "text", "display": "text", "primary": "flag"}],
    "enterprise": {"cost_center": "text", "department": "text"},
}
GROUP: Kind = {
    "name": "name",
    "previous_names": ["name"],
    "description": "text",
    "members": LISTED_USERS,
}
APPLICATION: Kind = {
    "name": "name",
    "assignments": {"groups": LISTED_GROUPS, "users": LISTED_USERS},
}
FILES: dict[str, dict[str, Kind]] = {
    "people.yaml": {"users": [USER], "groups": [GROUP], "applications": [APPLICATION]},
    "instance.yaml": {
        "instance": {"name": "name", "account_id": "text"},
        "manage": {"users": "name", "require_email": "flag"},
        "ignore": {"users": ["name"], "groups": ["name"]},
        "guards": {
            "wipe_from": "number",
            "protected": {"groups": ["name"]},
            "min_members": [{"group": "name", "least": "number"}],
            "pinned_members": [{"group": "name", "users": ["name"]}],
        },
    },
    "approvals.yaml": {
        "approvals": [{"guard": "name", "expires": "date", "reason": "text", "addresses": ["name"]}]
    },
    "policies.yaml": {
        "separation_of_duties": [{"groups": ["name"], "reason": "text"}],
        "max_members": [{"groups": "name", "most": "number"}],
        "email_domains": ["name"],
    },
}

_NAMES = ("ann", "Bob", "a.lee@example.com", "b-1", "carl lee", "Émile", "zoë", "O'Hara", "x#1")
_BLOCK_NAMES = ("a, b", "x]", "a:b", "a?", "a {}")
"""Plain outside of brackets only."""
_QUOTED_NAMES = ("007", "yes", "null", "2026-01-01", "a: b", "# a", "*", "[x]", "-", "")
_WORDS = ("ann", "#not", "a: b", "- c", "]", "é", "it")
_CHOMPING = ("", "-", "+")
_TEXT = st.text(st.sampled_from("ab é'\"\\#:-|>[]{},!&*%@?~"), max_size=12)
_LINE = st.text(st.sampled_from("ab  #:-'\"|>"), max_size=9)
_NOTES = ("", "!", " why", " - item", " key: value", " ]}", ' "it', " |", " é")


@dataclass(slots=True)
class Leaf:
    """A scalar."""

    value: object
    sign: str = ""
    """Of a block text: `|` or `>` with its chomping."""

    def meaning(self, *, sort: bool) -> object:
        """Return the value."""
        del sort
        return self.value

    def notes(self) -> Iterator[str]:
        """Yield nothing: comments belong to what holds it."""
        return iter(())

    def block_texts(self) -> Iterator[tuple[str, object]]:
        """Yield its sign and value, if it is a block text."""
        if self.sign:
            yield self.sign, self.value


@dataclass(slots=True)
class Branch:
    """A mapping or a list; methods that sort do so as the layout does."""

    kind: dict[str, Kind] | list[Kind]
    elements: list[Element] = field(default_factory=list)
    below: list[str] = field(default_factory=list)
    """Comments below its last element."""

    def keys(self) -> dict[str, Kind]:
        """Return the kinds of a mapping, by key."""
        assert isinstance(self.kind, dict)
        return self.kind

    def meaning(self, *, sort: bool) -> object:
        """Return the value."""
        elements = [one for _, part in self._parts() for one in part] if sort else self.elements
        if isinstance(self.kind, dict):
            return {one.key: one.value.meaning(sort=sort) for one in elements}
        return [one.value.meaning(sort=sort) for one in elements]

    def notes(self) -> Iterator[str]:
        """Yield the comments in it, and empty texts for blank lines, in the order of the layout."""
        for above, part in self._parts():
            yield from above
            for one in part:
                is_empty = isinstance(one.value, Branch) and not one.value.elements
                inside = list(one.value.notes())
                yield from one.beside[:-1]
                yield from inside if is_empty else ()
                yield from one.beside[-1:]
                yield from () if is_empty else inside
        yield from self.below

    def block_texts(self) -> Iterator[tuple[str, object]]:
        """Yield the sign and the value of each block text in it, in the order of the layout."""
        for _, part in self._parts():
            for one in part:
                yield from one.value.block_texts()

    def _parts(self) -> list[tuple[list[str], list[Element]]]:
        """Return the parts that are sorted by themselves, with the lines above each."""
        if isinstance(self.kind, dict):
            keys = list(self.kind)
            ordered = sorted(self.elements, key=lambda one: keys.index(one.key))
            return [(one.above, [one]) for one in ordered]
        names = [_name_of(one.value) for one in self.elements]
        texts = (text for one in self.elements for text in one.value.block_texts())
        if not all(names) or any(sign.endswith("+") for sign, _ in texts):
            return [(one.above, [one]) for one in self.elements]
        parts: list[tuple[list[str], list[Element]]] = []
        for one in self.elements:
            if one.above or not parts:
                parts.append((one.above, []))
            parts[-1][1].append(one)
        for _, part in parts:
            part.sort(key=lambda one: (_name_of(one.value).casefold(), _name_of(one.value)))
        return parts


@dataclass(slots=True)
class Element:
    """A key with its value, or an item, and the comments that go with it."""

    key: str
    """Empty for an item."""
    above: list[str] = field(default_factory=list)
    """Comments, and empty texts for blank lines."""
    beside: list[str] = field(default_factory=list)
    """Comments on its line; all but the last go above it."""
    value: Leaf | Branch = field(default_factory=lambda: Leaf(""))


def _name_of(node: Leaf | Branch) -> str:
    """Return the name that lists are sorted by; empty where they are not."""
    if isinstance(node, Leaf):
        return str(node.value)
    by_key = {one.key: one.value for one in node.elements}
    name = by_key.get("user") or by_key.get("group")
    return str(name.value) if isinstance(name, Leaf) and "least" not in by_key else ""


@dataclass(frozen=True, slots=True)
class Document:
    """A file as it is written, and what is known about it."""

    file: str
    text: str
    root: Branch


@st.composite
def documents(draw: st.DrawFn) -> Document:
    """Draw a file of the desired state with comments anywhere."""
    file = draw(st.sampled_from(sorted(FILES)))
    sections = FILES[file]
    keys = draw(st.lists(st.sampled_from(sorted(sections)), min_size=1, unique=True))
    # Sections stay in the order in which they are written.
    root = Branch({key: sections[key] for key in keys})
    writer = _Writer(draw)
    writer.document(root)
    end = "\r\n" if writer.chance(20) else "\n"
    return Document(file, "".join(f"{line}{end}" for line in writer.lines), root)


class _Writer:
    """Draws and writes at the same time.

    What comments belong to, by the columns they stand in: one above a key or an item stands no
    further in than that, or nothing that is further in precedes it; one below the last of a
    collection stands in its column, or further in where nothing deeper precedes it.
    """

    def __init__(self, draw: st.DrawFn) -> None:
        self.lines: list[str] = []
        self._draw = draw
        self._notes = 0
        self._deepest = 0
        """The column of the innermost collection that the last key or item is in."""
        self._dashes = -1
        """The column of the list that ends here, if its dashes stand right below its key.

        Whether a comment below it belongs to the list or to what the key is in, nobody can say.
        """
        self._block = ""
        """The sign of the block text that the last line belongs to, if it is one."""

    def chance(self, percent: int) -> bool:
        """Return true this often."""
        return self._draw(st.integers(1, 100)) > 100 - percent

    def document(self, root: Branch) -> None:
        """Write *root*, and draw what is in it."""
        above: list[str] = []
        if self.chance(20):
            self._comment_lines(above, 0, 0)
            self._add(f"---{self._end_of_line(above)}")
        if self.chance(10):
            self._comment_lines(above, 0, 0)
            text = self._flow(root, above, -1)
            root.elements[0].above[:0] = above
            self._add(f"{text}{self._end_of_line(root.below)}")
        else:
            self._pairs(root, 0, "", list(root.keys()))
            root.elements[0].above[:0] = above
        self._below(root, 0)
        if self._dashes < 0 and self.chance(10):
            self._add(f"...{self._end_of_line(root.below)}")
            self._comment_lines(root.below, 0, 0)
        if not self._block.endswith("+"):
            self.lines += [""] * self._between(0, 2)

    def _pairs(self, branch: Branch, column: int, prefix: str, keys: list[str]) -> None:
        """Write a mapping in a block; behind *prefix*, where that is a dash, begins the first."""
        for number, key in enumerate(keys):
            element = Element(key)
            branch.elements.append(element)
            if number or not prefix:
                prefix = " " * column
                self._above(element, column)
            quote = self._draw(st.sampled_from(("", "", "", "", "'", '"')))
            self._deepest, self._dashes = column, -1
            self._value(element, branch.keys()[key], f"{prefix}{quote}{key}{quote}:", column)

    def _items(self, branch: Branch, column: int) -> None:
        """Write a list in a block."""
        for kind in self._some_items(branch, 1):
            element = Element("")
            branch.elements.append(element)
            self._above(element, column)
            self._deepest = column
            self._value(element, kind, f"{' ' * column}-", column)

    def _value(self, element: Element, kind: Kind, prefix: str, column: int) -> None:
        """Write what a key or a dash, *prefix*, in *column* holds."""
        if isinstance(kind, str):
            self._scalar(element, kind, prefix, column)
            return
        branch = Branch(kind)
        element.value = branch
        if self.chance(30):
            prefix = self._start(element, prefix, column)
            text = self._flow(branch, element.beside, column)
            self._add(f"{prefix}{text}{self._end_of_line(element.beside)}")
        elif not isinstance(kind, dict):
            # The dashes may stand right below the key, and then comments there belong to the next.
            inner = column + self._between(0, 4)
            self._add(f"{prefix}{self._end_of_line(element.beside)}")
            self._items(branch, inner)
            self._below(branch, inner if inner > column else None)
            self._dashes = inner if inner == column else -1
        elif prefix.endswith("-") and self.chance(80):
            prefix += " " * self._between(1, 3)
            self._pairs(branch, len(prefix), prefix, self._some_keys(kind))
            self._below(branch, len(prefix))
        else:
            inner = column + self._between(1, 4)
            self._add(f"{prefix}{self._end_of_line(element.beside)}")
            self._pairs(branch, inner, "", self._some_keys(kind))
            self._below(branch, inner)

    def _start(self, element: Element, prefix: str, column: int) -> str:
        """Write *prefix*, or not yet; return what stands before the value on its line."""
        if not self.chance(10):
            return prefix + " " * self._between(1, 3)
        self._add(f"{prefix}{self._end_of_line(element.beside)}")
        while self.chance(20):
            element.beside.append(self._note())
            self._add(f"{' ' * self._between(0, 6)}{element.beside[-1]}")
        return " " * (column + self._between(1, 4))

    def _scalar(self, element: Element, kind: str, prefix: str, column: int) -> None:
        prefix = self._start(element, prefix, column)
        if self.chance({"text": 40, "name": 5}.get(kind, 0)):
            element.value = self._block_text(element, prefix, column)
        else:
            value, text = self._inline(kind, column, flow=False)
            element.value = Leaf(value)
            self._add(f"{prefix}{text}{self._end_of_line(element.beside)}")

    def _inline(self, kind: str, column: int, *, flow: bool) -> tuple[object, str]:
        """Return a scalar on its line, or in quotes over several, and how it is written."""
        if kind not in {"name", "text"}:
            return self._typed(kind)
        if self.chance(50):
            name = self._draw(st.sampled_from(_NAMES if flow else (*_NAMES, *_BLOCK_NAMES)))
            return name, name
        if self.chance(20):
            return self._over_lines(column)
        text = self._draw(_TEXT if kind == "text" else st.sampled_from((*_NAMES, *_QUOTED_NAMES)))
        return text, _quoted(text, self._draw(st.sampled_from("'\"")))

    def _typed(self, kind: str) -> tuple[object, str]:
        """Return what is no text to YAML, and how it is written."""
        match kind:
            case "flag":
                flag = self._draw(st.booleans())
                return flag, str(flag).lower()
            case "number":
                number = self._between(2, 99)
                return number, str(number)
            case "date":
                day = self._draw(st.dates(date(2000, 1, 1), date(2099, 12, 31)))
                return day, day.isoformat()
            case _:
                return None, "null"

    def _over_lines(self, column: int) -> tuple[str, str]:
        """Return a text in quotes that is broken between two words, or at a blank line."""
        first, second = (self._draw(st.sampled_from(_WORDS)) for _ in range(2))
        quote = self._draw(st.sampled_from("'\""))
        breaks = self._between(1, 3)
        written = f"{first}{' ' * self._between(0, 2)}" + "\n" * breaks
        written += f"{' ' * (column + self._between(1, 4))}{second}"
        between = "\n" * (breaks - 1) or " "
        return f"{first}{between}{second}", _quoted(written, quote)

    def _block_text(self, element: Element, prefix: str, column: int) -> Leaf:
        lines = self._draw(st.lists(st.one_of(_LINE, st.just("")), max_size=4))
        while lines and not lines[-1]:
            del lines[-1]
        style, chomping = self._draw(st.sampled_from("|>")), self._draw(st.sampled_from(_CHOMPING))
        begins_with_space = next((line for line in lines if line), "").startswith(" ")
        is_explicit = begins_with_space or self.chance(20)
        step = self._between(1, 9 if is_explicit else 5)
        signs = [str(step) if is_explicit else "", chomping]
        sign = style + "".join(self._draw(st.permutations(signs)))
        self._add(f"{prefix}{sign}{self._end_of_line(element.beside)}")
        at = column + step
        last = self._between(0, 2) if chomping == "+" else 0
        for number, line in enumerate((*lines, *[""] * last)):
            # A blank line at the beginning would say how far in the text is.
            indent = at if line else self._between(0, at if number or is_explicit else 0)
            self.lines.append(f"{' ' * indent}{line}")
        self._block = style + chomping
        text = "\n".join(lines) if style == "|" else _folded(lines)
        if lines and chomping != "-":
            text += "\n"
        return Leaf(text + "\n" * last, self._block)

    def _flow(self, branch: Branch, owner: list[str], column: int) -> str:
        """Return a collection in brackets, with comments only where it goes over several lines.

        One behind the opening bracket goes to those of the *owner*.
        """
        is_spread = self.chance(40)

        def line() -> str:
            return f"\n{' ' * (column + self._between(1, 6))}"

        def notes(percent: int, to: list[str]) -> str:
            made = ""
            while is_spread and self.chance(percent):
                to.append(self._note())
                made += f"{to[-1]}{line()}"
            return made

        is_map = isinstance(branch.kind, dict)
        parts = ["{" if is_map else "[", self._end_of_line(owner) if is_spread else ""]
        kinds = branch.kind
        chosen: list[tuple[str, Kind]]
        if isinstance(kinds, dict):
            # The keys of a whole file have been drawn already.
            names = list(kinds) if column < 0 else self._some_keys(kinds)
            chosen = [(key, kinds[key]) for key in names]
        else:
            chosen = [("", kind) for kind in self._some_items(branch, 0)]
        for number, (key, kind) in enumerate(chosen):
            element = Element(key)
            branch.elements.append(element)
            parts += [line() if is_spread else "", notes(15, element.above)]
            if key:
                parts.append(f"{key}: ")
                gap = notes(5, element.beside)
                parts.append(f"{line()}{gap}" if gap and self.chance(50) else gap)
            if isinstance(kind, str):
                value, text = self._inline(kind, column, flow=True)
                element.value = Leaf(value)
            else:
                element.value = inner = Branch(kind)
                text = self._flow(inner, element.beside, max(column, 0))
            parts.append(text)
            comma = "," if number + 1 < len(chosen) or self.chance(10) else ""
            parts += [comma, self._end_of_line(element.beside) if is_spread else ""]
            parts.append(" " if comma and not is_spread else "")
        parts += [line() if is_spread else "", notes(15, branch.below), "}" if is_map else "]"]
        return "".join(parts)

    def _some_keys(self, kind: dict[str, Kind]) -> list[str]:
        keys = self._draw(
            st.lists(st.sampled_from(list(kind)), min_size=1, max_size=4, unique=True)
        )
        return sorted(keys, key=list(kind).index) if self.chance(50) else keys

    def _some_items(self, branch: Branch, least: int) -> list[Kind]:
        kinds = list(branch.kind)
        return self._draw(st.lists(st.sampled_from(kinds), min_size=least, max_size=4))

    def _above(self, element: Element, column: int) -> None:
        """Write what stands above a key or an item in *column*."""
        self._blank_line(element.above)
        further = 0 if self._deepest > column or self._block else 3
        self._comment_lines(element.above, 0, column + further)
        self._blank_line(element.above)

    def _below(self, branch: Branch, column: int | None) -> None:
        """Write what stands below the last of a collection in *column*; None: nothing can."""
        if column in (None, self._dashes) or not self.chance(25):
            return
        self._blank_line(branch.below)
        further = 0 if self._deepest > column or self._block else 3
        branch.below.append(self._note())
        self._add(f"{' ' * (column + self._between(0, further))}{branch.below[-1]}")
        self._comment_lines(branch.below, column, column + 3)
        self._deepest = column

    def _comment_lines(self, to: list[str], least: int, most: int) -> None:
        """Write comments, the first comment in columns *least* to *most*."""
        while self.chance(20):
            to.append(self._note())
            self._add(f"{' ' * self._between(least, most)}{to[-1]}")
            most = max(most, least + 6)

    def _blank_line(self, to: list[str]) -> None:
        # Below a block text it could be part of it.
        if self.chance(25) and not self._block.endswith("+"):
            to.append("")
            self.lines.append("" if self._block else " " * self._between(0, 3))

    def _end_of_line(self, to: list[str]) -> str:
        """Return a comment for the end of a line, or nothing."""
        if not self.chance(20):
            return ""
        to.append(self._note())
        return f"{' ' * self._between(1, 3)}{to[-1]}"

    def _note(self) -> str:
        self._notes += 1
        return f"#{self._notes}{self._draw(st.sampled_from(_NOTES))}"

    def _between(self, least: int, most: int) -> int:
        return self._draw(st.integers(least, most))

    def _add(self, text: str) -> None:
        self.lines += text.split("\n")
        self._block = ""


def _quoted(text: str, quote: str) -> str:
    escapes = str.maketrans({"'": "''"} if quote == "'" else {"\\": "\\\\", '"': '\\"'})
    return f"{quote}{text.translate(escapes)}{quote}"


def _folded(lines: list[str]) -> str:
    """Return the text that *lines* below `>` stand for, without its end. Source: YAML 1.2.2, 8.1.3.

    Lines that begin with a space are more indented: nothing folds around them.
    """
    text, breaks, above = "", 0, ""
    for line in lines:
        if not line:
            breaks += 1
            continue
        if not above:
            text += "\n" * breaks
        elif " " in {above[0], line[0]}:
            text += "\n" * (breaks + 1)
        else:
            text += "\n" * breaks or " "
        text, breaks, above = text + line, 0, line
    return text
