"""The numbers above the charts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.experiments.clipping.thresholds import suggested_threshold
from core.words import three_digits

if TYPE_CHECKING:
    from core.experiments import Analysis, Experiment


def headline(experiment: Experiment, analysis: Analysis) -> list[tuple[str, str, str]]:
    """(label, value, explanation): runs diverged and failed, steps clipped, the suggested threshold."""
    runs = analysis.runs
    if runs.empty:
        return [(label, "–", "Press Run.") for label in ("Diverged", "Failed", "Steps clipped", "Suggested threshold")]
    bare = runs[runs["clipper"] == "none"]
    beside = f" Without clipping: {bare['failed'].mean():.0%}." if len(bare) else ""
    clippers = runs[runs["clipper"] != "none"]
    shown = clippers if len(clippers) else runs
    return [
        ("Diverged", f"{shown['diverged'].mean():.0%}", f"Of {len(shown)} runs with a clipper: no finite loss."),
        (
            "Failed",
            f"{shown['failed'].mean():.0%}",
            f"Of {len(shown)} runs with a clipper: diverged, or the last loss is not below the first.{beside}",
        ),
        (
            "Steps clipped",
            f"{shown['clipped_share'].mean():.0%}",
            "Mean over runs with a clipper. Near 100 % the threshold is the real learning rate.",
        ),
        (
            "Suggested threshold",
            three_digits(suggested_threshold(analysis)),
            "The 90th percentile of the norms before clipping, over runs that did not fail.",
        ),
    ]
