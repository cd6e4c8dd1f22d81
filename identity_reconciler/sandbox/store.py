"""The data of the sandbox in one SQLite file: every request is one transaction.

What was answered is on disk: killing the process loses nothing. Several processes may use one
file. Row numbers only grow (AUTOINCREMENT), so a page token that points at a deleted row still
leads to the next one.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from identity_reconciler.sandbox.errors import StateFileError

APPLICATION_ID = 0x49525342
"""SQLite's file-format tag that marks a file as ours: the letters IRSB."""
SCHEMA_VERSION = 3

_BUSY_TIMEOUT = 60.0
"""Seconds to wait for another process's transaction."""

_CHECKPOINT = 150
"""Pages that are written before one request moves them all to the file, which takes it 3 ms.

With SQLite's 1,000, each hundredth write takes 7 ms, and with 250 one that touches 2,000 accounts
takes 6; with 100, all of them take longer together.
"""

_SCHEMA = """
CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE secrets (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE documents (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE accounts (
  row INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL,
  email TEXT NOT NULL, state TEXT NOT NULL, joined REAL NOT NULL);
CREATE TABLE credentials (
  access_key TEXT PRIMARY KEY, account TEXT NOT NULL, arn TEXT NOT NULL, user_id TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE instances (
  row INTEGER PRIMARY KEY AUTOINCREMENT, arn TEXT NOT NULL UNIQUE, store TEXT NOT NULL UNIQUE,
  account TEXT NOT NULL, region TEXT NOT NULL, regions TEXT NOT NULL, name TEXT,
  organization INTEGER NOT NULL, status TEXT NOT NULL, created REAL NOT NULL,
  permission_sets INTEGER NOT NULL, encryption TEXT, access TEXT, network TEXT);
CREATE TABLE users (
  row INTEGER PRIMARY KEY AUTOINCREMENT, store TEXT NOT NULL, id TEXT NOT NULL,
  name_key TEXT NOT NULL, email_key TEXT, revision INTEGER NOT NULL, document TEXT NOT NULL,
  created REAL NOT NULL, created_by TEXT NOT NULL, updated REAL NOT NULL, updated_by TEXT NOT NULL,
  UNIQUE (store, id), UNIQUE (store, name_key));
CREATE INDEX users_store ON users (store);
CREATE INDEX users_email ON users (store, email_key) WHERE email_key IS NOT NULL;
CREATE TABLE groups (
  row INTEGER PRIMARY KEY AUTOINCREMENT, store TEXT NOT NULL, id TEXT NOT NULL,
  name_key TEXT NOT NULL, revision INTEGER NOT NULL, document TEXT NOT NULL,
  created REAL NOT NULL, created_by TEXT NOT NULL, updated REAL NOT NULL, updated_by TEXT NOT NULL,
  UNIQUE (store, id), UNIQUE (store, name_key));
CREATE INDEX groups_store ON groups (store);
CREATE TABLE external_ids (
  kind TEXT NOT NULL, store TEXT NOT NULL, issuer TEXT NOT NULL, external_id TEXT NOT NULL,
  object_row INTEGER NOT NULL, PRIMARY KEY (kind, store, issuer, external_id)) WITHOUT ROWID;
CREATE INDEX external_ids_object ON external_ids (kind, object_row);
CREATE TABLE memberships (
  row INTEGER PRIMARY KEY AUTOINCREMENT, store TEXT NOT NULL, id TEXT NOT NULL,
  group_id TEXT NOT NULL, user_id TEXT NOT NULL,
  created REAL NOT NULL, created_by TEXT NOT NULL,
  UNIQUE (store, id), UNIQUE (store, group_id, user_id));
CREATE INDEX memberships_group ON memberships (store, group_id);
CREATE INDEX memberships_user ON memberships (store, user_id);
CREATE TABLE applications (
  row INTEGER PRIMARY KEY AUTOINCREMENT, arn TEXT NOT NULL UNIQUE, instance TEXT NOT NULL,
  account TEXT NOT NULL, provider TEXT NOT NULL, name TEXT NOT NULL, document TEXT NOT NULL,
  assignment_required INTEGER NOT NULL, supported INTEGER NOT NULL, region TEXT NOT NULL,
  created REAL NOT NULL, client_token TEXT, request TEXT);
CREATE INDEX applications_instance ON applications (instance);
CREATE TABLE assignments (
  row INTEGER PRIMARY KEY AUTOINCREMENT, instance TEXT NOT NULL, application TEXT NOT NULL,
  principal_type TEXT NOT NULL, principal_id TEXT NOT NULL, created REAL NOT NULL,
  UNIQUE (application, principal_type, principal_id));
CREATE INDEX assignments_application ON assignments (application);
CREATE INDEX assignments_principal ON assignments (principal_id, principal_type);
CREATE TABLE permission_sets (
  row INTEGER PRIMARY KEY AUTOINCREMENT, arn TEXT NOT NULL UNIQUE, instance TEXT NOT NULL,
  name TEXT NOT NULL, document TEXT NOT NULL, inline_policy TEXT, boundary TEXT,
  version INTEGER NOT NULL, created REAL NOT NULL);
CREATE INDEX permission_sets_instance ON permission_sets (instance);
CREATE INDEX permission_sets_name ON permission_sets (instance, name);
CREATE TABLE permission_set_policies (
  row INTEGER PRIMARY KEY AUTOINCREMENT, permission_set TEXT NOT NULL, kind TEXT NOT NULL,
  place TEXT NOT NULL, name TEXT NOT NULL, UNIQUE (permission_set, kind, place, name));
CREATE TABLE provisioned (
  row INTEGER PRIMARY KEY AUTOINCREMENT, instance TEXT NOT NULL, permission_set TEXT NOT NULL,
  account TEXT NOT NULL, version INTEGER NOT NULL, UNIQUE (permission_set, account));
CREATE INDEX provisioned_permission_set ON provisioned (permission_set);
CREATE INDEX provisioned_account ON provisioned (instance, account);
CREATE TABLE account_assignments (
  row INTEGER PRIMARY KEY AUTOINCREMENT, instance TEXT NOT NULL, account TEXT NOT NULL,
  permission_set TEXT NOT NULL, principal_type TEXT NOT NULL, principal_id TEXT NOT NULL,
  created REAL NOT NULL, UNIQUE (permission_set, account, principal_type, principal_id));
CREATE INDEX account_assignments_place ON account_assignments (permission_set, account);
CREATE INDEX account_assignments_principal
  ON account_assignments (principal_id, principal_type, instance);
CREATE INDEX account_assignments_principal_place
  ON account_assignments (principal_id, principal_type, account);
CREATE TABLE account_operations (
  row INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, instance TEXT NOT NULL,
  kind TEXT NOT NULL, status TEXT NOT NULL, document TEXT NOT NULL, created REAL NOT NULL);
CREATE INDEX account_operations_kind ON account_operations (instance, kind);
CREATE INDEX account_operations_status ON account_operations (instance, kind, status);
CREATE TABLE access_managers (
  row INTEGER PRIMARY KEY AUTOINCREMENT, arn TEXT NOT NULL UNIQUE, instance TEXT NOT NULL UNIQUE,
  application TEXT NOT NULL, tenant TEXT NOT NULL, created REAL NOT NULL);
CREATE TABLE entitlements (
  row INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, manager TEXT NOT NULL,
  principal_type TEXT NOT NULL, principal_id TEXT NOT NULL, role TEXT NOT NULL,
  account TEXT NOT NULL, created REAL NOT NULL,
  UNIQUE (role, principal_id, principal_type, manager));
CREATE INDEX entitlements_manager ON entitlements (manager);
CREATE INDEX entitlements_role ON entitlements (manager, role);
CREATE INDEX entitlements_account ON entitlements (manager, account);
CREATE INDEX entitlements_principal ON entitlements (manager, principal_id, principal_type);
CREATE INDEX entitlements_principal_account
  ON entitlements (manager, principal_id, principal_type, account);
CREATE TABLE tags (
  resource TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (resource, key)
) WITHOUT ROWID;
CREATE TABLE requests (
  service TEXT NOT NULL, operation TEXT NOT NULL, outcome TEXT NOT NULL, count INTEGER NOT NULL,
  PRIMARY KEY (service, operation, outcome)) WITHOUT ROWID;
"""

