"""Mean-field theory of wide networks at initialization: how signals and gradients change from layer to layer.

For weights of variance σ_w²/fan_in and biases of variance σ_b², a pre-activation is Gaussian with variance q, and two
inputs of a batch have correlation c (Poole 2016, arXiv:1606.05340; Schoenholz 2017, arXiv:1611.01232):

    q_l = σ_w² E[φ(√q_{l-1} z)²] + σ_b²        c_l from E[φ(u_a) φ(u_b)], (u_a, u_b) jointly normal
    δδ_l = σ_w² E[φ'²] δδ_{l+1}                δδ'_l = σ_w² E[φ'(u_a) φ'(u_b)] δδ'_{l+1}

Expectations of ReLU and its kin are the closed forms of Cho & Saul 2009; all others are integrated on both sides of 0
apart, because a quadrature with a node on a kink is wrong by tens of percent.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from core.parts.activations import ACTIVATIONS
from core.parts.inits import INITS

BATCHNORM_RELU_GROWTH = math.sqrt(math.pi / (math.pi - 1.0))  # per layer towards the input; Yang 2019, arXiv:1902.08129
REACH = 9.0  # standard deviations; what lies beyond weighs less than 1e-18
NODES = 80  # per side of a kink
GRADING = 5


class Moments(NamedTuple):
    """Gaussian averages of φ and φ' for one pre-activation (square) and for two correlated ones (cross)."""

    square: float  # E[φ(u)²]
    cross: float  # E[φ(u_a) φ(u_b)]
    slope_square: float  # E[φ'(u)²]
    slope_cross: float  # E[φ'(u_a) φ'(u_b)]


