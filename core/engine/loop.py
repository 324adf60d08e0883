"""The training loop: for each batch a list of stages, which observers may look on at.

    zero      the next backward pass starts from no gradient
    backward  the loss of the batch and its gradient
    clip      each run's gradient is shortened
    step      the optimizer moves the parameters
    validate  at the end of an epoch, the loss of the validation rows
    schedule  the learning rate of the next update

A training that is done differently is another list: a stage left out, replaced or at another place. Its loss belongs to
the model, the order of its rows to the data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING

import torch

from core.engine.data import Batch, Data, endless
from core.engine.learners import Member, Model
from core.engine.schedule_trace import Schedule
from core.engine.statistics import vector_norms
from core.engine.updates import clip_group, step_group, update_groups

if TYPE_CHECKING:
    from torch import Tensor


class Training:
    """A stack under training: what its stages read and change.

    step          updates made so far
    batch         the batch of the update at hand
    loss          (R,), of that batch, in float64; like all that follows, it stands where the model is
    has_gradient  the model's gradient counts: the next backward pass adds to it
    clipped       (R,), whose gradient was above its threshold
    validation    loss, accuracy and balanced accuracy (R,) of the validation rows, in float64, at the end of an epoch; else None
    stopped       there are no more updates
    """

    def __init__(self, members: Sequence[Member], model: Model, data: Data, schedule: Schedule) -> None:
        self.model, self.data, self.schedule = model, data, schedule
        self.groups = update_groups(members, model.parameters)
        self.step = 0
        self.batch: Batch
        self.loss = model.parameters.new_zeros(len(members), dtype=torch.float64)
        self.clipped = self.none_clipped = torch.zeros_like(self.loss, dtype=torch.bool)
        self.validation: tuple[Tensor, ...] | None = None
        self.stopped = False
        self.has_gradient = False
        self._norms: Tensor | None = None
        self._batches: Iterator[Batch] = endless(data)

    @property
    def epoch_ends(self) -> bool:
        """Whether the update at hand is the last of its epoch."""
        return (self.step + 1) % self.data.steps_per_epoch == 0

    @property
    def grad_norms(self) -> Tensor:
        """Norm of each run's whole gradient as the backward pass left it, (R,), in float64."""
        if self._norms is None:
            self._norms = vector_norms(self.model.gradient)
        return self._norms

    def run(self, stages: Mapping[str, Stage], observers: Sequence[Observer], steps: int) -> None:
        """Takes the next ``steps`` batches through the stages, fewer where an observer stops it."""
        for batch in islice(self._batches, steps):
            self.batch = batch
            for name, stage in stages.items():
                for observer in observers:
                    observer.before(name, self)
                stage(self)
                for observer in observers:
                    observer.after(name, self)
            self.step += 1
            if self.stopped:
                return

    def backward(self) -> None:
        """The loss of the batch, and its gradient, added to the one that is there."""
        earlier: Tensor | None = self.model.gradient.clone() if self.has_gradient else None
        self.loss = self.model.learn(self.batch)
        if earlier is not None:
            self.model.gradient.add_(earlier)
        self.has_gradient, self._norms = True, None


Stage = Callable[[Training], None]


class Observer:
    """Looks on at a training, and measures; the name is the stage's."""

    def before(self, stage: str, training: Training) -> None:
        """Called before each stage."""

    def after(self, stage: str, training: Training) -> None:
        """Called after each stage."""


def zero(training: Training) -> None:
    """Forgets the gradient."""
    training.has_gradient = False


def backward(training: Training) -> None:
    """Loss and gradient of the batch."""
    training.backward()


def clip(training: Training) -> None:
    """Clips each run's gradient on its own, where there is one."""
    training.clipped = training.none_clipped
    clipping = [group for group in training.groups if group.clipper.clip is not None and training.has_gradient]
    if clipping:
        training.clipped = training.none_clipped.clone()
        for group in clipping:
            training.clipped[group.rows] = clip_group(group, training.model, training.grad_norms)


def step(training: Training) -> None:
    """One optimizer step of every run; without a gradient nothing moves, as in PyTorch."""
    rates = training.schedule
    for group in training.groups if training.has_gradient else ():
        step_group(group, training.model, rates.lr, rates.momentum, training.step)


def validate(training: Training) -> None:
    """At the end of an epoch, what ``measures.VALIDATION`` names of the validation rows."""
    training.validation = None
    if training.epoch_ends:
        training.validation = training.model.evaluate(training.data.validation)


def schedule(training: Training) -> None:
    """Every run's rate and momentum for the next update."""
    validation_loss = None if training.validation is None else training.validation[0]
    training.schedule.advance(training.loss, validation_loss)


STAGES: dict[str, Stage] = {
    "zero": zero,
    "backward": backward,
    "clip": clip,
    "step": step,
    "validate": validate,
    "schedule": schedule,
}


def stages(*names: str) -> dict[str, Stage]:
    """Some of the stages, in this order."""
    return {name: STAGES[name] for name in names}
