"""A CSV file as cells: its encoding, its separator, its header and its rows.

UTF-8, else what ``encodings`` makes of it. The separator is the one of tab, semicolon, pipe and comma into which the
first rows fall most evenly, else blanks, or what a first line such as ``sep=;`` says, which spreadsheets write. Comments
and titles above the table are skipped, and blank lines; cells are stripped; empty cells and the words of ``gaps`` (in any
case) are missing. Comments below the table are skipped too. Columns of one name are numbered as pandas does. Files are
known by the SHA-256 of their bytes.
"""

from __future__ import annotations

import csv
import hashlib
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from core.parts.encodings import decoded
from core.parts.gaps import none_is_a_word, without_gaps
from core.parts.headers import missing_header, names_rows, numbered
from core.parts.openings import COMMENT, SEPARATOR_LINE, comment_rows_below, comments, is_header, title_rows
from core.parts.separators import BLANK, lines_of, separator_of
from core.registry import brief
from core.words import counted

MAXIMUM_BYTES = 50 * 2**20
SHOWN_RENAMED = 3
MOST_FOOTERS = 5  # rows below a table that are no rows of it
SEPARATOR_NAMES = {"\t": "tabs", ";": "semicolons", "|": "pipes", ",": "commas", BLANK: "blanks"}
LONGEST_CELL = csv.field_size_limit()  # of Python's csv, unless it is raised
csv.field_size_limit(MAXIMUM_BYTES)  # a cell may be as long as the file; set once, as threads share it


class Cells(NamedTuple):
    """A file's content.

    encoding  as Python calls it
    opening   lines above the table: one that names the separator, and comments
    titles    rows above the table
    headed    whether the first row holds the columns' names
    lines     the number of each row's last line in the file
    columns   the cells of each column, "" where one is missing
    words     what was written in the missing cells of a column that are not empty, each once per cell
    why       it is read without a header
    first     the names that the first row would give, where it holds none
    nones     places of the columns in which None is a word
    below     rows of comments below the table
    longest   characters of its longest cell
    notes     sentences on what was skipped or added
    """

    encoding: str
    delimiter: str
    opening: int
    titles: int
    headed: bool
    header: list[str]
    lines: list[int]
    columns: list[tuple[str, ...]]
    words: list[list[str]]
    why: str
    first: list[str]
    nones: tuple[int, ...]
    below: int
    longest: int
    notes: tuple[str, ...]


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
    delimiter, opening, above, text = _opened(text)
    starts, lines, rows = _rows(path, text, delimiter, opening)
    longest = max(len(cell) for row in rows for cell in row)
    titles = title_rows(rows)
    above += [title for row in rows[:titles] if (title := _in_one_line(row))]
    starts, lines, rows = starts[titles:], lines[titles:], rows[titles:]
    below = comment_rows_below(rows)
    notes = [_skipped(above, "above")] if above else []
    if below:
        notes.append(_skipped([_in_one_line(row) for row in rows[-below:]], "below"))
        starts, lines, rows = starts[:-below], lines[:-below], rows[:-below]
    notes += _square(rows)
    if len(rows[0]) == 1:
        raise ValueError(
            f"csv: {path} has one column, {brief(' '.join(rows[0][0].split()))!r}, and it takes two at least: "
            "separate cells by commas, semicolons, tabs, pipes or blanks"
        )
    _check_shape(path, starts, lines, rows, delimiter)
    columns = [tuple(column) for column in zip(*rows, strict=True)]
    why = missing_header(columns) if header == "auto" else "as header=no says" if header == "no" else ""
    if not why and len(rows) == 1:
        raise ValueError(f"csv: {path} has a header and no rows below it")
    names = numbered([column[0] for column in columns])
    notes += [] if why else _doubled([column[0] for column in columns], names)
    nones, present, words = _present([column[0 if why else 1 :] for column in columns])
    return Cells(
        encoding=encoding,
        delimiter=delimiter,
        opening=opening,
        titles=titles,
        headed=not why,
        header=[f"column {place}" for place in range(1, len(columns) + 1)] if why else names,
        lines=lines[0 if why else 1 :],
        columns=present,
        words=words,
        why=why,
        first=names if why else [],
        nones=nones,
        below=below,
        longest=longest,
        notes=tuple(notes),
    )


def _present(columns: list[tuple[str, ...]]) -> tuple[tuple[int, ...], list[tuple[str, ...]], list[list[str]]]:
    """Where None is a word, the columns with their gaps empty, and what was written in those gaps."""
    nones = tuple(place for place, column in enumerate(columns) if none_is_a_word(column))
    present = [without_gaps(column, place in nones) for place, column in enumerate(columns)]
    words = [
        [cell for cell, there in zip(column, kept, strict=True) if cell and not there]
        for column, kept in zip(columns, present, strict=True)
    ]
    return nones, present, words


def _doubled(written: list[str], names: list[str]) -> list[str]:
    """The sentence on columns of one name."""
    renamed = [
        f"the other {brief(' '.join(cell.split()))!r} is {brief(name)}"
        for cell, name in zip(written, names, strict=True)
        if cell and name != " ".join(cell.split())
    ]
    if not renamed:
        return []
    more = f" and {len(renamed) - SHOWN_RENAMED:,} more" if len(renamed) > SHOWN_RENAMED else ""
    return [f"Columns of one name are numbered: {', '.join(renamed[:SHOWN_RENAMED])}{more}."]


