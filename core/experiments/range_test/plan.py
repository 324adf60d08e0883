"""What range tests cost, and how they are grouped for the workers."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from core.engine import stacks
from core.experiments import Cost
from core.experiments.range_test.settings import RangeTest
from core.experiments.training import plan
from core.parts.optimizers import OPTIMIZERS
from core.settings import Run, Settings
from core.theory.curvature import ITERATIONS, max_stable_lr

if TYPE_CHECKING:
    from core.experiments import Experiment


OWN = ("init", "clipper", "optimizer", "min_lr", "max_lr", "smoothing", "stop_factor")  # of a run of a stack


def cost(experiment: Experiment, settings: Settings) -> Cost:
    """Seconds on one core, bytes in a worker and rows, for one seed."""
    assert isinstance(settings, RangeTest)
    own = _load(settings)
    return Cost(own.seconds, own.total_bytes, settings.steps)


def _load(settings: RangeTest) -> stacks.Load:
    """What one run costs: its updates, and the gradients over all rows by which its curvature is found."""
    load = plan.load(settings)
    if not has_limit(settings):
        return load
    passes = (
        2.5 * 2.0 * ITERATIONS / 3.0 * max(1, settings.steps_per_epoch)
    )  # in float64; most need a third of the steps
    return load._replace(seconds=load.seconds * (1.0 + passes / settings.steps))


def has_limit(settings: RangeTest) -> bool:
    """Whether its optimizer has a stability limit."""
    return not math.isnan(max_stable_lr(OPTIMIZERS.parse(settings.optimizer), 1.0))


def tasks(experiment: Experiment, runs: Iterable[Run], device: str) -> list[list[Run]]:
    """Runs of one shape together, whatever their rates, clippers and optimizers."""
    return stacks.tasks_by_shape(runs, device, OWN, _load, plan.SECONDS)
