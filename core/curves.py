"""Training curves: seeds folded together, over updates and over epochs; points ranked and compared in pairs.

Works on any frame with a row per update. A ``point`` is one combination of settings; its runs differ in their seed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from core import profiles, summaries

DRAWN_STEPS = 200  # of a curve over updates: more would not be seen


def finite(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with infinities as NaN: neither has a place in a mean or a chart."""
    floats = frame.select_dtypes("float").columns
    return frame.assign(**{name: frame[name].where(np.isfinite(frame[name])) for name in floats})


def by_epoch(frame: pd.DataFrame, settings: Sequence[str], measure: str) -> pd.DataFrame:
    """``label epoch n median low high`` of a measure at the end of each epoch (from 1); the band is its 10th to 90th percentile."""
    rows = frame[frame["val_loss"].notna()] if measure.startswith("val_") else frame
    per_run = rows.groupby(["run", "epoch"], sort=False)[measure].mean().reset_index()
    table = _over_seeds(per_run, frame, settings, "epoch", measure)
    return table.assign(epoch=table["epoch"] + 1)


def by_step(frame: pd.DataFrame, settings: Sequence[str], measure: str) -> pd.DataFrame:
    """``label step n median low high`` of a measure over updates, at most ``DRAWN_STEPS`` of them."""
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
    found = pd.DataFrame(
        {"n": groups.size(), "median": groups.median(), "low": groups.quantile(0.1), "high": groups.quantile(0.9)}
    ).reset_index()
    return found.assign(label=found["point"].map(table["label"]))


def ranking(runs: pd.DataFrame, settings: Sequence[str], measure: str) -> pd.DataFrame:
    """``label n runs mean ci_low ci_high`` of every point, the lowest mean first; ``runs`` is a summary of runs."""
    number, table = profiles.points(runs, settings)
    rows = [
        {"point": point, "label": table.loc[point, "label"], "runs": len(block), **summaries.over_seeds(block[measure])}
        for point, block in runs.groupby(number)
    ]
    return pd.DataFrame(rows).sort_values("mean", kind="stable").reset_index(drop=True)


def paired(runs: pd.DataFrame, settings: Sequence[str], name: str, measure: str, reference: str) -> pd.DataFrame:
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
    """``name over mean ci_low ci_high n`` of each value of ``name`` at its own best ``over``: the fair race.

    The best has the lowest mean over seeds among those whose runs all ended finite, if there are any.
    """
    rows = []
    for value, block in runs.groupby(name, sort=False):
        scores = block.groupby(over)[measure].agg(["mean", "count", "size"])
        whole = scores[scores["count"] == scores["size"]]
        usable = whole if len(whole) else scores[scores["count"] > 0]
        if not len(usable):
            rows.append({name: value, over: math.nan, **summaries.over_seeds([])})
            continue
        best = usable["mean"].idxmin()
        rows.append({name: value, over: best, **summaries.over_seeds(block.loc[block[over] == best, measure])})
    return pd.DataFrame(rows).sort_values("mean", kind="stable").reset_index(drop=True)
