"""How much too long or too short a wrong line makes the steps, where that follows from the line itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import altair as alt
import numpy as np
import pandas as pd

from core.experiments.mistakes.settings import RIGHT, Mistakes
from core.experiments.training.formula_chart import Line, formula_chart
from core.parts.mistakes import MISTAKES, Mistake, schedule_of
from core.parts.optimizers import OPTIMIZERS
from core.settings import Settings
from core.theory import schedules
from core.words import three_digits

if TYPE_CHECKING:
    from core.experiments import Experiment
    from core.plotting.figure import Figure
    from core.sweeps import Sweep

READ = (
    "mistake", "optimizer", "clipper", "scheduler", "micro_batches", "dataset", "base_lr", "epochs", "batch_size"
)  # fmt: skip
STEPS_AS_LONG = "sgd"  # the optimizer whose step is as many times as long as its gradient


def sketch(experiment: Experiment, sweep: Sweep) -> Figure | None:
    """The learning rate times the gradient's scale, as a multiple of the right loop's, a line per mistake."""
    note = (
        "By formula, before any run: the learning rate, and the factor on the gradient, over the right loop's. What the "
        "other wrong lines do depends on the data; the runs show it."
    )
    x = alt.X("place:Q", title="update", axis=alt.Axis(tickMinStep=1))
    wrong = [point for point in sweep.points if point.values()["mistake"] != RIGHT]
    return formula_chart(
        wrong, READ, _has_formula, _line, x, "times the right loop's step", _title, note, logarithmic=True
    )


def _has_formula(point: Settings) -> bool:
    """Whether the line changes the scale of a step by itself: its rate, or with plain SGD its gradient's size."""
    assert isinstance(point, Mistakes)
    entry = MISTAKES.parse(point.mistake).entry
    if entry.factor:
        return OPTIMIZERS.parse(point.optimizer).entry.name == STEPS_AS_LONG and point.clipper == "none"
    return bool(entry.stepped or _comes_first(entry)) and schedules.has_formula(schedule_of(RIGHT, point.scheduler))


def _comes_first(entry: Mistake) -> bool:
    """Whether the scheduler is stepped before the optimizer, as the engine has it."""
    return entry.name == "scheduler_first"


def _line(point: Settings) -> Line:
    assert isinstance(point, Mistakes)
    entry = MISTAKES.parse(point.mistake).entry
    steps = np.arange(point.epochs * point.steps_per_epoch)
    if entry.factor:
        return Line(steps, np.full(len(steps), float(point.values()[entry.factor])))
    sizes = point.base_lr, point.epochs, point.steps_per_epoch
    wrong, right = schedule_of(point.mistake, point.scheduler), schedule_of(RIGHT, point.scheduler)
    rates, usual = schedules.rates(wrong, *sizes, first=_comes_first(entry)), schedules.rates(right, *sizes)
    assert rates is not None and usual is not None
    with np.errstate(divide="ignore", invalid="ignore"):
        return Line(steps, rates / usual)


def _title(lines: pd.DataFrame) -> str:
    finite = lines[np.isfinite(lines["value"])].sort_values("value")
    if finite.empty:
        return "No wrong line changes the scale of a step"
    low, high = finite.iloc[0], finite.iloc[-1]
    most = f"{three_digits(high['value'])} times as long ({high['label']})"
    if high["value"] == low["value"]:
        return f"Every step is {most} as the right loop's"
    return f"Wrong lines make steps from {three_digits(low['value'])} ({low['label']}) to {most} as the right loop's"
