r"""How do gradients change from layer to layer?

A network learns by the chain rule. For the hidden layers $h_l = \varphi(z_l)$, $z_l = W_l h_{l-1} + b_l$, the signal
$\delta_l = \partial L / \partial z_l$ travels from the last layer to the first:

$$\delta_l = \left(W_{l+1}^\top \delta_{l+1}\right) \odot \varphi'(z_l), \qquad
\frac{\partial L}{\partial W_l} = \delta_l\, h_{l-1}^\top .$$

Every layer on the way multiplies the gradient twice: by its **weights** and by **φ'**. Where the product of the two is
below 1, the gradient shrinks geometrically towards the input and *vanishes*; above 1 it *explodes*. For wide networks
at initialization both factors are known (Poole 2016, arXiv:1606.05340; Schoenholz 2017, arXiv:1611.01232):

$$\mathbb{E}\,\delta_l^2 = \chi\; \mathbb{E}\,\delta_{l+1}^2, \qquad
\chi_1 = \sigma_w^2\, \mathbb{E}\!\left[\varphi'(\sqrt{q^*} z)^2\right], \qquad \xi = 1 / |\ln \chi_1| ,$$

with $\sigma_w^2$ the weight variance times the fan-in, $q^*$ the variance at which pre-activations settle, and $\xi$
the number of layers over which $\mathbb{E}\,\delta^2$ falls by $e$. The dashed grey line is this prediction.

**What the lesson's examples show.** Its bound $0.25^{20}$ is the worst case of sigmoid's φ' alone. Its own example,
20 layers of tanh, shrinks for another reason: φ' is close to 1 there, but `nn.Linear` draws its weights with variance
$1/(3 \cdot \text{fan-in})$, which costs a factor $1/\sqrt{3} \approx 0.58$ a layer. And the initialization that the
lesson calls Xavier, $\sqrt{2/\text{fan-in}}$, is He's (arXiv:1502.01852): Xavier's is $\sqrt{2/(\text{fan-in} +
\text{fan-out})}$. Both help; He's is the one for ReLU.

**With BatchNorm before ReLU** gradients grow towards the input, by $\sqrt{\pi/(\pi-1)} \approx 1.21$ a layer (Yang 2019,
arXiv:1902.08129). A network that ends in a norm has a zero gradient under the loss `sum`: normalized outputs have a
fixed sum.

**Underflow.** Below about $10^{-45}$ float32 holds only zeros. The lab carries the exponent along, so that it can show
the true size; rows marked `underflow` are those for which PyTorch alone would have given zeros.

**What to try next.** ReLU with `init=torch_default,he_normal`; `residual=identity` around every layer; `norm=batch` on a batch
of 32; `steps=50` on digits, to see whether training mends what the first weights spoil.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from core.engine import stacks
from core.experiments import Cost, Experiment, Preset, perceptron
from core.frames import COLUMNS
from core.parts.activations import ACTIVATIONS
from core.parts.datasets import DATASETS, DataShape, batch_problem, shape_of
from core.parts.inits import INITS
from core.parts.norms import NORMS
from core.parts.optimizers import OPTIMIZERS
from core.parts.residuals import RESIDUALS
from core.settings import Run, Settings, Sweep, choice, part, positive, whole
from core.theory import mean_field

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

TRAINED = ("cross_entropy", "mse")
SLOW = {"tanh": 2.6e-9, "mish": 7e-9, "softplus": 1.8e-9, "selu": 1.2e-9, "elu": 1.2e-9, "gelu": 1.2e-9, "silu": 1.2e-9}


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


MEASURES = (
    "train_loss",
    "grad_mean_abs",
    "grad_rms",
    "grad_norm",
    "weight_rms",
    "activation_rms",
    "saturated",
    "dead",
    "update_ratio",
    "underflow",
    "theory_grad_rms",
)

PRESETS = (
    Preset(
        "The lesson's network: 5 and 20 layers of tanh",
        "The same layer twenty times over: each costs the gradient the same factor.",
        {"depth": "5,20", "seeds": "20"},
    ),
    Preset(
        "The lesson's worst case: sigmoid beside tanh",
        "Sigmoid's φ' is at most 1/4, and the weights shrink the gradient further.",
        {"depth": "20", "activation": "sigmoid,tanh", "width": "32", "seeds": "20"},
    ),
    Preset(
        "The lesson's ModernNet: ReLU instead of sigmoid",
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
        "Default initialization against He's, on ReLU",
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
        "The lesson's ResidualBlock",
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
        "The lesson's BatchNormNet",
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
        "Real data: ten layers learn handwritten digits",
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
        "Depth × activation × initialization",
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


def _load(settings: Vanishing) -> stacks.Load:
    name = ACTIVATIONS.parse(settings.activation).entry.name
    itemsize = 8 if settings.dtype == "float64" else 4
    features = settings.data.features
    assert features is not None
    passes = settings.steps + 1
    return stacks.network_load(
        settings.depth, settings.width, features, settings.batch_size, passes, itemsize, SLOW.get(name, 0.4e-9)
    )


def tasks(runs: Iterable[Run]) -> list[list[Run]]:
    """Runs of one shape together; those that differ in activation or depth alone share their draws."""
    return stacks.tasks(runs, _shape, _drawn, lambda run: _shape(run)[1:], lambda run: _load(run.settings))  # type: ignore[arg-type]


def _shape(run: Run) -> tuple[object, ...]:
    """What the runs of a stack have in common, the depth first."""
    own = ("activation", "init", "base_lr")
    return tuple(value for name, value in run.settings if name not in own)


def _drawn(run: Run) -> tuple[object, ...]:
    settings = run.settings
    assert isinstance(settings, Vanishing)
    return settings.init, settings.base_lr, run.seed


def cost(settings: Settings) -> Cost:
    """Seconds on one core, bytes in a worker and rows, for one seed."""
    assert isinstance(settings, Vanishing)
    load = _load(settings)
    layers = settings.depth + (settings.loss in TRAINED)
    return Cost(load.seconds + 40e-6, load.total_bytes, layers * (settings.steps + 1))


def compute(runs: Sequence[Run], device: str) -> list[dict[str, np.ndarray]]:
    """Each run's place and measured columns, computed as a stack per depth and activation."""
    results: dict[Run, dict[str, np.ndarray]] = {}
    stacks: dict[tuple[object, ...], list[Run]] = {}
    for run in runs:
        stacks.setdefault((run.settings.activation, _shape(run)), []).append(run)  # type: ignore[attr-defined]
    for key in sorted(stacks, key=lambda key: (key[0], -stacks[key][0].settings.depth)):  # type: ignore[attr-defined]
        # the deepest first: it holds the forward pass of the others
        results.update(zip(stacks[key], _compute_stack(stacks[key], device), strict=True))
    return [results[run] for run in runs]


