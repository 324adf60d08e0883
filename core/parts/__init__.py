"""The parts of networks and trainings: one registry per file, one entry per part.

To add a part, write one entry in one of these files; forms, commands, tables and conformance tests find it there.
"""

from typing import Any

from core.parts import (
    activations,
    clippers,
    datasets,
    inits,
    mistakes,
    models,
    norms,
    optimizers,
    remedies,
    residuals,
    schedulers,
)
from core.registry import Registry

REGISTRIES: dict[str, Registry[Any]] = {
    "activations": activations.ACTIVATIONS,
    "inits": inits.INITS,
    "norms": norms.NORMS,
    "residuals": residuals.RESIDUALS,
    "datasets": datasets.DATASETS,
    "models": models.MODELS,
    "optimizers": optimizers.OPTIMIZERS,
    "schedulers": schedulers.SCHEDULERS,
    "clippers": clippers.CLIPPERS,
    "remedies": remedies.REMEDIES,
    "mistakes": mistakes.MISTAKES,
}
