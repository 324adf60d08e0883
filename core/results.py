"""What the store holds, as runs of today: a sweep's finished runs, an experiment's stored ones, those of older versions."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from core.experiments import NAMES as EXPERIMENTS
from core.experiments import experiment
from core.settings import Run
from core.store import Store
from core.sweeps import Sweep


def finished(sweep: Sweep, store: Store) -> tuple[list[Run], list[bytes], list[str]]:
    """The sweep's runs that the store holds, in row order, with their frames and ids."""
    frames = store.find(sweep.ids).frames
    pairs = [(run, id) for run, id in zip(sweep.runs(), sweep.ids, strict=True) if id in frames]
    return [run for run, _ in pairs], [frames[id] for _, id in pairs], [id for _, id in pairs]


def stored_runs(name: str, store: Store, wanted: Mapping[str, str]) -> tuple[list[Run], list[bytes]]:
    """An experiment's stored runs in order of settings and seed, with their frames: those ``wanted``, as a sweep is written."""
    asked = experiment(name).sweep(wanted)
    axes = {setting: set(asked.axes[setting]) for setting in wanted if setting != "seeds"}
    runs = {
        id: run
        for id, run in _known(name, store)
        if run is not None
        and all(getattr(run.settings, setting) in allowed for setting, allowed in axes.items())
        and ("seeds" not in wanted or run.seed in asked.seeds)
    }
    frames = store.find(list(runs)).frames
    kept = sorted(((run, id) for id, run in runs.items() if id in frames), key=lambda pair: _sort_key(pair[0]))
    return [run for run, _ in kept], [frames[id] for _, id in kept]


def outdated(store: Store) -> list[str]:
    """The ids of stored runs that no run of today has: an older version of their experiment made them."""
    return [id for name in store.counts() for id, run in _known(name, store) if run is None]


def _known(name: str, store: Store) -> Iterator[tuple[str, Run | None]]:
    """Every stored row of an experiment: its id, and its run; None where no run of today has that id."""
    kind = experiment(name) if name in EXPERIMENTS else None
    for id, settings, seed in store.stored(name):
        try:
            run = Run(name, kind.version, kind.settings.stored(**json.loads(settings)), seed) if kind else None
        except ValueError:
            run = None
        yield id, run if run is not None and run.id == id else None


def _sort_key(run: Run) -> tuple[object, ...]:
    return (*((value is not None, value) for _, value in run.settings), run.seed)
