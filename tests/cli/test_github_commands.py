"""`github`: what the jobs of a workflow say, against a GitHub that is strict about permissions."""

from __future__ import annotations

import io
import json
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from identity_reconciler.render.planfile import plan_bytes
from tests.command import Run, command
from tests.github_service import GithubService
from tests.golden.samples import PLANS

SHA, HEAD = "a" * 40, "b" * 40
BOT = "github-actions[bot]"
MARKER = "<!-- identity-reconciler plan: main -->"


@pytest.fixture
def service() -> Iterator[GithubService]:
    with GithubService("example/identity") as running:
        yield running


def save(here: Path, plan: str) -> None:
    (here / "plan.json").write_bytes(plan_bytes(PLANS[plan]()))


def save_part(here: Path, plan: str) -> None:
    """Save *plan* as one of a part: of two identifiers, one of which nothing live has."""
    whole = PLANS[plan]()
    ids = (
        "group/34887428-4081-7042-c3c6-000000000001",
        "user/34887428-4081-7042-c3c6-000000000002",
    )
    source = whole.source.model_copy(update={"only_ids": ids, "gone_ids": ids[1:]})
    part = whole.model_copy(update={"source": source})
    (here / "plan.json").write_bytes(plan_bytes(part))


def comment(service: GithubService, here: Path, *options: str) -> Run:
    given = options or ("plan.json",)
    pull = ("--pull-request", "1", "--commit", SHA)
    granted = service.environment(pull_requests="write")
    return command("github", "comment", *given, *pull, cwd=here, **granted)


