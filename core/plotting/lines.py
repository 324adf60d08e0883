"""Lines over a shared axis, each with its band: how every course is drawn, and what a reader can do with it.

A click on a line's name isolates it, dragging moves along the axis, Shift and the wheel zoom, a double click resets; one
tooltip tells all lines where the pointer stands.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import altair as alt
import numpy as np
import pandas as pd

from core.plotting.axes import log10, power_axis
from core.plotting.line_ends import NAME, at_edge, at_ends
from core.plotting.shapes import spans_decades
from core.plotting.style import DASH, THEORY, legend
from core.words import three_digits

FAINT, FAINT_NAME = 0.06, 0.5  # of a line beside the one that is isolated, of its name


class Course(NamedTuple):
    """The drawn layers, and the axis that what is added to them shares."""

    layers: list[alt.Chart]
    y: dict[str, Any]
    logarithmic: bool


def courses(
    data: pd.DataFrame,
    x: alt.X,
    heading: str,
    colours: alt.Scale,
    middle: str = "median",
    band: tuple[str, str] | None = ("low", "high"),
    logarithmic: bool | None = None,
    beside: Sequence[float] = (),
    bars: Mapping[str, float] = MappingProxyType({}),
    scale: alt.Scale | None = None,
    points: bool = False,
    percent: bool = False,
    dashed: bool = False,
) -> Course:
    """A line per ``label`` of ``data``, with its band and one tooltip for all.

    x            the shared axis; its column may be drawn in another scale than it is told in (``<name>`` beside ``drawn_<name>``)
    middle       the column of the line; ``band`` are those of its ends, None for no band
    logarithmic  None: where the line's values span decades, and are no shares
    beside       values that the axis must hold as well
    bars         levels to compare with, by name: a dashed line each, named at the right edge
    scale        of a linear axis
    percent      the values are shares
    dashed       the lines are a theory's
    """
    names = [middle, *(band or ())]
    logarithmic = not percent and spans_decades(data[middle]) if logarithmic is None else logarithmic
    drawn = data.assign(**{f"drawn_{name}": log10(data[name]) if logarithmic else data[name] for name in names})
    drawn = drawn[np.isfinite(drawn[f"drawn_{middle}"].to_numpy(float))]
    y: dict[str, Any] = {"title": heading, "scale": scale or alt.Scale(zero=False)}
    if percent:
        y["axis"] = alt.Axis(format="%")
    if logarithmic:
        values = [
            *drawn[[f"drawn_{name}" for name in names]].to_numpy(float).ravel(),
            *log10(pd.Series([*beside, *bars.values()], dtype=float)),
        ]
        y["axis"], y["scale"] = power_axis(heading, values)
    if drawn.empty:
        return Course([], y, logarithmic)
    labels = list(dict.fromkeys(drawn["label"]))
    levels = pd.Series(bars, dtype=float)
    levels = (log10(levels) if logarithmic else levels).dropna()
    reach = np.append(drawn[[f"drawn_{name}" for name in names]].to_numpy(float), levels)
    domain = y["scale"].to_dict(validate=False).get("domain")
    span = tuple(domain) if isinstance(domain, list) else (float(np.nanmin(reach)), float(np.nanmax(reach)))
    place = str(x.to_dict(validate=False)["field"])  # type: ignore[call-overload]
    ends = at_ends(drawn, place, f"drawn_{middle}", colours, span, bars=levels.to_dict())
    named = ends or (at_edge(levels.to_dict(), span) if len(levels) else [])
    clicked = {"on": f"@{NAME}_marks:click"} if ends else {"bind": "legend"}
    isolated = alt.selection_point(name="isolated", fields=["label"], **clicked)  # type: ignore[arg-type]
    shown = alt.OpacityValue(**alt.condition(isolated, alt.value(1.0), alt.value(FAINT)))
    key = None if ends or len(labels) < 2 else legend("", labels)
    base = alt.Chart(drawn).encode(x=x, color=alt.Color("label:N", scale=colours, sort=labels, legend=key))
    layers: list[alt.Chart] = []
    if band is not None:
        faded = alt.OpacityValue(**alt.condition(isolated, alt.value(0.16), alt.value(0.0)))
        layers.append(
            base.mark_area().encode(
                y=alt.Y(f"drawn_{band[0]}:Q", **y),
                y2=alt.Y2(f"drawn_{band[1]}:Q"),
                opacity=faded,
                tooltip=alt.TooltipValue(None),
            )
        )
    line = base.encode(y=alt.Y(f"drawn_{middle}:Q", **y), opacity=shown)
    lines = line.mark_line(tooltip=None, strokeDash=list(DASH) if dashed else alt.Undefined).properties(
        name="lines"
    )  # else Altair names it by its rows
    layers.append(lines.add_params(isolated))
    if points:
        layers.append(line.mark_point(filled=True, size=32, tooltip=None))
    layers.append(crosshair(drawn, x, names, percent))
    legible = alt.OpacityValue(**alt.condition(isolated, alt.value(1.0), alt.value(FAINT_NAME)))
    layers += [end.encode(opacity=legible) for end in ends[:1]] + named[len(ends[:1]) :]
    layers += [_level_lines(bars, levels, y)] if len(levels) else []
    return Course(layers, y, logarithmic)


def _level_lines(bars: Mapping[str, float], levels: pd.Series, y: dict[str, Any]) -> alt.Chart:
    """A dashed line at each of ``levels``, as they are drawn."""
    table = pd.DataFrame({"other": levels.index, "gets": [bars[name] for name in levels.index], "drawn_level": levels})
    base = alt.Chart(table).encode(y=alt.Y("drawn_level:Q", **y))
    base = base.encode(tooltip=[alt.Tooltip("other:N"), alt.Tooltip("gets:Q", format=".4g")])
    return base.mark_rule(strokeDash=list(DASH), color=THEORY, strokeWidth=1.5)


def crosshair(drawn: pd.DataFrame, x: alt.X, names: Sequence[str], percent: bool = False) -> alt.Chart:
    """A rule at the pointer's place, with what every line is there: its middle, and its band in brackets."""
    encoding: dict[str, Any] = x.to_dict(validate=False)  # type: ignore[assignment]
    place = str(encoding["field"])
    told = place.removeprefix("drawn_")
    drawn = drawn[drawn[place].notna()]
    texts = [_told(row, percent) for row in drawn[list(names)].to_numpy(float)]
    labels = list(dict.fromkeys(drawn["label"]))
    series = {label: f"series_{number}" for number, label in enumerate(labels)}
    rows: dict[float, dict[str, Any]] = {}
    for at, value, label, text in zip(drawn[place], drawn[told], drawn["label"], texts, strict=True):
        row = rows.setdefault(at, {place: at, **dict.fromkeys(sorted(series.values()), "–")})
        row["place"] = _place_text(value)
        if row[series[label]] == "–":
            row[series[label]] = text
    wide = pd.DataFrame([rows[at] for at in sorted(rows)])
    pointed = alt.selection_point(
        name="pointed", nearest=True, on="pointerover", clear="pointerout", fields=[place], empty=False
    )
    zoomed = alt.selection_interval(name="zoomed", bind="scales", encodings=["x"], zoom="wheel![event.shiftKey]")
    tooltip = [alt.Tooltip("place:N", title=encoding.get("title") or encoding["axis"]["title"])]
    tooltip += [alt.Tooltip(f"series_{number}:N", title=label) for number, label in enumerate(labels)]
    return (
        alt.Chart(wide, name="pointer")
        .mark_rule(color=THEORY)
        .encode(
            x=x, opacity=alt.OpacityValue(**alt.condition(pointed, alt.value(0.7), alt.value(0.0))), tooltip=tooltip
        )
        .add_params(pointed, zoomed)
    )


def _place_text(value: float) -> str:
    """A place on an axis: a whole number in full, else three digits."""
    return f"{int(value):,}" if float(value).is_integer() and abs(value) < 1e9 else three_digits(float(value))


def _told(values: np.ndarray, percent: bool) -> str:
    """``0.111 (0.105 to 0.119)``; the band only where there is one."""
    words = [f"{value:.1%}" if percent else three_digits(float(value)) for value in values]
    if len(words) < 3 or not np.isfinite(values[1:]).all() or words[1] == words[2]:
        return words[0]
    return f"{words[0]} ({words[1]} to {words[2]})"
