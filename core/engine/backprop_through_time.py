"""How gradients flow back through time: a stack of recurrent networks as drawn, one pass forward and back."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from core.engine.data import data_of
from core.engine.exponents import ldexp, magnitude_exponents, powers
from core.engine.learners import DTYPES
from core.engine.recurrent import Recurrent
from core.engine.statistics import vector_norms
from core.parts.datasets import Dataset
from core.parts.models import MODELS
from core.registry import Part

if TYPE_CHECKING:
    from torch import Tensor

Array = np.ndarray


@dataclass(frozen=True)
class Stack:
    """R runs of one shape; ``members`` holds what each has for itself: init, gain, seed."""

    model: str
    width: int
    dataset: Part[Dataset]
    batch_size: int
    dtype: str
    members: tuple[tuple[str, float, int], ...]


def gradients_through_time(stack: Stack, device: str = "cpu") -> dict[str, Array]:
    """``grad_norm state_rms spectral_radius grad_norm_bound``, (R, T) each, in float64, on the first batch.

    The last two are NaN but for the model ``rnn``; its bound holds because tanh' is at most 1:

        ‖∂L/∂h_t‖ ≤ σ_max(W_hh)^(T-t) ‖∂L/∂h_T‖

    Source: Pascanu, Mikolov & Bengio 2013, arXiv:1211.5063, section 2.
    """
    inits, gains, seeds = zip(*stack.members, strict=True)
    features = stack.dataset.entry.shape(**stack.dataset.arguments).features
    assert features is not None
    runs, dtype = tuple(zip(inits, seeds, strict=True)), DTYPES[stack.dtype]
    batch = next(data_of(stack.dataset, seeds, stack.batch_size, dtype, device).epoch(0))
    model = Recurrent(stack.model, stack.width, features, runs, dtype, device, gains)
    of_states: list[Tensor] = []  # from the last time step to the first
    of_memory: list[Tensor] = []

    def watch(time: int, dh: Tensor, dc: Tensor | None) -> None:
        of_states.append(_norms(dh))
        if dc is not None:
            of_memory.append(_norms(dc))

    model.learn(batch, watch)
    norms = _by_time(of_states[::-1])
    if of_memory:
        norms = np.hypot(norms, _by_time(of_memory[::-1]))
    count = stack.width * batch.rows
    measures = {
        "grad_norm": norms,
        "state_rms": _by_time([_norms(state) for state in model.states()]) / math.sqrt(count),
        "spectral_radius": np.full_like(norms, math.nan),
        "grad_norm_bound": np.full_like(norms, math.nan),
    }
    if MODELS[stack.model].gates == 1:
        for r, weight in enumerate(model.weight_hh()):
            measures["spectral_radius"][r], stretch = _radius_and_stretch(weight)
            factors = np.full(norms.shape[1], stretch)
            factors[0] = norms[r, -1]
            with np.errstate(over="ignore"):  # an infinite bound is true, and says nothing
                measures["grad_norm_bound"][r] = np.cumprod(factors)[::-1]
    return measures


def _by_time(norms: list[Tensor]) -> Array:
    """(R, T), in one copy, of what was measured at each time step."""
    return torch.stack(norms, 1).cpu().numpy()


def _norms(signal: Tensor) -> Tensor:
    """Euclidean norm of each run's signal (R, H, B), in float64; right where the squares underflow too."""
    flat = signal.flatten(1).double()
    exponent = magnitude_exponents(flat.abs().amax(1)).clamp(-1000, 1000)
    return ldexp(vector_norms(flat * powers(-exponent, flat)[:, 0]), exponent)  # a power of two loses no digit


def _radius_and_stretch(weight: Tensor) -> tuple[float, float]:
    """Largest |eigenvalue| and largest singular value of one run's W_hh (H, H)."""
    matrix = weight.double().contiguous().clone()  # memory of its own: LAPACK's bits depend on the alignment
    return float(torch.linalg.eigvals(matrix).abs().max()), float(torch.linalg.matrix_norm(matrix, 2))
