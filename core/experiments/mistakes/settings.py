"""One training whose loop may have a wrong line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from core.experiments import Preset
from core.experiments.training.settings import Training
from core.parts import schedulers
from core.parts.clippers import CLIPPERS
from core.parts.datasets import DATASETS, shape_of
from core.parts.inits import INITS
from core.parts.mistakes import FIXED, MISTAKES, WRONG_LOSSES, schedule_of
from core.parts.models import MODELS
from core.parts.norms import NORMS
from core.parts.optimizers import OPTIMIZERS
from core.parts.schedulers import SCHEDULERS
from core.settings import fitting, part, positive, whole

RIGHT = "none"  # the loop without a wrong line
USUAL = {
    "depth": 1,
    "init": "torch_default",
    "norm": "none",
    "clipper": "none",
    "base_lr": 0.01,
    "scheduler": "constant",
    "micro_batches": 1,
}
ONE_OUTPUT = ("mse", "bce_with_logits")  # losses of a network with one output


class Mistakes(Training):
    """One training whose loop may have a wrong line. What the mistake needs follows from it, unless it is given.

    In a sweep, ``none`` stands for each other mistake's own: the same training but for the wrong line.
    """

    model: str = part(None, MODELS)
    dataset: str = part(None, DATASETS)
    depth: int | None = whole(None, 1, 1000)
    width: int = whole(32, 1, 4096)
    init: str = part(None, INITS)
    norm: str | None = part(None, NORMS)
    clipper: str = part(None, CLIPPERS)
    optimizer: str = part("sgd(momentum=0.9)", OPTIMIZERS)
    base_lr: float = positive(None, 1e6)
    epochs: int = whole(15, 1, 10_000)
    scheduler: str = part(None, SCHEDULERS)
    loss: str = fitting("cross_entropy", "mse", "bce_with_logits")
    micro_batches: int = whole(None, 1, 1024)
    mistake: str = part(RIGHT, MISTAKES)

    @classmethod
    def filled(cls, values: dict[str, Any]) -> dict[str, Any]:
        """What the mistake is shown with where nothing else is given, and else what is usual."""
        values = cls.defaults() | values
        values = _completed(values, MISTAKES.parse(values["mistake"]).entry.members)
        values = _completed(values, USUAL | {"dataset": _dataset(values["model"])})
        shape = shape_of(values["dataset"])
        fits = {"model": "rnn" if shape.length else "mlp", "loss": "cross_entropy" if shape.classes else "mse"}
        return super().filled(_completed(values, fits))

    @classmethod
    def beside(cls, values: dict[str, Any], axes: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
        """The right loop once for each mistake of the sweep, with what that is shown with."""
        others = [mistake for mistake in axes["mistake"] if mistake != RIGHT]
        if values["mistake"] != RIGHT or not others:
            return [values]
        return [_completed(values, MISTAKES.parse(mistake).entry.members) for mistake in others]

    @property
    def outputs(self) -> int:
        """Outputs of the network."""
        return 1 if self.loss in ONE_OUTPUT else self.data.outputs

    def contradiction(self) -> str | None:
        """The first reason why this can't be trained, or None."""
        return super().contradiction() or self._loss_problem() or self._mistake_problem() or self._schedule_problem()

    def _loss_problem(self) -> str | None:
        classes = self.data.classes
        fits = {"cross_entropy": classes >= 2, "mse": not classes, "bce_with_logits": classes == 2}
        if not fits[self.loss]:
            wants = {"cross_entropy": "classes", "mse": "a number", "bce_with_logits": "two classes"}[self.loss]
            example = {"cross_entropy": "digits", "mse": "diabetes", "bce_with_logits": "breast_cancer"}[self.loss]
            return f"dataset: loss={self.loss} needs {wants} as target; use dataset={example}, not {self.dataset}"
        return None

    def _mistake_problem(self) -> str | None:
        entry = MISTAKES.parse(self.mistake).entry
        if entry.name in WRONG_LOSSES and self.kind.sequence:
            return f"model: {self.mistake} is shown on model=mlp, not {self.model}"
        for name in FIXED:
            member, value = entry.members.get(name), getattr(self, name)
            if member and entry.needs != "schedule" and _name(value) != _name(member):
                return f"{name}: {self.mistake} is about {name}={member}, so it can't be {value}"
        if entry.needs == "classes" and not self.data.classes:
            return f"dataset: {self.mistake} needs classes as target; use dataset=digits, not {self.dataset}"
        if entry.needs == "scaler" and (self.kind.sequence or _name(self.dataset) in ("csv", "xor", "and", "or")):
            return f"dataset: {self.mistake} needs a table that is standardized; use dataset=digits, not {self.dataset}"
        if entry.needs == "schedule" and (
            _name(self.scheduler) == "constant" or SCHEDULERS.parse(self.scheduler).entry.needs_loss
        ):
            return f"scheduler: {self.mistake} needs a course that does not depend on the loss; use scheduler=step, not {self.scheduler}"
        return self._parts_problem(entry.name)

    def _parts_problem(self, mistake: str) -> str | None:
        parts = self.micro_batches
        if parts == 1:
            return (
                None
                if mistake != "accumulation_not_divided"
                else f"micro_batches: {mistake} needs 2 or more, but got 1"
            )
        if mistake not in (RIGHT, "accumulation_not_divided") or self.kind.sequence:
            return f"micro_batches: must be 1 with mistake={mistake} and model={self.model}, but got {parts}"
        if self.batch_size % parts or (self.norm == "batch" and self.batch_size == parts):
            return f"micro_batches: must divide the batch of {self.batch_size} rows into equal parts, of 2 rows or more for BatchNorm, but got {parts}"
        return None

    def _schedule_problem(self) -> str | None:
        sizes = self.base_lr, self.epochs, self.steps_per_epoch
        wrong = schedulers.problem(schedule_of(self.mistake, self.scheduler), *sizes)
        return f"scheduler: {wrong}" if wrong else None


