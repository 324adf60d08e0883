"""Schedules: what they are made of, what is printed, what is refused."""

import pytest
import torch

from core.parts import schedulers
from core.parts.schedulers import SCHEDULERS

BASE_LR, EPOCHS, STEPS = 0.02, 12, 5  # 60 batches
CHANGED = [
    'plateau(factor=0.1, patience=2, mode="max", threshold=0.01, cooldown=1, min_lr=0.001, per="batch")',
    "cosine(eta_min=0.001)",
    'cosine(per="batch")',
    "one_cycle(max_lr=0.5, pct_start=0.25, cycle_momentum=False)",
    'one_cycle(per="epoch")',
    "constant(factor=0.1, total_iters=4)",
    'constant(per="batch")',
    'step(step_size=3, gamma=0.5, per="batch")',
    'multi_step(milestones=(2, 5, 9), gamma=0.3, per="batch")',
    'exponential(gamma=0.8, per="batch")',
    'polynomial(power=2.5, total_iters=9, per="batch")',
    'linear_warmup(warmup=7, start_factor=0.2, per="epoch")',
    'warmup_cosine(warmup=7, start_factor=0.2, eta_min=0.001, per="epoch")',
    'cosine_restarts(t_0=2, t_mult=2, eta_min=0.001, per="batch")',
    'cyclic(max_lr=0.1, step_size_up=4, mode="triangular2", cycle_momentum=False, per="epoch")',
    'inverse_sqrt(warmup=7, per="epoch")',
    'wsd(warmup=7, decay=20, start_factor=0.2, per="epoch")',
]
TEXTS = [*(entry.name for entry in SCHEDULERS), *CHANGED]


def rule():
    return torch.optim.Adam([torch.nn.Parameter(torch.zeros(()))], lr=BASE_LR)


def problem(text, base_lr=BASE_LR, epochs=EPOCHS, steps_per_epoch=STEPS):
    return schedulers.problem(SCHEDULERS.parse(text), base_lr, epochs, steps_per_epoch)


def stepped(schedule, optimizer, text):
    """The learning rate and beta1 before each of 60 steps."""
    rates = []
    for step in range(EPOCHS * STEPS):
        rates.append((optimizer.param_groups[0]["lr"], optimizer.param_groups[0]["betas"][0]))
        optimizer.step()
        schedule.step(*([float(step % 7)] if text.startswith("plateau") else []))
    return rates


def changed_arguments(text):
    """(entry, argument) of every argument that differs from its default."""
    part = SCHEDULERS.parse(text)
    defaults = {argument.name: argument.default for argument in part.entry.arguments}
    return {(part.entry.name, name) for name, value in part.arguments.items() if value != defaults[name]}


def test_every_argument_of_every_entry_is_changed_somewhere():
    changed = set().union(*(changed_arguments(text) for text in CHANGED))
    known = {(entry.name, argument.name) for entry in SCHEDULERS for argument in entry.arguments}
    assert changed == known


@pytest.mark.parametrize("text", TEXTS)
def test_the_printed_scheduler_is_the_one_that_is_made(text):
    part = SCHEDULERS.parse(text)
    first, second = rule(), rule()
    made = schedulers.make(part, first, BASE_LR, EPOCHS, STEPS)
    source = schedulers.source(part, BASE_LR, EPOCHS, STEPS)
    printed = eval(source, {"torch": torch, "optimizer": second})
    assert type(made) is type(printed)
    assert stepped(made, first, text) == stepped(printed, second, text)


PRINTED = {
    "one_cycle": "OneCycleLR(optimizer, max_lr=0.2, total_steps=60, pct_start=0.3, cycle_momentum=True)",
    "cosine": "CosineAnnealingLR(optimizer, T_max=12, eta_min=1e-06)",
    "multi_step": "MultiStepLR(optimizer, milestones=[6, 9], gamma=0.1)",
    "inverse_sqrt": "LambdaLR(optimizer, lr_lambda=lambda step: min((step + 1) / 6, (6 / (step + 1)) ** 0.5))",
    "plateau": 'ReduceLROnPlateau(optimizer, factor=0.5, patience=10, mode="min", threshold=0.0001, cooldown=0, '
    "min_lr=0.0)",
}


