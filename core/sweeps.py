"""Sweeps: grids of settings times seeds, their text and link forms.

A sweep is written ``depth=5,20 activation=tanh,relu seeds=20``: on the command line, in a form, in a link.
"""

from __future__ import annotations

import hashlib
import itertools
import math
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast
from urllib.parse import quote, urlencode

import numpy as np

from core.registry import Limits, brief, split_values, unknown, whole_number
from core.settings import MAXIMUM_SEED, Run, Settings, run_id, run_identity

MAXIMUM_RUNS = 1_000_000
MAXIMUM_SETTINGS = 100_000  # each is checked on its own, some 70 microseconds


@dataclass(frozen=True)
class Sweep:
    """A grid of settings times seeds. ``axes`` holds every setting, in column order, the first the slowest."""

    experiment: str
    version: int
    model: type[Settings]
    axes: Mapping[str, Sequence[Any]]
    seeds: Sequence[int]
    explicit: frozenset[str] = frozenset()  # the settings that were written down, the others being defaults
    stored: bool = False  # it comes from the store: its results stay, even if its data are gone

    @classmethod
    def read(
        cls, experiment: str, version: int, model: type[Settings], fields: Mapping[str, object], stored: bool = False
    ) -> Sweep:
        """The sweep that ``fields`` describes: each setting's text (``5,20``), value or list of values.

        Raises ValueError with a sentence per fault. Nothing is expanded, so any size is read at once.
        """
        axes: dict[str, Sequence[Any]] = {name: (value,) for name, value in model.defaults().items()}
        seeds: Sequence[int] = range(1)
        faults = []
        for name, value in fields.items():
            try:
                if name == "seeds":
                    seeds = read_seeds(value)
                elif name in axes:
                    axes[name] = _axis(name, model.limits[name], value, stored)
                else:
                    faults.append(unknown("setting", name, [*axes, "seeds"]))
            except ValueError as error:
                faults.append(str(error))
        if faults:
            raise ValueError("\n".join(faults))
        return cls(experiment, version, model, axes, seeds, frozenset(fields) - {"seeds"}, stored)

    @property
    def size(self) -> int:
        """Runs, before settings that don't apply are folded together; counted without expanding anything."""
        return math.prod(range_length(values) for values in self.axes.values()) * range_length(self.seeds)

    @cached_property
    def points(self) -> list[Settings]:
        """The settings of the grid, each once, in row order; ValueError names the first impossible combination."""
        names = list(self.axes)
        unique: dict[Settings, None] = {}
        point = self.model.stored if self.stored else self.model.point
        for values in itertools.product(*self.axes.values()):
            combination = dict(zip(names, values, strict=True))
            try:
                unique |= {point(**each): None for each in self.model.beside(combination, self.axes)}
            except ValueError as error:
                swept = [f"{name}={combination[name]}" for name in names if range_length(self.axes[name]) > 1]
                raise ValueError(f"{error} (at {', '.join(swept)})" if swept else str(error)) from None
        points = list(unique)
        for name in sorted(self.explicit):
            if all(getattr(point, name) is None for point in points):
                raise ValueError(f"{name}: has no effect in this sweep; {self.model.why_idle(name)}")
        return points

    def runs(self) -> Iterator[Run]:
        """Every run, in row order."""
        for point in self.points:
            for seed in self.seeds:
                yield Run(self.experiment, self.version, point, seed)

    def run_ids(self) -> Iterator[str]:
        """Every run's id, in row order."""
        for point in self.points:
            identity = run_identity(self.experiment, self.version, point)
            for seed in self.seeds:
                yield run_id(identity, seed)

    @cached_property
    def ids(self) -> list[str]:
        """``run_ids``, hashed once."""
        return list(self.run_ids())

    @cached_property
    def key(self) -> str:
        """A hash of what the sweep asks for: the same for every tab and process that asks the same."""
        identities = [run_identity(self.experiment, self.version, point) for point in self.points]
        return hashlib.sha256("\n".join([*identities, seeds_text(self.seeds)]).encode()).hexdigest()

    def link(self) -> dict[str, str]:
        """Every field as text, by name: what stands behind the ``?`` of a link. ``Sweep.read`` reads it back.

        What was worked out differently for different points is left out, to be worked out again: no grid has it.
        """
        fields = {name: axis_text(values) for name in self.axes if (values := self._effective_values(name))}
        return {**fields, "seeds": seeds_text(self.seeds)}

    def _effective_values(self, name: str) -> Sequence[Any]:
        """The values of an axis; none where no point uses it, or the points differ in what was worked out."""
        point_values = tuple({getattr(point, name) for point in self.points})
        values = point_values if None in self.axes[name] else self.axes[name]
        return () if point_values == (None,) or (values is point_values and len(point_values) > 1) else values

    def text(self) -> str:
        """The sweep as a command line would write it, every field carried."""
        fields = (
            shlex.quote(f"{name}={text}") if set(text) & set("() ") else f"{name}={text}"
            for name, text in self.link().items()
        )
        return " ".join([self.experiment, *fields])


