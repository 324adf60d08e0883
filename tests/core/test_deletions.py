"""Deleting and undoing: everything comes back bit for bit, whoever opens the store next, and nobody else's runs are touched."""

from __future__ import annotations

from contextlib import closing

import pytest

import core
from core.__main__ import main
from core.labels import Label, put_label, sweep_labels
from tests.core.test_jobs import compute

TABLES = ("runs", "sweeps", "labels")


@pytest.fixture
def store(tmp_path):
    with closing(core.Store(tmp_path / "results.sqlite")) as opened:
        yield opened


def sweep(**given: str) -> core.Sweep:
    return core.experiment("vanishing").sweep({"width": "3", "seeds": "3", **given})


def everything(store: core.Store) -> dict[str, list]:
    return {name: store.select(f"SELECT * FROM {name} ORDER BY 1, 2") for name in TABLES}


def filled(store: core.Store) -> tuple[core.Sweep, core.Sweep]:
    """Two sweeps that share the runs of depth 3, both labelled."""
    one, other = sweep(depth="2,3"), sweep(depth="3,4")
    for asked in (one, other):
        compute(asked, store)
    put_label(one.key, Label("One", "a note", True), store)
    put_label(other.key, Label("Other"), store)
    return one, other


def test_undo_restores_rows_checksums_and_labels_exactly_also_after_the_process_has_ended(store):
    one, other = filled(store)
    before = everything(store)
    assert core.last_deletion(store) == (0, 0)
    assert core.delete_sweeps({one.key}, store) == 3
    assert store.count(other.ids, by_anyone=True) == 6
    assert (store.count(one.ids), [kept.key for kept in store.sweeps()]) == (3, [other.key])
    assert sweep_labels(store) == {other.key: Label("Other")}
    with closing(core.Store(store.path)) as later:
        assert core.last_deletion(later) == (1, 3)
        assert core.bring_back(later) == (1, 3)
    assert everything(store) == before
    assert core.last_deletion(store) == (0, 0)
    assert core.bring_back(store) == (0, 0)
    assert store.damaged() == []


def test_only_the_latest_deletion_can_be_undone_and_pruning_gives_it_up(store, monkeypatch):
    one, other = filled(store)
    core.delete_sweeps({one.key}, store)
    core.delete_sweeps({other.key}, store)
    assert core.bring_back(store) == (1, 6)
    assert [kept.key for kept in store.sweeps()] == [other.key]
    core.delete_sweeps({other.key}, store)
    monkeypatch.setenv("GRADIENT_LAB_STORE", str(store.path))
    assert main(["store", "prune"]) == 0
    assert core.last_deletion(store) == (0, 0)
    assert store.counts() == {}


def test_a_run_computed_again_after_the_deletion_is_not_undone(store):
    one, _ = filled(store)
    core.delete_sweeps({one.key}, store)
    compute(one, store)
    put_label(one.key, Label("Again"), store)
    again = everything(store)
    core.bring_back(store)
    assert everything(store) == again


def test_a_deletion_that_fails_takes_nothing(store):
    one, _ = filled(store)
    before = everything(store)
    pages = store.select("PRAGMA page_count")[0][0]
    store.select(f"PRAGMA max_page_count={pages}")  # a full disk
    with pytest.raises(core.StoreError, match="could not grow"):
        core.delete_sweeps({one.key}, store)
    assert everything(store) == before
    assert core.last_deletion(store) == (0, 0)
