"""A chart as Vega-Lite, with those columns of its tables alone that it draws."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from threading import RLock
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

ALTAIR = RLock()  # theme and data transformer are the whole process's: one thread at a time may change them
KEPT_ASIDE = "kept aside"


def _keep_aside(table: pd.DataFrame, tables: list[pd.DataFrame]) -> dict[str, str]:
    """The table's place among ``tables``, where a chart would hold its rows."""
    place = next((place for place, other in enumerate(tables) if other is table), len(tables))
    tables[place:] = tables[place:] or [table]
    return {"name": f"table {place}"}


alt.data_transformers.register(KEPT_ASIDE, _keep_aside)


def vega_lite(drawing: alt.Chart | Sequence[alt.Chart]) -> dict[str, Any]:
    """The drawing, its rows in ``datasets`` by a name that changes with them, without the columns that nothing names.

    Several charts lie upon one another.
    """
    tables: list[pd.DataFrame] = []
    with ALTAIR, alt.theme.enable("none"), alt.data_transformers.enable(KEPT_ASIDE, tables=tables):
        whole = _layered(drawing) if isinstance(drawing, Sequence) else drawing.to_dict(validate=False)
    _silence(whole)
    text = json.dumps(whole)
    words = set(re.findall(r"\w+", text))
    datasets = {}
    for place, table in enumerate(tables):
        columns = [name for name in table.columns if name in words or not str(name).isidentifier()]
        rows = _rows(table[columns])
        name = f"data-{hashlib.md5(json.dumps(rows).encode(), usedforsecurity=False).hexdigest()}"
        datasets[name] = rows
        text = text.replace(f'"table {place}"', f'"{name}"')
    return json.loads(text) | ({"datasets": datasets} if datasets else {})


def _silence(drawing: dict[str, Any]) -> None:
    """Marks without words of their own get no tooltip: a page's default tells all columns, under their raw names."""
    for part in drawing.get("layer", ()):
        _silence(part)
    if "mark" in drawing and "tooltip" not in drawing.get("encoding", {}):
        drawing["mark"] = {"tooltip": None} | drawing["mark"]


def _layered(charts: Sequence[alt.Chart]) -> dict[str, Any]:
    """Charts upon one another as Altair's ``layer`` writes them, which copies and checks each of them several times.

    A table that all share stands once, above them, and so do the parameters, each with the names of its layers.
    """
    layers = [chart.to_dict(validate=False, context={"top_level": False}) for chart in charts]  # our own shapes
    whole: dict[str, Any] = {"$schema": alt.SCHEMA_URL, "layer": layers}
    if layers and all(layer["data"] == layers[0]["data"] for layer in layers):
        whole["data"] = layers[0]["data"]
        layers[:] = [{name: part for name, part in layer.items() if name != "data"} for layer in layers]
    params = [param | {"views": [layer["name"]]} for layer in layers for param in layer.pop("params", ())]
    return whole | ({"params": params} if params else {})


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The table's rows as Altair writes them, in a tenth of its time for columns of numbers and text."""
    cells = [_cells(table[name]) for name in table.columns]
    return [dict(zip(table.columns, row, strict=True)) for row in zip(*cells, strict=True)]


def _cells(column: pd.Series) -> list[Any]:
    """A column's cells as JSON has them: None for what is missing or not finite."""
    if column.dtype.kind in "iub" and isinstance(column.dtype, np.dtype):
        return column.tolist()
    if column.dtype.kind == "f" and isinstance(column.dtype, np.dtype):
        return [cell if known else None for cell, known in zip(column.tolist(), np.isfinite(column), strict=True)]
    if isinstance(column.dtype, pd.StringDtype):
        return [None if missing else cell for cell, missing in zip(column.tolist(), column.isna(), strict=True)]
    return [row[column.name] for row in alt.to_values(column.to_frame())["values"]]
