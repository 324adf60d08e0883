"""The lesson's networks, rebuilt with nn.Linear alone and drawn by torch's own global generator, beside ours."""

import numpy as np
import pytest
import torch
from torch import nn

import core
from core.parts.datasets import DATASETS, table

SEEDS = 300


def plain_logs(depth: int, dataset: str) -> np.ndarray:
    """log10 of the mean absolute gradient, (seeds, layers)."""
    digits = table(DATASETS.parse("digits")) if dataset == "digits" else None
    features = 64 if digits else 10
    rows = []
    for seed in range(SEEDS):
        torch.manual_seed(seed)
        layers: list[nn.Module] = []
        for layer in range(depth):
            layers += [nn.Linear(features if layer == 0 else 10, 10), nn.Tanh()]
        if digits:
            network = nn.Sequential(*layers, nn.Linear(10, 10))
            row = torch.randint(len(digits.train_inputs), (1,))
            inputs, labels = torch.from_numpy(digits.train_inputs)[row], torch.from_numpy(digits.train_labels)[row]
            nn.functional.cross_entropy(network(inputs), labels).backward()
        else:
            network = nn.Sequential(*layers)
            network(torch.randn(1, 10)).sum().backward()
        rows.append([part.weight.grad.abs().mean().item() for part in network if isinstance(part, nn.Linear)])
    return np.log10(rows)


@pytest.mark.slow
@pytest.mark.parametrize(("dataset", "loss"), [("gaussian", "sum"), ("digits", "cross_entropy")])
def test_the_lessons_networks_come_out_the_same(dataset, loss, tmp_path):
    frame = core.run(
        "vanishing", depth=[5, 20], width=10, activation="tanh", init="torch_default", batch_size=1, seeds=SEEDS,
        dataset=dataset, loss=loss, store=str(tmp_path / "store.sqlite"), executor="inline",
    )  # fmt: skip
    for depth in (5, 20):
        block = frame[frame["depth"] == depth].sort_values(["seed", "layer"])
        ours = np.log10(block["grad_mean_abs"].to_numpy().reshape(SEEDS, -1))
        plain = plain_logs(depth, dataset)
        assert ours.shape == plain.shape
        allowed = 4.0 * np.sqrt(ours.var(0, ddof=1) / SEEDS + plain.var(0, ddof=1) / SEEDS)
        assert (np.abs(ours.mean(0) - plain.mean(0)) <= allowed).all()
