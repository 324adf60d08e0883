"""A Dask cluster as executor: its address, its size, and workers that are checked before they compute.

``dask[distributed]`` is optional: it is imported when a cluster is named, and its absence is said in a sentence.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from core.experiments import NAMES, experiment
from core.versions import packages

if TYPE_CHECKING:
    from distributed import Client

PATIENCE = 10  # seconds for a scheduler to answer
ABSENT = "executor: a Dask cluster needs the package dask; install it with pip install 'dask[distributed]'"


class Cluster(NamedTuple):
    """A scheduler's address, its workers' threads when it was asked, and what a lost worker raises."""

    address: str
    size: int
    lost: tuple[type[BaseException], ...]

    def executor(self) -> Executor:
        """An executor that hands tasks to the cluster."""
        return ClusterExecutor(_client(self.address))


def cluster(address: str) -> Cluster:
    """The cluster whose scheduler is at ``HOST:PORT``; ValueError where it can't be used, with what to do."""
    if not address:
        raise ValueError("executor: a Dask cluster is written dask://HOST:PORT, its scheduler's address")
    client = _client(address)
    try:
        size = sum(client.ncores().values())
        if not size:
            raise ValueError(
                f"executor: the Dask scheduler at {address} has no workers; start some, such as with dask worker {address}"
            )
        _check(client)
    finally:
        client.close()
    from distributed import KilledWorker
    from distributed.comm import CommClosedError

    return Cluster(address, size, (KilledWorker, CommClosedError))


class ClusterExecutor(Executor):
    """Dask's own executor; every task first looks whether its worker would compute what this process would."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._executor = client.get_executor(pure=False)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future:
        """The future of ``fn(*args, **kwargs)`` on some worker."""
        return self._executor.submit(checked, maker(), fn, *args, **kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Leaves the cluster, which goes on for others."""
        self._executor.shutdown(wait=wait and not cancel_futures)
        self._client.close()


@cache  # asked for at every task, here and in each worker, and the same as long as a process lives
def maker() -> str:
    """What numbers depend on here: packages, and the version of each experiment."""
    return ", ".join([packages(), *(f"{name} {experiment(name).version}" for name in NAMES)])


def checked(wanted: str, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    """``fn(*args, **kwargs)`` in a worker, with one thread; ValueError where its packages and experiments are not ``wanted``."""
    if (here := maker()) != wanted:
        raise ValueError(
            f"a worker of the cluster has {here}, and this machine {wanted}: results would differ; install the same"
        )
    import torch

    torch.set_num_threads(1)  # as the workers of this machine, so that the bits are theirs
    return fn(*args, **kwargs)


def _client(address: str) -> Client:
    try:
        from distributed import Client
    except ImportError:
        raise ValueError(ABSENT) from None
    try:
        return Client(f"tcp://{address}", timeout=PATIENCE, set_as_default=False)
    except (OSError, TimeoutError, ValueError):
        raise ValueError(f"executor: no Dask scheduler answers at {address}; start one with dask scheduler") from None


def _check(client: Client) -> None:
    """Asks every worker for its packages and experiments; ValueError names the first that differs."""
    try:
        answers = client.run(maker)
    except Exception as error:  # whatever a worker's Python says to code that it can't import
        raise ValueError(
            f"executor: the cluster's workers can't run the lab ({type(error).__name__}: {error}); start them where it is "
            "installed, in its folder"
        ) from None
    for worker, there in answers.items():
        if there != maker():
            raise ValueError(
                f"executor: the worker {worker} has {there}, and this machine {maker()}: results would differ; install the same"
            )
