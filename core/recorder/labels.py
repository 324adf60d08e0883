"""What the labels of the batches tell: how many classes, how mixed each batch is, and when an epoch begins again."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

DENSE = 40  # batches looked at one by one, then ever fewer: 40 for each e-fold
MOST_CLASSES = 1000
MOST_BATCHES = 600
LONGEST = 4096  # labels of a batch that are looked at


class Labels:
    """Labels of one loss in training."""

    def __init__(self) -> None:
        self.batches = self.one_class = self.rows = self.out_of_range = 0
        self.kind = ""
        self.next = 1
        self.classes = 0
        self.counts = np.zeros(MOST_CLASSES, dtype=np.int64)
        self.ignored = 0
        self.means: list[float] = []
        self.sizes: list[int] = []
        self.firsts: dict[int, int] = {}  # hash of a batch's labels -> first batch with it
        self.period = 0
        self.repeats = 0
        self.least, self.largest = math.inf, -math.inf
        self.sum = self.squares = 0.0
        self.fractional = False

    def due(self, calls: int) -> bool:
        """Whether this call's labels are looked at: the first ones all, later ever fewer."""
        if calls < self.next:
            return False
        self.next = max(calls + 1, calls * (DENSE + 1) // DENSE)
        return True

    def see(self, kind: str, output: torch.Tensor, target: torch.Tensor) -> None:
        """One batch."""
        values = target.detach()
        if values.numel() == 0 or values.device.type == "meta":
            return
        whole = not values.is_floating_point()
        if whole and kind in ("cross_entropy", "nll", "multi_margin"):
            self.kind = "classes"
            self.classes = output.shape[1] if output.dim() > 1 else output.shape[0]
        elif kind in ("bce", "bce_with_logits"):
            self.kind = "binary"
        elif kind == "cross_entropy" and values.dim() == output.dim() and output.dim() > 1:
            self.kind = "shares"
            self.classes = output.shape[1]
            if bool((values.sum(1) - 1).abs().max() < 1e-4):
                values = values.argmax(1)
            else:
                return
        else:
            self.kind = "numbers"
        array = values.reshape(-1)[:LONGEST].to("cpu", torch.float64).numpy()
        self._count(array, output)

    def _count(self, array: np.ndarray, output: torch.Tensor) -> None:
        if self.kind in ("classes", "shares"):
            ignored = array < 0
            if ignored.any():
                self.ignored += int(ignored.sum())
                array = array[~ignored]
                if not len(array):
                    return
        low, high = float(array.min()), float(array.max())
        self.batches += 1
        self.rows += len(array)
        self.one_class += low == high
        self.least, self.largest = min(self.least, low), max(self.largest, high)
        mean = float(array.mean())
        self.sum += float(array.sum())
        self.squares += float(np.square(array).sum())
        if self.kind == "binary" and not self.fractional:
            self.fractional = bool(((array != 0) & (array != 1)).any())
        if self.kind in ("classes", "shares"):
            counts = np.bincount(np.minimum(array.astype(np.int64), MOST_CLASSES - 1), minlength=MOST_CLASSES)
            self.counts += counts
            self.out_of_range += int((array >= self.classes).sum())
        elif self.kind == "binary":
            self.counts[:2] += (int((array < 0.5).sum()), int((array >= 0.5).sum()))
        if len(self.means) < MOST_BATCHES:
            self.means.append(mean)
            self.sizes.append(len(array))
            key = hash(array.tobytes())
            first = self.firsts.setdefault(key, self.batches)
            if first != self.batches:
                self.repeats += 1
                self.period = self.period or self.batches - first

    def facts(self) -> dict[str, Any]:
        """The record for the recording."""
        variance = self.squares / self.rows - (self.sum / self.rows) ** 2 if self.rows else math.nan
        return {
            "kind": self.kind,
            "classes": self.classes,
            "batches": self.batches,
            "one_class": self.one_class,
            "out_of_range": self.out_of_range,
            "min": self.least,
            "max": self.largest,
            "mean": self.sum / self.rows if self.rows else math.nan,
            "variance": variance,
            "counts": self.counts[: int(np.max(np.nonzero(self.counts)[0], initial=0)) + 1].tolist(),
            "means": self.means,
            "sizes": self.sizes,
            "repeats": self.repeats,
            "period": self.period,
            "fractional": self.fractional,
            "ignored": self.ignored,
        }
