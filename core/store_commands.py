"""The command line's words on the store: list, export, import, verify, prune."""

from __future__ import annotations

import argparse
import math
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import core
from core.faults import DamagedError
from core.registry import brief
from core.salvage import salvage
from core.sweeps import assignments
from core.words import counted

DAMAGED = 1  # exit code of verify where rows are damaged
UNITS = {"kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}
LOST_SHOWN = 10  # ids of runs that are damaged with their page

T = TypeVar("T")


def add(commands: Any) -> None:
    """Adds ``store`` and its actions to the commands."""
    store = commands.add_parser("store", help="finished runs: list, export, import, verify, prune")
    actions = store.add_subparsers(dest="action", required=True, metavar="list|export|import|verify|prune")
    listing = actions.add_parser("list", help="sweeps that were asked for, and what is there")
    listing.set_defaults(act=_list)
    export = actions.add_parser("export", help="stored runs of an experiment as one frame")
    export.add_argument("experiment")
    export.add_argument("settings", nargs="*", metavar="name=value,...", help="only runs with these settings and seeds")
    add_output(export)
    export.set_defaults(act=_export)
    bring = actions.add_parser("import", help="runs that were exported elsewhere, from a CSV or Parquet file")
    bring.add_argument("file")
    bring.set_defaults(act=_import)
    verify = actions.add_parser("verify", help="check every row's checksum; exit code 1 if rows are damaged")
    verify.set_defaults(act=_verify)
    prune = actions.add_parser("prune", help="delete rows that are damaged or were made by other versions")
    prune.add_argument("--older-than", type=float, metavar="DAYS", help="also rows made more than so many days ago")
    prune.add_argument(
        "--keep", metavar="SIZE", help="also the oldest until the rest fits, such as 5GB; starred sweeps stay"
    )
    prune.add_argument("--all", action="store_true", help="everything, and tables as they were read")
    prune.set_defaults(act=_prune)
    for command in (listing, export, bring, verify, prune):
        add_place(command)


def add_place(parser: argparse.ArgumentParser) -> None:
    """Adds ``--store``."""
    parser.add_argument("--store", metavar="PATH", help="the store (default: $GRADIENT_LAB_STORE or .gradient_lab)")


def add_output(parser: argparse.ArgumentParser) -> None:
    """Adds ``--out``."""
    parser.add_argument(
        "--out", default="-", metavar="FILE", help=".csv or .parquet; - or none: CSV on standard output"
    )


def _existing_store(path: str | None) -> core.Store:
    """The store, which must be there already where its path was written; ValueError says that it is not."""
    if path is not None and not Path(path).exists():
        raise ValueError(f"--store: {path} does not exist; name a store that run has filled")
    return core.Store(path)


def _of_whole(act: Callable[[core.Store], T], path: str | None) -> T:
    """What ``act`` makes of the store; where pages of it are damaged, of what is whole in it, and the damage is said."""
    store = _existing_store(path)
    try:
        return act(store)
    except DamagedError:
        with tempfile.TemporaryDirectory(prefix="gradient_lab_") as folder:
            whole, lost = salvage(store, Path(folder))
            print(_damage(whole, lost), file=sys.stderr)
            print("python -m core store prune keeps what is whole; run computes the rest again", file=sys.stderr)
            done = act(whole)
            whole.close()
            return done


def _damage(whole: core.Store, lost: list[str]) -> str:
    """What is whole and what is lost of a store whose pages are damaged."""
    count = sum(runs for runs, _ in whole.counts().values())
    names = f", {len(lost):,} are lost: {', '.join(lost[:LOST_SHOWN])}" if lost else ""
    return f"pages of the store {whole.path} are damaged: {count:,} runs are whole{names}{' …' if len(lost) > LOST_SHOWN else ''}"


def _list(arguments: argparse.Namespace) -> None:
    print("\n".join(_of_whole(_lines, arguments.store)))


def _lines(store: core.Store) -> list[str]:
    """What is in the store, a line for each experiment, sweep and recording."""
    from core import results
    from core.labels import Label, sweep_labels

    lines = [f"{name}: {runs:,} runs, {size / 1e6:,.1f} MB" for name, (runs, size) in store.counts().items()]
    written = sweep_labels(store)
    for stored in store.sweeps():
        made = _minute(stored.created)
        try:
            there = results.kept(stored, store)
        except ValueError as error:
            if isinstance(error, core.StoreError):
                raise
            reason = brief(str(error).splitlines()[0])
            lines.append(f"{made}  {brief(stored.experiment)}: its settings can't be read any more ({reason})")
            continue
        note = f" ({there.made_by})" if there.made_by else ""
        label = written.get(stored.key, Label())
        called = " ".join(["★"] * label.starred + [label.name] * bool(label.name))
        count = f"{made}  {there.finished:,} of {stored.runs:,} runs{note}"
        lines.append(f"{count}  {called + '  ' if called else ''}{there.sweep.text()}")
    for recording in core.recordings_beside(str(store.path)):
        made = _minute(recording.changed)
        lines.append(
            f"{made}  recording {recording.name!r}, {recording.size / 1e6:,.1f} MB; see python -m core diagnose"
        )
    if not store.counts():
        lines.append(f"{store.path} holds no runs yet; fill it with python -m core run vanishing")
    return lines


def _minute(created: float) -> str:
    try:
        return time.strftime("%Y-%m-%d %H:%M", time.localtime(created))
    except (OverflowError, ValueError, OSError, TypeError):  # a number that is no time
        return "????-??-?? ??:??"


def _export(arguments: argparse.Namespace) -> None:
    from core import files

    kind = core.experiment(arguments.experiment)
    target = None if arguments.out == "-" else files.check_output(arguments.out)
    wanted = assignments(arguments.settings)
    with tempfile.TemporaryDirectory(prefix="gradient_lab_") as folder:
        whole = target or Path(folder) / "runs.csv"  # before a line of it is printed
        if not _of_whole(lambda store: _written(kind, store, wanted, whole), arguments.store):
            place = arguments.store or core.default_path()
            raise ValueError(f"{place} holds no such runs of {kind.name}; see python -m core store list")
        if target is None:
            with whole.open("rb") as file, files.whole_output() as sink:
                shutil.copyfileobj(file, sink)


def _written(kind: core.Experiment, store: core.Store, wanted: Mapping[str, str], target: Path) -> bool:
    """Writes those stored runs into a file, if there are any; whether there are."""
    from core import files, results

    rows = results.stored_runs(kind.name, store, wanted)
    if rows:
        files.save(results.stored_pieces(kind.name, rows, store), target)
    return bool(rows)


def _import(arguments: argparse.Namespace) -> None:
    print(core.import_file(arguments.file, arguments.store).sentence)


def _verify(arguments: argparse.Namespace) -> int:
    from core import results

    store = _existing_store(arguments.store)
    try:
        store.check()
        damaged, total = store.damaged(), sum(runs for runs, _ in store.counts().values())
        others = len({*results.outdated(store)} - {*damaged})
    except DamagedError:
        with tempfile.TemporaryDirectory(prefix="gradient_lab_") as folder:
            whole, lost = salvage(store, Path(folder))
            print(_damage(whole, lost))
            whole.close()
        print(
            "\n".join(
                ["python -m core store prune keeps what is whole; run computes the rest again", *lost[LOST_SHOWN:]]
            )
        )
        return DAMAGED
    print(
        f"{counted(total, 'row')} checked, {len(damaged):,} damaged"
        + (": they will be computed again" if damaged else "")
    )
    for id in damaged:
        print(id)
    if others:
        print(
            f"{others:,} rows fit no run of today's version, such as those of an earlier one; store prune deletes them"
        )
    return DAMAGED if damaged else 0


def bytes_of(size: str) -> int:
    """A size such as ``5GB`` in bytes; ValueError for anything else."""
    written = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]b)", size.strip().lower())
    value = float(written[1]) * UNITS[written[2]] if written else math.inf
    if not math.isfinite(value):
        raise ValueError(f"--keep: must be a size such as 500MB or 5GB, but got {brief(size)}")
    return int(value)


