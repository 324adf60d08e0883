"""What every printed script keeps to: it uses what it defines, and is formatted as our own code."""

import ast
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path


def unused(script: str) -> set[str]:
    """Names that a script defines at its top level, by def, class or assignment, and never reads."""
    tree = ast.parse(script)
    read = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    defined: set[str] = set()
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            defined.add(node.name)
        elif isinstance(node, ast.Assign):
            defined |= {found.id for found in ast.walk(node.targets[0]) if isinstance(found, ast.Name)}
    return defined - read


def check_format(scripts: Iterable[str], folder: Path) -> None:
    """Asserts that ruff would change nothing in the scripts and finds no fault in them."""
    for number, script in enumerate(scripts):
        (folder / f"{number:03}.py").write_text(script, encoding="utf-8")
    options = ["--isolated", "--no-cache", "--line-length", "120", "."]
    for command in (["format", "--diff"], ["check", "--select", "E,F,I"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, *options], cwd=folder, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
