"""The multilayer network of a script."""

from __future__ import annotations

import re

from core.parts.activations import ACTIVATIONS
from core.parts.norms import NORMS
from core.parts.residuals import RESIDUALS
from core.scripts.text import cast, indented


def multilayer(
    activation: str,
    norm: str,
    residual: str,
    same_width: bool,
    readout: bool,
    traced: bool,
    outputs: str = "CLASSES",
) -> str:
    """``Network`` of FEATURES inputs, DEPTH hidden layers of WIDTH units and, with a ``readout``, so many outputs.

    same_width  FEATURES is WIDTH
    traced      ``forward`` gives the output, and of each hidden layer (z, h): φ's input, and the layer's output
    """
    phi, form = ACTIVATIONS.parse(activation), RESIDUALS.parse(residual)
    module = NORMS[form.entry.own_norm or norm].code
    norms = f"\nself.norms = nn.ModuleList({module('WIDTH')} for _ in range(DEPTH))" if module else ""
    last = f"\nself.readout = nn.Linear(WIDTH, {outputs})" if readout else ""
    layers = "[*self.linears, self.readout]" if readout else "self.linears"
    body = form.entry.code("normalize(linear(h))" if module else "linear(h)", same_width, **form.arguments)
    names, values = ("linear, normalize", "zip(self.linears, self.norms)") if module else ("linear", "self.linears")
    if re.search(r"\blayer\b", body):
        names, values = f"layer, {f'({names})' if module else names}", f"enumerate({values}, start=1)"
    output = "self.readout(h)" if readout else "h"
    return f'''
from itertools import pairwise
from torch import nn
class Network(nn.Module):
    """{_described(residual, readout)}"""

    def __init__(self):
        super().__init__()
        sizes = [FEATURES] + [WIDTH] * DEPTH
        self.linears = nn.ModuleList(nn.Linear(fan_in, fan_out) for fan_in, fan_out in pairwise(sizes))
{indented(f"self.phi = {phi.entry.code(**phi.arguments)}{norms}{last}", 2)}
        for layer, linear in enumerate({layers}, start=1):
            initialize(linear.weight, linear.bias, layer)

    def forward(self, h):
{indented(_forward(body, names, values, output, traced), 2)}
'''


def outputs(classes: int) -> str:
    """A readout's outputs, as source: a number has one."""
    return "CLASSES" if classes else "1"


def made(dtype: str) -> str:
    """The line that makes ``model``, in the run's dtype."""
    return "model = Network().double()  # drawn in float32, computed in float64" if cast(dtype) else "model = Network()"


def _described(residual: str, readout: bool) -> str:
    form = RESIDUALS.parse(residual)
    layers = f"DEPTH hidden layers{' and a linear readout' if readout else ''}"
    return f"{layers}." if str(form) == "none" else f"{layers}, with skips: {form.entry.source}."


def _forward(body: str, names: str, values: str, output: str, traced: bool) -> str:
    if not traced:
        return f"for {names} in {values}:\n{indented(body, 1)}\nreturn {output}"
    return f'''\
"""The output, and of every hidden layer z, to which φ is applied, and h, which it hands on."""
signals = []
for {names} in {values}:
{indented(body, 1)}
    signals.append((z, h))
return {output}, signals'''
