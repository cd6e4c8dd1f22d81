"""What GitHub makes of Markdown, by its own parser."""

from __future__ import annotations

from html.parser import HTMLParser

import cmarkgfm
from cmarkgfm.cmark import Options


class Skeleton(HTMLParser):
    """What GitHub would show of Markdown, without what stands in code."""

    def __init__(self, markdown: str) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.comments: list[str] = []
        self._code = 0
        # Raw HTML is let through, so that a tag in a value would show.
        unsafe = Options.CMARK_OPT_UNSAFE
        self.feed(cmarkgfm.github_flavored_markdown_to_html(markdown, options=unsafe))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._code += tag == "code"
        self.parts.append(f"<{tag}{''.join(f' {name}={value}' for name, value in attrs)}>")

    def handle_endtag(self, tag: str) -> None:
        self._code -= tag == "code"
        self.parts.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        if not self._code:
            self.parts.append(data)

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)
