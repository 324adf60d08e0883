"""One sweep from what the store lacks to what it holds."""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Iterable
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from typing import NamedTuple

from core.experiments import experiment
from core.faults import HinderedError
from core.jobs.estimates import START_SECONDS
from core.jobs.job import Job
from core.jobs.workers import RETRIES, Workers, compute
from core.parts.baselines import keep, lacking, measure
from core.settings import Run, ids_of
from core.uploads import keep_readings

KILLED = (
    f"a worker process was killed {RETRIES} times on the same task, perhaps for lack of memory; "
    "what is finished is kept: reduce width, depth or batch_size and run again"
)


def run_sweep(job: Job, workers: Workers, fresh: bool = False, baselines: bool = False) -> None:
    """Computes what the store lacks of a sweep, to the end, until cancelled or until it fails; keeps ``job.progress``.

    fresh      compute every run again
    baselines  measure what the trainings must beat as well, once for each table
    """
    progress = job.progress
    started = time.monotonic()
    sweep_run = SweepRun(job, workers)
    try:
        sweep_run.run(fresh)
        if baselines:
            sweep_run.measure_baselines()
        progress.state = "cancelled" if job.cancelled and progress.finished < progress.total else "done"
    except ValueError as error:
        job.fault = error
        progress.error, progress.state = str(error), "failed"
    except BaseException as error:
        if workers.stopped:  # whatever an executor says that was shut down meanwhile
            progress.state = "cancelled"
            return
        progress.error, progress.state = f"{type(error).__name__}: {error}", "failed"
        raise
    finally:
        sweep_run.leave()
        progress.seconds = time.monotonic() - started
        job.end()


POLL_SECONDS = 0.1


class Task(NamedTuple):
    """Runs that are computed together, the seconds that they should take, and how often their worker was lost."""

    runs: list[Run]
    seconds: float
    tries: int = 0


