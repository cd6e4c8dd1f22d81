"""One contract, two gateways, in memory and to the sandbox: same questions, same answers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from identity_reconciler.core.attributes import ENTERPRISE
from identity_reconciler.core.state import (
    ApplicationArn,
    Assignment,
    Group,
    GroupName,
    Membership,
    Principal,
    PrincipalKind,
    State,
    User,
    UserName,
    folded,
    group_key,
    user_key,
)
from identity_reconciler.errors import AlreadyExistsError
from identity_reconciler.gateway import Wanted
from identity_reconciler.sandbox import InstanceDetails, Sandbox
from identity_reconciler.sandbox.attributes import GROUP, USER
from identity_reconciler.sandbox.catalogue import PROVIDERS
from identity_reconciler.sandbox.population import Member, Population, seeded_id
from tests.memory_gateway import MemoryGateway
from tests.sandbox.gateway_world import EVERYTHING, INSTANCE, gateway
from tests.strategies import APPLICATIONS, GONE, GROUP_NAMES, USER_NAMES, live_states, some

STORE = INSTANCE.identity_store_id
LEAVER = "leaver"
"""Who is deleted once everybody is there, and leaves assignments and reports behind."""
SILENT = next(arn for arn, provider in PROVIDERS.items() if not provider.configurable)
"""The provider of an application that does not say whether it requires assignments."""


@pytest.fixture(scope="module")
def filled() -> Iterator[tuple[Sandbox, dict[str, str]]]:
    """Return a sandbox, and its ARN for each of the applications of the small worlds."""
    with Sandbox() as sandbox:
        sandbox.ensure_instance(InstanceDetails())
        first, second, third = APPLICATIONS
        yield (
            sandbox,
            {
                first.arn: sandbox.add_application(first.name),
                second.arn: sandbox.add_application(second.name, assignment_required=False),
                third.arn: sandbox.add_application(third.name, SILENT),
            },
        )


def fill(sandbox: Sandbox, state: State, arns: dict[str, str]) -> None:
    """Make *state* live in *sandbox*; whatever is left over there is left by the leavers."""
    users = [*state.users.values(), User(UserName(LEAVER), given_name="G", family_name="F")]
    groups = [*state.groups.values(), Group(GroupName(LEAVER))]
    sandbox.populate(
        Population(
            users=[Member(_document(one), _external(one)) for one in users],
            groups=[
                Member(_without_none(DisplayName=one.name, Description=one.description), ids)
                for one in groups
                for ids in (_external(one),)
            ],
            memberships=[
                (state.groups[group].name, state.users[user].user_name)
                for group, members in state.members.items()
                for user in members
            ],
            assignments=[
                (arns[arn], str(one.kind).upper(), _spelled(state, one))
                for arn, found in state.assignments.items()
                for one in found
            ],
        )
    )
    for user in state.users.values():
        if user.provenance and user.provenance.enabled is False:
            sandbox.set_user_status(seeded_id(USER, STORE, user.user_name), enabled=False)
    store = sandbox.session().client("identitystore")
    store.delete_user(IdentityStoreId=STORE, UserId=seeded_id(USER, STORE, LEAVER))
    store.delete_group(IdentityStoreId=STORE, GroupId=seeded_id(GROUP, STORE, LEAVER))


def _spelled(state: State, principal: Principal) -> str:
    if principal.orphan:
        return LEAVER
    if principal.kind is PrincipalKind.USER:
        return state.users[user_key(principal.name)].user_name
    return state.groups[group_key(principal.name)].name


def _external(one: User | Group) -> tuple[tuple[str, str], ...]:
    name = one.user_name if isinstance(one, User) else one.name
    return (("https://idp.example.com", name),) if one.foreign else ()


def _document(user: User) -> dict[str, Any]:
    manager = LEAVER if user.manager == GONE else user.manager
    boss = {"manager": {"value": seeded_id(USER, STORE, manager)}} if manager else {}
    enterprise = _without_none(department=user.department) | boss
    return _without_none(
        UserName=user.user_name,
        DisplayName=user.display_name or user.user_name,
        Name={"GivenName": user.given_name, "FamilyName": user.family_name},
        Title=user.title,
        Emails=[{"Value": user.email.value}] if user.email else None,
        Extensions={ENTERPRISE: enterprise} if enterprise else None,
    )


def _without_none(**members: Any) -> dict[str, Any]:  # noqa: ANN401 - the API's own documents
    return {name: value for name, value in members.items() if value is not None}


@st.composite
def questions(draw: st.DrawFn, live: State) -> Wanted:
    """Draw what to read: of what is live and of what is not, in lists, by name and by principal."""
    chosen_groups = {group_key(name) for name in draw(some(GROUP_NAMES))}
    chosen = {*draw(some([*live.applications]))}
    lists = draw(some(("users", "groups", "applications")))
    loud = st.booleans()
    user_names, group_names = (*USER_NAMES[:3], "nobody"), (*GROUP_NAMES[:2], "nothing")
    users = [User(UserName(name.upper() if draw(loud) else name)) for name in user_names]
    groups = [Group(GroupName(name.upper() if draw(loud) else name)) for name in group_names]
    objects: list[User | Group] = [*users, *groups]
    principals = [
        *(Principal(PrincipalKind.USER, one.key[1]) for one in users),
        *(Principal(PrincipalKind.GROUP, one.key[1]) for one in groups),
        *{one for found in live.assignments.values() for one in found if one.orphan},
    ]
    addresses = [f"{name.upper() if draw(loud) else name}@example.com" for name in user_names]
    links: list[Membership | Assignment] = [
        *(Membership(group.name, user.user_name) for group in groups for user in users),
        *(Assignment(arn, one) for arn in live.applications for one in principals),
    ]
    unknown = ApplicationArn(f"{min(live.applications)[:-4]}0000")
    few = draw(st.booleans())
    third = [*draw(some([*live.applications]))]
    related = tuple(one for one in draw(some(principals)) if not one.orphan)

    def then(found: State) -> Wanted | None:
        groups = (Principal(PrincipalKind.GROUP, key) for key in found.groups)
        return Wanted(assignments_to=tuple(groups)) if few else None

    return Wanted(
        users="users" in lists,
        groups="groups" in lists,
        applications="applications" in lists,
        members_of=lambda group: group_key(group.name) in chosen_groups,
        assignments_of=lambda application: application.arn in chosen,
        arns=tuple(draw(some([*sorted(live.applications), unknown]))) if few else (),
        named=(*draw(some(objects)), *(draw(some(links)) if few else ())),
        required_of=lambda application: application.arn in third,
        memberships_of=related,
        assignments_to=related[1:],
        then=then,
        principals=tuple(one for one in draw(some(principals)) if not one.orphan or few),
        mentioned=tuple(draw(some(objects))),
        addresses=tuple(draw(some(addresses))),
    )


class TestReads:
    """What the gateway in memory answers is what AWS answers."""

    # Without shrinking, which takes minutes here and makes small worlds little smaller.
    @settings(max_examples=20, phases=[Phase.explicit, Phase.reuse, Phase.generate])
    @given(state=live_states(), data=st.data())
    def test_any_questions_in_any_order(
        self, filled: tuple[Sandbox, dict[str, str]], state: State, data: st.DataObject
    ) -> None:
        sandbox, arns = filled
        fill(sandbox, state, arns)
        live = gateway(sandbox, write=False).read_state(EVERYTHING)
        assert_is(live, state, arns)
        door, memory = gateway(sandbox, write=False), MemoryGateway.holding(live)
        assert memory.read_state(EVERYTHING) == live
        for _ in range(3):
            wanted = data.draw(questions(live))
            assert memory.read_state(wanted) == door.read_state(wanted)


def assert_is(live: State, state: State, arns: dict[str, str]) -> None:
    """Assert that *live* is *state*, but for the identifiers of what is gone."""
    assert live.members == state.members
    assert [one.foreign for one in live.users.values()] == [
        state.users[key].foreign for key in live.users
    ]
    assert {key: one.title for key, one in live.users.items()} == {
        key: one.title for key, one in state.users.items()
    }
    for arn, found in state.assignments.items():
        there = live.assignments[ApplicationArn(arns[arn])]
        assert {one for one in there if not one.orphan} == {one for one in found if not one.orphan}
        assert sorted(one.kind for one in there) == sorted(one.kind for one in found)
    answers = [live.applications[ApplicationArn(arn)].assignment_required for arn in arns.values()]
    assert answers == [True, False, None]


class Slow(dict[Any, Any]):
    """A dictionary that lets others go first between a look and what follows from it."""

    def __contains__(self, key: object) -> bool:
        found = super().__contains__(key)
        threading.Event().wait(0.01)
        return found


class TestThreads:
    """Of several threads that write the same, one has done it, and every write is counted."""

    def test_one_of_them_creates_it(self) -> None:
        memory = MemoryGateway(groups=Slow())
        together = threading.Barrier(8)

        def create(_: int) -> bool:
            together.wait()
            try:
                memory.create(Group(GroupName("ops")))
            except AlreadyExistsError:
                return False
            return True

        with ThreadPoolExecutor(8) as threads:
            assert sum(threads.map(create, range(8))) == 1
        assert memory.writes == {"create": 8}
        assert list(memory.state().groups) == [folded("ops")]

    def test_others_go_on_while_one_is_held_up(self) -> None:
        memory = MemoryGateway()
        second = threading.Event()

        def hold_up_the_first(number: int) -> None:
            assert number or second.wait(10)

        memory.before_write = hold_up_the_first
        with ThreadPoolExecutor(1) as threads:
            first = threads.submit(memory.create, Group(GroupName("first")))
            while not memory.writes:
                threading.Event().wait(0.001)
            memory.create(Group(GroupName("second")))
            assert list(memory.read_state(Wanted(groups=True)).groups) == ["second"]
            second.set()
            first.result()
        assert sorted(memory.state().groups) == ["first", "second"]
