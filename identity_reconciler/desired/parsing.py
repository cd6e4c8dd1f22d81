"""The event streams of the two YAML parsers, and one wording for their syntax errors.

libyaml (through ruamel's C extension) is about 25 times as fast as the pure parser. Events and
errors are the same either way, for every text that `encoding.decode` lets through.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.events import Event

from identity_reconciler.desired.tree import START, Mark, mark_at

try:
    from ruamel.yaml.cyaml import CParser
except ImportError:
    CParser = None


def has_libyaml() -> bool:
    """Return whether the fast parser is installed."""
    return CParser is not None


def events(text: str, *, pure: bool = False) -> Iterable[Event]:
    """Return the parse events of *text*; the pure parser's when asked, or when it is all we have.

    Raises:
        MarkedYAMLError: While iterating, at the first thing that is not YAML.
    """
    if pure or CParser is None:
        return _pure_events(text)
    return iter(CParser(text).get_event, None)


def _pure_events(text: str) -> Iterator[Event]:
    # A new parser each time: a directive in one file would otherwise change the next.
    yield from YAML(typ="safe", pure=True).parse(text)


# What the two parsers say, by a part of it that both say or that either says.
_WORDINGS: tuple[tuple[tuple[str, ...], str], ...] = (
    (
        ("mapping values are not allowed",),
        'a ":" does not fit here; check the indentation, and quote text that contains ": "',
    ),
    (("unexpected end of stream",), "the quoted text never ends; close the quote"),
    (
        ("could not find expected ':'",),
        'a line without ":" among the keys; add ":", or indent or quote the text',
    ),
    (
        ("expected <block end>", "did not find expected key", "did not find expected '-'"),
        "this does not line up with the lines above; check indentation and quotes",
    ),
    (
        ("expected ',' or '}'", "expected ',' or ']'", "flow mapping", "flow sequence"),
        'this does not fit between brackets; check for a missing ",", "]" or "}"',
    ),
    (
        ("cannot start any token",),
        "text cannot start with this character; put the text in quotes",
    ),
    (
        ("block sequence entries are not allowed", "sequence entries are not allowed"),
        'a "- " does not fit here; put the list on its own lines below the key',
    ),
    (
        ("unknown escape character", "hexadecimal", "escape sequence", "Unicode character escape"),
        "an unknown escape in double quotes; write the backslash twice, or use single quotes",
    ),
)


def syntax_error(error: MarkedYAMLError) -> tuple[Mark, str]:
    """Return where *error* is and what it means to someone who writes YAML."""
    place = error.problem_mark or error.context_mark
    mark = START if place is None else mark_at(place.line, place.column)
    problem = str(error.problem or error.context or "")
    said = f"{error.context or ''} {problem}"
    for parts, wording in _WORDINGS:
        if any(part in said for part in parts):
            return mark, wording
    return mark, f"not valid YAML: {problem}"
