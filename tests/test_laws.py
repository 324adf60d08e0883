"""The laws of the house, read from the files: who imports whom, how long a file is, what stands at the top."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

from core.experiments import FUNCTIONS, NAMES, experiment

ROOT = Path(__file__).resolve().parent.parent
LONGEST_FILE = 425
TOP = {"README.md", "core", "dashboard.py", "pages", "requirements.txt", "tests"}

# the rooms of the house, the lowest first; an arrow runs from a room to a lower one, or stays within it
LEVELS = (
    ("registry", "faults", "frames", "words", "versions", "worker"),
    ("parts", "settings"),
    ("sweeps",),
    ("theory", "scripts", "analysis", "diagnosis"),
    ("engine", "plotting"),
    ("tables", "files", "store"),
    ("experiments", "labels", "deletions", "salvage"),
    ("experiments.training", "experiments.neutral"),
    tuple(f"experiments.{name}" for name in NAMES),
    ("exported_tables",),
    ("frame_checks",),
    ("imports",),
    ("recorder", "logs", "results", "uploads"),
    ("jobs", "reports", "traces", "comparisons"),
    ("front",),
    ("store_commands",),
    ("__main__", "pages"),
)
HEAVY = {"torch", "pandas", "altair", "scipy"}
ROOMS = {  # what a room's own imports may load of the heavy packages
    "settings": set(),
    "plan": set(),
    "questions": set(),
    "script": set(),
    "compute": {"torch"},
    "theory": set(),
    "summary": {"pandas", "scipy"},
    "headline": {"pandas", "scipy"},
    "outcome": {"pandas", "scipy"},
    "findings": {"pandas", "scipy"},
    "sketch": {"pandas", "scipy", "altair"},
    "charts": {"pandas", "scipy", "altair"},
}
SECOND = {
    "tasks": "runs",
    "cost": "settings",
    "compute": "runs",
    "expected": "sweep",
    "sketch": "sweep",
    "script": "run",
    "run_summary": "frame",
}
LIGHT = (
    "core",
    "core.jobs",
    "core.store",
    "core.results",
    "core.reports",
    "core.traces",
    "core.worker",
    "core.plotting.shapes",
    "core.experiments.backprop.film",
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
    """The room of a module: ``parts`` for core.parts.inits, ``experiments.vanishing`` for its files, ``front`` for core."""
    pieces = name.split(".")
    if pieces[0] != "core":
        return "pages"
    if len(pieces) == 1:
        return "front"
    folder = (ROOT / "core" / "experiments" / pieces[2]).is_dir() if len(pieces) > 2 else False
    return f"experiments.{pieces[2]}" if pieces[1] == "experiments" and folder else pieces[1]


def source_files() -> dict[str, Path]:
    """Every module of core and pages, by name."""
    paths = [*sorted((ROOT / "core").rglob("*.py")), *sorted((ROOT / "pages").rglob("*.py")), ROOT / "dashboard.py"]
    return {module_name(path): path for path in paths}


def import_graph() -> dict[str, set[str]]:
    """Module -> the modules of ours that it imports, anywhere in the file."""
    files = source_files()
    graph = {}
    for module, path in files.items():
        names = imported(path)
        targets = {name if name in files else name.rpartition(".")[0] for name in names}
        graph[module] = {target for target in targets if target in files and target != module}
    return graph


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """The groups of modules that import one another."""
    reach = {module: set(targets) for module, targets in graph.items()}
    changed = True
    while changed:
        changed = False
        for targets in reach.values():
            further = set().union(*(reach[target] for target in targets)) - targets if targets else set()
            if further:
                targets.update(further)
                changed = True
    return sorted(
        {tuple(sorted(m for m in reach[module] if module in reach[m])) for module in reach if module in reach[module]}
    )


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


def test_imports_run_downwards_without_circles(capsys):
    graph = import_graph()
    level = {name: index for index, names in enumerate(LEVELS) for name in names}
    upward = [
        f"{module} -> {target}"
        for module, targets in graph.items()
        for target in targets
        if room(module) != room(target) and level[room(target)] >= level[room(module)]
    ]
    arrows = sorted(
        {
            f"{room(module)} -> {room(target)}"
            for module in graph
            for target in graph[module]
            if room(module) != room(target)
        }
    )
    with capsys.disabled():
        print(
            f"\n{len(graph)} modules, {sum(map(len, graph.values()))} imports, {len(arrows)} arrows between rooms, {len(upward)} upward, {len(circles(graph))} circles"
        )
    assert circles(graph) == []
    assert upward == []


def test_the_reader_of_circles_finds_one():
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [("a", "b", "c")]


def test_no_folder_of_an_experiment_looks_into_another():
    graph = import_graph()
    homes = {f"experiments.{name}" for name in NAMES}
    assert [f"{m} -> {t}" for m in graph for t in graph[m] if {room(m), room(t)} <= homes and room(m) != room(t)] == []


def test_pages_import_the_front_door_alone():
    graph = import_graph()
    assert [
        f"{m} -> {t}" for m in graph for t in graph[m] if room(m) == "pages" and room(t) not in ("pages", "front")
    ] == []


def selections(path: Path) -> list[int]:
    """The lines of a file whose literals name an experiment; a record's ``next`` and NAMES itself are allowed."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    allowed = {
        id(keyword.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg == "next"
    }
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "NAMES":
            allowed |= {id(literal) for literal in ast.walk(node.value)}
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and node.value in NAMES and id(node) not in allowed
    ]


