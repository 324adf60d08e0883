"""Initializations: how a Linear layer's weights and biases are drawn.

Each tensor comes from one call of a generator of its own, in float32. ``variance`` says the same in one number per
tensor, for theory.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.registry import Argument, Entry, Registry

if TYPE_CHECKING:
    from torch import Generator, Tensor


@dataclass(frozen=True, kw_only=True)
class Init(Entry):
    """An initialization. Every function also takes the entry's arguments by name.

    weight    (generator, fan_out, fan_in) -> (fan_out, fan_in), float32
    bias      (generator, fan_out, fan_in) -> (fan_out,), float32; None where biases are zero
    variance  (fan_out, fan_in) -> the variance of a weight, the variance of a bias
    code      () -> the lines of a plain script that fill ``weight`` and ``bias`` from ``generator(stream, layer)``
    """

    weight: Callable[..., Tensor]
    bias: Callable[..., Tensor] | None = None
    variance: Callable[..., tuple[float, float]]
    code: Callable[..., str]


def _uniform(generator: Generator, shape: tuple[int, ...], bound: float) -> Tensor:
    import torch

    return torch.empty(shape).uniform_(-bound, bound, generator=generator)


def _normal(generator: Generator, shape: tuple[int, ...], std: float) -> Tensor:
    import torch

    return torch.empty(shape).normal_(0.0, std, generator=generator)


def _zeros(generator: Generator, fan_out: int, fan_in: int) -> Tensor:
    import torch

    return torch.zeros(fan_out, fan_in)


def _orthogonal(generator: Generator, fan_out: int, fan_in: int, gain: float) -> Tensor:
    """Rows (or columns, whichever are fewer) orthonormal, times ``gain``; uniform over such matrices."""
    import torch

    tall = torch.empty(max(fan_out, fan_in), min(fan_out, fan_in)).normal_(generator=generator)
    q, r = torch.linalg.qr(tall)
    q = q * torch.sign(torch.diagonal(r))  # makes the decomposition unique, and so the draw uniform
    return (q if fan_out >= fan_in else q.T).contiguous() * gain


def _default_code() -> str:
    return """\
import math
bound = 1 / math.sqrt(weight.shape[1])
weight.uniform_(-bound, bound, generator=generator("weight", layer))
bias.uniform_(-bound, bound, generator=generator("bias", layer))"""


def _orthogonal_code(gain: float) -> str:
    stretched = "" if gain == 1.0 else f"gain={gain}, "
    return f"""\
torch.set_num_threads(1)  # a QR decomposition by several threads rounds differently
tall = torch.empty(max(weight.shape), min(weight.shape))
nn.init.orthogonal_(tall, {stretched}generator=generator("weight", layer))
weight.copy_(tall if tall.shape == weight.shape else tall.T)
bias.zero_()"""


def _mean_field_code(sigma_w: float, sigma_b: float) -> str:
    bias = f'bias.normal_(0, {sigma_b}, generator=generator("bias", layer))' if sigma_b else "bias.zero_()"
    return f"""\
