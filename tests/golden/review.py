"""A pull request as it could be, with some thirty changes: one team closes, another one starts.

The contractors' programme ends: two of them leave and two join the platform team. A research
team starts with four new people. A group gets a better name, and some titles are corrected.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Literal

from identity_reconciler.core.approvals import Approval
from identity_reconciler.core.declared import (
    ApplicationSelector,
    Declared,
    DeclaredApplication,
    DeclaredGroup,
    DeclaredUser,
    Listed,
    Presence,
    Settings,
)
from identity_reconciler.core.state import (
    Application,
    ApplicationArn,
    Group,
    GroupKey,
    GroupName,
    Principal,
    PrincipalKind,
    State,
    UserKey,
)
from identity_reconciler.errors import Position
from identity_reconciler.render.document import (
    AccountAccessDocument,
    PersonDocument,
    PlanDocument,
)
from tests.golden.samples import made, person
from tests.strategies import INSTANCE

TITLES = {
    "amy": "Data Engineer",
    "ben": "Data Engineer",
    "cem": "Analyst",
    "dina": "Platform Engineer",
    "emil": "Platform Engineer",
    "fay": "Accountant",
    "gus": "Accountant",
    "kim": "Contractor",
    "kurt": "Contractor",
    "lars": "Contractor",
    "lena": "Contractor",
}
NEW_TITLES = {
    "ben": "Senior Data Engineer",
    "cem": "Research Scientist",
    "emil": "Staff Platform Engineer",
    "fay": "Senior Accountant",
    "kim": "Platform Engineer",
    "kurt": "Platform Engineer",
}
LEAVING = ("lars", "lena")
JOINING = ("nora", "omar", "pia", "quinn")
BEFORE = {
    "AWS_Data_Science": ("amy", "ben", "cem"),
    "contractors": ("kim", "kurt", "lars", "lena"),
    "finance": ("fay", "gus"),
    "platform": ("dina", "emil"),
}
ASSIGNED = {
    "Amazon Redshift": ("AWS_Data_Science", "contractors"),
    "Amazon SageMaker Studio": ("AWS_Data_Science",),
    "Grafana": ("contractors", "platform"),
    "Ledger": ("finance",),
}
APPLICATIONS = {
    name: Application(
        ApplicationArn(f"arn:aws:sso::111122223333:application/ssoins-1/apl-{number}"), name
    )
    for number, name in enumerate(ASSIGNED)
}
LIVE = State(
    users={UserKey(name): person(name, title=title) for name, title in TITLES.items()},
    groups={GroupKey(name.lower()): Group(GroupName(name)) for name in BEFORE},
    members={
        GroupKey(name.lower()): frozenset(map(UserKey, people)) for name, people in BEFORE.items()
    },
    applications={one.arn: one for one in APPLICATIONS.values()},
    assignments={
        APPLICATIONS[name].arn: frozenset(
            Principal(PrincipalKind.GROUP, group.lower()) for group in groups
        )
        for name, groups in ASSIGNED.items()
    },
)
UNTIL = datetime(2026, 7, 1, tzinfo=UTC)
APPROVALS = (
    Approval(
        "budget.users",
        date(2026, 2, 27),
        date(2026, 3, 13),
        "HR-481: the contracts of both end",
        addresses=("user/lars", "user/lena"),
    ),
    Approval(
        "budget.assignments",
        date(2026, 2, 27),
        date(2026, 3, 13),
        "HR-481: the programme ends",
        kind="assignment",
        count=2,
    ),
)


def users() -> tuple[DeclaredUser, ...]:
    """Return everybody, in the order of the file."""
    names = (*TITLES, *JOINING)
    titles = {**TITLES, **dict.fromkeys(JOINING, "Research Scientist"), **NEW_TITLES}
    return tuple(
        DeclaredUser(
            person(name, title=titles[name]),
            Position("people.yaml", 2 + 6 * number, 5),
            Presence.ABSENT if name in LEAVING else Presence.PRESENT,
        )
        for number, name in enumerate(names)
    )


def listed(file: str, line: int, *names: str) -> tuple[Listed, ...]:
    """Return *names* as listed from *line* on, one a line."""
    return tuple(Listed(name, Position(file, line + at, 9)) for at, name in enumerate(names))


def groups() -> tuple[DeclaredGroup, ...]:
    """Return all groups, each in a file of its own."""
    data, research = "groups/data-science.yaml", "groups/research.yaml"
    platform, finance = "groups/platform.yaml", "groups/finance.yaml"
    guest = Listed("amy", Position(research, 10, 9), UNTIL, "HR-490: until the team is complete")
    return (
        DeclaredGroup(
            Group(GroupName("data-science"), "Analyses and dashboards"),
            Position(data, 2, 5),
            members=listed(data, 6, "amy", "ben"),
            previous_names=("AWS_Data_Science",),
        ),
        DeclaredGroup(
            Group(GroupName("research"), "Models and experiments"),
            Position(research, 2, 5),
            members=(*listed(research, 5, "cem", *JOINING), guest),
        ),
        DeclaredGroup(
            Group(GroupName("platform")),
            Position(platform, 2, 5),
            members=listed(platform, 4, "dina", "emil", "kim", "kurt"),
        ),
        DeclaredGroup(
            Group(GroupName("finance")),
            Position(finance, 2, 5),
            members=listed(finance, 4, "fay", "gus"),
        ),
        DeclaredGroup(
            Group(GroupName("contractors")),
            Position("groups/contractors.yaml", 2, 5),
            Presence.ABSENT,
        ),
    )


def applications() -> tuple[DeclaredApplication, ...]:
    """Return all applications, with the groups that may open them afterwards."""
    wanted = {
        "Amazon Redshift": ("data-science", "research"),
        "Amazon SageMaker Studio": ("data-science", "research"),
        "Grafana": ("platform", "research"),
        "Ledger": ("finance",),
    }
    return tuple(
        DeclaredApplication(
            ApplicationSelector(name=name),
            Position("applications.yaml", 2 + 6 * number, 5),
            users=listed("applications.yaml", 7 + 6 * number, "dina") if name == "Ledger" else (),
            groups=listed("applications.yaml", 5 + 6 * number, *groups),
        )
        for number, (name, groups) in enumerate(wanted.items())
    )


def _account(
    effect: Literal["loses", "gains"], account: str, access: str, group: str, *people: str
) -> AccountAccessDocument:
    """Return that *people* lose or gain *access* by *group*, in an account: its name and number."""
    name, _, digits = account.partition(" ")
    return AccountAccessDocument(
        effect=effect,
        account=digits,
        account_name=name,
        access=access,
        kind="permission_set",
        arn=f"arn:aws:sso:::permissionSet/ssoins-1/ps-{access.lower()}",
        people=len(people),
        listed=tuple(PersonDocument(user=one, paths=(f"through {group}",)) for one in people),
    )


ACCOUNTS = (
    _account("loses", "analytics 444455556666", "PowerUserAccess", "AWS_Data_Science", "cem"),
    _account("gains", "prod 111122223333", "AdministratorAccess", "platform", "kim", "kurt"),
    _account("gains", "staging 222233334444", "PowerUserAccess", "platform", "kim", "kurt"),
)


def pull_request() -> PlanDocument:
    """Return the plan of the pull request."""
    files = ("approvals.yaml", "applications.yaml", "instance.yaml", "people.yaml")
    declared = Declared(
        Settings(INSTANCE),
        users(),
        groups(),
        applications(),
        files=(*files, *sorted({one.position.file for one in groups()})),
        digest="b81d07c3" * 8,
        approvals=APPROVALS,
    )
    plan = made(declared, LIVE)
    commit = {
        "commit": "5f0c2d9e4b7a18366e0d3f9ac2b47d5510e8c6f2",
        "directory": "desired-state/",
    }
    return plan.model_copy(
        update={
            "source": plan.source.model_copy(update=commit),
            "account_access": ACCOUNTS,
            "account_access_read": "principal",
        }
    )
