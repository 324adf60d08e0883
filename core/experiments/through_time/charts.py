"""The charts of ``through_time``: each a pure function of the frame, its title the finding."""

from __future__ import annotations

from typing import TYPE_CHECKING

import altair as alt
import numpy as np
import pandas as pd

from core.analysis.curves import DRAWN_STEPS
from core.analysis.points import group_by_settings, varying_settings
from core.experiments.through_time.settings import ThroughTime
from core.experiments.through_time.titles import decay_title, gradient_title, states_title
from core.frames import COLUMNS
from core.plotting.axes import log10
from core.plotting.figure import Figure, Figures, empty, figure
from core.plotting.lines import courses
from core.plotting.series import drawn_series, series_scale
from core.plotting.style import DASH, THEORY, TICKS, legend, setting_labels

if TYPE_CHECKING:
    from core.experiments import Analysis, Experiment


NOTHING = "No run has finished yet."
TIME = "time step; the loss stands after the last"
GRADIENT = "gradient of the state (norm of ∂L/∂state)"


GROUPS = {"By setting": ("decay", "states")}


def charts(experiment: Experiment, analysis: Analysis) -> Figures:
    """The gradient through time, its factor per step, and the states, by name."""
    frame = analysis.frame
    if frame.empty:
        return Figures({"gradient": lambda: empty(NOTHING)}, GROUPS)
    drawings = {
        "gradient": lambda: gradient_chart(frame, gradient_title(analysis.settings)),
        "decay": lambda: decay_chart(frame, analysis.settings),
        "states": lambda: states_chart(frame),
    }
    return Figures(drawings, GROUPS)


def through_time(frame: pd.DataFrame, measure: str, geometric: bool) -> pd.DataFrame:
    """``label time n mean low high``: a measure over time, at most ``DRAWN_STEPS`` of it, folded over seeds.

    geometric  the mean is that of logs, over the positive values alone
    """
    first = frame[~frame["run"].duplicated()]
    number, table = group_by_settings(first, ThroughTime.names())
    point = pd.Series(number.to_numpy(), index=first["run"])
    times = np.unique(np.linspace(1, int(frame["time"].max()), DRAWN_STEPS).round())
    rows = frame.loc[frame["time"].isin(times), ["run", "time", measure]]
    rows = rows.assign(point=rows["run"].map(point), value=rows[measure].astype(float))
    usable = np.isfinite(rows["value"]) & ((rows["value"] > 0) | (not geometric))
    logs = rows[usable].assign(value=np.log(rows.loc[usable, "value"])) if geometric else rows[usable]
    groups = logs.groupby(["point", "time"])["value"]
    found = pd.DataFrame({"n": groups.size(), "mean": groups.mean()})
    found = found.assign(low=groups.quantile(0.1), high=groups.quantile(0.9))
    if geometric:
        found[["mean", "low", "high"]] = np.exp(found[["mean", "low", "high"]])
    found = found.reset_index()
    return found.assign(label=found["point"].map(table["label"]))


def gradient_chart(frame: pd.DataFrame, title: str) -> Figure:
    """Gradient of each time step's state on a log axis, a line per setting, with a band and Pascanu's bound dashed."""
    table = through_time(frame, "grad_norm", geometric=True)
    if table.empty:
        return empty("No time step has a gradient that can be drawn: all are zero or not finite.")
    labels, left_out = drawn_series(table)
    data = table[table["label"].isin(labels)].copy()
    x = alt.X("time:Q", title=TIME, axis=alt.Axis(tickMinStep=1, format="d"), scale=alt.Scale(nice=False, zero=False))
    drawn = courses(
        data,
        x,
        GRADIENT,
        series_scale(frame, ThroughTime.names(), labels),
        middle="mean",
        band=("low", "high") if data["n"].max() > 1 else None,
        logarithmic=True,
        points=True,
    )
    layers = list(drawn.layers)
    notes = [f"Line: geometric mean over seeds, {_seeds(data)}; band: 10th to 90th percentile of the seeds."]
    if data["n"].max() == 1:
        notes = ["One seed."]
    bound = bound_lines(frame, labels, drawn.y["scale"].domain)
    if len(bound):
        line = alt.Chart(bound).mark_line(color=THEORY, strokeDash=DASH, clip=True)
        layers.insert(0, line.encode(x=x, y=alt.Y("log_mean:Q", **drawn.y), detail=alt.Detail("label:N")))
        notes.append("Dashed grey: the bound from the largest singular value, where it lies within the chart.")
    norms = frame["grad_norm"].to_numpy(float)
    lost = int((~(np.isfinite(norms) & (norms > 0))).sum())
    if lost:
        notes.append(f"{lost:,} gradients that are zero or not finite are left out.")
    return figure(layers, title, " ".join([*notes, left_out]).strip())


