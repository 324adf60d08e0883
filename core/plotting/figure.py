"""A chart with its finding as title, the place of one that has nothing to draw, and the charts of a page by name."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from threading import RLock
from typing import Any

import altair as alt
import pandas as pd

from core.plotting.style import HEIGHT, THEORY
from core.plotting.vega_lite import ALTAIR, vega_lite

PICTURE_WIDTH = 820


@dataclass(frozen=True)
class Figure:
    """A chart and its words.

    title    the finding, computed from the frame; empty where there is nothing to draw
    note     what lines and bands are, n, and what is left out
    drawing  without its title; several charts lie upon one another
    height   of the drawing, in pixels
    flat     the title says it all: a page draws no chart
    """

    title: str
    note: str
    drawing: alt.Chart | Sequence[alt.Chart]
    height: int
    flat: bool = False

    @property
    def chart(self) -> alt.Chart:
        """The drawing as one chart of Altair's, as wide as its place."""
        whole = alt.layer(*self.drawing) if isinstance(self.drawing, Sequence) else self.drawing
        return whole.properties(height=self.height, width="container")  # type: ignore[return-value]

    @property
    def specification(self) -> dict[str, Any]:
        """The drawing as Vega-Lite, made once: what a page hands to the browser at every rerun."""
        with ALTAIR:  # who asks while it is made waits for it
            return self._specification

    @cached_property
    def _specification(self) -> dict[str, Any]:
        return vega_lite(self.drawing) | {
            "height": self.height,
            "width": "container",
            "description": f"{self.title}. {self.note}".strip(" ."),  # what a screen reader says
        }

    def titled(self) -> alt.Chart:
        """The chart with its words as title and subtitle, wrapped, to be looked at alone."""
        words = alt.TitleParams(
            textwrap.wrap(self.title, 80) or [""],
            subtitle=textwrap.wrap(self.note, 100) or [""],
            anchor="start",
            fontSize=15,
            subtitleFontSize=12,
            offset=12,
        )
        return self.chart.properties(title=words)

    def picture(self, kind: str) -> bytes:
        """The chart with its words as a file, ``png`` or ``svg``; made here, without a browser."""
        import vl_convert

        drawing = vega_lite(self.titled().properties(width=PICTURE_WIDTH, background="white"))
        if kind == "svg":
            return vl_convert.vegalite_to_svg(drawing).encode()
        return vl_convert.vegalite_to_png(drawing, scale=2)


def figure(drawing: alt.Chart | Sequence[alt.Chart], title: str, note: str = "", height: int = HEIGHT) -> Figure:
    """The drawing with its finding as title, and what lines and bands are as note; several charts lie upon one another."""
    return Figure(title, note, drawing, height)


def empty(reason: str) -> Figure:
    """A chart's place, holding a sentence that says why there is nothing to draw."""
    data = pd.DataFrame({"reason": [reason]})
    text = alt.Chart(data).mark_text(fontSize=14, color=THEORY, lineBreak="\n").encode(text=alt.Text("reason:N"))
    return figure(text, "", height=120)


Drawings = dict[str, Callable[[], Figure]]  # by name


class Figures(Mapping[str, Figure]):
    """Figures by name, each drawn when somebody first looks at it, once for all who do.

    groups  the names but for the first, by what of the question they answer, in two words: a page draws one group at a
            time; the first figure proves the answer and always stands
    """

    def __init__(self, drawings: Drawings, groups: Mapping[str, Sequence[str]]) -> None:
        """The figures that ``drawings`` draw; what no group names stands in the last, what nothing draws in none."""
        first, *others = drawings
        grouped = {group: [name for name in names if name in others] for group, names in groups.items()}
        rest = [name for name in others if not any(name in names for names in grouped.values())]
        if rest:
            grouped[list(groups)[-1]] += rest
        self.groups = {group: names for group, names in grouped.items() if names}
        self._drawings = {name: drawings[name] for name in [first, *(n for names in grouped.values() for n in names)]}
        self._drawn: dict[str, Figure] = {}
        self._lock = RLock()  # all sessions of a server look at the same

    def __getitem__(self, name: str) -> Figure:
        with self._lock:
            if name not in self._drawn:
                self._drawn[name] = self._drawings[name]()
            return self._drawn[name]

    def __contains__(self, name: object) -> bool:  # Mapping's own would draw it
        return name in self._drawings

    def __iter__(self) -> Iterator[str]:
        return iter(self._drawings)

    def __len__(self) -> int:
        return len(self._drawings)
