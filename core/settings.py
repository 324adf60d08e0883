"""Settings, validated and frozen; sweeps of them; run ids; their text and link forms.

A sweep is written ``depth=5,20 activation=tanh,relu seeds=20``: on the command line, in a form, in a link.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, NamedTuple, Self, cast
from urllib.parse import quote, urlencode

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from core.registry import Registry, split_values, unknown

MAXIMUM_RUNS = 1_000_000
MAXIMUM_SEED = 2**63 - 1


@dataclass(frozen=True)
class Limits:
    """What one setting may be; ``registry`` is set for parts, ``choices`` for plain words."""

    kind: type
    minimum: float | None = None
    maximum: float | None = None
    above: float | None = None
    choices: tuple[str, ...] = ()
    registry: Registry | None = None

    def allowed(self) -> str:
        """What is allowed, in words: ``1 to 1000``, ``above 0, at most 100``, ``one of sum, mse``."""
        if self.choices:
            return "one of " + ", ".join(self.choices)
        if self.registry is not None:
            return "one of " + ", ".join(entry.name for entry in self.registry)
        low, joint = (f"{self.minimum:g}", " to ") if self.above is None else (f"above {self.above:g}", ", at most ")
        return f"{low}{joint}{self.maximum:g}"

    def value(self, given: object, stored: bool = False) -> object:
        """``given`` as this setting's type, in canonical form; ValueError says what is allowed.

        stored  it was checked when it was stored: what stands outside, such as a file, may be gone by now
        """
        if self.registry is not None:
            if not isinstance(given, str):
                raise ValueError(f"must be text such as {next(iter(self.registry)).name}, but got {given!r}")
            part = self.registry.parse(given)
            return str(part if stored else part.completed())
        if self.choices:
            if given not in self.choices:
                raise ValueError(unknown("choice", str(given), list(self.choices)))
            return given
        return self._number(given)

    def identity(self, value: Any) -> Any:
        """What of a value the run id is made from: of a part, what its result depends on."""
        if self.registry is None or value is None or "(" not in value:
            return value
        return self.registry.parse(value).identity

    def _number(self, given: object) -> float | int:
        noun = "a whole number, " if self.kind is int else ""
        refusal = ValueError(f"must be {noun}{self.allowed()}, but got {str(given).strip() or 'nothing'}")
        if isinstance(given, bool) or (not hasattr(given, "__float__") and not isinstance(given, str)):
            raise refusal
        try:
            if self.kind is float:
                number: float | int = float(given) + 0.0
            else:
                number = int(given) if isinstance(given, str) else _whole(given)
        except (ValueError, OverflowError):
            raise refusal from None
        low_enough = self.maximum is None or number <= self.maximum
        high_enough = number > self.above if self.above is not None else self.minimum is None or number >= self.minimum
        if not (low_enough and high_enough):  # NaN and infinities fail here too
            raise refusal
        return number


def _whole(given: Any) -> int:
    if int(given) != given:
        raise ValueError
    return int(given)


def _field(default: object, limits: Limits) -> Any:
    return Field(default, json_schema_extra=cast(Any, {"limits": limits}))


def whole(default: int | None, minimum: int, maximum: int) -> Any:
    """A whole-number setting from ``minimum`` to ``maximum``; a default of None is worked out by ``Settings.filled``."""
    return _field(default, Limits(int, minimum=minimum, maximum=maximum))


def positive(default: float, maximum: float) -> Any:
    """A number setting above 0 and at most ``maximum``."""
    return _field(default, Limits(float, above=0.0, maximum=maximum))


def number(default: float, maximum: float, minimum: float | None = None, above: float | None = None) -> Any:
    """A number setting from ``minimum``, or above ``above``, to ``maximum``."""
    return _field(default, Limits(float, minimum=minimum, above=above, maximum=maximum))


def choice(*choices: str) -> Any:
    """A setting that is one of a few words, the first the default."""
    return _field(choices[0], Limits(str, choices=choices))


def part(default: str | None, registry: Registry) -> Any:
    """A setting that is a part, held as its canonical text."""
    return _field(default, Limits(str, registry=registry))


class Settings(BaseModel):
    """One point of an experiment's axes. Subclasses declare fields with ``whole``, ``positive``, ``choice``, ``part``.

    A subclass says in ``contradiction`` which combinations are impossible, and in ``idle`` which settings a
    combination has no use for; those are None in the point, and stay out of the run id.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    limits: ClassVar[dict[str, Limits]] = {}

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        cls.limits = {name: cast(Any, info.json_schema_extra)["limits"] for name, info in cls.model_fields.items()}

    @field_validator("*", mode="before")
    @classmethod
    def _within_limits(cls, given: object, info: ValidationInfo) -> object:
        assert info.field_name is not None
        return cls.limits[info.field_name].value(given)

    @classmethod
    def names(cls) -> list[str]:
        """The settings' names, in column order."""
        return list(cls.model_fields)

    @classmethod
    def defaults(cls) -> dict[str, Any]:
        """Every setting's default."""
        return {name: info.default for name, info in cls.model_fields.items()}

    def contradiction(self) -> str | None:
        """The sentence that says why this combination is impossible, or None."""
        return None

    def idle(self) -> frozenset[str]:
        """The settings that this combination has no use for."""
        return frozenset()

    @classmethod
    def filled(cls, values: dict[str, Any]) -> dict[str, Any]:
        """The values, those that are None worked out from the rest."""
        return values

    @classmethod
    def why_idle(cls, name: str) -> str:
        """Why no combination of a sweep uses the setting ``name``, and what would."""
        return "no combination of its settings uses it"

    @classmethod
    def point(cls, **values: Any) -> Self:
        """A validated point; ValueError holds a sentence per fault, naming the field, the value and what is allowed."""
        try:
            settings = cls(**cls.filled(values))
        except ValidationError as error:
            raise ValueError("\n".join(_sentences(error, cls.names()))) from None
        wrong = settings.contradiction()
        if wrong is not None:
            raise ValueError(wrong)
        return settings.model_copy(update=dict.fromkeys(settings.idle()))

    @classmethod
    def stored(cls, **values: Any) -> Self:
        """A point as it was stored, when it was checked; nothing outside is looked at again."""
        settings = cast(Self, cls.model_construct(**values))
        return settings.model_copy(update=dict.fromkeys(settings.idle()))

    def identity(self) -> dict[str, Any]:
        """What the run id is made from, by name: the settings that apply, where a file lies left out."""
        return {name: self.limits[name].identity(value) for name, value in self.values().items()}

    def values(self) -> dict[str, Any]:
        """The settings that apply, by name."""
        return {name: value for name in self.names() if (value := getattr(self, name)) is not None}


