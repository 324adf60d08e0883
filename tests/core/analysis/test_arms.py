"""Sweeps side by side: the differences agree with scipy's, and nothing is claimed that chance would make."""

from __future__ import annotations

import math
from contextlib import closing

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import core
from core.analysis import arms as beside
from core.analysis.outcomes import outcome
from tests.core.test_jobs import compute

LEVEL = 0.96


def ends(values: list[float], seeds: range | list[int], measure: str = "final_val_loss") -> pd.DataFrame:
    """A summary of runs of one setting."""
    return pd.DataFrame({"run": [f"{s}" for s in seeds], "depth": 5, "seed": list(seeds), measure: values})


def normal(seed: int, n: int, mean: float = 0.0) -> list[float]:
    return list(np.random.default_rng(seed).normal(mean, 1.0, n))


def test_runs_of_the_same_seeds_are_paired_as_scipy_pairs_them():
    one, other = normal(1, 12), normal(2, 12, 0.7)
    found = beside.difference(ends(one, range(12)), ends(other, range(12)), "final_val_loss", LEVEL)
    expected = stats.ttest_rel(one, other).confidence_interval(LEVEL)
    assert (found["ci_low"], found["ci_high"]) == pytest.approx((expected.low, expected.high), rel=1e-12)
    assert (found["pairs"], found["mean"]) == (12, pytest.approx(np.mean(one) - np.mean(other)))
    part = beside.difference(ends(one, range(12)), ends(other[:5], range(5)), "final_val_loss", LEVEL)
    expected = stats.ttest_rel(one[:5], other[:5]).confidence_interval(LEVEL)
    assert (part["pairs"], part["ci_low"]) == (5, pytest.approx(expected.low, rel=1e-12))


def test_runs_of_other_seeds_are_compared_as_welch_does():
    one, other = normal(3, 9), list(3.0 * np.array(normal(4, 14)))
    found = beside.difference(ends(one, range(9)), ends(other, range(5, 19)), "final_val_loss", LEVEL)
    expected = stats.ttest_ind(one, other, equal_var=False).confidence_interval(LEVEL)
    assert (found["ci_low"], found["ci_high"]) == pytest.approx((expected.low, expected.high), rel=1e-12)
    assert found["pairs"] == 0


def test_a_difference_of_shares_is_newcombes_and_has_a_width_where_all_runs_agree():
    def limits(successes: int, n: int) -> tuple[float, float]:
        interval = stats.binomtest(successes, n).proportion_ci(LEVEL, "wilson")
        return interval.low, interval.high

    one, other = [1.0] * 7 + [0.0] * 3, [1.0] * 2 + [0.0] * 10
    found = beside.difference(ends(one, range(10), "failed"), ends(other, range(12), "failed"), "failed", LEVEL)
    (low, high), (other_low, other_high) = limits(7, 10), limits(2, 12)
    d = 7 / 10 - 2 / 12
    assert found["ci_low"] == pytest.approx(d - math.sqrt((0.7 - low) ** 2 + (other_high - 2 / 12) ** 2))
    assert found["ci_high"] == pytest.approx(d + math.sqrt((high - 0.7) ** 2 + (2 / 12 - other_low) ** 2))
    mean, low, high = beside.share_difference(np.ones(3), np.zeros(3), LEVEL)
    assert low < mean == 1.0 <= high


def test_chance_is_seldom_taken_for_a_difference_and_lost_runs_prove_nothing():
    claims = 0
    for draw in range(300):
        found = [beside.Arm(str(number), "a", ends(normal(10 * draw + number, 8), range(8))) for number in range(4)]
        table = beside.differences(found, found[0], ["final_val_loss"])
        claims += any(beside.sure(row) for row in table.itertuples())
    assert claims / 300 < 0.08
    lost = ends([*([0.0, 0.1] * 4)[:7], math.nan], range(8))
    found = [beside.Arm("whole", "a", ends(normal(5, 8, 9.0), range(8))), beside.Arm("lost", "b", lost)]
    table = beside.differences(found, found[0], ["final_val_loss"])
    assert table["ci_high"].iloc[0] < 0
    assert not any(beside.sure(row) for row in table.itertuples())
    for text in (
        beside.differences_beside(table).to_string(),
        beside.difference_sentence(table, "final_val_loss", "whole"),
    ):
        assert "lower" not in text and "higher" not in text


