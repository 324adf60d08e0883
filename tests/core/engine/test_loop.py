"""The training loop: its stages in order, its observers, and other lists of stages against plain PyTorch loops."""

import itertools

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from core.engine.layer_measures import learning_flow
from core.engine.learners import Member, Stack, model_of
from core.engine.loop import STAGES, Observer, Training, clip, stages, step, zero
from core.engine.network import Network
from core.engine.schedule_trace import Schedule
from core.engine.update_measures import UpdateMeasures
from core.parts.activations import ACTIVATIONS
from core.parts.clippers import CLIPPERS
from core.parts.datasets import DATASETS
from core.parts.optimizers import OPTIMIZERS
from core.parts.residuals import RESIDUALS
from core.parts.schedulers import SCHEDULERS
from tests.core import plain_network

EPOCHS, ROWS = 2, 30  # wine has 142 training rows: 4 batches an epoch
WINE = {"dataset": "wine", "batch_size": ROWS, "dtype": "float64"}


def stack_of(*members, depth=2, width=8, activation="tanh", loss=""):
    forms = tuple(RESIDUALS["none"].layers(depth, "none", False))
    network = Network(13, width, 3, ACTIVATIONS.parse(activation), forms)
    return Stack("mlp", network, width, DATASETS.parse("wine"), ROWS, "float64", members, loss)


def member(clipper="none", optimizer="sgd(momentum=0.9)", scheduler="constant", base_lr=0.1, seed=3):
    parts = CLIPPERS.parse(clipper), OPTIMIZERS.parse(optimizer), SCHEDULERS.parse(scheduler)
    return Member("he_normal", seed, base_lr, *parts)


def training_of(stack):
    data = stack.data("cpu")
    rates = Schedule.of(stack.members, EPOCHS, data.steps_per_epoch)
    return Training(stack.members, model_of(stack, "cpu"), data, rates)


class Diary(Observer):
    """Every call, with the number of the update; the loss of every batch."""

    def __init__(self):
        self.calls, self.losses = [], []

    def before(self, stage, training):
        self.calls.append(("before", stage, training.step))

    def after(self, stage, training):
        self.calls.append(("after", stage, training.step))
        if stage == "backward":
            self.losses.append(training.loss[0])


def losses_of(stage_list, member_of_stack):
    diary, course = Diary(), training_of(stack_of(member_of_stack))
    course.run(stage_list, [diary], EPOCHS * course.data.steps_per_epoch)
    return np.array(diary.losses)


def plain_losses(loop, member_of_stack):
    """Losses of a plain loop over the same network and batches; ``loop(model, optimizer, batches)`` yields them."""
    stack = stack_of(member_of_stack)
    layers = model_of(stack, "cpu").layers
    modules = []
    for (fan_out, fan_in), weight, bias in zip(stack.network.fans, layers.weights, layers.biases, strict=True):
        linear = nn.Linear(fan_in, fan_out, dtype=torch.float64)
        with torch.no_grad():
            linear.weight.copy_(weight[0, :fan_out, :fan_in])
            linear.bias.copy_(bias[0, :fan_out, 0])
        modules += [linear, nn.Tanh()]
    model, data = nn.Sequential(*modules[:-1]), stack.data("cpu")
    batches = [
        (epoch, batch.inputs[0, :13, :ROWS].T, batch.targets[0])
        for epoch in range(EPOCHS)
        for batch in data.epoch(epoch)
    ]
    return np.array(list(loop(model, torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9), batches)))


def test_the_stages_are_those_of_a_plain_loop_in_its_order():
    assert list(STAGES) == ["zero", "backward", "clip", "step", "validate", "schedule"]


def test_stages_run_in_the_order_of_the_list_for_each_batch_and_observers_stand_on_either_side():
    diary, course = Diary(), training_of(stack_of(member()))
    course.run(stages("schedule", "zero", "backward"), [diary], 2)
    expected = [
        (when, name, update)
        for update in range(2)
        for name in ("schedule", "zero", "backward")
        for when in ("before", "after")
    ]
    assert diary.calls == expected


def test_a_training_goes_on_where_it_stood():
    whole, pieces = Diary(), Diary()
    training_of(stack_of(member("auto"))).run(STAGES, [whole], 7)
    course = training_of(stack_of(member("auto")))
    for count in (1, 4, 2):
        course.run(STAGES, [pieces], count)
    assert course.step == 7
    assert pieces.losses == whole.losses
    assert pieces.calls == whole.calls


def test_validation_is_there_at_the_end_of_an_epoch_alone():
    seen = []

    class Look(Observer):
        def after(self, stage, training):
            if stage == "validate":
                seen.append(training.validation is not None)

    training_of(stack_of(member())).run(STAGES, [Look()], 8)
    assert seen == [False, False, False, True] * 2


