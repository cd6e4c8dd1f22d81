"""What a workflow must not do, whatever it is for. One rule is one function."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import yaml

_UNTRUSTED = {"pull_request_target", "workflow_run", "issue_comment", "issues", "discussion"}
_PINNED = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}")
_COMMENTED = re.compile(r"uses: [\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+(\.\d+)*$")
_OF_AWS = re.compile(r"configure-aws-credentials|ROLE_ARN")
_SAME_REPOSITORY = "github.event.pull_request.head.repo.full_name == github.repository"
_ON_MAIN = "github.ref == 'refs/heads/main'"
_OWN_ACTION = re.compile(
    r"(\$|[\w.-]+/[\w.-]+)/\.github/actions/identity-reconciler(@[0-9a-f]{40})?"
)
"""What installs the tool: of this very commit, or of the pinned one."""
_CALLED = re.compile(r"(\$|[\w.-]+/[\w.-]+)/\.github/workflows/[\w-]+\.yml(@main)?")
"""A workflow of main; here, where no role is behind it, of this very commit."""
_NOT_ISOLATED = (
    re.compile(r"\bpython[\d.]*\"?(?! -I\b)(\s|$)"),
    re.compile(r"(?<!-I -m )\bpip3?\"?\s|-I -m pip (?!--isolated )"),
    re.compile(r"\bidentity-reconciler(?=[\"\s]|$)"),  # A script that begins with a bare python.
)
_PIP = re.compile(r"\bpip3?\"?( --?[\w-]+)* install\b")
_NOTICE_SECRETS = {
    "IDENTITY_RECONCILER_NOTIFY": "IDENTITY_NOTIFY_URL",
    "IDENTITY_RECONCILER_NOTIFY_SECRET": "IDENTITY_NOTIFY_SECRET",
}
"""Variables that may hold a secret, and which."""
_INSTANCE = "${{ matrix.instance }}"
_LONGEST = 90
"""Days that an artifact may be kept."""


@dataclass(frozen=True)
class Workflow:
    """A workflow or a composite action, parsed and as it stands."""

    text: str
    data: dict[str, Any]

    @property
    def jobs(self) -> dict[str, dict[str, Any]]:
        """The jobs by their names; an action is one job."""
        return self.data.get("jobs") or {"action": self.data.get("runs", {})}

    @property
    def steps(self) -> list[dict[str, Any]]:
        """All steps of all jobs."""
        return [step for job in self.jobs.values() for step in job.get("steps", [])]

    @property
    def is_action(self) -> bool:
        """Whether it is an action, which has neither triggers nor permissions."""
        return "runs" in self.data

    @property
    def triggers(self) -> set[str]:
        """What starts it."""
        on = self.data.get("on", {})
        return {on} if isinstance(on, str) else set(on)


def parsed(text: str) -> Workflow:
    """Return the workflow in *text*; every scalar is text."""
    return Workflow(text, yaml.load(text, Loader=yaml.BaseLoader))  # noqa: S506 - builds only text


def offences(text: str) -> set[str]:
    """Return the names of the rules that the workflow in *text* breaks."""
    workflow = parsed(text)
    return {rule.__name__.replace("_", "-") for rule in RULES if any(rule(workflow))}


def _writes(job: dict[str, Any]) -> set[str]:
    """Return what a job may write, besides proving who it is and telling what it found."""
    granted = job.get("permissions", {})
    if isinstance(granted, str):
        return {"everything"}
    return {name for name, level in granted.items() if level == "write"} - {
        "id-token",
        "attestations",
        "security-events",
    }


def _takes_roles(job: dict[str, Any]) -> bool:
    granted = job.get("permissions", {})
    return isinstance(granted, dict) and granted.get("id-token") == "write"


def _lines(step: dict[str, Any]) -> list[str]:
    """Return the commands of a step, a line each."""
    joined: list[str] = step.get("run", "").replace("\\\n", " ").splitlines()
    return joined


def _words(job: dict[str, Any]) -> set[str]:
    return {word for step in job.get("steps", []) for word in step.get("run", "").split()}


def _applies(job: dict[str, Any]) -> bool:
    return "apply" in _words(job)


def _is_called(workflow: Workflow) -> bool:
    """Return whether another workflow starts it, whose turns it takes."""
    return workflow.triggers == {"workflow_call"}


def trigger(workflow: Workflow) -> Iterator[str]:
    """Nothing starts that hands the repository's rights to a stranger's code or text."""
    yield from workflow.triggers & _UNTRUSTED


def top_permissions(workflow: Workflow) -> Iterator[str]:
    """Nothing is granted but to a job."""
    if not workflow.is_action and workflow.data.get("permissions") != {}:
        yield "permissions"


def job_permissions(workflow: Workflow) -> Iterator[str]:
    """Every job lists what it is granted."""
    for name, job in workflow.jobs.items():
        if not workflow.is_action and not isinstance(job.get("permissions"), dict):
            yield name


def pins(workflow: Workflow) -> Iterator[str]:
    """Actions of others are pinned by commit, and say which version that is."""
    for step in workflow.steps:
        used = step.get("uses", "")
        if used and not used.startswith("$/") and not _PINNED.fullmatch(used):
            yield used
    called = {job["uses"] for job in workflow.jobs.values() if "uses" in job}
    yield from (used for used in called if not _CALLED.fullmatch(used))
    for line in workflow.text.splitlines():
        used = line.partition("uses: ")[2].partition(" ")[0]
        ours = used.startswith("$/") or used in called
        if used and not ours and not _COMMENTED.search(line):
            yield line


def script_injection(workflow: Workflow) -> Iterator[str]:
    """No expression stands in a script."""
    for step in workflow.steps:
        if "${{" in step.get("run", "") or "${{" in step.get("shell", ""):
            yield step["run"]


def file_commands(workflow: Workflow) -> Iterator[str]:
    """No script changes the environment or the path of later steps."""
    for step in workflow.steps:
        if re.search(r"GITHUB_(ENV|PATH)\b|::(set-env|add-path|set-output)", step.get("run", "")):
            yield step["run"]


def checkout_credentials(workflow: Workflow) -> Iterator[str]:
    """A checkout leaves no token behind."""
    for step in workflow.steps:
        kept = step.get("with", {}).get("persist-credentials") != "false"
        if "actions/checkout@" in step.get("uses", "") and kept:
            yield step["uses"]


def foreign_checkout(workflow: Workflow) -> Iterator[str]:
    """Only what the event is about, or the branch as it is now, is checked out."""
    for step in workflow.steps:
        chosen = step.get("with", {})
        if "actions/checkout@" in step.get("uses", "") and (
            chosen.get("ref", "${{ github.ref }}") != "${{ github.ref }}" or "repository" in chosen
        ):
            yield step["uses"]


def runner(workflow: Workflow) -> Iterator[str]:
    """Jobs run on a fresh machine of GitHub's, of a version that does not change by itself."""
    for name, job in workflow.jobs.items():
        calls = workflow.is_action or "uses" in job
        if not calls and job.get("runs-on") != "ubuntu-24.04":
            yield name


