"""A finished drawing with its vertical axis on the other scale: linear for logarithmic, and back."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from core.plotting.axes import power_axis

DRAWN = ("drawn", "log_")  # what the columns begin with that lines are drawn by


def other_scale(specification: dict[str, Any]) -> tuple[str, dict[str, Any]] | None:
    """The other scale's name and the Vega-Lite drawing on it; None for bars, ranks, shares, and lines that reach zero.

    Logarithmic lines hold log10 of their values, as ``axes.power_axis`` has it.
    """
    changed = copy.deepcopy(specification)
    lines = [encoding for encoding in _encodings(changed) if _field(encoding, "y")]
    axis = next((line["y"].get("axis") or {} for line in lines), {})
    if not lines or axis.get("format") == "%" or not all(_field(line, "y").startswith(DRAWN) for line in lines):
        return None
    middles = {_field(line, "y") for line in lines if "y2" not in line}
    fields = middles | {_field(line, side) for line in lines for side in ("y", "y2") if side in line}
    rows = [row for table in changed.get("datasets", {}).values() for row in table]
    logarithmic = "labelExpr" in axis
    values = [row[name] for row in rows for name in middles if _is_number(row.get(name))]
    if not values or (not logarithmic and min(values) <= 0):
        return None
    least = min(values)
    for row in rows:
        for name in fields:
            if _is_number(row.get(name)):
                row[name] = 10.0 ** row[name] if logarithmic else math.log10(max(row[name], least))
    title = axis.get("title") or next((line["y"].get("title") for line in lines if line["y"].get("title")), None)
    drawn = [row[name] for row in rows for name in fields if _is_number(row.get(name))]
    powers, scale = power_axis(title or "", np.array(drawn))
    for line in lines:
        line["y"]["axis"] = {"title": title} if logarithmic else powers.to_dict()
        line["y"]["scale"] = {"zero": False} if logarithmic else scale.to_dict()
    other = "linear" if logarithmic else "logarithmic"
    return other, _with_tables_named(changed, other)


def _with_tables_named(drawing: dict[str, Any], scale: str) -> dict[str, Any]:
    """The drawing with the scale in its tables' names, since what goes by another's name must hold the same."""
    tables = {name: f"{name} {scale}" for name in drawing.get("datasets", {})}
    for place in (drawing, *drawing.get("layer", [])):
        name = place.get("data", {}).get("name")
        if name in tables:
            place["data"]["name"] = tables[name]
    return drawing | {"datasets": {tables[name]: rows for name, rows in drawing.get("datasets", {}).items()}}


def _encodings(part: Any) -> Iterator[dict[str, Any]]:
    """Every encoding within a drawing."""
    if isinstance(part, dict):
        if "encoding" in part:
            yield part["encoding"]
        for name, value in part.items():
            if name != "datasets":
                yield from _encodings(value)
    elif isinstance(part, list):
        for value in part:
            yield from _encodings(value)


def _field(encoding: dict[str, Any], side: str) -> str:
    return str(encoding.get(side, {}).get("field", ""))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)
