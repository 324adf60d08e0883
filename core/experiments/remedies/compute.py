"""One task of deep networks, computed as one stack. Run in a worker: imports torch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from core.engine.flow import Stack, training_flow
from core.experiments.remedies.settings import Remedies
from core.experiments.training import perceptron
from core.parts.clippers import CLIPPERS
from core.parts.datasets import DATASETS
from core.parts.optimizers import OPTIMIZERS
from core.settings import Run

if TYPE_CHECKING:
    from core.experiments import Experiment


def compute(experiment: Experiment, runs: Sequence[Run], device: str) -> list[dict[str, np.ndarray]]:
    """Each run's place and measured columns, computed as one stack."""
    settings = runs[0].settings
    assert isinstance(settings, Remedies)
    data = settings.data
    assert data.features is not None
    network = perceptron.network(settings, data.features, data.outputs)
    stack = Stack(
        network,
        DATASETS.parse(settings.dataset),
        settings.batch_size,
        "cross_entropy" if data.classes else "mse",
        settings.steps,
        OPTIMIZERS.parse(settings.optimizer),
        settings.dtype,
        tuple((run.settings.init, run.settings.base_lr, run.seed) for run in runs),  # type: ignore[attr-defined]
    )
    measured = training_flow(stack, np.array([_max_norm(run.settings) for run in runs]), device)  # type: ignore[arg-type]
    layers = len(network.fans)
    place = {
        "step": np.repeat(np.arange(settings.steps), layers),
        "layer": np.tile(np.arange(1, layers + 1), settings.steps),
    }
    rows = []
    for r in range(len(runs)):
        own = {name: values[r].ravel() for name, values in measured.items()}
        own["underflow"] = np.nan_to_num(own["underflow"]).astype(bool)
        own["theory_grad_rms"] = np.full(len(place["step"]), math.nan)  # there is none while it trains
        rows.append(place | {name: own[name] for name in experiment.measures})
    return rows


def _max_norm(settings: Remedies) -> float:
    """The norm to which the whole gradient is clipped; infinite without a clipper."""
    assert settings.clipper is not None
    part = CLIPPERS.parse(settings.clipper)
    assert part.entry.name in ("none", "norm"), "a remedy clips by norm or not at all"
    return float(part.arguments.get("max_norm", math.inf))  # type: ignore[arg-type]
