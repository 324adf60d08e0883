"""Charts of remedies: who learns, what the gradients do meanwhile, at which depth a remedy stops helping."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import altair as alt
import numpy as np
import pandas as pd

from core.analysis import ranking, statistics
from core.analysis.baseline import majority
from core.analysis.points import group_by_settings
from core.experiments.remedies.summary import AT_CHANCE, curves_of, skill, standing, survivors
from core.experiments.training.charts import NOTHING, curve_chart, guessing_note, ranking_title
from core.frames import COLUMNS
from core.parts.remedies import MEMBERS
from core.plotting.axes import log10, power_axis
from core.plotting.figure import Drawings, Figure, Figures, empty, figure
from core.plotting.lines import courses
from core.plotting.series import series_scale
from core.plotting.shapes import interval_chart
from core.words import three_digits

if TYPE_CHECKING:
    from core.experiments import Analysis, Experiment


MAPS = 6  # heatmaps that are drawn
DRAWN_STEPS = 60  # of a heatmap


GROUPS = {"Who learns": ("ranking", "loss", "depth"), "Gradients": ()}


def charts(experiment: Experiment, analysis: Analysis) -> Figures:
    """Accuracy and loss with bands, the ranking, a heatmap of gradients per remedy, and accuracy over depth."""
    frame, runs, names = analysis.finite, analysis.runs, experiment.settings.names()
    if frame.empty:
        return Figures({"accuracy": lambda: empty(NOTHING)}, GROUPS)
    own = [name for name in names if name not in MEMBERS]  # a remedy's members vary with it and say nothing new
    whole = curves_of(frame)
    classifies = bool(whole["val_accuracy"].notna().any())
    measure = "val_accuracy" if classifies else "val_loss"
    drawings: Drawings = {
        "accuracy": lambda: curve_chart(
            whole, own, measure, "epoch", _learns_title(frame, runs, f"final_{measure}"), guessing_note(frame, measure)
        ),
        "loss": lambda: curve_chart(whole, own, "train_loss", "step", _loss_title(runs)),
        "ranking": lambda: _ranking(whole, runs, own, f"final_{measure}"),
    }
    if runs["depth"].nunique() > 1:
        drawings["depth"] = lambda: _depth_chart(whole, runs, f"final_{measure}")
    return Figures(drawings | _maps(frame, own), GROUPS)


def _learns_title(frame: pd.DataFrame, runs: pd.DataFrame, measure: str) -> str:
    table = standing(runs, measure)
    best, plain = table.iloc[0], table[table["remedy"] == "plain"]
    if not np.isfinite(best["mean"]):
        return "No run has come to the end of an epoch with a finite loss"
    some = _some(best)
    if measure.endswith("loss"):
        return f"{best['remedy']} ends at a validation loss of {three_digits(float(best['mean']))}{some}"
    ends = f"{best['remedy']} gets {best['mean']:.1%} right on average{some}"
    if plain.empty or best["remedy"] == "plain" or not np.isfinite(plain["mean"].iloc[0]):
        return ends
    gets = float(plain["mean"].iloc[0])
    at_chance = skill(gets, majority(frame)) < AT_CHANCE
    return f"{ends}; the plain network {'does no better than guessing:' if at_chance else 'gets'} {gets:.1%}"


def _some(row: pd.Series) -> str:
    """An aside on whose mean a row of ``standing`` holds, where runs were lost."""
    return f" ({survivors(row)})" if row["n"] < row["runs"] else ""


def _loss_title(runs: pd.DataFrame) -> str:
    best = standing(runs, "final_train_loss").iloc[0]
    if not np.isfinite(best["mean"]):
        return "Training loss"
    some = _some(best)
    return f"{best['remedy']} has the lowest training loss on the last batch: mean {three_digits(float(best['mean']))}{some}"


def _ranking(whole: pd.DataFrame, runs: pd.DataFrame, names: Sequence[str], measure: str) -> Figure:
    table = ranking.ranking(runs, names, measure)
    if measure.endswith("accuracy"):
        table = ranking.highest_first(table)
        table = table[np.isfinite(table["mean"])]
    table = table.head(20)
    if table.empty:
        return empty("No run has a finite value yet.")
    title = ranking_title(runs, names, table, measure)
    note = f"Dot: mean over seeds; line: 95 % interval (Student's t), n = {int(table['n'].max())}."
    scale = series_scale(whole, names, list(table["label"]))
    return interval_chart(table, "label", title, COLUMNS[measure].title, note, scale)


def _depth_chart(whole: pd.DataFrame, runs: pd.DataFrame, measure: str) -> Figure:
    """The final measure over depth, a line per remedy."""
    rows = [
        {"remedy": remedy, "depth": depth, **statistics.drawn_over_seeds(measure, block[measure])}
        for (remedy, depth), block in runs.groupby(["remedy", "depth"], sort=False)
    ]
    table = pd.DataFrame(rows)
    table = table[np.isfinite(table["mean"])]
    if table.empty:
        return empty("No run has a finite value yet.")
    for name in ("ci_low", "ci_high"):
        table[name] = table[name].fillna(table["mean"])
    labels = list(dict.fromkeys(table["remedy"]))
    drawn = courses(
        table.assign(label=table["remedy"]),
        alt.X("depth:Q", title=COLUMNS["depth"].title, axis=alt.Axis(tickMinStep=1), scale=alt.Scale(zero=False)),
        COLUMNS[measure].title,
        series_scale(whole, ["remedy"], labels),
        middle="mean",
        band=("ci_low", "ci_high"),
        logarithmic=False,
        points=True,
        percent=measure.endswith("accuracy"),
    )
    deepest = table[table["depth"] == table["depth"].max()].sort_values("mean", ascending=measure.endswith("loss"))
    best = deepest.iloc[0]
    shown = f"{best['mean']:.1%}" if measure.endswith("accuracy") else three_digits(float(best["mean"]))
    title = f"At {int(best['depth'])} layers {best['remedy']} has the best mean: {shown}"
    return figure(drawn.layers, title, f"Mean over seeds, n = {int(table['n'].max())}, with its 95 % interval.")


def gradient_map(frame: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """``label step layer depth log_grad n``: log10 of grad_rms, mean over seeds, at ``DRAWN_STEPS`` steps at most."""
    steps = np.unique(np.linspace(0, int(frame["step"].max()), DRAWN_STEPS).round().astype(int))
    kept = frame[frame["step"].isin(steps)]
    number, points = group_by_settings(kept, names)
    table = kept.assign(point=number, log_grad=log10(kept["grad_rms"]))
    groups = table[table["log_grad"].notna()].groupby(["point", "step", "layer"])["log_grad"]
    found = pd.DataFrame({"log_grad": groups.mean(), "n": groups.size()}).reset_index()
    depth = kept["depth"].groupby(number).first()
    return found.assign(
        label=found["point"].map(points["label"]),
        depth=found["point"].map(depth),
        grad_rms=10.0 ** found["log_grad"],
    )


def _maps(frame: pd.DataFrame, names: Sequence[str]) -> Drawings:
    """A heatmap of gradients per setting, all on one colour scale."""
    table = gradient_map(frame, names)
    labels = list(dict.fromkeys(table["label"]))
    left_out = f" {MAPS} of {len(labels)} settings are drawn; filter to see the others." if len(labels) > MAPS else ""
    return {f"gradients of {label}": partial(_map, table, label, left_out) for label in labels[:MAPS]}


def _map(table: pd.DataFrame, label: str, left_out: str) -> Figure:
    """The gradients of one setting of ``gradient_map``, by layer and step."""
    axis, scale = power_axis("", table["log_grad"].to_numpy(float))
    color = alt.Color(
        "log_grad:Q",
        scale=alt.Scale(scheme="viridis", domain=scale.domain),
        legend=alt.Legend(
            title=COLUMNS["grad_rms"].label,
            orient="bottom",
            gradientLength=200,
            values=axis.values[::2],  # narrow cards have no room for all
            labelExpr=axis.labelExpr,
        ),
    )
    data = table[table["label"] == label]
    drawn = (
        alt.Chart(data[["step", "layer", "log_grad", "grad_rms", "n"]])
        .mark_rect()
        .encode(
            x=alt.X("step:O", title=COLUMNS["step"].title, axis=alt.Axis(labelOverlap=True, labelAngle=0)),
            y=alt.Y("layer:O", title=COLUMNS["layer"].title, sort="descending", axis=alt.Axis(labelOverlap=True)),
            color=color,
            tooltip=[
                alt.Tooltip("step:Q"),
                alt.Tooltip("layer:Q"),
                alt.Tooltip("grad_rms:Q", format=".3g"),
                alt.Tooltip("n:Q"),
            ],
        )
    )
    note = f"Colour and ratios: geometric mean over seeds; one scale for all.{left_out}"
    return figure(drawn, f"{label}: {_map_words(data)}", note, 220)


def _map_words(data: pd.DataFrame) -> str:
    """The first layer's gradient over the last hidden layer's, when training begins and when it ends; 0 where it has none."""
    logs = data.set_index(["step", "layer"])["log_grad"]
    depth, ends = int(data["depth"].iloc[0]), []
    for step in (data["step"].min(), data["step"].max()):
        first, last = logs.get((step, 1), -math.inf), logs.get((step, depth), -math.inf)
        ends.append(f"{three_digits(10.0 ** (first - last) if np.isfinite(first) else 0.0)}×")
    return f"layer 1's gradient is {ends[0]} the last hidden layer's at first, {ends[1]} at the end"