def _sides(low: np.ndarray, kink: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and standard-normal weights on [low, kink] and [kink, high]; shapes (..., 2 NODES).

    Nodes crowd towards the kink, as the power ``GRADING`` of even ones: for large q all of φ' happens close to it.
    """
    graded, stretch, weights = _graded_nodes()
    halves = []
    for end in (low, high):
        length = (end - kink)[..., None]
        z = kink[..., None] + length * graded
        density = np.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)
        halves.append((z, np.abs(length) * stretch * weights * density))
    return tuple(np.concatenate(pair, axis=-1) for pair in zip(*halves, strict=True))  # type: ignore[return-value]


@lru_cache(maxsize=1)
def _graded_nodes() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Gauss-Legendre nodes on [0, 1], crowding towards 0, how far they are stretched there, and weights; (NODES,) each."""
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    share = (nodes + 1.0) / 2.0
    return share**GRADING, GRADING * share ** (GRADING - 1) / 2.0, weights


@lru_cache(maxsize=65536)
def moments(activation: str, q: float, c: float) -> Moments:
    """The averages for pre-activations of variance q ≥ 0, two inputs having correlation c in [0, 1]."""
    part = ACTIVATIONS.parse(activation)
    slopes = _two_lines(activation)
    if slopes is not None:
        return _line_moments(*slopes, q, c)
    phi, slope, arguments = part.entry.phi, part.entry.slope, part.arguments
    zero = np.zeros(())
    z, weight = _sides(zero - REACH, zero, zero + REACH)
    u = math.sqrt(q) * z
    square = float(weight @ phi(u, **arguments) ** 2)
    slope_square = float(weight @ slope(u, **arguments) ** 2)
    if c >= 1.0 - 1e-12:
        return Moments(square, square, slope_square, slope_square)
    # u_a and u_b share √c z and differ in √(1 - c) t, so E[φ φ] = E_z[(E_t φ)²]
    common, difference = math.sqrt(q * c) * z, math.sqrt(q * (1.0 - c))
    kink = np.clip(-common / difference, -REACH, REACH) if difference > 0 else np.zeros_like(common)
    t, t_weight = _sides(np.full_like(kink, -REACH), kink, np.full_like(kink, REACH))
    inner = common[:, None] + difference * t
    cross = float(weight @ (t_weight * phi(inner, **arguments)).sum(1) ** 2)
    slope_cross = float(weight @ (t_weight * slope(inner, **arguments)).sum(1) ** 2)
    return Moments(square, cross, slope_square, slope_cross)


def _two_lines(activation: str) -> tuple[float, float] | None:
    """(slope below 0, slope above 0) where φ is two straight lines through the origin, else None."""
    part = ACTIVATIONS.parse(activation)
    name = part.entry.name
    return part.entry.at_zero(**part.arguments) if name in ("relu", "leaky_relu", "identity") else None


def _line_moments(below: float, above: float, q: float, c: float) -> Moments:
    """The averages where φ(u) = above · u for u > 0 and below · u elsewhere: arc-cosine kernels (Cho & Saul 2009)."""
    c = min(max(c, -1.0), 1.0)
    angle = math.acos(c)
    both_up = (math.pi - angle) / (2.0 * math.pi)  # P(u_a > 0, u_b > 0)
    product_up = (math.sqrt(1.0 - c * c) + (math.pi - angle) * c) / (2.0 * math.pi)  # E[u_a u_b; both > 0] / q
    split = angle / math.pi  # P(the signs differ)
    product_split = c - 2.0 * product_up
    square = q * (above**2 + below**2) / 2.0
    cross = q * ((above**2 + below**2) * product_up + above * below * product_split)
    slope_square = (above**2 + below**2) / 2.0
    slope_cross = (above**2 + below**2) * both_up + above * below * split
    return Moments(square, cross, slope_square, slope_cross)


@dataclass(frozen=True)
class Profile:
    """What theory says of each hidden layer, from the input; arrays (depth,).

    grad_rms     √E[(∂L/∂W)²]
    q, c         variance of a pre-activation, correlation between two inputs
    weights      √(σ_w²): the factor on the gradient that passing the layer's weights brings
    slopes       √E[φ'²]: the factor that φ' brings
    """

    grad_rms: np.ndarray
    q: np.ndarray
    c: np.ndarray
    weights: np.ndarray
    slopes: np.ndarray


def applies(activation: str, norm: str, residual: str, dataset: str, loss: str) -> bool:
    """Whether the theory predicts gradients here: plain networks, Gaussian inputs, a readout it can average over.

    An all-ones readout (``sum``) will do where φ' is even; elsewhere outputs correlate with it.
    """
    readout = loss == "projection" or (loss == "sum" and ACTIVATIONS.parse(activation).entry.even_slope)
    return norm == "none" and residual == "none" and dataset.startswith("gaussian") and readout


@lru_cache(maxsize=4096)
def gradient_profile(activation: str, init: str, depth: int, width: int, features: int, batch_size: int) -> Profile:
    """The prediction for each layer of a network with a random readout v ~ N(0, 1) and loss Σ over the batch of v · h.

    It is the root mean square over seeds; a mean of logs lies below it.
    """
    part = INITS.parse(init)
    fans = [(width, features)] + [(width, width)] * (depth - 1)
    variances = [part.entry.variance(fan_out, fan_in, **part.arguments) for fan_out, fan_in in fans]
    square, cross = 1.0, 0.0  # independent N(0, 1) inputs
    squares, crosses, layers, q, c = [square], [cross], [], [], []
    for (_, fan_in), (weight_variance, bias_variance) in zip(fans, variances, strict=True):
        q.append(weight_variance * fan_in * square + bias_variance)
        shared = weight_variance * fan_in * cross + bias_variance
        c.append(min(1.0, shared / q[-1]) if q[-1] > 0 else 1.0)
        layer = moments(activation, q[-1], c[-1])
        square, cross = layer.square, layer.cross
        squares.append(square)
        crosses.append(cross)
        layers.append(layer)
    back_square = back_cross = 1.0  # E[v²]
    grad_square = np.zeros(depth)
    for index in reversed(range(depth)):
        back_square *= layers[index].slope_square
        back_cross *= layers[index].slope_cross
        pairs = batch_size * (batch_size - 1)
        grad_square[index] = batch_size * back_square * squares[index] + pairs * back_cross * crosses[index]
        factor = variances[index][0] * fans[index][0]  # δ sums over this layer's units on its way to the one before
        back_square *= factor
        back_cross *= factor
    weights = np.array(
        [math.sqrt(variance * fan_out) for (fan_out, _), (variance, _) in zip(fans, variances, strict=True)]
    )
    slopes = np.sqrt([layer.slope_square for layer in layers])
    return Profile(np.sqrt(grad_square), np.array(q), np.array(c), weights, slopes)


class FixedPoint(NamedTuple):
    """Where deep signals settle: variance q*, χ₁ = σ_w² E[φ'²] there, and the depth scale ξ = 1/|ln χ₁| in layers."""

    q_star: float
    chi_1: float
    depth_scale: float


@lru_cache(maxsize=1024)
def fixed_point(activation: str, init: str, width: int) -> FixedPoint:
    """The fixed point of q for square layers of this width; q* is inf where signals grow without end.

    χ₁ is the factor on the mean squared gradient per layer towards the input: below 1 it vanishes, above 1 it explodes.
    """
    part = INITS.parse(init)
    weight_variance, bias_variance = part.entry.variance(width, width, **part.arguments)
    sigma_w_square = weight_variance * width
    q = _settling_point(
        lambda q: sigma_w_square * moments(activation, q, 1.0).square + bias_variance, sigma_w_square + bias_variance
    )
    chi_1 = sigma_w_square * moments(activation, min(q, 1e12), 1.0).slope_square
    rate = abs(math.log(chi_1)) if chi_1 > 0 else math.inf
    return FixedPoint(q, chi_1, 1.0 / rate if rate > 1e-9 else math.inf)


def _settling_point(following: Callable[[float], float], start: float) -> float:
    """Where q -> following(q) settles from ``start``: 0, a fixed point, or inf. The map never decreases with q.

    Such a map moves to the nearest fixed point in the direction in which it starts; near a critical point it takes
    thousands of steps, so the point is bracketed and halved instead.
    """
    growth = following(start) - start
    if start == 0.0 or abs(growth) <= 1e-12 * start:
        return start
    factor = 0.1 if growth < 0 else 10.0
    near = start
    while True:
        far = near * factor
        if far < 1e-15:
            return 0.0
        if far > 1e12:
            return math.inf
        if (following(far) - far) * growth <= 0:
            break
        near = far
    for _ in range(60):
        middle = math.sqrt(near * far)
        if (following(middle) - middle) * growth > 0:
            near = middle
        else:
            far = middle
    return near
