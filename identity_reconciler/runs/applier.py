"""Carry out a plan, wave by wave, so that it can be stopped and run again at any point.

Within a wave changes are carried out side by side, see `lanes`. Every write is sent once. When its
answer is lost or contradicts the plan, the truth is read back and never guessed: what is as it
should be is done, what is as it was is tried again, anything else is an error that names the
difference; what cannot be read back is unknown.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Generator, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cache, partial
from typing import Protocol, assert_never

from identity_reconciler.core.bindings import bearers, judged_by
from identity_reconciler.core.needs import Need, Needs, Why, needs
from identity_reconciler.core.plan import (
    Change,
    Create,
    Delete,
    Plan,
    Rename,
    Update,
    requirements,
)
from identity_reconciler.core.readback import (
    WriteState,
    compare_with_live,
    concerned,
    gets_a_taken_name,
    live_counterpart,
)
from identity_reconciler.core.renames import Renames, ends_of
from identity_reconciler.core.state import (
    Assignment,
    Group,
    Key,
    Membership,
    Principal,
    Resource,
    State,
    User,
    UserKey,
    UserName,
    address,
    user_key,
)
from identity_reconciler.core.taken import address_given, holders
from identity_reconciler.errors import (
    AlreadyExistsError,
    ChangedError,
    CredentialsError,
    GatewayError,
    LockLostError,
    NotFoundError,
    ThrottledError,
    UnknownOutcomeError,
    UnreachableError,
)
from identity_reconciler.gateway import Gateway, Wanted
from identity_reconciler.runs.lanes import Lanes, Wave, Workers, predecessors, waves


class Outcome(StrEnum):
    """What became of a change."""

    APPLIED = "applied"
    ALREADY_IN_PLACE = "already in place"
    UNKNOWN = "unknown"
    """The answer was lost, and whether it was done could not be read back."""
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Result:
    """A change and what became of it."""

    change: Change
    outcome: Outcome
    detail: str = ""
    """Why it failed, was skipped or is unknown; empty when there is nothing to say."""
    answer_lost: bool = False
    """Whether, though it has failed, an answer to it was lost, so that it may have been written."""

    @property
    def is_met(self) -> bool:
        """Whether what is live is known to be as the change wants it."""
        return self.outcome in {Outcome.APPLIED, Outcome.ALREADY_IN_PLACE}

    @property
    def may_have_written(self) -> bool:
        """Whether AWS may have been changed, by this run and for this change."""
        return self.answer_lost or self.outcome in {Outcome.APPLIED, Outcome.UNKNOWN}


class Journal(Protocol):
    """Hears of every change before and after it is written, from the threads that write."""

    def starting(self, change: Change) -> None:
        """Note that *change* is about to be written for the first time.

        A failure here stops the apply, and nothing is written.
        """
        ...

    def finished(self, result: Result) -> None:
        """Note what became of it, or of a change for which nothing could be, or had to be, sent."""
        ...


def _never() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Patience:
    """How often and how long to try, and when to give up. Times are in seconds."""

    sleep: Callable[[float], None]
    stop: Callable[[], bool] = _never
    """Asked before a change is begun, and between two attempts; once it answers true, nothing more
    is begun."""
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


def _unobjected(_: Change) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Manner:
    """How an apply goes about its changes."""

    objection: Callable[[Change], str] = _unobjected
    """Asked right before a change is tried, in the thread that is to write it: what it answers, if
    anything, is why the change fails."""
    lanes: Lanes = field(default_factory=Lanes)


_ONE_BY_ONE = Manner()


def apply_plan(
    plan: Plan,
    gateway: Gateway,
    journal: Journal,
    patience: Patience,
    manner: Manner = _ONE_BY_ONE,
) -> Generator[Result, None, None]:
    """Carry out *plan* in the order of its waves and yield each result as it comes.

    A change is skipped when one that it needs did not go well, was skipped itself, or is unknown:
    see `needs`. Without credentials, or the lease, everything that is left is skipped. After
    `patience.stop` the iteration ends early, when what had been begun has ended. An error of the
    journal ends it, too, after the results of what was under way.
    """
    needed = needs(plan.changes)
    given = frozenset(one.key for one in plan.changes if isinstance(one, Create | Rename))
    progress = _Progress(
        _renamed(plan), needed, Renames.in_plan(plan), given, cache(partial(bearers, plan))
    )
    run = _Run(gateway, journal, patience, manner, progress)
    before = predecessors(plan, needed) if manner.lanes.width > 1 and plan.waves else {}
    with closing(manner.lanes.workers(manner.lanes.width)) as workers:
        try:
            for changes in waves(plan):
                if manner.lanes.width > 1 and len(changes) > 1:
                    wave = Wave(changes, before, manner.lanes.width)
                    yield from run.side_by_side(wave, workers)
                else:
                    yield from run.one_by_one(changes)
        finally:
            run.is_over = True


@dataclass(slots=True)
class _Ended:
    """What came of a change that was to be tried."""

    change: Change
    result: Result | None = None
    """None where it was not begun, because the apply is over."""
    trouble: BaseException | None = None
    """What ends the apply, if anything."""


class _NotBegunError(Exception):
    """A change is not to be begun any more; says why it is skipped, or nothing."""


@dataclass(slots=True)
class _Run:
    """One apply. Several threads may call `attempt`, and only that of the caller all else."""

    gateway: Gateway
    journal: Journal
    patience: Patience
    manner: Manner
    progress: _Progress
    is_over: bool = False
    """Whether something has ended the apply, so that nothing more is begun."""

    def one_by_one(self, changes: Iterable[Change]) -> Generator[Result, None, None]:
        """Carry out *changes* in their order, in the caller's thread."""
        for change in changes:
            if self._is_to_stop():
                return
            obstacle = self.progress.obstacle(change)
            skipped = Result(change, Outcome.SKIPPED, obstacle) if obstacle else None
            ended = _Ended(change, skipped) if skipped else self.attempt(change)
            yield from self._noted(ended)
            if ended.trouble is not None:
                raise ended.trouble

    def side_by_side(self, wave: Wave, workers: Workers) -> Generator[Result, None, None]:
        """Carry out the changes of *wave*, each once what it comes after has ended."""
        ended: deque[_Ended] = deque()
        trouble: BaseException | None = None
        while True:
            while not self._is_to_stop() and (begun := wave.start()) is not None:
                lane, change = begun
                obstacle = self.progress.obstacle(change)
                if obstacle:
                    wave.end(change)
                    yield from self._noted(
                        _Ended(change, Result(change, Outcome.SKIPPED, obstacle))
                    )
                else:
                    workers.start(lane, partial(self._attempt_into, ended, change))
            if not wave.under_way:
                break
            workers.wait()
            one = ended.popleft()
            wave.end(one.change)
            trouble = trouble or one.trouble
            yield from self._noted(one)
        if trouble is not None:
            raise trouble

    def _is_to_stop(self) -> bool:
        self.is_over = self.is_over or self.patience.stop()
        return self.is_over

    def _noted(self, ended: _Ended) -> Generator[Result, None, None]:
        if ended.result is not None:
            self.progress.note(ended.result)
            yield ended.result

    def _attempt_into(self, ended: deque[_Ended], change: Change) -> None:
        ended.append(self.attempt(change))

    def attempt(self, change: Change) -> _Ended:
        """Try *change* and note what became of it; whatever is raised is in the answer."""
        ended = _Ended(change)
        try:
            objection = self.manner.objection(change)
            if objection:
                ended.result = Result(change, Outcome.FAILED, objection)
            else:
                now = self.progress.as_live(change)
                ended.result = replace(self._carry_out(now, self._begin(change)), change=change)
                self.journal.finished(ended.result)
        except _NotBegunError as error:
            if reason := str(error):
                ended.result = Result(change, Outcome.SKIPPED, reason)
        except BaseException as error:  # noqa: BLE001 - raised by the thread of the caller
            self.is_over = True
            ended.trouble = error
        return ended

    def _begin(self, change: Change) -> Callable[[], None]:
        """Return what to call right before each request to write *change* is sent."""
        begun = False

        def begin() -> None:
            nonlocal begun
            if not begun:
                self._require_going_on()
                self.journal.starting(change)
                begun = True

        return begin

    def _require_going_on(self) -> None:
        """Return only if something may still be begun: much can happen while a turn is waited for.

        Raises:
            _NotBegunError: Nothing may.
        """
        if self.progress.without_credentials:
            raise _NotBegunError(self.progress.without_credentials)
        if self._is_to_stop():
            raise _NotBegunError

    def _carry_out(self, change: Change, begin: Callable[[], None]) -> Result:
        """Write *change* until its outcome is known, or it has been tried for long enough."""
        progress = self.progress
        lost = False
        trouble: GatewayError | None = None
        # Where nothing could be reached for long, each of the others need not wait as long again.
        for attempt in range(1 if progress.unreachable else self.patience.attempts):
            if trouble is not None and not self.patience.wait(attempt, trouble):
                break
            with self.gateway.announcing(begin):
                trouble = _write(change, self.gateway)
            if isinstance(trouble, UnreachableError):
                continue
            progress.unreachable = False
            if trouble is None:
                return Result(change, Outcome.APPLIED)
            if isinstance(trouble, ThrottledError):
                continue
            progress.heed(trouble)
            lost = lost or isinstance(trouble, UnknownOutcomeError)
            result = _settle(change, _Doubt(trouble, lost), self.gateway, progress)
            if result.outcome is not Outcome.SKIPPED:
                return result
            # Whom it was for is gone for good; who has the name by now is somebody else.
            is_open = lost and not isinstance(trouble, NotFoundError)
            again = is_open or isinstance(trouble, ChangedError) or progress.awaits(change)
            if not isinstance(trouble, _UNSETTLED) or not again:
                return replace(result, outcome=Outcome.FAILED)
        progress.unreachable = isinstance(trouble, UnreachableError)
        gave_up = f"gave up; the last answer was: {trouble}"
        return Result(change, Outcome.FAILED, gave_up, answer_lost=lost)


