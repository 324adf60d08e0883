"""Recordings: bounded, readable while they are written, never half-read; one's own loop recorded."""

from __future__ import annotations

import ast
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import core
from core.diagnosis.finding import Finding
from core.diagnosis.judge import arranged, judge
from core.diagnosis.trace import Trace
from core.recorder import recordings
from core.recorder.sampling import FIRST, Stride, Windows
from core.traces.charts import trace_charts

ROOT = Path(__file__).resolve().parents[2]
RULES = (
    "finding",
    "trace",
    "judge",
    "view",
    "numbers",
    "wiring",
    "ascent",
    "outputs",
    "modes",
    "order",
    "signals",
    "course",
    "validation",
)


@pytest.fixture
def store(tmp_path):
    return str(tmp_path / "results.sqlite")


def train(steps: int = 30, zero: bool = True) -> float:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    x, y = torch.randn(64, 4), torch.randint(0, 2, (64,))
    for _ in range(steps):
        if zero:
            optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
    return loss.item()


def test_ones_own_loop_is_recorded_and_judged(store):
    plain = train(zero=False)
    cross_entropy, backward, call = nn.functional.cross_entropy, torch.Tensor.backward, nn.Module.zero_grad
    with core.watch(name="run 7", store=store) as recording:
        assert train(zero=False) == plain  # to the last bit
    assert (nn.functional.cross_entropy, torch.Tensor.backward, nn.Module.zero_grad) == (cross_entropy, backward, call)
    assert recording.findings()[0].code == "gradients_not_zeroed"
    assert recordings.names(store) == ["run 7"]
    trace = recordings.read("run 7", store)
    assert trace.facts["mishaps"] == []
    assert list(trace.column("step")) == list(range(30))
    assert set(np.unique(trace.layers["layer"])) >= {"model.0", "model.2"}


def test_a_used_name_gets_a_number_and_recordings_can_be_deleted(store):
    for _ in range(2):
        with core.watch(name="a", store=store):
            train(3)
    assert sorted(recordings.names(store)) == ["a", "a-2"]
    core.delete_recording("a", store)
    assert recordings.names(store) == ["a-2"]
    with pytest.raises(ValueError, match="there is no recording 'a'"):
        recordings.read("a", store)
    rows = list(recordings.rows(recordings.read("a-2", store)))
    assert [row["step"] for row in rows] == [0, 1, 2]


def test_a_recording_cut_off_anywhere_is_read_up_to_there(store, tmp_path):
    with core.watch(name="whole", store=store):
        train()
    data = recordings.file_of("whole", store).read_bytes()
    first = data.index(b"\n") + 1
    for length in (first, first + 10, len(data) // 2, len(data) - 3):
        path = tmp_path / "cut.recording"
        path.write_bytes(data[:length])
        assert isinstance(judge(recordings.read(path)), list)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is no recording"),
        ("not ours\n", "is no recording"),
        ('{"steps": {}}\n', "is no recording"),
        (json.dumps({"recording": {"format": 99}}) + "\n", "another version"),
    ],
)
def test_what_is_no_recording_of_ours_gets_a_sentence(text, words, tmp_path):
    path = tmp_path / "x.recording"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=words):
        recordings.read(path)


