"""What repeated seeds say: means with bootstrap intervals, straight-line fits."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from core.analysis.points import group_by_settings, varying_settings

RESAMPLES = 1000
CONFIDENCE = 0.95
Statistic = Callable[[np.ndarray], np.ndarray]  # indices (..., n) of resampled seeds -> value (...)


def interval(n: int, statistic: Statistic, width: int = 1) -> tuple[float, float]:
    """The 95 % percentile bootstrap interval over n seeds, from SciPy; NaN for fewer than two.

    width  numbers that the statistic holds per seed, so that a batch of resamples fits the memory
    """
    if n < 2:
        return math.nan, math.nan
    from scipy.stats import DegenerateDataWarning, bootstrap

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DegenerateDataWarning)  # seeds without a finite value: the interval is NaN
        result = bootstrap(
            (np.arange(n),),
            lambda indices, axis: statistic(indices),
            n_resamples=RESAMPLES,
            batch=max(1, int(4e6 / (n * width))),
            confidence_level=CONFIDENCE,
            method="percentile",
            vectorized=True,
            axis=-1,
            rng=np.random.default_rng(0),  # the same frame gives the same interval
        )
    return float(result.confidence_interval.low), float(result.confidence_interval.high)


def over_seeds(values: Sequence[float] | np.ndarray) -> dict[str, float]:
    """n, mean, median, standard error and interval of a measure's finite values."""
    finite = np.asarray(values, dtype=float)
    finite = finite[np.isfinite(finite)]
    n = len(finite)
    if n == 0:
        empty = dict.fromkeys(("mean", "median", "standard_error", "ci_low", "ci_high"), math.nan)
        return {"n": 0, **empty}
    low, high = interval(n, lambda indices: finite[indices].mean(-1))
    return {
        "n": n,
        "mean": float(finite.mean()),
        "median": float(np.median(finite)),
        "standard_error": float(finite.std(ddof=1) / math.sqrt(n)) if n > 1 else math.nan,
        "ci_low": low,
        "ci_high": high,
    }


def slope(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The least-squares slope of y (..., k) over x (k,), of the finite points; NaN for fewer than two."""
    use = np.isfinite(y)
    count = use.sum(-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        x_mean = np.where(use, x, 0.0).sum(-1) / count
        y_mean = np.where(use, y, 0.0).sum(-1) / count
        dx = np.where(use, x - x_mean[..., None], 0.0)
        dy = np.where(use, y - y_mean[..., None], 0.0)
        result = (dx * dy).sum(-1) / (dx * dx).sum(-1)
    return np.where(count >= 2, result, math.nan)


def comparison(summary: pd.DataFrame, settings: Sequence[str]) -> pd.DataFrame:
    """A summary's rows as a table to read: a row per setting (what varies alone), each measure with its interval."""
    names = varying_settings(summary, settings) or list(settings)[:1]
    wide = summary.assign(text=[_with_interval(row) for row in summary.itertuples()])
    keyed = wide.assign(**{name: wide[name].astype(object).where(wide[name].notna(), "–") for name in names})
    table = keyed.pivot_table(index=names, columns="measure", values="text", aggfunc="first", sort=False)
    return table[list(dict.fromkeys(summary["measure"]))].rename_axis(columns=None).reset_index()


def _with_interval(row: Any) -> str:
    if not row.n:
        return "–"
    mean = f"{row.mean:.3g}"
    return mean if math.isnan(row.ci_low) else f"{mean} ({row.ci_low:.3g} to {row.ci_high:.3g})"


def share_interval(successes: int, n: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share, which is wide for 0 of few and 100 % of few, where a bootstrap has no width."""
    if n == 0:
        return math.nan, math.nan
    from scipy.stats import binomtest

    found = binomtest(successes, n).proportion_ci(confidence_level=CONFIDENCE, method="wilson")
    return float(found.low), float(found.high)


def summary_table(runs: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """A row per setting and measure: ``n mean median standard_error ci_low ci_high`` over seeds.

    runs  a row per run: ``run``, the settings ``names``, ``seed``, then its measures
    """
    measures = [name for name in runs.columns if name not in ("run", "seed", *names)]
    rows = []
    number, _ = group_by_settings(runs, names)
    for _, block in runs.groupby(number):
        settings = block.iloc[0][list(names)].to_dict()
        rows += [{**settings, "measure": name, **over_seeds(block[name])} for name in measures]
    columns = [*names, "measure", "n", "mean", "median", "standard_error", "ci_low", "ci_high"]
    return pd.DataFrame(rows, columns=columns)
