"""The settings of one network, and of the batch and loss on which its gradients are taken."""

from __future__ import annotations

from core.engine import measures
from core.experiments import Preset
from core.experiments.training import perceptron
from core.parts.activations import ACTIVATIONS
from core.parts.datasets import DATASETS, DataShape, batch_problem, shape_of
from core.parts.inits import INITS
from core.parts.norms import NORMS
from core.parts.optimizers import OPTIMIZERS
from core.parts.residuals import RESIDUALS
from core.settings import Settings, choice, part, positive, whole

TRAINED = ("cross_entropy", "mse")


class Vanishing(Settings):
    """One network, and the batch and loss on which its gradients are taken."""

    depth: int = whole(5, 1, 1000)
    width: int = whole(10, 1, 4096)
    activation: str = part("tanh", ACTIVATIONS)
    init: str = part("torch_default", INITS)
    norm: str = part("none", NORMS)
    residual: str = part("none", RESIDUALS)
    dataset: str = part("gaussian", DATASETS)
    batch_size: int = whole(1, 1, 65536)
    loss: str = choice("sum", "projection", *TRAINED)
    steps: int = whole(0, 0, 10_000)
    optimizer: str | None = part("adam", OPTIMIZERS)
    base_lr: float | None = positive(0.001, 1e6)
    dtype: str = choice("float32", "float64")

    @property
    def data(self) -> DataShape:
        """Sizes of the dataset; features filled in."""
        shape = shape_of(self.dataset)
        return shape._replace(features=shape.features or self.width)

    def contradiction(self) -> str | None:
        """The first reason why this network can't be built or trained, or None."""
        if self.data.length:
            return f"dataset: {self.dataset} holds sequences, and this network reads the rows of a table; use digits or gaussian"
        impossible = perceptron.contradiction(self, self.data.features)
        if impossible:
            return impossible
        too_large = batch_problem(self.dataset, self.batch_size)
        if too_large:
            return too_large
        if self.loss == "cross_entropy" and not self.data.classes:
            return f"loss: the target of {self.dataset} is a number, not a class; use loss=mse, not cross_entropy"
        if self.steps and self.loss not in TRAINED:
            return f"loss: training (steps={self.steps}) needs {' or '.join(TRAINED)}, but got {self.loss}"
        return None

    def idle(self) -> frozenset[str]:
        """Without steps nothing is updated."""
        return frozenset() if self.steps else frozenset({"optimizer", "base_lr"})

    @classmethod
    def why_idle(cls, name: str) -> str:
        """What would give the optimizer something to do."""
        return "set steps above 0, with loss=cross_entropy or loss=mse, to train"


MEASURES = (*measures.LAYERS, "theory_grad_rms")
PRESETS = (
    Preset(
        "5 and 20 layers of tanh",
        "The same layer twenty times over: each costs the gradient the same factor.",
        {"depth": "5,20", "seeds": "20"},
    ),
    Preset(
        "Sigmoid beside tanh",
        "Sigmoid's φ' is at most 1/4, and the weights shrink the gradient further.",
        {"depth": "20", "activation": "sigmoid,tanh", "width": "32", "seeds": "20"},
    ),
    Preset(
        "Default or Xavier's init, on tanh",
        "Xavier's variance 1/fan-in keeps what twenty layers of tanh lose with PyTorch's default.",
        {"depth": "20", "init": "torch_default,xavier_normal", "width": "32", "seeds": "5"},
    ),
    Preset(
        "ReLU beside sigmoid",
        "ReLU's φ' is 0 or 1: it costs √½ a layer, whatever the depth.",
        {
            "depth": "20",
            "activation": "sigmoid,relu",
            "width": "64",
            "batch_size": "32",
            "loss": "projection",
            "seeds": "20",
        },
    ),
    Preset(
        "Default or He's init, on ReLU",
        "He's variance 2/fan-in makes up for the half of the units that ReLU silences.",
        {
            "depth": "30",
            "activation": "relu",
            "init": "torch_default,he_normal",
            "width": "64",
            "batch_size": "32",
            "loss": "projection",
            "seeds": "20",
        },
    ),
    Preset(
        "With and without residual blocks",
        "The skip carries the gradient around the layers, which need no longer carry it all.",
        {
            "depth": "20",
            "activation": "relu",
            "residual": "none,lesson_block",
            "width": "64",
            "batch_size": "32",
            "loss": "projection",
            "seeds": "20",
        },
    ),
    Preset(
        "With and without BatchNorm",
        "BatchNorm stops the vanishing, and turns it into a slow explosion: about 1.21 a layer.",
        {
            "depth": "20",
            "activation": "relu",
            "norm": "none,batch",
            "width": "64",
            "batch_size": "64",
            "loss": "projection",
            "seeds": "20",
        },
    ),
    Preset(
        "Ten layers learn digits",
        "Sigmoid's first layers hardly get a gradient at all; watch what training does to it.",
        {
            "depth": "10",
            "activation": "sigmoid,relu",
            "init": "he_normal",
            "width": "64",
            "dataset": "digits",
            "batch_size": "64",
            "loss": "cross_entropy",
            "steps": "60",
            "seeds": "5",
        },
    ),
    Preset(
        "Depth × activation × init",
        "The map: which pairs keep the gradient, which lose it, which let it explode.",
        {
            "depth": "10,30",
            "activation": "sigmoid,tanh,relu,gelu,selu",
            "init": "torch_default,xavier_normal,he_normal,orthogonal",
            "width": "64",
            "batch_size": "32",
            "loss": "projection",
            "seeds": "10",
        },
    ),
)
