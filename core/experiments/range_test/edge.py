"""The curvature along full-batch descent, beside the largest at which its rate is stable."""

from __future__ import annotations

from typing import TYPE_CHECKING

import altair as alt
import numpy as np
import pandas as pd

from core.experiments.range_test.settings import RangeTest
from core.parts.optimizers import OPTIMIZERS
from core.plotting.figure import Figure, empty, figure
from core.plotting.style import BLUE, DASH, THEORY
from core.settings import Run
from core.theory.curvature import max_stable_lr
from core.words import three_digits

if TYPE_CHECKING:
    import pandas as pd

    from core.plotting.figure import Figure


EDGE_STEPS, EDGE_EVERY = 400, 20


def largest_rate(settings: RangeTest) -> float:
    """The largest stable learning rate of its optimizer at a curvature of 1; NaN where it has none."""
    return max_stable_lr(OPTIMIZERS.parse(settings.optimizer), 1.0)


def edge(run: Run, lr: float) -> dict[str, np.ndarray]:
    """Full-batch descent of one run at a constant rate: ``loss`` of each update, ``sharpness`` of every twentieth.

    Run in a worker: imports torch.
    """
    from core.engine.curvature import descent
    from core.experiments.training.compute import stack

    settings = run.settings
    assert isinstance(settings, RangeTest) and settings.data.training_rows is not None
    found = descent(stack([run]), settings.data.training_rows, lr, EDGE_STEPS, EDGE_EVERY)
    return {"loss": found.loss[0], "sharpness": found.sharpness[0]}


def edge_chart(sharpness: np.ndarray, lr: float, limit: float) -> Figure:
    """λ_max over the updates of full-batch descent, and the line above which its rate is unstable."""
    finite = np.isfinite(sharpness)
    if not finite.any():
        return empty("The loss is not finite from the start: take a lower rate.")
    data = pd.DataFrame({"step": np.arange(len(sharpness))[finite] * EDGE_EVERY, "sharpness": sharpness[finite]})
    highest, last = float(data["sharpness"].max()), float(data["sharpness"].iloc[-1])
    line = alt.Chart(data).mark_line(point=True, color=BLUE)
    rule = alt.Chart(pd.DataFrame({"limit": [limit]})).mark_rule(color=THEORY, strokeDash=list(DASH), strokeWidth=2)
    drawn = [
        rule.encode(y=alt.Y("limit:Q", title="largest curvature λ")),
        line.encode(
            x=alt.X("step:Q", title="update, on all training rows at once"),
            y=alt.Y("sharpness:Q", title="largest curvature λ", scale=alt.Scale(domainMin=0)),
            tooltip=[alt.Tooltip("step:Q"), alt.Tooltip("sharpness:Q", format=".4g")],
        ),
    ]
    first = float(data["sharpness"].iloc[0])
    where = "starts above" if first > limit else "reaches" if highest > 0.9 * limit else "stays below"
    title = f"At a rate of {three_digits(lr)} the curvature {where} the limit of {three_digits(limit)} and ends at {three_digits(last)}"
    note = "Dashed grey: the curvature from which this rate is unstable, for full batches and a parabola alone."
    return figure(drawn, title, note, 260)
