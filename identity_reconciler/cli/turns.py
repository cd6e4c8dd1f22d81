"""Take turns at applying: the lease, from the first look to the last write.

What keeps it is asked before anything is read for a plan, and it is given back however the apply
ends, unless the process is killed; then it is over by itself.
"""

from __future__ import annotations

import os
import secrets
import signal
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from types import FrameType

from identity_reconciler.cli.output import note
from identity_reconciler.cli.side_by_side import is_aside
from identity_reconciler.core.lease import Generation, Lease, require_forward, settled
from identity_reconciler.core.ownership import Claims, claims_text
from identity_reconciler.errors import ExitCode
from identity_reconciler.gateway import Gateway
from identity_reconciler.gateway.aws import AwsGateway
from identity_reconciler.render.document import GenerationDocument
from identity_reconciler.runs.applier import Patience
from identity_reconciler.runs.lease import (
    Clocks,
    LeasedGateway,
    Means,
    Run,
    Tenure,
    kept_lease,
    take,
)

_ATTEMPTS = 4
"""Of one write of the lease, which holds nobody up for long."""


@dataclass(frozen=True, slots=True)
class Fence:
    """What may be applied after what, and how long to wait for one's turn."""

    descends: Callable[[str, str], bool | None]
    """Whether its second commit descends from the first; None: it cannot be told."""
    allow_commit: str | None = None
    """The commit that may be applied whatever was applied last."""
    wait: float = 0.0
    """Seconds."""
    over_from: str | None = None
    """What tells the run that holds the lease, where it is known to be gone."""


@dataclass(frozen=True, slots=True)
class Applied:
    """What is to be applied."""

    commit: str | None
    plan: str | None = None
    """The digest of a saved plan."""
    only_expired: bool = False
    check: Callable[[Generation], None] = lambda _: None
    """Raises what speaks against applying it after that generation."""
    claims: Claims | None = None
    """What the repository owns that it is of; None: as others have been told."""


@dataclass(slots=True)
class Turn:
    """The time in which nobody else applies."""

    gateway: Gateway
    """Writes as long as it is our turn."""
    lock: str
    tenure: Tenure | None = None
    """None: there is no lock."""
    done: bool = False
    """Whether nothing is left of what was to be applied."""

    @property
    def generation(self) -> GenerationDocument:
        """What a plan says that is made in this turn."""
        number = self.tenure.generation.number if self.tenure else 0
        return GenerationDocument(lock=self.lock, number=number)

    def ended(self, code: ExitCode) -> ExitCode:
        """Return how an apply ends that ended with *code*, and keep in mind whether it is done."""
        self.done = code is ExitCode.SUCCESS
        lost = self.tenure is not None and self.tenure.is_lost
        return ExitCode.LOCKED if lost and code is ExitCode.UNEXPECTED else code


@contextmanager
def turn(gateway: AwsGateway, lock: str, applied: Applied, fence: Fence) -> Iterator[Turn]:
    """Yield our turn to apply through *gateway*; *lock* says where the lease is kept.

    Raises:
        LockHeldError: It is somebody else's turn.
        StalePlanError: What is to be applied is older than what was applied last.
        GatewayError: The lease could not be read or written.
    """
    store = gateway.lease_store(lock)
    if store is None:
        yield Turn(gateway, lock, done=True)
        return

    def check(last: Generation) -> None:
        require_forward(last.commit, applied.commit, fence.descends, fence.allow_commit)
        applied.check(last)

    run = Run(
        nonce=secrets.token_hex(8),
        owner=_owner(os.environ),
        commit=applied.commit,
        plan=applied.plan,
        only_expired=applied.only_expired,
        wait=fence.wait,
        over_from=fence.over_from,
        check=check,
        claims=applied.claims,
    )
    with _ending_when_terminated():
        tenure = take(store, run, _means())
        leased = LeasedGateway(gateway, tenure)
        ours = Turn(leased, lock, tenure)
        try:
            yield ours
        finally:
            tenure.release(wrote=leased.may_have_written, done=ours.done)


def generation_before(
    gateway: AwsGateway, lock: str, claims: Claims | None = None
) -> GenerationDocument:
    """Return what was applied last, for a plan that is about to be made, and what it *claims*.

    It is read before anything else: an apply that ends while a plan is read is one that the plan
    has not seen whole.

    Raises:
        GatewayError: It could not be read.
    """
    store = gateway.lease_store(lock)
    lease = settled(kept_lease(store), datetime.now(UTC)) if store else Lease()
    holder = lease.holder
    return GenerationDocument(
        lock=lock,
        number=lease.generation.number,
        applying=None if holder is None else str(holder),
        claims=None if claims is None else claims_text(claims),
    )


def _means() -> Means:
    return Means(
        Clocks(lambda: datetime.now(UTC), time.monotonic),
        Patience(time.sleep, attempts=_ATTEMPTS),
        note,
    )


def _owner(environment: Mapping[str, str]) -> str:
    """Return which run this is, for others; no person is in it."""
    if run := environment.get("GITHUB_RUN_ID"):
        return f"GitHub run {run}, attempt {environment.get('GITHUB_RUN_ATTEMPT', '1')}"
    if job := environment.get("CI_JOB_ID"):
        return f"CI job {job}"
    return f"process {os.getpid()} on {socket.gethostname()}"


@contextmanager
def _ending_when_terminated() -> Iterator[None]:
    """Let SIGTERM end the block as an exception does, so that what it holds is given back.

    Beside others it ends nothing: see `side_by_side.Halt`.
    """
    if is_aside():
        yield
        return

    def end(_number: int, _frame: FrameType | None) -> None:
        raise SystemExit(ExitCode.TERMINATED)

    previous = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)
