"""The Dockerfile of the guide, as far as it can be followed without Docker."""

from __future__ import annotations

import http.client
import json
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.command import ROOT, environment
from tests.documents import guide
from tests.sandbox.serving import serving

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PORT = "8080"


def instructions() -> dict[str, str]:
    """Return what stands behind each instruction, none of which stands there twice."""
    (text,) = guide("sandbox").code("dockerfile")
    lines = text.replace("\\\n", " ").splitlines()
    pairs = [line.split(maxsplit=1) for line in lines]
    assert len({name for name, _ in pairs}) == len(pairs)
    return {name: " ".join(rest.split()) for name, rest in pairs}


def words(name: str) -> list[str]:
    """Return the words of an instruction in the form that no shell reads."""
    found: Any = json.loads(instructions()[name])
    assert all(isinstance(word, str) for word in found)
    return list(found)


def health(port: int) -> Sequence[str]:
    """Return the command that asks after the health of the sandbox on *port*."""
    options, _, asked = instructions()["HEALTHCHECK"].partition(" CMD ")
    assert re.fullmatch(r"(--(interval|timeout)=\d+s ?|--retries=\d+ ?)+", options)
    python, *arguments = json.loads(asked)
    assert python == "python"
    assert PORT in arguments[-1]
    return (sys.executable, *(word.replace(PORT, str(port)) for word in arguments))


class TestDockerfile:
    """It makes a sandbox that other containers reach, and that is nobody else's to enter."""

    def test_image(self) -> None:
        version = re.fullmatch(r"python:(3\.\d+)-slim", instructions()["FROM"])
        assert version
        assert f"Programming Language :: Python :: {version.group(1)}" in PROJECT["classifiers"]
        *pip, package = shlex.split(instructions()["RUN"])
        assert pip == ["pip", "install", "--no-cache-dir"]
        name, _, extra = package.rstrip("]").partition("[")
        assert name == PROJECT["name"]
        assert extra in PROJECT["optional-dependencies"]
        assert words("ENTRYPOINT")[0] in PROJECT["scripts"]

    def test_is_not_root(self) -> None:
        user, group = instructions()["USER"].split(":")
        assert int(user) > 0
        assert int(group) > 0

    def test_runs(self, tmp_path: Path) -> None:
        program, *arguments = words("ENTRYPOINT") + words("CMD")
        assert (program, *arguments[:2]) == ("identity-reconciler", "sandbox", "serve")
        assert arguments.count(PORT) == 1
        assert instructions()["EXPOSE"] == PORT
        # A port that is free here, and a directory of this test.
        moved = {PORT: "0", "/tmp/sandbox.sqlite3": str(tmp_path / "sandbox.sqlite3")}  # noqa: S108
        assert moved.keys() <= set(arguments)
        with serving(tmp_path, *(moved.get(word, word) for word in arguments[2:])) as served:
            assert served.url == f"http://sandbox:{served.port}"
            assert self.status(served.port, "sandbox") == 200
            assert self.status(served.port, "evil.example.com") == 400
            asked = health(served.port)
            assert self.code(asked) == 0
        served.process.end()
        assert self.code(asked) != 0

    @staticmethod
    def status(port: int, host: str) -> int:
        """Return the status that a program gets which calls the sandbox by the name *host*."""
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/_sandbox/health", headers={"Host": f"{host}:{port}"})
        status = connection.getresponse().status
        connection.close()
        return status

    @staticmethod
    def code(asked: Sequence[str]) -> int:
        """Return how the command ends."""
        done = subprocess.run(asked, env=environment(), capture_output=True, check=False)
        return done.returncode
