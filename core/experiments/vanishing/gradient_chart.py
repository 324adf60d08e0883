"""Gradient per layer: a line per setting, a band over seeds, theory dashed."""

from __future__ import annotations

import math

import altair as alt
import numpy as np
import pandas as pd

from core.analysis.layers import layer_profile
from core.analysis.points import Points
from core.experiments.vanishing.settings import Vanishing
from core.plotting.axes import log10
from core.plotting.figure import Figure, empty, figure
from core.plotting.line_ends import at_ends
from core.plotting.lines import courses
from core.plotting.series import count_text, drawn_series, series_scale
from core.plotting.style import DASH, HEIGHT, THEORY
from core.theory.mean_field import BATCHNORM_RELU_GROWTH
from core.words import factor_words, three_digits

LAYER_TITLE = "layer, counted from the input"


def theory_lines(profile: pd.DataFrame) -> pd.DataFrame:
    """The profile with ``theory`` per layer: mean-field where it applies, BatchNorm's growth for BatchNorm-ReLU.

    The growth is known, not its level: the line starts at the measured gradient of the last hidden layer.
    """
    theory = profile["theory_grad_rms"].copy()
    grows = (profile["norm"] == "batch") & (profile["activation"] == "relu") & (profile["residual"] == "none")
    growing = profile[grows & (profile["layer"] <= profile["depth"])]
    for _, block in growing.groupby(["label", "step"]) if len(growing) else ():
        last = block.loc[block["layer"] == block["depth"], "grad_rms"]
        if len(last):
            theory[block.index] = last.iloc[0] * BATCHNORM_RELU_GROWTH ** (block["depth"] - block["layer"])
    return profile.assign(theory=theory)


def gradient_chart(frame: pd.DataFrame, points: Points, decays: pd.DataFrame) -> Figure:
    """Gradient per layer, a line per setting, with a band over seeds and theory dashed; ``decays`` for the title."""
    start = frame[frame["step"] == 0]
    if start.empty:
        return empty("No run has finished yet.")
    profile = theory_lines(layer_profile(start, points))
    labels, left_out = drawn_series(profile)
    data = profile[profile["label"].isin(labels)].copy()
    for name in ("grad_rms", "theory"):
        data[f"log_{name}"] = log10(data[name])
    if not np.isfinite(data[["log_grad_rms", "log_theory"]].to_numpy(float)).any():
        return empty(_nothing_to_draw(data))
    lost = int((data["n"] > 0).sum() - np.isfinite(data["log_grad_rms"]).sum())
    x = alt.X("layer:Q", title=LAYER_TITLE, axis=alt.Axis(tickMinStep=1, format="d"), scale=alt.Scale(nice=False))
    drawn = courses(
        data,
        x,
        "gradient of the layer's weights (RMS of ∂L/∂W)",
        series_scale(points[1], Vanishing.names(), labels),
        middle="grad_rms",
        band=("grad_low", "grad_high"),
        logarithmic=True,
        beside=data["theory"].to_numpy(float),
        points=True,
    )
    layers, measured = list(drawn.layers), data[data["log_grad_rms"].notna()]
    expected = data[data["log_theory"].notna()]
    if len(expected):
        base = alt.Chart(expected).encode(x=x, y=alt.Y("log_theory:Q", **drawn.y))
        layers.insert(0, base.mark_line(color=THEORY, strokeDash=DASH).encode(detail=alt.Detail("label:N")))
        if not len(measured) and len(labels) > 1:
            low, high = drawn.y["scale"].domain
            layers += at_ends(expected, "layer", "log_theory", alt.Scale(domain=[], range=[]), (low, high))
    notes = [
        f"Line: root mean square over seeds, n = {count_text(data['n'])}; the factor in the title is fitted to it.",
        "Band: 10th to 90th percentile of the seeds.",
    ]
    notes = notes if count_text(data["n"]) else ["Measured points are on their way."]
    if np.isfinite(data["log_theory"]).any():
        notes.append("Dashed grey: theory.")
    if (measured["underflow"] > 0).any():
        crossed = alt.Chart(measured[measured["underflow"] > 0]).encode(x=x, y=alt.Y("log_grad_rms:Q", **drawn.y))
        layers.append(crossed.mark_point(shape="cross", size=60, filled=True, color=THEORY, opacity=1, angle=45))
        notes.append("Crossed: PyTorch alone would give zeros here (underflow).")
    if lost:
        notes.append(f"{lost} layers with a zero or non-finite gradient are left out.")
    title = gradient_title(decays)
    return figure(layers, title, " ".join([*notes, left_out]).strip(), HEIGHT + 40)


def _nothing_to_draw(data: pd.DataFrame) -> str:
    if (data["n"] > 0).any():
        return "No layer has a gradient that can be drawn: all are zero or not finite."
    return "Theory says nothing of this network; measured points come with the first finished runs."


def gradient_title(decays: pd.DataFrame) -> str:
    """The finding of a gradient chart, from ``pooled_decay``."""
    measured = decays[np.isfinite(decays["decay"])].sort_values("decay")
    if not len(measured):
        expected = decays[np.isfinite(decays["theory"])].sort_values("theory")
        if not len(expected):
            return "The gradient of each layer's weights"
        low, high = expected.iloc[0], expected.iloc[-1]
        span = f"{three_digits(low['theory'])}×"
        if len(expected) > 1:
            span = f"{span} ({low['label']}) to {three_digits(high['theory'])}× ({high['label']})"
        return f"Theory expects {span} a layer towards the input"
    lowest, highest = measured.iloc[0], measured.iloc[-1]
    if len(measured) == 1:
        beside = f" (theory {three_digits(lowest['theory'])}×)" if math.isfinite(lowest["theory"]) else ""
        return f"Gradients {factor_words(lowest['decay'], 'layer')} towards the input{beside}"
    return (
        f"Towards the input, a layer multiplies gradients by {three_digits(lowest['decay'])} ({lowest['label']}) "
        f"to {three_digits(highest['decay'])} ({highest['label']})"
    )
