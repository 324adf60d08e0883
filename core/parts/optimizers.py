"""Optimizers: the rule that turns a gradient into an update, in PyTorch's arithmetic, for R runs at once."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.registry import Argument, Entry, Part, Registry

if TYPE_CHECKING:
    from torch import Tensor

EPS = 1e-8  # as torch.optim.Adam, AdamW and RMSprop


@dataclass(frozen=True, kw_only=True)
class Optimizer(Entry):
    """An optimizer.

    update  (parameter, gradient, state, step, lr, **arguments): changes parameter and state in place
    recipe  (**arguments) -> name of the class in torch.optim, its keyword arguments without lr
    cycled  name of the argument that a schedule which cycles momentum changes

    parameter, gradient  (R, ...)
    state                dict of (R, ...) tensors, empty before the first step
    step                 updates made before this one
    lr                   one learning rate a run, broadcasting against the parameter: (R, 1, 1) for (R, H, D)
    arguments            numbers; the one that is ``cycled`` may be a tensor like lr
    """

    update: Callable[..., None]
    recipe: Callable[..., tuple[str, dict[str, object]]]
    cycled: str


def source(part: Part[Optimizer], lr: float) -> str:
    """The Python expression for PyTorch's own optimizer, where ``torch`` and ``model`` are in scope."""
    name, arguments = part.entry.recipe(**part.arguments)
    code = ", ".join(f"{argument}={value}" for argument, value in {"lr": lr, **arguments}.items())
    return f"torch.optim.{name}(model.parameters(), {code})"


def _like(value: float | Tensor, parameter: Tensor) -> Any:
    """A number as it is, a tensor in the parameter's dtype."""
    return value if isinstance(value, float) else value.to(parameter.dtype)


def _is_on(momentum: float | Tensor) -> bool:
    """Whether there is a buffer to keep; for a tensor always, so that no run depends on the others' momentum."""
    return not isinstance(momentum, float) or momentum > 0


def _adam(
    parameter: Tensor,
    gradient: Tensor,
    state: dict[str, Tensor],
    step: int,
    lr: Tensor,
    beta1: float | Tensor,
    beta2: float,
) -> None:
    """Kingma & Ba 2015, arXiv:1412.6980, algorithm 1, in the order of operations of torch.optim.Adam."""
    import torch

    from core.parts import torch_private

    if not state:
        state["m"], state["v"] = torch.zeros_like(parameter), torch.zeros_like(parameter)
    m, v = state["m"], state["v"]
    if isinstance(beta1, float):
        # PyTorch's own fused step knows one rate alone: taken at rate 1 from zero, it leaves minus each run's direction
        moved = state.setdefault("moved", torch.empty_like(parameter))
        if torch_private.adam_direction(moved, gradient, m, v, step, beta1, beta2, EPS):
            parameter.addcmul_(moved, _like(lr, m))
            return
    m.lerp_(gradient, _like(1.0 - beta1, m))  # β₁ m + (1 − β₁) g
    v.mul_(beta2).addcmul_(gradient, gradient, value=1.0 - beta2)
    # PyTorch corrects with the current β₁ to the power of the step, as if it had never been another
    correction1, correction2 = 1.0 - beta1 ** (step + 1), 1.0 - beta2 ** (step + 1)
    denominator = v.sqrt().div_(math.sqrt(correction2)).add_(EPS)
    parameter.sub_(torch.div(m, denominator, out=denominator).mul_(_like(lr / correction1, m)))


def _adamw(
    parameter: Tensor,
    gradient: Tensor,
    state: dict[str, Tensor],
    step: int,
    lr: Tensor,
    beta1: float | Tensor,
    beta2: float,
    weight_decay: float,
) -> None:
    """Loshchilov & Hutter 2019, arXiv:1711.05101, algorithm 2: W *= 1 - lr · weight_decay, then Adam."""
    parameter.mul_(1.0 - lr * weight_decay)
    _adam(parameter, gradient, state, step, lr, beta1, beta2)


