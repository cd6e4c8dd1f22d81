"""The plan that a pull request showed before it was merged, from the artifacts of its runs."""

from __future__ import annotations

import io
import zipfile
import zlib
from dataclasses import dataclass

from identity_reconciler.errors import StalePlanError
from identity_reconciler.github.api import Github, Json

_MEMBER = "plan.json"
_WORKFLOWS = ".github/"
_MOST_FILES = 3000
"""Source: "List pull requests files"."""
_BASE_CHANGES = {"base_ref_changed", "automatic_base_change_succeeded"}
"""Source: "Issue event types"."""
# Encrypted, and compressed in an unknown way, are a RuntimeError. Source: ZipFile.open.
_UNREADABLE = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError)


@dataclass(frozen=True, slots=True)
class PlanSource:
    """Where the plans of pull requests are."""

    base: str
    """The branch that pull requests are merged into."""
    workflow: str
    """The name of the file in `.github/workflows`."""
    artifact: str


def approved_plan(github: Github, commit: str, source: PlanSource, longest: int) -> bytes:
    """Return what the newest successful run showed for the pull request merged as *commit*.

    GitHub does not say which pull request a run was for once that is closed. So only runs count
    that can have been for no other: of its branch and its head, before it was merged, and after
    any moment at which a pull request of that branch had another base, where another workflow of
    the same name may stand. And the pull request itself must have left workflows alone.

    Raises:
        StalePlanError: There is none.
        GithubError: GitHub could not be asked.
    """
    pull = _merged(github, commit, source.base)
    _require_untouched_workflows(github, pull)
    run = _run(github, source, pull)
    for artifact in github.listed(f"/actions/runs/{run['id']}/artifacts", "artifacts"):
        if artifact["name"] == source.artifact and not artifact["expired"]:
            path = f"/actions/artifacts/{artifact['id']}/zip"
            return _member(github.download(path, longest), longest)
    raise StalePlanError(
        f"run {run['id']} of {source.workflow} for {run['head_sha']} has no artifact "
        f"{source.artifact} any more; run it again, then this job"
    )


def _merged(github: Github, commit: str, base: str) -> Json:
    found = [
        pull
        for pull in github.listed(f"/commits/{commit}/pulls")
        if pull.get("merged_at")
        and pull.get("merge_commit_sha") == commit
        and pull["base"]["ref"] == base
    ]
    if len(found) > 1:
        numbers = ", ".join(str(pull["number"]) for pull in found)
        raise StalePlanError(
            f"{commit} was merged by the pull requests {numbers} at once, so nobody knows which "
            "plan was approved; revert it, and make one pull request"
        )
    if not found:
        raise StalePlanError(
            f"{commit} was merged by no pull request into {base}, so nobody has approved a plan "
            "for it; revert it, and make a pull request"
        )
    return found[0]


def _require_untouched_workflows(github: Github, pull: Json) -> None:
    number = pull["number"]
    files = list(github.listed(f"/pulls/{number}/files"))
    names = {name for file in files for name in (file["filename"], file.get("previous_filename"))}
    ours = sorted(name for name in names if name and name.startswith(_WORKFLOWS))
    if ours:
        raise StalePlanError(
            f"pull request {number} changes {ours[0]}, so what its run showed was made by its own "
            "workflow; change .github in a pull request of its own, and the YAML in another"
        )
    if len(files) >= _MOST_FILES:
        raise StalePlanError(
            f"pull request {number} changes more files than GitHub lists, perhaps workflows too; "
            "split it"
        )


def _run(github: Github, source: PlanSource, pull: Json) -> Json:
    head, branch = pull["head"]["sha"], pull["head"]["ref"]
    since = _last_time_elsewhere(github, pull, source.base)
    path = f"{_WORKFLOWS}workflows/{source.workflow}"
    query = {"event": "pull_request", "status": "success", "head_sha": head, "branch": branch}
    listed = github.listed(f"/actions/workflows/{source.workflow}/runs", "workflow_runs", **query)
    runs = [
        run
        for run in listed
        if run["head_sha"] == head
        and run["head_branch"] == branch
        and run["path"].partition("@")[0] in {path, f"{run['repository']['full_name']}/{path}"}
        and run["event"] == "pull_request"
        and run["conclusion"] == "success"
        # Closing starts the workflow too, and makes no plan.
        and since < run["created_at"] < pull["merged_at"]
        # A branch that was renamed leaves its name to the next one, and its runs with it.
        and pull["created_at"] <= run["created_at"]
        and _of_the_same_repository(run)
    ]
    if not runs:
        raise StalePlanError(
            f"no run of {source.workflow} for {head} into {source.base} succeeded before pull "
            f"request {pull['number']} was merged, so there is no plan; revert it, and make a new "
            "pull request"
        )
    return max(runs, key=lambda run: (run["created_at"], run["id"]))


def _last_time_elsewhere(github: Github, pull: Json, base: str) -> str:
    """Return when, until *pull* was merged, a pull request of its branch last had another base.

    Moments are texts as GitHub writes them, 2026-01-31T12:00:00Z, which sort as they follow. The
    empty text is before all of them.
    """
    end = pull["merged_at"]
    owner = pull["head"]["label"].partition(":")[0]
    query = {"state": "all", "head": f"{owner}:{pull['head']['ref']}"}
    moments = [""]
    for other in github.listed("/pulls", **query):
        if other["base"]["ref"] != base and other["created_at"] <= end:
            moments.append(min(other["closed_at"] or end, end))
        moments += [
            event["created_at"]
            for event in github.listed(f"/issues/{other['number']}/events")
            if event["event"] in _BASE_CHANGES and event["created_at"] <= end
        ]
    return max(moments)


def _of_the_same_repository(run: Json) -> bool:
    # None: the fork is gone.
    head = run["head_repository"]
    return bool(head) and head["full_name"] == run["repository"]["full_name"]


def _member(content: bytes, longest: int) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
            if [one.filename for one in members] == [_MEMBER] and members[0].file_size <= longest:
                return archive.read(members[0])
    except _UNREADABLE as error:
        raise StalePlanError("the artifact is damaged; run the plan again") from error
    raise StalePlanError(f"the artifact holds something else than {_MEMBER}")
