"""Traced rates against plain loops over PyTorch's own objects, and against closed forms."""

import math

import numpy as np
import pytest
import torch
from torch.optim import lr_scheduler as lrs

from core.engine.schedule_trace import Plateaus, trace
from core.parts.optimizers import OPTIMIZERS
from core.parts.schedulers import SCHEDULERS

BASE_LR, EPOCHS, STEPS = 0.02, 12, 5  # 60 batches

# each schedule as a reader would write it, all numbers by hand
PLAIN = {
    "cosine": lambda o: lrs.CosineAnnealingLR(o, T_max=12, eta_min=1e-6),
    "cosine(eta_min=0.001)": lambda o: lrs.CosineAnnealingLR(o, T_max=12, eta_min=0.001),
    "one_cycle": lambda o: lrs.OneCycleLR(o, max_lr=0.2, epochs=12, steps_per_epoch=5),
    "one_cycle(max_lr=0.5, pct_start=0.25, cycle_momentum=False)": lambda o: lrs.OneCycleLR(
        o, 0.5, total_steps=60, pct_start=0.25, cycle_momentum=False
    ),
    "constant": lambda o: lrs.LambdaLR(o, lambda step: 1.0),
    "constant(factor=0.1, total_iters=4)": lambda o: lrs.ConstantLR(o, factor=0.1, total_iters=4),
    "step": lambda o: lrs.StepLR(o, step_size=4),
    "step(step_size=3, gamma=0.5)": lambda o: lrs.StepLR(o, step_size=3, gamma=0.5),
    "multi_step": lambda o: lrs.MultiStepLR(o, milestones=[6, 9]),
    "multi_step(milestones=(2, 5, 11), gamma=0.3)": lambda o: lrs.MultiStepLR(o, milestones=[2, 5, 11], gamma=0.3),
    "exponential": lambda o: lrs.ExponentialLR(o, gamma=0.9),
    "exponential(gamma=0.8)": lambda o: lrs.ExponentialLR(o, gamma=0.8),
    "polynomial": lambda o: lrs.PolynomialLR(o, total_iters=12),
    "polynomial(power=2.5, total_iters=9)": lambda o: lrs.PolynomialLR(o, total_iters=9, power=2.5),
    "linear_warmup": lambda o: lrs.LinearLR(o, start_factor=0.01, total_iters=6),
    "linear_warmup(warmup=7, start_factor=0.2)": lambda o: lrs.LinearLR(o, start_factor=0.2, total_iters=7),
    "warmup_cosine": lambda o: lrs.SequentialLR(
        o, [lrs.LinearLR(o, 0.01, total_iters=6), lrs.CosineAnnealingLR(o, 54, 1e-6)], [6]
    ),
    "warmup_cosine(warmup=7, start_factor=0.2, eta_min=0.001)": lambda o: lrs.SequentialLR(
        o, [lrs.LinearLR(o, 0.2, total_iters=7), lrs.CosineAnnealingLR(o, 53, 0.001)], [7]
    ),
    "cosine_restarts": lambda o: lrs.CosineAnnealingWarmRestarts(o, 4, eta_min=1e-6),
    "cosine_restarts(t_0=2, t_mult=2, eta_min=0.001)": lambda o: lrs.CosineAnnealingWarmRestarts(o, 2, 2, 0.001),
    "cyclic": lambda o: lrs.CyclicLR(o, 0.02, 0.2, step_size_up=8),
    "cyclic(max_lr=0.1, step_size_up=4, mode='triangular2', cycle_momentum=False)": lambda o: lrs.CyclicLR(
        o, 0.02, 0.1, step_size_up=4, mode="triangular2", cycle_momentum=False
    ),
    "inverse_sqrt": lambda o: lrs.LambdaLR(o, lambda step: min((step + 1) / 6, math.sqrt(6 / (step + 1)))),
    "inverse_sqrt(warmup=7)": lambda o: lrs.LambdaLR(o, lambda step: min((step + 1) / 7, math.sqrt(7 / (step + 1)))),
    "wsd": lambda o: lrs.LambdaLR(
        o, lambda step: min(0.01 + 0.99 * step / 6, 1.0) if step < 48 else max(0.0, (60 - step) / 12)
    ),
    "wsd(warmup=7, decay=20, start_factor=0.2)": lambda o: lrs.LambdaLR(
        o, lambda step: min(0.2 + 0.8 * step / 7, 1.0) if step < 40 else max(0.0, (60 - step) / 20)
    ),
}
RULES = {
    "adam": lambda p: torch.optim.Adam(p, BASE_LR),
    "sgd(momentum=0.9)": lambda p: torch.optim.SGD(p, BASE_LR, momentum=0.9),
    "sgd": lambda p: torch.optim.SGD(p, BASE_LR),
    "adamw": lambda p: torch.optim.AdamW(p, BASE_LR),
    "rmsprop": lambda p: torch.optim.RMSprop(p, BASE_LR),
    "rmsprop(momentum=0.5)": lambda p: torch.optim.RMSprop(p, BASE_LR, momentum=0.5),
}


