"""How a sweep of networks came out: the decay factor nearest to 1, as the page tells it, pooled over seeds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from core.analysis.outcomes import NONE, Outcome
from core.frames import COLUMNS
from core.words import three_digits

if TYPE_CHECKING:
    from core.experiments import Analysis, Experiment


def outcome(experiment: Experiment, analysis: Analysis) -> Outcome:
    """The factor of the setting that keeps gradients best; none where no gradient was measured."""
    decays = analysis.settings
    decays = decays[(decays["decay"] > 0) & np.isfinite(decays["decay"])]
    if decays.empty:
        return NONE
    away = np.log(decays["decay"]).abs()
    best = decays.loc[away.idxmin()]
    which = f" ({best['label']})" if len(analysis.settings) > 1 else ""
    words = f"{COLUMNS['decay_factor_pooled'].label} {three_digits(float(best['decay']))}{which}"
    return Outcome(float(away.min()), words)
