"""The charts of the page: each a pure function of the frame, its title the finding."""

from __future__ import annotations

from typing import TYPE_CHECKING

import altair as alt
import numpy as np
import pandas as pd

from core.analysis import curves, statistics
from core.analysis.points import group_by_settings, varying_settings
from core.experiments.backprop.settings import GRADIENTS, PREDICTIONS, Backprop
from core.experiments.training.charts import NOTHING
from core.frames import COLUMNS
from core.parts.datasets import TRUTH_TABLES
from core.plotting.figure import Figure, Figures, empty, figure
from core.plotting.lines import courses
from core.plotting.series import count_text, drawn_series, series_scale
from core.plotting.style import PALETTE, THEORY, colours, legend, setting_labels
from core.words import three_digits

if TYPE_CHECKING:
    from core.experiments import Analysis, Experiment


RIGHT = "share of runs that end with every example right"
ENDS = ("every example right", "not solved")
SETTINGS = 12  # of a chart with a row each


GROUPS = {"The course": ("loss", "ends", "accuracy", "gradients", "predictions")}


def charts(experiment: Experiment, analysis: Analysis) -> Figures:
    """The share of runs that solve it, where they end, and the course of loss, gradients and predictions, by name."""
    frame, runs = analysis.finite, analysis.runs
    if frame.empty:
        return Figures({"loss": lambda: empty(NOTHING)}, GROUPS)
    drawings = {}
    gates = runs[runs["dataset"].map(_gate)]
    if len(gates) > 1:
        drawings["success"] = lambda: success_chart(gates)
    drawings["loss"] = lambda: loss_chart(frame, runs)
    if len(runs) > 1:
        drawings["ends"] = lambda: ends_chart(runs)
    if not runs["dataset"].map(_gate).all():
        drawings["accuracy"] = lambda: accuracy_chart(frame, runs)
    if len(runs.drop_duplicates(Backprop.names())) == 1:
        drawings["gradients"] = lambda: gradients_chart(frame)
        if frame[list(PREDICTIONS)].notna().any(axis=None):
            drawings["predictions"] = lambda: predictions_chart(frame)
    return Figures(drawings, GROUPS)


def _gate(dataset: object) -> bool:
    """Whether the dataset is a truth table, which a network either solves or does not."""
    return str(dataset) in TRUTH_TABLES


def shares(runs: pd.DataFrame) -> pd.DataFrame:
    """One row per point of ``run_summary``: its settings, ``label n solved share low high``; Wilson's 95 % interval."""
    number, table = group_by_settings(runs, Backprop.names())
    rows = []
    for point, block in runs.groupby(number):
        solved, n = int(block["solved"].sum()), len(block)
        low, high = statistics.share_interval(solved, n)
        rows.append({"point": point, "n": n, "solved": solved, "share": solved / n, "low": low, "high": high})
    return pd.DataFrame(rows).join(table, on="point")


def success_title(table: pd.DataFrame) -> str:
    """Who solves it most and least often, from ``shares``."""
    if len(table) == 1:
        row = table.iloc[0]
        return f"{row['solved']} of {row['n']} runs solve it" + (
            ": the first weights decide" if 0 < row["share"] < 1 else ""
        )
    ordered = table.sort_values("share", kind="stable")
    low, high = ordered.iloc[0], ordered.iloc[-1]
    if low["share"] == high["share"]:
        return f"Each of the {len(table)} settings solves it in {low['share']:.0%} of its runs"
    return f"{low['label']}: solved in {low['share']:.0%} of the runs; {high['label']}: in {high['share']:.0%}"


