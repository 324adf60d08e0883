"""Forward and backward through R networks of one shape.

Neither direction underflows. The backward signal is multiplied, per run and layer, by a power of two, which is exact;
the exponent is carried along and put back in float64. The forward signal is treated likewise where it becomes so small
that φ is a straight line on either side of 0.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch

from core.engine import padded
from core.engine.products import product
from core.engine.statistics import vector_norms
from core.parts.activations import Activation
from core.parts.norms import EPS, MOMENTUM, NORMS
from core.parts.residuals import LayerForm
from core.registry import Part

if TYPE_CHECKING:
    from torch import Tensor

CALM = 20  # signals within 2^±20 are left as they are
LINEAR_BELOW = {torch.float32: -40, torch.float64: -400}  # exponent of |z| below which φ is taken as straight


@dataclass(frozen=True)
class Network:
    """One shape: ``features`` inputs, hidden layers as ``forms`` says, and a trained readout where classes > 0.

    classes  outputs of the readout; 1: it answers with a number
    """

    features: int
    width: int
    classes: int
    activation: Part[Activation]
    forms: tuple[LayerForm, ...]

    @property
    def depth(self) -> int:
        """Hidden layers."""
        return len(self.forms)

    @property
    def fans(self) -> tuple[tuple[int, int], ...]:
        """(fan_out, fan_in) of every Linear layer, the readout last."""
        hidden = ((self.width, self.features),) + ((self.width, self.width),) * (self.depth - 1)
        return hidden + (((self.classes, self.width),) if self.classes else ())


@dataclass
class Parameters:
    """All parameters of a stack, by Linear layer; (R, fan_out, fan_in) for weights, (R, fan_out, 1) for the others."""

    weights: list[Tensor]
    biases: list[Tensor | None]
    gains: list[Tensor | None]
    shifts: list[Tensor | None]


@dataclass(frozen=True)
class Running:
    """Mean and variance, (R, H, 1) each, of every layer whose norm runs over the batch; None for the others."""

    layers: list[tuple[Tensor, Tensor] | None]

    @classmethod
    def start(cls, network: Network, parameters: Parameters) -> Running:
        """Mean 0 and variance 1, as torch.nn.BatchNorm1d starts."""
        layers: list[tuple[Tensor, Tensor] | None] = []
        for index, form in enumerate(network.forms):
            like = parameters.weights[index][:, : network.width, :1]
            layers.append((torch.zeros_like(like), torch.ones_like(like)) if NORMS[form.norm].over_batch else None)
        return cls(layers)


class Workspace:
    """Large scratch tensors that outlive a pass, so that their memory is not asked for again and again."""

    def __init__(self, dtype: torch.dtype, device: str) -> None:
        self.dtype, self.device = dtype, device
        self.latest: tuple[Hashable, Network, Trace] | None = None  # a forward pass that still stands in the tensors
        self._tensors: dict[str, Tensor] = {}

    def take(self, name: str, *shape: int) -> Tensor:
        """The scratch tensor ``name``, of this shape, its contents undefined."""
        tensor = self._tensors.get(name)
        if tensor is None or tensor.shape != shape:
            tensor = torch.empty(shape, dtype=self.dtype, device=self.device)
            self._tensors[name] = tensor
        return tensor


@dataclass
class Trace:
    """What the backward pass needs of the forward pass. Lists run over layers; outputs[0] is the input.

    outputs     h_l, (R, H, B), to be multiplied by 2^exponents[l]
    inputs      z, what φ was applied to; None where φ' follows from φ
    values      u = φ(z)
    exponents   per layer, (R,) whole numbers
    straight    per layer, the runs for which φ was taken as two straight lines
    normals     normalized z and inverse scale, where the layer has a norm
    measured    what has been measured of a layer's signals, by layer; shared with the passes that begin like this one
    """

    rows: int
    outputs: list[Tensor]
    inputs: list[Tensor | None] = field(default_factory=list)
    values: list[Tensor] = field(default_factory=list)
    exponents: list[np.ndarray] = field(default_factory=list)
    straight: list[list[int]] = field(default_factory=list)
    normals: list[tuple[Tensor, Tensor] | None] = field(default_factory=list)
    measured: dict[int, tuple[np.ndarray, ...]] = field(default_factory=dict)

    def upto(self, depth: int) -> Trace:
        """The forward pass of the first ``depth`` layers alone."""
        return Trace(
            self.rows,
            self.outputs[: depth + 1],
            self.inputs[:depth],
            self.values[:depth],
            self.exponents[: depth + 1],
            self.straight[:depth],
            self.normals[:depth],
            self.measured,
        )


@dataclass
class LayerGradient:
    """Gradients of one Linear layer, each to be multiplied by a power of two per run.

    layer            counted from 1
    weight           (R, fan_out, fan_in), times 2^weight_exponent; a scratch tensor, unless ``backward`` was told
                     otherwise: use it before the next layer
    bias, gain, shift  (R, fan_out, 1), times 2^exponent; None where the layer has none
    slope            φ'(z), (R, H, B); None for the readout; a scratch tensor
    """

    layer: int
    weight: Tensor
    bias: Tensor | None
    gain: Tensor | None
    shift: Tensor | None
    slope: Tensor | None
    exponent: np.ndarray
    weight_exponent: np.ndarray


def powers(exponents: np.ndarray, like: Tensor) -> Tensor:
    """2^exponents as (R, 1, 1) in the dtype of ``like``; exact, 0 below what the dtype can hold."""
    return torch.from_numpy(np.ldexp(1.0, exponents)).to(like).view(-1, 1, 1)


def _magnitude_exponents(signal: Tensor) -> np.ndarray:
    """Per run, e with ‖signal‖ in [2^(e-1), 2^e), so that no |entry| is above 2^e; 0 where it is zero or not finite."""
    norms = vector_norms(signal.flatten(1))
    exponents = np.frexp(norms)[1].astype(np.int64)
    return np.where(np.isfinite(norms), exponents, 0)  # frexp(0) is 0 too


def forward(
    network: Network,
    parameters: Parameters,
    inputs: Tensor,
    rows: int,
    workspace: Workspace,
    scaled: bool = True,
    running: Running | None = None,
    evaluating: bool = False,
) -> Trace:
    """One forward pass through the hidden layers.

    inputs      (R, D, B), padded; ``rows`` of B are real
    scaled      False: the plain pass, as PyTorch's, which may underflow
    running     statistics that norms over the batch keep up to date, and use instead of the batch's where ``evaluating``
    """
    workspace.latest = None
    runs, _, columns = inputs.shape
    width, phi = network.width, network.activation
    trace = Trace(rows, [inputs], exponents=[np.zeros(runs, np.int64)])
    size = (network.depth, runs, padded(width), columns)
    outputs = workspace.take("outputs", *size)
    kept = None if phi.entry.from_output else workspace.take("inputs", *size)
    skips = any(form.scale for form in network.forms)
    values = workspace.take("values", *size) if skips else outputs
    plain = all(form.norm == "none" and not form.before and not form.scale for form in network.forms)
    at_zero = phi.entry.at_zero(**phi.arguments)
    rescale = scaled and plain and at_zero is not None
    for index, form in enumerate(network.forms):
        h, u = trace.outputs[-1], values[index]
        z = u if kept is None else kept[index]
        product(parameters.weights[index], h, z)
        bias, exponents, straight = parameters.biases[index], trace.exponents[-1], list[int]()
        if rescale:
            exponents, straight = _add_rescaled(z, bias, exponents)
        elif bias is not None:
            z.add_(bias)
        kept_statistics = None if running is None else running.layers[index]
        trace.normals.append(_normalize(z, form, parameters, index, width, rows, kept_statistics, evaluating))
        if form.before:
            z.add_(trace.outputs[index + 1 - form.before])
        lines = None
        if straight:
            assert at_zero is not None
            signal = z[straight]
            lines = torch.where(signal > 0, at_zero[1] * signal, at_zero[0] * signal)
        phi.entry.apply(z, u, **phi.arguments)
        if lines is not None:
            u[straight] = lines
        _clear_padding(u, width, rows)
        if form.scale:
            torch.add(h, u, alpha=form.scale, out=outputs[index])
        elif skips:
            outputs[index].copy_(u)
        trace.outputs.append(outputs[index])
        trace.inputs.append(None if kept is None else z)
        trace.values.append(u)
        trace.exponents.append(exponents)
        trace.straight.append(straight)
    return trace


def _add_rescaled(z: Tensor, bias: Tensor | None, exponents: np.ndarray) -> tuple[np.ndarray, list[int]]:
    """z · 2^exponents + bias, in place, over a power of two where it is very small.

    Returns the new exponents, and the runs that are so small that φ is straight.
    """
    limit, floor = LINEAR_BELOW[z.dtype], np.full_like(exponents, -(2**40))
    if bias is not None:
        own = _magnitude_exponents(bias)
        floor = np.where(own != 0, own.clip(-126), floor)  # 2^126 is the largest factor that the dtype holds
        if (floor >= limit).all() and not exponents.any():
            z.add_(bias)
            return exponents, []
    own = _magnitude_exponents(z)
    size = np.maximum(exponents + own, floor)
    straight = (size < limit) & (own != 0)
    factors = exponents
    if straight.any():
        factors = np.where(straight, (exponents - size).clip(max=126), exponents)
        exponents = exponents - factors
    elif factors.any():
        exponents = np.zeros_like(exponents)
    if factors.any():
        z.mul_(powers(factors, z))
    if bias is not None:
        z.add_(bias * powers((-exponents).clip(max=126), bias) if exponents.any() else bias)
    return exponents, np.flatnonzero(straight).tolist()


def _clear_padding(tensor: Tensor, width: int, rows: int) -> None:
    if width < tensor.shape[1]:
        tensor[:, width:] = 0
    if rows < tensor.shape[2]:
        tensor[:, :, rows:] = 0


def _normalize(
    z: Tensor,
    form: LayerForm,
    parameters: Parameters,
    index: int,
    width: int,
    rows: int,
    running: tuple[Tensor, Tensor] | None,
    evaluating: bool,
) -> tuple[Tensor, Tensor] | None:
    norm = NORMS[form.norm]
    if norm.forward is None:
        return None
    gain, shift = parameters.gains[index], parameters.shifts[index]
    assert gain is not None
    real = z[:, :width, :rows]
    if running is not None and evaluating:
        mean, variance = running
        inverse = (variance + EPS).rsqrt_()
        normal = (real - mean).mul_(inverse)
    else:
        if running is not None:
            for kept, found in zip(running, (real.mean(2, keepdim=True), real.var(2, keepdim=True)), strict=True):
                kept.lerp_(found, MOMENTUM)
        normal, inverse = norm.forward(real)
    z.zero_()
    scaled = torch.mul(normal, gain[:, :width], out=z[:, :width, :rows])
    if shift is not None:
        scaled.add_(shift[:, :width])
    return normal, inverse


def backward(
    network: Network,
    parameters: Parameters,
    trace: Trace,
    gradient: Tensor,
    exponent: np.ndarray,
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
        own = weights[index] if weights else _scratch(index, parameters, workspace)
        yield _linear(index, parameters, trace, gradient, h, None, (None, None), exponent, own)
        gradient = passed
    pending: dict[int, Tensor] = {}
    for index in reversed(range(network.depth)):
        form = network.forms[index]
        if index + 1 in pending:
            gradient.add_(pending.pop(index + 1))
        if scaled:
            exponent = _calm(gradient, pending, exponent)
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
        own = weights[index] if weights else _scratch(index, parameters, workspace)
        yield _linear(index, parameters, trace, delta, h, slope, gain_and_shift, exponent, own)


def _calm(gradient: Tensor, pending: dict[int, Tensor], exponent: np.ndarray) -> np.ndarray:
    """Brings runs whose signal has left 2^±CALM back to about 1, in place; the new exponents."""
    own = _magnitude_exponents(gradient)
    if (abs(own) <= CALM).all():
        return exponent
    # a factor must fit the dtype: one step of at most 2^126, the rest in the layers to come
    shift = np.where(abs(own) > CALM, own.clip(-126, 126), 0)
    factors = powers(-shift, gradient)
    gradient.mul_(factors)
    for waiting in pending.values():
        waiting.mul_(factors)
    return exponent + shift


def _slope(network: Network, trace: Trace, index: int, workspace: Workspace) -> Tensor:
    """φ'(z) of one layer, (R, H, B)."""
    phi, z, u = network.activation, trace.inputs[index], trace.values[index]
    slope = workspace.take("slope", *u.shape)
    phi.entry.derivative(z, u, slope, **phi.arguments)
    straight = trace.straight[index]
    if straight:
        lines = phi.entry.at_zero(**phi.arguments)
        assert lines is not None
        slope[straight] = torch.where(u[straight] > 0, lines[1], lines[0]).to(slope)
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
    gain_gradient, shift_gradient = torch.zeros_like(gain), torch.zeros_like(gain)
    gain_gradient[:, :width] = (real * normal).sum(2, keepdim=True)  # ∂L/∂γ = Σ g ẑ
    shift_gradient[:, :width] = real.sum(2, keepdim=True)  # ∂L/∂β = Σ g
    before = torch.zeros_like(gradient)
    before[:, :width, : trace.rows] = norm.backward(real * gain[:, :width], normal, inverse)
    return before, (gain_gradient, shift_gradient if norm.has_shift else None)


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
    exponent: np.ndarray,
    weight: Tensor,
) -> LayerGradient:
    """The gradients of one layer; that of its weights is written to ``weight``."""
    product(delta, h.transpose(1, 2), weight)  # ∂L/∂W = δ h_{l-1}ᵀ
    bias = delta.sum(2, keepdim=True) if parameters.biases[index] is not None else None  # ∂L/∂b = Σ δ
    return LayerGradient(index + 1, weight, bias, *gain_and_shift, slope, exponent, exponent + trace.exponents[index])
