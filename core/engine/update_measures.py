"""What is measured of every update of a training."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch

from core.engine.columns import Columns
from core.engine.learners import Stack, model_of, undisturbed
from core.engine.loop import STAGES, Observer, Stage, Training
from core.engine.measures import UPDATES, VALIDATION
from core.engine.schedule_trace import Schedule
from core.engine.statistics import vector_norms
from core.engine.updates import UpdateGroup, sorted_by_update

if TYPE_CHECKING:
    from torch import Tensor


@undisturbed
def training(stack: Stack, epochs: int, device: str = "cpu") -> dict[str, np.ndarray]:
    """Every measure of ``measures.UPDATES``, (R, steps) in float64; NaN where a measure does not apply.

    One row per update. From the update on after which a run's loss or parameters are not finite, its numbers are NaN
    and ``diverged`` is 1. ``clipped`` and ``diverged`` are 0 or 1.
    """
    stack, place = sorted_by_update(stack)
    data = stack.data(device)
    rates = Schedule.of(stack.members, epochs, data.steps_per_epoch)
    course = Training(stack.members, model_of(stack, device), data, rates)
    return measures_of(course, STAGES, epochs * data.steps_per_epoch, place)


def measures_of(course: Training, stages: Mapping[str, Stage], steps: int, place: np.ndarray) -> dict[str, np.ndarray]:
    """Every measure of ``measures.UPDATES``, as ``training`` has them, of a training by these stages.

    place  where each run stands in the training's stack, (R,)
    """
    measures = UpdateMeasures(course, steps)
    course.run(stages, [measures], steps)
    return {name: values[place] for name, values in measures.columns().items()}


class UpdateMeasures(Observer):
    """Fills ``measures.UPDATES``, (R, steps), as a training goes on."""

    def __init__(self, course: Training, steps: int) -> None:
        self._columns = Columns(UPDATES, (len(course.loss), steps), course.data.steps_per_epoch)
        self._parameters = torch.empty_like(course.model.parameters)  # before the step
        self._gradients: list[Tensor | None] = []  # as the backward pass left them, by group

    def columns(self) -> dict[str, np.ndarray]:
        """The measures, NaN from where a run diverges."""
        columns = self._columns.read()
        alive = np.isfinite(columns["train_loss"]) & np.isfinite(columns["update_norm"])
        alive = np.logical_and.accumulate(alive, axis=1)
        columns = {name: np.where(alive, values, math.nan) for name, values in columns.items()}
        columns["diverged"] = (~alive).astype(float)
        columns["clipped"] = np.nan_to_num(columns["clipped"])
        return columns

    def before(self, stage: str, training: Training) -> None:
        """Measures what a step goes by, and keeps what it will change."""
        if stage == "step":
            pairs = zip(training.groups, self._gradients, strict=True)
            norms, cosines = _joined([_clipping(training, group, gradient) for group, gradient in pairs])
            rates = training.schedule
            self._columns.put(
                training.step, clipped_grad_norm=norms, clip_cosine=cosines, lr=rates.lr, momentum=rates.momentum
            )
            self._parameters.copy_(training.model.parameters)

    def after(self, stage: str, training: Training) -> None:
        """Measures what a stage has done."""
        if stage == "backward":
            self._columns.put(training.step, train_loss=training.loss, grad_norm=training.grad_norms)
            self._gradients = [
                None if group.clipper.keeps_direction else training.model.gradient[group.rows].clone()
                for group in training.groups
            ]
        elif stage == "clip":
            self._columns.put(training.step, clipped=training.clipped)
        elif stage == "step":
            change = self._parameters.sub_(training.model.parameters)
            self._columns.put(training.step, update_norm=vector_norms(change))
        elif stage == "validate" and training.validation is not None:
            self._columns.put(training.step, **dict(zip(VALIDATION, training.validation, strict=True)))


def _joined(parts: list[tuple[Tensor, ...]]) -> tuple[Tensor, ...]:
    """What was found of each group's runs, of all runs."""
    return parts[0] if len(parts) == 1 else tuple(torch.cat(of_groups) for of_groups in zip(*parts, strict=True))


def _clipping(training: Training, group: UpdateGroup, before: Tensor | None) -> tuple[Tensor, Tensor]:
    """Norm of a group's gradients, and the cosine between them and what the backward pass left, (r,) each.

    before  the gradients then; None where clipping keeps their direction
    """
    norm = training.grad_norms[group.rows]
    if group.clipper.clip is None:
        return norm, torch.where(norm > 0, 1.0, math.nan)
    gradient = training.model.gradient[group.rows]
    after = vector_norms(gradient)
    if before is None:
        return after, torch.where((norm > 0) & (after > 0), 1.0, math.nan)
    return after, torch.linalg.vecdot(before.double(), gradient.double()) / (norm * after)
