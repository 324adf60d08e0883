"""How fast stacked trainings are, against a plain PyTorch loop: python -m tests.benchmarks.training

W2: 200 trainings of a 64-64-10 MLP on digits with Adam, 8 schedules × 5 rates × 5 seeds, 840 steps each. W3: 150
trainings of a tanh RNN of 32 units on the adding problem, 6 clippers × 5 thresholds × 5 seeds, 200 steps each. The
engine reads exactly the baseline's arrays and batches and keeps its statistics; the experiments' own cost, with
validation and all columns, and whole commands stand in rows of their own. All rows of a round are measured one after the
other in this process's run, so that ratios hold on a shared machine.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from concurrent.futures import Executor
from types import ModuleType
from typing import Any

from core.jobs import executors
from tests.benchmarks.vanishing import ROOT, naive_module, peak_memory, pooled, seconds

CLIPS = {"none": "none", "value": "value", "norm": "norm", "norm_inf": "norm", "layer_norm": "per_parameter"}
CLIPS["agc"] = "adaptive"
CHUNK = {"W2": 50, "W3": 25}
BASELINE = str(ROOT.parent / "shared" / "naive_baseline.py")


def w2_rates(naive: ModuleType, configurations: list[Any]) -> tuple[Any, dict[int, tuple[Any, Any]]]:
    """Learning rates (steps, R, 1), traced from PyTorch's schedulers, and those that wait for the loss, by run."""
    import torch

    steps = naive.EPOCHS * naive.STEPS_PER_EPOCH
    rates, plateaus, known = torch.empty(steps, len(configurations), 1), {}, {}
    for r, (name, lr, _) in enumerate(configurations):
        rule = torch.optim.SGD([torch.zeros((), requires_grad=True)], lr=lr)
        schedule = naive.make_scheduler(name, rule, lr)
        if name == "plateau":
            plateaus[r], rates[:, r] = (rule, schedule), lr
            continue
        if (name, lr) not in known:
            rule.step()
            course = []
            for step in range(steps):
                course.append(rule.param_groups[0]["lr"])
                if step + 1 < steps and (name == "onecycle" or (step + 1) % naive.STEPS_PER_EPOCH == 0):
                    schedule.step()
            known[name, lr] = torch.tensor(course)
        rates[:, r, 0] = known[name, lr]
    return rates, plateaus


def w2_engine(path: str, configurations: list[Any]) -> float:
    """One stack of W2: mean loss and rate of every epoch, as the baseline keeps them."""
    import torch

    from core.engine import losses
    from core.engine.data import Batch
    from core.engine.multilayer import Multilayer
    from core.engine.network import Network
    from core.parts.activations import ACTIVATIONS
    from core.parts.optimizers import OPTIMIZERS
    from core.parts.residuals import RESIDUALS

    naive = naive_module(path)
    inputs, labels = naive.digits()
    network = Network(64, 64, 10, ACTIVATIONS.parse("relu"), tuple(RESIDUALS["none"].layers(1, "none", True)))
    draws = tuple(("torch_default", seed) for _, _, seed in configurations)
    model = Multilayer(network, draws, losses.plain_cross_entropy, torch.float32, "cpu")
    adam, state = OPTIMIZERS.parse("adam"), {}
    rates, plateaus = w2_rates(naive, configurations)
    orders = {seed: torch.Generator().manual_seed(seed) for _, _, seed in configurations}
    history = []
    for epoch in range(naive.EPOCHS):
        drawn = {seed: torch.randperm(len(inputs), generator=generator) for seed, generator in orders.items()}
        order = torch.stack([drawn[seed] for _, _, seed in configurations])
        total = 0.0
        for index in range(naive.STEPS_PER_EPOCH):
            picked = order[:, index * 64 : (index + 1) * 64]
            chosen = inputs.index_select(0, picked.flatten()).unflatten(0, picked.shape)
            total += model.learn(Batch(chosen.transpose(1, 2), labels[picked], 64))
            step = epoch * naive.STEPS_PER_EPOCH + index
            adam.entry.update(model.parameters, model.gradient, state, step, rates[step], **adam.arguments)
        means = (total / naive.STEPS_PER_EPOCH).tolist()
        for r, (rule, schedule) in plateaus.items():
            schedule.step(means[r])
            rates[step + 1 :, r] = rule.param_groups[0]["lr"]
        history.append((means, rates[min(step + 1, len(rates) - 1), :, 0].tolist()))
    return float(history[-1][0][0])


