"""What is measured of a layer, per run, in float64."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from torch import Tensor

Array = np.ndarray


def gradient_sizes(gradient: Tensor, count: int, exponent: Array) -> tuple[Array, Array, Array]:
    """Mean absolute value, root mean square and norm of each run's weight gradient, (R,) each.

    gradient  (R, fan_out, fan_in), padded with zeros, to be multiplied by 2^exponent
    count     real entries
    """
    exact = gradient.flatten(1).to(torch.float64, copy=True)  # squares of float32 gradients near 1e-20 underflow
    norm = np.ldexp(torch.linalg.vector_norm(exact, dim=1).cpu().numpy(), exponent)
    total = np.ldexp(exact.abs_().sum(1).cpu().numpy(), exponent)
    return total / count, norm / math.sqrt(count), norm


def root_mean_square(signal: Tensor, count: int, exponent: Array | int = 0) -> Array:
    """Root mean square of each run's signal (R, ...), padded with zeros, ``count`` entries real, times 2^exponent."""
    norm = torch.linalg.vector_norm(signal.flatten(1), dim=1, dtype=torch.float64)
    return np.ldexp(norm.cpu().numpy() / math.sqrt(count), exponent)


def unit_shares(slope: Tensor, units: int, rows: int, bound: float) -> tuple[Array, Array]:
    """Shares, per run, of unit outputs that are saturated and of units that are dead.

    slope  φ'(z), (R, H, B), overwritten; the first ``units`` and ``rows`` are real
    bound  max |φ'|; saturated is below a twentieth of it, dead is 0 on every row
    """
    size = slope[:, :units, :rows].abs_()
    largest = size.amax(2)
    dead = (largest == 0).sum(1).double() / units
    flat = torch.lt(size, 0.05 * bound, out=size)
    saturated = flat.sum(2).double().sum(1) / (units * rows)  # per unit exact in float32
    # NaN compares as false: where the signal is lost, so are the shares
    lost = largest.isnan().any(1)
    return _unless(lost, saturated), _unless(lost, dead)


def _unless(lost: Tensor, share: Tensor) -> Array:
    return torch.where(lost, math.nan, share).cpu().numpy()