def timeout(workflow: Workflow) -> Iterator[str]:
    """A job that hangs ends."""
    for name, job in workflow.jobs.items():
        calls = workflow.is_action or "uses" in job
        if not calls and "timeout-minutes" not in job:
            yield name


def secrets(workflow: Workflow) -> Iterator[str]:
    """There are none but where notices go and what signs them: roles are taken by proof."""
    text = workflow.text
    for step in workflow.steps:
        for name, value in step.get("env", {}).items():
            if name in _NOTICE_SECRETS and value == f"${{{{ secrets.{_NOTICE_SECRETS[name]} }}}}":
                text = text.replace(f"{name}: {value}", "")
    if re.search(r"\bsecrets\s*[.:\[]", text):
        yield "secrets"


def notices(workflow: Workflow) -> Iterator[str]:
    """A job that knows where notices go has an environment, whose secrets main alone sees.

    What applies has to have one anyway.
    """
    for name, job in workflow.jobs.items():
        knows = any(
            _NOTICE_SECRETS.keys() & step.get("env", {}).keys() for step in job.get("steps", [])
        )
        if knows and not job.get("environment") and not _applies(job):
            yield name


def aws_and_writing(workflow: Workflow) -> Iterator[str]:
    """A job that takes a role writes nothing on GitHub."""
    for name, job in workflow.jobs.items():
        if _takes_roles(job) and _writes(job):
            yield name


def code_and_writing(workflow: Workflow) -> Iterator[str]:
    """Any other job that writes on GitHub knows no AWS and checks nothing out."""
    for name, job in workflow.jobs.items():
        used = [step.get("uses", "") for step in job.get("steps", [])]
        own = any(
            re.match(r"actions/checkout@|\$/|\./", one) and not _OWN_ACTION.fullmatch(one)
            for one in used
        )
        if _writes(job) and not _takes_roles(job) and (own or _OF_AWS.search(str(job))):
            yield name


