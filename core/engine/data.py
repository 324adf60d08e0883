"""The rows that a stack trains and validates on: batches in each run's own order, and the validation rows.

A table is the same for every run; sequences are drawn by each run for itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

import torch

from core.engine import draws, padded
from core.parts.datasets import Dataset, table
from core.registry import Part

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor


class Batch(NamedTuple):
    """Inputs, padded with zeros, and targets (R, B), of which all ``rows`` = B are real.

    inputs  (R, D, B) of a table, (T, R, D, B) of sequences
    """

    inputs: Tensor
    targets: Tensor
    rows: int


class Data(Protocol):
    """What a training reads."""

    steps_per_epoch: int
    validation: Batch

    def epoch(self, number: int) -> Iterator[Batch]:
        """The batches of an epoch, each run in an order of its own; the last incomplete one is dropped."""
        ...


def data_of(dataset: Part[Dataset], seeds: Sequence[int], batch_size: int, dtype: torch.dtype, device: str) -> Data:
    """The data of a stack."""
    if dataset.entry.name == "adding":
        return Sequences(seeds, batch_size, dtype, device, **dataset.arguments)  # type: ignore[arg-type]
    return Rows(dataset, seeds, batch_size, dtype, device)


def orders(seeds: Sequence[int], epoch: int, rows: int, batch_size: int, device: str) -> Iterator[Tensor]:
    """For each batch of an epoch the rows that every run takes, (R, B)."""
    drawn = {seed: draws.order(seed, epoch, rows) for seed in seeds}
    order = torch.stack([drawn[seed] for seed in seeds]).to(device)
    for start in range(0, rows - batch_size + 1, batch_size):
        yield order[:, start : start + batch_size]


class Rows:
    """A table; a target that is a number is of the runs' dtype."""

    def __init__(
        self, dataset: Part[Dataset], seeds: Sequence[int], batch_size: int, dtype: torch.dtype, device: str
    ) -> None:
        loaded = table(dataset)
        self._seeds, self._batch_size, self._device = seeds, batch_size, device
        self._rows = len(loaded.train_inputs)
        self.steps_per_epoch = self._rows // batch_size
        self._inputs = _with_zero_row(loaded.train_inputs, dtype, device)
        self._labels = _targets(loaded.train_labels, dtype, device)
        rows = len(loaded.validation_inputs)
        picked = _filled(torch.arange(rows, device=device).expand(len(seeds), -1), rows)
        inputs = _rows(_with_zero_row(loaded.validation_inputs, dtype, device), picked).transpose(1, 2)
        labels = _targets(loaded.validation_labels, dtype, device).expand(len(seeds), -1)
        self.validation = Batch(inputs, labels, rows)

    def epoch(self, number: int) -> Iterator[Batch]:
        """The batches of an epoch."""
        for picked in orders(self._seeds, number, self._rows, self._batch_size, self._device):
            inputs = _rows(self._inputs, _filled(picked, self._rows)).transpose(1, 2)
            yield Batch(inputs, self._labels[picked], self._batch_size)


class Sequences:
    """The adding problem; a quarter as many sequences again validate."""

    def __init__(
        self, seeds: Sequence[int], batch_size: int, dtype: torch.dtype, device: str, length: int, samples: int
    ) -> None:
        self._seeds, self._batch_size, self._device, self._rows = seeds, batch_size, device, samples
        self.steps_per_epoch = samples // batch_size
        self._inputs, self._targets = self._drawn("train", samples, length, dtype)
        rows = max(1, samples // 4)
        inputs, targets = self._drawn("validation", rows, length, dtype)
        self.validation = Batch(_time_major(inputs), targets, rows)

    def _drawn(self, stream: str, rows: int, length: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Inputs (R, rows, T, 2) and targets (R, rows)."""
        drawn = {seed: draws.adding(seed, stream, rows, length) for seed in self._seeds}
        inputs, targets = zip(*(drawn[seed] for seed in self._seeds), strict=True)
        return torch.stack(inputs).to(self._device, dtype), torch.stack(targets).to(self._device, dtype)

    def epoch(self, number: int) -> Iterator[Batch]:
        """The batches of an epoch."""
        runs = torch.arange(len(self._seeds), device=self._device)[:, None]
        for picked in orders(self._seeds, number, self._rows, self._batch_size, self._device):
            yield Batch(_time_major(self._inputs[runs, picked]), self._targets[runs, picked], self._batch_size)


def _targets(labels: np.ndarray, dtype: torch.dtype, device: str) -> Tensor:
    """(N,): classes as they are, numbers in ``dtype``."""
    targets = torch.from_numpy(labels).to(device)
    return targets.to(dtype) if targets.is_floating_point() else targets


def _time_major(inputs: Tensor) -> Tensor:
    """(R, B, T, D) as (T, R, D, B), rows and features padded with zeros."""
    runs, rows, length, features = inputs.shape
    result = inputs.new_zeros(length, runs, padded(features), padded(rows))
    result[:, :, :features, :rows] = inputs.permute(2, 0, 3, 1)
    return result


def _with_zero_row(inputs: object, dtype: torch.dtype, device: str) -> Tensor:
    """(N, D) with features padded, and a row of zeros at the end for batches to be padded with."""
    given = torch.as_tensor(inputs)
    rows, features = given.shape
    result = torch.zeros(rows + 1, padded(features), dtype=dtype, device=device)
    result[:rows, :features] = given
    return result


def _rows(inputs: Tensor, picked: Tensor) -> Tensor:
    """The rows ``picked``, (R, B), of (N, D), as (R, B, D)."""
    return inputs.index_select(0, picked.flatten()).unflatten(0, picked.shape)


def _filled(picked: Tensor, zero_row: int) -> Tensor:
    """Row numbers (R, B), padded with that of the row of zeros."""
    missing = padded(picked.shape[1]) - picked.shape[1]
    return torch.nn.functional.pad(picked, (0, missing), value=zero_row) if missing else picked
