"""The wall time of a full live read against the time that the busiest quota alone takes.

The sandbox runs in a process of its own, answers after a while, and throttles as AWS does. Its
true limit is the documented one, which is what we start from, or half of it.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections import Counter
from pathlib import Path

import boto3

from identity_reconciler.gateway import Wanted
from identity_reconciler.gateway.aws import AwsGateway, connect
from identity_reconciler.gateway.wire.clients import make_clients
from identity_reconciler.sandbox import InstanceDetails, Sandbox
from tests.benchmarks.figure import Figure
from tests.benchmarks.worlds import Size, fill, instance
from tests.sandbox.serving import Served, serving

SIZE = Size(10_000, 1_000, 50_000, 100, 2_000)
_DOCUMENTED = 20.0
_PLAIN = "the documented limit"
_USUAL = 0.05
"""Seconds that an answer takes."""
_EVERYTHING = Wanted(
    users=True,
    groups=True,
    applications=True,
    members_of=lambda _: True,
    assignments_of=lambda _: True,
    length_of=lambda _: 0,
)


def measure(
    rate: float = _DOCUMENTED, target: float = 1.05, latency: float = _USUAL
) -> tuple[list[Figure], list[str]]:
    """Return the figures for a true limit of *rate* requests a second, and what was sent.

    Answers take *latency* seconds; the whole *target* times what the quota alone takes at most.
    """
    with tempfile.TemporaryDirectory() as name:
        here = Path(name)
        state = here / "sandbox.sqlite3"
        with Sandbox(state) as sandbox:
            sandbox.ensure_instance(InstanceDetails())
            fill(sandbox, SIZE)
        trouble = here / "trouble.json"
        trouble.write_text(
            json.dumps(
                {
                    "throttle": {"rate": rate, "burst": _DOCUMENTED},
                    "latency": {"least": latency, "most": latency},
                }
            )
        )
        with serving(here, "--state", str(state), "--trouble", str(trouble)) as served:
            gateway = _gateway(served)
            started = time.monotonic()
            found = gateway.read_state(_EVERYTHING)
            seconds = time.monotonic() - started
    if (len(found.users), len(found.groups)) != (SIZE.users, SIZE.groups):
        raise RuntimeError("the read is not complete")
    limit = _PLAIN if rate == _DOCUMENTED else f"a limit of {rate:g}/s, not 20/s"
    if latency != _USUAL:
        limit += f", with answers after {latency * 1000:g} ms"
    return _figures(gateway, (seconds, target), rate, limit)


def _gateway(served: Served) -> AwsGateway:
    session = boto3.Session(
        served.exports["AWS_ACCESS_KEY_ID"],
        served.exports["AWS_SECRET_ACCESS_KEY"],
        region_name=instance().region,
    )
    clients = make_clients(session, region=instance().region, endpoint_url=served.url)
    return connect(clients, instance())


def _figures(
    gateway: AwsGateway, measured: tuple[float, float], rate: float, limit: str
) -> tuple[list[Figure], list[str]]:
    seconds, target = measured
    totals = gateway.requests.totals()
    quotas: Counter[str] = Counter()
    for one in totals:
        quota = one.service if one.service == "sso-admin" else one.operation
        quotas[quota] += one.requests - one.throttled
    busiest, requests = quotas.most_common(1)[0]
    needed = requests / rate
    sent = sum(one.requests for one in totals)
    throttled = sum(one.throttled for one in totals)
    figures = [
        Figure(
            f"full live read under {limit}",
            f"{seconds:.1f} s",
            f"{needed:.1f} s: {requests:,} {busiest} at {rate:g}/s",
            seconds / needed,
            target,
        )
    ]
    if limit == _PLAIN:
        figures.append(
            Figure(
                "throttled answers in that read",
                f"{throttled}",
                f"1 % of {sent:,} requests",
                throttled / (sent / 100),
                1.0,
            )
        )
    return figures, [f"full live read under {limit}: {throttled} of {sent} requests throttled"]
