"""The audit as an AWS Lambda function: every report of the whole organisation, into a bucket.

`handler` is what AWS calls. The settings are environment variables, see `Order`; the template
`templates/audit-lambda.yaml` sets them. The key of each object holds the date and the report:
`audit/2026-03-01/access.csv`. What is returned, and so logged by AWS, holds no names.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypedDict

from identity_reconciler.audit.collection import Collection, collect
from identity_reconciler.audit.formats.writing import written
from identity_reconciler.audit.inspection import Inspection
from identity_reconciler.audit.report import EVERYTHING, Edition, Question, ReportFormat
from identity_reconciler.audit.reports.access import AccessQuestion
from identity_reconciler.audit.reports.applications import ApplicationsQuestion, AssignmentsQuestion
from identity_reconciler.audit.reports.duplicates import DuplicatesQuestion
from identity_reconciler.audit.reports.instances import InstancesQuestion
from identity_reconciler.audit.reports.orphans import OrphansQuestion
from identity_reconciler.errors import UsageError
from identity_reconciler.gateway import Wanted
from identity_reconciler.gateway.organization import Organization, Reach
from identity_reconciler.gateway.wire.clients import make_session
from identity_reconciler.gateway.wire.pacing import Rates

if TYPE_CHECKING:
    import boto3
    from mypy_boto3_s3 import S3Client

QUESTIONS: Mapping[str, Question] = {
    "access": AccessQuestion(),
    "applications": ApplicationsQuestion(),
    "assignments": AssignmentsQuestion(),
    "duplicates": DuplicatesQuestion(),
    "instances": InstancesQuestion(),
    "orphans": OrphansQuestion(),
}
"""The reports about everything, by their names."""
_CONTENT_TYPES = {
    ReportFormat.TABLE: ("txt", "text/plain; charset=utf-8"),
    ReportFormat.CSV: ("csv", "text/csv; charset=utf-8"),
    ReportFormat.JSON: ("json", "application/json"),
    ReportFormat.MARKDOWN: ("md", "text/markdown; charset=utf-8"),
    ReportFormat.HTML: ("html", "text/html; charset=utf-8"),
}


class Delivery(TypedDict):
    """What became of one run."""

    bucket: str
    keys: list[str]
    accounts: int
    instances: int
    unread: list[str]
    """Ids of the accounts that could not be looked into; the reports give the reasons."""
    complete: bool


@dataclass(frozen=True, slots=True)
class Order:
    """What to look into, and where to put which reports."""

    bucket: str
    role: str
    prefix: str = "audit/"
    regions: tuple[str, ...] = ()
    reports: tuple[str, ...] = tuple(QUESTIONS)
    formats: tuple[ReportFormat, ...] = (ReportFormat.CSV, ReportFormat.HTML)

    @property
    def wanted(self) -> Wanted:
        """What to read of each instance: one report what it needs, several of them everything."""
        alone = len(self.reports) == 1
        return QUESTIONS[self.reports[0]].wanted if alone else EVERYTHING

    def organization(self, session: boto3.Session, rates: Rates | None = None) -> Organization:
        """Return the organisation that *session* can list."""
        # Where Lambda runs the variable is always set. Source: Lambda, environment variables.
        region = next(iter(self.regions), session.region_name or "us-east-1")
        return Organization(session, Reach(self.role, region, self.regions, rates=rates))

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Order:
        """Return the order that `AUDIT_BUCKET`, `AUDIT_ROLE` and so on give.

        `AUDIT_PREFIX`, and the lists `AUDIT_REGIONS`, `AUDIT_REPORTS` and `AUDIT_FORMATS`, with
        commas, may be missing.

        Raises:
            UsageError: Bucket or role is missing, or a report or format is unknown.
        """
        for name in ("AUDIT_BUCKET", "AUDIT_ROLE"):
            if not environment.get(name):
                raise UsageError(f"the environment variable {name} is not set; set it")
        formats = chosen(environment, "AUDIT_FORMATS", ReportFormat)
        return cls(
            bucket=environment["AUDIT_BUCKET"],
            role=environment["AUDIT_ROLE"],
            prefix=environment.get("AUDIT_PREFIX", "audit/"),
            regions=listed(environment, "AUDIT_REGIONS"),
            reports=chosen(environment, "AUDIT_REPORTS", QUESTIONS) or tuple(QUESTIONS),
            formats=tuple(map(ReportFormat, formats)) or (ReportFormat.CSV, ReportFormat.HTML),
        )


def listed(environment: Mapping[str, str], name: str) -> tuple[str, ...]:
    """Return what the variable *name* lists, with commas."""
    return tuple(filter(None, map(str.strip, environment.get(name, "").split(","))))


def chosen(environment: Mapping[str, str], name: str, known: Iterable[str]) -> tuple[str, ...]:
    """Return what the variable *name* lists, all of which is *known*.

    Raises:
        UsageError: Something is not.
    """
    there = list(known)
    found = listed(environment, name)
    for one in found:
        if one not in there:
            raise UsageError(f"{name} names {one!r}; expected some of {', '.join(there)}")
    return found


def handler(event: object, context: object) -> Delivery:
    """Make the reports that the environment orders, for AWS Lambda.

    Raises:
        UsageError: The environment does not say enough.
        GatewayError: The accounts of the organisation could not be listed.
    """
    del event, context
    order = Order.from_environment(os.environ)
    session = make_session()
    return deliver(order, session, session.client("s3"), datetime.now(UTC).replace(microsecond=0))


def deliver(
    order: Order,
    session: boto3.Session,
    bucket: S3Client,
    as_of: datetime,
    *,
    rates: Rates | None = None,
) -> Delivery:
    """Look into every account from *session*, and put the reports through *bucket*.

    Raises:
        GatewayError: The accounts could not be listed.
        ClientError: The bucket does not take a report.
    """
    inspection = collect(order.organization(session, rates), Collection(order.wanted))
    keys = []
    for name in order.reports:
        edition = _edition(QUESTIONS[name], inspection, as_of)
        for one in order.formats:
            ending, content_type = _CONTENT_TYPES[one]
            key = f"{order.prefix}{as_of:%Y-%m-%d}/{name}.{ending}"
            text = written(edition, one).encode()
            bucket.put_object(Bucket=order.bucket, Key=key, Body=text, ContentType=content_type)
            keys.append(key)
    unread = [one.account.account_id for one in inspection.troubles]
    return Delivery(
        bucket=order.bucket,
        keys=keys,
        accounts=len(inspection.visits),
        instances=len(inspection.sites),
        unread=unread,
        complete=not unread,
    )


def _edition(question: Question, inspection: Inspection, as_of: datetime) -> Edition:
    basis = f"live state of {len(inspection.visits)} accounts"
    return Edition(question.answer(inspection), as_of, basis, inspection.gaps)
