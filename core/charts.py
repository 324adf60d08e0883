"""The house style of charts, and the shapes that experiments share. A chart is a pure function of a tidy frame.

Values that span many decades are drawn as their log10 on a linear axis whose labels are powers: a zero on a true log
axis would destroy the chart.
"""

from __future__ import annotations

import math
import sys
import types
from collections.abc import Sequence

import altair as alt
import numpy as np
import pandas as pd

from core.frames import COLUMNS
from core.words import SUPERSCRIPTS

# Okabe & Ito 2008, then Tol's muted set; both are safe for colour-blind readers. Red is kept for findings.
PALETTE = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#CC79A7",
    "#56B4E9",
    "#D55E00",
    "#332288",
    "#44AA99",
    "#999933",
    "#AA4499",
    "#882255",
    "#DDCC77",
)
THEORY = "#888888"
DASH = [6, 4]
alt.data_transformers.disable_max_rows()  # our charts aggregate first; altair would refuse above 5,000 rows
HEIGHT = 320
TICKS = 5  # asked of a linear axis: Vega then draws eight at most


def log10(values: pd.Series) -> pd.Series:
    """log10 of what is positive and finite, NaN elsewhere."""
    numbers = values.to_numpy(dtype=float, na_value=math.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        result = np.log10(numbers)
    return pd.Series(np.where(np.isfinite(result), result, math.nan), index=values.index)


def power_axis(title: str, values: Sequence[float] | np.ndarray, **named: object) -> tuple[alt.Axis, alt.Scale]:
    """Axis and scale for log10 values: at most eight labels, written as powers of ten; ``named`` goes to the axis."""
    finite = np.asarray(values, dtype=float)
    finite = finite[np.isfinite(finite)]
    low, high = (math.floor(finite.min()), math.ceil(finite.max())) if len(finite) else (-1, 0)
    high = max(high, low + 1)
    stride = max(1, math.ceil((high - low) / 7))
    ticks = list(range(low - low % stride, high + stride, stride))
    ticks = [tick for tick in ticks if low <= tick <= high] or [low, high]
    names = ", ".join(f'"{tick}": "10{str(tick).translate(SUPERSCRIPTS)}"' for tick in ticks)
    axis = alt.Axis(title=title, values=ticks, labelExpr=f"({{{names}}})[datum.value]", **named)  # type: ignore[arg-type]
    return axis, alt.Scale(domain=[low, high], nice=False, zero=False)


def titled(
    chart: alt.Chart | alt.LayerChart | alt.FacetChart, title: str, subtitle: str = "", height: int = HEIGHT
) -> alt.Chart:
    """The chart with its finding as title, and what lines and bands are as subtitle."""
    wrapped = _wrap(subtitle)
    text = alt.TitleParams(
        _wrap(title, 80), subtitle=wrapped, anchor="start", fontSize=15, subtitleFontSize=12, offset=12
    )
    return chart.properties(title=text, height=height, width="container")  # type: ignore[return-value]


def _wrap(text: str, width: int = 100) -> list[str]:
    import textwrap

    return textwrap.wrap(text, width) or [""]


def empty(reason: str) -> alt.Chart:
    """A chart's place, holding a sentence that says why there is nothing to draw."""
    data = pd.DataFrame({"reason": [reason]})
    text = alt.Chart(data).mark_text(fontSize=14, color=THEORY, lineBreak="\n").encode(text="reason:N")
    return titled(text, "", "", height=120)


def colours(names: Sequence[str], order: Sequence[str] = ()) -> alt.Scale:
    """A colour per name: its place in ``order`` where it stands there, so that a part keeps its colour everywhere."""
    taken = [list(order).index(name) if name in order else position for position, name in enumerate(names)]
    if len({index % len(PALETTE) for index in taken}) < len(taken):
        taken = list(range(len(names)))
    return alt.Scale(domain=list(names), range=[PALETTE[index % len(PALETTE)] for index in taken])


def setting_labels(names: Sequence[str]) -> str:
    """What the settings ``names`` are called, as the title of a legend."""
    return ", ".join(COLUMNS[name].label for name in names)


def legend(title: str, labels: Sequence[str] = ()) -> alt.Legend:
    """A legend below its chart, so that a narrow screen loses no width; long labels stand below one another.

    Two columns from three labels on: a phone, 390 px wide, shows them whole.
    """
    longest = max((len(label) for label in labels), default=0)
    return alt.Legend(
        title=title or None,
        orient="bottom",
        columns=2 if longest <= 16 else 1,
        labelLimit=300,
        symbolType="stroke",
        symbolStrokeWidth=3,
        symbolOpacity=1,
    )


def diverging() -> alt.Scale:
    """Colours for the log10 of a ratio per layer: blue shrinks, orange grows, pale in the middle, at 1."""
    return alt.Scale(domain=[-0.7, 0, 0.7], range=["#0072B2", "#F4F1EA", "#C26A00"], clamp=True)


class _Room(types.ModuleType):
    """This module, callable: ``core.charts`` is a room of the house and, by contract, a function of its front door.

    Python binds a submodule's name in its package on import, so that no function there could keep that name.
    """

    def __call__(self, name: str, frame: pd.DataFrame) -> dict[str, alt.Chart]:
        """The charts of a frame of the experiment ``name``, by their names."""
        from core.experiments import experiment

        return experiment(name).charts(frame)


sys.modules[__name__].__class__ = _Room
