"""The charts of the page, by name: each a pure function of its tables, its title the finding."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.experiments.vanishing.decay_charts import decay_chart, split_chart
from core.experiments.vanishing.gradient_chart import gradient_chart
from core.experiments.vanishing.layer_charts import share_chart, steps_chart
from core.plotting.figure import Figures

if TYPE_CHECKING:
    from core.experiments import Analysis, Experiment


GROUPS = {
    "What shrinks": ("decay", "split"),
    "Units": ("saturated", "dead"),
    "While it trains": ("steps",),
}


def charts(experiment: Experiment, analysis: Analysis) -> Figures:
    """Every chart that the frame has something for."""
    frame = analysis.frame
    drawings = {
        "gradient": lambda: gradient_chart(frame, analysis.points, analysis.settings),
        "decay": lambda: decay_chart(analysis.settings),
        "split": lambda: split_chart(analysis.settings),
        "saturated": lambda: share_chart(frame, analysis.points, "saturated"),
        "dead": lambda: share_chart(frame, analysis.points, "dead"),
    }
    if len(frame) and frame["steps"].max() > 0:
        drawings["steps"] = lambda: steps_chart(frame, analysis.points)
    return Figures(drawings, GROUPS)
