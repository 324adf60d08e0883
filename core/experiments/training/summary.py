"""How trainings end: a row per run, per setting, and per setting and measure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from core.analysis import curves, statistics
from core.analysis.points import group_by_settings

if TYPE_CHECKING:
    from core.experiments import Analysis, Experiment


def run_summary(experiment: Experiment, frame: pd.DataFrame) -> pd.DataFrame:
    """A row per run: how its training ended."""
    return run_ends(frame, experiment.settings.names())


def setting_table(experiment: Experiment, analysis: Analysis) -> pd.DataFrame:
    """A row per setting."""
    return group_by_settings(analysis.runs, experiment.settings.names())[1]


def summary(experiment: Experiment, analysis: Analysis) -> pd.DataFrame:
    """A row per setting and measure: ``n mean median standard_error ci_low ci_high`` over seeds."""
    return statistics.summary_table(analysis.runs, experiment.settings.names())


def run_ends(frame: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """A row per run: how its training ended."""
    columns = ["run", *names, "seed"]
    measures = [
        "final_train_loss",
        "final_val_loss",
        "best_val_loss",
        "final_val_accuracy",
        "epochs_to_bar",
        "diverged",
        "failed",
        "clipped_share",
    ]
    if frame.empty:
        return pd.DataFrame(columns=[*columns, *measures])
    frame = curves.finite(frame)
    runs = frame.groupby("run", sort=False)
    table = runs[columns[1:]].first().reset_index().reindex(columns=columns)  # first() drops settings that are empty
    last, first = frame[~frame["run"].duplicated(keep="last")].set_index("run"), frame[~frame["run"].duplicated()]
    settings = first.set_index("run")[list(names)]
    table[list(names)] = settings.loc[table["run"]].to_numpy()
    at = table["run"].map
    opening = first.set_index("run")["train_loss"]
    diverged = last["diverged"].astype(bool)
    failed = diverged | ~(last["train_loss"] < opening)
    best = runs["val_loss"].min()
    table = table.assign(
        final_train_loss=at(last["train_loss"]),
        final_val_loss=at(last["val_loss"]),
        best_val_loss=at(best),
        final_val_accuracy=at(last["val_accuracy"]),
        epochs_to_bar=at(_epochs_to_bar(frame, best)),
        diverged=at(diverged).astype(float),
        failed=at(failed).astype(float),
        clipped_share=at(frame[~frame["diverged"].astype(bool)].groupby("run")["clipped"].mean()),
    )
    return table.astype({name: first[name].dtype for name in names})


def _epochs_to_bar(frame: pd.DataFrame, best: pd.Series) -> pd.Series:
    """Per run, epochs until its validation loss is at the median of all runs' best, of one model and dataset."""
    ends = frame[frame["val_loss"].notna()]
    if ends.empty:
        return pd.Series(dtype=float)
    problem = ends["model"].astype(str) + " " + ends["dataset"].astype(str)
    bar = ends["run"].map(best).groupby(problem).transform("median")
    return ends[ends["val_loss"] <= bar].groupby("run")["epoch"].min() + 1
