"""One task computed, a stack per depth and activation. Run in a worker: imports torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from core.engine.layer_measures import initial_flow, training_flow
from core.engine.learners import Member, Stack
from core.experiments.training import perceptron
from core.experiments.vanishing.plan import shape
from core.experiments.vanishing.settings import TRAINED, Vanishing
from core.experiments.vanishing.theory import theory_grad_rms
from core.parts.datasets import DATASETS
from core.parts.optimizers import OPTIMIZERS
from core.settings import Run

if TYPE_CHECKING:
    from core.experiments import Experiment


def compute(experiment: Experiment, runs: Sequence[Run], device: str) -> list[dict[str, np.ndarray]]:
    """Each run's place and measured columns, computed as a stack per depth and activation."""
    results: dict[Run, dict[str, np.ndarray]] = {}
    stacks: dict[tuple[object, ...], list[Run]] = {}
    for run in runs:
        stacks.setdefault((run.settings.activation, shape(run)), []).append(run)  # type: ignore[attr-defined]
    for key in sorted(stacks, key=lambda key: (key[0], -stacks[key][0].settings.depth)):  # type: ignore[attr-defined]
        # the deepest first: it holds the forward pass of the others
        results.update(zip(stacks[key], _compute_stack(stacks[key], device), strict=True))
    return [results[run] for run in runs]


def _compute_stack(runs: list[Run], device: str) -> list[dict[str, np.ndarray]]:
    settings = runs[0].settings
    assert isinstance(settings, Vanishing)
    data = settings.data
    assert data.features is not None
    network = perceptron.network(settings, data.features, data.outputs if settings.loss in TRAINED else 0)
    members = tuple(Member(run.settings.init, run.seed) for run in runs)  # type: ignore[attr-defined]
    if settings.optimizer:
        optimizer = OPTIMIZERS.parse(settings.optimizer)
        rates = [run.settings.base_lr for run in runs]  # type: ignore[attr-defined]
        members = tuple(
            replace(member, base_lr=lr, optimizer=optimizer) for member, lr in zip(members, rates, strict=True)
        )
    rows = DATASETS.parse(settings.dataset), settings.batch_size, settings.dtype
    stack = Stack("mlp", network, settings.width, *rows, members, settings.loss)
    measured = training_flow(stack, settings.steps, device) if settings.steps else initial_flow(stack, device)
    steps, layers = settings.steps + 1, len(network.fans)
    place = {"step": np.repeat(np.arange(steps), layers), "layer": np.tile(np.arange(1, layers + 1), steps)}
    frames = []
    for r, run in enumerate(runs):
        own = {name: values[r].ravel() for name, values in measured.items()}
        own["underflow"] = np.nan_to_num(own["underflow"]).astype(bool)
        frames.append(place | own | {"theory_grad_rms": theory_grad_rms(run.settings)})  # type: ignore[arg-type]
    return frames