Row = sqlite3.Row


class Store:
    """One open state file, or a database in memory. Safe to share between threads."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._connection = _open(path)

    @contextmanager
    def transaction(self, *, write: bool) -> Iterator[Store]:
        """Hold the database for one request: commit on success, roll back on any exception.

        Requests of one process take turns, so a transaction sees and leaves whole states.
        """
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE" if write else "BEGIN")
            try:
                yield self
            except BaseException:
                self._connection.rollback()
                raise
            self._connection.commit()

    def execute(self, statement: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        """Run one statement inside the transaction."""
        return self._connection.execute(statement, values)

    def executemany(self, statement: str, rows: Iterator[Sequence[Any]]) -> None:
        """Run one statement for many rows inside the transaction."""
        self._connection.executemany(statement, rows)

    def one(self, statement: str, values: Sequence[Any] = ()) -> Row | None:
        """Return the first row of a query, or None."""
        row: Row | None = self._connection.execute(statement, values).fetchone()
        return row

    def columns(self, table: str) -> list[str]:
        """Return the names of a table's columns."""
        return [row["name"] for row in self.execute(f"PRAGMA main.table_info({table})")]

    def add_function(self, name: str, function: Callable[[], float]) -> None:
        """Let SQL call *function*, which takes nothing and returns a number."""
        self._connection.create_function(name, 0, function)

    def next_number(self, name: str, count: int = 1) -> int:
        """Take the next *count* numbers of a counter and return the last of them."""
        row = self.one(
            "INSERT INTO counters VALUES (?, ?) ON CONFLICT (name) "
            "DO UPDATE SET value = value + ? RETURNING value",
            (name, count, count),
        )
        return int(row["value"]) if row else 0

    def secret(self, name: str) -> bytes:
        """Return the random bytes kept under *name*; every state file has its own."""
        row = self.one("SELECT value FROM secrets WHERE name = ?", (name,))
        return bytes(row["value"]) if row else b""

    def document(self, name: str) -> str | None:
        """Return the text kept under *name*."""
        row = self.one("SELECT value FROM documents WHERE name = ?", (name,))
        return str(row["value"]) if row else None

    def keep_document(self, name: str, value: str) -> None:
        """Keep a text under *name*."""
        self.execute("INSERT OR REPLACE INTO documents VALUES (?, ?)", (name, value))

    def reset(self, *keeping: str) -> None:
        """Empty every table, but for the documents of *keeping*: the state of a new file."""
        with self.transaction(write=True):
            kept = {name: self.document(name) for name in keeping}
            tables = self.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' "
                "AND name NOT LIKE 'sqlite_%' AND name <> 'secrets'"
            ).fetchall()
            for table in tables:
                self.execute(f"DELETE FROM {table['name']}")  # noqa: S608 - names from the schema
            for name, value in kept.items():
                if value is not None:
                    self.keep_document(name, value)

    def close(self) -> None:
        """Close the file; the store cannot be used afterwards."""
        with self._lock:
            self._connection.close()


