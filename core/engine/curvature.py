"""The largest curvature of a stack's full-batch loss: at its initial parameters, and along descent."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from core.engine.data import Batch
from core.engine.learners import Model, Stack, model_of
from core.theory.curvature import difference_product, largest_eigenvalue

TOGETHER = 4  # runs at once: all training rows are one batch


def sharpness(stack: Stack, rows: int, device: str = "cpu") -> np.ndarray:
    """λ_max of the Hessian of each run's loss over all ``rows`` training rows, (R,), in float64."""
    found = []
    for start in range(0, len(stack.members), TOGETHER):
        some = replace(stack, members=stack.members[start : start + TOGETHER], batch_size=rows, dtype="float64")
        found.append(_sharpness(some, device))
    return np.concatenate(found)


def _sharpness(stack: Stack, device: str) -> np.ndarray:
    return _largest(*_whole(stack, device))


class Descent(NamedTuple):
    """Full-batch descent of R runs.

    loss       (R, steps), before each update
    sharpness  (R, ceil(steps / every)), λ_max before every ``every``-th update
    """

    loss: np.ndarray
    sharpness: np.ndarray


def descent(stack: Stack, rows: int, lr: float, steps: int, every: int, device: str = "cpu") -> Descent:
    """Descent over all ``rows`` training rows at once, in float64, each run by its own optimizer, and its curvature."""
    stack = replace(stack, batch_size=rows, dtype="float64")
    model, batch = _whole(stack, device)
    states: list[dict[str, Tensor]] = [{} for _ in stack.members]
    rate = model.parameters.new_full((1, 1), lr)
    losses, found = [], []
    for step in range(steps):
        if step % every == 0:
            found.append(_largest(model, batch))
        losses.append(model.learn(batch).cpu().numpy())
        for r, member in enumerate(stack.members):
            rule, own = member.optimizer, slice(r, r + 1)
            rule.entry.update(model.parameters[own], model.gradient[own], states[r], step, rate, **rule.arguments)
    return Descent(np.stack(losses, 1), np.stack(found, 1))


def _whole(stack: Stack, device: str) -> tuple[Model, Batch]:
    """The networks as drawn, and their one batch of all training rows."""
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
    found = largest_eigenvalue(difference_product(gradient, here), noise.to(here) * real)
    model.parameters.copy_(here)
    return found
