"""Activations φ: the function, its derivative φ', and what theory needs to know of them.

Each entry computes twice: in torch on (R, H, B) stacks, for the engine, and in NumPy, for mean-field theory. The
derivative that the engine uses is PyTorch's own backward kernel, so that both agree to the last place; tanh itself
may be NumPy's, see ``hyperbolic``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from core.registry import Argument, Entry, Registry

if TYPE_CHECKING:
    from torch import Tensor

Array = np.ndarray
SELU_SCALE = 1.0507009873554805  # Klambauer 2017: fixes mean 0 and variance 1
SELU_ALPHA = 1.6732632423543772


@dataclass(frozen=True, kw_only=True)
class Activation(Entry):
    """An activation. Every function also takes the entry's arguments by name.

    apply        (z, out): writes φ(z) into out; out may be z
    derivative   (z, h, out): writes φ'(z) into out, given h = φ(z); out may be z
    phi, slope   φ and φ' of a NumPy array, in float64
    slope_bound  max |φ'|
    at_zero      (φ'(0-), φ'(0+)) where φ(0) = 0, else None: near 0 such a φ is these two straight lines
    from_output  the derivative needs h alone, so z need not be kept
    bounded      φ is bounded, so a unit can saturate
    even_slope   φ' is an even function: mean-field theory then holds for an all-ones readout as well
    code         () -> the torch.nn module as a plain script writes it
    seconds_per_value  what φ and φ' of one value cost, in float32 on one core
    """

    apply: Callable[..., object]
    derivative: Callable[..., object]
    phi: Callable[..., Array]
    slope: Callable[..., Array]
    slope_bound: Callable[..., float]
    at_zero: Callable[..., tuple[float, float] | None]
    from_output: bool
    bounded: bool = False
    even_slope: bool = False
    seconds_per_value: float = 0.4e-9
    code: Callable[..., str]


def _sigmoid(u: Array) -> Array:
    return 0.5 * (1.0 + np.tanh(0.5 * u))  # the same function, and it never overflows


def _softplus(u: Array) -> Array:
    return np.logaddexp(0.0, u)


def _normal_cdf(u: Array) -> Array:
    from scipy.special import ndtr

    return ndtr(u)


def _normal_density(u: Array) -> Array:
    return np.exp(-0.5 * u * u) / math.sqrt(2.0 * math.pi)


def _tanh(z: Tensor, out: Tensor) -> None:
    from core.parts import hyperbolic

    hyperbolic.tanh(z, out)


def _tanh_derivative(z: Tensor, h: Tensor, out: Tensor) -> None:
    import torch

    torch.addcmul(torch.ones((), dtype=h.dtype, device=h.device), h, h, value=-1, out=out)  # 1 - h²


def _sigmoid_apply(z: Tensor, out: Tensor) -> None:
    import torch

    torch.sigmoid(z, out=out)


def _sigmoid_derivative(z: Tensor, h: Tensor, out: Tensor) -> None:
    import torch

    torch.addcmul(h, h, h, value=-1, out=out)  # h - h²


def _relu(z: Tensor, out: Tensor) -> None:
    import torch

    torch.clamp_min(z, 0, out=out)


def _relu_derivative(z: Tensor, h: Tensor, out: Tensor) -> None:
    import torch

    torch.sign(h, out=out)  # h is never negative, and φ'(0) = 0 as in PyTorch


def _identity(z: Tensor, out: Tensor) -> None:
    if out is not z:
        out.copy_(z)


def _kernel(name: str, z: Tensor, out: Tensor, *arguments: float) -> None:
    """out = φ(z), by PyTorch's own kernel."""
    from core.parts import torch_private

    torch_private.activation(name, z, out, *arguments)


def _kernel_slope(name: str, z: Tensor, out: Tensor, *arguments: float) -> None:
    """out = φ'(z), by PyTorch's own kernel; ELU's from z: from h it would lose its digits far below 0."""
    from core.parts import torch_private

    torch_private.activation_slope(name, z, out, *arguments)


def _mish_phi(u: Array) -> Array:
    return u * np.tanh(_softplus(u))


