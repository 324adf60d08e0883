"""tanh by either library: exact, the same wherever a number stands, and NumPy's where it is the faster one."""

import numpy as np
import pytest
import torch

from core.parts import hyperbolic

WAYS = [frozenset(), frozenset({hyperbolic.AVX2}), frozenset({hyperbolic.AVX2, hyperbolic.AVX512})]
SPECIAL = [0.0, 5e-324, 1e-310, 1e-45, 1e-40, 1.2e-38, 1e-20, 9.0, 20.0, 89.0, 711.0, 1e30, 3e38, np.inf]
TYPES = [torch.float32, torch.float64]


@pytest.fixture(params=WAYS, ids=lambda way: " ".join(sorted(way)) or "none")
def way(request, monkeypatch):
    """What the processor is said to have; both libraries compute on any."""
    monkeypatch.setattr(hyperbolic, "SIMD", request.param)


def numbers(dtype):
    """Every size of a number, both signs, and what has no size."""
    tiny, huge = (-45, 38) if dtype == torch.float32 else (-323, 308)
    sizes = [np.logspace(tiny, huge, 40_000, endpoint=False), np.linspace(0, 25, 60_000), SPECIAL]
    positive = np.concatenate(sizes).astype(np.float32 if dtype == torch.float32 else np.float64)
    return torch.from_numpy(np.concatenate([positive, -positive]))


def quick_tanh(z, out):
    """It, with z left as it is."""
    hyperbolic.quick_tanh(z, out, scratch=torch.empty_like(z))


def written(function, z):
    out = torch.empty_like(z)
    function(z, out)
    return out


def last_places(ours, z):
    """Distance to tanh in long double precision, in units of the last place of the numbers' dtype."""
    truth = np.tanh(z.numpy().astype(np.longdouble))
    places = np.spacing(np.abs(truth.astype(z.numpy().dtype)))
    return np.abs(ours.numpy().astype(np.longdouble) - truth) / places


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("dtype", TYPES)
def test_tanh_is_within_two_units_of_the_last_place(dtype):
    z = numbers(dtype)
    ours = written(hyperbolic.tanh, z)
    assert last_places(ours, z).max() <= 2
    assert torch.equal(ours.signbit(), z.signbit())
    assert written(hyperbolic.tanh, torch.full((16,), torch.nan, dtype=dtype)).isnan().all()


@pytest.mark.usefixtures("way")
def test_quick_tanh_is_right_to_two_in_ten_million():
    z = numbers(torch.float32)
    error = written(quick_tanh, z).double() - torch.tanh(z.double())
    assert error.abs().max() < 2e-7
    assert written(quick_tanh, torch.full((16,), torch.nan)).isnan().all()
    double = numbers(torch.float64)
    assert torch.equal(written(quick_tanh, double), written(hyperbolic.tanh, double))


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("function", [hyperbolic.tanh, quick_tanh])
def test_a_number_has_the_same_bits_wherever_it_stands(function, dtype):
    z = numbers(dtype)[: 16 * 4096].reshape(16, 64, 64)
    whole = written(function, z)
    states = torch.zeros(16, 112, 64, dtype=dtype)
    function(z, states[:, 48:])
    assert torch.equal(states[:, 48:], whole)
    assert torch.equal(written(function, z[3:4].clone()), whole[3:4])
    function(z, z)
    assert torch.equal(z, whole)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize(("way", "numpys"), [*zip(WAYS, ((), TYPES[:1], TYPES), strict=True)])
def test_the_faster_library_computes(monkeypatch, way, numpys, dtype):
    monkeypatch.setattr(hyperbolic, "SIMD", way)
    z = numbers(dtype)
    assert torch.equal(
        written(hyperbolic.tanh, z), torch.from_numpy(np.tanh(z.numpy())) if dtype in numpys else z.tanh()
    )
