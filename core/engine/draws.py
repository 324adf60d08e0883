"""What a run draws: one generator per run, stream and layer, so that a run does not depend on its stack."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import torch

from core.engine import padded
from core.parts.inits import INITS

if TYPE_CHECKING:
    from torch import Tensor


def generator(seed: int, stream: str, layer: int) -> torch.Generator:
    """A CPU generator for one tensor of one run, seeded with a 32-bit hash of (seed, stream, layer).

    32 bits, because torch uses no more of a CPU generator's seed.
    """
    digest = hashlib.sha256(f"{seed} {stream} {layer}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:4], "big"))


def normal(seed: int, stream: str, *shape: int) -> Tensor:
    """Standard normal numbers of one run, float32."""
    return torch.empty(shape).normal_(generator=generator(seed, stream, 0))


def labels(seed: int, rows: int, classes: int) -> Tensor:
    """Random labels of one run, (rows,), int64."""
    return torch.randint(0, classes, (rows,), generator=generator(seed, "labels", 0))


def order(seed: int, epoch: int, rows: int) -> Tensor:
    """The order in which one run visits its training rows in an epoch, (rows,), int64."""
    return torch.randperm(rows, generator=generator(seed, "order", epoch))


@dataclass(frozen=True)
class Linears:
    """Weights (R, fan_out, fan_in) and biases (R, fan_out, 1) of every Linear layer, padded; a bias may be None.

    unbiased  per run, whether all its biases are zero
    """

    weights: tuple[Tensor, ...]
    biases: tuple[Tensor | None, ...]
    unbiased: tuple[bool, ...]


@lru_cache(maxsize=1)
def linears(
    fans: tuple[tuple[int, int], ...],
    runs: tuple[tuple[str, int], ...],
    dtype: torch.dtype,
    device: str,
) -> Linears:
    """The initial Linear layers of a stack; the last answer is kept, for stacks that differ in activation alone.

    fans  (fan_out, fan_in) per layer
    runs  (init, seed) per run
    """
    inits = [INITS.parse(init) for init, _ in runs]
    unbiased = tuple(part.entry.bias is None or part.arguments.get("sigma_b") == 0.0 for part in inits)
    weights, biases = [], []
    for layer, (fan_out, fan_in) in enumerate(fans, start=1):
        weight = torch.zeros(len(runs), padded(fan_out), padded(fan_in))
        bias = None if all(unbiased) else torch.zeros(len(runs), padded(fan_out), 1)
        for r, (part, (_, seed)) in enumerate(zip(inits, runs, strict=True)):
            drawn = part.entry.weight(generator(seed, "weight", layer), fan_out, fan_in, **part.arguments)
            weight[r, :fan_out, :fan_in] = drawn
            if bias is not None and part.entry.bias is not None:
                drawn = part.entry.bias(generator(seed, "bias", layer), fan_out, fan_in, **part.arguments)
                bias[r, :fan_out, 0] = drawn
        weights.append(weight.to(device, dtype))
        biases.append(None if bias is None else bias.to(device, dtype))
    return Linears(tuple(weights), tuple(biases), unbiased)
