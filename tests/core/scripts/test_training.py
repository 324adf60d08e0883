"""The printed scripts of trainings against the engine, each read by an interpreter that knows nothing of the lab."""

import io
import itertools
import re

import numpy as np
import pandas as pd
import pytest

from core.experiments import experiment
from core.parts import REGISTRIES
from tests.core.scripts.interpreter import alone, printed_by
from tests.core.scripts.style import check_format, unused

pytestmark = pytest.mark.slow  # scripts in interpreters of their own

SCHEDULERS, CLIPPING = experiment("schedulers"), experiment("clipping")
RTOL = {"float32": 1e-4, "float64": 1e-9}
SMALL = {"dataset": "wine", "width": "12", "epochs": "6", "batch_size": "20", "activation": "tanh", "base_lr": "0.01"}
BRIEF = {**SMALL, "epochs": "3"}  # where no schedule needs its course
SHORT = {"dataset": "adding(length=12, samples=60)", "width": "10", "epochs": "3", "batch_size": "20"}
CHANGED = (
    'plateau(factor=0.3, patience=0, mode="min", threshold=0.1, cooldown=1, min_lr=0.001)',
    'plateau(per="batch", patience=1)',
    'cosine(eta_min=0.001, per="batch")',
    "one_cycle(max_lr=0.05, pct_start=0.4)",
    'one_cycle(per="epoch")',
    "one_cycle(cycle_momentum=False)",
    "step(step_size=2, gamma=0.3)",
    "multi_step(milestones=(2, 4), gamma=0.3)",
    "cosine_restarts(t_0=2, t_mult=2)",
)
CLIPPERS = ("norm(max_norm=0.5)", "value(clip_value=0.02)", "per_parameter(max_norm=0.1)", "adaptive(clipping=0.05)")


def cases():
    """(experiment, settings) by a name."""
    found = {"defaults": (SCHEDULERS, {"epochs": "3"}), "clipping": (CLIPPING, {"epochs": "2"})}
    dtypes = itertools.cycle(RTOL)
    for text in [*(entry.name for entry in REGISTRIES["schedulers"]), *CHANGED]:
        found[text] = SCHEDULERS, {**SMALL, "scheduler": text, "dtype": "float64"}
    for optimizer in (
        "adam",
        "sgd(momentum=0.9)",
        "sgd",
        "adamw(weight_decay=0.1)",
        "rmsprop",
        "rmsprop(momentum=0.5)",
    ):
        for scheduler, dtype in (("one_cycle", "float64"), ("constant", "float32"), ("plateau(patience=0)", "float64")):
            found[f"{optimizer} {scheduler}"] = (
                SCHEDULERS,
                {**SMALL, "optimizer": optimizer, "scheduler": scheduler, "dtype": dtype},
            )
    for clipper in [*(entry.name for entry in REGISTRIES["clippers"]), *CLIPPERS, "auto(percentile=60)"]:
        for dtype in RTOL:
            mlp = {**BRIEF, "model": "mlp", "depth": "2", "optimizer": "sgd", "base_lr": "0.1"}
            found[f"{clipper} mlp {dtype}"] = CLIPPING, {**mlp, "clipper": clipper, "dtype": dtype}
        found[f"{clipper} rnn"] = CLIPPING, {**SHORT, "clipper": clipper, "dtype": "float64"}
    for model in ("rnn", "lstm", "gru", "transformer"):
        for init in (entry.name for entry in REGISTRIES["inits"]):
            dtype = next(dtypes)
            found[f"{model} {init} {dtype}"] = CLIPPING, {**SHORT, "model": model, "init": init, "dtype": dtype}
        for dtype in RTOL:
            found[f"{model} {dtype}"] = CLIPPING, {**SHORT, "model": model, "optimizer": "adam", "dtype": dtype}
    for activation in (entry.name for entry in REGISTRIES["activations"]):
        found[activation] = SCHEDULERS, {**BRIEF, "activation": activation, "dtype": "float64"}
        blocks = {"model": "transformer", "depth": "2", "activation": activation, "dtype": "float64"}
        found[f"transformer {activation}"] = CLIPPING, {**SHORT, **blocks}
    for clipper in CLIPPERS:
        blocks = {"model": "transformer", "clipper": clipper, "base_lr": "0.03", "dtype": "float64"}
        found[f"{clipper} transformer"] = CLIPPING, {**SHORT, **blocks}
    for norm, residual in itertools.product(REGISTRIES["norms"], ("none", "identity(scale=0.5)")):
        found[f"{norm.name} {residual}"] = (
            SCHEDULERS,
            {**BRIEF, "depth": "3", "norm": norm.name, "residual": residual, "dtype": "float64"},
        )
    for dataset in (
        "xor",
        "moons(samples=40)",
        "circles(samples=40)",
        "spirals(samples=40)",
        "breast_cancer",
        "diabetes",
    ):
        found[dataset] = SCHEDULERS, {"dataset": dataset, "width": "8", "epochs": "2", "dtype": next(dtypes)}
    numbers = {"dataset": "diabetes", "norm": "batch", "depth": "2"}
    lost = {"optimizer": "sgd", "base_lr": "1000000.0", "epochs": "2"}
    return found | {
        "lesson_block": (
            SCHEDULERS,
            {**SMALL, "depth": "2", "width": "13", "residual": "lesson_block", "dtype": "float64"},
        ),
        "numbers": (SCHEDULERS, {**SMALL, **numbers, "dtype": "float64"}),
        "numbers in float32": (SCHEDULERS, {**SMALL, **numbers, "norm": "layer", "epochs": "2"}),
        "diverged mlp": (SCHEDULERS, {**SMALL, "activation": "relu", "depth": "3", **lost}),
        "diverged rnn": (CLIPPING, {**SHORT, "clipper": "none", **lost}),
        "diverged transformer": (CLIPPING, {**SHORT, "model": "transformer", "clipper": "none", **lost}),
        "fifty steps of a transformer": (CLIPPING, {**SHORT, "model": "transformer", "epochs": "17", "depth": "2"}),
        "fifty steps": (SCHEDULERS, {"epochs": "2", "scheduler": "one_cycle"}),
    }


