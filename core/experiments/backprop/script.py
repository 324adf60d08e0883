"""A run of ``backprop`` as a plain script: what the lab does by hand is left to autograd here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from core.parts.activations import ACTIVATIONS
from core.parts.datasets import DATASETS, TRUTH_TABLES
from core.scripts import draws, text
from core.settings import Run

if TYPE_CHECKING:
    from core.experiments import Experiment


def script(experiment: Experiment, run: Run) -> str:
    """The run as a plain PyTorch script, which prints a line of CSV per epoch."""
    columns = (*experiment.index, *experiment.measures)
    settings: Any = run.settings
    constants = {
        "SEED": run.seed,
        "HIDDEN": settings.hidden,
        "LEARNING_RATE": settings.base_lr,
        "EPOCHS": settings.epochs,
    }
    first_weights = draws.initialize(settings.init)
    pieces = [
        *([draws.GENERATOR] if "generator(" in first_weights else []),  # zeros are not drawn
        first_weights,
        _network(settings.activation),
        text.columns(columns),
        _loop(settings.dataset),
    ]
    printed = "It prints a line per epoch, measured before its update, and one after the last."
    return text.script(text.title(experiment.question, run, printed), constants, *pieces)


def _network(activation: str) -> str:
    phi = ACTIVATIONS.parse(activation)
    return f'''
from torch import nn
class Network(nn.Module):
    """One hidden layer; the output is a logit, whose sigmoid is the prediction."""

    def __init__(self, features):
        super().__init__()
        self.first, self.second = nn.Linear(features, HIDDEN), nn.Linear(HIDDEN, 1)
        self.phi = {phi.entry.code(**phi.arguments)}
        for layer, linear in enumerate([self.first, self.second], start=1):
            initialize(linear.weight, linear.bias, layer)

    def forward(self, inputs):
        return self.second(self.phi(self.first(inputs)))
'''


def _loop(dataset: str) -> str:
    part = DATASETS.parse(dataset)
    scaled = ""
    if not part.entry.whole:
        scaled = f"\n{part.entry.scaler_code(**part.arguments)}\ninputs = scaler.fit_transform(inputs)"
    predicted = ""
    if part.entry.name in TRUTH_TABLES:
        predicted = '\n    row |= {f"prediction_{bits}": a.item() for bits, a in zip(["00", "01", "10", "11"], logits.sigmoid())}'
    return f"""
import torch
from torch.nn import functional
{part.entry.code(**part.arguments)}{scaled}
X = torch.tensor(inputs, dtype=torch.float64)
y = torch.tensor(labels, dtype=torch.float64)[:, None]  # (m, 1), as the logits: (m,) would compare all with all

model = Network(X.shape[1]).double()  # drawn in float32, computed in float64
optimizer = torch.optim.SGD(model.parameters(), lr=LEARNING_RATE)
names = ["grad_norm_w1", "grad_norm_b1", "grad_norm_w2", "grad_norm_b2"]

print(",".join(COLUMNS))
for epoch in range(EPOCHS + 1):
    optimizer.zero_grad()
    logits = model(X)
    loss = functional.binary_cross_entropy_with_logits(logits, y)
    loss.backward()
    right = (logits > 0) == (y > 0.5)
    row = {{"train_loss": loss.item(), "accuracy": right.double().mean().item()}}
    row |= {{name: p.grad.norm().item() for name, p in zip(names, model.parameters())}}{predicted}
    write({{"epoch": epoch, **(row if loss.isfinite() else {{}})}})
    optimizer.step()
"""
