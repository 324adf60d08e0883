"""Names at the ends of lines: apart, in order, and as near to their lines as that lets them be."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from core.plotting.line_ends import fit_at_ends, spread


@pytest.mark.parametrize("seed", range(20))
def test_names_keep_their_order_and_their_distance(seed):
    rng = np.random.default_rng(seed)
    places = np.sort(rng.random(int(rng.integers(1, 9))))
    found = spread(places, 0.1, 0.0, 1.0)
    assert (np.diff(found) >= 0.1 - 1e-12).all()
    assert found.min() >= 0 and found.max() <= 1


def test_names_that_lie_apart_stay_where_they_are():
    assert spread(np.array([0.1, 0.5, 0.9]), 0.2, 0.0, 1.0) == pytest.approx([0.1, 0.5, 0.9])


def test_no_smaller_move_sets_them_apart():
    places, grid = np.array([0.5, 0.52, 0.7]), np.linspace(0, 1, 101)
    found = spread(places, 0.1, 0.0, 1.0)
    tried = (np.array(at) for at in itertools.product(grid, repeat=3))
    least = min(float(((at - places) ** 2).sum()) for at in tried if (np.diff(at) >= 0.1 - 1e-9).all())
    assert float(((found - places) ** 2).sum()) <= least + 1e-9


@pytest.mark.parametrize(
    ("names", "fit"), [(["a", "b"], True), (["a"], False), (["a" * 13, "b"], False), (list("abcdefghi"), False)]
)
def test_few_short_names_fit(names, fit):
    assert fit_at_ends(names) == fit
