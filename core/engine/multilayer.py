"""A stack of multilayer perceptrons: their loss, their gradient by hand, what is seen of every layer."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING

import torch

from core.engine import cards, draws, losses
from core.engine.backward import LayerGradient, backward
from core.engine.data import Batch
from core.engine.exponents import ldexp, powers
from core.engine.forward import forward
from core.engine.layout import Layout
from core.engine.losses import Evaluation, Loss, Start
from core.engine.network import Mode, Network, Parameters, Running, Trace, Workspace
from core.engine.products import product
from core.engine.statistics import signal_norms
from core.parts.norms import NORMS

if TYPE_CHECKING:
    from torch import Tensor

LayerObserver = Callable[["Perceptrons", Trace, LayerGradient], None]
PLAIN = Mode(scaled=False)
_WORKSPACES: dict[tuple[torch.dtype, str], Workspace] = {}


class Perceptrons:
    """R multilayer perceptrons and their gradient on a batch; the classes below say where the parameters lie.

    layers   the parameters by layer
    fans     fan_out and fan_in of every layer, (layers, 2), in float64
    observe  called with each layer's gradient, from the last layer to the first. Signals are then scaled, so that no
             gradient is lost; without it the pass is the plain one, which is faster

    A network without a readout has a loss of its last layer itself.
    """

    layers: Parameters
    observe: LayerObserver | None = None

    def __init__(self, network: Network, loss: Loss, workspace: Workspace) -> None:
        self.network, self._loss, self._workspace = network, loss, workspace
        self.fans = torch.tensor(network.fans, dtype=torch.float64, device=workspace.device)

    def learn(self, batch: Batch) -> Tensor:
        """Each run's loss on the batch, (R,), in float64; its gradient stands in ``gradient`` then."""
        scaled = self.observe is not None
        trace = self._forward(batch)
        loss, start, exponent = self._start(trace, batch)
        space, weights = self._workspace, self._weight_gradients()
        for layer in backward(self.network, self.layers, trace, start, exponent, space, scaled, weights):
            if self.observe is not None:
                self.observe(self, trace, layer)
            self._keep(layer)
        return loss

    def logits(self, trace: Trace) -> Tensor:
        """W h + b of the trained readout, (R, C, B)."""
        if trace.logits is None:
            signal, exponent = trace.outputs[-1], trace.exponents[-1]
            logits = product(self.layers.weights[-1], signal)
            if cards.waits(exponent) or exponent.any():
                logits.mul_(powers(exponent, logits))
            bias = self.layers.biases[-1]
            trace.logits = logits if bias is None else logits.add_(bias)
        return trace.logits

    def weight_rms(self) -> Tensor:
        """Root mean square of each run's weights by layer, (layers, R), in float64."""
        norms = signal_norms(*self.layers.weights)
        return norms / self.fans.prod(1, keepdim=True).sqrt()

    def all_zero(self, batch: Batch) -> Tensor:
        """(R, layers): whether a plain pass, as PyTorch makes it, gives nothing but zeros for a layer's weights."""
        network, space = self.network, Workspace(self._workspace.dtype, self._workspace.device)
        trace = forward(network, self.layers, batch.inputs, batch.rows, space, PLAIN)
        _, gradient, exponent = self._start(trace, batch)
        gradient, exponent = gradient * powers(exponent, gradient), torch.zeros_like(exponent)
        zeros = torch.zeros(len(gradient), len(network.fans), dtype=torch.bool, device=gradient.device)
        for layer in backward(network, self.layers, trace, gradient, exponent, space, scaled=False):
            zeros[:, layer.layer - 1] = layer.weight.flatten(1).abs().amax(1) == 0
        return zeros

    def _start(self, trace: Trace, batch: Batch) -> Start:
        """Each run's loss (R,), in float64, and the gradient that starts the backward pass."""
        if self.network.classes:
            return self._loss(self.logits(trace), batch.targets, self.network.classes, batch.rows)
        signal, exponent = trace.outputs[-1], trace.exponents[-1]
        loss, gradient, exponents = self._loss(signal, batch.targets, self.network.width, batch.rows)
        return ldexp(loss, exponent), gradient, exponents

    def _forward(self, batch: Batch) -> Trace:
        raise NotImplementedError

    def _weight_gradients(self) -> list[Tensor] | None:
        """Where the gradients of the weights are written, by layer; None for scratch tensors."""
        return None

    def _keep(self, layer: LayerGradient) -> None:
        """Puts a layer's gradient in its place."""


