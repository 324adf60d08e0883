"""Predict, then run: what a question is. Its answer is read off a run, never written down."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from core.words import three_digits

if TYPE_CHECKING:
    import pandas as pd

    from core.experiments import Analysis


class Answer(NamedTuple):
    """Which of the choices came true, by its number from 0, and what was measured, in a sentence or two."""

    choice: int
    words: str


class Question(NamedTuple):
    """What to predict before the run; ``answer`` reads the finished sweep's analysis."""

    ask: str
    choices: tuple[str, ...]
    settings: Mapping[str, str]
    answer: Callable[[Analysis], Answer]


def means(analysis: Analysis, measure: str, by: str) -> pd.Series:
    """A measure's mean over seeds by the values of one setting."""
    rows = analysis.summary[analysis.summary["measure"] == measure]
    return rows.set_index(by)["mean"].astype(float)


def lowest(values: pd.Series) -> str:
    """The setting whose mean is lowest; the first where there is no mean."""
    return str(values.idxmin()) if values.notna().any() else str(values.index[0])


def listed(values: pd.Series, unit: str = "") -> str:
    """``tanh 0.58×, relu 0.7×``."""
    return ", ".join(f"{name} {three_digits(value)}{unit}" for name, value in values.items())