def success_chart(runs: pd.DataFrame) -> Figure:
    """The share of runs that solve it, with its interval: over hidden units where they vary, else a row per setting."""
    table = shares(runs)
    note = (
        f"Dot: share of runs, n = {count_text(table['n'])} seeds each; bar: 95 % interval (Wilson's). "
        "A single run is one draw from such a share, and so proves nothing."
    )
    scale, format = alt.Scale(domain=[0, 1]), alt.Axis(format=".0%", title=RIGHT)
    tooltip = [
        alt.Tooltip("label:N", title="setting"),
        alt.Tooltip("solved:Q", title="runs that solve it"),
        alt.Tooltip("n:Q", title="of"),
        alt.Tooltip("low:Q", format=".1%", title="interval from"),
        alt.Tooltip("high:Q", format=".1%", title="to"),
    ]
    others = [name for name in varying_settings(runs, Backprop.names()) if name != "hidden"]
    if table["hidden"].nunique() < 2:
        labels, left_out = drawn_series(table)
        shown = table[table["label"].isin(labels)]
        base = alt.Chart(shown).encode(
            y=alt.Y("label:N", sort=labels, title=None, axis=alt.Axis(labelLimit=260)),
            color=alt.Color("label:N", scale=series_scale(runs, Backprop.names(), labels), legend=None),
            tooltip=tooltip,
        )
        drawn = [
            base.mark_rule(strokeWidth=3).encode(x=alt.X("low:Q", scale=scale, axis=format), x2=alt.X2("high:Q")),
            base.mark_point(filled=True, size=90, opacity=1).encode(x=alt.X("share:Q", scale=scale, axis=format)),
        ]
        return figure(drawn, success_title(table), f"{note} {left_out}".strip(), max(120, 34 * len(shown)))
    number, names = group_by_settings(table, others) if others else (pd.Series(0, index=table.index), None)
    table = table.assign(series=number.map(names["label"]) if names is not None else "all runs")
    lines, left_out = drawn_series(table.assign(label=table["series"]))
    shown = table[table["series"].isin(lines)]
    base = alt.Chart(shown).encode(
        x=alt.X(
            "hidden:Q",
            title=COLUMNS["hidden"].title,
            axis=alt.Axis(values=sorted(int(value) for value in shown["hidden"].unique())[:20], format="d"),
            scale=alt.Scale(nice=False, zero=False, padding=20),
        ),
        color=alt.Color(
            "series:N",
            scale=series_scale(runs, others, lines) if others else alt.Scale(range=[PALETTE[0]]),
            legend=legend(setting_labels(others), lines) if others else None,
        ),
        tooltip=tooltip,
    )
    drawn = [
        base.mark_rule(strokeWidth=3, opacity=0.6).encode(
            y=alt.Y("low:Q", scale=scale, axis=format), y2=alt.Y2("high:Q")
        ),
        base.mark_line().encode(y=alt.Y("share:Q", scale=scale, axis=format)),
        base.mark_point(filled=True, size=80, opacity=1).encode(y=alt.Y("share:Q", scale=scale, axis=format)),
    ]
    return figure(drawn, success_title(table), f"{note} {left_out}".strip())


def loss_chart(frame: pd.DataFrame, runs: pd.DataFrame) -> Figure:
    """Training loss over epochs: a line per setting, the median over seeds, with a band over seeds."""
    ends = runs.groupby(group_by_settings(runs, Backprop.names())[0])["final_train_loss"].median().dropna()
    words = three_digits(ends.min()) if len(ends) else "–"
    title = (
        f"The loss ends at {words}"
        if len(ends) < 2
        else f"The loss ends between {words} and {three_digits(ends.max())}"
    )
    return _course(frame, "train_loss", title if len(ends) else "No loss is a finite number", "L, binary cross-entropy")


def every_run_chart(frame: pd.DataFrame, runs: pd.DataFrame) -> Figure:
    """The loss of every single run over epochs: a thin line each, coloured by how it ends."""
    frame = curves.finite(frame)
    runs = runs.set_index("run")
    steps = np.unique(np.linspace(0, int(frame["epoch"].max()), 80).round().astype(int))
    data = frame.loc[frame["epoch"].isin(steps) & frame["train_loss"].notna(), ["run", "seed", "epoch", "train_loss"]]
    solved = data["run"].map(runs["solved"]) > 0
    data = data.assign(state=np.where(solved, ENDS[0], ENDS[1])).drop(columns="run")
    drawn = (
        alt.Chart(data)
        .mark_line(opacity=0.6, strokeWidth=1.4)
        .encode(
            x=alt.X("epoch:Q", title="epoch", axis=alt.Axis(tickCount=5, format="d"), scale=alt.Scale(nice=False)),
            y=alt.Y("train_loss:Q", title="loss"),
            detail=alt.Detail("seed:N"),
            color=alt.Color("state:N", scale=alt.Scale(domain=list(ENDS), range=[PALETTE[2], PALETTE[5]]), legend=None),
            tooltip=[alt.Tooltip("seed:Q"), alt.Tooltip("epoch:Q"), alt.Tooltip("train_loss:Q", format=".3g")],
        )
    )
    count = int(runs["solved"].sum())
    return figure(
        drawn, f"{count} of {len(runs)} networks learn it, {len(runs) - count} (orange) get stuck", "A line is one run."
    )


def accuracy_chart(frame: pd.DataFrame, runs: pd.DataFrame) -> Figure:
    """Share of rows in the right class over epochs."""
    best = runs["final_accuracy"].max()
    title = f"At best, {best:.1%} of the examples end in the right class" if np.isfinite(best) else "Accuracy"
    return _course(frame, "accuracy", title, COLUMNS["accuracy"].title)


def _course(frame: pd.DataFrame, measure: str, title: str, heading: str) -> Figure:
    """A measure over epochs, a line per setting, with a band over seeds."""
    table = curves.by_step(frame.assign(step=frame["epoch"]), Backprop.names(), measure)
    if table.empty:
        return empty(f"There is no finite {COLUMNS[measure].label} to draw.")
    labels, left_out = drawn_series(table)
    data = table[table["label"].isin(labels)]
    several = data["n"].max() > 1
    drawn = courses(
        data,
        _epochs("step"),
        heading,
        series_scale(frame, Backprop.names(), labels),
        band=("low", "high") if several else None,
        logarithmic=False,
        scale=alt.Scale(zero=True),
        percent=measure == "accuracy",
    )
    note = "One seed."
    if several:
        note = f"Line: median over seeds, n = {count_text(data['n'])}; band: 10th to 90th percentile of the seeds."
    return figure(drawn.layers, title, f"{note} {left_out}".strip())


