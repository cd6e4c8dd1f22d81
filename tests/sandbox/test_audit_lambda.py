"""The audit as a Lambda function, against moto's S3, STS and Organizations."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest
import yaml
from moto import mock_aws

from identity_reconciler.audit.aws_lambda import QUESTIONS, Order, deliver, handler
from identity_reconciler.audit.report import ReportFormat
from identity_reconciler.errors import UsageError
from identity_reconciler.gateway.wire.pacing import Rates
from identity_reconciler.sandbox import InstanceDetails, Sandbox
from identity_reconciler.sandbox.population import Member, Population
from tests.command import ROOT

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

TEMPLATES = ROOT / "identity_reconciler/templates"
NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
UNPACED = Rates(100_000, 100_000)
MEMBER = "222233334444"
SERVED_BY_THE_SANDBOX = [r"https://(organizations|sts|sso|identitystore)\."]


@pytest.fixture
def bucket() -> Iterator[S3Client]:
    """Return a client of moto's S3, with a bucket; what the sandbox serves passes by."""
    with mock_aws(config={"core": {"passthrough": {"urls": SERVED_BY_THE_SANDBOX}}}):
        client = boto3.client("s3", "us-east-1")
        client.create_bucket(Bucket="reports")
        yield client


@pytest.fixture
def organization() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        sandbox.ensure_instance(InstanceDetails(name="main"))
        member = "arn:aws:sso:::instance/ssoins-2222222222222222"
        sandbox.ensure_instance(
            InstanceDetails(
                MEMBER, "us-east-1", member, "d-2222222222", "member", organization=False
            )
        )
        sandbox.add_account("333344445555", "shut", state="SUSPENDED")
        for arn in (InstanceDetails().instance_arn, member):
            application = sandbox.add_application("Payroll", instance_arn=arn)
            document = {
                "UserName": "ana",
                "DisplayName": "Ana",
                "Name": {"GivenName": "Ana", "FamilyName": "Silva"},
                "Emails": [{"Value": "ana@example.com"}],
            }
            assigned = [(application, "USER", "ana")]
            sandbox.populate(Population(users=[Member(document)], assignments=assigned), arn)
        yield sandbox


def body(bucket: S3Client, key: str) -> str:
    return bucket.get_object(Bucket="reports", Key=key)["Body"].read().decode()


class TestDelivery:
    """Every report in every format that is ordered, under its date."""

    def test_reports(self, organization: Sandbox, bucket: S3Client) -> None:
        order = Order("reports", "Audit", formats=tuple(ReportFormat))
        delivery = deliver(order, organization.session(), bucket, NOW, rates=UNPACED)
        listed = bucket.list_objects_v2(Bucket="reports")["Contents"]
        endings = ("txt", "csv", "json", "md", "html")
        wanted = {f"audit/2026-03-01/{name}.{end}" for name in QUESTIONS for end in endings}
        assert {one["Key"] for one in listed} == set(delivery["keys"]) == wanted
        assert delivery["unread"] == ["333344445555"]
        assert (delivery["accounts"], delivery["instances"]) == (3, 2)
        assert delivery["complete"] is False

    def test_contents(self, organization: Sandbox, bucket: S3Client) -> None:
        order = Order(
            "reports", "Audit", prefix="a/", formats=(ReportFormat.CSV, ReportFormat.JSON)
        )
        deliver(order, organization.session(), bucket, NOW, rates=UNPACED)
        text = body(bucket, "a/2026-03-01/access.csv")
        rows = [*csv.DictReader(io.StringIO(text, newline=""), strict=True)]
        assert [(row["instance"], row["user_name"], row["application"]) for row in rows] == [
            ("main", "ana", "Payroll"),
            ("member", "ana", "Payroll"),
        ]
        duplicates = json.loads(body(bucket, "a/2026-03-01/duplicates.json"))
        assert duplicates["alarms"] == 2
        assert duplicates["gaps"] == ["account 333344445555 shut: the account is SUSPENDED"]

    def test_what_is_returned_names_nobody(self, organization: Sandbox, bucket: S3Client) -> None:
        order = Order("reports", "Audit")
        delivery = deliver(order, organization.session(), bucket, NOW, rates=UNPACED)
        assert "ana" not in json.dumps(delivery).replace("audit", "")

    def test_the_type_of_each_object(self, organization: Sandbox, bucket: S3Client) -> None:
        order = Order("reports", "Audit", reports=("instances",), formats=(ReportFormat.HTML,))
        (key,) = deliver(order, organization.session(), bucket, NOW, rates=UNPACED)["keys"]
        assert bucket.head_object(Bucket="reports", Key=key)["ContentType"].startswith("text/html")


