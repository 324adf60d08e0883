"""Trainings in stacks: a run's bits do not depend on its neighbours, and a diverging one harms nobody."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from core.engine import padded
from core.engine.layout import Layout
from core.engine.learners import undisturbed
from core.experiments import experiment
from core.experiments.training.compute import stack

SCHEDULERS, CLIPPING = experiment("schedulers"), experiment("clipping")
TINY = {"dataset": "wine", "width": "10", "epochs": "2", "batch_size": "7", "activation": "tanh"}
SEQUENCES = {"dataset": "adding(length=6, samples=28)", "width": "10", "epochs": "2", "batch_size": "7"}


def runs_of(kind, **given):
    return list(kind.sweep(given).runs())


def assert_same_bits(one, other):
    assert one.keys() == other.keys()
    for name in one:
        assert np.array_equal(one[name], other[name], equal_nan=one[name].dtype.kind == "f"), name


SWEEPS = {
    "mixed rules": (
        SCHEDULERS,
        {
            **TINY,
            "optimizer": "adam,sgd(momentum=0.9),rmsprop",
            "scheduler": "one_cycle,plateau(patience=0),cosine",
            "clipper": "none,norm(max_norm=0.3),auto",
            "base_lr": "0.01,0.1",
        },
    ),
    "batch of one": (SCHEDULERS, {**TINY, "batch_size": "1", "epochs": "1", "seeds": "9"}),
    "width 64": (SCHEDULERS, {"epochs": "1", "seeds": "9", "batch_size": "64"}),
    "norms and skips": (
        SCHEDULERS,
        {**TINY, "depth": "3", "norm": "batch", "residual": "identity", "seeds": "9", "activation": "gelu"},
    ),
    "layer norm": (SCHEDULERS, {**TINY, "depth": "2", "norm": "layer", "activation": "silu", "seeds": "5"}),
    "softplus": (SCHEDULERS, {**TINY, "activation": "softplus", "seeds": "5"}),
    "selu": (SCHEDULERS, {**TINY, "activation": "selu", "seeds": "5"}),
    "mish": (SCHEDULERS, {**TINY, "activation": "mish", "seeds": "5"}),
    "numbers": (SCHEDULERS, {**TINY, "dataset": "diabetes", "norm": "batch", "epochs": "1", "seeds": "9"}),
    "rnn": (CLIPPING, {**SEQUENCES, "clipper": "norm(max_norm=0.5),value,adaptive", "seeds": "5"}),
    "lstm": (CLIPPING, {**SEQUENCES, "model": "lstm", "seeds": "5"}),
    "gru": (CLIPPING, {**SEQUENCES, "model": "gru", "seeds": "5"}),
    "batch of one sequence": (CLIPPING, {**SEQUENCES, "batch_size": "1", "epochs": "1", "seeds": "5"}),
    "float64": (CLIPPING, {**SEQUENCES, "dtype": "float64", "seeds": "5"}),
}


@pytest.mark.parametrize("name", SWEEPS)
def test_a_run_is_the_same_alone_in_a_stack_and_in_another_order(name):
    kind, given = SWEEPS[name]
    runs = runs_of(kind, **given)
    together = kind.compute(runs, "cpu")
    turned = kind.compute(runs[::-1], "cpu")[::-1]
    for index, run in enumerate(runs):
        assert_same_bits(together[index], turned[index])
        if index % 4 == 1:
            (alone,) = kind.compute([run], "cpu")
            assert_same_bits(alone, together[index])


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        (SCHEDULERS, {**TINY, "optimizer": "sgd", "activation": "relu", "depth": "3", "epochs": "6"}),
        (CLIPPING, {**SEQUENCES, "clipper": "none", "optimizer": "sgd"}),
    ],
    ids=["mlp", "rnn"],
)
def test_a_run_that_diverges_changes_no_neighbour_by_a_bit(kind, given):
    healthy, lost = runs_of(kind, **given, base_lr="0.01,1000000.0")
    (alone,) = kind.compute([healthy], "cpu")
    beside, diverged = kind.compute([healthy, lost], "cpu")
    assert diverged["diverged"].any()
    assert not beside["diverged"].any()
    assert_same_bits(alone, beside)
    gone = diverged["diverged"]
    assert (np.diff(gone.astype(int)) >= 0).all()
    assert np.isnan(diverged["train_loss"][gone]).all()
    assert np.isfinite(diverged["train_loss"][~gone]).all()


def test_seeds_differ_in_weights_and_in_the_order_of_rows():
    first, second = CLIPPING.compute(runs_of(CLIPPING, **SEQUENCES, seeds="2"), "cpu")
    assert (first["train_loss"] != second["train_loss"]).all()
    one, other = SCHEDULERS.compute(runs_of(SCHEDULERS, **TINY, init="zeros", seeds="2"), "cpu")
    assert one["train_loss"][0] == other["train_loss"][0]  # zeros tell no rows apart
    assert (one["train_loss"][1:] != other["train_loss"][1:]).any()


def test_validation_is_measured_at_the_end_of_each_epoch_alone():
    (run,) = SCHEDULERS.compute(runs_of(SCHEDULERS, **TINY), "cpu")
    last = np.arange(len(run["step"])) % 20 == 19  # 142 rows in batches of 7
    np.testing.assert_array_equal(np.isfinite(run["val_loss"]), last)
    np.testing.assert_array_equal(np.isfinite(run["val_accuracy"]), last)
    np.testing.assert_array_equal(run["epoch"], np.arange(40) // 20)


def test_blocks_of_a_layout_are_padded_and_follow_one_another():
    layout = Layout.of([("weight", 10, 7, False), ("bias", 10, 0, False), ("readout", 3, 10, True)])
    assert [(block.rows, block.columns) for block in layout.blocks] == [(16, 16), (16, 1), (16, 16)]
    assert [block.start for block in layout.blocks] == [0, 256, 272]
    assert layout.size == 528
    assert [block.matrix for block in layout.blocks] == [True, False, True]
    assert padded(layout.size) == layout.size


def test_pytorch_prepares_for_a_backward_pass_of_its_own_for_the_transformer_alone():
    plain = stack(runs_of(SCHEDULERS, **TINY))
    unprepared = undisturbed(lambda stack: torch.is_inference_mode_enabled())
    assert unprepared(plain)
    attending = stack(runs_of(SCHEDULERS, **SEQUENCES, model="transformer"))
    assert not unprepared(replace(plain, model="transformer", network=attending.network))
