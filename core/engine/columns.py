"""Measures of a training as they come in, update by update: what stands on a card stays there for an epoch."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from core.engine import cards

Array = np.ndarray


class Columns:
    """Measures by name, (R, rows) or (R, rows, layers) each, in float64; NaN where nothing was put.

    A copy from a card waits until the card has done all that it was told. So numbers from there are kept until the
    first one of another epoch comes, or until they are read, and are copied all at once; others are noted right away.

    epoch  rows of an epoch
    """

    def __init__(self, names: Iterable[str], shape: tuple[int, ...], epoch: int) -> None:
        self._values = {name: np.full(shape, math.nan) for name in names}
        self._epoch = epoch
        self._waiting: list[tuple[str, int, Tensor]] = []

    def put(self, row: int, **measures: Tensor | Array) -> None:
        """Notes a row's measures: numbers (R,), or (R, layers), which may be fewer than the columns have."""
        if self._waiting and row // self._epoch != self._waiting[0][1] // self._epoch:
            self._fetch()
        for name, values in measures.items():
            if not isinstance(values, Tensor):
                self._note(name, row, values)
            elif cards.waits(values):
                self._waiting.append((name, row, values))
            else:
                self._note(name, row, values.numpy())

    def read(self) -> dict[str, Array]:
        """All columns."""
        self._fetch()
        return self._values

    def _fetch(self) -> None:
        """One copy of all that waits."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        there = torch.cat([values.double().flatten() for _, _, values in waiting]).cpu().numpy()
        starts = np.cumsum([values.numel() for _, _, values in waiting])[:-1]
        for (name, row, values), numbers in zip(waiting, np.split(there, starts), strict=True):
            self._note(name, row, numbers.reshape(values.shape))

    def _note(self, name: str, row: int, values: Array) -> None:
        place = self._values[name][:, row]
        if values.ndim == 1:
            place[:] = values
        else:
            place[:, : values.shape[1]] = values