class TestComment:
    """A pull request has one comment, which is always about its newest commit."""

    def test_is_made_once_and_then_kept_current(
        self, service: GithubService, tmp_path: Path
    ) -> None:
        for number in range(5):
            service.add_comment(1, "somebody", f"{MARKER}\nforged {number}")
        save(tmp_path, "blocked")
        assert comment(service, tmp_path).out == "comment created\n"
        assert service.labels_of(1) == {"blocked", "removes-access"}
        assert comment(service, tmp_path).out == "comment unchanged\n"
        save(tmp_path, "nothing")
        service.labels[1] |= {"theirs", "drift"}
        assert comment(service, tmp_path).out == "comment updated\n"
        assert service.labels_of(1) == {"theirs", "drift"}
        ours = [one["body"] for one in service.comments[1] if one["user"]["login"] == BOT]
        assert len(ours) == 1
        assert ours[0].startswith(f"{MARKER}\nCommit `{SHA}`, planned by [this run](https://github")
        assert [one["body"] for one in service.comments[1][:5]] == [
            f"{MARKER}\nforged {number}" for number in range(5)
        ]

    def test_a_plan_that_loosens_control_is_labelled(
        self, service: GithubService, tmp_path: Path
    ) -> None:
        save(tmp_path, "loosens-control")
        assert comment(service, tmp_path).code == 0
        assert service.labels_of(1) == {"blocked", "loosens-control"}
        (ours,) = service.comments[1]
        assert ours["body"].index("### Control: 5 points") < ours["body"].index("**Blocked: ")
        save(tmp_path, "with-base")
        assert comment(service, tmp_path).code == 0
        assert service.labels_of(1) == set()

    def test_a_comment_of_an_account_that_is_gone_is_not_ours(
        self, service: GithubService, tmp_path: Path
    ) -> None:
        service.comments[1].append({"id": 99, "user": None, "body": MARKER})
        save(tmp_path, "nothing")
        assert comment(service, tmp_path).out == "comment created\n"

    def test_several_instances_have_a_line_each(
        self, service: GithubService, tmp_path: Path
    ) -> None:
        """Those without a plan as well: their failure hides nobody, and is not hidden."""
        for name, plan in (("north", "many-people"), ("south", "blocked"), ("west", "nothing")):
            (tmp_path / f"plan-{name}").mkdir()
            (tmp_path / f"plan-{name}/plan.json").write_bytes(plan_bytes(PLANS[plan]()))
        names = json.dumps([{"instance": one} for one in ("east", "north", "south", "west")])
        given = ("plan-{instance}/plan.json", "--matrix", names)
        assert comment(service, tmp_path, *given).out == "comment created\n"
        assert service.labels_of(1) == {"blocked", "removes-access"}
        body = service.comments[1][0]["body"]
        head = body.partition("<details>")[0].splitlines()
        assert head[3] == "## Plans for 4 instances, of which 1 could not be planned"
        assert [line.partition(":")[0] for line in head[5:9]] == [
            "- `east`",
            "- `south`",
            "- `north`",
            "- `west`",
        ]
        assert head[5].endswith("**no plan**; the log of its job says why")
        assert body.count("<details><summary>south</summary>") == 1
        assert "<summary>west<" not in body
        assert comment(service, tmp_path, *given).out == "comment unchanged\n"
        for wrong in (("plan.json", "--matrix", names), (given[0], "--matrix", "{}x")):
            assert comment(service, tmp_path, *wrong).code == 3

    def test_a_plan_that_was_not_made_takes_the_old_one_down(
        self, service: GithubService, tmp_path: Path
    ) -> None:
        save(tmp_path, "many-people")
        comment(service, tmp_path)
        assert comment(service, tmp_path, "other.json").code == 0
        (ours,) = service.comments[1]
        assert "There is no plan for this commit" in ours["body"]
        assert "## Plan" not in ours["body"]
        assert service.labels_of(1) == set()
        save(tmp_path, "mixed")
        comment(service, tmp_path)
        assert "## Plan for" in service.comments[1][0]["body"]

    def test_its_end_folds_the_plan_and_reopening_unfolds_it(
        self, service: GithubService, tmp_path: Path
    ) -> None:
        save(tmp_path, "mixed")
        comment(service, tmp_path)
        before = service.comments[1][0]["body"]
        for state, verdict in (("closed", "**Closed without"), ("merged", "**Merged.**")) * 2:
            assert comment(service, tmp_path, "--state", state).code == 0
            body = service.comments[1][0]["body"]
            assert body.startswith(f"{MARKER}\n<!-- ended -->\n{verdict}")
            assert body.count("<details><summary>The plan") == 1
        comment(service, tmp_path)
        assert service.comments[1][0]["body"] == before

    def test_without_a_comment_there_is_nothing_to_end(
        self, service: GithubService, tmp_path: Path
    ) -> None:
        assert comment(service, tmp_path, "--state", "merged").out == "comment not there\n"
        assert not service.comments[1]

    @pytest.mark.parametrize("name", ["hostile", "huge"])
    def test_fits_and_keeps_its_marker(
        self, service: GithubService, tmp_path: Path, name: str
    ) -> None:
        save(tmp_path, name)
        assert comment(service, tmp_path).code == 0
        (ours,) = service.comments[1]
        assert len(ours["body"].encode("utf-16-le")) // 2 < 65_536

    def test_a_changed_plan_is_not_shown(self, service: GithubService, tmp_path: Path) -> None:
        save(tmp_path, "mixed")
        path = tmp_path / "plan.json"
        path.write_text(path.read_text().replace("eu-central-1", "us-east-1"))
        assert comment(service, tmp_path).code == 5
        assert not service.asked