def _epochs(name: str) -> alt.X:
    return alt.X(
        f"{name}:Q",
        title="epoch (one update each)",
        axis=alt.Axis(tickMinStep=1, format="d"),
        scale=alt.Scale(nice=False),
    )


def _of_one_setting(frame: pd.DataFrame, measures: tuple[str, ...]) -> pd.DataFrame:
    """``label step n median low high`` of several measures of one setting."""
    stepped = frame.assign(step=frame["epoch"])
    tables = [curves.by_step(stepped, Backprop.names(), name).assign(label=COLUMNS[name].label) for name in measures]
    return pd.concat(tables, ignore_index=True)


def gradients_chart(frame: pd.DataFrame) -> Figure:
    """The gradient of each of the four parameters over epochs, on a log axis."""
    table = _of_one_setting(frame, GRADIENTS)
    shown = table[table["median"] > 0]
    if shown.empty:
        return empty("All gradients are exactly zero, from the first epoch to the last: nothing can be learned.")
    names = [COLUMNS[name].label for name in GRADIENTS]
    drawn = courses(shown, _epochs("step"), "norm of the gradient", colours(names), band=None, logarithmic=True)
    first = shown[shown["step"] == shown["step"].min()].set_index("label")["median"]
    ratio = first.get(names[0], np.nan) / first.get(names[2], np.nan)
    title = "The gradient of each layer"
    if np.isfinite(ratio):
        title = f"At first the hidden layer's weights get {three_digits(ratio)} of the gradient of the output's"
    lost = len(table) - len(shown)
    note = "Median over seeds." if shown["n"].max() > 1 else "One seed."
    return figure(drawn.layers, title, note + (f" {lost} points of a zero gradient are left out." if lost else ""))


def predictions_chart(frame: pd.DataFrame) -> Figure:
    """The four predictions over epochs, and the line that divides the classes."""
    table = _of_one_setting(frame, PREDICTIONS)
    names = [COLUMNS[name].label for name in PREDICTIONS]
    data = table[np.isfinite(table["median"])]
    if data.empty:
        return empty("No prediction is a finite number.")
    drawn = courses(
        data,
        _epochs("step"),
        "prediction a₂",
        colours(names),
        band=("low", "high") if data["n"].max() > 1 else None,
        logarithmic=False,
        scale=alt.Scale(domain=[0, 1]),
    )
    half = alt.Chart(pd.DataFrame({"half": [0.5]})).mark_rule(strokeDash=[2, 3], color=THEORY).encode(y=alt.Y("half:Q"))
    ends = data[data["step"] == data["step"].max()].set_index("label")["median"]
    title = "Predictions end at " + ", ".join(three_digits(ends.get(name, np.nan)) for name in names)
    note = "Line: median over seeds; band: 10th to 90th percentile." if data["n"].max() > 1 else "One seed."
    return figure([half, *drawn.layers], title, f"{note} Above the dotted line the network says 1, below it 0.")


def ends_chart(runs: pd.DataFrame) -> Figure:
    """Where each single run ends: a tick per run, a row per setting."""
    _, table = group_by_settings(runs, Backprop.names())
    number = group_by_settings(runs, Backprop.names())[0]
    data = runs.assign(label=number.map(table["label"]), state=np.where(runs["solved"] > 0, *ENDS))
    data = data[np.isfinite(data["final_train_loss"].to_numpy(float))][["label", "seed", "final_train_loss", "state"]]
    if data.empty:
        return empty("No run ended with a finite loss.")
    order = list(dict.fromkeys(data["label"]))
    shown = data[data["label"].isin(order[:SETTINGS])].head(4000)
    low, high = data["final_train_loss"].min(), data["final_train_loss"].max()
    left = f" {SETTINGS} of {len(order)} settings are drawn." if len(order) > SETTINGS else ""
    drawn = (
        alt.Chart(shown)
        .mark_tick(thickness=2, opacity=0.55, size=20)
        .encode(
            x=alt.X("final_train_loss:Q", title="loss after the last epoch", scale=alt.Scale(zero=True)),
            y=alt.Y("label:N", sort=order, title=None, axis=alt.Axis(labelLimit=260)),
            color=alt.Color(
                "state:N",
                scale=alt.Scale(domain=list(ENDS), range=[PALETTE[2], PALETTE[5]]),
                legend=alt.Legend(title=None, orient="bottom", symbolType="square", symbolOpacity=1),
            ),
            tooltip=[
                alt.Tooltip("label:N"),
                alt.Tooltip("seed:Q"),
                alt.Tooltip("final_train_loss:Q", format=".4g"),
                alt.Tooltip("state:N"),
            ],
        )
    )
    title = f"Each run ends somewhere else: losses from {three_digits(low)} to {three_digits(high)}"
    if three_digits(low) == three_digits(high):
        title = f"Every run ends at the same loss, {three_digits(low)}"
    return figure(drawn, title, f"A tick is one run.{left}", max(120, 34 * min(len(order), SETTINGS)))
