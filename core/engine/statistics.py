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
SAFE = 1e-12, 1e15  # between them a norm whose squares were summed in float32 is right


def signal_norms(*signals: Tensor) -> Array:
    """Euclidean norm of each run's part of every signal (R, ...), (signals, R), as ``vector_norms`` has it."""
    norms = np.stack([_quick_norms(signal.flatten(1)) for signal in signals])
    if signals[0].dtype == torch.float64 or _all_safe(norms):
        return norms
    exact = np.stack([_exact_norms(signal.flatten(1)) for signal in signals])
    return np.where((norms > SAFE[0]) & (norms < SAFE[1]), norms, exact)


def root_mean_square(signal: Tensor, count: int) -> Array:
    """Root mean square of each run's signal (R, ...), padded with zeros, ``count`` entries real."""
    return vector_norms(signal.flatten(1)) / math.sqrt(count)


def vector_norms(flat: Tensor) -> Array:
    """Euclidean norm of each run's row, (R,), in float64; right where squares leave float32's range too.

    Summed in float32 where that is safe, which is three times faster: for short rows of ordinary size. Each run
    decides for itself, so that its bits do not depend on its neighbours.
    """
    norms = _quick_norms(flat)
    if flat.dtype == torch.float64 or _all_safe(norms):
        return norms
    return np.where((norms > SAFE[0]) & (norms < SAFE[1]), norms, _exact_norms(flat))


def _quick_norms(flat: Tensor) -> Array:
    """Norms of the rows, (R,), in the dtype but for long rows; by NumPy, whose call costs a tenth of PyTorch's."""
    if flat.is_cuda or flat.shape[1] > LONG_ROW:
        return _exact_norms(flat)
    rows = flat.numpy()
    with np.errstate(over="ignore", invalid="ignore"):
        return np.sqrt(np.vecdot(rows, rows), dtype=np.float64)


def _exact_norms(flat: Tensor) -> Array:
    norms: Array = torch.linalg.vector_norm(flat, dim=1, dtype=torch.float64).cpu().numpy()
    return norms


def _all_safe(norms: Array) -> bool:
    """Whether no square left float32's range; false for NaN."""
    return bool(np.minimum.reduce(norms, axis=None) > SAFE[0] and np.maximum.reduce(norms, axis=None) < SAFE[1])


def unit_counts(slope: Tensor, units: int, rows: int, bound: float) -> tuple[Array, Array]:
    """Of each unit the largest |φ'| of its rows, and on how many of them it is saturated, (R, units) each.

    slope  φ'(z), (R, H, B); the first ``units`` and ``rows`` are real
    bound  max |φ'|; saturated is below a twentieth of it
    """
    size = slope[:, :units, :rows].abs()
    largest = size.amax(2).cpu().numpy()
    saturated = torch.lt(size, 0.05 * bound, out=size).sum(2)  # exact in float32
    return largest, saturated.cpu().numpy()


def unit_shares(largest: Array, saturated: Array, rows: int) -> tuple[Array, Array]:
    """Shares, per run and layer, of unit outputs that are saturated and of units that are dead: whose φ' is 0 on every row.

    largest, saturated  (..., units), of ``unit_counts``
    """
    units = largest.shape[-1]
    lost = np.isnan(largest).any(-1)  # NaN compares as false: where the signal is lost, so are the shares
    shares = saturated.sum(-1, dtype=np.float64) / (units * rows), (largest == 0).sum(-1) / units
    return np.where(lost, math.nan, shares[0]), np.where(lost, math.nan, shares[1])
