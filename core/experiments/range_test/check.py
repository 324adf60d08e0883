"""Trainings at the suggested rate, below and above it: the check of a range test."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from core.analysis import curves, ranking
from core.experiments.range_test.charts import CEILING
from core.experiments.range_test.settings import RangeTest
from core.experiments.range_test.summary import recommended_lr
from core.experiments.training.charts import curve_chart, guessing_note
from core.experiments.training.summary import run_ends
from core.plotting.figure import Figure
from core.words import three_digits

if TYPE_CHECKING:
    import pandas as pd

    from core.experiments import Analysis
    from core.plotting.figure import Figure


HEIGHT = 260  # pixels of a chart: the answer stands above
AROUND = (1 / 30, 1.0, 10.0, 100.0)  # of the suggestion: too low, right, too high, far too high


def check_settings(analysis: Analysis) -> dict[str, str] | None:
    """Trainings at the recommended rate, below and above, as settings of ``schedulers``; None without a suggestion.

    analysis  of range tests of one setting
    """
    suggested = recommended_lr(analysis.runs)
    if not math.isfinite(suggested):
        return None
    first = analysis.frame.iloc[0]
    shared = [
        name for name in RangeTest.names() if name not in ("min_lr", "max_lr", "steps", "smoothing", "stop_factor")
    ]
    same = {name: str(first[name]) for name in shared if first[name] is not None and first[name] == first[name]}
    rates = ",".join(f"{suggested * factor:.2g}" for factor in AROUND)
    return same | {"scheduler": "constant", "base_lr": rates, "epochs": "10", "seeds": "5"}


def check_charts(frame: pd.DataFrame) -> dict[str, Figure]:
    """Trainings at the suggested rate, the second of the frame's, below and above it: the loss of validation, beside
    the accuracy of classes, or for a number the loss of the batches."""
    frame = curves.finite(frame)
    ceiling = CEILING * float(frame[frame["step"] == 0]["train_loss"].median())
    train, judged = _ends(frame, "train_loss"), checked_rate(frame)
    right = run_ends(frame, ["base_lr"]).groupby("base_lr")["final_val_accuracy"].mean()
    titles = {
        "val_loss": _check_title(frame),
        "train_loss": f"On the batches themselves the median of {train.idxmin():g} is lowest: {three_digits(train.min())}",
        "val_accuracy": f"{judged:g} puts {right.get(judged, math.nan):.1%} of the validation rows in the right class, "
        "the mean over seeds",
    }
    del titles["train_loss" if frame["val_accuracy"].notna().any() else "val_accuracy"]
    return {
        f"check_{measure}": replace(
            curve_chart(frame, ["base_lr"], measure, "epoch", title, guessing_note(frame, measure), ceiling),
            height=HEIGHT,
        )
        for measure, title in titles.items()
    }


def _ends(frame: pd.DataFrame, measure: str) -> pd.Series:
    """The last median that is drawn of each rate, (rates,); infinite where the line has ended before."""
    last, ends = int(frame["epoch"].max()) + 1, {}
    for rate, own in frame.groupby("base_lr", sort=False):
        table = curves.by_epoch(own, ["base_lr"], measure)
        ends[rate] = next(iter(table.loc[table["epoch"] == last, "median"]), np.inf)
    return pd.Series(ends)


class Verdict(NamedTuple):
    """What the trainings say of the suggestion, the second of their rates.

    rate    the rate to use: the one that gets there first of those that nothing is surely better than
    ends    mean validation loss of every rate after the last epoch, NaN where a run was lost
    equals  the rates that differ from the lowest by no more than chance
    epochs  per rate, epochs until its mean loss is at the suggestion's last; NaN for never
    """

    rate: float
    ends: pd.Series
    equals: list[float]
    epochs: pd.Series


def verdict(frame: pd.DataFrame) -> Verdict:
    """Judged on the validation rows, by means over seeds and paired differences."""
    frame = curves.finite(frame)
    rates = [float(rate) for rate in dict.fromkeys(frame["base_lr"])]
    runs = run_ends(frame, ["base_lr"])
    by_rate = runs.groupby("base_lr")["final_val_loss"]
    ends = by_rate.mean().where(by_rate.count() == by_rate.size()).reindex(rates)
    suggested = rates[min(1, len(rates) - 1)]
    losses = frame[frame["val_loss"].notna()].groupby(["base_lr", "epoch"])["val_loss"].mean()
    bar = ends[suggested]
    epochs = pd.Series({rate: _first_epoch(losses.loc[rate], bar) if rate in losses else math.nan for rate in rates})
    if not ends.notna().any():
        return Verdict(suggested, ends, [], epochs)
    best = float(ends.idxmin())
    pairs = ranking.paired(runs, ["base_lr"], "base_lr", "final_val_loss", best).set_index("value")
    equals = [rate for rate in rates if rate == best or (ends.notna()[rate] and not pairs.loc[rate, "ci_low"] > 0)]
    there = epochs[equals].dropna()
    first = float(there.idxmin()) if len(there) else best
    sooner = suggested in equals and not epochs.get(first, math.inf) <= epochs[suggested] - 2
    return Verdict(suggested if sooner else first, ends, equals, epochs)


def _first_epoch(losses: pd.Series, bar: float) -> float:
    there = losses[losses <= bar]
    return float(there.index[0]) + 1.0 if len(there) else math.nan


def checked_rate(frame: pd.DataFrame) -> float:
    """The rate that the trainings speak for."""
    return verdict(frame).rate


def _check_title(frame: pd.DataFrame) -> str:
    """How the suggestion fares among the rates, in one sentence."""
    found, rates = verdict(frame), [float(rate) for rate in dict.fromkeys(frame["base_lr"])]
    if len(rates) < 2 or not np.isfinite(found.ends[rates[1]]):
        return "Trainings at the suggested learning rate and around it"
    suggested, last = rates[1], int(frame["epoch"].max()) + 1
    loss = three_digits(float(found.ends[suggested]))
    if found.rate == suggested:
        others = "no other of these rates is surely better" if len(found.equals) > 1 else "lower than all others"
        return f"The suggested rate {suggested:g} ends at a mean validation loss of {loss}; {others}"
    if suggested in found.equals:
        return (
            f"{suggested:g} and {found.rate:g} tie after {last} epochs, at a mean loss of {loss} and "
            f"{three_digits(float(found.ends[found.rate]))}; {found.rate:g} gets there in {found.epochs[found.rate]:.0f}"
        )
    return (
        f"The suggested rate {suggested:g} ends at a mean validation loss of {loss}; {found.rate:g} is surely better: "
        f"{three_digits(float(found.ends[found.rate]))}"
    )
