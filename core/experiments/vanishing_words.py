"""The findings of ``vanishing`` in words and headline numbers, from its frame."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from core.analysis.layers import pooled_decay
from core.experiments.vanishing import Vanishing
from core.words import factor_words, span, three_digits


def gradient_title(decays: pd.DataFrame) -> str:
    """The finding of a gradient chart, from ``pooled_decay``."""
    measured = decays[np.isfinite(decays["decay"])].sort_values("decay")
    if not len(measured):
        expected = decays[np.isfinite(decays["theory"])].sort_values("theory")
        if not len(expected):
            return "The gradient of each layer's weights"
        low, high = expected["theory"].iloc[0], expected["theory"].iloc[-1]
        span = three_digits(low) if len(expected) == 1 else f"{three_digits(low)} to {three_digits(high)}"
        return f"Theory expects {span}× a layer towards the input"
    lowest, highest = measured.iloc[0], measured.iloc[-1]
    if len(measured) == 1:
        beside = f" (theory {three_digits(lowest['theory'])}×)" if math.isfinite(lowest["theory"]) else ""
        return f"Gradients {factor_words(lowest['decay'], 'layer')} towards the input{beside}"
    return (
        f"Towards the input, a layer multiplies gradients by {three_digits(lowest['decay'])} ({lowest['label']}) "
        f"to {three_digits(highest['decay'])} ({highest['label']})"
    )


def split_title(weights: float, slopes: float) -> str:
    """The finding of the split into weights and φ', from their mean log10 factors."""
    shrinking = {"the weights": -weights, "φ'": -slopes}
    total = sum(size for size in shrinking.values() if size > 0)
    if total < 0.02:
        return "Neither weights nor φ' shrink the gradient"
    name, size = max(shrinking.items(), key=lambda item: item[1])
    verb = "does" if name == "φ'" else "do"
    return f"{name[0].upper()}{name[1:]} {verb} {size / total:.0%} of the shrinking".replace("Φ", "φ")


def headline(frame: pd.DataFrame) -> list[tuple[str, str, str]]:
    """(label, value, explanation): the decay factors, theory's, what φ' contributes, and the runs behind them."""
    decays = pooled_decay(frame[frame["step"] == 0], Vanishing.names())
    measured = decays[np.isfinite(decays["decay"])].sort_values("decay")
    theory = decays[np.isfinite(decays["theory"])].sort_values("theory")
    runs = int(frame.loc[frame["run"] != "", "run"].nunique())
    lost = frame.loc[frame["run"] != "", "underflow"].astype(float).mean() if runs else math.nan
    single = len(measured) == 1
    spread = _interval_text(measured.iloc[0]) if single else "each with its interval in the chart below"
    return [
        (
            "decay factor per layer",
            span(measured["decay"], "×"),
            f"Gradient per layer towards the input, pooled over seeds; {spread}.",
        ),
        ("theory", span(theory["theory"], "×"), "The same for infinitely wide networks; – where theory says nothing."),
        ("runs", f"{runs:,}", f"Networks measured: {len(decays):,} settings × seeds."),
        (
            "layers that underflow",
            "–" if math.isnan(lost) else f"{lost:.0%}",
            "Layers for which PyTorch alone gives zeros.",
        ),
    ]


def _interval_text(row: pd.Series) -> str:
    return f"95 % interval over seeds {three_digits(row['ci_low'])} to {three_digits(row['ci_high'])}"
