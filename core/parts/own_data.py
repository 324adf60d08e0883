"""A user's own CSV file: what it holds, how its columns are read, and how a plain script reads the same.

The rules, with those of ``csv_files``, which are part of what a run means (raise the experiments' ``version`` when they
change):

- Between semicolons or tabs a comma is a decimal sign, in a column where no point can be one: 1,5 is 1.5 there, and
  1.234,5 is 1234.5.
- Rows without a target are left out. A target of text is a class, and so are whole numbers with at most 20 different
  values and 5 rows for each on average; any other number is a number.
- A column whose cells are all numbers is one number: gaps get the training part's median, then it is standardized. Any
  other column is text: a feature of its own for each of its 19 most frequent values (a gap counts as one) and one for
  all others. Columns that tell nothing are left out: empty, of one value, text that never repeats, row numbers.

The run id holds the file's hash, and not its path.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from core.parts.csv_files import MISSING, Cells, cells_of, digest_of
from core.registry import Value, unknown

MAXIMUM_FEATURES = 2_000
MAXIMUM_VALUES = 20_000_000  # rows times features, which stand in memory at once
MAXIMUM_CLASSES = 20
MAXIMUM_NUMBER = 1e100  # squares of larger ones leave float64
MINIMUM_ROWS = 20
ROWS_PER_CLASS = 5  # so that the fifth that validates holds each
CATEGORIES = 20  # features of one text column
HASH_DIGITS = 16  # of the 64, in canonical text
SHOWN_NAMES = 12  # in a sentence
DECIMAL = re.compile(r"[+-]?(\d+(,\d*)?|,\d+)(e[+-]?\d+)?", re.IGNORECASE | re.ASCII)
GROUPED = re.compile(r"[+-]?\d{1,3}(\.\d{3})+(,\d+)?", re.ASCII)
DATE = re.compile(r"\d{1,4}[-./]\d{1,2}[-./]\d{1,4}([T ].*)?", re.ASCII)
AMOUNT = re.compile(
    r"[^\w]*([A-Z]{3}|[Kk]r)?[^\w]*\d{1,3}([.,' ]?\d{3})*([.,]\d+)?[^\w]*([A-Z]{3}|[Kk]r)?"
)  # $1,234.50
THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}\.\d{3}", re.ASCII)


class Column(NamedTuple):
    """One column of the file. ``kind``: number, text, target or left out; ``note`` says what became of it."""

    name: str
    kind: str
    note: str


@dataclass(frozen=True)
class Sheet:
    """A file that has been read.

    opening         lines before the header
    numbers, texts  places of the columns that are used, in the file's order; ``inputs`` holds numbers first
    inputs          (rows, columns); objects where there is text, which is "" where it is missing
    labels          (rows,): class numbers in int64, or numbers in float64
    classes         their names, in order; empty where the target is a number
    named           whether the classes are text, not whole numbers
    dropped_rows    rows without a target
    commas          places of the columns whose numbers are written with decimal commas
    """

    delimiter: str
    opening: int
    target: int
    numbers: tuple[int, ...]
    texts: tuple[int, ...]
    inputs: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]
    named: bool
    dropped_rows: int
    commas: tuple[int, ...]
    columns: tuple[Column, ...]

    @property
    def rows(self) -> int:
        """Rows that are used."""
        return len(self.labels)

    @property
    def class_counts(self) -> tuple[int, ...]:
        """Rows of each class; empty where the target is a number."""
        return tuple(np.bincount(self.labels).tolist()) if self.classes else ()

    @property
    def majority(self) -> float:
        """The share of the largest class; NaN where the target is a number."""
        return float(np.bincount(self.labels).max() / len(self.labels)) if self.classes else math.nan


def completed(path: str | None, target: str | None, sha256: str | None) -> dict[str, Value]:
    """The arguments with the hash of the file filled in; ValueError where the file can't be used or is another one."""
    if path is None:
        raise ValueError("csv: name a file and the column to predict, as in csv(path=houses.csv, target=price)")
    digest = digest_of(path)
    if sha256 is not None and (len(sha256) < HASH_DIGITS or not digest.startswith(sha256.lower())):
        raise ValueError(
            f"csv: {path} does not hold what it did: its hash is {digest[:HASH_DIGITS]}, not {sha256}; "
            "leave sha256 out to use the file as it is now"
        )
    if target is None:
        raise ValueError(f"csv: name the column of {path} to predict, as in target=price; it has {_named(names(path))}")
    _sheet(path, digest, target)
    return {"path": path, "target": target, "sha256": digest[:HASH_DIGITS]}


