"""The charts that trainings share: each a pure function of its tables, its title the finding."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import altair as alt
import numpy as np
import pandas as pd

from core.analysis import curves, ranking, statistics
from core.analysis.baseline import bars, majority
from core.frames import COLUMNS
from core.plotting.axes import log10, power_axis
from core.plotting.figure import Figure, empty, figure
from core.plotting.lines import courses
from core.plotting.series import count_text, drawn_series, series_scale
from core.plotting.shapes import interval_chart
from core.plotting.style import BROWN, PALE
from core.words import three_digits

LOSS_CEILING = 10.0  # times the loss at the start
NOTHING = "Nothing has been trained yet."


def curve_chart(
    frame: pd.DataFrame,
    names: Sequence[str],
    measure: str,
    place: str,
    title: str,
    note: str = "",
    ceiling: float = math.inf,
) -> Figure:
    """A measure over epochs or updates: a line per setting, the median over seeds, with a band over seeds.

    ceiling  what is above it is drawn there, and said
    """
    if frame.empty:
        return empty(NOTHING)
    table = curves.by_epoch(frame, names, measure) if place == "epoch" else curves.by_step(frame, names, measure)
    if table.empty:
        return empty(f"There is no finite {COLUMNS[measure].label} to draw.")
    labels, left_out = drawn_series(table)
    data = table[table["label"].isin(labels)].copy()
    quantiles = ["median", "low", "high"]
    cut = f"What is above {three_digits(ceiling)} is drawn there." if (data[quantiles] > ceiling).any(axis=None) else ""
    data[quantiles] = data[quantiles].clip(upper=ceiling)
    band = "Line: median over seeds; band: 10th to 90th percentile of seeds" if table["n"].max() > 1 else "One seed"
    seeds = f" (n = {count_text(table['n'])})" if table["n"].max() > 1 else ""
    column = COLUMNS[measure]
    others = {label: value for label, value in bars(frame, measure).items() if value <= ceiling}
    drawn = courses(
        data,
        alt.X(f"{place}:Q", title="epoch" if place == "epoch" else "update", axis=alt.Axis(tickMinStep=1)),
        column.title,
        series_scale(frame, names, labels),
        band=("low", "high") if table["n"].max() > 1 else None,
        bars=others,
        percent=column.unit.startswith("share of"),
    )
    lost, runs = curves.diverged(frame)
    ends = f"{lost} of {runs} runs diverged; a line ends where half of its runs have." if lost else ""
    return figure(
        drawn.layers,
        title,
        " ".join(part for part in (f"{band}{seeds}.", note, _bars_note(others), cut, ends, left_out) if part),
    )


def _bars_note(others: Mapping[str, float]) -> str:
    if not others:
        return ""
    *first, last = others
    named = f"{', '.join(first)} and {last} get" if first else f"{last} gets"
    return f"Dashed: what {named} on the same rows."


def loss_ceiling(frame: pd.DataFrame) -> float:
    """The loss up to which curves are drawn: what has grown far beyond its start flattens all others."""
    start = float(frame.loc[frame["step"] == 0, "train_loss"].median())
    return LOSS_CEILING * start if start > 0 else math.inf


def guessing_note(frame: pd.DataFrame, measure: str) -> str:
    """What a measure is to be compared with: an accuracy with the share of the largest class, that of guessing."""
    share = majority(frame) if measure.endswith("accuracy") else math.nan
    return f"Always answering the largest class gets {share:.1%}." if math.isfinite(share) else ""


def ending_title(table: pd.DataFrame, measure: str) -> str:
    """Where the best of a ranking ends, beside the last: no mean of what some of its runs did not survive."""
    ranked = table[np.isfinite(table["mean"].to_numpy(float))]
    word = COLUMNS[measure].label
    if ranked.empty:
        return f"No run ended with a finite {word}"
    first, last = ranked.iloc[0], ranked.iloc[-1]
    if len(table) == 1:
        return f"The mean {word} is {three_digits(first['mean'])}"
    mean = three_digits(first["mean"])
    if len(ranking.tied(ranked)) > 1:
        return f"{ranking.best_label(ranked)} tie at a mean {word} of {mean}"
    beside = f", then {last['label']} {three_digits(last['mean'])}" if len(ranked) == 2 else ""
    return f"{ranking.best_label(ranked)} has the lowest mean {word}: {mean}{beside}"


def ranking_title(runs: pd.DataFrame, names: Sequence[str], table: pd.DataFrame, measure: str) -> str:
    """Who ends best, and whether that is sure: paired by seed, corrected for how many are compared."""
    ranked = table[np.isfinite(table["mean"].to_numpy(float))]
    if ranked.empty:
        return COLUMNS[measure].label
    shown = "{:.1%}".format if measure.endswith("accuracy") else lambda value: three_digits(float(value))
    first, best = ranked.iloc[0], ranking.best_label(ranked)
    if len(ranked) == 1:
        return f"{best}: {COLUMNS[measure].label} {shown(first['mean'])}"
    if len(ranking.tied(ranked)) > 1:
        return f"{best} tie, as they never differed: {COLUMNS[measure].label} {shown(first['mean'])}"
    lowest = "highest" if measure.endswith("accuracy") else "lowest"
    whole = bool((ranked["n"] == ranked["runs"]).iloc[:2].all())
    second = ranked.iloc[1:]
    numbers = f"{shown(first['mean'])}, then {ranking.best_label(second)} {shown(second.iloc[0]['mean'])}"
    if whole and ranking.surely_first(runs, names, measure, ranked):
        return f"{best} is clearly {lowest}: {numbers}"
    if shown(first["mean"]) == shown(second.iloc[0]["mean"]):
        return f"No clear winner: {best} and {ranking.best_label(second)} both end at {shown(first['mean'])}"
    if first["n"] < 2:
        return f"{best} is {lowest}, of one run each: {numbers}"
    return f"No clear winner: {best} is {lowest} with {numbers}"


def lost_note(runs: pd.DataFrame) -> str:
    """How many runs the means leave out, as a sentence; empty where none is."""
    diverged = int(runs["diverged"].sum())
    exploded = int((runs["final_train_loss"].isna() & (runs["diverged"] == 0)).sum())
    parts = [f"{diverged} diverged"] * (diverged > 0) + [f"{exploded} ended far above their start"] * (exploded > 0)
    return f" Of {len(runs)} runs {' and '.join(parts)}; the means leave them out." if parts else ""


def ranking_chart(frame: pd.DataFrame, runs: pd.DataFrame, names: Sequence[str], measure: str) -> Figure:
    """Every setting's final measure with its interval, the lowest of those whose runs all ended finite first."""
    if runs.empty:
        return empty(NOTHING)
    table = ranking.ranking(runs, names, measure).head(20)
    return interval_chart(
        table,
        "label",
        ranking_title(runs, names, table, measure),
        COLUMNS[measure].title,
        f"Dot: mean over seeds; line: 95 % interval (Student's t), n = {count_text(table['n'])}.{lost_note(runs)}",
        series_scale(frame, names, list(table["label"])),
    )


