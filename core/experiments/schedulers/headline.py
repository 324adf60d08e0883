"""The numbers above the charts."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from core.analysis import ranking
from core.analysis.points import group_by_settings
from core.analysis.ranking import best_label
from core.experiments.schedulers.settings import Schedulers
from core.experiments.training.beside import LABEL as BESIDE
from core.experiments.training.beside import beside_baselines
from core.words import three_digits

if TYPE_CHECKING:
    from core.experiments import Analysis, Experiment


LABELS = ("Lowest mean loss", "Its validation loss", "Its accuracy", "Failed", BESIDE)


def headline(experiment: Experiment, analysis: Analysis) -> list[tuple[str, str, str]]:
    """(label, value, explanation): the schedule of the best point, that point's loss and accuracy, and failed runs.

    A point is a schedule with its rate and all else; the best has the lowest mean loss of those whose runs all ended
    finite, if there are any. Schedules that tie are all named.
    """
    runs = analysis.runs
    if runs.empty:
        return [(label, "–", "Press Run.") for label in LABELS]
    beside = beside_baselines(analysis.frame, runs, Schedulers.names())
    ranked = ranking.ranking(runs, Schedulers.names(), "final_val_loss")
    best = ranked.iloc[0]
    failed = (
        LABELS[3],
        f"{runs['failed'].mean():.0%}",
        f"Of {len(runs)} runs: diverged, or the last epoch is neither below guessing nor below the first ten updates.",
    )
    if math.isnan(best["mean"]):
        return [*((label, "–", "No run ended with a finite loss.") for label in LABELS[:3]), failed, beside]
    own = runs[group_by_settings(runs, Schedulers.names())[0] == best["point"]]
    tied = list(dict.fromkeys(ranking.tied(ranked)["scheduler"]))
    accuracy = own["final_val_accuracy"].mean()
    fair = own["final_val_balanced_accuracy"].mean()
    balanced = "" if math.isnan(fair) else f" Each class counting alike: {fair:.1%}."
    interval = f"95 % interval {three_digits(best['ci_low'])} to {three_digits(best['ci_high'])}, n = {best['n']}"
    label = best_label(ranked)
    winner = tied[0] if runs["scheduler"].nunique() > 1 else label  # what varies names it
    who = f"{label}: " if label != winner and len(ranked) > 1 else ""
    where = f"{best['label']}: " if len(ranked) > 1 else ""
    return [
        (
            LABELS[0],
            winner if len(tied) == 1 else f"{len(tied)} tie",
            f"{who}The lowest mean validation loss after the last epoch"
            + ("; whether that is sure, the chart's title says." if len(ranked) > 1 else "."),
        ),
        (LABELS[1], three_digits(float(best["mean"])), f"{where}{interval}."),
        (
            LABELS[2],
            "–" if math.isnan(accuracy) else f"{accuracy:.1%}",
            f"{where}mean over {len(own)} runs, validation rows.{balanced}",
        ),
        failed,
        beside,
    ]
