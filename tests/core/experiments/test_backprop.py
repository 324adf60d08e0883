"""The experiment as a whole: its frame, its summary, its findings, its charts."""

import contextlib
import io
import math
import urllib.parse

import numpy as np
import pandas as pd
import pytest

import core
from core.analysis import statistics
from core.experiments import experiment_of
from core.experiments.backprop import charts as backprop_charts

KIND = core.experiment("backprop")
PREDICTIONS = [f"prediction_{bits}" for bits in ("00", "01", "10", "11")]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    path = str(tmp_path_factory.mktemp("store") / "results.sqlite")

    def frame(**settings: object) -> pd.DataFrame:
        return core.run("backprop", executor="inline", store=path, **settings)

    return frame


def test_the_frame_has_a_row_per_epoch_and_the_columns_of_the_contract(run):
    frame = run()
    assert list(frame.columns) == [
        "run", "dataset", "hidden", "init", "activation", "base_lr", "epochs", "seed", "epoch",
        "train_loss", "accuracy", "grad_norm_w1", "grad_norm_b1", "grad_norm_w2", "grad_norm_b2", *PREDICTIONS,
    ]  # fmt: skip
    assert frame["epoch"].tolist() == list(range(1001))
    assert experiment_of(frame) == "backprop"


def test_the_lessons_defaults_solve_xor(run):
    last = run().iloc[-1]
    assert [round(last[name]) for name in PREDICTIONS] == [0, 1, 1, 0]
    assert last["train_loss"] < 0.05


def test_the_loss_of_a_row_is_that_of_its_predictions(run):
    frame = run(seeds=2, epochs=50)
    a, y = frame[PREDICTIONS].to_numpy(), np.array([0, 1, 1, 0])
    np.testing.assert_allclose(frame["train_loss"], -np.log(np.where(y == 1, a, 1 - a)).mean(axis=1), rtol=1e-12)
    np.testing.assert_array_equal(frame["accuracy"], ((a > 0.5) == (y == 1)).mean(axis=1))


def test_predictions_are_missing_where_there_is_no_truth_table(run):
    frame = run(dataset="xor,and,or,moons(samples=50)", epochs=3)
    there = frame.groupby("dataset")[PREDICTIONS[0]].count()
    assert there.to_dict() == {"xor": 4, "and": 4, "or": 4, "moons(samples=50)": 0}


def test_a_table_of_ones_own_is_learned_and_its_script_agrees(run, tmp_path):
    rows = [f"{a},{'red' if a > 4 else 'blue'},{'yes' if a > 5 else 'no'}" for a in range(10)] * 3
    file = tmp_path / "own.csv"
    file.write_text("\n".join(["number,colour,answer", *rows]))
    dataset = f'csv(path="{file}", target=answer)'
    frame = run(dataset=dataset, epochs=40)
    assert frame["train_loss"].iloc[-1] < 0.5 * frame["train_loss"].iloc[0]
    script = core.code("backprop", dataset=dataset, epochs=40)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(script, "script", "exec"), {"__name__": "__main__"})
    plain = pd.read_csv(io.StringIO(printed.getvalue()))
    np.testing.assert_allclose(plain["train_loss"], frame["train_loss"], rtol=1e-9)


def test_two_hidden_units_often_fail_and_eight_do_not(run):
    table = core.summary(run(hidden="2,3,4,8", seeds=100)).query("measure == 'solved'").set_index("hidden")
    assert 0.4 < table.loc[2, "mean"] < 0.85
    assert table["mean"].is_monotonic_increasing
    assert table.loc[8, "mean"] == 1.0
    assert table.loc[2, "ci_low"] < table.loc[2, "mean"] < table.loc[2, "ci_high"]
    assert (table["n"] == 100).all()


def test_zeros_never_move_on_xor_and_solve_and(run):
    frame = run(init="zeros", dataset="xor,and", epochs=1000)
    xor = frame[frame["dataset"] == "xor"]
    assert (xor["train_loss"] == math.log(2)).all()
    assert (xor[["grad_norm_w1", "grad_norm_b1", "grad_norm_w2", "grad_norm_b2"]] == 0).all(axis=None)
    solved = core.summary(frame).query("measure == 'solved'").set_index("dataset")["mean"]
    assert solved.to_dict() == {"xor": 0.0, "and": 1.0}


def test_epochs_to_solve_count_from_where_all_rows_stay_right():
    accuracy = [0.5, 1.0, 0.75, 1.0, 1.0]
    frame = pd.DataFrame({"run": "a", "dataset": "xor", "hidden": 2, "init": "lesson", "activation": "tanh", "base_lr": 1.0,
        "epochs": 4, "seed": 0, "epoch": range(5), "train_loss": 0.1, "accuracy": accuracy})  # fmt: skip
    assert KIND.analysis(frame).runs["epochs_to_solve"].tolist() == [3.0]
    assert KIND.analysis(frame.assign(accuracy=1.0)).runs["epochs_to_solve"].tolist() == [0.0]
    never = KIND.analysis(frame.assign(accuracy=0.75)).runs
    assert never["solved"].tolist() == [0.0] and never["epochs_to_solve"].isna().all()


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"dataset": "digits"}, "tells two classes apart, and digits has no two"),
        ({"dataset": "adding"}, "adding has no two"),
        ({"dataset": "gaussian"}, "gaussian has no two"),
        ({"hidden": "0"}, "hidden: must be a whole number, 1 to 4096, but got 0"),
        ({"epochs": "0"}, "epochs: must be a whole number, 1 to 100000, but got 0"),
        ({"base_lr": "nan"}, "base_lr: must be above 0"),
        ({"dataset": "xro"}, "did you mean 'xor'"),
    ],
)
def test_a_wrong_setting_is_one_sentence(given, sentence):
    with pytest.raises(ValueError, match=r".") as error:
        KIND.sweep(given).points  # noqa: B018
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


