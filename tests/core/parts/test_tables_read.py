"""Tables as people really have them: forty made for the purpose, each read as an expert would read it."""

import io
import random
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.parts import csv_files, own_data, own_script

RNG = np.random.default_rng(0)
ROWS = 120
X = RNG.normal(50, 10, ROWS).round(2)
WORD = RNG.choice(["red", "green", "blue"], ROWS)
COUNT = RNG.integers(0, 40, ROWS)
Y = np.where(X + RNG.normal(0, 5, ROWS) > 50, "high", "low")
NUMBER = (X * 3 + RNG.normal(0, 5, ROWS)).round(1)


def read(content, target="y", header="auto", **choices):
    content = content.encode() if isinstance(content, str) else content
    return own_data.sheet_of("made.csv", csv_files.parsed("made.csv", content, header), target, **choices)


def table(separator=",", target=Y, **columns):
    frame = pd.DataFrame({"x": X, **columns, "y": target})
    return frame.to_csv(index=False, sep=separator)


def swapped(values, *odd):
    """The values as text, the first ones replaced."""
    cells = [str(value) for value in values]
    cells[: len(odd)] = odd
    return cells


def note(own, name):
    return next(column.note for column in own.columns if column.name == name)


def kind(own, name):
    return next(column.kind for column in own.columns if column.name == name)


DAYS = pd.date_range("2019-01-05", periods=ROWS, freq="9D")
SENTENCES = [f"the {n} th message says {'buy' if n % 2 else 'come'} now" for n in range(ROWS)]

# name -> (content, target and choices, column, its kind, words of its note or of the notes on the file)
TABLES = {
    "an odd cell": (table(a=swapped(COUNT, "2100 - 2850", "3+")), {}, "a", "number", "2 odd cells taken for gaps"),
    "spreadsheet errors": (table(a=swapped(COUNT, "#N/A", "#DIV/0!", "<NA>")), {}, "a", "number", "3 gaps filled"),
    "dashes": (table(a=swapped(NUMBER, *["-"] * 9)), {}, "a", "number", "9 odd cells taken for gaps: '-' 9 ×"),
    "points and missing": (table(a=swapped(NUMBER, *[".", "missing"] * 20)), {}, "a", "number", "40 gaps"),
    "too many odd cells": (table(a=swapped(COUNT, *["unlimited"] * 20)), {}, "a", "text", "in 20 features"),
    "dollars": (table(a=[f"$1,{c:03}" for c in COUNT]), {}, "a", "number", "written with $"),
    "euros": (table(a=[f"{n:.2f} €".replace(".", ",") for n in NUMBER]), {}, "a", "number", "decimal commas"),
    "per cent": (table(a=[f"{c}%" for c in COUNT]), {}, "a", "number", "written with %"),
    "thousands": (table(a=[f"{1000 + 977 * c:,}" for c in COUNT]), {}, "a", "number", "thousands parted by commas"),
    "thousands beside smaller numbers": (
        table(";", a=[f"{600 + 97 * c:,}".replace(",", ".") for c in COUNT]), {}, "a", "number", "the sign parts thousands"
    ),
    "blank thousands": (table(";", a=[f"{9000 + 977 * c:,}".replace(",", " ") for c in COUNT]), {}, "a", "number", "blanks"),
    "codes": (table(a=[f"PID{c % 9:03}" for c in COUNT]), {}, "a", "text", "one feature for each of"),
    "cp1252": (table(a=np.where(WORD == "red", "café", "naïve – yes")).encode("cp1252"), {}, "a", "text", "read as cp1252"),
    "latin-1": (table(a=np.where(WORD == "red", "Ås", "Bø")).encode("latin-1"), {}, "a", "text", "one feature for each of 2"),
    "utf-16": (table(a=np.where(WORD == "red", "Ås", "Bø")).encode("utf-16"), {}, "a", "text", "read as utf-16"),
    "utf-16 without a mark": (table(a=WORD).encode("utf-16-le"), {}, "a", "text", "read as utf-16-le"),
    "semicolons": (table(";", a=COUNT), {}, "a", "number", ""),
    "tabs": (table("\t", a=COUNT), {}, "a", "number", ""),
    "pipes": (table("|", a=COUNT), {}, "a", "number", ""),
    "blanks": (re.sub(",", "   ", table(a=COUNT)), {}, "a", "number", ""),
    "doubled names": (table(a=COUNT, b=WORD).replace("x,a,b", "x,a,a"), {}, "a.1", "text", "one feature for each of 3"),
    "no header, numbers": (
        "\n".join(f"{x},{c},{c % 2}" for x, c in zip(X, COUNT, strict=True)),
        {"target": "column 3"},
        "column 2",
        "number",
        "The file has no header",
    ),
    "no header, words": (
        "\n".join(f"{w},{x},{y}" for w, x, y in zip(WORD, X, Y, strict=True)),
        {"target": "column 3"},
        "column 1",
        "text",
        "The file has no header",
    ),
    "no header, as said": (table(a=COUNT).partition("\n")[2], {"target": "column 3", "header": "no"}, "column 2", "number", "header=no"),
    "years as names": (
        table(a=COUNT, b=COUNT).replace("x,a,b,y", "place,1990,1995,2000").replace("high", "1.5").replace("low", "2.5"),
        {"target": "2000", "kind": "classes"},
        "1990",
        "number",
        "",
    ),
    "dates": (table(a=DAYS.astype(str)), {}, "a", "date", "dates as year, month and weekday"),
    "dates of two parts": (table(a=DAYS.strftime("%d.%m.%Y")), {}, "a", "date", "dates as year, month and weekday"),
    "times": (table(a=[f"{c % 24}:{c:02}" for c in COUNT]), {}, "a", "date", "dates as time of day"),
    "a mark for gaps": (table(a=swapped(NUMBER, *["-200"] * 15)), {}, "a", "number", "-200 stands apart, 15 times: a gap, likely"),
    "nines": (table(a=swapped(COUNT, *["9999"] * 5)), {}, "a", "number", "9999 stands apart, 5 times"),
    "shuffled rows": (table(a=RNG.permutation(ROWS)), {}, "a", "left out", "row numbers, shuffled"),
    "an id": (table(customerId=RNG.permutation(9 * ROWS)[:ROWS]), {}, "customerId", "left out", "an id"),
    "an id that is kept": (table(id=RNG.permutation(ROWS)), {"keep": "id"}, "id", "number", ""),
    "a population": (table(a=RNG.permutation(90 * ROWS)[:ROWS]), {}, "a", "number", "whole numbers that never repeat"),
    "fractions": (table(a=RNG.permutation(ROWS) + 0.5), {}, "a", "number", ""),
    "names": (table(a=[f"name {n // 1.05:.0f}" for n in range(ROWS)]), {}, "a", "left out", "text that hardly repeats"),
    "sentences": (table(a=SENTENCES), {}, "a", "left out", "free text, which is not used"),
    "a leak": (table(a=np.where(Y == "high", "yes", "no")), {}, "a", "text", "it alone gives the target"),
    "a leak in numbers": (table(target=NUMBER, a=NUMBER * 2.2), {}, "a", "number", "it alone gives the target"),
    "two spellings": (table(a=np.where(WORD == "red", "Yes", np.where(COUNT % 2, "yes", "no"))), {}, "a", "text", "spellings taken for one"),
    "a class of one row": (table(target=swapped(Y, "odd")), {}, "y", "target", "a class of one row left out: odd"),
    "a long tail": (table(target=swapped(COUNT * 997 + 5, "500000000")), {}, "y", "target", "kind=log predicts its logarithm"),
    "a class called None": (table(target=WORD, a=COUNT).replace("blue", "None"), {}, "y", "target", "3 classes; None is a class of the target"),
    "None beside numbers": (table(a=swapped(COUNT, *["None"] * 60)), {}, "a", "number", "60 gaps filled with the median"),
}  # fmt: skip


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_read_as_its_owner_means_it(name):
    content, choices, column, expected, words = TABLES[name]
    own = read(content, **choices)
    assert kind(own, column) == expected
    assert words in "; ".join([note(own, column), *own.notes])
    assert own.inputs.shape[0] == own.rows > 70


