"""Products of stacks, one at a time and repeated on the same memory."""

import pytest
import torch

from core.engine import products
from core.engine.products import product, repeated, unwarned
from core.parts.processor import AVX2, AVX512


def test_a_repeated_product_is_that_of_the_numbers_that_stand_there_now():
    left, right, out = torch.randn(5, 32, 48), torch.randn(5, 64, 48).transpose(1, 2), torch.empty(5, 32, 64)
    again = repeated(left, right, out)
    for scale in (1.0, -2.0):
        left.mul_(scale)
        again()
        assert torch.equal(out, product(left, right))
        torch.testing.assert_close(out, left @ right)


def test_numbers_that_overflow_are_not_warned_of():
    large, out = torch.full((1, 16, 16), 3e38), torch.zeros(1, 16, 16)
    assert product(large, large).isinf().all()
    with unwarned():
        repeated(large, large, out)()
    assert out.isinf().all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("simd", [frozenset(), frozenset({AVX2, AVX512})])
def test_each_matrix_has_its_bits_in_any_stack_and_wherever_it_is_written(simd, dtype, monkeypatch):
    monkeypatch.setattr(products, "SIMD", simd)
    left, right = torch.randn(9, 16, 48, dtype=dtype), torch.randn(9, 64, 48, dtype=dtype).transpose(1, 2)
    together = product(left, right)
    with_gaps = torch.zeros(9, 16 * 64 + 32, dtype=dtype)[:, : 16 * 64].unflatten(1, (16, 64))
    assert product(left, right, with_gaps) is with_gaps and torch.equal(with_gaps, together)
    for r in range(9):
        assert torch.equal(product(left[r : r + 1], right[r : r + 1]), together[r : r + 1])
