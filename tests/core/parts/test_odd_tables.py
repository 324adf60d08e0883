"""Tables that can be read in two ways, or hardly: which way is taken, what is said of it, and what is refused."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import core
from core.__main__ import main
from core.parts import csv_files, kept_tables, own_data, own_reading, own_script
from core.parts.own_leaks import gives, gives_where_present
from tests.core.parts.test_tables_read import COUNT, NUMBER, ROWS, WORD, X, Y, kind, note, read, swapped, table

RNG = np.random.default_rng(1)
MONTHS = [f"{1 + n % 12:02}" for n in range(ROWS)]
YEARS = [2010 + n // 12 for n in range(ROWS)]
COMMAS = [[f"{x:.2f}".replace(".", ",") for x in row] for row in np.column_stack([X, NUMBER, X * NUMBER])]
LOG_NORMAL = np.exp(RNG.normal(size=ROWS)).round(6)


def values(own, place=1):
    """A column of the inputs, numbers before text."""
    return own.inputs[:, place].astype(float)


def read_by_script(content, folder, monkeypatch):
    """What the printed script makes of the same table: its names by value."""
    monkeypatch.chdir(folder)
    Path("made.csv").write_text(content, encoding="utf-8")
    script = {}
    exec(own_script.reading_code("made.csv", "y"), script)
    return script


@pytest.mark.parametrize("separator", [";", "\t", "|", " "])
def test_numbers_with_commas_are_not_cut_where_another_sign_parts_all_rows(separator):
    own = read("\n".join(separator.join(row) for row in COMMAS), "column 3")
    np.testing.assert_array_equal(own.inputs[:, 0], X)
    np.testing.assert_allclose(own.labels, (X * NUMBER), atol=0.0051)
    assert (own.cells.delimiter, own.cells.headed) == (separator, False)


def test_a_comma_parts_rows_whose_cells_hold_other_signs_or_words_before_numbers():
    rows = "\n".join(f"item {count};{word},{y}" for count, word, y in zip(COUNT, WORD, Y, strict=True))
    assert csv_files.parsed("made.csv", f"a,y\n{rows}".encode()).header == ["a", "y"]
    assert csv_files.parsed("made.csv", re.sub(";.*,", ",", rows).encode()).delimiter == ","


@pytest.mark.parametrize(
    ("dates", "months", "sentence"),
    [
        ([f"01/{m}/{y}" for m, y in zip(MONTHS, YEARS, strict=True)], MONTHS, "01/02/2010 is read as 1 February 2010"),
        ([f"{m}/01/{y}" for m, y in zip(MONTHS, YEARS, strict=True)], MONTHS, "02/01/2010 is read as 1 February 2010"),
        ([f"{m}/03/{y}" for m, y in zip(MONTHS, YEARS, strict=True)], MONTHS, "01/03/2010 is read as 3 January 2010"),
        ([f"05-{m}-{y}" for m, y in zip(MONTHS, YEARS, strict=True)], MONTHS, "05-01-2010 is read as 5 January 2010"),
        ([f"{m}/{1 + n * 5 % 12}/2010" for n, m in enumerate(MONTHS)], MONTHS, "02/6/2010 is read as 6 February 2010"),
        ([f"{m}/{13 + n % 9}/2010" for n, m in enumerate(MONTHS)], MONTHS, ""),
    ],
)  # fmt: skip
def test_days_and_months_that_cannot_be_told_apart_are_read_in_the_likelier_order_which_is_said(
    dates, months, sentence
):
    own = read(table(a=dates))
    place = 1 + own.uses[1].parts.index("month")
    np.testing.assert_array_equal(values(own, place), np.array(months, float))
    assert sentence in note(own, "a")
    assert ("can't be told apart" in note(own, "a")) == bool(sentence)


def test_between_semicolons_a_day_stands_before_its_month():
    days = [f"{1 + n * 7 % 12:02}/{1 + n * 5 % 12:02}/2010" for n in range(ROWS)]
    for separator, order in ((",", "%m/%d/%Y"), (";", "%d/%m/%Y")):
        assert read(table(separator, a=days)).uses[1].date == order


def test_a_column_with_gaps_that_gives_the_target_elsewhere_is_named():
    answer = np.where(np.arange(ROWS) % 3 == 0, "", np.where(Y == "high", "p", "q"))
    own = read(table(a=answer, b=np.where(answer == "", "", WORD)))
    assert "where it has no gap it alone gives the target" in note(own, "a")
    assert "a" in own.leaks and "b" not in own.leaks
    twice = np.where(np.arange(ROWS) % 4 == 0, np.nan, 2 * NUMBER)
    assert read(table(target=NUMBER, a=twice)).leaks == ("a",)
    labels = np.arange(200) % 2
    assert gives_where_present(np.where(np.arange(200) < 60, labels * 2.0, np.nan), labels)
    assert not gives_where_present(np.where(np.arange(200) < 30, labels * 2.0, np.nan), labels)  # too few rows
    assert not gives_where_present(np.where(labels == 1, 3.0, np.nan), np.minimum(labels, 1))  # of one class alone


def test_per_cent_beside_shares_are_shares_and_beside_per_cent_are_not():
    shares = [f"{c + 1}%" if n % 2 else f"{(c + 1) / 100}" for n, c in enumerate(COUNT)]
    own = read(table(a=shares))
    np.testing.assert_array_equal(values(own), (COUNT + 1) / 100)
    assert note(own, "a") == "per cent and shares, 12% as 0.12"
    own = read(table(a=[f"{c + 1}%" if n % 2 else f"{c + 1}" for n, c in enumerate(COUNT)]))
    np.testing.assert_array_equal(values(own), COUNT + 1)


ROWS_OF_THREE = [f"{x},{c},{y}" for x, c, y in zip(X, COUNT, Y, strict=True)]


@pytest.mark.parametrize(
    ("header", "rows", "sentence"),
    [
        (
            "a,b,y",
            [f"{n % 9},{row}" for n, row in enumerate(ROWS_OF_THREE)],
            "line 2 has 4 cells, and the header has 3",
        ),
        ("id,b,y", [f"{n},{row}" for n, row in enumerate(ROWS_OF_THREE)], "line 2 has 4 cells, and the header has 3"),
        ("a,b,y", [*ROWS_OF_THREE[:7], f"{ROWS_OF_THREE[7]},5"], "line 9 has 4 cells, and the header has 3"),
        (
            "a,b,y",
            [*ROWS_OF_THREE[:4], '"1\n2",3'],
            "line 7 (with lines 6 to 6, since a quote opens there) has 2 cells",
        ),
    ],
)
def test_a_value_too_many_is_refused_with_its_line(header, rows, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)):
        read("\n".join([header, *rows]))


@pytest.mark.parametrize(
    ("header", "row"), [("a,b,y,", "{},"), ("a,b,y", "{},"), ("a,b,y", "{},,"), ("a,b,y,,", "{}"), ("a,b,y", "r{n},{}")]
)
def test_signs_behind_the_last_column_and_rows_names_shift_nothing(header, row):
    rows = [row.replace("{n}", str(n)).replace("{}", text) for n, text in enumerate(ROWS_OF_THREE)]
    own = read("\n".join([header, *rows]))
    np.testing.assert_array_equal(values(own, 0), X)
    np.testing.assert_array_equal(values(own), COUNT)
    assert any("the first column is taken for their names" in said for said in own.notes) == row.startswith("r")


def test_digits_that_begin_with_zeros_are_codes():
    codes = np.array(["00123", "02139", "98033", "10001"])[COUNT % 4]
    own = read(table(a=codes, b=[f"0.{c}" for c in COUNT], c=[f"{c:05}" for c in RNG.permutation(ROWS) * 77]))
    assert kind(own, "a") == "text" and "codes, since 00123 begins with a zero" in note(own, "a")
    assert kind(own, "b") == "number"
    assert kind(own, "c") == "left out" and "codes" in note(own, "c")
    assert read(table(target=codes)).classes == ("00123", "02139", "10001", "98033")
    assert read(table(target=codes, a=Y), kind="number").labels[0] == float(codes[0])
    assert kind(read(table(a=[f"{c}" if c != 7 else "07" for c in COUNT])), "a") == "number"


@pytest.mark.parametrize(
    "content", [table(target=np.where(WORD == "blue", "None", WORD)), table(target=swapped(WORD, *["none"] * 60))]
)
def test_none_that_is_as_frequent_as_other_words_is_a_class(content, tmp_path, monkeypatch):
    own = read(content)
    assert own.rows == ROWS and {"none"} & {word.lower() for word in own.classes}
    assert any(said.startswith("None is a class") for said in own.notes)
    script = read_by_script(content, tmp_path, monkeypatch)
    np.testing.assert_array_equal(script["labels"], own.labels)


@pytest.mark.parametrize(
    "cells",
    [swapped(WORD, "None", "None"), swapped(COUNT % 4, *["None"] * 50), np.where(WORD == "red", "None", Y == "high")],
)
def test_none_is_a_gap_where_it_is_rare_or_stands_among_numbers_or_truths(cells):
    cells = [str(cell) for cell in cells]
    own = read(table(target=cells), kind="classes")
    assert own.dropped_rows == cells.count("None") > 0


def test_a_header_that_is_missed_is_offered():
    rows = "\n".join(f"{'ab'[n % 2]},{n},{n * 2 % 7},{n % 2}" for n in range(40))
    with pytest.raises(ValueError, match="with header=yes its first row names 'label'"):
        read(f"label,3,9,14\n{rows}", "label")
    assert read(f"label,3,9,14\n{rows}", "label", "yes").classes == ("a", "b")
    with pytest.raises(ValueError, match="with header=no the columns are called column 1"):
        read(table(a=COUNT), "column 3")
    with pytest.raises(ValueError, match="unknown target 'column 9'") as caught:
        read(table(a=COUNT), "column 9")
    assert "header=" not in str(caught.value)


def test_a_unit_that_a_column_shares_is_taken_off():
    own = read(
        table(
            target=[f"{x} kg" for x in X],
            a=[f"{c} year{'s' if c != 1 else ''}" for c in COUNT],
            b=swapped(NUMBER, "12.5 km/h"),
        )
    )
    np.testing.assert_array_equal(own.labels, X)
    assert note(own, "y") == "a number; in kg"
    np.testing.assert_array_equal(values(own), COUNT)
    assert "1 odd cell taken for a gap" in note(own, "b")


@pytest.mark.parametrize("choice", ["auto", "number"])
@pytest.mark.parametrize(
    ("cells", "sentence"),
    [
        (
            [f"{x + n} {'kg' if n % 2 else 'lb'}" for n, x in enumerate(X)],
            "holds numbers with units (lb and kg) such as",
        ),
        (
            pd.date_range("2019-01-05", periods=ROWS).astype(str),
            "holds dates such as '2019-01-05', which can't be predicted: write",
        ),
    ],
)
def test_a_target_of_mixed_units_or_of_dates_is_refused_with_the_mend(cells, sentence, choice):
    with pytest.raises(ValueError, match=re.escape(sentence)):
        read(table(target=cells), kind=choice)


PLAIN = table(a=COUNT)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("# made by hand, in 2020\n\n#v2\n" + PLAIN, "2 lines above the table are skipped: '# made by hand, in 2020', '#v2'."),
        ("Sales, all regions\n\n" + PLAIN, "1 line above the table is skipped: 'Sales, all regions'."),
        ("Sales,,\n,,\n" + PLAIN, "1 line above the table is skipped: 'Sales'."),
        ("Sales of 2020\n" + PLAIN.replace(",", ";"), "1 line above the table is skipped: 'Sales of 2020'."),
        ("# x a y\n" + PLAIN.partition("\n")[2].replace(",", " "), ""),
        ("#x,a,y\n" + PLAIN.partition("\n")[2], ""),
    ],
)  # fmt: skip
def test_titles_and_comments_above_the_table_are_skipped_and_named(content, sentence, tmp_path, monkeypatch):
    own = read(content)
    np.testing.assert_array_equal(values(own, 0), X)
    np.testing.assert_array_equal(values(own), COUNT)
    assert ([said for said in own.notes if "skipped" in said] or [""]) == [sentence]
    script = read_by_script(content, tmp_path, monkeypatch)
    np.testing.assert_array_equal(script["inputs"], own.inputs)


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ('4,"5,6', "line 3, the quote that opens there is not closed"),
        ('"4\n4",5,6\n4,"5,6', "line 5, the quote that opens there is not closed"),
        ('4,"5,6\n1,"2",3', "line 4, ',' expected after '\"'; the quote opens in line 3"),
    ],
)
def test_an_open_quote_is_named_with_the_line_in_which_it_opens(row, sentence):
    for more in (3, 90_000):  # the second is longer than a cell may be
        with pytest.raises(ValueError, match=re.escape(sentence)):
            read("x,a,y\n1,2,3\n" + row + "\n1,2,3" * more)


def test_words_that_differ_in_capitals_or_blanks_alone_are_one_and_letters_are_named():
    own = read(
        table(
            a=np.array(["New York", "New  York", "new york", "Bergen"])[COUNT % 4],
            b=np.array(["A", "a", "b"])[COUNT % 3],
        )
    )
    assert "one feature for each of 2 values" in note(own, "a")
    assert "A and a are taken for different" in note(own, "b")
    own = read(table(target=np.array(["Y", "y", "n"])[COUNT % 3]))
    assert len(own.classes) == 2 and "spellings taken for one" in note(own, "y")


@pytest.mark.parametrize(
    ("word", "encoding"),
    [
        ("Müller", "cp1252"),
        ("Malmö Göteborg", "cp1252"),
        ("été", "cp1252"),
        ("10 °C", "cp1252"),
        ("Łódź", "cp1250"),
        ("Wrocław", "cp1250"),
        ("Москва", "cp1251"),
    ],
)
def test_few_letters_are_western_unless_no_western_language_has_such_words(word, encoding):
    own = read(table(a=np.where(COUNT % 2, word, "b")).encode(encoding))
    assert own.cells.encoding == encoding
    assert own.notes == (f"The file is read as {encoding}, since it is not in UTF-8; {own_data.SAVE_AS_UTF8}.",)


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        (NUMBER + 1000, ""),
        (RNG.uniform(1, 2, ROWS), ""),
        (LOG_NORMAL, "kind=log predicts its logarithm"),
        (-LOG_NORMAL, ""),
        (swapped(NUMBER, "9000000"), "the largest, 9e+06, is"),
        (swapped(-NUMBER, "-9000000"), "the smallest, -9e+06, is"),
    ],
)
def test_a_number_with_a_tail_is_named_and_its_logarithm_offered_where_there_is_one(target, sentence):
    said = note(read(table(target=target)), "y")
    assert (sentence or "a number") in said
    assert ("tail" in said) == bool(sentence)
    assert ("kind=log" in said) == (bool(sentence) and min(map(float, target)) > 0)


def test_columns_whose_names_hold_commas_are_kept_by_quotes_or_a_list(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GRADIENT_LAB_STORE", str(tmp_path / "store.sqlite"))
    frame = pd.DataFrame({"x": X, "row, id": RNG.permutation(ROWS), "id": RNG.permutation(ROWS), "y": Y})
    names = ["row, id", "id"]
    for keep in (names, '"row, id",id', '"row, id", id'):
        own = read(frame.to_csv(index=False), keep=keep if isinstance(keep, str) else own_data.keep_text(keep))
        assert [kind(own, name) for name in names] == ["number", "number"]
    assert core.csv(frame, "y", keep=names) == core.csv(frame, "y", keep='"row, id",id')
    assert core.Choices().keeping(names).keep == '"row, id",id'
    assert core.Choices().keeping(["row, id"]).keep == "row, id"
    assert core.Choices().keeping([]).keep is None


def test_readings_are_bounded_the_oldest_go_first_and_tables_stay(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GRADIENT_LAB_STORE", str(tmp_path / "store.sqlite"))
    kept_tables.keep("table.csv", PLAIN.encode())
    folder = kept_tables.folder()
    for age, key in enumerate(["read-new", "read-middle", "read-old"]):
        kept_tables.keep_arrays(key, {"a": np.zeros(1000)})
        kept_tables.os.utime(folder / f"{key}.npz", (1e9 - age, 1e9 - age))
    size = (folder / "read-new.npz").stat().st_size
    monkeypatch.setattr(kept_tables, "MOST_BYTES", 3 * size)
    kept_tables.keep_arrays("read-newest", {"a": np.zeros(1000)})
    assert sorted(path.stem for path in folder.glob("read-*")) == ["read-middle", "read-new", "read-newest"]
    assert len(list(folder.glob("table-*.csv"))) == 1
    Path("made.csv").write_text(PLAIN, encoding="utf-8")
    small = {"width": "8", "epochs": "1", "batch_size": "16", "dataset": "csv(path=made.csv, target=y)"}
    core.run("schedulers", executor="inline", **small)
    for path in folder.glob("read-*.npz"):
        path.unlink()
    own_reading._reading.cache_clear()
    core.run("schedulers", executor="inline", fresh=True, **small)
    assert len(list(folder.glob("read-*.npz"))) == 1  # kept again
    assert main(["store", "prune", "--all"]) == 0
    assert "of readings of tables deleted; the tables stay" in capsys.readouterr().out
    assert [path.suffix for path in folder.iterdir()] == [".csv"]


def test_a_number_of_two_values_gives_two_classes_only_where_it_does():
    labels = np.array(["p", "q"])[COUNT % 2]
    assert not read(table(target=labels, a=RNG.integers(0, 2, ROWS))).leaks
    assert read(table(target=labels, a=COUNT % 2 + 5)).leaks == ("a",)


def test_what_r_writes_between_blanks_is_read():
    rows = [f'"{n + 1}" {x} {c} "{y}"' for n, (x, c, y) in enumerate(zip(X, COUNT, Y, strict=True))]
    own = read("\n".join(['"x" "a" "y"', *rows]))
    np.testing.assert_array_equal(values(own, 0), X)
    assert (kind(own, "column 1"), own.cells.delimiter) == ("left out", " ")


def test_dates_of_several_formats_are_named_and_versions_are_no_dates():
    days = pd.date_range("2019-01-05", periods=ROWS)
    own = read(
        table(
            a=[day.strftime("%Y-%m-%d" if n % 3 else "%d/%m/%Y") for n, day in enumerate(days)],
            b=np.where(COUNT % 2, "1.2.3", "1.10.0"),
        )
    )
    assert note(own, "a") == "dates of several formats, which are not used: write them in one"
    assert kind(own, "b") == "text"


def test_copies_of_rows_are_counted():
    header, *rows = table(a=COUNT).splitlines()
    assert read("\n".join([header, *rows, *rows[:30]])).notes == (
        "30 rows of 150 are copies of others: some that validate are trained on too.",
    )
    assert not read("\n".join([header, *rows, *rows[:3]])).notes


def test_rows_that_are_alike_only_in_the_columns_used_are_no_copies():
    ages, notes = 20 + np.arange(80) % 5, [f"seen at home on day {n}" for n in range(80)]
    rows = pd.DataFrame({"age": ages, "note": notes, "y": np.where(ages % 2, "a", "b")})
    assert not [said for said in read(rows.to_csv(index=False)).notes if "copies" in said]
    doubled = pd.concat([rows, rows[:40]]).reset_index(drop=True)
    assert read(doubled.to_csv(index_label="row")).notes == (
        "40 rows of 120 are copies of others, apart from row: some that validate are trained on too.",
    )


@pytest.mark.parametrize(("rows", "rare"), [(60, 2), (60, 3), (60, 5), (147, 2), (1000, 3)])
def test_a_random_column_is_never_said_to_give_a_rare_class(rows, rare):
    draws, labels = np.random.default_rng(0), np.zeros(rows, np.int64)
    labels[:rare] = 1
    columns = [draw() for _ in range(1000) for draw in (
        lambda: draws.normal(size=rows).round(2), lambda: draws.poisson(3.0, rows) * 1.0, lambda: draws.integers(0, 12, rows).astype(str)
    )]  # fmt: skip
    assert sum(gives(column, labels) for column in columns) == 0
    three = np.concatenate([labels, 2 * np.ones(rows, np.int64)])
    assert rare == 5 or gives(np.where(three == 2, 1.0, 0.0), three)  # a rare class hides no other's answer


def test_a_class_without_validation_rows_is_said_and_not_counted_as_something_to_beat():
    def story(words):
        return "\n".join(map(str, own_reading.read("made.csv", read(table(target=words))).story))

    told = story(swapped(np.full(ROWS, "ok"), "fraud", "fraud"))
    assert "fraud has 2 rows, none of them in the validation part" in told
    assert "it alone gives" not in told
    assert "To beat: nothing: the validation rows are all of one class" in told
    told = story(swapped(np.where(COUNT % 8, "ok", "late"), "fraud", "fraud"))
    assert "where that is 50.0% over the 2 classes that are there" in told
    assert "validation part" not in story(WORD)


def script_alike(content, own):
    """Whether the lines of a plain script read the same inputs; it runs where the test is."""
    Path("made.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    script = {}
    exec(own_script.reading_code("made.csv", "y"), script)
    np.testing.assert_array_equal(script["inputs"], own.inputs)
    np.testing.assert_array_equal(script["labels"], own.labels)


SPREAD = RNG.choice(pd.date_range("2015-01-01", "2024-12-31"), ROWS)
EIGHT = pd.DatetimeIndex(SPREAD).strftime("%Y%m%d").to_numpy()


@pytest.mark.parametrize(
    ("cells", "name", "is_date"),
    [
        (EIGHT, "a", True),
        (np.where(COUNT % 9 == 0, "", EIGHT), "a", True),
        (np.where(COUNT % 2, "20200131", "20200229"), "day", True),
        (np.where(COUNT % 2, "20200131", "20200229"), "a", False),
        (swapped(EIGHT, "20200231"), "a", False),
        (swapped(EIGHT, "18991231"), "a", False),
        (swapped(EIGHT, "5"), "day", False),
        (RNG.integers(20_000_000, 21_000_000, ROWS), "day", False),
    ],
)
def test_eight_digits_are_dates_where_all_are_days_and_more_than_chance_says_so(
    cells, name, is_date, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    content = table(**{name: cells})
    own = read(content)
    assert kind(own, name) == ("date" if is_date else "number")
    if is_date:
        there = cells != ""
        months = values(own, 1 + own.uses[1].parts.index("month"))
        np.testing.assert_array_equal(months[there], [float(cell[4:6]) for cell in cells[there]])
        assert np.isnan(months[~there]).all()
    script_alike(content, own)


def test_a_target_of_eight_digit_dates_is_refused_unless_it_is_said_to_be_a_number():
    with pytest.raises(ValueError, match=r"holds dates such as '\d{8}'.*; kind=number takes them for numbers"):
        read(table(target=EIGHT))
    np.testing.assert_array_equal(read(table(target=EIGHT), kind="number").labels, EIGHT.astype(float))


def test_dates_that_are_not_read_are_named():
    days = pd.DatetimeIndex(SPREAD)
    french = np.array(
        ["janv.", "févr.", "mars", "avr.", "mai", "juin", "juil.", "août", "sept.", "oct.", "nov.", "déc."]
    )[days.month - 1]
    spanish = np.array(["enero", "marzo", "mayo"])[COUNT % 3]
    own = read(
        table(
            a=[f"{day} {month} {year}" for day, month, year in zip(days.day, french, days.year, strict=True)],
            b=[f"{1 + n % 3} de {month} de 2020" for n, month in enumerate(spanish)],
            c=[day.strftime(["%Y-%m-%d", "%d/%m/%Y", "%Y%m%d", "%b %d, %Y"][n % 4]) for n, day in enumerate(days)],
            d=[f"{n % 28 + 1}. März {2000 + n}" for n in range(ROWS)],
            e=[f"Marlene {n % 7}" for n in range(ROWS)],
        )
    )
    for name, expected in (("a", "left out"), ("b", "text"), ("d", "left out")):
        assert kind(own, name) == expected and "looks like dates of a format that is not read" in note(own, name)
    assert "dates of several formats" in note(own, "c")
    assert "dates" not in note(own, "e")


def test_thousands_millions_and_billions_are_multiplied_where_the_whole_column_writes_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    endings = np.array(["", "K", "M", "B"])[COUNT % 4]
    content = table(
        a=[f"{x}{ending}" for x, ending in zip(X, endings, strict=True)],
        b=[f"{c}{'GMR'[c % 3]}" for c in COUNT],
        c=[f"{c + 1}K" for c in COUNT],
        d=["2.5k" if c % 3 else "450" for c in COUNT],
    )
    own = read(content)
    np.testing.assert_allclose(values(own), X * 1000.0 ** (COUNT % 4))
    assert note(own, "a") == "K as thousands, M as millions, B as billions"
    assert kind(own, "b") == "text"
    assert note(own, "c") == "in K"
    np.testing.assert_array_equal(values(own, 3), np.where(COUNT % 3, 2500.0, 450.0))
    script_alike(content, own)


@pytest.mark.parametrize("sign", ["−", "–"])
def test_a_minus_sign_and_a_dash_before_a_number_make_it_negative(sign, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    content = table(a=[f"{sign}{c}" if c % 2 else str(c) for c in COUNT], b=[f"{sign}{c} °C" for c in COUNT])
    own = read(content)
    np.testing.assert_array_equal(values(own), np.where(COUNT % 2, -COUNT, COUNT))
    np.testing.assert_array_equal(values(own, 2), -COUNT)
    script_alike(content, own)


def test_what_is_said_of_text_and_of_money_is_true():
    phones = [f"+1 555 {n:03} 0000" for n in range(ROWS)]
    own = read(table(";", a=[f"{c} 651 €" for c in COUNT + 1], b=phones, c=[f"{c},5 €" for c in COUNT]))
    assert note(own, "a") == "written with €, thousands parted by blanks"
    assert note(own, "b") == "text that never repeats"
    assert "decimal commas" in note(own, "c")


def test_a_dash_in_a_column_of_text_is_a_gap_unless_plus_stands_beside_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    content = table(
        a=np.where(COUNT % 2, "-", "n/a"), b=np.where(COUNT % 2, "-", WORD), c=np.where(COUNT % 2, "-", "+")
    )
    own = read(content)
    odd = (COUNT % 2).sum()
    assert (kind(own, "a"), note(own, "a")) == ("left out", f"empty; {odd} odd cells taken for gaps: '-' {odd} ×")
    assert f"'-' {odd} ×" in note(own, "b") and "one feature for each of 4 values" in note(own, "b")
    assert note(own, "c") == "one feature for each of 2 values"
    script_alike(content, own)
    assert read(table(target=np.where(COUNT % 2, "ND", "SD"))).classes == ("ND", "SD")


@pytest.mark.parametrize(
    ("encoding", "words"),
    [
        ("gb18030", ["姓名", "北京", "上海", "等级"]),
        ("big5", ["姓名", "台北", "高雄", "等級"]),
        ("cp932", ["名前", "東京", "りんご", "等級"]),
        ("euc_jp", ["名前", "東京", "りんご", "等級"]),
        ("cp949", ["이름", "서울", "부산", "등급"]),
    ],
)
def test_chinese_japanese_and_korean_are_read_in_their_encodings(encoding, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    content = table(a=np.where(COUNT % 2, words[1], words[2]), **{words[0]: COUNT, words[3]: COUNT}).encode(encoding)
    own = read(content)
    assert [own.cells.header[place] for place in (2, 3)] == [words[0], words[3]]
    assert set(own.inputs[:, -1]) == set(words[1:3])
    script_alike(content, own)


@pytest.mark.parametrize(
    "words", [["да", "конь", "дорога", "Москва"], ["été", "Größe", "ÄÖ", "naïve"], ["Łódź", "źle"]]
)
def test_letters_of_one_byte_are_no_chinese(words):
    for encoding in ("cp1251", "cp1252", "cp1250"):
        try:
            content = table(a=np.array(words)[COUNT % len(words)]).encode(encoding)
        except UnicodeEncodeError:
            continue
        assert read(content).cells.encoding in ("cp1251", "cp1252", "cp1250", "cp1253")


def test_an_unknown_target_of_a_file_that_is_not_in_utf_8_names_its_encoding():
    with pytest.raises(ValueError, match="the file is read as cp1252: save it as CSV in UTF-8 if letters look wrong"):
        read(table(a=np.where(COUNT % 2, "café", "b")).encode("cp1252"), "prix")
    with pytest.raises(ValueError, match="unknown target 'prix'") as caught:
        read(table(a=COUNT), "prix")
    assert "UTF-8" not in str(caught.value)


@pytest.mark.slow
def test_a_cell_may_be_as_long_as_the_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    content = table(a=np.where(COUNT % 2, "hello, world\n" * 12_000, "short"))
    own = read(content)
    assert own.rows == ROWS and kind(own, "a") == "text"
    script_alike(content, own)


@pytest.mark.parametrize("separator", [",", " "])
def test_comments_below_the_table_are_skipped_and_named(separator, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    content = table(separator, a=COUNT) + f"\n# the end\n#{separator}1{separator}2\n\n"
    own = read(content)
    assert own.rows == ROWS
    assert [said.partition(":")[0] for said in own.notes] == ["2 lines below the table are skipped"]
    script_alike(content, own)
    ids = table(separator, a=COUNT).replace("x", "#x")  # here the header's first name is written so
    assert read(ids).rows == ROWS
    assert read("\n".join(f"#{row}" for row in table(a=COUNT).split())).rows == ROWS


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([*ROWS_OF_THREE, "Total rows: 120"], "line 122 has 1 cell, and the header has 3: delete what stands below"),
        (
            [*ROWS_OF_THREE, "1,2", "1,2,3,4", ROWS_OF_THREE[0]],
            "has 3; 2 of 123 rows do not fit: put cells that hold commas in double quotes, and end short rows with commas",
        ),
        (["1,2", *ROWS_OF_THREE], "line 2 has 2 cells, and the header has 3: end short rows with commas"),
        (["1,2,3,4", *ROWS_OF_THREE], "line 2 has 4 cells, and the header has 3: put cells that hold commas in double"),
    ],
)
def test_a_refusal_of_ragged_rows_says_how_many_there_are_and_what_to_do(rows, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)):
        read("\n".join(["a,b,y", *rows]))


def test_columns_of_one_name_and_too_many_classes_are_said_clearly():
    own = read(table(a=COUNT, b=COUNT).replace("x,a,b", "x,a,a"))
    assert own.notes == ("Columns of one name are numbered: the other 'a' is a.1.",)
    with pytest.raises(ValueError, match="the limit is 100; give the rarest one name, such as 'other'"):
        read("\n".join(["x,y", *(f"{n},word{n % 150}" for n in range(900))]))


def test_long_columns_of_dates_text_and_numbers_are_read_in_every_cell_though_samples_tell_their_form():
    rows = 3000
    days = pd.date_range("2011-01-01 00:30", periods=rows, freq="17h")
    dates = days.strftime("%d/%m/%Y %H:%M").to_numpy().astype(object)
    dates[::50] = [f"unknown {n}" for n in range(60)]
    amounts = np.array([f"1,{n:04} kg"[:-3] if n % 40 == 0 else f"{n / 8} kg" for n in range(rows)], dtype=object)
    labels = np.where(RNG.random(rows) < 0.5, "a", "b")
    frame = pd.DataFrame({"day": dates, "text": [f"P{n}q" for n in range(rows)], "amount": amounts, "y": labels})
    own = read(frame.to_csv(index=False))
    assert [kind(own, name) for name in ("day", "text", "amount")] == ["date", "left out", "number"]
    read_dates, odd = own.inputs[:, 1:], np.arange(rows) % 50 == 0
    assert own.uses[0].parts == ("year", "month", "weekday", "time of day")
    expected = np.array([days.year, days.month, days.day_of_week, days.hour + days.minute / 60]).T
    np.testing.assert_array_equal(read_dates[~odd].astype(float), expected[~odd])
    assert np.isnan(read_dates[odd].astype(float)).all() and "60 odd cells" in note(own, "day")
    plain = np.arange(rows) % 40 != 0
    np.testing.assert_array_equal(values(own, 0)[plain], np.arange(rows)[plain] / 8)


@pytest.mark.parametrize(
    ("header", "target"),
    [("{}", "{}"), ("{},b", "zz"), ("{},b", "{}"), ("{},b,y", "y"), ("{0},{0},y", "y"), ("a,b,{}", "{}")],
)
def test_names_of_any_length_are_not_repeated_at_length(header, target, tmp_path):
    long = "x" * 5_000
    header, target = header.format(long), target.format(long)
    rows = [",".join(str(n * (3 + place) % (7 + place)) for place in range(header.count(",") + 1)) for n in range(60)]
    (tmp_path / "made.csv").write_text("\n".join([header, *rows]))
    try:
        said = core.table(str(tmp_path / "made.csv"), target)
    except ValueError as error:
        said = str(error)
    assert "characters)" in said
    assert len(said) < 1_500
