"""Faults of the rate and of clipping that a log of another tool shows."""

from __future__ import annotations

import math

import numpy as np

from .finding import Finding
from .numbers import digits, percent
from .view import View

POINTS = 8  # rates from which a schedule can be told
ALWAYS = 0.95  # of the norms above the threshold
NORMS = 10  # norms from which "always" means something
CUTS = 20  # the same of pairs before and after clipping
FADED = 1e-4  # of its highest value: a rate that moves nothing any more


def judge(view: View) -> list[Finding]:
    """The findings on rate and clipping of a log."""
    if view.facts.get("last_values"):
        return []
    return schedule(view) + clipped(view)


def schedule(view: View) -> list[Finding]:
    """A warm-up that outlasts the training, a course of which a sliver is used, one that climbs again, cuts on a beat."""
    steps, rates = _rates(view)
    if len(rates) < POINTS or rates.max() <= 0 or np.ptp(rates) <= 1e-9 * rates.max():
        return []
    return (
        warm_up(view, steps, rates) or sliver(view, steps, rates) or repeats(steps, rates) or beat(view, steps, rates)
    )


def _rates(view: View) -> tuple[np.ndarray, np.ndarray]:
    """Steps and rates where the rate is known."""
    rates = view.trace.column("lr")
    valid = np.isfinite(rates) & (rates >= 0)
    return view.trace.column("step")[valid] if len(rates) else rates, rates[valid]


def _ended(view: View) -> bool:
    """Whether the training is known to have reached its plan."""
    planned, reached = view.facts.get("planned"), view.facts.get("reached")
    return bool(planned) and reached is not None and reached >= 0.98 * float(planned or 1)


def _stopped(view: View) -> bool:
    """Whether it is known to have ended before."""
    return bool(view.facts.get("planned")) and not _ended(view)


def warm_up(view: View, steps: np.ndarray, rates: np.ndarray) -> list[Finding]:
    """A rate that rises in a straight line to the last value."""
    if _stopped(view):
        return []
    slopes = np.diff(rates) / np.maximum(np.diff(steps), 1e-12)
    middle = float(np.median(slopes))
    if not (np.diff(rates) > 0).all() or np.abs(slopes - middle).max() > 0.2 * middle or rates[-1] < 3 * rates[0]:
        return []
    return [
        Finding(
            "schedule_unfinished",
            "warning",
            f"The learning rate still rises in a straight line when the training ends, from {digits(float(rates[0]))} to {digits(float(rates[-1]))}: "
            "the warm-up is longer than the run.",
            {"first_lr": float(rates[0]), "last_lr": float(rates[-1]), "last_step": float(steps[-1])},
            f"Shorten the warm-up to a tenth of the {digits(float(steps[-1]))} steps.",
        )
    ]


def sliver(view: View, steps: np.ndarray, rates: np.ndarray) -> list[Finding]:
    """A rate that falls all along and yet has hardly fallen when the training has reached its end."""
    falls = (np.diff(rates) < 0).mean() > 0.95
    if not falls or rates[-1] < 0.95 * rates[0] or not _ended(view):
        return []
    return [
        Finding(
            "schedule_unfinished",
            "warning",
            f"The schedule covers a sliver of its course: the rate falls at every step, but only from {digits(float(rates[0]))} to "
            f"{digits(float(rates[-1]))} by the end.",
            {"first_lr": float(rates[0]), "last_lr": float(rates[-1])},
            "Size the schedule to the steps that it gets, or step it after every batch.",
        )
    ]


