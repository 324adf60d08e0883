"""What a clipper leaves of a gradient's norm, where the norm alone decides."""

from __future__ import annotations

from typing import TYPE_CHECKING

import altair as alt
import numpy as np
import pandas as pd

from core.experiments.training.formula_chart import Line, formula_chart
from core.parts.clippers import CLIPPERS
from core.plotting.axes import power_axis
from core.settings import Settings
from core.words import three_digits

if TYPE_CHECKING:
    from core.experiments import Experiment
    from core.plotting.figure import Figure
    from core.sweeps import Sweep

NORMS = np.logspace(-2.0, 3.0, 251)


def sketch(experiment: Experiment, sweep: Sweep) -> Figure | None:
    """The norm after clipping over the norm before, a line per clipper; None where all look at more than the norm."""
    parts = {text: CLIPPERS.parse(text) for text in sweep.axes["clipper"]}
    others = [text for text, part in parts.items() if part.entry.norm_after is None]
    note = "By formula, before any run."
    if others:
        note += f" What {', '.join(others)} {'leaves' if len(others) == 1 else 'leave'} depends on more than the norm."
    axis, scale = power_axis("norm of the gradient before clipping", np.log10(NORMS))
    x = alt.X("drawn_place:Q", axis=axis, scale=scale)
    return formula_chart(sweep.points, ("clipper",), _line, x, "norm after clipping", _title, note, logarithmic=True)


def _line(point: Settings) -> Line | None:
    part = CLIPPERS.parse(point.values()["clipper"])
    return Line(NORMS, part.entry.norm_after(NORMS, **part.arguments)) if part.entry.norm_after else None


def _title(lines: pd.DataFrame) -> str:
    caps = lines.groupby("label", sort=False)["value"].max()
    caps = caps[caps < NORMS[-1]].sort_values()
    if caps.empty:
        return "Without clipping a gradient of any length goes into the update as it is"
    if len(caps) == 1:
        return f"{caps.index[0]} brings every longer gradient down to a norm of {three_digits(caps.iloc[0])}"
    return f"The thresholds cap the norm at {three_digits(caps.iloc[0])} to {three_digits(caps.iloc[-1])}"
