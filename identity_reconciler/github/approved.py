"""The plan that a pull request showed before it was merged, from the artifacts of its runs."""

from __future__ import annotations

import io
import zipfile
import zlib

from identity_reconciler.errors import StalePlanError
from identity_reconciler.github.api import Github, Json

_MEMBER = "plan.json"
# Encrypted, and compressed in an unknown way, are a RuntimeError. Source: ZipFile.open.
_UNREADABLE = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError)


def approved_plan(github: Github, commit: str, source: tuple[str, str], longest: int) -> bytes:
    """Return what the newest successful run showed for the pull request merged as *commit*.

    *source* is the file of the workflow and the name of the artifact.

    Raises:
        StalePlanError: There is none.
        GithubError: GitHub could not be asked.
    """
    workflow, name = source
    pull = _merged(github, commit)
    head = pull["head"]["sha"]
    run = _run(github, workflow, head)
    for artifact in github.listed(f"/actions/runs/{run['id']}/artifacts", "artifacts"):
        if artifact["name"] == name and not artifact["expired"]:
            path = f"/actions/artifacts/{artifact['id']}/zip"
            return _member(github.download(path, longest), longest)
    raise StalePlanError(
        f"run {run['id']} of {workflow} for {head} has no artifact {name} any more; run it again, "
        "then this job"
    )


def _merged(github: Github, commit: str) -> Json:
    for pull in github.listed(f"/commits/{commit}/pulls"):
        if pull.get("merged_at") and pull.get("merge_commit_sha") == commit:
            return pull
    raise StalePlanError(
        f"{commit} was merged by no pull request, so nobody has approved a plan for it; revert it, "
        "and make a pull request"
    )


def _run(github: Github, workflow: str, head: str) -> Json:
    query = {"event": "pull_request", "status": "success", "head_sha": head}
    runs = [
        run
        for run in github.listed(f"/actions/workflows/{workflow}/runs", "workflow_runs", **query)
        if run["head_sha"] == head
        and run["event"] == "pull_request"
        and run["conclusion"] == "success"
        and _of_the_same_repository(run)
    ]
    if not runs:
        raise StalePlanError(f"no run of {workflow} for {head} succeeded, so there is no plan")
    return max(runs, key=lambda run: (run["created_at"], run["id"]))


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
