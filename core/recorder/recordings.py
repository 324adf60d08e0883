"""Recordings on the disk: names, writing line by line, reading up to the last whole line, deleting, rows for CSV.

A recording is a text file of JSON lines beside the store: a header, then blocks of columns (``steps``, ``layers``,
``events``) as they come, and ``facts``, of which the last line counts. So it can be read while the script runs and
after the script was killed.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from ..diagnosis.trace import Trace

FORMAT = 1
MOST_KEPT = 2000  # lines of a recording without a file
SUFFIX = ".recording"
LARGEST = 64 * 1024 * 1024  # bytes; an hour's run stays far below
TABLES = ("steps", "layers", "events")


def folder(store: str = "") -> Path:
    """``recordings/`` beside the store: the one named, GRADIENT_LAB_STORE's or that of the current folder."""
    path = store or os.environ.get("GRADIENT_LAB_STORE") or Path(".gradient_lab", "results.sqlite")
    return Path(path).absolute().parent / "recordings"


@dataclass(frozen=True)
class Recording:
    """A recording in the list: its name, when its file last grew (seconds since 1970), and its size in bytes."""

    name: str
    changed: float
    size: int


def recordings_beside(store: str = "") -> list[Recording]:
    """The recordings beside a store, the newest first."""
    recordings = []
    for path in folder(store).glob(f"*{SUFFIX}"):
        try:
            state = path.stat()
        except OSError:  # deleted meanwhile
            continue
        if path.is_file():
            recordings.append(Recording(path.name.removesuffix(SUFFIX), state.st_mtime, state.st_size))
    return sorted(recordings, key=lambda recording: -recording.changed)


def names(store: str = "") -> list[str]:
    """The names of the recordings, the newest first."""
    return [recording.name for recording in recordings_beside(store)]


def file_of(name: str, store: str = "") -> Path:
    """The file of a recording by its name, or the path itself; ValueError where there is none."""
    for path in (folder(store) / f"{name}{SUFFIX}", Path(name)):
        if path.is_file():
            return path
    raise ValueError(f"there is no recording {name!r} in {folder(store)}")


class Writer:
    """Appends to a new recording; a used name gets ``-2``. Without a folder that can be written to it writes nothing."""

    def __init__(self, name: str, store: str = "") -> None:
        stem = re.sub(r"[^\w.+ -]+", "-", name).strip(" .") or "recording"
        self.name, self.problem = stem, ""
        self._file: IO[str] | None = None
        self._size, self._forgotten = 0, False
        self.kept: list[dict[str, Any]] = []  # the lines, where there is no file to hold them
        try:
            place = folder(store)
            place.mkdir(parents=True, exist_ok=True)
            for number in range(1, 100_000):
                self.name = stem if number == 1 else f"{stem}-{number}"
                try:
                    self._file = (place / f"{self.name}{SUFFIX}").open("x", encoding="utf-8")
                    break
                except FileExistsError:
                    continue
        except OSError as error:
            self.name, self.problem = "", f"{error.strerror}: {error.filename}"

    @property
    def path(self) -> str:
        """Where it is written; empty where it could not be."""
        return self._file.name if self._file else ""

    def write(self, kind: str, value: Mapping[str, Any]) -> None:
        """One line; nothing once the file is at its bound or the disk is full."""
        if not value or self._forgotten:
            return
        text = json.dumps({kind: value}, default=_plain, separators=(",", ":")) + "\n"
        if self._file is None:
            self.kept.append(json.loads(text))
            del self.kept[1:-MOST_KEPT]
            return
        if self._size + len(text) > LARGEST and kind != "facts":
            return
        try:
            self._file.write(text)
            self._size += len(text)
        except (OSError, ValueError) as error:
            self.problem, self._file = str(error), None

    def flush(self) -> None:
        """What was written can be read from now on."""
        if self._file is not None:
            try:
                self._file.flush()
            except (OSError, ValueError) as error:
                self.problem, self._file = str(error), None

    def forget(self) -> None:
        """In a child process: the file is the parent's; what stands in the buffer must not be written twice."""
        self._forgotten, self._abandoned = True, self._file  # kept open: to close it would write

    def close(self) -> None:
        """Ends it."""
        self.flush()
        if self._file is not None:
            self._file.close()
            self._file = None


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    return str(value)


def header(script: str) -> dict[str, Any]:
    """The first line of a recording."""
    return {"format": FORMAT, "script": script, "started": time.time()}


def read(name: str | Path, store: str = "") -> Trace:
    """The recording ``name`` up to its last whole line; ValueError with a sentence where it is none of ours."""
    path = Path(name) if isinstance(name, Path) else file_of(name, store)
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return trace_of(lines(file), str(path))
    except OSError as error:
        raise ValueError(f"{path} can't be read ({error.strerror})") from None


def lines(file: Iterable[str]) -> Iterator[dict[str, Any]]:
    """The lines of a recording; the one that was being written when the script was killed is left out."""
    for number, line in enumerate(file):
        try:
            value = json.loads(line)
        except ValueError:
            if number == 0:
                return
            continue
        if isinstance(value, dict):
            yield value


def trace_of(lines: Iterator[dict[str, Any]], source: str) -> Trace:
    """The trace that the lines of a recording make."""
    head = next(lines, {}).get("recording")
    if not isinstance(head, dict) or "format" not in head:
        raise ValueError(f"{source} is no recording: its first line is not ours")
    if head["format"] != FORMAT:
        raise ValueError(
            f"{source} was recorded by another version (format {head['format']}, this one reads {FORMAT}); record it again"
        )
    blocks: dict[str, list[Mapping[str, list[Any]]]] = {kind: [] for kind in TABLES}
    facts: dict[str, Any] = {}
    for line in lines:
        for kind, value in line.items():
            if kind in blocks and isinstance(value, dict):
                blocks[kind].append(value)
            elif kind == "facts" and isinstance(value, dict):
                facts = value
    tables = {kind: _table(parts) for kind, parts in blocks.items()}
    facts = {"script": head.get("script", ""), "ended": "cut off", **facts, "recorder": True}
    return Trace(tables["steps"], tables["layers"], tables["events"], facts, source, Path(source).stem)


def _table(parts: list[Mapping[str, list[Any]]]) -> dict[str, np.ndarray]:
    """One table from blocks of columns; a block without a column leaves gaps."""
    lengths = [len(next(iter(part.values()))) for part in parts]
    table = {}
    for column in dict.fromkeys(name for part in parts for name in part):
        cells = [part.get(column, [None] * rows) for part, rows in zip(parts, lengths, strict=True)]
        flat = [cell for block in cells for cell in block]
        if any(isinstance(cell, str) for cell in flat):
            table[column] = np.array(["" if cell is None else str(cell) for cell in flat])
        else:
            table[column] = np.array([np.nan if cell is None else cell for cell in flat], dtype=float)
    return table


def rows(trace: Trace, table: str = "steps") -> Iterator[dict[str, Any]]:
    """A table of a trace as rows, for CSV."""
    columns: Mapping[str, np.ndarray] = getattr(trace, table)
    for cells in zip(*columns.values(), strict=True):
        yield {name: cell.item() if hasattr(cell, "item") else cell for name, cell in zip(columns, cells, strict=True)}
