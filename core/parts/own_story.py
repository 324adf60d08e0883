"""What became of a user's own table, in the words that the page, the command line and the report share."""

from __future__ import annotations

import math
from typing import NamedTuple

from core.parts.own_data import Sheet
from core.parts.splits import Guess
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


def story_of(name: str, sheet: Sheet, guess: Guess) -> list[Sentence]:
    """The rows, the target, what was noticed, the columns by what they became, and the baseline."""
    used = sum(use.kind != "left out" for use in sheet.uses.values())
    dropped = f", {sheet.dropped_rows:,} left out" if sheet.dropped_rows else ""
    columns_used = f"{used} of {counted(len(sheet.columns) - 1, 'column')} used"
    sentences = [Sentence(name, f"{counted(sheet.rows, 'row')}{dropped}; {columns_used}.")]
    (target,) = (column for column in sheet.columns if column.kind == "target")
    class_names = ", ".join(sheet.classes[:SHOWN_CLASSES]) + (" …" if len(sheet.classes) > SHOWN_CLASSES else "")
    classes = f" ({class_names})" if sheet.classes else ""
    what, _, more = target.note.partition("; ")
    sentences.append(Sentence("Predicts", f"{target.name}, {what}{classes}{f'; {more}' if more else ''}."))
    sentences += [Sentence("Note", note) for note in sheet.notes]
    for label, kind in KINDS:
        columns = [column for column in sheet.columns if column.kind == kind]
        names = [column.name + (f" ({column.note})" if column.note else "") for column in columns]
        rest = f" and {len(columns) - SHOWN_COLUMNS:,} more" if len(columns) > SHOWN_COLUMNS else ""
        if columns:
            sentences.append(Sentence(label, f"{', '.join(names[:SHOWN_COLUMNS])}{rest}."))
    sentences.append(Sentence("To beat", _bar(sheet, guess)))
    return sentences


def _bar(sheet: Sheet, guess: Guess) -> str:
    if math.isnan(guess.accuracy):
        return f"a loss of {three_digits(guess.loss)} on the validation rows, that of always answering the mean."
    balanced = ""
    if uneven(sheet.class_counts):
        balanced = (
            f" The classes are uneven: look at balanced accuracy too, where that is {1 / len(sheet.classes):.1%}."
        )
    return f"an accuracy of {guess.accuracy:.1%} on the validation rows, that of always answering the largest class.{balanced}"
