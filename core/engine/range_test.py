"""Learning-rate range tests of a stack: the rate grows from step to step until the loss gives up."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from core.engine import cards
from core.engine.learners import Stack, model_of, undisturbed
from core.engine.loop import Observer, Training, stages
from core.engine.schedule_trace import Schedule
from core.engine.updates import sorted_by_update

if TYPE_CHECKING:
    from torch import Tensor


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


@undisturbed
def range_test(stack: Stack, ramp: Ramp, device: str = "cpu") -> dict[str, np.ndarray]:
    """``train_loss`` and ``smoothed_loss``, (R, steps) in float64, and ``rows``, (R,): the steps until each run's end.

    A run's last row is the one whose smoothed loss passes its limit, or whose loss or parameters are not finite any
    more, which is NaN.
    """
    stack, place = sorted_by_update(stack)
    ramp = ramp.of(np.argsort(place))
    course = Training(stack.members, model_of(stack, device), stack.data(device), Schedule.of_rates(ramp.lr))
    curves = SmoothedLosses(ramp)
    course.run(stages("zero", "backward", "clip", "step", "schedule"), [curves], ramp.lr.shape[1])
    columns = {"train_loss": curves.train_loss, "smoothed_loss": curves.smoothed_loss, "rows": curves.rows}
    return {name: values[place] for name, values in columns.items()}


class SmoothedLosses(Observer):
    """Each run's loss, its moving average, and the steps until its end; stops the training when all runs have ended."""

    def __init__(self, ramp: Ramp) -> None:
        runs, steps = ramp.lr.shape
        self._ramp = ramp
        self.train_loss, self.smoothed_loss = np.full((runs, steps), math.nan), np.full((runs, steps), math.nan)
        self.rows = np.full(runs, steps)
        self._average, self._least = np.zeros(runs), np.full(runs, math.inf)
        self._waiting: list[Tensor] = []  # the losses of some steps, (R,) each

    def after(self, stage: str, training: Training) -> None:
        """Notes the loss once its update is made; those of a card once an epoch, since each copy makes it wait."""
        if stage != "step":
            return
        finite = training.model.parameters.isfinite().all(1)
        self._waiting.append(torch.where(finite & training.loss.isfinite(), training.loss, math.nan))
        done = training.step + 1
        if cards.waits(training.loss) and not training.epoch_ends and done < self.train_loss.shape[1]:
            return
        losses = torch.stack(self._waiting).cpu().numpy()
        self._waiting = []
        for step, loss in enumerate(losses, start=done - len(losses)):
            self._note(step, loss)
        training.stopped = bool((self.rows <= done).all())

    def _note(self, step: int, loss: np.ndarray) -> None:
        """One step's loss, (R,)."""
        smoothing = self._ramp.smoothing
        self.train_loss[:, step] = loss
        self._average = smoothing * self._average + (1.0 - smoothing) * loss
        smoothed = self._average / (1.0 - smoothing ** (step + 1))  # as if the average had no past
        self.smoothed_loss[:, step] = smoothed
        self._least = np.fmin(self._least, smoothed)
        ended = ~(smoothed <= self._ramp.stop_factor * self._least)  # true for NaN as well
        self.rows = np.where(ended, np.minimum(self.rows, step + 1), self.rows)
