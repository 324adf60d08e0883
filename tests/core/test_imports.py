"""Frames exported elsewhere: they come back equal, they say that they were imported, and nothing hostile gets in."""

from __future__ import annotations

import io
from contextlib import closing

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

import core
from core import exported_tables, files, results, tables
from core.__main__ import main
from core.imports import checked_runs, import_bytes
from tests.core.experiments.test_conformance import examples
from tests.core.test_jobs import compute

GIVEN = {
    "backprop": {"hidden": "2,3", "epochs": "5", "seeds": "2"},
    "vanishing": {"depth": "2,3", "width": "3", "activation": "tanh,relu", "seeds": "1:4"},
    "through_time": {"model": "rnn,gru", "width": "3", "dataset": "adding(length=4,samples=64)", "seeds": "3,5"},
    "remedies": {"remedy": "plain,relu_he,clipping", "dataset": "wine", "width": "4", "epochs": "1", "seeds": "2"},
    "clipping": {
        "model": "mlp",
        "clipper": "none,value(clip_value=0.2)",
        "dataset": "wine",
        "width": "4",
        "epochs": "2",
        "optimizer": "sgd",
        "base_lr": "0.1,1e6",
    },
    "range_test": {"dataset": "wine", "width": "4", "steps": "20", "max_lr": "1000", "seeds": "2"},
    "schedulers": {"scheduler": "one_cycle,plateau", "dataset": "diabetes", "width": "4", "epochs": "2"},
    "mistakes": {"mistake": "none,no_zero_grad", "dataset": "wine", "width": "4", "epochs": "1", "seeds": "2"},
}


def written(table: pa.Table, ending: str) -> bytes:
    return files.csv_bytes(table) if ending == "csv" else files.parquet_bytes(table)


def export(name: str, store: core.Store) -> pa.Table:
    return next(results.stored_pieces(name, results.stored_runs(name, store, {}), store).tables)


@pytest.fixture
def stores(tmp_path):
    with closing(core.Store(tmp_path / "one.sqlite")) as one, closing(core.Store(tmp_path / "other.sqlite")) as other:
        yield one, other


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> pd.DataFrame:
    """An exported frame of two sizes of network, two seeds each."""
    with closing(core.Store(tmp_path_factory.mktemp("store") / "a.sqlite")) as store:
        compute(core.experiment("vanishing").sweep({"depth": "2,3", "width": "3", "seeds": "2"}), store)
        return tables.to_frame(export("vanishing", store))


@pytest.mark.parametrize("name", core.NAMES)
def test_what_is_exported_comes_back_equal_in_an_empty_store(stores, name):
    here, elsewhere = stores
    sweep = core.experiment(name).sweep(GIVEN.get(name) or examples(name).SMALL)
    compute(sweep, here)
    table = export(name, here)
    for ending in ("csv", "parquet"):
        done = import_bytes(f"results.{ending}", written(table, ending), elsewhere)
        assert (done.experiment, done.runs + done.already) == (name, len(sweep.ids))
    assert (done.runs, done.already) == (0, len(sweep.ids))
    assert written(export(name, elsewhere), "csv") == written(table, "csv")
    assert export(name, elsewhere).equals(table)
    (stored,) = elsewhere.sweeps()
    kept = core.kept(stored, elsewhere)
    assert set(kept.sweep.ids) == set(sweep.ids)
    assert (kept.finished, stored.runs) == (len(sweep.ids), len(sweep.ids))
    assert kept.made_by == "made by an import of results.csv; Run computes it again"
    assert elsewhere.count(sweep.ids) == 0
    assert elsewhere.damaged() == elsewhere.stale() == results.outdated(elsewhere) == []


