"""A network, the rows that it learns from, and how it is trained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from core.engine import measures
from core.experiments.training import perceptron
from core.parts.activations import ACTIVATIONS
from core.parts.clippers import CLIPPERS
from core.parts.datasets import DATASETS, DataShape, batch_problem, shape_of, usual_batch_size
from core.parts.inits import INITS
from core.parts.models import MODELS, Model
from core.parts.norms import NORMS
from core.parts.optimizers import OPTIMIZERS
from core.parts.residuals import RESIDUALS
from core.settings import Settings, choice, part, positive, whole

INDEX = ("step", "epoch")
MEASURES = tuple(name for name in measures.UPDATES if name != "momentum")


class Learner(Settings):
    """A network and the rows that it learns from: the settings that all have first, and what they mean."""

    model: str = part("mlp", MODELS)
    dataset: str = part("digits", DATASETS)
    depth: int | None = whole(1, 1, 1000)
    width: int = whole(64, 1, 4096)
    activation: str | None = part("relu", ACTIVATIONS)
    init: str = part("torch_default", INITS)
    norm: str | None = part("none", NORMS)
    residual: str | None = part("none", RESIDUALS)
    clipper: str = part("none", CLIPPERS)
    optimizer: str = part("adam", OPTIMIZERS)

    if TYPE_CHECKING:  # in the subclasses, after what is theirs
        batch_size: int
        dtype: str

        @property
        def steps(self) -> int: ...  # noqa: D102

    @classmethod
    def filled(cls, values: dict[str, Any]) -> dict[str, Any]:
        """The batch size is the smaller of 64 and the training rows, unless it is given."""
        if values.get("batch_size") is not None:
            return values
        return {**values, "batch_size": usual_batch_size(values["dataset"])}

    @property
    def kind(self) -> Model:
        """The kind of network."""
        return MODELS.parse(self.model).entry

    @property
    def data(self) -> DataShape:
        """Sizes of the dataset."""
        return shape_of(self.dataset)

    @property
    def steps_per_epoch(self) -> int:
        """Updates of an epoch; the last incomplete batch is dropped."""
        assert self.data.training_rows is not None
        return self.data.training_rows // self.batch_size

    def contradiction(self) -> str | None:
        """The first reason why this can't be trained, or None."""
        data = self.data
        if self.kind.sequence != bool(data.length):
            reads = "sequences; use dataset=adding" if self.kind.sequence else "rows of a table; use dataset=digits"
            return f"dataset: {self.model} reads {reads}, not {self.dataset}"
        if data.training_rows is None:
            return f"dataset: {self.dataset} is one batch of noise, with nothing to validate on; use dataset=digits"
        too_large = batch_problem(self.dataset, self.batch_size)
        if too_large:
            return too_large
        if self.kind.heads and self.width % self.kind.heads:
            return (
                f"width: {self.model} shares it among {self.kind.heads} heads, "
                f"so it must be a multiple of {self.kind.heads}, but got {self.width}"
            )
        return None if self.kind.sequence else perceptron.contradiction(self, data.features)

    def idle(self) -> frozenset[str]:
        """What this kind of network has no use for."""
        return self.kind.unused

    @classmethod
    def why_idle(cls, name: str) -> str:
        """Recurrent networks have one layer of a fixed form, transformers a norm and skips of their own."""
        models = [entry.name for entry in MODELS if name not in entry.unused]
        return f"only model={' or '.join(models)} has a choice of {name}"


class Training(Learner):
    """One network, its data, and how it is trained."""

    base_lr: float = positive(0.001, 1e6)
    epochs: int = whole(30, 1, 10_000)
    batch_size: int = whole(None, 1, 65536)
    dtype: str = choice("float32", "float64")

    @property
    def steps(self) -> int:
        """Updates in all."""
        return self.epochs * self.steps_per_epoch
