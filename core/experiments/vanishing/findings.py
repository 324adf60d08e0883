"""Faults of a network's layers: gradients that vanish or explode, units that are dead or saturated.

Gradients are judged at initialization; where the network trains, its loss and its units at the end as well.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from core.analysis.baseline import guess_loss
from core.analysis.layers import decay_factor, decay_table
from core.diagnosis import rates
from core.diagnosis.columns import check_numbers
from core.diagnosis.decay import geometric_change, sure_change
from core.diagnosis.finding import Finding
from core.diagnosis.rules import ERROR_SHARE, FEWEST_ROWS, MOST_RUNS, NEAR_GUESS, WARN_SHARE
from core.parts.activations import ACTIVATIONS
from core.sweeps import query
from core.words import three_digits

if TYPE_CHECKING:
    from core.experiments import Analysis, Experiment


WHOLE = ("step", "layer", "depth", "width", "batch_size", "steps", "seed")
NUMBERS = ("base_lr", "train_loss", "grad_rms", "delta_rms", "activation_rms", "dead", "saturated", "theory_grad_rms")


FEWEST_STEPS = 30  # below, a loss has had no time to fall


def findings(experiment: Experiment, analysis: Analysis) -> list[Finding]:
    """The findings of a frame with rows per layer."""
    frame = analysis.frame
    if frame.empty:
        return []
    check_numbers(frame, NUMBERS, WHOLE)
    found = []
    number, table = analysis.points
    decays = decay_table(frame, analysis.points)
    pooled = analysis.settings.set_index("point")
    run, _ = pd.factorize(frame["run"], sort=True)  # the texts of settings and runs take long to be copied
    frame = frame[["step", "layer", "depth", "underflow", *NUMBERS]].assign(run=run)
    first = frame["step"] == 0
    for point, settings in table.iterrows():
        label = settings["label"]
        rows = frame[(number == point) & first]
        runs = decays[decays["point"] == point]
        lost = _overflow(rows, label)
        if lost:  # what is not finite says nothing of units or decay
            found += lost
            continue
        at_start = _units(rows, settings, label)
        no_gradient = _no_gradient(rows, settings, label)
        found += at_start + (
            no_gradient or _decay(rows, runs, pooled.loc[point], settings, label) or _signal(rows, settings, label)
        )
        if settings["steps"] > 0:
            known = {finding.code for finding in at_start}
            after = _after_training(frame[number == point], settings, label)
            found += [finding for finding in after if finding.code not in known]
    return found


def _overflow(rows: pd.DataFrame, label: str) -> list[Finding]:
    """Signals that grow beyond what the number format holds."""
    runs = rows.groupby("run")["train_loss"].first()
    lost = int((~np.isfinite(runs.to_numpy(float))).sum())
    if not lost:
        return []
    growth = rows.groupby("layer")["activation_rms"].mean()
    finite = growth[np.isfinite(growth)]
    layer = int(finite.index.max()) if len(finite) else 0
    return [
        Finding(
            "diverged",
            "error",
            f"{label}: the signal grows until the number format can't hold it, after layer {layer}; "
            f"{lost} of {len(runs)} runs have no finite loss.",
            {"runs": len(runs), "without_finite_loss": lost, "last_finite_layer": layer},
            "Smaller weights (init=he_normal for ReLU, xavier_normal for tanh), or a norm in every layer.",
        )
    ]


def _after_training(rows: pd.DataFrame, settings: pd.Series, label: str) -> list[Finding]:
    """What training did: runs whose loss left the number format, a loss above its start, units lost on the way."""
    rows = rows.sort_values(["step", "layer"], kind="stable")
    losses = rows.drop_duplicates(["run", "step"]).pivot(index="run", columns="step", values="train_loss").astype(float)
    losses = losses.where(np.isfinite(losses))
    diverged = losses.iloc[:, -1].isna()
    lost, remedy = losses[diverged], _lower_lr(settings)
    step = int(lost.isna().idxmax(axis="columns").min()) if len(lost) else 0
    found = rates.diverged(f"{label}: ", len(lost), len(losses), step, "step", float(settings["base_lr"]), remedy)
    alive = losses[~diverged]
    if len(alive):
        found += _risen(alive, settings, label) or _learns_nothing(alive, settings, label)
        last = rows[(rows["step"] == losses.columns[-1]) & rows["run"].isin(alive.index)]
        found += _units(last, settings, f"{label}, after {int(losses.columns[-1])} steps")
    return found


def _risen(losses: pd.DataFrame, settings: pd.Series, label: str) -> list[Finding]:
    """The loss of most runs jumped above twice its start, and never came back below it."""
    first, last = losses.iloc[:, 0], losses.iloc[:, -1]
    failed, rose = float((last >= first).mean()), float((losses.max(axis="columns") > 2.0 * first).mean())
    if failed < MOST_RUNS or rose < MOST_RUNS:
        return []
    evidence = {"runs": len(losses), "failed": failed, "rose": rose, "base_lr": float(settings["base_lr"])}
    return [rates.loss_rose(f"{label}: ", failed, evidence, _lower_lr(settings))]


def _lower_lr(settings: pd.Series) -> tuple[str, str]:
    words, both = rates.lower_lr(float(settings["base_lr"]))
    return words, _compared(settings, base_lr=both, norm=settings["norm"], residual=settings["residual"])


def _no_gradient(rows: pd.DataFrame, settings: pd.Series, label: str) -> list[Finding]:
    """A finding where the gradient is zero by construction, so that its decay means nothing."""
    # batch and layer norm fix the sum of what they give; with no φ behind the last one, that sum is the loss
    fixed = {"batch": ("sum", "projection"), "layer": ("sum",)}.get(str(settings["norm"]), ())
    if settings["activation"] == "identity" and settings["residual"] == "none" and settings["loss"] in fixed:
        return [
            Finding(
                "zero_gradient",
                "info",
                f"{label}: the gradient is zero by construction: the network ends in a norm, whose outputs have a fixed sum.",
                {"loss": str(settings["loss"]), "norm": str(settings["norm"])},
                "Use a training loss (cross_entropy), or an activation behind the norm.",
            )
        ]
    first = rows.loc[rows["layer"] == 1, "grad_rms"]
    if settings["init"] == "zeros" and (first == 0).all():
        return [
            Finding(
                "zero_gradient",
                "error",
                f"{label}: layer 1 has no gradient at all, because all weights start at zero.",
                {"init": "zeros", "runs": int(rows["run"].nunique())},
                f"Draw the weights at random: init={_better_init(settings)}.",
                _compared(settings, init=f"zeros,{_better_init(settings)}"),
            )
        ]
    return []


def _decay(rows: pd.DataFrame, runs: pd.DataFrame, pooled: pd.Series, settings: pd.Series, label: str) -> list[Finding]:
    """Vanishing or exploding: a geometric change towards the input that the spread over seeds does not explain.

    The factor is that of the charts, fitted to all seeds at once; a single run's scatter stands in for a spread.
    """
    depth = int(settings["depth"])
    hidden = rows[rows["layer"] <= rows["depth"]]
    factors = runs["decay_factor"].to_numpy(float)
    several = int((np.isfinite(factors) & (factors > 0)).sum())
    change = (
        sure_change(pooled["decay"], pooled["ci_low"], pooled["ci_high"], several, depth)
        if several > 1
        else geometric_change(factors, depth, hidden["layer"].to_numpy(), hidden["grad_rms"].to_numpy(float))
    )
    if change is None:
        return []
    ends = rows[rows["layer"].isin((1, depth)) & (rows["grad_rms"] > 0)].groupby("layer")["grad_rms"]
    typical = np.sqrt(ends.apply(lambda sizes: (sizes.astype(float) ** 2).mean()))  # as the charts draw it
    across, theory = float(typical.get(1, math.nan) / typical.get(depth, math.nan)), runs["decay_factor_theory"].mean()
    evidence = {
        "decay_factor": change.factor,
        "ci_low": change.ci_low,
        "ci_high": change.ci_high,
        "decay_factor_theory": float(theory),
        "first_over_last": across,
        "runs": change.runs,
        "underflow_share": float(rows["underflow"].astype(float).mean()),
    }
    beside = f" (theory {three_digits(theory)}×)" if math.isfinite(theory) else ""
    zeros = " In this number format some layers get nothing but zeros." if evidence["underflow_share"] > 0 else ""
    code, verb, words, remedy = (
        (
            "vanishing_gradients",
            "vanish",
            f"{three_digits(across)} of what layer {depth} gets.{zeros}",
            _vanishing_remedy,
        )
        if change.vanishes
        else (
            "exploding_gradients",
            "explode",
            f"{three_digits(across)} times what layer {depth} gets.",
            _exploding_remedy,
        )
    )
    message = (
        f"{label}: gradients {verb}, by {three_digits(change.factor)}× a layer towards the input{beside}; "
        f"layer 1 gets {words}"
    )
    return [Finding(code, change.severity, message, evidence, *remedy(settings))]


def _signal(rows: pd.DataFrame, settings: pd.Series, label: str) -> list[Finding]:
    """A signal that dies or blows up on its way, where ∂L/∂W = δ hᵀ does not show it.

    With zero biases δ shrinks towards the input as h shrinks towards the output, so that their product is even. Judged in
    plain networks: norms and skips change the size of h on purpose.
    """
    if settings["norm"] != "none" or settings["residual"] != "none":
        return []
    depth = int(settings["depth"])
    hidden = rows[rows["layer"] <= depth].sort_values(["run", "layer"])
    deltas, outputs = (hidden[name].to_numpy(float).reshape(-1, depth) for name in ("delta_rms", "activation_rms"))
    layers = np.arange(1, depth + 1)
    change = geometric_change(decay_factor(layers, deltas), depth, hidden["layer"].to_numpy(), deltas.ravel())
    # towards the output, h changes as δ does towards the input; one alone may be an activation's own doing
    forward = geometric_change(
        1.0 / decay_factor(layers, outputs), depth, hidden["layer"].to_numpy(), outputs.ravel()[::-1]
    )
    if change is None or forward is None or change.vanishes != forward.vanishes:
        return []
    code, verb, remedy = (
        ("vanishing_gradients", "fades", _vanishing_remedy)
        if change.vanishes
        else ("exploding_gradients", "grows", _exploding_remedy)
    )
    message = (
        f"{label}: the signal {verb}, by {three_digits(forward.factor)}× a layer forward and {three_digits(change.factor)}× a layer "
        "back; the gradients of the weights look even, because they are the product of the two."
    )
    evidence = {
        "delta_factor": change.factor,
        "activation_factor": forward.factor,
        "last_activation_rms": float(hidden.loc[hidden["layer"] == depth, "activation_rms"].mean()),
        "runs": change.runs,
    }
    return [Finding(code, change.severity, message, evidence, *remedy(settings))]


def _learns_nothing(losses: pd.DataFrame, settings: pd.Series, label: str) -> list[Finding]:
    """A training whose loss ends neither below its beginning nor below that of guessing."""
    tenth = max(1, losses.shape[1] // 10)
    start, end = losses.iloc[:, :tenth].mean(axis="columns"), losses.iloc[:, -tenth:].mean(axis="columns")
    guess = guess_loss(settings["dataset"]) if settings["loss"] == "cross_entropy" else math.nan
    stuck = float((~((end < NEAR_GUESS * start) | (end < NEAR_GUESS * guess))).mean())
    if losses.shape[1] < FEWEST_STEPS or stuck < MOST_RUNS:
        return []
    evidence = {"runs": len(losses), "stuck": stuck, "first_loss": float(start.mean()), "last_loss": float(end.mean())}
    message = (
        f"{label}: after {losses.shape[1] - 1} steps the loss is where it began, {three_digits(float(end.mean()))}, "
        f"in {stuck:.0%} of the runs: the network learns nothing."
    )
    return [Finding("stuck_at_chance", "error", message, evidence, *_vanishing_remedy(settings))]


def _compared(settings: pd.Series, **changes: str) -> str:
    fields = {"activation": settings["activation"], "init": settings["init"], "norm": "none", "residual": "none"}
    fields |= {"depth": settings["depth"], "width": max(32, int(settings["width"])), "batch_size": 32}
    fields |= {"loss": "projection", "seeds": 10}
    if settings["steps"] > 0:
        trained = ("dataset", "width", "batch_size", "loss", "steps", "optimizer", "base_lr")
        fields |= {name: settings[name] for name in trained if not pd.isna(settings[name])}
    return query(fields | changes)


def _vanishing_remedy(settings: pd.Series) -> tuple[str, str]:
    activation = str(settings["activation"])
    if activation.startswith("sigmoid"):
        link = _compared(settings, activation="sigmoid,relu", init="he_normal")
        return "Replace sigmoid, whose φ' is at most 1/4, by ReLU with init=he_normal, or add BatchNorm.", link
    better = _better_init(settings)
    if str(settings["init"]) != better:
        link = _compared(settings, init=f"{settings['init']},{better}")
        return f"Initialize with {better}, whose variance makes up for what {activation} takes.", link
    link = _compared(settings, residual="none,identity")
    return "Add a residual connection around each layer (residual=identity), or fewer layers.", link


def _exploding_remedy(settings: pd.Series) -> tuple[str, str]:
    if settings["norm"] == "batch":
        link = _compared(settings, norm="batch", residual="none,identity")
        return (
            "BatchNorm in a deep plain network makes gradients grow by itself, about 1.21 a layer with ReLU: "
            "add residual connections.",
            link,
        )
    better = _better_init(settings)
    link = _compared(settings, init=f"{settings['init']},{better}")
    return f"Initialize with {better}, or smaller weights; clip the gradient's norm while training.", link


def _better_init(settings: pd.Series) -> str:
    """Xavier's for what is bounded, He's for ReLU and its kin."""
    return "xavier_normal" if ACTIVATIONS.parse(str(settings["activation"])).entry.bounded else "he_normal"


def _units(rows: pd.DataFrame, settings: pd.Series, label: str) -> list[Finding]:
    """Dead units, from batches of 32; saturated ones, where φ is bounded."""
    found = []
    by_layer = rows[rows["layer"] <= rows["depth"]].groupby("layer")[["dead", "saturated"]].mean()
    if not len(by_layer):
        return []
    runs = int(rows["run"].nunique())
    share = float(by_layer["dead"].max())
    if settings["batch_size"] >= FEWEST_ROWS and share > WARN_SHARE:
        worst = by_layer["dead"].idxmax()
        found.append(
            Finding(
                "dead_units",
                "error" if share > ERROR_SHARE else "warning",
                f"{label}: {share:.0%} of the units of layer {worst} give no derivative on any row of the batch.",
                {"layer": int(worst), "dead": share, "runs": runs},
                "Use an activation with a slope on both sides (leaky_relu, gelu), or a norm before the activation.",
                _compared(settings, activation=_pair(settings, "leaky_relu")),
            )
        )
    bounded = ACTIVATIONS.parse(str(settings["activation"])).entry.bounded
    share = float(by_layer["saturated"].max())
    if bounded and share > WARN_SHARE:
        worst = by_layer["saturated"].idxmax()
        found.append(
            Finding(
                "saturated_units",
                "error" if share > ERROR_SHARE else "warning",
                f"{label}: {share:.0%} of the outputs of layer {worst} sit on the flat part of {settings['activation']}.",
                {"layer": int(worst), "saturated": share, "runs": runs},
                "Smaller weights (init=xavier_normal) or a norm before the activation keep units off the flat part.",
                _compared(settings, init=_other_init(settings)),
            )
        )
    return found


def _pair(settings: pd.Series, other: str) -> str:
    activation = str(settings["activation"])
    return f"{activation},{other}" if activation != other else other


def _other_init(settings: pd.Series) -> str:
    init = str(settings["init"])
    return f"{init},xavier_normal" if init != "xavier_normal" else init
