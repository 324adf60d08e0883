"""Sweeps under way: missing runs go to worker processes, finished ones to the store, with progress and cancel.

A job belongs to the process, not to a page: reruns, other tabs and a reload find it by its sweep's key.
"""

from __future__ import annotations

import threading

from core.jobs.job import Job, Progress
from core.jobs.sweep_run import run_sweep
from core.jobs.workers import Workers
from core.store import Store
from core.sweeps import Sweep


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

    def submit(self, sweep: Sweep, store: Store, fresh: bool = False, baselines: bool = True) -> Job:
        """The job that computes this sweep, and what it must beat: the running one, or a new one."""
        with self._lock:
            previous = self.find(sweep, store)
            if previous is not None and previous.running and not previous.cancelled:
                return previous
            job = Job(sweep, store, store.device, Progress(len(sweep.points) * len(sweep.seeds)))

            def work() -> None:
                if previous is not None:
                    previous.wait()  # a cancelled job may still be putting its last tasks away
                run_sweep(job, self.workers, fresh, baselines=baselines)

            thread = threading.Thread(target=work, daemon=True, name=f"job {sweep.key[:8]}")
            self._jobs[sweep.key, str(store.path)] = job
            thread.start()
            return job
