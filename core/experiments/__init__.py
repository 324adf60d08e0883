"""Experiments by name. One question, one folder, whose files are rooms found by name; this page holds what all have in common."""

from __future__ import annotations

import importlib
import importlib.util
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

from core.diagnosis.finding import Finding, worst_first
from core.registry import unknown
from core.settings import Run, Settings
from core.sweeps import MAXIMUM_RUNS, MAXIMUM_SETTINGS, Sweep, axis_text, range_length, read_seed

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    from core.plotting.figure import Figure, Figures


NAMES = (
    "backprop",
    "vanishing",
    "through_time",
    "remedies",
    "clipping",
    "range_test",
    "schedulers",
    "mistakes",
)
FORMULA = re.compile(r"\$\$.*?\$\$", re.S)
NEUTRAL = "core.experiments.neutral"
FUNCTIONS = {  # what a room must have; ``Experiment`` says what each takes
    "plan": ("tasks", "cost"),
    "compute": ("compute",),
    "theory": ("expected",),
    "summary": ("run_summary", "setting_table", "summary"),
    "sketch": ("sketch",),
    "charts": ("charts",),
    "headline": ("headline",),
    "findings": ("findings",),
    "script": ("script",),
    "outcome": ("outcome",),
}


class Cost(NamedTuple):
    """What a point of a sweep costs per seed: seconds on one core, bytes of a worker's memory, rows of the frame."""

    seconds: float
    bytes: float
    rows: int


