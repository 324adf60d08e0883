"""Losses: their value per run, and their gradient where the backward pass starts.

Each takes the network's last signal (R, H or C, B), padded, of which ``size`` rows and ``rows`` columns are real, and
gives the loss (R,) in float64 and the gradient, of the signal's shape, zero in the padding, to be multiplied by a power
of two per run, whose exponents (R,) come last.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch

from core.engine.exponents import powers

if TYPE_CHECKING:
    from torch import Tensor

# the loss, and the gradient that starts the backward pass, over 2^exponents
Start = tuple["Tensor", "Tensor", "Tensor"]
Loss = Callable[["Tensor", "Tensor", int, int], Start]  # (signal, targets, size, rows)
Evaluation = Callable[["Tensor", "Tensor", int, int], tuple["Tensor", "Tensor", "Tensor"]]  # of the same


def projection(signal: Tensor, readout: Tensor, size: int, rows: int) -> Start:
    """Σ over the batch of v · h. ``readout`` is v, (R, H, 1), padded with zeros; all ones give the plain sum."""
    gradient = torch.zeros_like(signal)
    gradient[:, :size, :rows] = readout[:, :size]  # ∂L/∂h = v
    return (signal * gradient).flatten(1).sum(1, dtype=torch.float64), gradient, unscaled(signal)


def cross_entropy(signal: Tensor, labels: Tensor, size: int, rows: int) -> Start:
    """Cross-entropy of the logits, mean over the batch, as torch.nn.functional.cross_entropy. labels (R, B), real.

    In float64, the true class's entry as minus the sum of the others: where a softmax is all but certain, the gradient
    is small and not lost.
    """
    logits = signal[:, :size].to(torch.float64, copy=True)  # padded columns stay in: kernels see whole blocks
    logits -= logits.amax(1, keepdim=True)
    of_label = torch.zeros_like(logits[:, :1])
    of_label[:, 0, :rows] = logits[:, :, :rows].gather(1, labels[:, None])[:, 0]
    shares = logits.exp_()
    total = shares.sum(1, keepdim=True)
    loss = (total.log() - of_label)[:, 0, :rows].sum(1) / rows
    shares /= total
    true = shares[:, :, :rows]
    true.scatter_(1, labels[:, None], 0.0)
    others = true.sum(1, keepdim=True)
    true.scatter_(1, labels[:, None], -others)  # ∂L/∂logits = (softmax - one-hot) / B
    exponent = (
        torch.frexp(others.flatten(1).amax(1) / rows).exponent.long().clamp(min=-1000)
    )  # a smaller gradient is a subnormal number
    gradient = torch.zeros_like(signal)
    gradient[:, :size, :rows] = true * (powers(-exponent, true) / rows)
    return loss, gradient, exponent


def plain_cross_entropy(signal: Tensor, labels: Tensor, size: int, rows: int) -> Start:
    """The same for plain trainings, in half the time: float64, and no power of two beside the gradient."""
    loss, logs = _likelihoods(signal, labels, size, rows)
    right = labels[:, None]
    shares = logs.exp_()[:, :, :rows]
    shares.scatter_add_(1, right, torch.full(right.shape, -1.0, dtype=shares.dtype, device=shares.device))
    gradient = torch.zeros_like(signal)
    gradient[:, :size, :rows] = shares.mul_(1.0 / rows)  # ∂L/∂logits = (softmax - one-hot) / B
    return loss, gradient, unscaled(signal)


def _likelihoods(signal: Tensor, labels: Tensor, size: int, rows: int) -> tuple[Tensor, Tensor]:
    """Cross-entropy (R,), and log softmax of the logits, (R, C, B padded), both in float64."""
    logs = torch.log_softmax(signal[:, :size].double(), 1)
    return logs[:, :, :rows].gather(1, labels[:, None]).flatten(1).sum(1) / -rows, logs


def squared_error(signal: Tensor, targets: Tensor, size: int, rows: int) -> Start:
    """Squared distance of the one output to the targets (R, B), mean over the batch, as torch.nn.functional.mse_loss."""
    assert size == 1
    error = signal[:, 0, :rows] - targets
    gradient = torch.zeros_like(signal)
    gradient[:, 0, :rows] = error * (2.0 / rows)  # ∂L/∂output = 2 (output - target) / B
    return (error * error).sum(1, dtype=torch.float64) / rows, gradient, unscaled(signal)


def bce_with_logits(signal: Tensor, targets: Tensor, size: int, rows: int) -> Start:
    """Binary cross-entropy of the one output with the classes 0 and 1, (R, B), mean over the batch, in float64.

    As torch.nn.functional.binary_cross_entropy_with_logits.
    """
    assert size == 1
    logits = signal[:, 0].double()  # padded columns stay in: kernels see whole blocks
    unlabelled = torch.nn.functional.softplus(logits)[:, :rows]
    loss = (unlabelled - targets * logits[:, :rows]).sum(1) / rows
    gradient = torch.zeros_like(signal)
    gradient[:, 0, :rows] = (logits.sigmoid()[:, :rows] - targets) / rows  # ∂L/∂z = (σ(z) - y) / B
    return loss, gradient, unscaled(signal)


def evaluated(signal: Tensor, targets: Tensor, size: int, rows: int) -> tuple[Tensor, Tensor, Tensor]:
    """Each run's loss, accuracy and balanced accuracy, (R,), in float64; of one output, a number, the squared error and NaN.

    The balanced accuracy is the mean over classes of the share of their rows that are right: uneven classes count alike.
    """
    if size == 1:
        loss, _, _ = squared_error(signal, targets, size, rows)
        return loss, torch.full_like(loss, torch.nan), torch.full_like(loss, torch.nan)
    loss, _ = _likelihoods(signal, targets, size, rows)
    return loss, *_accuracies(signal[:, :size, :rows].max(1).indices, targets, size)


def two_classes_evaluated(signal: Tensor, targets: Tensor, size: int, rows: int) -> tuple[Tensor, Tensor, Tensor]:
    """The same of one output that says by its sign which of two classes it is."""
    loss, _, _ = bce_with_logits(signal, targets, size, rows)
    return loss, *_accuracies((signal[:, 0, :rows] > 0).to(targets), targets, 2)


def _accuracies(answers: Tensor, targets: Tensor, classes: int) -> tuple[Tensor, Tensor]:
    """Accuracy and balanced accuracy, (R,), of the classes that are answered, (R, B)."""
    right = (answers == targets).double()
    counts = right.new_zeros(len(right), classes).scatter_add_(1, targets, torch.ones_like(right))
    hits = right.new_zeros(len(right), classes).scatter_add_(1, targets, right)
    return right.mean(1), (hits / counts).nanmean(1)


def mse(signal: Tensor, labels: Tensor, size: int, rows: int) -> Start:
    """Squared distance to the one-hot labels, mean over batch and classes, as torch.nn.functional.mse_loss.

    One output alone is compared with the labels as they are, which are numbers then.
    """
    if size == 1:
        return squared_error(signal, labels.to(signal), size, rows)
    error = signal[:, :size, :rows].clone()
    error.scatter_add_(1, labels[:, None, :], torch.full_like(error[:, :1], -1.0))
    loss = (error * error).flatten(1).sum(1, dtype=torch.float64) / (size * rows)
    gradient = torch.zeros_like(signal)
    gradient[:, :size, :rows] = error.mul_(2.0 / (size * rows))  # ∂L/∂logits = 2 (logits - one-hot) / (B C)
    return loss, gradient, unscaled(signal)


def unscaled(signal: Tensor) -> Tensor:
    """Exponents of a gradient that is beside no power of two."""
    return torch.zeros(len(signal), dtype=torch.int64, device=signal.device)
