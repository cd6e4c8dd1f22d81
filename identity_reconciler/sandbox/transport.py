"""boto3 sessions whose requests are answered here and never reach the network.

A `before-send` handler on the session's own events turns the request that botocore has signed
into an answer in the wire format. Nothing is patched, and other sessions are not affected.
"""

from __future__ import annotations

import copy
import functools
import os
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import boto3
import botocore.session
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config
from botocore.exceptions import ConnectionClosedError
from botocore.handlers import BUILTIN_HANDLERS, REGISTER_FIRST, REGISTER_LAST
from botocore.hooks import HierarchicalEmitter

from identity_reconciler.sandbox.accounts import access_key_of
from identity_reconciler.sandbox.errors import LostResponseError, RefusedRequestError
from identity_reconciler.sandbox.messages import HttpRequest, HttpResponse

_HOSTS = frozenset({"identitystore", "sso", "sts", "organizations", "account-access"})
_SERVICES = (_HOSTS - {"sso"}) | {"sso-admin"}
"""The same as botocore names them in events."""
_NO_CONFIGURATION = {
    # Configuration file key, environment variable, default, conversion.
    "profile": (None, None, None, None),
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
    "use_fips_endpoint": (None, None, None, None),
    "use_dualstack_endpoint": (None, None, None, None),
}
_DOMAINS = (".amazonaws.com", ".api.aws", ".amazonaws.com.cn")

Respond = Callable[[HttpRequest], HttpResponse]


class _Body:
    """The body of an answer as botocore reads it."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self, **_: object) -> Iterator[bytes]:
        """Yield the content."""
        yield self._content


@functools.cache
def _loader() -> object:
    """Return what reads botocore's models, once for all sessions: it takes 50 ms each time."""
    loader: object = botocore.session.Session().get_component("data_loader")
    return loader


@functools.cache
def _builtin_handlers() -> HierarchicalEmitter:
    """Return what botocore hangs on the events of every session, to be copied.

    Without what is for other services: each client copies all of it, and most is.
    """
    emitter = HierarchicalEmitter()
    session = botocore.session.Session(event_hooks=emitter, include_builtin_handlers=False)
    events: Any = session.get_component("event_emitter")
    ways = {REGISTER_FIRST: events.register_first, REGISTER_LAST: events.register_last}
    for name, handler, *when in BUILTIN_HANDLERS:
        kind, _, rest = name.partition(".")
        if kind != "docs" and (not rest or rest.split(".")[0] in {"*", *_SERVICES}):
            register = ways[when[0]] if when else events.register
            register(name, handler)
    return emitter


def session(respond: Respond, account: str, region: str) -> boto3.Session:
    """Return a session of *account* in *region* whose clients are answered by *respond*.

    Profiles, credentials and endpoints configured on the machine have no effect on it.
    """
    # The stubs of botocore do not know every parameter of Config, nor that a handler may answer.
    config: Any = Config
    core = botocore.session.Session(
        session_vars=_NO_CONFIGURATION,
        event_hooks=copy.copy(_builtin_handlers()),
        include_builtin_handlers=False,
    )
    core.register_component("data_loader", _loader())
    core.set_default_client_config(config(ignore_configured_endpoint_urls=True))
    result = boto3.Session(
        aws_access_key_id=access_key_of(account),
        aws_secret_access_key="sandbox",  # noqa: S106 - signatures are not verified
        region_name=region,
        botocore_session=core,
    )

    def answer(request: AWSPreparedRequest, **_: object) -> AWSResponse:
        return _answer(respond, request)

    events: Any = result.events
    events.register("before-send", answer)
    return result


def _answer(respond: Respond, request: AWSPreparedRequest) -> AWSResponse:
    host = urlsplit(request.url).hostname or ""
    if host.partition(".")[0] not in _HOSTS or not host.endswith(_DOMAINS):
        raise RefusedRequestError(
            f"The sandbox does not stand in for {host}; the request was not sent."
        )
    body: Any = request.body or b""
    try:
        response = respond(
            HttpRequest(
                request.method,
                request.url,
                {name.lower(): _text(value) for name, value in request.headers.items()},
                body.encode() if isinstance(body, str) else bytes(body),
            )
        )
    except LostResponseError as error:
        raise ConnectionClosedError(endpoint_url=request.url, error=error) from error
    headers: Any = response.headers
    return AWSResponse(request.url, response.status, headers, _Body(response.body))


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
