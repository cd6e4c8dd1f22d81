"""The rate of one quota, learnt from what the service answers. Pure: time is an argument."""

from __future__ import annotations

import math

SLOWEST = 0.5
"""Requests per second that are never undercut, so that nothing waits for ever."""
_SHORTAGE = 1.0
"""Seconds for which throttled answers count as one shortage: requests already under way."""
_CAUTION = 0.8
"""Share of the rate during a shortage; what it saves is what the next seconds live on."""
_PATIENCE = 2.0
"""Seconds without a throttled answer before the rate grows again."""
_GROWTH = 0.02
"""Growth is exp(growth * t^2): 2 % after a second, double after six."""
_STEEPEST = 0.5
"""One shortage never takes away more than this share, however little was served."""


class Governor:
    """How many requests a second one quota lets through.

    A throttled answer says that the service's allowance is used up at that moment. What is
    served between two such moments, divided by the time between them, is therefore the true
    rate, whatever burst the service allows and however long we paused: that is what the rate
    becomes. Without throttled answers it grows back to its ceiling, slowly at first and then
    ever faster, so that a small misjudgement costs little and a risen limit is found soon.
    """

    def __init__(self, ceiling: float) -> None:
        self.ceiling = ceiling
        """Requests per second that are never exceeded: the documented quota."""
        self._base = ceiling
        self._since = 0.0
        self._emptied: float | None = None
        self._served = 0

    def rate(self, now: float) -> float:
        """Return the requests per second that may be sent at *now* (in seconds)."""
        if self._emptied is not None and now - self._emptied < _SHORTAGE:
            return max(SLOWEST, self._base * _CAUTION)
        return self._grown(now)

    def served(self) -> None:
        """Count an answer other than a throttled one."""
        self._served += 1

    def throttled(self, now: float) -> bool:
        """Take in a throttled answer; return whether it opened a new shortage."""
        if self._emptied is None:
            self._open(now, self._grown(now))
            return True
        span = now - self._emptied
        if span < _SHORTAGE:
            return False
        current = self._grown(now)
        self._open(now, min(current, max(self._served / span, current * _STEEPEST)))
        return True

    def assume(self, now: float, rate: float) -> None:
        """Go on from *rate*, with a shortage at *now*."""
        self._open(now, min(rate, self.ceiling))

    def reset(self) -> None:
        """Forget all shortages."""
        self._base = self.ceiling
        self._emptied = None

    def _open(self, now: float, rate: float) -> None:
        self._base = max(SLOWEST, rate)
        self._since = now
        self._emptied = now
        self._served = 0

    def _grown(self, now: float) -> float:
        quiet = now - self._since - _PATIENCE
        if self._emptied is None or quiet <= 0:
            return self._base
        # Beyond a minute the exponent would overflow, and the ceiling is long reached.
        return min(self.ceiling, self._base * math.exp(_GROWTH * min(quiet, 60.0) ** 2))
