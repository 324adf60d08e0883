"""Gradient clippers: what is done to a run's gradient before the optimizer sees it.

Each works on all parameters of R runs at once, (R, P), in place, with an argument per run, and says which runs were
above their threshold. ``source`` of the entries names the paper; the arithmetic is PyTorch's where PyTorch has it.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from core.registry import Argument, Entry, Registry

if TYPE_CHECKING:
    from torch import Tensor

EPS = 1e-6  # as torch.nn.utils.clip_grad_norm_
SMALLEST_NORM = 1e-3  # of a unit's weights, as in Brock 2021, so that zero weights can learn


class Block(Protocol):
    """One parameter tensor's place in a row of (R, P): a matrix or a vector, of the last layer (``output``) or not."""

    @property
    def start(self) -> int: ...  # noqa: D102  # said above
    @property
    def size(self) -> int: ...  # noqa: D102
    @property
    def matrix(self) -> bool: ...  # noqa: D102
    @property
    def output(self) -> bool: ...  # noqa: D102

    def view(self, flat: Tensor) -> Tensor:
        """Its part of (R, P), as (R, rows, columns)."""
        ...


class Layout(Protocol):
    """Where the parameter tensors lie in a row of (R, P)."""

    @property
    def blocks(self) -> Sequence[Block]:
        """One after another."""
        ...


@dataclass
class Gradients:
    """The gradients of R runs, as a clipper meets them.

    values      (R, P), changed in place
    parameters  (R, P)
    norms       (R,), each run's global norm before
    layout      where the parameter tensors lie in a row
    memory      what the clipper keeps from one update to the next; empty before the first
    """

    values: Tensor
    parameters: Tensor
    norms: Tensor
    layout: Layout
    memory: dict[str, Any] = field(default_factory=dict)

    def scale(self, factors: Tensor) -> None:
        """Multiplies each run's gradient by its factor, (R, 1), but never by more than 1."""
        self.values.mul_(factors.clamp(max=1.0))


@dataclass(frozen=True, kw_only=True)
class Clipper(Entry):
    """A clipper.

    clip             (run: Gradients, **arguments) -> (R,) bool: which runs were clipped; arguments are (R, 1) each.
                     None does nothing
    code             (**arguments) -> lines of a plain script that clip ``model``'s gradients and set ``clipped``
    norm_after       (norms, **arguments) -> the norms after clipping, where the norm before alone decides; else None
    keeps_direction  the clipped gradient is the gradient times a factor
    """

    clip: Callable[..., Tensor] | None
    code: Callable[..., str]
    norm_after: Callable[..., np.ndarray] | None = None
    keeps_direction: bool = True


def _norm(run: Gradients, max_norm: Tensor) -> Tensor:
    """g · min(1, max_norm / (‖g‖ + 1e-6)); Pascanu 2013, arXiv:1211.5063, algorithm 1."""
    run.scale(max_norm / (run.norms[:, None] + EPS))
    return run.norms > max_norm[:, 0]


def _value(run: Gradients, clip_value: Tensor) -> Tensor:
    """Each entry at most ``clip_value`` in size."""
    import torch

    clipped = run.values.abs().amax(1) > clip_value[:, 0]
    torch.clamp(run.values, -clip_value, clip_value, out=run.values)
    return clipped


def _per_parameter(run: Gradients, max_norm: Tensor) -> Tensor:
    """Each parameter tensor on its own norm."""
    import torch

    clipped = torch.zeros(len(run.values), dtype=torch.bool, device=run.values.device)
    for block in run.layout.blocks:
        gradient = run.values[:, block.start : block.start + block.size]
        size = torch.linalg.vector_norm(gradient, dim=1, keepdim=True)
        gradient.mul_((max_norm / (size + EPS)).clamp_(max=1.0))
        clipped |= (size > max_norm)[:, 0]
    return clipped


def _adaptive(run: Gradients, clipping: Tensor) -> Tensor:
    """AGC: each unit's gradient at most ``clipping`` times the norm of its weights; Brock 2021, arXiv:2102.06171.

    A unit is a row of a weight matrix, and a whole vector of biases; the last layer is left out.
    """
    import torch

    clipped = torch.zeros(len(run.values), dtype=torch.bool, device=run.values.device)
    for block in run.layout.blocks:
        if block.output:
            continue
        axes = (2,) if block.matrix else (1, 2)
        gradient, weights = block.view(run.values), block.view(run.parameters)
        limit = clipping[:, :, None] * torch.linalg.vector_norm(weights, dim=axes, keepdim=True).clamp_(SMALLEST_NORM)
        size = torch.linalg.vector_norm(gradient, dim=axes, keepdim=True)
        above = size > limit
        gradient.mul_(torch.where(above, limit / size.clamp(min=EPS), 1.0))
        clipped |= above.flatten(1).any(1)
    return clipped


def _auto(run: Gradients, percentile: Tensor) -> Tensor:
    """AutoClip: the threshold is a percentile of the run's norms so far, this one among them; Seetharaman 2020."""
    if "percentiles" not in run.memory:
        run.memory["percentiles"] = [RunningPercentile(value) for value in percentile[:, 0].tolist()]
    pairs = zip(run.memory["percentiles"], run.norms.tolist(), strict=True)
    threshold = run.norms.new_tensor([running.add(norm) for running, norm in pairs])
    run.scale((threshold / (run.norms + EPS))[:, None])
    return run.norms > threshold


