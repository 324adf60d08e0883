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

OWN_SWEEPS = 4  # of one owner under way at once; each is bounded by what ``too_large`` lets through
ALL_SWEEPS = 60  # of all owners
ENDED = 200  # jobs that have ended and can still be found


class BusyError(ValueError):
    """So many sweeps are under way that another may not start; the message says what to do."""


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

    def submit(self, sweep: Sweep, store: Store, fresh: bool = False, baselines: bool = True, owner: str = "") -> Job:
        """The job that computes this sweep, and what it must beat: the running one, or a new one.

        BusyError where ``owner`` (a page's session; empty for one who is alone), or all together, have too many.
        """
        with self._lock:
            previous = self.find(sweep, store)
            if previous is not None and previous.running and not previous.cancelled:
                return previous
            self._make_room(owner)
            job = Job(sweep, store, store.device, Progress(len(sweep.points) * len(sweep.seeds)), owner)

            def work() -> None:
                if previous is not None:
                    previous.wait()  # a cancelled job may still be putting its last tasks away
                run_sweep(job, self.workers, fresh, baselines=baselines)

            thread = threading.Thread(target=work, daemon=True, name=f"job {sweep.key[:8]}")
            self._jobs[sweep.key, str(store.path)] = job
            thread.start()
            return job

    def _make_room(self, owner: str) -> None:
        """Forgets the oldest jobs that have ended; BusyError where too many are under way."""
        running = self.running()
        if owner and sum(job.owner == owner for job in running) >= OWN_SWEEPS:
            raise BusyError(
                f"{OWN_SWEEPS} sweeps of yours are under way: let one end, or cancel it, then press Run again"
            )
        if len(running) >= ALL_SWEEPS:
            raise BusyError(f"{len(running)} sweeps are under way on this server: press Run again when some have ended")
        ended = [key for key, job in self._jobs.items() if not job.running]
        for key in ended[: max(0, len(ended) - ENDED)]:
            del self._jobs[key]
