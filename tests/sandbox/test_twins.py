"""Live names that fold alike: neither of them is touched, and everything else is done.

AWS may tell names by their case; the sandbox does so here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from identity_reconciler.core.declared import (
    ApplicationSelector,
    Declared,
    DeclaredApplication,
    DeclaredGroup,
    DeclaredUser,
    Ignore,
    Listed,
    ManageObjects,
    Presence,
    Settings,
)
from identity_reconciler.core.guard_settings import (
    Budgets,
    DeleteBudget,
    GuardSettings,
    MinMembers,
)
from identity_reconciler.core.plan import Delete, Plan, Withholding
from identity_reconciler.core.state import Principal, PrincipalKind, address, group_key
from identity_reconciler.gateway import Wanted
from identity_reconciler.render.document import PlanDocument
from identity_reconciler.runs.applier import Outcome, Patience, apply_plan
from identity_reconciler.runs.planning import PlanTerms, make_plan
from identity_reconciler.runs.survey import read_live
from identity_reconciler.runs.verification import Lengths, still_left
from identity_reconciler.sandbox import InstanceDetails, Sandbox
from identity_reconciler.sandbox.assumptions import Assumptions
from tests.memory_gateway import Silent
from tests.sandbox.gateway_world import INSTANCE, gateway, group, member, user
from tests.strategies import HERE

if TYPE_CHECKING:
    from mypy_boto3_identitystore import IdentityStoreClient
    from mypy_boto3_sso_admin import SSOAdminClient

USER, GROUP = PrincipalKind.USER, PrincipalKind.GROUP
STORE = INSTANCE.identity_store_id
PAST = datetime.now(UTC) - timedelta(days=1)
WIDE = GuardSettings(budgets=Budgets(*[DeleteBudget(1000, 100, 1000)] * 5), wipe_from=1000)


class House:
    """Twin users `ana` and `Ana` and groups `ops` and `OPS`, with links."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.store: IdentityStoreClient = sandbox.session().client("identitystore")
        self.admin: SSOAdminClient = sandbox.session().client("sso-admin")
        self.users = {name: self._user(name) for name in ("ana", "Ana", "bob", "eve", "zoe")}
        self.groups = {name: self._group(name) for name in ("ops", "OPS", "data")}
        self.wiki = sandbox.add_application("Wiki")
        for name in ("ana", "bob", "zoe"):
            self._join("ops", name)
        self._join("OPS", "eve")
        for name in ("ana", "Ana", "bob", "eve"):
            self._join("data", name)
        for kind, identifier in (
            ("USER", self.users["ana"]),
            ("USER", self.users["eve"]),
            ("GROUP", self.groups["OPS"]),
        ):
            self.admin.create_application_assignment(
                ApplicationArn=self.wiki,
                PrincipalId=identifier,
                PrincipalType="USER" if kind == "USER" else "GROUP",
            )

    def _user(self, name: str) -> str:
        return self.store.create_user(
            IdentityStoreId=STORE,
            UserName=name,
            DisplayName=name,
            Name={"GivenName": "G", "FamilyName": "F"},
        )["UserId"]

    def _group(self, name: str) -> str:
        return self.store.create_group(IdentityStoreId=STORE, DisplayName=name)["GroupId"]

    def _join(self, group_name: str, user_name: str) -> None:
        self.store.create_group_membership(
            IdentityStoreId=STORE,
            GroupId=self.groups[group_name],
            MemberId={"UserId": self.users[user_name]},
        )

    def links(self) -> set[tuple[str, str]]:
        """Return every membership and assignment that is live, by the names as spelled."""
        names = {identifier: name for name, identifier in (self.users | self.groups).items()}
        found = {
            (name, names[one["MemberId"]["UserId"]])
            for name, identifier in self.groups.items()
            for one in self.store.list_group_memberships(IdentityStoreId=STORE, GroupId=identifier)[
                "GroupMemberships"
            ]
        }
        assigned = self.admin.list_application_assignments(ApplicationArn=self.wiki)
        return found | {
            ("Wiki", names[one["PrincipalId"]]) for one in assigned["ApplicationAssignments"]
        }

    def live(self) -> set[str]:
        users = self.store.list_users(IdentityStoreId=STORE)["Users"]
        groups = self.store.list_groups(IdentityStoreId=STORE)["Groups"]
        return {one["UserName"] for one in users} | {one["DisplayName"] for one in groups}