def forks(workflow: Workflow) -> Iterator[str]:
    """No job of a fork's pull request takes a role or writes."""
    if not workflow.triggers & {"pull_request", "workflow_call"}:
        return
    for name, job in workflow.jobs.items():
        if (_takes_roles(job) or _writes(job)) and _SAME_REPOSITORY not in job.get("if", ""):
            yield name


def branch(workflow: Workflow) -> Iterator[str]:
    """What can be started on any branch takes roles on main only."""
    if not workflow.triggers & {"workflow_dispatch", "schedule"}:
        return
    for name, job in workflow.jobs.items():
        needs = job.get("needs", [])
        before = [workflow.jobs[one] for one in ([needs] if isinstance(needs, str) else needs)]
        conditions = [one.get("if", "") for one in (job, *before)]
        if _takes_roles(job) and not any(_ON_MAIN in one for one in conditions):
            yield name


def pushes(workflow: Workflow) -> Iterator[str]:
    """A push that takes roles is one to main, or a tag."""
    on = workflow.data.get("on", {})
    if "push" in workflow.triggers and any(map(_takes_roles, workflow.jobs.values())):
        push = on["push"] if isinstance(on, dict) else {}
        if not isinstance(push, dict) or (push.get("branches") != ["main"] and "tags" not in push):
            yield "push"


def roles_of_main(workflow: Workflow) -> Iterator[str]:
    """No job that a pull request can rewrite takes a role: main's workflow does, if it is called.

    Nothing of the caller gets into it, so a role that trusts main's workflow is safe from changes.
    """
    for name, job in workflow.jobs.items():
        handed = "uses" not in job or {"with", "secrets"} & job.keys()
        if "pull_request" in workflow.triggers and _takes_roles(job) and handed:
            yield name
    call = workflow.data.get("on", {})
    if _is_called(workflow) and {"inputs", "secrets"} & call["workflow_call"].keys():
        yield "workflow_call"


def guarded_apply(workflow: Workflow) -> Iterator[str]:
    """What writes to AWS waits for its environment and its turn, and is never cancelled."""
    for name, job in workflow.jobs.items():
        if not workflow.is_action and _applies(job):
            turn = _turn(workflow, job)
            cancelled = job.get("concurrency", {}).get("cancel-in-progress", "false") != "false"
            if not (job.get("environment") and turn) or cancelled:
                yield name


def own_turns(workflow: Workflow) -> Iterator[str]:
    """Applies take turns with one another; an expiry never waits behind one, or for reviewers.

    What is applied is planned in the same turn: what was applied since would make the plan stale.
    Of several instances each has its own, and is planned once more in it, within what was approved.
    """
    whole = _turn(workflow, {})
    for name, job in workflow.jobs.items():
        if not _applies(job):
            continue
        if "--only-expired" in _words(job):
            expected = _turn(workflow, job) == "identity-expire" and whole != "identity-apply"
        elif "matrix" in job.get("strategy", {}):
            expected = _turn(workflow, job) == f"identity-apply-{_INSTANCE}" and (
                job.get("environment") == f"identity-{_INSTANCE}" and "--approved" in _words(job)
            )
        else:
            expected = "concurrency" not in job and whole == "identity-apply"
        if not (expected or workflow.is_action or not _turn(workflow, job)):
            yield name


def _turn(workflow: Workflow, job: dict[str, Any]) -> str:
    """Return the group in which *job* takes its turn; that of the workflow where it has none."""
    turn = job.get("concurrency", workflow.data.get("concurrency", {}))
    return str(turn.get("group", "")) if isinstance(turn, dict) else ""


def whole_history(workflow: Workflow) -> Iterator[str]:
    """Whether a commit descends from the one applied last can be told where it is applied."""
    for name, job in workflow.jobs.items():
        depths = [
            step.get("with", {}).get("fetch-depth")
            for step in job.get("steps", [])
            if "actions/checkout@" in step.get("uses", "")
        ]
        if not workflow.is_action and _applies(job) and depths != ["0"]:
            yield name


def waits_a_little(workflow: Workflow) -> Iterator[str]:
    """An apply and an expiry that meet do not fail: the second waits for the lease."""
    for step in workflow.steps:
        words = step.get("run", "").split()
        if "apply" in words and "--wait" not in words:
            yield step["run"]


def cancelling(workflow: Workflow) -> Iterator[str]:
    """Only runs that cannot write are cancelled."""
    turn = workflow.data.get("concurrency", {})
    if not (workflow.is_action or _is_called(workflow)) and (
        not isinstance(turn, dict)
        or turn.get("cancel-in-progress") not in {"true", "false"}
        or (turn["cancel-in-progress"] == "true" and any(map(_applies, workflow.jobs.values())))
    ):
        yield "concurrency"


