"""`--timings` and `--rate`: where the time goes, and how fast AWS may be asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from identity_reconciler.cli.app import command as program
from identity_reconciler.cli.options import parse_rates
from identity_reconciler.cli.output import Progress, Timings, timings_text
from identity_reconciler.desired.reading.loader import load
from identity_reconciler.errors import UsageError
from identity_reconciler.gateway.wire.pacing import Rates
from identity_reconciler.gateway.wire.tally import Tally
from identity_reconciler.runs.survey import Outlook, outlook
from tests.command import Run, command, edit
from tests.sandbox.serving import serving

COLUMNS = 5
TABLE = """\
operation                requests  waited s  throttled  failed
identitystore:ListUsers         2       1.5          1       0
sts:GetCallerIdentity           1       0.0          0       1
time  load 1.00 s, read 3.00 s"""


class TestTable:
    """One line per operation, then the phases in their order."""

    def test_text(self) -> None:
        ticks = iter([0.0, 1.0, 1.0, 3.0, 4.0, 5.0])
        timings = Timings(lambda: next(ticks))
        for name in ("load", "read", "read"):
            with timings.phase(name):
                pass
        tally = Tally()
        tally.sent("identitystore", "ListUsers", waited=0.5)
        tally.throttled("identitystore", "ListUsers")
        tally.sent("identitystore", "ListUsers", waited=1.0)
        tally.sent("sts", "GetCallerIdentity", waited=0.0)
        tally.failed("sts", "GetCallerIdentity")
        timings.tallies.append(tally)
        assert timings_text(timings) == TABLE

    def test_of_a_plan_goes_to_stderr(self, applied: Path) -> None:
        run = command("plan", "--sandbox", "--timings", "--format", "json", cwd=applied)
        assert run.json()["changes"] == []
        assert "identitystore:ListUsers  " in run.err
        assert "time  load " in run.err
        for phase in ("read", "plan", "render"):
            assert f", {phase} " in run.err

    def test_of_an_apply(self, here: Path) -> None:
        run = command("apply", "--sandbox", "--auto-approve", "--timings", cwd=here)
        assert run.code == 0
        assert "identitystore:CreateUser  " in run.err

    def test_is_there_even_when_the_apply_fails(self, applied: Path) -> None:
        edit(applied, "users/data.yaml", "title: Data Engineer", "title: Engineer")
        with (applied / "desired-state/instance.yaml").open("a") as settings:
            settings.write("\nguards:\n  expect_live: {users: 999}\n")
        run = command("apply", "--sandbox", "--auto-approve", "--timings", cwd=applied)
        assert run.code == 4
        assert "identitystore:ListUsers  " in run.err


def sent(run: Run) -> Counter[str]:
    """Return the requests that `--timings` tells of, by operation."""
    rows = (line.split() for line in run.err.splitlines())
    return Counter(
        {row[0]: int(row[1]) for row in rows if len(row) == COLUMNS and row[0].count(":") == 1}
    )


class TestApply:
    """Everything is read once, and afterwards what was touched: alone, or in lists."""

    def test_one_change_is_described(self, applied: Path) -> None:
        plan = sent(command("plan", "--sandbox", "--timings", cwd=applied))
        edit(applied, "users/data.yaml", "title: Data Engineer", "title: Engineer")
        run = command("apply", "--sandbox", "--auto-approve", "--timings", cwd=applied)
        assert "Verified: nothing is left to do." in run.out
        found = sent(run) - plan
        assert found.pop("identitystore:UpdateUser") == 1
        assert found.pop("identitystore:UpdateGroup") == 2, "the lease is taken, and given back"
        assert found.keys() == {"identitystore:DescribeUser"}

    def test_many_are_listed(self, here: Path) -> None:
        """Nobody is there before, 12 users afterwards: a page of them, and of each group."""
        plan = sent(command("plan", "--sandbox", "--timings", cwd=here))
        run = command("apply", "--sandbox", "--auto-approve", "--timings", cwd=here)
        assert "Verified: nothing is left to do." in run.out
        found = Counter({one: n for one, n in sent(run).items() if ":Create" not in one}) - plan
        groups = len(load(here / "desired-state").groups)
        assert found.pop("identitystore:ListGroupMemberships") <= groups
        assert found.pop("identitystore:ListUsers") == 1
        assert found.pop("identitystore:ListGroups") == 1
        assert found.pop("identitystore:UpdateGroup") == 1, "the lease is given back"
        assert found == {"sso-admin:DescribeApplicationAssignment": 7}

    def test_a_saved_plan_reads_lists_too(self, here: Path) -> None:
        """Before and afterwards; who has the addresses that 12 users get is told by the list."""
        assert command("plan", "--sandbox", "--out", "plan.json", cwd=here).code == 0
        options = ("--sandbox", "--auto-approve", "--timings")
        run = command("apply", "plan.json", *options, cwd=here)
        assert "Verified: nothing is left to do." in run.out
        found = sent(run)
        assert found["identitystore:ListUsers"] == found["identitystore:ListGroups"] == 2
        assert found["identitystore:GetUserId"] == found["identitystore:DescribeUser"] == 0

    def test_what_remains_is_named(self, applied: Path) -> None:
        edit(applied, "users/data.yaml", "title: Data Engineer", "title: Engineer")
        (applied / "trouble.json").write_text(
            '{"faults": [{"operation": "UpdateUser", "code": "AccessDeniedException"}]}'
        )
        state = str(applied / ".identity-reconciler/sandbox.sqlite3")
        with serving(applied, "--state", state, "--trouble", "trouble.json") as served:
            options = ("--auto-approve", "--endpoint-url", served.url)
            run = command("apply", *options, cwd=applied, **served.exports)
        assert run.code == 1
        assert "what remains (1 change):" in run.err
        assert run.out.splitlines()[-1].split() == ["!", "not", "in", "place", "user/johndoe"]


class TestRate:
    """One number for both quotas, or one for each."""

    @pytest.mark.parametrize(
        ("text", "rates"),
        [
            (None, None),
            ("10", Rates(10, 10)),
            ("0.5", Rates(0.5, 0.5)),
            ("sso-admin=5", Rates(sso_admin=5)),
            ("identitystore=40, sso-admin=10", Rates(sso_admin=10, identity_store=40)),
        ],
    )
    def test_is_read(self, text: str | None, rates: Rates | None) -> None:
        assert parse_rates(text) == rates

    @pytest.mark.parametrize("text", ["", "fast", "0", "-1", "nan", "inf", "sts=5", "sso-admin="])
    def test_anything_else_is_refused(self, text: str) -> None:
        with pytest.raises(UsageError, match="expected requests a second"):
            parse_rates(text)

    def test_comes_from_the_environment_too(self, here: Path) -> None:
        run = command("plan", "--sandbox", cwd=here, IDENTITY_RECONCILER_RATE="slow")
        assert run.code == 3
        assert "--rate slow" in run.err


def commands(group: Any, *names: str) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:  # noqa: ANN401 - Typer's own
    """Yield each command below *group* by its names, with its options."""
    for name, found in group.commands.items():
        if hasattr(found, "commands"):
            yield from commands(found, *names, name)
        else:
            yield (*names, name), {one.name: one for one in found.params}


REPOSITORY = ("--repository", "a/b", "--repository-id", "7")
ASKING = {names: options for names, options in commands(program()) if "endpoint_url" in options}
"""The commands that may ask AWS."""


class TestEveryRead:
    """Whatever may ask AWS may be told how fast."""

    def test_there_are_many(self) -> None:
        assert len(ASKING) > 15

    @pytest.mark.parametrize("names", ASKING, ids=" ".join)
    def test_takes_a_rate(self, names: tuple[str, ...]) -> None:
        rate = ASKING[names].get("rate")
        assert rate is not None
        assert rate.envvar == "IDENTITY_RECONCILER_RATE"

    @pytest.mark.parametrize(
        "arguments",
        [
            ("doctor",),
            ("audit", "access"),
            ("audit", "instances", "--organization", "--role", "Reader"),
            ("iam-policy", "apply", "--live"),
            (
                "iam-policy",
                "cloudformation",
                "--live",
                "--repository",
                "a/b",
                "--repository-id",
                "7",
            ),
        ],
        ids=" ".join,
    )
    def test_heeds_it(self, applied: Path, arguments: tuple[str, ...]) -> None:
        run = command(*arguments, "--sandbox", cwd=applied, IDENTITY_RECONCILER_RATE="slow")
        assert run.code == 3
        assert "--rate slow: expected requests a second" in run.err


class TestOutlook:
    """What is announced is what is sent, where as much is live as is declared."""

    def test_of_the_example(self, applied: Path) -> None:
        run = command("plan", "--sandbox", "--timings", cwd=applied)
        table = [line.split() for line in run.err.splitlines() if ":" in line and "  " in line]
        sent = {row[0]: int(row[1]) for row in table if row[0].count(":") == 1 and len(row) == 5}
        checks = sent.pop("sso-admin:ListInstances") + sent.pop("sts:GetCallerIdentity")
        checks += sent.pop("identitystore:GetGroupId") + sent.pop("identitystore:DescribeGroup")
        assert checks == 4, "whether it is this instance, and who applies now"
        declared = load(applied / "desired-state")
        assert sum(sent.values()) == outlook(declared, Rates()).requests


class TestLongRead:
    """Is announced with its requests and seconds; a short one is not."""

    def test_is_announced(self, capsys: pytest.CaptureFixture[str]) -> None:
        with Progress().reading("reading", lambda: 0, Outlook(requests=1_312, seconds=50.4)):
            pass
        assert "about 1312 requests and 50 s" in capsys.readouterr().err

    def test_a_short_one_is_not(self, capsys: pytest.CaptureFixture[str]) -> None:
        with Progress().reading("reading", lambda: 0, Outlook(requests=30, seconds=2.0)):
            pass
        assert capsys.readouterr().err == ""
