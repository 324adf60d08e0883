"""What repeated seeds say: means with Student's t intervals, shares with Wilson's, fits with the jackknife's."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd

from core.analysis.points import group_by_settings, varying_settings
from core.words import three_digits

CONFIDENCE = 0.95
LEFT_OUT = 200  # seeds, or groups of them, that a jackknife leaves out in turn
ROUNDING = 1e-14  # of a value
SHARES = ("diverged", "failed", "solved")  # measures that are 0 or 1: Wilson's interval of their share
Statistic = Callable[[np.ndarray], np.ndarray]  # indices (k, m) of the seeds that take part -> (k,)


def t_quantile(n: int, confidence: float = CONFIDENCE) -> float:
    """How many standard errors of n values their two-sided interval reaches to either side; Student 1908."""
    from scipy.special import stdtrit  # scipy.stats takes a second to import

    return float(stdtrit(n - 1, 0.5 + confidence / 2.0))


def deviation(values: np.ndarray) -> float:
    """The standard deviation of a sample of two or more; 0 where they differ by rounding alone, as theory over seeds."""
    same = np.ptp(values) <= ROUNDING * abs(float(values[0]))
    return 0.0 if same else float(values.std(ddof=1))


def mean_interval(values: np.ndarray, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Student's t interval of the mean of finite values; NaN for fewer than two."""
    n = len(values)
    if n < 2:
        return math.nan, math.nan
    mean, margin = float(values.mean()), t_quantile(n, confidence) * deviation(values) / math.sqrt(n)
    return mean - margin, mean + margin


def jackknife_interval(n: int, statistic: Statistic) -> tuple[float, float]:
    """The 95 % interval of a positive statistic of n seeds: jackknife with Student's t, on its logarithm; NaN for few seeds.

    statistic  indices (k, m) of the seeds that take part -> (k,), all positive

    Each seed is left out once; of more than ``LEFT_OUT`` seeds so many groups of equal size, one after the other, so
    that time and memory grow with n and not with its square.

    Source: Efron 1982, The Jackknife, the Bootstrap and Other Resampling Plans, chapter 3.
    """
    if n < 2:
        return math.nan, math.nan
    groups = min(n, LEFT_OUT)
    members = np.arange(n) % groups
    with np.errstate(divide="ignore", invalid="ignore"):
        whole = float(np.log(statistic(np.arange(n)[None])[0]))
        if groups == n:
            each = np.log(statistic(np.array([np.delete(np.arange(n), seed) for seed in range(n)])))
        else:
            each = np.log([statistic(np.flatnonzero(members != group)[None])[0] for group in range(groups)])
    if not (math.isfinite(whole) and np.isfinite(each).all()):
        return math.nan, math.nan
    error = math.sqrt((groups - 1) / groups * float(((each - each.mean()) ** 2).sum()))
    margin = t_quantile(groups) * error
    return math.exp(whole - margin), math.exp(whole + margin)


def over_seeds(values: Sequence[float] | np.ndarray) -> dict[str, float]:
    """n, mean, median, standard error and interval of a measure's finite values."""
    finite = np.asarray(values, dtype=float)
    finite = finite[np.isfinite(finite)]
    n = len(finite)
    if n == 0:
        empty = dict.fromkeys(("mean", "median", "standard_error", "ci_low", "ci_high"), math.nan)
        return {"n": 0, **empty}
    low, high = mean_interval(finite)
    return {
        "n": n,
        "mean": float(finite.mean()),
        "median": float(np.median(finite)),
        "standard_error": deviation(finite) / math.sqrt(n) if n > 1 else math.nan,
        "ci_low": low,
        "ci_high": high,
    }


def measure_over_seeds(name: str, values: pd.Series) -> dict[str, float]:
    """``over_seeds`` of the measure ``name``; shares of runs get Wilson's interval."""
    result = over_seeds(values)
    if name in SHARES and result["n"] > 1:
        result["ci_low"], result["ci_high"] = share_interval(round(result["mean"] * result["n"]), int(result["n"]))
    return result


def drawn_over_seeds(name: str, values: pd.Series) -> dict[str, float]:
    """``over_seeds`` with its interval cut at what a training's measure can be: a share 0 to 1, its loss 0 at least."""
    ends = over_seeds(values)
    if name.endswith(("accuracy", "_loss")):
        highest = 1.0 if name.endswith("accuracy") else math.inf
        ends |= {end: float(np.clip(ends[end], 0.0, highest)) for end in ("ci_low", "ci_high")}
    return ends


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


def readable(table: pd.DataFrame, settings: Sequence[str]) -> str:
    """A summary for a terminal: aligned, three significant digits, and a line on the settings that are left out."""
    names = [name for name in settings if name in table]
    varying_names = varying_settings(table, names)
    left_out = [name for name in names if name not in varying_names]
    columns = [name for name in table.columns if name not in left_out and name != "run"]
    cells = table[columns].map(lambda value: three_digits(value) if isinstance(value, float) else str(value))
    note = f"{len(left_out)} settings that do not vary are left out: {', '.join(left_out)}." if left_out else ""
    return "\n".join(part for part in (cells.to_string(index=False), note) if part)


def _with_interval(row: Any) -> str:
    if not row.n:
        return "–"
    mean = f"{row.mean:.3g}"
    low, high = f"{row.ci_low:.3g}", f"{row.ci_high:.3g}"
    return mean if math.isnan(row.ci_low) or low == high else f"{mean} ({low} to {high})"


def share_interval(successes: int, n: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Wilson's interval of a share (1927), which is wide for 0 of few and 100 % of few, where a bootstrap has no width."""
    if n == 0:
        return math.nan, math.nan
    z = NormalDist().inv_cdf(0.5 + confidence / 2.0)
    middle = (successes + z**2 / 2.0) / (n + z**2)
    margin = z / (n + z**2) * math.sqrt(successes * (n - successes) / n + z**2 / 4.0)
    return 0.0 if successes == 0 else middle - margin, 1.0 if successes == n else middle + margin


def summary_table(runs: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """A row per setting and measure: ``n mean median standard_error ci_low ci_high`` over seeds.

    runs  a row per run: ``run``, the settings ``names``, ``seed``, then its measures
    """
    measures = [name for name in runs.columns if name not in ("run", "seed", *names)]
    rows = []
    number, _ = group_by_settings(runs, names)
    for _, block in runs.groupby(number):
        settings = block.iloc[0][list(names)].to_dict()
        rows += [{**settings, "measure": name, **measure_over_seeds(name, block[name])} for name in measures]
    columns = [*names, "measure", "n", "mean", "median", "standard_error", "ci_low", "ci_high"]
    return pd.DataFrame(rows, columns=columns)
