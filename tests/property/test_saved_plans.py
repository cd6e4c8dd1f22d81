"""Rules of saved plans: no byte can be changed, and only what was reviewed is left to be done."""

from __future__ import annotations

import contextlib
import json
import random
from collections.abc import Set as AbstractSet
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity_reconciler.core.access import Impact, access_changes
from identity_reconciler.core.comparison import compare
from identity_reconciler.core.declared import Declared, Settings
from identity_reconciler.core.plan import Delete, Plan
from identity_reconciler.core.planner import build_plan
from identity_reconciler.core.review import require_reviewed, to_be_read, what_is_left
from identity_reconciler.core.state import (
    Assignment,
    Group,
    Key,
    Membership,
    Principal,
    PrincipalKind,
    State,
    User,
    group_key,
    user_key,
)
from identity_reconciler.errors import StalePlanError
from identity_reconciler.gateway import Wanted
from identity_reconciler.render.describe import Findings, Occasion, document
from identity_reconciler.render.document import PlanDocument
from identity_reconciler.render.planfile import (
    digest_of,
    plan_bytes,
    plan_digest,
    plan_of,
    read_plan,
)
from identity_reconciler.runs.applier import Outcome, Patience, Result, apply_plan
from identity_reconciler.runs.verification import ENDLESS, Lengths, still_left, to_review
from tests.memory_gateway import Fault, Killed, MemoryGateway, Silent
from tests.plain_world import intended, plain
from tests.strategies import INSTANCE, NOW, World, live_states, worlds

TOUCHED = 6
"""Of a dozen numbers, those up to here are of faults, and the others of changes by others too."""
DECLARED = Declared(Settings(INSTANCE), files=("a.yaml",), digest="0" * 64)


def saved(plan: Plan, live: State) -> PlanDocument:
    access = Findings(access_changes(Impact.of(plan, live)))
    occasion = Occasion(NOW, requests=3, seconds=0.5, commit="c" * 40)
    return document(DECLARED, plan, live, occasion, access)


def left(plan: Plan, gateway: MemoryGateway) -> Plan:
    """Return what is left of *plan*, read as `apply PLAN` reads it."""
    named, principals = to_be_read(plan)
    assert set(principals) <= {Principal(PrincipalKind(c.key[0]), c.key[1]) for c in _deletes(plan)}
    return what_is_left(plan, gateway.read_state(Wanted(named=named, principals=principals)))


def _deletes(plan: Plan) -> list[Delete]:
    return [c for c in plan.changes if isinstance(c, Delete) and c.key[0] in {"user", "group"}]


def run(plan: Plan, gateway: MemoryGateway) -> list[Result]:
    return list(apply_plan(plan, gateway, Silent(), Patience(lambda _: None)))


class TestRoundTrip:
    """Written and read again, a plan is the same."""

    @given(world=worlds())
    def test_of_any_plan(self, world: World) -> None:
        live, declared = world
        plan = compare(declared, live, NOW)
        written = saved(plan, live)
        again = read_plan(plan_bytes(written))
        assert again == written
        assert plan_of(again).changes == plan.changes
        assert plan_digest(again) == plan_digest(written)

    @given(text=st.text())
    def test_of_any_text(self, text: str) -> None:
        live = State(users={user_key("ana"): User("ana")})  # type: ignore[arg-type]
        desired = State(users={user_key("ana"): User("ana", title=text or None)})  # type: ignore[arg-type]
        plan = build_plan(desired, live)
        assert plan_of(read_plan(plan_bytes(saved(plan, live)))).changes == plan.changes


def example() -> bytes:
    live = State()
    desired = State(
        users={user_key("ana"): User("ana", title="Engineer")},  # type: ignore[arg-type]
    )
    return plan_bytes(saved(build_plan(desired, live), live))


