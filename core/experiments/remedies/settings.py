"""One deep network with one remedy, and its training."""

from __future__ import annotations

from typing import Any

from core.engine import measures
from core.experiments import Preset
from core.experiments.training import perceptron
from core.parts.activations import ACTIVATIONS
from core.parts.clippers import CLIPPERS
from core.parts.datasets import DATASETS, DataShape, batch_problem, shape_of, usual_batch_size
from core.parts.inits import INITS
from core.parts.norms import NORMS
from core.parts.optimizers import OPTIMIZERS
from core.parts.remedies import REMEDIES
from core.parts.residuals import RESIDUALS
from core.settings import Settings, choice, part, positive, whole

FIRST = "plain,relu_he,residual_blocks,batch_norm"


class Remedies(Settings):
    """One deep network with one remedy, and its training. The remedy's members follow from it."""

    remedy: str = part("plain", REMEDIES)
    activation: str | None = part(None, ACTIVATIONS)
    init: str | None = part(None, INITS)
    norm: str | None = part(None, NORMS)
    residual: str | None = part(None, RESIDUALS)
    clipper: str | None = part(None, CLIPPERS)
    depth: int = whole(20, 1, 1000)
    width: int = whole(64, 1, 4096)
    dataset: str = part("digits", DATASETS)
    optimizer: str = part("adam", OPTIMIZERS)
    base_lr: float = positive(0.001, 1e6)
    epochs: int = whole(8, 1, 10_000)
    batch_size: int = whole(None, 1, 65536)
    dtype: str = choice("float32", "float64")

    @classmethod
    def filled(cls, values: dict[str, Any]) -> dict[str, Any]:
        """The members are the remedy's; the batch size is the smaller of 64 and the training rows."""
        values = cls.defaults() | values
        members = REMEDIES.parse(values["remedy"]).entry.members
        values |= {name: member for name, member in members.items() if values[name] is None}
        if values["batch_size"] is None:
            values["batch_size"] = usual_batch_size(values["dataset"])
        return values

    @property
    def data(self) -> DataShape:
        """Sizes of the dataset."""
        return shape_of(self.dataset)

    @property
    def steps(self) -> int:
        """Updates in all; the last incomplete batch of an epoch is dropped."""
        assert self.data.training_rows is not None
        return self.epochs * (self.data.training_rows // self.batch_size)

    def contradiction(self) -> str | None:
        """The first reason why this can't be trained, or None."""
        data = self.data
        for name, member in REMEDIES.parse(self.remedy).entry.members.items():
            if getattr(self, name) != member:
                return f"{name}: comes with the remedy {self.remedy}, {member}; leave it out, or choose another remedy"
        if data.length or data.training_rows is None:
            return f"dataset: a remedy is tried on rows of a table; use dataset=digits, not {self.dataset}"
        return batch_problem(self.dataset, self.batch_size) or perceptron.contradiction(self, data.features)


MEASURES = (*measures.LAYERS, "theory_grad_rms", *measures.VALIDATION)
PRESETS = (
    Preset(
        "Three remedies on twenty layers",
        "The plain sigmoid network stays at chance; ReLU with He's weights, residual blocks and BatchNorm learn.",
        {"remedy": FIRST, "epochs": "6", "seeds": "5"},
    ),
    Preset(
        "Every remedy, and together",
        "Twelve networks, the same rows in the same order: which single change is enough?",
        {"remedy": ",".join(entry.name for entry in REMEDIES), "epochs": "5", "seeds": "3"},
    ),
    Preset(
        "Remedies over depth",
        "From 4 to 40 layers: what rescues ten layers need not rescue forty.",
        {"remedy": "plain,relu,relu_he,batch_norm", "depth": "4,10,20,40", "epochs": "4", "seeds": "3"},
    ),
    Preset(
        "Clipping does not cure vanishing",
        "A factor of at most 1 makes no gradient larger: the clipped network learns as little as the plain one.",
        {"remedy": "plain,clipping,relu_he", "epochs": "5", "seeds": "5"},
    ),
)
