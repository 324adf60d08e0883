"""One task of range tests, computed as one stack. Run in a worker: imports torch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from core.engine.curvature import sharpness
from core.engine.range_test import Ramp, range_test
from core.experiments.range_test.plan import has_limit
from core.experiments.range_test.settings import RangeTest, rates
from core.experiments.training.compute import stack
from core.parts.optimizers import OPTIMIZERS
from core.settings import Run
from core.theory.curvature import max_stable_lr

if TYPE_CHECKING:
    from core.experiments import Experiment


def compute(experiment: Experiment, runs: Sequence[Run], device: str) -> list[dict[str, np.ndarray]]:
    """Each run's place and measured columns, computed as one stack; a run's rows end where its test does."""
    points = [run.settings for run in runs]
    ramp = Ramp(
        np.stack([rates(point) for point in points]),  # type: ignore[arg-type]
        np.array([point.smoothing for point in points]),  # type: ignore[attr-defined]
        np.array([point.stop_factor for point in points]),  # type: ignore[attr-defined]
    )
    measured = range_test(stack(runs), ramp, device)
    limits = _limits(runs, device)
    found = []
    for r, rows in enumerate(measured["rows"]):
        loss = measured["train_loss"][r, :rows]
        found.append(
            {
                "step": np.arange(rows),
                "lr": ramp.lr[r, :rows],
                "train_loss": loss,
                "smoothed_loss": measured["smoothed_loss"][r, :rows],
                "diverged": np.isnan(loss),
                "max_stable_lr": np.full(rows, limits[r]),
            }
        )
    return found


def _limits(runs: Sequence[Run], device: str) -> np.ndarray:
    """The largest stable learning rate of each run's optimizer, (R,)."""
    limits = np.full(len(runs), math.nan)
    asked = [r for r, run in enumerate(runs) if has_limit(run.settings)]  # type: ignore[arg-type]
    if asked:
        settings = runs[0].settings
        assert isinstance(settings, RangeTest) and settings.data.training_rows is not None
        curvatures = sharpness(stack([runs[r] for r in asked]), settings.data.training_rows, device)
        for r, curvature in zip(asked, curvatures, strict=True):
            optimizer = OPTIMIZERS.parse(runs[r].settings.optimizer)  # type: ignore[attr-defined]
            limits[r] = max_stable_lr(optimizer, float(curvature))
    return limits
