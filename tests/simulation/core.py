"""One plan, whatever happens to it: the planner, the applier and the review over AWS in memory.

A plan is made and applied while things go wrong. Then nothing goes wrong any more: the saved plan
is applied once more, and a new plan is made and applied. What is live has to be what is declared.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from random import Random
from typing import NamedTuple

from identity_reconciler.core.plan import Change, Plan
from identity_reconciler.errors import GatewayError, StalePlanError
from identity_reconciler.runs.applier import Manner, Outcome, Patience, Result, apply_plan
from identity_reconciler.runs.lanes import Lanes
from identity_reconciler.runs.verification import (
    Lengths,
    left_of_reviewed,
    look_again,
    still_left,
)
from tests.memory_gateway import Killed
from tests.simulation.client import Client
from tests.simulation.declaring import declared
from tests.simulation.found import Found, story
from tests.simulation.oracle import (
    Fact,
    Intent,
    Store,
    differences,
    holds,
    intended,
    told,
)
from tests.simulation.promise import Promise, planned
from tests.simulation.schedule import Schedule, draw_schedule
from tests.simulation.service import KILLS, LOSSES, Fault, Service, Shuffled
from tests.simulation.worlds import draw

_NOTHING = Schedule()
_WIDTH = 4
"""Changes of one operation that are under way at once."""
_LIVES = 4
"""Of each world: seeds in a row that are about the same plan."""
_FINAL = frozenset({*KILLS, Fault.EXPIRED, Fault.UNREACHABLE})
"""Faults after which it is no fault of a run that it does not go on with everything."""


@dataclass(slots=True)
class Ended:
    """How one apply ended."""

    success: bool = False
    """Whether the command would exit with 0."""
    whole: bool = False
    """Whether it came to its end by itself."""
    stale: str = ""
    unread: bool = False


class Journal:
    """Hears of every write."""

    def __init__(self) -> None:
        self.begun: list[Change] = []
        self.ended: list[Change] = []

    def starting(self, change: Change) -> None:
        self.begun.append(change)

    def finished(self, result: Result) -> None:
        self.ended.append(result.change)


class _Moment(NamedTuple):
    """How much there was of each when something began."""

    commits: int
    faults: int
    edits: int


_NEVER = _Moment(0, 0, 0)


@dataclass(slots=True)
class Apply:
    """One apply of one plan."""

    service: Service
    promise: Promise
    findings: Found
    happens: Schedule = _NOTHING
    begun: _Moment = _NEVER
    results: list[Result] = field(default_factory=list)

    def run(self, plan: Plan, client: Client, look: Callable[[], Plan]) -> Ended:
        """Carry *plan* out, and look again as a command does."""
        journal, service = Journal(), self.service
        self.begun = _Moment(len(service.log), len(service.struck), service.edited)
        patience = Patience(service.sleep, self._is_stopped)
        service.on_commit = self._judge_commit
        try:
            for result in apply_plan(plan, client, journal, patience, self._manner()):
                self.results.append(result)
                self._judge(result)
        except Killed:
            self._judge_interrupted(journal)
            return Ended()
        finally:
            service.on_commit = service.on_call = None
        self._judge_journal(journal)
        if len(self.results) < len(plan.changes):
            self.findings.expect(self._is_stopped(), lambda: "ended early without being stopped")
            return Ended()
        return self._verified(look)

    def _manner(self) -> Manner:
        if self.happens.side_by_side is None:
            return Manner()
        random = Random(self.happens.side_by_side)  # noqa: S311 - repeatable on purpose
        return Manner(lanes=Lanes(_WIDTH, lambda _: Shuffled(self.service, random)))

    def _judge_journal(self, journal: Journal) -> None:
        """Each change that was begun has ended, and each that was tried has an end."""
        begun, ended = [one.key for one in journal.begun], [one.key for one in journal.ended]
        tried = [one.change.key for one in self.results if one.outcome is not Outcome.SKIPPED]
        self.findings.expect(
            set(begun) <= set(ended)
            and sorted(ended) == sorted(tried)
            and len(begun) == len(set(begun)),
            lambda: f"begun {sorted(begun)}, ended {sorted(ended)}, tried {sorted(tried)}",
        )

    def _is_stopped(self) -> bool:
        return self.happens.stop is not None and self.service.calls > self.happens.stop

    def _judge_commit(self, fact: Fact) -> None:
        allowed = self.promise.allowed
        self.findings.expect(fact in allowed, lambda: f"beyond the plan: {told([fact])}")
        is_so = fact not in allowed or self._is_so(fact)
        self.findings.expect(is_so, lambda: f"not as planned: {told([fact])}")

    def _is_so(self, fact: Fact) -> bool:
        """Return whether *fact* is so, as far as others leave that to the plan."""
        store, promise = self.service.store, self.promise
        if holds(fact, store, promise.wanted):
            return True
        if not self.service.edited:
            return False
        if fact[0] == "~" or fact[:2] == ("+", "user"):
            # Others may have changed more of it than the plan is about.
            return True
        # To a plan somebody is a name: whom others have renamed it does not know.
        return any(
            one in store.people and store.name(one) != promise.before.name(one) for one in fact[2:]
        )

    def _judge_interrupted(self, journal: Journal) -> None:
        """Hold what was written until the process was killed against the journal."""
        begun = set(map(self.promise.fact, journal.begun))
        unknown = {commit.fact for commit in self.service.log[self.begun.commits :]} - begun
        self.findings.expect(not unknown, lambda: f"not in the journal: {told(unknown)}")

    def _judge(self, result: Result) -> None:
        """Hold an outcome against what is live and what was written since the apply began."""
        service, begun = self.service, self.begun
        fact = self.promise.fact(result.change)
        wrote = any(commit.fact == fact for commit in service.log[begun.commits :])
        lost = any(
            fault in LOSSES and about is not None and _plain(about) == _plain(fact)
            for fault, about in service.struck[begun.faults :]
        )
        disturbed = service.edited > begun.edits
        expect = self.findings.expect

        def said(problem: str) -> Callable[[], str]:
            return lambda: f"{problem}: {result.outcome} ({result.detail}): {told([fact])}"

        expect(not wrote or result.may_have_written, said("written, and not told"))
        if result.is_met:
            expect(disturbed or self._is_so(fact), said("not live"))
            if result.outcome is Outcome.APPLIED:
                expect(wrote or (lost and service.edited), said("not written"))
        else:
            expect(result.detail, said("no reason"))
            expect(lost or result.outcome is not Outcome.UNKNOWN, said("nothing was lost"))

    def _verified(self, look: Callable[[], Plan]) -> Ended:
        is_met = all(result.is_met for result in self.results)
        applied = {one.change.key for one in self.results if one.outcome is Outcome.APPLIED}
        edited = self.service.edited
        try:
            left = look_again(look, applied, self.service.sleep)
        except Killed:
            return Ended()
        except StalePlanError as error:
            return Ended(whole=True, stale=str(error))
        except GatewayError:
            return Ended(success=is_met, whole=True, unread=True)
        if is_met and not left and self.service.edited == edited:
            self._judge_success()
        return Ended(success=is_met and not left, whole=True)

    def _judge_success(self) -> None:
        """Where the command says that all is done, it is; of what others did, lists may lag."""
        if self.service.edited and self.service.lag:
            return
        missing = [fact for fact in self.promise.facts if not self._is_so(fact)]
        self.findings.expect(not missing, lambda: f"success, and not live: {told(missing)}")


class World:
    """What is live and declared, and the plan that is made then."""

    def __init__(self, live: Store, intent: Intent) -> None:
        self.live = live
        self.intent = intent
        self.declared = declared(intent)
        self.findings = Found(story=lambda: story(live, intent))
        self.planner = Client(Service(live.copy()))
        self.plan, self.promise = self.made(self.planner, self.findings)
        if self.plan.unresolved:
            self.findings.problems.append(f"unresolved: {self.plan.unresolved[0]}")

    def made(self, client: Client, findings: Found) -> tuple[Plan, Promise]:
        """Return the plan that a command makes now, and what it is to do."""
        store = client.service.store
        promise = Promise(store.copy(), intended(store, self.intent))
        plan = planned(self.declared, client).plan
        facts = Counter(map(promise.fact, plan.changes))
        missing, more = promise.facts - facts.keys(), facts.keys() - promise.allowed
        findings.expect(
            plan.unresolved or (not missing and not more and set(facts.values()) <= {1}),
            lambda: (
                f"the plan lacks {told(missing) or 'nothing'}, has besides "
                f"{told(more) or 'nothing'}, {facts.total()} changes"
            ),
        )
        return plan, promise


class Life:
    """What becomes of a world and its plan."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.findings = Found()
        self.service = Service(world.live.copy())

    def run(self, happens: Schedule) -> Found:
        """Apply the plan in trouble, and again without any."""
        service, plan, promise = self.service, self.world.plan, self.world.promise
        service.lag, service.faults, service.edits = happens.lag, happens.faults, happens.edits
        for edit in happens.before:
            service.edited += 1
            edit(service)
        service.calls, service.troubled = 0, True
        if happens.saved:
            first = self._saved(plan, promise, Client(service), happens)
        else:
            first = self._fresh(plan, promise, self.world.planner.of(service), happens)
        service.troubled = service.killed = False
        self._count(first)
        if first.whole and not happens.edited:
            self._judge_leavers(promise)
        service.settle()
        if happens.again:
            self._apply_again(plan, promise, happens)
            service.settle()
        if happens.thorough or happens.edited or not happens.again:
            self._plan_anew()
        if not happens.edited:
            self._judge_end(promise.wanted, "all of it")
            times = Counter(one.fact for one in service.log)
            twice = [fact for fact, number in times.items() if number > 1]
            self.findings.expect(not twice, lambda: f"written twice: {told(twice)}")
        return self.findings

    def _lengths(self) -> Lengths:
        return Lengths(len(self.world.live.people), len(self.world.live.teams))

    def _saved(
        self,
        plan: Plan,
        promise: Promise,
        client: Client,
        happens: Schedule = _NOTHING,
        look: Callable[[], Plan] | None = None,
    ) -> Ended:
        """Apply a saved plan; *look* stands for looking again."""

        def left() -> Plan:
            return left_of_reviewed(plan, client, self._lengths())

        try:
            rest = left()
        except Killed:
            return Ended()
        except StalePlanError as error:
            return Ended(whole=True, stale=str(error))
        except GatewayError:
            return Ended(unread=True)
        if not rest:
            return Ended(success=True, whole=True)
        apply = Apply(self.service, promise, self.findings, happens)
        return apply.run(rest, client, look or left)

    def _fresh(
        self, plan: Plan, promise: Promise, client: Client, happens: Schedule = _NOTHING
    ) -> Ended:
        """Apply a plan in the process that made it."""

        def left() -> Plan:
            return still_left(plan, client, self._lengths())

        apply = Apply(self.service, promise, self.findings, happens)
        return apply.run(plan, client, left)

    def _count(self, ended: Ended) -> None:
        self.findings.counts.update(
            name
            for name, is_so in (
                ("succeeded at once", ended.success),
                ("refused as stale", ended.stale),
                ("could not be read", ended.unread),
                ("killed or stopped", not ended.whole),
            )
            if is_so
        )

    def _judge_leavers(self, promise: Promise) -> None:
        """Whoever leaves is gone, whatever else has failed."""
        struck = {fact for _, fact in self.service.struck}
        if None in struck or any(fault in _FINAL for fault, _ in self.service.struck):
            return
        for one in promise.before.people.keys() & self.service.store.people.keys():
            own = {fact for fact in promise.allowed if fact[0] == "-" and one in fact}
            if one not in promise.wanted.people and struck.isdisjoint(own):
                self.findings.problems.append(
                    f"{one} was to leave, and is there though only other things went wrong: "
                    f"{told(fact for fact in struck if fact)}"
                )

    def _apply_again(self, plan: Plan, promise: Promise, happens: Schedule) -> None:
        """Apply the saved plan once more, without any trouble."""
        client = Client(self.service)
        look = None if happens.thorough else _seen
        ended = self._saved(plan, promise, client, look=look)
        if happens.edited:
            return
        expect = self.findings.expect
        expect(ended.success, lambda: f"the saved plan does not succeed again: {ended.stale}")
        self._judge_end(promise.wanted, "the saved plan again")

    def _plan_anew(self) -> None:
        """Make a new plan and apply it, without any trouble."""
        client = Client(self.service)
        plan, promise = self.world.made(client, self.findings)
        if plan.unresolved:
            self.findings.counts["unresolved for what others did"] += 1
            return
        if plan:
            ended = self._fresh(plan, promise, client)
            self.findings.expect(
                ended.success, lambda: f"a new plan does not succeed {ended.stale}"
            )
        self._judge_end(promise.wanted, "a new plan")

    def _judge_end(self, wanted: Store, after: str) -> None:
        live = self.service.store
        self.findings.expect(
            live == wanted, lambda: f"not done after {after}: {told(differences(live, wanted))}"
        )


def _plain(fact: Fact) -> Fact:
    """Return *fact* whoever else had the names before."""
    return tuple(part.rstrip("+") or part for part in fact)


def _seen() -> Plan:
    """Look at nothing, where the judge looks at everything right after."""
    return Plan()


@lru_cache(maxsize=1)
def world(number: int) -> World:
    """Return the world that so many seeds in a row are about."""
    return World(*draw(Random(number)))  # noqa: S311 - repeatable on purpose


def simulate(seed: int) -> Found:
    """Return what is found with *seed*: a world, and what happens to its plan."""
    chosen = world(seed // _LIVES)
    if chosen.findings.problems:
        return chosen.findings
    happens = draw_schedule(Random(f"life {seed}"), len(chosen.plan.changes))  # noqa: S311
    return live_through(chosen, happens)


def live_through(chosen: World, happens: Schedule) -> Found:
    """Return what is found in a world in which something happens."""
    found = Life(chosen).run(happens)
    found.story = lambda: story(chosen.live, chosen.intent, happens)
    return found
