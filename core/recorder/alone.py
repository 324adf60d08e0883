"""Loads the recorder under a private name, so that the script finds ``core`` and all our other names free."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

PRIVATE = "_gradient_lab_watch"


def watch(arguments: Sequence[str]) -> int:
    """The exit code of ``watch`` with these arguments; ours are gone from ``sys.modules`` before the script starts."""
    core = Path(__file__).resolve().parent.parent
    package = ModuleType(PRIVATE)
    package.__path__ = [str(core)]
    sys.modules[PRIVATE] = package
    launcher = importlib.import_module(f"{PRIVATE}.recorder.launcher")
    for name in [name for name in sys.modules if name.split(".")[0] == "core"]:
        del sys.modules[name]
    code: int = launcher.main(list(arguments))
    return code
