"""The numbers above the charts."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from core.analysis import statistics
from core.analysis.baseline import majority
from core.experiments.remedies.settings import Remedies
from core.experiments.remedies.summary import LEARNS, skill, standing, survivors
from core.experiments.training.beside import LABEL as BESIDE
from core.experiments.training.beside import beside_baselines
from core.parts.remedies import REMEDIES

if TYPE_CHECKING:
    from core.experiments import Analysis, Experiment


def headline(experiment: Experiment, analysis: Analysis) -> list[tuple[str, str, str]]:
    """(label, value, explanation): who learns, who does not, and by how much."""
    labels = ("Highest mean", "Without a remedy", "Remedies that learn", "Runs", BESIDE)
    frame = analysis.frame
    if frame.empty:
        return [(label, "–", "Press Run.") for label in labels]
    runs = analysis.runs
    classifies = runs["final_val_accuracy"].notna().any()
    table = standing(runs, "final_val_accuracy" if classifies else "final_val_loss")
    best, means = table.iloc[0], table.set_index("remedy")["mean"]
    if math.isnan(best["mean"]):
        return [(label, "–", "No run has come to the end of an epoch with a finite loss.") for label in labels]
    written = "{:.1%}".format if classifies else "{:.3g}".format
    bar = majority(frame) if classifies else math.nan
    remedies = table[table["remedy"] != "plain"]
    whole = remedies[remedies["n"] == remedies["runs"]]
    learns = [name for name, mean in zip(whole["remedy"], whole["mean"], strict=True) if skill(mean, bar) >= LEARNS]
    points = len(runs[Remedies.names()].drop_duplicates())
    several = " Depths and other settings together: see the charts for each." if len(table) < points else ""
    measure = "final_val_accuracy" if classifies else "final_val_loss"
    ends = statistics.drawn_over_seeds(measure, runs.loc[runs["remedy"] == best["remedy"], measure])
    low, high = ends["ci_low"], ends["ci_high"]
    interval = f", 95 % interval {written(low)} to {written(high)}" if np.isfinite(low) else ""
    label = REMEDIES.parse(best["remedy"]).entry.label
    return [
        (
            f"{'Highest' if classifies else 'Lowest'}: {best['remedy']}",
            written(best["mean"]),
            f"{label[0].upper()}{label[1:]}: mean validation {'accuracy' if classifies else 'loss'} after "
            f"the last epoch of {survivors(best)}{interval}.{several}",
        ),
        (
            "Without a remedy",
            written(means["plain"]) if np.isfinite(means.get("plain", math.nan)) else "–",
            "The plain sigmoid network.",
        ),
        (
            "Remedies that learn",
            f"{len(learns)} of {len(remedies)}" if math.isfinite(bar) and len(remedies) else "–",
            f"Remedies that avoid at least half of the errors of always answering the largest class, {bar:.1%} of the rows, "
            f"in runs that all survive: {', '.join(learns) or 'none'}."
            if math.isfinite(bar)
            else "A target that is a number has no accuracy to compare with guessing.",
        ),
        ("Runs", f"{len(runs):,}", f"{runs['diverged'].mean():.0%} of them diverge."),
        beside_baselines(frame, runs, Remedies.names()),
    ]
