"""Faults of order: clipping at the wrong moment, schedules stepped out of their measure."""

from __future__ import annotations

import math

import numpy as np

from .finding import Finding
from .numbers import digits, ends, percent, rank_correlation
from .view import Record, Training, View

MOSTLY = 0.9  # share of calls that makes a habit
ALWAYS = 0.95  # share of steps clipped from which the threshold is the real learning rate
FEW = 3
MEASURED = 20  # norms from which "always" means something
STALLED = 0.3  # of its way from the first loss to zero: less is too little for a whole training
KEPT = 0.1  # of the gradient that the clip lets through
HALF = 0.5
SLIVER = 0.1  # of the way to the first step of a staircase: a training may well end before it
FADED = 1e-4  # of its first value: a rate that moves nothing any more


def judge(view: View) -> list[Finding]:
    """The findings on clipping and schedules."""
    return clipping(view) + always_clipped(view) + [f for s in view.records("schedules") for f in schedule(view, s)]


def clipping(view: View) -> list[Finding]:
    """Clips before the backward pass, after the step, on scaled gradients, on a part of the batch."""
    for clip in view.records("clips"):
        calls, line = int(clip["calls"]), str(clip["line"])
        if calls < FEW or not clip["optimizers"]:
            continue
        name = "clip_grad_norm_" if clip["kind"] == "norm" else "clip_grad_value_"
        late = clip["after_step"] + clip["before_backward"]
        if late >= MOSTLY * calls:
            empty = clip["empty"] >= HALF * max(1, clip["measured"])
            why = (
                "there is no gradient yet when it is called"
                if empty
                else "the step has used the gradients when it is called"
            )
            return [
                Finding(
                    "clip_has_no_effect",
                    "error",
                    f"{name} does nothing in {percent(late / calls)} of its {calls} calls: {why}.",
                    {"calls": calls, "without_effect": late},
                    f"Call `{name}(…)` between `loss.backward()` and `optimizer.step()`.",
                    file=line,
                )
            ]
        scale = float(view.facts.get("scaler", {}).get("scale", 1.0))
        if clip["scaled"] >= HALF * calls and scale > 1:
            return [
                Finding(
                    "clipped_before_unscale",
                    "error",
                    f"{name} holds its threshold {digits(clip['threshold'])} against gradients that the scaler has multiplied "
                    f"by {digits(scale)}.",
                    {"calls": calls, "scale": scale, "threshold": clip["threshold"]},
                    f"Call `scaler.unscale_(optimizer)` before `{name}(…)`.",
                    file=line,
                )
            ]
        if clip["then_backward"] >= 0.4 * calls:
            return [
                Finding(
                    "clipped_while_accumulating",
                    "warning",
                    f"{clip['then_backward']} of {calls} clips come between the micro-batches of a step: the threshold is held "
                    "against a part of the gradient.",
                    {"calls": calls, "then_backward": clip["then_backward"]},
                    "Clip once, right before `optimizer.step()`.",
                    file=line,
                )
            ]
    return []


def always_clipped(view: View) -> list[Finding]:
    """Thresholds that fire on nearly every step."""
    findings = []
    for clip in view.records("clips"):
        if clip["kind"] != "norm" or clip["measured"] < MEASURED or clip["bound"] < ALWAYS * clip["measured"]:
            continue
        owners = [t for t in view.trainings if t.index in clip["optimizers"]]
        plain = bool(owners) and not any(t.adaptive for t in owners)
        share = clip["threshold"] / clip["median_norm"] if clip["median_norm"] else 1.0
        stalled = plain and share < KEPT and any(_stalls(t) and view.supervised(t) for t in owners)
        findings.append(
            Finding(
                "gradients_always_clipped",
                "error" if stalled else "info",
                f"{percent(clip['bound'] / clip['measured'])} of the steps are clipped; the median norm {digits(clip['median_norm'])} "
                f"is cut to {digits(clip['threshold'])}: "
                + (
                    "the threshold is the real learning rate."
                    if plain
                    else "the optimizer divides by the gradient's size, so that this costs little."
                ),
                {"clipped_share": clip["bound"] / clip["measured"], "norm_median": clip["median_norm"], "kept": share},
                f"Raise the threshold to about {digits(clip['norm_p90'])}, which one norm of ten exceeds.",
                file=str(clip["line"]),
            )
        )
    return findings


def _stalls(training: Training) -> bool:
    first, last = ends(training.loss)
    return first > 0 and not 1 - last / first > STALLED


