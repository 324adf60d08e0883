"""Names of lines at their right ends, in the lines' colours, where they fit: no legend to look up. Level bars get theirs there too."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType

import altair as alt
import numpy as np
import pandas as pd

from core.plotting.style import THEORY, ink, shared_words

NAME = "ends"  # of the drawing's part that holds the names
SPACING = 14  # pixels from a name to the next
LOWEST = 140  # pixels of a drawing: names stand apart in a higher one too
FARTHEST = 1.0  # spacings from a name to the end of its line
LONGEST = 16  # characters: more of them would take a phone's width
MOST = 8


def at_ends(
    lines: pd.DataFrame,
    x: str,
    y: str,
    scale: alt.Scale,
    span: tuple[float, float],
    height: float = LOWEST,
    bars: Mapping[str, float] = MappingProxyType({}),
) -> list[alt.Chart]:
    """A name for each ``label`` of ``lines``, at its last value; what all names begin with stands once, above them.

    span    lowest and highest value of the axis
    height  of the drawing, in pixels
    bars    level lines by name, which stand among the others in grey

    Nothing where there is one line, or many, where names are long, or would have to stand far from their lines.
    """
    last = lines.sort_values(x).groupby("label", sort=False).tail(1).sort_values(y)
    gap = SPACING * (span[1] - span[0]) / height
    shared = shared_words(list(last["label"]))
    names = last["label"].str[len(shared) :]
    if not 1 < len(last) <= MOST or not gap > 0 or names.str.len().max() > LONGEST:
        return []
    together = last[x].nunique() == 1  # else each name stands at its own line's end, where there is room
    ends = pd.concat([last[y] if together else last[y][:0], pd.Series(bars, dtype=float)]).sort_values()
    edge = pd.Series(spread(ends.to_numpy(float), gap, *span), index=ends.index)
    if (edge - ends).abs().max() > FARTHEST * gap:
        return []
    places = edge[last.index] if together else last[y]
    colours = dict(zip(*(scale.to_dict(validate=False)[name] for name in ("domain", "range")), strict=False))
    inks = [
        {"test": f"datum.label === {json.dumps(label)}", "value": ink(colour)} for label, colour in colours.items()
    ]  # no scale: the lines' would take its place
    found = [
        alt.Chart(last[["label", x]].assign(name=names, drawn_end=places.to_numpy(float)), name=NAME)
        .mark_text(align="left", baseline="middle", dx=6, fontSize=12, clip=False, cursor="pointer")
        .encode(
            x=alt.XValue("width") if together else alt.X(f"{x}:Q"),  # at the edge it stays there when zoomed
            y=alt.Y("drawn_end:Q"),
            text="name:N",
            color=alt.ColorValue(THEORY, condition=inks),
            tooltip=alt.TooltipValue(None),
        )
    ]
    if shared:
        word = alt.Chart(pd.DataFrame({"shared": [shared.strip()]}))
        word = word.mark_text(align="right", baseline="bottom", dy=-6, fontSize=12, clip=False, color=THEORY)
        found.append(word.encode(x=alt.XValue("width"), y=alt.YValue(0), text="shared:N"))
    return found + ([_named_bars(edge[list(bars)])] if bars else [])


def at_edge(bars: Mapping[str, float], span: tuple[float, float], height: float = LOWEST) -> list[alt.Chart]:
    """The names of level lines at the right edge, apart from one another; ``span`` and ``height`` as for ``at_ends``."""
    ends = pd.Series(bars, dtype=float).sort_values()
    gap = SPACING * (span[1] - span[0]) / height
    apart = (
        SPACING * (spread(ends.to_numpy(), gap, *span) - ends.to_numpy()) / gap if gap > 0 else 0.0 * ends.to_numpy()
    )
    # each by so many pixels from its own line, which stay as many in a higher drawing
    return [_named_bars(ends[[name]], -round(float(pixels))) for name, pixels in zip(ends.index, apart, strict=True)]


def _named_bars(places: pd.Series, down: int = 0) -> alt.Chart:
    base = alt.Chart(pd.DataFrame({"bar": places.index, "drawn_end": places.to_numpy(float)}))
    words = base.mark_text(align="left", baseline="middle", dx=6, dy=down, fontSize=12, clip=False, color=THEORY)
    return words.encode(x=alt.XValue("width"), y=alt.Y("drawn_end:Q"), text="bar:N", tooltip=alt.TooltipValue(None))


def spread(places: np.ndarray, gap: float, low: float, high: float) -> np.ndarray:
    """Rising ``places``, moved as little as it takes that they lie ``gap`` apart, and within low and high where they fit.

    The least squares of all such moves: what is monotone after i·gap is taken away, by pooling neighbours that violate it.
    """
    if not len(places):
        return places
    steps = gap * np.arange(len(places))
    blocks: list[tuple[float, int]] = []  # mean, how many
    for value in places - steps:
        blocks.append((float(value), 1))
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            (first, m), (second, n) = blocks[-2:]
            blocks[-2:] = [((m * first + n * second) / (m + n), m + n)]
    means = np.repeat([mean for mean, _ in blocks], [count for _, count in blocks])
    return np.asarray(np.clip(means, low, max(low, high - steps[-1])) + steps)
