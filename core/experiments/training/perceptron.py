"""The multilayer perceptron as experiments build it: which combinations of its settings are possible, and its shape."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from core.parts.activations import ACTIVATIONS
from core.parts.norms import NORMS
from core.parts.residuals import RESIDUALS

if TYPE_CHECKING:
    from core.engine.network import Network


class Perceptron(Protocol):
    """The settings of one network."""

    @property
    def depth(self) -> int | None: ...  # noqa: D102
    @property
    def width(self) -> int: ...  # noqa: D102
    @property
    def activation(self) -> str | None: ...  # noqa: D102
    @property
    def norm(self) -> str | None: ...  # noqa: D102
    @property
    def residual(self) -> str | None: ...  # noqa: D102
    @property
    def dataset(self) -> str: ...  # noqa: D102
    @property
    def batch_size(self) -> int: ...  # noqa: D102


def contradiction(settings: Perceptron, features: int | None) -> str | None:
    """The first reason why this network can't be built, or None; ``features`` are its inputs."""
    depth, own_norm, residual_form = _given(settings)
    residual = RESIDUALS.parse(residual_form).entry
    norm = residual.own_norm or own_norm
    if residual.own_norm and own_norm != "none":
        return f"norm: {residual.name} brings its own {residual.own_norm} norm along; use norm=none, not {own_norm}"
    if depth % residual.block:
        return f"depth: {residual.name} has {residual.block} layers a block, so depth must be even, but got {depth}"
    if residual.needs_width and features != settings.width:
        return (
            f"width: {residual.name} adds its input to its output, so width must be {features}, "
            f"the features of {settings.dataset}, but got {settings.width}"
        )
    if NORMS[norm].over_batch and settings.batch_size == 1:
        return (
            f"batch_size: {norm} norm takes its statistics over the batch, so batch_size must be 2 or more, but got 1"
        )
    return None


def network(settings: Perceptron, features: int, outputs: int) -> Network:
    """The network's shape; a trained readout where there are ``outputs``."""
    from core.engine.network import Network

    depth, norm, form = _given(settings)
    residual = RESIDUALS.parse(form)
    forms = residual.entry.layers(depth, norm, features == settings.width, **residual.arguments)
    assert settings.activation is not None
    return Network(features, settings.width, outputs, ACTIVATIONS.parse(settings.activation), tuple(forms))


def _given(settings: Perceptron) -> tuple[int, str, str]:
    """Depth, norm and residual form, which only other kinds of network lack."""
    assert settings.depth is not None and settings.norm is not None and settings.residual is not None
    return settings.depth, settings.norm, settings.residual
