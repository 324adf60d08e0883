"""How runs are grouped into tasks: what can be computed together, in pieces that fit the cache and end soon.

Imports no torch: the parent process plans, the workers compute.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Hashable, Iterable
from typing import Any, NamedTuple, TypeVar

from core.engine import padded
from core.parts.processor import OWN_CACHE
from core.settings import Run

TASK_SECONDS = 1.0  # so that Cancel is prompt
JOINED_SECONDS = 1.2  # of a task of several shapes that draw the same

T = TypeVar("T")


class Limits(NamedTuple):
    """How large stacks and tasks may be on a device.

    cache  bytes of one layer's signals
    bytes  what a task's signals and weights may fill
    runs   of a stack
    speed  how many times as fast as a ``Load`` says, which is of one core
    """

    cache: float
    bytes: float
    runs: int
    speed: float


# With a layer's signals of 0.6 to 2.5 times the cache W1 takes the same time within the noise; with 0.3 times a half
# longer, since each call costs as much for few networks as for many. The processor of whoever plans is taken for that of
# all workers. A card's limits are not measured.
LIMITS = {
    "cpu": Limits(1.25 * OWN_CACHE, 128 * 2**20, 256, 1.0),
    "cuda": Limits(math.inf, 4 * 2**30, 4096, 20.0),
}


class Load(NamedTuple):
    """What one run costs: bytes of its largest layer, bytes in all, seconds."""

    layer_bytes: float
    total_bytes: float
    seconds: float


def network_load(
    depth: int, width: int, features: int, batch_size: int, passes: int, itemsize: int, extra: float = 0.0
) -> Load:
    """The load of one multilayer network; ``passes`` forward and backward, ``extra`` seconds per activation value.

    The rates were measured on one core of a 2-core machine: 45 GF/s with all that surrounds a product, 1.1 ns for the
    elementwise work on one value, 25 µs for a layer of the smallest stacks; float64 takes twice as long.
    """
    units, rows, inputs = padded(width), padded(batch_size), padded(features)
    signal, weight = units * rows * itemsize, units * max(units, inputs) * itemsize
    flops = 6.0 * units * rows * (inputs + (depth - 1) * units)
    elements = float(units * rows * depth)
    weights = float(units * (inputs + (depth - 1) * units))
    slow = itemsize / 4.0
    seconds = passes * slow * (flops / 45e9 + elements * (1.1e-9 + extra) + weights * 1e-9 + depth * 2e-6)
    return Load(max(signal, weight), 3.0 * depth * signal + depth * weight * (2 if passes == 1 else 6), seconds)


def tasks_by_shape(
    runs: Iterable[Run],
    device: str,
    member_settings: Collection[str],
    load: Callable[[Any], Load],
    seconds: float = TASK_SECONDS,
) -> list[list[Run]]:
    """Runs in tasks: those together that differ in the seed and in the ``member_settings`` alone."""

    def shape(run: Run) -> tuple[object, ...]:
        return tuple(value for name, value in run.settings if name not in member_settings)

    return tasks(runs, device, shape, lambda run: run, shape, lambda run: load(run.settings), seconds)


def tasks(
    items: Iterable[T],
    device: str,
    shape: Callable[[T], Hashable],
    member: Callable[[T], Hashable],
    family: Callable[[T], Hashable],
    load: Callable[[T], Load],
    seconds: float = TASK_SECONDS,
) -> list[list[T]]:
    """Items in tasks, the longest first. A task holds one family; items of equal shape and ``member`` stay together.

    Equal members of a family draw the same tensors, which are then drawn once: so shapes of a family join in a task
    where it stays short, the heaviest first. A task of several members takes at most about ``seconds``.

    device  a key of ``LIMITS``
    """
    limits = LIMITS[device]
    groups: dict[Hashable, dict[Hashable, list[T]]] = {}
    for item in items:
        groups.setdefault(shape(item), {}).setdefault(member(item), []).append(item)
    pieces: list[tuple[float, list[T]]] = []
    for members in groups.values():
        together = list(members.values())
        heaviest = load(together[0][0])
        each = max(len(alike) for alike in together)
        size = min(
            limits.runs,
            max(8, int(min(limits.cache / heaviest.layer_bytes, limits.runs))),
            int(limits.bytes // heaviest.total_bytes),
            int(seconds * limits.speed / (heaviest.seconds * each)),
        )
        size = max(1, size)
        count = -(-len(together) // size)
        count += count % 2 if 1 < count < len(together) else 0  # two workers share few pieces alike
        size = -(-len(together) // count)  # even pieces
        for start in range(0, len(together), size):
            piece = [item for alike in together[start : start + size] for item in alike]
            pieces.append((heaviest.seconds * len(piece), piece))
    joined = _join(pieces, member, family, JOINED_SECONDS * limits.speed)
    return [piece for _, piece in sorted(joined, key=lambda plan: -plan[0])]


def _join(
    pieces: list[tuple[float, list[T]]],
    member: Callable[[T], Hashable],
    family: Callable[[T], Hashable],
    longest: float,
) -> list[tuple[float, list[T]]]:
    """Pieces with their seconds; those of a family with the same members as one, up to the ``longest``."""
    result: list[tuple[float, list[T]]] = []
    last: dict[Hashable, int] = {}  # the piece that relatives may still join
    for seconds, piece in sorted(pieces, key=lambda plan: -plan[0]):
        relatives = family(piece[0]), tuple(dict.fromkeys(member(item) for item in piece))
        index = last.get(relatives)
        if index is not None and result[index][0] + seconds <= longest:
            result[index] = result[index][0] + seconds, result[index][1] + piece
        else:
            last[relatives] = len(result)
            result.append((seconds, piece))
    return result
