"""The rate of one quota, learnt from what the service answers. Pure: time is an argument."""

from __future__ import annotations

import math

SLOWEST = 0.5
"""Requests per second that are never undercut, so that nothing waits for ever."""
_SHORTAGE = 1.0
"""Seconds for which throttled answers count as one shortage: requests already under way."""
_CAUTION = 0.8
"""Share of the rate in the first half of a shortage, so that the service can catch up."""
_PATIENCE = 2.0
"""Seconds without a throttled answer before the rate grows again, at first."""
_MOST_PATIENCE = 8.0
"""Seconds: what the patience grows to while probing keeps hitting the same limit."""
_SAME_LIMIT = 1.3
"""A shortage at less than this multiple of the last rate confirms that rate."""
_GROWTH = 0.02
"""Growth is exp(growth * t^2): 2 % after a second, double after six."""
_GENTLEST = 0.97
"""What a shortage leaves of the rate at most: the answers of a burst may hide the true limit."""
_STEEPEST = 0.5
"""What a shortage leaves of the rate at least."""
_STEEPEST_AFTER_PAUSE = 0.75
"""As `_STEEPEST`, where the service made us pause: it may not have saved up for that time."""


class Governor:
    """How many requests a second one quota lets through.

    A throttled answer says that the service's allowance is used up at that moment. What is
    served between two such moments, divided by the time between them, is therefore the true
    rate, whatever burst the service allows: that is what the rate becomes. Without throttled
    answers it grows back to its ceiling, slowly at first and then ever faster, so that a small
    misjudgement costs little and a risen limit is found soon.
    """

    def __init__(self, ceiling: float) -> None:
        self.ceiling = ceiling
        """Requests per second that are never exceeded: the documented quota."""
        self._base = ceiling
        self._emptied: float | None = None
        self._served = 0
        self._refused = 0
        self._paused = False
        self._patience = _PATIENCE

    def rate(self, now: float) -> float:
        """Return the requests per second that may be sent at *now* (in seconds)."""
        if self._emptied is not None and now - self._emptied < _SHORTAGE / 2:
            return max(SLOWEST, self._base * _CAUTION)
        return self._grown(now)

    def served(self) -> None:
        """Count an answer other than a throttled one."""
        self._served += 1

    def throttled(self, now: float, *, pause: bool = False) -> bool:
        """Take in a throttled answer; return whether it opened a new shortage.

        *pause* says that the service asked for a pause.
        """
        if self._emptied is None:
            self._open(now, self._base, pause=pause)
            return True
        span = now - self._emptied
        if span < _SHORTAGE:
            self._refused += 1
            return False
        current = self._grown(now)
        steepest = _STEEPEST_AFTER_PAUSE if self._paused else _STEEPEST
        share = min(_GENTLEST, max(steepest, self._goodput(span) / current))
        same = current < self._base * _SAME_LIMIT
        self._patience = min(self._patience * 2, _MOST_PATIENCE) if same else _PATIENCE
        self._open(now, current * share, pause=pause)
        return True

    def assume(self, now: float, rate: float) -> None:
        """Go on from *rate*, with a shortage at *now*."""
        self._open(now, min(rate, self.ceiling), pause=False)

    def reset(self) -> None:
        """Forget all shortages."""
        self._base = self.ceiling
        self._emptied = None
        self._patience = _PATIENCE

    def _open(self, now: float, rate: float, *, pause: bool) -> None:
        self._base = max(SLOWEST, rate)
        self._emptied = now
        self._served = 0
        self._refused = 0
        self._paused = pause

    def _goodput(self, span: float) -> float:
        """Return the requests per second the service let through in the last *span* seconds.

        What we held back out of caution counts as let through, unless more was refused.
        """
        held_back = 0.0 if self._refused else self._base * (1 - _CAUTION) * _SHORTAGE / 2
        return (self._served + held_back) / span

    def _grown(self, now: float) -> float:
        if self._emptied is None:
            return self._base
        quiet = now - self._emptied - self._patience
        if quiet <= 0:
            return self._base
        # Beyond a minute the exponent would overflow, and the ceiling is long reached.
        return min(self.ceiling, self._base * math.exp(_GROWTH * min(quiet, 60.0) ** 2))
