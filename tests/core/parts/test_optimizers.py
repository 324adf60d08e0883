"""Optimizers of a stack against torch.optim, one run at a time."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from core.parts import optimizers
from core.parts.optimizers import OPTIMIZERS
from tests.core.plain_network import name_and_arguments

RULES = [
    ("adam", torch.optim.Adam, {}),
    ("adam(beta1=0.5, beta2=0.9)", torch.optim.Adam, {"betas": (0.5, 0.9)}),
    ("adam(beta1=0, beta2=0)", torch.optim.Adam, {"betas": (0.0, 0.0)}),
    ("sgd", torch.optim.SGD, {}),
    ("sgd(momentum=0.9)", torch.optim.SGD, {"momentum": 0.9}),
    ("sgd(momentum=0.9, nesterov=True)", torch.optim.SGD, {"momentum": 0.9, "nesterov": True}),
    ("adamw", torch.optim.AdamW, {}),
    ("adamw(beta1=0.5, beta2=0.9, weight_decay=0.3)", torch.optim.AdamW, {"betas": (0.5, 0.9), "weight_decay": 0.3}),
    ("adamw(weight_decay=0)", torch.optim.AdamW, {"weight_decay": 0.0}),
    ("rmsprop", torch.optim.RMSprop, {}),
    ("rmsprop(alpha=0.9, momentum=0.8)", torch.optim.RMSprop, {"alpha": 0.9, "momentum": 0.8}),
]
TEXTS = [text for text, _, _ in RULES]
RATES = [1e-3, 0.1, 1.0]
SHAPES = [(4, 5), (20,)]  # one run's parameter; lr is (R, 1, 1) for the one and (R, 1) for the other


def gradients(shape):
    """Twenty gradients of three runs, some small, some large."""
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(3, *shape, dtype=torch.float64, generator=generator) * 10.0 ** (i % 5 - 3) for i in range(20)]


def stack_of(shape):
    """Three runs' parameters, and each run's learning rate."""
    start = torch.randn(3, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    return start, torch.tensor(RATES, dtype=torch.float64).view(-1, *(1 for _ in shape))


def plain(parameter, optimizer, own):
    """One step of PyTorch's optimizer with the gradient ``own``."""
    parameter.grad = own.clone()
    optimizer.step()


