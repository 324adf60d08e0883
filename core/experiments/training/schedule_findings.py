"""Faults of schedules: stepped in the wrong measure, sized past the training, cut on a beat, or without any effect."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pandas as pd

from core.diagnosis.finding import Finding
from core.diagnosis.rules import MOST_RUNS
from core.parts import schedulers
from core.parts.schedulers import SCHEDULERS, Scheduler
from core.registry import Part
from core.words import three_digits

SLIVER = 0.05  # of a schedule's course: what covers less is a constant rate in effect
PEAKS_APART = 1.5  # times: rates that differ by less are compared fairly


def schedule_faults(rows: pd.DataFrame, settings: pd.Series, link: str) -> list[Finding]:
    """The findings on one setting's schedule; none where it has none.

    link  the sweep of the right schedule beside this one, as a query
    """
    if "scheduler" not in settings or pd.isna(settings["scheduler"]):
        return []
    part = SCHEDULERS.parse(str(settings["scheduler"]))
    if part.entry.needs_loss:
        return _plateau(rows, part, settings, link) or _idle(rows, part, settings)
    return (
        _wrong_measure(rows, part, settings, link)
        or _sliver(rows, part, settings, link)
        or _rising(rows, part, settings, link)
        or _idle(rows, part, settings)
    )


def _wrong_measure(rows: pd.DataFrame, part: Part[Scheduler], settings: pd.Series, link: str) -> list[Finding]:
    """Stepped per epoch but sized in batches, and the other way round."""
    meant, stepped = part.entry.per, schedulers.stepping(part)
    if meant == stepped:
        return []
    batches = _batches(rows)
    evidence = {"stepped_per": stepped, "sized_in": str(meant), "batches_per_epoch": batches}
    if meant == "batch":
        message = (
            f"{settings['label']}: sized in batches but stepped once an epoch, the schedule covers "
            f"{1 / batches:.1%} of its course."
        )
        evidence["covered"] = 1 / batches
        return [_finding("schedule_unfinished", message, evidence, "Call scheduler.step() after every batch.", link)]
    if part.entry.endless:
        return []
    message = (
        f"{settings['label']}: sized in epochs but stepped after every batch, the schedule runs through its course "
        f"{batches} times as fast, and past its end."
    )
    return [_finding("schedule_repeats", message, evidence, "Call scheduler.step() once an epoch.", link)]


def _sliver(rows: pd.DataFrame, part: Part[Scheduler], settings: pd.Series, link: str) -> list[Finding]:
    """A course sized far beyond the training."""
    total = part.arguments.get("total_iters")
    if not isinstance(total, int):
        return []
    per_batch = schedulers.stepping(part) == "batch"
    made = int(rows["step"].max()) + 1 if per_batch else int(rows["epoch"].max()) + 1
    covered = made / total
    if covered >= SLIVER or _constant(rows):
        return []
    message = (
        f"{settings['label']}: the schedule covers {covered:.1%} of its course, {made:,} of {total:,} "
        f"{'batches' if per_batch else 'epochs'}: a constant rate in effect."
    )
    evidence = {"covered": covered, "total_iters": total, "made": made}
    return [_finding("schedule_unfinished", message, evidence, f"Size it by the training: total_iters={made}.", link)]


def _rising(rows: pd.DataFrame, part: Part[Scheduler], settings: pd.Series, link: str) -> list[Finding]:
    """A warm-up that outlasts the training: the rate still rises at its end."""
    if part.entry.endless and "warmup" not in part.arguments:
        return []
    lr = _course(rows)
    tenth = max(2, len(lr) // 10)
    if len(lr) < 10 or not (np.diff(lr[-tenth:]) > 0).all() or lr[-1] < lr.max() or "warmup" not in part.arguments:
        return []
    message = f"{settings['label']}: the rate still rises at the end of the training: its warm-up is not over."
    evidence = {"last_lr": float(lr[-1]), "updates": len(lr)}
    return [_finding("schedule_unfinished", message, evidence, "Shorten the warm-up, or train longer.", link)]


def _plateau(rows: pd.DataFrame, part: Part[Scheduler], settings: pd.Series, link: str) -> list[Finding]:
    """ReduceLROnPlateau fed batch losses, or cutting on its beat while what it watches improves."""
    patience = cast(int, part.arguments["patience"])
    cuts = [_cuts(block, patience) for _, block in rows.groupby("run", sort=False)]
    count = float(np.median([len(steps) for steps, _ in cuts]))
    if schedulers.stepping(part) == "batch":
        message = (
            f"{settings['label']}: stepped after every batch with that batch's loss, the plateau takes noise for a standstill: "
            f"{count:g} cuts in the median run, the first after {min((steps[0] for steps, _ in cuts if steps), default=0)} updates."
        )
        remedy = "Call scheduler.step(val_loss) once an epoch, with the validation loss."
        evidence = {"cuts": count, "stepped_per": "batch", "patience": patience}
        return [_finding("plateau_on_training_batches", message, evidence, remedy, link)]
    improving = [share for _, share in cuts if share is not None]
    if count < 1 or not improving or float(np.mean([share > 0 for share in improving])) < MOST_RUNS:
        return []
    message = (
        f"{settings['label']}: the rate was cut {count:g} times, every {patience + 1} epochs, even while the validation loss "
        "improved: the plateau watches in the wrong mode, or the wrong number."
    )
    evidence = {"cuts": count, "patience": patience, "mode": str(part.arguments["mode"])}
    return [_finding("plateau_on_training_batches", message, evidence, 'Use mode="min" for a loss.', link)]


def _cuts(block: pd.DataFrame, patience: int) -> tuple[list[int], float | None]:
    """The updates before which one run's rate was cut, and the share of cuts in whose wait the loss had improved.

    A plateau cuts after ``patience`` + 1 epochs without a better loss; the wait before a right cut holds none.
    """
    lr = block["lr"].to_numpy(float)
    steps = (np.flatnonzero(np.diff(lr) < 0) + 1).tolist()
    ends = block[block["val_loss"].notna()]
    losses, epochs = ends["val_loss"].to_numpy(float), ends["epoch"].to_numpy(int)
    improved = []
    for step in steps:
        seen = losses[epochs <= block["epoch"].iloc[step - 1]]
        earlier, wait = seen[: -(patience + 1)], seen[-(patience + 1) :]
        if len(earlier) and len(wait):
            improved.append(bool(wait.min() < earlier.min() * (1 - 1e-4)))
    return steps, float(np.mean(improved)) if improved else None


def _idle(rows: pd.DataFrame, part: Part[Scheduler], settings: pd.Series) -> list[Finding]:
    """A schedule that never changed the rate."""
    if part.entry.name == "constant" or not _constant(rows) or int(rows["epoch"].max()) < 1:
        return []
    epochs = int(rows["epoch"].max()) + 1
    what = "never lowered the rate" if part.entry.needs_loss else "never changed the rate"
    message = f"{settings['label']}: the schedule {what} in {epochs} epochs; it is a constant rate."
    remedy = "Train longer, or lower its patience." if part.entry.needs_loss else "Look at its arguments."
    return [Finding("schedule_without_effect", "info", message, {"epochs": epochs}, remedy)]


def unequal_peaks(frame: pd.DataFrame) -> list[Finding]:
    """(info) Schedules that are compared at one base rate and peak at others."""
    if "scheduler" not in frame or frame["scheduler"].nunique() < 2:
        return []
    peaks = frame.groupby(["base_lr", "scheduler"], sort=False)["lr"].max().dropna()
    for base_lr, rates in peaks.groupby(level="base_lr"):
        low, high = float(rates.min()), float(rates.max())
        if low > 0 and high / low >= PEAKS_APART:
            who = str(rates.idxmax()[1])
            message = (
                f"{who} peaks at {three_digits(high)}, {three_digits(high / low)} times the lowest peak of the others: part of "
                "any difference is the rate's, not the schedule's."
            )
            evidence = {"base_lr": float(base_lr), "highest_peak": high, "lowest_peak": low}
            return [
                Finding("unequal_peaks", "info", message, evidence, "Compare them at equal peaks, or each at its best.")
            ]
    return []


def _finding(code: str, message: str, evidence: dict[str, Any], remedy: str, link: str) -> Finding:
    return Finding(code, "warning", message, evidence, remedy, link)


def _batches(rows: pd.DataFrame) -> int:
    return int(rows["step"].max()) // max(1, int(rows["epoch"].max()) + 1) + 1


def _course(rows: pd.DataFrame) -> np.ndarray:
    """The first run's rate over its updates."""
    return rows.loc[rows["run"] == rows["run"].iloc[0], "lr"].to_numpy(float)


def _constant(rows: pd.DataFrame) -> bool:
    spread = rows.groupby("run", sort=False)["lr"].agg(["min", "max"])
    return bool((spread["max"] <= spread["min"] * (1 + 1e-9)).all())