def sheet(path: str, target: str, sha256: str | None = None) -> Sheet:
    """The file as it is read; ValueError with one sentence where it can't be."""
    completed(path, target, sha256)
    return _sheet(path, digest_of(path), target)


def names(path: str) -> list[str]:
    """The file's columns."""
    return cells_of(path, digest_of(path)).header


@lru_cache(maxsize=8)
def _sheet(path: str, digest: str, target: str) -> Sheet:
    return sheet_of(path, cells_of(path, digest), target)


def sheet_of(path: str, cells: Cells, target: str) -> Sheet:
    """A file's cells as they are read to predict ``target``; sentences call the file ``path``. ValueError says why not."""
    delimiter, opening, header, rows = cells
    if target not in header:
        hint = unknown("target", target, header).split(" Known: ")[0]
        raise ValueError(f"csv: {hint} The columns of {path}: {_named(header)}")
    goal = header.index(target)
    order = [place for place, (_, row) in enumerate(rows) if row[goal]]
    kept, commas = [(line, row) for line, row in rows if row[goal]], set[int]()
    if delimiter != ",":
        kept, commas = _with_points(kept)
    labels, classes, named = _labels(path, target, [(line, row[goal]) for line, row in kept])
    columns, numbers, texts = [], {}, {}
    for place, name in enumerate(header):
        own = [(line, row[place]) for line, row in kept]
        present = [cell for _, cell in own if cell]
        doubt = _doubt(present, place in commas) if delimiter != "," and present else ""
        if place == goal:
            what = f"{len(classes)} classes" if classes else "a number"
            columns.append(Column(name, "target", f"{what}; {doubt}" if doubt else what))
            continue
        column, values = _column(path, name, own, order)
        if column.kind == "number" and doubt:
            column = column._replace(note=f"{column.note}; {doubt}" if column.note else doubt)
        columns.append(column)
        if column.kind == "number":
            numbers[place] = values
        elif column.kind == "text":
            texts[place] = values
    if not numbers and not texts:
        raise ValueError(f"csv: {path} has no column that could tell anything about {target!r}")
    features = len(numbers) + sum(min(CATEGORIES, len(set(values))) for values in texts.values())
    if features > MAXIMUM_FEATURES:
        raise ValueError(
            f"csv: {path} is too large: {features:,} features after encoding, and the limit is {MAXIMUM_FEATURES:,}"
        )
    if features * len(kept) > MAXIMUM_VALUES:
        raise ValueError(
            f"csv: {path} is too large: {len(kept):,} rows of {features:,} features, and the limit is "
            f"{MAXIMUM_VALUES // features:,} rows of these"
        )
    inputs = np.array(list(numbers.values())).T
    if texts:
        words = np.array(list(texts.values()), dtype=object).T
        inputs = np.hstack([inputs, words]) if numbers else words
    places = tuple(numbers), tuple(texts)
    return Sheet(
        delimiter,
        opening,
        goal,
        *places,
        inputs,
        labels,
        classes,
        named,
        len(rows) - len(kept),
        tuple(sorted(commas)),
        tuple(columns),
    )


def _with_points(rows: list[tuple[int, list[str]]]) -> tuple[list[tuple[int, list[str]]], set[int]]:
    """The rows with decimal points in the columns that hold decimal commas, and the places of these."""
    places = {
        place
        for place, cells in enumerate(zip(*(row for _, row in rows), strict=True))
        if any("," in cell for cell in cells)
        and all(DECIMAL.fullmatch(cell) or GROUPED.fullmatch(cell) for cell in cells if cell)
    }
    if not places:
        return rows, places
    replaced = [
        (
            line,
            [cell.replace(".", "").replace(",", ".") if place in places else cell for place, cell in enumerate(row)],
        )
        for line, row in rows
    ]
    return replaced, places


def _advice(cells: Sequence[str]) -> str:
    """What to do about texts that are dates or numbers written for people; empty for all others."""
    if all(DATE.fullmatch(cell) for cell in cells):
        return "dates are not used as such: add their month or weekday as a column"
    if 10 * sum(AMOUNT.fullmatch(cell) is not None for cell in cells) < 9 * len(cells):
        return ""
    odd = next((cell for cell in cells if not DECIMAL.fullmatch(cell) and not cell.isdecimal()), cells[0])
    return f"if they are numbers, write them as 1234.5 and not as {odd}"


