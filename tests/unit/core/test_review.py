"""What of a reviewed plan may still be done, and what makes it stale."""

from __future__ import annotations

from dataclasses import replace

import pytest

from identity_reconciler.core.plan import Change, Create, Delete, Plan, Reason, Rename, Update
from identity_reconciler.core.review import (
    applications_of,
    require_reviewed,
    to_be_read,
    what_is_left,
)
from identity_reconciler.core.state import (
    Application,
    ApplicationArn,
    Assignment,
    Group,
    GroupName,
    Membership,
    Principal,
    PrincipalKind,
    Provenance,
    State,
    User,
    UserName,
    group_key,
    user_key,
)
from identity_reconciler.errors import StalePlanError

ANA, BOB = User(UserName("Ana")), User(UserName("bob"))
OPS, DATA = Group(GroupName("Ops")), Group(GroupName("data"))
WIKI = Application(ApplicationArn("arn:wiki"), "Wiki")
OF_ANA = Principal(PrincipalKind.USER, "ana")
OF_BOB = Principal(PrincipalKind.USER, "bob")
OF_OPS = Principal(PrincipalKind.GROUP, "ops")
OF_DATA = Principal(PrincipalKind.GROUP, "data")


def link(group: str, user: str) -> Membership:
    return Membership(GroupName(group), UserName(user))


def assigned(principal: Principal) -> Assignment:
    return Assignment(WIKI.arn, principal)


def live(
    *objects: User | Group, links: tuple[Membership, ...] = (), wiki: tuple[Principal, ...] = ()
) -> State:
    """Return a state of these objects, these memberships, and these principals of the Wiki."""
    groups = {one.key[1] for one in links}
    return State(
        users={user_key(one.user_name): one for one in objects if isinstance(one, User)},
        groups={group_key(one.name): one for one in objects if isinstance(one, Group)},
        members={
            group_key(group): frozenset(user_key(one.user) for one in links if one.key[1] == group)
            for group in groups
        },
        applications={WIKI.arn: WIKI},
        assignments={WIKI.arn: frozenset(wiki)},
    )


def left(state: State, *changes: Change) -> tuple[Change, ...]:
    return what_is_left(Plan(changes), state).changes


def stale(state: State, *changes: Change) -> str:
    with pytest.raises(StalePlanError) as caught:
        left(state, *changes)
    return str(caught.value)


class TestRequireReviewed:
    """A change that would be done and was not reviewed as it is refuses the whole plan."""

    def test_what_was_reviewed_passes_and_so_does_less(self) -> None:
        changes = (Create(ANA), Update(OPS, replace(OPS, description="x")), Delete(BOB))
        require_reviewed(Plan(changes), Plan(changes))
        require_reviewed(Plan(changes[:1]), Plan(changes))
        require_reviewed(Plan(), Plan())

    @pytest.mark.parametrize(
        ("fresh", "words"),
        [
            (Create(BOB), "user/bob (create) would be done now, but it is not in the reviewed"),
            (Delete(BOB), "user/bob (delete) would be done now, but it is not in the reviewed"),
            (Rename(BOB, replace(BOB, user_name=UserName("Rob"))), "user/Rob (rename) would be"),
            (Update(ANA, ANA), "user/Ana (update) would be done now, but it is not as it was"),
            (Create(replace(ANA, title="x")), "user/Ana (create) would be done now, but it is not"),
            (Delete(ANA), "user/Ana (delete) would be done now, but it is not as it was reviewed"),
        ],
    )
    def test_anything_else_is_named(self, fresh: Change, words: str) -> None:
        reviewed = Plan((Create(ANA), Create(OPS)))
        with pytest.raises(StalePlanError) as caught:
            require_reviewed(Plan((Create(OPS), fresh)), reviewed)
        assert words in str(caught.value)

    def test_a_deletion_may_take_fewer_memberships_along_and_not_others(self) -> None:
        one, two, three = link("a", "bob"), link("b", "bob"), link("c", "bob")
        reviewed = Plan((Delete(BOB, Reason.ABSENT, (one, two)),))
        for cascaded in ((one, two), (two,), ()):
            require_reviewed(Plan((Delete(BOB, Reason.ABSENT, cascaded),)), reviewed)
        for delete in (
            Delete(BOB, Reason.ABSENT, (one, three)),
            Delete(replace(BOB, title="x"), Reason.ABSENT, (one, two)),
        ):
            with pytest.raises(StalePlanError, match=r"user/bob \(delete\).* not as it was"):
                require_reviewed(Plan((delete,)), reviewed)


