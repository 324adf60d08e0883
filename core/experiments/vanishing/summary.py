"""A row per run, per setting, and per setting and measure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from core.analysis import statistics
from core.analysis.layers import decay_table, pooled_decay
from core.analysis.points import group_by_settings
from core.experiments.vanishing.settings import Vanishing

if TYPE_CHECKING:
    from core.experiments import Analysis, Experiment


def run_summary(experiment: Experiment, frame: pd.DataFrame) -> pd.DataFrame:
    """A row per run: its decay factor beside theory's, and where it trained, the last loss and decay factor."""
    names = Vanishing.names()
    points = group_by_settings(frame, names)
    table = decay_table(frame, points).drop(columns="point")
    if len(frame) and frame["steps"].max() > 0:
        last = decay_table(frame, points, last=True).set_index("run")["decay_factor"]
        ends = (
            frame.sort_values("step", kind="stable").drop_duplicates("run", keep="last").set_index("run")["train_loss"]
        )
        table = table.assign(decay_factor_last=table["run"].map(last), final_train_loss=table["run"].map(ends))
    return table


def setting_table(experiment: Experiment, analysis: Analysis) -> pd.DataFrame:
    """A row per setting: ``pooled_decay`` at the first step."""
    return pooled_decay(analysis.frame, analysis.points)


def summary(experiment: Experiment, analysis: Analysis) -> pd.DataFrame:
    """A row per setting and measure: ``n mean median standard_error ci_low ci_high`` over seeds."""

    names = Vanishing.names()
    runs = analysis.runs
    measures = [name for name in runs.columns if name not in ("run", "seed", *names)]
    pooled = analysis.settings.set_index("point")
    rows = []
    number, _ = group_by_settings(runs, names)
    for point, block in runs.groupby(number):
        settings = block.iloc[0][names].to_dict()
        for measure in measures:
            rows.append({**settings, "measure": measure, **statistics.over_seeds(block[measure])})
        whole_fit = pooled.loc[point]
        value = {
            "n": whole_fit["n"],
            "mean": whole_fit["decay"],
            "ci_low": whole_fit["ci_low"],
            "ci_high": whole_fit["ci_high"],
        }
        rows.append({**settings, "measure": "decay_factor_pooled", **value})
    columns = [*names, "measure", "n", "mean", "median", "standard_error", "ci_low", "ci_high"]
    return pd.DataFrame(rows, columns=columns)
