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
        listed = {
            name: tuple(filter(None, map(str.strip, environment.get(name, "").split(","))))
            for name in ("AUDIT_REGIONS", "AUDIT_REPORTS", "AUDIT_FORMATS")
        }
        return cls(
            bucket=environment["AUDIT_BUCKET"],
            role=environment["AUDIT_ROLE"],
            prefix=environment.get("AUDIT_PREFIX", "audit/"),
            regions=listed["AUDIT_REGIONS"],
            reports=_known("AUDIT_REPORTS", listed["AUDIT_REPORTS"], QUESTIONS) or tuple(QUESTIONS),
            formats=tuple(
                map(ReportFormat, _known("AUDIT_FORMATS", listed["AUDIT_FORMATS"], ReportFormat))
            )
            or (ReportFormat.CSV, ReportFormat.HTML),
        )


def _known(name: str, chosen: tuple[str, ...], known: Iterable[str]) -> tuple[str, ...]:
    """Return *chosen*, all of which is *known*."""
    there = list(known)
    for one in chosen:
        if one not in there:
            raise UsageError(f"{name} names {one!r}; expected some of {', '.join(there)}")
    return chosen


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
    # Where Lambda runs the variable is always set. Source: Lambda, environment variables.
    region = next(iter(order.regions), session.region_name or "us-east-1")
    organization = Organization(session, Reach(order.role, region, order.regions, rates=rates))
    # One report reads what it needs, several of them share one reading of everything.
    alone = len(order.reports) == 1
    wanted = QUESTIONS[order.reports[0]].wanted if alone else EVERYTHING
    inspection = collect(organization, Collection(wanted))
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