class TestHandler:
    """What AWS calls, on an account that moto makes up."""

    def test_from_the_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with mock_aws():
            monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
            monkeypatch.setenv("AUDIT_BUCKET", "reports")
            monkeypatch.setenv("AUDIT_ROLE", "Audit")
            monkeypatch.setenv("AUDIT_REPORTS", "instances")
            monkeypatch.setenv("AUDIT_FORMATS", "csv")
            boto3.client("organizations").create_organization()
            account = boto3.client("organizations").create_account(
                Email="member@example.com", AccountName="member"
            )["CreateAccountStatus"]["AccountId"]
            client = boto3.client("s3")
            client.create_bucket(Bucket="reports")
            delivery = handler({}, None)
            text = body(client, delivery["keys"][0])
        assert delivery["accounts"] == 2
        assert sorted(line.split(",")[0] for line in text.splitlines()[1:]) == sorted(
            ["123456789012", account]
        )


class TestOrder:
    """The environment says everything that is needed, or the run does not begin."""

    def test_defaults(self) -> None:
        order = Order.from_environment({"AUDIT_BUCKET": "b", "AUDIT_ROLE": "r"})
        assert order == Order("b", "r")
        assert order.reports == tuple(QUESTIONS)

    def test_lists(self) -> None:
        order = Order.from_environment(
            {
                "AUDIT_BUCKET": "b",
                "AUDIT_ROLE": "r",
                "AUDIT_PREFIX": "x/",
                "AUDIT_REGIONS": "eu-west-1, us-east-1",
                "AUDIT_REPORTS": "access,orphans",
                "AUDIT_FORMATS": "json,",
            }
        )
        regions = ("eu-west-1", "us-east-1")
        assert order == Order("b", "r", "x/", regions, ("access", "orphans"), (ReportFormat.JSON,))

    @pytest.mark.parametrize(
        ("environment", "message"),
        [
            ({"AUDIT_ROLE": "r"}, "AUDIT_BUCKET is not set"),
            ({"AUDIT_BUCKET": "b"}, "AUDIT_ROLE is not set"),
            ({"AUDIT_BUCKET": "b", "AUDIT_ROLE": "r", "AUDIT_REPORTS": "x"}, "AUDIT_REPORTS names"),
            ({"AUDIT_BUCKET": "b", "AUDIT_ROLE": "r", "AUDIT_FORMATS": "pdf"}, "expected some of"),
        ],
    )
    def test_refused(self, environment: dict[str, str], message: str) -> None:
        with pytest.raises(UsageError, match=message):
            Order.from_environment(environment)


class _Tags(yaml.SafeLoader):  # type: ignore[misc]  # It ships no types.
    """Reads CloudFormation's short functions as plain values."""


_Tags.add_multi_constructor("!", lambda loader, tag, node: {tag: loader.construct_scalar(node)})


class TestTemplates:
    """CloudFormation takes them, and they fit the program."""

    def test_cfn_lint_has_nothing_to_say(self, tmp_path: Path) -> None:
        names = ["audit-lambda.yaml", "audit-role.yaml", "audit-steps.yaml", "drift-events.yaml"]
        done = subprocess.run(
            [Path(sys.executable).with_name("cfn-lint"), *(TEMPLATES / name for name in names)],
            cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stdout) == (0, "")

    def test_the_function_is_the_handler(self) -> None:
        template = yaml.load((TEMPLATES / "audit-lambda.yaml").read_text(), _Tags)  # noqa: S506
        audit = template["Resources"]["Audit"]["Properties"]
        # What is put under that key later is not what runs.
        assert audit["Code"]["S3ObjectVersion"] == {"Ref": "CodeVersion"}
        module, _, name = audit["Handler"].rpartition(".")
        assert (module, name) == (handler.__module__, handler.__name__)
        variables = audit["Environment"]["Variables"]
        filled = {key: str(value) for key, value in variables.items()} | {"AUDIT_FORMATS": "csv"}
        assert Order.from_environment(filled).formats == (ReportFormat.CSV,)
