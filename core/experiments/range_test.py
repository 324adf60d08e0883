r"""Which learning rate should I use?

A **range test** (Smith 2015, arXiv:1506.01186) trains once while the rate grows from step to step,

$$\eta_i = \eta_{\min}\left(\frac{\eta_{\max}}{\eta_{\min}}\right)^{i/(n-1)}$$

and reads the rate from the loss: flat where the rate is too low, falling where it works, rising where it is too high. The
loss of one batch is noisy, so that a moving average is read, $s_i = \beta s_{i-1} + (1-\beta) L_i$, divided by
$1-\beta^{i+1}$ to make up for its short past. The test ends where it passes `stop_factor` times its least.

**The rules disagree.** *valley* (fastai's default) stands inside the longest falling stretch; *steepest* where the loss
falls fastest over $\log\eta$ (torch-lr-finder); *steepest, linear* where it falls fastest over $\eta$ itself (Lightning since
2.5.3): small rates stand close together on a linear axis, so that it suggests rates that are lower by orders of magnitude;
*a tenth of the minimum's* steps back from the edge. All read the same smoothed curve. We recommend **valley, its median
over seeds**: it needs a long stretch of falling loss, not one lucky step, and moves least from seed to seed. Then train
with it, far below and above it, as the page does, and believe that: the suggestion is cautious, and more may be better.

**The stability limit.** Gradient descent with full batches on a loss of largest curvature $\lambda$ is stable below
$\eta = 2/\lambda$ (with heavy-ball momentum $\beta$ below $2(1+\beta)/\lambda$): a step along that direction multiplies the
distance to the minimum by $1-\eta\lambda$. It is exact for a parabola and full batches; a network's curvature changes as it
trains, and with batches noise comes on top. Adam rescales each parameter, so that the limit says nothing of it.

**What to try next.** Raise `batch_size` with SGD and see the curve turn at the stability limit. Set `smoothing=0` and watch
the rules jump from seed to seed. Then take the recommended rate to Schedulers.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from core.engine import stacks
from core.experiments import Cost, Experiment, Preset, trainings
from core.experiments.trainings import Learner
from core.frames import COLUMNS
from core.parts.activations import ACTIVATIONS
from core.parts.clippers import CLIPPERS
from core.parts.datasets import DATASETS
from core.parts.inits import INITS
from core.parts.models import MODELS
from core.parts.norms import NORMS
from core.parts.optimizers import OPTIMIZERS
from core.parts.residuals import RESIDUALS
from core.settings import Run, Settings, Sweep, choice, number, part, positive, whole
from core.theory.curvature import ITERATIONS, max_stable_lr
from core.theory.suggestions import RULES

if TYPE_CHECKING:
    import pandas as pd

    from core.plotting.figure import Figure

OWN = ("init", "clipper", "optimizer", "min_lr", "max_lr", "smoothing", "stop_factor")  # of a run of a stack


class RangeTest(Learner):
    """One network, its data, and the rates that it is tried with."""

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


NAMES = RangeTest.names()
MEASURES = ("lr", "train_loss", "smoothed_loss", "diverged", "max_stable_lr")

PRESETS = (
    Preset(
        "Handwritten digits with Adam",
        "One network, twenty seeds: where do the rules agree, and where do they not?",
        {"seeds": "20"},
    ),
    Preset(
        "Plain SGD, with the stability limit",
        "The loss turns near 2/λ, which the curvature at the start knows beforehand.",
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


def cost(settings: Settings) -> Cost:
    """Seconds on one core, bytes in a worker and rows, for one seed."""
    assert isinstance(settings, RangeTest)
    own = _load(settings)
    return Cost(own.seconds, own.total_bytes, settings.steps)


def _load(settings: RangeTest) -> stacks.Load:
    """What one run costs: its updates, and the gradients over all rows by which its curvature is found."""
    load = trainings.load(settings)
    if not _has_limit(settings):
        return load
    passes = (
        2.5 * 2.0 * ITERATIONS / 3.0 * max(1, settings.steps_per_epoch)
    )  # in float64; most need a third of the steps
    return load._replace(seconds=load.seconds * (1.0 + passes / settings.steps))


def _has_limit(settings: RangeTest) -> bool:
    return not math.isnan(max_stable_lr(OPTIMIZERS.parse(settings.optimizer), 1.0))


def tasks(runs: Iterable[Run]) -> list[list[Run]]:
    """Runs of one shape together, whatever their rates, clippers and optimizers."""
    return stacks.tasks(runs, _shape, lambda run: run, _shape, lambda run: _load(run.settings), trainings.SECONDS)  # type: ignore[arg-type]


def _shape(run: Run) -> tuple[object, ...]:
    return tuple(value for name, value in run.settings if name not in OWN)


def compute(runs: Sequence[Run], device: str) -> list[dict[str, np.ndarray]]:
    """Each run's place and measured columns, computed as one stack; a run's rows end where its test does."""
    from core.engine.range_test import Ramp, range_test

    points = [run.settings for run in runs]
    ramp = Ramp(
        np.stack([rates(point) for point in points]),  # type: ignore[arg-type]
        np.array([point.smoothing for point in points]),  # type: ignore[attr-defined]
        np.array([point.stop_factor for point in points]),  # type: ignore[attr-defined]
    )
    measured = range_test(trainings.stack(runs), ramp, device)
    limits = _limits(runs, device)
    found = []
    for r, rows in enumerate(measured["rows"]):
        loss = measured["train_loss"][r, :rows]
        found.append(
            {
                "step": np.arange(rows),
                "lr": ramp.lr[r, :rows],
                "train_loss": loss,
                "smoothed_loss": measured["smoothed_loss"][r, :rows],
                "diverged": np.isnan(loss),
                "max_stable_lr": np.full(rows, limits[r]),
            }
        )
    return found


def _limits(runs: Sequence[Run], device: str) -> np.ndarray:
    """The largest stable learning rate of each run's optimizer, (R,)."""
    from core.engine.curvature import sharpness

    limits = np.full(len(runs), math.nan)
    asked = [r for r, run in enumerate(runs) if _has_limit(run.settings)]  # type: ignore[arg-type]
    if asked:
        settings = runs[0].settings
        assert isinstance(settings, RangeTest) and settings.data.training_rows is not None
        curvatures = sharpness(trainings.stack([runs[r] for r in asked]), settings.data.training_rows, device)
        for r, curvature in zip(asked, curvatures, strict=True):
            optimizer = OPTIMIZERS.parse(runs[r].settings.optimizer)  # type: ignore[attr-defined]
            limits[r] = max_stable_lr(optimizer, float(curvature))
    return limits


