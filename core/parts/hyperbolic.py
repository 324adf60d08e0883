"""tanh of every number of a tensor, by whichever of NumPy and PyTorch is faster on this processor.

NumPy has vector loops of its own, on the same memory. Nanoseconds a number on one core, NumPy against PyTorch:

    with AVX-512    float32 0.38 against 2.5, float64 1.7 against 4.8
    with AVX2       float32 2.6 against 3.1 to 4.0, float64 13 against 5.8
    without either  float32 18 against 4.0, float64 18 against 5.8

What the processor can do decides, not a clock: the two differ in the last place, and all workers of a machine must agree.
Both are within 2 units in the last place of the truth, and give a number the same bits wherever it stands.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from core.parts.processor import AVX2, AVX512, SIMD

NEEDED = {torch.float32: AVX2, torch.float64: AVX512}  # for NumPy's tanh to be the faster one
_MINUS_ONE = torch.tensor(-1.0)


def tanh(z: Tensor, out: Tensor) -> None:
    """Writes tanh(z) into out, of the same shape and dtype; out may be z."""
    if z.device.type == "cpu" and NEEDED.get(z.dtype) in SIMD:
        np.tanh(z.numpy(), out=out.numpy())
    else:
        torch.tanh(z, out=out)


def by_sigmoid(like: Tensor) -> bool:
    """Whether ``quick_tanh`` of such a tensor is 2σ(2z) - 1."""
    return like.device.type == "cpu" and like.dtype == torch.float32 and AVX512 not in SIMD


def quick_tanh(z: Tensor, out: Tensor, scratch: Tensor) -> None:
    """The same; in float32 without AVX-512 as 2σ(2z) - 1, right to 1e-7 in all and twice as fast.

    scratch  overwritten, of the same shape and dtype; it may be z or out
    """
    if by_sigmoid(z):
        from_sigmoid(torch.sigmoid(torch.mul(z, 2.0, out=scratch), out=scratch), out)
    else:
        tanh(z, out)


def from_sigmoid(sigmoid: Tensor, out: Tensor) -> None:
    """Writes tanh(z) into out, given σ(2z); out may be the same tensor."""
    torch.add(_MINUS_ONE, sigmoid, alpha=2.0, out=out)
