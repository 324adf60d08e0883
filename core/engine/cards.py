"""What is different on a graphics card: its numbers come later than they are asked for.

A pass asks for none, and measures are copied once an epoch. What does wait: a plateau schedule for its loss, the
clipper ``auto`` for each norm, and ``LayerMeasures`` once a pass for whether a plain one must be made beside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor


def waits(tensor: Tensor) -> bool:
    """Whether the tensor is a card's: to ask whether work can be skipped would cost more than the work."""
    return not tensor.is_cpu


def sent(numbers: np.ndarray, like: Tensor) -> Tensor:
    """A copy of the numbers where ``like`` is, in its dtype; nobody waits until it has arrived."""
    if not like.is_cuda:
        return like.new_tensor(numbers)
    return torch.from_numpy(numbers).to(like.dtype).pin_memory().to(like.device, non_blocking=True)
