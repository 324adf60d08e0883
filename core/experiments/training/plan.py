"""What trainings cost, and how they are grouped for the workers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from core.engine import padded, stacks
from core.experiments import Cost
from core.experiments.training.settings import Learner
from core.settings import Run, Settings

if TYPE_CHECKING:
    from core.experiments import Experiment


SECONDS = 3.0  # of a task: Cancel waits as long, and small stacks of long trainings would waste half of the time
OWN = ("init", "clipper", "optimizer", "scheduler", "base_lr")  # what runs of one stack may have for themselves


def load(settings: Learner) -> stacks.Load:
    """What one run costs, as measured on one core of a 2-core machine."""
    itemsize, slow = (8, 2.5) if settings.dtype == "float64" else (4, 1.0)
    data, rows = settings.data, padded(settings.batch_size)
    assert data.features is not None
    units, inputs = padded(settings.width), padded(data.features)
    if settings.kind.heads:
        return _transformer_load(settings, itemsize, slow)
    if settings.kind.sequence:
        blocks = 4 if settings.kind.gates > 1 else 1
        inner = units + padded(data.features + 1)
        weights = float(blocks * units * inner)
        values = data.length * units * rows * (3.0 * blocks)
        flops = 6.0 * data.length * weights * rows
        trace = float(data.length) * rows * itemsize * (inner + (blocks > 1) * 6 * units)
        calls = data.length * (6 if blocks == 1 else 40) * 4e-7
        seconds = 1.5 * slow * (flops / 70e9 + values * 0.5e-9 + weights * 4e-9 + calls)
    else:
        assert settings.depth is not None
        weights = float(units * (inputs + (settings.depth - 1) * units + 16))
        values = settings.depth * units * rows * 6.0
        flops = 6.0 * weights * rows
        assert data.training_rows is not None
        validation = data.training_rows / 4 * (inputs + 3.0 * settings.depth * units)  # all rows at once
        trace = (3.0 * settings.depth * units * rows + validation) * itemsize
        calls = (40 + 20 * settings.depth) * (2e-7 if settings.norm == "none" else 1.5e-6)
        seconds = 1.2 * slow * (flops / 140e9 + values * 0.3e-9 + weights * 1.5e-9 + calls)
    return stacks.Load(
        max(units * rows, weights) * itemsize, trace + 8.0 * weights * itemsize, settings.steps * seconds
    )


def _transformer_load(settings: Learner, itemsize: int, slow: float) -> stacks.Load:
    """The same of a transformer, whose tokens, B · T, all stand in memory at once, as autograd keeps them."""
    assert settings.depth is not None
    heads, places = settings.kind.heads, padded(settings.data.length)
    units = max(padded(settings.width), heads * padded(settings.width // heads))
    tokens, scores = settings.batch_size * places, heads * places
    weights = float(settings.depth * 12 * units * units)
    values = units * (22.0 * settings.depth + 18.0) + scores * 10.0 * settings.depth
    kept = settings.depth * (32.0 * units + 3.0 * scores) + 36.0 * units + 3.0 * scores
    calls = (40 + 110 * settings.depth) * 5e-7
    seconds = 1.2 * slow * (tokens * (6.0 * weights / 70e9 + values * 0.9e-9) + weights * 4e-9 + calls)
    memory = (tokens * kept + 8.0 * weights) * itemsize
    return stacks.Load(max(4.0 * units * tokens, weights) * itemsize, memory, settings.steps * seconds)


def cost(experiment: Experiment, settings: Settings) -> Cost:
    """Seconds on one core, bytes in a worker and rows, for one seed."""
    assert isinstance(settings, Learner)
    own = load(settings)
    return Cost(own.seconds, own.total_bytes, settings.steps)


def tasks(experiment: Experiment, runs: Iterable[Run], device: str) -> list[list[Run]]:
    """Runs of one shape together, whatever their rates, clippers, optimizers and schedules."""
    return stacks.tasks_by_shape(runs, device, OWN, load, SECONDS)
