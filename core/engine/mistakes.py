"""Trainings with one wrong line: the stages of the one training loop, one of them changed; or its loss, rows or rates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from core.engine import losses
from core.engine.data import Batch, Data, Rows, SortedRows, with_padding_rows
from core.engine.learners import DTYPES, Model, Stack, model_of, undisturbed
from core.engine.loop import STAGES, Stage, Training, stages, validate, zero
from core.engine.losses import Evaluation, Loss, Start
from core.engine.multilayer import Multilayer
from core.engine.network import Network
from core.engine.schedule_trace import Schedule
from core.engine.update_measures import measures_of
from core.engine.updates import sorted_by_update
from core.parts.datasets import raw_table, table

if TYPE_CHECKING:
    from torch import Tensor


@undisturbed
def mistaken_training(
    stack: Stack, mistake: str, loss: str, micro_batches: int, epochs: int, device: str
) -> dict[str, np.ndarray]:
    """Every measure of ``measures.UPDATES``, (R, steps), of trainings with this mistake, as ``training`` has them.

    loss           what the network learns by: cross_entropy, mse or bce_with_logits
    micro_batches  parts of a batch whose gradients are added up before the update
    """
    stack, place = sorted_by_update(stack)
    data = _data(stack, mistake, device)
    rates = Schedule.of(stack.members, epochs, data.steps_per_epoch, first=mistake == "scheduler_first")
    course = Training(stack.members, _model(stack, mistake, loss, device), data, rates)
    loop = CHANGED.get(mistake, STAGES)
    if micro_batches > 1:
        loop = {**loop, "backward": in_parts(micro_batches, divided=mistake != "accumulation_not_divided")}
    return measures_of(course, loop, epochs * data.steps_per_epoch, place)


def _data(stack: Stack, mistake: str, device: str) -> Data:
    """What the runs read: rows in a wrong order, or as they are, where that is the mistake."""
    if mistake == "sorted_by_class":
        return SortedRows(table(stack.dataset), stack.seeds, stack.batch_size, DTYPES[stack.dtype], device)
    if mistake == "raw_inputs":
        return Rows(raw_table(stack.dataset), stack.seeds, stack.batch_size, DTYPES[stack.dtype], device)
    return stack.data(device)


def _model(stack: Stack, mistake: str, loss: str, device: str) -> Model:
    """The stack's networks; they learn by a wrong loss where that is the mistake, and are judged by the right one."""
    if not isinstance(stack.network, Network):
        return model_of(stack, device)
    right, evaluation = LOSSES[loss]
    learnt = WRONG_LOSSES.get(mistake, right)
    return Multilayer(stack.network, stack.draws, learnt, DTYPES[stack.dtype], device, evaluation)


def softmax_then_cross_entropy(signal: Tensor, labels: Tensor, size: int, rows: int) -> Start:
    """Cross-entropy of softmax(z), taken for logits."""
    whole = torch.softmax(signal[:, :size].double(), 1)  # padded columns stay in: kernels see whole blocks
    shares, logs = whole[:, :, :rows], torch.log_softmax(whole, 1)[:, :, :rows]
    loss = logs.gather(1, labels[:, None]).flatten(1).sum(1) / -rows
    of_shares = logs.exp()
    of_shares.scatter_add_(1, labels[:, None], torch.full_like(of_shares[:, :1], -1.0))  # ∂L/∂p = (softmax(p) - y) / B
    inner = (of_shares * shares).sum(1, keepdim=True)
    gradient = torch.zeros_like(signal)
    gradient[:, :size, :rows] = shares * (of_shares - inner) / rows  # ∂L/∂z = p (∂L/∂p - Σ p ∂L/∂p)
    return loss, gradient, losses.unscaled(signal)


def sigmoid_then_bce_with_logits(signal: Tensor, targets: Tensor, size: int, rows: int) -> Start:
    """Binary cross-entropy of σ(z), taken for a logit."""
    share = signal.double().sigmoid()
    loss, of_share, exponents = losses.bce_with_logits(share, targets, size, rows)
    gradient = torch.zeros_like(signal)
    gradient[:, 0, :rows] = (of_share * share * (1.0 - share))[:, 0, :rows]  # ∂L/∂z = ∂L/∂p p (1 - p)
    return loss, gradient, exponents


