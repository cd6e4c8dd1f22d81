"""How large a sandbox can be: time to fill and to open it, memory, and time per request.

Run it with `python -m tests.benchmarks.sandbox_size [USERS GROUPS MEMBERSHIPS]`; the default is
100,000 users, 10,000 groups and 500,000 memberships. There are 2,000 accounts, 200 permission sets,
20,000 account assignments and 20,000 entitlements besides. Times of requests are those in the
server, without the client; it is an error if more than one in a hundred of a kind is above 5 ms.
"""

from __future__ import annotations

import json
import random
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from identity_reconciler.sandbox import InstanceDetails, Sandbox
from identity_reconciler.sandbox.attributes import service_model
from identity_reconciler.sandbox.seeding import Sizes, generate
from tests.sandbox.wire import encoded

STORE = "d-1234567890"
INSTANCE = "arn:aws:sso:::instance/ssoins-1234567890abcdef"
TIMES = 200
ACCOUNTS, PERMISSION_SETS, ACCOUNT_ASSIGNMENTS = 2_000, 200, 20_000
ENTITLEMENTS = 20_000
OWNER = "123456789012"
MOST = 0.005
"""Seconds that a request may take."""
READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"


class Caller:
    """Sends requests to the responder and remembers how long it took."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._respond = sandbox.responder.respond
        self.took: list[float] = []

    def __call__(self, operation: str, service: str = "identitystore", **params: Any) -> Any:  # noqa: ANN401 - any operation
        members = {"IdentityStoreId": STORE, **params} if service == "identitystore" else params
        model = service_model(service).operation_model(operation)
        request = encoded(model, members, (OWNER, "us-east-1"))
        if request is None:
            raise RuntimeError(operation)
        begun = time.perf_counter()
        response = self._respond(request)
        self.took.append(time.perf_counter() - begun)
        if response.status >= 400:
            raise RuntimeError(response.body)
        return json.loads(response.body or b"{}")

    def pages(self, operation: str, **params: Any) -> Iterator[Any]:  # noqa: ANN401 - any operation
        """Yield the pages of a whole list."""
        token: dict[str, str] = {}
        while True:
            page = self(operation, MaxResults=100, **params, **token)
            yield page
            if "NextToken" not in page:
                return
            token = {"NextToken": page["NextToken"]}


def measures(call: Caller, sizes: Sizes, application: str) -> dict[str, Callable[[int], object]]:
    """Return what to measure: one request each, given its number."""
    chance = random.Random(1)  # noqa: S311 - repeatable on purpose
    groups = [one["GroupId"] for one in call("ListGroups", MaxResults=100)["Groups"]]
    users = [one["UserId"] for one in call("ListUsers", MaxResults=100)["Users"]]

    def name(number: int) -> dict[str, Any]:
        del number
        value = f"user{chance.randrange(sizes.users):06}"
        return {"UniqueAttribute": {"AttributePath": "userName", "AttributeValue": value}}

    def user(number: int) -> dict[str, Any]:
        return {
            "UserName": f"new{number:06}",
            "DisplayName": "New",
            "Name": {"GivenName": "New", "FamilyName": "One"},
            "Emails": [{"Value": f"new{number:06}@example.com"}],
        }

    def assigned(number: int) -> dict[str, Any]:
        return {
            "ApplicationArn": application,
            "PrincipalId": users[number % 100],
            "PrincipalType": "USER",
        }

    return {
        "GetUserId": lambda n: call("GetUserId", AlternateIdentifier=name(n)),
        "DescribeUser": lambda n: call("DescribeUser", UserId=users[n % 100]),
        "ListUsers, 100 of them": lambda _: call("ListUsers", MaxResults=100),
        "ListGroups, 100 of them": lambda _: call("ListGroups", MaxResults=100),
        "ListGroupMemberships": lambda n: call("ListGroupMemberships", GroupId=groups[n % 100]),
        "ListGroupMembershipsForMember": lambda n: call(
            "ListGroupMembershipsForMember", MemberId={"UserId": users[n % 100]}
        ),
        "IsMemberInGroups, 100 groups": lambda n: call(
            "IsMemberInGroups", MemberId={"UserId": users[n % 100]}, GroupIds=groups
        ),
        "CreateUser": lambda n: call("CreateUser", **user(n)),
        "UpdateUser": lambda n: call(
            "UpdateUser",
            UserId=users[n % 100],
            Operations=[{"AttributePath": "title", "AttributeValue": f"Title {n}"}],
        ),
        "CreateApplicationAssignment": lambda n: call(
            "CreateApplicationAssignment", "sso-admin", **assigned(n)
        ),
        "ListApplicationAssignments": lambda _: call(
            "ListApplicationAssignments", "sso-admin", ApplicationArn=application
        ),
        "ListApplications": lambda _: call("ListApplications", "sso-admin", InstanceArn=INSTANCE),
        "ListInstances": lambda _: call("ListInstances", "sso-admin"),
    }


def administer(call: Caller, operation: str, **params: Any) -> Any:  # noqa: ANN401 - any operation
    """Send a request of sso-admin about the instance."""
    return call(operation, "sso-admin", InstanceArn=INSTANCE, **params)


def give_access(sandbox: Sandbox, call: Caller) -> tuple[list[str], list[str]]:
    """Fill in accounts, permission sets and account assignments; return the first two.

    The first permission set is in every account, the first account has every permission set, and
    both are assigned to the same user, as is nearly a tenth of the rest. Half of the rest is
    assigned to a group of that user.
    """
    accounts = [f"{number:012}" for number in range(100_000, 100_000 + ACCOUNTS)]
    for account in accounts:
        sandbox.add_account(account, f"Account {account}")
    sets = []
    for number in range(PERMISSION_SETS):
        made = administer(call, "CreatePermissionSet", Name=f"Set{number:03}")
        sets.append(made["PermissionSet"]["PermissionSetArn"])
    users = [one["UserId"] for one in call("ListUsers", MaxResults=100)["Users"]]
    chance = random.Random(2)  # noqa: S311 - repeatable on purpose
    group = call("CreateGroup", DisplayName="administrators")["GroupId"]
    call("CreateGroupMembership", GroupId=group, MemberId={"UserId": users[0]})
    wanted = {(one, accounts[0], "USER", users[0]) for one in sets}
    wanted |= {(sets[0], one, "USER", users[0]) for one in accounts}
    while len(wanted) < ACCOUNT_ASSIGNMENTS:
        principal = ("USER", users[0] if chance.random() < 0.1 else chance.choice(users))
        principal = ("GROUP", group) if chance.random() < 0.5 else principal
        wanted.add((chance.choice(sets), chance.choice(accounts), *principal))
    for number, (one, account, kind, principal_id) in enumerate(sorted(wanted)):
        key = assignment(one, account, principal_id) | {"PrincipalType": kind}
        administer(call, "CreateAccountAssignment", **key)
        if number == 0:
            administer(call, "AttachManagedPolicyToPermissionSet", **attached(one))
    return accounts, sets


def assignment(permission_set: str, account: str, user: str) -> dict[str, str]:
    """Return the parameters of an account assignment."""
    return {
        "PermissionSetArn": permission_set,
        "TargetId": account,
        "TargetType": "AWS_ACCOUNT",
        "PrincipalType": "USER",
        "PrincipalId": user,
    }


def attached(permission_set: str) -> dict[str, str]:
    """Return the parameters of a managed policy in a permission set."""
    return {"PermissionSetArn": permission_set, "ManagedPolicyArn": READ_ONLY}


def account_measures(
    call: Caller, accounts: list[str], sets: list[str]
) -> dict[str, Callable[[int], object]]:
    """Return what to measure of the access to accounts: one request each, given its number."""
    ask = partial(administer, call)
    users = [one["UserId"] for one in call("ListUsers", MaxResults=100)["Users"]]
    busy = {"PrincipalType": "USER", "PrincipalId": users[0]}
    fresh = [
        assignment(sets[n % PERMISSION_SETS], accounts[-1 - n], users[99]) for n in range(TIMES)
    ]
    failed = {"Filter": {"Status": "FAILED"}}
    latest = {"ProvisioningStatus": "LATEST_PERMISSION_SET_PROVISIONED"}
    first, in_set = {"PermissionSetArn": sets[0]}, [{"PermissionSetArn": one} for one in sets]
    return {
        "ListPermissionSets, 100 of them": lambda _: ask("ListPermissionSets"),
        "DescribePermissionSet": lambda n: ask("DescribePermissionSet", **in_set[n]),
        "UpdatePermissionSet": lambda n: ask(
            "UpdatePermissionSet", **first, Description=f"Description {n}"
        ),
        "PutInlinePolicyToPermissionSet": lambda n: ask(
            "PutInlinePolicyToPermissionSet", **in_set[n], InlinePolicy='{"Statement": []}'
        ),
        "ListManagedPoliciesInPermissionSet": lambda n: ask(
            "ListManagedPoliciesInPermissionSet", **in_set[n]
        ),
        "CreateAccountAssignment": lambda n: ask("CreateAccountAssignment", **fresh[n]),
        "DeleteAccountAssignment": lambda n: ask("DeleteAccountAssignment", **fresh[n]),
        "ListAccountAssignments": lambda n: ask(
            "ListAccountAssignments", **first, AccountId=accounts[n]
        ),
        "ListAccountAssignmentsForPrincipal": lambda _: ask(
            "ListAccountAssignmentsForPrincipal", **busy
        ),
        "the same, in one account": lambda n: ask(
            "ListAccountAssignmentsForPrincipal", **busy, Filter={"AccountId": accounts[n]}
        ),
        "ListAccountsForProvisioned...": lambda _: ask(
            "ListAccountsForProvisionedPermissionSet", **first
        ),
        "the same, the latest of them": lambda _: ask(
            "ListAccountsForProvisionedPermissionSet", **first, **latest
        ),
        "ListPermissionSetsProvisioned...": lambda _: ask(
            "ListPermissionSetsProvisionedToAccount", AccountId=accounts[0]
        ),
        "ListAccountAssignmentCreationStatus": lambda _: ask("ListAccountAssignmentCreationStatus"),
        "the same, those that failed": lambda _: ask(
            "ListAccountAssignmentCreationStatus", **failed
        ),
        "ProvisionPermissionSet, 2,000": lambda _: ask(
            "ProvisionPermissionSet", **first, TargetType="ALL_PROVISIONED_ACCOUNTS"
        ),
        "ListAccounts": lambda _: call("ListAccounts", "organizations"),
    }


def entitle(call: Caller, accounts: list[str]) -> tuple[str, list[dict[str, Any]]]:
    """Fill in entitlements; return the application and what each of them is.

    A tenth of them is to one role of the first account, a tenth is of one user, and another tenth
    is of a group of that user.
    """
    source = {"identityCenter": {"instanceArn": INSTANCE}}
    made = call("CreateApplication", "account-access", identitySource=source)["applicationArn"]
    users = [one["UserId"] for page in call.pages("ListUsers") for one in page["Users"]]
    name = {"UniqueAttribute": {"AttributePath": "displayName", "AttributeValue": "administrators"}}
    group = call("GetGroupId", AlternateIdentifier=name)["GroupId"]
    tenth = ENTITLEMENTS // 10
    wanted = [({"userId": one}, role(accounts[0], "Reader")) for one in users[:tenth]]
    for number in range(tenth):
        account = accounts[number % len(accounts)]
        wanted.append(({"userId": users[0]}, role(account, f"Writer{number}")))
        wanted.append(({"groupId": group}, role(account, f"Admin{number}")))
    for number in range(ENTITLEMENTS - len(wanted)):
        person = {"userId": users[(number * 7) % len(users)]}
        wanted.append((person, role(accounts[number % len(accounts)], f"Role{number % 97}")))
    listed = [
        {"principal": {"identityCenter": principal}, "roleArn": arn} for principal, arn in wanted
    ]
    for one in listed:
        entitlement = {"principalRole": one}
        call("CreateEntitlement", "account-access", applicationArn=made, entitlement=entitlement)
    return made, listed


def role(account: str, name: str) -> str:
    """Return the ARN of a role."""
    return f"arn:aws:iam::{account}:role/{name}"


def entitlement_measures(
    call: Caller, accounts: list[str], application: str, entitled: list[dict[str, Any]]
) -> dict[str, Callable[[int], object]]:
    """Return what to measure of account access manager: one request each, given its number."""

    def ask(operation: str, **params: Any) -> Any:  # noqa: ANN401 - any operation
        return call(operation, "account-access", applicationArn=application, **params)

    def listed(**wanted: Any) -> Any:  # noqa: ANN401 - any filter
        return ask("ListEntitlements", filter={"principalRole": wanted})

    first = ask("ListEntitlements", filter={})["entitlements"]
    ids = [one["entitlementId"] for one in first]
    # The first 100 are gone by then.
    busy = entitled[ENTITLEMENTS // 10]["principal"]
    fresh = [{**entitled[n], "roleArn": role(accounts[n], "New")} for n in range(TIMES)]
    return {
        "CreateEntitlement": lambda n: ask(
            "CreateEntitlement", entitlement={"principalRole": fresh[n]}
        ),
        "GetEntitlement": lambda n: ask("GetEntitlement", entitlementId=ids[n % 100]),
        "DeleteEntitlement": lambda n: ask("DeleteEntitlement", entitlementId=ids[n % 100]),
        "ListEntitlements, all": lambda _: ask("ListEntitlements", filter={}),
        "the same, of a role": lambda _: listed(roleArn=entitled[0]["roleArn"]),
        "the same, in an account": lambda n: listed(account=accounts[n]),
        "the same, of a user": lambda _: listed(principal=busy),
        "the same, of both": lambda n: listed(principal=busy, account=accounts[n]),
        "the same, of all three": lambda n: listed(account=accounts[0], **entitled[200 + n]),
    }


def row(label: str, took: list[float]) -> float:
    """Print one line of the table, in milliseconds; return the 99 % of it, in seconds."""
    ordered = sorted(took)
    middle, high = statistics.median(ordered), ordered[int(len(ordered) * 0.99)]
    print(f"{label:32} {middle * 1e3:8.2f} {high * 1e3:8.2f} {ordered[-1] * 1e3:8.2f}")
    return high


def main(sizes: Sizes) -> int:
    """Fill a sandbox, open it again and measure; 1 if a request takes too long."""
    slow = []
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "sandbox.sqlite3"
        begun = time.perf_counter()
        with Sandbox(path) as sandbox:
            sandbox.ensure_instance(InstanceDetails())
            generate(sandbox, sizes)
            accounts, sets = give_access(sandbox, Caller(sandbox))
            application, entitled = entitle(Caller(sandbox), accounts)
        print(f"fill  {time.perf_counter() - begun:6.1f} s, {path.stat().st_size / 2**20:.0f} MiB")
        begun = time.perf_counter()
        with Sandbox(path) as sandbox:
            call = Caller(sandbox)
            call("ListUsers", MaxResults=1)
            print(f"open  {time.perf_counter() - begun:6.3f} s with the first request")
            print(f"\n{'milliseconds':32} {'median':>8} {'99 %':>8} {'most':>8}")
            wanted = measures(call, sizes, sandbox.add_application("Portal"))
            wanted |= account_measures(call, accounts, sets)
            wanted |= entitlement_measures(call, accounts, application, entitled)
            for label, measure in wanted.items():
                call.took.clear()
                for number in range(TIMES):
                    measure(number)
                if row(label, call.took) > MOST:
                    slow.append(label)
            call.took.clear()
            users = sum(len(page["Users"]) for page in call.pages("ListUsers"))
            row(f"ListUsers, all {users}", call.took)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"\npeak memory {peak:.0f} MiB")
    if slow:
        print(f"above {MOST * 1e3:.0f} ms: {', '.join(slow)}")
    return 1 if slow else 0


if __name__ == "__main__":
    given = [int(argument) for argument in sys.argv[1:]] or [100_000, 10_000, 500_000]
    users, groups, memberships = given
    sys.exit(main(Sizes(users, groups, memberships, 100, 2_000)))