@pytest.mark.parametrize("text", PRINTED)
def test_a_printed_scheduler_reads_like_a_line_of_a_script(text):
    source = schedulers.source(SCHEDULERS.parse(text), BASE_LR, EPOCHS, STEPS)
    assert source == "torch.optim.lr_scheduler." + PRINTED[text]


@pytest.mark.parametrize("entry", list(SCHEDULERS), ids=lambda entry: entry.name)
def test_stepping_the_other_way_leaves_the_recipe_as_it_is(entry):
    texts = {
        schedulers.source(SCHEDULERS.parse(f"{entry.name}(per={per})"), BASE_LR, EPOCHS, STEPS)
        for per in ("epoch", "batch")
    }
    assert len(texts) == 1


def test_each_schedule_is_stepped_as_pytorch_means_it_unless_told_otherwise():
    found = {entry.name: schedulers.stepping(SCHEDULERS.parse(entry.name)) for entry in SCHEDULERS}
    per_epoch = ["plateau", "cosine", "constant", "step", "multi_step", "exponential", "polynomial", "cosine_restarts"]
    per_batch = ["one_cycle", "linear_warmup", "warmup_cosine", "cyclic", "inverse_sqrt", "wsd"]
    assert found == dict.fromkeys(per_epoch, "epoch") | dict.fromkeys(per_batch, "batch")
    assert all(entry.per == found[entry.name] for entry in SCHEDULERS)
    assert schedulers.stepping(SCHEDULERS.parse("one_cycle(per=epoch)")) == "epoch"
    assert schedulers.stepping(SCHEDULERS.parse("cosine(per=batch)")) == "batch"


def test_only_one_cycle_and_cyclic_cycle_momentum_and_only_until_told_not_to():
    assert {entry.name for entry in SCHEDULERS if schedulers.cycles_momentum(SCHEDULERS.parse(entry.name))} == {
        "one_cycle",
        "cyclic",
    }
    assert not schedulers.cycles_momentum(SCHEDULERS.parse("one_cycle(cycle_momentum=False)"))


def test_plateau_alone_needs_the_loss():
    assert [entry.name for entry in SCHEDULERS if entry.needs_loss] == ["plateau"]


@pytest.mark.parametrize("text", TEXTS)
def test_what_works_is_no_problem(text):
    assert problem(text) is None


@pytest.mark.parametrize("steps_per_epoch", [4, 22])
@pytest.mark.parametrize("epochs", [1, 2, 3, 10, 30])
@pytest.mark.parametrize("entry", list(SCHEDULERS), ids=lambda entry: entry.name)
def test_defaults_work_in_every_training_of_four_batches_or_more(entry, epochs, steps_per_epoch):
    for per in ("epoch", "batch"):
        assert problem(f"{entry.name}(per={per})", 0.001, epochs, steps_per_epoch) is None


