"""Training of a stack: R runs that share their shape and data, each with its own rate, clipper, optimizer and order."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch

from core.engine.data import Batch, data_of
from core.engine.flow import DTYPES
from core.engine.layout import Layout
from core.engine.multilayer import Multilayer
from core.engine.network import Network
from core.engine.rates import Plateaus, trace
from core.engine.recurrent import Recurrent
from core.engine.statistics import vector_norms
from core.engine.transformer import Blocks, Transformer
from core.parts import schedulers
from core.parts.clippers import Clipper
from core.parts.datasets import Dataset
from core.parts.optimizers import Optimizer
from core.parts.schedulers import SCHEDULERS, Scheduler
from core.registry import Part

if TYPE_CHECKING:
    from torch import Tensor

CONSTANT = SCHEDULERS.parse("constant")
MEASURES = (
    "lr",
    "momentum",
    "train_loss",
    "val_loss",
    "val_accuracy",
    "grad_norm",
    "clipped_grad_norm",
    "clip_cosine",
    "clipped",
    "update_norm",
    "diverged",
)


@dataclass(frozen=True)
class Member:
    """What a run of a stack has for itself; ``base_lr`` is NaN where its rates come from elsewhere."""

    init: str
    seed: int
    base_lr: float
    clipper: Part[Clipper]
    optimizer: Part[Optimizer]
    scheduler: Part[Scheduler]


@dataclass(frozen=True)
class Stack:
    """R runs of one shape. ``network`` is an mlp's or a transformer's; recurrent models have None and ``width`` alone."""

    model: str
    network: Network | Blocks | None
    width: int
    dataset: Part[Dataset]
    batch_size: int
    dtype: str
    members: tuple[Member, ...]


class Courses(Protocol):
    """What updates use: learning rate and momentum of every run and step, (R, steps)."""

    @property
    def lr(self) -> np.ndarray: ...  # noqa: D102  # said above
    @property
    def momentum(self) -> np.ndarray: ...  # noqa: D102


class Model(Protocol):
    """R networks that learn together; parameters and gradient are (R, P)."""

    layout: Layout
    parameters: Tensor
    gradient: Tensor

    def learn(self, batch: Batch) -> Tensor:
        """Each run's loss (R,); the gradient stands in ``gradient`` then."""
        ...

    def evaluate(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Each run's loss and accuracy (R,)."""
        ...


def model_of(stack: Stack, device: str) -> Model:
    """The stack's networks, as drawn."""
    runs = tuple((member.init, member.seed) for member in stack.members)
    dtype = DTYPES[stack.dtype]
    if isinstance(stack.network, Network):
        return Multilayer(stack.network, runs, dtype, device)
    features = stack.dataset.entry.shape(**stack.dataset.arguments).features
    assert features is not None
    if stack.network is not None:
        return Transformer(stack.network, features, runs, dtype, device)
    return Recurrent(stack.model, stack.width, features, runs, dtype, device)


def training(stack: Stack, epochs: int, device: str = "cpu") -> dict[str, np.ndarray]:
    """Every measure of ``MEASURES``, (R, steps) in float64; NaN where a measure does not apply.

    One row per update. From the update on after which a run's loss or parameters are not finite, its numbers are NaN
    and ``diverged`` is 1. ``clipped`` and ``diverged`` are 0 or 1.
    """
    ordered, back = in_groups(stack)
    measured = _training(ordered, epochs, device)
    return {name: values[back] for name, values in measured.items()}


def in_groups(stack: Stack) -> tuple[Stack, np.ndarray]:
    """The stack with runs of a group as neighbours, and where each of its runs stands then, (R,)."""
    order = sorted(range(len(stack.members)), key=lambda r: _group(stack.members[r]))
    return replace(stack, members=tuple(stack.members[r] for r in order)), np.argsort(order)


def _group(member: Member) -> tuple[str, str, bool]:
    """Runs with the same clip and update their rows together."""
    return member.clipper.entry.name, str(member.optimizer), schedulers.cycles_momentum(member.scheduler)


def _training(stack: Stack, epochs: int, device: str) -> dict[str, np.ndarray]:
    data = data_of(
        stack.dataset, [member.seed for member in stack.members], stack.batch_size, DTYPES[stack.dtype], device
    )
    model = model_of(stack, device)
    rates = _Rates(stack, epochs, data.steps_per_epoch)
    groups = groups_of(stack.members, model)
    shape = (len(stack.members), epochs * data.steps_per_epoch)
    measured = {name: np.full(shape, math.nan) for name in MEASURES}
    measured["lr"], measured["momentum"] = rates.lr, rates.momentum
    before = torch.empty_like(model.parameters)
    step = 0
    for epoch in range(epochs):
        for batch in data.epoch(epoch):
            row = {name: values[:, step] for name, values in measured.items()}
            row["train_loss"][:] = model.learn(batch).cpu().numpy()
            row["grad_norm"][:] = vector_norms(model.gradient)
            clip(model, groups, row)
            before.copy_(model.parameters)
            update(model, groups, rates, step)
            row["update_norm"][:] = vector_norms(before.sub_(model.parameters))
            step += 1
            rates.fed(row["train_loss"], step, "batch")
            if step % data.steps_per_epoch == 0:
                loss, accuracy = (values.cpu().numpy() for values in model.evaluate(data.validation))
                row["val_loss"][:], row["val_accuracy"][:] = loss, accuracy
                rates.fed(loss, step, "epoch")
    alive = np.logical_and.accumulate(
        np.isfinite(measured["train_loss"]) & np.isfinite(measured["update_norm"]), axis=1
    )
    measured = {name: np.where(alive, values, math.nan) for name, values in measured.items()}
    measured["diverged"] = (~alive).astype(float)
    measured["clipped"] = np.nan_to_num(measured["clipped"])
    return measured


class _Rates:
    """Learning rate and momentum of every run and step, (R, steps); those that depend on the loss as they come."""

    def __init__(self, stack: Stack, epochs: int, steps_per_epoch: int) -> None:
        steps = epochs * steps_per_epoch
        self.lr = np.full((len(stack.members), steps), math.nan)
        self.momentum = np.full_like(self.lr, math.nan)
        waiting: dict[str, list[int]] = {"epoch": [], "batch": []}
        for r, member in enumerate(stack.members):
            if member.scheduler.entry.needs_loss:
                waiting[schedulers.stepping(member.scheduler)].append(r)
            known = CONSTANT if member.scheduler.entry.needs_loss else member.scheduler  # constant, until it is told
            traced = trace(known, member.optimizer, member.base_lr, epochs, steps_per_epoch)
            self.lr[r], self.momentum[r] = traced.lr, traced.momentum
        self._plateaus = {
            per: (
                rows,
                Plateaus([stack.members[r].scheduler for r in rows], [stack.members[r].base_lr for r in rows]),
            )
            for per, rows in waiting.items()
            if rows
        }

    def fed(self, losses: np.ndarray, step: int, per: str) -> None:
        """Gives losses (R,) to the schedules that are stepped ``per`` epoch or batch; ``step`` updates have been made."""
        if per in self._plateaus:
            rows, plateaus = self._plateaus[per]
            plateaus.step(losses[rows])
            self.lr[rows, step:] = plateaus.lr[:, None]


@dataclass
class _Group:
    """Neighbouring rows with the same clipper and optimizer."""

    rows: slice
    clipper: Clipper
    limits: dict[str, Tensor]  # the clipper's arguments, (r, 1) each
    optimizer: Part[Optimizer]
    cycles: bool
    history: list[Tensor]
    state: dict[str, Tensor]


def groups_of(members: Sequence[Member], model: Model) -> list[_Group]:
    """Neighbouring runs that are clipped and updated together."""
    groups, start = [], 0
    for _, alike in groupby(members, _group):
        own = list(alike)
        limits = {
            name: model.parameters.new_tensor([[member.clipper.arguments[name]] for member in own])
            for name in own[0].clipper.arguments
        }
        rows = slice(start, start + len(own))
        cycles = schedulers.cycles_momentum(own[0].scheduler)
        groups.append(_Group(rows, own[0].clipper.entry, limits, own[0].optimizer, cycles, [], {}))
        start += len(own)
    return groups


def clip(model: Model, groups: Sequence[_Group], row: dict[str, np.ndarray]) -> None:
    """Clips every run's gradient in place; fills ``clipped clipped_grad_norm clip_cosine`` of the row."""
    for group in groups:
        rows = group.rows
        gradient, parameters = model.gradient[rows], model.parameters[rows]
        size = row["grad_norm"][rows]
        if group.clipper.clip is None:
            row["clipped"][rows], row["clipped_grad_norm"][rows] = 0.0, size
            row["clip_cosine"][rows] = np.where(size > 0, 1.0, math.nan)
            continue
        before = None if group.clipper.keeps_direction else gradient.clone()
        norm = torch.from_numpy(size).to(gradient)
        clipped = group.clipper.clip(gradient, parameters, norm, model.layout, group.history, **group.limits)
        row["clipped"][rows] = clipped.cpu().numpy()
        after = row["clipped_grad_norm"][rows] = vector_norms(gradient)
        with np.errstate(invalid="ignore", divide="ignore"):
            if before is None:
                row["clip_cosine"][rows] = np.where((size > 0) & (after > 0), 1.0, math.nan)
            else:
                product = torch.linalg.vecdot(before.double(), gradient.double()).cpu().numpy()
                row["clip_cosine"][rows] = product / (size * after)


def update(model: Model, groups: Sequence[_Group], rates: Courses, step: int) -> None:
    """One optimizer step of every run, in place."""
    for group in groups:
        parameters, gradient = model.parameters[group.rows], model.gradient[group.rows]
        lr = parameters.new_tensor(rates.lr[group.rows, step])[:, None]
        arguments: dict[str, object] = dict(group.optimizer.arguments)
        if group.cycles:
            arguments[group.optimizer.entry.cycled] = parameters.new_tensor(rates.momentum[group.rows, step])[:, None]
        group.optimizer.entry.update(parameters, gradient, group.state, step, lr, **arguments)
