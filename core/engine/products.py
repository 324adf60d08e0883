"""Matrix products of stacks, one matrix a run, by whichever of NumPy and PyTorch is faster on this processor.

Both work on the same memory. NumPy's OpenBLAS brings a kernel for every processor, while the MKL inside PyTorch keeps to
AVX2 on those of other makers. (64 × 64) × (64 × 128) on one core, GF/s, NumPy against PyTorch:

    with AVX-512 (Zen 5)  float32 250 against 100
    with AVX2 (Zen 3)     float32 68 against 73, and 48 against 53 where operands come from memory; float64 27 against 19

What the processor can do decides, not a clock: the two differ in the last place, and all workers of a machine must agree.
Either way each matrix is multiplied for itself, so that a run's bits do not depend on its stack.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch import Tensor

from core.parts.processor import AVX2, AVX512, SIMD


def product(left: Tensor, right: Tensor, out: Tensor | None = None) -> Tensor:
    """left · right for every run; written to ``out`` where it is given.

    left     (R, n, k)
    right    (R, k, m)
    returns  (R, n, m)
    """
    if _by_torch(left):
        if out is None or out.is_contiguous():
            return torch.bmm(left, right, out=out)
        return out.copy_(torch.bmm(left, right))  # over an ``out`` with gaps PyTorch multiplies matrix by matrix
    if out is None:
        out = left.new_empty(left.shape[0], left.shape[1], right.shape[2])
    with unwarned():
        np.matmul(left.numpy(), right.numpy(), out=out.numpy())
    return out


def repeated(left: Tensor, right: Tensor, out: Tensor) -> Callable[[], object]:
    """What computes the product of the same memory again whenever it is called, under ``unwarned``.

    For the many small products of a loop: what a call costs beside the product is spent once.
    """
    if _by_torch(left):
        return partial(torch.bmm, left, right, out=out)
    return partial(np.matmul, left.numpy(), right.numpy(), out.numpy())


def unwarned() -> np.errstate:
    """No warning of numbers that overflow: a diverged run is a result."""
    return np.errstate(over="ignore", invalid="ignore")


def _by_torch(operand: Tensor) -> bool:
    """Whether PyTorch multiplies; NumPy knows no GPU."""
    return operand.is_cuda or (operand.dtype == torch.float32 and AVX2 in SIMD and AVX512 not in SIMD)