def _prune(arguments: argparse.Namespace) -> None:
    from core import deletions, labels, results
    from core.parts import kept_tables

    if arguments.older_than is not None and not arguments.older_than >= 0:
        raise ValueError(f"--older-than: must be 0 or more days, but got {arguments.older_than}")
    most = None if arguments.keep is None else bytes_of(arguments.keep)
    if arguments.all and most is not None:
        raise ValueError("--keep: keeps some runs and --all none; give one of them")
    store = _existing_store(arguments.store)
    _mend(store)
    doomed = {*store.stale(), *results.outdated(store)}
    if arguments.older_than is not None or arguments.all:
        doomed |= set(store.older_than(0.0 if arguments.all else arguments.older_than))
    starred = set() if arguments.all else doomed & results.starred_ids(store)
    doomed = (doomed - starred) | set(store.damaged())
    store.delete(sorted(doomed))
    if arguments.all:
        store.forget([sweep.key for sweep in store.sweeps()])
        labels.clear(store)
    deletions.give_up(store)
    store.shrink()
    oldest = {} if most is None else results.drop_oldest(store, most)
    print(f"{counted(len(doomed) + sum(oldest.values()), 'row')} deleted from {store.path}")
    freed = kept_tables.drop_oldest(0) if arguments.all and store.path == Path(kept_tables.default_path()) else 0
    if freed:
        print(f"{freed / 1e6:,.1f} MB of readings of tables deleted; the tables stay")
    if starred:
        print(f"{counted(len(starred), 'row')} of starred sweeps {'stays' if len(starred) == 1 else 'stay'}")
    if most is not None:
        _say_kept(store, oldest, most, arguments.keep)


def _mend(store: core.Store) -> None:
    """Puts what is whole in the place of a store whose pages are damaged, and says so."""
    try:
        store.check()
        return
    except DamagedError:
        with tempfile.TemporaryDirectory(prefix="gradient_lab_") as folder:
            whole, lost = salvage(store, Path(folder))
            store.replace(whole)
            print(_damage(whole, lost))
            whole.close()


def _say_kept(store: core.Store, oldest: dict[str, int], most: int, written: str) -> None:
    """What was dropped to keep so many bytes, and what is left."""
    of = ", ".join(f"{count:,} of {name}" for name, count in oldest.items())
    what = f"of them the oldest to keep {written}: {of}" if oldest else f"nothing had to go to keep {written}"
    left = sum(runs for runs, _ in store.counts().values())
    print(f"{what}; {left:,} runs stay, in {store.size() / 1e6:,.1f} MB")
    if store.size() > most and left:
        print(f"what stays belongs to starred sweeps and takes more than {written}: take stars away to drop it")
