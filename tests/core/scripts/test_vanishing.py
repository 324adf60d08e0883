"""The printed scripts against the engine, each read by an interpreter that knows nothing of the lab."""

import ast
import functools
import io
import itertools
import re
import sys

import numpy as np
import pandas as pd
import pytest

import core
from core.parts import REGISTRIES
from core.registry import Registry
from tests.core.comparison import CONTINUOUS, VANISHING, runs_of
from tests.core.scripts.interpreter import alone, printed_by
from tests.core.scripts.style import check_format, unused

pytestmark = pytest.mark.slow  # scripts in interpreters of their own

RTOL = {"float32": 1e-4, "float64": 1e-9}
COLUMNS = [*VANISHING.index, *(name for name in VANISHING.measures if name != "theory_grad_rms")]
SHAPE = {"depth": 4, "width": 10, "activation": "tanh", "batch_size": 7, "loss": "projection", "dtype": "float64"}
TRAINED = {"loss": "cross_entropy", "steps": 3, "base_lr": 0.01}
ARGUMENTS = {  # by argument, a value that is not the default
    "negative_slope": 0.3,
    "alpha": 0.5,
    "beta": 3.0,
    "gain": 1.4,
    "std": 0.2,
    "sigma_w": 1.5,
    "sigma_b": 0.3,
    "scale": 0.5,
    "features": 13,
    "samples": 40,
    "noise": 0.05,
    "turns": 0.7,
    "length": 9,
    "beta1": 0.5,
    "beta2": 0.9,
    "momentum": 0.9,
    "nesterov": True,
    "weight_decay": 0.1,
    "path": "houses.csv",
    "target": "price",
    "sha256": "0",
}


def spellings(registry: Registry) -> list[str]:
    """Every entry by its bare name, and with all its arguments."""
    found = []
    for entry in registry:
        found.append(entry.name)
        if entry.arguments:
            inner = ", ".join(f"{argument.name}={ARGUMENTS[argument.name]}" for argument in entry.arguments)
            found.append(f"{entry.name}({inner})")
    return found


def cases() -> dict[str, dict[str, object]]:
    """Settings by a name: what differs from SHAPE."""
    found: dict[str, dict[str, object]] = {"defaults": VANISHING.settings.point().values()}
    losses, dtypes = itertools.cycle(VANISHING.settings.limits["loss"].choices), itertools.cycle(RTOL)
    registries = {"activation": "activations", "init": "inits"}
    for setting, kind in registries.items():
        for text in spellings(REGISTRIES[kind]):
            found[text] = {setting: text, "loss": next(losses), "dtype": next(dtypes)}
            found[f"{text} trained"] = {setting: text, **TRAINED}
    for norm, residual in itertools.product(REGISTRIES["norms"], spellings(REGISTRIES["residuals"])):
        own = REGISTRIES["residuals"].parse(residual).entry.own_norm
        if own is None or norm.name == "none":
            form = {"norm": norm.name, "residual": residual}
            found[f"{norm.name} {residual}"] = {**form, "dtype": next(dtypes)}
            found[f"{norm.name} {residual} trained"] = {**form, **TRAINED, "loss": "mse"}
    made = [entry for entry in REGISTRIES["datasets"] if entry.name not in ("adding", "csv")]
    tables = spellings(made)
    for text, steps in itertools.product(tables, (0, 3)):
        loss = "mse" if text == "diabetes" else "cross_entropy"
        how = {**TRAINED, "loss": loss} if steps else {"loss": loss}
        found[f"{text} steps={steps}"] = {"dataset": text, "batch_size": 3, **how, "dtype": next(dtypes)}
    for text, dtype in itertools.product(spellings(REGISTRIES["optimizers"]), RTOL):
        found[f"{text} {dtype}"] = {**TRAINED, "optimizer": text, "dtype": dtype}
    for loss, dtype in itertools.product(VANISHING.settings.limits["loss"].choices, RTOL):
        found[f"{loss} {dtype}"] = {"loss": loss, "dtype": dtype}
        found[f"{loss} {dtype} of wine"] = {"loss": loss, "dtype": dtype, "dataset": "wine"}
    narrow = {"dataset": "gaussian(features=3)", "norm": "layer", "residual": "identity"}
    wide = {"width": 64, "init": "orthogonal", "dataset": "digits", **TRAINED}
    return found | {
        "narrow inputs": narrow,
        "one layer": {"depth": 1, "dataset": "gaussian(features=3)", "residual": "identity(scale=2)"},
        "wide": wide,
        "two epochs": {"dataset": "wine", "batch_size": 71, **TRAINED},
        "xor with skips": {"width": 2, "batch_size": 4, "dataset": "xor", "residual": "lesson_block", **TRAINED},
        "diverged": {
            "depth": 6,
            "activation": "relu",
            "init": "he_normal",
            "loss": "mse",
            "steps": 8,
            "optimizer": "sgd",
            "base_lr": 1e6,
            "dtype": "float32",
        },
        "fifty steps": {"dataset": "digits", "batch_size": 64, **TRAINED, "steps": 50, "dtype": "float32"},
        "underflow": {"depth": 60, "activation": "sigmoid", "dtype": "float32"},
        "below the squares of float64": {"depth": 40, "init": "normal(std=1e-6)", "dataset": "wine"},
    }


CASES = cases()


def the_run(name: str):
    (run,) = runs_of(**(SHAPE | CASES[name]), seeds="3:4")
    return run


@pytest.fixture(scope="module")
def printed(tmp_path_factory) -> dict[str, str]:
    """Each case's CSV."""
    return printed_by({name: VANISHING.code(the_run(name)) for name in CASES}, tmp_path_factory.mktemp("scripts"))


