"""What each schedule is in PyTorch: (base_lr, epochs, steps_per_epoch, its arguments) -> the Call, sized for the training.

What refuses arguments that a training is too short for stands beside its recipe.
"""

from __future__ import annotations

from typing import Any

from core.parts.calls import Call, Formula


def _share(count: int, parts: int) -> int:
    """One of so many parts of ``count``, rounded up to whole steps."""
    return -(-count // parts)


def plateau(base_lr: float, epochs: int, steps_per_epoch: int, **arguments: Any) -> Call:
    """Its loss comes with every step, so that nothing is sized."""
    return Call("ReduceLROnPlateau", arguments)


def one_cycle(base_lr: float, epochs: int, steps_per_epoch: int, max_lr: float | None, **arguments: Any) -> Call:
    """Smith & Topin 2018; PyTorch starts at max_lr / 25 whatever base_lr is."""
    peak = 10 * base_lr if max_lr is None else max_lr
    return Call("OneCycleLR", {"max_lr": peak, "total_steps": epochs * steps_per_epoch, **arguments})


def flat_rise(batches: int, max_lr: float | None, pct_start: float, cycle_momentum: bool) -> str | None:
    """PyTorch divides by the steps of the rise less one, and never reaches max_lr in a rise of less than one."""
    if pct_start * batches > 1:
        return None
    return (
        f"one_cycle: must rise for more than one batch, but pct_start={pct_start} of {batches} batches is "
        f"{pct_start * batches:g}; raise pct_start or train for more epochs"
    )


def constant(base_lr: float, epochs: int, steps_per_epoch: int, factor: float, total_iters: int | None) -> Call:
    """base_lr · factor for so many epochs, then base_lr."""
    return Call("ConstantLR", {"factor": factor, "total_iters": total_iters or epochs})


def step(base_lr: float, epochs: int, steps_per_epoch: int, step_size: int | None, gamma: float) -> Call:
    """A drop every so many epochs; a third of all unless given."""
    return Call("StepLR", {"step_size": step_size or _share(epochs, 3), "gamma": gamma})


def multi_step(
    base_lr: float, epochs: int, steps_per_epoch: int, milestones: tuple[int, ...] | None, gamma: float
) -> Call:
    """A drop at each milestone; at half and three quarters of all epochs unless given."""
    places = milestones or sorted({max(1, epochs // 2), max(1, 3 * epochs // 4)})
    return Call("MultiStepLR", {"milestones": list(places), "gamma": gamma})


def polynomial(base_lr: float, epochs: int, steps_per_epoch: int, power: float, total_iters: int | None) -> Call:
    """Down to 0 within so many epochs."""
    return Call("PolynomialLR", {"total_iters": total_iters or epochs, "power": power})


def _warmup(batches: int, warmup: int | None, start_factor: float) -> tuple[int, Call]:
    """The batches of a warm-up and the warm-up itself."""
    length = warmup or _share(batches, 10)
    return length, Call("LinearLR", {"start_factor": start_factor, "total_iters": length})


def linear_warmup(base_lr: float, epochs: int, steps_per_epoch: int, warmup: int | None, start_factor: float) -> Call:
    """Up to base_lr, then constant."""
    return _warmup(epochs * steps_per_epoch, warmup, start_factor)[1]


def warmup_cosine(
    base_lr: float, epochs: int, steps_per_epoch: int, warmup: int | None, start_factor: float, eta_min: float
) -> Call:
    """Up to base_lr, then half a cosine over the batches that are left."""
    batches = epochs * steps_per_epoch
    length, rise = _warmup(batches, warmup, start_factor)
    fall = Call("CosineAnnealingLR", {"T_max": max(1, batches - length), "eta_min": eta_min})
    return Call("SequentialLR", {"schedulers": [rise, fall], "milestones": [length]})


def cosine_restarts(
    base_lr: float, epochs: int, steps_per_epoch: int, t_0: int | None, t_mult: int, eta_min: float
) -> Call:
    """Half a cosine, and again, each t_mult times as long as the last."""
    arguments = {"T_0": t_0 or _share(epochs, 3), "T_mult": t_mult, "eta_min": eta_min}
    return Call("CosineAnnealingWarmRestarts", arguments)


def cyclic(
    base_lr: float,
    epochs: int,
    steps_per_epoch: int,
    max_lr: float | None,
    step_size_up: int | None,
    mode: str,
    cycle_momentum: bool,
) -> Call:
    """Smith 2017: up and down between base_lr and max_lr."""
    arguments = {
        "base_lr": base_lr,
        "max_lr": 10 * base_lr if max_lr is None else max_lr,
        "step_size_up": step_size_up or _share(epochs * steps_per_epoch, 8),
        "mode": mode,
        "cycle_momentum": cycle_momentum,
    }
    return Call("CyclicLR", arguments)


def inverse_sqrt(base_lr: float, epochs: int, steps_per_epoch: int, warmup: int | None) -> Call:
    """Vaswani 2017, section 5.3, with its peak at base_lr: t / warmup, then √(warmup / t), t from 1."""
    rise = warmup or _share(epochs * steps_per_epoch, 10)
    formula = f"lambda step: min((step + 1) / {rise}, ({rise} / (step + 1)) ** 0.5)"
    return Call("LambdaLR", {"lr_lambda": Formula(formula)})


def wsd(
    base_lr: float, epochs: int, steps_per_epoch: int, warmup: int | None, decay: int | None, start_factor: float
) -> Call:
    """Hu 2024: up to base_lr, constant, and down to 0 over the last batches."""
    batches = epochs * steps_per_epoch
    length, rise = _warmup(batches, warmup, start_factor)
    fall = decay or _share(batches, 5)
    stable = Call("ConstantLR", {"factor": 1.0, "total_iters": 0})
    decline = Call("LinearLR", {"start_factor": 1.0, "end_factor": 0.0, "total_iters": fall})
    milestones = [length, max(length, batches - fall)]
    return Call("SequentialLR", {"schedulers": [rise, stable, decline], "milestones": milestones})


def crowded(batches: int, warmup: int | None, decay: int | None, start_factor: float) -> str | None:
    """A warm-up and a decay that were asked for and together are longer than the training."""
    rise, fall = warmup or _share(batches, 10), decay or _share(batches, 5)
    if rise + fall <= batches or (warmup is None and decay is None):
        return None
    return (
        f"wsd: warmup and decay must fit into the {batches} batches of the training, but got {rise} and {fall}; "
        "shorten them or train for more epochs"
    )
