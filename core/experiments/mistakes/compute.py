"""One task of trainings with one mistake, computed as one stack. Run in a worker: imports torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from core.engine.learners import Stack
from core.engine.mistakes import mistaken_training
from core.engine.network import Network
from core.experiments.mistakes.settings import Mistakes
from core.experiments.training.compute import columns, stack
from core.parts.mistakes import MISTAKES
from core.settings import Run

if TYPE_CHECKING:
    from core.experiments import Experiment


def compute(experiment: Experiment, runs: Sequence[Run], device: str) -> list[dict[str, np.ndarray]]:
    """Each run's place and measured columns, computed as one stack."""
    settings = runs[0].settings
    assert isinstance(settings, Mistakes)
    mistake = settings.mistake, settings.loss, settings.micro_batches
    measured = mistaken_training(_stack(runs, settings), *mistake, settings.epochs, device)
    return columns(experiment, settings, measured, len(runs))


def _stack(runs: Sequence[Run], settings: Mistakes) -> Stack:
    """The runs as the engine takes them: their outputs as the loss needs them, their schedules as the loop makes them."""
    plain, mistake = stack(runs), MISTAKES.parse(settings.mistake).entry
    members = tuple(replace(member, scheduler=mistake.schedule(member.scheduler)) for member in plain.members)
    network = plain.network
    if isinstance(network, Network):
        network = replace(network, classes=settings.outputs)
    return replace(plain, members=members, network=network)
