"""A run of an experiment that trains, as a plain script."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from core.parts import schedulers
from core.parts.clippers import CLIPPERS
from core.parts.datasets import DATASETS, DataShape
from core.parts.optimizers import OPTIMIZERS
from core.parts.schedulers import SCHEDULERS
from core.scripts import data, draws, network, optimizers, recurrent, text, transformer
from core.settings import Run

if TYPE_CHECKING:
    from core.experiments import Experiment


VECTOR = '''
import torch
def vector(tensors):
    """All numbers of the tensors, as one vector in float64."""
    return torch.cat([tensor.detach().double().flatten() for tensor in tensors])
'''
VALIDATION = '''
import torch
@torch.no_grad()
def validated():
    """Loss, accuracy and balanced accuracy on the validation rows."""
    model.eval()
    output = model(validation_inputs)
    model.train()
    right = (output.argmax(dim=1) == validation_labels).double()
    by_class = [right[validation_labels == label].mean() for label in validation_labels.unique()]
    return {
        "val_loss": loss_of(output, validation_labels).item(),
        "val_accuracy": right.mean().item(),
        "val_balanced_accuracy": torch.stack(by_class).mean().item(),
    }
'''
NUMBERS_VALIDATION = '''
import torch
@torch.no_grad()
def validated():
    """Loss on the validation rows."""
    model.eval()
    output = model(validation_inputs)
    model.train()
    return {"val_loss": loss_of(output, validation_labels).item()}
'''
SEQUENCES_VALIDATION = '''
import torch
@torch.no_grad()
def validated():
    """Loss on the validation sequences."""
    return {"val_loss": loss_of(model(validation_inputs), validation_labels).item()}
'''
LOSSES = {
    "float32": "functional.cross_entropy(output.double(), labels)  # float32 would round a small loss away",
    "float64": "functional.cross_entropy(output, labels)",
}


def script(experiment: Experiment, run: Run) -> str:
    """The run as a plain PyTorch script, which prints a line of CSV per update."""
    columns = (*experiment.index, *experiment.measures)
    settings: Any = run.settings
    constants = sizes(run) | {"EPOCHS": settings.epochs, "STEPS_PER_EPOCH": settings.steps_per_epoch}
    pieces = [
        *learner(settings),
        VECTOR,
        text.columns(columns),
        rows(settings),
        validation(settings.data),
        _loop(settings, columns),
    ]
    printed = "It prints a line per update; what validates is measured at the end of each epoch."
    return text.script(text.title(experiment.question, run, printed), constants, *pieces)


def sizes(run: Run) -> dict[str, object]:
    """The constants of every script that trains."""
    settings: Any = run.settings
    return {
        "SEED": run.seed,
        "DEPTH": settings.depth,
        "WIDTH": settings.width,
        "FEATURES": settings.data.features,
        "CLASSES": settings.data.classes,
        "LENGTH": settings.data.length,
        "HEADS": settings.kind.heads,
        "BATCH_SIZE": settings.batch_size,
    }


def learner(settings: Any) -> list[str]:
    """What stands before the data: the generators, the network and its loss."""
    return [draws.GENERATOR, *network_of(settings, settings.data.classes), _loss(settings)]


def network_of(settings: Any, classes: int) -> list[str]:
    """``initialize`` and ``Network``; one output where there are no ``classes``."""
    if settings.kind.gates:
        return [recurrent.initialize(settings.init), recurrent.network(settings.model)]
    if settings.kind.heads:
        return [draws.initialize(settings.init), transformer.network(settings.activation)]
    shape = settings.data
    parts = settings.activation, settings.norm, settings.residual, shape.features == settings.width
    module = network.multilayer(*parts, readout=True, traced=False, outputs=network.outputs(classes))
    return [draws.initialize(settings.init), module]


def validation(shape: DataShape) -> str:
    """``validated()``, which measures on the validation rows."""
    if shape.length:
        return SEQUENCES_VALIDATION
    return VALIDATION if shape.classes else NUMBERS_VALIDATION


def _loss(settings: Any) -> str:
    classifies = bool(settings.data.classes)
    output = "output" if settings.kind.sequence else "output.squeeze(1)"
    loss = LOSSES[settings.dtype] if classifies else f"functional.mse_loss({output}, labels)"
    return f'''
from torch.nn import functional
def loss_of(output, labels):
    """{"Cross-entropy" if classifies else "Mean square error"}, mean over the rows."""
    return {loss}
'''


def rows(settings: Any) -> str:
    """``train_inputs``, ``train_labels``, ``validation_inputs``, ``validation_labels``."""
    part = DATASETS.parse(settings.dataset)
    if part.entry.rows is not None:
        return data.table(settings.dataset, settings.dtype, validated=True)
    drawn = part.entry.code(**part.arguments)
    cast = text.cast(settings.dtype)
    names = ("train_inputs", "train_labels", "validation_inputs", "validation_labels")
    return drawn + "".join(f"\n{name} = {name}{cast}" for name in names if cast)


def _loop(settings: Any, columns: tuple[str, ...]) -> str:
    clipper = CLIPPERS.parse(settings.clipper)
    clip = clipper.entry.code(**clipper.arguments)
    schedule, per = "", ""
    if hasattr(settings, "scheduler"):
        scheduler = SCHEDULERS.parse(settings.scheduler)
        base_lr, sizes = settings.base_lr, (settings.epochs, settings.steps_per_epoch)
        schedule = f"\nscheduler = {text.wrapped(schedulers.source(scheduler, base_lr, *sizes))}"
        per = schedulers.stepping(scheduler)
        needs_loss = scheduler.entry.needs_loss
    momentum = f'\n            "momentum": {momentum_of(settings.optimizer)},' if "momentum" in columns else ""
    epoch_step = {"epoch": 'scheduler.step(row["val_loss"])' if per and needs_loss else "scheduler.step()"}.get(per, "")
    batch_step = {"batch": 'scheduler.step(row["train_loss"])' if per and needs_loss else "scheduler.step()"}.get(
        per, ""
    )
    norms = "\nnorms = []" if "norms" in clip else ""
    last = "\n".join(line for line in ("row |= validated()", epoch_step) if line)
    after = f"\n{text.indented(batch_step, 2)}" if batch_step else ""
    return f"""
