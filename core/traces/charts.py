"""The charts of a trace, all on one time axis: loss, learning rate, gradient norms, layers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple

import altair as alt
import numpy as np
import pandas as pd

from core.diagnosis.numbers import SHORT, first_and_last
from core.diagnosis.trace import Trace
from core.plotting.axes import log10, power_axis
from core.plotting.figure import Figure, figure
from core.plotting.shapes import spans_decades
from core.plotting.style import DASH, PALETTE, THEORY, TICKS, legend
from core.words import counted, three_digits

MOST_POINTS = 1_500  # of a line: more than a screen has pixels
MOST_LINES = 8
MOST_COLUMNS = 80  # steps of a heatmap
MOST_LAYERS = 300
HEALTHY = 1e-3  # of an update to its weight, about
CLOCKS = {"epoch": "epoch", "row": "row of the log"}
HEIGHT = 240
LEGEND = 80  # a legend below takes its room from the chart


class Time(NamedTuple):
    """The time axis that all charts of a trace share, what it counts, and where it ends."""

    axis: alt.X
    clock: str
    end: float


def trace_charts(trace: Trace) -> dict[str, Figure]:
    """Every chart that the trace has something for, by name."""
    steps = pd.DataFrame({name: np.asarray(column) for name, column in trace.steps.items()})
    layers = pd.DataFrame({name: np.asarray(column) for name, column in trace.layers.items()})
    time = _time(trace, steps)
    figures = {
        "loss": _lines(steps, _loss_columns(steps), time, "loss", _loss_title),
        "rate": _lines(steps, _rate_columns(steps), time, "learning rate", _rate_title),
        "norm": _lines(steps, _norm_columns(steps), time, "gradient norm", _norm_title),
    }
    if {"layer", "grad_rms"} <= set(layers):
        figures["layers"] = _layer_map(layers, _layer_order(trace, layers), time)
    if {"layer", "update_ratio"} <= set(layers):
        figures["updates"] = _update_chart(layers, time)
    return {name: chart for name, chart in figures.items() if chart is not None}


def _time(trace: Trace, steps: pd.DataFrame) -> Time:
    """The time axis that all charts of a trace share."""
    title = CLOCKS.get(str(trace.facts.get("clock")), "optimizer step" if trace.facts.get("recorder") else "step")
    values = steps["step"].to_numpy(float) if "step" in steps else np.empty(0)
    values = values[np.isfinite(values)]
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
    high = high if high > low else low + 1
    scale = alt.Scale(domain=[low, high], nice=False, zero=False)
    axis = alt.Axis(tickCount=6, tickMinStep=1 if (values == np.floor(values)).all() else 0)
    return Time(alt.X("step:Q", title=title, scale=scale, axis=axis), title, high)


def _loss_columns(steps: pd.DataFrame) -> dict[str, str]:
    return {name: label for name, label in (("train_loss", "training"), ("val_loss", "validation")) if name in steps}


def _rate_columns(steps: pd.DataFrame) -> dict[str, str]:
    names = [name for name in steps if name == "lr" or (name.startswith("lr_") and name[3:].isdigit())][:MOST_LINES]
    return {name: f"parameter group {place}" if len(names) > 1 else "rate" for place, name in enumerate(names, 1)}


def _norm_columns(steps: pd.DataFrame) -> dict[str, str]:
    pairs = (("grad_norm", "before clipping"), ("clipped_grad_norm", "after clipping"))
    if "clipped_grad_norm" not in steps:
        pairs = (("grad_norm", "gradient norm"), pairs[1])
    return {name: label for name, label in pairs if name in steps}


def _series(steps: pd.DataFrame, columns: Mapping[str, str]) -> pd.DataFrame:
    """``step value label`` of the columns, a label per optimizer where several step; nothing that isn't finite."""
    whose = steps["optimizer"] if "optimizer" in steps else pd.Series(0.0, index=steps.index)
    parts = []
    for name, label in columns.items():
        numbers = pd.to_numeric(steps[name], errors="coerce")
        for optimizer in sorted(whose.dropna().unique()):
            rows = (whose == optimizer) & np.isfinite(numbers)
            series = f"{label}, optimizer {int(optimizer) + 1}" if whose.nunique() > 1 else label
            if rows.any():
                part = pd.DataFrame({"step": steps["step"][rows], "value": numbers[rows], "label": series})
                parts.append(thinned(part.sort_values("step", kind="stable")))
    return pd.concat(parts[:MOST_LINES]) if parts else pd.DataFrame({"step": [], "value": [], "label": []})


