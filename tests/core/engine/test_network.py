"""The stacked engine against plain torch.nn networks, run by run and layer by layer."""

import itertools

import numpy as np
import pytest

from core.parts.activations import ACTIVATIONS
from core.parts.inits import INITS
from core.parts.norms import NORMS
from core.parts.residuals import RESIDUALS
from tests.core.comparison import assert_agrees, computed, runs_of, settings_of
from tests.core.plain_network import TRAINED, plain_run

LOSSES = ("projection", "cross_entropy", "sum", "mse")
RTOL = {"float32": 5e-5, "float64": 1e-10}
SCALED = {"identity": "identity(scale=0.5)"}
FORMS = [
    (norm.name, residual.name)
    for residual in RESIDUALS
    for norm in NORMS
    if residual.own_norm is None or norm.name == "none"
]
SHAPE = {"depth": 6, "width": 10, "batch_size": 7}


def zero_on_paper(activation, norm, residual, loss):
    """A linear network that ends in a norm: its outputs have a fixed sum, so only rounding is left of the gradient."""
    return (
        activation == "identity" and (norm in ("batch", "layer") or residual == "lesson_block") and loss not in TRAINED
    )


def agree_with_plain_pytorch(rtol, **given):
    runs = runs_of(**given)
    for run, ours in zip(runs, computed(runs), strict=True):
        assert_agrees(ours, plain_run(settings_of(run), run.seed), run, rtol)


@pytest.mark.parametrize("dtype", RTOL)
@pytest.mark.parametrize("activation", [entry.name for entry in ACTIVATIONS])
def test_every_activation_norm_and_residual_agrees_with_plain_pytorch(activation, dtype):
    inits, losses = itertools.cycle(entry.name for entry in INITS if entry.name != "zeros"), itertools.cycle(LOSSES)
    for norm, residual in FORMS:
        init, loss = next(inits), next(losses)
        while zero_on_paper(activation, norm, residual, loss):
            loss = next(losses)
        form = {"norm": norm, "residual": SCALED.get(residual, residual)}
        names = {"activation": activation, "init": init, "loss": loss, "dtype": dtype}
        agree_with_plain_pytorch(RTOL[dtype], **SHAPE, **form, **names, seeds=2)


@pytest.mark.parametrize("dtype", RTOL)
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("init", [entry.name for entry in INITS])
def test_every_init_and_loss_agrees_with_plain_pytorch(init, loss, dtype):
    agree_with_plain_pytorch(RTOL[dtype], **SHAPE, activation="tanh,gelu", init=init, loss=loss, dtype=dtype, seeds=2)


ARGUMENTS = {
    "activation": ["leaky_relu(negative_slope=0.3)", "elu(alpha=0.5)", "softplus(beta=3)"],
    "init": ["orthogonal(gain=1.4)", "normal(std=0.2)", "mean_field(sigma_w=1.5, sigma_b=0.3)"],
    "residual": ["identity(scale=0.1)", "identity(scale=2)"],
}


@pytest.mark.parametrize(("setting", "text"), [(name, text) for name, texts in ARGUMENTS.items() for text in texts])
def test_arguments_of_parts_reach_the_network(setting, text):
    agree_with_plain_pytorch(1e-10, **SHAPE, **{setting: text}, loss="projection", dtype="float64", seeds=2)


SHAPES = {
    "one_layer": {"depth": 1, "width": 10, "batch_size": 7},
    "one_unit": {"depth": 3, "width": 1, "batch_size": 3},
    "one_row": {"depth": 4, "width": 10, "batch_size": 1},
    "whole_blocks": {"depth": 4, "width": 32, "batch_size": 16},
    "deep": {"depth": 40, "width": 12, "batch_size": 5},
    "wide_batch": {"depth": 2, "width": 5, "batch_size": 129},
}


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_agrees_with_plain_pytorch(shape, loss):
    agree_with_plain_pytorch(1e-9, **SHAPES[shape], activation="tanh,silu", loss=loss, dtype="float64", seeds=2)


@pytest.mark.parametrize("residual", ["none", "identity"])
@pytest.mark.parametrize("features", [3, 17, 64])
def test_inputs_may_be_narrower_or_wider_than_the_layers(features, residual):
    data = {"dataset": f"gaussian(features={features})", "residual": residual}
    agree_with_plain_pytorch(1e-10, **SHAPE, **data, norm="none,layer", loss="projection", dtype="float64", seeds=2)


@pytest.mark.parametrize("dataset", ["digits", "wine", "breast_cancer", "xor"])
def test_real_tables_agree_with_plain_pytorch(dataset):
    given = {"depth": 3, "width": 12, "batch_size": 4, "dataset": dataset, "steps": 3, "base_lr": 0.01}
    agree_with_plain_pytorch(1e-10, **given, loss="cross_entropy,mse", dtype="float64", seeds=2)


def test_a_target_that_is_a_number_agrees_with_plain_pytorch():
    given = {"depth": 3, "width": 12, "batch_size": 7, "dataset": "diabetes", "steps": 5, "base_lr": 0.01}
    agree_with_plain_pytorch(1e-10, **given, loss="mse", dtype="float64", seeds=2)
    agree_with_plain_pytorch(1e-10, **SHAPE, dataset="diabetes", loss="projection", dtype="float64", seeds=2)


