"""Runs that earlier versions made: listed, opened, exported and deleted as such; only Run needs today's."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

import core
from core import files, results
from tests.core.test_jobs import compute


@pytest.fixture
def store(tmp_path):
    with closing(core.Store(tmp_path / "results.sqlite")) as opened:
        yield opened


def sweep(**given: str) -> core.Sweep:
    return core.experiment("vanishing").sweep({"width": "4", "depth": "2,3", "seeds": "2", **given})


def made_by_an_earlier_version(asked: core.Sweep, store: core.Store) -> core.Sweep:
    """The sweep, run and stored under the version before today's."""
    earlier = replace(asked, version=asked.version - 1)
    assert compute(earlier, store).state == "done"
    return earlier


def test_runs_of_an_earlier_version_are_found_and_said_to_be_such(store):
    earlier = made_by_an_earlier_version(sweep(), store)
    (stored,) = store.sweeps()
    kept = core.kept(stored, store)
    assert (kept.finished, kept.made_by) == (4, f"made by version {earlier.version}; Run computes it again")
    assert len(core.finished(kept.sweep, store, by_anyone=True)[0]) == 4
    assert store.count(sweep().ids) == 0
    rows = results.stored_runs("vanishing", store, {"depth": "3"})
    assert [run.settings.depth for run, _ in rows] == [3, 3]
    (table,) = results.stored_pieces("vanishing", rows, store).tables
    assert sorted(table["run"].unique().to_pylist()) == sorted(id for _, id in rows)


def test_a_table_of_many_runs_is_put_together_in_pieces(store, monkeypatch):
    compute(sweep(depth="2,3", seeds="3"), store)
    rows = results.stored_runs("vanishing", store, {})
    (whole,) = results.stored_pieces("vanishing", rows, store).tables
    monkeypatch.setattr(results, "PIECE_RUNS", 4)
    first, second = results.stored_pieces("vanishing", rows, store).tables
    assert pa.concat_tables([first, second]).equals(whole)


def test_todays_runs_hide_those_of_an_earlier_version(store):
    made_by_an_earlier_version(sweep(), store)
    compute(sweep(), store)
    (stored,) = store.sweeps()
    assert core.kept(stored, store)[1:] == (4, "")
    assert len(results.outdated(store)) == 4


def test_deleting_a_sweep_deletes_its_runs_of_every_version_but_not_what_others_share(store):
    made_by_an_earlier_version(sweep(), store)
    made_by_an_earlier_version(sweep(depth="3,4"), store)
    key = next(stored.key for stored in store.sweeps() if "4" not in stored.link["depth"])
    assert core.delete_sweeps({key}, store) == 2
    (left,) = store.sweeps()
    assert core.kept(left, store).finished == 4


def test_a_summary_is_readable_on_a_terminal():
    kind = core.experiment("vanishing")
    summary = kind.analysis(core.run("vanishing", executor="inline", depth=[2, 3], width=4, seeds=2)).summary
    text = core.readable(summary, kind.settings.names())
    lines = text.splitlines()
    assert len(lines) == 1 + len(summary) + 1
    assert lines[0].split()[:1] == ["depth"]
    assert "settings that do not vary are left out: " in lines[-1]


@pytest.mark.parametrize("activation", ["tanh,relu", "tanh,leaky_relu(negative_slope=0.3)"])
@pytest.mark.parametrize(("ending", "read"), [("csv", Path.read_bytes), ("parquet", parquet.read_table)])
def test_a_table_in_pieces_is_the_whole_table(store, tmp_path, monkeypatch, activation, ending, read):
    asked = sweep(activation=activation, init="torch_default,mean_field(sigma_w=1.5, sigma_b=0.3)", seeds="3")
    compute(asked, store)
    monkeypatch.setattr(results, "PIECE_RUNS", 5)
    files.save(results.pieces(asked, store), tmp_path / f"pieces.{ending}")
    files.save(files.one_piece(core.stored_table(asked, store)), tmp_path / f"whole.{ending}")
    assert read(tmp_path / f"pieces.{ending}") == read(tmp_path / f"whole.{ending}")