import math
weight.normal_(0, {sigma_w} / math.sqrt(weight.shape[1]), generator=generator("weight", layer))
{bias}"""


def _unbiased(draw: str) -> Callable[[], str]:
    """Lines that fill ``weight`` by a call of torch.nn.init, to which the generator is still to be given."""
    return lambda: f'{draw}, generator=generator("weight", layer))\nbias.zero_()'


def _gaussian(name: str, label: str, source: str, std: Callable[[int, int], float], code: Callable[[], str]) -> Init:
    """An init of normal weights, their standard deviation a function of (fan_out, fan_in)."""
    return Init(
        name=name,
        label=label,
        source=source,
        weight=lambda generator, fan_out, fan_in: _normal(generator, (fan_out, fan_in), std(fan_out, fan_in)),
        variance=lambda fan_out, fan_in: (std(fan_out, fan_in) ** 2, 0.0),
        code=code,
    )


def _box(name: str, label: str, source: str, bound: Callable[[int, int], float], code: Callable[[], str]) -> Init:
    """An init of weights uniform on ±bound, the bound a function of (fan_out, fan_in)."""
    return Init(
        name=name,
        label=label,
        source=source,
        weight=lambda generator, fan_out, fan_in: _uniform(generator, (fan_out, fan_in), bound(fan_out, fan_in)),
        variance=lambda fan_out, fan_in: (bound(fan_out, fan_in) ** 2 / 3.0, 0.0),
        code=code,
    )


INITS: Registry[Init] = Registry(
    "init",
    Init(
        name="torch_default",
        label="PyTorch's default",
        source="torch.nn.Linear: uniform on ±1/√fan_in, weights and biases; variance 1/(3·fan_in)",
        weight=lambda generator, fan_out, fan_in: _uniform(generator, (fan_out, fan_in), 1.0 / math.sqrt(fan_in)),
        bias=lambda generator, fan_out, fan_in: _uniform(generator, (fan_out,), 1.0 / math.sqrt(fan_in)),
        variance=lambda fan_out, fan_in: (1.0 / (3.0 * fan_in), 1.0 / (3.0 * fan_in)),
        code=_default_code,
    ),
    _gaussian(
        "lesson",
        "the lesson's (He)",
        "normal with standard deviation √(2/fan_in): the lesson calls it Xavier, it is He's",
        lambda fan_out, fan_in: math.sqrt(2.0 / fan_in),
        _unbiased("import math\nweight.normal_(0, math.sqrt(2 / weight.shape[1])"),
    ),
    _box(
        "xavier_uniform",
        "Xavier, uniform",
        "torch.nn.init.xavier_uniform_; Glorot & Bengio 2010",
        lambda fan_out, fan_in: math.sqrt(6.0 / (fan_in + fan_out)),
        _unbiased("nn.init.xavier_uniform_(weight"),
    ),
    _gaussian(
        "xavier_normal",
        "Xavier, normal",
        "torch.nn.init.xavier_normal_; Glorot & Bengio 2010",
        lambda fan_out, fan_in: math.sqrt(2.0 / (fan_in + fan_out)),
        _unbiased("nn.init.xavier_normal_(weight"),
    ),
    _box(
        "he_uniform",
        "He, uniform",
        "torch.nn.init.kaiming_uniform_(nonlinearity='relu'); He 2015, arXiv:1502.01852",
        lambda fan_out, fan_in: math.sqrt(6.0 / fan_in),
        _unbiased('nn.init.kaiming_uniform_(weight, nonlinearity="relu"'),
    ),
    _gaussian(
        "he_normal",
        "He, normal",
        "torch.nn.init.kaiming_normal_(nonlinearity='relu'); He 2015, arXiv:1502.01852",
        lambda fan_out, fan_in: math.sqrt(2.0 / fan_in),
        _unbiased('nn.init.kaiming_normal_(weight, nonlinearity="relu"'),
    ),
    _gaussian(
        "lecun_normal",
        "LeCun, normal",
        "normal with variance 1/fan_in; LeCun 1998, Klambauer 2017 for SELU",
        lambda fan_out, fan_in: math.sqrt(1.0 / fan_in),
        _unbiased('nn.init.kaiming_normal_(weight, nonlinearity="linear"'),
    ),
    Init(
        name="orthogonal",
        label="orthogonal",
        source="torch.nn.init.orthogonal_; Saxe 2014, arXiv:1312.6120",
        arguments=(
            Argument(name="gain", kind=float, default=1.0, above=0.0, maximum=100.0, meaning="factor on the matrix"),
        ),
        weight=_orthogonal,
        variance=lambda fan_out, fan_in, gain: (gain**2 / max(fan_out, fan_in), 0.0),
        code=_orthogonal_code,
    ),
    Init(
        name="zeros",
        label="zeros",
        source="torch.nn.init.zeros_; every unit stays like its neighbour",
        weight=_zeros,
        variance=lambda fan_out, fan_in: (0.0, 0.0),
        code=lambda: "weight.zero_()\nbias.zero_()",
    ),
    Init(
        name="normal",
        label="normal, fixed spread",
        source="torch.nn.init.normal_",
        arguments=(
            Argument(
                name="std",
                kind=float,
                default=0.01,
                above=0.0,
                maximum=1000.0,
                meaning="standard deviation of a weight",
            ),
        ),
        weight=lambda generator, fan_out, fan_in, std: _normal(generator, (fan_out, fan_in), std),
        variance=lambda fan_out, fan_in, std: (std**2, 0.0),
        code=lambda std: f'weight.normal_(0, {std}, generator=generator("weight", layer))\nbias.zero_()',
    ),
    Init(
        name="mean_field",
        label="mean-field (σ_w, σ_b)",
        source="normal, weight variance σ_w²/fan_in, bias variance σ_b²; Poole 2016, arXiv:1606.05340",
        arguments=(
            Argument(name="sigma_w", kind=float, default=1.0, above=0.0, maximum=1000.0, meaning="weight scale"),
            Argument(name="sigma_b", kind=float, default=0.0, minimum=0.0, maximum=1000.0, meaning="bias scale"),
        ),
        weight=lambda generator, fan_out, fan_in, sigma_w, sigma_b: _normal(
            generator, (fan_out, fan_in), sigma_w / math.sqrt(fan_in)
        ),
        bias=lambda generator, fan_out, fan_in, sigma_w, sigma_b: _normal(generator, (fan_out,), sigma_b),
        variance=lambda fan_out, fan_in, sigma_w, sigma_b: (sigma_w**2 / fan_in, sigma_b**2),
        code=_mean_field_code,
    ),
)