SOUND = {
    "the lesson's": {"seeds": 20},
    "eight units of tanh": {"hidden": 8, "activation": "tanh", "seeds": 20},
    "or": {"dataset": "or", "seeds": 5},
    "moons": {"dataset": "moons", "epochs": 300},
}
ILL = [
    ("zeros", {"init": "zeros", "seeds": 3}, "symmetric_units", "error"),
    ("two units", {"hidden": 2, "seeds": 20}, "stuck_on_a_plateau", "warning"),
    ("one unit", {"hidden": 1, "seeds": 5, "epochs": 5000}, "stuck_on_a_plateau", "warning"),
    ("too slow", {"base_lr": 0.01, "init": "normal(std=1)", "dataset": "and", "epochs": 300, "seeds": 5}, "learning_rate_too_low", "warning"),
    ("far too fast", {"base_lr": 1e6, "activation": "identity", "dataset": "moons", "epochs": 500}, "diverged", "error"),
]  # fmt: skip


@pytest.mark.parametrize("settings", SOUND.values(), ids=SOUND.keys())
def test_a_sound_run_gets_no_error_and_no_warning(run, settings):
    assert [found for found in core.findings(run(**settings)) if found.severity != "info"] == []


@pytest.mark.parametrize(("name", "settings", "code", "severity"), ILL, ids=[case[0] for case in ILL])
def test_a_sick_run_is_named_with_a_remedy_whose_link_can_be_read(run, name, settings, code, severity):
    found = core.findings(run(**settings))
    assert [(one.code, one.severity) for one in found] == [(code, severity)]
    link = found[0].link.removeprefix("/Backprop_by_hand?")
    assert KIND.sweep(dict(urllib.parse.parse_qsl(link, strict_parsing=True))).points


FRAMES = {
    "one run": lambda run: run(epochs=30),
    "one epoch": lambda run: run(epochs=1),
    "one setting": lambda run: run(epochs=30, seeds=3),
    "units": lambda run: run(epochs=30, hidden="2,3,8", seeds=3),
    "units and rates": lambda run: run(epochs=30, hidden="2,8", base_lr="0.1,1", seeds=2),
    "activations": lambda run: run(epochs=30, activation="sigmoid,relu", seeds=2),
    "zeros": lambda run: run(init="zeros", epochs=30, seeds=2),
    "moons beside xor": lambda run: run(dataset="xor,moons(samples=40)", epochs=10),
    "moons": lambda run: run(dataset="moons(samples=40)", epochs=10, seeds=2),
    "far too many settings": lambda run: run(hidden="1:30", epochs=2),
    "nothing is a number": lambda run: run(epochs=5, seeds=2).assign(**dict.fromkeys(KIND.measures, math.nan)),
    "everything infinite": lambda run: run(epochs=5, seeds=2).assign(**dict.fromkeys(KIND.measures, math.inf)),
    "everything zero": lambda run: run(epochs=5, seeds=2).assign(**dict.fromkeys(KIND.measures, 0.0)),
    "empty": lambda run: run(epochs=5).iloc[:0],
    "empty, every column an object": lambda run: pd.DataFrame(columns=list(KIND.columns)),
}


@pytest.mark.slow
@pytest.mark.parametrize("make", FRAMES.values(), ids=FRAMES.keys())
def test_every_chart_draws_every_frame_and_leaves_it_as_it_is(make, run):
    frame = make(run)
    before = frame.copy(deep=True)
    drawn = {name: chart.titled().to_dict() for name, chart in KIND.figures(KIND.analysis(frame)).items()}
    pd.testing.assert_frame_equal(frame, before)
    assert "loss" in drawn
    for name, chart in drawn.items():
        reasons = [row["reason"] for rows in chart.get("datasets", {}).values() for row in rows if "reason" in row]
        said = " ".join([*chart["title"]["text"], *reasons]).strip()
        assert said, name
        assert not {"nan", "inf", "None", "nan%"} & set(said.replace(",", " ").split()), (name, said)
    assert all(value for _, value, _ in KIND.headline(KIND.analysis(frame)))


def test_the_share_of_runs_and_its_interval_are_those_of_the_runs(run):
    frame = run(hidden="2,8", seeds=20)
    table = backprop_charts.shares(KIND.analysis(frame).runs).set_index("hidden")
    assert table.loc[8, ["solved", "n", "share", "high"]].tolist() == [20, 20, 1.0, 1.0]
    z, n, p = 1.959964, 20, table.loc[2, "share"]
    middle, half = (
        (p + z * z / 2 / n) / (1 + z * z / n),
        z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + (z / 2 / n) ** 2),
    )
    assert table.loc[2, ["low", "high"]].tolist() == pytest.approx([middle - half, middle + half], rel=1e-6)
    assert statistics.share_interval(0, 0) == pytest.approx((math.nan, math.nan), nan_ok=True)
