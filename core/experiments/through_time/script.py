"""A run of ``through_time`` as a plain script."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from core.parts.datasets import DATASETS
from core.scripts import draws, layers, recurrent, text
from core.settings import Run

if TYPE_CHECKING:
    from core.experiments import Experiment


BOUND = """
import torch
weight_hh = model.recurrent.weight_hh_l0.detach().double()
spectral_radius = torch.linalg.eigvals(weight_hh).abs().max().item()
largest_singular_value = torch.linalg.matrix_norm(weight_hh, 2).item()
bounds = [grad_norms[-1]]
for _ in states[1:]:  # tanh' is at most 1: no step back stretches a gradient by more than this
    bounds.insert(0, largest_singular_value * bounds[0])
"""

ROW = {
    True: """\
    write({**row, "spectral_radius": spectral_radius, "grad_norm_bound": bounds[t]})""",
    False: """\
    write(row)""",
}


def script(experiment: Experiment, run: Run) -> str:
    """The run as a plain PyTorch script, which prints a line of CSV per time step."""
    columns = (*experiment.index, *experiment.measures)
    settings: Any = run.settings
    constants = {
        "SEED": run.seed,
        "WIDTH": settings.width,
        "GAIN": settings.gain,
        "BATCH_SIZE": settings.batch_size,
    }
    part = DATASETS.parse(settings.dataset)
    pieces = [
        draws.GENERATOR,
        recurrent.initialize(settings.init),
        recurrent.unrolled(settings.model),
        layers.NORM[settings.dtype],
        text.columns(columns),
        _unvalidated(part.entry.code(**part.arguments)),
        _measured(settings),
    ]
    printed = "It prints a line per time step, from the first."
    return text.script(text.title(experiment.question, run, printed), constants, *pieces)


def _unvalidated(code: str) -> str:
    """The lines of a dataset without those that draw what validates."""
    return "\n".join(line for line in code.splitlines() if not line.startswith("validation_"))


def _measured(settings: Any) -> str:
    cast = text.cast(settings.dtype)
    return f"""
import math
import torch
from torch.nn import functional
picked = torch.randperm(len(train_inputs), generator=generator("order"))[:BATCH_SIZE]
inputs, labels = train_inputs[picked]{cast}, train_labels[picked]{cast}

model = Network(){cast}
output, states = model(inputs)
loss = functional.mse_loss(output, labels)
grad_norms = [norm(gradient).item() for gradient in torch.autograd.grad(loss, states)]
{BOUND if settings.model == "rnn" else ""}
print(",".join(COLUMNS))
for t, state in enumerate(states):
    state_rms = norm(state[0]).item() / math.sqrt(BATCH_SIZE * WIDTH)
    row = {{"time": t + 1, "grad_norm": grad_norms[t], "state_rms": state_rms}}
{ROW[settings.model == "rnn"]}
"""
