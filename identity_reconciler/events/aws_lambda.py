"""The function of AWS Lambda between the queue of events and GitHub.

`handler` is what AWS calls, with a batch of the queue: one check for all of it. The settings are
environment variables, see `EventSettings`; the template `templates/drift-events.yaml` sets them.
A message whose event could not be read, and every one of a check that could not be started, is
told to SQS as failed, which gives it again for as often as the queue says, and then puts it aside.
What is returned and logged are counts.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypedDict

from identity_reconciler.core.object_ids import ObjectIds
from identity_reconciler.errors import ReconcilerError, UsageError
from identity_reconciler.events.calls import MalformedEventError, Relevance, seen
from identity_reconciler.events.dispatch import EventSettings, start
from identity_reconciler.gateway.wire.clients import make_session


class SecretsClient(Protocol):
    """As much of the client of AWS Secrets Manager as is needed."""

    def get_secret_value(self, *, SecretId: str) -> Mapping[str, Any]:  # noqa: N803 - as boto3 has it
        """Return the secret. Source: GetSecretValue."""
        ...


class FailedItem(TypedDict):
    """A message that is to be given again."""

    itemIdentifier: str


class BatchAnswer(TypedDict):
    """What Lambda tells SQS. Source: Lambda developer guide, "Reporting batch item failures"."""

    batchItemFailures: list[FailedItem]


@dataclass(slots=True)
class Batch:
    """What a batch came to, in counts and identifiers; the latter are not logged."""

    counts: Counter[str] = field(default_factory=Counter)
    """Messages by what became of them: `watched`, `ours`, `failed`, `unwatched`, `unknown` (of a
    watched call, but not of what), `malformed`."""
    watched: dict[str, ObjectIds] = field(default_factory=dict)
    """What is to be checked, by the ids of messages."""
    malformed: list[str] = field(default_factory=list)
    """Ids of messages."""


def read_batch(event: object, own_roles: Sequence[str]) -> Batch:
    """Return what the messages of *event* are about.

    Raises:
        UsageError: It is no batch of messages.
    """
    records = event.get("Records") if isinstance(event, Mapping) else None
    if not isinstance(records, list):
        raise UsageError("this is no batch of SQS; expected Records")
    batch = Batch()
    for record in records:
        name = str(record["messageId"])
        try:
            call = seen(json.loads(record["body"]), own_roles)
        except (MalformedEventError, ValueError):
            batch.counts["malformed"] += 1
            batch.malformed.append(name)
            continue
        unknown = call.relevance is Relevance.WATCHED and call.ids is None
        batch.counts["unknown" if unknown else call.relevance.name.lower()] += 1
        if call.ids is not None:
            batch.watched[name] = call.ids
    return batch


def handled(event: object, settings: EventSettings, secrets: SecretsClient) -> BatchAnswer:
    """Start one check for all of *event*, if anything in it needs one.

    Raises:
        UsageError: It is no batch of messages.
    """
    batch = read_batch(event, settings.own_roles)
    told: dict[str, Any] = {**batch.counts}
    failed = list(batch.malformed)
    if batch.watched:
        objects = set(batch.watched.values())
        told["objects"] = len(objects)
        try:
            token = secrets.get_secret_value(SecretId=settings.token_secret)["SecretString"]
            told["check"] = "whole" if start(settings, token.strip(), objects) else "targeted"
        except Exception as error:  # noqa: BLE001 - whatever it is, the events must be given again
            # What AWS says of a secret names it; what GitHub says is of no person.
            told["check"] = "not started"
            told["error"] = str(error) if isinstance(error, ReconcilerError) else _kind(error)
            failed += batch.watched
    _log(told)
    return {"batchItemFailures": [{"itemIdentifier": one} for one in failed]}


def _kind(error: Exception) -> str:
    return type(error).__name__


def _log(told: Mapping[str, Any]) -> None:
    # What a function prints is what it logs.
    os.write(1, (json.dumps(told, sort_keys=True) + "\n").encode())


def handler(event: object, context: object) -> BatchAnswer:
    """See `handled`. For AWS Lambda."""
    del context
    settings = EventSettings.from_environment(os.environ)
    return handled(event, settings, make_session().client("secretsmanager"))
