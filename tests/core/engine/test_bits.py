"""A run depends on its settings and its seed alone, to the last bit; and its gradients outlive float32."""

import numpy as np
import pytest

from core.parts.activations import ACTIVATIONS
from tests.core.comparison import computed, runs_of, settings_of
from tests.core.plain_network import plain_run

ALL = [entry.name for entry in ACTIVATIONS]
WIDE = (64, 128)
SHAPES = [(10, 1), (10, 7), WIDE]
SHAPED = [
    pytest.param(
        activation,
        *shape,
        marks=pytest.mark.long if shape == WIDE and activation not in ("tanh", "relu", "selu") else (),
    )
    for activation in ALL
    for shape in SHAPES
]
INITS = "torch_default,lesson,orthogonal"
TRAINING = {"loss": "cross_entropy", "steps": 2, "optimizer": "adam", "base_lr": 0.01}


def assert_same_bits(one, other):
    for name in one:
        assert np.array_equal(one[name], other[name], equal_nan=one[name].dtype.kind == "f"), name


def same_alone_and_in_any_stack(**given):
    runs = runs_of(init=INITS, seeds=5, **given)
    stacked = computed(runs)
    alone = [computed([run])[0] for run in runs[::4]]
    for one, other in zip(stacked[::4], alone, strict=True):
        assert_same_bits(one, other)
    order = [12, 3, 7, 0, 14, 9, 1]
    for place, result in zip(order, computed([runs[place] for place in order]), strict=True):
        assert_same_bits(stacked[place], result)


@pytest.mark.parametrize(("activation", "width", "batch_size"), SHAPED)
def test_a_run_is_the_same_alone_and_in_a_stack(activation, width, batch_size):
    same_alone_and_in_any_stack(activation=activation, width=width, batch_size=batch_size, depth=4)


@pytest.mark.parametrize(("activation", "width", "batch_size"), SHAPED)
def test_a_trained_run_is_the_same_alone_and_in_a_stack(activation, width, batch_size):
    same_alone_and_in_any_stack(activation=activation, width=width, batch_size=batch_size, depth=3, **TRAINING)


FORMS = [("batch", "none"), ("layer", "none"), ("rms", "none"), ("none", "lesson_block"), ("none", "identity")]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("width", "batch_size"), [(10, 7), (24, 5)])
@pytest.mark.parametrize(("norm", "residual"), FORMS)
def test_a_run_with_a_norm_or_a_skip_is_the_same_alone_and_in_a_stack(norm, residual, width, batch_size, dtype):
    form = {"norm": norm, "residual": residual, "width": width, "batch_size": batch_size, "dtype": dtype}
    same_alone_and_in_any_stack(**form, depth=4, activation="gelu", loss="projection")
    same_alone_and_in_any_stack(**form, depth=2, activation="sigmoid", **TRAINING)


def test_a_run_with_a_number_as_target_is_the_same_alone_and_in_a_stack():
    given = {"dataset": "diabetes", "width": 10, "batch_size": 7, "depth": 3, "activation": "gelu"}
    same_alone_and_in_any_stack(**given, **(TRAINING | {"loss": "mse"}))


def test_a_run_is_the_same_beside_runs_that_underflow_and_runs_that_explode():
    given = {"depth": 80, "width": 10, "batch_size": 7, "loss": "projection", "activation": "tanh,relu"}
    wild = "normal(std=0.001),normal(std=10),mean_field(sigma_w=1.5, sigma_b=0.3),zeros"
    runs = runs_of(**given, init=wild, seeds=2)
    for run, stacked in zip(runs, computed(runs), strict=True):
        assert_same_bits(stacked, computed([run])[0])


def test_a_run_is_the_same_beside_other_activations_and_after_other_stacks():
    runs = runs_of(activation="tanh,relu,gelu", seeds=3, batch_size=7)
    first = computed(runs)
    computed(runs_of(activation="tanh", width=64, depth=9, loss="mse", steps=2))
    for one, other in zip(first, computed(runs[::-1])[::-1], strict=True):
        assert_same_bits(one, other)


