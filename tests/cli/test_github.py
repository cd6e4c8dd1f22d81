"""`--github`: what a step tells its job, and what the runner must not obey."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from identity_reconciler.github.step import GithubStep, outputs
from identity_reconciler.render.fitting import octets
from identity_reconciler.render.markdown import SUMMARY
from identity_reconciler.render.planfile import plan_digest
from tests.command import Run, command
from tests.golden.samples import PLANS


def in_step(here: Path, *arguments: str) -> Run:
    """Run a command as a step of a job does."""
    files = {"GITHUB_OUTPUT": str(here / "output"), "GITHUB_STEP_SUMMARY": str(here / "summary")}
    return command(*arguments, cwd=here, **files)


def read_outputs(path: Path) -> dict[str, str]:
    """Return the outputs in a file as a runner reads them."""
    found = {}
    lines = iter(path.read_text(encoding="utf-8").splitlines())
    for line in lines:
        name, marker, end = line.partition("<<")
        if not marker:
            name, _, found[name] = line.partition("=")
            continue
        value = []
        for inner in lines:
            if inner == end:
                break
            value.append(inner)
        found[name] = "\n".join(value)
    return found


def obeyed(text: str) -> list[str]:
    """Return the workflow commands that a runner obeys in a log."""
    token, commands = "", []
    for line in text.splitlines():
        if token:
            token = "" if line.strip() == f"::{token}::" else token
        elif line.startswith("::stop-commands::"):
            token = line.removeprefix("::stop-commands::")
        elif line.lstrip().startswith("::") or "##[" in line:
            commands.append(line)
    assert not token, "commands stay switched off"
    return commands


class TestPlan:
    """A plan tells its step the digest, what to decide on, and how to show it."""

    def test_outputs_and_summary(self, here: Path) -> None:
        run = in_step(here, "plan", "--sandbox", "--github", "--out", "plan.json")
        assert run.code == 0
        found = read_outputs(here / "output")
        saved = json.loads((here / "plan.json").read_text())
        assert found["digest"] == saved["digest"]
        assert (found["changes"], found["blocked"], found["removes_access"]) == (
            "true",
            "false",
            "false",
        )
        assert int(found["created"]) == len(saved["changes"])
        assert found["removed"] == "0"
        shown = command("show", "plan.json", "--format", "markdown", cwd=here)
        assert (here / "summary").read_text(encoding="utf-8") == shown.out
        assert shown.out.startswith("<!-- identity-reconciler plan: main -->\n## Plan for `main`")

    def test_the_plan_is_printed_where_commands_are_not_obeyed(self, here: Path) -> None:
        first, second = (in_step(here, "plan", "--sandbox", "--github").out for _ in range(2))
        assert obeyed(first) == []
        tokens = [re.findall("::stop-commands::(.+)", text) for text in (first, second)]
        assert len(tokens[0]) == 1
        assert len(tokens[0][0]) == 32
        assert tokens[0] != tokens[1]

    def test_what_it_undoes_is_annotated_from_the_root_of_the_repository(
        self, applied: Path
    ) -> None:
        git = shutil.which("git")
        assert git is not None
        subprocess.run([git, "init", "--quiet"], cwd=applied, check=True)
        path = applied / "desired-state" / "users" / "data.yaml"
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace("title: Data Engineer", "title: Lead"), encoding="utf-8")
        run = in_step(applied, "plan", "--sandbox", "--github")
        (line,) = obeyed(run.out)
        assert line.startswith("::notice file=desired-state/users/data.yaml,line=")
        assert line.endswith("::This plan updates user/johndoe")

    @pytest.mark.parametrize("name", ["plan", "apply"])
    def test_outside_of_a_job_it_is_one_clear_error(self, here: Path, name: str) -> None:
        more = ("--auto-approve",) if name == "apply" else ()
        run = command(name, "--sandbox", "--github", *more, cwd=here, GITHUB_OUTPUT="")
        assert (run.code, run.out) == (3, "")
        assert "GITHUB_OUTPUT and GITHUB_STEP_SUMMARY are not set" in run.err

    def test_json_stays_json(self, here: Path) -> None:
        run = in_step(here, "plan", "--sandbox", "--github", "--format", "json")
        assert (run.code, run.out) == (3, "")
        assert "--out" in run.err


class TestApply:
    """An apply tells its step which plan it carries out."""

    def test_outputs(self, here: Path) -> None:
        run = in_step(here, "apply", "--sandbox", "--auto-approve", "--github")
        assert run.code == 0
        assert obeyed(run.out) == []
        assert "Apply: " in run.out
        assert read_outputs(here / "output")["changes"] == "true"
        assert "## Plan for `main`" in (here / "summary").read_text(encoding="utf-8")


class TestStep:
    """The files of a step are added to, and never grow beyond what GitHub takes."""

    def test_plans_add_up(self, tmp_path: Path) -> None:
        step = GithubStep(tmp_path / "output", tmp_path / "summary")
        plans = [PLANS["blocked"](), PLANS["many-people"]()]
        for plan in plans:
            step.write([plan])
        found = read_outputs(tmp_path / "output")
        assert found == outputs(plans)
        assert found["digest"].split("\n") == [plan_digest(plan) for plan in plans]
        assert (found["blocked"], found["removes_access"]) == ("true", "true")
        assert found["loosens_control"] == "false"
        assert (tmp_path / "summary").read_text(encoding="utf-8").count("## Plan for") == 2

    def test_looser_control_is_an_output(self) -> None:
        assert (
            outputs([PLANS["nothing"](), PLANS["loosens-control"]()])["loosens_control"] == "true"
        )

    @pytest.mark.parametrize("room", [0, 1_000, 30_000])
    def test_a_summary_takes_what_room_there_is(self, tmp_path: Path, room: int) -> None:
        step = GithubStep(tmp_path / "output", tmp_path / "summary")
        step.summary.write_text("x" * (SUMMARY.limit - room))
        step.write([PLANS["huge"]()])
        text = step.summary.read_text(encoding="utf-8")
        assert octets(text) <= SUMMARY.limit
        assert ("**Blocked: 1 guard refuses this plan.**" in text) == (room == 30_000)


PROBLEM = "users/data.yaml"


class TestValidate:
    """Problems go to stdout in the format of a machine, to stderr for people, and end with 3."""

    @pytest.fixture
    def broken(self, here: Path) -> Path:
        path = here / "desired-state" / PROBLEM
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace("user_name: johndoe", "user_nam: johndoe"), encoding="utf-8")
        return here

    def run(self, here: Path, form: str) -> Run:
        run = command("validate", "--format", form, cwd=here)
        assert run.code == 3
        assert "users/data.yaml:15:5: unknown key" in run.err
        return run

    def test_text(self, broken: Path) -> None:
        assert not self.run(broken, "text").out

    def test_json(self, broken: Path) -> None:
        found = self.run(broken, "json").json()
        assert (found["valid"], found["count"]) == (False, len(found["problems"]))
        first = found["problems"][0]
        assert (first["file"], first["line"], first["column"]) == (
            f"desired-state/{PROBLEM}",
            15,
            5,
        )

    def test_github(self, broken: Path) -> None:
        first = self.run(broken, "github").out.splitlines()[0]
        assert first.startswith(f"::error file=desired-state/{PROBLEM},line=15,col=5,title=")

    def test_sarif(self, broken: Path) -> None:
        (run,) = self.run(broken, "sarif").json()["runs"]
        place = run["results"][0]["locations"][0]["physicalLocation"]
        assert place["artifactLocation"]["uri"] == f"desired-state/{PROBLEM}"

    @pytest.mark.parametrize("form", ["text", "github"])
    def test_nothing_wrong_is_said_in_words(self, here: Path, form: str) -> None:
        run = command("validate", "--format", form, cwd=here)
        assert (run.code, run.out[:12]) == (0, "main: valid;")

    @pytest.mark.parametrize("form", ["json", "sarif"])
    def test_nothing_wrong_is_an_empty_list(self, here: Path, form: str) -> None:
        run = command("validate", "--format", form, cwd=here)
        found = run.json()
        assert run.code == 0
        assert (found["problems"] if form == "json" else found["runs"][0]["results"]) == []
