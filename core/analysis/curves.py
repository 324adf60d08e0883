"""Training curves: seeds folded together, over updates and over epochs. Works on any frame with a row per update."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from core.analysis.points import group_by_settings

ALIVE = 0.5  # a point's median is drawn while more than this share of its runs is alive
GROWING = ("train_loss", "val_loss", "grad_norm", "clipped_grad_norm", "update_norm")  # infinite where a run is lost
LOST = 1e300  # stands for the infinity of a lost run: quantiles between infinities would be NaN
DRAWN_STEPS = 200  # of a curve over updates: more would not be seen


def finite(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with infinities as NaN: neither has a place in a mean or a chart."""
    floats = frame.select_dtypes("float").columns
    return frame.assign(**{name: frame[name].where(np.isfinite(frame[name])) for name in floats})


def by_epoch(frame: pd.DataFrame, settings: Sequence[str], measure: str) -> pd.DataFrame:
    """``label epoch n median low high`` of a measure at the end of each epoch (from 1); the band is its 10th to 90th percentile.

    A point has rows while more than half of its runs are alive, and a lost run counts as the largest loss or norm:
    a median of survivors would fall as runs get lost.
    """
    rows = frame[frame["val_loss"].notna()] if measure.startswith("val_") else frame
    per_run = rows.groupby(["run", "epoch"], sort=False)[measure].mean().reset_index()
    table = _over_seeds(per_run, frame, settings, "epoch", measure)
    return table.assign(epoch=table["epoch"] + 1)


def by_step(frame: pd.DataFrame, settings: Sequence[str], measure: str) -> pd.DataFrame:
    """``label step n median low high`` of a measure over updates, at most ``DRAWN_STEPS`` of them; rows as in ``by_epoch``."""
    steps = np.unique(np.linspace(0, max(0, int(frame["step"].max())), DRAWN_STEPS).round().astype(int))
    values = frame.loc[frame["step"].isin(steps), ["run", "step", measure]]
    return _over_seeds(values, frame, settings, "step", measure)


def _over_seeds(  # medians: a single run on its way to infinity would be all of a mean
    values: pd.DataFrame, frame: pd.DataFrame, settings: Sequence[str], place: str, measure: str
) -> pd.DataFrame:
    first = frame[~frame["run"].duplicated()]
    number, table = group_by_settings(first, settings)
    point = pd.Series(number.to_numpy(), index=first["run"])
    finite = values[np.isfinite(values[measure].to_numpy(float))]
    groups = finite.assign(point=finite["run"].map(point)).groupby(["point", place])[measure]
    count, largest = groups.size(), groups.max()
    runs = count.index.get_level_values("point").map(point.value_counts()).to_numpy(float)
    if measure in GROWING and len(count):
        lost = count.index.repeat((runs - count).astype(int)).to_frame(index=False).assign(**{measure: LOST})
        everyone = pd.concat([finite.assign(point=finite["run"].map(point))[["point", place, measure]], lost])
        groups = everyone.groupby(["point", place])[measure]
    high = np.minimum(groups.quantile(0.9), largest)
    medians = pd.DataFrame({"n": count, "median": groups.median(), "low": groups.quantile(0.1), "high": high})
    medians = medians[count > ALIVE * runs].reset_index()
    return medians.assign(label=medians["point"].map(table["label"]))


def diverged(frame: pd.DataFrame) -> tuple[int, int]:
    """How many runs of a frame of trainings end without a finite loss, and how many there are."""
    last = frame[~frame["run"].duplicated(keep="last")]
    return int((~np.isfinite(last["train_loss"].to_numpy(float))).sum()), len(last)
