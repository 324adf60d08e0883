"""Several arms' losses on one chart."""

from __future__ import annotations

import altair as alt
import pandas as pd

from core.frames import COLUMNS
from core.plotting.figure import Figure, figure
from core.plotting.lines import courses
from core.plotting.series import count_text, drawn_series
from core.plotting.style import HEIGHT, colours

ROW = 20  # pixels more for each line, since their names may stand above the drawing


def overlay(table: pd.DataFrame, place: str, measure: str, title: str) -> Figure | None:
    """A line per label of ``label place n median low high``, in the order of the table; None where nothing is finite."""
    labels, left_out = drawn_series(table)
    shown = table[table["label"].isin(labels)]
    several = bool(len(shown)) and shown["n"].max() > 1
    drawn = courses(
        shown,
        alt.X("place:Q", title=COLUMNS[place].label, axis=alt.Axis(tickMinStep=1)),
        COLUMNS[measure].title,
        colours(labels),
        band=("low", "high") if several else None,
    )
    if not drawn.layers:
        return None
    note = "One seed." if not several else "Line: median over seeds; band: 10th to 90th percentile"
    note += f" (n = {count_text(shown['n'])})." if several else ""
    return figure(drawn.layers, title, f"{note} {left_out}".strip(), HEIGHT + ROW * len(labels))
