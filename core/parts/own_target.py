"""The column to predict: classes, a number, or a number's logarithm; and which rows have none."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from core.parts.own_dates import compact_dates_of, dates_of, look_like_dates
from core.parts.own_numbers import WEAK, Form, Numbers, code_with_zeros, likely_gap, mixed_units, number, numbers_of
from core.registry import brief
from core.words import counted

KINDS = ("auto", "classes", "number", "log")
MAXIMUM_CLASSES = 100
FEW_VALUES = 20  # different whole numbers up to which they are classes, unless ``kind`` says otherwise
MINIMUM_ROWS = 20
ROWS_PER_CLASS = 5  # so that the fifth that validates holds each
SKEWED = (
    3.0  # times as far above the middle as below it, from which a number has a tail: 1 if symmetrical, e² log-normal
)
TAIL = 20.0  # spreads from the middle, half of the width of the middle 68 %, from which the largest value is a tail
NAMED = 3  # words in a sentence
ANSWERS = ({"y", "n"}, {"t", "f"}, {"m", "f"}, {"j", "n"}, {"s", "n"}, {"o", "n"})


class Target(NamedTuple):
    """The target as it is learned.

    labels     (rows,): class numbers in int64, or numbers in float64, of the rows that are kept
    classes    their names, in order; empty where the target is a number
    places     places of the rows that are kept
    form       how its numbers are written; None where it is text
    logarithm  whether the labels are the numbers' natural logarithms
    spellings  text that is taken for another spelling of it
    notes      sentences on it
    """

    labels: np.ndarray
    classes: tuple[str, ...]
    places: list[int]
    form: Form | None
    logarithm: bool
    spellings: dict[str, str]
    notes: tuple[str, ...]


def target_of(
    path: str, name: str, cells: Sequence[str], lines: Sequence[int], delimiter: str, kind: str = "auto"
) -> Target:
    """The column ``name`` as a target; ValueError with one sentence where it can't be predicted."""
    present = [place for place, cell in enumerate(cells) if cell]
    if not present:
        raise ValueError(f"csv: the target {brief(name)!r} of {path} is missing in every row")
    _check_rows(path, len(present))
    code = code_with_zeros(cells) if kind in ("auto", "classes") else ""
    as_numbers = kind != "classes" and not code
    numbers = numbers_of(path, name, cells, lines, delimiter) if as_numbers else None
    if numbers is None and kind in ("number", "log"):
        word = next((cells[place] for place in present if math.isnan(number(cells[place]))), cells[present[0]])
        what = _what_it_is([cells[place] for place in present]) or f"text such as {word[:40]!r}"
        raise ValueError(
            f"csv: kind={kind} needs numbers, and the target {brief(name)!r} of {path} holds {brief(what)}"
        )
    if numbers is not None:
        if kind == "auto" and not _few(np.array(numbers.values)) and compact_dates_of(cells, name) is not None:
            what = _dates_in_words(cells[present[0]])
            raise ValueError(
                f"csv: the target {brief(name)!r} of {path} holds {brief(what)}; kind=number takes them for numbers"
            )
        places = [place for place in present if not math.isnan(numbers.values[place])]
        _check_rows(path, len(places))
        values = np.array([numbers.values[place] for place in places])
        if kind in ("number", "log") or not _few(values):
            return _number(path, name, numbers, places, values, kind == "log")
        names = [f"{value:.0f}" for value in values]
        return _classes(path, name, places, names, numbers.form, values, {}, odd(numbers.odd))
    plain = numbers_of(path, name, cells, lines, delimiter, 1.0) if kind == "classes" and not code else None
    if plain is not None:
        values = np.array([plain.values[place] for place in present])
        return _classes(path, name, present, [f"{value:.15g}" for value in values], plain.form, values, {}, "")
    weak = () if any(cell == "+" for cell in cells) else set(WEAK) - {"nd"}  # which is North Dakota as well
    gaps = tuple(sorted({cell for cell in cells if cell and cell.lower() in weak}))
    places = [place for place in present if cells[place] not in gaps]
    _check_rows(path, len(places))
    spellings = one_spelling(cells[place] for place in places)
    names = [spellings.get(cells[place], cells[place]) for place in places]
    note = odd(Counter(cell for cell in cells if cell in gaps))
    return _classes(path, name, places, names, None, None, spellings, note)