def test_imported_runs_are_compared_and_deleted_but_run_computes_its_own(stores):
    here, elsewhere = stores
    sweep = core.experiment("vanishing").sweep({"depth": "2,3", "width": "3", "seeds": "2"})
    compute(sweep, here)
    import_bytes("a.csv", written(export("vanishing", here), "csv"), elsewhere)
    kept = core.kept(elsewhere.sweeps()[0], elsewhere)
    assert core.outcome_of(kept, elsewhere) == core.outcome_of(core.kept_sweep(sweep, here), here)
    assert len(core.side_by_side({"a": kept, "b": kept}, elsewhere).arms) == 4
    job = compute(sweep, elsewhere)
    assert (job.stored, job.computed) == (0, 4)
    assert core.kept(elsewhere.sweeps()[0], elsewhere).made_by == ""
    assert elsewhere.sources(sweep.ids) == [None] * 4
    assert import_bytes("b.csv", written(export("vanishing", here), "csv"), elsewhere).already == 4
    assert elsewhere.count(sweep.ids) == 4  # what was computed here stays
    assert core.delete_sweeps({elsewhere.sweeps()[0].key}, elsewhere) == 4


def test_runs_that_make_no_grid_are_listed_as_several_sweeps_and_any_order_of_rows_and_columns_is_read(stores, small):
    _, store = stores
    ragged = small[(small["depth"] == 2) | (small["seed"] == 1)].sample(frac=1.0, random_state=3)
    ragged = ragged[list(reversed(ragged.columns))]
    done = import_bytes("a.parquet", parquet_of(ragged), store)
    assert (done.runs, done.sweeps) == (3, 2)
    assert sorted(sweep.runs for sweep in store.sweeps()) == [1, 2]
    back = tables.to_frame(export("vanishing", store))
    expected = small[(small["depth"] == 2) | (small["seed"] == 1)].reset_index(drop=True)
    pd.testing.assert_frame_equal(back, expected)


def parquet_of(frame: pd.DataFrame) -> bytes:
    sink = io.BytesIO()
    frame.to_parquet(sink, index=False)
    return sink.getvalue()


def csv_of(frame: pd.DataFrame) -> bytes:
    return frame.to_csv(index=False).encode()


HOSTILE = {
    "a foreign id": (lambda f: f.assign(run=f["run"].str.replace("^.", "z", regex=True)), "is not the id of its settings and seed"),
    "a setting changed": (lambda f: f.assign(width=4), "is not the id of its settings and seed"),
    "a seed changed": (lambda f: f.assign(seed=f["seed"] + 1), "is not the id of its settings and seed"),
    "a negative seed": (lambda f: f.assign(seed=-1), "seed must be 0 or more, but got -1"),
    "an impossible setting": (lambda f: f.assign(depth=0), "depth: must be a whole number, 1 to 1000, but got 0"),
    "an unknown part": (lambda f: f.assign(activation="tahn"), "did you mean 'tanh'"),
    "code for a part": (lambda f: f.assign(init="__import__('os').system('true')"), "init: "),
    "settings that can't go together": (lambda f: f.assign(norm="batch"), "batch_size"),
    "two values of a setting": (lambda f: f.assign(width=[4, *f["width"][1:]]), "has two values of width"),
    "a row twice": (lambda f: pd.concat([f, f.head(1)]), "has step 0, layer 1 twice"),
    "too many rows": (lambda f: pd.concat([f, f.assign(layer=f["layer"] + 10)]), "and its settings make"),
    "a negative place": (lambda f: f.assign(layer=-f["layer"]), "step and layer must be 0 or more"),
    "text for a number": (lambda f: f.assign(grad_rms="=1+1"), "grad_rms must be a number, but"),
    "a fraction of a step": (lambda f: f.assign(step=0.5), "step must be a whole number, but"),
    "an empty id": (lambda f: f.assign(run=None), "run must be text in every row"),
    "an empty seed": (lambda f: f.assign(seed=[None, *f["seed"][1:]]), "seed must be a whole number"),
    "a column too few": (lambda f: f.drop(columns="grad_rms"), "for vanishing it lacks grad_rms"),
    "a column too many": (lambda f: f.assign(password="x"), "has 'password' too many"),
    "no rows": (lambda f: f.head(0), "has no rows"),
    "a summary": (lambda f: f[["run", "depth", "seed"]], "is no frame of ours"),
}  # fmt: skip


