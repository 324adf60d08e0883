"""Modules: how often they were called in which mode, what they were fed, and what their units do on sampled steps."""

from __future__ import annotations

import math
import weakref
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from . import graphs, through_time
from .patches import in_transform

if TYPE_CHECKING:
    from .whole import Whole

MOST = 2000  # modules recorded one by one
BOUNDED = {"Tanh": 0.9747, "Sigmoid": 0.4873}  # |y| (for sigmoid |y - 1/2|) from which φ' is below 5 % of its largest
RECTIFIERS = ("Relu", "Threshold")
MODES = ("eval_no_grad", "eval_grad", "train_no_grad", "train_grad")  # by 2 · training + grad enabled
NORMS = (nn.modules.batchnorm._BatchNorm,)
DROPOUTS = (nn.modules.dropout._DropoutNd,)


class Module:
    """One module's record."""

    def __init__(self, module: nn.Module, order: int) -> None:
        self.ref = weakref.ref(module)
        self.kind, self.order, self.name = type(module).__name__, order, ""
        self.has_parameters = any(tensor is not None for tensor in module._parameters.values())
        self.norm, self.dropout = isinstance(module, NORMS), isinstance(module, DROPOUTS)
        self.watched = self.norm or (self.dropout and float(getattr(module, "p", 0.0)) > 0)
        self.calls = [0, 0, 0, 0]
        self.root: weakref.ref[nn.Module] | None = None
        self.phases_train = self.phases_eval = 0  # times it was called under no_grad between two optimizer steps
        self.root_eval_steps = 0
        self.tiny = self.normed = self.smallest = 0
        self.train_steps = self.eval_steps = 0  # optimizer steps whose forward pass was in this mode
        self.last_phase = -1
        self.input: dict[str, Any] = {}
        self.inputs_seen = 0
        self.in_shape: list[int] = []
        self.out_shape: list[int] = []
        self.fed_by = ""
        self.over_time: dict[str, Any] = {}
        self.over_time_seen = 0
        self.after = ""

    def facts(self) -> dict[str, Any]:
        """The record for the recording."""
        module = self.ref()
        extra: dict[str, Any] = {}
        if module is not None:
            for name in (
                "p",
                "momentum",
                "track_running_stats",
                "affine",
                "in_features",
                "out_features",
                "batch_first",
            ):
                value = getattr(module, name, None)
                if isinstance(value, (int, float, bool)):
                    extra[name] = value
            parameters = [tensor for tensor in module._parameters.values() if tensor is not None]
            extra["bias"] = getattr(module, "bias", None) is not None
            extra["trainable"] = any(tensor.requires_grad for tensor in parameters)
        return {
            "name": self.name,
            "kind": self.kind,
            "order": self.order,
            "norm": self.norm,
            "dropout": self.dropout,
            "parameters": self.has_parameters,
            "calls": dict(zip(MODES, self.calls, strict=True)),
            "phases_train": self.phases_train,
            "phases_eval": self.phases_eval,
            "train_steps": self.train_steps,
            "eval_steps": self.eval_steps,
            "root_eval_steps": self.root_eval_steps,
            "tiny": self.tiny,
            "normed": self.normed,
            "smallest": self.smallest,
            "input": self.input,
            "in_shape": self.in_shape,
            "out_shape": self.out_shape,
            "fed_by": self.fed_by,
            "after": self.after,
            "over_time": self.over_time,
            "alive": module is not None,
            **extra,
        }


