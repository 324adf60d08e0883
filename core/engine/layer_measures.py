"""Gradient flow of a stack of networks: every layer measured, at initialization and while it trains."""

from __future__ import annotations

import math

import numpy as np
import torch

from core.engine.backward import LayerGradient
from core.engine.data import Batch
from core.engine.learners import DTYPES, Stack, loss_of, model_of, without_autograd
from core.engine.loop import STAGES, Observer, Training, stages
from core.engine.measures import LAYERS, VALIDATION
from core.engine.multilayer import InitialPerceptrons, Multilayer, Perceptrons
from core.engine.network import Network, Trace
from core.engine.schedule_trace import Schedule
from core.engine.statistics import signal_norms, unit_counts, unit_shares
from core.engine.updates import sorted_by_update

SAFE_EXPONENT = {torch.float32: -120, torch.float64: -1000}  # a plain pass at this size can't come out all zero


@without_autograd
def initial_flow(stack: Stack, device: str = "cpu") -> dict[str, np.ndarray]:
    """Every measure of ``measures.LAYERS`` of the networks as drawn, (R, 1, layers) in float64; NaN where it does not apply.

    ``underflow`` is 0 or 1.
    """
    assert isinstance(stack.network, Network)
    batch = next(stack.data(device).epoch(0))
    name = str(stack.dataset), stack.batch_size
    model = InitialPerceptrons(
        stack.network, stack.draws, loss_of(stack, device), DTYPES[stack.dtype], device, batch_name=name
    )
    measures = LayerMeasures(model, (len(stack.members), 1))
    measures.begin(0)
    measures.end(model, batch, model.learn(batch).cpu().numpy())
    return measures.columns


@without_autograd
def training_flow(stack: Stack, steps: int, device: str = "cpu") -> dict[str, np.ndarray]:
    """The same while they train, (R, steps + 1, layers): row s is measured before update s, the last after all of them.

    Once a run's loss is not finite, all its rows are NaN from there on.
    """
    stack, place = sorted_by_update(stack)
    model = model_of(stack, device)
    assert isinstance(model, Multilayer)
    course = Training(stack.members, model, stack.data(device), Schedule.constant(stack.members, steps))
    measures = LayerMeasures(model, (len(stack.members), steps + 1))
    course.run(stages("zero", "backward", "clip", "step", "schedule"), [measures], steps)
    course.run(stages("zero", "backward"), [measures], 1)
    columns = measures.columns
    alive = np.isfinite(columns["train_loss"][:, :, :1])
    return {name: values[place] for name, values in _until_lost(columns, alive).items()}


@without_autograd
def learning_flow(stack: Stack, epochs: int, device: str = "cpu") -> dict[str, np.ndarray]:
    """The same while a table is learned, with ``measures.VALIDATION``, (R, steps, layers): a row per update.

    Validation stands in the last row of each epoch, where norms over the batch use their running statistics; elsewhere
    and for a target without classes it is NaN. Rows are NaN from the update on that leaves a run's weights not finite.
    """
    stack, place = sorted_by_update(stack)
    model, data = model_of(stack, device), stack.data(device)
    assert isinstance(model, Multilayer)
    course = Training(stack.members, model, data, Schedule.of(stack.members, epochs, data.steps_per_epoch))
    steps = epochs * data.steps_per_epoch
    measures = LayerMeasures(model, (len(stack.members), steps))
    validation = Validations((len(stack.members), steps))
    course.run(STAGES, [measures, validation], steps)
    columns = measures.columns
    alive = np.isfinite(columns["train_loss"][:, :, :1]) & np.isfinite(columns["update_ratio"]).all(2, keepdims=True)
    layers = columns["train_loss"].shape[2]
    columns |= {name: values[:, :, None].repeat(layers, 2) for name, values in validation.columns.items()}
    return {name: values[place] for name, values in _until_lost(columns, alive).items()}


def _until_lost(columns: dict[str, np.ndarray], alive: np.ndarray) -> dict[str, np.ndarray]:
    """NaN from the first row on that is not alive, (R, rows, 1)."""
    alive = np.logical_and.accumulate(alive, axis=1)
    return {name: np.where(alive, values, math.nan) for name, values in columns.items()}


