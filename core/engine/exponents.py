"""Powers of two beside a signal: exact factors that keep it within what its dtype can hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from torch import Tensor


def powers(exponents: np.ndarray, like: Tensor) -> Tensor:
    """2^exponents as (R, 1, 1) in the dtype of ``like``; exact, 0 below what the dtype can hold."""
    return torch.from_numpy(np.ldexp(1.0, exponents)).to(like).view(-1, 1, 1)


def magnitude_exponents(norms: np.ndarray) -> np.ndarray:
    """Per run, e with its signal's norm in [2^(e-1), 2^e), so that no |entry| is above 2^e; 0 where that is zero or not finite.

    norms  (R,), of ``vector_norms``
    """
    exponents = np.frexp(norms)[1].astype(np.int64)
    return np.where(np.isfinite(norms), exponents, 0)  # frexp(0) is 0 too
