"""Whether a frame from outside holds numbers where its columns need them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def check_numbers(frame: pd.DataFrame, numbers: tuple[str, ...], whole: tuple[str, ...]) -> None:
    """ValueError for a column that should hold numbers and does not, or whole numbers and has a gap."""
    import pandas as pd

    for name in (*whole, *numbers):
        if not pd.api.types.is_numeric_dtype(frame[name]):
            bad = pd.to_numeric(frame[name], errors="coerce").isna() & frame[name].notna()
            raise ValueError(f"{name}: must hold numbers, but one cell is {frame.loc[bad, name].iloc[0]!r}")
        if name in whole and frame[name].isna().any():
            raise ValueError(f"{name}: must hold whole numbers, but a cell is empty")