@pytest.fixture
def house() -> Iterator[House]:
    with Sandbox.assuming(Assumptions(case_sensitive_names=True)) as sandbox:
        sandbox.ensure_instance(InstanceDetails())
        yield House(sandbox)


def members(*names: str, expired: str = "") -> tuple[Listed, ...]:
    return tuple(Listed(name, HERE, PAST if name == expired else None) for name in names)


def declared(*, authoritative: bool = False) -> Declared:
    """Return a declaration that wants something of every twin, and of everything else."""
    mode = ManageObjects.AUTHORITATIVE if authoritative else ManageObjects.DECLARED
    return Declared(
        replace(Settings(INSTANCE), users=mode, groups=mode, require_email=False, guards=WIDE),
        users=(
            DeclaredUser(replace(user("ANA"), title="Lead"), HERE),
            DeclaredUser(replace(user("bob", title="Lead"), email=None), HERE),
            DeclaredUser(user("eve"), HERE, Presence.ABSENT),
            DeclaredUser(replace(user("new"), manager=user("ana").user_name), HERE),
        ),
        groups=(
            DeclaredGroup(group("Ops", "x"), HERE, members=members("new")),
            DeclaredGroup(group("data"), HERE, members=members("new", "bob", expired="bob")),
        ),
        applications=(
            DeclaredApplication(
                ApplicationSelector(name="Wiki"), HERE, groups=members("ops", "data")
            ),
        ),
    )


def planned(
    house: House, wanted: Declared, *, only_expired: bool = False
) -> tuple[Plan, PlanDocument]:
    return make_plan(wanted, gateway(house.sandbox), PlanTerms(only_expired=only_expired))


def applied(house: House, wanted: Declared, *, only_expired: bool = False) -> None:
    door = gateway(house.sandbox)
    plan, _ = make_plan(wanted, door, PlanTerms(only_expired=only_expired))
    results = list(apply_plan(plan, door, Silent(), Patience(lambda _: None)))
    assert {one.outcome for one in results} == {Outcome.APPLIED}


