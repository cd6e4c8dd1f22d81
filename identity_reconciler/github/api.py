"""GitHub's REST API for a job: its token, all pages, and errors that say what is missing.

Source: docs.github.com, "REST API endpoints"; "Variables reference" for the environment.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

from urllib3 import BaseHTTPResponse, PoolManager, Retry, Timeout
from urllib3.exceptions import HTTPError

from identity_reconciler import __version__
from identity_reconciler.errors import ReconcilerError, UsageError

_ATTEMPTS = 4
_LONGEST_WAIT = 60
"""Seconds to wait at most where GitHub asks to; a job has not much more."""
_TIMEOUT = Timeout(connect=10, read=60)
_PAGE = 100
"""Objects a page at most. Source: "Using pagination in the REST API"."""
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
"""The names of this machine, which nothing has to be encrypted to."""
_BAD, _FORBIDDEN, _NOT_FOUND, _TOO_MANY = 400, 403, 404, 429
Json = Any
"""What GitHub answered; each caller looks at what it needs."""


class GithubError(ReconcilerError):
    """GitHub could not be asked, or refused."""


@dataclass(frozen=True, slots=True)
class Job:
    """Where a job runs, as its environment says."""

    api: str
    repository: str
    """OWNER/NAME."""
    server: str
    run_id: str
    token: str = field(repr=False)

    @property
    def run_url(self) -> str:
        """The page of the run."""
        return f"{self.server}/{self.repository}/actions/runs/{self.run_id}"


def job_of(environment: Mapping[str, str] = os.environ) -> Job:
    """Return the job that *environment* describes.

    Raises:
        UsageError: There is none, or its API is not reached over TLS.
    """
    names = ("API_URL", "REPOSITORY", "SERVER_URL", "RUN_ID", "TOKEN")
    missing = [f"GITHUB_{name}" for name in names if not environment.get(f"GITHUB_{name}")]
    if missing:
        raise UsageError(
            f"this is for a job on GitHub, and {', '.join(missing)} "
            f"{'is' if len(missing) == 1 else 'are'} not set; the job gives GITHUB_TOKEN to the "
            "step by `env`"
        )
    api, repository, server, run_id, token = (environment[f"GITHUB_{name}"] for name in names)
    address = urlsplit(api)
    if address.scheme != "https" and address.hostname not in LOOPBACK:
        raise UsageError(f"GITHUB_API_URL is {api}; the token is only sent over https")
    return Job(api.rstrip("/"), repository, server.rstrip("/"), run_id, token)


class _Patience(Retry):
    """Also waits for GitHub's secondary limits, which answer with 403; never for long."""

    def is_retry(self, method: str, status_code: int, has_retry_after: bool = False) -> bool:  # noqa: FBT001, FBT002 - as urllib3 has it
        """See Retry."""
        # Source: "Rate limits for the REST API".
        limited = status_code == _FORBIDDEN and has_retry_after and method == "GET"
        return limited or super().is_retry(method, status_code, has_retry_after)

    def get_retry_after(self, response: BaseHTTPResponse) -> float | None:
        """See Retry."""
        asked = super().get_retry_after(response)
        return None if asked is None else min(asked, _LONGEST_WAIT)


