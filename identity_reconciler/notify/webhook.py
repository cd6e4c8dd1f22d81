"""Send a notice to a webhook: signed, over TLS, to that very address, and never for long.

The address is a secret: whoever knows it may write where it leads. Nothing here says more of it
than scheme and host.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

from urllib3 import PoolManager, Timeout
from urllib3.exceptions import HTTPError

from identity_reconciler import __version__
from identity_reconciler.errors import ReconcilerError, UsageError
from identity_reconciler.github.api import LOOPBACK
from identity_reconciler.notify.shapes import Shape

URL_VARIABLE = "IDENTITY_RECONCILER_NOTIFY"
SECRET_VARIABLE = "IDENTITY_RECONCILER_NOTIFY_SECRET"  # noqa: S105 - the name of one
TIMESTAMP = "X-Identity-Reconciler-Timestamp"
SIGNATURE = "X-Identity-Reconciler-Signature"
_SHORTEST_SECRET = 16
_BAD, _TOO_MANY, _BROKEN = 300, 429, 500


class NotDeliveredError(ReconcilerError):
    """Nobody has taken the notice; why stands in the message, and nothing of the address."""


@dataclass(frozen=True, slots=True)
class Limits:
    """For how long is tried, in seconds."""

    overall: float = 6.0
    """From the first moment to the last, whatever the receiver does."""
    connect: float = 2.0
    read: float = 3.0
    pauses: tuple[float, ...] = (0.3, 1.0)
    """Before the second attempt, and before the third, which is the last."""


LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where notices go."""

    url: str = field(repr=False)
    secret: str | None = field(repr=False)
    """What they are signed with; None: they are not."""
    shape: Shape

    @property
    def place(self) -> str:
        """Scheme and host, all that may be said of the address."""
        return _place(urlsplit(self.url))


def webhook_of(url: str, environment: Mapping[str, str], shape: Shape) -> Webhook:
    """Return the webhook at *url*, with the secret that *environment* holds.

    Raises:
        UsageError: It is not reached over TLS, or what it takes cannot be signed.
    """
    secret = environment.get(SECRET_VARIABLE) or None
    try:
        address = urlsplit(url)
        host, _ = address.hostname, address.port
    except ValueError:
        raise UsageError(f"--notify is no URL; expected {_EXPECTED}") from None
    local = address.scheme == "http" and host in LOOPBACK
    if not host or not (address.scheme == "https" or local):
        raise UsageError(f"--notify leads to {_place(address)}; expected {_EXPECTED}")
    if address.username is not None or address.password is not None:
        raise UsageError("--notify holds a user or password; expected a URL without, for a webhook")
    if shape is Shape.JSON and secret is None:
        raise UsageError(
            f"notices are signed, and {SECRET_VARIABLE} is not set; set it to what the receiver "
            "checks them with, or give --notify-as slack or teams, whose addresses are secret"
        )
    if secret is not None and len(secret) < _SHORTEST_SECRET:
        raise UsageError(
            f"{SECRET_VARIABLE} has {len(secret)} characters; expected {_SHORTEST_SECRET} or more"
        )
    return Webhook(url, secret, shape)


_EXPECTED = f"https://, or http:// and localhost; better set {URL_VARIABLE} than give it here"


def _place(address: SplitResult) -> str:
    return f"{address.scheme or 'no scheme'}://{address.hostname or ''}"


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """Return what the header holds: HMAC-SHA256 over *timestamp*, a dot and *body*."""
    signed = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256)
    return f"v1={signed.hexdigest()}"


def deliver(webhook: Webhook, body: bytes, limits: Limits = LIMITS) -> None:
    """Send *body*, up to three times while the receiver cannot be reached or is busy.

    Proxies that the environment names are not asked, and redirects are not followed.

    Raises:
        NotDeliveredError: It was not taken within the limits.
    """
    # Below that it writes out addresses.
    logging.getLogger("urllib3").setLevel(logging.WARNING)
    ended: list[str | None] = []
    # What cannot be bounded, a look-up of a name or an answer byte by byte, ends with the process.
    sending = threading.Thread(
        target=lambda: ended.append(_attempts(webhook, body, limits)), name="notice", daemon=True
    )
    sending.start()
    sending.join(limits.overall)
    failure = ended[0] if ended else f"no answer within {limits.overall:g} s"
    if failure is not None:
        raise NotDeliveredError(f"{webhook.place}: {failure}")


def _attempts(webhook: Webhook, body: bytes, limits: Limits) -> str | None:
    """Return why *body* was not taken at the last attempt, or None: it was."""
    until = time.monotonic() + limits.overall
    failure: str | None = None
    with PoolManager(retries=False) as http:
        for pause in _pauses(limits):
            if time.monotonic() + pause >= until:
                break
            time.sleep(pause)
            failure, again = _attempt(http, webhook, body, limits)
            if not again:
                break
    return failure


def _pauses(limits: Limits) -> Iterator[float]:
    yield 0.0
    yield from limits.pauses


def _attempt(
    http: PoolManager, webhook: Webhook, body: bytes, limits: Limits
) -> tuple[str | None, bool]:
    """Return why *body* was not taken, if it was not, and whether to try again."""
    headers = {"Content-Type": "application/json", "User-Agent": _AGENT}
    if webhook.secret is not None:
        timestamp = str(int(time.time()))
        headers[TIMESTAMP] = timestamp
        headers[SIGNATURE] = signature(webhook.secret, timestamp, body)
    try:
        answer = http.request(
            "POST",
            webhook.url,
            body=body,
            headers=headers,
            timeout=Timeout(connect=limits.connect, read=limits.read),
            redirect=False,
            preload_content=False,
        )
    except (HTTPError, OSError, ValueError) as error:
        # Their texts hold the address.
        return type(getattr(error, "reason", None) or error).__name__, True
    answer.close()
    if answer.status < _BAD:
        return None, False
    again = answer.status >= _BROKEN or answer.status == _TOO_MANY
    moved = ", a redirect, which is not followed" if answer.status < _REFUSED else ""
    return f"answered {answer.status}{moved}", again


_AGENT = f"identity-reconciler/{__version__}"
_REFUSED = 400
