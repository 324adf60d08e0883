"""What every experiment of trainings must survive: frames cut short, emptied, or without a number."""

import numpy as np
import pandas as pd

import core


def cut_and_emptied(kind, frame, rows):
    """The frame whole, of one seed, its first ``rows``, without a row, and with nothing measured."""
    numbers = [name for name in kind.measures if frame[name].dtype == float]
    return [
        frame,
        frame[frame["seed"] == 0],
        frame.iloc[:rows],
        frame.iloc[:0],
        frame.assign(**dict.fromkeys(numbers, np.nan)),
    ]


def assert_all_drawn_and_left_alone(kind, frames):
    """Charts, headline, summary and findings come of each, and change none."""
    for each in frames:
        before = each.copy()
        for chart in kind.figures(kind.analysis(each)).values():
            chart.titled().to_dict()
        kind.headline(kind.analysis(each))
        assert kind.analysis(each).summary is not None
        core.findings(each)
        pd.testing.assert_frame_equal(each, before)
