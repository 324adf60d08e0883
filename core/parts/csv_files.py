"""A CSV file as cells: its encoding, its separator, its header and its rows.

UTF-8, else what ``encodings`` makes of it. The separator is the one of tab, semicolon, pipe and comma into which the
first rows fall most evenly, else blanks, or what a first line such as ``sep=;`` says, which spreadsheets write. Blank
lines don't count; cells are stripped; empty cells and the words in MISSING (in any case) are missing. Columns of one name
are numbered as pandas does. Files are known by the SHA-256 of their bytes.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from core.parts.encodings import decoded
from core.parts.headers import missing_header, numbered

MAXIMUM_BYTES = 50 * 2**20
# of two that fit alike the first is taken: a comma is a decimal sign sooner than a semicolon is part of a cell
DELIMITERS = "\t;|,"
BLANK = " "
EVEN = 0.8  # share of rows of one length from which a separator is believed before blanks are
WORDS = ("", "?", "n/a", "na", "nan", "none", "null", "<na>", "nat")  # what people and programs write for a gap
SPREADSHEET = ("#n/a", "#na", "#div/0!", "#value!", "#ref!", "#name?", "#num!", "#null!")
MISSING = (*WORDS, *SPREADSHEET)
_MISSING = frozenset(MISSING)
LOOKED_AT = 20  # rows that tell the separator
SEPARATOR_LINE = re.compile(r'"?sep=([\t;|,])"?\r?\n', re.IGNORECASE)


class Cells(NamedTuple):
    """A file's content.

    encoding  as Python calls it
    opening   lines before the first row: 1 where one names the separator
    headed    whether the first row holds the columns' names
    lines     the number of each row's last line in the file
    columns   the cells of each column, "" where one is missing
    words     what was written in the missing cells of a column that are not empty, each once per cell
    """

    encoding: str
    delimiter: str
    opening: int
    headed: bool
    header: list[str]
    lines: list[int]
    columns: list[tuple[str, ...]]
    words: list[list[str]]
    why: str = ""  # it is read without a header


def digest_of(path: str) -> str:
    """The SHA-256 of the file, read again only after it has changed; ValueError where it can't be read."""
    place = Path(path)
    try:
        if place.is_dir():
            raise ValueError(f"csv: {path} is a folder; name a file in it")
        if not place.is_file():
            raise ValueError(f"csv: there is no file {path}")
        state = place.stat()
        _check_size(path, state.st_size)
        return _digest(str(place.absolute()), state.st_mtime_ns, state.st_ctime_ns, state.st_size, state.st_ino)
    except OSError as error:
        raise ValueError(f"csv: {path} can't be read ({error.strerror})") from None


@lru_cache(maxsize=64)
def _digest(path: str, *version: int) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


@lru_cache(maxsize=1)  # of a large file it takes some 100 MB
def cells_of(path: str, digest: str, header: str = "auto") -> Cells:
    """The file's cells; ``digest`` is its hash. ValueError with one sentence where it is no table."""
    content = Path(path).read_bytes()
    if hashlib.sha256(content).hexdigest() != digest:
        raise ValueError(f"csv: {path} is changing while it is read; try again")
    return parsed(path, content, header)


def _check_size(path: str, size: int) -> None:
    if size > MAXIMUM_BYTES:
        limit = f"{MAXIMUM_BYTES / 2**20:.0f} MB"
        raise ValueError(f"csv: {path} is too large: {size / 2**20:,.1f} MB, and the limit is {limit}")


