"""The whole loop, played from the workflow files: pull request, merge, apply, drift, expiry."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from identity_reconciler.sandbox import Sandbox
from tests.command import command
from tests.github_service import GithubService
from tests.webhook_service import SECRET, WebhookService
from tests.workflows.runner import Played, Repository

ROLES = {
    f"IDENTITY_{name}_ROLE_ARN": f"arn:aws:iam::111122223333:role/{name.title()}"
    for name in ("PLAN", "APPLY", "EXPIRE")
}
MAIN = "refs/heads/main"
TITLE = "title: Data Engineer"
DATA, COMPANY = "users/data.yaml", "groups/company.yaml"


@pytest.fixture
def service() -> Iterator[GithubService]:
    with GithubService("example/identity") as running:
        yield running


@pytest.fixture
def repository(tmp_path: Path, service: GithubService) -> Repository:
    """Return a repository whose main is applied to its AWS."""
    made = Repository(tmp_path / "github", service, dict(ROLES))
    made.push("main")
    state = ("--state", str(made.aws))
    assert command("sandbox", "seed", "desired-state", *state, cwd=made.work).code == 0
    return made


def edit(repository: Repository, file: str, old: str, new: str) -> None:
    """Change what is declared in the working copy."""
    path = repository.work / "desired-state" / file
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))


def pull_request(
    repository: Repository, action: str = "opened", *, fork: bool = False, merged: bool = False
) -> dict[str, Played]:
    """Push what was edited as pull request 1, and play the plan workflow for it."""
    base = repository.git("rev-parse", "origin/main")
    head = repository.push("refs/heads/change")
    tree = repository.git("rev-parse", "HEAD^{tree}")
    parents = ("-p", base, "-p", head)
    merge = repository.git("commit-tree", tree, *parents, "-m", "Merge")
    repository.git("push", "--quiet", "--force", "origin", f"{merge}:refs/pull/1/merge")
    owner = "stranger/identity" if fork else "example/identity"
    about = {"number": 1, "merged": merged, "head": {"sha": head, "repo": {"full_name": owner}}}
    event: dict[str, Any] = {"action": action, "pull_request": about}
    return repository.play("plan.yml", event, "refs/pull/1/merge", merge)


def merge(repository: Repository) -> str:
    """Squash what was edited into one commit on main, and return it."""
    repository.push("refs/heads/change")
    tree = repository.git("rev-parse", "HEAD^{tree}")
    squashed = repository.git("commit-tree", tree, "-p", "origin/main", "-m", "Squash")
    repository.git("reset", "--quiet", "--hard", squashed)
    repository.git("push", "--quiet", "origin", "HEAD:main")
    return squashed


def results(jobs: dict[str, Played]) -> dict[str, str]:
    """Return how each job ended."""
    return {name: played.result for name, played in jobs.items()}


def plan_now(repository: Repository) -> str:
    """Return the plan of the working copy against AWS."""
    link = repository.work / ".identity-reconciler/sandbox.sqlite3"
    if not link.exists():
        link.parent.mkdir()
        link.symlink_to(repository.aws)
        (repository.work / ".git/info/exclude").write_text(".identity-reconciler\n")
    return command("plan", "--sandbox", cwd=repository.work).out


class TestPullRequestToApply:
    """What the comment shows is what is applied, and then nothing is left to do."""

    def test_the_whole_way(self, repository: Repository, service: GithubService) -> None:
        edit(repository, DATA, TITLE, "title: Staff Engineer")
        edit(repository, COMPANY, "      - li.juan\n", "")
        jobs = pull_request(repository)
        assert results(jobs) == {
            "validate": "success",
            "plan": "success",
            "comment": "success",
            "close": "skipped",
        }, jobs
        assert (jobs["plan"].roles, jobs["comment"].roles) == (["Plan"], [])
        (comment,) = service.comments[1]
        assert comment["body"].startswith("<!-- identity-reconciler plan: main -->")
        assert "Staff Engineer" in comment["body"]
        assert service.labels_of(1) == {"removes-access"}
        assert "Staff Engineer" in jobs["plan"].summary

        jobs = pull_request(repository, "synchronize")
        assert len(service.comments[1]) == 1

        asked: list[str] = []
        repository.arrives = asked.append
        sha = merge(repository)
        pull_request(repository, "closed", merged=True)
        assert "Merged" in service.comments[1][0]["body"]
        jobs = repository.play("apply.yml", {}, MAIN, sha)
        assert results(jobs) == {"plan": "success", "apply": "success"}, jobs["apply"].log
        assert asked == ["identity"]
        assert jobs["apply"].roles == ["Apply"]
        assert list(repository.artifacts["journal"].iterdir())
        assert "No changes." in plan_now(repository)

        jobs = repository.play("apply.yml", {}, MAIN, sha)
        assert results(jobs) == {"plan": "success", "apply": "success"}
        assert "No changes." in jobs["apply"].log

    def test_a_superseded_run_stops(self, repository: Repository) -> None:
        edit(repository, DATA, TITLE, "title: One")
        first = merge(repository)

        def meanwhile(_: str) -> None:
            edit(repository, DATA, "title: One", "title: Two")
            merge(repository)

        repository.arrives = meanwhile
        jobs = repository.play("apply.yml", {}, MAIN, first)
        assert results(jobs) == {"plan": "success", "apply": "failure"}
        assert jobs["apply"].codes[-1] == 5
        assert "superseded" in jobs["apply"].log
        assert "Data Engineer" in plan_now(repository)

    def test_somebody_else_was_faster(self, repository: Repository) -> None:
        edit(repository, DATA, TITLE, "title: One")
        sha = merge(repository)

        def meanwhile(_: str) -> None:
            by_hand(repository, "title: By Hand")

        repository.arrives = meanwhile
        jobs = repository.play("apply.yml", {}, MAIN, sha)
        assert (jobs["apply"].result, jobs["apply"].codes[-1]) == ("failure", 5)


class TestApproved:
    """Without reviewers of the environment, what the pull request showed is what may be done."""

    APPROVED = "../../identity_reconciler/templates/github/workflows/apply-approved.yml"

    def approve(self, repository: Repository, service: GithubService) -> str:
        """Plan what was edited as a pull request, merge it, and return the merged commit."""
        assert pull_request(repository)["plan"].result == "success"
        head = repository.git("rev-parse", "HEAD")
        service.add_artifact(
            service.add_run(head), "plan", repository.artifacts["plan"] / "plan.json"
        )
        sha = merge(repository)
        service.add_pull(head, commit=sha)
        return sha

    def test_what_was_shown_is_applied(
        self, repository: Repository, service: GithubService
    ) -> None:
        edit(repository, DATA, TITLE, "title: Lead")
        sha = self.approve(repository, service)
        jobs = repository.play(self.APPROVED, {}, MAIN, sha)
        assert results(jobs) == {"approved": "success", "apply": "success"}, jobs
        assert jobs["approved"].roles == []
        assert "No changes." in plan_now(repository)

    def test_what_was_not_shown_is_refused(
        self, repository: Repository, service: GithubService
    ) -> None:
        edit(repository, DATA, TITLE, "title: Lead")
        sha = self.approve(repository, service)
        by_hand(repository, "title: By Hand")
        jobs = repository.play(self.APPROVED, {}, MAIN, sha)
        assert (jobs["apply"].result, jobs["apply"].codes[-1]) == ("failure", 5), jobs["apply"].log

    def test_a_push_that_nobody_approved(self, repository: Repository) -> None:
        edit(repository, DATA, TITLE, "title: Lead")
        jobs = repository.play(self.APPROVED, {}, MAIN, merge(repository))
        assert results(jobs) == {"approved": "failure", "apply": "skipped"}
        assert jobs["approved"].codes == [5]


def by_hand(repository: Repository, title: str) -> None:
    """Change John's title in AWS without a commit."""
    other = repository.home / f"by-hand-{repository.runs}"
    repository.git("clone", "--quiet", repository.origin.as_uri(), str(other))
    link = other / ".identity-reconciler/sandbox.sqlite3"
    link.parent.mkdir()
    link.symlink_to(repository.aws)
    path = other / "desired-state" / DATA
    lines = path.read_text().splitlines()
    at = next(n for n, line in enumerate(lines) if line.endswith("user_name: johndoe"))
    at = next(n for n in range(at, len(lines)) if lines[n].strip().startswith("title:"))
    lines[at] = f"    {title}"
    path.write_text("\n".join(lines) + "\n")
    run = command("apply", "--sandbox", "--auto-approve", cwd=other)
    assert run.code == 0, run.err