def test_an_observer_can_stop_a_training():
    class Stop(Observer):
        def after(self, stage, training):
            training.stopped = training.step == 2

    course = training_of(stack_of(member()))
    course.run(STAGES, [Stop()], 100)
    assert course.step == 3


def right(model, optimizer, batches):
    for _, inputs, labels in batches:
        optimizer.zero_grad()
        loss = functional.cross_entropy(model(inputs), labels)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        optimizer.step()
        yield loss.item()


def without_zero(model, optimizer, batches):
    for _, inputs, labels in batches:
        loss = functional.cross_entropy(model(inputs), labels)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        optimizer.step()
        yield loss.item()


def zeroed_per_epoch(model, optimizer, batches):
    for epoch, group in itertools.groupby(batches, lambda batch: batch[0]):
        assert epoch < EPOCHS
        optimizer.zero_grad()
        for _, inputs, labels in group:
            loss = functional.cross_entropy(model(inputs), labels)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 0.5)
            optimizer.step()
            yield loss.item()


def clipped_after_the_step(model, optimizer, batches):
    for _, inputs, labels in batches:
        optimizer.zero_grad()
        loss = functional.cross_entropy(model(inputs), labels)
        loss.backward()
        optimizer.step()
        nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        yield loss.item()


def not_clipped(model, optimizer, batches):
    for _, inputs, labels in batches:
        optimizer.zero_grad()
        loss = functional.cross_entropy(model(inputs), labels)
        loss.backward()
        optimizer.step()
        yield loss.item()


def accumulated_over_two_batches(model, optimizer, batches):
    optimizer.zero_grad()
    for index, (_, inputs, labels) in enumerate(batches):
        loss = functional.cross_entropy(model(inputs), labels)
        loss.backward()
        if index % 2:
            optimizer.step()
            optimizer.zero_grad()
        yield loss.item()


def every(count, stage, first=False):
    """The stage at the first or last of so many updates alone."""
    due = 0 if first else count - 1
    return lambda training: stage(training) if training.step % count == due else None


LISTS = {
    "right": (STAGES, right),
    "no zero": (stages("backward", "clip", "step", "validate", "schedule"), without_zero),
    "zero per epoch": (STAGES | {"zero": every(4, zero, first=True)}, zeroed_per_epoch),
    "clip before backward": (stages("zero", "clip", "backward", "step"), not_clipped),
    "clip after step": (stages("zero", "backward", "step", "clip", "schedule"), clipped_after_the_step),
    "accumulation": (
        STAGES | {"zero": every(2, zero, first=True), "clip": lambda _: None, "step": every(2, step)},
        accumulated_over_two_batches,
    ),
}


@pytest.mark.parametrize("name", LISTS)
def test_another_list_of_stages_is_the_plain_loop_that_is_written_so(name):
    stage_list, loop = LISTS[name]
    clipped = member("norm(max_norm=0.5)")
    ours = losses_of(stage_list, clipped)
    np.testing.assert_allclose(ours, plain_losses(loop, clipped), rtol=1e-9)
    if name != "right":
        assert not np.allclose(ours, losses_of(STAGES, clipped), rtol=1e-3)


@pytest.mark.parametrize("order", [("zero", "clip", "backward", "step"), ("zero", "backward", "step", "clip")])
def test_clipping_is_measured_by_the_gradient_that_the_step_goes_by(order):
    course = training_of(stack_of(member("norm(max_norm=0.01)"), member("value(clip_value=0.001)")))
    measures = UpdateMeasures(course, 8)
    course.run(stages(*order), [measures], 8)
    columns = measures.columns()
    np.testing.assert_array_equal(columns["clipped_grad_norm"], columns["grad_norm"])
    np.testing.assert_allclose(columns["clip_cosine"], 1.0, rtol=1e-12)
    assert (columns["clipped"] == (order[-1] == "clip")).all()


def test_without_a_gradient_nothing_moves():
    course = training_of(stack_of(member("norm(max_norm=0.5)")))
    start = course.model.parameters.clone()
    course.run(STAGES | {"backward": lambda _: None}, [], 5)
    assert torch.equal(course.model.parameters, start)


def test_the_schedule_before_the_step_leaves_the_first_rate_out():
    rates = []

    class Rates(Observer):
        def before(self, stage, training):
            if stage == "step":
                rates.append(training.schedule.lr[0])

    warming = member(scheduler="linear_warmup")
    training_of(stack_of(warming)).run(STAGES, [Rates()], 8)
    right_rates, rates[:] = list(rates), []
    training_of(stack_of(warming)).run(stages("zero", "backward", "schedule", "step"), [Rates()], 8)
    assert rates[:7] == right_rates[1:]


