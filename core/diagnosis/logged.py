"""Faults that a log of another tool shows: what its loss, its validation and its last values say.

Logs know little: no model, no optimizer, often no classes. So each rule asks for more than the one on recordings does,
and says nothing where a sound training could have left the same numbers.
"""

from __future__ import annotations

import math

import numpy as np

from . import logged_validation
from .finding import Finding
from .logged_validation import FEW, finite, guessing, logged, unit
from .numbers import digits, ends, noise, percent, rank_correlation
from .view import View

POINTS = 20  # losses from which a course can be told
NEAR = 0.015  # of the loss of guessing
CHANCES = (2, 3, 4, 5, 6, 7, 8, 9, 10, 20, 100, 1000)  # classes that are tried where no accuracy is known
GAIN = 0.02  # of the first loss: less is no progress
PARTS = 10


def judge(view: View) -> list[Finding]:
    """The findings on a log."""
    if view.facts.get("last_values"):
        return logged_validation.last_values(view)
    train, val = logged(view, "train_loss"), logged(view, "val_loss")
    if len(train) + len(val) == 0:
        return []  # judge() has said that there is no loss
    if max(len(train), len(val)) < FEW:
        return [
            Finding(
                "nothing_to_judge",
                "info",
                f"The log holds {max(len(train), len(val))} value{'s' if max(len(train), len(val)) > 1 else ''} of the loss: too few to judge its course.",
                {"losses": max(len(train), len(val))},
            ),
            *(diverged(view) if len(train) > 1 else []),
        ]
    lost = diverged(view)
    if lost:
        return lost
    findings = logged_validation.missing_validation(view)
    if view.facts.get("game"):  # two that train against each other, or a policy: their losses need not fall
        return findings + interrupted(view)
    scales = [] if findings else logged_validation.scales_differ(view)
    stalled = stuck(view) or risen(view) or no_progress(view)
    findings += scales + stalled + logged_validation.penalty(view)
    if not scales:
        findings += logged_validation.overfitting(view)
    findings += interrupted(view)
    if not any(f.severity != "info" for f in findings):
        findings += improving(view)
    return findings


def diverged(view: View) -> list[Finding]:
    """A training loss that is not finite at the end; one bad value among good ones is none."""
    values, steps = view.trace.column("train_loss"), view.trace.column("step")
    whose = "loss"
    if not np.isinf(values).any() and not np.isfinite(values).any():
        values, whose = view.trace.column("val_loss"), "validation loss"
    present = ~np.isnan(values)
    bad, at = np.isinf(values[present]), steps[present] if len(values) else steps
    enough = 1 if unit(view) == "epoch" else 3  # an epoch's mean that is lost is lost; a step may be skipped
    if not len(bad) or not bad[-min(len(bad), enough) :].all():
        return []
    first_bad = len(bad) - int(np.argmin(bad[::-1])) if not bad.all() else 0
    before = values[present][~bad]
    last = f"; the last finite one was {digits(float(before[-1]))}" if len(before) else ": no value is finite"
    rates = view.trace.column("lr")
    rates = rates[np.isfinite(rates) & (rates > 0)]
    rate = float(rates.max()) if len(rates) else math.nan
    lower = f"Lower the learning rate, say to {digits(rate / 10)}" if rate > 0 else "Lower the learning rate tenfold"
    return [
        Finding(
            "diverged",
            "error",
            f"The training diverges: from {unit(view)} {digits(float(at[first_bad]))} on the {whose} is NaN or infinite{last}.",
            {"first_bad_step": float(at[first_bad]), "bad": int(bad.sum()), "losses": len(bad), "lr": rate},
            f"{lower}, clip the gradient's norm at 1.0, and use bfloat16 instead of float16; if the first value is NaN already, look at the data.",
        )
    ]


def risen(view: View) -> list[Finding]:
    """A loss that had fallen and then rose above its start, or far above its least, and stayed."""
    steps, loss = finite(view, "train_loss")
    if len(loss) < POINTS or loss.min() < 0:
        return []
    parts = [float(np.median(part)) for part in np.array_split(loss, PARTS)]
    least = int(np.argmin(parts))
    first, last = max(float(np.median(loss[:3])), parts[0]), parts[-1]
    tail = min(parts[-2:])
    if least >= PARTS - 2 or parts[least] <= 0 or not (tail > 2 * parts[least] and tail > 0.9 * first):
        return []
    at = int(np.argmin(loss))
    return [
        Finding(
            "diverged",
            "error",
            f"The loss falls to {digits(float(loss[at]))} at {unit(view)} {digits(float(steps[at]))}, then rises and is at {digits(last)} at the end; "
            f"it began at {digits(first)}.",
            {"least_loss": float(loss[at]), "least_at_step": float(steps[at]), "first_loss": first, "last_loss": last},
            "Lower the learning rate, warm it up, or clip the gradient's norm at 1.0.",
        )
    ]