def test_untrained_rows_do_not_depend_on_the_training_that_follows():
    (before,) = computed(runs_of(loss="mse", batch_size=7))
    (trained,) = computed(runs_of(loss="mse", batch_size=7, steps=3))
    for name in ("train_loss", "grad_rms", "grad_mean_abs", "weight_rms", "activation_rms", "saturated"):
        assert np.array_equal(before[name][0], trained[name][0], equal_nan=True), name


@pytest.mark.parametrize("init", ["torch_default", "he_normal", "orthogonal"])
def test_different_seeds_have_different_weights(init):
    seeds = [0, 1, 2, 2**31, 2**32, 2**32 + 1, 2**40, 2**63 - 1]
    runs = computed(runs_of(init=init, seeds=",".join(map(str, seeds)), width=16))
    # an orthogonal square matrix has the same size whatever its seed; its gradient has not
    measure = "grad_rms" if init == "orthogonal" else "weight_rms"
    assert len({run[measure][0, 0] for run in runs}) == len(seeds)


def test_layers_of_one_network_have_different_weights():
    (run,) = computed(runs_of(depth=12, width=16))
    assert len(set(run["weight_rms"][0])) == 12


def plain(run, **changes):
    return plain_run(settings_of(run) | changes, run.seed)


SIGMOID = {"activation": "sigmoid", "init": "torch_default", "depth": 60, "width": 64, "batch_size": 8}


@pytest.mark.parametrize("loss", ["projection", "sum", "mse"])
def test_the_gradient_of_sixty_sigmoid_layers_is_right_though_float32_underflows(loss):
    runs = runs_of(**SIGMOID, loss=loss, seeds=2)
    for run, ours in zip(runs, computed(runs), strict=True):
        truth = plain(run, dtype="float64")
        assert 1e-55 < ours["grad_rms"][0, 0] < 1e-47
        for name in ("grad_mean_abs", "grad_rms", "grad_norm"):
            np.testing.assert_allclose(ours[name], truth[name], rtol=0.01)


def test_tanh_of_a_hundred_layers_is_resolved_to_1e_109_and_below():
    given = {"activation": "tanh", "init": "normal(std=0.01)", "depth": 100, "width": 64, "batch_size": 8}
    (run,) = runs_of(**given, loss="projection")
    (ours,) = computed([run])
    truth = plain(run, dtype="float64")
    assert 1e-112 < ours["grad_rms"][0].min() < ours["grad_rms"][0].max() < 1e-106
    for name in ("grad_mean_abs", "grad_rms", "grad_norm", "activation_rms"):
        np.testing.assert_allclose(ours[name], truth[name], rtol=0.01)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "activation", ["tanh", "relu", "gelu", "leaky_relu", "elu", "silu", "selu", "mish", "identity"]
)
def test_gradients_are_right_down_to_1e_300(activation, dtype):
    given = {"activation": activation, "init": "normal(std=0.00001)", "depth": 70, "width": 16, "batch_size": 8}
    (run,) = runs_of(**given, loss="projection", dtype=dtype)
    (ours,) = computed([run])
    truth = plain(run, dtype="float64")
    assert truth["grad_norm"][0].min() < 1e-303 or truth["grad_norm"][0].min() < 1e-280
    told = truth["grad_norm"][0] > 1e-300
    np.testing.assert_allclose(ours["grad_norm"][0][told], truth["grad_norm"][0][told], rtol=0.01)


def test_exploding_gradients_are_measured_beyond_what_float32_holds():
    # the chaotic phase of tanh: signals stay within ±1, so only the way back explodes
    given = {"init": "mean_field(sigma_w=10)", "depth": 180, "width": 64, "batch_size": 4, "loss": "projection"}
    single, double = (computed(runs_of(**given, dtype=dtype))[0]["grad_norm"][0] for dtype in ("float32", "float64"))
    assert double[0] > 1e40
    # chaos: rounding alone makes another network of it, of the same law
    assert np.log10(single[0]) == pytest.approx(np.log10(double[0]), rel=0.15)


