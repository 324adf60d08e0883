"""Optimizers: the rule that turns a gradient into an update, in PyTorch's arithmetic, for R runs at once."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.registry import Argument, Entry, Registry

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Optimizer(Entry):
    """An optimizer.

    update  (parameter, gradient, state, step, lr, **arguments): changes parameter and state in place

    parameter, gradient  (R, ...)
    state                dict of (R, ...) tensors, empty before the first step
    step                 updates made before this one
    lr                   (R, 1, 1), one learning rate a run
    """

    update: Callable[..., None]


def _adam(
    parameter: Tensor,
    gradient: Tensor,
    state: dict[str, Tensor],
    step: int,
    lr: Tensor,
    beta1: float,
    beta2: float,
) -> None:
    """Kingma & Ba 2015, arXiv:1412.6980, algorithm 1, in the order of operations of torch.optim.Adam."""
    import torch

    if not state:
        state["m"], state["v"] = torch.zeros_like(parameter), torch.zeros_like(parameter)
    m, v = state["m"], state["v"]
    m.mul_(beta1).add_(gradient, alpha=1.0 - beta1)
    v.mul_(beta2).addcmul_(gradient, gradient, value=1.0 - beta2)
    correction1, correction2 = 1.0 - beta1 ** (step + 1), 1.0 - beta2 ** (step + 1)
    denominator = v.sqrt().div_(math.sqrt(correction2)).add_(1e-8)  # torch.optim.Adam's eps
    parameter.sub_(torch.div(m, denominator, out=denominator).mul_(lr / correction1))


def _sgd(
    parameter: Tensor,
    gradient: Tensor,
    state: dict[str, Tensor],
    step: int,
    lr: Tensor,
    momentum: float,
    nesterov: bool,
) -> None:
    """Sutskever 2013's heavy ball as torch.optim.SGD has it: b = momentum · b + g, and W -= lr · b."""
    if momentum:
        if "b" in state:
            state["b"].mul_(momentum).add_(gradient)
        else:
            state["b"] = gradient.clone()  # PyTorch starts the buffer at the first gradient, not at zero
        gradient = gradient + momentum * state["b"] if nesterov else state["b"]
    parameter.sub_(gradient * lr)


OPTIMIZERS: Registry[Optimizer] = Registry(
    "optimizer",
    Optimizer(
        name="adam",
        label="Adam",
        source="torch.optim.Adam; Kingma & Ba 2015, arXiv:1412.6980",
        arguments=(
            Argument(name="beta1", kind=float, default=0.9, minimum=0.0, maximum=0.9999, meaning="memory of the mean"),
            Argument(
                name="beta2", kind=float, default=0.999, minimum=0.0, maximum=0.999999, meaning="memory of the square"
            ),
        ),
        update=_adam,
    ),
    Optimizer(
        name="sgd",
        label="SGD",
        source="torch.optim.SGD; Sutskever 2013",
        arguments=(
            Argument(
                name="momentum", kind=float, default=0.0, minimum=0.0, maximum=0.9999, meaning="heavy-ball momentum"
            ),
            Argument(name="nesterov", kind=bool, default=False, meaning="look ahead before the step; needs momentum"),
        ),
        contradiction=lambda momentum, nesterov: (
            "sgd: nesterov=True needs a momentum above 0, such as momentum=0.9" if nesterov and not momentum else None
        ),
        update=_sgd,
    ),
)