def repeats(steps: np.ndarray, rates: np.ndarray) -> list[Finding]:
    """A rate that came down to next to nothing and climbs again by and by, or has long faded to nothing."""
    top = float(rates.max())
    peak = int(np.argmax(rates > 0.9 * top))
    if len(rates) >= 12 and peak <= 0.15 * len(rates):  # one that cycles on purpose begins at its bottom
        low = peak + int(np.argmax(rates[peak:] < 0.05 * top)) if (rates[peak:] < 0.05 * top).any() else len(rates)
        later = rates[low:]
        climbs = np.diff(later)
        if len(later) >= 4 and later.max() > 0.4 * top and climbs.max() < 0.5 * top and (climbs > 0).sum() >= 3:
            peak = low + int(np.argmax(later))
            return [
                Finding(
                    "schedule_repeats",
                    "warning",
                    f"The learning rate comes down to {digits(float(rates[low:].min()))} and then climbs again to {digits(float(rates[peak]))}: "
                    "the schedule is stepped past its end.",
                    {"top_lr": top, "low_at_step": float(steps[low]), "climbs_to": float(rates[peak])},
                    "Size the schedule to all the steps that it gets; step one sized in epochs once an epoch.",
                )
            ]
    faded = rates < FADED * top
    plateaus = np.isclose(rates[1:], rates[:-1], rtol=1e-6).mean() > 0.5 and rates[-1] > 0
    if len(rates) >= 20 and not plateaus and faded[len(rates) // 2 :].all():
        at = int(np.argmax(faded))
        return [
            Finding(
                "schedule_repeats",
                "warning",
                f"From step {digits(float(steps[at]))} on the rate is under a ten-thousandth of its highest, {digits(top)}, and nothing moves any more: "
                "the schedule has run out long before the training.",
                {"top_lr": top, "faded_at_step": float(steps[at])},
                "Step a schedule that is sized in epochs once an epoch, or give it a floor.",
            )
        ]
    return []


def beat(view: View, steps: np.ndarray, rates: np.ndarray) -> list[Finding]:
    """Cuts by one factor at even gaps: a schedule of steps, or a plateau rule that sees no progress."""
    cuts = np.flatnonzero(rates[1:] < 0.9 * rates[:-1]) + 1
    if len(cuts) < 3 or (rates[1:] > rates[:-1] * 1.001).any():
        return []
    flat = np.isclose(rates[1:], rates[:-1], rtol=1e-6).mean()
    gaps, factors = np.diff(steps[cuts]), rates[cuts] / rates[cuts - 1]
    if flat < 0.5 or np.ptp(gaps) > 0 or np.ptp(factors) > 0.02 * factors.mean():
        return []
    return [
        Finding(
            "plateau_on_training_batches",
            "info",
            f"The rate is cut to {percent(float(factors.mean()))} every {digits(float(gaps[0]))} {view.facts.get('clock', 'step')}s, {len(cuts)} times: on purpose "
            "with StepLR; with ReduceLROnPlateau it means that it never sees progress.",
            {"cuts": len(cuts), "every": float(gaps[0]), "last_lr": float(rates[-1])},
            "With ReduceLROnPlateau look at its mode (min for a loss) and at the number it is given.",
        )
    ]


def clipped(view: View) -> list[Finding]:
    """Norms of which nearly all are cut: by the norms after clipping, or by a threshold that is known or the default."""
    return _cut(view) or _above(view)


def _cut(view: View) -> list[Finding]:
    before, after = view.trace.column("grad_norm"), view.trace.column("clipped_grad_norm")
    if len(before) != len(after):
        return []
    finite = np.isfinite(before) & np.isfinite(after)
    if finite.sum() < CUTS or float((after[finite] < 0.999 * before[finite]).mean()) < ALWAYS:
        return []
    share = float(np.median(after[finite] / before[finite]))
    return [
        Finding(
            "gradients_always_clipped",
            "info",
            f"Nearly every step is clipped, to {digits(share)} of its gradient.",
            {"kept": share},
            f"Raise the threshold to about {digits(float(np.quantile(before[finite], 0.9)))}.",
        )
    ]


def _above(view: View) -> list[Finding]:
    norms = view.trace.column("grad_norm")
    norms = norms[np.isfinite(norms)]
    stated, default = view.facts.get("max_norm"), view.facts.get("default_max_norm")
    limit = float(stated or default or math.nan)
    if len(norms) < NORMS or not limit > 0:
        return []
    above = norms > limit
    if above.mean() < ALWAYS:
        return []
    middle = float(np.median(norms))
    where = f"at {digits(limit)}" if stated else f"at {digits(limit)}, the default"
    return [
        Finding(
            "gradients_always_clipped",
            "info",
            f"{int(above.sum())} of {len(norms)} logged gradient norms are above {digits(limit)} (median {digits(middle)}): if clipped {where}, nearly every step is. "
            "Adam and its kin divide by the gradient's size, so that this costs them little; for plain SGD the threshold is the real rate.",
            {"clipped_share": float(above.mean()), "norm_median": middle, "threshold": limit, "kept": limit / middle},
            f"Raise the threshold to about {digits(float(np.quantile(norms, 0.9)))}, which one norm of ten exceeds, if the optimizer is SGD.",
        )
    ]
