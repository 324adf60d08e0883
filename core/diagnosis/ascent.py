"""Losses that are climbed: a turned sign, maximize=True, an update along the gradient."""

from __future__ import annotations

import numpy as np

from .finding import Finding
from .numbers import digits
from .view import Record, View

FEW = 3


def judge(view: View) -> list[Finding]:
    """A loss that is climbed: its sign, maximize=True, or an update along the gradient."""
    for training in view.trainings:
        if not view.alone(training) or len(training.backwards) != 1 or not view.owned(training):
            continue
        loss = view.criterion(training)
        if loss is None or loss["target"].get("requires_grad"):
            continue
        factor = float(training.backwards[0]["losses"][0]["factor"])
        upwards = bool(training.optimizer["options"].get("maximize"))
        rising = factor < 0 or upwards
        first, last = _first_last(np.abs(training.loss))
        if rising and not (factor < 0 and upwards) and last > 1.2 * first:
            why = "its sign is turned round" if factor < 0 else "the optimizer has maximize=True"
            return [
                Finding(
                    "gradient_ascent",
                    "error",
                    f"The training climbs its loss: {why}, and the {loss['kind']} rises from {digits(first)} to {digits(last)}.",
                    {"first_loss": first, "last_loss": last},
                    "Lower it: `loss.backward()` without the minus, and no maximize=True.",
                    file=str(training.backwards[0]["line"]),
                )
            ]
    for training in view.trainings:
        if len(training.backwards) == 1 and view.alone(training) and _lowers_likelihood(training.backwards[0]):
            return [
                Finding(
                    "gradient_ascent",
                    "error",
                    "The loss is the mean log-probability of the right answers itself, not its negative: the training makes them "
                    "ever less likely.",
                    {"operations": training.backwards[0]["top"][:4]},
                    "Put a minus before it, or use `F.cross_entropy`.",
                    file=str(training.backwards[0]["line"]),
                )
            ]
    hand = view.facts.get("by_hand", {})
    losses = np.array([np.nan if v is None else v for v in hand.get("losses", [])], dtype=float)
    if hand.get("ascent", 0) >= FEW and hand["ascent"] > 3 * hand.get("descent", 0) and len(losses) >= FEW:
        first, last = float(losses[0]), float(losses[-1])
        if not last <= 1.5 * abs(first):
            return [
                Finding(
                    "gradient_ascent",
                    "error",
                    f"The script moves its parameters along the gradient, not against it: the loss goes from {digits(first)} "
                    f"to {digits(last)}.",
                    {"first_loss": first, "last_loss": last, "steps": hand["steps"]},
                    "Subtract: `p -= lr * p.grad`.",
                    file=next((str(record["line"]) for record in view.records("backwards")), ""),
                )
            ]
    return []


def _lowers_likelihood(backward: Record) -> bool:
    """Whether the loss is a mean of chosen log-probabilities, with no minus and no weight on it."""
    top = [name for name in backward["top"][:6] if name not in ("Squeeze", "View", "Div")]
    return top[:1] in (["Mean"], ["Sum"]) and top[1:2] in (["Index"], ["Gather"]) and top[2:3] == ["LogSoftmax"]


def _first_last(values: np.ndarray) -> tuple[float, float]:
    finite = values[np.isfinite(values)]
    return (float(np.median(finite[:3])), float(np.median(finite[-3:]))) if len(finite) >= FEW else (np.nan, np.nan)
