"""What a range test can't say: a curve that never falls, or that ends before it turns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from core.analysis.points import group_by_settings
from core.diagnosis.columns import check_numbers
from core.diagnosis.finding import Finding
from core.diagnosis.rules import MOST_RUNS
from core.experiments.range_test.summary import FALLS, usable_share
from core.words import three_digits

if TYPE_CHECKING:
    from core.experiments import Analysis, Experiment


WHOLE = ("step", "width", "steps", "batch_size", "seed")
NUMBERS = ("lr", "train_loss", "smoothed_loss", "min_lr", "max_lr")
USUAL_LR = 0.01  # a range that ends below it may end before anything moves
EDGE = 3.0  # a least loss within this factor of the highest rate may not be the least


def findings(experiment: Experiment, analysis: Analysis) -> list[Finding]:
    """The findings of a frame of range tests."""
    frame = analysis.frame
    if frame.empty:
        return []
    check_numbers(frame, NUMBERS, WHOLE)
    number, table = group_by_settings(frame, experiment.settings.names())
    findings = []
    for point, settings in table.iterrows():
        rows = frame[number == point]
        curves = pd.DataFrame([_curve(block) for _, block in rows.groupby("run", sort=False)])
        own = analysis.runs[analysis.runs["run"].isin(rows["run"])]
        findings += _useless(own, settings) or _unfinished(curves, settings)
    return findings


def _curve(block: pd.DataFrame) -> dict[str, float]:
    loss, lr = block["smoothed_loss"].to_numpy(float), block["lr"].to_numpy(float)
    finite = np.isfinite(loss)
    if not finite.any():
        return {"best_lr": float(lr[0]), "last_lr": float(lr[-1])}
    least = int(np.nanargmin(np.where(finite, loss, np.inf)))
    return {"best_lr": float(lr[least]), "last_lr": float(lr[-1])}


def _useless(runs: pd.DataFrame, settings: pd.Series) -> list[Finding]:
    """Curves that suggest no rate in most runs, or fall too little for one to mean anything: no advice is given then."""
    usable, flat = usable_share(runs), float((runs["fall"] < FALLS).mean())
    if usable > 0.5:
        return []
    why = (
        f"the loss falls by less than {FALLS:.0%} at every rate in {flat:.0%} of the runs"
        if flat >= MOST_RUNS
        else f"a rate can be read from the curves of {usable:.0%} of the runs alone"
    )
    if str(settings.get("init")) == "zeros":
        remedy = "Draw the first weights at random: init=zeros gives no layer but the last a gradient."
    elif flat >= MOST_RUNS and float(settings["max_lr"]) < USUAL_LR:
        remedy = f"Raise max_lr, say to {USUAL_LR * 1000:g}: so far every rate was too low to move anything."
    else:
        remedy = "Take more steps, or look first at what keeps the network from learning: the page Vanishing gradients."
    return [
        Finding(
            "no_usable_rate",
            "warning",
            f"{settings['label']}: {why}, so that no rule's suggestion means anything.",
            {"runs": len(runs), "flat": flat, "usable": usable, "median_fall": float(runs["fall"].median())},
            remedy,
        )
    ]


def _unfinished(curves: pd.DataFrame, settings: pd.Series) -> list[Finding]:
    """A loss that still falls at the highest rate."""
    top = float(settings["max_lr"])
    share = float(((curves["best_lr"] > top / EDGE) & (curves["last_lr"] >= top * 0.999)).mean())
    if share < MOST_RUNS:
        return []
    return [
        Finding(
            "learning_rate_too_low",
            "info",
            f"{settings['label']}: the loss still falls near the highest rate, {three_digits(top)}, "
            f"in {share:.0%} of the runs.",
            {"runs": len(curves), "unfinished": share, "max_lr": top},
            f"Raise max_lr, say to {top * 100:g}, so that the curve turns.",
        )
    ]
