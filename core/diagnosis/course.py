"""Faults of a recorded course: what the loss does over the steps, against guessing, against its rate, against validation."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from . import validation
from .finding import Finding
from .numbers import digits, ends, first_and_last, noise, percent, rank_correlation
from .rules import CHANCE, LEARNED, NEAR_GUESS, STEPS
from .view import Training, View

POINTS = 20  # losses from which a course can be told
MOVED = 0.1  # of its size, summed over all steps: a weight that moved less is where it started
FAINT = 1e-5  # update-to-weight ratio, a hundredth of a healthy one: too little however few the steps are
BOLD = 0.1  # update-to-weight ratio from which a step forgets what the steps before it have learned; 1e-3 is healthy
THROWN = 30.0  # times the loss of guessing: where a step has thrown the loss so far, the start was for nothing
EARLY = 10  # steps that count as the start: a network that they have killed moves no more
TRIALS = 3  # different rates that make a search of a script
SEARCHED = ("diverged", "learning_rate_too_high", "learning_rate_too_low", "stuck_at_chance", "no_progress")
SOLVED = 1e-3  # of the first loss: below, nothing is left to gain
EXPLODED = 100.0  # gradient norm at its largest over its median


def judge(view: View) -> list[Finding]:
    """The findings on the course of every training."""
    findings: list[Finding] = []
    for training in view.courses:
        if len(training.loss) or len(training.val_loss):
            findings += one(view, training)
    if searching(view):
        return [replace(finding, severity="info") if finding.code in SEARCHED else finding for finding in findings]
    return findings


def searching(view: View) -> bool:
    """Whether the script tries several rates one after the other: some are meant to be wrong."""
    rates = {training.rate for training in view.trainings if len(training.loss) and view.alone(training)}
    return len(rates) >= TRIALS


def one(view: View, training: Training) -> list[Finding]:
    """The findings on one course."""
    lost = diverged(view, training)
    if lost:
        return lost + regularization(view, training)
    findings = []
    if view.supervised(training) or view.hand_written(training):
        findings += (
            too_high(view, training) or stuck(view, training) or slow(view, training) or no_progress(view, training)
        )
        findings += regularization(view, training)
    findings += validation.judge(view, training)
    if not findings:
        findings += improving(view, training)
    return findings


def ratio(view: View, training: Training, early: bool = False) -> float:
    """The median update-to-weight ratio of a step, or of the first ones alone; NaN where it wasn't measured."""
    table = view.trace.layers
    if "update_ratio" not in table:
        return math.nan
    values = np.asarray(table["update_ratio"], dtype=float)
    mask = np.isfinite(values)
    if "optimizer" in table:
        mask &= np.asarray(table["optimizer"], dtype=float) == training.index
    if early:
        mask &= np.asarray(table["step"], dtype=float) < EARLY
    values = values[mask]
    return float(np.median(values)) if len(values) else math.nan


def cut_off(view: View, training: Training) -> bool:
    """Whether the gradient of every weight matrix was exactly zero on every measured step: no rate moves it then."""
    weights = [p for p in view.parameters if training.index in p["optimizers"] and len(p["shape"]) >= 2]
    return any(p["zero_gradient"] for p in weights) and not any(p["with_gradient"] for p in weights)


