"""A change cannot switch off what would refuse it: `plan --base` judges by the guards of both."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from identity_reconciler.errors import ExitCode
from tests.command import Run, command

GUARDS = """
guards:
  protected:
    groups: [break-glass]
  privileged:
    groups:
      - break-glass
  administrators: [janedoe]
  min_members: [{group: break-glass, least: 2}]
  pinned_members: [{group: break-glass, users: [janedoe, akua.mansa]}]
  budgets:
    memberships: {floor: 1, percent: 1, ceiling: 1}
"""
BREAK_GLASS = """groups:
  - name: break-glass
    members:
      - janedoe
      - akua.mansa
"""


def git(here: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=x", "-c", "user.email=x@example.com"]
    subprocess.run(["git", *identity, *arguments], cwd=here, check=True, capture_output=True)


@pytest.fixture(scope="session")
def guarded_once(applied_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a repository with guards and a group for emergencies, all of it live."""
    here = tmp_path_factory.mktemp("guarded")
    subprocess.run(["cp", "-R", f"{applied_once}/.", str(here)], check=True)
    settings = here / "desired-state/instance.yaml"
    settings.write_text(settings.read_text())
    (here / "desired-state/groups/emergency.yaml").write_text(BREAK_GLASS)
    assert command("apply", "--sandbox", "--auto-approve", cwd=here).code == 0
    settings.write_text(settings.read_text() + GUARDS)
    git(here, "init", "-q")
    git(here, "add", "desired-state")
    git(here, "commit", "-qm", "guarded")
    return here


@pytest.fixture
def here(guarded_once: Path, tmp_path: Path) -> Path:
    subprocess.run(["cp", "-R", f"{guarded_once}/.", str(tmp_path)], check=True)
    return tmp_path


def change(here: Path, file: str, old: str, new: str) -> None:
    """Replace *old* by *new* in a file of the desired state."""
    path = here / "desired-state" / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def plan(here: Path, *options: str) -> Run:
    return command("plan", "--sandbox", "--base", "HEAD", *options, cwd=here)


def planned(here: Path) -> tuple[Run, dict[str, object]]:
    run = plan(here, "--format", "json")
    return run, run.json()


def join(here: Path) -> None:
    """Put the attacker into the group for emergencies."""
    change(
        here,
        "groups/emergency.yaml",
        "      - akua.mansa\n",
        "      - akua.mansa\n      - li.juan\n",
    )


def told(document: dict[str, object]) -> list[str]:
    """Return what the section Control says, each with its line."""
    control = document.get("control", {})
    assert isinstance(control, dict)
    return [
        f"{one['text']} ({one['source']['file']}:{one['source']['line']})"
        for one in control.get("loosened", ())
    ]


class TestGuardsThatGoInTheSameChange:
    """What the guards of the base refuse is refused, however the change treats its guards."""

    @pytest.mark.parametrize(
        "loosen",
        [
            lambda here: change(here, "instance.yaml", GUARDS, ""),
            lambda here: change(here, "instance.yaml", "break-glass", "brake-glass"),
        ],
        ids=["deleted", "misspelled"],
    )
    def test_is_blocked_by_those_of_the_base(
        self, here: Path, loosen: Callable[[Path], None]
    ) -> None:
        join(here)
        loosen(here)
        run, document = planned(here)
        assert run.code == ExitCode.GUARD
        guards = document["guards"]
        assert isinstance(guards, list)
        by_base = {one["guard"] for one in guards if one.get("by_base")}
        assert {"privileged", "pinned_members"} <= by_base
        text = plan(here).out
        assert "merge the change of the settings by itself first" in text
        assert text.index("Control: ") < text.index("Blocked by ")
        assert "instance.yaml:" in text.partition("Blocked by")[0]
        assert "No guard refuses" not in plan(here, "--format", "markdown").out

    def test_a_budget_that_is_raised(self, here: Path) -> None:
        change(
            here, "instance.yaml", "{floor: 1, percent: 1, ceiling: 1}", "{floor: 9, ceiling: 9}"
        )
        change(here, "groups/company.yaml", "      - li.juan\n      - mateo.jackson\n", "")
        run, document = planned(here)
        assert run.code == ExitCode.GUARD
        keys = [line.split(" ")[0] for line in told(document)]
        assert keys == [
            "guards.budgets.memberships.floor",
            "guards.budgets.memberships.percent",
            "guards.budgets.memberships.ceiling",
        ]

    def test_merged_by_itself_first_it_passes(self, here: Path) -> None:
        """That is the way out."""
        change(here, "instance.yaml", GUARDS, "")
        alone = plan(here)
        assert alone.code == 0
        assert "Control: 8 points looser than at HEAD" in alone.out
        git(here, "commit", "-qam", "settings")
        join(here)
        run = plan(here)
        assert run.code == 0
        assert "Control" not in run.out

    def test_a_saved_plan_is_refused_by_apply(self, here: Path) -> None:
        join(here)
        change(here, "instance.yaml", GUARDS, "")
        assert plan(here, "--out", "plan.json").code == ExitCode.GUARD
        shown = command("show", "plan.json", cwd=here)
        assert "Control: 8 points looser than at HEAD" in shown.out
        for arguments in (("plan.json",), ("--approved", "plan.json")):
            run = command("apply", *arguments, "--sandbox", "--auto-approve", cwd=here)
            assert run.code == ExitCode.GUARD
            assert "merge a change of the guards' settings by itself first" in run.err
        after = command("plan", "--sandbox", "--format", "json", cwd=here).json()
        assert [one["address"] for one in after["changes"]] == ["membership/break-glass/li.juan"]

    def test_since_a_revision_it_is_the_same(self, here: Path) -> None:
        """Settings that differ make a whole plan of `--changed-since`, and not one without base."""
        join(here)
        change(here, "instance.yaml", GUARDS, "")
        run = command("plan", "--sandbox", "--changed-since", "HEAD", cwd=here)
        assert run.code == ExitCode.GUARD
        assert "Control: 8 points" in run.out

    def test_what_was_only_pending_is_not_blamed_on_nobody(self, here: Path) -> None:
        """The guards that stay judge as before, with the approval to paste."""
        join(here)
        _, document = planned(here)
        guards = document["guards"]
        assert isinstance(guards, list)
        assert not any(one.get("by_base") for one in guards)
        assert all(one["approval"] for one in guards)
        assert told(document) == []


