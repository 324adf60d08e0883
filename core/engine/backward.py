"""Backward through R networks of one shape, layer by layer.

The signal does not underflow: it is multiplied, per run and layer, by a power of two, which is exact; the exponent is
carried along, to be put back in float64.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from core.engine.exponents import magnitude_exponents, powers
from core.engine.network import Network, Parameters, Trace, Workspace
from core.engine.products import product
from core.engine.statistics import all_between, vector_norms
from core.parts.norms import NORMS
from core.parts.residuals import LayerForm

if TYPE_CHECKING:
    from torch import Tensor

MAX_LOG2_SCALE = 20  # a run's signal is rescaled beyond 2^±20


@dataclass
class LayerGradient:
    """Gradients of one Linear layer, each to be multiplied by a power of two per run.

    layer            counted from 1
    weight           (R, fan_out, fan_in), times 2^weight_exponent; a scratch tensor, unless ``backward`` was given
                     ``weights``: use it before the next layer
    bias, gain, shift  (R, fan_out, 1), times 2^exponent; None where the layer has none
    slope            φ'(z), (R, H, B), not to be changed: a scratch tensor, or the trace's; None for the readout
    delta            δ = ∂L/∂z of z = W h + b, (R, fan_out, B), times 2^exponent; a scratch tensor
    """

    layer: int
    weight: Tensor
    bias: Tensor | None
    gain: Tensor | None
    shift: Tensor | None
    slope: Tensor | None
    delta: Tensor
    exponent: Tensor
    weight_exponent: Tensor


def backward(
    network: Network,
    parameters: Parameters,
    trace: Trace,
    gradient: Tensor,
    exponent: Tensor,
    workspace: Workspace,
    scaled: bool = True,
    weights: Sequence[Tensor] | None = None,
) -> Iterator[LayerGradient]:
    """The gradients of every Linear layer, from the last to the first.

    gradient  ∂L/∂logits (R, C, B) where there is a readout, else ∂L/∂h of the last layer (R, H, B), over 2^exponent
    scaled    False: the plain pass, as PyTorch's, which may underflow
    weights   where the gradients of the weights are written, by layer; scratch tensors unless it is given

    Parameters of a layer may be changed once it has been yielded.
    """
    if network.classes:
        index = network.depth
        weight, h = parameters.weights[index], trace.outputs[index]
        passed = product(weight.transpose(1, 2), gradient)  # ∂L/∂h = Wᵀ ∂L/∂logits
        of_weight = weights[index] if weights else _scratch(index, parameters, workspace)
        yield _linear(index, parameters, trace, gradient, h, None, (None, None), exponent, of_weight)
        gradient = passed
    pending: dict[int, Tensor] = {}
    for index in reversed(range(network.depth)):
        form = network.forms[index]
        if index + 1 in pending:
            gradient.add_(pending.pop(index + 1))
        if scaled:
            exponent = _rescale_backward(gradient, pending, exponent)
        slope = _slope(network, trace, index, workspace)
        if form.scale:
            local = torch.mul(gradient, slope).mul_(form.scale)  # ∂L/∂z = s · ∂L/∂h ⊙ φ'(z)
        else:
            local = gradient.mul_(slope)  # ∂L/∂z = ∂L/∂h ⊙ φ'(z)
        earlier = index + 1 - form.before
        if form.before and earlier:  # the gradient of the inputs themselves is not needed
            pending[earlier] = pending[earlier].add_(local) if earlier in pending else local.clone()
        delta, gain_and_shift = _norm_backward(local, form, parameters, trace, index, network.width)
        if index:
            passed = workspace.take(f"passed {index % 2}", *trace.outputs[index].shape)
            product(parameters.weights[index].transpose(1, 2), delta, passed)  # ∂L/∂h_{l-1} = Wᵀ δ
            if form.scale:
                passed.add_(gradient)
            gradient = passed
        h = trace.outputs[index]
        of_weight = weights[index] if weights else _scratch(index, parameters, workspace)
        yield _linear(index, parameters, trace, delta, h, slope, gain_and_shift, exponent, of_weight)


def _rescale_backward(gradient: Tensor, pending: dict[int, Tensor], exponent: Tensor) -> Tensor:
    """Brings runs whose signal has left 2^±MAX_LOG2_SCALE back to about 1, in place; the new exponents."""
    norms = vector_norms(gradient.flatten(1))
    if all_between(norms, 2.0**-MAX_LOG2_SCALE, 2.0**MAX_LOG2_SCALE):
        return exponent
    magnitude = magnitude_exponents(norms)
    # a factor must fit the dtype: one step of at most 2^126, the rest in the layers to come
    shift = torch.where(magnitude.abs() > MAX_LOG2_SCALE, magnitude.clamp(-126, 126), 0)
    factors = powers(-shift, gradient)
    gradient.mul_(factors)
    for waiting in pending.values():
        waiting.mul_(factors)
    return exponent + shift


def _slope(network: Network, trace: Trace, index: int, workspace: Workspace) -> Tensor:
    """φ'(z) of one layer, (R, H, B), not to be changed."""
    if index in trace.slopes:
        return trace.slopes[index]
    phi, z, u = network.activation, trace.inputs[index], trace.values[index]
    slope = workspace.take("slope", *u.shape) if z is None else z  # z is needed for nothing else
    phi.entry.derivative(z, u, slope, **phi.arguments)
    straight = trace.straight[index]
    if straight is not None:
        lines = phi.entry.at_zero(**phi.arguments)
        assert lines is not None
        of_lines = torch.where(u > 0, slope.new_full((), lines[1]), slope.new_full((), lines[0]))
        torch.where(straight, of_lines, slope, out=slope)
    if z is not None:
        trace.slopes[index] = slope
    return slope


