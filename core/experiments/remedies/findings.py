"""Whether a deep network learned with its remedy, and if not, whether its gradients were to blame."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from core.analysis.baseline import majority
from core.analysis.points import alike, group_by_settings
from core.diagnosis.columns import check_numbers
from core.diagnosis.finding import Finding
from core.diagnosis.rules import ERROR_RATIO, MOST_RUNS
from core.diagnosis.tables import leaking_columns
from core.experiments.remedies.summary import AT_CHANCE, LEARNS, skill
from core.experiments.training.guessing import at_guessing
from core.sweeps import query
from core.words import three_digits

if TYPE_CHECKING:
    from core.experiments import Analysis, Experiment


WHOLE = ("step", "layer", "depth", "width", "epochs", "batch_size", "seed")
NUMBERS = ("train_loss", "val_loss", "grad_rms", "base_lr")
SHOWN = ("remedy", "depth", "width", "dataset", "optimizer", "base_lr", "epochs", "dtype")
STUCK = 0.1  # share of the first loss by which a network that learns at all lowers it


def findings(experiment: Experiment, analysis: Analysis) -> list[Finding]:
    """The findings of a frame of deep networks and their remedies."""
    frame = analysis.frame
    if frame.empty:
        return []
    check_numbers(frame, NUMBERS, WHOLE)
    if not frame["dataset"].map(lambda name: isinstance(name, str)).all():
        raise ValueError("dataset: must hold names of datasets, but a cell is empty or a number")
    runs = analysis.runs
    number, table = group_by_settings(frame, [name for name in SHOWN if name in frame])
    first = frame[(frame["step"] == 0) & (frame["layer"] == 1)].set_index("run")["train_loss"]
    found = leaking_columns(frame["dataset"].unique())
    for point, settings in table.iterrows():
        own = runs[runs["run"].isin(frame.loc[number == point, "run"])]
        rows = frame[number == point]
        ends = rows[rows["layer"] == rows["layer"].min()].sort_values("step", kind="stable")
        learning = _learning(runs, settings)
        found += (
            _lost(own, settings)
            or _gradients(own, rows[rows["step"] == 0], first, settings, learning)
            or at_guessing(ends, settings, partial(_learn, settings, learning, "; else another rate, or more epochs"))
        )
    return found


def _lost(runs: pd.DataFrame, settings: pd.Series) -> list[Finding]:
    share = float(runs["diverged"].mean())
    if not share:
        return []
    lr = float(settings["base_lr"])
    return [
        Finding(
            "diverged",
            "error",
            f"{settings['label']}: {int(runs['diverged'].sum())} of {len(runs)} runs diverge.",
            {"runs": len(runs), "diverged": share, "base_lr": lr},
            f"Add a norm or clipping (remedy=together), or lower base_lr to {lr / 10:g}.",
            _link(settings, beside="together"),
        )
    ]


def _learning(runs: pd.DataFrame, settings: pd.Series) -> str:
    """The remedy with the highest mean accuracy of those that learn beside this one, all else being alike; or none."""
    beside = alike(runs, settings, "remedy").loc[lambda table: table["remedy"] != settings["remedy"]]
    means = beside.groupby("remedy")["final_val_accuracy"].mean().dropna()
    largest = majority(beside)
    return str(means.idxmax()) if len(means) and skill(float(means.max()), largest) >= LEARNS else ""


def _gradients(
    runs: pd.DataFrame, rows: pd.DataFrame, first: pd.Series, settings: pd.Series, learning: str
) -> list[Finding]:
    """A network that does not learn, and whose first layers get next to nothing, or far too much."""
    hidden = rows[rows["layer"] <= int(settings["depth"])]
    sizes = hidden[hidden["grad_rms"] > 0].assign(log=lambda table: np.log(table["grad_rms"]))
    by_layer = sizes.groupby("layer")["log"].mean()
    if len(by_layer) < 2:
        return []
    ratio = math.exp(float(by_layer.iloc[0] - by_layer.iloc[-1]))
    largest = majority(rows)
    if math.isfinite(largest):
        learned = np.array([skill(end, largest) > AT_CHANCE for end in runs["final_val_accuracy"]])
        stays = f"the accuracy stays at that of the largest class, {largest:.1%},"
    else:
        learned = 1.0 - runs["final_train_loss"].to_numpy(float) / runs["run"].map(first).to_numpy(float) > STUCK
        stays = "the loss hardly falls"
    stuck = float((~learned).mean())
    evidence = {"first_over_last": ratio, "stuck": stuck, "runs": len(runs), "majority": largest}
    if ratio < ERROR_RATIO and stuck >= MOST_RUNS:
        return [
            Finding(
                "vanishing_gradients",
                "error",
                f"{settings['label']}: layer 1's gradient is {three_digits(ratio)}× the last hidden layer's, and "
                f"{stays} in {stuck:.0%} of the runs.",
                evidence,
                *_learn(settings, learning),
            )
        ]
    if ratio > 1.0 / ERROR_RATIO:
        return [
            Finding(
                "exploding_gradients",
                "warning",
                f"{settings['label']}: before training, layer 1's gradient is {three_digits(ratio)}× the last hidden layer's.",
                evidence,
                "Skips around the layers keep it even.",
                _link(settings, beside="together"),
            )
        ]
    return []


def _learn(settings: pd.Series, learning: str, more: str = "") -> tuple[str, str]:
    """What may make the network learn: what does beside it, else what is likely to; ``more`` are other ways."""
    if learning:
        return f"{learning} learns here.", _link(settings, beside=learning)
    words = f"ReLU with He's initialization, residual blocks or a norm{more}."
    return words, _link(settings, beside="relu_he,batch_norm")


def _link(settings: pd.Series, beside: str) -> str:
    """The page that shows other remedies beside this one."""
    fields = {name: settings[name] for name in SHOWN if name in settings} | {"seeds": 5}
    return query(fields | {"remedy": f"{settings['remedy']},{beside}"})