def range_length(values: Sequence[Any]) -> int:
    """``len``, for ranges beyond the largest C integer too."""
    if isinstance(values, range):
        return max(0, -((values.start - values.stop) // values.step))
    return len(values)


def _axis(name: str, limits: Limits, value: object, stored: bool) -> Sequence[Any]:
    """The values of one setting; ValueError for none, for an impossible one and for two that are the same."""
    raw = split_values(value) if isinstance(value, str) else _listed(value)
    if isinstance(value, str) and limits.kind is int and ":" in value and len(raw) == 1:
        return _int_range(name, limits, value)
    if not raw:
        raise ValueError(f"{name}: must have at least one value, but got none")
    values: dict[Any, Any] = {}  # by what makes them different
    for item in raw:
        try:
            setting = limits.stored(item) if stored else limits.value(item)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
        if limits.identity(setting) in values:
            raise ValueError(f"{name}: {brief(setting)} is given twice")
        values[limits.identity(setting)] = setting
    return tuple(values.values())


def _listed(value: object) -> Sequence[Any]:
    value = value.ravel().tolist() if isinstance(value, np.ndarray) else value
    return value if isinstance(value, (list, tuple, range)) else (value,)


def _int_range(name: str, limits: Limits, text: str) -> range:
    try:
        pieces = [int(piece) for piece in text.split(":")]
        values = range(*pieces) if len(pieces) in (2, 3) else range(0)
    except ValueError:
        raise ValueError(f"{name}: a range is written start:stop or start:stop:step, but got {brief(text)}") from None
    if range_length(values) == 0:
        raise ValueError(
            f"{name}: the range {brief(text)} is empty; write start:stop or start:stop:step, stop excluded"
        )
    for end in (values[0], values[-1]):
        try:
            limits.value(end)
        except ValueError as error:
            raise ValueError(f"{name}: {error}, in the range {brief(text)}") from None
    return values


def read_seeds(value: object) -> Sequence[int]:
    """Seeds: ``20`` is a count (0 ... 19), ``3:7`` half-open (3 ... 6), ``3,5`` a list; ValueError otherwise."""
    allowed = "seeds: write a count (20), a half-open range (3:7) or a list (3,5) of whole numbers from 0"
    value = value.tolist() if isinstance(value, (np.ndarray, np.integer)) else value
    try:
        if isinstance(value, str):
            pieces = split_values(value)
            if len(pieces) == 1 and ":" in pieces[0]:
                low, high = (int(piece) for piece in pieces[0].split(":"))
                seeds: Sequence[int] = range(low, high)
            elif len(pieces) == 1:
                seeds = range(int(pieces[0]))
            else:
                seeds = tuple(int(piece) for piece in pieces)
        elif isinstance(value, bool):
            raise ValueError
        elif isinstance(value, int):
            seeds = range(value)
        elif isinstance(value, (list, tuple, range)) and not any(isinstance(seed, bool) for seed in value):
            seeds = value if isinstance(value, range) else tuple(whole_number(seed) for seed in value)
        else:
            raise ValueError
    except (ValueError, TypeError, OverflowError):
        raise ValueError(f"{allowed}, but got {brief(value)}") from None
    count = range_length(seeds)
    if count == 0:
        raise ValueError(f"{allowed}, at least one, but got {brief(value)}")
    ends = (seeds[0], seeds[-1]) if isinstance(seeds, range) else seeds
    if min(ends) < 0 or max(ends) > MAXIMUM_SEED:
        raise ValueError(f"{allowed} to {MAXIMUM_SEED}, but got {brief(value)}")
    if not isinstance(seeds, range) and len(set(seeds)) < count:
        raise ValueError(f"seeds: {brief(value)} holds a seed twice")
    return seeds


def read_seed(value: object) -> int:
    """One seed; ValueError for anything but a whole number from 0."""
    try:
        return cast(int, Limits(kind=int, minimum=0, maximum=MAXIMUM_SEED).value(value))
    except ValueError:
        raise ValueError(f"seed: must be one whole number, 0 to {MAXIMUM_SEED}, but got {brief(value)}") from None


def assignments(written: Sequence[str]) -> dict[str, str]:
    """``name=value`` arguments by name; ValueError for anything else and for a name given twice."""
    given: dict[str, str] = {}
    for item in written:
        name, equals, value = item.partition("=")
        if not equals:
            raise ValueError(f"settings are written name=value, but got {brief(item)!r}")
        if name in given:
            raise ValueError(f"{brief(name)}: is given twice")
        given[name] = value
    return given


def axis_text(values: Sequence[Any]) -> str:
    """The values of one setting as ``Sweep.read`` takes them."""
    if isinstance(values, range) and range_length(values) > 1:
        return f"{values.start}:{values.stop}" + (f":{values.step}" if values.step != 1 else "")
    return ",".join(str(value) for value in values)


def seeds_text(seeds: Sequence[int]) -> str:
    """The seeds as ``read_seeds`` takes them."""
    if isinstance(seeds, range) and seeds.step == 1:
        return str(seeds.stop) if seeds.start == 0 else f"{seeds.start}:{seeds.stop}"
    return ",".join(str(seed) for seed in seeds) if len(seeds) > 1 else f"{seeds[0]}:{seeds[0] + 1}"


def query(fields: Mapping[str, object]) -> str:
    """Settings as they stand behind the ``?`` of a link; numbers as short as they read."""
    texts = {name: f"{value:g}" if isinstance(value, float) else str(value) for name, value in fields.items()}
    return urlencode(texts, quote_via=quote, safe=",:")
