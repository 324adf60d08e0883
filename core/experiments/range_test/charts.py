"""The charts of the page: the curve with every suggestion marked, and how far the suggestions spread over seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import altair as alt
import numpy as np
import pandas as pd

from core.analysis.points import group_by_settings, varying_settings
from core.experiments.range_test.summary import recommended_lr, recommended_rates, usable_share
from core.experiments.training.charts import NOTHING
from core.frames import COLUMNS
from core.plotting.axes import log10, power_axis
from core.plotting.figure import Figure, Figures, empty, figure
from core.plotting.lines import courses
from core.plotting.series import drawn_series, series_scale
from core.plotting.style import BLUE, DASH, PALETTE, THEORY, colours, ink
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
NEAR = 0.015  # of the axis: marks that are closer are one
ROW = 15  # pixels from a line of a mark's name to the next
CHECKED = PALETTE[6]
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


class Mark(NamedTuple):
    """A rate that is marked on the curve: who names it, the rates in words, log10 of where it stands, whether one should use it."""

    name: str
    rates: str
    place: float
    colour: str
    use: bool


def checked_chart(experiment: Experiment, analysis: Analysis, rate: float) -> Figure:
    """The curve of range tests of one setting, with the rate that trainings have spoken for beside the suggestions."""
    return _curve_chart(analysis.finite, analysis.runs, experiment.settings.names(), rate)


def _curve_chart(frame: pd.DataFrame, runs: pd.DataFrame, names: Sequence[str], checked: float = math.nan) -> Figure:
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
    colour = alt.Scale(domain=labels, range=[BLUE]) if single else series_scale(frame, names, labels)
    x = alt.X("drawn_lr:Q", axis=axis, scale=scale)
    drawn = courses(data, x, COLUMNS["smoothed_loss"].title, colour, logarithmic=False)
    layers = list(drawn.layers)
    note = ["Line: median over seeds; band: 10th to 90th percentile" + f" (n = {int(table['n'].max())})."]
    if single:
        marked = marks(suggestion_table(runs), checked, tuple(scale.domain))
        layers += _flags(marked, x)
        note += ["Upright: each suggestion's median over seeds."] * bool(marked)
    else:
        dots = suggested_points(data, runs, names)
        layers += [_dots(dots, x, drawn.y, colour)] if len(dots) else []
        note += ["Dot: the rate that the rule valley suggests, the median over seeds."] * bool(len(dots))
    if cut:
        note.append(f"What is above {three_digits(ceiling)} is drawn there.")
    title = _curve_title(runs, single)
    if single and math.isfinite(checked):
        title = f"Use {checked:g}, as trainings say; {title[0].lower()}{title[1:]}"
        note.append("“use”: the rate that these trainings speak for.")
    return figure(
        layers,
        title,
        " ".join([*note, left_out]).strip(),
    )


def marks(table: pd.DataFrame, checked: float, domain: tuple[float, float]) -> list[Mark]:
    """The suggestions of ``suggestion_table`` and the rate ``checked``, NaN for none, from low to high; one mark where several coincide.

    domain  log10 of the lowest and the highest rate of the axis
    """
    palette = colours(list(LABELS.values())).to_dict(validate=False)
    shades = dict(zip(palette["domain"], palette["range"], strict=True))
    rates = {row["rule"]: float(row["median"]) for _, row in table.iterrows()}
    use = f"use {checked:g}"
    if math.isfinite(checked):
        rates[use] = checked
    rates = {name: rate for name, rate in rates.items() if rate > 0}
    near = NEAR * (domain[1] - domain[0])
    groups: list[list[str]] = []
    for name in sorted(rates, key=rates.__getitem__):
        if groups and math.log10(rates[name] / rates[groups[-1][0]]) < near:
            groups[-1].append(name)
        else:
            groups.append([name])
    found = []
    for group in groups:
        rules = " ≈\n".join(name for name in group if name != use)
        name = rules if use not in group else f"{rules}: {use}" if rules else use
        first = use if use in group else group[0]
        words = " and ".join(dict.fromkeys(three_digits(rates[name]) for name in group))
        colour = CHECKED if use in group else shades.get(first, THEORY)
        found.append(Mark(name, words, math.log10(rates[first]), colour, use in group))
    return found


def _flags(marked: Sequence[Mark], x: alt.X) -> list[alt.Chart]:
    """A rule for each mark, over the drawing's whole height and above it, where its name stands to its right.

    The farther left a rule, the taller it is: so no name crosses another's rule.
    """
    layers, top = [], 0
    for mark in reversed(marked):
        top -= ROW * len(mark.name.split("\n"))
        data = pd.DataFrame({"drawn_lr": [mark.place], "mark": [mark.name], "rates": [mark.rates]})
        tooltip = [alt.Tooltip("mark:N", title="suggested by"), alt.Tooltip("rates:N", title="median over seeds")]
        base = alt.Chart(data).encode(x=x, y=alt.YValue(top), tooltip=tooltip)
        dash = list(DASH) if mark.colour == THEORY else [1, 0]
        rule = base.mark_rule(color=mark.colour, strokeWidth=2.5, strokeDash=dash, clip=False)
        words = {"fontWeight": "bold" if mark.use else "normal", "color": ink(mark.colour), "clip": False}
        name = base.mark_text(align="left", dx=5, baseline="top", fontSize=12, lineBreak="\n", **words)  # type: ignore[arg-type]
        layers += [rule.encode(y2=alt.Y2Value("height")), name.encode(text="mark:N")]
    return layers


def suggested_points(data: pd.DataFrame, runs: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """``label lr drawn_lr drawn_median`` of each drawn setting's recommended rate, on its curve of ``curve_table``."""
    rates = recommended_rates(runs, names)
    rows = []
    for label, curve in data.groupby("label", sort=False):
        rate = rates.get(label, math.nan)
        if math.isfinite(rate):
            place = math.log10(rate)
            rows.append((label, rate, place, float(np.interp(place, curve["drawn_lr"], curve["median"]))))
    return pd.DataFrame(rows, columns=["label", "lr", "drawn_lr", "drawn_median"])


def _dots(points: pd.DataFrame, x: alt.X, y: Mapping[str, Any], colour: alt.Scale) -> alt.Chart:
    return (
        alt.Chart(points)
        .mark_point(filled=True, size=110, opacity=1)
        .encode(
            x=x,
            y=alt.Y("drawn_median:Q", **y),
            color=alt.Color("label:N", scale=colour, sort=list(colour.domain)),
            tooltip=[alt.Tooltip("label:N"), alt.Tooltip("lr:Q", title="valley suggests", format=".3g")],
        )
    )


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
    return figure(drawn, title, note, height=max(120, 28 * len(order)))


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
