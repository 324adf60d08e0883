"""How the gradients of a stack become updates: runs with the same clipper and optimizer, a few calls for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from core.engine import cards
from core.engine.learners import Member, Model, Stack
from core.parts import schedulers
from core.parts.clippers import Clipper, Gradients
from core.parts.optimizers import Optimizer
from core.registry import Part

if TYPE_CHECKING:
    from torch import Tensor


@dataclass
class UpdateGroup:
    """Neighbouring rows with the same clipper and optimizer.

    limits  the clipper's arguments, (r, 1) each
    """

    rows: slice
    clipper: Clipper
    limits: dict[str, Tensor]
    optimizer: Part[Optimizer]
    cycles_momentum: bool
    clip_memory: dict[str, Any] = field(default_factory=dict)
    optimizer_state: dict[str, Tensor] = field(default_factory=dict)


def sorted_by_update(stack: Stack) -> tuple[Stack, np.ndarray]:
    """The stack with runs of a group as neighbours, and where each of its runs stands then, (R,)."""
    order = sorted(range(len(stack.members)), key=lambda r: _update_key(stack.members[r]))
    return replace(stack, members=tuple(stack.members[r] for r in order)), np.argsort(order)


def _update_key(member: Member) -> tuple[str, str, bool]:
    """Runs of one key clip and update their rows together."""
    return member.clipper.entry.name, str(member.optimizer), schedulers.cycles_momentum(member.scheduler)


def update_groups(members: Sequence[Member], like: Tensor) -> list[UpdateGroup]:
    """The groups of a stack that is sorted by them; their tensors have the dtype and device of ``like``."""
    groups, start = [], 0
    for _, neighbours in groupby(members, _update_key):
        group = list(neighbours)
        first, rows = group[0], slice(start, start + len(group))
        limits = {
            name: like.new_tensor([[member.clipper.arguments[name]] for member in group])
            for name in first.clipper.arguments
        }
        cycles = schedulers.cycles_momentum(first.scheduler)
        groups.append(UpdateGroup(rows, first.clipper.entry, limits, first.optimizer, cycles))
        start = rows.stop
    return groups


def clip_group(group: UpdateGroup, model: Model, norms: Tensor) -> Tensor:
    """Clips the gradients of a group's runs in place; which of them were above their threshold, (r,).

    norms  (R,), of every run's whole gradient
    """
    assert group.clipper.clip is not None, f"{group.clipper.name} has nothing to do"
    values, parameters = model.gradient[group.rows], model.parameters[group.rows]
    run = Gradients(values, parameters, norms[group.rows].to(values), model.layout, group.clip_memory)
    clipped: Tensor = group.clipper.clip(run, **group.limits)
    return clipped


def step_group(group: UpdateGroup, model: Model, lr: np.ndarray, momentum: np.ndarray, step: int) -> None:
    """One optimizer step of a group's runs, in place.

    lr, momentum  (R,), of every run; the momentum is used where a schedule cycles it
    step          updates made before this one
    """
    parameters, gradient = model.parameters[group.rows], model.gradient[group.rows]
    rate = cards.sent(lr[group.rows], parameters)[:, None]
    arguments: dict[str, object] = dict(group.optimizer.arguments)
    if group.cycles_momentum:
        arguments[group.optimizer.entry.cycled] = cards.sent(momentum[group.rows], parameters)[:, None]
    group.optimizer.entry.update(parameters, gradient, group.optimizer_state, step, rate, **arguments)
