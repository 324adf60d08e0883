"""The optimizer of a script."""

from __future__ import annotations

from core.parts.optimizers import OPTIMIZERS, Optimizer
from core.registry import Part


def line(optimizer: str, lr: float) -> str:
    """The line that makes ``optimizer`` for ``model``."""
    return f"optimizer = {optimizer_source(OPTIMIZERS.parse(optimizer), lr)}"


def optimizer_source(part: Part[Optimizer], lr: float) -> str:
    """The torch.optim object that this part stands for, as text."""
    values = dict(part.arguments)
    written = {"lr": repr(lr)}
    if "beta1" in values:
        written["betas"] = f"({values.pop('beta1')}, {values.pop('beta2')})"
    written |= {
        argument.name: str(values[argument.name]) for argument in part.entry.arguments if argument.name in values
    }
    kind = {"adam": "Adam", "sgd": "SGD"}[part.entry.name]
    inner = ", ".join(f"{name}={value}" for name, value in written.items())
    return f"torch.optim.{kind}(model.parameters(), {inner})"
