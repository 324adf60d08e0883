"""The README's commands are understood, and its recipes lead where they say, done in a copy of the house."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import core
from core.__main__ import main

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")

SCHEDULER = """    Scheduler(
        name="halving",
        label="halving",
        source="torch.optim.lr_scheduler.StepLR; a recipe's",
        arguments=(_per("epoch"),),
        recipe=lambda base_lr, epochs, steps_per_epoch: Call("StepLR", {"step_size": 1, "gamma": 0.5}),
    ),
"""
RECORD = '''"""Does a second look at clipping say the same?

A recipe's experiment. $$g$$

**What to try next.** Nothing. Source: the README.
"""

from core.experiments import Experiment
from core.experiments.recipe.settings import PRESETS, Recipe
from core.experiments.training.settings import INDEX, MEASURES

EXPERIMENT = Experiment(
    module=__name__,
    doc=__doc__ or "",
    version=1,
    title="Recipe",
    icon=":material/hub:",
    settings=Recipe,
    index=INDEX,
    measures=(*MEASURES, "momentum"),
    presets=PRESETS,
    main_settings=("dataset",),
    healthy="all is well",
    base="core.experiments.training",
)
'''
SETTINGS = '''"""One training."""

from core.experiments import Preset
from core.experiments.training.settings import Training

PRESETS = (Preset("As it is", "One training.", {"seeds": "2"}),)


class Recipe(Training):
    """One training with other defaults."""
'''
CHARTS = '''"""One chart."""

from core.experiments.training.charts import NOTHING, curve_chart
from core.plotting.figure import Figures, empty


def charts(experiment, analysis):
    """The loss."""
    frame, names = analysis.finite, experiment.settings.names()
    if frame.empty:
        return Figures({"loss": lambda: empty(NOTHING)}, {})
    return Figures({"loss": lambda: curve_chart(frame, names, "train_loss", "epoch", "The loss")}, {})
'''
HEADLINE = '''"""One number."""


def headline(experiment, analysis):
    """The runs."""
    return [("Runs", str(len(analysis.runs)), "How many there are.")]
'''
EXAMPLES = """SMALL = {"dataset": "wine", "width": "8", "clipper": "none,norm", "epochs": "2", "seeds": "2"}
ONE_RUN = {"dataset": "wine", "width": "8", "epochs": "2", "dtype": "float64"}
SICK = []
SOUND = []
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """A copy of what is tracked."""
    copy = tmp_path_factory.mktemp("house")
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True).stdout
    for name in filter(None, listing.split("\0")):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, copy / name)
    return copy


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def done(house, *words):
    result = subprocess.run([sys.executable, *words], cwd=house, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    return result.stdout


def commands():
    """The commands of the README that run a sweep."""
    lines = re.findall(r"^    python -m core (run .+)$", README, flags=re.MULTILINE)
    assert len(lines) >= 5
    return lines


@pytest.mark.parametrize("line", commands())
def test_a_command_of_the_readme_is_understood(line, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = shlex.split(line)
    assert main([*words, *([] if "--dry-run" in words else ["--dry-run"])]) == 0
    assert "runs" in capsys.readouterr().out


def test_the_session_of_the_readme_prints_what_it_shows(tmp_path):
    ((line, shown),) = re.findall(r"^    \$ python -m core run (.+)\n((?:    .+\n)+)", README, flags=re.MULTILINE)
    name, *words = shlex.split(line.removesuffix(" --summary"))
    settings = dict(word.split("=") for word in words)
    frame = core.run(name, store=str(tmp_path / "s.sqlite"), executor="inline", **settings)
    printed = core.readable(core.summary(frame), core.experiment(name).settings.names())
    assert [row.split() for row in shown.splitlines()] == [row.split() for row in printed.splitlines()[:-1]]


@pytest.mark.slow
def test_a_scheduler_is_one_entry_in_one_file(house):
    path = house / "core" / "parts" / "schedulers.py"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.rstrip().removesuffix(")") + SCHEDULER + ")\n", encoding="utf-8")
    assert "halving" in done(house, "-m", "core", "list")
    sweep = ["schedulers", "scheduler=halving", "dataset=wine", "epochs=3", "--summary", "--executor", "inline"]
    assert "final_val_loss" in done(house, "-m", "core", "run", *sweep, "--store", "s.sqlite")


@pytest.mark.slow
def test_an_experiment_is_a_folder_a_word_a_page_and_its_examples(house):
    folder = house / "core" / "experiments" / "recipe"
    for name, text in (("__init__", RECORD), ("settings", SETTINGS), ("charts", CHARTS), ("headline", HEADLINE)):
        write(folder / f"{name}.py", text)
    names = house / "core" / "experiments" / "__init__.py"
    names.write_text(
        re.sub(r"^NAMES = \(", 'NAMES = ("recipe", ', names.read_text(encoding="utf-8"), flags=re.MULTILINE)
    )
    page = (house / "pages" / "5_Clipping.py").read_text(encoding="utf-8")
    write(house / "pages" / "9_Recipe.py", page.replace('"clipping"', '"recipe"'))
    write(house / "tests" / "core" / "experiments" / "recipe" / "__init__.py", "")
    write(house / "tests" / "core" / "experiments" / "recipe" / "examples.py", EXAMPLES)
    done(house, "-m", "tests.core.experiments.test_conformance")
    done(house, "-m", "pytest", "tests/core/experiments/test_conformance.py", "-k", "recipe", "-m", "not slow")
