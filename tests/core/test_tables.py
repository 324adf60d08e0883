"""Frames as bytes and files: what is written reads back as itself, and a file is written whole or not at all."""

import csv
import io
import math
import os
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import files, tables
from core.experiments import experiment

VANISHING = experiment("vanishing")
OWN = (*VANISHING.index, *VANISHING.measures)
AWKWARD = [0.1, 1 / 3, 1e-300, 5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, -0.0, 123456789.123456789]


def block(train_loss, underflow=None):
    """One run's columns, one row per given loss."""
    rows = len(train_loss)
    columns = {"step": np.arange(rows), "layer": np.ones(rows, np.int64)}
    columns |= {name: np.full(rows, math.nan) for name in VANISHING.measures}
    return columns | {
        "train_loss": np.array(train_loss, float),
        "underflow": np.array(underflow or [False] * rows),
    }


def assembled(blocks, **given):
    runs = list(VANISHING.sweep({"seeds": len(blocks), **given}).runs())
    blobs = tables.encode(blocks)
    return tables.assemble(runs, blobs, VANISHING.settings.names(), OWN)


def csv_rows(table):
    return list(csv.DictReader(io.StringIO(files.csv_bytes(table).decode(), newline="")))


def test_a_run_decodes_to_what_was_encoded_with_nan_as_missing():
    table = tables.decode(tables.encode([block([1.5, math.nan, math.inf], [True, False, True])]))
    assert table["train_loss"].to_pylist() == [1.5, None, math.inf]
    assert table["underflow"].to_pylist() == [True, False, True]
    assert table["grad_rms"].to_pylist() == [None] * 3
    assert table.schema.field("step").type == pa.int64()
    assert table.schema.field("grad_rms").type == pa.float64()


def test_runs_decode_to_the_same_whoever_wrote_their_streams():
    """Streams of one writer are read as one; one whose head differs (here by a note in its schema) is read alone."""
    own = tables.encode([block([1.0, 2.0]), block([3.0])])
    batch = pa.ipc.open_stream(own[1]).read_next_batch()
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, batch.schema.with_metadata({"writer": "another"})) as writer:
        writer.write_batch(batch.replace_schema_metadata({"writer": "another"}))
    alike, mixed = tables.decode(own), tables.decode([own[0], sink.getvalue()])
    assert alike["train_loss"].to_pylist() == [1.0, 2.0, 3.0]
    assert mixed.equals(alike)
    assert [len(chunk) for chunk in mixed[0].chunks] == [len(chunk) for chunk in alike[0].chunks] == [2, 1]


def test_equal_runs_have_equal_bytes():
    assert tables.encode([block(AWKWARD)]) == tables.encode([block(AWKWARD)])


def test_an_assembled_frame_has_every_column_in_order_and_a_row_per_row_of_each_run():
    table = assembled([block([1.0, 2.0]), block([3.0]), block([4.0, 5.0, 6.0])])
    runs = list(VANISHING.sweep({"seeds": "3"}).runs())
    assert tuple(table.column_names) == VANISHING.columns
    assert table["train_loss"].to_pylist() == [1, 2, 3, 4, 5, 6]
    assert table["seed"].to_pylist() == [0, 0, 1, 2, 2, 2]
    assert table["run"].to_pylist() == [runs[number].id for number in (0, 0, 1, 2, 2, 2)]
    assert set(table["activation"].to_pylist()) == {"tanh"}
    assert table["optimizer"].to_pylist() == table["base_lr"].to_pylist() == [None] * 6  # idle at steps=0


def test_a_frame_of_no_runs_has_all_its_columns_with_their_types():
    empty, full = tables.assemble([], [], VANISHING.settings.names(), OWN), assembled([block([1.0])])
    assert len(empty) == 0
    assert empty.schema == full.schema


def test_the_largest_seed_is_kept():
    table = assembled([block([1.0])], seeds=[2**63 - 1])
    assert table["seed"].to_pylist() == [2**63 - 1]
    assert csv_rows(table)[0]["seed"] == str(2**63 - 1)


def test_csv_has_missing_empty_infinity_as_inf_and_truth_in_small_letters():
    rows = csv_rows(assembled([block([math.nan, math.inf, -math.inf, 0.5], [True, False, True, False])]))
    assert [row["train_loss"] for row in rows] == ["", "inf", "-inf", "0.5"]
    assert [row["underflow"] for row in rows] == ["true", "false", "true", "false"]
    assert [row["optimizer"] for row in rows] == [""] * 4
    assert all("nan" not in row.values() for row in rows)


