"""What came out of a sweep, in one number: its leading measure, at the setting that ends best."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from core.analysis import ranking
from core.analysis.points import telling_settings
from core.frames import COLUMNS
from core.words import span, three_digits


class Outcome(NamedTuple):
    """A number to sort by, the best first, and what it is in words; NaN and empty where there is none."""

    order: float
    words: str


NONE = Outcome(math.nan, "")


def outcome(runs: pd.DataFrame, settings: Sequence[str], measure: str, goal: str) -> Outcome:
    """The outcome of a sweep by its summary of runs: ``final validation loss 0.111 (one_cycle)``.

    goal  which setting ends best: ``lowest``, ``highest`` or ``nearest 1`` of the mean over seeds; empty where none does,
          and the span of the settings' means is told
    """
    if measure not in runs or not np.isfinite(runs[measure].astype(float)).any():
        return NONE
    table = ranking.standing(runs, telling_settings(runs, settings), measure)
    if goal == "nearest 1":
        table = table.iloc[_distance(table["mean"]).argsort(kind="stable")]
    elif goal == "highest":
        table = ranking.highest_first(table)
    elif not goal:
        means = table["mean"].dropna()
        return Outcome(float(means.min()), f"{COLUMNS[measure].label} {span(means)}")
    best = table.iloc[0]
    which = f" ({best['label']})" if len(table) > 1 else ""
    lost = "" if best["n"] == best["runs"] else f", {best['n']} of {best['runs']} runs"
    order = {"highest": -best["mean"], "nearest 1": _distance(best["mean"])}.get(goal, best["mean"])
    return Outcome(float(order), f"{COLUMNS[measure].label} {three_digits(best['mean'])}{which}{lost}")


def _distance(factor: pd.Series | float) -> np.ndarray:
    """How far a positive factor is from 1, as a logarithm."""
    return np.abs(np.log(np.maximum(np.asarray(factor, float), np.finfo(float).tiny)))
