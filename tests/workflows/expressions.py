"""The part of GitHub's expressions that our workflows use, evaluated.

Source: docs.github.com, "Evaluate expressions in workflows and actions".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

Value = object
Contexts = Mapping[str, Value]
_TOKEN = re.compile(r"\s*(?:'((?:[^']|'')*)'|(&&|\|\||==|!=|[!()])|([A-Za-z_][\w.-]*)|(\S))")
_EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)
_STATUS = re.compile(r"\b(always|cancelled|failure|success)\(\)")


@dataclass(frozen=True)
class Token:
    """One word of an expression; a *text* is not looked up."""

    word: str
    text: bool = False


def filled(template: str, contexts: Contexts) -> str:
    """Return *template* with every expression in it replaced by its value."""
    return _EXPRESSION.sub(lambda match: shown(evaluate(match[1], contexts)), template)


def holds(condition: str | None, contexts: Contexts, *, success: bool) -> bool:
    """Return whether an `if:` lets its job or step run, given what happened before."""
    text = (condition or "success()").strip()
    if match := _EXPRESSION.fullmatch(text):
        text = match[1]
    if not _STATUS.search(text):
        text = f"success() && ({text})"
    return bool(evaluate(text, {**contexts, "success": success}))


def shown(value: Value) -> str:
    """Return *value* as it stands in a text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def evaluate(text: str, contexts: Contexts) -> Value:
    """Return the value of one expression."""
    parser = _Parser(list(_tokens(text)), contexts)
    value = parser.either()
    assert not parser.tokens, f"{text!r} is no expression: {parser.tokens}"
    return value


def _tokens(text: str) -> Iterator[Token]:
    for match in _TOKEN.finditer(text.strip()):
        assert match[4] is None, f"{match[4]!r} in {text!r}"
        if match[1] is not None:
            yield Token(match[1].replace("''", "'"), text=True)
        else:
            yield Token(match[2] or match[3])


@dataclass
class _Parser:
    tokens: list[Token]
    contexts: Contexts

    def take(self, *words: str) -> str | None:
        if self.tokens and not self.tokens[0].text and self.tokens[0].word in words:
            return self.tokens.pop(0).word
        return None

    def either(self) -> Value:
        left = self.both()
        while self.take("||"):
            right = self.both()
            left = left or right
        return left

    def both(self) -> Value:
        left = self.compared()
        while self.take("&&"):
            right = self.compared()
            left = left and right
        return left

    def compared(self) -> Value:
        left = self.one()
        while sign := self.take("==", "!="):
            # Text is compared without regard to case; nothing equals the empty text.
            same = shown(left).lower() == shown(self.one()).lower()
            left = same if sign == "==" else not same
        return left

    def one(self) -> Value:
        if self.take("!"):
            return not self.one()
        if self.take("("):
            value = self.either()
            assert self.take(")")
            return value
        token = self.tokens.pop(0)
        if token.text:
            return token.word
        if self.take("("):
            assert self.take(")"), "functions of the status have no arguments"
            return self.status(token.word)
        return self.looked_up(token.word)

    def status(self, name: str) -> Value:
        success = bool(self.contexts["success"])
        answers: dict[str, Callable[[], bool]] = {
            "always": lambda: True,
            "cancelled": lambda: False,
            "failure": lambda: not success,
            "success": lambda: success,
        }
        return answers[name]()

    def looked_up(self, path: str) -> Value:
        first, *rest = path.split(".")
        assert first in self.contexts, f"no context {first}"
        value = self.contexts[first]
        for name in rest:
            value = value.get(name) if isinstance(value, Mapping) else None
        return value
