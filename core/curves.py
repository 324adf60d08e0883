"""Training curves: seeds folded together, over updates and over epochs; points ranked and compared in pairs.

Works on any frame with a row per update. A ``point`` is one combination of settings; its runs differ in their seed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from core import profiles, summaries

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
    kept = frame.loc[frame["step"].isin(steps), ["run", "step", measure]]
    return _over_seeds(kept, frame, settings, "step", measure)


def _over_seeds(  # medians: a single run on its way to infinity would be all of a mean
    values: pd.DataFrame, frame: pd.DataFrame, settings: Sequence[str], place: str, measure: str
) -> pd.DataFrame:
    first = frame[~frame["run"].duplicated()]
    number, table = profiles.points(first, settings)
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
    found = pd.DataFrame({"n": count, "median": groups.median(), "low": groups.quantile(0.1), "high": high})
    found = found[count > ALIVE * runs].reset_index()
    return found.assign(label=found["point"].map(table["label"]))


def diverged(frame: pd.DataFrame) -> tuple[int, int]:
    """How many runs of a frame of trainings end without a finite loss, and how many there are."""
    last = frame[~frame["run"].duplicated(keep="last")]
    return int((~np.isfinite(last["train_loss"].to_numpy(float))).sum()), len(last)


def standing(runs: pd.DataFrame, settings: Sequence[str], measure: str) -> pd.DataFrame:
    """``point label n runs mean`` and the settings of every point; ``runs`` is a summary of runs.

    Those whose runs all ended finite come first, the lowest mean before the others: survivors alone prove nothing.
    """
    number, table = profiles.points(runs, settings)
    values = runs[measure].astype(float).where(np.isfinite(runs[measure].astype(float)))
    found = values.groupby(number).agg(["count", "size", "mean"]).set_axis(["n", "runs", "mean"], axis="columns")
    return _in_order(found.join(table).rename_axis("point").reset_index())


def ranking(runs: pd.DataFrame, settings: Sequence[str], measure: str) -> pd.DataFrame:
    """``standing`` with the interval of each mean over seeds, ``ci_low ci_high``."""
    number, _ = profiles.points(runs, settings)
    ends = {point: summaries.over_seeds(block) for point, block in runs.groupby(number)[measure]}
    table = standing(runs, settings, measure)
    return table.assign(**{name: [ends[point][name] for point in table["point"]] for name in ("ci_low", "ci_high")})


def highest_first(table: pd.DataFrame) -> pd.DataFrame:
    """A ``ranking`` of a measure of which more is better, as an accuracy."""
    return _in_order(table, ascending=False)


def tied(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of a ranking that share the first place: the same mean to the last digit, as of schedules that never act."""
    first = table.iloc[0]
    return table[(table["mean"] == first["mean"]) & ((table["n"] == table["runs"]) == (first["n"] == first["runs"]))]


def _in_order(table: pd.DataFrame, ascending: bool = True) -> pd.DataFrame:
    lost = table["n"] < table["runs"]
    ordered = table.assign(lost=lost).sort_values(["lost", "mean"], ascending=[True, ascending], kind="stable")
    return ordered.drop(columns="lost").reset_index(drop=True)


def paired(runs: pd.DataFrame, settings: Sequence[str], name: str, measure: str, reference: object) -> pd.DataFrame:
    """``value n mean ci_low ci_high``: the measure of each value of setting ``name`` minus that of ``reference``.

    Pairs have the same seed and all other settings alike; pairs with a run that diverged are left out.
    """
    others = [setting for setting in settings if setting != name]
    keyed = runs.assign(**{setting: runs[setting].astype(object).fillna("") for setting in others})
    wide = keyed.pivot_table(index=[*others, "seed"], columns=name, values=measure, sort=False)
    if reference not in wide:
        return pd.DataFrame(columns=["value", "n", "mean", "ci_low", "ci_high"])
    rows = [
        {"value": value, **summaries.over_seeds((wide[value] - wide[reference]).dropna())}
        for value in wide.columns
        if value != reference
    ]
    return pd.DataFrame(rows)


def best_values(runs: pd.DataFrame, name: str, over: str, measure: str) -> pd.DataFrame:
    """``name over mean ci_low ci_high n runs`` of each value of ``name`` at its own best ``over``: the fair race.

    The best has the lowest mean over seeds among those whose runs all ended finite, if there are any; such values
    come first.
    """
    rows = []
    for value, block in runs.groupby(name, sort=False):
        scores = block.groupby(over)[measure].agg(["mean", "count", "size"])
        whole = scores[scores["count"] == scores["size"]]
        usable = whole if len(whole) else scores[scores["count"] > 0]
        if not len(usable):
            rows.append({name: value, over: math.nan, "runs": len(block), **summaries.over_seeds([])})
            continue
        best = usable["mean"].idxmin()
        own = block.loc[block[over] == best, measure]
        rows.append({name: value, over: best, "runs": len(own), **summaries.over_seeds(own)})
    return _in_order(pd.DataFrame(rows))
