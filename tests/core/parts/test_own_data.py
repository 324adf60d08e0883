"""A user's own table: how it is read, what is said about it, what is refused, and that its content names the run."""

import hashlib
import html
import io
import math
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import train_test_split

import core
from core.__main__ import main
from core.experiments import experiment
from core.parts import own_data, own_reading
from core.parts.datasets import DATASETS, table
from tests.core.scripts.interpreter import printed_by
from tests.core.scripts.style import check_format

SCHEDULERS, VANISHING = experiment("schedulers"), experiment("vanishing")
SMALL = {"width": "8", "epochs": "2", "batch_size": "16"}


TRAINED = {
    "vanishing": {"batch_size": "8", "loss": "cross_entropy", "steps": "2"},
    "remedies": {"remedy": "plain,relu", "depth": "4", "width": "8", "epochs": "2"},
    "clipping": {"model": "mlp", "width": "8", "epochs": "2"},
    "range_test": {"width": "8", "steps": "20"},
    "schedulers": {"width": "8", "epochs": "2"},
}


def houses(rows=120, seed=0):
    """What a person might have: text, gaps, a row number, an id, an empty and a constant column, rows without target."""
    rng = np.random.default_rng(seed)
    area, rooms = rng.normal(100, 30, rows).round(1), rng.integers(1, 7, rows)
    town = rng.choice(["Ås", "Bø", "Mo, Nord", 'the "old" town'], rows)
    score = area / 30 + rooms + 2 * (town == "Bø") + rng.normal(0, 0.5, rows)
    frame = pd.DataFrame(
        {
            "id": np.arange(1, rows + 1),
            "name": [f"house {number}" for number in range(rows)],
            "area": area,
            "town": town,
            "rooms": rooms,
            "country": "NO",
            "void": "",
            "price": (50 * score).round(1),
            "condition class": np.where(score < 5.5, "poor", np.where(score < 8, "fair", "good")),
        }
    )
    frame.loc[::10, "area"] = np.nan
    frame["town"] = frame["town"].mask(rng.random(rows) < 0.1, "NA")
    frame.loc[[3, 50], "condition class"] = np.nan
    return frame


@pytest.fixture(autouse=True)
def _own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GRADIENT_LAB_STORE", str(tmp_path / "store.sqlite"))
    houses().to_csv("houses.csv", index=False)


def written(target, path="houses.csv"):
    return f'csv(path={path}, target="{target}")'


def the_run(kind, **given):
    (run,) = kind.sweep(given).runs()
    return run


def test_every_column_is_used_encoded_or_left_out_with_a_reason():
    found = {
        column.name: (column.kind, column.note)
        for column in own_data.read_sheet("houses.csv", "condition class").columns
    }
    assert found["id"] == ("left out", "row numbers")
    assert found["name"] == ("left out", "text that never repeats")
    assert found["area"] == ("number", "11 gaps filled with the median")
    assert found["town"][0] == "text" and found["town"][1].startswith("one feature for each of 5 values, ")
    assert found["rooms"] == ("number", "")
    assert found["country"] == ("left out", "always NO")
    assert found["void"] == ("left out", "empty")
    assert found["condition class"] == ("target", "3 classes")


def test_decimal_commas_are_read_between_semicolons_and_tabs_and_only_there():
    frame = houses()
    for separator, decimal in ((";", ","), ("\t", ","), (";", ".")):
        frame.to_csv("other.csv", index=False, sep=separator, decimal=decimal)
        for target in ("price", "condition class"):
            own, usual = own_data.read_sheet("other.csv", target), own_data.read_sheet("houses.csv", target)
            assert [column[:2] for column in own.columns] == [column[:2] for column in usual.columns]
            notes = {column.name: column.note for column in own.columns}
            assert (
                any(use.form and use.form.decimal == "," for use in own.uses.values())
                == (decimal == ",")
                == notes["area"].endswith("; decimal commas")
            )
            np.testing.assert_array_equal(own.labels, usual.labels)
            np.testing.assert_array_equal(own.inputs[:, 0].astype(float), usual.inputs[:, 0].astype(float))
    frame["price"] = [f"{1 + n % 2}.{n:03},50" if n % 3 else f"{n},5" for n in range(len(frame))]
    frame.to_csv("thousands.csv", index=False, sep=";", decimal=",")
    assert own_data.read_sheet("thousands.csv", "price").labels[:3].tolist() == [0.5, 2001.5, 1002.5]
    frame["price"] = [f"{cell} kr" if n % 3 else cell for n, cell in enumerate(frame["price"])]
    frame.to_csv("crowns.csv", index=False, sep=";", decimal=",")
    crowns = own_data.read_sheet("crowns.csv", "price")
    assert crowns.labels[:3].tolist() == [0.5, 2001.5, 1002.5]
    assert crowns.uses[2].form.decimal == ","


