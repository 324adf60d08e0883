"""Which of many settings a chart draws, in which colours, and how many seeds stand behind them."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import numpy as np
import pandas as pd

from core.analysis.points import group_by_settings, varying_settings
from core.parts import REGISTRIES
from core.plotting.style import colours

SERIES = 8  # more lines than this can't be told apart


def drawn_series(table: pd.DataFrame) -> tuple[list[str], str]:
    """The labels that a line chart shows, spread evenly over all of them, and a sentence on what is left out."""
    labels = list(dict.fromkeys(table["label"]))
    if len(labels) <= SERIES:
        return labels, ""
    chosen = [labels[index] for index in np.linspace(0, len(labels) - 1, SERIES).round().astype(int)]
    return chosen, f"{SERIES} of {len(labels)} settings are drawn; filter to see the others."


def series_scale(frame: pd.DataFrame, names: Sequence[str], labels: Sequence[str]) -> alt.Scale:
    """A colour per series, the same in every chart of the frame; where one kind of part varies, the part's own."""
    varying = varying_settings(frame, names)
    for registry in REGISTRIES.values():
        parts = [entry.name for entry in registry]
        if varying == [registry.kind] and {*frame[varying[0]].dropna().unique()} <= {*parts}:
            return colours(labels, parts)
    every = list(group_by_settings(frame, names)[1]["label"]) if names else []
    return colours(labels, every)


def count_text(counts: pd.Series) -> str:
    """``10``, or ``8 to 10``: how many runs or seeds stand behind what is drawn; empty for none."""
    counts = counts[counts > 0]
    if not len(counts):
        return ""
    low, high = int(counts.min()), int(counts.max())
    return str(low) if low == high else f"{low} to {high}"
