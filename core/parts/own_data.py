"""A user's own table: which of its columns are used, and how.

The rules, with those of ``csv_files`` and the other files that begin with ``own``, are part of what a run means (raise
``READER`` when they change; it is part of the run id):

- A column nine tenths of whose cells are numbers, as people write them, is one: what is odd in it is a gap, and gaps get
  the training part's median; then it is standardized. Dates become year, month, weekday and time of day, those written in
  eight digits, 20200131, too.
- Any other column is text: a feature of its own for each of its 19 most frequent values (a gap counts as one) and one for
  all others. Columns that tell nothing are left out: empty, of one value, text that hardly repeats, names of rows.
- Rows without a target are left out. A target of text is a class, and so are whole numbers with at most 20 different
  values and 5 rows for each on average; any other number is a number. ``kind`` says otherwise.

The run id holds the file's hash, and not its path.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from core.parts.csv_files import Cells, cells_of, digest_of
from core.parts.kept_tables import HASH_DIGITS, kept_path
from core.parts.own_columns import CATEGORIES, Column, Context, Use, use_of
from core.parts.own_leaks import gives, gives_where_present
from core.parts.own_numbers import form_words
from core.parts.own_target import Target, target_of
from core.registry import brief, unknown
from core.words import counted

READER = 4  # raised when the same file is read in another way
MAXIMUM_VALUES = 20_000_000  # rows times features, which stand in memory at once
COPIES = 0.1  # share of the rows that are copies of others, from which it is said
UNICODE = ("utf-8-sig", "utf-8")
SAVE_AS_UTF8 = "save it as CSV in UTF-8 if letters look wrong"
SHOWN_NAMES = 12  # in a sentence


@dataclass(frozen=True)
class Sheet:
    """A file that has been read.

    cells     the file's encoding, separator, header; its cells are not kept
    goal      what is learned, of the rows that are kept
    target    the target's place
    uses      what became of each column, by place; that of the target is missing
    inputs    (rows, columns); objects where there is text, which is "" where it is missing; numbers and dates first
    left_out  what is written in the target of rows that are left out though they have one
    leaks     names of columns that alone give the target
    notes     sentences on rows and on the file
    """

    cells: Cells
    goal: Target
    target: int
    uses: dict[int, Use]
    inputs: np.ndarray
    left_out: tuple[str, ...]
    leaks: tuple[str, ...]
    columns: tuple[Column, ...]
    notes: tuple[str, ...]
    rows_in_file: int

    @property
    def labels(self) -> np.ndarray:
        """(rows,): class numbers in int64, or numbers in float64."""
        return self.goal.labels

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in order; empty where the target is a number."""
        return self.goal.classes

    @property
    def rows(self) -> int:
        """Rows that are used."""
        return len(self.labels)

    @property
    def dropped_rows(self) -> int:
        """Rows that are left out."""
        return self.rows_in_file - self.rows

    @property
    def texts(self) -> tuple[int, ...]:
        """Places of the columns that are used as text."""
        return tuple(place for place, use in self.uses.items() if use.kind == "text")

    @property
    def class_counts(self) -> tuple[int, ...]:
        """Rows of each class; empty where the target is a number."""
        return tuple(np.bincount(self.labels).tolist()) if self.classes else ()

    @property
    def majority(self) -> float:
        """The share of the largest class; NaN where the target is a number."""
        return float(np.bincount(self.labels).max() / len(self.labels)) if self.classes else math.nan


def file_of(path: str | None, sha256: str | None) -> str:
    """The file: where it is said to be, or kept under its hash; ValueError where it is another one by now."""
    if path is None and sha256 is None:
        raise ValueError("csv: name a file and the column to predict, as in csv(path=houses.csv, target=price)")
    file = str(kept_path(sha256)) if path is None else path  # type: ignore[arg-type]
    digest = digest_of(file)
    if sha256 is not None and (len(sha256) < HASH_DIGITS or not digest.startswith(sha256.lower())):
        raise ValueError(
            f"csv: {file} does not hold what it did: its hash is {digest[:HASH_DIGITS]}, not {sha256}; "
            "leave sha256 out to use the file as it is now"
        )
    return file


def read_sheet(
    path: str | None,
    target: str,
    kind: str = "auto",
    header: str = "auto",
    keep: str | None = None,
    sha256: str | None = None,
) -> Sheet:
    """The file as it is read; ValueError with one sentence where it can't be."""
    file = file_of(path, sha256)
    return _sheet(file, digest_of(file), target, kind, header, keep)


