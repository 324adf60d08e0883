"""What workers do, and the executor that is started when first needed and again when a worker was killed."""

from __future__ import annotations

import atexit
import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor
from importlib import import_module
from typing import TypeVar

from core.experiments import experiment
from core.jobs.executors import Pool
from core.jobs.turns import Turns
from core.settings import Run, ids_of
from core.store import Row

RETRIES = 3  # a task that broke its worker is tried again this often
T = TypeVar("T")


def compute(runs: list[Run], device: str) -> list[Row]:
    """One task's finished runs; this is what a worker does."""
    from core import tables

    started = time.perf_counter()
    frames = experiment(runs[0].experiment).compute(runs, device)
    encoded = tables.encode(frames)
    seconds = (time.perf_counter() - started) / len(runs)
    points = {id(run.settings): run.settings for run in runs}
    texts = {point: json.dumps(settings.values(), sort_keys=True) for point, settings in points.items()}
    return [
        Row(run_id, run.experiment, texts[id(run.settings)], run.seed, seconds, frame)
        for run, run_id, frame in zip(runs, ids_of(runs), encoded, strict=True)
    ]


def ready() -> None:
    """Loads what a worker's first task would load, and beside its first tasks what only a table's split needs."""
    import core.engine.layer_measures
    import core.tables  # noqa: F401

    threading.Thread(target=import_module, args=("sklearn.model_selection",), daemon=True).start()


class StoppedError(Exception):
    """The workers were told to end; nothing is started any more."""


class Workers:
    """A pool whose executor is started when first needed, and again when a worker was lost, until it is stopped."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.turns = Turns(2 * pool.size)  # one task at work and one that waits, for each worker
        self.stopped = False
        self._lock = threading.Lock()
        self._executor: Executor | None = None

    def get(self) -> Executor:
        """The executor, started if need be; StoppedError at the end."""
        with self._lock:
            if self.stopped:
                raise StoppedError
            if self._executor is None:
                self._executor = self.pool.start()
            return self._executor

    def discard(self, executor: Executor) -> None:
        """Drops ``executor``, whose worker was lost; the next ``get`` starts another."""
        with self._lock:
            if self._executor is executor:
                self._executor = None

    def prestart(self) -> None:
        """Starts workers of this machine now, so that nobody waits for them later."""
        if not self.pool.local:
            return
        executor = self.get()
        try:
            for _ in range(self.pool.size):
                executor.submit(ready)
        except self.pool.lost:
            self.discard(executor)

    def call(self, function: Callable[..., T], *arguments: object) -> T:
        """What a worker's ``function(*arguments)`` returns, waited for; asked again where the worker was lost."""
        for _ in range(RETRIES - 1):
            executor = self.get()
            try:
                return executor.submit(function, *arguments).result()
            except self.pool.lost:
                self.discard(executor)
        return self.get().submit(function, *arguments).result()

    def stop_at_exit(self) -> None:
        """Lets the end of this process stop them, before their executor's own end, which waits for all that was asked."""
        self.get()  # its package registers itself: what comes later goes first
        getattr(threading, "_register_atexit", atexit.register)(self.stop)

    def stop(self) -> None:
        """Ends the workers, whatever they are at."""
        with self._lock:
            executor, self._executor, self.stopped = self._executor, None, True
        if executor is None:
            return
        waiting = getattr(executor, "_pending_work_items", {})
        for key, item in list(
            waiting.items()
        ):  # over one that was taken back loky's thread would die, its workers alive
            if item.future.cancelled():
                waiting.pop(key, None)
        try:
            executor.shutdown(wait=True, kill_workers=True)  # type: ignore[call-arg]  # loky's own
        except TypeError:
            executor.shutdown(wait=True, cancel_futures=True)
