"""A chart with its finding as title, and the place of one that has nothing to draw."""

from __future__ import annotations

import altair as alt
import pandas as pd

from core.plotting.style import HEIGHT, THEORY


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
