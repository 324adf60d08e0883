r"""Which learning-rate schedule wins?

The learning rate $\eta_t$ scales every update, $W \leftarrow W - \eta_t\,\hat g_t$. A **schedule** changes it while the
network trains: large steps early, to get somewhere, small ones late, to settle. The lesson shows three:

- **ReduceLROnPlateau** multiplies the rate by `factor` once the validation loss has not improved for `patience` epochs.
  It needs that loss: fed batch losses, it mistakes noise for a plateau.
- **Cosine annealing** (Loshchilov & Hutter 2017, arXiv:1608.03983) follows half a cosine, with $T$ the number of epochs:

$$\eta_t = \eta_{\min} + \tfrac12\,(\eta_0 - \eta_{\min})\left(1 + \cos\frac{\pi t}{T}\right)$$

- **One-cycle** (Smith & Topin 2018, arXiv:1708.07120) rises to `max_lr` and falls far below the start, *once per batch*,
  and cycles momentum (Adam's beta1) the other way.

**Per epoch or per batch.** A schedule is sized in one of the two. One-cycle knows `total_steps` = epochs × batches;
stepped once an epoch it covers a sliver of its course and the rate hardly moves. Write `one_cycle(per="epoch")` beside
`one_cycle` to see what this common mistake costs. The lesson steps every scheduler with the validation loss; only
ReduceLROnPlateau takes one.

**A fair race** gives each schedule its own best learning rate: at a single base rate, the schedule for which that rate
happens to suit wins. One-cycle's `max_lr` is ten times the base rate here, as in the lesson. Differences between
schedules are small beside the spread over seeds, so they are compared seed by seed, with intervals.

**What to try next.** `constant` beside any schedule, at five base rates; `one_cycle(per="epoch")`; half the epochs, where a
schedule that ends in time gains most; `optimizer=sgd(momentum=0.9)`, which needs schedules more than Adam does.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from core.experiments import Experiment, Preset, trainings
from core.experiments.trainings import MEASURES, PLACES, Training
from core.frames import COLUMNS
from core.parts import schedulers as parts
from core.parts.schedulers import SCHEDULERS
from core.settings import Run, Sweep, part
from core.words import three_digits

if TYPE_CHECKING:
    import pandas as pd

    from core.plotting.figure import Figure

LESSON = "plateau,cosine,one_cycle"


class Schedulers(Training):
    """One training and its schedule."""

    scheduler: str = part("plateau", SCHEDULERS)

    def contradiction(self) -> str | None:
        """The first reason why this can't be trained, or None."""
        impossible = super().contradiction()
        if impossible:
            return impossible
        wrong = parts.problem(SCHEDULERS.parse(self.scheduler), self.base_lr, self.epochs, self.steps_per_epoch)
        return f"scheduler: {wrong}" if wrong else None


NAMES = Schedulers.names()