def test_small_signals_are_right_once_biases_have_been_trained():
    # before the first update φ is taken as a straight line here; with biases it can't be any more
    given = {"activation": "tanh,relu", "init": "normal(std=0.01)", "depth": 20, "width": 64, "batch_size": 8}
    runs = runs_of(**given, loss="mse", steps=3, optimizer="sgd", base_lr=0.1)
    for run, ours in zip(runs, computed(runs), strict=True):
        truth = plain(run)
        for name in ("grad_norm", "activation_rms"):
            np.testing.assert_allclose(ours[name], truth[name], rtol=1e-3)


def test_gradients_below_float32_are_right_after_an_update_as_well():
    given = {"activation": "tanh", "init": "normal(std=0.01)", "depth": 100, "width": 64, "batch_size": 8}
    (run,) = runs_of(**given, loss="mse", steps=1, optimizer="sgd", base_lr=0.01)
    (ours,) = computed([run])
    truth = plain(run, dtype="float64")["grad_norm"]
    early = slice(0, 45)  # behind it signals come from biases of 1e-50, which a float32 parameter can't hold
    np.testing.assert_allclose(ours["grad_norm"][:, early], truth[:, early], rtol=0.01)


def test_the_gradient_of_a_softmax_that_is_all_but_certain_is_not_lost():
    given = {"activation": "relu", "init": "normal(std=1)", "depth": 2, "width": 64, "loss": "cross_entropy"}
    runs = runs_of(**given, seeds=30)
    for run, ours in zip(runs, computed(runs), strict=True):
        # right to a factor: float64 itself takes 1 - p for 0 where p is the share of the true class
        ratio = ours["grad_norm"][0] / plain(run, dtype="float64")["grad_norm"][0]
        assert ((ratio > 0.5) & (ratio < 2)).all(), f"seed {run.seed}: {ratio}"


UNDERFLOWS = [
    ("sigmoid", "torch_default", 60, "projection"),
    ("sigmoid", "torch_default", 60, "cross_entropy"),
    ("sigmoid", "he_normal", 90, "sum"),
    ("softplus", "torch_default", 200, "projection"),
    ("tanh", "normal(std=0.01)", 100, "projection"),
    ("tanh", "normal(std=0.01)", 36, "mse"),
    ("relu", "normal(std=0.001)", 40, "projection"),
    ("relu", "zeros", 4, "sum"),
    ("gelu", "normal(std=0.01)", 60, "cross_entropy"),
    ("tanh", "torch_default", 20, "projection"),
]


@pytest.mark.parametrize(("activation", "init", "depth", "loss"), UNDERFLOWS)
def test_underflow_says_where_a_plain_backward_pass_gives_nothing_but_zeros(activation, init, depth, loss):
    given = {"activation": activation, "init": init, "depth": depth, "loss": loss, "width": 64, "batch_size": 8}
    runs = runs_of(**given, seeds=2)
    for run, ours in zip(runs, computed(runs), strict=True):
        assert ours["underflow"].tolist() == plain(run)["underflow"].astype(bool).tolist()


def test_underflow_is_seen_in_some_layers_and_not_in_others():
    (run,) = computed(runs_of(**SIGMOID, loss="projection"))
    assert run["underflow"][0, 0]
    assert not run["underflow"][0, -1]


def test_underflow_begins_where_plain_float32_begins_to_lose_whole_layers():
    # ten layers more take the gradient from 1e-40 to 1e-51: the last digits of float32 lie between
    given = {"activation": "tanh", "init": "normal(std=0.01)", "width": 64, "batch_size": 4, "loss": "projection"}
    runs = runs_of(**given, depth="36:48")
    flags = []
    for run in runs:
        (ours,) = computed([run])
        assert ours["underflow"].tolist() == plain(run)["underflow"].astype(bool).tolist()
        flags.append(bool(ours["underflow"].any()))
    assert flags == sorted(flags)
    assert flags[0] is not flags[-1]
