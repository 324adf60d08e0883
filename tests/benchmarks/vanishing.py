"""How fast gradient sweeps are, against a plain PyTorch loop: python -m tests.benchmarks.vanishing

Workload W1: 2,400 networks, depths 2 to 50, five activations, four inits, 20 seeds, width 64, batch 128. All rows of a
round are measured one after the other in this process's run, so that ratios hold on a shared machine.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path
from types import ModuleType

import core
from core import tables
from core.jobs import executors, workers
from core.settings import Run

W1 = {
    "depth": "2,5,10,20,30,50",
    "activation": "sigmoid,tanh,relu,gelu,selu",
    "init": "torch_default,xavier_uniform,he_normal,orthogonal",
    "width": "64",
    "batch_size": "128",
    "loss": "cross_entropy",
}
ROOT = Path(__file__).parents[2]


def engine_alone(runs: list[Run]) -> int:
    """The engine with exactly the baseline's arrays and statistics, in the mode in which the experiment runs it."""
    import torch

    with torch.inference_mode():
        return gradients_alone(runs)


def gradients_alone(runs: list[Run]) -> int:
    """Loss, and mean, RMS and norm of each gradient; how many numbers."""
    import torch

    from core.engine import draws, losses, padded
    from core.engine.backward import backward
    from core.engine.data import feature_major
    from core.engine.forward import forward
    from core.engine.multilayer import process_workspace
    from core.engine.network import Network, Parameters
    from core.engine.products import product
    from core.engine.statistics import signal_norms
    from core.parts.activations import ACTIVATIONS
    from core.parts.residuals import RESIDUALS

    measured = 0
    by_shape: dict[tuple[int, str], list[Run]] = {}
    for run in runs:
        by_shape.setdefault((run.settings.depth, run.settings.activation), []).append(run)
    inputs = labels = None
    workspace = process_workspace(torch.float32, "cpu")
    deeper = None  # the latest forward pass, of which a shallower network's is the beginning
    for depth, activation in sorted(by_shape, key=lambda shape: (shape[1], -shape[0])):
        stack = by_shape[depth, activation]
        settings, rows = stack[0].settings, stack[0].settings.batch_size
        forms = RESIDUALS["none"].layers(settings.depth, "none", True)
        network = Network(64, 64, 10, ACTIVATIONS.parse(activation), tuple(forms))
        drawn = tuple((run.settings.init, run.seed) for run in stack)
        linears = draws.linears(network.fans, drawn, torch.float32, "cpu")
        if inputs is None:  # the same for every depth and activation, as the weights are
            inputs = feature_major(torch.stack([draws.normal(run.seed, "inputs", rows, 64) for run in stack]))
            labels = torch.stack([draws.labels(run.seed, rows, 10) for run in stack])
        nothing = [None] * len(network.fans)
        parameters = Parameters(list(linears.weights), list(linears.biases), nothing, nothing)
        if deeper is None or deeper[0] != activation:
            deeper = activation, forward(network, parameters, inputs, rows, workspace)
        trace = deeper[1].upto(depth)
        logits = product(parameters.weights[-1], trace.outputs[-1])
        if parameters.biases[-1] is not None:
            logits.add_(parameters.biases[-1])
        assert logits.shape[1] == padded(10)
        _, gradient, exponent = losses.cross_entropy(logits, labels, 10, rows)
        for layer in backward(network, parameters, trace, gradient, exponent, workspace):
            (norms,) = signal_norms(layer.weight)
            measured += len(layer.weight.flatten(1).abs().sum(1)) + len(norms)
    return measured


def peak_memory(_: int) -> float:
    """Peak memory of the process that runs this, in MB."""
    time.sleep(0.2)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def seconds(act: Callable[[], object]) -> float:
    """How long ``act`` takes."""
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


def naive_module(path: str) -> ModuleType:
    """The plain loop's module."""
    spec = importlib.util.spec_from_file_location("naive_baseline", path)
    assert spec is not None and spec.loader is not None, path
    naive = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(naive)
    return naive


