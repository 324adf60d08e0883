"""What is wrong with each loop, and what it costs; and whatever else is wrong with the right ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pandas as pd

from core.diagnosis.finding import Finding, Severity
from core.experiments.mistakes.settings import RIGHT, Mistakes
from core.experiments.mistakes.summary import prices
from core.experiments.mistakes.words import sentence
from core.experiments.training.findings import findings as training_findings
from core.parts.mistakes import MISTAKES
from core.sweeps import query

if TYPE_CHECKING:
    from core.experiments import Analysis, Experiment


COMPARED = "unequal_peaks"  # right loops are compared with their own wrong ones, not with one another


def findings(experiment: Experiment, analysis: Analysis) -> list[Finding]:
    """A finding per wrong loop, with its price; then those on the right loops."""
    if analysis.frame.empty:
        return []
    rows = analysis.frame
    right = training_findings(experiment, experiment.analysis(rows[rows["mistake"] == RIGHT]))
    right = [finding for finding in right if finding.code != COMPARED]
    first = rows[~rows["mistake"].duplicated()].set_index("mistake")
    return [
        _finding(price, first.loc[price["mistake"]]) for _, price in prices(experiment, analysis).iterrows()
    ] + right


def _finding(price: pd.Series, settings: pd.Series) -> Finding:
    entry = MISTAKES[price["mistake"]]
    numbers = {name: price[name] for name in ("n", "mean", "ci_low", "ci_high", "hidden", "diverged")}
    evidence: dict[str, Any] = {name: float(value) for name, value in numbers.items()} | {"measure": price["measure"]}
    known = {name: settings[name] for name in Mistakes.names() if name in settings and not pd.isna(settings[name])}
    link = query(known | {"mistake": f"{RIGHT},{entry.name}", "seeds": 20})
    message = f"{sentence(price)}. {entry.effect}"
    priced = price["ci_low"] > 0 or entry.severity != "error"  # what no seed shows is no error of this training's
    severity = entry.severity if priced else "warning"
    return Finding(entry.finding, cast(Severity, severity), message, evidence, entry.remedy, link)