class SweepRun:
    """The steps of one sweep: what is missing, what is submitted, what comes back, how long the rest will take."""

    def __init__(self, job: Job, workers: Workers) -> None:
        self.job, self.workers = job, workers
        self.waiting: deque[Task] = deque()
        self.under_way: dict[Future, tuple[Task, Executor]] = {}
        self.clock = Clock(workers.pool.size)
        self.fresh = False

    def run(self, fresh: bool) -> None:
        """All steps, to the end or until cancelled; ValueError where a task's worker is lost again and again."""
        self.plan(self.missing(fresh))
        self.fresh = fresh
        while (self.waiting and not self.job.cancelled) or self.under_way:
            self.submit()
            if not self.under_way:
                time.sleep(POLL_SECONDS)  # others have all places
            for future in wait(self.under_way, timeout=POLL_SECONDS, return_when=FIRST_COMPLETED).done:
                self.collect(future)
            if self.job.cancelled:
                self.withdraw()

    def measure_baselines(self) -> None:
        """What the trainings must beat on each table, measured by a worker where it was not before."""
        sweep = self.job.sweep
        if "val_loss" not in experiment(sweep.experiment).measures:
            return
        for dataset in lacking(sweep.axes.get("dataset", ())):
            if not self.job.cancelled:
                keep(dataset, self.workers.call(measure, dataset))

    def missing(self, fresh: bool) -> list[Run]:
        """The runs that the store lacks, or all of them; what it holds is checked, so that damage is mended now."""
        sweep, store, progress = self.job.sweep, self.job.store, self.job.progress
        store.remember(sweep.key, sweep.experiment, sweep.link(), progress.total)
        ids = sweep.ids
        if fresh or store.count(ids) < len(ids):
            self.workers.prestart()  # they start while this process looks what is missing
            keep_readings(sweep.axes.get("dataset", ()))
        intact_ids: set[str] = set()
        if not fresh:
            intact = store.find(ids)
            intact_ids, progress.damaged = set(intact.frames), len(intact.damaged)
        progress.stored = len(intact_ids)
        return [run for run, id in zip(sweep.runs(), ids, strict=True) if id not in intact_ids]

    def plan(self, runs: Iterable[Run]) -> None:
        """Puts the runs in tasks, which wait then."""
        kind = experiment(self.job.sweep.experiment)
        self.waiting.extend(
            Task(runs, sum(kind.cost(run.settings).seconds for run in runs))
            for runs in kind.tasks(runs, self.job.device)
        )
        self.clock.begin([task.seconds for task in self.waiting])
        self.job.progress.seconds_left = self.clock.seconds_left()

    def submit(self) -> None:
        """Hands out waiting tasks while it is this sweep's turn."""
        turns = self.workers.turns
        while self.waiting and not self.job.cancelled and turns.take(self, len(self.under_way), self.clock.left):
            task = self.waiting.popleft() if self.fresh else self.without_others(self.waiting.popleft())
            if not task.runs:
                turns.give_back()
                continue
            executor = self.workers.get()
            try:
                self.under_way[executor.submit(compute, task.runs, self.job.device)] = (task, executor)
            except self.workers.pool.lost:
                self.workers.discard(executor)
                self.waiting.appendleft(task)
                turns.give_back()

    def without_others(self, task: Task) -> Task:
        """The task without those runs that somebody else has computed since this sweep began."""
        ids = ids_of(task.runs)
        there = self.job.store.find(ids).frames
        if not there:
            return task
        self.job.progress.stored += len(there)
        left = [run for run, id in zip(task.runs, ids, strict=True) if id not in there]
        seconds = task.seconds * len(left) / len(task.runs)
        self.clock.left -= task.seconds - seconds
        return task._replace(runs=left, seconds=seconds)

    def collect(self, future: Future) -> None:
        """Stores what a task computed; one whose worker was lost waits again."""
        task, executor = self.under_way.pop(future)
        self.workers.turns.give_back()
        try:
            rows = future.result()
        except self.workers.pool.lost:
            self.workers.discard(executor)
            if task.tries + 1 >= RETRIES:
                raise HinderedError(KILLED) from None
            self.waiting.appendleft(task._replace(tries=task.tries + 1))
            return
        if not self.fresh and self.job.store.count([row.id for row in rows]):
            random.shuffle(
                self.waiting
            )  # somebody else is at the same: each in an order of its own, they seldom meet again
        self.job.store.put(rows)
        self.job.progress.computed += len(rows)
        self.clock.done(task.seconds)
        self.job.progress.seconds_left = self.clock.seconds_left()

    def withdraw(self) -> None:
        """Takes back the tasks that no worker has begun."""
        for future in [future for future in self.under_way if future.cancel()]:
            del self.under_way[future]
            self.workers.turns.give_back()

    def leave(self) -> None:
        """Gives back its places, at the end, however it came."""
        self.workers.turns.leave(self)
        self.workers.turns.give_back(len(self.under_way))
        self.under_way.clear()


class Clock:
    """How long the rest of a sweep will take: its estimate, at the speed of what has been computed so far."""

    def __init__(self, size: int) -> None:
        self._size = size
        self.left = self._measured = 0.0
        self._first_tasks = 0
        self._began: float | None = None

    def begin(self, seconds: list[float]) -> None:
        """Takes the tasks' estimates."""
        self.left, self._first_tasks = sum(seconds), min(self._size, len(seconds))

    def done(self, seconds: float) -> None:
        """One task has come back. A worker's first task waited for it to start, and says nothing of its speed."""
        self.left -= seconds
        self._first_tasks -= 1
        if self._began is not None:
            self._measured += seconds
        elif self._first_tasks <= 0:
            self._began = time.monotonic()

    def seconds_left(self) -> float:
        """Seconds until all tasks are done."""
        if self._began is None or not self._measured:
            return START_SECONDS + self.left / self._size
        return self.left * (time.monotonic() - self._began) / self._measured