def schedule(view: View, record: Record) -> list[Finding]:
    """What one scheduler does out of its measure."""
    training = next((t for t in view.trainings if t.index == record["optimizer"]), None)
    if training is None or not record["steps"]:
        return []
    if record["kind"] == "ReduceLROnPlateau":
        return plateau(view, record, training)
    return (
        first_step(record, training) + unfinished(record, training) + repeats(record, training) + idle(record, training)
    )


def first_step(record: Record, training: Training) -> list[Finding]:
    """Stepped before the optimizer, each time."""
    steps = int(training.optimizer["steps"])
    if (
        training.optimizer["skipped"]
        or record["before_optimizer"] != 1
        or steps < 1
        or record["last_event"] != "optimizer"
    ):
        return []
    return [
        Finding(
            "scheduler_before_optimizer",
            "warning",
            "The scheduler steps before the optimizer's first step: the first value of the schedule is never used.",
            {"scheduler_steps": record["steps"], "optimizer_steps": steps},
            "Call `scheduler.step()` after `optimizer.step()`.",
            file=str(record["step_line"]),
        )
    ]


def course(record: Record) -> float:
    """How many of its own steps the schedule is sized for; NaN where it has no end."""
    arguments = record["arguments"]
    kind = record["kind"]
    if kind == "OneCycleLR":
        return float(arguments.get("total_steps", np.nan))
    if kind == "CosineAnnealingLR":
        return float(arguments.get("T_max", np.nan))
    if kind in ("LinearLR", "ConstantLR", "PolynomialLR"):
        return float(arguments.get("total_iters", np.nan))
    if kind == "MultiStepLR" and arguments.get("milestones"):
        return float(arguments["milestones"][0])
    if kind == "StepLR":
        return float(arguments.get("step_size", np.nan))
    return float("nan")


def unfinished(record: Record, training: Training) -> list[Finding]:
    """Sized in batches and stepped per epoch, or a warm-up that outlasts the training."""
    steps, total = int(record["steps"]), course(record)
    updates = int(training.optimizer["steps"])
    rates = np.array([rate for _, rate in record["rates"]], dtype=float)
    line = str(record["step_line"])
    sliver = SLIVER if record["kind"] in ("StepLR", "MultiStepLR") else HALF
    if not math.isnan(total) and steps < sliver * total and updates >= 2 * steps and updates >= HALF * total:
        return [
            Finding(
                "schedule_unfinished",
                "warning",
                f"{record['kind']} is sized for {int(total)} steps and gets {steps}: it is stepped once for "
                f"{updates / max(steps, 1):.0f} updates and covers {percent(steps / total)} of its course.",
                {"sized_for": total, "steps": steps, "updates": updates, "covered": steps / total},
                "Call `scheduler.step()` after every batch, or size it in epochs.",
                file=line,
            )
        ]
    base = record["base"][0] if record["base"] else np.nan
    climbing = len(rates) >= FEW and bool((np.diff(rates) >= 0).all()) and rates[-1] > rates[-2]
    if (
        climbing
        and not math.isnan(base)
        and rates[-1] < 0.8 * base
        and record["kind"] in ("LambdaLR", "LinearLR", "SequentialLR")
    ):
        return [
            Finding(
                "schedule_unfinished",
                "warning",
                f"The warm-up outlasts the training: the rate ends at {digits(float(rates[-1]))} on its way to {digits(base)}.",
                {"last_lr": float(rates[-1]), "base_lr": base, "steps": steps, "updates": updates},
                "Shorten the warm-up to a tenth of the updates, and step it in the unit in which it is sized.",
                file=line,
            )
        ]
    return []


