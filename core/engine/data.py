"""The rows that a stack trains and validates on: batches in each run's order, and the validation rows.

A table is the same for every run; sequences and noise are drawn by each run for itself.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, NamedTuple, Protocol

import torch

from core.engine import draws, padded
from core.parts.datasets import Dataset, Table, table
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

    @property
    def validation(self) -> Batch:
        """The validation rows."""
        ...

    def epoch(self, number: int) -> Iterator[Batch]:
        """The batches of an epoch, each run in its own order; the last incomplete one is dropped."""
        ...


def data_of(
    dataset: Part[Dataset], seeds: Sequence[int], batch_size: int, dtype: torch.dtype, device: str, width: int = 0
) -> Data:
    """The data of a stack; noise has as many features as a network has units, ``width``, unless it says otherwise."""
    if dataset.entry.name == "adding":
        return Sequences(seeds, batch_size, dtype, device, **dataset.arguments)  # type: ignore[arg-type]
    if dataset.entry.rows is None:
        shape = dataset.entry.shape(**dataset.arguments)
        inputs, labels = _noise(tuple(seeds), batch_size, shape.features or width, shape.classes)
        return OneBatch(Batch(inputs.to(device, dtype), labels.to(device), batch_size))
    return Rows(table(dataset), seeds, batch_size, dtype, device)


def endless(data: Data) -> Iterator[Batch]:
    """The batches of one epoch after another, each in a new order."""
    for epoch in itertools.count():
        yield from data.epoch(epoch)


def orders(seeds: Sequence[int], epoch: int, rows: int, batch_size: int, device: str) -> Iterator[Tensor]:
    """For each batch of an epoch the rows that every run takes, (R, B)."""
    by_seed = {seed: draws.order(seed, epoch, rows) for seed in seeds}
    order = torch.stack([by_seed[seed] for seed in seeds]).to(device)
    for start in range(0, rows - batch_size + 1, batch_size):
        yield order[:, start : start + batch_size]


class Rows:
    """A table; a target that is a number is of the runs' dtype."""

    def __init__(self, rows: Table, seeds: Sequence[int], batch_size: int, dtype: torch.dtype, device: str) -> None:
        self._table = rows
        self._seeds, self._batch_size, self._dtype, self._device = seeds, batch_size, dtype, device
        self._rows = len(self._table.train_inputs)
        self.steps_per_epoch = self._rows // batch_size
        self._inputs = _with_zero_row(self._table.train_inputs, dtype, device)
        self._labels = _targets(self._table.train_labels, dtype, device)

    @cached_property
    def validation(self) -> Batch:
        """All validation rows, the same for every run."""
        rows, runs = len(self._table.validation_inputs), len(self._seeds)
        indices = _with_padding(torch.arange(rows, device=self._device).expand(runs, -1), rows)
        inputs = _rows(_with_zero_row(self._table.validation_inputs, self._dtype, self._device), indices)
        labels = _targets(self._table.validation_labels, self._dtype, self._device).expand(runs, -1)
        return Batch(inputs.transpose(1, 2), labels, rows)

    def epoch(self, number: int) -> Iterator[Batch]:
        """The batches of an epoch."""
        for indices in self._orders(number):
            inputs = _rows(self._inputs, _with_padding(indices, self._rows)).transpose(1, 2)
            yield Batch(inputs, self._labels[indices], self._batch_size)

    def _orders(self, number: int) -> Iterator[Tensor]:
        """For each batch of an epoch the rows that every run takes, (R, B)."""
        return orders(self._seeds, number, self._rows, self._batch_size, self._device)


class SortedRows(Rows):
    """A table of classes whose rows come in the order of their class, in every epoch."""

    def _orders(self, number: int) -> Iterator[Tensor]:
        order = torch.from_numpy(self._table.train_labels).argsort(stable=True).to(self._device)
        for start in range(0, self._rows - self._batch_size + 1, self._batch_size):
            yield order[start : start + self._batch_size].expand(len(self._seeds), -1)


