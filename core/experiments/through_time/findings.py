"""Faults over time steps: gradients that vanish or explode on their way back through a recurrent network."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pandas as pd

from core.analysis.points import group_by_settings
from core.diagnosis.columns import check_numbers
from core.diagnosis.decay import geometric_change
from core.diagnosis.finding import Finding
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
    length = int(rows["time"].max())
    change = geometric_change(
        runs["decay_factor"].to_numpy(float), length, rows["time"].to_numpy(), rows["grad_norm"].to_numpy(float)
    )
    if change is None:
        return []
    radius = float(runs["spectral_radius"].mean())
    evidence = {
        "decay_factor": change.factor,
        "ci_low": change.ci_low,
        "ci_high": change.ci_high,
        "first_over_last": share,
        "time_steps": length,
        "spectral_radius": radius,
        "runs": change.runs,
    }
    beside = f" (spectral radius {three_digits(radius)})" if math.isfinite(radius) else ""
    size = three_digits(share) if share > 0 else "nothing"
    code, verb, times, remedy = (
        ("vanishing_gradients", "vanish", "", _vanishing_remedy(settings))
        if change.vanishes
        else ("exploding_gradients", "explode", " times", _exploding_remedy(settings))
    )
    message = (
        f"{settings['label']}: gradients {verb}, by {three_digits(change.factor)}× a time step towards the first{beside}; "
        f"step 1 gets {size}{times or ' of'} what step {length} gets."
    )
    return [Finding(code, change.severity, message, evidence, *remedy)]


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
