r"""How does a two-layer network learn XOR?

**A gradient is an answer to a question:** if I turn this one weight up a little, by how much does the error change? A
positive answer says "turn it down", a negative one "turn it up", zero says "it does not matter". *Backpropagation* gets
the answers for all weights at once, by going through the network once forward and once back.

The lesson's `SimpleNeuralNet` has two inputs, one hidden layer and one output. Forward, each line uses the one before:

$$z_1 = X W_1 + b_1, \qquad a_1 = \varphi(z_1), \qquad z_2 = a_1 W_2 + b_2, \qquad a_2 = \sigma(z_2),$$

and the binary cross-entropy says how wrong the prediction $a_2$ is, on average over $m$ examples with answers $y$:

$$L = -\frac{1}{m} \sum \big( y \log a_2 + (1 - y) \log (1 - a_2) \big) .$$

**Back, the chain rule** multiplies what each line does to the next. For the output the product simplifies to
*prediction minus answer*; the weights then hand the blame to the hidden units, as much as each contributed:

$$\delta_2 = a_2 - y, \quad \frac{\partial L}{\partial W_2} = \frac{a_1^\top \delta_2}{m}, \qquad
\delta_1 = \delta_2 W_2^\top \odot \varphi'(z_1), \quad \frac{\partial L}{\partial W_1} = \frac{X^\top \delta_1}{m} .$$

A step of gradient descent then moves every weight against its gradient, $W \leftarrow W - \eta\, \partial L / \partial W$, and all
begins anew. One pass over all examples is an *epoch*; here it is one step.

**Why XOR.** No straight line separates (0, 1) and (1, 0) from (0, 0) and (1, 1), so that a network without hidden units
must fail. Two hidden units can do it, but gradient descent often does not find how: some first weights lead to a plateau,
a loss that no longer falls though two of four answers are wrong. More hidden units make a lucky start more likely. One
run therefore proves nothing, neither that a network works nor that it does not: look at a hundred seeds.

**Why not start with zeros?** If all weights are zero, all hidden units compute the same, get the same gradient and stay the
same for ever: they are one unit. On XOR even that one gets a gradient of exactly zero. Random first weights break the
symmetry.

**Where the lesson is off.** It calls its initialization Xavier's; normal numbers times $\sqrt{2/\text{fan-in}}$ are He's
(arXiv:1502.01852). Its `compute_loss` compares every prediction with every answer, because answers of shape $(m,)$ beside
predictions of shape $(m, 1)$ make a table of shape $(m, m)$: the number it prints *rises* as the network learns. The
gradients do not use that number, so that training is right all the same.

**What to try next.** Two hidden units and many seeds; `init=zeros`; `dataset=and`, which one straight line solves;
ReLU, whose units can die; a learning rate of 0.1 and of 30.

Source: Rumelhart, Hinton & Williams 1986, *Learning representations by back-propagating errors*, which has XOR too. The
network stands in `core/engine/by_hand.py`, in NumPy, to be read from top to bottom.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from core.engine import stacks
from core.experiments import Cost, Experiment, Preset, trainings
from core.frames import COLUMNS
from core.parts.activations import ACTIVATIONS
from core.parts.datasets import DATASETS, DataShape, shape_of
from core.parts.inits import INITS
from core.settings import Run, Settings, Sweep, part, positive, whole

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

OWN = ("init", "base_lr")  # what runs of one stack may have for themselves


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


NAMES = Backprop.names()
GRADIENTS = ("grad_norm_w1", "grad_norm_b1", "grad_norm_w2", "grad_norm_b2")
PREDICTIONS = ("prediction_00", "prediction_01", "prediction_10", "prediction_11")
MEASURES = ("train_loss", "accuracy", *GRADIENTS, *PREDICTIONS)
SUMMARIZED = ("solved", "final_train_loss", "epochs_to_solve", "final_accuracy")

PRESETS = (
    Preset(
        "The lesson's network learns XOR",
        "Four sigmoid units, learning rate 1, 1,000 epochs: watch one seed learn.",
        {"hidden": "4", "base_lr": "1", "epochs": "1000"},
    ),
    Preset(
        "100 seeds, 2 to 8 hidden units: why one run proves nothing",
        "Two hidden units fail in about a third of the runs, eight in none.",
        {"hidden": "2,3,4,8", "seeds": "100"},
    ),
    Preset(
        "Hidden units × learning rate",
        "A higher rate gets there sooner, but a plateau stays a plateau.",
        {"hidden": "2,3,4,8", "base_lr": "0.1,0.3,1,3", "seeds": "100"},
    ),
    Preset(
        "Zeros: why the first weights must be random",
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


def _load(settings: Backprop) -> stacks.Load:
    """What one run costs, as measured on one core of a 2-core machine."""
    data = settings.data
    assert data.features is not None
    rows = _rows(settings)
    values = rows * (settings.hidden + 1)
    weights = settings.hidden * (data.features + 2)
    seconds = (settings.epochs + 1) * (2e-6 + 15e-9 * values + 0.4e-9 * rows * weights)
    return stacks.Load(values * 8.0, values * 80.0 + (settings.epochs + 1) * 8.0 * 3 * len(MEASURES), seconds)


def _rows(settings: Backprop) -> int:
    """Rows of the dataset, those that others would validate on included."""
    part = DATASETS.parse(settings.dataset)
    training = settings.data.training_rows
    assert training is not None
    return training if part.entry.whole else int(training / 0.8) + 1


def tasks(runs: Iterable[Run]) -> list[list[Run]]:
    """Runs of one shape together, whatever their rates and initializations."""
    return stacks.tasks(runs, _shape, lambda run: run, _shape, lambda run: _load(run.settings))  # type: ignore[arg-type]


def _shape(run: Run) -> tuple[object, ...]:
    """What the runs of a stack have in common."""
    return tuple(value for name, value in run.settings if name not in OWN)


def cost(settings: Settings) -> Cost:
    """Seconds on one core, bytes in a worker and rows, for one seed."""
    assert isinstance(settings, Backprop)
    load = _load(settings)
    return Cost(load.seconds, load.total_bytes, settings.epochs + 1)


def stack_of(runs: Sequence[Run]) -> Any:
    """The engine's stack of these runs."""
    from core.engine.by_hand_stack import Member, Stack

    settings = runs[0].settings
    assert isinstance(settings, Backprop)
    members = tuple(Member(run.settings.init, run.settings.base_lr, run.seed) for run in runs)  # type: ignore[attr-defined]
    return Stack(DATASETS.parse(settings.dataset), settings.hidden, settings.activation, settings.epochs, members)


