"""One recording under way: what the parts share, what is written when."""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import torch

from ..diagnosis.trace import UNDER_WAY
from .backwards import Backwards
from .clips import Clips
from .functional import Functional
from .losses import Losses
from .modules import Modules
from .optimizers import Optimizer, Optimizers
from .parameters import Parameters
from .patches import Patches
from .recordings import Writer
from .sampling import Stride, Windows
from .schedules import Schedules
from .sites import Sites, variables

LISTENED = 64  # steps whose forward passes are all seen; later those of sampled steps, but for BatchNorm and dropout
SECONDS = 2.0  # between two flushes
MOST_LAYER_ROWS = 200_000


class Session:
    """All that is recorded of one script."""

    def __init__(self, writer: Writer, every: int = 0) -> None:
        self.on, self.sampled, self.unnamed = False, True, False
        self.writer = writer
        self.pid = os.getpid()
        self.patches, self.sites, self.windows = Patches(), Sites(), Windows(every)
        self.parameters = Parameters()
        self.modules, self.losses, self.optimizers = Modules(self), Losses(self), Optimizers(self)
        self.backwards, self.clips, self.schedules, self.functional = (
            Backwards(self),
            Clips(self),
            Schedules(self),
            Functional(self),
        )
        self.step = 0  # optimizer steps of the whole script
        self.last_loss = math.nan
        self.scaling: Any = None
        self.scaling_on, self.scale = False, 0.0
        self.updating_statistics = False
        self.plain_lists: set[str] = set()
        self.compiled = False
        self.listened = 0  # steps whose forward passes were seen
        self.mishaps: list[str] = []
        self.started = time.perf_counter()
        self._strides: dict[int, Stride] = {}
        self._sums: dict[int, list[float]] = {}
        self._steps: dict[str, list[Any]] = {}
        self._layers: dict[str, dict[str, float]] = {}
        self._layer_rows: list[tuple[int, str, dict[str, float]]] = []
        self._written_layers = 0
        self._last_flush, self._last_facts, self._facts_gap = self.started, self.started, 1.0
        self._validations = 0

    def start(self) -> None:
        """Hooks and wraps torch."""
        self.on = True
        for part in (
            self.modules,
            self.losses,
            self.optimizers,
            self.backwards,
            self.clips,
            self.schedules,
            self.functional,
        ):
            part.start()
        self.step_windows()

    def stop(self) -> None:
        """Puts torch back as it was."""
        self.on = False
        self.patches.undo()
        self.modules.stop()
        self.optimizers.stop()

    def safely(self, act: Callable[..., Any], *args: Any) -> Any:
        """What ``act`` returns; our own mishap never reaches the script."""
        try:
            return act(*args)
        except Exception as error:
            self.mishap(error)
            return None

    def mishap(self, error: Exception) -> None:
        """Notes that something could not be recorded."""
        if os.environ.get("GRADIENT_LAB_STRICT"):
            import traceback

            traceback.print_exception(error, file=sys.__stderr__)
        if len(self.mishaps) < 20:
            place = error.__traceback__
            while place is not None and place.tb_next is not None:
                place = place.tb_next
            where = f"{place.tb_frame.f_code.co_name}:{place.tb_lineno}" if place is not None else ""
            self.mishaps.append(f"{type(error).__name__}: {error} ({where})"[:300])

    def layer_row(self, layer: str, values: dict[str, float]) -> None:
        """Adds measures to the row of a layer on the step under way."""
        if layer in self._layers or len(self._layers) < 2000:
            self._layers.setdefault(layer, {}).update(values)

    def name_all(self, depth: int) -> None:
        """Names modules, parameters and optimizers by the script's own variables."""
        self.unnamed = False
        kinds = (torch.nn.Module, torch.optim.Optimizer, torch.Tensor)
        names = variables(depth, lambda value: isinstance(value, kinds))
        frames_modules = _modules_of(names)
        self.modules.name_all(names, frames_modules)
        self.parameters.name_rest(names)
        for record in self.optimizers.all:
            optimizer = record.ref()
            record.name = names.get(id(optimizer), record.name) if optimizer is not None else record.name

    def before_backward(self) -> None:
        """The training goes on: an evaluation, if there was one, has ended."""
        if not self.losses.evaluation:
            return
        value = self.losses.evaluation_loss()
        if not math.isnan(value):
            self._validations += 1
            main = max(self.optimizers.all, key=lambda record: record.steps, default=None)
            if main is not None and self._validations <= 4096:
                self._row(step=main.steps, optimizer=main.index, val_loss=value)

    def step_windows(self) -> None:
        """Whether the step that begins is measured dearly."""
        self.sampled = self.windows.covers(self.step, 2 * (len(self.optimizers.all) or 1))
        self.modules.listen(self.sampled or self.step < LISTENED or self.compiled)
        self.listened += self.modules.listening

    def after_step(self, record: Optimizer, optimizer: torch.optim.Optimizer, loss: float) -> None:
        """An optimizer stepped: a row if it is due, its layers if they were measured."""
        if self.modules.recent:
            self.modules.commit_step()
        if self.scaling_on:
            self.clips.stepped(record)
        if self.schedules.all:
            self.schedules.optimizer_stepped(record.index)
        self.step += 1
        stride = self._strides.setdefault(record.index, Stride())
        sums = self._sums.setdefault(record.index, [0.0, 0.0])
        if not math.isnan(loss):
            sums[0] += loss
            sums[1] += 1
        if stride.due(record.steps - 1) or not math.isfinite(loss):
            rates = [float(group["lr"]) for group in optimizer.param_groups[:8] if "lr" in group]
            if not record.first_lr:
                record.first_lr = rates
            record.lr_changes += rates != record.last_lr and bool(record.last_lr)
            record.last_lr = rates
            row: dict[str, Any] = {"step": record.steps - 1, "optimizer": record.index}
            if sums[1]:
                row["train_loss"] = sums[0] / sums[1]
            self._sums[record.index] = [0.0, 0.0]
            for number, rate in enumerate(rates, 1):
                row["lr" if number == 1 else f"lr_{number}"] = rate
            if not math.isnan(record.norm):
                row["grad_norm"] = record.norm
            if not math.isnan(record.clipped_norm):
                row["clipped_grad_norm"] = record.clipped_norm
            self._row(**row)
        record.norm = record.clipped_norm = math.nan
        if self._layers:
            self._write_layers(record)
        self.step_windows()
        if self.step & 15 == 0 or self.sampled:
            self._maybe_flush()

    def _write_layers(self, record: Optimizer) -> None:
        room = MOST_LAYER_ROWS - self._written_layers
        for layer, values in list(self._layers.items())[:room]:
            self._layer_rows.append((record.steps - 1, layer, values | {"optimizer": float(record.index)}))
            self._written_layers += 1
        self._layers = {}

    def hand_step(self) -> None:
        """The script moved its parameters itself."""
        self.step += 1
        self.modules.commit_step()
        hand = self.backwards.by_hand
        if self._strides.setdefault(-1, Stride()).due(hand.steps - 1):
            self._row(step=hand.steps - 1, optimizer=-1, train_loss=self.last_loss)
        self.step_windows()
        self._maybe_flush()

    def _row(self, **values: Any) -> None:
        rows = len(self._steps["step"]) if self._steps else 0
        for name in [*self._steps, *(name for name in values if name not in self._steps)]:
            column = self._steps.setdefault(name, [None] * rows)
            column.append(values.get(name))

    def _maybe_flush(self) -> None:
        now = time.perf_counter()
        if now - self._last_flush >= SECONDS:
            self.flush(now - self._last_facts >= self._facts_gap)

    def flush(self, with_facts: bool = True) -> None:
        """Writes what there is; the facts ever more rarely, since each time they are written whole."""
        self._last_flush = time.perf_counter()
        self.writer.write("steps", self._steps)
        self._steps = {}
        if self._layer_rows:
            names = dict.fromkeys(name for _, _, values in self._layer_rows for name in values)
            block: dict[str, list[Any]] = {
                "step": [row[0] for row in self._layer_rows],
                "layer": [row[1] for row in self._layer_rows],
            }
            block |= {name: [values.get(name) for _, _, values in self._layer_rows] for name in names}
            self.writer.write("layers", block)
            self._layer_rows = []
        if with_facts:
            self.writer.write("facts", self.facts(UNDER_WAY))
            self._last_facts, self._facts_gap = self._last_flush, min(60.0, self._facts_gap * 2)
        self.writer.flush()

    def facts(self, ended: str) -> dict[str, Any]:
        """What holds for the whole training so far."""
        hand = self.backwards.by_hand
        return {
            "ended": ended,
            "torch": torch.__version__,
            "seconds": time.perf_counter() - self.started,
            "modules": self.safely(self.modules.facts) or [],
            "lost_modules": self.modules.lost,
            "parameters": self.safely(self.parameters.facts) or [],
            "plain_lists": sorted(self.plain_lists),
            "optimizers": self.safely(self.optimizers.facts) or [],
            "losses": self.safely(self.losses.facts) or [],
            "backwards": self.safely(self.backwards.facts) or [],
            "backward_calls": self.backwards.calls,
            "grad_calls": self.backwards.grad_calls,
            "grad_into_parameters": self.backwards.grad_into_parameters,
            "by_hand": {
                "steps": hand.steps,
                "stale_steps": hand.stale_steps,
                "ascent": hand.ascent,
                "descent": hand.descent,
                "losses": hand.losses[-1024:],
            },
            "clips": self.safely(self.clips.facts) or [],
            "scaler": self.clips.scaler,
            "schedules": self.safely(self.schedules.facts) or [],
            "dropouts": self.safely(self.functional.facts) or [],
            "loaders": list(self.functional.loaders.values()),
            "steps": self.step,
            "listened": self.listened,
            "compiled": self.compiled,
            "mishaps": self.mishaps,
        }


def _modules_of(names: dict[int, str]) -> list[torch.nn.Module]:
    """The models among the script's variables."""
    frames = sys._getframe(2)
    modules: dict[int, torch.nn.Module] = {}
    frame: Any = frames
    while frame is not None:
        for value in list(frame.f_locals.values()):
            if id(value) in names and isinstance(value, torch.nn.Module):
                modules[id(value)] = value
        frame = frame.f_back
    main = sys.modules.get("__main__")
    for value in list(vars(main).values()) if main is not None else ():
        if id(value) in names and isinstance(value, torch.nn.Module):
            modules[id(value)] = value
    return list(modules.values())
