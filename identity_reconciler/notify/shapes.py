"""What webhooks take: the notice itself, or its text as Slack and Microsoft Teams have it. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import assert_never


class Shape(StrEnum):
    """What a webhook takes."""

    JSON = "json"
    """The notice itself."""
    SLACK = "slack"
    """Its text, as incoming webhooks of Slack take it."""
    TEAMS = "teams"
    """Its text on a card, as the trigger of a workflow in Microsoft Teams takes it."""


def body_of(notice: Mapping[str, object], shape: Shape) -> bytes:
    """Return the bytes that a webhook of that *shape* takes for *notice*."""
    text = str(notice["text"])
    if run := notice.get("run"):
        text = f"{text}\n{run}"
    match shape:
        case Shape.JSON:
            body = dict(notice)
        case Shape.SLACK:
            # Of names nothing is to become a link or call everybody.
            # Source: "Formatting text for app surfaces", "Escaping text".
            for character, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
                text = text.replace(character, entity)
            body = {"text": text, "mrkdwn": False}
        case Shape.TEAMS:
            body = _card(text)
        case _:
            assert_never(shape)
    return json.dumps(body, ensure_ascii=True, separators=(",", ":")).encode()


def _card(text: str) -> dict[str, object]:
    """Return *text* on an adaptive card, line by line, nothing of it as Markdown.

    Source: adaptivecards.io, "RichTextBlock", "TextRun".
    """
    lines = [
        {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": line}]}
        for line in text.splitlines()
    ]
    kind = "application/vnd.microsoft.card.adaptive"
    card = {"type": "AdaptiveCard", "version": "1.4", "body": lines}
    return {"type": "message", "attachments": [{"contentType": kind, "content": card}]}
