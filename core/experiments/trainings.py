"""What the experiments that train have in common: the settings of a training, its stack, its cost, its measures."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from core.engine import padded, stacks
from core.experiments import Cost, Experiment, perceptron
from core.parts.activations import ACTIVATIONS
from core.parts.clippers import CLIPPERS
from core.parts.datasets import DATASETS, DataShape, batch_problem, shape_of, usual_batch_size
from core.parts.inits import INITS
from core.parts.models import MODELS, Model
from core.parts.norms import NORMS
from core.parts.optimizers import OPTIMIZERS
from core.parts.residuals import RESIDUALS
from core.settings import Run, Settings, choice, part, positive, whole

if TYPE_CHECKING:
    import pandas as pd

    from core.engine.learners import Member, Stack
    from core.engine.network import Network

SECONDS = 3.0  # of a task: Cancel waits as long, and small stacks of long trainings would waste half of the time
PLACES = ("step", "epoch")
MEASURES = (
    "lr",
    "train_loss",
    "val_loss",
    "val_accuracy",
    "grad_norm",
    "clipped_grad_norm",
    "clip_cosine",
    "clipped",
    "update_norm",
    "diverged",
)
OWN = ("init", "clipper", "optimizer", "scheduler", "base_lr")  # what runs of one stack may have for themselves


class Learner(Settings):
    """A network and the rows that it learns from: what its settings mean. The fields stand in the subclasses."""

    if TYPE_CHECKING:
        model: str
        dataset: str
        depth: int | None
        width: int
        activation: str | None
        init: str
        norm: str | None
        residual: str | None
        clipper: str
        optimizer: str
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
    base_lr: float = positive(0.001, 1e6)
    epochs: int = whole(30, 1, 10_000)
    batch_size: int = whole(None, 1, 65536)
    dtype: str = choice("float32", "float64")

    @property
    def steps(self) -> int:
        """Updates in all."""
        return self.epochs * self.steps_per_epoch


def load(settings: Learner) -> stacks.Load:
    """What one run costs, as measured on one core of a 2-core machine."""
    itemsize, slow = (8, 2.5) if settings.dtype == "float64" else (4, 1.0)
    data, rows = settings.data, padded(settings.batch_size)
    assert data.features is not None
    units, inputs = padded(settings.width), padded(data.features)
    if settings.kind.heads:
        return _transformer_load(settings, itemsize, slow)
    if settings.kind.sequence:
        blocks = 4 if settings.kind.gates > 1 else 1
        inner = units + padded(data.features + 1)
        weights = float(blocks * units * inner)
        values = data.length * units * rows * (3.0 * blocks)
        flops = 6.0 * data.length * weights * rows
        trace = float(data.length) * rows * itemsize * (inner + (blocks > 1) * 6 * units)
        calls = data.length * (6 if blocks == 1 else 40) * 4e-7
        seconds = 1.5 * slow * (flops / 70e9 + values * 0.5e-9 + weights * 4e-9 + calls)
    else:
        assert settings.depth is not None
        weights = float(units * (inputs + (settings.depth - 1) * units + 16))
        values = settings.depth * units * rows * 6.0
        flops = 6.0 * weights * rows
        assert data.training_rows is not None
        validation = data.training_rows / 4 * (inputs + 3.0 * settings.depth * units)  # all rows at once
        trace = (3.0 * settings.depth * units * rows + validation) * itemsize
        calls = (40 + 20 * settings.depth) * (2e-7 if settings.norm == "none" else 1.5e-6)
        seconds = 1.2 * slow * (flops / 140e9 + values * 0.3e-9 + weights * 1.5e-9 + calls)
    return stacks.Load(
        max(units * rows, weights) * itemsize, trace + 8.0 * weights * itemsize, settings.steps * seconds
    )


def _transformer_load(settings: Learner, itemsize: int, slow: float) -> stacks.Load:
    """The same of a transformer, whose tokens, B · T, all stand in memory at once, as autograd keeps them."""
    assert settings.depth is not None
    heads, places = settings.kind.heads, padded(settings.data.length)
    units = max(padded(settings.width), heads * padded(settings.width // heads))
    tokens, scores = settings.batch_size * places, heads * places
    weights = float(settings.depth * 12 * units * units)
    values = units * (22.0 * settings.depth + 18.0) + scores * 10.0 * settings.depth
    kept = settings.depth * (32.0 * units + 3.0 * scores) + 36.0 * units + 3.0 * scores
    calls = (40 + 110 * settings.depth) * 5e-7
    seconds = 1.2 * slow * (tokens * (6.0 * weights / 70e9 + values * 0.9e-9) + weights * 4e-9 + calls)
    memory = (tokens * kept + 8.0 * weights) * itemsize
    return stacks.Load(max(4.0 * units * tokens, weights) * itemsize, memory, settings.steps * seconds)


def cost(settings: Settings) -> Cost:
    """Seconds on one core, bytes in a worker and rows, for one seed."""
    assert isinstance(settings, Learner)
    own = load(settings)
    return Cost(own.seconds, own.total_bytes, settings.steps)


def tasks(runs: Iterable[Run]) -> list[list[Run]]:
    """Runs of one shape together, whatever their rates, clippers, optimizers and schedules."""
    return stacks.tasks(runs, _shape, lambda run: run, _shape, lambda run: load(run.settings), SECONDS)  # type: ignore[arg-type]


def _shape(run: Run) -> tuple[object, ...]:
    """What the runs of a stack have in common."""
    return tuple(value for name, value in run.settings if name not in OWN)


def compute(runs: Sequence[Run], device: str, measures: Sequence[str]) -> list[dict[str, np.ndarray]]:
    """Each run's place and measured columns, computed as one stack; ``scheduler`` is constant where there is none."""
    from core.engine.update_measures import training

    settings = runs[0].settings
    assert isinstance(settings, Training)
    measured = training(stack(runs), settings.epochs, device)
    steps = np.arange(settings.steps)
    place = {"step": steps, "epoch": steps // settings.steps_per_epoch}
    measured |= {name: measured[name].astype(bool) for name in ("clipped", "diverged")}
    return [place | {name: measured[name][r] for name in measures} for r in range(len(runs))]


def stack(runs: Sequence[Run]) -> Stack:
    """The runs, which share their shape, as the engine takes them."""
    from core.engine.learners import Stack
    from core.engine.transformer import Blocks

    settings = runs[0].settings
    assert isinstance(settings, Learner)
    data = settings.data
    assert data.features is not None
    network: Network | Blocks | None = None
    if not settings.kind.sequence:
        network = perceptron.network(settings, data.features, data.outputs)
    elif settings.kind.heads:
        assert settings.depth is not None and settings.activation is not None
        activation = ACTIVATIONS.parse(settings.activation)
        network = Blocks(settings.depth, settings.width, settings.kind.heads, activation)
    return Stack(
        settings.model,
        network,
        settings.width,
        DATASETS.parse(settings.dataset),
        settings.batch_size,
        settings.dtype,
        tuple(_member(run) for run in runs),
    )


def _member(run: Run) -> Member:
    from core.engine.learners import Member
    from core.parts.schedulers import SCHEDULERS

    settings = run.settings
    assert isinstance(settings, Learner)
    return Member(
        settings.init,
        run.seed,
        getattr(settings, "base_lr", math.nan),
        CLIPPERS.parse(settings.clipper),
        OPTIMIZERS.parse(settings.optimizer),
        SCHEDULERS.parse(getattr(settings, "scheduler", "constant")),
    )


def run_summary(frame: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """A row per run: how its training ended."""
    import pandas as pd

    from core import curves

    columns = ["run", *names, "seed"]
    measures = [
        "final_train_loss",
        "final_val_loss",
        "best_val_loss",
        "final_val_accuracy",
        "epochs_to_bar",
        "diverged",
        "failed",
        "clipped_share",
    ]
    if frame.empty:
        return pd.DataFrame(columns=[*columns, *measures])
    frame = curves.finite(frame)
    runs = frame.groupby("run", sort=False)
    table = runs[columns[1:]].first().reset_index().reindex(columns=columns)  # first() drops settings that are empty
    last, first = frame[~frame["run"].duplicated(keep="last")].set_index("run"), frame[~frame["run"].duplicated()]
    settings = first.set_index("run")[list(names)]
    table[list(names)] = settings.loc[table["run"]].to_numpy()
    at = table["run"].map
    opening = first.set_index("run")["train_loss"]
    diverged = last["diverged"].astype(bool)
    failed = diverged | ~(last["train_loss"] < opening)
    best = runs["val_loss"].min()
    table = table.assign(
        final_train_loss=at(last["train_loss"]),
        final_val_loss=at(last["val_loss"]),
        best_val_loss=at(best),
        final_val_accuracy=at(last["val_accuracy"]),
        epochs_to_bar=at(_epochs_to_bar(frame, best)),
        diverged=at(diverged).astype(float),
        failed=at(failed).astype(float),
        clipped_share=at(frame[~frame["diverged"].astype(bool)].groupby("run")["clipped"].mean()),
    )
    return table.astype({name: first[name].dtype for name in names})


def _epochs_to_bar(frame: pd.DataFrame, best: pd.Series) -> pd.Series:
    """Per run, epochs until its validation loss is at the median of all runs' best, of one model and dataset."""
    import pandas as pd

    ends = frame[frame["val_loss"].notna()]
    if ends.empty:
        return pd.Series(dtype=float)
    problem = ends["model"].astype(str) + " " + ends["dataset"].astype(str)
    bar = ends["run"].map(best).groupby(problem).transform("median")
    return ends[ends["val_loss"] <= bar].groupby("run")["epoch"].min() + 1


def summary(frame: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """A row per setting and measure: ``n mean median standard_error ci_low ci_high`` over seeds."""
    return summary_of(run_summary(frame, names), names)


def summary_of(runs: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """The same from a table with a row per run: ``run``, the settings ``names``, ``seed``, then its measures."""
    import pandas as pd

    from core import profiles, summaries

    measures = [name for name in runs.columns if name not in ("run", "seed", *names)]
    rows = []
    number, _ = profiles.points(runs, names)
    for _, block in runs.groupby(number):
        settings = block.iloc[0][list(names)].to_dict()
        rows += [{**settings, "measure": name, **summaries.over_seeds(block[name])} for name in measures]
    columns = [*names, "measure", "n", "mean", "median", "standard_error", "ci_low", "ci_high"]
    return pd.DataFrame(rows, columns=columns)


def majority(frame: pd.DataFrame) -> float:
    """The accuracy of always answering the largest class of the frame's one dataset; NaN for several, or for numbers.

    NaN too for a user's own table that is not here, or has changed: a frame can be read without its data.
    """
    names = frame["dataset"].unique()
    if len(names) != 1 or not isinstance(names[0], str):
        return math.nan
    try:
        return shape_of(names[0]).majority
    except ValueError:
        return math.nan


def no_rows(kind: Experiment) -> pd.DataFrame:
    """The experiment's frame without a row."""
    from core import tables

    return tables.to_frame(kind.table([], []))
