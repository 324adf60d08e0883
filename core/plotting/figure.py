"""A chart with its finding as title, and the place of one that has nothing to draw."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import altair as alt
import pandas as pd

from core.plotting.style import HEIGHT, THEORY


@dataclass(frozen=True)
class Figure:
    """A chart and its words.

    title  the finding, computed from the frame; empty where there is nothing to draw
    note   what lines and bands are, n, and what is left out
    chart  the drawing, without its title
    wide   it takes a page's whole width
    """

    title: str
    note: str
    chart: alt.Chart
    wide: bool = False

    @cached_property
    def specification(self) -> dict[str, Any]:
        """The drawing as Vega-Lite, made once: what a page hands to the browser at every rerun."""
        with alt.theme.enable("none"):
            return self.chart.to_dict(validate=False)  # our own shapes; Altair would check them at every rerun

    def titled(self) -> alt.Chart:
        """The chart with its words as title and subtitle, wrapped, to be looked at alone."""
        words = alt.TitleParams(
            textwrap.wrap(self.title, 80) or [""],
            subtitle=textwrap.wrap(self.note, 100) or [""],
            anchor="start",
            fontSize=15,
            subtitleFontSize=12,
            offset=12,
        )
        return self.chart.properties(title=words)


def figure(
    chart: alt.Chart | alt.LayerChart | alt.FacetChart, title: str, note: str = "", height: int = HEIGHT
) -> Figure:
    """The chart with its finding as title, and what lines and bands are as note."""
    return Figure(title, note, chart.properties(height=height, width="container"))  # type: ignore[arg-type]


def empty(reason: str) -> Figure:
    """A chart's place, holding a sentence that says why there is nothing to draw."""
    data = pd.DataFrame({"reason": [reason]})
    text = alt.Chart(data).mark_text(fontSize=14, color=THEORY, lineBreak="\n").encode(text="reason:N")
    return figure(text, "", height=120)


def across_page(figures: dict[str, Figure], *names: str) -> dict[str, Figure]:
    """The figures, those called ``names`` over a page's whole width."""
    return {name: replace(drawing, wide=name in names) for name, drawing in figures.items()}
