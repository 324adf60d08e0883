"""The numbers above the charts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.analysis.points import varying_settings
from core.experiments.clipping.settings import Clipping
from core.experiments.clipping.thresholds import suggested_threshold
from core.experiments.training.beside import LABEL as BESIDE
from core.experiments.training.beside import beside_baselines
from core.frames import COLUMNS
from core.words import three_digits

if TYPE_CHECKING:
    import pandas as pd

    from core.experiments import Analysis, Experiment


FAILED = (
    "Failed: diverged, or the mean training loss of the last epoch is neither below that of guessing nor below that of the first "
    "ten updates. A training that gets lower can still be no better than guessing on the validation rows, as a finding then says."
)
LABELS = ("Diverged", "Failed to train", "Steps clipped", "Suggested threshold", BESIDE)


def headline(experiment: Experiment, analysis: Analysis) -> list[tuple[str, str, str]]:
    """(label, value, explanation): runs diverged and failed, steps clipped, the suggested threshold."""
    runs = analysis.runs
    if runs.empty:
        return [(label, "–", "Press Run.") for label in LABELS]
    bare, clippers = runs[runs["clipper"] == "none"], runs[runs["clipper"] != "none"]
    shown = clippers if len(clippers) else runs
    which = f"{len(clippers)} runs with a clipper" if len(clippers) else f"{len(runs)} runs without a clipper"
    beside = f", {len(bare)} without" if len(bare) and len(clippers) else ""
    pooled = varying_settings(runs, [name for name in Clipping.names() if name != "clipper"])
    over = f" over every {COLUMNS[pooled[0]].label}" if len(pooled) == 1 else " over all settings" if pooled else ""
    return [
        (f"Diverged{over}", _both(shown, bare, "diverged"), f"Numbers left the number format. Of {which}{beside}."),
        (
            f"Failed to train{over}",
            _both(shown, bare, "failed"),
            f"{FAILED} Of {which}{beside}.",
        ),
        (
            "Steps clipped",
            f"{shown['clipped_share'].mean():.0%}",
            f"Mean over {which}. Near 100 % the threshold is the real learning rate.",
        ),
        (
            "Suggested threshold",
            three_digits(suggested_threshold(analysis)),
            "The 90th percentile of the norms before clipping, over runs that did not fail.",
        ),
        beside_baselines(analysis.frame, runs, Clipping.names()),
    ]


def _both(clipped: pd.DataFrame, bare: pd.DataFrame, measure: str) -> str:
    """The share of the runs with a clipper, and of those without where both are there."""
    share = f"{clipped[measure].mean():.0%}"
    return (
        f"{share}, {bare[measure].mean():.0%} unclipped"
        if len(bare) and (clipped["clipper"] != "none").all()
        else share
    )
