"""The wall time of writes against the time that the busiest quota alone takes.

The sandbox runs in a process of its own, answers after a while, and throttles as AWS does. Each of
the plans is one wave, and applied with everything that an apply notes in its journal.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import boto3

from identity_reconciler.core.plan import Change, Create, Delete, Plan, ordered
from identity_reconciler.core.state import ApplicationArn, Assignment, Membership, Resource, State
from identity_reconciler.gateway.aws import AwsGateway, connect
from identity_reconciler.gateway.wire.clients import make_clients
from identity_reconciler.gateway.wire.operations import Purpose
from identity_reconciler.runs.applier import Manner, Outcome, Patience, apply_plan
from identity_reconciler.runs.journal import JournalFile
from identity_reconciler.runs.lanes import Lanes
from tests.benchmarks.figure import Figure
from tests.benchmarks.worlds import Size, empty_sandbox, instance, live_state
from tests.sandbox.serving import Served, serving

SIZE = Size(500, 50, 1_000, 10, 200)
_MORE = Size(500, 50, 1_200, 10, 200)
_RATE = 20.0
_TARGET = 1.1


def measure(latency: float = 0.1) -> tuple[list[Figure], list[str]]:
    """Return the figures for answers that take *latency* seconds."""
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as name:
        here = Path(name)
        arns = empty_sandbox(here / "sandbox.sqlite3", SIZE)
        with serving_slowly(here, latency) as served:
            gateway = _gateway(served)
            for what, plan in _plans(arns).items():
                before = _quotas(gateway)
                started = time.monotonic()
                _apply(gateway, plan, here / "journal")
                seconds = time.monotonic() - started
                busiest, requests = (_quotas(gateway) - before).most_common(1)[0]
                figures.append(
                    Figure(
                        f"{what}, answers taking {latency * 1000:g} ms",
                        f"{seconds:.1f} s",
                        f"{requests / _RATE:.1f} s: {requests:,} {busiest} at {_RATE:g}/s",
                        seconds / (requests / _RATE),
                        _TARGET,
                    )
                )
            throttled = sum(one.throttled for one in gateway.requests.totals())
            total = gateway.requests.total
    return figures, [f"writes, {latency * 1000:g} ms: {throttled} of {total} requests throttled"]


@contextmanager
def serving_slowly(here: Path, latency: float) -> Iterator[Served]:
    """Serve the sandbox in *here* with the quotas of AWS, and answers after *latency* seconds."""
    trouble = {
        "throttle": {"rate": _RATE, "burst": _RATE},
        "latency": {"least": latency, "most": latency},
    }
    (here / "trouble.json").write_text(json.dumps(trouble))
    with serving(here, "--state", "sandbox.sqlite3", "--trouble", "trouble.json") as served:
        yield served


def _gateway(served: Served) -> AwsGateway:
    session = boto3.Session(
        served.exports["AWS_ACCESS_KEY_ID"],
        served.exports["AWS_SECRET_ACCESS_KEY"],
        region_name=instance().region,
    )
    region = instance().region
    clients = make_clients(session, region=region, endpoint_url=served.url, purpose=Purpose.APPLY)
    return connect(clients, instance())


def _plans(arns: list[str]) -> Mapping[str, Plan]:
    """Return what is to be applied, one after the other."""
    live = live_state(SIZE)
    links = _memberships(live)
    more = [one for one in _memberships(live_state(_MORE)) if one not in set(links)]
    assigned = _assignments(live, arns)
    users, groups = [*live.users.values()], [*live.groups.values()]
    everything: list[Resource] = [*users, *groups, *links, *assigned]
    taken: list[Resource] = [*[*links, *more][:1_150], *assigned[:190]]
    return {
        f"creating {len(everything):,} objects": _in_one_wave(Create(one) for one in everything),
        f"adding {len(more)} memberships": _in_one_wave(Create(one) for one in more),
        "revoking 1,150 memberships and 190 assignments": _in_one_wave(
            Delete(one) for one in taken
        ),
        "deleting 450 users and 45 groups": _in_one_wave(
            Delete(one) for some in (users[:450], groups[:45]) for one in some
        ),
    }


def _memberships(state: State) -> list[Membership]:
    return [state.membership(group, user) for group, some in state.members.items() for user in some]


def _assignments(state: State, arns: list[str]) -> list[Assignment]:
    return [
        state.assignment(ApplicationArn(arn), principal)
        for arn, some in zip(arns, state.assignments.values(), strict=True)
        for principal in some
    ]


def _in_one_wave(changes: Iterable[Change]) -> Plan:
    listed = ordered(changes)
    return Plan(listed, waves={change.key: 0 for change in listed})


def _apply(gateway: AwsGateway, plan: Plan, directory: Path) -> None:
    manner = Manner(lanes=Lanes(gateway.writes_at_once))
    with JournalFile(directory, lambda: datetime.now(UTC), {}) as journal:
        results = list(apply_plan(plan, gateway, journal, Patience(time.sleep), manner))
    if [one.outcome for one in results] != [Outcome.APPLIED] * len(plan.changes):
        raise RuntimeError("not everything was applied")


def _quotas(gateway: AwsGateway) -> Counter[str]:
    """Return how many requests there were that were not throttled, by the name of the quota."""
    found: Counter[str] = Counter()
    for one in gateway.requests.totals():
        quota = one.service if one.service == "sso-admin" else one.operation
        found[quota] += one.requests - one.throttled
    return found
