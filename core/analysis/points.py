"""Runs grouped by their settings. A ``point`` is one combination of settings; its runs differ in their seed alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from core.frames import COLUMNS

Points = tuple[pd.Series, pd.DataFrame]  # each row's point; the points' settings, with a ``label``


def group_by_settings(frame: pd.DataFrame, settings: Sequence[str]) -> Points:
    """Each row's point, by number in order of appearance, and the points' settings with a ``label`` for people."""
    names = varying_settings(frame, settings)  # the others tell nothing apart, and most are the same everywhere
    codes = np.zeros(len(frame), dtype=int)
    for name in names:
        own, values = pd.factorize(frame[name], use_na_sentinel=False)
        codes, _ = pd.factorize(codes * len(values) + own)
    number = pd.Series(codes, index=frame.index)
    first = np.unique(codes, return_index=True)[1]
    table = frame.iloc[first][list(settings)].set_axis(np.arange(len(first)))
    cells = zip(*(table[name] for name in names), strict=True) if names else [()] * len(table)
    table["label"] = [
        " · ".join(_setting_label(name, value) for name, value in zip(names, row, strict=True)) or "all runs"
        for row in cells
    ]
    return number, table


def _setting_label(name: str, value: object) -> str:
    if pd.isna(value):
        return f"no {COLUMNS[name].label}"
    if COLUMNS[name].dtype == "string":
        return f"{name} none" if value == "none" else str(value)
    return f"{COLUMNS[name].label} {value:g}"


def alike(runs: pd.DataFrame, settings: pd.Series, but: str) -> pd.DataFrame:
    """The runs whose settings are these but for the setting ``but``."""
    others = [name for name in settings.index if name in runs and name != but]
    return runs[(runs[others].eq(settings[others]) | (runs[others].isna() & settings[others].isna())).all(axis=1)]


def varying_settings(frame: pd.DataFrame, names: Sequence[str]) -> list[str]:
    """The settings that take more than one value in the frame, the empty one counted."""
    return [name for name in names if frame[name].nunique(dropna=False) > 1]


def telling_settings(frame: pd.DataFrame, names: Sequence[str]) -> list[str]:
    """The settings that tell a frame's points apart, those left out that follow from the ones before them."""
    chosen: list[str] = []
    groups = 1
    for name in varying_settings(frame, names):
        finer = frame.groupby([*chosen, name], dropna=False, sort=False).ngroups
        if finer > groups:
            chosen, groups = [*chosen, name], finer
    return chosen or list(names)
