"""The rates that the schedules will use: formulas give them before a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import altair as alt
import numpy as np
import pandas as pd

from core.experiments.training.formula_chart import Line, formula_chart
from core.experiments.training.settings import Training
from core.frames import COLUMNS
from core.parts.schedulers import SCHEDULERS
from core.settings import Settings
from core.theory import schedules
from core.words import three_digits

if TYPE_CHECKING:
    from core.experiments import Experiment
    from core.plotting.figure import Figure
    from core.sweeps import Sweep

READ = ("scheduler", "base_lr", "dataset", "epochs", "batch_size")
DECADE = 10.0  # base rates further apart could not be seen on one linear axis; else it shows the courses best


def sketch(experiment: Experiment, sweep: Sweep) -> Figure | None:
    """The learning rate of every update, a line per schedule; None where all wait for a loss."""
    waiting = [text for text in sweep.axes["scheduler"] if SCHEDULERS.parse(text).entry.needs_loss]
    note = "By formula, before any run: each of these courses takes its trainings from the first update to the last."
    if waiting:
        verb = "starts at its base rate and waits" if len(waiting) == 1 else "start at their base rates and wait"
        note += f" {', '.join(waiting)} {verb} for a loss that stands still."
    x = alt.X("place:Q", title="update", axis=alt.Axis(tickMinStep=1))
    rates = sweep.axes["base_lr"]
    apart = max(rates) > DECADE * min(rates)
    return formula_chart(
        sweep.points, READ, _has_formula, _line, x, COLUMNS["lr"].title, _title, note, logarithmic=apart
    )


def _has_formula(point: Settings) -> bool:
    return schedules.has_formula(SCHEDULERS.parse(point.values()["scheduler"]))


def _line(point: Settings) -> Line:
    assert isinstance(point, Training)
    scheduler = SCHEDULERS.parse(point.values()["scheduler"])
    lr = schedules.rates(scheduler, point.base_lr, point.epochs, point.steps_per_epoch)
    assert lr is not None
    return Line(np.arange(len(lr)), lr)


def _title(lines: pd.DataFrame) -> str:
    low, high = lines["value"].min(), lines["value"].max()
    names = list(dict.fromkeys(lines["label"]))
    whose = f"The rate of {names[0]}" if len(names) == 1 else "These rates"
    if low == high:
        return f"{whose} will stay at {three_digits(low)}"
    return f"{whose} will run between {three_digits(low)} and {three_digits(high)}"
