"""Residual forms: what is added where, layer by layer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from core.registry import Argument, Entry, Registry


@dataclass(frozen=True)
class LayerForm:
    """One hidden layer: u = φ(norm(W h_{l-1} + b) + h_{l-before}), then h_l = u, or h_{l-1} + scale · u.

    norm    name of the layer's normalization
    before  how many layers back the output lies that is added to φ's input; 0: nothing is added
    scale   factor on u where h_{l-1} is added after φ; 0: no such skip, and h_l = u
    """

    norm: str
    before: int = 0
    scale: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Residual(Entry):
    """A residual form.

    layers         (depth, norm, same_width, **arguments) -> one LayerForm per hidden layer; ``same_width`` says
                   whether the inputs have as many features as the layers have units
    block          hidden layers per block: the depth is a multiple of it
    own_norm       it brings its normalization along, so ``norm`` must be none
    needs_width    its first skip needs inputs as wide as the layers
    code           (inner, same_width, **arguments) -> the lines of a plain script that lead from ``h`` to ``z``, the
                   input of φ, and to the new ``h``, in a loop over layers. ``inner`` is norm(W h + b) as text; φ is
                   ``self.phi``, and ``layer``, counted from 1, is there for those who name it
    """

    layers: Callable[..., list[LayerForm]]
    code: Callable[..., str]
    block: int = 1
    own_norm: str | None = None
    needs_width: bool = False


def _identity(depth: int, norm: str, same_width: bool, scale: float) -> list[LayerForm]:
    first = LayerForm(norm, scale=scale if same_width else 0.0)
    return [first] + [LayerForm(norm, scale=scale)] * (depth - 1)


def _identity_code(inner: str, same_width: bool, scale: float) -> str:
    added = "self.phi(z)" if scale == 1.0 else f"{scale} * self.phi(z)"
    if same_width:
        return f"z = {inner}\nh = h + {added}"
    return f"z = {inner}\nh = self.phi(z) if layer == 1 else h + {added}  # the inputs have another width"


def _block_code(inner: str, same_width: bool) -> str:
    return f"""\
z = {inner}
if layer % 2:  # the first layer of a block
    skip = h
else:
    z = skip + z
h = self.phi(z)"""


RESIDUALS: Registry[Residual] = Registry(
    "residual",
    Residual(
        name="none",
        label="none",
        source="a plain network",
        layers=lambda depth, norm, same_width: [LayerForm(norm)] * depth,
        code=lambda inner, same_width: f"z = {inner}\nh = self.phi(z)",
    ),
    Residual(
        name="lesson_block",
        label="the lesson's ResidualBlock",
        source="φ(x + BN(W₂ φ(BN(W₁ x)))); He 2016, arXiv:1512.03385",
        layers=lambda depth, norm, same_width: [LayerForm("batch"), LayerForm("batch", before=2)] * (depth // 2),
        code=_block_code,
        block=2,
        own_norm="batch",
        needs_width=True,
    ),
    Residual(
        name="identity",
        label="skip around every layer",
        source="h + scale · φ(W h + b); He 2016, arXiv:1603.05027",
        arguments=(
            Argument(
                name="scale", kind=float, default=1.0, above=0.0, maximum=10.0, meaning="factor on the layer's output"
            ),
        ),
        layers=_identity,
        code=_identity_code,
    ),
)
