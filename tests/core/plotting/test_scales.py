"""A drawing on the other scale: the same values, and nothing where they would not fit."""

import altair as alt
import pandas as pd
import pytest

from core.plotting.figure import figure
from core.plotting.lines import courses
from core.plotting.scales import other_scale
from core.plotting.style import colours


def drawn(values, logarithmic, percent=False):
    data = pd.DataFrame({"epoch": range(len(values)), "median": values, "low": values, "high": values, "label": "a"})
    lines = courses(
        data, alt.X("epoch:Q", title="epoch"), "loss", colours(["a"]), logarithmic=logarithmic, percent=percent
    )
    return figure(alt.layer(*lines.layers), "It falls").specification


def values_of(specification):
    return [row["drawn_median"] for rows in specification["datasets"].values() for row in rows if "drawn_median" in row]


def test_a_line_goes_over_to_the_other_scale_and_back():
    linear = drawn([100.0, 10.0, 1.0], False)
    name, other = other_scale(linear)
    assert name == "logarithmic"
    assert set(values_of(other)) == {2.0, 1.0, 0.0}
    assert set(values_of(linear)) == {100.0, 10.0, 1.0}  # left as it was
    name, back = other_scale(other)
    assert name == "linear"
    assert sorted(set(values_of(back))) == pytest.approx([1.0, 10.0, 100.0])


def test_tables_on_the_other_scale_have_other_names_by_which_their_layers_find_them():
    linear = drawn([100.0, 10.0, 1.0], False)
    _, other = other_scale(linear)
    assert not {*linear["datasets"]} & {*other["datasets"]}
    named = [(layer.get("data") or other["data"])["name"] for layer in other["layer"]]
    assert {*named} == {*other["datasets"]}


@pytest.mark.parametrize(("values", "percent"), [([1.0, 0.0], False), ([0.5, 0.6], True)])
def test_what_reaches_zero_or_is_a_share_has_one_scale(values, percent):
    assert other_scale(drawn(values, False, percent)) is None


def test_bars_have_one_scale():
    table = pd.DataFrame({"label": ["a"], "mean": [1.0]})
    bars = alt.Chart(table).mark_bar().encode(x="mean:Q", y="label:N")
    assert other_scale(figure(bars, "One").specification) is None
