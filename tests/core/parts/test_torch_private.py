"""Every private door of PyTorch gives what the public way gives."""

import numpy as np
import pytest
import torch

from core.engine import schedule_trace
from core.parts import torch_private
from core.parts.activations import ACTIVATIONS
from core.parts.optimizers import OPTIMIZERS
from core.parts.schedulers import SCHEDULERS


@pytest.fixture
def both(monkeypatch):
    """Calls a function by the private and by the public way."""

    def call(function):
        schedule_trace.trace.cache_clear()
        privately = function()
        monkeypatch.setattr(torch_private, "private", False)
        schedule_trace.trace.cache_clear()
        publicly = function()
        schedule_trace.trace.cache_clear()
        return privately, publicly

    return call


def test_this_version_of_torch_was_tried():
    assert torch_private.private


@pytest.mark.parametrize("name", [entry.name for entry in ACTIVATIONS])
def test_activations_and_their_slopes_are_the_public_ones(both, name):
    part, z = ACTIVATIONS.parse(name), torch.linspace(-30, 30, 4096, dtype=torch.float64)

    def values():
        h, slope = torch.empty_like(z), torch.empty_like(z)
        part.entry.apply(z, h, **part.arguments)
        part.entry.derivative(z, h, slope, **part.arguments)
        return torch.stack([h, slope])

    torch.testing.assert_close(*both(values), rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", [entry.name for entry in ACTIVATIONS])
def test_a_slope_may_be_written_over_what_it_is_taken_of(both, name, dtype):
    part, z = ACTIVATIONS.parse(name), torch.linspace(-30, 30, 4096, dtype=dtype)
    h, beside = torch.empty_like(z), torch.empty_like(z)
    part.entry.apply(z, h, **part.arguments)

    def over():
        part.entry.derivative(z, h, beside, **part.arguments)
        own = z.clone()
        part.entry.derivative(own, h, own, **part.arguments)
        return torch.equal(own, beside)

    assert both(over) == (True, True)


@pytest.mark.parametrize("name", ["tanh", "sigmoid"])
def test_gradients_through_gates_are_the_public_ones(both, name):
    z, gradient = torch.linspace(-30, 30, 4096, dtype=torch.float64), torch.linspace(2, -1, 4096, dtype=torch.float64)
    h = getattr(torch, name)(z)

    def through():
        out = torch.empty_like(h)
        getattr(torch_private, f"{name}_backward")(gradient, h, out)
        return out

    torch.testing.assert_close(*both(through), rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_adams_steps_are_the_public_ones(both, name):
    rule = OPTIMIZERS.parse(name)

    def trained():
        numbers = torch.Generator().manual_seed(0)
        parameter, state = torch.randn(3, 40, dtype=torch.float64, generator=numbers), {}
        lr = torch.tensor([[0.001], [0.1], [1.0]], dtype=torch.float64)
        for step in range(20):
            gradient = torch.randn(3, 40, dtype=torch.float64, generator=numbers)
            rule.entry.update(parameter, gradient, state, step, lr, **rule.arguments)
        return parameter

    torch.testing.assert_close(*both(trained), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("optimizer", [entry.name for entry in OPTIMIZERS])
@pytest.mark.parametrize("name", [entry.name for entry in SCHEDULERS if not entry.needs_loss])
def test_schedules_on_an_optimizer_that_is_none_are_those_on_a_real_one(both, name, optimizer):
    def traced():
        return schedule_trace.trace(SCHEDULERS.parse(name), OPTIMIZERS.parse(optimizer), 0.02, 12, 5)

    for one, other in zip(*both(traced), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_plateau_on_an_optimizer_that_is_none_is_the_one_on_a_real_one(both):
    def rates():
        plateaus = schedule_trace.Plateaus([SCHEDULERS.parse("plateau(patience=1)")], [0.1])
        seen = []
        for loss in (3.0, 2.0, 2.0, 2.0, 2.0, 1.0, 1.0, 1.0, 1.0):
            plateaus.step(np.array([loss]))
            seen.append(plateaus.lr[0])
        return seen

    privately, publicly = both(rates)
    assert privately == publicly
    assert privately[-1] < 0.1
