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


def signal_norms(*signals: Tensor) -> Array:
    """Euclidean norm of each run's part of every signal (R, ...), (signals, R), as ``vector_norms`` has it."""
    return _norms([signal.flatten(1) for signal in signals])


def root_mean_square(signal: Tensor, count: int) -> Array:
    """Root mean square of each run's signal (R, ...), padded with zeros, ``count`` entries real."""
    return vector_norms(signal.flatten(1)) / math.sqrt(count)


def vector_norms(flat: Tensor) -> Array:
    """Euclidean norm of each run's row, (R,), in float64; right where squares leave float32's range too.

    Summed in float32 where that is safe, which is three times faster: for short rows of ordinary size. Each run
    decides for itself, so that its bits do not depend on its neighbours.
    """
    (norms,) = _norms([flat])
    return norms


def _norms(signals: list[Tensor]) -> Array:
    """``vector_norms`` of several signals, (signals, R)."""
    norms = _sums(signals, exact=False)
    if signals[0].dtype == torch.float64 or (norms.min() > 1e-12 and norms.max() < 1e15):
        return norms
    return np.where((norms > 1e-12) & (norms < 1e15), norms, _sums(signals, exact=True))


def _sums(signals: list[Tensor], exact: bool) -> Array:
    """Their norms, (signals, R), summed in float64 where that is asked for, or a row is long."""
    dtypes = [torch.float64 if exact or flat.shape[1] > LONG_ROW else None for flat in signals]
    norms = [torch.linalg.vector_norm(flat, dim=1, dtype=dtype) for flat, dtype in zip(signals, dtypes, strict=True)]
    return torch.stack(norms).cpu().numpy().astype(np.float64)


def unit_counts(slope: Tensor, units: int, rows: int, bound: float) -> tuple[Array, Array]:
    """Of each unit the largest |φ'| of its rows, and on how many of them it is saturated, (R, units) each.

    slope  φ'(z), (R, H, B), overwritten; the first ``units`` and ``rows`` are real
    bound  max |φ'|; saturated is below a twentieth of it
    """
    size = slope[:, :units, :rows].abs_()
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
