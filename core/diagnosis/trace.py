"""The course of one training as tidy tables: what recordings, logs of other tools and our own frames have in common.

NumPy alone, so that the rules run wherever a training script runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Table = Mapping[str, np.ndarray]  # column -> (rows,), all of one length; a number that was not logged is NaN
UNDER_WAY = "under way"  # the fact ``ended`` of a recording whose script still runs, or was killed


@dataclass(frozen=True)
class Trace:
    """One training.

    steps   a row per logged step: ``step``, and of ``epoch train_loss val_loss lr lr_2 … momentum grad_norm
            clipped_grad_norm`` and further metrics what the source knows; a column that it can't know is absent
    layers  a row per sampled step and layer: ``step layer`` (its name), ``grad_rms grad_norm weight_rms update_ratio
            saturated dead activation_rms`` …
    events  a row per call in the order in which they came: ``step event target``
    facts   what holds for the whole training: modules, parameters and who optimizes them, losses with the shapes and
            ranges they were fed, batches, modes; for logs the format, and what the source does not hold
    source  the file or recording that it was read from
    name    which run of that file
    """

    steps: Table = field(default_factory=dict)
    layers: Table = field(default_factory=dict)
    events: Table = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    source: str = ""
    name: str = ""

    def column(self, name: str) -> np.ndarray:
        """The column ``name`` of ``steps`` as float64; empty where the source does not have it."""
        return np.asarray(self.steps.get(name, ()), dtype=float)