class TestToBeRead:
    """Every resource that a change starts from or leads to is read; leavers with their links."""

    def test_names(self) -> None:
        ana = replace(ANA, user_name=UserName("Anna"))
        changes = (
            Delete(assigned(OF_ANA)),
            Rename(ANA, ana),
            Update(DATA, replace(DATA, description="x")),
            Create(link("data", "Anna")),
            Delete(OPS),
            Delete(BOB),
        )
        named, principals = to_be_read(Plan(changes))
        of_anna = Principal(PrincipalKind.USER, "anna")
        links = (assigned(OF_ANA), assigned(of_anna))
        assert named == (*links, ANA, ana, DATA, link("data", "Anna"), OPS, BOB)
        assert principals == (OF_OPS, OF_BOB)


class TestApplications:
    """An application is reviewed by its name, which may be another one's by then."""

    CREATE = Create(Assignment(WIKI.arn, OF_ANA, "Wiki", "Ana"))
    DELETE = Delete(Assignment(WIKI.arn, OF_OPS, "Wiki", "Ops"))

    @pytest.mark.parametrize("change", [CREATE, DELETE])
    def test_a_fresh_plan_calls_it_otherwise(self, change: Create | Delete) -> None:
        require_reviewed(Plan((change,)), Plan((change,)))
        other = (
            Create(replace(change.after, application_name="Payroll"))
            if isinstance(change, Create) and isinstance(change.after, Assignment)
            else Delete(Assignment(WIKI.arn, OF_OPS, "Payroll", "Ops"))
        )
        with pytest.raises(StalePlanError, match="it is not as it was reviewed"):
            require_reviewed(Plan((other,)), Plan((change,)))

    @pytest.mark.parametrize("change", [CREATE, DELETE])
    def test_it_is_called_otherwise_now(self, change: Change) -> None:
        state = live(ANA, OPS, wiki=(OF_OPS,))
        assert left(state, Create(BOB), change) == (Create(BOB), change)
        renamed = replace(state, applications={WIKI.arn: replace(WIKI, name="Payroll")})
        assert "arn:wiki is called Payroll; plan and review again" in stale(renamed, change)
        gone = replace(state, applications={})
        assert left(gone, change) == (change,)

    def test_those_to_be_read(self) -> None:
        other = ApplicationArn("arn:other")
        changes = (
            self.DELETE,
            Create(link("data", "Ana")),
            Create(replace(assigned(OF_ANA), application=other)),
            self.CREATE,
            Delete(BOB),
        )
        assert applications_of(Plan(changes)) == (WIKI.arn, other)


class TestWhatIsLeft:
    """What is done is dropped, what is not is kept, and anything else is stale."""

    TITLED = Update(ANA, replace(ANA, title="Boss"))

    def test_creations(self) -> None:
        changes = (Create(ANA), Create(link("Ops", "bob")), Create(assigned(OF_OPS)))
        assert left(live(), *changes) == changes
        assert left(live(ANA, links=(link("ops", "bob"),), wiki=(OF_OPS,)), *changes) == ()
        assert left(live(ANA), *changes) == changes[1:]

    def test_deletions(self) -> None:
        changes = (Delete(link("Ops", "bob")), Delete(assigned(OF_OPS)), Delete(DATA))
        state = live(DATA, links=(link("ops", "bob"),), wiki=(OF_OPS,))
        assert left(state, *changes) == changes
        assert left(live(), *changes) == ()

    def test_updates(self) -> None:
        assert left(live(ANA), self.TITLED) == (self.TITLED,)
        assert left(live(self.TITLED.after), self.TITLED) == ()
        described = Update(OPS, replace(OPS, description="x"))
        assert left(live(OPS), described) == (described,)
        assert left(live(described.after), described) == ()

    def test_renames(self) -> None:
        for old, new in (
            (ANA, replace(ANA, user_name=UserName("Anna"))),
            (OPS, replace(OPS, name=GroupName("Devops"))),
        ):
            change = Rename(old, new)
            assert left(live(old), change) == (change,)
            assert left(live(new), change) == ()

    def test_the_rest_of_the_plan_stays(self) -> None:
        plan = Plan((Create(ANA),), applications={WIKI.arn: WIKI})
        assert what_is_left(plan, live(ANA)) == replace(plan, changes=())

    def test_what_aws_reports_besides_is_no_change(self) -> None:
        reported = replace(ANA, provenance=Provenance(updated_at="today"))
        assert left(live(reported), self.TITLED) == (self.TITLED,)

    @pytest.mark.parametrize(
        ("change", "state", "words"),
        [
            (Create(ANA), live(replace(ANA, foreign=True)), "user/Ana: it is live and owned by"),
            (TITLED, live(replace(ANA, title="Clerk")), "user/Ana: it has changed since it was"),
            (TITLED, live(replace(ANA, locale="de")), "user/Ana: it has changed in other"),
            (TITLED, live(), "user/Ana: it is no longer live"),
            (
                Update(OPS, replace(OPS, description="x")),
                live(replace(OPS, foreign=True)),
                "group/Ops: it has changed in other attributes",
            ),
            (
                Rename(OPS, replace(OPS, name=GroupName("Devops"))),
                live(replace(OPS, description="x")),
                "group/Ops: it has changed in other attributes",
            ),
            (Delete(ANA), live(replace(ANA, title="x")), "user/Ana: it has changed since it was"),
        ],
    )
    def test_what_has_changed_meanwhile_is_stale(
        self, change: Change, state: State, words: str
    ) -> None:
        found = stale(state, change)
        assert words in found
        assert found.startswith("the plan is stale: ")
        assert found.endswith("plan and review again")


