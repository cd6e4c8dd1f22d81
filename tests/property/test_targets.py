"""The plan for a change of the YAML is the part of the whole plan that the change touches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from identity_reconciler.core.comparison import compare
from identity_reconciler.core.declared import (
    ApplicationSelector,
    Declared,
    DeclaredApplication,
    DeclaredGroup,
    DeclaredUser,
    Listed,
    ManageLinks,
    Presence,
    Settings,
)
from identity_reconciler.core.plan import Change, Create, Delete, Plan, Reason, Rename
from identity_reconciler.core.state import (
    ApplicationArn,
    Group,
    GroupKey,
    GroupName,
    Key,
    Principal,
    PrincipalKind,
    Resource,
    State,
    User,
    UserKey,
    UserName,
    address,
    folded,
)
from identity_reconciler.core.targets import Targets, touched
from identity_reconciler.errors import Position
from identity_reconciler.runs.applier import Patience, apply_plan
from identity_reconciler.runs.targeted_survey import plan_touched
from tests.memory_gateway import MemoryGateway, Silent
from tests.strategies import APPLICATIONS, HERE, INSTANCE, NOW, World, edits, worlds


def facts(changes: Iterable[Change]) -> list[object]:
    """Return *changes* without the spelling of the names in links: look-ups do not tell it.

    Nor do they tell that the principal of a link is deleted, where only drift deletes it. The
    manager of who is deleted goes by the name that the whole plan gives.
    """
    return [(type(one), one.key, _reason(one), *map(_content, _sides(one))) for one in changes]


def _reason(change: Change) -> Reason | None:
    reason = change.reason if isinstance(change, Delete) else None
    return Reason.UNLISTED if reason is Reason.PRINCIPAL_DELETED else reason


def _sides(change: Change) -> tuple[Resource | None, Resource | None]:
    match change:
        case Delete(before=User() as gone):
            return replace(gone, manager=None), None
        case _:
            return getattr(change, "before", None), getattr(change, "after", None)


def _content(resource: Resource | None) -> object:
    return resource if isinstance(resource, User | Group) else resource and resource.key


def cascaded(plan: Plan) -> set[Key]:
    deletes = (one for one in plan.changes if isinstance(one, Delete))
    return {link.key for one in deletes for link in one.cascaded}


class TestWithoutDrift:
    """Where the live state is what the old YAML says, the targeted plan is the whole plan."""

    @given(world=worlds(), data=st.data())
    def test_is_the_whole_plan(self, world: World, data: st.DataObject) -> None:
        live, old = world
        gateway = MemoryGateway.holding(live)
        list(apply_plan(compare(old, live, NOW), gateway, Silent(), Patience(lambda _: None)))
        settled = gateway.state()
        assert not compare(old, settled, NOW)
        new = data.draw(edits(old, settled))
        full = compare(new, settled, NOW)
        targeted = plan_touched(old, new, gateway, NOW).plan
        assert facts(targeted.changes) == facts(full.changes)
        assert cascaded(targeted) == cascaded(full)

    @given(world=worlds())
    def test_nothing_touched_reads_nothing(self, world: World) -> None:
        live, old = world
        assert touched(old, old) == Targets()
        assert plan_touched(old, old, MemoryGateway.holding(live), NOW).live == State()


class TestTouched:
    """What is touched is as little as the two declarations differ in."""

    def test_renaming_a_group_does_not_touch_its_members(self) -> None:
        members = (Listed("ana", HERE), Listed("bob", HERE))
        old = DeclaredGroup(Group(GroupName("old")), HERE, members=members)
        new = replace(old, group=Group(GroupName("new")), previous_names=("old",))
        before, after = (Declared(Settings(INSTANCE), groups=(one,)) for one in (old, new))
        both = frozenset({GroupKey("old"), GroupKey("new")})
        assert touched(before, after) == Targets(groups=both)

    def test_moving_an_entry_or_giving_a_reason_touches_nothing(self) -> None:
        old = DeclaredGroup(Group(GroupName("g")), HERE, members=(Listed("ana", HERE),))
        moved = Listed("ana", Position("b.yaml", 9, 9), reason="TICKET-1")
        new = replace(old, position=Position("b.yaml", 8, 1), members=(moved,))
        before, after = (Declared(Settings(INSTANCE), groups=(one,)) for one in (old, new))
        assert touched(before, after) == Targets()

    def test_assignments_of_a_new_group_that_no_one_touches_stay(self) -> None:
        """Reading the members of a group tells of its assignments too; they are not looked at."""
        group = DeclaredGroup(Group(GroupName("g")), HERE, members=())
        user = DeclaredUser(User(UserName("ana")), HERE)
        wiki = DeclaredApplication(ApplicationSelector(arn=APPLICATIONS[0].arn), HERE)
        old = Declared(Settings(INSTANCE), users=(user,), applications=(wiki,))
        assigned = replace(wiki, users=(Listed("ana", HERE),))
        new = replace(old, groups=(group,), applications=(assigned,))
        found = frozenset({Principal(PrincipalKind.GROUP, "g")})
        live = State(
            users={UserKey("ana"): user.user},
            groups={GroupKey("g"): group.group},
            applications={APPLICATIONS[0].arn: APPLICATIONS[0]},
            assignments={APPLICATIONS[0].arn: found},
        )
        plan = plan_touched(old, new, MemoryGateway.holding(live), NOW).plan
        assert [(type(one), one.key[3]) for one in plan.changes] == [(Create, "ana")]

    def test_an_application_that_is_declared_by_its_arn_is_called_by_it(self) -> None:
        """Whether another one has its name is not read, and it is a reason to declare it so."""
        arn, user = APPLICATIONS[0].arn, DeclaredUser(User(UserName("ana")), HERE)
        old = Declared(Settings(INSTANCE), users=(user,))
        live = State(users={UserKey("ana"): user.user}, applications={arn: APPLICATIONS[0]})
        for selector, shown in (
            (ApplicationSelector(arn=arn), f"Payroll ({arn})"),
            (ApplicationSelector("Payroll"), "Payroll"),
        ):
            entry = DeclaredApplication(selector, HERE, users=(Listed("ana", HERE),))
            new = replace(old, applications=(entry,))
            (change,) = plan_touched(old, new, MemoryGateway.holding(live), NOW).plan.changes
            assert isinstance(change, Create)
            assert address(change.after) == f"assignment/{shown}/user/ana"

    def test_a_group_that_was_only_mentioned_is_described_when_it_is_renamed(self) -> None:
        """A new list of assignments tells its key, and the YAML that it is to be renamed."""
        wiki = DeclaredApplication(ApplicationSelector(arn=APPLICATIONS[0].arn), HERE)
        ops = Group(GroupName("Ops"), "Operations")
        entry = DeclaredGroup(Group(GroupName("sre")), HERE, previous_names=("Ops",))
        old = Declared(Settings(INSTANCE), groups=(entry,))
        assigned = replace(wiki, groups=(Listed("sre", HERE),))
        live = State(
            groups={GroupKey("ops"): ops},
            applications={APPLICATIONS[0].arn: APPLICATIONS[0]},
            assignments={APPLICATIONS[0].arn: frozenset({Principal(PrincipalKind.GROUP, "ops")})},
        )
        new = replace(old, applications=(assigned,))
        (change,) = plan_touched(old, new, MemoryGateway.holding(live), NOW).plan.changes
        assert change == Rename(ops, replace(ops, name=GroupName("sre")))


class TestWithDrift:
    """Whatever is live, the targeted plan is the part of the whole plan that is touched."""

    @given(world=worlds(), data=st.data())
    def test_holds_every_touched_change_and_no_other(
        self, world: World, data: st.DataObject
    ) -> None:
        live, old = world
        new = data.draw(edits(old, live))
        full, concern = compare(new, live, NOW), concern_of(old, new, live)
        selected = [one for one in full.changes if is_touched(one, concern, full, live)]
        found = plan_touched(old, new, MemoryGateway.holding(live), NOW).plan
        assert facts(found.changes) == facts(selected)

    @given(world=worlds(), data=st.data())
    def test_withholds_nothing_that_the_whole_plan_does_not(
        self, world: World, data: st.DataObject
    ) -> None:
        live, old = world
        new = data.draw(edits(old, live))
        found = plan_touched(old, new, MemoryGateway.holding(live), NOW).plan
        full = compare(new, live, NOW)
        # A link goes by the name that its principal has: only the whole plan may rename it.
        former = {one.key: one.before.key for one in full.changes if isinstance(one, Rename)}
        held = {
            (named, one.reason)
            for one in full.withheld
            for named in formerly(one.resource.key, former)
        }
        # Links of a principal that only drift deletes are kept here, and removed there.
        gone = cascaded(full) | {
            one.key
            for one in full.changes
            if isinstance(one, Delete) and one.reason is Reason.PRINCIPAL_DELETED
        }
        assert {
            (o.resource.key, o.reason) for o in found.withheld if o.resource.key not in gone
        } <= held


def principal_in(link: Key) -> Named:
    """Return the principal of an assignment, and the user of a membership."""
    *_, kind, name = link
    return ("user" if link[0] == "membership" else kind), name


def formerly(link: Key, former: Mapping[Key, Key]) -> Iterator[Key]:
    """Yield a key with each of its ends as it is called, or was."""
    match link:
        case ("membership", group, user):
            for one, other in product(
                {group, former.get(("group", group), ("", group))[1]},
                {user, former.get(("user", user), ("", user))[1]},
            ):
                yield "membership", one, other
        case ("assignment", arn, kind, name):
            for one in {name, former.get((kind, name), ("", name))[1]}:
                yield "assignment", arn, kind, one
        case _:
            yield link


Named = tuple[str, str]
"""A kind and a folded name."""


@dataclass
class Concern:
    """What a change of the YAML is about, by the names of the new YAML. Written by hand."""

    objects: set[Named] = field(default_factory=set)
    members: set[tuple[str, str]] = field(default_factory=set)
    lists: set[str] = field(default_factory=set)
    assigned: set[tuple[ApplicationSelector, Named]] = field(default_factory=set)
    applications: set[ApplicationSelector] = field(default_factory=set)
    referred: set[Named] = field(default_factory=set)
    renamed_from: dict[Named, set[str]] = field(default_factory=dict)
    """By previous name: the names of the entries, as they are or were, that had it."""
    renamed_now: dict[Named, set[str]] = field(default_factory=dict)
    """The same, of the entries as they are."""
    kept: set[str] = field(default_factory=set)
    """Kinds of links that are not removed for not being listed."""

    def heirs(self, one: Named) -> set[str]:
        """Return who has, or is to get, another name than that, or than a former one of it."""
        kind, name = one
        before = {name} | {
            former
            for (of, former), names in self.renamed_from.items()
            if of == kind and name in names
        }
        return set[str]().union(*(self.renamed_now.get((kind, was), ()) for was in before))


def concern_of(old: Declared, new: Declared, live: State) -> Concern:
    """Return what differs between *old* and *new*, and what has to be there for that."""
    concern = Concern()
    before, after = entries(old), entries(new)
    concern.objects = {
        key for key in before.keys() | after.keys() if said(before.get(key)) != said(after.get(key))
    }
    concern.renamed_from = renamed_from([*before.items(), *after.items()])
    concern.renamed_now = renamed_from(after.items())
    manners = {"membership": new.settings.memberships, "assignment": new.settings.assignments}
    concern.kept = {kind for kind, how in manners.items() if how is ManageLinks.ADDITIVE}
    if new.settings.memberships is not ManageLinks.OFF:
        for group in new.groups:
            _concern_members(concern, group, before)
    if new.settings.assignments is not ManageLinks.OFF:
        for application in new.applications:
            _concern_assignments(concern, application, old)
    # Whoever gets the name of somebody who is not listed any more may have stood there as him.
    concern.members |= {
        (group, heir) for group, user in concern.members for heir in concern.heirs(("user", user))
    }
    concern.assigned |= {
        (selector, (kind, heir))
        for selector, (kind, name) in concern.assigned
        for heir in concern.heirs((kind, name))
    }
    there = {*(("user", one) for one in live.users), *(("group", one) for one in live.groups)}
    added = set(concern.objects)
    while True:
        managed = [one for key in added if isinstance(one := after.get(key), DeclaredUser)]
        concern.referred |= {("user", folded(one.user.manager or "")) for one in managed}
        added = (concern.referred & after.keys()) - concern.objects - there
        added |= {*holders(managed, live, after)} - concern.objects
        concern.objects |= added
        if not added:
            return concern


def holders(
    managed: Iterable[DeclaredUser], live: State, after: dict[Named, DeclaredUser | DeclaredGroup]
) -> Iterator[Named]:
    """Yield the entries of those who have an address that one of *managed* is to have."""
    given = {folded(one.user.email.value) for one in managed if one.user.email}
    for key, user in live.users.items():
        if user.email and folded(user.email.value) in given:
            own = ("user", str(key))
            heirs = (("user", one) for one in renamed_from(after.items()).get(own, ()))
            yield from {own} & after.keys() or heirs


def renamed_from(
    entries: Iterable[tuple[Named, DeclaredUser | DeclaredGroup]],
) -> dict[Named, set[str]]:
    found: dict[Named, set[str]] = {}
    for (kind, name), entry in entries:
        for previous in entry.previous_names:
            found.setdefault((kind, folded(previous)), set()).add(name)
    return found


def entries(declared: Declared) -> dict[Named, DeclaredUser | DeclaredGroup]:
    found: list[DeclaredUser | DeclaredGroup] = [*declared.users, *declared.groups]
    return {(one.kind, folded(one.name)): one for one in found}


def said(entry: DeclaredUser | DeclaredGroup | None) -> object:
    """Return all that *entry* says, but for members and where it says it."""
    match entry:
        case DeclaredUser(user=User() as said):
            return said, entry.presence, entry.previous_names
        case DeclaredGroup(group=Group() as said_of_group):
            return said_of_group, entry.presence, entry.previous_names
        case _:
            return None


def _concern_members(
    concern: Concern, group: DeclaredGroup, before: dict[Named, DeclaredUser | DeclaredGroup]
) -> None:
    if group.members is None or group.presence is not Presence.PRESENT:
        return
    key, now = folded(group.name), dates(group.members)
    names = (group.name, *group.previous_names)
    earlier = [one for name in names if (one := before.get(("group", folded(name))))][:1]
    if not earlier or earlier[0].members is None:  # type: ignore[union-attr]
        concern.lists.add(key)
        concern.referred |= {("group", key), *(("user", name) for name in now)}
        return
    then = dates(earlier[0].members or ())  # type: ignore[union-attr]
    for name, _ in then.items() ^ now.items():
        concern.members.add((key, name))
        concern.referred |= {("group", key), ("user", name)}


def _concern_assignments(concern: Concern, entry: DeclaredApplication, old: Declared) -> None:
    if not entry.managed:
        return
    then = [
        listed(one) for one in old.applications if one.managed and one.selector == entry.selector
    ]
    if not then:
        concern.applications.add(entry.selector)
        concern.referred |= listed(entry).keys()
    else:
        differing = {key for key, _ in then[0].items() ^ listed(entry).items()}
        concern.assigned |= {(entry.selector, key) for key in differing}
        concern.referred |= differing


def listed(entry: DeclaredApplication) -> dict[Named, object]:
    users: dict[Named, object] = {("user", name): when for name, when in dates(entry.users).items()}
    return users | {("group", name): when for name, when in dates(entry.groups).items()}


def dates(links: Iterable[Listed]) -> dict[str, object]:
    return {folded(one.name): (one.starts, one.expires) for one in links}


def is_touched(change: Change, concern: Concern, full: Plan, live: State) -> bool:
    """Return whether *change* is of what is of *concern*, or hangs on what is deleted of it."""

    def names(kind: str, name: str) -> set[str]:
        return {name} | concern.renamed_from.get((kind, name), set())

    if change.key[0] in concern.kept and isinstance(change, Delete):
        # Not where only drift deletes its principal.
        return concern.objects >= {principal_in(change.key)}

    def leaves(one: Named) -> bool:
        gone = (change.key for change in full.changes if isinstance(change, Delete))
        return one in concern.objects and one in gone

    match change.key:
        case ("user" | "group" as kind, name):
            return (kind, name) in concern.objects
        case ("membership", group, user):
            groups, users = names("group", group), names("user", user)
            edges = concern.members & {*product(groups, users)}
            lists = {group, *concern.renamed_now.get(("group", group), ())} & concern.lists
            return bool(edges or lists) or leaves(("user", user))
        case ("assignment", arn, kind, name):
            application = live.applications[ApplicationArn(arn)]
            keys = {(kind, one) for one in names(kind, name)}
            selected = {one for one, key in concern.assigned if key in keys}
            return any(
                one.matches(application) for one in selected | concern.applications
            ) or leaves((kind, name))
        case _:
            raise AssertionError(change.key)
