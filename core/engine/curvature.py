"""The largest curvature of a stack's full-batch loss, at its initial parameters."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from core.engine.data import data_of
from core.engine.training import Stack, model_of
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
    seeds = [member.seed for member in stack.members]
    (batch,) = data_of(stack.dataset, seeds, stack.batch_size, torch.float64, device).epoch(0)
    model = model_of(stack, device)

    def gradient(parameters: Tensor) -> Tensor:
        model.parameters.copy_(parameters)
        model.learn(batch)
        return model.gradient.clone()

    drawn = model.parameters.clone()
    noise = torch.randn(drawn.shape[1], generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    # padding holds neither a parameter nor a gradient, and must stay as it is
    real = (drawn != 0) | (gradient(drawn) != 0)
    return largest_eigenvalue(difference_product(gradient, drawn), noise.to(device) * real)
