r"""How do gradients change from time step to time step in a recurrent network?

A recurrent network applies the same weights at every time step, $h_t = \tanh(W_{hh} h_{t-1} + W_{ih} x_t + b)$. The
gradient of a loss at the end, $T$, reaches an early state through a product of Jacobians:

$$\frac{\partial L}{\partial h_t} = J_{t+1}^\top J_{t+2}^\top \cdots J_T^\top \frac{\partial L}{\partial h_T}, \qquad
J_k = \frac{\partial h_k}{\partial h_{k-1}} = \operatorname{diag}\!\left(1 - h_k^2\right) W_{hh} .$$

A deep network multiplies by a different matrix in each layer; here it is one matrix, over and over, so that its
**eigenvalues** decide. Their largest size is the *spectral radius*: well below 1, the gradient fades geometrically;
above 1, it may explode.

**The bound.** tanh' is at most 1, so no step back in time stretches a gradient by more than $\sigma_{\max}$, the largest
singular value of $W_{hh}$ (Pascanu 2013, arXiv:1211.5063, section 2):

$$\left\lVert \frac{\partial L}{\partial h_t} \right\rVert \;\le\; \sigma_{\max}^{\,T-t}\,
\left\lVert \frac{\partial L}{\partial h_T} \right\rVert .$$

The dashed grey line is this bound. Where $\sigma_{\max} < 1$ the gradient must fade; an explosion needs
$\sigma_{\max} > 1$, which does not suffice: large weights also push units onto the flat part of tanh, and each such
unit shrinks the gradient again. With orthogonal weights all singular values are the **recurrent gain**, and what the
gradient loses below the bound is tanh' alone.

**Clipping cures the one and not the other.** Clipping multiplies the whole gradient by one factor of at most 1. An
exploding gradient becomes a step of bounded length, in the same direction. A faded one stays: the share of the early
time steps in the sum over time is as small as before, and no factor brings it back. That takes other weights, fewer
steps, or another cell.

**The additive path.** An LSTM (Hochreiter & Schmidhuber 1997; the forget gate is Gers 2000's) keeps a memory beside its
output, $c_t = f_t \odot c_{t-1} + i_t \odot g_t$, and along it the gradient is multiplied by the forget gate alone, no
matrix and no tanh':

$$\left.\frac{\partial c_t}{\partial c_{t-1}}\right|_{\text{gates fixed}} = \operatorname{diag}(f_t) .$$

It keeps what the gates let through. As drawn, with biases near zero, $f_t \approx 1/2$, and this path halves the
gradient at each step; the paths through the gates add to it. The LSTM *can learn* to remember, it does not start that
way: hence the advice to start the forget gate's bias at 1 (Jozefowicz, Zaremba & Sutskever 2015). The GRU (Cho 2014,
arXiv:1406.1078) mixes in the same way, $h_t = (1 - u_t) \odot n_t + u_t \odot h_{t-1}$.

**What is measured.** The network as drawn, on the first batch: the Euclidean norm over the whole batch of the gradient of
the mean loss with respect to the state after step $t$. An LSTM's state is $h$ and $c$ together, each held fixed for the
other. The default number format is float64, since gradients fade far below what float32 can hold.

**What to try next.** A recurrent gain of 0.8, 1 and 1.2; `model=rnn,lstm,gru`; sequences twice as long; `init=torch_default`
beside `orthogonal`; then the page Clipping, to train where gradients explode.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from core.engine import padded, stacks
from core.experiments import Cost, Experiment, Preset, trainings
from core.frames import COLUMNS
from core.parts.datasets import DATASETS, DataShape, batch_problem, shape_of, usual_batch_size
from core.parts.inits import INITS
from core.parts.models import MODELS
from core.settings import Run, Settings, Sweep, choice, part, positive, whole

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

OWN = ("gain", "init")  # what runs of one stack may have for themselves


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


NAMES = ThroughTime.names()
MEASURES = ("grad_norm", "state_rms", "spectral_radius", "grad_norm_bound")

PRESETS = (
    Preset(
        "Recurrent gain: where it fades, where it explodes",
        "Orthogonal weights, times a gain. Each step back in time multiplies the gradient by the gain, and by tanh'.",
        {"gain": "0.5,0.8,1,1.2,1.5", "seeds": "20"},
    ),
    Preset(
        "A plain network beside LSTM and GRU",
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
        "PyTorch's default initialization beside orthogonal weights",
        "The default's spectral radius is near 1/√3: the gradient fades before training begins.",
        {"init": "torch_default,xavier_normal,orthogonal", "seeds": "20"},
    ),
    Preset(
        "Model × gain",
        "The plain network explodes from a gain near 1.2 on, the gated ones not before 2 or 3.",
        {"model": "rnn,lstm,gru", "gain": "0.3,0.5,0.7,1,1.2,1.5,2,3", "seeds": "10"},
    ),
)


def _load(settings: ThroughTime) -> stacks.Load:
    """What one run costs, as measured on one core of a 2-core machine."""
    itemsize, slow = (8, 2.0) if settings.dtype == "float64" else (4, 1.0)
    data, rows, units = settings.data, padded(settings.batch_size), padded(settings.width)
    assert data.features is not None
    assert data.training_rows is not None
    blocks = 4 if settings.model != "rnn" else 1
    inner = units + padded(data.features + 1)
    weights, drawn = blocks * units * inner, 1.25 * data.training_rows * data.length
    values = data.length * units * rows * (4.0 * blocks + 4.0)
    flops = 6.0 * data.length * weights * rows
    eigenvalues = 25.0 * settings.width**3 / 9e9 if blocks == 1 else 0.0
    seconds = slow * (flops / 70e9 + values * 0.8e-9 + weights * 4e-9)
    seconds += drawn * 18e-9 + data.length * 8e-6 + eigenvalues
    trace = data.length * rows * itemsize * (inner + (blocks > 1) * 6 * units)
    return stacks.Load(
        max(units * rows, weights) * itemsize, trace + 8.0 * weights * itemsize + drawn * (16 + 2 * itemsize), seconds
    )


def tasks(runs: Iterable[Run]) -> list[list[Run]]:
    """Runs of one shape together, whatever their gains and initializations."""
    return stacks.tasks(runs, _shape, lambda run: run, _shape, lambda run: _load(run.settings))  # type: ignore[arg-type]


def _shape(run: Run) -> tuple[object, ...]:
    """What the runs of a stack have in common."""
    return tuple(value for name, value in run.settings if name not in OWN)


def cost(settings: Settings) -> Cost:
    """Seconds on one core, bytes in a worker and rows, for one seed."""
    assert isinstance(settings, ThroughTime)
    load = _load(settings)
    return Cost(load.seconds, load.total_bytes, settings.data.length)


def compute(runs: Sequence[Run], device: str) -> list[dict[str, np.ndarray]]:
    """Each run's place and measured columns, computed as one stack."""
    from core.engine.backprop_through_time import Stack, gradients_through_time

    settings = runs[0].settings
    assert isinstance(settings, ThroughTime)
    stack = Stack(
        settings.model,
        settings.width,
        DATASETS.parse(settings.dataset),
        settings.batch_size,
        settings.dtype,
        tuple((run.settings.init, run.settings.gain, run.seed) for run in runs),  # type: ignore[attr-defined]
    )
    measured = gradients_through_time(stack, device)
    place = {"time": np.arange(1, settings.data.length + 1)}
    return [place | {name: values[r] for name, values in measured.items()} for r in range(len(runs))]


