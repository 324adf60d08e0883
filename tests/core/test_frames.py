"""Every column is written down once, and fits what the experiments give."""

import re

import numpy as np
import pytest

from core.experiments import NAMES, experiment
from core.frames import COLUMNS
from core.tables import TYPES

TRUTHS = {"underflow", "clipped", "diverged"}
MEASURED = [(name, measure) for name in NAMES for measure in experiment(name).measures]


@pytest.mark.parametrize("name", COLUMNS)
def test_every_column_has_a_known_dtype_a_label_and_a_meaning(name):
    column = COLUMNS[name]
    assert column.name == name
    assert re.fullmatch(r"[a-z][a-z0-9_]*", name)
    assert column.dtype in TYPES
    assert column.label.strip()
    assert column.meaning.strip()
    assert not column.meaning.endswith(".")


@pytest.mark.parametrize("name", COLUMNS)
def test_a_title_is_the_label_with_its_unit(name):
    column = COLUMNS[name]
    assert column.title == (f"{column.label} ({column.unit})" if column.unit else column.label)


@pytest.mark.parametrize("name", NAMES)
def test_every_column_of_every_experiment_is_written_down(name):
    kind = experiment(name)
    assert set(kind.columns) <= set(COLUMNS)
    assert len(set(kind.columns)) == len(kind.columns)
    assert kind.columns[0] == "run"
    assert kind.columns[len(kind.settings.names()) + 1] == "seed"


@pytest.mark.parametrize(("name", "measure"), MEASURED)
def test_every_measured_number_is_a_float_and_every_finding_a_truth_value(name, measure):
    assert COLUMNS[measure].dtype == ("bool" if measure in TRUTHS else "float64")


@pytest.mark.parametrize("name", NAMES)
def test_every_setting_has_the_dtype_of_its_column(name):
    for setting, limits in experiment(name).settings.limits.items():
        assert COLUMNS[setting].dtype == {int: "int64", float: "float64", str: "string"}[limits.kind]


@pytest.mark.parametrize("name", NAMES)
def test_a_computed_run_has_the_promised_columns_and_dtypes(name):
    kind = experiment(name)
    runs = list(kind.sweep({}).runs())
    (columns,) = kind.compute(runs, "cpu")
    assert tuple(columns) == (*kind.index, *kind.measures)
    for column, values in columns.items():
        assert values.dtype == np.dtype(COLUMNS[column].dtype)
        assert len(values) <= kind.cost(runs[0].settings).rows
        assert (
            len(values) == kind.cost(runs[0].settings).rows or name == "range_test"
        )  # it ends where the loss has grown
