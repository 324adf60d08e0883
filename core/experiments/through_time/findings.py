"""Faults over time steps: gradients that vanish or explode on their way back through a recurrent network."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from core.analysis.points import group_by_settings
from core.diagnosis.columns import check_numbers
from core.diagnosis.finding import Finding, Severity
from core.diagnosis.rules import ERROR_RATIO, WARN_RATIO
from core.experiments.through_time.settings import ThroughTime
from core.experiments.through_time.summary import share_of_first
from core.sweeps import query
from core.words import three_digits

if TYPE_CHECKING:
    from core.experiments import Analysis, Experiment


def findings(experiment: Experiment, analysis: Analysis) -> list[Finding]:
    """Vanishing or exploding: a geometric change over time steps that the spread over seeds does not explain."""
    frame = analysis.frame
    if frame.empty:
        return []
    check_numbers(frame, ("grad_norm", "spectral_radius", "gain"), ("time", "width", "batch_size", "seed"))
    runs = analysis.runs
    number, table = group_by_settings(runs, ThroughTime.names())
    shares, found = share_of_first(frame), []
    for point, settings in table.iterrows():
        own = runs[number == point]
        rows = frame[frame["run"].isin(own["run"])]
        found += _decay(rows, own, settings, float(shares[point]))
    return found


def _decay(rows: pd.DataFrame, runs: pd.DataFrame, settings: pd.Series, share: float) -> list[Finding]:
    logs = np.log(runs["decay_factor"].to_numpy(float))
    logs, length = logs[np.isfinite(logs)], int(rows["time"].max())
    if not len(logs) or length < 2:
        return []
    mean = float(logs.mean())
    margin = 2.0 * float(logs.std(ddof=1)) / math.sqrt(len(logs)) if len(logs) > 1 else _fit_error(rows, mean)
    nearest = min(abs(mean - margin), abs(mean + margin)) if abs(mean) > margin else 0.0
    ratio = math.exp(-nearest * (length - 1))  # the change over the whole sequence that the data are sure of
    if ratio >= WARN_RATIO:
        return []
    factor, radius = math.exp(mean), float(runs["spectral_radius"].mean())
    evidence = {
        "decay_factor": factor,
        "ci_low": math.exp(mean - margin),
        "ci_high": math.exp(mean + margin),
        "first_over_last": share,
        "time_steps": length,
        "spectral_radius": radius,
        "runs": len(logs),
    }
    beside = f" (spectral radius {three_digits(radius)})" if math.isfinite(radius) else ""
    size = three_digits(share) if share > 0 else "nothing"
    severity: Severity = "error" if ratio < ERROR_RATIO else "warning"
    if mean < 0:
        message = (
            f"{settings['label']}: gradients vanish, by {three_digits(factor)}× a time step towards the first{beside}; "
            f"step 1 gets {size} of what step {length} gets."
        )
        return [Finding("vanishing_gradients", severity, message, evidence, *_vanishing_remedy(settings))]
    message = (
        f"{settings['label']}: gradients explode, by {three_digits(factor)}× a time step towards the first{beside}; "
        f"step 1 gets {size} times what step {length} gets."
    )
    return [Finding("exploding_gradients", severity, message, evidence, *_exploding_remedy(settings))]


def _fit_error(rows: pd.DataFrame, slope: float) -> float:
    """Twice the standard error of one run's fit, where no second seed shows the spread."""
    shown = rows[(rows["grad_norm"] > 0) & np.isfinite(rows["grad_norm"])]
    x, y = shown["time"].to_numpy(float), np.log(shown["grad_norm"].to_numpy(float))
    if len(x) < 3:
        return math.inf
    residuals = (y - y.mean()) + slope * (x - x.mean())
    return 2.0 * math.sqrt(float((residuals**2).sum()) / (len(x) - 2) / float(((x - x.mean()) ** 2).sum()))


def _compared(settings: pd.Series, **changes: object) -> str:
    fields = {name: settings[name] for name in ("model", "width", "gain", "init", "dataset")}
    fields |= {"seeds": 10, **changes}
    return query(fields)


def _vanishing_remedy(settings: pd.Series) -> tuple[str, str]:
    if str(settings["init"]) != "orthogonal":
        link = _compared(settings, init=f"{settings['init']},orthogonal", gain=1)
        return "Draw the recurrent weights orthogonal, with a gain near 1. Clipping does not help.", link
    gain, better = float(settings["gain"]), 1.1 if settings["model"] == "rnn" else 2.0
    if gain < better:
        link = _compared(settings, gain=f"{gain:g},{better:g}")
        return f"A larger recurrent gain, near {better:g}, or shorter sequences. Clipping does not help.", link
    link = _compared(settings, dataset="adding(length=10),adding(length=20)")
    return "Shorter sequences, or a loss at every time step. Clipping does not help.", link


def _exploding_remedy(settings: pd.Series) -> tuple[str, str]:
    link = _compared(settings, init="orthogonal", gain="1")
    return "Smaller recurrent weights: orthogonal, with a gain of 1; clip the gradient's norm while training.", link
