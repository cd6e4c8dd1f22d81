"""Hold the lease while applying: take it, renew it, and write nothing once it may be another's.

The holder goes by two clocks of its own, and by the stricter of them: the date, which others go
by, too, and the time that has passed, which no correction of the date changes; the first goes on
while a machine sleeps. What they cannot prevent is that a request which was sent in time arrives
late, see `MARGIN`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

from identity_reconciler.core.lease import (
    MARGIN,
    PERIOD,
    Generation,
    Holder,
    Lease,
    LeaseUnreadableError,
    claimed,
    ended,
    lease_in,
    lease_text,
    renewed,
    taken,
)
from identity_reconciler.core.ownership import Claims
from identity_reconciler.core.state import Group, Principal, Resource, State, User
from identity_reconciler.errors import (
    AlreadyExistsError,
    ChangedError,
    GatewayError,
    LockHeldError,
    LockLostError,
    ThrottledError,
    UnknownOutcomeError,
    UnreachableError,
)
from identity_reconciler.gateway import Gateway, Wanted
from identity_reconciler.gateway.writing.leases import Kept, LeaseStore
from identity_reconciler.runs.applier import Patience

_RENEWAL = PERIOD / 3
"""Age from which on a lease is renewed before the next write."""
_CONTESTS = 5
"""How often somebody else may be faster before it is left to the others."""
_LOOK_AGAIN = 20.0
"""Seconds between two looks at a lease that is waited for."""


@dataclass(frozen=True, slots=True)
class Clocks:
    """The two times that a holder goes by."""

    date: Callable[[], datetime]
    """The date in UTC."""
    passed: Callable[[], float]
    """Seconds since some fixed moment; never goes back."""


@dataclass(frozen=True, slots=True)
class Run:
    """Who wants to apply what."""

    nonce: str
    """Random, see `Holder`."""
    owner: str
    commit: str | None = None
    plan: str | None = None
    """The digest of a saved plan."""
    only_expired: bool = False
    """Whether it only removes what has expired: that applies no commit."""
    wait: float = 0.0
    """Seconds for which it waits for a lease that somebody else holds."""
    over_from: str | None = None
    """The nonce of a run that holds it and is known to be gone."""
    check: Callable[[Generation], None] = lambda _: None
    """Raises what speaks against applying after that generation."""
    claims: Claims | None = None
    """What its repository owns, as others are to know; None: as they have been told."""


@dataclass(frozen=True, slots=True)
class Means:
    """What holding a lease takes from outside."""

    clocks: Clocks
    patience: Patience
    tell: Callable[[str], None]
    """Tells people something that they may want to know."""


def kept_lease(store: LeaseStore) -> Lease:
    """Return the lease that is kept in *store*; a new one where nothing is.

    Raises:
        LeaseUnreadableError: Something else is kept there.
        GatewayError: It could not be read.
    """
    return _lease(store.read(), store)


def _lease(kept: Kept | None, store: LeaseStore) -> Lease:
    if kept is None:
        return Lease()
    try:
        return lease_in(kept.text)
    except LeaseUnreadableError as error:
        raise LeaseUnreadableError(
            f"{store.place} does not hold the lock of this program, though it is where that is "
            "kept; nothing was changed. If nobody else needs it, delete it; otherwise set lock in "
            "instance.yaml to another place"
        ) from error


def take(store: LeaseStore, run: Run, means: Means) -> Tenure:
    """Take the lease in *store* for *run*, waiting for it as long as that wants to.

    Raises:
        LockHeldError: Somebody else holds it.
        LeaseUnreadableError: Something else is kept where it should be.
        GatewayError: It could not be read or written.
    """
    began = means.clocks.passed()
    told = ""
    contests = 0
    while True:
        try:
            tenure = _try(store, run, means)
        except LockHeldError as error:
            left = began + run.wait - means.clocks.passed()
            if left <= 0:
                raise
            if not told:
                told = f"waiting up to {run.wait:.0f} s: {error}"
                means.tell(told)
            means.patience.sleep(min(left, _LOOK_AGAIN))
            continue
        if tenure is not None:
            return tenure
        contests += 1
        if contests >= _CONTESTS:
            raise LockHeldError(
                f"others were faster {contests} times to take the lock in {store.place}; nothing "
                "was changed, run again"
            )


def _try(store: LeaseStore, run: Run, means: Means) -> Tenure | None:
    """Take the lease if it is free; None when somebody else was faster."""
    kept = store.read()
    lease = _lease(kept, store)
    passed, now = means.clocks.passed(), means.clocks.date().replace(microsecond=0)
    holder = Holder(run.nonce, run.owner, now, now + PERIOD, run.commit, run.plan)
    held = claimed(taken(lease, holder, run.over_from), run.claims)
    run.check(held.generation)
    if run.only_expired:
        held = replace(held, holder=replace(holder, commit=held.generation.commit))
    try:
        kept = _set(store, lease_text(held), kept, means.patience)
    except (ChangedError, AlreadyExistsError):
        return None
    if lease.holder is not None:
        means.tell(
            f"took the lock over from {lease.holder}: it was not given back, so that run may have "
            "been killed while it wrote"
        )
    return Tenure(store, held, kept, means, passed)


def _set(store: LeaseStore, text: str, seen: Kept | None, patience: Patience) -> Kept:
    """Keep *text* in place of what was *seen*; find out whether it is, when an answer is lost.

    Raises:
        ChangedError: Something else is kept by now.
        GatewayError: It could not be written.
    """
    trouble: GatewayError | None = None
    for attempt in range(patience.attempts):
        if trouble is not None and not patience.wait(attempt, trouble):
            break
        try:
            return store.write(text, seen)
        except (ThrottledError, UnreachableError) as error:
            trouble = error
        except (UnknownOutcomeError, ChangedError, AlreadyExistsError) as error:
            now = store.read()
            # Nobody else writes the same: it has the nonce, or takes out who has.
            if now is not None and now.text == text:
                return now
            if now != seen:
                raise ChangedError(f"{error}; somebody else was faster") from error
            trouble = error
    raise trouble or GatewayError("stopped")


@dataclass(slots=True)
class Tenure:
    """A lease that this run holds. Safe to share between threads."""

    _store: LeaseStore
    _lease: Lease
    _kept: Kept
    _means: Means
    _passed: float
    """When it was taken or renewed last, in time that passes."""
    _lost: str = ""
    _renewing: int = 0
    """The thread that renews it."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def generation(self) -> Generation:
        """What was applied before this run."""
        return self._lease.generation

    @property
    def is_lost(self) -> bool:
        """Whether nothing may be written any more."""
        return bool(self._lost)

    def require(self) -> None:
        """Return only if the lease is ours for long enough to send a request; renew it if need be.

        Raises:
            LockLostError: It may be somebody else's.
        """
        with self._lock:
            if not self._lost and self._age() >= _RENEWAL:
                self._renewing = threading.get_ident()
                try:
                    self._renew()
                finally:
                    self._renewing = 0
            if self._lost:
                raise LockLostError(self._lost)

    def require_still(self) -> None:
        """Return only if it still is ours; after a wait that followed `require`, without a request.

        Raises:
            LockLostError: It may be somebody else's.
        """
        if not self._lost and self._age() >= PERIOD - MARGIN:
            raise LockLostError("the time of the lock was over while a turn was waited for")
        if self._lost:
            raise LockLostError(self._lost)

    @property
    def is_renewing_here(self) -> bool:
        """Whether this very thread is renewing it."""
        return self._renewing == threading.get_ident()

    def _age(self) -> timedelta:
        """Return how long ago it was taken or renewed, by the stricter clock."""
        holder = self._lease.holder
        by_date = self._means.clocks.date() - holder.until + PERIOD if holder else PERIOD
        return max(by_date, timedelta(seconds=self._means.clocks.passed() - self._passed))

    def _renew(self) -> None:
        passed, date = self._means.clocks.passed(), self._means.clocks.date()
        lease = renewed(self._lease, date)
        try:
            kept = _set(self._store, lease_text(lease), self._kept, self._means.patience)
        except ChangedError:
            self._lost = (
                "the lock was lost to somebody else, because its time was over before it could be "
                "renewed; nothing more is written"
            )
        except GatewayError as error:
            if self._age() >= PERIOD - MARGIN:
                self._lost = f"the lock could not be renewed ({error}); nothing more is written"
        else:
            self._lease, self._kept, self._passed = lease, kept, passed

    def release(self, *, wrote: bool, done: bool) -> None:
        """Give the lease back, and keep what was applied last; see `ended`.

        Whatever happens, nothing is raised: it is over by itself.
        """
        with self._lock:
            if self._lost:
                return
            self._lost = "the lock was given back"
            try:
                lease = ended(self._lease, wrote=wrote, done=done)
                _set(self._store, lease_text(lease), self._kept, self._means.patience)
            except ChangedError:
                self._means.tell("the lock was somebody else's before it was given back")
            except GatewayError as error:
                holder = self._lease.holder
                over = f" at {holder.until + MARGIN:%Y-%m-%dT%H:%M:%SZ}" if holder else ""
                self._means.tell(
                    f"the lock could not be given back, and is over by itself{over}: {error}"
                )


