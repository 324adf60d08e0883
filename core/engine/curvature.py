"""The largest curvature of a stack's full-batch loss: at its initial parameters, and along descent."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from core.engine.data import Batch, OneBatch
from core.engine.learners import Model, Stack, model_of
from core.engine.loop import Observer, Training, stages
from core.engine.schedule_trace import Schedule
from core.engine.updates import sorted_by_update
from core.theory.curvature import difference_product, largest_eigenvalue

TOGETHER = 4  # runs at once: all training rows are one batch


def sharpness(stack: Stack, rows: int, device: str = "cpu") -> np.ndarray:
    """λ_max of the Hessian of each run's loss over all ``rows`` training rows, (R,), in float64."""
    pieces = []
    for start in range(0, len(stack.members), TOGETHER):
        piece = replace(stack, members=stack.members[start : start + TOGETHER])
        pieces.append(_largest(*_full_batch(piece, rows, device)))
    return np.concatenate(pieces)


class Descent(NamedTuple):
    """Full-batch descent of R runs.

    loss       (R, steps), before each update
    sharpness  (R, ceil(steps / every)), λ_max before every ``every``-th update
    """

    loss: np.ndarray
    sharpness: np.ndarray


def descent(stack: Stack, rows: int, lr: float, steps: int, every: int, device: str = "cpu") -> Descent:
    """Descent over all ``rows`` training rows at once, in float64, each run by its own optimizer, and its curvature."""
    stack, place = sorted_by_update(stack)
    model, batch = _full_batch(stack, rows, device)
    rates = Schedule.of_rates(np.full((len(stack.members), steps), lr))
    curvatures = _Curvatures(every)
    course = Training(stack.members, model, OneBatch(batch), rates)
    course.run(stages("zero", "backward", "step", "schedule"), [curvatures], steps)
    return Descent(np.stack(curvatures.losses, 1)[place], np.stack(curvatures.sharpness, 1)[place])


class _Curvatures(Observer):
    """The loss of every update, and λ_max before every ``every``-th."""

    def __init__(self, every: int) -> None:
        self._every = every
        self.losses: list[np.ndarray] = []
        self.sharpness: list[np.ndarray] = []

    def before(self, stage: str, training: Training) -> None:
        """Measures the curvature where the update begins."""
        if stage == "backward" and training.step % self._every == 0:
            self.sharpness.append(_largest(training.model, training.batch))

    def after(self, stage: str, training: Training) -> None:
        """Notes the loss."""
        if stage == "backward":
            self.losses.append(training.loss.cpu().numpy())


def _full_batch(stack: Stack, rows: int, device: str) -> tuple[Model, Batch]:
    """The networks as drawn, in float64, and their one batch of all training rows."""
    stack = replace(stack, batch_size=rows, dtype="float64")
    (batch,) = stack.data(device).epoch(0)
    return model_of(stack, device), batch


def _largest(model: Model, batch: Batch) -> np.ndarray:
    """λ_max of each run's loss on the batch, (R,); the model's parameters are as before."""
    here = model.parameters.clone()

    def gradient(parameters: Tensor) -> Tensor:
        model.parameters.copy_(parameters)
        model.learn(batch)
        return model.gradient.clone()

    noise = torch.randn(here.shape[1], generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    # padding holds neither a parameter nor a gradient, and must stay as it is
    real = (here != 0) | (gradient(here) != 0)
    eigenvalues = largest_eigenvalue(difference_product(gradient, here), noise.to(here) * real)
    model.parameters.copy_(here)
    return eigenvalues