def parsed(path: str, content: bytes, header: str = "auto") -> Cells:
    """The cells of ``content``, which sentences call ``path``; ValueError where it is no table.

    header  ``yes``: the first row holds names; ``no``: it does not; ``auto``: told from what stands there
    """
    _check_size(path, len(content))
    encoding, text = decoded(path, content)
    if not text.strip():
        raise ValueError(f"csv: {path} is empty: it needs a line with the columns' names, and rows below it")
    separator_line = SEPARATOR_LINE.match(text)
    opening = 1 if separator_line else 0
    delimiter, text = (separator_line[1], text[separator_line.end() :]) if separator_line else (_separator(text), text)
    lines, rows = _rows(path, text, delimiter, opening)
    _square(rows)
    width = len(rows[0])
    if width == 1:
        raise ValueError(
            f"csv: {path} has one column, {' '.join(rows[0][0].split())!r}, and it takes two at least: "
            "separate cells by commas, semicolons, tabs, pipes or blanks"
        )
    _check_shape(path, lines, rows)
    columns = [tuple(column) for column in zip(*rows, strict=True)]
    why = missing_header(columns) if header == "auto" else "as header=no says" if header == "no" else ""
    if why:
        names = [f"column {place}" for place in range(1, width + 1)]
    else:
        names = numbered([column[0] for column in columns])
        if len(rows) == 1:
            raise ValueError(f"csv: {path} has a header and no rows below it")
    first = 0 if why else 1
    cells = [_present(column[first:]) for column in columns]
    words = [
        [cell for cell, is_present in zip(column[first:], present, strict=True) if cell and not is_present]
        for column, present in zip(columns, cells, strict=True)
    ]
    return Cells(encoding, delimiter, opening, not why, names, lines[first:], cells, words, why)


def _rows(path: str, text: str, delimiter: str, opening: int) -> tuple[list[int], list[list[str]]]:
    """The number of each row's last line, and its cells, stripped."""
    reader = csv.reader(
        _single_blanks(text) if delimiter == BLANK else io.StringIO(text, newline=""),
        delimiter=delimiter,
        skipinitialspace=True,
        strict=True,
    )
    lines, rows = [], []
    try:
        for row in reader:
            if row not in ([], [""]):
                lines.append(reader.line_num + opening)
                rows.append([cell.strip() for cell in row])
    except csv.Error as error:
        raise ValueError(f"csv: {path} can't be read as CSV: line {reader.line_num + opening}, {error}") from None
    if not rows:
        raise ValueError(f"csv: {path} is empty: it needs a line with the columns' names, and rows below it")
    return lines, rows


def _square(rows: list[list[str]]) -> None:
    """Mends, in place, a header that names no row numbers, as R writes it, and empty cells behind the last column."""
    width = len(rows[0])
    longer = {len(row) for row in rows[1:]}
    if longer == {width + 1} and not any(row[-1] for row in rows[1:]):
        for row in rows[1:]:
            del row[-1]
    elif longer == {width + 1}:
        rows[0].insert(0, "")


def _check_shape(path: str, lines: list[int], rows: list[list[str]]) -> None:
    """ValueError where rows are of different lengths."""
    width = len(rows[0])
    for line, row in zip(lines, rows, strict=True):
        if len(row) != width:
            cells = "1 cell" if len(row) == 1 else f"{len(row)} cells"
            raise ValueError(f"csv: {path} is ragged: line {line} has {cells}, and the header has {width}")


def _present(column: Iterable[str]) -> tuple[str, ...]:
    return tuple("" if cell.lower() in _MISSING else cell for cell in column)


def _single_blanks(text: str) -> Iterator[str]:
    """The lines with single blanks within and none around."""
    return (" ".join(line.split()) for line in io.StringIO(text))


def _separator(text: str) -> str:
    """The separator into which the first rows fall most evenly, and of those the one that makes most columns."""

    def fit(delimiter: str) -> tuple[float, int]:
        lines = _single_blanks(text) if delimiter == BLANK else io.StringIO(text, newline="")
        counts = []
        try:
            for row in islice(csv.reader(lines, delimiter=delimiter, skipinitialspace=True), LOOKED_AT):
                counts += [len(row)] if row else []
        except csv.Error:
            pass  # what was read tells enough
        if not counts or counts[0] < 2:
            return 0.0, 0
        return counts.count(counts[0]) / len(counts), counts[0]

    best = max(DELIMITERS, key=fit)
    return BLANK if fit(best)[0] < EVEN and fit(BLANK)[0] == 1.0 else best
