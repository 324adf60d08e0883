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

    depth: int
    width: int
    activation: str
    norm: str
    residual: str
    dataset: str
    batch_size: int


def contradiction(settings: Perceptron, features: int | None) -> str | None:
    """The first reason why this network can't be built, or None; ``features`` are its inputs."""
    residual = RESIDUALS.parse(settings.residual).entry
    norm = residual.own_norm or settings.norm
    if residual.own_norm and settings.norm != "none":
        return (
            f"norm: {residual.name} brings its own {residual.own_norm} norm along; use norm=none, not {settings.norm}"
        )
    if settings.depth % residual.block:
        return (
            f"depth: {residual.name} has {residual.block} layers a block, so depth must be even, but got {settings.depth}"
        )
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

    residual = RESIDUALS.parse(settings.residual)
    forms = residual.entry.layers(settings.depth, settings.norm, features == settings.width, **residual.arguments)
    return Network(features, settings.width, outputs, ACTIVATIONS.parse(settings.activation), tuple(forms))
