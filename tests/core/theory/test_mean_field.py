"""Theory against integration by other means, known values, and measured networks."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad

from core.parts.activations import ACTIVATIONS
from core.parts.inits import INITS
from core.theory import mean_field
from tests.core.comparison import computed, runs_of
from tests.core.plain_network import module

ALL = [entry.name for entry in ACTIVATIONS]


def averages(activation, q):
    """E[φ²] and E[φ'²] by adaptive integration over u, split where activations bend."""
    part = ACTIVATIONS.parse(activation)
    spread = math.sqrt(q)
    ends = [end for end in (-300, -30, -5, -1, 0, 1, 5, 30, 300) if abs(end) < 9.5 * spread]
    ends = [-9.5 * spread, *ends, 9.5 * spread]

    def average(function):
        def density(u):
            value = float(function(np.array(u), **part.arguments))
            return value**2 * math.exp(-0.5 * u * u / q) / math.sqrt(2 * math.pi * q)

        return sum(quad(density, a, b, limit=200)[0] for a, b in itertools.pairwise(ends))

    return average(part.entry.phi), average(part.entry.slope)


@pytest.mark.parametrize("q", [0.01, 1.0, 25.0, 1000.0])
@pytest.mark.parametrize("activation", [*ALL, "elu(alpha=3)", "leaky_relu(negative_slope=0.3)", "softplus(beta=5)"])
def test_averages_agree_with_adaptive_integration(activation, q):
    found = mean_field.moments(activation, q, 0.5)
    np.testing.assert_allclose([found.square, found.slope_square], averages(activation, q), rtol=0.005)


@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "softplus(beta=100)"])
def test_averages_are_right_where_the_slope_is_a_narrow_peak(activation):
    # init=normal(std=10) at width 1024 has q = 1e5: φ' lives on a five-hundredth of a standard deviation
    found = mean_field.moments(activation, 1e5, 0.0)
    np.testing.assert_allclose([found.square, found.slope_square], averages(activation, 1e5), rtol=0.02)


@pytest.mark.slow
@pytest.mark.parametrize(("q", "c"), [(0.5, 0.0), (1.5, 0.6), (9.0, 0.97)])
@pytest.mark.parametrize("activation", ALL)
def test_averages_of_two_inputs_agree_with_a_grid(activation, q, c):
    part = ACTIVATIONS.parse(activation)
    z = np.linspace(-8, 8, 1602)  # no node on the kink
    weight = np.exp(-0.5 * z * z) / math.sqrt(2 * math.pi) * (z[1] - z[0])
    u_a = math.sqrt(q) * z[:, None] + 0 * z
    u_b = math.sqrt(q) * (c * z[:, None] + math.sqrt(1 - c * c) * z)
    found = mean_field.moments(activation, q, c)
    for function, value in ((part.entry.phi, found.cross), (part.entry.slope, found.slope_cross)):
        on_grid = weight @ (function(u_a, **part.arguments) * function(u_b, **part.arguments)) @ weight
        assert value == pytest.approx(on_grid, rel=0.005, abs=1e-6)


@pytest.mark.parametrize("c", [0.0, 0.1, 0.7, 0.99, 0.9999])
def test_quadrature_agrees_with_the_arc_cosine_closed_forms(c):
    # elu with a tiny alpha is ReLU but for 1e-9, and is integrated; ReLU is the closed form
    integrated = mean_field.moments("elu(alpha=0.000000001)", 2.0, c)
    np.testing.assert_allclose(integrated, mean_field.moments("relu", 2.0, c), rtol=2e-3)


def test_relus_closed_forms_are_cho_and_sauls():
    same = mean_field.moments("relu", 3.0, 1.0)
    np.testing.assert_allclose(same, (1.5, 1.5, 0.5, 0.5))
    apart = mean_field.moments("relu", 3.0, 0.0)
    np.testing.assert_allclose(apart, (1.5, 3.0 / (2 * math.pi), 0.5, 0.25))


