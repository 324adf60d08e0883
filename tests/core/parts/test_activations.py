"""Every activation: torch and NumPy, function and derivative, and the constants that theory takes from it."""

import numpy as np
import pytest
import torch

from core.parts.activations import ACTIVATIONS
from tests.core.plain_network import module, slope

ALL = [entry.name for entry in ACTIVATIONS]
ALL += ["leaky_relu(negative_slope=0.3)", "leaky_relu(negative_slope=0)", "elu(alpha=2.5)", "elu(alpha=0.3)"]
ALL += ["softplus(beta=4)", "softplus(beta=0.2)"]
# from the flat ends to the bend, without 0 itself; a whole number of blocks of 16
GRID = torch.cat([torch.linspace(-30, 30, 4096), torch.linspace(-2, 2, 4096)]).double()
SOFTPLUS_CUT = 3e-9  # above beta z = 20 PyTorch's softplus is z: 2e-9 away


def applied(part, z):
    out = torch.empty_like(z)
    part.entry.apply(z, out, **part.arguments)
    return out


def derived(part, z):
    h, out = applied(part, z), torch.empty_like(z)
    part.entry.derivative(None if part.entry.from_output else z, h, out, **part.arguments)
    return out


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("text", ALL)
def test_the_function_is_the_one_of_torch_nn(text, dtype):
    part, z = ACTIVATIONS.parse(text), GRID.to(dtype)
    close = {"rtol": 1e-6, "atol": 1e-7} if dtype == torch.float32 else {"rtol": 1e-13, "atol": 1e-15}
    torch.testing.assert_close(applied(part, z), module(text)(z), **close)


@pytest.mark.parametrize("text", ALL)
def test_the_function_may_be_written_over_its_input(text):
    part, z = ACTIVATIONS.parse(text), GRID.float()
    expected = applied(part, z)
    part.entry.apply(z, z, **part.arguments)
    assert torch.equal(z, expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("text", ALL)
def test_the_derivative_is_the_one_of_autograd(text, dtype):
    part, z = ACTIVATIONS.parse(text), GRID.to(dtype)
    # tanh' = 1 - h², and near 1 two units of h's last place are 1.2e-7
    close = {"rtol": 1e-5, "atol": 2.4e-7} if dtype == torch.float32 else {"rtol": 1e-12, "atol": 1e-15}
    torch.testing.assert_close(derived(part, z), slope(module(text), z), **close)


@pytest.mark.parametrize("text", ALL)
def test_the_derivative_at_zero_is_the_one_of_autograd(text):
    z = torch.zeros(16, dtype=torch.float64)
    torch.testing.assert_close(derived(ACTIVATIONS.parse(text), z), slope(module(text), z))


@pytest.mark.parametrize("text", ALL)
def test_numpy_agrees_with_torch(text):
    part = ACTIVATIONS.parse(text)
    u = GRID.numpy()
    np.testing.assert_allclose(part.entry.phi(u, **part.arguments), applied(part, GRID), rtol=1e-9, atol=SOFTPLUS_CUT)
    np.testing.assert_allclose(part.entry.slope(u, **part.arguments), derived(part, GRID), rtol=1e-9, atol=SOFTPLUS_CUT)


@pytest.mark.parametrize("text", ALL)
def test_the_derivative_is_the_slope_of_the_function(text):
    part = ACTIVATIONS.parse(text)
    u, h = np.linspace(-5, 5, 1000), 1e-6
    u = u[abs(u) > 1e-4]
    secant = (part.entry.phi(u + h, **part.arguments) - part.entry.phi(u - h, **part.arguments)) / (2 * h)
    np.testing.assert_allclose(part.entry.slope(u, **part.arguments), secant, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("text", ALL)
def test_slope_bound_is_the_largest_slope(text):
    part = ACTIVATIONS.parse(text)
    u = np.concatenate([np.linspace(-10, 10, 400_001), [-100.0, 100.0, -1e-9, 1e-9]])
    largest = np.abs(part.entry.slope(u, **part.arguments)).max()
    assert part.entry.slope_bound(**part.arguments) == pytest.approx(largest, rel=1e-8)


@pytest.mark.parametrize("text", ALL)
def test_near_zero_the_function_is_its_two_straight_lines(text):
    part = ACTIVATIONS.parse(text)
    lines = part.entry.at_zero(**part.arguments)
    if lines is None:
        assert part.entry.phi(np.zeros(()), **part.arguments) != 0
        return
    assert part.entry.phi(np.zeros(()), **part.arguments) == 0
    u = np.array([-1e-10, 1e-10])
    np.testing.assert_allclose(part.entry.phi(u, **part.arguments), np.array(lines) * u, rtol=1e-8)
    np.testing.assert_allclose(part.entry.slope(u, **part.arguments), lines, rtol=1e-8)


@pytest.mark.parametrize("text", ALL)
def test_bounded_is_told_of_those_that_stay_within_bounds(text):
    part = ACTIVATIONS.parse(text)
    assert part.entry.bounded is bool(np.abs(part.entry.phi(np.array([-1e6, 1e6]), **part.arguments)).max() <= 2)


@pytest.mark.parametrize("text", ALL)
def test_numpy_neither_overflows_nor_warns_far_out(text):
    part = ACTIVATIONS.parse(text)
    far = np.array([-1e5, -800.0, 800.0, 1e5])
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        assert np.isfinite(part.entry.phi(far, **part.arguments)).all()
        assert np.isfinite(part.entry.slope(far, **part.arguments)).all()
