"""What the trainings cost, and how they are grouped for the workers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from core.engine import stacks
from core.experiments import Cost
from core.experiments.remedies.settings import Remedies
from core.parts.activations import ACTIVATIONS
from core.settings import Run, Settings

if TYPE_CHECKING:
    from core.experiments import Experiment


OWN = ("remedy", "init", "clipper", "base_lr")  # what runs of one stack may have for themselves
SECONDS = 3.0  # of a task


def cost(experiment: Experiment, settings: Settings) -> Cost:
    """Seconds on one core, bytes in a worker and rows, for one seed."""
    assert isinstance(settings, Remedies)
    load = _load(settings)
    return Cost(load.seconds, load.total_bytes, (settings.depth + 1) * settings.steps)


def _load(settings: Remedies) -> stacks.Load:
    """What one run costs: its updates, each with the measures of every layer."""
    assert settings.activation is not None and settings.data.features is not None
    activation = ACTIVATIONS.parse(settings.activation).entry
    itemsize = 8 if settings.dtype == "float64" else 4
    load = stacks.network_load(
        settings.depth,
        settings.width,
        settings.data.features,
        settings.batch_size,
        settings.steps,
        itemsize,
        activation.seconds_per_value,
    )
    slow = 1.5 if settings.norm == "none" and settings.residual == "none" else 2.5
    return load._replace(seconds=load.seconds * slow)


def tasks(experiment: Experiment, runs: Iterable[Run], device: str) -> list[list[Run]]:
    """Runs of one shape together, whatever their weights, rates and clippers."""
    return stacks.tasks_by_shape(runs, device, OWN, _load, SECONDS)
