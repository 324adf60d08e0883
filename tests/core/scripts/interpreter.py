"""Runs printed scripts by an interpreter that finds neither our code nor our environment."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

EVERY = """
import contextlib, io, sys, warnings
from pathlib import Path
warnings.simplefilter("error")
for script in sorted(Path(sys.argv[1]).glob("*.py")):
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(script.read_text(encoding="utf-8"), script, "exec"), {"__name__": "__main__"})
    script.with_suffix(".csv").write_text(printed.getvalue())
assert not [name for name in sys.modules if name.split(".")[0] == "core"]
"""


def alone(folder: Path, *words: str) -> str:
    """What a fresh interpreter prints."""
    done = subprocess.run(
        [sys.executable, "-I", *words], cwd=folder, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def printed_by(scripts: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Each script's CSV; they run one after the other in one interpreter, each in a namespace of its own."""
    for number, script in enumerate(scripts.values()):
        (folder / f"{number:03}.py").write_text(script, encoding="utf-8")
    alone(folder, "-c", EVERY, str(folder))
    return {name: (folder / f"{number:03}.csv").read_text() for number, name in enumerate(scripts)}
