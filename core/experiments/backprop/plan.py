"""What runs cost, and how they are grouped for the workers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from core.engine import stacks
from core.experiments import Cost
from core.experiments.backprop.settings import MEASURES, Backprop
from core.parts.datasets import DATASETS
from core.settings import Run, Settings

if TYPE_CHECKING:
    from core.experiments import Experiment


OWN = ("init", "base_lr")  # what runs of one stack may have for themselves


def _load(settings: Backprop) -> stacks.Load:
    """What one run costs, as measured on one core of a 2-core machine."""
    data = settings.data
    assert data.features is not None
    rows = _rows(settings)
    values = rows * (settings.hidden + 1)
    weights = settings.hidden * (data.features + 2)
    seconds = (settings.epochs + 1) * (2e-6 + 15e-9 * values + 0.4e-9 * rows * weights)
    return stacks.Load(values * 8.0, values * 80.0 + (settings.epochs + 1) * 8.0 * 3 * len(MEASURES), seconds)


def _rows(settings: Backprop) -> int:
    """Rows of the dataset, those that others would validate on included."""
    part = DATASETS.parse(settings.dataset)
    training = settings.data.training_rows
    assert training is not None
    return training if part.entry.whole else int(training / 0.8) + 1


def tasks(experiment: Experiment, runs: Iterable[Run], device: str) -> list[list[Run]]:
    """Runs of one shape together, whatever their rates and initializations."""
    return stacks.tasks_by_shape(runs, device, OWN, _load)


def cost(experiment: Experiment, settings: Settings) -> Cost:
    """Seconds on one core, bytes in a worker and rows, for one seed."""
    assert isinstance(settings, Backprop)
    load = _load(settings)
    return Cost(load.seconds, load.total_bytes, settings.epochs + 1)
