"""Backward passes: from which line, of which value, through which graph, into whose parameters."""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch

from . import graphs
from .parameters import some_entries

if TYPE_CHECKING:
    from .whole import Whole

FAR = 8  # on an accelerator the loss is read at every so many passes: reading waits for it
FIRST = 3  # passes whose graph is walked one and all
SIZES = 64  # sizes of the graph that are kept per line


class Backward:
    """One line of the script that calls backward."""

    def __init__(self, site: int) -> None:
        self.site = site
        self.calls = self.listened = 0
        self.retained = 0
        self.rootless = 0
        self.scaled = 0
        self.reaches: set[int] = set()
        self.unowned = 0
        self.sizes: list[tuple[int, int]] = []
        self.top: list[str] = []
        self.losses: list[dict[str, Any]] = []
        self.blown: dict[str, Any] = {}
        self.root_elements = 1
        self.values = 0
        self.penalty: list[tuple[float, float]] = []  # whole value, value of torch's own loss in it
        self.kinds: dict[str, int] = {}

    def facts(self, name: str) -> dict[str, Any]:
        """The record for the recording."""
        names = (
            "calls",
            "listened",
            "retained",
            "rootless",
            "scaled",
            "unowned",
            "sizes",
            "top",
            "losses",
            "blown",
            "root_elements",
        )
        kinds = dict(sorted(self.kinds.items(), key=lambda item: -item[1])[:40])
        return {key: getattr(self, key) for key in names} | {
            "line": name,
            "reaches": sorted(self.reaches),
            "kinds": kinds,
            "penalty": self.penalty[:4] + self.penalty[4:][-8:],
        }


class ByHand:
    """Updates that the script makes without an optimizer."""

    def __init__(self) -> None:
        self.steps = self.stale_steps = 0
        self.probes: list[tuple[weakref.ref[torch.Tensor], Any]] = []
        self.used = False
        self.ascent = self.descent = 0
        self.gradients: dict[int, Any] = {}  # some entries of each probe's gradient when the last backward pass ended
        self.losses: list[float] = []


