"""The Learning rate experiment's summaries and charts: suggestions, spreads, the check."""

import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from core import tables
from core.experiments import experiment
from core.experiments.range_test.charts import charts, checked_chart, marks
from core.experiments.range_test.check import AROUND, check_charts, check_settings, checked_rate
from core.experiments.range_test.summary import recommended_lr, recommended_rates
from tests.core.experiments.odd_frames import assert_all_drawn_and_left_alone, cut_and_emptied

KIND = experiment("range_test")
SMALL = {"dataset": "wine", "width": 8, "steps": 40, "batch_size": 20}


def frame_of(given):
    runs = [run for task in KIND.tasks(KIND.sweep(SMALL | given).runs()) for run in task]
    return tables.to_frame(KIND.table(runs, tables.encode(KIND.compute(runs, "cpu"))))


@pytest.fixture(scope="module")
def frame():
    return frame_of({"optimizer": "sgd", "seeds": 4})


def test_charts_and_summaries_survive_odd_frames(frame):
    odd = cut_and_emptied(KIND, frame, rows=3)
    assert_all_drawn_and_left_alone(KIND, odd)


def marked(rates, checked=math.nan):
    """``name`` and colour of the marks of these suggestions, on an axis of seven decades."""
    table = pd.DataFrame({"rule": list(rates), "median": list(rates.values())})
    return {mark.name: mark.colour for mark in marks(table, checked, (-6.0, 1.0))}


def test_rules_that_suggest_the_same_rate_share_a_mark_that_names_both():
    names = marked({"valley": 0.002, "steepest": 0.0085, "a tenth of the minimum's": 0.0086})
    assert list(names) == ["valley", "steepest ≈\na tenth of the minimum's"]
    assert len({*names.values()}) == 2


def test_the_rate_to_use_is_marked_by_itself_or_beside_the_rule_that_suggests_it():
    assert list(marked({"valley": 0.0019}, 0.019)) == ["valley", "use 0.019"]
    assert list(marked({"valley": 0.00187, "steepest": 0.01}, 0.0019)) == ["valley: use 0.0019", "steepest"]


def test_the_curve_marks_the_rate_that_was_checked(frame):
    drawn = checked_chart(KIND, KIND.analysis(frame), 0.25).specification
    rows = [row for rows in drawn["datasets"].values() for row in rows if "mark" in row]
    (use,) = [row for row in rows if "use 0.25" in row["mark"]]
    assert use["drawn_lr"] == pytest.approx(math.log10(0.25))


def test_several_settings_each_have_their_recommended_rate_on_the_curve(frame):
    both = pd.concat([frame, frame_of({"optimizer": "adam", "seeds": 2})], ignore_index=True)
    analysis = KIND.analysis(both)
    drawn = charts(KIND, analysis)["curve"].specification
    dots = {
        row["label"]: row["lr"]
        for rows in drawn["datasets"].values()
        for row in rows
        if {"label", "lr"} == {*row} - {"drawn_lr", "drawn_median"}
    }
    rates = recommended_rates(analysis.runs, KIND.settings.names())
    assert dots == {label: pytest.approx(rate) for label, rate in rates.items() if math.isfinite(rate)}
    assert dots


def test_the_list_of_results_tells_the_rate_that_the_page_recommends(frame):
    runs = KIND.analysis(frame).runs.assign(suggested_lr_valley=[0.001, 0.0012, 0.003, 0.01])
    analysis = SimpleNamespace(runs=runs, frame=frame)
    (recommended,) = recommended_rates(runs, KIND.settings.names()).values()
    assert recommended == pytest.approx(0.0021)  # the mean is 0.0038
    words = KIND.room("outcome").outcome(KIND, analysis).words
    assert words == f"suggested rate: valley {KIND.headline(analysis)[0][1]}"


def test_the_check_trains_at_the_recommended_rate_and_around_it(frame):
    settings = check_settings(KIND.analysis(frame))
    suggested = KIND.analysis(frame).runs["suggested_lr_valley"].median()
    rates = [float(rate) for rate in settings["base_lr"].split(",")]
    assert rates == pytest.approx([suggested * factor for factor in AROUND], rel=0.05)
    sweep = experiment("schedulers").sweep(settings)
    assert {point.optimizer for point in sweep.points} == {"sgd"}


def test_a_curve_that_is_lost_has_no_check(frame):
    assert check_settings(KIND.analysis(frame.assign(smoothed_loss=np.nan))) is None


