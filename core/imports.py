"""Runs that were exported elsewhere, taken into the store as imported ones: checked, not trusted.

Every setting passes the experiment's own settings class, and every run id is worked out anew from settings and seed. Such
runs are listed, opened, exported, compared and deleted; Run never takes them for its own.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from core import tables
from core.experiments import Experiment
from core.exported_tables import MOST_BYTES, exported_table
from core.settings import Run, Settings, run_id, run_identity
from core.store import IMPORTED, Store, checksum
from core.sweeps import Sweep

if TYPE_CHECKING:
    import pandas as pd

MOST_SWEEPS = 100
LONGEST_SOURCE = 80
ROOMY = 1_000  # a grid is tried whose combinations are at most so many times those that are there


class Imported(NamedTuple):
    """What an import did: the runs that are new in the store, those that were there and stay, the sweeps of them all."""

    experiment: str
    runs: int
    already: int
    sweeps: int

    @property
    def sentence(self) -> str:
        """The same in words."""
        stay = f"; {self.already:,} were in the store already and stay as they are" if self.already else ""
        runs, sweeps = (
            f"{n:,} {noun}{'' if n == 1 else 's'}" for n, noun in ((self.runs, "run"), (self.sweeps, "sweep"))
        )
        return f"{runs} of {self.experiment} imported, in {sweeps}{stay}"


def import_file(path: str, store_path: str | None) -> Imported:
    """Imports a CSV or Parquet file; ValueError says what is wrong with it, and nothing is written then."""
    source = Path(path)
    if not source.is_file():
        raise ValueError(f"{path}: there is no such file")
    if source.stat().st_size > MOST_BYTES:
        raise ValueError(f"{path}: has more than {MOST_BYTES / 1e6:,.0f} MB, and no more are read")
    rows = checked_runs(source.name, source.read_bytes())
    return keep(rows, source.name, Store(store_path))


def import_bytes(name: str, data: bytes, store: Store) -> Imported:
    """Imports the content of a file called ``name``; ValueError says what is wrong with it, and nothing is written then."""
    return keep(checked_runs(name, data), name, store)


class CheckedRuns(NamedTuple):
    """Runs whose settings and ids are right, with their frames."""

    kind: Experiment
    runs: list[Run]
    frames: list[bytes]


def checked_runs(name: str, data: bytes) -> CheckedRuns:
    """The runs of an exported file; ValueError says what is wrong with it."""
    kind, table = exported_table(name, data)
    frame = table.select(["run", "seed", *kind.index]).to_pandas()
    order = _order(name, kind, frame)
    ids, starts = np.unique(frame["run"].to_numpy()[order], return_index=True)
    firsts = np.sort(starts)
    lengths = np.diff([*firsts, len(order)])
    assert len(ids) == len(firsts)
    table = table.take(pa.array(order))
    heads = table.take(pa.array(firsts)).select(["run", *kind.settings.names(), "seed"])
    _check_constant(name, table, heads, lengths)
    runs = _runs(name, kind, heads.to_pylist(), lengths)
    arrays = {column: _numbers(table[column]) for column in (*kind.index, *kind.measures)}
    parts = [
        {column: values[start : start + rows] for column, values in arrays.items()}
        for start, rows in zip(firsts, lengths, strict=True)
    ]
    return CheckedRuns(kind, runs, tables.encode(parts))


def _order(name: str, kind: Experiment, frame: pd.DataFrame) -> np.ndarray:
    """The rows run by run, each in the order of its place; ValueError for a place that is there twice or below 0."""
    places = frame[list(kind.index)]
    if (places < 0).any(axis=None):
        raise ValueError(f"{name}: {' and '.join(kind.index)} must be 0 or more")
    number = frame.groupby("run", sort=False).ngroup()
    keys = [places[column].to_numpy() for column in reversed(kind.index)]
    order = np.lexsort([*keys, number.to_numpy()])
    ordered = frame.iloc[order]
    twice = ordered.duplicated(["run", *kind.index])
    if twice.any():
        row = ordered[twice].iloc[0]
        place = ", ".join(f"{column} {row[column]}" for column in kind.index)
        raise ValueError(f"{name}: run {_short(row['run'])} has {place} twice")
    return order


def _short(id: str) -> str:
    return f"{id[:12]}…" if len(id) > 12 else id


def _check_constant(name: str, table: pa.Table, heads: pa.Table, lengths: np.ndarray) -> None:
    """Every row of a run says the same settings and seed."""
    import pyarrow.compute as pc

    of = pa.array(np.repeat(np.arange(len(lengths)), lengths))
    for column in heads.column_names:
        values, first = table[column].combine_chunks(), heads[column].combine_chunks().take(of)
        same = pc.if_else(
            pc.or_(pc.is_null(values), pc.is_null(first)),
            pc.equal(pc.is_null(values), pc.is_null(first)),
            pc.equal(values, first),
        )
        if not pc.all(same).as_py():
            row = pc.index(same, False).as_py()
            raise ValueError(f"{name}: run {_short(table['run'][row].as_py())} has two values of {column}")


def _runs(name: str, kind: Experiment, heads: Sequence[dict[str, Any]], lengths: np.ndarray) -> list[Run]:
    """The run of each head, its settings validated and its id worked out anew."""
    points: dict[tuple[Any, ...], tuple[Settings, int, list[str]]] = {}
    runs = []
    for head, rows in zip(heads, lengths, strict=True):
        values = {setting: head[setting] for setting in kind.settings.names() if head[setting] is not None}
        key = tuple(values.items())
        if key not in points:
            try:
                point = kind.settings.point(**values)
            except ValueError as error:
                sentence = str(error).splitlines()[0]
                raise ValueError(f"{name}: run {_short(head['run'])}: {sentence}") from None
            identities = [run_identity(kind.name, version, point) for version in range(kind.version, 0, -1)]
            points[key] = point, kind.cost(point).rows, identities
        point, most, identities = points[key]
        if head["seed"] < 0:
            raise ValueError(f"{name}: seed must be 0 or more, but got {head['seed']}")
        if rows > most:
            raise ValueError(f"{name}: run {_short(head['run'])} has {rows:,} rows, and its settings make {most:,}")
        version = next(
            (kind.version - age for age, each in enumerate(identities) if run_id(each, head["seed"]) == head["run"]),
            None,
        )
        if version is None:
            raise ValueError(
                f"{name}: {_short(head['run'])} is not the id of its settings and seed: the file was changed, or another "
                "program wrote it"
            )
        runs.append(Run(kind.name, version, point, head["seed"]))
    return runs


def _numbers(column: pa.ChunkedArray) -> np.ndarray:
    """A column's numbers; what is missing is NaN."""
    column = column.combine_chunks()
    return column.to_numpy(zero_copy_only=False).astype(float if pa.types.is_floating(column.type) else None)


