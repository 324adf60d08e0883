"""The lines of a plain script that read a user's own table as ``own_data`` does."""

from __future__ import annotations

import inspect
import json
from typing import Any

from core.parts import own_dates, own_numbers
from core.parts.csv_files import LONGEST_CELL
from core.parts.gaps import MISSING, NONE
from core.parts.own_columns import CATEGORIES
from core.parts.own_data import Sheet, file_of, read_sheet
from core.parts.own_numbers import Form
from core.parts.separators import BLANK

WIDEST = 100  # columns of a listing
PLAIN = Form(".", "", True)


def reading_code(path: str | None, target: str, sha256: str | None = None, **choices: Any) -> str:
    """The lines of a plain script that set ``inputs`` and ``labels``."""
    sheet = read_sheet(path, target, sha256=sha256, **choices)
    numbers = [place for place, use in sheet.uses.items() if use.kind == "number"]
    dates = {place: use for place, use in sheet.uses.items() if use.kind == "date"}
    forms = {place: _form(use.form) for place, use in sheet.uses.items() if use.form and not _usual(use.form)}
    odd = any(use.form and (use.odd or not use.form.plain) for use in sheet.uses.values())
    helped = odd or not _plain_answer(sheet)
    lines = ["import csv", *(["import math", "import re"] if helped and not dates else [])]
    lines += ["import math", *(["import re"] if helped else []), "from datetime import datetime"] if dates else []
    lines += ["import numpy as np", f"FILE = {_source(file_of(path, sha256))}"]
    lines += [f'MISSING = ["", *"{" ".join(word for word in MISSING if word)}".split()]']
    lines += [f"TARGET = {sheet.target}  # places of columns, from 0"]
    lines += [_listed("NUMBERS", numbers)] if numbers else []
    lines += [_listed("FORMS", [f"{place}: {form}" for place, form in forms.items()], "{}")] if forms else []
    lines += [_listed("DATES", [f"{p}: {_source(use.date)}" for p, use in dates.items()], "{}")] if dates else []
    lines += [_listed("TEXTS", sheet.texts)] if sheet.texts else []
    lines += _helpers(helped, bool(dates))
    lines += _rows(sheet)
    parts = []
    if numbers:
        form = ", *FORMS.get(place, ())" if forms else ""
        cell = f"number(row[place]{form})" if odd else 'float(row[place] or "nan")'
        lines.append(f"numbers = np.array([[{cell} for place in NUMBERS] for row in rows])")
        parts.append("numbers")
    if dates:
        date_columns = [_parts(place, use.parts) for place, use in dates.items()]
        lines.append(
            "parts = {place: np.array([date_parts(row[place], DATES[place]) for row in rows]) for place in DATES}"
        )
        lines.append(f"dates = np.hstack([{', '.join(date_columns)}])")
        parts.append("dates")
    if sheet.texts:
        lines.append("texts = np.array([[row[place] for place in TEXTS] for row in rows], dtype=object)")
        parts.append("texts")
    lines.append(f"inputs = np.hstack([{', '.join(parts)}])" if len(parts) > 1 else f"inputs = {parts[0]}")
    return "\n".join([*lines, *_labels(sheet)])


def _usual(form: Form) -> bool:
    return form.plain or form.arguments == PLAIN.arguments


def _form(form: Form) -> str:
    more = "" if form.arguments[2:] == PLAIN.arguments[2:] else f", {form.percent:g}, {_source(form.unit)}"
    more += ", True" if form.multiples else ""
    return f"({_source(form.decimal)}, {_source(form.thousands)}{more})"


def _parts(place: int, parts: tuple[str, ...]) -> str:
    return f"parts[{place}][:, [{', '.join(str(own_dates.PARTS.index(part)) for part in parts)}]]"


def _helpers(numbers: bool, dates: bool) -> list[str]:
    """The functions that read a cell, as they are written here."""
    lines = []
    if numbers:
        pattern = own_numbers.SIGNS.pattern
        pieces = [pattern[start : start + WIDEST] for start in range(0, len(pattern), WIDEST)]
        lines += ["SIGNS = re.compile(", *(f"    {_source(piece)}" for piece in pieces), ")"]
    functions = [own_numbers.number] * numbers + [own_dates.date_parts] * dates
    return [*lines, *(f"\n\n{inspect.getsource(function)}\n" for function in functions)]


