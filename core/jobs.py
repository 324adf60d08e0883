"""Sweeps under way: missing runs go to worker processes, finished ones to the store, with progress and cancel.

A job belongs to the process, not to a page: reruns, other tabs and a reload find it by its sweep's key.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from core.experiments import NAMES as EXPERIMENTS
from core.experiments import experiment
from core.registry import unknown
from core.settings import MAXIMUM_RUNS, Run, Sweep, ids_of, range_length
from core.store import Row, Store

RETRIES = 3  # a task that broke its worker is tried again this often

# One thread a worker, for NumPy's products too. glibc would give a stack's scratch tensors back to the system and ask
# for them again, page by small page; loky would take the tensors that are kept for a leak, and start another worker.
WORKER_ENVIRONMENT = {
    "MALLOC_TRIM_THRESHOLD_": "268435456",
    "MALLOC_MMAP_THRESHOLD_": "268435456",
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
    "OPENBLAS_NUM_THREADS": "1",
    "LOKY_MAX_MEMORY_LEAK_SIZE": "1e9",
}

MakeExecutor = Callable[[], Executor]
T = TypeVar("T")


def compute(runs: list[Run], device: str) -> list[Row]:
    """One task's finished runs; this is what a worker does."""
    from core import tables

    started = time.perf_counter()
    frames = experiment(runs[0].experiment).compute(runs, device)
    encoded = tables.encode(frames)
    seconds = (time.perf_counter() - started) / len(runs)
    points = {id(run.settings): run.settings for run in runs}
    written = {point: json.dumps(settings.values(), sort_keys=True) for point, settings in points.items()}
    return [
        Row(own, run.experiment, written[id(run.settings)], run.seed, seconds, frame)
        for run, own, frame in zip(runs, ids_of(runs), encoded, strict=True)
    ]


def _start_worker(parent: int) -> None:
    """Readies a worker: one thread, deaf to Ctrl-C, gone within a second of its parent."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    import torch

    torch.set_num_threads(1)


def _ready() -> None:
    """Loads what a worker's first task would load."""
    import core.engine.layer_measures
    import core.experiments.vanishing
    import core.tables  # noqa: F401


def local_executor(workers: int | None = None) -> Executor:
    """Worker processes, one thread each, as many as cores unless told otherwise."""
    from loky import ProcessPoolExecutor

    return ProcessPoolExecutor(
        workers or cores(), initializer=_start_worker, initargs=(os.getpid(),), timeout=None, env=WORKER_ENVIRONMENT
    )


class InlineExecutor(Executor):
    """Computes in this process, at once: for few runs, for tests and for debugging."""

    def submit(self, fn, /, *args, **kwargs):  # type: ignore[no-untyped-def]
        """A future that is already done."""
        import torch
        from threadpoolctl import threadpool_limits

        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # as the workers, so that the bits are theirs
        future: Future = Future()
        try:
            with threadpool_limits(1, "blas"):
                future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        finally:
            torch.set_num_threads(threads)
        return future


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass
class Progress:
    """How far a job is. ``state``: running, done, cancelled or failed; ``error`` says why it failed."""

    total: int
    stored: int = 0
    computed: int = 0
    damaged: int = 0
    state: str = "running"
    error: str = ""
    seconds_left: float | None = None
    seconds: float = 0.0

    @property
    def finished(self) -> int:
        """Runs that are there."""
        return self.stored + self.computed


@dataclass
class Job:
    """One sweep under way. Read ``progress`` from any thread; ``cancel`` stops it for all who watch."""

    sweep: Sweep
    store: Store
    device: str
    progress: Progress
    _cancelled: threading.Event = field(default_factory=threading.Event)
    _ended: threading.Event = field(default_factory=threading.Event)

    def cancel(self) -> None:
        """Stops the job after the tasks that run now; what is finished stays."""
        self._cancelled.set()

    @property
    def cancelling(self) -> bool:
        """Whether it was cancelled and still puts away what ran."""
        return self.running and self._cancelled.is_set()

    @property
    def running(self) -> bool:
        """Whether it still computes."""
        return self.progress.state == "running"

    def wait(self, timeout: float | None = None) -> None:
        """Waits for the end, at most ``timeout`` seconds."""
        self._ended.wait(timeout)  # not Thread.join, which an interrupt leaves marked as done


