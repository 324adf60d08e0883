"""How the trainings end: a row per run; who learns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from core.analysis import ranking
from core.analysis.baseline import per_run
from core.analysis.layers import decay_table
from core.analysis.points import group_by_settings
from core.experiments.remedies.settings import Remedies
from core.experiments.training.summary import failures, setting_table, summary
from core.parts.baselines import NAMES as BASELINES

if TYPE_CHECKING:
    from core.experiments import Experiment


__all__ = ["run_summary", "setting_table", "summary"]


LEARNS = 0.5  # share of guessing's errors that a network that learns avoids
AT_CHANCE = 0.1  # one that avoids less than this stays at chance


def curves_of(frame: pd.DataFrame) -> pd.DataFrame:
    """A row per run and update, with its ``epoch``: what the whole network did, its layers left out."""
    table = frame[frame["layer"] == 1].drop(columns=["layer", "grad_norm", "update_ratio"])
    per_epoch = (table.groupby("run")["step"].transform("max") + 1) / table["epochs"]
    return table.assign(epoch=(table["step"] // per_epoch.clip(lower=1)).astype(int))


def run_summary(experiment: Experiment, frame: pd.DataFrame) -> pd.DataFrame:
    """A row per run: how its training ended, and the decay factor of its gradient before and after."""
    measures = ["final_train_loss", "final_val_loss", "best_val_loss", "final_val_accuracy"]
    measures += ["final_val_balanced_accuracy", "diverged", "failed", "decay_factor", "decay_factor_last", *BASELINES]
    if frame.empty:
        return pd.DataFrame(columns=["run", *Remedies.names(), "seed", *measures])
    table = curves_of(frame)
    last = table[~table["run"].duplicated(keep="last")].set_index("run")
    runs = frame.loc[~frame["run"].duplicated(), ["run", *Remedies.names(), "seed"]].reset_index(drop=True)
    at = runs["run"].map
    diverged = last["train_loss"].isna()
    failed, exploded = failures(table, diverged)
    points = group_by_settings(frame, Remedies.names())
    decay = decay_table(frame, points).set_index("run")["decay_factor"]
    decay_last = decay_table(frame, points, last=True).set_index("run")["decay_factor"]
    return runs.assign(
        final_train_loss=at(last["train_loss"].mask(exploded)),
        final_val_loss=at(last["val_loss"].mask(exploded)),
        best_val_loss=at(table.groupby("run")["val_loss"].min()),
        final_val_accuracy=at(last["val_accuracy"]),
        final_val_balanced_accuracy=at(last["val_balanced_accuracy"]),
        diverged=at(diverged).astype(float),
        failed=at(failed).astype(float),
        decay_factor=at(decay),
        decay_factor_last=at(decay_last),
    ).join(per_run(runs["dataset"]))


def skill(accuracy: float, majority: float) -> float:
    """Share of the errors of always answering the largest class that a network avoids: 0 as that, 1 makes none.

    majority  the share of the largest class, below 1; NaN gives NaN
    """
    return (accuracy - majority) / (1.0 - majority)


def standing(runs: pd.DataFrame, measure: str) -> pd.DataFrame:
    """``remedy n runs mean`` of a measure, the best remedy first; remedies that lost runs stand last."""
    table = ranking.standing(runs, ["remedy"], measure)
    return ranking.highest_first(table) if measure.endswith("accuracy") else table


def survivors(row: pd.Series) -> str:
    """Whose mean a row of ``standing`` holds: ``10 runs``, or ``7 of 10 runs, the others diverged``."""
    if row["n"] < row["runs"]:
        return f"{row['n']} of {row['runs']} runs, the others diverged"
    return f"{row['n']} runs" if row["n"] != 1 else "one run"