def share_map(runs: pd.DataFrame, name: str, measure: str) -> Figure:
    """A share of runs over a setting's values and the learning rate."""
    if runs.empty:
        return empty(NOTHING)
    table = runs.groupby([name, "base_lr"], sort=False)[measure].agg(["mean", "size"]).reset_index()
    word = COLUMNS[measure].label
    worst = table.loc[table["mean"].idxmax()]
    cause = "without clipping" if (name, worst[name]) == ("clipper", "none") else f"with {worst[name]}"
    title = (
        f"No run {word}"
        if worst["mean"] == 0
        else f"{worst['mean']:.0%} of runs {word} {cause} at a learning rate of {worst['base_lr']:g}"
    )
    table["text"] = table["mean"].map("{:.0%}".format)
    x = alt.X("base_lr:O", title=COLUMNS["base_lr"].title, axis=alt.Axis(labelAngle=0, format="~g"))
    y = alt.Y(f"{name}:N", title=None, sort=list(dict.fromkeys(table[name])), axis=alt.Axis(labelLimit=260))
    tooltip = [name, "base_lr", alt.Tooltip("mean:Q", format=".0%", title=word), alt.Tooltip("size:Q", title="runs")]
    cells = (
        alt.Chart(table)
        .mark_rect()
        .encode(
            x=x,
            y=y,
            tooltip=tooltip,
            color=alt.Color(
                "mean:Q",
                title=f"share that {word}",
                scale=alt.Scale(domain=[0, 1], range=[PALE, BROWN]),
                legend=alt.Legend(format=".0%", orient="bottom", gradientLength=180),
            ),
        )
    )
    words = (
        alt.Chart(table)
        .mark_text(fontSize=12)
        .encode(
            x=x,
            y=y,
            text=alt.Text("text:N"),
            color=alt.condition("datum.mean > 0.5", alt.value("white"), alt.value("#333")),
        )
    )
    counts = f"Each cell: {count_text(table['size'])} runs."
    return figure([cells, words], title, counts, height=max(140, 34 * table[name].nunique()))