def _compute_stack(runs: list[Run], device: str) -> list[dict[str, np.ndarray]]:
    from core.engine.layer_measures import initial_flow, training_flow
    from core.engine.learners import Member, Stack

    settings = runs[0].settings
    assert isinstance(settings, Vanishing)
    shape = settings.data
    assert shape.features is not None
    network = perceptron.network(settings, shape.features, shape.outputs if settings.loss in TRAINED else 0)
    members = tuple(Member(run.settings.init, run.seed) for run in runs)  # type: ignore[attr-defined]
    if settings.optimizer:
        optimizer = OPTIMIZERS.parse(settings.optimizer)
        rates = [run.settings.base_lr for run in runs]  # type: ignore[attr-defined]
        members = tuple(replace(own, base_lr=lr, optimizer=optimizer) for own, lr in zip(members, rates, strict=True))
    data = DATASETS.parse(settings.dataset), settings.batch_size, settings.dtype
    stack = Stack("mlp", network, settings.width, *data, members, settings.loss)
    measured = training_flow(stack, settings.steps, device) if settings.steps else initial_flow(stack, device)
    steps, layers = settings.steps + 1, len(network.fans)
    place = {"step": np.repeat(np.arange(steps), layers), "layer": np.tile(np.arange(1, layers + 1), steps)}
    rows = []
    for r, run in enumerate(runs):
        own = {name: values[r].ravel() for name, values in measured.items()}
        own["underflow"] = np.nan_to_num(own["underflow"]).astype(bool)
        rows.append(place | own | {"theory_grad_rms": _theory(run.settings)})  # type: ignore[arg-type]
    return rows


def _theory(settings: Vanishing) -> np.ndarray:
    """theory_grad_rms of one run, in row order; NaN where theory says nothing."""
    layers = settings.depth + (settings.loss in TRAINED)
    theory = np.full((settings.steps + 1, layers), np.nan)
    if mean_field.applies(settings.activation, settings.norm, settings.residual, settings.dataset, settings.loss):
        theory[0, : settings.depth] = theory_profile(settings).grad_rms
    return theory.ravel()


