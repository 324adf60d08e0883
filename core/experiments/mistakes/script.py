"""A run of ``mistakes`` as a plain script, its wrong line as people write it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from core.experiments.mistakes.loop import Loop, loop_of, loss_of
from core.experiments.training.script import VECTOR, momentum_of, network_of, sizes
from core.parts.clippers import CLIPPERS
from core.scripts import draws, text
from core.settings import Run

if TYPE_CHECKING:
    from core.experiments import Experiment

GRADIENT = '''
import torch
def gradient_vector():
    """The whole gradient as one vector in float64; a parameter without one counts as zeros."""
    parameters = model.parameters()
    return vector(torch.zeros_like(p) if p.grad is None else p.grad for p in parameters)
'''


def script(experiment: Experiment, run: Run) -> str:
    """The run as a plain PyTorch script, which prints a line of CSV per update."""
    columns = (*experiment.index, *experiment.measures)
    settings: Any = run.settings
    loop = loop_of(settings)
    constants = sizes(run) | {"EPOCHS": settings.epochs, "STEPS_PER_EPOCH": settings.steps_per_epoch}
    pieces = [
        draws.GENERATOR,
        *network_of(settings, settings.outputs if settings.outputs > 1 else 0),
        _loss(settings),
        VECTOR,
        GRADIENT,
        text.columns(columns),
        loop.data,
        loop.validation,
        _training(settings, loop),
    ]
    printed = "It prints a line per update; what validates is measured at the end of each epoch."
    return text.script(text.title(experiment.question, run, printed), constants, *pieces)


def _loss(settings: Any) -> str:
    return f'''
from torch.nn import functional
def loss_of(output, labels):
    """The loss of validation, mean over the rows."""
    return {loss_of(settings, "output", "labels")}
'''


def loop_source(settings: Any, loop: Loop) -> list[str]:
    """What is done with a batch, piece by piece, nothing measured; an empty piece has no line."""
    update = update_source(settings, loop)
    return [loop.batch_begins, loop.zero, update, loop.clip, loop.step, loop.after_step, loop.batch_ends]


def update_source(settings: Any, loop: Loop, measured: str = "") -> str:
    """From the loss to the gradient; of a batch in parts, part by part. ``measured`` follows each part."""
    lines = "\n".join(line for line in (loop.loss, loop.before_backward, loop.backward, measured) if line)
    if settings.micro_batches == 1:
        return lines
    size = settings.batch_size // settings.micro_batches
    return f"for part in picked.split({size}):\n{text.indented(lines.replace('[picked]', '[part]'), 1)}"


def _update(settings: Any, loop: Loop) -> str:
    """The same, and the loss of the whole batch."""
    if settings.micro_batches == 1:
        return update_source(settings, loop, "train_loss = loss.item()")
    total = f"train_loss += loss.item() / {settings.micro_batches}"
    return f"train_loss = 0.0\n{update_source(settings, loop, total)}"


def _clipped(settings: Any, loop: Loop) -> tuple[str, str]:
    """The lines that clip, and those that say whether they did."""
    clipper = CLIPPERS.parse(settings.clipper)
    if clipper.entry.name == "norm":
        limit = "False" if loop.before_backward else f"grad_norm > {clipper.arguments['max_norm']}"
        return loop.clip, f"clipped = {limit}"
    return loop.clip, "" if loop.clip else "clipped = False"


def _block(pieces: list[str], levels: int) -> str:
    """The pieces of source, those that are not empty, moved in by so many levels."""
    return text.indented("\n".join(piece for piece in pieces if piece), levels)


def _training(settings: Any, loop: Loop) -> str:
    clip, clipped = _clipped(settings, loop)
    norms = "\nnorms = []" if "norms" in clip else ""
    scheduler = f"\n{loop.scheduler}" if loop.scheduler else ""
    last = _block(["row |= validated()", loop.epoch_ends], 3)
    after = f"\n{text.indented(loop.batch_ends, 2)}" if loop.batch_ends else ""
    return f"""
import math
import torch
from torch import nn
model = Network(){text.cast(settings.dtype)}
{loop.optimizer}{scheduler}{norms}
diverged = False

print(",".join(COLUMNS))
for epoch in range(EPOCHS):
{_block([loop.epoch_begins, loop.order], 1)}
    for batch in range(STEPS_PER_EPOCH):  # the last incomplete batch is dropped
        picked = order[batch * BATCH_SIZE : (batch + 1) * BATCH_SIZE]
{_block([loop.batch_begins, loop.zero, _update(settings, loop)], 2)}

        gradient = gradient_vector()
        grad_norm = gradient.norm().item()
{_block([clip, clipped], 2)}
        after = gradient_vector()

        before = vector(model.parameters())
        group = optimizer.param_groups[0]
        row = {{
            "lr": group["lr"],
            "momentum": {momentum_of(settings.optimizer)},
            "train_loss": train_loss,
            "grad_norm": grad_norm,
            "clipped_grad_norm": after.norm().item(),
            "clip_cosine": (gradient @ after / (gradient.norm() * after.norm())).item(),
            "clipped": clipped,
        }}
{_block([loop.step, loop.after_step], 2)}
        row["update_norm"] = (vector(model.parameters()) - before).norm().item()
        diverged = diverged or not math.isfinite(row["train_loss"] + row["update_norm"])
        if batch == STEPS_PER_EPOCH - 1:
{last}{after}
        row = {{"clipped": False}} if diverged else row
        write({{"step": epoch * STEPS_PER_EPOCH + batch, "epoch": epoch, **row, "diverged": diverged}})
"""