class Multilayer(Perceptrons):
    """Perceptrons that learn.

    parameters, gradient  (R, P), laid out as ``layout`` says; the gradient is that of the latest batch, in the dtype
    learning, evaluating  how passes are made
    evaluation            what is taken of the logits then
    """

    def __init__(
        self,
        network: Network,
        runs: tuple[tuple[str, int], ...],
        loss: Loss,
        dtype: torch.dtype,
        device: str,
        evaluation: Evaluation = losses.evaluated,
    ) -> None:
        super().__init__(network, loss, Workspace(dtype, device))
        self.evaluation = evaluation
        initial = draws.linears(network.fans, runs, dtype, device)
        self.layout = _layout(network)
        self.parameters = torch.zeros(len(runs), self.layout.size, dtype=dtype, device=device)
        self.gradient = torch.zeros_like(self.parameters)
        self.layers = _by_layer(network, self.layout.views(self.parameters))
        self._gradients = _by_layer(network, self.layout.views(self.gradient))
        for index, (weight, bias) in enumerate(zip(initial.weights, initial.biases, strict=True)):
            self.layers.weights[index].copy_(weight)
            bias_view, gain = self.layers.biases[index], self.layers.gains[index]
            if bias is not None and bias_view is not None:
                bias_view.copy_(bias)
            if gain is not None:
                gain.fill_(1.0)
        self.learning = Mode(running=Running.start(network, self.layers))
        self.evaluating = self.learning._replace(scaled=False, evaluating=True)
        self._evaluation = Workspace(dtype, device)
        self._exponents: dict[int, tuple[Tensor, Tensor]] = {}  # of the layers' gradients, while a pass is made

    def learn(self, batch: Batch) -> Tensor:
        """Each run's loss on the batch, (R,), in float64; its gradient stands in ``gradient`` then."""
        loss = super().learn(batch)
        if self._exponents:  # the plain pass needs no power of two
            self._multiply_by_powers()
        return loss

    def evaluate(self, batch: Batch) -> tuple[Tensor, ...]:
        """Each run's loss, accuracy and balanced accuracy on the batch, (R,), in float64; norms use their running statistics.

        A number has no accuracy, so NaN stands for it.
        """
        trace = forward(self.network, self.layers, batch.inputs, batch.rows, self._evaluation, self.evaluating)
        return self.evaluation(self.logits(trace), batch.targets, self.network.classes, batch.rows)

    def _forward(self, batch: Batch) -> Trace:
        mode = self.learning if self.observe is not None else self.learning._replace(scaled=False)
        return forward(self.network, self.layers, batch.inputs, batch.rows, self._workspace, mode)

    def _weight_gradients(self) -> list[Tensor]:
        return self._gradients.weights

    def _keep(self, layer: LayerGradient) -> None:
        index, gradients = layer.layer - 1, self._gradients
        vectors = gradients.biases[index], gradients.gains[index], gradients.shifts[index]
        for vector, gradient in zip(vectors, (layer.bias, layer.gain, layer.shift), strict=True):
            if vector is not None and gradient is not None:
                vector.copy_(gradient)
        if self.observe is not None:
            self._exponents[index] = layer.weight_exponent, layer.exponent

    def _multiply_by_powers(self) -> None:
        """Brings every layer's gradient to its own size; one call makes the factors of all layers."""
        gradients = self._gradients
        exponents = torch.stack([exponent for both in self._exponents.values() for exponent in both])
        if not cards.waits(exponents) and not exponents.any():  # as mostly
            self._exponents.clear()
            return
        factors = powers(exponents.flatten(), self.gradient).view(len(self._exponents), 2, -1, 1, 1)
        for index, (of_weight, of_vectors) in zip(self._exponents, factors, strict=True):
            gradients.weights[index].mul_(of_weight)
            for vector in (gradients.biases[index], gradients.gains[index], gradients.shifts[index]):
                if vector is not None:
                    vector.mul_(of_vectors)
        self._exponents.clear()


class InitialPerceptrons(Perceptrons):
    """Perceptrons as drawn, which never learn: nothing is copied, and no gradient is kept.

    batch_name  what the one batch is; a network that is the beginning of a deeper one, on the same batch, shares its
                forward pass, which may still stand in this process's memory
    """

    def __init__(
        self,
        network: Network,
        runs: tuple[tuple[str, int], ...],
        loss: Loss,
        dtype: torch.dtype,
        device: str,
        batch_name: Hashable,
    ) -> None:
        super().__init__(network, loss, process_workspace(dtype, device))
        initial = draws.linears(network.fans, runs, dtype, device)
        self._weight_rms = initial.weight_rms
        gains: list[Tensor | None] = [None] * len(initial.weights)
        shifts: list[Tensor | None] = [None] * len(initial.weights)
        for index, form in enumerate(network.forms):
            norm, column = NORMS[form.norm], initial.weights[index][:, :, :1]
            if norm.forward is not None:
                gains[index] = torch.ones_like(column)
                shifts[index] = torch.zeros_like(column) if norm.has_shift else None
        self.layers = Parameters(list(initial.weights), list(initial.biases), gains, shifts)
        self._key = network.features, network.width, str(network.activation), batch_name, runs

    def weight_rms(self) -> Tensor:
        """Root mean square of each run's weights by layer, (layers, R), as it was found when they were drawn."""
        return torch.stack(self._weight_rms)

    def _forward(self, batch: Batch) -> Trace:
        network, space = self.network, self._workspace
        if space.latest is not None:
            key, deeper, trace = space.latest
            if key == self._key and deeper.forms[: network.depth] == network.forms:
                return trace.upto(network.depth)
        trace = forward(network, self.layers, batch.inputs, batch.rows, space)
        space.latest = self._key, network, trace
        return trace


def process_workspace(dtype: torch.dtype, device: str) -> Workspace:
    """This process's scratch memory; a process computes one stack at a time."""
    return _WORKSPACES.setdefault((dtype, device), Workspace(dtype, device))


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