class Backwards:
    """All lines that call backward."""

    def __init__(self, session: Whole) -> None:
        self._session = session
        self.all: dict[int, Backward] = {}
        self.calls = 0
        self._depth = 0
        self.by_hand = ByHand()
        self.grad_calls = self.grad_into_parameters = 0

    def start(self) -> None:
        """Sees every backward pass from now on."""
        patches = self._session.patches
        patches.wrap(torch.Tensor, "backward", self._tensor_backward)
        patches.wrap(torch.autograd, "backward", self._autograd_backward)
        patches.wrap(torch.autograd, "grad", self._autograd_grad)

    def _tensor_backward(self, original: Callable[..., Any]) -> Callable[..., Any]:
        session = self._session

        def backward(tensor: Any, *args: Any, **kwargs: Any) -> Any:
            if not session.on or self._depth or torch.compiler.is_compiling():
                return original(tensor, *args, **kwargs)
            retained = bool(kwargs.get("retain_graph") or (len(args) > 1 and args[1]))
            record = session.safely(self._begin, tensor, retained)
            self._depth += 1
            try:
                result = original(tensor, *args, **kwargs)
            finally:
                self._depth -= 1
            if record is not None:
                session.safely(self._end, record, tensor)
            return result

        return backward

    def _autograd_backward(self, original: Callable[..., Any]) -> Callable[..., Any]:
        session = self._session

        def backward(tensors: Any, *args: Any, **kwargs: Any) -> Any:
            if not session.on or self._depth or torch.compiler.is_compiling():
                return original(tensors, *args, **kwargs)
            first = (
                tensors
                if isinstance(tensors, torch.Tensor)
                else next(iter(tensors), None)
                if isinstance(tensors, (list, tuple))
                else None
            )
            record = session.safely(self._begin, first, bool(kwargs.get("retain_graph"))) if first is not None else None
            self._depth += 1
            try:
                result = original(tensors, *args, **kwargs)
            finally:
                self._depth -= 1
            if record is not None:
                session.safely(self._end, record, first)
            return result

        return backward

    def _autograd_grad(self, original: Callable[..., Any]) -> Callable[..., Any]:
        session = self._session

        def grad(outputs: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
            if session.on and not self._depth and not torch.compiler.is_compiling():
                if not isinstance(inputs, torch.Tensor):
                    inputs = list(inputs)  # an iterator must not be used up before torch sees it
                session.safely(self._note_grad_call, inputs)
            self._depth += 1
            try:
                return original(outputs, inputs, *args, **kwargs)
            finally:
                self._depth -= 1

        return grad

    def _note_grad_call(self, inputs: Any) -> None:
        """Gradients asked for by ``autograd.grad``: those of parameters may become an update by hand."""
        self.grad_calls += 1
        tensors = [inputs] if isinstance(inputs, torch.Tensor) else inputs
        leaves = [
            tensor
            for tensor in tensors
            if tensor.is_leaf and tensor.requires_grad and self._session.parameters.record_of(tensor)
        ]
        if leaves:
            self.grad_into_parameters += 1
            for tensor in leaves:
                parameter = self._session.parameters.record_of(tensor)
                if parameter is not None:
                    parameter.by_autograd += 1

    def _begin(self, tensor: torch.Tensor, retained: bool) -> Backward:
        session = self._session
        self.calls += 1
        site = session.sites.here(3)
        record = self.all.get(site)
        if record is None:
            record = self.all[site] = Backward(site)
        record.calls += 1
        record.listened += session.modules.listening
        record.retained += retained
        record.scaled += session.scaling is tensor
        if record.calls == 1:
            record.root_elements = tensor.numel()
        session.before_backward()
        if record.calls <= FIRST or (session.sampled and record.calls % 2):
            if session.unnamed:
                session.name_all(4)
            self._walk(record, tensor)
        session.optimizers.check_zeroed()
        if not session.optimizers.all:
            self._look_by_hand()
        return record

    def _walk(self, record: Backward, tensor: torch.Tensor) -> None:
        session = self._session
        graph = graphs.graph_of(tensor)
        if tensor.grad_fn is None:
            record.rootless += 1
        record.top, record.kinds = graph.top, graph.kinds
        if graph.blown and not record.blown:
            record.blown = graph.blown
        if len(record.sizes) < SIZES:
            record.sizes.append((record.calls, graph.nodes))
        unowned = 0
        for leaf in graph.leaves:
            parameter = session.parameters.of(leaf)
            if parameter is None:
                continue
            parameter.reached += 1
            record.reaches |= parameter.optimizers
            unowned += not parameter.optimizers
        record.unowned = max(record.unowned, unowned)
        record.losses = [{key: value for key, value in loss.items() if key != "node"} for loss in graph.losses[:8]]
        for loss, entry in zip(record.losses, graph.losses, strict=False):
            reduction = getattr(entry["node"], "_saved_reduction", -1)
            if session.scaling is tensor and session.scale:
                loss["factor"] /= session.scale  # the scaler's, which it takes back at the step
            loss["reduction"] = {0: "none", 1: "mean", 2: "sum"}.get(reduction, "")
        recent = session.losses.recent
        if len(graph.losses) == 1 and tensor.numel() == 1 and recent and graph.losses[0]["factor"] == 1.0:
            record.penalty.append((float(tensor.detach()), recent[-1]))
        if not session.optimizers.all:
            self._remember(graph.leaves)

    def _remember(self, leaves: list[torch.Tensor]) -> None:
        if not self.by_hand.probes:
            small = sorted(leaves, key=lambda leaf: leaf.numel())[:4]
            self.by_hand.probes = [(weakref.ref(leaf), some_entries(leaf)) for leaf in small]

    def _look_by_hand(self) -> None:
        """Whether the script has moved parameters itself since the last backward pass, and cleared their gradients."""
        hand = self.by_hand
        moved = stale = False
        probes = []
        for ref, old in hand.probes:
            tensor = ref()
            if tensor is None:
                continue
            now = some_entries(tensor)
            changed = len(now) == len(old) and bool((now != old).any())
            moved = moved or changed
            if tensor.grad is not None and bool(tensor.grad.any()):
                stale = True
            gradient = hand.gradients.get(id(tensor))
            if changed and gradient is not None and len(gradient) == len(now):
                along = float(((now - old) * gradient).sum())
                hand.ascent += along > 0
                hand.descent += along < 0
            probes.append((ref, now))
        if moved:
            hand.steps += 1
            hand.stale_steps += stale
            self._session.hand_step()
        hand.probes = probes

    def _end(self, record: Backward, tensor: torch.Tensor) -> None:
        session = self._session
        value = math.nan
        if tensor.numel() == 1 and (tensor.device.type == "cpu" or session.sampled or record.calls % FAR == 0):
            value = float(tensor.detach())
        if record.scaled and session.scale:
            value /= session.scale
        session.last_loss = value
        for index in record.reaches:
            optimizer = session.optimizers.all[index]
            if session.sampled:
                optimizer.event("b")
            optimizer.pending.append((record.site, value))
            optimizer.fresh = True
            if optimizer.used:
                optimizer.mixed = True
            if optimizer.clipped:
                session.clips.then_backward(optimizer)
        if session.sampled:
            self._remember_gradients(record)
        if not session.optimizers.all:
            self._remember_by_hand(value)

    def _remember_gradients(self, record: Backward) -> None:
        """A few entries of the gradients as the pass left them: who changes them by hand is seen at the step."""
        session = self._session
        for index in record.reaches:
            optimizer = session.optimizers.all[index]
            if optimizer.probe is None or optimizer.probe() is None:
                session.optimizers.choose_probe(optimizer)
            probe = optimizer.probe() if optimizer.probe is not None else None
            if probe is not None and probe.grad is not None:
                optimizer.after_backward = some_entries(probe.grad)

    def _remember_by_hand(self, value: float) -> None:
        for ref, _ in self.by_hand.probes:
            probe = ref()
            if probe is not None and probe.grad is not None:
                self.by_hand.gradients[id(probe)] = some_entries(probe.grad)
        self.by_hand.losses.append(value)
        if len(self.by_hand.losses) > 4096:
            del self.by_hand.losses[::2]

    def facts(self) -> list[dict[str, Any]]:
        """The records for the recording."""
        return [record.facts(self._session.sites.name(site)) for site, record in self.all.items()]