class TestDrift:
    """There is one issue, for as long as there is drift."""

    def drift(self, service: GithubService, here: Path, *more: str) -> Run:
        granted = service.environment(issues="write")
        return command("github", "drift", "plan.json", *more, cwd=here, **granted)

    def test_opened_updated_closed(self, service: GithubService, tmp_path: Path) -> None:
        save(tmp_path, "mixed")
        assert self.drift(service, tmp_path).out == "opened issue 100\n"
        assert self.drift(service, tmp_path).out == "issue 100 says so already\n"
        issue = service.issues[100]
        assert issue["body"].startswith("<!-- identity-reconciler drift -->\n## Drift in `main`")
        assert "identity-reconciler import --only " in issue["body"]
        assert issue["labels"] == ["drift"]
        save(tmp_path, "authoritative")
        assert self.drift(service, tmp_path).out == "updated issue 100\n"
        save(tmp_path, "nothing")
        assert self.drift(service, tmp_path).out == "closed issue 100\n"
        assert "In sync again" in service.comments[100][0]["body"]
        assert self.drift(service, tmp_path).out == "in sync; there is no issue\n"

    def test_of_an_event_is_said_below(self, service: GithubService, tmp_path: Path) -> None:
        """A plan of a part neither changes nor closes the issue; the same is said once."""
        save_part(tmp_path, "nothing")
        assert "whole plans decide" in self.drift(service, tmp_path).out
        assert not service.issues
        save_part(tmp_path, "mixed")
        assert self.drift(service, tmp_path).out == "opened issue 100\n"
        assert self.drift(service, tmp_path).out == "issue 100 says so already\n"
        body = service.issues[100]["body"]
        assert "Only what 2 identifiers name (1 of them names nothing that is live, so what" in body
        save_part(tmp_path, "authoritative")
        assert self.drift(service, tmp_path).out == "commented on issue 100\n"
        assert self.drift(service, tmp_path).out == "issue 100 says so already\n"
        assert service.issues[100]["body"] == body
        (comment,) = service.comments[100]
        assert "## Drift in `main`" in comment["body"]
        save_part(tmp_path, "nothing")
        self.drift(service, tmp_path)
        assert service.issues[100]["state"] == "open"
        save(tmp_path, "mixed")
        assert self.drift(service, tmp_path).out == "updated issue 100\n"
        assert "identifiers name" not in service.issues[100]["body"]

    def test_hostile_names_stay_inert(self, service: GithubService, tmp_path: Path) -> None:
        save(tmp_path, "hostile")
        assert self.drift(service, tmp_path).code == 0
        body = service.issues[100]["body"]
        assert "\u202e" not in body

    def test_without_a_plan_nothing_is_said(self, service: GithubService, tmp_path: Path) -> None:
        run = self.drift(service, tmp_path)
        assert (run.code, run.out) == (3, "")
        assert not service.asked

    def test_an_instance_that_was_not_planned_is_not_in_sync(
        self, service: GithubService, tmp_path: Path
    ) -> None:
        save(tmp_path, "mixed")
        self.drift(service, tmp_path)
        save(tmp_path, "nothing")
        run = self.drift(service, tmp_path, "other.json")
        assert (run.code, "cannot read other.json" in run.err) == (3, True)
        assert service.issues[100]["state"] == "open"


class TestReviews:
    """Each subject has one open pull request, on a branch with the sheet."""

    SHEET = "# Review of `group/@all`\n\nBegun on 2026-11-30, asked of `user/ann`.\n\n## `user/x`\n"

    def reviews(self, service: GithubService, here: Path, *names: str, **more: str) -> Run:
        granted = service.environment(contents="write", pull_requests="write") | more
        return command("github", "reviews", *names, "--commit", SHA, cwd=here, **granted)

    def test_opened_once(self, service: GithubService, tmp_path: Path) -> None:
        (tmp_path / "a.md").write_text(self.SHEET)
        (tmp_path / "b.md").write_text(self.SHEET.replace("@all", "b"))
        path = "desired-state/reviews/a.md"
        assert self.reviews(service, tmp_path, "a.md").out == f"{path}: opened pull request 1\n"
        (pull,) = service.pulls
        assert pull["title"] == "Review of group/@all"
        assert pull["body"].startswith("<!-- identity-reconciler review: ")
        assert "asked of `user/ann`" in pull["body"]
        assert "`user/x`" not in pull["body"]
        assert service.branches[f"refs/heads/{pull['head']['ref']}"] == {path: self.SHEET}
        run = self.reviews(service, tmp_path, "a.md", "b.md", GITHUB_RUN_ID="8")
        assert run.out.splitlines() == [
            f"{path}: pull request 1 is open",
            "desired-state/reviews/b.md: opened pull request 2",
        ]

    def test_of_others_are_not_ours(self, service: GithubService, tmp_path: Path) -> None:
        (tmp_path / "a.md").write_text(self.SHEET)
        self.reviews(service, tmp_path, "a.md")
        service.pulls[0]["user"] = {"login": "somebody"}
        assert "opened" in self.reviews(service, tmp_path, "a.md", GITHUB_RUN_ID="8").out
        assert len(service.pulls) == 2

    @pytest.mark.parametrize(
        ("text", "told"), [("x", "is no sheet of a review"), (None, "cannot read a.md as UTF-8")]
    )
    def test_what_is_no_sheet(
        self, service: GithubService, tmp_path: Path, text: str | None, told: str
    ) -> None:
        if text is not None:
            (tmp_path / "a.md").write_text(text)
        run = self.reviews(service, tmp_path, "a.md")
        assert (run.code, told in run.err) == (3, True)
        assert not service.asked


