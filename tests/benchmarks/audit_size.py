"""The reports of an audit of 10,000 accounts: time and memory, from what is kept of each account.

Every report is made by a process of its own, as a function of AWS Lambda makes it, so that the
peak memory is that of the report alone.
"""

from __future__ import annotations

import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from identity_reconciler.audit.formats.files import FileFormat
from identity_reconciler.audit.inspection import Account, InstanceScope, Site, Visit
from identity_reconciler.audit.keeping import FolderStore
from identity_reconciler.audit.results import encoded
from identity_reconciler.audit.streaming import KeptAnswers, ReportsPlace, make, overview
from identity_reconciler.core.declared import Instance
from identity_reconciler.core.state import (
    Application,
    ApplicationArn,
    Email,
    Group,
    GroupKey,
    GroupName,
    Principal,
    PrincipalKind,
    Provenance,
    State,
    User,
    UserName,
    user_key,
)
from tests.benchmarks.figure import Figure

_GIBIBYTES = 2.0
_SECONDS = 900.0
"""As long as a function of Lambda may take. Source: Lambda quotas."""
_REPORTS = ("access", "applications", "assignments", "duplicates", "instances", "orphans")
_GROUPS_OF_A_USER, _APPLICATIONS_OF_A_GROUP = 4, 5
_NOW = datetime(2026, 3, 1, 5, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Size:
    """How much there is: a twentieth of the accounts show nothing, one has a tenth of the users."""

    accounts: int = 10_000
    users: int = 1_000_000

    def users_of(self, number: int) -> int:
        """Return how many users account *number* has."""
        if not number:
            return self.users // 10
        return 0 if number % 20 == 0 else round(self.users * 0.9 / (self.accounts * 0.95))


def visits(size: Size) -> Iterator[Visit]:
    """Yield what each account answers, by account id; the same every time."""
    chance = random.Random(7)  # noqa: S311 - the same organisation every time
    for number in range(size.accounts):
        about = Account(f"1{number:011}", f"Account {number}", "ACTIVE")
        users = size.users_of(number)
        if users:
            yield Visit(about, (_site(number, users, chance),))
        else:
            yield Visit(about, trouble="sts:AssumeRole for its role: the credentials lack it")


def _site(number: int, users: int, chance: random.Random) -> Site:
    arn = f"arn:aws:sso:::instance/ssoins-{number:016x}"
    account = f"1{number:011}"
    instance = Instance(f"Company {number}", "eu-central-1", account, arn, f"d-{number:010x}")
    names = [f"user{number:05}-{one:06}" for one in range(users)]
    groups = [f"Group {one:04}" for one in range(max(8, users // 100))]
    applications = [
        ApplicationArn(f"arn:aws:sso::{account}:application/ssoins-{number:016x}/apl-{one:016x}")
        for one in range(max(20, users // 500))
    ]
    members: dict[str, set[str]] = {name: set() for name in groups}
    for name in names:
        for group in chance.sample(groups, _GROUPS_OF_A_USER):
            members[group].add(name)
    assignments: dict[ApplicationArn, set[Principal]] = {arn: set() for arn in applications}
    for group in groups:
        for application in chance.sample(applications, _APPLICATIONS_OF_A_GROUP):
            assignments[application].add(Principal(PrincipalKind.GROUP, group.lower()))
    state = State(
        users={user_key(name): _user(name, number) for name in names},
        groups={GroupKey(name.lower()): Group(GroupName(name)) for name in groups},
        members={
            GroupKey(name.lower()): frozenset(map(user_key, found))
            for name, found in members.items()
        },
        applications={
            arn: Application(arn, f"Application {count:03}", account=account)
            for count, arn in enumerate(applications)
        },
        assignments={arn: frozenset(found) for arn, found in assignments.items()},
    )
    scope = InstanceScope.ACCOUNT if number else InstanceScope.ORGANIZATION
    return Site(instance, state, scope, "ACTIVE")


def _user(name: str, number: int) -> User:
    # Every tenth person is in another instance as well.
    other = f"user00000-{int(name[-6:]):06}" if number and name.endswith("0") else name
    return User(
        UserName(name),
        display_name=f"{name.title()} Person",
        given_name=name.title(),
        family_name="Person",
        email=Email(f"{other}@example.com", primary=True),
        provenance=Provenance("2026-01-01T00:00:00Z", enabled=not name.endswith("7")),
    )


def measure(size: Size | None = None) -> tuple[list[Figure], list[str]]:
    """Return the figures, and lines that say where the time goes."""
    whole = size or Size()
    with tempfile.TemporaryDirectory() as name:
        _run(Path(name), "write", whole)
        found = {report: _run(Path(name), report, whole) for report in _REPORTS}
    access = found["access"]
    rows = f"{access['rows']:,.0f} rows"
    others = [found[report] for report in _REPORTS if report != "access"]
    slowest = max(one["seconds"] for one in others)
    figures = [
        _time(f"`access` of {whole.accounts:,} accounts, {whole.users:,} users: {rows}", access),
        _memory("memory of that", access["memory"]),
        _time("the slowest other report of them", {"seconds": slowest}),
        _memory("the most memory of those", max(one["memory"] for one in others)),
    ]
    return figures, [f"{report}: {json.dumps(said)}" for report, said in found.items()]


def _time(what: str, found: dict[str, float]) -> Figure:
    seconds = found["seconds"]
    return Figure(what, f"{seconds:.0f} s", f"{_SECONDS:.0f} s", seconds / _SECONDS, 1.0)


def _memory(what: str, found: float) -> Figure:
    return Figure(what, f"{found:.2f} GiB", f"{_GIBIBYTES:g} GiB", found / _GIBIBYTES, 1.0)


def _write(folder: Path, size: Size) -> None:
    kept = KeptAnswers(FolderStore(folder), "accounts/")
    for visit in visits(size):
        kept.store.put(kept.key(visit.account.account_id), encoded(visit))


def _run(folder: Path, report: str, size: Size) -> dict[str, float]:
    done = subprocess.run(
        [
            sys.executable, "-m", "tests.benchmarks.audit_size",
            str(folder), report, str(size.accounts), str(size.users),
        ],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    found: dict[str, float] = json.loads(done.stdout or "{}")
    return found


def _report(folder: Path, report: str, accounts: int) -> dict[str, float]:
    started, began = time.monotonic(), time.process_time()
    kept = KeptAnswers(FolderStore(folder), "accounts/")
    listed = [Account(f"1{number:011}") for number in range(accounts)]
    formats = tuple(FileFormat)
    made = make(
        report, overview(listed, kept), kept, ReportsPlace(kept.store, "audit/", _NOW, formats)
    )
    return {
        "rows": made.rows,
        "files": made.files,
        "seconds": time.monotonic() - started,
        "cpu": time.process_time() - began,
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
    }


def main() -> None:
    """Do one part, in a process of its own."""
    folder, part, accounts, users = sys.argv[1:]
    if part == "write":
        _write(Path(folder), Size(int(accounts), int(users)))
    else:
        print(json.dumps(_report(Path(folder), part, int(accounts))))


if __name__ == "__main__":
    main()
