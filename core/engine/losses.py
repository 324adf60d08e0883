"""Losses: their value per run, and their gradient where the backward pass starts.

Each takes the network's last signal (R, H or C, B), padded, of which ``size`` rows and ``rows`` columns are real, and
gives the loss (R,) in float64 and the gradient, of the signal's shape, zero in the padding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor


def projection(signal: Tensor, readout: Tensor, size: int, rows: int) -> tuple[Tensor, Tensor]:
    """Σ over the batch of v · h. ``readout`` is v, (R, H, 1), padded with zeros; all ones give the plain sum."""
    gradient = torch.zeros_like(signal)
    gradient[:, :size, :rows] = readout[:, :size]  # ∂L/∂h = v
    return (signal * gradient).flatten(1).sum(1, dtype=torch.float64), gradient


def cross_entropy(signal: Tensor, labels: Tensor, size: int, rows: int) -> tuple[Tensor, Tensor]:
    """Cross-entropy of the logits, mean over the batch, as torch.nn.functional.cross_entropy. labels (R, B), real."""
    by_row = signal[:, :size].transpose(1, 2).contiguous()  # padded rows stay in: kernels see whole blocks
    log_shares = torch.log_softmax(by_row, 2)
    picked = log_shares[:, :rows].gather(2, labels[:, :, None])
    loss = picked.flatten(1).sum(1, dtype=torch.float64) / -rows
    shares = log_shares.exp_()
    shares[:, :rows].scatter_add_(2, labels[:, :, None], torch.full_like(picked, -1.0))
    gradient = torch.zeros_like(signal)
    gradient[:, :size, :rows] = shares[:, :rows].transpose(1, 2) / rows  # ∂L/∂logits = (softmax - one-hot) / B
    return loss, gradient


def mse(signal: Tensor, labels: Tensor, size: int, rows: int) -> tuple[Tensor, Tensor]:
    """Squared distance to the one-hot labels, mean over batch and classes, as torch.nn.functional.mse_loss."""
    error = signal[:, :size, :rows].clone()
    error.scatter_add_(1, labels[:, None, :], torch.full_like(error[:, :1], -1.0))
    loss = (error * error).flatten(1).sum(1, dtype=torch.float64) / (size * rows)
    gradient = torch.zeros_like(signal)
    gradient[:, :size, :rows] = error.mul_(2.0 / (size * rows))  # ∂L/∂logits = 2 (logits - one-hot) / (B C)
    return loss, gradient
