"""Turns for requests: as many a second as each quota allows, in the order they were asked for.

The quotas are those of AWS: sso-admin counts all its operations together, identitystore each
operation for itself, both per region and account, so one `Pacer` serves one region and account.
Source: userguide/limits.html, and `Rates`.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Protocol

from identity_reconciler.gateway.wire.governor import Governor

_CATCH_UP = 0.1
"""Seconds of unused turns that may be made up for, so that a late thread costs nothing."""
_LONGEST_PAUSE = 60.0
"""Seconds: a longer RetryAfterSeconds than this is not believed."""
_TOGETHER = 5.0
"""Seconds within which throttled answers to two operations point to one common quota."""
_UNTROUBLED = 20
"""Answers of another operation without one throttled that show its quota to be its own."""
_SHORTAGES = 3
"""Shortages of one operation alone after which the others are no longer slowed with it."""


@dataclass(frozen=True, slots=True)
class Rates:
    """The documented quotas, in requests per second. Source: userguide/limits.html."""

    sso_admin: float = 20.0
    """All operations together."""
    identity_store: float = 20.0
    """Each operation for itself."""
    account_access: float = 20.0
    """All operations together. Source: IAM userguide, aam-quotas."""


class Clock(Protocol):
    """Time that passes."""

    def now(self) -> float:
        """Return seconds since some fixed moment; never goes back."""
        ...

    def sleep(self, seconds: float) -> None:
        """Return *seconds* later."""
        ...


class SystemClock:
    """The time of the machine, unmoved by changes to its date."""

    def now(self) -> float:
        """See Clock."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """See Clock."""
        time.sleep(seconds)


class _Lane:
    """Turns of one quota, spaced by its governor. Not thread-safe; the pacer locks."""

    def __init__(self, ceiling: float) -> None:
        self.governor = Governor(ceiling)
        self.epoch = 0
        """Turns given out in an earlier epoch no longer hold."""
        self.last_turn = float("-inf")
        self.shortages = 0
        self.last_throttled = float("-inf")
        self.untroubled = 0
        """Answers since the last throttled one."""
        self._next = float("-inf")

    def turn(self, now: float) -> float:
        """Return when the caller may send; the turn is taken."""
        turn = max(now, self._next)
        rate = self.governor.rate(now)
        self._next = max(self._next, now - _CATCH_UP) + 1 / rate
        self.last_turn = turn
        return turn

    def served(self) -> None:
        self.untroubled += 1
        self.governor.served()

    def throttled(self, now: float, pause: float) -> None:
        self.untroubled = 0
        self.last_throttled = now
        opened = self.governor.throttled(now, pause=pause > 0)
        self.shortages += opened
        if opened or pause:
            self.hold(now, pause)

    def hold(self, now: float, pause: float) -> None:
        """Call back the turns given out; new ones start after *pause* seconds."""
        self.epoch += 1
        self._next = max(now + pause, now + 1 / self.governor.rate(now))


class _Quota(Protocol):
    def lanes(self, operation: str) -> tuple[_Lane, ...]: ...
    def served(self, operation: str) -> None: ...
    def throttled(self, operation: str, now: float, pause: float) -> None: ...


class _SharedQuota:
    """One quota for all operations of a service."""

    def __init__(self, ceiling: float) -> None:
        self._lane = _Lane(ceiling)

    def lanes(self, operation: str) -> tuple[_Lane, ...]:
        del operation
        return (self._lane,)

    def served(self, operation: str) -> None:
        del operation
        self._lane.served()

    def throttled(self, operation: str, now: float, pause: float) -> None:
        del operation
        self._lane.throttled(now, pause)


class _OperationQuotas:
    """A quota for each operation, as documented, or for all, as it turns out.

    The service once documented a quota over all operations, so the first throttled answer slows
    them all: the whole service gets a lane. A second operation throttled soon after confirms
    that the quota is common; an operation that stays untroubled while another runs short again
    and again shows that each has its own, and the common lane goes.
    """

    def __init__(self, ceiling: float) -> None:
        self._ceiling = ceiling
        self._lanes: dict[str, _Lane] = {}
        self._common: _Lane | None = None
        self._decided = False

    def lanes(self, operation: str) -> tuple[_Lane, ...]:
        own = self._lanes.setdefault(operation, _Lane(self._ceiling))
        return (own,) if self._common is None else (own, self._common)

    def served(self, operation: str) -> None:
        self._lanes[operation].served()
        if self._common is not None:
            self._common.served()

    def throttled(self, operation: str, now: float, pause: float) -> None:
        lane = self._lanes[operation]
        lane.throttled(now, pause)
        if self._decided:
            if self._common is not None:
                lane.governor.reset()
                self._common.throttled(now, pause)
            return
        self._slow_all(now, pause)
        self._judge(lane, now)

    def _slow_all(self, now: float, pause: float) -> None:
        if self._common is not None:
            self._common.throttled(now, pause)
            return
        active = [lane for lane in self._lanes.values() if lane.last_turn > now - 1]
        self._common = _Lane(self._ceiling * len(self._lanes))
        self._common.governor.assume(now, sum(lane.governor.rate(now) for lane in active))
        self._common.hold(now, 0.0)

    def _judge(self, lane: _Lane, now: float) -> None:
        others = [other for other in self._lanes.values() if other is not lane]
        if any(other.last_throttled > now - _TOGETHER for other in others):
            self._decided = True
            for each in self._lanes.values():
                each.governor.reset()
        elif lane.shortages >= _SHORTAGES and any(
            other.untroubled >= _UNTROUBLED for other in others
        ):
            self._decided = True
            self._common = None


class Pacer:
    """Makes every request wait for its turn. Thread-safe; turns are first come, first served."""

    def __init__(self, rates: Rates, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._quotas: dict[str, _Quota] = {
            "sso-admin": _SharedQuota(rates.sso_admin),
            "identitystore": _OperationQuotas(rates.identity_store),
            "account-access": _SharedQuota(rates.account_access),
        }

    def wait(self, service: str, operation: str) -> float:
        """Return when the request may be sent: the seconds it had to wait.

        Services without a documented quota do not wait.
        """
        quota = self._quotas.get(service)
        if quota is None:
            return 0.0
        started = self._clock.now()
        with self._lock:
            lanes = quota.lanes(operation)
        for lane in lanes:
            self._take_turn(lane)
        return self._clock.now() - started

    def served(self, service: str, operation: str) -> None:
        """Take in an answer that was not throttled."""
        quota = self._quotas.get(service)
        if quota is not None:
            with self._lock:
                quota.served(operation)

    def throttled(self, service: str, operation: str, retry_after: float | None) -> None:
        """Take in a throttled answer: slow down, and send nothing for *retry_after* seconds."""
        quota = self._quotas.get(service)
        if quota is not None:
            pause = min(max(retry_after or 0.0, 0.0), _LONGEST_PAUSE)
            with self._lock:
                quota.throttled(operation, self._clock.now(), pause)

    def _take_turn(self, lane: _Lane) -> None:
        while True:
            with self._lock:
                turn = lane.turn(self._clock.now())
                epoch = lane.epoch
            delay = turn - self._clock.now()
            if delay > 0:
                self._clock.sleep(delay)
            with self._lock:
                if lane.epoch == epoch:
                    return
