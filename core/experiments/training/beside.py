"""The best setting of a sweep beside guessing, a linear model and boosting on the same rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from core.analysis import ranking
from core.analysis.baseline import Mean, standing
from core.analysis.points import group_by_settings, telling_settings

LABEL = "Beside baselines"
MOST_RUNS = 0.5  # of a setting's: where more fail, it is beside nothing


def beside_baselines(frame: pd.DataFrame, runs: pd.DataFrame, names: Sequence[str]) -> tuple[str, str, str]:
    """(label, value, explanation) of the setting with the highest mean accuracy, or of a number the lowest mean loss."""
    if runs.empty:
        return LABEL, "–", "Press Run."
    names = telling_settings(runs, names)  # a remedy's members follow from it, and would make its name a sentence
    failed = runs["failed"].groupby(group_by_settings(runs, names)[0]).transform("mean")
    runs = runs[failed <= MOST_RUNS]
    if runs.empty:
        return LABEL, "–", "Of every setting most runs failed."
    measure = "final_val_accuracy" if runs["final_val_accuracy"].notna().any() else "final_val_loss"
    table = ranking.ranking(runs, names, measure)
    table = ranking.highest_first(table) if measure.endswith("accuracy") else table
    best = Mean(*(float(table.iloc[0][name]) for name in ("mean", "ci_low", "ci_high")))
    if not np.isfinite(best.mean):
        return LABEL, "–", "No run ended with a finite loss."
    words, numbers = standing(frame, best, measure.removeprefix("final_"))
    what = "accuracy" if measure.endswith("accuracy") else "loss"
    whose = f"the {what} of {table.iloc[0]['label']}" if len(table) > 1 else f"the mean {what}"
    return LABEL, words if words == "–" else f"{whose} {words}", numbers