PROBLEMS = [
    (
        "one_cycle(max_lr=0.01)",
        "one_cycle: max_lr must be base_lr (0.02) or more, but got 0.01; raise it, or write one_cycle alone: it peaks at ten times base_lr",
    ),
    (
        "cyclic(max_lr=0.01)",
        "cyclic: max_lr must be base_lr (0.02) or more, but got 0.01; raise it, or write cyclic alone: it peaks at ten times base_lr",
    ),
    ("cosine(eta_min=0.1)", "cosine: eta_min must be at most base_lr (0.02), but got 0.1; lower it or raise base_lr"),
    ("plateau(min_lr=0.1)", "plateau: min_lr must be at most base_lr (0.02), but got 0.1; lower it or raise base_lr"),
    (
        "multi_step(milestones=(10, 12))",
        "multi_step: milestones must be less than the 12 epochs of the training, but got (10, 12); "
        "lower it or train for more epochs",
    ),
    (
        "multi_step(milestones=(10, 60), per='batch')",
        "multi_step: milestones must be less than the 60 batches of the training, but got (10, 60); "
        "lower it or train for more epochs",
    ),
    (
        "step(step_size=12)",
        "step: step_size must be less than the 12 epochs of the training, but got 12; lower it or train for more epochs",
    ),
    (
        "cosine_restarts(t_0=12)",
        "cosine_restarts: t_0 must be less than the 12 epochs of the training, but got 12; "
        "lower it or train for more epochs",
    ),
    *(
        (
            f"{name}({argument}=60{per})",
            f"{name}: {argument} must be less than the 60 batches of the training, but got 60; "
            "lower it or train for more epochs",
        )
        for name, argument in [
            ("linear_warmup", "warmup"),
            ("warmup_cosine", "warmup"),
            ("inverse_sqrt", "warmup"),
            ("cyclic", "step_size_up"),
            ("wsd", "decay"),
        ]
        for per in ("", ", per='epoch'")
    ),
    (
        "wsd(warmup=50)",
        "wsd: warmup and decay must fit into the 60 batches of the training, but got 50 and 12; "
        "shorten them or train for more epochs",
    ),
    (
        "one_cycle(pct_start=0.01)",
        "one_cycle: must rise for more than one batch, but pct_start=0.01 of 60 batches is 0.6; "
        "raise pct_start or train for more epochs",
    ),
]


@pytest.mark.parametrize(("text", "sentence"), PROBLEMS)
def test_what_cannot_work_together_is_refused_in_one_sentence(text, sentence):
    assert problem(text) == sentence


def test_a_rise_of_exactly_one_batch_is_refused_where_pytorch_would_divide_by_zero():
    part = SCHEDULERS.parse("one_cycle(pct_start=0.1)")
    with pytest.raises(ZeroDivisionError):
        schedulers.make(part, rule(), BASE_LR, 2, 5)
    assert "must rise for more than one batch" in problem("one_cycle(pct_start=0.1)", BASE_LR, 2, 5)


REFUSED = [
    ("plateau(factor=1.5)", "plateau: factor must be above 0, below 1, but got 1.5"),
    ("plateau(factor=1)", "plateau: factor must be above 0, below 1, but got 1"),
    ("plateau(patience=-1)", "plateau: patience must be a whole number, 0 to 1e+06, but got -1"),
    ("plateau(mode=least)", "plateau: mode must be one of min, max, but got least"),
    ("one_cycle(max_lr=-1)", "one_cycle: max_lr must be above 0, at most 1e+06, but got -1"),
    ("one_cycle(pct_start=1)", "one_cycle: pct_start must be above 0, below 1, but got 1"),
    ("one_cycle(per=step)", "one_cycle: per must be one of epoch, batch, but got step"),
    ("exponential(gamma=-1)", "exponential: gamma must be above 0, at most 1, but got -1"),
    ("exponential(gamma=1.1)", "exponential: gamma must be above 0, at most 1, but got 1.1"),
    ("step(step_size=0)", "step: step_size must be a whole number, 1 to 1e+06, but got 0"),
    (
        "multi_step(milestones=(9, 3))",
        "multi_step: milestones must be rising whole numbers such as (10, 20), from 1 to 1e+06, but got (9, 3)",
    ),
    ("cosine(T_max=0)", "unknown argument of cosine 'T_max'; did you mean 'eta_min'? Known: eta_min, per"),
    ("cosin", "unknown scheduler 'cosin'; did you mean 'cosine'? Known: "),
]


@pytest.mark.parametrize(("text", "sentence"), REFUSED)
def test_what_torch_would_take_without_a_word_is_refused(text, sentence):
    with pytest.raises(ValueError) as caught:
        SCHEDULERS.parse(text)
    assert str(caught.value).startswith(sentence)
    assert "\n" not in str(caught.value)