class Validations(Observer):
    """``measures.VALIDATION``, (R, steps), at the end of each epoch; NaN elsewhere."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self.columns = {name: np.full(shape, math.nan) for name in VALIDATION}

    def after(self, stage: str, training: Training) -> None:
        """Notes what the validation rows gave."""
        if stage == "validate" and training.validation is not None:
            for column, values in zip(self.columns.values(), training.validation, strict=True):
                column[:, training.step] = values


class LayerMeasures(Observer):
    """Fills ``measures.LAYERS``, (R, rows, layers), from the passes that its networks make.

    A layer is read while its tensors stand; numbers are made of all layers at once, when the pass has ended.

    shape  (R, rows)
    """

    def __init__(self, model: Perceptrons, shape: tuple[int, int]) -> None:
        network = model.network
        self.columns = {name: np.full((*shape, len(network.fans)), math.nan) for name in LAYERS}
        phi = network.activation
        self._slope_bound = phi.entry.slope_bound(**phi.arguments)
        self._row = 0
        layers, units = (len(network.fans), shape[0]), (network.depth, shape[0], network.width)
        self._norms, self._exponents = np.empty((3, *layers)), np.zeros((3, *layers), np.int64)  # ∂L/∂W, δ, outputs
        self._totals = np.empty(layers)  # Σ |∂L/∂W|, over a power of two as their norms
        self._units = np.empty((2, *units))  # of ``unit_counts``
        self._parameters: torch.Tensor | None = None  # before the step
        self._weights: list[torch.Tensor] = []  # of every layer, therein
        model.observe = self._layer

    def before(self, stage: str, training: Training) -> None:
        """Begins a row, or keeps the parameters that a step will change."""
        if stage == "backward":
            self.begin(training.step)
        elif stage == "step":
            parameters = training.model.parameters
            if self._parameters is None:
                self._parameters = torch.empty_like(parameters)
                views = training.model.layout.views(self._parameters).items()
                self._weights = [view.flatten(1) for name, view in views if name.startswith("weight")]
            self._parameters.copy_(parameters)

    def after(self, stage: str, training: Training) -> None:
        """Ends the pass of a row, or measures a step."""
        if stage == "backward":
            assert isinstance(training.model, Perceptrons)
            self.end(training.model, training.batch, training.loss)
        elif stage == "step":
            self._measure_step(training)

    def begin(self, row: int) -> None:
        """What is measured from here on belongs to row number ``row``."""
        self._row = row

    def end(self, model: Perceptrons, batch: Batch, loss: np.ndarray) -> None:
        """The pass is made: the numbers of its layers, its loss (R,), and where a plain one would have lost a gradient."""
        network = model.network
        fan_out, fan_in = np.array(network.fans).T[:, :, None]
        of_weights, of_signals = np.sqrt(fan_out * fan_in), np.sqrt(fan_out * batch.rows)
        gradient, exponents = np.ldexp(self._norms[0], self._exponents[0]), self._exponents
        largest, below = self._units
        saturated, dead = unit_shares(largest, below, batch.rows)
        self._put(
            grad_mean_abs=np.ldexp(self._totals, exponents[0]) / (fan_out * fan_in),
            grad_rms=gradient / of_weights,
            grad_norm=gradient,
            delta_rms=np.ldexp(self._norms[1] / of_signals, exponents[1]),
            weight_rms=model.weight_rms(),
            activation_rms=np.ldexp(self._norms[2] / of_signals, exponents[2]),
            saturated=saturated,
            dead=dead,
        )
        self.columns["train_loss"][:, self._row] = loss[:, None]
        underflow = self.columns["underflow"][:, self._row]
        underflow[:] = 0.0
        least = np.minimum(exponents[1], _exponent(gradient / of_weights)).min(0)
        doubtful = np.flatnonzero(least < SAFE_EXPONENT[batch.inputs.dtype])
        if len(doubtful):
            underflow[doubtful] = model.all_zero(batch)[doubtful]

    def _put(self, **values: np.ndarray) -> None:
        """Notes measures, (layers, R) each; those of units end before the readout."""
        for name, value in values.items():
            self.columns[name][:, self._row, : len(value)] = value.T

    def _layer(self, model: Perceptrons, trace: Trace, gradient: LayerGradient) -> None:
        """Reads one layer."""
        layer, index = gradient.layer, gradient.layer - 1
        self._totals[index] = gradient.weight.flatten(1).abs().sum(1).cpu().numpy()  # safe in float32
        self._exponents[:2, index] = gradient.weight_exponent, gradient.exponent
        if gradient.slope is None:  # the readout has no units
            logits = model.logits(trace)[:, : model.network.classes, : trace.rows]
            self._norms[:, index] = signal_norms(gradient.weight, gradient.delta, logits)
            return
        if layer not in trace.statistics:
            self._norms[:, index] = signal_norms(gradient.weight, gradient.delta, trace.outputs[layer])
            units = unit_counts(gradient.slope, model.network.width, trace.rows, self._slope_bound)
            trace.statistics[layer] = self._norms[2, index].copy(), *units
        else:
            self._norms[:2, index] = signal_norms(gradient.weight, gradient.delta)
        self._norms[2, index], self._units[0, index], self._units[1, index] = trace.statistics[layer]
        self._exponents[2, index] = trace.exponents[layer]

    def _measure_step(self, training: Training) -> None:
        """‖ΔW‖ / ‖W‖ of every layer."""
        assert self._parameters is not None
        sizes = _norms(self._weights)
        self._parameters.sub_(training.model.parameters)
        self.columns["update_ratio"][:, self._row] = (_norms(self._weights) / sizes).cpu().numpy().T


def _norms(weights: list[torch.Tensor]) -> torch.Tensor:
    """Of every layer, (layers, R), in float64."""
    return torch.stack([torch.linalg.vector_norm(weight, dim=1, dtype=torch.float64) for weight in weights])


def _exponent(size: np.ndarray) -> np.ndarray:
    """e with size in [2^(e-1), 2^e); very low for 0, very high for what is not finite."""
    exponents = np.frexp(size)[1].astype(np.int64)
    return np.where(size == 0, -(2**31), np.where(np.isfinite(size), exponents, 2**31))
