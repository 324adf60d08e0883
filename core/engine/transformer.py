r"""A stack of small transformers that trains: pre-norm, causal, a linear readout of the last place, mean square error.

    R runs of a stack, T places of a sequence, B batch rows, D inputs, H units, A heads, K = H / A units of a head

With sines and cosines of the place added to a Linear of the inputs (Vaswani 2017, arXiv:1706.03762), each block is

    x = x + Attention(LayerNorm(x))     x = x + W₂ φ(W₁ LayerNorm(x))     (Xiong 2020, arXiv:2002.04745)

and a last LayerNorm stands before the readout. The key has no bias: softmax takes no notice of it, so its gradient
would be rounding noise, which Adam blows up. Signals are feature-major, (R, H, B · T), with H, K and T padded. Padded
places come after all others, so that the causal mask hides them; padded units are kept at zero. The gradient is
autograd's.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from core.engine import draws, padded
from core.engine.data import Batch
from core.engine.layout import Layout
from core.parts.activations import Activation
from core.parts.inits import INITS
from core.parts.norms import EPS
from core.registry import Part

if TYPE_CHECKING:
    from torch import Tensor

MLP = 4  # times the width: hidden units of a block's perceptron, as in Vaswani 2017


@dataclass(frozen=True)
class Blocks:
    """The shape of a transformer: ``depth`` blocks of ``width`` units and ``heads`` heads, which divide the width."""

    depth: int
    width: int
    heads: int
    activation: Part[Activation]


class Units(NamedTuple):
    """Units on one side of a Linear layer: ``size`` in each of so many ``heads``, each head padded by itself."""

    heads: int
    size: int

    @property
    def all(self) -> int:
        """How many there are."""
        return self.heads * self.size

    @property
    def padded(self) -> int:
        """Rows or columns that they take."""
        return self.heads * padded(self.size)


class Linear(NamedTuple):
    """A Linear layer from ``inputs`` to ``outputs``."""

    name: str
    outputs: Units
    inputs: Units
    biased: bool = True


class _Phi(torch.autograd.Function):
    """φ of a registry's entry, differentiated by the entry's own φ'."""

    @staticmethod
    def forward(ctx: Any, z: Tensor, phi: Part[Activation]) -> Tensor:
        h = torch.empty_like(z)
        phi.entry.apply(z, h, **phi.arguments)
        ctx.save_for_backward(z, h)
        ctx.phi = phi
        return h

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        z, h = ctx.saved_tensors
        slope = torch.empty_like(z)
        ctx.phi.entry.derivative(z, h, slope, **ctx.phi.arguments)
        return slope.mul_(gradient), None


