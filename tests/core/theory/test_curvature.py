"""Curvature against whole Hessians, and the learning rates it allows against descent itself."""

import itertools
import math

import numpy as np
import pytest
import torch
from torch import nn

from core.engine.curvature import descent, sharpness
from core.experiments import experiment
from core.experiments.training import compute
from core.parts.datasets import DATASETS, table
from core.parts.optimizers import OPTIMIZERS
from core.theory.curvature import largest_eigenvalue, max_stable_lr

RANGE_TEST = experiment("range_test")


def symmetric(eigenvalues, seed):
    """A symmetric matrix with these eigenvalues."""
    q, _ = torch.linalg.qr(
        torch.randn(len(eigenvalues), len(eigenvalues), generator=torch.Generator().manual_seed(seed)).double()
    )
    return q @ torch.diag(torch.tensor(eigenvalues, dtype=torch.float64)) @ q.T


def test_the_largest_eigenvalue_is_the_algebraic_one_of_each_run():
    matrices = torch.stack([symmetric([-9.0, 1.0, 2.0, 3.0], 0), symmetric([-1.0, -0.5, 0.0, 0.25], 1)])
    start = torch.ones(2, 4, dtype=torch.float64)
    found = largest_eigenvalue(lambda v: torch.einsum("rij,rj->ri", matrices, v), start)
    np.testing.assert_allclose(found, [3.0, 0.25], rtol=1e-6)


def test_a_run_beside_one_that_is_not_finite_is_not_changed():
    matrix = symmetric([1.0, 2.0, 5.0, 5.5], 2)
    lost = torch.full_like(matrix, math.nan)
    start = torch.ones(1, 4, dtype=torch.float64)

    def product(*matrices):
        together = torch.stack(matrices)
        return lambda v: torch.einsum("rij,rj->ri", together, v)

    alone_found = largest_eigenvalue(product(matrix), start)
    found = largest_eigenvalue(product(matrix, lost), start.expand(2, -1))
    assert found[0] == alone_found[0]
    assert math.isnan(found[1])


def plain_network(run):
    """The run's network in plain PyTorch, float64, with the engine's weights."""
    from core.engine.learners import model_of

    settings = run.settings
    stack = compute.stack([run])
    own = model_of(stack, "cpu")
    widths = [settings.data.features, *[settings.width] * settings.depth, settings.data.classes]
    phi = {"tanh": nn.Tanh(), "relu": nn.ReLU()}[settings.activation]
    layers = []
    for index, (fan_in, fan_out) in enumerate(itertools.pairwise(widths)):
        linear = nn.Linear(fan_in, fan_out).double()
        with torch.no_grad():
            linear.weight.copy_(own.layout.views(own.parameters)[f"weight {index + 1}"][0, :fan_out, :fan_in])
            linear.bias.copy_(own.layout.views(own.parameters)[f"bias {index + 1}"][0, :fan_out, 0])
        layers += [linear, phi]
    return nn.Sequential(*layers[:-1])


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("seed", [0, 3])
def test_sharpness_is_the_largest_eigenvalue_of_the_whole_hessian(activation, seed):
    sweep = RANGE_TEST.sweep(
        {"dataset": "wine", "width": 6, "depth": 2, "activation": activation, "optimizer": "sgd", "dtype": "float64"}
    )
    run = next(run for run in sweep.runs())._replace(seed=seed)
    model, data = plain_network(run), table(DATASETS.parse("wine"))
    inputs, labels = torch.from_numpy(data.train_inputs).double(), torch.from_numpy(data.train_labels)
    names = [name for name, _ in model.named_parameters()]
    shapes = [parameter.shape for parameter in model.parameters()]

    def loss(flat):
        pieces = flat.split([shape.numel() for shape in shapes])
        given = {name: piece.view(shape) for name, piece, shape in zip(names, pieces, shapes, strict=True)}
        return nn.functional.cross_entropy(torch.func.functional_call(model, given, (inputs,)), labels)

    flat = torch.cat([parameter.detach().flatten() for parameter in model.parameters()])
    whole = torch.autograd.functional.hessian(loss, flat)
    found = sharpness(compute.stack([run]), len(inputs))
    np.testing.assert_allclose(found[0], torch.linalg.eigvalsh(whole)[-1], rtol=1e-4)