def made(part, parameters, lr):
    """The optimizer that a printed script makes."""
    model = SimpleNamespace(parameters=lambda: parameters)
    return eval(optimizers.source(part, lr), {"torch": torch, "model": model})


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize(("text", "rule", "arguments"), RULES)
def test_optimizers_agree_with_torch_optim_over_twenty_steps(text, rule, arguments, shape):
    part = OPTIMIZERS.parse(text)
    ours, lr = stack_of(shape)
    parameters = [nn.Parameter(run.clone()) for run in ours]
    rules = [rule([parameter], rate, **arguments) for parameter, rate in zip(parameters, RATES, strict=True)]
    state = {}
    for step, gradient in enumerate(gradients(shape)):
        before = gradient.clone()
        part.entry.update(ours, gradient, state, step, lr, **part.arguments)
        assert torch.equal(gradient, before)
        for parameter, optimizer, own in zip(parameters, rules, gradient, strict=True):
            plain(parameter, optimizer, own)
        torch.testing.assert_close(ours, torch.stack([run.detach() for run in parameters]), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("text", TEXTS)
def test_a_momentum_of_each_runs_own_agrees_with_torch_optim_given_it_at_each_step(text, shape):
    part = OPTIMIZERS.parse(text)
    cycled = part.entry.cycled
    ours, lr = stack_of(shape)
    parameters = [nn.Parameter(run.clone()) for run in ours]
    rules = [made(part, [own], rate) for own, rate in zip(parameters, RATES, strict=True)]
    state = {}
    for step, gradient in enumerate(gradients(shape)):
        momenta = [0.95 - 0.005 * step, 0.4 + 0.02 * step, 0.8]
        tensor = torch.tensor(momenta, dtype=torch.float64).view_as(lr)
        part.entry.update(ours, gradient, state, step, lr, **part.arguments | {cycled: tensor})
        for parameter, optimizer, own, momentum in zip(parameters, rules, gradient, momenta, strict=True):
            (group,) = optimizer.param_groups
            if cycled == "beta1":
                group["betas"] = (momentum, group["betas"][1])
            else:
                group["momentum"] = momentum
            plain(parameter, optimizer, own)
        torch.testing.assert_close(ours, torch.stack([run.detach() for run in parameters]), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("text", TEXTS)
def test_a_constant_momentum_is_the_same_as_a_number_and_as_a_tensor(text, dtype):
    part = OPTIMIZERS.parse(text)
    given = part.arguments[part.entry.cycled]
    results = []
    for momentum in (given, torch.full((3, 1, 1), given, dtype=torch.float64)):
        (ours, lr), state = stack_of((4, 5)), {}
        ours, lr = ours.to(dtype), lr.to(dtype)
        for step, gradient in enumerate(gradients((4, 5))):
            own = gradient.to(dtype)
            part.entry.update(ours, own, state, step, lr, **part.arguments | {part.entry.cycled: momentum})
        assert ours.dtype == dtype
        assert all(tensor.dtype == dtype and tensor.shape == ours.shape for tensor in state.values())
        results.append(ours)
    tolerance = 1e-12 if dtype == torch.float64 else 2e-6
    torch.testing.assert_close(results[0], results[1], rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("text", TEXTS)
def test_an_update_of_one_run_is_the_same_alone_and_in_a_stack(text):
    part = OPTIMIZERS.parse(text)
    momentum = torch.tensor([0.9, 0.5, 0.0]).view(3, 1)
    for cycled in (part.arguments[part.entry.cycled], momentum):
        ours, lr = (tensor.float() for tensor in stack_of((32,)))
        alone, rate, state, own = ours[2:].clone(), lr[2:], {}, {}
        tensor = isinstance(cycled, torch.Tensor)
        for step, gradient in enumerate(gradients((32,))):
            given = part.arguments | {part.entry.cycled: cycled}
            part.entry.update(ours, gradient.float(), state, step, lr, **given)
            given = part.arguments | {part.entry.cycled: cycled[2:] if tensor else cycled}
            part.entry.update(alone, gradient[2:].float(), own, step, rate, **given)
        assert torch.equal(ours[2:], alone)


@pytest.mark.parametrize(("text", "rule", "arguments"), RULES)
def test_the_printed_optimizer_is_pytorchs(text, rule, arguments):
    part, model = OPTIMIZERS.parse(text), nn.Linear(2, 3)
    printed = made(part, list(model.parameters()), 0.0123)
    byhand = rule(model.parameters(), lr=0.0123, **arguments)
    assert type(printed) is type(byhand)
    assert printed.defaults == byhand.defaults


def test_the_printed_adam_names_its_arguments():
    assert (
        optimizers.source(OPTIMIZERS.parse("adam"), 0.001)
        == "torch.optim.Adam(model.parameters(), lr=0.001, betas=(0.9, 0.999))"
    )


def test_every_optimizer_is_compared_with_torch_optim():
    assert {name_and_arguments(text)[0] for text in TEXTS} == {entry.name for entry in OPTIMIZERS}


@pytest.mark.parametrize("entry", list(OPTIMIZERS), ids=lambda entry: entry.name)
def test_the_argument_that_a_schedule_cycles_is_one_of_the_arguments(entry):
    assert entry.cycled in {argument.name for argument in entry.arguments}


def test_nesterov_without_momentum_is_refused_with_the_mend():
    with pytest.raises(ValueError, match=r"^sgd: nesterov=True needs a momentum above 0, such as momentum=0\.9$"):
        OPTIMIZERS.parse("sgd(nesterov=True)")
