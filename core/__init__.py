"""Gradient Lab's front door: all that pages, the command line and users import.

    import core
    frame = core.run("vanishing", depth=[5, 20], activation="tanh", seeds=20)
    core.summary(frame)
    core.charts("vanishing", frame)["gradient"]
    print(core.code("vanishing", depth=20, seed=3))

What stands in another room is loaded on first use, so that ``import core`` is quick and never brings torch along.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    import altair as alt
    import pandas as pd

    from core.jobs.job import Job

__version__ = "0.1.0"

_EXPORTS = {
    "COLUMNS": "core.frames",
    "START_SECONDS": "core.jobs.estimates",
    "Estimate": "core.jobs.estimates",
    "Job": "core.jobs.job",
    "Figure": "core.plotting.figure",
    "Finding": "core.diagnosis.finding",
    "InlineExecutor": "core.jobs.executors",
    "Jobs": "core.jobs",
    "NAMES": "core.experiments",
    "Pool": "core.jobs.executors",
    "REGISTRIES": "core.parts",
    "Store": "core.store",
    "StoreError": "core.store",
    "Sweep": "core.settings",
    "Workers": "core.jobs.workers",
    "default_path": "core.store",
    "estimate": "core.jobs.estimates",
    "experiment": "core.experiments",
    "findings": "core.diagnosis.of_frames",
    "finished": "core.results",
    "local_executor": "core.jobs.executors",
    "pool": "core.jobs.executors",
    "report": "core.reports",
    "too_large": "core.jobs.estimates",
}

__all__ = [*_EXPORTS, "charts", "code", "run", "run_job", "summary"]  # noqa: PLE0604  # names of strings, all


def __getattr__(name: str) -> Any:
    if name not in _EXPORTS:
        raise AttributeError(f"module 'core' has no attribute {name!r}")
    return getattr(importlib.import_module(_EXPORTS[name]), name)


def run(
    name: str,
    *,
    workers: int | None = None,
    executor: str = "local",
    device: str = "cpu",
    store: str | None = None,
    fresh: bool = False,
    force: bool = False,
    **settings: object,
) -> pd.DataFrame:
    """The tidy frame of a sweep of the experiment ``name``; runs that the store holds are not computed again.

    settings  by name: a value, a list of values, or text as on the command line; ``seeds`` is a count, list or range
    workers   worker processes; as many as cores unless given
    executor  ``local`` (worker processes) or ``inline`` (this process)
    device    ``cpu`` or ``cuda``
    store     path of the store; GRADIENT_LAB_STORE or .gradient_lab/results.sqlite unless given
    fresh     compute every run again
    force     run even what seems too large for this machine

    Raises ValueError with a sentence per fault; nothing is computed then.
    """
    from core import experiments, jobs, results, tables
    from core.jobs.estimates import too_large
    from core.jobs.executors import checked_device, pool
    from core.jobs.workers import Workers
    from core.store import Store

    kind = experiments.experiment(name)
    sweep = kind.sweep(settings)
    refusal = None if force else too_large(sweep, workers)
    if refusal:
        raise ValueError(refusal + "; or pass force=True")
    crew = Workers(pool(executor, workers))
    with_store = Store(store, checked_device(device))
    try:
        run_job(jobs.Jobs(crew).submit(sweep, with_store, fresh))
        runs, frames = results.finished(sweep, with_store)
    finally:
        crew.stop()
        with_store.close()
    return tables.to_frame(kind.table(runs, frames))


def run_job(job: Job, watch: Callable[[Job], None] | None = None, interval: float = 0.2) -> None:
    """Waits for a job's end, calling ``watch`` now and then; ValueError where it failed. An interrupt cancels it."""
    try:
        while job.running:
            job.wait(interval)
            if watch is not None:
                watch(job)
    except BaseException:
        job.cancel()
        job.wait(5.0)
        raise
    if job.progress.state == "failed":
        raise ValueError(job.progress.error)


def code(name: str, /, **settings: object) -> str:
    """One run of the experiment ``name`` as a plain PyTorch script, which prints the run's numbers as CSV.

    settings  by name, one value each; ``seed`` is 0 unless given

    Raises ValueError with a sentence per fault.
    """
    from core.experiments import experiment

    kind = experiment(name)
    return kind.code(kind.one_run(settings))


def charts(name: str, frame: pd.DataFrame) -> dict[str, alt.Chart]:
    """The charts of a frame of the experiment ``name``, by their names."""
    from core.experiments import experiment

    return {label: figure.titled() for label, figure in experiment(name).charts(frame).items()}


def summary(frame: pd.DataFrame, runs: bool = False) -> pd.DataFrame:
    """The frame's summary: a row per setting and measure, or with ``runs`` a row per run."""
    from core.diagnosis.of_frames import experiment_of
    from core.experiments import experiment

    kind = experiment(experiment_of(frame))
    return kind.run_summary(frame) if runs else kind.summary(frame)
