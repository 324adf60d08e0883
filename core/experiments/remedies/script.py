"""A run of ``remedies`` as a plain script."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from core.parts.clippers import CLIPPERS
from core.scripts import data, layers, losses, network, optimizers, text
from core.settings import Run

if TYPE_CHECKING:
    from core.experiments import Experiment


def script(experiment: Experiment, run: Run) -> str:
    """The run as a plain PyTorch script, which prints a line of CSV per update and layer."""
    columns = (*experiment.index, *(name for name in experiment.measures if name != "theory_grad_rms"))
    settings: Any = run.settings
    pieces = [
        *layers.watched_network(settings, columns, readout=True),
        data.table(settings.dataset, settings.dtype, validated=True),
        data.BATCH,
        _validated(settings),
        _loop(settings),
    ]
    printed = "Prints a line per update and layer; what validates is measured at the end of each epoch."
    return text.script(text.title(experiment.question, run, printed), layers.sizes(run), *pieces)


def _loss(settings: Any) -> str:
    classes = bool(settings.data.classes)
    return losses.line("cross_entropy" if classes else "mse", settings.dtype, classes)


def _validated(settings: Any) -> str:
    classes = (
        """
    right = (output.argmax(dim=1) == labels).double()
    by_class = [right[labels == label].mean() for label in labels.unique()]
    accuracies = {"val_accuracy": right.mean().item(), "val_balanced_accuracy": torch.stack(by_class).mean().item()}"""
        if settings.data.classes
        else """
    accuracies = {}"""
    )
    return f'''
import torch
@torch.no_grad()
def validated():
    """Loss and accuracies on the validation rows."""
    inputs, labels = validation_inputs, validation_labels
    model.eval()
    output, _ = model(inputs)
    model.train()
    {_loss(settings)}{classes}
    return {{"val_loss": loss.item(), **accuracies}}
'''


def _loop(settings: Any) -> str:
    clipper = CLIPPERS.parse(settings.clipper)
    max_norm = clipper.arguments.get("max_norm")
    clip = f"\n    nn.utils.clip_grad_norm_(model.parameters(), max_norm={max_norm})" if max_norm else ""
    return f"""
import math
from torch import nn
from torch.nn import functional
{network.made(settings.dtype)}
{optimizers.line(settings.optimizer, settings.base_lr)}
linears = [*model.linears, model.readout]
{layers.WATCH}
diverged = False

print(",".join(COLUMNS))
for step in range(STEPS):
    inputs, labels = batch(step)
    optimizer.zero_grad()
    output, signals = model(inputs)
    {_loss(settings)}
    loss.backward()

    {layers.HIDDEN_ROWS}
    {layers.READOUT_ROW}
    before = [linear.weight.detach().clone() for linear in linears]{clip}
    optimizer.step()
    for row, linear, old in zip(rows, linears, before):
        row["update_ratio"] = (norm(linear.weight - old) / norm(old)).item()

    last = (step + 1) % (len(train_inputs) // BATCH_SIZE) == 0
    shared = {{"train_loss": loss.item(), **(validated() if last else {{}})}}
    diverged = diverged or not all(math.isfinite(row["update_ratio"] + loss.item()) for row in rows)
    for layer, row in enumerate(rows, start=1):
        row = {{"underflow": False}} if diverged else {{**shared, **row}}
        write({{"step": step, "layer": layer, **row}})
"""
