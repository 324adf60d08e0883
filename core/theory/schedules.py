"""Learning-rate schedules by their formulas, as their papers and PyTorch's documentation have them: nothing is trained or traced.

What a training uses are PyTorch's own objects, stepped; these closed forms say beforehand where they lead, and tests
hold the two against each other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from core.parts import schedulers
from core.parts.calls import Call
from core.parts.schedulers import Scheduler
from core.registry import Part


def rates(
    scheduler: Part[Scheduler], base_lr: float, epochs: int, steps_per_epoch: int, first: bool = False
) -> np.ndarray | None:
    """The learning rate of every update of a training, (epochs · steps_per_epoch,), float64; None where no formula is known.

    first  the scheduler is stepped before the optimizer, so that the first rate is left out
    """
    call = schedulers.call_of(scheduler, base_lr, epochs, steps_per_epoch)
    if not _has_formula(call):
        return None
    per_epoch = schedulers.stepping(scheduler) == "epoch"
    steps = np.arange(epochs if per_epoch else epochs * steps_per_epoch, dtype=float) + first
    return _rates(call, steps, base_lr).repeat(steps_per_epoch if per_epoch else 1)


def has_formula(scheduler: Part[Scheduler]) -> bool:
    """Whether there is a formula for the schedule: none for one that waits for a loss."""
    return _has_formula(schedulers.call_of(scheduler, 1.0, 10, 10))


def _has_formula(call: Call) -> bool:
    """Whether there is a formula for it, and for all that it is made of."""
    lists = [value for value in call.arguments.values() if isinstance(value, list)]
    return call.name in FORMULAS and all(
        _has_formula(part) for parts in lists for part in parts if isinstance(part, Call)
    )


def _rates(call: Call, t: np.ndarray, base_lr: float) -> np.ndarray:
    return FORMULAS[call.name](t, base_lr, **call.arguments)


def _half_cosine(start: float, end: float, share: np.ndarray) -> np.ndarray:
    """From ``start``, at a share of 0, to ``end``, at 1."""
    return end + (start - end) * (1.0 + np.cos(np.pi * share)) / 2.0


def _cosine(t: np.ndarray, base_lr: float, T_max: int, eta_min: float) -> np.ndarray:  # PyTorch's name
    """Loshchilov & Hutter 2017, arXiv:1608.03983, equation 5; beyond T_max it climbs again, as PyTorch's does."""
    return _half_cosine(base_lr, eta_min, t / T_max)


def _restarts(t: np.ndarray, base_lr: float, T_0: int, T_mult: int, eta_min: float) -> np.ndarray:
    """The same, begun anew after T_0, T_0 · T_mult, … steps."""
    begins, length = [0.0], float(T_0)
    while begins[-1] <= t[-1]:
        begins.append(begins[-1] + length)
        length *= T_mult
    edges = np.array(begins)
    course = np.searchsorted(edges, t, side="right") - 1
    return _half_cosine(base_lr, eta_min, (t - edges[course]) / np.diff(edges)[course])


def _one_cycle(
    t: np.ndarray, base_lr: float, max_lr: float, total_steps: int, pct_start: float, **arguments: Any
) -> np.ndarray:
    """Smith & Topin 2018, arXiv:1708.07120: from max_lr / 25 up, and down to max_lr / 250,000, on half cosines."""
    start, top, last = max_lr / 25.0, pct_start * total_steps - 1.0, total_steps - 1.0
    rising = _half_cosine(start, max_lr, t / top)
    return np.where(t <= top, rising, _half_cosine(max_lr, start / 1e4, (t - top) / (last - top)))


def _constant(t: np.ndarray, base_lr: float, factor: float, total_iters: int) -> np.ndarray:
    return base_lr * np.where(t < total_iters, factor, 1.0)


def _step(t: np.ndarray, base_lr: float, step_size: int, gamma: float) -> np.ndarray:
    return base_lr * gamma ** (t // step_size)


def _multi_step(t: np.ndarray, base_lr: float, milestones: list[int], gamma: float) -> np.ndarray:
    return base_lr * gamma ** np.searchsorted(milestones, t, side="right")


def _exponential(t: np.ndarray, base_lr: float, gamma: float) -> np.ndarray:
    return base_lr * gamma**t


def _polynomial(t: np.ndarray, base_lr: float, total_iters: int, power: float) -> np.ndarray:
    return base_lr * (1.0 - np.minimum(t, total_iters) / total_iters) ** power


def _linear(
    t: np.ndarray, base_lr: float, start_factor: float, total_iters: int, end_factor: float = 1.0
) -> np.ndarray:
    return base_lr * (start_factor + (end_factor - start_factor) * np.minimum(t, total_iters) / total_iters)


def _cyclic(
    t: np.ndarray,
    lr: float,
    base_lr: float,
    max_lr: float,
    step_size_up: int,
    mode: str,
    **arguments: Any,
) -> np.ndarray:
    """Smith 2017, arXiv:1506.01186; ``triangular2`` halves the height with every cycle."""
    cycle, place = np.divmod(t / step_size_up, 2.0)
    height = (max_lr - base_lr) * (0.5**cycle if mode == "triangular2" else 1.0)
    return base_lr + height * (1.0 - np.abs(place - 1.0))


def _formula(t: np.ndarray, base_lr: float, lr_lambda: Any) -> np.ndarray:
    factor = eval(lr_lambda.text)  # our own text: no word of a user's is in it
    return base_lr * np.array([factor(step) for step in t])


def _one_after_another(t: np.ndarray, base_lr: float, schedulers: list[Call], milestones: list[int]) -> np.ndarray:
    """Each from its milestone on, counted from there."""
    begins = [0, *milestones]
    part = np.searchsorted(milestones, t, side="right")
    courses = [_rates(call, t - begin, base_lr) for call, begin in zip(schedulers, begins, strict=True)]
    return np.choose(part, courses)


FORMULAS: dict[str, Callable[..., np.ndarray]] = {  # (steps, base_lr, arguments) -> rates
    "CosineAnnealingLR": _cosine,
    "OneCycleLR": _one_cycle,
    "ConstantLR": _constant,
    "StepLR": _step,
    "MultiStepLR": _multi_step,
    "ExponentialLR": _exponential,
    "PolynomialLR": _polynomial,
    "LinearLR": _linear,
    "CosineAnnealingWarmRestarts": _restarts,
    "CyclicLR": _cyclic,
    "LambdaLR": _formula,
    "SequentialLR": _one_after_another,
}
