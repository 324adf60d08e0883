"""One task of recurrent networks, computed as one stack. Run in a worker: imports torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from core.engine.backprop_through_time import Stack, gradients_through_time
from core.experiments.through_time.settings import ThroughTime
from core.parts.datasets import DATASETS
from core.settings import Run

if TYPE_CHECKING:
    from core.experiments import Experiment


def compute(experiment: Experiment, runs: Sequence[Run], device: str) -> list[dict[str, np.ndarray]]:
    """Each run's place and measured columns, computed as one stack."""
    settings = runs[0].settings
    assert isinstance(settings, ThroughTime)
    stack = Stack(
        settings.model,
        settings.width,
        DATASETS.parse(settings.dataset),
        settings.batch_size,
        settings.dtype,
        tuple((run.settings.init, run.settings.gain, run.seed) for run in runs),  # type: ignore[attr-defined]
    )
    measured = gradients_through_time(stack, device)
    place = {"time": np.arange(1, settings.data.length + 1)}
    return [place | {name: values[r] for name, values in measured.items()} for r in range(len(runs))]
