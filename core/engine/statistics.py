"""What is measured of a layer, per run, in float64."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from torch import Tensor

Array = np.ndarray
LONG_ROW = 65_536  # numbers; beyond, a float32 sum loses digits


def gradient_sizes(gradient: Tensor, count: int, exponent: Array) -> tuple[Array, Array, Array]:
    """Mean absolute value, root mean square and norm of each run's weight gradient, (R,) each.

    gradient  (R, fan_out, fan_in), padded with zeros, to be multiplied by 2^exponent
    count     real entries
    """
    flat = gradient.flatten(1)
    norm = np.ldexp(vector_norms(flat), exponent)
    total = np.ldexp(flat.abs().sum(1).double().cpu().numpy(), exponent)  # a sum of absolute values is safe in float32
    return total / count, norm / math.sqrt(count), norm


def root_mean_square(signal: Tensor, count: int, exponent: Array | int = 0) -> Array:
    """Root mean square of each run's signal (R, ...), padded with zeros, ``count`` entries real, times 2^exponent."""
    return np.ldexp(vector_norms(signal.flatten(1)) / math.sqrt(count), exponent)


def vector_norms(flat: Tensor) -> Array:
    """Euclidean norm of each run's row, (R,), in float64; right where squares leave float32's range too.

    Summed in float32 where that is safe, which is three times faster: for short rows of ordinary size. Each run
    decides for itself, so that its bits do not depend on its neighbours.
    """
    if flat.dtype == torch.float64 or flat.shape[1] > LONG_ROW:
        return torch.linalg.vector_norm(flat, dim=1, dtype=torch.float64).cpu().numpy()
    norms = torch.linalg.vector_norm(flat, dim=1).cpu().numpy().astype(np.float64)
    if norms.min() > 1e-12 and norms.max() < 1e15:
        return norms
    exact = torch.linalg.vector_norm(flat, dim=1, dtype=torch.float64).cpu().numpy()
    return np.where((norms > 1e-12) & (norms < 1e15), norms, exact)


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
