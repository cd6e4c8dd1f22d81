"""What the documents of the project hold, read as GitHub renders them: code, links, headings."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

import cmarkgfm

from tests.command import ROOT

_FOLDERS = (".github", "desired-state")


@dataclass(frozen=True)
class Block:
    """One block of code."""

    document: str
    """The path of its document."""
    language: str
    """What follows the fence; nothing for an indented block."""
    text: str

    def __str__(self) -> str:
        """Return what a test is called by."""
        return f"{self.document}: {self.text.partition(chr(10))[0]}"


@dataclass(frozen=True)
class Document:
    """One Markdown file."""

    path: str
    """Relative to the root of the repository."""
    text: str
    blocks: tuple[Block, ...]
    spans: tuple[str, ...]
    """The code within sentences and tables."""
    links: tuple[str, ...]
    anchors: frozenset[str]
    """What a link may name after `#`."""
    rows: tuple[tuple[str, ...], ...]
    """The rows of its tables, without markup."""

    def code(self, language: str) -> list[str]:
        """Return the blocks of *language*, in their order."""
        return [block.text for block in self.blocks if block.language == language]


class _Rendered(HTMLParser):
    """Takes the HTML of a document apart."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks: list[tuple[str, str]] = []
        self.spans: list[str] = []
        self.links: list[str] = []
        self.headings: list[str] = []
        self.rows: list[list[str]] = []
        self._language: str | None = None
        self._text = {"heading": "", "code": "", "cell": ""}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "pre":
            self._language = given.get("lang") or ""
        elif tag == "a":
            self.links.append(given.get("href") or "")
        elif tag == "tr":
            self.rows.append([])
        elif kind := _kind(tag):
            self._text[kind] = ""

    def handle_data(self, data: str) -> None:
        for kind in self._text:
            self._text[kind] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "pre":
            self._language = None
        elif tag == "code" and self._language is None:
            self.spans.append(self._text["code"])
        elif tag == "code":
            self.blocks.append((self._language or "", self._text["code"]))
        elif _kind(tag) == "heading":
            self.headings.append(self._text["heading"])
        elif _kind(tag) == "cell":
            self.rows[-1].append(self._text["cell"])


def _kind(tag: str) -> str | None:
    if re.fullmatch("h[1-6]", tag):
        return "heading"
    return {"td": "cell", "th": "cell", "code": "code"}.get(tag)


def _anchors(headings: list[str]) -> frozenset[str]:
    """Return the anchors that GitHub gives to *headings*; no two may be equal."""
    words = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    anchors = [word.replace(" ", "-") for word in words]
    assert len(set(anchors)) == len(anchors), anchors
    return frozenset(anchors)


def read(path: str, text: str) -> Document:
    """Return the document in *text* that stands at *path*."""
    rendered = _Rendered()
    rendered.feed(cmarkgfm.github_flavored_markdown_to_html(text))
    return Document(
        path,
        text,
        tuple(Block(path, language, code) for language, code in rendered.blocks),
        tuple(rendered.spans),
        tuple(rendered.links),
        _anchors(rendered.headings),
        tuple(tuple(row) for row in rendered.rows),
    )


def _paths() -> list[Path]:
    below = (path for folder in _FOLDERS for path in (ROOT / folder).rglob("*.md"))
    return sorted([*ROOT.glob("*.md"), *below])


DOCUMENTS = {
    path.relative_to(ROOT).as_posix(): read(
        path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")
    )
    for path in _paths()
}
"""Every document by its path."""

README = DOCUMENTS["README.md"]
CONTRIBUTING = DOCUMENTS[".github/CONTRIBUTING.md"]
BLOCKS = tuple(block for document in DOCUMENTS.values() for block in document.blocks)


def guide(name: str) -> Document:
    """Return the guide that is called *name*."""
    return DOCUMENTS[f".github/guides/{name}.md"]
