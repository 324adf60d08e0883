"""Lines with their bands: what is drawn, and what a reader is told at the pointer."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import altair as alt
import numpy as np
import pandas as pd
import pytest

from core.plotting.figure import Figures, empty, figure
from core.plotting.lines import courses

COLOURS = alt.Scale(domain=["a", "b(x=0.1)"], range=["#0072B2", "#E69F00"])


def table(**columns: object) -> pd.DataFrame:
    rows = {"label": ["a", "a", "b(x=0.1)"], "step": [0, 1000, 0], "median": [0.5, 0.25, 0.111], "n": 3}
    return pd.DataFrame(rows | {"low": [0.4, 0.2, 0.111], "high": [0.6, 0.3, 0.111]} | columns)


def drawing(data: pd.DataFrame, **options: object) -> dict:
    drawn = courses(data, alt.X("step:Q", title="update"), "loss", COLOURS, **options)
    return alt.layer(*drawn.layers).to_dict()


def told(chart: dict) -> list[dict]:
    (rows,) = [rows for rows in chart["datasets"].values() if "place" in rows[0]]
    return rows


def test_one_tooltip_tells_every_line_at_the_pointer_in_three_digits():
    chart = drawing(table())
    assert told(chart) == [
        {"step": 0, "place": "0", "series_0": "0.5 (0.4 to 0.6)", "series_1": "0.111"},
        {"step": 1000, "place": "1,000", "series_0": "0.25 (0.2 to 0.3)", "series_1": "–"},
    ]
    (tooltip,) = (
        part["encoding"]["tooltip"] for part in chart["layer"] if isinstance(part["encoding"].get("tooltip"), list)
    )
    assert [line["title"] for line in tooltip] == ["update", "a", "b(x=0.1)"]


def test_shares_are_told_in_percent():
    assert told(drawing(table(), percent=True))[0]["series_1"] == "11.1%"


def test_a_reader_can_isolate_a_line_point_and_zoom():
    assert {parameter["name"] for parameter in drawing(table())["params"]} == {"isolated", "pointed", "zoomed"}


@pytest.mark.parametrize(("last", "low"), [(0.01, -3), (0.2, None)])
def test_only_what_spans_decades_is_drawn_in_powers(last, low):
    chart = drawing(table(median=[0.5, last, 0.4], low=[0.4, 0.002, 0.3]))
    scale = chart["layer"][1]["encoding"]["y"]["scale"]
    assert scale.get("domain") == ([low, 0] if low is not None else None)


def test_what_is_not_finite_is_left_out_and_nothing_draws_nothing():
    kept = drawing(table(median=[0.5, np.nan, np.inf]))
    assert [row["place"] for row in told(kept)] == ["0"]
    assert courses(table(median=np.nan), alt.X("step:Q"), "loss", COLOURS).layers == []


def test_figures_stand_in_groups_the_first_alone_and_the_unnamed_last():
    drawings = dict.fromkeys(["lead", "odd", "loss", "rate"], lambda: empty("nothing"))
    figures = Figures(drawings, {"Nobody": ["absent"], "Who wins": ["loss", "absent"], "Rates": ["rate"]})
    assert list(figures) == ["lead", "loss", "rate", "odd"] and len(figures) == 4
    assert figures.groups == {"Who wins": ["loss"], "Rates": ["rate", "odd"]}
    assert Figures({"lead": drawings["lead"]}, {"Rates": ["rate"]}).groups == {}


def test_a_figure_is_drawn_when_it_is_looked_at_and_once_however_many_look():
    drawn = []

    def drawing(name):
        drawn.append(name)
        return empty(name)

    names = ["lead", "loss", "rate"]
    figures = Figures({name: partial(drawing, name) for name in names}, {"Rates": ["rate"]})
    assert "loss" in figures and "absent" not in figures and figures.get("absent") is None and drawn == []
    with ThreadPoolExecutor(4) as sessions:
        assert len(set(map(id, sessions.map(figures.get, ["rate"] * 40)))) == 1
    assert drawn == ["rate"]
    assert dict(figures)["rate"] is figures["rate"] and sorted(drawn) == sorted(names)


def test_a_chart_has_its_finding_as_name_and_can_be_taken_away_as_a_picture():
    drawn = figure(alt.Chart(pd.DataFrame({"x": [1]})).mark_point().encode(x="x:Q"), "A finding", "A note.")
    assert drawn.specification["description"] == "A finding. A note"
    assert drawn.picture("png").startswith(b"\x89PNG")
    assert b"A finding" in drawn.picture("svg")
