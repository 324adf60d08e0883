"""Products of stacks, one at a time and repeated on the same memory."""

import torch

from core.engine.products import product, repeated, unwarned


def test_a_repeated_product_is_that_of_the_numbers_that_stand_there_now():
    left, right, out = torch.randn(5, 32, 48), torch.randn(5, 64, 48).transpose(1, 2), torch.empty(5, 32, 64)
    again = repeated(left, right, out)
    for scale in (1.0, -2.0):
        left.mul_(scale)
        again()
        assert torch.equal(out, product(left, right))
        torch.testing.assert_close(out, left @ right)


def test_numbers_that_overflow_are_not_warned_of():
    large = torch.full((1, 16, 16), 3e38)
    assert product(large, large).isinf().all()
    with unwarned():
        repeated(large, large, large)()
    assert large.isinf().all()
