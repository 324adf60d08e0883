"""Charts as Vega-Lite: what is drawn is there, what is not stays behind, and threads don't see each other's Altair."""

from concurrent.futures import ThreadPoolExecutor

import altair as alt
import pandas as pd
import pytest

from core.plotting.vega_lite import vega_lite

TABLE = pd.DataFrame({"step": [1, 2], "loss": [0.5, float("nan")], "width": [10, 10], "a label": ["x", "y"]})


def chart(table: pd.DataFrame) -> alt.Chart:
    return alt.Chart(table).mark_line().encode(x="step:Q", y=alt.Y("loss:Q", title="loss, falling"))


def test_a_drawing_holds_the_columns_that_it_names_as_altair_writes_them():
    (rows,) = vega_lite(chart(TABLE))["datasets"].values()
    (whole,) = chart(TABLE).to_dict()["datasets"].values()
    assert rows == [{name: row[name] for name in ("step", "loss", "a label")} for row in whole]
    assert rows[1]["loss"] is None


def test_cells_are_written_as_altair_writes_them():
    cells = {
        "whole": [1, 2, -3],
        "number": [0.1, float("nan"), float("-inf")],
        "single": pd.Series([0.1, 2.0, float("inf")], dtype="float32"),
        "flag": [True, False, True],
        "text": pd.Series(["a", None, "φ'"], dtype="str"),
        "mixed": [1, "a", None],
        "sort": pd.Categorical(["a", None, "b"]),
        "count": pd.Series([1, None, 3], dtype="Int64"),
        "day": pd.to_datetime(["2020-01-31", None, "2021-02-01"]),
    }
    table = pd.DataFrame(cells, index=[7, 7, 1])
    drawn = alt.Chart(table).mark_point().encode(tooltip=[alt.Tooltip(name, type="nominal") for name in cells])
    (rows,) = vega_lite(drawn)["datasets"].values()
    assert rows == alt.to_values(table)["values"]
    assert [{type(cell) for cell in row.values()} for row in rows] == [
        {type(cell) for cell in row.values()} for row in alt.to_values(table)["values"]
    ]
    (none,) = vega_lite(alt.Chart(table.head(0)).mark_point().encode(x="whole:Q"))["datasets"].values()
    assert none == []


def test_layers_find_their_own_tables_and_share_one():
    other = TABLE.assign(loss=2.0)
    drawing = vega_lite(alt.layer(chart(TABLE), chart(other), chart(TABLE).mark_point()))
    first, second, third = (layer.get("data", drawing.get("data"))["name"] for layer in drawing["layer"])
    assert first == third != second
    assert [row["loss"] for row in drawing["datasets"][second]] == [2.0, 2.0]


@pytest.mark.parametrize("other", [TABLE, TABLE.assign(loss=2.0)])
def test_charts_upon_one_another_are_written_as_altairs_layer_writes_them(other):
    picked = alt.selection_point(name="picked", fields=["a label"])
    charts = [chart(TABLE).properties(name="lines").add_params(picked), chart(other), chart(TABLE).mark_point()]
    assert vega_lite(charts) == vega_lite(alt.layer(*charts))


def test_a_drawing_is_the_same_every_time_and_another_with_other_rows():
    assert vega_lite(chart(TABLE)) == vega_lite(chart(TABLE.copy()))
    assert vega_lite(chart(TABLE))["data"] != vega_lite(chart(TABLE.assign(loss=1.0)))["data"]


def test_many_threads_draw_as_one_and_leave_altair_as_it_was():
    before = alt.theme.active, alt.data_transformers.active
    with ThreadPoolExecutor(8) as threads:
        drawings = list(threads.map(vega_lite, [chart(TABLE) for _ in range(40)]))
    assert all(drawing == vega_lite(chart(TABLE)) for drawing in drawings)
    assert (alt.theme.active, alt.data_transformers.active) == before
