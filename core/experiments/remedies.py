r"""Which remedy makes the deep network learn?

Twenty layers of sigmoid do not learn: each layer multiplies the gradient on its way to the input by a factor below one,

$$\frac{\partial L}{\partial h_{l-1}} = W_l^\top\left(\varphi'(z_l)\odot\frac{\partial L}{\partial h_l}\right)$$

and what is left for the first layers moves nothing. The lesson names three remedies, and there are more. Each works on one
factor of this product:

- **ReLU** (the lesson's ModernNet): $\varphi'$ is 0 or 1, not at most 1/4.
- **He's initialization** (arXiv:1502.01852): weights of variance 2/fan-in make up for the half that ReLU silences.
- **Residual connections** (the lesson's ResidualBlock, arXiv:1512.03385): $h + f(h)$ adds 1 to the factor.
- **BatchNorm** (the lesson's BatchNormNet, arXiv:1502.03167) and **LayerNorm** (arXiv:1607.06450) rescale every layer's
  signal, so that its size, and with it the gradient's, can't drift away.
- **Clipping** shortens gradients. It makes none larger: against vanishing it does nothing.

**Where the lesson is too simple.** BatchNorm in a deep plain network turns vanishing into explosion: before training,
gradients grow towards the input by $\sqrt{\pi/(\pi-1)} \approx 1.21$ a layer (Yang 2019, arXiv:1902.08129), which training
must first undo. A residual network without a norm adds a variance as large as its input's in every layer, so that it grows as
$2^L$; with a norm in each branch it grows about as $L$. And ReLU alone, with PyTorch's default weights, still loses a factor
of $1/\sqrt 6$ a layer.

**What to try next.** Sweep `depth=5:61:5` for one remedy and see where it stops helping. Take `remedy=he` alone: the right
variance for ReLU is not the right one for sigmoid. Give `optimizer=sgd` and see how much of the rescue is Adam's, which
divides by the gradient's size.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from core.engine import stacks
from core.experiments import Cost, Experiment, Preset, perceptron, trainings, vanishing
from core.frames import COLUMNS
from core.parts.activations import ACTIVATIONS
from core.parts.clippers import CLIPPERS
from core.parts.datasets import DATASETS, DataShape, batch_problem, shape_of, usual_batch_size
from core.parts.inits import INITS
from core.parts.norms import NORMS
from core.parts.optimizers import OPTIMIZERS
from core.parts.remedies import REMEDIES
from core.parts.residuals import RESIDUALS
from core.settings import Run, Settings, Sweep, choice, part, positive, whole

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

FIRST = "plain,relu_he,residual_blocks,batch_norm"
OWN = ("remedy", "init", "clipper", "base_lr")  # what runs of one stack may have for themselves
SECONDS = 3.0  # of a task
LEARNS = 0.5  # share of guessing's errors that a network that learns avoids
AT_CHANCE = 0.1  # one that avoids less than this stays at chance


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


NAMES = Remedies.names()
MEASURES = (*vanishing.MEASURES, "val_loss", "val_accuracy")

PRESETS = (
    Preset(
        "The lesson's remedies on twenty layers",
        "The plain sigmoid network stays at chance; ReLU with He's weights, residual blocks and BatchNorm learn.",
        {"remedy": FIRST, "epochs": "6", "seeds": "10"},
    ),
    Preset(
        "Every remedy, alone and together",
        "Twelve networks, the same rows in the same order: which single change is enough?",
        {"remedy": ",".join(entry.name for entry in REMEDIES), "epochs": "5", "seeds": "3"},
    ),
    Preset(
        "At which depth does a remedy stop helping?",
        "From 4 to 40 layers: what rescues ten layers need not rescue forty.",
        {"remedy": "plain,relu,relu_he,batch_norm", "depth": "4,10,20,40", "epochs": "4", "seeds": "3"},
    ),
    Preset(
        "Clipping does not cure vanishing",
        "A factor of at most 1 makes no gradient larger: the clipped network learns as little as the plain one.",
        {"remedy": "plain,clipping,relu_he", "epochs": "5", "seeds": "5"},
    ),
)


def cost(settings: Settings) -> Cost:
    """Seconds on one core, bytes in a worker and rows, for one seed."""
    assert isinstance(settings, Remedies)
    load = _load(settings)
    return Cost(load.seconds, load.total_bytes, (settings.depth + 1) * settings.steps)


def _load(settings: Remedies) -> stacks.Load:
    """What one run costs: its updates, each with the measures of every layer."""
    assert settings.activation is not None and settings.data.features is not None
    name = ACTIVATIONS.parse(settings.activation).entry.name
    itemsize = 8 if settings.dtype == "float64" else 4
    load = stacks.network_load(
        settings.depth,
        settings.width,
        settings.data.features,
        settings.batch_size,
        settings.steps,
        itemsize,
        vanishing.SLOW.get(name, 0.4e-9),
    )
    slow = 1.5 if settings.norm == "none" and settings.residual == "none" else 2.5
    return load._replace(seconds=load.seconds * slow)


def tasks(runs: Iterable[Run]) -> list[list[Run]]:
    """Runs of one shape together, whatever their weights, rates and clippers."""
    return stacks.tasks(runs, _shape, lambda run: run, _shape, lambda run: _load(run.settings), SECONDS)  # type: ignore[arg-type]


def _shape(run: Run) -> tuple[object, ...]:
    return tuple(value for name, value in run.settings if name not in OWN)


def compute(runs: Sequence[Run], device: str) -> list[dict[str, np.ndarray]]:
    """Each run's place and measured columns, computed as one stack."""
    from core.engine.layer_measures import learning_flow
    from core.engine.learners import Member, Stack

    settings = runs[0].settings
    assert isinstance(settings, Remedies)
    data = settings.data
    assert data.features is not None
    network = perceptron.network(settings, data.features, data.outputs)
    optimizer = OPTIMIZERS.parse(settings.optimizer)
    points: list[Any] = [run.settings for run in runs]
    members = tuple(
        Member(point.init, run.seed, point.base_lr, CLIPPERS.parse(point.clipper), optimizer)
        for point, run in zip(points, runs, strict=True)
    )
    rows = DATASETS.parse(settings.dataset), settings.batch_size, settings.dtype
    stack = Stack("mlp", network, settings.width, *rows, members, "cross_entropy" if data.classes else "mse")
    measured = learning_flow(stack, settings.epochs, device)
    layers = len(network.fans)
    place = {
        "step": np.repeat(np.arange(settings.steps), layers),
        "layer": np.tile(np.arange(1, layers + 1), settings.steps),
    }
    frames = []
    for r in range(len(runs)):
        columns = {name: values[r].ravel() for name, values in measured.items()}
        columns["underflow"] = np.nan_to_num(columns["underflow"]).astype(bool)
        columns["theory_grad_rms"] = np.full(len(place["step"]), math.nan)  # there is none while it trains
        frames.append(place | {name: columns[name] for name in MEASURES})
    return frames


