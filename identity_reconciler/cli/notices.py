"""Tell people elsewhere what came of a command, when that is known, and change nothing by it."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from identity_reconciler.cli.connection import workspace
from identity_reconciler.cli.output import complain
from identity_reconciler.errors import ReconcilerError
from identity_reconciler.notify.shapes import Shape

if TYPE_CHECKING:
    from identity_reconciler.notify.notice import Event, Told
    from identity_reconciler.notify.webhook import Webhook


@dataclass(frozen=True, slots=True)
class Receiver:
    """Whom to tell, if anybody, and how much of people."""

    webhook: Webhook | None
    names: bool


def telling(url: str | None, *, names: bool, shape: Shape) -> Receiver:
    """Return whom to tell.

    Raises:
        UsageError: Nobody could be told there; before anything is done.
    """
    if not url:
        return Receiver(None, names)
    from identity_reconciler.notify.webhook import webhook_of

    return Receiver(webhook_of(url, os.environ, shape), names)


@contextmanager
def told_to(one: Receiver, event: Event) -> Iterator[Told]:
    """Tell *one*, if anybody, what the block notes down, however it ends.

    Nothing that goes wrong by that changes how it ends. What nobody took is kept in a file.
    """
    from identity_reconciler.notify.notice import Told

    told = Told(event)
    try:
        yield told
    except ReconcilerError as error:
        told.exit_code = int(error.exit_code)
        raise
    finally:
        if one.webhook is not None and told.is_worth_it:
            _tell(one.webhook, told, names=one.names)


def _tell(webhook: Webhook, told: Told, *, names: bool) -> None:
    from identity_reconciler.notify.notice import NoticeTerms, notice
    from identity_reconciler.notify.shapes import body_of
    from identity_reconciler.notify.webhook import NotDeliveredError, deliver

    terms = NoticeTerms(secrets.token_hex(16), datetime.now(UTC), run_of(os.environ), names)
    document = notice(told, terms).model_dump(mode="json", exclude_none=True)
    body = body_of(document, webhook.shape)
    try:
        deliver(webhook, body)
    except NotDeliveredError as error:
        _keep(body, f"{terms.at:%Y%m%dT%H%M%SZ}-{told.event}-{terms.id[:8]}.json", str(error))
    except KeyboardInterrupt:
        _keep(body, f"{terms.at:%Y%m%dT%H%M%SZ}-{told.event}-{terms.id[:8]}.json", "stopped")


def _keep(body: bytes, name: str, why: str) -> None:
    from identity_reconciler.desired.writing.replacement import replace_file

    lost = f"the notice was not delivered: {why}"
    try:
        path = workspace() / "undelivered" / name
        path.parent.mkdir(mode=0o700, exist_ok=True)
        replace_file(path, body, private=True)
    except (ReconcilerError, OSError) as error:
        complain(f"{lost}; nor could it be kept: {error}")
    else:
        complain(f"{lost}; it is kept in {path}")


def run_of(environment: Mapping[str, str]) -> str | None:
    """Return the page of the job that *environment* describes, on GitHub or GitLab, if any."""
    parts = [environment.get(f"GITHUB_{name}") for name in ("SERVER_URL", "REPOSITORY", "RUN_ID")]
    if all(parts):
        server, repository, run = parts
        return f"{server}/{repository}/actions/runs/{run}"
    return environment.get("CI_JOB_URL") or None