def _open(path: Path | None) -> sqlite3.Connection:
    """Open or create the database at *path*.

    Raises:
        StateFileError: The file cannot be opened or is not a state file of this version.
    """
    try:
        if path is not None:
            _create_privately(path)
        connection = sqlite3.connect(
            path or ":memory:",
            timeout=_BUSY_TIMEOUT,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=256,
        )
    except (OSError, sqlite3.Error) as error:
        raise StateFileError(f"Cannot open the sandbox's state file {path}: {error}.") from error
    try:
        _prepare(connection, path)
    except (OSError, sqlite3.Error) as error:
        connection.close()
        raise StateFileError(
            f"{path} is not a state file of the sandbox ({error}). "
            "Name another file, or delete this one if it is of no use."
        ) from error
    except StateFileError:
        connection.close()
        raise
    return connection


def _create_privately(path: Path) -> None:
    """Create the file and its directory, readable by their owner only: they hold personal data."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))


def _prepare(connection: sqlite3.Connection, path: Path | None) -> None:
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA journal_mode = WAL")
    # Enough for what a killed process has acknowledged; a power cut may cost the last requests.
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT}")
    if path is None:
        _blank().backup(connection)
    connection.execute("BEGIN IMMEDIATE")
    _check_or_create(connection, path)
    # Each database has its own, from when it is made.
    key = secrets.token_bytes(16)
    connection.execute("INSERT OR IGNORE INTO secrets VALUES ('tokens', ?)", (key,))
    connection.commit()


@cache
def _blank() -> sqlite3.Connection:
    """Return a database in memory that holds tables and nothing more; to be copied, not used.

    A copy takes a seventh of the 1.5 ms that making the tables does, and tests open many.
    """
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    _make_tables(connection)
    return connection


def _make_tables(connection: sqlite3.Connection) -> None:
    for statement in _SCHEMA.split(";"):
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def _check_or_create(connection: sqlite3.Connection, path: Path | None) -> None:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if application == 0 and tables == 0:
        _make_tables(connection)
    elif application != APPLICATION_ID:
        raise StateFileError(
            f"{path} is an SQLite database, but not a state file of the sandbox. Name another file."
        )
    elif version != SCHEMA_VERSION:
        raise StateFileError(
            f"{path} has version {version} of the sandbox's state; this program reads version "
            f"{SCHEMA_VERSION}. Delete the file to start afresh, or use the program that wrote it."
        )
