"""Learning rates and momenta over a training: traced from PyTorch's own schedulers, on optimizers that have nothing to do."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from core.parts import schedulers
from core.parts.optimizers import OPTIMIZERS, Optimizer
from core.parts.schedulers import SCHEDULERS, Scheduler
from core.parts.torch_private import idle_optimizer
from core.registry import Part

if TYPE_CHECKING:
    from torch import Tensor

    from core.engine.learners import Member


def _idle(part: Part[Optimizer], lr: float) -> torch.optim.Optimizer:
    """An optimizer for a scheduler to work on, which has nothing to do."""
    name, arguments = part.entry.recipe(**part.arguments)
    return idle_optimizer(name, lr, arguments)


def _momentum(part: Part[Optimizer], group: dict[str, Any]) -> float:
    """The momentum or Adam's beta1 of a parameter group; NaN where RMSprop has none."""
    if "betas" in group:
        return float(group["betas"][0])
    return math.nan if part.entry.name == "rmsprop" and not group["momentum"] else float(group["momentum"])


class ScheduleTrace(NamedTuple):
    """What each update uses: its learning rate and its momentum (Adam's beta1), (updates,) each, in float64.

    The momentum is NaN where RMSprop has none. Both are read-only.
    """

    lr: np.ndarray
    momentum: np.ndarray


@lru_cache(maxsize=1024)
def trace(
    scheduler: Part[Scheduler],
    optimizer: Part[Optimizer],
    base_lr: float,
    epochs: int,
    steps_per_epoch: int,
    first: bool = False,
) -> ScheduleTrace:
    """The rates of every update of a training, ``epochs · steps_per_epoch`` of them, as a plain loop meets them.

    The scheduler is stepped after each batch, or after the last batch of each epoch, as ``per`` says; where it comes
    ``first``, before it. One that needs the loss can't be traced: see ``Plateaus``.
    """
    assert not scheduler.entry.needs_loss, f"{scheduler} needs the loss, so there is nothing to trace"
    rule = _idle(optimizer, base_lr)
    schedule = schedulers.make(scheduler, rule, base_lr, epochs, steps_per_epoch)
    per_epoch = schedulers.stepping(scheduler) == "epoch"
    rates = []
    for update in range(epochs if per_epoch else epochs * steps_per_epoch):
        if update or first:
            rule.step()  # before the scheduler's, or PyTorch warns
            schedule.step()
        (group,) = rule.param_groups
        rates.append((group["lr"], _momentum(optimizer, group)))
    lr, momentum = np.array(rates, dtype=np.float64).reshape(-1, 2).repeat(steps_per_epoch if per_epoch else 1, 0).T
    for values in (lr, momentum):
        values.setflags(write=False)
    return ScheduleTrace(lr, momentum)


class Plateaus:
    """R of PyTorch's ReduceLROnPlateau, one a run, each with its own arguments and base learning rate.

    lr  (R,), float64: the learning rate of each run's next update
    """

    def __init__(self, parts: Sequence[Part[Scheduler]], base_lrs: Sequence[float]) -> None:
        assert all(part.entry.needs_loss for part in parts), "these schedules can be traced"
        self._rules = [_idle(OPTIMIZERS.parse("sgd"), lr) for lr in base_lrs]
        self._schedules: list[Any] = [
            schedulers.make(part, rule, lr, 1, 1) for part, rule, lr in zip(parts, self._rules, base_lrs, strict=True)
        ]

    @property
    def lr(self) -> np.ndarray:  # noqa: D102  # said above
        return np.array([rule.param_groups[0]["lr"] for rule in self._rules], dtype=np.float64)

    def step(self, losses: np.ndarray) -> None:
        """Shows each run its loss, (R,); a loss that is NaN is no progress."""
        for schedule, loss in zip(self._schedules, losses, strict=True):
            schedule.step(float(loss))


class Schedule:
    """Learning rate and momentum of every run's next update, (R,) each, in float64; NaN where there is none.

    plateaus  by ``epoch`` or ``batch``, the runs whose rate depends on a loss, and their rules
    """

    def __init__(
        self, lr: np.ndarray, momentum: np.ndarray, plateaus: dict[str, tuple[list[int], Plateaus]] | None = None
    ) -> None:
        self._lr, self._momentum, self._plateaus = lr, momentum, plateaus or {}
        self._update = 0
        self._set()

    @classmethod
    def of(cls, members: Sequence[Member], epochs: int, steps_per_epoch: int, first: bool = False) -> Schedule:
        """Each run's own, over a training of so many epochs; ``first``: stepped before the optimizer."""
        traces = []
        by_loss: dict[str, list[int]] = {}
        for r, member in enumerate(members):
            scheduler = member.scheduler
            if scheduler.entry.needs_loss:
                by_loss.setdefault(schedulers.stepping(scheduler), []).append(r)
                scheduler = SCHEDULERS.parse("constant")  # until it meets a loss
            traces.append(trace(scheduler, member.optimizer, member.base_lr, epochs, steps_per_epoch, first))
        plateaus = {
            per: (rows, Plateaus([members[r].scheduler for r in rows], [members[r].base_lr for r in rows]))
            for per, rows in by_loss.items()
        }
        return cls(
            np.stack([course.lr for course in traces]), np.stack([course.momentum for course in traces]), plateaus
        )

    @classmethod
    def constant(cls, members: Sequence[Member], steps: int) -> Schedule:
        """Each run's base rate, whatever its scheduler."""
        return cls.of_rates(np.repeat([[member.base_lr] for member in members], max(1, steps), 1))

    @classmethod
    def of_rates(cls, lr: np.ndarray) -> Schedule:
        """Rates (R, steps) that are known beforehand; no momentum is cycled."""
        return cls(lr, np.full_like(lr, math.nan))

    def advance(self, train_loss: Tensor, validation_loss: Tensor | None) -> None:
        """On to the next update; at the end of a training the rates stay. A loss is looked at only where a rate depends on it.

        train_loss       (R,), of the latest batch
        validation_loss  (R,), at the end of an epoch; else None
        """
        self._update = min(self._update + 1, self._lr.shape[1] - 1)
        self._set()
        for per, (rows, plateaus) in self._plateaus.items():
            losses = train_loss if per == "batch" else validation_loss
            if losses is not None:
                plateaus.step(losses.cpu().numpy()[rows])
            self.lr[rows] = plateaus.lr

    def _set(self) -> None:
        self.lr, self.momentum = self._lr[:, self._update].copy(), self._momentum[:, self._update].copy()
