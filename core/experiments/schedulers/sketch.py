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
    """The learning rate of every update, a line per schedule."""
    note = "By formula, before any run: one of these courses takes every training from its first update to its last."
    if any(SCHEDULERS.parse(text).entry.needs_loss for text in sweep.axes["scheduler"]):
        note += " A schedule that waits for a loss stays at its base rate until that loss stands still."
    x = alt.X("place:Q", title="update", axis=alt.Axis(tickMinStep=1))
    rates = sweep.axes["base_lr"]
    apart = max(rates) > DECADE * min(rates)
    return formula_chart(sweep.points, READ, _line, x, COLUMNS["lr"].title, _title, note, logarithmic=apart)


def _line(point: Settings) -> Line | None:
    assert isinstance(point, Training)
    scheduler = SCHEDULERS.parse(point.values()["scheduler"])
    lr = schedules.rates(scheduler, point.base_lr, point.epochs, point.steps_per_epoch)
    return None if lr is None else Line(np.arange(len(lr)), lr)


def _title(lines: pd.DataFrame) -> str:
    low, high = lines["value"].min(), lines["value"].max()
    if low == high:
        return f"The rate will stay at {three_digits(low)}"
    return f"The rate will run between {three_digits(low)} and {three_digits(high)}"