def bound_lines(frame: pd.DataFrame, labels: list[str], domain: list[float]) -> pd.DataFrame:
    """The bound over time of these settings, geometric mean over seeds, up to one decade outside the axis."""
    table = through_time(frame, "grad_norm_bound", geometric=True)
    table = table[table["label"].isin(labels)]
    table = table.assign(log_mean=log10(table["mean"]))
    return table[table["log_mean"].between(domain[0] - 1, domain[1] + 1)]


def states_chart(frame: pd.DataFrame) -> Figure:
    """Root mean square of the states over time, a line per setting, with a band over seeds."""
    table = through_time(frame, "state_rms", geometric=False)
    if table.empty:
        return empty("No state is a finite number.")
    labels, left_out = drawn_series(table)
    data = table[table["label"].isin(labels)]
    several = data["n"].max() > 1
    drawn = courses(
        data,
        alt.X("time:Q", title=TIME, axis=alt.Axis(tickMinStep=1, format="d"), scale=alt.Scale(nice=False, zero=False)),
        COLUMNS["state_rms"].title,
        series_scale(frame, ThroughTime.names(), labels),
        middle="mean",
        band=("low", "high") if several else None,
        logarithmic=False,
        scale=alt.Scale(zero=True),
    )
    note = "One seed."
    if several:
        note = f"Line: mean over seeds, {_seeds(data)}; band: 10th to 90th percentile of the seeds."
    near_one = "Near 1, tanh is flat, and shrinks the gradient."
    return figure(drawn.layers, states_title(frame), f"{note} {near_one} {left_out}".strip())


def _legend(names: list[str]) -> alt.Legend:
    """A legend in two columns of short names, so that a phone shows them whole."""
    own = legend(setting_labels(names))
    own.columns, own.labelExpr = 2, "replace(datum.label, 'recurrent ', '')"
    return own


def _seeds(table: pd.DataFrame) -> str:
    low, high = int(table["n"].min()), int(table["n"].max())
    return f"n = {low}" if low == high else f"n = {low} to {high}"


def _decay_tooltip() -> list[alt.Tooltip]:
    return [
        alt.Tooltip("label:N", title="setting"),
        alt.Tooltip("mean:Q", title="× per time step", format=".3g"),
        alt.Tooltip("ci_low:Q", title="interval from", format=".3g"),
        alt.Tooltip("ci_high:Q", title="to", format=".3g"),
        alt.Tooltip("n:Q", title="seeds"),
    ]


FACTOR = "factor per step back in time (×)"
INTERVAL = "Dot: mean over seeds, {}; line through it: 95 % interval (Student's t). Below 1 gradients fade, above 1 they explode."


def _around_one(values: pd.DataFrame) -> alt.Scale:
    """An axis that shows 1, where a gradient neither grows nor shrinks."""
    numbers = values.to_numpy(float)
    low, high = min(1.0, float(np.nanmin(numbers))), max(1.0, float(np.nanmax(numbers)))
    return alt.Scale(
        domain=[low - 0.05 * (high - low) - 0.02, high + 0.05 * (high - low) + 0.02], nice=False, zero=False
    )


