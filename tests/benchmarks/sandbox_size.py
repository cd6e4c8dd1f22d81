"""How large a sandbox can be: time to fill and to open it, memory, and time per request.

Run it with `python tests/benchmarks/sandbox_size.py [USERS GROUPS MEMBERSHIPS]`; the default is
100,000 users, 10,000 groups and 500,000 memberships. Times of requests are those in the server,
without the client.
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
from pathlib import Path
from typing import Any

from identity_reconciler.sandbox import InstanceDetails, Sandbox
from identity_reconciler.sandbox.messages import HttpRequest
from identity_reconciler.sandbox.seeding import Sizes, generate

STORE = "d-1234567890"
INSTANCE = "arn:aws:sso:::instance/ssoins-1234567890abcdef"
CREDENTIAL = "AWS4-HMAC-SHA256 Credential=AKIASBOX123456789012/20260101/us-east-1/x/aws4_request"
TIMES = 200
TARGETS = {"identitystore": "AWSIdentityStore", "sso-admin": "SWBExternalService"}


class Caller:
    """Sends requests to the responder and remembers how long it took."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._respond = sandbox.responder.respond
        self.took: list[float] = []

    def __call__(self, operation: str, service: str = "identitystore", **params: Any) -> Any:  # noqa: ANN401 - any operation
        members = {"IdentityStoreId": STORE, **params} if service == "identitystore" else params
        headers = {
            "x-amz-target": f"{TARGETS[service]}.{operation}",
            "authorization": CREDENTIAL,
        }
        request = HttpRequest("POST", "https://sandbox/", headers, json.dumps(members).encode())
        begun = time.perf_counter()
        response = self._respond(request)
        self.took.append(time.perf_counter() - begun)
        if response.status >= 400:
            raise RuntimeError(response.body)
        return json.loads(response.body)

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


def row(label: str, took: list[float]) -> None:
    """Print one line of the table, in milliseconds."""
    ordered = sorted(took)
    middle, high = statistics.median(ordered), ordered[int(len(ordered) * 0.99)]
    print(f"{label:32} {middle * 1e3:8.2f} {high * 1e3:8.2f} {ordered[-1] * 1e3:8.2f}")


def main(sizes: Sizes) -> None:
    """Fill a sandbox, open it again and measure."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "sandbox.sqlite3"
        begun = time.perf_counter()
        with Sandbox(path) as sandbox:
            sandbox.ensure_instance(InstanceDetails())
            generate(sandbox, sizes)
        print(f"fill  {time.perf_counter() - begun:6.1f} s, {path.stat().st_size / 2**20:.0f} MiB")
        begun = time.perf_counter()
        with Sandbox(path) as sandbox:
            call = Caller(sandbox)
            call("ListUsers", MaxResults=1)
            print(f"open  {time.perf_counter() - begun:6.3f} s with the first request")
            print(f"\n{'milliseconds':32} {'median':>8} {'99 %':>8} {'most':>8}")
            for label, measure in measures(call, sizes, sandbox.add_application("Portal")).items():
                call.took.clear()
                for number in range(TIMES):
                    measure(number)
                row(label, call.took)
            call.took.clear()
            users = sum(len(page["Users"]) for page in call.pages("ListUsers"))
            row(f"ListUsers, all {users}", call.took)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"\npeak memory {peak:.0f} MiB")


if __name__ == "__main__":
    given = [int(argument) for argument in sys.argv[1:]] or [100_000, 10_000, 500_000]
    users, groups, memberships = given
    main(Sizes(users, groups, memberships, 100, 2_000))
