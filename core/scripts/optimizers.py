"""The optimizer of a script."""

from __future__ import annotations

from core.parts import optimizers


def line(optimizer: str, lr: float) -> str:
    """The line that makes ``optimizer`` for ``model``."""
    return f"optimizer = {optimizers.source(optimizers.OPTIMIZERS.parse(optimizer), lr)}"
