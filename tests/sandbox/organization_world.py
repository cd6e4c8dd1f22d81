"""An organisation of thirty accounts in a sandbox, and the truth about it."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from identity_reconciler.sandbox import InstanceDetails, Sandbox
from identity_reconciler.sandbox.attributes import USER
from identity_reconciler.sandbox.population import Member, Population, seeded_id
from identity_reconciler.sandbox.trouble import Fault, Trouble

ROLE = "AuditReader"
REGION = "eu-central-1"
MANAGEMENT = "100000000000"
SUSPENDED = "100000000027"
NO_ROLE = "100000000026"
"""With one thread, accounts are entered in the order of their ids, so this is known."""
ACCOUNTS = tuple(f"1{number:011}" for number in range(30))
WITH_INSTANCE = ACCOUNTS[:25]
USERS, APPLICATIONS = 500, 120

Access = tuple[str, str, str, str]
"""Instance ARN, user name, application ARN, path."""
EVERYONE = "everyone: no assignment required"


@dataclass
class Company:
    """One instance, as it was filled."""

    account: str
    arn: str
    users: dict[str, str] = field(default_factory=dict)
    """E-mail addresses by user name."""
    disabled: set[str] = field(default_factory=set)
    members: dict[str, set[str]] = field(default_factory=dict)
    applications: dict[str, str] = field(default_factory=dict)
    """Names by ARN."""
    everyone: set[str] = field(default_factory=set)
    """ARNs of applications that require no assignment."""
    assigned: set[tuple[str, str, str]] = field(default_factory=set)
    """(ARN, USER or GROUP, name)."""
    orphans: set[tuple[str, str, str]] = field(default_factory=set)
    """(ARN, USER or GROUP, PrincipalId)."""

    def access(self) -> set[Access]:
        """Return all access by looking at every application and every assignment for each user."""
        found: set[Access] = set()
        for arn in self.applications:
            mine = [(kind, name) for of, kind, name in self.assigned if of == arn]
            for user in self.users:
                if arn in self.everyone:
                    found.add((self.arn, user, arn, EVERYONE))
                for kind, name in mine:
                    if kind == "USER" and name == user:
                        found.add((self.arn, user, arn, "directly"))
                    if kind == "GROUP" and user in self.members[name]:
                        found.add((self.arn, user, arn, f"through {name}"))
        return found


def fill(sandbox: Sandbox) -> dict[str, Company]:
    """Make the organisation in *sandbox*; return its instances by account."""
    chance = random.Random(7)  # noqa: S311 - the same organisation every time
    companies = {}
    for number, account in enumerate(ACCOUNTS):
        state = "SUSPENDED" if account == SUSPENDED else "ACTIVE"
        if account in WITH_INSTANCE:
            companies[account] = _company(sandbox, number, account, chance)
        else:
            sandbox.add_account(account, f"Account {number:02}", state=state)
    return companies


def _share(of: int, number: int) -> range:
    """Return the part of *of* things that instance *number* has: the first one has half."""
    half = of // 2
    return range(half) if not number else range(half + number - 1, of, len(WITH_INSTANCE) - 1)


def _company(sandbox: Sandbox, number: int, account: str, chance: random.Random) -> Company:
    company = Company(account, f"arn:aws:sso:::instance/ssoins-{number:016x}")
    sandbox.ensure_instance(
        InstanceDetails(
            account,
            REGION,
            company.arn,
            f"d-{number:010x}",
            f"Company-{number:02}",
            organization=account == MANAGEMENT,
        )
    )
    # Half of everything is in the first instance, so that its lists have several pages.
    people, numbers = _share(USERS, number), _share(APPLICATIONS, number)
    company.users = {f"user{n:04}": f"user{n:04}@example.com" for n in people}
    if number:
        # Two people are elsewhere too: one by address in another case, one by user name.
        company.users[f"guest{number:02}"] = f"USER{number:04}@Example.com"
        company.users[f"user{number + 100:04}"] = f"other{number:02}@example.com"
    names = list(company.users)
    groups = [f"Group {n:03}" for n in range(8 if number else 105)]
    company.members = {g: set(chance.sample(names, chance.randint(1, 10))) for g in groups}
    company.members[groups[0]] = set(names)
    company.members[groups[-1]] = set()
    company.disabled = set(chance.sample(names, 3))
    for n in numbers:
        arn = sandbox.add_application(
            f"Application {n % 50:03}",
            f"arn:aws:sso::aws:applicationProvider/custom-{n}",
            instance_arn=company.arn,
            assignment_required=n % 17 != 0,
        )
        company.applications[arn] = f"Application {n % 50:03}"
        company.everyone |= {arn} if n % 17 == 0 else set()
        some = chance.sample(names, 120 if n == 1 else 5)
        company.assigned |= {(arn, "USER", name) for name in some}
        company.assigned |= {(arn, "GROUP", g) for g in chance.sample(groups, 4)}
    _populate(sandbox, company)
    return company


def _populate(sandbox: Sandbox, company: Company) -> None:
    leaver = "leaver"
    arn = min(company.applications)
    sandbox.populate(
        Population(
            users=[_member(*one) for one in (*company.users.items(), (leaver, "left@example.com"))],
            groups=[Member({"DisplayName": name}) for name in company.members],
            memberships=[
                (g, name) for g, names in company.members.items() for name in sorted(names)
            ],
            assignments=[*sorted(company.assigned), (arn, "USER", leaver)],
        ),
        company.arn,
    )
    identity_store = f"d-{int(company.arn[-16:], 16):010x}"
    found = seeded_id(USER, identity_store, leaver)
    store = sandbox.session(company.account, REGION).client("identitystore")
    store.delete_user(IdentityStoreId=identity_store, UserId=found)
    company.orphans = {(arn, "USER", found)}
    for name in company.disabled:
        sandbox.set_user_status(seeded_id(USER, identity_store, name), enabled=False)


def _member(name: str, email: str) -> Member:
    return Member(
        {
            "UserName": name,
            "DisplayName": name.title(),
            "Name": {"GivenName": name, "FamilyName": "Person"},
            "Emails": [{"Value": email, "Primary": True}],
        }
    )


def without_role() -> Trouble:
    """Return the trouble that lets nobody into `NO_ROLE`: its role is not there."""
    # The management account is ours and needs no role, so its successor is the first call.
    call = int(NO_ROLE) - int(MANAGEMENT)
    denied = (
        "User: arn:aws:iam::100000000000:user/auditor is not authorized to perform: sts:AssumeRole"
    )
    return Trouble(
        faults=(Fault("sts:AssumeRole", call=call, code="AccessDenied", message=denied),)
    )
