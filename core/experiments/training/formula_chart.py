"""Lines by formulas: what is known of a sweep before anything has been trained."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import altair as alt
import numpy as np
import pandas as pd

from core.analysis.points import group_by_settings, telling_settings
from core.plotting.figure import Figure, figure
from core.plotting.lines import courses
from core.plotting.series import drawn_series, series_scale
from core.settings import Settings

PLACES = 600  # of a line that are drawn
POINTS = 200  # of a sweep that are looked at: a chart draws few of them


class Line(NamedTuple):
    """What a formula gives for one setting: the places on the x axis and the values there, (n,) each."""

    place: np.ndarray
    value: np.ndarray


def formula_chart(
    points: Sequence[Settings],
    names: Sequence[str],
    line: Callable[[Settings], Line | None],
    x: alt.X,
    heading: str,
    title: Callable[[pd.DataFrame], str],
    note: str,
    logarithmic: bool | None = None,
    dashed: bool = False,
) -> Figure | None:
    """A line for each of a sweep's points that differs in ``names``; None where there is a formula for none.

    names   the settings that the formula reads
    line    None for a point of which it says nothing
    x       of the column ``place``, or of ``drawn_place``, its logarithm
    title   from the drawn lines, ``label place value``
    dashed  a theory's, which holds of wide networks or on average, not a rule's, which holds to the digit
    """
    own = {tuple(point.values()[name] for name in names): point for point in points}
    frame = pd.DataFrame(list(own), columns=list(names))
    labels = group_by_settings(frame, telling_settings(frame, names))[1]["label"]
    lines = {label: line(point) for label, point in zip(labels[:POINTS], own.values(), strict=False)}
    known = {label: course for label, course in lines.items() if course is not None}
    chosen, left_out = drawn_series(pd.DataFrame({"label": list(known)}))
    tables = [_drawn(label, known[label]) for label in chosen]
    if not tables:
        return None
    data = pd.concat(tables, ignore_index=True)
    data["drawn_place"] = np.log10(data["place"].where(data["place"] > 0))
    drawn = courses(
        data,
        x,
        heading,
        series_scale(frame, names, chosen),
        middle="value",
        band=None,
        logarithmic=logarithmic,
        dashed=dashed,
    )
    return figure(drawn.layers, title(data), " ".join(part for part in (note, left_out) if part))


def _drawn(label: str, course: Line) -> pd.DataFrame:
    """``label place value`` of those places that are drawn, the first and the last among them."""
    kept = np.unique(np.linspace(0, len(course.place) - 1, min(PLACES, len(course.place))).round().astype(int))
    return pd.DataFrame({"label": label, "place": course.place[kept], "value": course.value[kept]})
