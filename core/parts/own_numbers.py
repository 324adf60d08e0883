"""Numbers as people write them: with signs of money or per cent, parted thousands, decimal commas, and odd cells between."""

from __future__ import annotations

import math
import random
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from core.registry import brief

SHARE = 0.9  # of its cells from which a column holds numbers; the others are odd
FORM_CELLS = 500  # different cells, from all over a column, that tell whether most are numbers
MAXIMUM_NUMBER = 1e100  # squares of larger ones leave float64
INFINITE = ("inf", "infinity")
GAP_SIGNS = ("-", "--", "---", "–", "—", ".", "..", "...")
WEAK = (*GAP_SIGNS, "missing", "n.a.", "n.a", "n/d", "nd", "not available", "tbd")
MULTIPLES = {"K": "thousands", "M": "millions", "B": "billions"}
PLAIN = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE | re.ASCII)
SIGNS = re.compile(
    r"[$€£¥₹₽₩₺₴₫฿%]|(?<![^\W\d])(?:USD|EUR|GBP|JPY|CNY|RMB|INR|CHF|CAD|AUD|NZD|SEK|NOK|DKK|PLN|CZK|HUF|RUB|TRY|BRL"
    r"|MXN|ZAR|KRW|SGD|HKD|R(?=\$)|[Kk]r|Rs|Kč|zł|Ft|лв|руб)(?![^\W\d])\.?"
)
# decimal sign and thousands sign; of those that fit alike the first is taken
FORMS = ((".", ""), (".", ","), (",", ""), (",", "."), (".", " "), (",", " "), (".", "'"), (".", "’"))
COMMA_FIRST = ((".", ""), (",", ""), (",", "."), (".", ","), (",", " "), (".", " "), (".", "'"), (".", "’"))
THOUSANDS_SIGNS = {",": "commas", ".": "points", " ": "blanks", "'": "apostrophes", "’": "apostrophes"}
THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}[.,]\d{3}", re.ASCII)
BELOW_THOUSAND = re.compile(r"[+-]?\d{1,3}", re.ASCII)
MULTIPLE = re.compile(r"[+−–-]? ?(?:\d[\d.,]*|[.,]\d+) ?([KMB]?)", re.IGNORECASE | re.ASCII)
UNIT = re.compile(r"[+−–-]? ?(?:\d[\d.,'’ \xa0\u202f]*|[.,]\d+)(°?[^\W\d_]+(?:/[^\W\d_]+)?[23²³]?|°)\.?")


class Form(NamedTuple):
    """How a column writes its numbers.

    plain    every number as Python reads it
    percent  what a number with % is divided by: 100 where others are written as shares
    unit     what stands behind its numbers, such as kg
    multiples  whether K, M and B behind a number multiply it
    """

    decimal: str
    thousands: str
    plain: bool
    percent: float = 1.0
    unit: str = ""
    multiples: bool = False

    @property
    def arguments(self) -> tuple[str, str, float, str, bool]:
        """What ``number`` takes beside a cell."""
        return self.decimal, self.thousands, self.percent, self.unit, self.multiples


class Numbers(NamedTuple):
    """A column of numbers.

    values  NaN where a cell is missing, or odd
    odd     what is written in the odd cells, and how often
    """

    form: Form
    values: list[float]
    odd: Counter[str]


def sample_of(cells: Sequence[str], size: int) -> Sequence[str]:
    """So many of the cells, the same ones every time, in their order; all where there are no more."""
    if len(cells) <= size:
        return cells
    return [cells[place] for place in sorted(random.Random(0).sample(range(len(cells)), size))]


