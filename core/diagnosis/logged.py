"""Faults that a log of another tool shows: what its loss, its validation and its last values say.

Logs know little: no model, no optimizer, often no classes. So each rule asks for more than the one on recordings does,
and says nothing where a sound training could have left the same numbers.
"""

from __future__ import annotations

import math

import numpy as np

from .finding import Finding
from .numbers import digits, ends, noise, percent, rank_correlation
from .view import View

FEW = 3  # losses from which there is anything to judge
POINTS = 20  # losses from which a course can be told
NEAR = 0.015  # of the loss of guessing
CHANCES = (2, 3, 4, 5, 6, 7, 8, 9, 10, 20, 100, 1000)  # classes that are tried where no accuracy is known
GAIN = 0.02  # of the first loss: less is no progress
RISE = 0.08  # of the least validation loss, persistently
PARTS = 10


def judge(view: View) -> list[Finding]:
    """The findings on a log."""
    if view.facts.get("last_values"):
        return last_values(view)
    train, val = _logged(view, "train_loss"), _logged(view, "val_loss")
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
    found = missing_validation(view)
    if view.facts.get("game"):  # two that train against each other, or a policy: their losses need not fall
        return found + interrupted(view)
    scales = [] if found else scales_differ(view)
    stalled = stuck(view) or risen(view) or no_progress(view)
    found += scales + stalled + penalty(view)
    if not scales:
        found += overfitting(view)
    found += interrupted(view)
    if not any(f.severity != "info" for f in found):
        found += improving(view)
    return found


def _logged(view: View, name: str) -> np.ndarray:
    """The numbers of a column, those that are not finite included."""
    values = view.trace.column(name)
    return values[~np.isnan(values)]


