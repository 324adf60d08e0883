"""The numbers above the charts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from core.analysis.points import group_by_settings
from core.experiments.through_time.settings import ThroughTime
from core.experiments.through_time.summary import share_of_first
from core.words import span, three_digits

if TYPE_CHECKING:
    from core.experiments import Analysis, Experiment


LABELS = ("Decay factor per step", "Left at the first step", "Spectral radius", "Runs")


def headline(experiment: Experiment, analysis: Analysis) -> list[tuple[str, str, str]]:
    """(label, value, explanation): decay factors, what is left at the first step, spectral radius, runs."""
    frame = analysis.frame
    if frame.empty:
        return [(label, "–", "Press Run.") for label in LABELS]
    runs, decays = analysis.runs, analysis.settings
    known = decays[np.isfinite(decays["mean"].to_numpy(float))]
    spread = "each with its interval in the chart below"
    if len(known) == 1:
        row = known.iloc[0]
        spread = f"95 % interval over seeds {three_digits(row['ci_low'])} to {three_digits(row['ci_high'])}"
    shares, radii = (
        share_of_first(frame).dropna(),
        runs["spectral_radius"].groupby(group_by_settings(runs, ThroughTime.names())[0]).mean(),
    )
    return [
        (LABELS[0], span(known["mean"], "×"), f"Gradient per time step, towards the first; {spread}."),
        (
            LABELS[1],
            span(shares),
            "Gradient of the first time step's state over that of the last, geometric mean over seeds, of each setting.",
        ),
        (
            LABELS[2],
            span(radii.dropna()),
            "Largest |eigenvalue| of the recurrent weights, mean over the seeds of a setting; of the model rnn alone.",
        ),
        (LABELS[3], f"{len(runs):,}", f"Networks measured: {len(decays):,} settings × seeds."),
    ]
