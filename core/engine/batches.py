"""The batches that a stack sees, step by step, each run in its own order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import torch

from core.engine import draws, padded
from core.parts.datasets import Dataset, table
from core.registry import Part

if TYPE_CHECKING:
    from torch import Tensor


def batches(
    dataset: Part[Dataset], rows: int, features: int, seeds: Sequence[int], steps: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """``steps`` times the inputs (R, D, B), float32, padded with zeros, and the labels (R, B), or float32 targets, of each run's
    batch.

    A dataset that each run draws for itself is one batch, seen at every step. A table is visited in a new order every
    epoch; the last incomplete batch of an epoch is dropped.
    """
    shape = dataset.entry.shape(**dataset.arguments)
    if dataset.entry.rows is None:
        for _ in range(steps):
            yield _drawn(tuple(seeds), rows, features, shape.classes)
        return
    data = table(dataset)
    inputs, labels = torch.from_numpy(data.train_inputs), torch.from_numpy(data.train_labels)
    orders = torch.empty(0)
    for step in range(steps):
        epoch, index = divmod(step, len(inputs) // rows)
        if index == 0:
            orders = torch.stack([draws.order(seed, epoch, len(inputs)) for seed in seeds])
        picked = orders[:, index * rows : (index + 1) * rows]
        yield feature_major(inputs[picked]), labels[picked]


@lru_cache(maxsize=1)  # stacks of the same runs follow one another
def _drawn(seeds: tuple[int, ...], rows: int, features: int, classes: int) -> tuple[Tensor, Tensor]:
    """The one batch of runs that draw their own inputs and labels."""
    inputs = torch.stack([draws.normal(seed, "inputs", rows, features) for seed in seeds])
    labels = torch.stack([draws.labels(seed, rows, classes) for seed in seeds])
    return feature_major(inputs), labels


def feature_major(inputs: Tensor) -> Tensor:
    """(R, B, D) as (R, D, B), padded with zeros."""
    runs, rows, features = inputs.shape
    result = torch.zeros(runs, padded(features), padded(rows))
    result[:, :features, :rows] = inputs.transpose(1, 2)
    return result
