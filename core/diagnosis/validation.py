"""Faults of a recorded course that its validation shows: it turned while training fell, or was never better than guessing."""

from __future__ import annotations

import math

import numpy as np

from .finding import Finding
from .numbers import digits, ends
from .rules import CHANCE, NEAR_GUESS, STEPS
from .view import Training, View

GIVEN_BACK = 0.5  # of what was learned over guessing: a rise of validation's loss that costs less is worth knowing
RISES = {0.5: 1.5, 0.1: 1.2, 0.01: 1.1}  # training loss since validation's least one -> validation loss over that one
FEWEST = 5  # evaluations
CLASSIFYING = ("cross_entropy", "nll", "bce", "bce_with_logits")  # other targets may spread wider in validation


def judge(view: View, training: Training) -> list[Finding]:
    """The findings on one training's validation."""
    return overfitting(view, training) or by_heart_alone(view, training)


def overfitting(view: View, training: Training) -> list[Finding]:
    """Validation turned while training fell."""
    val, at = training.val_loss, training.val_steps
    if len(val) < 5 or len(training.loss) < 5 or not view.supervised(training):
        return []
    least = int(np.argmin(val))
    end = float(np.median(val[-3:]))
    before = training.loss[training.steps <= at[least]]
    if least > 0.6 * len(val) or not len(before):
        return []
    then, last = float(np.median(before[-max(3, len(before) // 10) :])), ends(training.loss)[1]
    rise = float(val[-max(2, len(val) // 4) :].min()) / float(val[least]) if val[least] > 0 else 0.0
    if not any(rise > least_rise and last < fallen * then for fallen, least_rise in RISES.items()):
        return []
    chance, best = view.chance(training), float(val[least])
    hardly = not math.isnan(chance) and end - best < GIVEN_BACK * (chance - best)
    return [
        Finding(
            "overfitting",
            "info" if hardly else "warning",
            f"The validation loss was least at step {int(at[least])} ({digits(float(val[least]))}) and has risen to {digits(end)}, while the "
            f"training loss fell from {digits(then)} to {digits(last)}.",
            {
                "least_val_loss": float(val[least]),
                "least_at_step": int(at[least]),
                "last_val_loss": end,
                "last_train_loss": last,
            },
            "Stop at the least validation loss, or use weight decay, dropout or more data.",
        )
    ]


def by_heart_alone(view: View, training: Training) -> list[Finding]:
    """Validation was never better than guessing while training fell below it."""
    chance, loss = view.chance(training), view.criterion(training)
    if len(training.val_loss) < FEWEST or loss is None or not chance > 0 or not view.supervised(training):
        return []
    evaluated = [other for other in view.losses if int(other["calls_no_grad"])]
    alike = all(other[name] == loss[name] for other in evaluated for name in ("kind", "reduction", "smoothing"))
    _, last = ends(training.loss)
    least = float(training.val_loss.min())
    if (
        loss["kind"] not in CLASSIFYING
        or int(training.optimizer["steps"]) < STEPS
        or not alike
        or loss["weighted"]
        or not last < NEAR_GUESS * chance
        or not least > CHANCE * chance
    ):
        return []
    return [
        Finding(
            "overfitting",
            "warning",
            f"The training loss falls to {digits(last)}, but in {len(training.val_loss)} evaluations the validation loss is never below "
            f"{digits(least)}; guessing by the labels' shares gives {digits(chance)}: what is learned holds for the training rows alone.",
            {"least_val_loss": least, "chance": chance, "last_train_loss": last, "evaluations": len(training.val_loss)},
            "Look whether inputs and labels of both sets still belong together row by row and are prepared alike; then at the size of the data.",
        )
    ]
