"""What stands around a table: a line that names the separator, comments, titles."""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Sequence

from core.parts.gaps import without_gaps
from core.parts.headers import NUMBER, missing_header

SEPARATOR_LINE = re.compile(r'"?sep=([\t;|,])"?\r?\n', re.IGNORECASE)
WIDTH_ROWS = 20  # rows that tell how long the table's are
MOST_TITLES = 10
COMMENT = "#"


def comments(text: str) -> tuple[list[str], int, str]:
    """The lines that begin with # above the table, how many lines they take with blank ones between, and the rest.

    None where all lines begin so: then it is how the first column is written.
    """
    lines, taken = list(io.StringIO(text, newline="")), 0
    found: list[str] = []
    for place, line in enumerate(lines):
        words = line.strip().strip('"')
        if words.startswith(COMMENT):
            found.append(words.rstrip(",;\t|"))
            taken = place + 1
        elif words:
            break
    rest = "".join(lines[taken:])
    return (found, taken, rest) if rest.strip() else ([], 0, text)


def comment_rows_below(rows: Sequence[Sequence[str]]) -> int:
    """How many of the last rows are comments, which begin with #; none where others begin so too."""
    commented = [row[0].startswith(COMMENT) for row in rows]
    below = next((place for place, is_comment in enumerate(reversed(commented)) if not is_comment), 0)
    return below if below == sum(commented[1:]) else 0


def is_header(comment: Sequence[str], row: Sequence[str]) -> bool:
    """Whether the cells of the last comment name those of the first row below: as many, and words above numbers."""
    return len(comment) == len(row) > 1 and any(
        NUMBER.fullmatch(cell) and not NUMBER.fullmatch(name) for name, cell in zip(comment, row, strict=True)
    )


def title_rows(rows: Sequence[Sequence[str]]) -> int:
    """How many of the first rows are titles of the table: shorter than the table's rows, with a header below them."""
    looked_at = rows[:WIDTH_ROWS]
    width = Counter(map(len, looked_at)).most_common(1)[0][0] if looked_at else 0
    if width < 2:
        return 0
    extents = [max((place for place, cell in enumerate(row, start=1) if cell), default=0) for row in looked_at]
    short = [len(row) < width or extent < 2 for row, extent in zip(looked_at, extents, strict=True)]
    titles = short.index(False) if False in short else 0
    below = [row for row in rows[titles : titles + WIDTH_ROWS] if len(row) == width]
    if not 0 < titles <= MOST_TITLES or len(below) < 2:
        return 0
    columns = list(zip(*below, strict=True))
    if width > 2 and all(len(row) == 1 for row in rows[:titles]):
        return titles
    if max(extents[:titles]) <= width / 2 and not missing_header(columns):
        return titles
    return titles if any(_names_numbers(column) for column in columns) else 0


def _names_numbers(column: Sequence[str]) -> bool:
    """Whether a word stands above numbers alone."""
    name, *cells = without_gaps(column)
    numbers = [NUMBER.fullmatch(cell) is not None for cell in cells if cell]
    return name != "" and NUMBER.fullmatch(name) is None and len(numbers) > 0 and all(numbers)
