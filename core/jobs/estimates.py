"""What a sweep costs before it runs, and which sweeps this machine should not be asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from core.experiments import experiment
from core.jobs.executors import cores
from core.sweeps import MAXIMUM_RUNS, Sweep, range_length


class Estimate(NamedTuple):
    """What a sweep costs: runs, rows of its frame, seconds on all workers, bytes of memory."""

    runs: int
    rows: int
    seconds: float
    bytes: float

    def computing(self, stored: int) -> float:
        """Seconds of computing, without the workers' start, where ``stored`` runs are there already."""
        return (self.seconds - START_SECONDS) * (1.0 - stored / self.runs)


START_SECONDS = 3.0  # until workers have started
WORKER_BYTES = 300e6  # of a worker that has computed nothing yet
PATIENT_SECONDS = 24 * 3600.0


def estimate(sweep: Sweep, workers: int | None = None) -> Estimate:
    """What computing all of the sweep would cost here."""
    from core.tables import bytes_per_row

    kind = experiment(sweep.experiment)
    costs = [kind.cost(point) for point in sweep.points]
    seeds, busy = len(sweep.seeds), min(workers or cores(), cores())
    rows = seeds * sum(cost.rows for cost in costs)
    seconds = START_SECONDS + seeds * sum(cost.seconds for cost in costs) / busy
    largest = max(cost.bytes for cost in costs)
    memory = busy * (WORKER_BYTES + max(largest, 128e6)) + rows * bytes_per_row(kind.columns)
    return Estimate(seeds * len(costs), rows, seconds, memory)


def too_large(
    sweep: Sweep, workers: int | None = None, cost_of: Callable[[Sweep], Estimate] | None = None
) -> str | None:
    """Why the sweep should not be run here, with what to reduce; None where it may.

    cost_of  what it costs, where that is worked out elsewhere already

    Nothing is expanded before the runs have been counted.
    """
    import psutil

    sizes = {name: range_length(values) for name, values in {**sweep.axes, "seeds": sweep.seeds}.items()}
    longest = max(sizes, key=lambda name: sizes[name])
    advice = f"reduce {longest} ({sizes[longest]:,} {'values' if longest != 'seeds' else 'seeds'})"
    if sweep.size > MAXIMUM_RUNS:
        return f"the sweep has {sweep.size:,} runs, and the limit is {MAXIMUM_RUNS:,}: {advice}"
    cost = estimate(sweep, workers) if cost_of is None else cost_of(sweep)
    free = psutil.virtual_memory().available
    if cost.bytes > free:
        return (
            f"the sweep needs about {cost.bytes / 1e9:,.1f} GB of memory ({cost.rows:,} rows), and {free / 1e9:,.1f} GB "
            f"are free: reduce width, depth, batch_size or steps, or {advice}"
        )
    if cost.seconds > PATIENT_SECONDS:
        return f"the sweep would take about {cost.seconds / 3600:,.0f} hours: {advice}, or width, depth or steps"
    return None
