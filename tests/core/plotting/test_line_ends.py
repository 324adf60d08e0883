"""Names at the ends of lines: apart, in order, and as near to their lines as that lets them be."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest

from core.plotting.line_ends import at_edge, at_ends, spread
from core.plotting.style import colours


@pytest.mark.parametrize("seed", range(20))
def test_names_keep_their_order_and_their_distance(seed):
    rng = np.random.default_rng(seed)
    places = np.sort(rng.random(int(rng.integers(1, 9))))
    found = spread(places, 0.1, 0.0, 1.0)
    assert (np.diff(found) >= 0.1 - 1e-12).all()
    assert found.min() >= 0 and found.max() <= 1


def test_names_that_lie_apart_stay_where_they_are():
    assert spread(np.array([0.1, 0.5, 0.9]), 0.2, 0.0, 1.0) == pytest.approx([0.1, 0.5, 0.9])


@pytest.mark.slow
def test_no_smaller_move_sets_them_apart():
    places, grid = np.array([0.5, 0.52, 0.7]), np.linspace(0, 1, 101)
    found = spread(places, 0.1, 0.0, 1.0)
    tried = (np.array(at) for at in itertools.product(grid, repeat=3))
    least = min(float(((at - places) ** 2).sum()) for at in tried if (np.diff(at) >= 0.1 - 1e-9).all())
    assert float(((found - places) ** 2).sum()) <= least + 1e-9


def lines(ends: dict[str, float]) -> pd.DataFrame:
    """Two places of each line, the last with its end."""
    return pd.DataFrame(
        [(label, x, end * x) for label, end in ends.items() for x in (0, 1)], columns=["label", "x", "y"]
    )


def drawn(ends: dict[str, float]) -> list[list[str]]:
    """What the names at these ends read, and the words above them."""
    found = at_ends(lines(ends), "x", "y", colours(list(ends)), (0.0, 1.0), height=200)
    return [list(part.data["name" if "name" in part.data else "shared"]) for part in found]


def test_names_stand_in_the_order_of_the_ends_with_their_common_words_above():
    assert drawn({"gain 2": 0.9, "gain 1": 0.2, "gain 0.5": 0.5}) == [["1", "0.5", "2"], ["gain"]]


@pytest.mark.parametrize(
    "ends",
    [
        {"a": 0.5},
        {"a" * 17: 0.1, "b": 0.9},
        {name: number / 9 for number, name in enumerate("abcdefghi")},
        {"a": 0.5, "b": 0.5, "c": 0.5, "d": 0.5, "e": 0.5},
    ],
    ids=["one", "long", "many", "touching"],
)
def test_where_names_do_not_fit_there_are_none(ends):
    assert drawn(ends) == []


def bar_places(ends: dict[str, float], bars: dict[str, float]) -> dict[str, float]:
    """Where each name of a line or a bar stands."""
    found = at_ends(lines(ends), "x", "y", colours(list(ends)), (0.0, 1.0), height=200, bars=bars)
    return {
        row.get("name", row.get("bar")): row["drawn_end"]
        for part in found
        if "drawn_end" in part.data
        for row in part.data.to_dict("records")
    }


def test_names_of_bars_stand_among_those_of_lines_and_on_none():
    places = bar_places({"a": 0.9, "b": 0.2}, {"guessing": 0.21, "boosting": 0.88})
    assert {*places} == {"a", "b", "guessing", "boosting"}
    assert (np.diff(sorted(places.values())) >= 14 / 200 - 1e-12).all()
    assert places["guessing"] > places["b"]


def test_bars_that_lie_together_get_names_apart_each_at_its_line():
    bars = {"guessing": 0.1, "a linear model": 0.97, "boosting": 0.98}
    names = at_edge(bars, (0.0, 1.0), 200)
    assert {name.data["bar"].item(): name.data["drawn_end"].item() for name in names} == bars
    pixels = sorted(200 * (1 - name.data["drawn_end"].item()) + name.to_dict()["mark"]["dy"] for name in names)
    assert np.diff(pixels).min() >= 13
    assert max(abs(name.to_dict()["mark"]["dy"]) for name in names) <= 14
