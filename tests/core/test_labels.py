"""Names, notes and stars of sweeps: kept beside the runs, unseen by earlier programs, and a star protects from pruning."""

from __future__ import annotations

import json
import os
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

import pytest

import core
from core import results
from core.__main__ import main
from core.labels import Label, put_label, sweep_labels
from core.store import SCHEMA_VERSION, Row, Store, StoreError
from tests.core.test_jobs import compute


@pytest.fixture
def store(tmp_path):
    with closing(core.Store(tmp_path / "results.sqlite")) as opened:
        yield opened


def sweep(**given: str) -> core.Sweep:
    return core.experiment("vanishing").sweep({"width": "3", "seeds": "2", **given})


def put_big(store: Store, asked: core.Sweep, size: int) -> None:
    """The sweep's runs as rows of so many bytes, without computing them."""
    store.put(
        [
            Row(run.id, asked.experiment, json.dumps(run.settings.values()), run.seed, 0.1, os.urandom(size))
            for run in asked.runs()
        ]
    )
    store.remember(asked.key, asked.experiment, asked.link(), asked.size)


def test_a_label_is_kept_changed_and_taken_away_and_the_runs_stay_as_they_were(store):
    asked = sweep(depth="2")
    compute(asked, store)
    before = store.select("SELECT * FROM runs ORDER BY id")
    assert sweep_labels(store) == {}
    put_label(asked.key, Label(" Deep\n tanh ", "first try", True), store)
    with closing(core.Store(store.path)) as again:
        assert sweep_labels(again) == {asked.key: Label("Deep tanh", "first try", True)}
    put_label(asked.key, Label("Other"), store)
    assert sweep_labels(store) == {asked.key: Label("Other")}
    put_label(asked.key, Label(), store)
    assert sweep_labels(store) == {}
    assert store.select("SELECT * FROM runs ORDER BY id") == before
    assert store.select("PRAGMA user_version") == [(SCHEMA_VERSION,)] == [(1,)]


def test_a_label_follows_its_sweep_to_a_later_version_and_is_refused_without_one(store):
    asked = sweep(depth="2")
    store.remember("key of an earlier version", asked.experiment, asked.link(), 2)
    put_label("key of an earlier version", Label("Mine"), store)
    store.remember(asked.key, asked.experiment, asked.link(), 2)
    assert sweep_labels(store) == {asked.key: Label("Mine")}
    with pytest.raises(ValueError, match="not in the store any more"):
        put_label("nobody", Label("x"), store)
    with pytest.raises(ValueError, match="name: must have at most 80 characters, but has 81"):
        put_label(asked.key, Label("x" * 81), store)


def test_a_store_that_may_only_be_read_is_opened_and_says_so_when_something_is_written():
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "results.sqlite"
        with closing(core.Store(path)) as store:
            store.put([Row("a", "vanishing", "{}", 0, 0.1, b"frame")])
            store.remember("key", "vanishing", {"depth": "2"}, 1)
        Path(folder).chmod(0o555)
        path.chmod(0o444)
        root = os.geteuid() == 0  # who may write anywhere: become somebody who may not
        if root:
            os.seteuid(65534)
        try:
            with closing(core.Store(path)) as store:
                assert store.find(["a"]).frames == {"a": b"frame"}
                assert sweep_labels(store) == {}
                with pytest.raises(StoreError, match="can't be written to; choose another with --store"):
                    put_label("key", Label("Mine"), store)
        finally:
            if root:
                os.seteuid(0)
            Path(folder).chmod(0o755)


def test_pruning_to_a_size_drops_the_oldest_until_the_file_fits_and_never_the_starred(store):
    starred, old, new = sweep(depth="2"), sweep(depth="3", seeds="20"), sweep(depth="4", seeds="10")
    for asked in (starred, old, new):
        put_big(store, asked, 40_000)
    put_label(starred.key, Label(starred=True), store)
    gone = results.drop_oldest(store, 700_000)
    assert store.size() <= 700_000 < store.size() + 100_000  # no more than needed
    assert store.count(starred.ids) == 2
    assert store.count(new.ids) == 10
    assert gone == {"vanishing": 20 - store.count(old.ids)}
    with closing(sqlite3.connect(store.path)) as connection:
        kept = [seed for (seed,) in connection.execute("SELECT seed FROM runs ORDER BY created, id")]
    assert len(kept) == 32 - gone["vanishing"]
    assert results.drop_oldest(store, 700_000) == {}
    assert results.drop_oldest(store, 0) == {"vanishing": len(kept) - 2}
    assert store.find(starred.ids).frames.keys() == set(starred.ids)


def test_the_command_line_lists_labels_and_prunes_to_a_size(store, capsys, monkeypatch):
    monkeypatch.setenv("GRADIENT_LAB_STORE", str(store.path))
    starred, other = sweep(depth="2"), sweep(depth="3", seeds="3")
    for asked in (starred, other):
        put_big(store, asked, 50_000)
    put_label(starred.key, Label("Two layers", "", True), store)
    assert main(["store", "list"]) == 0
    assert "  2 of 2 runs  ★ Two layers  vanishing depth=2 " in capsys.readouterr().out
    assert main(["store", "prune", "--keep", "1 GB"]) == 0
    assert "nothing had to go to keep 1 GB; 5 runs stay, in 0.3 MB" in capsys.readouterr().out
    assert main(["store", "prune", "--keep", "100kB"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(
        f"3 rows deleted from {store.path}\nof them the oldest to keep 100kB: 3 of vanishing; 2 runs "
    )
    assert "belongs to starred sweeps" in out
    for size in ("five", "5", "-5GB", "5GB!", "nanGB", "1e9GB", ""):
        assert main(["store", "prune", f"--keep={size}"]) == 2
        assert capsys.readouterr().err == f"--keep: must be a size such as 500MB or 5GB, but got {size}\n"
    assert main(["store", "prune", "--keep", "5GB", "--all"]) == 2
    assert store.count([*starred.ids, *other.ids]) == 2
