"""What a run tells while it goes on: notes, progress, phases. The command line shows it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from identity_reconciler.runs.survey import Outlook


class Listener(Protocol):
    """Who hears how a run goes on."""

    def note(self, message: str) -> None:
        """Hear *message*, one line for people."""

    def phase(self, name: str) -> AbstractContextManager[None]:
        """Return a block whose time counts towards the phase *name*."""

    def reading(
        self, doing: str, count: Callable[[], int], outlook: Outlook | None = None
    ) -> AbstractContextManager[None]:
        """Return a block in which AWS is read.

        *count* says how many requests were sent so far, *outlook* how many there will be and how
        long they take, where that is known.
        """


class Silence:
    """A listener who keeps what it hears to itself."""

    def note(self, message: str) -> None:
        """See Listener."""

    def phase(self, name: str) -> AbstractContextManager[None]:  # noqa: ARG002 - see Listener.
        """See Listener."""
        return nullcontext()

    def reading(
        self,
        doing: str,  # noqa: ARG002 - see Listener.
        count: Callable[[], int],  # noqa: ARG002 - see Listener.
        outlook: Outlook | None = None,  # noqa: ARG002 - see Listener.
    ) -> AbstractContextManager[None]:
        """See Listener."""
        return nullcontext()
