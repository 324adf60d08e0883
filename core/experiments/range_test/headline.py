"""The numbers above the charts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from core.analysis.points import group_by_settings
from core.experiments.range_test.summary import recommended_rates
from core.theory.suggestions import RULES
from core.words import span, three_digits

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
    own = runs["suggested_lr_valley"]
    points, table = group_by_settings(runs, experiment.settings.names())
    blocks = [block for _, block in runs.groupby(points)]
    medians = pd.DataFrame([block[[f"suggested_lr_{name}" for name in RULES]].median() for block in blocks])
    spread = f" 10 % to 90 % of seeds: {three_digits(own.quantile(0.1))} to {three_digits(own.quantile(0.9))}."
    rules = ", ".join(f"{name} {span(medians[f'suggested_lr_{name}'], '')}" for name in RULES)
    each = f" of {len(table)} settings, each for itself" if len(table) > 1 else ""
    return [
        (
            "Rule valley suggests",
            span(pd.Series(recommended_rates(runs, experiment.settings.names())), ""),
            f"Median of the rule valley{each}, over {own.notna().sum()} of {len(runs)} runs.{'' if each else spread}",
        ),
        (
            "The rules span",
            span(medians.max(axis=1) / medians.min(axis=1), "×"),
            f"Highest over lowest median suggestion{each}: {rules}.",
        ),
        (
            "Stability limit",
            span(pd.Series([block["max_stable_lr"].median() for block in blocks]), ""),
            f"Median of 2/λ (with momentum 2(1+β)/λ) at the start{each}; SGD alone has one.",
        ),
        ("Runs", f"{len(runs):,}", f"{runs['diverged'].mean():.0%} end in a loss that is not finite."),
    ]
