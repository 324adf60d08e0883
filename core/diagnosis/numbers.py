"""Numbers and series as the rules read them: ends of a curve, its noise, three digits for text."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

SHORT = 12  # values of a course whose first and last are told as they are


def digits(value: float) -> str:
    """A number in three significant digits for text."""
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    return f"{value:,.0f}" if 999.5 <= abs(value) < 99_999.5 else f"{value:.3g}"


def percent(share: float) -> str:
    """A share for text; never 0 % or 100 % of what is not none or all."""
    if 0 < share < 0.005:
        return "under 1 %"
    return f"{math.floor(share * 100) if 0.99 < share < 1 else round(share * 100)} %"


def ends(values: np.ndarray, share: float = 0.1) -> tuple[float, float]:
    """Median of the first and of the last tenth (three values at least), of what is finite."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return math.nan, math.nan
    size = max(1, min(len(finite) // 2, max(3, round(share * len(finite)))))
    return float(np.median(finite[:size])), float(np.median(finite[-size:]))


def first_and_last(values: np.ndarray) -> tuple[float, float]:
    """What sentences and titles tell of a course: the median of its first and of its last twentieth, of what is finite.

    That is three to fifty values, which no single outlier decides; of a dozen values or fewer the first and the last.
    """
    finite = values[np.isfinite(values)]
    if not len(finite):
        return math.nan, math.nan
    size = 1 if len(finite) <= SHORT else max(3, min(len(finite) // 20, 50))
    return float(np.median(finite[:size])), float(np.median(finite[-size:]))


def noise(values: np.ndarray) -> float:
    """The standard deviation from step to step, by the median of the differences: a trend adds nothing to it."""
    finite = values[np.isfinite(values)]
    if len(finite) < 3:
        return math.nan
    return float(np.median(np.abs(np.diff(finite))) / 0.954)  # a difference of two normals has √2 · 0.6745


def rank_correlation(values: Iterable[float]) -> float:
    """Spearman's correlation of a series with its order; NaN below three values."""
    series = np.asarray(list(values), dtype=float)
    series = series[np.isfinite(series)]
    if len(series) < 3 or np.ptp(series) == 0:
        return math.nan
    ranks = np.argsort(np.argsort(series)).astype(float)
    return float(np.corrcoef(ranks, np.arange(len(series)))[0, 1])
