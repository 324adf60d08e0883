"""Frames as Arrow tables: one run's bytes for the store, many runs as one tidy frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from core.frames import COLUMNS
from core.settings import ids_of

if TYPE_CHECKING:
    import pandas as pd

    from core.settings import Run


TYPES = {"string": pa.string(), "int64": pa.int64(), "float64": pa.float64(), "bool": pa.bool_()}
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
    tables = (pa.ipc.open_stream(stream).read_all() for stream in streams)
    return pa.concat_tables(tables, promote_options="default")


def assemble(
    runs: Sequence[Run],
    blobs: Sequence[bytes],
    settings: Sequence[str],
    measured_columns: Sequence[str],
    ids: Sequence[str] | None = None,
) -> pa.Table:
    """The tidy table of several runs: run, settings, seed, then what was measured of each.

    ids  the runs' ids, where they are known already

    runs and blobs stand in the order of the rows; with no runs the table is empty but has all its columns.
    """
    assert len(runs) == len(blobs)
    measures = decode(blobs) if runs else None
    lengths = np.array([len(chunk) for chunk in measures[0].chunks] if measures is not None else [], np.int64)
    row_of = _array(np.repeat(np.arange(len(runs)), lengths), pa.int64())
    columns = {"run": _texts(ids_of(runs) if ids is None else ids).take(row_of)}
    points = {id(run.settings): run.settings for run in runs}  # runs of a point share their settings
    position = {point: index for index, point in enumerate(points)}
    point_of = _array(np.array([position[id(run.settings)] for run in runs], np.int64), pa.int64()).take(row_of)
    for name in settings:
        columns[name] = _setting([getattr(point, name) for point in points.values()], COLUMNS[name].dtype).take(
            point_of
        )
    columns["seed"] = _array(np.array([run.seed for run in runs], np.int64), pa.int64()).take(row_of)
    if measures is not None:
        measures = measures.combine_chunks()
        there = set(measures.column_names)  # an earlier version measured less
        columns |= {
            name: measures[name] if name in there else pa.nulls(len(row_of), TYPES[COLUMNS[name].dtype])
            for name in measured_columns
        }
    else:
        columns |= {name: pa.array([], TYPES[COLUMNS[name].dtype]) for name in measured_columns}
    return pa.table(columns)


def to_frame(table: pa.Table) -> pd.DataFrame:
    """The table as a pandas frame; missing floats are NaN."""
    return table.to_pandas()


def from_frame(frame: pd.DataFrame) -> pa.Table:
    """The frame as a table; NaN becomes missing."""
    return pa.Table.from_pandas(frame, preserve_index=False)


def bytes_per_row(columns: Sequence[str]) -> int:
    """About what a row takes in memory while a frame is put together."""
    sizes: dict[str, Any] = {"string": 40, "int64": 8, "float64": 8, "bool": 1}
    return 2 * sum(sizes[COLUMNS[name].dtype] for name in columns)
