"""How fast gradients change from time step to time step: a row per run, per setting, per setting and measure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from core.analysis import statistics
from core.analysis.layers import decay_factor
from core.analysis.points import group_by_settings
from core.experiments.through_time.settings import ThroughTime

if TYPE_CHECKING:
    from core.experiments import Analysis, Experiment


def run_summary(experiment: Experiment, frame: pd.DataFrame) -> pd.DataFrame:
    """A row per run: its decay factor per time step, towards the first, and its spectral radius.

    The factor is exp(-slope) of log grad_norm over time; NaN where fewer than two steps have a gradient to take the log
    of.
    """
    rows = []
    for _, block in frame.groupby("run", sort=False):
        norms, times = block["grad_norm"].to_numpy(float), block["time"].to_numpy(float)
        measured = {"decay_factor": float(decay_factor(times, norms))}
        measured["spectral_radius"] = block["spectral_radius"].iloc[0]
        rows.append(block.iloc[0][["run", *ThroughTime.names(), "seed"]].to_dict() | measured)
    table = pd.DataFrame(rows, columns=["run", *ThroughTime.names(), "seed", "decay_factor", "spectral_radius"])
    return table.astype({"decay_factor": float, "spectral_radius": float})


def setting_table(experiment: Experiment, analysis: Analysis) -> pd.DataFrame:
    """A row per setting: its settings, ``label point n mean median standard_error ci_low ci_high`` of the decay factor."""
    return decay_table(analysis.runs)


def summary(experiment: Experiment, analysis: Analysis) -> pd.DataFrame:
    """A row per setting and measure: ``n mean median standard_error ci_low ci_high`` over seeds."""
    return statistics.summary_table(analysis.runs, ThroughTime.names())


def decay_table(runs: pd.DataFrame) -> pd.DataFrame:
    """One row per point of ``run_summary``: its settings, ``label n mean median standard_error ci_low ci_high``."""
    number, table = group_by_settings(runs, ThroughTime.names())
    rows = [{"point": point, **statistics.over_seeds(block["decay_factor"])} for point, block in runs.groupby(number)]
    columns = ["point", "n", "mean", "median", "standard_error", "ci_low", "ci_high"]
    return pd.DataFrame(rows, columns=columns).join(table, on="point")


def share_of_first(frame: pd.DataFrame) -> pd.Series:
    """Per point, the gradient of the first time step over that of the last, geometric mean over seeds; 0 where one is 0."""
    first = frame[~frame["run"].duplicated()].set_index("run")
    last = frame[~frame["run"].duplicated(keep="last")].set_index("run")
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(first["grad_norm"].astype(float)) - np.log(last["grad_norm"].astype(float))
    number, _ = group_by_settings(first.reset_index(), ThroughTime.names())
    return np.exp(logs.groupby(number.to_numpy()).mean())