class Github:
    """The repository of a job. Reads are repeated when GitHub is busy, writes never."""

    def __init__(self, job: Job) -> None:
        self._job = job
        retry = _Patience(
            _ATTEMPTS,
            allowed_methods=frozenset({"GET"}),
            status_forcelist=frozenset({429, 500, 502, 503, 504}),
            backoff_factor=0.5,
            raise_on_status=False,
        )
        # urllib3 takes Authorization off when a redirect leads to another host.
        self._http = PoolManager(
            retries=retry,
            timeout=_TIMEOUT,
            headers={
                "Accept": "application/vnd.github+json",
                "Authorization": f"Bearer {job.token}",
                "User-Agent": f"identity-reconciler/{__version__}",
                "X-GitHub-Api-Version": "2022-11-28",
            },
        )

    def get(self, path: str, **query: str) -> Json:
        """Return the object at *path* below the repository."""
        return _parsed(self._asked("GET", f"{self._url(path)}?{urlencode(query)}"))

    def listed(self, path: str, key: str | None = None, **query: str) -> Iterator[Json]:
        """Yield the objects of every page; *key* is where a page keeps them, if it is an object."""
        url = f"{self._url(path)}?{urlencode({**query, 'per_page': str(_PAGE)})}"
        while url:
            answer = self._asked("GET", url)
            page = _parsed(answer)
            yield from page[key] if key else page
            url = _next(answer.headers.get("Link", ""))
            if url and not url.startswith(f"{self._job.api}/"):
                raise GithubError(f"GitHub: the next page of {path} is somewhere else: {url}")

    def send(self, method: str, path: str, body: Json = None, *, known: int = 0) -> Json:
        """Send *body*; an answer with the status *known* is no error, and None."""
        answer = self._asked(method, self._url(path), body, known)
        if answer.status == known:
            return None
        return _parsed(answer) if answer.data else None

    def download(self, path: str, longest: int) -> bytes:
        """Return the file at *path*.

        Raises:
            GithubError: It has more than *longest* bytes.
        """
        answer = self._asked("GET", self._url(path), whole=False)
        try:
            # One byte more than allowed shows that there is too much, without reading it all.
            content = answer.read(longest + 1, decode_content=False)
        except HTTPError as error:
            raise GithubError(f"GitHub: {path} broke off: {type(error).__name__}") from error
        finally:
            answer.close()
        if len(content) > longest:
            raise GithubError(f"GitHub: {path} has more than {longest} bytes")
        return content

    def _url(self, path: str) -> str:
        return f"{self._job.api}/repos/{self._job.repository}{path}"

    def _asked(
        self, method: str, url: str, body: Json = None, known: int = 0, *, whole: bool = True
    ) -> BaseHTTPResponse:
        """Return the answer; with its content, if the *whole* of it is wanted."""
        content = None if body is None else json.dumps(body).encode()
        path = url.removeprefix(self._job.api).partition("?")[0]
        try:
            answer = self._http.request(method, url, body=content, preload_content=whole)
        except HTTPError as error:
            kind = type(getattr(error, "reason", error)).__name__
            raise GithubError(f"GitHub could not be asked: {method} {path}: {kind}") from error
        if answer.status >= _BAD and answer.status != known:
            raise GithubError(f"GitHub refused {method} {path}: {_reason(answer)}")
        return answer


def _parsed(answer: BaseHTTPResponse) -> Json:
    try:
        return answer.json()
    except ValueError as error:
        raise GithubError(
            f"GitHub answered {answer.status} with something that is not JSON; is GITHUB_API_URL "
            "the address of its API?"
        ) from error


def _reason(answer: BaseHTTPResponse) -> str:
    try:
        said = str(answer.json().get("message", ""))
    except (ValueError, AttributeError):
        said = ""
    waiting = "Retry-After" in answer.headers or answer.headers.get("X-RateLimit-Remaining") == "0"
    if answer.status == _TOO_MANY or (answer.status == _FORBIDDEN and waiting):
        return f"{answer.status} {said}; it is asked too often: run the job again later"
    if answer.status in {401, _FORBIDDEN, _NOT_FOUND}:
        # GitHub says so with this header. Source: "Troubleshooting the REST API".
        needed = answer.headers.get("X-Accepted-GitHub-Permissions", "")
        hint = _permissions(needed) or "what the workflows of `init --github` grant it"
        return f"{answer.status} {said}; does the job have {hint} among its permissions?"
    return f"{answer.status} {said}"


def _permissions(needed: str) -> str:
    """Return permissions as a workflow spells them: `pull-requests: write`."""
    spelled = (one.strip().replace("_", "-").replace("=", ": ") for one in needed.split(";"))
    return " or ".join(f"`{one}`" for one in spelled if one)


def _next(links: str) -> str:
    """Return the address of the next page from a Link header, or nothing."""
    for link in links.split(","):
        address, _, relation = link.partition(";")
        if 'rel="next"' in relation:
            return address.strip().strip("<>")
    return ""
