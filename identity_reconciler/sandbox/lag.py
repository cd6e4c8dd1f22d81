"""Lists that lag behind: they show the state of a moment ago.

SQLite keeps what rows looked like before they were changed or deleted, in temporary tables that
only this process has, filled by temporary triggers. Without lag none of it exists.
"""

# Table and column names come from the schema, numbers from the clock.
# ruff: noqa: S608

from __future__ import annotations

from collections.abc import Callable

from identity_reconciler.sandbox.store import Store

TABLES = ("users", "groups", "memberships", "assignments", "account_assignments", "entitlements")
"""What lags. Instances and applications do not: nothing is known of them."""


def keep_history(store: Store, clock: Callable[[], float]) -> None:
    """Keep the former versions of rows from now on."""
    store.add_function("sandbox_now", clock)
    for table in TABLES:
        # Rows are compared by number, which SQLite does not enforce on a copy.
        store.execute(
            f"CREATE TEMP TABLE IF NOT EXISTS {table}_former AS "
            f"SELECT *, 0.0 AS until FROM main.{table} WHERE 0"
        )
        columns = store.columns(table)
        former = ", ".join(f"old.{name}" for name in columns)
        for event in ("UPDATE", "DELETE"):
            store.execute(
                f"CREATE TEMP TRIGGER IF NOT EXISTS {table}_{event} AFTER {event} ON main.{table} "
                f"BEGIN INSERT INTO {table}_former VALUES ({former}, sandbox_now()); END"
            )


def forget_history(store: Store) -> None:
    """Stop keeping former versions, and drop those there are."""
    for table in TABLES:
        for event in ("UPDATE", "DELETE"):
            store.execute(f"DROP TRIGGER IF EXISTS temp.{table}_{event}")
        store.execute(f"DROP TABLE IF EXISTS temp.{table}_former")


def as_of(store: Store, table: str, horizon: float) -> str:
    """Return SQL for the rows of *table* as they were at *horizon*, in seconds since 1970."""
    columns = ", ".join(store.columns(table))
    then = repr(float(horizon))
    former = f"SELECT row FROM temp.{table}_former WHERE until > {then}"
    return (
        f"(SELECT {columns} FROM main.{table} WHERE created <= {then} AND row NOT IN ({former}) "
        f"UNION ALL SELECT {columns} FROM "
        f"(SELECT *, min(until) FROM temp.{table}_former "
        f"WHERE until > {then} AND created <= {then} GROUP BY row))"
    )
