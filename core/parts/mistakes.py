"""Mistakes: training loops with one wrong line, each with what it needs to be seen, and what `watch` calls it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from core.parts.schedulers import SCHEDULERS, Scheduler
from core.registry import Entry, Part, Registry, Value

MEMBERS = ("dataset", "depth", "init", "norm", "clipper", "base_lr", "scheduler", "loss", "micro_batches")
FIXED = ("norm", "clipper", "scheduler", "loss")  # a mistake that has one is about it
WRONG_LOSSES = ("softmax_then_cross_entropy", "sigmoid_then_bce_with_logits", "shapes_broadcast")


@dataclass(frozen=True, kw_only=True)
class Mistake(Entry):
    """A training loop with one wrong line.

    finding   the code of what ``watch`` says of it; empty for the right loop
    severity  that finding's
    effect    what the line does, in a sentence
    told      what ``watch`` says of it, each … a number or a name
    remedy    what to write instead, in a sentence
    needs     ``classes``, ``schedule`` or ``scaler``, where the loop must have one; empty where it need not
    stepped   the argument of its scheduler that is wrong, and its value; empty where the schedule is right
    factor    the setting by which its gradient is too large; empty for none

    The others are what it is shown with; empty where it takes any.
    """

    finding: str = ""
    severity: str = "error"
    effect: str = ""
    told: str = ""
    remedy: str = ""
    needs: str = ""
    stepped: tuple[str, str] | None = None
    factor: str = ""
    dataset: str = ""
    depth: int = 0
    init: str = ""
    norm: str = ""
    clipper: str = ""
    base_lr: float = 0.0
    scheduler: str = ""
    loss: str = ""
    micro_batches: int = 0

    @property
    def members(self) -> dict[str, Any]:
        """What it is shown with, by setting."""
        return {name: getattr(self, name) for name in MEMBERS if getattr(self, name)}

    def schedule(self, scheduler: Part[Scheduler]) -> Part[Scheduler]:
        """The schedule as the loop makes and steps it."""
        changed: dict[str, Value] = dict([self.stepped]) if self.stepped else {}
        return Part(scheduler.entry, scheduler.arguments | changed)


MISTAKES: Registry[Mistake] = Registry(
    "mistake",
    Mistake(name="none", label="the right loop", source="what each mistake is compared with"),
    Mistake(
        name="no_zero_grad",
        label="gradients never zeroed",
        source="PyTorch adds gradients up: torch.Tensor.backward",
        finding="gradients_not_zeroed",
        effect="Every update moves along the sum of all gradients so far.",
        told="The gradients are never cleared in … steps: … of the steps of optimizer use the sum of earlier batches' gradients as well.",
        remedy="Call optimizer.zero_grad() before every backward pass.",
    ),
    Mistake(
        name="zero_grad_per_epoch",
        label="gradients zeroed once an epoch",
        source="PyTorch adds gradients up: torch.Tensor.backward",
        finding="gradients_not_zeroed",
        effect="Every update moves along the sum of the epoch's gradients so far.",
        told="The gradients are cleared only … times in … steps: … of the steps of optimizer use the sum of earlier batches' gradients as well.",
        remedy="Call optimizer.zero_grad() before every backward pass, not once an epoch.",
    ),
    Mistake(
        name="accumulation_not_divided",
        label="accumulated losses not divided",
        source="torch.amp's examples divide by the number of micro-batches",
        finding="accumulated_loss_not_divided",
        severity="warning",
        effect="The gradient is the sum of the micro-batches', not their mean, and the learning rate grows with their number.",
        told="… backward passes of a mean loss are added up for each step, so the gradient is … times that of one batch, and with it the learning rate.",
        remedy="Divide each micro-batch's loss by their number.",
        micro_batches=4,
        factor="micro_batches",
    ),
    Mistake(
        name="summed_loss",
        label="the loss summed over the batch",
        source="torch.nn.CrossEntropyLoss(reduction='sum')",
        finding="loss_summed_over_batch",
        severity="warning",
        effect="The gradient grows with the batch, and the learning rate with it.",
        told="The loss is a sum over the batch of …: gradient and learning rate grow with its size.",
        remedy="Leave reduction at its default, the mean.",
        factor="batch_size",
    ),
    Mistake(
        name="loss_detached",
        label="the loss made a new leaf",
        source="loss.detach().requires_grad_()",
        finding="nothing_trained",
        effect="The backward pass ends at the new leaf: no parameter gets a gradient, and nothing says so.",
        told="… steps of optimizer change nothing: the loss has no graph: it was detached from the network (.data, .detach(), .item() or a new tensor of it).",
        remedy="Call backward() on the loss itself.",
    ),
    Mistake(
        name="parameters_left_out",
        label="the hidden layers left out of the optimizer",
        source="an optimizer made of one part of the model",
        finding="parameters_not_in_optimizer",
        effect="The readout alone learns, on hidden layers that stay as they were drawn.",
        told="… trainable parameters get gradients but no optimizer has them: ….",
        remedy="Hand model.parameters() to the optimizer.",
    ),
    Mistake(
        name="softmax_then_cross_entropy",
        label="softmax before cross-entropy",
        source="torch.nn.CrossEntropyLoss takes logits",
        finding="softmax_before_cross_entropy",
        effect="Cross-entropy takes another softmax of the shares: its gradient fades where the network is sure.",
        told="cross_entropy is fed probabilities: it takes the softmax a second time, which flattens its gradient.",
        remedy="Hand the logits to cross-entropy.",
        loss="cross_entropy",
    ),
    Mistake(
        name="sigmoid_then_bce_with_logits",
        label="sigmoid before BCEWithLogits",
        source="torch.nn.BCEWithLogitsLoss takes logits",
        finding="output_does_not_fit_loss",
        effect="The loss takes another sigmoid of the share, which then never leaves 0.5 to 0.73.",
        told="binary_cross_entropy_with_logits is fed the output of a sigmoid: it takes the sigmoid itself.",
        remedy="Hand the logits to binary_cross_entropy_with_logits.",
        dataset="breast_cancer",
        loss="bce_with_logits",
    ),
    Mistake(
        name="shapes_broadcast",
        label="shapes blown up against each other",
        source="torch.nn.MSELoss warns, and goes on",
        finding="shapes_broadcast",
        effect="Each of B predictions is compared with each of B targets: the best answer is their mean.",
        told="The prediction has shape (…, 1) and the target (…,): mse compares every one with every other, … pairs.",
        remedy="Give prediction and target one shape: output.squeeze(1).",
        dataset="diabetes",
        loss="mse",
    ),
    Mistake(
        name="eval_mode_in_training",
        label="model.train() forgotten after validation",
        source="torch.nn.Module.eval stays until train() is called",
        finding="batchnorm_in_eval_mode",
        effect="From the second epoch on, BatchNorm uses the statistics of the first.",
        told="… of the training steps run in eval mode: model.norms.0 uses its running statistics and never learns them.",
        remedy="Call model.train() before each epoch.",
        norm="batch",
    ),
    Mistake(
        name="train_mode_in_validation",
        label="model.eval() forgotten before validation",
        source="torch.nn.BatchNorm1d takes its statistics from the batch in training mode",
        finding="validation_in_train_mode",
        severity="warning",
        effect="Validation rows are normalized by one another, and enter the running statistics.",
        told="The model is evaluated under no_grad in train mode, … times: model.norms.0 normalizes by each evaluated batch and learns its statistics from it.",
        remedy="Call model.eval() before validating.",
        norm="batch",
    ),
    Mistake(
        name="clip_after_step",
        label="clipped after the step",
        source="graphstorm#1366",
        finding="clip_has_no_effect",
        effect="The optimizer has moved by the time the gradient is shortened.",
        told="clip_grad_norm_ does nothing in … of its … calls: the step has used the gradients when it is called.",
        remedy="Clip between loss.backward() and optimizer.step().",
        depth=12,
        init="he_normal",
        clipper="norm(max_norm=5.0)",
        base_lr=0.04,
    ),
    Mistake(
        name="clip_before_backward",
        label="clipped before the backward pass",
        source="torch.nn.utils.clip_grad_norm_ takes what gradients there are",
        finding="clip_has_no_effect",
        effect="There is no gradient yet to be shortened.",
        told="clip_grad_norm_ does nothing in … of its … calls: there is no gradient yet when it is called.",
        remedy="Clip between loss.backward() and optimizer.step().",
        depth=12,
        init="he_normal",
        clipper="norm(max_norm=5.0)",
        base_lr=0.04,
    ),
    Mistake(
        name="one_cycle_per_epoch",
        label="one-cycle stepped per epoch",
        source="pytorch#65417",
        finding="schedule_unfinished",
        severity="warning",
        effect="A course sized in batches covers a sliver of its way: the rate hardly leaves its start.",
        told="OneCycleLR is sized for … steps and gets …: it is stepped once for … updates and covers … of its course.",
        remedy="Call scheduler.step() after every batch.",
        stepped=("per", "epoch"),
        scheduler="one_cycle",
    ),
    Mistake(
        name="cosine_per_batch",
        label="cosine stepped per batch",
        source="villa#1495",
        finding="schedule_repeats",
        severity="warning",
        effect="A course sized in epochs is over after as many batches, climbs again, and falls again.",
        told="CosineAnnealingLR is sized for … steps and gets … after every batch: the rate climbs again … times.",
        remedy="Call scheduler.step() once an epoch.",
        stepped=("per", "batch"),
        scheduler="cosine",
    ),
    Mistake(
        name="plateau_per_batch",
        label="reduce on plateau fed batch losses",
        source="pytorch-template#89",
        finding="plateau_on_training_batches",
        severity="warning",
        effect="The noise of the batches passes for a standstill, and the rate is cut again and again.",
        told="ReduceLROnPlateau is fed the loss of every training batch (… times): it takes the noise between batches for a plateau and has cut the rate … times.",
        remedy="Call scheduler.step(val_loss) once an epoch.",
        stepped=("per", "batch"),
        scheduler="plateau(patience=3)",
    ),
    Mistake(
        name="plateau_wrong_mode",
        label="reduce on plateau in the wrong mode",
        source="torch.optim.lr_scheduler.ReduceLROnPlateau(mode='max') is for an accuracy",
        finding="plateau_on_training_batches",
        severity="warning",
        effect="A falling loss passes for a standstill: the rate is cut on its beat while all goes well.",
        told="ReduceLROnPlateau runs in mode 'max' on a number that falls as the training goes on: it sees no improvement and has cut the rate … times.",
        remedy="Leave mode at 'min' for a loss.",
        stepped=("mode", "max"),
        scheduler="plateau(patience=3)",
    ),
    Mistake(
        name="scheduler_first",
        label="the scheduler stepped first",
        source="torch.optim: since 1.1 the scheduler is stepped after the optimizer",
        finding="scheduler_before_optimizer",
        severity="warning",
        effect="The first rate of the course is skipped, and all others come an epoch early.",
        told="The scheduler steps before the optimizer's first step: the first value of the schedule is never used.",
        remedy="Call scheduler.step() after optimizer.step().",
        needs="schedule",
        scheduler="step",
    ),
    Mistake(
        name="sorted_by_class",
        label="rows sorted by class",
        source="torch.utils.data.DataLoader(shuffle=False) on a file that is sorted",
        finding="batches_not_shuffled",
        severity="warning",
        effect="Every batch holds a class or two, and every epoch ends with the last of them.",
        told="The batches come in the order of the labels: … of them hold one class alone, and their mean labels differ … times as much as random batches would.",
        remedy="Shuffle the training rows anew in each epoch.",
        needs="classes",
    ),
    Mistake(
        name="raw_inputs",
        label="inputs not standardized",
        source="sklearn.preprocessing.StandardScaler",
        finding="inputs_not_normalized",
        severity="warning",
        effect="Columns of large numbers weigh far more than the others.",
        told="The inputs of model.linears.0 are large: root mean square …, from … to ….",
        remedy="Standardize the columns on the training rows.",
        needs="scaler",
        dataset="breast_cancer",
    ),
)


def schedule_of(mistake: str, scheduler: str) -> Part[Scheduler]:
    """The schedule ``scheduler`` as the loop with this mistake makes and steps it."""
    return MISTAKES[mistake].schedule(SCHEDULERS.parse(scheduler))
