"""How fast gradients change from layer to layer, and what of it is due to weights and what to φ'."""

from __future__ import annotations

import math

import altair as alt
import numpy as np
import pandas as pd

from core.analysis.points import varying_settings
from core.experiments.vanishing.settings import Vanishing
from core.frames import label_of
from core.plotting.axes import log10
from core.plotting.figure import Figure, empty, figure
from core.plotting.series import count_text, drawn_series
from core.plotting.style import BLUE, ORANGE, THEORY, TICKS, diverging
from core.words import three_digits

PHI = "φ'"
TITLE_SETTINGS = 3  # a title names each of so many


def decay_axes(decays: pd.DataFrame) -> tuple[str, str] | None:
    """The two settings that a heatmap spans, the one with more values across; None where fewer than two vary.

    A third setting that varies is written beside the second, as a row of its own.
    """
    names = varying_settings(decays, Vanishing.names())
    if len(names) < 2:
        return None
    names = sorted(names, key=lambda name: -decays[name].nunique())
    return names[0], names[1]


def decay_chart(decays: pd.DataFrame) -> Figure:
    """The decay factor: a heatmap where two or more settings vary, else a point per setting with its interval."""
    decays = decays[np.isfinite(decays["decay"].astype(float)) & (decays["decay"] > 0)]
    if not len(decays):
        return empty("The decay factor needs a finished run and two hidden layers with a gradient.")
    decays = decays.assign(log_decay=log10(decays["decay"]), text=decays["decay"].map(three_digits))
    axes = decay_axes(decays)
    return _decay_points(decays) if axes is None else _decay_heatmap(decays, *axes)


def _decay_tooltip() -> list[alt.Tooltip]:
    numbers = [alt.Tooltip(f"{name}:Q", format=".3g") for name in ("decay", "ci_low", "ci_high", "theory")]
    return [alt.Tooltip("label:N", title="setting"), *numbers, alt.Tooltip("n:Q", title="seeds")]


def _decay_points(decays: pd.DataFrame) -> Figure:
    labels, left_out = drawn_series(decays)
    data = decays[decays["label"].isin(labels)]
    x = alt.X(
        "decay:Q",
        title="decay factor (× per layer)",
        axis=alt.Axis(tickCount=TICKS),
        scale=alt.Scale(zero=True),
    )
    y = alt.Y("label:N", title=None, sort=labels, axis=alt.Axis(labelLimit=200))
    tooltip = _decay_tooltip()
    base = alt.Chart(data).encode(y=y)
    layers = [
        alt.Chart(pd.DataFrame({"one": [1.0]})).mark_rule(color=THEORY, opacity=0.5).encode(x=alt.X("one:Q")),
        base.mark_rule(strokeWidth=3).encode(x=alt.X("ci_low:Q"), x2=alt.X2("ci_high:Q")),
        base.mark_point(filled=True, size=90, opacity=1).encode(x=x, tooltip=tooltip),
    ]
    expected = data[data["theory"].notna()]
    if len(expected):
        ticks = alt.Chart(expected).mark_tick(color=THEORY, thickness=3, size=24)
        layers.append(ticks.encode(x=alt.X("theory:Q"), y=y, tooltip=tooltip))
    if len(data) == 1:
        row = data.iloc[0]
        verb = "gains" if row["decay"] > 1 else "costs"
        title = f"One layer towards the input {verb} a factor {three_digits(row['decay'])}"
    else:
        worst = data.loc[(np.log(data["decay"])).abs().idxmax()]
        title = f"{worst['label']} is furthest from 1: {three_digits(worst['decay'])}× a layer"
    subtitle = (
        f"Point: fit to the root mean square over seeds, n = {count_text(data['n'])}. Bar: 95 % interval (jackknife)."
    )
    subtitle += " Grey tick: theory." if len(expected) else ""
    return figure(layers, title, f"{subtitle} {left_out}".strip(), max(120, 44 * len(data)))


def _decay_heatmap(decays: pd.DataFrame, across: str, down: str) -> Figure:
    names = [name for name in varying_settings(decays, Vanishing.names()) if name != across]
    rows = [down, *(name for name in names if name != down)]
    data = decays.assign(
        across=decays[across].map(_value_text),
        down=[" · ".join(_value_text(row[name]) for name in rows) for _, row in decays.iterrows()],
        ink=np.where(decays["log_decay"] < -0.35, "white", "black"),
    )
    x_order = [_value_text(value) for value in _sorted_values(decays[across])]
    y_order = list(dict.fromkeys(data.sort_values(rows, key=_sort_column)["down"]))
    x = alt.X("across:N", title=label_of(across), sort=x_order, axis=alt.Axis(labelAngle=-35, labelLimit=160))
    y = alt.Y("down:N", title=" · ".join(label_of(name) for name in rows), sort=y_order, axis=alt.Axis(labelLimit=220))
    tooltip = _decay_tooltip()
    ramp = alt.Color(
        "log_decay:Q",
        scale=diverging(),
        legend=alt.Legend(
            title="× per layer",
            orient="bottom",
            gradientLength=240,
            values=[math.log10(value) for value in (0.2, 0.5, 1, 2, 5)],
            labelExpr="format(pow(10, datum.value), '.1~f') + '×'",
        ),
    )
    base = alt.Chart(data).encode(x=x, y=y, tooltip=tooltip)
    layers = [base.mark_rect(stroke="white", strokeWidth=1).encode(color=ramp)]
    if len(data) <= 150:
        for ink, cells in data.groupby("ink"):  # Streamlit can't draw a colour without a scale
            text = alt.Chart(cells).mark_text(fontSize=11, color=str(ink))
            layers.append(text.encode(x=x, y=y, text=alt.Text("text:N"), tooltip=tooltip))
    best, worst = (data.loc[index] for index in (data["log_decay"].abs().idxmin(), data["log_decay"].abs().idxmax()))
    title = (
        f"Gradients hold best with {best['label']} ({best['text']}× a layer), "
        f"worst with {worst['label']} ({worst['text']}×)"
    )
    subtitle = f"Decay factor per layer towards the input, fitted to the root mean square over seeds, n = {count_text(data['n'])}."
    return figure(layers, title, subtitle, max(120, 34 * len(y_order)))


