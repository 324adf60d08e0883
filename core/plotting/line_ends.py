"""Names of lines at their right ends, in the lines' colours: no legend to look up."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import numpy as np
import pandas as pd

SPACING = 14  # pixels from a name to the next
LONGEST = 12  # characters: more of them would take a phone's width
MOST = 8


def fit_at_ends(names: Sequence[str]) -> bool:
    """Whether the names are few and short enough to stand beside the lines."""
    return 1 < len(names) <= MOST and max(map(len, names)) <= LONGEST


def at_ends(
    lines: pd.DataFrame, x: str, y: str, scale: alt.Scale, span: tuple[float, float], height: float
) -> alt.Chart:
    """A name for each ``label`` of ``lines``, at its last value, moved up or down where two would touch.

    span    lowest and highest value of the axis
    height  of the drawing, in pixels
    """
    last = lines.sort_values(x).groupby("label", sort=False).tail(1).sort_values(y)
    gap = SPACING * (span[1] - span[0]) / height
    places = spread(last[y].to_numpy(float), gap, *span)
    return (
        alt.Chart(last[["label"]].assign(place=places))
        .mark_text(align="left", baseline="middle", dx=6, fontSize=12, clip=False)
        .encode(
            x=alt.XValue("width"),
            y=alt.Y("place:Q"),
            text="label:N",
            color=alt.Color("label:N", scale=scale, legend=None),
            tooltip=alt.TooltipValue(None),
        )
    )


def spread(places: np.ndarray, gap: float, low: float, high: float) -> np.ndarray:
    """Rising ``places``, moved as little as it takes that they lie ``gap`` apart, and within low and high where they fit.

    The least squares of all such moves: what is monotone after i·gap is taken away, by pooling neighbours that violate it.
    """
    steps = gap * np.arange(len(places))
    blocks: list[tuple[float, int]] = []  # mean, how many
    for value in places - steps:
        blocks.append((float(value), 1))
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            (first, m), (second, n) = blocks[-2:]
            blocks[-2:] = [((m * first + n * second) / (m + n), m + n)]
    means = np.repeat([mean for mean, _ in blocks], [count for _, count in blocks])
    return np.asarray(np.clip(means, low, max(low, high - steps[-1])) + steps)