class LeasedGateway:
    """See Gateway. Writes as long as *tenure* lasts: it is asked before and after each turn."""

    def __init__(self, gateway: Gateway, tenure: Tenure) -> None:
        self._gateway = gateway
        self._tenure = tenure
        self._has_begun = False
        self.may_have_written = False

    def read_state(self, wanted: Wanted) -> State:
        """See Gateway."""
        return self._gateway.read_state(wanted)

    def witnesses(self, principals: Iterable[Principal]) -> Mapping[Principal, str]:
        """See Gateway."""
        return self._gateway.witnesses(principals)

    def announcing(self, begin: Callable[[], None]) -> AbstractContextManager[None]:
        """See Gateway."""
        return self._gateway.announcing(partial(self._begin, begin))

    def _begin(self, begin: Callable[[], None]) -> None:
        if self._tenure.is_renewing_here:
            # What this thread sends is no change.
            return
        self._tenure.require_still()
        begin()
        self._has_begun = True

    def create(self, resource: Resource) -> None:
        """See Gateway."""
        self._write(lambda: self._gateway.create(resource))

    def update(self, before: User | Group, after: User | Group) -> None:
        """See Gateway."""
        self._write(lambda: self._gateway.update(before, after))

    def delete(self, resource: Resource) -> None:
        """See Gateway."""
        self._write(lambda: self._gateway.delete(resource))

    def _write(self, send: Callable[[], None]) -> None:
        self._tenure.require()
        try:
            send()
        except UnknownOutcomeError:
            self.may_have_written = True
            raise
        except GatewayError:
            # Refused, and nothing was done.
            raise
        except BaseException:
            # Of what was begun, be it this or one beside it, nobody knows.
            self.may_have_written |= self._has_begun
            raise
        self.may_have_written = True
