"""What each rule suggests: a row per run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from core.analysis.points import group_by_settings
from core.experiments.training.summary import setting_table, summary
from core.theory.suggestions import RULES

if TYPE_CHECKING:
    from core.experiments import Experiment


__all__ = ["run_summary", "setting_table", "summary"]


FALLS = 0.05  # share of the first loss by which a curve must fall to say anything


def run_summary(experiment: Experiment, frame: pd.DataFrame) -> pd.DataFrame:
    """A row per run: what each rule suggests, and the stability limit."""
    names = experiment.settings.names()
    columns = ["run", *names, "seed"]
    rows = []
    for _, block in frame.groupby("run", sort=False):
        curve = block["lr"].to_numpy(float), block["smoothed_loss"].to_numpy(float)
        suggested = {f"suggested_lr_{name}": rule(*curve, int(block["steps"].iloc[0])) for name, rule in RULES.items()}
        rows.append(
            {
                **block.iloc[0][columns].to_dict(),
                **suggested,
                "max_stable_lr": float(block["max_stable_lr"].iloc[0]),
                "diverged": float(block["diverged"].any()),
                "fall": _fall(block["smoothed_loss"].to_numpy(float)),
            }
        )
    measures = [*(f"suggested_lr_{name}" for name in RULES), "max_stable_lr", "diverged", "fall"]
    table = pd.DataFrame(rows, columns=[*columns, *measures])
    return table.astype({name: frame[name].dtype for name in columns}) if rows else table


def _fall(losses: np.ndarray) -> float:
    """Share of its first loss that a curve loses, at its lowest; 0 for none."""
    finite = losses[np.isfinite(losses)]
    return float(1.0 - finite.min() / finite[0]) if len(finite) and finite[0] > 0 else 0.0


def recommended_lr(runs: pd.DataFrame) -> float:
    """The median of valley's suggestions; NaN where no more than half of the runs have one and fall for it.

    runs  rows of ``run_summary``
    """
    suggested = runs["suggested_lr_valley"]
    return float(suggested.median()) if len(runs) and usable_share(runs) > 0.5 else math.nan


def recommended_rates(runs: pd.DataFrame, names: Sequence[str]) -> dict[str, float]:
    """``recommended_lr`` of every setting, by its label: what the page and the list of results tell."""
    number, points = group_by_settings(runs, names)
    return {points.loc[point, "label"]: recommended_lr(block) for point, block in runs.groupby(number)}


def usable_share(runs: pd.DataFrame) -> float:
    """Share of the runs whose curve suggests a rate, and falls enough for it to mean anything."""
    return float((runs["suggested_lr_valley"].notna() & ~(runs["fall"] < FALLS)).mean())
