"""What a sandbox holds, in numbers."""

from __future__ import annotations

from dataclasses import dataclass

from identity_reconciler.sandbox.store import Row, Store


@dataclass(frozen=True, slots=True)
class ApplicationSummary:
    """One application and how many are assigned to it directly."""

    name: str
    arn: str
    users: int
    groups: int


@dataclass(frozen=True, slots=True)
class InstanceSummary:
    """One instance and what is in its identity store."""

    name: str
    arn: str
    identity_store_id: str
    account: str
    region: str
    users: int
    groups: int
    memberships: int
    applications: tuple[ApplicationSummary, ...]


@dataclass(frozen=True, slots=True)
class Summary:
    """All instances, in the order they were made, and how many accounts there are."""

    instances: tuple[InstanceSummary, ...]
    accounts: int


def summarize(store: Store) -> Summary:
    """Return what *store* holds; to be called inside a transaction."""
    rows = store.execute("SELECT * FROM instances ORDER BY row").fetchall()
    return Summary(
        tuple(_instance(store, row) for row in rows),
        _count(store, "SELECT count(*) AS n FROM accounts"),
    )


def _instance(store: Store, row: Row) -> InstanceSummary:
    numbers = {
        table: _count(store, f"SELECT count(*) AS n FROM {table} WHERE store = ?", row["store"])  # noqa: S608
        for table in ("users", "groups", "memberships")
    }
    applications = store.execute(
        "SELECT * FROM applications WHERE instance = ? ORDER BY name, arn", (row["arn"],)
    ).fetchall()
    return InstanceSummary(
        name=row["name"] or "",
        arn=row["arn"],
        identity_store_id=row["store"],
        account=row["account"],
        region=row["region"],
        applications=tuple(_application(store, one) for one in applications),
        **numbers,
    )


def _application(store: Store, row: Row) -> ApplicationSummary:
    users, groups = (
        _count(
            store,
            "SELECT count(*) AS n FROM assignments WHERE application = ? AND principal_type = ?",
            row["arn"],
            kind,
        )
        for kind in ("USER", "GROUP")
    )
    return ApplicationSummary(row["name"], row["arn"], users, groups)


def _count(store: Store, query: str, *values: str) -> int:
    row = store.one(query, values)
    return int(row["n"]) if row else 0
