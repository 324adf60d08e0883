"""A number as logs write it."""

from __future__ import annotations

import math
import re

NUMBER = r"[-+]?(?:\d[\d,]*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|[-+]?(?:nan|inf(?:inity)?)\b"
NOT_FINITE = {"nan": math.nan, "inf": math.inf, "infinity": math.inf, "null": math.nan, "none": math.nan}
TENSOR = re.compile(r"^tensor\((.+?)[,)]")


def number(cell: object) -> float | None:
    """The number in a cell; NaN where NaN was written, infinity where that, None where nothing or no number stands."""
    if isinstance(cell, bool) or cell is None:
        return None
    if isinstance(cell, (int, float)):
        try:
            return float(cell)
        except OverflowError:
            return math.inf
    if not isinstance(cell, str):
        return None
    text = cell.strip().strip("'\"").lower()
    if not text or len(text) > 60:
        return None
    wrapped = TENSOR.match(text)
    text = wrapped.group(1) if wrapped else text
    bare = text.lstrip("+-")
    if bare in NOT_FINITE:
        return -NOT_FINITE[bare] if text.startswith("-") else NOT_FINITE[bare]
    percent = text.endswith("%")
    try:
        value = float(text.rstrip("%").strip().replace("_", "x"))
    except ValueError:
        return None
    return value / 100.0 if percent else value
