"""Losses where the answer is all but certain, and slopes where the signal is all but gone."""

import math

import pytest
import torch

from core.engine import losses
from core.engine.backward import backward
from core.engine.exponents import ldexp
from core.engine.forward import forward
from core.engine.network import Network, Parameters, Workspace
from core.parts.activations import ACTIVATIONS
from core.parts.residuals import RESIDUALS


@pytest.mark.parametrize("rows", [1, 64])
@pytest.mark.parametrize("gap", [30.0, 600.0, 715.0, 740.0])
def test_the_gradient_of_a_certain_answer_is_small_and_not_lost(gap, rows):
    logits = torch.zeros(1, 16, 64, dtype=torch.float64)
    logits[:, 1] = gap
    labels = torch.ones(1, rows, dtype=torch.int64)
    _, gradient, exponent = losses.cross_entropy(logits, labels, 2, rows)
    assert gradient.isfinite().all()
    expected = math.exp(-gap) / rows
    found = ldexp(gradient * rows, exponent)[0, :2, 0] / rows
    torch.testing.assert_close(found, torch.tensor([expected, -expected], dtype=torch.float64), rtol=1e-2, atol=5e-324)


def test_a_straight_line_has_its_slope_in_the_dtype():
    part = ACTIVATIONS.parse("leaky_relu(negative_slope=0.3)")
    network = Network(16, 16, 0, part, tuple(RESIDUALS["none"].layers(1, "none", True)))
    weight = torch.full((1, 16, 16), -(2.0**-500), dtype=torch.float64)
    parameters = Parameters([weight], [None], [None], [None])
    space = Workspace(torch.float64, "cpu")
    trace = forward(network, parameters, torch.ones(1, 16, 16, dtype=torch.float64), 16, space)
    start = torch.ones(1, 16, 16, dtype=torch.float64)
    (layer,) = backward(network, parameters, trace, start, torch.zeros(1, dtype=torch.int64), space)
    assert torch.equal(layer.slope, torch.full_like(start, 0.3))