def with_per(text, per):
    name, _, arguments = text.partition("(")
    return f"{name}({arguments.removesuffix(')')}{', ' if arguments else ''}per='{per}')"


def traced(text, optimizer="adam", epochs=EPOCHS, steps_per_epoch=STEPS):
    return trace(SCHEDULERS.parse(text), OPTIMIZERS.parse(optimizer), BASE_LR, epochs, steps_per_epoch)


def plain_rates(schedule_of, rule_of, per):
    """What the updates of a plain training loop use."""
    parameter = torch.nn.Parameter(torch.ones(()))
    optimizer = rule_of([parameter])
    schedule = schedule_of(optimizer)
    lr, momentum = [], []
    for _ in range(EPOCHS):
        for _ in range(STEPS):
            (group,) = optimizer.param_groups
            lr.append(group["lr"])
            momentum.append(group["betas"][0] if "betas" in group else group["momentum"])
            optimizer.zero_grad()
            (parameter * parameter).backward()
            optimizer.step()
            if per == "batch":
                schedule.step()
        if per == "epoch":
            schedule.step()
    return np.array(lr), np.array(momentum)


@pytest.mark.parametrize("per", ["epoch", "batch"])
@pytest.mark.parametrize("optimizer", RULES)
@pytest.mark.parametrize("text", PLAIN)
def test_traced_rates_are_those_of_a_plain_loop(text, optimizer, per):
    rates = traced(with_per(text, per), optimizer)
    lr, momentum = plain_rates(PLAIN[text], RULES[optimizer], per)
    assert rates.lr.shape == rates.momentum.shape == (60,)
    assert rates.lr.dtype == rates.momentum.dtype == np.float64
    np.testing.assert_allclose(rates.lr, lr, rtol=1e-12, atol=1e-17)
    if optimizer == "rmsprop" and not momentum.any():
        assert np.isnan(rates.momentum).all()
    else:
        np.testing.assert_allclose(rates.momentum, momentum, rtol=1e-12)


def test_every_schedule_that_can_be_traced_is_compared_at_its_defaults_and_changed():
    for entry in SCHEDULERS:
        compared = [text for text in PLAIN if text.partition("(")[0] == entry.name]
        assert len(compared) == (0 if entry.needs_loss else 2)


@pytest.mark.parametrize("text", PLAIN)
def test_without_being_told_a_schedule_is_stepped_as_it_is_meant(text):
    own = SCHEDULERS.parse(text).entry.per
    assert np.array_equal(traced(text).lr, traced(with_per(text, own)).lr)


@pytest.mark.parametrize(("epochs", "steps_per_epoch"), [(1, 4), (2, 2), (1, 60), (60, 1), (7, 11)])
@pytest.mark.parametrize("per", ["epoch", "batch"])
@pytest.mark.parametrize("text", [entry.name for entry in SCHEDULERS if not entry.needs_loss])
def test_defaults_give_a_finite_rate_for_every_update_of_any_training(text, per, epochs, steps_per_epoch):
    rates = traced(with_per(text, per), "adam", epochs, steps_per_epoch)
    assert rates.lr.shape == (epochs * steps_per_epoch,)
    assert np.isfinite(rates.lr).all()
    assert np.isfinite(rates.momentum).all()
    assert (rates.lr >= 0).all()


def test_a_rate_stepped_per_epoch_stays_through_the_epoch():
    lr = traced("exponential").lr.reshape(EPOCHS, STEPS)
    assert (lr == lr[:, :1]).all()
    assert len(np.unique(lr)) == EPOCHS


def test_a_trace_cannot_be_written_into():
    with pytest.raises(ValueError, match="read-only"):
        traced("cosine").lr[0] = 1.0


def test_plateau_cannot_be_traced():
    with pytest.raises(AssertionError, match=r"^plateau needs the loss"):
        traced("plateau")


def test_cosine_is_half_a_cosine_over_the_epochs():
    epoch = np.repeat(np.arange(EPOCHS), STEPS)
    law = 1e-6 + (BASE_LR - 1e-6) * (1 + np.cos(np.pi * epoch / EPOCHS)) / 2
    np.testing.assert_allclose(traced("cosine").lr, law, rtol=1e-12)