TRAININGS = [
    (optimizer, loss, dataset)
    for optimizer in ("adam", "sgd(momentum=0.9, nesterov=True)", "adamw(weight_decay=0.1)", "rmsprop(momentum=0.5)")
    for loss in TRAINED
    for dataset in ("gaussian", "digits")
]


@pytest.mark.parametrize("dtype", RTOL)
@pytest.mark.parametrize(("optimizer", "loss", "dataset"), TRAININGS)
def test_training_agrees_with_plain_pytorch(optimizer, loss, dataset, dtype):
    given = {"depth": 4, "width": 10, "batch_size": 7, "steps": 5, "base_lr": 0.01, "dtype": dtype}
    how = {"optimizer": optimizer, "loss": loss, "dataset": dataset, "activation": "tanh,softplus"}
    agree_with_plain_pytorch({"float32": 1e-3, "float64": 1e-10}[dtype], **given, **how, seeds=2)


@pytest.mark.parametrize("norm", [entry.name for entry in NORMS])
@pytest.mark.parametrize("residual", ["none", "identity"])
def test_gains_shifts_and_biases_are_trained_as_in_plain_pytorch(norm, residual):
    given = {"depth": 4, "width": 10, "batch_size": 7, "steps": 5, "loss": "cross_entropy", "optimizer": "sgd"}
    form = {"norm": norm, "residual": residual, "init": "mean_field(sigma_w=1.2, sigma_b=0.5),he_normal"}
    agree_with_plain_pytorch(1e-9, **given, **form, base_lr=0.05, dtype="float64", seeds=2)


def test_the_lessons_block_trains_as_in_plain_pytorch():
    given = {"depth": 4, "width": 10, "batch_size": 7, "steps": 5, "loss": "mse", "optimizer": "sgd", "base_lr": 0.05}
    agree_with_plain_pytorch(1e-9, **given, residual="lesson_block", activation="relu", dtype="float64", seeds=3)


@pytest.mark.parametrize("dtype", RTOL)
def test_a_run_trains_the_same_whether_its_neighbours_have_biases_or_not(dtype):
    given = {"depth": 3, "width": 10, "batch_size": 7, "steps": 3, "loss": "mse", "optimizer": "sgd", "base_lr": 0.1}
    rtol = {"float32": 1e-4, "float64": 1e-10}[dtype]
    agree_with_plain_pytorch(rtol, **given, init="he_normal,torch_default,normal(std=0.3)", dtype=dtype, seeds=2)


def test_an_epoch_visits_every_row_once_and_the_next_in_another_order():
    # 142 training rows of wine: two batches of 71 an epoch, so that step 2 starts the second epoch
    given = {"depth": 1, "width": 4, "batch_size": 71, "dataset": "wine", "steps": 3, "loss": "mse"}
    agree_with_plain_pytorch(1e-10, **given, dtype="float64", seeds=2)


def test_the_last_row_of_a_training_has_no_update():
    (run,) = computed(runs_of(steps=3, loss="mse"))
    assert np.isfinite(run["update_ratio"][:3]).all()
    assert np.isnan(run["update_ratio"][3]).all()


def test_each_run_is_trained_with_its_own_learning_rate():
    slow, fast, faster = (
        run["update_ratio"][0] for run in computed(runs_of(steps=1, loss="mse", optimizer="sgd", base_lr="0.01,0.1,1"))
    )
    np.testing.assert_allclose(fast, 10 * slow, rtol=1e-3)
    np.testing.assert_allclose(faster, 100 * slow, rtol=1e-3)


def test_a_diverged_run_goes_on_with_empty_rows_and_harms_no_neighbour():
    given = {"activation": "relu", "init": "he_normal", "steps": 8, "loss": "mse", "optimizer": "sgd", "depth": 6}
    runs = runs_of(**given, base_lr="0.001,1e6", batch_size=7)
    calm, wild = computed(runs)
    lost = np.isnan(wild["train_loss"][:, 0])
    assert lost.any()
    assert not lost[0]
    assert (np.diff(lost.astype(int)) >= 0).all()  # once lost, lost to the end
    assert all(np.isnan(wild[name][lost]).all() for name in ("grad_rms", "weight_rms", "saturated"))
    (alone,) = computed(runs[:1])
    assert all(np.array_equal(calm[name], alone[name], equal_nan=True) for name in calm)


def test_a_relu_layer_of_one_row_has_about_half_its_units_dead():
    runs = computed(runs_of(depth=3, width=512, activation="relu", init="he_normal", seeds=2))
    for run in runs:
        assert (abs(run["dead"] - 0.5) < 0.1).all()
        assert np.array_equal(run["dead"], run["saturated"])


def test_a_readout_has_no_units_to_saturate():
    (run,) = computed(runs_of(depth=2, loss="cross_entropy"))
    for name in ("saturated", "dead", "theory_grad_rms"):
        assert np.isnan(run[name][0, -1])
    assert np.isfinite(run["activation_rms"]).all()