def _sentences(error: ValidationError, known: list[str]) -> Iterator[str]:
    for fault in error.errors():
        name = str(fault["loc"][0])
        if fault["type"] == "extra_forbidden":
            yield unknown("setting", name, [*known, "seeds"])
        else:
            yield f"{name}: {fault['msg'].removeprefix('Value error, ')}"


class Run(NamedTuple):
    """Settings and a seed: the unit of truth."""

    experiment: str
    version: int
    settings: Settings
    seed: int

    @property
    def id(self) -> str:
        """64 lower-case hex digits: SHA-256 of experiment, version, settings and seed in canonical JSON."""
        return _run_id(_identity(self.experiment, self.version, self.settings), self.seed)


def ids_of(runs: Sequence[Run]) -> list[str]:
    """The runs' ids; what runs of one point share is written out once."""
    known: dict[int, str] = {}
    found = []
    for run in runs:
        if (point := id(run.settings)) not in known:
            known[point] = _identity(run.experiment, run.version, run.settings)
        found.append(_run_id(known[point], run.seed))
    return found


def _identity(experiment: str, version: int, settings: Settings) -> str:
    """Canonical JSON of a run without its seed; "seed" sorts before "settings", so the seed can be put in later."""
    body = json.dumps(settings.identity(), sort_keys=True, separators=(",", ":"), allow_nan=False)
    return f'{{"experiment":{json.dumps(experiment)},"seed":%d,"settings":{body},"version":{version}}}'


def _run_id(identity: str, seed: int) -> str:
    head, tail = identity.split('"seed":%d', 1)
    return hashlib.sha256(f'{head}"seed":{seed}{tail}'.encode()).hexdigest()


@dataclass(frozen=True)
class Sweep:
    """A grid of settings times seeds. ``axes`` holds every setting, in column order, the first the slowest."""

    experiment: str
    version: int
    model: type[Settings]
    axes: Mapping[str, Sequence[Any]]
    seeds: Sequence[int]
    given: frozenset[str] = frozenset()  # the settings that were written down, the others being defaults
    stored: bool = False  # it comes from the store: its results stay, even if its data are gone

    @classmethod
    def read(
        cls, experiment: str, version: int, model: type[Settings], given: Mapping[str, object], stored: bool = False
    ) -> Sweep:
        """The sweep that ``given`` describes: each setting's text (``5,20``), value or list of values.

        Raises ValueError with a sentence per fault. Nothing is expanded, so any size is read at once.
        """
        axes: dict[str, Sequence[Any]] = {name: (value,) for name, value in model.defaults().items()}
        seeds: Sequence[int] = range(1)
        faults = []
        for name, written in given.items():
            try:
                if name == "seeds":
                    seeds = read_seeds(written)
                elif name in axes:
                    axes[name] = _axis(name, model.limits[name], written, stored)
                else:
                    faults.append(unknown("setting", name, [*axes, "seeds"]))
            except ValueError as error:
                faults.append(str(error))
        if faults:
            raise ValueError("\n".join(faults))
        return cls(experiment, version, model, axes, seeds, frozenset(given) - {"seeds"}, stored)

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
                unique[point(**combination)] = None
            except ValueError as error:
                swept = [f"{name}={combination[name]}" for name in names if range_length(self.axes[name]) > 1]
                raise ValueError(f"{error} (at {', '.join(swept)})" if swept else str(error)) from None
        points = list(unique)
        for name in sorted(self.given):
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
            identity = _identity(self.experiment, self.version, point)
            for seed in self.seeds:
                yield _run_id(identity, seed)

    @cached_property
    def key(self) -> str:
        """A hash of what the sweep asks for: the same for every tab and process that asks the same."""
        identities = [_identity(self.experiment, self.version, point) for point in self.points]
        return hashlib.sha256("\n".join([*identities, seeds_text(self.seeds)]).encode()).hexdigest()

    def link(self) -> dict[str, str]:
        """Every field as text, by name: what stands behind the ``?`` of a link. ``Sweep.read`` reads it back.

        What was worked out differently for different points is left out, to be worked out again: no grid has it.
        """
        fields = {name: axis_text(values) for name in self.axes if (values := self._written(name))}
        return {**fields, "seeds": seeds_text(self.seeds)}

    def _written(self, name: str) -> Sequence[Any]:
        """The values of an axis; none where no point uses it, or the points differ in what was worked out."""
        found = tuple({getattr(point, name) for point in self.points})
        values = found if None in self.axes[name] else self.axes[name]
        return () if found == (None,) or (values is found and len(found) > 1) else values

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