def stuck(view: View) -> list[Finding]:
    """A loss that is that of guessing: ln of the classes with an accuracy near one of them, or a variance of a quarter."""
    accuracy = np.concatenate([finite(view, "val_accuracy")[1], finite(view, "train_accuracy")[1]])
    for name in ("train_loss", "val_loss"):
        _, loss = finite(view, name)
        if len(loss) < 8:
            continue
        half = loss[len(loss) // 2 :]
        level, spread = float(np.mean(half)), float(np.std(half))
        start = float(np.median(loss[: max(1, len(loss) // 10)]))
        if level <= 0 or spread > 0.05 * level:
            continue
        classes = _classes(level, start, float(loss[:2].min()), spread, accuracy, len(loss))
        if classes:
            accuracy_words = f" at an accuracy of {percent(float(np.median(accuracy)))}" if len(accuracy) else ""
            return [
                guessing(
                    f"The loss stays at {digits(level)}{accuracy_words}; guessing among {classes} classes gives ln {classes} = {digits(math.log(classes))}.",
                    {"last_loss": level, "chance": math.log(classes), "classes": classes},
                )
            ]
        trend = rank_correlation(half)
        if (
            name == "train_loss"
            and not len(accuracy)
            and len(loss) >= POINTS
            and abs(float(np.median(loss[-len(loss) // 4 :])) - 0.25) < 0.0025
            and float(np.std(loss[-len(loss) // 4 :])) < 0.004
            and start > 0.25
            and not (trend < -0.9 and half[-1] < 0.245)
        ):
            return [
                guessing(
                    f"The loss settles at {digits(float(loss[-1]))}: a squared error of 0.25 is what answering with the mean of targets 0 and 1 gives.",
                    {"last_loss": float(loss[-1]), "chance": 0.25},
                )
            ]
    return []


def _classes(level: float, start: float, early: float, spread: float, accuracy: np.ndarray, losses: int) -> int:
    """Among how many classes a loss guesses; 0 where it is another loss."""
    classes = round(math.exp(level)) if level < 8 else 0
    if classes < 2 or (level < 0.95 * start - 0.1 * spread and not len(accuracy)):
        return 0
    if abs(level / math.log(classes) - 1) > NEAR or early > 1.1 * level:
        return 0  # it has come down to this: more classes, of which it knows something
    if len(accuracy):
        share, right = 1 / classes, accuracy[len(accuracy) // 2 :]
        return classes if 0.4 * share <= float(np.median(right)) <= (1.14 if classes == 2 else 1.35) * share else 0
    sure = classes in CHANCES and losses >= POINTS and spread < 0.02 * level
    near = abs(level / math.log(classes) - 1) < 0.006
    return classes if sure and near and level > 0.97 * start else 0


def no_progress(view: View) -> list[Finding]:
    """A loss that ends where it began, within its noise or a fiftieth, with no metric that got better."""
    _, loss = finite(view, "train_loss")
    if len(loss) < POINTS:
        return []
    first, last = ends(loss)
    if first < 0.02 or _better(view) or _resumed(view):
        return []
    spread, gain = noise(loss), first - last
    if spread > 0.3 * float(np.median(loss)):
        return []  # batches of a row or two: nothing can be said without smoothing
    if gain > GAIN * first and not (gain < 2.5 * GAIN * first and gain < spread):
        return []
    if float(np.median(loss[: max(2, len(loss) // 50)])) > last + max(2 * GAIN * first, 2.5 * spread):
        return []  # it fell at once
    return [
        Finding(
            "no_progress",
            "warning",
            f"The loss is {digits(first)} at first and {digits(last)} at the end of {digits(len(loss))} logged values: hardly more than noise lies between.",
            {"first_loss": first, "last_loss": last, "noise": noise(loss), "losses": len(loss)},
            "Look whether the network can learn 20 rows by heart; then at the learning rate, tenfold up and down, and at which parameters are trained.",
        )
    ]


def _better(view: View) -> bool:
    """Whether validation or an accuracy improved all the same."""
    _, val = finite(view, "val_loss")
    if len(val) >= 2 and ends(val)[1] < 0.95 * ends(val)[0]:
        return True
    for name in ("train_accuracy", "val_accuracy"):
        _, accuracy = finite(view, name)
        if len(accuracy) >= 4:
            first, last = ends(accuracy)
            if last > first + 0.03:
                return True
    return False


def _resumed(view: View) -> bool:
    """Whether the log begins in the middle of a training."""
    step = view.trace.column("step")
    return len(step) > 2 and step[0] > 20 * max(1.0, float(np.median(np.diff(step)))) and unit(view) != "row"


def interrupted(view: View) -> list[Finding]:
    """A file that ends before its plan."""
    planned, reached = view.facts.get("planned"), view.facts.get("reached")
    if not planned or reached is None or reached >= 0.98 * planned:
        return []
    steps = view.trace.column("step")
    gap = float(np.median(np.diff(steps))) if len(steps) > 1 and view.facts.get("unit") == "steps" else 1.0
    if "unit" in view.facts and reached + gap >= planned:
        return []  # printed every gap steps, or epochs counted from 0
    measure = str(view.facts.get("unit", "steps"))
    return [
        Finding(
            "interrupted",
            "info",
            f"The log ends after {digits(reached)} of {digits(planned)} {measure}: stopped early, broken off, or a checkpoint on the way.",
            {"planned": planned, "reached": reached},
            "Judge the rate's schedule by the whole training; resume from the last checkpoint if it was not on purpose.",
        )
    ]


def improving(view: View) -> list[Finding]:
    """It still fell when it ended, and validation with it."""
    _, loss = finite(view, "train_loss")
    _, val = finite(view, "val_loss")
    if len(loss) < POINTS or loss.min() < 0:
        return []
    if len(val) >= 4 and float(np.median(val[-2:])) > 0.99 * float(val[: -max(1, len(val) // 4)].min()):
        return []
    parts = [float(np.mean(part)) for part in np.array_split(loss[len(loss) * 2 // 3 :], 5)]
    if parts[-1] < 0.01 * float(loss[0]):
        return []  # little is left to gain
    if not rank_correlation(parts) < -0.89 or not 0 < parts[-1] < 0.93 * parts[0]:
        return []
    return [
        Finding(
            "still_improving",
            "info",
            f"The loss still fell when the log ended: from {digits(parts[0])} to {digits(parts[-1])} in its last third.",
            {"from": parts[0], "to": parts[-1]},
            "Train longer.",
        )
    ]
