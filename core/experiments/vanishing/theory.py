"""What mean-field theory expects of wide networks at initialization."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from core.experiments.vanishing.settings import TRAINED, Vanishing
from core.sweeps import Sweep
from core.theory import mean_field

if TYPE_CHECKING:
    import pandas as pd

    from core.experiments import Experiment


def theory_grad_rms(settings: Vanishing) -> np.ndarray:
    """theory_grad_rms of one run, in row order; NaN where theory says nothing."""
    layers = settings.depth + (settings.loss in TRAINED)
    theory = np.full((settings.steps + 1, layers), np.nan)
    if mean_field.applies(settings.activation, settings.norm, settings.residual, settings.dataset, settings.loss):
        theory[0, : settings.depth] = theory_profile(settings).grad_rms
    return theory.ravel()


def theory_profile(settings: Vanishing) -> mean_field.Profile:
    """The mean-field prediction for these settings, layer by layer."""
    features = settings.data.features
    assert features is not None
    return mean_field.gradient_profile(
        settings.activation, settings.init, settings.depth, settings.width, features, settings.batch_size
    )


def expected(experiment: Experiment, sweep: Sweep) -> pd.DataFrame:
    """A row per point and layer with ``theory_grad_rms``; run, seed and all that is measured are empty."""
    import pandas as pd

    blocks = []
    for point in sweep.points:
        assert isinstance(point, Vanishing)
        block = {name: getattr(point, name) for name in point.names()}
        layers = np.arange(1, point.depth + 1)
        blocks.append(pd.DataFrame(block | {"layer": layers, "theory_grad_rms": theory_grad_rms(point)[: point.depth]}))
    frame = pd.concat(blocks, ignore_index=True).assign(step=0, run="", seed=0)
    return frame.reindex(columns=list(experiment.columns)).assign(underflow=False)