def test_csv_of_a_frame_that_went_through_pandas_has_no_nan_either():
    table = assembled([block([math.nan, 1.0])])
    assert files.csv_bytes(tables.from_frame(tables.to_frame(table))) == files.csv_bytes(table)


def test_csv_without_commas_has_no_quotes_and_ends_each_line_with_a_newline():
    text = files.csv_bytes(assembled([block([1.0, 2.0])])).decode()
    assert '"' not in text
    assert "\r" not in text
    assert text.count("\n") == 3
    assert text.startswith(",".join(VANISHING.columns) + "\n")


def test_csv_quotes_parts_with_commas():
    table = assembled([block([1.0])], init="mean_field(sigma_w=1.5, sigma_b=0.3)")
    assert '"mean_field(sigma_w=1.5, sigma_b=0.3)"' in files.csv_bytes(table).decode()
    (row,) = csv_rows(table)
    assert row["init"] == "mean_field(sigma_w=1.5, sigma_b=0.3)"
    assert row["optimizer"] == ""
    assert len(row) == len(VANISHING.columns)


@pytest.mark.parametrize("text", ['one_cycle(per="epoch")', 'multi_step(milestones=(10, 20), per="batch")', "cosine"])
def test_csv_carries_quotes_and_commas_of_parts(text, tmp_path):
    table = pa.table({"optimizer": pa.array([text, None, "adam"]), "step": pa.array([0, 1, 2])})
    assert [row["optimizer"] for row in csv_rows(table)] == [text, "", "adam"]
    (tmp_path / "a.csv").write_bytes(files.csv_bytes(table))
    assert files.read(str(tmp_path / "a.csv"))["optimizer"].tolist()[::2] == [text, "adam"]


def test_csv_of_an_empty_frame_is_its_header():
    empty = tables.assemble([], [], VANISHING.settings.names(), OWN)
    assert files.csv_bytes(empty).decode() == ",".join(VANISHING.columns) + "\n"


@given(st.lists(st.floats(allow_nan=False), min_size=1, max_size=20))
def test_floats_in_csv_read_back_exactly(values):
    written = [row["train_loss"] for row in csv_rows(assembled([block(values)]))]
    assert [float(text) for text in written] == values


def test_floats_in_csv_are_the_shortest_text_that_reads_back():
    written = [row["train_loss"] for row in csv_rows(assembled([block([0.1, 0.5, 1e-300])]))]
    assert written[:2] == ["0.1", "0.5"]
    assert written[2].lower() == "1e-300"


@pytest.mark.parametrize("name", ["frame.csv", "frame.parquet", "FRAME.CSV"])
def test_a_written_file_reads_back_as_the_frame(tmp_path, name):
    table = assembled([block(AWKWARD), block([math.inf, math.nan], [True, False])], init="mean_field(sigma_b=0.3)")
    files.save(files.one_piece(table), tmp_path / name)
    written = files.parquet_bytes(table) if name.endswith("parquet") else files.csv_bytes(table)
    assert (tmp_path / name).read_bytes() == written
    frame = files.read(str(tmp_path / name))
    assert list(frame.columns) == table.column_names
    for column in ("run", "seed", "init", "norm", "step", "underflow"):
        assert frame[column].tolist() == table[column].to_pylist()
    np.testing.assert_array_equal(frame["train_loss"], tables.to_frame(table)["train_loss"])
    assert frame["optimizer"].isna().all()


@given(st.lists(st.floats(1e-310, 1e-250), min_size=1, max_size=50))
def test_small_gradients_read_back_exactly_from_a_csv_file(tmp_path_factory, values):
    path = tmp_path_factory.mktemp("csv") / "frame.csv"
    files.save(files.one_piece(assembled([block(values)])), path)
    assert files.read(str(path))["train_loss"].tolist() == values


def test_parquet_keeps_types_and_missing_values():
    from pyarrow import parquet

    table = assembled([block([1.0, math.nan])])
    assert parquet.read_table(io.BytesIO(files.parquet_bytes(table))).equals(table)


def test_writing_replaces_a_file_and_leaves_nothing_beside_it(tmp_path):
    target = tmp_path / "frame.csv"
    target.write_text("old")
    files.write(b"new", target)
    assert target.read_bytes() == b"new"
    assert [path.name for path in tmp_path.iterdir()] == ["frame.csv"]


