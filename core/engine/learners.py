"""What is computed together: a stack of runs of one shape, and the model that holds all their networks."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Concatenate, ParamSpec, Protocol, TypeVar

import torch

from core.engine import draws, losses, padded
from core.engine.data import Batch, Data, data_of
from core.engine.layout import Layout
from core.engine.losses import Loss
from core.engine.multilayer import Multilayer
from core.engine.network import Network
from core.engine.products import unwarned
from core.engine.recurrent import Recurrent
from core.engine.transformer import Blocks, Transformer
from core.parts.clippers import CLIPPERS, Clipper
from core.parts.datasets import Dataset
from core.parts.optimizers import OPTIMIZERS, Optimizer
from core.parts.schedulers import SCHEDULERS, Scheduler
from core.registry import Part

if TYPE_CHECKING:
    from torch import Tensor

NO_CLIPPER, SGD, CONSTANT = CLIPPERS.parse("none"), OPTIMIZERS.parse("sgd"), SCHEDULERS.parse("constant")
DTYPES = {"float32": torch.float32, "float64": torch.float64}
P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Member:
    """What a run of a stack has for itself; ``base_lr`` is NaN where its rates come from elsewhere, or from nowhere."""

    init: str
    seed: int
    base_lr: float = math.nan
    clipper: Part[Clipper] = NO_CLIPPER
    optimizer: Part[Optimizer] = SGD
    scheduler: Part[Scheduler] = CONSTANT


@dataclass(frozen=True)
class Stack:
    """R runs of one shape.

    network  an mlp's or a transformer's; recurrent models have None and ``width`` alone
    loss     of an mlp; empty for what the dataset asks for
    """

    model: str
    network: Network | Blocks | None
    width: int
    dataset: Part[Dataset]
    batch_size: int
    dtype: str
    members: tuple[Member, ...]
    loss: str = ""

    @property
    def seeds(self) -> list[int]:
        """Each run's seed."""
        return [member.seed for member in self.members]

    @property
    def draws(self) -> tuple[tuple[str, int], ...]:
        """Each run's init and seed, which its first weights follow from."""
        return tuple((member.init, member.seed) for member in self.members)

    def data(self, device: str) -> Data:
        """What the runs read."""
        return data_of(self.dataset, self.seeds, self.batch_size, DTYPES[self.dtype], device, self.width)


def undisturbed(compute: Callable[Concatenate[Stack, P], T]) -> Callable[Concatenate[Stack, P], T]:
    """``compute``, while PyTorch keeps no books for a backward pass of its own, which take a seventh of a small stack's time.

    All gradients here are written by hand, but for the transformer's. Numbers that overflow are not warned of.
    """

    @wraps(compute)
    def computed(stack: Stack, *args: P.args, **kwargs: P.kwargs) -> T:
        with torch.inference_mode(not isinstance(stack.network, Blocks)), unwarned():
            return compute(stack, *args, **kwargs)

    return computed


class Model(Protocol):
    """R networks that learn together; parameters and gradient are (R, P)."""

    layout: Layout
    parameters: Tensor
    gradient: Tensor

    def learn(self, batch: Batch) -> Tensor:
        """Each run's loss (R,); the gradient stands in ``gradient`` then."""
        ...

    def evaluate(self, batch: Batch) -> tuple[Tensor, ...]:
        """Each run's loss, accuracy and balanced accuracy (R,)."""
        ...


def model_of(stack: Stack, device: str) -> Model:
    """The stack's networks, as drawn."""
    dtype = DTYPES[stack.dtype]
    if isinstance(stack.network, Network):
        plain = losses.plain_cross_entropy if stack.network.classes > 1 else losses.squared_error
        loss = loss_of(stack, device) if stack.loss else plain
        return Multilayer(stack.network, stack.draws, loss, dtype, device)
    features = stack.dataset.entry.shape(**stack.dataset.arguments).features
    assert features is not None
    if stack.network is not None:
        return Transformer(stack.network, features, stack.draws, dtype, device)
    return Recurrent(stack.model, stack.width, features, stack.draws, dtype, device)


def loss_of(stack: Stack, device: str) -> Loss:
    """The stack's loss by its name, such that no small gradient is lost."""
    if stack.loss == "cross_entropy":
        return losses.cross_entropy
    if stack.loss == "mse":
        return losses.mse
    readout = _fixed_readout(stack).to(device, DTYPES[stack.dtype])
    return lambda signal, _, size, rows: losses.projection(signal, readout, size, rows)


def _fixed_readout(stack: Stack) -> Tensor:
    """v of the loss Σ v · h, (R, H, 1), float32: all ones for ``sum``, drawn for ``projection``."""
    readout = torch.zeros(len(stack.members), padded(stack.width), 1)
    readout[:, : stack.width] = 1.0
    if stack.loss == "projection":
        readout[:, : stack.width, 0] = torch.stack([draws.normal(s, "projection", stack.width) for s in stack.seeds])
    return readout