def expected(sweep: Sweep) -> pd.DataFrame:
    """No rows: there is no theory of how a training ends."""
    return trainings.no_rows(EXPERIMENT)


def curves_of(frame: pd.DataFrame) -> pd.DataFrame:
    """A row per run and update, with its ``epoch``: what the whole network did, its layers left out."""
    table = frame[frame["layer"] == 1].drop(columns=["layer", "grad_norm", "update_ratio"])
    per_epoch = (table.groupby("run")["step"].transform("max") + 1) / table["epochs"]
    return table.assign(epoch=(table["step"] // per_epoch.clip(lower=1)).astype(int))


def run_summary(frame: pd.DataFrame) -> pd.DataFrame:
    """A row per run: how its training ended, and the decay factor of its gradient before and after."""
    import pandas as pd

    from core import profiles

    measures = ["final_train_loss", "final_val_loss", "best_val_loss", "final_val_accuracy", "diverged", "failed"]
    if frame.empty:
        return pd.DataFrame(columns=["run", *NAMES, "seed", *measures, "decay_factor", "decay_factor_last"])
    table = curves_of(frame)
    first = table[~table["run"].duplicated()].set_index("run")
    last = table[~table["run"].duplicated(keep="last")].set_index("run")
    runs = frame.loc[~frame["run"].duplicated(), ["run", *NAMES, "seed"]].reset_index(drop=True)
    at = runs["run"].map
    lost = last["train_loss"].isna()
    decay = profiles.decay_table(frame, NAMES).set_index("run")["decay_factor"]
    decay_last = profiles.decay_table(frame, NAMES, last=True).set_index("run")["decay_factor"]
    return runs.assign(
        final_train_loss=at(last["train_loss"]),
        final_val_loss=at(last["val_loss"]),
        best_val_loss=at(table.groupby("run")["val_loss"].min()),
        final_val_accuracy=at(last["val_accuracy"]),
        diverged=at(lost).astype(float),
        failed=at(lost | ~(last["train_loss"] < first["train_loss"])).astype(float),
        decay_factor=at(decay),
        decay_factor_last=at(decay_last),
    )


def summary(frame: pd.DataFrame) -> pd.DataFrame:
    """A row per setting and measure over seeds."""
    return trainings.summary_of(run_summary(frame), NAMES)


def skill(accuracy: float, majority: float) -> float:
    """Share of the errors of always answering the largest class that a network avoids: 0 as that, 1 makes none.

    majority  the share of the largest class, below 1; NaN gives NaN
    """
    return (accuracy - majority) / (1.0 - majority)


def standing(runs: pd.DataFrame, measure: str) -> pd.DataFrame:
    """``remedy n runs mean`` of a measure, the best remedy first; remedies that lost runs stand last."""
    from core import curves

    table = curves.standing(runs, ["remedy"], measure)
    return curves.highest_first(table) if measure.endswith("accuracy") else table


def survivors(row: pd.Series) -> str:
    """Whose mean a row of ``standing`` holds: ``10 runs``, or ``7 of 10 runs, the others diverged``."""
    if row["n"] < row["runs"]:
        return f"{row['n']} of {row['runs']} runs, the others diverged"
    return f"{row['n']} runs" if row["n"] != 1 else "one run"


def charts(frame: pd.DataFrame) -> dict[str, alt.Chart]:
    """Who learns, what the gradients do meanwhile, and at which depth a remedy stops helping."""
    from core.experiments import remedies_charts as draw

    return draw.charts(frame, run_summary(frame), NAMES)


def headline(frame: pd.DataFrame) -> list[tuple[str, str, str]]:
    """(label, value, explanation): who learns, who does not, and by how much."""
    labels = ("Best remedy", "Without a remedy", "Learn", "Runs")
    if frame.empty:
        return [(label, "–", "Press Run.") for label in labels]
    runs = run_summary(frame)
    classifies = runs["final_val_accuracy"].notna().any()
    table = standing(runs, "final_val_accuracy" if classifies else "final_val_loss")
    best, means = table.iloc[0], table.set_index("remedy")["mean"]
    if math.isnan(best["mean"]):
        return [(label, "–", "No run has come to the end of an epoch with a finite loss.") for label in labels]
    written = "{:.1%}".format if classifies else "{:.3g}".format
    bar = trainings.majority(frame) if classifies else math.nan
    remedies = table[table["remedy"] != "plain"]
    whole = remedies[remedies["n"] == remedies["runs"]]
    learns = [name for name, mean in zip(whole["remedy"], whole["mean"], strict=True) if skill(mean, bar) >= LEARNS]
    points = len(runs[list(NAMES)].drop_duplicates())
    several = " Depths and other settings together: see the charts for each." if len(table) < points else ""
    label = REMEDIES.parse(best["remedy"]).entry.label
    return [
        (
            f"Best: {best['remedy']}",
            written(best["mean"]),
            f"{label[0].upper()}{label[1:]}: mean validation {'accuracy' if classifies else 'loss'} after "
            f"the last epoch of {survivors(best)}.{several}",
        ),
        (
            "Without a remedy",
            written(means["plain"]) if np.isfinite(means.get("plain", math.nan)) else "–",
            "The plain sigmoid network.",
        ),
        (
            "Learn",
            f"{len(learns)} of {len(remedies)}" if math.isfinite(bar) and len(remedies) else "–",
            f"Remedies that avoid at least half of the errors of always answering the largest class, {bar:.1%} of the rows, "
            f"in runs that all survive: {', '.join(learns) or 'none'}."
            if math.isfinite(bar)
            else "A target that is a number has no accuracy to compare with guessing.",
        ),
        ("Runs", f"{len(runs):,}", f"{runs['diverged'].mean():.0%} of them diverge."),
    ]


def code(run: Run) -> str:
    """The run as a plain PyTorch script."""
    from core.plain.remedies import script

    measured = (name for name in MEASURES if name != "theory_grad_rms")
    return script(run, EXPERIMENT.question, ("step", "layer", *measured))


EXPERIMENT = Experiment(
    name="remedies",
    version=2,
    title="Remedies",
    question="Which remedy makes the deep network learn?",
    story=(__doc__ or "").split("\n", 1)[1].strip(),
    settings=Remedies,
    places=("step", "layer"),
    measures=MEASURES,
    presets=PRESETS,
    front=("remedy", "depth", "width", "dataset", "optimizer", "base_lr", "epochs"),
    tasks=tasks,
    compute=compute,
    cost=cost,
    expected=expected,
    summary=summary,
    run_summary=run_summary,
    charts=charts,
    wide_charts=("accuracy", "ranking", "gradients"),
    headline=headline,
    code=code,
)
assert all(name in COLUMNS for name in EXPERIMENT.columns)