def number(
    cell: str, decimal: str = ".", thousands: str = "", percent: float = 1.0, unit: str = "", multiples: bool = False
) -> float:
    """The number that a cell holds, NaN where it holds none; signs of money and per cent and its unit don't count."""
    text = SIGNS.sub("", cell).strip().replace("−", "-").replace("–", "-").replace("\xa0", " ").replace("\u202f", " ")
    factor = {"K": 1e3, "M": 1e6, "B": 1e9}.get(text[-1:].upper(), 1.0) if multiples else 1.0
    if factor != 1.0:
        text = text[:-1].strip()
    for ending in (unit, f"{unit}s") if unit else ():  # 1 year, 2 years
        if text.lower().endswith(ending):
            text = text[: -len(ending)].strip()
            break
    if text.startswith("(") and text.endswith(")"):  # a bookkeeper's minus
        text = f"-{text[1:-1]}"
    grouped = rf"[1-9]\d{{0,2}}(?:[{thousands}]\d{{3}})+|" if thousands else ""
    shape = rf"[+-]? ?(?=[{decimal}]?\d)(?:{grouped}\d*)(?:[{decimal}]\d*)?(?:[eE][+-]?\d+)?"
    if not re.fullmatch(shape, text, re.ASCII):
        return math.nan
    value = float(text.replace(" ", "").replace(thousands, "").replace(decimal, ".")) * factor
    return value / percent if "%" in cell else value


def numbers_of(
    path: str, name: str, cells: Sequence[str], lines: Sequence[int], delimiter: str, share: float = SHARE
) -> Numbers | None:
    """The column as numbers; None where fewer than ``share`` of its cells hold one, or fewer than two different ones.

    ValueError where one is not finite.
    """
    counts = Counter(cell for cell in cells if cell)
    firm = sum(count for cell, count in counts.items() if cell.lower() not in WEAK)
    read, form = _plainly(counts), Form(".", "", True)
    if mark := thousands_mark(counts, delimiter):
        form = Form("." if mark == "," else ",", mark, False)
        read = {cell: value for cell in counts if not math.isnan(value := number(cell, form.decimal, mark))}
    elif len(read) < len(counts):
        read, form = _best(counts, COMMA_FIRST if delimiter in ";\t" else FORMS)
        if (percent := percent_of(counts, form)) != 1.0:
            form = form._replace(percent=percent)
            read = {cell: number(cell, *form.arguments) for cell in read}
    infinite = {cell for cell in counts if _infinite(cell)}
    count = sum(counts[cell] for cell in {*read, *infinite})
    if not count or count < share * firm or (len(set(read.values())) < 2 and count < firm):
        return None
    huge = infinite | {cell for cell, value in read.items() if abs(value) > MAXIMUM_NUMBER}
    for cell, line in zip(cells, lines, strict=True) if huge else ():
        if cell in huge:
            raise ValueError(
                f"csv: {path} has {brief(cell)} in column {brief(name)!r}, line {line}; numbers must be finite, at most 1e100"
            )
    odd = Counter({cell: count for cell, count in counts.items() if cell not in read})
    return Numbers(form, [read.get(cell, math.nan) for cell in cells], odd)


def thousands_mark(cells: Iterable[str], delimiter: str) -> str:
    """The sign that parts thousands in a column whose other numbers are whole and below 1,000; empty where none surely does.

    Between semicolons a point or a comma, between tabs a comma: three digits stand behind it in every cell that has it.
    """
    marks, small = set(), False
    for text in (SIGNS.sub("", cell).strip() for cell in cells if cell and cell.lower() not in WEAK):
        if THOUSANDS.fullmatch(text):
            marks.add("," if "," in text else ".")
        elif BELOW_THOUSAND.fullmatch(text):
            small = True
        else:
            return ""
    if not small or len(marks) != 1:
        return ""
    mark = marks.pop()
    return mark if delimiter == ";" or (delimiter == "\t" and mark == ",") else ""


def _plainly(cells: Mapping[str, int]) -> dict[str, float]:
    return {cell: float(cell) for cell in cells if PLAIN.fullmatch(cell)}


