"""The charts of the page: the curve with every suggestion marked, and how far the suggestions spread over seeds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import altair as alt
import numpy as np
import pandas as pd

from core.analysis.points import group_by_settings, varying_settings
from core.experiments.range_test.summary import recommended_lr, usable_share
from core.experiments.training.charts import NOTHING
from core.frames import COLUMNS
from core.plotting.axes import log10, power_axis
from core.plotting.figure import Figure, Figures, empty, figure
from core.plotting.lines import courses
from core.plotting.series import drawn_series, series_scale
from core.plotting.style import BLUE, DASH, THEORY, colours, legend
from core.theory.suggestions import RULES
from core.words import three_digits

if TYPE_CHECKING:
    from core.experiments import Analysis, Experiment


LABELS = {
    "valley": "valley",
    "steepest": "steepest",
    "steepest_linear": "steepest, linear",
    "minimum_tenth": "a tenth of the minimum's",
}
CEILING = 3.0  # the curve is drawn up to so many times its first loss: behind the edge there is nothing to read


GROUPS = {"The rules": ("rules", "settings")}


def charts(experiment: Experiment, analysis: Analysis) -> Figures:
    """The curve over the rate, and the suggestions over seeds."""
    frame, runs, names = analysis.finite, analysis.runs, experiment.settings.names()
    if frame.empty or runs.empty or not frame["smoothed_loss"].notna().any():
        return Figures({"curve": lambda: empty(NOTHING)}, GROUPS)
    varying = varying_settings(runs, names)
    drawings = {
        "curve": lambda: _curve_chart(frame, runs, names),
        "rules": lambda: _rules_chart(runs, len(runs[names].drop_duplicates()) if varying else 0),
    }
    if varying:
        drawings["settings"] = lambda: _settings_chart(frame, runs, names)
    return Figures(drawings, GROUPS)


def curve_table(frame: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """``label lr n median low high`` of the smoothed loss at each rate; the band is its 10th to 90th percentile.

    A run that has ended has no loss any more: a rate is drawn while at least half of a setting's runs are under way.
    """
    number, table = group_by_settings(frame, names)
    runs = frame["run"].groupby(number).nunique()
    groups = frame.assign(point=number).groupby(["point", "lr"])["smoothed_loss"]
    found = pd.DataFrame(
        {"n": groups.count(), "median": groups.median(), "low": groups.quantile(0.1), "high": groups.quantile(0.9)}
    ).reset_index()
    found["label"] = found["point"].map(table["label"])
    return found[found["n"] * 2 >= found["point"].map(runs)].reset_index(drop=True)


def suggestion_table(runs: pd.DataFrame) -> pd.DataFrame:
    """``rule n median low high`` over all runs, the lowest median first; the stability limit last where there is one."""
    rows = []
    measures = {LABELS[name]: f"suggested_lr_{name}" for name in RULES} | {"stability limit": "max_stable_lr"}
    for label, measure in measures.items():
        values = runs[measure].dropna()
        if len(values):
            low, median, high = values.quantile([0.1, 0.5, 0.9])
            rows.append({"rule": label, "n": len(values), "median": median, "low": low, "high": high})
    return pd.DataFrame(rows, columns=["rule", "n", "median", "low", "high"])


def _curve_chart(frame: pd.DataFrame, runs: pd.DataFrame, names: Sequence[str]) -> Figure:
    table = curve_table(frame, names)
    labels, left_out = drawn_series(table)
    data = table[table["label"].isin(labels)].copy()
    start = data.groupby("label")["median"].transform("first").max()
    ceiling = CEILING * float(start)
    cut = int((data["high"] > ceiling).sum())
    for name in ("median", "low", "high"):
        data[name] = data[name].clip(upper=ceiling)
    data["drawn_lr"] = log10(data["lr"])
    axis, scale = power_axis(COLUMNS["lr"].title, data["drawn_lr"].to_numpy(float))
    single = len(labels) == 1
    drawn = courses(
        data,
        alt.X("drawn_lr:Q", axis=axis, scale=scale),
        COLUMNS["smoothed_loss"].title,
        alt.Scale(domain=labels, range=[BLUE]) if single else series_scale(frame, names, labels),
        logarithmic=False,
    )
    layers = list(drawn.layers)
    note = ["Line: median over seeds; band: 10th to 90th percentile" + f" (n = {int(table['n'].max())})."]
    if single and len(suggestion_table(runs)):
        layers.append(_marks(suggestion_table(runs), scale, axis))
        note.append("Rules: each suggestion's median over seeds.")
    if cut:
        note.append(f"What is above {three_digits(ceiling)} is drawn there.")
    return figure(
        layers,
        _curve_title(runs, single),
        " ".join([*note, left_out]).strip(),
    )


def _marks(table: pd.DataFrame, scale: alt.Scale, axis: alt.Axis) -> alt.Chart:
    """A rule at every suggestion, named in the legend; of rules at the same rate, the first shows on either side."""
    drawn = table.assign(drawn_lr=log10(table["median"]))
    drawn = drawn[np.isfinite(drawn["drawn_lr"])]
    near = 0.005 * (scale.domain[1] - scale.domain[0])
    places = drawn["drawn_lr"].to_numpy(float)
    drawn["wide"] = [2.5 + 4.0 * int((abs(places[at + 1 :] - place) < near).sum()) for at, place in enumerate(places)]
    order = list(drawn["rule"])
    palette = colours([rule for rule in order if rule != "stability limit"], list(LABELS.values()))
    shades = [*palette.range, THEORY] if "stability limit" in order else list(palette.range)
    base = alt.Chart(drawn).encode(
        x=alt.X("drawn_lr:Q", axis=axis, scale=scale),
        stroke=alt.Stroke(  # a scale and a legend of its own
            "rule:N", scale=alt.Scale(domain=order, range=shades), legend=legend("suggested rate", order), sort=order
        ),
        tooltip=[
            alt.Tooltip("rule:N"),
            alt.Tooltip("median:Q", title="median over seeds", format=".3g"),
            alt.Tooltip("n:Q"),
        ],
    )
    dashed = alt.condition("datum.rule == 'stability limit'", alt.value(list(DASH)), alt.value([1, 0]))
    return base.mark_rule().encode(strokeDash=dashed, strokeWidth=alt.StrokeWidth("wide:Q", scale=None))


def _curve_title(runs: pd.DataFrame, single: bool) -> str:
    median = recommended_lr(runs)
    if not np.isfinite(median):
        return "The curves suggest no rate: too few fall, or they end too early"
    if single:
        return f"The curve suggests about {three_digits(float(median))}: the middle of the longest falling stretch"
    return "Where the loss falls, the rate works; where it rises, it is too high"


def _rules_chart(runs: pd.DataFrame, several: int) -> Figure:
    """Every run's suggestion by rule: how far rules and seeds disagree."""
    table = suggestion_table(runs)
    if table.empty:
        return empty("The curves are too short for a suggestion.")
    measures = {LABELS[name]: f"suggested_lr_{name}" for name in RULES} | {"stability limit": "max_stable_lr"}
    dots = pd.concat(
        [pd.DataFrame({"rule": rule, "lr": runs[measures[rule]], "seed": runs["seed"]}) for rule in table["rule"]]
    ).dropna()
    dots["drawn_lr"] = log10(dots["lr"])
    ends = table.assign(**{f"drawn_{name}": log10(table[name]) for name in ("median", "low", "high")})
    axis, scale = power_axis("suggested learning rate", dots["drawn_lr"].to_numpy(float))
    order = list(table["rule"])
    y = alt.Y("rule:N", sort=order, title=None, axis=alt.Axis(labelLimit=200))
    each = alt.Chart(dots).mark_tick(thickness=2, opacity=0.35, size=18, color=BLUE)
    span = alt.Chart(ends).mark_rule(strokeWidth=3, color=BLUE)
    middle = alt.Chart(ends).mark_point(filled=True, size=90, opacity=1, color=BLUE)
    x = alt.X("drawn_lr:Q", axis=axis, scale=scale)
    drawn = [
        each.encode(
            x=x,
            y=y,
            tooltip=[
                alt.Tooltip("rule:N"),
                alt.Tooltip("seed:Q"),
                alt.Tooltip("lr:Q", title="learning rate", format=".3g"),
            ],
        ),
        span.encode(x=alt.X("drawn_low:Q", axis=axis, scale=scale), x2=alt.X2("drawn_high:Q"), y=y),
        middle.encode(
            x=alt.X("drawn_median:Q", axis=axis, scale=scale),
            y=y,
            tooltip=[alt.Tooltip("rule:N"), alt.Tooltip("median:Q", format=".3g"), alt.Tooltip("n:Q")],
        ),
    ]
    rules = table[table["rule"] != "stability limit"]["median"]
    title = f"The rules disagree by a factor of {three_digits(float(rules.max() / rules.min()))}"
    if usable_share(runs) <= 0.5:
        title = "No rule's suggestion means anything here"
    elif several:
        title = f"Of {several} settings together, {title[0].lower()}{title[1:]}"
    note = f"Dot: median over n = {int(table['n'].max())} runs; line: 10th to 90th percentile; ticks: single runs. "
    note += "Of them we try valley first, inside the longest fall: the others look at one point, on the flat beginning perhaps or at the edge."
    return figure(drawn, title, note, height=max(150, 40 * len(order)))


