"""Inits and norms against torch.nn."""

import math

import pytest
import torch
from torch import nn

from core.engine.draws import generator
from core.parts.inits import INITS
from core.parts.norms import NORMS
from tests.core.plain_network import NORMS as MODULES
from tests.core.plain_network import initial_weight

ALL_INITS = [entry.name for entry in INITS]
ALL_INITS += ["orthogonal(gain=2)", "normal(std=3)", "mean_field(sigma_w=1.5, sigma_b=0.3)"]
FANS = [(300, 200), (200, 300), (256, 256)]


def drawn(text, fan_out, fan_in, seed=0):
    """(weight, bias or None) of an init."""
    part, own = INITS.parse(text), torch.Generator().manual_seed(seed)
    weight = part.entry.weight(own, fan_out, fan_in, **part.arguments)
    bias = part.entry.bias(own, fan_out, fan_in, **part.arguments) if part.entry.bias else None
    return weight, bias


@pytest.mark.parametrize(("fan_out", "fan_in"), [*FANS, (1, 1), (1, 5), (5, 1)])
@pytest.mark.parametrize("text", ALL_INITS)
def test_weights_and_biases_have_their_shapes_in_float32(text, fan_out, fan_in):
    weight, bias = drawn(text, fan_out, fan_in)
    assert weight.shape == (fan_out, fan_in)
    assert weight.dtype == torch.float32
    assert weight.is_contiguous()
    assert bias is None or (bias.shape == (fan_out,) and bias.dtype == torch.float32)


@pytest.mark.parametrize(("fan_out", "fan_in"), FANS)
@pytest.mark.parametrize("text", ALL_INITS)
def test_weights_and_biases_have_the_variance_that_theory_is_told(text, fan_out, fan_in):
    part = INITS.parse(text)
    weight_variance, bias_variance = part.entry.variance(fan_out, fan_in, **part.arguments)
    weights, biases = zip(*(drawn(text, fan_out, fan_in, seed) for seed in range(20)), strict=True)
    # 1.2 million weights and 4,000 biases: five standard errors of a normal's variance
    assert torch.stack(weights).double().pow(2).mean().item() == pytest.approx(weight_variance, rel=0.01)
    assert abs(torch.stack(weights).double().mean().item()) <= 0.01 * math.sqrt(weight_variance)
    if biases[0] is None:
        assert bias_variance == 0
    else:
        assert torch.stack(biases).double().pow(2).mean().item() == pytest.approx(bias_variance, rel=0.12)


@pytest.mark.parametrize("text", ALL_INITS)
def test_one_seed_gives_one_tensor_and_another_seed_another(text):
    (first, _), (again, _), (other, _) = (drawn(text, 20, 30, seed) for seed in (3, 3, 4))
    assert torch.equal(first, again)
    assert torch.equal(first, other) == (text == "zeros")


@pytest.mark.parametrize("text", ALL_INITS)
@pytest.mark.parametrize(("fan_out", "fan_in"), [(20, 30), (30, 20), (16, 16)])
def test_weights_are_those_of_torch_nn_init(text, fan_out, fan_in):
    part = INITS.parse(text)
    plain = initial_weight(text, 5, 2, fan_out, fan_in)
    ours = part.entry.weight(generator(5, "weight", 2), fan_out, fan_in, **part.arguments)
    torch.testing.assert_close(ours, plain, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("fan_in", [3, 64])
def test_torch_default_is_what_a_linear_layer_does(fan_in):
    weight, bias = drawn("torch_default", 5000, fan_in)
    linear = nn.Linear(fan_in, 5000)
    bound = 1 / math.sqrt(fan_in)
    for ours, plain in ((weight, linear.weight), (bias, linear.bias)):
        assert ours.abs().max().item() <= bound * (1 + 1e-6)
        assert ours.abs().max().item() == pytest.approx(bound, rel=0.01)
        assert plain.abs().max().item() == pytest.approx(bound, rel=0.01)
        assert ours.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.05)


@pytest.mark.parametrize(("fan_out", "fan_in"), [(20, 30), (30, 20), (16, 16)])
def test_orthogonal_matrices_are(fan_out, fan_in):
    weight, _ = drawn("orthogonal(gain=3)", fan_out, fan_in)
    weight = weight if fan_out <= fan_in else weight.T
    torch.testing.assert_close(weight @ weight.T, 9 * torch.eye(len(weight)), rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", [entry.name for entry in NORMS if entry.forward is not None])
def test_norms_agree_with_torch_nn_forward_and_backward(name):
    norm, generator = NORMS[name], torch.Generator().manual_seed(0)
    z = 3 * torch.randn(2, 5, 9, dtype=torch.float64, generator=generator) + 1
    gain, shift = (torch.randn(5, dtype=torch.float64, generator=generator) for _ in range(2))
    passed = torch.randn(2, 5, 9, dtype=torch.float64, generator=generator)
    normal, inverse, *_ = norm.forward(z)
    ours = normal * gain[:, None] + (shift[:, None] if norm.has_shift else 0.0)
    back = norm.backward(passed * gain[:, None], normal, inverse)
    for run in range(2):
        module = MODULES[name](5).double()
        with torch.no_grad():
            module.weight.copy_(gain)
            if norm.has_shift:
                module.bias.copy_(shift)
        plain = z[run].T.clone().requires_grad_()
        out = module(plain)
        out.backward(passed[run].T)
        torch.testing.assert_close(ours[run].T, out)
        torch.testing.assert_close(back[run].T, plain.grad)
    assert norm.has_shift == (getattr(MODULES[name](5), "bias", None) is not None)


@pytest.mark.parametrize("name", [entry.name for entry in NORMS if entry.forward is not None])
def test_over_batch_is_told_of_those_whose_rows_depend_on_each_other(name):
    norm = NORMS[name]
    z = torch.randn(1, 5, 9, generator=torch.Generator().manual_seed(0))
    moved = z.clone()
    moved[:, :, 0] += 1
    assert norm.over_batch != torch.equal(norm.forward(z)[0][:, :, 1:], norm.forward(moved)[0][:, :, 1:])