def _value_text(value: object) -> str:
    return f"{value:g}" if isinstance(value, (int, float, np.number)) else str(value)


def _sorted_values(column: pd.Series) -> list:
    values = list(dict.fromkeys(column))
    return sorted(values) if pd.api.types.is_numeric_dtype(column) else values


def _sort_column(column: pd.Series) -> pd.Series:
    order = {value: position for position, value in enumerate(_sorted_values(column))}
    return column.map(order)


def split_table(decays: pd.DataFrame) -> pd.DataFrame:
    """Two rows per setting, ``factor`` weights or φ' with its ``log_size`` per layer, from ``pooled_decay``."""
    known = decays[np.isfinite(decays["weights"]) & np.isfinite(decays["slopes"]) & (decays["slopes"] > 0)]
    parts = [
        known[["label", "decay", "n"]].assign(factor=name, size=known[column], log_size=log10(known[column]))
        for name, column in (("weights", "weights"), (PHI, "slopes"))
    ]
    return pd.concat(parts, ignore_index=True)


def split_chart(decays: pd.DataFrame) -> Figure:
    """How much of each layer's shrinkage the weights cause, and how much φ'."""
    data = split_table(decays)
    if not len(data):
        return empty(
            "The split into weights and φ' needs a finished run of three hidden layers or more, without norm and residual form."
        )
    labels, left_out = drawn_series(data)
    data = data[data["label"].isin(labels)]
    sizes = data["log_size"].to_numpy(float)
    reach = max(0.3, float(np.nanmax(np.abs(sizes))), float(np.nanmax(np.abs(np.log10(data["decay"])))))
    axis = alt.Axis(
        title="factor per layer (× on the gradient)", labelExpr="format(pow(10, datum.value), '.2~r') + '×'"
    )
    x = alt.X("log_size:Q", axis=axis, scale=alt.Scale(domain=[-reach * 1.1, max(0.15, float(np.nanmax(sizes)) * 1.1)]))
    y = alt.Y("label:N", title=None, sort=labels, axis=alt.Axis(labelLimit=200))
    color = alt.Color(
        "factor:N",
        scale=alt.Scale(domain=["weights", PHI], range=[BLUE, ORANGE]),
        legend=alt.Legend(title=None, orient="bottom"),
    )
    bars = alt.Chart(data).mark_bar(height=14).encode(
        x=x, y=y, yOffset=alt.YOffset("factor:N", sort=["weights", PHI]), color=color,
        tooltip=[alt.Tooltip("label:N"), alt.Tooltip("factor:N"), alt.Tooltip("size:Q", title="× per layer", format=".3g")],
    )  # fmt: skip
    title = split_title(data.pivot(index="label", columns="factor", values="log_size").loc[labels])
    subtitle = "Bars left of 1× shrink the gradient, right of it they make it grow; together they are what the backward signal δ keeps. ∂L/∂W, the factor above, is δ times the activations, which change too."
    return figure(bars, title, f"{subtitle} {left_out}".strip(), max(120, 52 * len(labels)))


def split_title(sizes: pd.DataFrame) -> str:
    """What shrinks the gradient; ``sizes`` has a row per setting and the mean log10 factors ``weights`` and ``φ'``."""
    causes = {label: _cause(row["weights"], row[PHI]) for label, row in sizes.iterrows()}
    if len(causes) == 1:
        ((name, share),) = causes.values()
        if not name:
            return "Neither weights nor φ' shrink the gradient"
        return f"{'The weights' if name == 'weights' else name} {_does(name)} {share:.0%} of the shrinking"
    if len(causes) <= TITLE_SETTINGS:
        parts = [
            f"{label}: {_the(name)} {_does(name)} {share:.0%}" if name else f"{label}: neither"
            for label, (name, share) in causes.items()
        ]
        return f"What shrinks the gradient, {'; '.join(parts)}"
    counts = {cause: sum(name == cause for name, _ in causes.values()) for cause in ("weights", PHI, "")}
    return (
        f"φ' does most of the shrinking in {counts[PHI]} of {len(causes)} settings, the weights in {counts['weights']}"
        + (f"; in {counts['']} nothing shrinks" if counts[""] else "")
    )


def _cause(weights: float, slopes: float) -> tuple[str, float]:
    """What does most of a setting's shrinking, and its share of it; no name where nothing shrinks."""
    shrinking = {"weights": max(0.0, -weights), PHI: max(0.0, -slopes)}
    total = sum(shrinking.values())
    if total < 0.02:
        return "", 0.0
    name = max(shrinking, key=lambda name: shrinking[name])
    return name, shrinking[name] / total


def _the(name: str) -> str:
    return "the weights" if name == "weights" else name


def _does(name: str) -> str:
    return "do" if name == "weights" else "does"
