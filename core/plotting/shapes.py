"""The few shapes that charts are made of."""

from __future__ import annotations

import textwrap
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from core.plotting.axes import log10, power_axis
from core.plotting.figure import Figure, empty, figure
from core.plotting.style import THEORY

TITLE_WIDTH = 38  # characters of an axis title that a phone shows in one line
LOG_SPAN = 10.0  # a measure that spans more than this factor is drawn on a log axis


def spans_decades(values: pd.Series) -> bool:
    """Whether positive values span so much that only a log axis shows them."""
    positive = values[np.isfinite(values) & (values > 0)]
    return len(positive) == len(values) > 0 and positive.max() > LOG_SPAN * positive.min()


def interval_chart(
    table: pd.DataFrame, value: str, title: str, heading: str, note: str, scale: alt.Scale, zero_line: bool = False
) -> Figure:
    """A dot with its 95 % interval per row of ``table``: columns ``value mean ci_low ci_high n``, in the order given."""
    shown = table[np.isfinite(table["mean"].to_numpy(float))]
    if shown.empty:
        return empty("No run ended with a finite value.")
    ends = ["mean", "ci_low", "ci_high"]
    logarithmic = not zero_line and spans_decades(shown["mean"])
    drawn = shown.assign(**{f"drawn_{name}": log10(shown[name]) if logarithmic else shown[name] for name in ends})
    words = textwrap.wrap(heading, TITLE_WIDTH)
    scaled: dict[str, Any] = {"title": words, "scale": alt.Scale(zero=False)}
    if logarithmic:
        scaled["axis"], scaled["scale"] = power_axis(words, drawn[[f"drawn_{name}" for name in ends]].to_numpy(float))
    order = list(shown[value])
    y = alt.Y(f"{value}:N", sort=order, title=None, axis=alt.Axis(labelLimit=260, labelOverlap=False, labelFlush=False))
    base = alt.Chart(drawn).encode(
        y=y,
        color=alt.Color(f"{value}:N", scale=scale, legend=None),
        tooltip=[
            alt.Tooltip(f"{value}:N", title="setting"),
            alt.Tooltip("mean:Q", title="mean over seeds", format=".4g"),
            alt.Tooltip("ci_low:Q", title="interval from", format=".4g"),
            alt.Tooltip("ci_high:Q", title="to", format=".4g"),
            alt.Tooltip("n:Q", title="seeds"),
        ],
    )
    layers: list[alt.Chart] = [
        base.mark_rule(strokeWidth=3).encode(x=alt.X("drawn_ci_low:Q", **scaled), x2=alt.X2("drawn_ci_high:Q")),
        base.mark_point(filled=True, size=90, opacity=1).encode(x=alt.X("drawn_mean:Q", **scaled)),
    ]
    if zero_line:
        rule = alt.Chart(pd.DataFrame({"zero": [0.0]})).mark_rule(strokeDash=[2, 3], color=THEORY)
        layers.insert(0, rule.encode(x=alt.X("zero:Q")))
    lost = len(table) - len(shown)
    left = f" {lost} setting{'s' if lost > 1 else ''} without a finite value left out." if lost else ""
    return figure(layers, title, note + left, height=max(120, 34 * len(shown)))
