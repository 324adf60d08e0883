"""Frames as Arrow tables: one run's bytes for the store, many runs as one tidy frame, CSV and Parquet."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from core.frames import COLUMNS
from core.settings import ids_of

if TYPE_CHECKING:
    import pandas as pd

    from core.settings import Run

TYPES = {"string": pa.string(), "int64": pa.int64(), "float64": pa.float64(), "bool": pa.bool_()}
FORMATS = (".csv", ".parquet")
PIECE_ROWS = 20_000  # of a CSV, written by one thread
END_BYTES = 8  # of an Arrow IPC stream: its end-of-stream mark


def encode(runs: Sequence[Mapping[str, np.ndarray]]) -> list[bytes]:
    """Each run's columns as an Arrow IPC stream; NaN becomes missing. The runs have the same columns."""
    names = list(runs[0])
    arrays = [_array(np.concatenate([run[name] for run in runs]), TYPES[COLUMNS[name].dtype]) for name in names]
    together = pa.RecordBatch.from_arrays(arrays, names=names)
    encoded, start = [], 0
    for run in runs:
        rows = len(run[names[0]])
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, together.schema) as writer:
            writer.write_batch(together.slice(start, rows))
        encoded.append(sink.getvalue().to_pybytes())
        start += rows
    return encoded


def _array(values: np.ndarray, kind: pa.DataType) -> pa.Array:
    """The values as an Arrow array, NaN missing; from its buffers, because ``pa.array`` would load pandas to look."""
    if pa.types.is_boolean(kind):
        return pa.Array.from_buffers(kind, len(values), [None, _bits(values)])
    if pa.types.is_integer(kind):
        return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(values.astype(np.int64))])
    values, missing = values.astype(np.float64), np.isnan(values)
    return pa.Array.from_buffers(kind, len(values), [_bits(~missing) if missing.any() else None, pa.py_buffer(values)])


def _setting(values: Sequence[Any], dtype: str) -> pa.Array:
    """A setting's values as an Arrow array; None is missing."""
    if dtype == "string":
        return _texts(values)
    missing = np.array([value is None for value in values], bool)
    numbers = np.array(
        [0 if value is None else value for value in values], np.float64 if dtype == "float64" else np.int64
    )
    valid = _bits(~missing) if missing.any() else None
    return pa.Array.from_buffers(TYPES[dtype], len(values), [valid, pa.py_buffer(numbers)])


def _texts(values: Sequence[str | None]) -> pa.Array:
    """Texts as an Arrow array; None is missing."""
    encoded = [(value or "").encode() for value in values]
    ends = np.concatenate([[0], np.cumsum([len(text) for text in encoded])]).astype(np.int32)
    valid = _bits(np.array([value is not None for value in values], bool)) if None in values else None
    return pa.StringArray.from_buffers(len(encoded), pa.py_buffer(ends), pa.py_buffer(b"".join(encoded)), valid)


def _bits(values: np.ndarray) -> pa.Buffer:
    return pa.py_buffer(np.packbits(values.astype(bool), bitorder="little"))


def decode(streams: Sequence[bytes]) -> pa.Table:
    """The columns of several runs below one another, each as ``encode`` wrote it; the runs have the same columns."""
    schema = pa.ipc.read_schema(pa.py_buffer(streams[0]))
    head, end = streams[0][: schema.serialize().size], streams[0][-END_BYTES:]
    if all(stream.startswith(head) for stream in streams):  # one long stream is read three times faster
        together = b"".join([head, *(stream[len(head) : -END_BYTES] for stream in streams), end])
        return pa.ipc.open_stream(together).read_all()
    return pa.concat_tables(pa.ipc.open_stream(stream).read_all() for stream in streams)


def assemble(runs: Iterable[Run], blobs: Sequence[bytes], settings: Sequence[str], own: Sequence[str]) -> pa.Table:
    """The tidy table of several runs: run, settings, seed, then each run's own columns (``own`` names them).

    runs and blobs stand in the order of the rows; with no runs the table is empty but has all its columns.
    """
    runs = list(runs)
    assert len(runs) == len(blobs)
    measured = decode(blobs) if runs else None
    lengths = np.array([len(chunk) for chunk in measured[0].chunks] if measured is not None else [], np.int64)
    row_of = _array(np.repeat(np.arange(len(runs)), lengths), pa.int64())
    columns = {"run": _texts(ids_of(runs)).take(row_of)}
    points = {id(run.settings): run.settings for run in runs}  # runs of a point share their settings
    position = {point: index for index, point in enumerate(points)}
    point_of = _array(np.array([position[id(run.settings)] for run in runs], np.int64), pa.int64()).take(row_of)
    for name in settings:
        columns[name] = _setting([getattr(point, name) for point in points.values()], COLUMNS[name].dtype).take(
            point_of
        )
    columns["seed"] = _array(np.array([run.seed for run in runs], np.int64), pa.int64()).take(row_of)
    if measured is not None:
        measured = measured.combine_chunks()
        columns |= {name: measured[name] for name in own}
    else:
        columns |= {name: pa.array([], TYPES[COLUMNS[name].dtype]) for name in own}
    return pa.table(columns)


