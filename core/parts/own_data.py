"""A user's own CSV file: what it holds, how its columns are read, and how a plain script reads the same.

The rules, which are part of what a run means (raise the experiments' ``version`` when they change):

- UTF-8; the separator is the one of , ; and tab that the first line has most of; blank lines don't count; cells are
  stripped; empty cells and ? NA N/A NaN null None (in any case) are missing.
- Between semicolons or tabs a comma is a decimal sign, in a column that has no point; 1,5 is 1.5 there.
- Rows without a target are left out. A target of text is a class, and so are whole numbers with at most 20 different
  values and 5 rows for each on average; any other number is a number.
- A column whose cells are all numbers is one number: gaps get the training part's median, then it is standardized. Any
  other column is text: a feature of its own for each of its 19 most frequent values (a gap counts as one) and one for
  all others. Columns that tell nothing are left out: empty, of one value, text that never repeats, row numbers.

Files are known by the SHA-256 of their bytes: the run id holds it, and not the path.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from core.registry import Value, unknown

MAXIMUM_BYTES = 10 * 2**20
MAXIMUM_ROWS = 100_000
MAXIMUM_FEATURES = 2_000
MAXIMUM_VALUES = 20_000_000  # rows times features, which stand in memory at once
MAXIMUM_CLASSES = 20
MAXIMUM_NUMBER = 1e100  # squares of larger ones leave float64
MINIMUM_ROWS = 20
ROWS_PER_CLASS = 5  # so that the fifth that validates holds each
CATEGORIES = 20  # features of one text column
HASH_DIGITS = 16  # of the 64, in canonical text
SHOWN_NAMES = 12  # in a sentence
DELIMITERS = ",;\t"
DECIMAL = re.compile(r"[+-]?(\d+(,\d*)?|,\d+)(e[+-]?\d+)?", re.IGNORECASE | re.ASCII)
FIGURES = re.compile(r"[^A-Za-z]*\d[^A-Za-z]*")
DATE = re.compile(r"\d{1,4}[-./]\d{1,2}[-./]\d{1,4}([T ].*)?", re.ASCII)
MISSING = ("", "?", "n/a", "na", "nan", "none", "null")


class Column(NamedTuple):
    """One column of the file. ``kind``: number, text, target or left out; ``note`` says what became of it."""

    name: str
    kind: str
    note: str


@dataclass(frozen=True)
class Sheet:
    """A file that has been read.

    numbers, texts  places of the columns that are used, in the file's order; ``inputs`` holds numbers first
    inputs          (rows, columns); objects where there is text, which is "" where it is missing
    labels          (rows,): class numbers in int64, or numbers in float64
    classes         their names, in order; empty where the target is a number
    named           whether the classes are text, not whole numbers
    dropped_rows    rows without a target
    commas          whether numbers are written with decimal commas, in some column at least
    """

    delimiter: str
    target: int
    numbers: tuple[int, ...]
    texts: tuple[int, ...]
    inputs: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]
    named: bool
    dropped_rows: int
    commas: bool
    columns: tuple[Column, ...]

    @property
    def rows(self) -> int:
        """Rows that are used."""
        return len(self.labels)

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
    return _cells(path, digest_of(path))[1]


def digest_of(path: str) -> str:
    """The SHA-256 of the file, read again only after it has changed."""
    place = Path(path)
    try:
        if place.is_dir():
            raise ValueError(f"csv: {path} is a folder; name a file in it")
        if not place.is_file():
            raise ValueError(f"csv: there is no file {path}")
        found = place.stat()
        _check_size(path, found.st_size)
        return _digest(str(place.absolute()), found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino)
    except OSError as error:
        raise ValueError(f"csv: {path} can't be read ({error.strerror})") from None


@lru_cache(maxsize=64)
def _digest(path: str, *version: int) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


@lru_cache(maxsize=1)  # of a large file it takes some 100 MB
def _cells(path: str, digest: str) -> tuple[str, list[str], list[tuple[int, list[str]]]]:
    """The separator, the columns' names, and the rows with their line numbers; missing cells are empty."""
    content = Path(path).read_bytes()
    if hashlib.sha256(content).hexdigest() != digest:
        raise ValueError(f"csv: {path} is changing while it is read; try again")
    return _parsed(path, content)


def check(name: str, content: bytes) -> None:
    """ValueError with one sentence where an upload called ``name`` is no CSV file that can be used."""
    _check_size(name, len(content))
    _parsed(name, content)


def _check_size(path: str, size: int) -> None:
    if size > MAXIMUM_BYTES:
        limit = f"{MAXIMUM_BYTES / 2**20:.0f} MB"
        raise ValueError(f"csv: {path} is too large: {size / 2**20:,.1f} MB, and the limit is {limit}")


