"""The charts of the page, by name: each a pure function of its tables, its title the finding."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.experiments.vanishing.decay_charts import decay_chart, split_chart
from core.experiments.vanishing.gradient_chart import gradient_chart
from core.experiments.vanishing.layer_charts import share_chart, steps_chart
from core.plotting.figure import Figure, in_groups

if TYPE_CHECKING:
    from core.experiments import Analysis, Experiment


GROUPS = {
    "What shrinks": ("decay", "split"),
    "Units": ("saturated", "dead"),
    "While it trains": ("steps",),
}


def charts(experiment: Experiment, analysis: Analysis) -> dict[str, Figure]:
    """Every chart that the frame has something for."""
    frame, decays = analysis.frame, analysis.settings
    figures = {
        "gradient": gradient_chart(frame, decays),
        "decay": decay_chart(decays),
        "split": split_chart(decays),
        "saturated": share_chart(frame, "saturated"),
        "dead": share_chart(frame, "dead"),
    }
    if len(frame) and frame["steps"].max() > 0:
        figures["steps"] = steps_chart(frame)
    return in_groups(figures, GROUPS)
