"""The template of the function fits the function, and grants it what it calls and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from moto.events.models import EventPattern

from identity_reconciler.errors import UsageError
from identity_reconciler.events.aws_lambda import handler
from identity_reconciler.events.calls import WATCHED
from identity_reconciler.events.dispatch import EventSettings
from tests.command import ROOT
from tests.unit.events.test_events import CALLS, record

TEMPLATE = ROOT / "identity_reconciler/templates/drift-events.yaml"


class _Tags(yaml.SafeLoader):  # type: ignore[misc]  # It ships no types.
    """Reads CloudFormation's short functions as mappings."""


def _function(loader: Any, tag: str, node: Any) -> dict[str, Any]:  # noqa: ANN401 - as yaml has it
    if isinstance(node, yaml.ScalarNode):
        return {tag: loader.construct_scalar(node)}
    if isinstance(node, yaml.SequenceNode):
        return {tag: loader.construct_sequence(node, deep=True)}
    return {tag: loader.construct_mapping(node, deep=True)}


_Tags.add_multi_constructor("!", _function)


@pytest.fixture(scope="module")
def resources() -> dict[str, Any]:
    loaded = yaml.load(TEMPLATE.read_text(), _Tags)  # noqa: S506 - builds only plain values
    return {name: one["Properties"] for name, one in loaded["Resources"].items()}


class TestTemplate:
    """Fits the program."""

    def test_the_rule_and_the_function_look_at_the_same_calls(
        self, resources: dict[str, Any]
    ) -> None:
        pattern = resources["Rule"]["EventPattern"]
        assert pattern["detail-type"] == ["AWS API Call via CloudTrail"]
        found = {one["eventSource"][0]: tuple(one["eventName"]) for one in pattern["detail"]["$or"]}
        assert {name: set(calls) for name, calls in found.items()} == {
            name: set(calls) for name, calls in WATCHED.items()
        }

    def test_the_rule_lets_through_what_the_function_reads(self, resources: dict[str, Any]) -> None:
        rule = EventPattern.load(json.dumps(resources["Rule"]["EventPattern"]))
        passes: Callable[[Any], bool] = rule.matches_event
        for source, name, given, answer, _ in CALLS:
            assert passes(record(source, name, given, answer)), name
            refused = record(source, name, given, errorCode="AccessDeniedException")
            assert not passes(refused), name
            assert not passes(record(source, "ListUsers", given)), name

    def test_the_handler_and_its_settings(self, resources: dict[str, Any]) -> None:
        function = resources["Function"]
        assert function["Handler"] == f"{handler.__module__}.{handler.__name__}"
        # What is put under that key later is not what runs.
        assert function["Code"]["S3ObjectVersion"] == {"Ref": "CodeVersion"}
        variables = function["Environment"]["Variables"]
        filled = {
            "EVENTS_REPOSITORY": "example/identity",
            "EVENTS_WORKFLOW": "check.yml",
            "EVENTS_BRANCH": "trunk",
            "EVENTS_TOKEN_SECRET": "arn:x",
            "EVENTS_OWN_ROLES": "arn:aws:iam::123456789012:role/x",
        }
        assert filled.keys() == variables.keys()
        settings = EventSettings.from_environment(filled)
        assert (settings.workflow, settings.branch) == ("check.yml", "trunk")
        for name in ("EVENTS_REPOSITORY", "EVENTS_TOKEN_SECRET", "EVENTS_OWN_ROLES"):
            with pytest.raises(UsageError, match=name):
                EventSettings.from_environment({**filled, name: ""})

    def test_the_role_may_no_more(self, resources: dict[str, Any]) -> None:
        (policy,) = resources["Role"]["Policies"]
        plain, conditional = [], []
        for one in policy["PolicyDocument"]["Statement"]:
            if "Fn::If" in one:
                conditional.append(one["Fn::If"][1])
            else:
                plain.append(one)
        assert {one["Sid"]: one["Action"] for one in plain} == {
            "TakeEvents": [
                "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage",
            ],
            "Token": "secretsmanager:GetSecretValue",
            "Log": ["logs:CreateLogStream", "logs:PutLogEvents"],
        }  # fmt: skip
        assert [one["Action"] for one in conditional] == ["kms:Decrypt"]
        assert all(one["Resource"] != "*" for one in (*plain, *conditional))

    def test_retries_end(self, resources: dict[str, Any]) -> None:
        queue, batches = resources["Queue"], resources["Batches"]
        assert queue["RedrivePolicy"]["maxReceiveCount"] == 5
        assert batches["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        # Source: Lambda developer guide, "Configuring scaling behavior for SQS event source
        # mappings": six times the timeout, and the window.
        longest = 300
        assert queue["VisibilityTimeout"] >= 6 * resources["Function"]["Timeout"] + longest