class TestRenamedManagers:
    """A manager's new name is no change of those managed, whether it is given already or not."""

    ANNA = replace(ANA, user_name=UserName("Anna"))
    BEFORE = replace(BOB, manager=UserName("ANA"))
    MANAGED = replace(BOB, manager=UserName("Anna"))
    RENAME = Rename(ANA, ANNA)

    @pytest.mark.parametrize(
        "change",
        [
            Update(MANAGED, replace(MANAGED, title="Boss")),
            Rename(MANAGED, replace(MANAGED, user_name=UserName("Robert"))),
            Delete(MANAGED),
        ],
    )
    def test_the_change_is_left(self, change: Change) -> None:
        assert left(live(ANA, self.BEFORE), self.RENAME, change) == (self.RENAME, change)
        assert left(live(self.ANNA, self.MANAGED), self.RENAME, change) == (change,)

    def test_another_manager_is_a_change(self) -> None:
        eve = User(UserName("eve"))
        other = replace(BOB, manager=UserName("eve"))
        update = Update(self.MANAGED, replace(self.MANAGED, title="Boss"))
        for state in (live(ANA, eve, other), live(ANA, BOB)):
            assert "has changed in other attributes" in stale(state, self.RENAME, update)
        assert "has changed in other" in stale(live(ANA, self.BEFORE), update)

    def test_the_old_name_may_be_another_persons_by_then(self) -> None:
        update = Update(self.MANAGED, replace(self.MANAGED, title="Boss"))
        by_the_new_ana = live(ANA, self.ANNA, self.BEFORE)
        assert "has changed in other" in stale(by_the_new_ana, self.RENAME, Create(ANA), update)

    def test_a_group_of_that_name_is_no_manager(self) -> None:
        group = Group(GroupName("ana"))
        rename = Rename(group, replace(group, name=GroupName("Anna")))
        update = Update(self.BEFORE, replace(self.BEFORE, title="Boss"))
        state = live(ANA, group, self.BEFORE)
        assert left(state, rename, update) == (rename, update)


