"""How the trainings end: a row per run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from core.experiments.backprop.settings import Backprop
from core.experiments.training.summary import setting_table, summary

if TYPE_CHECKING:
    from core.experiments import Experiment


__all__ = ["run_summary", "setting_table", "summary"]


SUMMARIZED = ("solved", "final_train_loss", "epochs_to_solve", "final_accuracy")


def run_summary(experiment: Experiment, frame: pd.DataFrame) -> pd.DataFrame:
    """A row per run: whether it ends with every row right, from which epoch on, and its last loss and accuracy."""
    columns = ["run", *Backprop.names(), "seed", *SUMMARIZED]
    if frame.empty:
        return pd.DataFrame(columns=columns)
    last = frame[~frame["run"].duplicated(keep="last")].reset_index(drop=True)
    solved = last["accuracy"].astype(float) == 1.0  # a run that diverged has none
    wrong = frame[~(frame["accuracy"].astype(float) == 1.0)].groupby("run")["epoch"].max()
    since = last["run"].map(wrong).fillna(-1).astype(float) + 1.0
    return last.assign(
        solved=solved.astype(float),
        final_train_loss=last["train_loss"].astype(float),
        epochs_to_solve=since.where(solved),
        final_accuracy=last["accuracy"].astype(float),
    )[columns]
