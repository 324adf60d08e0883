"""What autograd's graph tells: which operation made a tensor, which parameters a loss reaches, which losses it is made of."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import torch

MOST_NODES = 4000  # a walk ends there; a graph that grows without end is seen long before
RESHAPES = re.compile(
    r"^(Unsafe)?View|^Reshape|^Squeeze|^Unsqueeze|^T$|^Transpose|^Permute|^Expand|^Clone|^Slice|^Select|^Alias|"
    r"^AsStrided|^ToCopy|^Contiguous|^Flatten|^Index|^Gather|^Unbind|^Split|^Chunk|^MaxPool|^AvgPool|^AdaptiveAvg|^Mkldnn(Max|Avg)"
)
LINEAR = {"Addmm", "Mm", "Convolution", "MkldnnConvolution", "Linear", "ThnnConv2D", "Addbmm", "Baddbmm", "Addmv"}
LOSSES = {
    "NllLoss": "nll",
    "NllLoss2D": "nll",
    "MseLoss": "mse",
    "L1Loss": "l1",
    "SmoothL1Loss": "smooth_l1",
    "HuberLoss": "huber",
    "BinaryCrossEntropy": "bce",
    "BinaryCrossEntropyWithLogits": "bce_with_logits",
    "KlDiv": "kl_div",
    "SoftMarginLoss": "soft_margin",
}


def operation(node: Any) -> str:
    """``Relu`` for ReluBackward0; empty for no node."""
    return _short(node.name()) if node is not None else ""


@cache
def _short(name: str) -> str:
    return re.sub(r"Backward\d*$", "", name.rsplit("::", 1)[-1])


def first_parent(node: Any) -> Any:
    """The node that made the first input which needs a gradient."""
    for parent, _ in node.next_functions:
        if parent is not None:
            return parent
    return None


def producer(node: Any) -> tuple[str, Any]:
    """The operation that made a tensor, reshapes, pooling and dropout's mask apart, and its node."""
    for _ in range(24):
        name = operation(node)
        if RESHAPES.match(name) or (name == "Mul" and _is_mask(node)) or name.startswith("NativeDropout"):
            node = first_parent(node)
            continue
        return name, node
    return "", None


def _is_mask(node: Any) -> bool:
    """Dropout on a CPU multiplies with a mask of the same shape that needs no gradient."""
    parents = node.next_functions
    if len(parents) != 2 or parents[1][0] is not None:
        return False
    try:
        other = node._saved_other
    except (AttributeError, RuntimeError):
        return False
    if not isinstance(other, torch.Tensor) or other.dim() == 0:
        return False
    values = other.detach().reshape(-1)[:256]
    return bool(((values == 0) | (values == values.max())).all())


def leaf(node: Any) -> Any:
    """The leaf tensor of an AccumulateGrad node; None for others."""
    return getattr(node, "variable", None) if operation(node) == "AccumulateGrad" else None


def parameters_of(node: Any) -> Iterator[torch.Tensor]:
    """The leaves that feed this operation directly, transposed or cast at most: its weight and bias."""
    for parent, _ in node.next_functions:
        for _ in range(4):
            if parent is None:
                break
            tensor = leaf(parent)
            if tensor is not None:
                yield tensor
                break
            if not RESHAPES.match(operation(parent)):
                break
            parent = first_parent(parent)  # noqa: PLW2901


def shape_of(node: Any) -> tuple[int, ...]:
    """The shape of what the operation put out, as far as it is known."""
    try:
        return tuple(int(size) for size in node._input_metadata[0].shape)
    except (AttributeError, IndexError, TypeError, RuntimeError):
        return ()


@dataclass
class Graph:
    """What a backward pass goes through.

    leaves  the tensors whose gradient it fills
    nodes   how many operations, at most MOST_NODES
    top     the operations from the loss downwards, a few
    losses  torch's own losses in it: kind, the factor that scales it (NaN where it isn't known), whether it is divided
    blown   shapes of a difference that is larger than both its sides
    kinds   how often each operation stands in it
    """

    leaves: list[torch.Tensor] = field(default_factory=list)
    nodes: int = 0
    top: list[str] = field(default_factory=list)
    losses: list[dict[str, Any]] = field(default_factory=list)
    blown: dict[str, Any] = field(default_factory=dict)
    kinds: dict[str, int] = field(default_factory=dict)


def graph_of(root: torch.Tensor) -> Graph:
    """The graph below ``root``, nearest first."""
    graph = Graph()
    if root.grad_fn is None:
        if root.requires_grad:
            graph.leaves.append(root)
        return graph
    visited = {root.grad_fn}
    level: list[tuple[Any, float, bool]] = [(root.grad_fn, 1.0, False)]  # node, factor down to it, divided on the way
    depth = 0
    while level and graph.nodes < MOST_NODES:
        below: list[tuple[Any, float, bool]] = []
        for node, factor, divided in level:
            graph.nodes += 1
            name = operation(node)
            graph.kinds[name] = graph.kinds.get(name, 0) + 1
            tensor = leaf(node)
            if tensor is not None:
                graph.leaves.append(tensor)
                continue
            if len(graph.top) < 16:
                graph.top.append(name)
            if name in LOSSES:
                graph.losses.append({"kind": LOSSES[name], "factor": factor, "divided": divided, "node": node})
            if depth < 12 and name in ("Sub", "Rsub") and not graph.blown:
                graph.blown = _blown(node)
            factor, divided = _scaled(name, node, factor, divided)  # noqa: PLW2901
            for parent, _ in node.next_functions:
                if parent is not None and parent not in visited:
                    visited.add(parent)
                    below.append((parent, factor, divided))
        level, depth = below, depth + 1
    return graph


def _scaled(name: str, node: Any, factor: float, divided: bool) -> tuple[float, bool]:
    """The factor and whether something was divided, one operation further down."""
    if name == "Neg":
        return -factor, divided
    if name == "Mean":
        return factor, True
    if name == "Div":
        return factor / (_scalar(node) or math.nan), True
    if name == "Mul":
        scalar = _scalar(node)
        if math.isnan(scalar):
            return math.nan, True
        return factor * scalar, divided or abs(scalar) < 1
    if name in ("Rsub",):
        return -factor, divided
    return factor, divided


def _scalar(node: Any) -> float:
    """The number that an operation multiplies or divides by; NaN where it is none."""
    try:
        other = node._saved_other
        return float(other) if isinstance(other, torch.Tensor) and other.numel() == 1 else math.nan
    except (AttributeError, RuntimeError, TypeError):
        return math.nan


def _blown(node: Any) -> dict[str, Any]:
    """Shapes of prediction and difference where (B, 1) minus (B) has become (B, B), the target needing no gradient."""
    out = shape_of(node)
    parents = [parent for parent, _ in node.next_functions]
    sides = [parent for parent in parents if parent is not None]
    if len(out) != 2 or out[0] != out[1] or out[0] < 2 or len(sides) != 1 or len(parents) != 2:
        return {}
    prediction = shape_of(sides[0]) if leaf(sides[0]) is None else tuple(leaf(sides[0]).shape)
    rows = out[0]
    if prediction in ((rows, 1), (rows,), (1, rows)):
        return {"prediction": list(prediction), "difference": list(out)}
    return {}
