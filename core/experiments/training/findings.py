"""Faults of a training: rates too high or too low, clipping that always or never fires, schedules stepped wrongly."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from core.analysis.baseline import guess_loss
from core.analysis.points import alike
from core.diagnosis import rates
from core.diagnosis.columns import check_numbers
from core.diagnosis.finding import Finding
from core.diagnosis.rules import MOST_RUNS
from core.diagnosis.tables import leaking_columns
from core.experiments.training.guessing import at_guessing
from core.experiments.training.schedule_findings import schedule_faults, unequal_peaks
from core.experiments.training.settings import Training
from core.parts.clippers import CLIPPERS
from core.parts.schedulers import SCHEDULERS
from core.sweeps import query
from core.words import three_digits

if TYPE_CHECKING:
    from core.experiments import Analysis, Experiment


WHOLE = ("step", "epoch", "width", "epochs", "batch_size", "seed")
NUMBERS = ("lr", "base_lr", "train_loss", "val_loss", "grad_norm", "clipped_grad_norm", "update_norm")
ALWAYS = 0.95  # share of steps clipped from which the threshold is the real learning rate
STALLED = 0.3  # of its way from the first loss to zero: less is too little for a whole training
STEADY = 0.8  # share of epochs whose loss is below the one before: still on its way
LOST = {"diverged", "learning_rate_too_high"}  # of what is lost, no threshold can be told
ADAPTIVE = ("adam", "rmsprop")  # optimizers that divide by the size of the gradient
LIMITED = ("norm", "per_parameter", "value")  # clippers with a threshold of one's own choice
WHOLLY = ("norm", "per_parameter")  # of these, those that shorten whole tensors, not single entries


def findings(experiment: Experiment, analysis: Analysis) -> list[Finding]:
    """The findings of a frame with a row per update."""
    frame = analysis.frame
    if frame.empty:
        return []
    check_numbers(frame, NUMBERS, WHOLE)
    frame = analysis.finite
    settings = experiment.settings.names()
    found = leaking_columns(frame["dataset"].unique())
    number, table = analysis.points
    run, _ = pd.factorize(frame["run"], sort=True)  # the texts of settings and runs take long to be copied
    measured = frame.drop(columns=list(settings)).assign(run=run)
    for point, row in table.iterrows():
        rows = measured[number == point]
        found += schedule_faults(rows, row, _right_schedule(row))
        rate = _lost(rows, row, analysis.runs) or _rate(rows, row, analysis.runs)
        found += rate or at_guessing(rows, row, partial(_learn, row, analysis.runs))
        found += [] if {finding.code for finding in rate} & LOST else _clipping(rows, row)
    return found + unequal_peaks(frame)


def _per_run(rows: pd.DataFrame) -> pd.DataFrame:
    """``first last end worst diverged`` of every run's training loss; ``end`` is the mean of its last epoch."""
    ending = rows[rows["epoch"] == rows.groupby("run")["epoch"].transform("max")]
    runs = rows.groupby("run", sort=False)
    return pd.DataFrame(
        {
            "first": runs["train_loss"].first(),
            "last": rows[~rows["run"].duplicated(keep="last")].set_index("run")["train_loss"],
            "end": ending.groupby("run")["train_loss"].mean(),
            "worst": runs["train_loss"].max(),
            "diverged": runs["diverged"].any(),
        }
    )


def _lost(rows: pd.DataFrame, settings: pd.Series, all_runs: pd.DataFrame) -> list[Finding]:
    """Runs whose numbers left the number format."""
    diverged = rows["diverged"].astype(bool)
    if not diverged.any():
        return []
    step = int(rows.loc[diverged, "step"].min())
    runs, lost = rows["run"].nunique(), rows.loc[diverged, "run"].nunique()
    base_lr = float(settings["base_lr"])
    remedy = _lower_lr(settings, all_runs)
    return rates.diverged(f"{settings['label']}: ", lost, runs, step, "step", base_lr, remedy)


def _rate(rows: pd.DataFrame, settings: pd.Series, all_runs: pd.DataFrame) -> list[Finding]:
    """A loss that ends above its start and above guessing, or hardly moves while it still falls."""
    runs = _per_run(rows)
    bar = runs["first"].clip(lower=np.nan_to_num(guess_loss(settings["dataset"]), nan=0.0))
    failed = float((~(runs["end"] < bar)).mean())
    progress = float((1.0 - runs["last"] / runs["first"]).median())
    evidence = {"runs": len(runs), "failed": failed, "progress": progress, "base_lr": float(settings["base_lr"])}
    rose = float((runs["worst"] > 2.0 * runs["first"]).mean())
    if failed >= MOST_RUNS and rose >= MOST_RUNS:
        remedy = _lower_lr(settings, all_runs)
        return [rates.loss_rose(f"{settings['label']}: ", failed, {**evidence, "rose": rose}, remedy)]
    if progress < STALLED and (falling := _falling(rows)) >= STEADY:
        return [
            Finding(
                "learning_rate_too_low",
                "warning",
                f"{settings['label']}: after {int(settings['epochs'])} epochs the loss has gone "
                f"{max(progress, 0.0):.0%} of its way, and still falls.",
                {**evidence, "falling_epochs": falling},
                *_raise_lr(settings),
            )
        ]
    return []


def _falling(rows: pd.DataFrame) -> float:
    """Share of epochs whose validation loss is below that of the epoch before; NaN for a single epoch."""
    ends = rows[rows["val_loss"].notna()].pivot_table(index="run", columns="epoch", values="val_loss")
    steps = np.diff(ends.to_numpy(float), axis=1)
    return float((steps[np.isfinite(steps)] < 0).mean()) if np.isfinite(steps).any() else math.nan