def test_without_a_folder_to_write_to_the_script_is_judged_all_the_same(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    with core.watch(name="a", store=str(tmp_path / "file" / "below" / "results.sqlite")) as recording:
        train(zero=False)
    assert recording.problem
    assert recording.findings()[0].code == "gradients_not_zeroed"


def test_function_transforms_work_as_without_us(store):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(4, 8), nn.Linear(8, 2)

        def forward(self, x):
            return self.b(nn.functional.dropout(torch.relu(self.a(x)), 0.1, self.training))

    def numbers() -> list[float]:
        torch.manual_seed(0)
        net = Net()
        x, y = torch.randn(16, 4), torch.randint(0, 2, (16,))
        optimizer = torch.optim.SGD(net.parameters(), 0.1)
        for _ in range(5):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(net(x), y)
            loss.backward()
            optimizer.step()
        net.eval()

        def one(parameters, row, answer):
            out = torch.func.functional_call(net, parameters, (row[None],))
            return nn.functional.cross_entropy(out, answer[None])

        per_row = torch.func.vmap(torch.func.grad(one), in_dims=(None, 0, 0))(dict(net.named_parameters()), x, y)
        return [loss.item(), *per_row["a.bias"].flatten().tolist()]

    alone = numbers()
    with core.watch(name="a", store=store) as recording:
        assert numbers() == alone
    assert recording.trace().facts["mishaps"] == []


def test_rows_and_windows_stay_few_in_an_hour_of_steps():
    stride, windows = Stride(), Windows()
    steps = 9_000_000  # an hour of 0.4 ms
    rows = 0
    step = 0
    while step < steps:  # due() is asked at every step; between two rows nothing can change
        rows += stride.due(step)
        step += stride.stride
    assert rows < 6_000
    measured = [step for step in range(100_000) if windows.covers(step, 2)]
    assert measured[:FIRST] == list(range(FIRST))
    assert len(measured) < 80


def test_no_script_that_trains_leaves_nothing_to_judge(store):
    with core.watch(name="idle", store=store) as recording:
        torch.randn(3).sum()
    assert [finding.code for finding in recording.findings()] == ["nothing_to_judge"]


def test_a_script_that_crashes_before_it_trains_is_not_said_to_train_nothing():
    (finding,) = judge(Trace(facts={"steps": 0, "backward_calls": 0, "recorder": 1, "ended": "exit code 1"}))
    assert finding.message.startswith("The script ended before any optimizer step")


def test_at_most_three_findings_lead_and_the_rest_is_folded_into_the_cause():
    codes = (
        "diverged",
        "dead_units",
        "gradients_not_zeroed",
        "validation_in_train_mode",
        "schedule_repeats",
        "no_nonlinearity",
    )
    found = arranged([Finding(code, "error", code) for code in codes])
    assert [finding.code for finding in found] == [
        "gradients_not_zeroed",
        "validation_in_train_mode",
        "schedule_repeats",
    ]
    assert set(found[0].evidence["symptoms"]) == {"diverged", "dead_units", "no_nonlinearity"}


def test_no_larger_rate_is_proposed_where_no_gradient_arrives():
    lost, low = Finding("vanishing_gradients", "error", "lost"), Finding("learning_rate_too_low", "warning", "low")
    (only,) = arranged([low, lost])
    assert only.code == "vanishing_gradients" and only.evidence["symptoms"] == ["learning_rate_too_low"]
    mild = Finding("vanishing_gradients", "warning", "faint")
    assert [finding.code for finding in arranged([low, mild])] == ["vanishing_gradients", "learning_rate_too_low"]


def test_finding_and_chart_tell_one_last_loss():
    step = np.arange(120.0)
    rng = np.random.default_rng(0)
    val = 1.0 + np.abs(step - 30) / 60 + rng.normal(0, 0.02, 120)
    trace = Trace({"step": step, "train_loss": 2.0 * np.exp(-step / 30), "val_loss": val})
    finding, title = judge(trace)[0], trace_charts(trace)["loss"].title
    assert finding.code == "overfitting"
    for name in ("last_val_loss", "last_train_loss"):
        assert f"{finding.evidence[name]:.3g}" in finding.message
        assert f"{finding.evidence[name]:.3g}" in title


def test_a_log_with_steps_alone_is_judged_by_its_course():
    step = np.arange(200.0)
    falling = Trace({"step": step, "train_loss": 2.0 * np.exp(-step / 40)})
    assert [f.code for f in judge(falling) if f.severity != "info"] == []
    lost = Trace({"step": step, "train_loss": np.where(step < 150, 2.0 + step / 20, np.inf)})
    assert "diverged" in [f.code for f in judge(lost)]
    turned = Trace({"step": step, "train_loss": 2.0 * np.exp(-step / 30), "val_loss": 1.0 + np.abs(step - 40) / 40})
    assert judge(turned)[0].code == "overfitting"
    rng = np.random.default_rng(0)
    noise = Trace({"step": step, "train_loss": 2.3 + 0.05 * rng.standard_normal(200)})
    assert judge(noise)[0].code == "no_progress"
    assert [f.code for f in judge(Trace({"step": step}))] == ["nothing_to_judge"]


def test_the_recorder_and_its_rules_need_torch_and_numpy_alone():
    files = [
        *(ROOT / "core" / "recorder").glob("*.py"),
        *(ROOT / "core" / "diagnosis" / f"{name}.py" for name in RULES),
    ]
    for path in files:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module or ""]
            else:
                continue
            for name in names:
                top = name.split(".")[0]
                assert top in sys.stdlib_module_names or top in ("torch", "numpy"), f"{path.name}: {name}"
