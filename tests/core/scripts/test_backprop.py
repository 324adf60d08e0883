"""The printed scripts of ``backprop``, which leave the gradient to autograd, against the gradient by hand."""

import io

import numpy as np
import pandas as pd
import pytest

import core
from core.parts.activations import ACTIVATIONS
from core.parts.inits import INITS
from tests.core.scripts.interpreter import printed_by
from tests.core.scripts.style import check_format, unused

pytestmark = pytest.mark.slow  # scripts in interpreters of their own

KIND = core.experiment("backprop")
CASES = {
    "defaults": {},
    **{f"init {entry.name}": {"init": entry.name, "epochs": 200, "seed": 3} for entry in INITS},
    **{f"{entry.name}": {"activation": entry.name, "epochs": 200, "base_lr": 0.3} for entry in ACTIVATIONS},
    "and": {"dataset": "and", "hidden": 1},
    "or": {"dataset": "or", "hidden": 8},
    "moons": {"dataset": "moons(samples=120)", "epochs": 50},
    "circles": {"dataset": "circles(samples=60)", "epochs": 50, "activation": "tanh"},
    "spirals": {"dataset": "spirals(samples=61)", "epochs": 50},
    "a real table": {"dataset": "breast_cancer", "epochs": 30, "hidden": 5},
}


@pytest.fixture(scope="module")
def printed(tmp_path_factory):
    scripts = {name: core.code("backprop", **given) for name, given in CASES.items()}
    return printed_by(scripts, tmp_path_factory.mktemp("scripts"))


@pytest.mark.parametrize("name", CASES)
def test_a_script_prints_what_is_computed_by_hand(printed, name):
    run = KIND.one_run(CASES[name])
    (ours,) = KIND.compute([run], "cpu")
    plain = pd.read_csv(io.StringIO(printed[name]))
    assert list(plain.columns) == ["epoch", *KIND.measures]
    for column in plain:
        np.testing.assert_allclose(
            plain[column].to_numpy(float), ours[column], rtol=1e-9, atol=1e-15, equal_nan=True, err_msg=column
        )


@pytest.mark.parametrize("name", CASES)
def test_a_script_has_no_trace_of_us_and_uses_what_it_defines(name):
    script = core.code("backprop", **CASES[name])
    assert "core" not in script
    assert unused(script) == set()


def test_scripts_are_formatted_as_our_own_code(tmp_path):
    check_format((core.code("backprop", **given) for given in CASES.values()), tmp_path)