def shapes_broadcast(signal: Tensor, targets: Tensor, size: int, rows: int) -> Start:
    """Squared distance of every output to every target of the batch, (B, 1) beside (B,), mean over all pairs."""
    assert size == 1
    output = signal[:, 0, :rows]
    pairs = output[:, :, None] - targets[:, None, :]
    gradient = torch.zeros_like(signal)
    gradient[:, 0, :rows] = pairs.sum(2) * (2.0 / rows**2)  # ∂L/∂output = 2 Σ over targets (output - target) / B²
    loss = (pairs * pairs).flatten(1).sum(1, dtype=torch.float64) / rows**2
    return loss, gradient, losses.unscaled(signal)


LOSSES: dict[str, tuple[Loss, Evaluation]] = {
    "cross_entropy": (losses.plain_cross_entropy, losses.evaluated),
    "mse": (losses.squared_error, losses.evaluated),
    "bce_with_logits": (losses.bce_with_logits, losses.two_classes_evaluated),
}
WRONG_LOSSES: dict[str, Loss] = {
    "softmax_then_cross_entropy": softmax_then_cross_entropy,
    "sigmoid_then_bce_with_logits": sigmoid_then_bce_with_logits,
    "shapes_broadcast": shapes_broadcast,
}


def once_an_epoch(training: Training) -> None:
    """Forgets the gradient before the first batch of an epoch alone."""
    if training.step % training.data.steps_per_epoch == 0:
        zero(training)


def readout_zeroed(training: Training) -> None:
    """Forgets the gradients that the optimizer knows, those of the readout; all others grow."""
    for block in training.model.layout.blocks:
        if block.output:
            block.view(training.model.gradient).zero_()


def readout_stepped(training: Training) -> None:
    """One optimizer step, of the readout alone."""
    model = training.model
    before = model.parameters.clone()
    STAGES["step"](training)
    for block in model.layout.blocks:
        if not block.output:
            block.view(model.parameters).copy_(block.view(before))


def detached(training: Training) -> None:
    """The loss of the batch; its gradient reaches no parameter."""
    training.backward()
    training.model.gradient.zero_()
    training.has_gradient = False


def summed(training: Training) -> None:
    """The loss summed over the batch, and its gradient."""
    training.backward()
    training.loss = training.loss * training.batch.rows
    training.model.gradient.mul_(training.batch.rows)


def in_parts(count: int, divided: bool) -> Stage:
    """Loss and gradient of the batch, part by part: the mean of the parts' losses, and the sum of their gradients or its mean."""

    def backward(training: Training) -> None:
        whole = training.batch
        loss = torch.zeros_like(training.loss)
        for part in _parts(whole, count):
            training.batch = part
            training.backward()
            loss += training.loss / count
        training.batch, training.loss = whole, loss
        if divided:
            training.model.gradient.div_(count)

    return backward


def _parts(batch: Batch, count: int) -> list[Batch]:
    """The batch of a table in so many equal parts."""
    rows = batch.rows // count
    return [
        Batch(with_padding_rows(batch.inputs[:, :, start : start + rows]), batch.targets[:, start : start + rows], rows)
        for start in range(0, batch.rows, rows)
    ]


def left_in_eval_mode(training: Training) -> None:
    """Validates, and goes on training as validation is made."""
    validate(training)
    assert isinstance(training.model, Multilayer)
    if training.epoch_ends:
        training.model.learning = training.model.evaluating


def in_train_mode(training: Training) -> None:
    """Validates as training is done."""
    assert isinstance(training.model, Multilayer)
    training.model.evaluating = training.model.learning._replace(scaled=False)
    validate(training)


CHANGED: dict[str, dict[str, Stage]] = {
    "no_zero_grad": stages("backward", "clip", "step", "validate", "schedule"),
    "zero_grad_per_epoch": {**STAGES, "zero": once_an_epoch},
    "summed_loss": {**STAGES, "backward": summed},
    "loss_detached": {**STAGES, "backward": detached},
    "parameters_left_out": {**STAGES, "zero": readout_zeroed, "step": readout_stepped},
    "eval_mode_in_training": {**STAGES, "validate": left_in_eval_mode},
    "train_mode_in_validation": {**STAGES, "validate": in_train_mode},
    "clip_after_step": stages("zero", "backward", "step", "clip", "validate", "schedule"),
    "clip_before_backward": stages("zero", "clip", "backward", "step", "validate", "schedule"),
}
