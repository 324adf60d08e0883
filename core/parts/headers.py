"""Whether the first row of a file holds the columns' names, and the names where they are doubled."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

NUMBER = re.compile(r"[+-]?(\d+[.,]?\d*|[.,]\d+)(e[+-]?\d+)?", re.IGNORECASE | re.ASCII)
NUMERIC = 0.9  # share of the cells below from which a column holds numbers
UNKNOWN = "?"
ID_NAME = re.compile(r"\b(id|ids|idx|index|key|uid|uuid|guid|no|nr|rownames|rowid|unnamed|serial|record|code)\b")
YEARS = (1800, 2100)


def missing_header(columns: Sequence[Sequence[str]]) -> str:
    """Why the first row is one of data, in words; empty where it holds names.

    columns  the cells of each column, the first row's first

    It is data where no name stands above numbers, and most of its cells are like those below them: numbers above numbers,
    or words that recur. Names that count up (0, 1, 2 … or 1990, 1991 …) are names.
    """
    if len(columns[0]) < 3:
        return ""
    firsts = [column[0] for column in columns]
    numbers = [NUMBER.fullmatch(name) is not None for name in firsts]
    alike, unknown, filled = 0, 0, sum(name != "" for name in firsts)
    for name, number, column in zip(firsts, numbers, columns, strict=True):
        below = [cell for cell in column[1:] if cell]
        above_numbers = len(below) > 0 and sum(map(_is_number, below)) >= NUMERIC * len(below)
        if name == UNKNOWN:
            unknown += 1
        elif name and above_numbers and not number:
            return ""  # a word above numbers names them
        elif (number and above_numbers) or (name and name in below):
            alike += 1
    if _counts_up([float(name.replace(",", ".")) for name, number in zip(firsts, numbers, strict=True) if number]):
        return ""
    if all(numbers) or (alike and not any(name and not number for name, number in zip(firsts, numbers, strict=True))):
        return "its first row holds numbers alone"
    if unknown and alike + unknown >= filled / 2:
        return "its first row holds ? as the rows below do"
    return "its first row is like those below" if alike >= 2 and alike > filled / 2 else ""


def _is_number(cell: str) -> bool:
    return NUMBER.fullmatch(cell) is not None


def _counts_up(numbers: Sequence[float]) -> bool:
    """Whether whole numbers rise by equal steps, or are years, as the names of columns are."""
    if len(numbers) < 2 or any(number != int(number) for number in numbers):
        return False
    steps = {after - before for before, after in itertools.pairwise(numbers)}
    years = all(YEARS[0] <= number <= YEARS[1] for number in numbers) and min(steps) > 0
    return (
        years
        or (steps == {1.0} and numbers[0] in (0.0, 1.0))
        or (len(steps) == 1 and len(numbers) > 2 and min(steps) > 0)
    )


def numbered(names: Sequence[str]) -> list[str]:
    """The names with their blanks made single; ``column 3`` where one is empty, ``name.1`` where it came before."""
    names_so_far: dict[str, None] = {}
    for place, text in enumerate(names, start=1):
        name = " ".join(text.split()) or f"column {place}"
        number, free = 0, name
        while free in names_so_far:
            number += 1
            free = f"{name}.{number}"
        names_so_far[free] = None
    return list(names_so_far)


def names_rows(name: str) -> bool:
    """Whether a column is called as those are that name their rows: ``id``, ``rowIndex``, ``order_no``."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).replace("_", " ").lower()
    return ID_NAME.search(words) is not None
