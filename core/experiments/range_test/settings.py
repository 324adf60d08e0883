"""One network, its data, and the rates that it is tried with."""

from __future__ import annotations

import numpy as np

from core.experiments import Preset
from core.experiments.training.settings import Learner
from core.settings import choice, number, positive, whole


class RangeTest(Learner):
    """One network, its data, and the rates that it is tried with."""

    min_lr: float = positive(1e-6, 1e6)
    max_lr: float = positive(10.0, 1e6)
    steps: int = whole(200, 20, 100_000)
    smoothing: float = number(0.9, maximum=0.999, minimum=0.0)
    stop_factor: float = number(4.0, maximum=1e6, above=1.0)
    batch_size: int = whole(None, 1, 65536)
    dtype: str = choice("float32", "float64")

    def contradiction(self) -> str | None:
        """The first reason why there is nothing to test, or None."""
        if self.max_lr <= self.min_lr:
            return f"max_lr: must be above min_lr, {self.min_lr:g}, but got {self.max_lr:g}"
        return super().contradiction()


MEASURES = ("lr", "train_loss", "smoothed_loss", "diverged", "max_stable_lr")
PRESETS = (
    Preset(
        "Handwritten digits with Adam",
        "One network, twenty seeds: where do the rules agree, and where do they not?",
        {"seeds": "20"},
    ),
    Preset(
        "Plain SGD, with the stability limit",
        "SGD's loss turns near 2/λ, which the curvature at the start knows beforehand; with momentum it turns earlier.",
        {"optimizer": "sgd,sgd(momentum=0.9)", "batch_size": "256", "seeds": "10"},
    ),
    Preset(
        "The optimizer decides",
        "Adam, AdamW, RMSprop and SGD on the same network: their rates are not each other's.",
        {"optimizer": "adam,rmsprop,sgd(momentum=0.9),sgd", "seeds": "10"},
    ),
    Preset(
        "A recurrent network",
        "The adding problem: a narrow valley, and a cliff behind it.",
        {"model": "rnn", "dataset": "adding", "width": "32", "optimizer": "adam", "seeds": "10"},
    ),
)


def rates(settings: RangeTest) -> np.ndarray:
    """The learning rate of every update, (steps,)."""
    return np.geomspace(settings.min_lr, settings.max_lr, settings.steps)
