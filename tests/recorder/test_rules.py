"""Rules on small loops of one's own: the border between a fault and what only looks like one."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest
import torch
from torch import nn
from torch.nn import functional

import core

X = torch.randn(64, 3, generator=torch.Generator().manual_seed(0))
Y = X @ torch.tensor([[1.0], [2.0], [3.0]]) + 1
LABELS = (Y[:, 0] > 1).long()


@pytest.fixture
def told(tmp_path) -> Callable[..., dict[str, str]]:
    """Code -> severity of what is found in so many steps of a loop."""

    def findings(
        parameters: Iterable[torch.Tensor],
        loss: Callable[[], torch.Tensor],
        lr: float,
        steps: int = 80,
        kind: type[torch.optim.Optimizer] = torch.optim.SGD,
    ) -> dict[str, str]:
        with core.watch(name="a", store=str(tmp_path / "results.sqlite")) as recording:
            optimizer = kind(parameters, lr=lr)
            for _ in range(steps):
                optimizer.zero_grad()
                loss().backward()
                optimizer.step()
        return {finding.code: finding.severity for finding in recording.findings()}

    return findings


def network(depth: int = 1) -> nn.Sequential:
    """So many hidden layers with ReLU, from the same start each time."""
    torch.manual_seed(0)
    hidden = [layer for n in range(depth) for layer in (nn.Linear(16 if n else 3, 16), nn.ReLU())]
    return nn.Sequential(*hidden, nn.Linear(16, 2))


def classify(net: nn.Module, rows: int = 64) -> Callable[[], torch.Tensor]:
    return lambda: functional.cross_entropy(net(X[:rows]), LABELS[:rows])


def test_a_rate_far_too_low_is_named_however_few_the_steps(told):
    net = network()
    assert told(net.parameters(), classify(net), lr=1e-7, steps=25, kind=torch.optim.Adam) == {
        "learning_rate_too_low": "warning"
    }


def test_a_healthy_rate_is_not_called_too_low_after_a_few_steps(told):
    net = network()
    assert "learning_rate_too_low" not in told(net.parameters(), classify(net), lr=1e-4, steps=25)


@pytest.mark.parametrize(
    "kind", [torch.optim.Adam, torch.optim.AdamW]
)  # one of them moves the weights by its decay alone
def test_a_layer_all_dead_is_the_cause_and_not_the_rate(kind, told):
    net = network()
    nn.init.constant_(net[0].bias, -30)
    codes = told(net.parameters(), classify(net, rows=16), lr=1e-3, kind=kind)
    assert codes["dead_units"] == "warning"
    assert "learning_rate_too_low" not in codes


def test_dead_units_of_a_network_that_learned_all_the_same_are_worth_knowing_alone(told):
    torch.manual_seed(0)
    first, second = nn.Linear(3, 32), nn.Linear(32, 2)
    with torch.no_grad():
        first.bias[8:] = -100.0  # three quarters of them
    net = nn.Sequential(first, nn.ReLU(), second)
    assert told(net.parameters(), classify(net), lr=1.0, steps=300)["dead_units"] == "info"


@pytest.mark.parametrize("shuffled", [True, False])
def test_what_holds_for_the_training_rows_alone_is_told(shuffled, told):
    """Labels that left their rows can be learned by heart, and are no use for others."""
    net = network()
    answers = LABELS[torch.randperm(64, generator=torch.Generator().manual_seed(3))] if shuffled else LABELS

    def loss() -> torch.Tensor:
        with torch.no_grad():
            functional.cross_entropy(net(X[32:]), LABELS[32:])
        return functional.cross_entropy(net(X[:32]), answers[:32])

    codes = told(net.parameters(), loss, lr=0.1)
    assert (codes.get("overfitting") == "warning") == shuffled


def test_first_steps_that_throw_the_loss_are_no_fault_where_all_was_learned_since(told):
    """RMSprop's first step is ten rates long: it divides by an average that starts at zero."""
    net = network(depth=4)
    assert "learning_rate_too_high" not in told(net.parameters(), classify(net), lr=0.1, kind=torch.optim.RMSprop)
    net = network(depth=4)
    assert "learning_rate_too_high" in told(net.parameters(), classify(net), lr=0.4, kind=torch.optim.RMSprop)


@pytest.mark.parametrize("forgotten", ["weight", "bias"])
def test_a_plain_tensor_that_can_get_no_gradient_is_told_beside_one_that_is_trained(forgotten, told):
    weight = torch.randn(3, 1, requires_grad=forgotten != "weight")
    bias = torch.zeros(1, requires_grad=forgotten != "bias")
    codes = told([weight, bias], lambda: functional.mse_loss(X @ weight + bias, Y), lr=0.05)
    assert codes["parameters_without_gradient"] == "warning"


def test_a_tensor_that_is_trained_later_is_not_told(told):
    weight, bias = torch.randn(3, 1, requires_grad=True), torch.zeros(1)
    calls = iter(range(80))

    def loss() -> torch.Tensor:
        bias.requires_grad_(next(calls) >= 40)
        return functional.mse_loss(X @ weight + bias, Y)

    assert "parameters_without_gradient" not in told([weight, bias], loss, lr=0.05)


def test_a_frozen_layer_in_the_optimizer_is_fine_tuning(told):
    net = network(depth=2)
    net[0].requires_grad_(False)
    codes = told(net.parameters(), classify(net), lr=0.5)
    assert [code for code, severity in codes.items() if severity != "info"] == []
