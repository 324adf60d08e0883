"""What a sweep costs before it runs, and which sweeps this machine should not be asked for.

Sizes are counted, and costs sampled, before anything is expanded. The formulas of an experiment's plan were measured on
one machine; once the store holds runs of it, their own seconds say how fast this one is.
"""

from __future__ import annotations

import json
import math
import random
import statistics
from collections.abc import Callable
from typing import NamedTuple

from core.experiments import Cost, experiment
from core.jobs.executors import cores
from core.store import Store
from core.sweeps import MAXIMUM_RUNS, MAXIMUM_SETTINGS, Sweep, range_length

START_SECONDS = 3.0  # until workers have started
WORKER_BYTES = 300e6  # of a worker that has computed nothing yet
RUN_SECONDS = 0.4e-3  # that a run costs the parent: its id, the store, its rows
PATIENT_SECONDS = 24 * 3600.0
SAMPLE = 400  # settings whose cost stands for all of a large grid
RECENT = 200  # stored runs that say how fast this machine is


class Estimate(NamedTuple):
    """What a sweep costs: runs, rows of its frame, seconds on all workers, bytes of memory."""

    runs: int
    rows: int
    seconds: float
    bytes: float

    def computing(self, in_store: int) -> float:
        """Seconds of computing, without the workers' start, where ``in_store`` runs are there already."""
        return (self.seconds - START_SECONDS) * (1.0 - in_store / self.runs)


def estimate(sweep: Sweep, workers: int | None = None, speed: float = 1.0) -> Estimate:
    """What computing all of the sweep would cost here; of a large grid from a sample of its settings.

    speed  seconds that runs take over those of the formulas, from ``measured_speed``
    """
    from core.tables import bytes_per_row

    kind = experiment(sweep.experiment)
    costs, settings = _costs(sweep)
    runs, busy = settings * range_length(sweep.seeds), min(workers or cores(), cores())
    mean = Cost(*(statistics.fmean(values) for values in zip(*costs, strict=True)))  # type: ignore[arg-type]
    rows = round(runs * mean.rows)
    seconds = START_SECONDS + runs * (mean.seconds * speed / busy + RUN_SECONDS)
    largest = max(cost.bytes for cost in costs)
    memory = busy * (WORKER_BYTES + max(largest, 128e6)) + rows * bytes_per_row(kind.columns)
    return Estimate(runs, rows, seconds, memory)


def _costs(sweep: Sweep) -> tuple[list[Cost], int]:
    """The costs of the sweep's settings, or of some of a large grid, its largest corner among them; how many there are."""
    kind = experiment(sweep.experiment)
    grid = sweep.size // range_length(sweep.seeds)
    if grid <= SAMPLE:
        return [kind.cost(point) for point in sweep.points], len(sweep.points)
    draw = random.Random(0)
    corner = {name: max(values, key=_rank) for name, values in sweep.axes.items()}
    picks = [corner, *({name: draw.choice(values) for name, values in sweep.axes.items()} for _ in range(SAMPLE))]
    costs, fault = [], None
    for pick in picks:
        try:
            costs.append(kind.cost(sweep.model.point(**pick)))
        except ValueError as error:  # an impossible combination refuses the sweep; here it just costs nothing
            fault = error
    if not costs:
        raise fault or ValueError("no combination of these settings is possible")
    return costs, grid


def _rank(value: object) -> tuple[bool, float]:
    """Numbers by size, words as they come."""
    number = isinstance(value, (int, float))
    return number, float(value) if isinstance(value, (int, float)) else 0.0


def measured_speed(name: str, store: Store) -> float:
    """How long stored runs of an experiment took over what its formulas say, the median; 1 before the first run."""
    kind = experiment(name)
    ratios = []
    for settings, seconds in store.durations(name, RECENT):
        try:
            expected = kind.cost(kind.settings.stored(**json.loads(settings))).seconds
        except (ValueError, TypeError, AssertionError, RecursionError):  # settings of another version
            continue
        if expected > 0 and isinstance(seconds, float) and math.isfinite(seconds):
            ratios.append(seconds / expected)
    return statistics.median(ratios) if ratios else 1.0


def too_large(
    sweep: Sweep,
    workers: int | None = None,
    cost_of: Callable[[Sweep], Estimate] | None = None,
    settings_limit: int = MAXIMUM_SETTINGS,
) -> str | None:
    """Why the sweep should not be run here, with what to reduce; None where it may.

    cost_of         what it costs, where that is worked out elsewhere already
    settings_limit  how many settings may be expanded

    Nothing is expanded before the runs have been counted and their cost is known.
    """
    import psutil

    sizes = {name: range_length(values) for name, values in {**sweep.axes, "seeds": sweep.seeds}.items()}
    longest = max(sizes, key=lambda name: sizes[name])
    advice = f"reduce {longest} ({sizes[longest]:,} {'values' if longest != 'seeds' else 'seeds'})"
    if sweep.size > MAXIMUM_RUNS:
        return f"the sweep has {sweep.size:,} runs, and the limit is {MAXIMUM_RUNS:,}: {advice}"
    grid = sweep.size // sizes["seeds"]
    if grid > settings_limit:
        widest = max(sweep.axes, key=lambda name: sizes[name])
        return (
            f"the sweep has {grid:,} settings, and the limit is {settings_limit:,}: "
            f"reduce {widest} ({sizes[widest]:,} values)"
        )
    cost = estimate(sweep, workers) if cost_of is None else cost_of(sweep)
    free = psutil.virtual_memory().available
    if cost.bytes > free:
        smaller = "reduce width, depth, batch_size or steps"
        if "epochs" in sweep.axes:  # a row per update
            smaller = "reduce epochs, width or depth, or raise batch_size, which makes fewer updates"
        return (
            f"the sweep needs about {cost.bytes / 1e9:,.1f} GB of memory ({cost.rows:,} rows), and {free / 1e9:,.1f} GB "
            f"are free: {smaller}, or {advice}"
        )
    if cost.seconds > PATIENT_SECONDS:
        return f"the sweep would take about {cost.seconds / 3600:,.0f} hours: {advice}, or width, depth or steps"
    return None
