"""The image that a release builds: pinned, of the locked versions, and run by nobody."""

from __future__ import annotations

import json
import re

import yaml

from tests.command import ROOT

FOLDER = ROOT / ".github/container"
LINES = [
    line
    for line in (FOLDER / "Containerfile").read_text().replace("\\\n", " ").splitlines()
    if line and not line.startswith("#")
]
RELEASE = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text())


def told(instruction: str) -> list[str]:
    return [one.partition(" ")[2] for one in LINES if one.startswith(f"{instruction} ")]


class TestContainerfile:
    """What is in the image is what was tested, and it runs without any right."""

    def test_every_stage_begins_with_one_digest(self) -> None:
        bases = {one.partition(" AS ")[0] for one in told("FROM")}
        assert len(bases) == 1
        assert re.fullmatch(r"python:3\.\d+-slim@sha256:[0-9a-f]{64}", bases.pop())

    def test_dependencies_are_locked_and_the_wheel_brings_none(self) -> None:
        installs = re.findall(r"pip --isolated install [^&]*", " ".join(told("RUN")))
        assert len(installs) == 2
        assert "--require-hashes --only-binary :all:" in installs[0]
        assert "--no-index --no-deps" in installs[1]

    def test_it_is_run_by_nobody(self) -> None:
        (user,) = told("USER")
        assert int(user.partition(":")[0]) > 999
        assert LINES.index(f"USER {user}") > max(
            number for number, line in enumerate(LINES) if line.startswith(("RUN", "COPY", "FROM"))
        )
        (entry,) = told("ENTRYPOINT")
        assert json.loads(entry)[1:] == ["-I", "-m", "identity_reconciler"]

    def test_the_release_builds_from_what_the_build_put_together(self) -> None:
        steps = [step.get("run", "") for step in RELEASE["jobs"]["build"]["steps"]]
        (copied,) = (step for step in steps if "cp dist/*.whl" in step)
        sources = re.findall(r"\S+\.(?:whl|txt)|\S+Containerfile", copied)
        named = set(told("COPY")[0].split()[:-1])
        assert {one.rpartition("/")[2] for one in sources} == named | {"Containerfile"}
        image, attested = RELEASE["jobs"]["image"], RELEASE["jobs"]["attest-image"]
        assert image["permissions"] == {"packages": "write"}
        assert attested["needs"] == "image"
        assert "needs.image.outputs.digest" in attested["steps"][0]["with"]["subject-digest"]

    def test_its_base_is_kept_current(self) -> None:
        updates = yaml.safe_load((ROOT / ".github/dependabot.yml").read_text())["updates"]
        (docker,) = (one for one in updates if one["package-ecosystem"] == "docker")
        assert docker["directories"] == ["/.github/container"]