def _settings_chart(frame: pd.DataFrame, runs: pd.DataFrame, names: Sequence[str]) -> Figure:
    """The recommended rate of every setting."""
    number, points = group_by_settings(runs, names)
    rows = []
    for point, block in runs.groupby(number):
        values = block["suggested_lr_valley"].dropna()
        if np.isfinite(recommended_lr(block)):
            low, median, high = values.quantile([0.1, 0.5, 0.9])
            rows.append(
                {"label": points.loc[point, "label"], "n": len(values), "median": median, "low": low, "high": high}
            )
    table = pd.DataFrame(rows)
    if table.empty:
        return empty("The curves are too short for a suggestion.")
    for name in ("median", "low", "high"):
        table[f"drawn_{name}"] = log10(table[name])
    axis, scale = power_axis("suggested learning rate (valley)", table[["drawn_low", "drawn_high"]].to_numpy(float))
    labels = list(table["label"])
    base = alt.Chart(table).encode(
        y=alt.Y("label:N", sort=labels, title=None, axis=alt.Axis(labelLimit=240)),
        color=alt.Color("label:N", scale=series_scale(frame, names, labels), legend=None),
        tooltip=[alt.Tooltip("label:N"), alt.Tooltip("median:Q", format=".3g"), alt.Tooltip("n:Q")],
    )
    drawn = [
        base.mark_rule(strokeWidth=3).encode(x=alt.X("drawn_low:Q", axis=axis, scale=scale), x2=alt.X2("drawn_high:Q")),
        base.mark_point(filled=True, size=90, opacity=1).encode(x=alt.X("drawn_median:Q", axis=axis, scale=scale)),
    ]
    low, high = table.loc[table["median"].idxmin()], table.loc[table["median"].idxmax()]
    title = (
        f"{high['label']} takes {three_digits(float(high['median'] / low['median']))} times the rate of {low['label']}"
    )
    return figure(
        drawn, title, "Dot: median over seeds; line: 10th to 90th percentile.", height=max(120, 36 * len(table))
    )
