"""Learning rates over a training: traced from PyTorch's own schedulers, on optimizers that have nothing to do."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import torch

from core.parts import schedulers
from core.parts.optimizers import OPTIMIZERS, Optimizer
from core.parts.schedulers import Scheduler
from core.registry import Part


class _Idle(torch.optim.Optimizer):
    """What a scheduler reads and sets of an optimizer, which has no parameters.

    PyTorch's own ``__init__`` and ``step`` would load its compiler, which takes a second.
    """

    def __init__(self, part: Part[Optimizer], lr: float) -> None:
        name, arguments = part.entry.recipe(**part.arguments)
        self.defaults = {"lr": lr, **arguments}
        self.param_groups = [{"params": [], **self.defaults}]
        self._rmsprop = name == "RMSprop"

    def step(self, closure: Any = None) -> Any:
        """Nothing: a scheduler wants to see that it was called."""

    @property
    def momentum(self) -> float:
        """The momentum or Adam's beta1; NaN where RMSprop has none."""
        group = self.param_groups[0]
        if "betas" in group:
            return float(group["betas"][0])
        return math.nan if self._rmsprop and not group["momentum"] else float(group["momentum"])


class Rates(NamedTuple):
    """What each update uses: its learning rate and its momentum (Adam's beta1), (updates,) each, in float64.

    The momentum is NaN where RMSprop has none. Both are read-only.
    """

    lr: np.ndarray
    momentum: np.ndarray


@lru_cache(maxsize=1024)
def trace(
    scheduler: Part[Scheduler], optimizer: Part[Optimizer], base_lr: float, epochs: int, steps_per_epoch: int
) -> Rates:
    """The rates of every update of a training, ``epochs · steps_per_epoch`` of them, as a plain loop meets them.

    The scheduler is stepped after each batch, or after the last batch of each epoch, as ``per`` says. One that
    needs the loss can't be traced: see ``Plateaus``.
    """
    assert not scheduler.entry.needs_loss, f"{scheduler} needs the loss, so there is nothing to trace"
    rule = _Idle(optimizer, base_lr)
    schedule = schedulers.make(scheduler, rule, base_lr, epochs, steps_per_epoch)
    per_epoch = schedulers.stepping(scheduler) == "epoch"
    rates = []
    for _ in range(epochs if per_epoch else epochs * steps_per_epoch):
        rates.append((rule.param_groups[0]["lr"], rule.momentum))
        rule.step()  # before the scheduler's, or PyTorch warns
        schedule.step()
    lr, momentum = np.array(rates, dtype=np.float64).reshape(-1, 2).repeat(steps_per_epoch if per_epoch else 1, 0).T
    for values in (lr, momentum):
        values.setflags(write=False)
    return Rates(lr, momentum)


class Plateaus:
    """R of PyTorch's ReduceLROnPlateau, one a run, each with its own arguments and base learning rate.

    lr  (R,), float64: the learning rate of each run's next update
    """

    def __init__(self, parts: Sequence[Part[Scheduler]], base_lrs: Sequence[float]) -> None:
        assert all(part.entry.needs_loss for part in parts), "these schedules can be traced"
        self._rules = [_Idle(OPTIMIZERS.parse("sgd"), lr) for lr in base_lrs]
        self._schedules: list[Any] = [
            schedulers.make(part, rule, lr, 1, 1) for part, rule, lr in zip(parts, self._rules, base_lrs, strict=True)
        ]

    @property
    def lr(self) -> np.ndarray:  # noqa: D102  # said above
        return np.array([rule.param_groups[0]["lr"] for rule in self._rules], dtype=np.float64)

    def step(self, losses: np.ndarray) -> None:
        """Shows each run its validation loss, (R,); a loss that is NaN is no progress."""
        for schedule, loss in zip(self._schedules, losses, strict=True):
            schedule.step(float(loss))
