"""A run of ``vanishing`` as a plain script."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from core.scripts import data, layers, losses, network, optimizers, text
from core.settings import Run

if TYPE_CHECKING:
    from core.experiments import Experiment


def script(experiment: Experiment, run: Run) -> str:
    """The run as a plain PyTorch script, which prints a line of CSV per step and layer."""
    settings: Any = run.settings
    columns = (*experiment.index, *(name for name in experiment.measures if name != "theory_grad_rms"))
    trained = settings.loss in losses.TRAINED
    pieces = [
        *layers.watched_network(settings, columns, readout=trained),
        *(_trained(settings) if settings.steps else [_looked_at(settings)]),
    ]
    printed = f"Prints a line per {'step and ' if settings.steps else ''}layer, counted from the input."
    return text.script(text.title(experiment.question, run, printed), layers.sizes(run), *pieces)


def _loss_line(settings: Any) -> str:
    return losses.line(settings.loss, settings.dtype, bool(settings.data.classes))


def _looked_at(settings: Any) -> str:
    """The network as initialized: one forward and one backward pass."""
    trained = settings.loss in losses.TRAINED
    if data.drawn_anew(settings.dataset):
        batch = data.own_batch(settings.dataset, settings.dtype, trained)
    else:
        batch = f"{data.table(settings.dataset, settings.dtype, trained)}\n{data.first_batch(trained)}"
    drawn = "".join(f"{line}\n" for line in losses.drawn(settings.loss, settings.dtype))
    linears = "[*model.linears, model.readout]" if trained else "model.linears"
    rows = f"{layers.HIDDEN_ROWS}\n{layers.READOUT_ROW}" if trained else layers.HIDDEN_ROWS
    return f"""
{losses.imports(settings.loss)}
{batch}

{drawn}{network.made(settings.dtype)}
linears = {linears}
{layers.WATCH}
output, signals = model(inputs)
{_loss_line(settings)}
loss.backward()

{rows}

print(",".join(COLUMNS))
for layer, row in enumerate(rows, start=1):
    write({{"step": 0, "layer": layer, "train_loss": loss.item(), **row}})
"""


def _trained(settings: Any) -> list[str]:
    """The batches, and the loop; each step is measured before its update."""
    own = data.drawn_anew(settings.dataset)
    each_step = "for step in range(STEPS + 1):" + ("" if own else "\n    inputs, labels = batch(step)")
    loop = f"""\
{losses.imports(settings.loss)}
{network.made(settings.dtype)}
{optimizers.line(settings.optimizer, settings.base_lr)}
linears = [*model.linears, model.readout]
{layers.WATCH}
diverged = False

print(",".join(COLUMNS))
{each_step}
    optimizer.zero_grad()
    output, signals = model(inputs)
    {_loss_line(settings)}
    loss.backward()

    {layers.HIDDEN_ROWS}
    {layers.READOUT_ROW}
    if step < STEPS:
        before = [linear.weight.detach().clone() for linear in linears]
        optimizer.step()
        for row, linear, old in zip(rows, linears, before):
            row["update_ratio"] = (norm(linear.weight - old) / norm(old)).item()

    diverged = diverged or not loss.isfinite()
    for layer, row in enumerate(rows, start=1):
        row = {{"underflow": False}} if diverged else {{"train_loss": loss.item(), **row}}
        write({{"step": step, "layer": layer, **row}})
"""
    if own:
        return [f"{data.own_batch(settings.dataset, settings.dtype)}\n\n{loop}"]
    return [data.table(settings.dataset, settings.dtype), data.BATCH, loop]
