"""Dates and times of day as the numbers that they hold."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

SHARE = 0.9  # of its cells from which a column holds dates
FIRST = 20  # different cells that tell whether a column holds dates of several formats
LOOKED_AT = 200  # different cells that tell the format
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
    "%Y%m%d",
)
CLOCKS = ("%H:%M", "%H:%M:%S", "%H:%M:%S.%f", "%I:%M %p", "%I:%M:%S %p")
MONTHS = ("%Y-%m", "%b-%Y", "%b %Y", "%B %Y", "%b-%y", "%m/%Y")
ZONED = ("%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%S.%f%z", "%Y-%m-%d %H:%M:%S%z", "%Y-%m-%d %H:%M:%S.%f%z")
COMPACT = ("%Y%m%dT%H%M%S", "%H.%M.%S", "%Y-%m-%d %H:%M:%S UTC", "%d/%b/%Y:%H:%M:%S", "%Y%m%d %H%M%S")
FORMATS = (
    *DAYS[:-1],
    *(f"{day}{between}{clock}" for clock in CLOCKS for day in DAYS for between in (" ", "T")),
    *ZONED,
    *CLOCKS,
    *COMPACT,
    *MONTHS,
)
PARTS = ("year", "month", "weekday", "time of day")


class Dates(NamedTuple):
    """A column of dates: its format, the parts that vary, and their values, (rows,) each.

    doubt  what is said where days and months can't be told apart
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
    if form == "%H.%M.%S" and len(cell) < 8:  # 1.10.0 is a version
        return (math.nan,) * 4
    return moment.year, moment.month, moment.weekday(), moment.hour + moment.minute / 60 + moment.second / 3600


def dates_of(cells: Sequence[str], day_first: bool = False) -> Dates | None:
    """The column as dates; None where fewer than nine cells of ten are dates of one format.

    day_first  how 01/02/2020 is read where the column does not tell: as 1 February
    """
    counts = Counter(cell for cell in cells if cell)
    form = _format(list(counts))
    if form is None:
        return None
    form, doubt = _day_and_month(form, list(counts), day_first)
    read = {cell: date_parts(cell, form) for cell in counts}
    odd = Counter({cell: count for cell, count in counts.items() if math.isnan(read[cell][0])})
    if odd.total() > (1.0 - SHARE) * counts.total():
        return None
    read[""] = (math.nan,) * 4
    values = list(zip(*(read[cell] for cell in cells), strict=True))
    varying = [
        place for place, column in enumerate(values) if len({value for value in column if not math.isnan(value)}) > 1
    ]
    return Dates(form, tuple(PARTS[place] for place in varying), [list(values[place]) for place in varying], odd, doubt)


def of_several_formats(cells: Sequence[str]) -> bool:
    """Whether cells are dates, though not of one format; the first different ones tell."""
    distinct = list(dict.fromkeys(cell for cell in cells if cell))[:FIRST]
    return len(distinct) > 1 and all(
        cell[0].isalnum() and len(cell) < 40 and any(not math.isnan(date_parts(cell, form)[0]) for form in FORMATS)
        for cell in distinct
    )


def _day_and_month(form: str, cells: list[str], day_first: bool) -> tuple[str, str]:
    """The format with its day and month in the likelier order, and what is said where they can't be told apart.

    Of two orders that fit alike: the one in which all dates are the same day of a month, such as its first, else that in which they stand in
    order, else the usual one.
    """
    other = re.sub(r"%([dm])([/-])%([dm])", r"%\3\2%\1", form)
    if other == form or other not in FORMATS:
        return form, ""
    if any((_moment(cell, form) is None) != (_moment(cell, other) is None) for cell in cells):
        return form, ""  # found early, where a day is above 12
    moments = {each: [moment for cell in cells if (moment := _moment(cell, each))] for each in (form, other)}
    if moments[form] == moments[other]:
        return form, ""

    def likeliness(each: str) -> tuple[bool, bool, bool]:
        days = moments[each]
        in_order = days == sorted(days) or days == sorted(days, reverse=True)
        return len({day.day for day in days}) == 1, in_order, ("%d" in each.partition("%m")[0]) == day_first

    best = max((form, other), key=likeliness)
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


def _format(cells: Sequence[str]) -> str | None:
    """The format of most of the cells; None where none fits nine of ten."""
    looked_at = [cell for cell in cells[:LOOKED_AT] if len(cell) < 40]
    if not looked_at or not any(character.isdigit() for character in looked_at[0]):
        return None
    fits = {}
    for form in FORMATS:
        if math.isnan(date_parts(looked_at[0], form)[0]) and math.isnan(date_parts(looked_at[-1], form)[0]):
            continue
        fits[form] = sum(not math.isnan(date_parts(cell, form)[0]) for cell in cells)
        if fits[form] == len(cells):
            return form
    best = max(fits, key=lambda form: fits[form], default=None)
    return best if best is not None and fits[best] >= SHARE * len(cells) else None
