"""Means, intervals and slopes on numbers small enough to check by hand."""

import math

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from core.analysis import statistics
from core.analysis.layers import decay_factor, root_mean_square
from core.analysis.points import varying_settings


def test_over_seeds_of_four_numbers():
    found = statistics.over_seeds([1.0, 2.0, 3.0, 10.0])
    assert (found["n"], found["mean"], found["median"]) == (4, 4.0, 2.5)
    assert found["standard_error"] == pytest.approx(math.sqrt(50 / 3) / 2)
    margin = 3.182446 * math.sqrt(50 / 3) / 2  # t of 3 degrees of freedom, from a table
    assert (found["ci_low"], found["ci_high"]) == pytest.approx((4 - margin, 4 + margin), rel=1e-6)


def test_what_is_not_finite_is_left_out():
    assert statistics.over_seeds([1.0, math.nan, 3.0, math.inf]) == statistics.over_seeds([1.0, 3.0])


def test_one_seed_has_a_mean_and_no_spread():
    found = statistics.over_seeds([7.0])
    assert (found["n"], found["mean"], found["median"]) == (1, 7.0, 7.0)
    assert all(math.isnan(found[name]) for name in ("standard_error", "ci_low", "ci_high"))


def test_no_seed_has_nothing():
    found = statistics.over_seeds([math.nan])
    assert found.pop("n") == 0
    assert all(math.isnan(value) for value in found.values())


def test_equal_seeds_have_an_interval_of_no_width():
    found = statistics.over_seeds([2.0, 2.0, 2.0])
    assert (found["ci_low"], found["ci_high"], found["standard_error"]) == (2.0, 2.0, 0.0)


def test_the_same_numbers_have_the_same_interval():
    values = np.random.default_rng(1).normal(size=30)
    assert statistics.over_seeds(values) == statistics.over_seeds(values.copy())


def test_the_interval_is_about_two_standard_errors_wide_on_either_side():
    values = np.random.default_rng(2).normal(size=400)
    found = statistics.over_seeds(values)
    assert (found["ci_high"] - found["ci_low"]) / found["standard_error"] == pytest.approx(2 * 1.96, rel=0.1)


def test_an_interval_of_fewer_than_two_seeds_is_empty():
    for n in (0, 1):
        assert all(math.isnan(end) for end in statistics.mean_interval(np.zeros(n)))
        assert all(math.isnan(end) for end in statistics.jackknife_interval(n, lambda indices: indices.mean(-1)))


def test_the_jackknife_of_a_geometric_mean_is_students_interval_of_the_logs():
    logs = np.array([0.1, 0.5, 0.2, 0.9, 0.4])
    low, high = statistics.jackknife_interval(5, lambda indices: np.exp(logs[indices].mean(-1)))
    assert (math.log(low), math.log(high)) == pytest.approx(statistics.mean_interval(logs))


def test_shares_of_runs_have_wilsons_interval_which_is_never_without_width():
    row = statistics.measure_over_seeds("failed", pd.Series([0.0] * 5))
    assert (row["mean"], row["ci_low"]) == (0.0, pytest.approx(0.0))
    assert 0.3 < row["ci_high"] < 0.5


@pytest.mark.slow
@pytest.mark.parametrize("n", [2, 3, 5, 10])
def test_a_95_percent_interval_covers_the_mean(n):
    """At least 93 % on normal data: 4,000 draws, so that chance alone moves the share by 0.7 points."""
    values = np.random.default_rng(n).normal(size=(4000, n))
    held = [low <= 0.0 <= high for low, high in map(statistics.mean_interval, values)]
    assert 0.93 <= np.mean(held) <= 0.97


@pytest.mark.slow
@pytest.mark.parametrize("n", [3, 5, 10])
def test_the_jackknife_covers_the_decay_of_pooled_fits(n):
    """Gradients of 10 layers that shrink 0.6-fold, lognormal over seeds: the interval of the pooled fit holds the truth."""
    layers, draw, held = np.arange(1, 11), np.random.default_rng(n), 0
    for _ in range(400):
        steps = draw.normal(math.log(0.6), 0.15, size=(n, 10))
        gradients = np.exp(np.cumsum(steps[:, ::-1], axis=1)[:, ::-1])
        low, high = statistics.jackknife_interval(
            n, lambda chosen, own=gradients: decay_factor(layers, root_mean_square(own[chosen], axis=-2))
        )
        held += low <= 0.6 * math.exp(0.15**2) <= high or low <= 0.6 <= high
    assert held / 400 >= 0.9


@given(st.floats(-5, 5), st.floats(-100, 100), st.integers(2, 12))
def test_the_slope_of_a_straight_line_is_its_slope(steepness, offset, count):
    x = np.arange(1.0, count + 1)
    assert statistics.slope(x, steepness * x + offset) == pytest.approx(steepness, abs=1e-9)


def test_the_slope_is_that_of_numpys_fit():
    x, y = np.arange(6.0), np.random.default_rng(4).normal(size=(3, 6))
    np.testing.assert_allclose(statistics.slope(x, y), [np.polyfit(x, row, 1)[0] for row in y])


def test_the_slope_leaves_out_what_is_not_finite_and_needs_two_points():
    x = np.array([1.0, 2.0, 3.0])
    y = np.array([[1.0, math.nan, 5.0], [1.0, math.nan, math.inf], [math.nan] * 3])
    found = statistics.slope(x, y)
    assert found[0] == pytest.approx(2.0)
    assert np.isnan(found[1:]).all()


def test_varying_settings_are_those_of_more_than_one_value_the_empty_one_counted():
    frame = pd.DataFrame({"a": [1, 1], "b": [1, 2], "c": [None, "x"], "d": [None, None]})
    assert varying_settings(frame, ["a", "b", "c", "d"]) == ["b", "c"]


def test_shares_and_means_have_the_intervals_that_scipy_gives_them():
    for n in (1, 2, 5, 30, 1000):
        for successes in {0, 1, n // 3, n - 1, n}:
            expected = scipy.stats.binomtest(successes, n).proportion_ci(0.95, "wilson")
            assert statistics.share_interval(successes, n) == pytest.approx((expected.low, expected.high), abs=1e-12)
        if n > 1:
            assert statistics.t_quantile(n, 0.99) == pytest.approx(scipy.stats.t.ppf(0.995, n - 1), rel=1e-12)


@pytest.mark.parametrize("n", [1_003, 100_000])
def test_a_jackknife_of_many_seeds_leaves_groups_out_and_agrees_with_students_interval(n):
    logs = np.random.default_rng(0).normal(0.3, 1.0, n)
    low, high = statistics.jackknife_interval(n, lambda indices: np.exp(logs[indices].mean(-1)))
    expected = statistics.mean_interval(logs)
    assert math.log(low) + math.log(high) == pytest.approx(2 * float(logs.mean()))
    assert math.log(high) - math.log(low) == pytest.approx(expected[1] - expected[0], rel=0.15)
