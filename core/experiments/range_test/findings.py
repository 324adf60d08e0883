"""What a range test can't say: a curve that never falls, or that ends before it turns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from core.analysis.points import group_by_settings
from core.diagnosis.columns import check_numbers
from core.diagnosis.finding import Finding
from core.diagnosis.rules import MOST_RUNS
from core.experiments.range_test.summary import FALLS
from core.words import three_digits

if TYPE_CHECKING:
    from core.experiments import Analysis, Experiment


WHOLE = ("step", "width", "steps", "batch_size", "seed")
NUMBERS = ("lr", "train_loss", "smoothed_loss", "min_lr", "max_lr")
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
        findings += _flat(curves, settings) or _unfinished(curves, settings)
    return findings


def _curve(block: pd.DataFrame) -> dict[str, float]:
    loss, lr = block["smoothed_loss"].to_numpy(float), block["lr"].to_numpy(float)
    finite = np.isfinite(loss)
    if not finite.any():
        return {"fall": 0.0, "best_lr": float(lr[0]), "last_lr": float(lr[-1])}
    least = int(np.nanargmin(np.where(finite, loss, np.inf)))
    first = float(loss[finite][0])
    return {"fall": 1.0 - float(loss[least]) / first, "best_lr": float(lr[least]), "last_lr": float(lr[-1])}


def _flat(curves: pd.DataFrame, settings: pd.Series) -> list[Finding]:
    """A loss that falls at no rate: no rule has anything to read."""
    share = float((curves["fall"] < FALLS).mean())
    if share < MOST_RUNS:
        return []
    return [
        Finding(
            "no_usable_rate",
            "warning",
            f"{settings['label']}: the loss falls by less than {FALLS:.0%} at every rate in {share:.0%} of the runs, "
            "so that no rule's suggestion means anything.",
            {"runs": len(curves), "flat": share, "median_fall": float(curves["fall"].median())},
            "Take more steps, or look first at what keeps the network from learning: the page Vanishing gradients.",
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