def baseline_loop(naive: ModuleType, share: int) -> float:
    """Seconds of the plain loop on all of W1, from every ``share``-th network of each depth."""
    grid = naive.w1_grid()
    picked = [item for index, item in enumerate(grid) if index % share == index // 400 % share]
    naive.w1_run(picked[0])
    return seconds(lambda: [naive.w1_run(item) for item in picked]) * len(grid) / len(picked)


def pooled(executor: Executor, act: Callable, tasks: list) -> float:
    """Seconds until all tasks are done."""
    return seconds(lambda: list(executor.map(act, tasks)))


def computed(runs: list[Run]) -> int:
    """The experiment with all its columns, encoded for the store."""
    return len(workers.compute(runs, "cpu"))


def whole_command(seeds: int) -> float:
    """Seconds of the whole command, start-up, store and export included."""
    with tempfile.TemporaryDirectory() as folder:
        settings = [f"{name}={value}" for name, value in W1.items()]
        places = ["--out", f"{folder}/frame.csv", "--store", f"{folder}/store.sqlite", "--quiet", "--workers", "2"]
        command = [sys.executable, "-m", "core", "run", "vanishing", *settings, f"seeds={seeds}", *places]
        return seconds(lambda: subprocess.run(command, cwd=ROOT, check=True))


def read_back() -> float:
    """Seconds to read a finished sweep of 2,400 runs from the store into a frame."""
    kind = core.experiment("vanishing")
    sweep = kind.sweep({**W1, "seeds": "20"})
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/store.sqlite"
        core.run("vanishing", store=path, workers=2, **W1, seeds=20)
        store = core.Store(path)

        def read() -> None:
            runs, frames, _ = core.finished(sweep, store)
            assert len(tables.to_frame(kind.table(runs, frames))) == 49_200

        return min(seconds(read) for _ in range(3))


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--baseline", default=str(ROOT.parent / "shared" / "naive_baseline.py"), help="the plain loop")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--share", type=int, default=2, help="the loop runs every share-th network")
    parser.add_argument("--whole", type=int, default=100, help="seeds of the whole command; 0 leaves it out")
    arguments = parser.parse_args()
    naive = naive_module(arguments.baseline)
    import torch

    torch.set_num_threads(1)
    kind = core.experiment("vanishing")
    tasks = kind.tasks(kind.sweep({**W1, "seeds": "20"}).runs())
    executor = executors.local_executor(2)
    list(executor.map(computed, [tasks[-1]] * 4))  # workers are warm, as in a server
    rows: dict[str, list[tuple[float, float]]] = {}
    for _ in range(arguments.rounds):
        loop = baseline_loop(naive, arguments.share)
        for name, act in (
            ("engine alone, 2 workers", engine_alone),
            ("experiment, all columns, 2 workers", computed),
        ):
            rows.setdefault(name, []).append((loop, pooled(executor, act, tasks)))
        print(f"round: loop {loop:.1f} s, " + ", ".join(f"{name} {times[-1][1]:.2f} s" for name, times in rows.items()))
    memory = max(executor.map(peak_memory, range(4)))
    executor.shutdown()
    if arguments.whole:
        name = f"whole command, {120 * arguments.whole:,} networks"
        for _ in range(max(1, arguments.rounds - 1)):
            loop = baseline_loop(naive, arguments.share) * arguments.whole / 20
            rows.setdefault(name, []).append((loop, whole_command(arguments.whole)))
    print(f"\n{'':44}{'plain loop':>12}{'ours':>10}{'ratio':>8}  (medians of rounds)")
    for name, times in rows.items():
        loop, ours = (statistics.median(column) for column in zip(*times, strict=True))
        ratio = statistics.median(loop / ours for loop, ours in times)
        print(f"{name:44}{loop:10.1f} s{ours:8.2f} s{ratio:7.1f}x")
    print(f"peak memory of a worker {memory:.0f} MB; 2,400 runs read back in {read_back():.2f} s; ", end="")
    listing = [sys.executable, "-m", "core", "list"]
    took = min(
        seconds(lambda: subprocess.run(listing, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)) for _ in range(3)
    )
    print(f"list in {took:.2f} s; {os.cpu_count()} cores")


if __name__ == "__main__":
    main()