def _one() -> alt.Chart:
    return alt.Chart(pd.DataFrame({"one": [1.0]}))


def decay_chart(frame: pd.DataFrame, decays: pd.DataFrame) -> Figure:
    """The factor per step: over the recurrent gain where it varies, else a row per setting."""
    varying = varying_settings(frame, ThroughTime.names())
    return gain_chart(decays, varying) if decays["gain"].nunique() > 1 else dots_chart(decays, varying)


def dots_chart(decays: pd.DataFrame, varying: list[str]) -> Figure:
    """The factor per step of every setting, with its interval, beside 1."""
    shown = decays[np.isfinite(decays["mean"].to_numpy(float))]
    if shown.empty:
        return empty("No run has two gradients whose ratio could be taken.")
    labels, left_out = drawn_series(shown)
    shown = shown[shown["label"].isin(labels)]
    scale = _around_one(shown[["mean", "ci_low", "ci_high"]])
    axis = alt.Axis(tickCount=TICKS)
    base = alt.Chart(shown).encode(
        y=alt.Y("label:N", sort=labels, title=None, axis=alt.Axis(labelLimit=260)),
        color=alt.Color("label:N", scale=series_scale(decays, varying, labels), legend=None),
        tooltip=_decay_tooltip(),
    )
    drawn = [
        _one().mark_rule(strokeDash=[2, 3], color=THEORY).encode(x=alt.X("one:Q", axis=axis, scale=scale)),
        base.mark_rule(strokeWidth=3).encode(
            x=alt.X("ci_low:Q", title=FACTOR, axis=axis, scale=scale), x2=alt.X2("ci_high:Q")
        ),
        base.mark_point(filled=True, size=90, opacity=1).encode(
            x=alt.X("mean:Q", title=FACTOR, axis=axis, scale=scale)
        ),
    ]
    note = f"{INTERVAL.format(_seeds(shown))} {left_out}".strip()
    return figure(drawn, decay_title(decays), note, height=max(120, 34 * len(shown)))


def gain_chart(decays: pd.DataFrame, varying: list[str]) -> Figure:
    """The factor per step over the recurrent gain, a line per combination of the other settings, beside 1."""
    others = [name for name in varying if name != "gain"]
    shown = decays[np.isfinite(decays["mean"].to_numpy(float))]
    if shown.empty:
        return empty("No run has two gradients whose ratio could be taken.")
    number, table = group_by_settings(shown, others) if others else (pd.Series(0, index=shown.index), None)
    series = number.map(table["label"]) if table is not None else "all runs"
    lines, left_out = drawn_series(pd.DataFrame({"label": series}, index=shown.index))
    shown = shown.assign(series=series)
    shown = shown[shown["series"].isin(lines)]
    scale = _around_one(shown[["mean", "ci_low", "ci_high"]])
    base = alt.Chart(shown).encode(
        x=alt.X(
            "gain:Q",
            title=COLUMNS["gain"].title,
            axis=alt.Axis(tickCount=6),
            scale=alt.Scale(nice=False, zero=False, padding=12),
        ),
        color=alt.Color(
            "series:N",
            scale=series_scale(decays, others, lines),
            legend=_legend(others) if others else None,
        ),
        tooltip=_decay_tooltip(),
    )
    y = alt.Y("mean:Q", title=FACTOR, scale=scale)
    drawn = [
        _one().mark_rule(strokeDash=[2, 3], color=THEORY).encode(y=alt.Y("one:Q", scale=scale)),
        base.mark_rule(strokeWidth=3).encode(y=alt.Y("ci_low:Q", title=FACTOR, scale=scale), y2=alt.Y2("ci_high:Q")),
        base.mark_line().encode(y=y),
        base.mark_point(filled=True, size=60, opacity=1).encode(y=y),
    ]
    return figure(drawn, decay_title(decays), f"{INTERVAL.format(_seeds(shown))} {left_out}".strip())
