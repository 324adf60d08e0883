"""The parts of networks and trainings: one registry per file, one entry per part.

To add a part, write one entry in one of these files; forms, commands, tables and conformance tests find it there.
"""

from core.parts import activations, datasets, inits, norms, optimizers, residuals, schedulers

REGISTRIES = {
    "activations": activations.ACTIVATIONS,
    "inits": inits.INITS,
    "norms": norms.NORMS,
    "residuals": residuals.RESIDUALS,
    "datasets": datasets.DATASETS,
    "optimizers": optimizers.OPTIMIZERS,
    "schedulers": schedulers.SCHEDULERS,
}
