"""One training and its clipper."""

from __future__ import annotations

from core.experiments import Preset
from core.experiments.training.settings import Training
from core.parts.clippers import CLIPPERS
from core.parts.datasets import DATASETS
from core.parts.models import MODELS
from core.parts.optimizers import OPTIMIZERS
from core.settings import part, positive, whole


class Clipping(Training):
    """One training and its clipper; by default a recurrent network, which explodes readily."""

    model: str = part("rnn", MODELS)
    dataset: str = part("adding", DATASETS)
    width: int = whole(32, 1, 4096)
    clipper: str = part("norm", CLIPPERS)
    optimizer: str = part("sgd(momentum=0.9)", OPTIMIZERS)
    base_lr: float = positive(0.01, 1e6)
    epochs: int = whole(10, 1, 10_000)


PRESETS = (
    Preset(
        "A recurrent net, clipped at 1 or not",
        "Orthogonal weights a little too large: at the higher rate every run is lost without clipping; with it, all learn.",
        {
            "clipper": "norm,none",
            "dataset": "adding(length=10)",
            "init": "orthogonal(gain=1.2)",
            "base_lr": "0.03,0.1",
            "seeds": "10",
        },
    ),
    Preset(
        "Threshold × learning rate",
        "From no clipping to a tight threshold, over four learning rates.",
        {
            "clipper": "none,norm(max_norm=10.0),norm,norm(max_norm=0.1)",
            "dataset": "adding(length=10)",
            "init": "orthogonal(gain=1.2)",
            "base_lr": "0.01,0.03,0.1,0.3",
            "seeds": "5",
        },
    ),
    Preset(
        "A deep ReLU net at a high rate",
        "Twenty layers on digits, with SGD: the first gradients are the largest.",
        {
            "model": "mlp",
            "dataset": "digits",
            "depth": "20",
            "width": "64",
            "init": "he_normal",
            "clipper": "none,norm,value,per_parameter,adaptive,auto",
            "optimizer": "sgd",
            "base_lr": "0.03,0.1,0.3",
            "seeds": "5",
        },
    ),
    Preset(
        "A transformer at a high rate",
        "Two pre-norm blocks, SGD with momentum: at a rate of 0.1 every run is lost without clipping, none with it.",
        {
            "model": "transformer",
            "dataset": "adding(length=16)",
            "depth": "2",
            "width": "16",
            "clipper": "norm,none",
            "base_lr": "0.03,0.1",
            "seeds": "10",
        },
    ),
    Preset(
        "Tight threshold: SGD beside Adam",
        "Every step is clipped: for SGD the threshold is the learning rate, for Adam a constant factor cancels.",
        {
            "model": "mlp",
            "dataset": "digits",
            "width": "64",
            "clipper": "none,norm(max_norm=0.01)",
            "optimizer": "sgd,adam",
            "base_lr": "0.003",
            "epochs": "15",
            "seeds": "5",
        },
    ),
    Preset(
        "Every clipper, on a recurrent net",
        "Norm, value, per parameter, adaptive and AutoClip side by side.",
        {
            "clipper": ",".join(entry.name for entry in CLIPPERS),
            "dataset": "adding(length=10)",
            "init": "orthogonal(gain=1.2)",
            "base_lr": "0.1",
            "seeds": "10",
        },
    ),
)