def test_odd_cells_are_gaps_and_the_others_their_numbers():
    own = read(table(a=swapped(COUNT, "2100 - 2850", "3+")))
    np.testing.assert_array_equal(own.inputs[:, 1], [np.nan, np.nan, *COUNT[2:]])
    own = read(table(a=[f"$1,{c:03}.50" for c in COUNT]))
    np.testing.assert_array_equal(own.inputs[:, 1], 1000.5 + COUNT)


def test_dates_are_their_parts():
    own = read(table(a=DAYS.strftime("%Y-%m-%d %H:%M").where(DAYS.month != 3, DAYS.strftime("%Y-%m-%d 06:30"))))
    parts = np.array([DAYS.year, DAYS.month, DAYS.day_of_week, np.where(DAYS.month == 3, 6.5, 0.0)]).T
    np.testing.assert_array_equal(own.inputs[:, 1:], parts)


@pytest.mark.parametrize(
    ("content", "labels"),
    [
        ("sqft,price\n" + "1000,2000\n1037,2074\n1111,2222\n" * 11 + "2100 - 2850,4950\n", [2000, 2074, 2222] * 11 + [4950]),
        ("6,148,72,33.6,1\n1,85,66,26.6,0\n8,183,64,23.3,1\n" * 8, [1, 0, 1] * 8),
    ],
)  # fmt: skip
def test_the_reviews_small_tables_keep_every_row(content, labels):
    own = read(content, "price", kind="number") if "price" in content else read(content, "column 5")
    np.testing.assert_array_equal(own.labels, labels)


def test_what_the_target_is_can_be_chosen():
    grades = swapped(5 + np.arange(60) % 8, "4")
    content = pd.DataFrame({"studytime": np.arange(60) * 7 % 13, "grade": grades}).to_csv(index=False)
    as_classes, as_number, log = (read(content, "grade", kind=kind) for kind in ("auto", "number", "log"))
    assert as_classes.classes == tuple(map(str, range(5, 13)))
    assert as_classes.rows == 59
    assert "kind=number" in note(as_classes, "grade")
    np.testing.assert_array_equal(as_number.labels, np.array(grades, float))
    np.testing.assert_allclose(log.labels, np.log(np.array(grades, float)))
    many = pd.DataFrame({"x": np.arange(600) * 7 % 31, "y": np.arange(600) % 100}).to_csv(index=False)
    assert len(read(many, kind="classes").classes) == 100
    assert not read(many).classes


