"""Dates and times of day as the numbers that they hold."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from core.parts.own_numbers import sample_of

SHARE = 0.9  # of its cells from which a column holds dates
SEVERAL_FORMATS_CELLS = 20  # different cells that tell whether a column holds dates of several formats
FORMAT_CELLS = 200  # different cells, from all over the column, that tell which formats it may have
LONGEST = 40  # characters of a date
COMPACT_DAY = "%Y%m%d"
COMPACT_YEARS = (1900, 2100)  # of eight digits that are dates
COMPACT_DAYS = 5  # different dates from which eight digits are such by no chance: of numbers one in thirty is
DAY_NAME = re.compile(r"date|datum|fecha|jour|tag|day|\bdt\b|ymd", re.IGNORECASE)
MONTH_WORD = re.compile(
    "(?:jan|ene|gen|f[eé]b|f[eé]v|mar|m[aä]r|maa|mrt|apr|avr|abr|ma[iyjg]|mei|jun|juin|giu|jul|juil|lug|aug|ao[uû]|ago"
    "|sep|set|o[ck]t|ott|out|nov|d[eé][cz]|dic)[^\\W\\d_]{0,8}",
    re.IGNORECASE,
)
BESIDE_MONTHS = {"de", "del", "of", "the", "le", "den", "der", "er", "st", "nd", "rd", "th"}
DAYS = (
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%Y.%m.%d",
    "%m/%d/%Y",
    "%d/%m/%Y",
    "%d.%m.%Y",
    "%d-%m-%Y",
    "%m-%d-%Y",
    "%m/%d/%y",
    "%d/%m/%y",
    "%d.%m.%y",
    "%d-%b-%Y",
    "%d-%b-%y",
    "%d %b %Y",
    "%d %B %Y",
    "%b %d, %Y",
    "%B %d, %Y",
    "%b %d %Y",
    "%B %d %Y",
    "%a %b %d %Y",
    COMPACT_DAY,
)
CLOCKS = ("%H:%M", "%H:%M:%S", "%H:%M:%S.%f", "%I:%M %p", "%I:%M:%S %p")
MONTHS = ("%Y-%m", "%b-%Y", "%b %Y", "%B %Y", "%b-%y", "%m/%Y")
ZONED = ("%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%S.%f%z", "%Y-%m-%d %H:%M:%S%z", "%Y-%m-%d %H:%M:%S.%f%z")
COMPACT = ("%Y%m%dT%H%M%S", "%H.%M.%S", "%Y-%m-%d %H:%M:%S UTC", "%d/%b/%Y:%H:%M:%S", "%Y%m%d %H%M%S")
FORMATS = (
    *DAYS,
    *(f"{day}{between}{clock}" for clock in CLOCKS for day in DAYS for between in (" ", "T")),
    *ZONED,
    *CLOCKS,
    *COMPACT,
    *MONTHS,
)
PARTS = ("year", "month", "weekday", "time of day")
Parts = tuple[float, float, float, float]


class Dates(NamedTuple):
    """A column of dates: its format, the parts that vary, and their values, (rows,) each.

    doubt  what is said where days and months can't be told apart, or dates from numbers
    """

    format: str
    parts: tuple[str, ...]
    values: list[list[float]]
    odd: Counter[str]
    doubt: str


def date_parts(cell: str, form: str) -> tuple[float, float, float, float]:
    """Year, month, weekday (Monday is 0) and hours since midnight; NaN where the cell holds no such date."""
    try:
        moment = datetime.strptime(cell, form)
    except ValueError:
        return (math.nan,) * 4
    if len(cell) < 8 and form in ("%H.%M.%S", "%Y%m%d"):  # 1.10.0 is a version
        return (math.nan,) * 4
    return moment.year, moment.month, moment.weekday(), moment.hour + moment.minute / 60 + moment.second / 3600


def dates_of(cells: Sequence[str], day_first: bool = False) -> Dates | None:
    """The column as dates; None where fewer than nine cells of ten are dates of one format.

    day_first  how 01/02/2020 is read where the column does not tell: as 1 February
    """
    counts = Counter(cell for cell in cells if cell)
    fit = _fit(list(counts))
    if fit is None:
        return None
    form, doubt = _day_and_month(fit.form, list(counts), day_first)
    read = fit.parts if form == fit.form else _parts_of(counts, form)
    return _dates(cells, counts, form, read, doubt)


def compact_dates_of(cells: Sequence[str], name: str) -> Dates | None:
    """A column of whole numbers as days written 20200131; None where its eight digits are no dates, or may be by chance.

    All numbers must be days of 1900 to 2100; there are five different ones, or the column's ``name`` tells of days.
    """
    counts = Counter(cell for cell in cells if cell)
    days = {cell: count for cell, count in counts.items() if re.fullmatch(r"\d{8}", cell, re.ASCII)}
    if not days or sum(days.values()) < SHARE * counts.total():
        return None
    if any(re.fullmatch(r"[+-]?[\d.,]+", cell) for cell in counts if cell not in days):
        return None
    if len(days) < COMPACT_DAYS and not DAY_NAME.search(name):
        return None
    first, last = COMPACT_YEARS
    if not all(first <= int(cell[:4]) <= last for cell in days):
        return None
    read = _parts_of(counts, COMPACT_DAY)
    if any(math.isnan(read[cell][0]) for cell in days):
        return None
    example = next(iter(days))
    day = datetime.strptime(example, COMPACT_DAY)
    return _dates(cells, counts, COMPACT_DAY, read, f"{example} is read as {day.day} {day:%B %Y}")


def of_several_formats(cells: Sequence[str]) -> bool:
    """Whether cells are dates, though not of one format; the first different ones tell."""
    distinct = list(dict.fromkeys(cell for cell in cells if cell))[:SEVERAL_FORMATS_CELLS]
    return len(distinct) > 1 and all(
        cell[0].isalnum() and len(cell) < LONGEST and any(not math.isnan(date_parts(cell, form)[0]) for form in FORMATS)
        for cell in distinct
    )


def look_like_dates(cells: Sequence[str]) -> bool:
    """Whether most cells name a month, in a western language, beside a year, perhaps with a day, and nothing else."""
    present = [cell for cell in cells if cell][:FORMAT_CELLS]
    return len(present) > 0 and sum(map(_names_month, present)) >= SHARE * len(present)


def _names_month(cell: str) -> bool:
    words = [word for word in re.findall(r"[^\W\d_]+", cell) if word.lower() not in BESIDE_MONTHS]
    numbers = re.findall(r"\d+", cell)
    numbered = len(numbers) in (1, 2) and (len(numbers) == 2 or len(numbers[0]) == 4)
    return len(cell) < LONGEST and len(words) == 1 and numbered and MONTH_WORD.fullmatch(words[0]) is not None


def _dates(cells: Sequence[str], counts: Counter[str], form: str, read: dict[str, Parts], doubt: str) -> Dates | None:
    """The parts that vary; None where fewer than nine cells of ten hold a date."""
    odd = Counter({cell: count for cell, count in counts.items() if math.isnan(read[cell][0])})
    if odd.total() > (1.0 - SHARE) * counts.total():
        return None
    gap = (math.nan,) * 4
    values = list(zip(*(read[cell] if cell else gap for cell in cells), strict=True))
    varying = [
        place for place, column in enumerate(values) if len({value for value in column if not math.isnan(value)}) > 1
    ]
    return Dates(form, tuple(PARTS[place] for place in varying), [list(values[place]) for place in varying], odd, doubt)


def _parts_of(cells: Iterable[str], form: str) -> dict[str, Parts]:
    return {cell: date_parts(cell, form) for cell in cells}


class Likeliness(NamedTuple):
    """How likely dates are written in an order of day and month, the weightiest sign first.

    one_day   all are the same day of a month, such as its first
    in_order  they stand in order
    usual     the order is the usual one
    """

    one_day: bool
    in_order: bool
    usual: bool


def _likeliness(moments: Sequence[datetime], form: str, day_first: bool) -> Likeliness:
    in_order = list(moments) in (sorted(moments), sorted(moments, reverse=True))
    return Likeliness(
        one_day=len({moment.day for moment in moments}) == 1,
        in_order=in_order,
        usual=("%d" in form.partition("%m")[0]) == day_first,
    )


def _day_and_month(form: str, cells: list[str], day_first: bool) -> tuple[str, str]:
    """The format with its day and month in the likelier order, and what is said where they can't be told apart."""
    other = re.sub(r"%([dm])([/-])%([dm])", r"%\3\2%\1", form)
    if other == form or other not in FORMATS:
        return form, ""
    if any((_moment(cell, form) is None) != (_moment(cell, other) is None) for cell in cells):
        return form, ""  # found early, where a day is above 12
    moments = {each: [moment for cell in cells if (moment := _moment(cell, each))] for each in (form, other)}
    if moments[form] == moments[other]:
        return form, ""
    best = max((form, other), key=lambda each: _likeliness(moments[each], each, day_first))
    example = next(cell for cell in cells if (day := _moment(cell, form)) and day != _moment(cell, other))
    day = datetime.strptime(example, best)
    return best, (
        f"days and months can't be told apart: {example} is read as {day.day} {day:%B %Y}; written as {day:%Y-%m-%d} it is sure"
    )


