"""Settings, validated and frozen, and the ids of runs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Self, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from core.registry import Limits, Part, Registry, brief, unknown

MAXIMUM_SEED = 2**63 - 1


@dataclass(frozen=True, kw_only=True)
class PartLimits(Limits):
    """What a setting that is a part may be: an entry of ``registry``, held as its canonical text."""

    registry: Registry
    kind: type = str

    def allowed(self) -> str:
        """What is allowed, in words: ``one of tanh, relu``."""
        return "one of " + ", ".join(entry.name for entry in self.registry)

    def value(self, raw: object) -> str:
        """The canonical text of the part that ``raw`` describes; ValueError says what would be right."""
        return str(self._part(raw).completed())

    def stored(self, raw: object) -> str:
        """As ``value``, but checked when it was stored: what stands outside, such as a file, may be gone by now."""
        return str(self._part(raw))

    def identity(self, value: str | None) -> str | None:
        """What of a part its result depends on."""
        return value if value is None or "(" not in value else self.registry.parse(value).identity

    def _part(self, raw: object) -> Part:
        if not isinstance(raw, str):
            hint = f"; {self.registry.hint('')}" if hasattr(raw, "columns") and self.registry.hint("") else ""
            got = type(raw).__name__ if hint else brief(repr(raw))
            raise ValueError(f"must be text such as {next(iter(self.registry)).name}, but got {got}{hint}")
        return self.registry.parse(raw)


def _field(default: object, limits: Limits) -> Any:
    return Field(default, json_schema_extra=cast(Any, {"limits": limits}))


def whole(default: int | None, minimum: int, maximum: int) -> Any:
    """A whole-number setting from ``minimum`` to ``maximum``; a default of None is worked out by ``Settings.filled``."""
    return _field(default, Limits(kind=int, minimum=minimum, maximum=maximum))


def positive(default: float | None, maximum: float) -> Any:
    """A number setting above 0 and at most ``maximum``; a default of None is worked out by ``Settings.filled``."""
    return _field(default, Limits(kind=float, above=0.0, maximum=maximum))


def number(default: float, maximum: float, minimum: float | None = None, above: float | None = None) -> Any:
    """A number setting from ``minimum``, or above ``above``, to ``maximum``."""
    return _field(default, Limits(kind=float, minimum=minimum, above=above, maximum=maximum))


def choice(*choices: str) -> Any:
    """A setting that is one of a few words, the first the default."""
    return _field(choices[0], Limits(kind=str, choices=choices))


def fitting(*choices: str) -> Any:
    """A setting that is one of a few words, worked out by ``Settings.filled`` unless it is given."""
    return _field(None, Limits(kind=str, choices=choices))


def part(default: str | None, registry: Registry) -> Any:
    """A setting that is a part, held as its canonical text."""
    return _field(default, PartLimits(registry=registry))


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
    def _within_limits(cls, raw: object, info: ValidationInfo) -> object:
        assert info.field_name is not None
        return cls.limits[info.field_name].value(raw)

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
    def beside(cls, values: dict[str, Any], axes: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
        """What a combination of a sweep over these axes stands for: itself, unless it is what others are compared with."""
        return [values]

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
        """A point as it was stored, when it was checked; what is worked out needs its data, which may be gone."""
        with suppress(ValueError):
            values = cls.filled(values)
        settings = cast(Self, cls.model_construct(**values))
        return settings.model_copy(update=dict.fromkeys(settings.idle()))

    def identity(self) -> dict[str, Any]:
        """What the run id is made from, by name: the settings that apply, where a file lies left out."""
        return {name: self.limits[name].identity(value) for name, value in self.values().items()}

    def values(self) -> dict[str, Any]:
        """The settings that apply, by name."""
        return {name: value for name in self.names() if (value := getattr(self, name)) is not None}


def _sentences(error: ValidationError, names: list[str]) -> Iterator[str]:
    for fault in error.errors():
        name = str(fault["loc"][0])
        if fault["type"] == "extra_forbidden":
            yield unknown("setting", name, [*names, "seeds"])
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
        return run_id(run_identity(self.experiment, self.version, self.settings), self.seed)


def ids_of(runs: Sequence[Run]) -> list[str]:
    """The runs' ids; what runs of one point share is written out once."""
    identities: dict[int, str] = {}
    ids = []
    for run in runs:
        if (point := id(run.settings)) not in identities:
            identities[point] = run_identity(run.experiment, run.version, run.settings)
        ids.append(run_id(identities[point], run.seed))
    return ids


def run_identity(experiment: str, version: int, settings: Settings) -> str:
    """Canonical JSON of a run without its seed; "seed" sorts before "settings", so the seed can be put in later."""
    body = json.dumps(settings.identity(), sort_keys=True, separators=(",", ":"), allow_nan=False)
    return f'{{"experiment":{json.dumps(experiment)},"seed":%d,"settings":{body},"version":{version}}}'


def run_id(identity: str, seed: int) -> str:
    """The id of the run with this seed, given its ``run_identity``."""
    head, tail = identity.split('"seed":%d', 1)
    return hashlib.sha256(f'{head}"seed":{seed}{tail}'.encode()).hexdigest()
