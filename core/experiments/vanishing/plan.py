"""What runs cost, and how they are grouped for the workers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from core.engine import stacks
from core.experiments import Cost
from core.experiments.vanishing.settings import TRAINED, Vanishing
from core.parts.activations import ACTIVATIONS
from core.settings import Run, Settings

if TYPE_CHECKING:
    from core.experiments import Experiment


def _load(settings: Vanishing) -> stacks.Load:
    activation = ACTIVATIONS.parse(settings.activation).entry
    itemsize = 8 if settings.dtype == "float64" else 4
    features = settings.data.features
    assert features is not None
    passes = settings.steps + 1
    return stacks.network_load(
        settings.depth, settings.width, features, settings.batch_size, passes, itemsize, activation.seconds_per_value
    )


def tasks(experiment: Experiment, runs: Iterable[Run], device: str) -> list[list[Run]]:
    """Runs of one shape together; those that differ in activation or depth alone share their draws."""
    return stacks.tasks(runs, device, shape, _drawn, lambda run: shape(run)[1:], lambda run: _load(run.settings))  # type: ignore[arg-type]


def shape(run: Run) -> tuple[object, ...]:
    """What the runs of a stack have in common, the depth first."""
    own = ("activation", "init", "base_lr")
    return tuple(value for name, value in run.settings if name not in own)


def _drawn(run: Run) -> tuple[object, ...]:
    settings = run.settings
    assert isinstance(settings, Vanishing)
    return settings.init, settings.base_lr, run.seed


def cost(experiment: Experiment, settings: Settings) -> Cost:
    """Seconds on one core, bytes in a worker and rows, for one seed."""
    assert isinstance(settings, Vanishing)
    load = _load(settings)
    layers = settings.depth + (settings.loss in TRAINED)
    return Cost(load.seconds + 40e-6, load.total_bytes, layers * (settings.steps + 1))