class TestApprovedPlan:
    """What a pull request showed last is fetched, or nothing is."""

    def fetch(self, service: GithubService, here: Path) -> Run:
        granted = service.environment(actions="read", pull_requests="read")
        options = ("--commit", SHA, "--out", "approved.json")
        return command("github", "approved-plan", *options, cwd=here, **granted)

    @pytest.fixture
    def merged(self, service: GithubService, tmp_path: Path) -> GithubService:
        save(tmp_path, "mixed")
        service.add_pull("c" * 40, "open")["merge_commit_sha"] = SHA
        service.add_pull("c" * 40, "other", commit="d" * 40)
        service.add_pull(HEAD, commit=SHA)
        return service

    def planned(self, service: GithubService, here: Path, **other: object) -> int:
        """Add a run that made a plan, different from what is usual in *other*; return its id."""
        run = service.add_run(HEAD)
        service.runs[-1] |= other
        service.add_artifact(run, "plan", here / "plan.json")
        return run

    def test_the_newest_that_succeeded(self, merged: GithubService, tmp_path: Path) -> None:
        for conclusion, fork in (("success", False), ("failure", False), ("success", True)):
            run = merged.add_run(HEAD, conclusion=conclusion, fork=fork)
            merged.add_artifact(run, "other", tmp_path / "plan.json")
            merged.add_artifact(run, "plan", tmp_path / "plan.json")
        done = self.fetch(merged, tmp_path)
        assert done.code == 0, done.err
        path = tmp_path / "approved.json"
        assert path.read_bytes() == (tmp_path / "plan.json").read_bytes()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert "GET /repos/example/identity/actions/artifacts/101/zip" in merged.asked

    def test_after_the_base_was_changed_for_the_last_time(
        self, merged: GithubService, tmp_path: Path
    ) -> None:
        self.planned(merged, tmp_path)
        merged.events[3].append({"event": "base_ref_changed", "created_at": "2026-01-01T00:01:30Z"})
        assert self.fetch(merged, tmp_path).code == 5
        run = self.planned(merged, tmp_path)
        done = self.fetch(merged, tmp_path)
        assert done.code == 0, done.err
        assert f"GET /repos/example/identity/actions/artifacts/{run}00/zip" in merged.asked

    def test_whatever_happens_later_or_to_something_else(
        self, merged: GithubService, tmp_path: Path
    ) -> None:
        self.planned(merged, tmp_path)
        merged.events[3] += [
            {"event": "labeled", "created_at": "2026-01-01T00:01:30Z"},
            {"event": "base_ref_changed", "created_at": "2026-01-01T01:00:01Z"},
        ]
        merged.add_pull("c" * 40, base="mine")["created_at"] = "2026-01-01T01:00:01Z"
        done = self.fetch(merged, tmp_path)
        assert done.code == 0, done.err

    @pytest.mark.parametrize(
        "other",
        [
            {"head_branch": "another"},
            {"path": ".github/workflows/ci.yml"},
            {"path": "stranger/x/.github/workflows/plan.yml@main"},
            {"event": "push"},
            {"head_sha": "c" * 40},
            {"created_at": "2026-01-01T01:00:00Z"},
            {"created_at": "2025-12-30T00:00:00Z"},
        ],
        ids=str,
    )
    def test_a_run_of_something_else(
        self, merged: GithubService, tmp_path: Path, other: dict[str, str]
    ) -> None:
        """Of another branch, workflow, event or commit; or not while the pull request was open."""
        self.planned(merged, tmp_path, **other)
        run = self.fetch(merged, tmp_path)
        assert (run.code, "succeeded before pull request 3 was merged" in run.err) == (5, True)

    @pytest.mark.parametrize("closed", [None, "2026-01-01T00:30:00Z"])
    def test_a_run_of_another_pull_request_of_the_branch(
        self, merged: GithubService, tmp_path: Path, closed: str | None
    ) -> None:
        """Into a branch of one's own, where plan.yml uploads whatever it likes."""
        self.planned(merged, tmp_path)
        merged.add_pull(HEAD, base="mine")["closed_at"] = closed
        run = self.fetch(merged, tmp_path)
        assert (run.code, "there is no plan" in run.err) == (5, True)
        assert not (tmp_path / "approved.json").exists()

    @pytest.mark.parametrize(
        "file",
        [
            {"filename": ".github/workflows/plan.yml"},
            {"filename": "plan.txt", "previous_filename": ".github/workflows/plan.yml"},
        ],
        ids=str,
    )
    def test_a_pull_request_that_changes_workflows(
        self, merged: GithubService, tmp_path: Path, file: dict[str, str]
    ) -> None:
        self.planned(merged, tmp_path)
        merged.changed[3] = [{"filename": f"{number}"} for number in range(5)] + [file]
        run = self.fetch(merged, tmp_path)
        assert (run.code, run.out) == (5, "")
        assert "pull request 3 changes .github/workflows/plan.yml" in run.err

    def test_a_pull_request_with_more_files_than_are_listed(
        self, merged: GithubService, tmp_path: Path
    ) -> None:
        self.planned(merged, tmp_path)
        merged.page = 1000
        merged.changed[3] = [{"filename": str(number)} for number in range(3000)]
        run = self.fetch(merged, tmp_path)
        assert (run.code, "more files than GitHub lists" in run.err) == (5, True)

    @pytest.mark.parametrize(
        ("base", "told"),
        [("main", "by the pull requests 3, 4 at once"), ("release", "")],
    )
    def test_two_pull_requests_of_one_commit(
        self, merged: GithubService, tmp_path: Path, base: str, told: str
    ) -> None:
        self.planned(merged, tmp_path)
        merged.add_pull(HEAD, "another", commit=SHA, base=base)
        run = self.fetch(merged, tmp_path)
        assert (run.code, told in run.err) == (5 if told else 0, True)

    def test_into_another_branch(self, merged: GithubService, tmp_path: Path) -> None:
        merged.pulls[-1]["base"] = {"ref": "mine"}
        run = self.fetch(merged, tmp_path)
        assert (run.code, "merged by no pull request into main" in run.err) == (5, True)

    def test_nobody_merged_it(self, service: GithubService, tmp_path: Path) -> None:
        run = self.fetch(service, tmp_path)
        assert (run.code, run.out) == (5, "")
        assert "merged by no pull request" in run.err
        assert not (tmp_path / "approved.json").exists()

    def test_an_artifact_that_has_expired(self, merged: GithubService, tmp_path: Path) -> None:
        run = merged.add_run(HEAD)
        merged.add_artifact(run, "plan", tmp_path / "plan.json")
        merged.expired.add(run)
        done = self.fetch(merged, tmp_path)
        assert (done.code, "has no artifact plan any more" in done.err) == (5, True)

    def test_a_run_of_a_fork_that_is_gone(self, merged: GithubService, tmp_path: Path) -> None:
        merged.add_artifact(merged.add_run(HEAD), "plan", tmp_path / "plan.json")
        merged.runs[0]["head_repository"] = None
        run = self.fetch(merged, tmp_path)
        assert (run.code, "so there is no plan" in run.err) == (5, True)

    @pytest.mark.filterwarnings("ignore:Duplicate name")
    @pytest.mark.parametrize("kind", ["twice", "encrypted", "damaged"])
    def test_an_artifact_that_cannot_be_trusted(
        self, merged: GithubService, tmp_path: Path, kind: str
    ) -> None:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for _ in range(2 if kind == "twice" else 1):
                archive.write(tmp_path / "plan.json", "plan.json")
        content = bytearray(buffer.getvalue())
        if kind == "encrypted":
            content[6] |= 1
            content[content.find(b"PK\x01\x02") + 8] |= 1
        elif kind == "damaged":
            content[60:80] = b"\xff" * 20
        merged.artifacts[merged.add_run(HEAD)].append(("plan", bytes(content)))
        run = self.fetch(merged, tmp_path)
        assert (run.code, run.out, len(run.err.splitlines())) == (5, "", 1)
        assert not (tmp_path / "approved.json").exists()

    def test_no_run_succeeded(self, merged: GithubService, tmp_path: Path) -> None:
        merged.add_run(HEAD, conclusion="failure")
        run = self.fetch(merged, tmp_path)
        assert (run.code, "so there is no plan" in run.err) == (5, True)

    @pytest.mark.parametrize("member", ["../plan.json", "other.json"])
    def test_an_artifact_of_something_else(
        self, merged: GithubService, tmp_path: Path, member: str
    ) -> None:
        merged.add_artifact(merged.add_run(HEAD), "plan", tmp_path / "plan.json", member)
        run = self.fetch(merged, tmp_path)
        assert (run.code, "something else than plan.json" in run.err) == (5, True)


