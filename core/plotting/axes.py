"""Axes. Values that span many decades are drawn as their log10 on a linear axis whose labels are powers: a zero on a true
log axis would destroy the chart.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import altair as alt
import numpy as np
import pandas as pd

from core.words import SUPERSCRIPTS

FEW_DECADES = 2.0
STEPS = tuple(math.log10(step) for step in (1, 2, 5))  # labelled in a decade
ROUNDING = 1e-9


def log10(values: pd.Series) -> pd.Series:
    """log10 of what is positive and finite, NaN elsewhere."""
    numbers = values.to_numpy(dtype=float, na_value=math.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        result = np.log10(numbers)
    return pd.Series(np.where(np.isfinite(result), result, math.nan), index=values.index)


def _plain(power: float) -> str:
    """10 to a power of which the first digit is 1, 2 or 5: ``0.05``, ``5 · 10⁻⁵``."""
    first, decade = f"{10.0**power:.0e}".split("e")
    if -3 <= int(decade) < 5:
        return f"{float(first) * 10.0 ** int(decade):g}"
    return f"{first} · 10{str(int(decade)).translate(SUPERSCRIPTS)}"


def power_axis(
    title: str | Sequence[str], values: Sequence[float] | np.ndarray, **named: object
) -> tuple[alt.Axis, alt.Scale]:
    """Axis and scale for log10 values: at most eight labels, written as powers of ten; ``named`` goes to the axis.

    What spans less than two decades is labelled at 1, 2 and 5 of each, as plain numbers.
    """
    finite = np.asarray(values, dtype=float)
    finite = finite[np.isfinite(finite)]
    if len(finite) and finite.max() - finite.min() < FEW_DECADES:
        steps = [
            step + decade for decade in range(math.floor(finite.min()), math.ceil(finite.max()) + 1) for step in STEPS
        ]
        low = max(step for step in steps if step <= finite.min() + ROUNDING)
        high = min(step for step in steps if step >= finite.max() - ROUNDING and step > low)
        names = ", ".join(f'"{round(1000 * step)}": "{_plain(step)}"' for step in steps if low <= step <= high)
        axis = alt.Axis(
            title=title,
            values=[step for step in steps if low <= step <= high],
            labelExpr=f"({{{names}}})[round(1000 * datum.value)]",
            **named,  # type: ignore[arg-type]
        )
        return axis, alt.Scale(domain=[low, high], nice=False, zero=False)
    low, high = (math.floor(finite.min()), math.ceil(finite.max())) if len(finite) else (-1, 0)
    high = max(high, low + 1)
    stride = max(1, math.ceil((high - low) / 7))
    ticks = list(range(low - low % stride, high + stride, stride))
    ticks = [tick for tick in ticks if low <= tick <= high] or [low, high]
    names = ", ".join(f'"{tick}": "10{str(tick).translate(SUPERSCRIPTS)}"' for tick in ticks)
    axis = alt.Axis(title=title, values=ticks, labelExpr=f"({{{names}}})[datum.value]", **named)  # type: ignore[arg-type]
    return axis, alt.Scale(domain=[low, high], nice=False, zero=False)
