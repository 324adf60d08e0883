"""Runs scripts of ``mistakes`` through ``watch``: python -m tests.core.experiments.mistakes.watched SETTINGS.json.

Of each of the settings, what it found, as JSON on standard output. The scripts run in forks of this process, which has
loaded torch; pytest's own has threads, which do not survive a fork.
"""

import importlib
import json
import sys
import tempfile
from pathlib import Path

import core
from tests.recorder.exam.__main__ import run

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
    kind, found = core.experiment("mistakes"), []
    with tempfile.TemporaryDirectory() as folder:
        for given in json.loads(Path(path).read_text(encoding="utf-8")):
            result = run(kind.code(kind.one_run(given)), True, Path(folder))
            assert result["code"] == 0, result["err"]
            found.append(result["found"])
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1])
