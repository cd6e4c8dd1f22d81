"""Plans, made by the program itself from small worlds, for the tests of what people see."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from hashlib import sha256

from identity_reconciler.core.access import Impact
from identity_reconciler.core.accounts import AccountRole, AccountRoleKind
from identity_reconciler.core.approvals import Approval
from identity_reconciler.core.bindings import named_objects
from identity_reconciler.core.comparison import compare_closely
from identity_reconciler.core.control import loosened, unmatched
from identity_reconciler.core.declared import (
    ApplicationSelector,
    Declared,
    DeclaredApplication,
    DeclaredGroup,
    DeclaredOwner,
    DeclaredUser,
    Ignore,
    Listed,
    ManageLinks,
    ManageObjects,
    Presence,
    ReviewRecord,
    ReviewTerms,
    Settings,
    SettingsPath,
)
from identity_reconciler.core.guard_settings import (
    Budgets,
    DeleteBudget,
    GuardSettings,
    Policies,
    PrivilegedNames,
    ProtectedNames,
    SeparatedDuties,
)
from identity_reconciler.core.guards import check_plan, check_since, gather
from identity_reconciler.core.guards.guarded import guarded_changes
from identity_reconciler.core.order import in_waves
from identity_reconciler.core.period import Period, PeriodUnit
from identity_reconciler.core.plan import Plan
from identity_reconciler.core.resemblances import resemblances
from identity_reconciler.core.state import (
    ApplicationArn,
    Email,
    Group,
    GroupKey,
    GroupName,
    Principal,
    PrincipalKind,
    Provenance,
    State,
    User,
    UserKey,
    UserName,
)
from identity_reconciler.errors import Position
from identity_reconciler.render.describe import Control, Findings, Occasion, document
from identity_reconciler.render.document import GenerationDocument, PlanDocument
from tests.strategies import APPLICATIONS, INSTANCE, NOW

PAYROLL, REDSHIFT = APPLICATIONS[:2]
GROUPS_FILE = "groups/all.yaml"


def person(name: str, **attributes: str) -> User:
    return User(
        UserName(name),
        display_name=name.title(),
        given_name=name.title(),
        family_name="Example",
        email=Email(f"{name}@example.com"),
        **attributes,  # type: ignore[arg-type]
    )


def listed(*names: str, line: int = 10) -> tuple[Listed, ...]:
    return tuple(
        Listed(name, Position(GROUPS_FILE, line + number, 9)) for number, name in enumerate(names)
    )


TOUCHED = Provenance(
    updated_at="2026-02-27T16:02:11Z",
    updated_by="arn:aws:sts::111122223333:assumed-role/HelpDesk/kim",
)
LIVE = State(
    users={
        UserKey(name): replace(person(name, title="Engineer"), provenance=TOUCHED)
        for name in ("ana", "bob", "eve")
    },
    groups={
        GroupKey("admins"): Group(GroupName("admins"), "Old description"),
        GroupKey("contractors"): Group(GroupName("contractors")),
        GroupKey("stray"): Group(GroupName("stray")),
        GroupKey("scim"): Group(GroupName("scim"), foreign=True),
    },
    members={
        GroupKey("admins"): frozenset({UserKey("ana"), UserKey("eve")}),
        GroupKey("contractors"): frozenset({UserKey("ana"), UserKey("bob")}),
    },
    applications={one.arn: one for one in APPLICATIONS},
    assignments={
        PAYROLL.arn: frozenset(
            {
                Principal(PrincipalKind.GROUP, "contractors"),
                Principal(PrincipalKind.USER, "9067-gone", orphan=True),
            }
        )
    },
)
BY_ADMINS = Principal(PrincipalKind.GROUP, "admins")
GENEROUS = GuardSettings(
    budgets=Budgets(memberships=DeleteBudget(9, 0, 9), assignments=DeleteBudget(9, 0, 9)),
    wipe_from=4,
)
DECLARED = Declared(
    Settings(INSTANCE, ignore=Ignore(groups=("AWSControlTower*",)), guards=GENEROUS),
    users=tuple(
        DeclaredUser(person(name, title="Engineer"), Position("users.yaml", line, 5))
        for line, name in enumerate(("ana", "bob", "eve"), start=3)
    ),
    groups=(
        DeclaredGroup(
            Group(GroupName("admins"), "Old description"),
            Position(GROUPS_FILE, 2, 5),
            members=listed("ana", "eve", line=4),
        ),
        DeclaredGroup(
            Group(GroupName("contractors")),
            Position(GROUPS_FILE, 7, 5),
            members=listed("ana", "bob", line=8),
        ),
    ),
    files=("groups/all.yaml", "instance.yaml", "users.yaml"),
    digest="4f2c9e1a" * 8,
)


def mixed() -> Declared:
    """One change of every sort."""
    ana = person("ana", title='Staff "Engineer"', department="Data")
    return replace(
        DECLARED,
        users=(
            DeclaredUser(ana, Position("users.yaml", 3, 5)),
            DeclaredUser(User(UserName("bob")), Position("users.yaml", 9, 5), Presence.ABSENT),
            DeclaredUser(
                replace(person("eve"), cleared=frozenset({"title"})), Position("users.yaml", 12, 5)
            ),
            DeclaredUser(person("new"), Position("users.yaml", 15, 5)),
        ),
        groups=(
            DeclaredGroup(
                Group(GroupName("operators"), "New description"),
                Position(GROUPS_FILE, 2, 5),
                members=(
                    *listed("ana"),
                    Listed(
                        "new", Position(GROUPS_FILE, 12, 9), NOW + timedelta(days=30), "TICKET-9"
                    ),
                    Listed("eve", Position(GROUPS_FILE, 15, 9), NOW),
                ),
                previous_names=("admins",),
            ),
            DeclaredGroup(
                Group(GroupName("contractors")), Position(GROUPS_FILE, 31, 5), Presence.ABSENT
            ),
        ),
        applications=(
            DeclaredApplication(
                ApplicationSelector(name="Payroll"),
                Position("applications.yaml", 2, 5),
                groups=listed("operators"),
            ),
        ),
    )


def hostile() -> Declared:
    """Values that would steer a terminal or a log, were they shown as they are."""
    name = "a\u202eb\x1b[31m"
    eve = replace(person("eve"), title="::error::\r\nx\u200b\u2028\u00a0\ud800")
    user = DeclaredUser(replace(person("x"), user_name=UserName(name)), Position("\n.yaml", 1, 1))
    return replace(DECLARED, users=(user, DeclaredUser(eve, Position("u.yaml", 2, 5))), groups=())


def unresolved() -> Declared:
    """Names that nobody bears any more, one of them such as would steer a terminal or a log."""
    said = mixed()
    evil = replace(person("x"), user_name=UserName("::error::\u202e``\x1b[31m |x"))
    gone = (person("gone"), evil)
    return replace(
        said,
        users=(
            *said.users,
            *(
                DeclaredUser(one, Position("users.yaml", line, 5), Presence.EXTERNAL)
                for line, one in enumerate(gone, start=40)
            ),
        ),
        applications=(
            *said.applications,
            DeclaredApplication(ApplicationSelector(name="Legder"), Position("a.yaml", 9, 5)),
        ),
    )


def authoritative() -> Declared:
    """Everything that is not declared goes, but for what others own."""
    settings = replace(
        DECLARED.settings, users=ManageObjects.AUTHORITATIVE, groups=ManageObjects.AUTHORITATIVE
    )
    return replace(DECLARED, settings=settings, users=DECLARED.users[:2], groups=())


def additive() -> Declared:
    """Nothing is removed from lists."""
    settings = replace(DECLARED.settings, memberships=ManageLinks.ADDITIVE)
    group = replace(DECLARED.groups[0], members=listed("bob"))
    return replace(DECLARED, settings=settings, groups=(group,))


def blocked() -> Declared:
    """Two groups go, and both budgets and a protected name are in the way; one is approved."""
    absent = (
        DeclaredGroup(Group(GroupName(name)), Position(GROUPS_FILE, line, 5), Presence.ABSENT)
        for line, name in ((2, "admins"), (7, "contractors"))
    )
    guards = GuardSettings(protected=ProtectedNames(groups=("adm*",)))
    approval = Approval(
        "budget.groups",
        date(2026, 2, 27),
        date(2026, 3, 20),
        "TICKET-12: both are replaced",
        kind="group",
        count=2,
    )
    return replace(
        DECLARED,
        settings=replace(DECLARED.settings, guards=guards),
        groups=tuple(absent),
        approvals=(approval,),
    )


def expiring() -> Declared:
    """One membership has ended, two end soon, one later, which has just started; one waits."""
    members = tuple(
        Listed(name, Position(GROUPS_FILE, line, 9), NOW + timedelta(days=days), "TICKET-9")
        for line, (name, days) in enumerate((("eve", 0), ("ana", 3), ("bob", 13)), start=4)
    )
    end, today = NOW + timedelta(days=15), NOW - timedelta(hours=9)
    later = Listed("eve", Position(GROUPS_FILE, 9, 9), end, starts=today)
    waiting = Listed(
        "ana", Position(GROUPS_FILE, 10, 9), NOW + timedelta(days=60), starts=NOW + timedelta(40)
    )
    at = Position(GROUPS_FILE, 20, 13)
    asked = (
        DeclaredOwner(PrincipalKind.USER, "ana", at),
        DeclaredOwner(PrincipalKind.GROUP, "contractors", at),
    )
    late = ReviewRecord(NOW.date() - timedelta(days=100), "ana", at)
    terms = ReviewTerms(Period(3, PeriodUnit.MONTH), asked, at)
    groups = (
        replace(DECLARED.groups[0], members=members, review=terms, reviewed=late),
        replace(DECLARED.groups[1], members=(waiting, *listed("bob", line=11), later)),
    )
    return replace(DECLARED, groups=groups)


def base() -> Declared:
    """What a pull request starts from: it would remove eve already, who was added by hand."""
    return replace(
        DECLARED,
        groups=(replace(DECLARED.groups[0], members=listed("ana")), DECLARED.groups[1]),
    )


def on_base() -> Declared:
    """The base, with a title changed and bob put into the admins."""
    bob = person("bob", title="Lead")
    users = (DECLARED.users[0], DeclaredUser(bob, Position("users.yaml", 4, 5)), DECLARED.users[2])
    admins = replace(DECLARED.groups[0], members=listed("ana", "bob"))
    return replace(DECLARED, groups=(admins, DECLARED.groups[1]), users=users)


def still_guarded() -> Declared:
    """What a pull request starts from that wants to be rid of its guards."""
    guards = replace(
        GENEROUS,
        protected=ProtectedNames(groups=("contractors",)),
        privileged=PrivilegedNames(groups=("admins",)),
        wipe_from=3,
    )
    places: dict[SettingsPath, Position] = {
        ("guards", "protected", "groups", 0): Position("instance.yaml", 14, 16),
        ("guards", "privileged", "groups", 0): Position("instance.yaml", 15, 17),
        ("guards", "wipe_from"): Position("instance.yaml", 16, 3),
    }
    return replace(DECLARED, settings=replace(DECLARED.settings, guards=guards, places=places))


def loosening() -> Declared:
    """Somebody puts bob into the admins, misspells them among the privileged, and more."""
    admins = replace(DECLARED.groups[0], members=listed("ana", "bob", "eve"))
    contractors = replace(DECLARED.groups[1], members=None)
    guards = replace(GENEROUS, privileged=PrivilegedNames(groups=("admin",)))
    places: dict[SettingsPath, Position] = {
        ("guards", "privileged", "groups", 0): Position("instance.yaml", 14, 17)
    }
    day = NOW.date()
    approval = Approval("wipe", day, day, "TICKET-9: `all`", addresses=("group/a", "group/b"))
    return replace(
        DECLARED,
        settings=replace(DECLARED.settings, guards=guards, places=places),
        groups=(admins, contractors),
        approvals=(approval,),
    )


def crowd(count: int) -> tuple[DeclaredUser, ...]:
    """Return so many users who do not exist yet."""
    return tuple(
        DeclaredUser(person(f"person-{number:03}"), Position("crowd.yaml", 2 + 4 * number, 5))
        for number in range(count)
    )


def many_people() -> Declared:
    """A group of 25 gains one application."""
    people = crowd(25)
    names = [one.user.user_name for one in people]
    group = DeclaredGroup(
        Group(GroupName("crowd")), Position("crowd.yaml", 200, 5), members=listed(*names, line=202)
    )
    payroll = DeclaredApplication(
        ApplicationSelector(name="Payroll"), Position("applications.yaml", 2, 5), groups=()
    )
    wiki = DeclaredApplication(
        ApplicationSelector(name="Wiki"),
        Position("applications.yaml", 6, 5),
        groups=listed("crowd"),
    )
    return replace(
        DECLARED,
        users=(*DECLARED.users, *people),
        groups=(*DECLARED.groups, group),
        applications=(payroll, wiki),
    )


HUGE_LIVE = State(
    users={UserKey(f"leaver-{n:03}"): person(f"leaver-{n:03}") for n in range(300)}
    | {UserKey(f"stays-{n:03}"): person(f"stays-{n:03}", title="Engineer") for n in range(400)}
)


def huge() -> Declared:
    """More than a comment can hold: 300 people go, 400 get a title, 600 come."""
    stays = tuple(
        DeclaredUser(
            person(f"stays-{n:03}", title="Staff Engineer"), Position("stays.yaml", 2 + n, 5)
        )
        for n in range(400)
    )
    settings = replace(DECLARED.settings, users=ManageObjects.AUTHORITATIVE)
    return replace(DECLARED, settings=settings, users=(*stays, *crowd(600)), groups=())


def buried() -> Declared:
    """One new administrator among 2,500 new people, and as many members of another group."""
    people = crowd(2_500)
    names = [one.name for one in people]
    everyone, admins = (
        DeclaredGroup(Group(GroupName(name)), Position(GROUPS_FILE, line, 5), members=members)
        for name, line, members in (
            ("everyone", 1, listed(*names)),
            ("admins", 4_000, listed("ana", "eve", names[1_700], line=4_002)),
        )
    )
    guards = replace(GENEROUS, privileged=PrivilegedNames(groups=("admins",)))
    settings = replace(DECLARED.settings, guards=guards)
    groups = (everyone, replace(DECLARED.groups[0], members=admins.members), DECLARED.groups[1])
    return replace(DECLARED, settings=settings, users=(*DECLARED.users, *people), groups=groups)


def guarded() -> Declared:
    """Somebody comes into a privileged group, and an administrator gets another title."""
    guards = replace(GENEROUS, privileged=PrivilegedNames(groups=("admins",)))
    changed = mixed()
    return replace(changed, settings=replace(changed.settings, guards=guards))


def bound(plan: Plan) -> Plan:
    """Return *plan* with a witness of everything that it is for, by its name."""
    names = {one: f"{one.kind}/{one.name}" for one in named_objects(plan)}
    digests = {one: sha256(name.encode()).hexdigest() for one, name in names.items()}
    return replace(plan, witnesses={one: digest[:32] for one, digest in digests.items()})


def made(declared: Declared, live: State = LIVE, pending: Declared | None = None) -> PlanDocument:
    """Return the document of the plan for *declared*, as `plan` makes it; *pending* is its base."""
    comparison = compare_closely(declared, live, NOW)
    impact = Impact.of(comparison.plan, live)
    ordering = in_waves(impact, declared.settings.guards.policies.separation_of_duties)
    comparison = replace(comparison, plan=bound(ordering.plan))
    evidence = gather(comparison, impact)
    guards = declared.settings.guards
    findings = Findings(
        evidence.access,
        accounts=evidence.accounts,
        exposures=ordering.exposures,
        verdicts=check_since(pending, evidence, declared, NOW)
        if pending
        else check_plan(evidence, guards, declared.approvals, NOW),
        resemblances=resemblances(impact, declared),
        guarded=frozenset().union(
            *(
                guarded_changes(comparison.plan, one, live, evidence.after, evidence.renames)
                for one in (guards, *([pending.settings.guards] if pending else []))
            )
        ),
        pending=compare_closely(pending, live, NOW).plan.changes if pending else None,
        control=Control(
            "HEAD^1" if pending else None,
            loosened(pending, declared) if pending else (),
            unmatched(declared, live, applications=True),
        ),
    )
    generation = GenerationDocument(lock="directory", number=7)
    occasion = Occasion(NOW, requests=11, seconds=1.25, generation=generation)
    return document(declared, comparison.plan, live, occasion, findings)


TWIN = replace(PAYROLL, arn=ApplicationArn(f"{PAYROLL.arn}-twin"))
WITH_TWIN = replace(
    LIVE,
    applications={**LIVE.applications, TWIN.arn: TWIN},
    assignments={**LIVE.assignments, TWIN.arn: frozenset({BY_ADMINS})},
)


def twins() -> Declared:
    """What one application loses its namesake gets."""
    applications = tuple(
        DeclaredApplication(ApplicationSelector(arn=arn), Position("apps.yaml", line, 5), groups=to)
        for line, (arn, to) in enumerate(((PAYROLL.arn, listed("admins")), (TWIN.arn, ())), 2)
    )
    return replace(DECLARED, applications=applications)


EXCHANGED = replace(
    LIVE,
    members={
        GroupKey("admins"): frozenset({UserKey("ana")}),
        GroupKey("contractors"): frozenset({UserKey("bob")}),
    },
    assignments={
        PAYROLL.arn: frozenset({BY_ADMINS}),
        REDSHIFT.arn: frozenset({Principal(PrincipalKind.GROUP, "contractors")}),
    },
)


def exchange() -> Declared:
    """Two groups exchange their members and their applications, so that nobody's access changes."""
    admins, contractors = DECLARED.groups
    wanted = ((PAYROLL.arn, listed("contractors")), (REDSHIFT.arn, listed("admins")))
    applications = tuple(
        DeclaredApplication(ApplicationSelector(arn=arn), Position("apps.yaml", line, 5), groups=to)
        for line, (arn, to) in enumerate(wanted, 2)
    )
    return replace(
        DECLARED,
        groups=(
            replace(admins, members=listed("bob", line=4)),
            replace(contractors, members=listed("ana", line=8)),
        ),
        applications=applications,
    )


