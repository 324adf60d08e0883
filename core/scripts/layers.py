"""What a script measures of a layer."""

from __future__ import annotations

from typing import Any

from core.parts.activations import ACTIVATIONS
from core.scripts import draws, network, text
from core.settings import Run

HIDDEN_ROWS = (
    "rows = [measured(linear, h) | unit_shares(model.phi, z) for linear, (z, h) in zip(model.linears, signals)]"
)
READOUT_ROW = "rows.append(measured(model.readout, output))  # it has no φ, and so no units to saturate"
WATCH = """\
for linear in linears:
    linear.register_forward_hook(remember)"""
NORM = {
    "float32": '''
def norm(tensor):
    """Euclidean norm, taken in float64: float32 has no room for the squares of small numbers."""
    return tensor.detach().double().norm()
''',
    "float64": '''
def norm(tensor):
    """Euclidean norm; over the largest number, so that the squares of small ones are not lost."""
    largest = tensor.detach().abs().max().clamp(min=1e-300)
    return largest * (tensor.detach() / largest).norm()
''',
}

MEASURED = '''
def remember(linear, inputs, z):
    """Keeps what a Linear layer gives, z = W h + b, and its gradient, the backward signal."""
    linear.z = z
    if z.requires_grad:
        z.retain_grad()


def rms(tensor):
    """Root mean square."""
    return norm(tensor) / math.sqrt(tensor.numel())


def measured(linear, h):
    """Of one Linear layer: its weights, their gradient, and the output h."""
    gradient = linear.weight.grad
    return {
        "grad_mean_abs": gradient.double().abs().mean().item(),
        "grad_rms": rms(gradient).item(),
        "grad_norm": norm(gradient).item(),
        "delta_rms": rms(linear.z.grad).item(),
        "weight_rms": rms(linear.weight).item(),
        "activation_rms": rms(h).item(),
        "underflow": not gradient.any().item(),
    }
'''


def measures(dtype: str) -> list[str]:
    """``norm``, ``rms`` and ``measured(linear, h)``."""
    return [NORM[dtype], "import math" + MEASURED]


def unit_shares(activation: str) -> str:
    """``unit_shares(phi, z)``: which share of a layer's units is saturated, which dead."""
    phi = ACTIVATIONS.parse(activation)
    bound = phi.entry.slope_bound(**phi.arguments)
    return f'''
import math
import torch
def unit_shares(phi, z):
    """Shares of unit outputs that are saturated, on the flat part of φ, and of units that are dead, φ' = 0."""
    z = z.detach().requires_grad_()
    (slope,) = torch.autograd.grad(phi(z).sum(), z)  # φ'(z)
    if slope.isnan().any():
        return {{"saturated": math.nan, "dead": math.nan}}
    saturated = slope.abs() < 0.05 * {bound}  # the largest |φ'| there is
    dead = (slope == 0).all(dim=0)
    return {{"saturated": saturated.double().mean().item(), "dead": dead.double().mean().item()}}
'''


def sizes(run: Run) -> dict[str, object]:
    """The constants of a script that watches a multilayer network."""
    settings: Any = run.settings
    return {
        "SEED": run.seed,
        "DEPTH": settings.depth,
        "WIDTH": settings.width,
        "FEATURES": settings.data.features,
        "CLASSES": settings.data.classes,
        "BATCH_SIZE": settings.batch_size,
        "STEPS": settings.steps,
    }


def watched_network(settings: Any, columns: tuple[str, ...], readout: bool) -> list[str]:
    """The network, what is measured of its layers, and how a row is written; ``readout``: whether it has a last layer."""
    shape = settings.data
    parts = settings.activation, settings.norm, settings.residual, shape.features == settings.width
    return [
        draws.GENERATOR,
        draws.initialize(settings.init),
        network.multilayer(*parts, readout, traced=True, outputs=network.outputs(shape.classes)),
        *measures(settings.dtype),
        unit_shares(settings.activation),
        text.columns(columns),
    ]