class TestUnreviewedLinks:
    """Whoever is to be deleted has no link but those that the plan takes away."""

    @pytest.mark.parametrize(
        ("deleted", "taken", "state"),
        [
            (BOB, (link("Ops", "Bob"),), live(BOB, OPS, links=(link("Ops", "bob"),))),
            (OPS, (link("Ops", "Bob"),), live(BOB, OPS, links=(link("Ops", "bob"),))),
            (BOB, (), live(BOB, ANA, OPS, links=(link("Ops", "ana"),), wiki=(OF_ANA, OF_OPS))),
            (OPS, (), live(BOB, DATA, OPS, links=(link("data", "bob"),), wiki=(OF_BOB, OF_DATA))),
            (
                Group(GroupName("bob")),
                (),
                live(BOB, Group(GroupName("bob")), links=(link("o", "bob"),)),
            ),
        ],
    )
    def test_reviewed_ones_go_along_and_those_of_others_do_not_matter(
        self, deleted: User | Group, taken: tuple[Membership, ...], state: State
    ) -> None:
        change = Delete(deleted, Reason.ABSENT, taken)
        assert left(state, change) == (change,)

    @pytest.mark.parametrize(
        ("deleted", "state", "named"),
        [
            (BOB, live(BOB, OPS, links=(link("Ops", "bob"),)), "membership/Ops/bob"),
            (OPS, live(BOB, OPS, links=(link("Ops", "bob"),)), "membership/Ops/bob"),
            (BOB, live(BOB, wiki=(OF_BOB,)), "assignment/Wiki/user/bob"),
            (OPS, live(OPS, wiki=(OF_OPS,)), "assignment/Wiki/group/Ops"),
            (
                OPS,
                live(ANA, BOB, OPS, links=(link("Ops", "bob"), link("Ops", "ana"))),
                "membership/Ops/Ana",
            ),
            (OPS, live(OPS, DATA, wiki=(OF_DATA, OF_OPS)), "assignment/Wiki/group/Ops"),
        ],
    )
    def test_a_new_one_is_stale(self, deleted: User | Group, state: State, named: str) -> None:
        found = stale(state, Delete(deleted, Reason.ABSENT, ()))
        assert f"{named}: it is new, and its principal is to be deleted" in found

    def test_of_several_new_ones_the_first_is_named(self) -> None:
        names = [f"g{n:02}" for n in range(30, 9, -1)]
        arns = [ApplicationArn(f"arn:{n}") for n in (2, 1)]
        groups = [Group(GroupName(name)) for name in names]
        everybody = live(BOB, *groups, links=tuple(link(name, "bob") for name in names))
        changes = (Delete(BOB), *(Delete(group) for group in groups))
        found = frozenset(Principal(PrincipalKind.GROUP, name) for name in names)
        assigned_to = replace(everybody, members={}, assignments=dict.fromkeys(arns, found))
        members = replace(everybody, members={group_key("g20"): frozenset(map(user_key, names))})
        assert "membership/g10/bob: it is new" in stale(everybody, *changes)
        assert "membership/g20/g10: it is new" in stale(members, *changes)
        assert "assignment/arn:1/group/g10: it is new" in stale(assigned_to, *changes)

    def test_a_link_that_the_plan_removes_by_itself_is_reviewed(self) -> None:
        changes = (Delete(assigned(OF_BOB)), Delete(link("Ops", "bob")), Delete(BOB))
        state = live(BOB, OPS, links=(link("Ops", "bob"),), wiki=(OF_BOB,))
        assert left(state, *changes) == changes

    def test_a_link_that_the_plan_makes_is_not_reviewed_for_its_end(self) -> None:
        state = live(BOB, OPS, links=(link("Ops", "bob"),))
        assert "it is new" in stale(state, Create(link("Ops", "bob")), Delete(BOB))

    @pytest.mark.parametrize("done", [False, True])
    def test_a_renamed_group_has_the_same_members(self, *, done: bool) -> None:
        devops = replace(OPS, name=GroupName("Devops"))
        rename, delete = Rename(OPS, devops), Delete(BOB, Reason.ABSENT, (link("Ops", "bob"),))
        group = devops if done else OPS
        state = live(BOB, group, links=(link(group.name, "bob"),))
        as_live = replace(delete, cascaded=(link(group.name, "bob"),))
        assert left(state, rename, delete) == ((as_live,) if done else (rename, delete))
        more = live(BOB, group, DATA, links=(link(group.name, "bob"), link("data", "bob")))
        assert "membership/data/bob: it is new" in stale(more, rename, delete)

    @pytest.mark.parametrize("done", [False, True])
    def test_a_renamed_member_is_the_same(self, *, done: bool) -> None:
        anna = replace(ANA, user_name=UserName("Anna"))
        rename, delete = Rename(ANA, anna), Delete(OPS, Reason.ABSENT, (link("Ops", "Ana"),))
        user = anna if done else ANA
        state = live(user, OPS, links=(link("Ops", user.user_name),))
        as_live = replace(delete, cascaded=(link("Ops", user.user_name),))
        assert left(state, rename, delete) == ((as_live,) if done else (rename, delete))
        more = live(user, BOB, OPS, links=(link("Ops", user.user_name), link("Ops", "bob")))
        assert "membership/Ops/bob: it is new" in stale(more, rename, delete)
