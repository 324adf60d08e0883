"""One task of two-layer networks, computed as one stack. Run in a worker."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from core.engine.by_hand_stack import Member, Stack, training_record
from core.experiments.backprop.settings import Backprop
from core.parts.datasets import DATASETS
from core.settings import Run

if TYPE_CHECKING:
    from core.experiments import Experiment


def stack_of(runs: Sequence[Run]) -> Stack:
    """The engine's stack of these runs."""
    settings = runs[0].settings
    assert isinstance(settings, Backprop)
    members = tuple(Member(run.settings.init, run.settings.base_lr, run.seed) for run in runs)  # type: ignore[attr-defined]
    return Stack(DATASETS.parse(settings.dataset), settings.hidden, settings.activation, settings.epochs, members)


def compute(experiment: Experiment, runs: Sequence[Run], device: str) -> list[dict[str, np.ndarray]]:
    """Each run's place and measured columns, computed as one stack, in NumPy whatever the device."""
    stack = stack_of(runs)
    measured = training_record(stack).measured
    epoch = np.arange(stack.epochs + 1)
    return [{"epoch": epoch} | {name: measured[name][r] for name in experiment.measures} for r in range(len(runs))]
