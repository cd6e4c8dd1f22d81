"""Groups of groups: the way of each member, what only AWS knows, and what nobody knows now."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import permutations

import pytest

from identity_reconciler.core.access import Impact
from identity_reconciler.core.comparison import compare_closely
from identity_reconciler.core.declared import (
    Declared,
    DeclaredGroup,
    DeclaredUser,
    Ignore,
    Listed,
    ManageObjects,
    MembersRule,
    Presence,
    Settings,
)
from identity_reconciler.core.expiry import only_expired
from identity_reconciler.core.flattening import (
    LiveMembers,
    circles,
    depends_on_live,
    derived,
    flat_lists,
    flattened,
    included_groups,
)
from identity_reconciler.core.guard_settings import GuardId
from identity_reconciler.core.guards import Standing, gather
from identity_reconciler.core.plan import Create, Delete, Plan, Reason
from identity_reconciler.core.resolution import with_all_members
from identity_reconciler.core.state import (
    Group,
    GroupName,
    Principal,
    PrincipalKind,
    State,
    User,
    UserKey,
    UserName,
    group_key,
    user_key,
)
from identity_reconciler.errors import Position
from tests.guarded_world import WIDE, judge
from tests.strategies import HERE, INSTANCE, NOW

SOON, LATER = NOW + timedelta(days=1), NOW + timedelta(days=9)


def at(line: int) -> Position:
    return Position("groups.yaml", line, 1)


def listed(*names: str) -> tuple[Listed, ...]:
    return tuple(Listed(name, HERE) for name in names)


def group(name: str, *members: str, **more: object) -> DeclaredGroup:
    found = DeclaredGroup(Group(GroupName(name)), HERE, members=listed(*members))
    return replace(found, **more)  # type: ignore[arg-type]


def says(*groups: DeclaredGroup, people: str = "ann bob eve", **settings: object) -> Declared:
    users = tuple(DeclaredUser(User(UserName(one)), HERE) for one in people.split())
    return Declared(Settings(INSTANCE, **settings), users, groups)  # type: ignore[arg-type]


def live(people: str = "ann bob eve", **groups: str) -> State:
    return State(
        users={user_key(one): User(UserName(one)) for one in people.split()},
        groups={group_key(one): Group(GroupName(one)) for one in groups},
        members={group_key(k): frozenset(map(UserKey, v.split())) for k, v in groups.items()},
    )


def did(plan: Plan) -> list[str]:
    """Return the memberships that *plan* adds and removes, as `+ group/user`."""
    signs = {Create: "+", Delete: "-"}
    return [
        f"{signs[type(one)]} {'/'.join(one.key[1:])}"
        for one in plan.changes
        if one.key[0] == "membership"
    ]


def plan_for(declared: Declared, state: State) -> Plan:
    return compare_closely(flattened(declared), state, NOW).plan


class TestWays:
    """Of several ways the one that lasts longest counts, then the shortest."""

    def members(self, *groups: DeclaredGroup) -> dict[str, Listed]:
        (found,) = [one for one in flattened(says(*groups)).groups if one.name == "all"]
        return {one.name: one for one in found.members or ()}

    def test_the_first_end_along_the_way_counts(self) -> None:
        inner = group("inner", include=(Listed("core", HERE, LATER),))
        core = replace(group("core"), members=(Listed("ann", at(3), SOON), Listed("bob", at(4))))
        found = self.members(core, inner, group("all", include=listed("inner")))
        assert found["ann"] == Listed("ann", at(3), SOON, via=("inner", "core"))
        assert found["bob"] == Listed("bob", at(4), LATER, via=("inner", "core"))

    def test_the_way_that_lasts_longest_is_told(self) -> None:
        one, two = group("one", "ann"), group("two", "ann")
        include = (Listed("one", HERE, SOON), Listed("two", HERE, LATER))
        assert self.members(one, two, group("all", include=include))["ann"].via == ("two",)
        include = (Listed("two", HERE), Listed("one", HERE, LATER))
        assert self.members(one, two, group("all", include=include))["ann"].via == ("two",)

    def test_of_two_that_last_as_long_the_shorter_one(self) -> None:
        one = group("one", include=listed("two"))
        found = self.members(one, group("two", "ann"), group("all", include=listed("one", "two")))
        assert found["ann"].via == ("two",)

    def test_who_is_listed_needs_no_way_unless_it_lasts_longer(self) -> None:
        inner = group("inner", "ann", "bob")
        own = (Listed("ann", at(1)), Listed("bob", at(2), SOON))
        found = self.members(inner, group("all", members=own, include=listed("inner")))
        assert (found["ann"].via, found["bob"].via) == ((), ("inner",))

    def test_the_reason_nearest_to_the_member_is_told(self) -> None:
        core = group("core", members=(Listed("ann", HERE, None, "T-1"), Listed("bob", HERE)))
        include = (Listed("core", HERE, None, "T-2"),)
        found = self.members(core, group("all", include=include))
        assert (found["ann"].reason, found["bob"].reason) == ("T-1", "T-2")

    def test_who_is_excluded_below_does_not_come_up_by_that(self) -> None:
        inner = group("inner", include=listed("core"), exclude=listed("ann"))
        core = group("core", "ann", "bob")
        assert self.members(core, inner, group("all", include=listed("inner"))).keys() == {"bob"}

    def test_whom_a_group_gets_without_its_list(self) -> None:
        inner = group("inner", "ann", "bob")
        entry = group("all", "ann", include=listed("inner"), exclude=listed("bob"))
        declared = says(inner, entry)
        assert [one.name for one in derived(declared, entry).members] == ["ann"]
        whole = derived(declared, entry, whole=True).members
        assert [one.name for one in whole] == ["ann", "bob"]
        assert derived(declared, inner).members == ()

    def test_a_longer_way_that_lasts_longer_wins_over_a_shorter_one(self) -> None:
        one = group("one", members=(Listed("ann", HERE, SOON),))
        inner = group("inner", include=listed("core"))
        core = group("core", members=(Listed("ann", HERE, LATER),))
        for include in (("one", "inner"), ("inner", "one")):
            found = self.members(one, core, inner, group("all", include=listed(*include)))
            assert (found["ann"].via, found["ann"].expires) == (("inner", "core"), LATER)

    def test_of_two_ways_that_are_alike_the_first_one(self) -> None:
        one, two = group("one", "ann"), group("two", "ann")
        entry = group("all", include=listed("two", "one"))
        assert self.members(one, two, entry)["ann"].via == ("two",)

    def test_who_is_listed_stands_first_and_the_others_by_name(self) -> None:
        inner = group("inner", "Eve", "bob", "Ann")
        entry = group("all", "zoe", "Carl", include=listed("inner"))
        (_, found) = flattened(says(inner, entry)).groups
        assert [one.name for one in found.members or ()] == ["zoe", "Carl", "Ann", "bob", "Eve"]

    def test_case_does_not_matter(self) -> None:
        core = group("Core", "ANN", "Bob", "eve")
        middle = group("Middle", include=listed("CORE"))
        entry = group(
            "ALL",
            members=(Listed("Eve", at(9), SOON),),
            include=listed("MIDDLE"),
            exclude=listed("BOB"),
        )
        declared = says(entry, middle, core)
        found = flattened(declared).groups[0]
        assert [(one.name, one.via) for one in found.members or ()] == [
            ("eve", ("MIDDLE", "CORE")),
            ("ANN", ("MIDDLE", "CORE")),
        ]
        assert [one.name for one in derived(declared, entry).members] == ["ANN", "eve"]
        assert list(circles((entry, middle, core))) == []
        assert len(list(circles((middle, replace(core, include=listed("MIDDLE")))))) == 1

    def test_each_include_has_its_own_terms(self) -> None:
        core = group("Core", members=(Listed("ANN", HERE, LATER), Listed("bob", HERE)))
        groups = [
            group("all", include=(Listed("core", at(1), SOON, "T-1"),)),
            group("some", include=(Listed("core", at(2)),)),
            group("few", include=(Listed("core", at(3), NOW),), exclude=listed("ann")),
        ]
        found = {one.name: one.members or () for one in flattened(says(core, *groups)).groups}
        assert [(one.name, one.expires, one.reason) for one in found["all"]] == [
            ("ANN", SOON, "T-1"),
            ("bob", SOON, "T-1"),
        ]
        assert [one.expires for one in found["some"]] == [LATER, None]
        assert [(one.name, one.expires) for one in found["few"]] == [("bob", NOW)]

    @pytest.mark.parametrize(
        ("ways", "expected"),
        [
            ({"a": (None, NOW), "b": (SOON, None)}, "a"),
            ({"a": (SOON, None), "b": (LATER, None)}, "a"),
            ({"a": (SOON, None), "b": (None, LATER)}, "b"),
            ({"a": (None, NOW), "b": (NOW, SOON)}, "b"),
        ],
    )
    def test_one_that_holds_counts_and_then_one_that_is_over(
        self, ways: dict[str, tuple[datetime | None, datetime | None]], expected: str
    ) -> None:
        groups = [group(name, "ann") for name in ways]
        include = tuple(
            Listed(name, HERE, expires, starts=starts) for name, (starts, expires) in ways.items()
        )
        declared = says(*groups, group("all", include=include))
        (one,) = flattened(declared, NOW).groups[-1].members or ()
        assert one.via == (expected,)

    def test_in_whichever_order_they_are_declared(self) -> None:
        groups = [group("core", "ann"), group("one", include=listed("core"))]
        groups += [group("two", include=listed("one")), group("all", include=listed("two", "one"))]
        for order in permutations(groups):
            assert self.members(*order)["ann"].via == ("one", "core")

    def test_once_is_enough(self) -> None:
        """What has its members from AWS already is not asked again."""
        entry = group("all", "bob", include=listed("core"), flat=True)
        declared = says(group("core", "ann"), entry)
        assert flattened(declared) == declared
        more = says(*declared.groups, group("more", include=listed("all")))
        found = flattened(more)
        assert found.groups[1] == entry
        assert [one.name for one in found.groups[2].members or ()] == ["bob"]

    def test_a_circle_ends(self) -> None:
        one = group("one", "ann", include=listed("two"))
        two = replace(group("two", include=listed("one")), members=None)
        lists = flat_lists(says(one, two), None)
        assert {one.name for one in lists[group_key("one")].members} == {"ann"}

    def test_a_group_that_is_not_declared_gives_nobody(self) -> None:
        """The loader refuses it, and asks for what else is wrong."""
        entry = group("all", include=listed("nowhere"), exclude=listed("ann"))
        found = flat_lists(says(entry), None)[group_key("all")]
        assert (found.members, found.unknown[0].message) == (
            (),
            'who is in group "nowhere", only AWS knows',
        )

    def test_circles_are_found_behind_others(self) -> None:
        groups = (
            group("a", include=listed("b", "c")),
            group("b"),
            group("c", include=listed("nowhere", "b", "d")),
            group("d", include=listed("c", "a")),
        )
        found = [[one.name for one in circle] for circle in circles(groups)]
        assert found == [["d", "c"], ["c", "d", "a"]]


class TestExpiry:
    """What comes by an include ends with it, as expired, and by nothing else of its own."""

    def test_of_an_include_ends_all_who_come_by_it(self) -> None:
        include = (Listed("core", at(2), NOW, "T-1"), Listed("other", at(3)))
        core = replace(group("core"), members=(Listed("ann", at(5)), Listed("bob", at(6))))
        declared = says(core, group("other", "bob"), group("all", include=include))
        plan = plan_for(declared, live(core="ann bob", other="bob", all="ann bob eve"))
        assert did(plan) == ["- all/ann", "- all/eve"]
        reasons = [one.reason for one in plan.changes if isinstance(one, Delete)]
        assert reasons == [Reason.EXPIRED, Reason.UNLISTED]
        origin = plan.origins["membership", "all", "ann"]
        assert (origin.position, origin.expires, origin.via) == (at(5), NOW, ("core",))
        assert did(only_expired(plan)) == ["- all/ann"]


class TestOnlyAwsKnows:
    """The members of a group that nothing here manages are those that it has."""

    EXTERNAL = DeclaredGroup(Group(GroupName("idp")), at(7), Presence.EXTERNAL)

    @pytest.mark.parametrize("entry", [EXTERNAL, replace(EXTERNAL, presence=Presence.PRESENT)])
    def test_are_taken_from_there(self, entry: DeclaredGroup) -> None:
        declared = says(
            entry,
            group("all", include=(Listed("IDP", at(2)),)),
            group("plain", include=listed("core")),
            group("core"),
        )
        assert depends_on_live(declared) == {"all"}
        assert included_groups(declared) == {"idp"}
        assert included_groups(says(group("Core"), group("all", include=listed("CORE")))) == set()
        plan = plan_for(declared, live(idp="ann bob", all="eve"))
        assert did(plan) == ["- all/eve", "+ all/ann", "+ all/bob"]
        origin = plan.origins["membership", "all", "ann"]
        assert (origin.position, origin.via) == (at(2), ("IDP",))

    def test_by_the_names_of_after_the_renames(self) -> None:
        entry = replace(self.EXTERNAL, presence=Presence.PRESENT, previous_names=("old",))
        ann = DeclaredUser(User(UserName("Ann")), HERE, previous_names=("was",))
        declared = says(entry, group("all", include=listed("idp")), rename_users=True)
        declared = replace(declared, users=(ann, *declared.users[1:]))
        state = live("was bob eve", old="was bob", all="was")
        assert did(plan_for(declared, state)) == ["+ all/bob"]
        found = with_all_members(declared, state).groups[1]
        assert [one.name for one in found.members or ()] == ["Ann", "bob"]

    def test_who_is_only_live_is_spelled_as_there(self) -> None:
        declared = says(self.EXTERNAL, group("all", include=listed("idp")), people="ann")
        found = with_all_members(declared, live("ann Zoe bob", idp="zoe bob"))
        assert [one.name for one in found.groups[1].members or ()] == ["bob", "Zoe"]

    @pytest.mark.parametrize(
        ("mode", "foreign", "expected"),
        [
            (ManageObjects.DECLARED, False, ["bob"]),
            (ManageObjects.REFERENCE, False, ["bob"]),
            (ManageObjects.AUTHORITATIVE, False, []),
            (ManageObjects.AUTHORITATIVE, True, ["bob"]),
        ],
    )
    def test_who_is_to_be_deleted_is_no_member(
        self, mode: ManageObjects, *, foreign: bool, expected: list[str]
    ) -> None:
        declared = says(self.EXTERNAL, group("all", include=listed("idp")), people="", users=mode)
        state = live("", idp="bob gone")
        bob = {user_key("bob"): User(UserName("bob"), foreign=foreign)}
        found = with_all_members(declared, replace(state, users=bob)).groups[1]
        assert [one.name for one in found.members or ()] == expected

    def test_what_was_imported_is_taken_as_it_is_live(self) -> None:
        core, state = group("Core", "ann"), live(core="bob")
        declared = says(core, group("all", include=listed("CORE")))
        as_live = LiveMembers(state, as_live=frozenset({group_key("core")}))
        found = flat_lists(declared, as_live)[group_key("all")]
        assert [(one.name, one.via) for one in found.members] == [("bob", ("CORE",))]
        assert found.unknown == ()

    def test_but_nobody_who_is_ignored_or_to_be_deleted(self) -> None:
        declared = says(
            self.EXTERNAL,
            group("all", include=listed("idp")),
            people="ann",
            users=ManageObjects.AUTHORITATIVE,
            ignore=Ignore(users=("svc-*",)),
        )
        gone = replace(declared.users[0], presence=Presence.ABSENT)
        state = live("ann bob svc-1", idp="ann bob svc-1", all="svc-1")
        plan = plan_for(replace(declared, users=(gone,)), state)
        assert [one for one in did(plan) if "all/" in one] == []
        kept = replace(declared, settings=replace(declared.settings, users=ManageObjects.DECLARED))
        assert did(plan_for(replace(kept, users=(gone,)), state)) == ["- idp/ann", "+ all/bob"]

    def test_a_rule_takes_in_people_of_an_identity_provider_and_no_others(self) -> None:
        rule = MembersRule((("department", ("Data", "ML")), ("user_type", ("employee",))), at(5))
        declared = says(group("all", rule=rule), people="ann")
        fits = {"department": "ml", "user_type": "Employee"}
        state = live("ann bob eve ida", all="")
        users = {
            **state.users,
            user_key("bob"): User(UserName("bob"), foreign=True, **fits),  # type: ignore[arg-type]
            user_key("eve"): User(UserName("eve"), **fits),  # type: ignore[arg-type]
            user_key("ida"): User(UserName("ida"), foreign=True, department="ML"),
        }
        plan = plan_for(declared, replace(state, users=users))
        assert did(plan) == ["+ all/bob"]
        assert plan.origins["membership", "all", "bob"].via == ("members_where",)

    def test_a_rule_looks_at_each_person_once_and_at_nobody_who_leaves(self) -> None:
        rule = MembersRule((("department", ("Data",)),), at(5))
        declared = says(group("all", rule=rule, include=listed("core")), group("core", "bob"))
        people = [
            replace(one, presence=presence)
            for one, presence in zip(
                declared.users,
                (Presence.EXTERNAL, Presence.EXTERNAL, Presence.ABSENT),
                strict=True,
            )
        ]
        users = {
            user_key(one): User(UserName(one), department="data", foreign=one != "eve")
            for one in ("ann", "bob", "eve")
        }
        found = with_all_members(
            replace(declared, users=tuple(people)), replace(live(core="bob"), users=users)
        ).groups[0]
        assert found.flat
        assert found.rule is not None
        assert found.rule.matched == 2
        assert [(one.name, one.via) for one in found.members or ()] == [
            ("ann", ("members_where",)),
            ("bob", ("members_where",)),
        ]

    def test_an_exclude_that_nobody_needs_is_told(self) -> None:
        exclude = (Listed("ann", at(3)), Listed("bob", at(4)))
        declared = says(self.EXTERNAL, group("all", include=listed("idp"), exclude=exclude))
        (told,) = plan_for(declared, live(idp="ann", all="")).unresolved
        assert told.position == at(4)
        assert told.message.startswith('exclude: user "bob" would not be in group "all" by what ')


class TestUnknown:
    """Where it is not known who is in an included group, nobody is taken out for that."""

    ALL = group("all", "ann", include=(Listed("INNER", at(2)),), exclude=listed("eve"))

    def held(self, inner: DeclaredGroup, state: State, all_of: DeclaredGroup = ALL) -> list[str]:
        plan = plan_for(says(inner, all_of), state)
        assert any(
            one.position == at(2)
            and one.message
            == 'group "INNER" is unresolved, so who is in group "all" by it is left as it is'
            for one in plan.unresolved
        )
        return did(plan)

    def test_it_is_not_live(self) -> None:
        inner = DeclaredGroup(Group(GroupName("inner")), HERE, Presence.EXTERNAL)
        assert self.held(inner, live(all="bob eve")) == ["- all/eve", "+ all/ann"]

    def test_somebody_else_owns_it(self) -> None:
        state = live(inner="bob", all="bob eve")
        foreign = {group_key("inner"): Group(GroupName("inner"), foreign=True)}
        state = replace(state, groups={**state.groups, **foreign})
        assert self.held(group("inner", "bob"), state) == ["- all/eve", "+ all/ann"]
        # Whom the YAML has in it is not let in by that either.
        state = replace(state, members={**state.members, group_key("all"): frozenset()})
        assert self.held(group("inner", "bob"), state) == ["+ all/ann"]

    def test_it_cannot_be_told_from_another(self) -> None:
        state = live(all="bob eve")
        twins = {Principal(PrincipalKind.GROUP, "inner"): ("inner", "INNER")}
        assert self.held(group("inner"), replace(state, twins=twins)) == ["- all/eve", "+ all/ann"]

    def test_what_has_expired_ends_all_the_same(self) -> None:
        inner = DeclaredGroup(Group(GroupName("inner")), HERE, Presence.EXTERNAL)
        over = replace(self.ALL, members=(Listed("ann", HERE), Listed("bob", HERE, NOW)))
        assert self.held(inner, live(all="bob"), over) == ["- all/bob", "+ all/ann"]

    def test_nor_is_it_known_of_what_includes_that(self) -> None:
        inner = DeclaredGroup(Group(GroupName("inner")), HERE, Presence.EXTERNAL)
        outer = group("outer", include=listed("all"))
        plan = plan_for(says(inner, self.ALL, outer), live(all="bob", outer="bob"))
        assert did(plan) == ["+ all/ann", "+ outer/ann"]
        assert len(plan.unresolved) == 2


class TestGuard:
    """A rule that suddenly matches few is refused."""

    RULE = MembersRule((("department", ("Data",)),), at(5))

    def standing(self, declared: Declared, state: State) -> tuple[Standing, str | None, int]:
        comparison = compare_closely(flattened(declared), state, NOW)
        evidence = gather(comparison, Impact.of(comparison.plan, state))
        found = judge(evidence, WIDE)[GuardId.MEMBERS_WHERE]
        return found.standing, found.found, found.count

    def people(self, data: str, others: str) -> Declared:
        users = [
            DeclaredUser(User(UserName(name), department=department), HERE)
            for department, names in (("Data", data), ("Sales", others))
            for name in names.split()
        ]
        entry = group("team", rule=self.RULE)
        return replace(says(entry, people=""), users=tuple(users))

    def test_that_keeps_half_passes(self) -> None:
        state = live("a b c d", team="a b c d")
        assert self.standing(self.people("a b", "c d"), state)[0] is Standing.PASSED

    def test_that_loses_more_than_half_is_refused(self) -> None:
        state = live("a b c d e", team="a b c d e")
        assert self.standing(self.people("a b", "c d e"), state) == (
            Standing.BLOCKED,
            "group/team would lose 3 of the 5 whom its rule has, or had",
            3,
        )

    def test_who_joins_at_the_same_time_does_not_make_up_for_it(self) -> None:
        state = live("a b c d e f", team="a b c")
        assert self.standing(self.people("a d e f", "b c"), state)[0] is Standing.BLOCKED

    def test_who_is_listed_or_included_is_not_of_the_rule(self) -> None:
        declared = self.people("a b", "c d e f")
        inner = group("inner", "e")
        entry = group("team", "d", rule=self.RULE, include=listed("inner"))
        declared = replace(declared, groups=(inner, entry))
        state = live("a b c d e f", inner="e", team="a b c d e f")
        assert self.standing(declared, state)[0] is Standing.PASSED

    def test_who_leaves_altogether_does_not_count(self) -> None:
        declared = self.people("a", "b c")
        gone = (replace(one, presence=Presence.ABSENT) for one in declared.users[1:])
        declared = replace(declared, users=(declared.users[0], *gone))
        assert self.standing(declared, live("a b c", team="a b c"))[0] is Standing.PASSED

    def test_a_new_group_whose_rule_matches_nobody_is_refused(self) -> None:
        assert self.standing(self.people("", "a"), live("a")) == (
            Standing.BLOCKED,
            "the rule of group/team, which is new, matches nobody",
            1,
        )
        assert self.standing(self.people("a", ""), live("a"))[0] is Standing.PASSED

    def test_a_group_that_is_renamed_is_the_same(self) -> None:
        declared = self.people("a", "b c")
        entry = replace(declared.groups[0], previous_names=("squad",))
        declared = replace(declared, groups=(entry,))
        assert self.standing(declared, live("a b c", squad="a b c"))[2] == 2
        declared = replace(self.people("a b", "c"), groups=(entry,))
        assert self.standing(declared, live("a b c", squad="a b c"))[0] is Standing.PASSED
