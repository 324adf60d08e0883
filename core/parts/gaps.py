"""Which cells are gaps: those that are empty, and the words that people and programs write for nothing."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence

from core.parts.own_dates import dates_of
from core.parts.own_numbers import number

WORDS = ("", "?", "n/a", "na", "nan", "none", "null", "<na>", "nat")
SPREADSHEET = ("#n/a", "#na", "#div/0!", "#value!", "#ref!", "#name?", "#num!", "#null!")
MISSING = (*WORDS, *SPREADSHEET)
_MISSING = frozenset(MISSING)
NONE = "none"
MOST_WORDS = 100  # different ones in a column of classes
WORDY = 0.9  # share of the other cells that are words
OFTEN = 0.5  # times as often as the other words on average, from which None is one of them
TRUTHS = {"true", "false"}  # beside which None is Python's own gap


def without_gaps(cells: Iterable[str], none_is_a_word: bool = False) -> tuple[str, ...]:
    """The cells, "" where one is missing."""
    missing = _MISSING - {NONE} if none_is_a_word else _MISSING
    return tuple("" if cell.lower() in missing else cell for cell in cells)


def none_is_a_word(cells: Sequence[str]) -> bool:
    """Whether None is a value of a column: about as frequent as the other words, which repeat and are no numbers or dates."""
    nones = sum(cell.lower() == NONE for cell in cells)
    if not nones:
        return False
    words = Counter(cell for cell in cells if cell.lower() not in _MISSING)
    total = words.total()
    if not words or len(words) > MOST_WORDS or total < 2 * len(words) or {word.lower() for word in words} <= TRUTHS:
        return False
    text = sum(count for word, count in words.items() if math.isnan(number(word)))
    return text >= WORDY * total and nones >= OFTEN * total / len(words) and dates_of(list(words)) is None