def _completed(values: dict[str, Any], members: Mapping[str, Any]) -> dict[str, Any]:
    """The values, those that are None taken from ``members`` where these have them."""
    return values | {name: member for name, member in members.items() if values[name] is None}


def _dataset(model: str | None) -> str:
    """What a model reads where nothing is said."""
    return "adding" if model is not None and MODELS.parse(model).entry.sequence else "digits"


def _name(part: str | None) -> str:
    """``norm`` of ``norm(max_norm=2.0)``."""
    return str(part).partition("(")[0]


EVERY = ",".join(entry.name for entry in MISTAKES)
PRESETS = (
    Preset(
        "Every wrong line, priced",
        "Twenty mistakes, each beside its own right loop: which cost most, and which hide?",
        {"mistake": EVERY, "seeds": "10"},
    ),
    Preset(
        "optimizer.zero_grad() forgotten",
        "Gradients add up over the whole training, or over an epoch: twenty seeds each.",
        {"mistake": "none,no_zero_grad,zero_grad_per_epoch", "seeds": "20"},
    ),
    Preset(
        "Schedules stepped out of measure",
        "One-cycle per epoch, cosine per batch, a plateau fed batch losses or in the wrong mode, a scheduler stepped first.",
        {
            "mistake": "none,one_cycle_per_epoch,cosine_per_batch,plateau_per_batch,plateau_wrong_mode,scheduler_first",
            "seeds": "20",
        },
    ),
    Preset(
        "What the loss is fed",
        "Softmax or sigmoid twice, shapes blown up, a sum where a mean was meant, a loss cut off from its network.",
        {
            "mistake": "none,softmax_then_cross_entropy,sigmoid_then_bce_with_logits,shapes_broadcast,summed_loss,loss_detached",
            "seeds": "20",
        },
    ),
    Preset(
        "Does Adam forgive what SGD does not?",
        "Adam divides by the gradient's size, so that a loss that is too large by a factor changes little.",
        {
            "mistake": "none,summed_loss,accumulation_not_divided,no_zero_grad",
            "optimizer": "sgd(momentum=0.9),adam",
            "base_lr": "0.003",
            "seeds": "20",
        },
    ),
)
