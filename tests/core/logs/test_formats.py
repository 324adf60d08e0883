from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from core import logs
from core.diagnosis.judge import judge
from core.logs.content import Content

from . import made

NAMED = {
    "trainer_state": "Hugging Face trainer_state.json",
    "console": "Hugging Face console output",
    "llama_factory": "LLaMA-Factory trainer_log.jsonl",
    "lightning": "Lightning metrics.csv",
    "keras": "Keras CSVLogger",
    "ultralytics": "Ultralytics results.csv",
    "nanogpt": "text log",
    "tensorboard": "TensorBoard event file",
    "tensorboard_tensors": "TensorBoard event file",
    "wandb": "W&B summary",
    "csv": "CSV",
    "jsonl": "lines of JSON",
    "python_logging": "text log",
}


def read(data: bytes | str):
    return logs.read_content(Content(data.encode() if isinstance(data, str) else data, "a.log"))


@pytest.mark.parametrize("name", made.FORMATS)
def test_a_format_is_found_by_its_content_and_a_sound_run_gets_no_error_and_no_warning(name):
    (trace,) = read(made.FORMATS[name])
    assert trace.facts["format"] == NAMED[name]
    assert [f.code for f in judge(trace) if f.severity != "info"] == []
    if name != "wandb":
        losses = trace.column("train_loss")
        np.testing.assert_allclose(losses[np.isfinite(losses)], made.LOSSES, atol=1e-4)


def test_what_a_source_holds_is_said():
    (trace,) = read(made.FORMATS["llama_factory"])
    assert trace.facts["says"] == "24 rows, steps 5 to 120; learning rate yes, gradient norm no, validation no"


def test_rows_of_one_step_become_one():
    (trace,) = read(made.lightning())
    assert trace.column("step").tolist() == [50.0 * n + 49 for n in range(24)]
    assert np.isfinite(trace.column("val_loss")).sum() == 6
    assert np.isfinite(trace.column("lr")).all()


def test_a_yolo_rate_that_starts_at_a_tenth_comes_last():
    (trace,) = read(made.ultralytics())
    assert trace.column("lr")[0] == 0.0
    assert trace.column("lr_3")[0] == 0.1


def test_the_trainers_arguments_in_tensorboard_name_the_threshold():
    words = made.event(0, made.text("args/text_summary", '{"max_grad_norm": 0.3, "lr": null}'))
    (trace,) = read(made.tensorboard(made.scalar, made.LOSSES, words))
    assert trace.facts["max_norm"] == pytest.approx(0.3)


def test_validation_counted_in_epochs_is_spread_over_the_steps():
    events = [made.event(n, made.scalar("Loss/train", 1.0 / (n + 1))) for n in range(0, 1000, 10)]
    events += [made.event(n, made.scalar("Loss/val", 1.1 / (n + 1))) for n in range(1, 11)]
    (trace,) = read(made.tensorboard(made.scalar, [], *events))
    assert trace.column("step")[np.isfinite(trace.column("val_loss"))][-1] == 990


def test_a_keras_bar_leaves_the_last_numbers_of_its_epoch():
    lines = [
        f"Epoch {n}/5\n1/469 [>...] - ETA: 9s - loss: 9.0 - accuracy: 0.1\r469/469 [====] - 3s 5ms/step - loss: {1 / n:.2f} - accuracy: 0.9"
        for n in range(1, 6)
    ]
    (trace,) = read("\n".join(lines))
    assert trace.column("train_loss").tolist() == [1.0, 0.5, 0.33, 0.25, 0.2]


def test_the_short_lines_of_llm_c_are_read():
    lines = [f"s:{n} tel:{11 / (n + 1):.4f}\ns:{n} trl:{11 / (n + 1):.4f} lr:0.0006 norm:15.37" for n in range(12)]
    (trace,) = read("\n".join(lines))
    assert np.isfinite(trace.column("train_loss")).all()
    assert np.isfinite(trace.column("val_loss")).all()
    assert trace.column("grad_norm")[0] == pytest.approx(15.37)


def test_code_before_the_log_is_no_row():
    code = "    if step % args.val_loss_every == 0:\n        val_loss = 0.0\n        train_loss = 1.0\n        print0(f'step:{step} val_loss:{val_loss:.4f} now')\n"
    lines = "\n".join(f"step:{n}/100 train_loss:{2 / (n + 1):.4f} step_avg:5ms" for n in range(100))
    (trace,) = read(code + lines)
    assert len(trace.column("step")) == 100
    assert "val_loss" not in trace.steps


def test_steps_that_start_anew_in_each_epoch_are_one_run():
    lines = [
        f"Train Epoch: {epoch} [{64 * n}/60000 ({n}%)]\tLoss: {2 / (epoch + n / 10):.4f}"
        for epoch in (1, 2, 3)
        for n in range(10)
    ]
    tests = [f"Test set: Average loss: 0.0{n}, Accuracy: 9837/10000 (98%)" for n in (6, 5)]
    (trace,) = read("\n".join([*lines, *tests]))
    assert np.isfinite(trace.column("train_loss")).sum() == 30
    assert trace.column("val_loss")[-1] == pytest.approx(0.05)
    assert trace.column("val_accuracy")[-1] == pytest.approx(0.98)


def test_reading_logs_imports_no_pandas():
    code = "import sys, core.logs.command; print(sorted({'pandas', 'pyarrow', 'torch', 'altair'} & {*sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