def test_two_inputs_that_are_one_have_the_averages_of_one():
    for activation in ALL:
        found = mean_field.moments(activation, 1.3, 1.0)
        np.testing.assert_allclose([found.cross, found.slope_cross], [found.square, found.slope_square], rtol=1e-9)


def test_the_fixed_point_of_tanh_is_where_poole_has_it():
    point = mean_field.fixed_point("tanh", "mean_field(sigma_w=1.5, sigma_b=0.3)", 64)
    z = np.linspace(-9, 9, 20_001)
    weight = np.exp(-0.5 * z * z) / math.sqrt(2 * math.pi) * (z[1] - z[0])
    q = 1.0
    for _ in range(2000):
        q = 1.5**2 * weight @ np.tanh(math.sqrt(q) * z) ** 2 + 0.3**2
    chi_1 = 1.5**2 * weight @ (1 - np.tanh(math.sqrt(q) * z) ** 2) ** 2
    assert point.q_star == pytest.approx(q, rel=1e-6)
    assert point.chi_1 == pytest.approx(chi_1, rel=1e-6)
    assert point.depth_scale == pytest.approx(1 / abs(math.log(chi_1)), rel=1e-4)


FIXED_POINTS = [
    ("relu", "he_normal", 2.0, 1.0, math.inf),  # critical: nothing changes from layer to layer
    ("relu", "mean_field(sigma_w=2)", math.inf, 2.0, 1 / math.log(2)),  # explodes
    ("relu", "mean_field(sigma_w=1)", 0.0, 0.5, 1 / math.log(2)),  # fades away
    ("identity", "mean_field(sigma_w=0.5, sigma_b=1)", 4 / 3, 0.25, 1 / math.log(4)),
    ("identity", "lecun_normal", 1.0, 1.0, math.inf),
    ("tanh", "xavier_normal", 0.0, 1.0, math.inf),  # the edge of chaos
    ("tanh", "zeros", 0.0, 0.0, 0.0),
]


@pytest.mark.parametrize(("activation", "init", "q_star", "chi_1", "depth_scale"), FIXED_POINTS)
def test_fixed_points_known_in_closed_form(activation, init, q_star, chi_1, depth_scale):
    found = mean_field.fixed_point(activation, init, 64)
    assert found.q_star == pytest.approx(q_star, abs=1e-12)
    assert found.chi_1 == pytest.approx(chi_1, rel=1e-6)
    assert found.depth_scale == pytest.approx(depth_scale, rel=1e-6)


@pytest.mark.parametrize("init", [entry.name for entry in INITS])
@pytest.mark.parametrize("activation", ALL)
def test_every_fixed_point_is_one(activation, init):
    found = mean_field.fixed_point(activation, init, 64)
    assert found.q_star >= 0
    assert found.chi_1 >= 0
    if 0 < found.q_star < math.inf:
        weight, bias = (INITS[init].variance)(64, 64, **INITS.parse(init).arguments)
        following = weight * 64 * mean_field.moments(activation, found.q_star, 1.0).square + bias
        assert following == pytest.approx(found.q_star, rel=1e-5)


def test_slope_bound_and_theory_agree_that_sigmoid_shrinks_by_a_quarter_at_most():
    profile = mean_field.gradient_profile("sigmoid", "torch_default", 20, 32, 32, 1)
    assert (profile.slopes <= 0.25).all()
    np.testing.assert_allclose(profile.weights, 1 / math.sqrt(3))


def test_one_linear_layer_is_predicted_exactly():
    # ∂L/∂W = Σ_b v h_bᵀ: B inputs of N(0, 1) give a variance of B
    profile = mean_field.gradient_profile("identity", "torch_default", 1, 50, 30, 7)
    np.testing.assert_allclose(profile.grad_rms, [math.sqrt(7)])


