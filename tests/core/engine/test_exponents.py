"""Powers of two are exact, also where their factors alone would leave the range."""

import numpy as np
import pytest
import torch

from core.engine import cards
from core.engine.exponents import ldexp, magnitude_exponents, powers

VALUES = [0.0, -0.0, 1.0, -1.5, 3.0**0.5, 5e-324, 1e-310, -2.2e-308, 1.7e308, np.inf, -np.inf, np.nan]
EXPONENTS = [0, 1, -1, 52, -1022, -1023, -1074, 1023, 1074, -2044, 2044]


@pytest.mark.parametrize("waits", [False, True])
def test_a_number_times_a_power_of_two_is_rounded_once(waits, monkeypatch):
    monkeypatch.setattr(cards, "waits", lambda tensor: waits)
    values, exponents = (grid.ravel() for grid in np.meshgrid(VALUES, EXPONENTS))
    with np.errstate(over="ignore", under="ignore"):
        expected = np.ldexp(values, exponents)
    np.testing.assert_array_equal(ldexp(torch.from_numpy(values), torch.from_numpy(exponents)).numpy(), expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_powers_are_exact_in_the_dtype(dtype):
    exponents = torch.tensor([-2000, -1074, -149, -1, 0, 1, 127])
    expected = torch.tensor([2.0**e for e in exponents.tolist()], dtype=torch.float64).to(dtype).view(-1, 1, 1)
    assert torch.equal(powers(exponents, torch.zeros((), dtype=dtype)), expected)


def test_a_magnitude_bounds_its_number_and_what_has_none_is_nought():
    norms = torch.tensor([1.0, 0.99, 2.0**-1074, 0.0, np.inf, np.nan], dtype=torch.float64)
    assert magnitude_exponents(norms).tolist() == [1, 0, -1073, 0, 0, 0]