@dataclass(slots=True)
class _Progress:
    """What this run has done so far, as far as later changes depend on it.

    Only the thread of the caller notes results. What the others ask for stays true while they do,
    because nothing is under way together with what it depends on.
    """

    renamed_later: dict[UserKey, UserName]
    """By the name that they will have, the name of the users who are still to be renamed."""
    needs: Needs
    renames: Renames
    """Of the plan, done or not."""
    given: frozenset[Key]
    """The keys of what the plan creates or renames."""
    bearers: Callable[[], Mapping[Principal, frozenset[str]]]
    """See `core.bindings.bearers`; worked out when it is asked for, which is seldom."""
    failed: set[Key] = field(default_factory=set)
    done: set[Key] = field(default_factory=set)
    fresh: set[Key] = field(default_factory=set)
    """Users and groups that this run created or renamed."""
    renamed: dict[Key, tuple[User | Group, User | Group]] = field(default_factory=dict)
    """Those that this run renamed, before and after, by their keys of before."""
    without_credentials: str = ""
    unreachable: bool = False
    """Whether AWS could not be reached for as long as one change is tried."""

    def heed(self, trouble: GatewayError) -> None:
        """Note what *trouble* with one change means for all others."""
        if isinstance(trouble, CredentialsError | LockLostError):
            self.without_credentials = str(trouble)

    def note(self, result: Result) -> None:
        if not result.is_met:
            self.failed.add(result.change.key)
            return
        self.done.add(result.change.key)
        if isinstance(result.change, Create | Rename):
            self.fresh.add(result.change.key)
            if isinstance(result.change, Rename):
                self.renamed[result.change.before.key] = (result.change.before, result.change.after)
            if isinstance(result.change.after, User):
                self.renamed_later.pop(user_key(result.change.after.user_name), None)

    def obstacle(self, change: Change) -> str:
        """Return why *change* must not be tried, or nothing."""
        if self.without_credentials:
            return self.without_credentials
        return next((str(one) for one in self._needs_of(change) if one.key in self.failed), "")

    def _needs_of(self, change: Change) -> tuple[Need, ...]:
        return self.needs.get(change.key, ())

    def as_live(self, change: Change) -> Change:
        """Return *change* with managers, and links to be removed, named as they are live now.

        A plan has the later names of managers, and the former ones of links. Two who are renamed
        and become each other's managers cannot both wait for the other, nor can a link whose
        removal has to wait for what takes its place.
        """
        match change:
            case Delete(before=Membership() | Assignment() as link):
                moved = (self.renamed[key] for key in ends_of(link) if key in self.renamed)
                return replace(change, before=Renames.of(moved).link(link))
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
        freed = (one.key for one in self._needs_of(change) if one.why is Why.FREED)
        return not self.done.isdisjoint(freed) or not self.fresh.isdisjoint(requirements(change))

    def stranger(self, change: Change, gateway: Gateway, *, done: bool) -> str:
        """Return that by which *change* seems to be *done*, or not, is another object; or nothing.

        What it was to be written to was deleted or renamed by others, who gave its name on.
        """
        shown, fitting = judged_by(change, done=done), self.bearers()
        for one, witness in gateway.witnesses(shown).items():
            if one in fitting and witness not in fitting[one]:
                return f"{one.kind}/{one.name} is not the one that it was; plan again"
        return ""

    def elsewhere(self, change: Change) -> tuple[Resource, ...]:
        """Return, of a link to be removed, how else it may be named when renames are done."""
        if not isinstance(change, Delete) or self.renames.give_names_on:
            return ()
        return tuple(one for one in self.renames.places(change.before) if one.key != change.key)