def _rows(sheet: Sheet) -> list[str]:
    cells, separator = sheet.cells, sheet.cells.delimiter
    option = "" if separator == "," else f", delimiter={_source(separator)}"
    source = "lines" if separator == BLANK else "file"
    strip, gap = "cell.strip()", "cell.strip().lower() in MISSING"
    if cells.nones:
        gap += f' and (place not in NONES or cell.strip().lower() != "{NONE}")'
    row_cells = f'["" if {gap} else {strip} for {"place, cell in enumerate(row)" if cells.nones else "cell in row"}]'
    above = cells.titles + cells.headed
    places = f"{above or ''}:{-cells.below if cells.below else ''}"
    lines = [
        *([f"OPENING = {cells.opening}"] if cells.opening else []),
        *([_listed("NONES", cells.nones) + "  # places of columns in which None is a word"] if cells.nones else []),
        *([f"csv.field_size_limit({cells.longest + 1})"] if cells.longest >= LONGEST_CELL else []),
        f"with open(FILE, encoding={_source(cells.encoding)}, newline={'None' if separator == BLANK else _source('')}) as file:",
        *(["    for _ in range(OPENING):  # lines above the table", "        next(file)"] if cells.opening else []),
        *(['    lines = (" ".join(line.split()) for line in file)'] if separator == BLANK else []),
        f'    rows = [row for row in csv.reader({source}{option}, skipinitialspace=True) if row not in ([], [""])]',
        f"rows = [{row_cells} for row in rows{f'[{places}]' if places != ':' else ''}]",
        "rows = [row for row in rows if row[TARGET]]  # those without a target are left out",
    ]
    if not _plain_answer(sheet):
        lines.append(f"rows = [row for row in rows if not math.isnan({_answer(sheet)})]  # nor with odd ones")
    if sheet.left_out and sheet.goal.classes:
        lines.append(_listed("LEFT_OUT", [_source(word) for word in sheet.left_out], "{}"))
        lines.append("rows = [row for row in rows if row[TARGET] not in LEFT_OUT]")
    for place, spellings in _spelled(sheet).items():
        pairs = [f"{_source(word)}: {_source(best)}" for word, best in spellings.items()]
        lines.append(_listed("SPELLINGS", pairs, "{}"))
        lines += ["for row in rows:", f"    row[{place}] = SPELLINGS.get(row[{place}], row[{place}])"]
    return lines


def _spelled(sheet: Sheet) -> dict[int, dict[str, str]]:
    spelled = {place: use.spellings for place, use in sheet.uses.items() if use.spellings}
    return spelled | ({sheet.target: sheet.goal.spellings} if sheet.goal.spellings else {})


def _plain_answer(sheet: Sheet) -> bool:
    """Whether the target is text, or numbers that Python reads as they are."""
    return sheet.goal.form is None or (sheet.goal.form.plain and not sheet.left_out)


def _answer(sheet: Sheet) -> str:
    form = sheet.goal.form
    if form is None:
        return "row[TARGET]"
    if _plain_answer(sheet):
        return "float(row[TARGET])"
    return f"number(row[TARGET]{'' if _usual(form) else f', {_form(form)[1:-1]}'})"


def _labels(sheet: Sheet) -> list[str]:
    goal = f"[{_answer(sheet)} for row in rows]"
    if sheet.classes:
        return [f"labels = np.unique({goal}, return_inverse=True)[1]"]
    return [f"labels = {'np.log' if sheet.goal.logarithm else 'np.array'}({goal})"]


def encoder_code(path: str | None, target: str, sha256: str | None = None, **choices: Any) -> str:
    """The lines of a plain script that make ``encoder``'s transformer."""
    sheet = read_sheet(path, target, sha256=sha256, **choices)
    width = sheet.inputs.shape[1]
    end, parts = width - len(sheet.texts), []
    used = ", ".join([*(["OneHotEncoder"] if sheet.texts else []), *(["StandardScaler"] if end else [])])
    lines = ["from sklearn.compose import ColumnTransformer", f"from sklearn.preprocessing import {used}"]
    if end:
        lines += [
            "from sklearn.impute import SimpleImputer",
            "from sklearn.pipeline import make_pipeline",
            'standardize = make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler())',
        ]
        parts.append(f'("numbers", standardize, slice(0, {end}))')
    if sheet.texts:
        lines += [
            f'encode = OneHotEncoder(handle_unknown="ignore", max_categories={CATEGORIES}, sparse_output=False)',
        ]
        parts.append(f'("texts", encode, slice({end}, {width}))')
    return "\n".join([*lines, f"parts = [{', '.join(parts)}]", "scaler = ColumnTransformer(parts)"])


def _source(text: str) -> str:
    """Text as Python source, in double quotes unless it holds some."""
    if '"' in text and "'" not in text:
        return repr(text)
    return json.dumps(text, ensure_ascii=False)


def _listed(name: str, items: Any, brackets: str = "[]") -> str:
    """A listing in one line, or an item a line."""
    words = [str(item) for item in items]
    line = f"{name} = {brackets[0]}{', '.join(words)}{brackets[1]}"
    if len(line) <= WIDEST:
        return line
    return f"{name} = {brackets[0]}\n" + "".join(f"    {word},\n" for word in words) + brackets[1]
