"""What is hooked into the clients: turns, counts, the log, and what must not be sent.

The hooks run for every attempt, also for those the SDK makes by itself.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from botocore.parsers import ResponseParserError

from identity_reconciler.gateway.wire.errors import ForbiddenRequestError, is_throttle, retry_after

if TYPE_CHECKING:
    from botocore.client import BaseClient
    from botocore.model import OperationModel

    from identity_reconciler.gateway.wire.operations import ServiceOperation
    from identity_reconciler.gateway.wire.pacing import Pacer
    from identity_reconciler.gateway.wire.tally import Tally

_log = logging.getLogger(__name__)

_MOST_THROTTLES = 50
"""Throttled answers to one read after which it fails."""
_REDIRECTION = 300


def service_of(client: BaseClient) -> str:
    """Return the name of the client's service in events: "identitystore", "sso-admin", "sts"."""
    return client.meta.service_model.service_id.hyphenize()


class Announcer:
    """Tells each thread, if it wants to be told, that what it sends is about to go out."""

    def __init__(self) -> None:
        self._of_thread = threading.local()

    @contextmanager
    def announcing(self, begin: Callable[[], None]) -> Iterator[None]:
        """Call *begin* whenever this thread announces something in the block."""
        self._of_thread.begin = begin
        try:
            yield
        finally:
            del self._of_thread.begin

    def announce(self) -> None:
        """Say that this thread is about to send a request."""
        begin: Callable[[], None] | None = getattr(self._of_thread, "begin", None)
        if begin is not None:
            begin()


def wire(
    client: BaseClient, pacer: Pacer, tally: Tally, announcer: Announcer | None = None
) -> None:
    """Pace, count and log every request of *client*, and announce it where there is one to."""
    service = service_of(client)

    def before(operation_name: str, **_: object) -> None:
        waited = pacer.wait(service, operation_name)
        if announcer is not None:
            announcer.announce()
        tally.sent(service, operation_name, waited=waited)

    def after(
        event_name: str,
        response_dict: dict[str, Any] | None,
        parsed_response: dict[str, Any] | None,
        exception: Exception | None,
        **_: object,
    ) -> None:
        operation = event_name.rpartition(".")[2]
        if response_dict is None or parsed_response is None:
            tally.failed(service, operation)
            _log.debug("%s %s: no answer (%s)", service, operation, type(exception).__name__)
            return
        _log.debug("%s %s: %s", service, operation, _outcome(parsed_response))
        if is_throttle(parsed_response):
            tally.throttled(service, operation)
            pacer.throttled(service, operation, retry_after(parsed_response))
            return
        pacer.served(service, operation)
        if response_dict["status_code"] >= _REDIRECTION:
            tally.failed(service, operation)
        else:
            _require_whole(response_dict, parsed_response)

    # First, so that the signature is made after the wait and never expires during it.
    client.meta.events.register_first(f"request-created.{service}", before)
    client.meta.events.register(f"response-received.{service}", after)


def forbid_all_but(client: BaseClient, allowed: Iterable[ServiceOperation]) -> None:
    """Make *client* refuse, before anything is sent, whatever is not *allowed*."""
    service = service_of(client)
    names = frozenset(one.name for one in allowed if one.service == service)

    def refuse(model: OperationModel, **_: object) -> None:
        if model.name not in names:
            raise ForbiddenRequestError(
                f"{model.name} was about to be sent by a client that must not; this is an error "
                "in identity-reconciler, please report it; nothing was sent"
            )

    client.meta.events.register_first(f"before-parameter-build.{service}", refuse)


def requeue_throttled(client: BaseClient) -> None:
    """Make *client* send throttled requests again as soon as the pacer gives them a turn.

    The SDK would sleep at random beside the pacer, and after a hundred throttled answers it would
    give up: its retries draw on 500 tokens, five each. Source: botocore.retries.
    """

    def again(
        attempts: int, response: tuple[Any, dict[str, Any]] | None, **_: object
    ) -> float | None:
        if response is None or attempts >= _MOST_THROTTLES or not is_throttle(response[1]):
            return None
        return 0.0

    # The stubs do not know that the answers of this event are used.
    handler: Callable[..., Any] = again
    client.meta.events.register_first(f"needs-retry.{service_of(client)}", handler)


def _outcome(parsed: dict[str, Any]) -> str:
    status = parsed.get("ResponseMetadata", {}).get("HTTPStatusCode")
    code = parsed.get("Error", {}).get("Code")
    return f"{status} {code}" if code else f"{status}"


def _require_whole(response: dict[str, Any], parsed: dict[str, Any]) -> None:
    """Refuse a body that is cut off: botocore reads it as an answer without any member."""
    if not parsed.keys() <= {"ResponseMetadata"}:
        return
    body = response.get("body") or b"{}"
    try:
        json.loads(body)
    except ValueError as error:
        raise ResponseParserError("the answer is not complete") from error