def _moment(cell: str, form: str) -> datetime | None:
    try:
        return datetime.strptime(cell, form)
    except ValueError:
        return None


class Fit(NamedTuple):
    """A format, and the parts of each cell in it."""

    form: str
    parts: dict[str, Parts]

    @property
    def dates(self) -> int:
        """Cells that are such dates."""
        return sum(not math.isnan(parts[0]) for parts in self.parts.values())


def _fit(cells: Sequence[str]) -> Fit | None:
    """The format of most of the cells; None where none fits nine of ten.

    A sample from all over them tells which formats are tried on all.
    """
    sample = [cell for cell in sample_of(cells, FORMAT_CELLS) if len(cell) < LONGEST]
    if not sample or not any(character.isdigit() for cell in (sample[0], sample[-1]) for character in cell):
        return None
    best: Fit | None = None
    for form in FORMATS:
        if all(math.isnan(date_parts(cell, form)[0]) for cell in (sample[0], sample[-1])):
            continue
        if Fit(form, _parts_of(sample, form)).dates < SHARE / 2 * len(sample):
            continue
        fit = Fit(form, _parts_of(cells, form))
        if fit.dates == len(cells):
            return fit
        best = fit if best is None or fit.dates > best.dates else best
    return best if best is not None and best.dates >= SHARE * len(cells) else None
