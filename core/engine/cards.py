"""What is different on a graphics card: its numbers come later than they are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def waits(tensor: Tensor) -> bool:
    """Whether an answer about the tensor's numbers has to be waited for, so that a shorter way should not be looked for."""
    return not tensor.is_cpu
