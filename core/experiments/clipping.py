r"""Which clipper keeps training alive?

An exploding gradient throws the parameters far away in a single update. **Clipping** shortens it first. By norm
(Pascanu 2013, arXiv:1211.5063; `clip_grad_norm_` with `max_norm` = $c$):

$$\hat g = g \cdot \min\!\left(1, \frac{c}{\lVert g \rVert}\right)$$

which keeps the direction: the cosine between $g$ and $\hat g$ is 1. **By value** cuts every entry to $\pm c$ and turns
the gradient; **per parameter** shortens each tensor on its own; **adaptive** clipping (AGC, Brock 2021,
arXiv:2102.06171) compares each unit's gradient with its weights; **AutoClip** (Seetharaman 2020, arXiv:2007.14469)
takes a percentile of the run's own norms so far.

**When nearly every step is clipped**, the threshold is the real learning rate: SGD then moves $c / \lVert g \rVert$ of
what it would, a step of fixed length $\eta c$. That is why a small constant threshold stalls SGD. Adam divides by the
gradient's own size, so a constant factor on all gradients cancels, and clipping hardly slows it.

**Which threshold?** One that fires on the rare large gradients alone: a high percentile of the norms of a training
that goes well. The page suggests the 90th of the norms before clipping; look at how often it would have fired.

Clipping cures explosion, not vanishing: a factor of at most 1 makes no gradient larger.

**What to try next.** `clipper=none,norm` at three learning rates; a threshold ten times too small, with SGD and with Adam;
`model=lstm` beside `rnn`; and the page Through time, for what clipping can't bring back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from core.experiments import Experiment, Preset, trainings
from core.experiments.trainings import MEASURES, PLACES, Training
from core.frames import COLUMNS
from core.parts.clippers import CLIPPERS
from core.parts.datasets import DATASETS
from core.parts.models import MODELS
from core.parts.optimizers import OPTIMIZERS
from core.settings import Run, Sweep, part, positive, whole
from core.words import three_digits

if TYPE_CHECKING:
    import pandas as pd

    from core.plotting.figure import Figure

SUGGESTED = 0.9  # quantile of the norms before clipping that is suggested as a threshold


class Clipping(Training):
    """One training and its clipper; by default a recurrent network, which explodes readily."""

    model: str = part("rnn", MODELS)
    dataset: str = part("adding", DATASETS)
    width: int = whole(32, 1, 4096)
    clipper: str = part("norm", CLIPPERS)
    optimizer: str = part("sgd(momentum=0.9)", OPTIMIZERS)
    base_lr: float = positive(0.01, 1e6)
    epochs: int = whole(10, 1, 10_000)


NAMES = Clipping.names()

PRESETS = (
    Preset(
        "The lesson's clip_grad_norm_ at 1.0, on a recurrent network",
        "Orthogonal weights a little too large: at the higher rate most runs are lost without clipping, none with it.",
        {"clipper": "norm,none", "init": "orthogonal(gain=1.2)", "base_lr": "0.03,0.06", "seeds": "10"},
    ),
    Preset(
        "Threshold × learning rate: who survives",
        "From no clipping to a tight threshold, over three learning rates.",
        {
            "clipper": "none,norm(max_norm=10.0),norm,norm(max_norm=0.1)",
            "init": "orthogonal(gain=1.2)",
            "base_lr": "0.003,0.01,0.03,0.1",
            "seeds": "5",
        },
    ),
    Preset(
        "A deep ReLU network at a high rate",
        "Twenty layers on digits, with SGD: the first gradients are the largest.",
        {
            "model": "mlp",
            "dataset": "digits",
            "depth": "20",
            "width": "64",
            "init": "he_normal",
            "clipper": "none,norm,value,per_parameter,adaptive,auto",
            "optimizer": "sgd",
            "base_lr": "0.03,0.1,0.3",
            "seeds": "5",
        },
    ),
    Preset(
        "A transformer at a high rate",
        "Two pre-norm blocks, SGD with momentum: at a rate of 0.1 every run is lost without clipping, none with it.",
        {
            "model": "transformer",
            "dataset": "adding(length=16)",
            "depth": "2",
            "width": "16",
            "clipper": "norm,none",
            "base_lr": "0.03,0.1",
            "seeds": "10",
        },
    ),
    Preset(
        "A tight threshold stalls SGD and hardly slows Adam",
        "Every step is clipped: for SGD the threshold is the learning rate, for Adam a constant factor cancels.",
        {
            "model": "mlp",
            "dataset": "digits",
            "width": "64",
            "clipper": "none,norm(max_norm=0.01)",
            "optimizer": "sgd,adam",
            "base_lr": "0.003",
            "epochs": "15",
            "seeds": "5",
        },
    ),
    Preset(
        "Every clipper, on a recurrent network",
        "Norm, value, per parameter, adaptive and AutoClip side by side.",
        {
            "clipper": ",".join(entry.name for entry in CLIPPERS),
            "init": "orthogonal(gain=1.2)",
            "base_lr": "0.03",
            "seeds": "10",
        },
    ),
)


def compute(runs: Sequence[Run], device: str) -> list[dict[str, np.ndarray]]:
    """Each run's place and measured columns, computed as one stack."""
    return trainings.compute(runs, device, EXPERIMENT.measures)


def expected(sweep: Sweep) -> pd.DataFrame:
    """No rows: there is no theory of how a training ends."""
    return trainings.no_rows(EXPERIMENT)


def run_summary(frame: pd.DataFrame) -> pd.DataFrame:
    """A row per run: how its training ended."""
    return trainings.run_summary(frame, NAMES)


def summary(frame: pd.DataFrame) -> pd.DataFrame:
    """A row per setting and measure over seeds."""
    return trainings.summary(frame, NAMES)


