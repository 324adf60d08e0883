"""Powers of two beside a signal: exact factors that keep it within what its dtype can hold.

Exponents are whole numbers, (R,) int64, where the signal is: nothing of them is copied from a card while it computes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from core.engine import cards

if TYPE_CHECKING:
    from torch import Tensor

LARGEST = 2044  # half of it is the exponent of a normal number; what is beyond is taken for it


def powers(exponents: Tensor, like: Tensor) -> Tensor:
    """2^exponents as (R, 1, 1) in the dtype of ``like``; exact, 0 below what the dtype can hold."""
    return ldexp(torch.ones_like(exponents, dtype=torch.float64), exponents).to(like).view(-1, 1, 1)


def ldexp(values: Tensor, exponents: Tensor) -> Tensor:
    """values · 2^exponents, of float64 values, rounded once; torch.ldexp takes its powers in float32. May be ``values`` itself."""
    if not cards.waits(exponents) and not exponents.any():  # as mostly
        return values
    exponents = exponents.clamp(-LARGEST, LARGEST)
    half = exponents >> 1
    return values * _normal_power(half) * _normal_power(exponents - half)


def _normal_power(exponents: Tensor) -> Tensor:
    """2^exponents, -1022 to 1023, from the bits of a float64."""
    return ((exponents + 1023) << 52).view(torch.float64)


def magnitude_exponents(norms: Tensor) -> Tensor:
    """Per run, e with its signal's norm in [2^(e-1), 2^e), so that no |entry| is above 2^e; 0 where that is zero or not finite.

    norms  (R,), of ``vector_norms``
    """
    exponents = torch.frexp(norms).exponent.long()
    return torch.where(norms.isfinite(), exponents, 0)  # frexp(0) is 0 too
