"""A user's own table, read once for all processes: split, encoded, and what became of it in words."""

from __future__ import annotations

import importlib.metadata
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from core.parts import kept_tables, own_data
from core.parts.csv_files import cells_of, digest_of
from core.parts.own_data import Sheet, file_of
from core.parts.own_story import Sentence, story_of
from core.parts.splits import Guess, Table, guess, split
from core.registry import Value

ARRAYS = ("train_inputs", "train_labels", "validation_inputs", "validation_labels")


class Reading(NamedTuple):
    """What is known of a table once it was read.

    counts  rows of each class; empty where the target is a number
    leaks   columns that alone give the target
    story   what became of the table, for people
    """

    table: Table
    counts: tuple[int, ...]
    classes: tuple[str, ...]
    guess: Guess
    leaks: tuple[str, ...]
    story: tuple[Sentence, ...]


def completed(**arguments: Any) -> dict[str, Value]:
    """The arguments with the hash of the file filled in; ValueError where the file can't be used or is another one."""
    file = file_of(arguments["path"], arguments["sha256"])
    digest = digest_of(file)
    if arguments["target"] is None:
        columns = own_data.names_in_words(cells_of(file, digest, arguments["header"]).header)
        raise ValueError(f"csv: name the column of {file} to predict, as in target=price; it has {columns}")
    reading(**arguments)
    return {**arguments, "sha256": digest[: kept_tables.HASH_DIGITS]}


def reading(path: str | None, target: str, sha256: str | None, **choices: Any) -> Reading:
    """The table as it was read, here or by another process; ValueError with one sentence where it can't be."""
    file = file_of(path, sha256)
    return _reading(file, digest_of(file), target, tuple(choices.items()))


@lru_cache(maxsize=8)
def _reading(file: str, digest: str, target: str, choices: tuple[tuple[str, Any], ...]) -> Reading:
    return _from_store(_key(digest, target, dict(choices))) or read(
        file, own_data.read_sheet(file, target, **dict(choices))
    )


def read(file: str, sheet: Sheet) -> Reading:
    """A sheet, split and encoded."""
    table = split(sheet.inputs, sheet.labels, own_data.encoder(sheet))
    baseline = guess(table)
    name = kept_tables.own_name(Path(file))
    classes = len(sheet.classes)
    validation_counts = np.bincount(table.validation_labels, minlength=classes).tolist() if classes else []
    story = tuple(story_of(name, sheet, baseline, validation_counts))
    return Reading(table, sheet.class_counts, sheet.classes, baseline, sheet.leaks, story)


def keep(path: str | None, target: str, sha256: str | None, **choices: Any) -> None:
    """Keeps what was read beside the store, for the processes that come after."""
    file = file_of(path, sha256)
    keep_as(digest_of(file), target, choices, reading(path, target, sha256, **choices))


def keep_as(digest: str, target: str, choices: dict[str, Any], reading: Reading) -> None:
    """Keeps what was read of the file with this hash, unless it is kept already."""
    key = _key(digest, target, choices)
    if kept_tables.read_facts(key) is None or not kept_tables.has_arrays(key):
        kept_tables.keep_arrays(key, dict(zip(ARRAYS, reading.table, strict=True)))
        facts = {name: getattr(reading, name) for name in ("counts", "classes", "guess", "leaks", "story")}
        kept_tables.keep_facts(key, facts)


def _key(digest: str, target: str, choices: dict[str, Any]) -> str:
    versions = (own_data.READER, importlib.metadata.version("scikit-learn"), np.__version__)
    return "read-" + kept_tables.key_of(digest=digest, target=target, versions=versions, **choices)


def _from_store(key: str) -> Reading | None:
    facts = kept_tables.read_facts(key)
    arrays = kept_tables.read_arrays(key) if facts else None
    if facts is None or arrays is None or set(arrays) != set(ARRAYS):
        return None
    return Reading(
        Table(**arrays),
        tuple(facts["counts"]),
        tuple(facts["classes"]),
        Guess(*facts["guess"]),
        tuple(facts["leaks"]),
        tuple(Sentence(*pair) for pair in facts["story"]),
    )
