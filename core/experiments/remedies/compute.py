"""One task of deep networks, computed as one stack. Run in a worker: imports torch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from core.engine.layer_measures import learning_flow
from core.engine.learners import Member, Stack
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
    optimizer = OPTIMIZERS.parse(settings.optimizer)
    points: list[Any] = [run.settings for run in runs]
    members = tuple(
        Member(point.init, run.seed, point.base_lr, CLIPPERS.parse(point.clipper), optimizer)
        for point, run in zip(points, runs, strict=True)
    )
    rows = DATASETS.parse(settings.dataset), settings.batch_size, settings.dtype
    stack = Stack("mlp", network, settings.width, *rows, members, "cross_entropy" if data.classes else "mse")
    measured = learning_flow(stack, settings.epochs, device)
    layers = len(network.fans)
    place = {
        "step": np.repeat(np.arange(settings.steps), layers),
        "layer": np.tile(np.arange(1, layers + 1), settings.steps),
    }
    frames = []
    for r in range(len(runs)):
        own = {name: values[r].ravel() for name, values in measured.items()}
        own["underflow"] = np.nan_to_num(own["underflow"]).astype(bool)
        own["theory_grad_rms"] = np.full(len(place["step"]), math.nan)  # there is none while it trains
        frames.append(place | {name: own[name] for name in experiment.measures})
    return frames
