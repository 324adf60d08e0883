"""The laws of the house, read from the files: who imports whom, how long a file is, what stands at the top."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from core.experiments import NAMES

ROOT = Path(__file__).resolve().parent.parent
LONGEST_FILE = 450
TOP = {"README.md", "core", "dashboard.py", "pages", "requirements.txt", "tests"}
LIGHT = (
    "core",
    "core.experiments.vanishing",
    "core.experiments.backprop",
    "core.experiments.backprop.film",
    "core.experiments.backprop.script",
    "core.experiments.through_time",
    "core.scripts.vanishing",
    "core.experiments.through_time.script",
    "core.jobs",
    "core.store",
    "core.reports",
    "core.experiments.questions",
    "core.theory.mean_field",
)


def module_name(path: Path) -> str:
    """``core.parts.inits`` for core/parts/inits.py, ``core.parts`` for core/parts/__init__.py."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(path: Path) -> set[str]:
    """Every module that a file may import, inside functions and for type checkers too; ``from core import a`` is core.a."""
    package = module_name(path).split(".")
    if path.name != "__init__.py":
        package = package[:-1]
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            source = ".".join([*above, *([node.module] if node.module else [])])
            found |= {f"{source}.{alias.name}" for alias in node.names}
    return found


def room(name: str) -> str:
    """The room of an imported name: ``parts`` for core.parts.inits.INITS, "" for core itself."""
    pieces = name.split(".")
    return pieces[1] if len(pieces) > 1 else ""


def files(*rooms: str) -> list[Path]:
    """The Python files of these rooms of core."""
    found = []
    for name in rooms:
        below = ROOT / "core" / name
        found += sorted(below.rglob("*.py")) if below.is_dir() else [below.with_suffix(".py")]
    return found


def strays(of: tuple[str, ...], allowed: set[str]) -> list[str]:
    """``file: import`` for every import of ours that these rooms are not allowed."""
    return [
        f"{path.relative_to(ROOT)}: {name}"
        for path in files(*of)
        for name in sorted(imported(path))
        if name.split(".")[0] in ("core", "pages", "dashboard", "tests") and room(name) not in allowed
    ]


def tracked() -> list[str]:
    """The files that belong to the project, by their paths."""
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True)
    return [name for name in listing.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_the_reader_of_imports_sees_all_forms(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    folder = tmp_path / "core" / "parts"
    folder.mkdir(parents=True)
    text = "import core.jobs\nfrom core import store\nfrom . import norms\nfrom ..settings import Run\n"
    text += "def f():\n    import streamlit as st\n    from core.tables import read\n"
    (folder / "inits.py").write_text(text, encoding="utf-8")
    assert imported(folder / "inits.py") == {
        "core.jobs",
        "core.store",
        "core.parts.norms",
        "core.settings.Run",
        "streamlit",
        "core.tables.read",
    }


def test_core_never_imports_streamlit_nor_a_page():
    guilty = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in sorted((ROOT / "core").rglob("*.py"))
        for name in imported(path)
        if name.split(".")[0] in ("streamlit", "pages", "dashboard", "tests")
    ]
    assert not guilty


@pytest.mark.parametrize(
    ("rooms", "allowed"),
    [
        (("registry",), set()),
        (("frames",), set()),
        (("parts", "settings"), {"parts", "registry", "frames"}),
        (("plain",), {"plain", "parts", "settings", "registry"}),
        (("engine", "theory"), {"engine", "theory", "parts", "registry", "frames"}),
    ],
    ids=lambda value: "-".join(sorted(value)) or "nothing",
)
def test_imports_only_run_downwards(rooms, allowed):
    assert not strays(rooms, allowed)


def test_experiments_know_nothing_of_store_and_jobs():
    guilty = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in files("experiments")
        for name in imported(path)
        if room(name) in ("store", "jobs", "__main__") and name.startswith("core")
    ]
    assert not guilty


def test_what_the_server_loads_brings_no_torch():
    script = "import importlib, sys\n" + "".join(
        f"importlib.import_module({name!r})\nassert 'torch' not in sys.modules, {name!r}\n" for name in LIGHT
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", NAMES)
def test_an_experiment_is_loaded_without_what_draws_and_sums_up(name):
    """A worker computes and `list` lists: neither waits for pandas and Altair."""
    script = (
        f"import sys\nimport core.experiments.{name}\nprint(sorted({{'pandas', 'altair', 'scipy'}} & {{*sys.modules}}))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_no_file_is_too_long():
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for folder in ("core", "pages")
        for path in (ROOT / folder).rglob("*.py")
    }
    assert lengths
    assert not {name: lines for name, lines in lengths.items() if lines > LONGEST_FILE}


def test_the_visible_top_level_is_exact():
    assert {name.split("/")[0] for name in tracked() if not name.startswith(".")} == TOP


def test_no_tracked_file_names_a_place_on_somebodys_machine():
    absolute = re.compile(r"(?<![\w.~])/(?:work|root|home|Users)(?:/\w|\b(?!/))")
    assert absolute.search("see /" + "work/main")  # the pattern finds what it is for
    guilty = []
    for name in tracked():
        data = (ROOT / name).read_bytes()
        if b"\0" not in data:
            lines = data.decode("utf-8").splitlines()
            guilty += [f"{name}:{number}" for number, line in enumerate(lines, 1) if absolute.search(line)]
    assert [place for place in guilty if not place.startswith("tests/test_laws.py")] == []
