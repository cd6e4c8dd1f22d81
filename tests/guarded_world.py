"""A small live directory and its declaration, for tests of the guards."""

from __future__ import annotations

from identity_reconciler.core.access import Impact
from identity_reconciler.core.accounts import AccountRole
from identity_reconciler.core.comparison import compare_closely
from identity_reconciler.core.declared import (
    ApplicationSelector,
    Declared,
    DeclaredApplication,
    DeclaredGroup,
    DeclaredUser,
    Listed,
    ManageObjects,
    Presence,
    Settings,
)
from identity_reconciler.core.guard_settings import Budgets, DeleteBudget, GuardId, GuardSettings
from identity_reconciler.core.guards import Evidence, Standing, Verdict, check_plan, gather
from identity_reconciler.core.state import (
    Application,
    ApplicationArn,
    Group,
    GroupName,
    Principal,
    PrincipalKind,
    Provenance,
    State,
    User,
    UserKey,
    UserName,
    group_key,
)
from tests.strategies import HERE, INSTANCE, NOW

WIDE = GuardSettings(budgets=Budgets(*[DeleteBudget(1000, 100, 1000)] * 6))
"""No budget is in the way of what a test is about."""
PAYROLL = ApplicationArn("arn:aws:sso::111122223333:application/ssoins-1/apl-pay")


def judge(evidence: Evidence, settings: GuardSettings = WIDE) -> dict[GuardId, Verdict]:
    """Return every verdict, without approvals."""
    return {one.guard: one for one in check_plan(evidence, settings, (), NOW)}


class World:
    """A live directory and a declaration of all of it; tests change one or the other."""

    def __init__(self, **groups: str) -> None:
        """Hold one group per keyword, its members named in the value, separated by spaces."""
        people = sorted({name for members in groups.values() for name in members.split()})
        self.people: list[str] = people
        self.live_groups = {name: members.split() for name, members in groups.items()}
        self.groups: dict[str, list[str]] = {name: m.split() for name, m in groups.items()}
        self.absent_users: list[str] = []
        self.absent_groups: list[str] = []
        self.assigned: list[str] = []
        self.live_assigned: list[str] = []
        self.live_alone: list[str] = []
        self.mode = ManageObjects.DECLARED
        self.expired: list[str] = []
        self.extra_groups: list[DeclaredGroup] = []
        self.extra_users: list[DeclaredUser] = []
        self.disabled: list[str] = []
        self.accounts: dict[Principal, frozenset[AccountRole]] = {}

    def live(self) -> State:
        names = sorted({*self.people, *self.absent_users})
        return State(
            users={
                UserKey(n): User(UserName(n), provenance=Provenance(enabled=n not in self.disabled))
                for n in names
            },
            groups={group_key(n): Group(GroupName(n)) for n in self.live_groups},
            members={group_key(n): frozenset(map(UserKey, m)) for n, m in self.live_groups.items()},
            applications={PAYROLL: Application(PAYROLL, "Payroll")},
            assignments={
                PAYROLL: frozenset(
                    (
                        *(Principal(PrincipalKind.GROUP, n) for n in self.live_assigned),
                        *(Principal(PrincipalKind.USER, n) for n in self.live_alone),
                    )
                )
            },
            account_access=self.accounts,
        )

    def declared(self) -> Declared:
        users = [
            DeclaredUser(User(UserName(name)), HERE)
            for name in self.people
            if name not in self.absent_users
        ]
        gone = [DeclaredUser(User(UserName(n)), HERE, Presence.ABSENT) for n in self.absent_users]
        groups = [
            DeclaredGroup(Group(GroupName(name)), HERE, Presence.PRESENT, self._listed(members))
            for name, members in self.groups.items()
        ]
        gone_groups = [
            DeclaredGroup(Group(GroupName(n)), HERE, Presence.ABSENT) for n in self.absent_groups
        ]
        application = DeclaredApplication(
            ApplicationSelector(arn=PAYROLL),
            HERE,
            users=tuple(Listed(name, HERE) for name in self.live_alone),
            groups=tuple(Listed(name, HERE) for name in self.assigned),
        )
        return Declared(
            Settings(INSTANCE, users=self.mode, groups=self.mode, rename_users=True),
            (*users, *gone, *self.extra_users),
            (*groups, *gone_groups, *self.extra_groups),
            (application,),
        )

    def _listed(self, members: list[str]) -> tuple[Listed, ...]:
        return tuple(Listed(n, HERE, NOW if n in self.expired else None) for n in members)

    def evidence(self, live: State | None = None) -> Evidence:
        live, declared = live or self.live(), self.declared()
        made = compare_closely(declared, live, NOW)
        return gather(made, Impact.of(made.plan, live))

    def verdicts(self, settings: GuardSettings = WIDE) -> dict[GuardId, Verdict]:
        return judge(self.evidence(), settings)

    def blocked(self, settings: GuardSettings = WIDE) -> set[str]:
        found = self.verdicts(settings).values()
        return {str(one.guard) for one in found if one.standing is not Standing.PASSED}


def people(number: int) -> str:
    """Return that many user names no two of which are alike."""
    return " ".join(chr(ord("a") + n // 26) + chr(ord("a") + n % 26) for n in range(number))
