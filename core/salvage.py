"""What is whole of a store whose file is damaged: every page is looked at by itself, past SQLite's trees.

A run's checksum proves it, so nothing false is taken, whatever else lies in the file. What stands aside since a deletion
is not looked for.

Source: https://www.sqlite.org/fileformat2.html
"""

from __future__ import annotations

import mmap
import sqlite3
import struct
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from core.store import Store, is_whole

INTERIOR, LEAF = 2, 10  # pages of a tree that keeps its rows in the order of their key, as ours does
ROW = (str, str, str, int, str, str, float, float, str, bytes)
BATCH = 1_000  # rows written at once
INTEGER_BYTES = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}  # by a value's serial type


class Salvage(NamedTuple):
    """A store with what is whole, and the ids of those runs of which only the id is left."""

    store: Store
    lost: list[str]


def salvage(damaged: Store, folder: Path) -> Salvage:
    """What is whole in a store that can be opened, as a new one in ``folder``; it is called by the damaged one's path."""
    damaged.settle()
    whole = Store(folder / "whole.sqlite", damaged.device)
    ids: set[str] = set()
    rows = _runs(damaged.file)
    while batch := [row for row, _ in zip(rows, range(BATCH), strict=False)]:
        ids |= {row[0] for row in batch}
        _insert(whole, "runs", batch)
    _insert(whole, "sweeps", _readable(damaged, "SELECT * FROM sweeps NOT INDEXED", "rowid"))
    if damaged.has_table("labels"):
        with whole.transaction() as connection:
            ((statement,),) = damaged.select("SELECT sql FROM sqlite_master WHERE type='table' AND name='labels'")
            connection.execute(statement)
        _insert(whole, "labels", _readable(damaged, "SELECT * FROM labels NOT INDEXED", "rowid"))
    by_index = _readable(damaged, "SELECT id FROM runs INDEXED BY runs_by_experiment", "experiment", "created")
    whole.path = damaged.path
    return Salvage(whole, sorted({id for (id,) in by_index if isinstance(id, str)} - ids))


def _insert(store: Store, table: str, rows: list[tuple[Any, ...]]) -> None:
    if rows:
        with store.transaction() as connection, suppress(sqlite3.IntegrityError):
            places = ",".join("?" * len(rows[0]))
            connection.executemany(f"INSERT OR IGNORE INTO {table} VALUES ({places})", rows)


def _readable(store: Store, query: str, *order: str) -> list[tuple[Any, ...]]:
    """The rows of a query as far as they can be read, from either end."""
    ends = (
        store.readable(f"{query} ORDER BY {', '.join(f'{name} {way}' for name in order)}") for way in ("ASC", "DESC")
    )
    return list(dict.fromkeys(row for rows in ends for row in rows))


def _runs(file: Path) -> Iterator[tuple[Any, ...]]:
    """The rows of ``runs`` whose checksum holds, from pages that are in use."""
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as content:
        pages = Pages(content)
        free = pages.free()
        for number in range(2, pages.count + 1):
            if number in free:
                continue
            for cell in pages.cells(number):
                with suppress(ValueError, IndexError, struct.error):
                    row = pages.record(cell)
                    if len(row) == len(ROW) and tuple(map(type, row)) == ROW and is_whole(row[0], row[9], row[8]):
                        yield row


class Pages:
    """The pages of a SQLite file, numbered from 1."""

    def __init__(self, content: mmap.mmap) -> None:
        self._content = content
        self._size = struct.unpack_from(">H", content, 16)[0]
        self._size = 65_536 if self._size == 1 else self._size
        self._usable = self._size - content[20]
        self.count = len(content) // self._size

    def free(self) -> set[int]:
        """The numbers of the pages that are not in use, as far as their list can be read."""
        numbers: set[int] = set()
        trunk = struct.unpack_from(">I", self._content, 32)[0]
        while 1 < trunk <= self.count and trunk not in numbers:
            numbers.add(trunk)
            page = self._page(trunk)
            trunk, length = struct.unpack_from(">II", page)
            numbers |= {struct.unpack_from(">I", page, 8 + 4 * k)[0] for k in range(min(length, self._usable // 4 - 2))}
        return numbers

    def _page(self, number: int) -> bytes:
        if not 1 <= number <= self.count:
            raise ValueError("no such page")
        return self._content[(number - 1) * self._size : number * self._size]

    def cells(self, number: int) -> Iterator[bytes]:
        """The rest of the page from the start of each row's payload, where the page holds rows."""
        page = self._page(number)
        if page[0] not in (INTERIOR, LEAF):
            return
        head, child = (12, 4) if page[0] == INTERIOR else (8, 0)
        count = struct.unpack_from(">H", page, 3)[0]
        for k in range(min(count, (self._size - head) // 2)):
            yield page[struct.unpack_from(">H", page, head + 2 * k)[0] + child : self._usable]

    def record(self, cell: bytes) -> tuple[Any, ...]:
        """The values of a row; ValueError, IndexError or struct.error where it is none."""
        total, place = _varint(cell, 0)
        payload = self._payload(cell[place:], total)
        end, place = _varint(payload, 0)
        kinds: list[int] = []
        while place < end and len(kinds) <= len(ROW):
            kind, place = _varint(payload, place)
            kinds.append(kind)
        values: list[Any] = []
        for kind, wanted in zip(kinds, ROW, strict=True):
            value, end = _value(payload, end, kind)
            values.append(float(value) if wanted is float and type(value) is int else value)
        return tuple(values)

    def _payload(self, cell: bytes, total: int) -> bytes:
        """So many bytes of a row, those on further pages too."""
        usable = self._usable
        least = (usable - 12) * 32 // 255 - 23
        local = total
        if total > (usable - 12) * 64 // 255 - 23:
            local = least + (total - least) % (usable - 4)
            local = local if local <= (usable - 12) * 64 // 255 - 23 else least
        if total > self.count * self._size:
            raise ValueError("longer than the file")
        pieces, left = [cell[:local]], total - local
        following = struct.unpack_from(">I", cell, local)[0] if left else 0
        while left > 0:
            page = self._page(following)
            following = struct.unpack_from(">I", page)[0]
            pieces.append(page[4 : 4 + min(left, usable - 4)])
            left -= usable - 4
        return b"".join(pieces)


def _varint(data: bytes, place: int) -> tuple[int, int]:
    """A number of one to nine bytes, and where it ends."""
    value = 0
    for k in range(8):
        value = value << 7 | data[place + k] & 0x7F
        if data[place + k] < 0x80:
            return value, place + k + 1
    return value << 8 | data[place + 8], place + 9


def _value(data: bytes, place: int, kind: int) -> tuple[Any, int]:
    """A value of the serial type ``kind``, and where it ends."""
    if kind in (8, 9):
        return kind - 8, place
    if kind == 7:
        return struct.unpack_from(">d", data, place)[0], place + 8
    if kind in INTEGER_BYTES:
        end = place + INTEGER_BYTES[kind]
        return int.from_bytes(data[place:end], "big", signed=True), end
    end = place + (kind - 12) // 2
    if kind < 12 or end > len(data):
        raise ValueError("no such value")
    return (data[place:end].decode() if kind % 2 else data[place:end]), end
