"""A stack of multilayer perceptrons that trains: its parameters in one matrix, its gradient by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from core.engine import draws, losses
from core.engine.data import Batch
from core.engine.layout import Layout
from core.engine.network import Network, Parameters, Running, Workspace, backward, forward
from core.engine.products import product
from core.parts.norms import NORMS

if TYPE_CHECKING:
    from torch import Tensor


class Multilayer:
    """R multilayer perceptrons.

    parameters, gradient  (R, P), laid out as ``layout`` says; the gradient is that of the latest batch
    """

    def __init__(self, network: Network, runs: tuple[tuple[str, int], ...], dtype: torch.dtype, device: str) -> None:
        self.network = network
        self._loss = losses.plain_cross_entropy if network.classes > 1 else losses.squared_error
        initial = draws.linears(network.fans, runs, dtype, device)
        self.layout = _layout(network)
        self.parameters = torch.zeros(len(runs), self.layout.size, dtype=dtype, device=device)
        self.gradient = torch.zeros_like(self.parameters)
        self._own = _by_layer(network, self.layout.views(self.parameters))
        self._gradients = _by_layer(network, self.layout.views(self.gradient))
        for index, (weight, bias) in enumerate(zip(initial.weights, initial.biases, strict=True)):
            self._own.weights[index].copy_(weight)
            held, gain = self._own.biases[index], self._own.gains[index]
            if bias is not None and held is not None:
                held.copy_(bias)
            if gain is not None:
                gain.fill_(1.0)
        self._running = Running.start(network, self._own)
        self._training, self._evaluating = Workspace(dtype, device), Workspace(dtype, device)
        self._exponents = np.zeros(len(runs), np.int64)

    def learn(self, batch: Batch) -> Tensor:
        """Each run's loss on the batch, (R,), in float64; its gradient stands in ``gradient`` then."""
        network, own, workspace = self.network, self._own, self._training
        trace = forward(network, own, batch.inputs, batch.rows, workspace, scaled=False, running=self._running)
        logits = self._logits(trace.outputs[-1])
        loss, start = self._loss(logits, batch.targets, network.classes, batch.rows)
        weights = self._gradients.weights
        for layer in backward(network, own, trace, start, self._exponents, workspace, scaled=False, weights=weights):
            index = layer.layer - 1
            for kept, found in (
                (self._gradients.biases[index], layer.bias),
                (self._gradients.gains[index], layer.gain),
                (self._gradients.shifts[index], layer.shift),
            ):
                if kept is not None and found is not None:
                    kept.copy_(found)
        return loss

    def evaluate(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Each run's loss and accuracy on the batch, (R,), in float64; norms use their running statistics.

        A number has no accuracy, so NaN stands for it.
        """
        network = self.network
        trace = forward(
            network,
            self._own,
            batch.inputs,
            batch.rows,
            self._evaluating,
            scaled=False,
            running=self._running,
            evaluating=True,
        )
        return losses.evaluated(self._logits(trace.outputs[-1]), batch.targets, network.classes, batch.rows)

    def _logits(self, signal: Tensor) -> Tensor:
        bias = self._own.biases[-1]
        assert bias is not None
        return product(self._own.weights[-1], signal).add_(bias)


def _layout(network: Network) -> Layout:
    """Weights, biases, gains and shifts in the order of the PyTorch module's parameters."""
    tensors = []
    for layer, (fan_out, fan_in) in enumerate(network.fans, start=1):
        output = layer == len(network.fans)
        tensors += [(f"weight {layer}", fan_out, fan_in, output), (f"bias {layer}", fan_out, 0, output)]
        norm = None if output else NORMS[network.forms[layer - 1].norm]
        if norm is not None and norm.forward is not None:
            tensors.append((f"gain {layer}", fan_out, 0, False))
            if norm.has_shift:
                tensors.append((f"shift {layer}", fan_out, 0, False))
    return Layout.of(tensors)


def _by_layer(network: Network, views: dict[str, Tensor]) -> Parameters:
    layers = range(1, len(network.fans) + 1)
    return Parameters(
        [views[f"weight {layer}"] for layer in layers],
        [views[f"bias {layer}"] for layer in layers],
        [views.get(f"gain {layer}") for layer in layers],
        [views.get(f"shift {layer}") for layer in layers],
    )