class TestTwins:
    """Names cannot tell them apart, so they and their links stay; the rest goes on."""

    @pytest.mark.parametrize("authoritative", [False, True])
    def test_everything_else_is_done(self, house: House, *, authoritative: bool) -> None:
        before = house.links()
        applied(house, declared(authoritative=authoritative))
        gone = {"eve", "zoe"} if authoritative else {"eve"}
        house.users["new"] = next(
            one["UserId"]
            for one in house.store.list_users(IdentityStoreId=STORE)["Users"]
            if one["UserName"] == "new"
        )
        assert house.live() == {"ana", "Ana", "bob", "zoe", "new", "ops", "OPS", "data"} - gone
        lost = {("data", "bob"), *(link for link in before if link[1] in gone)}
        assert house.links() == (before - lost) | {("data", "new"), ("Wiki", "data")}
        assert not planned(house, declared(authoritative=authoritative))[0].changes

    def test_what_has_expired_goes(self, house: House) -> None:
        before = house.links()
        applied(house, declared(), only_expired=True)
        assert house.links() == before - {("data", "bob")}

    def test_each_is_told_and_withheld(self, house: House) -> None:
        plan, document = planned(house, declared())
        told = [one.message for one in plan.unresolved]
        assert len(told) == len(document.unresolved) == 4
        assert (
            sum('"ANA" cannot be told apart: 2 live users have names' in one for one in told) == 1
        )
        assert (
            sum('"Ops" cannot be told apart: 2 live groups have names' in one for one in told) == 1
        )
        assert 'group "ops" is unresolved, so this is left as it is' in told
        assert any(one.startswith('the manager of user "new": user "ana"') for one in told)
        held = {
            address(one.resource) for one in plan.withheld if one.reason is Withholding.UNRESOLVED
        }
        assert held == {
            "membership/data/ana",
            "assignment/Wiki/user/ana",
            "assignment/Wiki/group/ops",
        }

    def test_those_whom_nobody_names_are_told_unless_ignored(self, house: House) -> None:
        bare = Declared(Settings(INSTANCE, guards=WIDE))
        told = planned(house, bare)[0].unresolved
        assert [one.position for one in told] == [None, None]
        assert (
            'names that differ only in case or Unicode form, "OPS" and "ops"; ' in told[0].message
        )
        ignoring = replace(bare.settings, ignore=Ignore(users=("ana",), groups=("ops",)))
        assert planned(house, replace(bare, settings=ignoring))[0].unresolved == ()

    def test_a_guarded_group_that_has_a_twin_blocks_nothing(self, house: House) -> None:
        """The plan leaves it as it is, so whoever makes a twin of it cannot stop every plan."""
        wanted = declared()
        guards = replace(WIDE, min_members=(MinMembers("ops", 1),))
        guarded = replace(wanted, settings=replace(wanted.settings, guards=guards))
        eve = next(one for one in wanted.users if one.name == "eve")
        staying = replace(guarded, users=tuple(one for one in wanted.users if one is not eve))
        assert planned(house, staying)[1].guards == ()

    def test_their_links_are_filed_together(self, house: House) -> None:
        everything = Wanted(
            users=True,
            groups=True,
            applications=True,
            members_of=lambda _: True,
            assignments_of=lambda _: True,
            twins=True,
        )
        state = gateway(house.sandbox).read_state(everything)
        assert state.twins == {
            Principal(USER, "ana"): ("Ana", "ana"),
            Principal(GROUP, "ops"): ("OPS", "ops"),
        }
        assert set(state.users) == {"bob", "eve", "zoe"}
        assert set(state.groups) == {"data"}
        assert {key: set(some) for key, some in state.members.items()} == {
            "ops": {"ana", "bob", "zoe", "eve"},
            "data": {"ana", "bob", "eve"},
        }
        again = gateway(house.sandbox).read_state(Wanted(principals=(Principal(USER, "bob"),)))
        assert "ops" not in state.united(again).groups

    def test_who_leaves_is_looked_up_where_a_group_has_a_twin(self, house: House) -> None:
        """All groups but those two are declared, and nobody has listed who is in them."""
        data = DeclaredGroup(group("data"), HERE, members=members("eve"))
        leaver = DeclaredUser(user("bob"), HERE, Presence.ABSENT)
        wanted = Declared(Settings(INSTANCE), (leaver,), (data,))
        live = read_live(wanted, gateway(house.sandbox), datetime.now(UTC)).live
        assert "bob" in live.members[group_key("ops")]

    def test_what_is_left_is_not_told_by_lists_that_hold_twins(self, house: House) -> None:
        names = ("ana", "bob", "eve")
        door = gateway(house.sandbox)
        found = door.read_state(Wanted(named=tuple(user(name) for name in names)))
        plan = Plan(tuple(Delete(one) for one in found.users.values()))
        assert still_left(plan, door, Lengths(users=5, groups=3)).changes == plan.changes

    @pytest.mark.parametrize("name", ["ana", "Ana"])
    def test_a_name_of_twins_leads_to_the_one_that_is_spelled_so(
        self, house: House, name: str
    ) -> None:
        """A saved plan may be older than the twin: what it names is asked of AWS anew."""
        before = house.links()
        door = gateway(house.sandbox)
        door.read_state(Wanted(users=True, groups=True, members_of=lambda _: True, twins=True))
        door.delete(member("data", name))
        assert house.links() == before - {("data", name)}
