"""The page Results, by AppTest: rows are ticked by the test, because AppTest can't click into a table."""

from __future__ import annotations

from contextlib import closing

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

import core
from core.labels import Label, put_label, sweep_labels
from tests.core.test_jobs import compute
from tests.pages.test_pages import RESULTS, _own_server, opened, text_of  # noqa: F401  # a fixture of its own

pytestmark = pytest.mark.slow  # whole pages, run and drawn
SMALL = {"dataset": "wine", "width": "4", "epochs": "2", "seeds": "3"}


@pytest.fixture
def ticked(monkeypatch) -> list[int]:
    """The rows of the page's first table that count as ticked."""
    rows: list[int] = []
    plain = st.dataframe

    def dataframe(*given, **named):
        drawn = plain(*given, **named)
        return {"selection": {"rows": list(rows)}} if "on_select" in named else drawn

    monkeypatch.setattr(st, "dataframe", dataframe)
    return rows


@pytest.fixture
def store(tmp_path):
    """A store with three sweeps, the latest first: deep, one_cycle, constant."""
    with closing(core.Store(tmp_path / "store.sqlite")) as opened:
        for name, given in (
            ("schedulers", {**SMALL, "scheduler": "constant"}),
            ("schedulers", {**SMALL, "scheduler": "one_cycle"}),
            ("vanishing", {"depth": "3", "width": "4", "seeds": "2"}),
        ):
            compute(core.experiment(name).sweep(given), opened)
        yield opened


def results() -> AppTest:
    """The page once every outcome stands there; AppTest has no clock, so it is run again by hand."""
    app = opened(RESULTS)
    for _ in range(10):
        if app.dataframe and "…" in set(app.dataframe[0].value["outcome"]):
            app.run()
    return app


def test_the_list_says_how_many_sweeps_there_are_and_that_it_scrolls():
    from pages.widgets.stored_sweeps import LATEST, TABLE_ROWS, count_words

    assert count_words(1, LATEST) == "1 sweep, latest first."
    assert count_words(TABLE_ROWS + 1, LATEST).startswith("9 sweeps, latest first: 8 are seen at once")


def test_a_sweep_is_named_noted_and_starred_and_found_by_its_name(store, ticked):
    ticked.append(2)
    app = results()
    shown = app.dataframe[0].value
    assert shown["experiment"].tolist() == ["Vanishing gradients", "Schedulers", "Schedulers"]
    assert shown["outcome"].iloc[0].startswith("decay factor over all seeds 0.")
    assert shown["outcome"].iloc[2].startswith("final validation loss ")
    next(field for field in app.text_input if field.label == "Name").set_value("Plain").run()
    next(field for field in app.text_input if field.label == "Note").set_value("as it comes").run()
    app.toggle[0].set_value(True).run()
    key = next(sweep.key for sweep in store.sweeps() if sweep.link.get("scheduler") == "constant")
    assert sweep_labels(store) == {key: Label("Plain", "as it comes", True)}
    assert app.dataframe[0].value[["star", "name", "note"]].iloc[2].tolist() == ["★", "Plain", "as it comes"]
    next(field for field in app.text_input if field.label == "Name").set_value("x" * 100).run()
    assert "at most 80 characters" in app.error[0].value.replace("\\", "")
    ticked.clear()
    app.text_input(key="filter").set_value("plain").run()
    assert app.dataframe[0].value["name"].tolist() == ["Plain"]
    app.text_input(key="filter").set_value("").run()
    app.selectbox(key="order").set_value("starred first").run()
    assert app.dataframe[0].value["star"].tolist() == ["★", "", ""]
    app.selectbox(key="order").set_value("best outcome first").run()
    losses = [float(text.split()[3]) for text in app.dataframe[0].value["outcome"] if text.startswith("final")]
    assert losses == sorted(losses)
    assert not app.exception


def test_ticked_sweeps_of_one_experiment_are_compared_and_the_baseline_stays_pinned(store, ticked):
    put_label(store.sweeps()[2].key, Label("Plain"), store)
    ticked[:] = [1, 2]
    app = opened(RESULTS)
    assert not app.exception
    box = next(box for box in app.selectbox if box.label == "Baseline")
    assert box.options == ["one_cycle", "Plain"]
    assert app.dataframe[1].value.set_index("setting").loc["schedule"].tolist() == ["one_cycle", "constant"]
    assert app.dataframe[2].value.columns.tolist() == ["measure", "Plain"]
    box.set_value("Plain").run()
    assert app.dataframe[2].value.columns.tolist() == ["measure", "one_cycle"]
    ticked[:] = [1]  # the pinned one comes along by itself
    app.run()
    assert next(box for box in app.selectbox if box.label == "Baseline").value == "Plain"
    app.button_group(key="numbers").select("Measures").run()
    assert app.dataframe[2].value.columns.tolist() == ["measure", "Plain", "one_cycle"]
    app.button(key="unpin").click().run()
    assert not [box for box in app.selectbox if box.label == "Baseline"]
    ticked[:] = [0, 1]
    app.run()
    assert "choose sweeps of one of them to export or compare" in text_of(app)
    assert not app.exception


def test_a_file_exported_elsewhere_is_imported_and_a_false_one_gets_a_sentence(store, ticked):
    kind = core.experiment("vanishing")
    kept = core.kept(store.sweeps()[0], store)
    table = kind.table(*core.finished(kept.sweep, store))
    core.delete_sweeps({sweep.key for sweep in store.sweeps()}, store)
    app = opened(RESULTS)
    false = core.csv_bytes(table).replace(b"tanh", b"relu")
    app.file_uploader[0].upload("false.csv", false, "text/csv").run()
    app.button(key="import").click().run()
    assert "is not the id of its settings and seed" in app.error[0].value.replace("\\", "")
    assert store.counts() == {}
    app.file_uploader[0].upload("true.parquet", core.parquet_bytes(table), "application/octet-stream").run()
    app.button(key="import").click().run()
    assert "2 runs of vanishing imported" in app.success[0].value.replace("\\", "")
    shown = results().dataframe[0].value
    assert shown["made by"].tolist() == ["made by an import of true.parquet; Run computes it again"]
    assert shown["outcome"].iloc[0].startswith("decay factor")
    assert not app.exception


def test_a_deletion_can_be_undone_on_the_page_even_of_the_last_sweep(store, ticked):
    before = store.select("SELECT * FROM runs ORDER BY id")
    ticked[:] = [0, 1, 2]
    app = opened(RESULTS)
    assert not [button for button in app.button if button.key == "undo"]
    app.button(key="delete").click().run()
    ticked.clear()
    assert store.sweeps() == []
    assert "The store is empty" in text_of(app)
    assert "Deleted last: 3 sweeps with 8 runs" in text_of(app)
    app.button(key="undo").click().run()
    assert app.dataframe[0].value["finished"].tolist() == [2, 3, 3]
    assert store.select("SELECT * FROM runs ORDER BY id") == before
    assert not [button for button in app.button if button.key == "undo"]
    assert not app.exception
