"""Optimizers: what became of each backward pass, which gradients a step used, how far it moved the weights."""

from __future__ import annotations

import math
import weakref
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch

from .parameters import some_entries

if TYPE_CHECKING:
    from .whole import Whole

LARGE = 2_000_000  # entries above which a parameter's update is measured on a part of it
PATTERNS = 48  # different orders of events that are counted


class Optimizer:
    """One optimizer's record."""

    def __init__(self, optimizer: torch.optim.Optimizer, index: int, site: int) -> None:
        self.ref = weakref.ref(optimizer)
        self.index, self.site, self.name = index, site, ""
        self.kind = type(optimizer).__name__
        self.adaptive = is_adaptive(optimizer)
        self.steps = self.skipped = self.closures = 0
        self.stale_steps = self.empty_steps = self.zero_steps = 0
        self.pending: list[tuple[int, float]] = []  # backward passes whose gradients wait for a step: site, loss
        self.used = False  # the gradients that are there have been through a step already
        self.mixed = False  # and a backward pass added to them
        self.fresh = False  # a backward pass came since the last step
        self.clipped = 0  # clips since the last backward pass or zero
        self.norm = self.clipped_norm = math.nan
        self.stepped: dict[int, int] = {}
        self.discarded: dict[int, int] = {}
        self.micro: dict[int, int] = {}  # backward passes per step -> how often
        self.rescaled = 0
        self.probe: weakref.ref[torch.Tensor] | None = None
        self.pattern = ""
        self.patterns: dict[str, int] = {}
        self.closing = self.unscaled = False
        self.lr_changes = 0
        self.first_lr: list[float] = []
        self.last_lr: list[float] = []
        self.options: dict[str, Any] = {}
        self.before: list[tuple[torch.Tensor, torch.Tensor]] = []
        self.weights: list[float] = []
        self.moved = 0
        self.still = 0
        self.decay_ratio = 0.0
        self.after_backward: Any = None  # some entries of the probe's gradient when the last backward pass ended
        self.first_at = self.last_at = 0  # the script's first and last optimizer step that was this one's

    def parameters(self) -> Iterator[torch.Tensor]:
        """Its parameters, while it lives."""
        optimizer = self.ref()
        for group in optimizer.param_groups if optimizer is not None else ():
            yield from group["params"]

    def event(self, letter: str) -> None:
        """Adds to the order of events since its last step: z zero, b backward, c clip, u unscale, s step, l schedule."""
        if len(self.pattern) < 24:
            self.pattern += letter

    def close_pattern(self) -> None:
        """Counts the order of events that ends with a step."""
        if self.pattern in self.patterns or len(self.patterns) < PATTERNS:
            self.patterns[self.pattern] = self.patterns.get(self.pattern, 0) + 1
        self.pattern = ""

    def used_up(self) -> float:
        """Counts the backward passes that a step has used; their mean loss."""
        size = len(self.pending)
        if not size:
            return math.nan
        total = 0.0
        for site, value in self.pending:
            self.stepped[site] = self.stepped.get(site, 0) + 1
            total += value
        self.micro[size] = self.micro.get(size, 0) + 1
        self.pending.clear()
        return total / size

    def zeroed(self) -> None:
        """Its gradients were set to nothing."""
        if not self.closing:
            for site, _ in self.pending:
                self.discarded[site] = self.discarded.get(site, 0) + 1
        self.pending.clear()
        self.used = self.mixed = self.fresh = False
        self.clipped = 0

    def facts(self, lines: Any) -> dict[str, Any]:
        """The record for the recording."""
        optimizer = self.ref()
        if optimizer is not None and not self.options:
            self.options = options_of(optimizer)
        names: tuple[str, ...] = (
            "kind",
            "index",
            "adaptive",
            "steps",
            "skipped",
            "closures",
            "stale_steps",
            "empty_steps",
            "zero_steps",
        )
        names += ("moved", "still", "lr_changes", "rescaled", "decay_ratio", "first_lr", "last_lr")
        names += ("first_at", "last_at")
        return {name: getattr(self, name) for name in names} | {
            "name": self.name,
            "line": lines.name(self.site),
            "stepped": {lines.name(site): count for site, count in self.stepped.items()},
            "discarded": {lines.name(site): count for site, count in self.discarded.items()},
            "micro": {str(size): count for size, count in self.micro.items()},
            "patterns": self.patterns,
            "options": self.options,
            "alive": optimizer is not None,
        }


