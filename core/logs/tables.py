"""Any CSV or JSONL with a loss in it, and the cells of the formats that are CSV or JSONL."""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Iterable, Iterator

from core.diagnosis.trace import Trace
from core.logs import rows
from core.logs.cells import number
from core.logs.content import Content
from core.logs.names import meaning

COUNTED = ("step", "epoch", "loss", "accuracy", "lr", "grad_norm")
MOST_CHARACTERS = 64 * 2**20  # of one JSON value
LONGEST = 100_000  # characters of a line


def sniff(content: Content) -> bool:
    """Whether it is a table or lines of records in which a loss, a step or an epoch stands."""
    return any(meaning(name).role in COUNTED for name in header(content)) or _records(content)


def read(content: Content) -> list[Trace]:
    """The runs in it."""
    if _records(content):
        return rows.traces(json_rows(content), "lines of JSON", content.source)
    return rows.traces(csv_rows(content), "CSV", content.source)


def _records(content: Content) -> bool:
    if not content.head.startswith(("{", "[")):
        return False
    return any(meaning(name).role in COUNTED for row in _first(json_rows(content), 50) for name in row)


def _first(items: Iterable[rows.Row], count: int) -> Iterator[rows.Row]:
    for item, _ in zip(items, range(count), strict=False):
        yield item


def header(content: Content) -> list[str]:
    """The names of a CSV's columns, without the blanks around them; empty where there is no such line."""
    first = next((line for line in content.head.split("\n") if line.strip()), "")[:LONGEST]
    mark = delimiter(first)
    if mark is None:
        return []
    names = _cells(first, mark)
    numbers = sum(number(name) is not None for name in names)
    if any("{" in name or "=" in name or (":" in name[:-1] and " " in name) for name in names):
        return []  # a line of text
    return names if not numbers and any(names) and max(map(len, names)) < 80 else []


def delimiter(line: str) -> str | None:
    """What stands between the cells of a line; None where nothing does."""
    counts = {mark: line.count(mark) for mark in (",", ";", "\t")}
    best = max(counts, key=lambda mark: counts[mark])
    if counts[best]:
        return best
    words = line.split()  # a table set with blanks
    counted = sum(meaning(word).role in COUNTED for word in words)
    names = all(re.fullmatch(r"[A-Za-z_][\w/().-]*", word) and number(word) is None for word in words)
    return " " if len(words) > 1 and names and counted >= 0.5 * len(words) else None


def _cells(line: str, mark: str) -> list[str]:
    if mark == " ":
        return line.split()
    try:
        return [cell.strip() for cell in next(csv.reader([line.replace("\0", "")], delimiter=mark), [])]
    except csv.Error:
        return []


def csv_rows(content: Content) -> Iterator[rows.Row]:
    """The rows of a CSV as numbers by name; an empty cell is left out; a header within starts other columns."""
    names = header(content)
    lines = iter(content.lines)
    first = next((line for line in lines if line.strip()), "")
    mark = delimiter(first[:LONGEST]) or ","
    for line in lines:
        if not line.strip() or len(line) > LONGEST:
            continue
        cells = _cells(line, mark)
        if mark == ";":
            cells = [cell.replace(",", ".") for cell in cells]
        values = [number(cell) for cell in cells]
        if all(value is None for value in values):
            if any(meaning(cell).role in COUNTED for cell in cells):
                names = cells
            continue
        yield {name: value for name, value in zip(names, values, strict=False) if value is not None and name}


def json_rows(content: Content) -> Iterator[rows.Row]:
    """The numbers of each record, a record a line or all in one list; lines that are damaged are left out."""
    records: Iterable[object]
    whole = _whole(content)
    if isinstance(whole, list):
        records = whole
    elif isinstance(whole, dict):
        records = _columns(whole)
    else:
        records = (_record(line) for line in content.lines)
    for record in records:
        if isinstance(record, dict):
            row = flat(record)
            if row:
                yield row


def _whole(content: Content) -> object:
    """A file that is one list or one record in JSON; None where it is lines."""
    if len(content.text) > MOST_CHARACTERS or content.text.rstrip()[-1:] not in ("]", "}"):
        return None
    try:
        return json.loads(content.text)
    except (ValueError, RecursionError):
        return None


def _columns(whole: dict[str, object]) -> Iterator[object]:
    """Rows of a record of lists, such as Keras's history; the record itself where there are none."""
    inner = whole.get("history", whole)
    lists = {name: cells for name, cells in inner.items() if isinstance(cells, list)} if isinstance(inner, dict) else {}
    if not any(meaning(name).role == "loss" for name in lists):
        yield whole
        return
    for place in range(max(map(len, lists.values()))):
        yield {name: cells[place] for name, cells in lists.items() if place < len(cells)}


def flat(record: dict[object, object], depth: int = 0) -> dict[str, float]:
    """The numbers of a record by name; those of records within it have both names; null beside a loss is NaN."""
    row: dict[str, float] = {}
    for name, cell in record.items():
        if isinstance(cell, dict) and depth < 2:
            row |= {f"{name}/{inner}": value for inner, value in flat(cell, depth + 1).items()}
            continue
        value = number(cell)
        if cell is None and meaning(str(name)).role == "loss" and meaning(str(name)).split in ("", "train"):
            value = math.nan
        if value is not None:
            row[str(name)] = value
    return row


def _record(line: str) -> object:
    line = line.strip()
    if not line.startswith("{") or len(line) > LONGEST:
        return None
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None