def _renamed(plan: Plan) -> dict[UserKey, UserName]:
    """Return the names of all whom *plan* renames, by the keys of their new names."""
    return {
        user_key(change.after.user_name): change.before.user_name
        for change in plan.changes
        if isinstance(change, Rename)
        and isinstance(change.before, User)
        and isinstance(change.after, User)
    }


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


_UNSETTLED = (UnknownOutcomeError, AlreadyExistsError, ChangedError, NotFoundError)
"""What leaves open whether the live state is as the change wants it; anything else is final."""


@dataclass(frozen=True, slots=True)
class _Doubt:
    """Why it has to be found out what became of a change."""

    trouble: GatewayError
    """With the last request."""
    lost: bool
    """Whether an answer was lost, to that or to one before."""


def _settle(change: Change, doubt: _Doubt, gateway: Gateway, progress: _Progress) -> Result:
    """Return what became of *change*; SKIPPED when nothing has happened yet."""
    trouble, lost = doubt.trouble, doubt.lost
    done = Result(change, Outcome.APPLIED if lost else Outcome.ALREADY_IN_PLACE)
    if not lost and not isinstance(trouble, _UNSETTLED):
        return Result(change, Outcome.FAILED, str(trouble))
    elsewhere = progress.elsewhere(change)
    if isinstance(change, Delete) and isinstance(trouble, NotFoundError) and not elsewhere:
        return done
    try:
        live = gateway.read_state(
            Wanted(named=(*concerned(change), *elsewhere), addresses=_asked(change, trouble))
        )
    except GatewayError as error:
        progress.heed(error)
        unread = f"{trouble}; whether it was done could not be read back: {error}"
        outcome = Outcome.UNKNOWN if lost else Outcome.FAILED
        return Result(change, outcome, unread)
    standing, detail = _judged(change, live, elsewhere, progress.given)
    stranger = progress.stranger(change, gateway, done=standing is WriteState.DONE)
    if stranger or standing is WriteState.OTHERWISE:
        return Result(change, Outcome.FAILED, detail or stranger, answer_lost=lost)
    match standing:
        case WriteState.DONE:
            return done
        case WriteState.NOT_DONE:
            why = _blamed(change, live) or str(trouble)
            return Result(change, Outcome.SKIPPED, why, answer_lost=lost)
        case _:
            assert_never(standing)


def _judged(
    change: Change, live: State, elsewhere: tuple[Resource, ...], given: Collection[Key]
) -> tuple[WriteState, str]:
    """Return how *live* stands to *change* and, where it is otherwise, why."""
    for link in elsewhere:
        if live_counterpart(link, live) is not None:
            moved = f"it is {address(link)} now, as a rename of the plan is done; run again"
            return WriteState.OTHERWISE, moved
    if gets_a_taken_name(change, live, given):
        return WriteState.OTHERWISE, f"another {change.key[0]} has the new name; plan again"
    return compare_with_live(change, live)


def _asked(change: Change, trouble: GatewayError) -> tuple[str, ...]:
    """Return the e-mail address that may be the reason why AWS says that something is taken."""
    given = address_given(change) if isinstance(trouble, AlreadyExistsError) else None
    return () if given is None else (given,)


def _blamed(change: Change, live: State) -> str:
    """Return who has what *change* was to give, or nothing."""
    holder = holders((change,), live).get(change.key)
    return "" if holder is None else f"its e-mail address is that of {address(holder)}; plan again"