def test_an_experiment_is_named_at_home_alone():
    """In its folder, in NAMES, on its page; Home is exempt, and so are parts, which have names of their own.

    A new experiment whose name is a key or a value elsewhere (``batches``, ``layers``) needs another name.
    """
    guilty = []
    for module, path in source_files().items():
        home = room(module)
        if home == "parts" or module == "dashboard" or path.match("pages/*_*.py"):
            continue
        for line in selections(path):
            text = path.read_text(encoding="utf-8").splitlines()[line - 1]
            own = home.startswith("experiments.") and f'"{home.split(".")[1]}"' in text
            if not own:
                guilty.append(f"{path.relative_to(ROOT)}:{line}: {text.strip()}")
    assert guilty == [], (
        "the literal is an experiment's name: read it off the experiment, or name the new one otherwise"
    )


@pytest.mark.parametrize("name", NAMES)
def test_an_experiment_has_its_rooms_with_the_right_signatures(name):
    kind = experiment(name)
    for room_name, functions in FUNCTIONS.items():
        for function in functions:
            parameters = list(inspect.signature(getattr(kind.room(room_name), function)).parameters)
            assert parameters[0] == "experiment", (room_name, function)
            assert parameters[1] == SECOND.get(function, "analysis"), (room_name, function)


@pytest.mark.slow
@pytest.mark.parametrize("room_name", ROOMS)
def test_a_room_loads_no_more_than_it_needs(room_name):
    """A worker waits for neither pandas nor Altair, the server and `list` never for torch."""
    modules = [f"core.experiments.{name}.{room_name}" for name in NAMES]
    script = (
        "import importlib, importlib.util, sys\n"
        f"for name in {modules!r}:\n"
        "    if importlib.util.find_spec(name): importlib.import_module(name)\n"
        f"print(sorted({HEAVY!r} & {{*sys.modules}}))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert set(ast.literal_eval(done.stdout)) <= ROOMS[room_name]


def test_what_the_server_loads_brings_no_torch():
    script = "import importlib, sys\n" + "".join(
        f"importlib.import_module({name!r})\nassert 'torch' not in sys.modules, {name!r}\n" for name in LIGHT
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_what_a_worker_is_sent_brings_nothing_heavy():
    """Workers and parent start in a fifth more time with pandas, and a worker's tasks need none."""
    script = f"import sys, core.jobs.sweep_run\nprint(sorted({HEAVY!r} & {{*sys.modules}}))"
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
