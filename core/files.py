"""Files that people take away and bring back: CSV and Parquet, written whole or not at all."""

from __future__ import annotations

import io
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from core.faults import HinderedError
from core.registry import brief

if TYPE_CHECKING:
    import pandas as pd


FORMATS = (".csv", ".parquet")
PIECE_ROWS = 20_000  # of a CSV, written by one thread


class Pieces(NamedTuple):
    """A table too large to be held at once.

    tables  its rows, some at a time, all of one schema
    quoted  whether any of its texts needs quotes in a CSV
    """

    tables: Iterator[pa.Table]
    quoted: bool


def one_piece(table: pa.Table) -> Pieces:
    """A table as its only piece."""
    texts = (
        column for column in table.columns if pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
    )
    return Pieces(iter([table]), any(needs_quotes(column.unique().to_pylist()) for column in texts))


def csv_bytes(table: pa.Table) -> bytes:
    """CSV: header, ``.`` decimals, missing empty, ``true``/``false``, the shortest text that reads back the same."""
    sink = io.BytesIO()
    write_csv(one_piece(table), sink)
    return sink.getvalue()


def write_csv(pieces: Pieces, sink: IO[bytes]) -> None:
    """Writes the same into an open file, piece by piece."""
    from pyarrow import csv as writer

    options = writer.WriteOptions(include_header=False, quoting_style="needed" if pieces.quoted else "none")

    def as_csv(table: pa.Table) -> pa.Buffer:
        lines = pa.BufferOutputStream()
        writer.write_csv(table, lines, options)
        return lines.getvalue()

    with ThreadPoolExecutor() as threads:  # Arrow works outside Python's lock
        for number, table in enumerate(pieces.tables):
            if number == 0:
                sink.write((",".join(table.column_names) + "\n").encode())
            for lines in threads.map(as_csv, (table.slice(at, PIECE_ROWS) for at in range(0, len(table), PIECE_ROWS))):
                sink.write(lines)


def needs_quotes(texts: Iterable[str | None]) -> bool:
    """Whether a CSV must put any of these texts between quotes."""
    return any(set(text) & set('",\r\n') for text in texts if text)


def parquet_bytes(table: pa.Table) -> bytes:
    """The table as a Parquet file."""
    sink = io.BytesIO()
    write_parquet(one_piece(table), sink)
    return sink.getvalue()


def write_parquet(pieces: Pieces, sink: IO[bytes]) -> None:
    """Writes the same into an open file, piece by piece."""
    from pyarrow import parquet

    first = next(pieces.tables)
    with parquet.ParquetWriter(sink, first.schema) as writer:
        for table in chain([first], pieces.tables):
            writer.write_table(table)


def check_output(path: str) -> Path:
    """``path`` as a file that can be written; ValueError says why it can't, before anything is computed."""
    target = Path(path)
    if target.suffix.lower() not in FORMATS:
        raise ValueError(
            f"--out: must end in {' or '.join(FORMATS)} (or be - for standard output), but got {brief(path)}"
        )
    if target.is_dir():
        raise ValueError(f"--out: {path} is a folder; name a file in it")
    if target.exists() and not target.is_file():
        raise ValueError(f"--out: {path} is no file but a pipe or a device; leave --out away and write > {path}")
    target = _behind_links(target)
    folder = target.parent
    if not folder.is_dir():
        raise ValueError(f"--out: the folder {folder} does not exist")
    try:
        with tempfile.TemporaryFile(dir=folder):  # only trying tells, on every file system
            writable = not target.exists() or os.access(target, os.W_OK)
    except OSError:
        writable = False
    if not writable:
        raise ValueError(f"--out: {path} can't be written to; choose another place")
    return target


def save(pieces: Pieces, target: Path) -> None:
    """Writes the table as the kind of file that the target's suffix says, whole or not at all; ValueError why not."""
    write = write_parquet if target.suffix.lower() == ".parquet" else write_csv
    with _whole(target) as file:
        write(pieces, file)


def deliver(pieces: Pieces, target: Path | None) -> None:
    """Writes the table into the file, or as CSV on standard output where there is none."""
    if target is None:
        with whole_output() as sink:
            write_csv(pieces, sink)
    else:
        save(pieces, target)


@contextmanager
def whole_output() -> Iterator[IO[bytes]]:
    """Standard output, which takes all that is written: unbuffered (PYTHONUNBUFFERED) it may stop in the middle."""
    plain: Any = sys.stdout.buffer
    sink = io.BufferedWriter(plain) if isinstance(plain, io.RawIOBase) else plain
    yield sink
    sink.flush()
    if sink is not plain:
        sink.detach()


def write(data: bytes, target: Path) -> None:
    """Writes the file whole or not at all; ValueError says why it could not."""
    with _whole(target) as file:
        file.write(data)


@contextmanager
def _whole(target: Path) -> Iterator[IO[bytes]]:
    """A new file beside the target, which takes its place in the end; OSError as a HinderedError with a sentence."""
    temporary, target = None, _behind_links(target)
    try:
        with tempfile.NamedTemporaryFile(dir=target.parent, prefix=f".{target.name}.", delete=False) as file:
            temporary = file.name
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o666 & ~_umask())
        Path(temporary).replace(target)
    except OSError as error:
        raise HinderedError(f"{target} could not be written ({error.strerror}); nothing was left there") from None
    finally:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)


def _behind_links(target: Path) -> Path:
    """The file that a symbolic link stands for, so that the link stays one."""
    return Path(os.path.realpath(target)) if target.is_symlink() else target


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def read(path: str) -> pd.DataFrame:
    """A frame from a CSV or Parquet file that the lab wrote; ValueError says what is wrong with it."""
    import pandas as pd

    source = Path(path)
    if not source.is_file():
        raise ValueError(f"{path}: there is no such file")
    if source.suffix.lower() not in FORMATS:
        raise ValueError(f"{path}: must end in {' or '.join(FORMATS)}")
    try:
        frame = pd.read_parquet(source) if source.suffix.lower() == ".parquet" else pd.read_csv(source)
    except (OSError, ValueError, pa.ArrowException) as error:
        reason = "it is no UTF-8 text" if isinstance(error, UnicodeDecodeError) else str(error).splitlines()[0]
        raise ValueError(f"{path}: can't be read as {source.suffix[1:]} ({reason})") from None
    if source.suffix.lower() == ".csv" and _cut_off(source):
        raise ValueError(f"{path}: ends in the middle of a row; write or copy the file once more")
    return frame


def _cut_off(source: Path) -> bool:
    """Whether a CSV's last line lacks its end and has fewer cells than the header."""
    with source.open("rb") as file:
        header, size = file.readline(), source.stat().st_size
        file.seek(max(0, size - 65_536))
        last = file.read().splitlines(keepends=True)[-1]
    return not last.endswith((b"\n", b"\r")) and last.count(b",") < header.count(b",")
