"""One two-layer network, and how long gradient descent goes on with it."""

from __future__ import annotations

from core.experiments import Preset
from core.parts.activations import ACTIVATIONS
from core.parts.datasets import DATASETS, DataShape, shape_of
from core.parts.inits import INITS
from core.settings import Settings, part, positive, whole


class Backprop(Settings):
    """One two-layer network and how long gradient descent goes on with it."""

    dataset: str = part("xor", DATASETS)
    hidden: int = whole(4, 1, 4096)
    init: str = part("lesson", INITS)
    activation: str = part("sigmoid", ACTIVATIONS)
    base_lr: float = positive(1.0, 1e6)
    epochs: int = whole(1000, 1, 100_000)

    @property
    def data(self) -> DataShape:
        """Sizes of the dataset, all rows of it trained on."""
        return shape_of(self.dataset)

    def contradiction(self) -> str | None:
        """A dataset without two classes, or None."""
        data = self.data
        if data.length or data.training_rows is None or data.classes != 2:
            return (
                f"dataset: the network tells two classes apart, and {self.dataset} has no two; use dataset=xor or moons"
            )
        return None


GRADIENTS = ("grad_norm_w1", "grad_norm_b1", "grad_norm_w2", "grad_norm_b2")
PREDICTIONS = ("prediction_00", "prediction_01", "prediction_10", "prediction_11")
MEASURES = ("train_loss", "accuracy", *GRADIENTS, *PREDICTIONS)
PRESETS = (
    Preset(
        "Four hidden units learn XOR",
        "Four sigmoid units, learning rate 1, 1,000 epochs: watch one seed learn.",
        {"hidden": "4", "base_lr": "1", "epochs": "1000"},
    ),
    Preset(
        "2 to 8 hidden units, 100 seeds",
        "Two hidden units fail in about a third of the runs, eight in none.",
        {"hidden": "2,3,4,8", "seeds": "100"},
    ),
    Preset(
        "Hidden units × learning rate",
        "A higher rate gets there sooner, but a plateau stays a plateau.",
        {"hidden": "2,3,4,8", "base_lr": "0.1,0.3,1,3", "seeds": "100"},
    ),
    Preset(
        "Start from zeros: nothing learns",
        "With all weights zero every gradient is zero, and nothing ever moves.",
        {"init": "zeros,lesson", "seeds": "5"},
    ),
    Preset(
        "AND, OR, XOR",
        "One straight line separates AND and OR, so that even one hidden unit solves them; XOR needs two.",
        {"dataset": "and,or,xor", "hidden": "1,2,4", "seeds": "20"},
    ),
    Preset(
        "Sigmoid, tanh, ReLU",
        "Which hidden units solve XOR most often? ReLU units that start on the wrong side never wake up.",
        {"activation": "sigmoid,tanh,relu", "hidden": "2,4,8", "seeds": "100"},
    ),
    Preset(
        "Two moons: a bent boundary",
        "A thousand points in the plane: the more hidden units, the more the boundary can bend.",
        {"dataset": "moons", "hidden": "2,8", "activation": "tanh", "epochs": "2000", "seeds": "3"},
    ),
)