def _doubt(cells: Sequence[str], commas: bool) -> str:
    """How numbers between semicolons or tabs were read, where that can be read in two ways; empty elsewhere."""
    if all(THOUSANDS.fullmatch(cell) for cell in cells):
        written = cells[0].replace(".", ",") if commas else cells[0]
        return f"{written} read as {float(cells[0]):g}: if the sign parts thousands, leave it out"
    return "decimal commas" if commas else ""


def _named(header: list[str]) -> str:
    more = f" and {len(header) - SHOWN_NAMES:,} more" if len(header) > SHOWN_NAMES else ""
    return ", ".join(header[:SHOWN_NAMES]) + more


def _numbers(path: str, name: str, cells: list[tuple[int, str]]) -> list[float] | None:
    """The cells as numbers, NaN where one is missing; None where one is text, ValueError where one is not finite."""
    if any("_" in cell for _, cell in cells):  # Python reads 1_000 as a number
        return None
    try:
        values = [float(cell or "nan") for _, cell in cells]
    except ValueError:
        return None
    for (line, cell), value in zip(cells, values, strict=True):
        if abs(value) > MAXIMUM_NUMBER:
            raise ValueError(
                f"csv: {path} has {cell} in column {name!r}, line {line}; numbers must be finite, at most 1e100"
            )
    return values


def _labels(path: str, target: str, cells: list[tuple[int, str]]) -> tuple[np.ndarray, tuple[str, ...], bool]:
    """The target (rows,), the names of its classes, none where it is a number, and whether they are text."""
    if not cells:
        raise ValueError(f"csv: the target {target!r} of {path} is missing in every row")
    if len(cells) < MINIMUM_ROWS:
        raise ValueError(
            f"csv: {path} has {len(cells)} rows with a target, too few to train on; it takes at least {MINIMUM_ROWS}"
        )
    numbers = _numbers(path, target, cells)
    values: list[Any] = numbers if numbers is not None else [cell for _, cell in cells]
    distinct, labels, counts = np.unique(values, return_inverse=True, return_counts=True)
    if len(distinct) == 1:
        raise ValueError(
            f"csv: the target {target!r} of {path} is {cells[0][1]} in every row: there is nothing to learn"
        )
    few = len(distinct) <= MAXIMUM_CLASSES and len(cells) >= ROWS_PER_CLASS * len(distinct)
    if numbers is not None and not (few and all(number == int(number) for number in distinct)):
        return np.array(numbers), (), False
    if len(distinct) > MAXIMUM_CLASSES:
        advice = _advice([cell for _, cell in cells])
        raise ValueError(
            f"csv: the target {target!r} of {path} has {len(distinct):,} classes, and the limit is {MAXIMUM_CLASSES}"
            + (f"; {advice}" if advice else "")
        )
    classes = tuple(str(name) if numbers is None else f"{name:.0f}" for name in distinct)
    if counts.min() < 2:
        rare = classes[int(counts.argmin())]
        raise ValueError(f"csv: class {rare!r} of {path} has one row, and at least 2 are needed to train and validate")
    if len(cells) < ROWS_PER_CLASS * len(distinct):
        raise ValueError(
            f"csv: {path} has {len(cells)} rows for {len(distinct)} classes, too few; "
            f"it takes at least {ROWS_PER_CLASS * len(distinct)}"
        )
    return labels.astype(np.int64), classes, numbers is None


def _column(path: str, name: str, cells: list[tuple[int, str]], order: list[int]) -> tuple[Column, list[Any]]:
    """What the column is, and its values; ``order`` counts the file's rows."""
    present = [cell for _, cell in cells if cell]
    gaps = len(cells) - len(present)
    if not present:
        return Column(name, "left out", "empty"), []
    numbers, distinct = _numbers(path, name, cells), len(set(present))
    note = f", {gaps:,} gaps" if gaps else ""
    if numbers is not None:
        if len({float(cell) for cell in present}) == 1:
            return Column(name, "left out", f"always {present[0]}{note}"), []
        if len({number - place for number, place in zip(numbers, order, strict=True)}) == 1:
            return Column(name, "left out", "row numbers"), []
        return Column(name, "number", f"{gaps:,} gaps filled with the median" if gaps else ""), numbers
    if distinct == 1 and not gaps:
        return Column(name, "left out", f"always {present[0]}"), []
    advice = _advice(present)
    advice = f"; {advice}" if advice else ""
    if distinct == len(present):
        return Column(name, "left out", f"text that never repeats{note}{advice}"), []
    values = [cell for _, cell in cells]
    many = distinct + bool(gaps)
    encoded = (
        f"one feature for each of {many} values" if many <= CATEGORIES else f"{many:,} values in {CATEGORIES} features"
    )
    advice = advice if many > CATEGORIES else ""
    return Column(name, "text", f"{encoded}{note}{' counted as a value' if gaps else ''}{advice}"), values