def expected(sweep: Sweep) -> pd.DataFrame:
    """No rows: there is no theory of how a range test runs."""
    return trainings.no_rows(EXPERIMENT)


def run_summary(frame: pd.DataFrame) -> pd.DataFrame:
    """A row per run: what each rule suggests, and the stability limit."""
    import pandas as pd

    columns = ["run", *NAMES, "seed"]
    rows = []
    for _, block in frame.groupby("run", sort=False):
        curve = block["lr"].to_numpy(float), block["smoothed_loss"].to_numpy(float)
        suggested = {f"suggested_lr_{name}": rule(*curve) for name, rule in RULES.items()}
        rows.append(
            {
                **block.iloc[0][columns].to_dict(),
                **suggested,
                "max_stable_lr": float(block["max_stable_lr"].iloc[0]),
                "diverged": float(block["diverged"].any()),
            }
        )
    measures = [*(f"suggested_lr_{name}" for name in RULES), "max_stable_lr", "diverged"]
    table = pd.DataFrame(rows, columns=[*columns, *measures])
    return table.astype({name: frame[name].dtype for name in columns}) if rows else table


def summary(frame: pd.DataFrame) -> pd.DataFrame:
    """A row per setting and measure over seeds."""
    return trainings.summary_of(run_summary(frame), NAMES)


def charts(frame: pd.DataFrame) -> dict[str, Figure]:
    """The curve with every suggestion marked, and how far the suggestions spread over seeds."""
    from core.experiments import range_test_charts as draw

    return draw.charts(frame, run_summary(frame), NAMES)


AROUND = (1 / 30, 1.0, 10.0, 100.0)  # of the suggestion: too low, right, too high, far too high