def keep(checked: CheckedRuns, source: str, store: Store) -> Imported:
    """Puts checked runs into the store as imported ones, with their sweeps; a run that is there already stays as it is."""
    kind, runs, frames = checked
    sweeps = list(_sweeps(kind, runs))
    if len(sweeps) > MOST_SWEEPS:
        raise ValueError(
            f"{source}: its runs make {len(sweeps):,} sweeps, and at most {MOST_SWEEPS} are imported at once"
        )
    now, maker = time.time(), "".join(filter(str.isprintable, source))[:LONGEST_SOURCE]
    rows = []
    for run, frame in zip(runs, frames, strict=True):
        settings = json.dumps(run.settings.values(), sort_keys=True)
        rows.append((run.id, kind.name, settings, run.seed, IMPORTED, maker, 0.0, now, checksum(run.id, frame), frame))
    with store.transaction() as connection:
        before = connection.total_changes
        connection.executemany("INSERT OR IGNORE INTO runs VALUES (?,?,?,?,?,?,?,?,?,?)", sorted(rows))
        new = connection.total_changes - before
        for sweep in sweeps:
            link = json.dumps(sweep.link(), sort_keys=True)
            asked = connection.execute(
                "SELECT 1 FROM sweeps WHERE experiment=? AND link=?", (kind.name, link)
            ).fetchone()
            if asked is None:
                connection.execute(
                    "INSERT OR IGNORE INTO sweeps VALUES (?,?,?,?,?)", (sweep.key, kind.name, link, len(sweep.ids), now)
                )
    return Imported(kind.name, new, len(runs) - new, len(sweeps))


def _sweeps(kind: Experiment, runs: Sequence[Run]) -> Iterator[Sweep]:
    """Few sweeps that hold these runs: a grid for the points that share their seeds, split where they make none."""
    seeds: dict[Settings, list[int]] = {}
    for run in runs:
        seeds.setdefault(run.settings, []).append(run.seed)
    groups: dict[tuple[int, ...], list[Settings]] = {}
    for point, of in seeds.items():
        groups.setdefault(tuple(sorted(set(of))), []).append(point)
    for of_all, points in groups.items():
        yield from _grids(kind, points, of_all)


def _grids(kind: Experiment, points: Sequence[Settings], seeds: tuple[int, ...]) -> Iterator[Sweep]:
    names = kind.settings.names()
    defaults = kind.settings.defaults()
    axes = {
        name: list(dict.fromkeys(v for point in points if (v := getattr(point, name)) is not None)) for name in names
    }
    worked_out = {name for name in names if defaults[name] is None}
    whole = seeds[-1] - seeds[0] == len(seeds) - 1
    given: dict[str, object] = {"seeds": range(seeds[0], seeds[-1] + 1) if whole else seeds}
    wanted = {run_identity(kind.name, kind.version, point) for point in points}
    for left_out in (worked_out, set()):
        grid = given | {name: values for name, values in axes.items() if values and name not in left_out}
        try:
            sweep = kind.sweep(grid)
            if sweep.size > ROOMY * len(points) * len(seeds):
                continue
            made = {run_identity(kind.name, kind.version, point) for point in sweep.points}
        except ValueError:  # a grid of theirs holds what can't go together
            continue
        if made == wanted or (len(points) == 1 and made >= wanted):
            yield sweep
            return
    varying = next((name for name in names if len({getattr(point, name) for point in points}) > 1), None)
    if varying is None:
        return
    for value in dict.fromkeys(getattr(point, varying) for point in points):
        yield from _grids(kind, [point for point in points if getattr(point, varying) == value], seeds)
