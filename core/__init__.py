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
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import altair as alt
    import pandas as pd
    import pyarrow as pa

    from core.diagnosis.finding import Finding
    from core.experiments import Analysis, Experiment
    from core.jobs.job import Job
    from core.plotting.figure import Figure
    from core.store import Store
    from core.sweeps import Sweep

__version__ = "0.1.0"
T = TypeVar("T")

_EXPORTS = {
    "core.analysis.points": ("varying_settings",),
    "core.analysis.statistics": ("comparison", "readable"),
    "core.analysis.outcomes": ("Outcome",),
    "core.deletions": ("Deletion", "bring_back", "last_deletion"),
    "core.diagnosis.finding": ("Finding",),
    "core.diagnosis.trace": ("Trace",),
    "core.experiments": ("NAMES", "Analysis", "Experiment", "experiment", "experiment_of"),
    "core.experiments.question": ("Answer", "Question"),
    "core.files": ("csv_bytes", "parquet_bytes"),
    "core.frames": ("COLUMNS", "label_of"),
    "core.imports": ("Imported", "import_bytes", "import_file"),
    "core.jobs": ("BusyError", "Jobs"),
    "core.jobs.estimates": ("START_SECONDS", "Estimate", "estimate", "measured_speed", "too_large"),
    "core.jobs.executors": ("InlineExecutor", "Pool", "local_executor", "pool"),
    "core.jobs.job": ("Job",),
    "core.jobs.workers": ("Workers",),
    "core.labels": ("Label", "put_label", "sweep_labels"),
    "core.parts": ("REGISTRIES",),
    "core.parts.baselines": ("lacking",),
    "core.plotting.figure": ("Figure", "Figures"),
    "core.plotting.scales": ("other_scale",),
    "core.plotting.style": ("NIGHT",),
    "core.recorder.live": ("watch",),
    "core.reports": ("trace_report",),
    "core.recorder.recordings": ("Recording", "recordings_beside"),
    "core.registry": ("Limits", "split_values", "unknown"),
    "core.results": ("Kept", "delete_sweeps", "finished", "kept", "kept_sweep"),
    "core.settings": ("PartLimits", "Run"),
    "core.comparisons": ("Comparison", "SideBySide", "compared", "outcome_of", "side_by_side"),
    "core.store": ("Store", "StoreError", "StoredSweep", "default_path"),
    "core.sweeps": ("Sweep",),
    "core.tables": ("from_frame", "to_frame"),
    "core.traces": (
        "delete_recording",
        "findings_of",
        "open_recording",
        "read_log",
        "steps_csv",
        "typical_steps",
        "under_way",
        "verdict_of",
    ),
    "core.traces.charts": ("trace_charts",),
    "core.uploads": (
        "Choices",
        "Upload",
        "csv",
        "dataset_label",
        "dataset_shape",
        "file_marks",
        "foreign_tables",
        "own_tables",
        "story",
        "table",
    ),
    "core.words": ("counted", "plain", "three_digits"),
}
_ROOM_OF = {name: room for room, names in _EXPORTS.items() for name in names}
__all__ = [*_ROOM_OF, "charts", "code", "compute", "findings", "report", "run", "run_job", "stored_table", "summary"]  # noqa: PLE0604  # names of strings, all


def __getattr__(name: str) -> Any:
    if name not in _ROOM_OF:
        raise AttributeError(f"module 'core' has no attribute {name!r}")
    return getattr(importlib.import_module(_ROOM_OF[name]), name)


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
    from core.experiments import experiment
    from core.jobs.estimates import too_large
    from core.tables import to_frame

    sweep = experiment(name).sweep(settings)
    refusal = None if force else too_large(sweep, workers)
    if refusal:
        raise ValueError(refusal + "; or pass force=True")
    return to_frame(compute(sweep, workers=workers, executor=executor, device=device, store=store, fresh=fresh))