def test_clipping_counts_the_runs_above_their_threshold_and_touches_no_other():
    course = training_of(stack_of(member("norm(max_norm=0.01)"), member("norm(max_norm=1000)")))
    course.run(stages("zero", "backward"), [], 1)
    before = course.model.gradient.clone()
    clip(course)
    assert course.clipped.tolist() == [True, False]
    assert torch.equal(course.model.gradient[1], before[1])
    assert torch.linalg.vector_norm(course.model.gradient[0]) == pytest.approx(0.01, rel=1e-3)


def clip_plainly(network, clipper, norms):
    """Clips in plain PyTorch."""
    parameters = list(network.parameters())
    name, arguments = plain_network.name_and_arguments(clipper)
    if name == "norm":
        nn.utils.clip_grad_norm_(parameters, arguments["max_norm"])
    elif name == "value":
        nn.utils.clip_grad_value_(parameters, arguments["clip_value"])
    elif name == "per_parameter":
        for parameter in parameters:
            nn.utils.clip_grad_norm_([parameter], arguments["max_norm"])
    elif name == "adaptive":
        for parameter in parameters[:-2]:
            axis = 1 if parameter.dim() > 1 else 0
            size = parameter.grad.norm(dim=axis, keepdim=True)
            limit = arguments["clipping"] * parameter.detach().norm(dim=axis, keepdim=True).clamp(min=1e-3)
            parameter.grad.mul_(torch.where(size > limit, limit / size, 1.0))
    elif name == "auto":
        norms.append(torch.cat([parameter.grad.flatten() for parameter in parameters]).norm().item())
        nn.utils.clip_grad_norm_(parameters, np.percentile(norms, arguments["percentile"]))


def plain_learning(settings, seed, clipper):
    """name -> (steps, layers) of a plain loop."""
    network, norms, rows = plain_network.PlainNetwork(settings, seed).double(), [], []
    optimizer = plain_network.optimizer_of(settings, network)
    for inputs, labels in plain_network.batches(settings, seed)[: settings["steps"]]:
        network.zero_grad()
        loss = plain_network.loss_of(settings, seed, network(inputs.double()), labels)
        loss.backward()
        sizes = [linear.weight.grad.norm().item() for linear in network.linears]
        clip_plainly(network, clipper, norms)
        before = [linear.weight.detach().clone() for linear in network.linears]
        optimizer.step()
        moved = [
            ((linear.weight.detach() - old).norm() / old.norm()).item()
            for linear, old in zip(network.linears, before, strict=True)
        ]
        rows.append({"train_loss": [loss.item()] * len(sizes), "grad_norm": sizes, "update_ratio": moved})
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


MEMBERS = [
    "none",
    "norm(max_norm=0.3)",
    "value(clip_value=0.01)",
    "per_parameter(max_norm=0.05)",
    "adaptive(clipping=0.02)",
    "auto(percentile=30)",
]


@pytest.mark.parametrize("optimizer", ["adam", "sgd(momentum=0.9)"])
def test_a_network_whose_layers_are_watched_learns_with_any_clipper_as_in_plain_pytorch(optimizer):
    members = [member(text, optimizer, base_lr=0.02, seed=seed) for text in MEMBERS for seed in (1, 2)]
    stack = stack_of(*members, depth=4, activation="sigmoid", loss="cross_entropy")
    ours = learning_flow(stack, EPOCHS)
    network = {"depth": 4, "width": 8, "activation": "sigmoid", "init": "he_normal", "norm": "none", "residual": "none"}
    settings = WINE | network | {"loss": "cross_entropy", "optimizer": optimizer, "base_lr": 0.02, "steps": 8}
    texts = [text for text in MEMBERS for _ in range(2)]
    for r, (text, one) in enumerate(zip(texts, members, strict=True)):
        for name, values in plain_learning(settings, one.seed, text).items():
            np.testing.assert_allclose(ours[name][r], values, rtol=1e-9, err_msg=f"{name} with {text}")
    lasts = ours["train_loss"][::2, -1, 0]
    assert len(set(lasts.tolist())) == len(MEMBERS)  # every clipper has had its effect


def test_a_watched_run_has_the_same_bits_alone_and_beside_any_clipper():
    members = [member(text, "adam", seed=seed) for text in MEMBERS for seed in (1, 2)]
    together = learning_flow(stack_of(*members, depth=3, loss="cross_entropy"), EPOCHS)
    for r, one in enumerate(members):
        alone = learning_flow(stack_of(one, depth=3, loss="cross_entropy"), EPOCHS)
        for name, values in alone.items():
            np.testing.assert_array_equal(together[name][r], values[0], err_msg=f"{name} of {one}")