HOSTILE = {
    "empty": b"",
    "no JSON": b"hello",
    "no object": b"[]\n",
    "another format": b'{"format": "terraform"}\n',
    "not a number": b'{"format": NaN}\n',
    "infinity": b'{"format": Infinity}\n',
    "duplicate key": b'{"format": "a", "format": "identity-reconciler/plan"}\n',
    "not ASCII": '{"format": "é"}\n'.encode(),
    "deep lists": b"[" * 100_000,
    "deep objects": b'{"a":' * 100_000,
    "huge number": b'{"format": ' + b"9" * 10_000 + b"}",
    "no version": b'{"format": "identity-reconciler/plan"}\n',
}


class TestTampering:
    """A file that is not byte for byte a plan as it was written is refused, in one line."""

    def test_two_thousand_mutations(self) -> None:
        content = example()
        chance = random.Random(7)  # noqa: S311 - reproducible, not secret
        for _ in range(2_000):
            with pytest.raises(StalePlanError) as caught:
                read_plan(_mutated(content, chance))
            assert "\n" not in str(caught.value)

    def test_every_single_byte(self) -> None:
        content = example()
        for index in range(len(content)):
            changed = bytes([content[index] ^ 1])
            with pytest.raises(StalePlanError):
                read_plan(content[:index] + changed + content[index + 1 :])

    @pytest.mark.parametrize("name", HOSTILE)
    def test_hostile_files(self, name: str) -> None:
        with pytest.raises(StalePlanError) as caught:
            read_plan(HOSTILE[name])
        assert "\n" not in str(caught.value)

    def test_a_newer_major_version_is_refused(self) -> None:
        with pytest.raises(StalePlanError, match=r"format_version \"2\.0\""):
            read_plan(_signed(format_version="2.0"))

    def test_a_newer_minor_version_may_say_more(self) -> None:
        assert read_plan(_signed(format_version="1.9", weather="fine")).format_version == "1.9"

    @pytest.mark.parametrize(
        ("path", "value"),
        [
            (("changes", 0, "action"), "destroy"),
            (("changes", 0, "action"), "update"),
            (("changes", 0, "after"), None),
            (("changes", 0, "after"), {"user_name": 7}),
            (("changes", 0, "kind"), "dog"),
            (("as_of",), "yesterday"),
            (("instance",), {}),
            (("counts",), []),
        ],
    )
    def test_a_well_signed_plan_of_the_wrong_shape_is_refused(
        self, path: tuple[str | int, ...], value: object
    ) -> None:
        data = json.loads(example())
        del data["digest"]
        place = data
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value
        content = (json.dumps({**data, "digest": digest_of(data)}, indent=2) + "\n").encode()
        with pytest.raises(StalePlanError, match="not valid"):
            plan_of(read_plan(content))


def _mutated(content: bytes, chance: random.Random) -> bytes:
    """Return *content* with one byte changed, added, removed, or two neighbours swapped."""
    while True:
        index = chance.randrange(len(content))
        changed = bytearray(content)
        match chance.randrange(4):
            case 0:
                changed[index] = chance.randrange(256)
            case 1:
                changed.insert(index, chance.randrange(256))
            case 2:
                del changed[index]
            case _:
                changed[index - 1], changed[index] = changed[index], changed[index - 1]
        if bytes(changed) != content:
            return bytes(changed)


def _signed(**fields: str) -> bytes:
    data: dict[str, Any] = {**json.loads(example()), **fields}
    del data["digest"]
    return (json.dumps({**data, "digest": digest_of(data)}, indent=2) + "\n").encode()