def _opened(text: str) -> tuple[str, int, list[str], str]:
    """The separator, the lines above the table, the comments among them, and the text below them."""
    named = SEPARATOR_LINE.match(text)
    text = text[named.end() :] if named else text
    above, taken, below = comments(text)
    delimiter = named[1] if named else separator_of(below)
    if above:
        last = above[-1].lstrip(COMMENT)
        header, row = (
            next(csv.reader(lines_of(line, delimiter), delimiter=delimiter, skipinitialspace=True), [])
            for line in (last.strip(), below.lstrip())
        )
        if is_header(header, row):
            first = last.strip() if last[:1] in (" ", "\t") else above[-1]
            above, taken, below = above[:-1], taken - 1, f"{first}\n{below}"
    return delimiter, taken + bool(named), above, below


def _in_one_line(row: list[str]) -> str:
    return ", ".join(cell for cell in row if cell)


def _skipped(lines: list[str], side: str) -> str:
    shown = ", ".join(repr(line[:60]) for line in lines[:2]) + (" …" if len(lines) > 2 else "")
    is_skipped = f"1 line {side} the table is" if len(lines) == 1 else f"{len(lines):,} lines {side} the table are"
    return f"{is_skipped} skipped: {shown}."


def _rows(path: str, text: str, delimiter: str, opening: int) -> tuple[list[int], list[int], list[list[str]]]:
    """The numbers of each row's first and last line, and its cells, stripped."""
    reader = csv.reader(lines_of(text, delimiter), delimiter=delimiter, skipinitialspace=True, strict=True)
    starts, lines, rows, above = [], [], [], 0
    try:
        for row in reader:
            if row not in ([], [""]):
                starts.append(above + 1 + opening)
                lines.append(reader.line_num + opening)
                rows.append([cell.strip() for cell in row])
            above = reader.line_num
    except csv.Error as error:
        where = _quote_words(str(error), _open_quote(text, delimiter, above, reader.line_num), reader.line_num, opening)
        raise ValueError(f"csv: {path} can't be read as CSV: {where}") from None
    if not rows:
        raise ValueError(f"csv: {path} is empty: it needs a line with the columns' names, and rows below it")
    return starts, lines, rows


def _open_quote(text: str, delimiter: str, above: int, last: int) -> int:
    """The line, after ``above`` and up to ``last``, in which the quote opens that runs on: the first where none does."""
    opens, is_open = above + 1, False
    for place, line in enumerate(lines_of(text, delimiter), start=1):
        if above < place <= last and line.count('"') % 2:
            is_open = not is_open
            opens = place if is_open else opens
    return opens


def _quote_words(error: str, opens: int, last: int, opening: int) -> str:
    if "end of data" in error:
        return f"line {opens + opening}, the quote that opens there is not closed"
    return f"line {last + opening}, {error}" + (f"; the quote opens in line {opens + opening}" if opens < last else "")


def _square(rows: list[list[str]]) -> list[str]:
    """Mends, in place, empty cells behind the last column, and a header that names no row numbers, as R writes it.

    Returns the sentence that says so.
    """
    width, longest = len(rows[0]), max(len(row) for row in rows[1:]) if len(rows) > 1 else 0
    if longest < width and longest > 0 and not any(rows[0][longest:]):
        del rows[0][longest:]
    elif longest > width and not any(any(row[width:]) for row in rows[1:]):
        for row in rows[1:]:
            del row[width:]
    elif {len(row) for row in rows[1:]} == {width + 1} and _name_rows([row[0] for row in rows[1:]], rows[0][0]):
        rows[0].insert(0, "")
        return [
            "Its rows have one cell more than its header: the first column is taken for their names, as R writes them."
        ]
    return []


def _name_rows(cells: list[str], name: str) -> bool:
    """Whether cells name their rows: none is empty and none repeats, and the header has no such name of its own."""
    return all(cells) and len(set(cells)) == len(cells) and not names_rows(name)


def _check_shape(path: str, starts: list[int], lines: list[int], rows: list[list[str]], delimiter: str) -> None:
    """ValueError where rows are of different lengths: the first, how many there are, and what to do."""
    width = len(rows[0])
    bad = [place for place, row in enumerate(rows) if len(row) != width]
    if not bad:
        return
    start, line, row = starts[bad[0]], lines[bad[0]], rows[bad[0]]
    cells = "1 cell" if len(row) == 1 else f"{len(row):,} cells"
    quoted = f" (with lines {start} to {line - 1}, since a quote opens there)" if start < line else ""
    many = f"; {len(bad):,} of {counted(len(rows) - 1, 'row')} do not fit" if len(bad) > 1 else ""
    raise ValueError(
        f"csv: {path} is ragged: line {line}{quoted} has {cells}, and the header has {width:,}{many}: "
        f"{_ragged_advice(rows, bad, SEPARATOR_NAMES[delimiter])}"
    )


def _ragged_advice(rows: list[list[str]], bad: list[int], separators: str) -> str:
    """What to do about the rows at ``bad`` places."""
    width, lengths = len(rows[0]), [len(rows[place]) for place in bad]
    last_ones = bad == list(range(len(rows) - len(bad), len(rows)))
    if last_ones and len(bad) <= MOST_FOOTERS and max(lengths) < width:
        return "delete what stands below the table, such as totals"
    if len(bad) == len(rows) - 1:
        return f"the header needs a name for each column, with {separators} between them"
    if min(lengths) > width:
        return f"put cells that hold {separators} in double quotes"
    if max(lengths) < width:
        return f"end short rows with {separators} for the cells that are missing"
    return f"put cells that hold {separators} in double quotes, and end short rows with {separators}"