def encoder(path: str, target: str, sha256: str | None = None) -> Any:
    """The scikit-learn transformer that makes features of ``inputs``, to be fitted on the training part."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    own = sheet(path, target, sha256)
    end, parts = len(own.numbers), []
    if own.numbers:
        fill = SimpleImputer(strategy="median", keep_empty_features=True)
        parts.append(("numbers", make_pipeline(fill, StandardScaler()), slice(0, end)))
    if own.texts:
        encode = OneHotEncoder(handle_unknown="ignore", max_categories=CATEGORIES, sparse_output=False)
        parts.append(("texts", encode, slice(end, end + len(own.texts))))
    return ColumnTransformer(parts)


def reading_code(path: str, target: str, sha256: str | None = None) -> str:
    """The lines of a plain script that set ``inputs`` and ``labels``."""
    own = sheet(path, target, sha256)
    separator = "" if own.delimiter == "," else f", delimiter={_source(own.delimiter)}"
    measured = '[[float(row[place] or "nan") for place in NUMBERS] for row in rows]'
    words = "np.array([[row[place] for place in TEXTS] for row in rows], dtype=object)"
    lines = [
        "import csv",
        "import numpy as np",
        f"FILE = {_source(path)}",
        f"MISSING = {{{', '.join(_source(word) for word in MISSING)}}}",
        f"TARGET = {own.target}  # places of columns, from 0",
        *([_listed("NUMBERS", own.numbers)] if own.numbers else []),
        *([_listed("TEXTS", own.texts)] if own.texts else []),
        'with open(FILE, encoding="utf-8-sig", newline="") as file:',
        *(["    next(file)  # it names the separator"] if own.opening else []),
        f'    rows = [row for row in csv.reader(file{separator}, skipinitialspace=True) if row not in ([], [""])]',
        'rows = [["" if cell.strip().lower() in MISSING else cell.strip() for cell in row] for row in rows[1:]]',
        "rows = [row for row in rows if row[TARGET]]  # those without a target are left out",
        *(
            [
                f"for place in {list(own.commas)}:  # columns with decimal commas",
                "    for row in rows:",
                '        row[place] = row[place].replace(".", "").replace(",", ".")',
            ]
            if own.commas
            else []
        ),
        *([f"numbers = np.array({measured})"] if own.numbers else []),
        *([f"texts = {words}"] if own.texts else []),
        f"inputs = {'np.hstack([numbers, texts])' if own.numbers and own.texts else 'numbers' if own.numbers else 'texts'}",
    ]
    goal = "[row[TARGET] for row in rows]" if own.named else "[float(row[TARGET]) for row in rows]"
    lines.append(f"labels = np.unique({goal}, return_inverse=True)[1]" if own.classes else f"labels = np.array({goal})")
    return "\n".join(lines)


def encoder_code(path: str, target: str, sha256: str | None = None) -> str:
    """The lines of a plain script that make ``encoder``'s transformer."""
    own = sheet(path, target, sha256)
    used = ", ".join([*(["OneHotEncoder"] if own.texts else []), *(["StandardScaler"] if own.numbers else [])])
    lines = ["from sklearn.compose import ColumnTransformer", f"from sklearn.preprocessing import {used}"]
    end, parts = len(own.numbers), []
    if own.numbers:
        lines += [
            "from sklearn.impute import SimpleImputer",
            "from sklearn.pipeline import make_pipeline",
            'standardize = make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler())',
        ]
        parts.append(f'("numbers", standardize, slice(0, {end}))')
    if own.texts:
        lines += [
            f'encode = OneHotEncoder(handle_unknown="ignore", max_categories={CATEGORIES}, sparse_output=False)',
        ]
        parts.append(f'("texts", encode, slice({end}, {end + len(own.texts)}))')
    return "\n".join([*lines, f"parts = [{', '.join(parts)}]", "scaler = ColumnTransformer(parts)"])


def _source(text: str) -> str:
    """Text as Python source, in double quotes unless it holds some."""
    if '"' in text and "'" not in text:
        return repr(text)
    return json.dumps(text, ensure_ascii=False)


def _listed(name: str, places: tuple[int, ...]) -> str:
    line = f"{name} = [{', '.join(map(str, places))}]"
    return line if len(line) <= 100 else f"{name} = [\n" + "".join(f"    {place},\n" for place in places) + "]"
