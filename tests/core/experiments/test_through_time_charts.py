"""The charts and headline numbers of ``through_time`` on every frame: nothing yet, nothing finite, far too much."""

import math

import numpy as np
import pandas as pd
import pytest

import core
from core.experiments.through_time import charts as through_time_charts
from core.experiments.through_time import summary

KIND = core.experiment("through_time")
SMALL = {"width": 8, "batch_size": 8, "dataset": "adding(length=9, samples=20)"}
CHARTS = {"gradient", "decay", "states"}
FRAMES = {
    "one run": lambda run: run(),
    "one run of two steps": lambda run: run(dataset="adding(length=2, samples=20)"),
    "gains": lambda run: run(gain="0.5,1,2", seeds=3),
    "models": lambda run: run(model="rnn,lstm,gru", seeds=2),
    "models and gains": lambda run: run(model="rnn,lstm,gru", gain="0.5,1.5", seeds=2),
    "lengths": lambda run: run(dataset="adding(length=4, samples=20),adding(length=9, samples=20)", seeds=2),
    "an lstm": lambda run: run(model="lstm"),
    "far too many settings": lambda run: run(width="2:14", init="orthogonal,torch_default", seeds=1),
    "a long sequence": lambda run: run(dataset="adding(length=700, samples=20)"),
    "gradients of zero": lambda run: run(init="zeros,orthogonal", seeds=2),
    "all gradients zero": lambda run: run(init="zeros", seeds=2),
    "a bound beyond float64": lambda run: run(gain=100, dataset="adding(length=200, samples=20)"),
    "everything zero": lambda run: run(seeds=2).assign(**dict.fromkeys(KIND.measures, 0.0)),
    "no gradient is a number": lambda run: run(seeds=2).assign(grad_norm=math.nan),
    "nothing is a number": lambda run: run(gain="1,2", seeds=2).assign(**dict.fromkeys(KIND.measures, math.nan)),
    "everything infinite": lambda run: run(seeds=2).assign(**dict.fromkeys(KIND.measures, math.inf)),
    "some gradients infinite": lambda run: run(gain="1,2", seeds=2).pipe(
        lambda frame: frame.assign(grad_norm=np.where(frame["seed"] == 1, math.inf, frame["grad_norm"]))
    ),
    "empty": lambda run: run().iloc[:0],
    "empty, every column an object": lambda run: pd.DataFrame(columns=list(KIND.columns)),
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    path = str(tmp_path_factory.mktemp("store") / "results.sqlite")

    def frame(**settings: object) -> pd.DataFrame:
        return core.run("through_time", executor="inline", store=path, **(SMALL | settings))

    return frame


def words(drawn: dict) -> str:
    """What a chart says: its title, or where it is empty the sentence in its place."""
    reasons = [row["reason"] for rows in drawn.get("datasets", {}).values() for row in rows if "reason" in row]
    return " ".join([*drawn["title"]["text"], *reasons]).strip()


@pytest.mark.slow
@pytest.mark.parametrize("make", FRAMES.values(), ids=FRAMES.keys())
def test_every_chart_draws_every_frame_and_leaves_it_as_it_is(make, run):
    frame = make(run)
    before = frame.copy(deep=True)
    drawn = {name: chart.titled().to_dict() for name, chart in KIND.figures(KIND.analysis(frame)).items()}
    numbers = KIND.headline(KIND.analysis(frame))
    core.findings(frame)
    assert KIND.analysis(frame).summary is not None
    pd.testing.assert_frame_equal(frame, before)
    assert set(drawn) == (CHARTS if len(frame) else {"gradient"})
    said = [*map(words, drawn.values()), *(text for _, value, note in numbers for text in (value, note))]
    for text in said:
        assert text.strip()
        assert not {"nan", "inf", "None", "nan×"} & set(text.replace(",", " ").split()), text


def test_a_charts_title_is_the_finding_of_its_frame(run):
    title = KIND.figures(KIND.analysis(run(gain="0.5", seeds=3)))["gradient"].title
    factor = KIND.analysis(run(gain="0.5", seeds=3)).runs["decay_factor"].mean()
    assert title == f"Back in time, gradients shrink {factor:.3g}× a step"
    several = KIND.figures(KIND.analysis(run(gain="0.5,3", seeds=3)))["gradient"].title
    assert "(recurrent gain 0.5) to" in several
    assert "Of 3 settings, 2 fade" in KIND.figures(KIND.analysis(run(gain="0.3,0.5,3", seeds=3)))["decay"].title


def test_what_is_drawn_over_time_is_the_geometric_mean_of_the_seeds(run):
    frame = run(gain="0.5,1", seeds=4)
    table = through_time_charts.through_time(frame, "grad_norm", geometric=True)
    assert len(table) == 2 * 9
    mine = frame[(frame["gain"] == 0.5) & (frame["time"] == 3)]["grad_norm"]
    row = table[(table["label"] == "recurrent gain 0.5") & (table["time"] == 3)].iloc[0]
    assert row["mean"] == pytest.approx(float(np.exp(np.log(mine).mean())))
    assert row["low"] <= row["mean"] <= row["high"]
    assert row["n"] == 4


def test_a_long_sequence_is_thinned_and_keeps_both_ends(run):
    table = through_time_charts.through_time(run(dataset="adding(length=700, samples=20)"), "state_rms", False)
    assert len(table) <= 200
    assert {1, 700} <= set(table["time"])


def test_gradients_that_are_zero_are_counted_below_the_chart(run):
    chart = KIND.figures(KIND.analysis(run(init="zeros,orthogonal", seeds=2)))["gradient"]
    assert "18 gradients that are zero or not finite are left out" in chart.note


def test_the_bound_is_drawn_for_the_plain_network_alone(run):
    assert "Dashed grey" in KIND.figures(KIND.analysis(run(model="rnn")))["gradient"].note
    assert "Dashed grey" not in KIND.figures(KIND.analysis(run(model="gru")))["gradient"].note


def test_the_first_steps_share_is_first_over_last(run):
    frame = run(seeds=2)
    ends = [frame[frame["time"] == time].set_index("seed")["grad_norm"] for time in (1, 9)]
    expected = math.exp(float(np.log(ends[0] / ends[1]).mean()))
    assert summary.share_of_first(frame).item() == pytest.approx(expected)
