"""How long it takes to find out who is in groups that include others."""

from __future__ import annotations

import time
from collections.abc import Iterable

from identity_reconciler.core.collecting import without_collections
from identity_reconciler.core.declared import Declared, DeclaredGroup, Listed, Settings
from identity_reconciler.core.flattening import flattened
from identity_reconciler.core.state import Group, GroupName
from identity_reconciler.errors import Position
from tests.benchmarks.figure import Figure
from tests.strategies import INSTANCE

TEAMS, DEPARTMENTS, DIVISIONS = 9_000, 990, 10
MEMBERS, INCLUDED = 5, 100
TARGET = 2.0
"""CPU seconds."""
_HERE = Position("groups.yaml", 1, 1)


def measure() -> tuple[list[Figure], list[str]]:
    """Flatten 9,000 teams, 990 departments of teams, and 10 divisions of departments."""
    declared = _declared()
    includes = sum(len(one.include) for one in declared.groups)
    with without_collections():
        started = time.process_time()
        found = flattened(declared)
        taken = time.process_time() - started
    links = sum(len(one.members or ()) for one in found.groups)
    what = f"flattening {len(declared.groups):,} groups with {includes:,} includes"
    figure = Figure(
        f"{what} to {links:,} memberships",
        f"{taken:.2f} CPU s",
        f"{TARGET:g} s",
        taken / TARGET,
        1.0,
    )
    return [figure], []


def _declared() -> Declared:
    teams = [_group(f"team-{n}", _people(n)) for n in range(TEAMS)]
    departments = [
        _group(
            f"department-{n}",
            include=[f"team-{(n * 7 + k * 89) % TEAMS}" for k in range(INCLUDED)],
        )
        for n in range(DEPARTMENTS)
    ]
    divisions = [
        _group(f"division-{n}", include=[f"department-{n * DIVISIONS + k}" for k in range(100)])
        for n in range(DIVISIONS)
    ]
    return Declared(Settings(INSTANCE), groups=(*divisions, *departments, *teams))


def _people(team: int) -> list[str]:
    return [f"user{(team * MEMBERS + k) % 100_000}" for k in range(MEMBERS)]


def _group(name: str, members: Iterable[str] = (), include: Iterable[str] = ()) -> DeclaredGroup:
    return DeclaredGroup(
        Group(GroupName(name)),
        _HERE,
        members=tuple(Listed(one, _HERE) for one in members),
        include=tuple(Listed(one, _HERE) for one in include),
    )
