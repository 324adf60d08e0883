"""Where runs are computed: executors by name, each an entry with its size, how it starts, and what a lost worker raises."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future
from dataclasses import dataclass, replace

from core.registry import unknown
from core.worker import start_worker

# One thread a worker, for NumPy's products too. glibc would give a stack's scratch tensors back to the system and ask
# for them again, page by small page; loky would take the tensors that are kept for a leak, and start another worker.
WORKER_ENVIRONMENT = {
    "MALLOC_TRIM_THRESHOLD_": "268435456",
    "MALLOC_MMAP_THRESHOLD_": "268435456",
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
    "OPENBLAS_NUM_THREADS": "1",
    "LOKY_MAX_MEMORY_LEAK_SIZE": "1e9",
}

BEHIND = 5  # niceness of workers that let others go first, yet take a fair share beside another program


def local_executor(workers: int | None = None, niceness: int = 0, cards: Sequence[str] = ()) -> Executor:
    """Worker processes, one thread each, as many as cores unless told otherwise; nice ones let other processes go first.

    cards  the graphics cards of the workers, which take them in turn and see no other
    """
    from multiprocessing import resource_tracker

    from loky import ProcessPoolExecutor
    from loky.backend import get_context

    tickets = None
    if cards:
        tickets = get_context().SimpleQueue()
        for card in cards:
            tickets.put(card)
    executor = ProcessPoolExecutor(
        workers or cores(),
        initializer=start_worker,
        initargs=(os.getpid(), niceness, tickets),
        timeout=None,
        env=WORKER_ENVIRONMENT,
    )
    resource_tracker.ensure_running()  # whose start lets Ctrl-C through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # inherited: Ctrl-C is not for workers
    try:
        executor.submit(int)  # starts them
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return executor


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


@dataclass(frozen=True)
class Pool:
    """Where tasks are computed, not started yet.

    start  starts it: anything with the interface of ``concurrent.futures.Executor``
    size   tasks that it computes at once
    lost   exceptions of a future or a ``submit`` that mean a lost worker: the task is tried again, on a new executor
    local  its workers are processes of this machine, worth starting before anyone asks
    """

    start: Callable[[], Executor]
    size: int
    lost: tuple[type[BaseException], ...] = (BrokenExecutor,)
    local: bool = False


def visible_cards() -> list[str]:
    """The graphics cards that this process may use, as CUDA_VISIBLE_DEVICES names them."""
    import torch

    count = torch.cuda.device_count()
    named = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    return named[:count] if any(named) else [str(index) for index in range(count)]


def _local(workers: int | None, address: str, device: str) -> Pool:
    if device == "cpu":
        return Pool(lambda: local_executor(workers), workers or cores(), local=True)
    cards = visible_cards()
    size = workers or max(1, len(cards))  # a worker keeps a whole card busy
    return Pool(lambda: local_executor(size, cards=cards), size, local=True)


def _inline(workers: int | None, address: str, device: str) -> Pool:
    return Pool(InlineExecutor, 1)


def _dask(workers: int | None, address: str, device: str) -> Pool:
    from core.jobs.cluster import cluster

    if workers is not None:
        raise ValueError("workers: a Dask cluster has as many as were started for it; leave --workers out")
    there = cluster(address)
    return Pool(there.executor, there.size, (BrokenExecutor, *there.lost))


# what ``--executor`` takes: a name, or ``name://address``; each makes a pool of so many workers
EXECUTORS: dict[str, Callable[[int | None, str, str], Pool]] = {"local": _local, "inline": _inline, "dask": _dask}


def pool(text: str, workers: int | None = None, behind: bool = False, device: str = "cpu") -> Pool:
    """The pool that ``text`` names; ValueError for one that is not known, or an impossible number of workers.

    behind  its workers on this machine let the process that asks go first, as a server that draws pages meanwhile
    device  ``cpu`` or ``cuda``, for which this machine's pool has one worker a card unless told otherwise
    """
    if workers is not None and not 1 <= workers <= 1024:
        raise ValueError(f"workers: must be a whole number, 1 to 1024, but got {workers}")
    name, _, address = text.partition("://")
    if name not in EXECUTORS:
        raise ValueError(unknown("executor", text, list(EXECUTORS)))
    made = EXECUTORS[name](workers, address, device)
    assert device == "cpu" or not behind, "a card is not nice"
    return replace(made, start=lambda: local_executor(made.size, BEHIND)) if behind and made.local else made


def checked_device(name: str) -> str:
    """``cpu`` or ``cuda``; ValueError where this machine has no such device."""
    if name not in ("cpu", "cuda"):
        raise ValueError(unknown("device", name, ["cpu", "cuda"]))
    if name == "cuda":
        import torch

        if not torch.cuda.is_available():
            raise ValueError("device: this machine has no CUDA device; use cpu")
    return name