LEDGER = """  - name: Ledger
    assignments:
      groups:
        - {group: auditors, expires: 2030-03-31, reason: FIN-204}
        - finance
"""
LESS = {
    "group/break-glass is external now: it is only referred to, and not managed",
    "group/auditors has no key `members` any more: who is in it is not managed",
    "group/AWS_Applied_Scientists is not declared any more: nothing here manages it",
    "application Ledger has no key `assignments` any more: who is assigned is not managed",
}


class TestWhatIsManagedLess:
    """A change that leaves something alone has no changes to show, and says so above all."""

    @pytest.fixture
    def left_alone(self, here: Path) -> Path:
        external = "groups:\n  - name: break-glass\n    state: external\n"
        change(here, "groups/emergency.yaml", BREAK_GLASS, external)
        change(here, "applications.yaml", LEDGER, "  - name: Ledger\n")
        change(here, "applications.yaml", "        - AWS_Applied_Scientists\n", "")
        for file, name in (("company", "auditors"), ("data", "AWS_Applied_Scientists")):
            path = here / f"desired-state/groups/{file}.yaml"
            head, _, _ = path.read_text().partition(f"  - name: {name}\n")
            path.write_text(head + ("  - name: auditors\n" if name == "auditors" else ""))
        return here

    def test_since_a_revision(self, left_alone: Path) -> None:
        options = ("--changed-since", "HEAD", "--format", "json")
        document = command("plan", "--sandbox", *options, cwd=left_alone).json()
        assert {line.rpartition(" (")[0] for line in told(document)} == LESS
        assert "groups/emergency.yaml:2" in told(document)[0], "what guards name comes first"
        assert document["source"]["changed_since"] == "HEAD"

    def test_with_the_settings(self, left_alone: Path) -> None:
        change(left_alone, "instance.yaml", "    - AWSSecurity*", "    - AWSS*\n    - legacy-*")
        change(left_alone, "instance.yaml", "users: declared", "users: reference")
        change(left_alone, "instance.yaml", "memberships: authoritative", 'memberships: "off"')
        for path in (left_alone / "desired-state/users").iterdir():
            path.unlink()
        for output in ("text", "markdown"):
            shown = " ".join(plan(left_alone, "--format", output).out.split())
            assert "Control: 7 points looser than at" in shown
            for line in (
                'ignore.groups has "AWSS*" now: groups that it matches are not managed',
                'ignore.groups has "legacy-*" now: groups that it matches are not managed',
                "manage.users is reference, was declared: users are only looked up",
                "manage.memberships is off, was authoritative: no list of groups is managed",
                *(line for line in LESS if "members" not in line),
            ):
                assert line in shown

    def test_the_whole_instance(self, here: Path) -> None:
        """A directory of several, of which one goes."""
        root = here / "desired-state"
        (here / "all").mkdir()
        root.rename(here / "all/main")
        other = here / "all/other"
        subprocess.run(["cp", "-R", str(here / "all/main"), str(other)], check=True)
        settings = other / "instance.yaml"
        text = settings.read_text().replace("name: main", "name: other")
        settings.write_text(text.replace("d-1234567890", "d-0987654321"))
        git(here, "add", "all")
        git(here, "commit", "-qm", "two")
        subprocess.run(["rm", "-r", str(other)], check=True)
        run = command("plan", "all", "--sandbox", "--base", "HEAD", "--format", "json", cwd=here)
        (line,) = told(run.json())
        assert line.startswith("instance other (d-0987654321) is not declared any more")

    def test_a_directory_that_moves_keeps_its_base(self, here: Path) -> None:
        (here / "all").mkdir()
        (here / "desired-state").rename(here / "all/main")
        git(here, "add", "all")
        git(here, "commit", "-qm", "moved")
        (here / "all/main").rename(here / "all/renamed")
        settings = here / "all/renamed/instance.yaml"
        settings.write_text(settings.read_text().replace(GUARDS, ""))
        run = command("plan", "all", "--sandbox", "--base", "HEAD", cwd=here)
        assert "Control: 8 points looser than at HEAD" in run.out

    def test_a_base_that_cannot_be_read_is_told(self, here: Path) -> None:
        """Nobody can say that nothing was loosened."""
        (here / "desired-state/broken.yaml").write_text("nonsense: true\n")
        git(here, "add", "desired-state")
        git(here, "commit", "-qm", "broken")
        (here / "desired-state/broken.yaml").unlink()
        run, document = planned(here)
        assert run.code == 0
        assert told(document)[0].startswith("the desired state of the base has problems")


