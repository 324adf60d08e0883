"""Settings drawn at random, and whether a training with them solved its task, judged without our rules."""

import random

import pandas as pd

from core.experiments import Experiment, experiment
from core.sweeps import Sweep

SOLVED = {  # accuracy on the validation rows that any sound network of this size reaches; guessing has at most 0.63
    "digits": 0.9,
    "wine": 0.9,
    "iris": 0.9,
    "breast_cancer": 0.93,  # a straight line has 0.98
    "moons(samples=200)": 0.85,
    "circles(samples=200)": 0.85,
    "spirals(samples=200)": 0.85,
}
OWN = {
    "schedulers": {"scheduler": ("constant", "cosine", "one_cycle", "plateau", "step", "exponential")},
    "clipping": {
        "clipper": ("none", "norm(max_norm=1)", "norm(max_norm=5)", "value(clip_value=0.5)", "adaptive"),
        "model": ("mlp",),
    },
    "remedies": {"remedy": ("plain", "relu_he", "batch_norm", "layer_norm", "residual_blocks")},
}
SHARED = {
    "width": ("8", "16", "32", "64"),
    "activation": ("tanh", "relu", "gelu", "selu", "leaky_relu", "elu", "sigmoid"),
    "init": ("torch_default", "xavier_normal", "he_normal", "orthogonal"),
    "norm": ("none", "none", "batch", "layer"),
    "residual": ("none", "none", "identity"),
    "epochs": ("10", "20", "40"),
    "batch_size": ("16", "32", "64"),
    "dataset": tuple(SOLVED),
}
OPTIMIZERS = ("adam", "sgd", "sgd(momentum=0.9)", "adamw", "rmsprop")


def drawn_sweep(draw: random.Random, names: tuple[str, ...] = tuple(OWN), seeds: int = 3) -> tuple[Experiment, Sweep]:
    """An experiment of ``names``, and a sweep of one point that it accepts."""
    while True:
        kind = experiment(draw.choice(names))
        optimizer = draw.choice(OPTIMIZERS)
        rate = 10 ** (draw.uniform(-2, -0.3) if optimizer == "sgd" else draw.uniform(-3.5, -1.5))
        given = {
            "optimizer": optimizer,
            "base_lr": f"{rate:.3g}",
            "depth": str(draw.randint(1, 8)),
            "seeds": str(seeds),
        }
        for name, choices in (SHARED | OWN[kind.name]).items():
            if name in kind.settings.names() and not (kind.name == "remedies" and name in ("activation", "init")):
                given[name] = draw.choice(choices)
        if kind.name == "remedies":  # a remedy brings its own
            given = {name: value for name, value in given.items() if name not in ("norm", "residual")}
        try:
            sweep = kind.sweep(given)
            assert len(sweep.points) == 1
        except ValueError:  # BatchNorm and one row, a block as wide as what it adds to …
            continue
        return kind, sweep


def is_sound(frame: pd.DataFrame) -> bool:
    """Whether each run of the one point solved its task."""
    least = SOLVED[frame["dataset"].iloc[0]]
    last = frame.dropna(subset=["val_accuracy"]).groupby("run")["val_accuracy"].last()
    return len(last) == frame["run"].nunique() and bool((last >= least).all())
