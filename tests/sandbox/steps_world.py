"""An organisation of many small accounts, of which one in twenty is in trouble, and its audits."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from io import BytesIO
from typing import TYPE_CHECKING, Any

import boto3
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from moto import mock_aws

from identity_reconciler.audit.aws_lambda import Order, deliver
from identity_reconciler.audit.aws_steps import (
    Collected,
    StepSettings,
    collected,
    delivered,
    listing,
)
from identity_reconciler.audit.formats.files import FileFormat
from identity_reconciler.audit.keeping import BucketStore
from identity_reconciler.audit.report import ReportFormat
from identity_reconciler.gateway.wire.pacing import Rates
from identity_reconciler.sandbox import InstanceDetails, Sandbox
from identity_reconciler.sandbox.population import Member, Population
from identity_reconciler.sandbox.trouble import Fault, Trouble
from tests.command import ROOT
from tests.state_machine import Execution, KilledError, definition

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

TEMPLATE = ROOT / "identity_reconciler/templates/audit-steps.yaml"
REGION = "eu-central-1"
ROLE = "AuditReader"
STARTED = "2026-03-01T05:00:00.123Z"
UNPACED = Rates(100_000, 100_000)
PASSED_BY = [r"https://(organizations|sts|sso|identitystore)\."]
GARBAGE = 5
"""The number of the account that answers what is no answer."""
ALWAYS = 10**9


def account_id(number: int) -> str:
    return f"1{number:011}"


def _store_id(number: int) -> str:
    return f"d-{number:010x}"


def trouble_of(number: int) -> str:
    """Return what is the matter with account *number*, or nothing."""
    if number == GARBAGE:
        return "garbage"
    return {7: "no role", 12: "suspended", 17: "throttled"}.get(number % 60, "")


def fill(sandbox: Sandbox, accounts: int) -> None:
    """Make *accounts* accounts in *sandbox*, each with an instance, and their trouble."""
    for number in range(accounts):
        if trouble_of(number) == "suspended":
            sandbox.add_account(account_id(number), f"Account {number}", state="SUSPENDED")
            continue
        arn = f"arn:aws:sso:::instance/ssoins-{number:016x}"
        # Some names are shared, some only but for their case.
        name = f"Company-{number // 2 if number % 10 < 2 else number}"
        sandbox.ensure_instance(
            InstanceDetails(
                account_id(number),
                REGION,
                arn,
                _store_id(number),
                name.upper() if number % 10 == 1 else name,
                organization=not number,
            )
        )
        _populate(sandbox, number, arn)
    sandbox.make_trouble(Trouble(faults=tuple(_faults(accounts))))


def _populate(sandbox: Sandbox, number: int, arn: str) -> None:
    payroll = sandbox.add_application("Payroll", instance_arn=arn)
    wiki = sandbox.add_application("=Wiki", instance_arn=arn, assignment_required=number % 3 != 0)
    users = [f"user{number}", f"User{number + 1}", "admin"]
    documents = [
        {
            "UserName": name,
            "DisplayName": f"{name}; =1+1",
            "Name": {"GivenName": name, "FamilyName": "Ünïcode"},
            "Emails": [{"Value": f"{name}@example.com", "Primary": True}],
        }
        for name in users
    ]
    population = Population(
        users=[Member(document) for document in documents],
        groups=[Member({"DisplayName": "staff"}), Member({"DisplayName": "nobody"})],
        memberships=[("staff", users[0]), ("staff", users[1])],
        assignments=[(payroll, "GROUP", "staff"), (wiki, "USER", "admin")],
    )
    sandbox.populate(population, arn)


def _faults(accounts: int) -> Iterator[Fault]:
    for number in range(accounts):
        if trouble_of(number) == "no role":
            sentence = "User: x is not authorized to perform: sts:AssumeRole"
            yield Fault(
                "AssumeRole", times=ALWAYS, code="AccessDenied", message=sentence,
                containing=f"{account_id(number)}%3Arole",
            )  # fmt: skip
        if trouble_of(number) == "throttled":
            yield Fault(
                "ListUsers", times=ALWAYS, code="ThrottlingException", containing=_store_id(number)
            )


def session_of(sandbox: Sandbox) -> boto3.Session:
    """Return a session of the management account, to which one account answers garbage."""
    session = sandbox.session(account_id(0), REGION)
    events: Any = session.events

    def answer(request: Any, **_: object) -> AWSResponse | None:  # noqa: ANN401
        if _store_id(GARBAGE).encode() not in request.body:
            return None
        return AWSResponse(request.url, 200, HTTPHeaders(), _Raw(b'{"Users": "none"}'))

    events.register_first("before-send.identitystore.ListUsers", answer)
    return session


class _Raw(BytesIO):
    """What urllib3 would have read."""

    def stream(self, amount: int = 1024, **_: object) -> Iterator[bytes]:
        while found := self.read(amount):
            yield found


def _nothing(name: str, event: object) -> None:
    """Let a function be called as it is."""
    del name, event


class Audit:
    """The state machine over one sandbox and a bucket of moto."""

    def __init__(
        self,
        session: boto3.Session,
        bucket: S3Client,
        files: tuple[FileFormat, ...] = tuple(FileFormat),
    ) -> None:
        self.bucket = bucket
        self.order = Order("reports", ROLE)
        self.objects: set[tuple[str, str, str]] = set()
        """Which function has asked S3 for what, and about which key."""
        self.settings = StepSettings(files)
        self.calls: Counter[str] = Counter()
        self.before: Callable[[str, Any], None] = _nothing
        self.after: Callable[[str, Any], None] = _nothing
        organization = self.order.organization(session, UNPACED)
        self._organization = organization
        stores = {name: self.store(name) for name in ("ListAccounts", "MakeReport")}
        self._answers = self.store("CollectAccount")
        self.functions: dict[str, Callable[[Any], Any]] = {
            "ListAccounts": lambda event: listing(
                event, self.order, self.settings, organization, stores["ListAccounts"]
            ),
            "CollectAccount": self.collected,
            "MakeReport": lambda event: delivered(
                event, self.order, self.settings, stores["MakeReport"]
            ),
        }
        self.execution = Execution(
            definition(TEMPLATE, "Steps"),
            {name: self._called(name, function) for name, function in self.functions.items()},
            bucket,
            name="run-1",
            started=STARTED,
        )

    def store(self, function: str) -> BucketStore:
        """Return the bucket as *function* sees it."""
        client = boto3.client("s3", "us-east-1")
        events: Any = client.meta.events

        def note(params: Any, model: Any, **_: object) -> None:  # noqa: ANN401
            self.objects.add((function, model.name, params["Key"]))

        events.register("before-parameter-build.s3", note)
        return BucketStore(client, "reports")

    def collected(self, errand: object) -> Collected:
        """Return what the function does that is asked for one account."""
        return collected(errand, self.order, self._organization, self._answers)

    def _called(self, name: str, function: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def call(event: Any) -> Any:  # noqa: ANN401 - JSON
            self.calls[name] += 1
            self.before(name, event)
            answer = asdict(function(event))
            self.after(name, event)
            return answer

        return call

    def kill_after(self, answers: int) -> None:
        """Stop the execution as soon as so many answers are kept, and before that is known."""
        kept: list[object] = []

        def kill(name: str, event: object) -> None:
            if name == "CollectAccount":
                kept.append(event)
                if len(kept) == answers:
                    raise KilledError

        self.after = kill

    def redriven(self) -> Any:  # noqa: ANN401 - JSON
        """Return what comes out of the state machine when it goes on."""
        self.after = _nothing
        return self.execution.drive()


def bodies(bucket: S3Client, prefix: str) -> dict[str, bytes]:
    """Return the objects under *prefix*, by the rest of their keys."""
    pages = bucket.get_paginator("list_objects_v2").paginate(Bucket="reports", Prefix=prefix)
    keys = [one["Key"] for page in pages for one in page.get("Contents", ())]
    return {
        key.removeprefix(prefix): bucket.get_object(Bucket="reports", Key=key)["Body"].read()
        for key in keys
    }


def at_once(session: boto3.Session, bucket: S3Client) -> dict[str, bytes]:
    """Return the same reports as one process makes them, by their names."""
    order = Order("reports", ROLE, "whole/", formats=(ReportFormat.CSV,))
    as_of = datetime.fromisoformat(STARTED).replace(microsecond=0)
    deliver(order, session, bucket, as_of, rates=UNPACED)
    return bodies(bucket, "whole/2026-03-01/")


@contextmanager
def reports_bucket() -> Iterator[S3Client]:
    """Yield a client of moto's S3, with a bucket; what the sandbox serves passes by."""
    with mock_aws(config={"core": {"passthrough": {"urls": PASSED_BY}}}):
        client = boto3.client("s3", "us-east-1")
        client.create_bucket(Bucket="reports")
        yield client


def times_asked(sandbox: Sandbox) -> Counter[int]:
    """Return how often the instances of each account were asked for, by its number."""
    return Counter(
        int(one.account) - int(account_id(0))
        for one in sandbox.requests.entries
        if one.operation == "ListInstances"
    )


def named_gaps(instances: str) -> set[int]:
    """Return the numbers of the accounts that the report names with a reason."""
    rows = re.findall(r"^1(\d{11}),.*,([^,\r]+)\r$", instances, re.MULTILINE)
    return {int(number) for number, remark in rows if remark}