@pytest.mark.parametrize(
    ("choices", "sentence"),
    [
        ({"kind": "number"}, "kind=number needs numbers, and the target 'y' of made.csv holds text such as"),
        ({"keep": "nobody"}, "unknown column to keep 'nobody'"),
        ({"keep": "void"}, "keep: 'void' of made.csv can't be kept: it tells nothing"),
    ],
)
def test_a_choice_that_does_not_fit_gets_one_sentence(choices, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)):
        read(table(void=""), **choices)


def test_large_tables_are_bound_by_cells_not_columns():
    wide = np.random.default_rng(0).normal(size=(40, 3000)).round(3)
    frame = pd.DataFrame(wide, columns=[f"x{place}" for place in range(3000)]).assign(y=Y[:40])
    assert read(frame.to_csv(index=False)).inputs.shape == (40, 3000)


def mutated(content, chance):
    """The bytes, damaged in up to four places as files are: cut, doubled, swapped, other separators, strange bytes."""
    content = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(content) or 1)
        match chance.randrange(7):
            case 0:
                content[place : place + chance.randint(1, 40)] = b""
            case 1:
                content[place:place] = bytes(chance.randrange(256) for _ in range(chance.randint(1, 4)))
            case 2:
                content[place:place] = chance.choice(CELLS).encode()
            case 3:
                content = content.replace(b",", chance.choice([b";", b"\t", b"|", b" ", b",,"]), chance.randint(1, 900))
            case 4:
                content[place:place] = content[place : place + chance.randint(1, 200)]
            case 5:
                content = content.replace(b"\n", chance.choice([b"\r\n", b"\r", b"\n\n"]), chance.randint(1, 90))
            case 6:
                content = bytearray(
                    bytes(content).decode("latin-1").encode(chance.choice(["utf-8", "utf-16", "utf-16-be"]))
                )
    return bytes(content)


CELLS = (
    '"',
    '""',
    "#N/A",
    "-",
    "1e999",
    "inf",
    "$1,000",
    "2020-01-01",
    "\x00",
    "−5",
    "٣",
    "²",
    "1_000",
    "\u2028",
    "(5)",
    "%",
    "'",
)
SEEDS = [content.encode() if isinstance(content, str) else content for content, *_ in (TABLES[name] for name in TABLES)]


def read_mutated(count, seed):
    """How many damaged tables were read, the others refused in one sentence each."""
    chance, done = random.Random(seed), 0
    for _ in range(count):
        content = mutated(chance.choice(SEEDS)[: chance.randint(200, 4000)], chance)
        try:
            cells = csv_files.parsed("made.csv", content, chance.choice(["auto", "auto", "yes", "no"]))
            own = own_data.sheet_of(
                "made.csv", cells, chance.choice(cells.header), chance.choice(["auto", "classes", "number", "log"])
            )
            assert len(own.inputs) == own.rows == len(own.labels)
            done += 1
        except ValueError as error:
            assert str(error).startswith("csv: ") and "\n" not in str(error), error
    return done


def test_damaged_tables_are_read_or_refused_in_a_sentence():
    assert read_mutated(300, seed=0) > 30


@pytest.mark.long
def test_very_many_damaged_tables_are_read_or_refused_in_a_sentence(capsys):
    done = read_mutated(20_000, seed=1)
    with capsys.disabled():
        print(f"\n{done:,} of 20,000 damaged tables were read, the others refused in a sentence")
    assert done > 2000


def test_pandas_agrees_on_what_is_a_number():
    frame = pd.read_csv(io.StringIO(table(a=swapped(COUNT, "#N/A", "<NA>"), b=NUMBER)))
    own = read(table(a=swapped(COUNT, "#N/A", "<NA>"), b=NUMBER))
    np.testing.assert_array_equal(own.inputs.astype(float), frame[["x", "a", "b"]].to_numpy(float))


@pytest.mark.parametrize("name", TABLES)
def test_the_lines_of_a_plain_script_read_it_alike(name, tmp_path, monkeypatch):
    content, choices, *_ = TABLES[name]
    monkeypatch.chdir(tmp_path)
    Path("made.csv").write_bytes(content.encode() if isinstance(content, str) else content)
    given = {"target": "y", **choices}
    own, read_by_script = own_data.read_sheet("made.csv", **given), {}
    exec(own_script.reading_code("made.csv", **given), read_by_script)
    np.testing.assert_array_equal(read_by_script["labels"], own.labels)
    width = own.inputs.shape[1] - len(own.texts)
    np.testing.assert_array_equal(
        read_by_script["inputs"][:, :width].astype(float), own.inputs[:, :width].astype(float)
    )
    np.testing.assert_array_equal(read_by_script["inputs"][:, width:], own.inputs[:, width:])