def test_cosine_stepped_per_batch_repeats_itself_every_two_dozen_batches():
    lr = traced("cosine(per='batch')").lr
    np.testing.assert_allclose(lr[24:48], lr[:24], rtol=1e-9, atol=1e-12)


def half_cosine(start, end, share):
    return end + (start - end) * (1 + np.cos(np.pi * share)) / 2


def test_one_cycle_rises_and_falls_along_half_cosines_and_momentum_the_other_way_round():
    step, rise = np.arange(60.0), 0.3 * 60 - 1
    up, down = step[step <= rise] / rise, (step[step > rise] - rise) / (59 - rise)
    peak, start = 10 * BASE_LR, 10 * BASE_LR / 25
    rates = traced("one_cycle")
    law = np.concatenate([half_cosine(start, peak, up), half_cosine(peak, start / 1e4, down)])
    np.testing.assert_allclose(rates.lr, law, rtol=1e-12)
    law = np.concatenate([half_cosine(0.95, 0.85, up), half_cosine(0.85, 0.95, down)])
    np.testing.assert_allclose(rates.momentum, law, rtol=1e-12)
    assert rates.lr.argmax() == 17
    assert rates.lr.max() == pytest.approx(peak)


def test_one_cycle_stepped_per_epoch_never_leaves_its_rise():
    lr = traced("one_cycle(per='epoch')").lr
    assert (np.diff(lr) >= 0).all()
    assert lr[-1] < 0.75 * 10 * BASE_LR
    np.testing.assert_array_equal(lr[::STEPS], traced("one_cycle").lr[:EPOCHS])


def test_exponential_and_step_are_powers_of_gamma():
    epoch = np.repeat(np.arange(EPOCHS), STEPS)
    np.testing.assert_allclose(traced("exponential(gamma=0.8)").lr, BASE_LR * 0.8**epoch, rtol=1e-12)
    np.testing.assert_allclose(traced("step(step_size=5)").lr, BASE_LR * 0.1 ** (epoch // 5), rtol=1e-12)


LOSSES = {
    "falling": np.linspace(2, 1, 40),
    "flat": np.ones(40),
    "noisy": 1 + 0.3 * np.random.default_rng(0).standard_normal(40),
    "lost": np.array([1.0] * 5 + [math.nan] * 35),
    "rising": np.linspace(1, 2, 40),
}
ARGUMENTS = [
    ("plateau", {"factor": 0.5}),
    ("plateau(patience=2, cooldown=3, factor=0.1)", {"factor": 0.1, "patience": 2, "cooldown": 3}),
    ("plateau(mode='max', patience=0)", {"factor": 0.5, "mode": "max", "patience": 0}),
    ("plateau(threshold=0.1, patience=1)", {"factor": 0.5, "threshold": 0.1, "patience": 1}),
    ("plateau(min_lr=0.015, patience=1)", {"factor": 0.5, "min_lr": 0.015, "patience": 1}),
]


def test_plateaus_are_pytorchs_each_run_with_its_own_losses_arguments_and_rate():
    grid = [(text, arguments, name) for text, arguments in ARGUMENTS for name in LOSSES]
    base_lrs = [BASE_LR * (1 + index / 10) for index in range(len(grid))]
    ours = Plateaus([SCHEDULERS.parse(text) for text, _, _ in grid], base_lrs)
    rules = [torch.optim.SGD([torch.nn.Parameter(torch.zeros(()))], lr=lr) for lr in base_lrs]
    plain = [lrs.ReduceLROnPlateau(rule, **given) for rule, (_, given, _) in zip(rules, grid, strict=True)]
    np.testing.assert_array_equal(ours.lr, base_lrs)
    assert ours.lr.dtype == np.float64
    for epoch in range(40):
        losses = np.array([LOSSES[name][epoch] for _, _, name in grid])
        ours.step(losses)
        for schedule, loss in zip(plain, losses, strict=True):
            schedule.step(loss)
        np.testing.assert_array_equal(ours.lr, [rule.param_groups[0]["lr"] for rule in rules])
    assert (ours.lr < base_lrs).sum() > len(grid) // 2


def test_patience_lets_so_many_losses_pass_and_the_next_one_drops_the_rate():
    plateaus, seen = Plateaus([SCHEDULERS.parse("plateau(patience=3)")], [1.0]), []
    for _ in range(7):
        plateaus.step(np.ones(1))
        seen.append(plateaus.lr.item())
    assert seen == [1.0, 1.0, 1.0, 1.0, 0.5, 0.5, 0.5]  # the first is the best one, three more pass, the fifth drops


def test_only_plateaus_are_plateaus():
    with pytest.raises(AssertionError, match="can be traced"):
        Plateaus([SCHEDULERS.parse("cosine")], [0.1])
