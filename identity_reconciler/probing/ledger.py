"""What was made and has to go again: written down before it is asked for, removed in reverse."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from botocore.exceptions import ClientError

from identity_reconciler.probing.observations import (
    FAILURES,
    NotMeasuredError,
    is_missing,
    words,
)

_ROUNDS = 2
"""Further attempts to remove everything: what holds the one may go only after another."""


@dataclass(slots=True)
class Made:
    """Something that a probe makes."""

    kind: str
    name: str
    """What tells it from everything else of its kind; it carries the prefix or an identifier."""
    delete: Callable[[str], object]
    there: Callable[[str], bool]
    """Whether it is still live; a ResourceNotFoundException says that it is not."""
    find: Callable[[], str | None]
    """The identifier of what may have been made by a request whose answer was lost."""
    identifier: str | None = None
    """None until the service has told."""


@dataclass(frozen=True, slots=True)
class Leftover:
    """Something that could not be removed, or of which nobody knows whether it was."""

    kind: str
    name: str
    identifier: str
    """Empty where it is not known."""
    reason: str

    def __str__(self) -> str:
        known = "" if self.identifier in self.name else f" {self.identifier}"
        return f"{self.kind} {self.name}{known}: {self.reason}"


class Ledger:
    """Everything that was made at one place and is not known to be gone."""

    def __init__(self, settled: Callable[[Callable[[], bool]], bool]) -> None:
        self._settled = settled
        """Ask until the answer is no, or for as long as lists may lag; return the last answer."""
        self._made: list[Made] = []
        self.kinds: set[str] = set()
        """What has been made, or may have been, since the beginning."""
        self._left: list[Made] = []
        """What could not be removed when it was tried."""

    @contextmanager
    def making(self, made: Made) -> Iterator[Made]:
        """Write *made* down for the block that makes it; only a clear refusal takes it back."""
        self.kinds.add(made.kind)
        self._made.append(made)
        try:
            yield made
        except ClientError as error:
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            if status < 500:  # noqa: PLR2004 - of a 5xx nobody knows what was done
                self._made.remove(made)
            raise

    def add(self, made: Made) -> None:
        """Write down something that was found, unless it is known."""
        if all((one.kind, one.identifier) != (made.kind, made.identifier) for one in self._left):
            self._made.append(made)

    def remove(self) -> None:
        """Remove what was made, the newest first, and look whether it is gone."""
        made, self._made = self._made, []
        self._left.extend(one for one in reversed(made) if self._remove(one))

    def remove_all(self) -> tuple[Leftover, ...]:
        """Remove also what could not be removed before, and return what still cannot."""
        self.remove()
        for _ in range(_ROUNDS):
            self._left = [one for one in self._left if self._remove(one)]
        return tuple(
            Leftover(one.kind, one.name, one.identifier or "", self._remove(one))
            for one in self._left
        )

    def _remove(self, made: Made) -> str:
        """Return why *made* is not known to be gone; nothing if it is."""
        reason = "it is still there after its removal"
        try:
            made.identifier = made.identifier or made.find()
            if made.identifier is None:
                return ""
            made.delete(made.identifier)
        except FAILURES as error:
            reason = words(error)
        except NotMeasuredError as error:
            reason = str(error)
        identifier = made.identifier
        if identifier is None:
            return reason
        try:
            there = self._settled(lambda: _is_there(made, identifier))
        except FAILURES as error:
            return f"whether it is gone could not be read: {words(error)}"
        return reason if there else ""


def _is_there(made: Made, identifier: str) -> bool:
    try:
        return made.there(identifier)
    except ClientError as error:
        if is_missing(error):
            return False
        raise