def names(path: str, header: str = "auto") -> list[str]:
    """The file's columns."""
    return cells_of(path, digest_of(path), header).header


@lru_cache(maxsize=8)
def _sheet(path: str, digest: str, target: str, kind: str, header: str, keep: str | None) -> Sheet:
    return sheet_of(path, cells_of(path, digest, header), target, kind, keep)


def sheet_of(path: str, cells: Cells, target: str, kind: str = "auto", keep: str | None = None) -> Sheet:
    """A file's cells as they are read to predict ``target``; sentences call the file ``path``. ValueError says why not."""
    header = cells.header
    if target not in header:
        hint = unknown("target", target, header).split(" Known: ")[0]
        raise ValueError(
            f"csv: {hint} The columns of {path}: {names_in_words(header)}{_other_header(target, cells)}{_other_encoding(cells)}"
        )
    place, names_to_keep = header.index(target), _names_to_keep(path, header, keep)
    answers = cells.columns[place]
    goal = target_of(path, target, answers, cells.lines, cells.delimiter, kind)
    lines = [cells.lines[row] for row in goal.places]
    uses: dict[int, Use] = {}
    for other, name in enumerate(header):
        if other != place:
            whole = cells.columns[other]
            column = [whole[row] for row in goal.places]
            context = Context(path, name, cells.delimiter, lines, whole, cells.headed, name in names_to_keep)
            uses[other] = use_of(column, context)
    useless = [header[other] for other, use in uses.items() if use.kind == "left out"]
    if refused := [name for name in names_to_keep if name in useless]:
        raise ValueError(f"csv: keep: {brief(refused[0])!r} of {path} can't be kept: it tells nothing")
    _check_size(path, len(goal.places), uses, target)
    leaks = {header[other]: where for other, use in uses.items() if (where := _leak(use, goal.labels))}
    classes = {answers[row] for row in goal.places}
    left_out = tuple(sorted({answer for answer in answers if answer and answer not in classes}))
    return Sheet(
        cells._replace(columns=[], words=[], lines=[]),
        goal,
        place,
        {other: replace(use, values=()) for other, use in uses.items()},
        _inputs(uses),
        left_out,
        tuple(leaks),
        tuple(_columns(header, place, goal, uses, leaks, [answers[row] for row in goal.places], cells.delimiter)),
        (*_notes(cells, goal, place), *_copies(cells, goal, uses)),
        len(answers),
    )


def _leak(use: Use, labels: np.ndarray) -> str:
    """That a column alone gives the target, perhaps where it is no gap alone; empty where it does not."""
    if any(gives(values, labels) for values in use.values):
        return "it alone gives the target"
    if any(gives_where_present(values, labels) for values in use.values):
        return "where it has no gap it alone gives the target"
    return ""


def _other_header(target: str, cells: Cells) -> str:
    """The offer to read the header otherwise, where that may give the target."""
    if target in cells.first:
        return f"; it is read without a header, since {cells.why.removeprefix('as ')}: with header=yes its first row names {brief(target)!r}"
    place = re.fullmatch(r"column (\d+)", target)
    if cells.headed and place and 0 < int(place[1]) <= len(cells.header):
        return "; its first row is taken for names: with header=no the columns are called column 1, column 2 …"
    return "; it is read without a header, and header=yes takes its first row for names" if cells.first else ""


def _other_encoding(cells: Cells) -> str:
    """What to do if the names are wrong since the file's encoding was guessed; empty for UTF-8."""
    return "" if cells.encoding in UNICODE else f"; the file is read as {cells.encoding}: {SAVE_AS_UTF8}"


def _names_to_keep(path: str, header: list[str], keep: str | None) -> list[str]:
    """The columns that ``keep`` names: one, or several with commas between, in double quotes where they hold some."""
    if keep is None or keep in header:
        return [keep] if keep else []
    names = [name.strip() for name in next(csv.reader([keep], skipinitialspace=True), [])]
    for name in names:
        if name not in header:
            raise ValueError(
                f"csv: {unknown('column to keep', name, header).split(' Known: ')[0]} It is none of {path}"
            )
    return names


def keep_text(names: Iterable[str]) -> str | None:
    """The columns to keep as ``keep`` takes them; None for none."""
    sink, wanted = io.StringIO(), list(names)
    csv.writer(sink, lineterminator="").writerow(wanted)
    return (wanted[0] if len(wanted) == 1 else sink.getvalue()) or None


