"""A trace as the rules read it: which optimizer trains what, by which loss, and whether its loss means what it says."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from .trace import Trace

SUPERVISED = (
    "cross_entropy",
    "nll",
    "bce",
    "bce_with_logits",
    "mse",
    "l1",
    "smooth_l1",
    "huber",
    "kl_div",
    "multi_margin",
)
Record = Mapping[str, Any]


@dataclass(frozen=True)
class Training:
    """What one optimizer did: its record, the rows of its steps, and the lines whose backward passes it used."""

    optimizer: Record
    steps: np.ndarray
    loss: np.ndarray
    val_steps: np.ndarray
    val_loss: np.ndarray
    lr: np.ndarray
    backwards: list[Record]

    @property
    def index(self) -> int:
        """Its number."""
        return int(self.optimizer.get("index", 0))

    @property
    def adaptive(self) -> bool:
        """Whether it divides by the gradient's size."""
        return bool(self.optimizer.get("adaptive"))

    @property
    def rate(self) -> float:
        """Its first learning rate that isn't zero; NaN where it isn't known."""
        rates = self.lr[np.isfinite(self.lr) & (self.lr > 0)]
        return float(rates[0]) if len(rates) else math.nan


class View:
    """Facts of a trace, by name, with nothing for what the source can't know."""

    def __init__(self, trace: Trace) -> None:
        self.trace, self.facts = trace, trace.facts

    def records(self, name: str) -> list[Record]:
        """A list of records from the facts."""
        value = self.facts.get(name, [])
        return list(value) if isinstance(value, list) else []

    @cached_property
    def recorded(self) -> bool:
        """Whether a recorder saw the script, so that what is absent did not happen."""
        return bool(self.facts.get("recorder"))

    @cached_property
    def parameters(self) -> list[Record]:
        """The parameters."""
        return self.records("parameters")

    @cached_property
    def modules(self) -> list[Record]:
        """The modules."""
        return self.records("modules")

    @cached_property
    def losses(self) -> list[Record]:
        """The places where torch's losses are worked out."""
        return self.records("losses")

    @cached_property
    def trainings(self) -> list[Training]:
        """A training per optimizer of a recorded script."""
        steps = self.trace.column("step")
        loss, val, lr, whose = (self.per_step(name) for name in ("train_loss", "val_loss", "lr", "optimizer"))
        backwards = {str(record["line"]): record for record in self.records("backwards")}
        trainings = []
        for optimizer in self.records("optimizers"):
            rows = whose == optimizer["index"]
            valid = rows & np.isfinite(val)
            of_training = rows & ~valid
            used = [backwards[line] for line in optimizer["stepped"] if line in backwards]
            trainings.append(
                Training(
                    optimizer, steps[of_training], loss[of_training], steps[valid], val[valid], lr[of_training], used
                )
            )
        return trainings

    @cached_property
    def courses(self) -> list[Training]:
        """The trainings, and the updates that the script makes by hand."""
        hand = self.facts.get("by_hand", {})
        if not hand.get("steps"):
            return self.trainings
        steps = self.trace.column("step")
        by_hand = self.per_step("optimizer") == -1
        record = {"index": -1, "adaptive": False, "steps": hand["steps"], "name": "the update by hand"}
        loss, nothing = self.per_step("train_loss")[by_hand], np.empty(0)
        used = [backward for backward in self.records("backwards") if not backward["reaches"]]
        return [*self.trainings, Training(record, steps[by_hand], loss, nothing, nothing, nothing, used)]

    def per_step(self, name: str) -> np.ndarray:
        """A column of ``steps``, one number per row; NaN throughout where the source does not have it."""
        values, rows = self.trace.column(name), len(self.trace.column("step"))
        return values if len(values) == rows else np.full(rows, math.nan)

    def alone(self, training: Training) -> bool:
        """Whether no other optimizer stepped in between: no game of two, no actor beside a critic."""
        first, last = training.optimizer.get("first_at", 0), training.optimizer.get("last_at", 0)
        return not any(
            other.index != training.index
            and other.optimizer["steps"] > 0
            and other.optimizer["first_at"] <= last
            and other.optimizer["last_at"] >= first
            for other in self.trainings
        )

    def criterion(self, training: Training) -> Record | None:
        """The one torch loss that this training lowers; None where there are several or none."""
        if len(training.backwards) != 1:
            return None
        backward = training.backwards[0]
        if len(backward["losses"]) != 1:
            return None
        kind = str(backward["losses"][0]["kind"])
        fitting = [
            loss
            for loss in self.losses
            if loss["calls_grad"] > 0 and (loss["kind"] == kind or (kind == "nll" and loss["kind"] == "cross_entropy"))
        ]
        return max(fitting, key=lambda loss: int(loss["calls_grad"])) if fitting else None

    def hand_written(self, training: Training) -> bool:
        """Whether it lowers a squared error written by hand and nothing else."""
        if len(training.backwards) != 1 or training.backwards[0]["losses"] or not self.alone(training):
            return False
        top = [name for name in training.backwards[0]["top"][:5] if name != "Div"]
        return top[:1] in (["Mean"], ["Sum"]) and top[1:3] in (["Pow", "Sub"], ["Abs", "Sub"], ["Mul", "Sub"])

    def supervised(self, training: Training) -> bool:
        """Whether its loss should fall: one loss against answers from outside, one optimizer, one pass a step."""
        if not self.alone(training):
            return False
        loss = self.criterion(training)
        if loss is None or loss["kind"] not in SUPERVISED or loss["target"].get("requires_grad"):
            return False
        lowered = training.backwards[0]["losses"][0]
        if math.isnan(lowered["factor"]) or lowered["factor"] <= 0:
            return False
        steps = max(1, min(int(training.optimizer["steps"]), int(self.facts.get("listened", 1))))
        passes = [sum(int(m["calls"][mode]) for mode in ("train_grad", "eval_grad")) for m in self.owned(training)]
        calls = int(training.backwards[0]["listened"])
        if passes and float(np.median(passes)) > 1.5 * max(calls, 1):
            return False
        without = [
            sum(int(m["calls"][mode]) for mode in ("train_no_grad", "eval_no_grad"))
            for m in self.modules
            if m["parameters"]
        ]
        evaluated = any(int(other["calls_no_grad"]) for other in self.losses)
        return evaluated or not without or max(without) < 0.5 * steps

    def owned(self, training: Training) -> list[Record]:
        """Modules whose parameters it holds."""
        names = {p["module"] for p in self.parameters if training.index in p["optimizers"]}
        return [module for module in self.modules if module["name"] in names and module["parameters"]]

    def chance(self, training: Training) -> float:
        """The loss of guessing by the labels' shares, or of the targets' mean; NaN where it isn't known."""
        loss = self.criterion(training)
        if loss is None or loss["reduction"] == "sum":
            return math.nan
        scale = float(training.backwards[0]["losses"][0]["factor"])
        return scale * self._guess(loss) if scale > 0 else math.nan

    def _guess(self, loss: Record) -> float:
        labels = loss["labels"]
        if loss["kind"] in ("cross_entropy", "nll", "bce", "bce_with_logits") and labels["kind"] in (
            "classes",
            "binary",
            "shares",
        ):
            if labels["fractional"] or loss["weighted"] or labels["ignored"]:
                return math.nan
            counts = np.asarray(labels["counts"], dtype=float)
            if (
                loss["kind"].startswith("bce")
                and counts.sum() > 0
                and len(loss["target"]["shape"]) > 1
                and loss["target"]["shape"][-1] > 1
            ):
                return math.nan  # many labels at once: their shares are not kept one by one
            shares = counts[counts > 0] / max(counts.sum(), 1.0)
            entropy = float(-(shares * np.log(shares)).sum()) if len(shares) else math.nan
            smoothing = float(loss["smoothing"])
            return (
                entropy
                if not smoothing
                else (1 - smoothing) * entropy + smoothing * math.log(max(2, labels["classes"]))
            )
        if loss["kind"] == "mse":
            shape = loss["target"]["shape"]
            return float(labels["variance"]) if len(shape) < 2 or shape[-1] == 1 else math.nan
        return math.nan
