"""No configured address of a service is followed: not for our requests, nor for credentials.

Whatever is configured points at a listener that must hear nothing. Requests to AWS go through a
proxy that notes their host and refuses them, so nothing leaves the machine.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.credentials import SSOProvider
from botocore.exceptions import BotoCoreError
from botocore.tokens import SSOTokenProvider

from identity_reconciler.gateway.wire.clients import make_session

REGION = "eu-west-1"
ROLE = "arn:aws:iam::111122223333:role/plan"


class Listener:
    """A port of this machine that answers nothing and keeps what it is told first."""

    def __init__(self) -> None:
        """Listen on any free port."""
        self.heard: list[str] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        while True:
            try:
                caller, _ = self._socket.accept()
            except OSError:
                return
            with caller:
                self.heard.append(caller.recv(4096).decode("latin-1").partition(" HTTP/")[0])
                caller.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

    def close(self) -> None:
        """Listen no longer."""
        # Closed alone it would go on, and hear what comes to whoever gets its number next.
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()


@dataclass(frozen=True)
class Wires:
    """Where requests may end up."""

    elsewhere: Listener
    """Where every configuration leads."""
    proxy: Listener
    """What all requests to AWS go through."""
    home: Path
    """Holds the configuration."""


@pytest.fixture
def wires(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Wires]:
    """Return two listeners and a home, and forget what is configured on the machine."""
    for name in [one for one in os.environ if one.startswith("AWS_")]:
        monkeypatch.delenv(name)
    found = Wires(Listener(), Listener(), tmp_path)
    for name, value in (
        ("AWS_CONFIG_FILE", str(tmp_path / "config")),
        ("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials")),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("AWS_DEFAULT_REGION", REGION),
        ("AWS_MAX_ATTEMPTS", "1"),
        ("AWS_PROFILE", "used"),
        ("HTTPS_PROXY", found.proxy.url),
        ("NO_PROXY", "127.0.0.1"),
    ):
        monkeypatch.setenv(name, value)
    # Where tokens are kept was found out when botocore was imported.
    for provider in (SSOProvider, SSOTokenProvider):
        monkeypatch.setattr(provider, "_SSO_TOKEN_CACHE_DIR", str(tmp_path))
    yield found
    found.elsewhere.close()
    found.proxy.close()


Environment = dict[str, str]


def web_identity(home: Path) -> tuple[str, Environment]:
    (home / "token").write_text("a.web.token")
    environment = {"AWS_WEB_IDENTITY_TOKEN_FILE": str(home / "token"), "AWS_ROLE_ARN": ROLE}
    return "", environment


def web_identity_of_a_profile(home: Path) -> tuple[str, Environment]:
    (home / "token").write_text("a.web.token")
    return f"web_identity_token_file = {home / 'token'}\nrole_arn = {ROLE}\n", {}


def assumed_role(home: Path) -> tuple[str, Environment]:
    (home / "credentials").write_text(
        "[base]\naws_access_key_id = AKIA\naws_secret_access_key = x\n"
    )
    return f"role_arn = {ROLE}\nsource_profile = base\n", {}


def _token(home: Path, key: str, expires: datetime) -> None:
    name = hashlib.sha1(key.encode()).hexdigest()  # noqa: S324 - as the AWS CLI names it
    token = {
        "accessToken": "token",
        "expiresAt": f"{expires:%Y-%m-%dT%H:%M:%SZ}",
        "clientId": "id",
        "clientSecret": "secret",
        "refreshToken": "refresh",
        "registrationExpiresAt": f"{datetime.now(UTC) + timedelta(days=9):%Y-%m-%dT%H:%M:%SZ}",
    }
    (home / f"{name}.json").write_text(json.dumps(token))


STORE = {"IdentityStoreId": "d-1234567890"}
START = "https://example.awsapps.com/start"


def sso(home: Path) -> tuple[str, Environment]:
    _token(home, START, datetime.now(UTC) + timedelta(hours=8))
    profile = (
        f"sso_start_url = {START}\nsso_region = {REGION}\n"
        "sso_account_id = 111122223333\nsso_role_name = plan\n"
    )
    return profile, {}


def sso_session(home: Path) -> tuple[str, Environment]:
    _token(home, "work", datetime.now(UTC) + timedelta(minutes=5))
    profile = (
        "sso_session = work\nsso_account_id = 111122223333\nsso_role_name = plan\n"
        f"[sso-session work]\nsso_start_url = {START}\nsso_region = {REGION}\n"
    )
    return profile, {}


def in_the_environment(home: Path, url: str) -> tuple[str, str, Environment]:
    del home
    services = ("", "_STS", "_SSO", "_SSO_OIDC", "_IDENTITYSTORE", "_SSO_ADMIN", "_ORGANIZATIONS")
    return "", "", {f"AWS_ENDPOINT_URL{service}": url for service in services}


def in_the_profile(home: Path, url: str) -> tuple[str, str, Environment]:
    del home
    return f"endpoint_url = {url}\n", "", {}


def among_services(home: Path, url: str) -> tuple[str, str, Environment]:
    del home
    names = ("sts", "sso", "sso_oidc", "identitystore", "sso_admin", "organizations")
    listed = "".join(f"{name} =\n  endpoint_url = {url}\n" for name in names)
    return "services = local\n", f"[services local]\n{listed}", {}


def among_models(home: Path, url: str) -> tuple[str, str, Environment]:
    """Rules of endpoints that stand in for those of botocore."""
    rule = {"conditions": [], "endpoint": {"url": url}, "type": "endpoint"}
    rules = {"version": "1.0", "parameters": {}, "rules": [rule]}
    for service, version in (
        ("sts", "2011-06-15"),
        ("sso", "2019-06-10"),
        ("sso-oidc", "2019-06-10"),
        ("identitystore", "2020-06-15"),
        ("sso-admin", "2020-07-20"),
        ("organizations", "2016-11-28"),
    ):
        folder = home / "models" / service / version
        folder.mkdir(parents=True)
        (folder / "endpoint-rule-set-1.json").write_text(json.dumps(rules))
    return "", "", {"AWS_DATA_PATH": str(home / "models")}


MakeSession = Callable[[str, Environment], boto3.Session]


@pytest.fixture(params=[in_the_environment, in_the_profile, among_services, among_models])
def session(
    request: pytest.FixtureRequest, wires: Wires, monkeypatch: pytest.MonkeyPatch
) -> MakeSession:
    """Return what makes our session where addresses are configured, with more of a profile."""
    configured: Callable[[Path, str], tuple[str, str, Environment]] = request.param
    in_profile, section, variables = configured(wires.home, wires.elsewhere.url)

    def make(profile: str, more: Environment) -> boto3.Session:
        text = f"[profile used]\n{in_profile}{profile}{section}"
        (wires.home / "config").write_text(text)
        for name, value in (variables | more).items():
            monkeypatch.setenv(name, value)
        return make_session()

    return make


class TestCredentials:
    """Wherever credentials come from, AWS is asked for them, however an address is configured."""

    @pytest.mark.parametrize(
        ("source", "host"),
        [
            (web_identity, "sts.eu-west-1.amazonaws.com"),
            (web_identity_of_a_profile, "sts.eu-west-1.amazonaws.com"),
            (assumed_role, "sts.eu-west-1.amazonaws.com"),
            (sso, "portal.sso.eu-west-1.amazonaws.com"),
            (sso_session, "oidc.eu-west-1.amazonaws.com"),
        ],
    )
    def test_they_are_asked_of_aws(
        self,
        source: Callable[[Path], tuple[str, Environment]],
        host: str,
        session: MakeSession,
        wires: Wires,
    ) -> None:
        credentials = session(*source(wires.home)).get_credentials()
        assert credentials is not None
        with pytest.raises(BotoCoreError):
            credentials.get_frozen_credentials()
        assert wires.elsewhere.heard == []
        assert set(wires.proxy.heard) == {f"CONNECT {host}:443"}


class TestRequests:
    """So are all services that we ask, and those that a session of ours is asked to."""

    @pytest.mark.parametrize(
        ("service", "ask", "host"),
        [
            ("sts", lambda one: one.get_caller_identity(), "sts.eu-west-1"),
            ("sso-admin", lambda one: one.list_instances(), "sso.eu-west-1"),
            ("identitystore", lambda one: one.list_users(**STORE), "identitystore.eu-west-1"),
            ("organizations", lambda one: one.list_accounts(), "organizations.us-east-1"),
            ("s3", lambda one: one.list_buckets(), "s3.eu-west-1"),
        ],
    )
    def test_they_are_sent_to_aws(
        self,
        service: str,
        ask: Callable[[Any], object],
        host: str,
        session: MakeSession,
        wires: Wires,
    ) -> None:
        made: Any = session("aws_access_key_id = AKIA\naws_secret_access_key = x\n", {})
        with pytest.raises(BotoCoreError):
            ask(made.client(service, REGION))
        assert wires.elsewhere.heard == []
        assert set(wires.proxy.heard) == {f"CONNECT {host}.amazonaws.com:443"}