def _check_size(path: str, rows: int, uses: dict[int, Use], target: str) -> None:
    features = sum(
        min(CATEGORIES, len(set(use.values[0]))) if use.kind == "text" else len(use.values) for use in uses.values()
    )
    if not features:
        raise ValueError(f"csv: {path} has no column that could tell anything about {brief(target)!r}")
    if features * rows > MAXIMUM_VALUES:
        raise ValueError(
            f"csv: {path} is too large: {rows:,} rows of {features:,} features, and the limit is "
            f"{MAXIMUM_VALUES // features:,} rows of these"
        )


def _inputs(uses: dict[int, Use]) -> np.ndarray:
    """(rows, columns): numbers and dates first, then text."""
    numbers = [
        values for kind in ("number", "date") for use in uses.values() if use.kind == kind for values in use.values
    ]
    texts = [use.values[0] for use in uses.values() if use.kind == "text"]
    numeric = np.array(numbers, dtype=float).T
    if not texts:
        return numeric
    words = np.array(texts, dtype=object).T
    return np.hstack([numeric, words]) if numbers else words


def _columns(
    header: list[str],
    target: int,
    goal: Target,
    uses: dict[int, Use],
    leaks: dict[str, str],
    answers: list[str],
    delimiter: str,
) -> list[Column]:
    columns = []
    for place, name in enumerate(header):
        if place == target:
            what = f"{len(goal.classes)} classes" if goal.classes else "a number"
            form = form_words(answers, goal.form, delimiter) if goal.form else ""
            columns.append(Column(name, "target", "; ".join(part for part in (what, form, *goal.notes) if part)))
            continue
        use = uses[place]
        alone = f"{leaks[name]}: is it known beforehand?" if name in leaks else ""
        columns.append(Column(name, use.kind, "; ".join(part for part in (use.note, alone) if part)))
    return columns


def _notes(cells: Cells, goal: Target, target: int) -> list[str]:
    """Sentences on the file and its rows."""
    notes = list(cells.notes)
    if cells.encoding not in UNICODE:
        notes.append(f"The file is read as {cells.encoding}, since it is not in UTF-8; {SAVE_AS_UTF8}.")
    if cells.why:
        more = "" if cells.why == "as header=no says" else "; header=yes takes it for names"
        notes.append(f"The file has no header: {cells.why}{more}. The columns are called column 1, column 2 …")
    missing = sum(not cell for cell in cells.columns[target])
    if missing:
        words = Counter(cells.words[target]).most_common(3)
        detail = f" ({', '.join(f'{word!r} {count:,} ×' for word, count in words)} counts as none)" if words else ""
        notes.append(f"{counted(missing, 'row')} without a target {'is' if missing == 1 else 'are'} left out{detail}.")
    other = len(cells.columns[target]) - missing - len(goal.places)
    if other:
        notes.append(
            f"{counted(other, 'row')} {'is' if other == 1 else 'are'} left out for what stands in the target's column."
        )
    if target in cells.nones:
        notes.append(
            "None is a class of the target, since it is as frequent as others: empty those cells if they are gaps."
        )
    return notes


def _copies(cells: Cells, goal: Target, uses: dict[int, Use]) -> list[str]:
    """That whole rows are copies of others, where they are many: some that validate are trained on too.

    Columns that number the rows are left aside.
    """
    numbering = [cells.header[place] for place, use in uses.items() if use.numbers_rows]
    columns = [column for name, column in zip(cells.header, cells.columns, strict=True) if name not in numbering]
    rows = len(goal.places)
    copies = rows - len({tuple(column[row] for column in columns) for row in goal.places})
    if copies < COPIES * rows:
        return []
    besides = f", apart from {names_in_words(numbering)}" if numbering else ""
    return [
        f"{counted(copies, 'row')} of {rows:,} are copies of others{besides}: some that validate are trained on too."
    ]


def encoder(sheet: Sheet) -> Any:
    """The scikit-learn transformer that makes features of ``inputs``, to be fitted on the training part."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    width, parts = sheet.inputs.shape[1], []
    end = width - len(sheet.texts)
    if end:
        fill = SimpleImputer(strategy="median", keep_empty_features=True)
        parts.append(("numbers", make_pipeline(fill, StandardScaler()), slice(0, end)))
    if sheet.texts:
        encode = OneHotEncoder(handle_unknown="ignore", max_categories=CATEGORIES, sparse_output=False)
        parts.append(("texts", encode, slice(end, width)))
    return ColumnTransformer(parts)


def names_in_words(header: list[str]) -> str:
    """The columns' names as a sentence lists them."""
    more = f" and {len(header) - SHOWN_NAMES:,} more" if len(header) > SHOWN_NAMES else ""
    return ", ".join(map(brief, header[:SHOWN_NAMES])) + more
