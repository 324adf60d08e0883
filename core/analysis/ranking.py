"""Settings ranked by how their runs end, and compared in pairs of the same seed."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from core.analysis import statistics
from core.analysis.points import group_by_settings

FALSE_CLAIMS = 0.04  # how often a difference may be claimed where there is none; simulated: below 5 %


def standing(runs: pd.DataFrame, settings: Sequence[str], measure: str) -> pd.DataFrame:
    """``point label n runs mean`` and the settings of every point; ``runs`` is a summary of runs.

    Those whose runs all ended finite come first, the lowest mean before the others: survivors alone prove nothing.
    """
    return _standing(runs, *group_by_settings(runs, settings), measure)


def _standing(runs: pd.DataFrame, number: pd.Series, table: pd.DataFrame, measure: str) -> pd.DataFrame:
    """``standing`` of the points of ``group_by_settings``."""
    values = runs[measure].astype(float).where(np.isfinite(runs[measure].astype(float)))
    counts = values.groupby(number).agg(["count", "size", "mean"]).set_axis(["n", "runs", "mean"], axis="columns")
    return _in_order(counts.join(table).rename_axis("point").reset_index())


def ranking(runs: pd.DataFrame, settings: Sequence[str], measure: str) -> pd.DataFrame:
    """``standing`` with the interval of each mean over seeds, ``ci_low ci_high``."""
    number, points = group_by_settings(runs, settings)
    ends = {point: statistics.drawn_over_seeds(measure, block) for point, block in runs.groupby(number)[measure]}
    table = _standing(runs, number, points, measure)
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

    Pairs have the same seed and all other settings alike; pairs with a run that was lost are left out. The intervals hold
    together: each is widened for how many values are compared (Bonferroni).
    """
    others = [setting for setting in settings if setting != name]
    keyed = runs.assign(**{setting: runs[setting].astype(object).fillna("") for setting in others})
    wide = keyed.pivot_table(index=[*others, "seed"], columns=name, values=measure, sort=False)
    if reference not in wide:
        return pd.DataFrame(columns=["value", "n", "mean", "ci_low", "ci_high"])
    values = [value for value in wide.columns if value != reference]
    rows = [{"value": value, **difference(wide[value] - wide[reference], len(values))} for value in values]
    return pd.DataFrame(rows)


def difference(differences: pd.Series, comparisons: int) -> dict[str, float]:
    """n, mean and interval of paired differences, one of so many comparisons."""
    finite = differences[np.isfinite(differences.astype(float))].to_numpy(float)
    low, high = statistics.mean_interval(finite, 1.0 - FALSE_CLAIMS / comparisons)
    return {"n": len(finite), "mean": float(finite.mean()) if len(finite) else math.nan, "ci_low": low, "ci_high": high}


def surely_first(runs: pd.DataFrame, settings: Sequence[str], measure: str, table: pd.DataFrame) -> bool:
    """Whether the first of a ranking differs from every other for sure: paired by seed, corrected for all pairs.

    Any of k settings may come out first by chance, so that each comparison is one of k (k - 1) / 2.
    """
    number, _ = group_by_settings(runs, settings)
    wide = runs.assign(point=number).pivot_table(index="seed", columns="point", values=measure, sort=False)
    first, others = table["point"].iloc[0], list(table["point"].iloc[1:])
    if first not in wide or not others:
        return False
    pairs = len(table) * (len(table) - 1) // 2
    for other in others:
        if other not in wide:
            return False
        apart = difference(wide[first] - wide[other], pairs)
        if not (apart["ci_high"] < 0 or apart["ci_low"] > 0):
            return False
    return True


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
            rows.append({name: value, over: math.nan, "runs": len(block), **statistics.over_seeds([])})
            continue
        best = usable["mean"].idxmin()
        values_at_best = block.loc[block[over] == best, measure]
        rows.append(
            {
                name: value,
                over: best,
                "runs": len(values_at_best),
                **statistics.drawn_over_seeds(measure, values_at_best),
            }
        )
    return _in_order(pd.DataFrame(rows))


def best_label(table: pd.DataFrame) -> str:
    """Who stands first in a ranking, ties and lost runs said: ``cosine``, ``plateau and constant``."""
    first = table.iloc[0]
    names = " and ".join(tied(table)["label"])
    return names if first["n"] == first["runs"] else f"{names} ({first['n']} of {first['runs']} runs ended finite)"
