"""What runs cost, and how they are grouped for the workers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from core.engine import padded, stacks
from core.experiments import Cost
from core.experiments.through_time.settings import ThroughTime
from core.settings import Run, Settings

if TYPE_CHECKING:
    from core.experiments import Experiment


OWN = ("gain", "init")  # what runs of one stack may have for themselves


def _load(settings: ThroughTime) -> stacks.Load:
    """What one run costs, as measured on one core of a 2-core machine."""
    itemsize, slow = (8, 2.0) if settings.dtype == "float64" else (4, 1.0)
    data, rows, units = settings.data, padded(settings.batch_size), padded(settings.width)
    assert data.features is not None
    assert data.training_rows is not None
    blocks = 4 if settings.model != "rnn" else 1
    inner = units + padded(data.features + 1)
    weights, drawn = blocks * units * inner, 1.25 * data.training_rows * data.length
    values = data.length * units * rows * (4.0 * blocks + 4.0)
    flops = 6.0 * data.length * weights * rows
    eigenvalues = 25.0 * settings.width**3 / 9e9 if blocks == 1 else 0.0
    seconds = slow * (flops / 70e9 + values * 0.8e-9 + weights * 4e-9)
    seconds += drawn * 18e-9 + data.length * 8e-6 + eigenvalues
    trace = data.length * rows * itemsize * (inner + (blocks > 1) * 6 * units)
    return stacks.Load(
        max(units * rows, weights) * itemsize, trace + 8.0 * weights * itemsize + drawn * (16 + 2 * itemsize), seconds
    )


def tasks(experiment: Experiment, runs: Iterable[Run], device: str) -> list[list[Run]]:
    """Runs of one shape together, whatever their gains and initializations."""
    return stacks.tasks_by_shape(runs, device, OWN, _load)


def cost(experiment: Experiment, settings: Settings) -> Cost:
    """Seconds on one core, bytes in a worker and rows, for one seed."""
    assert isinstance(settings, ThroughTime)
    load = _load(settings)
    return Cost(load.seconds, load.total_bytes, settings.data.length)
