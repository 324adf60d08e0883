"""Whether a frame from outside still is what ``run`` wrote: numbers where numbers belong, each row once, settings that can be."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from core.exported_tables import WORDS
from core.frames import COLUMNS
from core.registry import brief

if TYPE_CHECKING:
    import pandas as pd

    from core.experiments import Experiment

LARGEST_WHOLE = 2.0**63
MISSING_ROWS = "the table lacks rows or cells that its runs need, so it can't be judged; export or copy it once more"


def checked(kind: Experiment, frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with its columns' types and rows numbered anew; ValueError names what no frame of ours holds."""
    twice = frame.columns[frame.columns.duplicated()]
    if len(twice):
        raise ValueError(f"the table has two columns {brief(twice[0])!r}")
    optional = set(kind.settings.names())
    table = frame.reset_index(drop=True)
    for name in kind.columns:
        table[name] = _typed(name, table[name], name in optional)
    if not len(table):
        return table
    for name in kind.index:
        if (table[name] < 0).any():
            raise ValueError(f"{name}: must be 0 or more, but got {table[name].min()}")
    places = ["run", *kind.index]
    if table.duplicated(places).any():
        row = table[table.duplicated(places)].iloc[0]
        place = ", ".join(f"{name} {row[name]}" for name in kind.index)
        raise ValueError(f"run {brief(row['run'])[:12]} has {place} twice")
    heads = table[["run", *kind.settings.names(), "seed"]].drop_duplicates()
    if heads["run"].duplicated().any():
        run = heads["run"][heads["run"].duplicated()].iloc[0]
        raise ValueError(f"run {brief(run)[:12]} has rows of different settings or seeds")
    _check_settings(kind, heads.drop(columns=["run", "seed"]).drop_duplicates())
    return table


def _typed(name: str, cells: pd.Series, optional: bool) -> pd.Series:
    """A column's cells with the type that it has in our frames; ValueError for one that does not fit."""
    fitted = _fitted(name, cells, optional)
    if COLUMNS[name].unit.startswith("share of"):
        fitted = fitted.mask(fitted.abs() == math.inf)  # what left the number format is no share
        outside = fitted[fitted.abs() > 1.0]  # a difference of two shares may be negative
        if len(outside):
            raise ValueError(f"{name}: must be a share, but one cell is {brief(outside.iloc[0])}")
    return fitted


def _fitted(name: str, cells: pd.Series, optional: bool) -> pd.Series:
    """A column's cells with the type that it has in our frames, whatever they are."""
    import pandas as pd

    dtype = COLUMNS[name].dtype
    missing = cells.isna()
    if missing.any() and dtype != "float64" and not optional:
        raise ValueError(f"{name}: must hold {WORDS[dtype]} in every row, but a cell is empty")
    if dtype == "float64" and pd.api.types.is_float_dtype(cells):
        return cells
    if dtype == "int64" and pd.api.types.is_signed_integer_dtype(cells):
        return cells
    fits = {"string": _is_text, "bool": _is_bool, "int64": _is_whole, "float64": _is_number}[dtype]
    unfit = [cell for cell in cells[~missing].unique() if not fits(cell)]
    if unfit:
        raise ValueError(f"{name}: must hold {WORDS[dtype]}, but one cell is {brief(repr(_plain(unfit[0])))}")
    if dtype in ("string", "bool"):
        return cells
    return cells.astype("float64" if missing.any() or dtype == "float64" else "int64")


def _plain(cell: Any) -> Any:
    return cell.item() if hasattr(cell, "item") else cell


def _is_text(cell: object) -> bool:
    return isinstance(cell, str)


def _is_bool(cell: object) -> bool:
    return _plain(cell) in (True, False) and not isinstance(_plain(cell), str)


def _is_number(cell: Any) -> bool:
    return isinstance(_plain(cell), (int, float)) and not isinstance(_plain(cell), bool) and _fits(cell)


def _is_whole(cell: Any) -> bool:
    return _is_number(cell) and abs(float(cell)) < LARGEST_WHOLE and float(cell) == int(cell)


def _fits(cell: Any) -> bool:
    try:
        float(cell)
    except OverflowError:  # a number of hundreds of digits
        return False
    return True


def _check_settings(kind: Experiment, points: pd.DataFrame) -> None:
    """Every setting is one that the experiment knows, or knew."""
    for name, limits in kind.settings.limits.items():
        for cell in points[name].dropna().unique():
            try:
                limits.stored(_plain(cell))
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from None


def is_complete(kind: Experiment, table: pd.DataFrame) -> bool:
    """Whether each run of a checked frame has every row and every number that its settings make."""
    names = kind.settings.names()
    for _, rows in table.groupby("run"):
        head = rows.iloc[0]
        values = {name: _plain(head[name]) for name in names if head[name] == head[name]}  # NaN is none
        try:
            if len(rows) != kind.cost(kind.settings.point(**values)).rows:
                return False
        except ValueError:
            return False
    return True
