"""Gradient flow of a stack of networks: every layer measured, at initialization and while it trains."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from core.engine import draws, losses, padded
from core.engine.batches import batches
from core.engine.data import Batch, data_of
from core.engine.measures import LAYERS
from core.engine.network import LayerGradient, Network, Parameters, Running, Trace, Workspace, backward, forward, powers
from core.engine.products import product
from core.engine.statistics import gradient_sizes, root_mean_square, unit_shares, vector_norms
from core.parts.datasets import Dataset
from core.parts.norms import NORMS
from core.parts.optimizers import Optimizer
from core.registry import Part

DTYPES = {"float32": torch.float32, "float64": torch.float64}
SAFE_EXPONENT = {torch.float32: -120, torch.float64: -1000}  # a plain pass at this size can't come out all zero

Start = tuple[Tensor, Tensor, np.ndarray]  # loss, and the gradient that starts the backward pass with its exponents
Head = Callable[[Tensor, int], Start]  # (last signal, its real size) -> where the backward pass starts


@dataclass(frozen=True)
class Stack:
    """R runs of one shape; (init, learning rate, seed) for each of ``runs``, the rest shared.

    The learning rate and ``optimizer`` are None where ``steps`` is 0.
    """

    network: Network
    dataset: Part[Dataset]
    batch_size: int
    loss: str
    steps: int
    optimizer: Part[Optimizer] | None
    dtype: str
    runs: tuple[tuple[str, float | None, int], ...]


def gradient_flow(stack: Stack, device: str = "cpu") -> dict[str, np.ndarray]:
    """Every measure of ``measures.LAYERS``, (R, steps + 1, layers) in float64; NaN where a measure does not apply.

    Row s is measured before update s. Once a run's loss is not finite while it trains, all its rows are NaN from
    there on. ``underflow`` is 0 or 1.
    """
    networks = _Networks(stack, device)
    shape = (len(stack.runs), stack.steps + 1, len(stack.network.fans))
    measured = {name: np.full(shape, math.nan) for name in LAYERS}
    seeds = [seed for _, _, seed in stack.runs]
    seen = batches(stack.dataset, stack.batch_size, stack.network.features, seeds, stack.steps + 1)
    for step, (inputs, labels) in enumerate(seen):
        rows = {name: values[:, step] for name, values in measured.items()}
        networks.measure(inputs, labels, rows, update=step if step < stack.steps else None)
    if stack.steps:
        alive = np.logical_and.accumulate(np.isfinite(measured["train_loss"][:, :, :1]), axis=1)
        measured = {name: np.where(alive, values, math.nan) for name, values in measured.items()}
    return measured


def training_flow(stack: Stack, max_norms: np.ndarray, device: str = "cpu") -> dict[str, np.ndarray]:
    """The same while a table is learned, with ``val_loss`` and ``val_accuracy``, (R, steps, layers): a row per update.

    max_norms  (R,), to which each run's whole gradient is clipped before its update; infinite where it is not

    Validation stands in the last row of each epoch, where norms over the batch use their running statistics; elsewhere
    and for a target without classes it is NaN.
    """
    seeds = [seed for _, _, seed in stack.runs]
    networks = _Networks(stack, device, max_norms)
    table = data_of(stack.dataset, seeds, stack.batch_size, networks.dtype, device)
    shape = (len(stack.runs), stack.steps, len(stack.network.fans))
    measured = {name: np.full(shape, math.nan) for name in (*LAYERS, "val_loss", "val_accuracy")}
    seen = batches(stack.dataset, stack.batch_size, stack.network.features, seeds, stack.steps)
    for step, (inputs, labels) in enumerate(seen):
        rows = {name: values[:, step] for name, values in measured.items()}
        networks.measure(inputs, labels, rows, update=step)
        if (step + 1) % table.steps_per_epoch == 0:
            for name, values in zip(("val_loss", "val_accuracy"), networks.validated(table.validation), strict=True):
                rows[name][:] = values.cpu().numpy()[:, None]
    alive = np.isfinite(measured["train_loss"][:, :, :1]) & np.isfinite(measured["update_ratio"]).all(2, keepdims=True)
    alive = np.logical_and.accumulate(alive, axis=1)
    return {name: np.where(alive, values, math.nan) for name, values in measured.items()}


class _Networks:
    """R networks with their parameters, optimizer states and scratch memory.

    max_norms  (R,), where they are trained with validation; norms over the batch then keep running statistics
    """

    def __init__(self, stack: Stack, device: str, max_norms: np.ndarray | None = None) -> None:
        self.stack, self.network, self.device = stack, stack.network, device
        self.dtype = DTYPES[stack.dtype]
        drawn = tuple((init, seed) for init, _, seed in stack.runs)
        initial = draws.linears(stack.network.fans, drawn, self.dtype, device)
        self.parameters = _parameters(stack.network, initial, trained=stack.steps > 0)
        self.weight_rms: tuple[np.ndarray, ...] | None = initial.sizes  # until the first update
        self.workspace = _workspace(self.dtype, device)
        self.readout = self._fixed_readout()
        self.states: dict[tuple[int, str], dict[str, Tensor]] = {}
        rates = [lr or 0.0 for _, lr, _ in stack.runs]
        self.lr = torch.tensor(rates, dtype=self.dtype, device=device).view(-1, 1, 1)
        self.max_norms = max_norms
        self.running = None if max_norms is None else Running.start(stack.network, self.parameters)

    def measure(self, inputs: Tensor, labels: Tensor, rows: dict[str, np.ndarray], update: int | None) -> None:
        """Fills ``rows``, (R, layers) each, from one forward and backward pass; then makes update number ``update``."""
        network, parameters = self.network, self.parameters
        inputs, head = inputs.to(self.device, self.dtype), self._head(labels.to(self.device))
        trace = self._trace(inputs)
        loss, gradient, exponent = self._loss(trace, head)
        rows["train_loss"][:] = loss.cpu().numpy()[:, None]
        bound = network.activation.entry.slope_bound(**network.activation.arguments)
        smallest = exponent.copy()
        waiting: list[LayerGradient] = []
        for layer in backward(network, parameters, trace, gradient, exponent, self.workspace):
            index = layer.layer - 1
            fan_out, fan_in = network.fans[index]
            sizes = gradient_sizes(layer.weight, fan_out * fan_in, layer.weight_exponent)
            rows["grad_mean_abs"][:, index], rows["grad_rms"][:, index], rows["grad_norm"][:, index] = sizes
            smallest = np.minimum(np.minimum(smallest, layer.exponent), _exponent(sizes[1]))
            rows["weight_rms"][:, index] = (
                root_mean_square(parameters.weights[index], fan_out * fan_in)
                if self.weight_rms is None
                else self.weight_rms[index]
            )
            names = ("activation_rms", "saturated", "dead") if layer.slope is not None else ("activation_rms",)
            for name, values in zip(names, self._of_signals(trace, layer, bound), strict=True):
                rows[name][:, index] = values
            if update is not None:
                waiting.append(replace(layer, weight=layer.weight.clone(), slope=None))
        rows["underflow"][:] = 0.0
        doubtful = np.flatnonzero(smallest < SAFE_EXPONENT[self.dtype])
        if len(doubtful):
            rows["underflow"][doubtful] = self._all_zero(inputs, head)[doubtful]
        factor = self._clip_factor(waiting)
        for layer in waiting:
            assert update is not None
            rows["update_ratio"][:, layer.layer - 1] = self._update(layer, update, factor)
        if update is not None:
            self.weight_rms = None

    def _trace(self, inputs: Tensor) -> Trace:
        """The forward pass. A network as drawn is the beginning of a deeper one, whose pass may still stand there."""
        network, stack, space = self.network, self.stack, self.workspace
        if stack.steps:
            return forward(network, self.parameters, inputs, stack.batch_size, space, running=self.running)
        key = network.features, network.width, str(network.activation), str(stack.dataset), stack.batch_size, stack.runs
        if space.latest is not None:
            found, deeper, trace = space.latest
            if found == key and deeper.forms[: network.depth] == network.forms:
                return trace.upto(network.depth)
        trace = forward(network, self.parameters, inputs, stack.batch_size, space)
        space.latest = key, network, trace
        return trace

    def _of_signals(self, trace: Trace, layer: LayerGradient, bound: float) -> tuple[np.ndarray, ...]:
        """RMS of a layer's outputs, then its shares of saturated and dead units; of the readout the RMS alone, (R,) each."""
        rows, width = self.stack.batch_size, self.network.width
        if layer.slope is None:
            fan_out, _ = self.network.fans[-1]
            return (root_mean_square(self._logits(trace)[:, :fan_out, :rows], fan_out * rows),)
        if layer.layer not in trace.measured:
            size = root_mean_square(trace.outputs[layer.layer], width * rows, trace.exponents[layer.layer])
            trace.measured[layer.layer] = size, *unit_shares(layer.slope, width, rows, bound)
        return trace.measured[layer.layer]

    def validated(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Loss and accuracy on the validation rows, (R,) each, in float64; a number has no accuracy, so NaN."""
        network, space = self.network, Workspace(self.dtype, self.device)
        trace = forward(network, self.parameters, batch.inputs, batch.rows, space, False, self.running, evaluating=True)
        return losses.evaluated(self._logits(trace), batch.targets, network.classes, batch.rows)

    def _clip_factor(self, waiting: list[LayerGradient]) -> Tensor | None:
        """What each run's gradients are multiplied by, (R, 1, 1), as torch.nn.utils.clip_grad_norm_ does; None for ones."""
        if self.max_norms is None or not np.isfinite(self.max_norms).any():
            return None
        squares = np.zeros(len(self.max_norms))
        with np.errstate(over="ignore", invalid="ignore"):
            for layer in waiting:
                pieces = [(layer.weight, layer.weight_exponent)]
                pieces += [(part, layer.exponent) for part in (layer.bias, layer.gain, layer.shift) if part is not None]
                squares += sum(np.ldexp(vector_norms(piece.flatten(1)), own) ** 2 for piece, own in pieces)
            factors = np.fmin(self.max_norms / (np.sqrt(squares) + 1e-6), 1.0)  # 1e-6 as PyTorch's
        return torch.from_numpy(factors).to(self.lr).view(-1, 1, 1)

    def _logits(self, trace: Trace) -> Tensor:
        """W h + b of the trained readout, (R, C, B)."""
        signal, exponent = trace.outputs[-1], trace.exponents[-1]
        logits = product(self.parameters.weights[-1], signal)
        if exponent.any():
            logits.mul_(powers(exponent, logits))
        bias = self.parameters.biases[-1]
        return logits if bias is None else logits.add_(bias)

    def _loss(self, trace: Trace, head: Head) -> Start:
        """Each run's loss (R,), in float64, and the gradient that starts the backward pass."""
        if self.network.classes:
            return head(self._logits(trace), self.network.classes)
        signal, exponent = trace.outputs[-1], trace.exponents[-1]
        loss, gradient, own = head(signal, self.network.width)
        return loss * torch.from_numpy(np.ldexp(1.0, exponent)).to(loss), gradient, own

    def _head(self, labels: Tensor) -> Head:
        rows = self.stack.batch_size
        if self.stack.loss == "cross_entropy":
            return lambda signal, size: losses.cross_entropy(signal, labels, size, rows)
        if self.stack.loss == "mse":
            return lambda signal, size: losses.mse(signal, labels, size, rows)
        return lambda signal, size: losses.projection(signal, self.readout, size, rows)

    def _fixed_readout(self) -> Tensor:
        """v of the loss Σ v · h, (R, H, 1): all ones for ``sum``, drawn for ``projection``."""
        width = self.network.width
        readout = torch.zeros(len(self.stack.runs), padded(width), 1, dtype=self.dtype, device=self.device)
        readout[:, :width] = 1.0
        if self.stack.loss == "projection":
            drawn = torch.stack([draws.normal(seed, "projection", width) for _, _, seed in self.stack.runs])
            readout[:, :width, 0] = drawn.to(self.device, self.dtype)
        return readout

    def _all_zero(self, inputs: Tensor, head: Head) -> np.ndarray:
        """(R, layers): whether a plain pass, as PyTorch makes it, gives nothing but zeros for a layer's weights."""
        workspace = Workspace(self.dtype, self.device)
        trace = forward(self.network, self.parameters, inputs, self.stack.batch_size, workspace, scaled=False)
        _, gradient, exponent = self._loss(trace, head)
        gradient, exponent = gradient * powers(exponent, gradient), np.zeros_like(exponent)
        zeros = np.zeros((len(self.stack.runs), len(self.network.fans)), bool)
        for layer in backward(self.network, self.parameters, trace, gradient, exponent, workspace, scaled=False):
            zeros[:, layer.layer - 1] = (layer.weight.flatten(1).abs().amax(1) == 0).cpu().numpy()
        return zeros

    def _update(self, layer: LayerGradient, step: int, factor: Tensor | None) -> np.ndarray:
        """One optimizer step on one layer's parameters, in place; ‖ΔW‖ / ‖W‖ of each run."""
        assert self.stack.optimizer is not None
        rule, index = self.stack.optimizer, layer.layer - 1
        weight = self.parameters.weights[index]
        before = weight.clone()
        held = {
            "weight": (weight, layer.weight, layer.weight_exponent),
            "bias": (self.parameters.biases[index], layer.bias, layer.exponent),
            "gain": (self.parameters.gains[index], layer.gain, layer.exponent),
            "shift": (self.parameters.shifts[index], layer.shift, layer.exponent),
        }
        for name, (parameter, gradient, exponent) in held.items():
            if parameter is None or gradient is None:
                continue
            true = gradient * powers(exponent, gradient) if exponent.any() else gradient
            true = true if factor is None else true * factor
            state = self.states.setdefault((index, name), {})
            rule.entry.update(parameter, true, state, step, self.lr, **rule.arguments)
        size = torch.linalg.vector_norm(before.flatten(1), dim=1, dtype=torch.float64)
        change = torch.linalg.vector_norm(before.sub_(weight).flatten(1), dim=1, dtype=torch.float64)
        return (change / size).cpu().numpy()


def _exponent(size: np.ndarray) -> np.ndarray:
    """e with size in [2^(e-1), 2^e); very low for 0, very high for what is not finite."""
    exponents = np.frexp(size)[1].astype(np.int64)
    return np.where(size == 0, -(2**31), np.where(np.isfinite(size), exponents, 2**31))


_WORKSPACES: dict[tuple[torch.dtype, str], Workspace] = {}


def _workspace(dtype: torch.dtype, device: str) -> Workspace:
    """This process's scratch memory; a process computes one stack at a time."""
    return _WORKSPACES.setdefault((dtype, device), Workspace(dtype, device))


def _parameters(network: Network, initial: draws.Linears, trained: bool) -> Parameters:
    """The stack's initial parameters; copies of their own where they will be trained."""
    weights, biases = list(initial.weights), list(initial.biases)
    if trained:
        weights = [weight.clone() for weight in weights]
        biases = [
            torch.zeros_like(weight[:, :, :1]) if bias is None else bias.clone()
            for weight, bias in zip(weights, biases, strict=True)
        ]
    gains: list[Tensor | None] = [None] * len(weights)
    shifts: list[Tensor | None] = [None] * len(weights)
    for index, form in enumerate(network.forms):
        norm = NORMS[form.norm]
        if norm.forward is not None:
            gains[index] = torch.ones_like(weights[index][:, :, :1])
            if norm.has_shift:
                shifts[index] = torch.zeros_like(weights[index][:, :, :1])
    return Parameters(weights, biases, gains, shifts)
