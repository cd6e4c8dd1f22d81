"""The audit as a state machine: its definition is played over the sandbox and moto's S3."""

from __future__ import annotations

import fnmatch
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
import yaml
from moto import mock_aws
from pyarrow import parquet

from identity_reconciler.audit import aws_steps
from identity_reconciler.audit.aws_lambda import QUESTIONS, Order
from identity_reconciler.audit.aws_steps import (
    LAST_ATTEMPT,
    StepSettings,
    collect_account,
    delivered,
    list_accounts,
    listing,
    make_report,
)
from identity_reconciler.audit.formats.files import FileFormat
from identity_reconciler.audit.streaming import NOTHING_KEPT
from identity_reconciler.errors import UsageError
from identity_reconciler.sandbox import Sandbox
from identity_reconciler.sandbox.trouble import Fault, Trouble
from tests.sandbox.steps_world import (
    GARBAGE,
    TEMPLATE,
    Audit,
    account_id,
    at_once,
    bodies,
    fill,
    named_gaps,
    reports_bucket,
    session_of,
    times_asked,
    trouble_of,
)
from tests.state_machine import FailedError, KilledError, definition

ACCOUNTS, FEW = 24, 7


@dataclass
class Played:
    """What became of the audit that was killed in the middle and redriven."""

    audit: Audit
    output: list[dict[str, Any]]
    reports: dict[str, bytes]
    parquet: dict[str, bytes]
    at_once: dict[str, bytes]
    asked: dict[int, int]
    kept_before: int


