"""Numbers in text: three significant digits, spans, and what gradients do from place to place."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

_SIGNS = re.compile(r"([!-+/:-@\[-`{-~-])")  # Markdown's signs are ASCII: before others a \\ would be seen
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def three_digits(value: float) -> str:
    """A number for text: three significant digits; ``–`` where there is none."""
    if value is None or math.isnan(value):
        return "–"
    if 999.5 <= abs(value) < 9999.5:
        return f"{value:,.0f}"
    if value == 0 or 1e-3 <= abs(value) < 1e4:
        return f"{value:.3g}"
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    mantissa, exponent = f"{value:.2e}".split("e")
    return f"{mantissa} · 10{str(int(exponent)).translate(SUPERSCRIPTS)}"


def factor_words(factor: float, place: str) -> str:
    """What gradients do from one ``place``, a layer or a step, to the next: ``shrink 0.58× a layer``."""
    if 0.98 <= factor <= 1.02:
        return f"keep their size ({three_digits(factor)}× a {place})"
    return f"{'shrink' if factor < 1 else 'grow'} {three_digits(factor)}× a {place}"


def counted(count: int, noun: str) -> str:
    """So many of a thing, whose plural ends in s: ``1 row``, ``57,616 rows``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def span(values: pd.Series, unit: str = "") -> str:
    """The least and the largest of numbers, in three digits, or the one that they share; ``–`` for none."""
    if not len(values):
        return "–"
    low, high = three_digits(float(values.min())), three_digits(float(values.max()))
    return f"{low}{unit}" if low == high else f"{low}{unit} – {high}{unit}"


def plain(text: object) -> str:
    """Anybody's words as Markdown that shows them as they are: no image, link, formula or emphasis."""
    return _SIGNS.sub(r"\\\1", str(text))