def check_settings(frame: pd.DataFrame) -> dict[str, str] | None:
    """Trainings at the recommended rate, below and above, as settings of ``schedulers``; None without a suggestion.

    frame  range tests of one setting
    """
    suggested = float(run_summary(frame)["suggested_lr_valley"].median())
    if not math.isfinite(suggested):
        return None
    first = frame.iloc[0]
    shared = [name for name in NAMES if name not in ("min_lr", "max_lr", "steps", "smoothing", "stop_factor")]
    same = {name: str(first[name]) for name in shared if first[name] is not None and first[name] == first[name]}
    rates = ",".join(f"{suggested * factor:.2g}" for factor in AROUND)
    return same | {"scheduler": "constant", "base_lr": rates, "epochs": "10", "seeds": "5"}


def check_charts(frame: pd.DataFrame) -> dict[str, Figure]:
    """What the trainings of ``check_settings`` do, the verdict first."""
    from core.experiments import range_test_charts as draw

    return draw.check_charts(frame)


def checked_rate(frame: pd.DataFrame) -> float:
    """The rate that the trainings of ``check_settings`` speak for: the suggestion, or one that is surely better."""
    from core.experiments import range_test_charts as draw

    return draw.checked_rate(frame)


EDGE_STEPS, EDGE_EVERY = 400, 20


def edge(run: Run, lr: float) -> dict[str, np.ndarray]:
    """Full-batch descent of one run at a constant rate: ``loss`` of each update, ``sharpness`` of every twentieth.

    A worker's business.
    """
    from core.engine.curvature import descent

    settings = run.settings
    assert isinstance(settings, RangeTest) and settings.data.training_rows is not None
    found = descent(trainings.stack([run]), settings.data.training_rows, lr, EDGE_STEPS, EDGE_EVERY)
    return {"loss": found.loss[0], "sharpness": found.sharpness[0]}


def edge_chart(found: Mapping[str, np.ndarray], lr: float, limit: float) -> Figure:
    """The curvature along that descent, beside ``limit``, the largest for which the rate is stable."""
    from core.experiments import range_test_charts as draw

    return draw.edge_chart(found["sharpness"], EDGE_EVERY, lr, limit)


def headline(frame: pd.DataFrame) -> list[tuple[str, str, str]]:
    """(label, value, explanation): the recommended rate, how far the rules disagree, the stability limit."""
    from core.words import three_digits

    if frame.empty:
        return [
            (label, "–", "Press Run.") for label in ("Recommended rate", "The rules span", "Stability limit", "Runs")
        ]
    runs = run_summary(frame)
    medians = runs[[f"suggested_lr_{name}" for name in RULES]].median()
    own = runs["suggested_lr_valley"]
    spread = f"10 % to 90 % of seeds: {three_digits(own.quantile(0.1))} to {three_digits(own.quantile(0.9))}."
    several = " Settings differ: see the table for each." if len(runs[NAMES].drop_duplicates()) > 1 else ""
    limit = runs["max_stable_lr"].median()
    return [
        (
            "Recommended rate",
            three_digits(own.median()),
            f"Median of the rule valley over {len(runs)} runs. {spread}{several}",
        ),
        (
            "The rules span",
            f"{three_digits(medians.max() / medians.min())}×",
            "Highest over lowest median suggestion: "
            + ", ".join(f"{name} {three_digits(medians[f'suggested_lr_{name}'])}" for name in RULES)
            + ".",
        ),
        (
            "Stability limit",
            three_digits(limit),
            "Median of 2/λ (with momentum 2(1+β)/λ) at the start; SGD alone has one.",
        ),
        ("Runs", f"{len(runs):,}", f"{runs['diverged'].mean():.0%} end in a loss that is not finite."),
    ]


def code(run: Run) -> str:
    """The run as a plain PyTorch script."""
    from core.scripts.range_test import script

    return script(run, EXPERIMENT.question, ("step", "lr", "train_loss", "smoothed_loss", "diverged"))


EXPERIMENT = Experiment(
    name="range_test",
    version=2,
    title="Learning rate",
    question="Which learning rate should I use?",
    story=(__doc__ or "").split("\n", 1)[1].strip(),
    settings=RangeTest,
    places=("step",),
    measures=MEASURES,
    presets=PRESETS,
    front=("model", "dataset", "depth", "optimizer", "min_lr", "max_lr", "steps"),
    tasks=tasks,
    compute=compute,
    cost=cost,
    expected=expected,
    summary=summary,
    run_summary=run_summary,
    charts=charts,
    wide_charts=("curve", "rules"),
    headline=headline,
    code=code,
)
assert all(name in COLUMNS for name in EXPERIMENT.columns)