def theory_profile(settings: Vanishing) -> mean_field.Profile:
    """The mean-field prediction for these settings, layer by layer."""
    features = settings.data.features
    assert features is not None
    return mean_field.gradient_profile(
        settings.activation, settings.init, settings.depth, settings.width, features, settings.batch_size
    )


def expected(sweep: Sweep) -> pd.DataFrame:
    """A row per point and layer with ``theory_grad_rms``; run, seed and all that is measured are empty."""
    import pandas as pd

    blocks = []
    for point in sweep.points:
        assert isinstance(point, Vanishing)
        block = {name: getattr(point, name) for name in point.names()}
        layers = np.arange(1, point.depth + 1)
        blocks.append(pd.DataFrame(block | {"layer": layers, "theory_grad_rms": _theory(point)[: point.depth]}))
    frame = pd.concat(blocks, ignore_index=True).assign(step=0, run="", seed=0)
    return frame.reindex(columns=list(EXPERIMENT.columns)).assign(underflow=False)


def run_summary(frame: pd.DataFrame) -> pd.DataFrame:
    """A row per run: its decay factor beside theory's, and where it trained, the last loss and decay factor."""
    from core import profiles

    names = Vanishing.names()
    table = profiles.decay_table(frame, names).drop(columns="point")
    if len(frame) and frame["steps"].max() > 0:
        last = profiles.decay_table(frame, names, last=True).set_index("run")["decay_factor"]
        ends = (
            frame.sort_values("step", kind="stable").drop_duplicates("run", keep="last").set_index("run")["train_loss"]
        )
        table = table.assign(decay_factor_last=table["run"].map(last), final_train_loss=table["run"].map(ends))
    return table


def summary(frame: pd.DataFrame) -> pd.DataFrame:
    """A row per setting and measure: ``n mean median standard_error ci_low ci_high`` over seeds."""
    import pandas as pd

    from core import profiles, summaries

    names = Vanishing.names()
    runs = run_summary(frame)
    measures = [name for name in runs.columns if name not in ("run", "seed", *names)]
    pooled = profiles.pooled_decay(frame, names).set_index("point")
    rows = []
    number, _ = profiles.points(runs, names)
    for point, block in runs.groupby(number):
        settings = block.iloc[0][names].to_dict()
        for measure in measures:
            rows.append({**settings, "measure": measure, **summaries.over_seeds(block[measure])})
        whole_fit = pooled.loc[point]
        value = {
            "n": whole_fit["n"],
            "mean": whole_fit["decay"],
            "ci_low": whole_fit["ci_low"],
            "ci_high": whole_fit["ci_high"],
        }
        rows.append({**settings, "measure": "decay_factor_pooled", **value})
    columns = [*names, "measure", "n", "mean", "median", "standard_error", "ci_low", "ci_high"]
    return pd.DataFrame(rows, columns=columns)


def charts(frame: pd.DataFrame) -> dict[str, alt.Chart]:
    """The experiment's charts, by name."""
    from core.experiments import vanishing_charts

    return vanishing_charts.charts(frame)


def headline(frame: pd.DataFrame) -> list[tuple[str, str, str]]:
    """The numbers above the charts."""
    from core.experiments import vanishing_words

    return vanishing_words.headline(frame)


def code(run: Run) -> str:
    """The run as a plain PyTorch script."""
    from core.plain import vanishing

    columns = (*EXPERIMENT.places, *(name for name in MEASURES if name != "theory_grad_rms"))
    return vanishing.script(run, EXPERIMENT.question, columns)


EXPERIMENT = Experiment(
    name="vanishing",
    version=3,
    title="Vanishing gradients",
    question="How do gradients change from layer to layer?",
    story=(__doc__ or "").split("\n", 1)[1].strip(),
    settings=Vanishing,
    places=("step", "layer"),
    measures=MEASURES,
    presets=PRESETS,
    front=("depth", "width", "activation", "init", "norm", "residual"),
    tasks=tasks,
    compute=compute,
    cost=cost,
    expected=expected,
    summary=summary,
    run_summary=run_summary,
    charts=charts,
    wide_charts=("gradient", "steps", "decay"),
    headline=headline,
    code=code,
)
assert all(name in COLUMNS for name in EXPERIMENT.columns)
