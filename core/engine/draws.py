"""What a run draws: one generator per run, stream and layer, so that a run does not depend on its stack."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import torch

from core.engine import padded
from core.engine.statistics import root_mean_square
from core.parts.inits import INITS, Init
from core.registry import Part

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


def adding(seed: int, stream: str, samples: int, length: int) -> tuple[Tensor, Tensor]:
    """Sequences of the adding problem, (samples, length, 2), and their sums, (samples,), float32.

    The first feature is uniform on [0, 1), the second marks one step of each half of the sequence.
    """
    values = torch.rand(samples, length, generator=generator(seed, f"{stream} values", 0))
    marks = torch.zeros(samples, length)
    for half, (low, high) in enumerate(((0, length // 2), (length // 2, length))):
        place = torch.randint(low, high, (samples, 1), generator=generator(seed, f"{stream} marks", half))
        marks.scatter_(1, place, 1.0)
    return torch.stack([values, marks], 2), (values * marks).sum(1)


@dataclass(frozen=True)
class Linears:
    """Weights (R, fan_out, fan_in) and biases (R, fan_out, 1) of every Linear layer, padded; a bias may be None.

    weight_rms  per layer, the root mean square of each run's weights (R,)
    """

    weights: tuple[Tensor, ...]
    biases: tuple[Tensor | None, ...]
    weight_rms: tuple[Tensor, ...]


def linears(
    fans: tuple[tuple[int, int], ...],
    runs: tuple[tuple[str, int], ...],
    dtype: torch.dtype,
    device: str,
) -> Linears:
    """The initial Linear layers of a stack.

    The layers that were drawn last are kept, for stacks of the same runs that differ in activation or depth alone.

    fans  (fan_out, fan_in) per layer
    runs  (init, seed) per run
    """
    inits = [INITS.parse(init) for init, _ in runs]
    unbiased = all(part.entry.bias is None or part.arguments.get("sigma_b") == 0.0 for part in inits)
    cache = _cache(runs, dtype, device)
    layers = []
    for layer, (fan_out, fan_in) in enumerate(fans, start=1):
        key = (layer, fan_out, fan_in)
        if key not in cache:
            weight, bias = _layer(layer, fan_out, fan_in, inits, [seed for _, seed in runs], unbiased)
            weight = weight.to(device, dtype)
            rms = root_mean_square(weight, fan_out * fan_in)
            cache[key] = weight, None if bias is None else bias.to(device, dtype), rms
        layers.append(cache[key])
    weights, biases, weight_rms = zip(*layers, strict=True)
    return Linears(weights, biases, weight_rms)


@lru_cache(maxsize=1)
def _cache(
    runs: tuple[tuple[str, int], ...], dtype: torch.dtype, device: str
) -> dict[tuple[int, int, int], tuple[Tensor, Tensor | None, Tensor]]:
    """The layers of these runs, by (layer, fan_out, fan_in); forgotten when other runs are asked for."""
    return {}


def _layer(
    layer: int, fan_out: int, fan_in: int, inits: list[Part[Init]], seeds: list[int], unbiased: bool
) -> tuple[Tensor, Tensor | None]:
    """One layer's weights and biases, padded, float32; the bias is None where no run has any."""
    shape = (len(seeds), padded(fan_out), padded(fan_in))
    weight = torch.empty(shape) if shape[1:] == (fan_out, fan_in) else torch.zeros(shape)
    bias = None if unbiased else torch.zeros(len(seeds), padded(fan_out), 1)
    matrices = weight[:, :fan_out, :fan_in].unbind(0)
    for r, (part, seed) in enumerate(zip(inits, seeds, strict=True)):
        generated = part.entry.weight(generator(seed, "weight", layer), fan_out, fan_in, **part.arguments)
        matrices[r].copy_(generated)
        if bias is not None and part.entry.bias is not None:
            generated = part.entry.bias(generator(seed, "bias", layer), fan_out, fan_in, **part.arguments)
            bias[r, :fan_out, 0] = generated
    return weight, bias
