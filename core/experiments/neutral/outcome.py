"""How a sweep came out: its leading measure at the setting that ends best."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.analysis import outcomes

if TYPE_CHECKING:
    from core.experiments import Analysis, Experiment


def outcome(experiment: Experiment, analysis: Analysis) -> outcomes.Outcome:
    """The outcome by the experiment's leading measure and goal; none where it has no such measure."""
    if not experiment.outcome:
        return outcomes.NONE
    return outcomes.outcome(analysis.runs, experiment.settings.names(), experiment.outcome, experiment.goal)
