"""Remedies against vanishing gradients: named sets of activation, init, norm, residual form and clipper."""

from __future__ import annotations

from dataclasses import dataclass

from core.registry import Entry, Registry

MEMBERS = ("activation", "init", "norm", "residual", "clipper")


@dataclass(frozen=True, kw_only=True)
class Remedy(Entry):
    """A remedy: what it takes of each registry; what it leaves alone is as in the plain network."""

    activation: str = "sigmoid"
    init: str = "torch_default"
    norm: str = "none"
    residual: str = "none"
    clipper: str = "none"

    @property
    def members(self) -> dict[str, str]:
        """Its parts by their setting."""
        return {name: getattr(self, name) for name in MEMBERS}


REMEDIES: Registry[Remedy] = Registry(
    "remedy",
    Remedy(name="plain", label="the plain sigmoid network", source="the lesson's network that does not train"),
    Remedy(name="relu", label="ReLU", source="the lesson's ModernNet; Glorot 2011", activation="relu"),
    Remedy(
        name="residual_blocks",
        label="residual blocks",
        source="the lesson's ResidualBlock: two Linear, two BatchNorm, ReLU after the sum; He 2016, arXiv:1512.03385",
        activation="relu",
        residual="lesson_block",
    ),
    Remedy(
        name="batch_norm",
        label="BatchNorm",
        source="the lesson's BatchNormNet: Linear, BatchNorm, ReLU; Ioffe & Szegedy 2015, arXiv:1502.03167",
        activation="relu",
        norm="batch",
    ),
    Remedy(
        name="he",
        label="He's initialization",
        source="sigmoid, weights of variance 2/fan_in; He 2015, arXiv:1502.01852",
        init="he_normal",
    ),
    Remedy(
        name="skip",
        label="a skip around every layer",
        source="sigmoid, h + φ(W h + b); He 2016, arXiv:1603.05027",
        residual="identity",
    ),
    Remedy(name="layer_norm", label="LayerNorm", source="sigmoid, LayerNorm; Ba 2016, arXiv:1607.06450", norm="layer"),
    Remedy(
        name="clipping",
        label="clipping",
        source="sigmoid, gradients clipped to a norm of 1: it can't make a gradient larger",
        clipper="norm",
    ),
    Remedy(
        name="relu_he",
        label="ReLU and He's initialization",
        source="He 2015, arXiv:1502.01852",
        activation="relu",
        init="he_normal",
    ),
    Remedy(
        name="relu_he_skip",
        label="ReLU, He, a skip around every layer",
        source="without a norm the variance of h doubles with every layer",
        activation="relu",
        init="he_normal",
        residual="identity",
    ),
    Remedy(
        name="relu_he_layer_norm",
        label="ReLU, He, LayerNorm",
        source="Ba 2016, arXiv:1607.06450",
        activation="relu",
        init="he_normal",
        norm="layer",
    ),
    Remedy(
        name="together",
        label="ReLU, He, skips, BatchNorm, clipping",
        source="all of them",
        activation="relu",
        init="he_normal",
        norm="batch",
        residual="identity",
        clipper="norm",
    ),
)