def _best(counts: Mapping[str, int], forms: Sequence[tuple[str, str]]) -> tuple[dict[str, float], Form]:
    """What the form that reads most cells makes of them, and that form; nothing where a sample shows that most are none."""
    best: tuple[dict[str, float], Form] = ({}, Form(".", "", False))
    if len(counts) > 2 * FORM_CELLS:
        sample = {cell: counts[cell] for cell in sample_of(list(counts), FORM_CELLS)}
        if len(_best(sample, forms)[0]) < SHARE / 2 * len(sample):
            return best
    most, multiples = -1, has_multiples(counts)
    unit = "" if multiples else unit_of(counts)
    for decimal, thousands in forms:
        form = Form(decimal, thousands, False, unit=unit, multiples=multiples)
        read = {cell: value for cell in counts if not math.isnan(value := number(cell, *form.arguments))}
        count = sum(counts[cell] for cell in read)
        if count > most:
            best, most = (read, form), count
        if count == sum(counts.values()):
            break
    return best


def has_multiples(counts: Mapping[str, int]) -> bool:
    """Whether a column writes 1.2K, 3M and 5B for large numbers: K beside others or none, or M beside B, in all cells."""
    endings: Counter[str] = Counter()
    for cell, count in counts.items():
        if match := MULTIPLE.fullmatch(SIGNS.sub("", cell).strip()):
            endings[match[1].upper()] += count
    firm = sum(count for cell, count in counts.items() if cell.lower() not in WEAK)
    mixed = ("K" in endings and len(endings) > 1) or {"M", "B"} <= set(endings)
    return mixed and endings.total() >= SHARE * firm


def unit_of(counts: Mapping[str, int]) -> str:
    """The unit, in small letters and without a plural's s, behind nearly all numbers of a column; empty for none."""
    units: Counter[str] = Counter()
    for cell, count in counts.items():
        if match := UNIT.fullmatch(SIGNS.sub("", cell).strip()):
            units[_singular(match[1])] += count
    unit, count = units.most_common(1)[0] if units else ("", 0)
    return unit if count >= SHARE * sum(counts[cell] for cell in counts if cell.lower() not in WEAK) else ""


def mixed_units(cells: Iterable[str]) -> tuple[str, ...]:
    """The two commonest units behind the numbers of a column of text; fewer where there are no such, none for no numbers."""
    counts = Counter(cell for cell in cells if cell)
    read = {cell: match[1] for cell in counts if (match := UNIT.fullmatch(SIGNS.sub("", cell).strip()))}
    if sum(counts[cell] for cell in read) < SHARE * counts.total():
        return ()
    units: Counter[str] = Counter()
    for cell, unit in read.items():
        units[unit] += counts[cell]
    return tuple(unit for unit, _ in units.most_common(2))


def _singular(unit: str) -> str:
    return unit.lower().removesuffix("s") or unit.lower()


def percent_of(counts: Mapping[str, int], form: Form) -> float:
    """100 where a column holds per cent beside shares, 12% beside 0.12, which are then of one size; else 1."""
    if not any("%" in cell for cell in counts):
        return 1.0
    with_sign: list[float] = []
    without: list[float] = []
    for cell, count in counts.items():
        value = abs(number(cell, *form.arguments))
        if value > 0.0:  # neither a gap nor a zero, which is the same in both
            (with_sign if "%" in cell else without).extend([value] * count)
    if not with_sign or not without:
        return 1.0
    factor = float(np.median(with_sign)) / float(np.median(without))
    return 100.0 if factor > 10.0 else 1.0


def code_with_zeros(cells: Iterable[str]) -> str:
    """A cell that shows that whole numbers are codes, since they begin with zeros: as long as most, or common; else ""."""
    counts = Counter(cell for cell in cells if cell)
    digits = {cell: count for cell, count in counts.items() if cell.isascii() and cell.isdigit()}
    with_zeros = [cell for cell in digits if len(cell) > 1 and cell[0] == "0"]
    total = sum(digits.values())
    if not with_zeros or total < SHARE * counts.total():
        return ""
    lengths: Counter[int] = Counter()
    for cell, count in digits.items():
        lengths[len(cell)] += count
    length, count = lengths.most_common(1)[0]
    alike = count >= SHARE * total and any(len(cell) == length for cell in with_zeros)
    common = sum(digits[cell] for cell in with_zeros) >= (1.0 - SHARE) * total
    return min(with_zeros) if alike or common else ""


