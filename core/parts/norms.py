"""Normalizations: forward and backward on (R, H, B) stacks, R runs, H units, B batch rows.

Each has a gain γ and a shift β per unit, (R, H, 1), as its PyTorch module starts them: ones and zeros. The backward
pass is written by hand, beside the forward pass it differentiates.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.registry import Entry, Registry

if TYPE_CHECKING:
    from torch import Tensor

EPS = 1e-5  # as torch.nn.BatchNorm1d and LayerNorm
MOMENTUM = 0.1  # of BatchNorm1d's running statistics, the variance with n - 1 as there


@dataclass(frozen=True, kw_only=True)
class Norm(Entry):
    """A normalization; ``none`` has neither forward, backward nor code.

    forward      z -> normalized z, inverse scale; over a batch its mean and variance as well. γ and β come after it
    backward     (gradient of the normalized z, normalized z, inverse scale) -> gradient of z
    has_shift    γ z + β, rather than γ z alone
    over_batch   its statistics run over the batch, so it needs two rows
    code         units, as text -> the torch.nn module as a plain script writes it
    """

    forward: Callable[[Tensor], tuple[Tensor, ...]] | None = None
    backward: Callable[[Tensor, Tensor, Tensor], Tensor] | None = None
    has_shift: bool = True
    over_batch: bool = False
    code: Callable[[str], str] | None = None


def _standardize(z: Tensor, dim: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """z with mean 0 and variance 1 along ``dim``, 1/√(variance + eps), and what mean and variance were."""
    mean = z.mean(dim, keepdim=True)
    centred = z - mean
    variance = (centred * centred).mean(dim, keepdim=True)
    inverse = (variance + EPS).rsqrt_()
    return centred.mul_(inverse), inverse, mean, variance


def _standardize_backward(gradient: Tensor, normal: Tensor, inverse: Tensor, dim: int) -> Tensor:
    # ∂L/∂z = (g − mean(g) − ẑ · mean(g ẑ)) / σ   (Ioffe & Szegedy 2015, section 3)
    along = (gradient * normal).mean(dim, keepdim=True)
    return (gradient - gradient.mean(dim, keepdim=True)).sub_(normal * along).mul_(inverse)


def _rms(z: Tensor) -> tuple[Tensor, Tensor]:
    import torch

    eps = torch.finfo(z.dtype).eps  # as torch.nn.RMSNorm, whose eps is None
    inverse = (z * z).mean(1, keepdim=True).add_(eps).rsqrt_()
    return z * inverse, inverse


def _rms_backward(gradient: Tensor, normal: Tensor, inverse: Tensor) -> Tensor:
    # ∂L/∂z = (g − ẑ · mean(g ẑ)) / rms   (Zhang & Sennrich 2019, section 4)
    along = (gradient * normal).mean(1, keepdim=True)
    return (gradient - normal * along).mul_(inverse)


NORMS: Registry[Norm] = Registry(
    "norm",
    Norm(name="none", label="none", source="no normalization"),
    Norm(
        name="batch",
        label="BatchNorm",
        source="torch.nn.BatchNorm1d in training mode; Ioffe & Szegedy 2015, arXiv:1502.03167",
        forward=lambda z: _standardize(z, 2),
        backward=lambda gradient, normal, inverse: _standardize_backward(gradient, normal, inverse, 2),
        over_batch=True,
        code=lambda units: f"nn.BatchNorm1d({units})",
    ),
    Norm(
        name="layer",
        label="LayerNorm",
        source="torch.nn.LayerNorm; Ba 2016, arXiv:1607.06450",
        forward=lambda z: _standardize(z, 1)[:2],
        backward=lambda gradient, normal, inverse: _standardize_backward(gradient, normal, inverse, 1),
        code=lambda units: f"nn.LayerNorm({units})",
    ),
    Norm(
        name="rms",
        label="RMSNorm",
        source="torch.nn.RMSNorm; Zhang & Sennrich 2019, arXiv:1910.07467",
        forward=_rms,
        backward=_rms_backward,
        has_shift=False,
        code=lambda units: f"nn.RMSNorm({units})",
    ),
)
