"""What is special about mistakes: each beside its own right loop, its script wrong in one line, and named by ``watch``."""

from __future__ import annotations

import io
import json
import math
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import core
from core.parts.mistakes import MISTAKES
from tests.core.experiments.test_conformance import frame_of
from tests.core.scripts.interpreter import printed_by
from tests.recorder.watched import found_by_watch

ROOT = Path(__file__).resolve().parents[3]
KIND = core.experiment("mistakes")
NAMES = [entry.name for entry in MISTAKES if entry.name != "none"]
OWN_DATA = [entry.name for entry in MISTAKES if entry.dataset]
WARNING = ("shapes_broadcast", "scheduler_first")  # PyTorch itself warns, and goes on
SILENT = "import warnings\nwarnings.simplefilter('ignore')\n"
ONE_THREAD = "import torch\ntorch.set_num_threads(1)\n"  # two wait for one another on a busy machine


def test_a_finding_leads_to_the_first_mistake_of_its_kind_beside_the_right_loop():
    assert KIND.shows["gradients_not_zeroed"]["mistake"] == "none,no_zero_grad"
    assert all(settings["mistake"].startswith("none,") for settings in KIND.shows.values())


def small(mistake, **more):
    """Settings of a short training with the mistake."""
    data = {} if mistake in OWN_DATA else {"dataset": "wine"}
    deep = {"depth": "3"} if mistake.startswith("clip") else {}
    return {"mistake": mistake, "width": "10", "epochs": "2", "batch_size": "28", **data, **deep, **more}


def own_right(settings):
    """The settings of the right loop that a mistake is compared with."""
    return {name: value for name, value in settings.values().items() if name != "mistake"} | {"mistake": "none"}


