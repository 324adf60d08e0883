"""A learning-rate range test, as a plain script."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from core.experiments.training.script import VECTOR, learner, rows, sizes
from core.parts.clippers import CLIPPERS
from core.scripts import optimizers, text
from core.settings import Run

if TYPE_CHECKING:
    from core.experiments import Experiment


def script(experiment: Experiment, run: Run) -> str:
    """The run as a plain PyTorch script, which prints a line of CSV per update."""
    columns = (*experiment.index, *(name for name in experiment.measures if name != "max_stable_lr"))
    settings: Any = run.settings
    constants = sizes(run) | {
        "STEPS": settings.steps,
        "MIN_LR": settings.min_lr,
        "MAX_LR": settings.max_lr,
        "SMOOTHING": settings.smoothing,
        "STOP_FACTOR": settings.stop_factor,
    }
    clipper = CLIPPERS.parse(settings.clipper)
    clip = clipper.entry.code(**clipper.arguments)
    pieces = [*learner(settings), text.columns(columns), rows(settings), _loop(settings, clip)]
    if "grad_norm" in clip:
        pieces.insert(-3, VECTOR)
    printed = "It prints a line per update, up to the one whose loss has grown too far."
    return text.script(text.title(experiment.question, run, printed), constants, *pieces)


def _loop(settings: Any, clip: str) -> str:
    norms = "\nnorms = []" if "norms" in clip else ""
    size = "\n    grad_norm = vector(parameter.grad for parameter in model.parameters()).norm().item()"
    cut = "" if settings.clipper == "none" else (size if "grad_norm" in clip else "") + "\n" + text.indented(clip, 1)
    return f"""
import math
import numpy as np
import torch
from torch import nn
model = Network(){text.cast(settings.dtype)}
{optimizers.line(settings.optimizer, settings.min_lr)}{norms}
average, least, order = 0.0, math.inf, []

print(",".join(COLUMNS))
for step, lr in enumerate(np.geomspace(MIN_LR, MAX_LR, STEPS).tolist()):
    epoch, batch = divmod(step, len(train_inputs) // BATCH_SIZE)  # the last incomplete batch is dropped
    if batch == 0:
        order = torch.randperm(len(train_inputs), generator=generator("order", epoch))
    picked = order[batch * BATCH_SIZE : (batch + 1) * BATCH_SIZE]
    optimizer.param_groups[0]["lr"] = lr
    optimizer.zero_grad()
    loss = loss_of(model(train_inputs[picked]), train_labels[picked])
    loss.backward(){cut}
    optimizer.step()

    if not all(parameter.isfinite().all() for parameter in model.parameters()) or not loss.isfinite():
        write({{"step": step, "lr": lr, "diverged": True}})
        break
    average = SMOOTHING * average + (1 - SMOOTHING) * loss.item()
    smoothed = average / (1 - SMOOTHING ** (step + 1))  # as if the average had no past
    write({{"step": step, "lr": lr, "train_loss": loss.item(), "smoothed_loss": smoothed, "diverged": False}})
    least = min(least, smoothed)
    if smoothed > STOP_FACTOR * least:
        break
"""