def user_id(repository: Repository, name: str) -> str:
    """Return the UserId that an event about *name* carries."""
    with Sandbox(repository.aws) as sandbox:
        session = sandbox.session()
        (instance,) = session.client("sso-admin").list_instances()["Instances"]
        users = session.client("identitystore").list_users(
            IdentityStoreId=instance["IdentityStoreId"],
            Filters=[{"AttributePath": "UserName", "AttributeValue": name}],
        )["Users"]
        return users[0]["UserId"]


class TestRefusals:
    """What must not be done is not done, and is shown."""

    def test_a_fork_is_validated_and_no_more(
        self, repository: Repository, service: GithubService
    ) -> None:
        edit(repository, DATA, TITLE, "title: Mine")
        jobs = pull_request(repository, fork=True)
        assert results(jobs) == {
            "validate": "success",
            "plan": "skipped",
            "comment": "skipped",
            "close": "skipped",
        }
        assert not service.comments.get(1)

    def test_a_plan_that_is_blocked(self, repository: Repository, service: GithubService) -> None:
        settings = repository.work / "desired-state/instance.yaml"
        settings.write_text(settings.read_text() + "\nguards:\n  protected: {groups: [finance]}\n")
        merge(repository)
        text = (repository.work / "desired-state" / COMPANY).read_text()
        at = text.index("  - name: finance\n")
        end = text.index("  - name:", at + 5)
        edit(repository, COMPANY, text[at:end], "  - name: finance\n    state: absent\n\n")
        applications = repository.work / "desired-state/applications.yaml"
        applications.write_text(applications.read_text().replace("        - finance\n", ""))
        jobs = pull_request(repository)
        assert (jobs["plan"].result, jobs["plan"].codes[-1]) == ("failure", 4), jobs["plan"].log
        assert jobs["comment"].result == "success"
        assert "**Blocked" in service.comments[1][0]["body"]
        assert "blocked" in service.labels_of(1)
        jobs = repository.play("apply.yml", {}, MAIN, merge(repository))
        assert results(jobs) == {"plan": "failure", "apply": "skipped"}

    def test_broken_yaml_takes_the_old_plan_down(
        self, repository: Repository, service: GithubService
    ) -> None:
        edit(repository, DATA, TITLE, "title: Staff Engineer")
        pull_request(repository)
        edit(repository, DATA, "title: Staff Engineer", "titel: Staff Engineer")
        jobs = pull_request(repository, "synchronize")
        assert results(jobs)["validate"] == "failure"
        assert "::error file=desired-state/users/data.yaml" in jobs["validate"].log
        (comment,) = service.comments[1]
        assert "Staff Engineer" not in comment["body"]


