"""The house style: one palette, what theory looks like, scales of colour, legends."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from functools import cache

import altair as alt

from core.frames import COLUMNS

# Okabe & Ito 2008, then Tol's muted set; both are safe for colour-blind readers. Red is kept for findings. The first eight
# differ most: a chart draws no more lines.
PALETTE = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#CC79A7",
    "#56B4E9",
    "#D55E00",
    "#332288",
    "#882255",
    "#999933",
    "#AA4499",
    "#44AA99",
    "#DDCC77",
)
BLUE, ORANGE = PALETTE[:2]
READABLE = 4.5  # contrast of text to its ground, WCAG 2 AA
DEEP_BLUE, DEEP_ORANGE = "#004A75", "#A86500"  # the same on a ground of their own colour
BURNT_ORANGE = "#C26A00"  # orange for text and thin lines
PALE, BROWN = "#F4F1EA", "#8C2D04"  # the ends of a scale from none to all
THEORY = "#888888"
INK, FAINT_INK = "#1F2933", "#7A858F"  # words on a drawing
NODE, NODE_EDGE, EDGE = "#E8ECF0", "#5B6770", "#B8B8B8"  # a network, drawn
DASH = [6, 4]
COLUMNS_OF = (
    (4, 6),
    (9, 3),
    (16, 2),
    (math.inf, 1),
)  # characters of a label -> columns that a phone, 390 px wide, shows whole
WIDE = 420  # pixels of a drawing that has room for twice as many
alt.data_transformers.disable_max_rows()  # our charts aggregate first; altair would refuse above 5,000 rows
HEIGHT = 320
TICKS = 5  # asked of a linear axis: Vega then draws eight at most


def colours(names: Sequence[str], order: Sequence[str] = ()) -> alt.Scale:
    """A colour per name: its place in ``order`` where it stands there, so that a part keeps its colour everywhere."""
    taken = [list(order).index(name) if name in order else position for position, name in enumerate(names)]
    if len({index % len(PALETTE) for index in taken}) < len(taken):
        taken = list(range(len(names)))
    return alt.Scale(domain=list(names), range=[PALETTE[index % len(PALETTE)] for index in taken])


@cache
def ink(colour: str) -> str:
    """The colour as one can read it in text on white: darkened until its contrast is ``READABLE``."""
    share = 1.0
    while 1.05 / (_luminance(darker := _shaded(colour, share)) + 0.05) < READABLE:
        share -= 0.02
    return darker


def _shaded(colour: str, share: float) -> str:
    return "#" + "".join(f"{round(share * int(colour[at : at + 2], 16)):02X}" for at in (1, 3, 5))


def _luminance(colour: str) -> float:
    """Relative luminance of sRGB, as WCAG 2 has it."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


BRIGHT = {  # on a dark ground; two blues stay two
    "#0072B2": "#4AA8E0",
    "#56B4E9": "#B3E0FF",
    "#332288": "#9A8CFF",
    "#882255": "#F0E442",
    "#AA4499": "#D07CC4",
}
NIGHT = {ink(colour): BRIGHT.get(colour, colour) for colour in PALETTE} | BRIGHT  # lines, and their names


def setting_labels(names: Sequence[str]) -> str:
    """What the settings ``names`` are called, as the title of a legend."""
    return ", ".join(COLUMNS[name].label for name in names)


def legend(title: str, labels: Sequence[str] = ()) -> alt.Legend:
    """A legend above its chart, so that a narrow screen loses no width; long labels stand below one another.

    What all labels begin with is the title where there is no other: ``recurrent gain`` above 0.5, 1 and 1.5.
    """
    shared = "" if title else shared_words(labels)
    longest = max((len(label) for label in labels), default=0) - len(shared)
    columns = next(columns for length, columns in COLUMNS_OF if longest <= length)
    return alt.Legend(
        title=title or shared.strip() or None,
        orient="top",
        direction="horizontal",
        columns=alt.ExprRef(f"width > {WIDE} ? {2 * columns} : {columns}"),
        labelLimit=300,
        labelExpr=f"slice(datum.label, {len(shared)})" if shared else "datum.label",
        symbolType="stroke",
        symbolStrokeWidth=3,
        symbolOpacity=1,
    )


def shared_words(labels: Sequence[str]) -> str:
    """The words that all of several labels begin with, with the space behind them; none of labels of several settings."""
    if len(labels) < 2 or any(" · " in label for label in labels):
        return ""
    columns = zip(*(label.split(" ")[:-1] for label in labels), strict=False)
    return "".join(f"{words[0]} " for words in itertools.takewhile(lambda words: len({*words}) == 1, columns))


def diverging() -> alt.Scale:
    """Colours for the log10 of a ratio per layer: blue shrinks, orange grows, pale in the middle, at 1."""
    return alt.Scale(domain=[-0.7, 0, 0.7], range=["#0072B2", "#F4F1EA", "#C26A00"], clamp=True)