class RunningPercentile:
    """A percentile of the numbers so far, as numpy.percentile has it (linear), in O(log n) a number.

    Two heaps hold them: the smaller ones, negated, with their largest on top, and the others with their smallest.
    """

    def __init__(self, percentile: float) -> None:
        self._share = percentile / 100.0
        self._smaller: list[float] = []
        self._larger: list[float] = []

    def add(self, number: float) -> float:
        """The percentile with one number more; NaN counts as infinite."""
        number = math.inf if math.isnan(number) else number
        smaller, larger = self._smaller, self._larger
        if smaller and number < -smaller[0]:
            heapq.heappush(smaller, -number)
        else:
            heapq.heappush(larger, number)
        place = self._share * (len(smaller) + len(larger) - 1)
        low = math.floor(place)
        while len(smaller) > low + 1:
            heapq.heappush(larger, -heapq.heappop(smaller))
        while len(smaller) < low + 1:
            heapq.heappush(smaller, -heapq.heappop(larger))
        below, share = -smaller[0], place - low
        if not share:
            return below
        above = larger[0]
        if math.isinf(above):
            return above
        difference = above - below  # from the nearer side, as NumPy, so that rounding can't leave the two
        return below + difference * share if share < 0.5 else above - difference * (1.0 - share)


def _threshold(name: str, default: float, meaning: str) -> tuple[Argument, ...]:
    return (Argument(name=name, kind=float, default=default, above=0.0, maximum=1e12, meaning=meaning),)


def _adaptive_code(clipping: float) -> str:
    return f"""\
clipped = False
for parameter in list(model.parameters())[:-2]:  # all but the last layer
    axis = 1 if parameter.dim() > 1 else 0
    norm = parameter.grad.norm(dim=axis, keepdim=True)
    limit = {clipping} * parameter.detach().norm(dim=axis, keepdim=True).clamp(min={SMALLEST_NORM})
    parameter.grad.mul_(torch.where(norm > limit, limit / norm.clamp(min={EPS}), 1.0))
    clipped |= (norm > limit).any().item()"""


def _auto_code(percentile: float) -> str:
    return f"""\
import numpy as np
norms.append(grad_norm)
threshold = np.percentile(norms, {percentile})
nn.utils.clip_grad_norm_(model.parameters(), threshold)
clipped = grad_norm > threshold"""


def _per_parameter_code(max_norm: float) -> str:
    return f"""\
clipped = False
for parameter in model.parameters():
    norm = nn.utils.clip_grad_norm_([parameter], max_norm={max_norm})
    clipped |= (norm > {max_norm}).item()"""


def _value_code(clip_value: float) -> str:
    return f"""\
clipped = any((parameter.grad.abs() > {clip_value}).any() for parameter in model.parameters())
nn.utils.clip_grad_value_(model.parameters(), clip_value={clip_value})"""


def _norm_code(max_norm: float) -> str:
    return f"""\
nn.utils.clip_grad_norm_(model.parameters(), max_norm={max_norm})
clipped = grad_norm > {max_norm}"""


CLIPPERS: Registry[Clipper] = Registry(
    "clipper",
    Clipper(
        name="norm",
        label="by global norm",
        source="torch.nn.utils.clip_grad_norm_; Pascanu 2013, arXiv:1211.5063",
        arguments=_threshold("max_norm", 1.0, "largest norm of the whole gradient"),
        clip=_norm,
        code=_norm_code,
        norm_after=lambda norms, max_norm: norms * np.minimum(1.0, max_norm / (norms + EPS)),
    ),
    Clipper(
        name="none",
        label="no clipping",
        source="the gradient as it is",
        clip=None,
        code=lambda: "clipped = False",
        norm_after=lambda norms: norms,
    ),
    Clipper(
        name="value",
        label="by value",
        source="torch.nn.utils.clip_grad_value_",
        arguments=_threshold("clip_value", 0.1, "largest size of a single entry"),
        clip=_value,
        code=_value_code,
        keeps_direction=False,
    ),
    Clipper(
        name="per_parameter",
        label="each parameter by its norm",
        source="torch.nn.utils.clip_grad_norm_ on one parameter at a time",
        arguments=_threshold("max_norm", 1.0, "largest norm of a parameter tensor's gradient"),
        clip=_per_parameter,
        code=_per_parameter_code,
        keeps_direction=False,
    ),
    Clipper(
        name="adaptive",
        label="adaptive, by unit (AGC)",
        source="Brock 2021, arXiv:2102.06171; the last layer is left out",
        arguments=_threshold("clipping", 0.01, "largest gradient norm of a unit, relative to its weights' norm"),
        clip=_adaptive,
        code=_adaptive_code,
        keeps_direction=False,
    ),
    Clipper(
        name="auto",
        label="at a percentile of its own norms (AutoClip)",
        source="Seetharaman 2020, arXiv:2007.14469",
        arguments=(
            Argument(
                name="percentile",
                kind=float,
                default=10.0,
                minimum=0.0,
                maximum=100.0,
                meaning="percentile of the run's norms so far that is the threshold",
            ),
        ),
        clip=_auto,
        code=_auto_code,
    ),
)