class Workers:
    """An executor that is started when first needed, and again when a worker was killed."""

    def __init__(self, make: MakeExecutor) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._executor: Executor | None = None

    def get(self) -> Executor:
        """The executor, started if need be."""
        with self._lock:
            if self._executor is None:
                self._executor = self._make()
            return self._executor

    def broken(self, executor: Executor) -> None:
        """Drops ``executor``, whose worker died; the next ``get`` starts another."""
        with self._lock:
            if self._executor is executor:
                self._executor = None

    def warm(self) -> None:
        """Starts the workers now, so that nobody waits for them later."""
        executor = self.get()
        try:
            for _ in range(cores()):
                executor.submit(_ready)
        except BrokenExecutor:
            self.broken(executor)

    def call(self, function: Callable[..., T], *arguments: object) -> T:
        """What a worker's ``function(*arguments)`` returns, waited for; asked again where the worker was killed."""
        for _ in range(RETRIES - 1):
            executor = self.get()
            try:
                return executor.submit(function, *arguments).result()
            except BrokenExecutor:
                self.broken(executor)
        return self.get().submit(function, *arguments).result()

    def stop(self) -> None:
        """Ends the workers."""
        with self._lock:
            executor, self._executor = self._executor, None
        if executor is None:
            return
        try:
            executor.shutdown(wait=True, kill_workers=True)  # type: ignore[call-arg]  # loky's own
        except TypeError:
            executor.shutdown(wait=True, cancel_futures=True)


def run_sweep(job: Job, workers: Workers, fresh: bool = False, window: int | None = None) -> None:
    """Computes what the store lacks of a sweep, to the end, until cancelled or until it fails; keeps ``job.progress``.

    fresh   compute every run again
    window  tasks that are under way at once; twice the cores unless told otherwise
    """
    progress = job.progress
    started = time.monotonic()
    try:
        _run_sweep(job, workers, fresh, window or 2 * cores())
        progress.state = "cancelled" if job._cancelled.is_set() and progress.finished < progress.total else "done"
    except ValueError as error:
        progress.error, progress.state = str(error), "failed"
    except BaseException as error:
        progress.error, progress.state = f"{type(error).__name__}: {error}", "failed"
        raise
    finally:
        progress.seconds = time.monotonic() - started
        job._ended.set()


def _run_sweep(job: Job, workers: Workers, fresh: bool, window: int) -> None:
    sweep, store, progress = job.sweep, job.store, job.progress
    store.remember(sweep.key, sweep.experiment, sweep.link(), progress.total)
    ids = list(sweep.run_ids())
    if fresh or store.count(ids) < len(ids):
        workers.warm()  # they start while this process looks what is missing
    found: set[str] = set()
    if not fresh:
        intact = store.find(ids)  # reads and checks every frame, so that damage is mended now
        found, progress.damaged = set(intact.frames), len(intact.damaged)
    progress.stored = len(found)
    missing = (run for run, id in zip(sweep.runs(), ids, strict=True) if id not in found)
    kind = experiment(sweep.experiment)
    waiting = deque((task, 0) for task in kind.tasks(missing))
    work = {id(task): sum(kind.cost(run.settings).seconds for run in task) for task, _ in waiting}
    left, done, first_ones = sum(work.values()), 0.0, min(cores(), len(work))
    progress.seconds_left = START_SECONDS + left / cores()
    under_way: dict[Future, tuple[list[Run], int, Executor]] = {}
    began: float | None = None
    while (waiting and not job._cancelled.is_set()) or under_way:
        while waiting and len(under_way) < window and not job._cancelled.is_set():
            task, tries = waiting.popleft()
            executor = workers.get()
            try:
                under_way[executor.submit(compute, task, job.device)] = (task, tries, executor)
            except BrokenExecutor:
                workers.broken(executor)
                waiting.appendleft((task, tries))
        finished = wait(under_way, timeout=0.5, return_when=FIRST_COMPLETED).done
        for future in finished:
            task, tries, executor = under_way.pop(future)
            try:
                rows = future.result()
            except BrokenExecutor:
                workers.broken(executor)
                if tries + 1 >= RETRIES:
                    raise ValueError(
                        f"a worker process was killed {RETRIES} times on the same task, perhaps for lack of memory; "
                        "what is finished is kept: reduce width, depth or batch_size and run again"
                    ) from None
                waiting.appendleft((task, tries + 1))
                continue
            store.put(rows)
            progress.computed += len(rows)
            seconds = work.pop(id(task))
            left -= seconds
            first_ones -= 1
            if began is None:  # a worker's first task waited for it to start, and says nothing of its speed
                began = time.monotonic() if first_ones <= 0 else None
            else:
                done += seconds
                progress.seconds_left = left * (time.monotonic() - began) / done
        if job._cancelled.is_set():
            for future in [future for future in under_way if future.cancel()]:
                del under_way[future]


