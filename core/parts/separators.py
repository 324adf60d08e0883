"""The sign that separates the cells of a text, told by its first rows."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Iterator
from itertools import islice

from core.parts.openings import title_rows
from core.parts.own_numbers import FORMS, number

# of two that fit alike the first is taken: a comma is a decimal sign sooner than a semicolon is part of a cell
DELIMITERS = "\t;|,"
BLANK = " "
EVEN = 0.8  # share of rows of one length from which a separator is believed before blanks are
SEPARATOR_ROWS = 20  # rows that tell the separator


def separator_of(text: str) -> str:
    """The separator into which the first rows fall most evenly, and of those the one that makes most columns.

    Where another sign than a comma parts all rows alike, and every comma then stands inside a number, it is that sign.
    """
    samples = {delimiter: _first_rows(text, delimiter) for delimiter in (*DELIMITERS, BLANK)}
    around_numbers = [sign for sign, rows in samples.items() if sign != "," and _holds_commas_in_numbers(sign, rows)]
    if around_numbers:
        return max(around_numbers, key=lambda sign: len(samples[sign][0]))
    fits = {delimiter: _fit(rows) for delimiter, rows in samples.items()}
    best = max(DELIMITERS, key=lambda delimiter: fits[delimiter])
    return BLANK if fits[best][0] < EVEN and fits[BLANK][0] == 1.0 else best


def single_blanks(text: str) -> Iterator[str]:
    """The lines with single blanks within and none around."""
    return (" ".join(line.split()) for line in io.StringIO(text))


def lines_of(text: str, delimiter: str) -> Iterable[str]:
    """The lines as the reader of CSV takes them."""
    return single_blanks(text) if delimiter == BLANK else io.StringIO(text, newline="")


def _first_rows(text: str, delimiter: str) -> list[list[str]]:
    rows = []
    try:
        for row in islice(
            csv.reader(lines_of(text, delimiter), delimiter=delimiter, skipinitialspace=True), SEPARATOR_ROWS
        ):
            rows += [[cell.strip() for cell in row]] if row else []
    except csv.Error:
        pass  # what was read tells enough
    return rows


def _fit(rows: list[list[str]]) -> tuple[float, bool, int]:
    """Share of the rows as long as the first below the titles, whether there are no titles, and that length."""
    titles = title_rows(rows)
    counts = [len(row) for row in rows[titles:]]
    if not counts or counts[0] < 2:
        return 0.0, False, 0
    if set(counts[1:]) == {counts[0] + 1}:  # R's header does not name the rows' names
        return 1.0, titles == 0, counts[0] + 1
    return counts.count(counts[0]) / len(counts), titles == 0, counts[0]


def _holds_commas_in_numbers(delimiter: str, rows: list[list[str]]) -> bool:
    """Whether rows of one length hold commas, below the first only as a number's own sign.

    Between blanks, which also part words, there must be two such numbers in every row.
    """
    rows = rows[title_rows(rows) :]
    if len(rows) < 2 or len(rows[0]) < 2 or len({len(row) for row in rows}) > 1:
        return False
    with_commas = [[cell for cell in row if "," in cell] for row in rows[1:]]
    enough = min(map(len, with_commas)) >= 2 if delimiter == BLANK else any(with_commas)
    return enough and all(_is_number(cell) for cells in with_commas for cell in cells)


def _is_number(cell: str) -> bool:
    return any(not math.isnan(number(cell, decimal, thousands)) for decimal, thousands in FORMS)
