"""Gradient flow of a stack of networks: every layer measured, at initialization and while it trains."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from core.engine.backward import LayerGradient
from core.engine.columns import Columns
from core.engine.data import Batch
from core.engine.exponents import ldexp
from core.engine.learners import DTYPES, Stack, loss_of, model_of, undisturbed
from core.engine.loop import STAGES, Observer, Training, stages
from core.engine.measures import LAYERS, VALIDATION
from core.engine.multilayer import InitialPerceptrons, Multilayer, Perceptrons
from core.engine.network import Network, Trace
from core.engine.schedule_trace import Schedule
from core.engine.statistics import signal_norms, unit_counts, unit_shares
from core.engine.updates import sorted_by_update

if TYPE_CHECKING:
    from torch import Tensor

SAFE_EXPONENT = {torch.float32: -120, torch.float64: -1000}  # a plain pass at this size can't come out all zero


@undisturbed
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
    measures = LayerMeasures(model, (len(stack.members), 1), epoch=1)
    measures.begin(0)
    measures.end(model, batch, model.learn(batch))
    return measures.columns()


@undisturbed
def training_flow(stack: Stack, steps: int, device: str = "cpu") -> dict[str, np.ndarray]:
    """The same while they train, (R, steps + 1, layers): row s is measured before update s, the last after all of them.

    Once a run's loss is not finite, all its rows are NaN from there on.
    """
    stack, place = sorted_by_update(stack)
    model = model_of(stack, device)
    assert isinstance(model, Multilayer)
    data = stack.data(device)
    course = Training(stack.members, model, data, Schedule.constant(stack.members, steps))
    measures = LayerMeasures(model, (len(stack.members), steps + 1), data.steps_per_epoch)
    course.run(stages("zero", "backward", "clip", "step", "schedule"), [measures], steps)
    course.run(stages("zero", "backward"), [measures], 1)
    columns = measures.columns()
    alive = np.isfinite(columns["train_loss"][:, :, :1])
    return {name: values[place] for name, values in _until_lost(columns, alive).items()}


@undisturbed
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
    shape = len(stack.members), steps
    measures, validation = LayerMeasures(model, shape, data.steps_per_epoch), Validations(shape)
    course.run(STAGES, [measures, validation], steps)
    columns = measures.columns()
    alive = np.isfinite(columns["train_loss"][:, :, :1]) & np.isfinite(columns["update_ratio"]).all(2, keepdims=True)
    layers = columns["train_loss"].shape[2]
    columns |= {name: values[:, :, None].repeat(layers, 2) for name, values in validation.columns().items()}
    return {name: values[place] for name, values in _until_lost(columns, alive).items()}


def _until_lost(columns: dict[str, np.ndarray], alive: np.ndarray) -> dict[str, np.ndarray]:
    """NaN from the first row on that is not alive, (R, rows, 1)."""
    alive = np.logical_and.accumulate(alive, axis=1)
    return {name: np.where(alive, values, math.nan) for name, values in columns.items()}


class Validations(Observer):
    """``measures.VALIDATION``, (R, steps), at the end of each epoch; NaN elsewhere."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self._columns = Columns(VALIDATION, shape, epoch=1)

    def columns(self) -> dict[str, np.ndarray]:
        """What was noted."""
        return self._columns.read()

    def after(self, stage: str, training: Training) -> None:
        """Notes what the validation rows gave."""
        if stage == "validate" and training.validation is not None:
            self._columns.put(training.step, **dict(zip(VALIDATION, training.validation, strict=True)))


class _Reading(NamedTuple):
    """What is read of a layer while its tensors stand; those of its units are None for the readout.

    totals     (R,), Σ |∂L/∂W|, over a power of two as its norm
    norms      (2, R), of ∂L/∂W and δ
    outputs    (R,), their norm
    exponents  (R,) each, the powers of two beside ∂L/∂W, δ and outputs
    largest, below  (R, units), of ``unit_counts``
    """

    totals: Tensor
    norms: Tensor
    outputs: Tensor
    exponents: tuple[Tensor, Tensor, Tensor]
    largest: Tensor | None = None
    below: Tensor | None = None