def _mish_slope(u: Array) -> Array:
    t = np.tanh(_softplus(u))
    return t + u * (1.0 - t * t) * _sigmoid(u)


ACTIVATIONS: Registry[Activation] = Registry(
    "activation",
    Activation(
        name="tanh",
        seconds_per_value=2.6e-9,
        label="tanh",
        source="torch.nn.Tanh; the lesson's default",
        apply=_tanh,
        derivative=_tanh_derivative,
        phi=np.tanh,
        slope=lambda u: 1.0 - np.tanh(u) ** 2,
        slope_bound=lambda: 1.0,
        at_zero=lambda: (1.0, 1.0),
        from_output=True,
        bounded=True,
        even_slope=True,
        code=lambda: "nn.Tanh()",
    ),
    Activation(
        name="sigmoid",
        label="sigmoid",
        source="torch.nn.Sigmoid; its slope is at most 1/4",
        apply=_sigmoid_apply,
        derivative=_sigmoid_derivative,
        phi=_sigmoid,
        slope=lambda u: _sigmoid(u) * _sigmoid(-u),
        slope_bound=lambda: 0.25,
        at_zero=lambda: None,
        from_output=True,
        bounded=True,
        even_slope=True,
        code=lambda: "nn.Sigmoid()",
    ),
    Activation(
        name="relu",
        label="ReLU",
        source="torch.nn.ReLU; Nair & Hinton 2010",
        apply=_relu,
        derivative=_relu_derivative,
        phi=lambda u: np.maximum(u, 0.0),
        slope=lambda u: (u > 0).astype(float),
        slope_bound=lambda: 1.0,
        at_zero=lambda: (0.0, 1.0),
        from_output=True,
        code=lambda: "nn.ReLU()",
    ),
    Activation(
        name="leaky_relu",
        label="leaky ReLU",
        source="torch.nn.LeakyReLU; Maas 2013",
        arguments=(
            Argument(
                name="negative_slope", kind=float, default=0.01, minimum=0.0, maximum=1.0, meaning="slope below 0"
            ),
        ),
        apply=lambda z, out, negative_slope: _kernel("leaky_relu", z, out, negative_slope),
        derivative=lambda z, h, out, negative_slope: _kernel_slope("leaky_relu", z, out, negative_slope),
        phi=lambda u, negative_slope: np.where(u > 0, u, negative_slope * u),
        slope=lambda u, negative_slope: np.where(u > 0, 1.0, negative_slope),
        slope_bound=lambda negative_slope: 1.0,
        at_zero=lambda negative_slope: (negative_slope, 1.0),
        from_output=False,
        code=lambda negative_slope: f"nn.LeakyReLU(negative_slope={negative_slope})",
    ),
    Activation(
        name="elu",
        seconds_per_value=1.2e-9,
        label="ELU",
        source="torch.nn.ELU; Clevert 2016, arXiv:1511.07289",
        arguments=(
            Argument(
                name="alpha", kind=float, default=1.0, above=0.0, maximum=10.0, meaning="−alpha is the lowest value"
            ),
        ),
        apply=lambda z, out, alpha: _kernel("elu", z, out, alpha, 1.0),
        derivative=lambda z, h, out, alpha: _kernel_slope("elu", z, out, alpha, 1.0),
        phi=lambda u, alpha: np.where(u > 0, u, alpha * np.expm1(np.minimum(u, 0.0))),
        slope=lambda u, alpha: np.where(u > 0, 1.0, alpha * np.exp(np.minimum(u, 0.0))),
        slope_bound=lambda alpha: max(1.0, alpha),
        at_zero=lambda alpha: (alpha, 1.0),
        from_output=False,
        code=lambda alpha: f"nn.ELU(alpha={alpha})",
    ),
    Activation(
        name="gelu",
        seconds_per_value=1.2e-9,
        label="GELU",
        source="torch.nn.GELU; Hendrycks & Gimpel 2016, arXiv:1606.08415",
        apply=lambda z, out: _kernel("gelu", z, out),
        derivative=lambda z, h, out: _kernel_slope("gelu", z, out),
        phi=lambda u: u * _normal_cdf(u),
        slope=lambda u: _normal_cdf(u) + u * _normal_density(u),
        slope_bound=lambda: 1.1289041451202394,  # at u = √2
        at_zero=lambda: (0.5, 0.5),
        from_output=False,
        code=lambda: "nn.GELU()",
    ),
    Activation(
        name="silu",
        seconds_per_value=1.2e-9,
        label="SiLU",
        source="torch.nn.SiLU; Elfwing 2017, arXiv:1702.03118 (Swish)",
        apply=lambda z, out: _kernel("silu", z, out),
        derivative=lambda z, h, out: _kernel_slope("silu", z, out),
        phi=lambda u: u * _sigmoid(u),
        slope=lambda u: _sigmoid(u) * (1.0 + u * _sigmoid(-u)),
        slope_bound=lambda: 1.0998393194985262,  # at u ≈ 2.3994
        at_zero=lambda: (0.5, 0.5),
        from_output=False,
        code=lambda: "nn.SiLU()",
    ),
    Activation(
        name="selu",
        seconds_per_value=1.2e-9,
        label="SELU",
        source="torch.nn.SELU; Klambauer 2017, arXiv:1706.02515",
        apply=lambda z, out: _kernel("elu", z, out, SELU_ALPHA, SELU_SCALE),
        derivative=lambda z, h, out: _kernel_slope("elu", z, out, SELU_ALPHA, SELU_SCALE),
        phi=lambda u: SELU_SCALE * np.where(u > 0, u, SELU_ALPHA * np.expm1(np.minimum(u, 0.0))),
        slope=lambda u: SELU_SCALE * np.where(u > 0, 1.0, SELU_ALPHA * np.exp(np.minimum(u, 0.0))),
        slope_bound=lambda: SELU_SCALE * SELU_ALPHA,
        at_zero=lambda: (SELU_SCALE * SELU_ALPHA, SELU_SCALE),
        from_output=False,
        code=lambda: "nn.SELU()",
    ),
    Activation(
        name="softplus",
        seconds_per_value=1.8e-9,
        label="softplus",
        source="torch.nn.Softplus; Dugas 2001",
        arguments=(
            Argument(name="beta", kind=float, default=1.0, above=0.0, maximum=100.0, meaning="sharpness of the bend"),
        ),
        apply=lambda z, out, beta: _kernel("softplus", z, out, beta, 20),  # 20: above PyTorch's threshold it is z
        derivative=lambda z, h, out, beta: _kernel_slope("softplus", z, out, beta, 20),
        phi=lambda u, beta: _softplus(beta * u) / beta,
        slope=lambda u, beta: _sigmoid(beta * u),
        slope_bound=lambda beta: 1.0,
        at_zero=lambda beta: None,
        from_output=False,
        code=lambda beta: f"nn.Softplus(beta={beta})",
    ),
    Activation(
        name="mish",
        seconds_per_value=7e-9,
        label="Mish",
        source="torch.nn.Mish; Misra 2020, arXiv:1908.08681",
        apply=lambda z, out: _kernel("mish", z, out),
        derivative=lambda z, h, out: _kernel_slope("mish", z, out),
        phi=_mish_phi,
        slope=_mish_slope,
        slope_bound=lambda: 1.0884981612517277,  # at u ≈ 1.4906
        at_zero=lambda: (0.6, 0.6),
        from_output=False,
        code=lambda: "nn.Mish()",
    ),
    Activation(
        name="identity",
        label="none (a linear network)",
        source="torch.nn.Identity; Saxe 2014, arXiv:1312.6120",
        apply=_identity,
        derivative=lambda z, h, out: out.fill_(1.0),
        phi=lambda u: np.asarray(u, dtype=float),
        slope=lambda u: np.ones_like(u, dtype=float),
        slope_bound=lambda: 1.0,
        at_zero=lambda: (1.0, 1.0),
        from_output=True,
        even_slope=True,
        code=lambda: "nn.Identity()",
    ),
)
