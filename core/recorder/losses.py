"""Torch's losses: what they are fed (shapes, ranges, what made it), what they return, in training and in evaluation."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812

from . import graphs
from .labels import Labels
from .patches import in_transform

if TYPE_CHECKING:
    from .whole import Whole

KINDS = {
    "cross_entropy": "cross_entropy",
    "nll_loss": "nll",
    "binary_cross_entropy": "bce",
    "binary_cross_entropy_with_logits": "bce_with_logits",
    "mse_loss": "mse",
    "l1_loss": "l1",
    "smooth_l1_loss": "smooth_l1",
    "huber_loss": "huber",
    "kl_div": "kl_div",
    "poisson_nll_loss": "poisson_nll",
    "gaussian_nll_loss": "gaussian_nll",
    "soft_margin_loss": "soft_margin",
    "multilabel_soft_margin_loss": "multilabel_soft_margin",
    "multi_margin_loss": "multi_margin",
    "hinge_embedding_loss": "hinge_embedding",
    "cosine_embedding_loss": "cosine_embedding",
    "triplet_margin_loss": "triplet_margin",
    "margin_ranking_loss": "margin_ranking",
    "ctc_loss": "ctc",
}
DISTANCES = ("mse", "l1", "smooth_l1", "huber")
MOST = 200  # lines recorded


class Loss:
    """One place of the script where a loss is worked out."""

    def __init__(self, kind: str, site: int, arguments: dict[str, Any]) -> None:
        self.kind, self.site = kind, site
        self.reduction = str(arguments.get("reduction", "mean"))
        self.weighted = arguments.get("weight") is not None or arguments.get("pos_weight") is not None
        self.smoothing = float(arguments.get("label_smoothing") or 0.0)
        self.calls_grad = self.calls_no_grad = 0
        self.samples = 0
        self.producers: dict[str, int] = {}
        self.linear_classes = 0
        self.input: dict[str, Any] = {}
        self.target: dict[str, Any] = {}
        self.worst: dict[str, Any] = {}
        self.train = self.val = 0.0
        self.failed = ""
        self.labels = Labels()

    def facts(self, name: str) -> dict[str, Any]:
        """The record for the recording."""
        return {
            "kind": self.kind,
            "line": name,
            "site": self.site,
            "reduction": self.reduction,
            "weighted": self.weighted,
            "smoothing": self.smoothing,
            "calls_grad": self.calls_grad,
            "calls_no_grad": self.calls_no_grad,
            "samples": self.samples,
            "producers": self.producers,
            "linear_classes": self.linear_classes,
            "input": self.input,
            "target": self.target,
            "worst": self.worst,
            "failed": self.failed,
            "labels": self.labels.facts(),
        }


class Losses:
    """All places where losses are worked out."""

    def __init__(self, session: Whole) -> None:
        self._session = session
        self.all: list[Loss] = []
        self._by_key: dict[tuple[str, int], Loss] = {}
        self._last: dict[tuple[str, bool], Loss] = {}  # between sampled steps the line is taken to be the last one's
        self._depth = 0
        self.evaluation: list[float] = []  # losses worked out without a gradient since the last step
        self.recent: list[float] = []

    def start(self) -> None:
        """Sees torch's losses from now on."""
        for function, kind in KINDS.items():
            self._session.patches.wrap(F, function, partial(self._wrapped, kind))

    def _wrapped(self, kind: str, original: Callable[..., Any]) -> Callable[..., Any]:
        signature = inspect.signature(original)

        def loss(*args: Any, **kwargs: Any) -> Any:
            if torch.compiler.is_compiling() or not self._session.on or self._depth:
                return original(*args, **kwargs)
            self._depth += 1
            try:
                result = original(*args, **kwargs)
            except Exception as error:
                self._see(kind, signature, args, kwargs, None, str(error))
                raise
            finally:
                self._depth -= 1
            self._see(kind, signature, args, kwargs, result, "")
            return result

        return loss

    def _see(self, kind: str, signature: inspect.Signature, args: Any, kwargs: Any, result: Any, failed: str) -> None:
        if in_transform():
            return
        try:
            graded = result is not None and result.requires_grad
            record = None if self._session.sampled or failed else self._last.get((kind, graded))
            if record is None:
                record = self._at(kind, self._session.sites.here(2), signature, args, kwargs)
                if record is None:
                    return
                self._last[(kind, graded)] = record
            if graded or failed:
                record.calls_grad += 1
            else:
                record.calls_no_grad += 1
            count = record.calls_grad if graded or failed else record.calls_no_grad
            if result is not None and result.dim() == 0 and result.device.type == "cpu":
                self._value(record, float(result.detach()), graded, args)
            near = self._session.sampled or count <= 4 or failed
            if not near and not (graded and record.labels.due(record.calls_grad)):
                return
            names = list(signature.parameters)
            tensors = [args[i] if i < len(args) else kwargs.get(names[i]) for i in range(2)]
            if not all(isinstance(tensor, torch.Tensor) for tensor in tensors):
                return
            with torch.no_grad():
                if graded or failed or not record.calls_grad:
                    record.labels.see(kind, tensors[0], tensors[1])
                if near:
                    self._look(record, tensors[0], tensors[1], graded, failed)
        except Exception as error:
            self._session.mishap(error)

    def _at(self, kind: str, site: int, signature: inspect.Signature, args: Any, kwargs: Any) -> Loss | None:
        """The record of this line, made where there is none yet; None beyond the bound."""
        record = self._by_key.get((kind, site))
        if record is None and len(self.all) < MOST:
            record = self._by_key[(kind, site)] = Loss(kind, site, signature.bind(*args, **kwargs).arguments)
            self.all.append(record)
        return record

    def _value(self, record: Loss, value: float, graded: bool, args: Any) -> None:
        if record.reduction == "sum" and args and isinstance(args[0], torch.Tensor) and args[0].dim():
            value /= max(1, args[0].shape[0])
        if not graded and self._session.step and not math.isnan(value):
            self.evaluation.append(value)
        if self._session.sampled:
            self.recent.append(value)
            if len(self.recent) > 64:
                del self.recent[:32]

    def _look(self, record: Loss, output: torch.Tensor, target: torch.Tensor, graded: bool, failed: str) -> None:
        record.samples += 1
        if failed:
            record.failed = failed[:300]
        values = output.detach().float()
        input_facts: dict[str, Any] = {"shape": list(output.shape), "dtype": str(output.dtype).removeprefix("torch.")}
        if values.numel():
            input_facts |= {"min": float(values.min()), "max": float(values.max())}
            axis = 1 if values.dim() > 1 else 0
            if values.dim() >= 1 and values.shape[axis] > 1:
                rows = values[:256]
                if record.kind in ("cross_entropy", "nll", "kl_div"):
                    sums = rows.sum(axis)
                    input_facts["sums_to_one"] = bool((sums - 1).abs().max() < 1e-3 and rows.min() >= 0)
                    input_facts["exp_sums_to_one"] = float((rows.exp().sum(axis) - 1).abs().max())
                input_facts["spread"] = float(rows.std()) if rows.numel() > 1 else 0.0
        target_facts: dict[str, Any] = {"shape": list(target.shape), "dtype": str(target.dtype).removeprefix("torch.")}
        target_facts["requires_grad"] = target.requires_grad
        if target.numel():
            answer = target.detach().double()
            target_facts |= {"min": float(answer.min()), "max": float(answer.max()), "mean": float(answer.mean())}
            if answer.numel() > 1:
                target_facts["std"] = float(answer.std())
        input_facts["graded"] = graded
        if graded or not record.input:
            record.input, earlier = input_facts, record.target
            record.target = target_facts
            if earlier:  # the widest range seen
                record.target["min"] = min(earlier.get("min", math.inf), target_facts.get("min", math.inf))
                record.target["max"] = max(earlier.get("max", -math.inf), target_facts.get("max", -math.inf))
        if record.kind in DISTANCES and output.shape != target.shape:
            out = math.prod(torch.broadcast_shapes(output.shape, target.shape))
            if out > max(output.numel(), target.numel()) and not record.worst:
                record.worst = {"input": list(output.shape), "target": list(target.shape), "elements": out}
        if graded and output.grad_fn is not None:
            self._producer(record, output)

    def _producer(self, record: Loss, output: torch.Tensor) -> None:
        name, node = graphs.producer(output.grad_fn)
        classes = graphs.shape_of(node)[-1:] if node is not None else ()
        if name == "Softmax" and classes == (1,):
            name = "SoftmaxOfOne"
        record.producers[name] = record.producers.get(name, 0) + 1
        if name in graphs.LINEAR and output.dim() > 1:
            leaves = [tuple(tensor.shape) for tensor in graphs.parameters_of(node)]
            record.linear_classes = output.shape[1] if leaves else 0

    def evaluation_loss(self) -> float:
        """The mean loss of the evaluation that has just ended; NaN where there was none."""
        if not self.evaluation:
            return math.nan
        mean = float(np.mean(self.evaluation))
        self.evaluation.clear()
        return mean

    def facts(self) -> list[dict[str, Any]]:
        """The records for the recording."""
        return [record.facts(self._session.sites.name(record.site)) for record in self.all]
