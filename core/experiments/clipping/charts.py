"""The charts of the page: who survives, what the loss does, the norms before and after, how often clipping fires."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from core.analysis import ranking
from core.experiments.clipping.headline import FAILED
from core.experiments.clipping.settings import Clipping
from core.experiments.clipping.thresholds import suggested_threshold, with_factor
from core.experiments.training.charts import NOTHING, curve_chart, ending_title, loss_ceiling, ranking_chart, share_map
from core.plotting.figure import Figure, Figures, empty
from core.words import three_digits

if TYPE_CHECKING:
    import pandas as pd

    from core.experiments import Analysis, Experiment


NORM_CEILING = 1000.0  # times the median norm: what is above is an explosion, whose size says nothing


GROUPS = {
    "Who wins": ("ranking", "loss", "diverged"),
    "The norms": ("before", "after", "factor", "clipped"),
}


def charts(experiment: Experiment, analysis: Analysis) -> Figures:
    """Who survives, what the loss does, the norms before and after, and how often clipping fires."""
    frame, runs = analysis.finite, analysis.runs
    if frame.empty:
        return Figures({"failed": lambda: empty(NOTHING)}, GROUPS)
    drawings = {
        "failed": lambda: _failed_map(runs),
        "diverged": lambda: _diverged_map(runs),
        "loss": lambda: _loss_chart(frame, runs),
        "before": lambda: _norm_chart(frame, "grad_norm", _before_title(analysis)),
        "after": lambda: _norm_chart(frame, "clipped_grad_norm", _after_title(frame)),
        "factor": lambda: _factor_chart(with_factor(frame)),
        "clipped": lambda: _clipped_chart(frame, runs),
        "ranking": lambda: ranking_chart(frame, runs, Clipping.names(), "final_val_loss"),
    }
    return Figures(drawings, GROUPS)


def _loss_chart(frame: pd.DataFrame, runs: pd.DataFrame) -> Figure:
    title = ending_title(ranking.standing(runs, Clipping.names(), "final_val_loss"), "final_val_loss")
    return curve_chart(frame, Clipping.names(), "val_loss", "epoch", title, ceiling=loss_ceiling(frame))


def _norm_chart(frame: pd.DataFrame, measure: str, title: str) -> Figure:
    ceiling = NORM_CEILING * float(frame["grad_norm"].median())
    return curve_chart(frame, Clipping.names(), measure, "step", title, ceiling=ceiling)


def _factor_chart(factors: pd.DataFrame) -> Figure:
    return curve_chart(factors, Clipping.names(), "clip_factor", "step", _factor_title(factors))


def _clipped_chart(frame: pd.DataFrame, runs: pd.DataFrame) -> Figure:
    live = frame["clipped"].astype(float).where(~frame["diverged"].astype(bool))
    shares = frame.assign(clipped_share=live)
    return curve_chart(shares, Clipping.names(), "clipped_share", "epoch", _clipped_title(runs))


def _failed_map(runs: pd.DataFrame) -> Figure:
    """Which runs failed to train, with what that means."""
    drawn = share_map(runs, "clipper", "failed")
    return replace(drawn, note=f"{drawn.note} {FAILED}")


def _diverged_map(runs: pd.DataFrame) -> Figure:
    """Which runs diverged; a sentence where these are the ones that failed."""
    drawn = share_map(runs, "clipper", "diverged")
    if runs["diverged"].any() and (runs["diverged"] == runs["failed"]).all():
        return replace(drawn, title="Every run that failed has diverged", flat=True)
    return replace(drawn, flat=not runs["diverged"].any())


def _before_title(analysis: Analysis) -> str:
    suggested = suggested_threshold(analysis)
    if np.isnan(suggested):
        return "Norm of the gradient, before clipping: every run failed"
    return f"Nine norms of ten are below {three_digits(suggested)}: a threshold that fires on the rest"


def _after_title(frame: pd.DataFrame) -> str:
    clipped = frame[frame["clipper"] != "none"]
    if clipped.empty:
        return "No run has a clipper: these are the norms as they were"
    largest = clipped["clipped_grad_norm"].max()
    return f"With a clipper, the largest norm of any gradient is {three_digits(float(largest))}"


def _factor_title(frame: pd.DataFrame) -> str:
    median = frame.loc[frame["clipped"], "clip_factor"].median()
    if np.isnan(median):
        return "No update was clipped: the learning rate is what it says"
    return f"A clipped update keeps {three_digits(float(median))} of its learning rate (median)"


def _clipped_title(runs: pd.DataFrame) -> str:
    shares = runs.groupby("clipper", sort=False)["clipped_share"].mean().sort_values(ascending=False)
    return f"{shares.index[0]} clips {shares.iloc[0]:.0%} of its updates"
