"""Who has access after each request, in the order of a plan and in every order that it allows.

Nobody may have what they have neither before nor after, and nobody may lack what they have both
before and after, but for what the plan says that no order can avoid.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from identity_reconciler.core.needs import Needs, needs
from identity_reconciler.core.plan import Change, Plan
from identity_reconciler.core.state import Key
from identity_reconciler.runs.applier import Outcome, Patience, apply_plan
from tests.memory_gateway import Silent
from tests.simulation.client import Client
from tests.simulation.declaring import declared
from tests.simulation.everyday import EVERYDAY
from tests.simulation.found import Found, story
from tests.simulation.oracle import (
    Fact,
    Store,
    Way,
    access,
    carry_out,
    differences,
    intended,
    told,
)
from tests.simulation.promise import Planned, Promise, planned
from tests.simulation.service import Service
from tests.simulation.worlds import draw

_INTERLEAVINGS = 3
"""Other orders that are tried of each plan."""


def simulate(seed: int) -> Found:
    """Return what is found with *seed*: every other one is an everyday pull request."""
    random = Random(seed)  # noqa: S311 - repeatable on purpose
    kind = EVERYDAY[seed // 2 % len(EVERYDAY)] if seed % 2 else draw
    live, intent = kind(random)
    found = Found(story=lambda: story(live, intent))
    wanted = intended(live, intent)
    service = Service(live.copy())
    client = Client(service)
    made = planned(declared(intent), client)
    bounds = _Bounds(live, wanted, made, found)
    promise = Promise(live.copy(), wanted)
    service.on_commit = lambda fact: bounds.judge(service.store, fact, "in the order of the plan")
    results = apply_plan(made.plan, client, Silent(), Patience(service.sleep))
    unmet = [one.change.key for one in results if one.outcome is not Outcome.APPLIED]
    found.expect(not unmet and service.store == wanted, lambda: f"not done: {unmet}")
    for number in range(_INTERLEAVINGS if made.plan.waves else 0):
        store = live.copy()
        for change in _interleaved(made.plan, random):
            fact = promise.fact(change)
            carry_out(store, fact, wanted)
            bounds.judge(store, fact, f"in interleaving {number}")
        if store != wanted:
            found.problems.append(f"interleaving {number}: {told(differences(store, wanted))}")
    name = getattr(kind, "__name__", "a world")
    for what in ("let in", "locked out"):
        if any(what in problem for problem in found.problems):
            found.counts[f"{name}: somebody {what}"] += 1
    if made.announced:
        found.counts[f"{name}: announced"] += 1
    found.counts[f"{name}: all"] += 1
    return found


class _Bounds:
    """What access may be on the way."""

    def __init__(self, before: Store, after: Store, made: Planned, found: Found) -> None:
        old, new = access(before), access(after)
        self._most, self._least = old | new, old & new
        self._after = after
        self._before = before
        self._made = made
        self._found = found

    def judge(self, store: Store, fact: Fact, where: str) -> None:
        """Hold who has access in *store*, where *fact* has just been made so, against it."""
        now = access(store)
        for ways, effect, what in (
            (now - self._most, "GAINED", "let in"),
            (self._least - now, "LOST", "locked out"),
        ):
            for way in ways:
                if (effect, *self._named(way)) not in self._made.announced:
                    self._found.problems.append(
                        f"{what} {where}: {' '.join(way)} once {told([fact])}"
                    )

    def _named(self, way: Way) -> tuple[str, str]:
        names = self._after if way[0] in self._after.people else self._before
        return names.name(way[0]), way[1]


def _interleaved(plan: Plan, random: Random) -> Iterator[Change]:
    """Yield the changes of *plan*, those of a wave in any order that suits what they need."""
    waits = needs(plan.changes)
    there = {change.key for change in plan.changes}
    done: set[Key] = set()
    waves: dict[int, list[Change]] = {}
    for number, change in enumerate(plan.changes):
        # What is in no wave is one by itself.
        waves.setdefault(plan.waves.get(change.key, -1 - number), []).append(change)
    for wave in waves.values():
        left = list(wave)
        while left:
            ready = [one for one in left if _is_ready(one, waits, there - done)]
            change = random.choice(ready or left)
            left.remove(change)
            done.add(change.key)
            yield change


def _is_ready(change: Change, waits: Needs, undone: set[Key]) -> bool:
    needed = waits.get(change.key, ())
    return all(need.key not in undone for need in needed)
