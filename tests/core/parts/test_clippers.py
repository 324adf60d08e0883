"""AutoClip's threshold against NumPy's percentile."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.parts.clippers import RunningPercentile

NUMBERS = st.lists(st.floats(0, 1e6) | st.integers(0, 3).map(float), min_size=1, max_size=60)


@given(NUMBERS, st.sampled_from([0.0, 1.0, 10.0, 100 / 3, 50.0, 90.0, 99.9, 100.0]) | st.floats(0, 100))
def test_a_running_percentile_is_numpys_of_all_numbers_so_far(numbers, percentile):
    running = RunningPercentile(percentile)
    ours = [running.add(number) for number in numbers]
    theirs = [np.percentile(numbers[: count + 1], percentile) for count in range(len(numbers))]
    np.testing.assert_allclose(ours, theirs, rtol=1e-15, atol=0)


@pytest.mark.parametrize("percentile", [10.0, 75.0])
def test_a_running_percentile_of_thousands_of_numbers_is_numpys(percentile):
    numbers = np.random.default_rng(0).lognormal(size=5000)
    running = RunningPercentile(percentile)
    ours = np.array([running.add(number) for number in numbers])
    for count in (1, 2, 99, 1000, 5000):
        assert ours[count - 1] == np.percentile(numbers[:count], percentile)


def test_norms_that_are_not_finite_stand_above_all_others():
    running = RunningPercentile(50)
    assert [running.add(number) for number in (2.0, math.nan, math.inf, 1.0, 1.0)] == [
        2.0,
        math.inf,
        math.inf,
        math.inf,
        2.0,
    ]