class LayerMeasures(Observer):
    """Fills ``measures.LAYERS``, (R, rows, layers), from the passes that its networks make.

    A layer is read while its tensors stand; numbers are made of all layers at once, when the pass has ended.

    shape  (R, rows)
    epoch  rows of an epoch
    """

    def __init__(self, model: Perceptrons, shape: tuple[int, int], epoch: int) -> None:
        network, phi = model.network, model.network.activation
        self._columns = Columns(LAYERS, (*shape, len(network.fans)), epoch)
        self._slope_bound = phi.entry.slope_bound(**phi.arguments)
        self._row = 0
        self._readings: list[_Reading] = []  # of the pass under way, from the last layer to the first
        self._parameters: Tensor | None = None  # before the step
        self._weights: list[Tensor] = []  # of every layer, therein
        self._weight_norms: Tensor  # at the latest pass, (layers, R)
        model.observe = self._layer

    def columns(self) -> dict[str, np.ndarray]:
        """Every measure; NaN where it does not apply."""
        return self._columns.read()

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

    def end(self, model: Perceptrons, batch: Batch, loss: Tensor) -> None:
        """The pass is made: the numbers of its layers, its loss (R,), and where a plain one would have lost a gradient."""
        readings, self._readings = self._readings[::-1], []
        of_weights, of_signals = model.fans.prod(1, keepdim=True), (model.fans[:, :1] * batch.rows).sqrt()
        norms = torch.stack([reading.norms for reading in readings], 1)
        outputs = torch.stack([reading.outputs for reading in readings])
        exponents = [
            torch.stack(of_layers) for of_layers in zip(*(reading.exponents for reading in readings), strict=True)
        ]
        gradient = ldexp(norms[0], exponents[0])
        rms = gradient / of_weights.sqrt()
        weight_rms = model.weight_rms()
        self._weight_norms = weight_rms * of_weights.sqrt()
        totals = torch.stack([reading.totals for reading in readings])
        underflow = torch.zeros_like(rms)
        doubtful = torch.minimum(exponents[1], _exponent(rms)).amin(0) < SAFE_EXPONENT[batch.inputs.dtype]
        if doubtful.any():  # a plain pass must be made while the parameters are these
            underflow[:, doubtful] = model.all_zero(batch)[doubtful].T.double()
        self._put(
            train_loss=loss.expand_as(rms),
            grad_mean_abs=ldexp(totals.double(), exponents[0]) / of_weights,
            grad_rms=rms,
            grad_norm=gradient,
            delta_rms=ldexp(norms[1] / of_signals, exponents[1]),
            weight_rms=weight_rms,
            activation_rms=ldexp(outputs / of_signals, exponents[2]),
            underflow=underflow,
            **_shares(readings, batch.rows),
        )

    def _put(self, **values: Tensor) -> None:
        """Notes measures, (layers, R) each; those of units end before the readout."""
        self._columns.put(self._row, **{name: value.T for name, value in values.items()})

    def _layer(self, model: Perceptrons, trace: Trace, gradient: LayerGradient) -> None:
        """Reads one layer."""
        layer = gradient.layer
        totals = gradient.weight.flatten(1).abs().sum(1)  # safe in float32
        sizes = gradient.weight_exponent, gradient.exponent
        if gradient.slope is None:  # the readout has no units, and its logits stand beside no power of two
            logits = model.logits(trace)[:, : model.network.classes, : trace.rows]
            three = signal_norms(gradient.weight, gradient.delta, logits)
            self._readings.append(_Reading(totals, three[:2], three[2], (*sizes, torch.zeros_like(sizes[0]))))
            return
        if layer not in trace.statistics:
            units = unit_counts(gradient.slope, model.network.width, trace.rows, self._slope_bound)
            trace.statistics[layer] = *signal_norms(trace.outputs[layer]), *units
        outputs, largest, below = trace.statistics[layer]
        norms = signal_norms(gradient.weight, gradient.delta)
        self._readings.append(_Reading(totals, norms, outputs, (*sizes, trace.exponents[layer]), largest, below))

    def _measure_step(self, training: Training) -> None:
        """‖ΔW‖ / ‖W‖ of every layer; the pass before it has found ‖W‖."""
        assert self._parameters is not None
        self._parameters.sub_(training.model.parameters)
        self._put(update_ratio=signal_norms(*self._weights) / self._weight_norms)


def _shares(readings: Sequence[_Reading], rows: int) -> dict[str, Tensor]:
    """Of every hidden layer the shares of saturated outputs and of dead units, (layers, R)."""
    units = [(reading.largest, reading.below) for reading in readings if reading.largest is not None]
    largest, below = (torch.stack(parts) for parts in zip(*units, strict=True))
    saturated, dead = unit_shares(largest, below, rows)
    return {"saturated": saturated, "dead": dead}


def _exponent(size: Tensor) -> Tensor:
    """e with size in [2^(e-1), 2^e); very low for 0, very high for what is not finite."""
    exponents = torch.frexp(size).exponent.long()
    return torch.where(size == 0, -(2**31), torch.where(size.isfinite(), exponents, 2**31))