class TestRefusals:
    """What is missing is told in one line, and the token never."""

    def test_a_permission(self, service: GithubService, tmp_path: Path) -> None:
        save(tmp_path, "mixed")
        granted = service.environment(contents="read")
        pull = ("--pull-request", "1", "--commit", SHA)
        run = command("github", "comment", "plan.json", *pull, cwd=tmp_path, **granted)
        assert (run.code, run.out) == (1, "")
        assert "GitHub refused GET /repos/example/identity/issues/1/comments: 403" in run.err
        assert "`issues: read` or `pull-requests: read` among its permissions" in run.err
        assert granted["GITHUB_TOKEN"] not in run.err

    @pytest.mark.parametrize("status", [403, 429, 502])
    def test_busy_for_a_moment(self, service: GithubService, tmp_path: Path, status: int) -> None:
        save(tmp_path, "mixed")
        service.faults = [status]
        assert comment(service, tmp_path).code == 0

    def test_busy_for_too_long(self, service: GithubService, tmp_path: Path) -> None:
        save(tmp_path, "mixed")
        service.faults = [403] * 9
        run = comment(service, tmp_path)
        assert (run.code, "it is asked too often" in run.err) == (1, True)
        assert len(service.asked) == 5

    def test_writes_are_not_repeated(self, service: GithubService, tmp_path: Path) -> None:
        save(tmp_path, "mixed")
        granted = service.environment(pull_requests="read")
        pull = ("--pull-request", "1", "--commit", SHA)
        run = command("github", "comment", "plan.json", *pull, cwd=tmp_path, **granted)
        assert run.code == 1
        assert sum(one.startswith("POST") for one in service.asked) == 1

    @pytest.mark.parametrize(
        ("name", "value", "told"),
        [
            ("GITHUB_TOKEN", "", "GITHUB_TOKEN is not set"),
            ("GITHUB_API_URL", "http://example.com", "only sent over https"),
            ("GITHUB_API_URL", "http://127.0.0.1:9", "could not be asked"),
        ],
    )
    def test_a_job_that_is_none(
        self, service: GithubService, tmp_path: Path, name: str, value: str, told: str
    ) -> None:
        save(tmp_path, "mixed")
        granted = service.environment(pull_requests="write") | {name: value}
        pull = ("--pull-request", "1", "--commit", SHA)
        run = command("github", "comment", "plan.json", *pull, cwd=tmp_path, **granted)
        assert run.code in {1, 3}
        assert told in run.err
        assert len(run.err.splitlines()) == 1
