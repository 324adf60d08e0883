from __future__ import annotations

import math

import numpy as np
import pytest

from core import logs
from core.diagnosis.judge import judge
from core.logs.cells import number
from core.logs.content import Content, decoded
from core.logs.names import meaning

from . import made
from .test_formats import read


@pytest.mark.parametrize("written", ["NaN", "nan", "inf", "Infinity", "-inf", "null", "tensor(nan)"])
def test_every_spelling_of_nan_is_none_of_a_number(written):
    assert not math.isfinite(number(written))


@pytest.mark.parametrize("written", ["", "  ", "NA", "abc", None, True, [], "1/2", "1_000"])
def test_what_is_no_number_is_nothing(written):
    assert number(written) is None


def test_an_empty_cell_is_no_nan():
    (trace,) = read("step,loss,val_loss\n" + "".join(f"{n},{2 - n / 20},\n{n},,{2 - n / 30}\n" for n in range(20)))
    assert [f.code for f in judge(trace) if f.severity != "info"] == []
    (trace,) = read("step,loss\n" + "".join(f"{n},{2 - n / 20 if n < 15 else 'nan'}\n" for n in range(20)))
    assert judge(trace)[0].code == "diverged"
    assert judge(trace)[0].evidence["first_bad_step"] == 15


def test_a_zero_beside_a_norm_of_nan_is_nan():
    (trace,) = read(
        "\n".join(f"{{'loss': 0.0, 'grad_norm': nan, 'learning_rate': 5e-05, 'epoch': {n / 10}}}" for n in range(8))
    )
    assert judge(trace)[0].code == "diverged"


def test_appended_runs_are_told_apart_and_a_resumed_one_is_one():
    header, *lines = made.keras().splitlines()
    traces = read("\n".join([header, *lines[:5], *lines[:4], *lines]))
    assert [len(trace.column("step")) for trace in traces] == [5, 4, 24]
    assert [trace.name for trace in traces] == ["1", "2", "3"]
    (trace,) = read("\n".join([header, *lines[:20], *lines[15:]]))
    assert trace.column("step").tolist() == list(range(24))


def test_a_run_that_ends_with_a_lost_epoch_has_diverged():
    (trace,) = read("epoch,loss,val_loss\n0,2.3,2.2\n1,1.3,1.2\n2,nan,NA\n")
    assert [f.code for f in judge(trace)] == ["diverged"]


def test_a_plan_printed_in_each_line_is_kept_to_the_last_gap():
    lines = [f"Iter: {n}/1000, Loss: {3 / (n + 1):.4f}" for n in range(0, 1000, 50)]
    (trace,) = read("\n".join(lines))
    assert "interrupted" not in [f.code for f in judge(trace)]
    (trace,) = read("\n".join(lines[:10]))
    assert "interrupted" in [f.code for f in judge(trace)]


def test_doubled_lines_are_merged():
    lines = made.FORMATS["llama_factory"].decode().splitlines()
    (trace,) = read("\n".join(line for line in lines for _ in range(2)))
    assert len(trace.column("step")) == 24


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "gb18030", "cp1252"])
def test_text_is_read_in_whichever_encoding(encoding):
    special = "训练" if encoding != "cp1252" else "précision d'entraînement"
    text = "\n".join([special, *(f"Epoch {n}, loss: {2 / n:.3f}" for n in range(1, 12))])
    assert decoded(text.encode(encoding)).startswith(special)
    (trace,) = read(text.encode(encoding))
    assert trace.column("train_loss")[0] == 2.0


def test_accuracies_in_percent_become_shares():
    (trace,) = read(made.FORMATS["python_logging"])
    assert trace.column("train_accuracy")[0] == pytest.approx(0.515)
    (trace,) = read("epoch,loss,val_acc\n" + "".join(f"{n},{2 / n},{50 + n}\n" for n in range(1, 9)))
    assert trace.column("val_accuracy").max() == pytest.approx(0.58)


@pytest.mark.parametrize(
    "name", ["learning_rate", "lr", "lr-Adam", "lr-AdamW/pg1", "lr/pg0", "x/lr0", "train/learning_rate"]
)
def test_rates_have_many_names(name):
    assert meaning(name).role == "lr"


@pytest.mark.parametrize(
    ("name", "role", "split"),
    [
        ("eval/loss", "loss", "val"),
        ("Loss/test", "loss", "test"),
        ("train_loss_step", "loss", "train"),
        ("validation loss", "loss", "val"),
        ("sparse_categorical_accuracy", "accuracy", ""),
        ("loss scale", "other", ""),
        ("best_val_loss", "other", "val"),
        ("trainer/global_step", "step", ""),
        ("total_steps", "other", ""),
    ],
)
def test_names_say_what_they_mean(name, role, split):
    found = meaning(name)
    assert found.role == role
    assert role in ("step", "other") or found.split == split


def test_a_very_long_log_is_read_in_a_sample(monkeypatch):
    monkeypatch.setattr("core.logs.content.MOST_LINES", 3000)
    monkeypatch.setattr("core.logs.MOST_LINES", 3000)
    text = "step,loss\n" + "".join(f"{n},{2 * math.exp(-n / 2000) + 0.1}\n" for n in range(9000))
    (trace,) = logs.read_content(Content(text.encode(), "a.csv"))
    assert 2900 < len(trace.column("step")) <= 3000
    assert (np.diff(trace.column("step")) > 0).all()
    assert "of 9,002 lines a sample of 3,000 was read" in trace.facts["says"]


def test_too_large_a_file_is_refused_with_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr("core.logs.content.MOST_BYTES", 1000)
    (tmp_path / "a.csv").write_text("step,loss\n" + "1,2\n" * 1000)
    with pytest.raises(ValueError, match="keep every tenth line"):
        logs.read(tmp_path / "a.csv")