def test_a_sign_that_may_part_thousands_is_doubted():
    frame = houses()
    frame["price"] = [f"{100 + number}.{number:03}" for number in range(len(frame))]
    frame["area"] = [f"{1 + number % 9},{number:03}" for number in range(len(frame))]
    frame.to_csv("thousands.csv", index=False, sep=";")
    notes = {column.name: column.note for column in own_data.read_sheet("thousands.csv", "price").columns}
    assert notes["price"] == "a number; 100.000 read as 100: if the sign parts thousands, leave it out"
    assert notes["area"] == "1,000 read as 1: if the sign parts thousands, leave it out"
    frame.drop(columns="area").to_csv("points.csv", index=False)  # between commas three decimals are usual
    assert {column.name: column.note for column in own_data.read_sheet("points.csv", "price").columns}[
        "price"
    ] == "a number"


@pytest.mark.parametrize(
    ("separator", "names"),
    [
        (";", ["town, first", "area", "n"]),
        ("\t", ["town, a;b", "area"]),
        (";", ['"last, first"', '"x,y"', "z"]),
        (",", ["a;b", "c", "d"]),
    ],
)
def test_the_separator_is_told_by_rows_not_by_the_header_alone(separator, names):
    rows = [separator.join(f"{number * place}" for place in range(1, len(names) + 1)) for number in range(30)]
    Path("odd.csv").write_text("\n".join([separator.join(names), *rows]), encoding="utf-8")
    assert own_data.names("odd.csv") == [name.strip('"') for name in names]


def test_classes_are_sorted_rows_without_a_target_left_out_and_the_baseline_is_the_largest_class():
    own, frame = own_data.read_sheet("houses.csv", "condition class"), houses().dropna(subset="condition class")
    assert own.classes == ("fair", "good", "poor")
    assert own.dropped_rows == 2
    assert [own.classes[label] for label in own.labels] == frame["condition class"].tolist()
    assert own.majority == frame["condition class"].value_counts(normalize=True).max()


def test_a_table_is_what_pandas_makes_of_it_on_the_training_part():
    data, frame = table(DATASETS.parse(written("price"))), houses()
    train, validation = train_test_split(frame, test_size=0.2, random_state=0)

    def features(part):
        area = part["area"].fillna(train["area"].median())
        centre = train["area"].fillna(train["area"].median())
        towns = [part["town"] == name for name in sorted(set(train["town"]) - {"NA"})]
        numbers = [
            (area - centre.mean()) / centre.std(ddof=0),
            (part["rooms"] - train["rooms"].mean()) / train["rooms"].std(ddof=0),
        ]
        return numbers, towns, part["town"] == "NA"

    numbers, towns, gap = features(train)
    classes = [train["condition class"].isna()] + [
        train["condition class"] == name for name in ("fair", "good", "poor")
    ]
    expected = np.array([*numbers, gap, *towns, *classes], float).T
    np.testing.assert_allclose(data.train_inputs, expected, rtol=1e-5, atol=1e-6)
    numbers, towns, gap = features(validation)
    np.testing.assert_allclose(
        data.validation_inputs[:, :7], np.array([*numbers, gap, *towns], float).T, rtol=1e-5, atol=1e-6
    )
    mean, spread = train["price"].mean(), train["price"].std(ddof=0)
    np.testing.assert_allclose(data.validation_labels, (validation["price"] - mean) / spread, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("values", "classes"),
    [
        (["yes", "no"] * 20, ("no", "yes")),
        (["TRUE", "FALSE"] * 20, ("FALSE", "TRUE")),
        (["0", "1"] * 20, ("0", "1")),
        (["10", "9.0", "-1"] * 20, ("-1", "9", "10")),
        ([str(number % 20) for number in range(100)], tuple(map(str, range(20)))),
        ([str(number % 20) for number in range(99)], ()),  # below 5 rows each, whole numbers are numbers
        ([str(number % 21) for number in range(200)], ()),
        (["0", "0.5"] * 20, ()),
    ],
)
def test_what_a_target_is_follows_the_written_rule(values, classes):
    rng = np.random.default_rng(0)
    pd.DataFrame({"x": rng.normal(size=len(values)), "y": values}).to_csv("t.csv", index=False)
    own = own_data.read_sheet("t.csv", "y")
    assert own.classes == classes
    assert own.labels.dtype == (np.int64 if classes else np.float64)
    if not classes:
        assert math.isnan(own.majority)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_separators_a_byte_order_mark_quotes_and_blank_lines_change_nothing(separator):
    lines = houses().to_csv(index=False, sep=separator).splitlines()
    Path("other.csv").write_text("\ufeff" + "\r\n\r\n".join(lines) + "\r\n\r\n", encoding="utf-8", newline="")
    ours, same = (table(DATASETS.parse(written("price", path))) for path in ("other.csv", "houses.csv"))
    np.testing.assert_array_equal(ours.train_inputs, same.train_inputs)
    np.testing.assert_array_equal(ours.train_labels, same.train_labels)