def to_frame(table: pa.Table) -> pd.DataFrame:
    """The table as a pandas frame; missing floats are NaN."""
    return table.to_pandas()


def from_frame(frame: pd.DataFrame) -> pa.Table:
    """The frame as a table; NaN becomes missing."""
    return pa.Table.from_pandas(frame, preserve_index=False)


def csv(table: pa.Table) -> bytes:
    """CSV: header, ``.`` decimals, missing empty, ``true``/``false``, the shortest text that reads back the same."""
    sink = io.BytesIO()
    write_csv(table, sink)
    return sink.getvalue()


def write_csv(table: pa.Table, sink: IO[bytes]) -> None:
    """Writes the same into an open file, piece by piece."""
    from pyarrow import csv as writer

    quoting = "needed" if any(_needs_quotes(column) for column in table.columns) else "none"
    options = writer.WriteOptions(include_header=False, quoting_style=quoting)

    def written(start: int) -> pa.Buffer:
        lines = pa.BufferOutputStream()
        writer.write_csv(table.slice(start, PIECE_ROWS), lines, options)
        return lines.getvalue()

    sink.write((",".join(table.column_names) + "\n").encode())
    with ThreadPoolExecutor() as threads:  # Arrow works outside Python's lock
        for piece in threads.map(written, range(0, len(table), PIECE_ROWS)):
            sink.write(piece)


def _needs_quotes(column: pa.ChunkedArray) -> bool:
    import pyarrow.compute as pc

    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return False
    return bool(pc.any(pc.match_substring_regex(column.unique(), '[",\r\n]')).as_py())


def parquet(table: pa.Table) -> bytes:
    """The table as a Parquet file."""
    sink = io.BytesIO()
    write_parquet(table, sink)
    return sink.getvalue()


def write_parquet(table: pa.Table, sink: IO[bytes]) -> None:
    """Writes the same into an open file, piece by piece."""
    from pyarrow import parquet as writer

    writer.write_table(table, sink)


def check_output(path: str) -> Path:
    """``path`` as a file that can be written; ValueError says why it can't, before anything is computed."""
    target = Path(path)
    if target.suffix.lower() not in FORMATS:
        raise ValueError(f"--out: must end in {' or '.join(FORMATS)} (or be - for standard output), but got {path}")
    if target.is_dir():
        raise ValueError(f"--out: {path} is a folder; name a file in it")
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


def save(table: pa.Table, target: Path) -> None:
    """Writes the table as the kind of file that the target's suffix says, whole or not at all; ValueError why not."""
    write = write_parquet if target.suffix.lower() == ".parquet" else write_csv
    with _whole(target) as file:
        write(table, file)


def write(data: bytes, target: Path) -> None:
    """Writes the file whole or not at all; ValueError says why it could not."""
    with _whole(target) as file:
        file.write(data)


@contextmanager
def _whole(target: Path) -> Iterator[IO[bytes]]:
    """A new file beside the target, which takes its place in the end; OSError as a ValueError with a sentence."""
    temporary = None
    try:
        with tempfile.NamedTemporaryFile(dir=target.parent, prefix=f".{target.name}.", delete=False) as file:
            temporary = file.name
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o666 & ~_umask())
        Path(temporary).replace(target)
    except OSError as error:
        raise ValueError(f"{target} could not be written ({error.strerror}); nothing was left there") from None
    finally:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)


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
        reason = str(error).splitlines()[0]
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


def bytes_per_row(columns: Sequence[str]) -> int:
    """About what a row takes in memory while a frame is put together."""
    sizes: dict[str, Any] = {"string": 40, "int64": 8, "float64": 8, "bool": 1}
    return 2 * sum(sizes[COLUMNS[name].dtype] for name in columns)