def compute(runs: Sequence[Run], device: str) -> list[dict[str, np.ndarray]]:
    """Each run's place and measured columns, computed as one stack, in NumPy whatever the device."""
    from core.engine.by_hand_stack import training_record

    stack = stack_of(runs)
    measured = training_record(stack).measured
    epoch = np.arange(stack.epochs + 1)
    return [{"epoch": epoch} | {name: measured[name][r] for name in MEASURES} for r in range(len(runs))]


def expected(sweep: Sweep) -> pd.DataFrame:
    """No rows: there is no theory of how a training ends."""
    return trainings.no_rows(EXPERIMENT)


def run_summary(frame: pd.DataFrame) -> pd.DataFrame:
    """A row per run: whether it ends with every row right, from which epoch on, and its last loss and accuracy."""
    import pandas as pd

    columns = ["run", *NAMES, "seed", *SUMMARIZED]
    if frame.empty:
        return pd.DataFrame(columns=columns)
    last = frame[~frame["run"].duplicated(keep="last")].reset_index(drop=True)
    solved = last["accuracy"].astype(float) == 1.0  # a run that diverged has none
    wrong = frame[~(frame["accuracy"].astype(float) == 1.0)].groupby("run")["epoch"].max()
    since = last["run"].map(wrong).fillna(-1).astype(float) + 1.0
    return last.assign(
        solved=solved.astype(float),
        final_train_loss=last["train_loss"].astype(float),
        epochs_to_solve=since.where(solved),
        final_accuracy=last["accuracy"].astype(float),
    )[columns]


def summary(frame: pd.DataFrame) -> pd.DataFrame:
    """A row per setting and measure: ``n mean median standard_error ci_low ci_high`` over seeds."""
    import pandas as pd

    from core import profiles, summaries

    runs = run_summary(frame)
    rows = []
    number, _ = profiles.points(runs, NAMES)
    for _, block in runs.groupby(number):
        settings = block.iloc[0][NAMES].to_dict()
        rows += [{**settings, "measure": name, **summaries.over_seeds(block[name])} for name in SUMMARIZED]
    return pd.DataFrame(rows, columns=[*NAMES, "measure", "n", "mean", "median", "standard_error", "ci_low", "ci_high"])


def charts(frame: pd.DataFrame) -> dict[str, alt.Chart]:
    """The experiment's charts, by name."""
    from core.experiments import backprop_charts

    return backprop_charts.charts(frame)


def headline(frame: pd.DataFrame) -> list[tuple[str, str, str]]:
    """The numbers above the charts."""
    from core.experiments import backprop_charts

    return backprop_charts.headline(frame)


def code(run: Run) -> str:
    """The run as a plain PyTorch script."""
    from core.plain import backprop

    return backprop.script(run, EXPERIMENT.question, (*EXPERIMENT.places, *MEASURES))


EXPERIMENT = Experiment(
    name="backprop",
    version=1,
    title="Backprop by hand",
    question="How does a two-layer network learn XOR?",
    story=(__doc__ or "").split("\n", 1)[1].strip(),
    settings=Backprop,
    places=("epoch",),
    measures=MEASURES,
    presets=PRESETS,
    front=("dataset", "hidden", "activation", "init", "base_lr", "epochs"),
    tasks=tasks,
    compute=compute,
    cost=cost,
    expected=expected,
    summary=summary,
    run_summary=run_summary,
    charts=charts,
    wide_charts=("success",),
    headline=headline,
    code=code,
)
assert all(name in COLUMNS for name in EXPERIMENT.columns)
