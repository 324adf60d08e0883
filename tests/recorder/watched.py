"""Runs printed scripts through ``watch``: python -m tests.recorder.watched RUNS.json, a list of (experiment, settings).

Of each run, what it found, as JSON on standard output. The scripts run in forks of this process, which has
loaded torch; pytest's own has threads, which do not survive a fork.
"""

import importlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import core
from tests.recorder.exam.__main__ import run

ROOT = Path(__file__).parents[2]
HEAVY = (
    "torch",
    "torch._dynamo",
    "torch.optim",
    "sklearn.datasets",
    "sklearn.model_selection",
    "sklearn.preprocessing",
)


def main(path: str) -> None:
    """Prints a list of lists of findings."""
    for heavy in HEAVY:
        importlib.import_module(heavy)
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for name, given in json.loads(Path(path).read_text(encoding="utf-8")):
            kind = core.experiment(name)
            result = run(kind.code(kind.one_run(given)), True, Path(folder))
            assert result["code"] == 0, result["err"]
            found.append(result["found"])
    print(json.dumps(found))


def found_by_watch(runs: list[tuple[str, dict[str, object]]], folder: Path) -> list[list[dict[str, Any]]]:
    """The findings of each run's script, by a process of its own."""
    path = folder / "runs.json"
    path.write_text(json.dumps(runs), encoding="utf-8")
    command = [sys.executable, "-m", "tests.recorder.watched", str(path)]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


if __name__ == "__main__":
    main(sys.argv[1])