def _check_rows(path: str, rows: int) -> None:
    if rows < MINIMUM_ROWS:
        raise ValueError(
            f"csv: {path} has {counted(rows, 'row')} with a target, too few to train on; it takes at least {MINIMUM_ROWS}"
        )


def _few(values: np.ndarray) -> bool:
    """Whether numbers are classes, unless one says otherwise: few, whole, with rows enough each."""
    distinct = np.unique(values)
    few = len(distinct) <= FEW_VALUES and len(values) >= ROWS_PER_CLASS * len(distinct)
    return few and bool((distinct == np.round(distinct)).all())


def _number(path: str, name: str, numbers: Numbers, places: list[int], values: np.ndarray, logarithm: bool) -> Target:
    if len(np.unique(values)) == 1:
        raise ValueError(
            f"csv: the target {brief(name)!r} of {path} is {values[0]:g} in every row: there is nothing to learn"
        )
    notes = [odd(numbers.odd)] if numbers.odd else []
    gap = likely_gap(values)
    if gap is not None:
        notes.append(gap_words(values, gap))
    if logarithm:
        if values.min() <= 0:
            raise ValueError(
                f"csv: kind=log needs numbers above 0, and the target {brief(name)!r} of {path} holds {values.min():g}; "
                "use kind=number"
            )
        values = np.log(values)
        notes.insert(0, "its logarithm")
    else:
        notes += [tail] if (tail := _tail(values)) else []
    return Target(values, (), places, numbers.form, logarithm, {}, tuple(notes))


def _tail(values: np.ndarray) -> str:
    """What is said of a number with values far from the others, or far more spread above its middle; else empty."""
    low, middle, high = np.quantile(values, [0.16, 0.5, 0.84])
    spread = (high - low) / 2.0 or float(values.std())
    above, below = (float(values.max()) - middle) / spread, (middle - float(values.min())) / spread
    positive = bool(values.min() > 0)
    if max(above, below) > TAIL:
        word, side, far = ("largest", "above", values.max()) if above >= below else ("smallest", "below", values.min())
        offer = (
            "kind=log predicts its logarithm" if positive and side == "above" else "leave such rows out, or limit them"
        )
        distance = f"{max(above, below):,.0f} spreads {side} the middle"
        return f"a long tail: the {word}, {far:,.6g}, is {distance}, and few rows decide the loss; {offer}"
    skew = _skew(values)
    if positive and skew > SKEWED and abs(math.log(_skew(np.log(values)))) < math.log(skew):
        return f"a tail: its upper values lie {skew:.2g} times as far from the middle as its lower ones; kind=log predicts its logarithm"
    return ""


def _skew(values: np.ndarray) -> float:
    """How many times as far the middle 95 % reach above the median as below it."""
    low, middle, high = np.quantile(values, [0.025, 0.5, 0.975])
    least = max(high - low, 1e-300) * 1e-6  # where many values are one
    return float(max(high - middle, least) / max(middle - low, least))


def _classes(
    path: str,
    name: str,
    places: list[int],
    names: list[str],
    form: Form | None,
    values: np.ndarray | None,
    spellings: dict[str, str],
    note: str,
) -> Target:
    """Classes with two rows at least each; the others are left out, and counted."""
    counts = Counter(names)
    single = {word for word, count in counts.items() if count == 1}
    whole = len(counts)
    what = "" if values is not None else _what_it_is(names)
    what = what and f"; it holds {brief(what)}"
    offer = " or use kind=number" if values is not None else what
    if len(counts) - len(single) > MAXIMUM_CLASSES:
        raise ValueError(
            f"csv: the target {brief(name)!r} of {path} has {whole:,} classes, and the limit is {MAXIMUM_CLASSES}"
            + (
                f"; use kind=number{' or kind=log' if values.min() > 0 else ''}"
                if values is not None
                else what or "; give the rarest one name, such as 'other', or predict another column"
            )
        )
    if whole == 1:
        raise ValueError(
            f"csv: the target {brief(name)!r} of {path} is {brief(names[0])} in every row: there is nothing to learn"
        )
    if whole - len(single) < 2:
        raise ValueError(
            f"csv: the target {brief(name)!r} of {path} has {whole:,} classes, but only {whole - len(single)} of 2 rows or more; "
            "at least two such are needed to train and validate" + (": use kind=number" if values is not None else what)
        )
    rows = len(names) - len(single)
    if rows < ROWS_PER_CLASS * (whole - len(single)):
        raise ValueError(
            f"csv: {path} has {counted(rows, 'row')} for {whole - len(single)} classes, too few; "
            f"it takes at least {ROWS_PER_CLASS * (whole - len(single))}{offer}"
        )
    indices = [index for index, word in enumerate(names) if word not in single]
    _check_rows(path, len(indices))
    ordered: list = [names[index] for index in indices] if values is None else [values[index] for index in indices]
    _, labels = np.unique(ordered, return_inverse=True)
    classes: tuple[str, ...] = tuple(
        dict(sorted(zip(labels.tolist(), (names[index] for index in indices), strict=True))).values()
    )
    notes = [note] if note else []
    if single:
        examples = ", ".join(sorted(single)[:NAMED]) + (" …" if len(single) > NAMED else "")
        more = f"{len(single):,} classes" if len(single) > 1 else "a class"
        what = "; kind=number predicts a number, and keeps them" if values is not None else ""
        notes.append(f"{more} of one row left out: {examples}{what}")
    notes += spelling_words(spellings, counts)
    return Target(
        labels.astype(np.int64),
        classes,
        [places[index] for index in indices],
        form,
        False,
        spellings,
        tuple(notes),
    )


