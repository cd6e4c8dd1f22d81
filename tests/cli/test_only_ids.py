"""`plan --only-ids`: only what events name is read, and what is not known is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from identity_reconciler.errors import ExitCode
from identity_reconciler.sandbox import Sandbox
from tests.command import Run, command, edit

GONE = "user/00000000-0000-4000-8000-000000000000"


def identifiers(here: Path, user: str, group: str) -> tuple[str, str]:
    """Return the UserId of *user* and the GroupId of *group*."""
    with Sandbox(here / ".identity-reconciler/sandbox.sqlite3") as sandbox:
        session = sandbox.session()
        (instance,) = session.client("sso-admin").list_instances()["Instances"]
        client, store = session.client("identitystore"), instance["IdentityStoreId"]
        users = client.list_users(
            IdentityStoreId=store,
            Filters=[{"AttributePath": "UserName", "AttributeValue": user}],
        )["Users"]
        groups = client.list_groups(
            IdentityStoreId=store,
            Filters=[{"AttributePath": "DisplayName", "AttributeValue": group}],
        )["Groups"]
        return users[0]["UserId"], groups[0]["GroupId"]


@pytest.fixture
def john(applied: Path) -> str:
    """Return the identifier of John, of whom the YAML says something else than what is live."""
    user, _ = identifiers(applied, "johndoe", "engineering")
    edit(applied, "users/data.yaml", "title: Data Engineer", "title: Senior Data Engineer")
    edit(applied, "groups/company.yaml", "      - li.juan\n", "")
    return f"user/{user}"


def plan(here: Path, ids: str, *arguments: str) -> Run:
    return command("plan", "--sandbox", "--only-ids", ids, *arguments, cwd=here)


class TestOnlyIds:
    """Finds what the whole plan finds of the object that is named, and claims no more."""

    def test_one_object(self, applied: Path, john: str) -> None:
        run = plan(applied, f"{john} {GONE}")
        assert run.code == 0, run.err
        told = " ".join(run.out.split())
        assert "only what 2 identifiers name (1 of them names nothing that is live" in told
        assert "guards have not judged it" in told
        assert "user/johndoe" in run.out
        assert "li.juan" not in run.out

    def test_nothing_that_is_live(self, applied: Path, john: str) -> None:
        assert john
        found = plan(applied, GONE, "--format", "json").json()
        assert found["changes"] == []
        assert found["source"]["gone_ids"] == found["source"]["only_ids"] == [GONE]
        markdown = plan(applied, GONE, "--format", "markdown").out
        assert "No changes to what was looked at." in markdown
        assert "so what that was is not known" in markdown

    def test_it_is_no_plan_for_apply(self, applied: Path, john: str) -> None:
        assert plan(applied, john, "--out", "plan.json").code == 0
        run = command("apply", "plan.json", "--sandbox", "--auto-approve", cwd=applied)
        assert run.code == ExitCode.STALE_PLAN
        assert "covers only what a few identifiers name" in run.err

    def test_empty_is_everything(self, applied: Path, john: str) -> None:
        """So one command line serves a schedule and an event."""
        assert john
        found = plan(applied, "", "--format", "json")
        assert len(found.changes()) == 2
        assert "only_ids" not in found.json()["source"]


class TestWhereOnlyAWholePlanCanTell:
    """Says so and makes one."""

    def test_a_membership_of_a_group_with_a_rule(self, applied: Path) -> None:
        (applied / "desired-state/ruled.yaml").write_text(
            "groups:\n  - name: ruled\n    members_where: {title: [Data Engineer]}\n"
        )
        assert command("apply", "--sandbox", "--auto-approve", cwd=applied).code == 0
        user, group = identifiers(applied, "johndoe", "ruled")
        run = plan(applied, f"user/{user}+group/{group}")
        assert "known only with all that is live; planning everything" in run.err
        assert "names" not in run.out
        assert "planning everything" not in plan(applied, f"group/{group}").err


class TestMistakes:
    """Are told before any request."""

    def test_no_identifier(self, applied: Path) -> None:
        run = plan(applied, "user/johndoe")
        assert run.code == ExitCode.INVALID_INPUT
        assert "'user/johndoe' is no identifier of an object; expected user/USERID" in run.err

    @pytest.mark.parametrize("other", ["--changed-since=HEAD", "--base=HEAD", "--only-expired"])
    def test_two_ways_to_choose(self, applied: Path, other: str) -> None:
        run = plan(applied, GONE, other)
        assert run.code == ExitCode.INVALID_INPUT
        assert "excludes" in run.err
