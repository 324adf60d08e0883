"""How a sweep of range tests came out: the rates that the page recommends."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pandas as pd

from core.analysis.outcomes import NONE, Outcome
from core.experiments.range_test.summary import recommended_rates
from core.frames import COLUMNS
from core.words import span

if TYPE_CHECKING:
    from core.experiments import Analysis, Experiment


def outcome(experiment: Experiment, analysis: Analysis) -> Outcome:
    """The recommended rate, the same as on the page, or the span of those of several settings; none where no curve falls."""
    rates = recommended_rates(analysis.runs, experiment.settings.names()).values()
    usable = pd.Series([rate for rate in rates if math.isfinite(rate)], dtype=float)
    if usable.empty:
        return NONE
    return Outcome(float(usable.min()), f"{COLUMNS[experiment.outcome].label} {span(usable)}")