CASES = cases()


def the_run(name):
    kind, given = CASES[name]
    (run,) = kind.sweep({**given, "seeds": "3:4"}).runs()
    return run


def script(name):
    return CASES[name][0].code(the_run(name))


@pytest.fixture(scope="module")
def printed(tmp_path_factory):
    """Each case's CSV."""
    return printed_by({name: script(name) for name in CASES}, tmp_path_factory.mktemp("scripts"))


@pytest.fixture(scope="module")
def measured():
    """Each case's frame, computed in stacks as a sweep is."""
    found = {}
    for kind in (SCHEDULERS, CLIPPING):
        names = [name for name, (own, _) in CASES.items() if own is kind]
        by_run = {the_run(name).id: name for name in names}
        unique = {the_run(name).id: the_run(name) for name in names}
        for task in kind.tasks(unique.values()):
            for run, columns in zip(task, kind.compute(task, "cpu"), strict=True):
                found[by_run[run.id]] = pd.DataFrame(columns)[[*kind.index, *kind.measures]]
        for name in names:
            found.setdefault(name, found[by_run[the_run(name).id]])
    return found


@pytest.mark.parametrize("name", CASES)
def test_a_script_prints_what_the_engine_measures(printed, measured, name):
    ours, plain = measured[name], pd.read_csv(io.StringIO(printed[name]))
    settings = the_run(name).settings
    assert list(plain.columns) == list(ours.columns)
    for exact in ("step", "epoch", "clipped", "diverged"):
        np.testing.assert_array_equal(plain[exact], ours[exact], err_msg=exact)
    rows = 360 if settings.dataset == "digits" else len(plain)  # a share is right to one row
    for column in set(ours.columns) - {"step", "epoch", "clipped", "diverged"}:
        tight = {"lr": 1e-12, "momentum": 1e-12}.get(column, RTOL[settings.dtype])
        slack = 1.001 / rows if column == "val_accuracy" else 1e-12
        np.testing.assert_allclose(plain[column], ours[column], rtol=tight, atol=slack, err_msg=column)


def test_a_diverged_run_goes_on_with_empty_rows(printed):
    for name in ("diverged mlp", "diverged rnn", "diverged transformer"):
        plain = pd.read_csv(io.StringIO(printed[name]))
        lost = plain["diverged"]
        assert 0 < lost.sum() <= len(plain)
        assert lost.is_monotonic_increasing
        numbers = plain[lost].drop(columns=["step", "epoch", "clipped", "diverged"])
        assert numbers.isna().all().all()


def test_a_script_runs_on_its_own_from_anywhere(tmp_path, printed):
    (tmp_path / "run.py").write_text(script("clipping"), encoding="utf-8")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert alone(elsewhere, "../run.py") == printed["clipping"]


@pytest.mark.parametrize("name", CASES)
def test_a_script_has_no_trace_of_us_and_uses_what_it_defines(name):
    text = script(name)
    assert "core" not in text
    assert not re.search(r"[\"' ]/\w", text)
    assert unused(text) == set()


def test_scripts_are_formatted_as_our_own_code(tmp_path):
    check_format((script(name) for name in CASES), tmp_path)
