"""The product broken on purpose, in ways that the simulation has to find, each within some seeds.

Each defect is a change of the product while a `with` block runs. The simulation is as good as what
it finds of these.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from identity_reconciler.core import needs as needs_module
from identity_reconciler.core import planner, resolution, review
from identity_reconciler.core.access import Impact
from identity_reconciler.core.needs import Need
from identity_reconciler.core.order import Ordering
from identity_reconciler.core.plan import Change, Create, Delete, Plan, Update, ordered
from identity_reconciler.core.readback import WriteState
from identity_reconciler.core.renames import Renames
from identity_reconciler.core.state import Assignment, Key, Membership, Resource, State, User
from identity_reconciler.errors import (
    AlreadyExistsError,
    GatewayError,
    NotFoundError,
    StalePlanError,
    UnknownOutcomeError,
)
from identity_reconciler.runs import applier, lease, verification
from identity_reconciler.runs.applier import Outcome, Result
from tests.simulation import client, core, order, promise, races
from tests.simulation.campaign import run_chunk
from tests.simulation.found import Level

_Patch = tuple[Any, str, Callable[..., Any]]
"""What is broken, its attribute, and what makes the broken one of the whole one."""


@dataclass(frozen=True)
class Defect:
    """A way in which the product is broken."""

    patches: tuple[_Patch, ...]
    within: int = 50
    """Seeds in which it has to be found."""
    level: Level = core.simulate


def _always(value: object) -> Callable[[Any], Any]:
    return lambda _: lambda *_args, **_named: value


def _read_back_dropped(_: Any) -> Any:  # noqa: ANN401 - as what it stands for
    """Take whatever is in doubt for done."""
    return lambda change, *_: Result(change, Outcome.APPLIED)


def _lost_ignored(whole: Any) -> Any:  # noqa: ANN401 - as what it stands for
    """Take a lost answer for a good one."""

    def write(change: Change, gateway: Any) -> GatewayError | None:  # noqa: ANN401
        trouble: GatewayError | None = whole(change, gateway)
        return None if isinstance(trouble, UnknownOutcomeError) else trouble

    return write


def _missing_is_done(whole: Any) -> Any:  # noqa: ANN401 - as what it stands for
    """Take a parent that is missing for a link that is there."""

    def write(change: Change, gateway: Any) -> GatewayError | None:  # noqa: ANN401
        trouble: GatewayError | None = whole(change, gateway)
        return None if isinstance(trouble, NotFoundError | AlreadyExistsError) else trouble

    return write


def _failed_grant_ignored(whole: Any) -> Any:  # noqa: ANN401 - as what it stands for
    """Call a grant that failed applied."""

    def carry_out(run: Any, change: Change, *rest: Any) -> Result:  # noqa: ANN401
        result: Result = whole(run, change, *rest)
        of_link = isinstance(change, Create) and isinstance(change.after, Membership | Assignment)
        return replace(result, outcome=Outcome.APPLIED, detail="") if of_link else result

    return carry_out


def _only_the_old_name(_: Any) -> Any:  # noqa: ANN401 - as what it stands for
    """Look for a link under the name that its ends have before the plan alone."""

    def places(_: Renames, resource: Resource) -> Iterator[Resource]:
        yield resource

    return places


def _backwards(whole: Any) -> Any:  # noqa: ANN401 - as what it stands for
    def in_waves(impact: Impact) -> Ordering:
        found: Ordering = whole(impact)
        return replace(found, plan=replace(found.plan, changes=found.plan.changes[::-1]))

    return in_waves


def _revocations_first(_: Any) -> Any:  # noqa: ANN401 - as what it stands for
    def in_waves(impact: Impact) -> Ordering:
        return Ordering(replace(impact.plan, changes=ordered(impact.plan.changes)))

    return in_waves


def _one_wave(whole: Any) -> Any:  # noqa: ANN401 - as what it stands for
    """Let everything be carried out side by side."""

    def in_waves(impact: Impact) -> Ordering:
        plan = whole(impact).plan
        waves = dict.fromkeys((change.key for change in plan.changes), 0)
        return Ordering(replace(plan, waves=waves))

    return in_waves


def _without(why: needs_module.Why) -> Callable[[Any], Any]:
    """Let nothing wait for that."""

    def breaking(whole: Any) -> Any:  # noqa: ANN401 - as what it stands for
        def needs(changes: Iterable[Change]) -> Mapping[Key, tuple[Need, ...]]:
            found: Mapping[Key, tuple[Need, ...]] = whole(changes)
            return {
                key: tuple(one for one in some if one.why is not why) for key, some in found.items()
            }

        return needs

    return breaking


def _waits_for_all(whole: Any) -> Any:  # noqa: ANN401 - as what it stands for
    """Let whoever leaves wait for everything."""

    def needs(changes: Iterable[Change]) -> Mapping[Key, tuple[Need, ...]]:
        listed = tuple(changes)
        found = dict(whole(listed))
        for change in listed:
            if isinstance(change, Delete) and isinstance(change.before, User):
                others = (one.key for one in listed if one.key != change.key)
                found[change.key] = tuple(Need(key, needs_module.Why.LINKS) for key in others)
        return found

    return needs


def _leavers_keep_assignments(whole: Any) -> Any:  # noqa: ANN401 - as what it stands for
    """Delete whoever leaves, and leave the assignments to AWS, which keeps them."""

    def assignments(desired: State, live: State, names: State, gone: Any, renames: Any) -> Any:  # noqa: ANN401
        for change in whole(desired, live, names, gone, renames):
            if not (
                isinstance(change, Delete) and change.reason.value == "its principal is deleted"
            ):
                yield change

    return assignments


def _second_page_swallowed(whole: Any) -> Any:  # noqa: ANN401 - as what it stands for
    """See of each list of members the first."""

    def answer(live: State, wanted: Any) -> State:  # noqa: ANN401
        found: State = whole(live, wanted)
        members = {key: frozenset(sorted(some)[:1]) for key, some in found.members.items()}
        return replace(found, members=members)

    return answer


def _refusal_is_skipped(whole: Any) -> Any:  # noqa: ANN401 - as what it stands for
    """Say that what was refused was not begun, and forget why."""

    def carry_out(run: Any, change: Change, *rest: Any) -> Result:  # noqa: ANN401
        result: Result = whole(run, change, *rest)
        return replace(result, detail="") if result.outcome is Outcome.FAILED else result

    return carry_out


def _stale_is_nothing_left(whole: Any) -> Any:  # noqa: ANN401 - as what it stands for
    """Take what is not as it was reviewed for done."""

    def what_is_left(reviewed: Plan, live: State) -> Plan:
        try:
            found: Plan = whole(reviewed, live)
        except StalePlanError:
            return replace(reviewed, changes=())
        return found

    return what_is_left


def _revocations_left_out(whole: Any) -> Any:  # noqa: ANN401 - as what it stands for
    """Think of a link that is to go as gone where its group or user has a new name."""

    def is_left(change: Change, live: State) -> bool:
        revokes = isinstance(change, Delete) and isinstance(change.before, Membership)
        return not revokes and bool(whole(change, live))

    return is_left


def _written_twice(whole: Any) -> Any:  # noqa: ANN401 - as what it stands for
    """Send what has a lost answer once more, without looking."""

    def write(change: Change, gateway: Any) -> GatewayError | None:  # noqa: ANN401
        trouble: GatewayError | None = whole(change, gateway)
        if isinstance(trouble, UnknownOutcomeError):
            trouble = whole(change, gateway)
        return trouble

    return write


def _end_forgotten(whole: Any) -> Any:  # noqa: ANN401 - as what it stands for
    """Write no end of a change that has failed to the journal."""

    def finished(journal: Any, result: Result) -> None:  # noqa: ANN401
        if result.is_met:
            whole(journal, result)

    return finished


def _expiry_ignored(whole: Any) -> Any:  # noqa: ANN401 - as what it stands for
    """Hold what has expired for listed."""

    def principals(work: Any, kind: Any, listed: Any, link: Any) -> Any:  # noqa: ANN401
        return whole(work, kind, [replace(one, expires=None) for one in listed], link)

    return principals


def _updates_whole(whole: Any) -> Any:  # noqa: ANN401 - as what it stands for
    """Forget the title of whoever is updated."""

    def change(before: Any, declared: Any) -> Iterator[Change]:  # noqa: ANN401
        for one in whole(before, declared):
            is_user = isinstance(one, Update) and isinstance(one.after, User)
            yield replace(one, after=replace(one.after, title=None)) if is_user else one

    return change


def _taken_by_force(_: Any) -> Any:  # noqa: ANN401 - as what it stands for
    """Take the lease from whoever holds it."""
    return lambda lease, by, *_: replace(lease, holder=by)


def _set_whatever_is_kept(whole: Any) -> Any:  # noqa: ANN401 - as what it stands for
    """Keep a record in place of any other."""
    return lambda store, text, _, patience: whole(store, text, store.read(), patience)


_RUN = applier._Run  # noqa: SLF001 - broken on purpose
DEFECTS: Mapping[str, Defect] = {
    "read-back-dropped": Defect(((applier, "_settle", _read_back_dropped),)),
    "lost-answers-ignored": Defect(((applier, "_write", _lost_ignored),)),
    "missing-parent-is-done": Defect(((applier, "_write", _missing_is_done),), within=2_000),
    "failed-grant-ignored": Defect(((_RUN, "_carry_out", _failed_grant_ignored),)),
    "links-under-the-old-name-only": Defect(
        ((Renames, "places", _only_the_old_name),), within=5_000
    ),
    "all-at-once-in-a-wave": Defect(((applier, "predecessors", _always({})),), within=2_000),
    "managers-forgotten": Defect(((verification, "leavers", _always({})),), within=2_000),
    "order-reversed": Defect(((promise, "in_waves", _backwards),)),
    "revocations-first": Defect(((promise, "in_waves", _revocations_first),), level=order.simulate),
    "all-in-one-wave": Defect(((promise, "in_waves", _one_wave),), level=order.simulate),
    "nothing-waits-for-links": Defect(((applier, "needs", _without(needs_module.Why.LINKS)),)),
    "leavers-wait-for-all": Defect(((applier, "needs", _waits_for_all),)),
    "leavers-keep-assignments": Defect(((planner, "_assignments", _leavers_keep_assignments),)),
    "second-page-swallowed": Defect(((client, "answer", _second_page_swallowed),)),
    "no-reason-given": Defect(((_RUN, "_carry_out", _refusal_is_skipped),)),
    "stale-is-nothing-left": Defect(
        ((verification, "what_is_left", _stale_is_nothing_left),), within=8_000
    ),
    "revocations-left-out": Defect(((review, "_is_left", _revocations_left_out),)),
    "written-twice": Defect(((applier, "_write", _written_twice),)),
    "journal-without-ends": Defect(((core.Journal, "finished", _end_forgotten),)),
    "expiry-ignored": Defect(((resolution, "_principals", _expiry_ignored),)),
    "title-forgotten": Defect(((planner, "_change", _updates_whole),)),
    "all-taken-for-done": Defect(((applier, "compare_with_live", _always((WriteState.DONE, ""))),)),
    "lease-taken-by-force": Defect(((lease, "taken", _taken_by_force),), level=races.simulate),
    "lease-set-whatever-is-kept": Defect(
        ((lease, "_set", _set_whatever_is_kept),), within=2_000, level=races.simulate
    ),
    "lease-not-renewed": Defect(
        ((lease.Tenure, "require", _always(None)), (lease.Tenure, "require_still", _always(None))),
        within=5_000,
        level=races.simulate,
    ),
    "generation-ignored": Defect(
        ((races, "require_unmoved", _always(None)), (races, "require_forward", _always(None))),
        level=races.simulate,
    ),
    "objects-made-anew-accepted": Defect(((verification, "require_same_objects", _always(None)),)),
}


_STEP = 25
"""Seeds after which it is asked whether a defect was found."""


@contextmanager
def defective(name: str) -> Iterator[None]:
    """Break the product in that way while the block runs."""
    kept = []
    core.world.cache_clear()
    for owner, attribute, breaking in DEFECTS[name].patches:
        whole = getattr(owner, attribute)
        kept.append((owner, attribute, whole))
        setattr(owner, attribute, breaking(whole))
    try:
        yield
    finally:
        for owner, attribute, whole in kept:
            setattr(owner, attribute, whole)
        core.world.cache_clear()


def seeds_until_found(name: str) -> int | None:
    """Return after how many seeds a defect is found, or None when it is not found in time."""
    defect = DEFECTS[name]
    with defective(name):
        for first in range(0, defect.within, _STEP):
            findings = run_chunk(defect.level, range(first, first + _STEP)).findings
            if findings:
                return findings[0].seed + 1
    return None


def run_defects() -> int:
    """Tell after how many seeds each defect is found; 1 when one is not."""
    missed = 0
    for name in DEFECTS:
        seeds = seeds_until_found(name)
        missed += seeds is None
        print(
            f"{name}: {'NOT FOUND' if seeds is None else f'found by seed {seeds - 1}'}", flush=True
        )
    return 1 if missed else 0