def sensitivity_chart(frame: pd.DataFrame, runs: pd.DataFrame, name: str, measure: str) -> Figure:
    """A final measure over the base learning rate, a line per value of setting ``name``."""
    rows = []
    for (value, lr), block in runs.groupby([name, "base_lr"], sort=False):
        rows.append({name: value, "base_lr": lr, **statistics.drawn_over_seeds(measure, block[measure])})
    table = pd.DataFrame(rows)
    shown = table[np.isfinite(table["mean"])].copy()
    if shown.empty:
        return empty("No run has a finite value yet.")
    best = ranking.best_values(runs, name, "base_lr", measure)
    first = best.iloc[0]
    who = ranking.best_label(best.assign(label=[f"{row[name]} at {row['base_lr']:g}" for _, row in best.iterrows()]))
    verb = "ends" if len(ranking.tied(best)) == 1 else "end"
    title = f"Each at its own best learning rate: {who} {verb} lowest, {three_digits(first['mean'])}"
    labels = list(dict.fromkeys(shown[name]))
    shown = shown.assign(
        label=shown[name],
        drawn_base_lr=log10(shown["base_lr"]),
        ci_low=shown["ci_low"].fillna(shown["mean"]),
        ci_high=shown["ci_high"].fillna(shown["mean"]),
    )
    axis, scale = power_axis(COLUMNS["base_lr"].title, shown["drawn_base_lr"].to_numpy(float))
    drawn = courses(
        shown,
        alt.X("drawn_base_lr:Q", axis=axis, scale=scale),
        COLUMNS[measure].title,
        series_scale(frame, [name], labels),
        middle="mean",
        band=("ci_low", "ci_high"),
        logarithmic=True,
        points=True,
    )
    lost = int(len(table) - len(shown))
    note = f"Mean over seeds (n = {count_text(shown['n'])}) with its 95 % interval." + (
        f" {lost} settings where no run ended finite are left out." if lost else ""
    )
    note += lost_note(runs)
    return figure(drawn.layers, title, note)


def _named(values: pd.Series, count: int) -> str:
    """Few by name, many as their number."""
    return " and ".join(map(str, values)) if 0 < len(values) <= 2 else f"{len(values)} of {count}"


def paired_chart(
    frame: pd.DataFrame, runs: pd.DataFrame, names: Sequence[str], name: str, measure: str, reference: str
) -> Figure:
    """Differences to the reference, seed by seed."""
    table = ranking.paired(runs, names, name, measure, reference)
    finite = table[np.isfinite(table["mean"].to_numpy(float))].sort_values("mean") if len(table) else table
    if finite.empty:
        return empty(f"No pair with {reference} has finished yet.")
    better, worse = finite[finite["ci_high"] < 0], finite[finite["ci_low"] > 0]
    words = [f"{_named(better['value'], len(finite))} {'beats' if len(better) == 1 else 'beat'} {reference}"]
    words += [f"{_named(worse['value'], len(finite))} {'loses' if len(worse) == 1 else 'lose'} to it"] * bool(
        len(worse)
    )
    return interval_chart(
        finite,
        "value",
        f"Seed by seed, {' and '.join(words)}",
        f"difference in {COLUMNS[measure].label} to {reference}",
        "Dot: mean of the differences between runs of the same seed; line: its 95 % interval (Student's t"
        + (f"; together they hold for all {len(finite)}, Bonferroni). " if len(finite) > 1 else "). ")
        + "Left of 0 is better.",
        series_scale(frame, [name], list(finite["value"])),
        zero_line=True,
    )
