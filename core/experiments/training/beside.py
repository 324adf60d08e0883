"""The best setting of a sweep beside guessing, a linear model and boosting on the same rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from core.analysis import ranking
from core.analysis.baseline import Mean, standing

LABEL = "Beside baselines"


def beside_baselines(frame: pd.DataFrame, runs: pd.DataFrame, names: Sequence[str]) -> tuple[str, str, str]:
    """(label, value, explanation) of the setting with the highest mean accuracy, or of a number the lowest mean loss."""
    if runs.empty:
        return LABEL, "–", "Press Run."
    measure = "final_val_accuracy" if runs["final_val_accuracy"].notna().any() else "final_val_loss"
    table = ranking.ranking(runs, names, measure)
    table = ranking.highest_first(table) if measure.endswith("accuracy") else table
    best = Mean(*(float(table.iloc[0][name]) for name in ("mean", "ci_low", "ci_high")))
    if not np.isfinite(best.mean):
        return LABEL, "–", "No run ended with a finite loss."
    return LABEL, *standing(frame, best, measure.removeprefix("final_"))
