"""Forward through R networks of one shape.

Where a signal becomes so small that φ is a straight line on either side of 0, it is multiplied, per run and layer, by a
power of two, which is exact; the exponent is carried along and put back in float64.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch

from core.engine import cards, padded
from core.engine.exponents import magnitude_exponents, powers
from core.engine.network import Mode, Network, Parameters, Trace, Workspace
from core.engine.products import product
from core.engine.statistics import vector_norms
from core.parts.norms import EPS, MOMENTUM, NORMS

if TYPE_CHECKING:
    from torch import Tensor

LINEAR_BELOW = {torch.float32: -40, torch.float64: -400}  # exponent of |z| below which φ is taken as straight


class _Signals(NamedTuple):
    """Room for the signals of all layers, (L, R, H, B) each: h_l, what φ is applied to, u = φ(z).

    inputs    None where φ' follows from φ
    values    ``outputs`` itself where no layer has a skip
    at_zero   the slopes of φ on either side of 0; None where signals are not rescaled
    """

    outputs: Tensor
    inputs: Tensor | None
    values: Tensor
    at_zero: tuple[float, float] | None

    @classmethod
    def take(cls, network: Network, inputs: Tensor, workspace: Workspace, scaled: bool) -> _Signals:
        """The workspace's tensors for one pass."""
        runs, _, columns = inputs.shape
        size = (network.depth, runs, padded(network.width), columns)
        phi, forms = network.activation, network.forms
        outputs = workspace.take("outputs", *size)
        z = None if phi.entry.from_output else workspace.take("inputs", *size)
        values = workspace.take("values", *size) if any(form.scale for form in forms) else outputs
        plain = all(form.norm == "none" and not form.before and not form.scale for form in forms)
        return cls(outputs, z, values, phi.entry.at_zero(**phi.arguments) if scaled and plain else None)


def forward(
    network: Network,
    parameters: Parameters,
    inputs: Tensor,
    rows: int,
    workspace: Workspace,
    mode: Mode = Mode(),  # noqa: B008  # a tuple does not change
) -> Trace:
    """One forward pass through the hidden layers; its signals stand in the workspace until the next.

    inputs  (R, D, B), padded; ``rows`` of B are real
    """
    workspace.latest = None
    none = torch.zeros(len(inputs), dtype=torch.int64, device=inputs.device)
    trace = Trace(rows, [inputs], exponents=[none], frozen=mode.evaluating)
    signals = _Signals.take(network, inputs, workspace, mode.scaled)
    for index in range(network.depth):
        _hidden_layer(index, network, parameters, trace, signals, mode)
    return trace


def _hidden_layer(
    index: int, network: Network, parameters: Parameters, trace: Trace, signals: _Signals, mode: Mode
) -> None:
    """Adds one layer to the trace: h_l = φ(norm(W h_{l-1} + b)), with what its form adds before and behind φ."""
    form, phi = network.forms[index], network.activation
    h, u = trace.outputs[-1], signals.values[index]
    z = u if signals.inputs is None else signals.inputs[index]
    product(parameters.weights[index], h, z)
    bias, exponents, straight = parameters.biases[index], trace.exponents[-1], None
    if signals.at_zero is not None:
        exponents, straight = _add_rescaled(z, bias, exponents)
    elif bias is not None:
        z.add_(bias)
    trace.normals.append(_normalize(z, index, network, parameters, trace.rows, mode))
    if form.before:
        z.add_(trace.outputs[index + 1 - form.before])
    lines = None
    if straight is not None:
        assert signals.at_zero is not None
        lines = _lines(z, signals.at_zero)
    phi.entry.apply(z, u, **phi.arguments)
    if straight is not None and lines is not None:
        torch.where(straight, lines, u, out=u)
    _clear_padding(u, network.width, trace.rows)
    if form.scale:
        torch.add(h, u, alpha=form.scale, out=signals.outputs[index])
    elif signals.values is not signals.outputs:
        signals.outputs[index].copy_(u)
    trace.outputs.append(signals.outputs[index])
    trace.inputs.append(None if signals.inputs is None else z)
    trace.values.append(u)
    trace.exponents.append(exponents)
    trace.straight.append(straight)


def _lines(signal: Tensor, slopes: tuple[float, float]) -> Tensor:
    """φ near 0: a straight line on either side."""
    return torch.where(signal > 0, slopes[1] * signal, slopes[0] * signal)


def _add_rescaled(z: Tensor, bias: Tensor | None, exponents: Tensor) -> tuple[Tensor, Tensor | None]:
    """z · 2^exponents + bias, in place, over a power of two where it is very small.

    Returns the new exponents, and which runs are so small that φ is straight, (R, 1, 1), or None for none.
    """
    limit, floor = LINEAR_BELOW[z.dtype], torch.full_like(exponents, -(2**40))
    by_card = cards.waits(z)
    if bias is not None:
        size = magnitude_exponents(vector_norms(bias.flatten(1)))
        floor = torch.where(size != 0, size.clamp(-126), floor)  # 2^126 is the largest factor that the dtype holds
        if not by_card and (floor >= limit).all() and not exponents.any():
            z.add_(bias)
            return exponents, None
    magnitude = magnitude_exponents(vector_norms(z.flatten(1)))
    size = torch.maximum(exponents + magnitude, floor)
    straight = (size < limit) & (magnitude != 0)
    factors = torch.where(straight, (exponents - size).clamp(max=126), exponents)
    exponents = exponents - factors
    if by_card or factors.any():
        z.mul_(powers(factors, z))
    if bias is not None:
        z.add_(bias * powers((-exponents).clamp(max=126), bias) if by_card or exponents.any() else bias)
    return exponents, straight.view(-1, 1, 1) if by_card or straight.any() else None


def _clear_padding(tensor: Tensor, width: int, rows: int) -> None:
    if width < tensor.shape[1]:
        tensor[:, width:] = 0
    if rows < tensor.shape[2]:
        tensor[:, :, rows:] = 0


def _normalize(
    z: Tensor, index: int, network: Network, parameters: Parameters, rows: int, mode: Mode
) -> tuple[Tensor, Tensor] | None:
    """Normalizes z in place; the normalized signal before gain and shift, and the inverse scale. None without a norm."""
    norm, width = NORMS[network.forms[index].norm], network.width
    if norm.forward is None:
        return None
    gain, shift = parameters.gains[index], parameters.shifts[index]
    assert gain is not None
    real = z[:, :width, :rows]
    running = None if mode.running is None else mode.running.layers[index]
    if running is not None and mode.evaluating:
        mean, variance = running
        inverse = (variance + EPS).rsqrt_()
        normal = (real - mean).mul_(inverse)
    else:
        normal, inverse, *moments = norm.forward(real)
        if running is not None:
            mean, variance = moments
            unbiased = (variance * rows).div_(rows - 1)  # NaN of one row, as its moments are nothing to go by
            for average, of_batch in zip(running, (mean, unbiased), strict=True):
                average.lerp_(of_batch, MOMENTUM)
    if real.shape != z.shape:
        z.zero_()
    scaled = torch.mul(normal, gain[:, :width], out=z[:, :width, :rows])
    if shift is not None:
        scaled.add_(shift[:, :width])
    return normal, inverse
