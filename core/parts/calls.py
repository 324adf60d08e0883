"""A PyTorch scheduler described once, as data: built as a real object, and printed as Python source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.registry import value_text

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Call:
    """The class ``name`` of torch.optim.lr_scheduler, called on the optimizer; its arguments may hold calls again."""

    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True)
class Formula:
    """A Python function of the step, as its source text."""

    text: str


def built(value: Any, optimizer: torch.optim.Optimizer) -> Any:
    """The real objects of a description, on ``optimizer``; everything else as it is."""
    import torch

    if isinstance(value, Call):
        arguments = {name: built(inner, optimizer) for name, inner in value.arguments.items()}
        return getattr(torch.optim.lr_scheduler, value.name)(optimizer, **arguments)
    if isinstance(value, list):
        return [built(inner, optimizer) for inner in value]
    return eval(value.text) if isinstance(value, Formula) else value  # our own text: no word of a user's is in it


def text(value: Any) -> str:
    """A description as Python source, where ``torch`` and ``optimizer`` are in scope."""
    if isinstance(value, Call):
        inner = "".join(f", {name}={text(argument)}" for name, argument in value.arguments.items())
        return f"torch.optim.lr_scheduler.{value.name}(optimizer{inner})"
    if isinstance(value, list):
        return f"[{', '.join(text(inner) for inner in value)}]"
    return value.text if isinstance(value, Formula) else value_text(value)
