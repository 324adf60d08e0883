"""What guessing gets: the bar that a training must pass."""

from __future__ import annotations

import math

import pandas as pd

from core.parts.datasets import shape_of


def majority(frame: pd.DataFrame) -> float:
    """The accuracy of always answering the largest class of the frame's one dataset; NaN for several, or for numbers.

    NaN too for a user's own table that is not here, or has changed: a frame can be read without its data.
    """
    names = frame["dataset"].unique()
    if len(names) != 1 or not isinstance(names[0], str):
        return math.nan
    try:
        return shape_of(names[0]).majority
    except ValueError:
        return math.nan


def guess_loss(dataset: object) -> float:
    """The loss of guessing on a dataset; NaN for what is none, or a user's own table that is not here."""
    try:
        return shape_of(str(dataset)).guess_loss
    except ValueError:
        return math.nan
