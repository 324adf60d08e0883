"""The printed script of a range test against the engine, and a run alone against a stack."""

import io

import numpy as np
import pandas as pd
import pytest

from core.experiments import experiment
from tests.core.scripts.interpreter import printed_by

pytestmark = pytest.mark.slow  # scripts in interpreters of their own

KIND = experiment("range_test")
COLUMNS = ["step", "lr", "train_loss", "smoothed_loss", "diverged"]
SMALL = {"dataset": "wine", "width": 10, "batch_size": 20, "steps": 40, "dtype": "float64"}
CASES = {
    "adam": SMALL,
    "sgd with momentum": SMALL | {"optimizer": "sgd(momentum=0.9)"},
    "clipped by norm": SMALL | {"optimizer": "sgd", "clipper": "norm(max_norm=0.5)"},
    "clipped by percentile": SMALL | {"optimizer": "sgd", "clipper": "auto(percentile=50)"},
    "adaptive": SMALL | {"optimizer": "sgd", "clipper": "adaptive"},
    "no smoothing, an early stop": SMALL | {"smoothing": 0, "stop_factor": 1.05},
    "diverged": SMALL
    | {"optimizer": "sgd", "min_lr": 1e5, "max_lr": 1e6, "activation": "identity", "depth": 100, "init": "orthogonal"},
    "recurrent": {
        "model": "rnn",
        "dataset": "adding(length=12, samples=60)",
        "width": 10,
        "batch_size": 20,
        "steps": 30,
    }
    | {"dtype": "float64"},
    "transformer": {"model": "transformer", "dataset": "adding(length=6, samples=60)", "width": 8, "batch_size": 20}
    | {"steps": 30, "dtype": "float64"},
    "float32": SMALL | {"dtype": "float32"},
}


def run_of(name, seed=2):
    (run,) = KIND.sweep({**CASES[name], "seeds": f"{seed}:{seed + 1}"}).runs()
    return run


@pytest.fixture(scope="module")
def printed(tmp_path_factory):
    return printed_by({name: KIND.code(run_of(name)) for name in CASES}, tmp_path_factory.mktemp("scripts"))


@pytest.mark.parametrize("name", CASES)
def test_a_script_prints_what_the_engine_measures(printed, name):
    ours = pd.DataFrame(KIND.compute([run_of(name)], "cpu")[0])[COLUMNS]
    plain = pd.read_csv(io.StringIO(printed[name]))
    assert list(plain.columns) == COLUMNS
    assert len(plain) == len(ours)
    np.testing.assert_array_equal(plain["diverged"], ours["diverged"])
    np.testing.assert_allclose(plain["lr"], ours["lr"], rtol=1e-12)
    tight = 1e-4 if name == "float32" else 1e-9
    for column in ("train_loss", "smoothed_loss"):
        np.testing.assert_allclose(plain[column], ours[column], rtol=tight, err_msg=column)


def test_the_cases_end_in_every_way():
    ends = {name: KIND.compute([run_of(name)], "cpu")[0] for name in ("no smoothing, an early stop", "diverged")}
    early, lost = ends["no smoothing, an early stop"], ends["diverged"]
    assert len(early["step"]) < 40
    assert not early["diverged"].any()
    assert lost["diverged"].tolist()[-1:] == [True]
    assert np.isnan(lost["train_loss"][-1])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_run_is_the_same_alone_and_in_a_stack(dtype):
    given = SMALL | {"dtype": dtype, "seeds": 3, "optimizer": "adam,sgd,sgd(momentum=0.9)", "clipper": "none,norm"}
    runs = list(KIND.sweep(given | {"stop_factor": "1.5,4"}).runs())
    (together,) = (KIND.compute(task, "cpu") for task in KIND.tasks(runs))
    (order,) = KIND.tasks(runs)
    for run, found in zip(order, together, strict=True):
        (alone,) = KIND.compute([run], "cpu")
        for name, values in alone.items():
            np.testing.assert_array_equal(found[name], values, err_msg=name)


def test_rates_and_smoothing_are_what_the_story_says():
    (found,) = KIND.compute([run_of("adam")], "cpu")
    i = np.arange(len(found["lr"]))
    np.testing.assert_allclose(found["lr"], 1e-6 * (10.0 / 1e-6) ** (i / 39), rtol=1e-12)
    beta, average, least = 0.9, 0.0, np.inf
    for step, loss in enumerate(found["train_loss"]):
        average = beta * average + (1 - beta) * loss
        smoothed = average / (1 - beta ** (step + 1))
        np.testing.assert_allclose(found["smoothed_loss"][step], smoothed, rtol=1e-12)
        least = min(least, smoothed)
        assert smoothed <= 4.0 * least or step == len(i) - 1


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"min_lr": 1, "max_lr": 0.1}, "max_lr: must be above min_lr, 1, but got 0.1"),
        ({"min_lr": 0}, "min_lr: must be above 0"),
        ({"steps": 5}, "steps: must be a whole number, 20 to"),
        ({"smoothing": 1}, "smoothing: must be 0 to 0.999, but got 1"),
        ({"stop_factor": 1}, "stop_factor: must be above 1"),
        ({"base_lr": 0.1}, "unknown setting 'base_lr'"),
        ({"model": "rnn"}, "dataset: rnn reads sequences"),
    ],
)
def test_bad_input_gets_a_sentence(given, told):
    with pytest.raises(ValueError, match="^" + told.replace("(", r"\(")):
        list(KIND.sweep(given).points)


def test_charts_survive_odd_frames():
    frame = pd.concat(
        [
            pd.DataFrame(found).assign(run=run.id, seed=run.seed, **run.settings.values())
            for run in KIND.sweep(SMALL | {"seeds": 3, "optimizer": "adam,sgd"}).runs()
            for found in KIND.compute([run], "cpu")
        ]
    ).reindex(columns=list(KIND.columns))
    empty = frame.assign(smoothed_loss=np.nan, train_loss=np.nan)
    for odd in (
        frame,
        frame[frame["seed"] == 0],
        frame.iloc[:1],
        frame.iloc[:0],
        empty,
        frame.assign(smoothed_loss=0.0),
    ):
        before = odd.copy()
        for chart in KIND.figures(KIND.analysis(odd)).values():
            chart.titled().to_dict()
        KIND.headline(KIND.analysis(odd))
        assert KIND.analysis(odd).summary is not None
        pd.testing.assert_frame_equal(odd, before)
