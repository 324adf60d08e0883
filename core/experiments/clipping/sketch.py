"""What a clipper leaves of a gradient's norm, where the norm alone decides."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import altair as alt
import numpy as np

from core.experiments.training.formula_chart import Line, formula_chart
from core.parts.clippers import CLIPPERS, Clipper
from core.plotting.axes import power_axis
from core.registry import Part
from core.settings import Settings
from core.words import three_digits

if TYPE_CHECKING:
    from core.experiments import Experiment
    from core.plotting.figure import Figure
    from core.sweeps import Sweep

LOW, HIGH = -2, 3  # powers of ten of the norms that are drawn, and one beyond the thresholds
FAR = 1e30  # a norm that no threshold reaches


def sketch(experiment: Experiment, sweep: Sweep) -> Figure | None:
    """The norm after clipping over the norm before, a line per clipper; None where all look at more than the norm."""
    parts = {text: CLIPPERS.parse(text) for text in sweep.axes["clipper"]}
    others = [text for text, part in parts.items() if part.entry.norm_after is None]
    note = "By formula, before any run."
    if others:
        note += f" What {', '.join(others)} {'leaves' if len(others) == 1 else 'leave'} depends on more than the norm."
    caps = {text: _after(part, FAR).item() for text, part in parts.items() if part.entry.norm_after is not None}
    caps = {text: cap for text, cap in caps.items() if cap < FAR}
    powers = np.log10(list(caps.values()))
    low, high = min([LOW, *np.floor(powers - 1)]), max([HIGH, *np.ceil(powers + 1)])
    norms = np.logspace(low, high, 301)
    axis, scale = power_axis("norm of the gradient before clipping", [low, high])
    x = alt.X("drawn_place:Q", axis=axis, scale=scale)
    title = _title(caps)
    return formula_chart(
        sweep.points,
        ("clipper",),
        _has_formula,
        partial(_line, norms),
        x,
        "norm after clipping",
        lambda lines: title,
        note,
        logarithmic=True,
    )


def _has_formula(point: Settings) -> bool:
    return CLIPPERS.parse(point.values()["clipper"]).entry.norm_after is not None


def _line(norms: np.ndarray, point: Settings) -> Line:
    return Line(norms, _after(CLIPPERS.parse(point.values()["clipper"]), norms))


def _after(part: Part[Clipper], norms: np.ndarray | float) -> np.ndarray:
    assert part.entry.norm_after is not None
    return np.asarray(part.entry.norm_after(np.asarray(norms), **part.arguments))


def _title(caps: dict[str, float]) -> str:
    """``caps``: the largest norm that each clipper leaves, of those that cap it."""
    if not caps:
        return "Without clipping a gradient of any length goes into the update as it is"
    low, *_, high = sorted([*caps.values(), max(caps.values())])
    if len(caps) == 1:
        return f"{next(iter(caps))} brings every longer gradient down to a norm of {three_digits(high)}"
    return f"The thresholds cap the norm at {three_digits(low)} to {three_digits(high)}"
