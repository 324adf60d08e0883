"""The numbers above the charts."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from core.words import span, three_digits

if TYPE_CHECKING:
    from core.experiments import Analysis, Experiment


def headline(experiment: Experiment, analysis: Analysis) -> list[tuple[str, str, str]]:
    """(label, value, explanation): the decay factors, theory's, what φ' contributes, and the runs behind them."""
    frame, decays = analysis.frame, analysis.settings
    measured = decays[np.isfinite(decays["decay"])].sort_values("decay")
    theory = decays[np.isfinite(decays["theory"])].sort_values("theory")
    runs = int(frame.loc[frame["run"] != "", "run"].nunique())
    lost = frame.loc[frame["run"] != "", "underflow"].astype(float).mean() if runs else math.nan
    single = len(measured) == 1
    spread = _interval_text(measured.iloc[0]) if single else "each with its interval in the chart below"
    return [
        (
            "Decay factor per layer",
            span(measured["decay"], "×"),
            f"Gradient per layer towards the input, pooled over seeds; {spread}.",
        ),
        (
            "Theory" if len(theory) in (0, len(measured)) else f"Theory, of {len(theory)} of {len(measured)} settings",
            span(theory["theory"], "×"),
            "The same for infinitely wide networks; – where theory says nothing.",
        ),
        ("Runs", f"{runs:,}", f"Networks measured: {len(decays):,} settings × seeds."),
        (
            "Layers that underflow",
            "–" if math.isnan(lost) else f"{lost:.0%}",
            "Layers for which PyTorch alone gives zeros.",
        ),
    ]


def _interval_text(row: pd.Series) -> str:
    return f"95 % interval over seeds {three_digits(row['ci_low'])} to {three_digits(row['ci_high'])}"
