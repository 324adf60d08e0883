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


def drawn(rows, columns, turned, dtype):
    """Nine matrices, (9, rows, columns), which lie turned in memory or not."""
    if turned:
        return torch.randn(9, columns, rows, dtype=dtype).transpose(1, 2)
    return torch.randn(9, rows, columns, dtype=dtype)


def moved(stack, turned):
    """A copy of a stack of its own, at another place of a larger piece of memory."""
    straight = stack.transpose(1, 2) if turned else stack
    room = torch.zeros(straight.numel() + 16, dtype=stack.dtype)
    copy = room[16:].view(straight.shape).copy_(straight)
    return copy.transpose(1, 2) if turned else copy


SIZES = [(16, 48, 64), (64, 64, 128), (64, 16, 64), (16, 64, 16), (32, 36, 64), (128, 52, 16), (16, 16, 16)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("simd", [frozenset(), frozenset({AVX2}), frozenset({AVX2, AVX512})])
@pytest.mark.parametrize("turned", [(False, False), (True, False), (False, True)])
@pytest.mark.parametrize("size", SIZES)
def test_each_matrix_has_its_bits_in_any_stack_and_wherever_it_is_written(size, turned, simd, dtype, monkeypatch):
    monkeypatch.setattr(products, "SIMD", simd)
    n, k, m = size
    left, right = drawn(n, k, turned[0], dtype), drawn(k, m, turned[1], dtype)
    together = product(left, right)
    with_gaps = torch.zeros(9, n * m + 32, dtype=dtype)[:, : n * m].unflatten(1, (n, m))
    assert product(left, right, with_gaps) is with_gaps and torch.equal(with_gaps, together)
    for runs in (slice(0, 1), slice(4, 5), slice(3, 8)):
        own = moved(left[runs], turned[0]), moved(right[runs], turned[1])
        assert torch.equal(product(*own), together[runs])
        out = torch.empty_like(together[runs])
        repeated(*own, out)()
        assert torch.equal(out, together[runs])
