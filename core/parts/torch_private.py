"""PyTorch's private doors, all that this lab uses, each with the public way beside it.

The private ways are faster, or spare an import that takes a second. They were tried with the versions of torch below;
with any other the public way is taken, whose numbers differ in their last bits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

TRIED = ("2.13.",)
private = torch.__version__.startswith(TRIED)

FUNCTIONS: dict[str, Callable[..., Tensor]] = {
    "leaky_relu": functional.leaky_relu,  # (z, negative_slope)
    "elu": lambda z, alpha, scale: scale * functional.elu(z, alpha),
    "gelu": functional.gelu,
    "silu": functional.silu,
    "softplus": functional.softplus,  # (z, beta, threshold)
    "mish": functional.mish,
}


def activation(name: str, z: Tensor, out: Tensor, *arguments: float) -> None:
    """out = φ(z) for φ of ``FUNCTIONS``; out may be z."""
    if not private:
        out.copy_(FUNCTIONS[name](z, *arguments))
        return
    more = (1.0,) if name == "elu" else ()  # the scale of its input
    getattr(torch.ops.aten, name).out(z, *arguments, *more, out=out)


def activation_slope(name: str, z: Tensor, out: Tensor, *arguments: float) -> None:
    """out = φ'(z): the function's own backward pass on a gradient of ones."""
    if not private:
        with torch.inference_mode(False), torch.enable_grad():
            inputs = z.detach().clone().requires_grad_()
            (slope,) = torch.autograd.grad(FUNCTIONS[name](inputs, *arguments).sum(), inputs)
        out.copy_(slope)
        return
    ones, aten = torch.ones_like(out), torch.ops.aten
    if name == "mish":
        out.copy_(aten.mish_backward(ones, z))
    elif name == "elu":
        aten.elu_backward.grad_input(ones, *arguments, 1.0, False, z, grad_input=out)
    elif name == "leaky_relu":
        aten.leaky_relu_backward.grad_input(ones, z, *arguments, False, grad_input=out)
    elif name == "gelu":
        aten.gelu_backward.grad_input(ones, z, approximate="none", grad_input=out)
    else:
        getattr(aten, f"{name}_backward").grad_input(ones, z, *arguments, grad_input=out)


def tanh_backward(gradient: Tensor, h: Tensor, out: Tensor) -> None:
    """out = gradient · (1 - h²), for h = tanh(z), in one pass."""
    if private:
        torch.ops.aten.tanh_backward.grad_input(gradient, h, grad_input=out)
    else:
        torch.mul(gradient, torch.addcmul(torch.ones_like(h), h, h, value=-1), out=out)


def sigmoid_backward(gradient: Tensor, h: Tensor, out: Tensor) -> None:
    """out = gradient · h (1 - h), for h = σ(z), in one pass."""
    if private:
        torch.ops.aten.sigmoid_backward.grad_input(gradient, h, grad_input=out)
    else:
        torch.mul(gradient, torch.addcmul(h, h, h, value=-1), out=out)


def adam_direction(
    out: Tensor, gradient: Tensor, m: Tensor, v: Tensor, step: int, beta1: float, beta2: float, eps: float
) -> bool:
    """Adam's step number ``step``, from 0, at rate 1 from zero, into ``out``; m and v are brought up to date.

    Returns whether it is done: PyTorch's fused step knows contiguous tensors on a CPU alone.
    """
    if not private or not gradient.is_contiguous() or gradient.device.type != "cpu":
        return False
    count = torch.full((), float(step + 1))
    torch._fused_adam_(
        [out.zero_()], [gradient], [m], [v], [], [count],
        lr=1.0, beta1=beta1, beta2=beta2, weight_decay=0.0, eps=eps, amsgrad=False, maximize=False,
    )  # fmt: skip
    return True


class _BareOptimizer(torch.optim.Optimizer):
    """What a scheduler reads and sets of an optimizer, without parameters.

    PyTorch's own ``__init__`` and ``step`` would load its compiler, which takes a second.
    """

    def __init__(self, defaults: dict[str, Any]) -> None:
        self.defaults = defaults
        self.param_groups = [{"params": [], **defaults}]

    def step(self, closure: Any = None) -> Any:
        """Nothing: a scheduler wants to see that it was called."""


def idle_optimizer(name: str, lr: float, arguments: dict[str, Any]) -> torch.optim.Optimizer:
    """An optimizer of the class ``name`` of torch.optim for a scheduler to work on; it has nothing to do."""
    if private:
        return _BareOptimizer({"lr": lr, **arguments})
    nothing = torch.nn.Parameter(torch.zeros(()))
    optimizer: torch.optim.Optimizer = getattr(torch.optim, name)([nothing], lr=lr, **arguments)
    return optimizer