class Transformer:
    """R transformers of one shape.

    parameters, gradient  (R, P), laid out as ``layout`` says; the gradient is that of the latest batch
    """

    def __init__(
        self, shape: Blocks, features: int, runs: tuple[tuple[str, int], ...], dtype: torch.dtype, device: str
    ) -> None:
        assert shape.width % shape.heads == 0
        self._shape, self._features = shape, features
        self.layout = Layout.of(self._tensors())
        self.parameters = torch.zeros(len(runs), self.layout.size, dtype=dtype, device=device)
        self.gradient = torch.zeros_like(self.parameters)
        views = self.layout.views(self.parameters)
        for name, view in views.items():
            if name.endswith("gain"):
                view[:, : shape.width] = 1.0
        for r, (init, seed) in enumerate(runs):
            self._draw({name: view[r] for name, view in views.items()}, init, seed)
        self._leaves = {
            name: view.detach().requires_grad_() for name, view in views.items()
        }  # same numbers, not copies
        self._gradients = self.layout.views(self.gradient)
        self._real = self.parameters.new_zeros(padded(shape.width), 1)
        self._real[: shape.width] = 1.0
        self._real_hidden = self.parameters.new_zeros(padded(MLP * shape.width), 1)
        self._real_hidden[: MLP * shape.width] = 1.0
        self._rows = 0  # of the training's batches

    def _linears(self, block: int) -> list[Linear]:
        """The Linear layers of one block, in the order of the PyTorch module's parameters."""
        width, heads = Units(1, self._shape.width), Units(self._shape.heads, self._shape.width // self._shape.heads)
        hidden = Units(1, MLP * self._shape.width)
        return [
            Linear(f"query {block}", heads, width),
            Linear(f"key {block}", heads, width, biased=False),
            Linear(f"value {block}", heads, width),
            Linear(f"projection {block}", width, heads),
            Linear(f"up {block}", hidden, width),
            Linear(f"down {block}", width, hidden),
        ]

    def _all_linears(self) -> list[Linear]:
        """The network's Linear layers, which are numbered from 1."""
        width, inside = Units(1, self._shape.width), range(1, self._shape.depth + 1)
        return [
            Linear("input", width, Units(1, self._features)),
            *(linear for block in inside for linear in self._linears(block)),
            Linear("readout", Units(1, 1), width),
        ]

    def _tensors(self) -> Iterator[tuple[str, int, int, bool]]:
        """Name, rows, columns of every tensor, and whether it is the readout's."""
        width = self._shape.width
        for linear in self._all_linears():
            role, _, block = linear.name.partition(" ")
            norm = {"query": f"attention norm {block}", "up": f"mlp norm {block}", "readout": "norm"}.get(role)
            if norm:
                yield from ((f"{norm} {part}", width, 0, False) for part in ("gain", "shift"))
            last = role == "readout"
            yield linear.name, linear.outputs.padded, linear.inputs.padded, last
            if linear.biased:
                yield f"{linear.name} bias", linear.outputs.padded, 0, last

    def _draw(self, views: dict[str, Tensor], init: str, seed: int) -> None:
        """Fills one run's weights and biases."""
        part = INITS.parse(init)
        for layer, (name, outputs, inputs, biased) in enumerate(self._all_linears(), start=1):
            fans = outputs.all, inputs.all
            weight = part.entry.weight(draws.generator(seed, "weight", layer), *fans, **part.arguments)
            weights = views[name][: outputs.padded, : inputs.padded].unflatten(1, (inputs.heads, -1))
            weights = weights.unflatten(0, (outputs.heads, -1))[:, : outputs.size, :, : inputs.size]
            weights.copy_(weight.view(*outputs, *inputs))
            if biased and part.entry.bias is not None:
                bias = part.entry.bias(draws.generator(seed, "bias", layer), *fans, **part.arguments)
                views[f"{name} bias"].unflatten(0, (outputs.heads, -1))[:, : outputs.size, 0] = bias.view(*outputs)

    def learn(self, batch: Batch) -> Tensor:
        """Each run's loss on the batch, (R,), in float64; its gradient stands in ``gradient`` then."""
        self._rows = batch.rows
        loss = self._loss(batch.inputs[..., : batch.rows], batch.targets)
        gradients = torch.autograd.grad(loss.sum(), list(self._leaves.values()))  # no run's loss depends on another run
        for place, gradient in zip(self._gradients.values(), gradients, strict=True):
            place.copy_(gradient)
        return loss.detach()

    @torch.no_grad()
    def evaluate(self, batch: Batch) -> tuple[Tensor, ...]:
        """Each run's loss on the batch, (R,), in float64; a number has no accuracy, so NaN beside it.

        Read in pieces as wide as the training's batches, so that it needs no more memory than they do.
        """
        total = torch.zeros(len(self.parameters), dtype=torch.float64, device=self.parameters.device)
        width = self._rows or batch.rows
        for start in range(0, batch.rows, width):
            piece = slice(start, min(start + width, batch.rows))
            loss = self._loss(batch.inputs[..., piece], batch.targets[:, piece])
            total += loss * (piece.stop - piece.start)
        loss = total / batch.rows
        return loss, *(torch.full_like(loss, math.nan) for _ in range(2))

    def _loss(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """Mean square error (R,), in float64, on inputs (T, R, D, B) without padded rows."""
        last = self._last(inputs)
        columns = torch.nn.functional.pad(last, (0, padded(last.shape[2]) - last.shape[2]))
        output = self._linear("readout", self._norm("norm", columns))[:, 0, : last.shape[2]]
        error = (output - targets).double()
        return (error * error).mean(1)

    def _last(self, inputs: Tensor) -> Tensor:
        """The last place's signal behind all blocks, (R, H, B)."""
        length, _, _, rows = inputs.shape
        places = padded(length)
        signal = torch.nn.functional.pad(inputs.permute(1, 2, 3, 0), (0, places - length))
        x = self._linear("input", signal.flatten(2)).unflatten(2, (rows, places))
        x = (x + _position(places, self._shape.width, len(self._real)).to(x)[:, None]).flatten(2)
        for block in range(1, self._shape.depth + 1):
            x = x + self._attention(block, self._norm(f"attention norm {block}", x), rows)
            up = self._linear(f"up {block}", self._norm(f"mlp norm {block}", x))
            hidden: Tensor = _Phi.apply(up, self._shape.activation) * self._real_hidden  # φ(0) need not be 0
            x = x + self._linear(f"down {block}", hidden)
        return x.unflatten(2, (rows, places))[..., length - 1]

    def _attention(self, block: int, x: Tensor, rows: int) -> Tensor:
        """softmax(qᵀk / √K) v in every head, each place seeing itself and those before it; then the projection."""
        heads, places = self._shape.heads, x.shape[2] // rows
        shape = (len(x), heads, -1, rows, places)

        def by_head(name: str) -> Tensor:  # (R · A · B, K, T)
            return self._linear(f"{name} {block}", x).view(shape).transpose(2, 3).flatten(0, 2)

        scores = torch.bmm(by_head("query").transpose(1, 2), by_head("key")) / math.sqrt(self._shape.width // heads)
        later = torch.ones(places, places, dtype=torch.bool, device=x.device).triu(1)  # [query, key]
        shares = scores.masked_fill(later, -math.inf).softmax(2)
        head_outputs = torch.bmm(by_head("value"), shares.transpose(1, 2)).unflatten(0, (len(x), heads, rows))
        return self._linear(f"projection {block}", head_outputs.transpose(2, 3).flatten(3).flatten(1, 2))

    def _linear(self, name: str, x: Tensor) -> Tensor:
        """W x + b."""
        weight, bias = self._leaves[name], self._leaves.get(f"{name} bias")
        return torch.bmm(weight, x) if bias is None else torch.baddbmm(bias, weight, x)

    def _norm(self, name: str, x: Tensor) -> Tensor:
        """LayerNorm over the real units; padded ones are zero before and after, and get no gradient."""
        width = self._shape.width
        centred = (x - x[:, :width].mean(1, keepdim=True)) * self._real
        inverse = ((centred * centred).sum(1, keepdim=True) / width + EPS).rsqrt()
        return centred * inverse * self._leaves[f"{name} gain"] + self._leaves[f"{name} shift"]


def _position(places: int, width: int, rows: int) -> Tensor:
    """Sines and cosines of every place, (rows, T), float32, of which ``width`` rows are real; Vaswani 2017, section 3.5."""
    place = torch.arange(places, dtype=torch.float64)[:, None]
    angle = place / 10000 ** (torch.arange(0, width, 2, dtype=torch.float64) / width)
    code = torch.zeros(rows, places)
    code[:width] = torch.stack([angle.sin(), angle.cos()], 2).flatten(1).T
    return code
