"""How trainings end: a row per run, per setting, and per setting and measure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from core.analysis import curves, statistics
from core.analysis.baseline import guess_loss, per_run
from core.analysis.points import group_by_settings
from core.parts.baselines import NAMES as BASELINES

if TYPE_CHECKING:
    from core.experiments import Analysis, Experiment


EXPLODED = 10.0
THROWN = 2.0  # times the first loss: a mean of the first updates above it is of a loss that they have thrown up


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
        "final_val_balanced_accuracy",
        "epochs_to_bar",
        "diverged",
        "failed",
        "clipped_share",
        *BASELINES,
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
    diverged = last["diverged"].astype(bool)
    failed, exploded = failures(frame, diverged)
    best = runs["val_loss"].min()
    table = table.assign(
        final_train_loss=at(last["train_loss"].mask(exploded)),
        final_val_loss=at(last["val_loss"].mask(exploded)),
        best_val_loss=at(best.mask(exploded | diverged & ~(best <= EXPLODED * first.set_index("run")["train_loss"]))),
        final_val_accuracy=at(last["val_accuracy"]),
        final_val_balanced_accuracy=at(last["val_balanced_accuracy"]),
        epochs_to_bar=at(_epochs_to_bar(frame, best)),
        diverged=at(diverged).astype(float),
        failed=at(failed).astype(float),
        clipped_share=at(frame[~frame["diverged"].astype(bool)].groupby("run")["clipped"].mean()),
    )
    table = pd.concat([table, per_run(at(first.set_index("run")["dataset"]))], axis=1)
    return table.astype({name: first[name].dtype for name in names})


def failures(frame: pd.DataFrame, diverged: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Per run, whether it failed, and whether it exploded without diverging: its losses then enter no mean.

    frame     a row per update, finite: ``run epoch train_loss dataset``
    diverged  per run, whether its numbers left the number format

    Failed: diverged, or the mean training loss of the last epoch is neither below that of guessing nor below the start,
    which is the mean of the first ten updates (of all but the last, where there are fewer than twenty), or the first loss
    where the first updates have thrown it far up. Exploded: failed, and more than ``EXPLODED`` times the start.
    """
    losses = frame[["run", "epoch", "train_loss"]]
    runs = losses.groupby("run", sort=False)
    place, updates = runs.cumcount(), runs["train_loss"].transform("size")
    beginning = losses[place < np.where(updates >= 20, 10, np.maximum(updates - 1, 1))]
    ending = losses[losses["epoch"] == runs["epoch"].transform("max")]
    start, end = (part.groupby("run")["train_loss"].mean().reindex(diverged.index) for part in (beginning, ending))
    datasets = frame.drop_duplicates("run").set_index("run")["dataset"].reindex(diverged.index)
    guess = datasets.map({name: guess_loss(name) for name in datasets.unique()}).astype(float)
    start = start.clip(upper=THROWN * runs["train_loss"].first().reindex(diverged.index))
    failed = diverged | ~((end < guess) | (end < start))
    return failed, failed & ~diverged & ~(end <= EXPLODED * start)


def _epochs_to_bar(frame: pd.DataFrame, best: pd.Series) -> pd.Series:
    """Per run, epochs until its validation loss is at the median of all runs' best, of one model and dataset."""
    ends = frame[frame["val_loss"].notna()]
    if ends.empty:
        return pd.Series(dtype=float)
    problem = ends["model"].astype(str) + " " + ends["dataset"].astype(str)
    bar = ends["run"].map(best).groupby(problem).transform("median")
    return ends[ends["val_loss"] <= bar].groupby("run")["epoch"].min() + 1
