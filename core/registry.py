"""Parts by name: the text ``name(argument=value, ...)`` becomes a checked part, and back.

A registry holds the entries of one kind (activations, inits, ...). An entry says what it is called, where it comes
from and which arguments it takes; what it computes is the business of the kind's own subclass of ``Entry``.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Generic, TypeVar

Value = float | int | bool | str | None

_PART = re.compile(r"\s*(?P<name>[^\s(),=]+)\s*(?:\((?P<arguments>.*)\)\s*)?", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Argument:
    """One argument of a part: its type, its default and the values it may take.

    ``default=None`` means "worked out from the rest"; ``meaning`` says how.
    """

    name: str
    kind: type
    default: Value
    meaning: str
    minimum: float | None = None
    maximum: float | None = None
    above: float | None = None  # as minimum, but the bound itself is not allowed

    def allowed(self) -> str:
        """The values that are allowed, in words."""
        if self.kind is bool:
            return "True or False"
        noun = "a whole number" if self.kind is int else "a number"
        if self.above is not None:
            noun += f" above {self.above:g}"
        if self.minimum is not None and self.maximum is not None:
            return f"{noun}{' and' if self.above is not None else ''} from {self.minimum:g} to {self.maximum:g}"
        if self.minimum is not None:
            noun += f", {self.minimum:g} or more"
        if self.maximum is not None:
            noun += f"{' and' if self.above is not None else ','} at most {self.maximum:g}"
        return noun

    def parsed(self, text: str, part: str) -> Value:
        """The value written as ``text``; ValueError names the part, the argument and what is allowed."""
        refusal = ValueError(f"{part}: {self.name} must be {self.allowed()}, but got {text.strip() or 'nothing'}")
        try:
            value = self._read(text.strip())
        except (ValueError, OverflowError):
            raise refusal from None
        if isinstance(value, float) and not math.isfinite(value):
            raise refusal
        if self.kind is not bool and isinstance(value, (int, float)):
            too_low = (self.minimum is not None and value < self.minimum) or (
                self.above is not None and value <= self.above
            )
            if too_low or (self.maximum is not None and value > self.maximum):
                raise refusal
        return value

    def _read(self, text: str) -> Value:
        if self.kind is bool:
            return {"true": True, "false": False}[text.lower()] if text.lower() in ("true", "false") else _refuse()
        return int(text) if self.kind is int else float(text) + 0.0  # -0.0 is written 0.0


def _refuse() -> Value:
    raise ValueError


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What every entry of every registry has: a name, a label for people, a source, arguments.

    ``contradiction`` takes the arguments by name and gives the sentence that refuses them together, or None.
    """

    name: str
    label: str
    source: str
    arguments: tuple[Argument, ...] = ()
    contradiction: Callable[..., str | None] | None = None


E = TypeVar("E", bound=Entry)


@dataclass(frozen=True)
class Part(Generic[E]):
    """An entry with its arguments filled in. ``str(part)`` is its canonical text."""

    entry: E
    arguments: dict[str, Value] = field(hash=False)

    def __str__(self) -> str:
        written = [
            f"{argument.name}={self.arguments[argument.name]}"
            for argument in self.entry.arguments
            if self.arguments[argument.name] != argument.default
        ]
        return self.entry.name + (f"({', '.join(written)})" if written else "")


class Registry(Generic[E]):
    """The entries of one kind, in the order in which people should meet them."""

    def __init__(self, kind: str, *entries: E) -> None:
        self.kind = kind
        self.entries = {entry.name: entry for entry in entries}
        assert len(self.entries) == len(entries), f"two entries of the {kind} registry share a name"
        self.parse = lru_cache(maxsize=4096)(self._parse)

    def __iter__(self) -> Iterator[E]:
        return iter(self.entries.values())

    def __getitem__(self, name: str) -> E:
        return self.entries[name]

    def _parse(self, text: str) -> Part[E]:
        """The part that ``text`` describes; ValueError says what is wrong and what would be right."""
        match = _PART.fullmatch(text)
        if match is None:
            raise ValueError(
                f"{self.kind} {text.strip()!r} can't be read; write name or name(argument=value), "
                f"such as {next(iter(self.entries))}"
            )
        name = match["name"]
        if name not in self.entries:
            raise ValueError(unknown(self.kind, name, list(self.entries)))
        entry = self.entries[name]
        known = {argument.name: argument for argument in entry.arguments}
        values: dict[str, Value] = {argument.name: argument.default for argument in entry.arguments}
        given: set[str] = set()
        for written in split_values(match["arguments"] or ""):
            argument, equals, value = (piece.strip() for piece in written.partition("="))
            if not equals:
                example = f"{name}({entry.arguments[0].name}=…)" if known else name
                raise ValueError(f"{name}: arguments are written as in {example}, but got {written.strip()!r}")
            if argument not in known:
                if not known:
                    raise ValueError(f"{name}: takes no arguments, but got {argument!r}")
                raise ValueError(unknown(f"argument of {name}", argument, list(known)))
            if argument in given:
                raise ValueError(f"{name}: {argument} is given twice")
            given.add(argument)
            values[argument] = known[argument].parsed(value, name)
        refusal = entry.contradiction(**values) if entry.contradiction else None
        if refusal:
            raise ValueError(refusal)
        return Part(entry, values)


def unknown(kind: str, name: str, choices: list[str]) -> str:
    """The sentence for a name that is not among ``choices``, with the nearest one suggested."""
    near = difflib.get_close_matches(name.lower(), choices, n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]!r}?" if near else "."
    return f"unknown {kind} {name!r}{hint} Known: {', '.join(choices)}"


def split_values(text: str) -> list[str]:
    """The values of ``a,b(c=1, d=2)``: split at commas, those inside parentheses left alone; [] for blank text."""
    if not text.strip():
        return []
    pieces, depth = [""], 0
    for character in text:
        depth += (character == "(") - (character == ")")
        if character == "," and depth <= 0:
            pieces.append("")
        else:
            pieces[-1] += character
    return [piece.strip() for piece in pieces]
