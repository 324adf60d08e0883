"""Gradient flow of a stack of networks: every layer measured, at initialization and while it trains."""

from __future__ import annotations

import math

import numpy as np
import torch

from core.engine.backward import LayerGradient
from core.engine.data import Batch
from core.engine.learners import DTYPES, Stack, loss_of, model_of
from core.engine.loop import STAGES, Observer, Training, stages
from core.engine.measures import LAYERS, VALIDATION
from core.engine.multilayer import InitialPerceptrons, Multilayer, Perceptrons
from core.engine.network import Network, Trace
from core.engine.schedule_trace import Schedule
from core.engine.statistics import gradient_sizes, root_mean_square, unit_shares
from core.engine.updates import sorted_by_update

SAFE_EXPONENT = {torch.float32: -120, torch.float64: -1000}  # a plain pass at this size can't come out all zero


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

    shape  (R, rows)
    """

    def __init__(self, model: Perceptrons, shape: tuple[int, int]) -> None:
        self.columns = {name: np.full((*shape, len(model.network.fans)), math.nan) for name in LAYERS}
        phi = model.network.activation
        self._slope_bound = phi.entry.slope_bound(**phi.arguments)
        self._row: dict[str, np.ndarray] = {}
        self._least_exponent: np.ndarray  # of the row, (R,)
        self._parameters: torch.Tensor | None = None  # before the step
        model.observe = self._layer

    def before(self, stage: str, training: Training) -> None:
        """Begins a row, or keeps the parameters that a step will change."""
        if stage == "backward":
            self.begin(training.step)
        elif stage == "step":
            parameters = training.model.parameters
            if self._parameters is None:
                self._parameters = torch.empty_like(parameters)
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
        self._row = {name: values[:, row] for name, values in self.columns.items()}
        self._least_exponent = np.zeros(len(self._row["train_loss"]), np.int64)

    def end(self, model: Perceptrons, batch: Batch, loss: np.ndarray) -> None:
        """The pass is made: its loss (R,), and whether a plain one would have lost the gradient of a layer."""
        self._row["train_loss"][:] = loss[:, None]
        self._row["underflow"][:] = 0.0
        doubtful = np.flatnonzero(self._least_exponent < SAFE_EXPONENT[batch.inputs.dtype])
        if len(doubtful):
            self._row["underflow"][doubtful] = model.all_zero(batch)[doubtful]

    def _layer(self, model: Perceptrons, trace: Trace, gradient: LayerGradient) -> None:
        """Measures one layer."""
        row, index = self._row, gradient.layer - 1
        fan_out, fan_in = model.network.fans[index]
        sizes = gradient_sizes(gradient.weight, fan_out * fan_in, gradient.weight_exponent)
        row["grad_mean_abs"][:, index], row["grad_rms"][:, index], row["grad_norm"][:, index] = sizes
        least = np.minimum(self._least_exponent, gradient.exponent)
        self._least_exponent = np.minimum(least, _exponent(sizes[1]))
        row["delta_rms"][:, index] = root_mean_square(gradient.delta, fan_out * trace.rows, gradient.exponent)
        row["weight_rms"][:, index] = model.weight_rms(index)
        if gradient.slope is None:  # the readout has no units
            logits = model.logits(trace)[:, :fan_out, : trace.rows]
            row["activation_rms"][:, index] = root_mean_square(logits, fan_out * trace.rows)
            return
        layer = gradient.layer
        if layer not in trace.statistics:
            width = model.network.width
            size = root_mean_square(trace.outputs[layer], width * trace.rows, trace.exponents[layer])
            shares = unit_shares(gradient.slope, width, trace.rows, self._slope_bound)
            trace.statistics[layer] = size, *shares
        for name, values in zip(("activation_rms", "saturated", "dead"), trace.statistics[layer], strict=True):
            row[name][:, index] = values

    def _measure_step(self, training: Training) -> None:
        """‖ΔW‖ / ‖W‖ of every layer."""
        assert self._parameters is not None
        blocks = [block for block in training.model.layout.blocks if block.name.startswith("weight")]
        sizes = [_norms(block.view(self._parameters)) for block in blocks]
        change = self._parameters.sub_(training.model.parameters)
        for index, (block, size) in enumerate(zip(blocks, sizes, strict=True)):
            self._row["update_ratio"][:, index] = (_norms(block.view(change)) / size).cpu().numpy()


def _norms(weights: torch.Tensor) -> torch.Tensor:
    return torch.linalg.vector_norm(weights.flatten(1), dim=1, dtype=torch.float64)


def _exponent(size: np.ndarray) -> np.ndarray:
    """e with size in [2^(e-1), 2^e); very low for 0, very high for what is not finite."""
    exponents = np.frexp(size)[1].astype(np.int64)
    return np.where(size == 0, -(2**31), np.where(np.isfinite(size), exponents, 2**31))