def _clipping(rows: pd.DataFrame, settings: pd.Series) -> list[Finding]:
    """Thresholds that fire always, or never."""
    clipper = CLIPPERS.parse(str(settings["clipper"])).entry.name
    if clipper not in LIMITED:
        return []
    healthy = rows[np.isfinite(rows["grad_norm"])]
    if healthy.empty:
        return []
    share = float(healthy["clipped"].astype(float).mean())
    norms = healthy["grad_norm"]
    evidence = {"clipped_share": share, "norm_median": float(norms.median()), "norm_p90": float(norms.quantile(0.9))}
    if share >= ALWAYS and clipper in WHOLLY:
        kept = float((healthy["clipped_grad_norm"] / norms).median())
        adaptive = str(settings["optimizer"]).startswith(ADAPTIVE)
        effect = (
            "its optimizer divides by the gradient's size, so that this costs little"
            if adaptive
            else f"the threshold is the real learning rate: {three_digits(kept)} of what it says"
        )
        return [
            Finding(
                "gradients_always_clipped",
                "info" if adaptive else "warning",
                f"{settings['label']}: {share:.0%} of the updates are clipped; {effect}.",
                {**evidence, "kept": kept},
                *_raise_threshold(settings, clipper, evidence["norm_p90"]),
            )
        ]
    if share == 0.0:
        return [
            Finding(
                "clip_has_no_effect",
                "info",
                f"{settings['label']}: no update is clipped; the largest norm is {three_digits(float(norms.max()))}.",
                evidence,
                "Nothing needs to be changed: the threshold waits for a gradient that did not come.",
            )
        ]
    return []


def _right_schedule(settings: pd.Series) -> str:
    """The sweep of a schedule with its own defaults beside the one that was written."""
    if "scheduler" not in settings or pd.isna(settings["scheduler"]):
        return ""
    written = str(settings["scheduler"]).replace(" ", "")
    name = SCHEDULERS.parse(written).entry.name
    return _link(settings, scheduler=f"{name},{written}" if name != written else written)


def _learn(settings: pd.Series, all_runs: pd.DataFrame) -> tuple[str, str]:
    clippers = [name for name in _learned(all_runs, settings, "clipper") if name != "none"]
    if clippers and settings["clipper"] == "none":
        return f"Clip the gradient (clipper={clippers[0]}): so it learns here.", _link(
            settings, clipper=f"none,{clippers[0]}"
        )
    if not pd.isna(settings["depth"]) and int(settings["depth"]) > 3:
        activations = ",".join(dict.fromkeys([str(settings["activation"]), "relu"]))
        return (
            "Look at its gradients first: a deep network needs ReLU with init=he_normal, a norm or skips.",
            _link(settings, activation=activations, init="he_normal"),
        )
    words = "Find a rate with a range test, train longer, or ask whether the inputs hold the answer."
    lr = float(settings["base_lr"])
    return words, _link(settings, base_lr=f"{lr / 10:g},{lr:g},{lr * 10:g}")


def _lower_lr(settings: pd.Series, all_runs: pd.DataFrame) -> tuple[str, str]:
    """What to change, and its link: what kept every run of this very sweep comes before what is only likely to."""
    lr = float(settings["base_lr"])
    tried = alike(all_runs, settings, "base_lr")["base_lr"].astype(float)
    lower, both = rates.lower_lr(min(tried.min(), lr))  # what was tried and failed is no remedy
    kept = [float(rate) for rate in _learned(all_runs, settings, "base_lr") if float(rate) < lr]
    if kept:
        lower, both = f"Lower base_lr to {max(kept):g}, at which every run learns here.", f"{max(kept):g},{lr:g}"
    well = [name for name in _learned(all_runs, settings, "clipper") if name != "none"]
    clipped = alike(all_runs, settings, "clipper")["clipper"].nunique() > 1
    adaptive = str(settings["optimizer"]).startswith(ADAPTIVE)
    if str(settings["clipper"]) != "none" or (not well and (clipped or adaptive)):
        return lower, _link(settings, base_lr=both)
    clipper = str(well[0]) if well else "norm"
    clip = f"Clip the gradient (clipper={clipper}){', with which every run learns here,' if well else ''} or "
    link = _link(settings, clipper=f"none,{clipper}", **({"base_lr": both} if kept else {}))
    return f"{clip}{lower[0].lower()}{lower[1:]}", link


def _learned(runs: pd.DataFrame, settings: pd.Series, changed: str) -> list[Any]:
    """The values of the setting ``changed`` with which, all else being as here, no run failed and they beat guessing."""
    means = alike(runs, settings, changed).groupby(changed)[["failed", "final_val_loss"]].mean()
    well = (means["failed"] == 0) & ~(means["final_val_loss"] >= guess_loss(settings["dataset"]))
    return list(means.index[well])


def _raise_lr(settings: pd.Series) -> tuple[str, str]:
    lr = float(settings["base_lr"])
    return f"Raise base_lr, say to {lr * 10:g}.", _link(settings, base_lr=f"{lr:g},{lr * 10:g}")


def _raise_threshold(settings: pd.Series, clipper: str, threshold: float) -> tuple[str, str]:
    if clipper != "norm":
        return "Raise the threshold, or leave it out.", _link(settings, clipper=f"{clipper},none")
    wider = f"norm(max_norm={threshold:.2g})"
    link = _link(settings, clipper=f"{settings['clipper']},{wider}")
    return f"Raise the threshold to about {threshold:.2g}, which one norm of ten exceeds.", link


def _link(settings: pd.Series, **changes: str) -> str:
    """The page that shows the remedy, with these settings but for the changes."""
    known = [name for name in (*Training.names(), "scheduler") if name in settings and not pd.isna(settings[name])]
    fields = {name: settings[name] for name in known} | {"seeds": 5} | changes
    return query(fields)