class Modules:
    """All modules seen, and the forward hook that sees them."""

    def __init__(self, session: Whole) -> None:
        self._session = session
        self.all: list[Module] = []
        self._by_id: dict[int, Module] = {}
        self.lost: dict[str, dict[str, Any]] = {}  # modules that died after a call or two: made anew in forward
        self.recent: dict[int, tuple[Module, bool, bool]] = {}
        self.roots: dict[int, tuple[weakref.ref[nn.Module], str]] = {}
        self._handle: Any = None
        self._watched = False  # whether there is a BatchNorm or dropout, whose mode matters at every step

    def start(self) -> None:
        """Sees every forward pass from now on."""
        self.listen(True)

    def stop(self) -> None:
        """Sees no more."""
        self._watched = False
        self.listen(False)

    @property
    def listening(self) -> bool:
        """Whether forward passes are seen."""
        return self._handle is not None

    def listen(self, on: bool) -> None:
        """Sees forward passes or not: the hook costs each module a microsecond or two. Modes are followed throughout."""
        if (on or self._watched) and self._handle is None:
            self._handle = nn.modules.module.register_module_forward_hook(self._forward)
        elif not on and not self._watched and self._handle is not None:
            self._handle.remove()
            self._handle = None

    def _forward(self, module: nn.Module, args: Any, output: Any) -> None:
        session = self._session
        if torch.compiler.is_compiling() or in_transform():
            return
        if not session.on:
            return
        try:
            record = self._by_id.get(id(module))
            if record is None or record.ref() is not module:
                record = self._new(module)
                if record is None:
                    return
            graded = torch.is_grad_enabled()
            record.calls[2 * module.training + graded] += 1
            if record.watched:
                self._mode(record, module, args, graded)
            if session.sampled and graded:
                with torch.no_grad():
                    self._measure(record, module, args, output)
        except Exception as error:
            session.mishap(error)

    def _new(self, module: nn.Module) -> Module | None:
        old = self._by_id.get(id(module))
        if old is not None and sum(old.calls) <= 2 and not old.name:
            self._count_lost(old)
        if len(self.all) >= MOST:
            return None
        record = self._by_id[id(module)] = Module(module, len(self.all))
        self.all.append(record)
        self._watched = self._watched or record.watched
        self._session.compiled = self._session.compiled or record.kind == "OptimizedModule"
        for tensor in module._parameters.values():
            if tensor is not None:
                parameter = self._session.parameters.of(tensor)
                if parameter is not None:
                    parameter.called += 1
                    if not self._session.step:
                        parameter.snapshot(tensor)
        self._session.unnamed = True
        return record

    def _count_lost(self, record: Module) -> None:
        entry = self.lost.setdefault(record.kind, {"count": 0, "parameters": record.has_parameters, "train_no_grad": 0})
        entry["count"] += 1
        entry["train_no_grad"] += record.calls[2]

    def _mode(self, record: Module, module: nn.Module, args: Any, graded: bool) -> None:
        """A BatchNorm or dropout: the mode of the step it works for, and how many rows its statistics have."""
        session = self._session
        root = record.root() if record.root is not None else None
        root_training = module.training if root is None else root.training
        if graded:
            recent = self.recent.get(id(module))
            trained = module.training or (recent is not None and recent[1])
            self.recent[id(module)] = (record, trained, root_training)
            if record.norm and module.training and args and isinstance(args[0], torch.Tensor):
                rows = args[0].shape[0]
                record.normed += 1
                record.tiny += rows <= 2
                record.smallest = min(record.smallest or rows, rows)
        elif session.step and not session.updating_statistics and record.last_phase != session.step:
            record.last_phase = session.step
            if module.training and root_training:
                record.phases_train += 1
            elif not module.training:
                record.phases_eval += 1

    def commit_step(self) -> None:
        """An optimizer stepped: the modes of the forward passes since the last one belong to it."""
        for record, training, root_training in self.recent.values():
            if training:
                record.train_steps += 1
            else:
                record.eval_steps += 1
                record.root_eval_steps += not root_training
        self.recent.clear()

    def _measure(self, record: Module, module: nn.Module, args: Any, output: Any) -> None:
        first = args[0] if args and isinstance(args[0], torch.Tensor) else None
        out = output[0] if isinstance(output, (tuple, list)) and output else output
        if isinstance(out, torch.Tensor):
            record.out_shape = list(out.shape)
        if first is None or first.numel() == 0:
            return
        record.in_shape = list(first.shape)
        if isinstance(module, through_time.Recurrent) and isinstance(out, torch.Tensor) and record.over_time_seen < 3:
            record.over_time_seen += 1
            through_time.look(record.over_time, module, first, out)
        if record.has_parameters and first.is_floating_point():
            if first.grad_fn is None and not first.requires_grad:
                self._data(record, first)
            elif first.grad_fn is not None and not record.norm:
                self._units(record, module, first)

    def _data(self, record: Module, values: torch.Tensor) -> None:
        """The scale of what comes from outside."""
        if record.inputs_seen >= 6:
            return
        record.inputs_seen += 1
        sample = values.detach()[:256].float()
        features = (
            sample.reshape(-1, sample.shape[-1])
            if sample.dim() in (2, 3)
            else sample.flatten(1)
            if sample.dim() > 1
            else sample.reshape(-1, 1)
        )
        rms = float(sample.square().mean().sqrt())
        now = {"rms": rms, "mean": float(sample.mean()), "min": float(sample.min()), "max": float(sample.max())}
        if features.shape[0] > 1:
            spread = features.std(0)
            now["largest_std"], now["smallest_std"] = float(spread.max()), float(spread.min())
            now["std"] = float(spread.square().mean().sqrt())
            now["largest_mean"] = float(features.mean(0).abs().max())
        if not record.input or rms > record.input["rms"]:
            record.input = now

    def _units(self, record: Module, module: nn.Module, values: torch.Tensor) -> None:
        """What the layer before this one puts out: dead or saturated units, or nothing nonlinear at all."""
        name, node = graphs.producer(values.grad_fn)
        record.after = name
        if name in graphs.LINEAR:
            record.fed_by = self._owner(node)
            return
        if name not in BOUNDED and name not in RECTIFIERS:
            return
        before = graphs.producer(graphs.first_parent(node))[1]
        owner = self._owner(before) if before is not None else ""
        convolution = isinstance(module, nn.modules.conv._ConvNd) and values.dim() >= 3
        units = values.detach().movedim(1, -1) if convolution else values.detach()
        units = units.reshape(-1, units.shape[-1])
        if units.shape[0] < 2:
            return
        row: dict[str, float] = {"rows": float(units.shape[0])}
        row["activation_rms"] = float(units.float().square().mean().sqrt())
        if name in RECTIFIERS:
            row["dead"] = float((units == 0).all(0).float().mean())
        elif values.grad_fn is node or graphs.operation(values.grad_fn) != "Mul":
            middle = 0.5 if name == "Sigmoid" else 0.0
            row["saturated"] = float(((units - middle).abs() > BOUNDED[name]).float().mean())
        self._session.layer_row(owner or f"before {record.name or record.kind}", row)

    def _owner(self, node: Any) -> str:
        for tensor in graphs.parameters_of(node):
            record = self._session.parameters.record_of(tensor)
            if record is not None:
                return record.module or f"parameter {record.index}"
        return ""

    def name_all(self, names: dict[int, str], variables: list[nn.Module]) -> None:
        """Names modules by the models that hold them: the script's variables first, then whatever was called."""
        alive = [module for module in (record.ref() for record in self.all) if module is not None]
        inner: set[int] = set()
        candidates = {id(module): module for module in [*variables, *alive]}
        for module in candidates.values():
            inner |= {id(child) for child in module.modules()} - {id(module)}
        for key, module in candidates.items():
            if key in inner:
                continue
            kind = type(module).__name__
            root = names.get(key, "")
            if not root and any(other == kind for _, other in self.roots.values()):
                root = f"{kind}-{len(self.roots) + 1}" if key not in self.roots else self.roots[key][1]
            self.roots[key] = (weakref.ref(module), root or kind)
            self._name_inside(module, root or kind)
        for module in candidates.values():
            self._name_lists(module)

    def _name_inside(self, module: nn.Module, root: str) -> None:
        for prefix, child in module.named_modules():
            record = self._by_id.get(id(child))
            if record is not None and record.ref() is child:
                record.name = ".".join(part for part in (root, prefix) if part)
                record.root = weakref.ref(module)
        self._session.parameters.name(module, root)

    def _name_lists(self, module: nn.Module) -> None:
        """Layers in a plain list or dict of a module, which its ``parameters()`` does not know."""
        for name, value in vars(module).items():
            if name.startswith("_"):
                continue
            if isinstance(value, torch.Tensor) and value.requires_grad and value.is_leaf:
                self._name_outside(value, f"{type(module).__name__}.{name}")
            if not isinstance(value, (list, tuple, dict)):
                continue
            items = value.items() if isinstance(value, dict) else enumerate(value)
            for key, item in list(items)[:64]:
                place = f"{type(module).__name__}.{name}[{key!r}]"
                if isinstance(item, nn.Module):
                    for prefix, child in item.named_modules():
                        record = self._by_id.get(id(child))
                        if record is not None:
                            record.name = ".".join(part for part in (place, prefix) if part)
                    for tensor in item.parameters():
                        parameter = self._session.parameters.record_of(tensor)
                        if parameter is not None:
                            parameter.module = place
                    self._session.plain_lists.add(place)
                elif isinstance(item, torch.Tensor) and item.requires_grad and item.is_leaf:
                    self._name_outside(item, place)

    def _name_outside(self, tensor: torch.Tensor, place: str) -> None:
        """A trainable tensor that its model's ``parameters()`` does not know."""
        parameter = self._session.parameters.of(tensor)
        if parameter is not None:
            parameter.name = parameter.module = place
            self._session.plain_lists.add(place)

    def facts(self) -> list[dict[str, Any]]:
        """The records for the recording."""
        for record in self.all:
            if record.ref() is None and not record.name and sum(record.calls) <= 2:
                self._count_lost(record)
        return [
            record.facts() for record in self.all if record.name or record.ref() is not None or sum(record.calls) > 2
        ]


def chance(count: int) -> float:
    """The loss of guessing among ``count`` classes alike."""
    return math.log(count) if count > 1 else 0.0
