"""What guessing and other models get: the bars that a training should pass."""

from __future__ import annotations

import math
from collections.abc import Iterable
from contextlib import suppress
from typing import NamedTuple

import pandas as pd

from core.parts import baselines
from core.parts.datasets import shape_of
from core.parts.splits import Guess
from core.words import three_digits

MODELS = {"guess": "guessing", "linear": "a linear model", "boosting": "boosting"}


class Mean(NamedTuple):
    """A mean over seeds with its interval, NaN for one seed."""

    mean: float
    low: float
    high: float


def majority(frame: pd.DataFrame) -> float:
    """The accuracy of always answering the largest class of the frame's one dataset; NaN for several, or for numbers.

    NaN too for a user's own table that is not here, or has changed: a frame can be read without its data.
    """
    name = _one_dataset(frame)
    try:
        return validation_guess(name).accuracy if name else math.nan
    except ValueError:
        return math.nan


def _one_dataset(frame: pd.DataFrame) -> str:
    """The frame's dataset; empty for several, or none."""
    names = list(frame["dataset"].unique()) if "dataset" in frame else []
    return names[0] if len(names) == 1 and isinstance(names[0], str) else ""


def guess_loss(dataset: object) -> float:
    """The loss of guessing on a dataset; NaN for what is none, or a user's own table that is not here."""
    try:
        return shape_of(str(dataset)).guess_loss
    except ValueError:
        return math.nan


def validation_guess(dataset: str) -> Guess:
    """What guessing gets on the validation rows, as measured or, until it is, by the shares of all rows.

    ValueError for what is no dataset, or a user's own table that is not here.
    """
    data, scores = shape_of(dataset), baselines.read(dataset)
    if scores:
        return Guess(scores["guess_val_loss"], scores["guess_val_accuracy"])
    return data.on_rows or Guess(data.guess_loss, data.majority)


def measure(datasets: Iterable[object]) -> None:
    """Measures the baselines of the tables among the datasets that were not measured before."""
    for name in baselines.lacking(datasets):
        with suppress(ValueError):  # a user's own table that is not here
            baselines.keep(name, baselines.measure(name))


def per_run(datasets: pd.Series) -> pd.DataFrame:
    """The baselines of each run's dataset, a column each; NaN where they were not measured."""
    scores = {name: baselines.read(str(name)) or {} for name in datasets.unique()}
    return pd.DataFrame(
        {name: [scores[dataset].get(name, math.nan) for dataset in datasets] for name in baselines.NAMES},
        index=datasets.index,
        dtype=float,
    )


def bars(frame: pd.DataFrame, measure: str) -> dict[str, float]:
    """What each baseline gets of ``val_loss`` or ``val_accuracy`` on the frame's one dataset; none for other measures."""
    if measure not in baselines.MEASURES:
        return {}
    name = _one_dataset(frame)
    scores = baselines.read(name) or {}
    if name and not scores and not baselines.has_baselines(name):  # drawn anew for every seed: guessing is known
        scores = {"guess_val_loss": guess_loss(name), "guess_val_accuracy": majority(frame)}
    by_label = {label: scores.get(f"{name}_{measure}", math.nan) for name, label in MODELS.items()}
    return {label: value for label, value in by_label.items() if math.isfinite(value)}


def standing(frame: pd.DataFrame, best: Mean, measure: str) -> tuple[str, str]:
    """``beats guessing, undecided against boosting``, and the numbers of it; ``–`` where no baseline was measured.

    best  the mean ``val_loss`` or ``val_accuracy`` of the frame's best setting over seeds: it beats what lies outside its
          interval on the worse side, and is undecided against what lies within; a lone seed, which has none, against all
    """
    scores = bars(frame, measure)
    if not scores:
        return "–", "No baseline was measured on these rows: they are with the first sweep over a table."
    low, high = (best.low, best.high) if math.isfinite(best.low) else (-math.inf, math.inf)
    above = [label for label, value in scores.items() if value > high]
    below = [label for label, value in scores.items() if value < low]
    beaten, ahead = (above, below) if measure == "val_loss" else (below, above)
    level = [label for label in scores if label not in (*above, *below)]
    groups = (("beats", beaten), ("undecided against", level), ("behind", ahead))
    words = [f"{verb} {_listed(labels)}" for verb, labels in groups if labels]
    in_words = "{:.1%}".format if measure == "val_accuracy" else three_digits
    numbers = ", ".join(f"{label} {in_words(value)}" for label, value in scores.items())
    what = "accuracy" if measure == "val_accuracy" else "loss"
    interval = f", interval {in_words(best.low)} to {in_words(best.high)}" if math.isfinite(best.low) else ", one seed"
    return (
        ", ".join(words),
        f"The best mean validation {what} is {in_words(best.mean)}{interval}; on the same rows: {numbers}.",
    )


def _listed(words: list[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
