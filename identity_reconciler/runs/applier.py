"""Carry out a plan, one change at a time, so that it can be stopped and run again at any point.

Every write is sent once. When its answer is lost or contradicts the plan, the truth is read back
and never guessed: what is as it should be is done, what is as it was is tried again, anything
else is an error that names the difference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Protocol, assert_never

from identity_reconciler.core.plan import (
    Change,
    Create,
    Delete,
    Plan,
    Rename,
    Step,
    Update,
    awaited,
    requirements,
    step_of,
)
from identity_reconciler.core.readback import (
    WriteState,
    compare_with_live,
    concerned,
    gets_a_taken_name,
)
from identity_reconciler.core.state import Key, State, User, UserKey, UserName, address, user_key
from identity_reconciler.core.taken import address_given, holders
from identity_reconciler.errors import (
    AlreadyExistsError,
    ChangedError,
    CredentialsError,
    GatewayError,
    NotFoundError,
    ThrottledError,
    UnknownOutcomeError,
)
from identity_reconciler.gateway import Gateway, Wanted


class Outcome(StrEnum):
    """What became of a change."""

    APPLIED = "applied"
    ALREADY_IN_PLACE = "already in place"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Result:
    """A change and what became of it."""

    change: Change
    outcome: Outcome
    detail: str = ""
    """Why it failed or was skipped; empty when there is nothing to say."""


class Journal(Protocol):
    """Hears of every write before and after it is made."""

    def starting(self, change: Change) -> None:
        """Note that *change* is about to be written. A failure here stops the apply."""
        ...

    def finished(self, result: Result) -> None:
        """Note what became of it."""
        ...


def _never() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Patience:
    """How often and how long to try, and when to give up. Times are in seconds."""

    sleep: Callable[[float], None]
    stop: Callable[[], bool] = _never
    """Asked between two requests; once it answers true, nothing more is begun."""
    attempts: int = 8
    """Writes of one change at most."""
    first_wait: float = 1.0
    """Before the second attempt; doubled after each, unless AWS says how long to wait."""
    longest_wait: float = 30.0

    def wait(self, attempts: int, trouble: GatewayError) -> bool:
        """Sleep after that many attempts; return whether to try again.

        The wait that AWS asked for is kept, others are doubled each time.
        """
        wait = self.first_wait * 2 ** (attempts - 1)
        if isinstance(trouble, ThrottledError) and trouble.retry_after is not None:
            wait = trouble.retry_after
        self.sleep(min(wait, self.longest_wait))
        return not self.stop()


_LAST_STEPS = (Step.DELETE_GROUPS, Step.DELETE_USERS)


def _unobjected(_: Change) -> str:
    return ""


def apply_plan(
    plan: Plan,
    gateway: Gateway,
    journal: Journal,
    patience: Patience,
    objection: Callable[[Change], str] = _unobjected,
) -> Iterator[Result]:
    """Carry out *plan* in its order and yield a result for each change as it happens.

    A change is skipped when a user or group that it needs could not be created or renamed, or
    does not give up a name or address that it takes; users and groups are deleted only when
    everything before went well. Without credentials
    everything that is left is skipped. After `patience.stop` the iteration ends early.

    *objection* is asked right before a change is tried: what it answers, if anything, is why the
    change fails.
    """
    progress = _Progress(_renamed(plan), awaited(plan.changes))
    for change in plan.changes:
        if patience.stop():
            return
        obstacle = progress.obstacle(change)
        if obstacle:
            result = Result(change, Outcome.SKIPPED, obstacle)
        elif objected := objection(change):
            result = Result(change, Outcome.FAILED, objected)
        else:
            journal.starting(change)
            now = progress.as_live(change)
            result = replace(_carry_out(now, gateway, patience, progress), change=change)
            journal.finished(result)
        progress.note(result)
        yield result


@dataclass(slots=True)
class _Progress:
    """What this run has done so far, as far as later changes depend on it."""

    renamed_later: dict[UserKey, UserName]
    """By the name that they will have, the name of the users who are still to be renamed."""
    awaited: Mapping[Key, tuple[Key, ...]]
    """By the key of a change, those of the changes that give up what it takes."""
    failed: set[Key] = field(default_factory=set)
    done: set[Key] = field(default_factory=set)
    fresh: set[Key] = field(default_factory=set)
    """Users and groups that this run created or renamed."""
    without_credentials: str = ""

    def note(self, result: Result) -> None:
        if result.outcome in (Outcome.FAILED, Outcome.SKIPPED):
            self.failed.add(result.change.key)
            return
        self.done.add(result.change.key)
        if isinstance(result.change, Create | Rename):
            self.fresh.add(result.change.key)
            if isinstance(result.change.after, User):
                self.renamed_later.pop(user_key(result.change.after.user_name), None)

    def obstacle(self, change: Change) -> str:
        """Return why *change* must not be tried, or nothing."""
        if self.without_credentials:
            return self.without_credentials
        if self.failed and step_of(change) in _LAST_STEPS:
            return "users and groups are deleted only after everything before them went well"
        for key in requirements(change):
            if key in self.failed:
                return f"needs {'/'.join(key)}, which could not be made ready"
        for key in self.awaited.get(change.key, ()):
            if key in self.failed:
                return f"takes what {'/'.join(key)} was to give up, which has failed"
        return ""

    def as_live(self, change: Change) -> Change:
        """Return *change* with managers named as they are live now; a plan has their later names.

        Two who are renamed and become each other's managers cannot both wait for the other.
        """
        match change:
            case Create(after=User() as after):
                return replace(change, after=self._managed(after))
            case Delete(before=User() as before):
                return replace(change, before=self._managed(before))
            case Update(User() as before, User() as after) | Rename(
                User() as before, User() as after
            ):
                return replace(change, before=self._managed(before), after=self._managed(after))
            case _:
                return change

    def _managed(self, user: User) -> User:
        name = self.renamed_later.get(user_key(user.manager)) if user.manager else None
        return user if name is None else replace(user, manager=name)

    def awaits(self, change: Change) -> bool:
        """Return whether what *change* needs has just been done, so that AWS may not show it yet.

        A list right after a create has been seen without the new object. Source: awslabs/ssosync
        issue 42.
        """
        given_up = any(key in self.done for key in self.awaited.get(change.key, ()))
        return given_up or any(key in self.fresh for key in requirements(change))


def _renamed(plan: Plan) -> dict[UserKey, UserName]:
    """Return the names of all whom *plan* renames, by the keys of their new names."""
    return {
        user_key(change.after.user_name): change.before.user_name
        for change in plan.changes
        if isinstance(change, Rename)
        and isinstance(change.before, User)
        and isinstance(change.after, User)
    }


def _carry_out(change: Change, gateway: Gateway, patience: Patience, progress: _Progress) -> Result:
    """Write *change* until its outcome is known."""
    maybe_written = False
    trouble: GatewayError | None = None
    for attempt in range(patience.attempts):
        if trouble is not None and not patience.wait(attempt, trouble):
            break
        trouble = _write(change, gateway)
        if trouble is None:
            return Result(change, Outcome.APPLIED)
        if isinstance(trouble, ThrottledError):
            continue
        maybe_written = maybe_written or isinstance(trouble, UnknownOutcomeError)
        result = _settle(change, gateway, trouble, maybe_written=maybe_written)
        # Whom it was for is gone for good; who has the name by now is somebody else.
        is_open = maybe_written and not isinstance(trouble, NotFoundError)
        again = is_open or isinstance(trouble, ChangedError) or progress.awaits(change)
        if result.outcome is not Outcome.SKIPPED:
            progress.without_credentials = _credentials_problem(trouble)
            return result
        if not again:
            return replace(result, outcome=Outcome.FAILED)
    return Result(change, Outcome.FAILED, f"gave up; the last answer was: {trouble}")


def _write(change: Change, gateway: Gateway) -> GatewayError | None:
    """Send *change* once; return what went wrong, or None."""
    try:
        match change:
            case Create():
                gateway.create(change.after)
            case Update() | Rename():
                gateway.update(change.before, change.after)
            case Delete():
                gateway.delete(change.before)
            case _:
                assert_never(change)
    except GatewayError as error:
        return error
    return None


def _credentials_problem(trouble: GatewayError) -> str:
    return str(trouble) if isinstance(trouble, CredentialsError) else ""


_UNSETTLED = (UnknownOutcomeError, AlreadyExistsError, ChangedError, NotFoundError)
"""What leaves open whether the live state is as the change wants it; anything else is final."""


def _settle(
    change: Change, gateway: Gateway, trouble: GatewayError, *, maybe_written: bool
) -> Result:
    """Return what became of *change* after *trouble*; SKIPPED when nothing has happened yet."""
    done = Result(change, Outcome.APPLIED if maybe_written else Outcome.ALREADY_IN_PLACE)
    if not isinstance(trouble, _UNSETTLED):
        return Result(change, Outcome.FAILED, str(trouble))
    if isinstance(change, Delete) and isinstance(trouble, NotFoundError):
        return done
    try:
        live = gateway.read_state(
            Wanted(named=concerned(change), addresses=_asked(change, trouble))
        )
    except GatewayError as error:
        unknown = f"{trouble}; whether it was done could not be read back: {error}"
        return Result(change, Outcome.FAILED, unknown)
    standing, detail = compare_with_live(change, live)
    if gets_a_taken_name(change, live):
        standing = WriteState.OTHERWISE
        detail = f"another {change.key[0]} has the new name; plan again"
    match standing:
        case WriteState.DONE:
            return done
        case WriteState.OTHERWISE:
            return Result(change, Outcome.FAILED, detail)
        case WriteState.NOT_DONE:
            return Result(change, Outcome.SKIPPED, _blamed(change, live) or str(trouble))
        case _:
            assert_never(standing)


def _asked(change: Change, trouble: GatewayError) -> tuple[str, ...]:
    """Return the e-mail address that may be the reason why AWS says that something is taken."""
    given = address_given(change) if isinstance(trouble, AlreadyExistsError) else None
    return () if given is None else (given,)


def _blamed(change: Change, live: State) -> str:
    """Return who has what *change* was to give, or nothing."""
    holder = holders((change,), live).get(change.key)
    return "" if holder is None else f"its e-mail address is that of {address(holder)}; plan again"