def repeats(record: Record, training: Training) -> list[Finding]:
    """Sized in epochs and stepped per batch: past its end, or up again."""
    steps, total = int(record["steps"]), course(record)
    updates = int(training.optimizer["steps"])
    line, kind = str(record["step_line"]), str(record["kind"])
    each = record["gaps"].get("1", 0) >= HALF * steps and steps >= HALF * updates
    if record.get("failed"):
        return [
            Finding(
                "schedule_repeats",
                "error",
                f"{kind} has run out: it is sized for {digits(total)} steps, and the script steps it on after {updates} updates.",
                {"sized_for": total, "steps": steps, "updates": updates},
                "Size it to all the steps that it gets, or step it once an epoch.",
                file=line,
            )
        ]
    if kind == "CosineAnnealingLR" and not math.isnan(total) and steps >= 1.5 * total:
        unit = "after every batch" if each else "beyond its end"
        return [
            Finding(
                "schedule_repeats",
                "warning",
                f"CosineAnnealingLR is sized for {int(total)} steps and gets {steps} {unit}: the rate climbs again "
                f"{int(steps / total) // 2 + (steps % (2 * total) > total)} times.",
                {"sized_for": total, "steps": steps, "updates": updates},
                f"Set T_max={steps}, or call `scheduler.step()` once an epoch.",
                file=line,
            )
        ]
    if kind in ("StepLR", "MultiStepLR", "ExponentialLR", "PolynomialLR", "LambdaLR") and each and updates >= 20:
        points = np.array([[at, rate] for at, rate in record["rates"]], dtype=float)
        first = float(points[:, 1].max()) if len(points) else 0.0
        late = points[points[:, 0] >= HALF * steps]
        if first > 0 and len(late) and float(late[:, 1].max()) < FADED * first:
            return [
                Finding(
                    "schedule_repeats",
                    "warning",
                    f"{kind} is stepped after every batch: halfway through the training the rate has fallen to "
                    f"{digits(float(late[0, 1]))}, under a ten-thousandth of {digits(first)}, and nothing moves any more.",
                    {"steps": steps, "updates": updates, "halfway_lr": float(late[0, 1]), "first_lr": first},
                    "Call `scheduler.step()` once an epoch.",
                    file=line,
                )
            ]
    return []


def idle(record: Record, training: Training) -> list[Finding]:
    """A schedule that never changed the rate."""
    rates = np.array([rate for _, rate in record["rates"]], dtype=float)
    if len(rates) < FEW or np.ptp(rates) > 0:
        return []
    return [
        Finding(
            "schedule_without_effect",
            "info",
            f"{record['kind']} never changed the rate in its {record['steps']} steps.",
            {"steps": record["steps"], "lr": float(rates[-1])},
            "Size it to the length of the training, or leave it out.",
            file=str(record["step_line"]),
        )
    ]


def plateau(view: View, record: Record, training: Training) -> list[Finding]:
    """ReduceLROnPlateau: fed batch losses, in the wrong mode, or cutting on its beat."""
    steps, updates = int(record["steps"]), int(training.optimizer["steps"])
    metrics = np.array([np.nan if m is None else m for m in record["metrics"]], dtype=float)
    each = record["gaps"].get("1", 0) >= HALF * steps and steps >= HALF * updates
    line, mode = str(record["step_line"]), str(record["arguments"].get("mode", "min"))
    patience = int(record["arguments"].get("patience", 10))
    loader = max((int(entry["batches"]) for entry in view.records("loaders")), default=0)
    period = max((int(loss["labels"]["period"]) for loss in view.losses if loss["calls_grad"]), default=0)
    batches = max(loader, period)  # of an epoch; 0 where it isn't known
    fed = record["fed_train"] >= HALF * steps
    if each and (batches > 1 or (fed and batches != 1)) and steps >= 2 * (patience + 1):
        return [
            Finding(
                "plateau_on_training_batches",
                "warning",
                f"ReduceLROnPlateau is fed the loss of every training batch ({steps} times): it takes the noise between "
                f"batches for a plateau and has cut the rate {len(record['cuts'])} times.",
                {"steps": steps, "cuts": len(record["cuts"]), "patience": patience},
                "Call `scheduler.step(val_loss)` once an epoch.",
                file=line,
            )
        ]
    trend = rank_correlation(metrics)
    beat = len(record["cuts"]) >= 2 and bool(
        (np.diff(record["cuts"]) <= patience + 1 + int(record["arguments"].get("cooldown", 0))).all()
    )
    wrong = (mode == "max" and trend < -0.6) or (mode == "min" and trend > 0.6)
    a_loss = record["fed_train"] + record["fed_val"] >= HALF * steps
    first, last = ends(training.loss)
    share = bool(len(metrics)) and bool(np.nanmin(metrics) >= 0) and (np.nanmax(metrics) <= 1 or np.nanmax(metrics) > 2)
    improving = (mode == "max" and (a_loss or last < first)) or (
        mode == "min" and not a_loss and share and last < first
    )
    if wrong and improving and (beat or len(record["cuts"]) >= 1):
        better = "min" if mode == "max" else "max"
        return [
            Finding(
                "plateau_on_training_batches",
                "warning",
                f"ReduceLROnPlateau runs in mode '{mode}' on a number that "
                f"{'falls' if mode == 'max' else 'rises'} as the training goes on: it sees no improvement and has cut the rate "
                f"{len(record['cuts'])} times.",
                {"mode": mode, "cuts": len(record["cuts"]), "first": float(metrics[0]), "last": float(metrics[-1])},
                f"Use `ReduceLROnPlateau(optimizer, mode='{better}')`.",
                file=str(record["line"]) or line,
            )
        ]
    return []
