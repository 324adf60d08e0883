"""The charts of ``vanishing``: each a pure function of the frame, its title the finding.

What a chart aggregates is a function of its own, here or in ``core.profiles``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import altair as alt
import numpy as np
import pandas as pd

from core.analysis.layers import layer_profile, pooled_decay
from core.analysis.points import varying_settings
from core.experiments.vanishing import Vanishing
from core.experiments.vanishing_words import gradient_title, split_title
from core.parts.activations import ACTIVATIONS
from core.parts.inits import INITS
from core.parts.norms import NORMS
from core.parts.residuals import RESIDUALS
from core.plotting.axes import log10, power_axis
from core.plotting.figure import Figure, empty, figure
from core.plotting.style import DASH, HEIGHT, THEORY, TICKS, colours, diverging, legend, setting_labels
from core.registry import Registry
from core.theory.mean_field import BATCHNORM_RELU_GROWTH
from core.words import three_digits

SERIES = 8  # more lines than this can't be told apart
LAYER = "layer, counted from the input"
_PARTS: dict[str, Registry] = {"activation": ACTIVATIONS, "init": INITS, "norm": NORMS, "residual": RESIDUALS}


def charts(frame: pd.DataFrame) -> dict[str, Figure]:
    """Every chart that the frame has something for, by name."""
    decays = _decays(frame)
    found = {"gradient": gradient_chart(frame, decays), "decay": decay_chart(decays), "split": split_chart(decays)}
    found |= {"saturated": share_chart(frame, "saturated"), "dead": share_chart(frame, "dead")}
    if len(frame) and frame["steps"].max() > 0:
        found["steps"] = steps_chart(frame)
    return found


def _decays(frame: pd.DataFrame) -> pd.DataFrame:
    """``pooled_decay`` at the first step; empty, with its columns, for an empty frame."""
    return pooled_decay(frame[frame["step"] == 0], Vanishing.names())


def drawn_series(table: pd.DataFrame) -> tuple[list[str], str]:
    """The labels that a line chart shows, spread evenly over all of them, and a sentence on what is left out."""
    labels = list(dict.fromkeys(table["label"]))
    if len(labels) <= SERIES:
        return labels, ""
    chosen = [labels[index] for index in np.linspace(0, len(labels) - 1, SERIES).round().astype(int)]
    return chosen, f"{SERIES} of {len(labels)} settings are drawn; filter to see the others."


def _scale(frame: pd.DataFrame, labels: Sequence[str]) -> alt.Scale:
    """A colour per series; where one kind of part varies, the part's own colour."""
    names = varying_settings(frame, Vanishing.names())
    order = [entry.name for entry in _PARTS[names[0]]] if len(names) == 1 and names[0] in _PARTS else []
    return colours(labels, order)


def _series_title(frame: pd.DataFrame) -> str:
    return setting_labels(varying_settings(frame, Vanishing.names()))


def _seeds(table: pd.DataFrame) -> str:
    """``n = 20``, or the range of n; empty where nothing was measured."""
    counts = table.loc[table["n"] > 0, "n"]
    if not len(counts):
        return ""
    low, high = int(counts.min()), int(counts.max())
    return f"n = {low}" if low == high else f"n = {low} to {high}"


def theory_lines(profile: pd.DataFrame) -> pd.DataFrame:
    """The profile with ``theory`` per layer: mean-field where it applies, BatchNorm's growth for BatchNorm-ReLU.

    The growth is known, not its level: the line starts at the measured gradient of the last hidden layer.
    """
    theory = profile["theory_grad_rms"].copy()
    grows = (profile["norm"] == "batch") & (profile["activation"] == "relu") & (profile["residual"] == "none")
    for _, block in profile[grows & (profile["layer"] <= profile["depth"])].groupby(["label", "step"]):
        last = block.loc[block["layer"] == block["depth"], "grad_rms"]
        if len(last):
            theory[block.index] = last.iloc[0] * BATCHNORM_RELU_GROWTH ** (block["depth"] - block["layer"])
    return profile.assign(theory=theory)