@pytest.mark.parametrize("ending", ["csv", "parquet"])
@pytest.mark.parametrize("fault", HOSTILE)
def test_a_hostile_file_gets_a_sentence_and_nothing_is_written(stores, small, fault, ending):
    _, store = stores
    change, sentence = HOSTILE[fault]
    data = csv_of(change(small)) if ending == "csv" else parquet_of(change(small))
    with pytest.raises(ValueError) as caught:
        import_bytes(f"a.{ending}", data, store)
    text = str(caught.value)
    assert sentence in text
    assert text.startswith("a.") and "\n" not in text and len(text) < 500
    assert (store.counts(), store.sweeps()) == ({}, [])


def test_files_that_are_no_table_or_too_large_get_a_sentence(small, monkeypatch):
    good, packed = csv_of(small), parquet_of(small)
    nested = io.BytesIO()
    parquet.write_table(pa.table({name: [[1]] for name in small.columns}), nested)
    two = good.replace(b"grad_rms", b"grad_norm", 1)
    for name, data, sentence in (
        ("a.csv", b"", "is empty"),
        ("a.txt", good, "must end in .csv or .parquet"),
        ("a.csv", good[:-30], "its last line has no end"),
        ("a.csv", packed + b"\n", "a.csv: "),
        ("a.parquet", good, "can't be read as parquet"),
        ("a.parquet", packed[: len(packed) // 2], "can't be read as parquet"),
        ("a.parquet", nested.getvalue(), "must be text, but is list"),
        ("a.csv", good.replace(b",", b";"), "is no frame of ours"),
        ("a.csv", b"\xff\xfe" + good, "no CSV in UTF-8"),
        ("a.csv", two, "has two columns 'grad_norm'"),
        ("a.csv", good + b"1,2,3\n", "can't be read as csv"),
        ("a.csv", good.splitlines(keepends=True)[0] + b'"' + b"x" * 3_000_000 + b"\n", "a.csv: "),
    ):
        with pytest.raises(ValueError) as caught:
            checked_runs(name, data)
        assert sentence in str(caught.value)
        assert len(str(caught.value)) < 500
    monkeypatch.setattr(exported_tables, "MOST_ROWS", len(small) - 1)
    for name, data in (("a.csv", good), ("a.parquet", packed)):
        with pytest.raises(ValueError, match="at most"):
            checked_runs(name, data)
    monkeypatch.setattr(exported_tables, "MOST_UNPACKED", 100)
    monkeypatch.undo()
    monkeypatch.setattr(exported_tables, "MOST_UNPACKED", 100)
    with pytest.raises(ValueError, match="unpacks to"):
        checked_runs("a.parquet", packed)


def test_a_spreadsheets_csv_is_read_as_it_means(small):
    text = small.to_csv(index=False, lineterminator="\r\n").replace("True", "TRUE").replace("False", "FALSE")
    again = checked_runs("a.csv", b"\xef\xbb\xbf" + text.encode())
    plain = checked_runs("a.csv", csv_of(small))
    assert again.frames == plain.frames
    assert np.array_equal(core.to_frame(tables.decode(again.frames))["grad_rms"], small["grad_rms"])


def test_the_command_line_imports_a_file_and_says_what_came_in(tmp_path, small, monkeypatch, capsys):
    monkeypatch.setenv("GRADIENT_LAB_STORE", str(tmp_path / "new" / "results.sqlite"))
    (tmp_path / "bad.csv").write_bytes(csv_of(small.assign(width=4)))
    (tmp_path / "good.csv").write_bytes(csv_of(small))
    assert main(["store", "import", str(tmp_path / "bad.csv")]) == 2
    assert not (tmp_path / "new").exists()
    assert main(["store", "import", str(tmp_path / "good.csv")]) == 0
    assert capsys.readouterr().out == "4 runs of vanishing imported, in 1 sweep\n"
    assert main(["store", "prune"]) == 0
    assert main(["store", "list"]) == 0
    assert (
        "4 of 4 runs (made by an import of good.csv; Run computes it again)  vanishing depth=2,3"
        in capsys.readouterr().out
    )
