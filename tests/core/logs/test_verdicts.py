from __future__ import annotations

import math

import numpy as np
import pytest

from core.diagnosis.judge import judge
from core.diagnosis.trace import Trace

from . import made
from .test_formats import read

X = np.linspace(0, 1, 60)
FALLING = 2 * np.exp(-9 * X) + 0.2
WAVES = 0.02 * np.sin(40 * X)
FLAT = np.full(60, 1e-3)


def codes(facts=None, **columns):
    steps = {"step": np.arange(len(next(iter(columns.values())))) * 10.0, **columns}
    trace = Trace(steps, facts={"clock": "step", "format": "CSV", **(facts or {})})
    return {finding.code: finding.severity for finding in judge(trace)}


FAULTS = {
    "stuck_at_chance": {"train_loss": math.log(4) + WAVES / 10, "val_accuracy": 0.26 + WAVES},
    "no_progress": {"train_loss": 7.6 + WAVES},
    "overfitting": {"train_loss": FALLING, "val_loss": 1 + np.abs(X - 0.3)},
    "diverged": {"train_loss": np.where(X < 0.8, FALLING, math.inf)},
    "schedule_unfinished": {"train_loss": FALLING, "lr": 1e-6 + X * 1e-4},
    "schedule_repeats": {"train_loss": FALLING, "lr": 1e-3 * (1 + np.cos(3 * math.pi * X)) / 2},
    "loss_scales_differ": {"train_loss": 16 * FALLING, "val_loss": FALLING},
    "validation_missing": {"train_loss": FALLING, "val_loss": 0 * X, "metrics_map50": 0 * X},
    "too_much_regularization": {"train_loss": 70 * FALLING, "epoch_mse": FALLING},
}


@pytest.mark.parametrize("code", FAULTS)
def test_a_fault_is_named(code):
    found = codes(**FAULTS[code])
    assert found.get(code) in ("error", "warning")
    assert {name for name, severity in found.items() if severity != "info"} == {code}


def test_norms_that_all_steps_cut_are_told_and_those_that_none_cuts_are_not():
    norms = 1 + X
    for kept, told in ((0.5, True), (1.0, False)):
        found = codes(train_loss=FALLING, grad_norm=norms, clipped_grad_norm=kept * norms)
        assert ("gradients_always_clipped" in found) == told


SOUND = {
    "falls": {"train_loss": FALLING + WAVES},
    "with validation": {"train_loss": FALLING, "val_loss": FALLING + 0.1 + WAVES},
    "one bad validation": {"train_loss": FALLING, "val_loss": FALLING + 0.1 + 9 * (np.arange(60) == 20)},
    "a bad first validation": {"train_loss": FALLING, "val_loss": FALLING + 3 * (X == 0)},
    "one NaN": {"train_loss": np.where(np.arange(60) == 30, math.inf, FALLING)},
    "validation infinite, metrics rise": {"train_loss": FALLING, "val_loss": X * 0 + math.inf, "metrics_map50": X},
    "warm restarts": {"train_loss": FALLING, "lr": 1e-3 * (1 + np.cos(math.pi * (4 * X % 1))) / 2},
    "one cycle": {"train_loss": FALLING, "lr": 1e-3 * np.sin(math.pi * X) ** 2},
    "a cosine": {"train_loss": FALLING, "lr": 1e-3 * (1 + np.cos(math.pi * X)) / 2},
    "at 0.02": {"train_loss": FALLING, "lr": 0.02 * (1 - X)},
    "better than guessing": {"train_loss": FALLING + 0.49, "val_accuracy": 0.5 + X / 3},
    "validation levels out": {"train_loss": FALLING, "val_loss": np.maximum(FALLING, 0.6) + WAVES},
    "two against each other": {"train_loss": 0.69 + WAVES, "lr": FLAT},
}


@pytest.mark.parametrize("name", SOUND)
def test_a_sound_run_gets_no_error_and_no_warning(name):
    facts = {"game": True} if name == "two against each other" else {}
    assert [code for code, severity in codes(facts, **SOUND[name]).items() if severity != "info"] == []


def test_what_is_worth_knowing_is_info():
    assert codes(train_loss=3 - 2 * X) == {"still_improving": "info"}
    plan = {"planned": 1000.0, "reached": 600.0}
    assert codes(plan, train_loss=FALLING, lr=1e-6 + X * 1e-4)["interrupted"] == "info"
    assert "schedule_unfinished" not in codes(plan, train_loss=FALLING, lr=1e-6 + X * 1e-4)
    norms = {"train_loss": FALLING, "grad_norm": 3 + X}
    assert codes({"default_max_norm": 1.0}, **norms) == {"gradients_always_clipped": "info"}
    assert codes(**norms) == {}
    cuts = 1e-2 * 0.5 ** (np.arange(60) // 10)
    assert codes(train_loss=FALLING, lr=cuts) == {"plateau_on_training_batches": "info"}
    assert codes(train_loss=np.array([2.0, 1.0])) == {"nothing_to_judge": "info"}
    assert codes(lr=FLAT) == {"nothing_to_judge": "info"}


def test_a_squared_error_of_a_quarter_is_the_mean_of_zeros_and_ones():
    assert "stuck_at_chance" in codes(train_loss=np.maximum(0.9 - 2 * X, 0.25) + WAVES / 100)


def test_a_loss_that_rises_for_good_has_diverged():
    assert codes(train_loss=np.where(X < 0.5, FALLING, 2.5 + WAVES)) == {"diverged": "error"}


def test_last_values_far_apart_are_overfitting():
    marks = '"_runtime": 9, "_step": 2'
    (trace,) = read(f'{{{marks}, "train_acc": 99.9, "val_acc": 82.9, "train_loss": 0.02, "val_loss": 0.66}}')
    assert [f.code for f in judge(trace)] == ["overfitting"]
    (trace,) = read(f"{{{marks}}}")
    assert [f.code for f in judge(trace)] == ["nothing_to_judge"]
    (trace,) = read(f'{{{marks}, "train_loss": "NaN"}}')
    assert [f.code for f in judge(trace)] == ["diverged"]


def test_a_checkpoint_on_the_way_is_interrupted():
    (trace,) = read(made.trainer_state(planned=1000))
    assert "interrupted" in [f.code for f in judge(trace)]