import math
import torch
from torch import nn
model = Network(){text.cast(settings.dtype)}
{optimizers.line(settings.optimizer, settings.base_lr)}{schedule}{norms}
diverged = False

print(",".join(COLUMNS))
for epoch in range(EPOCHS):
    order = torch.randperm(len(train_inputs), generator=generator("order", epoch))
    for batch in range(STEPS_PER_EPOCH):  # the last incomplete batch is dropped
        picked = order[batch * BATCH_SIZE : (batch + 1) * BATCH_SIZE]
        optimizer.zero_grad()
        loss = loss_of(model(train_inputs[picked]), train_labels[picked])
        loss.backward()

        gradient = vector(parameter.grad for parameter in model.parameters())
        grad_norm = gradient.norm().item()
{text.indented(clip, 2)}
        after = vector(parameter.grad for parameter in model.parameters())

        before = vector(model.parameters())
        group = optimizer.param_groups[0]
        row = {{
            "lr": group["lr"],{momentum}
            "train_loss": loss.item(),
            "grad_norm": grad_norm,
            "clipped_grad_norm": after.norm().item(),
            "clip_cosine": (gradient @ after / (gradient.norm() * after.norm())).item(),
            "clipped": clipped,
        }}
        optimizer.step()
        row["update_norm"] = (vector(model.parameters()) - before).norm().item()
        diverged = diverged or not math.isfinite(row["train_loss"] + row["update_norm"])
        if batch == STEPS_PER_EPOCH - 1:
{text.indented(last, 3)}{after}
        row = {{"clipped": False}} if diverged else row
        write({{"step": epoch * STEPS_PER_EPOCH + batch, "epoch": epoch, **row, "diverged": diverged}})
"""


def momentum_of(optimizer: str) -> str:
    """The momentum, or Adam's beta1, of the parameter group ``group``, as source."""
    arguments = OPTIMIZERS.parse(optimizer)
    if arguments.entry.cycled == "beta1":
        return 'group["betas"][0]'
    return 'group["momentum"] or math.nan' if arguments.entry.name == "rmsprop" else 'group["momentum"]'
