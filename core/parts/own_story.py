"""What became of a user's own table, in the words that the page, the command line and the report share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from core.parts.own_data import Sheet
from core.parts.splits import Guess
from core.registry import brief
from core.words import counted, three_digits

SHOWN_COLUMNS = 30  # of a kind
SHOWN_CLASSES = 6
UNEVEN = 1.5  # times its even share from which the largest class makes accuracy a poor measure
KINDS = (
    ("Numbers, standardized", "number"),
    ("Dates, as numbers", "date"),
    ("Text, encoded", "text"),
    ("Left out", "left out"),
)


class Sentence(NamedTuple):
    """What it is about, and what is said."""

    label: str
    text: str

    def __str__(self) -> str:
        return f"{self.label}: {self.text}"


def uneven(counts: tuple[int, ...]) -> bool:
    """Whether the largest class holds so many rows that accuracy alone says little."""
    return len(counts) > 1 and max(counts) * len(counts) > UNEVEN * sum(counts)


def story_of(name: str, sheet: Sheet, guess: Guess, validation_counts: Sequence[int]) -> list[Sentence]:
    """The rows, the target, what was noticed, the columns by what they became, and the baseline.

    validation_counts  validation rows of each class; empty where the target is a number
    """
    used = sum(use.kind != "left out" for use in sheet.uses.values())
    dropped = f", {sheet.dropped_rows:,} left out" if sheet.dropped_rows else ""
    columns_used = f"{used} of {counted(len(sheet.columns) - 1, 'column')} used"
    sentences = [Sentence(name, f"{counted(sheet.rows, 'row')}{dropped}; {columns_used}.")]
    (target,) = (column for column in sheet.columns if column.kind == "target")
    class_names = ", ".join(map(brief, sheet.classes[:SHOWN_CLASSES])) + (
        " …" if len(sheet.classes) > SHOWN_CLASSES else ""
    )
    classes = f" ({class_names})" if sheet.classes else ""
    what, _, more = target.note.partition("; ")
    sentences.append(Sentence("Predicts", f"{brief(target.name)}, {what}{classes}{f'; {more}' if more else ''}."))
    sentences += [Sentence("Note", note) for note in (*sheet.notes, *_unvalidated(sheet, validation_counts))]
    for label, kind in KINDS:
        columns = [column for column in sheet.columns if column.kind == kind]
        names = [brief(column.name) + (f" ({column.note})" if column.note else "") for column in columns]
        rest = f" and {len(columns) - SHOWN_COLUMNS:,} more" if len(columns) > SHOWN_COLUMNS else ""
        if columns:
            sentences.append(Sentence(label, f"{', '.join(names[:SHOWN_COLUMNS])}{rest}."))
    sentences.append(Sentence("To beat", _bar(sheet, guess, validation_counts)))
    return sentences


def _bar(sheet: Sheet, guess: Guess, validation_counts: Sequence[int]) -> str:
    if math.isnan(guess.accuracy):
        return f"a loss of {three_digits(guess.loss)} on the validation rows, that of always answering the mean."
    present = sum(count > 0 for count in validation_counts)
    if present == 1:
        return "nothing: the validation rows are all of one class, and always answering it is right."
    bar = f"an accuracy of {guess.accuracy:.1%} on the validation rows, that of always answering the largest class."
    if not uneven(sheet.class_counts):
        return bar
    there = "" if present == len(sheet.classes) else f" over the {present} classes that are there"
    return f"{bar} The classes are uneven: look at balanced accuracy too, where that is {1 / present:.1%}{there}."


def _unvalidated(sheet: Sheet, validation_counts: Sequence[int]) -> list[str]:
    """That classes are so rare that none of their rows is in the validation part."""
    counts = zip(sheet.classes, sheet.class_counts, validation_counts, strict=True)
    absent = [(name, rows) for name, rows, validating in counts if not validating] if sheet.classes else []
    if not absent:
        return []
    first = ", ".join(f"{brief(name)} has {counted(rows, 'row')}" for name, rows in absent[:SHOWN_CLASSES])
    more = f" and {len(absent) - SHOWN_CLASSES:,} more likewise" if len(absent) > SHOWN_CLASSES else ""
    return [f"{first}{more}, none of them in the validation part: what is learned of that is not measured."]
