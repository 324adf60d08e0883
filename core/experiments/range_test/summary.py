"""What each rule suggests: a row per run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from core.experiments.training.summary import setting_table, summary
from core.theory.suggestions import RULES

if TYPE_CHECKING:
    from core.experiments import Experiment


__all__ = ["run_summary", "setting_table", "summary"]


def run_summary(experiment: Experiment, frame: pd.DataFrame) -> pd.DataFrame:
    """A row per run: what each rule suggests, and the stability limit."""
    names = experiment.settings.names()
    columns = ["run", *names, "seed"]
    rows = []
    for _, block in frame.groupby("run", sort=False):
        curve = block["lr"].to_numpy(float), block["smoothed_loss"].to_numpy(float)
        suggested = {f"suggested_lr_{name}": rule(*curve) for name, rule in RULES.items()}
        rows.append(
            {
                **block.iloc[0][columns].to_dict(),
                **suggested,
                "max_stable_lr": float(block["max_stable_lr"].iloc[0]),
                "diverged": float(block["diverged"].any()),
            }
        )
    measures = [*(f"suggested_lr_{name}" for name in RULES), "max_stable_lr", "diverged"]
    table = pd.DataFrame(rows, columns=[*columns, *measures])
    return table.astype({name: frame[name].dtype for name in columns}) if rows else table
