"""The event streams of the two YAML parsers, and one wording for their syntax errors.

libyaml (through ruamel's C extension) is about 25 times as fast as the pure parser, which reads
where the extension has no wheel. Events and errors are the same either way, for every text that
`encoding.decode` lets through.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, cast

from ruamel.yaml import YAML
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from identity_reconciler.desired.yaml.tree import START, Mark

if TYPE_CHECKING:
    from ruamel.yaml.error import MarkedYAMLError

try:
    from ruamel.yaml.cyaml import CParser  # type: ignore[attr-defined]  # not in its __all__
except ImportError:
    CParser = None


def has_libyaml() -> bool:
    """Return whether the fast parser is installed."""
    return CParser is not None


# The classes of events, as mere markers: ruamel's have no types for what they hold.
ALIAS: type[object] = AliasEvent
DOCUMENT_START: type[object] = DocumentStartEvent
MAPPING_END: type[object] = MappingEndEvent
MAPPING_START: type[object] = MappingStartEvent
SCALAR: type[object] = ScalarEvent
SEQUENCE_END: type[object] = SequenceEndEvent
SEQUENCE_START: type[object] = SequenceStartEvent
STREAM_END: type[object] = StreamEndEvent


class Offset(Mark, Protocol):
    """A mark that also counts characters."""

    index: int


class ParseEvent(Protocol):
    """The parts of ruamel's events that are used; which ones are there depends on the class."""

    start_mark: Offset
    end_mark: Offset
    value: str
    style: str | None
    anchor: str | None
    ctag: object
    tag: object
    flow_style: bool | None


def event_source(text: str, *, pure: bool = False) -> Callable[[], ParseEvent]:
    """Return a function that gives the next parse event of *text* each time it is called.

    With *pure*, and where libyaml is not installed, the events are the pure parser's. The
    function raises ruamel's `MarkedYAMLError` at the first thing that is not YAML.
    """
    if CParser is not None and not pure:
        return cast("Callable[[], ParseEvent]", CParser(text).get_event)
    # A new parser each time: state of one file would otherwise reach the next.
    return cast("Callable[[], ParseEvent]", YAML(typ="safe", pure=True).parse(text).__next__)


_NO_VALUE = (
    "a value is missing here; give one or close the bracket, and quote text that starts with a"
    " special character"
)

# What the two parsers say, by a part of it that both say or that either says.
_WORDINGS: tuple[tuple[tuple[str, ...], str], ...] = (
    (
        ("mapping values are not allowed",),
        'a ":" does not fit here; check the indentation, and quote text that contains ": "',
    ),
    (
        ("unexpected end of stream", "unexpected document"),
        "the quoted text never ends; close the quote",
    ),
    (
        ("could not find expected ':'",),
        'a line without ":" among the keys; add ":", or indent or quote the text',
    ),
    (("found unexpected ':'",), 'text with ":" or "?" between brackets needs quotes'),
    (
        ("expected node content", "expected the node content"),
        _NO_VALUE,
    ),
    (
        ("document start",),
        "text after the end of the document; remove the end, or put it in a file of its own",
    ),
    (
        ("flow mapping", "flow sequence"),
        'this does not fit between brackets; check for a missing ",", "]" or "}"',
    ),
    (
        ("block mapping", "block collection"),
        "this does not line up with the lines above; check indentation and quotes",
    ),
    (
        ("cannot start any token", "mapping keys are not allowed", "alphabetic or numeric"),
        "text cannot start with this character; put the text in quotes",
    ),
    (
        ("sequence entries are not allowed",),
        'a "- " does not fit here; put the list on its own lines below the key',
    ),
    (("but found '#'",), 'a comment needs a space before its "#"'),
    (
        ("more indented follow up line",),
        "the blank line below | or > has fewer spaces than the text; remove them",
    ),
    (
        ("block scalar",),
        "after | or > the text starts on the next line; move it there",
    ),
    (
        ("escape", "hexadecimal", "double-quoted scalar"),
        "an unknown escape in double quotes; write the backslash twice, or use single quotes",
    ),
)


def syntax_error(error: MarkedYAMLError) -> tuple[Mark, str]:
    """Return where *error* is and what it means to someone who writes YAML."""
    mark: Mark = error.problem_mark or error.context_mark or START
    problem = str(error.problem or error.context or "")
    said = f"{error.context or ''} {problem}"
    for parts, wording in _WORDINGS:
        if any(part in said for part in parts):
            return mark, wording
    return mark, f"not valid YAML: {problem}"
