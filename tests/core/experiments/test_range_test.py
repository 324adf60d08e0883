"""The Learning rate experiment's summaries and charts: suggestions, spreads, the check."""

import numpy as np
import pandas as pd
import pytest

import core
from core import tables
from core.experiments import experiment, range_test, range_test_charts

KIND = experiment("range_test")
SMALL = {"dataset": "wine", "width": 8, "steps": 40, "batch_size": 20}


def frame_of(given):
    runs = [run for task in KIND.tasks(KIND.sweep(SMALL | given).runs()) for run in task]
    return tables.to_frame(KIND.table(runs, tables.encode(KIND.compute(runs, "cpu"))))


@pytest.fixture(scope="module")
def frame():
    return frame_of({"optimizer": "sgd", "seeds": 4})


def test_charts_and_summaries_survive_odd_frames(frame):
    numbers = [name for name in KIND.measures if frame[name].dtype == float]
    odd = [
        frame,
        frame[frame["seed"] == 0],
        frame.iloc[:3],
        frame.iloc[:0],
        frame.assign(**dict.fromkeys(numbers, np.nan)),
    ]
    for each in odd:
        before = each.copy()
        for chart in KIND.charts(each).values():
            chart.to_dict()
        KIND.headline(each)
        KIND.summary(each)
        core.findings(each)
        pd.testing.assert_frame_equal(each, before)


def test_rules_that_suggest_the_same_rate_are_all_to_be_seen(frame):
    """The first of them is drawn below the others, and wider."""
    runs = range_test.run_summary(frame)
    same = runs.assign(suggested_lr_steepest=0.03, suggested_lr_minimum_tenth=0.03, suggested_lr_valley=0.01)
    chart = range_test_charts.charts(frame, same, range_test.NAMES)["curve"].to_dict()
    rows = {row["rule"]: row["wide"] for data in chart["datasets"].values() for row in data if "wide" in row}
    assert rows["steepest"] > rows["a tenth of the minimum's"] == rows["valley"]


def test_the_check_trains_at_the_recommended_rate_and_around_it(frame):
    settings = range_test.check_settings(frame)
    suggested = range_test.run_summary(frame)["suggested_lr_valley"].median()
    rates = [float(rate) for rate in settings["base_lr"].split(",")]
    assert rates == pytest.approx([suggested * factor for factor in range_test.AROUND], rel=0.05)
    sweep = experiment("schedulers").sweep(settings)
    assert {point.optimizer for point in sweep.points} == {"sgd"}


def test_a_curve_that_is_lost_has_no_check(frame):
    assert range_test.check_settings(frame.assign(smoothed_loss=np.nan)) is None
