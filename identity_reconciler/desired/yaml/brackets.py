"""Change what stands in brackets or braces, on one line or several, and nothing around it.

Parts are items of a list, or keys with their values. A part that has its lines to itself goes and
comes by lines, with the comment behind it; any other one with its comma.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from identity_reconciler.desired.yaml.syntax import Map, Sequence, Source

Edit = tuple[int, int, str]
"""From where to where in a text, and what is to be there."""


@dataclass(slots=True)
class BracketChange:
    """What is to change in one list in brackets, or mapping in braces."""

    node: Map | Sequence
    gone: set[int] = field(default_factory=set)
    """The numbers of the parts that go."""
    new: dict[int, list[str]] = field(default_factory=dict)
    """What comes before the part of that number, as written; behind the last: at the end."""

    def add(self, number: int, text: str) -> None:
        """Put *text* before the part numbered *number*, behind what was put there before."""
        self.new.setdefault(number, []).append(text)

    def edits(self, source: Source) -> Iterator[Edit]:
        """Yield what makes this change in *source*: edits that leave parts that stay untouched."""
        parts = _Parts(source, self.node)
        kept = [number for number in range(len(parts.spans)) if number not in self.gone]
        cut = parts.tail_after(kept)
        yield from parts.without_tail(kept, cut)
        for number in sorted(self.gone - cut):
            yield from parts.without(number)
        last: list[str] = []
        for number, texts in sorted(self.new.items()):
            above = max((one for one in kept if one < number), default=None)
            below = min((one for one in kept if one >= number), default=None)
            if below is None:
                last += texts
            else:
                yield parts.before(below, above, texts)
        if last and kept:
            yield from parts.at_the_end(kept[-1], last, comma_stays=not cut)
        elif last:
            yield self.node.start + 1, self.node.start + 1, ", ".join(last)


class _Parts:
    """Where the parts of a collection stand, and their commas."""

    def __init__(self, source: Source, node: Map | Sequence) -> None:
        self._source = source
        self.spans = (
            [(key.start, value.end) for key, value in node.pairs]
            if isinstance(node, Map)
            else [(item.start, item.end) for item in node.items]
        )
        starts = [start for start, _ in self.spans[1:]]
        limits = [*starts, node.end - 1] if self.spans else []
        self._commas = [
            self._comma(end, limit) for (_, end), limit in zip(self.spans, limits, strict=True)
        ]
        """Where the comma behind each part stands; None behind a last one that has none."""

    def _comma(self, at: int, limit: int) -> int | None:
        text = self._source.text
        while at < limit and text[at] != ",":
            at = text.index("\n", at) if text[at] == "#" else at + 1
        return at if at < limit else None

    def _end(self, number: int) -> int:
        """Return where a part ends, its comma included."""
        comma = self._commas[number]
        return self.spans[number][1] if comma is None else comma + 1

    def _has_lines(self, number: int) -> bool:
        """Return whether nothing but a comment stands on the lines of a part beside it."""
        text, (start, end) = self._source.text, self.spans[number]
        behind = self._end(number)
        rest = text[behind : self._source.line_end(behind)].strip()
        return (
            not text[self._source.line_start(start) : start].strip()
            and "\n" not in text[end:behind]
            and (not rest or rest.startswith("#"))
        )

    def tail_after(self, kept: list[int]) -> set[int]:
        """Return the parts behind the last *kept* one if they can go with the comma before them."""
        tail = range(kept[-1] + 1 if kept else len(self.spans), len(self.spans))
        if not tail or self._commas[-1] is not None or any(map(self._has_lines, tail)):
            return set()
        gaps = (
            self._source.text[self.spans[number - 1][1] : self.spans[number][0]] for number in tail
        )
        return set() if any("#" in gap for gap in gaps) else set(tail)

    def without_tail(self, kept: list[int], tail: set[int]) -> Iterator[Edit]:
        """Yield what removes *tail*, which `tail_after` returned."""
        if tail:
            yield self.spans[kept[-1]][1], self.spans[-1][1], ""

    def without(self, number: int) -> Iterator[Edit]:
        """Yield what removes a part and the comma behind it, but no comment of others."""
        text, (start, stop), end = self._source.text, self.spans[number], self._end(number)
        if self._has_lines(number):
            yield self._source.line_start(start), self._source.line_end(end), ""
            return
        if "#" in text[stop:end]:
            yield start, stop, ""
            start = end - 1
        while text[end] == " ":
            end += 1
        if text[end] == "#":
            end -= 1
        while text[end] in "\r\n" and text[start - 1] == " ":
            start -= 1
        yield start, end, ""

    def before(self, number: int, above: int | None, texts: list[str]) -> Edit:
        """Return what puts *texts* before a part; *above* is the nearest one before that stays."""
        start = self.spans[number][0]
        if not self._has_lines(number):
            return start, start, "".join(f"{text}, " for text in texts)
        line = self._source.line_start(start)
        at = line if above is None else self._source.line_end(self._end(above))
        return at, at, self._lines(number, [f"{text}," for text in texts])

    def _lines(self, number: int, texts: list[str]) -> str:
        """Return *texts* as lines that begin where the part of that number does."""
        start = self.spans[number][0]
        indent = " " * (start - self._source.line_start(start))
        return "".join(f"{indent}{text}{self._source.line_break}" for text in texts)

    def at_the_end(self, last: int, texts: list[str], *, comma_stays: bool) -> Iterator[Edit]:
        """Yield what puts *texts* behind the *last* part that stays."""
        end = self.spans[last][1]
        comma = self._commas[last] if comma_stays else None
        if self._has_lines(last):
            if comma is None:
                yield end, end, ","
            at = self._source.line_end(self._end(last))
            stop = "" if comma is None else ","
            texts = [*(f"{text}," for text in texts[:-1]), texts[-1] + stop]
            yield at, at, self._lines(last, texts)
        elif comma is None:
            yield end, end, "".join(f", {text}" for text in texts)
        else:
            yield comma + 1, comma + 1, f" {', '.join(texts)}"