def test_two_sweeps_show_what_differs_and_their_courses(tmp_path):
    kind = core.experiment("schedulers")
    given = {"dataset": "wine", "width": "4", "epochs": "3", "seeds": "4"}
    with closing(core.Store(tmp_path / "results.sqlite")) as store:
        sweeps = [kind.sweep({**given, "scheduler": name}) for name in ("constant", "one_cycle")]
        sweeps.append(kind.sweep({**given, "scheduler": "constant", "base_lr": "0.01,0.1", "seeds": "2:6"}))
        for sweep in sweeps:
            compute(sweep, store)
        kept = [core.kept_sweep(sweep, store) for sweep in sweeps]
        sides = core.side_by_side({"plain": kept[0], "sweep 2": kept[1], "rates": kept[2]}, store)
        outcomes = [core.outcome_of(each, store) for each in kept]
    labels = [arm.label for arm in sides.arms]
    assert labels == ["plain", "learning rate 0.001 · one_cycle", *labels[2:]]
    assert [label.split(" · ")[0] for label in labels[2:]] == ["rates", "rates"]
    compared = core.compared(sides, "plain")
    assert set(compared.settings["setting"]) == {"schedule", "learning rate", "seed"}
    assert compared.settings.set_index("setting").loc["seed"].tolist() == ["0 to 3", "0 to 3", "2 to 5"]
    assert compared.differences.columns.tolist() == ["measure", *labels[1:]]
    assert compared.measures.columns.tolist() == ["measure", *labels]
    assert compared.measures["measure"].iloc[:2].tolist() == ["runs", "final validation loss"]
    assert "from plain" in compared.sentence or "than plain's" in compared.sentence
    drawn = compared.figure.chart.to_dict()
    cells = pd.concat([pd.DataFrame(rows) for rows in drawn["datasets"].values()])
    assert set(cells["label"].dropna()) == set(labels)
    assert sorted(cells["place"].dropna().astype(str).str.removesuffix(".0").unique()) == ["1", "2", "3"]
    mean = sides.arms[0].runs["final_val_loss"].mean()
    assert outcomes[0] == (pytest.approx(mean), f"final validation loss {mean:.3g}")
    assert "(learning rate 0.1)" in outcomes[2].words or "(learning rate 0.01)" in outcomes[2].words


def test_labels_are_told_apart_even_where_names_are_those_of_settings():
    runs = pd.concat([ends([1.0], [0]), ends([2.0], [1]), ends([3.0], [2]).assign(depth=6)], ignore_index=True)
    found = beside.arms(runs, {"depth 6": ["0"], "(2)": ["1"], "sweep 3": ["2"]}, ["depth"])
    assert [arm.label for arm in found] == ["depth 6", "(2)", "depth 6 (2)"]
    many = pd.concat([ends([1.0], [n]).assign(depth=n) for n in range(30)], ignore_index=True)
    with pytest.raises(ValueError, match="hold 30 combinations of settings, and at most 24"):
        beside.arms(many, {"a": [str(n) for n in range(30)]}, ["depth"])


def test_an_outcome_is_that_of_the_setting_that_ends_best():
    runs = pd.concat([ends([0.5, 0.5], range(2)), ends([1.9, 1.9], range(2)).assign(depth=6)], ignore_index=True)
    assert outcome(runs, ["depth"], "final_val_loss", "lowest") == (0.5, "final validation loss 0.5 (depth 5)")
    assert outcome(runs, ["depth"], "final_val_loss", "highest") == (-1.9, "final validation loss 1.9 (depth 6)")
    nearest = outcome(runs, ["depth"], "final_val_loss", "nearest 1")
    assert nearest == (pytest.approx(math.log(1.9)), "final validation loss 1.9 (depth 6)")
    assert outcome(runs, ["depth"], "final_val_loss", "").words == "final validation loss 0.5 – 1.9"
    assert outcome(runs.assign(final_val_loss=math.nan), ["depth"], "final_val_loss", "lowest").words == ""
    lost = pd.concat([ends([0.1, math.nan], range(2)), ends([1.9, 1.9], range(2)).assign(depth=6)], ignore_index=True)
    assert outcome(lost, ["depth"], "final_val_loss", "lowest").words == "final validation loss 1.9 (depth 6)"