def w3_engine(path: str, configurations: list[Any]) -> float:
    """One stack of W3: loss and gradient norm of every step, as the baseline keeps them."""
    import torch

    from core.engine.data import Batch
    from core.engine.recurrent import Recurrent
    from core.engine.statistics import vector_norms
    from core.parts.clippers import CLIPPERS, Gradients
    from core.parts.optimizers import OPTIMIZERS

    naive = naive_module(path)
    how = CLIPS[configurations[0][0]]
    model = Recurrent(
        "rnn", naive.HIDDEN, 2, tuple(("torch_default", seed) for _, _, seed in configurations), torch.float32, "cpu"
    )
    limits = torch.tensor([[threshold] for _, threshold, _ in configurations])
    clipper = CLIPPERS[how]
    arguments = {argument.name: limits for argument in clipper.arguments}
    sgd, state = OPTIMIZERS.parse("sgd(momentum=0.9)"), {}
    lr = torch.full((len(configurations), 1), 0.01)
    generators = {seed: torch.Generator().manual_seed(1000 + seed) for _, _, seed in configurations}
    losses, norms = [], []
    for step in range(naive.RNN_STEPS):
        drawn = {seed: naive.adding_batch(generator) for seed, generator in generators.items()}
        inputs = torch.stack([drawn[seed][0] for _, _, seed in configurations]).permute(2, 0, 3, 1)
        targets = torch.stack([drawn[seed][1] for _, _, seed in configurations])
        losses.append(model.learn(Batch(inputs, targets, naive.RNN_BATCH)))
        norm = vector_norms(model.gradient).float()
        if clipper.clip is not None:
            clipper.clip(Gradients(model.gradient, model.parameters, norm, model.layout), **arguments)
        norms.append(norm)
        sgd.entry.update(model.parameters, model.gradient, state, step, lr, **sgd.arguments)
    return float(losses[-1][0])


def stacks(naive: ModuleType, workload: str) -> list[list[Any]]:
    """The whole workload in chunks; those of W3 have one clipper each."""
    grid = naive.w2_grid() if workload == "W2" else naive.w3_grid()
    size = CHUNK[workload]
    if workload == "W2":
        return [grid[start : start + size] for start in range(0, len(grid), size)]
    kinds = [[item for item in grid if item[0] == how] for how in naive.CLIPS]
    return [kind[start : start + size] for kind in kinds for start in range(0, len(kind), size)]


