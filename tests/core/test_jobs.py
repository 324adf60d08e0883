"""Jobs: only what is missing is computed, whoever asks, whatever dies, and the bits are always the same."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import BrokenExecutor, Future
from contextlib import closing
from pathlib import Path

import psutil
import pytest

import core
import core.jobs as core_jobs
from core.jobs import Job, Jobs, Progress, executors
from core.jobs.executors import Pool, checked_device, pool
from core.jobs.sweep_run import run_sweep
from core.jobs.turns import Turns
from core.jobs.workers import Workers
from core.jobs.workers import compute as compute_task
from core.results import stored_runs
from core.store import Row

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 60.0  # seconds after which a test gives up; none takes as long


def sweep(**given: str) -> core.Sweep:
    return core.experiment("vanishing").sweep({"width": "4", **given})


@pytest.fixture
def store(tmp_path):
    with closing(core.Store(tmp_path / "results.sqlite")) as opened:
        yield opened


def compute(asked, store, make=core.InlineExecutor, fresh=False) -> Progress:
    """The progress of the sweep's job, ended."""
    crew = Workers(Pool(make, 2))
    try:
        job = Jobs(crew).submit(asked, store, fresh)
        core.run_job(job)
        return job.progress
    finally:
        crew.stop()


def frames(asked, store) -> list[bytes]:
    runs, found, _ = core.finished(asked, store)
    assert len(runs) == len(found)
    return found


def until(condition) -> None:
    """Waits until ``condition()`` holds."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it never came about"
        time.sleep(0.01)


class Watched(core.InlineExecutor):
    """Computes inline, and calls ``before`` with the number of tasks so far ahead of each."""

    def __init__(self, before) -> None:
        self.before = before
        self.tasks = 0

    def submit(self, fn, /, *args, **kwargs):
        if fn is compute_task:  # not the warming up
            self.before(self.tasks)
            self.tasks += 1
        return super().submit(fn, *args, **kwargs)


class Breaking(core.InlineExecutor):
    """Its worker dies on every task, as under the kernel's out-of-memory killer."""

    def submit(self, fn, /, *args, **kwargs):
        future: Future = Future()
        future.set_exception(BrokenExecutor("killed"))
        return future


def test_a_sweep_extended_by_one_depth_computes_only_what_is_new(store):
    first = compute(sweep(depth="2,3", seeds="4"), store)
    assert (first.stored, first.computed, first.state) == (0, 8, "done")
    before = frames(sweep(depth="2,3", seeds="4"), store)
    more = compute(sweep(depth="2,3,4", seeds="4"), store)
    assert (more.stored, more.computed, more.total, more.state) == (8, 4, 12, "done")
    again = compute(sweep(depth="2,3,4", seeds="4"), store)
    assert (again.stored, again.computed, again.finished) == (12, 0, 12)
    assert frames(sweep(depth="2,3,4", seeds="4"), store)[:8] == before


def test_fresh_computes_everything_again_and_gets_the_same_bits(store):
    asked = sweep(depth="2,3", seeds="2")
    compute(asked, store)
    before = frames(asked, store)
    again = compute(asked, store, fresh=True)
    assert (again.stored, again.computed) == (0, 4)
    assert frames(asked, store) == before


def test_a_cancelled_sweep_goes_on_where_it_stopped(store):
    asked = sweep(width="2:12", seeds="3")  # widths never share a task
    jobs: list[Job] = []

    def cancel_at_the_third(tasks: int) -> None:
        until(lambda: jobs)
        if tasks == 2:
            jobs[0].cancel()

    jobs.append(Jobs(Workers(Pool(lambda: Watched(cancel_at_the_third), 2))).submit(asked, store))
    core.run_job(jobs[0])
    assert (jobs[0].progress.state, jobs[0].progress.computed) == ("cancelled", 9)
    assert len(frames(asked, store)) == 9
    rest = compute(asked, store)
    assert (rest.state, rest.stored, rest.computed) == ("done", 9, 21)


