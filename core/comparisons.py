"""Sweeps of one experiment side by side, and the outcome of a stored sweep: what the page Results shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from core.analysis import arms as beside
from core.analysis.arms import Arm
from core.analysis.outcomes import NONE, Outcome
from core.experiments import experiment
from core.results import Kept, finished
from core.settings import Run
from core.store import Store
from core.tables import to_frame

if TYPE_CHECKING:
    import pandas as pd

    from core.plotting.figure import Figure

MOST_ROWS = 2_000_000  # of the frames that are read at once
MOST_OUTCOME_BYTES = 50_000_000  # of a sweep's frames that are read for one number of a list


class SideBySide(NamedTuple):
    """Several sweeps, read once; what is said of them depends on the baseline.

    frame     their runs, each once
    arms      their combinations of settings
    measures  the measures of a run that any of them has
    """

    experiment: str
    frame: pd.DataFrame
    arms: list[Arm]
    measures: list[str]


class Comparison(NamedTuple):
    """What several sweeps say against a baseline: tables to read, a sentence, and their losses on one chart."""

    settings: pd.DataFrame
    measures: pd.DataFrame
    differences: pd.DataFrame
    sentence: str
    figure: Figure | None


def side_by_side(sweeps: Mapping[str, Kept], store: Store) -> SideBySide:
    """The stored runs of several sweeps of one experiment, by their labels; ValueError where they can't be compared."""
    names = {kept.sweep.experiment for kept in sweeps.values()}
    if len(names) > 1:
        raise ValueError("experiments have different measures: compare sweeps of one of them")
    kind = experiment(names.pop())
    rows = sum(kind.cost(kept.sweep.points[0]).rows * kept.finished for kept in sweeps.values())
    if rows > MOST_ROWS:
        raise ValueError(
            f"these sweeps hold some {rows:,} rows, and at most {MOST_ROWS:,} are compared: tick smaller ones"
        )
    runs: dict[str, tuple[Run, bytes]] = {}
    ids: dict[str, list[str]] = {}
    for label, kept in sweeps.items():
        there = finished(kept.sweep, store, by_anyone=bool(kept.made_by))
        runs |= {id: (run, frame) for run, frame, id in zip(*there, strict=True)}
        ids[label] = there[2]
    table = kind.table([run for run, _ in runs.values()], [frame for _, frame in runs.values()], list(runs))
    analysis = kind.analysis(to_frame(table))
    found = beside.arms(analysis.runs, ids, kind.settings.names())
    return SideBySide(kind.name, analysis.frame, found, beside.measure_names(analysis.runs, kind.settings.names()))


def compared(sides: SideBySide, baseline: str) -> Comparison:
    """What the arms say against the one whose label is ``baseline``, the first where there is none such."""
    from core.plotting.overlay import overlay

    kind = experiment(sides.experiment)
    names = kind.settings.names()
    reference = next((arm for arm in sides.arms if arm.label == baseline), sides.arms[0])
    measures = sorted(sides.measures, key=lambda name: name != kind.outcome)  # the leading one first
    apart = beside.differences(sides.arms, reference, measures)
    leading = measures[0] if measures else kind.outcome
    sentence = beside.difference_sentence(apart, leading, reference.label)
    course = beside.course_place(sides.frame)
    figure = None
    if course is not None:
        title = sentence or "What the sweeps' losses did"
        figure = overlay(beside.courses_beside(sides.frame, sides.arms, names), *course, title)
    return Comparison(
        beside.settings_apart(sides.arms, names),
        beside.measures_beside(sides.arms, measures),
        beside.differences_beside(apart),
        sentence,
        figure,
    )


def outcome_of(kept: Kept, store: Store) -> Outcome:
    """What came out of a stored sweep; none where nothing is finished or it is too large to be read for one number."""
    kind = experiment(kept.sweep.experiment)
    if not kept.finished:
        return NONE
    runs, frames, ids = finished(kept.sweep, store, by_anyone=bool(kept.made_by))
    if not runs or sum(map(len, frames)) > MOST_OUTCOME_BYTES:
        return NONE
    analysis = kind.analysis(to_frame(kind.table(runs, frames, ids)))
    return kind.room("outcome").outcome(kind, analysis)
