"""The numbers above the charts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.experiments.range_test.summary import recommended_lr
from core.theory.suggestions import RULES
from core.words import three_digits

if TYPE_CHECKING:
    from core.experiments import Analysis, Experiment


def headline(experiment: Experiment, analysis: Analysis) -> list[tuple[str, str, str]]:
    """(label, value, explanation): the recommended rate, how far the rules disagree, the stability limit."""
    if analysis.frame.empty:
        return [
            (label, "–", "Press Run.")
            for label in ("Rule valley suggests", "The rules span", "Stability limit", "Runs")
        ]
    runs = analysis.runs
    medians = runs[[f"suggested_lr_{name}" for name in RULES]].median()
    own = runs["suggested_lr_valley"]
    spread = f"10 % to 90 % of seeds: {three_digits(own.quantile(0.1))} to {three_digits(own.quantile(0.9))}."
    several = (
        " Settings differ: see the table for each."
        if len(runs[experiment.settings.names()].drop_duplicates()) > 1
        else ""
    )
    limit = runs["max_stable_lr"].median()
    return [
        (
            "Rule valley suggests",
            three_digits(recommended_lr(runs)),
            f"Median of the rule valley over {own.notna().sum()} of {len(runs)} runs. {spread}{several}",
        ),
        (
            "The rules span",
            f"{three_digits(medians.max() / medians.min())}×",
            "Highest over lowest median suggestion: "
            + ", ".join(f"{name} {three_digits(medians[f'suggested_lr_{name}'])}" for name in RULES)
            + ".",
        ),
        (
            "Stability limit",
            three_digits(limit),
            "Median of 2/λ (with momentum 2(1+β)/λ) at the start; SGD alone has one.",
        ),
        ("Runs", f"{len(runs):,}", f"{runs['diverged'].mean():.0%} end in a loss that is not finite."),
    ]