class TestApprovals:
    """One that is new passes, for it is reviewed with the change, but never silently."""

    def test_is_listed_with_addresses_and_reason(self, here: Path) -> None:
        join(here)
        blocked = plan(here).out
        assert "Control" not in blocked
        entries = "".join(
            f"  - guard: {guard}\n    approved_on: {{day}}\n    expires: {{day}}\n"
            f"    reason: TICKET-9 because\n    addresses: [{address}]\n"
            for guard, address in (
                ("privileged", "membership/break-glass/li.juan"),
                ("pinned_members", "group/break-glass"),
            )
        )
        day = command("plan", "--sandbox", "--format", "json", cwd=here).json()["as_of"][:10]
        text = "approvals:\n" + entries.replace("{day}", day)
        (here / "desired-state/approvals.yaml").write_text(text)
        run, document = planned(here)
        assert run.code == 0
        assert told(document) == [
            f"new approval of {guard} for 1 named, through {day}: TICKET-9 because"
            f" (approvals.yaml:{line})"
            for guard, line in (("privileged", 2), ("pinned_members", 7))
        ]
        for output in ("text", "markdown"):
            top = plan(here, "--format", output).out.partition("Approved exceptions")[0]
            assert "membership/break-glass/li.juan" in top
            assert "TICKET-9 because" in top
        assert "**No guard refuses this plan.**" not in plan(here, "--format", "markdown").out
        git(here, "add", "desired-state/approvals.yaml")
        git(here, "commit", "-qm", "approved")
        assert "Control" not in plan(here).out


class TestNamesThatMatchNothing:
    """A guard that names nobody guards nothing, which the plan tells; what is only live is fine."""

    def test_a_slip_is_told_with_a_suggestion(self, here: Path) -> None:
        change(here, "instance.yaml", "administrators: [janedoe]", "administrators: [janedo]")
        line = (here / "desired-state/instance.yaml").read_text().splitlines()
        at = next(number for number, text in enumerate(line, 1) if "janedo]" in text)
        valid = command("validate", cwd=here)
        assert valid.code == 0
        assert f"note: instance.yaml:{at}:" in valid.err
        assert 'matches nothing that is declared; did you mean "janedoe"?' in valid.err
        examined = command("doctor", "--sandbox", cwd=here)
        assert examined.code == 1
        assert f"PROBLEM settings: instance.yaml:{at}:" in examined.out
        run = command("plan", "--sandbox", "--format", "json", cwd=here)
        assert run.code == 0
        (one,) = run.json()["control"]["unmatched"]
        assert one["text"] == (
            'guards.administrators: "janedo" matches nothing that is declared or live; '
            'did you mean "janedoe"?'
        )
        assert one["source"]["line"] == at

    def test_what_is_only_live_is_matched(self, here: Path) -> None:
        """Its declaration may go, and the name still guards what is live."""
        (here / "desired-state/groups/emergency.yaml").unlink()
        run = command("plan", "--sandbox", "--format", "json", cwd=here)
        assert "control" not in run.json()

    def test_other_services_may_make_what_is_ignored(self, here: Path) -> None:
        """Nothing of Control Tower is live here, and that is no news."""
        assert "Control" not in command("plan", "--sandbox", cwd=here).out


def test_the_format_grows_compatibly(here: Path) -> None:
    join(here)
    assert plan(here, "--out", "plan.json").code == ExitCode.GUARD
    assert json.loads((here / "plan.json").read_text())["format_version"] == "1.3"