def _finite(view: View, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Steps and values of a column where it is finite."""
    values = view.trace.column(name)
    kept = np.isfinite(values)
    return view.trace.column("step")[kept] if len(values) else values, values[kept]


def _unit(view: View) -> str:
    return str(view.facts.get("clock", "step"))


def diverged(view: View) -> list[Finding]:
    """A training loss that is not finite at the end; one bad value among good ones is none."""
    values, steps = view.trace.column("train_loss"), view.trace.column("step")
    whose = "loss"
    if not np.isinf(values).any() and not np.isfinite(values).any():
        values, whose = view.trace.column("val_loss"), "validation loss"
    kept = ~np.isnan(values)
    bad, at = np.isinf(values[kept]), steps[kept] if len(values) else steps
    if not len(bad) or not bad[-1] or not bad[-min(len(bad), 3) :].all():
        return []
    first_bad = len(bad) - int(np.argmin(bad[::-1])) if not bad.all() else 0
    before = values[kept][~bad]
    last = f"; the last finite one was {digits(float(before[-1]))}" if len(before) else ": no value is finite"
    rates = view.trace.column("lr")
    rates = rates[np.isfinite(rates) & (rates > 0)]
    rate = float(rates.max()) if len(rates) else math.nan
    lower = f"Lower the learning rate, say to {digits(rate / 10)}" if rate > 0 else "Lower the learning rate tenfold"
    return [
        Finding(
            "diverged",
            "error",
            f"The training diverges: from {_unit(view)} {digits(float(at[first_bad]))} on the {whose} is NaN or infinite{last}.",
            {"first_bad_step": float(at[first_bad]), "bad": int(bad.sum()), "losses": len(bad), "lr": rate},
            f"{lower}, clip the gradient's norm at 1.0, and use bfloat16 instead of float16; if the first value is NaN already, look at the data.",
        )
    ]


def risen(view: View) -> list[Finding]:
    """A loss that had fallen and then rose above its start, or far above its least, and stayed."""
    steps, loss = _finite(view, "train_loss")
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
            f"The loss falls to {digits(float(loss[at]))} at {_unit(view)} {digits(float(steps[at]))}, then rises to {digits(last)} and stays there; "
            f"it began at {digits(first)}.",
            {"least_loss": float(loss[at]), "least_at_step": float(steps[at]), "first_loss": first, "last_loss": last},
            "Lower the learning rate, warm it up, or clip the gradient's norm at 1.0.",
        )
    ]


def stuck(view: View) -> list[Finding]:
    """A loss that is that of guessing: ln of the classes with an accuracy near one of them, or a variance of a quarter."""
    accuracy = np.concatenate([_finite(view, "val_accuracy")[1], _finite(view, "train_accuracy")[1]])
    for name in ("train_loss", "val_loss"):
        _, loss = _finite(view, name)
        if len(loss) < 8:
            continue
        half = loss[len(loss) // 2 :]
        level, spread = float(np.mean(half)), float(np.std(half))
        start = float(np.median(loss[: max(1, len(loss) // 10)]))
        if level <= 0 or spread > 0.05 * level:
            continue
        classes = _classes(level, start, spread, accuracy, len(loss))
        if classes:
            known = f" at an accuracy of {percent(float(np.median(accuracy)))}" if len(accuracy) else ""
            return [
                _guessing(
                    f"The loss stays at {digits(level)}{known}; guessing among {classes} classes gives ln {classes} = {digits(math.log(classes))}.",
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
                _guessing(
                    f"The loss settles at {digits(float(loss[-1]))}: a squared error of 0.25 is what answering with the mean of targets 0 and 1 gives.",
                    {"last_loss": float(loss[-1]), "chance": 0.25},
                )
            ]
    return []


def _classes(level: float, start: float, spread: float, accuracy: np.ndarray, losses: int) -> int:
    """Among how many classes a loss guesses; 0 where it is another loss."""
    classes = round(math.exp(level)) if level < 8 else 0
    if classes < 2 or (level < 0.95 * start - 0.1 * spread and not len(accuracy)):
        return 0
    if abs(level / math.log(classes) - 1) > NEAR:
        return 0
    if len(accuracy):
        share, right = 1 / classes, accuracy[len(accuracy) // 2 :]
        return classes if 0.4 * share <= float(np.median(right)) <= min(0.62, 1.6 * share) else 0
    sure = classes in CHANCES and losses >= POINTS and spread < 0.02 * level
    near = abs(level / math.log(classes) - 1) < 0.006
    return classes if sure and near and level > 0.97 * start else 0


def _guessing(message: str, evidence: dict[str, float]) -> Finding:
    return Finding(
        "stuck_at_chance",
        "error",
        message,
        evidence,
        "Look whether the network can learn 20 rows by heart; if not, look at labels, loss, learning rate and layers in this order.",
    )


def no_progress(view: View) -> list[Finding]:
    """A loss that ends where it began, within its noise or a fiftieth, with no metric that got better."""
    _, loss = _finite(view, "train_loss")
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
    _, val = _finite(view, "val_loss")
    if len(val) >= 2 and ends(val)[1] < 0.95 * ends(val)[0]:
        return True
    for name in ("train_accuracy", "val_accuracy"):
        _, accuracy = _finite(view, name)
        if len(accuracy) >= 4:
            first, last = ends(accuracy)
            if last > first + 0.03:
                return True
    return False


def _resumed(view: View) -> bool:
    """Whether the log begins in the middle of a training."""
    step = view.trace.column("step")
    return len(step) > 2 and step[0] > 20 * max(1.0, float(np.median(np.diff(step)))) and _unit(view) != "row"


def overfitting(view: View) -> list[Finding]:
    """Validation turned for good while training went on falling."""
    at, val = _finite(view, "val_loss")
    steps, train = _finite(view, "train_loss")
    if len(val) < 3 or len(train) < 3 or val.min() <= 0:
        return []
    smooth = _medians(val) if len(val) >= 9 else val
    least = int(np.argmin(smooth))
    tail = val[-max(2, len(val) // 5) :]
    if least > 0.8 * (len(val) - 1) or len(val) - least < 3:
        return []
    lowest, end = float(smooth[least]), float(np.median(tail))
    shaken = noise(val) / lowest if len(val) >= 6 else 0.0
    if end < (1 + max(RISE, 1.2 * shaken)) * lowest or float(tail.min()) < (1 + RISE / 2) * lowest:
        return []
    few = len(val) < 5
    if few and (end < 1.1 * lowest or (np.diff(val[least:]) < 0).any()):
        return []
    after, before = train[steps >= at[least]], train[steps <= at[least]]
    if len(after) < 2:
        return []
    then = float(np.median(before[-max(1, min(5, len(before) // 5)) :])) if len(before) else float(after[0])
    last = float(np.median(after[-max(1, min(10, len(after) // 4)) :]))
    if not last < (0.97 if end > (1 + 2 * shaken) * lowest and not few else 0.6) * then:
        return []
    return [
        Finding(
            "overfitting",
            "warning",
            f"The validation loss was least at {_unit(view)} {digits(float(at[least]))} ({digits(lowest)}) and ends at {digits(end)}, while the training "
            f"loss went on falling from {digits(then)} to {digits(last)}.",
            {
                "least_val_loss": lowest,
                "least_at_step": float(at[least]),
                "last_val_loss": end,
                "last_train_loss": last,
            },
            "Keep the weights of the least validation loss, or use weight decay, dropout, augmentation or more data.",
        )
    ]


def _medians(values: np.ndarray) -> np.ndarray:
    """Running medians of three."""
    padded = np.concatenate([values[:1], values, values[-1:]])
    return np.asarray(np.median(np.stack([padded[:-2], padded[1:-1], padded[2:]]), axis=0))


def penalty(view: View) -> list[Finding]:
    """A loss that is mostly not the squared error that is logged beside it."""
    for split in ("", "val_"):
        loss = view.trace.column("train_loss" if not split else "val_loss")
        for name, values in view.trace.steps.items():
            tokens = name.split("_")
            if not {"mse"} & set(tokens) or bool(split) != ("val" in tokens) or len(values) != len(loss):
                continue
            error = np.asarray(values, dtype=float)
            both = np.isfinite(error) & np.isfinite(loss)
            if both.sum() < FEW:
                continue
            whole, part = loss[both], error[both]
            if float((whole > 2 * np.maximum(part, np.sqrt(np.abs(part)))).mean()) < 0.9:
                continue
            return [
                Finding(
                    "too_much_regularization",
                    "warning",
                    f"The loss falls from {digits(float(whole[0]))} to {digits(float(whole[-1]))}, of which the squared error is only "
                    f"{digits(float(part[0]))} to {digits(float(part[-1]))}: the penalty outweighs the error.",
                    {"loss": float(whole[-1]), "error": float(part[-1]), "penalty": float(whole[-1] - part[-1])},
                    "Lower the penalty's factor (kernel_regularizer, weight decay) tenfold, and judge by the error.",
                )
            ]
    return []


def scales_differ(view: View) -> list[Finding]:
    """A training loss that is a constant multiple of validation's: summed where validation takes the mean."""
    at, val = _finite(view, "val_loss")
    steps, train = _finite(view, "train_loss")
    if len(val) < FEW or len(train) < FEW or val.min() <= 0 or train.min() <= 0:
        return []
    ratio = np.interp(at, steps, train) / val
    settled = ratio[-max(FEW, len(ratio) // 2) :]
    factor = float(np.median(settled))
    even = float(settled.max() / settled.min())
    fell = float(val[-1]) < 0.9 * float(val[0])
    if not ((factor > 3 and even < 1.6) or (factor < 1 / 3 and even < 1.25 and fell)):
        return []
    if factor > 3 and ratio.min() < 0.6 * factor:
        return []
    return [
        Finding(
            "loss_scales_differ",
            "warning",
            f"The training loss is about {digits(factor)} times the validation loss all along: it is measured on another scale "
            "(summed over micro-batches or batches, where validation takes the mean); this is no gap of generalization.",
            {"factor": factor, "spread": even},
            "Divide the loss by the number of accumulated batches, or log both as a mean per example; compare no rates before.",
        )
    ]


def missing_validation(view: View) -> list[Finding]:
    """Validation columns in which nothing was measured."""
    steps = view.trace.steps
    val = view.trace.column("val_loss")
    written = val[~np.isnan(val)]
    if len(written) < 2:
        return []
    scores = [
        np.asarray(values, dtype=float)
        for name, values in steps.items()
        if name.startswith("metrics_") or name == "val_accuracy"
    ]
    idle = all(not np.nan_to_num(values).any() for values in scores)
    if np.isinf(written).all() and idle:
        what = "the validation loss is NaN each time, while the training loss is finite"
    elif not np.nan_to_num(written, posinf=1.0).any() and idle:
        what = "the validation loss is 0 each time" + (", and so is every metric" if scores else "")
    else:
        return []
    return [
        Finding(
            "validation_missing",
            "warning",
            f"Validation measured nothing: {what}.",
            {"validations": len(written)},
            "Look at the validation set: its path, its labels, and whether it is empty.",
        )
    ]


def interrupted(view: View) -> list[Finding]:
    """A file that ends before its plan."""
    planned, reached = view.facts.get("planned"), view.facts.get("reached")
    if not planned or reached is None or reached >= 0.98 * planned:
        return []
    unit = str(view.facts.get("unit", "steps"))
    return [
        Finding(
            "interrupted",
            "info",
            f"The log ends after {digits(reached)} of {digits(planned)} {unit}: stopped early, broken off, or a checkpoint on the way.",
            {"planned": planned, "reached": reached},
            "Judge the rate's schedule by the whole training; resume from the last checkpoint if it was not on purpose.",
        )
    ]


def improving(view: View) -> list[Finding]:
    """It still fell when it ended, and validation with it."""
    _, loss = _finite(view, "train_loss")
    _, val = _finite(view, "val_loss")
    if len(loss) < POINTS or loss.min() < 0:
        return []
    if len(val) >= 4 and float(np.median(val[-2:])) > 0.99 * float(val[: -max(1, len(val) // 4)].min()):
        return []
    parts = [float(np.mean(part)) for part in np.array_split(loss[len(loss) * 2 // 3 :], 5)]
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


def last_values(view: View) -> list[Finding]:
    """What the last values alone say: a gap between training and validation, or a loss that was lost."""
    ends_at = {name: _logged(view, name)[-1:] for name in ("train_loss", "val_loss", "train_accuracy", "val_accuracy")}
    value = {name: float(values[0]) for name, values in ends_at.items() if len(values)}
    if math.isinf(value.get("train_loss", 0.0)):
        return [
            Finding(
                "diverged",
                "error",
                "The last training loss is NaN or infinite.",
                {},
                "Lower the learning rate tenfold and clip the gradient's norm at 1.0.",
            )
        ]
    for split in ("train", "val"):
        loss, share = value.get(f"{split}_loss", math.nan), value.get(f"{split}_accuracy", math.nan)
        classes = round(math.exp(loss)) if 0.6 < loss < 8 else 0
        if classes > 1 and abs(loss / math.log(classes) - 1) < 0.01 and abs(share * classes - 1) < 0.12:
            return [
                _guessing(
                    f"The last loss is {digits(loss)} at an accuracy of {percent(share)}; guessing among {classes} classes gives ln {classes}.",
                    {"last_loss": loss, "chance": math.log(classes), "classes": classes},
                )
            ]
    train, val = value.get("train_loss", math.nan), value.get("val_loss", math.nan)
    right, own = value.get("train_accuracy", math.nan), value.get("val_accuracy", math.nan)
    by_loss = val > 3 * train and val > train + 0.1 and not right - own < 0.05
    if not (right - own > 0.1 and right > 0.9) and not (by_loss and math.isnan(right - own) and val > 10 * train):
        return []
    parts = [
        f"{label} {digits(a)} in training and {digits(b)} in validation"
        for label, a, b in (("accuracy", right, own), ("loss", train, val))
        if not math.isnan(a - b)
    ]
    return [
        Finding(
            "overfitting",
            "warning",
            f"The last values are far apart: {'; '.join(parts)}. There is no course to say since when.",
            {
                "last_train_loss": train,
                "last_val_loss": val,
                "train_accuracy": right,
                "val_accuracy": own,
            },
            "Look for the step of the least validation loss and stop there, or use weight decay, dropout or more data.",
        )
    ]
