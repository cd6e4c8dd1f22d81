"""Questions on a terminal, whose answers are not lost when something fails later."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import typer

from identity_reconciler.cli.output import note


@dataclass
class Interview:
    """What was asked and answered."""

    answers: dict[str, str] = field(default_factory=dict)
    """By the option that says the same."""

    def ask(
        self,
        option: str,
        question: str,
        default: str,
        objection: Callable[[str], str | None] = lambda _: None,
    ) -> str:
        """Return an answer from the terminal, or *default* where nobody can be asked.

        Asks again while there is an *objection* to the answer.
        """
        if not sys.stdin.isatty():
            return default
        answer: str = typer.prompt(question, default=default, show_default=bool(default), err=True)
        while why := objection(answer):
            note(why)
            answer = typer.prompt(question, default=default, show_default=bool(default), err=True)
        if answer:
            self.answers[option] = answer
        return answer

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Tell how to give the same answers again, should the block not come to its end."""
        try:
            yield
        except BaseException:
            if self.answers:
                said = [word for pair in self.answers.items() for word in pair]
                words = shlex.join(["identity-reconciler", *sys.argv[1:], *said])
                note(f"to go on with your answers: {words}")
            raise
