"""Watched scripts run as Python itself would run them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path

import pytest

from core.recorder import recordings

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "GRADIENT_LAB_STRICT": "1", "PYTHONDONTWRITEBYTECODE": "1"}

PROJECT = """
import multiprocessing, os, sys
import core.net, pages, registry, tests
import torch
from torch.utils.data import DataLoader, TensorDataset

def child(queue):
    queue.put((__name__, [name for name in sys.modules if "gradient_lab" in name]))

if __name__ == "__main__":
    print(core.NAME, core.net.answer(), registry.Y, sys.argv, __file__, __spec__, __package__, sorted(globals()))
    print(sys.modules["__main__"].__dict__ is globals(), sys.path[0], os.getcwd())
    print(sorted(name for name in sys.modules if name.split(".")[0] in ("core", "pages", "tests", "registry", "recorder")))
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    process = context.Process(target=child, args=(queue,))
    process.start()
    print(queue.get())
    process.join()
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Dropout(0.5), torch.nn.Linear(8, 1))
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    data = TensorDataset(torch.randn(64, 4), torch.randn(64, 1))
    for x, y in DataLoader(data, batch_size=8, num_workers=1, shuffle=True):
        loss = torch.nn.functional.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
    print(loss.item(), torch.rand(3).tolist(), file=sys.stderr if "quiet" in sys.argv else sys.stdout)
    if "fail" in sys.argv:
        loss.backward()
    sys.exit(3)
"""


WARNED = """
import torch
from torch import nn

model = nn.Linear(3, 1)
optimizer = torch.optim.SGD(model.parameters(), 0.01)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 2)
scheduler.step()
scheduler.step(3)
for _ in range(3):
    x, y = torch.randn(8, 3), torch.randn(8)
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(model(x), y)
    loss = loss + nn.functional.l1_loss(model(x), y, size_average=True)
    loss = loss + nn.MSELoss()(model(x), y)
    loss = loss + nn.functional.dropout2d(torch.randn(4, 5), 0.5, True).sum()
    loss.backward(create_graph=True)
    optimizer.step()
