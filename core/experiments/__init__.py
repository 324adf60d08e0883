"""Experiments by name. One question, one file; this page holds what they have in common."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from core.registry import unknown
from core.settings import Run, Settings, Sweep, axis_text, range_length, read_seed

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    from core.plotting.figure import Figure

NAMES = ("backprop", "vanishing", "through_time", "remedies", "clipping", "range_test", "schedulers")


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


@dataclass(frozen=True)
class Experiment:
    """A question the lab can ask.

    version      goes into run ids: raise it when the same settings give other numbers
    story        Markdown with LaTeX: the page's explanation
    places       columns that say where in the run a row was measured
    measures     columns that were measured
    tasks        runs -> runs grouped for the workers
    compute      (runs of one task, device) -> per run its place and measured columns
    cost         a point's cost per seed
    expected     a sweep's frame as theory has it, nothing measured; its measured columns are empty
    summary      frame -> a row per setting and measure
    run_summary  frame -> a row per run
    front        settings that stand first in the form, the others folded below
    charts       frame -> charts by name; those in ``wide_charts`` take a page's whole width
    headline     frame -> (label, value, explanation) of the numbers above the charts
    code         run -> a plain PyTorch script that prints its place and measured columns as CSV
    own_data     whether a user's own table can be its dataset
    """

    name: str
    version: int
    title: str
    question: str
    story: str
    settings: type[Settings]
    places: tuple[str, ...]
    measures: tuple[str, ...]
    presets: tuple[Preset, ...]
    front: tuple[str, ...]
    tasks: Callable[[Iterable[Run]], list[list[Run]]]
    compute: Callable[[Sequence[Run], str], list[dict[str, np.ndarray]]]
    cost: Callable[[Settings], Cost]
    expected: Callable[[Sweep], pd.DataFrame]
    summary: Callable[[pd.DataFrame], pd.DataFrame]
    run_summary: Callable[[pd.DataFrame], pd.DataFrame]
    charts: Callable[[pd.DataFrame], dict[str, Figure]]
    wide_charts: tuple[str, ...]
    headline: Callable[[pd.DataFrame], list[tuple[str, str, str]]]
    code: Callable[[Run], str]
    own_data: bool = True

    @property
    def columns(self) -> tuple[str, ...]:
        """The frame's columns, in order."""
        return ("run", *self.settings.names(), "seed", *self.places, *self.measures)

    def table(self, runs: Sequence[Run], frames: Sequence[bytes]) -> pa.Table:
        """The tidy table of these runs, in their order; ``frames`` are their bytes from the store."""
        from core import tables

        return tables.assemble(runs, frames, self.settings.names(), (*self.places, *self.measures))

    def sweep(self, given: Mapping[str, object]) -> Sweep:
        """The sweep that ``given`` describes, by setting; ValueError says what is wrong with it."""
        return Sweep.read(self.name, self.version, self.settings, given)

    def stored_sweep(self, link: Mapping[str, str]) -> Sweep:
        """The sweep of a link from the store; its data may be gone."""
        return Sweep.read(self.name, self.version, self.settings, link, stored=True)

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


def experiment(name: str) -> Experiment:
    """The experiment called ``name``; ValueError suggests the nearest for an unknown one."""
    if name not in NAMES:
        raise ValueError(unknown("experiment", name, list(NAMES)))
    found = importlib.import_module(f"core.experiments.{name}").EXPERIMENT
    assert isinstance(found, Experiment) and found.name == name
    return found
