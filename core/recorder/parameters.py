"""Parameters: where they belong, how they started, which gradients and changes they got."""

from __future__ import annotations

import math
import weakref
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch

KEPT = 48  # entries of each parameter that are remembered from its start
MOST = 3000  # parameters recorded


def some_entries(tensor: torch.Tensor, most: int = KEPT) -> np.ndarray:
    """A few entries of the tensor, evenly spread, as float64; a copy."""
    flat = tensor.detach().reshape(-1) if tensor.is_contiguous() else tensor.detach().flatten()
    if flat.numel() > most:
        flat = flat[:: max(1, flat.numel() // most)][:most]
    return flat.to(device="cpu", dtype=torch.float64, copy=True).numpy()


class Parameter:
    """One parameter's record."""

    def __init__(self, tensor: torch.Tensor) -> None:
        self.ref = weakref.ref(tensor)
        self.name = ""
        self.module = ""
        self.module_kind = ""
        self.index = 0
        self.shape = tuple(tensor.shape)
        self.numel = tensor.numel()
        self.requires_grad = self.first_requires_grad = tensor.requires_grad
        self.is_parameter = isinstance(tensor, torch.nn.Parameter)
        self.optimizers: set[int] = set()
        self.reached = self.called = 0
        self.with_gradient = self.without_gradient = self.zero_gradient = 0
        self.by_autograd = 0
        self.changed = 0.0
        self.changes = 0
        self.first: dict[str, float] = {}
        self.start = np.empty(0)
        self.snapshot(tensor)

    def snapshot(self, tensor: torch.Tensor) -> None:
        """Remembers how it starts."""
        if tensor.is_floating_point() and tensor.numel() and tensor.device.type != "meta":
            self.start = some_entries(tensor)
            self.first = _size(tensor)

    def look(self, tensor: torch.Tensor) -> bool:
        """Whether it has changed since its start."""
        if not len(self.start):
            return False
        now = some_entries(tensor)
        change = float(np.max(np.abs(now - self.start))) if len(now) == len(self.start) else math.inf
        if not change <= self.changed:
            self.changed = change
        return change > 0 or math.isnan(change)

    def facts(self) -> dict[str, Any]:
        """The record for the recording."""
        tensor = self.ref()
        last: dict[str, float] = {}
        if tensor is not None:
            self.requires_grad = tensor.requires_grad
            if self.first:
                self.look(tensor)
                last = _size(tensor)
        return {
            "name": self.name,
            "module": self.module,
            "kind": self.module_kind,
            "shape": list(self.shape),
            "requires_grad": self.requires_grad,
            "first_requires_grad": self.first_requires_grad,
            "is_parameter": self.is_parameter,
            "optimizers": sorted(self.optimizers),
            "reached": self.reached,
            "called": self.called,
            "with_gradient": self.with_gradient,
            "without_gradient": self.without_gradient,
            "zero_gradient": self.zero_gradient,
            "by_autograd": self.by_autograd,
            "changed": self.changed,
            "first": self.first,
            "last": last,
            "alive": tensor is not None,
        }


def _size(tensor: torch.Tensor) -> dict[str, float]:
    """rms, mean, std of the entries, and whether all rows are alike."""
    with torch.no_grad():
        values = tensor.detach()
        if values.numel() > 1_000_000:
            values = values.reshape(-1)[:: values.numel() // 500_000]
        values = values.float()
        rms = float(values.square().mean().sqrt())
        mean = float(values.mean())
        rows = tensor.detach()
        alike = rows.dim() >= 2 and rows.shape[0] > 1 and bool((rows[:64] == rows[:1]).all())
        fan_in = math.prod(tensor.shape[1:]) if tensor.dim() >= 2 else 0
    return {"rms": rms, "mean": mean, "std": math.sqrt(max(rms**2 - mean**2, 0.0)), "alike": alike, "fan_in": fan_in}


class Parameters:
    """All parameters seen, by identity."""

    def __init__(self) -> None:
        self.all: list[Parameter] = []
        self._by_id: dict[int, Parameter] = {}
        self.unnamed = False

    def of(self, tensor: torch.Tensor) -> Parameter | None:
        """Its record, made where there is none yet; None beyond the bound."""
        record = self._by_id.get(id(tensor))
        if record is not None and record.ref() is tensor:
            return record
        if len(self.all) >= MOST:
            return None
        record = self._by_id[id(tensor)] = Parameter(tensor)
        record.index = len(self.all)
        self.all.append(record)
        self.unnamed = True
        return record

    def record_of(self, tensor: torch.Tensor) -> Parameter | None:
        """Its record; None where there is none."""
        record = self._by_id.get(id(tensor))
        return record if record is not None and record.ref() is tensor else None

    def name(self, module: torch.nn.Module, root: str) -> None:
        """Names the parameters of a model."""
        for prefix, inner in module.named_modules():
            for name, tensor in inner._parameters.items():
                if tensor is None:
                    continue
                record = self.of(tensor)
                if record is None:
                    return
                if not record.module:
                    place = ".".join(part for part in (root, prefix) if part)
                    record.module, record.module_kind = place, type(inner).__name__
                    record.name = f"{place}.{name}"

    def name_rest(self, names: dict[int, str]) -> None:
        """Those in no model: by the script's own variables, else by number."""
        for record in self.all:
            if not record.name:
                tensor = record.ref()
                record.name = names.get(id(tensor), "") if tensor is not None else ""
        self.unnamed = False

    def facts(self) -> list[dict[str, Any]]:
        """The records for the recording."""
        return [record.facts() for record in self.all]

    def forward(self, tensors: Iterable[torch.Tensor]) -> None:
        """These parameters' module was called."""
        for tensor in tensors:
            record = self.of(tensor)
            if record is not None:
                record.called += 1