def _norm_backward(
    gradient: Tensor, form: LayerForm, parameters: Parameters, trace: Trace, index: int, width: int
) -> tuple[Tensor, tuple[Tensor | None, Tensor | None]]:
    """∂L/∂z before the norm, and the gradients of its gain and shift."""
    norm, saved = NORMS[form.norm], trace.normals[index]
    if norm.backward is None or saved is None:
        return gradient, (None, None)
    gain = parameters.gains[index]
    assert gain is not None
    normal, inverse = saved
    real = gradient[:, :width, : trace.rows]
    of_gain = _with_padding((real * normal).sum(2, keepdim=True), gain)  # ∂L/∂γ = Σ g ẑ
    of_shift = _with_padding(real.sum(2, keepdim=True), gain) if norm.has_shift else None  # ∂L/∂β = Σ g
    scaled = real * gain[:, :width]
    if trace.frozen and norm.over_batch:
        before = scaled.mul_(inverse)  # ∂L/∂z = γ g / σ
    else:
        before = norm.backward(scaled, normal, inverse)
    return _with_padding(before, gradient), (of_gain, of_shift)


def _with_padding(real: Tensor, like: Tensor) -> Tensor:
    """The tensor (R, ...) with zeros behind its units and rows, of the shape of ``like``."""
    if real.shape == like.shape:
        return real
    padded = torch.zeros_like(like)
    padded[:, : real.shape[1], : real.shape[2]] = real
    return padded


def _scratch(index: int, parameters: Parameters, workspace: Workspace) -> Tensor:
    """Room for the gradient of a layer's weights, the same for all layers of a shape."""
    weight = parameters.weights[index]
    return workspace.take(f"weight {tuple(weight.shape)}", *weight.shape)


def _linear(
    index: int,
    parameters: Parameters,
    trace: Trace,
    delta: Tensor,
    h: Tensor,
    slope: Tensor | None,
    gain_and_shift: tuple[Tensor | None, Tensor | None],
    exponent: Tensor,
    weight: Tensor,
) -> LayerGradient:
    """The gradients of one layer; that of its weights is written to ``weight``."""
    product(delta, h.transpose(1, 2), weight)  # ∂L/∂W = δ h_{l-1}ᵀ
    bias = delta.sum(2, keepdim=True) if parameters.biases[index] is not None else None  # ∂L/∂b = Σ δ
    return LayerGradient(
        index + 1, weight, bias, *gain_and_shift, slope, delta, exponent, exponent + trace.exponents[index]
    )
