"""Columns that alone give the target: the answer, written down a second time."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

EXPLAINED = 0.99  # share of the rows, or of the variance, from which a column gives the target
SKILL = 0.95  # share of guessing's errors that it avoids as well: a rare class is no leak
BINS = 200  # of a column of numbers
ORDERED_ROWS_PER_CLASS = 20  # rows per class from which it is no chance that a number parts them
SHARE_PRESENT = 0.2  # share of the rows in which a column has no gap, from which what it gives there is worth saying
ROWS_PRESENT = 20  # rows of them
ROWS_PER_GROUP = 5  # of a bin or a group: what comes once gives itself

COMMON = 0.95  # share of the rows whose classes are common enough, from which those tell of all
COINCIDENCES = 20_000  # ways to choose the rows outside the largest class, below which a column parts them by chance


def gives(values: Sequence[float | str], labels: np.ndarray) -> bool:
    """Whether a column alone gives the labels, classes in int64 or numbers in float64."""
    distinct, place = np.unique(np.asarray(values), return_inverse=True)
    if len(distinct) * ROWS_PER_GROUP > len(labels):
        if distinct.dtype.kind != "f":
            return False
        place = _binned(np.asarray(values, dtype=float))
    if labels.dtype.kind == "f":
        straight = distinct.dtype.kind == "f" and _correlated(np.asarray(values, dtype=float), labels)
        return straight or _variance(place, labels) >= EXPLAINED
    if _may_be_chance(labels):
        return False
    parted = distinct.dtype.kind == "f" and _parts(np.asarray(values, dtype=float), labels)
    return parted or _accuracy(place, labels)


def _may_be_chance(labels: np.ndarray) -> bool:
    """Whether the rows outside the largest class are so few that some of many columns sets them apart by chance."""
    others = len(labels) - int(np.bincount(labels).max())
    return math.comb(len(labels), min(others, 20)) < COINCIDENCES  # 20 of them are enough at any length


def gives_where_present(values: Sequence[float | str], labels: np.ndarray) -> bool:
    """Whether a column with gaps alone gives the labels of the rows in which it has none, a fifth of them or more."""
    cells = np.asarray(values)
    there = ~np.isnan(cells) if cells.dtype.kind == "f" else cells != ""
    if there.all() or there.sum() < max(SHARE_PRESENT * len(cells), ROWS_PRESENT):
        return False
    if labels.dtype.kind == "f":
        return bool(labels[there].std() > 0.0) and gives(cells[there], labels[there])
    _, classes = np.unique(labels[there], return_inverse=True)
    return classes.max() > 0 and gives(cells[there], classes)


def _parts(values: np.ndarray, labels: np.ndarray) -> bool:
    """Whether a few limits on a number part the classes: in the order of the numbers they hardly change.

    Classes of a few rows are left aside: anywhere in that order they change hardly anything.
    """
    common = np.bincount(labels) >= ROWS_PER_GROUP
    kept = common[labels]
    if kept.mean() < COMMON:
        return False
    values, labels = values[kept], (np.cumsum(common) - 1)[labels[kept]]
    there, classes = ~np.isnan(values), int(common.sum())
    if classes < 2 or not there.any():
        return False
    ordered = labels[there][np.lexsort((labels[there], values[there]))]
    changes = int((ordered[1:] != ordered[:-1]).sum())
    _, place = np.unique(values[there], return_inverse=True)
    if _purity(place, labels[there]) < EXPLAINED:  # else equal numbers of two classes would change once alone
        return False
    return there.sum() >= max(EXPLAINED * len(values), ORDERED_ROWS_PER_CLASS * classes) and changes < 2 * classes


def _purity(place: np.ndarray, labels: np.ndarray) -> float:
    """Share of the rows whose class is the commonest of their group."""
    _, pairs, counts = np.unique(place * (int(labels.max()) + 1) + labels, return_index=True, return_counts=True)
    largest = np.zeros(place.max() + 1, dtype=np.int64)
    np.maximum.at(largest, place[pairs], counts)
    return float(largest.sum()) / max(len(labels), 1)


def _binned(values: np.ndarray) -> np.ndarray:
    """The bin of each value: of equal counts, equal values together; gaps in one of their own."""
    bins = max(1, min(BINS, len(values) // ROWS_PER_GROUP))
    edges = np.unique(np.nanquantile(values, np.linspace(0.0, 1.0, bins + 1)[1:-1])) if bins > 1 else np.array([])
    return np.where(np.isnan(values), len(edges) + 1, np.searchsorted(edges, values, side="right"))


def _accuracy(place: np.ndarray, labels: np.ndarray) -> bool:
    table = np.zeros((place.max() + 1, labels.max() + 1), dtype=np.int64)
    np.add.at(table, (place, labels), 1)
    table = table[table.sum(axis=1) > 1]
    right, largest = float(table.max(axis=1).sum()) / len(labels), float(np.bincount(labels).max()) / len(labels)
    return right >= EXPLAINED and (right - largest) >= SKILL * (1.0 - largest)


def _variance(place: np.ndarray, labels: np.ndarray) -> float:
    """Share of the labels' variance that lies between the groups; a group of one explains nothing."""
    counts = np.bincount(place)
    means = np.bincount(place, weights=labels) / np.maximum(counts, 1)
    within = np.where(counts[place] > 1, labels - means[place], labels - labels.mean())
    return 1.0 - float((within**2).sum() / ((labels - labels.mean()) ** 2).sum())


def _correlated(values: np.ndarray, labels: np.ndarray) -> bool:
    """Whether a straight line, or a line that only rises or only falls, gives the labels."""
    there = ~np.isnan(values)
    if there.sum() < EXPLAINED * len(values) or values[there].std() == 0.0 or labels[there].std() == 0.0:
        return False
    ranks = (np.unique(numbers, return_inverse=True)[1] for numbers in (values[there], labels[there]))
    pairs = ((values[there], labels[there]), tuple(ranks))
    return any(float(np.corrcoef(one, other)[0, 1]) ** 2 >= EXPLAINED for one, other in pairs)
