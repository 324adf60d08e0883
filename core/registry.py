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
from typing import Any, Generic, TypeVar

Value = float | int | bool | str | tuple[int, ...] | None

LONGEST_WORDS = 120  # of an input that a refusal repeats

_QUOTED = re.compile(r""" "(?:[^"]|"")*" | '(?:[^']|'')*' """, re.VERBOSE)
_BARE = re.compile(r"""[^\s,()\[\]"']+""")
_PART = re.compile(r"\s*(?P<name>[^\s(),=]+)\s*(?:\((?P<arguments>.*)\)\s*)?", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The values that a setting, or an argument of a part, may take.

    kind  int, float, bool, str or tuple. A ``str`` is one of ``choices``, or any text where there are none; a ``tuple``
          holds whole numbers from 1, each within the bounds and above the one before
    """

    kind: type
    minimum: float | None = None
    maximum: float | None = None
    above: float | None = None  # as minimum, but the bound itself is not allowed
    below: float | None = None  # as maximum, but the bound itself is not allowed
    choices: tuple[str, ...] = ()

    def allowed(self) -> str:
        """What is allowed, in words: ``a whole number, 1 to 1000``, ``above 0, at most 100``, ``one of sum, mse``."""
        if self.kind is bool:
            return "True or False"
        if self.choices:
            return "one of " + ", ".join(self.choices)
        if self.kind is str:
            return "text, in quotes where it holds spaces, commas, brackets or quotes (doubled inside)"
        if self.kind is tuple:
            return f"rising whole numbers such as (10, 20), from 1 to {self.maximum:g}"
        noun = "a whole number, " if self.kind is int else ""
        if self.minimum is not None and self.maximum is not None:
            return f"{noun}{self.minimum:g} to {self.maximum:g}"
        bounds = {"above": self.above, "at least": self.minimum, "below": self.below, "at most": self.maximum}
        words = ", ".join(f"{word} {bound:g}" for word, bound in bounds.items() if bound is not None)
        return noun + words or "a number"

    def value(self, raw: Any) -> Any:
        """``raw``, as text or as it is, in canonical form; ValueError says what is allowed."""
        try:
            value = self._read(raw.strip() if isinstance(raw, str) else raw)
        except (ValueError, OverflowError):
            raise ValueError(f"must be {self.allowed()}, but got {self._offender(raw)}") from None
        return value

    def stored(self, raw: Any) -> Any:
        """As ``value``, of what was checked when it was stored."""
        return self.value(raw)

    def identity(self, value: Any) -> Any:
        """What of a value the run id is made from."""
        return value

    def _offender(self, raw: object) -> str:
        text = brief(raw).strip() or "nothing"
        near = difflib.get_close_matches(text.lower(), self.choices, n=1, cutoff=0.5)
        return text + (f"; did you mean {brief(near[0])!r}?" if near else "")

    def _read(self, raw: Any) -> Value:
        if self.kind is str:
            word = _unquoted(raw) if isinstance(raw, str) else _refuse()
            return word if word in self.choices or not self.choices else _refuse()
        if self.kind is bool:
            return (
                {"true": True, "false": False}[word] if (word := str(raw).lower()) in ("true", "false") else _refuse()
            )
        if self.kind is tuple:
            return self._rising(raw)
        return self._number(raw)

    def _rising(self, text: str) -> Value:
        inner = text[1:-1].strip() if text[:1] + text[-1:] in ("()", "[]") else text
        numbers = tuple(int(self._number(piece, int)) for piece in inner.removesuffix(",").split(","))
        return numbers if all(low < high for low, high in itertools.pairwise((0, *numbers))) else _refuse()

    def _number(self, raw: Any, kind: type | None = None) -> float | int:
        if isinstance(raw, bool) or not (isinstance(raw, str) or hasattr(raw, "__float__")):
            raise ValueError
        if isinstance(raw, str) and ("_" in raw or not raw.isascii()):  # Python would take 1_000 and １２
            raise ValueError
        if (kind or self.kind) is float:
            number: float | int = float(raw) + 0.0  # -0.0 is written 0.0
        else:
            number = int(raw) if isinstance(raw, str) else whole_number(raw)
        if not (isinstance(number, int) or math.isfinite(number)):
            raise ValueError
        low_enough = (self.maximum is None or number <= self.maximum) and (self.below is None or number < self.below)
        high_enough = (self.minimum is None or number >= self.minimum) and (self.above is None or number > self.above)
        if not (low_enough and high_enough):
            raise ValueError
        return number


def whole_number(value: Any) -> int:
    """``value`` as a whole number; ValueError where it is none."""
    if int(value) != value:
        raise ValueError
    return int(value)


@dataclass(frozen=True, kw_only=True)
class Argument(Limits):
    """One argument of a part: its type, its default and the values it may take.

    ``default=None`` means "worked out from the rest"; ``meaning`` says how.

    identifies  False: the result does not depend on it, only where it is found, so it stays out of the run id
    """

    name: str
    default: Value
    meaning: str
    identifies: bool = True


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
    version        raised when its runs come out in another way, so that stored ones are made again: theirs alone
    """

    name: str
    label: str
    source: str
    arguments: tuple[Argument, ...] = ()
    contradiction: Callable[..., str | None] | None = None
    complete: Callable[..., dict[str, Value]] | None = None
    version: int = 1


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
        text = self._text(tuple(argument for argument in self.entry.arguments if argument.identifies))
        return text if self.entry.version == 1 else f"{text} version {self.entry.version}"

    def completed(self) -> Part[E]:
        """This part with what stands outside filled in; ValueError where that is missing or does not fit."""
        return Part(self.entry, self.entry.complete(**self.arguments)) if self.entry.complete else self

    def _text(self, arguments: tuple[Argument, ...]) -> str:
        texts = [
            f"{argument.name}={value_text(self.arguments[argument.name])}"
            for argument in arguments
            if self.arguments[argument.name] != argument.default
        ]
        return self.entry.name + (f"({', '.join(texts)})" if texts else "")


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
                f"{self.kind} {brief(text.strip())!r} can't be read; write name or name(argument=value), "
                f"such as {next(iter(self.entries))}"
            )
        name = match["name"]
        if name not in self.entries:
            meant = self.hint(text.strip())
            raise ValueError(unknown(self.kind, name, list(self.entries)) + (f"; {meant}" if meant else ""))
        entry = self.entries[name]
        by_name = {argument.name: argument for argument in entry.arguments}
        values: dict[str, Value] = {argument.name: argument.default for argument in entry.arguments}
        names_so_far: set[str] = set()
        for item in split_values(match["arguments"] or ""):
            argument, equals, value = (piece.strip() for piece in item.partition("="))
            if not equals:
                needed = list(itertools.takewhile(lambda argument: argument.default is None, entry.arguments))
                first = ", ".join(f"{argument.name}=…" for argument in needed or entry.arguments[:1])
                example = f"{name}({first})" if by_name else name
                raise ValueError(f"{name}: arguments are written as in {example}, but got {brief(item.strip())!r}")
            if argument not in by_name:
                if not by_name:
                    raise ValueError(f"{name}: takes no arguments, but got {brief(argument)!r}")
                raise ValueError(unknown(f"argument of {name}", argument, list(by_name)))
            if argument in names_so_far:
                raise ValueError(f"{name}: {argument} is given twice")
            names_so_far.add(argument)
            try:
                values[argument] = by_name[argument].value(value)
            except ValueError as error:
                raise ValueError(f"{name}: {argument} {error}") from None
        refusal = entry.contradiction(**values) if entry.contradiction else None
        if refusal:
            raise ValueError(refusal)
        return Part(entry, values)