def test_the_batchs_cross_term_grows_with_the_square_of_the_batch():
    # sigmoid outputs of all inputs point the same way, so that gradients of a batch add up
    one, many = (mean_field.gradient_profile("sigmoid", "torch_default", 6, 64, 64, rows).grad_rms for rows in (1, 100))
    np.testing.assert_allclose(many[3:] / one[3:], 100, rtol=0.05)


APPLIES = [
    ("tanh", "none", "none", "gaussian", "projection", True),
    ("tanh", "none", "none", "gaussian(features=3)", "sum", True),
    ("relu", "none", "none", "gaussian", "projection", True),
    ("relu", "none", "none", "gaussian", "sum", False),
    ("tanh", "batch", "none", "gaussian", "projection", False),
    ("tanh", "none", "identity", "gaussian", "projection", False),
    ("tanh", "none", "none", "digits", "projection", False),
    ("tanh", "none", "none", "gaussian", "mse", False),
]


@pytest.mark.parametrize(("activation", "norm", "residual", "dataset", "loss", "said"), APPLIES)
def test_theory_speaks_only_where_it_holds(activation, norm, residual, dataset, loss, said):
    assert mean_field.applies(activation, norm, residual, dataset, loss) is said


@pytest.mark.parametrize("activation", ALL)
def test_even_slope_is_told_of_those_activations_whose_slope_is_even(activation):
    entry, phi = ACTIVATIONS[activation], module(activation)

    u = torch.linspace(0.1, 4, 40, dtype=torch.float64).requires_grad_()
    right = torch.autograd.grad(phi(u).sum(), u)[0]
    left = torch.autograd.grad(phi(-u).sum(), u)[0].neg()
    assert bool(torch.allclose(left, right)) is entry.even_slope


SEEDS, DEPTH, WIDTH = 30, 16, 128


def assert_measured_as_predicted(**given):
    """The root mean square over seeds lies within three standard errors and what finite width adds."""
    runs = computed(runs_of(depth=DEPTH, width=WIDTH, batch_size=8, seeds=SEEDS, **given))
    gradients = np.array([run["grad_rms"][0] for run in runs])
    theory = runs[0]["theory_grad_rms"][0]
    chosen = np.random.default_rng(0).integers(SEEDS, size=(500, SEEDS))
    resampled = np.sqrt((gradients[chosen] ** 2).mean(1))
    error = np.log(resampled).std(0)
    away = np.abs(np.log(np.sqrt((gradients**2).mean(0)) / theory))
    assert (away < 3 * error + DEPTH / WIDTH).all(), (away, error)
    assert error.max() < 0.35  # so that the test can fail


@pytest.mark.parametrize("init", ["torch_default", "he_normal", "mean_field(sigma_w=1.5, sigma_b=0.3)"])
@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "relu", "softplus"])
def test_measured_gradients_are_as_predicted(activation, init):
    assert_measured_as_predicted(activation=activation, init=init, loss="projection")


def test_measured_gradients_are_as_predicted_where_features_and_width_differ():
    assert_measured_as_predicted(activation="tanh", dataset="gaussian(features=40)", loss="projection")


@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "identity"])
def test_a_plain_sum_is_as_predicted_where_the_slope_is_even(activation):
    assert_measured_as_predicted(activation=activation, init="lecun_normal", loss="sum")


def test_batchnorm_before_relu_makes_gradients_grow_by_yangs_factor():
    given = {"activation": "relu", "norm": "batch", "init": "he_normal", "width": 128, "batch_size": 64}
    runs = computed(runs_of(**given, depth=16, loss="projection", seeds=8))
    gradients = np.sqrt((np.array([run["grad_rms"][0] for run in runs]) ** 2).mean(0))
    growth = (gradients[0] / gradients[-1]) ** (1 / 15)
    assert pytest.approx(1.2112, abs=1e-4) == mean_field.BATCHNORM_RELU_GROWTH
    assert growth == pytest.approx(mean_field.BATCHNORM_RELU_GROWTH, rel=0.02)
