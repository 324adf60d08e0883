"""The charts of the page: the rate's course beside what training it buys, the ranking, the race over base rates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from core.analysis import ranking
from core.analysis.ranking import best_label
from core.experiments.schedulers.settings import Schedulers
from core.experiments.training.charts import (
    NOTHING,
    curve_chart,
    ending_title,
    guessing_note,
    loss_ceiling,
    paired_chart,
    ranking_chart,
    sensitivity_chart,
)
from core.plotting.figure import Figure, Figures, empty
from core.words import three_digits

if TYPE_CHECKING:
    import pandas as pd

    from core.experiments import Analysis, Experiment


GROUPS = {
    "Who wins": ("loss", "paired", "sensitivity"),
    "The rate": ("rate", "momentum"),
    "Training": ("train", "accuracy"),
}


def charts(experiment: Experiment, analysis: Analysis) -> Figures:
    """The rate's course beside what training it buys, the ranking, and the race over base rates."""
    frame, runs = analysis.finite, analysis.runs
    if frame.empty:
        return Figures({"rate": lambda: empty(NOTHING)}, GROUPS)
    names = Schedulers.names()
    drawings = {
        "ranking": lambda: ranking_chart(frame, runs, names, "final_val_loss"),
        "rate": lambda: _rate_chart(frame, runs),
        "loss": lambda: curve_chart(frame, names, "val_loss", "epoch", _loss_title(runs), ceiling=loss_ceiling(frame)),
        "train": lambda: curve_chart(frame, names, "train_loss", "epoch", _train_title(runs)),
    }
    if frame["val_accuracy"].notna().any():
        drawings["accuracy"] = lambda: curve_chart(
            frame, names, "val_accuracy", "epoch", _accuracy_title(runs), guessing_note(frame, "val_accuracy")
        )
    if frame["momentum"].nunique() > 1:
        drawings["momentum"] = lambda: curve_chart(frame, names, "momentum", "step", _momentum_title(frame))
    schedulers = list(dict.fromkeys(runs["scheduler"]))
    if len(schedulers) > 1:
        reference = "constant" if "constant" in schedulers else schedulers[0]
        drawings["paired"] = lambda: paired_chart(frame, runs, names, "scheduler", "final_val_loss", reference)
    if runs["base_lr"].nunique() > 1:
        drawings["sensitivity"] = lambda: sensitivity_chart(frame, runs, "scheduler", "final_val_loss")
    return Figures(drawings, GROUPS)


def _loss_title(runs: pd.DataFrame) -> str:
    return ending_title(ranking.standing(runs, Schedulers.names(), "final_val_loss"), "final_val_loss")


def _rate_chart(frame: pd.DataFrame, runs: pd.DataFrame) -> Figure:
    per_epoch = int((frame["epoch"] == frame["epoch"].min()).groupby(frame["run"]).sum().max())
    note = f"An epoch has {per_epoch} updates."
    if any(name.startswith("one_cycle") and "max_lr" not in name for name in runs["scheduler"]):
        note += " one_cycle peaks at ten times its learning rate unless max_lr says otherwise."
    return curve_chart(frame, Schedulers.names(), "lr", "step", _rate_title(frame), note)


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
    title = ending_title(ranking.standing(runs, Schedulers.names(), "final_train_loss"), "final_train_loss")
    return f"On the last batch, {title[0].lower() if title.startswith(('No ', 'The ')) else title[0]}{title[1:]}"


def _accuracy_title(runs: pd.DataFrame) -> str:
    lived = runs.assign(final_val_accuracy=runs["final_val_accuracy"].where(runs["diverged"] == 0))
    table = ranking.highest_first(ranking.standing(lived, Schedulers.names(), "final_val_accuracy"))
    if np.isnan(table["mean"].iloc[0]):
        return "Validation accuracy"
    right = f"on average {table['mean'].iloc[0]:.1%} of the validation rows in the right class"
    if len(table) == 1:
        return f"The training puts {right}"
    return f"{best_label(table)} {'puts' if len(ranking.tied(table)) == 1 else 'put'} {right}"
