"""The training loop as lines of source: those of the right one, and those that a mistake changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from core.experiments.mistakes.settings import ONE_OUTPUT, RIGHT
from core.experiments.training.script import rows, validation
from core.parts import optimizers, schedulers
from core.parts.clippers import CLIPPERS
from core.parts.datasets import DATASETS
from core.parts.mistakes import schedule_of
from core.parts.optimizers import OPTIMIZERS
from core.scripts.text import wrapped

TWO_CLASSES_VALIDATION = '''
import torch
@torch.no_grad()
def validated():
    """Loss, accuracy and balanced accuracy on the validation rows."""
    model.eval()
    output = model(validation_inputs)
    model.train()
    right = ((output.squeeze(1) > 0).long() == validation_labels).double()
    by_class = [right[validation_labels == label].mean() for label in validation_labels.unique()]
    return {
        "val_loss": loss_of(output, validation_labels).item(),
        "val_accuracy": right.mean().item(),
        "val_balanced_accuracy": torch.stack(by_class).mean().item(),
    }
'''


@dataclass(frozen=True)
class Loop:
    """Pieces of source by where they stand in a training; an empty one has no line.

    data, validation            before the model is made
    optimizer, scheduler        after it
    epoch_begins, order         at the start of an epoch; ``order`` sets the order of its rows
    batch_begins, zero          at the start of a batch
    loss, before_backward, backward, clip, step, after_step  the update
    batch_ends, epoch_ends      when the schedule is stepped
    """

    data: str
    validation: str
    optimizer: str
    scheduler: str
    order: str
    zero: str
    loss: str
    backward: str
    clip: str
    step: str
    batch_ends: str
    epoch_ends: str
    epoch_begins: str = ""
    batch_begins: str = ""
    before_backward: str = ""
    after_step: str = ""


def right_loop(settings: Any) -> Loop:
    """The loop without a wrong line."""
    parts = settings.micro_batches
    return Loop(
        data=rows(settings),
        validation=TWO_CLASSES_VALIDATION if settings.loss == "bce_with_logits" else validation(settings.data),
        optimizer=f"optimizer = {optimizers.source(OPTIMIZERS.parse(settings.optimizer), settings.base_lr)}",
        **_schedule(settings, RIGHT),
        order='order = torch.randperm(len(train_inputs), generator=generator("order", epoch))',
        zero="optimizer.zero_grad()",
        loss=_taken(settings, "output"),
        backward="loss.backward()" if parts == 1 else f"(loss / {parts}).backward()",
        clip=_clip(settings),
        step="optimizer.step()",
    )


def loop_of(settings: Any) -> Loop:
    """The loop with the settings' mistake, if they have one."""
    change = CHANGES.get(settings.mistake)
    if change is not None:
        return change(right_loop(settings), settings)
    return replace(right_loop(settings), **_schedule(settings, settings.mistake))


def loss_of(settings: Any, output: str, labels: str, more: str = "") -> str:
    """The expression of the loss, mean over the rows; ``more`` are further arguments."""
    double = ".double()" if settings.dtype == "float32" and settings.loss != "mse" else ""
    column = ".squeeze(1)" if settings.loss in ONE_OUTPUT and not settings.kind.sequence else ""
    function = {
        "cross_entropy": "functional.cross_entropy",
        "mse": "functional.mse_loss",
        "bce_with_logits": "functional.binary_cross_entropy_with_logits",
    }[settings.loss]
    given = f"{labels}.double()" if settings.loss == "bce_with_logits" else labels
    return f"{function}({output}{column}{double}, {given}{more})"


def _schedule(settings: Any, mistake: str) -> dict[str, str]:
    """The schedule as the loop with this mistake makes it, when it is stepped, and with what."""
    if settings.scheduler == "constant":
        return {"scheduler": "", "batch_ends": "", "epoch_ends": ""}
    part = schedule_of(mistake, settings.scheduler)
    made = schedulers.source(part, settings.base_lr, settings.epochs, settings.steps_per_epoch)
    measured = {"batch": "loss.item()", "epoch": 'row["val_loss"]'}
    steps = {
        f"{place}_ends": f"scheduler.step({measured[place] if part.entry.needs_loss else ''})"
        if place == schedulers.stepping(part)
        else ""
        for place in measured
    }
    return {"scheduler": f"scheduler = {wrapped(made)}", **steps}


def _clip(settings: Any) -> str:
    clipper = CLIPPERS.parse(settings.clipper)
    if clipper.entry.name == "none":
        return ""
    if clipper.entry.name == "norm":
        return f"nn.utils.clip_grad_norm_(model.parameters(), max_norm={clipper.arguments['max_norm']})"
    return clipper.entry.code(**clipper.arguments)


def _wrong_output(written: str) -> Callable[[Loop, Any], Loop]:
    """The loss taken of something else than the output."""
    return lambda loop, settings: replace(loop, loss=_taken(settings, written))


def _taken(settings: Any, output: str, more: str = "") -> str:
    """The lines that take the loss of the batch."""
    return f"output = model(train_inputs[picked])\nloss = {loss_of(settings, output, 'train_labels[picked]', more)}"


def _first(loop: Loop, settings: Any) -> Loop:
    if loop.batch_ends:
        return replace(loop, batch_ends="", batch_begins=loop.batch_ends)
    return replace(loop, epoch_ends="", epoch_begins=loop.epoch_ends)


def _raw(loop: Loop, settings: Any) -> Loop:
    part = DATASETS.parse(settings.dataset)
    data = loop.data.replace(f"{part.entry.scaler_code(**part.arguments)}.fit(train_inputs)\n", "")
    for name in ("train_inputs", "validation_inputs"):
        data = data.replace(f"scaler.transform({name})", name)
    return replace(loop, data=data)


CHANGES: dict[str, Callable[[Loop, Any], Loop]] = {
    "no_zero_grad": lambda loop, settings: replace(loop, zero=""),
    "zero_grad_per_epoch": lambda loop, settings: replace(loop, zero="", epoch_begins=loop.zero),
    "accumulation_not_divided": lambda loop, settings: replace(loop, backward="loss.backward()"),
    "summed_loss": lambda loop, settings: replace(loop, loss=_taken(settings, "output", ', reduction="sum"')),
    "loss_detached": lambda loop, settings: replace(loop, loss=f"{loop.loss}\nloss = loss.detach().requires_grad_()"),
    "parameters_left_out": lambda loop, settings: replace(
        loop, optimizer=loop.optimizer.replace("model.parameters()", "model.readout.parameters()")
    ),
    "softmax_then_cross_entropy": _wrong_output("torch.softmax(output, dim=1)"),
    "sigmoid_then_bce_with_logits": _wrong_output("torch.sigmoid(output)"),
    "shapes_broadcast": lambda loop, settings: replace(loop, loss=loop.loss.replace(".squeeze(1)", "")),
    "eval_mode_in_training": lambda loop, settings: replace(
        loop, validation=loop.validation.replace("    model.train()\n", "")
    ),
    "train_mode_in_validation": lambda loop, settings: replace(
        loop, validation=loop.validation.replace("    model.eval()\n", "")
    ),
    "clip_after_step": lambda loop, settings: replace(loop, clip="", after_step=loop.clip),
    "clip_before_backward": lambda loop, settings: replace(loop, clip="", before_backward=loop.clip),
    "scheduler_first": _first,
    "sorted_by_class": lambda loop, settings: replace(loop, order="order = torch.argsort(train_labels, stable=True)"),
    "raw_inputs": _raw,
}
