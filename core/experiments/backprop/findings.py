"""Faults of the two-layer network: units that stay alike, plateaus, rates too high or too low."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from core.analysis import statistics
from core.analysis.points import group_by_settings
from core.diagnosis import rates
from core.diagnosis.columns import check_numbers
from core.diagnosis.finding import Finding
from core.diagnosis.rules import MOST_RUNS, WARN_RATIO
from core.experiments.backprop.settings import GRADIENTS, Backprop
from core.parts.datasets import TRUTH_TABLES
from core.sweeps import query
from core.words import three_digits

if TYPE_CHECKING:
    from core.experiments import Analysis, Experiment


STILL_FALLING = 0.02  # of its loss that a run still loses over the last tenth of its epochs: it is on its way
CHANCE = {"xor": 0.6931, "and": 0.5623, "or": 0.5623}  # loss of who knows only how often the answer is 1
NOT_STARTED = 0.85  # of it, above which a run has not begun to learn


def findings(experiment: Experiment, analysis: Analysis) -> list[Finding]:
    """Per setting: diverged; symmetric units; runs that end on a plateau, or before they arrive."""
    frame = analysis.frame
    if frame.empty:
        return []
    check_numbers(frame, ("train_loss", "accuracy", "base_lr", *GRADIENTS), ("epoch", "hidden", "epochs", "seed"))
    frame = analysis.finite
    runs = analysis.runs
    number, table = group_by_settings(runs, Backprop.names())
    found = []
    for point, settings in table.iterrows():
        own = runs[number == point]
        rows = frame[frame["run"].isin(own["run"])]
        found += _diverged(rows, own, settings) or _symmetric(rows, own, settings) or _unsolved(rows, own, settings)
    return found


def _diverged(rows: pd.DataFrame, runs: pd.DataFrame, settings: pd.Series) -> list[Finding]:
    lost = int(runs["final_train_loss"].isna().sum())
    epoch = int(rows.loc[rows["train_loss"].isna(), "epoch"].min()) if lost else 0
    base_lr = float(settings["base_lr"])
    words, both = rates.lower_lr(base_lr)
    remedy = words, _link(settings, base_lr=both)
    return rates.diverged(_label_prefix(settings), lost, len(runs), epoch, "epoch", base_lr, remedy)


def _symmetric(rows: pd.DataFrame, runs: pd.DataFrame, settings: pd.Series) -> list[Finding]:
    """All weights start at zero: every hidden unit is a copy of every other."""
    if str(settings["init"]) != "zeros":
        return []
    largest = float(rows[list(GRADIENTS)].max().max())
    solved = float(runs["solved"].mean())
    units = int(settings["hidden"])
    still = (
        "and every gradient is exactly zero, so that nothing moves" if largest == 0.0 else "so that they are one unit"
    )
    return [
        Finding(
            "symmetric_units",
            "info" if solved == 1.0 else "error",
            f"{_label_prefix(settings)}all weights start at zero; the {units} hidden units stay alike, {still}.",
            {"runs": len(runs), "solved": solved, "hidden": units, "largest_gradient": largest},
            "Draw the first weights at random.",
            _link(settings, init="zeros,lesson"),
        )
    ]


def _unsolved(rows: pd.DataFrame, runs: pd.DataFrame, settings: pd.Series) -> list[Finding]:
    """Runs on a truth table that end with a wrong answer: still on their way, or on a plateau."""
    failed = runs[runs["solved"] == 0.0]
    if str(settings["dataset"]) not in TRUTH_TABLES or failed.empty:
        return []
    n, hidden, lr = len(runs), int(settings["hidden"]), float(settings["base_lr"])
    low, high = statistics.share_interval(n - len(failed), n)
    ends, tenth = _losses_near_the_end(rows[rows["run"].isin(failed["run"])], int(settings["epochs"]))
    waiting = ends > NOT_STARTED * CHANCE[str(settings["dataset"])]
    moving = int((waiting | (ends < (1.0 - STILL_FALLING) * tenth)).sum())
    evidence = {
        "runs": n,
        "solved": n - len(failed),
        "solved_low": low,
        "solved_high": high,
        "final_train_loss": float(failed["final_train_loss"].median()),
        "still_falling": moving,
    }
    words = f"{_label_prefix(settings)}{len(failed)} of {n} runs end with a wrong answer, at a loss of about {three_digits(evidence['final_train_loss'])}"
    start = rows[rows["epoch"] == rows["epoch"].min()]
    ratio = float((start["grad_norm_w1"] / start["grad_norm_w2"].where(start["grad_norm_w2"] > 0)).median())
    if waiting.sum() > MOST_RUNS * len(waiting) and ratio < WARN_RATIO:
        more = max(4, hidden)
        return [
            Finding(
                "bad_initialization",
                "warning",
                f"{words}, that of guessing: the first weights are so small that the hidden units begin all but alike, and W₁ "
                f"gets {three_digits(ratio)}× the gradient of W₂.",
                evidence | {"first_over_last": ratio},
                f"Larger first weights (init=lesson), with {more} hidden units.",
                _link(settings, init=f"{settings['init']},lesson", hidden=more),
            )
        ]
    if moving > len(failed) / 2 and not _dead(rows, failed):
        link = _link(settings, base_lr=f"{lr:g},{lr * 10:g}")
        return [
            Finding(
                "learning_rate_too_low",
                "warning",
                f"{words}: they are still on their way.",
                evidence,
                f"More epochs, or a base_lr of {lr * 10:g}.",
                link,
            )
        ]
    more = max(8, 2 * hidden)
    return [
        Finding(
            "stuck_on_a_plateau",
            "warning",
            f"{words}: a plateau, from which gradient descent finds no way down.",
            evidence,
            f"Other first weights (a seed), or {more} hidden units.",
            _link(settings, hidden=f"{hidden},{more}"),
        )
    ]


def _dead(rows: pd.DataFrame, failed: pd.DataFrame) -> bool:
    """Whether in most failed runs no gradient reaches the hidden layer at the end: its units give no derivative any more."""
    ends = rows[rows["run"].isin(failed["run"]) & (rows["epoch"] == rows["epoch"].max())]
    return float((ends["grad_norm_w1"] == 0).mean()) > MOST_RUNS


def _label_prefix(settings: pd.Series) -> str:
    """The setting that a message is about, where there are several."""
    return "" if settings["label"] == "all runs" else f"{settings['label']}: "


def _losses_near_the_end(rows: pd.DataFrame, epochs: int) -> tuple[np.ndarray, np.ndarray]:
    """Each run's loss after the last epoch and a tenth of the epochs before; NaN where a frame has lost that row."""
    at = rows.pivot_table(index="run", columns="epoch", values="train_loss")
    at = at.reindex(columns=[epochs, epochs - max(1, epochs // 10)]).to_numpy(float)
    return at[:, 0], at[:, 1]


def _link(settings: pd.Series, **changes: object) -> str:
    """The page with these settings but for the changes, over twenty seeds."""
    fields = {name: settings[name] for name in Backprop.names()} | {"seeds": 20} | changes
    return query(fields)