def test_none_stands_for_each_mistakes_own_right_loop():
    sweep = KIND.sweep({"mistake": ["none", *NAMES]})
    points = [point.values() for point in sweep.points]
    for point in sweep.points:
        assert own_right(point) in points
    assert len({json.dumps(point) for point in points}) == len(points)
    assert KIND.sweep(sweep.link()).ids == sweep.ids


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"mistake": "shapes_broadcast", "dataset": "digits"}, "dataset: loss=mse needs a number as target"),
        ({"mistake": "sigmoid_then_bce_with_logits", "dataset": "wine"}, "needs two classes as target"),
        ({"mistake": "eval_mode_in_training", "norm": "layer"}, "norm: eval_mode_in_training is about norm=batch"),
        ({"mistake": "clip_after_step", "clipper": "none"}, "clipper: clip_after_step is about clipper=norm"),
        ({"mistake": "sorted_by_class", "dataset": "diabetes"}, "needs classes as target"),
        ({"mistake": "raw_inputs", "dataset": "xor"}, "needs a table that is standardized"),
        ({"mistake": "scheduler_first", "scheduler": "plateau"}, "does not depend on the loss"),
        ({"mistake": "accumulation_not_divided", "micro_batches": "5"}, "must divide the batch of 64 rows"),
        ({"mistake": "no_zero_grad", "micro_batches": "4"}, "micro_batches: must be 1"),
        ({"mistake": "no_zero_grads"}, "did you mean 'no_zero_grad'?"),
    ],
)
def test_what_a_mistake_needs_is_said(given, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        KIND.one_run(given)


def test_a_run_is_the_same_alone_and_among_runs_of_its_mistake():
    for mistake in ["none", *NAMES]:
        runs = list(KIND.sweep(small(mistake, batch_size="20", epochs="1", base_lr="0.01,0.3", seeds="2")).runs())
        for run, stacked in zip(runs, KIND.compute(runs, "cpu"), strict=True):
            (alone,) = KIND.compute([run], "cpu")
            for name in KIND.measures:
                assert np.array_equal(alone[name], stacked[name], equal_nan=alone[name].dtype.kind == "f"), mistake


def test_a_mistake_that_cannot_act_changes_nothing():
    """A schedule that stays, a batch in one part, a clipper that never fires."""
    right = KIND.one_run(small("none"))
    (course,) = KIND.compute([right], "cpu")
    for given in (
        small("scheduler_first", scheduler="step(step_size=1, gamma=1.0)"),
        small("clip_after_step", clipper="norm(max_norm=1000000.0)", depth="1", init="torch_default", base_lr="0.01"),
        small("none", micro_batches="2"),
    ):
        (other,) = KIND.compute([KIND.one_run(given)], "cpu")
        for name in ("train_loss", "val_loss", "update_norm"):
            np.testing.assert_allclose(other[name], course[name], rtol=1e-5, err_msg=str(given))


def test_a_price_is_the_paired_difference_with_students_interval():
    frame = frame_of("mistakes", small("none,softmax_then_cross_entropy", seeds="6"))
    (price,) = KIND.room("summary").prices(KIND, KIND.analysis(frame)).to_dict("records")
    ends = frame.dropna(subset=["val_accuracy"]).groupby(["mistake", "seed"])["val_accuracy"].last()
    difference = 100.0 * (ends["none"] - ends["softmax_then_cross_entropy"])
    low, high = stats.t.interval(0.96, 5, loc=difference.mean(), scale=stats.sem(difference))
    assert math.isclose(price["mean"], difference.mean())
    assert math.isclose(price["ci_low"], low)
    assert math.isclose(price["ci_high"], high)
    assert price["hidden"] == (difference <= 0).sum()


def test_a_lost_run_counts_as_guessing():
    frame = frame_of("mistakes", small("none,summed_loss", base_lr="0.3", seeds="2"))
    wrong = frame["mistake"] == "summed_loss"
    lost = frame.assign(
        diverged=frame["diverged"] | wrong,
        **{name: frame[name].mask(wrong) for name in ("train_loss", "val_loss", "val_accuracy")},
    )
    (price,) = KIND.room("summary").prices(KIND, KIND.analysis(lost)).to_dict("records")
    right = frame[~wrong].dropna(subset=["val_accuracy"]).groupby("seed")["val_accuracy"].last().mean()
    assert math.isclose(price["mean"], 100.0 * (right - 71 / 178))
    assert price["diverged"] == 2


def test_nothing_is_claimed_where_the_interval_holds_zero():
    frame = frame_of("mistakes", small("none,train_mode_in_validation", seeds="3"))
    analysis = KIND.analysis(frame)
    (price,) = KIND.room("summary").prices(KIND, analysis).to_dict("records")
    assert price["ci_low"] <= 0 <= price["ci_high"]
    (message,) = (f.message for f in KIND.findings(analysis) if f.code == "validation_in_train_mode")
    for words in (message, KIND.room("headline").answer(KIND, analysis)):
        assert "has no price that 3 seeds show" in words


@pytest.mark.parametrize("mistake", NAMES)
def test_the_wrong_line_is_marked(mistake):
    settings = KIND.one_run({"mistake": mistake}).settings
    lines = KIND.room("difference").difference(settings).splitlines()
    wrong, right = ([line[2:] for line in lines if line.startswith(sign)] for sign in "-+")
    assert 1 <= len(wrong) + len(right) <= (5 if mistake == "raw_inputs" else 2)
    loops = [[line[2:] for line in lines if not line.startswith(sign)] for sign in "+-"]
    assert loops[0] != loops[1]
    assert not any('generator("order"' in line for line in lines)


@pytest.mark.slow
def test_every_wrong_script_prints_what_the_engine_measures(tmp_path):
    runs = {name: KIND.one_run(small(name, dtype="float64", seed="3")) for name in ["none", *NAMES]}
    scripts = {name: ONE_THREAD + (SILENT if name in WARNING else "") + KIND.code(run) for name, run in runs.items()}
    printed = printed_by(scripts, tmp_path)
    for name, run in runs.items():
        (ours,), plain = KIND.compute([run], "cpu"), pd.read_csv(io.StringIO(printed[name]))
        for column in plain.columns:
            ends = plain[column].astype(float), ours[column].astype(float)
            np.testing.assert_allclose(*ends, rtol=1e-9, atol=1e-12, err_msg=f"{name} {column}")


@pytest.mark.slow
def test_watch_names_each_mistake_and_says_nothing_of_its_right_loop(tmp_path):
    short = {
        "plateau_wrong_mode": {"epochs": "8"},
        "clip_after_step": {"depth": "6"},
        "clip_before_backward": {"depth": "6"},
    }
    wrong = [{"epochs": "4", "mistake": name, "seed": 0, **short.get(name, {})} for name in NAMES]
    rights = {json.dumps(own_right(KIND.one_run(given).settings)): None for given in wrong}
    asked = [*wrong, *(json.loads(right) for right in rights)]
    found = found_by_watch([("mistakes", given) for given in asked], tmp_path)
    assert len(found) == len(asked)
    for given, findings in zip(wrong, found, strict=False):
        entry = MISTAKES[given["mistake"]]
        named = {finding["code"]: finding for finding in findings}
        assert entry.finding in named, (given, findings)
        assert named[entry.finding]["severity"] == entry.severity
        assert re.fullmatch(re.escape(entry.told).replace("…", ".+"), named[entry.finding]["message"]), given
    for given, findings in zip(asked[len(wrong) :], found[len(wrong) :], strict=True):
        assert [finding for finding in findings if finding["severity"] != "info"] == [], given
