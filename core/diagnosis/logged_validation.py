"""What validation says in a log of another tool: overfitting, nothing measured, another scale, a penalty, last values."""

from __future__ import annotations

import math

import numpy as np

from .finding import Finding
from .numbers import digits, first_and_last, noise, percent
from .view import View

FEW = 3  # losses from which there is anything to judge
RISE = 0.08  # of the least validation loss, persistently


def logged(view: View, name: str) -> np.ndarray:
    """The numbers of a column, those that are not finite included."""
    values = view.trace.column(name)
    return values[~np.isnan(values)]


def finite(view: View, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Steps and values of a column where it is finite."""
    values = view.trace.column(name)
    is_finite = np.isfinite(values)
    return view.trace.column("step")[is_finite] if len(values) else values, values[is_finite]


def unit(view: View) -> str:
    """What the log counts in: step, epoch or row."""
    return str(view.facts.get("clock", "step"))


def guessing(message: str, evidence: dict[str, float]) -> Finding:
    """The finding on a loss that is that of guessing."""
    return Finding(
        "stuck_at_chance",
        "error",
        message,
        evidence,
        "Look whether the network can learn 20 rows by heart; if not, look at labels, loss, learning rate and layers in this order.",
    )


def missing_validation(view: View) -> list[Finding]:
    """Validation columns in which nothing was measured."""
    steps = view.trace.steps
    val = view.trace.column("val_loss")
    values = val[~np.isnan(val)]
    if len(values) < 2:
        return []
    scores = [
        np.asarray(values, dtype=float)
        for name, values in steps.items()
        if name.startswith("metrics_") or name == "val_accuracy"
    ]
    idle = all(not np.nan_to_num(values).any() for values in scores)
    if np.isinf(values).all() and idle:
        what = "the validation loss is NaN each time, while the training loss is finite"
    elif not np.nan_to_num(values, posinf=1.0).any() and idle:
        what = "the validation loss is 0 each time" + (", and so is every metric" if scores else "")
    else:
        return []
    return [
        Finding(
            "validation_missing",
            "warning",
            f"Validation measured nothing: {what}.",
            {"validations": len(values)},
            "Look at the validation set: its path, its labels, and whether it is empty.",
        )
    ]


def scales_differ(view: View) -> list[Finding]:
    """A training loss that is a constant multiple of validation's: summed where validation takes the mean."""
    at, val = finite(view, "val_loss")
    steps, train = finite(view, "train_loss")
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


def overfitting(view: View) -> list[Finding]:
    """Validation turned for good while training went on falling."""
    at, val = finite(view, "val_loss")
    steps, train = finite(view, "train_loss")
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
    if float(val.min()) > 0.75 * lowest:  # no outlier: the place that whoever looks at the log finds
        least, lowest = int(np.argmin(val)), float(val.min())
    ended, trained = float(val[-1]), first_and_last(train)[1]
    return [
        Finding(
            "overfitting",
            "warning",
            f"The validation loss was least at {unit(view)} {digits(float(at[least]))} ({digits(lowest)}) and ends at {digits(ended)}, while the training "
            f"loss went on falling from {digits(then)} to {digits(trained)}.",
            {
                "least_val_loss": lowest,
                "least_at_step": float(at[least]),
                "last_val_loss": ended,
                "last_train_loss": trained,
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


def last_values(view: View) -> list[Finding]:
    """What the last values alone say: a gap between training and validation, or a loss that was lost."""
    ends_at = {name: logged(view, name)[-1:] for name in ("train_loss", "val_loss", "train_accuracy", "val_accuracy")}
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
                guessing(
                    f"The last loss is {digits(loss)} at an accuracy of {percent(share)}; guessing among {classes} classes gives ln {classes}.",
                    {"last_loss": loss, "chance": math.log(classes), "classes": classes},
                )
            ]
    train, val = value.get("train_loss", math.nan), value.get("val_loss", math.nan)
    right, val_accuracy = value.get("train_accuracy", math.nan), value.get("val_accuracy", math.nan)
    by_loss = val > 3 * train and val > train + 0.1 and not right - val_accuracy < 0.05
    if not (right - val_accuracy > 0.1 and right > 0.9) and not (
        by_loss and math.isnan(right - val_accuracy) and val > 10 * train
    ):
        return []
    parts = [
        f"{label} {digits(a)} in training and {digits(b)} in validation"
        for label, a, b in (("accuracy", right, val_accuracy), ("loss", train, val))
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
                "val_accuracy": val_accuracy,
            },
            "Look for the step of the least validation loss and stop there, or use weight decay, dropout or more data.",
        )
    ]