class Sequences:
    """The adding problem; a quarter as many sequences again validate."""

    def __init__(
        self, seeds: Sequence[int], batch_size: int, dtype: torch.dtype, device: str, length: int, samples: int
    ) -> None:
        self._seeds, self._batch_size, self._device, self._rows = seeds, batch_size, device, samples
        self.steps_per_epoch = samples // batch_size
        self._length, self._dtype = length, dtype
        self._inputs, self._targets = self._generate("train", samples)

    @cached_property
    def validation(self) -> Batch:
        """Sequences of each run's own."""
        rows = max(1, self._rows // 4)
        inputs, targets = self._generate("validation", rows)
        return Batch(_time_major(inputs), targets, rows)

    def _generate(self, stream: str, rows: int) -> tuple[Tensor, Tensor]:
        """Inputs (R, rows, T, 2) and targets (R, rows)."""
        by_seed = {seed: draws.adding(seed, stream, rows, self._length) for seed in self._seeds}
        inputs, targets = zip(*(by_seed[seed] for seed in self._seeds), strict=True)
        return torch.stack(inputs).to(self._device, self._dtype), torch.stack(targets).to(self._device, self._dtype)

    def epoch(self, number: int) -> Iterator[Batch]:
        """The batches of an epoch."""
        runs = torch.arange(len(self._seeds), device=self._device)[:, None]
        for indices in orders(self._seeds, number, self._rows, self._batch_size, self._device):
            yield Batch(_time_major(self._inputs[runs, indices]), self._targets[runs, indices], self._batch_size)


class OneBatch:
    """One batch, which is seen at every step; there is nothing to validate on."""

    steps_per_epoch = 1

    def __init__(self, batch: Batch) -> None:
        self._batch = batch

    @property
    def validation(self) -> Batch:
        """There is none."""
        raise AssertionError("there are no validation rows")

    def epoch(self, number: int) -> Iterator[Batch]:
        """The one batch."""
        yield self._batch


@lru_cache(maxsize=1)  # stacks of the same runs follow one another
def _noise(seeds: tuple[int, ...], rows: int, features: int, classes: int) -> tuple[Tensor, Tensor]:
    """Each run's normal inputs (R, D, B), padded, in float32, and random labels (R, B)."""
    inputs = torch.stack([draws.normal(seed, "inputs", rows, features) for seed in seeds])
    labels = torch.stack([draws.labels(seed, rows, classes) for seed in seeds])
    return feature_major(inputs), labels


def feature_major(inputs: Tensor) -> Tensor:
    """(R, B, D) as (R, D, B), padded with zeros."""
    runs, rows, features = inputs.shape
    result = inputs.new_zeros(runs, padded(features), padded(rows))
    result[:, :features, :rows] = inputs.transpose(1, 2)
    return result


def with_padding_rows(inputs: Tensor) -> Tensor:
    """(R, D, B) with B padded with zeros."""
    missing = padded(inputs.shape[2]) - inputs.shape[2]
    return torch.nn.functional.pad(inputs, (0, missing)).contiguous()


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
    values = torch.as_tensor(inputs)
    rows, features = values.shape
    result = torch.zeros(rows + 1, padded(features), dtype=dtype, device=device)
    result[:rows, :features] = values
    return result


def _rows(inputs: Tensor, indices: Tensor) -> Tensor:
    """The rows ``indices``, (R, B), of (N, D), as (R, B, D)."""
    return inputs.index_select(0, indices.flatten()).unflatten(0, indices.shape)


def _with_padding(indices: Tensor, zero_row: int) -> Tensor:
    """Row numbers (R, B), padded with that of the row of zeros."""
    missing = padded(indices.shape[1]) - indices.shape[1]
    return torch.nn.functional.pad(indices, (0, missing), value=zero_row) if missing else indices