PRESETS = (
    Preset(
        "The lesson's three, on handwritten digits",
        "ReduceLROnPlateau, cosine and one-cycle beside a constant rate: how much do they buy?",
        {"scheduler": f"{LESSON},constant", "seeds": "10"},
    ),
    Preset(
        "A fair race: each at its own best learning rate",
        "Five base rates each; the schedule that wins at one of them may lose at another.",
        {"scheduler": f"{LESSON},constant", "base_lr": "0.0001,0.0003,0.001,0.003,0.01", "seeds": "5"},
    ),
    Preset(
        "The common mistake: one-cycle stepped per epoch",
        "Its course is sized in batches: stepped per epoch, it covers a sliver of it.",
        {"scheduler": 'one_cycle,one_cycle(per="epoch"),constant', "seeds": "10"},
    ),
    Preset(
        "Every schedule of the lab",
        "Fourteen schedules with their defaults, on digits.",
        {"scheduler": ",".join(entry.name for entry in SCHEDULERS), "seeds": "5"},
    ),
    Preset(
        "The lesson's BatchNormNet with SGD",
        "With momentum SGD and BatchNorm the rate may be large at first: schedules matter more than with Adam.",
        {
            "scheduler": f"{LESSON},constant",
            "depth": "3",
            "norm": "batch",
            "optimizer": "sgd(momentum=0.9)",
            "base_lr": "0.05",
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


def charts(frame: pd.DataFrame) -> dict[str, Figure]:
    """The rate's course beside what training it buys, the ranking, and the race over base rates."""
    from core.analysis import curves, ranking
    from core.experiments import training_charts as draw
    from core.plotting.figure import empty

    frame = curves.finite(frame)
    if frame.empty:
        return {"rate": empty(draw.NOTHING)}
    runs = run_summary(frame)
    per_epoch = int((frame["epoch"] == frame["epoch"].min()).groupby(frame["run"]).sum().max())
    note = f"An epoch has {per_epoch} updates."
    if any(name.startswith("one_cycle") and "max_lr" not in name for name in runs["scheduler"]):
        note += " one_cycle peaks at ten times its learning rate unless max_lr says otherwise."
    loss_title = draw.ending_title(ranking.standing(runs, NAMES, "final_val_loss"), "final_val_loss")
    found = {
        "rate": draw.curve_chart(frame, NAMES, "lr", "step", _rate_title(frame), note),
        "loss": draw.curve_chart(frame, NAMES, "val_loss", "epoch", loss_title),
        "train": draw.curve_chart(frame, NAMES, "train_loss", "epoch", _train_title(runs)),
    }
    if frame["val_accuracy"].notna().any():
        note = draw.guessing_note(frame, "val_accuracy")
        found["accuracy"] = draw.curve_chart(frame, NAMES, "val_accuracy", "epoch", _accuracy_title(runs), note)
    if frame["momentum"].nunique() > 1:
        found["momentum"] = draw.curve_chart(frame, NAMES, "momentum", "step", _momentum_title(frame))
    found["ranking"] = draw.ranking_chart(frame, runs, NAMES, "final_val_loss")
    names = list(dict.fromkeys(runs["scheduler"]))
    if len(names) > 1:
        reference = "constant" if "constant" in names else names[0]
        found["paired"] = draw.paired_chart(frame, runs, NAMES, "scheduler", "final_val_loss", reference)
    if runs["base_lr"].nunique() > 1:
        found["sensitivity"] = draw.sensitivity_chart(frame, runs, "scheduler", "final_val_loss")
    return found


def _rate_title(frame: pd.DataFrame) -> str:
    used = frame["lr"][np.isfinite(frame["lr"])]
    if used.empty:
        return "The learning rate over the training"
    low, high = used.min(), used.max()
    if low == high:
        return f"The learning rate stays at {three_digits(low)}"
    return f"The learning rate runs between {three_digits(low)} and {three_digits(high)}"


def _momentum_title(frame: pd.DataFrame) -> str:
    low, high = frame["momentum"].min(), frame["momentum"].max()
    return f"Momentum cycles the other way, between {three_digits(low)} and {three_digits(high)}"


def _train_title(runs: pd.DataFrame) -> str:
    from core.analysis import ranking
    from core.experiments import training_charts as draw

    title = draw.ending_title(ranking.standing(runs, NAMES, "final_train_loss"), "final_train_loss")
    return f"On the last batch, {title[0].lower() if title.startswith(('No ', 'The ')) else title[0]}{title[1:]}"


def _accuracy_title(runs: pd.DataFrame) -> str:
    from core.analysis import ranking
    from core.experiments import training_charts as draw

    lived = runs.assign(final_val_accuracy=runs["final_val_accuracy"].where(runs["diverged"] == 0))
    table = ranking.highest_first(ranking.standing(lived, NAMES, "final_val_accuracy"))
    if np.isnan(table["mean"].iloc[0]):
        return "Validation accuracy"
    right = f"on average {table['mean'].iloc[0]:.1%} of the validation rows in the right class"
    if len(table) == 1:
        return f"The training puts {right}"
    return f"{draw.named_best(table)} {'puts' if len(ranking.tied(table)) == 1 else 'put'} {right}"


LABELS = ("Best schedule", "Its validation loss", "Its accuracy", "Failed")


def headline(frame: pd.DataFrame) -> list[tuple[str, str, str]]:
    """(label, value, explanation): the schedule of the best point, that point's loss and accuracy, and failed runs.

    A point is a schedule with its rate and all else; the best has the lowest mean loss of those whose runs all ended
    finite, if there are any. Schedules that tie are all named.
    """
    from core.analysis import ranking
    from core.analysis.points import group_by_settings
    from core.experiments import training_charts as draw

    runs = run_summary(frame)
    if runs.empty:
        return [(label, "–", "Press Run.") for label in LABELS]
    ranked = ranking.ranking(runs, NAMES, "final_val_loss")
    best = ranked.iloc[0]
    failed = (
        LABELS[3],
        f"{runs['failed'].mean():.0%}",
        f"Of {len(runs)} runs: diverged, or the last loss is not below the first.",
    )
    if math.isnan(best["mean"]):
        return [*((label, "–", "No run ended with a finite loss.") for label in LABELS[:3]), failed]
    own = runs[group_by_settings(runs, NAMES)[0] == best["point"]]
    tied = list(dict.fromkeys(ranking.tied(ranked)["scheduler"]))
    accuracy = own["final_val_accuracy"].mean()
    interval = f"95 % interval {three_digits(best['ci_low'])} to {three_digits(best['ci_high'])}, n = {best['n']}"
    who = f"{draw.named_best(ranked)}: " if len(ranked) > 1 else ""
    where = f"{best['label']}: " if len(ranked) > 1 else ""
    return [
        (
            LABELS[0],
            tied[0] if len(tied) == 1 else f"{len(tied)} tie",
            f"{who}lowest mean validation loss after the last epoch.",
        ),
        (LABELS[1], three_digits(float(best["mean"])), f"{where}{interval}."),
        (
            LABELS[2],
            "–" if math.isnan(accuracy) else f"{accuracy:.1%}",
            f"{where}mean over {len(own)} runs, validation rows.",
        ),
        failed,
    ]


def code(run: Run) -> str:
    """The run as a plain PyTorch script."""
    from core.scripts import training

    return training.script(run, EXPERIMENT.question, (*PLACES, *EXPERIMENT.measures))


EXPERIMENT = Experiment(
    name="schedulers",
    version=3,
    title="Schedulers",
    question="Which learning-rate schedule wins?",
    story=(__doc__ or "").split("\n", 1)[1].strip(),
    settings=Schedulers,
    places=PLACES,
    measures=(*MEASURES, "momentum"),
    presets=PRESETS,
    front=("scheduler", "model", "dataset", "optimizer", "base_lr", "epochs"),
    tasks=trainings.tasks,
    compute=compute,
    cost=trainings.cost,
    expected=expected,
    summary=summary,
    run_summary=run_summary,
    charts=charts,
    wide_charts=("rate", "loss", "ranking"),
    headline=headline,
    code=code,
)
assert all(name in COLUMNS for name in EXPERIMENT.columns)