def odd(counts: Counter[str]) -> str:
    """Cells that hold no number in a column of numbers: how many, and the commonest; empty for none."""
    if not counts:
        return ""
    common = ", ".join(f"{word[:40]!r} {count:,} ×" for word, count in counts.most_common(NAMED))
    more = " …" if len(counts) > NAMED else ""
    cells = "1 odd cell taken for a gap" if counts.total() == 1 else f"{counts.total():,} odd cells taken for gaps"
    return f"{cells}: {common}{more}"


def gap_words(values: Sequence[float] | np.ndarray, gap: float) -> str:
    """A value that stands for gaps, likely: how often it comes, and what to do."""
    count = int((np.asarray(values, dtype=float) == gap).sum())
    return f"{gap:g} stands apart, {count:,} times: a gap, likely; empty those cells"


def _what_it_is(cells: Sequence[str]) -> str:
    """What a target of text holds that is no class, and what to do; empty where that is not known."""
    if dates_of(cells) is not None or look_like_dates(cells):
        return _dates_in_words(cells[0])
    if units := mixed_units(cells):
        named = " and ".join(units)
        return f"numbers with units ({named}) such as {cells[0]!r}: write them in one unit, without its name"
    if code := code_with_zeros(cells):
        return f"codes, since {code} begins with a zero: kind=number takes them for numbers"
    return ""


def _dates_in_words(example: str) -> str:
    return (
        f"dates such as {example!r}, which can't be predicted: write them as numbers, such as days since the first, "
        "or predict another column"
    )


def one_spelling(cells: Iterable[str]) -> dict[str, str]:
    """Words that differ in capitals or blanks alone -> the commonest spelling of each.

    Single letters are left alone, unless they are all answers: y and n, t and f, m and f.
    """
    counts = Counter(cells)
    groups: dict[str, list[str]] = {}
    for word in counts:
        groups.setdefault(_bare(word), []).append(word)
    answers = any(set(groups) <= pair for pair in ANSWERS)
    spellings: dict[str, str] = {}
    for bare, alike in groups.items():
        if len(alike) > 1 and (len(bare) > 1 or answers):
            best = max(alike, key=lambda word: (counts[word], word == " ".join(word.split()), word))
            spellings |= {word: best for word in alike if word != best}
    return spellings


def _bare(word: str) -> str:
    return " ".join(word.casefold().split())


def spelling_words(spellings: dict[str, str], counts: Iterable[str]) -> list[str]:
    """Which spellings are taken for one, and which of the other words differ in capitals alone; no sentence for none."""
    sentences = []
    if spellings:
        examples = ", ".join(f"{word} as {best}" for word, best in sorted(spellings.items())[:NAMED])
        sentences.append(f"spellings taken for one: {examples}{' …' if len(spellings) > NAMED else ''}")
    letters = sorted(word for word in counts if len(word) == 1)
    pairs = [
        f"{letter} and {letter.lower()}" for letter in letters if letter != letter.lower() and letter.lower() in letters
    ]
    if pairs:
        sentences.append(f"{', '.join(pairs[:NAMED])} are taken for different: write them one way if they are the same")
    return sentences
