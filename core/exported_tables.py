"""A frame that was exported elsewhere, read as text or Parquet with the columns and types of its experiment, or refused.

Nothing in the file is believed: its size is bounded, its columns are those of an experiment, every cell is of its column's type.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence

import pyarrow as pa

from core.experiments import NAMES, Experiment, experiment
from core.frames import COLUMNS
from core.tables import TYPES

MOST_BYTES = 200_000_000
MOST_ROWS = 3_000_000
MOST_UNPACKED = 2_000_000_000  # bytes of a Parquet file's columns
HEADER_BYTES = 65_536
SHOWN = 40  # characters of a cell in a message
WORDS = {"int64": "a whole number", "float64": "a number", "bool": "true or false", "string": "text"}
_FAULT = re.compile(r"In CSV column #(\d+): (?:Row #(\d+): )?CSV conversion error to \w+: invalid value '(.*)'", re.S)


def exported_table(name: str, data: bytes) -> tuple[Experiment, pa.Table]:
    """The experiment and the table of a file that ``run`` or ``export`` wrote; ValueError says what is wrong with it.

    name  the file's, whose ending says what it is
    """
    if len(data) > MOST_BYTES:
        raise ValueError(f"{name}: has {len(data) / 1e6:,.0f} MB, and at most {MOST_BYTES / 1e6:,.0f} MB are read")
    if not data:
        raise ValueError(f"{name}: is empty")
    ending = name.lower().rpartition(".")[2]
    if ending not in ("csv", "parquet"):
        raise ValueError(f"{name}: must end in .csv or .parquet")
    try:
        kind, table = (_csv if ending == "csv" else _parquet)(name, data)
    except (pa.ArrowException, OSError, OverflowError) as error:
        reason = (str(error).splitlines() or ["no reason given"])[0][:200]
        raise ValueError(f"{name}: can't be read as {ending} ({reason})") from None
    if not len(table):
        raise ValueError(f"{name}: the table has no rows, so there is nothing to import")
    if len(table) > MOST_ROWS:
        raise ValueError(f"{name}: has {len(table):,} rows, and at most {MOST_ROWS:,} are read")
    optional = set(kind.settings.names())
    for column in kind.columns:
        whole = COLUMNS[column].dtype != "float64" and column not in optional
        if whole and table[column].null_count:
            raise ValueError(
                f"{name}: {column} must be {WORDS[COLUMNS[column].dtype]} in every row, but is empty in some"
            )
    return kind, table


def _kind(name: str, columns: Sequence[str]) -> Experiment:
    """The experiment whose frame has exactly these columns."""
    if len(set(columns)) < len(columns):
        twice = next(column for column in columns if columns.count(column) > 1)
        raise ValueError(f"{name}: has two columns {_shown(twice)}")
    kinds = [experiment(each) for each in NAMES]
    nearest = min(kinds, key=lambda kind: len(set(kind.columns) ^ set(columns)))
    lacking = [column for column in nearest.columns if column not in columns]
    foreign = [column for column in columns if column not in nearest.columns]
    if lacking or foreign:
        faults = [f"lacks {', '.join(lacking[:5])}"] * bool(lacking)
        faults += [f"has {', '.join(_shown(column) for column in foreign[:5])} too many"] * bool(foreign)
        raise ValueError(f"{name}: is no frame of ours: for {nearest.name} it {' and '.join(faults)}")
    return nearest


def _shown(text: str) -> str:
    return repr(text if len(text) <= SHOWN else text[:SHOWN] + "…")


def _csv(name: str, data: bytes) -> tuple[Experiment, pa.Table]:
    from pyarrow import csv as reader

    if not data.endswith((b"\n", b"\r")):
        raise ValueError(f"{name}: its last line has no end, so it may be cut off; export or copy it once more")
    if b"\0" in data[:HEADER_BYTES]:
        raise ValueError(f"{name}: is no CSV")
    data = data.removeprefix(b"\xef\xbb\xbf")
    try:
        header = next(csv.reader(io.StringIO(data[:HEADER_BYTES].split(b"\n", 1)[0].decode())), [])
    except (UnicodeDecodeError, csv.Error):
        raise ValueError(f"{name}: is no CSV in UTF-8") from None
    kind = _kind(name, header)
    rows = data.count(b"\n")
    if rows > MOST_ROWS + 1:
        raise ValueError(f"{name}: has {rows:,} lines, and at most {MOST_ROWS:,} are read")
    types = {column: TYPES[COLUMNS[column].dtype] for column in kind.columns}
    convert = reader.ConvertOptions(
        column_types=types,
        null_values=[""],
        strings_can_be_null=True,
        true_values=["true", "True", "TRUE"],
        false_values=["false", "False", "FALSE"],
    )
    try:
        table = reader.read_csv(pa.BufferReader(data), convert_options=convert)
    except pa.ArrowInvalid as error:
        fault = _FAULT.search(str(error))
        if fault is None:
            raise
        column = header[int(fault[1])]
        raise ValueError(
            f"{name}: {column} must be {WORDS[COLUMNS[column].dtype]}, but got {_shown(fault[3])}"
        ) from None
    return kind, table.select(kind.columns)


def _parquet(name: str, data: bytes) -> tuple[Experiment, pa.Table]:
    from pyarrow import parquet as reader

    file = reader.ParquetFile(pa.BufferReader(data))
    about = file.metadata
    unpacked = sum(about.row_group(number).total_byte_size for number in range(about.num_row_groups))
    if about.num_rows > MOST_ROWS:
        raise ValueError(f"{name}: has {about.num_rows:,} rows, and at most {MOST_ROWS:,} are read")
    if unpacked > MOST_UNPACKED:
        raise ValueError(
            f"{name}: unpacks to {unpacked / 1e9:,.1f} GB, and at most {MOST_UNPACKED / 1e9:,.0f} GB are read"
        )
    kind = _kind(name, list(file.schema_arrow.names))
    for column in kind.columns:
        _check_type(name, column, file.schema_arrow.field(column).type)
    batches, size, rows = [], 0, 0
    for batch in file.iter_batches(batch_size=65_536, columns=list(kind.columns)):
        size, rows = size + batch.nbytes, rows + len(batch)
        if size > MOST_UNPACKED or rows > MOST_ROWS:  # whatever its own numbers say
            raise ValueError(f"{name}: unpacks to more than {MOST_UNPACKED / 1e9:,.0f} GB or {MOST_ROWS:,} rows")
        batches.append(batch)
    table = pa.Table.from_batches(batches) if batches else file.schema_arrow.empty_table()
    arrays = {}
    for column in kind.columns:
        try:
            arrays[column] = table[column].cast(TYPES[COLUMNS[column].dtype])
        except pa.ArrowInvalid:
            raise ValueError(
                f"{name}: {column} must be {WORDS[COLUMNS[column].dtype]}, but holds what is none"
            ) from None
    return kind, pa.table(arrays)


def _check_type(name: str, column: str, found: pa.DataType) -> None:
    dtype, kinds = COLUMNS[column].dtype, pa.types
    number = kinds.is_integer(found) or kinds.is_floating(found)
    inner = found.value_type if kinds.is_dictionary(found) else found
    fits = {
        "string": kinds.is_string(inner) or kinds.is_large_string(inner),
        "bool": kinds.is_boolean(found),
        "int64": number,
        "float64": number,
    }[dtype]
    if not (fits or kinds.is_null(found)):
        raise ValueError(f"{name}: {column} must be {WORDS[dtype]}, but is {str(found)[:SHOWN]}")