class Jobs:
    """The jobs of a process: at most one per sweep, however many ask."""

    def __init__(self, workers: Workers) -> None:
        self.workers = workers
        self._lock = threading.Lock()
        self._jobs: dict[tuple[str, str], Job] = {}

    def find(self, sweep: Sweep, store: Store) -> Job | None:
        """The sweep's latest job, running or ended, if there is one."""
        return self._jobs.get((sweep.key, str(store.path)))

    def running(self) -> list[Job]:
        """All jobs that still compute."""
        return [job for job in list(self._jobs.values()) if job.running]

    def submit(self, sweep: Sweep, store: Store, fresh: bool = False) -> Job:
        """The job that computes this sweep: the running one, or a new one."""
        with self._lock:
            previous = self.find(sweep, store)
            if previous is not None and previous.running and not previous._cancelled.is_set():
                return previous
            job = Job(sweep, store, store.device, Progress(len(sweep.points) * len(sweep.seeds)))

            def work() -> None:
                if previous is not None:
                    previous.wait()  # a cancelled job may still be putting its last tasks away
                run_sweep(job, self.workers, fresh)

            thread = threading.Thread(target=work, daemon=True, name=f"job {sweep.key[:8]}")
            self._jobs[sweep.key, str(store.path)] = job
            thread.start()
            return job


def finished(sweep: Sweep, store: Store) -> tuple[list[Run], list[bytes]]:
    """The sweep's runs that the store holds, in row order, with their frames."""
    ids = list(sweep.run_ids())
    frames = store.find(ids).frames
    pairs = [(run, id) for run, id in zip(sweep.runs(), ids, strict=True) if id in frames]
    return [run for run, _ in pairs], [frames[id] for _, id in pairs]


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


def too_large(sweep: Sweep, workers: int | None = None) -> str | None:
    """Why the sweep should not be run here, with what to reduce; None where it may.

    Nothing is expanded before the runs have been counted.
    """
    import psutil

    sizes = {name: range_length(values) for name, values in {**sweep.axes, "seeds": sweep.seeds}.items()}
    longest = max(sizes, key=lambda name: sizes[name])
    advice = f"reduce {longest} ({sizes[longest]:,} {'values' if longest != 'seeds' else 'seeds'})"
    if sweep.size > MAXIMUM_RUNS:
        return f"the sweep has {sweep.size:,} runs, and the limit is {MAXIMUM_RUNS:,}: {advice}"
    cost = estimate(sweep, workers)
    free = psutil.virtual_memory().available
    if cost.bytes > free:
        return (
            f"the sweep needs about {cost.bytes / 1e9:,.1f} GB of memory ({cost.rows:,} rows), and {free / 1e9:,.1f} GB "
            f"are free: reduce width, depth, batch_size or steps, or {advice}"
        )
    if cost.seconds > PATIENT_SECONDS:
        return f"the sweep would take about {cost.seconds / 3600:,.0f} hours: {advice}, or width, depth or steps"
    return None


def executor_maker(name: str, workers: int | None) -> MakeExecutor:
    """What makes the executor called ``name``; ValueError for one that is not known."""
    if workers is not None and not 1 <= workers <= 1024:
        raise ValueError(f"workers: must be a whole number, 1 to 1024, but got {workers}")
    if name == "local":
        return lambda: local_executor(workers)
    if name == "inline":
        return InlineExecutor
    raise ValueError(unknown("executor", name, ["local", "inline"]))


def checked_device(name: str) -> str:
    """``cpu`` or ``cuda``; ValueError where this machine has no such device."""
    if name not in ("cpu", "cuda"):
        raise ValueError(unknown("device", name, ["cpu", "cuda"]))
    if name == "cuda":
        import torch

        if not torch.cuda.is_available():
            raise ValueError("device: this machine has no CUDA device; use cpu")
    return name


def stored_runs(name: str, store: Store, wanted: Mapping[str, str]) -> tuple[list[Run], list[bytes]]:
    """An experiment's stored runs in order of settings and seed, with their frames: those ``wanted``, as a sweep is written."""
    asked = experiment(name).sweep(wanted)
    axes = {setting: set(asked.axes[setting]) for setting in wanted if setting != "seeds"}
    runs = {
        id: run
        for id, run in _known(name, store)
        if run is not None
        and all(getattr(run.settings, setting) in allowed for setting, allowed in axes.items())
        and ("seeds" not in wanted or run.seed in asked.seeds)
    }
    frames = store.find(list(runs)).frames
    kept = sorted(((run, id) for id, run in runs.items() if id in frames), key=lambda pair: _sort_key(pair[0]))
    return [run for run, _ in kept], [frames[id] for _, id in kept]


def outdated(store: Store) -> list[str]:
    """The ids of stored runs that no run of today has: an older version of their experiment made them."""
    return [id for name in store.counts() for id, run in _known(name, store) if run is None]


def _known(name: str, store: Store) -> Iterator[tuple[str, Run | None]]:
    """Every stored row of an experiment: its id, and its run; None where no run of today has that id."""
    kind = experiment(name) if name in EXPERIMENTS else None
    for id, settings, seed in store.stored(name):
        try:
            run = Run(name, kind.version, kind.settings.stored(**json.loads(settings)), seed) if kind else None
        except ValueError:
            run = None
        yield id, run if run is not None and run.id == id else None


def _sort_key(run: Run) -> tuple[object, ...]:
    return (*((value is not None, value) for _, value in run.settings), run.seed)