def test_a_written_file_has_the_permissions_of_any_new_file(tmp_path):
    (tmp_path / "plain").write_text("")
    files.write(b"", tmp_path / "frame.csv")
    assert (tmp_path / "frame.csv").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_file_is_written_whole_or_not_at_all(tmp_path):
    """A file system that takes no more than 1,000 bytes of a file: the old one stays, and nothing beside it."""
    target = tmp_path / "frame.csv"
    target.write_text("old")
    code = (
        "import pathlib, resource, sys\nfrom core import files\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try:\n    files.write(b'x' * 100_000, pathlib.Path(sys.argv[1]))\n"
        "except ValueError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(target)], capture_output=True, text=True, check=True)
    assert done.stdout == f"{target} could not be written (File too large); nothing was left there\n"
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["frame.csv"]


def test_writing_into_a_folder_that_has_gone_is_refused_in_a_sentence(tmp_path):
    with pytest.raises(ValueError, match=r"could not be written \(No such file or directory\); nothing was left there"):
        files.write(b"x", tmp_path / "gone" / "frame.csv")


def test_writing_over_a_folder_is_refused_and_leaves_nothing(tmp_path):
    (tmp_path / "frame.csv").mkdir()
    with pytest.raises(ValueError, match="could not be written"):
        files.write(b"x", tmp_path / "frame.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["frame.csv"]


def refusal(function, path):
    with pytest.raises(ValueError) as caught:
        function(str(path))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_an_output_is_a_csv_or_parquet_file_in_a_folder_that_exists(tmp_path):
    assert files.check_output(str(tmp_path / "a.csv")) == tmp_path / "a.csv"
    assert files.check_output(str(tmp_path / "a.PARQUET")) == tmp_path / "a.PARQUET"
    (tmp_path / "folder.csv").mkdir()
    assert "must end in .csv or .parquet" in refusal(files.check_output, tmp_path / "a.txt")
    assert "must end in .csv or .parquet" in refusal(files.check_output, tmp_path / "a")
    assert "is a folder; name a file in it" in refusal(files.check_output, tmp_path / "folder.csv")
    assert f"the folder {tmp_path / 'no'} does not exist" in refusal(files.check_output, tmp_path / "no" / "a.csv")
    assert not (tmp_path / "a.csv").exists()


def test_an_output_behind_a_link_is_written_and_the_link_stays(tmp_path):
    (tmp_path / "far").mkdir()
    (tmp_path / "link.csv").symlink_to(tmp_path / "far" / "real.csv")
    files.save(files.one_piece(pa.table({"a": [1]})), files.check_output(str(tmp_path / "link.csv")))
    assert (tmp_path / "far" / "real.csv").read_text() == "a\n1\n"
    files.write(b"{}", tmp_path / "link.csv")
    assert (tmp_path / "far" / "real.csv").read_text() == "{}"
    assert (tmp_path / "link.csv").is_symlink()
    assert [file.name for file in (tmp_path / "far").iterdir()] == ["real.csv"]


def test_an_output_that_is_a_pipe_is_refused_and_stays(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    assert "is no file but a pipe or a device" in refusal(files.check_output, tmp_path / "pipe.csv")
    assert (tmp_path / "pipe.csv").is_fifo()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_an_output_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "old.csv").touch(mode=0o444)
    assert "can't be written to" in refusal(files.check_output, tmp_path / "old.csv")
    tmp_path.chmod(0o555)
    assert "can't be written to" in refusal(files.check_output, tmp_path / "new.csv")


def test_what_cannot_be_read_is_refused_in_a_sentence(tmp_path):
    (tmp_path / "a.txt").write_text("x")
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "binary.csv").write_bytes(bytes(range(128, 256)))
    (tmp_path / "torn.csv").write_text('a,b\n1,2\n1,2,3,4\n"')
    (tmp_path / "false.parquet").write_bytes(b"PAR1 this is none PAR1")
    (tmp_path / "empty.parquet").write_bytes(b"")
    assert refusal(files.read, tmp_path / "no.csv").endswith("no.csv: there is no such file")
    assert refusal(files.read, tmp_path).endswith("there is no such file")
    assert refusal(files.read, tmp_path / "a.txt").endswith("a.txt: must end in .csv or .parquet")
    for name in ("empty.csv", "binary.csv", "torn.csv", "false.parquet", "empty.parquet"):
        assert refusal(files.read, tmp_path / name).startswith(f"{tmp_path / name}: can't be read as ")


def test_bytes_per_row_grows_with_the_columns():
    assert 0 < tables.bytes_per_row(["seed"]) < tables.bytes_per_row(["seed", "run"])
