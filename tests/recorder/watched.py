"""Runs scripts through ``watch``: python -m tests.recorder.watched SCRIPTS.json, a list of their texts.

Of each, what it printed and what was found, as JSON on standard output. The scripts run in forks of this process, which has
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


SECONDS = 600  # for one script, so that one that hangs ends; a busy machine takes its time


def main(path: str) -> None:
    """Prints a list of {out, found}."""
    for heavy in HEAVY:
        importlib.import_module(heavy)
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for script in json.loads(Path(path).read_text(encoding="utf-8")):
            result = run(script, True, Path(folder), SECONDS)
            assert result["code"] == 0, result
            results.append({name: result[name] for name in ("out", "found")})
    print(json.dumps(results))


def watched(scripts: list[str], folder: Path) -> list[dict[str, Any]]:
    """Of each script, what it printed (``out``) and what ``watch`` found (``found``), by a process of its own."""
    path = folder / "scripts.json"
    path.write_text(json.dumps(scripts), encoding="utf-8")
    command = [sys.executable, "-m", "tests.recorder.watched", str(path)]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def found_by_watch(runs: list[tuple[str, dict[str, object]]], folder: Path) -> list[list[dict[str, Any]]]:
    """The findings of each run's printed script; a run is an experiment's name and its settings."""
    kinds = [(core.experiment(name), given) for name, given in runs]
    return [result["found"] for result in watched([kind.code(kind.one_run(given)) for kind, given in kinds], folder)]


if __name__ == "__main__":
    main(sys.argv[1])