def read(text: str) -> pd.DataFrame:
    return pd.read_csv(io.StringIO(text))


@functools.cache
def measured(name: str) -> pd.DataFrame:
    (columns,) = VANISHING.compute([the_run(name)], "cpu")
    return pd.DataFrame(columns)[COLUMNS]


@pytest.mark.parametrize("name", CASES)
def test_a_script_prints_what_the_engine_measures(printed, name):
    ours, plain, settings = measured(name), read(printed[name]), the_run(name).settings
    assert list(plain.columns) == COLUMNS
    for place in ("step", "layer"):
        np.testing.assert_array_equal(plain[place], ours[place])
    assert list(plain["underflow"]) == list(ours["underflow"])
    smallest = np.finfo(settings.dtype).tiny / np.finfo(settings.dtype).eps  # below, numbers lose their digits
    held = ~ours["underflow"] & ~(ours["grad_mean_abs"] < smallest)
    rtol = RTOL[settings.dtype]
    for column in CONTINUOUS:
        rows = held if column.startswith("grad") else held | True
        # a loss is a sum that may cancel: its error is relative to its terms
        slack = rtol * settings.width * settings.batch_size * 0.1 if column == "train_loss" else 0.0
        np.testing.assert_allclose(plain[column][rows], ours[column][rows], rtol=rtol, atol=slack, err_msg=column)
    one = {"saturated": 1.001 / (settings.width * settings.batch_size), "dead": 1.001 / settings.width}
    for column, slack in one.items():
        np.testing.assert_allclose(plain[column], ours[column], rtol=0, atol=slack, err_msg=column)


def test_a_script_prints_missing_cells_empty_truth_in_lower_case_and_every_digit(printed):
    lines = printed["diverged"].splitlines()
    assert lines[0] == ",".join(COLUMNS)
    assert re.fullmatch(r"8,7,+false", lines[-1])
    assert "nan" not in "".join(printed.values())
    assert any(line.endswith(",true") for line in printed["underflow"].splitlines())
    losses = read(printed["defaults"])["train_loss"]
    assert str(losses[0]) in printed["defaults"]


def test_a_diverged_script_goes_on_with_empty_rows(printed):
    plain = read(printed["diverged"])
    lost = plain["train_loss"].isna()
    assert 0 < lost.sum() < len(plain)
    assert plain[lost].drop(columns=["step", "layer", "underflow"]).isna().all().all()


def test_a_script_runs_on_its_own_from_anywhere(tmp_path, printed):
    (tmp_path / "run.py").write_text(VANISHING.code(the_run("wide")), encoding="utf-8")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert alone(elsewhere, "../run.py") == printed["wide"]


@pytest.mark.parametrize("name", CASES)
def test_a_script_has_no_trace_of_us_and_no_place_on_a_machine(name):
    script = VANISHING.code(the_run(name))
    assert "core" not in script
    assert not re.search(r"[\"' ]/\w", script.replace("h /", ""))
    known = {*sys.stdlib_module_names, "torch", "numpy", "sklearn"}
    for node in ast.walk(ast.parse(script)):
        if isinstance(node, ast.Import):
            assert {alias.name.split(".")[0] for alias in node.names} <= known
        elif isinstance(node, ast.ImportFrom):
            assert node.module.split(".")[0] in known


@pytest.mark.parametrize("name", CASES)
def test_what_a_script_defines_it_uses(name):
    assert unused(VANISHING.code(the_run(name))) <= {"_"}


def test_scripts_are_formatted_as_our_own_code(tmp_path):
    check_format((VANISHING.code(the_run(name)) for name in CASES), tmp_path)


@pytest.mark.parametrize("name", ["defaults", "fifty steps"])
def test_scripts_of_two_seeds_differ_in_one_line(name):
    run = the_run(name)
    one, other = (VANISHING.code(run._replace(seed=seed)).splitlines() for seed in (3, 4))
    assert [pair for pair in zip(one, other, strict=True) if pair[0] != pair[1]] == [("SEED = 3", "SEED = 4")]


def test_code_from_python_is_the_experiments():
    (run,) = runs_of(depth=5, seeds="3:4")
    assert core.code("vanishing", depth=5, seed=3) == VANISHING.code(run)
    assert core.code("vanishing", depth=[5], seed="3") == VANISHING.code(run)
    assert "SEED = 0" in core.code("vanishing")


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"depth": [5, 20]}, "depth: code writes one run, so give one value, not 2: 5,20"),
        ({"depth": "2:1000"}, "depth: code writes one run, so give one value, not 998: 2:1000"),
        ({"seeds": 3}, "seeds: code writes one run, so give one seed, such as seed=3"),
        ({"seed": "3,5"}, f"seed: must be one whole number, 0 to {2**63 - 1}, but got 3,5"),
        ({"seed": -1}, f"seed: must be one whole number, 0 to {2**63 - 1}, but got -1"),
        ({"seed": True}, f"seed: must be one whole number, 0 to {2**63 - 1}, but got True"),
        ({"norm": "batch"}, "batch_size: batch norm takes its statistics over the batch"),
        ({"optimizer": "sgd"}, "optimizer: has no effect in this sweep"),
    ],
)
def test_what_is_not_one_run_is_refused_in_a_sentence(given, sentence):
    with pytest.raises(ValueError, match="^" + re.escape(sentence)) as caught:
        core.code("vanishing", **given)
    assert "\n" not in str(caught.value)


def test_every_fault_of_a_run_gets_its_own_sentence():
    with pytest.raises(ValueError, match="depht") as caught:
        core.code("vanishing", depht=3, width=0, activation="tanh,relu", seed=-1)
    assert [line.split()[0] for line in str(caught.value).splitlines()] == ["seed:", "unknown", "width:"]
