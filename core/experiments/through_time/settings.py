"""One recurrent network, and the sequences on which its gradients are taken."""

from __future__ import annotations

from typing import Any

from core.experiments import Preset
from core.parts.datasets import DATASETS, DataShape, batch_problem, shape_of, usual_batch_size
from core.parts.inits import INITS
from core.parts.models import MODELS
from core.settings import Settings, choice, part, positive, whole


class ThroughTime(Settings):
    """One recurrent network, and the sequences on which its gradients are taken."""

    model: str = part("rnn", MODELS)
    width: int = whole(32, 1, 4096)
    gain: float = positive(1.0, 100.0)
    init: str = part("orthogonal", INITS)
    dataset: str = part("adding", DATASETS)
    batch_size: int = whole(None, 1, 65536)
    dtype: str = choice("float64", "float32")

    @classmethod
    def filled(cls, values: dict[str, Any]) -> dict[str, Any]:
        """The batch size is the smaller of 64 and the training sequences, unless it is given."""
        if values.get("batch_size") is not None:
            return values
        return {**values, "batch_size": usual_batch_size(values.get("dataset", cls.defaults()["dataset"]))}

    @property
    def data(self) -> DataShape:
        """Sizes of the dataset."""
        return shape_of(self.dataset)

    def contradiction(self) -> str | None:
        """The first reason why this network has no gradients through time, or None."""
        kind = MODELS.parse(self.model).entry
        if not kind.gates:
            recurrent = ", ".join(entry.name for entry in MODELS if entry.gates)
            lack = "hands no state from step to step" if kind.sequence else "has no time steps"
            return f"model: {self.model} {lack}; use one of {recurrent}"
        if not self.data.length:
            return f"dataset: {self.model} reads sequences; use dataset=adding, not {self.dataset}"
        return batch_problem(self.dataset, self.batch_size)


MEASURES = ("grad_norm", "state_rms", "spectral_radius", "grad_norm_bound")
PRESETS = (
    Preset(
        "Recurrent gain: fades or explodes",
        "Orthogonal weights, times a gain. Each step back in time multiplies the gradient by the gain, and by tanh'.",
        {"gain": "0.5,0.8,1,1.2,1.5", "seeds": "20"},
    ),
    Preset(
        "Plain beside LSTM and GRU",
        "As drawn, gates stand half open: they fade too, and the recurrent weights matter less to them.",
        {"model": "rnn,lstm,gru", "gain": "1,1.5", "seeds": "20"},
    ),
    Preset(
        "Longer and longer sequences",
        "The factor per step stays; what is left at the first step falls with each step more.",
        {
            "dataset": "adding(length=20),adding,adding(length=100),adding(length=200)",
            "seeds": "20",
        },
    ),
    Preset(
        "Default or orthogonal weights",
        "The default's spectral radius is near 1/√3: the gradient fades before training begins.",
        {"init": "torch_default,xavier_normal,orthogonal", "seeds": "20"},
    ),
    Preset(
        "Model × gain",
        "The plain network explodes from a gain near 1.2 on, the gated ones not before 2 or 3.",
        {"model": "rnn,lstm,gru", "gain": "0.3,0.5,0.7,1,1.2,1.5,2,3", "seeds": "10"},
    ),
)
