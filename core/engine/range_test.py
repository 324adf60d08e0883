"""Learning-rate range tests of a stack: the rate grows from step to step until the loss gives up."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from core.engine.data import Batch, Data, data_of
from core.engine.flow import DTYPES
from core.engine.statistics import vector_norms
from core.engine.training import Stack, clip, groups_of, in_groups, model_of, update


@dataclass(frozen=True)
class Ramp:
    """The rates of R range tests and when they end.

    lr           (R, steps), rising
    smoothing    (R,), beta of the moving average of the loss
    stop_factor  (R,), a run ends where its smoothed loss passes so many times its least
    """

    lr: np.ndarray
    smoothing: np.ndarray
    stop_factor: np.ndarray

    def of(self, runs: np.ndarray) -> Ramp:
        """The same for other runs, or in another order."""
        return Ramp(self.lr[runs], self.smoothing[runs], self.stop_factor[runs])


@dataclass(frozen=True)
class _Courses:
    lr: np.ndarray
    momentum: np.ndarray


def range_test(stack: Stack, ramp: Ramp, device: str = "cpu") -> dict[str, np.ndarray]:
    """``train_loss`` and ``smoothed_loss``, (R, steps) in float64, and ``rows``, (R,): the steps until each run's end.

    A run's last row is the one whose smoothed loss passes its limit, or whose loss or parameters are not finite any
    more, which is NaN.
    """
    ordered, back = in_groups(stack)
    measured = _range_test(ordered, ramp.of(np.argsort(back)), device)
    return {name: values[back] for name, values in measured.items()}


def _range_test(stack: Stack, ramp: Ramp, device: str) -> dict[str, np.ndarray]:
    seeds = [member.seed for member in stack.members]
    data = data_of(stack.dataset, seeds, stack.batch_size, DTYPES[stack.dtype], device)
    model = model_of(stack, device)
    groups = groups_of(stack.members, model)
    rates = _Courses(ramp.lr, np.full_like(ramp.lr, math.nan))
    runs, steps = ramp.lr.shape
    losses, smoothed = np.full((runs, steps), math.nan), np.full((runs, steps), math.nan)
    rows = np.full(runs, steps)
    average, least = np.zeros(runs), np.full(runs, math.inf)
    row = {name: np.empty(runs) for name in ("grad_norm", "clipped", "clipped_grad_norm", "clip_cosine")}
    for step, batch in enumerate(itertools.islice(_endless(data), steps)):
        losses[:, step] = model.learn(batch).cpu().numpy()
        row["grad_norm"] = vector_norms(model.gradient)
        clip(model, groups, row)
        update(model, groups, rates, step)
        finite = np.isfinite(losses[:, step]) & model.parameters.isfinite().all(1).cpu().numpy()
        losses[~finite, step] = math.nan
        average = ramp.smoothing * average + (1.0 - ramp.smoothing) * losses[:, step]
        smoothed[:, step] = average / (1.0 - ramp.smoothing ** (step + 1))  # as if the average had no past
        least = np.fmin(least, smoothed[:, step])
        ended = ~(smoothed[:, step] <= ramp.stop_factor * least)  # true for NaN as well
        rows = np.where(ended, np.minimum(rows, step + 1), rows)
        if (rows <= step + 1).all():
            break
    return {"train_loss": losses, "smoothed_loss": smoothed, "rows": rows}


def _endless(data: Data) -> Iterator[Batch]:
    """The batches of one epoch after another, each in a new order."""
    for epoch in itertools.count():
        yield from data.epoch(epoch)
