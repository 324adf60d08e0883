"""A CSV file as cells: its encoding, its separator, its header and its rows.

UTF-8; the separator is the one of comma, semicolon and tab into which the first rows fall most evenly, or what a first line
such as ``sep=;`` says, which spreadsheets write. Blank lines don't count; cells are stripped; empty cells and ? NA N/A NaN
null None (in any case) are missing. Files are known by the SHA-256 of their bytes.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import NamedTuple

MAXIMUM_BYTES = 10 * 2**20
MAXIMUM_ROWS = 100_000
# of two that fit alike the first is taken: a comma is a decimal sign sooner than a semicolon is part of a cell
DELIMITERS = "\t;,"
MISSING = ("", "?", "n/a", "na", "nan", "none", "null")
LOOKED_AT = 20  # rows that tell the separator
SEPARATOR_LINE = re.compile(r'"?sep=([\t;,])"?\r?\n', re.IGNORECASE)


class Cells(NamedTuple):
    """A file's content.

    opening  lines before the header: 1 where the first names the separator
    rows     (number of its last line in the file, its cells, "" where one is missing)
    """

    delimiter: str
    opening: int
    header: list[str]
    rows: list[tuple[int, list[str]]]


def digest_of(path: str) -> str:
    """The SHA-256 of the file, read again only after it has changed; ValueError where it can't be read."""
    place = Path(path)
    try:
        if place.is_dir():
            raise ValueError(f"csv: {path} is a folder; name a file in it")
        if not place.is_file():
            raise ValueError(f"csv: there is no file {path}")
        found = place.stat()
        _check_size(path, found.st_size)
        return _digest(str(place.absolute()), found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino)
    except OSError as error:
        raise ValueError(f"csv: {path} can't be read ({error.strerror})") from None


@lru_cache(maxsize=64)
def _digest(path: str, *version: int) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


@lru_cache(maxsize=1)  # of a large file it takes some 100 MB
def cells_of(path: str, digest: str) -> Cells:
    """The file's cells; ``digest`` is its hash. ValueError with one sentence where it is no table."""
    content = Path(path).read_bytes()
    if hashlib.sha256(content).hexdigest() != digest:
        raise ValueError(f"csv: {path} is changing while it is read; try again")
    return parsed(path, content)


def _check_size(path: str, size: int) -> None:
    if size > MAXIMUM_BYTES:
        limit = f"{MAXIMUM_BYTES / 2**20:.0f} MB"
        raise ValueError(f"csv: {path} is too large: {size / 2**20:,.1f} MB, and the limit is {limit}")


def parsed(path: str, content: bytes) -> Cells:
    """The cells of ``content``, which sentences call ``path``; ValueError where it is no table."""
    _check_size(path, len(content))
    text = _text(path, content)
    named = SEPARATOR_LINE.match(text)
    delimiter, text = (named[1], text[named.end() :]) if named else (_separator(text), text)
    opening = 1 if named else 0
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True, strict=True)
    try:
        rows = [(reader.line_num + opening, row) for row in reader if row not in ([], [""])]
    except csv.Error as error:
        raise ValueError(f"csv: {path} can't be read as CSV: line {reader.line_num + opening}, {error}") from None
    if not rows:
        raise ValueError(f"csv: {path} is empty: it needs a line with the columns' names, and rows below it")
    header = [" ".join(name.split()) for name in rows[0][1]]
    header = [name or f"column {place}" for place, name in enumerate(header, start=1)]
    if len(header) == 1:
        raise ValueError(
            f"csv: {path} has one column, {header[0]!r}, and it takes two at least: separate cells by commas, semicolons or tabs"
        )
    for place, name in enumerate(header):
        if name in header[:place]:
            raise ValueError(f"csv: {path} has two columns named {name!r}; rename one")
    if len(rows) == 1:
        raise ValueError(f"csv: {path} has a header and no rows below it")
    if len(rows) - 1 > MAXIMUM_ROWS:
        raise ValueError(f"csv: {path} is too large: {len(rows) - 1:,} rows, and the limit is {MAXIMUM_ROWS:,}")
    for line, row in rows:
        if len(row) != len(header):
            cells = "1 cell" if len(row) == 1 else f"{len(row)} cells"
            raise ValueError(f"csv: {path} is ragged: line {line} has {cells}, and the header has {len(header)}")
    return Cells(delimiter, opening, header, [(line, [_present(cell) for cell in row]) for line, row in rows[1:]])


def _text(path: str, content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ValueError(f"csv: {path} is text in UTF-16; save it as CSV in UTF-8")
    if b"\0" in content:
        raise ValueError(f"csv: {path} is no text file: it holds binary data; save the table as CSV in UTF-8")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(f"csv: {path} is not UTF-8 text; save it as CSV in UTF-8") from None
    if not text.strip():
        raise ValueError(f"csv: {path} is empty: it needs a line with the columns' names, and rows below it")
    return text


def _separator(text: str) -> str:
    """The separator into which the first rows fall most evenly, and of those the one that makes most columns."""

    def fit(delimiter: str) -> tuple[float, int]:
        counts = []
        try:
            for row in islice(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), LOOKED_AT):
                counts += [len(row)] if row else []
        except csv.Error:
            pass  # what was read tells enough
        if not counts or counts[0] < 2:
            return 0.0, 0
        return counts.count(counts[0]) / len(counts), counts[0]

    return max(DELIMITERS, key=fit)


def _present(cell: str) -> str:
    cell = cell.strip()
    return "" if cell.lower() in MISSING else cell