def gradient_chart(frame: pd.DataFrame, decays: pd.DataFrame) -> Figure:
    """Gradient per layer, a line per setting, with a band over seeds and theory dashed; ``decays`` for the title."""
    start = frame[frame["step"] == 0]
    if start.empty:
        return empty("No run has finished yet.")
    profile = theory_lines(layer_profile(start, Vanishing.names()))
    labels, left_out = drawn_series(profile)
    data = profile[profile["label"].isin(labels)].copy()
    for name in ("grad_rms", "grad_low", "grad_high", "theory"):
        data[f"log_{name}"] = log10(data[name])
    logs = data[["log_grad_rms", "log_grad_low", "log_grad_high", "log_theory"]].to_numpy(float)
    if not np.isfinite(logs).any():
        return empty(_nothing_to_draw(data))
    lost = int((data["n"] > 0).sum() - np.isfinite(data["log_grad_rms"]).sum())
    axis, scale = power_axis("gradient of the layer's weights (RMS of ∂L/∂W)", logs)
    x = alt.X("layer:Q", title=LAYER, axis=alt.Axis(tickMinStep=1, format="d"), scale=alt.Scale(nice=False))
    y = alt.Y("log_grad_rms:Q", axis=axis, scale=scale)
    color = alt.Color("label:N", scale=_scale(start, labels), legend=legend(_series_title(start), labels))
    tooltip = [
        alt.Tooltip("label:N", title="setting"),
        alt.Tooltip("layer:Q"),
        alt.Tooltip("grad_rms:Q", title="RMS over seeds", format=".3g"),
        alt.Tooltip("grad_low:Q", title="10th percentile", format=".3g"),
        alt.Tooltip("grad_high:Q", title="90th percentile", format=".3g"),
        alt.Tooltip("theory:Q", title="theory", format=".3g"),
        alt.Tooltip("n:Q", title="seeds"),
        alt.Tooltip("underflow:Q", title="share underflowing", format=".0%"),
    ]
    columns = ["label", "layer", "grad_rms", "grad_low", "grad_high", "theory", "n", "underflow"]
    columns += [f"log_{name}" for name in ("grad_rms", "grad_low", "grad_high", "theory")]
    measured, expected = data[data["log_grad_rms"].notna()][columns], data[data["log_theory"].notna()][columns]
    layers = []
    if len(measured):
        base = alt.Chart(measured).encode(x=x, color=color)
        low = alt.Y("log_grad_low:Q", axis=axis, scale=scale)
        layers += [
            base.mark_area(opacity=0.18).encode(y=low, y2="log_grad_high:Q"),
            base.mark_line().encode(y=y),
            base.mark_point(filled=True, size=36, opacity=1).encode(y=y, tooltip=tooltip),
        ]
    if len(expected):
        line = alt.Y("log_theory:Q", axis=axis, scale=scale)
        base = alt.Chart(expected).encode(x=x, y=line)
        layers.append(base.mark_line(color=THEORY, strokeDash=DASH).encode(detail="label:N"))
        if not len(measured) and len(labels) > 1:
            names = alt.Chart(expected[expected["layer"] == 1]).encode(x=x, y=line, text="label:N")
            layers.append(names.mark_text(color=THEORY, align="left", dx=6, dy=-8, fontSize=12))
    notes = [
        f"Line: root mean square over seeds, {_seeds(data)}; the factor in the title is fitted to it.",
        "Band: 10th to 90th percentile of the seeds.",
    ]
    notes = notes if _seeds(data) else ["Measured points are on their way."]
    if np.isfinite(data["log_theory"]).any():
        notes.append("Dashed grey: theory.")
    if (measured["underflow"] > 0).any():
        crossed = alt.Chart(measured[measured["underflow"] > 0]).encode(x=x, y=y, tooltip=tooltip)
        layers.append(crossed.mark_point(shape="cross", size=60, filled=True, color=THEORY, opacity=1, angle=45))
        notes.append("Crossed: PyTorch alone would give zeros here (underflow).")
    if lost:
        notes.append(f"{lost} layers with a zero or non-finite gradient are left out.")
    title = gradient_title(decays)
    return figure(alt.layer(*layers), title, " ".join([*notes, left_out]).strip(), HEIGHT + 40)