class TestDrift:
    """What was changed by hand opens one issue, which closes when it is undone."""

    def test_from_opened_to_closed(self, repository: Repository, service: GithubService) -> None:
        sha = repository.git("rev-parse", "HEAD")
        jobs = repository.play("drift.yml", {}, MAIN, sha)
        assert results(jobs) == {"plan": "success", "issue": "success"}, jobs
        assert not service.issues
        by_hand(repository, "title: By Hand")
        repository.play("drift.yml", {}, MAIN, sha)
        repository.play("drift.yml", {}, MAIN, sha)
        (issue,) = service.issues.values()
        assert issue["state"] == "open"
        assert "By Hand" in issue["body"]
        assert "identity-reconciler import --only user/johndoe" in issue["body"]
        assert "user/sandbox" in issue["body"]
        repository.play("apply.yml", {}, MAIN, sha)
        jobs = repository.play("drift.yml", {}, MAIN, sha)
        (issue,) = service.issues.values()
        assert issue["state"] == "closed"

    def test_of_an_event_is_said_below(
        self, repository: Repository, service: GithubService
    ) -> None:
        """The run that an event starts looks at what it names, and a whole one closes the issue."""
        sha = repository.git("rev-parse", "HEAD")
        by_hand(repository, "title: By Hand")
        user = f"user/{user_id(repository, 'johndoe')}"
        gone = "membership/34887428-4081-7042-c3c6-000000000001"
        for ids, state in ((gone, None), (f"{gone} {user}", "open"), (user, "open")):
            jobs = repository.play("drift.yml", {"inputs": {"ids": ids}}, MAIN, sha)
            assert results(jobs) == {"plan": "success", "issue": "success"}, jobs
            assert [one["state"] for one in service.issues.values()] == [state] * bool(state)
        (issue,) = service.issues.values()
        assert "By Hand" in issue["body"]
        assert "Only what 2 identifiers name" in issue["body"]
        repository.play("apply.yml", {}, MAIN, sha)
        repository.play("drift.yml", {"inputs": {"ids": user}}, MAIN, sha)
        assert issue["state"] == "open"
        repository.play("drift.yml", {}, MAIN, sha)
        assert issue["state"] == "closed"

    def test_without_a_role_nothing_runs(self, repository: Repository) -> None:
        repository.variables.clear()
        for name in ("drift.yml", "expire.yml"):
            jobs = repository.play(name, {}, MAIN, repository.git("rev-parse", "HEAD"))
            assert set(results(jobs).values()) == {"skipped"}