class Preset(NamedTuple):
    """A sweep worth looking at: its name, one sentence on what to see, and its settings as text."""

    name: str
    note: str
    settings: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """A question the lab can ask: light facts as fields; what is done with them stands in the rooms of its folder.

    module         the folder's import name, whose last part names the experiment
    doc            the folder's docstring: the question, then the page's explanation in Markdown with LaTeX
    version        goes into run ids: raise it when the same settings give other numbers
    index          columns that say where in the run a row was measured
    measures       columns that were measured
    main_settings  settings that stand first in the form, the others folded below
    healthy        what a frame without a finding shows, as far as its rows hold it
    outcome        the measure of a run that tells how a sweep came out
    goal           of which the best setting has the ``lowest``, ``highest`` or ``nearest 1``; empty where none is best
    base           a folder whose rooms it uses where it has none of its own
    next           the experiment whose page leads on from here; empty for the last
    shows          settings with which its page shows the remedy of a finding at work, by the finding's code
    accepts_csv    whether a user's own table can be its dataset

    A room is a file found by its name: the folder's own, else its base's, else the neutral one. Its functions take the
    experiment first:

        plan       tasks(experiment, runs), cost(experiment, settings)
        compute    compute(experiment, runs, device), in a worker
        theory     expected(experiment, sweep)
        summary    run_summary(experiment, frame), setting_table(experiment, analysis), summary(experiment, analysis)
        sketch     sketch(experiment, sweep) -> Figure or None, what can be drawn before any run
        charts     charts(experiment, analysis) -> Figures, which names them now and draws each when it is looked at
        headline   headline(experiment, analysis)
        findings   findings(experiment, analysis)
        script     script(experiment, run)
        questions  QUESTIONS
        outcome    outcome(experiment, analysis)
    """

    module: str
    doc: str
    version: int
    title: str
    icon: str
    settings: type[Settings]
    index: tuple[str, ...]
    measures: tuple[str, ...]
    presets: tuple[Preset, ...]
    main_settings: tuple[str, ...]
    healthy: str
    outcome: str = ""
    goal: str = ""
    base: str = ""
    next: str = ""
    shows: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    accepts_csv: bool = True

    @property
    def name(self) -> str:
        """What commands, links and frames call it."""
        return self.module.rsplit(".", 1)[1]

    @property
    def question(self) -> str:
        """The question, in one sentence."""
        return self.doc.split("\n", 1)[0]

    @property
    def explanation(self) -> str:
        """Markdown with LaTeX: the page's explanation."""
        text = self.doc.split("\n", 1)[1].strip()
        return FORMULA.sub(
            lambda formula: formula[0].replace("\n", " "), text
        )  # Markdown reads one of several lines as text

    @property
    def columns(self) -> tuple[str, ...]:
        """The frame's columns, in order."""
        return ("run", *self.settings.names(), "seed", *self.index, *self.measures)

    @property
    def page(self) -> str:
        """The address of its page, within the lab."""
        return self.title.replace(" ", "_")

    def preset(self, name: str) -> Preset:
        """The preset called ``name``; LookupError for one that is not there."""
        for preset in self.presets:
            if preset.name == name:
                return preset
        raise LookupError(f"{self.name} has no preset {name!r}")

    def room(self, name: str) -> Any:
        """The file ``name`` of the folder, else of its base, else the neutral one."""
        return _room(name, self.module, self.base)

    def tasks(self, runs: Iterable[Run], device: str = "cpu") -> list[list[Run]]:
        """The runs grouped for the workers of a device, the longest task first."""
        return self.room("plan").tasks(self, runs, device)

    def cost(self, settings: Settings) -> Cost:
        """What a point costs per seed."""
        return self.room("plan").cost(self, settings)

    def compute(self, runs: Sequence[Run], device: str) -> list[dict[str, np.ndarray]]:
        """The index and measured columns of each run of one task. Run in a worker: imports torch."""
        return self.room("compute").compute(self, runs, device)

    def measured(self, sweep: Sweep) -> pd.DataFrame:
        """The frame of a small sweep, computed at once and kept nowhere. Run in a worker: imports torch."""
        from core import tables

        found = [
            (run, columns)
            for task in self.tasks(sweep.runs())
            for run, columns in zip(task, self.compute(task, "cpu"), strict=True)
        ]
        return tables.to_frame(self.table([run for run, _ in found], tables.encode([columns for _, columns in found])))

    def expected(self, sweep: Sweep) -> pd.DataFrame:
        """A sweep's frame as theory has it, nothing measured; without a row where there is no theory."""
        return self.room("theory").expected(self, sweep)

    def sketch(self, sweep: Sweep) -> Figure | None:
        """What a page shows of a sweep until its first runs have ended; None where nothing is known before."""
        return self.room("sketch").sketch(self, sweep)

    def analysis(self, frame: pd.DataFrame) -> Analysis:
        """The frame, folded once for all who read it."""
        return Analysis(self, frame)

    def figures(self, analysis: Analysis) -> Figures:
        """The charts by name, in the order of the page; each is drawn when it is first looked at."""
        return self.room("charts").charts(self, analysis)

    def headline(self, analysis: Analysis) -> list[tuple[str, str, str]]:
        """(label, value, explanation) of the numbers above the charts."""
        return self.room("headline").headline(self, analysis)

    def findings(self, analysis: Analysis) -> list[Finding]:
        """What is wrong, the worst first; ValueError for cells that no frame of ours holds."""
        found = self.room("findings").findings(self, analysis)
        return worst_first(replace(f, link=f"/{self.page}?{f.link}" if f.link else "") for f in found)

    def sound_settings(self, analysis: Analysis, findings: Iterable[Finding]) -> list[str]:
        """Labels of the settings that no error or warning is about; empty where one is about all of them."""
        labels = list(dict.fromkeys(analysis.settings["label"]))
        faults = [finding.message for finding in findings if finding.severity != "info"]
        about = [{label for label in labels if message.startswith((f"{label}:", f"{label},"))} for message in faults]
        return [label for label in labels if not any(label in named for named in about)] if all(about) else []

    def code(self, run: Run) -> str:
        """A plain PyTorch script of the run, which prints its index and measured columns as CSV."""
        return self.room("script").script(self, run)

    def questions(self) -> tuple[Any, ...]:
        """What the page asks to predict."""
        return self.room("questions").QUESTIONS

    def table(self, runs: Sequence[Run], frames: Sequence[bytes], ids: Sequence[str] | None = None) -> pa.Table:
        """The tidy table of these runs, in their order; ``frames`` are their bytes from the store."""
        from core import tables

        return tables.assemble(runs, frames, self.settings.names(), (*self.index, *self.measures), ids)

    def sweep(self, given: Mapping[str, object]) -> Sweep:
        """The sweep that ``given`` describes, by setting; ValueError says what is wrong with it."""
        return Sweep.read(self.name, self.version, self.settings, given)

    def stored_sweep(self, link: Mapping[str, str]) -> Sweep:
        """The sweep of a link from the store; its data may be gone. ValueError where it can't be read, or counted here."""
        sweep = Sweep.read(self.name, self.version, self.settings, link, stored=True)
        grid = sweep.size // range_length(sweep.seeds)
        if sweep.size > MAXIMUM_RUNS or grid > MAXIMUM_SETTINGS:
            raise ValueError(f"it has {sweep.size:,} runs of {grid:,} settings, too many to look for each")
        return sweep

    def one_run(self, given: Mapping[str, object]) -> Run:
        """The run that ``given`` describes by one value a setting and ``seed``; ValueError says what is wrong with it."""
        seed, faults = 0, []
        try:
            seed = read_seed(given.get("seed", 0))
        except ValueError as error:
            faults.append(str(error))
        if "seeds" in given:
            faults.append("seeds: code writes one run, so give one seed, such as seed=3")
        try:
            sweep = self.sweep({name: value for name, value in given.items() if name not in ("seed", "seeds")})
        except ValueError as error:
            raise ValueError("\n".join([*faults, str(error)])) from None
        for name, values in sweep.axes.items():
            if range_length(values) > 1:
                count = f"not {range_length(values):,}: {axis_text(values)}"
                faults.append(f"{name}: code writes one run, so give one value, {count}")
        if faults:
            raise ValueError("\n".join(faults))
        (settings,) = sweep.points
        return Run(self.name, self.version, settings, seed)


