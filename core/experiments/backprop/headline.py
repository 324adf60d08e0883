"""The numbers above the charts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from core.analysis import statistics
from core.analysis.points import varying_settings
from core.experiments.backprop.settings import Backprop
from core.words import three_digits

if TYPE_CHECKING:
    from core.experiments import Analysis, Experiment


def headline(experiment: Experiment, analysis: Analysis) -> list[tuple[str, str, str]]:
    """(label, value, explanation): runs that solve it, the final loss, the epochs it took, and the accuracy."""
    if analysis.frame.empty:
        return [(label, "–", "Press Run.") for label in ("Solved", "Final loss", "Epochs to solve", "Accuracy")]
    runs = analysis.runs
    solved, n = int(runs["solved"].sum()), len(runs)
    low, high = statistics.share_interval(solved, n)
    losses = runs["final_train_loss"][np.isfinite(runs["final_train_loss"])]
    waited, accuracy = runs["epochs_to_solve"].dropna(), runs["final_accuracy"].dropna()
    one = n == 1
    over = ", over all settings" if varying_settings(runs, Backprop.names()) else ""
    return [
        (
            f"Solved{over}",
            ("yes" if solved else "no") if one else f"{solved:,} of {n:,}",
            "Every example ends in the right class. "
            + (
                "One run proves little: ask for 100 seeds."
                if one
                else f"95 % interval of the share: {low:.0%} to {high:.0%}."
            ),
        ),
        (
            "Final loss" if one else f"Median final loss{over}",
            three_digits(float(losses.median())) if len(losses) else "–",
            "0.693 (ln 2) is what a network gets that answers 1/2 to everything; 0 is perfect.",
        ),
        (
            "Epochs to solve" if one else f"Median epochs to solve{over}",
            f"{waited.median():,.0f}" if len(waited) else "–",
            "From this epoch on every example stays in the right class"
            + ("." if one else f"; over the {len(waited):,} runs that get there."),
        ),
        (
            "Accuracy" if one else f"Mean accuracy{over}",
            f"{accuracy.mean():.1%}" if len(accuracy) else "–",
            "Share of examples in the right class after the last epoch.",
        ),
    ]
