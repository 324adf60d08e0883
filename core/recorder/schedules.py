"""Learning-rate schedules: sized how, stepped when, fed what, and what they did to the rate."""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from .whole import Whole

KEPT = 400
ARGUMENTS: tuple[str, ...] = (
    "T_max",
    "T_0",
    "T_mult",
    "total_steps",
    "step_size",
    "gamma",
    "total_iters",
    "eta_min",
    "patience",
    "factor",
)
ARGUMENTS += ("mode", "threshold", "cooldown", "power", "step_size_up", "step_size_down", "start_factor", "end_factor")


class Schedule:
    """One scheduler's record."""

    def __init__(self, scheduler: Any, site: int, optimizer: int) -> None:
        self.ref = weakref.ref(scheduler)
        self.kind, self.site, self.optimizer = type(scheduler).__name__, site, optimizer
        self.arguments: dict[str, Any] = {}
        for name in ARGUMENTS:
            value = getattr(scheduler, name, None)
            if isinstance(value, (int, float, str)):
                self.arguments[name] = value
        milestones = getattr(scheduler, "milestones", None)
        if milestones:
            self.arguments["milestones"] = sorted(int(milestone) for milestone in milestones)
        self.base = [float(rate) for rate in getattr(scheduler, "base_lrs", [])]
        self.steps = self.before_optimizer = 0
        self.line = ""
        self.step_site = -1
        self.gaps: dict[int, int] = {}  # optimizer steps between two of its own -> how often
        self.last_at = 0
        self.metrics: list[float] = []
        self.fed_train = self.fed_val = 0
        self.rates: list[tuple[int, float]] = []
        self.cuts: list[int] = []
        self.last_event = self.failed = ""
        self.stride = 1

    def facts(self, lines: Any) -> dict[str, Any]:
        """The record for the recording."""
        names: tuple[str, ...] = (
            "kind",
            "optimizer",
            "arguments",
            "base",
            "steps",
            "before_optimizer",
            "metrics",
            "fed_train",
            "fed_val",
        )
        names += ("rates", "cuts", "last_event", "failed")
        return {name: getattr(self, name) for name in names} | {
            "gaps": {str(gap): count for gap, count in self.gaps.items()},
            "line": lines.name(self.site),
            "step_line": lines.name(self.step_site),
        }


class Schedules:
    """All schedulers seen."""

    def __init__(self, session: Whole) -> None:
        self._session = session
        self.all: list[Schedule] = []
        self._by_id: dict[int, Schedule] = {}
        self._depth = 0

    def start(self) -> None:
        """Sees every scheduler's steps from now on."""
        module = torch.optim.lr_scheduler
        for value in list(vars(module).values()):
            if isinstance(value, type) and "step" in vars(value) and value.__module__ == module.__name__:
                self._session.patches.wrap(value, "step", self._wrapped)
        for value in (module.LRScheduler, module.ReduceLROnPlateau, module.SequentialLR, module.ChainedScheduler):
            self._session.patches.wrap(value, "__init__", self._counting_constructor)

    def _counting_constructor(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def __init__(scheduler: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
            self._depth += 1
            try:
                original(scheduler, *args, **kwargs)
            finally:
                self._depth -= 1

        return __init__

    def _wrapped(self, original: Callable[..., Any]) -> Callable[..., Any]:
        session = self._session

        def step(scheduler: Any, *args: Any, **kwargs: Any) -> Any:
            if not session.on or self._depth:
                return original(scheduler, *args, **kwargs)
            before = session.safely(_rate, scheduler)
            self._depth += 1
            try:
                result = original(scheduler, *args, **kwargs)
            except ValueError as error:
                session.safely(self._failed, scheduler, error)
                raise
            finally:
                self._depth -= 1
            session.safely(self._see, scheduler, args, kwargs, before)
            return result

        return step

    def _of(self, scheduler: Any) -> Schedule | None:
        record = self._by_id.get(id(scheduler))
        if record is None or record.ref() is not scheduler:
            optimizer = getattr(scheduler, "optimizer", None)
            if optimizer is None or len(self.all) >= 64:
                return None
            owner = self._session.optimizers.of(optimizer)
            record = self._by_id[id(scheduler)] = Schedule(scheduler, self._session.sites.here(4), owner.index)
            self.all.append(record)
        return record

    def _failed(self, scheduler: Any, error: ValueError) -> None:
        """Its step raised: a schedule that has run out."""
        record = self._of(scheduler)
        if record is not None:
            record.failed = str(error)

    def _see(self, scheduler: Any, args: Any, kwargs: Any, before: float) -> None:
        session = self._session
        record = self._of(scheduler)
        if record is None:
            return
        record.step_site = session.sites.here(3)
        owner = session.optimizers.all[record.optimizer]
        done = owner.steps + owner.skipped
        if not record.steps:
            record.rates.append((0, before))
        record.steps += 1
        if done == 0:
            record.before_optimizer += 1
        gap = done - record.last_at
        if gap in record.gaps or len(record.gaps) < 64:
            record.gaps[gap] = record.gaps.get(gap, 0) + 1
        record.last_at = done
        record.last_event = "schedule"
        owner.event("l")
        rate = _rate(scheduler)
        if rate < before * 0.999:
            record.cuts.append(record.steps)
            del record.cuts[:-KEPT]
        if record.steps % record.stride == 0:
            record.rates.append((record.steps, rate))
            if len(record.rates) > KEPT:
                del record.rates[1::2]
                record.stride *= 2
        if record.kind == "ReduceLROnPlateau":
            metric = args[0] if args else kwargs.get("metrics")
            self._metric(record, float(metric) if metric is not None else math.nan)

    def _metric(self, record: Schedule, value: float) -> None:
        losses = self._session.losses
        record.metrics.append(value)
        if len(record.metrics) > KEPT:
            del record.metrics[::2]
        last = self._session.last_loss
        if math.isclose(value, last, rel_tol=1e-6):
            record.fed_train += 1
        evaluation = losses.evaluation
        if evaluation:
            mean, total = sum(evaluation) / len(evaluation), sum(evaluation)
            if any(math.isclose(value, other, rel_tol=1e-3) for other in (mean, total, evaluation[-1])):
                record.fed_val += 1

    def optimizer_stepped(self, index: int) -> None:
        """Its optimizer stepped after it."""
        for record in self.all:
            if record.optimizer == index:
                record.last_event = "optimizer"

    def facts(self) -> list[dict[str, Any]]:
        """The records for the recording."""
        return [record.facts(self._session.sites) for record in self.all]


def _rate(scheduler: Any) -> float:
    return float(scheduler.optimizer.param_groups[0]["lr"])