class Analysis:
    """A frame folded once, each part when it is first asked for: what charts, headline and findings read."""

    def __init__(self, kind: Experiment, frame: pd.DataFrame) -> None:
        self._kind = kind
        self.frame = frame

    @cached_property
    def points(self) -> tuple[pd.Series, pd.DataFrame]:
        """Each row's point, by number in order of appearance, and the points' settings with a ``label``."""
        from core.analysis.points import group_by_settings

        return group_by_settings(self.frame, self._kind.settings.names())

    @cached_property
    def finite(self) -> pd.DataFrame:
        """The frame with infinities as NaN."""
        from core.analysis import curves

        return curves.finite(self.frame)

    @cached_property
    def runs(self) -> pd.DataFrame:
        """A row per run: ``run``, the settings, ``seed``, its measures."""
        return self._kind.room("summary").run_summary(self._kind, self.frame)

    @cached_property
    def settings(self) -> pd.DataFrame:
        """A row per setting: the settings, their ``label``, and what is fitted to all its seeds at once."""
        return self._kind.room("summary").setting_table(self._kind, self)

    @cached_property
    def summary(self) -> pd.DataFrame:
        """A row per setting and measure: ``n mean median standard_error ci_low ci_high`` over seeds."""
        return self._kind.room("summary").summary(self._kind, self)

    @cached_property
    def comparison(self) -> pd.DataFrame:
        """A row per setting, to be read: the settings that vary, and each measure with its interval."""
        from core.analysis import statistics

        return statistics.comparison(self.summary, self._kind.settings.names())


@cache
def _room(name: str, *folders: str) -> Any:
    functions = FUNCTIONS.get(name, ())
    for folder in (*folders, NEUTRAL):
        if folder and importlib.util.find_spec(f"{folder}.{name}") is not None:
            room = importlib.import_module(f"{folder}.{name}")
            if all(hasattr(room, function) for function in functions):  # a base's charts.py only helps to draw
                return room
    lines = f", which defines {' and '.join(functions)}" if functions else ""
    raise LookupError(f"{folders[0]} lacks a room: write its {name}.py{lines}; its base has none to lend")


def experiment(name: str) -> Experiment:
    """The experiment called ``name``; ValueError suggests the nearest for an unknown one."""
    if name not in NAMES:
        raise ValueError(unknown("experiment", name, list(NAMES)))
    return importlib.import_module(f"core.experiments.{name}").EXPERIMENT


def with_link(finding: Finding) -> Finding:
    """The finding with the address of the page that shows its remedy at work, where one does and it has none."""
    fitting = [] if finding.link else [kind for kind in map(experiment, NAMES) if finding.code in kind.shows]
    if not fitting:
        return finding
    over_time = "time_steps" in finding.evidence  # a gradient fades over layers, or over time steps
    kind = min(fitting, key=lambda kind: ("time" in kind.index) != over_time)
    return replace(finding, link=f"/{kind.page}?{urlencode(kind.shows[finding.code])}")


def experiment_of(frame: pd.DataFrame) -> str:
    """The experiment that a frame came from, by its columns; ValueError where none fits."""
    fitting = [name for name in NAMES if set(experiment(name).columns) <= set(frame.columns)]
    if fitting:  # some have all the columns of others, and more
        return max(fitting, key=lambda name: len(experiment(name).columns))
    lacking = {name: sorted(set(experiment(name).columns) - set(frame.columns)) for name in NAMES}
    nearest = min(NAMES, key=lambda name: len(lacking[name]))
    raise ValueError(f"this is no frame of ours: for {nearest} it lacks the columns {', '.join(lacking[nearest])}")