"""


def run(arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, timeout=300
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in ("core", "pages", "tests"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("NAME = 'their own'\n", encoding="utf-8")
    (tmp_path / "core" / "net.py").write_text("def answer():\n    return 7\n", encoding="utf-8")
    (tmp_path / "registry.py").write_text("Y = 5\n", encoding="utf-8")
    (tmp_path / "train.py").write_text(PROJECT, encoding="utf-8")
    return tmp_path


@pytest.mark.slow
def test_a_watched_script_prints_what_it_prints_alone_and_finds_its_own_packages(project):
    alone = run(["train.py", "a", "--findings"], project)
    watched = run(
        [str(ROOT / "core"), "watch", "--record", "a run", "--findings", "f.json", "train.py", "a", "--findings"],
        project,
    )
    assert (watched.stdout, watched.returncode) == (alone.stdout, alone.returncode) == (watched.stdout, 3)
    assert "gradients_not_zeroed" in watched.stderr
    findings = json.loads((project / "f.json").read_text(encoding="utf-8"))
    assert findings[0]["code"] == "gradients_not_zeroed"
    assert set(findings[0]) == {"code", "severity", "message", "evidence", "remedy", "link", "file", "run"}
    assert findings[0]["file"].startswith("train.py:")
    assert recordings.names(str(project / ".gradient_lab" / "results.sqlite")) == ["a run"]


@pytest.mark.slow
def test_a_traceback_has_no_frame_of_ours(project):
    alone, watched = run(["train.py", "fail"], project), run([str(ROOT / "core"), "watch", "train.py", "fail"], project)
    assert watched.returncode == alone.returncode == 1
    traceback = watched.stderr[watched.stderr.index("Traceback") :]
    assert (
        traceback.split("RuntimeError")[0] == alone.stderr[alone.stderr.index("Traceback") :].split("RuntimeError")[0]
    )


@pytest.mark.slow
def test_a_warning_of_torch_names_the_line_that_it_names_without_us(tmp_path):
    (tmp_path / "train.py").write_text(WARNED, encoding="utf-8")
    alone, watched = run(["train.py"], tmp_path), run([str(ROOT / "core"), "watch", "train.py"], tmp_path)
    assert alone.stderr.count("train.py:") == 5  # both steps of the scheduler, both losses, the dropout
    assert watched.stderr.startswith(alone.stderr)


@pytest.mark.slow
def test_a_module_is_run_as_python_runs_it(project):
    (project / "core" / "train.py").write_text(PROJECT, encoding="utf-8")
    alone, watched = (
        run(["-m", "core.train", "x"], project),
        run([str(ROOT / "core"), "watch", "-m", "core.train", "x"], project),
    )
    assert watched.returncode == alone.returncode == 3, watched.stderr
    mine, theirs = watched.stdout.splitlines(), alone.stdout.splitlines()
    assert mine[1:] == theirs[1:]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nosuch.py"], "there is no script nosuch.py"),
        (["-m", "no.such"], "there is no module no.such"),
        ([], "names no script"),
        (["--every", "0", "train.py"], "--every: must be"),
        (["--colour", "train.py"], "unknown option --colour"),
        (["--findings", "f.txt", "train.py"], "must end in .json"),
        (["bytes.py"], "not a Python script"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(arguments, words, tmp_path, monkeypatch, capsys):
    from core.recorder import launcher

    (tmp_path / "bytes.py").write_bytes(bytes(range(256)))
    (tmp_path / "train.py").write_text("", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", list(sys.argv))
    monkeypatch.setattr(sys, "path", list(sys.path))
    assert launcher.main(arguments) == 2
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1
    assert not (tmp_path / ".gradient_lab").exists()


@pytest.mark.slow
def test_a_killed_script_leaves_a_recording_that_opens(tmp_path):
    script = tmp_path / "train.py"
    script.write_text(
        "import torch, time\nm = torch.nn.Linear(3, 1)\no = torch.optim.SGD(m.parameters(), 0.01)\nprint('on', flush=True)\n"
        "while True:\n    o.zero_grad(); m(torch.randn(8, 3)).pow(2).mean().backward(); o.step(); time.sleep(0.002)\n",
        encoding="utf-8",
    )
    command = [sys.executable, str(ROOT / "core"), "watch", "--record", "killed", "train.py"]
    process = subprocess.Popen(command, cwd=tmp_path, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    store = str(tmp_path / ".gradient_lab" / "results.sqlite")
    try:
        assert process.stdout is not None
        process.stdout.readline()
        until = time.monotonic() + 120
        while time.monotonic() < until:  # readable while it runs
            trace = recordings.read("killed", store)
            if len(trace.steps.get("step", ())) and trace.facts.get("steps"):
                break
            time.sleep(0.2)
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    trace = recordings.read("killed", store)
    assert trace.facts["ended"] in ("under way", "cut off")
    assert len(trace.column("train_loss")) > 0
    from core.diagnosis.judge import judge

    assert [finding.code for finding in judge(trace) if finding.severity != "info"] == []


@pytest.mark.slow
def test_an_interrupted_script_ends_as_python_ends_it(tmp_path):
    (tmp_path / "train.py").write_text("import time\nprint('on', flush=True)\ntime.sleep(100)\n", encoding="utf-8")
    command = [sys.executable, str(ROOT / "core"), "watch", "train.py"]
    process = subprocess.Popen(command, cwd=tmp_path, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGINT
    assert b"KeyboardInterrupt" in said
    assert b"does not train" in said


def packages_of(*names: str) -> set[str]:
    """The distributions that these need, themselves among them."""
    wanted, seen = list(names), set[str]()
    while wanted:
        name = wanted.pop()
        try:
            needs = metadata.distribution(name).requires or []
        except metadata.PackageNotFoundError:  # asked for on another kind of machine
            continue
        if name not in seen:
            seen.add(name)
            wanted += [re.split(r"[^\w.-]", need, maxsplit=1)[0] for need in needs if "extra ==" not in need]
    return seen


@pytest.mark.slow
def test_torch_and_numpy_are_enough(tmp_path):
    """With nothing else to import: no site-packages, but links to what torch and NumPy need."""
    place = tmp_path / "light"
    place.mkdir()
    for name in packages_of("torch", "numpy"):
        for file in metadata.distribution(name).files or []:
            top = file.parts[0]
            if top != ".." and not (place / top).exists():
                (place / top).symlink_to(Path(str(metadata.distribution(name).locate_file(top))))
    (tmp_path / "train.py").write_text(
        "import importlib.util, torch\n"
        "assert not any(map(importlib.util.find_spec, ('pandas', 'altair', 'streamlit', 'pydantic', 'pyarrow')))\n"
        "m = torch.nn.Linear(3, 1)\no = torch.optim.SGD(m.parameters(), 0.01)\n"
        "for _ in range(9):\n    m(torch.randn(8, 3)).pow(2).mean().backward(); o.step()\n",
        encoding="utf-8",
    )
    environment = ENVIRONMENT | {"PYTHONPATH": str(place)}
    command = [sys.executable, "-S", str(ROOT / "core"), "watch", "train.py"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "gradients_not_zeroed" in done.stderr
