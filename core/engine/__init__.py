"""Many independent networks of one shape, computed as one.

One letter per tensor dimension, here and everywhere below:

    R runs of a stack, B batch rows, D inputs, H units of a hidden layer, C classes

Activations are feature-major, (R, H, B), and every matrix is padded with zeros to multiples of ``PAD`` in both
directions. The padding makes a run's bits independent of its stack: matrix kernels depend on the memory alignment of
each matrix, and the scalar tail of a vectorized function may round differently from its vector loop. Padding stays
zero in activations and gradients, so that sums and norms need not know of it.
"""

PAD = 16


def padded(size: int) -> int:
    """``size`` rounded up to a multiple of ``PAD``."""
    return -(-size // PAD) * PAD