def expected(sweep: Sweep) -> pd.DataFrame:
    """No rows: the bound starts at what is measured."""
    return trainings.no_rows(EXPERIMENT)


def run_summary(frame: pd.DataFrame) -> pd.DataFrame:
    """A row per run: its decay factor per time step, towards the first, and its spectral radius.

    The factor is exp(-slope) of log grad_norm over time; NaN where fewer than two steps have a gradient to take the log
    of.
    """
    import pandas as pd

    from core import profiles

    rows = []
    for _, block in frame.groupby("run", sort=False):
        norms, times = block["grad_norm"].to_numpy(float), block["time"].to_numpy(float)
        measured = {"decay_factor": float(profiles.decay_factor(times, norms))}
        measured["spectral_radius"] = block["spectral_radius"].iloc[0]
        rows.append(block.iloc[0][["run", *NAMES, "seed"]].to_dict() | measured)
    table = pd.DataFrame(rows, columns=["run", *NAMES, "seed", "decay_factor", "spectral_radius"])
    return table.astype({"decay_factor": float, "spectral_radius": float})


def summary(frame: pd.DataFrame) -> pd.DataFrame:
    """A row per setting and measure: ``n mean median standard_error ci_low ci_high`` over seeds."""
    import pandas as pd

    from core import profiles, summaries

    runs = run_summary(frame)
    rows = []
    number, _ = profiles.points(runs, NAMES)
    for _, block in runs.groupby(number):
        settings = block.iloc[0][NAMES].to_dict()
        for measure in ("decay_factor", "spectral_radius"):
            rows.append({**settings, "measure": measure, **summaries.over_seeds(block[measure])})
    columns = [*NAMES, "measure", "n", "mean", "median", "standard_error", "ci_low", "ci_high"]
    return pd.DataFrame(rows, columns=columns)


def charts(frame: pd.DataFrame) -> dict[str, alt.Chart]:
    """The experiment's charts, by name."""
    from core.experiments import through_time_charts

    return through_time_charts.charts(frame)


def headline(frame: pd.DataFrame) -> list[tuple[str, str, str]]:
    """The numbers above the charts."""
    from core.experiments import through_time_words

    return through_time_words.headline(frame)


def code(run: Run) -> str:
    """The run as a plain PyTorch script."""
    from core.plain import through_time

    return through_time.script(run, EXPERIMENT.question, (*EXPERIMENT.places, *MEASURES))


EXPERIMENT = Experiment(
    name="through_time",
    version=2,
    title="Through time",
    question="How do gradients change from time step to time step in a recurrent network?",
    story=(__doc__ or "").split("\n", 1)[1].strip(),
    settings=ThroughTime,
    places=("time",),
    measures=MEASURES,
    presets=PRESETS,
    front=("model", "gain", "init", "width", "dataset"),
    tasks=tasks,
    compute=compute,
    cost=cost,
    expected=expected,
    summary=summary,
    run_summary=run_summary,
    charts=charts,
    wide_charts=("gradient",),
    headline=headline,
    code=code,
    own_data=False,  # it reads sequences
)
assert all(name in COLUMNS for name in EXPERIMENT.columns)