def form_words(cells: Sequence[str], form: Form, delimiter: str) -> str:
    """How the numbers are written, where it is not as usual."""
    if delimiter in ";\t" and (unsure := doubt(cells, form)):
        return unsure
    if form.plain:
        return ""
    signs = Counter(sign for cell in set(cells) for sign in SIGNS.findall(cell)).most_common(1)
    words = [f"written with {signs[0][0]}"] if signs and form.percent == 1.0 else []
    words += ["per cent and shares, 12% as 0.12"] if form.percent != 1.0 else []
    words += [f"in {_unit_in_words(cells, form.unit)}"] if form.unit else []
    words += [_multiples_in_words(cells)] if form.multiples else []
    with_comma = [cell for cell in set(cells) if form.decimal == "," and "," in cell]
    words += ["decimal commas"] if any(not math.isnan(number(cell, *form.arguments)) for cell in with_comma) else []
    parted = form.thousands and any(form.thousands in cell.strip() for cell in cells)
    words += [f"thousands parted by {THOUSANDS_SIGNS[form.thousands]}"] if parted else []
    return ", ".join(words)


def _multiples_in_words(cells: Sequence[str]) -> str:
    endings = {cell.strip()[-1:].upper() for cell in cells}
    return ", ".join(f"{letter} as {word}" for letter, word in MULTIPLES.items() if letter in endings)


def _unit_in_words(cells: Sequence[str], unit: str) -> str:
    """The unit as it is written most often."""
    written = Counter(match[1] for cell in cells if (match := UNIT.fullmatch(SIGNS.sub("", cell).strip())))
    return next((word for word, _ in written.most_common() if _singular(word) == unit), unit)


def _infinite(cell: str) -> bool:
    return cell.lower().lstrip("+-") in INFINITE


def doubt(cells: Sequence[str], form: Form) -> str:
    """How numbers between semicolons or tabs were read, where that can be read in two ways; empty elsewhere."""
    present = [cell for cell in cells if cell]
    if present and not form.thousands and all(THOUSANDS.fullmatch(cell) for cell in present):
        value = number(present[0], form.decimal)
        return f"{present[0]} read as {value:,.15g}: if the sign parts thousands, leave it out"
    if form.thousands and (thousands_mark(present, ";") == form.thousands):
        parted = next(cell for cell in present if form.thousands in cell)
        return f"{parted} read as {number(parted, *form.arguments):,.15g}: the sign parts thousands"
    return ""


def likely_gap(values: Sequence[float] | np.ndarray) -> float | None:
    """A value that stands for a gap, likely: whole, below or above all others, and by far; None where there is none.

    It is written with nines (999), or below zero where no other value is; it stands apart by more than twice the others'
    spread, or below zero alone; and it comes more often than they do, or is farther off than five times their range.
    """
    finite = np.array(values, dtype=float)
    finite = finite[np.isfinite(finite)]
    distinct, counts = np.unique(finite, return_counts=True)
    if len(distinct) < 6:
        return None
    for place, next_one in ((0, 1), (-1, -2)):
        value, count, others = distinct[place], counts[place], np.delete(distinct, place)
        if count < 2 or value != int(value) or abs(value) < 9 or (place == -1 and value < 0):
            continue
        below_zero = value < 0 <= others.min()
        if not below_zero and set(f"{abs(value):.0f}") != {"9"}:
            continue
        gap, rest = abs(value - distinct[next_one]), finite[finite != value]
        apart = below_zero or gap > 2.0 * rest.std()
        spike = count >= 3 and count > 2.0 * np.delete(counts, place).mean()
        if apart and (spike or gap > 5.0 * (others.max() - others.min())):
            return float(value)
    return None