def _axis(name: str, limits: Limits, written: object, stored: bool) -> Sequence[Any]:
    """The values of one setting; ValueError for none, for an impossible one and for two that are the same."""
    raw = split_values(written) if isinstance(written, str) else _listed(written)
    if isinstance(written, str) and limits.kind is int and ":" in written and len(raw) == 1:
        return _int_range(name, limits, written)
    if not raw:
        raise ValueError(f"{name}: must have at least one value, but got none")
    values: dict[Any, Any] = {}  # by what makes them different
    for item in raw:
        try:
            value = limits.value(item, stored)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
        if limits.identity(value) in values:
            raise ValueError(f"{name}: {value} is given twice")
        values[limits.identity(value)] = value
    return tuple(values.values())


def _listed(written: object) -> Sequence[Any]:
    written = written.ravel().tolist() if isinstance(written, np.ndarray) else written
    return written if isinstance(written, (list, tuple, range)) else (written,)


def _int_range(name: str, limits: Limits, written: str) -> range:
    try:
        pieces = [int(piece) for piece in written.split(":")]
        values = range(*pieces) if len(pieces) in (2, 3) else range(0)
    except ValueError:
        raise ValueError(f"{name}: a range is written start:stop or start:stop:step, but got {written}") from None
    if range_length(values) == 0:
        raise ValueError(f"{name}: the range {written} is empty; write start:stop or start:stop:step, stop excluded")
    for end in (values[0], values[-1]):
        try:
            limits.value(end)
        except ValueError as error:
            raise ValueError(f"{name}: {error}, in the range {written}") from None
    return values


def read_seeds(written: object) -> Sequence[int]:
    """Seeds: ``20`` is a count (0 ... 19), ``3:7`` half-open (3 ... 6), ``3,5`` a list; ValueError otherwise."""
    allowed = "seeds: write a count (20), a half-open range (3:7) or a list (3,5) of whole numbers from 0"
    written = written.tolist() if isinstance(written, (np.ndarray, np.integer)) else written
    try:
        if isinstance(written, str):
            pieces = split_values(written)
            if len(pieces) == 1 and ":" in pieces[0]:
                low, high = (int(piece) for piece in pieces[0].split(":"))
                seeds: Sequence[int] = range(low, high)
            elif len(pieces) == 1:
                seeds = range(int(pieces[0]))
            else:
                seeds = tuple(int(piece) for piece in pieces)
        elif isinstance(written, bool):
            raise ValueError
        elif isinstance(written, int):
            seeds = range(written)
        elif isinstance(written, (list, tuple, range)) and not any(isinstance(seed, bool) for seed in written):
            seeds = written if isinstance(written, range) else tuple(_whole(seed) for seed in written)
        else:
            raise ValueError
    except (ValueError, TypeError, OverflowError):
        raise ValueError(f"{allowed}, but got {written}") from None
    count = range_length(seeds)
    if count == 0:
        raise ValueError(f"{allowed}, at least one, but got {written}")
    ends = (seeds[0], seeds[-1]) if isinstance(seeds, range) else seeds
    if min(ends) < 0 or max(ends) > MAXIMUM_SEED:
        raise ValueError(f"{allowed} to {MAXIMUM_SEED}, but got {written}")
    if not isinstance(seeds, range) and len(set(seeds)) < count:
        raise ValueError(f"seeds: {written} holds a seed twice")
    return seeds


def read_seed(written: object) -> int:
    """One seed; ValueError for anything but a whole number from 0."""
    try:
        return cast(int, Limits(int, minimum=0, maximum=MAXIMUM_SEED).value(written))
    except ValueError:
        raise ValueError(f"seed: must be one whole number, 0 to {MAXIMUM_SEED}, but got {written}") from None


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
    written = {name: f"{value:g}" if isinstance(value, float) else str(value) for name, value in fields.items()}
    return urlencode(written, quote_via=quote, safe=",:")
