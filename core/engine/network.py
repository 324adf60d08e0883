"""R multilayer perceptrons of one shape: what they are made of, and what a pass through them keeps."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import torch

from core.parts.activations import Activation
from core.parts.norms import NORMS
from core.parts.residuals import LayerForm
from core.registry import Part

if TYPE_CHECKING:
    from torch import Tensor


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


class Mode(NamedTuple):
    """How a forward pass is made.

    scaled      signals that become very small are carried over a power of two; False: the plain pass, as PyTorch's
    running     statistics that norms over the batch keep up to date; None: they keep none
    evaluating  norms over the batch use those statistics instead of the batch's
    """

    scaled: bool = True
    running: Running | None = None
    evaluating: bool = False


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
    inputs      z, what φ was applied to, until ``slopes`` holds the layer; None where φ' follows from φ
    values      u = φ(z)
    exponents   per layer, (R,) whole numbers
    straight    per layer, for which runs φ was taken as two straight lines, (R, 1, 1); None where for none
    normals     normalized z and inverse scale, where the layer has a norm
    frozen      norms over the batch used fixed statistics, through which no gradient flows
    logits      what a readout makes of the last output, once it is asked for
    statistics  of a layer's signals, by layer, as they are measured; shared with the passes that begin like this one
    slopes      φ'(z) by layer, in the memory of z, once a backward pass has asked for it; shared likewise
    """

    rows: int
    outputs: list[Tensor]
    inputs: list[Tensor | None] = field(default_factory=list)
    values: list[Tensor] = field(default_factory=list)
    exponents: list[Tensor] = field(default_factory=list)
    straight: list[Tensor | None] = field(default_factory=list)
    normals: list[tuple[Tensor, Tensor] | None] = field(default_factory=list)
    logits: Tensor | None = None
    frozen: bool = False
    statistics: dict[int, tuple[Tensor, ...]] = field(default_factory=dict)
    slopes: dict[int, Tensor] = field(default_factory=dict)

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
            frozen=self.frozen,
            statistics=self.statistics,
            slopes=self.slopes,
        )
