"""What the store holds, as runs: a sweep's finished runs, an experiment's stored ones, those that other versions made.

A row is served to Run only where today's version, device and packages made it; it is listed, opened, exported, counted and
deleted whoever made it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from core.deletions import set_aside
from core.experiments import NAMES as EXPERIMENTS
from core.experiments import experiment
from core.files import Pieces, needs_quotes
from core.labels import sweep_labels
from core.settings import Run
from core.store import IMPORTED, Store, StoredSweep
from core.sweeps import Sweep

if TYPE_CHECKING:
    import pyarrow as pa


PIECE_RUNS = 2000  # whose frames are in memory at once while a table is written


def finished(sweep: Sweep, store: Store, by_anyone: bool = False) -> tuple[list[Run], list[bytes], list[str]]:
    """The sweep's runs that the store holds, in row order, with their frames and ids."""
    frames = store.find(sweep.ids, by_anyone).frames
    pairs = [(run, id) for run, id in zip(sweep.runs(), sweep.ids, strict=True) if id in frames]
    return [run for run, _ in pairs], [frames[id] for _, id in pairs], [id for _, id in pairs]


def pieces(sweep: Sweep, store: Store) -> Pieces:
    """The tidy table of the sweep's runs that the store holds, in row order, ``PIECE_RUNS`` of them at a time."""
    texts = (value for point in sweep.points for value in point.values().values() if isinstance(value, str))
    every = zip(sweep.runs(), sweep.run_ids(), strict=True)
    return Pieces(_tables(sweep.experiment, every, store), needs_quotes(texts))


def stored_pieces(name: str, rows: Sequence[tuple[Run, str]], store: Store) -> Pieces:
    """The tidy table of an experiment's runs, by whoever made them, in this order, ``PIECE_RUNS`` of them at a time."""
    texts = {value for run, _ in rows for _, value in run.settings if isinstance(value, str)}
    return Pieces(_tables(name, iter(rows), store, by_anyone=True), needs_quotes(texts))


def _tables(name: str, rows: Iterator[tuple[Run, str]], store: Store, by_anyone: bool = False) -> Iterator[pa.Table]:
    kind, empty = experiment(name), True
    while some := list(islice(rows, PIECE_RUNS)):
        frames = store.find([id for _, id in some], by_anyone).frames
        there = [(run, frames[id], id) for run, id in some if id in frames]
        if there:
            empty = False
            yield kind.table(*map(list, zip(*there, strict=True)))
    if empty:
        yield kind.table([], [], [])


class Kept(NamedTuple):
    """A sweep that was asked for, as the store holds it.

    sweep     of the version that made most of its runs, today's where it made any
    finished  how many of its runs are there
    made_by   what to say of runs that Run would compute again; empty for today's
    """

    sweep: Sweep
    finished: int
    made_by: str


def kept(stored: StoredSweep, store: Store) -> Kept:
    """What the store holds of a sweep that was asked for; ValueError where its link can't be read any more."""
    return kept_sweep(experiment(stored.experiment).stored_sweep(stored.link), store)


def kept_sweep(sweep: Sweep, store: Store) -> Kept:
    """What the store holds of a sweep: today's runs, else those that other packages or earlier versions made."""
    today = store.count(sweep.ids)
    if today:
        return Kept(sweep, today, "")
    for version in range(sweep.version, 0, -1):
        earlier = sweep if version == sweep.version else replace(sweep, version=version)
        there = store.count(earlier.ids, by_anyone=True)
        if there:
            maker = "other packages or another machine" if version == sweep.version else f"version {version}"
            return Kept(earlier, there, f"made by {_makers(store.sources(earlier.ids), maker)}; Run computes it again")
    return Kept(sweep, 0, "")


def _makers(sources: Sequence[str | None], maker: str) -> str:
    """Who made runs of these sources: ``an import of results.csv``, ``maker`` those that were computed, or both."""
    files = sorted({source for source in sources if source is not None})
    imports = f"an import of {', '.join(files[:2])}{' and others' if len(files) > 2 else ''}"
    return " and ".join([imports] * bool(files) + [maker] * (None in sources))