def loop(naive: ModuleType, workload: str, share: int) -> float:
    """Seconds of the plain loop on the whole workload, from every ``share``-th training."""
    grid, run = (naive.w2_grid(), naive.w2_run) if workload == "W2" else (naive.w3_grid(), naive.w3_run)
    picked = grid[share // 2 :: share]
    run(picked[0])
    return seconds(lambda: [run(item) for item in picked]) * len(grid) / len(picked)


def plain_runs(path: str, workload: str, items: list[Any]) -> int:
    """Some trainings of the plain loop, in a worker."""
    naive = naive_module(path)
    run = naive.w2_run if workload == "W2" else naive.w3_run
    return len([run(item) for item in items])


def plain_pool(executor: Executor, path: str, naive: ModuleType, workload: str, share: int) -> float:
    """Seconds of a pool of two processes that run the plain loop."""
    grid = naive.w2_grid() if workload == "W2" else naive.w3_grid()
    picked = grid[share // 2 :: share]
    halves = [picked[::2], picked[1::2]]
    took = seconds(lambda: list(executor.map(plain_runs, [path] * 2, [workload] * 2, halves)))
    return took * len(grid) / len(picked)


EXPERIMENTS = {
    "W2": (
        "schedulers",
        {
            "scheduler": "constant,step,multi_step,exponential,cosine,cosine_restarts,one_cycle,plateau",
            "base_lr": "0.0001,0.0003,0.001,0.003,0.01",
        },
    ),
    "W3": (
        "clipping",
        {
            "dataset": "adding(length=64)",
            "base_lr": "0.01",
            "clipper": "none,"
            + ",".join(
                f"{name}={limit})"
                for name in ("value(clip_value", "norm(max_norm", "per_parameter(max_norm", "adaptive(clipping")
                for limit in ("0.01", "0.1", "0.5", "1.5", "5.0")
            ),
        },
    ),
}


def whole_command(workload: str, seeds: int) -> tuple[int, float]:
    """Trainings, and seconds, of the whole command: start-up, store and export included."""
    import core

    name, given = EXPERIMENTS[workload]
    with tempfile.TemporaryDirectory() as folder:
        settings = [f"{setting}={value}" for setting, value in given.items()]
        places = ["--out", f"{folder}/frame.csv", "--store", f"{folder}/store.sqlite", "--quiet", "--workers", "2"]
        command = [sys.executable, "-m", "core", "run", name, *settings, f"seeds={seeds}", *places]
        took = seconds(lambda: subprocess.run(command, cwd=ROOT, check=True))
    return core.experiment(name).sweep({**given, "seeds": str(seeds)}).size, took


def gemm_peak() -> float:
    """GF/s of a large product on one core, the machine's peak."""
    import torch

    a, b = torch.randn(1024, 1024), torch.randn(1024, 1024)
    out = torch.empty(1024, 1024)
    return 2 * 1024**3 / min(seconds(lambda: torch.mm(a, b, out=out)) for _ in range(9)) / 1e9


FLOPS = {"W2": 6.0 * 64 * 64 * (64 + 10) * 840, "W3": 6.0 * 64 * 32 * 35 * 64 * 200}  # of one training


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--baseline", default=BASELINE, help="the plain loop")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--share", type=int, default=20, help="the loop runs every share-th training")
    parser.add_argument("--workloads", default="W2,W3")
    parser.add_argument("--whole", type=int, default=1, help="0 leaves the whole commands out")
    arguments = parser.parse_args()
    naive = naive_module(arguments.baseline)
    import torch

    torch.set_num_threads(1)
    executor = executors.local_executor(2)
    list(executor.map(peak_memory, range(4)))
    peak = gemm_peak()
    print(f"{'':46}{'plain loop':>12}{'ours':>10}{'ratio':>8}  (medians of {arguments.rounds} rounds)")
    for workload in arguments.workloads.split(","):
        engine = w2_engine if workload == "W2" else w3_engine
        tasks = stacks(naive, workload)
        list(executor.map(engine, [arguments.baseline] * 2, [tasks[0], tasks[-1]]))  # warm, as in a server
        rows: dict[str, list[tuple[float, float]]] = {}
        for _ in range(arguments.rounds):
            plain = loop(naive, workload, arguments.share)
            ours = seconds(lambda: list(executor.map(engine, [arguments.baseline] * len(tasks), tasks)))  # noqa: B023
            rows.setdefault(f"{workload} engine, 2 workers", []).append((plain, ours))
            pool = plain_pool(executor, arguments.baseline, naive, workload, arguments.share)
            rows.setdefault(f"{workload} the same loop in 2 processes", []).append((plain, pool))
            rows.setdefault(f"{workload} experiment, all columns", []).append(_experiment(executor, workload, plain))
            if arguments.whole:
                trainings, took = whole_command(workload, 20 if workload == "W2" else 15)
                baseline = plain * trainings / (200 if workload == "W2" else 150)
                rows.setdefault(f"{workload} whole command, {trainings} trainings", []).append((baseline, took))
        for name, times in rows.items():
            loops, ours = (statistics.median(column) for column in zip(*times, strict=True))
            ratio = statistics.median(plain / own for plain, own in times)
            print(f"{name:46}{loops:10.1f} s{ours:8.2f} s{ratio:7.1f}x")
        best = min(own for _, own in rows[f"{workload} engine, 2 workers"])
        runs = sum(len(task) for task in tasks)
        share = FLOPS[workload] * runs / best / 1e9 / (2 * peak)
        print(f"{workload}: {share:.0%} of the GEMM peak of two cores ({2 * peak:.0f} GF/s)")
    print(f"peak memory of a worker {max(executor.map(peak_memory, range(4))):.0f} MB; {os.cpu_count()} cores")
    executor.shutdown()


def _experiment(executor: Executor, workload: str, plain: float) -> tuple[float, float]:
    """The plain loop's seconds for as many trainings, and ours with validation and all columns."""
    import core

    name, given = EXPERIMENTS[workload]
    kind = core.experiment(name)
    runs = list(kind.sweep({**given, "seeds": "5"}).runs())
    from tests.benchmarks.vanishing import computed

    took = pooled(executor, computed, kind.tasks(runs))
    return plain * len(runs) / (200 if workload == "W2" else 150), took


if __name__ == "__main__":
    main()