def with_factor(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with ``clip_factor``, the norm after clipping over that before: what is left of the learning rate."""
    before = frame["grad_norm"].to_numpy(float)
    with np.errstate(invalid="ignore", divide="ignore"):
        factor = np.where(before > 0, frame["clipped_grad_norm"].to_numpy(float) / before, np.nan)
    return frame.assign(clip_factor=factor)


def suggested_threshold(frame: pd.DataFrame) -> float:
    """The 90th percentile of the norms before clipping, over runs that did not fail; NaN where there are none."""
    runs = run_summary(frame)
    norms = frame.loc[frame["run"].isin(runs.loc[runs["failed"] == 0, "run"]), "grad_norm"]
    norms = norms[np.isfinite(norms)]
    return float(norms.quantile(SUGGESTED)) if len(norms) else float("nan")


def charts(frame: pd.DataFrame) -> dict[str, Figure]:
    """Who survives, what the loss does, the norms before and after, and how often clipping fires."""
    from core.analysis import curves, ranking
    from core.experiments import training_charts as draw
    from core.plotting.figure import empty

    frame = curves.finite(frame)
    if frame.empty:
        return {"failed": empty(draw.NOTHING)}
    runs = run_summary(frame)
    factors = with_factor(frame)
    loss_title = draw.ending_title(ranking.standing(runs, NAMES, "final_val_loss"), "final_val_loss")
    live = frame["clipped"].astype(float).where(~frame["diverged"].astype(bool))
    return {
        "failed": draw.share_map(runs, "clipper", "failed"),
        "diverged": draw.share_map(runs, "clipper", "diverged"),
        "loss": draw.curve_chart(frame, NAMES, "val_loss", "epoch", loss_title),
        "before": draw.curve_chart(frame, NAMES, "grad_norm", "step", _before_title(frame)),
        "after": draw.curve_chart(frame, NAMES, "clipped_grad_norm", "step", _after_title(frame)),
        "factor": draw.curve_chart(factors, NAMES, "clip_factor", "step", _factor_title(factors)),
        "clipped": draw.curve_chart(
            frame.assign(clipped_share=live),
            NAMES,
            "clipped_share",
            "epoch",
            _clipped_title(runs),
        ),
        "ranking": draw.ranking_chart(frame, runs, NAMES, "final_val_loss"),
    }


def _before_title(frame: pd.DataFrame) -> str:
    suggested = suggested_threshold(frame)
    if np.isnan(suggested):
        return "Norm of the gradient, before clipping: every run failed"
    return f"Nine norms of ten are below {three_digits(suggested)}: a threshold that fires on the rest"


def _after_title(frame: pd.DataFrame) -> str:
    clipped = frame[frame["clipper"] != "none"]
    if clipped.empty:
        return "No run has a clipper: these are the norms as they were"
    largest = clipped["clipped_grad_norm"].max()
    return f"With a clipper, the largest norm of any gradient is {three_digits(float(largest))}"


def _factor_title(frame: pd.DataFrame) -> str:
    median = frame.loc[frame["clipped"], "clip_factor"].median()
    if np.isnan(median):
        return "No update was clipped: the learning rate is what it says"
    return f"A clipped update keeps {three_digits(float(median))} of its learning rate (median)"


def _clipped_title(runs: pd.DataFrame) -> str:
    shares = runs.groupby("clipper", sort=False)["clipped_share"].mean().sort_values(ascending=False)
    return f"{shares.index[0]} clips {shares.iloc[0]:.0%} of its updates"


def headline(frame: pd.DataFrame) -> list[tuple[str, str, str]]:
    """(label, value, explanation): runs diverged and failed, steps clipped, the suggested threshold."""
    runs = run_summary(frame)
    if runs.empty:
        return [(label, "–", "Press Run.") for label in ("Diverged", "Failed", "Steps clipped", "Suggested threshold")]
    bare = runs[runs["clipper"] == "none"]
    beside = f" Without clipping: {bare['failed'].mean():.0%}." if len(bare) else ""
    clippers = runs[runs["clipper"] != "none"]
    shown = clippers if len(clippers) else runs
    return [
        ("Diverged", f"{shown['diverged'].mean():.0%}", f"Of {len(shown)} runs with a clipper: no finite loss."),
        (
            "Failed",
            f"{shown['failed'].mean():.0%}",
            f"Of {len(shown)} runs with a clipper: diverged, or the last loss is not below the first.{beside}",
        ),
        (
            "Steps clipped",
            f"{shown['clipped_share'].mean():.0%}",
            "Mean over runs with a clipper. Near 100 % the threshold is the real learning rate.",
        ),
        (
            "Suggested threshold",
            three_digits(suggested_threshold(frame)),
            "The 90th percentile of the norms before clipping, over runs that did not fail.",
        ),
    ]


def code(run: Run) -> str:
    """The run as a plain PyTorch script."""
    from core.scripts import training

    return training.script(run, EXPERIMENT.question, (*PLACES, *EXPERIMENT.measures))


EXPERIMENT = Experiment(
    name="clipping",
    version=3,
    title="Clipping",
    question="Which clipper keeps training alive?",
    story=(__doc__ or "").split("\n", 1)[1].strip(),
    settings=Clipping,
    places=PLACES,
    measures=MEASURES,
    presets=PRESETS,
    front=("clipper", "model", "dataset", "init", "optimizer", "base_lr", "epochs"),
    tasks=trainings.tasks,
    compute=compute,
    cost=trainings.cost,
    expected=expected,
    summary=summary,
    run_summary=run_summary,
    charts=charts,
    wide_charts=("failed", "loss", "ranking"),
    headline=headline,
    code=code,
)
assert all(name in COLUMNS for name in EXPERIMENT.columns)
