"""Clipping and gradient scaling: at which moment, by which threshold, how often it does something."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from .optimizers import Optimizer

if TYPE_CHECKING:
    from .whole import Whole


class Clip:
    """One line of the script that clips."""

    def __init__(self, kind: str, site: int, threshold: float) -> None:
        self.kind, self.site, self.threshold = kind, site, threshold
        self.calls = self.fresh = self.after_step = self.before_backward = self.bound = 0
        self.scaled = self.then_backward = self.measured = 0
        self.norms: list[float] = []
        self.optimizers: set[int] = set()
        self.empty = 0

    def facts(self, name: str) -> dict[str, Any]:
        """The record for the recording."""
        names: tuple[str, ...] = (
            "kind",
            "threshold",
            "calls",
            "fresh",
            "after_step",
            "before_backward",
            "bound",
            "scaled",
            "then_backward",
        )
        names += ("measured", "empty")
        norms = sorted(norm for norm in self.norms if math.isfinite(norm))
        middle = norms[len(norms) // 2] if norms else math.nan
        high = norms[int(0.9 * (len(norms) - 1))] if norms else math.nan
        return {key: getattr(self, key) for key in names} | {
            "line": name,
            "median_norm": middle,
            "norm_p90": high,
            "optimizers": sorted(self.optimizers),
        }


class Clips:
    """All lines that clip, and the gradient scaler."""

    def __init__(self, session: Whole) -> None:
        self._session = session
        self.all: dict[tuple[str, int], Clip] = {}
        self._depth = 0
        self._last: Clip | None = None
        self.scaler: dict[str, Any] = {}
        self._unscaled: set[int] = set()

    def start(self) -> None:
        """Sees clipping and scaling from now on."""
        patches = self._session.patches
        clip_grad = torch.nn.utils.clip_grad
        for name, kind in (("clip_grad_norm_", "norm"), ("clip_grad_value_", "value")):
            wrapped = getattr(clip_grad, name)
            patches.wrap(clip_grad, name, partial(self._wrapped, kind))
            if getattr(torch.nn.utils, name, None) is wrapped:
                patches.wrap(torch.nn.utils, name, partial(self._wrapped, kind))
        scaler = torch.amp.grad_scaler.GradScaler
        patches.wrap(scaler, "scale", self._scale)
        patches.wrap(scaler, "unscale_", self._unscale)
        patches.wrap(scaler, "step", self._step)

    def _wrapped(self, kind: str, original: Callable[..., Any]) -> Callable[..., Any]:
        session = self._session

        def clip(parameters: Any, *args: Any, **kwargs: Any) -> Any:
            if not session.on or self._depth or torch.compiler.is_compiling():
                return original(parameters, *args, **kwargs)
            if not isinstance(parameters, torch.Tensor):
                parameters = list(parameters)
            limit = args[0] if args else kwargs.get("max_norm", kwargs.get("clip_value", math.nan))
            before = session.safely(_largest, parameters) if kind == "value" and session.sampled else None
            self._depth += 1
            try:
                result = original(parameters, *args, **kwargs)
            finally:
                self._depth -= 1
            session.safely(self._see, kind, parameters, limit, before if kind == "value" else result)
            return result

        return clip

    def _see(self, kind: str, parameters: Any, limit: Any, size: Any) -> None:  # noqa: PLR0912
        session = self._session
        site = session.sites.here(3)
        record = self.all.get((kind, site))
        threshold = float(limit)
        if record is None:
            record = self.all[(kind, site)] = Clip(kind, site, threshold)
        record.calls += 1
        record.threshold = threshold
        if session.sampled or not record.optimizers:
            for tensor in [parameters] if isinstance(parameters, torch.Tensor) else parameters:
                parameter = session.parameters.record_of(tensor)
                if parameter is not None:
                    record.optimizers |= parameter.optimizers
        owners = [session.optimizers.all[index] for index in record.optimizers]
        if size is not None and (not isinstance(size, torch.Tensor) or size.device.type == "cpu"):
            norm = float(size)
            record.measured += 1
            record.bound += norm > threshold
            record.empty += norm == 0
            record.norms.append(norm)
            if len(record.norms) > 1024:
                del record.norms[::2]
            for owner in owners:
                if kind == "norm" and owner.fresh:
                    owner.norm, owner.clipped_norm = norm, min(norm, threshold)
        if any(owner.fresh for owner in owners):
            record.fresh += 1
            for owner in owners:
                if owner.fresh:
                    owner.clipped += 1
                    owner.event("c")
                    if session.scaling_on and owner.index not in self._unscaled:
                        record.scaled += 1
        elif any(owner.steps + owner.skipped for owner in owners):
            record.after_step += 1
        else:
            record.before_backward += 1
        self._last = record

    def then_backward(self, optimizer: Optimizer) -> None:
        """A backward pass after the clip, before the step: the clip saw a part of the gradient."""
        if self._last is not None and optimizer.index in self._last.optimizers:
            self._last.then_backward += 1
        optimizer.clipped = 0

    def stepped(self, optimizer: Optimizer) -> None:
        """The optimizer stepped: what is scaled next isn't unscaled yet."""
        self._unscaled.discard(optimizer.index)

    def _scale(self, original: Callable[..., Any]) -> Callable[..., Any]:
        session = self._session

        def scale(scaler: Any, outputs: Any) -> Any:
            result = original(scaler, outputs)
            if session.on and isinstance(result, torch.Tensor) and scaler.is_enabled():
                session.scaling = result
                session.scaling_on = True
                session.scale = float(scaler._scale) if scaler._scale is not None else 1.0
                self.scaler = {"enabled": True, "scale": session.scale, **self.scaler}
            return result

        return scale

    def _unscale(self, original: Callable[..., Any]) -> Callable[..., Any]:
        session = self._session

        def unscale_(scaler: Any, optimizer: Any) -> Any:
            result = original(scaler, optimizer)
            if session.on and scaler.is_enabled():
                record = session.safely(session.optimizers.of, optimizer)
                if record is not None:
                    self._unscaled.add(record.index)
                    record.unscaled = True
                    record.event("u")
            return result

        return unscale_

    def _step(self, original: Callable[..., Any]) -> Callable[..., Any]:
        session = self._session

        def step(scaler: Any, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
            record = session.safely(session.optimizers.of, optimizer) if session.on and scaler.is_enabled() else None
            before = record.steps if record is not None else 0
            result = original(scaler, optimizer, *args, **kwargs)
            if record is not None and record.steps == before:
                session.safely(self._skipped, record)
            return result

        return step

    def _skipped(self, record: Optimizer) -> None:
        """The scaler left a step out because a gradient was not finite."""
        record.skipped += 1
        record.pending.clear()
        record.pattern = ""
        record.used, record.mixed, record.fresh = True, False, False
        self._unscaled.discard(record.index)
        self.scaler["skipped"] = self.scaler.get("skipped", 0) + 1

    def facts(self) -> list[dict[str, Any]]:
        """The records for the recording."""
        return [record.facts(self._session.sites.name(site)) for (_, site), record in self.all.items()]


def _largest(parameters: Any) -> float:
    """The largest entry of the gradients, in size."""
    tensors = [parameters] if isinstance(parameters, torch.Tensor) else parameters
    return max(
        (float(tensor.grad.abs().max()) for tensor in tensors if tensor.grad is not None and tensor.numel()),
        default=0.0,
    )
