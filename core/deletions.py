"""Sweeps deleted, and brought back exactly: what the latest deletion took stands aside in the store until the next.

It stands in tables of the store itself, moved there in one transaction, so that nothing is lost whenever a process ends.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

from core.store import CHUNK, Store

TABLES = ("runs", "sweeps", "labels")


class Deletion(NamedTuple):
    """What the latest deletion took, and could be brought back."""

    sweeps: int
    runs: int


def last_deletion(store: Store) -> Deletion:
    """What stands aside; nothing where nothing was deleted, or it was brought back or given up."""
    if not store.has_table("deleted_runs"):
        return Deletion(0, 0)
    ((sweeps, runs),) = store.select(
        "SELECT (SELECT count(*) FROM deleted_sweeps), (SELECT count(*) FROM deleted_runs)"
    )
    return Deletion(sweeps, runs)


def set_aside(ids: Sequence[str], keys: Sequence[str], store: Store) -> None:
    """Takes runs and sweeps, with the sweeps' labels, out of the store, where ``bring_back`` finds them; all or none."""
    with store.transaction() as connection:
        kept = _tables(connection)
        _forget(connection)
        for name in kept:
            connection.execute(f"CREATE TABLE deleted_{name} AS SELECT * FROM {name} WHERE 0")
        for start in range(0, len(ids), CHUNK):
            some = ids[start : start + CHUNK]
            _move(connection, "runs", f"id IN ({','.join('?' * len(some))})", some)
        for key in keys:
            if "labels" in kept:
                _move(
                    connection,
                    "labels",
                    "(experiment, link) IN (SELECT experiment, link FROM sweeps WHERE key=?)",
                    [key],
                )
            _move(connection, "sweeps", "key=?", [key])


def _move(connection: sqlite3.Connection, name: str, condition: str, values: Sequence[str]) -> None:
    connection.execute(f"INSERT INTO deleted_{name} SELECT * FROM {name} WHERE {condition}", values)
    connection.execute(f"DELETE FROM {name} WHERE {condition}", values)


def _tables(connection: sqlite3.Connection) -> list[str]:
    found = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type='table'")}
    return [name for name in TABLES if name in found]


def bring_back(store: Store) -> Deletion:
    """Puts what stands aside back as it was, bytes, checksums and labels; a run computed again since then stays."""
    found = last_deletion(store)
    with store.transaction() as connection:
        for name in _tables(connection):
            if connection.execute("SELECT 1 FROM sqlite_master WHERE name=?", (f"deleted_{name}",)).fetchone():
                connection.execute(f"INSERT OR IGNORE INTO {name} SELECT * FROM deleted_{name}")
        _forget(connection)
    return found


def give_up(store: Store) -> None:
    """Gives up what stands aside, for good."""
    with store.transaction() as connection:
        _forget(connection)


def _forget(connection: sqlite3.Connection) -> None:
    for name in TABLES:
        connection.execute(f"DROP TABLE IF EXISTS deleted_{name}")