def kept_apart() -> Declared:
    """A member of a group that is deleted joins one that is kept apart from it."""
    admins, contractors = DECLARED.groups
    duties = SeparatedDuties(("contractors", "admins"), reason="SOX")
    guards = replace(GENEROUS, policies=Policies(separation_of_duties=(duties,)))
    return replace(
        DECLARED,
        settings=replace(DECLARED.settings, guards=guards),
        groups=(
            replace(admins, members=listed("ana", "bob", "eve", line=4)),
            replace(contractors, members=None, presence=Presence.ABSENT),
        ),
    )


FORGED = User(UserName("\u0430lice"))


def look_alikes() -> Declared:
    """A member who can be taken for somebody else."""
    genuine = DeclaredUser(person("alice"), Position("users.yaml", 2, 5))
    group = DeclaredGroup(
        Group(GroupName("data-science")),
        Position("groups.yaml", 2, 5),
        members=(Listed(FORGED.user_name, Position("groups.yaml", 4, 9)),),
    )
    return replace(DECLARED, users=(genuine,), groups=(group,), applications=())


WITH_ACCOUNTS = replace(
    LIVE,
    account_access={
        BY_ADMINS: frozenset(
            {
                AccountRole(
                    "444455556666",
                    "",
                    AccountRoleKind.ROLE,
                    "break-glass/Root",
                    "arn:aws:iam::444455556666:role/break-glass/Root",
                )
            }
        ),
        Principal(PrincipalKind.GROUP, "contractors"): frozenset(
            AccountRole(
                "111122223333",
                "prod",
                AccountRoleKind.PERMISSION_SET,
                name,
                f"arn:aws:sso:::permissionSet/ssoins-1234567890abcdef/ps-{name}",
            )
            for name in ("AdministratorAccess", "ReadOnly")
        ),
    },
)
"""Groups have something in two accounts."""

PLANS: dict[str, Callable[[], PlanDocument]] = {
    "guarded": lambda: made(guarded()),
    "nothing": lambda: made(DECLARED),
    "mixed": lambda: made(mixed()),
    "hostile": lambda: made(hostile()),
    "unresolved": lambda: made(unresolved()),
    "authoritative": lambda: made(authoritative()),
    "additive": lambda: made(additive()),
    "blocked": lambda: made(blocked()),
    "accounts": lambda: made(blocked(), WITH_ACCOUNTS),
    "expiring": lambda: made(expiring()),
    "kept-apart": lambda: made(kept_apart()),
    "exchange": lambda: made(exchange(), EXCHANGED),
    "twins": lambda: made(twins(), WITH_TWIN),
    "look-alikes": lambda: made(
        look_alikes(), replace(LIVE, users={**LIVE.users, UserKey(FORGED.user_name): FORGED})
    ),
    "with-base": lambda: made(on_base(), pending=base()),
    "loosens-control": lambda: made(loosening(), pending=still_guarded()),
    "many-people": lambda: made(many_people()),
    "huge": lambda: made(huge(), HUGE_LIVE),
}