@pytest.fixture(scope="module")
def check(frame):
    """Trainings of five seeds at four rates, as the page makes them."""
    kind = experiment("schedulers")
    runs = [run for task in kind.tasks(kind.sweep(check_settings(KIND.analysis(frame))).runs()) for run in task]
    return tables.to_frame(kind.table(runs, tables.encode(kind.compute(runs, "cpu"))))


def title_of(chart):
    return chart.title


def test_the_check_is_judged_on_rows_that_were_not_trained_on(check):
    low, suggested, high, highest = check["base_lr"].unique()
    ends = {low: 0.9, suggested: 0.5, high: 0.3, highest: 0.8}
    by_seed = check["val_loss"].where(check["val_loss"].isna(), check["base_lr"].map(ends) + 0.01 * check["seed"])
    told = check.assign(val_loss=by_seed, train_loss=check["base_lr"].map({**ends, highest: 0.1}))
    figures = check_charts(told)
    assert list(figures) == ["check_val_loss", "check_val_accuracy"]
    assert title_of(figures["check_val_loss"]) == (
        f"The suggested rate {suggested:g} ends at a mean validation loss of 0.52; {high:g} is surely better: 0.32"
    )
    assert checked_rate(told) == high
    of_numbers = check_charts(told.assign(val_accuracy=np.nan))
    assert (
        title_of(of_numbers["check_train_loss"])
        == f"On the batches themselves the median of {highest:g} is lowest: 0.1"
    )
    spread = told["val_loss"].where(told["base_lr"] != high, 0.49 + 0.2 * ((told["seed"] % 2) - 0.5))
    spread = spread.where(check["val_loss"].notna())
    assert checked_rate(told.assign(val_loss=spread)) == suggested
    title = title_of(check_charts(told.assign(val_loss=spread))["check_val_loss"])
    assert title.endswith("no other of these rates is surely better")


def test_a_rate_that_ties_and_gets_there_sooner_is_the_one_to_use(check):
    low, suggested, high, highest = check["base_lr"].unique()
    noise = 0.05 * ((check["seed"] % 3) - 1.0)
    course = {
        low: lambda e: 0.9 + 0 * e,
        suggested: lambda e: 1.0 - 0.05 * e,
        high: lambda e: 0.5 + 0.0 * e,
        highest: lambda e: 2.0 + 0 * e,
    }
    losses = sum((check["base_lr"] == rate) * course[rate](check["epoch"]) for rate in course)
    wiggle = noise.where(check["base_lr"] == high, -noise)
    told = check.assign(val_loss=(losses + wiggle).where(check["val_loss"].notna()))
    assert checked_rate(told) == high
    assert f"{suggested:g} and {high:g} tie after 10 epochs" in title_of(check_charts(told)["check_val_loss"])
    assert f"{high:g} gets there in 1" in title_of(check_charts(told)["check_val_loss"])


def test_no_rate_is_advised_where_fewer_than_half_of_the_seeds_suggest_one(frame):
    runs = KIND.analysis(frame).runs
    few = runs.assign(suggested_lr_valley=[0.01, np.nan, np.nan, np.nan])
    assert np.isnan(recommended_lr(few))
    assert np.isnan(recommended_lr(runs.assign(fall=0.0)))
    assert recommended_lr(runs) == runs["suggested_lr_valley"].median()


def test_a_loss_above_the_check_charts_ceiling_is_drawn_there(check):
    highest = check["base_lr"].max()
    far = check["train_loss"].where((check["base_lr"] != highest) | (check["step"] == 0), 100.0)
    chart = check_charts(check.assign(train_loss=far, val_accuracy=np.nan))["check_train_loss"].titled().to_dict()
    drawn = [row["median"] for data in chart["datasets"].values() for row in data if "median" in row]
    assert max(drawn) == pytest.approx(3.0 * check.loc[check["step"] == 0, "train_loss"].median())
    assert "is drawn there" in " ".join(chart["title"]["subtitle"])


def test_a_rate_that_diverges_is_not_the_one_with_the_best_accuracy(check):
    highest = check["base_lr"].max()
    numbers = ["train_loss", "val_loss", "val_accuracy"]
    lost = check.assign(**{name: check[name].mask(check["base_lr"] == highest) for name in numbers})
    assert not title_of(check_charts(lost)["check_val_accuracy"]).startswith(f"{highest:g}")


def test_a_check_that_diverges_everywhere_is_drawn_in_a_sentence(check):
    lost = check.assign(diverged=True, **dict.fromkeys(("train_loss", "val_loss", "val_accuracy"), np.nan))
    for chart in check_charts(lost).values():
        chart.titled().to_dict()