def is_adaptive(optimizer: torch.optim.Optimizer) -> bool:
    """Whether it divides by the gradient's own size."""
    kind = type(optimizer).__name__.lower()
    return any(
        word in kind for word in ("adam", "rms", "ada", "lion", "sign", "rprop", "lamb", "lars", "muon", "shampoo")
    )


def options_of(optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """Its options as numbers."""
    group = optimizer.param_groups[0] if optimizer.param_groups else {}
    options = {name: value for name, value in group.items() if isinstance(value, (int, float, bool))}
    if "betas" in group:
        options["beta1"] = float(group["betas"][0])
    options["groups"] = len(optimizer.param_groups)
    options["weight_decay"] = max((float(g.get("weight_decay") or 0.0) for g in optimizer.param_groups), default=0.0)
    return options


class Optimizers:
    """All optimizers seen, and the hooks around their steps."""

    def __init__(self, session: Whole) -> None:
        self._session = session
        self.all: list[Optimizer] = []
        self._by_id: dict[int, Optimizer] = {}
        self._handles: list[Any] = []

    def start(self) -> None:
        """Sees every step from now on."""
        from torch.optim import optimizer as module

        self._handles = [
            module.register_optimizer_step_pre_hook(self._before),
            module.register_optimizer_step_post_hook(self._after),
        ]
        session = self._session

        def wrapped(original: Any) -> Any:
            def __init__(optimizer: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
                original(optimizer, *args, **kwargs)
                if session.on:
                    session.safely(self.of, optimizer, 2)

            return __init__

        def zero(original: Any) -> Any:
            def zero_grad(optimizer: Any, *args: Any, **kwargs: Any) -> None:
                original(optimizer, *args, **kwargs)
                if session.on:
                    session.safely(self._zeroed, optimizer)

            return zero_grad

        def module_zero(original: Any) -> Any:
            def zero_grad(model: Any, *args: Any, **kwargs: Any) -> None:
                original(model, *args, **kwargs)
                if session.on:
                    session.safely(self.check_zeroed, True)

            return zero_grad

        session.patches.wrap(torch.optim.Optimizer, "__init__", wrapped)
        session.patches.wrap(torch.optim.Optimizer, "zero_grad", zero)
        session.patches.wrap(torch.nn.Module, "zero_grad", module_zero)

    def stop(self) -> None:
        """Sees no more."""
        for handle in self._handles:
            handle.remove()

    def of(self, optimizer: torch.optim.Optimizer, depth: int = 2) -> Optimizer:
        """Its record, made where there is none yet."""
        record = self._by_id.get(id(optimizer))
        if record is None or record.ref() is not optimizer:
            record = self._by_id[id(optimizer)] = Optimizer(
                optimizer, len(self.all), self._session.sites.here(depth + 1)
            )
            self.all.append(record)
            self.register(record)
            self._session.unnamed = True
            self._session.modules.listen(True)
        return record

    def register(self, record: Optimizer) -> None:
        """Notes which parameters it has, also those added later."""
        for tensor in record.parameters():
            parameter = self._session.parameters.of(tensor)
            if parameter is not None:
                parameter.optimizers.add(record.index)

    def _zeroed(self, optimizer: torch.optim.Optimizer) -> None:
        record = self.of(optimizer)
        if self._session.sampled:
            record.event("z")
        record.zeroed()

    def check_zeroed(self, called: bool = False) -> None:
        """Gradients that the script cleared by hand or through a model, seen at a parameter that had one."""
        for record in self.all:
            if not (record.used or record.pending):
                continue
            probe = record.probe() if record.probe is not None else None
            if probe is None:
                continue
            if not _holds(probe) and not any(_holds(tensor) for tensor in record.parameters()):
                record.event("z" if called else "h")
                record.zeroed()

    def choose_probe(self, record: Optimizer) -> None:
        """The smallest parameter that has a gradient other than zero: cheap to look at."""
        best = None
        for tensor in record.parameters():
            smaller = best is None or tensor.numel() < best.numel()
            if smaller and tensor.grad is not None and not tensor.grad.is_sparse and bool(tensor.grad.any()):
                best = tensor
        if best is not None:
            record.probe = weakref.ref(best)

    def _before(self, optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
        if not self._session.on:
            return
        try:
            record = self.of(optimizer, 3)
            closure = args[1] if len(args) > 1 else kwargs.get("closure")
            record.closing = closure is not None
            if not record.closing:
                self._gradients(record)
        except Exception as error:
            self._session.mishap(error)

    def _after(self, optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
        session = self._session
        if not session.on:
            return
        try:
            record = self.of(optimizer, 3)
            if record.closing:
                record.closures += 1
                record.closing = False
                if session.sampled:
                    self._moved(record)
            self._moved(record)
            record.steps += 1
            if session.sampled:
                record.event("s")
                record.close_pattern()
            loss = record.used_up()
            record.stale_steps += record.mixed
            record.used, record.mixed, record.fresh, record.clipped = True, False, False, 0
            record.unscaled = False
            record.first_at = record.first_at or session.step + 1
            record.last_at = session.step + 1
            session.after_step(record, optimizer, loss)
        except Exception as error:
            session.mishap(error)

    def _gradients(self, record: Optimizer) -> None:
        """What the step will use, on sampled steps."""
        session = self._session
        if not session.sampled:
            return
        self.register(record)
        probe = record.probe() if record.probe is not None else None
        if record.after_backward is not None and probe is not None and probe.grad is not None and not record.clipped:
            now = some_entries(probe.grad)
            record.rescaled += (
                not record.unscaled
                and len(now) == len(record.after_backward)
                and bool((now != record.after_backward).any())
            )
        record.after_backward = None
        self.choose_probe(record)
        tensors = [tensor for tensor in record.parameters() if tensor.device.type != "meta"]
        with_gradient = [tensor for tensor in tensors if tensor.grad is not None and not tensor.grad.is_sparse]
        norms = _norms([tensor.grad for tensor in with_gradient if tensor.grad is not None])
        weights = _norms([_part(tensor) for tensor in with_gradient])
        for tensor in tensors:
            parameter = session.parameters.record_of(tensor)
            if parameter is not None and tensor.grad is None:
                parameter.without_gradient += 1
        if not with_gradient:
            record.empty_steps += 1
            record.before = []
            return
        record.zero_steps += not any(norms)
        record.norm = math.sqrt(sum(norm**2 for norm in norms)) if math.isnan(record.norm) else record.norm
        decay = float(record.options.get("weight_decay", 0.0)) if record.options else 0.0
        if decay and not record.kind.startswith("AdamW"):
            total, size = math.sqrt(sum(n**2 for n in norms)), math.sqrt(sum(w**2 for w in weights))
            record.decay_ratio = decay * size / total if total else math.inf
        record.before = []
        for tensor, norm, size in zip(with_gradient, norms, weights, strict=True):
            parameter = session.parameters.record_of(tensor)
            if parameter is not None:
                parameter.with_gradient += norm != 0
                parameter.zero_gradient += norm == 0
                if tensor.dim() >= 2 and parameter.module:
                    root = math.sqrt(tensor.numel())
                    session.layer_row(
                        parameter.module,
                        {"grad_rms": norm / root, "weight_rms": size / root, "numel": float(tensor.numel())},
                    )
            record.before.append((tensor, _part(tensor).clone()))
        record.weights = weights

    def _moved(self, record: Optimizer) -> None:
        """How far the step moved the weights."""
        if not record.before:
            return
        with torch.no_grad():
            changes = [_part(tensor) - old for tensor, old in record.before]
        sizes = _norms(changes)
        for (tensor, _), size, weight in zip(record.before, sizes, record.weights, strict=True):
            parameter = self._session.parameters.record_of(tensor)
            if parameter is not None:
                parameter.changes += size > 0
                if parameter.module and tensor.dim() >= 2 and weight > 0:
                    self._session.layer_row(parameter.module, {"update_ratio": size / weight})
        moved = any(size > 0 or math.isnan(size) for size in sizes)
        record.before = []
        record.moved += moved
        record.still += not moved

    def facts(self) -> list[dict[str, Any]]:
        """The records for the recording."""
        for record in self.all:
            self.register(record)
        return [record.facts(self._session.sites) for record in self.all]


def _holds(tensor: torch.Tensor) -> bool:
    """Whether it has a gradient other than zero."""
    gradient = tensor.grad
    return gradient is not None and (gradient.is_sparse or bool(gradient.any()))


def _part(tensor: torch.Tensor) -> torch.Tensor:
    values = tensor.detach()
    return values if values.numel() <= LARGE else values.reshape(-1)[:: values.numel() // LARGE]


def _norms(tensors: list[torch.Tensor]) -> list[float]:
    """The norm of each tensor."""
    if not tensors:
        return []
    with torch.no_grad():
        if len({(tensor.device, tensor.dtype) for tensor in tensors}) == 1:
            return [float(norm) for norm in torch.stack(torch._foreach_norm(tensors)).tolist()]
        return [float(tensor.float().norm()) for tensor in tensors]