def test_sharpness_is_the_same_alone_and_among_others():
    runs = list(RANGE_TEST.sweep({"dataset": "wine", "width": 8, "optimizer": "sgd", "seeds": 6}).runs())
    together = sharpness(compute.stack(runs), 142)
    np.testing.assert_array_equal(together, [sharpness(compute.stack([run]), 142)[0] for run in runs])


def distance_after(optimizer, lr, steps=2000):
    """How far descent on the parabola 3/2 x² is from its minimum, from 1."""
    x = torch.ones((), dtype=torch.float64, requires_grad=True)
    rule = torch.optim.SGD([x], lr=lr, **optimizer)
    for _ in range(steps):
        rule.zero_grad()
        (1.5 * x**2).backward()
        rule.step()
    return abs(x.item())


@pytest.mark.parametrize(
    ("part", "given"),
    [
        ("sgd", {}),
        ("sgd(momentum=0.9)", {"momentum": 0.9}),
        ("sgd(momentum=0.9, nesterov=True)", {"momentum": 0.9, "nesterov": True}),
    ],
)
def test_descent_on_a_parabola_converges_just_below_the_limit_and_diverges_just_above(part, given):
    limit = max_stable_lr(OPTIMIZERS.parse(part), 3.0)
    assert distance_after(given, 0.99 * limit) < 1e-3
    assert distance_after(given, 1.01 * limit) > 1e3


def test_adam_and_a_loss_without_upward_curvature_have_no_limit():
    assert math.isnan(max_stable_lr(OPTIMIZERS.parse("adam"), 3.0))
    assert math.isnan(max_stable_lr(OPTIMIZERS.parse("sgd"), -1.0))


def descent_on_x4(clip):
    """|x| after descent on x⁴ from 10 at a rate of 0.01, clipped by norm at 1 or not."""
    x = torch.tensor([10.0], dtype=torch.float64, requires_grad=True)
    rule = torch.optim.SGD([x], lr=0.01)
    for _ in range(5000):
        rule.zero_grad()
        (x**4).sum().backward()
        if clip:
            nn.utils.clip_grad_norm_([x], 1.0)
        rule.step()
        if not torch.isfinite(x).all():
            return math.inf
    return abs(x.item())


def test_clipped_descent_converges_on_x4_where_plain_descent_does_not():
    assert descent_on_x4(clip=True) < 0.2
    assert descent_on_x4(clip=False) == math.inf


def test_descent_is_the_plain_one_and_its_sharpness_that_of_the_whole_hessian():
    sweep = RANGE_TEST.sweep(
        {"dataset": "wine", "width": 6, "activation": "tanh", "optimizer": "sgd", "dtype": "float64"}
    )
    (run,) = sweep.runs()
    data = table(DATASETS.parse("wine"))
    inputs, labels = torch.from_numpy(data.train_inputs).double(), torch.from_numpy(data.train_labels)
    model, losses = plain_network(run), []
    rule = torch.optim.SGD(model.parameters(), lr=0.5)
    for _ in range(11):
        rule.zero_grad()
        loss = nn.functional.cross_entropy(model(inputs), labels)
        losses.append(loss.item())
        loss.backward()
        rule.step()
    found = descent(compute.stack([run]), len(inputs), 0.5, steps=11, every=5)
    np.testing.assert_allclose(found.loss[0], losses, rtol=1e-9)
    assert found.sharpness.shape == (1, 3)
    assert found.sharpness[0, 0] == sharpness(compute.stack([run]), len(inputs))[0]


@pytest.mark.parametrize("factor", [0.5, 4.0])
def test_full_batch_descent_of_a_network_holds_below_its_limit_and_is_thrown_back_far_above(factor):
    (run,) = RANGE_TEST.sweep({"dataset": "wine", "width": 16, "activation": "tanh", "optimizer": "sgd"}).runs()
    limit = max_stable_lr(OPTIMIZERS.parse("sgd"), float(sharpness(compute.stack([run]), 142)[0]))
    loss = descent(compute.stack([run]), 142, factor * limit, steps=12, every=12).loss[0]
    assert (np.diff(loss) < 0).all() == (factor < 1)