def _sgd(
    parameter: Tensor,
    gradient: Tensor,
    state: dict[str, Tensor],
    step: int,
    lr: Tensor,
    momentum: float | Tensor,
    nesterov: bool,
) -> None:
    """Sutskever 2013's heavy ball as torch.optim.SGD has it: b = momentum · b + g, and W -= lr · b."""
    if _is_on(momentum):
        momentum = _like(momentum, parameter)
        if "b" in state:
            state["b"].mul_(momentum).add_(gradient)
        else:
            state["b"] = gradient.clone()  # PyTorch starts the buffer at the first gradient, not at zero
        gradient = gradient + momentum * state["b"] if nesterov else state["b"]
    parameter.sub_(gradient * lr)


def _rmsprop(
    parameter: Tensor,
    gradient: Tensor,
    state: dict[str, Tensor],
    step: int,
    lr: Tensor,
    alpha: float,
    momentum: float | Tensor,
) -> None:
    """Hinton 2012's lecture as torch.optim.RMSprop has it: b = momentum · b + g / (√v + eps), and W -= lr · b."""
    import torch

    if not state:
        state["v"] = torch.zeros_like(parameter)
    v = state["v"].mul_(alpha).addcmul_(gradient, gradient, value=1.0 - alpha)
    change = gradient / v.sqrt().add_(EPS)
    if _is_on(momentum):
        if "b" not in state:
            state["b"] = torch.zeros_like(parameter)
        change = state["b"].mul_(_like(momentum, parameter)).add_(change)
    parameter.sub_(change * lr)


_BETAS = (
    Argument(name="beta1", kind=float, default=0.9, minimum=0.0, maximum=0.9999, meaning="memory of the mean"),
    Argument(name="beta2", kind=float, default=0.999, minimum=0.0, maximum=0.999999, meaning="memory of the square"),
)
_MOMENTUM = Argument(
    name="momentum", kind=float, default=0.0, minimum=0.0, maximum=0.9999, meaning="heavy-ball momentum"
)

OPTIMIZERS: Registry[Optimizer] = Registry(
    "optimizer",
    Optimizer(
        name="adam",
        label="Adam",
        source="torch.optim.Adam; Kingma & Ba 2015, arXiv:1412.6980",
        arguments=_BETAS,
        update=_adam,
        recipe=lambda beta1, beta2: ("Adam", {"betas": (beta1, beta2)}),
        cycled="beta1",
    ),
    Optimizer(
        name="sgd",
        label="SGD",
        source="torch.optim.SGD; Sutskever 2013",
        arguments=(
            _MOMENTUM,
            Argument(name="nesterov", kind=bool, default=False, meaning="look ahead before the step; needs momentum"),
        ),
        contradiction=lambda momentum, nesterov: (
            "sgd: nesterov=True needs a momentum above 0, such as momentum=0.9" if nesterov and not momentum else None
        ),
        update=_sgd,
        recipe=lambda momentum, nesterov: ("SGD", {"momentum": momentum, "nesterov": nesterov}),
        cycled="momentum",
    ),
    Optimizer(
        name="adamw",
        label="AdamW",
        source="torch.optim.AdamW; Loshchilov & Hutter 2019, arXiv:1711.05101",
        arguments=(
            *_BETAS,
            Argument(
                name="weight_decay",
                kind=float,
                default=0.01,
                minimum=0.0,
                maximum=10.0,
                meaning="share of lr that each weight loses an update",
            ),
        ),
        update=_adamw,
        recipe=lambda beta1, beta2, weight_decay: ("AdamW", {"betas": (beta1, beta2), "weight_decay": weight_decay}),
        cycled="beta1",
    ),
    Optimizer(
        name="rmsprop",
        label="RMSprop",
        source="torch.optim.RMSprop; Hinton 2012, lecture 6",
        arguments=(
            Argument(
                name="alpha", kind=float, default=0.99, minimum=0.0, maximum=0.999999, meaning="memory of the square"
            ),
            _MOMENTUM,
        ),
        update=_rmsprop,
        recipe=lambda alpha, momentum: ("RMSprop", {"alpha": alpha, "momentum": momentum}),
        cycled="momentum",
    ),
)