def bound_plan(workflow: Workflow) -> Iterator[str]:
    """A plan that is applied is the one that was approved, of the commit that is current."""
    for step in workflow.steps:
        words = step.get("run", "").split()
        if "apply" in words and any(word.endswith(".json") for word in words):
            handed = step.get("env", {}).get("DIGEST") == "${{ needs.plan.outputs.digest }}"
            digest = handed and '--expect-digest "$DIGEST"' in step["run"]
            if "--approved" not in words and not (digest and "--expect-head" in words):
                yield step["run"]


def found_plan(workflow: Workflow) -> Iterator[str]:
    """A plan that is looked for is bound to the merged commit, its base, and one workflow."""
    for step in workflow.steps:
        words = set(step.get("run", "").split())
        named = {"--commit", "--base", "--workflow", "--artifact"}
        if "approved-plan" in words and not (
            named <= words and step.get("env", {}).get("COMMIT") == "${{ github.sha }}"
        ):
            yield step["run"]


def journal(workflow: Workflow) -> Iterator[str]:
    """What was written is kept, however the job ends."""
    for name, job in workflow.jobs.items():
        uploads = [
            step
            for step in job.get("steps", [])
            if "upload-artifact@" in step.get("uses", "") and step.get("if") == "always()"
        ]
        if not workflow.is_action and _applies(job) and not uploads:
            yield name


def retention(workflow: Workflow) -> Iterator[str]:
    """What holds names is not kept for longer than it is needed."""
    for step in workflow.steps:
        if "upload-artifact@" in step.get("uses", ""):
            chosen = step["with"]
            public = chosen["name"] in {"dist", "sbom", "schemas"}
            if not public and not 1 <= int(chosen.get("retention-days", "0")) <= _LONGEST:
                yield chosen["name"]


def other_runs(workflow: Workflow) -> Iterator[str]:
    """An artifact comes from this very run."""
    for step in workflow.steps:
        elsewhere = {"run-id", "github-token", "repository"} & step.get("with", {}).keys()
        if "download-artifact@" in step.get("uses", "") and elsewhere:
            yield step["uses"]


def caches(workflow: Workflow) -> Iterator[str]:
    """Nothing is taken over from another run."""
    for step in workflow.steps:
        if "actions/cache" in step.get("uses", "") or "cache" in step.get("with", {}):
            yield step["uses"]


def tools(workflow: Workflow) -> Iterator[str]:
    """What is installed is pinned by hash and a wheel, or was built here."""
    for line in (line for step in workflow.steps for line in _lines(step)):
        if re.search(r"\b(curl|wget)\b.*\|\s*(ba)?sh\b|\b(npx|pipx|uvx|easy_install)\b", line):
            yield line
        hashed = "--require-hashes" in line and "--only-binary :all:" in line
        built = "--no-index --no-deps" in line
        if _PIP.search(line) and not (hashed or built):
            yield line


def isolated(workflow: Workflow) -> Iterator[str]:
    """No module of the directory or the home that a command is started in is loaded by Python."""
    for line in (line for step in workflow.steps for line in _lines(step)):
        if any(pattern.search(line) for pattern in _NOT_ISOLATED):
            yield line


def installed_first(workflow: Workflow) -> Iterator[str]:
    """A job with rights has its tools before anything is checked out, and before credentials."""
    for name, job in workflow.jobs.items():
        late = False
        for step in job.get("steps", []):
            used = step.get("uses", "")
            installs = (
                _OWN_ACTION.fullmatch(used)
                or used.startswith("actions/setup-")
                or any(map(_PIP.search, _lines(step)))
            )
            if late and installs and (_takes_roles(job) or _writes(job)):
                yield name
            late = late or bool(re.match(r"actions/checkout@|aws-actions/", used))


RULES: tuple[Callable[[Workflow], Iterator[str]], ...] = (
    trigger,
    top_permissions,
    job_permissions,
    pins,
    script_injection,
    file_commands,
    checkout_credentials,
    foreign_checkout,
    runner,
    timeout,
    secrets,
    notices,
    aws_and_writing,
    code_and_writing,
    forks,
    branch,
    pushes,
    roles_of_main,
    guarded_apply,
    own_turns,
    whole_history,
    waits_a_little,
    cancelling,
    bound_plan,
    found_plan,
    journal,
    retention,
    other_runs,
    caches,
    tools,
    isolated,
    installed_first,
)
