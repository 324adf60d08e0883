"""The largest curvature of a loss, and the learning rates that it allows: Lanczos on Hessian-vector products.

Near a minimum a loss is a parabola in every eigendirection of its Hessian. Gradient descent with rate η multiplies the
distance along one with eigenvalue λ by 1 - ηλ a step: it converges where η < 2/λ, so the largest eigenvalue decides.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

    from core.parts.optimizers import Optimizer
    from core.registry import Part

Product = Callable[["Tensor"], "Tensor"]  # v (R, P) -> H v (R, P), each run's own Hessian

ITERATIONS = 80
PRECISION = 1e-6  # relative change of the largest eigenvalue at which Lanczos has found it
DIFFERENCE = 1e-8  # length of a step to either side: so short that next to no ReLU changes sides, which would spoil it


def difference_product(gradient: Callable[[Tensor], Tensor], parameters: Tensor) -> Product:
    """H v as the central difference of gradients, (g(θ + εv) - g(θ - εv)) / 2ε, for v of length 1; in float64.

    gradient    parameters (R, P) -> gradient (R, P), a tensor of its own
    parameters  (R, P)

    Rounding leaves about 1e-7 of H v, ε² times a third derivative far less. Exact products need a second backward pass,
    which a gradient written by hand does not have.
    """
    return lambda v: (gradient(parameters + DIFFERENCE * v) - gradient(parameters - DIFFERENCE * v)) / (2 * DIFFERENCE)


def largest_eigenvalue(product: Product, start: Tensor) -> np.ndarray:
    """The largest algebraic eigenvalue of each run's symmetric matrix, (R,); NaN where a product is not finite.

    start  (R, P), float64: where the Krylov space begins; any vector that the top eigenvector is not orthogonal to

    Each run stops at its own first step that changes nothing, so that it does not depend on its neighbours. Power
    iteration would find the eigenvalue largest in size, which may be negative. Source: Lanczos 1950; Golub & Van Loan,
    Matrix Computations, section 10.1.
    """
    import torch

    runs, size = start.shape
    basis = [_unit(start)]
    diagonal: list[np.ndarray] = []
    below: list[np.ndarray] = []
    eigenvalues, previous = np.full(runs, math.nan), np.full(runs, math.nan)
    for _ in range(min(ITERATIONS, size)):
        w = product(basis[-1])
        diagonal.append((w * basis[-1]).sum(1).cpu().numpy())
        top = _tridiagonal_top(diagonal, below)
        done = np.isnan(eigenvalues) & (np.abs(top - previous) <= PRECISION * np.abs(top))
        eigenvalues, previous = np.where(done, top, eigenvalues), top
        if not (np.isnan(eigenvalues) & np.isfinite(top)).any():
            break
        for _ in range(2):  # twice is enough, for vectors that rounding has left aslant (Kahan)
            for v in basis:
                w = w - (w * v).sum(1, keepdim=True) * v
        length = torch.linalg.vector_norm(w, dim=1)
        below.append(length.cpu().numpy())
        basis.append(_unit(w))
    return np.where(np.isnan(eigenvalues), previous, eigenvalues)


def _unit(v: Tensor) -> Tensor:
    """Rows of length 1; a row of zeros stays."""
    import torch

    length = torch.linalg.vector_norm(v, dim=1, keepdim=True)
    return v / torch.where(length > 0, length, torch.ones_like(length))


def _tridiagonal_top(diagonal: list[np.ndarray], below: list[np.ndarray]) -> np.ndarray:
    """The largest eigenvalue of each run's tridiagonal matrix, (R,)."""
    k = len(diagonal)
    matrix = np.zeros((len(diagonal[0]), k, k))
    steps = np.arange(k)
    matrix[:, steps, steps] = np.stack(diagonal, 1)
    if k > 1:
        matrix[:, steps[1:], steps[:-1]] = np.stack(below, 1)  # eigvalsh reads the lower half
    finite = np.array([bool(np.isfinite(one).all()) for one in matrix])
    tops = np.linalg.eigvalsh(np.where(finite[:, None, None], matrix, 0.0))[:, -1]
    return np.where(finite, tops, math.nan)


def max_stable_lr(optimizer: Part[Optimizer], largest: float) -> float:
    """The learning rate above which full-batch descent leaves a parabola of curvature ``largest``; NaN for Adam and its kin.

    2/λ for plain descent, 2(1 + β)/λ with heavy-ball momentum β (Polyak 1964), 2(1 + β)/(λ(1 + 2β)) with Nesterov's.
    """
    if optimizer.entry.name != "sgd" or not largest > 0:
        return math.nan
    momentum = optimizer.arguments["momentum"]
    assert isinstance(momentum, (int, float))
    limit = 2.0 * (1.0 + momentum) / largest
    return limit / (1.0 + 2.0 * momentum) if optimizer.arguments["nesterov"] else limit