def test_categories_that_training_has_not_seen_and_many_rare_ones_are_no_trouble():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"word": rng.zipf(1.3, 400).astype(str), "gap": "", "y": rng.normal(size=400)})
    frame["word"] = "w" + frame["word"]
    frame.loc[0, "gap"] = "5"
    frame.loc[1, "gap"] = "6"
    frame.to_csv("rare.csv", index=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        data = table(DATASETS.parse("csv(path=rare.csv, target=y)"))
    assert data.train_inputs.shape[1] == 1 + own_data.CATEGORIES
    assert np.isfinite(data.validation_inputs).all()


def csv_of(**columns):
    return pd.DataFrame(columns).to_csv(index=False).encode()


NUMBERS = np.arange(40) ** 2 % 23
BROKEN = {
    "empty": (b"", "is empty"),
    "blank": (b" \n\n", "is empty"),
    "header alone": (b"x,y\n", "has a header and no rows"),
    "ragged": (b"x,y\n1,2\n3\n", "is ragged: line 3 has 1 cell, and the header has 2"),
    "binary": (b"x,y\n1,\0\n", "it holds binary data; save the table as CSV in UTF-8"),
    "half of UTF-16": ("x,y\n1,2\n".encode("utf-16")[:-1], "is no text in UTF-8 or UTF-16"),
    "one column": (b"x/y\n1/2\n", "has one column, 'x/y', and it takes two at least: separate cells by commas, "),
    "a picture": (b"\x89PNG\r\n\x1a\n\xff\xfe", "is no text file: it holds binary data"),
    "open quote": (b'x,y\n"1,2\n', "can't be read as CSV: line 2"),
    "one class": (csv_of(x=NUMBERS, y="a"), "is a in every row: there is nothing to learn"),
    "one number": (csv_of(x=NUMBERS, y=3), "is 3 in every row"),
    "no target": (csv_of(x=NUMBERS, y=""), "the target 'y' of broken.csv is missing in every row"),
    "infinite": (
        csv_of(x=[*NUMBERS[1:], np.inf], y=NUMBERS + 0.5),
        "has inf in column 'x', line 41; numbers must be finite",
    ),
    "infinite target": (csv_of(x=NUMBERS, y=[1e999, *NUMBERS[1:]]), "has inf in column 'y', line 2"),
    "too large a number": (csv_of(x=["1e300", *NUMBERS[1:]], y=NUMBERS), "at most 1e100"),
    "another column": (csv_of(x=NUMBERS, z=NUMBERS), "unknown target 'y'"),
    "few rows": (
        csv_of(x=NUMBERS[:19], y=NUMBERS[:19]),
        "has 19 rows with a target, too few to train on; it takes at least 20",
    ),
    "a rare class": (csv_of(x=NUMBERS, y=["a"] * 39 + ["b"]), "has 2 classes, but only 1 of 2 rows or more"),
    "few rows a class": (csv_of(x=NUMBERS, y=list("abcdefghij") * 4), "has 40 rows for 10 classes, too few"),
    "many classes": (
        csv_of(x=np.arange(202) % 7, y=[f"c{number % 101}" for number in range(202)]),
        "has 101 classes, and the limit is 100",
    ),
    "no feature": (csv_of(x="a", y=NUMBERS), "has no column that could tell anything about 'y'"),
    "too many bytes": (b"x,y\n" + b"1,2\n" * 13_200_000, "is too large: 50.4 MB, and the limit is 50 MB"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_gets_one_sentence_and_nothing_is_written(name, capsys):
    content, sentence = BROKEN[name]
    Path("broken.csv").write_bytes(content)
    assert main(["run", "schedulers", "dataset=csv(path=broken.csv, target=y)", "--out", "out.csv"]) == 2
    told = capsys.readouterr()
    assert not told.out
    assert sentence in told.err
    assert "broken.csv" in told.err
    assert told.err.startswith("dataset: csv: ") and told.err.count("\n") == 1
    assert sorted(path.name for path in Path().iterdir()) == ["broken.csv", "houses.csv"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("csv", "csv: name a file and the column to predict, as in csv(path=houses.csv, target=price)"),
        ("csv(path=nowhere.csv, target=price)", "csv: there is no file nowhere.csv"),
        ("csv(path=., target=price)", "csv: . is a folder; name a file in it"),
        (
            "csv(path=houses.csv)",
            "name the column of houses.csv to predict, as in target=price; it has id, name, area,",
        ),
        (
            "csv(path=houses.csv, target=prize)",
            "csv: unknown target 'prize'; did you mean 'price'? The columns of houses.csv",
        ),
        ("csv(path=houses.csv, target=price, sha256=0123456789abcdef)", "csv: houses.csv does not hold what it did"),
        ("csv(path=my houses.csv, target=price)", "csv: path must be text, in quotes where it holds spaces"),
    ],
)
def test_a_file_that_is_not_there_or_wrongly_named_gets_one_sentence(text, sentence):
    with pytest.raises(ValueError) as caught:
        SCHEDULERS.sweep({"dataset": text})
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_canonical_text_carries_the_hash_and_reads_back_through_a_link():
    digest = hashlib.sha256(Path("houses.csv").read_bytes()).hexdigest()
    sweep = SCHEDULERS.sweep({"dataset": written("condition class"), **SMALL})
    text = f'csv(path="houses.csv", target="condition class", sha256="{digest[:16]}")'
    assert sweep.link()["dataset"] == text
    assert list(SCHEDULERS.sweep(sweep.link()).run_ids()) == list(sweep.run_ids())
    full = written("condition class").replace(")", f", sha256={digest.upper()})")
    assert SCHEDULERS.sweep({"dataset": full}).axes["dataset"] == (text,)


def test_the_run_id_follows_the_content_and_the_target_and_not_the_path():
    def run_id(target, path="houses.csv"):
        return the_run(SCHEDULERS, dataset=written(target, path)).id

    first = run_id("price")
    Path("folder").mkdir()
    Path("folder/moved.csv").write_bytes(Path("houses.csv").read_bytes())
    assert run_id("price", "folder/moved.csv") == first
    assert run_id("area") != first
    with pytest.raises(ValueError, match="is given twice"):
        SCHEDULERS.sweep({"dataset": f"{written('price')},{written('price', 'folder/moved.csv')}"})
    old = SCHEDULERS.sweep({"dataset": written("price")}).link()
    houses(seed=1).to_csv("houses.csv", index=False)
    assert run_id("price") != first
    with pytest.raises(ValueError, match="does not hold what it did"):
        SCHEDULERS.sweep(old)


def test_a_file_that_changes_after_it_was_asked_for_is_not_computed():
    run = the_run(SCHEDULERS, dataset=written("price"), **SMALL)
    houses(seed=1).to_csv("houses.csv", index=False)
    with pytest.raises(ValueError, match="does not hold what it did"):
        SCHEDULERS.compute([run], "cpu")


@pytest.mark.parametrize("name", TRAINED)
def test_a_frame_is_summed_up_drawn_and_judged_without_its_file(name):
    frame = core.run(name, dataset=written("condition class"), executor="inline", **TRAINED[name])
    Path("houses.csv").unlink()
    assert len(core.summary(frame))
    assert core.charts(name, frame)
    core.findings(frame)


def test_stored_runs_of_a_file_that_is_gone_are_still_exported():
    frame = core.run("schedulers", dataset=written("price"), executor="inline", **SMALL)
    Path("houses.csv").unlink()
    assert main(["store", "list"]) == 0
    assert main(["store", "export", "schedulers", "--out", "out.csv"]) == 0
    exported = pd.read_csv("out.csv")
    assert exported["run"].tolist() == frame["run"].tolist()
    assert exported["dataset"].tolist() == frame["dataset"].tolist()


def strange_files():
    """strange.csv, in cp1252 with all that people write, and bare.csv, rows of words and numbers alone."""
    frame = houses()[["area", "rooms", "town", "price"]]
    frame["paid"] = [f"£ 1,{number % 60:03}.50" for number in range(len(frame))]
    frame["sold"] = pd.date_range("2020-01-01 06:30", periods=len(frame), freq="61h").strftime("%d.%m.%Y %H:%M")
    frame["new"] = np.where(frame["rooms"] > 3, "Yes", np.where(frame["area"] > 90, "yes", "no"))
    frame["rooms"] = frame["rooms"].astype(object)
    frame.loc[[1, 5], "rooms"] = ["3+", "-"]
    frame["price"] = [f"{price:,.1f} €" for price in frame["price"] + 900]
    frame.loc[7, "price"] = "on demand"
    Path("strange.csv").write_bytes(frame.to_csv(index=False).encode("cp1252"))
    bare = houses()[["price", "rooms", "condition class"]].dropna()
    bare.loc[9, "condition class"] = "odd"
    Path("bare.csv").write_text(bare.to_csv(index=False, header=False).replace(",", "  "), encoding="utf-8")


CASES = {
    "classes": (SCHEDULERS, {**SMALL, "dataset": written("condition class"), "dtype": "float64"}),
    "a number": (SCHEDULERS, {**SMALL, "dataset": written("price"), "norm": "batch", "dtype": "float64"}),
    "numbers alone": (SCHEDULERS, {**SMALL, "dataset": "csv(path=numbers.csv, target=rooms)", "dtype": "float64"}),
    "a line that names the separator": (
        SCHEDULERS,
        {**SMALL, "dataset": "csv(path=spreadsheet.csv, target=price)", "dtype": "float64"},
    ),
    "decimal commas": (SCHEDULERS, {**SMALL, "dataset": "csv(path=commas.csv, target=price)", "dtype": "float64"}),
    "text alone": (
        experiment("clipping"),
        {**SMALL, "model": "mlp", "dataset": "csv(path='the \"text\".csv', target=price)", "dtype": "float64"},
    ),
    "signs, dates, odd cells and a logarithm": (
        SCHEDULERS,
        {**SMALL, "dataset": "csv(path=strange.csv, target=price, kind=log)", "norm": "batch", "dtype": "float64"},
    ),
    "no header, blanks, a class of one row": (
        SCHEDULERS,
        {**SMALL, "dataset": "csv(path=bare.csv, target='column 3')", "dtype": "float64"},
    ),
    "vanishing": (
        VANISHING,
        {"dataset": written("price"), "loss": "mse", "steps": "3", "batch_size": "8", "dtype": "float64"},
    ),
    "backprop": (experiment("backprop"), {"dataset": "csv(path=binary.csv, target=dear)", "epochs": "20"}),
    "unlabelled": (VANISHING, {"dataset": written("condition class"), "batch_size": "8", "dtype": "float64"}),
}


@pytest.mark.slow
def test_printed_scripts_read_the_same_files_and_agree(tmp_path):
    houses()[["area", "rooms", "price"]].to_csv("numbers.csv", index=False, sep=";")
    dear = houses()[["area", "town", "price"]].assign(rent=[f"{1 + n % 9}.{n:03},5" for n in range(len(houses()))])
    dear.assign(points=[f"{n / 8}" for n in range(len(dear))]).to_csv("commas.csv", index=False, sep=";", decimal=",")
    houses()[["town", "condition class", "price"]].to_csv('the "text".csv', index=False)
    spreadsheet = houses()[["rooms", "town", "price"]].to_csv(index=False, sep=";")
    Path("spreadsheet.csv").write_text(f"sep=;\n{spreadsheet}", encoding="utf-8")
    dear = np.where(houses()["price"] > 350, "yes", "no")
    houses().drop(columns="price").assign(dear=dear).to_csv("binary.csv", index=False)
    strange_files()
    runs = {name: (kind, the_run(kind, **given)) for name, (kind, given) in CASES.items()}
    scripts = {name: kind.code(run) for name, (kind, run) in runs.items()}
    printed = printed_by(scripts, tmp_path)
    for name, (kind, run) in runs.items():
        plain = pd.read_csv(io.StringIO(printed[name]))
        (measured,) = kind.compute([run], "cpu")
        for column in plain.columns:
            exact = measured[column].dtype.kind != "f"
            np.testing.assert_allclose(
                plain[column].astype(float),
                measured[column].astype(float),
                rtol=0 if exact else 1e-9,
                err_msg=f"{column} of {name}",
            )
    check_format(scripts.values(), tmp_path)


def test_a_users_words_can_not_leave_the_scripts_docstring():
    frame = houses()[["area", "price"]].rename(columns={"price": '"""\nimport os\n\\N'})
    frame.to_csv("odd.csv", index=False)
    (name,) = (name for name in own_data.names("odd.csv") if name != "area")
    run = the_run(SCHEDULERS, dataset='csv(path=odd.csv, target="{}")'.format(name.replace('"', '""')), **SMALL)
    assert "import os" not in compile(SCHEDULERS.code(run), "run.py", "exec").co_names
    assert "os" not in compile(SCHEDULERS.code(run), "run.py", "exec").co_names


def test_a_run_on_own_data_is_the_same_alone_and_in_a_stack():
    runs = list(
        SCHEDULERS.sweep(
            {**SMALL, "dataset": written("condition class"), "seeds": "5", "scheduler": "one_cycle"}
        ).runs()
    )
    together = SCHEDULERS.compute(runs, "cpu")
    (alone_,) = SCHEDULERS.compute([runs[3]], "cpu")
    for column, values in alone_.items():
        np.testing.assert_array_equal(values, together[3][column])


def test_what_became_of_a_table_is_said_in_the_same_words_everywhere(capsys):
    assert main(["run", "schedulers", f"dataset={written('price')}", "--dry-run"]) == 0
    told = capsys.readouterr()
    lines = core.table("houses.csv", "price").splitlines()
    assert told.err.splitlines() == lines == core.table(core.csv("houses.csv", "price")).splitlines()
    assert lines[0] == "houses.csv: 120 rows; 4 of 8 columns used."
    assert any(line.startswith("Left out: id (row numbers), name (text that never repeats)") for line in lines)
    assert lines[-1].startswith("To beat: a loss of 0.883 on the validation rows")
    assert not Path("data").exists()
    sweep = SCHEDULERS.sweep({"dataset": written("price"), **SMALL})
    analysis = SCHEDULERS.analysis(core.run("schedulers", dataset=written("price"), executor="inline", **SMALL))
    report = core.report(SCHEDULERS, sweep, analysis, pd.DataFrame(), "script")
    assert all(line.partition(": ")[2] in html.unescape(report) for line in lines)


def test_a_data_frame_is_a_dataset_by_its_hash(tmp_path):
    frame = houses().rename(columns={"condition class": "class (of 3)"})
    text = core.csv(frame, "class (of 3) ", keep=["id"])
    assert text.startswith('csv(target="class (of 3)", keep="id", sha256="')
    assert len(list((tmp_path / "data").glob("frame-*.csv"))) == 1
    trained = core.run("schedulers", dataset=text, executor="inline", **SMALL)
    assert trained["dataset"].unique().tolist() == [text]
    assert (
        the_run(SCHEDULERS, dataset=text).id
        == the_run(SCHEDULERS, dataset=core.csv(frame, "class (of 3)", keep="id")).id
    )
    numbered = pd.DataFrame(np.random.default_rng(0).normal(size=(40, 3)).round(2), columns=[5, 6, 3])
    assert 'header="yes"' in core.csv(numbered, 3)
    with pytest.raises(ValueError, match=r"core\.csv\(frame, target\)"):
        SCHEDULERS.sweep({"dataset": frame})
    with pytest.raises(ValueError, match=r"a file is written csv\(path=houses\.csv, target=…\)"):
        SCHEDULERS.sweep({"dataset": "houses.csv"})
    with pytest.raises(ValueError, match="no table with the hash 0123456789abcdef is kept"):
        SCHEDULERS.sweep({"dataset": "csv(target=price, sha256=0123456789abcdef)"})


def test_a_table_is_read_once_for_all_processes(monkeypatch):
    def text_of(path, *more, **choices):
        raise AssertionError(f"{path} was read again")

    given = {"dataset": written("price"), **SMALL}
    first = core.run("schedulers", executor="inline", **given)
    own_reading._reading.cache_clear()  # as another process
    monkeypatch.setattr(own_data, "read_sheet", text_of)
    again = core.run("schedulers", executor="inline", fresh=True, **given)
    pd.testing.assert_frame_equal(first, again)
    for kept in Path("data").glob("read-*.npz"):
        kept.write_bytes(b"PK damaged")
    own_reading._reading.cache_clear()
    with pytest.raises(AssertionError, match="was read again"):
        the_run(SCHEDULERS, **given)


def test_baselines_are_those_of_scikit_learn_on_the_same_rows_and_stand_in_the_summary():
    from sklearn.linear_model import LogisticRegression, Ridge

    for target, model in (("condition class", LogisticRegression(max_iter=1000)), ("price", Ridge())):
        data = table(DATASETS.parse(written(target)))
        model.fit(data.train_inputs, data.train_labels)
        frame = core.run("schedulers", dataset=written(target), executor="inline", seeds="2", **SMALL)
        summary = core.summary(frame).set_index("measure")["mean"]
        if target == "price":
            expected = float(((model.predict(data.validation_inputs) - data.validation_labels) ** 2).mean())
            assert summary["linear_val_loss"] == pytest.approx(expected)
            assert summary["guess_val_loss"] == pytest.approx(float((data.validation_labels**2).mean()))
        else:
            expected = float(model.score(data.validation_inputs, data.validation_labels))
            assert summary["linear_val_accuracy"] == pytest.approx(expected)
            share = np.bincount(data.validation_labels)[np.bincount(data.train_labels).argmax()]
            assert summary["guess_val_accuracy"] == pytest.approx(share / len(data.validation_labels))
        analysis = SCHEDULERS.analysis(frame)
        assert "boosting" in {label: value for label, value, _ in SCHEDULERS.headline(analysis)}["Beside baselines"]
        assert "Dashed: what guessing, a linear model and boosting get" in SCHEDULERS.figures(analysis)["loss"].note


def test_guessing_and_leaks_are_found_and_a_sound_table_is_not_blamed():
    frame = houses().assign(answer=lambda own: own["condition class"].map({"poor": "x", "fair": "y", "good": "z"}))
    frame.to_csv("leak.csv", index=False)
    noise = pd.DataFrame(np.random.default_rng(0).normal(size=(200, 3)).round(3), columns=list("abc"))
    noise.assign(y=np.where(np.arange(200) % 10, "ham", "spam")).to_csv("noise.csv", index=False)

    def codes(text, **given):
        return {
            finding.code for finding in core.findings(core.run("schedulers", dataset=text, executor="inline", **given))
        }

    assert "leaking_column" in codes("csv(path=leak.csv, target='condition class')", **SMALL)
    assert "stuck_at_chance" in codes("csv(path=noise.csv, target=y)", base_lr="0.01")
    sound = codes(written("price").replace(")", ", keep=id)"), width="16", base_lr="0.01", epochs="60", batch_size="16")
    assert not sound & {"leaking_column", "stuck_at_chance"}
