"""What theory expects of the gradients on their way back through the untrained network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import altair as alt
import numpy as np
import pandas as pd

from core.experiments.remedies.settings import Remedies
from core.experiments.training.formula_chart import Line, formula_chart
from core.settings import Settings
from core.theory import mean_field
from core.words import three_digits

if TYPE_CHECKING:
    from core.experiments import Experiment
    from core.plotting.figure import Figure
    from core.sweeps import Sweep

READ = ("remedy", "depth", "width", "dataset")


def sketch(experiment: Experiment, sweep: Sweep) -> Figure | None:
    """The gradient of each layer's weights beside the last hidden layer's, before training, a line per remedy."""
    others = list(dict.fromkeys(point.values()["remedy"] for point in sweep.points if not _has_theory(point)))
    note = "Theory of wide networks, for inputs drawn from N(0, 1), before any run."
    if others:
        note += f" It says nothing of {', '.join(others)}."
    x = alt.X("place:Q", title="layers back from the last hidden one", axis=alt.Axis(tickMinStep=1, format="d"))
    heading = "gradient beside the last hidden layer's"
    return formula_chart(
        sweep.points, READ, _has_theory, _line, x, heading, _title, note, logarithmic=True, dashed=True
    )


def _has_theory(point: Settings) -> bool:
    assert isinstance(point, Remedies)
    plain = (point.norm, point.residual) == ("none", "none")
    return plain or _is_batch_norm_on_relu(point)


def _is_batch_norm_on_relu(point: Remedies) -> bool:
    """Whose growth is known."""
    return (point.norm, point.residual, point.activation) == ("batch", "none", "relu")


def _line(point: Settings) -> Line:
    """From the last hidden layer to the first.

    A batch's rows count each alone: their errors point every way, so that what the rows share cancels.
    """
    assert isinstance(point, Remedies) and point.data.features is not None
    assert point.activation is not None and point.init is not None
    back = np.arange(point.depth)
    if _is_batch_norm_on_relu(point):
        return Line(back, mean_field.BATCHNORM_RELU_GROWTH**back)
    profile = mean_field.gradient_profile(
        point.activation, point.init, point.depth, point.width, point.data.features, batch_size=1
    ).grad_rms[::-1]
    return Line(back, profile / profile[0])


def _title(lines: pd.DataFrame) -> str:
    first = lines.groupby("label", sort=False)["value"].last().sort_values()
    low = f"{_factor(float(first.iloc[0]))} the last hidden layer's"
    if len(first) == 1:
        return f"Theory expects of the first layer's gradient {low}"
    return (
        f"Theory expects of the first layer's gradient {low} ({first.index[0]}) "
        f"to {_factor(float(first.iloc[-1]))} ({first.index[-1]})"
    )


def _factor(value: float) -> str:
    """``0.5×``; a factor that float64 can't hold by what it is below."""
    return f"{three_digits(value)}×" if value > 0 else "less than 10⁻³⁰⁰×"
