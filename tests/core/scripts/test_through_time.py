"""The printed scripts of ``through_time`` against the engine, each read by an interpreter that knows nothing of the lab."""

import io

import numpy as np
import pandas as pd
import pytest

import core
from tests.core.scripts.interpreter import printed_by
from tests.core.scripts.style import check_format, unused

pytestmark = pytest.mark.slow  # scripts in interpreters of their own

KIND = core.experiment("through_time")
RTOL = {"float32": 1e-4, "float64": 1e-9}
SMALL = {"width": 10, "batch_size": 7, "dataset": "adding(length=12, samples=40)", "seed": 3}
CASES = {
    "defaults": {},
    **{
        f"{model} {dtype} {init}": {**SMALL, "model": model, "dtype": dtype, "init": init, "gain": 1.3}
        for model in ("rnn", "lstm", "gru")
        for dtype in RTOL
        for init in ("orthogonal", "torch_default")
    },
    "zeros": {**SMALL, "init": "zeros"},
    "one unit, two steps": {"width": 1, "batch_size": 1, "dataset": "adding(length=2, samples=4)"},
    "far below the squares of float64": {**SMALL, "dataset": "adding(length=300, samples=40)", "gain": 0.1},
    "a bound that float64 can't hold": {**SMALL, "dataset": "adding(length=200, samples=40)", "gain": 100.0},
}


@pytest.fixture(scope="module")
def printed(tmp_path_factory):
    """What each script prints, by case."""
    scripts = {name: core.code("through_time", **given) for name, given in CASES.items()}
    return printed_by(scripts, tmp_path_factory.mktemp("scripts"))


@pytest.mark.parametrize("name", CASES)
def test_a_script_prints_what_the_engine_measures(printed, name):
    run = KIND.one_run(CASES[name])
    (ours,) = KIND.compute([run], "cpu")
    plain = pd.read_csv(io.StringIO(printed[name]))
    assert list(plain.columns) == ["time", *KIND.measures]
    np.testing.assert_array_equal(plain["time"], ours["time"])
    for measure in KIND.measures:
        np.testing.assert_allclose(
            plain[measure].to_numpy(float), ours[measure], rtol=RTOL[run.settings.dtype], err_msg=measure
        )
    assert "nan" not in printed[name]


@pytest.mark.parametrize("name", CASES)
def test_a_script_has_no_trace_of_us_and_uses_what_it_defines(name):
    script = core.code("through_time", **CASES[name])
    assert "core" not in script
    assert "validation" not in script
    assert unused(script) == set()


def test_scripts_are_formatted_as_our_own_code(tmp_path):
    check_format((core.code("through_time", **given) for given in CASES.values()), tmp_path)
