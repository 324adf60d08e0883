"""Gradient clippers: what is done to a run's gradient before the optimizer sees it.

Each works on all parameters of R runs at once, (R, P), in place, with an argument per run, and says which runs were
above their threshold. ``source`` of the entries names the paper; the arithmetic is PyTorch's where PyTorch has it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from core.registry import Argument, Entry, Registry

if TYPE_CHECKING:
    from torch import Tensor

EPS = 1e-6  # as torch.nn.utils.clip_grad_norm_
SMALLEST_NORM = 1e-3  # of a unit's weights, as in Brock 2021, so that zero weights can learn


class Block(Protocol):
    """One parameter tensor's place in a row of (R, P)."""

    start: int
    size: int
    matrix: bool
    output: bool

    def view(self, flat: Tensor) -> Tensor:
        """Its part of (R, P), as (R, rows, columns)."""
        ...


class Layout(Protocol):
    """Where the parameter tensors lie in a row of (R, P)."""

    blocks: Sequence[Block]


@dataclass(frozen=True, kw_only=True)
class Clipper(Entry):
    """A clipper.

    clip         (gradient, parameters, norm, layout, history, **arguments) -> (R,) bool: which runs were clipped; None does nothing
    code         (**arguments) -> lines of a plain script that clip ``model``'s gradients and set ``clipped``
    keeps_direction  the clipped gradient is the gradient times a factor

    gradient     (R, P), changed in place;  parameters (R, P)
    norm         (R,), each run's global norm before
    history      list of earlier norms (R,), to be appended to
    arguments    (R, 1) each
    """

    clip: Callable[..., Tensor] | None
    code: Callable[..., str]
    keeps_direction: bool = True


def _norm(
    gradient: Tensor, parameters: Tensor, norm: Tensor, layout: Layout, history: list[Tensor], max_norm: Tensor
) -> Tensor:
    """g · min(1, max_norm / (‖g‖ + 1e-6)); Pascanu 2013, arXiv:1211.5063, algorithm 1."""
    gradient.mul_((max_norm / (norm[:, None] + EPS)).clamp_(max=1.0))
    return norm > max_norm[:, 0]


def _value(
    gradient: Tensor, parameters: Tensor, norm: Tensor, layout: Layout, history: list[Tensor], clip_value: Tensor
) -> Tensor:
    import torch

    clipped = gradient.abs().amax(1) > clip_value[:, 0]
    torch.clamp(gradient, -clip_value, clip_value, out=gradient)
    return clipped


def _per_parameter(
    gradient: Tensor, parameters: Tensor, norm: Tensor, layout: Layout, history: list[Tensor], max_norm: Tensor
) -> Tensor:
    """Each parameter tensor on its own norm."""
    import torch

    clipped = torch.zeros(len(gradient), dtype=torch.bool, device=gradient.device)
    for block in layout.blocks:
        own = gradient[:, block.start : block.start + block.size]
        size = torch.linalg.vector_norm(own, dim=1, keepdim=True)
        own.mul_((max_norm / (size + EPS)).clamp_(max=1.0))
        clipped |= (size > max_norm)[:, 0]
    return clipped


def _adaptive(
    gradient: Tensor, parameters: Tensor, norm: Tensor, layout: Layout, history: list[Tensor], clipping: Tensor
) -> Tensor:
    """AGC: each unit's gradient at most ``clipping`` times the norm of its weights; Brock 2021, arXiv:2102.06171.

    A unit is a row of a weight matrix, and a whole vector of biases; the last layer is left out.
    """
    import torch

    clipped = torch.zeros(len(gradient), dtype=torch.bool, device=gradient.device)
    for block in layout.blocks:
        if block.output:
            continue
        axes = (2,) if block.matrix else (1, 2)
        own, weights = block.view(gradient), block.view(parameters)
        limit = clipping[:, :, None] * torch.linalg.vector_norm(weights, dim=axes, keepdim=True).clamp_(SMALLEST_NORM)
        size = torch.linalg.vector_norm(own, dim=axes, keepdim=True)
        above = size > limit
        own.mul_(torch.where(above, limit / size.clamp(min=EPS), 1.0))
        clipped |= above.flatten(1).any(1)
    return clipped


def _auto(
    gradient: Tensor, parameters: Tensor, norm: Tensor, layout: Layout, history: list[Tensor], percentile: Tensor
) -> Tensor:
    """AutoClip: the threshold is a percentile of the run's norms so far, this one among them; Seetharaman 2020."""
    import torch

    history.append(norm.clone())
    ordered = torch.stack(history, 1).sort(1).values  # NaN last: a diverged run's own affair
    place = percentile[:, 0].to(ordered.dtype) / 100.0 * (len(history) - 1)  # NumPy's linear percentile
    low = place.floor().long()
    share = place - low
    below, above = (ordered.gather(1, index[:, None])[:, 0] for index in (low, (low + 1).clamp(max=len(history) - 1)))
    threshold = below + (above - below) * share
    gradient.mul_((threshold / (norm + EPS)).clamp_(max=1.0)[:, None])
    return norm > threshold


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
    ),
    Clipper(
        name="none",
        label="no clipping",
        source="the gradient as it is",
        clip=None,
        code=lambda: "clipped = False",
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