def value_text(value: Value) -> str:
    """The canonical text of an argument's value, as Python prints it; words in double quotes, inner ones doubled."""
    return '"' + value.replace('"', '""') + '"' if isinstance(value, str) else str(value)


def brief(text: object) -> str:
    """Anybody's words in a sentence of ours, the rest of long ones left out."""
    try:
        words = str(text)
    except ValueError:  # a number of more digits than Python writes
        words = "a number of thousands of digits"
    return words if len(words) <= LONGEST_WORDS else f"{words[: LONGEST_WORDS - 20]}… ({len(words):,} characters)"


def unknown(kind: str, name: str, choices: list[str]) -> str:
    """The sentence for a name that is not among ``choices``, with the nearest one suggested."""
    name = brief(name)
    near = difflib.get_close_matches(name.lower(), choices, n=1, cutoff=0.5)
    hint = f"; did you mean {brief(near[0])!r}?" if near else "."
    return f"unknown {kind} {name!r}{hint} Known: {', '.join(choices)}"


def split_values(text: str) -> list[str]:
    """The values of ``a,b(c=1, d="2,3")``: split at commas, those in brackets and quotes left alone; [] for blank text."""
    if not text.strip():
        return []
    pieces: list[list[str]] = [[]]
    depth, place, last, unclosed = 0, 0, "", set()
    while place < len(text):
        piece = text[place]
        if piece in "\"'" and last == "=" and piece not in unclosed:
            quoted = _QUOTED.match(text, place)
            unclosed |= set() if quoted else {piece}  # nor will another one of its kind close: long texts are read once
            piece = quoted[0] if quoted else piece
        place += len(piece)
        last = piece if not piece.isspace() else last
        depth += (piece in "([") - (piece in ")]")
        if piece == "," and depth <= 0:
            pieces.append([])
        else:
            pieces[-1].append(piece)
    return ["".join(piece).strip() for piece in pieces]
