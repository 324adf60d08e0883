"""A sweep on a Dask cluster: the same numbers, also where a worker is lost and another joins."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

import core
from core.jobs.cluster import checked, cluster, maker
from core.jobs.executors import pool

ROOT = Path(__file__).parents[2]
SWEEP = {"depth": [20, 30], "width": [64, 96], "batch_size": "64:76", "loss": "projection", "seeds": 2}


class Processes:
    """A scheduler and its workers, as processes of their own on loopback."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.workers = folder, list[subprocess.Popen]()
        self.environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        card = folder / "scheduler.json"
        self.scheduler = self._start("distributed.cli.dask_scheduler", "--port", "0", "--scheduler-file", str(card))
        until = time.monotonic() + 60
        while not card.exists() and time.monotonic() < until:
            time.sleep(0.1)
        self.address = json.loads(card.read_text())["address"].removeprefix("tcp://")

    def _start(self, module: str, *words: str) -> subprocess.Popen:
        command = [sys.executable, "-m", module, *words, "--host", "127.0.0.1", "--no-dashboard"]
        with (self.folder / "log").open("a") as log:
            return subprocess.Popen(command, cwd=self.folder, env=self.environment, stdout=log, stderr=log)

    def add(self) -> None:
        """Starts a worker."""
        folder = str(self.folder)
        self.workers.append(
            self._start(
                "distributed.cli.dask_worker", self.address, "--nthreads=1", "--no-nanny", "--local-directory", folder
            )
        )

    def stop(self) -> None:
        """Ends all of them."""
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()


@pytest.fixture
def processes(tmp_path) -> Iterator[Processes]:
    pytest.importorskip("distributed", reason="the cluster's package, dask[distributed], is not installed")
    there = Processes(tmp_path)
    yield there
    there.stop()


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_a_cluster_that_loses_a_worker_and_gains_one_gives_the_local_frame(processes, tmp_path):
    with pytest.raises(ValueError, match="has no workers; start some"):
        cluster(processes.address)
    for _ in range(3):
        processes.add()
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            if cluster(processes.address).size == 3:
                break
        except ValueError:
            time.sleep(0.2)
    path = str(tmp_path / "a.sqlite")
    store, there_then = core.Store(path), list[int]()

    def change() -> None:
        while not (finished := store.counts().get("vanishing", (0, 0))[0]):
            time.sleep(0.02)
        processes.workers[0].kill()
        processes.add()
        there_then.append(finished)

    thread = threading.Thread(target=change)
    thread.start()
    there = core.run("vanishing", **SWEEP, executor=f"dask://{processes.address}", store=path)
    thread.join()
    store.close()
    assert 0 < there_then[0] < there["run"].nunique()
    here = core.run("vanishing", **SWEEP, executor="inline", store=str(tmp_path / "b.sqlite"))
    pd.testing.assert_frame_equal(there, here, check_exact=True)


def test_who_names_no_cluster_or_a_silent_one_gets_a_sentence():
    pytest.importorskip("distributed", reason="the cluster's package, dask[distributed], is not installed")
    with pytest.raises(ValueError, match="dask://HOST:PORT"):
        pool("dask://")
    with pytest.raises(ValueError, match="leave --workers out"):
        pool("dask://127.0.0.1:1", 2)


def test_without_the_package_a_cluster_is_refused_with_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ValueError, match=r"pip install 'dask\[distributed\]'"):
        pool("dask://127.0.0.1:8786")


def test_a_worker_with_other_packages_computes_nothing():
    assert checked(maker(), max, 1, 2) == 2
    with pytest.raises(ValueError, match="results would differ; install the same"):
        checked("torch 1.0", max, 1, 2)