def _parsed(path: str, content: bytes) -> tuple[str, list[str], list[tuple[int, list[str]]]]:
    """What ``_cells`` says of the file's content."""
    if b"\0" in content:
        raise ValueError(f"csv: {path} is no text file: it holds binary data")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(f"csv: {path} is not UTF-8 text; save it as CSV in UTF-8") from None
    if not text.strip():
        raise ValueError(f"csv: {path} is empty")
    first = text.lstrip("\r\n").splitlines()[0]
    delimiter = max(DELIMITERS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True, strict=True)
    try:
        rows = [(reader.line_num, row) for row in reader if row not in ([], [""])]
    except csv.Error as error:
        raise ValueError(f"csv: {path} can't be read as CSV: line {reader.line_num}, {error}") from None
    header = [" ".join(name.split()) for name in rows[0][1]]
    header = [name or f"column {place}" for place, name in enumerate(header, start=1)]
    for place, name in enumerate(header):
        if name in header[:place]:
            raise ValueError(f"csv: {path} has two columns named {name!r}; rename one")
    if len(rows) == 1:
        raise ValueError(f"csv: {path} has a header and no rows")
    if len(rows) - 1 > MAXIMUM_ROWS:
        raise ValueError(f"csv: {path} is too large: {len(rows) - 1:,} rows, and the limit is {MAXIMUM_ROWS:,}")
    for line, row in rows:
        if len(row) != len(header):
            cells = "1 cell" if len(row) == 1 else f"{len(row)} cells"
            raise ValueError(f"csv: {path} is ragged: line {line} has {cells}, and the header has {len(header)}")
    return delimiter, header, [(line, [_present(cell) for cell in row]) for line, row in rows[1:]]


def _present(cell: str) -> str:
    cell = cell.strip()
    return "" if cell.lower() in MISSING else cell


@lru_cache(maxsize=8)
def _sheet(path: str, digest: str, target: str) -> Sheet:
    delimiter, header, rows = _cells(path, digest)
    if target not in header:
        hint = unknown("target", target, header).split(" Known: ")[0]
        raise ValueError(f"csv: {hint} The columns of {path}: {_named(header)}")
    goal = header.index(target)
    order = [place for place, (_, row) in enumerate(rows) if row[goal]]
    kept, commas = [(line, row) for line, row in rows if row[goal]], False
    if delimiter != ",":
        kept, commas = _with_points(kept)
    labels, classes, named = _labels(path, target, [(line, row[goal]) for line, row in kept])
    columns, numbers, texts = [], {}, {}
    for place, name in enumerate(header):
        if place == goal:
            columns.append(Column(name, "target", f"{len(classes)} classes" if classes else "a number"))
            continue
        column, values = _column(path, name, [(line, row[place]) for line, row in kept], order)
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
        delimiter, goal, *places, inputs, labels, classes, named, len(rows) - len(kept), commas, tuple(columns)
    )


def _with_points(rows: list[tuple[int, list[str]]]) -> tuple[list[tuple[int, list[str]]], bool]:
    """The rows with decimal points in the columns that hold decimal commas, and whether there are any."""
    places = [
        place
        for place, cells in enumerate(zip(*(row for _, row in rows), strict=True))
        if any("," in cell for cell in cells) and all(DECIMAL.fullmatch(cell) for cell in cells if cell)
    ]
    for place in places:
        rows = [(line, [*row[:place], row[place].replace(",", "."), *row[place + 1 :]]) for line, row in rows]
    return rows, bool(places)


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
        odd = next((cell for _, cell in cells if any(sign.isdigit() for sign in cell)), None)
        hint = f"; if they are numbers, write them as 1234.5 and not as {odd}" if odd else ""
        raise ValueError(
            f"csv: the target {target!r} of {path} has {len(distinct):,} classes, and the limit is {MAXIMUM_CLASSES}{hint}"
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
    if distinct == len(present):
        dates = all(DATE.fullmatch(cell) for cell in present)
        what = "dates that never repeat: add their month or weekday as a column" if dates else "text that never repeats"
        return Column(name, "left out", f"{what}{note}"), []
    values = [cell for _, cell in cells]
    many = distinct + bool(gaps)
    encoded = (
        f"one feature for each of {many} values" if many <= CATEGORIES else f"{many:,} values in {CATEGORIES} features"
    )
    if many > CATEGORIES and all(FIGURES.fullmatch(cell) for cell in present):
        encoded += f"; if they are numbers, write them as 1234.5 and not as {present[0]}"
    return Column(name, "text", f"{encoded}{note}{' counted as a value' if gaps else ''}"), values


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
    point = '.replace(",", ".")' if own.commas else ""
    measured = f'[[float(row[place]{point} or "nan") for place in NUMBERS] for row in rows]'
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
        f'    rows = [row for row in csv.reader(file{separator}, skipinitialspace=True) if row not in ([], [""])]',
        'rows = [["" if cell.strip().lower() in MISSING else cell.strip() for cell in row] for row in rows[1:]]',
        "rows = [row for row in rows if row[TARGET]]  # those without a target are left out",
        *([f"numbers = np.array({measured})"] if own.numbers else []),
        *([f"texts = {words}"] if own.texts else []),
        f"inputs = {'np.hstack([numbers, texts])' if own.numbers and own.texts else 'numbers' if own.numbers else 'texts'}",
    ]
    goal = "[row[TARGET] for row in rows]" if own.named else f"[float(row[TARGET]{point}) for row in rows]"
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
