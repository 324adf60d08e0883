"""One task of trainings, computed as one stack. Run in a worker: imports torch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from core.engine.learners import Member, Stack
from core.engine.network import Network
from core.engine.transformer import Blocks
from core.engine.update_measures import training
from core.experiments.training import perceptron
from core.experiments.training.settings import Learner, Training
from core.parts.activations import ACTIVATIONS
from core.parts.clippers import CLIPPERS
from core.parts.datasets import DATASETS
from core.parts.optimizers import OPTIMIZERS
from core.parts.schedulers import SCHEDULERS
from core.settings import Run

if TYPE_CHECKING:
    from core.experiments import Experiment


def compute(experiment: Experiment, runs: Sequence[Run], device: str) -> list[dict[str, np.ndarray]]:
    """Each run's place and measured columns, computed as one stack; ``scheduler`` is constant where there is none."""
    settings = runs[0].settings
    assert isinstance(settings, Training)
    return columns(experiment, settings, training(stack(runs), settings.epochs, device), len(runs))


def columns(
    experiment: Experiment, settings: Training, measured: dict[str, np.ndarray], runs: int
) -> list[dict[str, np.ndarray]]:
    """Each run's place and measured columns, of what the engine measured of so many, (R, steps)."""
    steps = np.arange(settings.steps)
    place = {"step": steps, "epoch": steps // settings.steps_per_epoch}
    measured = measured | {name: measured[name].astype(bool) for name in ("clipped", "diverged")}
    return [place | {name: measured[name][r] for name in experiment.measures} for r in range(runs)]


def stack(runs: Sequence[Run]) -> Stack:
    """The runs, which share their shape, as the engine takes them."""
    settings = runs[0].settings
    assert isinstance(settings, Learner)
    data = settings.data
    assert data.features is not None
    network: Network | Blocks | None = None
    if not settings.kind.sequence:
        network = perceptron.network(settings, data.features, data.outputs)
    elif settings.kind.heads:
        assert settings.depth is not None and settings.activation is not None
        activation = ACTIVATIONS.parse(settings.activation)
        network = Blocks(settings.depth, settings.width, settings.kind.heads, activation)
    return Stack(
        settings.model,
        network,
        settings.width,
        DATASETS.parse(settings.dataset),
        settings.batch_size,
        settings.dtype,
        tuple(_member(run) for run in runs),
    )


def _member(run: Run) -> Member:
    settings = run.settings
    assert isinstance(settings, Learner)
    return Member(
        settings.init,
        run.seed,
        getattr(settings, "base_lr", math.nan),
        CLIPPERS.parse(settings.clipper),
        OPTIMIZERS.parse(settings.optimizer),
        SCHEDULERS.parse(getattr(settings, "scheduler", "constant")),
    )