def test_a_sweep_has_one_job_however_many_submit(store):
    asked = sweep(width="2,3,4", seeds="2")
    go = threading.Event()
    executors: list[Watched] = []

    def make() -> Watched:
        executors.append(Watched(lambda tasks: go.wait(PATIENCE)))
        return executors[-1]

    jobs = Jobs(Workers(Pool(make, 2)))
    found: list[Job] = []
    threads = [threading.Thread(target=lambda: found.append(jobs.submit(asked, store))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len({id(job) for job in found}) == 1
    assert jobs.find(asked, store) is found[0]
    assert jobs.find(sweep(depth="2"), store) is None
    assert jobs.running() == [found[0]]
    go.set()
    core.run_job(found[0])
    assert jobs.running() == []
    assert [executor.tasks for executor in executors] == [3]
    assert found[0].progress.computed == 6


def test_nobody_keeps_more_sweeps_under_way_than_allowed_and_old_jobs_are_forgotten(store, monkeypatch):
    monkeypatch.setattr(core_jobs, "ALL_SWEEPS", 6)
    monkeypatch.setattr(core_jobs, "ENDED", 3)
    go = threading.Event()
    jobs = Jobs(Workers(Pool(lambda: Watched(lambda tasks: go.wait(PATIENCE)), 2)))
    own = [jobs.submit(sweep(depth=str(depth)), store, owner="a") for depth in range(1, 5)]
    with pytest.raises(core.BusyError, match="4 sweeps of yours are under way: let one end, or cancel it"):
        jobs.submit(sweep(depth="9"), store, owner="a")
    assert jobs.submit(sweep(depth="4"), store, owner="a") is own[3]
    others = [jobs.submit(sweep(depth=str(depth)), store, owner="b") for depth in (5, 6)]
    with pytest.raises(core.BusyError, match="6 sweeps are under way on this server"):
        jobs.submit(sweep(depth="9"), store, owner="c")
    go.set()
    for job in (*own, *others):
        core.run_job(job)
    jobs.submit(sweep(depth="9"), store, owner="a").wait(PATIENCE)
    assert [jobs.find(sweep(depth=str(depth)), store) is None for depth in (1, 3, 4, 6)] == [True, True, False, False]


def test_an_ended_job_is_found_until_somebody_submits_again(store):
    jobs = Jobs(Workers(Pool(core.InlineExecutor, 2)))
    first = jobs.submit(sweep(seeds="2"), store)
    core.run_job(first)
    assert jobs.find(sweep(seeds="2"), store) is first
    second = jobs.submit(sweep(seeds="2"), store)
    core.run_job(second)
    assert second is not first
    assert (second.progress.stored, second.progress.computed) == (2, 0)


def test_time_left_is_told_while_a_sweep_runs_from_the_first_task_on(store):
    asked = sweep(width="2:10", seeds="2")
    told: list[float | None] = []
    jobs: list[Job] = []

    def look(tasks: int) -> None:
        until(lambda: jobs)
        told.append(jobs[0].progress.seconds_left)

    jobs.append(Jobs(Workers(Pool(lambda: Watched(look), 2))).submit(asked, store))
    core.run_job(jobs[0])
    assert len(told) == 8
    assert all(seconds is not None and seconds > 0 for seconds in told)
    assert jobs[0].progress.seconds_left < told[0]


def test_a_task_that_breaks_every_worker_ends_the_job_with_a_sentence_and_keeps_the_rest(store):
    compute(sweep(depth="2", seeds="2"), store)
    made: list[Breaking] = []

    def make() -> Breaking:
        made.append(Breaking())
        return made[-1]

    job = Jobs(Workers(Pool(make, 2))).submit(sweep(depth="2,3", seeds="2"), store)
    with pytest.raises(ValueError, match=r"killed 3 times on the same task.* reduce width, depth or batch_size"):
        core.run_job(job)
    assert job.progress.state == "failed"
    assert "\n" not in job.progress.error
    assert len(made) == 3
    assert len(frames(sweep(depth="2,3", seeds="2"), store)) == 2


def test_an_error_of_ours_ends_the_job_with_its_name_and_is_not_swallowed(store):
    class Faulty(core.InlineExecutor):
        def submit(self, fn, /, *args, **kwargs):
            future: Future = Future()
            future.set_exception(MemoryError("no room"))
            return future

    job = Job(sweep(depth="2"), store, "cpu", Progress(1))
    with pytest.raises(MemoryError, match="no room"):
        run_sweep(job, Workers(Pool(Faulty, 2)))
    assert (job.progress.state, job.progress.error) == ("failed", "MemoryError: no room")
    with pytest.raises(ValueError, match="MemoryError: no room"):
        core.run_job(job)


@pytest.mark.parametrize(
    "given",
    [
        {"depth": "2:5", "seeds": "3:7"},
        {"depth": "1,2", "activation": "tanh,relu", "loss": "sum,cross_entropy", "dataset": "xor"},
        {
            "depth": "3",
            "loss": "cross_entropy",
            "steps": "0,3",
            "base_lr": "0.1,0.2,0.3",
            "seeds": "2",
            "dataset": "xor",
        },
    ],
    ids=["depths and seeds", "a readout is a layer", "settings that don't apply fold together"],
)
def test_the_estimate_of_runs_and_rows_is_exact(given, store):
    asked = sweep(**given)
    estimate = core.estimate(asked)
    compute(asked, store)
    frame = core.run("vanishing", executor="inline", store=str(store.path), width=4, **given)
    assert (estimate.runs, estimate.rows) == (frame["run"].nunique(), len(frame))
    assert estimate.seconds > 0
    assert estimate.bytes > 0


def test_a_billion_seeds_are_refused_before_anything_is_expanded():
    asked = sweep(depth="5,20", seeds="1000000000")
    assert core.too_large(asked) == (
        "the sweep has 2,000,000,000 runs, and the limit is 1,000,000: reduce seeds (1,000,000,000 seeds)"
    )
    assert "points" not in vars(asked)


def test_too_many_values_of_a_setting_are_named():
    sentence = core.too_large(sweep(depth="1:1001", batch_size="1:2001"))
    assert sentence is not None
    assert sentence.endswith("reduce batch_size (2,000 values)")


def test_a_sweep_that_needs_more_memory_than_there_is_gets_a_sentence():
    asked = sweep(depth="1000", width="4096", batch_size="65536")
    sentence = core.too_large(asked)
    assert sentence is not None
    assert sentence.startswith("the sweep needs about ")
    assert " GB are free: reduce width, depth, batch_size or steps" in sentence


def test_a_sweep_that_takes_days_gets_a_sentence():
    asked = sweep(depth="2", width="1024", batch_size="16384", seeds="60000")
    sentence = core.too_large(asked, workers=1)
    assert sentence is not None
    assert sentence.startswith("the sweep would take about ")
    assert sentence.endswith("hours: reduce seeds (60,000 seeds), or width, depth or steps")


def test_the_lessons_sweeps_are_not_too_large():
    kind = core.experiment("vanishing")
    assert [core.too_large(kind.sweep(preset.settings)) for preset in kind.presets] == [None] * len(kind.presets)


@pytest.mark.parametrize("workers", [0, -1, 1025])
def test_an_impossible_number_of_workers_is_refused(workers):
    with pytest.raises(ValueError, match=f"^workers: must be a whole number, 1 to 1024, but got {workers}$"):
        pool("local", workers)


def test_an_unknown_executor_or_device_is_answered_with_the_nearest():
    with pytest.raises(ValueError, match="did you mean 'inline'"):
        pool("inlin", None)
    with pytest.raises(ValueError, match="did you mean 'cuda'"):
        checked_device("cudas")


def test_stored_runs_are_those_that_were_asked_for_in_order_of_settings_and_seed(store):
    compute(sweep(depth="3,2", seeds="3"), store)
    rows = stored_runs("vanishing", store, {"depth": "2,3", "seeds": "1,2"})
    assert [(run.settings.depth, run.seed) for run, _ in rows] == [(2, 1), (2, 2), (3, 1), (3, 2)]
    assert [id for _, id in rows] == sweep(depth="2,3", seeds="1,2").ids
    assert stored_runs("vanishing", store, {"depth": "9"}) == []


@pytest.mark.slow
def test_inline_one_worker_and_two_give_the_same_bits(tmp_path):
    asked = sweep(depth="2,12", width="33", activation="tanh,relu", batch_size="1,17", loss="sum,projection", seeds="5")
    found = []
    makers = [core.InlineExecutor, lambda: core.local_executor(1), lambda: core.local_executor(2)]
    for number, make in enumerate(makers):
        with closing(core.Store(tmp_path / f"{number}.sqlite")) as store:
            assert compute(asked, store, make).computed == 80
            found.append(frames(asked, store))
    assert found[0] == found[1]
    assert found[0] == found[2]


@pytest.mark.slow
def test_workers_take_the_cards_in_turn_and_see_no_other():
    executor = core.local_executor(3, cards=["GPU-a", "GPU-b"])
    try:
        seen = executor.map(_card_of_this_worker, range(9), chunksize=1)
        by_worker = dict(seen)
        assert set(by_worker.values()) <= {"GPU-a", "GPU-b"}
        assert len(by_worker) < 3 or sorted(by_worker.values()) == ["GPU-a", "GPU-a", "GPU-b"]
    finally:
        executor.shutdown(kill_workers=True)


def _card_of_this_worker(_: int) -> tuple[int, str]:
    time.sleep(0.3)
    return os.getpid(), os.environ["CUDA_VISIBLE_DEVICES"]


def test_a_pool_for_cards_has_one_worker_for_each(monkeypatch):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,GPU-b,7")
    assert executors.visible_cards() == ["3", "GPU-b"]
    assert core.pool("local", device="cuda").size == 2
    assert core.pool("local", 4, device="cuda").size == 4
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    assert executors.visible_cards() == ["0", "1"]


@pytest.mark.slow
def test_a_killed_worker_is_replaced_and_the_sweep_ends_whole(store):
    asked = sweep(depth="20:60", width="128", batch_size="256", seeds="4")
    made: list = []

    def make():
        made.append(core.local_executor(2))
        return made[-1]

    crew = Workers(Pool(make, 2))
    try:
        job = Jobs(crew).submit(asked, store)
        until(lambda: job.progress.computed > 0 or not job.running)
        assert job.running, "the sweep ended before a worker could be killed"
        os.kill(next(iter(made[0]._processes)), signal.SIGKILL)
        core.run_job(job)
    finally:
        crew.stop()
    assert len(made) == 2
    assert (job.progress.state, job.progress.finished, job.progress.total) == ("done", 160, 160)
    assert len(frames(asked, store)) == 160
    assert store.damaged() == []


PARENT = """
import os, time
import core
executor = core.local_executor(2)
for future in [executor.submit(os.getpid) for _ in range(4)]:
    future.result()
print("ready", flush=True)
time.sleep(600)
"""


@pytest.mark.slow
def test_workers_end_when_their_parent_is_killed():
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    children: list[psutil.Process] = []
    try:
        assert parent.stdout.readline() == b"ready\n"
        children = psutil.Process(parent.pid).children(recursive=True)
        assert len(children) >= 2
        parent.kill()
        parent.wait()
        until(lambda: not any(alive(child) for child in children))
    finally:
        parent.kill()
        parent.wait()
        parent.stdout.close()
        for child in children:
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()


def alive(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.slow
def test_a_process_that_is_told_to_end_ends_with_its_workers_whatever_is_queued(tmp_path):
    code = (
        "import signal, sys, time, core\n"
        "workers = core.Workers(core.pool('local', 2)); workers.prestart(); workers.stop_at_exit()\n"
        "jobs, store, kind = core.Jobs(workers), core.Store('s.sqlite'), core.experiment('vanishing')\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))\n"
        "given = {'width': '128', 'batch_size': '64', 'loss': 'projection', 'seeds': '400'}\n"
        "for depth in range(30, 36):\n    jobs.submit(kind.sweep(given | {'depth': str(depth)}), store)\n"
        "while not store.counts():\n    time.sleep(0.05)\n"
        "print('begun', flush=True)\ntime.sleep(600)\n"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, env=environment, **pipes)
    assert process.stdout is not None and process.stdout.readline() == "begun\n"
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    process.terminate()
    _, said = process.communicate(timeout=60)
    assert process.returncode == 0 and "Traceback" not in said, said
    for _ in range(100):
        if not any(Path(f"/proc/{child}/exe").exists() for child in children):
            break
        time.sleep(0.05)
    assert not any(Path(f"/proc/{child}/exe").exists() for child in children)
    store = core.Store(str(tmp_path / "s.sqlite"))
    assert store.damaged() == []
    store.close()


def test_a_short_sweep_goes_before_a_long_one_and_places_are_shared():
    turns, night, minute = Turns(2), object(), object()
    assert turns.take(night, 0, 9000.0) and turns.take(night, 1, 9000.0)
    assert not turns.take(night, 2, 9000.0)
    assert not turns.take(minute, 0, 60.0)
    turns.give_back()
    assert not turns.take(night, 1, 9000.0), "one that waits has fewer under way"
    assert turns.take(minute, 0, 60.0)
    turns.give_back()
    assert turns.take(night, 0, 9000.0)
    turns.leave(minute)


@pytest.mark.slow
def test_a_small_sweep_ends_while_large_ones_compute(tmp_path):
    workers = Workers(pool("local", 1))
    jobs, store, kind = Jobs(workers), core.Store(tmp_path / "s.sqlite"), core.experiment("vanishing")
    large = {"width": "96", "batch_size": "64", "loss": "projection", "seeds": "300"}
    slow = [jobs.submit(kind.sweep(large | {"depth": str(depth)}), store) for depth in (40, 41, 42)]
    while not any(job.progress.computed for job in slow):
        time.sleep(0.05)
    small = jobs.submit(kind.sweep({"depth": "3", "seeds": "2"}), store)
    small.wait(60)
    assert small.progress.state == "done"
    assert all(job.running for job in slow)
    for job in slow:
        job.cancel()
        job.wait(60)
    workers.stop()
    store.close()


def test_a_worker_whose_parent_was_killed_before_its_first_line_ends_at_once():
    code = "from core.worker import start_worker; start_worker(1); print('still here')"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "")


def test_what_another_process_computed_meanwhile_is_not_computed_again(store, tmp_path):
    asked = sweep(width="2:12", seeds="3")  # widths never share a task
    whole = tmp_path / "other.sqlite"
    with closing(core.Store(whole)) as other:
        compute(asked, other)
        expected = frames(asked, other)
        rows = other.select("SELECT id, experiment, settings, seed, seconds, frame FROM runs ORDER BY seed")

    def somebody_else(tasks: int) -> None:
        if tasks == 2:
            with closing(core.Store(store.path)) as theirs:
                theirs.put([Row(*row) for row in rows[:20]])  # of all widths, and of some all seeds but one

    progress = compute(asked, store, lambda: Watched(somebody_else))
    assert (progress.state, progress.finished) == ("done", 30)
    assert progress.stored > 10
    assert frames(asked, store) == expected
    assert compute(asked, store, lambda: Watched(somebody_else), fresh=True).computed == 30


def test_workers_end_at_once_though_tasks_were_taken_back(capfd):
    crew = Workers(pool("local", 1))
    tasks = [crew.get().submit(time.sleep, 2 * PATIENCE) for _ in range(8)]
    until(tasks[0].running)
    assert tasks[-1].cancel()
    crew.stop()
    assert capfd.readouterr().err == ""  # of loky's thread
    assert [child for child in psutil.Process().children() if "--process-name" in child.cmdline()] == []


@pytest.mark.parametrize("behind", [False, True])
def test_workers_of_a_server_let_the_one_that_asks_go_first(behind):
    crew = Workers(pool("local", 1, behind=behind))
    try:
        assert (crew.call(os.nice, 0) > os.nice(0)) == behind
    finally:
        crew.stop()


def test_workers_are_deaf_to_ctrl_c_before_their_first_line():
    before = signal.pthread_sigmask(signal.SIG_BLOCK, set())
    crew = Workers(pool("local", 2))
    try:
        crew.get()
        workers = [child for child in psutil.Process().children() if "--process-name" in child.cmdline()]
        masks = [Path(f"/proc/{worker.pid}/status").read_text().split("SigBlk:\t")[1][:16] for worker in workers]
        assert [int(mask, 16) >> (signal.SIGINT - 1) & 1 for mask in masks] == [1, 1]
        assert signal.pthread_sigmask(signal.SIG_BLOCK, set()) == before
    finally:
        crew.stop()
