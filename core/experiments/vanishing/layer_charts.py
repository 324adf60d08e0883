"""Units that are saturated or dead layer by layer, and the gradient of every layer while the network trains."""

from __future__ import annotations

import math
from dataclasses import replace

import altair as alt
import pandas as pd

from core.analysis.layers import layer_profile
from core.analysis.points import Points
from core.experiments.vanishing.settings import Vanishing
from core.plotting.axes import log10, power_axis
from core.plotting.figure import Figure, empty, figure
from core.plotting.lines import courses
from core.plotting.series import count_text, drawn_series, series_scale
from core.words import three_digits

FLAT = 0.0095  # a share that would be written as 0 %
LAYER_TITLE = "layer, counted from the input"


def share_chart(frame: pd.DataFrame, points: Points, name: str) -> Figure:
    """The share of saturated outputs, or of dead units, layer by layer, mean over seeds."""
    start = frame[(frame["step"] == 0) & (frame["layer"] <= frame["depth"])]
    profile = layer_profile(start, points) if len(start) else pd.DataFrame(columns=[name, "n"])
    profile = profile[profile[name].notna()]
    if not len(profile):
        return empty(f"No run has measured its {name} units yet.")
    labels, left_out = drawn_series(profile)
    data = profile[profile["label"].isin(labels)]
    worst = data.loc[data[name].idxmax()]
    meaning = {
        "saturated": (
            "unit outputs that are saturated",
            "Saturated: |φ'| below 5 % of its maximum. Half of a healthy ReLU layer is.",
        ),
        "dead": (
            "units that are dead",
            "Dead: φ' is 0 on every row of the batch. At batch 1, half of a healthy ReLU layer is.",
        ),
    }[name]
    drawn = courses(
        data,
        alt.X("layer:Q", title=LAYER_TITLE, axis=alt.Axis(tickMinStep=1, format="d"), scale=alt.Scale(nice=False)),
        f"share {name}",
        series_scale(points[1], Vanishing.names(), labels),
        middle=name,
        band=None,
        logarithmic=False,
        scale=alt.Scale(domain=[0, 1]),
        points=True,
        percent=True,
    )
    title = "No unit output is saturated" if name == "saturated" else "No unit is dead"
    if 0 < worst[name] < FLAT:
        title = title.replace("No ", "Hardly any ")
    elif worst[name] > 0:
        title = f"Up to {worst[name]:.0%} of a layer's {meaning[0]} ({worst['label']}, layer {int(worst['layer'])})"
    note = f"Mean over seeds, n = {count_text(data['n'])}. {meaning[1]} {left_out}".strip()
    return replace(figure(drawn.layers, title, note, 220), flat=bool(worst[name] < FLAT))


def steps_chart(frame: pd.DataFrame, points: Points) -> Figure:
    """Gradient × layer × training step, one setting: the first that trains."""
    trained = frame[frame["steps"] > 0]
    if trained.empty:
        return empty("Nothing was trained: set steps above 0.")
    profile = layer_profile(trained, points)
    labels = list(dict.fromkeys(profile["label"]))
    data = profile[profile["label"] == labels[0]].assign(log_grad=lambda table: log10(table["grad_rms"]))
    data = data[data["log_grad"].notna()]
    if not len(data):
        return empty("No layer has a gradient that can be drawn: all are zero or not finite.")
    stride = max(1, math.ceil(data["step"].nunique() * data["layer"].nunique() / 10_000))
    data = data[data["step"] % stride == 0]
    axis, scale = power_axis("", data["log_grad"])
    ramp = alt.Color(
        "log_grad:Q",
        scale=alt.Scale(scheme="viridis", domain=scale.domain),
        legend=alt.Legend(
            title="RMS of ∂L/∂W", orient="bottom", gradientLength=240, values=axis.values, labelExpr=axis.labelExpr
        ),
    )
    chart = (
        alt.Chart(data[["step", "layer", "grad_rms", "log_grad", "train_loss", "n"]])
        .mark_rect()
        .encode(
            x=alt.X("step:O", title="training step (updates made)", axis=alt.Axis(labelOverlap=True, labelAngle=0)),
            y=alt.Y("layer:O", title=LAYER_TITLE, sort="descending", axis=alt.Axis(labelOverlap=True)),
            color=ramp,
            tooltip=[
                alt.Tooltip("step:Q"),
                alt.Tooltip("layer:Q"),
                alt.Tooltip("grad_rms:Q", format=".3g"),
                alt.Tooltip("train_loss:Q", format=".3g"),
                alt.Tooltip("n:Q"),
            ],
        )
    )
    first = data[data["layer"] == 1].sort_values("step")["grad_rms"]
    change = first.iloc[-1] / first.iloc[0] if len(first) > 1 and first.iloc[0] > 0 else math.nan
    named = f"{labels[0]}: " if len(labels) > 1 else ""
    title = f"{named}training changes layer 1's gradient {three_digits(change)}-fold"
    notes = [f"Colour: root mean square over seeds, n = {count_text(data['n'])}."]
    if len(labels) > 1:
        notes.append(f"1 of {len(labels)} settings is drawn; filter to see the others.")
    if stride > 1:
        notes.append(f"Every {stride}th step is drawn.")
    return figure(
        chart, title[0].upper() + title[1:], " ".join(notes), max(160, min(420, 26 * data["layer"].nunique()))
    )