def stored_runs(name: str, store: Store, wanted: Mapping[str, str]) -> list[tuple[Run, str]]:
    """An experiment's stored runs in order of settings and seed, with their ids: those ``wanted``, as a sweep is written.

    Of the same settings and seed made by several versions, the latest version's.
    """
    asked = experiment(name).sweep(wanted)
    axes = {setting: set(asked.axes[setting]) for setting in wanted if setting != "seeds"}
    latest: dict[tuple[object, ...], tuple[Run, str]] = {}
    for id, run in _known(name, store):
        if run is None or ("seeds" in wanted and run.seed not in asked.seeds):
            continue
        if all(getattr(run.settings, setting) in allowed for setting, allowed in axes.items()):
            key = _sort_key(run)
            if key not in latest or latest[key][0].version < run.version:
                latest[key] = run, id
    return [latest[key] for key in sorted(latest)]


def delete_sweeps(keys: set[str], store: Store) -> int:
    """Deletes the runs of these sweeps, whoever made them, those excepted that other sweeps share; how many went.

    Until the next deletion ``bring_back`` undoes it.
    """
    doomed: set[str] = set()
    shared: set[str] = set()
    for stored in store.sweeps():
        try:
            sweep = experiment(stored.experiment).stored_sweep(stored.link)
        except ValueError:  # its settings can't be read any more: its runs stay for prune
            continue
        ids = all_ids(sweep)
        if stored.key in keys:
            doomed |= ids
        else:
            shared |= ids
    there = sorted(doomed - shared)
    count = store.count(there, by_anyone=True)
    set_aside(there, sorted(keys), store)
    return count


def all_ids(sweep: Sweep) -> set[str]:
    """The ids of a sweep's runs, of every version so far."""
    return {id for version in range(sweep.version, 0, -1) for id in replace(sweep, version=version).ids}


def starred_ids(store: Store) -> set[str]:
    """The ids of all runs of starred sweeps, of every version; a sweep that can't be read any more has none."""
    stars = {key for key, label in sweep_labels(store).items() if label.starred}
    ids: set[str] = set()
    for stored in store.sweeps():
        if stored.key in stars:
            with suppress(ValueError):
                ids |= all_ids(experiment(stored.experiment).stored_sweep(stored.link))
    return ids


def drop_oldest(store: Store, most: int) -> dict[str, int]:
    """Deletes the oldest runs until the store's file has at most so many bytes; how many went, by experiment.

    Runs of starred sweeps stay, even if they alone take more.
    """
    starred, dropped = starred_ids(store), Counter[str]()
    while True:
        store.shrink()
        ages, size = store.ages(), store.size()
        loose = [row for row in ages if row[0] not in starred]
        if size <= most or not loose:
            return dict(sorted(dropped.items()))
        share = size / sum(row[2] for row in ages)  # bytes of the file for a byte of a row
        reach = np.cumsum([row[2] for row in loose]) * share
        doomed = loose[: int(np.searchsorted(reach, size - most)) + 1]
        store.delete([id for id, _, _ in doomed])
        dropped.update(name for _, name, _ in doomed)


def outdated(store: Store) -> list[str]:
    """The ids of stored runs that no run of today has: an older version of their experiment made them here."""
    imported = {id for (id,) in store.select("SELECT id FROM runs WHERE device=?", IMPORTED)}
    return [
        id
        for name in store.counts()
        for id, run in _known(name, store)
        if id not in imported and (run is None or run.version != experiment(name).version)
    ]


def _known(name: str, store: Store) -> Iterator[tuple[str, Run | None]]:
    """Every stored row of an experiment: its id, and its run, of whichever version; None where no version has that id."""
    kind = experiment(name) if name in EXPERIMENTS else None
    for id, settings, seed in store.stored(name):
        yield id, None if kind is None else _run_of(id, name, kind.version, settings, seed)


def _run_of(id: str, name: str, version: int, settings: str, seed: int) -> Run | None:
    try:
        point = experiment(name).settings.stored(**json.loads(settings))
        for earlier in range(version, 0, -1):
            run = Run(name, earlier, point, seed)
            if run.id == id:
                return run
    except (ValueError, TypeError, AssertionError, RecursionError):  # settings that today's class does not know
        return None
    return None


def _sort_key(run: Run) -> tuple[object, ...]:
    return (*((value is not None, value) for _, value in run.settings), run.seed)