class TestReviews:
    """What is due has a pull request with its sheet, once; only where that is wanted."""

    def test_opened_once(self, repository: Repository, service: GithubService) -> None:
        edit(
            repository,
            COMPANY,
            "    description: Finance department\n",
            "    owners: [martha.rivera]\n    review: {every: 3 months}\n",
        )
        sha = merge(repository)
        assert set(results(repository.play("review.yml", {}, MAIN, sha)).values()) == {"skipped"}
        repository.variables["IDENTITY_REVIEWS"] = "true"
        for _ in range(2):
            jobs = repository.play("review.yml", {}, MAIN, sha)
            assert results(jobs) == {"sheets": "success", "open": "success"}, jobs
            assert not jobs["sheets"].roles
        (pull,) = service.pulls
        assert pull["title"] == "Review of group/finance"
        (files,) = service.branches.values()
        ((path, text),) = files.items()
        assert path.startswith("desired-state/reviews/")
        assert path.endswith("-finance.md")
        assert "listed like this since" in text
        assert f"review finish {path} " in text

    def test_nothing_is_due(self, repository: Repository, service: GithubService) -> None:
        repository.variables["IDENTITY_REVIEWS"] = "true"
        jobs = repository.play("review.yml", {}, MAIN, repository.git("rev-parse", "HEAD"))
        assert results(jobs) == {"sheets": "success", "open": "skipped"}, jobs["sheets"].log
        assert not service.pulls


class TestExpiry:
    """Only what has expired goes, with a role of its own."""

    def test_goes_alone(self, repository: Repository) -> None:
        edit(repository, DATA, TITLE, "title: Staff Engineer")
        edit(
            repository,
            COMPANY,
            "      - li.juan\n",
            "      - {user: li.juan, expires: 2026-01-01, reason: T-1}\n",
        )
        sha = merge(repository)
        jobs = repository.play("expire.yml", {}, MAIN, sha)
        assert results(jobs) == {"expire": "success", "remind": "skipped"}, jobs["expire"].log
        assert jobs["expire"].roles == ["Expire"]
        left = plan_now(repository)
        assert "Staff Engineer" in left
        assert "li.juan" not in left


class TestNotices:
    """Where the secrets of the environments say, people hear of it, and owners in time."""

    def test_of_drift_expiry_and_reminders(self, repository: Repository) -> None:
        by_hand(repository, "title: By Hand")
        end = datetime.now(UTC).date() + timedelta(days=14)
        edit(
            repository,
            COMPANY,
            "      - li.juan\n      - mateo.jackson\n",
            "      - {user: li.juan, expires: 2026-01-01, reason: T-1}\n"
            f"      - {{user: mateo.jackson, expires: {end}, reason: T-1}}\n",
        )
        sha = merge(repository)
        repository.variables["IDENTITY_NOTIFY_AS"] = "json"
        with WebhookService() as receiver:
            repository.secrets["IDENTITY_NOTIFY_URL"] = receiver.url
            repository.secrets["IDENTITY_NOTIFY_SECRET"] = SECRET
            repository.play("drift.yml", {}, MAIN, sha)
            jobs = repository.play("expire.yml", {}, MAIN, sha)
            assert results(jobs) == {"expire": "success", "remind": "success"}, jobs
            assert not jobs["remind"].roles
            told = [one.json() for one in receiver.received]
            assert [one["event"] for one in told] == ["drift", "expire", "reminder"]
            assert all("/actions/runs/" in one["run"] for one in told)
            assert [one["address"] for one in told[2]["reminders"]] == ["group/engineering"]
            receiver.answers = [410]
            jobs = repository.play("expire.yml", {}, MAIN, sha)
            assert "it is kept in" in jobs["remind"].log
        (kept,) = repository.artifacts["undelivered"].rglob("*.json")
        assert json.loads(kept.read_bytes())["reminders"] == told[2]["reminders"]


class TestWithoutRoles:
    """Before the roles are set up, everything runs against a sandbox and says so."""

    def test_the_change_alone_is_planned_and_applied(
        self, repository: Repository, service: GithubService
    ) -> None:
        repository.variables.clear()
        edit(repository, DATA, TITLE, "title: Staff Engineer")
        jobs = pull_request(repository)
        assert results(jobs)["comment"] == "success", jobs
        body = service.comments[1][0]["body"]
        assert "in the embedded sandbox, not AWS: " in body
        assert ": 1 change" in body
        jobs = repository.play("apply.yml", {}, MAIN, merge(repository))
        assert results(jobs) == {"plan": "success", "apply": "success"}, jobs["apply"].log
        assert "in the embedded sandbox, not AWS: " in jobs["plan"].summary
        assert not any(played.roles for played in jobs.values())