def _nothing_to_draw(data: pd.DataFrame) -> str:
    if (data["n"] > 0).any():
        return "No layer has a gradient that can be drawn: all are zero or not finite."
    return "Theory says nothing of this network; measured points come with the first finished runs."


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
        alt.Chart(pd.DataFrame({"one": [1.0]})).mark_rule(color=THEORY, opacity=0.5).encode(x="one:Q"),
        base.mark_rule(strokeWidth=3).encode(x="ci_low:Q", x2="ci_high:Q"),
        base.mark_point(filled=True, size=90, opacity=1).encode(x=x, tooltip=tooltip),
    ]
    expected = data[data["theory"].notna()]
    if len(expected):
        ticks = alt.Chart(expected).mark_tick(color=THEORY, thickness=3, size=24)
        layers.append(ticks.encode(x="theory:Q", y=y, tooltip=tooltip))
    if len(data) == 1:
        row = data.iloc[0]
        verb = "gains" if row["decay"] > 1 else "costs"
        title = f"One layer towards the input {verb} a factor {three_digits(row['decay'])}"
    else:
        worst = data.loc[(np.log(data["decay"])).abs().idxmax()]
        title = f"{worst['label']} is furthest from 1: {three_digits(worst['decay'])}× a layer"
    subtitle = f"Point: fit to the root mean square over seeds, {_seeds(data)}. Bar: 95 % bootstrap interval."
    subtitle += " Grey tick: theory." if len(expected) else ""
    return figure(alt.layer(*layers), title, f"{subtitle} {left_out}".strip(), max(120, 44 * len(data)))


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
    x = alt.X("across:N", title=across.replace("_", " "), sort=x_order, axis=alt.Axis(labelAngle=-35, labelLimit=160))
    y = alt.Y("down:N", title=" · ".join(rows).replace("_", " "), sort=y_order, axis=alt.Axis(labelLimit=220))
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
            layers.append(text.encode(x=x, y=y, text="text:N", tooltip=tooltip))
    best, worst = (data.loc[index] for index in (data["log_decay"].abs().idxmin(), data["log_decay"].abs().idxmax()))
    title = (
        f"Gradients hold best with {best['label']} ({best['text']}× a layer), "
        f"worst with {worst['label']} ({worst['text']}×)"
    )
    subtitle = f"Decay factor per layer towards the input, fitted to the root mean square over seeds, {_seeds(data)}."
    return figure(alt.layer(*layers), title, subtitle, max(120, 34 * len(y_order)))


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
        for name, column in (("weights", "weights"), ("φ'", "slopes"))
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
        scale=alt.Scale(domain=["weights", "φ'"], range=["#0072B2", "#E69F00"]),
        legend=alt.Legend(title=None, orient="bottom"),
    )
    bars = alt.Chart(data).mark_bar(height=14).encode(
        x=x, y=y, yOffset=alt.YOffset("factor:N", sort=["weights", "φ'"]), color=color,
        tooltip=["label:N", "factor:N", alt.Tooltip("size:Q", title="× per layer", format=".3g")],
    )  # fmt: skip
    weights, slopes = (data[data["factor"] == name]["log_size"].mean() for name in ("weights", "φ'"))
    title = split_title(weights, slopes)
    subtitle = "Bars left of 1× shrink the gradient, right of it they make it grow; together they are what the backward signal δ keeps."
    return figure(bars, title, f"{subtitle} {left_out}".strip(), max(120, 52 * len(labels)))


def share_chart(frame: pd.DataFrame, name: str) -> Figure:
    """The share of saturated outputs, or of dead units, layer by layer, mean over seeds."""
    start = frame[(frame["step"] == 0) & (frame["layer"] <= frame["depth"])]
    profile = layer_profile(start, Vanishing.names()) if len(start) else pd.DataFrame(columns=[name, "n"])
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
    chart = (
        alt.Chart(data[["label", "layer", name, "n"]])
        .mark_line(point=True)
        .encode(
            x=alt.X("layer:Q", title=LAYER, axis=alt.Axis(tickMinStep=1, format="d"), scale=alt.Scale(nice=False)),
            y=alt.Y(f"{name}:Q", title=f"share {name}", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format="%")),
            color=alt.Color("label:N", scale=_scale(start, labels), legend=legend(_series_title(start), labels)),
            tooltip=["label:N", "layer:Q", alt.Tooltip(f"{name}:Q", format=".1%"), alt.Tooltip("n:Q", title="seeds")],
        )
    )
    title = "No unit output is saturated" if name == "saturated" else "No unit is dead"
    if 0 < worst[name] < 0.0095:  # what would be written as 0 %
        title = title.replace("No ", "Hardly any ")
    elif worst[name] > 0:
        title = f"Up to {worst[name]:.0%} of a layer's {meaning[0]} ({worst['label']}, layer {int(worst['layer'])})"
    return figure(chart, title, f"Mean over seeds, {_seeds(data)}. {meaning[1]} {left_out}".strip(), 220)


def steps_chart(frame: pd.DataFrame) -> Figure:
    """Gradient × layer × training step, one setting: the first that trains."""
    trained = frame[frame["steps"] > 0]
    if trained.empty:
        return empty("Nothing was trained: set steps above 0.")
    profile = layer_profile(trained, Vanishing.names())
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
            y=alt.Y("layer:O", title=LAYER, sort="descending", axis=alt.Axis(labelOverlap=True)),
            color=ramp,
            tooltip=[
                "step:Q",
                "layer:Q",
                alt.Tooltip("grad_rms:Q", format=".3g"),
                alt.Tooltip("train_loss:Q", format=".3g"),
                "n:Q",
            ],
        )
    )
    first = data[data["layer"] == 1].sort_values("step")["grad_rms"]
    change = first.iloc[-1] / first.iloc[0] if len(first) > 1 and first.iloc[0] > 0 else math.nan
    named = f"{labels[0]}: " if len(labels) > 1 else ""
    title = f"{named}training changes layer 1's gradient {three_digits(change)}-fold"
    notes = [f"Colour: root mean square over seeds, {_seeds(data)}."]
    if len(labels) > 1:
        notes.append(f"1 of {len(labels)} settings is drawn; filter to see the others.")
    if stride > 1:
        notes.append(f"Every {stride}th step is drawn.")
    return figure(
        chart, title[0].upper() + title[1:], " ".join(notes), max(160, min(420, 26 * data["layer"].nunique()))
    )
