"""How much too long or too short a wrong line makes the steps, where that follows from the line itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import altair as alt
import numpy as np
import pandas as pd

from core.experiments.mistakes.settings import RIGHT, Mistakes
from core.experiments.training.formula_chart import Line, formula_chart
from core.parts.mistakes import MISTAKES, schedule_of
from core.settings import Settings
from core.theory import schedules
from core.words import three_digits

if TYPE_CHECKING:
    from core.experiments import Experiment
    from core.plotting.figure import Figure
    from core.sweeps import Sweep

READ = ("mistake", "scheduler", "micro_batches", "dataset", "base_lr", "epochs", "batch_size")


def sketch(experiment: Experiment, sweep: Sweep) -> Figure | None:
    """The learning rate times the gradient's scale, as a multiple of the right loop's, a line per mistake."""
    note = (
        "By formula, before any run: the learning rate, and the factor on the gradient, over the right loop's. What the "
        "other wrong lines do depends on the data; the runs show it."
    )
    x = alt.X("place:Q", title="update", axis=alt.Axis(tickMinStep=1))
    wrong = [point for point in sweep.points if point.values()["mistake"] != RIGHT]
    return formula_chart(wrong, READ, _line, x, "times the right loop's step", _title, note, logarithmic=True)


def _line(point: Settings) -> Line | None:
    """None where the wrong line leaves the step's scale alone, or where a loss decides, or no formula is known."""
    assert isinstance(point, Mistakes)
    entry = MISTAKES.parse(point.mistake).entry
    wrong, right = schedule_of(point.mistake, point.scheduler), schedule_of(RIGHT, point.scheduler)
    first = entry.name == "scheduler_first"  # as the engine has it
    if right.entry.needs_loss or not (entry.factor or entry.stepped or first):
        return None
    sizes = point.base_lr, point.epochs, point.steps_per_epoch
    factor = float(point.values()[entry.factor]) if entry.factor else 1.0
    its_own, usual = schedules.rates(wrong, *sizes, first=first), schedules.rates(right, *sizes)
    if its_own is None or usual is None:
        return None
    with np.errstate(divide="ignore", invalid="ignore"):
        value = factor * its_own / usual
    return Line(np.arange(len(value)), value)


def _title(lines: pd.DataFrame) -> str:
    finite = lines[np.isfinite(lines["value"]) & (lines["value"] > 0)].sort_values("value")
    if finite.empty:
        return "No wrong line changes the scale of a step"
    low, high = finite.iloc[0], finite.iloc[-1]
    most = f"{three_digits(high['value'])} times as long ({high['label']})"
    if high["value"] == low["value"]:
        return f"Every step is {most} as the right loop's"
    return f"Wrong lines make steps from {three_digits(low['value'])} ({low['label']}) to {most} as the right loop's"
