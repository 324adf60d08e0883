"""Which learning rate a range test suggests: the rules in use elsewhere, each read from one curve.

A curve is (rates, smoothed losses), both (n,), rates rising. Each rule says which points it skips; where too few are
left it gives NaN.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable

import numpy as np

Array = np.ndarray
Rule = Callable[[Array, Array, int], float]  # rates, losses, the steps that were asked for


def valley(rates: Array, losses: Array, steps: int) -> float:
    """Two thirds into the longest valley: fastai's default.

    The valley is the longest falling subsequence; the suggestion stands at the middle of its second third, counted in
    points before its end. Skips a tenth of the steps that were asked for, as ``lr_find`` does, and the last 5 points.
    Source: fastai.callback.schedule.valley; Novikov's ESRI rule.
    """
    rates, losses = _trimmed(rates, losses, steps // 10, 5)
    if len(losses) < 3:
        return math.nan
    length = _falling_lengths(losses)
    end = int(length.argmax())
    start = end - int(length[end])
    third = (end - start) / 3
    return float(rates[max(0, start + int(third) + int(third / 2))])


def _falling_lengths(losses: Array) -> Array:
    """Length of the longest falling subsequence that ends at each point, (n,), in O(n log n).

    Source: Fredman 1975, Discrete Mathematics 11: of all subsequences of a length, only the highest end matters.
    """
    ends: list[float] = []  # for each length, minus the highest loss that such a subsequence ends with; rising
    lengths = []
    for loss in losses.tolist():
        place = bisect_left(ends, -loss)
        ends[place : place + 1] = [-loss]
        lengths.append(place + 1)
    return np.array(lengths)


def steepest(rates: Array, losses: Array, steps: int) -> float:
    """Where the loss falls fastest per factor of the rate, that is, over log rate.

    Skips the first 10 points and the last 5. Source: torch-lr-finder, LRFinder.plot(suggest_lr=True).
    """
    rates, losses = _trimmed(rates, losses, 10, 5)
    return math.nan if len(losses) < 3 else float(rates[np.gradient(losses).argmin()])  # equal steps of log rate


def steepest_linear(rates: Array, losses: Array, steps: int) -> float:
    """Where the loss falls fastest per unit of the rate: far lower, since small rates stand close together.

    Skips the first 10 points and the last. Source: Lightning 2.5.3 and later, tuner.lr_finder.
    """
    rates, losses = _trimmed(rates, losses, 10, 1)
    return math.nan if len(losses) < 3 else float(rates[np.gradient(losses, rates).argmin()])


def minimum_tenth(rates: Array, losses: Array, steps: int) -> float:
    """A tenth of the rate at which the loss is least: that one is on the edge already.

    Skips the first tenth of the curve and its last 5 points. Source: fastai.callback.schedule.minimum.
    """
    rates, losses = _trimmed(rates, losses, len(rates) // 10, 5)
    return float(rates[losses.argmin()] / 10.0) if len(losses) else math.nan


RULES: dict[str, Rule] = {
    "valley": valley,
    "steepest": steepest,
    "steepest_linear": steepest_linear,
    "minimum_tenth": minimum_tenth,
}


def _trimmed(rates: Array, losses: Array, first: int, last: int) -> tuple[Array, Array]:
    """The curve without its ``first`` and ``last`` points, and without what is not finite."""
    middle = slice(first, len(rates) - last)
    finite = np.isfinite(losses[middle])
    return rates[middle][finite], losses[middle][finite]