def diverged(view: View, training: Training) -> list[Finding]:
    """A loss or parameters that left the number format, or a loss a thousand times its start."""
    loss, steps = training.loss, training.steps
    parameters = [p for p in view.parameters if training.index in p["optimizers"]]
    broken = any(p["last"] and not math.isfinite(p["last"]["rms"]) for p in parameters)
    bad = np.isinf(loss) | _written_nan(training)
    first, last = ends(loss)
    ended = bool(len(bad)) and bool(bad[-min(len(bad), 3) :].any())
    grown = first > 0 and last > 1000 * first and (view.supervised(training) or view.hand_written(training))
    if not ended and not broken and not grown:
        return []
    at = int(steps[np.argmax(bad)]) if bad.any() else int(steps[-1]) if len(steps) else 0
    share = ratio(view, training)
    evidence = {"first_bad_step": at, "first_loss": first, "lr": training.rate, "update_ratio": share}
    what = (
        "is not finite"
        if ended
        else "parameters are not finite"
        if broken
        else f"has grown from {digits(first)} to {digits(last)}"
    )
    findings = [
        Finding(
            "diverged",
            "error",
            f"The training diverges: from step {at} on the loss {what}."
            if not (broken and not ended)
            else f"The training diverges: {what} at its end.",
            evidence,
            f"Lower the learning rate, say to {digits(training.rate / 10)}, and clip the gradient's norm: `clip_grad_norm_(parameters, 1.0)`.",
            file=_line(training),
        )
    ]
    finite = loss[np.isfinite(loss)]
    rising = len(finite) >= 2 and float(finite[-1]) > 2 * float(np.min(finite[: max(1, len(finite) // 2)]))
    if share > BOLD or rising or grown:
        findings.append(
            Finding(
                "learning_rate_too_high",
                "error",
                f"At a rate of {digits(training.rate)} a step changes the weights by {digits(share)} of their size (1e-3 is healthy) "
                "and the loss rises until it is lost.",
                evidence,
                f"Lower the learning rate, say to {digits(training.rate / 10)}.",
                file=_line(training),
            )
        )
    norms = view.trace.column("grad_norm")
    norms = norms[np.isfinite(norms)]
    recurrent = any(m["kind"] in ("RNN", "LSTM", "GRU", "RNNCell", "LSTMCell", "GRUCell") for m in view.modules)
    if recurrent or (
        len(norms) > 3 and float(norms.max()) > EXPLODED * float(np.median(norms[: max(3, len(norms) // 3)]))
    ):
        findings.append(
            Finding(
                "exploding_gradients",
                "error",
                "The gradient's norm grows without bound before the loss is lost.",
                {"largest_norm": float(norms.max()) if len(norms) else math.nan},
                "Clip it between backward() and step(): `torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)`.",
                file=_line(training),
            )
        )
    return findings


def _written_nan(training: Training) -> np.ndarray:
    """Rows whose loss was NaN: all those without a number, once one backward pass was used."""
    return np.isnan(training.loss) & bool(training.backwards)


def too_high(view: View, training: Training) -> list[Finding]:
    """A loss that ends above its start, or steps so bold that nothing is kept."""
    loss = training.loss
    if len(loss) < POINTS // 2:
        return []
    _, last = ends(loss)
    start = float(loss[np.isfinite(loss)][0]) if np.isfinite(loss).any() else math.nan
    chance, share = view.chance(training), np.fmax(ratio(view, training), ratio(view, training, early=True))
    worst = float(np.nanmax(loss))
    bar = chance if not math.isnan(chance) else start
    above = last > start and last > 1.1 * bar and worst > 2 * start
    at = int(np.nanargmax(loss))
    long = training.optimizer.get("kind") == "RMSprop" and training.steps[at] < EARLY  # as its first steps are
    thrown = worst > THROWN * max(start, bar) and at > 0 and not (long and last < LEARNED * bar)
    bold = share > BOLD and last > 0.9 * bar and not last < 0.5 * start
    if not (above or bold or thrown) or last < SOLVED * start:
        return []
    return [
        Finding(
            "learning_rate_too_high",
            "error" if above or bold else "warning",
            f"The loss starts at {digits(start)}, goes up to {digits(worst)} and ends at {digits(last)}; a step changes the weights by "
            f"{digits(share)} of their size (1e-3 is healthy).",
            {"first_loss": start, "last_loss": last, "largest_loss": worst, "update_ratio": share, "lr": training.rate},
            f"Lower the learning rate from {digits(training.rate)}, say to {digits(training.rate / (100 if share > 1 else 10))}.",
            file=_line(training),
        )
    ] + (stuck(view, training) if last <= 1.1 * bar else [])


def stuck(view: View, training: Training) -> list[Finding]:
    """A loss that is that of guessing."""
    chance = view.chance(training)
    _, last = ends(training.loss)
    steps = int(training.optimizer.get("steps", len(training.loss)))
    if not chance > 0 or steps < STEPS or len(training.loss) < POINTS or not last > CHANCE * chance:
        return []
    tail = training.loss[-max(10, len(training.loss) // 4) :]
    tail = tail[np.isfinite(tail)]
    surely = float(tail.mean()) + 3 * float(tail.std()) / math.sqrt(len(tail)) if len(tail) >= 5 else math.inf
    if surely < chance and float(tail.mean()) < NEAR_GUESS * chance:
        return []  # little, but surely better than guessing
    if ratio(view, training) * steps < MOVED and not cut_off(view, training):
        return []  # it had no chance to learn: the rate is too low
    half = training.loss[len(training.loss) // 2 :]
    falling = rank_correlation(_smooth(half)) < -0.8 and float(half[-1]) < float(half[0])
    if falling and last > 1.05 * chance:
        return []
    return [
        Finding(
            "stuck_at_chance",
            "error",
            f"After {steps} steps the loss is {digits(last)}; guessing by the labels' shares gives {digits(chance)}.",
            {"last_loss": last, "chance": chance, "steps": steps},
            "Look whether the network can learn 20 rows by heart; if not, look at labels, loss, learning rate and layers in this order.",
            file=_line(training),
        )
    ]


def _smooth(values: np.ndarray, pieces: int = 10) -> list[float]:
    finite = values[np.isfinite(values)]
    return [float(np.mean(part)) for part in np.array_split(finite, min(pieces, max(1, len(finite)))) if len(part)]


def slow(view: View, training: Training) -> list[Finding]:
    """Steps so small that the weights are where they started."""
    share, steps = ratio(view, training), int(training.optimizer.get("steps", 0))
    first, last = ends(training.loss)
    chance = view.chance(training)
    bar = min(first, chance) if not math.isnan(chance) else first
    if (
        not share > 0
        or cut_off(view, training)
        or (steps < STEPS and not share < FAINT)
        or len(training.loss) < POINTS
        or not share * steps < MOVED
        or not last > 0.9 * bar
        or not first > 0
    ):
        return []
    begins, ended = first_and_last(training.loss)
    return [
        Finding(
            "learning_rate_too_low",
            "warning",
            f"In {steps} steps the weights move by {percent(share * steps)} of their size (a step by {digits(share)}; 1e-3 is healthy) and "
            f"the loss goes from {digits(begins)} to {digits(ended)}.",
            {"update_ratio": share, "steps": steps, "first_loss": begins, "last_loss": ended, "lr": training.rate},
            f"Raise the learning rate from {digits(training.rate)}, say to {digits(training.rate * 100)}.",
            file=_line(training),
        )
    ]


def no_progress(view: View, training: Training) -> list[Finding]:
    """Nothing but noise from the first loss to the last."""
    loss = training.loss[np.isfinite(training.loss)]
    if len(loss) < POINTS or int(training.optimizer.get("steps", len(loss))) < STEPS:
        return []
    first, last = ends(loss)
    chance = view.chance(training)
    if not math.isnan(chance) and last < 0.8 * chance:
        return []  # it is better than guessing: it may have been trained before
    if first <= 0 or last < 0.95 * first or (last < first - 3 * noise(loss) / math.sqrt(max(1, len(loss) // 10))):
        return []
    begins, ended = first_and_last(loss)
    return [
        Finding(
            "no_progress",
            "warning",
            f"The loss is {digits(begins)} at first and {digits(ended)} at the end: nothing but noise lies between.",
            {"first_loss": begins, "last_loss": ended, "noise": noise(loss)},
            "Look whether the network can learn 20 rows by heart; then at the learning rate, tenfold up and down.",
            file=_line(training),
        )
    ]


def regularization(view: View, training: Training) -> list[Finding]:
    """A penalty that outweighs the error."""
    optimizer = training.optimizer
    decay = float(optimizer.get("options", {}).get("weight_decay", 0.0))
    parameters = [
        p
        for p in view.parameters
        if training.index in p["optimizers"] and len(p["shape"]) >= 2 and p["first"] and p["last"]
    ]
    shrunk = [p["last"]["rms"] / p["first"]["rms"] for p in parameters if p["first"]["rms"] > 0]
    chance = view.chance(training)
    first, last = ends(training.loss)
    bar = chance if not math.isnan(chance) else first
    if decay > 0 and shrunk and float(np.median(shrunk)) < 0.3 and last > 0.7 * bar:
        return [
            Finding(
                "too_much_regularization",
                "warning",
                f"weight_decay={digits(decay)} shrinks the weights to {percent(float(np.median(shrunk)))} of their first size, and the loss "
                f"stays at {digits(last)}.",
                {
                    "weight_decay": decay,
                    "weights_kept": float(np.median(shrunk)),
                    "last_loss": last,
                    "decay_over_gradient": optimizer.get("decay_ratio"),
                },
                f"Lower it, say to {digits(min(decay / 100, 1e-2))}.",
                file=str(optimizer.get("line", "")),
            )
        ]
    started = [p["first"]["rms"] for p in parameters if p["first"]["rms"] > 0]
    rate = training.rate
    bounded = optimizer.get("options", {}).get("decoupled_weight_decay") and training.adaptive and bool(started)
    if bounded and decay * float(np.median(started)) > 1 and rate * decay * optimizer["steps"] > 1 and last > 0.3 * bar:
        return [
            Finding(
                "too_much_regularization",
                "warning",
                f"With weight_decay={digits(decay)} no weight can grow beyond {digits(1 / decay)}, less than the {digits(float(np.median(started)))} "
                f"at which they started; the loss stays at {digits(last)}.",
                {
                    "weight_decay": decay,
                    "largest_weight": 1 / decay,
                    "first_weights": float(np.median(started)),
                    "last_loss": last,
                },
                "Lower it, say to 0.01.",
                file=str(optimizer.get("line", "")),
            )
        ]
    penalties = [pair for backward in training.backwards for pair in backward["penalty"] if None not in pair]
    if penalties and not math.isnan(chance):
        whole, error = max(penalties, key=lambda pair: pair[0] - pair[1])
        error_at_last = float(np.median([pair[1] for pair in penalties[-4:]]))
        if whole - error > error and error_at_last > 0.9 * chance:
            return [
                Finding(
                    "too_much_regularization",
                    "warning",
                    f"The penalty is {digits(whole - error)} of a loss of {digits(whole)}, and the error ends at {digits(error_at_last)}, that of guessing.",
                    {"penalty": whole - error, "error": error_at_last, "chance": chance},
                    "Lower the penalty's factor a hundredfold.",
                    file=str(training.backwards[0]["line"]),
                )
            ]
    return []


def improving(view: View, training: Training) -> list[Finding]:
    """It still fell when it ended."""
    loss = training.loss[np.isfinite(training.loss)]
    if len(loss) < POINTS or abs(loss[-1]) < SOLVED * abs(loss[0]):
        return []
    tail = loss[len(loss) * 2 // 3 :]
    parts = _smooth(tail, 6)
    if rank_correlation(parts) < -0.9 and parts[0] > 0 and parts[-1] < 0.9 * parts[0]:
        return [
            Finding(
                "still_improving",
                "info",
                f"The loss still fell when the training ended: from {digits(parts[0])} to {digits(parts[-1])} in its last third.",
                {"from": parts[0], "to": parts[-1]},
                "Train longer.",
            )
        ]
    return []


def _line(training: Training) -> str:
    return str(training.backwards[0]["line"]) if training.backwards else ""
