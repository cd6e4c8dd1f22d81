"""Put untrusted values into Markdown: code spans and fences that nothing inside can end.

Inside code GitHub makes no links, images, mentions, references or HTML. That is why no value
stands anywhere else. In a table `|` has a meaning even in code, so `cell` escapes it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote

from identity_reconciler.render.escape import quoted, safe

LONGEST = 200
"""Characters of one value that are shown."""
LONGEST_WORDS = 1_000
"""Characters of what a guard found that are shown."""
_SHORTEST_FENCE = 3
_BACKTICKS = re.compile("`+")
# GitHub's parser ends no code span at more than 80 backticks, and counts a fence up to 255.
# Source: github/cmark-gfm, MAXBACKTICKS in inlines.c and fence_length in node.h.
_TOO_MANY = re.compile("`{60,}")


def name_span(text: str) -> str:
    """Return a name, an address or words of others as one code span."""
    return _span(clipped(_without_long_runs(safe(text))))


def value_span(text: str) -> str:
    """Return the value of an attribute, in double quotes, as one code span."""
    return _span(clipped(_without_long_runs(quoted(text))))


def long_span(text: str, longest: int = LONGEST_WORDS) -> str:
    """Return words that may hold many names as one code span, of *longest* characters at most."""
    return _span(clipped(_without_long_runs(safe(text)), longest))


def whole_span(text: str) -> str:
    """Return *text* as one code span, however long it is."""
    return _span(_without_long_runs(safe(text)))


def cell(text: str) -> str:
    """Return *text* as one code span in a cell of a table; an empty one stays empty.

    A bar ends a cell even inside code. Source: GFM, tables.
    """
    return whole_span(text).replace("|", "\\|") if text.strip() else ""


def clipped(text: str, longest: int = LONGEST) -> str:
    """Return *text*, or its beginning and how long it is."""
    if len(text) <= longest:
        return text
    return f"{text[:longest]}\N{HORIZONTAL ELLIPSIS} ({len(text)} characters)"


def _span(text: str) -> str:
    if not text:
        return "(empty)"
    ticks = "`" * (_longest_run(text) + 1)
    # A space at each end is taken off again; without it a backtick there would join the delimiter.
    edge = " " if text[0] in "` " or text[-1] in "` " else ""
    if not text.strip(" "):
        edge = ""
    return f"{ticks}{edge}{text}{edge}{ticks}"


def fence(lines: Iterable[str], language: str) -> list[str]:
    """Return *lines*, each made safe, between fences longer than any run of backticks inside."""
    inside = [_without_long_runs(safe(line)) for line in lines]
    longest = max(map(_longest_run, inside), default=0)
    ticks = "`" * max(_SHORTEST_FENCE, longest + 1)
    return [f"{ticks}{language}", *inside, ticks]


def _without_long_runs(text: str) -> str:
    return _TOO_MANY.sub(lambda found: "\\u{60}" * len(found[0]), text)


def linked(span: str, page: str) -> str:
    """Return the code span *span* as a link to *page*, an address without spaces or brackets."""
    return f"[{span}]({page})" if page else span


def _longest_run(text: str) -> int:
    return max(map(len, _BACKTICKS.findall(text)), default=0)


def marker(instance: str) -> str:
    """Return the hidden comment by which CI finds its own plan of *instance* again."""
    # Two hyphens could end the comment. The rest is percent-encoded, so two names never meet.
    name = quote(instance, safe="", errors="surrogatepass").replace("--", "-%2D")
    return f"<!-- identity-reconciler plan: {name} -->"
