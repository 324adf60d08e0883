"""What is measured of a layer, per run, in float64, where the layer is."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch

from core.engine import cards

if TYPE_CHECKING:
    from torch import Tensor

LONG_ROW = 65_536  # numbers; beyond, a float32 sum loses digits
SAFE = 1e-12, 1e15  # between them a norm whose squares were summed in float32 is right


def signal_norms(*signals: Tensor) -> Tensor:
    """Euclidean norm of each run's part of every signal (R, ...), (signals, R), as ``vector_norms`` has it."""
    return torch.stack([vector_norms(signal.flatten(1)) for signal in signals])


def root_mean_square(signal: Tensor, count: int) -> Tensor:
    """Root mean square of each run's signal (R, ...), padded with zeros, ``count`` entries real."""
    return vector_norms(signal.flatten(1)) / math.sqrt(count)


def vector_norms(flat: Tensor) -> Tensor:
    """Euclidean norm of each run's row, (R,), in float64; right where squares leave float32's range too.

    Summed in float32 where that is safe, which is three times faster: for short rows of ordinary size, by NumPy, whose
    call costs a tenth of PyTorch's. Each run decides for itself, so that its bits do not depend on its neighbours. On a
    card always in float64, since whether it is safe would have to be waited for.
    """
    if flat.is_cuda or flat.shape[1] > LONG_ROW:
        return torch.linalg.vector_norm(flat, dim=1, dtype=torch.float64)
    rows = flat.numpy()
    norms = np.sqrt(np.vecdot(rows, rows), dtype=np.float64)
    if flat.dtype == torch.float32 and not _between(norms, *SAFE):
        exact = torch.linalg.vector_norm(flat, dim=1, dtype=torch.float64).numpy()
        norms = np.where((norms > SAFE[0]) & (norms < SAFE[1]), norms, exact)
    return torch.from_numpy(norms)


def all_between(norms: Tensor, low: float, high: float) -> bool:
    """Whether all norms are ordinary, as nearly always, so that nothing need be done; False where the answer comes late."""
    return not cards.waits(norms) and _between(norms.numpy(), low, high)


def _between(norms: np.ndarray, low: float, high: float) -> bool:
    """Whether all are; for the few numbers of a stack Python is quicker than NumPy. False for NaN."""
    return all(low < norm < high for norm in norms.tolist())


def unit_counts(slope: Tensor, units: int, rows: int, bound: float) -> tuple[Tensor, Tensor]:
    """Of each unit the largest |φ'| of its rows, and on how many of them it is saturated, (R, units) each.

    slope  φ'(z), (R, H, B); the first ``units`` and ``rows`` are real
    bound  max |φ'|; saturated is below a twentieth of it
    """
    size = slope[:, :units, :rows].abs()
    largest = size.amax(2)
    return largest, torch.lt(size, 0.05 * bound, out=size).sum(2)  # exact in float32


def unit_shares(largest: Tensor, saturated: Tensor, rows: int) -> tuple[Tensor, Tensor]:
    """Shares, per run and layer, of unit outputs that are saturated and of units that are dead: whose φ' is 0 on every row.

    largest, saturated  (..., units), of ``unit_counts``
    """
    units = largest.shape[-1]
    lost = largest.isnan().any(-1)  # NaN compares as false: where the signal is lost, so are the shares
    shares = saturated.sum(-1, dtype=torch.float64) / (units * rows), (largest == 0).sum(-1).double() / units
    return torch.where(lost, math.nan, shares[0]), torch.where(lost, math.nan, shares[1])
