"""Lines by formulas: what is known of a sweep before anything has been trained."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import altair as alt
import numpy as np
import pandas as pd

from core.analysis.points import group_by_settings, telling_settings
from core.plotting.figure import Figure, figure
from core.plotting.lines import courses
from core.plotting.series import SERIES, drawn_series, series_scale
from core.settings import Settings
from core.words import counted

PLACES = 600  # of a line that are drawn


class Line(NamedTuple):
    """What a formula gives for one setting: the places on the x axis and the values there, (n,) each."""

    place: np.ndarray
    value: np.ndarray


def formula_chart(
    points: Iterable[Settings],
    names: Sequence[str],
    has_formula: Callable[[Settings], bool],
    line: Callable[[Settings], Line],
    x: alt.X,
    heading: str,
    title: Callable[[pd.DataFrame], str],
    note: str,
    logarithmic: bool = False,
    dashed: bool = False,
) -> Figure | None:
    """A line for each of a sweep's points that differs in ``names``; None where there is a formula for none.

    names        the settings that the formula reads, the one that tells most first
    has_formula  whether ``line`` can be asked, told at once
    x            of the column ``place``, or of ``drawn_place``, its logarithm
    title        from the drawn lines, ``label place value``
    dashed       a theory's, which holds of wide networks or on average, not a rule's, which holds to the digit
    """
    by_values = {tuple(point.values()[name] for name in names): point for point in points}
    frame = pd.DataFrame(list(by_values), columns=list(names))
    labels = list(group_by_settings(frame, telling_settings(frame, names))[1]["label"])
    if len(labels) == 1:
        labels = [str(frame[names[0]].iloc[0])]
    by_label = {label: point for label, point in zip(labels, by_values.values(), strict=True) if has_formula(point)}
    if not by_label:
        return None
    shown, _ = drawn_series(pd.DataFrame({"label": list(by_label)}))
    notes = [note]
    if len(by_label) > SERIES:
        notes.append(f"{SERIES} of {len(by_label):,} settings are drawn.")
    data = pd.concat([_rows(label, line(by_label[label])) for label in shown], ignore_index=True)
    data["drawn_place"] = np.log10(data["place"].where(data["place"] > 0))
    zeros = int((data["value"] == 0).sum()) if logarithmic else 0
    if zeros:
        notes.append(f"{counted(zeros, 'value')} of 0 {'has' if zeros == 1 else 'have'} no place on this axis.")
    drawn = courses(
        data,
        x,
        heading,
        series_scale(frame, names, shown),
        middle="value",
        band=None,
        logarithmic=logarithmic,
        scale=alt.Scale(zero=True),
        dashed=dashed,
    )
    return figure(drawn.layers, title(data), " ".join(notes))


def _rows(label: str, line: Line) -> pd.DataFrame:
    """``label place value`` of the places that are drawn, the first and the last among them."""
    kept = np.unique(np.linspace(0, len(line.place) - 1, min(PLACES, len(line.place))).round().astype(int))
    return pd.DataFrame({"label": label, "place": line.place[kept], "value": line.value[kept]})
