"""What becomes of each column that is not the target: numbers, dates, text, or left out, and what is said of it."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from core.parts.headers import names_rows
from core.parts.own_dates import compact_dates_of, dates_of, look_like_dates, of_several_formats
from core.parts.own_numbers import GAP_SIGNS, Form, code_with_zeros, form_words, likely_gap, numbers_of
from core.parts.own_target import gap_words, odd, one_spelling, spelling_words
from core.words import counted

CATEGORIES = 20  # features of one text column
REPEATS = 0.9  # share of different cells among those that are there, above which text hardly repeats
FREE_WORDS = 4  # words of a usual cell from which text is free text
COVERED = 0.2  # share of the rows that hold one of the kept words, below which it is said


class Column(NamedTuple):
    """One column of the file. ``kind``: number, date, text, target or left out; ``note`` says what became of it."""

    name: str
    kind: str
    note: str


@dataclass(frozen=True)
class Use:
    """What a column becomes.

    values     (features, rows): numbers with NaN for gaps, or text with "" for them
    form       how its numbers are written
    date       its format, and ``parts`` what is taken of it
    odd        whether cells are taken for gaps that hold something
    spellings  words that are taken for others
    numbers_rows  whether it only numbers the rows
    """

    kind: str
    note: str
    values: Sequence[Sequence[float | str]] = ()
    form: Form | None = None
    date: str = ""
    parts: tuple[str, ...] = ()
    odd: bool = False
    spellings: dict[str, str] = field(default_factory=dict)
    numbers_rows: bool = False


class Context(NamedTuple):
    """What is known of the file when a column is read.

    lines  the number of each row's line
    whole  the cells of the column in all rows of the file, those without a target among them
    headed the file has a header: a column without a name holds a program's own row numbers, likely
    keep   whether the column is kept though it names its rows
    """

    path: str
    name: str
    delimiter: str
    lines: Sequence[int]
    whole: Sequence[str]
    headed: bool
    keep: bool


def use_of(cells: Sequence[str], context: Context) -> Use:
    """What becomes of the cells of a column."""
    present = [cell for cell in cells if cell]
    if not present:
        return Use("left out", "empty")
    if code := code_with_zeros(cells):
        return _text(cells, present, context, code)
    dates = compact_dates_of(cells, context.name)
    if dates is None:
        numbers = numbers_of(context.path, context.name, cells, context.lines, context.delimiter)
        if numbers is not None:
            return _numbers(cells, numbers.form, numbers.values, numbers.odd, context)
        dates = dates_of(cells, context.delimiter == ";")
    if dates is not None and dates.parts:
        gaps = sum(not cell for cell in cells) + dates.odd.total()
        notes = [f"dates as {_listed(dates.parts)}", dates.doubt, *_gaps(gaps), odd(dates.odd)]
        return Use("date", _joined(notes), dates.values, date=dates.format, parts=dates.parts)
    if dates is not None:
        return Use("left out", f"dates, always {present[0]}")
    return _text(cells, present, context)


def _numbers(cells: Sequence[str], form: Form, values: list[float], strange: Counter[str], context: Context) -> Use:
    finite = [value for value in values if not math.isnan(value)]
    gaps = len(values) - len(finite)
    if len(set(finite)) == 1:
        constant = next(cell for cell, value in zip(cells, values, strict=True) if not math.isnan(value))
        missing = f", {counted(gaps, 'gap')}" if gaps else ""
        return Use("left out", f"always {constant}{missing}")
    name = _identifier(cells, values, strange, context)
    if name and not context.keep and name != UNIQUE:
        return Use("left out", name, numbers_rows=True)
    notes = [*_gaps(gaps), odd(strange), form_words(cells, form, context.delimiter)]
    gap = likely_gap(values)
    notes += [gap_words(values, gap)] if gap is not None else []
    notes += [name] if name == UNIQUE and not context.keep else []
    return Use("number", _joined(notes), [values], form=form, odd=bool(strange))


LIKE_DATES = "it looks like dates of a format that is not read: write them as 2020-01-31"
UNIQUE = "whole numbers that never repeat: if they only name the rows, leave the column out"


def _identifier(cells: Sequence[str], values: list[float], strange: Counter[str], context: Context) -> str:
    """Why a column of numbers only names its rows, ``UNIQUE`` where it may; empty elsewhere."""
    whole = [value for value in values if not math.isnan(value)]
    if strange or len(set(whole)) < len(whole) or any(value != int(value) for value in whole):
        return ""
    everywhere = numbers_of(context.path, context.name, context.whole, range(len(context.whole)), context.delimiter)
    rows = [value for value in (everywhere.values if everywhere else values) if not math.isnan(value)]
    if len(set(rows)) == len(rows) == max(rows) - min(rows) + 1 and len(rows) == len(context.whole):
        return "row numbers" if rows in (sorted(rows), sorted(rows, reverse=True)) else "row numbers, shuffled"
    if names_rows(context.name) or (context.headed and re.fullmatch(r"column \d+", context.name)):
        return "an id: whole numbers that never repeat"
    return UNIQUE


def _text(cells: Sequence[str], present: list[str], context: Context, code: str = "") -> Use:
    """Text, encoded or left out; ``code`` shows that its numbers are codes."""
    signs = Counter(cell for cell in present if cell in GAP_SIGNS and "+" not in present)
    present = [cell for cell in present if cell not in signs]
    if not present:
        return Use("left out", f"empty; {odd(signs)}")
    spelled = one_spelling(present)
    spellings = spelled | dict.fromkeys(signs, "")
    words = [spellings.get(cell, cell) for cell in cells]
    counts = Counter(word for word in words if word)
    gaps, distinct = len(cells) - len(present), len(counts)
    missing = f", {counted(gaps, 'gap')}" if gaps else ""
    if distinct == 1 and not gaps:
        return Use("left out", f"always {present[0]}")
    free = sorted(_words(cell) for cell in present)[len(present) // 2] >= FREE_WORDS
    if distinct > (0.5 if free else REPEATS) * len(present) and not context.keep:
        if of_several_formats(present):
            return Use("left out", f"dates of several formats, which are not used: write them in one{missing}")
        if look_like_dates(present):
            return Use("left out", f"{LIKE_DATES}{missing}")
        what = f"codes, since {code} begins with a zero," if code else "text"
        never = (
            "never repeats"
            if distinct == len(present)
            else f"hardly repeats: {distinct:,} values in {len(present):,} rows"
        )
        return Use("left out", f"{'free text, which is not used' if free else f'{what} that {never}'}{missing}")
    many = distinct + bool(gaps)
    encoded = (
        f"one feature for each of {many} values" if many <= CATEGORIES else f"{many:,} values in {CATEGORIES} features"
    )
    notes = [f"{encoded}{missing}{' counted as a value' if gaps else ''}"]
    if many > CATEGORIES:
        coverage = sum(count for _, count in counts.most_common(CATEGORIES - 1)) / len(cells)
        notes += (
            [f"its {CATEGORIES - 1} commonest values cover {coverage:.1%} of the rows"] if coverage < COVERED else []
        )
    notes += [f"codes, since {code} begins with a zero"] if code else []
    notes += ["dates of several formats: write them in one"] if of_several_formats(present) else []
    notes += [LIKE_DATES] if look_like_dates(present) else []
    notes += [odd(signs), *spelling_words(spelled, counts)]
    return Use("text", _joined(notes), [words], spellings=spellings)


def _words(cell: str) -> int:
    return sum(any(character.isalpha() for character in word) for word in cell.split())


def _gaps(gaps: int) -> list[str]:
    return [f"{counted(gaps, 'gap')} filled with the median"] if gaps else []


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _joined(notes: Sequence[str]) -> str:
    return "; ".join(note for note in notes if note)