class TestVerified:
    """After an apply, whatever is read in lists and whatever alone, the same is left to be done."""

    @given(world=worlds(), number=st.integers(0, 12), length=st.sampled_from([0, 150, 1_000]))
    def test_the_rest_is_what_the_lists_tell(self, world: World, number: int, length: int) -> None:
        live, declared = world
        plan = compare(declared, live, NOW)
        gateway = MemoryGateway.holding(live)
        gateway.faults = {number: Fault.KILLED_AFTER}
        with contextlib.suppress(Killed):
            run(plan, gateway)
        members = {group_key(one.name): length for one in declared.groups[::2]}
        rest = still_left(plan, gateway, Lengths(length, length, members))
        assert rest.changes == left(plan, gateway).changes

    @given(world=worlds(), meanwhile=live_states(), number=st.integers(0, 12))
    def test_a_saved_plan_is_held_against_the_same(
        self, world: World, meanwhile: State, number: int
    ) -> None:
        """Lists of all users and groups leave as much to be done, and refuse for the same."""
        live, declared = world
        plan = compare(declared, live, NOW)
        gateway = MemoryGateway.holding(meanwhile if number > TOUCHED else live)
        gateway.faults = {number: Fault.KILLED_AFTER}
        with contextlib.suppress(Killed):
            run(plan, gateway)

        def told(lengths: Lengths) -> object:
            try:
                return what_is_left(plan, gateway.read_state(to_review(plan, lengths))).changes
            except StalePlanError as error:
                return str(error)

        assert told(Lengths(0, 0)) == told(ENDLESS)


class TestSubset:
    """Of a reviewed plan only what is left is done; what has moved is refused, and named."""

    @given(world=worlds())
    def test_untouched_all_of_it_is_left(self, world: World) -> None:
        live, declared = world
        plan = compare(declared, live, NOW)
        assert left(plan, MemoryGateway.holding(live)).changes == plan.changes

    @given(world=worlds())
    def test_applied_nothing_is_left(self, world: World) -> None:
        """An old plan replayed after it was applied does nothing."""
        live, declared = world
        plan = compare(declared, live, NOW)
        gateway = MemoryGateway.holding(live)
        run(plan, gateway)
        assert left(plan, gateway).changes == ()

    @given(world=worlds(), number=st.integers(0, 12))
    def test_killed_on_the_way_the_rest_is_left(self, world: World, number: int) -> None:
        live, declared = world
        plan = compare(declared, live, NOW)
        gateway = MemoryGateway.holding(live)
        gateway.faults = {number: Fault.KILLED_AFTER}
        try:
            run(plan, gateway)
        except Killed:
            gateway.faults = {}
            rest = left(plan, gateway)
            assert len(rest.changes) == len(plan.changes) - number - 1
            require_reviewed(rest, plan)
            assert {result.outcome for result in run(rest, gateway)} <= {Outcome.APPLIED}
        assert plain(gateway.state()).by_name() == intended(live, declared, NOW).by_name()

    @given(world=worlds(), meanwhile=live_states())
    def test_whatever_happens_meanwhile_only_reviewed_changes_are_made(
        self, world: World, meanwhile: State
    ) -> None:
        live, declared = world
        plan = compare(declared, live, NOW)
        gateway = MemoryGateway.holding(meanwhile)
        try:
            rest = left(plan, gateway)
        except StalePlanError:
            return
        reviewed = {change.key: change for change in plan.changes}
        vanishing = {link.key for change in _deletes(plan) for link in change.cascaded}
        for change in rest.changes:
            assert change == reviewed[change.key]
            if isinstance(change, Delete):
                _assert_starts_from(change, meanwhile, reviewed.keys() | vanishing)


def _assert_starts_from(change: Delete, live: State, reviewed: AbstractSet[Key]) -> None:
    """Assert that *live* has what is deleted, and no link of it that was not reviewed."""
    match change.before:
        case User() as user:
            key = user_key(user.user_name)
            assert live.users[key] == user
            groups = [group for group, members in live.members.items() if key in members]
            assert {live.membership(group, key).key for group in groups} <= reviewed
        case Group() as group:
            key_of_group = group_key(group.name)
            assert live.groups[key_of_group] == group
            members = live.members.get(key_of_group, frozenset())
            assert {live.membership(key_of_group, user).key for user in members} <= reviewed
        case Membership() as link:
            assert user_key(link.user) in live.members[group_key(link.group)]
        case Assignment() as link:
            assert link.principal in live.assignments[link.application]
