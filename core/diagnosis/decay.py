"""Gradients that change geometrically from place to place, over layers or time steps: numbers in, a verdict out."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from core.diagnosis.finding import Severity
from core.diagnosis.rules import ERROR_RATIO, WARN_RATIO


class GeometricChange(NamedTuple):
    """A change that the spread over runs does not explain.

    factor           per place towards the first, geometric mean over runs
    ci_low, ci_high  its interval over runs
    runs             how many stand behind it
    severity         ``error`` where the whole way costs more than a thousandfold for sure
    """

    factor: float
    ci_low: float
    ci_high: float
    runs: int
    severity: Severity

    @property
    def vanishes(self) -> bool:
        """Whether gradients shrink towards the first place; they grow otherwise."""
        return self.factor < 1.0


def geometric_change(
    factors: np.ndarray, places: int, positions: np.ndarray, sizes: np.ndarray
) -> GeometricChange | None:
    """The change over ``places`` places, or None where nothing is sure that deserves a warning.

    factors           one per run; what is not finite and positive is left out
    positions, sizes  the places and gradients of the runs, whose scatter about the line serves where there is one run
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(np.asarray(factors, dtype=float))
    logs = logs[np.isfinite(logs)]
    if not len(logs) or places < 2:
        return None
    mean = float(logs.mean())
    margin = (
        _t(len(logs)) * float(logs.std(ddof=1)) / math.sqrt(len(logs))
        if len(logs) > 1
        else _fit_margin(positions, sizes, mean)
    )
    with np.errstate(over="ignore"):
        middle, low, high = np.exp([mean, mean - margin, mean + margin]).tolist()
    return sure_change(middle, low, high, len(logs), places)


def sure_change(factor: float, ci_low: float, ci_high: float, runs: int, places: int) -> GeometricChange | None:
    """The change by ``factor`` a place, or None where its interval leaves nothing sure that deserves a warning."""
    if not (ci_low > 0 and math.isfinite(ci_high)):
        return None
    low, high = math.log(ci_low), math.log(ci_high)
    nearest = min(abs(low), abs(high)) if low * high > 0 else 0.0
    ratio = math.exp(-nearest * (places - 1))  # the change over the whole way that the data are sure of
    if ratio >= WARN_RATIO:
        return None
    severity: Severity = "error" if ratio < ERROR_RATIO else "warning"
    return GeometricChange(factor, ci_low, ci_high, runs, severity)


def _fit_margin(positions: np.ndarray, sizes: np.ndarray, slope: float) -> float:
    """The 95 % margin of one run's fit, where no second seed shows the spread."""
    usable = (sizes > 0) & np.isfinite(sizes)
    x, y = positions[usable].astype(float), np.log(sizes[usable].astype(float))
    if len(x) < 3:
        return math.inf
    residuals = (y - y.mean()) + slope * (x - x.mean())
    return _t(len(x) - 1) * math.sqrt(float((residuals**2).sum()) / (len(x) - 2) / float(((x - x.mean()) ** 2).sum()))


def _t(n: int) -> float:
    """Standard errors to either side of a mean of n values that hold it 19 times of 20."""
    from scipy.special import stdtrit

    return float(stdtrit(n - 1, 0.975))
