"""A small GitHub: one repository in memory, asked over HTTP, as strict about permissions."""

from __future__ import annotations

import base64
import io
import json
import re
import threading
import zipfile
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

Json = dict[str, Any]
_BOT = "github-actions[bot]"
_STORAGE = "/storage/"


class GithubService(AbstractContextManager["GithubService"]):
    """Serves one repository until its block ends."""

    def __init__(self, repository: str) -> None:
        self.repository = repository
        self.comments: dict[int, list[Json]] = defaultdict(list)
        """Those of pull requests and issues, by number."""
        self.labels: dict[int, set[str]] = defaultdict(set)
        self.known_labels: dict[str, Json] = {}
        self.issues: dict[int, Json] = {}
        self.pulls: list[Json] = []
        self.branches: dict[str, dict[str, str]] = {}
        """The files that were put on each branch that was made, by its reference."""
        self.changed: dict[int, list[Json]] = defaultdict(list)
        """Files that pull requests change, by number."""
        self.events: dict[int, list[Json]] = defaultdict(list)
        """What happened to pull requests, by number."""
        self.runs: list[Json] = []
        self.dispatched: list[Json] = []
        """What was sent to start workflows, each with the file of its workflow."""
        self.artifacts: dict[int, list[tuple[str, bytes]]] = defaultdict(list)
        self.asked: list[str] = []
        """Method and path of every request."""
        self.faults: list[int] = []
        """Statuses to answer with, once each, and `Retry-After: 0`, before anything works."""
        self.expired: set[int] = set()
        """Runs whose artifacts have expired."""
        self.page = 2
        """Objects a page: few, so that every list has several."""
        self._tokens: dict[str, tuple[str, Mapping[str, str]]] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """Where its API is."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def token(self, permissions: Mapping[str, str], login: str = _BOT) -> str:
        """Return a token that may do no more than *permissions*."""
        token = f"ghs_{len(self._tokens):036}"
        self._tokens[token] = (login, permissions)
        return token

    def environment(self, **permissions: str) -> dict[str, str]:
        """Return the variables of a job with *permissions*; `_` stands for `-`."""
        granted = {name.replace("_", "-"): level for name, level in permissions.items()}
        return {
            "GITHUB_API_URL": self.url,
            "GITHUB_REPOSITORY": self.repository,
            "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_RUN_ID": "7",
            "GITHUB_TOKEN": self.token(granted),
        }

    def labels_of(self, number: int) -> set[str]:
        """Return the labels of a pull request."""
        return self.labels[number]

    def add_comment(self, number: int, login: str, body: str) -> None:
        """Let somebody comment."""
        identifier = sum(map(len, self.comments.values())) + 1
        self.comments[number].append(
            {"id": identifier, "user": {"login": login}, "body": body.strip()}
        )

    def add_pull(
        self, head: str, branch: str = "change", *, commit: str | None = None, base: str = "main"
    ) -> Json:
        """Add a pull request of *branch*, which is at *head*; merged as *commit*, if any."""
        pull: Json = {
            "number": len(self.pulls) + 1,
            "created_at": "2025-12-31T00:00:00Z",
            "closed_at": commit and "2026-01-01T01:00:00Z",
            "merged_at": commit and "2026-01-01T01:00:00Z",
            "merge_commit_sha": commit,
            "head": {"sha": head, "ref": branch, "label": f"example:{branch}"},
            "base": {"ref": base},
        }
        self.pulls.append(pull)
        return pull

    def add_run(self, head: str, *, conclusion: str = "success", fork: bool = False) -> int:
        """Add a run of plan.yml for *head*, at the minute that its number is; return its id."""
        number = len(self.runs) + 1
        self.runs.append(
            {
                "id": number,
                "event": "pull_request",
                "head_sha": head,
                "head_branch": "change",
                "path": ".github/workflows/plan.yml",
                "conclusion": conclusion,
                "created_at": f"2026-01-01T00:{number:02}:00Z",
                "repository": {"full_name": self.repository},
                "head_repository": {"full_name": "stranger/x" if fork else self.repository},
            }
        )
        return number

    def add_artifact(self, run: int, name: str, path: Path, member: str = "plan.json") -> None:
        """Add a file as an artifact of a run."""
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr(member, path.read_bytes())
        self.artifacts[run].append((name, buffer.getvalue()))

    def answer(self, method: str, url: str, token: str, body: Json) -> tuple[int, Any, Json]:
        """Return status, content and headers."""
        address = urlsplit(url)
        self.asked.append(f"{method} {address.path}")
        if self.faults:
            return self.faults.pop(0), {"message": "busy"}, {"Retry-After": "0"}
        if address.path.startswith(_STORAGE):
            return *_stored(self, address.path, token), {}
        if token not in self._tokens:
            return 401, {"message": "Bad credentials"}, {}
        login, granted = self._tokens[token]
        path = address.path.removeprefix(f"/repos/{self.repository}")
        query = {name: values[0] for name, values in parse_qs(address.query).items()}
        for verb, pattern, needed, route in _ROUTES:
            if verb == method and (match := re.fullmatch(pattern, path)):
                if not any(granted.get(one) in _enough(level) for one, level in needed):
                    refused = {"message": "Resource not accessible by integration"}
                    return 403, refused, {"X-Accepted-GitHub-Permissions": _accepted(needed)}
                status, content = route(self, login, {**query, **match.groupdict()}, body)
                return status, content, {"Location": content} if status == 302 else {}
        return 404, {"message": "Not Found"}, {}


def _accepted(needed: tuple[tuple[str, str], ...]) -> str:
    return "; ".join(f"{name.replace('-', '_')}={level}" for name, level in needed)


def _enough(level: str) -> set[str]:
    return {"write"} if level == "write" else {"read", "write"}


def _comments(service: GithubService, _: str, asked: Json, __: Json) -> tuple[int, Any]:
    return 200, service.comments[int(asked["number"])]


def _comment(service: GithubService, login: str, asked: Json, body: Json) -> tuple[int, Any]:
    assert len(body["body"]) <= 65_536
    service.add_comment(int(asked["number"]), login, body["body"])
    return 201, service.comments[int(asked["number"])][-1]


def _edit(service: GithubService, login: str, asked: Json, body: Json) -> tuple[int, Any]:
    for comments in service.comments.values():
        for one in comments:
            if one["id"] == int(asked["id"]):
                assert one["user"]["login"] == login
                one["body"] = body["body"].strip()
                return 200, one
    return 404, {"message": "Not Found"}


def _labels(service: GithubService, _: str, asked: Json, __: Json) -> tuple[int, Any]:
    return 200, [{"name": name} for name in sorted(service.labels[int(asked["number"])])]


def _add_labels(service: GithubService, _: str, asked: Json, body: Json) -> tuple[int, Any]:
    assert set(body["labels"]) <= service.known_labels.keys()
    service.labels[int(asked["number"])] |= set(body["labels"])
    return 200, []


def _take_label(service: GithubService, _: str, asked: Json, __: Json) -> tuple[int, Any]:
    service.labels[int(asked["number"])].discard(asked["name"])
    return 200, []


def _make_label(service: GithubService, _: str, __: Json, body: Json) -> tuple[int, Any]:
    if body["name"] in service.known_labels:
        return 422, {"message": "Validation Failed"}
    service.known_labels[body["name"]] = body
    return 201, body


def _issues(service: GithubService, _: str, asked: Json, __: Json) -> tuple[int, Any]:
    found = [
        one
        for one in service.issues.values()
        if one["state"] == asked.get("state", "open")
        and one["user"]["login"] == asked.get("creator", one["user"]["login"])
    ]
    return 200, found


def _open_issue(service: GithubService, login: str, _: Json, body: Json) -> tuple[int, Any]:
    number = 100 + len(service.issues)
    made = {**body, "number": number, "state": "open", "user": {"login": login}}
    service.issues[number] = made
    return 201, made


def _edit_issue(service: GithubService, login: str, asked: Json, body: Json) -> tuple[int, Any]:
    issue = service.issues[int(asked["number"])]
    assert issue["user"]["login"] == login
    issue.update(body)
    return 200, issue


def _pulls(service: GithubService, _: str, __: Json, ___: Json) -> tuple[int, Any]:
    return 200, service.pulls


def _pulls_of_branch(service: GithubService, _: str, asked: Json, __: Json) -> tuple[int, Any]:
    if asked["state"] == "open":
        return 200, [one for one in service.pulls if one.get("state") == "open"]
    assert asked["state"] == "all"
    return 200, [one for one in service.pulls if one["head"]["label"] == asked["head"]]


def _make_branch(service: GithubService, _: str, __: Json, body: Json) -> tuple[int, Any]:
    if body["ref"] in service.branches:
        return 422, {"message": "Reference already exists"}
    assert body["ref"].startswith("refs/heads/")
    service.branches[body["ref"]] = {}
    return 201, {"ref": body["ref"]}


def _put_file(service: GithubService, _: str, asked: Json, body: Json) -> tuple[int, Any]:
    files = service.branches[f"refs/heads/{body['branch']}"]
    files[asked["path"]] = base64.b64decode(body["content"], validate=True).decode()
    return 201, {"content": {"path": asked["path"]}}


def _open_pull(service: GithubService, login: str, _: Json, body: Json) -> tuple[int, Any]:
    assert f"refs/heads/{body['head']}" in service.branches
    pull = service.add_pull("c" * 40, body["head"], base=body["base"])
    pull |= {"state": "open", "user": {"login": login}, **_told(body)}
    return 201, pull


def _told(body: Json) -> Json:
    return {"title": body["title"], "body": body["body"]}


def _files(service: GithubService, _: str, asked: Json, __: Json) -> tuple[int, Any]:
    return 200, service.changed[int(asked["number"])]


def _events(service: GithubService, _: str, asked: Json, __: Json) -> tuple[int, Any]:
    return 200, service.events[int(asked["number"])]


def _runs(service: GithubService, _: str, asked: Json, __: Json) -> tuple[int, Any]:
    assert asked["workflow"] == "plan.yml"
    return 200, {"workflow_runs": [r for r in service.runs if r["head_sha"] == asked["head_sha"]]}


def _artifacts(service: GithubService, _: str, asked: Json, __: Json) -> tuple[int, Any]:
    run = int(asked["run"])
    listed = [
        {"id": run * 100 + n, "name": name, "expired": run in service.expired}
        for n, (name, _) in enumerate(service.artifacts[run])
    ]
    return 200, {"artifacts": listed}


def _zip(service: GithubService, _: str, asked: Json, __: Json) -> tuple[int, Any]:
    # Another host: only the name of this one differs.
    return 302, f"{service.url.replace('127.0.0.1', 'localhost')}{_STORAGE}{asked['id']}"


def _stored(service: GithubService, path: str, token: str) -> tuple[int, Any]:
    if token:
        return 400, {"message": "the storage got a token that is not for it"}
    run, n = divmod(int(path.removeprefix(_STORAGE)), 100)
    return 200, service.artifacts[run][n][1]


def _dispatch(service: GithubService, _: str, asked: Json, body: Json) -> tuple[int, Any]:
    assert len(json.dumps(body["inputs"])) <= 65_535
    service.dispatched.append({"workflow": asked["workflow"], **body})
    return 204, b""


_Route = Callable[[GithubService, str, Json, Json], tuple[int, Any]]
_TALK = (("issues", "write"), ("pull-requests", "write"))
_READ_TALK = (("issues", "read"), ("pull-requests", "read"))
# Permissions as docs.github.com, "Permissions required for GitHub Apps", lists them.
_ROUTES: tuple[tuple[str, str, tuple[tuple[str, str], ...], _Route], ...] = (
    ("GET", r"/issues/(?P<number>\d+)/comments", _READ_TALK, _comments),
    ("POST", r"/issues/(?P<number>\d+)/comments", _TALK, _comment),
    ("PATCH", r"/issues/comments/(?P<id>\d+)", _TALK, _edit),
    ("GET", r"/issues/(?P<number>\d+)/labels", _READ_TALK, _labels),
    ("POST", r"/issues/(?P<number>\d+)/labels", _TALK, _add_labels),
    ("DELETE", r"/issues/(?P<number>\d+)/labels/(?P<name>[\w-]+)", _TALK, _take_label),
    ("POST", r"/labels", _TALK, _make_label),
    ("GET", r"/issues", (("issues", "read"),), _issues),
    ("POST", r"/issues", (("issues", "write"),), _open_issue),
    ("PATCH", r"/issues/(?P<number>\d+)", (("issues", "write"),), _edit_issue),
    ("GET", r"/issues/(?P<number>\d+)/events", _READ_TALK, _events),
    ("GET", r"/commits/[0-9a-f]+/pulls", (("pull-requests", "read"),), _pulls),
    ("GET", r"/pulls", (("pull-requests", "read"),), _pulls_of_branch),
    ("POST", r"/pulls", (("pull-requests", "write"),), _open_pull),
    ("POST", r"/git/refs", (("contents", "write"),), _make_branch),
    ("PUT", r"/contents/(?P<path>[^?]+)", (("contents", "write"),), _put_file),
    ("GET", r"/pulls/(?P<number>\d+)/files", (("pull-requests", "read"),), _files),
    ("GET", r"/actions/workflows/(?P<workflow>[\w.]+)/runs", (("actions", "read"),), _runs),
    (
        "POST",
        r"/actions/workflows/(?P<workflow>[\w.]+)/dispatches",
        (("actions", "write"),),
        _dispatch,
    ),
    ("GET", r"/actions/runs/(?P<run>\d+)/artifacts", (("actions", "read"),), _artifacts),
    ("GET", r"/actions/artifacts/(?P<id>\d+)/zip", (("actions", "read"),), _zip),
)


def _handler(service: GithubService) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            length = int(self.headers.get("Content-Length", "0"))
            body = json.loads(self.rfile.read(length) or b"{}")
            token = self.headers.get("Authorization", "").removeprefix("Bearer ")
            status, content, headers = service.answer(self.command, self.path, token, body)
            if isinstance(content, (list, dict)) and status == 200:
                content, headers["Link"] = _paged(content, self.path, service)
            data = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815 - as http.server calls them

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler


def _paged(content: Any, path: str, service: GithubService) -> tuple[Any, str]:  # noqa: ANN401 - any answer
    """Return one page of a list, and the link to the next."""
    address = urlsplit(path)
    page = int(parse_qs(address.query).get("page", ["1"])[0])
    key = (
        next((key for key, value in content.items() if isinstance(value, list)), None)
        if (isinstance(content, dict))
        else None
    )
    whole = content[key] if key else content
    if not isinstance(whole, list) or (isinstance(content, dict) and len(content) > 1):
        return content, ""
    part = whole[(page - 1) * service.page : page * service.page]
    query = re.sub(r"&page=\d+", "", address.query)
    following = f'<{service.url}{address.path}?{query}&page={page + 1}>; rel="next"'
    return ({key: part} if key else part), following if page * service.page < len(whole) else ""
