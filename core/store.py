"""Finished runs, durable: a SQLite database with a row per run, safe for several processes at once.

A row holds the run's own columns as an Arrow IPC stream with a checksum, and says by what it was made: a row of another
device or of other versions is computed again, a damaged one is never served.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import tempfile
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from core.faults import DamagedError, HinderedError, HinderedStoreError, StoreError
from core.parts.kept_tables import default_path
from core.versions import versions

SCHEMA_VERSION = 1
APPLICATION_ID = 0x47524C41  # "GRLA", in the header of our files
IMPORTED = "imported"  # the device of a run that was computed elsewhere; its versions are then the file it came from
HEADER_BYTES = 100  # of any SQLite file
CHUNK = 500  # ids per query; SQLite takes 999 variables everywhere
PATIENCE = 30.0  # seconds to wait for another process
COPIES = 3  # of a file that changes while it is copied

_SCHEMA = """
CREATE TABLE runs (
    id TEXT PRIMARY KEY, experiment TEXT NOT NULL, settings TEXT NOT NULL, seed INTEGER NOT NULL,
    device TEXT NOT NULL, versions TEXT NOT NULL, seconds REAL NOT NULL, created REAL NOT NULL,
    checksum TEXT NOT NULL, frame BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX runs_by_experiment ON runs (experiment, created);
CREATE TABLE sweeps (
    key TEXT PRIMARY KEY, experiment TEXT NOT NULL, link TEXT NOT NULL, runs INTEGER NOT NULL, created REAL NOT NULL
);
"""

T = TypeVar("T")


class Row(NamedTuple):
    """One finished run, as it goes into the store."""

    id: str
    experiment: str
    settings: str
    seed: int
    seconds: float
    frame: bytes


class StoredSweep(NamedTuple):
    """A sweep that someone asked for: its link fields, its size, and how many of its runs are there."""

    key: str
    experiment: str
    link: dict[str, str]
    runs: int
    created: float


class Found(NamedTuple):
    """What the store holds of the ids asked for: their frames, and the ids whose rows are damaged."""

    frames: dict[str, bytes]
    damaged: list[str]


def is_whole(id: object, frame: object, proof: object) -> bool:
    """Whether a row's checksum proves its id and frame."""
    return isinstance(id, str) and isinstance(frame, bytes) and checksum(id, frame) == proof


def checksum(id: str, frame: bytes) -> str:
    """SHA-256 of a run's id and frame."""
    return hashlib.sha256(id.encode() + frame).hexdigest()


def _link(text: object) -> dict[str, str]:
    """A sweep's link fields; of one that is no link any more, a field that no experiment has."""
    with suppress(ValueError, TypeError, RecursionError):
        fields = json.loads(text)  # type: ignore[arg-type]
        if isinstance(fields, dict) and all(isinstance(value, str) for value in fields.values()):
            return fields
    return {"link": str(text)}


def _number(value: object) -> Any:
    return value if isinstance(value, int | float) else 0  # what was tampered with is none


class Store:
    """The database at ``path``, made on first use; raises StoreError where it can't be read or made."""

    def __init__(self, path: str | os.PathLike[str] | None = None, device: str = "cpu") -> None:
        self.path = self.file = Path(path or default_path())
        self.device = device
        self.versions = versions()
        self._lock = threading.RLock()  # a connection has one transaction at a time
        with self._speaking():
            self._open()

    def _open(self) -> None:
        if self.path.exists() and not self.path.is_file():
            raise StoreError(f"{self.path} is no file; choose another with --store")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self.path.is_file() and 0 < self.path.stat().st_size < HEADER_BYTES:  # SQLite takes one byte for none
            raise StoreError(
                f"{self.path} is damaged or no store of Gradient Lab; it was left as it is: choose another with --store"
            )
        self._connection = self._connected(str(self.path))
        if self._retry(self._tables) == 0:
            self._retry(self._create)
        application = self._value("PRAGMA application_id")
        if application != APPLICATION_ID:
            raise StoreError(f"{self.path} is a database, but no store of Gradient Lab; choose another with --store")
        version = self._value("PRAGMA user_version")
        if version != SCHEMA_VERSION:
            raise StoreError(
                f"{self.path} has schema version {version}, this program knows {SCHEMA_VERSION}; choose another with --store"
            )
        # pages: a sweep's frames are copied once, not often
        self._connection.execute("PRAGMA wal_autocheckpoint=10000")
        self._connection.execute("PRAGMA synchronous=NORMAL")  # in WAL mode a power cut costs the last runs at most

    @staticmethod
    def _connected(place: str, uri: bool = False) -> sqlite3.Connection:
        connection = sqlite3.connect(place, uri=uri, timeout=PATIENCE, isolation_level=None, check_same_thread=False)
        connection.text_factory = lambda written: written.decode(errors="replace")  # damaged text fits no checksum
        return connection

    def _tables(self) -> int:
        """How many tables there are; of a file that may only be read, whose log holds something, a copy is opened."""
        try:
            return int(self._value("SELECT count(*) FROM sqlite_master"))
        except sqlite3.OperationalError as error:
            log = Path(f"{self.path}-wal")
            unwritable = error.sqlite_errorname.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN"))
            if not unwritable or not self.path.is_file():
                raise
            self._connection.close()
            if log.exists() and log.stat().st_size:
                self.file = self._copied(log)
                self._connection = self._connected(str(self.file))
                self._connection.execute("PRAGMA query_only=ON")
            else:
                self._connection = self._connected(f"{self.path.absolute().as_uri()}?immutable=1", uri=True)
            return int(self._value("SELECT count(*) FROM sqlite_master"))

    def _copied(self, log: Path) -> Path:
        """A copy of the file with its log, taken while nobody wrote; it goes with this object."""
        folder = Path(tempfile.mkdtemp(prefix="gradient_lab_"))
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        copy = folder / self.path.name
        for _ in range(COPIES):
            before = [(file.stat().st_size, file.stat().st_mtime_ns) for file in (self.path, log)]
            shutil.copyfile(self.path, copy)
            shutil.copyfile(log, f"{copy}-wal")
            if before == [(file.stat().st_size, file.stat().st_mtime_ns) for file in (self.path, log)]:
                return copy
        raise StoreError(f"the store {self.path} may only be read and is being written to; try again later")

    def _create(self) -> None:
        """Makes the tables, once, whoever comes first."""
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            if self._value("SELECT count(*) FROM sqlite_master") == 0:
                for statement in _SCHEMA.split(";"):
                    if statement.strip():
                        self._connection.execute(statement)
                self._connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
                self._connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
            self._connection.execute("COMMIT")
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise

    def _value(self, query: str) -> Any:
        return self._connection.execute(query).fetchone()[0]

    def _retry(self, act: Callable[[], T]) -> T:
        """``act()``, again while another process holds the new file: setting WAL does not wait for it."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return act()
            except sqlite3.OperationalError as error:
                busy = error.sqlite_errorname.startswith(("SQLITE_BUSY", "SQLITE_LOCKED"))
                if not busy or time.monotonic() > deadline:
                    raise
                time.sleep(0.02)

    @contextmanager
    def _speaking(self) -> Iterator[None]:
        """One thread at a time, and SQLite's and the system's errors turned into a sentence."""
        try:
            with self._lock:
                yield
        except (StoreError, HinderedError):
            raise
        except sqlite3.DatabaseError as error:
            text, code = str(error), getattr(error, "sqlite_errorname", "")
            if code.startswith("SQLITE_CORRUPT"):
                raise DamagedError(self._damage()) from None
            if code.startswith("SQLITE_NOTADB"):
                raise StoreError(
                    f"{self.path} is damaged or no store of Gradient Lab ({text}); it was left as it is: "
                    "move it away, or choose another with --store"
                ) from None
            if code.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN")):
                raise StoreError(f"the store {self.path} can't be written to; choose another with --store") from None
            if code.startswith(("SQLITE_FULL", "SQLITE_IOERR")):
                raise HinderedStoreError(
                    f"the store {self.path} could not grow ({text}); free some room and run again"
                ) from None
            if code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
                raise HinderedStoreError(
                    f"the store {self.path} stayed locked by another program; run again later"
                ) from None
            raise StoreError(f"the store {self.path} can't be used ({text})") from None
        except OSError as error:
            raise StoreError(
                f"the store {self.path} can't be used ({error.strerror}); choose another with --store"
            ) from None

    def state(self) -> tuple[int, int]:
        """A mark that differs once anything in the store has changed, whoever changed it."""
        with self._speaking():
            return self._value("PRAGMA data_version"), self._connection.total_changes

    def close(self) -> None:
        """Ends the connection; the file stays."""
        self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All of what is done with the connection, or none of it."""
        with self._speaking():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def select(self, query: str, *values: object) -> list[Any]:
        """The rows of a query."""
        with self._speaking():
            return self._connection.execute(query, values).fetchall()

    def readable(self, query: str) -> list[Any]:
        """The rows of a query as far as damaged pages let it be read."""
        rows = []
        with self._speaking(), suppress(sqlite3.DatabaseError):
            for row in self._connection.execute(query):  # row by row: what came before the damage stays
                rows.append(row)
        return rows

    def settle(self) -> None:
        """Writes the log into the file, so that it holds all."""
        with (
            self._speaking(),
            suppress(sqlite3.OperationalError),
        ):  # of one that may only be read there is none, or a copy
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def replace(self, other: Store) -> None:
        """Puts the content of ``other`` in the place of this store's, page by page, while other processes have it open."""
        with self._speaking(), other._speaking():
            other._connection.backup(self._connection)

    def has_table(self, name: str) -> bool:
        """Whether a table is there; some are made when they are first needed."""
        return bool(self.select("SELECT 1 FROM sqlite_master WHERE type='table' AND name=?", name))

    def put(self, rows: Sequence[Row]) -> None:
        """Keeps finished runs, all or none; a row that was there is replaced."""
        values = [
            (*row[:4], self.device, self.versions, row.seconds, time.time(), checksum(row.id, row.frame), row.frame)
            for row in sorted(rows)  # in the table's order: a fifth faster
        ]
        with self.transaction():
            self._connection.executemany("INSERT OR REPLACE INTO runs VALUES (?,?,?,?,?,?,?,?,?,?)", values)

    def find(self, ids: Sequence[str], by_anyone: bool = False) -> Found:
        """The frames of those runs that are there and whole, made by today's device and versions, or ``by_anyone``."""
        frames: dict[str, bytes] = {}
        damaged = []
        for id, frame, proof in self._matching(ids, "id, frame, checksum", by_anyone):
            if is_whole(id, frame, proof):
                frames[id] = frame
            else:
                damaged.append(id)
        return Found(frames, damaged)

    def count(self, ids: Sequence[str], by_anyone: bool = False) -> int:
        """How many of these runs are there, made by today's device and versions, or ``by_anyone``; frames are not read."""
        return sum(1 for _ in self._matching(ids, "id", by_anyone))

    def latest(self, ids: Sequence[str]) -> float:
        """When the latest of these runs came into the store, whoever made it; 0 for none."""
        return max((created for (created,) in self._matching(ids, "created", by_anyone=True)), default=0.0)

    def sources(self, ids: Sequence[str]) -> list[str | None]:
        """For each of these runs that is there, the file it was imported from; None for what was computed."""
        rows = self._matching(ids, "device, versions", by_anyone=True)
        return [versions if device == IMPORTED else None for device, versions in rows]

    def _matching(self, ids: Sequence[str], columns: str, by_anyone: bool) -> list[Any]:
        rows, ordered = [], sorted(ids)  # in the table's order, so that each page is read once
        with self._speaking():
            for start in range(0, len(ids), CHUNK):
                some = ordered[start : start + CHUNK]
                makers = "" if by_anyone else "device=? AND versions=? AND "
                query = f"SELECT {columns} FROM runs WHERE {makers}id IN ({','.join('?' * len(some))})"
                parameters = some if by_anyone else [self.device, self.versions, *some]
                rows += self._connection.execute(query, parameters).fetchall()
        return rows

    def remember(self, key: str, experiment: str, link: dict[str, str], runs: int) -> None:
        """Notes that a sweep was asked for; an earlier version's note on the same settings gives way to it."""
        text = json.dumps(link, sort_keys=True)
        with self.transaction():
            self._connection.execute("DELETE FROM sweeps WHERE experiment=? AND link=?", (experiment, text))
            self._connection.execute(
                "INSERT OR REPLACE INTO sweeps VALUES (?,?,?,?,?)", (key, experiment, text, runs, time.time())
            )

    def sweeps(self) -> list[StoredSweep]:
        """The sweeps that were asked for, the latest first."""
        rows = self.select("SELECT * FROM sweeps ORDER BY created DESC")
        return [StoredSweep(str(row[0]), str(row[1]), _link(row[2]), *map(_number, row[3:])) for row in rows]

    def stored(self, experiment: str) -> list[tuple[str, str, int]]:
        """(id, settings as JSON, seed) of an experiment's runs, whoever made them, the latest last."""
        return self.select("SELECT id, settings, seed FROM runs WHERE experiment=? ORDER BY created, seed", experiment)

    def durations(self, experiment: str, most: int) -> list[tuple[str, float]]:
        """(settings as JSON, seconds) of the latest runs of an experiment on today's device and versions."""
        query = "SELECT settings, seconds FROM runs WHERE experiment=? AND device=? AND versions=? ORDER BY created DESC LIMIT ?"
        return self.select(query, experiment, self.device, self.versions, most)

    def counts(self) -> dict[str, tuple[int, int]]:
        """Per experiment: runs, and bytes of their frames."""
        rows = self.select(
            "SELECT experiment, count(*), sum(length(frame)) FROM runs GROUP BY experiment ORDER BY experiment"
        )
        return {str(name): (runs, size or 0) for name, runs, size in rows}

    def damaged(self) -> list[str]:
        """The ids of all rows whose checksum fails."""
        with self._speaking():
            rows = self._connection.execute("SELECT id, frame, checksum FROM runs NOT INDEXED")
            return [row[0] for row in rows if not is_whole(*row)]

    def check(self) -> None:
        """Reads every page; DamagedError where one does not fit the others."""
        ((fault,),) = self.select("PRAGMA integrity_check(1)")
        if fault != "ok":
            raise DamagedError(self._damage())

    def _damage(self) -> str:
        return (
            f"pages of the store {self.path} are damaged; python -m core store prune keeps what is whole, or choose "
            "another with --store"
        )

    def stale(self) -> list[str]:
        """The ids of rows that other versions made here; they would be computed again."""
        rows = self.select("SELECT id FROM runs WHERE versions<>? AND device<>?", self.versions, IMPORTED)
        return [id for (id,) in rows]

    def older_than(self, days: float) -> list[str]:
        """The ids of rows made more than so many days ago."""
        rows = self.select("SELECT id FROM runs WHERE created<?", time.time() - 86400.0 * days)
        return [id for (id,) in rows]

    def ages(self) -> list[tuple[str, str, int]]:
        """(id, experiment, bytes of its texts and frame) of every run, the oldest first."""
        return self.select(
            "SELECT id, experiment, length(id) + length(settings) + length(frame) FROM runs ORDER BY created, id"
        )

    def size(self) -> int:
        """Bytes of the file once its log is written into it."""
        with self._speaking():
            return int(self._value("PRAGMA page_count")) * int(self._value("PRAGMA page_size"))

    def delete(self, ids: Sequence[str]) -> None:
        """Deletes runs, all or none."""
        with self.transaction():
            self._connection.executemany("DELETE FROM runs WHERE id=?", [(id,) for id in ids])

    def forget(self, keys: Sequence[str]) -> None:
        """Deletes sweeps from the list; their runs stay."""
        with self.transaction():
            self._connection.executemany("DELETE FROM sweeps WHERE key=?", [(key,) for key in keys])

    def shrink(self) -> None:
        """Gives the room of deleted rows back to the disk."""
        with self._speaking():
            self._connection.execute("VACUUM")
