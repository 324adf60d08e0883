"""Parts by name: the text ``name(argument=value, ...)`` becomes a checked part, and back.

A registry holds the entries of one kind (activations, inits, ...). An entry says what it is called, where it comes
from and which arguments it takes; what it computes is the business of the kind's own subclass of ``Entry``.
"""

from __future__ import annotations

import difflib
import itertools
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Generic, TypeVar

Value = float | int | bool | str | tuple[int, ...] | None

_QUOTED = re.compile(r""" "(?:[^"]|"")*" | '(?:[^']|'')*' """, re.VERBOSE)
_BARE = re.compile(r"""[^\s,()\[\]"']+""")
_PART = re.compile(r"\s*(?P<name>[^\s(),=]+)\s*(?:\((?P<arguments>.*)\)\s*)?", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Argument:
    """One argument of a part: its type, its default and the values it may take.

    ``default=None`` means "worked out from the rest"; ``meaning`` says how. A ``str`` is one of ``choices``, or any
    text where there are none; a ``tuple`` holds positive whole numbers, each within the bounds and above the one before.

    identifies  False: the result does not depend on it, only where it is found, so it stays out of the run id
    """

    name: str
    kind: type
    default: Value
    meaning: str
    minimum: float | None = None
    maximum: float | None = None
    above: float | None = None  # as minimum, but the bound itself is not allowed
    below: float | None = None  # as maximum, but the bound itself is not allowed
    choices: tuple[str, ...] = ()
    identifies: bool = True

    def allowed(self) -> str:
        """The values that are allowed, in words."""
        if self.kind is bool:
            return "True or False"
        if self.kind is str and not self.choices:
            return "text, in quotes where it holds spaces, commas, brackets or quotes (doubled inside)"
        if self.kind is str:
            return " or ".join(f'"{choice}"' for choice in self.choices)
        if self.kind is tuple:
            return f"rising whole numbers such as (10, 20), from 1 to {self.maximum:g}"
        noun = "a whole number" if self.kind is int else "a number"
        if self.minimum is not None and self.maximum is not None:
            return f"{noun} from {self.minimum:g} to {self.maximum:g}"
        bounds = {"above": self.above, "at least": self.minimum, "below": self.below, "at most": self.maximum}
        words = " and ".join(f"{word} {bound:g}" for word, bound in bounds.items() if bound is not None)
        return f"{noun} {words}".strip()

    def parsed(self, text: str, part: str) -> Value:
        """The value written as ``text``; ValueError names the part, the argument and what is allowed."""
        refusal = ValueError(f"{part}: {self.name} must be {self.allowed()}, but got {text.strip() or 'nothing'}")
        try:
            value = self._read(text.strip())
        except (ValueError, OverflowError):
            raise refusal from None
        numbers = value if isinstance(value, tuple) else (value,)
        if any(isinstance(number, (int, float)) and not self._within(number) for number in numbers):
            raise refusal
        return value

    def _read(self, text: str) -> Value:
        if self.kind is bool:
            return {"true": True, "false": False}[text.lower()] if text.lower() in ("true", "false") else _refuse()
        if self.kind is str and not self.choices:
            return _unquoted(text)
        if self.kind is str:
            word = text[1:-1] if text[:1] in ("'", '"') and text[:1] == text[1:][-1:] else text
            return word if word in self.choices else _refuse()
        if self.kind is tuple:
            inner = text[1:-1].strip() if text[:1] + text[-1:] in ("()", "[]") else text
            numbers = tuple(int(piece) for piece in inner.removesuffix(",").split(","))
            rising = all(low < high for low, high in itertools.pairwise((0, *numbers)))
            return numbers if rising else _refuse()
        return int(text) if self.kind is int else float(text) + 0.0  # -0.0 is written 0.0

    def _within(self, number: float) -> bool:
        """Whether ``number`` is finite and keeps every bound."""
        return (
            (isinstance(number, int) or math.isfinite(number))
            and (self.minimum is None or number >= self.minimum)
            and (self.above is None or number > self.above)
            and (self.maximum is None or number <= self.maximum)
            and (self.below is None or number < self.below)
        )


def _unquoted(text: str) -> Value:
    """The text that is written bare, or in quotes with inner ones doubled."""
    quoted = _QUOTED.fullmatch(text)
    if quoted:
        return text[1:-1].replace(2 * text[0], text[0]) or _refuse()
    return text if _BARE.fullmatch(text) else _refuse()


def _refuse() -> Value:
    raise ValueError


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What every entry of every registry has: a name, a label for people, a source, arguments.

    contradiction  takes the arguments by name and gives the sentence that refuses them together, or None
    complete       takes the arguments by name and gives them with what stands outside filled in, such as the hash of a
                   file; ValueError where that is missing or does not fit. None: nothing stands outside
    """

    name: str
    label: str
    source: str
    arguments: tuple[Argument, ...] = ()
    contradiction: Callable[..., str | None] | None = None
    complete: Callable[..., dict[str, Value]] | None = None


E = TypeVar("E", bound=Entry)


@dataclass(frozen=True)
class Part(Generic[E]):
    """An entry with its arguments filled in. ``str(part)`` is its canonical text."""

    entry: E
    arguments: dict[str, Value] = field(hash=False)

    def __str__(self) -> str:
        return self._text(self.entry.arguments)

    @property
    def identity(self) -> str:
        """The canonical text of what a result depends on."""
        return self._text(tuple(argument for argument in self.entry.arguments if argument.identifies))

    def completed(self) -> Part[E]:
        """This part with what stands outside filled in; ValueError where that is missing or does not fit."""
        return Part(self.entry, self.entry.complete(**self.arguments)) if self.entry.complete else self

    def _text(self, arguments: tuple[Argument, ...]) -> str:
        given = [
            f"{argument.name}={value_text(self.arguments[argument.name])}"
            for argument in arguments
            if self.arguments[argument.name] != argument.default
        ]
        return self.entry.name + (f"({', '.join(given)})" if given else "")


class Registry(Generic[E]):
    """The entries of one kind, in the order in which people should meet them.

    hint  takes a name that is not known, or "" for a value that is no text, and says what was meant, perhaps
    """

    def __init__(self, kind: str, *entries: E, hint: Callable[[str], str] = lambda name: "") -> None:
        self.kind, self.hint = kind, hint
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
            meant = self.hint(text.strip())
            raise ValueError(unknown(self.kind, name, list(self.entries)) + (f"; {meant}" if meant else ""))
        entry = self.entries[name]
        known = {argument.name: argument for argument in entry.arguments}
        values: dict[str, Value] = {argument.name: argument.default for argument in entry.arguments}
        given: set[str] = set()
        for item in split_values(match["arguments"] or ""):
            argument, equals, value = (piece.strip() for piece in item.partition("="))
            if not equals:
                needed = list(itertools.takewhile(lambda argument: argument.default is None, entry.arguments))
                first = ", ".join(f"{argument.name}=…" for argument in needed or entry.arguments[:1])
                example = f"{name}({first})" if known else name
                raise ValueError(f"{name}: arguments are written as in {example}, but got {item.strip()!r}")
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


def value_text(value: Value) -> str:
    """The canonical text of an argument's value, as Python prints it; words in double quotes, inner ones doubled."""
    return '"' + value.replace('"', '""') + '"' if isinstance(value, str) else str(value)


def unknown(kind: str, name: str, choices: list[str]) -> str:
    """The sentence for a name that is not among ``choices``, with the nearest one suggested."""
    near = difflib.get_close_matches(name.lower(), choices, n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]!r}?" if near else "."
    return f"unknown {kind} {name!r}{hint} Known: {', '.join(choices)}"


def split_values(text: str) -> list[str]:
    """The values of ``a,b(c=1, d="2,3")``: split at commas, those in brackets and quotes left alone; [] for blank text."""
    if not text.strip():
        return []
    pieces, depth, place = [""], 0, 0
    while place < len(text):
        taken = text[place]
        if taken in "\"'" and pieces[-1].rstrip().endswith("="):
            quoted = _QUOTED.match(text, place)
            taken = quoted[0] if quoted else taken
        place += len(taken)
        depth += (taken in "([") - (taken in ")]")
        if taken == "," and depth <= 0:
            pieces.append("")
        else:
            pieces[-1] += taken
    return [piece.strip() for piece in pieces]