def thinned(line: pd.DataFrame) -> pd.DataFrame:
    """A line of many points by the lowest and the highest of each stretch, so that no spike is lost."""
    if len(line) <= MOST_POINTS:
        return line
    line = line.reset_index(drop=True)
    stretch = np.arange(len(line)) * (MOST_POINTS // 2) // len(line)
    values = line["value"].groupby(stretch)
    rows = np.unique(np.concatenate([values.idxmin(), values.idxmax(), [0, len(line) - 1]]))
    return line.loc[rows]


def _lines(
    steps: pd.DataFrame,
    columns: Mapping[str, str],
    time: Time,
    heading: str,
    title: Callable[[pd.DataFrame], str],
) -> Figure | None:
    """A line per column over time; a logarithmic axis where values span decades."""
    data = _series(steps, columns) if columns else pd.DataFrame()
    if data.empty:
        return None
    notes = []
    logarithmic = heading != "learning rate" and spans_decades(data["value"])
    if logarithmic:
        data = data.assign(drawn=log10(data["value"]))
        axis, scale = power_axis(heading, data["drawn"].to_numpy(float))
        y = alt.Y("drawn:Q", axis=axis, scale=scale)
    else:
        data = data.assign(drawn=data["value"])
        y = alt.Y(
            "drawn:Q", title=heading, axis=alt.Axis(tickCount=TICKS), scale=alt.Scale(zero=heading == "learning rate")
        )
    labels = list(dict.fromkeys(data["label"]))
    losses = len(_finite(steps, "train_loss")) if "train_loss" in columns else 0
    if losses > SHORT:
        notes.append("The first and last training loss of the title: each the median of a twentieth, three at least.")
    unusual = sum(int(np.isinf(pd.to_numeric(steps[name], errors="coerce")).sum()) for name in columns)
    if unusual:
        notes.append(
            f"{counted(unusual, 'value')} that {'is' if unusual == 1 else 'are'} not finite "
            f"{'is' if unusual == 1 else 'are'} not drawn."
        )
    if sum(np.isfinite(pd.to_numeric(steps[name], errors="coerce")).sum() for name in columns) > len(data):
        notes.append("Of so many points the lowest and the highest of each stretch are drawn.")
    colour = alt.Color(
        "label:N",
        scale=alt.Scale(domain=labels, range=list(PALETTE[: len(labels)])),
        legend=legend("", labels) if len(labels) > 1 else None,
    )
    base = alt.Chart(data).encode(
        x=time.axis,
        y=y,
        color=colour,
        tooltip=[
            alt.Tooltip("label:N", title="line"),
            alt.Tooltip("step:Q", title=time.clock),
            alt.Tooltip("value:Q", title=heading, format=".4g"),
        ],
    )
    few = data["label"].isin([label for label, rows in data.groupby("label") if len(rows) <= 40])
    layers: list[alt.Chart] = [base.mark_line(strokeWidth=1.6)]
    if few.any():
        points = base.properties(data=data[few])
        layers.append(points.mark_point(filled=True, size=36, opacity=1))
    drawn = figure(layers, title(steps), " ".join(notes), HEIGHT)
    return replace(drawn, flat=heading == "learning rate" and data["value"].nunique() == 1)


def _finite(steps: pd.DataFrame, name: str) -> pd.Series:
    """A column's finite values, by their steps."""
    if name not in steps:
        return pd.Series(dtype=float)
    numbers = pd.Series(pd.to_numeric(steps[name], errors="coerce").to_numpy(float), index=steps["step"].to_numpy())
    return numbers[np.isfinite(numbers)]


def _loss_title(steps: pd.DataFrame) -> str:
    parts = []
    train, valid = _finite(steps, "train_loss"), _finite(steps, "val_loss")
    if len(train) == 1:
        parts.append(f"Training loss is {three_digits(float(train.iloc[0]))}")
    elif len(train):
        parts.append(_course("Training loss", *first_and_last(train.to_numpy())))
    if len(valid):
        lowest, last = float(valid.min()), float(valid.iloc[-1])
        words = f"validation ends at {three_digits(last)}"
        if last > lowest:
            words += f", after a lowest of {three_digits(lowest)}"
        parts.append(words if parts else words.capitalize())
    return "; ".join(parts)


def _course(what: str, first: float, last: float) -> str:
    """``Training loss falls from 0.69 to 0.3``."""
    change = "falls" if last < 0.98 * first else "rises" if last > 1.02 * first else "stays where it was:"
    return f"{what} {change} from {three_digits(first)} to {three_digits(last)}"


def _rate_title(steps: pd.DataFrame) -> str:
    rate = _finite(steps, "lr")
    if not len(rate):
        return "Learning rate"
    first, last, top = float(rate.iloc[0]), float(rate.iloc[-1]), float(rate.max())
    if rate.nunique() == 1:
        return f"The learning rate stays at {three_digits(first)}"
    peak = f", highest {three_digits(top)}" if top > max(first, last) else ""
    return f"The learning rate goes from {three_digits(first)} to {three_digits(last)}{peak}"


def _norm_title(steps: pd.DataFrame) -> str:
    norm = _finite(steps, "grad_norm")
    if not len(norm):
        return "Gradient norm after clipping"
    words = f"Gradient norm: median {three_digits(float(norm.median()))}, largest {three_digits(float(norm.max()))}"
    if "clipped_grad_norm" in steps:
        pair = steps[["grad_norm", "clipped_grad_norm"]].apply(pd.to_numeric, errors="coerce").dropna()
        share = float((pair["clipped_grad_norm"] < 0.999 * pair["grad_norm"]).mean()) if len(pair) else 0.0
        words += f"; {share:.0%} of the recorded steps are clipped"
    return words


def _layer_order(trace: Trace, layers: pd.DataFrame) -> list[str]:
    """The layers' names from the input to the output, as the modules were called; else as they came."""
    order = {}
    modules = trace.facts.get("modules", [])
    for module in modules if isinstance(modules, list) else []:
        if isinstance(module, dict) and isinstance(module.get("order"), int):
            order[str(module.get("name"))] = module["order"]
    names = list(dict.fromkeys(layers["layer"].astype(str)))
    return sorted(names, key=lambda name: order.get(name, len(order)))


def _layer_map(layers: pd.DataFrame, order: list[str], time: Time) -> Figure | None:
    """Layer × step, coloured by the gradient's size on a log scale."""
    data = layers.assign(log_grad=log10(layers["grad_rms"]), layer=layers["layer"].astype(str))
    zeros = int((data["grad_rms"] == 0).sum())
    data = data[data["log_grad"].notna()].drop_duplicates(["step", "layer"], keep="last")
    if data.empty:
        return None
    there = set(data["layer"])
    names = [name for name in order if name in there]
    layers_shown = _spread(names, MOST_LAYERS)
    steps = _spread(sorted(data["step"].unique()), MOST_COLUMNS)
    until = dict(zip(steps, [*steps[1:], max(time.end, steps[-1] + 1)], strict=True))
    data = data[data["layer"].isin(layers_shown) & data["step"].isin(steps)]
    data = data.assign(until=data["step"].map(until))[["step", "until", "layer", "grad_rms", "log_grad"]]
    axis, scale = power_axis("", data["log_grad"].to_numpy(float))
    colour = alt.Color(
        "log_grad:Q",
        scale=alt.Scale(scheme="viridis", domain=scale.to_dict()["domain"]),
        legend=alt.Legend(
            title="RMS of the gradient",
            orient="bottom",
            gradientLength=240,
            values=axis.to_dict()["values"],
            labelExpr=axis.to_dict()["labelExpr"],
        ),
    )
    chart = (
        alt.Chart(data)
        .mark_rect()
        .encode(
            x=time.axis,
            x2=alt.X2("until:Q"),
            y=alt.Y(
                "layer:N",
                sort=layers_shown,
                title="layer",
                axis=alt.Axis(labelOverlap=True, labelLimit=110),
            ),
            color=colour,
            tooltip=[
                alt.Tooltip("layer:N"),
                alt.Tooltip("step:Q"),
                alt.Tooltip("grad_rms:Q", title="RMS of the gradient", format=".3g"),
            ],
        )
    )
    typical = data.groupby("layer")["grad_rms"].median()
    first, last = float(typical[layers_shown[0]]), float(typical[layers_shown[-1]])
    title = (
        f"The first layer's gradient is {three_digits(first)}, the last one's {three_digits(last)} (median of steps)"
    )
    if len(layers_shown) == 1:
        title = f"The gradient is {three_digits(first)} (median of steps)"
    notes = [
        "Root mean square over a layer's weights, the input's layer at the top; each measured step holds until the next."
    ]
    if len(layers_shown) < len(names):
        notes.append(f"{len(layers_shown):,} of {len(names):,} layers are drawn.")
    if zeros:
        notes.append(f"{zeros:,} gradients of exactly 0 are left white.")
    return figure(chart, title, " ".join(notes), LEGEND + max(120, min(440, 24 * len(layers_shown))))


def _spread(values: list, most: int) -> list:
    """The values, or of very many a choice spread evenly."""
    if len(values) <= most:
        return values
    return [values[place] for place in np.linspace(0, len(values) - 1, most).round().astype(int)]


def _update_chart(layers: pd.DataFrame, time: Time) -> Figure | None:
    """Size of an update over the size of its weight: the middle layer and the spread of all, beside 1e-3."""
    data = layers.assign(log_ratio=log10(layers["update_ratio"]))
    data = data[data["log_ratio"].notna()]
    if data.empty:
        return None
    groups, ratios = data.groupby("step")["log_ratio"], layers.groupby("step")["update_ratio"].median()
    table = pd.DataFrame({"ratio": ratios, "low": groups.min(), "high": groups.max()}).reset_index()
    table["middle"] = log10(table["ratio"])  # of all layers, also of those that stand still
    axis, scale = power_axis("update over weight", [*table["low"], *table["high"], math.log10(HEALTHY)])
    base = alt.Chart(table).encode(x=time.axis)
    tooltip = [alt.Tooltip("step:Q"), alt.Tooltip("ratio:Q", title="middle layer", format=".3g")]
    guide = alt.Chart(pd.DataFrame({"healthy": [math.log10(HEALTHY)]}))
    chart = [
        base.mark_area(opacity=0.18, color=PALETTE[0]).encode(
            y=alt.Y("low:Q", axis=axis, scale=scale), y2=alt.Y2("high:Q")
        ),
        base.mark_line(color=PALETTE[0], point=True).encode(
            y=alt.Y("middle:Q", axis=axis, scale=scale), tooltip=tooltip
        ),
        guide.mark_rule(strokeDash=DASH, color=THEORY, strokeWidth=1.5).encode(y=alt.Y("healthy:Q", scale=scale)),
    ]
    middle = float(layers["update_ratio"].median())  # with the zeros, which no log axis shows: as the rules read it
    way, times = (
        ("above", middle / HEALTHY) if middle > HEALTHY else ("below", HEALTHY / middle if middle else math.inf)
    )
    place = "near" if times <= 3 else "within ten times" if times <= 10 else f"far {way}"
    count = layers["layer"].nunique()
    note = f"Line: the middle of {count:,} layers; band: the least to the largest of them; dashed: 10⁻³, about healthy."
    zeros = int((layers["update_ratio"] == 0).sum())
    note += f" {counted(zeros, 'update')} of exactly 0 lie below the axis." if zeros else ""
    title = f"A step changes a layer's weights by {three_digits(middle)} of their size, {place} the healthy 10⁻³"
    return figure(chart, title, note, HEIGHT)
