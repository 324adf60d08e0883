"""The factor by which a gradient arrives at the first time step, and what is said of a layer where it fades."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

import core
from core.experiments import with_link
from core.recorder import through_time

STEPS = 12


def looked(layer: nn.Module, x: torch.Tensor, read: str = "end") -> dict[str, object]:
    """What is noted of a forward and a backward pass whose loss reads the end, or every step."""
    record: dict[str, object] = {}
    output, _ = layer(x)
    through_time.look(record, layer, x, output)
    last = output[:, -1] if layer.batch_first else output[-1]
    (last if read == "end" else output).sum().backward()
    return record


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM, nn.GRU])
@pytest.mark.parametrize("layers", [1, 2])
def test_the_factor_is_that_of_the_layer_taken_one_step_at_a_time(kind, layers, batch_first):
    torch.manual_seed(1)
    layer = kind(3, 5, num_layers=layers, batch_first=batch_first, dropout=0.5 if layers > 1 else 0.0)
    x = torch.randn(4, STEPS, 3) if batch_first else torch.randn(STEPS, 4, 3)
    noted = looked(layer, x)

    exact = kind(3, 5, num_layers=layers, batch_first=batch_first).double().eval()
    exact.load_state_dict(layer.state_dict())
    sizes = []
    for row in range(4):
        start = [torch.zeros(layers, 1, 5, dtype=torch.float64, requires_grad=True) for _ in range(2)]
        state = tuple(start) if kind is nn.LSTM else start[0]
        for t in range(STEPS):
            step = x[row : row + 1, t : t + 1] if batch_first else x[t : t + 1, row : row + 1]
            out, state = exact(step.double(), state)
        (out.sum() / 5**0.5).backward()
        sizes.append(torch.cat([part.grad.flatten() for part in start if part.grad is not None]).norm())
    assert noted["factor"] == pytest.approx(float(torch.stack(sizes).mean()), rel=1e-4)


def test_the_factor_of_halving_weights_is_a_power_of_one_half():
    layer = nn.RNN(1, 4, nonlinearity="relu")
    with torch.no_grad():
        layer.weight_hh_l0.copy_(0.5 * torch.eye(4))
        layer.weight_ih_l0.fill_(1.0)
        layer.bias_ih_l0.fill_(1.0)
    assert looked(layer, torch.rand(STEPS, 2, 1))["factor"] == pytest.approx(0.5**STEPS, rel=1e-6)


@pytest.mark.parametrize(("read", "share"), [("end", 0.0), ("all", 1 - 1 / STEPS)])
def test_what_the_loss_reads_is_noted(read, share):
    assert looked(nn.GRU(2, 3), torch.randn(STEPS, 2, 2), read)["early"] == pytest.approx(share, abs=1e-6)


def test_looking_draws_no_random_number_and_leaves_gradients_as_they_are():
    torch.manual_seed(3)
    layer, x = nn.LSTM(2, 3, num_layers=2, dropout=0.5), torch.randn(STEPS, 2, 2)
    found = []
    for look in (False, True):
        layer.zero_grad()
        torch.manual_seed(4)
        output, _ = layer(x)
        if look:
            through_time.look({}, layer, x, output)
        output.square().sum().backward()
        found.append(torch.cat([p.grad.flatten() for p in layer.parameters()] + [torch.rand(3)]))
    assert torch.equal(*found)


@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM, nn.GRU])
@pytest.mark.parametrize("read", ["the end", "every step"])
def test_a_layer_that_forgets_is_told_where_the_loss_reads_its_end(kind, read, tmp_path):
    torch.manual_seed(5)
    layer, out = kind(1, 8), nn.Linear(8, 2)
    x = torch.randn(50, 32, 1)
    labels = (x[0, :, 0] > 0).long()
    optimizer = torch.optim.Adam([*layer.parameters(), *out.parameters()], lr=1e-3)
    with core.watch(name="a", store=str(tmp_path / "results.sqlite")) as recording:
        for _ in range(60):
            scores = out(layer(x)[0])
            scores, targets = (
                (scores[-1], labels) if read == "the end" else (scores.flatten(0, 1), labels.repeat(len(x)))
            )
            optimizer.zero_grad()
            functional.cross_entropy(scores, targets).backward()
            optimizer.step()
    found = {finding.code: finding for finding in recording.findings()}
    assert ("vanishing_gradients" in found) == (read == "the end")
    if read == "the end":
        finding = found["vanishing_gradients"]
        assert finding.severity == "error"
        assert finding.evidence["time_steps"] == 50
        assert 0.4 < finding.evidence["factor_per_step"] < 0.8  # gates start half open
        assert with_link(finding).link.startswith("/Through_time?")
