"""What a plan is to do, by the judge's own account, and the plan itself as a command makes it."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from identity_reconciler.core.bindings import named_objects
from identity_reconciler.core.comparison import compare_resolved
from identity_reconciler.core.declared import Declared
from identity_reconciler.core.order import in_waves
from identity_reconciler.core.plan import Change, Delete, Plan, Rename, Update
from identity_reconciler.runs.survey import read_for_access, read_live
from tests.simulation.client import Client
from tests.simulation.declaring import NOW
from tests.simulation.oracle import Fact, Id, Store, cascades, differences


class Planned(NamedTuple):
    """A plan, and what it says that no order can avoid."""

    plan: Plan
    announced: frozenset[tuple[str, str, str]]
    """`GAINED` or `LOST` in passing, by whom, and the ARN of what."""


def planned(declared: Declared, client: Client) -> Planned:
    """Return the plan that a command makes now."""
    survey = read_live(declared, client, NOW)
    impact, _ = read_for_access(survey, compare_resolved(survey.resolution).plan, client)
    found = in_waves(impact)
    announced = frozenset((one.effect.name, one.user, str(one.target)) for one in found.exposures)
    named = client.witnesses(named_objects(found.plan))
    return Planned(replace(found.plan, witnesses=named), announced)


class Promise:
    """What a plan is to do, by the judge's own account."""

    def __init__(self, before: Store, wanted: Store) -> None:
        self.before = before
        self.wanted = wanted
        self.facts = differences(before, wanted)
        self.allowed = self.facts | cascades(before, wanted)
        """The links of who is to go may be removed one by one as well."""
        self._former = _names(before)
        self._later = _names(wanted)

    def fact(self, change: Change) -> Fact:
        """Return what *change* makes so."""
        kind, *names = change.key
        if kind in {"user", "group"}:
            return self._of_object(change, kind)
        sign = "-" if isinstance(change, Delete) else "+"
        if kind == "membership":
            ends = (self._end("g", names[0], sign), self._end("u", names[1], sign))
            return (sign, kind, *ends)
        if names[1].startswith("orphaned"):
            return (sign, kind, names[0], names[2])
        return (sign, kind, names[0], self._end(names[1][0], names[2], sign))

    def _of_object(self, change: Change, kind: str) -> Fact:
        if isinstance(change, Update | Rename):
            return ("~", kind, self._end(kind[0], change.before.key[1], "-"))
        sign = "-" if isinstance(change, Delete) else "+"
        return (sign, kind, self._end(kind[0], change.key[1], sign))

    def _end(self, kind: str, name: str, sign: str) -> Id:
        """Return whom a change means: one that takes away by the names of before, if it can."""
        key = (kind, name)
        first, then = (self._former, self._later)[:: 1 if sign == "-" else -1]
        return first.get(key) or then.get(key) or f"nobody called {name}"


def _names(store: Store) -> dict[tuple[str, str], Id]:
    found = {("u", is_.name): one for one, is_ in store.people.items()}
    found.update((("g", is_.name), one) for one, is_ in store.teams.items())
    return found