@pytest.fixture(scope="module")
def played() -> Played:
    with Sandbox() as sandbox, reports_bucket() as bucket:
        fill(sandbox, ACCOUNTS)
        audit = Audit(session_of(sandbox), bucket)
        audit.kill_after(ACCOUNTS // 2)
        with pytest.raises(KilledError):
            audit.execution.drive()
        kept = len(bodies(bucket, "audit/results/run-1/accounts/"))
        output = audit.redriven()
        asked = times_asked(sandbox)
        return Played(
            audit,
            output,
            bodies(bucket, "audit/2026-03-01/"),
            bodies(bucket, "audit/parquet/"),
            at_once(session_of(sandbox), bucket),
            asked,
            kept,
        )


class TestKilled:
    """Killed in the middle and redriven, it ends as if nothing had happened."""

    def test_the_reports_are_those_of_one_process(self, played: Played) -> None:
        assert played.reports == played.at_once
        assert played.reports.keys() == {f"{name}.csv" for name in QUESTIONS}
        assert played.reports["access.csv"].count(b"\r\n") > ACCOUNTS

    def test_no_account_is_read_twice(self, played: Played) -> None:
        assert ACCOUNTS // 2 <= played.kept_before < ACCOUNTS
        untroubled = [number for number in range(ACCOUNTS) if not trouble_of(number)]
        assert {played.asked[number] for number in untroubled} == {1}

    def test_what_was_done_is_not_begun_again(self, played: Played) -> None:
        assert played.audit.calls["ListAccounts"] == 1
        assert played.audit.calls["MakeReport"] == len(QUESTIONS)
        # Every one that was under way at that moment, and the troubles that may pass.
        passing = [n for n in range(ACCOUNTS) if trouble_of(n) in {"garbage", "throttled"}]
        most = ACCOUNTS + 8 + 2 * LAST_ATTEMPT * len(passing)
        assert ACCOUNTS < played.audit.calls["CollectAccount"] <= most

    def test_gaps_are_named(self, played: Played) -> None:
        troubles = {number for number in range(ACCOUNTS) if trouble_of(number)}
        text = played.reports["instances.csv"].decode()
        assert named_gaps(text) == troubles
        assert {trouble_of(number) for number in troubles} == {
            "garbage", "no role", "suspended", "throttled"
        }  # fmt: skip
        (line,) = [row for row in text.splitlines() if row.startswith(account_id(GARBAGE))]
        assert "AWS answered what cannot be read" in line
        assert {(one["accounts"], one["unread"], one["complete"]) for one in played.output} == {
            (ACCOUNTS, len(troubles), False)
        }

    def test_what_is_handed_on_names_nobody(self, played: Played) -> None:
        assert "user1" not in str(played.output)
        assert not [key for _, _, key in played.audit.objects if "user" in key]


class TestParquet:
    """Rows are those of the CSV, in files by instance."""

    def test_rows(self, played: Played) -> None:
        for name in QUESTIONS:
            rows = sum(
                parquet.read_table(io.BytesIO(body)).num_rows
                for key, body in played.parquet.items()
                if key.startswith(f"{name}/")
            )
            (said,) = [one for one in played.output if one["report"] == name]
            assert rows == said["rows"] == played.reports[f"{name}.csv"].count(b"\r\n") - 1

    def test_partitions(self, played: Played) -> None:
        keys = [key for key in played.parquet if key.startswith("access/")]
        troubles = sum(bool(trouble_of(number)) for number in range(ACCOUNTS))
        assert len(keys) == ACCOUNTS - troubles
        pattern = r"access/as_of=20260301T050000Z/instance_id=ssoins-[0-9a-f]{16}/rows\.parquet"
        assert all(re.fullmatch(pattern, key) for key in keys)
        for key in keys:
            names = parquet.read_table(io.BytesIO(played.parquet[key])).column("instance")
            assert len(names.unique()) == 1


class TestFailures:
    """What ends without an answer is a gap, or stops the audit where there is too much of it."""

    @pytest.fixture
    def audit(self) -> Iterator[Audit]:
        with Sandbox() as sandbox, reports_bucket() as bucket:
            fill(sandbox, FEW)
            sandbox.make_trouble(None)
            yield Audit(sandbox.session(account_id(0), "eu-central-1"), bucket)

    def crash(self, audit: Audit, *numbers: int) -> None:
        """Let the function of these accounts end without anything."""

        def before(name: str, event: Any) -> None:  # noqa: ANN401 - JSON
            if name == "CollectAccount" and int(event["account"]["account_id"][1:]) in numbers:
                raise MemoryError

        audit.before = before

    def test_a_tolerated_one_is_a_gap(self, audit: Audit) -> None:
        audit.settings = StepSettings(tolerated_percentage=15)
        self.crash(audit, 3)
        output = audit.execution.drive()
        assert {one["unread"] for one in output} == {1}
        lines = bodies(audit.bucket, "audit/2026-03-01/")["instances.csv"].decode().splitlines()
        (line,) = [one for one in lines if NOTHING_KEPT in one]
        assert line.startswith(account_id(3))

    def test_too_many_stop_it_and_only_they_are_redriven(self, audit: Audit) -> None:
        self.crash(audit, 3, 4)
        with pytest.raises(FailedError, match="ExceedToleratedFailureThreshold"):
            audit.execution.drive()
        assert bodies(audit.bucket, "audit/2026") == {}
        audit.calls.clear()
        self.crash(audit)
        output = audit.redriven()
        assert audit.calls == {"CollectAccount": 2, "MakeReport": len(QUESTIONS)}
        assert {one["complete"] for one in output} == {True}

    def test_one_that_passes_is_asked_again(self) -> None:
        with Sandbox() as sandbox, reports_bucket() as bucket:
            fill(sandbox, 2)
            # As often as one read asks again by itself.
            lost = Fault(
                "ListUsers", times=50, code="ThrottlingException", containing="d-0000000001"
            )
            sandbox.make_trouble(Trouble(faults=(lost,)))
            audit = Audit(sandbox.session(account_id(0), "eu-central-1"), bucket)
            assert all(one["complete"] for one in audit.execution.drive())
            assert audit.execution.waits == [30]

    def test_a_damaged_answer_is_a_gap_and_collected_anew(self, audit: Audit) -> None:
        audit.execution.drive()
        key = f"audit/results/run-1/accounts/{account_id(3)}.json.gz"
        audit.bucket.put_object(Bucket="reports", Key=key, Body=b"garbage")
        again = {"run": "run-1", "as_of": "2026-03-01T05:00:00Z", "report": "instances"}
        said = delivered(again, audit.order, audit.settings, audit.store("MakeReport"))
        assert said.unread == 1
        errand = {
            "run": "run-1",
            "own": account_id(0),
            "attempt": 0,
            "account": {
                "account_id": account_id(3),
                "name": "",
                "state": "ACTIVE",
                "arn": f"arn:aws:organizations::{account_id(0)}:account/o-1/{account_id(3)}",
            },
        }
        assert audit.collected(errand).complete
        assert audit.bucket.get_object(Bucket="reports", Key=key)["Body"].read() != b"garbage"


class TestInputs:
    """What does not fit is refused, in a line that shows no value."""

    @pytest.mark.parametrize(
        ("function", "given", "message"),
        [
            ("ListAccounts", {}, "no Start: run: Field required; as_of: Field required"),
            ("ListAccounts", {"run": "a/../b", "as_of": "2026-03-01T05:00:00Z"}, "no name of an"),
            ("CollectAccount", {"run": "r", "own": "1", "account": {}, "attempt": 0}, "no Errand"),
            (
                "MakeReport",
                {"run": "r", "as_of": "2026-03-01T05:00:00Z", "report": "x"},
                "no report; expected access",
            ),
            (
                "MakeReport",
                {"run": "r", "as_of": "2026-03-01T05:00:00Z", "report": "access"},
                "there is no audit/results/r/accounts.json",
            ),
        ],
    )
    def test_refused(self, function: str, given: object, message: str) -> None:
        with Sandbox() as sandbox, reports_bucket() as bucket:
            audit = Audit(sandbox.session(), bucket)
            with pytest.raises(UsageError, match=message):
                audit.functions[function](given)

    def test_settings(self) -> None:
        assert StepSettings.from_environment({}) == StepSettings()
        given = {
            "AUDIT_FILES": "parquet, csv",
            "AUDIT_SIDE_BY_SIDE": "7",
            "AUDIT_TOLERATED_PERCENTAGE": "0",
        }
        files = (FileFormat.PARQUET, FileFormat.CSV)
        assert StepSettings.from_environment(given) == StepSettings(files, 7, 0)

    @pytest.mark.parametrize(
        ("name", "value", "message"),
        [
            ("AUDIT_FILES", "html", "AUDIT_FILES names 'html'; expected some of csv, parquet"),
            ("AUDIT_SIDE_BY_SIDE", "0", "side_by_side: Input should be greater than or equal to 1"),
            ("AUDIT_TOLERATED_PERCENTAGE", "x", "tolerated_percentage: Input should be a valid"),
        ],
    )
    def test_refused_settings(self, name: str, value: str, message: str) -> None:
        with pytest.raises(UsageError, match=message):
            StepSettings.from_environment({name: value})


class TestHandlers:
    """What AWS calls, on an account that moto makes up."""

    def test_one_after_the_other(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with mock_aws():
            monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
            monkeypatch.setenv("AUDIT_BUCKET", "reports")
            monkeypatch.setenv("AUDIT_ROLE", "Audit")
            monkeypatch.setenv("AUDIT_REPORTS", "instances")
            boto3.client("organizations").create_organization()
            boto3.client("s3").create_bucket(Bucket="reports")
            start = {"run": "r", "as_of": "2026-03-01T05:00:00Z"}
            listed = list_accounts(start, None)
            account = {
                "account_id": listed["own"],
                "name": "master",
                "state": "ACTIVE",
                "arn": f"arn:aws:organizations::{listed['own']}:account/o-1/{listed['own']}",
            }
            errand = {"run": "r", "own": listed["own"], "account": account, "attempt": 0}
            assert collect_account(errand, None)["complete"]
            made = make_report({**start, "report": "instances"}, None)
        assert (listed["count"], made["rows"], made["complete"]) == (1, 1, True)


def resources() -> dict[str, Any]:
    """Return the resources of the template; functions of CloudFormation as their text."""

    class Plain(yaml.SafeLoader):  # type: ignore[misc]  # It ships no types.
        """Reads what a short function is given."""

    Plain.add_multi_constructor("!", lambda loader, _, node: loader.construct_scalar(node))
    found: dict[str, Any] = yaml.load(TEMPLATE.read_text(), Plain)["Resources"]  # noqa: S506
    return found


class TestTemplate:
    """It fits the program, and each role may what its function does, and nothing more."""

    def test_the_functions_are_the_handlers(self) -> None:
        numbers = {"AUDIT_SIDE_BY_SIDE": "1", "AUDIT_TOLERATED_PERCENTAGE": "1"}
        known = numbers | {"AUDIT_FILES": "csv"}
        functions = {
            name: one["Properties"]
            for name, one in resources().items()
            if one["Type"] == "AWS::Lambda::Function"
        }
        assert functions.keys() == {"ListAccounts", "CollectAccount", "MakeReport"}
        for one in functions.values():
            module, _, name = one["Handler"].rpartition(".")
            assert module == aws_steps.__name__
            assert callable(getattr(aws_steps, name))
            # What is put under that key later is not what runs.
            assert one["Code"]["S3ObjectVersion"] == "CodeVersion"
            given = {key: str(value) for key, value in one["Environment"]["Variables"].items()}
            Order.from_environment(given)
            StepSettings.from_environment({key: known.get(key, "") for key in given})
        assert {*known} <= {
            key for one in functions.values() for key in one["Environment"]["Variables"]
        }

    def test_the_last_attempt_is_made(self) -> None:
        steps = definition(TEMPLATE, "Steps")["States"]["CollectAccounts"]["ItemProcessor"]
        (retrier,) = [
            one
            for one in steps["States"]["CollectAccount"]["Retry"]
            if one["ErrorEquals"] == [aws_steps.PassingTroubleError.__name__]
        ]
        assert retrier["MaxAttempts"] == LAST_ATTEMPT

    def test_objects(self, played: Played) -> None:
        roles = {"ListAccounts": "ListRole", "CollectAccount": "CollectRole"}
        for function in ("ListAccounts", "CollectAccount", "MakeReport"):
            (policy,) = resources()[roles.get(function, "ReportRole")]["Properties"]["Policies"]
            granted = {
                (action, resource)
                for one in policy["PolicyDocument"]["Statement"]
                for action in as_list(one["Action"])
                for resource in as_list(one["Resource"])
                if action in {"s3:GetObject", "s3:PutObject"}
            }
            sent = {(f"s3:{name}", key) for of, name, key in played.audit.objects if of == function}
            used = {
                (action, resource)
                for action, resource in granted
                for name, key in sent
                if name == action
                and fnmatch.fnmatchcase(key, resource.removeprefix("${Reports.Arn}/"))
            }
            assert used == granted
            assert all(
                any(
                    name == action
                    and fnmatch.fnmatchcase(key, resource.removeprefix("${Reports.Arn}/"))
                    for action, resource in granted
                )
                for name, key in sent
            )


def as_list(value: Any) -> list[str]:  # noqa: ANN401 - YAML
    return [value] if isinstance(value, str) else value


class TestListing:
    """What the list of accounts is, Step Functions reads."""

    def test_the_limits_of_the_settings_reach_the_machine(self) -> None:
        with Sandbox() as sandbox, reports_bucket() as bucket:
            fill(sandbox, 2)
            session = sandbox.session(account_id(0), "eu-central-1")
            audit = Audit(session, bucket)
            organization = audit.order.organization(session)
            given = {"run": "r", "as_of": "2026-03-01T06:00:00.5+01:00"}
            said = listing(
                given, audit.order, StepSettings(side_by_side=3), organization, audit.store("x")
            )
        assert (said.side_by_side, said.tolerated_percentage, said.count) == (3, 10, 2)
        assert said.as_of == "2026-03-01T05:00:00Z"
        assert said.accounts.key == "audit/results/r/accounts.json"