def compute(
    sweep: Sweep,
    *,
    workers: int | None = None,
    executor: str = "local",
    device: str = "cpu",
    store: str | None = None,
    fresh: bool = False,
    watch: Callable[[Job], None] | None = None,
    take: Callable[[Sweep, Store], Any] | None = None,
) -> Any:
    """What ``take`` makes of a sweep when its missing runs are computed; the other arguments are ``run``'s.

    watch  called with the job now and then
    take   of the sweep and the store that holds it; without, the sweep's tidy table

    Raises ValueError with a sentence; an interrupt cancels the job, and what is finished stays.
    """
    from core.jobs import Jobs
    from core.jobs.executors import checked_device, pool
    from core.jobs.workers import Workers
    from core.store import Store

    crew = Workers(pool(executor, workers, device=checked_device(device)))
    results = Store(store, device)
    try:
        run_job(Jobs(crew).submit(sweep, results, fresh, baselines=False), watch)
        return (take or stored_table)(sweep, results)
    finally:
        crew.stop()
        results.close()


def run_job(job: Job, watch: Callable[[Job], None] | None = None, interval: float = 0.2) -> None:
    """Waits for a job's end, calling ``watch`` now and then; ValueError where it failed. An interrupt cancels it."""
    try:
        while job.running:
            job.wait(interval)
            if watch is not None:
                watch(job)
        if watch is not None:  # it may have ended since it was last looked at
            watch(job)
    except BaseException:
        job.cancel()
        job.wait(5.0)
        raise
    if job.progress.state == "failed":
        raise job.fault or ValueError(job.progress.error)


def stored_table(sweep: Sweep, store: Store) -> pa.Table:
    """The tidy table of the sweep's runs that the store holds, in row order."""
    from core.experiments import experiment
    from core.results import finished

    return experiment(sweep.experiment).table(*finished(sweep, store))


def code(name: str, /, **settings: object) -> str:
    """One run of the experiment ``name`` as a plain PyTorch script, which prints the run's numbers as CSV.

    settings  by name, one value each; ``seed`` is 0 unless given

    Raises ValueError with a sentence per fault.
    """
    from core.experiments import experiment

    kind = experiment(name)
    return kind.code(kind.one_run(settings))


def charts(name: str, frame: pd.DataFrame) -> dict[str, alt.Chart]:
    """The charts of a frame of the experiment ``name``, by their names; baselines that they draw are measured once."""
    from core.analysis.baseline import measure
    from core.experiments import experiment

    measure(_trained_on(frame))
    kind = experiment(name)
    return {label: figure.titled() for label, figure in kind.figures(kind.analysis(frame)).items()}


def _trained_on(frame: pd.DataFrame) -> list[object]:
    """The datasets of a frame that tells how trainings end on validation rows; none of another frame."""
    return list(frame["dataset"].unique()) if {"dataset", "val_loss"} <= set(frame.columns) else []


def summary(frame: pd.DataFrame, runs: bool = False) -> pd.DataFrame:
    """The frame's summary: a row per setting and measure, or with ``runs`` a row per run."""
    from core.analysis.baseline import measure
    from core.experiments import experiment, experiment_of

    measure(_trained_on(frame))
    kind = experiment(experiment_of(frame))
    return _judged(kind, frame, lambda analysis: analysis.runs if runs else analysis.summary)


def findings(frame: pd.DataFrame) -> list[Finding]:
    """The findings of a frame, the worst first; ValueError where it is no frame of the lab's."""
    from core.experiments import experiment, experiment_of

    kind = experiment(experiment_of(frame))
    return _judged(kind, frame, kind.findings)


def _judged(kind: Experiment, frame: pd.DataFrame, judge: Callable[[Analysis], T]) -> T:
    """What ``judge`` makes of a frame, which may come from a file that was changed since it was written."""
    import numpy as np

    from core.frame_checks import MISSING_ROWS, checked, is_complete

    table = checked(kind, frame)
    try:
        with np.errstate(all="ignore"):
            return judge(kind.analysis(table))
    except (LookupError, ArithmeticError, TypeError):
        if is_complete(kind, table):
            raise
        raise ValueError(MISSING_ROWS) from None


def report(
    kind: Experiment,
    sweep: Sweep,
    analysis: Analysis,
    comparison: pd.DataFrame,
    script: str,
    more: Mapping[str, Figure] | None = None,
) -> str:
    """A finished sweep as the text of one HTML file, which opens offline.

    comparison  a table to read, a row per setting; may be empty
    script      one of its runs in plain PyTorch
    more        charts of what was done after it, by name
    """
    from core import reports

    return reports.report(
        kind, sweep, analysis, kind.findings(analysis), comparison, script, more or {}, lab_version=__version__
    )
